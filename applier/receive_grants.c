/*
 * receive_grants: which changes of a peer are merged at all (docs/architecture.md,
 * Grants).
 *
 * A site that may not change something here may still say what became of what is
 * its own, and that is merged, for it is so; what of it may not be placed is
 * decided where mail is placed, by who wrote it (lib/replica/kept.h). Not merged
 * is what such a peer says of mail whose home is another site's folder, and what
 * it says in another's name: so nobody's word comes in by a side door, and
 * placing has to ask for the writer only.
 */
#include "receiving.h"

#include <inttypes.h>

#include "err.h"

/* Whose changes may come in rows: the peer's, those of peers of the account
   whose changes are taken, and our own, which come back. */
static bool origin_ok(const struct receiving *r, uint64_t origin)
{
	if (origin == r->config->self->pub.origin)
		return true;
	for (size_t i = 0; i < r->config->peer_count; i++) {
		const struct receive_peer *p = &r->config->peers[i];
		char there[ACCOUNTMAP_NAME_MAX + 1];

		if (p->key.origin == origin)
			return p->takes_changes &&
			       account_map_there(
				       &p->accounts, r->account, there);
	}
	return false;
}

/* Is the folder where this message lies at home at the peer, or is there no
   such message, and its log is the peer's? 1 or 0. */
static int is_the_peers(struct receiving *r, struct replica *rep,
	const struct dot *dot, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	uint64_t peer = r->peer->key.origin;
	struct replica_message m;
	struct replica_folder f;
	int met = replica_message_by_dot(rep, dot, &arena, &m, err), rc;

	if (met < 0)
		return met;
	if (met > 0 && dot->log.origin == peer)
		return 1;
	rc = met == 0 ? replica_folder_by_row(rep, m.folder, &arena, &f, err)
		      : replica_folder_by_fid(
				rep, &dot->log.folder, &arena, &f, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return f.authority.site ? f.authority.site == peer
				: dot->log.origin == peer;
}

static void tell_refused(struct receiving *r, const struct change *c)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_OPERATOR,
		"account %s: an expunge of mail that is not its own, or in the "
		"name of origin %016" PRIx64 " (accept: no expunge)",
		r->account, c->by.log.origin);
	if (r->config->denied)
		r->config->denied(r->config->arg, r->peer, &err);
}

int receiving_may(struct receiving *r, struct replica *rep,
	const struct change *c, struct err *err)
{
	uint64_t peer = r->peer->key.origin;
	int rc;

	if (!origin_ok(r, c->by.log.origin))
		return 0;
	if (c->kind != CHANGE_EXPUNGE ||
		accept_rule_allows(&r->peer->accept, ACCEPT_EXPUNGE))
		return 1;
	rc = c->by.log.origin == peer ? is_the_peers(r, rep, &c->dot, err) : 0;
	if (rc == 0)
		tell_refused(r, c);
	return rc;
}

int receiving_keep_allowed(struct receiving *r, struct replica *rep,
	struct change_batch *batch, struct err *err)
{
	size_t kept = 0;

	if (!r->peer->accept.refused)
		return 0;
	for (size_t i = 0; i < batch->count; i++) {
		int rc = receiving_may(r, rep, &batch->items[i], err);

		if (rc < 0)
			return rc;
		if (rc > 0)
			batch->items[kept++] = batch->items[i];
	}
	batch->count = kept;
	return 0;
}
