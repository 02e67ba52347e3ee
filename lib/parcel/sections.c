/*
 * sections: what is inside a parcel, to bytes and back.
 *
 *	section         type | varint length | bytes
 *	changes         [again] | account | log | from, chain | to - from, chain |
 *	                base ms | first lsn - (from + 1) | payload
 *	in brief        as changes; before the payload: length | brief
 *	body, whole     0 | bytes
 *	body, piece     offset + 1 | hash | size | bytes
 *	acknowledgement account | incarnation | count | entries | wants | late
 *	statement       [account] | vector | folders
 *	preview         account | hash | bytes
 *	of comparisons  sections_compare.c
 *	log             how | [origin] | [incarnation] | [folder]
 *
 * The bytes come from a peer whose key is known, which proves who wrote them
 * and nothing else: every number is checked. What is accepted is written the
 * one way that parcel_add_* writes it, so parsing and adding again gives the
 * same bytes.
 */
#include "sections.h"
#include "err.h"
#include "parcel.h"
#include "wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Changes from who cannot be asked: a type of their own. */
#define CHANGES_UNASKED 10

/* How a log id is written: one byte of three of these. */
#define ORIGIN_SENDER 0x01u
#define ORIGIN_BEFORE 0x02u
#define INCARNATION_BEFORE 0x08u
#define FOLDER_ACCOUNT 0x10u
#define FOLDER_INBOX 0x20u

/* The smallest that an entry and a want can be: bounds their counts. */
#define ENTRY_MIN 11u /* log, lsn, chain, lsn - applied */
#define WANT_MIN (HASH_SIZE + 1u)
/* And a folder stated: INBOX, messages, digest. */
#define STATED_MIN (1u + 1u + 8u)

/* How the id of a folder stated is written. */
#define STATED_SPELLED 0u
#define STATED_INBOX 1u
#define STATED_BEFORE 2u /* that of the changes just before */

/* ---- writing ---- */

static unsigned log_spelling(
	const struct log_id *log, uint64_t sender, const struct log_id *before)
{
	unsigned how = 0;

	if (log->origin == sender)
		how |= ORIGIN_SENDER;
	else if (before && log->origin == before->origin)
		how |= ORIGIN_BEFORE;
	if (before && log->incarnation == before->incarnation)
		how |= INCARNATION_BEFORE;
	if (id_is_account(&log->folder))
		how |= FOLDER_ACCOUNT;
	else if (id_equal(&log->folder, &ID_INBOX))
		how |= FOLDER_INBOX;
	return how;
}

void sections_add_log(struct buf *b, uint64_t sender, const struct log_id *log,
	const struct log_id *before)
{
	unsigned how = log_spelling(log, sender, before);

	buf_add_byte(b, (uint8_t)how);
	if (!(how & (ORIGIN_SENDER | ORIGIN_BEFORE)))
		wire_add_u64(b, log->origin);
	if (!(how & INCARNATION_BEFORE))
		wire_add_u64(b, log->incarnation);
	if (!(how & (FOLDER_ACCOUNT | FOLDER_INBOX)))
		buf_add(b, log->folder.b, sizeof(log->folder.b));
}

void sections_add_account(struct buf *b, const char *account)
{
	size_t len = strlen(account);

	assert(len >= 1 && len <= PARCEL_ACCOUNT_MAX);
	wire_add_bytes(b, account, len);
}

void sections_add(struct buf *b, enum parcel_section_type type,
	const struct buf *head, const void *tail, size_t tail_len)
{
	buf_add_byte(b, (uint8_t)type);
	wire_add_varint(b, head->len + tail_len);
	buf_add(b, head->data, head->len);
	buf_add(b, tail, tail_len);
}

static void add_ends(struct buf *b, const struct parcel_changes *c)
{
	uint64_t before = c->from.lsn;

	assert(c->end_count <= PARCEL_ENDS_MAX);
	wire_add_varint(b, c->end_count << 1 | c->part);
	for (size_t i = 0; i < c->end_count; i++) {
		assert(c->ends[i].lsn > before && c->ends[i].lsn < c->to.lsn);
		wire_add_varint(b, c->ends[i].lsn - before);
		wire_add_u32(b, c->ends[i].chain);
		before = c->ends[i].lsn;
	}
}

