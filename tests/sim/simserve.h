/*
 * simserve: what a shipper of the simulator has from its site: bodies, as from
 * packetboat-writer --serve, and how to hand over to a peer.
 */
#ifndef PB_SIMSERVE_H
#define PB_SIMSERVE_H

#include "handover.h"
#include "simsite.h"

/* What it has open from the first request to the last. */
struct sim_serving {
	struct sim_site *site;
	struct account account;
	struct store *store; /* NULL: nothing is open */
};
void simserve_end(struct sim_serving *v);

/* It asks v for bodies. */
struct handover_config simserve_handover(struct sim_serving *v, size_t peer);
/* Where parcels of a peer lie; the caller frees it. */
char *simserve_inbox(const struct sim_site *s, size_t peer);

#endif
