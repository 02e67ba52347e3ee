/*
 * lading_record: what lies in the bundles, into the state of each account.
 */
#include "comparing.h"
#include "err.h"
#include "held.h"
#include "lading.h"

/* With a one-way peer what is handed over counts as acknowledged. */
static int record_log(struct lading *l, struct replica *r,
	const struct id128 *medium, const struct lading_log *log,
	struct err *err)
{
	uint64_t peer = l->config->peer->origin;
	struct replica_sent sent = {
		log->sequence, log->log, log->to.lsn, log->to.chain};
	struct replica_ack ack = {
		log->log, log->to.lsn, log->to.chain, log->to.lsn};

	if (l->live) {
		l->live->sent(l->live->arg, l->config->accounts[log->account],
			log->log, &log->to);
		return 0;
	}
	if (l->config->oneway)
		return replica_ack_set(r, peer, &ack, err);
	return replica_sent_add(r, peer, l->config->link, medium, &sent, err);
}

char *lading_told_key(uint64_t peer)
{
	return replica_peer_key("told", peer);
}

char *lading_answered_key(uint64_t peer)
{
	return replica_peer_key("answered", peer);
}

static int record_told(struct lading *l, struct replica *r,
	const struct lading_told *t, struct err *err)
{
	AUTO_FREE char *told = lading_told_key(l->config->peer->origin);
	AUTO_FREE char *answered = lading_answered_key(l->config->peer->origin);
	int rc = replica_meta_set(r, told, t->sum, err);

	return rc < 0 ? rc : replica_meta_set(r, answered, t->heard, err);
}

static int record_body(struct lading *l, struct replica *r,
	const struct id128 *medium, const struct lading_body *b,
	struct err *err)
{
	uint64_t peer = l->config->peer->origin;

	if (b->held)
		return held_keep(r, peer, &b->hash, b->offset, err);
	if (!b->sequence)
		return 0;
	int rc = replica_sent_body(
		r, peer, l->config->link, medium, b->sequence, &b->hash, err);
	if (rc < 0 || !l->config->oneway)
		return rc;
	return b->preview ? held_previewed(r, peer, &b->of, err)
			  : held_gone(r, peer, &b->hash, err);
}

static bool has_compared(const struct lading *l, size_t account)
{
	for (size_t i = 0; i < l->compared_count; i++)
		if (l->compared[i].account == account &&
			l->compared[i].sequence)
			return true;
	return false;
}

static int record_account(struct lading *l, size_t index,
	const struct id128 *medium, struct err *err)
{
	struct account a;
	int rc = account_open(&a, l->config->os, l->config->state_dir,
		l->config->accounts[index], l->config->self->pub.origin, false,
		err);

	if (rc < 0)
		return rc;
	rc = replica_begin(a.replica, err);
	for (size_t i = 0; i < l->log_count && rc >= 0; i++)
		if (l->logs[i].account == index && l->logs[i].sequence)
			rc = record_log(l, a.replica, medium, &l->logs[i], err);
	for (size_t i = 0; i < l->told_count && rc >= 0; i++)
		if (l->told[i].account == index && l->told[i].sequence)
			rc = record_told(l, a.replica, &l->told[i], err);
	for (size_t i = 0; i < l->body_count && rc >= 0; i++)
		if (l->bodies[i].account == index)
			rc = record_body(
				l, a.replica, medium, &l->bodies[i], err);
	if (rc >= 0 && has_compared(l, index))
		rc = comparing_sent(a.replica, l->config->peer->origin,
			l->config->os->ops->wall_ns(l->config->os) / 1000000,
			err);
	if (rc >= 0)
		rc = replica_commit(a.replica, err);
	account_close(&a);
	return rc;
}

int lading_record(struct lading *l, const struct id128 *medium, struct err *err)
{
	int rc = 0;

	if (l->keys.packed)
		rc = peerkeys_said_save(l->config->os, l->config->state_dir,
			l->config->peer->origin, &l->keys.said, err);

	for (size_t i = 0; i < l->config->account_count && rc >= 0; i++) {
		bool any = has_compared(l, i);

		for (size_t k = 0; k < l->log_count && !any; k++)
			any = l->logs[k].account == i;
		for (size_t k = 0; k < l->body_count && !any; k++)
			any = l->bodies[k].account == i;
		for (size_t k = 0; k < l->told_count && !any; k++)
			any = l->told[k].account == i;
		if (any)
			rc = record_account(l, i, medium, err);
	}
	return rc;
}
