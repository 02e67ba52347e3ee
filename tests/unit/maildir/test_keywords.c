/* dovecot-keywords, as bytes. */
#include "maildir_test.h"

#include "maildir_private.h"

static void parse(const char *text, struct arena *arena, const char *ret[26])
{
	struct err err = ERR_INIT;

	assert_done(keywords_parse(text, strlen(text), arena, ret, &err), err);
}

static void letters_get_their_names(void **state)
{
	struct arena arena = {0};
	const char *names[26];

	(void)state;
	parse("0 $Label1\n2 NonJunk\n25 last\n", &arena, names);
	assert_string_equal(names[0], "$Label1");
	assert_null(names[1]);
	assert_string_equal(names[2], "NonJunk");
	assert_string_equal(names[25], "last");
	arena_free(&arena);
}

static void what_dovecot_does_not_read_is_not_read(void **state)
{
	struct arena arena = {0};
	const char *names[26];

	(void)state;
	parse("head\n26 x\n-1 y\n+1 y\n01x z\n1 \n0 A\n2 a\n3 B\r\n4 open",
		&arena, names);
	assert_string_equal(names[0], "A");
	assert_null(names[1]);
	assert_null(names[2]); /* the name has a letter, in another case */
	assert_string_equal(names[3], "B");
	assert_null(names[4]);
	arena_free(&arena);
}

static void zero_bytes_are_corrupt(void **state)
{
	struct arena arena = {0};
	const char *names[26];

	(void)state;
	assert_int_equal(keywords_parse("0 a\0b\n", 6, &arena, names, NULL),
		ERR_CORRUPT);
	arena_free(&arena);
}

static void what_is_read_is_printed(void **state)
{
	static const char text[] = "0 $Label1\n2 NonJunk\n25 last\n";
	struct arena arena = {0};
	const char *names[26];
	struct buf b = BUF_INIT;

	(void)state;
	parse(text, &arena, names);
	keywords_print(names, &b);
	assert_string_equal(buf_str(&b), text);
	buf_free(&b);
	arena_free(&arena);
}

static void names_are_found_without_regard_to_case(void **state)
{
	const char *names[26] = {[3] = "NonJunk", [4] = "Non"};

	(void)state;
	assert_int_equal(keywords_find(names, (struct slice){"nonjunk", 7}), 3);
	assert_int_equal(keywords_find(names, (struct slice){"NONjunk", 3}), 4);
	assert_int_equal(keywords_find(names, (struct slice){"N", 1}), -1);
}

static void a_name_is_an_imap_atom_of_at_most_50_bytes(void **state)
{
	static const char *const bad[] = {"", "a b", "a\n0 b", "(", "a\"b",
		"a\\b", "a%", "a*", "a]", "{3}", "\177", "\303\244"};
	char longest[52];

	(void)state;
	assert_true(keyword_ok((struct slice){"$MDNSent", 8}));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(
			keyword_ok((struct slice){bad[i], strlen(bad[i])}));
	memset(longest, 'k', sizeof(longest));
	assert_true(keyword_ok((struct slice){longest, 50}));
	assert_false(keyword_ok((struct slice){longest, 51}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_get_their_names),
		cmocka_unit_test(what_dovecot_does_not_read_is_not_read),
		cmocka_unit_test(zero_bytes_are_corrupt),
		cmocka_unit_test(what_is_read_is_printed),
		cmocka_unit_test(names_are_found_without_regard_to_case),
		cmocka_unit_test(a_name_is_an_imap_atom_of_at_most_50_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
