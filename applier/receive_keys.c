/*
 * receive_keys: whose key sealed a parcel, and what peers say of keys in one.
 */
#include "receiving.h"

#include "peerkeys.h"

struct key_public *receiving_keys(
	const struct receive_config *config, size_t *ret_count)
{
	struct key_public *keys = NULL;

	*ret_count = 0;
	for (size_t i = 0; i < config->peer_count; i++) {
		const struct receive_peer *p = &config->peers[i];
		struct keyring plain = {.key = p->key};

		peerkeys_list(
			p->keys ? &p->keys->ring : &plain, &keys, ret_count);
	}
	return keys;
}

const struct receive_peer *receiving_whose(
	const struct receive_config *config, const struct key_public *key)
{
	const struct receive_peer *p = config->peers;

	while (p->key.origin != key->origin)
		p++;
	return p;
}

int receiving_check_keys(
	const struct parcel_sections *sections, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < sections->count && rc >= 0; i++) {
		const struct parcel_section *s = &sections->items[i];

		if (s->type == PARCEL_KEYS && s->keys.change)
			rc = key_change_check(s->keys.change, err);
	}
	return rc;
}

int receiving_take_keys(struct receiving *r, const struct key_public *sealed,
	const struct parcel_sections *sections, struct err *err)
{
	const struct receive_config *c = r->config;
	const struct receive_peer *p = r->peer;
	int rc = 0;

	for (size_t i = 0; i < sections->count && rc >= 0 && p->keys; i++) {
		const struct parcel_section *s = &sections->items[i];

		if (s->type != PARCEL_KEYS)
			continue;
		rc = peerkeys_take(c->os, c->state_dir, &p->keys->configured,
			p->follow_key, c->self->pub.serial, sealed, &s->keys,
			err);
		if (rc > 0)
			r->result->new_key = p;
	}
	return rc < 0 ? rc : 0;
}
