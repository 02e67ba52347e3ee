/* Tests of when what waits for a link is worth a call. */
#include "worth.h"

#include "err.h"
#include "simdisk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define PEER 0xabc
#define FILE_PATH "/state/worth/0000000000000abc-sat"
#define NOW INT64_C(1795370400000) /* Sun 2026-11-22 18:00 UTC */
#define HOUR INT64_C(3600000)

static const struct config_link sat = {
	.name = "sat", .worth = 10000, .wait_ms = 6 * HOUR};

static void the_first_call_is_always_worth_it(void **state)
{
	struct worth w = {0};

	(void)state;
	assert_false(worth_weighed(&w, 0, NOW));
	assert_true(worth_is_due(&w, &sat, 0, NOW));
	assert_int_equal(worth_by(&w, &sat, NOW), NOW);
}

static void enough_is_worth_a_call_at_once(void **state)
{
	struct worth w = {.since_ms = NOW};

	(void)state;
	assert_true(worth_weighed(&w, 9999, NOW + 1));
	assert_false(worth_is_due(&w, &sat, 9999, NOW + 1));
	assert_true(worth_is_due(&w, &sat, 10000, NOW + 1));
}

static void the_oldest_waits_no_longer_than_is_said(void **state)
{
	struct worth w = {.since_ms = NOW - HOUR};

	(void)state;
	assert_true(worth_weighed(&w, 1, NOW));
	assert_int_equal(w.since_ms, NOW);
	/* More comes: that is no younger for it. */
	assert_false(worth_weighed(&w, 2, NOW + HOUR));
	assert_int_equal(worth_by(&w, &sat, NOW + HOUR), NOW + 6 * HOUR);
	assert_false(worth_is_due(&w, &sat, 2, NOW + 6 * HOUR - 1));
	assert_true(worth_is_due(&w, &sat, 2, NOW + 6 * HOUR));
	/* It is overdue: now. */
	assert_int_equal(worth_by(&w, &sat, NOW + 7 * HOUR), NOW + 7 * HOUR);
}

static void where_nothing_waits_here_the_peer_is_asked_as_late(void **state)
{
	struct worth w = {0};

	(void)state;
	worth_called(&w, 0, NOW);
	assert_false(worth_weighed(&w, 0, NOW + HOUR));
	assert_false(worth_is_due(&w, &sat, 0, NOW + 6 * HOUR - 1));
	assert_true(worth_is_due(&w, &sat, 0, NOW + 6 * HOUR));
}

static void what_another_link_brought_waits_no_more(void **state)
{
	struct worth w = {.since_ms = NOW, .waits = true};

	(void)state;
	assert_true(worth_weighed(&w, 0, NOW + HOUR));
	assert_true(worth_weighed(&w, 5, NOW + 2 * HOUR));
	assert_int_equal(w.since_ms, NOW + 2 * HOUR);
}

/* Or a body that nobody can read would make call after call. */
static void what_a_call_did_not_bring_makes_no_other_at_once(void **state)
{
	struct worth w = {0};

	(void)state;
	worth_called(&w, 50000, NOW);
	assert_false(worth_weighed(&w, 50000, NOW + 1));
	assert_false(worth_is_due(&w, &sat, 50000, NOW + 1));
	assert_false(worth_is_due(&w, &sat, 59999, NOW + 1));
	assert_true(worth_is_due(&w, &sat, 60000, NOW + 1));
	assert_true(worth_is_due(&w, &sat, 50000, NOW + 6 * HOUR));
	/* It is gone: what comes then counts in full. */
	assert_true(worth_weighed(&w, 300, NOW + 2));
	assert_true(worth_is_due(&w, &sat, 10300, NOW + 2));
}

