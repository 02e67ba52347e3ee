#include "header.h"

#include <string.h>
#include <strings.h>

#include "utf8.h"

#define VALUE_MAX 8192u /* bytes of a value that are shown */

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool is_space(uint8_t c)
{
	return is_blank(c) || c == '\r' || c == '\n';
}

/* ---- fields ---- */

/* Behind the line that begins at `at`. */
static size_t line_end(const uint8_t *mail, size_t len, size_t at)
{
	const uint8_t *end = memchr(mail + at, '\n', len - at);

	return end ? (size_t)(end - mail) + 1 : len;
}

static bool is_empty_line(const uint8_t *mail, size_t at, size_t end)
{
	return (end - at == 1 && mail[at] == '\n') ||
	       (end - at == 2 && mail[at] == '\r' && mail[at + 1] == '\n');
}

static bool take_field(
	const uint8_t *line, size_t len, struct header_field *ret)
{
	const uint8_t *colon = memchr(line, ':', len);

	if (!colon || is_blank(line[0]))
		return false;
	size_t name_len = (size_t)(colon - line);
	const uint8_t *value = colon + 1, *end = line + len;

	while (name_len && is_blank(line[name_len - 1]))
		name_len--;
	while (value < end && is_space(*value))
		value++;
	while (end > value && is_space(end[-1]))
		end--;
	*ret = (struct header_field){
		line, value, name_len, (size_t)(end - value)};
	return name_len && !memchr(line, ' ', name_len) &&
	       !memchr(line, '\n', name_len);
}

bool header_next(
	const void *mail, size_t len, size_t *at, struct header_field *ret)
{
	const uint8_t *m = mail;

	while (*at < len) {
		size_t begin = *at, end = line_end(m, len, begin);

		*at = end;
		if (is_empty_line(m, begin, end))
			return false;
		while (end < len && is_blank(m[end]))
			end = line_end(m, len, end);
		*at = end;
		if (take_field(m + begin, end - begin, ret))
			return true;
	}
	return false;
}

bool header_find(const void *mail, size_t len, const char *name,
	struct header_field *ret)
{
	size_t at = 0, name_len = strlen(name);

	while (header_next(mail, len, &at, ret))
		if (ret->name_len == name_len &&
			strncasecmp((const char *)ret->name, name, name_len) ==
				0)
			return true;
	return false;
}

/* ---- what encodes bytes ---- */

static int digit64(uint8_t c)
{
	return c >= 'A' && c <= 'Z'   ? c - 'A'
	       : c >= 'a' && c <= 'z' ? c - 'a' + 26
	       : c >= '0' && c <= '9' ? c - '0' + 52
	       : c == '+'	      ? 62
	       : c == '/'	      ? 63
				      : -1;
}

void header_add_base64(const uint8_t *text, size_t len, struct buf *ret)
{
	uint32_t bits = 0;
	unsigned count = 0;

	for (size_t i = 0; i < len; i++) {
		int digit = digit64(text[i]);

		if (text[i] == '=') /* what follows is a text of its own */
			bits = count = 0;
		if (digit < 0)
			continue;
		bits = (bits << 6 | (uint32_t)digit) & 0xffffff;
		count += 6;
		if (count >= 8) {
			count -= 8;
			buf_add_byte(ret, (uint8_t)(bits >> count));
		}
	}
}

