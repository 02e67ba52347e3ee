#include "mime.h"

#include <string.h>
#include <strings.h>

#include "hash.h"
#include "header.h"

#define BOUNDARY_MAX 200u /* RFC 2046 has 70 */
#define VALUE_MAX 4096u	  /* bytes of a field that are looked at */

struct walk {
	mime_fn fn;
	void *arg;
	size_t parts;
	bool over;
};

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

/* ---- values with parameters ---- */

/* What is left of a value. */
struct scan {
	const uint8_t *at, *end;
};

struct parameter {
	const uint8_t *name;
	size_t name_len;
	struct buf value;
};

static struct scan scan_over(const struct header_field *field)
{
	size_t len =
		field->value_len < VALUE_MAX ? field->value_len : VALUE_MAX;

	return (struct scan){field->value, field->value + len};
}

static void skip_space(struct scan *s)
{
	while (s->at < s->end && is_space(*s->at))
		s->at++;
}

/* Up to a byte that ends it. */
static size_t skip_to(struct scan *s, const char *ends)
{
	const uint8_t *from = s->at;

	while (s->at < s->end && !is_space(*s->at) &&
		(!*s->at || !strchr(ends, *s->at)))
		s->at++;
	return (size_t)(s->at - from);
}

static void take_quoted(struct scan *s, struct buf *ret)
{
	s->at++;
	while (s->at < s->end && *s->at != '"') {
		if (*s->at == '\\' && s->at + 1 < s->end)
			s->at++;
		buf_add_byte(ret, *s->at++);
	}
	if (s->at < s->end)
		s->at++;
}

/* The next; its value is the caller's to free. */
static bool next_parameter(struct scan *s, struct parameter *ret)
{
	for (;;) {
		const uint8_t *semicolon =
			s->at < s->end
				? memchr(s->at, ';', (size_t)(s->end - s->at))
				: NULL;

		if (!semicolon)
			return false;
		s->at = semicolon + 1;
		skip_space(s);
		*ret = (struct parameter){.name = s->at};
		ret->name_len = skip_to(s, "=;");
		skip_space(s);
		if (s->at == s->end || *s->at != '=')
			continue;
		s->at++;
		skip_space(s);
		const uint8_t *value = s->at;
		if (s->at < s->end && *s->at == '"')
			take_quoted(s, &ret->value);
		else
			buf_add(&ret->value, value, skip_to(s, ";"));
		return true;
	}
}

static bool is_named(const struct parameter *p, const char *name)
{
	return p->name_len == strlen(name) &&
	       strncasecmp((const char *)p->name, name, p->name_len) == 0;
}

static bool find_parameter(
	const struct header_field *field, const char *name, struct buf *ret)
{
	struct scan s = scan_over(field);
	struct parameter p;

	while (next_parameter(&s, &p)) {
		if (is_named(&p, name)) {
			*ret = p.value;
			return true;
		}
		buf_free(&p.value);
	}
	return false;
}

/* ---- names of files ---- */

/* RFC 2231: "name*", "name*0", "name*0*". */
static bool is_section(const struct parameter *p, const char *name)
{
	size_t len = strlen(name);

	return p->name_len > len && p->name[len] == '*' &&
	       strncasecmp((const char *)p->name, name, len) == 0;
}

static void add_percents(const uint8_t *at, size_t len, struct buf *ret)
{
	for (size_t i = 0; i < len; i++) {
		char digits[3] = {0};
		uint8_t byte;

		if (at[i] == '%' && len - i > 2)
			memcpy(digits, at + i + 1, 2);
		if (*digits && hex_decode(digits, &byte, 1) == 0) {
			buf_add_byte(ret, byte);
			i += 2;
		} else {
			buf_add_byte(ret, at[i]);
		}
	}
}

/* A section of a name: in the first encoded one the charset stands before. */
static void add_section(
	const struct parameter *p, struct buf *ret, bool *ret_western)
{
	const uint8_t *text = p->value.data;
	size_t len = p->value.len;
	bool encoded = p->name[p->name_len - 1] == '*';

	if (!encoded) {
		buf_add(ret, text, len);
		return;
	}
	const uint8_t *mark = len && !ret->len ? memchr(text, '\'', len) : NULL;
	const uint8_t *last =
		mark ? memchr(mark + 1, '\'', len - (size_t)(mark + 1 - text))
		     : NULL;
	if (last) {
		*ret_western = header_is_western(
			(const char *)text, (size_t)(mark - text));
		len -= (size_t)(last + 1 - text);
		text = last + 1;
	}
	add_percents(text, len, ret);
}

/* So much of it as is shown, at a whole character. */
static void cut_name(struct buf *name)
{
	if (name->len <= MIME_NAME_MAX)
		return;
	name->len = MIME_NAME_MAX;
	while (name->len && (name->data[name->len] & 0xc0) == 0x80)
		name->len--;
}

/* Sections are taken in the order in which they stand. */
static bool find_name(
	const struct header_field *field, const char *name, struct buf *ret)
{
	AUTO_BUF struct buf sections = BUF_INIT;
	struct scan s = scan_over(field);
	struct parameter p;
	bool western = false;

	while (next_parameter(&s, &p)) {
		AUTO_BUF struct buf value = p.value;

		if (is_section(&p, name)) {
			add_section(&p, &sections, &western);
		} else if (is_named(&p, name) && value.len && !ret->len) {
			struct header_field plain = {
				.value = value.data, .value_len = value.len};

			header_show(&plain, ret);
		}
	}
	if (sections.len) {
		buf_clear(ret);
		header_add_shown(sections.data, sections.len, western, ret);
	}
	cut_name(ret);
	return ret->len != 0;
}

