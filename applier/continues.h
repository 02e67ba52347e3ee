/*
 * continues: do changes that a peer hands over go on from what is known of
 * their log, and from a site that still writes in it?
 */
#ifndef PB_CONTINUES_H
#define PB_CONTINUES_H

#include "parcel.h"
#include "replica.h"

struct err;

/* They are of a history that is over: nothing of them is to be taken. */
#define CONTINUES_NOT 2

/*
 * The changes of one section, and what is known of their log. relayed: they
 * come from a third site, written out from its state, and are right for
 * whoever stands between the two ends. Returns 0: they are to be merged; 1:
 * all of them are known; CONTINUES_NOT. Errors: ERR_TORN: something before
 * them is missing; ERR_CONFLICT: they are of another history than what is
 * known, or its site has gone on with another incarnation.
 */
int continues_check(struct replica *r, const struct parcel_changes *s,
	const struct replica_log *log, const struct change_batch *batch,
	bool relayed, struct err *err);

#endif
