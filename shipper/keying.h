/*
 * keying: what is said to a peer of keys: that ours changes, until it answered
 * that it seals for the new one and takes none that is no more; and the answer
 * to what it said of its own.
 *
 * It is said at once, and once a day as long as that is so: a bundle may be
 * lost, and a person may have to do something there first. To a peer that is
 * one-way, and never answers, it goes with what goes anyway, and by itself only
 * while the old key is still in use.
 */
#ifndef PB_KEYING_H
#define PB_KEYING_H

#include "lading.h"

struct err;

/* Add it behind the rest, if anything is due. Errors: ERR_IO, ERR_CORRUPT. */
int keying_add(struct lading *l, struct err *err);

#endif
