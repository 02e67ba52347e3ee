/* Fields of a UID list: found, set, left out, in the order of letters. */
#include "fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void gives(const char *fields, const char *value, const char *wanted)
{
	AUTO_ARENA struct arena arena = {0};

	assert_string_equal(fields_put(&arena, fields, 'G', value), wanted);
}

static void a_field_is_found_by_its_letter(void **state)
{
	AUTO_ARENA struct arena arena = {0};

	(void)state;
	assert_string_equal(fields_get(&arena, "Gx Py", 'G'), "x");
	assert_string_equal(fields_get(&arena, "Py Gx", 'G'), "x");
	assert_string_equal(fields_get(&arena, "PGx G", 'G'), "");
	assert_null(fields_get(&arena, "PG", 'G'));
	assert_null(fields_get(&arena, "", 'G'));
	assert_true(fields_have("O1 Gx", 'G'));
	assert_false(fields_have("O1 PG", 'G'));
}

static void a_field_is_put_in_the_place_of_its_letter(void **state)
{
	(void)state;
	gives("", "x", "Gx");
	gives("Puidl", "x", "Gx Puidl");
	gives("Xkept Puidl A1", "x", "A1 Gx Puidl Xkept");
	gives("Gold Puidl", "x", "Gx Puidl");
}

static void a_field_is_left_out(void **state)
{
	(void)state;
	gives("Gx", NULL, "");
	gives("Puidl Gx O2", NULL, "O2 Puidl");
	gives("PG", NULL, "PG");
	gives("Xa Xb", NULL, "Xa Xb");
}

static void what_is_no_field_is_dropped(void **state)
{
	(void)state;
	gives(" px  P1   :x ", "y", "Gy P1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_field_is_found_by_its_letter),
		cmocka_unit_test(a_field_is_put_in_the_place_of_its_letter),
		cmocka_unit_test(a_field_is_left_out),
		cmocka_unit_test(what_is_no_field_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
