/*
 * claim: which of two sites is a folder's authority.
 *
 * Claims are totally ordered and say all that is compared, so every site
 * picks the same one whatever it heard first, and no site changes its mind but
 * for a stronger claim. The order is made for people: the folder that is in
 * use keeps its UIDs, and of two that are, the older.
 */
#ifndef PB_CLAIM_H
#define PB_CLAIM_H

#include "change.h"

/* All zero: nobody claimed it. */
struct claim {
	uint64_t term; /* from 1 */
	uint64_t site;
	uint64_t stamp; /* when it was made */
	/* Of the claimant's folder at that time; 0: it has none. */
	uint32_t uidvalidity, uidnext;
};

/* What an AUTHORITY change says. */
struct claim claim_said(const struct change *c);
/* Does it give the folder to another site than its writer? */
bool claim_gives_away(const struct change *c);
/* Held mail: it has given UIDs. */
bool claim_is_used(const struct claim *c);
/*
 * Above 0 if a is the stronger, below if b is, 0 for one and the same:
 * the higher term; in use; a lower UIDVALIDITY (which servers take from the
 * clock; none is the weakest); the older claim, so that a site that lost its
 * state does not take folders from their home; the higher site. Pure.
 */
int claim_cmp(const struct claim *a, const struct claim *b);

#endif
