/*
 * frame: a batch of records as bytes, and back.
 *
 *   kind|codec  count   size    raw size   chain   payload
 *   1 byte      varint  varint  varint,    8       size bytes
 *                               codec > 0
 *
 * The chain value covers everything but itself:
 * XXH3-64(payload, seed XXH3-64(bytes before chain, seed chain before)).
 * Nothing is decompressed before it is found right, and no memory is taken
 * for sizes over the limits. No files here, and no state: any thread may call.
 */
#include "segment_private.h"
#include "err.h"
#include "hash.h"
#include "wire.h"

#include <assert.h>
#include <inttypes.h>
#include <zstd.h>

enum codec { CODEC_STORED = 0, CODEC_ZSTD = 1 };

#define VARINT_MAX 10
/* zstd's own frame takes 10 bytes or more: below this it never pays */
#define PACK_MIN 24

void frame_free(struct frame *frame)
{
	buf_free(&frame->payload);
	*frame = (struct frame){0};
}

static uint64_t chain_of(const uint8_t *head, size_t head_len,
	const void *payload, size_t len, uint64_t chain_before)
{
	return hash_check(
		payload, len, hash_check(head, head_len, chain_before));
}

/* Payload compressed into ret; false if the frame would not be smaller. */
static bool pack(const void *payload, size_t len, int level, struct buf *ret)
{
	size_t room = ZSTD_compressBound(len);
	size_t size;

	if (len < PACK_MIN)
		return false;
	size = ZSTD_compress(buf_room(ret, room), room, payload, len, level);
	if (ZSTD_isError(size))
		return false;
	ret->len += size;
	return size + wire_varint_size(size) < len;
}

uint64_t frame_encode(enum frame_kind kind, uint32_t count, const void *payload,
	size_t len, int level, uint64_t chain_before, struct buf *ret)
{
	AUTO_BUF struct buf packed = BUF_INIT;
	enum codec codec = CODEC_STORED;
	size_t start = ret->len;
	size_t size = len;
	uint64_t chain;

	assert(len <= SEGMENT_PAYLOAD_MAX && count <= SEGMENT_COUNT_MAX);
	assert((kind == FRAME_STATEMENT) == (count == 0));
	if (pack(payload, len, level, &packed)) {
		codec = CODEC_ZSTD;
		payload = packed.data;
		size = packed.len;
	}
	buf_add_byte(ret, (uint8_t)(kind | codec << 4));
	wire_add_varint(ret, count);
	wire_add_varint(ret, size);
	if (codec != CODEC_STORED)
		wire_add_varint(ret, len);
	chain = chain_of(ret->data + start, ret->len - start, payload, size,
		chain_before);
	wire_add_u64(ret, chain);
	buf_add(ret, payload, size);
	return chain;
}

/* A varint of at most max; where data ends inside it, the frame is torn. */
static int take_number(struct wire *w, const char *what, uint32_t max,
	uint32_t *ret, struct err *err)
{
	size_t left = wire_left(w);
	size_t n = 0;
	uint64_t v;

	while (n < left && n < VARINT_MAX && (w->at[n] & 0x80))
		n++;
	if (n == left && n < VARINT_MAX)
		return err_set(err, ERR_TORN, "ends inside its head");
	v = wire_varint(w);
	if (w->bad)
		return err_set(
			err, ERR_CORRUPT, "%s is no shortest varint", what);
	if (v > max)
		return err_set(err, ERR_LIMIT,
			"%s %" PRIu64 " over limit %" PRIu32, what, v, max);
	*ret = (uint32_t)v;
	return 0;
}

int frame_head_decode(
	const void *data, size_t len, struct frame_head *ret, struct err *err)
{
	struct wire w = wire_over(data, len);
	struct frame_head head = {0};
	uint8_t first;
	int r;

	if (len == 0)
		return err_set(err, ERR_TORN, "ends inside its head");
	first = wire_u8(&w);
	head.kind = first & 15;
	head.codec = first >> 4;
	r = take_number(&w, "count", SEGMENT_COUNT_MAX, &head.count, err);
	if (r == 0)
		r = take_number(
			&w, "size", SEGMENT_PAYLOAD_MAX, &head.size, err);
	if (r == 0 && head.codec != CODEC_STORED)
		r = take_number(
			&w, "raw size", SEGMENT_PAYLOAD_MAX, &head.raw, err);
	if (r < 0)
		return r;
	if (head.codec == CODEC_STORED)
		head.raw = head.size;
	else if (head.raw <= head.size)
		return err_set(err, ERR_CORRUPT,
			"raw size %" PRIu32 " is not above size %" PRIu32,
			head.raw, head.size);
	head.len = len - wire_left(&w);
	*ret = head;
	return 0;
}

/* What a right chain value does not rule out: a newer or a wrong writer. */
static int check_kind(const struct frame_head *head, struct err *err)
{
	if (head->kind != FRAME_CHANGES && head->kind != FRAME_STATEMENT)
		return err_set(err, ERR_LIMIT,
			"kind %d is unknown: made by a newer packetboat",
			head->kind);
	if (head->codec != CODEC_STORED && head->codec != CODEC_ZSTD)
		return err_set(err, ERR_LIMIT,
			"codec %d is unknown: made by a newer packetboat",
			head->codec);
	if ((head->kind == FRAME_STATEMENT) != (head->count == 0))
		return err_set(err, ERR_CORRUPT,
			"count %" PRIu32 " in a frame of kind %d", head->count,
			head->kind);
	return 0;
}

static int unpack(const struct frame_head *head, const uint8_t *payload,
	struct buf *ret, struct err *err)
{
	size_t size;

	buf_clear(ret);
	if (head->codec == CODEC_STORED) {
		buf_add(ret, payload, head->size);
		return 0;
	}
	size = ZSTD_decompress(
		buf_room(ret, head->raw), head->raw, payload, head->size);
	if (ZSTD_isError(size))
		return err_set(err, ERR_CORRUPT, "payload: %s",
			ZSTD_getErrorName(size));
	if (size != head->raw)
		return err_set(err, ERR_CORRUPT,
			"payload: %zu bytes where raw size is %" PRIu32, size,
			head->raw);
	ret->len = size;
	return 0;
}

int frame_decode(const void *data, size_t len, uint64_t chain_before,
	struct frame *ret, struct err *err)
{
	struct frame_head head;
	const uint8_t *payload;
	uint64_t chain;
	struct wire w;
	int r;

	r = frame_head_decode(data, len, &head, err);
	if (r < 0)
		return r;
	w = wire_over(data, len);
	wire_raw(&w, head.len);
	chain = wire_u64(&w);
	payload = wire_raw(&w, head.size);
	if (w.bad)
		return err_set(err, ERR_TORN, "ends after %zu of %zu bytes",
			len, head.len + FRAME_CHAIN_SIZE + head.size);
	if (chain != chain_of(data, head.len, payload, head.size, chain_before))
		return err_set(err, ERR_CORRUPT,
			"chain value does not match: damaged, or not what "
			"follows the frame before");
	r = check_kind(&head, err);
	if (r == 0)
		r = unpack(&head, payload, &ret->payload, err);
	if (r < 0)
		return r;
	ret->kind = (enum frame_kind)head.kind;
	ret->count = head.count;
	ret->chain_before = chain_before;
	ret->chain = chain;
	ret->size = (uint32_t)(head.len + FRAME_CHAIN_SIZE + head.size);
	return 0;
}
