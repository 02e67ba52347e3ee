/*
 * simlink: live links of the simulator: at each end the talk of a shipper
 * (shipper/talk.h), between them a line (simline.h). A shipper is a daemon: its
 * links stay up from one event to the next, until one end hangs up, or is
 * killed, or the line fails; they move bytes while somebody talks
 * (simlinks_talk), and hand over then.
 */
#ifndef PB_SIMLINK_H
#define PB_SIMLINK_H

#include "simline.h"
#include "simserve.h"
#include "talk.h"

struct sim_links;

struct sim_end {
	struct sim_links *links;
	struct sim_site *site;
	size_t peer; /* number of the site at the other end */
	bool up;     /* its shipper has it */
	struct talk talk;
	struct sim_serving serving;
};
struct sim_link {
	struct sim_line line;
	struct sim_end ends[2]; /* 0: who dialed */
};

struct sim_links {
	struct sim_site *sites; /* all of them */
	size_t site_count;
	struct sim_link **items;
	size_t count;
	int64_t now_us; /* on all lines */
};

void simlinks_release(struct sim_links *l);
/* A site calls another, unless its shipper has a link with it. */
void simlinks_dial(struct sim_links *l, size_t from, size_t to, int64_t bits);
/* The link that two sites have, as far as either knows; NULL: none. */
struct sim_link *simlinks_between(
	const struct sim_links *l, size_t site, size_t peer);
/* Both shippers hear of news for each other. */
void simlinks_notice(struct sim_links *l, size_t site, size_t peer);
/* Who dialed says no more than what is there, and hangs up. */
void simlinks_finish(struct sim_links *l, size_t site, size_t peer);
/* For so long, or until nothing is under way and nobody has anything to say.
   Time passes at all sites. */
void simlinks_run(struct sim_links *l, int64_t ms);
/* The same in steps, to where something happens next. Returns false at the end,
   where nothing does; simlinks_rest is due then. */
bool simlinks_step(struct sim_links *l, int64_t end_us);
void simlinks_rest(struct sim_links *l);
/* Time passes, and nobody is at work. */
void simlinks_pass(struct sim_links *l, int64_t ms);
/*
 * The shipper of a site is killed; silent: the whole machine stops, so that
 * nobody hangs up for it. To be called before its disk forgets its files.
 */
void simlinks_kill(
	struct sim_links *l, const struct sim_site *site, bool silent);

#endif
