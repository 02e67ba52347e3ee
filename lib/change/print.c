/*
 * print: a change or a statement as one line of text.
 *
 *   17 2026-11-22T03:04:05.678+1 flags 9d0c…:12 +S -F +$Forwarded
 *
 * lsn, stamp (UTC; "+n" is the counter; "-" is stamp 0), kind, then what the
 * kind has. A dot is origin:lsn, origin in 16 hex digits, followed by
 * /incarnation and @folder only where they are not those of the change's own
 * log. Strings are in quotes where they may hold spaces; what is not
 * printable ASCII, a quote or a backslash is \xNN, so that a line is one line
 * whatever a peer wrote, on any terminal.
 */
#include "kinds.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void print_text(const char *s, struct buf *ret)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c >= 0x7f || c == '\\' || c == '"')
			buf_printf(ret, "\\x%02x", c);
		else
			buf_add_byte(ret, c);
	}
}

static void print_quoted(const char *what, const char *s, struct buf *ret)
{
	buf_printf(ret, " %s\"", what);
	print_text(s, ret);
	buf_add_byte(ret, '"');
}

static void print_seconds(int64_t s, struct buf *ret)
{
	time_t t = (time_t)s;
	struct tm tm;
	char text[64];

	/* years that have no date are printed as the number they are */
	if (gmtime_r(&t, &tm) && tm.tm_year >= 0 && tm.tm_year < 8100 &&
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		buf_add_str(ret, text);
	else
		buf_printf(ret, "%" PRId64, s);
}

static void print_stamp(uint64_t stamp, struct buf *ret)
{
	uint64_t ms = STAMP_MS(stamp);

	if (stamp == 0) {
		buf_add_str(ret, "-");
		return;
	}
	print_seconds((int64_t)(ms / 1000), ret);
	buf_printf(ret, ".%03u", (unsigned)(ms % 1000));
	if (stamp & 0xffff)
		buf_printf(ret, "+%u", (unsigned)(stamp & 0xffff));
}

static void print_id(const char *what, const struct id128 *id, struct buf *ret)
{
	char hex[ID_HEX];

	id_hex(id, hex);
	buf_printf(ret, " %s%s", what, hex);
}

/* origin[/incarnation][@folder]:lsn */
static void print_place(const char *what, const struct log_id *log,
	uint64_t lsn, const struct log_id *own, struct buf *ret)
{
	char hex[ID_HEX];

	buf_printf(ret, " %s%016" PRIx64, what, log->origin);
	if (log->incarnation != own->incarnation)
		buf_printf(ret, "/%016" PRIx64, log->incarnation);
	if (!id_equal(&log->folder, &own->folder)) {
		id_hex(&log->folder, hex);
		buf_printf(ret, "@%s", hex);
	}
	buf_printf(ret, ":%" PRIu64, lsn);
}

/* "+S +F" and each keyword, with sign before every one */
static void print_flags(char sign, const struct flag_set *set, struct buf *ret)
{
	char one[2] = {0};

	for (const char *s = set->letters; *s; s++) {
		one[0] = *s;
		buf_printf(ret, " %c", sign);
		print_text(one, ret);
	}
	if (set->keywords[0]) {
		buf_printf(ret, " %c", sign);
		for (const char *s = set->keywords; *s; s++) {
			one[0] = *s;
			if (*s == ' ')
				buf_printf(ret, " %c", sign);
			else
				print_text(one, ret);
		}
	}
}

static void print_message(
	const struct change *c, unsigned fields, struct buf *ret)
{
	char hex[HASH_HEX];

	if (fields & (FIELD_DOT | FIELD_BORN))
		print_place("", &c->dot.log, c->dot.lsn, &c->by.log, ret);
	if ((fields & FIELD_SOURCE) && c->source.lsn)
		print_place("from ", &c->source.log, c->source.lsn, &c->by.log,
			ret);
	if (fields & FIELD_UID)
		buf_printf(ret, " uid %" PRIu32, c->uid);
	if (fields & FIELD_BODY) {
		hash_hex(&c->hash, hex);
		buf_printf(ret, " size %" PRIu64 " date ", c->size);
		print_seconds(c->mtime, ret);
		buf_printf(ret, " body %s", hex);
		print_quoted("name ", c->base, ret);
	}
	if (fields & FIELD_ADD)
		print_flags('+', &c->add, ret);
	if (fields & FIELD_DEL)
		print_flags('-', &c->del, ret);
}

static void print_folder(
	const struct change *c, unsigned fields, struct buf *ret)
{
	if (fields & FIELD_FOLDER)
		print_id(c->kind == CHANGE_LEFT ? "to " : "", &c->folder, ret);
	if (fields & FIELD_OTHER)
		print_id("with ", &c->other, ret);
	if (fields & FIELD_PATH)
		print_quoted("", c->path, ret);
	if (fields & FIELD_VALUE)
		buf_add_str(ret, c->value ? " yes" : " no");
	if (fields & FIELD_AUTHORITY)
		buf_printf(ret, " term %" PRIu64 " site %016" PRIx64, c->term,
			c->site);
	if (fields & FIELD_UIDS)
		buf_printf(ret, " uidvalidity %" PRIu32 " uidnext %" PRIu32,
			c->uidvalidity, c->uidnext);
	if (fields & FIELD_GUID)
		print_id("guid ", &c->guid, ret);
}

void change_print(const struct change *change, struct buf *ret)
{
	const struct change_kind_rule *rule = change_kind_rule(change->kind);
	unsigned fields = rule ? rule->fields : 0;

	buf_printf(ret, "%" PRIu64 " ", change->by.lsn);
	print_stamp(change->by.stamp, ret);
	if (rule)
		buf_printf(ret, " %s", rule->name);
	else
		buf_printf(ret, " kind-%u", (unsigned)change->kind);
	print_message(change, fields, ret);
	print_folder(change, fields, ret);
	if ((fields & FIELD_EXTRA) && change->extra[0])
		print_quoted("extra ", change->extra, ret);
	if (fields & FIELD_GAP)
		buf_printf(ret, " from %" PRIu64, change->first);
	if (fields & FIELD_END) {
		print_place(fields & FIELD_GAP ? "to " : "after ",
			&change->end.log, change->end.lsn, &change->by.log,
			ret);
		buf_printf(ret, " chain %016" PRIx64, change->end.chain);
	}
	if (fields & FIELD_GAP)
		print_quoted("", change->reason, ret);
}

void statement_print(const struct statement *st, struct buf *ret)
{
	struct log_id own = {0};
	char hex[2 * sizeof(st->digest) + 1];

	hex_encode(st->digest, sizeof(st->digest), hex);
	buf_printf(ret, "%" PRIu64 " ", st->lsn);
	print_stamp(st->stamp, ret);
	buf_printf(ret,
		" statement uidnext %" PRIu32 " messages %" PRIu64 " digest %s",
		st->uidnext, st->messages, hex);
	for (size_t i = 0; i < st->vector_count; i++) {
		const struct position *p = &st->vector[i];

		print_place("", &p->log, p->lsn, &own, ret);
		buf_printf(ret, " chain %016" PRIx64, p->chain);
		own.folder = p->log.folder; /* said once */
	}
}
