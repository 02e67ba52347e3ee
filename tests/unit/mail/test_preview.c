/* What somebody gets to see of a mail that waits elsewhere. */
#include "preview.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "words.h"

#define T(name) cmocka_unit_test(name)
#define HEX "000102030405060708090a0b0c0d0e0f10111213"

static struct preview_of of(uint64_t size)
{
	struct preview_of ret = {.size = size, .site = "shore", .peer = "ship"};

	for (uint8_t i = 0; i < HASH_SIZE; i++)
		ret.hash.b[i] = i;
	return ret;
}

static void make(const char *mail, uint64_t size, size_t most, struct buf *ret)
{
	struct preview_of o = of(size);

	buf_clear(ret);
	preview_make(mail, strlen(mail), &o, most, ret);
	assert_true(ret->len <= most);
}

static const char plan[] =
	"Received: from somewhere\r\n"
	"From: =?utf-8?Q?J=C3=B6rg?= <joerg@example.org>\r\n"
	"To: captain@ship.example, mate@ship.example\r\n"
	"Subject: The new\r\n =?utf-8?Q?pl=C3=A4ne?=\r\n"
	"Message-ID: <1@example.org>\r\nIn-Reply-To: <0@ship.example>\r\n"
	"Date: Mon, 2 Mar 2026 10:00:00 +0100\r\n"
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	"--b\r\nContent-Transfer-Encoding: quoted-printable\r\n"
	"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n"
	"Look at th=\r\ne f=E4hre.\r\n"
	"--b\r\nContent-Type: application/pdf; name=plan.pdf\r\n"
	"Content-Disposition: attachment\r\n"
	"Content-Transfer-Encoding: base64\r\n\r\nAAAA";

static void it_says_all_that_there_is_to_say(void **state)
{
	AUTO_BUF struct buf text = BUF_INIT;

	(void)state;
	make(plan, 5200000, PREVIEW_LEAST, &text);
	assert_string_equal(buf_str(&text),
		"X-Packetboat-Held: " HEX "\n"
		"From: =?utf-8?Q?J=C3=B6rg?= <joerg@example.org>\n"
		"To: captain@ship.example, mate@ship.example\n"
		"Date: Mon, 2 Mar 2026 10:00:00 +0100\n"
		"Subject: [held: 5.2 MB] The new =?utf-8?Q?pl=C3=A4ne?=\n"
		"Message-ID: <held." HEX "@packetboat.invalid>\n"
		"Auto-Submitted: auto-generated\n"
		"MIME-Version: 1.0\n"
		"Content-Type: text/plain; charset=utf-8\n"
		"Content-Transfer-Encoding: 8bit\n\n"
		"This is only the beginning of a mail of 5.2 MB that waits at "
		"shore.\n"
		"It was too large for the link. This note goes when the mail "
		"itself comes,\nover another link, or when somebody says "
		"there:\n\n"
		"    packetboat held release ship 0001020304\n\n"
		"With it come:\n"
		"    plan.pdf (3.8 MB, application/pdf)\n"
		"----\n"
		"Look at the f\303\244hre.\n");
}

static void it_is_known_by_its_first_line(void **state)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct preview_of o = of(1);
	struct hash other = o.hash, held;

	(void)state;
	other.b[0] ^= 1;
	make(plan, 1, PREVIEW_LEAST, &text);
	assert_true(preview_is_of(text.data, text.len, &o.hash));
	assert_false(preview_is_of(text.data, text.len, &other));
	assert_true(preview_held(text.data, text.len, &held));
	assert_memory_equal(&held, &o.hash, sizeof(held));
	for (size_t len = 0; len < 60; len++)
		assert_int_equal(preview_held(text.data, len, &held),
			len >= strlen("X-Packetboat-Held: " HEX "\n"));
	assert_false(preview_held(plan, strlen(plan), &held));
	text.data[30] = 'x';
	assert_false(preview_held(text.data, text.len, &held));
}

static void a_mail_without_anything_has_one_too(void **state)
{
	AUTO_BUF struct buf text = BUF_INIT;

	(void)state;
	make("", 999, PREVIEW_LEAST, &text);
	assert_non_null(
		strstr(buf_str(&text), "\nSubject: [held: 999 bytes]\n"));
	assert_non_null(strstr(buf_str(&text), "no text that could be shown"));
	make("Subject:\n\n", 1000, PREVIEW_LEAST, &text);
	assert_non_null(strstr(buf_str(&text), "\nSubject: [held: 1.0 kB]\n"));
	make("\n", 999999999999, PREVIEW_LEAST, &text);
	assert_non_null(strstr(buf_str(&text), "[held: 1.0 TB]\n"));
}

/* The text behind the notice. */
static const char *said(struct buf *preview)
{
	const char *text = strstr(buf_str(preview), "\n----\n");

	assert_non_null(text);
	return text + 6;
}

