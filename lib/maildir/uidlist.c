/*
 * uidlist: dovecot-uidlist, the only home of a folder's UIDs and GUID.
 *
 *	3 V1795303760 N3 Gad2da9355029026be138000083ecc375
 *	1 :1795303760.M897062P14561.vm,S=5216,W=5329
 *	20 G1795304205.M37640P31319.vm :1700000009.R9P1.writer,S=3934
 *
 *	header: version, then fields of a key letter and a value
 *	line:   UID, fields of a capital letter and a value, ':' and the base
 *
 * A uidlist is whole if and only if (1) the version is 3 or 1, (2) V and N
 * are given and not 0, (3) UIDs grow from line to line and are below 2^32-1,
 * (4) every line has a base without '/'. Where Dovecot would call it broken
 * (and throw it away, with every UID) so do we, and touch nothing.
 * N is a lower bound only: the next UID is max(N, last UID + 1). Lines of
 * expunged mail stay for a while; a mail without a line is normal. Fields
 * nobody knows are kept. A power cut may leave zero bytes for what the server
 * wrote last: they end the line that they are in, and what is no line then is
 * passed over, as Dovecot does.
 *
 * Version 1, still read: "1 <uidvalidity> <uidnext>", then "<uid> <base>".
 */
#include "maildir_private.h"

#include "hash.h"

#include <string.h>

#define UID_MAX (UINT32_MAX - 1) /* the greatest that a message can have */

static int broken(
	const struct uidlist_reader *r, const char *why, struct err *err)
{
	return err_set(
		err, ERR_CORRUPT, UIDLIST_FILE " line %zu: %s", r->line, why);
}

/* The next field of a line: what stands before the next space. */
static struct slice next_field(struct slice *s)
{
	struct slice field;

	if (!slice_cut(s, ' ', &field)) {
		field = *s;
		s->at += s->len;
		s->len = 0;
	}
	while (s->len && *s->at == ' ') {
		s->at++;
		s->len--;
	}
	return field;
}

static bool has_cr(struct slice line)
{
	return line.len && memchr(line.at, '\r', line.len);
}

static bool read_u32(struct slice digits, uint32_t *ret)
{
	uint64_t v;

	if (!slice_number(digits, UINT32_MAX, &v))
		return false;
	*ret = (uint32_t)v;
	return true;
}

static bool read_guid(struct slice hex, struct id128 *ret)
{
	char text[ID_HEX];

	if (hex.len != ID_HEX - 1)
		return false;
	memcpy(text, hex.at, hex.len);
	text[hex.len] = '\0';
	return id_from_hex(text, ret) == 0;
}

static int read_head_field(const struct uidlist_reader *r, struct slice field,
	struct store_identity *id, struct buf *extra, struct err *err)
{
	struct slice value = {.at = field.at + 1, .len = field.len - 1};

	switch (*field.at) {
	case 'V':
		if (!read_u32(value, &id->uidvalidity))
			return broken(r, "V is not a number", err);
		return 0;
	case 'N':
		if (!read_u32(value, &id->uidnext))
			return broken(r, "N is not a number", err);
		return 0;
	case 'G':
		id->has_guid = read_guid(value, &id->guid);
		if (!id->has_guid)
			return broken(r, "G is not a GUID", err);
		return 0;
	default:
		if (extra->len)
			buf_add_byte(extra, ' ');
		buf_add(extra, field.at, field.len);
		return 0;
	}
}

static int read_head_v3(const struct uidlist_reader *r, struct slice head,
	struct arena *arena, struct store_identity *id, struct err *err)
{
	AUTO_BUF struct buf extra = BUF_INIT;

	while (head.len) {
		struct slice field = next_field(&head);
		int e;

		if (!field.len)
			continue;
		e = read_head_field(r, field, id, &extra, err);
		if (e < 0)
			return e;
	}
	id->extra = arena_dup(arena, buf_str(&extra), extra.len);
	return 0;
}

static int read_head_v1(const struct uidlist_reader *r, struct slice head,
	struct store_identity *id, struct err *err)
{
	struct slice v = next_field(&head);
	struct slice n = next_field(&head);

