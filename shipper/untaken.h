/*
 * untaken: what lies on a carrier for this site and is not collected: bundles
 * of somebody who is no peer, what of a peer's is not whole, and what is no
 * bundle at all. It is left where it is; a person is told, in a daemon once for
 * each.
 */
#ifndef PB_UNTAKEN_H
#define PB_UNTAKEN_H

#include <stdbool.h>

#include "carrier.h"

struct untaken_name {
	uint64_t sender, sequence;
	char *via;
	int64_t since_ms; /* when it was first seen */
	bool said, there; /* in the last round */
};

/* All zero at first; kept from round to round. */
struct untaken {
	struct untaken_name *names;
	size_t count;
};
void untaken_free(struct untaken *u);

/* Begin a round; what is not met in it is forgotten when the next begins. */
void untaken_round(struct untaken *u);

struct untaken_look {
	const char *via;
	uint64_t peer;	       /* whose link it is */
	const uint64_t *peers; /* all of them */
	size_t peer_count;
	int64_t now_ms;
	/* What is not whole is told when it stayed so for this long: it may
	   be under way. */
	int64_t patience_ms;
	/* operator: somebody has to decide. text: without the link. */
	void (*say)(void *arg, bool operator, const char * text);
	void *arg;
};
/* Tell what of a list for this site has not been told. Returns whether
   something is not whole for too short a time to be told. */
bool untaken_tell(struct untaken *u, const struct untaken_look *look,
	const struct carrier_list *list);

#endif
