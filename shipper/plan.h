/*
 * plan: `packetboat peer plan PEER`: what the next call would carry, how long
 * it would take, and what is held back and why, for each link of a peer. No
 * call is made, and nothing is changed.
 */
#ifndef PB_PLAN_H
#define PB_PLAN_H

#include "shipper.h"

/* Of the peer that is asked for, to standard output. */
void plan_peer(struct shipper *s, bool json);

#endif
