#include "recent.h"

#include <string.h>

#include "err.h"
#include "wire.h"

#define NEW_MOST 128u
#define SAME_MOST 64u
#define COPY_LEAST 3u
#define COPY_MOST 66u
#define COPY RECENT_COPY
#define FAR 0xc0u
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
	r->last = len;
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

/*
 * The cheapest way from a byte of the item to its end, found from there
 * backwards: what one step costs is known, and what the rest does.
 */
struct step {
	uint16_t costs;	    /* to the end */
	uint16_t new_costs; /* the same, where a new byte goes before */
	uint16_t copies;    /* bytes; 0: this one is new */
	uint16_t distance;
};

static size_t alike(const uint8_t *a, const uint8_t *b, size_t most)
{
	size_t n = 0;

	while (n < most && a[n] == b[n])
		n++;
	return n;
}

/* Of so many bytes that can be copied those that leave the least to tell. */
static void consider(struct step *steps, size_t least, size_t most,
	size_t distance, size_t costs)
{
	for (size_t n = most; n >= least && n; n--) {
		if (costs + steps[n].costs >= steps->costs)
			continue;
		steps->costs = (uint16_t)(costs + steps[n].costs);
		steps->copies = (uint16_t)n;
		steps->distance = (uint16_t)distance;
	}
}

/* The longest copy, and the longest from near by. */
static void consider_far(
	const uint8_t *all, size_t at, size_t left, struct step *steps)
{
	size_t most = left < COPY_MOST ? left : COPY_MOST, best = 0;

	for (size_t distance = 1; distance <= at && best < most; distance++) {
		size_t n = alike(all + at - distance, all + at, most);

		if (n <= best)
			continue;
		best = n;
		consider(steps, COPY_LEAST, n, distance,
			distance < NEAR ? 2 : 3);
	}
}

static void find_steps(const struct recent *r, const uint8_t *all, size_t len,
	struct step *steps)
{
	steps[len] = (struct step){0};
	for (size_t i = len; i-- > 0;) {
		size_t at = r->len + i, left = len - i;
		size_t same = left < SAME_MOST ? left : SAME_MOST;
		struct step *s = &steps[i];

		*s = (struct step){.costs = (uint16_t)(2 + s[1].new_costs)};
		if (r->last)
			consider(s, 1,
				alike(all + at - r->last, all + at, same),
				r->last, 1);
		consider_far(all, at, left, s);
		s->new_costs = (uint16_t)(1 + s[1].new_costs);
		if (s->costs < s->new_costs)
			s->new_costs = s->costs;
	}
}

static void tell_copy(
	const struct recent *r, const struct step *s, struct buf *ret)
{
	if (s->distance == r->last && s->copies <= SAME_MOST) {
		buf_add_byte(ret, (uint8_t)(COPY | (s->copies - 1)));
		return;
	}
	buf_add_byte(ret, (uint8_t)(FAR | (s->copies - COPY_LEAST)));
	wire_add_varint(ret, s->distance);
}

bool recent_tell(
	const struct recent *r, const void *item, size_t len, struct buf *ret)
{
	uint8_t all[RECENT_SIZE + RECENT_ITEM_MAX];
	struct step steps[RECENT_ITEM_MAX + 1];
	size_t begin = ret->len, fresh = 0;

	if (!len || len > RECENT_ITEM_MAX)
		return false;
	memcpy(all, r->bytes, r->len);
	memcpy(all + r->len, item, len);
	find_steps(r, all, len, steps);
	for (size_t i = 0; i < len;) {
		const struct step *s = &steps[i];
		/* Within new bytes one more may be cheaper than to end them. */
		bool goes_on = fresh < i && s->new_costs < s->costs;

		if (!s->copies || goes_on) {
			i++;
			continue;
		}
		tell_new(all + r->len + fresh, i - fresh, ret);
		tell_copy(r, s, ret);
		i += s->copies;
		fresh = i;
	}
	tell_new(all + r->len + fresh, len - fresh, ret);
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
		bool far = (op & FAR) == FAR;
		size_t n = far	       ? (op & ~FAR) + COPY_LEAST
			   : op & COPY ? (op & ~COPY) + 1
				       : op + 1;

		if (n > RECENT_ITEM_MAX - (ret->len - begin)) {
			bad = true;
		} else if (op & COPY) {
			uint64_t distance = far ? wire_varint(&w) : r->last;

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
