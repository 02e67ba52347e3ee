/*
 * sql: prepared statements of one replica, kept by their text; binding and
 * reading in one line. Private to lib/replica.
 */
#ifndef PB_SQL_H
#define PB_SQL_H

#include "err.h"
#include "replica.h"

struct sql_cached {
	const char *text; /* a string literal: compared by address */
	sqlite3_stmt *stmt;
};

struct log_row {
	int64_t id;
	struct log_id log;
};

struct replica {
	struct os *os;
	sqlite3 *db;
	char *path;
	char *account;
	uint64_t origin;
	uint64_t incarnation;
	bool in_txn;
	struct err undone; /* why this transaction can only be rolled back */
	bool reading;	   /* reading_begin */
	bool rehearsing;   /* in a transaction round all of them */
	struct sql_cached *cached;
	size_t cached_count;
	struct log_row *logs; /* rows of table log, by id */
	size_t log_count;
	struct tally *tallies; /* message counts and digests to be written */
	size_t tally_count;
};

/*
 * A prepared, reset statement with its parameters bound. fmt, a letter per
 * parameter: i int64_t, t const char * (NULL binds NULL), b const void * and
 * size_t, n nothing (NULL).
 * Returns NULL on failure, err filled.
 */
sqlite3_stmt *sql(struct replica *r, struct err *err, const char *text,
	const char *fmt, ...);
/* Step: 1 a row, 0 done (reset), below 0 an error. */
int sql_step(struct replica *r, sqlite3_stmt *st, struct err *err);
/* Bind, run to the end, ignore rows: 0 or an error. */
int sql_run(struct replica *r, struct err *err, const char *text,
	const char *fmt, ...);
/* Does it give a row? st may be NULL: err says why. 1, 0 or an error. */
int sql_exists(struct replica *r, sqlite3_stmt *st, struct err *err);
/* The columns of its one row, as numbers; zeros where there is none. st may be
   NULL: err says why. 1, 0 where there is none, or an error. */
int sql_numbers(struct replica *r, sqlite3_stmt *st, int64_t *ret, int count,
	struct err *err);
/* All that a statement gives in its first column; st may be NULL: err says
   why. */
int sql_ids(struct replica *r, sqlite3_stmt *st, struct arena *arena,
	int64_t **ret, size_t *ret_count, struct err *err);
void sql_close(struct replica *r);

/*
 * Many reads that follow, until reading_end or replica_begin, see one state
 * and take the database's lock once. Nothing when a transaction is open.
 */
int reading_begin(struct replica *r, struct err *err);
void reading_end(struct replica *r);

const char *sql_text(sqlite3_stmt *st, int col, struct arena *arena);
void sql_blob(sqlite3_stmt *st, int col, void *to, size_t len);

/* The row id of a log; 0 when unknown and not make, below 0 an error. */
int64_t log_row(
	struct replica *r, const struct log_id *id, bool make, struct err *err);
/* The log of a row; zeros for row 0. Errors: ERR_CORRUPT. */
int log_of_row(
	struct replica *r, int64_t id, struct log_id *ret, struct err *err);
int logs_load(struct replica *r, struct err *err);

/* Adjust a folder's message count and digest (tally.c). */
int tally_message(
	struct replica *r, int64_t message, int sign, struct err *err);
int tally_flush(struct replica *r, struct err *err);
/* Folders (rows) whose sums changed since they were last flushed, from *at = 0
   on, which moves. Returns false: no more. */
bool tally_next(const struct replica *r, size_t *at, int64_t *ret_folder);
/* What a living message adds to its folder's digest. Returns 1; 0: it is
   none. */
int tally_value(struct replica *r, int64_t message, int64_t *ret_folder,
	uint8_t ret[16], struct err *err);
/* Add a value to a sum of them; a sum begins with zeros. */
void tally_sum(uint8_t sum[16], const uint8_t value[16]);
/*
 * Count and digest of a folder (its row) from its registers, step by step: of
 * use only if nobody changed the folder meanwhile.
 */
int tally_recount(struct replica *r, int64_t folder, uint64_t *ret_messages,
	uint8_t ret_digest[16], struct err *err);
void tally_drop(struct replica *r);

#endif
