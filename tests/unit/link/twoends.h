/*
 * twoends: two links and the line between them, with a clock of its own: a rate
 * in bit/s and a time that each byte is under way. And what arrived.
 */
#ifndef PB_TWOENDS_H
#define PB_TWOENDS_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "link.h"

#define ENDS_CHUNKS 65536

struct end_item {
	struct buf bytes;
	int64_t ms;
};

struct end {
	struct key_pair key, former;
	struct key_public knows, knows_also;
	struct link *link;
	/* Items that arrived, and one that is under way. */
	struct end_item items[256];
	size_t count;
	struct hash part_name;
	struct buf part;
	uint64_t piece_bytes; /* of named items, in this call and before */
	unsigned asked;	      /* how often for what was kept */
	int64_t *clock;
	/* The line to the other: bytes that left, and when they come. */
	struct buf line;
	size_t taken;
	int64_t free_us; /* of the line */
	struct {
		size_t end;
		int64_t ms;
	} chunks[ENDS_CHUNKS];
	size_t chunk_count, chunk_at;
};

struct ends {
	struct end dial, answer;
	int64_t now_ms;
	int64_t bits, way_ms; /* 0: at once */
	size_t buffer;	      /* bytes that the line takes ahead */
	uint64_t seed;
	struct err err;
	struct os os;
	struct os_ops ops;
};

/* No two connections have one, as with real randomness. */
static uint64_t ends_counter = 1;

static inline void ends_random(struct os *os, void *to, size_t len)
{
	uint8_t *at = to;

	(void)os;
	for (size_t i = 0; i < len; i++) {
		ends_counter = ends_counter * 6364136223846793005u + 1442695u;
		at[i] = (uint8_t)(ends_counter >> 33);
	}
}

static inline int end_peer(void *arg, const struct hello *who,
	struct key_pair *self, struct key_public *ret, struct err *err)
{
	struct end *e = arg;
	bool is_also = who->serial != e->knows.serial;

	*ret = is_also ? e->knows_also : e->knows;
	if (who->for_serial != self->pub.serial)
		*self = e->former;
	if (who->origin != ret->origin || who->serial != ret->serial ||
		who->for_serial != self->pub.serial ||
		self->pub.origin != e->key.pub.origin)
		return err_set(err, ERR_AUTH, "unknown");
	return 0;
}

static inline int end_have(
	void *arg, struct link_have *ret, size_t *ret_count, struct err *err)
{
	struct end *e = arg;

	(void)err;
	e->asked++;
	*ret_count = e->part.len > 0;
	if (e->part.len)
		*ret = (struct link_have){e->part_name, e->part.len};
	return 0;
}

static inline int end_item(
	void *arg, const void *contents, size_t len, struct err *err)
{
	struct end *e = arg;
	struct end_item *item = &e->items[e->count++];

	(void)err;
	assert_true(e->count < 256);
	*item = (struct end_item){.ms = *e->clock};
	buf_add(&item->bytes, contents, len);
	return 0;
}

static inline int end_piece(
	void *arg, const struct link_piece *p, struct err *err)
{
	struct end *e = arg;
	struct hash h;

	if (p->offset == 0) {
		buf_clear(&e->part);
		e->part_name = p->name;
	}
	if (p->offset != e->part.len ||
		memcmp(&p->name, &e->part_name, sizeof(p->name)) != 0)
		return err_set(err, ERR_CONFLICT, "not where it ended");
	buf_add(&e->part, p->data, p->len);
	e->piece_bytes += p->len;
	if (!p->last)
		return 0;
	h = hash_of(e->part.data, e->part.len);
	assert_memory_equal(&h, &p->name, sizeof(h));
	end_item(arg, e->part.data, e->part.len, err);
	buf_clear(&e->part);
	return 0;
}

static const struct link_calls end_calls = {
	end_peer, end_have, end_item, end_piece};

