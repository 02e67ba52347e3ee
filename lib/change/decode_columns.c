/*
 * decode_columns: one small function for each column, which puts value v into
 * change i, or refuses it.
 */
#include "decode.h"
#include "err.h"

#include <string.h>

static int refuse(struct err *err, const char *why)
{
	return err_set(err, ERR_CORRUPT, "%s", why);
}

static int put_log(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return decode_log(d, i, v, &d->items[i].by.log, err);
}

static int put_lsn(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	struct column_log *log = column_state_log(&d->last, d->log_index[i]);
	uint64_t lsn = log->lsn + 1 + v;

	if (lsn == 0 || lsn > CHANGE_LSN_MAX ||
		(log->started && lsn <= log->lsn))
		return refuse(err, "lsn out of range or not ascending");
	log->lsn = lsn;
	log->started = true;
	d->items[i].by.lsn = lsn;
	return 0;
}

static int put_stamp(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	uint64_t ms = column_from_near(v, d->last.ms);

	if (v && (ms == 0 || ms >> 48))
		return refuse(err, "stamp out of range");
	if (ms)
		d->last.ms = ms;
	d->items[i].by.stamp = STAMP_OF(ms, 0);
	return 0;
}

static int put_counter(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	if (v > UINT16_MAX)
		return refuse(err, "counter out of range");
	d->items[i].by.stamp |= v;
	return 0;
}

/* lsn of a dot, coded near the one before; v is not 0. */
static int take_dot(uint64_t v, uint64_t *last, uint64_t *ret, struct err *err)
{
	uint64_t lsn = column_from_near(v, *last + 1);

	if (lsn == 0 || lsn > CHANGE_LSN_MAX)
		return refuse(err, "lsn out of range");
	*ret = *last = lsn;
	return 0;
}

static int put_dot_log(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return decode_log(d, i, v, &d->items[i].dot.log, err);
}

static int put_dot(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	struct column_log *log = column_state_log(&d->last, d->log_index[i]);

	return take_dot(v, &log->dot, &d->items[i].dot.lsn, err);
}

static int put_source_log(
	struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return decode_log(d, i, v, &d->items[i].source.log, err);
}

static int put_source(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	struct column_log *log = column_state_log(&d->last, d->log_index[i]);

	if (v)
		return take_dot(v, &log->source, &d->items[i].source.lsn, err);
	if (d->log_index[i] != 0)
		return refuse(err, "log without an lsn");
	d->items[i].source = (struct dot){0};
	return 0;
}

static int put_letters(
	struct decoder *d, uint64_t v, const char **ret, struct err *err)
{
	static const char known[] = COLUMN_LETTERS;
	char letters[sizeof(known)];
	size_t n = 0;

	if (v >> (sizeof(known) - 1))
		return refuse(err, "flag letters out of range");
	for (char c = 'A'; c <= 'Z'; c++) {
		if (v & UINT64_C(1) << (strchr(known, c) - known))
			letters[n++] = c;
	}
	if (n)
		*ret = arena_dup(&d->batch->arena, letters, n);
	return 0;
}

/* Letters without a bit: below the capitals and above them. */
static int put_rest(
	struct decoder *d, uint64_t v, const char **letters, struct err *err)
{
	char all[256];
	const char *rest = NULL;
	size_t below, len, capitals = strlen(*letters);
	int rc = decode_string(d, v, &rest, err);

	if (rc < 0 || v == 0)
		return rc;
	len = strlen(rest);
	if (len + capitals >= sizeof(all))
		return refuse(err, "too many flag letters");
	for (below = 0; below < len && (unsigned char)rest[below] < 'A';)
		below++;
	for (size_t i = 0; i < len; i++) {
		if (rest[i] >= 'A' && rest[i] <= 'Z')
			return refuse(err, "capital among other letters");
	}
	memcpy(all, rest, below);
	memcpy(all + below, *letters, capitals);
	memcpy(all + below + capitals, rest + below, len - below);
	*letters = arena_dup(&d->batch->arena, all, len + capitals);
	return 0;
}

static int put_add(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return put_letters(d, v, &d->items[i].add.letters, err);
}

static int put_del(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return put_letters(d, v, &d->items[i].del.letters, err);
}

static int put_add_rest(
	struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return put_rest(d, v, &d->items[i].add.letters, err);
}

static int put_del_rest(
	struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return put_rest(d, v, &d->items[i].del.letters, err);
}

static int put_add_keywords(
	struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return decode_string(d, v, &d->items[i].add.keywords, err);
}

static int put_del_keywords(
	struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return decode_string(d, v, &d->items[i].del.keywords, err);
}

