/*
 * brief: births as they are told to a site that has the mail, and has lost
 * what it knew of it (docs/format.md, Sections).
 *
 * The most of a birth is what lies in that site's own store: base name, size,
 * date and hash. They are left out, the birth is *blank*; in their place
 * travel, for each, where the mail lies at the site that tells (UIDVALIDITY
 * and UID), and for each BRIEF_BLOCK of them one digest of all that was left
 * out, keyed with a seed. Who is told fills in what lies there at home, and
 * believes it if and only if the digest is that of the mails it found. So
 *   what is believed is what the teller had left out, to the byte, but for a
 *   chance of 2^-64 a block: nobody knows the seed before it is drawn, and the
 *   mail of strangers was there before;
 *   what is not there, lies under another UID or was changed is asked for
 *   whole: nothing is guessed.
 * Pure functions.
 */
#ifndef PB_BRIEF_H
#define PB_BRIEF_H

#include "change.h"

#define BRIEF_BLOCK 64u
#define BRIEF_SEED_SIZE 16u

/* Where a mail lies. */
struct brief_place {
	uint32_t uidvalidity;
	uint32_t uid; /* 0: nowhere */
	bool by_guid; /* the birth's base name is the mail's GUID, and its
			   file has another name */
};

/* What is left out of a birth. */
struct brief_mail {
	const char *base;
	uint64_t size;
	int64_t mtime;
	struct hash hash;
};

/*
 * Leave out of the births of a batch what lies at their places, and append
 * what travels with it. places: one for each change of the batch; nowhere: it
 * stays as it is. base_ms: as it will be coded.
 * Source: docs/format.md, Sections.
 */
void brief_make(struct change_batch *batch, const struct brief_place *places,
	uint64_t base_ms, const uint8_t seed[BRIEF_SEED_SIZE], struct buf *ret);

/* What travels with a batch. */
struct brief {
	uint8_t seed[BRIEF_SEED_SIZE];
	struct brief_place *places; /* of those that are blank, in order */
	uint64_t *digests;	    /* of each block */
	size_t count;		    /* of places */
};

/*
 * Read it, from exactly len bytes; brief_free releases it.
 * Errors: ERR_CORRUPT; ret is then untouched.
 */
int brief_decode(
	const void *data, size_t len, struct brief *ret, struct err *err);
void brief_free(struct brief *brief);

/* The mail that lies at a place. Returns 0; 1: none; below 0: stop. Valid as
   long as the batch. */
typedef int (*brief_find_fn)(void *arg, const struct brief_place *at,
	struct brief_mail *ret, struct err *err);

/*
 * Fill in what lies at home. lacks: one for each change; tells which births
 * have to come whole: what does not lie there; of a block in which all are
 * there, all if they are not what they should be; and those that came so.
 * Returns 0: all is as it was before brief_make; 1: lacks tells what is not,
 * and nothing of the batch is to be believed. Errors: ERR_CORRUPT: it does not
 * belong to this batch; those of find.
 */
int brief_fill(const struct brief *brief, struct change_batch *batch,
	brief_find_fn find, void *arg, bool *lacks, struct err *err);

#endif
