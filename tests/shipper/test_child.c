/*
 * Programs that are run to their end, or to what a guard finds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "child.h"
#include "collect.h"
#include "err.h"

static const char *const dull[] = {"dull", NULL};

static int run(const char *line, const struct child_guard *guard,
	char **ret_said, struct err *err)
{
	const char *argv[] = {"sh", "-c", line, NULL};

	return child_run(argv, dull, guard, ret_said, err);
}

static void it_ends_with_its_code_and_its_last_word(void **state)
{
	AUTO_FREE char *said = NULL;
	AUTO_FREE char *other = NULL;

	(void)state;
	assert_int_equal(
		run("echo why; echo dull end >&2; exit 7", NULL, &said, NULL),
		7);
	assert_string_equal(said, "why");
	assert_int_equal(run("kill -9 $$", NULL, &other, NULL), 128 + 9);
	assert_string_equal(other, "");
}

/* Has enough at the so manieth look. */
struct patience {
	int looks;
};

static int look(void *arg, struct err *err)
{
	struct patience *p = arg;

	return p->looks-- > 0 ? 0 : err_set(err, ERR_OPERATOR, "enough");
}

static void a_guard_that_finds_nothing_changes_nothing(void **state)
{
	struct patience p = {1000000};
	struct child_guard guard = {look, &p};
	AUTO_FREE char *said = NULL;

	(void)state;
	assert_int_equal(
		run("echo why; sleep 0.3; exit 5", &guard, &said, NULL), 5);
	assert_string_equal(said, "why");
	/* it was asked while nothing was said, too */
	assert_true(p.looks <= 1000000 - 2);
}

static void a_guard_ends_what_would_never_end(void **state)
{
	static const char *const lines[] = {
		"while :; do echo x; done", /* an endless stream */
		"exec sleep 1000",	    /* silence */
		"trap '' TERM; while :; do echo x; done"};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct patience p = {2};
		struct child_guard guard = {look, &p};
		struct err err = ERR_INIT;
		char *said = NULL;

		assert_int_equal(
			run(lines[i], &guard, &said, &err), ERR_OPERATOR);
		assert_string_equal(err.text, "enough");
		assert_null(said);
	}
}

/* ---- the guard of the disk ---- */

static uint64_t left;

static int space(struct os *os, const char *path, uint64_t *ret_free,
	uint64_t *ret_total)
{
	(void)os, (void)path;
	*ret_free = left;
	*ret_total = 1000;
	return 0;
}

static void what_comes_may_take_half_of_what_is_above_the_reserve(void **state)
{
	struct os_ops ops = *os_real()->ops;
	struct os os = {&ops};
	struct collect_config config = {
		.os = &os, .state_dir = "here", .reserve_percent = 10};
	struct collect_watch watch = {.config = &config};
	struct err err = ERR_INIT;

	(void)state;
	ops.space = space;
	left = 500;
	assert_int_equal(collect_watch_look(&watch, &err), 0);
	left = 300;
	assert_int_equal(collect_watch_look(&watch, &err), 0);
	left = 299;
	assert_int_equal(collect_watch_look(&watch, &err), ERR_OPERATOR);
	assert_non_null(strstr(err.text, "less than 10 %"));
	/* the rest has room in the inbox */
	assert_int_equal(collect_space(&config, 199, NULL), 0);
	assert_int_equal(collect_space(&config, 200, NULL), ERR_OPERATOR);
	/* none to begin with: nothing is begun */
	watch.least = 0;
	left = 100;
	assert_int_equal(collect_watch_look(&watch, NULL), ERR_OPERATOR);
	/* it is for the operator to say that it does not matter */
	config.reserve_percent = 0;
	assert_int_equal(collect_watch_look(&watch, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_ends_with_its_code_and_its_last_word),
		cmocka_unit_test(a_guard_that_finds_nothing_changes_nothing),
		cmocka_unit_test(a_guard_ends_what_would_never_end),
		cmocka_unit_test(
			what_comes_may_take_half_of_what_is_above_the_reserve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
