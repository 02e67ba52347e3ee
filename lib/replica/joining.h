/*
 * joining: a state that begins again beside mail that peers know.
 *
 * A state that was lost, or may be older than what peers were told, must log
 * nothing before it knows what they know: what it takes for new may have been
 * expunged, moved or logged before. So it *joins*: it asks its peers (section
 * JOIN of a parcel), and each answers with its changes, with those that this
 * site wrote in earlier incarnations, with how far these reach, and with the
 * mails that were expunged. The answer of a peer is complete if
 * (1) its last part was taken, for this incarnation,
 * (2) every log is known as far as it said, and
 * (3) as many expunged mails were named as it said there are.
 * It comes in brief (lib/compare/brief.h) where there is an inventory of the
 * mail that is here; what does not fit that is asked for whole.
 * When the answers of all peers are complete, capture looks at the mail with
 * what they said, and joining is over.
 *
 * All of it is in the state: a crash leaves it as far as it was.
 */
#ifndef PB_JOINING_H
#define PB_JOINING_H

#include "replica.h"

/* So many answers in brief that lack something, and the next is asked for
   whole. */
#define JOINING_LACKED_MAX 2

/* A mail, wherever it lies: base name, size and body. Pure. */
struct id128 content_id(
	const char *base, uint64_t size, const struct hash *hash);

/* ---- the site that joins ---- */

/* Since when this state joins, ms; 0: it does not. */
int joining_since(struct replica *r, int64_t *ret, struct err *err);
/* Begin; in a transaction. What peers said in an earlier one is forgotten. */
int joining_begin(struct replica *r, int64_t now_ms, struct err *err);
int joining_end(struct replica *r, struct err *err);

/* Is this peer's answer complete? 1 or 0. */
int joining_answered(struct replica *r, uint64_t peer, struct err *err);
/* A part of a peer's answer; `last`: there is no more of it. In a transaction;
   one for another incarnation is ignored. */
int joining_hear(struct replica *r, uint64_t peer, uint64_t incarnation,
	const struct position *positions, size_t position_count,
	const struct id128 *gone, size_t gone_count, uint64_t gone_total,
	bool last, struct err *err);
/* Was this mail expunged, or called otherwise since, as a peer says? 1 or 0. */
int joining_gone(
	struct replica *r, const struct id128 *content, struct err *err);

/* Was a mail of this body born in a folder (its row) under this name, and lies
   elsewhere now? 1 or 0. */
int joining_moved_on(struct replica *r, int64_t folder, const char *base,
	const struct hash *hash, struct err *err);

/* When this peer was asked last, ms: the sequence of that bundle; 0 never in
   this joining. */
int joining_asked(
	struct replica *r, uint64_t peer, int64_t *ret, struct err *err);
/* Is the peer to answer in brief: does the inventory hold at least so many
   mails, and did that help so far? 1 or 0. */
int joining_in_brief(
	struct replica *r, uint64_t peer, size_t least, struct err *err);
int joining_note_asked(
	struct replica *r, uint64_t peer, int64_t sequence, struct err *err);

/* ---- its peers ---- */

/* A peer that asked and was not answered yet. */
struct asker {
	uint64_t incarnation; /* with which it joins; 0: none asked */
	bool brief;	      /* it can be told in brief */
};
int asker_get(
	struct replica *r, uint64_t peer, struct asker *ret, struct err *err);
/* Also forgets what it wanted whole (inventory.h). In a transaction. */
int asker_set(struct replica *r, uint64_t peer, const struct asker *asker,
	struct err *err);
/* Contents of what was expunged, or is called otherwise since (once.c), in
   order, behind `after` (NULL: from the first), at most max, as far as the peer
   is shown it; into the arena. */
int gone_list(struct replica *r, uint64_t peer, const struct id128 *after,
	size_t max, struct arena *arena, struct id128 **ret, size_t *ret_count,
	struct err *err);
int gone_count(
	struct replica *r, uint64_t peer, uint64_t *ret, struct err *err);

#endif
