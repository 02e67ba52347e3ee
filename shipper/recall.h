/*
 * recall: bundles that wait here to be brought, and of which the peer has
 * heard by another link meanwhile, are taken back: to bring them would cost
 * for nothing. So are those that were made before something left the peer's
 * view (showing.h): they may hold it.
 *
 * A bundle is needless, if it had bodies, all its changes are acknowledged,
 * and the peer wants none of its bodies. What else it had, as
 * acknowledgements, may be lost with it, as on any medium, and is told anew:
 * that is noted before it goes.
 */
#ifndef PB_RECALL_H
#define PB_RECALL_H

#include "handover.h"

/* Takes them out of lying, too, and tells how many. Errors: ERR_IO. */
int recall_bundles(const struct handover_config *config,
	struct carrier *carrier, const struct id128 *medium,
	struct carrier_list *lying, uint64_t *ret, struct err *err);

#endif
