#include "preview.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "header.h"
#include "words.h"

#define MARK "X-Packetboat-Held: "
#define FIELD_MAX 150u /* bytes of From, To and Date each */
#define SUBJECT_MAX 200u
#define NAME_MAX 64 /* of a site */
#define ID_DIGITS 10
#define LISTED_MAX 20u /* attachments */
#define AFTER_TEXT "\n[...]\n"
#define NO_TEXT "(It has no text that could be shown here.)\n"

struct making {
	const struct preview_of *of;
	const uint8_t *mail;
	size_t len;
	struct mime_part text; /* its name is not kept */
	bool has_text;
	struct buf list; /* of attachments */
	size_t listed, unlisted, list_max;
};

/* ---- the header ---- */

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* A value on one line; what is cut is cut between words. */
static void add_value(
	const struct header_field *field, size_t most, struct buf *ret)
{
	size_t from = ret->len, good = from;
	bool blank = false;

	for (size_t i = 0; i < field->value_len; i++) {
		uint8_t c = field->value[i];

		if (is_blank(c) || c == '\r' || c == '\n') {
			if (!blank)
				good = ret->len;
			blank = true;
			continue;
		}
		if (ret->len - from + blank + 1 > most) {
			if (good > from)
				ret->len = good;
			return;
		}
		if (blank)
			buf_add_byte(ret, ' ');
		blank = false;
		buf_add_byte(ret, c < 0x20 || c == 0x7f ? '?' : c);
	}
}

static void add_field(
	const struct making *m, const char *name, size_t most, struct buf *ret)
{
	struct header_field field;

	if (!header_find(m->mail, m->len, name, &field) || !field.value_len)
		return;
	buf_printf(ret, "%s: ", name);
	add_value(&field, most, ret);
	buf_add_byte(ret, '\n');
}

static void add_size(uint64_t size, struct buf *ret)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB"};
	double n = (double)size / 1000;
	size_t i = 0;

	if (size < 1000) {
		buf_printf(ret, "%u bytes", (unsigned)size);
		return;
	}
	for (; n >= 999.95 && i < 3; i++)
		n /= 1000;
	buf_printf(ret, "%.1f %s", n, units[i]);
}

static void add_subject(const struct making *m, struct buf *ret)
{
	struct header_field field;

	buf_add_str(ret, "Subject: [held: ");
	add_size(m->of->size, ret);
	buf_add_str(ret, "]");
	if (header_find(m->mail, m->len, "Subject", &field) &&
		field.value_len) {
		buf_add_byte(ret, ' ');
		add_value(&field, SUBJECT_MAX, ret);
	}
	buf_add_byte(ret, '\n');
}

static void add_header(const struct making *m, struct buf *ret)
{
	char hex[HASH_HEX];

	hash_hex(&m->of->hash, hex);
	buf_printf(ret, MARK "%s\n", hex);
	add_field(m, "From", FIELD_MAX, ret);
	add_field(m, "To", FIELD_MAX, ret);
	add_field(m, "Date", FIELD_MAX, ret);
	add_subject(m, ret);
	buf_printf(ret,
		"Message-ID: <held.%s@packetboat.invalid>\n"
		"Auto-Submitted: auto-generated\n"
		"MIME-Version: 1.0\n"
		"Content-Type: text/plain; charset=utf-8\n"
		"Content-Transfer-Encoding: 8bit\n\n",
		hex);
}

/* ---- the parts ---- */

/* Bytes that the part stands for, about. */
static uint64_t size_of(const struct making *m, const struct mime_part *part)
{
	uint64_t len = part->len;

	/* Its end lies in what is not looked at. */
	if (part->open && m->of->size > m->len)
		len += m->of->size - m->len;
	return part->encoding == MIME_BASE64 ? len / 77 * 57 + len % 77 * 3 / 4
					     : len;
}

