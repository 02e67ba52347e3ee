/*
 * visit: when a link is used, and what is run before and after.
 */
#ifndef PB_VISIT_H
#define PB_VISIT_H

#include "errand.h"
#include "shipper.h"
#include "spending.h"

/* What is remembered of what waits for a link. */
struct weighed *visit_weighed(
	struct shipper *s, const char *peer, const struct config_link *link);
/* "Mon 14:05" of this week, else with its date; -1: "never". */
void visit_say_when(int64_t when_s, int64_t now_s, char ret[32]);

/*
 * Is it time? A daemon waits as long as the link says; outside of its windows,
 * and while too little waits for it, a link is not used, unless it is named on
 * the command line, which is said.
 */
bool visit_is_due(
	struct shipper *s, const char *peer, const struct config_link *link);

/* Is there anything left of its budget? What is wrong with it is told. */
bool visit_can_pay(
	struct shipper *s, const char *peer, const struct config_link *link);
/* Say that there is not, and until when. */
void visit_say_spent(const struct config_link *link,
	const struct spending *spending, struct err *err);

/* Is one of its windows open, or is it named on the command line? */
bool visit_is_open(const struct shipper *s, const struct config_link *link);

/* Did the last visit end otherwise? Remembers how this one did. */
bool visit_is_news(struct shipper *s, const char *peer, const char *via,
	enum call_outcome outcome);

/* Run what comes before. False: it failed, which was said; no visit. */
bool visit_begin(
	struct shipper *s, const char *peer, const struct config_link *link);
void visit_end(
	struct shipper *s, const char *peer, const struct config_link *link);
/* Say how a command ended that an errand ran: "before" or "after". Returns true
   if well. */
bool visit_ran(struct shipper *s, const char *peer,
	const struct config_link *link, const char *key,
	const struct errand_result *r);

/*
 * Say that a carrier is not there (away: why), or is again. No failure: a stick
 * comes and goes. A daemon says once that it went and once that it came.
 */
void visit_note_away(struct shipper *s, const char *peer, const char *via,
	const struct err *away);

#endif
