/*
 * weighing: what waits for links that are called only when it is worth it
 * (worth.h), as far as it is known in this run.
 *
 * It is weighed when the state of an account changed, and now and then, for
 * some of it comes with time. What is worth a call already is weighed less
 * often.
 */
#ifndef PB_WEIGHING_H
#define PB_WEIGHING_H

#include "shipper.h"

/* Weigh where that is to be done, with the accounts known. What fails is told,
   and makes no call. */
void weighing_round(struct shipper *s);
/* Is there a link to weigh? */
bool weighing_any(const struct shipper *s);
/* The state of an account changed. */
void weighing_changed(struct shipper *s);
/* A call with this peer came to an end. */
void weighing_outdated(struct shipper *s, size_t peer);
/* Over this link a call went well; the accounts are known. What fails is
   told. */
void weighing_called(
	struct shipper *s, size_t peer, const struct config_link *link);
/* Is it time for a call? Always, where nothing is said of what one is worth, and
   of a link that is named on the command line. says: if not, it is told. */
bool weighing_is_due(struct shipper *s, const char *peer,
	const struct config_link *link, bool says);
/* "300 bytes wait, a call is worth 10K: at the latest Mon 14:00" */
void weighing_text(const struct config_link *link, uint64_t bytes,
	const struct worth *worth, int64_t now_ms, struct buf *ret);

/* So many bytes wait for a link. Errors: as planning_weigh_carrier. */
int weighing_weigh(struct shipper *s, size_t peer,
	const struct config_link *link, uint64_t *ret, struct err *err);

#endif
