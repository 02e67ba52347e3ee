/*
 * carrier_spool: a carrier that lies elsewhere, reached by another program.
 *
 *   <spool>/there/   what lies there, as far as it concerns this link: bundles
 *                    and manifests for us, manifests of ours for the peer
 *   <spool>/out/     bundles for the peer that are not there yet
 *   <spool>/gone/    names of bundles that were collected and still lie there, or
 *                    that are ours, and some of which may
 *
 * Opening the carrier fetches, flush brings and removes. A carrier of this kind
 * says how: its way, and no more.
 */
#ifndef PB_CARRIER_SPOOL_H
#define PB_CARRIER_SPOOL_H

#include "carrier.h"
#include "child.h"

struct spool;

struct spool_way {
	/*
	 * Make there/, which exists, what lies there now, its marker included.
	 * What gone/ names is not fetched again. With the guard's error it
	 * leaves here nothing that is not whole, if it lies there still.
	 * Errors: ERR_ABSENT: not reached, or no carrier, with the remedy.
	 */
	int (*fetch)(struct spool *s, struct err *err);
	/*
	 * Bring bundles of out/ there, and remove there what gone names (as
	 * os->ops->list gives it). Returns 0 when all of it is done; so many of
	 * the bundles, from the first, are there in any case.
	 * Errors: ERR_ABSENT: the line dropped; ERR_IO.
	 */
	int (*bring)(struct spool *s, const struct carrier_list *waiting,
		struct buf *gone, size_t *ret_there, struct err *err);
};

struct spool {
	struct carrier carrier;
	const struct spool_way *way;
	struct os *os;
	char *address; /* the part of via behind the scheme */
	char *dir, *there_dir, *out_dir, *gone_dir;
	struct carrier *there, *out; /* media, while open */
	uint64_t self, peer;
	uint64_t rate;	    /* bytes a second; 0: no limit */
	uint64_t fetch_max; /* bytes of a bundle; 0: any */
	int64_t again_ms;   /* what is not answered for so long is sent again */
	const struct child_guard *guard; /* of what a fetch runs */
};

/* A carrier's open. Frees all when closed. */
int spool_open(const struct spool_way *way, const struct carrier_place *place,
	const char *address, struct carrier **ret, struct err *err);

/* The names in gone/, as os->ops->list gives them. */
int spool_gone(struct spool *s, struct buf *ret, struct err *err);

#endif
