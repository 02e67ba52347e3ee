/*
 * decode_tables: ids, logs and strings that a batch holds once.
 *
 * A table is refused where it holds a double, an entry that nobody points at,
 * or one out of the order of first use: one batch has one encoding.
 */
#include "decode.h"
#include "err.h"

#include <stdlib.h>
#include <string.h>

/* Check an index into a table of count entries (0 included). */
static int take_index(
	uint64_t index, size_t count, size_t *used, struct err *err)
{
	if (index >= count)
		return err_set(err, ERR_CORRUPT, "index is not in its table");
	if (index > *used + 1)
		return err_set(
			err, ERR_CORRUPT, "table is not in order of first use");
	if (index > *used)
		*used = (size_t)index;
	return 0;
}

int decode_id(
	struct decoder *d, uint64_t index, struct id128 *ret, struct err *err)
{
	int rc = take_index(index, d->id_count, &d->id_used, err);

	if (rc == 0)
		*ret = d->ids[index];
	return rc;
}

/* Also notes the index for the column of lsns that follows. */
int decode_log(struct decoder *d, size_t i, uint64_t index, struct log_id *ret,
	struct err *err)
{
	size_t before = d->log_used;
	int rc = take_index(index, d->log_count, &d->log_used, err);

	if (rc == 0 && d->log_used > before)
		rc = take_index(
			d->log_folders[index], d->id_count, &d->id_used, err);
	if (rc < 0)
		return rc;
	d->log_index[i] = (size_t)index;
	*ret = d->logs[index];
	return 0;
}

int decode_string(
	struct decoder *d, uint64_t index, const char **ret, struct err *err)
{
	int rc = take_index(index, d->string_count, &d->string_used, err);

	if (rc < 0)
		return rc;
	*ret = d->strings[index];
	return decode_string_bytes(d, strlen(*ret), err);
}

int decode_string_bytes(struct decoder *d, size_t len, struct err *err)
{
	d->string_bytes += len;
	if (d->string_bytes > CHANGE_STRINGS_MAX)
		return err_set(err, ERR_LIMIT, "strings of more than %u bytes",
			CHANGE_STRINGS_MAX);
	return 0;
}

bool decode_tables_used(const struct decoder *d)
{
	return d->id_used + 1 == d->id_count &&
	       d->log_used + 1 == d->log_count &&
	       d->string_used + 1 == d->string_count;
}

/* Number of entries of a table, each of at least min bytes. */
static size_t table_size(struct decoder *d, uint64_t bit, size_t min)
{
	uint64_t n;

	if (!(d->mask & bit))
		return 0;
	n = wire_count(&d->in, wire_left(&d->in) / min);
	if (n == 0)
		d->in.bad = true; /* an empty table is not written */
	return (size_t)n;
}

static void read_ids(struct decoder *d)
{
	size_t n = table_size(d, MASK_IDS, sizeof(struct id128));

	d->ids = mem_array(n + 1, sizeof(*d->ids));
	d->ids[0] = d->ctx->log.folder;
	d->id_count = n + 1;
	for (size_t i = 1; i <= n; i++) {
		const uint8_t *b = wire_raw(&d->in, sizeof(struct id128));

		if (b)
			memcpy(d->ids[i].b, b, sizeof(struct id128));
	}
}

static void read_logs(struct decoder *d)
{
	size_t n = table_size(d, MASK_LOGS, 1);

	d->logs = mem_array(n + 1, sizeof(*d->logs));
	d->log_folders = mem_array(n + 1, sizeof(*d->log_folders));
	d->logs[0] = d->ctx->log;
	d->log_count = n + 1;
	for (size_t i = 1; i <= n; i++) {
		uint64_t v = wire_varint(&d->in);

		if (v >> LOG_BITS >= d->id_count) {
			d->in.bad = true;
			return;
		}
		d->logs[i] = d->ctx->log;
		d->log_folders[i] = (size_t)(v >> LOG_BITS);
		d->logs[i].folder = d->ids[v >> LOG_BITS];
		if (v & LOG_ORIGIN)
			d->logs[i].origin = wire_u64(&d->in);
		if (v & LOG_INCARNATION)
			d->logs[i].incarnation = wire_u64(&d->in);
		/* what the context gives is not written */
		if (((v & LOG_ORIGIN) &&
			    d->logs[i].origin == d->ctx->log.origin) ||
			((v & LOG_INCARNATION) &&
				d->logs[i].incarnation ==
					d->ctx->log.incarnation))
			d->in.bad = true;
	}
}

static void read_strings(struct decoder *d)
{
	size_t n = table_size(d, MASK_STRINGS, 2);

	d->strings = mem_array(n + 1, sizeof(*d->strings));
	d->strings[0] = "";
	d->string_count = n + 1;
	for (size_t i = 1; i <= n; i++) {
		size_t len;
		const uint8_t *s = wire_bytes(&d->in, wire_left(&d->in), &len);

		if (!s || len == 0 || memchr(s, 0, len)) {
			d->in.bad = true;
			return;
		}
		d->strings[i] =
			arena_dup(&d->batch->arena, (const char *)s, len);
	}
}

static int cmp_ids(const void *a, const void *b)
{
	return id_cmp(a, b);
}

static int cmp_logs(const void *a, const void *b)
{
	return log_id_cmp(a, b);
}

static int cmp_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * Sorting a copy finds doubles in n log n, whatever a peer wrote; a hash
 * table could be made slow by one who knows the function.
 */
static bool has_doubles(const void *items, size_t count, size_t size,
	int (*cmp)(const void *, const void *))
{
	AUTO_FREE uint8_t *copy = mem_array(count, size);

	memcpy(copy, items, count * size);
	qsort(copy, count, size, cmp);
	for (size_t i = 1; i < count; i++) {
		if (cmp(copy + (i - 1) * size, copy + i * size) == 0)
			return true;
	}
	return false;
}

int decode_tables(struct decoder *d, struct err *err)
{
	read_ids(d);
	read_logs(d);
	read_strings(d);
	if (d->in.bad)
		return err_set(err, ERR_CORRUPT, "tables are not whole");
	if (has_doubles(d->ids, d->id_count, sizeof(*d->ids), cmp_ids) ||
		has_doubles(
			d->logs, d->log_count, sizeof(*d->logs), cmp_logs) ||
		has_doubles(d->strings, d->string_count, sizeof(*d->strings),
			cmp_strings))
		return err_set(err, ERR_CORRUPT, "table entry is double");
	return 0;
}
