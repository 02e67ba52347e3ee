/*
 * stated: what this state says of its folders, what peers said of theirs, and
 * whether the two agree.
 *
 * Sites that know the same vector of an account hold the same messages: so a
 * statement, count and digest of a folder, is bound to the vector of the whole
 * account (a message that is moved is written in one folder's log and leaves
 * another). A peer's last statement of each folder is kept. Whenever our vector
 * is the stated one the two are compared; a difference becomes a gap (gaps.h).
 * At any other vector nothing follows from them, and nothing is said.
 *
 * vector = the first 8 bytes of BLAKE2b-128 over the logs of folders that are
 *          known from their first lsn on, with how far, and with what the
 *          account logs made of their folders (docs/format.md, Parcel); what
 *          the peer is not shown is not in it (viewed.h)
 */
#ifndef PB_STATED_H
#define PB_STATED_H

#include "gaps.h"
#include "replica.h"

struct stated {
	struct id128 folder;
	struct gap_sums sums;
};

/* What is owed to a peer. */
enum stated_owed {
	STATED_NOTHING = 0,
	STATED_ALONG = 1, /* with the next parcel that goes there */
	STATED_ALONE = 2  /* in one of its own, if there is no other; and though
			     the two were found equal: its view of ours may
			     be another */
};

/* The vector of this site and a peer, and all folders that have a log and are
   not hidden from it (viewed.h), by id, as of one moment. */
int stated_now(struct replica *r, uint64_t peer, struct arena *arena,
	uint64_t *ret_vector, struct stated **ret, size_t *ret_count,
	struct err *err);

/*
 * Keep what a peer stated. In a transaction. It is owed our word in turn until
 * the two were found equal.
 */
int stated_hear(struct replica *r, uint64_t peer, uint64_t vector,
	const struct stated *folders, size_t count, int64_t now_ms,
	struct err *err);
/*
 * Sum up a folder (its row) anew from its registers. Where that is not what
 * was kept the registers, or the sums, are damaged: the new sums are kept, so
 * that peers are told what our registers say, and a gap is opened. No
 * transaction is open.
 * Returns 0, 1 if they differed. Errors: ERR_BUSY: the folder did not stand
 * still.
 */
int stated_recount(
	struct replica *r, int64_t folder, int64_t now_ms, struct err *err);

/* The same with sums that were made in this transaction. Returns 1 if they
   differed. */
int stated_check(struct replica *r, int64_t folder, uint64_t messages,
	const uint8_t digest[16], int64_t now_ms, struct err *err);

struct stated_result {
	uint64_t agreed;    /* folders of peers found equal */
	uint64_t differing; /* gaps opened that were not known */
};
/* Compare all that was stated for the vector we know now, in a transaction:
   gaps are opened and settled. */
int stated_compare(struct replica *r, int64_t now_ms, struct stated_result *ret,
	struct err *err);

/*
 * A folder was found equal with a peer in another way: what the peer said of it
 * before, at this vector, and we do not hold, was mended since. In a
 * transaction.
 */
int stated_overtaken(struct replica *r, uint64_t peer,
	const struct id128 *folder, struct err *err);

/* Owe a peer a statement of a folder. In a transaction. */
int stated_owe(struct replica *r, uint64_t peer, const struct id128 *folder,
	enum stated_owed owed, struct err *err);
/* The same, alone, of all folders that are not what they were when sums were
   last looked at in this transaction: rows of one folder take mail from
   another, at a vector for which that was stated already. */
int stated_owe_changed(struct replica *r, uint64_t peer, struct err *err);
/* Folders of which a peer is owed a statement, by id; ret_most: the most that
   is owed. In the arena. */
int stated_owed(struct replica *r, uint64_t peer, struct arena *arena,
	struct id128 **ret, size_t *ret_count, enum stated_owed *ret_most,
	struct err *err);
/* Nothing is owed of these any more. In a transaction. */
int stated_told(struct replica *r, uint64_t peer, const struct stated *folders,
	size_t count, int64_t now_ms, struct err *err);

/*
 * What nothing else brings about (stated_due.c): each folder is stated to each
 * peer once in a while, so that what was lost, or is not what it was, is found
 * though nobody changes anything there.
 */
#define STATED_DUE_MAX 256u /* at once; the others next time */
struct stated_folder {
	struct id128 folder;
	int64_t row;
	uint64_t messages;
};
/*
 * Folders that are to be stated to a peer now, those that waited longest
 * first; none unless one of them was not stated for almost span_ms, and then
 * all that were not for half of it, so that they go together. What is met for
 * the first time counts as stated. A clock that went back makes nothing wait
 * longer than a span. No transaction is open.
 */
int stated_due(struct replica *r, uint64_t peer, int64_t span_ms,
	int64_t now_ms, struct arena *arena, struct stated_folder **ret,
	size_t *ret_count, struct err *err);

#endif
