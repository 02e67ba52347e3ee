/*
 * late: messages that came too late for the UID that they were to have
 * (docs/architecture.md, Merging, as built).
 *
 * A receiver that was given higher ones meanwhile places such a message under a
 * UID of its own, and says so to the folder's home with each acknowledgement:
 * which messages, what UID they were to have, and its UIDNEXT. The home keeps
 * that, a row of table late for each, until the peer's next acknowledgement; it
 * counts as long as the message lives and is to have that UID still. So what
 * comes twice, or a year later, says nothing.
 *
 * What a peer says of this is believed within limits, for nobody can look:
 * (1) a message gets another UID for it LATE_TIMES times at most;
 * (2) of the UIDs that are left below LATE_UID_MAX one in LATE_PART is skipped
 *     for a peer's UIDNEXT at once, at most: so they never run out;
 * (3) it names PARCEL_LATE_MAX messages at a time.
 */
#ifndef PB_LATE_H
#define PB_LATE_H

#include "replica.h"

#define LATE_TIMES 8
#define LATE_UID_MAX UINT32_C(0x7fffffff)
#define LATE_PART 1024u

struct late {
	struct id128 folder;
	uint32_t uidnext; /* there */
	struct dot dot;
	uint32_t uid; /* that it was to have */
};

/* ---- where they lie ---- */

/*
 * Messages placed under UIDs of this site in folders whose home is that site;
 * `most` at most, those with the lowest UIDs. By folder and dot, in the arena.
 */
int late_here(struct replica *r, uint64_t home, size_t most,
	struct arena *arena, struct late **ret, size_t *ret_count,
	struct err *err);

/* ---- at the folder's home ---- */

/* Forget what a peer said; then what it says now, one by one: what is not so, or
   is so no more, is left out. In a transaction. */
int late_forget(struct replica *r, uint64_t peer, struct err *err);
int late_hear(struct replica *r, uint64_t peer, const struct late *late,
	struct err *err);
/* Rows of folders in which a peer has such messages, ascending. */
int late_folders(struct replica *r, struct arena *arena, int64_t **ret,
	size_t *ret_count, struct err *err);

struct late_due {
	int64_t *messages; /* rows of those that get another UID now, in the
			      order of those that they have */
	size_t count;
	uint32_t uidnext; /* to begin with, and what UIDNEXT is to be at least:
			     above what is given at a peer before it hears of
			     it; 0: as it is */
};
/*
 * What is to be done in a folder at home here, UIDNEXT of which is `next`, by
 * the word of two-way peers. A message is due when all of them that are shown
 * the folder have acknowledged its UID as applied. In the arena.
 */
int late_due(struct replica *r, int64_t folder, uint32_t next,
	const uint64_t *peers, size_t peer_count, struct arena *arena,
	struct late_due *ret, struct err *err);
/* It got another one. */
int late_done(struct replica *r, int64_t message, struct err *err);

#endif
