/*
 * status_held: what of an account is too large for a link of a peer.
 */
#ifndef PB_STATUS_HELD_H
#define PB_STATUS_HELD_H

#include "account.h"
#include "config.h"

struct err;

struct status_held {
	uint64_t bodies, bytes;
	/* Of these; what is handed over or released is in neither. */
	uint64_t stuck, stuck_bytes; /* no link takes them */
	uint64_t released; /* besides: they go with the next contact */
	uint64_t handed;   /* besides: they went, and are not there yet */
	uint64_t previews; /* of the first: went, or are there */
};

/* p: of the configuration; peer: its origin. */
int status_held(struct account *a, const struct config_peer *p, uint64_t peer,
	struct status_held *ret, struct err *err);

#endif
