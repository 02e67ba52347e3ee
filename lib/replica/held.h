/*
 * held: bodies that a peer lacks and that a link keeps back because of their
 * size, and those which an operator lets go all the same.
 *
 * A body that a peer lacks is a row of table want, whoever says so: the peer,
 * with each acknowledgement that says all that it wants, or we, when a link
 * kept it back (kept). What we say counts until the peer's own word can be
 * about it: an acknowledgement that covers the message, and says all it wants.
 * A one-way peer has no word; there the row goes when the body was handed over.
 * Either way nothing is said of a body that no living message here has which the
 * peer is shown (viewed.h): it is cancelled.
 */
#ifndef PB_HELD_H
#define PB_HELD_H

#include "replica.h"

/* One that a peer lacks. Texts are in the arena that was given. */
struct held_body {
	struct hash hash;
	uint64_t size;	   /* bytes */
	int64_t mtime;	   /* seconds: when the mail was received */
	const char *path;  /* the folder of the first message that has it */
	uint64_t messages; /* that have it */
	bool released;
	const char *link; /* handed over on it, and not said to be there; or
			     NULL. May be "" */
	bool told;	  /* a preview was handed over */
	bool previewed;	  /* and the peer has it, or counts as if it had */
};

/*
 * Those larger than `above` that the peer lacks and a living message here has
 * that it is shown, the oldest mail first. Returns 0.
 */
int held_list(struct replica *r, uint64_t peer, uint64_t above,
	struct arena *arena, struct held_body **ret, size_t *ret_count,
	struct err *err);

/* A link kept it back from a peer that has it up to an offset. In a
   transaction. Nothing is written where that is known: a daemon that watches
   the state would look again, for ever. */
int held_keep(struct replica *r, uint64_t peer, const struct hash *hash,
	uint64_t offset, struct err *err);
/* It was handed over to a peer that never says what it has. In a transaction. */
int held_gone(struct replica *r, uint64_t peer, const struct hash *hash,
	struct err *err);
/* An operator wants it sent. In a transaction. */
int held_release(struct replica *r, uint64_t peer, const struct hash *hash,
	struct err *err);
/* 1 or 0. */
int held_is_released(struct replica *r, uint64_t peer, const struct hash *hash,
	struct err *err);
/*
 * Previews of what is held (lib/mail/preview.h). What is under way has a name
 * among bodies that are. Whether the peer has one it says of each body that it
 * wants; of a one-way peer it is noted when one was handed over, in a
 * transaction.
 */
struct hash held_preview_name(const struct hash *hash);
int held_previewed(struct replica *r, uint64_t peer, const struct hash *hash,
	struct err *err);
/* 1 or 0. */
int held_is_previewed(struct replica *r, uint64_t peer, const struct hash *hash,
	struct err *err);
/* Cancel what no living message in view has. In a transaction. */
int held_cancel(struct replica *r, uint64_t peer, struct err *err);

#endif
