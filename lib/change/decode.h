/*
 * decode: what the parts of the decoder share (decode.c drives it,
 * decode_tables.c and decode_columns.c do the work). Private to lib/change.
 */
#ifndef PB_CHANGE_DECODE_H
#define PB_CHANGE_DECODE_H

#include "columns.h"
#include "wire.h"

struct err;

struct decoder {
	const struct change_context *ctx;
	struct wire in;
	struct change_batch *batch;
	struct change *items; /* those being decoded, at the end of batch */
	size_t count;
	uint64_t mask;
	struct column_state last;
	/* Tables, entry 0 being what the context gives. used: entries that
	   were pointed at so far; the next new one must be the next. */
	struct id128 *ids;
	size_t id_count, id_used;
	struct log_id *logs;
	size_t *log_folders; /* index of each log's folder in ids */
	size_t log_count, log_used;
	const char **strings;
	size_t string_count, string_used;
	size_t string_bytes;   /* pointed at so far */
	size_t *log_index;     /* by change: last column of logs read */
	struct pattern *names; /* of the changes that have a body */
	size_t name_count, name_next;
};

/*
 * Read ids, logs and strings. The tables are the caller's to free, also on
 * failure. Errors: ERR_CORRUPT.
 */
int decode_tables(struct decoder *d, struct err *err);

/*
 * Follow an index into a table. Errors: ERR_CORRUPT (not in the table, or not
 * in order of first use), ERR_LIMIT (CHANGE_STRINGS_MAX).
 */
int decode_id(
	struct decoder *d, uint64_t index, struct id128 *ret, struct err *err);
int decode_string(
	struct decoder *d, uint64_t index, const char **ret, struct err *err);
/* For change i: log_index[i] is noted for the column of lsns that follows. */
int decode_log(struct decoder *d, size_t i, uint64_t index, struct log_id *ret,
	struct err *err);

/* Count len more bytes of strings. Errors: ERR_LIMIT. */
int decode_string_bytes(struct decoder *d, size_t len, struct err *err);

/* Whether every entry of every table was pointed at. */
bool decode_tables_used(const struct decoder *d);

/*
 * Put value v of a column (any but COLUMN_NUMBERS) into change i. Called for
 * all changes that have the field, in order, also where the column is not
 * there (v is 0). Errors: ERR_CORRUPT, ERR_LIMIT; err's text says why only.
 */
int decode_value(struct decoder *d, enum column column, size_t i, uint64_t v,
	struct err *err);

#endif
