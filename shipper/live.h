/*
 * live: one live link: a talk (talk.h) over a channel, with its rate, its budget
 * and what is told of it.
 *
 * It hands over (live_hand_over, with the shipper's lock) when it begins, when
 * something is due, and now and then; in between it only moves bytes
 * (live_step).
 */
#ifndef PB_LIVE_H
#define PB_LIVE_H

#include "calls.h"
#include "channel.h"
#include "meter.h"
#include "shipper.h"
#include "talk.h"

struct live {
	struct shipper *shipper;
	struct lives *lives;
	size_t peer;			/* once known */
	uint8_t serial;			/* of its key, that proved it */
	const struct config_link *link; /* NULL: none of the configuration's */
	char *where;
	bool called;	 /* what comes before was run */
	int64_t shut_ms; /* when its window ended; 0: it did not */
	struct channel channel;
	struct meter meter;
	bool spent; /* ended for its budget */
	struct talk talk;
	struct collect_result told;    /* of what came */
	struct handover_result untold; /* of what went */
	uint64_t told_bodies;
	/* What is written down of it (calling.h). */
	struct call call;
	int64_t told_ms; /* when, last */
	uint64_t told_bytes;
	int64_t busy_ms, stepped_ms; /* while something was to be sent */
	bool busy;
};

/* Without a channel yet: the caller sets it. Errors: ERR_BUSY, ERR_AUTH … */
int live_open_dial(struct shipper *s, struct lives *lives, size_t peer,
	const struct config_link *link, struct live **ret, struct err *err);
/* The channel is its own from then on. where: taken over, too. */
int live_open_answer(struct shipper *s, struct lives *lives,
	const struct channel *channel, char *where, struct live **ret,
	struct err *err);
void live_close(struct live *l);

/* With the lock. Returns 1: there was nothing. What fails is told. */
int live_hand_over(struct live *l);
/* With the lock, after a call that came to a good end: what was sent is there.
   What fails is told. */
void live_record(struct live *l);
/* Say what came and went since the last time. */
void live_tell(struct live *l);
/* Move bytes; events as poll(2) gave for each way. Ends when it is over. */
void live_step(struct live *l, short in, short out);
/* What to wait for. */
void live_waits(const struct live *l, short *ret_in, short *ret_out);
/* When it may go on writing; INT64_MAX: as soon as the channel takes it. */
int64_t live_goes_on(const struct live *l);

#endif
