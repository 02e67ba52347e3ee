/* File names as patterns and numbers. */
#include "pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void splits(const char *name, const char *text, size_t count)
{
	char split[CHANGE_NAME_MAX + 1], joined[CHANGE_NAME_MAX + 1];
	struct pattern p;

	pattern_split(name, split, &p);
	assert_string_equal(split, text);
	assert_int_equal(p.count, count);
	assert_int_equal(pattern_join(&p, joined), 0);
	assert_string_equal(joined, name);
}

static void names_are_split_and_joined(void **state)
{
	(void)state;
	splits("1795303760.M897062P14561.vm,S=5216,W=5329", "/.M/P/.vm,S=/,W=/",
		5);
	splits("x", "x", 0);
	splits("0", "/", 1);
	splits("007", "007", 0);
	splits("a0b00c", "a/b00c", 1);
	splits("999999999999999999", "/", 1);
	splits("1000000000000000000", "1000000000000000000", 0);
	splits("1.2.3.4.5.6.7.8.9.10", "/./././././././.9.10", 8);
}

static void numbers_know_what_they_are_near_to(void **state)
{
	char text[CHANGE_NAME_MAX + 1];
	struct pattern p;

	(void)state;
	pattern_split("1.M2,S=3,W=4,X=5=6,S7", text, &p);
	assert_int_equal(p.count, 7);
	assert_int_equal(p.near[0], NEAR_MTIME);
	assert_int_equal(p.near[1], NEAR_LAST);
	assert_int_equal(p.near[2], NEAR_SIZE);
	assert_int_equal(p.near[3], NEAR_SIZE);
	assert_int_equal(p.near[4], NEAR_LAST);
	assert_int_equal(p.near[5], NEAR_LAST);
	assert_int_equal(p.near[6], NEAR_LAST);
	pattern_split(",S=1", text, &p);
	assert_int_equal(p.near[0], NEAR_SIZE);
	pattern_split("S=1", text, &p);
	assert_int_equal(p.near[0], NEAR_LAST);
}

static void a_name_has_one_pattern(void **state)
{
	char name[CHANGE_NAME_MAX + 1];
	struct pattern p;

	(void)state;
	/* digits that belong to the number */
	assert_int_equal(pattern_parse("1/", &p), 0);
	p.numbers[0] = 2;
	assert_int_equal(pattern_join(&p, name), -1);
	assert_int_equal(pattern_parse("//", &p), 0);
	assert_int_equal(pattern_join(&p, name), -1);
	/* a number that should have been one */
	assert_int_equal(pattern_parse("a5", &p), 0);
	assert_int_equal(pattern_join(&p, name), -1);
	/* too large to be one */
	assert_int_equal(pattern_parse("a/", &p), 0);
	p.numbers[0] = UINT64_MAX;
	assert_int_equal(pattern_join(&p, name), -1);
	p.numbers[0] = 5;
	assert_int_equal(pattern_join(&p, name), 0);
	assert_string_equal(name, "a5");
	assert_int_equal(pattern_parse("/./././././././././", &p), -1);
}

static void a_name_is_never_too_long(void **state)
{
	char name[CHANGE_NAME_MAX + 2], text[CHANGE_NAME_MAX + 1];
	struct pattern p;

	(void)state;
	memset(name, 'x', CHANGE_NAME_MAX + 1);
	name[CHANGE_NAME_MAX + 1] = 0;
	assert_int_equal(pattern_parse(name, &p), -1);
	pattern_split(name, text, &p);
	assert_int_equal(strlen(text), CHANGE_NAME_MAX);
	name[CHANGE_NAME_MAX] = 0;
	assert_int_equal(pattern_parse(name, &p), 0);
	assert_int_equal(pattern_join(&p, text), 0);
	name[CHANGE_NAME_MAX - 1] = PATTERN_HOLE;
	assert_int_equal(pattern_parse(name, &p), 0);
	p.numbers[0] = 5;
	assert_int_equal(pattern_join(&p, text), 0);
	p.numbers[0] = 55;
	assert_int_equal(pattern_join(&p, text), -1);
	/* a long run of digits that does not end before the limit */
	memset(name, '7', CHANGE_NAME_MAX + 1);
	pattern_split(name, text, &p);
	assert_int_equal(strlen(text), CHANGE_NAME_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_split_and_joined),
		cmocka_unit_test(numbers_know_what_they_are_near_to),
		cmocka_unit_test(a_name_has_one_pattern),
		cmocka_unit_test(a_name_is_never_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
