/*
 * fuzz_wire: any bytes through every take of a cursor.
 *
 * The first byte of a step says which take; the cursor never leaves the bytes,
 * after a failed take nothing more comes, and what a varint gave is encoded to
 * the very bytes it was read from.
 *
 * Planted bug found: with the check for longer forms left out of wire_varint,
 * the first seeds already encode to other bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void demand(bool so)
{
	if (!so)
		abort();
}

static void take_varint(struct wire *w)
{
	AUTO_BUF struct buf b = BUF_INIT;
	const uint8_t *from = w->at;
	uint64_t v = wire_varint(w);

	if (w->bad) {
		demand(v == 0);
		return;
	}
	wire_add_varint(&b, v);
	demand(b.len == (size_t)(w->at - from));
	demand(b.len == wire_varint_size(v));
	demand(memcmp(b.data, from, b.len) == 0);
}

static void take_bytes(struct wire *w, size_t max)
{
	size_t len = 1, left = wire_left(w);
	const uint8_t *p = wire_bytes(w, max, &len);

	demand(p || (w->bad && len == 0));
	demand(len <= max && len <= left);
	for (size_t i = 0; i < len; i++)
		demand(p + i < w->end);
}

static void take_signed(struct wire *w)
{
	AUTO_BUF struct buf b = BUF_INIT;
	const uint8_t *from = w->at;
	int64_t v = wire_signed(w);

	wire_add_signed(&b, v);
	if (!w->bad)
		demand(memcmp(b.data, from, b.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct wire w = wire_over(data, len);

	while (wire_left(&w)) {
		size_t left = wire_left(&w);
		uint8_t step = wire_u8(&w);

		switch (step % 8) {
		case 0:
			wire_u16(&w);
			break;
		case 1:
			wire_u32(&w);
			break;
		case 2:
			wire_u64(&w);
			break;
		case 3:
			take_signed(&w);
			break;
		case 4:
			take_bytes(&w, step);
			break;
		case 5:
			demand(wire_raw(&w, step) || w.bad);
			break;
		case 6:
			demand(wire_count(&w, step) <= step);
			break;
		default:
			take_varint(&w);
		}
		demand(w.at >= data && w.at <= w.end);
		demand(wire_left(&w) < left);
	}
	demand(w.bad ? wire_u64(&w) == 0 && !wire_raw(&w, 0)
		     : w.at == w.end || len == 0);
	return 0;
}
