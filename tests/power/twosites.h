/*
 * twosites: two sites and the directory between them on one simulated disk,
 * in one process: the steps of the way of mail, and what must hold after the
 * power was cut in any of them.
 *
 *	/am /a	the source: a mail server's Maildir, state
 *	/bm /b	the target: nothing at first, state
 *	/stick	the carrier
 */
#ifndef PB_TWOSITES_H
#define PB_TWOSITES_H

#include "ident.h"
#include "key.h"
#include "mailuser.h"
#include "mem.h"
#include "simdisk.h"

struct err;
struct store;

enum step {
	STEP_WRITE,	  /* capture at the source */
	STEP_SHIP,	  /* a bundle on the carrier */
	STEP_COLLECT,	  /* into the target's inbox */
	STEP_APPLY,	  /* parcels to state, state to mail */
	STEP_ACKNOWLEDGE, /* a bundle back */
	STEP_HEAR,	  /* into the source's inbox */
	STEP_SETTLE,	  /* parcels to state */
	STEP_COUNT
};
extern const char *const step_names[STEP_COUNT];

/* What clients saw of a folder when a program had done its work there: no UID
   below UIDNEXT may come to mean another message. */
struct seen {
	bool source; /* which site */
	struct id128 guid;
	uint32_t uidvalidity, uidnext;
	char **bases; /* by UID; NULL: none had it */
};

/* What was reported, and so may never be lost. Outside the disk. */
struct promises {
	struct seen *seen;
	size_t seen_count;
	char **mails; /* "<folder> <base>", that the writer logged */
	size_t mail_count;
	uint64_t *logs; /* lsn of each log row of the source */
	size_t log_count;
	bool shipped; /* a bundle lies there, not collected yet */
};
/* Forget what a user may take away; not what was seen. */
void promises_forget(struct promises *p);
void promises_free(struct promises *p);
struct promises promises_copy(const struct promises *p);

#define ACCOUNT "alice" /* of both; its states are /a and /b */

struct sites {
	struct simdisk *disk;
	struct os *os;
	struct key_pair a, b;
	struct mailuser user;
};

/* Both sites and the carrier, durable; the source has a mail or two. */
void sites_make(struct sites *s, struct simdisk *disk);
/* The same sites on another disk. */
void sites_on(struct sites *s, const struct sites *as, struct simdisk *disk);

/* One step; what it reported is added to p, which may be NULL. */
int sites_step(
	struct sites *s, enum step step, struct promises *p, struct err *err);
/*
 * After a cut and a restart: everything of ours is whole, what was promised is
 * there, and neither site thinks that the other has what it has not.
 */
int sites_check(struct sites *s, const struct promises *p, struct err *err);
/* Do all UIDs that were seen mean what they meant? */
int sites_uids(struct sites *s, const struct promises *p, struct err *err);
/* A site's mail; to be closed. Errors: ERR_ABSENT: none yet. */
int sites_mail(
	struct sites *s, bool source, struct store **ret, struct err *err);
/* Is the target's mail as the source's, and nothing outstanding? */
int sites_equal(struct sites *s, struct err *err);

#endif
