/*
 * Which accounts a peer has part in, under which names, and that no two of
 * them are ever one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accountmap.h"
#include "err.h"

#define RULES_MAX 8

struct given {
	struct arena arena;
	struct account_rule rules[RULES_MAX];
	struct account_map map;
};

/* Rules, up to NULL. */
static struct given given(const char *const *texts)
{
	struct given g = {0};

	for (; texts[g.map.count]; g.map.count++)
		assert_int_equal(account_rule_parse(texts[g.map.count],
					 &g.arena, &g.rules[g.map.count], NULL),
			0);
	return g;
}

/* there: NULL: it has no part in it. */
static void leads(struct given *g, const char *here, const char *there)
{
	char name[ACCOUNTMAP_NAME_MAX + 1] = "";

	g->map.rules = g->rules;
	assert_int_equal(account_map_there(&g->map, here, name), there != NULL);
	if (there)
		assert_string_equal(name, there);
}

static void leads_back(struct given *g, const char *there, const char *here)
{
	char name[ACCOUNTMAP_NAME_MAX + 1] = "";

	g->map.rules = g->rules;
	assert_int_equal(account_map_here(&g->map, there, name), here != NULL);
	if (here)
		assert_string_equal(name, here);
}

static void without_a_rule_all_have_the_names_they_have(void **state)
{
	struct given g = given((const char *const[]){NULL});

	(void)state;
	leads(&g, "alice", "alice");
	leads_back(&g, "alice@ship", "alice@ship");
}

static void only_what_is_named_leads_anywhere(void **state)
{
	struct given g = given(
		(const char *const[]){"alice as alice@ship", "bob", NULL});

	(void)state;
	leads(&g, "alice", "alice@ship");
	leads(&g, "bob", "bob");
	leads(&g, "carol", NULL);
	leads(&g, "alice@ship", NULL);
	leads_back(&g, "alice@ship", "alice");
	leads_back(&g, "alice", NULL);
	leads_back(&g, "bob", "bob");
	leads_back(&g, "", NULL);
	arena_free(&g.arena);
}

static void a_star_is_the_same_on_both_sides(void **state)
{
	struct given g = given((const char *const[]){
		"*@one.example as one.*", "fleet.* as all.*.here", NULL});

	(void)state;
	leads(&g, "captain@one.example", "one.captain");
	leads(&g, "@one.example", NULL);
	leads(&g, "captain@two.example", NULL);
	leads(&g, "fleet.a.b", "all.a.b.here");
	leads_back(&g, "all.x.here", "fleet.x");
	leads_back(&g, "all.here", NULL);
	leads_back(&g, "one.captain", "captain@one.example");
	arena_free(&g.arena);
}

/* A name that rules of both accounts lead to belongs to the first. */
static void no_two_accounts_have_one_name(void **state)
{
	struct given g =
		given((const char *const[]){"a.* as *", "b.* as c.*", NULL});

	(void)state;
	leads(&g, "a.c.x", "c.x");
	leads(&g, "b.x", NULL);
	leads_back(&g, "c.x", "a.c.x");
	arena_free(&g.arena);
}

static void a_name_that_is_none_leads_nowhere(void **state)
{
	struct given g = given((const char *const[]){"x* as *", NULL});
	struct given same = given((const char *const[]){"y* as z*", NULL});
	char longest[ACCOUNTMAP_NAME_MAX + 1];

	(void)state;
	leads(&g, "x.hidden", NULL);
	leads(&g, "x-option", NULL);
	leads_back(&g, "a/b", NULL);
	leads_back(&g, "../b", NULL);
	memset(longest, 'z', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	leads_back(&g, longest, NULL);
	longest[1] = '\0';
	leads_back(&g, longest, "xz");
	longest[1] = 'z';
	longest[0] = 'y';
	AUTO_FREE char *back = mem_dup(longest);
	back[0] = 'z';
	leads(&same, longest, back);
	arena_free(&g.arena);
	arena_free(&same.arena);
}

static void a_rule_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = {"", "a/b", ".a", "a as ", " as a",
		"a as b/c", "* as b", "a as *", "** as *", "*a* as *b*"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err err = ERR_INIT;

		if (account_rule_parse(bad[i], NULL, NULL, &err) != ERR_USAGE)
			fail_msg("accepted: \"%s\"", bad[i]);
		assert_true(*err.text);
	}
}

static void a_rule_that_nothing_can_meet_is_refused(void **state)
{
	static const char *const bad[][3] = {{"a", "a"}, {"a as x", "b as x"},
		{"* as y.*", "a"}, {"a.* as *", "b as c"}};
	static const char *const good[] = {
		"a", "*@x as x.*", "b.* as y.*", NULL};
	struct given fine = given(good);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct given g = given(bad[i]);
		struct err err = ERR_INIT;

		g.map.rules = g.rules;
		if (account_map_check(&g.map, &err) != ERR_USAGE)
			fail_msg("accepted: \"%s\"", bad[i][1]);
		assert_non_null(strstr(err.text, "narrower first"));
		arena_free(&g.arena);
	}
	fine.map.rules = fine.rules;
	assert_int_equal(account_map_check(&fine.map, NULL), 0);
	arena_free(&fine.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_rule_all_have_the_names_they_have),
		cmocka_unit_test(only_what_is_named_leads_anywhere),
		cmocka_unit_test(a_star_is_the_same_on_both_sides),
		cmocka_unit_test(no_two_accounts_have_one_name),
		cmocka_unit_test(a_name_that_is_none_leads_nowhere),
		cmocka_unit_test(a_rule_that_is_none_is_refused),
		cmocka_unit_test(a_rule_that_nothing_can_meet_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
