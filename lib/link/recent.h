/*
 * recent: an item told by those before it. Small items of a link are much
 * alike: one account, one log, a position that begins where the last one ended.
 * Both ends keep the last bytes of the small items that went one way; a further
 * one is what it copies from there, and what is new:
 *
 *	0nnnnnnn  n + 1 bytes follow                              1 .. 128
 *	10nnnnnn  n + 1 bytes, from as far back as the item before
 *	          was long: what stands in its place there        1 .. 64
 *	11nnnnnn  varint distance: n + 3 bytes, from so far back  3 .. 66
 *
 * What was made so far of the item itself stands behind what is kept, and may
 * be copied from too. Pure; no bytes are trusted.
 */
#ifndef PB_RECENT_H
#define PB_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#include "mem.h"

struct err;

#define RECENT_ITEM_MAX 512u /* what is longer is neither kept nor told so */
#define RECENT_SIZE 2048u

struct recent {
	uint8_t bytes[RECENT_SIZE];
	size_t len;
	size_t last; /* bytes of the last item; 0: there is none */
};

/* All zero at first. An item went, or came: keep it if it is small. */
void recent_keep(struct recent *r, const void *item, size_t len);
/* Append how an item is told. Returns false where that is not shorter; then
   nothing is appended. Where its first byte has RECENT_COPY nothing is new
   before it, which is so of nearly all. */
#define RECENT_COPY 0x80u
bool recent_tell(
	const struct recent *r, const void *item, size_t len, struct buf *ret);
/*
 * Append the item that is told so, 1 .. RECENT_ITEM_MAX bytes.
 * Errors: ERR_CORRUPT.
 */
int recent_read(const struct recent *r, const void *told, size_t len,
	struct buf *ret, struct err *err);

#endif