void parcel_add_changes(
	struct buf *b, uint64_t sender, const struct parcel_changes *c)
{
	AUTO_BUF struct buf head = BUF_INIT;

	assert(log_id_cmp(&c->from.log, &c->to.log) == 0);
	assert(c->from.lsn <= c->to.lsn);
	assert(!c->again || (c->unasked && c->again >= c->to.lsn));
	if (c->unasked)
		wire_add_varint(&head, c->again ? c->again - c->to.lsn + 1 : 0);
	sections_add_account(&head, c->account);
	sections_add_log(&head, sender, &c->from.log, NULL);
	wire_add_varint(&head, c->from.lsn);
	wire_add_u64(&head, c->from.chain);
	wire_add_varint(&head, c->to.lsn - c->from.lsn);
	wire_add_u64(&head, c->to.chain);
	wire_add_varint(&head, c->base_ms);
	wire_add_signed(&head, (int64_t)(c->first_lsn - c->from.lsn - 1));
	add_ends(&head, c);
	assert(!c->brief || !c->unasked);
	if (c->brief)
		wire_add_bytes(&head, c->brief, c->brief_len);
	sections_add(b,
		c->brief     ? PARCEL_BRIEF
		: c->unasked ? (enum parcel_section_type)CHANGES_UNASKED
			     : PARCEL_CHANGES,
		&head, c->payload, c->len);
}

static bool is_whole(const struct parcel_body *body)
{
	struct hash hash;

	if (body->offset != 0 || body->len != body->size)
		return false;
	hash = hash_of(body->data, body->len);
	return memcmp(hash.b, body->hash.b, HASH_SIZE) == 0;
}

void parcel_add_body(struct buf *b, const struct parcel_body *body)
{
	AUTO_BUF struct buf head = BUF_INIT;

	assert(body->size <= INT64_MAX && body->offset <= body->size);
	assert(body->len <= body->size - body->offset);
	if (is_whole(body)) {
		wire_add_varint(&head, 0);
	} else {
		wire_add_varint(&head, body->offset + 1);
		buf_add(&head, body->hash.b, HASH_SIZE);
		wire_add_varint(&head, body->size);
	}
	sections_add(b, PARCEL_BODY, &head, body->data, body->len);
}

void parcel_add_ack(
	struct buf *b, uint64_t sender, const struct parcel_ack *ack)
{
	AUTO_BUF struct buf all = BUF_INIT;
	const struct log_id *before = NULL;

	sections_add_account(&all, ack->account);
	wire_add_u64(&all, ack->incarnation);
	wire_add_varint(&all, ack->count);
	wire_add_varint(&all, ack->entry_count << 1 | ack->relays);
	for (size_t i = 0; i < ack->entry_count; i++) {
		const struct parcel_ack_entry *e = &ack->entries[i];

		assert(e->applied <= e->durable.lsn);
		sections_add_log(&all, sender, &e->durable.log, before);
		wire_add_varint(&all, e->durable.lsn);
		wire_add_u64(&all, e->durable.chain);
		wire_add_varint(&all, e->durable.lsn - e->applied);
		before = &e->durable.log;
	}
	wire_add_varint(&all, ack->want_count << 1 | ack->wants_more);
	for (size_t i = 0; i < ack->want_count; i++) {
		buf_add(&all, ack->wants[i].hash.b, HASH_SIZE);
		assert(ack->wants[i].offset <= INT64_MAX);
		wire_add_varint(&all,
			ack->wants[i].offset << 1 | ack->wants[i].previewed);
	}
	sections_add_late(&all, sender, ack->late, ack->late_count);
	sections_add(b, PARCEL_ACK, &all, NULL, 0);
}

