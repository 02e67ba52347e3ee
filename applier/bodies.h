/*
 * bodies: pieces of bodies to files, in one directory for all accounts.
 *
 *	HASH.part	what is here so far, from the first byte on
 *	HASH.body	whole, verified, durable
 *
 * All pieces of a parcel are written before they are made durable, which is
 * then done at once for all, where the system can, and not once for each mail.
 * A crash leaves parts behind; the parcel, not forgotten yet, fills them once
 * more.
 */
#ifndef PB_BODIES_H
#define PB_BODIES_H

#include <stdint.h>

#include "parcel.h"

struct err;
struct os;

/*
 * Take all bodies, and previews as bodies, among the sections of one parcel. When it returns 0 every
 * byte of them is durable, and ret_whole has grown by those that are whole
 * now. A piece beyond what is here waits for the one before it: it is left
 * out, and the acknowledgement says from where.
 * Errors: ERR_CORRUPT: bytes are not those they are named for; ERR_IO.
 */
int bodies_take(struct os *os, const char *dir,
	const struct parcel_sections *sections, uint64_t *ret_whole,
	struct err *err);

#endif
