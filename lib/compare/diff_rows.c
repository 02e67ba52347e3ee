/*
 * diff_rows: rows that are not the same here and there.
 *
 * Both sides come in one order, so that rows with the same UID, or without one
 * and with the same first dot, meet at once; those that are equal are
 * forgotten. The others wait until the end: some of them are one message
 * after all, which got a UID, or lost its first dot, on one side only. They
 * are found by a dot that both have.
 */
#include "diff.h"
#include "err.h"
#include "flagset.h"
#include "statetable.h"

#include <stdlib.h>
#include <string.h>

/* A row that found no other yet. */
struct waiting {
	struct row row;
	size_t other; /* index + 1 of its like among the other side's */
};

struct waitings {
	struct waiting *items;
	size_t count, cap;
	struct arena arena;
};

struct diffing {
	const struct diff_side *mine, *theirs;
	unsigned columns; /* that theirs have */
	diff_row_fn fn;
	void *arg;
	struct waitings here, there;
};

/* ---- rows that wait ---- */

static const char *copy_text(struct arena *arena, const char *s)
{
	return arena_dup(arena, s, strlen(s));
}

static void wait_for(struct waitings *w, const struct row *row)
{
	struct row *copy;

	if (w->count == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 16;
		w->items = mem_grow(w->items, w->cap, sizeof(*w->items));
	}
	w->items[w->count++] = (struct waiting){.row = *row};
	copy = &w->items[w->count - 1].row;
	copy->flags.letters = copy_text(&w->arena, row->flags.letters);
	copy->flags.keywords = copy_text(&w->arena, row->flags.keywords);
	copy->base = copy_text(&w->arena, row->base);
	copy->extra = copy_text(&w->arena, row->extra);
	if (row->dot_count) {
		struct dot *dots =
			arena_alloc(&w->arena, row->dot_count * sizeof(*dots));

		memcpy(dots, row->dots, row->dot_count * sizeof(*dots));
		copy->dots = dots;
	}
	if (row->write_count) {
		struct row_write *writes = arena_alloc(
			&w->arena, row->write_count * sizeof(*writes));

		memcpy(writes, row->writes, row->write_count * sizeof(*writes));
		for (size_t i = 0; i < row->write_count; i++)
			writes[i].name =
				copy_text(&w->arena, row->writes[i].name);
		copy->writes = writes;
	}
}

static void waitings_free(struct waitings *w)
{
	free(w->items);
	arena_free(&w->arena);
}

/* ---- two rows of one message ---- */

static bool share_dot(const struct row *a, const struct row *b)
{
	size_t i = 0, k = 0;

	while (i < a->dot_count && k < b->dot_count) {
		int c = dot_cmp(&a->dots[i], &b->dots[k]);

		if (c == 0)
			return true;
		if (c < 0)
			i++;
		else
			k++;
	}
	return false;
}

/*
 * Writes are sorted by name. What a side never wrote is as it was born, and
 * older than any write.
 */
static void compare_writes(
	const struct row *mine, const struct row *theirs, struct diff_row *ret)
{
	size_t i = 0, k = 0;

	while (i < mine->write_count || k < theirs->write_count) {
		const struct row_write *a = NULL, *b = NULL;
		int c = 0;

		if (i < mine->write_count)
			a = &mine->writes[i];
		if (k < theirs->write_count)
			b = &theirs->writes[k];
		if (a && b)
			c = keyword_cmp(a->name, strlen(a->name), b->name,
				strlen(b->name));
		if (!b || (a && c < 0)) {
			ret->verdicts |= DIFF_SEND;
			i++;
		} else if (!a || c > 0) {
			ret->take = true;
			k++;
		} else {
			c = write_id_cmp(&a->by, &b->by);
			ret->take |= c < 0;
			if (c > 0)
				ret->verdicts |= DIFF_SEND;
			i++;
			k++;
		}
	}
}

static bool same_flags(const struct flag_set *a, const struct flag_set *b)
{
	return strcmp(a->letters, b->letters) == 0 &&
	       keyword_lists_equal(a->keywords, b->keywords);
}

