/* A vector as a line of text: what was printed is read back, and what is none is
   refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"
#include "vectortext.h"

#define T(name) cmocka_unit_test(name)
#define LOG "00000000000000ab/0123456789abcdef/"
#define WORK "0102030405060708090a0b0c0d0e0f10"

static const struct log_id inbox = {
	0xab, 0x0123456789abcdef, {{'I', 'N', 'B', 'O', 'X'}}};

static void what_is_printed_is_read_back(void **state)
{
	struct vector v = {.count = 0};
	AUTO_BUF struct buf back = BUF_INIT;

	(void)state;
	assert_int_equal(
		vector_parse("vector alice/" LOG "INBOX-7 alice/" LOG
			     "account-1\nalice/" LOG WORK
			     "-4611686018427387903 b%20%25%c3%bc@x/" LOG
			     "INBOX-0",
			&v, NULL),
		0);
	assert_int_equal(v.count, 4);
	assert_int_equal(vector_at(&v, "alice", &inbox), 7);
	assert_int_equal(vector_at(&v, "bob", &inbox), 0);
	assert_string_equal(v.entries[3].account, "b %\xc3\xbc@x");
	vector_print(&v, &back);
	assert_string_equal(buf_str(&back),
		"alice/" LOG "INBOX-7 alice/" LOG "account-1 alice/" LOG WORK
		"-4611686018427387903 b%20%25%c3%bc@x/" LOG "INBOX-0");
	vector_free(&v);
}

static void an_empty_one_knows_nothing(void **state)
{
	static const char *const texts[] = {"", " \n", "vector", "vector \n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct vector v;

		assert_int_equal(vector_parse(texts[i], &v, NULL), 0);
		assert_int_equal(v.count, 0);
		vector_free(&v);
	}
}

static void of_two_positions_the_greater_counts(void **state)
{
	struct vector v;

	(void)state;
	assert_int_equal(
		vector_parse("a/" LOG "INBOX-9 a/" LOG "INBOX-3", &v, NULL), 0);
	assert_int_equal(v.count, 1);
	assert_int_equal(vector_at(&v, "a", &inbox), 9);
	vector_raise(&v, "a", &inbox, 4);
	assert_int_equal(vector_at(&v, "a", &inbox), 9);
	vector_raise(&v, "a", &inbox, 12);
	assert_int_equal(vector_at(&v, "a", &inbox), 12);
	vector_free(&v);
}

static void what_is_no_vector_is_named(void **state)
{
	static const char *const texts[] = {"foo", "a/" LOG "INBOX",
		"a/" LOG "INBOX-", "a/" LOG "INBOX-x", "a/" LOG "INBOX-1x",
		"a/" LOG "Work-1", "a/" LOG "-1", "/" LOG "INBOX-1",
		"a%2/" LOG "INBOX-1", "a%zz/" LOG "INBOX-1",
		"a%00/" LOG "INBOX-1", "a%2f/" LOG "INBOX-1",
		"a/ab/0123456789abcdef/INBOX-1",
		"a/00000000000000ag/0123456789abcdef/INBOX-1",
		"a/" LOG "INBOX-4611686018427387904",
		"a/" LOG "INBOX-99999999999999999999999999",
		"a/" LOG "INBOX-1 vector", "a/" LOG WORK "00-1"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct err err = ERR_INIT;
		struct vector v;

		if (vector_parse(texts[i], &v, &err) != ERR_USAGE)
			fail_msg("taken: %s", texts[i]);
		assert_non_null(strstr(err.text, "not a vector"));
		assert_int_equal(v.count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_printed_is_read_back),
		T(an_empty_one_knows_nothing),
		T(of_two_positions_the_greater_counts),
		T(what_is_no_vector_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
