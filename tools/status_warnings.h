/*
 * status_warnings: what lies in the inbox and cannot be taken, and clocks that
 * are wrong, for `packetboat status`.
 */
#ifndef PB_STATUS_WARNINGS_H
#define PB_STATUS_WARNINGS_H

#include "site.h"

struct err;

/* Parcels of a peer that were looked at and stay in the inbox. */
struct inbox_view {
	uint64_t early; /* they wait for what is before them */
	uint64_t kept;	/* they tell another history than the one known */
};
struct inbox_view status_inbox(const struct site *s, const char *peer);

/* The year by this machine's clock, if it cannot be right; else 0. */
int status_wrong_year(int64_t now_ms);
/*
 * How far ahead of now_ms an account's state is: by what this site wrote
 * itself (peer 0), or what a peer handed over. 0: it is not.
 */
int status_ahead(struct account *a, uint64_t peer, int64_t now_ms,
	uint64_t *ret_s, struct err *err);

#endif
