/*
 * encode: changes to columns (docs/format.md, Changes).
 *
 *   count | mask | kinds | ids logs strings | columns | hashes
 *
 * Columns are made first, into a buffer of their own: making them fills the
 * tables and tells which columns are used. A column is one small function
 * that gives the value of one change; a column of zeros is not written.
 */
#include "columns.h"
#include "table.h"
#include "wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct encoder {
	const struct change_context *ctx;
	const struct change *items;
	size_t count;
	struct column_state last;
	struct table ids, logs, strings;
	uint64_t *log_index;   /* by change: in the last column of logs made */
	struct pattern *names; /* of the changes that have a body */
	size_t name_count;
	uint64_t mask;
	struct buf columns;
};

static uint64_t id_index(struct encoder *e, const struct id128 *id)
{
	if (id_equal(id, &e->ctx->log.folder))
		return 0;
	return table_index(&e->ids, id->b, sizeof(id->b));
}

static uint64_t string_index(struct encoder *e, const char *s)
{
	size_t len = strlen(s);

	return len ? table_index(&e->strings, s, len) : 0;
}

/* Also notes it for the column of lsns that follows. */
static uint64_t log_index(struct encoder *e, size_t i, const struct log_id *log)
{
	uint64_t index = 0;

	if (log_id_cmp(log, &e->ctx->log) != 0) {
		size_t before = e->logs.count;

		index = table_index(&e->logs, log, sizeof(*log));
		if (e->logs.count > before)
			id_index(e, &log->folder);
	}
	e->log_index[i] = index;
	return index;
}

static uint64_t letters_mask(const char *letters)
{
	uint64_t mask = 0;

	for (; *letters; letters++) {
		const char *known = strchr(COLUMN_LETTERS, *letters);

		if (known)
			mask |= UINT64_C(1) << (known - COLUMN_LETTERS);
	}
	return mask;
}

/* The letters that have no bit, as they are: what surrounds the capitals. */
static uint64_t letters_rest(struct encoder *e, const char *letters)
{
	char rest[256];
	size_t n = 0;

	for (; *letters && n < sizeof(rest) - 1; letters++) {
		if (!strchr(COLUMN_LETTERS, *letters))
			rest[n++] = *letters;
	}
	return n ? table_index(&e->strings, rest, n) : 0;
}

static uint64_t get_log(struct encoder *e, size_t i)
{
	return log_index(e, i, &e->items[i].by.log);
}

static uint64_t get_lsn(struct encoder *e, size_t i)
{
	struct column_log *log = column_state_log(&e->last, e->log_index[i]);
	uint64_t expected = log->lsn + 1;

	log->lsn = e->items[i].by.lsn;
	return log->lsn - expected;
}

static uint64_t get_stamp(struct encoder *e, size_t i)
{
	uint64_t ms = STAMP_MS(e->items[i].by.stamp);
	uint64_t code = column_near(ms, e->last.ms);

	if (ms)
		e->last.ms = ms;
	return code;
}

static uint64_t get_counter(struct encoder *e, size_t i)
{
	return e->items[i].by.stamp & 0xffff;
}

static uint64_t get_dot_log(struct encoder *e, size_t i)
{
	return log_index(e, i, &e->items[i].dot.log);
}

static uint64_t get_dot(struct encoder *e, size_t i)
{
	struct column_log *log = column_state_log(&e->last, e->log_index[i]);
	uint64_t code = column_near(e->items[i].dot.lsn, log->dot + 1);

	log->dot = e->items[i].dot.lsn;
	return code;
}

static uint64_t get_source_log(struct encoder *e, size_t i)
{
	const struct dot *source = &e->items[i].source;

	e->log_index[i] = 0;
	return source->lsn ? log_index(e, i, &source->log) : 0;
}

static uint64_t get_source(struct encoder *e, size_t i)
{
	struct column_log *log = column_state_log(&e->last, e->log_index[i]);
	uint64_t lsn = e->items[i].source.lsn;
	uint64_t code = column_near(lsn, log->source + 1);

	if (lsn)
		log->source = lsn;
	return code;
}

static uint64_t get_add(struct encoder *e, size_t i)
{
	return letters_mask(e->items[i].add.letters);
}

static uint64_t get_del(struct encoder *e, size_t i)
{
	return letters_mask(e->items[i].del.letters);
}

static uint64_t get_add_rest(struct encoder *e, size_t i)
{
	return letters_rest(e, e->items[i].add.letters);
}

static uint64_t get_del_rest(struct encoder *e, size_t i)
{
	return letters_rest(e, e->items[i].del.letters);
}

static uint64_t get_add_keywords(struct encoder *e, size_t i)
{
	return string_index(e, e->items[i].add.keywords);
}