void parcel_add_preview(struct buf *b, const struct parcel_preview *p)
{
	AUTO_BUF struct buf head = BUF_INIT;

	assert(p->len && p->len <= PARCEL_PREVIEW_MAX);
	sections_add_account(&head, p->account);
	buf_add(&head, p->held.b, HASH_SIZE);
	sections_add(b, PARCEL_PREVIEW, &head, p->data, p->len);
}

static unsigned stated_spelling(
	const struct id128 *folder, const struct parcel_changes *before)
{
	if (id_equal(folder, &ID_INBOX))
		return STATED_INBOX;
	if (before && id_equal(folder, &before->from.log.folder))
		return STATED_BEFORE;
	return STATED_SPELLED;
}

void parcel_add_statement(struct buf *b, const struct parcel_changes *before,
	const struct parcel_statement *s)
{
	AUTO_BUF struct buf all = BUF_INIT;

	assert(s->count);
	if (before && strcmp(before->account, s->account) == 0)
		wire_add_varint(&all, 0);
	else
		sections_add_account(&all, s->account);
	wire_add_u64(&all, s->vector);
	for (size_t i = 0; i < s->count; i++) {
		const struct parcel_stated *f = &s->folders[i];
		unsigned how = stated_spelling(&f->folder, before);

		assert(id_cmp(&f->folder, i ? &s->folders[i - 1].folder
					    : &ID_ACCOUNT) > 0);
		buf_add_byte(&all, (uint8_t)how);
		if (how == STATED_SPELLED)
			buf_add(&all, f->folder.b, sizeof(f->folder.b));
		wire_add_varint(&all, f->messages);
		wire_add_u64(&all, f->digest);
	}
	sections_add(b, PARCEL_STATEMENT, &all, NULL, 0);
}

/* ---- reading ---- */

int sections_bad(const struct parse *p, const char *what)
{
	return err_set(p->err, ERR_CORRUPT, "%s", what);
}

struct log_id sections_take_log(
	struct wire *w, uint64_t sender, const struct log_id *before)
{
	struct log_id log = {.origin = sender};
	unsigned how = wire_u8(w);
	const uint8_t *folder;

	if (!before && (how & (ORIGIN_BEFORE | INCARNATION_BEFORE)))
		w->bad = true;
	if (how & ORIGIN_BEFORE)
		log.origin = before ? before->origin : 0;
	else if (!(how & ORIGIN_SENDER))
		log.origin = wire_u64(w);
	if (how & INCARNATION_BEFORE)
		log.incarnation = before ? before->incarnation : 0;
	else
		log.incarnation = wire_u64(w);
	if (how & FOLDER_INBOX) {
		log.folder = ID_INBOX;
	} else if (!(how & FOLDER_ACCOUNT)) {
		folder = wire_raw(w, sizeof(log.folder.b));
		if (folder)
			memcpy(log.folder.b, folder, sizeof(log.folder.b));
	}
	/* One spelling: also refuses unknown bits and contradictions. */
	if (how != log_spelling(&log, sender, before))
		w->bad = true;
	return log;
}

/* An account's name becomes a directory's: it must be one, and no other. */
static bool is_account(const uint8_t *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (name[i] < 0x20 || name[i] == 0x7f || name[i] == '/')
			return false;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return false;
	return true;
}

int sections_take_account(
	const struct parse *p, struct wire *w, const char **ret)
{
	size_t len;
	const uint8_t *name = wire_bytes(w, PARCEL_ACCOUNT_MAX, &len);

	if (!name || len == 0 || !is_account(name, len))
		return sections_bad(p, "account name is malformed");
	*ret = arena_dup(&p->out->arena, (const char *)name, len);
	return 0;
}

static int parse_ends(
	const struct parse *p, struct wire *w, struct parcel_changes *ret)
{
	uint64_t before = ret->from.lsn, count = wire_varint(w);

	ret->part = count & 1;
	count >>= 1;
	if (w->bad || count > PARCEL_ENDS_MAX)
		return sections_bad(p, "ends are malformed");
	struct parcel_end *ends = arena_alloc(
		&p->out->arena, ((size_t)count + 1) * sizeof(*ends));
	for (size_t i = 0; i < count; i++) {
		uint64_t more = wire_varint(w);

		ends[i].chain = wire_u32(w);
		if (w->bad || !more || more >= ret->to.lsn - before)
			return sections_bad(p, "ends are malformed");
		ends[i].lsn = before += more;
	}
	ret->ends = ends;
	ret->end_count = (size_t)count;
	return 0;
}

