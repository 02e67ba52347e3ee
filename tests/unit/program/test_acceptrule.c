/*
 * What a peer may change here, read item by item.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "acceptrule.h"
#include "err.h"

static void without_an_item_all_is_allowed(void **state)
{
	struct accept_rule rule = {0};

	(void)state;
	assert_true(accept_rule_allows(&rule, ACCEPT_EXPUNGE));
}

static void an_item_takes_one_kind_away(void **state)
{
	struct accept_rule rule = {0};

	(void)state;
	assert_int_equal(accept_rule_add("no expunge", &rule, NULL), 0);
	assert_false(accept_rule_allows(&rule, ACCEPT_EXPUNGE));
	assert_string_equal(accept_kind_name(ACCEPT_EXPUNGE), "expunge");
}

static void an_item_stands_there_once(void **state)
{
	struct accept_rule rule = {0};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(accept_rule_add("no expunge", &rule, &err), 0);
	assert_int_equal(accept_rule_add("no expunge", &rule, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "twice"));
	/* It alone may be checked as often as one likes. */
	assert_int_equal(accept_rule_add("no expunge", NULL, &err), 0);
}

static void none_takes_every_kind_away_and_every_folder(void **state)
{
	struct accept_rule rule = {0};
	struct err err = ERR_INIT;

	(void)state;
	assert_false(accept_rule_is_partial(&rule));
	assert_int_equal(accept_rule_add("none", &rule, &err), 0);
	assert_false(accept_rule_allows(&rule, ACCEPT_EXPUNGE));
	assert_true(accept_rule_is_partial(&rule));
	assert_int_equal(accept_rule_add("none", &rule, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "twice"));
	assert_int_equal(accept_rule_add("none", NULL, &err), 0);
}

static void what_is_no_word_is_a_folder(void **state)
{
	(void)state;
	assert_true(accept_rule_is_word("no expunge"));
	assert_true(accept_rule_is_word("no matter what"));
	assert_true(accept_rule_is_word("none"));
	assert_false(accept_rule_is_word("nonesuch"));
	assert_false(accept_rule_is_word("notes"));
	assert_false(accept_rule_is_word("!no"));
}

static void what_is_none_is_named(void **state)
{
	static const char *const items[] = {"", "no", "no ", "no  expunge",
		"no expunges", "No expunge", "expunge", "no expunge ",
		"no no expunge", "None"};

	(void)state;
	for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++) {
		struct accept_rule rule = {0};
		struct err err = ERR_INIT;

		assert_int_equal(
			accept_rule_add(items[i], &rule, &err), ERR_USAGE);
		assert_non_null(strstr(err.text, items[i]));
		assert_int_equal(rule.refused, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_an_item_all_is_allowed),
		cmocka_unit_test(an_item_takes_one_kind_away),
		cmocka_unit_test(an_item_stands_there_once),
		cmocka_unit_test(none_takes_every_kind_away_and_every_folder),
		cmocka_unit_test(what_is_no_word_is_a_folder),
		cmocka_unit_test(what_is_none_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
