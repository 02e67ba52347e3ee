/*
 * account_list: the accounts that there is something to ship of.
 *
 * The shipper sees no mail folder, so it does not ask which Maildirs match a
 * pattern: whatever the writer or the applier began a state for counts, as
 * long as the configuration still has it, by name or by any pattern.
 */
#ifndef PB_ACCOUNT_LIST_H
#define PB_ACCOUNT_LIST_H

#include "config.h"
#include "os.h"

struct err;

/* Names in the arena, sorted; none where no state was begun yet. */
int account_list(struct os *os, const struct config *config,
	struct arena *arena, const char ***ret, size_t *ret_count,
	struct err *err);

#endif
