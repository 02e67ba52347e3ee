/*
 * receive_accounts: a peer's names of accounts become ours, before anything
 * else is done with what it sent. What it says of others is left out.
 */
#include "receiving.h"

#include <stdlib.h>
#include <string.h>

static const char **name_in(struct parcel_section *s)
{
	switch (s->type) {
	case PARCEL_CHANGES:
	case PARCEL_BRIEF:
		return &s->changes.account;
	case PARCEL_ACK:
		return &s->ack.account;
	case PARCEL_STATEMENT:
		return &s->statement.account;
	case PARCEL_JOIN:
		return &s->join.account;
	case PARCEL_PREVIEW:
		return &s->preview.account;
	case PARCEL_COMPARE:
	case PARCEL_SKETCH:
	case PARCEL_TABLE:
	case PARCEL_ROWS:
		return &s->compare.account;
	case PARCEL_BODY:
	case PARCEL_KEYS:
		break;
	}
	return NULL;
}

const char *receiving_account(const struct parcel_section *s)
{
	struct parcel_section copy = *s;
	const char **name = name_in(&copy);

	return name ? *name : NULL;
}

struct met {
	const char *there, *here; /* here: NULL: left out */
};

static struct met meet(
	struct receiving *r, struct arena *arena, const char *there)
{
	const struct receive_config *c = r->config;
	char here[ACCOUNTMAP_NAME_MAX + 1];
	bool granted = account_map_here(&r->peer->accounts, there, here);
	struct met m = {there, NULL};

	if (c->account_ok(c->arg, r->peer, there, granted ? here : NULL))
		m.here = arena_dup(arena, here, strlen(here));
	return m;
}

void receiving_name_accounts(
	struct receiving *r, struct parcel_sections *sections)
{
	struct met *met = NULL;
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < sections->count; i++) {
		struct parcel_section *s = &sections->items[i];
		const char **name = name_in(s);
		size_t at = 0;

		while (name && at < count && strcmp(met[at].there, *name))
			at++;
		if (name && at == count) {
			met = mem_room(met, count, sizeof(*met));
			met[count++] = meet(r, &sections->arena, *name);
		}
		if (name && !met[at].here)
			continue;
		if (name)
			*name = met[at].here;
		sections->items[kept++] = *s;
	}
	free(met);
	sections->count = kept;
}
