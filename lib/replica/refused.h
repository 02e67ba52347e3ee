/*
 * refused: folders of other sites of which nothing is placed here, because the
 * configuration does not accept them.
 *
 * What is said of them is merged like all else, so registers and digests are as
 * their home says, and positions advance. But the tree that is placed is made
 * without them:
 * (1) A folder that is refused and does not lie here has no name here: another
 *     may have it, and no two are merged because of it.
 * (2) One that lies here, because it was accepted once, stays as it is, with
 *     what lies in it (kept.h); if another is to have its name it gets one that
 *     is seen.
 * (3) Mail that is merged into such a folder is not placed, and its body is not
 *     awaited: it has todo MESSAGE_REFUSED. From a folder that is accepted it
 *     leaves.
 * Which they are is a column of the state, and decided anew whenever something
 * was merged or is to be placed.
 */
#ifndef PB_REFUSED_H
#define PB_REFUSED_H

#include "replica.h"

/* Is a folder of this path refused, whose home is this site? 1 or 0; below 0: as
   it was. */
typedef int (*refused_fn)(void *arg, uint64_t site, const char *path);
/*
 * Decide of all folders, and of subscriptions of names without one, by who wrote
 * them. In a transaction. Returns 1 if something is decided otherwise than it
 * was, else 0.
 */
int refused_decide(
	struct replica *r, refused_fn refuses, void *arg, struct err *err);

/* Is any refused, or a peer's INBOX another than ours? 1 or 0. */
int refused_any(struct replica *r, struct err *err);
/* The site whose folder it is; 0: nobody knows yet. */
uint64_t refused_home(const struct replica_folder *f);

/*
 * INBOX has one id at every site, and one of them is its home. So the INBOX of a
 * peer that may not change it here (refused) is another folder, of which nothing
 * is merged, stated or compared, unless the peer is known to be the home. When it
 * may, its logs are to be heard from their beginning. In a transaction.
 */
int refused_inbox(
	struct replica *r, uint64_t peer, bool refused, struct err *err);
/* Is the peer's INBOX another? 1 or 0. */
int refused_is_inbox(struct replica *r, uint64_t peer, struct err *err);

/* A folder that is refused, and lives or lies here. */
struct refused {
	const char *path;   /* as merged */
	const char *p_path; /* NULL: it does not lie here */
	uint64_t site;	    /* its home */
	uint64_t messages;  /* that are merged, and lie nowhere here */
};
/* By path; in the arena. */
int refused_list(struct replica *r, struct arena *arena, struct refused **ret,
	size_t *ret_count, struct err *err);

#endif
