/*
 * talk: what two shippers say to each other on one live link: lib/link, what
 * comes to the inbox, what goes from the logs. Bytes are given to it and taken
 * from it; it knows no channel, no configuration and no lock (live.h does).
 *
 * It hands over (talk_hand_over, with the shipper's lock) when it begins, when
 * something is due, and when it is told to; in between it only moves bytes.
 * What was sent on this connection is not sent again on it, unless it was not
 * acknowledged for long: nothing is recorded of it, because what a connection
 * that broke off had in it nobody knows.
 */
#ifndef PB_TALK_H
#define PB_TALK_H

#include "err.h"
#include "feed.h"
#include "handover.h"
#include "landing.h"

#define TALK_AHEAD 16384u /* bytes that are made ready at once */

struct talk_sent {
	char *account;
	int64_t log;
	uint64_t lsn, chain;
	int64_t ms;
};

struct talk_calls {
	/* As in struct link_calls. */
	int (*peer)(void *arg, const struct hello *who, struct key_pair *self,
		struct key_public *ret, struct err *err);
	/* It is known who the other is: open where it lands. */
	int (*meet)(void *arg, struct landing *ret, struct err *err);
	/* How to hand over to it. */
	struct handover_config (*handover)(void *arg);
	/* Bodies cannot be read now: all else goes on. */
	void (*lacks)(void *arg, struct err *why);
};

struct talk {
	struct os *os;
	const struct talk_calls *calls;
	void *arg;
	bool dials, known, landed;
	bool said_first; /* where we stand */
	bool finishing;	 /* nothing more is handed over */
	bool due;	 /* to hand over */
	bool ended;
	struct link *protocol;
	struct landing landing;
	struct feed feed;
	struct talk_sent *sent;
	size_t sent_count;
	int64_t patience_ms; /* for acknowledgements */
	int64_t alive_ms;    /* the caller's to set; as link_alive's */
	struct buf out;
	size_t out_at;
	int64_t begun_ms;
	int64_t done_ms; /* all is said and known, of who dialed; -1: not yet */
	int64_t fed_ms;	 /* when bodies last were to go, or went */
	bool lacks;	 /* bodies cannot be read now; that was told */
	int64_t bodies_ms; /* then they are asked for again; INT64_MAX: not */
	struct err err;	   /* why it ended, if not well */
};

struct talk_config {
	struct os *os;
	const struct key_pair *self;
	const struct key_public *peer; /* to dial; NULL: we answer */
	const struct talk_calls *calls;
	void *arg;
};
/* talk_close is due, whatever it returns. Errors: of `meet`, of link_open. */
int talk_open(
	const struct talk_config *config, struct talk *ret, struct err *err);
void talk_close(struct talk *t);

/* It is over; why: NULL: well. The first that is said counts. */
void talk_end(struct talk *t, const struct err *why);
/* Nothing comes any more; os_errno 0: the other side hung up. */
void talk_broke(struct talk *t, int os_errno);
/*
 * The same peer calls on `young`, and is proven there: this one ends, unless it
 * was dialed just now and ours_stays: where both call at once, one has to.
 * Errors: ERR_BUSY: it stays.
 */
int talk_give_way(struct talk *t, bool ours_stays, struct err *err);

/* With the lock. between: as in struct handover_live. Returns 1: there was
   nothing. Errors: as handover_to_link; it goes on. */
int talk_hand_over(struct talk *t, bool between, struct handover_result *ret,
	struct err *err);
/* With the lock, after a call that came to a good end: what was sent is there.
 */
int talk_record(struct talk *t, struct err *err);
/* Did it come to a good end? */
bool talk_went_well(const struct talk *t);

/* What came. */
void talk_hear(struct talk *t, const void *data, size_t len);
/*
 * Make ready what should go now, if nothing is: at most `limit` bytes of all
 * that still goes, about `ahead` now. It waits from out_at on in `out`; who
 * writes it moves out_at.
 */
void talk_make_ready(struct talk *t, uint64_t limit, size_t ahead);
/* Is it at its end? After something was heard or written. */
void talk_think(struct talk *t);
/* Is it too late? */
void talk_check_time(struct talk *t);
/* When there is something to do though nothing happens; INT64_MAX: never. */
int64_t talk_wakes(const struct talk *t);
/* Nothing waits to be said. */
bool talk_is_idle(const struct talk *t);

#endif
