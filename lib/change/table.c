/*
 * table: values by number, found again by hash.
 *
 * Open addressing with linear probing; slots hold item numbers, and at most
 * half of them are taken.
 */
#include "table.h"
#include "hash.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 16

/* The slot that holds this value, or the empty one where it belongs. */
static uint32_t *find_slot(const struct table *t, const void *data, size_t len)
{
	size_t mask = t->slot_count - 1;
	size_t at = (size_t)hash_check(data, len, t->seed) & mask;

	for (;; at = (at + 1) & mask) {
		uint32_t index = t->slots[at];
		const struct table_item *item;

		if (index == 0)
			return &t->slots[at];
		item = &t->items[index - 1];
		if (item->len == len && memcmp(item->data, data, len) == 0)
			return &t->slots[at];
	}
}

static void grow(struct table *t)
{
	t->slot_count = t->slot_count ? 2 * t->slot_count : SLOTS_MIN;
	free(t->slots);
	t->slots = mem_array(t->slot_count, sizeof(*t->slots));
	for (size_t i = 0; i < t->count; i++)
		*find_slot(t, t->items[i].data, t->items[i].len) =
			(uint32_t)(i + 1);
}

uint64_t table_index(struct table *t, const void *data, size_t len)
{
	uint32_t *slot;

	if (2 * (t->count + 1) > t->slot_count)
		grow(t);
	slot = find_slot(t, data, len);
	if (*slot)
		return *slot;
	if (t->count == t->cap) {
		t->cap = t->cap ? 2 * t->cap : SLOTS_MIN;
		t->items = mem_grow(t->items, t->cap, sizeof(*t->items));
	}
	t->items[t->count++] =
		(struct table_item){arena_dup(&t->arena, data, len), len};
	*slot = (uint32_t)t->count;
	return *slot;
}

void table_free(struct table *t)
{
	free(t->items);
	free(t->slots);
	arena_free(&t->arena);
	*t = (struct table){0};
}