static int parse_changes(const struct parse *p, struct wire *w, bool brief,
	struct parcel_changes *ret)
{
	uint64_t more, again = ret->unasked ? wire_varint(w) : 0;
	int r = sections_take_account(p, w, &ret->account);

	if (r < 0)
		return r;
	ret->from.log = ret->to.log = sections_take_log(w, p->sender, NULL);
	ret->from.lsn = wire_varint(w);
	ret->from.chain = wire_u64(w);
	more = wire_varint(w);
	ret->to.chain = wire_u64(w);
	ret->base_ms = wire_varint(w);
	ret->first_lsn = ret->from.lsn + 1 + (uint64_t)wire_signed(w);
	if (w->bad)
		return sections_bad(p, "head is malformed");
	if (more > UINT64_MAX - ret->from.lsn)
		return sections_bad(p, "lsn over the largest");
	ret->to.lsn = ret->from.lsn + more;
	if (again && again - 1 > UINT64_MAX - ret->to.lsn)
		return sections_bad(p, "lsn over the largest");
	ret->again = again ? ret->to.lsn + (again - 1) : 0;
	if (again && !ret->again)
		return sections_bad(p, "head is malformed");
	r = parse_ends(p, w, ret);
	if (r < 0)
		return r;
	if (brief &&
		!(ret->brief = wire_bytes(w, PARCEL_RAW_MAX, &ret->brief_len)))
		return sections_bad(p, "what is in brief is malformed");
	ret->len = wire_left(w);
	ret->payload = wire_raw(w, ret->len);
	return 0;
}

static int parse_body(
	const struct parse *p, struct wire *w, struct parcel_body *ret)
{
	uint64_t place = wire_varint(w);
	const uint8_t *hash = NULL;

	if (place > 0) {
		ret->offset = place - 1;
		hash = wire_raw(w, HASH_SIZE);
		ret->size = wire_varint(w);
	}
	if (w->bad)
		return sections_bad(p, "head is malformed");
	ret->len = wire_left(w);
	ret->data = wire_raw(w, ret->len);
	if (!hash) {
		ret->size = ret->len;
		ret->hash = hash_of(ret->data, ret->len);
		return 0;
	}
	memcpy(ret->hash.b, hash, HASH_SIZE);
	if (ret->size > INT64_MAX || ret->offset > ret->size ||
		ret->len > ret->size - ret->offset)
		return sections_bad(p, "piece reaches beyond the body");
	if (is_whole(ret))
		return sections_bad(p, "a whole body is spelled as a piece");
	return 0;
}

static int parse_entries(
	const struct parse *p, struct wire *w, struct parcel_ack *ret)
{
	const struct log_id *before = NULL;
	uint64_t count = wire_count(w, wire_left(w) / ENTRY_MIN << 1 | 1);

	if (w->bad)
		return sections_bad(p, "number of entries is malformed");
	ret->relays = count & 1;
	ret->entry_count = (size_t)(count >> 1);
	ret->entries = arena_alloc(
		&p->out->arena, ret->entry_count * sizeof(*ret->entries));
	for (size_t i = 0; i < ret->entry_count && !w->bad; i++) {
		struct parcel_ack_entry *e = &ret->entries[i];

		e->durable.log = sections_take_log(w, p->sender, before);
		e->durable.lsn = wire_varint(w);
		e->durable.chain = wire_u64(w);
		e->applied = e->durable.lsn - wire_count(w, e->durable.lsn);
		before = &e->durable.log;
	}
	return w->bad ? sections_bad(p, "entry is malformed") : 0;
}

