/*
 * inventory: while a state joins (joining.h), what lies in the store, so that
 * peers can tell in brief what they know of it (lib/compare/brief.h); and which
 * births are to come whole all the same.
 *
 * Taken once, before peers are asked, and kept until joining is over: a mail
 * that goes meanwhile is in it still, so that what was told in brief can be
 * filled in later. Only mail with UIDs is in it.
 */
#ifndef PB_INVENTORY_H
#define PB_INVENTORY_H

#include "brief.h"
#include "replica.h"

struct inventory_mail {
	uint32_t uidvalidity, uid; /* where it lies */
	const char *guid;	   /* noted, or its base name */
	struct brief_mail mail;
};

/* Note one; of several with one place the first. In a transaction. */
int inventory_add(
	struct replica *r, const struct inventory_mail *mail, struct err *err);
/* What lies at a place; strings into the arena. Returns 0; 1: nothing. */
int inventory_get(struct replica *r, uint32_t uidvalidity, uint32_t uid,
	struct arena *arena, struct inventory_mail *ret, struct err *err);
/* Does it hold so many mails, and at least one? 1 or 0. */
int inventory_holds(struct replica *r, size_t least, struct err *err);

/* Was all of it noted? 1 or 0. */
int inventory_taken(struct replica *r, struct err *err);
int inventory_set_taken(struct replica *r, struct err *err);

/* ---- what is to come whole ---- */

enum whole_role {
	WHOLE_ASKED = 1,   /* by us, of a peer */
	WHOLE_OWED = 2,	   /* by a peer, of us */
	WHOLE_UNPLACED = 3 /* a peer's last state had not placed it: it is
			      hardly in its mail, and owed as well */
};

struct whole_run {
	struct log_id log;
	uint64_t first, last;
};

/* Lsns of a log. In a transaction. */
int whole_add(struct replica *r, enum whole_role role, uint64_t peer,
	const struct whole_run *run, struct err *err);
int whole_forget(struct replica *r, enum whole_role role, uint64_t peer,
	struct err *err);
/* A peer has a new state: what the old one had acknowledged, and not placed. */
int whole_note_unplaced(struct replica *r, uint64_t peer, struct err *err);
/* WHOLE_ASKED: all that are above what is known of their log. WHOLE_OWED: all,
   with what is UNPLACED. By log and lsn, each apart from the next; into the
   arena. */
int whole_list(struct replica *r, enum whole_role role, uint64_t peer,
	struct arena *arena, struct whole_run **ret, size_t *ret_count,
	struct err *err);

#endif
