/* Tests of budgets: their language, calendars, and clocks that jump. */
#include "budget.h"

#include "err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "wallclock.h"

#define MIB (UINT64_C(1) << 20)
/* Its clocks go on at midnight, which is not there then. */
#define SANTIAGO "<-04>4<-03>,M9.1.6/24,M4.1.6/24"

static struct budget parsed(const char *one, const char *two)
{
	struct budget b = {0};
	struct err err = ERR_INIT;

	if (budget_parse(one, &b, &err) < 0 ||
		(two && budget_parse(two, &b, &err) < 0))
		fail_msg("%s", err.text);
	return b;
}

static void sizes_and_spans_are_read(void **state)
{
	struct budget b = parsed("2M call", "300M month UTC");

	(void)state;
	assert_int_equal(b.most[BUDGET_CALL], 2 * MIB);
	assert_int_equal(b.most[BUDGET_DAY], 0);
	assert_int_equal(b.most[BUDGET_MONTH], 300 * MIB);
	assert_true(b.utc[BUDGET_MONTH]);
	assert_true(budget_any(&b));
	b = parsed("16384 day", NULL);
	assert_int_equal(b.most[BUDGET_DAY], 16384);
	assert_false(b.utc[BUDGET_DAY]);
}

static void what_is_no_budget_is_refused(void **state)
{
	static const char *const wrong[] = {"", "2M", "day", " day", "2M week",
		"2M days", "2M day utc", "2M day UTC ", "2M  day",
		"2M call UTC", "2m day", "-1 day", "16383 day", "0 month",
		"99999999999T day"};
	struct budget b = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct err err = ERR_INIT;

		if (budget_parse(wrong[i], &b, &err) != ERR_USAGE)
			fail_msg("\"%s\" was taken", wrong[i]);
		assert_non_null(strstr(err.text, wrong[i]));
	}
	assert_false(budget_any(&b));
	b = parsed("1M day", NULL);
	assert_int_equal(budget_parse("2M day UTC", &b, NULL), ERR_USAGE);
	assert_int_equal(b.most[BUDGET_DAY], MIB);
}

static void the_span_with_the_least_left_counts(void **state)
{
	struct budget b = parsed("1M call", "2M day");
	struct budget_spent s = {0};
	enum budget_span span;
	int64_t noon = at(BERLIN, 5, 12, 12, 0);

	(void)state;
	assert_int_equal(budget_left(&s, &b, noon, &span), MIB);
	assert_int_equal(span, BUDGET_CALL);
	budget_spend(&s, &b, MIB, noon);
	assert_int_equal(budget_left(&s, &b, noon, &span), 0);
	assert_int_equal(span, BUDGET_CALL);
	s.call = 0;
	assert_int_equal(budget_left(&s, &b, noon, &span), MIB);
	budget_spend(&s, &b, MIB, noon);
	assert_int_equal(budget_left(&s, &b, noon, &span), 0);
	assert_int_equal(span, BUDGET_DAY);
	/* More than there was: what came in could not be held back. */
	budget_spend(&s, &b, UINT64_MAX, noon);
	budget_spend(&s, &b, UINT64_MAX, noon);
	assert_int_equal(budget_left(&s, &b, noon, &span), 0);
	b = (struct budget){0};
	assert_int_equal(budget_left(&s, &b, noon, &span), UINT64_MAX);
}

static void a_day_ends_at_midnight_and_a_month_with_its_last(void **state)
{
	struct budget b = parsed("1M day", "10M month");
	struct budget_spent s = {0};
	int64_t late = at(BERLIN, 2, 28, 23, 59) + 59;

	(void)state;
	budget_spend(&s, &b, 1000, late);
	assert_int_equal(budget_spent_in(&s, &b, BUDGET_DAY, late), 1000);
	assert_int_equal(budget_spent_in(&s, &b, BUDGET_DAY, late + 1), 0);
	assert_int_equal(budget_spent_in(&s, &b, BUDGET_MONTH, late), 1000);
	assert_int_equal(budget_spent_in(&s, &b, BUDGET_MONTH, late + 1), 0);
	assert_int_equal(budget_until(&b, BUDGET_DAY, late), late + 1);
	assert_int_equal(budget_until(&b, BUDGET_MONTH, late), late + 1);
	assert_int_equal(
		budget_until(&b, BUDGET_MONTH, at(BERLIN, 12, 1, 0, 0)),
		at(BERLIN, 12, 31, 23, 59) + 60);
}

static void the_clock_of_greenwich_is_another(void **state)
{
	struct budget b = parsed("1M day UTC", NULL);
	struct budget_spent s = {0};
	int64_t evening = at(BERLIN, 7, 10, 23, 0); /* 21:00 there */

	(void)state;
	budget_spend(&s, &b, 5, evening);
	assert_int_equal(
		budget_spent_in(&s, &b, BUDGET_DAY, evening + 2 * 3600), 5);
	assert_int_equal(
		budget_spent_in(&s, &b, BUDGET_DAY, evening + 3 * 3600), 0);
	assert_int_equal(
		budget_until(&b, BUDGET_DAY, evening), evening + 3 * 3600);
}

