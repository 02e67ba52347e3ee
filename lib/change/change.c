/*
 * change: batches of changes and the memory of their strings.
 *
 * Strings live in the batch's arena, the changes themselves in one array that
 * moves when it grows. A string pointer of a zeroed change is never NULL but
 * "", so that readers need not ask.
 */
#include "change.h"

#include <stdlib.h>
#include <string.h>

bool change_is_birth(const struct change *change)
{
	return change->kind == CHANGE_SAVE || change->kind == CHANGE_COPY ||
	       change->kind == CHANGE_MOVE;
}

struct change change_blank(enum change_kind kind)
{
	return (struct change){.kind = kind,
		.base = "",
		.extra = "",
		.add = {"", ""},
		.del = {"", ""},
		.path = "",
		.reason = ""};
}

struct change *change_add(struct change_batch *batch, enum change_kind kind)
{
	struct change *change;

	if (batch->count == batch->cap) {
		batch->cap = batch->cap ? 2 * batch->cap : 16;
		batch->items = mem_grow(
			batch->items, batch->cap, sizeof(*batch->items));
	}
	change = &batch->items[batch->count++];
	*change = change_blank(kind);
	return change;
}

const char *change_str(struct change_batch *batch, const char *s)
{
	size_t len = strlen(s);

	return len ? arena_dup(&batch->arena, s, len) : "";
}

void change_batch_free(struct change_batch *batch)
{
	free(batch->items);
	arena_free(&batch->arena);
	*batch = (struct change_batch){0};
}

struct change *change_copy(
	struct change_batch *batch, const struct change *change)
{
	/* Taken first: change may lie in the batch and move with it. */
	struct change from = *change;
	struct change *to = change_add(batch, from.kind);

	*to = from;
	to->base = change_str(batch, from.base);
	to->extra = change_str(batch, from.extra);
	to->add.letters = change_str(batch, from.add.letters);
	to->add.keywords = change_str(batch, from.add.keywords);
	to->del.letters = change_str(batch, from.del.letters);
	to->del.keywords = change_str(batch, from.del.keywords);
	to->path = change_str(batch, from.path);
	to->reason = change_str(batch, from.reason);
	return to;
}
