/*
 * statetable: all rows of a folder in a fraction of a byte each, for a peer to
 * compare with its own (docs/format.md, State table).
 *
 * A table is stated from one transaction of the replica state, with the
 * vector that it speaks for. Which columns it has is for who asks for it:
 *
 *   UID, FLAGS           a quarter of a byte a message: what a person sees
 *   LIVING               which dots live: absent then means expunged
 *   DOTS                 of which message each row speaks, also without a UID
 *   WRITES               who wrote the flags: what differs can be adopted
 *   EXACT, CONTENT       64-bit keys of the rows
 *   DEAD                 content keys of what was expunged
 *
 * A table is written row by row, in order, and read row by row after it was
 * checked as a whole. Reading takes the table's bytes twice, at most
 * STATETABLE_RAW_MAX each, and what its limits allow for names, sets and runs.
 */
#ifndef PB_STATETABLE_H
#define PB_STATETABLE_H

#include "riblt.h"
#include "rows.h"

enum statetable_column {
	STATETABLE_UID = 1,
	STATETABLE_FLAGS = 2,
	STATETABLE_DOTS = 4,
	STATETABLE_WRITES = 8,
	STATETABLE_EXACT = 16,
	STATETABLE_CONTENT = 32,
	STATETABLE_LIVING = 64,
	STATETABLE_DEAD = 128
};
#define STATETABLE_ALL 255u
#define STATETABLE_KEYS                                                        \
	(STATETABLE_EXACT | STATETABLE_CONTENT | STATETABLE_DEAD)

#define STATETABLE_RAW_MAX (16u << 20)	/* bytes uncompressed */
#define STATETABLE_ROWS_MAX (1u << 20)
#define STATETABLE_LOGS_MAX 65536u	/* positions; other logs; gaps */
#define STATETABLE_NAMES_MAX 65536u	/* flags and keywords; sets of them */
#define STATETABLE_STRINGS_MAX (4u << 20) /* bytes of all sets spelled out */
#define STATETABLE_ROW_MAX 512u		/* dots of a row; writes; its flags */
#define STATETABLE_RUNS_MAX (1u << 20)	/* of living dots */

struct statetable_header {
	unsigned columns; /* bits of enum statetable_column */
	struct id128 folder;
	uint64_t term, authority; /* whose UIDs these are */
	uint32_t uidvalidity, uidnext;
	uint64_t rows; /* messages of the folder */
	uint8_t digest[16];
	uint8_t seed[RIBLT_SEED_SIZE]; /* of the keys; zeros: no key is here */
	struct known known;  /* living without STATETABLE_LIVING: nothing; dead:
				never in a table */
	const uint64_t *dead; /* content keys, ascending, none twice */
	size_t dead_count;
};

/* ---- writing (statetable_write.c) ---- */

struct statetable_writer;

/* Begin a table; header, and what it points at, stay until the end. */
struct statetable_writer *statetable_begin(
	const struct statetable_header *header);

/*
 * Add a row; only the columns of the header are written. First those with a
 * UID, ascending, then the others, ascending by their first dot; without
 * STATETABLE_UID all are others. A row without UID and dots only where there
 * is a content key.
 * Errors: ERR_LIMIT: the table cannot be made with these columns.
 */
int statetable_add(struct statetable_writer *w, const struct row *row,
	struct err *err);

/*
 * Append the table to ret. All rows of the header were added.
 * Errors: ERR_LIMIT: it is larger than a reader takes; ret is untouched.
 */
int statetable_end(struct statetable_writer *w, struct buf *ret,
	struct err *err);

/* The same without compression: what a reader unpacks. */
int statetable_end_raw(struct statetable_writer *w, struct buf *ret,
	struct err *err);

void statetable_drop(struct statetable_writer *w); /* NULL is fine */

/* ---- reading (statetable_read.c) ---- */

struct statetable;

/*
 * Unpack and check a table of exactly len bytes; statetable_free releases it.
 * data need not outlive the call.
 * Errors: ERR_CORRUPT, ERR_LIMIT (also: made by a newer packetboat).
 */
int statetable_open(const void *data, size_t len, struct statetable **ret,
	struct err *err);
void statetable_free(struct statetable *t); /* NULL is fine */

/* Points into the table. */
const struct statetable_header *statetable_header(const struct statetable *t);
/* What was unpacked. */
const struct buf *statetable_raw(const struct statetable *t);

/*
 * The next row, from the first; false after the last, and then from the first
 * again. Valid until the next call; flags and names as long as the table.
 */
bool statetable_next(struct statetable *t, struct row *ret);

#endif
