/* What a mail says of itself, however it is written. */
#include "header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define T(name) cmocka_unit_test(name)

static const char mail[] = "Return-Path: <a@example.org>\r\n"
			   "Received: from x\r\n\tby y;\r\n Mon, 1 Jan\r\n"
			   "no field at all\r\n"
			   "SUBJECT : two\r\n  lines\r\n"
			   "Empty:\r\n"
			   "Subject: another\r\n"
			   "\r\n"
			   "Subject: of the body\r\n";

static void shown(const char *value, const char *wanted)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct header_field field = {
		.value = (const uint8_t *)value, .value_len = strlen(value)};

	header_show(&field, &text);
	assert_string_equal(buf_str(&text), wanted);
}

static void fields_are_found_in_any_case_the_first_first(void **state)
{
	struct header_field field;
	AUTO_BUF struct buf text = BUF_INIT;

	(void)state;
	assert_true(header_find(mail, strlen(mail), "subject", &field));
	header_show(&field, &text);
	assert_string_equal(buf_str(&text), "two lines");
	assert_true(header_find(mail, strlen(mail), "Empty", &field));
	assert_int_equal(field.value_len, 0);
	assert_false(header_find(mail, strlen(mail), "Subjec", &field));
	assert_false(
		header_find(mail, strlen(mail), "no field at all", &field));
	assert_false(header_find("", 0, "Subject", &field));
}

static void the_header_ends_where_the_body_begins(void **state)
{
	struct header_field field;
	size_t at = 0, count = 0;

	(void)state;
	while (header_next(mail, strlen(mail), &at, &field))
		count++;
	assert_int_equal(count, 5);
	assert_string_equal(mail + at, "Subject: of the body\r\n");
	/* Cut anywhere: never behind the end, and never the body's. */
	for (size_t len = 0; len < strlen(mail); len++) {
		AUTO_FREE char *cut = mem_dup_n(mail, len);

		for (at = 0; header_next(cut, len, &at, &field);)
			assert_true(field.value + field.value_len <=
				    (const uint8_t *)cut + len);
		assert_true(at <= len);
	}
}

static void encoded_words_are_decoded(void **state)
{
	(void)state;
	shown("=?utf-8?B?w6TDtsO8?=", "\xc3\xa4\xc3\xb6\xc3\xbc");
	shown("=?UTF-8*de?q?a_b=C3=A4?= c", "a b\xc3\xa4 c");
	shown("=?iso-8859-1?Q?=E4?=\r\n =?iso-8859-1?Q?=F6?= x",
		"\xc3\xa4\xc3\xb6 x");
	shown("plain =?utf-8?Q?x?=", "plain x");
	shown("=?utf-8?X?abc?=", "=?utf-8?X?abc?=");
	shown("=?utf-8?Q?no end", "=?utf-8?Q?no end");
	shown("=?utf-8?Q?", "=?utf-8?Q?");
	shown("=?koi8-r?B?8NLJ18XU?=", "??????"); /* not one that is known */
}

/* What a stranger writes into a Subject must not write to a terminal. */
static void nothing_in_it_moves_a_cursor_or_turns_a_text_round(void **state)
{
	(void)state;
	shown("a\033[2Jb\a", "a?[2Jb?");
	shown("=?utf-8?Q?=1B]0;x=07?=", "?]0;x?");
	shown("a\xe2\x80\xae"
	      "b",
		"a?b"); /* right to left */
	shown("a\xc2\x9b"
	      "b",
		"a?b"); /* CSI of 8 bits */
	shown("\xff\xfe", "??");
	shown("tab\tand\r\n line", "tab and line");
}

static void base64_passes_over_what_is_none_of_it(void **state)
{
	static const char text[] = "aGVs\r\nbG8=Y!Q==";
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	header_add_base64((const uint8_t *)text, strlen(text), &b);
	assert_string_equal(buf_str(&b), "helloa");
}

static void quoted_lines_are_joined(void **state)
{
	static const char text[] = "a=3Db=\r\nc= \nd=zz=4";
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	header_add_quoted((const uint8_t *)text, strlen(text), false, &b);
	assert_string_equal(buf_str(&b), "a=bcd=zz=4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(fields_are_found_in_any_case_the_first_first),
		T(the_header_ends_where_the_body_begins),
		T(encoded_words_are_decoded),
		T(nothing_in_it_moves_a_cursor_or_turns_a_text_round),
		T(base64_passes_over_what_is_none_of_it),
		T(quoted_lines_are_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
