/*
 * carrier_rsync: a directory on another machine, reached by the real rsync, over
 * ssh or its daemon. It is laid out as that of `dir:` (carrier.h), and the peer
 * may serve it as `dir:` where it lies, or by an rsync of its own.
 */
#ifndef PB_CARRIER_RSYNC_H
#define PB_CARRIER_RSYNC_H

#include "carrier.h"

extern const struct carrier_ops carrier_rsync_ops;

/*
 * Make the target a carrier: write the marker there. Returns 1 if it is one.
 * where: an empty directory to work in.
 * Errors: ERR_ABSENT: not reached; ERR_USAGE; ERR_IO.
 */
int carrier_rsync_init(
	struct os *os, const char *where, const char *target, struct err *err);

#endif