static inline void ends_init(struct ends *s)
{
	memset(s, 0, sizeof(*s));
	key_from_seed((const uint8_t[32]){'a'}, &s->dial.key);
	key_from_seed((const uint8_t[32]){'b'}, &s->answer.key);
	s->dial.knows = s->answer.key.pub;
	s->answer.knows = s->dial.key.pub;
	s->ops.random = ends_random;
	s->os.ops = &s->ops;
	s->dial.clock = s->answer.clock = &s->now_ms;
	s->buffer = 65536;
}

static inline int end_open(struct ends *s, struct end *e, bool dials)
{
	struct link_config config = {.os = &s->os,
		.self = &e->key,
		.peer = dials ? &e->knows : NULL,
		.calls = &end_calls,
		.arg = e,
		.now_ms = s->now_ms};

	e->line.len = e->taken = e->chunk_count = e->chunk_at = 0;
	e->free_us = s->now_ms * 1000;
	return link_open(&config, &e->link, &s->err);
}

static inline void ends_connect(struct ends *s)
{
	assert_int_equal(end_open(s, &s->dial, true), 0);
	assert_int_equal(end_open(s, &s->answer, false), 0);
}

static inline void ends_cut(struct ends *s)
{
	if (s->dial.link)
		link_close(s->dial.link);
	if (s->answer.link)
		link_close(s->answer.link);
	s->dial.link = s->answer.link = NULL;
}

static inline void ends_free(struct ends *s)
{
	struct end *all[] = {&s->dial, &s->answer};

	ends_cut(s);
	for (int k = 0; k < 2; k++) {
		for (size_t i = 0; i < all[k]->count; i++)
			buf_free(&all[k]->items[i].bytes);
		buf_free(&all[k]->part);
		buf_free(&all[k]->line);
	}
}

/* What an end has to say goes on its line, as far as that has room. */
static inline void end_speak(struct ends *s, struct end *e)
{
	while (e->line.len - e->taken < s->buffer) {
		size_t before = e->line.len;

		link_output(e->link, s->now_ms, 1, &e->line);
		if (e->line.len == before)
			return;
		int64_t now = s->now_ms * 1000;
		if (e->free_us < now)
			e->free_us = now;
		if (s->bits)
			e->free_us += (int64_t)(e->line.len - before) * 8 *
				      1000000 / s->bits;
		assert_true(e->chunk_count < ENDS_CHUNKS);
		e->chunks[e->chunk_count].end = e->line.len;
		e->chunks[e->chunk_count++].ms = e->free_us / 1000 + s->way_ms;
	}
}

/* What is there by now. */
static inline int end_hear(struct ends *s, struct end *from, struct end *to)
{
	while (from->chunk_at < from->chunk_count &&
		from->chunks[from->chunk_at].ms <= s->now_ms) {
		size_t end = from->chunks[from->chunk_at++].end;
		int rc = link_input(to->link, from->line.data + from->taken,
			end - from->taken, s->now_ms, &s->err);

		from->taken = end;
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Until nobody has anything to say, or for so long. */
static inline int ends_run(struct ends *s, int64_t ms)
{
	int64_t end = s->now_ms + ms;

	while (s->now_ms <= end) {
		int64_t next = INT64_MAX;

		end_speak(s, &s->dial);
		end_speak(s, &s->answer);
		if (s->dial.chunk_at < s->dial.chunk_count)
			next = s->dial.chunks[s->dial.chunk_at].ms;
		if (s->answer.chunk_at < s->answer.chunk_count &&
			s->answer.chunks[s->answer.chunk_at].ms < next)
			next = s->answer.chunks[s->answer.chunk_at].ms;
		if (next == INT64_MAX)
			return 0;
		if (next > s->now_ms)
			s->now_ms = next;
		if (s->now_ms > end)
			break;
		int rc = end_hear(s, &s->dial, &s->answer);
		if (rc >= 0)
			rc = end_hear(s, &s->answer, &s->dial);
		if (rc < 0)
			return rc;
	}
	s->now_ms = end;
	return 1;
}

/* Bytes of no pattern. */
static inline void ends_bytes(struct buf *b, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		buf_add_byte(b, (uint8_t)(seed >> 33));
	}
}

#endif
