#include "untaken.h"

#include <stdlib.h>
#include <string.h>

void untaken_free(struct untaken *u)
{
	for (size_t i = 0; i < u->count; i++)
		free(u->names[i].via);
	free(u->names);
	*u = (struct untaken){0};
}

void untaken_round(struct untaken *u)
{
	size_t kept = 0;

	for (size_t i = 0; i < u->count; i++) {
		if (u->names[i].there) {
			u->names[kept] = u->names[i];
			u->names[kept++].there = false;
		} else {
			free(u->names[i].via);
		}
	}
	u->count = kept;
}

static struct untaken_name *meet(struct untaken *u,
	const struct untaken_look *look, uint64_t sender, uint64_t sequence)
{
	struct untaken_name *n = NULL;

	for (size_t i = 0; i < u->count && !n; i++)
		if (u->names[i].sender == sender &&
			u->names[i].sequence == sequence &&
			strcmp(u->names[i].via, look->via) == 0)
			n = &u->names[i];
	if (!n) {
		u->names = mem_grow(u->names, u->count + 1, sizeof(*u->names));
		n = &u->names[u->count++];
		*n = (struct untaken_name){.sender = sender,
			.sequence = sequence,
			.via = mem_dup(look->via),
			.since_ms = look->now_ms};
	}
	n->there = true;
	return n;
}

static bool is_known(const struct untaken_look *look, uint64_t sender)
{
	for (size_t i = 0; i < look->peer_count; i++)
		if (look->peers[i] == sender)
			return true;
	return false;
}

/* Whether it is too early. */
static bool tell_part(struct untaken *u, const struct untaken_look *look,
	const struct carrier_part *part)
{
	struct untaken_name *n = meet(u, look, part->sender, part->sequence);
	AUTO_FREE char *text = mem_printf(
		"bundle %s: incomplete: still being copied, or cut off; then "
		"its sender hands it over again",
		part->name);

	if (n->said)
		return false;
	if (look->now_ms - n->since_ms < look->patience_ms)
		return true;
	n->said = true;
	look->say(look->arg, false, text);
	return false;
}

static void tell_stranger(struct untaken *u, const struct untaken_look *look,
	const struct carrier_item *item)
{
	struct untaken_name *n = meet(u, look, item->sender, item->sequence);
	AUTO_FREE char *text = mem_printf(
		"bundle %016llx-%016llx.pb: sealed by an unknown key (origin "
		"%016llx, which packetboat status prints there; add it with "
		"\"key\" in peer \"...\", or remove the file)",
		(unsigned long long)item->sender,
		(unsigned long long)item->sequence,
		(unsigned long long)item->sender);

	if (n->said)
		return;
	n->said = true;
	look->say(look->arg, true, text);
}

static void tell_strange(
	struct untaken *u, const struct untaken_look *look, size_t count)
{
	struct untaken_name *n = meet(u, look, 0, 0);
	AUTO_FREE char *text = mem_printf(
		"among the bundles for this site lie files that are none, by "
		"their names: %zu; they are left alone",
		count);

	if (n->said)
		return;
	n->said = true;
	look->say(look->arg, false, text);
}

bool untaken_tell(struct untaken *u, const struct untaken_look *look,
	const struct carrier_list *list)
{
	bool early = false;

	for (size_t i = 0; i < list->part_count; i++)
		if (list->parts[i].sender == look->peer &&
			tell_part(u, look, &list->parts[i]))
			early = true;
	for (size_t i = 0; i < list->count; i++)
		if (!is_known(look, list->items[i].sender))
			tell_stranger(u, look, &list->items[i]);
	if (list->strange)
		tell_strange(u, look, list->strange);
	return early;
}
