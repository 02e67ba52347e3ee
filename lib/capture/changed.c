/*
 * changed: of how many folders a pass logged something, for people. A set of
 * ids as an open hash table; ids are random, and good hashes themselves.
 */
#include <stdlib.h>
#include <string.h>

#include "pass.h"

static struct id128 *slot_of(
	struct id128 *slots, size_t size, const struct id128 *id)
{
	uint64_t hash;

	memcpy(&hash, id->b, sizeof(hash));
	for (size_t at = (size_t)hash;; at++) {
		struct id128 *slot = &slots[at & (size - 1)];

		/* The account's id is zero, and never put here. */
		if (id_is_account(slot) || id_equal(slot, id))
			return slot;
	}
}

static void grow(struct pass *p)
{
	size_t size = p->changed_size ? 2 * p->changed_size : 64;
	struct id128 *slots = mem_array(size, sizeof(*slots));

	for (size_t i = 0; i < p->changed_size; i++)
		if (!id_is_account(&p->changed[i]))
			*slot_of(slots, size, &p->changed[i]) = p->changed[i];
	free(p->changed);
	p->changed = slots;
	p->changed_size = size;
}

void pass_changed(struct pass *p, const struct id128 *folder)
{
	struct id128 *slot;

	if (id_is_account(folder))
		return;
	if (2 * p->result->changed >= p->changed_size)
		grow(p);
	slot = slot_of(p->changed, p->changed_size, folder);
	if (id_is_account(slot)) {
		*slot = *folder;
		p->result->changed++;
	}
}