static int digit16(uint8_t c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

/* Behind a line end that a = at i makes none; i: there is no such. */
static size_t soft_break(const uint8_t *text, size_t len, size_t i)
{
	size_t at = i + 1;

	while (at < len && (is_blank(text[at]) || text[at] == '\r'))
		at++;
	return at < len && text[at] == '\n' ? at + 1 : i;
}

void header_add_quoted(
	const uint8_t *text, size_t len, bool word, struct buf *ret)
{
	for (size_t i = 0; i < len; i++) {
		int high = -1, low = -1;

		if (text[i] == '=' && i + 2 < len) {
			high = digit16(text[i + 1]);
			low = digit16(text[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			buf_add_byte(ret, (uint8_t)(high << 4 | low));
			i += 2;
			continue;
		}
		size_t after = text[i] == '=' ? soft_break(text, len, i) : i;
		if (after > i)
			i = after - 1;
		else
			buf_add_byte(
				ret, word && text[i] == '_' ? ' ' : text[i]);
	}
}

/* ---- for people ---- */

/* Would a terminal act upon it, or a reader see text in another order? */
static bool is_unsafe(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point < 0xa0) ||
	       (point >= 0x200b && point <= 0x200f) ||
	       (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2060 && point <= 0x206f) || point == 0xfeff;
}

static void show_point(uint32_t point, struct buf *ret)
{
	bool space = point < 0x100 && is_space((uint8_t)point);

	if (space)
		point = ' ';
	utf8_add(ret, point == UINT32_MAX || is_unsafe(point) ? '?' : point);
}

void header_add_shown(
	const uint8_t *text, size_t len, bool western, struct buf *ret)
{
	const uint8_t *at = text, *end = text + len;

	while (at < end) {
		uint32_t point = western ? *at++ : utf8_next(&at, end);

		if (point == UINT32_MAX)
			at++;
		show_point(point, ret);
	}
}

bool header_is_western(const char *charset, size_t len)
{
	static const char *const names[] = {
		"iso-8859-1", "iso-8859-15", "windows-1252", "latin1"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i]) == len &&
			strncasecmp(names[i], charset, len) == 0)
			return true;
	return false;
}

/* An encoded word; the charset without what RFC 2231 puts behind it. */
struct word {
	const uint8_t *charset, *text;
	size_t charset_len, len, size; /* size: of all of it */
	bool base64;
};

static bool take_word(const uint8_t *at, size_t len, struct word *ret)
{
	const uint8_t *end = at + len;

	if (len < 8 || at[0] != '=' || at[1] != '?')
		return false;
	const uint8_t *charset = at + 2;
	const uint8_t *mark = memchr(charset, '?', (size_t)(end - charset));
	if (!mark || end - mark < 5 || mark[2] != '?')
		return false;
	const uint8_t *text = mark + 3;
	const uint8_t *last = memchr(text, '?', (size_t)(end - text));
	if (!last || last + 1 == end || last[1] != '=')
		return false;
	const uint8_t *star = memchr(charset, '*', (size_t)(mark - charset));
	*ret = (struct word){.charset = charset,
		.charset_len = (size_t)((star ? star : mark) - charset),
		.text = text,
		.len = (size_t)(last - text),
		.size = (size_t)(last + 2 - at),
		.base64 = mark[1] == 'B' || mark[1] == 'b'};
	return ret->base64 || mark[1] == 'Q' || mark[1] == 'q';
}

static void show_word(const struct word *w, struct buf *ret)
{
	AUTO_BUF struct buf bytes = BUF_INIT;

	if (w->base64)
		header_add_base64(w->text, w->len, &bytes);
	else
		header_add_quoted(w->text, w->len, true, &bytes);
	if (!bytes.len)
		return;
	header_add_shown(bytes.data, bytes.len,
		header_is_western((const char *)w->charset, w->charset_len),
		ret);
}

void header_show(const struct header_field *field, struct buf *ret)
{
	const uint8_t *at = field->value;
	size_t len =
		field->value_len < VALUE_MAX ? field->value_len : VALUE_MAX;
	const uint8_t *end = at + len;
	bool after_word = false;

	while (at < end) {
		const uint8_t *text = at;
		struct word word;

		while (text < end && is_space(*text))
			text++;
		bool is_word = take_word(text, (size_t)(end - text), &word);
		/* What is between two words belongs to neither. */
		if (text > at && !(is_word && after_word))
			buf_add_byte(ret, ' ');
		at = text;
		if (is_word) {
			show_word(&word, ret);
			at += word.size;
		}
		after_word = is_word;
		const uint8_t *stop = at;
		while (!is_word && stop < end && !is_space(*stop))
			stop++;
		header_add_shown(at, (size_t)(stop - at), false, ret);
		at = stop;
	}
}
