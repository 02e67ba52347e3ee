/* Errors: codes from errno, outer nouns first, nothing overruns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "err.h"

static void set_fills_code_and_text_and_returns_the_code(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
		err_set(&err, ERR_CORRUPT, "frame %d", 7), ERR_CORRUPT);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_int_equal(err.os_errno, 0);
	assert_string_equal(err.text, "frame 7");
}

static void nobody_asking_still_gets_the_code(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, ERR_LIMIT, "x"), ERR_LIMIT);
	assert_int_equal(err_set_os(NULL, ENOENT, "x"), ERR_ABSENT);
	assert_true(err_wrap(NULL, "x") < 0);
}

static void an_errno_becomes_a_code_that_means_an_action(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_set_os(&err, ENOENT, "open %s", "f"), ERR_ABSENT);
	assert_string_equal(err.text, "open f: No such file or directory");
	assert_int_equal(err.os_errno, ENOENT);
	assert_int_equal(err_set_os(&err, EACCES, "open %s", "f"), ERR_IO);
	assert_string_equal(err.text,
		"open f: Permission denied (see who owns it, and its mode)");
	assert_int_equal(err_set_os(&err, ENOTDIR, "f"), ERR_ABSENT);
	assert_int_equal(err_set_os(&err, EAGAIN, "f"), ERR_BUSY);
	assert_int_equal(err_set_os(&err, EWOULDBLOCK, "f"), ERR_BUSY);
	assert_int_equal(err_set_os(&err, ENOSPC, "f"), ERR_IO);
	assert_int_equal(err_set_os(&err, EIO, "f"), ERR_IO);
}

static void wraps_read_outside_in_and_keep_the_code(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	err_set_os(&err, EIO, "frame %d", 7);
	assert_int_equal(err_wrap(&err, "%s.changes", "42"), ERR_IO);
	assert_int_equal(err_wrap(&err, "apply"), ERR_IO);
	assert_string_equal(
		err.text, "apply: 42.changes: frame 7: Input/output error");
	assert_int_equal(err.os_errno, EIO);
}

static void text_that_does_not_fit_is_cut_at_its_end(void **state)
{
	struct err err = ERR_INIT;
	char text[600];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, ERR_IO, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	for (int i = 0; i < 200; i++)
		err_wrap(&err, "noun");
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_memory_equal(err.text, "noun: noun: ", 12);
	err_set_os(&err, EIO, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void an_error_may_be_made_from_its_own_text(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	err_set(&err, ERR_IO, "inner");
	err_set(&err, ERR_TORN, "outer (%s)", err.text);
	assert_string_equal(err.text, "outer (inner)");
	err_wrap(&err, "again %s", err.text);
	assert_string_equal(err.text, "again outer (inner): outer (inner)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_code_and_text_and_returns_the_code),
		cmocka_unit_test(nobody_asking_still_gets_the_code),
		cmocka_unit_test(an_errno_becomes_a_code_that_means_an_action),
		cmocka_unit_test(wraps_read_outside_in_and_keep_the_code),
		cmocka_unit_test(text_that_does_not_fit_is_cut_at_its_end),
		cmocka_unit_test(an_error_may_be_made_from_its_own_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