static uint64_t get_del_keywords(struct encoder *e, size_t i)
{
	return string_index(e, e->items[i].del.keywords);
}

static uint64_t get_uid(struct encoder *e, size_t i)
{
	uint64_t uid = e->items[i].uid;
	uint64_t code = column_near(uid, e->last.uid + 1);

	if (uid)
		e->last.uid = uid;
	return code;
}

static uint64_t get_size(struct encoder *e, size_t i)
{
	return e->items[i].size;
}

static uint64_t get_mtime(struct encoder *e, size_t i)
{
	uint64_t mtime = (uint64_t)e->items[i].mtime;
	uint64_t code = column_zigzag(mtime - e->last.mtime);

	e->last.mtime = mtime;
	return code;
}

static uint64_t get_base(struct encoder *e, size_t i)
{
	struct pattern *name = &e->names[e->name_count++];
	char text[CHANGE_NAME_MAX + 1];
	uint64_t index;

	pattern_split(e->items[i].base, text, name);
	index = string_index(e, text);
	if (index)
		name->text = e->strings.items[index - 1].data;
	return index;
}

static uint64_t get_extra(struct encoder *e, size_t i)
{
	return string_index(e, e->items[i].extra);
}

static uint64_t get_folder(struct encoder *e, size_t i)
{
	return id_index(e, &e->items[i].folder);
}

static uint64_t get_other(struct encoder *e, size_t i)
{
	return id_index(e, &e->items[i].other);
}

static uint64_t get_path(struct encoder *e, size_t i)
{
	return string_index(e, e->items[i].path);
}

static uint64_t get_value(struct encoder *e, size_t i)
{
	return e->items[i].value;
}

static uint64_t get_uidvalidity(struct encoder *e, size_t i)
{
	return e->items[i].uidvalidity;
}

static uint64_t get_uidnext(struct encoder *e, size_t i)
{
	return e->items[i].uidnext;
}

static uint64_t get_guid(struct encoder *e, size_t i)
{
	return id_index(e, &e->items[i].guid);
}

static uint64_t get_term(struct encoder *e, size_t i)
{
	return e->items[i].term;
}

static uint64_t get_site(struct encoder *e, size_t i)
{
	return e->items[i].site ^ e->ctx->log.origin;
}

static uint64_t get_end_log(struct encoder *e, size_t i)
{
	return log_index(e, i, &e->items[i].end.log);
}

static uint64_t get_end(struct encoder *e, size_t i)
{
	return e->items[i].end.lsn;
}

static uint64_t get_chain(struct encoder *e, size_t i)
{
	return e->items[i].end.chain;
}

static uint64_t get_first(struct encoder *e, size_t i)
{
	return e->items[i].end.lsn - e->items[i].first;
}

static uint64_t get_reason(struct encoder *e, size_t i)
{
	return string_index(e, e->items[i].reason);
}

/* Value of change i in a column. */
static uint64_t (*const getters[COLUMN_COUNT])(struct encoder *e, size_t i) = {
	[COLUMN_LOG] = get_log,
	[COLUMN_LSN] = get_lsn,
	[COLUMN_STAMP] = get_stamp,
	[COLUMN_COUNTER] = get_counter,
	[COLUMN_DOT_LOG] = get_dot_log,
	[COLUMN_DOT] = get_dot,
	[COLUMN_SOURCE_LOG] = get_source_log,
	[COLUMN_SOURCE] = get_source,
	[COLUMN_ADD] = get_add,
	[COLUMN_DEL] = get_del,
	[COLUMN_ADD_REST] = get_add_rest,
	[COLUMN_DEL_REST] = get_del_rest,
	[COLUMN_ADD_KEYWORDS] = get_add_keywords,
	[COLUMN_DEL_KEYWORDS] = get_del_keywords,
	[COLUMN_UID] = get_uid,
	[COLUMN_SIZE] = get_size,
	[COLUMN_MTIME] = get_mtime,
	[COLUMN_BASE] = get_base,
	[COLUMN_EXTRA] = get_extra,
	[COLUMN_FOLDER] = get_folder,
	[COLUMN_OTHER] = get_other,
	[COLUMN_PATH] = get_path,
	[COLUMN_VALUE] = get_value,
	[COLUMN_UIDVALIDITY] = get_uidvalidity,
	[COLUMN_UIDNEXT] = get_uidnext,
	[COLUMN_GUID] = get_guid,
	[COLUMN_TERM] = get_term,
	[COLUMN_SITE] = get_site,
	[COLUMN_END_LOG] = get_end_log,
	[COLUMN_END] = get_end,
	[COLUMN_CHAIN] = get_chain,
	[COLUMN_FIRST] = get_first,
	[COLUMN_REASON] = get_reason,
};

