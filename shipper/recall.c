#include "recall.h"

#include <stdlib.h>

#include "err.h"
#include "held.h"
#include "lading.h"
#include "showing.h"

struct waiting {
	struct carrier_item item;
	bool had_bodies, lacked;
	bool shows; /* what the peer is not shown any more */
};

struct recall {
	const struct handover_config *config;
	const struct id128 *medium;
	struct waiting *items;
	size_t count;
	struct arena arena;
};

static void find_waiting(struct recall *c, struct carrier *carrier,
	const struct carrier_list *lying)
{
	c->items = mem_array(lying->count + 1, sizeof(*c->items));
	for (size_t i = 0; i < lying->count; i++) {
		const struct carrier_item *item = &lying->items[i];

		if (item->sender == c->config->self->pub.origin &&
			carrier->ops->waits(carrier, item))
			c->items[c->count++].item = *item;
	}
}

/* A body that is wanted, or its preview, if that is lacked. 1 or 0. */
static int is_in_one(struct recall *c, struct replica *r,
	const struct hash *hash, struct err *err)
{
	uint64_t peer = c->config->peer->origin;
	const char *link = c->config->link;
	struct hash name = held_preview_name(hash);
	int rc = replica_sent_has_body(r, peer, link, c->medium, hash, err);

	if (rc != 0)
		return rc;
	rc = held_is_previewed(r, peer, hash, err);
	return rc != 0 ? (rc < 0 ? rc : 0)
		       : replica_sent_has_body(
				 r, peer, link, c->medium, &name, err);
}

/* What an account knows of them. Of a body that is wanted nobody knows in which
   it is. */
static int look(struct recall *c, struct replica *r, struct err *err)
{
	uint64_t peer = c->config->peer->origin;
	const char *link = c->config->link;
	struct replica_sent *sent;
	struct replica_want *wants;
	uint64_t *with_bodies;
	size_t sent_count = 0, body_count = 0, want_count = 0;
	bool wanted = false;
	uint64_t last = 0;
	int rc = showing_settle(c->config, r, err);

	if (rc >= 0)
		rc = showing_last(r, peer, &last, err);
	if (rc >= 0)
		rc = replica_sent_list(r, peer, link, c->medium, &c->arena,
			&sent, &sent_count, err);
	if (rc >= 0)
		rc = replica_sent_sequences(r, peer, link, c->medium, &c->arena,
			&with_bodies, &body_count, err);
	if (rc >= 0)
		rc = replica_wants(
			r, peer, &c->arena, &wants, &want_count, err);
	for (size_t i = 0; i < want_count && rc >= 0 && !wanted; i++) {
		rc = is_in_one(c, r, &wants[i].hash, err);
		wanted = rc > 0;
	}
	for (size_t i = 0; i < c->count && rc >= 0; i++) {
		struct waiting *w = &c->items[i];

		for (size_t k = 0; k < sent_count; k++)
			w->lacked |= sent[k].sequence == w->item.sequence;
		for (size_t k = 0; k < body_count; k++)
			w->had_bodies |= with_bodies[k] == w->item.sequence;
		w->lacked |= wanted;
		w->shows |= w->item.sequence <= last;
	}
	return rc < 0 ? rc : 0;
}

static int tell_anew(struct recall *c, struct replica *r, struct err *err)
{
	AUTO_FREE char *key = lading_told_key(c->config->peer->origin);
	int rc = replica_begin(r, err);

	if (rc >= 0)
		rc = replica_meta_set(r, key, -1, err);
	if (rc >= 0)
		rc = replica_commit(r, err);
	replica_rollback(r);
	return rc;
}

static int each_account(struct recall *c,
	int (*act)(struct recall *c, struct replica *r, struct err *err),
	struct err *err)
{
	const struct handover_config *config = c->config;
	int rc = 0;

	for (size_t i = 0; i < config->account_count && rc >= 0; i++) {
		char there[ACCOUNTMAP_NAME_MAX + 1];
		struct account a;

		if (!account_map_there(
			    &config->map, config->accounts[i], there))
			continue;
		rc = account_open(&a, config->os, config->state_dir,
			config->accounts[i], config->self->pub.origin, false,
			err);
		if (rc == ERR_ABSENT) {
			rc = 0; /* nothing logged or received yet */
			continue;
		}
		if (rc < 0)
			break;
		rc = act(c, a.replica, err);
		account_close(&a);
	}
	return rc;
}

static void leave_out(
	struct carrier_list *list, const struct carrier_item *item)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].sender != item->sender ||
			list->items[i].sequence != item->sequence)
			list->items[kept++] = list->items[i];
	list->count = kept;
}

static bool is_needless(const struct waiting *w)
{
	return w->shows || (w->had_bodies && !w->lacked);
}

static int take_back(struct recall *c, struct carrier *carrier,
	struct carrier_list *lying, uint64_t *ret, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < c->count && !*ret; i++)
		*ret = is_needless(&c->items[i]);
	if (!*ret)
		return 0;
	*ret = 0;
	rc = each_account(c, tell_anew, err);
	for (size_t i = 0; i < c->count && rc >= 0; i++) {
		if (!is_needless(&c->items[i]))
			continue;
		rc = carrier->ops->recall(carrier, &c->items[i].item, err);
		if (rc < 0)
			break;
		leave_out(lying, &c->items[i].item);
		++*ret;
	}
	return rc;
}

int recall_bundles(const struct handover_config *config,
	struct carrier *carrier, const struct id128 *medium,
	struct carrier_list *lying, uint64_t *ret, struct err *err)
{
	struct recall c = {.config = config, .medium = medium};
	int rc = 0;

	*ret = 0;
	/* A one-way peer's count as acknowledged, and nobody knows. */
	if (!carrier->ops->waits || config->oneway || config->rehearse)
		return 0;
	find_waiting(&c, carrier, lying);
	if (c.count)
		rc = each_account(&c, look, err);
	if (rc >= 0)
		rc = take_back(&c, carrier, lying, ret, err);
	free(c.items);
	arena_free(&c.arena);
	return rc < 0 ? rc : 0;
}
