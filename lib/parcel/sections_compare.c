/*
 * sections_compare: the sections of comparisons, to bytes and back.
 *
 *	each     account | folder | kind and flags | seed | then by type:
 *	COMPARE  term | authority | UIDVALIDITY | symbols | columns
 *	SKETCH   a sketch
 *	TABLE    a state table
 *	ROWS     keys | UIDs | dead dots | [log | base ms | changes]
 *
 * As with all sections, what is accepted is written in one way only.
 */
#include "err.h"
#include "sections.h"

#include <assert.h>
#include <string.h>

#define FOLDER_SPELLED 0u
#define FOLDER_INBOX 1u

/* Kind and flags: one byte. */
#define KIND_MASK 0x0fu
#define FLAG_DOUBT 0x10u
#define FLAG_EQUAL 0x20u
#define FLAG_LAST 0x40u

#define COLUMNS_MAX 511u /* bits of a state table, and of a view */
#define SYMBOLS_MAX 65536u
#define LSN_MAX ((UINT64_C(1) << 62) - 1)
/* The smallest that lsns of a log can be: id, number, one run. */
#define LSNS_MIN (1u + 1u + 2u)
#define RUN_MIN 2u

/* ---- writing ---- */

/* Runs ascend, with a gap between two. */
static void add_runs(struct buf *b, const struct parcel_run *runs, size_t count)
{
	uint64_t next = 1; /* the least that may begin one */

	wire_add_varint(b, count);
	for (size_t i = 0; i < count; i++) {
		assert(runs[i].first >= next && runs[i].last >= runs[i].first);
		wire_add_varint(b, runs[i].first - next);
		wire_add_varint(b, runs[i].last - runs[i].first);
		next = runs[i].last + 2;
	}
}

static void add_head(struct buf *b, const struct parcel_compare *c)
{
	bool inbox = id_equal(&c->folder, &ID_INBOX);

	sections_add_account(b, c->account);
	buf_add_byte(b, inbox ? FOLDER_INBOX : FOLDER_SPELLED);
	if (!inbox)
		buf_add(b, c->folder.b, sizeof(c->folder.b));
	buf_add_byte(
		b, (uint8_t)((unsigned)c->kind | (c->doubt ? FLAG_DOUBT : 0) |
			     (c->equal ? FLAG_EQUAL : 0) |
			     (c->last ? FLAG_LAST : 0)));
	buf_add(b, c->seed, sizeof(c->seed));
}

static void add_question(struct buf *b, const struct parcel_compare *c)
{
	wire_add_varint(b, c->term);
	wire_add_u64(b, c->authority);
	wire_add_varint(b, c->uidvalidity);
	wire_add_varint(b, c->symbols);
	wire_add_varint(b, c->columns);
}

void sections_add_lsns(struct buf *b, uint64_t sender,
	const struct parcel_lsns *lsns, size_t count)
{
	const struct log_id *before = NULL;

	wire_add_varint(b, count);
	for (size_t i = 0; i < count; i++) {
		assert(lsns[i].count);
		assert(!before || log_id_cmp(&lsns[i].log, before) > 0);
		sections_add_log(b, sender, &lsns[i].log, before);
		add_runs(b, lsns[i].runs, lsns[i].count);
		before = &lsns[i].log;
	}
}

static void add_rows(
	struct buf *b, uint64_t sender, const struct parcel_compare *c)
{
	wire_add_varint(b, c->key_count);
	for (size_t i = 0; i < c->key_count; i++) {
		assert(!i || c->keys[i] > c->keys[i - 1]);
		wire_add_u64(b, c->keys[i]);
	}
	add_runs(b, c->uids, c->uid_count);
	sections_add_lsns(b, sender, c->dead, c->dead_count);
	if (c->len) {
		sections_add_log(b, sender, &c->context,
			c->dead_count ? &c->dead[c->dead_count - 1].log : NULL);
		wire_add_varint(b, c->base_ms);
	}
}

void parcel_add_compare(struct buf *b, uint64_t sender,
	enum parcel_section_type type, const struct parcel_compare *c)
{
	AUTO_BUF struct buf head = BUF_INIT;
	bool payload = type != PARCEL_COMPARE;

	add_head(&head, c);
	if (type == PARCEL_COMPARE)
		add_question(&head, c);
	if (type == PARCEL_ROWS)
		add_rows(&head, sender, c);
	sections_add(b, type, &head, payload ? c->payload : NULL,
		payload ? c->len : 0);
}

/* ---- reading ---- */

static int take_head(
	const struct parse *p, struct wire *w, struct parcel_compare *ret)
{
	int r = sections_take_account(p, w, &ret->account);
	const uint8_t *raw;

	if (r < 0)
		return r;
	unsigned how = wire_u8(w);
	ret->folder = ID_INBOX;
	if (how == FOLDER_SPELLED) {
		raw = wire_raw(w, sizeof(ret->folder.b));
		if (raw)
			memcpy(ret->folder.b, raw, sizeof(ret->folder.b));
	}
	if (how > FOLDER_INBOX ||
		(how == FOLDER_SPELLED && id_equal(&ret->folder, &ID_INBOX)) ||
		id_is_account(&ret->folder))
		return sections_bad(p, "folder is malformed");
	unsigned kind = wire_u8(w);
	ret->kind = (enum parcel_compare_kind)(kind & KIND_MASK);
	ret->doubt = kind & FLAG_DOUBT;
	ret->equal = kind & FLAG_EQUAL;
	ret->last = kind & FLAG_LAST;
	if (kind & 0x80u || (ret->kind != PARCEL_COMPARE_EXACT &&
				    ret->kind != PARCEL_COMPARE_CONTENT))
		return sections_bad(p, "kind is unknown");
	raw = wire_raw(w, sizeof(ret->seed));
	if (!raw)
		return sections_bad(p, "head is malformed");
	memcpy(ret->seed, raw, sizeof(ret->seed));
	return 0;
}

