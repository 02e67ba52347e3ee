#include "given.h"

#include <stdlib.h>

#include "mem.h"

/* The slot of a UID, or the empty one where it belongs. */
static uint32_t *find(uint32_t *uids, size_t slots, uint32_t uid)
{
	size_t at = (uid * UINT32_C(2654435769)) & (slots - 1);

	while (uids[at] && uids[at] != uid)
		at = (at + 1) & (slots - 1);
	return &uids[at];
}

static void grow(struct given *g)
{
	size_t slots = g->slots ? 2 * g->slots : 64;
	uint32_t *uids = mem_array(slots, sizeof(*uids));

	for (size_t i = 0; i < g->slots; i++)
		if (g->uids[i])
			*find(uids, slots, g->uids[i]) = g->uids[i];
	free(g->uids);
	g->uids = uids;
	g->slots = slots;
}

bool given_add(struct given *g, uint32_t uid)
{
	if (2 * g->count >= g->slots)
		grow(g);
	uint32_t *slot = find(g->uids, g->slots, uid);
	if (*slot)
		return false;
	*slot = uid;
	g->count++;
	return true;
}

void given_free(struct given *g)
{
	free(g->uids);
	*g = (struct given){0};
}
