/*
 * filling: changes that came in brief (lib/compare/brief.h), filled in with the
 * mail that lies here (lib/replica/inventory.h).
 *
 * A section is taken whole or not at all: where something has to come whole
 * that is noted, to be asked for, and nothing of it is merged.
 */
#ifndef PB_FILLING_H
#define PB_FILLING_H

#include "change.h"
#include "parcel.h"

struct err;
struct replica;

/*
 * Fill in a batch, the payload of such a section of a peer's. In a transaction,
 * while the state joins.
 * Returns 0; 1: something has to come whole. Errors: ERR_CORRUPT; ERR_IO.
 */
int filling_fill(struct replica *r, uint64_t peer,
	const struct parcel_changes *s, struct change_batch *batch,
	struct err *err);

#endif