/* Where their dots are here, and diff_dots has nothing to go by. */
static bool other_dots(const struct diffing *d, const struct row *mine,
	const struct row *theirs)
{
	if (d->columns & STATETABLE_LIVING || theirs->dot_count == 0)
		return false;
	if (mine->dot_count != theirs->dot_count)
		return true;
	for (size_t i = 0; i < mine->dot_count; i++) {
		if (dot_cmp(&mine->dots[i], &theirs->dots[i]) != 0)
			return true;
	}
	return false;
}

static void compare(const struct diffing *d, const struct row *mine,
	const struct row *theirs, struct diff_row *ret)
{
	*ret = (struct diff_row){.mine = mine, .theirs = theirs};
	if (d->columns & STATETABLE_EXACT && mine->exact == theirs->exact)
		return;
	if (d->columns & STATETABLE_WRITES)
		compare_writes(mine, theirs, ret);
	else if (d->columns & STATETABLE_FLAGS &&
		 !same_flags(&mine->flags, &theirs->flags))
		ret->verdicts |= DIFF_ASK | DIFF_SEND;
	if ((d->columns & STATETABLE_UID && mine->uid != theirs->uid) ||
		other_dots(d, mine, theirs))
		ret->verdicts |= DIFF_ASK | DIFF_SEND;
	/* something that has no column here */
	if (d->columns & STATETABLE_EXACT && !ret->verdicts && !ret->take)
		ret->verdicts |= DIFF_ASK | DIFF_SEND;
}

static int give(
	const struct diffing *d, const struct diff_row *row, struct err *err)
{
	if (!row->verdicts && !row->take)
		return 0;
	return d->fn(d->arg, row, err);
}

/* ---- a row that only one side has ---- */

/* What the other side knows of a row's dots, as bits of 1 << enum known_dot. */
static unsigned known_of(const struct known *known, const struct row *row)
{
	unsigned ret = 0;

	for (size_t i = 0; i < row->dot_count; i++)
		ret |= 1u << known_dot(known, &row->dots[i]);
	return ret;
}

/*
 * Without living dots of theirs, one that they met may be dead or elsewhere.
 * One that lives there has been moved here or there: both tell where.
 */
static unsigned verdict_mine(const struct diffing *d, const struct row *mine)
{
	unsigned known = known_of(d->theirs->known, mine);
	unsigned ret = 0;

	if (known & 1u << KNOWN_NOT)
		ret |= DIFF_SEND;
	if (known & 1u << KNOWN_ALIVE)
		ret |= DIFF_SEND | DIFF_ASK;
	if (known == 1u << KNOWN_DEAD &&
		!(d->theirs->columns & STATETABLE_LIVING))
		ret |= DIFF_UNSURE;
	return ret;
}

static unsigned verdict_theirs(
	const struct diffing *d, const struct row *theirs)
{
	unsigned known = known_of(d->mine->known, theirs);
	unsigned ret = 0;

	if (!known || known & 1u << KNOWN_NOT)
		ret |= DIFF_ASK;
	if (known & 1u << KNOWN_ALIVE)
		ret |= DIFF_SEND | DIFF_ASK;
	if (known == 1u << KNOWN_DEAD)
		ret |= DIFF_TELL;
	return ret;
}

/* ---- finding each other ---- */

/* Order of rows: by UID, then those without by their first dot. */
static int cmp_places(
	const struct diffing *d, const struct row *a, const struct row *b)
{
	uint32_t x = d->columns & STATETABLE_UID ? a->uid : 0;
	uint32_t y = d->columns & STATETABLE_UID ? b->uid : 0;

	if (x != y)
		return x && (!y || x < y) ? -1 : 1;
	if (x || (!a->dot_count && !b->dot_count))
		return 0;
	if (!a->dot_count || !b->dot_count)
		return a->dot_count ? -1 : 1;
	return dot_cmp(&a->dots[0], &b->dots[0]);
}

static int meet(struct diffing *d, const struct row *mine,
	const struct row *theirs, struct err *err)
{
	struct diff_row row;

	/* one UID, two messages: only a peer that lies has that */
	if (mine->dot_count && theirs->dot_count && !share_dot(mine, theirs)) {
		wait_for(&d->here, mine);
		wait_for(&d->there, theirs);
		return 0;
	}
	compare(d, mine, theirs, &row);
	return give(d, &row, err);
}

