/*
 * statetable_write: a state table as it is written. Private to lib/compare.
 */
#ifndef PB_STATETABLE_WRITE_H
#define PB_STATETABLE_WRITE_H

#include "statetable_private.h"
#include "table.h"
#include "wire.h"

/* Numbers of what is met in rows, and their order in the table. */
struct writer_names {
	struct table lower; /* found without regard to case, from 1 */
	char **spelled;	    /* as first met; by number - 1 */
	uint32_t *rank;	    /* by number - 1: place in the table */
};

struct writer_sets {
	struct table members; /* each the numbers of its names, from 1 */
	uint64_t *uses;	      /* by number - 1 */
	uint32_t *rank;
};

struct statetable_writer {
	const struct statetable_header *h;
	struct buf parts[PART_COUNT];
	struct buf exact, content;
	uint64_t rows;
	struct lsn_run uids; /* the run that is growing; first 0: none */
	uint64_t uids_end;   /* of the run before; 0 */
	struct dot before;   /* first dot of the row before, if without UID */
	struct table others; /* logs that have no position, from 1 */
	uint64_t *dots;	     /* by log: lsn last written in PART_DOTS */
	uint64_t *writers;   /* the same in PART_WRITE_LSNS */
	size_t log_count;
	uint64_t ms;
	struct writer_names names;
	struct writer_sets sets;
	uint32_t *row_sets;
	uint32_t *write_names; /* number of the name, by 2, and the value */
	size_t write_count;
	struct arena arena;
};

/* Add a run, given the end of the one before it (0: none), to two columns. */
void statetable_add_run(struct buf *starts, struct buf *lengths,
	uint64_t before, const struct lsn_run *run);

/* Write the run of UIDs that is growing, if there is one. */
void statetable_end_uids(struct statetable_writer *w);

#endif
