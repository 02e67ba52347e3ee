/*
 * exchange_table: what a peer's table differs in from our rows of now.
 *
 * With LIVING it tells deaths, with WRITES who wrote the flags: these are
 * taken at once, also from a peer that cannot be asked for anything.
 */
#include <stdlib.h>
#include <string.h>

#include "compared.h"
#include "diff.h"
#include "err.h"
#include "exchange_found.h"
#include "statetable.h"

struct table_diff {
	struct exchange *x;
	const struct parcel_compare *c;
	const struct statetable_header *header;
	struct exchange_found found;
	bool any;
};

static int cmp_keys(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* A table of keys tells as much as a sketch that suffices. */
static int diff_keys(
	struct table_diff *d, struct statetable *t, struct err *err)
{
	bool content = d->c->kind == PARCEL_COMPARE_CONTENT;
	size_t their_count = (size_t)d->header->rows, count, k = 0;
	uint64_t *theirs = mem_array(their_count + 1, sizeof(*theirs));
	struct keys_row *rows;
	struct row row;
	int rc = exchange_our_rows(d->x, (enum comparing_kind)d->c->kind,
		&d->c->folder, d->c->seed, &rows, &count, err);

	for (size_t i = 0; rc >= 0 && statetable_next(t, &row); i++)
		theirs[i] = content ? row.content : row.exact;
	if (rc >= 0)
		qsort(theirs, their_count, sizeof(*theirs), cmp_keys);
	for (size_t i = 0; rc >= 0 && (i < count || k < their_count);) {
		bool mine = i < count &&
			    (k == their_count || rows[i].key < theirs[k]);

		if (!mine && i < count && rows[i].key == theirs[k]) {
			i++;
			k++;
			continue;
		}
		d->any = true;
		if (mine)
			rc = exchange_owe(
				d->x, d->c, &d->found, rows[i++].id, err);
		else
			exchange_ask_key(d->x, &d->found, theirs[k++]);
	}
	if (rc >= 0)
		free(rows);
	free(theirs);
	return rc;
}

/* Writes of the peer's table, as changes of their own writers. */
static int take_writes(
	struct table_diff *d, const struct diff_row *row, struct err *err)
{
	struct exchange *x = d->x;
	int rc = 0;

	for (size_t i = 0; i < row->theirs->write_count && rc >= 0; i++) {
		const struct row_write *w = &row->theirs->writes[i];
		char letter[2] = {w->name[1], 0};
		bool is_letter = w->name[0] == '\\';
		struct flag_set set = {
			is_letter ? letter : "", is_letter ? "" : w->name};
		struct change c = change_blank(CHANGE_FLAGS);

		c.by = w->by;
		c.dot = row->mine->dots[0];
		if (w->value)
			c.add = set;
		else
			c.del = set;
		rc = w->by.lsn ? x->may(x->arg, &c, err) : 0;
		if (rc <= 0) {
			x->result.refused += rc == 0;
			continue;
		}
		rc = replica_apply(x->replica, &c, err);
		x->result.taken += rc == 0;
	}
	return rc < 0 ? rc : 0;
}

static int take_diff(void *arg, const struct diff_row *row, struct err *err)
{
	struct table_diff *d = arg;
	int rc = 0;

	d->any = true;
	if (row->take && row->mine && row->mine->dot_count && d->x->takes)
		rc = take_writes(d, row, err);
	if (rc >= 0 && row->mine && row->verdicts & (DIFF_SEND | DIFF_UNSURE))
		rc = exchange_owe(d->x, d->c, &d->found, row->mine->id, err);
	if (row->theirs && row->theirs->uid && row->verdicts & DIFF_ASK)
		exchange_ask_uid(d->x, &d->found, row->theirs->uid);
	return rc < 0 ? rc : 0;
}

static int next_row(void *arg, struct row *ret, struct err *err)
{
	(void)err;
	return statetable_next(arg, ret);
}

static int diff_table(struct table_diff *d, struct statetable *t,
	const struct known *known, struct err *err)
{
	bool keys = d->header->columns & STATETABLE_KEYS;
	struct compared_rows rows;
	struct diff_side mine = {.known = known, .columns = STATETABLE_ALL};
	struct diff_side theirs = {.rows = {next_row, t},
		.known = &d->header->known,
		.columns = d->header->columns};
	int rc = compared_rows_begin(d->x->replica, &d->c->folder,
		d->header->columns & STATETABLE_UID, keys ? d->c->seed : NULL,
		&rows, err);

	if (rc < 0)
		return rc;
	mine.rows = (struct diff_source){compared_rows_next, &rows};
	rc = diff_rows(&mine, &theirs, take_diff, d, err);
	compared_rows_end(&rows);
	return rc;
}

/* What the peer expunged, and what we did. */
static int take_runs(
	struct table_diff *d, const struct diff_run *run, struct err *err)
{
	struct exchange *x = d->x;

	if (run->verdict == DIFF_TELL)
		return owed_tombstones(x->replica, x->peer, &d->c->folder,
			&run->log, run->first, run->last, err);
	/* Where it was born only: elsewhere it may have been lost. */
	if (run->verdict != DIFF_DEAD || !x->takes || d->c->doubt ||
		run->log.origin != x->peer)
		return 0;
	d->any = true;
	return exchange_bury(x, &run->log, run->first, run->last, err);
}

static int diff_living(
	struct table_diff *d, const struct known *known, struct err *err)
{
	struct diff_runs runs = {0};
	int rc = 0;

	diff_dots(known, &d->header->known, &runs);
	for (size_t i = 0; i < runs.count && rc >= 0; i++)
		rc = take_runs(d, &runs.items[i], err);
	diff_runs_free(&runs);
	return rc;
}

static int diff(struct table_diff *d, struct statetable *t, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const struct statetable_header *h = d->header;
	unsigned columns = h->columns;
	struct known known;
	int rc = compared_known(
		d->x->replica, &d->c->folder, &arena, &known, err);

	if (rc >= 0 && columns & STATETABLE_LIVING)
		rc = diff_living(d, &known, err);
	if (rc < 0)
		return rc;
	if (columns & (d->c->kind == PARCEL_COMPARE_CONTENT ? STATETABLE_CONTENT
							    : STATETABLE_EXACT))
		return diff_keys(d, t, err);
	rc = columns & STATETABLE_UID
		     ? exchange_uids_agree(d->x, &d->c->folder, h->term,
			       h->authority, h->uidvalidity, err)
		     : 1;
	return rc <= 0 ? rc : diff_table(d, t, &known, err);
}

/* Only keys tell that nothing differs: other columns leave much out. */
static int answer_table(struct table_diff *d, struct err *err)
{
	bool keys =
		d->header->columns & (STATETABLE_EXACT | STATETABLE_CONTENT);

	if (!keys && !d->found.key_count && !d->found.uid_count &&
		!d->found.ours) {
		/* Nothing to go on with; a sketch shows the rest. */
		struct comparing answer = exchange_answer(d->x, d->c);

		answer.ask_symbols = 64;
		return comparing_put(d->x->replica, &answer, err);
	}
	return exchange_answer_found(
		d->x, d->c, &d->found, keys && !d->any, err);
}

int exchange_table(
	struct exchange *x, const struct parcel_compare *c, struct err *err)
{
	struct table_diff d = {.x = x, .c = c};
	struct statetable *t;
	int rc = statetable_open(c->payload, c->len, &t, err);

	if (rc < 0)
		return rc;
	d.header = statetable_header(t);
	if (d.header->columns & STATETABLE_KEYS &&
		memcmp(d.header->seed, c->seed, sizeof(c->seed)) != 0)
		rc = err_set(err, ERR_CORRUPT,
			"table of another comparison than it says");
	if (rc >= 0)
		rc = diff(&d, t, err);
	if (rc >= 0)
		rc = exchange_reached(x, c, d.header, err);
	if (rc >= 0)
		rc = answer_table(&d, err);
	exchange_found_free(&d.found);
	statetable_free(t);
	return rc;
}
