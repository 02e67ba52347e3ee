/* Tests of the list of peers that are none any more, on a simulated disk. */
#include "expelled.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "err.h"
#include "mem.h"
#include "statedisk.h"

static int load(struct arena *arena, struct expelled **ret, size_t *ret_count,
	struct err *err)
{
	return expelled_load(os, "/state", arena, ret, ret_count, err);
}

static void who_is_added_is_listed_once_and_in_order(void **state)
{
	const struct expelled peers[] = {{7, now_ms(), "shore"},
		{0xfedcba9876543210, now_ms() + 1, "a name"},
		{7, now_ms() + 2, "again"}};
	AUTO_ARENA struct arena arena = {0};
	struct expelled *list;
	size_t count;

	(void)state;
	assert_int_equal(load(&arena, &list, &count, NULL), 0);
	assert_int_equal(count, 0);
	assert_int_equal(expelled_add(os, "/state", &peers[0], NULL), 0);
	assert_int_equal(expelled_add(os, "/state", &peers[1], NULL), 0);
	assert_int_equal(expelled_add(os, "/state", &peers[2], NULL), 1);
	assert_int_equal(load(&arena, &list, &count, NULL), 0);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < count; i++) {
		assert_true(list[i].origin == peers[i].origin);
		assert_int_equal(list[i].since_ms, peers[i].since_ms);
		assert_string_equal(list[i].name, peers[i].name);
	}
}

/* A daemon looks every other second, also while it is out of files. */
static void what_cannot_be_read_is_an_error_whether_asked_for_or_not(
	void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct err err = ERR_INIT;
	struct expelled *list;
	size_t count;

	(void)state;
	assert_int_equal(os->ops->mkdir(os, "/state/expelled", 0700), 0);
	assert_true(load(&arena, &list, &count, NULL) < 0);
	assert_true(load(&arena, &list, &count, &err) < 0);
	assert_non_null(strstr(err.text, "/state/expelled"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			who_is_added_is_listed_once_and_in_order, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			what_cannot_be_read_is_an_error_whether_asked_for_or_not,
			setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
