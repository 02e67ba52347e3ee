/*
 * damage: messages whose file in the store is not the mail any more.
 *
 * A damaged message stays what it is: what is wrong with its file is nobody's
 * change, and neither logged nor replicated. Peers are asked for its body, and
 * the applier puts it back under the message's name and UID. Until then its
 * absence is not a user's expunge either, for what the user saw was not the
 * mail.
 */
#ifndef PB_DAMAGE_H
#define PB_DAMAGE_H

#include "replica.h"

enum damage {
	DAMAGE_NONE = 0,
	DAMAGE_BYTES = 1,      /* its bytes are not those it had */
	DAMAGE_MISSING = 2,    /* gone, and nobody removed it */
	DAMAGE_UNREADABLE = 3, /* the disk does not give it */
	DAMAGE_DATE = 4,       /* its bytes are right, its date is not */
	/* The operator's word that what lies there is right: it becomes a
	   message of its own, and the one it was is expunged. */
	DAMAGE_ACCEPTED = 5
};

/* "its bytes are not those it had", … */
const char *damage_text(enum damage damage);
/* Must its body come from elsewhere? */
bool damage_wants_body(enum damage damage);
/* Is its absence from the store no user's doing? */
bool damage_keeps(const struct replica_message *m);

/*
 * Note what was found of a message's file, ctime_ns being that of the file, 0
 * if there is none; DAMAGE_NONE: it is whole. In a transaction.
 */
int damage_set(struct replica *r, int64_t message, enum damage damage,
	int64_t ctime_ns, int64_t now_ms, struct err *err);
/* The operator's word for all of a folder (its row). In a transaction. */
int damage_accept(struct replica *r, int64_t folder, struct err *err);

/* Living placed messages with damage of any kind, by row. */
int replica_damaged_each(struct replica *r, replica_message_fn fn, void *arg,
	struct err *err);

#endif
