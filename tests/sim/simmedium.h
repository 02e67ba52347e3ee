/*
 * simmedium: a stick, or a directory that both ends reach, in memory, and the
 * carrier interface over it. Whole bundles only; what a real directory does in
 * a power cut is tested with the carrier itself.
 */
#ifndef PB_SIMMEDIUM_H
#define PB_SIMMEDIUM_H

#include "carrier.h"
#include "simdisk.h"

struct sim_bundle {
	struct carrier_item item;
	uint8_t *data;
};

struct sim_medium {
	struct id128 id;
	struct sim_bundle *bundles; /* by sender, recipient, sequence */
	size_t count;
	/* All that were ever put here, in that order: they may come back. */
	struct sim_bundle *ever;
	size_t ever_count;
};

void sim_medium_release(struct sim_medium *m);
/* Take away, copy back, or damage; false where there is no such bundle. */
bool sim_medium_lose(struct sim_medium *m, size_t index);
bool sim_medium_again(struct sim_medium *m, size_t ever_index);
bool sim_medium_damage(struct sim_medium *m, size_t index, uint64_t seed);

/* The medium as the carrier of a site with that origin. */
struct carrier *sim_medium_carrier(
	struct sim_medium *m, struct simdisk *disk, uint64_t self);

#endif
