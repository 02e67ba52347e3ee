/*
 * receive_grants: which changes of a peer are merged at all
 * (docs/architecture.md, Grants).
 *
 * A site that may not change something here may still say what became of what
 * is its own, and that is merged, for it is so; what of it may not be placed
 * is decided where mail is placed, by who wrote it (lib/replica/kept.h). Not
 * merged is what such a peer says of mail whose home is another site's folder,
 * and what it says in another's name: so nobody's word comes in by a side
 * door, and placing has to ask for the writer only.
 */
#include "receiving.h"

#include <inttypes.h>

#include "err.h"
#include "refused.h"
#include "viewrule.h"

const struct receive_peer *receive_peer_of(
	const struct receive_config *config, uint64_t origin)
{
	for (size_t i = 0; i < config->peer_count; i++)
		if (config->peers[i].key.origin == origin)
			return &config->peers[i];
	return NULL;
}

/* ---- folders ---- */

static bool may_in(const struct receive_peer *peer, const char *path)
{
	struct view_rule rule = {
		peer->accept.folders, peer->accept.folder_count};

	return !peer->accept.none && view_rule_shows(&rule, path);
}

static int is_refused(void *arg, uint64_t site, const char *path)
{
	const struct receive_config *c = arg;

	const struct receive_peer *p = receive_peer_of(c, site);

	return p ? !may_in(p, path) : site == c->self->pub.origin ? 0 : -1;
}

int receive_decide(
	const struct receive_config *config, struct replica *r, struct err *err)
{
	bool any = false;
	int rc;

	for (size_t i = 0; i < config->peer_count && !any; i++)
		any = accept_rule_is_partial(&config->peers[i].accept);
	rc = any ? 1 : refused_any(r, err);
	if (rc <= 0)
		return rc;
	rc = refused_decide(r, is_refused, (void *)(uintptr_t)config, err);
	for (size_t i = 0; i < config->peer_count && rc >= 0; i++)
		rc = refused_inbox(r, config->peers[i].key.origin,
			!may_in(&config->peers[i], "INBOX"), err);
	return rc < 0 ? rc : 0;
}

/* ---- changes ---- */

bool receiving_takes_from(
	const struct receiving *r, const struct receive_peer *p)
{
	char there[ACCOUNTMAP_NAME_MAX + 1];

	return p->takes_changes &&
	       account_map_there(&p->accounts, r->account, there);
}

/* Whose changes may come in rows: the peer's, those of peers of the account
   whose changes are taken, our own, which come back; and those of sites that are
   no peers, from who may relay. */
static bool origin_ok(const struct receiving *r, uint64_t origin)
{
	const struct receive_peer *p = receive_peer_of(r->config, origin);

	if (origin == r->config->self->pub.origin)
		return true;
	return p ? receiving_takes_from(r, p) : r->peer->relays;
}

/* Is the folder where this message lies at home at a site, or is there no such
   message, and its log is the site's? 1 or 0. */