static int parse_wants(
	const struct parse *p, struct wire *w, struct parcel_ack *ret)
{
	uint64_t count = wire_count(w, wire_left(w) / WANT_MIN << 1 | 1);

	if (w->bad)
		return sections_bad(p, "number of wants is malformed");
	ret->wants_more = count & 1;
	ret->want_count = (size_t)(count >> 1);
	ret->wants = arena_alloc(
		&p->out->arena, ret->want_count * sizeof(*ret->wants));
	for (size_t i = 0; i < ret->want_count && !w->bad; i++) {
		const uint8_t *hash = wire_raw(w, HASH_SIZE);

		if (hash)
			memcpy(ret->wants[i].hash.b, hash, HASH_SIZE);
		uint64_t offset = wire_varint(w);
		ret->wants[i].offset = offset >> 1;
		ret->wants[i].previewed = offset & 1;
	}
	return w->bad ? sections_bad(p, "want is malformed") : 0;
}

static int parse_ack(
	const struct parse *p, struct wire *w, struct parcel_ack *ret)
{
	int r = sections_take_account(p, w, &ret->account);

	if (r < 0)
		return r;
	ret->incarnation = wire_u64(w);
	ret->count = wire_varint(w);
	r = parse_entries(p, w, ret);
	if (r == 0)
		r = parse_wants(p, w, ret);
	if (r == 0)
		r = sections_take_late(p, w, &ret->late, &ret->late_count);
	return r;
}

/* None: as in the changes just before. */
static int take_stated_account(
	const struct parse *p, struct wire *w, const char **ret)
{
	struct wire at = *w;

	if (!p->before)
		return sections_take_account(p, w, ret);
	if (wire_varint(&at) == 0 && !at.bad) {
		*w = at;
		*ret = p->before->account;
		return 0;
	}
	int r = sections_take_account(p, w, ret);
	if (r == 0 && strcmp(*ret, p->before->account) == 0)
		return sections_bad(p, "account is that of the changes before");
	return r;
}

static struct id128 take_stated_folder(const struct parse *p, struct wire *w)
{
	struct id128 folder = ID_INBOX;
	unsigned how = wire_u8(w);
	const uint8_t *id;

	if (how == STATED_BEFORE && p->before)
		folder = p->before->from.log.folder;
	if (how == STATED_SPELLED) {
		id = wire_raw(w, sizeof(folder.b));
		if (id)
			memcpy(folder.b, id, sizeof(folder.b));
	}
	if (how != stated_spelling(&folder, p->before))
		w->bad = true;
	return folder;
}

static int parse_statement(
	const struct parse *p, struct wire *w, struct parcel_statement *ret)
{
	int r = take_stated_account(p, w, &ret->account);

	if (r < 0)
		return r;
	ret->vector = wire_u64(w);
	ret->folders = arena_alloc(&p->out->arena,
		wire_left(w) / STATED_MIN * sizeof(*ret->folders));
	while (!w->bad && wire_left(w) >= STATED_MIN) {
		struct parcel_stated *f = &ret->folders[ret->count++];

		f->folder = take_stated_folder(p, w);
		f->messages = wire_varint(w);
		f->digest = wire_u64(w);
		if (id_cmp(&f->folder,
			    ret->count > 1 ? &f[-1].folder : &ID_ACCOUNT) <= 0)
			w->bad = true;
	}
	if (w->bad || ret->count == 0)
		return sections_bad(p, "folder is malformed");
	return wire_left(w) != 0 ? sections_bad(p, "bytes after its end") : 0;
}

static int parse_preview(
	const struct parse *p, struct wire *w, struct parcel_preview *ret)
{
	int r = sections_take_account(p, w, &ret->account);
	const uint8_t *hash = wire_raw(w, HASH_SIZE);

	if (r < 0)
		return r;
	ret->len = wire_left(w);
	ret->data = wire_raw(w, ret->len);
	if (!hash || !ret->len)
		return sections_bad(p, "is cut");
	if (ret->len > PARCEL_PREVIEW_MAX)
		return sections_bad(p, "is too long");
	memcpy(ret->held.b, hash, HASH_SIZE);
	return 0;
}

