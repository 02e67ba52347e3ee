/*
 * trash_command: what `packetboat trash list` and `restore` share: which mails
 * of which accounts are meant.
 */
#ifndef PB_TRASH_COMMAND_H
#define PB_TRASH_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct account;
struct err;
struct front;
struct store;
struct store_trash;
struct store_trashed;

#define TRASH_ID_SHOWN 10 /* digits of an id */
#define TRASH_ID_LEAST 4

/* Which mails are meant. */
struct trash_chosen {
	const char *folder; /* NULL: any; as people type it or as on disk */
	int64_t since_s, until_s; /* removed in between; 0, INT64_MAX: ever */
	char *const *ids;	  /* their first digits; none: any */
	size_t id_count;
};

/* Is it meant, by folder and time alone? */
bool trash_is_chosen(
	const struct trash_chosen *c, const struct store_trashed *mail);

/*
 * Put mails of one account back, each into the folder that it was
 * removed from, or `to` (NULL: no other); as new mail, with its flags, keywords
 * and date. A folder that is gone is made. Where a mail of that file name lies
 * already it is not put there twice, and stays in the trash; so it is after a
 * kill between the two. state NULL: nothing was logged or placed yet.
 * Returns how many were put back.
 * Errors: ERR_USAGE (an id that is none, or of several; nothing is meant);
 * those of the store. Mails that were put back before stay so.
 */
int trash_restore(struct front *f, const char *account, struct store *s,
	struct account *state, const struct store_trash *trash,
	const struct trash_chosen *c, const char *to, bool dry_run,
	struct err *err);

#endif
