/*
 * table: values that a batch holds once and points at by number, from 1 in
 * order of first use. Private to lib/change and lib/compare.
 */
#ifndef PB_CHANGE_TABLE_H
#define PB_CHANGE_TABLE_H

#include "mem.h"

struct table_item {
	const void *data;
	size_t len;
};

/* All zero, but for the seed, is empty. */
struct table {
	struct table_item *items;
	size_t count, cap;
	uint32_t *slots;   /* hash table of indexes into items, from 1 */
	size_t slot_count; /* a power of two, or 0 */
	/* Users name folders and keywords: with a seed that they do not know
	   they cannot choose names that collide. */
	uint64_t seed;
	struct arena arena; /* of the values */
};

/* Number of a value, new (it is copied) or not. */
uint64_t table_index(struct table *t, const void *data, size_t len);
void table_free(struct table *t);

#endif
