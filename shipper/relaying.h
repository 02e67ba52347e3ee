/*
 * relaying: what other sites wrote, passed on to a peer (key "relay";
 * lib/replica/relayed.h).
 *
 * Written out from the state, for who wrote it has the segments; without chain
 * values, which are between a site and who takes its logs from itself. Only to a
 * peer that says that it takes this, and with that how far it knows these logs.
 */
#ifndef PB_RELAYING_H
#define PB_RELAYING_H

#include "cargo.h"

struct err;

/* Which logs are passed on; after p->logs is filled, and showing_find. */
int relaying_find(struct packing *p, struct err *err);
/*
 * Is the position of this log told to the peer, which may pass it on to us? 1 or
 * 0, and the position: without its chain value; and of a log of which nothing is
 * taken here, as the applier finds (applier/receive_relayed.c), the last that
 * there can be, so that it is not handed over again.
 */
int relaying_tells(struct packing *p, const struct position *known,
	struct position *ret, struct err *err);
#define RELAYING_UNTAKEN ((uint64_t)INT64_MAX)
/* A position without its chain value. */
struct position relaying_position(const struct position *known);
/* Is the body in no mail that lies here? 1 or 0. */
int relaying_lacks_body(
	struct packing *p, const struct hash *hash, struct err *err);
/* Was a mail of this body, which lies here now, born elsewhere than here and at
   the peer? 1 or 0. */
int relaying_brought(
	struct packing *p, const struct hash *hash, struct err *err);

#endif
