/*
 * held_links: which links of a peer take a body of some size, by the
 * configuration alone.
 */
#ifndef PB_HELD_LINKS_H
#define PB_HELD_LINKS_H

#include "config.h"

/* What is not larger than this is held on no link; HOLD_NONE: nothing is. */
uint64_t held_links_least(const struct config_peer *p);

/* The first link that takes it; NULL: there is none. */
const struct config_link *held_links_taker(
	const struct config_peer *p, uint64_t size);

#endif
