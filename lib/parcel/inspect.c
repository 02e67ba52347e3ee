/*
 * inspect: parcels and bundles as text (inspect.h says what it looks like).
 *
 * Strings from inside a parcel went through parcel_parse, so they hold no
 * control bytes that could play with a terminal; bytes above 0x7f are left as
 * they are.
 */
#include "inspect.h"
#include "bundle.h"
#include "err.h"
#include "parcel.h"

#include <string.h>

void parcel_print(const void *data, size_t len, struct buf *ret)
{
	struct parcel_header h;
	struct err err = ERR_INIT;

	if (parcel_peek(data, len, &h, &err) < 0) {
		buf_printf(ret, "%s\n", err.text);
		return;
	}
	buf_printf(ret, "parcel from %016llx to %016llx %s %zu bytes\n",
		(unsigned long long)h.sender, (unsigned long long)h.recipient,
		h.is_signed ? "signed, for everybody to read," : "sealed", len);
}

static void print_folder(const struct id128 *id, struct buf *ret)
{
	char hex[ID_HEX];

	id_hex(id, hex);
	buf_add_str(ret, id_is_account(id)	   ? "account"
			 : id_equal(id, &ID_INBOX) ? "INBOX"
						   : hex);
}

static void print_log(const struct log_id *log, struct buf *ret)
{
	buf_printf(ret, "%016llx/%016llx/", (unsigned long long)log->origin,
		(unsigned long long)log->incarnation);
	print_folder(&log->folder, ret);
}

static void print_changes(const struct parcel_changes *c,
	const struct inspect_keys *keys, struct buf *ret)
{
	buf_printf(ret, "  changes%s account %s log ",
		c->brief ? " in brief" : "", c->account);
	print_log(&c->from.log, ret);
	buf_printf(ret,
		" lsn %llu..%llu chain %016llx..%016llx base %llu first %llu "
		"payload %zu bytes\n",
		(unsigned long long)c->from.lsn, (unsigned long long)c->to.lsn,
		(unsigned long long)c->from.chain,
		(unsigned long long)c->to.chain, (unsigned long long)c->base_ms,
		(unsigned long long)c->first_lsn, c->len);
	if (c->unasked)
		buf_add_str(ret, "    from a peer that cannot be asked\n");
	if (c->part)
		buf_add_str(ret, "    not all of it, but of folders in view\n");
	if (c->again)
		buf_printf(ret, "    again, as it is at lsn %llu\n",
			(unsigned long long)c->again);
	for (size_t i = 0; i < c->end_count; i++)
		buf_printf(ret, "    handed over to lsn %llu chain …%08x\n",
			(unsigned long long)c->ends[i].lsn,
			(unsigned)c->ends[i].chain);
	if (keys->changes)
		keys->changes(keys->ctx, c, ret);
}

static void print_body(const struct parcel_body *body, struct buf *ret)
{
	char hex[HASH_HEX];

	hash_hex(&body->hash, hex);
	buf_printf(ret, "  body %s size %llu piece %llu..%llu\n", hex,
		(unsigned long long)body->size,
		(unsigned long long)body->offset,
		(unsigned long long)(body->offset + body->len));
}

static void print_ack(const struct parcel_ack *ack, struct buf *ret)
{
	char hex[HASH_HEX];

	buf_printf(ret, "  ack account %s incarnation %016llx count %llu\n",
		ack->account, (unsigned long long)ack->incarnation,
		(unsigned long long)ack->count);
	for (size_t i = 0; i < ack->entry_count; i++) {
		const struct parcel_ack_entry *e = &ack->entries[i];

		buf_add_str(ret, "    knows ");
		print_log(&e->durable.log, ret);
		buf_printf(ret, " lsn %llu chain %016llx applied %llu\n",
			(unsigned long long)e->durable.lsn,
			(unsigned long long)e->durable.chain,
			(unsigned long long)e->applied);
	}
	if (ack->relays)
		buf_add_str(ret, "    takes what others wrote, too\n");
	if (ack->wants_more)
		buf_printf(ret, "    what it wants is not known yet\n");
	for (size_t i = 0; i < ack->want_count; i++) {
		hash_hex(&ack->wants[i].hash, hex);
		buf_printf(ret, "    wants %s from %llu%s\n", hex,
			(unsigned long long)ack->wants[i].offset,
			ack->wants[i].previewed ? ", has a preview" : "");
	}
	for (size_t i = 0; i < ack->late_count; i++) {
		const struct parcel_late *l = &ack->late[i];

		buf_add_str(ret, "    late in ");
		print_folder(&l->folder, ret);
		buf_printf(ret, " below %u, not as %u: ", l->uidnext, l->uid);
		print_log(&l->dot.log, ret);
		buf_printf(ret, " lsn %llu\n", (unsigned long long)l->dot.lsn);
	}
}

