/*
 * statetable_write: rows to the columns of a state table (docs/format.md,
 * State table).
 *
 * Columns grow row by row. Names of flags, sets of them, and logs without a
 * position are numbered as they are met.
 */
#include "statetable_write.h"
#include "err.h"
#include "flagset.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct statetable_writer *statetable_begin(
	const struct statetable_header *header)
{
	struct statetable_writer *w = mem_alloc(sizeof(*w));
	uint64_t seed = hash_check(
		header->digest, sizeof(header->digest), header->rows);

	w->h = header;
	w->others.seed = w->names.lower.seed = w->sets.members.seed = seed;
	for (size_t i = 0; i < header->known.log_count; i++) {
		w->dots = mem_room(w->dots, i, sizeof(*w->dots));
		w->writers = mem_room(w->writers, i, sizeof(*w->writers));
		w->dots[i] = w->writers[i] = 0;
		w->log_count++;
	}
	return w;
}

void statetable_drop(struct statetable_writer *w)
{
	if (!w)
		return;
	for (int i = 0; i < PART_COUNT; i++)
		buf_free(&w->parts[i]);
	buf_free(&w->exact);
	buf_free(&w->content);
	table_free(&w->others);
	table_free(&w->names.lower);
	table_free(&w->sets.members);
	free(w->dots);
	free(w->writers);
	free(w->names.spelled);
	free(w->names.rank);
	free(w->sets.uses);
	free(w->sets.rank);
	free(w->row_sets);
	free(w->write_names);
	arena_free(&w->arena);
	free(w);
}

/* ---- logs, names, sets by number ---- */

static uint64_t log_number(
	struct statetable_writer *w, const struct log_id *log)
{
	size_t at = known_log_index(&w->h->known, log);

	if (at < w->h->known.log_count)
		return at;
	at += (size_t)table_index(&w->others, log, sizeof(*log)) - 1;
	if (at == w->log_count) {
		w->dots = mem_room(w->dots, at, sizeof(*w->dots));
		w->writers = mem_room(w->writers, at, sizeof(*w->writers));
		w->dots[at] = w->writers[at] = 0;
		w->log_count++;
	}
	return at;
}

static uint32_t name_number(
	struct statetable_writer *w, const char *name, size_t len)
{
	char lower[CHANGE_KEYWORD_MAX];
	struct writer_names *n = &w->names;
	size_t before = n->lower.count;

	assert(len <= sizeof(lower));
	for (size_t i = 0; i < len; i++)
		lower[i] =
			(char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32
								: name[i]);
	uint32_t number = (uint32_t)table_index(&n->lower, lower, len);
	if (n->lower.count > before) {
		n->spelled = mem_room(n->spelled, before, sizeof(*n->spelled));
		n->spelled[before] = arena_dup(&w->arena, name, len);
	}
	return number;
}

static int set_number(struct statetable_writer *w, const struct flag_set *flags,
	uint32_t *ret, struct err *err)
{
	uint32_t members[STATETABLE_ROW_MAX];
	size_t count = 0, len, before = w->sets.members.count;
	const char *keywords = flags->keywords;

	for (const char *l = flags->letters; *l; l++) {
		char name[2] = {'\\', *l};

		if (count < STATETABLE_ROW_MAX)
			members[count] = name_number(w, name, 2);
		count++;
	}
	for (const char *k; (k = keyword_next(&keywords, &len)); count++) {
		if (count < STATETABLE_ROW_MAX)
			members[count] = name_number(w, k, len);
	}
	if (count > STATETABLE_ROW_MAX)
		return err_set(err, ERR_LIMIT,
			"table: a row with more than %u flags",
			STATETABLE_ROW_MAX);
	*ret = (uint32_t)table_index(
		&w->sets.members, members, count * sizeof(*members));
	if (w->sets.members.count > before) {
		w->sets.uses =
			mem_room(w->sets.uses, before, sizeof(*w->sets.uses));
		w->sets.uses[before] = 0;
	}
	w->sets.uses[*ret - 1]++;
	return 0;
}

/* ---- rows ---- */

void statetable_end_uids(struct statetable_writer *w)
{
	if (!w->uids.first)
		return;
	statetable_add_run(&w->parts[PART_UID_STARTS],
		&w->parts[PART_UID_LENGTHS], w->uids_end, &w->uids);
	w->uids_end = w->uids.last;
	w->uids.first = 0;
}

