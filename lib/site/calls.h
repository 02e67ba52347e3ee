/*
 * calls: what was done over a link: its last call and how that ended, and how
 * much went each way since the first.
 *
 *   <state>/calls/<peer>-<via>    text, a line for each figure
 *   <state>/calls/lock            held while one of them is replaced
 *
 * A call is a visit of a carrier, or a live link from its first byte to its
 * last. The calls that a peer makes to us are told of together, with no via of
 * ours. Nothing depends on these figures but what is shown: a file that is not
 * as it was written counts as none. A crash leaves the last call as it was told
 * of last: under way.
 */
#ifndef PB_CALLS_H
#define PB_CALLS_H

#include <stdint.h>

#include "os.h"

struct err;
struct site;

#define CALLS_ANSWERED "" /* instead of a via: the peer called us */

enum call_outcome {
	CALL_NONE,     /* there was no call yet */
	CALL_UNDERWAY, /* or the program died */
	CALL_DONE,
	CALL_LATER, /* not there, broke off, not now: no failure */
	CALL_FAILED
};
struct call {
	enum call_outcome outcome;
	int64_t began_ms, ended_ms; /* on the wall; ended_ms 0: not yet */
	uint64_t sent, received;    /* bytes in it so far */
	uint64_t speed; /* bytes a second while there was something to send;
			   0: too little went to tell */
	char why[200];	/* it did not end well */
};
struct call_totals {
	uint64_t calls, failed; /* all; those not DONE in the end */
	uint64_t sent, received;
	int64_t sent_ms, received_ms; /* when something last did; 0: never */
	int64_t done_ms;	      /* when a call last ended well */
};
struct call_record {
	struct call last;
	struct call_totals all;
};

/* "done", "later", …; for CALL_NONE "none". */
const char *call_outcome_name(enum call_outcome outcome);

/* Zeros where there was no call. Errors: ERR_IO. */
int calls_get(struct os *os, const char *state_dir, uint64_t peer,
	const char *via, struct call_record *ret, struct err *err);
/*
 * Tell of a call, as often as one likes: the one that began at began_ms grows.
 * Errors: ERR_IO; ERR_BUSY: the lock is held for long.
 */
int calls_note(struct os *os, const char *state_dir, uint64_t peer,
	const char *via, const struct call *call, struct err *err);
/* Remove what is of no link of the configuration any more. Errors: ERR_IO. */
int calls_tidy(const struct site *s, struct err *err);

#endif
