/*
 * landing: what a live link brings, into the inbox.
 *
 * An item that came in one becomes a parcel at once, sealed as its sender would
 * have sealed it, durable before the next is looked at. One that comes in
 * pieces is kept as far as it came, under its name:
 *
 *   <inbox>/<name, 40 hex>.part   its first bytes
 *   <inbox>/<name, 40 hex>.came   it came whole: its size (u64), and the name
 *                                 of its parcel, as long as that lies here
 *   <inbox>/live.lock             held while somebody lands
 *   <inbox>/<sequence>.landing    a parcel being written
 *
 * A crash leaves a part as long as it was written; after a power cut it may
 * hold anything: its name is its hash, so a wrong one is dropped, and comes
 * again. At most LINK_HAVE_MAX parts are kept, the latest.
 */
#ifndef PB_LANDING_H
#define PB_LANDING_H

#include "collect.h"
#include "key.h"
#include "link.h"

struct landing_config {
	struct collect_config space; /* os, state and reserve */
	const struct key_pair *self;
	const struct key_public *peer;
	const char *inbox;  /* the peer's directory */
	const char *bodies; /* of this site, as far as they came */
};
struct landing {
	struct landing_config config; /* its strings are the two below */
	char *inbox, *bodies;
	int lock;
	uint64_t sequence; /* of the last parcel */
	struct collect_result got;
};

/* Errors: ERR_BUSY: another run lands this peer's; ERR_IO. */
int landing_open(const struct landing_config *config, struct landing *ret,
	struct err *err);
void landing_close(struct landing *l);
/* For struct link_calls. Errors: ERR_OPERATOR: no room; ERR_IO. */
int landing_have(struct landing *l, struct link_have ret[LINK_HAVE_MAX],
	size_t *ret_count, struct err *err);
int landing_item(
	struct landing *l, const void *contents, size_t len, struct err *err);
/* Errors: ERR_CONFLICT: not where the part ends; ERR_CORRUPT: the whole is not
   what it is named for, and was dropped; ERR_OPERATOR, ERR_IO. */
int landing_piece(
	struct landing *l, const struct link_piece *piece, struct err *err);

#endif
