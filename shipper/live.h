/*
 * live: one live link: lib/link over a channel, what comes to the inbox, what
 * goes from the logs.
 *
 * It hands over (live_hand_over, with the shipper's lock) when it begins, when
 * something is due, and now and then; in between it only moves bytes
 * (live_step). What was sent on this connection is not sent again on it, unless
 * it was not acknowledged for long: nothing is recorded of it, because what a
 * connection that broke off had in it nobody knows.
 */
#ifndef PB_LIVE_H
#define PB_LIVE_H

#include "calls.h"
#include "channel.h"
#include "feed.h"
#include "landing.h"
#include "meter.h"
#include "shipper.h"

struct live_sent {
	char *account;
	int64_t log;
	uint64_t lsn, chain;
	int64_t ms;
};

struct live {
	struct shipper *shipper;
	struct lives *lives;
	size_t peer;			/* once known */
	const struct config_link *link; /* NULL: none of the configuration's */
	char *where;
	bool dials, known, landed;
	bool called;	 /* what comes before was run */
	int64_t shut_ms; /* when its window ended; 0: it did not */
	bool said_first; /* where we stand */
	bool finishing;	 /* nothing more is handed over */
	bool due;	 /* to hand over */
	bool ended;
	struct channel channel;
	struct meter meter;
	bool spent; /* ended for its budget */
	struct link *protocol;
	struct landing landing;
	struct feed feed;
	struct live_sent *sent;
	size_t sent_count;
	int64_t patience_ms; /* for acknowledgements */
	struct buf out;
	size_t out_at;
	int64_t begun_ms, fed_ms, finished_ms;
	struct collect_result told;    /* of what came */
	struct handover_result untold; /* of what went */
	uint64_t told_bodies;
	/* What is written down of it (calling.h). */
	struct call call;
	int64_t told_ms; /* when, last */
	uint64_t told_bytes;
	int64_t busy_ms, stepped_ms; /* while something was to be sent */
	bool busy;
	struct err err; /* why it ended, if not well */
};

/* Without a channel yet: the caller sets it. Errors: ERR_BUSY, ERR_AUTH … */
int live_open_dial(struct shipper *s, struct lives *lives, size_t peer,
	const struct config_link *link, struct live **ret, struct err *err);
/* The channel is its own from then on. where: taken over, too. */
int live_open_answer(struct shipper *s, struct lives *lives,
	const struct channel *channel, char *where, struct live **ret,
	struct err *err);
void live_close(struct live *l);

/* With the lock. Returns 1: there was nothing. What fails is told; what ends
   the link is in l->err. */
int live_hand_over(struct live *l);
/* With the lock, after a call that came to a good end: what was sent is there.
   What fails is told. */
void live_record(struct live *l);
/* Did it come to a good end? */
bool live_went_well(const struct live *l);
/* Say what came and went since the last time. */
void live_tell(struct live *l);
/* Nothing waits to be said. */
bool live_is_idle(const struct live *l);
/* Move bytes; events as poll(2) gave for each way. Ends when it is over. */
void live_step(struct live *l, short in, short out);
/* What to wait for, and for how long at most. */
void live_waits(const struct live *l, short *ret_in, short *ret_out);
int64_t live_deadline(const struct live *l);
/* When it may go on writing; INT64_MAX: as soon as the channel takes it. */
int64_t live_goes_on(const struct live *l);

#endif