/* One of symbols and columns is asked for, not both. */
static int take_question(
	const struct parse *p, struct wire *w, struct parcel_compare *ret)
{
	ret->term = wire_varint(w);
	ret->authority = wire_u64(w);
	ret->uidvalidity = (uint32_t)wire_count(w, UINT32_MAX);
	ret->symbols = (uint32_t)wire_count(w, SYMBOLS_MAX);
	ret->columns = (uint32_t)wire_count(w, COLUMNS_MAX);
	if (w->bad || wire_left(w) != 0 || !ret->symbols == !ret->columns)
		return sections_bad(p, "question is malformed");
	return 0;
}

static int take_keys(
	const struct parse *p, struct wire *w, struct parcel_compare *ret)
{
	uint64_t count = wire_count(w, wire_left(w) / 8);
	uint64_t *keys;

	if (w->bad)
		return sections_bad(p, "number of keys is malformed");
	keys = arena_alloc(&p->out->arena, (size_t)count * sizeof(*keys));
	for (size_t i = 0; i < count; i++) {
		keys[i] = wire_u64(w);
		if (i && keys[i] <= keys[i - 1])
			return sections_bad(p, "keys do not ascend");
	}
	ret->keys = keys;
	ret->key_count = (size_t)count;
	return 0;
}

/* At least `least` runs, of numbers up to max. */
static int take_runs(const struct parse *p, struct wire *w, size_t least,
	uint64_t max, struct parcel_run **ret, size_t *ret_count)
{
	uint64_t count = wire_count(w, wire_left(w) / RUN_MIN);
	uint64_t next = 1;

	if (w->bad || count < least)
		return sections_bad(p, "number of runs is malformed");
	*ret = arena_alloc(&p->out->arena, (size_t)count * sizeof(**ret));
	*ret_count = (size_t)count;
	for (size_t i = 0; i < count; i++) {
		struct parcel_run *run = &(*ret)[i];

		if (next > max)
			return sections_bad(p, "run is beyond the largest");
		run->first = next + wire_count(w, max - next);
		run->last = run->first + wire_count(w, max - run->first);
		if (w->bad)
			return sections_bad(p, "run is beyond the largest");
		next = run->last + 2;
	}
	return 0;
}

int sections_take_lsns(const struct parse *p, struct wire *w,
	const struct parcel_lsns **ret, size_t *ret_count)
{
	uint64_t count = wire_count(w, wire_left(w) / LSNS_MIN);
	const struct log_id *before = NULL;
	struct parcel_lsns *lsns;
	int r = 0;

	if (w->bad)
		return sections_bad(p, "number of logs is malformed");
	lsns = arena_alloc(&p->out->arena, (size_t)count * sizeof(*lsns));
	for (size_t i = 0; i < count && r >= 0; i++) {
		lsns[i].log = sections_take_log(w, p->sender, before);
		if (w->bad || (before && log_id_cmp(&lsns[i].log, before) <= 0))
			return sections_bad(p, "log is malformed");
		r = take_runs(p, w, 1, LSN_MAX, &lsns[i].runs, &lsns[i].count);
		before = &lsns[i].log;
	}
	*ret = lsns;
	*ret_count = (size_t)count;
	return r;
}

static int take_rows(
	const struct parse *p, struct wire *w, struct parcel_compare *ret)
{
	struct parcel_run *uids;
	int r = take_keys(p, w, ret);

	if (r >= 0)
		r = take_runs(p, w, 0, UINT32_MAX, &uids, &ret->uid_count);
	if (r < 0)
		return r;
	ret->uids = uids;
	r = sections_take_lsns(p, w, &ret->dead, &ret->dead_count);
	if (r < 0 || wire_left(w) == 0)
		return r;
	ret->context = sections_take_log(w, p->sender,
		ret->dead_count ? &ret->dead[ret->dead_count - 1].log : NULL);
	ret->base_ms = wire_varint(w);
	if (w->bad || wire_left(w) == 0)
		return sections_bad(p, "changes are malformed");
	ret->len = wire_left(w);
	ret->payload = wire_raw(w, ret->len);
	return 0;
}

int sections_parse_compare(const struct parse *p, struct wire *w,
	enum parcel_section_type type, struct parcel_compare *ret)
{
	*ret = (struct parcel_compare){0};
	int r = take_head(p, w, ret);

	if (r < 0)
		return r;
	if (type != PARCEL_ROWS && (ret->equal || ret->last))
		return sections_bad(p, "kind is unknown");
	if (type == PARCEL_COMPARE)
		return take_question(p, w, ret);
	if (type == PARCEL_ROWS)
		return take_rows(p, w, ret);
	ret->len = wire_left(w);
	ret->payload = wire_raw(w, ret->len);
	return 0;
}
