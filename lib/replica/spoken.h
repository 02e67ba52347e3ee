/*
 * spoken: does a peer's site run on one machine, and does it go on from what it
 * said before?
 *
 * Whoever has a copy of a site's state speaks with its key, in the same
 * incarnation, and gives the same lsns to other changes. So does a state that
 * was put back as it was, files and all. That this is so shows in what comes:
 * (1) two acknowledgements of one incarnation have one number, and are not the
 *     same: a count is a number and a mark drawn by lot;
 * (2) two incarnations speak by turns, of which none says that it goes on from
 *     the other;
 * (3) changes come of two incarnations, of which none says whose end it goes on
 *     from (BEGIN), and none asked what we know (joining.h); or both go on
 *     from one incarnation, and none asked;
 * (4) changes come of an incarnation that is over, made after the next began.
 * A log that goes on from where we do not stand tells as well (receive.h).
 *
 * What is found is a gap (GAP_SPLIT): nothing more is taken from that peer until
 * an operator says so, or its site begins anew and asks.
 */
#ifndef PB_SPOKEN_H
#define PB_SPOKEN_H

#include "replica.h"

/* A count: a number, and below it so many bits of mark. */
#define SPOKEN_MARK_BITS 24

/* The count that follows, for the next acknowledgement to a peer. Pure. */
uint64_t spoken_next(uint64_t count, uint32_t lot);

/*
 * An acknowledgement comes; in a transaction. Returns 0; 1: it was heard
 * before, or its incarnation is over. Errors: ERR_CONFLICT: (1), (2).
 */
int spoken_hear(struct replica *r, uint64_t peer, uint64_t incarnation,
	uint64_t count, struct err *err);
/* Does a peer write in this incarnation now, as far as is known? 1 or 0. */
int spoken_is_current(struct replica *r, uint64_t peer, uint64_t incarnation,
	struct err *err);
/* Does a peer speak in another incarnation, and has it spoken in this one? 1 or
   0. */
int spoken_is_over(struct replica *r, uint64_t peer, uint64_t incarnation,
	struct err *err);
/* Has nothing of this incarnation of a peer come yet? 1 or 0. */
int spoken_is_new(struct replica *r, uint64_t peer, uint64_t incarnation,
	struct err *err);
/* Its site is in one line again; in a transaction. */
int spoken_heal(struct replica *r, uint64_t peer, struct err *err);
/* The peer's incarnation asks what we know; in a transaction. With a new one
   its site is in one line again. Returns 0; 1: that incarnation is over. */
int spoken_asks(struct replica *r, uint64_t peer, uint64_t incarnation,
	struct err *err);
/*
 * Is the history of a peer's changes, as they are known now, in one line?
 * Errors: ERR_CONFLICT: (3).
 */
int spoken_is_one_line(struct replica *r, uint64_t peer, struct err *err);
/* When the incarnation that follows began, ms; 0: none is known. */
int spoken_over_since(struct replica *r, const struct log_id *log,
	int64_t *ret_ms, struct err *err);

/* Nothing is taken from this peer, until an operator's word: ERR_CONFLICT. */
int spoken_check(struct replica *r, uint64_t peer, struct err *err);
/* That it was found, and why; in a transaction. */
int spoken_split(struct replica *r, uint64_t peer, const char *why,
	int64_t now_ms, struct err *err);
/* The operator's word that it is one machine, and right as it is: the gap was
   accepted (gaps.h). In a transaction. */
int spoken_accept(struct replica *r, uint64_t peer, struct err *err);

#endif
