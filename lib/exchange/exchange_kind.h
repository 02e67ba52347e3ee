/*
 * exchange_kind: what the kinds of comparison differ in, and what the sections
 * share. Private to lib/exchange.
 */
#ifndef PB_EXCHANGE_KIND_H
#define PB_EXCHANGE_KIND_H

#include "exchange.h"

/* Our rows of a folder, by keys_sort; ids are messages. To be freed. In a
   transaction. */
int exchange_our_rows(struct exchange *x, enum comparing_kind kind,
	const struct id128 *folder, const uint8_t seed[RIBLT_SEED_SIZE],
	struct keys_row **ret, size_t *ret_count, struct err *err);

/* One section each; see exchange_take. */
int exchange_sketch(
	struct exchange *x, const struct parcel_compare *c, struct err *err);
int exchange_table(
	struct exchange *x, const struct parcel_compare *c, struct err *err);
int exchange_rows(
	struct exchange *x, const struct parcel_compare *c, struct err *err);

/* A table was looked through: what of its site's logs was lost, and need not
   come any more. */
struct statetable_header;
int exchange_reached(struct exchange *x, const struct parcel_compare *c,
	const struct statetable_header *h, struct err *err);

/* The row of table comparing for c's folder; 1: there is none. */
int exchange_find(struct exchange *x, const struct parcel_compare *c,
	struct arena *arena, struct comparing *ret, struct err *err);
/* A new answer to what c asks. */
struct comparing exchange_answer(
	const struct exchange *x, const struct parcel_compare *c);
/* Is c of this very comparison? Else of one that is over. */
bool exchange_is_of(
	const struct comparing *mine, const struct parcel_compare *c);
/* Nothing differs: this is the end, here. */
int exchange_settle(
	struct exchange *x, const struct parcel_compare *c, struct err *err);
/* Do UIDs that were given under these mean the same here? 1 or 0. */
int exchange_uids_agree(struct exchange *x, const struct id128 *folder,
	uint64_t term, uint64_t authority, uint32_t uidvalidity,
	struct err *err);
/* Dots of one log, first … last, are dead, as the site says where they were
   born. */
int exchange_bury(struct exchange *x, const struct log_id *log, uint64_t first,
	uint64_t last, struct err *err);

#endif
