/*
 * registers: what the two halves of merging share. Private to lib/replica.
 */
#ifndef PB_REGISTERS_H
#define PB_REGISTERS_H

#include "sql.h"

/* Row of a folder by id, through merges of ids; 0 when there is none. */
int64_t folder_row(struct replica *r, const struct id128 *fid,
	struct err *err);
/* The same, and make it where there is none (its name not known yet). */
int64_t folder_row_make(struct replica *r, const struct id128 *fid,
	struct err *err);
/* Is by greater than the writer (stamp, log row, lsn) in these columns? */
int by_newer(struct replica *r, const struct write_id *by, sqlite3_stmt *st,
	int col, struct err *err);
/* May this site set UIDs and identity of the folder? */
int folder_authority_ok(struct replica *r, int64_t folder, uint64_t site,
	struct err *err);
/* Raise the folder's UIDNEXT to at least next. */
int folder_uidnext(struct replica *r, int64_t folder, uint32_t next,
	struct err *err);
/* Compute todo of a message from merged and placed. */
int message_todo(struct replica *r, int64_t id, struct err *err);
/* Delete a dead message that is placed nowhere. */
int message_drop(struct replica *r, int64_t id, struct err *err);

/*
 * Messages x and y are one: y takes x's dots and registers. y must have been
 * taken out of its folder's digest before, and is to be put back after.
 */
int message_join(struct replica *r, int64_t x, int64_t y, struct err *err);

int apply_folder_change(struct replica *r, const struct change *c,
	int64_t by_log, struct err *err);

#endif
