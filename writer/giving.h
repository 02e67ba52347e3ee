/*
 * giving: the folders of an account that are at home here are at home at a peer
 * from now on: the account moves there.
 */
#ifndef PB_GIVING_H
#define PB_GIVING_H

#include "look.h"

/*
 * Give them, after a look in which nothing was wrong. Nothing is given as long
 * as the peer has not applied all that was logged. Returns the exit code.
 */
int give_account(struct writer *w, const char *account, const char *peer);

#endif
