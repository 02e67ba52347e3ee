/*
 * stating: what our state holds, said to a peer that is about to know as much
 * (lib/replica/stated.h).
 *
 * Said of a folder when changes of it are handed over, when a statement of it
 * is owed, and once in a span whatever happens: then its registers are summed
 * up anew before, for sums that nobody changes would hide what they became.
 * That too is said once in a span only, and calls for no answer but where the
 * two differ. Only where the peer will then know all of our logs, and of those
 * that are passed on to it, so that its vector can be ours; at any other
 * vector a statement is of no use.
 */
#ifndef PB_STATING_H
#define PB_STATING_H

#include "lading.h"

struct err;

struct stating {
	struct lading *lading;
	struct replica *replica;
	const char *account;
	size_t index; /* of the account in the lading */
	uint64_t self, peer;
	const struct replica_log *logs;
	const bool *hidden;   /* per log of ours: not the peer's to know */
	const bool *passed;   /* per log of others: passed on to the peer */
	const uint64_t *from; /* per log: lsn that the peer knows, or will by
				 what lies on this medium already */
	size_t log_count;
	bool sends; /* else our sums are only looked at */
	bool oneway;
	bool record;	 /* what was owed is told with this */
	int64_t span_ms; /* within this each folder is stated; -1: never */
	int64_t now_ms;
};

/*
 * Add a statement of one account, behind its changes. The replica has no
 * transaction open.
 */
int stating_add(const struct stating *s, struct err *err);

#endif
