/*
 * wire: numbers to bytes and back (the encodings are in wire.h).
 *
 * Every take goes through wire_raw or the varint loop, the only two places
 * that move the cursor; both set `bad` and stay where they are when the bytes
 * end too early.
 */
#include "wire.h"
#include "mem.h"

#include <string.h>

#define VARINT_MAX 10

void wire_add_varint(struct buf *b, uint64_t v)
{
	uint8_t *to = buf_room(b, VARINT_MAX);
	size_t n = 0;

	while (v >= 0x80) {
		to[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	to[n++] = (uint8_t)v;
	b->len += n;
}

void wire_add_signed(struct buf *b, int64_t v)
{
	uint64_t u = (uint64_t)v << 1;

	wire_add_varint(b, v < 0 ? ~u : u);
}

static void add_little(struct buf *b, uint64_t v, size_t bytes)
{
	uint8_t *to = buf_room(b, bytes);

	for (size_t i = 0; i < bytes; i++)
		to[i] = (uint8_t)(v >> (8 * i));
	b->len += bytes;
}

void wire_add_u16(struct buf *b, uint16_t v)
{
	add_little(b, v, 2);
}

void wire_add_u32(struct buf *b, uint32_t v)
{
	add_little(b, v, 4);
}

void wire_add_u64(struct buf *b, uint64_t v)
{
	add_little(b, v, 8);
}

void wire_add_bytes(struct buf *b, const void *data, size_t len)
{
	wire_add_varint(b, len);
	buf_add(b, data, len);
}

size_t wire_varint_size(uint64_t v)
{
	size_t n = 1;

	while (v >= 0x80) {
		v >>= 7;
		n++;
	}
	return n;
}

struct wire wire_over(const void *data, size_t len)
{
	static const uint8_t nothing[1];
	const uint8_t *at = len ? data : nothing;

	return (struct wire){.at = at, .end = at + len};
}

size_t wire_left(const struct wire *w)
{
	return w->bad ? 0 : (size_t)(w->end - w->at);
}

uint64_t wire_varint(struct wire *w)
{
	size_t left = wire_left(w);
	uint64_t v = 0;

	for (size_t n = 0; n < left && n < VARINT_MAX; n++) {
		uint8_t byte = w->at[n];

		v |= (uint64_t)(byte & 0x7f) << (7 * n);
		if (byte & 0x80)
			continue;
		/* a longer form of a shorter number, or over 64 bits */
		if ((n > 0 && byte == 0) || (n == VARINT_MAX - 1 && byte > 1))
			break;
		w->at += n + 1;
		return v;
	}
	w->bad = true;
	return 0;
}

int64_t wire_signed(struct wire *w)
{
	uint64_t u = wire_varint(w);

	return (int64_t)(u >> 1) ^ -(int64_t)(u & 1);
}

static uint64_t take_little(struct wire *w, size_t bytes)
{
	const uint8_t *p = wire_raw(w, bytes);
	uint64_t v = 0;

	for (size_t i = 0; p && i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

uint8_t wire_u8(struct wire *w)
{
	return (uint8_t)take_little(w, 1);
}

uint16_t wire_u16(struct wire *w)
{
	return (uint16_t)take_little(w, 2);
}

uint32_t wire_u32(struct wire *w)
{
	return (uint32_t)take_little(w, 4);
}

uint64_t wire_u64(struct wire *w)
{
	return take_little(w, 8);
}

const uint8_t *wire_raw(struct wire *w, size_t len)
{
	const uint8_t *p = w->at;

	if (w->bad || wire_left(w) < len) {
		w->bad = true;
		return NULL;
	}
	w->at += len;
	return p;
}

const uint8_t *wire_bytes(struct wire *w, size_t max, size_t *ret_len)
{
	uint64_t len = wire_count(w, max);
	const uint8_t *p = wire_raw(w, (size_t)len);

	*ret_len = p ? (size_t)len : 0;
	return p;
}

uint64_t wire_count(struct wire *w, uint64_t max)
{
	uint64_t v = wire_varint(w);

	if (v <= max)
		return v;
	w->bad = true;
	return 0;
}
