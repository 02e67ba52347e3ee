/* Which folders a peer is shown, by their names. */
#include "viewrule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SHOWS(path, ...)                                                       \
	view_rule_shows(                                                       \
		&(struct view_rule){(const char *const[]){__VA_ARGS__},        \
			sizeof((const char *const[]){__VA_ARGS__}) /           \
				sizeof(const char *)},                         \
		path)

static void without_a_rule_all_is_in_view(void **state)
{
	(void)state;
	assert_true(view_rule_shows(&(struct view_rule){NULL, 0}, "INBOX"));
	assert_true(view_rule_shows(&(struct view_rule){NULL, 0}, "A/B"));
}

static void only_what_is_named_is_in_view(void **state)
{
	(void)state;
	assert_true(SHOWS("INBOX", "INBOX", "Sent"));
	assert_true(SHOWS("Sent", "INBOX", "Sent"));
	assert_false(SHOWS("Sent/Old", "INBOX", "Sent"));
	assert_false(SHOWS("Sen", "INBOX", "Sent"));
	assert_false(SHOWS("Sents", "INBOX", "Sent"));
	assert_false(SHOWS("", "INBOX"));
}

static void a_star_is_any_letters_and_a_percent_no_slash(void **state)
{
	(void)state;
	assert_true(SHOWS("Projects/a", "Projects/*"));
	assert_true(SHOWS("Projects/a/b", "Projects/*"));
	assert_false(SHOWS("Projects", "Projects/*"));
	assert_true(SHOWS("Projects/a", "Projects/%"));
	assert_false(SHOWS("Projects/a/b", "Projects/%"));
	assert_true(SHOWS("a/x/b", "a/%/b"));
	assert_false(SHOWS("a/x/y/b", "a/%/b"));
	assert_true(SHOWS("a/x/y/b", "*/%/b"));
	assert_true(SHOWS("q/a/x/b/a/b", "*a/%b"));
	assert_true(SHOWS("aab", "*ab"));
	assert_true(SHOWS("2026-11", "%-%"));
	assert_false(SHOWS("a/b-c", "%-%"));
	assert_true(SHOWS("anything/at all", "*"));
	assert_false(SHOWS("ab", "*a"));
}

static void what_is_excepted_is_not_in_view_wherever_it_stands(void **state)
{
	(void)state;
	assert_false(SHOWS("Junk", "!Junk", "*"));
	assert_false(SHOWS("Junk", "*", "!Junk"));
	assert_true(SHOWS("Junk/Old", "*", "!Junk"));
	assert_false(SHOWS("Junk/Old", "*", "!Junk*"));
}

static void exceptions_alone_leave_all_else(void **state)
{
	(void)state;
	assert_true(SHOWS("INBOX", "!Junk", "!Trash"));
	assert_false(SHOWS("Trash", "!Junk", "!Trash"));
}

static void names_count_as_typed_and_as_on_disk(void **state)
{
	(void)state;
	assert_true(SHOWS("Entw&APw-rfe/x", "Entw\xc3\xbcrfe/*"));
	assert_true(SHOWS("Entw&APw-rfe", "Entw&APw-rfe"));
	assert_true(SHOWS("R&-D", "R&D"));
	assert_true(SHOWS("INBOX/x", "inbox/X"));
	assert_false(SHOWS("Entw&APw-rfe", "*", "!Entw\xc3\xbcrfe"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_rule_all_is_in_view),
		cmocka_unit_test(only_what_is_named_is_in_view),
		cmocka_unit_test(a_star_is_any_letters_and_a_percent_no_slash),
		cmocka_unit_test(
			what_is_excepted_is_not_in_view_wherever_it_stands),
		cmocka_unit_test(exceptions_alone_leave_all_else),
		cmocka_unit_test(names_count_as_typed_and_as_on_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
