/*
 * statetable_read: rows out of the columns of a state table.
 *
 * A row without dots and keys costs next to nothing (a run of a million UIDs
 * is five bytes), so rows are not unpacked: a cursor walks through each
 * column. Every value is checked where it is taken; after statetable_open has
 * read all rows once nothing can fail.
 */
#include "statetable_read.h"
#include "flagset.h"

#include <assert.h>
#include <string.h>

static void rewind_rows(struct statetable *t)
{
	struct statetable_cursor *at = &t->at;

	*at = (struct statetable_cursor){
		.exact = t->exact,
		.content = t->content,
		.logs_met = t->header.known.log_count,
	};
	memcpy(at->parts, t->parts, sizeof(at->parts));
	memset(t->dots, 0, t->log_count * sizeof(*t->dots));
	memset(t->writers, 0, t->log_count * sizeof(*t->writers));
}

static int take_uid(struct statetable *t, uint32_t *ret, struct err *err)
{
	struct statetable_cursor *at = &t->at;
	struct wire *starts = &at->parts[PART_UID_STARTS];

	*ret = 0;
	if (!at->uids.first && wire_left(starts)) {
		uint64_t start = wire_varint(starts);

		at->uids = statetable_take_run(starts, start,
			wire_varint(&at->parts[PART_UID_LENGTHS]),
			at->uids_end);
		if (starts->bad || at->parts[PART_UID_LENGTHS].bad ||
			at->uids.last > UINT32_MAX)
			return statetable_bad(err, "UIDs are not whole");
		at->uids_end = at->uids.last;
	}
	if (!at->uids.first)
		return 0;
	*ret = (uint32_t)at->uids.first;
	if (at->uids.first++ == at->uids.last)
		at->uids.first = 0;
	return 0;
}

/* A log by its number; others are numbered as they are met. */
static int take_log_number(
	struct statetable *t, enum part part, size_t *ret, struct err *err)
{
	uint64_t number = wire_varint(&t->at.parts[part]);

	if (t->at.parts[part].bad || number >= t->log_count ||
		number > t->at.logs_met)
		return statetable_bad(err, "log is not one of the table's");
	if (number == t->at.logs_met)
		t->at.logs_met++;
	*ret = (size_t)number;
	return 0;
}

/* An lsn near the last in this log. */
static int take_lsn(struct statetable *t, enum part part, uint64_t *last,
	uint64_t *ret, struct err *err)
{
	*last = *ret = statetable_from_near(
		wire_varint(&t->at.parts[part]), *last + 1);
	if (t->at.parts[part].bad || *ret == 0 || *ret > CHANGE_LSN_MAX)
		return statetable_bad(err, "lsn is out of its range");
	return 0;
}

static int take_dots(struct statetable *t, struct row *row, struct err *err)
{
	struct wire *counts = &t->at.parts[PART_DOT_COUNTS];
	uint64_t count = wire_varint(counts);

	if (counts->bad || count > STATETABLE_ROW_MAX)
		return statetable_bad(err, "bad number of dots");
	for (size_t i = 0; i < count; i++) {
		struct dot *dot = &t->row_dots[i];
		size_t log = 0;
		int rc = take_log_number(t, PART_DOT_LOGS, &log, err);

		if (rc == 0)
			rc = take_lsn(
				t, PART_DOTS, &t->dots[log], &dot->lsn, err);
		if (rc < 0)
			return rc;
		dot->log = t->logs[log];
		if (i > 0 && dot_cmp(dot - 1, dot) >= 0)
			return statetable_bad(err, "dots are not in order");
	}
	row->dots = t->row_dots;
	row->dot_count = (size_t)count;
	return 0;
}

static int take_write(
	struct statetable *t, struct row_write *write, struct err *err)
{
	struct wire *parts = t->at.parts;
	uint64_t name = wire_varint(&parts[PART_WRITE_NAMES]);
	uint64_t ms = statetable_from_near(
		wire_varint(&parts[PART_WRITE_MS]), t->at.ms);
	uint64_t counter = wire_varint(&parts[PART_WRITE_COUNTERS]);
	size_t log = 0;
	int rc;