/* ---- one part ---- */

/* The word before the parameters; "" where it is none. */
static void take_word(
	const struct header_field *field, char *ret, size_t ret_size)
{
	struct scan s = scan_over(field);

	skip_space(&s);
	const uint8_t *word = s.at;
	size_t len = skip_to(&s, ";");
	size_t i = 0;

	for (; len < ret_size && i < len; i++) {
		if (word[i] <= ' ' || word[i] >= 0x7f)
			break;
		ret[i] = (char)lower(word[i]);
	}
	ret[len < ret_size && i == len ? i : 0] = '\0';
}

static enum mime_encoding encoding_of(const uint8_t *part, size_t len)
{
	struct header_field field;
	char word[32];

	if (!header_find(part, len, "Content-Transfer-Encoding", &field))
		return MIME_PLAIN;
	take_word(&field, word, sizeof(word));
	return strcmp(word, "base64") == 0	       ? MIME_BASE64
	       : strcmp(word, "quoted-printable") == 0 ? MIME_QUOTED
						       : MIME_PLAIN;
}

static void describe(const uint8_t *part, size_t len, struct mime_part *ret,
	struct buf *name)
{
	AUTO_BUF struct buf charset = BUF_INIT;
	struct header_field type, how;
	bool typed = header_find(part, len, "Content-Type", &type);
	bool told = header_find(part, len, "Content-Disposition", &how);
	char word[32] = "";

	strcpy(ret->type, "text/plain");
	if (typed)
		take_word(&type, ret->type, sizeof(ret->type));
	if (!strchr(ret->type, '/'))
		strcpy(ret->type, "application/octet-stream");
	if (typed && find_parameter(&type, "charset", &charset))
		ret->western = header_is_western(
			(const char *)charset.data, charset.len);
	if (told)
		take_word(&how, word, sizeof(word));
	ret->attached = strcmp(word, "attachment") == 0;
	ret->encoding = encoding_of(part, len);
	if (!(told && find_name(&how, "filename", name)) && typed)
		find_name(&type, "name", name);
	ret->name = buf_str(name);
}

/* ---- parts of parts ---- */

static size_t body_at(const uint8_t *part, size_t len)
{
	struct header_field field;
	size_t at = 0;

	while (header_next(part, len, &at, &field))
		;
	return at;
}

static bool is_multipart(
	const uint8_t *part, size_t len, struct buf *ret_boundary)
{
	struct header_field type;

	if (!header_find(part, len, "Content-Type", &type) ||
		type.value_len < 10 ||
		strncasecmp((const char *)type.value, "multipart/", 10) != 0 ||
		!find_parameter(&type, "boundary", ret_boundary))
		return false;
	return ret_boundary->len && ret_boundary->len <= BOUNDARY_MAX;
}

/* A line that divides parts. */
struct divider {
	size_t begin, end; /* where it stands; behind its line end */
	bool last;
};

static bool is_divider(const uint8_t *line, size_t len,
	const struct buf *boundary, bool *ret_last)
{
	if (len < 2 + boundary->len || memcmp(line, "--", 2) != 0 ||
		memcmp(line + 2, boundary->data, boundary->len) != 0)
		return false;
	line += 2 + boundary->len;
	len -= 2 + boundary->len;
	*ret_last = len >= 2 && memcmp(line, "--", 2) == 0;
	return !len || *ret_last || is_space(*line);
}

static bool find_divider(const uint8_t *text, size_t len, size_t at,
	const struct buf *boundary, struct divider *ret)
{
	while (at < len) {
		const uint8_t *newline = memchr(text + at, '\n', len - at);
		size_t end = newline ? (size_t)(newline - text) + 1 : len;

		if (is_divider(text + at, end - at, boundary, &ret->last)) {
			ret->begin = at;
			ret->end = end;
			return true;
		}
		at = end;
	}
	return false;
}

static void walk_part(struct walk *w, const uint8_t *part, size_t len,
	bool open, unsigned depth);

static void walk_parts(struct walk *w, const uint8_t *text, size_t len,
	const struct buf *boundary, bool open, unsigned depth)
{
	struct divider from, to;
	bool more = find_divider(text, len, 0, boundary, &from);

	while (more && !from.last && !w->over) {
		more = find_divider(text, len, from.end, boundary, &to);
		size_t end = more ? to.begin : len;
		/* The line end before a divider is the divider's. */
		if (more && end > from.end && text[end - 1] == '\n')
			end--;
		if (more && end > from.end && text[end - 1] == '\r')
			end--;
		walk_part(w, text + from.end, end - from.end, open && !more,
			depth);
		from = to;
	}
}

static void walk_part(struct walk *w, const uint8_t *part, size_t len,
	bool open, unsigned depth)
{
	AUTO_BUF struct buf boundary = BUF_INIT, name = BUF_INIT;
	size_t body = body_at(part, len);

	w->over = w->over || ++w->parts > MIME_PARTS_MAX;
	if (w->over)
		return;
	if (depth < MIME_DEPTH_MAX && is_multipart(part, body, &boundary)) {
		walk_parts(
			w, part + body, len - body, &boundary, open, depth + 1);
		return;
	}
	struct mime_part found = {
		.body = part + body, .len = len - body, .open = open};

	describe(part, body, &found, &name);
	w->over = !w->fn(w->arg, &found);
}

void mime_each(const void *mail, size_t len, mime_fn fn, void *arg)
{
	struct walk w = {.fn = fn, .arg = arg};

	walk_part(&w, mail, len, true, 0);
}