static void print_preview(const struct parcel_preview *p, struct buf *ret)
{
	char hex[HASH_HEX];

	hash_hex(&p->held, hex);
	buf_printf(ret, "  preview account %s of %s %zu bytes\n", p->account,
		hex, p->len);
}

static void print_statement(const struct parcel_statement *s, struct buf *ret)
{
	buf_printf(ret, "  statement account %s vector %016llx\n", s->account,
		(unsigned long long)s->vector);
	for (size_t i = 0; i < s->count; i++) {
		buf_add_str(ret, "    folder ");
		print_folder(&s->folders[i].folder, ret);
		buf_printf(ret, " messages %llu digest %016llx\n",
			(unsigned long long)s->folders[i].messages,
			(unsigned long long)s->folders[i].digest);
	}
}

static void print_runs(
	const struct parcel_run *runs, size_t count, struct buf *ret)
{
	for (size_t i = 0; i < count; i++)
		buf_printf(ret, " %llu..%llu",
			(unsigned long long)runs[i].first,
			(unsigned long long)runs[i].last);
}

static void print_lsns(const char *what, const struct parcel_lsns *lsns,
	size_t count, struct buf *ret)
{
	for (size_t i = 0; i < count; i++) {
		buf_printf(ret, "    %s ", what);
		print_log(&lsns[i].log, ret);
		print_runs(lsns[i].runs, lsns[i].count, ret);
		buf_add_str(ret, "\n");
	}
}

static void print_join(const struct parcel_join *j, struct buf *ret)
{
	buf_printf(ret, "  join account %s incarnation %016llx %s\n",
		j->account, (unsigned long long)j->incarnation,
		j->what == PARCEL_JOIN_ASKS	    ? "asks"
		: j->what == PARCEL_JOIN_ASKS_BRIEF ? "asks in brief"
		: j->what == PARCEL_JOIN_ANSWERS    ? "answers"
						    : "answers, to go on");
	if (j->relays)
		buf_add_str(ret, "    also for what others wrote\n");
	for (size_t i = 0; i < j->position_count; i++) {
		buf_add_str(ret, "    up to ");
		print_log(&j->positions[i].log, ret);
		buf_printf(ret, " lsn %llu chain %016llx\n",
			(unsigned long long)j->positions[i].lsn,
			(unsigned long long)j->positions[i].chain);
	}
	if (j->gone_total)
		buf_printf(ret, "    expunged %zu of %llu\n", j->gone_count,
			(unsigned long long)j->gone_total);
	print_lsns("whole", j->whole, j->whole_count, ret);
}

static void print_question(const struct parcel_compare *c, struct buf *ret)
{
	buf_printf(ret,
		" symbols %u columns %u term %llu authority %016llx "
		"uidvalidity %u\n",
		c->symbols, c->columns, (unsigned long long)c->term,
		(unsigned long long)c->authority, c->uidvalidity);
}

static void print_rows(const struct parcel_compare *c,
	const struct inspect_keys *keys, struct buf *ret)
{
	buf_printf(ret, "%s%s keys %zu payload %zu bytes\n",
		c->equal ? " equal" : "", c->last ? " last" : "", c->key_count,
		c->len);
	if (c->uid_count) {
		buf_add_str(ret, "    asks UIDs");
		print_runs(c->uids, c->uid_count, ret);
		buf_add_str(ret, "\n");
	}
	print_lsns("dead", c->dead, c->dead_count, ret);
	struct parcel_changes changes = {
		.from.log = c->context,
		.base_ms = c->base_ms,
		.first_lsn = 1,
		.payload = c->payload,
		.len = c->len,
	};
	if (c->len && keys->changes)
		keys->changes(keys->ctx, &changes, ret);
}

