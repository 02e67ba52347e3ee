/*
 * asking: what a site that joins asks a peer, and what it is answered
 * (lib/replica/joining.h).
 */
#ifndef PB_ASKING_H
#define PB_ASKING_H

#include "cargo.h"

/* Is the peer that asks to wait, because we join as well? 1 or 0. */
int asking_waits(struct packing *p, struct err *err);
/* Our question, if it is due; and behind all that was packed for it, the answer
   to the peer's. */
int asking_add(struct packing *p, struct err *err);

#endif
