/*
 * planning: what a hand-over would be, done for its size only: the same code
 * packs the same parcels, which go nowhere, and of what it notes in the state
 * nothing is committed (replica_rehearse).
 *
 * Of a carrier that takes bundles the bytes are those that a hand-over at once
 * would make: all but an acknowledgement's count, which is drawn by lot and takes
 * a byte more or less, and a tar rounds up to 512. On a live link a far end is
 * made up that has nothing to say, and both are let talk over a line of the given
 * speed: what is cut, and how, is then as it would be; what the real one has of
 * an interrupted item, and what it says itself, is not known.
 */
#ifndef PB_PLANNING_H
#define PB_PLANNING_H

#include "handover.h"

struct planned {
	struct handover_result result;
	uint64_t bytes;	 /* of bundles with their manifests, or on the line */
	uint64_t answer; /* of a live link: what is said to that, at least */
	uint64_t
		packets; /* of a live link: so many, with headers of their own */
	int64_t ms;	 /* at the speed; -1: none is known */
	/* Bodies up to FEED_SMALL, and larger ones, that would go. */
	uint64_t small, small_bytes, large, large_bytes;
};

/* carrier: NULL: it is not there, or a new medium. Errors: as
   handover_to_carrier. */
int planning_carrier(const struct handover_config *config,
	struct carrier *carrier, struct planned *ret, struct err *err);
/*
 * Only how much waits: what is to be told as it would be packed, and bodies as
 * they are, which nobody is asked for. carrier: as above.
 * Errors: the same; ret is set all the same where a log is damaged.
 */
int planning_weigh_carrier(const struct handover_config *config,
	struct carrier *carrier, uint64_t *ret, struct err *err);
/* The same of a live link that is not up. */
int planning_weigh_live(
	const struct handover_config *config, uint64_t *ret, struct err *err);
/* speed: bytes a second; 0: not known. limit: bytes that may go; UINT64_MAX:
   any. Errors: as handover_to_link. */
int planning_live(const struct handover_config *config, uint64_t speed,
	uint64_t limit, struct planned *ret, struct err *err);

#endif
