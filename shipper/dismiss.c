#include "dismiss.h"

#include "err.h"
#include "lives.h"
#include "shipper.h"

#define LOOK_MS 2000

static bool is_taken(const struct keyring *ring, uint8_t serial)
{
	for (size_t i = 0; i < ring->also_count; i++)
		if (ring->also[i].serial == serial)
			return true;
	return ring->key.serial == serial;
}

static void end(struct live *l, const char *why)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_AUTH, "%s: it is hung up", why);
	talk_end(&l->talk, &err);
}

static void look_at(struct shipper *s, struct live *l)
{
	shipper_look_at_keys(s, l->peer);
	if (site_expelled_since(&s->site, l->peer, NULL) > 0)
		end(l, "the peer was expelled");
	else if (!is_taken(&s->site.peerkeys[l->peer].ring, l->serial))
		end(l, "its key is taken no more");
}

void dismiss(struct shipper *s, struct lives *lives)
{
	int64_t now = s->site.os->ops->mono_ns(s->site.os) / 1000000;

	if (now - lives->dismissed_ms < LOOK_MS)
		return;
	lives->dismissed_ms = now;
	for (size_t i = 0; i < lives->count; i++) {
		struct live *l = lives->items[i];

		if (l->talk.known && !l->talk.ended)
			look_at(s, l);
	}
}
