/*
 * tables: what goes to a peer that cannot be asked once in a while, for what
 * was lost there is told to nobody here.
 *
 * A table of each folder that is at home here, from which the peer takes flags
 * and what was expunged, and by which it finds what it lacks; and the account
 * log from its beginning: names and subscriptions of folders.
 */
#ifndef PB_TABLES_H
#define PB_TABLES_H

#include "replica.h"

struct err;

/*
 * If none went to the peer for span_ms, let them go with the hand-over that is
 * being made. The first span begins with the first call. No transaction is
 * open.
 */
int tables_add(struct replica *r, uint64_t peer, int64_t span_ms,
	int64_t now_ms, struct err *err);

#endif
