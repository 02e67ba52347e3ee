/*
 * status_links: what lies on a link's carrier, for `packetboat status`.
 */
#ifndef PB_STATUS_LINKS_H
#define PB_STATUS_LINKS_H

#include "site.h"

struct link_view {
	bool there;
	char why[512];	     /* it is not there, or cannot be read */
	uint64_t for_us;     /* bundles of this peer, to be collected */
	uint64_t for_peer;   /* ours, that the peer has not collected */
	uint64_t incomplete; /* of either: being copied, or cut off */
	uint64_t unfetched;  /* of the peer, too large for the room here */
	uint64_t strangers;  /* for us, of nobody who is a peer */
	uint64_t stranger;   /* the origin of one of them */
};

/* Look at the carrier of a peer's link; nothing on it is changed. */
void status_link(const struct site *s, size_t peer, const char *via,
	struct link_view *ret);

#endif
