#include "keying.h"

#include "err.h"

#define AGAIN_MS INT64_C(86400000)

static bool is_due(const struct lading *l, const struct peerkeys_said *said,
	int64_t now_ms)
{
	const struct handover_config *c = l->config;
	bool same = said->serial == c->key->pub.serial &&
		    said->retired == peerkeys_retired(c->key, c->former);

	if (peerkeys_knows_all(&c->known->said, c->key, c->former))
		return false;
	if (same && now_ms >= said->ms && now_ms - said->ms < AGAIN_MS)
		return false;
	return !c->oneway || c->former->pub.origin || l->sections.len ||
	       l->result->parcels;
}

/*
 * Of what the peer said, something is not answered, or no longer so. That its
 * new key is known here it is told unasked: until then it goes on with the old
 * one, which the operator here may have taken out.
 */
static bool is_asked(const struct lading *l, const struct peerkeys_said *said)
{
	const struct peerkeys *k = &l->config->known->said;

	return l->config->peer->serial != said->uses ||
	       k->asked != said->asked || k->retired != said->refuses;
}

int keying_add(struct lading *l, struct err *err)
{
	const struct handover_config *c = l->config;
	int64_t now_ms = c->os->ops->wall_ns(c->os) / 1000000;
	struct peerkeys_said said;
	struct key_change change;

	if (!c->known)
		return 0;
	int rc = peerkeys_said_load(
		c->os, c->state_dir, c->peer->origin, &said, err);
	if (rc < 0)
		return rc;
	struct parcel_keys k = {.says = is_due(l, &said, now_ms),
		.answers = is_asked(l, &said)};
	if (k.says) {
		k.retired = peerkeys_retired(c->key, c->former);
		said.retired = k.retired;
		said.serial = c->key->pub.serial;
		said.ms = now_ms;
	}
	if (k.says && c->former->pub.origin) {
		key_change_sign(c->former, c->key, &change);
		k.change = &change;
	}
	if (k.answers) {
		said.asked = c->known->said.asked;
		k.uses = said.uses = c->peer->serial;
		k.refuses = said.refuses = c->known->said.retired;
	}
	return k.says || k.answers ? lading_keys(l, &k, &said, err) : 0;
}
