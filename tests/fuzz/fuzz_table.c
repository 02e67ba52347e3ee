/*
 * fuzz_table: any bytes as a peer's state table, as they are and as what a
 * stored table holds; and compared with a folder of ours.
 *
 * What is read is written to the same bytes again: one table has one encoding.
 * Compared with itself it has no difference; compared with ours, what is DEAD
 * or SEND is a dot of ours.
 *
 * Planted bugs found: with the number of a log not checked (a read far past
 * them), with the order of rows not checked (the writer's assertion), and with
 * three sets of flags for two bits not checked.
 */
#include "diff.h"
#include "err.h"
#include "statetable.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void demand(bool so)
{
	if (!so)
		abort();
}

static void check_again(struct statetable *t)
{
	const struct buf *raw = statetable_raw(t);
	struct statetable_writer *w = statetable_begin(statetable_header(t));
	AUTO_BUF struct buf again = BUF_INIT;
	struct err err = ERR_INIT;
	struct row row;

	while (statetable_next(t, &row))
		demand(statetable_add(w, &row, &err) == 0);
	demand(statetable_end_raw(w, &again, &err) == 0);
	demand(again.len == raw->len &&
		memcmp(again.data, raw->data, raw->len) == 0);
	statetable_drop(w);
}

/* ---- compared with ours ---- */

struct ours {
	struct row rows[3];
	struct dot dots[3];
	struct row_write write;
	struct known_log log;
	struct dot_run living;
	struct known known;
	size_t next;
};

/* A log of golden_compare.c, of which 10, 11 and 12 live. */
static void make_ours(struct ours *o)
{
	struct log_id log = {0x1111111111111111, 0x2827262524232221, ID_INBOX};

	*o = (struct ours){
		.log = {.at = {.log = log, .lsn = 12}}, .living = {0, 10, 12}};
	o->known = (struct known){.logs = &o->log,
		.log_count = 1,
		.living = &o->living,
		.living_count = 1};
	o->write = (struct row_write){"\\S", true, {5, log, 9}};
	for (size_t i = 0; i < 3; i++) {
		o->dots[i] = (struct dot){log, 10 + i};
		o->rows[i] = (struct row){.id = (int64_t)i,
			.flags = {"S", "Work"},
			.dots = &o->dots[i],
			.dot_count = 1,
			.writes = &o->write,
			.write_count = i > 0,
			.base = "base",
			.extra = ""};
	}
}

static int next_of_ours(void *arg, struct row *ret, struct err *err)
{
	struct ours *o = arg;

	(void)err;
	if (o->next == 3)
		return 0;
	*ret = o->rows[o->next++];
	return 1;
}

static int next_of_table(void *arg, struct row *ret, struct err *err)
{
	(void)err;
	return statetable_next(arg, ret);
}

static int judge(void *arg, const struct diff_row *row, struct err *err)
{
	(void)arg;
	(void)err;
	demand(row->mine || row->theirs);
	demand(row->verdicts || row->take);
	demand(!row->take || row->theirs->write_count);
	return 0;
}

static void compare(struct statetable *t)
{
	const struct statetable_header *h = statetable_header(t);
	struct ours ours;
	struct diff_runs runs = {0};
	struct err err = ERR_INIT;

	make_ours(&ours);
	struct diff_side mine = {
		{next_of_ours, &ours}, &ours.known, STATETABLE_ALL};
	struct diff_side theirs = {{next_of_table, t}, &h->known, h->columns};

	demand(diff_rows(&mine, &theirs, judge, NULL, &err) == 0);
	diff_dots(&ours.known, &h->known, &runs);
	for (size_t i = 0; i < runs.count; i++) {
		const struct diff_run *run = &runs.items[i];

		demand(run->first && run->first <= run->last);
		if (run->verdict & (DIFF_DEAD | DIFF_SEND))
			demand(run->first >= 10 && run->last <= 12);
	}
	diff_runs_free(&runs);
	diff_dots(&h->known, &h->known, &runs);
	demand(runs.count == 0);
}

static void try_table(const void *data, size_t len)
{
	struct statetable *t;
	struct err err = ERR_INIT;
	int rc = statetable_open(data, len, &t, &err);

	if (rc < 0) {
		demand(rc == err.code && err.text[0]);
		return;
	}
	check_again(t);
	compare(t);
	statetable_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_BUF struct buf stored = BUF_INIT;

	try_table(data, len);
	buf_add(&stored, "\1", 2);
	buf_add(&stored, data, len);
	try_table(stored.data, stored.len);
	return 0;
}
