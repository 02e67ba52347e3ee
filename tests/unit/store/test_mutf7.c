/* Folder names as people type them are found as servers keep them. */
#include "mutf7.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void is(const char *utf8, const char *wanted)
{
	AUTO_ARENA struct arena arena = {0};
	const char *coded = mutf7_encode(&arena, utf8);

	assert_non_null(coded);
	assert_string_equal(coded, wanted);
}

static void ascii_stays_and_an_ampersand_is_doubled(void **state)
{
	(void)state;
	is("", "");
	is("Sent Messages/2026", "Sent Messages/2026");
	is("R&D", "R&-D");
	is("~!\"#%'()*+,-.:;<=>?@[\\]^_`{|}",
		"~!\"#%'()*+,-.:;<=>?@[\\]^_`{|}");
}

/* As Dovecot has them on disk. */
static void what_is_not_ascii_is_coded(void **state)
{
	(void)state;
	is("Entw\xc3\xbcrfe", "Entw&APw-rfe");
	is("T\xc3\xbcst/M\xc3\xbcnchen & K\xc3\xb6ln",
		"T&APw-st/M&APw-nchen &- K&APY-ln");
	is("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", "&ZeVnLIqe-");
	is("\xc3\xa4\xc3\xb6\xc3\xbc", "&AOQA9gD8-");
	is("\xf0\x9f\x93\xac", "&2D3c7A-"); /* two halves */
	is("\xe2\x82\xac", "&IKw-");
}

static void what_is_no_utf8_is_none(void **state)
{
	static const char *const bad[] = {"\xff", "\x80", "\xc3", "\xc3(",
		"\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
		"\xf0\x9f\x93", "a\nb", "a\x7f", "\xf8\x88\x80\x80\x80"};
	AUTO_ARENA struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_null(mutf7_encode(&arena, bad[i]));
}

static void a_name_is_the_same_as_typed_and_as_on_disk(void **state)
{
	(void)state;
	assert_true(mutf7_same_name("Trash", "trash"));
	assert_true(mutf7_same_name("Entw&APw-rfe", "Entw\xc3\xbcrfe"));
	assert_true(mutf7_same_name("Entw&APw-rfe", "Entw&APw-rfe"));
	assert_true(mutf7_same_name("R&-D", "R&D"));
	assert_false(mutf7_same_name("Trash", "Trash2"));
	assert_false(mutf7_same_name("Entw&APw-rfe", "Entwurfe"));
	assert_false(mutf7_same_name("\xff", "x\xff"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ascii_stays_and_an_ampersand_is_doubled),
		cmocka_unit_test(what_is_not_ascii_is_coded),
		cmocka_unit_test(what_is_no_utf8_is_none),
		cmocka_unit_test(a_name_is_the_same_as_typed_and_as_on_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
