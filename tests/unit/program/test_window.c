/* Tests of windows: their language, and clocks that jump. */
#include "window.h"

#include "err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "wallclock.h"

static struct window parsed(const char *text)
{
	struct window w;
	struct err err = ERR_INIT;

	if (window_parse(text, &w, &err) < 0)
		fail_msg("%s", err.text);
	return w;
}

static void days_and_times_are_read(void **state)
{
	struct window w = parsed("Mon-Fri 22:00-06:00");

	(void)state;
	assert_int_equal(w.days, 0x3e);
	assert_int_equal(w.from, 22 * 60);
	assert_int_equal(w.to, 6 * 60);
	assert_false(w.utc);
	w = parsed("fri-MON,Wed");
	assert_int_equal(w.days, 0x6b);
	assert_int_equal(w.from, 0);
	assert_int_equal(w.to, 1440);
	w = parsed("00:00-24:00 UTC");
	assert_int_equal(w.days, 0x7f);
	assert_int_equal(w.to, 1440);
	assert_true(w.utc);
	w = parsed("Sun 09:30-00:00");
	assert_int_equal(w.days, 1);
	assert_int_equal(w.to, 0);
}

static void other_texts_are_refused(void **state)
{
	static const char *const texts[] = {"", " ", "UTC", "Mon ", "Mon-",
		"Mon,", "-Mon", "Mon Tue", "Monday", "Mon22:00-06:00", "22:00",
		"22:00-", "22-06", "2:00-6:00", "24:00-06:00", "22:00-24:01",
		"22:60-23:00", "22:00-22:00", "22:00-06:00UTC",
		"22:00-06:00 CET", "22:00-06:00 UTC ", "Mon UTC 22:00-23:00",
		"22:00-06:00 Mon", "99:00-06:00", "2:000-06:00", "22:00-06:0"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct err err = ERR_INIT;

		if (window_parse(texts[i], NULL, &err) != ERR_USAGE)
			fail_msg("taken: \"%s\"", texts[i]);
	}
}

static void a_night_belongs_to_the_day_on_which_it_begins(void **state)
{
	struct window w = parsed("Mon-Fri 22:00-06:00");

	(void)state;
	assert_false(window_holds(&w, 1, 0)); /* Sunday's night */
	assert_false(window_holds(&w, 1, 21 * 60 + 59));
	assert_true(window_holds(&w, 1, 22 * 60));
	assert_true(window_holds(&w, 5, 23 * 60 + 59));
	assert_true(window_holds(&w, 6, 0));
	assert_true(window_holds(&w, 6, 5 * 60 + 59));
	assert_false(window_holds(&w, 6, 6 * 60));
	assert_false(window_holds(&w, 6, 22 * 60));
	assert_false(window_holds(&w, 0, 60));
	w = parsed("Sat 23:00-01:00");
	assert_true(window_holds(&w, 0, 30));
	assert_false(window_holds(&w, 6, 30));
}

static void no_window_is_always_open(void **state)
{
	(void)state;
	assert_true(windows_open(NULL, 0, 0));
}

/* 2026: summer time begins on March 29 at 2, ends on October 25 at 3. */
static void the_clock_on_the_wall_counts(void **state)
{
	struct window w = parsed("02:00-03:00");

	(void)state;
	int64_t summer = at(BERLIN, 7, 1, 2, 30);
	assert_true(windows_open(&w, 1, summer));
	assert_false(windows_open(&w, 1, summer + 3600));
	int64_t winter = at(BERLIN, 1, 7, 2, 30);
	assert_true(windows_open(&w, 1, winter));
	assert_int_equal((summer - winter) % 86400, 86400 - 3600);
	/* in UTC it stays where it is */
	w = parsed("02:00-03:00 UTC");
	assert_true(windows_open(&w, 1, at(BERLIN, 7, 1, 4, 30)));
	assert_true(windows_open(&w, 1, at(BERLIN, 1, 7, 3, 30)));
	assert_false(windows_open(&w, 1, at(BERLIN, 7, 1, 2, 30)));
}

static unsigned minutes_open(const struct window *w, int64_t from, int hours)
{
	unsigned open = 0;

	for (int64_t t = from; t < from + hours * 3600; t += 60)
		open += windows_open(w, 1, t);
	return open;
}

static void an_hour_left_out_is_shut_and_one_shown_twice_open_twice(
	void **state)
{
	struct window w = parsed("02:00-03:00");

	(void)state;
	assert_int_equal(minutes_open(&w, at(BERLIN, 3, 28, 23, 0), 12), 0);
	assert_int_equal(minutes_open(&w, at(BERLIN, 10, 24, 23, 0), 12), 120);
	assert_int_equal(minutes_open(&w, at(BERLIN, 10, 25, 23, 0), 12), 60);
}

static void the_next_opening_is_found(void **state)
{
	struct window w[] = {
		parsed("Mon-Fri 22:00-06:00"), parsed("Sat 12:00-13:00")};
	int64_t friday = at(BERLIN, 11, 20, 6, 0), day = 86400;

	(void)state;
	assert_int_equal(windows_next(w, 2, friday), friday + 16 * 3600);
	assert_int_equal(
		windows_next(w, 2, friday + day + 59), friday + day + 6 * 3600);
	assert_int_equal(windows_next(w, 2, friday + day + 7 * 3600),
		friday + 3 * day + 16 * 3600);
	/* once a week, in the hour that is left out */
	struct window hour = parsed("Sun 02:00-03:00");
	int64_t saturday = at(BERLIN, 3, 28, 12, 0);
	assert_int_equal(
		windows_next(&hour, 1, saturday), at(BERLIN, 4, 5, 2, 0));
}

static void time_passes_only_while_one_is_open(void **state)
{
	struct window w[] = {
		parsed("Mon-Fri 22:00-06:00"), parsed("Sat 12:00-13:00")};
	int64_t friday = at(BERLIN, 11, 20, 6, 0), day = 86400;

	(void)state;
	assert_int_equal(windows_after(NULL, 0, friday, 90), friday + 90);
	assert_int_equal(
		windows_after(w, 2, friday, 90), friday + 16 * 3600 + 90);
	/* in the middle of a minute, and to the end of the window */
	assert_int_equal(windows_after(w, 2, friday - 100, 100), friday);
	assert_int_equal(windows_after(w, 2, friday, 8 * 3600), friday + day);
	assert_int_equal(windows_after(w, 2, friday, 8 * 3600 + 1),
		friday + day + 6 * 3600 + 1);
	assert_int_equal(windows_after(w, 2, friday, 9 * 3600 + 1),
		friday + 3 * day + 16 * 3600 + 1);
	assert_int_equal(windows_after(w, 2, friday, 8 * 50 * 3600), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_and_times_are_read),
		cmocka_unit_test(other_texts_are_refused),
		cmocka_unit_test(a_night_belongs_to_the_day_on_which_it_begins),
		cmocka_unit_test(no_window_is_always_open),
		cmocka_unit_test(the_clock_on_the_wall_counts),
		cmocka_unit_test(
			an_hour_left_out_is_shut_and_one_shown_twice_open_twice),
		cmocka_unit_test(the_next_opening_is_found),
		cmocka_unit_test(time_passes_only_while_one_is_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