static int is_the_sites(struct replica *rep, uint64_t site,
	const struct dot *dot, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message m;
	struct replica_folder f;
	int met = replica_message_by_dot(rep, dot, &arena, &m, err), rc;

	if (met < 0)
		return met;
	if (met > 0 && dot->log.origin == site)
		return 1;
	rc = met == 0 ? replica_folder_by_row(rep, m.folder, &arena, &f, err)
		      : replica_folder_by_fid(
				rep, &dot->log.folder, &arena, &f, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return f.authority.site ? f.authority.site == site
				: dot->log.origin == site;
}

/*
 * Is it the peer's own folder, or one that it may change? INBOX every site has:
 * it is the peer's if that is known to be its home. 1 or 0.
 */
static int may_touch(struct receiving *r, struct replica *rep,
	const struct id128 *folder, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	bool inbox = id_equal(folder, &ID_INBOX);
	struct replica_folder f = {.path = ""};
	int rc = id_is_account(folder)
			 ? 1
			 : replica_folder_by_fid(rep, folder, &arena, &f, err);

	if (rc < 0)
		return rc;
	uint64_t home = rc == 0 ? refused_home(&f) : 0;
	if (home ? home == r->peer->key.origin : !inbox)
		return 1;
	return may_in(r->peer, inbox ? "INBOX" : f.path);
}

/* The folder where a mail lies, or where it was born if it was not met. Flags of
   its own mail it may have set before it heard that a user here moved it. */
static int may_speak_of(struct receiving *r, struct replica *rep,
	const struct dot *dot, bool flags, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	bool own = dot->log.origin == r->peer->key.origin;
	struct replica_message m;
	struct replica_folder f;
	int met = replica_message_by_dot(rep, dot, &arena, &m, err), rc = 0;

	if (met < 0)
		return met;
	if (own && (met > 0 || flags))
		return 1;
	if (met == 0)
		rc = replica_folder_by_row(rep, m.folder, &arena, &f, err);
	return rc < 0 ? rc
		      : may_touch(r, rep,
				met == 0 && rc == 0 ? &f.fid : &dot->log.folder,
				err);
}

/* May it change the folders and the mail that this speaks of? 1 or 0. */
static int may_there(struct receiving *r, struct replica *rep,
	const struct change *c, struct err *err)
{
	bool born = c->kind == CHANGE_SAVE || c->kind == CHANGE_COPY;
	int rc = may_touch(r, rep, &c->by.log.folder, err);

	if (rc > 0 && id_is_account(&c->by.log.folder))
		rc = may_touch(r, rep, &c->folder, err);
	if (rc > 0 && c->kind == CHANGE_MERGE)
		rc = may_touch(r, rep, &c->other, err);
	if (rc > 0 && c->dot.lsn && !born)
		rc = may_speak_of(
			r, rep, &c->dot, c->kind == CHANGE_FLAGS, err);
	if (rc > 0 && c->source.lsn && !born)
		rc = may_speak_of(r, rep, &c->source, false, err);
	return rc;
}

/* What it tells in our own name was ours. 1 or 0. */
static int may_change(struct receiving *r, struct replica *rep,
	const struct change *c, struct err *err)
{
	const struct accept_rule *rule = &r->peer->accept;
	bool ours = c->by.log.origin == r->config->self->pub.origin;
	int rc = 1;

	if (c->kind == CHANGE_EXPUNGE &&
		!accept_rule_allows(rule, ACCEPT_EXPUNGE))
		rc = c->by.log.origin == r->peer->key.origin
			     ? is_the_sites(
				       rep, r->peer->key.origin, &c->dot, err)
			     : 0;
	if (rc > 0 && accept_rule_is_partial(rule) && !ours)
		rc = may_there(r, rep, c, err);
	return rc;
}

static void tell_refused(struct receiving *r, const struct change *c)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_OPERATOR,
		"account %s: %s of what is not its own, or in the name of "
		"origin %016" PRIx64 " (accept)",
		r->account,
		c->kind == CHANGE_EXPUNGE ? "an expunge" : "a change",
		c->by.log.origin);
	if (r->config->denied)
		r->config->denied(r->config->arg, r->peer, &err);
}

int receiving_may(struct receiving *r, struct replica *rep,
	const struct change *c, struct err *err)
{
	int rc;

	if (!origin_ok(r, c->by.log.origin))
		return 0;
	rc = may_change(r, rep, c, err);
	if (rc == 0)
		tell_refused(r, c);
	return rc;
}

/* May who wrote it say it, be it that another brings it? 1 or 0. */
static int writer_may(struct receiving *r, struct replica *rep,
	const struct change *c, struct err *err)
{
	uint64_t origin = c->by.log.origin;
	const struct receive_peer *p = receive_peer_of(r->config, origin);

	if (!p || c->kind != CHANGE_EXPUNGE ||
		accept_rule_allows(&p->accept, ACCEPT_EXPUNGE))
		return 1;
	int rc = is_the_sites(rep, origin, &c->dot, err);
	if (rc == 0)
		tell_refused(r, c);
	return rc;
}

/* By who brings it, and by who wrote it. */
static int both_may(struct receiving *r, struct replica *rep,
	const struct change *c, struct err *err)
{
	int rc = receiving_may(r, rep, c, err);

	return rc > 0 && c->by.log.origin != r->peer->key.origin
		       ? writer_may(r, rep, c, err)
		       : rc;
}

int receiving_keep_allowed(struct receiving *r, struct replica *rep,
	struct change_batch *batch, struct err *err)
{
	const struct receive_peer *writer =
		batch->count ? receive_peer_of(
				       r->config, batch->items[0].by.log.origin)
			     : NULL;
	size_t kept = 0;

	if (!r->peer->accept.refused &&
		!accept_rule_is_partial(&r->peer->accept) &&
		!(writer && writer->accept.refused))
		return 0;
	for (size_t i = 0; i < batch->count; i++) {
		int rc = both_may(r, rep, &batch->items[i], err);

		if (rc < 0)
			return rc;
		if (rc > 0)
			batch->items[kept++] = batch->items[i];
	}
	batch->count = kept;
	return 0;
}
