/*
 * receive_words: what a peer says of changes: acknowledgements, statements, the
 * questions and answers of sites that join, and previews of mail that it holds
 * back (receive.h).
 */
#include "receiving.h"

#include <stdlib.h>

#include "err.h"
#include "held.h"
#include "inventory.h"
#include "joining.h"
#include "late.h"
#include "preview.h"
#include "previews.h"
#include "relayed.h"
#include "spoken.h"
#include "stated.h"
#include "viewed.h"

static int rolled_back(const char *account, uint64_t lsn,
	const struct replica_log *log, struct err *err)
{
	return err_set(err, ERR_CONFLICT,
		"account %s: acknowledges lsn %llu of a log that ends at %llu: "
		"was the state restored?",
		account, (unsigned long long)lsn,
		(unsigned long long)log->known.lsn);
}

static int other_history(
	const char *account, const struct parcel_ack_entry *e, struct err *err)
{
	return err_set(err, ERR_CONFLICT,
		"account %s: acknowledges lsn %llu of a log, and has another "
		"history up to there than we have: was the state restored?",
		account, (unsigned long long)e->durable.lsn);
}

/* The peer has no such account, or has it now: as whoever says anything else
   of it has. */
static int note_refusal(
	struct receiving *r, struct replica *rep, bool refused, struct err *err)
{
	AUTO_FREE char *key = replica_peer_key("refused", r->peer->key.origin);
	int64_t was = 0;
	int rc = replica_meta_get(rep, key, &was, err);

	if (rc < 0 || (was != 0) == refused)
		return rc < 0 ? rc : 0;
	return replica_meta_set(rep, key, refused, err);
}

/*
 * Does a peer know more of a log than we do, and should not? What we wrote in
 * an earlier incarnation comes back while we join: until then it does. 1 or 0.
 */
static int is_ahead(struct replica *rep, const struct position *at,
	const struct replica_log *log, struct err *err)
{
	int64_t since = 0;
	int rc = 0;

	if (at->lsn <= log->known.lsn)
		return 0;
	if (at->log.incarnation != replica_incarnation(rep))
		rc = joining_since(rep, &since, err);
	return rc < 0 ? rc : !since;
}

/*
 * Has it the history that we have, as far as it says? What we wrote in this
 * incarnation nobody has up to where no commit ended: then somebody else wrote
 * it. Errors: ERR_CONFLICT.
 */
static int check_known(struct replica *rep, const struct parcel_ack *ack,
	const struct parcel_ack_entry *e, const struct replica_log *log,
	struct err *err)
{
	const struct position *at = &e->durable;
	int rc = replica_log_agrees(rep, log, at->lsn, at->chain, err);

	if (rc == 0 && at->chain && at->log.origin == replica_origin(rep) &&
		at->log.incarnation == replica_incarnation(rep)) {
		rc = replica_log_ended(rep, log, at->lsn, err);
		rc = rc == 0 ? ERR_CONFLICT : rc;
	}
	return rc == ERR_CONFLICT ? other_history(ack->account, e, err) : rc;
}

static int hear_late(struct replica *rep, uint64_t peer,
	const struct parcel_ack *ack, struct err *err)
{
	int rc = late_forget(rep, peer, err);

	for (size_t i = 0; i < ack->late_count && rc >= 0; i++) {
		const struct parcel_late *l = &ack->late[i];

		rc = late_hear(rep, peer,
			&(struct late){l->folder, l->uidnext, l->dot, l->uid},
			err);
	}
	return rc;
}

/* How far it knows what a third site wrote, of which we may know less. */
static int hear_known(struct replica *rep, uint64_t peer,
	const struct parcel_ack *ack, const struct parcel_ack_entry *e,
	struct err *err)
{
	struct replica_log log;

	if (!ack->relays || e->durable.log.origin == peer ||
		e->durable.lsn > INT64_MAX)
		return 0;
	int rc = replica_log_get(rep, &e->durable.log, false, &log, err);
	if (rc != 0)
		return rc < 0 ? rc : 0; /* not known here */
	struct replica_ack row = {log.id, e->durable.lsn, 0, e->applied};
	return replica_ack_set(rep, peer, &row, err);
}

