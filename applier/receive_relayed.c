/*
 * receive_relayed: what a peer passes on of another site's changes (key "relay";
 * docs/architecture.md, Relaying).
 *
 * The peer vouches for it: nothing in it proves who wrote it. So it is taken from
 * those only that may relay here, and of those only whose changes would be taken
 * from themselves, too. Of who shows us a part of its folders nothing is: what
 * its log says more is none of our business, and where we stand in it would mean
 * another thing to it.
 */
#include "receiving.h"

#include <inttypes.h>

#include "change.h"
#include "err.h"
#include "relayed.h"
#include "spoken.h"
#include "viewed.h"

bool receiving_is_relayed(
	const struct receiving *r, const struct parcel_changes *s)
{
	uint64_t origin = s->from.log.origin;

	return origin != r->peer->key.origin &&
	       origin != r->config->self->pub.origin;
}

int receiving_check_relayed(
	struct receiving *r, const struct parcel_changes *s, struct err *err)
{
	uint64_t origin = s->from.log.origin;

	if (!r->peer->relays)
		return err_set(err, ERR_AUTH,
			"account %s: changes of another site (origin "
			"%016" PRIx64 "): this peer may not relay (relay = "
			"receive for it)",
			s->account, origin);
	/* What its site and we have between us alone. */
	if (s->from.chain || s->to.chain || s->end_count || s->unasked ||
		s->part)
		return err_set(err, ERR_CORRUPT,
			"account %s: changes of another site (origin "
			"%016" PRIx64 ") in a way that only that site has",
			s->account, origin);
	return 0;
}

static void tell_left_out(
	struct receiving *r, const struct parcel_changes *s, const char *why)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_OPERATOR,
		"account %s: what it passes on of origin %016" PRIx64
		" is left out: %s",
		s->account, s->from.log.origin, why);
	if (r->config->denied)
		r->config->denied(r->config->arg, r->peer, &err);
}

int receiving_may_relay(struct receiving *r, struct replica *rep,
	const struct parcel_changes *s, struct err *err)
{
	uint64_t origin = s->from.log.origin;
	const struct receive_peer *p = receive_peer_of(r->config, origin);
	struct err split = ERR_INIT;

	if (p && !receiving_takes_from(r, p)) {
		tell_left_out(r, s, "nothing is taken from that site");
		return 0;
	}
	int rc = relayed_is_part(rep, origin, err);
	if (rc < 0)
		return rc;
	if (rc > 0) {
		tell_left_out(r, s,
			"that site itself shows a part of its folders here");
		return 0;
	}
	rc = spoken_check(rep, origin, &split);
	if (rc == ERR_CONFLICT) {
		tell_left_out(r, s, split.text);
		return 0;
	}
	if (rc < 0)
		*err = split;
	return rc < 0 ? rc : 1;
}

/* What stands of the log itself, and nothing that is between two sites. */
int receiving_check_written(const struct parcel_changes *s,
	const struct change_batch *batch, struct err *err)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct change *c = &batch->items[i];

		if (log_id_cmp(&c->by.log, &s->from.log) != 0)
			return err_set(err, ERR_AUTH,
				"account %s: holds a change of another site",
				s->account);
		if (c->kind == CHANGE_OUT || c->kind == CHANGE_VIEW)
			return err_set(err, ERR_AUTH,
				"account %s: says what another site is shown",
				s->account);
	}
	return 0;
}
