/*
 * unapplied: does a peer's inbox hold parcels that were not applied? They may
 * hold the last mail that it had, or be sealed for a key that is to go.
 */
#ifndef PB_UNAPPLIED_H
#define PB_UNAPPLIED_H

#include "site.h"

/* Errors: ERR_USAGE: it does; the text says what to do. */
int unapplied_check(struct site *s, const char *peer, struct err *err);

#endif
