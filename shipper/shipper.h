/*
 * shipper: what the parts of the program share; not of its library.
 */
#ifndef PB_SHIPPER_H
#define PB_SHIPPER_H

#include "bodyclient.h"
#include "bodystarter.h"
#include "confine.h"
#include "calls.h"
#include "carrier.h"
#include "handover.h"
#include "err.h"
#include "program.h"
#include "refusals.h"
#include "shiplock.h"
#include "site.h"
#include "untaken.h"
#include "worth.h"

/* `sync` does one, has it applied, then does the other. */
enum step { STEP_BOTH, STEP_COLLECT, STEP_HAND_OVER };

/* What of all this a process does: a daemon has two (follow.h). */
enum part { PART_ALL, PART_LIVES, PART_VISITS };

struct lives;

/* What waits for a link (weighing.h). */
struct weighed {
	struct worth worth;
	uint64_t bytes;
	int64_t at_ms; /* monotonic */
	bool known, failed, stale;
};

struct link_note {
	uint64_t link;		   /* hash of peer and via */
	bool away;		   /* it was not there in the last round */
	bool broke;		   /* its budget was used up */
	bool visited;		   /* and again: */
	int64_t next_ms;	   /* monotonic */
	enum call_outcome outcome; /* of the last call */
	struct weighed weighed;
};

struct shipper {
	struct site site;
	struct logger log;
	struct stop_signal *stop;
	struct progress progress;
	const char *config_path;
	struct body_client bodies; /* started when first needed */
	bool bodies_open;
	bool bodies_soon; /* who asks it has other things to do meanwhile */
	struct body_starter starter; /* who starts it for us */
	bool has_starter;
	struct confine_plan files; /* that it can open; none: not confined */
	int64_t bodies_again;	   /* there is none: not before then */
	int64_t bodies_wait_ms;	   /* and then not for so long */
	struct err bodies_err;
	const char *only_peer, *only_link, *output;
	const char **accounts; /* of this round */
	size_t account_count;
	struct untaken untaken;
	struct refusals refusals;  /* not written yet */
	int64_t refusals_saved_ms; /* monotonic */
	struct link_note *notes;
	size_t note_count;
	int code;
	bool following, stdio, plans, json;
	bool tidied;  /* since the configuration was read */
	bool between; /* a daemon's rounds: another follows soon */
	enum step step;
	enum part part;
	int packing; /* the lock; -1: not ours */
};

/* Say what went wrong; the exit code is the worse from now on. */
void shipper_fail(struct shipper *s, const struct err *err);

/* Note that something was refused, and write that down from time to time, or
   now. who: a peer or a stranger. */
void shipper_refused(struct shipper *s, const char *who, const struct err *err);
void shipper_save_refusals(struct shipper *s, bool now);

/* Keys may have changed since the configuration was read. What is wrong with
   them is said, and all stays as it was. */
void shipper_look_at_keys(struct shipper *s, size_t peer);

/* links.c: serve every link that is asked for and takes bundles, once. */
void links_round(struct shipper *s);
/* Nothing that was asked for, or nothing at all, has a link. */
void links_say_none(struct shipper *s);
/* Is this one asked for? */
bool links_wanted(const struct shipper *s, const struct config_peer *p,
	const struct config_link *link);
/* How to hand over to a peer; link: NULL: none of the configuration's. */
struct handover_config links_handover(
	struct shipper *s, size_t peer, const struct config_link *link);
/* From where its carrier is opened, to look at what is known here of it. spool:
   its own directory. */
struct carrier_place links_place(struct shipper *s, size_t peer,
	const struct config_link *link, const char *spool);
/* Say what came of it; where: of the link; how: "handed over", "packed". */
void links_report(struct shipper *s, const struct config_peer *p,
	const char *where, const struct handover_result *r, const char *how,
	bool failed);

/*
 * main.c: do something with the accounts that there are, and nobody else doing
 * the same; waits for that so long. Returns false: it was not done, and somebody
 * was told.
 */
bool shipper_locked(struct shipper *s, enum shiplock which, int64_t wait_ms,
	void (*act)(struct shipper *s, void *arg), void *arg);
void shipper_close_bodies(struct shipper *s);
/* Read the configuration again. What is wrong with it is said, and the old one
   stays. */
void shipper_reload(struct shipper *s);

#endif
