/*
 * inspect: parcels and bundles as text, for `packetboat log` and for people.
 *
 * Without keys only what is in the clear can be said; with them the sections
 * too. One line for each thing, made to be grepped:
 *
 *	parcel from 41c0d2… to 9b7e55… sealed 1234 bytes
 *	  changes account alice log 41c0d2…/66f1…/INBOX lsn 18..19 …
 *
 * What cannot be read is said in a line of its own and is no failure: an
 * inspector that stops at the first damage is of no use.
 */
#ifndef PB_INSPECT_H
#define PB_INSPECT_H

#include <stddef.h>

#include "key.h"
#include "mem.h"
#include "os.h"

struct err;
struct parcel_changes;

/* Keys to look inside with, and who can read changes. */
struct inspect_keys {
	const struct key_pair *self;
	const struct key_pair *former; /* as parcel_open's */
	const struct key_public *peers;
	size_t peer_count;
	/* Appends lines for the payload of c; may be NULL. */
	void (*changes)(
		void *ctx, const struct parcel_changes *c, struct buf *ret);
	void *ctx;
};

/* Append the clear header of a parcel as one line. */
void parcel_print(const void *data, size_t len, struct buf *ret);

/* The same, then the sections if keys open it, a line each. */
void parcel_print_open(const void *data, size_t len,
	const struct inspect_keys *keys, struct buf *ret);

/*
 * Append a line for each entry of the bundle that fd reads, and what
 * parcel_print_open says of it (parcel_print where keys is NULL).
 * Parameters: name for messages.
 * Returns 0. Errors: as bundle_reader_next, after the entries before were
 * printed.
 */
int bundle_print(struct os *os, int fd, const char *name,
	const struct inspect_keys *keys, struct buf *ret, struct err *err);

#endif
