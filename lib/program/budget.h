/*
 * budget: how many bytes a link may carry in a call, a day and a month, as the
 * calendar on the wall has them.
 *
 *   "2M call"          in each
 *   "20M day"          from midnight to midnight, by the local clock
 *   "300M month UTC"   by that of Greenwich
 *
 * What was spent is kept by the names of the last days and months. A day counts
 * what was spent in it and in those behind it: so a clock that is set back over
 * midnight, and on again, makes no budget larger. What a clock that was wrong by
 * more than two days (or months) counted is today's from then on: at worst a
 * link waits for tomorrow.
 *
 * Pure; times in seconds since 1970.
 */
#ifndef PB_BUDGET_H
#define PB_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum budget_span { BUDGET_CALL, BUDGET_DAY, BUDGET_MONTH, BUDGET_SPANS };

/* 0 bytes: no limit. */
struct budget {
	uint64_t most[BUDGET_SPANS];
	bool utc[BUDGET_SPANS];
};

#define BUDGET_KEPT 3 /* today, and two that a clock may be off */

struct budget_sum {
	uint32_t label; /* 20261122, or 202611; 0: none */
	uint64_t bytes;
};
struct budget_spent {
	uint64_t call; /* 0 when one begins */
	struct budget_sum days[BUDGET_KEPT], months[BUDGET_KEPT];
};

/* Read one and add it. Errors: ERR_USAGE: malformed, too small, or the second
   for its span. */
int budget_parse(const char *text, struct budget *budget, struct err *err);
bool budget_any(const struct budget *b);
/* "call", "day", "month". */
const char *budget_span_name(enum budget_span span);

/* Bytes went or came. */
void budget_spend(struct budget_spent *s, const struct budget *b,
	uint64_t bytes, int64_t now_s);
/* In the call, or in the day or month of now_s. */
uint64_t budget_spent_in(const struct budget_spent *s, const struct budget *b,
	enum budget_span span, int64_t now_s);
/*
 * Bytes that may still go, of the span that has the fewest left; UINT64_MAX
 * where there is no limit. ret_span may be NULL.
 */
uint64_t budget_left(const struct budget_spent *s, const struct budget *b,
	int64_t now_s, enum budget_span *ret_span);
/*
 * What is kept for bytes that are under way and cannot be called back: with no
 * more left a budget counts as used up. A 32nd of the smallest, 8 KiB at least.
 */
uint64_t budget_spare(const struct budget *b);
/* When the day or month of now_s ends. */
int64_t budget_until(
	const struct budget *b, enum budget_span span, int64_t now_s);

#endif
