#include "budget.h"

#include <string.h>
#include <time.h>

#include "config.h"
#include "err.h"
#include "mem.h"

#define DAY_S INT64_C(86400)
#define LEAST 16384u /* half of it is spare */
#define SPARE_PART 32
#define SPARE_LEAST 8192u
#define SPARE_MOST (1u << 19)
#define MINUTES_LOOKED_AT 360 /* more than any clock leaves out */

static const char *const names[BUDGET_SPANS] = {"call", "day", "month"};

const char *budget_span_name(enum budget_span span)
{
	return names[span];
}

static int malformed(const char *text, struct err *err)
{
	return err_set(err, ERR_USAGE,
		"not a budget: \"%s\" (for example \"2M call\", \"20M day\" or "
		"\"300M month UTC\")",
		text);
}

/* The span whose name text begins with, and what stands behind it; or -1. */
static int find_span(const char *text, const char **ret_rest)
{
	for (int i = 0; i < BUDGET_SPANS; i++)
		if (strncmp(text, names[i], strlen(names[i])) == 0) {
			*ret_rest = text + strlen(names[i]);
			return i;
		}
	return -1;
}

int budget_parse(const char *text, struct budget *budget, struct err *err)
{
	const char *blank = strchr(text, ' '), *rest = "";
	AUTO_FREE char *size =
		mem_dup_n(text, blank ? (size_t)(blank - text) : 0);
	int span = blank ? find_span(blank + 1, &rest) : -1;
	bool utc = span > BUDGET_CALL && strcmp(rest, " UTC") == 0;
	uint64_t most;

	if (span < 0 || (*rest && !utc) || value_size(size, &most, NULL) < 0)
		return malformed(text, err);
	if (most < LEAST)
		return err_set(err, ERR_USAGE,
			"too small: \"%s\" (16K at least: a call itself takes "
			"some)",
			text);
	if (budget->most[span])
		return err_set(err, ERR_USAGE,
			"a second budget for one %s: \"%s\"", names[span],
			text);
	budget->most[span] = most;
	budget->utc[span] = utc;
	return 0;
}

bool budget_any(const struct budget *b)
{
	return b->most[BUDGET_CALL] || b->most[BUDGET_DAY] ||
	       b->most[BUDGET_MONTH];
}

static uint32_t label_of(
	const struct budget *b, enum budget_span span, int64_t now_s)
{
	time_t now = (time_t)now_s;
	struct tm tm = {0};

	if (span == BUDGET_CALL)
		return 0;
	if (b->utc[span])
		gmtime_r(&now, &tm);
	else
		localtime_r(&now, &tm);
	uint32_t month =
		(uint32_t)(tm.tm_year + 1900) * 100 + (uint32_t)tm.tm_mon + 1;
	return span == BUDGET_MONTH ? month
				    : month * 100 + (uint32_t)tm.tm_mday;
}

static uint64_t sum_of(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* The sum of today, made if there is none. */
static struct budget_sum *sum_for(
	struct budget_sum *sums, uint32_t today, uint32_t latest)
{
	struct budget_sum *first = &sums[0], *ret = NULL;
	uint64_t strayed = 0;

	for (int i = 0; i < BUDGET_KEPT; i++) {
		if (sums[i].label > latest) {
			strayed = sum_of(strayed, sums[i].bytes);
			sums[i] = (struct budget_sum){0};
		}
		if (sums[i].label == today)
			ret = &sums[i];
		if (sums[i].label < first->label)
			first = &sums[i];
	}
	if (!ret) {
		ret = first;
		*ret = (struct budget_sum){.label = today};
	}
	ret->bytes = sum_of(ret->bytes, strayed);
	return ret;
}

static struct budget_sum *day_of(
	struct budget_spent *s, const struct budget *b, int64_t now_s)
{
	return sum_for(s->days, label_of(b, BUDGET_DAY, now_s),
		label_of(b, BUDGET_DAY, now_s + 2 * DAY_S));
}

static struct budget_sum *month_of(
	struct budget_spent *s, const struct budget *b, int64_t now_s)
{
	return sum_for(s->months, label_of(b, BUDGET_MONTH, now_s),
		label_of(b, BUDGET_MONTH, now_s + 32 * DAY_S));
}

void budget_spend(struct budget_spent *s, const struct budget *b,
	uint64_t bytes, int64_t now_s)
{
	struct budget_sum *day = day_of(s, b, now_s);
	struct budget_sum *month = month_of(s, b, now_s);

	s->call = sum_of(s->call, bytes);
	day->bytes = sum_of(day->bytes, bytes);
	month->bytes = sum_of(month->bytes, bytes);
}

/* In it, and ahead of it. */
static uint64_t since(const struct budget_sum *sums, uint32_t label)
{
	uint64_t bytes = 0;

	for (int i = 0; i < BUDGET_KEPT; i++)
		if (sums[i].label >= label)
			bytes = sum_of(bytes, sums[i].bytes);
	return bytes;
}

uint64_t budget_spent_in(const struct budget_spent *s, const struct budget *b,
	enum budget_span span, int64_t now_s)
{
	struct budget_spent today = *s;

	if (span == BUDGET_CALL)
		return s->call;
	if (span == BUDGET_DAY)
		return since(today.days, day_of(&today, b, now_s)->label);
	return since(today.months, month_of(&today, b, now_s)->label);
}

uint64_t budget_left(const struct budget_spent *s, const struct budget *b,
	int64_t now_s, enum budget_span *ret_span)
{
	uint64_t least = UINT64_MAX;

	for (enum budget_span i = BUDGET_CALL; i < BUDGET_SPANS; i++) {
		uint64_t spent = budget_spent_in(s, b, i, now_s);
		uint64_t left = spent < b->most[i] ? b->most[i] - spent : 0;

		/* Of two that are used up the longer one. */
		if (!b->most[i] || left > least)
			continue;
		least = left;
		if (ret_span)
			*ret_span = i;
	}
	return least;
}

uint64_t budget_spare(const struct budget *b)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < BUDGET_SPANS; i++)
		if (b->most[i] && b->most[i] < least)
			least = b->most[i];
	uint64_t spare = least / SPARE_PART;
	return spare < SPARE_LEAST  ? SPARE_LEAST
	       : spare > SPARE_MOST ? SPARE_MOST
				    : spare;
}

int64_t budget_until(
	const struct budget *b, enum budget_span span, int64_t now_s)
{
	uint32_t today = label_of(b, span, now_s);
	time_t now = (time_t)now_s;
	struct tm tm = {0};

	if (span == BUDGET_CALL)
		return now_s;
	if (b->utc[span])
		gmtime_r(&now, &tm);
	else
		localtime_r(&now, &tm);
	struct tm next = {.tm_year = tm.tm_year,
		.tm_mon = tm.tm_mon + (span == BUDGET_MONTH),
		.tm_mday = span == BUDGET_MONTH ? 1 : tm.tm_mday + 1,
		.tm_isdst = -1};
	int64_t then = b->utc[span] ? timegm(&next) : mktime(&next);

	/* A midnight that the clock leaves out, or shows twice, is not where
	   mktime(3) puts it everywhere. */
	then -= MINUTES_LOOKED_AT / 2 * 60;
	if (then < now_s)
		then = now_s - now_s % 60;
	for (int i = 0; i < MINUTES_LOOKED_AT; i++, then += 60)
		if (label_of(b, span, then) != today)
			break;
	return then;
}
