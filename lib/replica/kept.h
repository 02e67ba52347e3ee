/*
 * kept: mail that is expunged, as the merged state says, and stays here,
 * because the site that expunged it may not do that here.
 *
 * What such a site says is merged, as whatever its peers say of it: so digests
 * agree, and nothing is said against it. Only the mail stays as it was placed;
 * its message is dead, lies in its folder, and has todo MESSAGE_KEPT, until
 * somebody expunges it here, or all is decided anew. So it is with mail that such
 * a site took out of our view (viewed.h), which is dead without a tombstone, and
 * with mail that it moved to where it may place nothing (refused.h). In a folder
 * that is refused all is kept that is dead, whoever says so.
 */
#ifndef PB_KEPT_H
#define PB_KEPT_H

#include "replica.h"

/*
 * Decide of all that are dead, lie here and are to be placed: those that one of
 * these sites expunged are kept. So is what a mail left where it was moved from,
 * if it lies nowhere else and no living message has its body. If they are not the
 * sites of the last time, then also of what was kept before. No transaction is
 * open.
 * Returns how many messages were not kept before, at most INT_MAX.
 */
int kept_decide(struct replica *r, const uint64_t *sites, size_t count,
	struct err *err);
/* Is any message kept, in this folder (its row; 0: in any)? 1 or 0. */
int kept_any(struct replica *r, int64_t folder, struct err *err);

/* What of a folder is kept that one site expunged, or moved away. */
struct kept {
	int64_t folder;		 /* row */
	uint64_t site, messages; /* site 0: nobody knows any more */
	int64_t last_ms;	 /* when the last was expunged; 0: as above */
};
/* By folder and site; in the arena. */
int kept_list(struct replica *r, struct arena *arena, struct kept **ret,
	size_t *ret_count, struct err *err);

#endif
