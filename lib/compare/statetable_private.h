/*
 * statetable_private: what writer and reader of a state table share. Private
 * to lib/compare.
 */
#ifndef PB_STATETABLE_PRIVATE_H
#define PB_STATETABLE_PRIVATE_H

#include "statetable.h"

/* First byte of a table; the second is its codec. */
#define STATETABLE_VERSION 1u
#define CODEC_STORED 0u
#define CODEC_ZSTD 1u

/* Bit of the mask behind those of the columns: header.known.view. */
#define MASK_VIEW 256u

/* Bits before a log: what follows, because the log before has another. */
#define LOG_ORIGIN 1u
#define LOG_INCARNATION 2u
#define LOG_FOLDER 4u
#define LOG_ALL 7u

/* Columns that have their length before them, in the order they stand. */
enum part {
	PART_UID_STARTS,
	PART_UID_LENGTHS,
	PART_DOT_COUNTS,
	PART_DOT_LOGS,
	PART_DOTS,
	PART_WRITE_COUNTS,
	PART_WRITE_NAMES,
	PART_WRITE_LOGS,
	PART_WRITE_LSNS,
	PART_WRITE_MS,
	PART_WRITE_COUNTERS,
	PART_LIVING_COUNTS,
	PART_LIVING_STARTS,
	PART_LIVING_LENGTHS,
	PART_COUNT
};

/* The column that a part belongs to; 0: it is always there. */
extern const unsigned statetable_parts[PART_COUNT];

/* Does a name stand for a flag letter? */
bool statetable_is_letter(const char *name);

/* Does a row have its dots written? */
static inline bool statetable_has_dots(unsigned columns, uint32_t uid)
{
	return (columns & STATETABLE_DOTS) || uid == 0;
}

/* Bits that tell one of count sets. */
static inline unsigned statetable_planes(size_t count)
{
	unsigned planes = 0;

	while (count > 1 && (count - 1) >> planes)
		planes++;
	return planes;
}

/* near(v, e) of docs/format.md: 0 for 0, else zigzag(v - e) + 1. */
static inline uint64_t statetable_near(uint64_t value, uint64_t expected)
{
	uint64_t d = value - expected;

	return value ? ((d << 1) ^ -(d >> 63)) + 1 : 0;
}

static inline uint64_t statetable_from_near(uint64_t code, uint64_t expected)
{
	uint64_t z = code - 1;

	return code ? expected + ((z >> 1) ^ -(z & 1)) : 0;
}

#endif
