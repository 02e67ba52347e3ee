/*
 * retain: how long logs are kept: by age and acknowledgement, account by
 * account, and by the room that all of them take (lib/capture/retention.h).
 */
#ifndef PB_RETAIN_H
#define PB_RETAIN_H

#include "look.h"

/*
 * After a look, the account still locked: remove what is too old or was
 * applied everywhere, now and then. Says what it did; failures too.
 */
void retain_account(struct writer *w, struct account *acc);

/* A look logged so many changes: the logs may have outgrown their cap. */
void retain_logged(struct writer *w, uint64_t changes);

/*
 * After looks: if it is time to, see that the logs of all accounts are within
 * the cap, and the disk's reserve. why (may be NULL): what a look failed of,
 * which may be that the disk is full: then at once. Takes accounts' locks that
 * are free. Returns an exit code: EXIT_OPERATOR: they are
 * over it, and nothing more may be removed. *ret_removed (may be NULL): files
 * that went.
 */
int retain_space(
	struct writer *w, const struct err *why, uint64_t *ret_removed);

/* Did it fail because the disk, or a quota, is full? */
bool retain_is_full(const struct err *err);

#endif
