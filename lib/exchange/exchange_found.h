/*
 * exchange_found: what a sketch or a table shows to differ. Private to
 * lib/exchange.
 */
#ifndef PB_EXCHANGE_FOUND_H
#define PB_EXCHANGE_FOUND_H

#include "exchange_kind.h"

struct exchange_found {
	uint64_t *keys; /* theirs: to be asked for; ascending */
	size_t key_count;
	struct uid_run *uids; /* the same, in any order */
	size_t uid_count;
	uint64_t ours; /* owed now */
};
void exchange_found_free(struct exchange_found *f);

/* What is not taken here is not asked for; what is too much, in a later turn.
   Keys ascend. */
void exchange_ask_key(
	struct exchange *x, struct exchange_found *f, uint64_t key);
void exchange_ask_uid(
	struct exchange *x, struct exchange_found *f, uint32_t uid);
/* A row of ours, by its message. */
int exchange_owe(struct exchange *x, const struct parcel_compare *c,
	struct exchange_found *f, int64_t id, struct err *err);
/* Let the answer to c ask for what was found. equal: nothing differs: that is
   the end here, and the peer is still to be told. */
int exchange_answer_found(struct exchange *x, const struct parcel_compare *c,
	struct exchange_found *f, bool equal, struct err *err);

#endif
