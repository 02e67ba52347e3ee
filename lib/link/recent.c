#include "recent.h"

#include <string.h>

#include "err.h"
#include "wire.h"

#define NEW_MOST 128u
#define COPY_LEAST 3u
#define COPY_MOST 130u
#define COPY 0x80u
#define NEAR 128u /* a distance of one byte */

void recent_keep(struct recent *r, const void *item, size_t len)
{
	if (len > RECENT_ITEM_MAX)
		return;
	if (len > RECENT_SIZE - r->len) {
		size_t gone = r->len + len - RECENT_SIZE;

		r->len -= gone;
		memmove(r->bytes, r->bytes + gone, r->len);
	}
	memcpy(r->bytes + r->len, item, len);
	r->len += len;
}

/* ---- telling ---- */

static void tell_new(const uint8_t *from, size_t len, struct buf *ret)
{
	while (len) {
		size_t some = len < NEW_MOST ? len : NEW_MOST;

		buf_add_byte(ret, (uint8_t)(some - 1));
		buf_add(ret, from, some);
		from += some;
		len -= some;
	}
}

/* The copy that spares most for what begins at `at` of all: the longest, but a
   far one takes a byte more to name. Returns its length; 0: none spares. */
static size_t find_copy(
	const uint8_t *all, size_t at, size_t len, size_t *ret_distance)
{
	size_t most = len - at < COPY_MOST ? len - at : COPY_MOST;
	size_t best = 0, spared = 0;

	for (size_t from = at; from-- > 0 && best < most;) {
		size_t n = 0;

		while (n < most && all[from + n] == all[at + n])
			n++;
		size_t costs = at - from < NEAR ? 2 : 3;
		if (n >= COPY_LEAST && n > costs + spared) {
			best = n;
			spared = n - costs;
			*ret_distance = at - from;
		}
	}
	return best;
}

bool recent_tell(
	const struct recent *r, const void *item, size_t len, struct buf *ret)
{
	uint8_t all[RECENT_SIZE + RECENT_ITEM_MAX];
	size_t end = r->len + len, begin = ret->len;

	if (!len || len > RECENT_ITEM_MAX)
		return false;
	memcpy(all, r->bytes, r->len);
	memcpy(all + r->len, item, len);
	size_t fresh = r->len; /* from there on nothing is told yet */
	for (size_t at = r->len; at < end;) {
		size_t distance = 0;
		size_t n = find_copy(all, at, end, &distance);

		if (!n) {
			at++;
			continue;
		}
		tell_new(all + fresh, at - fresh, ret);
		buf_add_byte(ret, (uint8_t)(COPY | (n - COPY_LEAST)));
		wire_add_varint(ret, distance);
		at += n;
		fresh = at;
	}
	tell_new(all + fresh, end - fresh, ret);
	if (ret->len - begin < len)
		return true;
	ret->len = begin;
	return false;
}

/* ---- reading ---- */

/* Of what is kept and behind it what was made, a byte at a time: a copy may
   reach into itself. */
static bool copy(const struct recent *r, size_t begin, uint64_t distance,
	size_t count, struct buf *ret)
{
	size_t made = ret->len - begin;

	if (!distance || distance > r->len + made)
		return false;
	for (; count; count--) {
		made = ret->len - begin;
		buf_add_byte(ret, distance <= made
					  ? ret->data[ret->len - distance]
					  : r->bytes[r->len + made - distance]);
	}
	return true;
}

int recent_read(const struct recent *r, const void *told, size_t len,
	struct buf *ret, struct err *err)
{
	struct wire w = wire_over(told, len);
	size_t begin = ret->len;
	bool bad = !len;

	while (!bad && wire_left(&w)) {
		unsigned op = wire_u8(&w);
		size_t n = op & COPY ? (op & ~COPY) + COPY_LEAST : op + 1;

		if (n > RECENT_ITEM_MAX - (ret->len - begin)) {
			bad = true;
		} else if (op & COPY) {
			uint64_t distance = wire_varint(&w);

			bad = w.bad || !copy(r, begin, distance, n, ret);
		} else {
			const uint8_t *from = wire_raw(&w, n);

			bad = !from;
			if (from)
				buf_add(ret, from, n);
		}
	}
	if (bad) {
		ret->len = begin;
		return err_set(err, ERR_CORRUPT, "an item is told wrongly");
	}
	return 0;
}
