/*
 * collect: take what lies on a carrier for this site into the inbox.
 *
 * Parcels are stored as they are, sealed: opening them is the applier's. A
 * bundle is removed from its carrier only once every parcel of it is durable
 * in the inbox. All of its parcels have temporary names until then: the applier
 * takes a whole bundle or nothing of it. From a medium that cannot be written
 * it is collected once; that it was is remembered beside the inbox.
 *
 *   <inbox>/<sequence, 16 hex>-<number, 8 hex>.parcel[.tmp]
 *   <inbox>/seen-<medium>-<sequence>
 */
#ifndef PB_COLLECT_H
#define PB_COLLECT_H

#include "carrier.h"

struct err;

struct collect_result {
	uint64_t bundles, parcels, bytes;
	uint64_t size;	    /* of the bundles that were taken */
	uint64_t unfetched; /* bundles that are too large for the room here: of
			       an error that is all */
};

struct collect_config {
	struct os *os;
	uint64_t self, peer;
	/* What is collected must leave this share of the state's file system
	   free; 0: need not. */
	const char *state_dir;
	unsigned reserve_percent;
};

/*
 * Collect one peer's bundles. inbox: that peer's directory, made if needed.
 * A bundle that cannot be read is left where it is and named in err after
 * the others were collected.
 * Errors: ERR_CORRUPT, ERR_TORN (a damaged bundle), ERR_IO, ERR_ABSENT,
 * ERR_OPERATOR: there is no room for it here.
 */
int collect_bundles(const struct collect_config *config,
	struct carrier *carrier, const char *inbox, struct collect_result *ret,
	struct err *err);

/* May so many bytes more be taken? Errors: ERR_OPERATOR: no; ERR_IO. */
int collect_space(
	const struct collect_config *config, uint64_t size, struct err *err);

/* So many bytes one bundle may have that is fetched: it is here twice, until it
   is in the inbox. Errors: ERR_IO. */
int collect_room(
	const struct collect_config *config, uint64_t *ret, struct err *err);

/*
 * Watches the disk while another program takes what a peer sends, of whatever
 * size that is: it may take half of what may be taken in all, so that the rest
 * has room for it in the inbox.
 */
struct collect_watch {
	const struct collect_config *config;
	uint64_t least; /* free bytes that have to be left; 0: not looked yet */
};
/* For child_guard; arg: a struct collect_watch. Errors: as collect_space. */
int collect_watch_look(void *arg, struct err *err);

#endif
