/*
 * columns: what encoder and decoder of a batch must agree on (docs/format.md,
 * Changes): which columns there are, in which order, and what each value is
 * expected to be near to. Private to lib/change.
 */
#ifndef PB_CHANGE_COLUMNS_H
#define PB_CHANGE_COLUMNS_H

#include "kinds.h"
#include "pattern.h"

/* In the order they are written. */
enum column {
	COLUMN_LOG,
	COLUMN_LSN,
	COLUMN_STAMP,
	COLUMN_COUNTER,
	COLUMN_DOT_LOG,
	COLUMN_DOT,
	COLUMN_SOURCE_LOG,
	COLUMN_SOURCE,
	COLUMN_ADD,
	COLUMN_DEL,
	COLUMN_ADD_REST,
	COLUMN_DEL_REST,
	COLUMN_ADD_KEYWORDS,
	COLUMN_DEL_KEYWORDS,
	COLUMN_UID,
	COLUMN_SIZE,
	COLUMN_MTIME,
	COLUMN_BASE,
	COLUMN_NUMBERS, /* not one value per change: see pattern.h */
	COLUMN_EXTRA,
	COLUMN_FOLDER,
	COLUMN_OTHER,
	COLUMN_PATH,
	COLUMN_VALUE,
	COLUMN_UIDVALIDITY,
	COLUMN_UIDNEXT,
	COLUMN_GUID,
	COLUMN_TERM,
	COLUMN_SITE,
	COLUMN_END_LOG,
	COLUMN_END,
	COLUMN_CHAIN,
	COLUMN_FIRST,
	COLUMN_REASON,
	COLUMN_COUNT
};

struct column_rule {
	const char *name;
	unsigned field; /* kinds that have this field are in it */
	unsigned bit;	/* in the mask: the frequent ones have the low bits */
};

extern const struct column_rule column_rules[COLUMN_COUNT];

#define MASK_STRINGS (UINT64_C(1) << 5)
#define MASK_IDS (UINT64_C(1) << 14)
#define MASK_LOGS (UINT64_C(1) << 15)
#define MASK_ALL ((UINT64_C(1) << 37) - 1)

/* Bits of an entry in the table of logs, below its folder's index. */
#define LOG_ORIGIN 1u
#define LOG_INCARNATION 2u
#define LOG_BITS 2

/* Lsns last seen in one log, by column. */
struct column_log {
	uint64_t lsn, dot, source;
	bool started; /* lsn is one that was seen, not where it might begin */
};

/* Values last seen, which the next are expected to be near to. */
struct column_state {
	uint64_t ms;
	uint64_t uid;
	uint64_t mtime;
	struct column_log *logs; /* by index; 0: the context's */
	size_t log_count;
};

/* State before the first change; column_state_free releases it. */
void column_state_init(
	struct column_state *st, const struct change_context *ctx);
void column_state_free(struct column_state *st);
/* The entry of a log; valid until the next call. */
struct column_log *column_state_log(struct column_state *st, uint64_t index);

/* near(v, e) of docs/format.md: 0 for 0, else zigzag(v - e) + 1. */
uint64_t column_near(uint64_t value, uint64_t expected);
uint64_t column_from_near(uint64_t code, uint64_t expected);
uint64_t column_zigzag(uint64_t difference);
uint64_t column_from_zigzag(uint64_t code);

/*
 * What a number of a name (pattern.h) is expected to be, given the number in
 * the same place of the last name that had one there.
 */
uint64_t column_number_near(
	uint8_t near, const struct change *change, uint64_t last);

/* Flag letters that have a bit, in the order of the bits. */
#define COLUMN_LETTERS "SRFTDPABCEGHIJKLMNOQUVWXYZ"

#endif
