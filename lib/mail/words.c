#include "words.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "header.h"
#include "utf8.h"

/* Encoded bytes that are looked at: what a text takes at most, and what may
   stand before it in HTML. */
#define LOOKED(most) (12 * (most) + 1024)
#define STYLE_MAX (1u << 18)

/* ---- bytes to text ---- */

static bool is_unsafe(uint32_t point)
{
	return point == UINT32_MAX ||
	       (point < 0x20 && point != '\n' && point != '\t') ||
	       (point >= 0x7f && point < 0xa0);
}

static void add_point(uint32_t point, struct buf *ret)
{
	if (point != '\r')
		utf8_add(ret, is_unsafe(point) ? '?' : point);
}

static void to_utf8(
	const uint8_t *text, size_t len, bool western, struct buf *ret)
{
	const uint8_t *at = text, *end = text + len;

	while (at < end) {
		uint32_t point = western ? *at++ : utf8_next(&at, end);

		if (point == UINT32_MAX)
			at++;
		add_point(point, ret);
	}
}

/* The part's first bytes. Returns whether these are all. */
static bool decode(const struct mime_part *part, size_t most, struct buf *ret)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	size_t len = part->len < most ? part->len : most;

	if (part->encoding == MIME_BASE64)
		header_add_base64(part->body, len, &bytes);
	else if (part->encoding == MIME_QUOTED)
		header_add_quoted(part->body, len, false, &bytes);
	else
		buf_add(&bytes, part->body, len);
	if (bytes.len)
		to_utf8(bytes.data, bytes.len, part->western, ret);
	return len == part->len;
}

/* ---- HTML, as far as a person needs it ---- */

/* What is left of it, and what it is to become. */
struct html {
	const uint8_t *at, *end;
	struct buf *ret;
};

static bool begins(const struct html *h, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(h->end - h->at) >= len &&
	       strncasecmp((const char *)h->at, word, len) == 0;
}

/* Behind the next of these words, or at the end. */
static void skip_past(struct html *h, const char *word)
{
	while (h->at < h->end && !begins(h, word))
		h->at++;
	h->at += h->at < h->end ? strlen(word) : 0;
}

/* Does text that comes after this tag stand on a line of its own? */
static bool breaks(const struct html *h)
{
	static const char *const tags[] = {"<br", "<p", "</p", "<div", "</div",
		"<tr", "<li", "<h1", "<h2", "<h3", "</h", "<table", "<hr"};

	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
		const uint8_t *behind = h->at + strlen(tags[i]);

		if (begins(h, tags[i]) && behind < h->end &&
			!(*behind >= 'a' && *behind <= 'z'))
			return true;
	}
	return false;
}

static void skip_tag(struct html *h)
{
	static const char *const hidden[][2] = {{"<style", "</style"},
		{"<script", "</script"}, {"<title", "</title"},
		{"<!--", "-->"}};

	if (breaks(h))
		buf_add_byte(h->ret, '\n');
	for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++) {
		if (!begins(h, hidden[i][0]))
			continue;
		skip_past(h, hidden[i][1]);
		if (hidden[i][1][0] == '-')
			return;
		break;
	}
	skip_past(h, ">");
}

static bool add_number(struct html *h, size_t len)
{
	char digits[12] = {0};
	char *end;

	if (len < 4 || len > sizeof(digits) || h->at[1] != '#')
		return false;
	memcpy(digits, h->at + 2, len - 3);
	bool hex = *digits == 'x' || *digits == 'X';
	unsigned long point = strtoul(digits + hex, &end, hex ? 16 : 10);
	if (*end || end == digits + hex || point > 0x10ffff ||
		(point >= 0xd800 && point < 0xe000))
		return false;
	add_point((uint32_t)point, h->ret);
	return true;
}

/* &amp; and the like; what is none stands for itself. */
static void add_entity(struct html *h)
{
	static const struct {
		const char *name, *text;
	} known[] = {{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"},
		{"&quot;", "\""}, {"&apos;", "'"}, {"&nbsp;", " "}};
	size_t left = (size_t)(h->end - h->at);
	const uint8_t *last = memchr(h->at, ';', left < 12 ? left : 12);

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (begins(h, known[i].name)) {
			buf_add_str(h->ret, known[i].text);
			h->at += strlen(known[i].name);
			return;
		}
	if (last && add_number(h, (size_t)(last + 1 - h->at)))
		h->at = last + 1;
	else
		buf_add_byte(h->ret, *h->at++);
}

static void strip(const struct buf *html, struct buf *ret)
{
	struct html h = {html->data, html->data + html->len, ret};

	while (h.at < h.end) {
		if (*h.at == '<')
			skip_tag(&h);
		else if (*h.at == '&')
			add_entity(&h);
		else if (*h.at == '\n')
			buf_add_byte(ret, ' '), h.at++;
		else
			buf_add_byte(ret, *h.at++);
	}
}

/* ---- the lines of it ---- */

/* What is being written; what is due before the next character. */
struct lines {
	struct buf *ret;
	size_t left; /* bytes that may yet be written */
	size_t line; /* bytes in this line */
	size_t newlines, blanks;
	bool squeeze; /* of blanks nothing depends on how many they are */
};

/* Bytes of the character at i. */
static size_t width(const struct buf *text, size_t i)
{
	size_t n = 1;

	while (i + n < text->len && (text->data[i + n] & 0xc0) == 0x80)
		n++;
	return n;
}

static bool put(struct lines *l, const uint8_t *character, size_t n)
{
	if (l->squeeze)
		l->blanks = l->blanks && l->line;
	if (l->line + l->blanks + n > WORDS_LINE_MAX) {
		l->newlines = 1;
		l->line = l->blanks = 0;
	}
	if (l->newlines + l->blanks + n > l->left)
		return false;
	l->left -= l->newlines + l->blanks + n;
	l->line += l->blanks + n;
	for (; l->newlines; l->newlines--)
		buf_add_byte(l->ret, '\n');
	for (; l->blanks; l->blanks--)
		buf_add_byte(l->ret, ' ');
	buf_add(l->ret, character, n);
	return true;
}

/*
 * Empty lines before the first are left out, and of several all but one; blanks
 * at a line's end, too; long lines are broken.
 */
static bool add_lines(
	const struct buf *text, bool squeeze, size_t most, struct buf *ret)
{
	struct lines l = {.ret = ret, .left = most, .squeeze = squeeze};
	bool any = false;
	size_t n;

	for (size_t i = 0; i < text->len; i += n) {
		uint8_t c = text->data[i];

		n = width(text, i);
		if (c == '\n') {
			l.newlines += any && l.newlines < 2;
			l.line = l.blanks = 0;
		} else if (c == ' ' || c == '\t') {
			l.blanks += l.blanks < WORDS_LINE_MAX / 2;
		} else if (!put(&l, text->data + i, n)) {
			return false;
		} else {
			any = true;
		}
	}
	return true;
}

bool words_add(const struct mime_part *part, size_t most, struct buf *ret)
{
	AUTO_BUF struct buf text = BUF_INIT, stripped = BUF_INIT;
	bool html = strcmp(part->type, "text/html") == 0;
	bool all = decode(part, LOOKED(most) + (html ? STYLE_MAX : 0), &text);

	if (html && text.len)
		strip(&text, &stripped);
	return add_lines(html ? &stripped : &text, html, most, ret) && all;
}