/* The next section's type and bytes: false where they are malformed. */
static bool take_section(struct wire *w, uint8_t *ret_type, struct wire *ret)
{
	size_t len;
	const uint8_t *data;

	*ret_type = wire_u8(w);
	data = wire_bytes(w, PARCEL_RAW_MAX, &len);
	*ret = wire_over(data, len);
	return data != NULL;
}

size_t sections_count(const void *data, size_t len)
{
	struct wire w = wire_over(data, len), section;
	size_t count = 0;
	uint8_t type;

	while (wire_left(&w) != 0 && take_section(&w, &type, &section))
		count++;
	return count;
}

static int parse_section(
	const struct parse *p, struct wire *w, struct parcel_section *ret)
{
	struct wire section;
	uint8_t type;
	int r;

	if (!take_section(w, &type, &section))
		return sections_bad(p, "header is malformed");
	ret->type = type;
	switch (type) {
	case CHANGES_UNASKED:
		ret->type = PARCEL_CHANGES;
		ret->changes.unasked = true;
		/* fall through */
	case PARCEL_CHANGES:
	case PARCEL_BRIEF:
		r = parse_changes(
			p, &section, type == PARCEL_BRIEF, &ret->changes);
		return r < 0 ? err_wrap(p->err, "changes") : 0;
	case PARCEL_BODY:
		r = parse_body(p, &section, &ret->body);
		return r < 0 ? err_wrap(p->err, "body") : 0;
	case PARCEL_ACK:
		r = parse_ack(p, &section, &ret->ack);
		return r < 0 ? err_wrap(p->err, "acknowledgement") : 0;
	case PARCEL_STATEMENT:
		r = parse_statement(p, &section, &ret->statement);
		return r < 0 ? err_wrap(p->err, "statement") : 0;
	case PARCEL_COMPARE:
	case PARCEL_SKETCH:
	case PARCEL_TABLE:
	case PARCEL_ROWS:
		r = sections_parse_compare(p, &section, type, &ret->compare);
		return r < 0 ? err_wrap(p->err, "comparison") : 0;
	case PARCEL_JOIN:
		r = sections_parse_join(p, &section, &ret->join);
		return r < 0 ? err_wrap(p->err, "joining") : 0;
	case PARCEL_KEYS:
		r = sections_parse_keys(p, &section, &ret->keys);
		return r < 0 ? err_wrap(p->err, "keys") : 0;
	case PARCEL_PREVIEW:
		r = parse_preview(p, &section, &ret->preview);
		return r < 0 ? err_wrap(p->err, "preview") : 0;
	default:
		return err_set(p->err, ERR_LIMIT,
			"type %u: made by a newer packetboat", type);
	}
}

int parcel_parse(uint64_t sender, const void *data, size_t len,
	struct parcel_sections *ret, struct err *err)
{
	struct parse p = {.sender = sender, .out = ret, .err = err};
	struct wire w = wire_over(data, len);
	size_t count = sections_count(data, len);
	int r = 0;

	*ret = (struct parcel_sections){0};
	if (len > PARCEL_RAW_MAX)
		return err_set(err, ERR_LIMIT, "%zu bytes over limit %u", len,
			PARCEL_RAW_MAX);
	if (count > PARCEL_SECTIONS_MAX)
		return err_set(err, ERR_LIMIT, "%zu sections over limit %u",
			count, PARCEL_SECTIONS_MAX);
	/* One more than are whole, for the parse to fail at. */
	ret->items = mem_array(count + 1, sizeof(*ret->items));
	while (r == 0 && wire_left(&w) != 0) {
		struct parcel_section *s = &ret->items[ret->count];

		r = parse_section(&p, &w, s);
		p.before = s->type == PARCEL_CHANGES ? &s->changes : NULL;
		if (r == 0)
			ret->count++;
	}
	if (r < 0) {
		r = err_wrap(err, "section %zu", ret->count + 1);
		parcel_sections_free(ret);
	}
	return r;
}

void parcel_sections_free(struct parcel_sections *s)
{
	free(s->items);
	arena_free(&s->arena);
	*s = (struct parcel_sections){0};
}
