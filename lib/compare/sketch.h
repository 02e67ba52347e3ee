/*
 * sketch: symbols of a set of row keys as bytes, and how many of them to send.
 *
 * The one who sends says of which set they are (count and total), so that
 * symbols sent at different times are put together only if they are of the
 * same set: what changes meanwhile makes another.
 */
#ifndef PB_SKETCH_H
#define PB_SKETCH_H

#include "riblt.h"

struct buf;
struct err;

#define SKETCH_SYMBOL_SIZE 11u /* bytes that each one costs */
#define SKETCH_ELEMENTS_MAX UINT32_MAX

/* Some of the symbols of a set. */
struct sketch {
	uint64_t elements, total; /* of the set (struct riblt: count, total) */
	size_t first, count;	  /* symbols that are here */
	struct riblt_symbol *symbols; /* owned */
};

/*
 * Append symbols first … first + count - 1 of a set, at most
 * RIBLT_SYMBOLS_MAX in all. Source: docs/format.md, Sketch.
 */
void sketch_encode(struct riblt *set, size_t first, size_t count,
	struct buf *ret);

/*
 * Read a sketch of exactly len bytes; sketch_free releases it.
 * Errors: ERR_CORRUPT, ERR_LIMIT; ret is then untouched.
 */
int sketch_decode(const void *data, size_t len, struct sketch *ret,
	struct err *err);
void sketch_free(struct sketch *sketch);

/* What is known before a sketch is sent. */
struct sketch_case {
	uint64_t mine, theirs; /* rows at either side */
	size_t had;	/* symbols that did not suffice; 0: none were sent */
	uint64_t guess; /* riblt_guess of them */
	size_t table;	/* bytes that a table would cost; 0: unknown */
	bool dear;	/* a turnaround takes hours: rather too many symbols */
};

/*
 * How many symbols, from 0 on, the other side shall have: at first, or after
 * some did not suffice (then those that it lacks are sent). With what
 * riblt_guess tells, the second time mostly is the last.
 * Returns 0 when a table is cheaper than the symbols that are still to be
 * sent, or RIBLT_SYMBOLS_MAX would not suffice.
 */
size_t sketch_want(const struct sketch_case *c);

#endif