static void print_compare(enum parcel_section_type type,
	const struct parcel_compare *c, const struct inspect_keys *keys,
	struct buf *ret)
{
	static const char *const names[] = {[PARCEL_COMPARE] = "compare",
		[PARCEL_SKETCH] = "sketch",
		[PARCEL_TABLE] = "table",
		[PARCEL_ROWS] = "rows"};

	buf_printf(ret, "  %s account %s folder ", names[type], c->account);
	print_folder(&c->folder, ret);
	buf_printf(ret, " %s%s",
		c->kind == PARCEL_COMPARE_EXACT ? "exact" : "content",
		c->doubt ? " in doubt" : "");
	if (type == PARCEL_COMPARE)
		print_question(c, ret);
	else if (type == PARCEL_ROWS)
		print_rows(c, keys, ret);
	else
		buf_printf(ret, " %zu bytes\n", c->len);
}

static void print_keys(const struct parcel_keys *k, struct buf *ret)
{
	char line[KEY_LINE_MAX];

	buf_add_str(ret, "  keys");
	if (k->says)
		buf_printf(ret, " retired below %u", k->retired);
	if (k->answers)
		buf_printf(
			ret, " uses %u, refuses below %u", k->uses, k->refuses);
	if (k->change) {
		key_line(&k->change->from, line);
		buf_printf(ret, " changes %s", line);
		key_line(&k->change->to, line);
		buf_printf(ret, " to %s%s", line,
			key_change_check(k->change, NULL) < 0
				? ", and they did not sign it"
				: "");
	}
	buf_add_str(ret, "\n");
}

static void print_section(const struct parcel_section *s,
	const struct inspect_keys *keys, struct buf *ret)
{
	switch (s->type) {
	case PARCEL_CHANGES:
	case PARCEL_BRIEF:
		print_changes(&s->changes, keys, ret);
		break;
	case PARCEL_BODY:
		print_body(&s->body, ret);
		break;
	case PARCEL_ACK:
		print_ack(&s->ack, ret);
		break;
	case PARCEL_JOIN:
		print_join(&s->join, ret);
		break;
	case PARCEL_KEYS:
		print_keys(&s->keys, ret);
		break;
	case PARCEL_STATEMENT:
		print_statement(&s->statement, ret);
		break;
	case PARCEL_PREVIEW:
		print_preview(&s->preview, ret);
		break;
	case PARCEL_COMPARE:
	case PARCEL_SKETCH:
	case PARCEL_TABLE:
	case PARCEL_ROWS:
		print_compare(s->type, &s->compare, keys, ret);
		break;
	}
}

static int open_and_parse(const void *data, size_t len,
	const struct inspect_keys *keys, struct buf *raw,
	struct parcel_sections *ret, struct err *err)
{
	size_t peer;
	int r = parcel_open(keys->self, keys->former, keys->peers,
		keys->peer_count, data, len, &peer, raw, err);

	if (r < 0)
		return r;
	return parcel_parse(
		keys->peers[peer].origin, raw->data, raw->len, ret, err);
}

void parcel_print_open(const void *data, size_t len,
	const struct inspect_keys *keys, struct buf *ret)
{
	AUTO_BUF struct buf raw = BUF_INIT;
	struct parcel_sections sections = {0};
	struct err err = ERR_INIT;

	parcel_print(data, len, ret);
	if (open_and_parse(data, len, keys, &raw, &sections, &err) < 0) {
		buf_printf(ret, "  not opened: %s\n", err.text);
		return;
	}
	for (size_t i = 0; i < sections.count; i++)
		print_section(&sections.items[i], keys, ret);
	parcel_sections_free(&sections);
}

int bundle_print(struct os *os, int fd, const char *name,
	const struct inspect_keys *keys, struct buf *ret, struct err *err)
{
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct bundle_reader *reader;
	unsigned entry = 0;
	int r = bundle_reader_open(os, fd, name, &reader, err);

	if (r < 0)
		return r;
	while ((r = bundle_reader_next(reader, &parcel, err)) > 0) {
		buf_printf(ret, "entry %u ", ++entry);
		if (keys)
			parcel_print_open(parcel.data, parcel.len, keys, ret);
		else
			parcel_print(parcel.data, parcel.len, ret);
	}
	bundle_reader_close(reader);
	return r;
}
