/*
 * statetable_read: a state table as it is read. Private to lib/compare.
 */
#ifndef PB_STATETABLE_READ_H
#define PB_STATETABLE_READ_H

#include "statetable_private.h"
#include "wire.h"

/* A name of a flag or keyword. */
struct statetable_name {
	char *text;
	bool used;
};

/* A set of flags that rows have. */
struct statetable_set {
	const uint32_t *members; /* indexes into the names, ascending */
	size_t count;
	struct flag_set flags;
	uint64_t uses; /* rows that have it */
};

/* Where the reading of rows stands. */
struct statetable_cursor {
	uint64_t row;
	struct wire parts[PART_COUNT];
	struct wire exact, content;
	struct lsn_run uids; /* what is left of the run; first 0: none */
	uint64_t uids_end;   /* end of the last run */
	struct dot before;   /* first dot of the row before, if without UID */
	size_t logs_met;     /* positions, and others that were met */
	uint64_t ms;
};

struct statetable {
	struct statetable_header header;
	struct buf raw;
	struct wire in; /* while it is opened: what comes next */
	struct arena arena;
	struct log_id *logs; /* positions, then others: by number */
	size_t log_count;
	size_t gap_count; /* of all positions */
	uint64_t *dots;	  /* by log: lsn last read in PART_DOTS */
	uint64_t *writers;
	struct statetable_name *names;
	size_t name_count;
	struct statetable_set *sets;
	size_t set_count;
	const uint8_t *planes; /* one after the other, a bit for each row */
	size_t plane_size;
	unsigned plane_count;
	struct wire parts[PART_COUNT];
	struct wire exact, content;
	struct statetable_cursor at;
	struct dot row_dots[STATETABLE_ROW_MAX];
	struct row_write row_writes[STATETABLE_ROW_MAX];
};

/* ERR_CORRUPT, with "table: " before it. */
int statetable_bad(struct err *err, const char *what);
/* ERR_LIMIT: so many of what, more than max. */
int statetable_over(
	struct err *err, const char *what, uint64_t count, uint64_t max);

/* A log's id after another; what is written must differ. */
void statetable_take_log(struct wire *in, struct log_id *log);

/*
 * The run that begins `start` further behind `before` (the end of the last
 * one; 0: none) than it must. Sets in->bad where it is beyond the limit.
 */
struct lsn_run statetable_take_run(
	struct wire *in, uint64_t start, uint64_t length, uint64_t before);

/* Names, sets of them and planes (statetable_flags.c). */
int statetable_take_names(struct statetable *t, struct err *err);
int statetable_take_sets(struct statetable *t, struct err *err);
/* Index of a row's set, which may be none of the sets. */
size_t statetable_set_of(const struct statetable *t, uint64_t row);
/* After all rows were read: every name is used, sets come by their uses. */
int statetable_check_flags(const struct statetable *t, struct err *err);

/*
 * All rows, from the first, each value checked (statetable_read.c).
 * Errors: ERR_CORRUPT.
 */
int statetable_check_rows(struct statetable *t, struct err *err);

#endif
