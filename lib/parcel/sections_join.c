/*
 * sections_join: the section of a site that joins, and of its peers' answers,
 * to bytes and back.
 *
 *	account | what | incarnation | positions | gone in all | gone
 *	account | what | incarnation | positions | lsns to come whole
 */
#include "err.h"
#include "sections.h"

#include <assert.h>
#include <string.h>

#define RELAYS 8u /* beside what is asked */

/* The smallest that a position can be: log id, lsn, chain. */
#define POSITION_MIN (1u + 1u + 8u)

bool parcel_join_asks(const struct parcel_join *j)
{
	return j->what == PARCEL_JOIN_ASKS || j->what == PARCEL_JOIN_ASKS_BRIEF;
}

void parcel_add_join(
	struct buf *b, uint64_t sender, const struct parcel_join *j)
{
	AUTO_BUF struct buf head = BUF_INIT;
	const struct log_id *before = NULL;

	assert(j->gone_count <= PARCEL_GONE_MAX);
	assert(!j->relays || parcel_join_asks(j));
	sections_add_account(&head, j->account);
	buf_add_byte(&head, (uint8_t)(j->what | (j->relays ? RELAYS : 0)));
	wire_add_u64(&head, j->incarnation);
	wire_add_varint(&head, j->position_count);
	for (size_t i = 0; i < j->position_count; i++) {
		const struct position *p = &j->positions[i];

		sections_add_log(&head, sender, &p->log, before);
		wire_add_varint(&head, p->lsn);
		wire_add_u64(&head, p->chain);
		before = &p->log;
	}
	if (j->what == PARCEL_JOIN_ASKS_BRIEF)
		sections_add_lsns(&head, sender, j->whole, j->whole_count);
	else
		wire_add_varint(&head, j->gone_total);
	sections_add(b, PARCEL_JOIN, &head, j->gone,
		j->gone_count * sizeof(*j->gone));
}

static int parse_positions(
	const struct parse *p, struct wire *w, struct parcel_join *ret)
{
	const struct log_id *before = NULL;
	uint64_t count = wire_count(w, wire_left(w) / POSITION_MIN);

	if (w->bad)
		return sections_bad(p, "number of positions is malformed");
	ret->position_count = (size_t)count;
	ret->positions = arena_alloc(&p->out->arena,
		(ret->position_count + 1) * sizeof(*ret->positions));
	for (size_t i = 0; i < ret->position_count && !w->bad; i++) {
		struct position *at = &ret->positions[i];

		at->log = sections_take_log(w, p->sender, before);
		at->lsn = wire_varint(w);
		at->chain = wire_u64(w);
		before = &at->log;
	}
	return w->bad ? sections_bad(p, "position is malformed") : 0;
}

static int parse_gone(
	const struct parse *p, struct wire *w, struct parcel_join *ret)
{
	size_t len = wire_left(w);

	ret->gone_count = len / sizeof(*ret->gone);
	if (len % sizeof(*ret->gone) || ret->gone_count > PARCEL_GONE_MAX)
		return sections_bad(p, "what is gone is malformed");
	ret->gone = (const struct id128 *)(const void *)wire_raw(w, len);
	for (size_t i = 1; i < ret->gone_count; i++)
		if (id_cmp(&ret->gone[i - 1], &ret->gone[i]) >= 0)
			return sections_bad(p, "what is gone is not in order");
	return 0;
}

static int parse_whole(
	const struct parse *p, struct wire *w, struct parcel_join *ret)
{
	int r = sections_take_lsns(p, w, &ret->whole, &ret->whole_count);

	return r == 0 && wire_left(w) ? sections_bad(p, "bytes after its end")
				      : r;
}

int sections_parse_join(
	const struct parse *p, struct wire *w, struct parcel_join *ret)
{
	int r = sections_take_account(p, w, &ret->account);

	if (r < 0)
		return r;
	unsigned what = wire_u8(w);
	ret->relays = (what & RELAYS) != 0;
	ret->what = what & ~RELAYS;
	ret->incarnation = wire_u64(w);
	if (ret->what < PARCEL_JOIN_ASKS || ret->what > PARCEL_JOIN_ASKS_BRIEF)
		return sections_bad(p, "kind is unknown");
	if (ret->relays && !parcel_join_asks(ret))
		return sections_bad(p, "an answer asks");
	r = parse_positions(p, w, ret);
	if (r >= 0 && ret->what == PARCEL_JOIN_ASKS_BRIEF)
		return parse_whole(p, w, ret);
	if (r < 0)
		return r;
	ret->gone_total = wire_varint(w);
	if (w->bad)
		return sections_bad(p, "head is malformed");
	r = parse_gone(p, w, ret);
	if (r == 0 &&
		(ret->gone_count > ret->gone_total ||
			(ret->what == PARCEL_JOIN_ASKS && ret->gone_total)))
		r = sections_bad(p, "number of what is gone is malformed");
	return r;
}
