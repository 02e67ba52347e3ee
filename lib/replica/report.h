/*
 * report: what a replica state tells people: counts for `packetboat status`.
 * Reads only; exact at the moment of each call.
 */
#ifndef PB_REPORT_H
#define PB_REPORT_H

#include "replica.h"

struct report_counts {
	uint64_t folders, messages, bytes; /* alive, as merged */
	uint64_t awaited, awaited_bytes;   /* messages whose body is to come */
	int64_t awaited_ms; /* since when the oldest of them waits; 0 none */
	uint64_t unplaced;  /* messages that the store could not hold whole */
	uint64_t todo;	    /* messages still to be placed or changed */
	uint64_t late;	    /* placed with a UID of this site only */
	uint64_t late_there; /* by peers: they get another one here */
	uint64_t parked;    /* changes of messages not met yet */
};
int report_counts(
	struct replica *r, struct report_counts *ret, struct err *err);

/* Living messages that were born in a log above lsn: count and bytes. */
int report_born_above(struct replica *r, int64_t log, uint64_t lsn,
	uint64_t *ret_count, uint64_t *ret_bytes, struct err *err);

/* Bytes that a peer lacks of the bodies that it wants and a living message here
   has: of those no larger than `most`, and of those that were released. */
int report_wanted(struct replica *r, uint64_t peer, uint64_t most,
	uint64_t *ret_bytes, struct err *err);

/* What lies on a medium for a peer, and was not acknowledged. */
struct report_under_way {
	const char *link; /* its name; for the call only */
	struct id128 medium;
	uint64_t bundles, changes, bodies;
};
int report_under_way(struct replica *r, uint64_t peer,
	void (*each)(void *arg, const struct report_under_way *u), void *arg,
	struct err *err);

/*
 * May a peer lack the body of a mail that lives and was born in a log up to
 * lsn? 1, also where its last word about bodies was not its whole word; or 0.
 */
int report_lacks_bodies(struct replica *r, uint64_t peer, int64_t log,
	uint64_t lsn, struct err *err);

/* A stamp so far ahead of the clock is of a clock that is wrong, one of the
   two. Of a peer the last such is kept as "ahead" (replica_peer_key), in ms. */
#define CLOCK_AHEAD_MS (INT64_C(10) * 60 * 1000)

/* Folders whose home is elsewhere that were deleted here: their last names. */
int report_deleted_here(struct replica *r, struct arena *arena,
	const char ***ret, size_t *ret_count, struct err *err);

/*
 * SQLite's own look at the database (the pages' checksums are vfs_verify's).
 * Errors: ERR_CORRUPT with the first thing found.
 */
int report_integrity(struct replica *r, struct err *err);

#endif