static int put_uid(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	uint64_t uid = column_from_near(v, d->last.uid + 1);

	if (v && (uid == 0 || uid > UINT32_MAX))
		return refuse(err, "uid out of range");
	if (uid)
		d->last.uid = uid;
	d->items[i].uid = (uint32_t)uid;
	return 0;
}

static int put_size(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	(void)err;
	d->items[i].size = v;
	return 0;
}

static int put_mtime(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	(void)err;
	d->last.mtime += column_from_zigzag(v);
	d->items[i].mtime = (int64_t)d->last.mtime;
	return 0;
}

static int put_base(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	const char *text;
	int rc = decode_string(d, v, &text, err);

	(void)i;
	if (rc < 0)
		return rc;
	if (pattern_parse(text, &d->names[d->name_next++]) < 0)
		return refuse(err, "pattern too long or with too many numbers");
	return 0;
}

static int put_extra(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return decode_string(d, v, &d->items[i].extra, err);
}

static int put_folder(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return decode_id(d, v, &d->items[i].folder, err);
}

static int put_other(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return decode_id(d, v, &d->items[i].other, err);
}

static int put_path(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return decode_string(d, v, &d->items[i].path, err);
}

static int put_value(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	if (v > 1)
		return refuse(err, "value is not 0 or 1");
	d->items[i].value = v;
	return 0;
}

static int put_u32(uint64_t v, uint32_t *ret, struct err *err)
{
	if (v > UINT32_MAX)
		return refuse(err, "number over 32 bits");
	*ret = (uint32_t)v;
	return 0;
}

static int put_uidvalidity(
	struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return put_u32(v, &d->items[i].uidvalidity, err);
}

static int put_uidnext(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return put_u32(v, &d->items[i].uidnext, err);
}

static int put_guid(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return decode_id(d, v, &d->items[i].guid, err);
}

static int put_term(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	(void)err;
	d->items[i].term = v;
	return 0;
}

static int put_site(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	(void)err;
	d->items[i].site = v ^ d->ctx->log.origin;
	return 0;
}

static int put_end_log(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return decode_log(d, i, v, &d->items[i].end.log, err);
}

static int put_end(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	(void)err; /* change_check knows its range */
	d->items[i].end.lsn = v;
	return 0;
}

static int put_chain(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	(void)err;
	d->items[i].end.chain = v;
	return 0;
}

static int put_first(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	if (v >= d->items[i].end.lsn)
		return refuse(err, "first lost lsn out of range");
	d->items[i].first = d->items[i].end.lsn - v;
	return 0;
}

static int put_reason(struct decoder *d, size_t i, uint64_t v, struct err *err)
{
	return decode_string(d, v, &d->items[i].reason, err);
}

static int (*const putters[COLUMN_COUNT])(
	struct decoder *d, size_t i, uint64_t v, struct err *err) = {
	[COLUMN_LOG] = put_log,
	[COLUMN_LSN] = put_lsn,
	[COLUMN_STAMP] = put_stamp,
	[COLUMN_COUNTER] = put_counter,
	[COLUMN_DOT_LOG] = put_dot_log,
	[COLUMN_DOT] = put_dot,
	[COLUMN_SOURCE_LOG] = put_source_log,
	[COLUMN_SOURCE] = put_source,
	[COLUMN_ADD] = put_add,
	[COLUMN_DEL] = put_del,
	[COLUMN_ADD_REST] = put_add_rest,
	[COLUMN_DEL_REST] = put_del_rest,
	[COLUMN_ADD_KEYWORDS] = put_add_keywords,
	[COLUMN_DEL_KEYWORDS] = put_del_keywords,
	[COLUMN_UID] = put_uid,
	[COLUMN_SIZE] = put_size,
	[COLUMN_MTIME] = put_mtime,
	[COLUMN_BASE] = put_base,
	[COLUMN_EXTRA] = put_extra,
	[COLUMN_FOLDER] = put_folder,
	[COLUMN_OTHER] = put_other,
	[COLUMN_PATH] = put_path,
	[COLUMN_VALUE] = put_value,
	[COLUMN_UIDVALIDITY] = put_uidvalidity,
	[COLUMN_UIDNEXT] = put_uidnext,
	[COLUMN_GUID] = put_guid,
	[COLUMN_TERM] = put_term,
	[COLUMN_SITE] = put_site,
	[COLUMN_END_LOG] = put_end_log,
	[COLUMN_END] = put_end,
	[COLUMN_CHAIN] = put_chain,
	[COLUMN_FIRST] = put_first,
	[COLUMN_REASON] = put_reason,
};

int decode_value(struct decoder *d, enum column column, size_t i, uint64_t v,
	struct err *err)
{
	return putters[column](d, i, v, err);
}