/* One side, a row at a time. */
struct stream {
	const struct diff_source *source;
	struct row row;
	int rc; /* 1: row is the next */
};

static void advance(struct stream *s, struct err *err)
{
	s->rc = s->source->next(s->source->arg, &s->row, err);
}

static int walk(struct diffing *d, struct err *err)
{
	struct stream mine = {.source = &d->mine->rows};
	struct stream theirs = {.source = &d->theirs->rows};
	int rc = 0;

	advance(&mine, err);
	if (mine.rc >= 0)
		advance(&theirs, err);
	while (rc >= 0 && mine.rc >= 0 && theirs.rc >= 0 &&
		(mine.rc || theirs.rc)) {
		int c = !mine.rc     ? 1
			: !theirs.rc ? -1
				     : cmp_places(d, &mine.row, &theirs.row);

		if (c == 0)
			rc = meet(d, &mine.row, &theirs.row, err);
		else if (c < 0)
			wait_for(&d->here, &mine.row);
		else
			wait_for(&d->there, &theirs.row);
		if (rc >= 0 && c <= 0)
			advance(&mine, err);
		if (rc >= 0 && mine.rc >= 0 && c >= 0)
			advance(&theirs, err);
	}
	if (rc >= 0 && mine.rc < 0)
		rc = mine.rc;
	if (rc >= 0 && theirs.rc < 0)
		rc = theirs.rc;
	return rc;
}

struct dot_of {
	struct dot dot;
	size_t row;
};

static int cmp_dots_of(const void *a, const void *b)
{
	return dot_cmp(&((const struct dot_of *)a)->dot,
		&((const struct dot_of *)b)->dot);
}

/* Let those that wait find each other by a dot. */
static void match(struct diffing *d)
{
	AUTO_FREE struct dot_of *dots = NULL;
	size_t count = 0;

	for (size_t i = 0; i < d->here.count; i++)
		count += d->here.items[i].row.dot_count;
	dots = mem_array(count, sizeof(*dots));
	count = 0;
	for (size_t i = 0; i < d->here.count; i++) {
		const struct row *row = &d->here.items[i].row;

		for (size_t k = 0; k < row->dot_count; k++)
			dots[count++] = (struct dot_of){row->dots[k], i};
	}
	qsort(dots, count, sizeof(*dots), cmp_dots_of);
	for (size_t i = 0; i < d->there.count; i++) {
		struct waiting *theirs = &d->there.items[i];

		for (size_t k = 0; k < theirs->row.dot_count && !theirs->other;
			k++) {
			struct dot_of wanted = {theirs->row.dots[k], 0};
			struct dot_of *found = bsearch(&wanted, dots, count,
				sizeof(*dots), cmp_dots_of);

			if (!found || d->here.items[found->row].other)
				continue;
			d->here.items[found->row].other = i + 1;
			theirs->other = found->row + 1;
		}
	}
}

static int give_waiting(struct diffing *d, struct err *err)
{
	struct diff_row row;
	int rc = 0;

	for (size_t i = 0; i < d->here.count && rc >= 0; i++) {
		const struct waiting *w = &d->here.items[i];

		if (w->other)
			compare(d, &w->row, &d->there.items[w->other - 1].row,
				&row);
		else
			row = (struct diff_row){.mine = &w->row,
				.verdicts = verdict_mine(d, &w->row)};
		rc = give(d, &row, err);
	}
	for (size_t i = 0; i < d->there.count && rc >= 0; i++) {
		const struct waiting *w = &d->there.items[i];

		if (w->other)
			continue;
		row = (struct diff_row){.theirs = &w->row,
			.verdicts = verdict_theirs(d, &w->row)};
		rc = give(d, &row, err);
	}
	return rc;
}

int diff_rows(const struct diff_side *mine, const struct diff_side *theirs,
	diff_row_fn fn, void *arg, struct err *err)
{
	struct diffing d = {.mine = mine,
		.theirs = theirs,
		.columns = theirs->columns,
		.fn = fn,
		.arg = arg};
	int rc = walk(&d, err);

	if (rc >= 0) {
		match(&d);
		rc = give_waiting(&d, err);
	}
	waitings_free(&d.here);
	waitings_free(&d.there);
	return rc < 0 ? rc : 0;
}