static void days_of_23_and_25_hours_end_at_midnight_too(void **state)
{
	struct budget b = parsed("1M day", NULL);
	int64_t spring = at(BERLIN, 3, 29, 0, 0);
	int64_t autumn = at(BERLIN, 10, 25, 0, 0);

	(void)state;
	at(BERLIN, 1, 1, 0, 0);
	assert_int_equal(
		budget_until(&b, BUDGET_DAY, spring), spring + 23 * 3600);
	assert_int_equal(
		budget_until(&b, BUDGET_DAY, autumn), autumn + 25 * 3600);
	/* The hour that is shown twice is one day's, both times. */
	assert_int_equal(budget_until(&b, BUDGET_DAY, autumn + 3 * 3600),
		autumn + 25 * 3600);
}

/* The first moment of September 6 is one o'clock; April 4 has 23:30 twice. */
static void a_midnight_that_is_left_out_or_shown_twice_ends_a_day(void **state)
{
	struct budget b = parsed("1M day", NULL);
	int64_t eve = at(SANTIAGO, 9, 5, 12, 0);
	int64_t twice = at(SANTIAGO, 4, 4, 12, 0);
	int64_t end = budget_until(&b, BUDGET_DAY, eve);
	struct tm tm;
	time_t then = (time_t)end;

	(void)state;
	assert_int_equal(end, eve + 12 * 3600);
	localtime_r(&then, &tm);
	assert_int_equal(tm.tm_mday, 6);
	assert_int_equal(tm.tm_hour, 1);
	assert_int_equal(
		budget_until(&b, BUDGET_DAY, twice), twice + 13 * 3600);
}

static void a_clock_set_back_over_midnight_gains_nothing(void **state)
{
	struct budget b = parsed("1M day", "1M month");
	struct budget_spent s = {0};
	int64_t before = at(BERLIN, 5, 31, 23, 30);
	int64_t behind = at(BERLIN, 6, 1, 0, 30);

	(void)state;
	budget_spend(&s, &b, 600000, before);
	budget_spend(&s, &b, 300000, behind);
	assert_int_equal(budget_left(&s, &b, before, NULL), MIB - 900000);
	budget_spend(&s, &b, MIB - 900000, before);
	assert_int_equal(budget_left(&s, &b, before, NULL), 0);
	/* And on again: what that day had spent it has spent. */
	assert_int_equal(budget_left(&s, &b, behind, NULL), MIB - 300000);
}

static void a_clock_that_was_years_ahead_shuts_a_link_for_a_day(void **state)
{
	struct budget b = parsed("1M day", NULL);
	struct budget_spent s = {0};
	int64_t wrong = at(BERLIN, 5, 1, 12, 0) + INT64_C(86400) * 1500;
	int64_t today = at(BERLIN, 5, 1, 12, 0);

	(void)state;
	budget_spend(&s, &b, MIB, wrong);
	assert_int_equal(budget_left(&s, &b, today, NULL), 0);
	budget_spend(&s, &b, 1, today);
	assert_int_equal(budget_left(&s, &b, today + 86400, NULL), MIB);
	assert_int_equal(budget_left(&s, &b, today, NULL), 0);
}

/* Whatever a clock does within two days: in none of them goes more than its
   budget. */
static void no_jump_within_two_days_lets_a_day_have_more(void **state)
{
	struct budget b = parsed("16K day", NULL);
	int64_t noon = at(BERLIN, 5, 12, 12, 0);

	(void)state;
	srand(7);
	for (int round = 0; round < 2000; round++) {
		struct budget_spent s = {0};
		uint64_t went[3] = {0}; /* by the day that the clock shows */

		for (int step = 0; step < 40; step++) {
			int day = rand() % 3;
			int64_t now = noon + day * INT64_C(86400);
			uint64_t left = budget_left(&s, &b, now, NULL);
			uint64_t some = (uint64_t)rand() % (left + 1);

			budget_spend(&s, &b, some, now);
			went[day] += some;
		}
		for (int day = 0; day < 3; day++)
			if (went[day] > 16384)
				fail_msg("%llu went",
					(unsigned long long)went[day]);
	}
}

static void what_may_be_under_way_is_kept(void **state)
{
	struct budget b = parsed("16K call", "1G day");

	(void)state;
	assert_int_equal(budget_spare(&b), 8192);
	b = parsed("1M call", "1G day");
	assert_int_equal(budget_spare(&b), 32768);
	b = parsed("1G day", NULL);
	assert_int_equal(budget_spare(&b), 524288);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_and_spans_are_read),
		cmocka_unit_test(what_is_no_budget_is_refused),
		cmocka_unit_test(the_span_with_the_least_left_counts),
		cmocka_unit_test(
			a_day_ends_at_midnight_and_a_month_with_its_last),
		cmocka_unit_test(the_clock_of_greenwich_is_another),
		cmocka_unit_test(days_of_23_and_25_hours_end_at_midnight_too),
		cmocka_unit_test(
			a_midnight_that_is_left_out_or_shown_twice_ends_a_day),
		cmocka_unit_test(a_clock_set_back_over_midnight_gains_nothing),
		cmocka_unit_test(
			a_clock_that_was_years_ahead_shuts_a_link_for_a_day),
		cmocka_unit_test(what_may_be_under_way_is_kept),
		cmocka_unit_test(no_jump_within_two_days_lets_a_day_have_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
