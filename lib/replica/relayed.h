/*
 * relayed: logs that a site passes on which did not write them
 * (docs/architecture.md, Relaying).
 *
 * Whoever knows a log as far as an lsn has all that it says up to there, by
 * whatever way it came: so it can be passed on, written out from the state. That
 * is not so of a log whose site shows us a part of its folders only: what is left
 * out of it nobody knows. Nothing of what such a site wrote is passed on.
 */
#ifndef PB_RELAYED_H
#define PB_RELAYED_H

#include "replica.h"

/* Does a peer take from us what others wrote, as it said last? 1 or 0. */
int relayed_takes(struct replica *r, uint64_t peer, struct err *err);
/* It says so, or the contrary. In a transaction. */
int relayed_hear(struct replica *r, uint64_t peer, bool takes, struct err *err);

/* What came of a log (its row) was not all of it. In a transaction. */
int relayed_note_part(struct replica *r, int64_t log, struct err *err);
/* Is a log of this origin known in part only? 1 or 0. */
int relayed_is_part(struct replica *r, uint64_t origin, struct err *err);

/* Which of these logs may be passed on to a peer. ret: one for each. */
int relayed_find(struct replica *r, uint64_t peer,
	const struct replica_log *logs, size_t count, bool *ret,
	struct err *err);

/* A peer knows a log (its row) at least up to an lsn, for it handed that over.
   In a transaction. */
int relayed_note_knows(struct replica *r, uint64_t peer, int64_t log,
	uint64_t lsn, struct err *err);

#endif
