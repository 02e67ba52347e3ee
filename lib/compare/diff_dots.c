/*
 * diff_dots: which dots live here and not there, or there and not here.
 *
 * Runs on both sides are cut where the other side's runs and gaps begin and
 * end; so the work goes with the number of runs, whatever their length, and a
 * peer that states a run of 2^62 dots is one run.
 */
#include "diff.h"

#include <stdlib.h>

void diff_runs_free(struct diff_runs *runs)
{
	free(runs->items);
	*runs = (struct diff_runs){0};
}

static void add(struct diff_runs *ret, enum diff_verdict verdict,
	const struct log_id *log, uint64_t first, uint64_t last)
{
	struct diff_run *before =
		ret->count ? &ret->items[ret->count - 1] : NULL;

	if (before && before->verdict == verdict && before->last + 1 == first &&
		log_id_cmp(&before->log, log) == 0) {
		before->last = last;
		return;
	}
	if (ret->count == ret->cap) {
		ret->cap = ret->cap ? 2 * ret->cap : 16;
		ret->items =
			mem_grow(ret->items, ret->cap, sizeof(*ret->items));
	}
	ret->items[ret->count++] =
		(struct diff_run){verdict, *log, first, last};
}

/* Runs that are still to come. */
struct runs {
	const struct dot_run *at, *end;
};

/* What one side says of one log. */
struct side {
	const struct known_log *log; /* NULL: nothing */
	struct runs living, dead;
	size_t gap; /* that is still to come */
	bool view;
};

/* The runs of a log, from *at; moves *at behind them. */
static struct runs runs_of(
	const struct dot_run *runs, size_t count, size_t log, size_t *at)
{
	size_t begin;

	while (*at < count && runs[*at].log < log)
		++*at;
	begin = *at;
	while (*at < count && runs[*at].log == log)
		++*at;
	if (begin == *at)
		return (struct runs){NULL, NULL};
	return (struct runs){runs + begin, runs + *at};
}

/* Where the reading of one side's logs stands. */
struct place {
	size_t log, living, dead;
};

static struct side next_side(const struct known *known, struct place *at)
{
	struct side side = {.log = &known->logs[at->log], .view = known->view};

	side.living = runs_of(
		known->living, known->living_count, at->log, &at->living);
	side.dead = runs_of(known->dead, known->dead_count, at->log, &at->dead);
	at->log++;
	return side;
}

/* Up to where the same is to be said: before what begins at next. */
static void end_before(uint64_t next, uint64_t *end)
{
	if (*end >= next)
		*end = next - 1;
}

/* Is lsn in one of the runs? Until *end the answer is the same. */
static bool in_runs(struct runs *runs, uint64_t lsn, uint64_t *end)
{
	while (runs->at < runs->end && runs->at->last < lsn)
		runs->at++;
	if (runs->at == runs->end)
		return false;
	if (runs->at->first > lsn) {
		end_before(runs->at->first, end);
		return false;
	}
	end_before(runs->at->last + 1, end);
	return true;
}

/* Was lsn met? */
static bool was_met(struct side *side, uint64_t lsn, uint64_t *end)
{
	const struct known_log *log = side->log;

	if (lsn > log->at.lsn)
		return false;
	end_before(log->at.lsn + 1, end);
	while (side->gap < log->gap_count && log->gaps[side->gap].last < lsn)
		side->gap++;
	if (side->gap == log->gap_count)
		return true;
	if (log->gaps[side->gap].first > lsn) {
		end_before(log->gaps[side->gap].first, end);
		return true;
	}
	end_before(log->gaps[side->gap].last + 1, end);
	return false;
}

/* What a side says of lsn, and up to where it says the same. Ascending. */
static enum known_dot state_of(struct side *side, uint64_t lsn, uint64_t *end)
{
	bool living, dead, met;

	if (!side->log)
		return KNOWN_NOT;
	living = in_runs(&side->living, lsn, end);
	dead = in_runs(&side->dead, lsn, end);
	met = was_met(side, lsn, end);
	if (living)
		return KNOWN_ALIVE;
	return dead || (met && !side->view) ? KNOWN_DEAD : KNOWN_NOT;
}

static void diff_log(struct side *mine, struct side *theirs,
	const struct log_id *log, struct diff_runs *ret)
{
	static const enum diff_verdict verdicts[3][3] = {
		/* mine, theirs */
		[KNOWN_NOT][KNOWN_ALIVE] = DIFF_ASK,
		[KNOWN_ALIVE][KNOWN_NOT] = DIFF_SEND,
		[KNOWN_ALIVE][KNOWN_DEAD] = DIFF_DEAD,
		[KNOWN_DEAD][KNOWN_ALIVE] = DIFF_TELL,
	};

	for (uint64_t lsn = 1; lsn <= CHANGE_LSN_MAX;) {
		uint64_t end = CHANGE_LSN_MAX;
		enum known_dot here = state_of(mine, lsn, &end);
		enum known_dot there = state_of(theirs, lsn, &end);
		enum diff_verdict verdict = verdicts[here][there];

		if (verdict)
			add(ret, verdict, log, lsn, end);
		lsn = end + 1;
	}
}

void diff_dots(const struct known *mine, const struct known *theirs,
	struct diff_runs *ret)
{
	struct place here = {0}, there = {0};

	while (here.log < mine->log_count || there.log < theirs->log_count) {
		const struct log_id *a = NULL, *b = NULL;
		struct side x = {0}, y = {0};
		int c = 0;

		if (here.log < mine->log_count)
			a = &mine->logs[here.log].at.log;
		if (there.log < theirs->log_count)
			b = &theirs->logs[there.log].at.log;
		if (a && b)
			c = log_id_cmp(a, b);
		if (a && c <= 0)
			x = next_side(mine, &here);
		if (b && (!a || c >= 0))
			y = next_side(theirs, &there);
		diff_log(&x, &y, a && c <= 0 ? a : b, ret);
	}
}