	if (!read_u32(v, &id->uidvalidity) || !read_u32(n, &id->uidnext))
		return broken(r, "no UIDVALIDITY and UIDNEXT", err);
	id->extra = "";
	return 0;
}

int uidlist_read_head(struct uidlist_reader *r, const void *data, size_t len,
	struct arena *arena, struct store_identity *ret, struct err *err)
{
	struct slice head;
	int e;

	*r = (struct uidlist_reader){.lines = lines_over(data, len), .line = 1};
	*ret = (struct store_identity){.has_uids = true, .extra = ""};
	if (!lines_next(&r->lines, &head))
		return broken(r, "no header", err);
	head.len = strnlen(head.at, head.len);
	if (has_cr(head))
		return broken(r, "a CR inside", err);
	if (head.len < 2 || head.at[1] != ' ' ||
		(*head.at != '1' && *head.at != '3'))
		return broken(r, "unknown version", err);
	r->version = *head.at - '0';
	next_field(&head);
	e = r->version == 3 ? read_head_v3(r, head, arena, ret, err)
			    : read_head_v1(r, head, ret, err);
	if (e < 0)
		return e;
	if (!ret->uidvalidity || !ret->uidnext)
		return broken(r, "UIDVALIDITY or UIDNEXT is 0", err);
	return 0;
}

/* Fields up to the ':' that begins the base; rest is then the base. */
static bool skip_fields(struct slice *rest, struct slice *ret_extra)
{
	const char *start = rest->at;

	while (rest->len && *rest->at != ':')
		next_field(rest);
	if (!rest->len)
		return false;
	*ret_extra =
		(struct slice){.at = start, .len = (size_t)(rest->at - start)};
	while (ret_extra->len && ret_extra->at[ret_extra->len - 1] == ' ')
		ret_extra->len--;
	rest->at++;
	rest->len--;
	return true;
}

static int read_base(const struct uidlist_reader *r, struct slice rest,
	struct slice *ret, struct err *err)
{
	struct slice base;

	if (memchr(rest.at, '/', rest.len))
		return broken(r, "a '/' in a file name", err);
	/* Dovecot accepts the whole file name, flags too. */
	if (!slice_cut(&rest, ':', &base))
		base = rest;
	if (!base.len)
		return broken(r, "no file name", err);
	if (base.len > STORE_BASE_MAX)
		return broken(r, "a file name over 255 bytes", err);
	*ret = base;
	return 0;
}

static int read_line(struct uidlist_reader *r, struct slice rest,
	struct uidlist_slice *ret, struct err *err)
{
	if (has_cr(rest))
		return broken(r, "a CR inside", err);
	if (!read_u32(next_field(&rest), &ret->uid) || !ret->uid)
		return broken(r, "no UID", err);
	if (ret->uid > UID_MAX)
		return broken(r, "UID too high", err);
	if (ret->uid <= r->last_uid)
		return broken(r, "UIDs do not grow", err);
	r->last_uid = ret->uid;
	ret->extra = (struct slice){.at = rest.at};
	if (r->version == 3 && !skip_fields(&rest, &ret->extra))
		return broken(r, "no file name", err);
	if (!rest.len)
		return broken(r, "no file name", err);
	return read_base(r, rest, &ret->base, err);
}

int uidlist_read_line(
	struct uidlist_reader *r, struct uidlist_slice *ret, struct err *err)
{
	struct slice line;

	while (lines_next(&r->lines, &line)) {
		size_t len = strnlen(line.at, line.len);
		bool whole = len == line.len;
		int e;

		r->line++;
		line.len = len;
		e = read_line(r, line, ret, whole ? err : NULL);
		if (e == 0 || whole)
			return e < 0 ? e : 1;
	}
	return 0;
}

static bool is_field(struct slice field)
{
	return field.len && *field.at >= 'A' && *field.at <= 'Z';
}