int receiving_ack(struct receiving *r, struct replica *rep,
	const struct parcel_ack *ack, struct err *err)
{
	uint64_t peer = r->peer->key.origin;

	if (!ack->incarnation) {
		r->result->acks++;
		return note_refusal(
			r, rep, ack->count == PARCEL_ACK_REFUSED, err);
	}
	int rc = receiving_is_split(
		r, spoken_hear(rep, peer, ack->incarnation, ack->count, err));

	if (rc == 0)
		rc = replica_ack_order(
			rep, peer, ack->incarnation, ack->count, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	r->result->acks++;
	rc = note_refusal(r, rep, false, err);
	if (rc >= 0)
		rc = relayed_hear(rep, peer, ack->relays, err);
	for (size_t i = 0; i < ack->entry_count && rc >= 0; i++) {
		const struct parcel_ack_entry *e = &ack->entries[i];
		struct replica_log log;

		if (e->durable.log.origin != replica_origin(rep)) {
			rc = hear_known(rep, peer, ack, e, err);
			continue;
		}
		rc = replica_log_get(rep, &e->durable.log, false, &log, err);
		if (rc < 0)
			break;
		if (rc > 0 &&
			e->durable.log.incarnation != replica_incarnation(rep))
			continue; /* of a state of ours that is no more */
		rc = rc > 0 ? 1 : is_ahead(rep, &e->durable, &log, err);
		if (rc != 0)
			return rc < 0 ? rc
				      : rolled_back(ack->account,
						e->durable.lsn, &log, err);
		if (e->durable.lsn > log.known.lsn)
			continue;
		rc = check_known(rep, ack, e, &log, err);
		if (rc < 0)
			return rc;
		struct replica_ack row = {
			log.id, e->durable.lsn, e->durable.chain, e->applied};
		rc = replica_ack_set(rep, peer, &row, err);
	}
	if (rc >= 0)
		rc = hear_late(rep, peer, ack, err);
	/* By what it knows now. */
	if (rc >= 0)
		rc = replica_want_clear(rep, peer, !ack->wants_more, err);
	if (rc >= 0)
		rc = held_cancel(rep, peer, err);
	for (size_t i = 0; i < ack->want_count && rc >= 0; i++)
		rc = replica_want_add(rep, peer, &ack->wants[i].hash,
			ack->wants[i].offset, ack->wants[i].previewed, err);
	return rc;
}

/* What a peer whose changes are not taken holds is no matter of ours. */
int receiving_statement(struct receiving *r, struct replica *rep,
	const struct parcel_statement *s, struct err *err)
{
	struct os *os = r->config->os;
	struct stated *folders;
	size_t count = 0;
	int rc = 0;

	if (!r->peer->takes_changes)
		return 0;
	folders = mem_array(s->count, sizeof(*folders));
	for (size_t i = 0; i < s->count && rc >= 0; i++) {
		rc = view_is_apart(
			rep, r->peer->key.origin, &s->folders[i].folder, err);
		if (rc == 0)
			folders[count++] = (struct stated){s->folders[i].folder,
				{s->folders[i].messages, s->folders[i].digest}};
	}
	if (rc >= 0)
		rc = stated_hear(rep, r->peer->key.origin, s->vector, folders,
			count, os->ops->wall_ns(os) / 1000000, err);
	free(folders);
	return rc;
}

_Static_assert(PREVIEW_MOST == PARCEL_PREVIEW_MAX, "what is made can be sent");

/* From who may change nothing here nothing is to be seen here, either. */
int receiving_preview(struct receiving *r, struct replica *rep,
	const struct parcel_preview *p, struct err *err)
{
	struct preview row = {
		p->held, hash_of(p->data, p->len), (uint64_t)p->len};

	if (!r->peer->takes_changes)
		return 0;
	if (!preview_is_of(p->data, p->len, &p->held))
		return err_set(err, ERR_CORRUPT,
			"account %s: a preview that does not say of what",
			p->account);
	int rc = previews_take(rep, &row, err);
	r->result->previews += rc == 0;
	return rc < 0 ? rc : 0;
}

/* What it wants whole, of logs that are known here. */
static int hear_whole(struct replica *rep, uint64_t peer,
	const struct parcel_join *j, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < j->whole_count && rc >= 0; i++) {
		const struct parcel_lsns *lsns = &j->whole[i];
		struct replica_log log;

		rc = replica_log_get(rep, &lsns->log, false, &log, err);
		for (size_t k = 0; k < lsns->count && rc == 0; k++) {
			struct whole_run run = {lsns->log, lsns->runs[k].first,
				lsns->runs[k].last};

			rc = whole_add(rep, WHOLE_OWED, peer, &run, err);
		}
	}
	return rc < 0 ? rc : 0;
}