static void a_clock_that_jumps_only_makes_it_early_or_later_once(void **state)
{
	struct worth w = {.since_ms = NOW, .waits = true};

	(void)state;
	assert_int_equal(worth_by(&w, &sat, NOW - 1000 * HOUR),
		NOW - 1000 * HOUR + 6 * HOUR);
	assert_true(worth_weighed(&w, 5, NOW - 1000 * HOUR));
	assert_int_equal(w.since_ms, NOW - 1000 * HOUR);
	assert_false(worth_is_due(&w, &sat, 5, NOW - 1000 * HOUR));
	assert_true(worth_is_due(&w, &sat, 5, NOW));
}

static void it_may_wait_for_ever(void **state)
{
	struct config_link link = sat;
	struct worth w = {.since_ms = NOW, .waits = true};

	(void)state;
	link.wait_ms = -1;
	assert_false(worth_is_due(&w, &link, 9999, NOW + 9999 * HOUR));
	assert_int_equal(worth_by(&w, &link, NOW), -1);
}

static void at_the_latest_is_in_a_window(void **state)
{
	struct window night;
	struct config_link link = sat;
	struct worth w = {.since_ms = NOW, .waits = true};

	(void)state;
	assert_int_equal(window_parse("04:00-05:00 UTC", &night, NULL), 0);
	link.windows = &night;
	link.window_count = 1;
	/* At midnight it would be time. */
	assert_int_equal(worth_by(&w, &link, NOW), NOW + 10 * HOUR);
}

/* ---- the file ---- */

static struct simdisk *machine(void)
{
	struct simdisk *d = simdisk_new(3);

	assert_int_equal(dir_make(simdisk_os(d), "/state", 0700, NULL), 0);
	return d;
}

static struct worth loaded(struct simdisk *d)
{
	struct worth w;

	assert_int_equal(
		worth_load(simdisk_os(d), "/state", PEER, &sat, &w, NULL), 0);
	return w;
}

static void it_is_known_after_a_restart(void **state)
{
	struct simdisk *d = machine();
	struct worth w = {NOW, 300, true};

	(void)state;
	assert_int_equal(loaded(d).since_ms, 0);
	assert_int_equal(
		worth_save(simdisk_os(d), "/state", PEER, &sat, &w, NULL), 0);
	simdisk_power_cut(d, 7);
	assert_int_equal(loaded(d).since_ms, NOW);
	assert_int_equal(loaded(d).left, 300);
	assert_true(loaded(d).waits);
	simdisk_free(d);
}

static void a_file_that_is_not_as_it_was_written_counts_as_none(void **state)
{
	struct simdisk *d = machine();
	struct os *os = simdisk_os(d);
	struct worth w = {NOW, 300, true};
	AUTO_BUF struct buf text = BUF_INIT;

	(void)state;
	assert_int_equal(worth_save(os, "/state", PEER, &sat, &w, NULL), 0);
	assert_int_equal(file_read(os, FILE_PATH, 1000, &text, NULL), 0);
	for (size_t i = 0; i < text.len; i++) {
		text.data[i] ^= 1;
		assert_int_equal(file_replace(os, FILE_PATH, text.data,
					 text.len, 0600, NULL),
			0);
		assert_int_equal(loaded(d).since_ms, 0);
		text.data[i] ^= 1;
		assert_int_equal(
			file_replace(os, FILE_PATH, text.data, i, 0600, NULL),
			0);
		assert_int_equal(loaded(d).since_ms, 0);
	}
	simdisk_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_call_is_always_worth_it),
		cmocka_unit_test(enough_is_worth_a_call_at_once),
		cmocka_unit_test(the_oldest_waits_no_longer_than_is_said),
		cmocka_unit_test(
			where_nothing_waits_here_the_peer_is_asked_as_late),
		cmocka_unit_test(what_another_link_brought_waits_no_more),
		cmocka_unit_test(
			what_a_call_did_not_bring_makes_no_other_at_once),
		cmocka_unit_test(
			a_clock_that_jumps_only_makes_it_early_or_later_once),
		cmocka_unit_test(it_may_wait_for_ever),
		cmocka_unit_test(at_the_latest_is_in_a_window),
		cmocka_unit_test(it_is_known_after_a_restart),
		cmocka_unit_test(
			a_file_that_is_not_as_it_was_written_counts_as_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
