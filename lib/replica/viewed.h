/*
 * viewed: which folders a peer is shown (docs/architecture.md, Grants), as far
 * as the peer was told, and what it made of it.
 *
 * What a site tells a peer of this is a log of its own, the *view's log*, which
 * no other peer gets: known of it is a position, as of any log, so that it is
 * acknowledged, lost and told again as any other. It has no segments; all that
 * it says is a row for each folder that is not shown, or was not once, with the
 * lsn at which that was said last (0: the folder was never shown).
 *
 *   (view)    folder is in view, or is not (CHANGE_VIEW); of one that has come
 *             into view also what the account log says of it, by its own
 *             writers
 *
 * Who hears that a folder is not in view forgets what it was told of it: its
 * messages, without a tombstone, so that nobody can be told one, and how far
 * its logs were known. Their files go to the trash. What it hears of the
 * folder's logs from then on it drops, until the folder is in view.
 *
 * A state that begins anew (lost, or put back) does not know what was said
 * behind it. So it says all of its rows once more, and who hears of it keeps
 * nothing of what was said before.
 */
#ifndef PB_VIEWED_H
#define PB_VIEWED_H

#include "replica.h"

/* The folder id of the log that tells a peer what it is shown. */
struct id128 view_log_id(uint64_t peer);
/* Is it the log of some peer's view? */
bool view_is_log(const struct id128 *folder);

/* ---- of ours: what a peer is shown ---- */

typedef bool (*view_shows_fn)(void *arg, const char *path);
/*
 * Note what is in a peer's view by now: folders that came into it, and those
 * that left it, are in the view's log then. Of both the peer's positions count
 * as none. Only folders that are this site's to tell leave a view. In a
 * transaction. Returns 1 if something is new, else 0.
 */
int view_settle(struct replica *r, uint64_t peer, view_shows_fn shows,
	void *arg, struct err *err);
/* Is anything hidden from a peer, or was it? What comes back from there the peer
   may have forgotten. 1 or 0. */
int view_is_partial(struct replica *r, uint64_t peer, struct err *err);
/* Is a folder, by any of its ids, or by its row? 1 or 0. */
int view_hides(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err);
int view_hides_row(
	struct replica *r, uint64_t peer, int64_t folder, struct err *err);
/* Is this log of ours none of a peer's business: of a hidden folder, or another
   peer's view? 1 or 0. */
int view_hides_log(struct replica *r, uint64_t peer, const struct log_id *log,
	struct err *err);
/* Where the peer is told last whether a folder is in its view: the view's log, by
   its row, and the lsn. Returns 1: nothing is said of it. */
int view_said_at(struct replica *r, uint64_t peer, const struct id128 *folder,
	int64_t *ret_log, uint64_t *ret_lsn, struct err *err);
/* What one of our views' logs says behind an lsn. */
int view_write_out(struct replica *r, uint64_t peer, const struct log_id *log,
	uint64_t after, struct change_batch *batch, struct err *err);
/* A message, by a dot: is the peer to have it? */
enum view_message {
	VIEW_NONE,   /* there is none that lives */
	VIEW_SHOWN,  /* its row */
	VIEW_HIDDEN, /* it lies where the peer sees nothing */
};
int view_message(struct replica *r, uint64_t peer, const struct dot *dot,
	enum view_message *ret, int64_t *ret_row, struct err *err);
/* Dots of a log, up to an lsn, whose messages are hidden, or died where they
   were: no log that the peer gets says so. In the arena. */
int view_hidden_dots(struct replica *r, uint64_t peer, const struct log_id *log,
	uint64_t upto, struct arena *arena, struct dot **ret, size_t *ret_count,
	struct err *err);
/* Has a living message that the peer sees this body? 1 or 0. */
int view_shows_body(struct replica *r, uint64_t peer, const struct hash *hash,
	struct err *err);

/* ---- of theirs: what we are shown ---- */

/* A peer says that a folder is in our view of its folders, or is not; by: where
   it says so. Of an incarnation that is over it counts for nothing. In a
   transaction. */
int view_hear(struct replica *r, const struct dot *by,
	const struct id128 *folder, bool shown, struct err *err);
/* The peer's state is a new one, which says itself what is not in view: what
   other incarnations said of that is void. In a transaction. */
int view_void(struct replica *r, uint64_t peer, uint64_t incarnation,
	struct err *err);
/* Did it say that a folder is not? 1 or 0. */
int view_is_closed(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err);

/* Mail that was taken out of view and lies here still, because its file was not
   removed yet, or is kept (kept.h), is the mail that has come back. In a
   transaction. */
int view_take_back(struct replica *r, struct err *err);

/* Is a folder hidden from one of the two sites, or the INBOX of one of them not
   the other's (refused.h)? Then they do not compare it. 1 or 0. */
int view_is_apart(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err);

#endif