static bool has_field(const struct encoder *e, size_t i, unsigned field)
{
	const struct change_kind_rule *rule =
		change_kind_rule(e->items[i].kind);

	return rule && (rule->fields & field);
}

/* One value per change. Returns whether any is not 0. */
static bool add_values(struct encoder *e, enum column column)
{
	uint64_t any = 0;

	for (size_t i = 0; i < e->count; i++) {
		uint64_t v;

		if (!has_field(e, i, column_rules[column].field))
			continue;
		v = getters[column](e, i);
		any |= v;
		wire_add_varint(&e->columns, v);
	}
	return any != 0;
}

/* The first number of every name, then the second, … */
static bool add_numbers(struct encoder *e)
{
	uint64_t any = 0;

	for (size_t at = 0; at < PATTERN_NUMBERS_MAX; at++) {
		uint64_t last = 0;
		size_t n = 0;

		for (size_t i = 0; i < e->count; i++) {
			const struct pattern *name;
			uint64_t v;

			if (!has_field(e, i, FIELD_BODY))
				continue;
			name = &e->names[n++];
			if (name->count <= at)
				continue;
			v = column_zigzag(name->numbers[at] -
					  column_number_near(name->near[at],
						  &e->items[i], last));
			last = name->numbers[at];
			any |= v;
			wire_add_varint(&e->columns, v);
		}
	}
	return any != 0;
}

static void add_column(struct encoder *e, enum column column)
{
	size_t before = e->columns.len;
	bool used = column == COLUMN_NUMBERS ? add_numbers(e)
					     : add_values(e, column);

	if (used)
		e->mask |= UINT64_C(1) << column_rules[column].bit;
	else
		e->columns.len = before;
}

static void add_tables(struct encoder *e, struct buf *ret)
{
	if (e->ids.count)
		wire_add_varint(ret, e->ids.count);
	for (size_t i = 0; i < e->ids.count; i++)
		buf_add(ret, e->ids.items[i].data, e->ids.items[i].len);
	if (e->logs.count)
		wire_add_varint(ret, e->logs.count);
	for (size_t i = 0; i < e->logs.count; i++) {
		const struct log_id *log = e->logs.items[i].data;
		bool origin = log->origin != e->ctx->log.origin;
		bool incarnation = log->incarnation != e->ctx->log.incarnation;

		wire_add_varint(
			ret, id_index(e, &log->folder) << LOG_BITS |
				     (incarnation ? LOG_INCARNATION : 0) |
				     (origin ? LOG_ORIGIN : 0));
		if (origin)
			wire_add_u64(ret, log->origin);
		if (incarnation)
			wire_add_u64(ret, log->incarnation);
	}
	if (e->strings.count)
		wire_add_varint(ret, e->strings.count);
	for (size_t i = 0; i < e->strings.count; i++)
		wire_add_bytes(
			ret, e->strings.items[i].data, e->strings.items[i].len);
}

static void add_payload(struct encoder *e, struct buf *ret)
{
	for (int column = 0; column < COLUMN_COUNT; column++)
		add_column(e, (enum column)column);
	if (e->ids.count)
		e->mask |= MASK_IDS;
	if (e->logs.count)
		e->mask |= MASK_LOGS;
	if (e->strings.count)
		e->mask |= MASK_STRINGS;
	wire_add_varint(ret, e->mask);
	for (size_t i = 0; i < e->count; i++)
		buf_add_byte(ret, (uint8_t)e->items[i].kind);
	add_tables(e, ret);
	buf_add(ret, e->columns.data, e->columns.len);
	for (size_t i = 0; i < e->count; i++) {
		if (has_field(e, i, FIELD_BODY))
			buf_add(ret, e->items[i].hash.b, HASH_SIZE);
	}
}

static size_t count_bodies(const struct encoder *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->count; i++)
		n += has_field(e, i, FIELD_BODY);
	return n;
}

void change_encode(const struct change_context *ctx, const struct change *items,
	size_t count, struct buf *ret)
{
	struct encoder e = {.ctx = ctx, .items = items, .count = count};

	wire_add_varint(ret, count);
	if (count == 0)
		return;
	for (size_t i = 0; i < count; i++)
		assert(change_check(&items[i], NULL) == 0);
	e.ids.seed = e.logs.seed = e.strings.seed = ctx->log.incarnation;
	e.log_index = mem_array(count, sizeof(*e.log_index));
	e.names = mem_array(count_bodies(&e), sizeof(*e.names));
	column_state_init(&e.last, ctx);
	add_payload(&e, ret);
	column_state_free(&e.last);
	free(e.names);
	free(e.log_index);
	table_free(&e.ids);
	table_free(&e.logs);
	table_free(&e.strings);
	buf_free(&e.columns);
}