static void list(struct making *m, const struct mime_part *part)
{
	AUTO_BUF struct buf line = BUF_INIT;

	buf_printf(&line, "    %s%s", part->name, *part->name ? " (" : "(");
	add_size(size_of(m, part), &line);
	buf_printf(&line, ", %s)\n", part->type);
	if (m->listed >= LISTED_MAX || m->list.len + line.len > m->list_max) {
		m->unlisted++;
		return;
	}
	buf_add(&m->list, line.data, line.len);
	m->listed++;
}

/* The first plain text is what is shown; the first HTML where there is none. */
static bool meet(void *arg, const struct mime_part *part)
{
	struct making *m = arg;
	bool plain = strcmp(part->type, "text/plain") == 0;
	bool html = strcmp(part->type, "text/html") == 0;
	bool shown = (plain || html) && !part->attached && !*part->name;

	if (!shown) {
		list(m, part);
		return true;
	}
	if (!m->has_text || (plain && strcmp(m->text.type, "text/html") == 0)) {
		m->text = *part;
		m->text.name = "";
		m->has_text = true;
	}
	return true;
}

/* ---- the text ---- */

static void add_notice(const struct making *m, struct buf *ret)
{
	const struct preview_of *of = m->of;
	char hex[HASH_HEX];

	hash_hex(&of->hash, hex);
	buf_printf(ret, "This is only the beginning of a mail of ");
	add_size(of->size, ret);
	buf_printf(ret,
		" that waits at %.*s.\nIt was too large for the link. This "
		"note goes when the mail itself comes,\nover another link, or "
		"when somebody says there:\n\n    packetboat held release "
		"%.*s %.*s\n\n",
		NAME_MAX, of->site, NAME_MAX, of->peer, ID_DIGITS, hex);
	if (m->listed || m->unlisted)
		buf_add_str(ret, "With it come:\n");
	buf_add(ret, m->list.data, m->list.len);
	if (m->unlisted)
		buf_printf(ret, "    and %zu more\n", m->unlisted);
	buf_add_str(ret, "----\n");
}

static void add_text(const struct making *m, size_t most, struct buf *ret)
{
	size_t from = ret->len;

	if (most < sizeof(AFTER_TEXT) + sizeof(NO_TEXT))
		return;
	most -= sizeof(AFTER_TEXT);
	bool all = m->has_text && words_add(&m->text, most, ret);
	if (m->has_text && !all)
		buf_add_str(ret, AFTER_TEXT);
	else if (ret->len == from)
		buf_add_str(ret, NO_TEXT);
	else
		buf_add_byte(ret, '\n');
}

void preview_make(const void *mail, size_t len, const struct preview_of *of,
	size_t most, struct buf *ret)
{
	struct making m = {
		.of = of, .mail = mail, .len = len, .list_max = most / 8};
	AUTO_BUF struct buf made = BUF_INIT;

	assert(most >= PREVIEW_LEAST && most <= PREVIEW_MOST);
	mime_each(mail, len, meet, &m);
	add_header(&m, &made);
	add_notice(&m, &made);
	assert(made.len <= most);
	add_text(&m, most - made.len, &made);
	assert(made.len <= most);
	buf_add(ret, made.data, made.len);
	buf_free(&m.list);
}

/* ---- which it is ---- */

bool preview_held(const void *data, size_t len, struct hash *ret)
{
	const char *text = data;
	size_t mark = strlen(MARK);
	char hex[HASH_HEX] = "";

	if (len < mark + HASH_HEX || memcmp(text, MARK, mark) != 0 ||
		text[mark + HASH_HEX - 1] != '\n')
		return false;
	memcpy(hex, text + mark, HASH_HEX - 1);
	return hash_from_hex(hex, ret) == 0;
}

bool preview_is_of(const void *data, size_t len, const struct hash *held)
{
	struct hash hash;

	return preview_held(data, len, &hash) &&
	       memcmp(&hash, held, sizeof(hash)) == 0;
}