static void add_uid(struct statetable_writer *w, uint32_t uid)
{
	assert(w->before.lsn == 0); /* rows without UID come last */
	assert(uid > (w->uids.first ? w->uids.last : w->uids_end));
	if (w->uids.first && uid == w->uids.last + 1) {
		w->uids.last = uid;
		return;
	}
	statetable_end_uids(w);
	w->uids = (struct lsn_run){uid, uid};
}

static int add_dots(
	struct statetable_writer *w, const struct row *row, struct err *err)
{
	if (row->dot_count > STATETABLE_ROW_MAX)
		return err_set(err, ERR_LIMIT,
			"table: a row with more than %u dots",
			STATETABLE_ROW_MAX);
	wire_add_varint(&w->parts[PART_DOT_COUNTS], row->dot_count);
	for (size_t i = 0; i < row->dot_count; i++) {
		uint64_t log = log_number(w, &row->dots[i].log);
		uint64_t lsn = row->dots[i].lsn;

		wire_add_varint(&w->parts[PART_DOT_LOGS], log);
		wire_add_varint(&w->parts[PART_DOTS],
			statetable_near(lsn, w->dots[log] + 1));
		w->dots[log] = lsn;
	}
	return 0;
}

static void add_write(struct statetable_writer *w, const struct row_write *by)
{
	uint64_t log = log_number(w, &by->by.log);
	uint64_t ms = STAMP_MS(by->by.stamp);
	uint32_t name = name_number(w, by->name, strlen(by->name));

	w->write_names = mem_room(
		w->write_names, w->write_count, sizeof(*w->write_names));
	w->write_names[w->write_count++] = 2 * name + by->value;
	wire_add_varint(&w->parts[PART_WRITE_LOGS], log);
	wire_add_varint(&w->parts[PART_WRITE_LSNS],
		statetable_near(by->by.lsn, w->writers[log] + 1));
	w->writers[log] = by->by.lsn;
	wire_add_varint(&w->parts[PART_WRITE_MS], statetable_near(ms, w->ms));
	if (ms)
		w->ms = ms;
	wire_add_varint(&w->parts[PART_WRITE_COUNTERS], by->by.stamp & 0xffff);
}

static int name_cmp(const char *a, const char *b)
{
	return keyword_cmp(a, strlen(a), b, strlen(b));
}

static int add_writes(
	struct statetable_writer *w, const struct row *row, struct err *err)
{
	if (row->write_count > STATETABLE_ROW_MAX)
		return err_set(err, ERR_LIMIT,
			"table: a row with more than %u writes",
			STATETABLE_ROW_MAX);
	wire_add_varint(&w->parts[PART_WRITE_COUNTS], row->write_count);
	for (size_t i = 0; i < row->write_count; i++) {
		const struct row_write *write = &row->writes[i];

		assert(i == 0 || name_cmp(write[-1].name, write->name) < 0);
		add_write(w, write);
	}
	return 0;
}

int statetable_add(
	struct statetable_writer *w, const struct row *row, struct err *err)
{
	unsigned columns = w->h->columns;
	uint32_t uid = columns & STATETABLE_UID ? row->uid : 0;
	int rc = 0;

	if (w->rows >= STATETABLE_ROWS_MAX)
		return err_set(err, ERR_LIMIT, "table: more than %u rows",
			STATETABLE_ROWS_MAX);
	if (uid)
		add_uid(w, uid);
	assert(uid || row->dot_count || columns & STATETABLE_CONTENT);
	if (!uid && row->dot_count) {
		assert(dot_cmp(&row->dots[0], &w->before) > 0);
		w->before = row->dots[0];
	}
	if (columns & STATETABLE_FLAGS) {
		w->row_sets =
			mem_room(w->row_sets, w->rows, sizeof(*w->row_sets));
		rc = set_number(w, &row->flags, &w->row_sets[w->rows], err);
	}
	w->rows++;
	if (rc == 0 && statetable_has_dots(columns, uid))
		rc = add_dots(w, row, err);
	if (rc == 0 && columns & STATETABLE_WRITES)
		rc = add_writes(w, row, err);
	if (columns & STATETABLE_EXACT)
		wire_add_u64(&w->exact, row->exact);
	if (columns & STATETABLE_CONTENT)
		wire_add_u64(&w->content, row->content);
	return rc;
}
