#include "simline.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK 64u /* bytes that come at once */
#define BUFFER 65536u
#define WAY_US 300000 /* half a round trip */

void simline_init(struct sim_line *l, int64_t bits)
{
	*l = (struct sim_line){.bits = bits,
		.way_us = WAY_US,
		.buffer = BUFFER,
		.broken_us = INT64_MAX};
	l->ways[0].shut_us = l->ways[1].shut_us = INT64_MAX;
}

void simline_release(struct sim_line *l)
{
	for (int i = 0; i < 2; i++) {
		buf_free(&l->ways[i].bytes);
		free(l->ways[i].chunks);
	}
	*l = (struct sim_line){0};
}

void simline_plan(struct sim_line *l, unsigned from, enum line_fault fault,
	uint64_t at, uint64_t much)
{
	struct line_way *w = &l->ways[from];

	w->fault = fault;
	w->fault_at = w->wrote + at;
	w->much = much;
}

/* ---- writing ---- */

static int64_t ns_of(const struct sim_line *l, size_t bytes)
{
	return (int64_t)bytes * 8 * 1000000000 / l->bits;
}

size_t simline_room(const struct sim_line *l, unsigned from, int64_t now_us)
{
	int64_t waits_ns = l->ways[from].free_ns - now_us * 1000;

	if (waits_ns >= ns_of(l, l->buffer))
		return 0;
	return waits_ns <= 0 ? l->buffer
			     : l->buffer - (size_t)(waits_ns * l->bits / 8 /
						    1000000000);
}

static int64_t last_us(const struct sim_line *l, const struct line_way *w)
{
	return w->free_ns / 1000 + l->way_us;
}

static void carry(
	struct sim_line *l, struct line_way *w, const uint8_t *data, size_t len)
{
	for (size_t at = 0; at < len && !l->dead; at += CHUNK) {
		size_t n = len - at < CHUNK ? len - at : CHUNK;

		w->free_ns += ns_of(l, n);
		buf_add(&w->bytes, data + at, n);
		w->chunks =
			mem_room(w->chunks, w->chunk_count, sizeof(*w->chunks));
		w->chunks[w->chunk_count++] =
			(struct line_chunk){w->bytes.len, last_us(l, w)};
	}
}

static void carry_again(struct sim_line *l, struct line_way *w)
{
	size_t n = w->much < w->bytes.len ? (size_t)w->much : w->bytes.len;
	AUTO_BUF struct buf again = BUF_INIT;

	buf_add(&again, w->bytes.data + w->bytes.len - n, n);
	carry(l, w, again.data, n);
}

/* At the first of these bytes. Returns how many of them are dealt with. */
static size_t go_wrong(struct sim_line *l, struct line_way *w, uint8_t first)
{
	enum line_fault fault = w->fault;
	uint8_t flipped = (uint8_t)(first ^ 1u << w->much % 8);

	w->fault = LINE_SOUND;
	switch (fault) {
	case LINE_BREAKS:
		l->broken_us = last_us(l, w);
		return 0;
	case LINE_DIES:
		l->dead = true;
		return 0;
	case LINE_LOSES:
		w->skip = w->much;
		return 0;
	case LINE_REPEATS:
		carry_again(l, w);
		return 0;
	default:
		carry(l, w, &flipped, 1);
		return 1;
	}
}

void simline_write(struct sim_line *l, unsigned from, const void *data,
	size_t len, int64_t now_us)
{
	struct line_way *w = &l->ways[from];
	const uint8_t *at = data;

	if (w->free_ns < now_us * 1000)
		w->free_ns = now_us * 1000;
	if (w->fault && w->wrote + len >= w->fault_at) {
		size_t sound = (size_t)(w->fault_at - w->wrote - 1);

		carry(l, w, at, sound);
		at += sound;
		w->wrote += sound;
		len -= sound;
		size_t done = go_wrong(l, w, *at);
		at += done;
		w->wrote += done;
		len -= done;
	}
	size_t lost = w->skip < len ? (size_t)w->skip : len;
	w->skip -= lost;
	w->wrote += len;
	carry(l, w, at + lost, len - lost);
}

void simline_close(struct sim_line *l, unsigned from, int64_t now_us)
{
	struct line_way *w = &l->ways[from];

	if (w->free_ns < now_us * 1000)
		w->free_ns = now_us * 1000;
	if (!l->dead)
		w->shut_us = last_us(l, w);
}

/* ---- reading ---- */

bool simline_read(
	struct sim_line *l, unsigned to, int64_t now_us, struct buf *ret)
{
	struct line_way *w = &l->ways[!to];

	while (w->chunk_at < w->chunk_count) {
		const struct line_chunk *c = &w->chunks[w->chunk_at];

		if (c->us > now_us || c->us > l->broken_us)
			break;
		buf_add(ret, w->bytes.data + w->heard, c->end - w->heard);
		w->heard = c->end;
		w->chunk_at++;
	}
	if (w->chunk_at == w->chunk_count) {
		w->bytes.len = w->heard = 0;
		w->chunk_count = w->chunk_at = 0;
	}
	return now_us < l->broken_us && now_us < w->shut_us;
}

int64_t simline_next(const struct sim_line *l, unsigned to)
{
	const struct line_way *w = &l->ways[!to];
	int64_t next = l->broken_us < w->shut_us ? l->broken_us : w->shut_us;

	if (w->chunk_at < w->chunk_count && w->chunks[w->chunk_at].us < next)
		next = w->chunks[w->chunk_at].us;
	return next;
}
