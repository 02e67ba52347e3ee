/*
 * gaps: what is known to be missing or wrong in what this account and its
 * peers know of each other, until it is mended.
 *
 * A gap is one of
 *   lost     lsns of a log that its site can no longer read from its segments.
 *            Open as long as somebody lacks them: of a log of ours the peers
 *            that have not acknowledged its last lsn; of a peer's log we, as
 *            long as we do not know it that far.
 *   differs  a folder of which a peer, or this state itself, said something
 *            else than its registers say, at the same vector (stated.h). Open
 *            until they are found equal. An open one is what a comparison of
 *            the folder starts from.
 *   damaged  mails of a folder whose files are not the mail any more
 *            (damage.h). Open until their bodies were put back.
 *   split    a peer's site says two things at once: it runs on two machines, or
 *            went back (spoken.h). Open until it begins anew and asks; until
 *            then nothing is taken from it.
 *   unsure   what users did in a folder (the account log: in any) while the
 *            state was lost, or both states were, nobody can tell. Open until
 *            it is accepted, or the folder is deleted.
 *
 * An operator may accept a gap: then it is not told any more. An accepted
 * difference stays so only as long as it is the same one: digests are sums, so
 * what both sites change of other messages leaves it as it was. A change of
 * the very message that differs makes it another one.
 *
 * Everything that makes, tells or settles a gap goes through here.
 */
#ifndef PB_GAPS_H
#define PB_GAPS_H

#include "damage.h"
#include "replica.h"

enum gap_kind {
	GAP_LOST = 1,
	GAP_DIFFERS = 2,
	GAP_DAMAGED = 3,
	GAP_SPLIT = 4,
	GAP_UNSURE = 5
};

/* What was said of a folder. digest: its first 8 bytes, as a number. */
struct gap_sums {
	uint64_t messages, digest;
};

/* A damaged mail. */
struct gap_mail {
	uint32_t uid; /* as placed; 0 none */
	const char *base;
	enum damage damage;
};

struct gap {
	int64_t id; /* row; damaged: the folder's */
	enum gap_kind kind;
	struct id128 folder; /* the account log: zero */
	const char *path;    /* its name now; "" where it has none (yet) */
	const char *reason;
	int64_t since_ms;
	/* lost */
	struct log_id log;
	uint64_t first, last;
	bool lacked_here;
	const uint64_t *lacking; /* origins of the peers that lack them */
	size_t lacking_count;
	/* differs, split */
	uint64_t peer; /* 0: this state itself */
	struct gap_sums ours, theirs;
	/* damaged */
	const struct gap_mail *mails;
	size_t mail_count;
};

/*
 * Lost lsns, as a GAP record says. In a transaction. Known already: nothing.
 */
int gap_lost(struct replica *r, const struct log_id *log, uint64_t first,
	uint64_t last, const char *reason, int64_t since_ms, struct err *err);
/*
 * A folder differs from what `peer` (0: this state) said. In a transaction.
 * Returns 1 if that was not known, or is another difference than the one that
 * was known or accepted.
 */
int gap_differs(struct replica *r, uint64_t peer, const struct id128 *folder,
	const struct gap_sums *ours, const struct gap_sums *theirs,
	const char *reason, int64_t now_ms, struct err *err);
/*
 * A folder is as a peer said: that difference is settled, and one of the state
 * with itself, too. In a transaction.
 */
int gap_agrees(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err);

/* What became of a folder (the account log: of all) cannot be told. In a
   transaction. */
int gap_unsure(struct replica *r, const struct id128 *folder,
	const char *reason, int64_t now_ms, struct err *err);
/* A log (its row) is known up to an lsn: what was lost below it came another
   way. In a transaction. */
int gap_filled(struct replica *r, int64_t log, uint64_t upto, struct err *err);
/* Is this lsn of a peer's log (its row) among those that were lost, and not
   made good since? 1 or 0. */
int gap_holds(struct replica *r, int64_t log, uint64_t lsn, struct err *err);
/* All of a folder is as a peer has it: what of the peer's own logs of it was
   lost is here. In a transaction. */
int gap_made_good(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err);
/* Is a folder known to differ from what a peer said, and not accepted so? 1 or
   0. */
int gap_is_told(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err);
/* How many messages a folder had, here and there, when it was found to differ:
   returns 1; or 0. */
int gap_counts(struct replica *r, uint64_t peer, const struct id128 *folder,
	uint64_t *ret_ours, uint64_t *ret_theirs, struct err *err);
/* Does this state differ from itself in a folder? 1 or 0. */
int gap_in_doubt(
	struct replica *r, const struct id128 *folder, struct err *err);
/* Folders of which lsns of a peer's own logs are lost, and lacked here. */
int gap_lacked(struct replica *r, uint64_t peer, struct arena *arena,
	struct id128 **ret, size_t *ret_count, struct err *err);

/*
 * Open gaps that nobody accepted, oldest first, damaged mails last. peers:
 * origins of those that get changes from here. Array and strings in the arena.
 */
int gap_list(struct replica *r, const uint64_t *peers, size_t peer_count,
	struct arena *arena, struct gap **ret, size_t *ret_count,
	struct err *err);
/*
 * The operator's word that a gap may stay. In a transaction. What is damaged
 * is then taken for what users made of it: what is gone is an expunge, what
 * has other bytes or another date another mail.
 */
int gap_accept(struct replica *r, const struct gap *gap, struct err *err);

#endif