/* A peer that joins: how far it knows what it wrote itself. */
static int hear_asker(struct receiving *r, struct replica *rep,
	const struct parcel_join *j, struct err *err)
{
	uint64_t peer = r->peer->key.origin;
	int rc = receiving_is_split(
		r, spoken_asks(rep, peer, j->incarnation, err));

	struct asker asker = {
		j->incarnation, j->what == PARCEL_JOIN_ASKS_BRIEF};

	if (rc != 0)
		return rc < 0 ? rc : 0;
	/* A new state: what its old one knew is void. */
	rc = replica_ack_order(rep, peer, j->incarnation, 0, err);
	if (rc >= 0)
		rc = note_refusal(r, rep, false, err);
	if (rc >= 0)
		rc = asker_set(rep, peer, &asker, err);
	if (rc >= 0)
		rc = relayed_hear(rep, peer, j->relays, err);
	if (rc >= 0)
		rc = hear_whole(rep, peer, j, err);
	for (size_t i = 0; i < j->position_count && rc >= 0; i++) {
		const struct position *at = &j->positions[i];
		struct replica_log log;

		rc = replica_log_get(rep, &at->log, false, &log, err);
		if (rc != 0)
			continue; /* not known here */
		rc = at->log.origin == replica_origin(rep)
			     ? is_ahead(rep, at, &log, err)
			     : 0;
		if (rc != 0)
			return rc < 0 ? rc
				      : rolled_back(
						j->account, at->lsn, &log, err);
		if (at->log.origin != peer && at->lsn > log.known.lsn)
			continue;
		struct replica_ack row = {log.id, at->lsn, at->chain, 0};
		rc = replica_ack_set(rep, peer, &row, err);
	}
	return rc < 0 ? rc : 0;
}

/*
 * An answer to who has this site's key, and asked with an incarnation of which
 * nothing is known here: a copy of this site.
 */
static int check_asked(
	struct replica *rep, const struct parcel_join *j, struct err *err)
{
	int64_t since;
	int rc = joining_since(rep, &since, err);

	if (rc < 0 || since || j->incarnation == replica_incarnation(rep))
		return rc;
	rc = spoken_is_new(rep, replica_origin(rep), j->incarnation, err);
	if (rc > 0)
		return err_set(err, ERR_CONFLICT,
			"account %s: answers what this site did not ask: is "
			"there a second machine with this site's key?",
			j->account);
	return rc;
}

int receiving_join(struct receiving *r, struct replica *rep,
	const struct parcel_join *j, struct err *err)
{
	if (parcel_join_asks(j))
		return hear_asker(r, rep, j, err);
	int rc = check_asked(rep, j, err);
	if (rc < 0)
		return rc;
	/* Nothing that lies here goes on its word. */
	bool gone = accept_rule_allows(&r->peer->accept, ACCEPT_EXPUNGE);

	return joining_hear(rep, r->peer->key.origin, j->incarnation,
		j->positions, j->position_count, j->gone,
		gone ? j->gone_count : 0, gone ? j->gone_total : 0,
		j->what == PARCEL_JOIN_ANSWERS, err);
}