	if (parts[PART_WRITE_NAMES].bad || parts[PART_WRITE_MS].bad ||
		parts[PART_WRITE_COUNTERS].bad || name / 2 >= t->name_count ||
		ms >> 48 || counter >> 16)
		return statetable_bad(err, "name or stamp of a write");
	if (ms)
		t->at.ms = ms;
	t->names[name / 2].used = true;
	write->name = t->names[name / 2].text;
	write->value = name % 2;
	write->by.stamp = STAMP_OF(ms, counter);
	rc = take_log_number(t, PART_WRITE_LOGS, &log, err);
	if (rc < 0)
		return rc;
	write->by.log = t->logs[log];
	return take_lsn(
		t, PART_WRITE_LSNS, &t->writers[log], &write->by.lsn, err);
}

static int take_writes(struct statetable *t, struct row *row, struct err *err)
{
	struct wire *counts = &t->at.parts[PART_WRITE_COUNTS];
	uint64_t count = wire_varint(counts);

	if (counts->bad || count > STATETABLE_ROW_MAX)
		return statetable_bad(err, "bad number of writes");
	for (size_t i = 0; i < count; i++) {
		struct row_write *write = &t->row_writes[i];
		int rc = take_write(t, write, err);

		if (rc < 0)
			return rc;
		/* names stand in their order, and are not double */
		if (i > 0 && keyword_cmp(write[-1].name, strlen(write[-1].name),
				     write->name, strlen(write->name)) >= 0)
			return statetable_bad(err, "writes are not in order");
	}
	row->writes = t->row_writes;
	row->write_count = (size_t)count;
	return 0;
}

/* What names the row, and where it stands among the others. */
static int take_place(struct statetable *t, struct row *row, struct err *err)
{
	unsigned columns = t->header.columns;
	int rc = take_uid(t, &row->uid, err);

	if (rc == 0 && statetable_has_dots(columns, row->uid))
		rc = take_dots(t, row, err);
	if (rc < 0 || row->uid)
		return rc;
	if (row->dot_count == 0)
		return columns & STATETABLE_CONTENT
			       ? 0
			       : statetable_bad(err, "row that has no name");
	if (dot_cmp(&t->at.before, &row->dots[0]) >= 0)
		return statetable_bad(err, "rows are not in order");
	t->at.before = row->dots[0];
	return 0;
}

static int take_row(struct statetable *t, struct row *row, struct err *err)
{
	unsigned columns = t->header.columns;
	int rc;

	*row = (struct row){.flags = {"", ""}, .base = "", .extra = ""};
	rc = take_place(t, row, err);
	if (rc == 0 && columns & STATETABLE_FLAGS) {
		size_t set = statetable_set_of(t, t->at.row);

		if (set >= t->set_count)
			return statetable_bad(err, "unknown set of flags");
		t->sets[set].uses++;
		row->flags = t->sets[set].flags;
	}
	if (rc == 0 && columns & STATETABLE_WRITES)
		rc = take_writes(t, row, err);
	if (rc < 0)
		return rc;
	if (columns & STATETABLE_EXACT)
		row->exact = wire_u64(&t->at.exact);
	if (columns & STATETABLE_CONTENT)
		row->content = wire_u64(&t->at.content);
	t->at.row++;
	return 0;
}

int statetable_check_rows(struct statetable *t, struct err *err)
{
	struct row row;

	rewind_rows(t);
	while (t->at.row < t->header.rows) {
		int rc = take_row(t, &row, err);

		if (rc < 0)
			return rc;
	}
	if (t->at.uids.first || t->at.logs_met != t->log_count)
		return statetable_bad(err, "more UIDs or logs than rows have");
	for (int i = 0; i < PART_LIVING_COUNTS; i++) {
		if (wire_left(&t->at.parts[i]))
			return statetable_bad(err, "column longer than rows");
	}
	rewind_rows(t);
	return 0;
}

bool statetable_next(struct statetable *t, struct row *ret)
{
	int rc;

	if (t->at.row == t->header.rows) {
		rewind_rows(t);
		return false;
	}
	rc = take_row(t, ret, NULL);
	assert(rc == 0); /* all rows were checked */
	return rc == 0;
}
