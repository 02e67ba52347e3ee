/*
 * previews: small mails that stand where mail is to come which a peer holds
 * back (held.h). At the site that waits for it.
 *
 * A preview is a body like any other, named by its hash, its content; it came
 * with a parcel (table preview) and is placed in each folder where a message
 * with the held body is awaited, once (table previewed). There it is a row of
 * table message that is dead from the beginning and has no dot: nobody else can
 * speak of it, no sum counts it, no log tells of it, and capture passes over
 * what users do with it. It stands as long as what it is of is awaited there;
 * where a user put it elsewhere, as long as that is awaited anywhere. Then it is
 * to be done, as anything that is dead is, and placing removes it.
 *
 * What a preview is is known by its content for ever: one that comes up later,
 * from a trash or a backup, is removed, and is nobody's new mail.
 */
#ifndef PB_PREVIEWS_H
#define PB_PREVIEWS_H

#include "replica.h"

/* A message's preview, which may be placed. */
struct preview {
	struct hash held, content;
	uint64_t size;
};

/* A peer sent one. In a transaction. Returns 0; 1: nothing here is awaited that
   it is of, or one is here. */
int previews_take(struct replica *r, const struct preview *p, struct err *err);
/* Is there one of an awaited body? 1 or 0. */
int previews_has(struct replica *r, const struct hash *held, struct err *err);
/* The one of an awaited body. Returns 0; 1: there is none. */
int previews_get(struct replica *r, const struct hash *held,
	struct preview *ret, struct err *err);
/* Was it placed in that folder? 1 or 0. */
int previews_was_placed(struct replica *r, const struct hash *held,
	int64_t folder, struct err *err);
/* One that lies here, of which nothing is known any more. In a transaction. */
int previews_remember(
	struct replica *r, const struct preview *p, struct err *err);
/* Its bytes are gone: another one is to be sent. In a transaction. */
int previews_lost(
	struct replica *r, const struct hash *content, struct err *err);
/* The contents of those that may yet have to be placed; into the arena. */
int previews_contents(struct replica *r, struct arena *arena, struct hash **ret,
	size_t *ret_count, struct err *err);

/* Can a file of that name be one of this mail? */
bool previews_is_name(const char *base, const struct hash *held);
/* The file's name, to free: from the time when the other mail was received. */
char *previews_base(const struct preview *p, int64_t mtime);

/*
 * This file lies in a folder, as m's placed half says, and m's hash is its
 * content: record it, if it is a preview. One that bears its own name where it
 * is wanted was placed, any other a user put there. In a transaction. Returns 1
 * if it is one, else 0.
 */
int previews_found(
	struct replica *r, const struct replica_message *m, struct err *err);

/* Those that stand no more are to be removed. Returns 1 if there are any such,
   or 0. Begins a transaction of its own. */
int previews_settle(struct replica *r, struct err *err);

#endif
