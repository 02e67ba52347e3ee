/*
 * preview: a small mail that tells of one that waits elsewhere, because it is
 * too large: from whom, about what, what belongs to it, and how its text begins.
 *
 *	X-Packetboat-Held: HASH		of the mail that waits, in hex
 *	From, To, Date			as there
 *	Subject: [held: 5.2 MB] ...
 *	Message-ID: <held.HASH@packetboat.invalid>
 *
 *	where it waits, its size, how to get it; its attachments; its text
 *
 * Pure: of one mail, one limit and one pair of sites it is always the same. It
 * names no other mail, so a client takes it neither for the mail itself nor for
 * an answer to something. Its text is UTF-8, its lines end in LF.
 */
#ifndef PB_PREVIEW_H
#define PB_PREVIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "hash.h"
#include "mem.h"

#define PREVIEW_LEAST 2048u /* bytes: of which its header may have half */
#define PREVIEW_MOST 65536u
#define PREVIEW_READ (8u << 20) /* bytes of a mail that are looked at */

struct preview_of {
	struct hash hash;
	uint64_t size;	  /* of the whole mail */
	const char *site; /* where it waits */
	const char *peer; /* what that calls the site that it waits for */
};

/* Append at most `most` bytes, PREVIEW_LEAST to PREVIEW_MOST, to ret. mail: its
   first len bytes. */
void preview_make(const void *mail, size_t len, const struct preview_of *of,
	size_t most, struct buf *ret);

/* Does it say that it is a preview of just this mail? */
bool preview_is_of(const void *data, size_t len, const struct hash *held);
/* The mail that it says it is of. */
bool preview_held(const void *data, size_t len, struct hash *ret);

#endif
