/*
 * follow: look at accounts whenever their mail changes, until told to stop.
 *
 * Every account's folders are watched. An event makes its account due a
 * moment later (QUIET_MS without a further event, HURRY_MS at most); a look
 * may make it due again: time stamps too fresh to trust, mail without a UID
 * yet, a lock held by somebody else. What could not be watched is looked at
 * every second, everything every few minutes. The account lock is held during
 * a look only, so that the applier can work beside it. Every minute, and when
 * asked to by SIGHUP, which also has the configuration read again, is looked
 * which accounts there are.
 */
#ifndef PB_FOLLOW_H
#define PB_FOLLOW_H

#include "look.h"

/* names: the accounts to follow; count 0: all that there are. */
void follow(struct writer *w, char *const *names, size_t count,
	struct stop_signal *stop, struct reload_signal *asked);

#endif