/* Add those of one letter, 0: all. */
static void add_fields(
	struct slice extra, char letter, size_t before, struct buf *ret)
{
	while (extra.len) {
		struct slice field = next_field(&extra);

		if (!is_field(field) || (letter && *field.at != letter))
			continue;
		if (ret->len > before)
			buf_add_byte(ret, ' ');
		buf_add(ret, field.at, field.len);
	}
}

void uidlist_extra_tidy(struct slice extra, struct buf *ret)
{
	add_fields(extra, 0, ret->len, ret);
}

void uidlist_extra_lasting(struct slice extra, struct buf *ret)
{
	size_t before = ret->len;

	for (char letter = 'A'; extra.len && letter <= 'Z'; letter++)
		if (letter != 'S' && letter != 'W')
			add_fields(extra, letter, before, ret);
}

bool uidlist_extra_ok(const char *extra)
{
	AUTO_BUF struct buf clean = BUF_INIT;
	struct slice s = {.at = extra, .len = strlen(extra)};

	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)extra[i] < ' ')
			return false;
	}
	uidlist_extra_tidy(s, &clean);
	return clean.len == s.len &&
	       (!s.len || !memcmp(clean.data, extra, s.len));
}

static void add_line(
	struct uidlist *list, size_t *cap, const struct uidlist_slice *line)
{
	AUTO_BUF struct buf extra = BUF_INIT;
	struct uidlist_line *to;

	if (list->count == *cap) {
		*cap = *cap ? *cap * 2 : 64;
		list->lines = mem_grow(list->lines, *cap, sizeof(*to));
	}
	uidlist_extra_tidy(line->extra, &extra);
	to = &list->lines[list->count++];
	to->uid = line->uid;
	to->extra =
		extra.len ? arena_dup(&list->arena, buf_str(&extra), extra.len)
			  : "";
	to->base = arena_dup(&list->arena, line->base.at, line->base.len);
}

int uidlist_parse(
	const void *data, size_t len, struct uidlist *ret, struct err *err)
{
	struct uidlist list = {0};
	struct uidlist_reader r;
	struct uidlist_slice line;
	size_t cap = 0;
	int e = uidlist_read_head(
		&r, data, len, &list.arena, &list.identity, err);

	list.n = list.identity.uidnext;
	while (e >= 0 && (e = uidlist_read_line(&r, &line, err)) > 0)
		add_line(&list, &cap, &line);
	if (e == 0 && r.version == 1 && r.last_uid >= list.n)
		e = broken(&r, "a UID above UIDNEXT", err);
	if (e < 0) {
		uidlist_free(&list);
		return e;
	}
	if (r.last_uid >= list.identity.uidnext)
		list.identity.uidnext = r.last_uid + 1;
	*ret = list;
	return 0;
}

void uidlist_free(struct uidlist *list)
{
	mem_free_cleanup(&list->lines);
	arena_free(&list->arena);
	*list = (struct uidlist){0};
}

void uidlist_print_head(const struct store_identity *id, struct buf *ret)
{
	char hex[ID_HEX];

	buf_printf(ret, "3 V%u N%u", id->uidvalidity, id->uidnext);
	if (id->has_guid) {
		id_hex(&id->guid, hex);
		buf_printf(ret, " G%s", hex);
	}
	if (*id->extra)
		buf_printf(ret, " %s", id->extra);
	buf_add_byte(ret, '\n');
}

void uidlist_print_line(
	uint32_t uid, struct slice extra, struct slice base, struct buf *ret)
{
	size_t before;

	buf_printf(ret, "%u ", uid);
	before = ret->len;
	uidlist_extra_tidy(extra, ret);
	if (ret->len > before)
		buf_add_byte(ret, ' ');
	buf_add_byte(ret, ':');
	buf_add(ret, base.at, base.len);
	buf_add_byte(ret, '\n');
}

void uidlist_print(const struct uidlist *list, struct buf *ret)
{
	uidlist_print_head(&list->identity, ret);
	for (size_t i = 0; i < list->count; i++) {
		const struct uidlist_line *l = &list->lines[i];

		uidlist_print_line(l->uid,
			(struct slice){l->extra, strlen(l->extra)},
			(struct slice){l->base, strlen(l->base)}, ret);
	}
}