static void plain_text_is_preferred_and_html_made_readable(void **state)
{
	AUTO_BUF struct buf text = BUF_INIT;

	(void)state;
	make("Content-Type: text/html\n\n"
	     "<html><head><title>no</title><style>p {}</style>\n"
	     "<!-- <p> no --></head><body><P>One &amp;\n  &#xe4;&#228;&bad;\n"
	     "<br>&lt;two&gt; <a href='x>y'>z</a><pre>q&#0;&#55296;</body>",
		9, PREVIEW_LEAST, &text);
	assert_string_equal(said(&text),
		"One & \303\244\303\244&bad;\n<two> y'>zq?&#55296;\n");
	make("Content-Type: multipart/alternative; boundary=b\n\n"
	     "--b\nContent-Type: text/html\n\n<p>html\n"
	     "--b\n\nplain\n--b--\n",
		9, PREVIEW_LEAST, &text);
	assert_string_equal(said(&text), "plain\n");
	/* What is to be a file is one, whatever is in it. */
	make("Content-Type: text/plain; name=\"log.txt\"\n\nsecret\n", 9,
		PREVIEW_LEAST, &text);
	assert_null(strstr(buf_str(&text), "secret"));
	assert_non_null(strstr(buf_str(&text), "    log.txt (7 bytes"));
}

static void a_text_is_cut_at_a_character_and_says_so(void **state)
{
	AUTO_BUF struct buf mail = BUF_INIT, text = BUF_INIT;

	(void)state;
	buf_add_str(&mail, "From: a\n\n");
	for (int i = 0; i < 5000; i++)
		buf_add_str(&mail, "\342\202\254");
	for (size_t most = PREVIEW_LEAST; most < PREVIEW_LEAST + 4; most++) {
		make(buf_str(&mail), 1000000, most, &text);
		assert_true(text.len > most - 12);
		const char *end = strstr(buf_str(&text), "\n[...]\n");
		assert_non_null(end);
		assert_memory_equal(end - 3, "\342\202\254", 3);
	}
	make(buf_str(&mail), 1000000, PREVIEW_MOST, &text);
	assert_null(strstr(buf_str(&text), "[...]"));
	/* And no line is longer than a mail's may be. */
	size_t line = 0;
	for (size_t i = 0; i < text.len; i++) {
		line = text.data[i] == '\n' ? 0 : line + 1;
		assert_true(line <= WORDS_LINE_MAX);
	}
}

static void nothing_in_it_is_a_control_character(void **state)
{
	AUTO_BUF struct buf text = BUF_INIT;

	(void)state;
	make("Subject: a\033[2J\r\n\t\001b\nFrom: \177x\nContent-Type: "
	     "text/plain\n\n\n \n\n a\007\033b\tc \302\205\377\r\n\n\n\n"
	     "\r\n> d\n",
		9, PREVIEW_LEAST, &text);
	assert_non_null(strstr(buf_str(&text), "[held: 9 bytes] a?[2J ?b\n"));
	assert_non_null(strstr(buf_str(&text), "\nFrom: ?x\n"));
	assert_string_equal(said(&text), " a??b c ??\n\n> d\n");
}

static void what_is_too_long_is_cut_between_words(void **state)
{
	AUTO_BUF struct buf mail = BUF_INIT, text = BUF_INIT;

	(void)state;
	buf_add_str(&mail, "To: ");
	for (int i = 0; i < 100; i++)
		buf_add_str(&mail, "someone@example.org,\n ");
	buf_add_str(&mail, "\nSubject: ");
	for (int i = 0; i < 400; i++)
		buf_add_byte(&mail, 'x');
	buf_add_str(&mail, "\nContent-Type: multipart/mixed; boundary=b\n\n");
	for (int i = 0; i < 100; i++)
		buf_printf(&mail,
			"--b\nContent-Type: a/b; name=\"file number %d\"\n\n",
			i);
	make(buf_str(&mail), 1000000, PREVIEW_LEAST, &text);
	const char *to = strstr(buf_str(&text), "\nTo: ");
	assert_non_null(to);
	const char *end = strchr(to + 1, '\n');
	assert_memory_equal(end - 20, "someone@example.org,", 20);
	assert_true(end - to < 160);
	assert_non_null(strstr(buf_str(&text), "file number 3 "));
	assert_non_null(strstr(buf_str(&text), " more\n----\n"));
	/* With more room more of them. */
	make(buf_str(&mail), 1000000, PREVIEW_MOST, &text);
	assert_non_null(strstr(buf_str(&text), "file number 19 "));
	assert_non_null(strstr(buf_str(&text), "    and 80 more\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_says_all_that_there_is_to_say),
		T(it_is_known_by_its_first_line),
		T(a_mail_without_anything_has_one_too),
		T(plain_text_is_preferred_and_html_made_readable),
		T(a_text_is_cut_at_a_character_and_says_so),
		T(nothing_in_it_is_a_control_character),
		T(what_is_too_long_is_cut_between_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
