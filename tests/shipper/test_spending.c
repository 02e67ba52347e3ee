/* Tests of what is spent: no restart, and no cut of the power, lets more go
   than a budget has. */
#include "spending.h"

#include "err.h"
#include "simdisk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define PEER 0xabc
#define FILE_PATH "/state/spent/0000000000000abc-sat"
#define DAY_MOST 100000u

static const struct config_link sat = {
	.name = "sat", .budget.most = {[BUDGET_DAY] = DAY_MOST}};

static struct simdisk *machine(void)
{
	struct simdisk *d = simdisk_new(3);

	assert_int_equal(dir_make(simdisk_os(d), "/state", 0700, NULL), 0);
	return d;
}

static struct spending opened(struct simdisk *d)
{
	struct spending s;
	struct err err = ERR_INIT;

	if (spending_open(&s, simdisk_os(d), "/state", PEER, &sat, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static struct spending_view looked(struct simdisk *d)
{
	struct spending_view v;
	struct err err = ERR_INIT;

	if (spending_look(simdisk_os(d), "/state", PEER, &sat, &v, &err) < 0)
		fail_msg("%s", err.text);
	return v;
}

/* As much as there is, or until a file cannot be written. What went. */
static uint64_t spend_all(struct spending *s, uint64_t some)
{
	uint64_t went = 0, left;

	while ((left = spending_left(s)) > 0) {
		uint64_t now = some < left ? some : left;

		if (spending_reserve(s, now, NULL) < 0)
			break;
		went += now;
		if (spending_add(s, now, NULL) < 0)
			break;
	}
	return went;
}

static void what_was_spent_is_known_after_a_restart(void **state)
{
	struct simdisk *d = machine();
	struct spending s = opened(d);
	struct spending_view v = looked(d);

	(void)state;
	assert_int_equal(v.left, DAY_MOST);
	assert_false(v.used_up);
	assert_int_equal(spending_reserve(&s, 700, NULL), 0);
	assert_int_equal(spending_add(&s, 700, NULL), 0);
	assert_int_equal(spending_left(&s), DAY_MOST - 700);
	/* Ahead of it by some, until it is closed. */
	v = looked(d);
	assert_true(v.left < DAY_MOST - 700 && v.left > DAY_MOST / 2);
	assert_int_equal(spending_close(&s, NULL), 0);
	v = looked(d);
	assert_int_equal(v.left, DAY_MOST - 700);
	assert_int_equal(v.span, BUDGET_DAY);
	assert_true(v.until_s > 0);
	s = opened(d);
	assert_int_equal(spend_all(&s, 999), DAY_MOST - 700);
	assert_int_equal(spending_close(&s, NULL), 0);
	assert_true(looked(d).used_up);
	simdisk_free(d);
}

static void a_power_cut_anywhere_lets_nothing_more_go(void **state)
{
	(void)state;
	for (uint64_t n = 1; n < 400; n++) {
		struct simdisk *d = machine();
		uint64_t went = 0;

		simdisk_stop_at(d, n);
		struct spending s = opened(d);
		went += spend_all(&s, 1500);
		spending_close(&s, NULL);
		bool stopped = simdisk_stopped(d);
		simdisk_power_cut(d, n);
		s = opened(d);
		went += spend_all(&s, 1500);
		assert_int_equal(spending_close(&s, NULL), 0);
		assert_true(went <= DAY_MOST);
		/* And costs little. */
		assert_true(went >= DAY_MOST - DAY_MOST / 16 - 1500 - 4096);
		simdisk_free(d);
		if (!stopped)
			return;
	}
	fail_msg("it never came to an end");
}

static void what_came_uncalled_counts_too(void **state)
{
	struct simdisk *d = machine();
	struct spending s = opened(d);

	(void)state;
	assert_int_equal(spending_add(&s, DAY_MOST + 5000, NULL), 0);
	assert_int_equal(spending_left(&s), 0);
	assert_int_equal(spending_close(&s, NULL), 0);
	assert_int_equal(looked(d).left, 0);
	simdisk_free(d);
}

static void a_file_that_cannot_be_written_lets_nothing_go(void **state)
{
	struct simdisk *d = machine();
	struct spending s = opened(d);
	struct err err = ERR_INIT;

	(void)state;
	simdisk_fail_at(d, 2, 28);
	assert_int_equal(spending_reserve(&s, 10, &err), ERR_IO);
	assert_int_equal(spending_reserve(&s, 10, &err), 0);
	assert_int_equal(spending_close(&s, &err), 0);
	simdisk_free(d);
}

static void a_damaged_file_is_named(void **state)
{
	static const char *const wrong[] = {"", "day 20240101 5\n", "sum 0\n",
		"day 20240101 5\nsum 0000000000000000\n",
		"day 1 1\nday 2 1\nday 3 1\nday 4 1\nsum 0\n",
		"day 99999999999 5\nsum 0\n", "day 5 -5\nsum 0\n"};
	struct simdisk *d = machine();
	struct os *os = simdisk_os(d);

	(void)state;
	assert_int_equal(dir_make(os, "/state/spent", 0700, NULL), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct spending s;
		struct err err = ERR_INIT;

		assert_int_equal(file_replace(os, FILE_PATH, wrong[i],
					 strlen(wrong[i]), 0600, NULL),
			0);
		assert_int_equal(
			spending_open(&s, os, "/state", PEER, &sat, &err),
			ERR_CORRUPT);
		assert_non_null(strstr(err.text, FILE_PATH));
	}
	simdisk_free(d);
}

static void without_a_budget_nothing_is_written(void **state)
{
	struct simdisk *d = machine();
	struct os *os = simdisk_os(d);
	struct config_link link = {.name = "sat"};
	struct spending s;
	uint64_t calls = simdisk_calls(d);

	(void)state;
	assert_int_equal(spending_open(&s, os, "/state", PEER, &link, NULL), 0);
	assert_true(spending_left(&s) == UINT64_MAX);
	assert_int_equal(spending_reserve(&s, 1 << 30, NULL), 0);
	assert_int_equal(spending_add(&s, 1 << 30, NULL), 0);
	assert_true(spending_left(&s) == UINT64_MAX);
	assert_int_equal(spending_close(&s, NULL), 0);
	assert_int_equal(simdisk_calls(d), calls);
	simdisk_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_spent_is_known_after_a_restart),
		cmocka_unit_test(a_power_cut_anywhere_lets_nothing_more_go),
		cmocka_unit_test(what_came_uncalled_counts_too),
		cmocka_unit_test(a_file_that_cannot_be_written_lets_nothing_go),
		cmocka_unit_test(a_damaged_file_is_named),
		cmocka_unit_test(without_a_budget_nothing_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
