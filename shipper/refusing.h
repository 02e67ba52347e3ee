/*
 * refusing: a peer is told which accounts it speaks of that are not here, so
 * that it does not send them with every bundle, and when they are
 * (lib/capture/strange.h).
 *
 * It is told by an acknowledgement of incarnation 0, which no state has: count
 * 1 refuses the account, count 2 takes it back. That is repeated until
 * something of the account came.
 */
#ifndef PB_REFUSING_H
#define PB_REFUSING_H

#include "lading.h"

struct err;

/* Add what the peer is to be told; record: it counts as told. */
int refusing_add(struct lading *l, bool record, struct err *err);

#endif
