/*
 * fuzz_segment: any bytes as a segment file, in memory.
 *
 * They are read as they are, and again with the header's checksum and the
 * frames' chain values made right: nothing finds a hash by trying, and what
 * is behind them must stand hostile bytes too. What is read encodes to
 * something that reads the same.
 *
 * planted: zstd told of 64 bytes more room than there are for a payload, and
 * an account's length not checked against the header's end; each found within
 * two seconds from the seeds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "segment_private.h"
#include "wire.h"

#define INPUT_MAX 65536 /* longer files only repeat what short ones show */
#define DECODED_MAX (32u << 20)	 /* of one input: zstd makes much of little */
#define ENCODED_MAX (256u << 10) /* larger payloads are not encoded again */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void header_encodes_again(const struct segment_header *h)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct segment_header again;
	size_t size;

	segment_header_encode(h, &bytes);
	require(segment_header_decode(
			bytes.data, bytes.len, &again, &size, NULL) == 0);
	require(size == bytes.len);
	require(log_id_cmp(&again.log, &h->log) == 0);
	require(strcmp(again.account, h->account) == 0);
	require(again.first_lsn == h->first_lsn);
	require(again.base_ms == h->base_ms);
	require(again.chain_before == h->chain_before);
}

static void frame_encodes_again(const struct frame *frame)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct frame again = {0};
	uint64_t chain;

	chain = frame_encode(frame->kind, frame->count, frame->payload.data,
		frame->payload.len, 1, frame->chain_before, &bytes);
	require(frame_decode(bytes.data, bytes.len, frame->chain_before, &again,
			NULL) == 0);
	require(again.chain == chain && again.size == bytes.len);
	require(again.kind == frame->kind && again.count == frame->count);
	require(again.payload.len == frame->payload.len);
	require(memcmp(again.payload.data, frame->payload.data,
			again.payload.len) == 0);
	frame_free(&again);
}

static void read_all(const uint8_t *data, size_t len)
{
	struct frame frame = {0};
	struct segment_header h;
	size_t decoded = 0;
	size_t at;

	if (segment_header_decode(data, len, &h, &at, NULL) < 0)
		return;
	require(at <= len && h.first_lsn > 0 && h.required == 0);
	header_encodes_again(&h);
	frame.chain = h.chain_before;
	while (decoded < DECODED_MAX &&
		frame_decode(data + at, len - at, frame.chain, &frame, NULL) ==
			0) {
		require(frame.size > 0 && frame.size <= len - at);
		require(frame.payload.len <= SEGMENT_PAYLOAD_MAX);
		require(frame.count <= SEGMENT_COUNT_MAX);
		if (frame.payload.len <= ENCODED_MAX)
			frame_encodes_again(&frame);
		at += frame.size;
		decoded += frame.payload.len;
	}
	frame_free(&frame);
}

static void put_u64(uint8_t *to, uint64_t v)
{
	for (size_t i = 0; i < 8; i++)
		to[i] = (uint8_t)(v >> (8 * i));
}

/* Length of the header, with its checksum made right; 0: it has none. */
static size_t mend_header(uint8_t *data, size_t len)
{
	size_t size;

	if (len < 12)
		return 0;
	size = (size_t)(data[10] | data[11] << 8);
	if (size < 85 || size > len)
		return 0;
	put_u64(data + size - 8, hash_check(data, size - 8, 0));
	return size;
}

static void mend_chain(uint8_t *data, size_t len)
{
	size_t at = mend_header(data, len);
	struct frame_head head;
	struct wire before;
	uint64_t chain;

	if (at == 0)
		return;
	before = wire_over(data + 68, 8);
	chain = wire_u64(&before);
	while (frame_head_decode(data + at, len - at, &head, NULL) == 0) {
		uint8_t *here = data + at;

		if (len - at < head.len + 8 + head.size)
			return;
		chain = hash_check(here + head.len + 8, head.size,
			hash_check(here, head.len, chain));
		put_u64(here + head.len, chain);
		at += head.len + 8 + head.size;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *copy;

	if (len == 0 || len > INPUT_MAX)
		return 0;
	read_all(data, len);
	copy = malloc(len);
	require(copy);
	memcpy(copy, data, len);
	mend_chain(copy, len);
	read_all(copy, len);
	free(copy);
	return 0;
}
