/* The parts of a mail, and of what only looks like one. */
#include "mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define T(name) cmocka_unit_test(name)

/* What was met: "type[!](len)<name>" of each part. */
static bool note(void *arg, const struct mime_part *part)
{
	struct buf *met = arg;

	buf_printf(met, "%s%s%s%s(%zu)<%s>", met->len ? " " : "", part->type,
		part->attached ? "!" : "", part->open ? "+" : "", part->len,
		part->name);
	return true;
}

static void met(const char *mail, const char *wanted)
{
	AUTO_BUF struct buf text = BUF_INIT;

	mime_each(mail, strlen(mail), note, &text);
	assert_string_equal(buf_str(&text), wanted);
}

static void a_mail_without_parts_is_one(void **state)
{
	(void)state;
	met("Subject: x\r\n\r\ntext\r\n", "text/plain+(6)<>");
	met("\n\n", "text/plain+(1)<>");
	met("", "text/plain+(0)<>");
	met("Content-Type: IMAGE/Png; name=a\n\nx", "image/png+(1)<a>");
	met("Content-Type: nonsense\n\nx", "application/octet-stream+(1)<>");
	met("Content-Type: multipart/mixed\n\nx", "multipart/mixed+(1)<>");
	met("Content-Type: multipart/mixed; boundary=\n\nx",
		"multipart/mixed+(1)<>");
}

static const char nested[] =
	"Content-Type: multipart/mixed; boundary=\"a b\"\r\n\r\n"
	"before\r\n--a b\r\n"
	"Content-Type: multipart/alternative;\r\n boundary=inner\r\n\r\n"
	"--inner\r\n\r\nplain\r\n"
	"--inner\r\nContent-Type: text/html\r\n\r\n<b>\r\n--inner--\r\n"
	"--a bc\r\n"
	"--a b \r\nContent-Type: application/pdf; name=\"no.pdf\"\r\n"
	"Content-Disposition: Attachment; filename=\"plan \\\"B\\\".pdf\"\r\n"
	"Content-Transfer-Encoding: BASE64\r\n\r\nAAAA\r\n"
	"--a b--\r\nafter\r\n";

static void parts_are_met_in_their_order(void **state)
{
	(void)state;
	met(nested, "text/plain(5)<> text/html(3)<> "
		    "application/pdf!(4)<plan \"B\".pdf>");
}

static void of_a_mail_that_is_cut_the_last_part_is_open(void **state)
{
	AUTO_BUF struct buf text = BUF_INIT;
	const char *cut = strstr(nested, "AAAA");

	(void)state;
	mime_each(nested, (size_t)(cut - nested) + 2, note, &text);
	assert_string_equal(buf_str(&text),
		"text/plain(5)<> text/html(3)<> "
		"application/pdf!+(2)<plan \"B\".pdf>");
	/* Anywhere: never behind its end. */
	for (size_t len = 0; len < strlen(nested); len++) {
		AUTO_FREE char *some = mem_dup_n(nested, len);

		buf_clear(&text);
		mime_each(some, len, note, &text);
	}
}

static void names_are_read_however_they_are_written(void **state)
{
	(void)state;
	met("Content-Disposition: attachment;\n"
	    " filename*=UTF-8''sch%C3%B6n%201.txt\n\n",
		"text/plain!+(0)<sch\303\266n 1.txt>");
	met("Content-Disposition: attachment; filename=plain.txt;\n"
	    " filename*0*=iso-8859-1'de'%DCber; filename*1=\"sicht\";\n"
	    " filename*2*=%2Etxt\n\n",
		"text/plain!+(0)<\303\234bersicht.txt>");
	met("Content-Type: text/plain; name=\"=?utf-8?B?w7Y=?=.txt\"\n\n",
		"text/plain+(0)<\303\266.txt>");
	/* Nothing in a name moves a cursor or turns a text round. */
	met("Content-Type: a/b; name*=utf-8''%1b%5Bm%E2%80%AEx%0a\n\n",
		"a/b+(0)<?[m?x >");
	met("Content-Type: a/b; name*=utf-8''%4\n\n", "a/b+(0)<%4>");
}

static void long_names_are_cut_at_a_character(void **state)
{
	AUTO_BUF struct buf mail = BUF_INIT, text = BUF_INIT;

	(void)state;
	buf_add_str(&mail, "Content-Type: a/b; name=\"x");
	for (int i = 0; i < 200; i++)
		buf_add_str(&mail, "\303\266");
	buf_add_str(&mail, "\"\n\n");
	mime_each(mail.data, mail.len, note, &text);
	/* 1 + 2 * 63 bytes: one more would be half of one. */
	assert_int_equal(text.len, strlen("a/b+(0)<>") + 127);
}

static bool count(void *arg, const struct mime_part *part)
{
	size_t *n = arg;

	(void)part;
	++*n;
	return true;
}

static void what_nests_without_end_is_looked_at_so_deep(void **state)
{
	AUTO_BUF struct buf mail = BUF_INIT;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 10000; i++)
		buf_printf(&mail,
			"Content-Type: multipart/x; boundary=b%d\n\n--b%d\n", i,
			i);
	mime_each(mail.data, mail.len, count, &n);
	assert_int_equal(n, 1);
}

static void of_parts_without_end_so_many_are_met(void **state)
{
	AUTO_BUF struct buf mail = BUF_INIT;
	size_t n = 0;

	(void)state;
	buf_add_str(&mail, "Content-Type: multipart/x; boundary=b\n\n");
	for (int i = 0; i < 100000; i++)
		buf_add_str(&mail, "--b\n");
	mime_each(mail.data, mail.len, count, &n);
	assert_int_equal(n, MIME_PARTS_MAX - 1); /* and the mail itself */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_mail_without_parts_is_one),
		T(parts_are_met_in_their_order),
		T(of_a_mail_that_is_cut_the_last_part_is_open),
		T(names_are_read_however_they_are_written),
		T(long_names_are_cut_at_a_character),
		T(what_nests_without_end_is_looked_at_so_deep),
		T(of_parts_without_end_so_many_are_met),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
