/*
 * wire: numbers to bytes and back, for every format in docs/format.md.
 *
 * Varints are LEB128: seven bits a byte, least significant first, top bit set
 * on all but the last; at most ten bytes; the shortest form only (a longer
 * form of the same number is refused, so that one value has one encoding).
 * Signed numbers are zigzag-coded first. Fixed-size numbers are little-endian.
 */
#ifndef PB_WIRE_H
#define PB_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

void wire_add_varint(struct buf *b, uint64_t v);
void wire_add_signed(struct buf *b, int64_t v);
void wire_add_u16(struct buf *b, uint16_t v);
void wire_add_u32(struct buf *b, uint32_t v);
void wire_add_u64(struct buf *b, uint64_t v);
/* varint length, then the bytes */
void wire_add_bytes(struct buf *b, const void *data, size_t len);
size_t wire_varint_size(uint64_t v); /* 1..10 */

/*
 * A cursor over bytes that may lie. After the first failed take, `bad` is set
 * and every further take gives 0 or NULL, so a decoder checks once at the end
 * (and before any loop whose count came from the bytes).
 */
struct wire {
	const uint8_t *at, *end;
	bool bad;
};

struct wire wire_over(const void *data, size_t len);
size_t wire_left(const struct wire *w);
uint64_t wire_varint(struct wire *w);
int64_t wire_signed(struct wire *w);
uint8_t wire_u8(struct wire *w);
uint16_t wire_u16(struct wire *w);
uint32_t wire_u32(struct wire *w);
uint64_t wire_u64(struct wire *w);
const uint8_t *wire_raw(struct wire *w, size_t len); /* NULL if short */
/* varint length (refused over max), then that many bytes; points into w */
const uint8_t *wire_bytes(struct wire *w, size_t max, size_t *ret_len);
/* a varint that must be <= max */
uint64_t wire_count(struct wire *w, uint64_t max);

#endif
