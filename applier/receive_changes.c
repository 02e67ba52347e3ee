/*
 * receive_changes: sections of changes, and of what is told in brief, merged
 * into an account (receive.h).
 */
#include "receiving.h"

#include "capture.h"
#include "change.h"
#include "compared.h"
#include "continues.h"
#include "err.h"
#include "filling.h"
#include "gaps.h"
#include "joining.h"
#include "relayed.h"
#include "report.h"
#include "viewed.h"

/* A peer's claim on a folder that may be at home here, or that it gives to
   us. */
static int take_claim(
	struct journal *j, const struct change *c, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica *rep = j->account->replica;
	struct replica_folder f;
	struct claim rival = claim_said(c);
	int known = replica_folder_by_fid(rep, &c->folder, &arena, &f, err);

	if (known < 0)
		return known;
	bool given = known == 0 && rival.site == replica_origin(rep) &&
		     f.authority.site == c->by.log.origin &&
		     rival.term > f.authority.term;
	int rc = known == 0 ? capture_stay_home(j, &f, &rival, err) : 0;
	if (rc >= 0)
		rc = replica_apply(rep, c, err);
	if (rc == 0 && given)
		rc = capture_come_home(j, &f, rival.term, err);
	return rc;
}

/*
 * What this site wrote before it lost its state, or was put back to an older
 * one, and what is told in brief: taken as long as it joins. Nobody else can
 * know more of the incarnation that writes here now than we do. Returns 1 if it
 * does not join.
 */
static int check_joins(
	struct replica *rep, const struct parcel_changes *s, struct err *err)
{
	int64_t since;
	int rc = joining_since(rep, &since, err);

	if (rc < 0)
		return rc;
	if (s->from.log.origin == replica_origin(rep) &&
		s->from.log.incarnation == replica_incarnation(rep))
		return err_set(err, ERR_CONFLICT,
			"account %s: returns changes of this incarnation: is "
			"there a second machine with this site's key?",
			s->account);
	return !since;
}

static int not_its_own(const struct parcel_changes *s, struct err *err)
{
	return err_set(err, ERR_AUTH,
		"account %s: holds a change of another site", s->account);
}

static bool is_of(const struct change *c, const struct parcel_changes *s)
{
	return log_id_cmp(&c->by.log, &s->from.log) == 0;
}

/* Of what comes once more the mails are those that are known. */
static int check_again(struct replica *rep, const struct parcel_changes *s,
	const struct change_batch *batch, uint64_t known, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < batch->count && rc >= 0; i++)
		if (is_of(&batch->items[i], s) &&
			batch->items[i].by.lsn <= known)
			rc = replica_birth_agrees(rep, &batch->items[i], err);
	return rc < 0 ? rc : 0;
}

/* In the log of a view stands what folders are in it, and nothing of mail; what
   folders are in it stands nowhere else. */
static int check_view(const struct parcel_changes *s,
	const struct change_batch *batch, struct err *err)
{
	bool view = view_is_log(&s->from.log.folder);

	for (size_t i = 0; i < batch->count; i++) {
		const struct change *c = &batch->items[i];
		bool ok = c->kind == CHANGE_VIEW
				  ? view && is_of(c, s)
				  : !view || id_is_account(&c->by.log.folder);

		if (!ok)
			return err_set(err, ERR_CORRUPT,
				"account %s: a change that does not belong in "
				"its log",
				s->account);
	}
	return 0;
}

static int take_one(struct receiving *r, struct journal *j,
	const struct change *c, struct err *err)
{
	struct replica *rep = j->account->replica;
	int rc;

	if (c->kind == CHANGE_VIEW)
		rc = view_hear(rep, &(struct dot){c->by.log, c->by.lsn},
			&c->folder, c->value, err);
	else if (c->kind == CHANGE_AUTHORITY)
		rc = take_claim(j, c, err);
	else
		rc = replica_apply(rep, c, err);
	r->result->changes += rc == 0;
	return rc;
}

/* Is a mail born that is told once more, beside what is new? */
static bool is_along(
	const struct change *c, const struct parcel_changes *s, uint64_t known)
{
	return change_is_birth(c) && c->kind != CHANGE_MOVE &&
	       (!is_of(c, s) || c->by.lsn <= known);
}

/*
 * The sender's own changes, as they are to be. Mail that has come into our view
 * is told whole beside them, by its own writers: it is born before anything
 * speaks of it. So is that of this log, up to where we know it: what is not here
 * any more would count as dead.
 */
static int take_batch(struct receiving *r, struct journal *j,
	const struct parcel_changes *s, const struct change_batch *batch,
	uint64_t known, struct err *err)
{
	int rc = check_view(s, batch, err);

	for (int pass = 0; pass < 2 && rc >= 0; pass++) {
		for (size_t i = 0; i < batch->count && rc >= 0; i++) {
			const struct change *c = &batch->items[i];

			if (is_along(c, s, known) != (pass == 0))
				continue;
			if (c->by.log.origin == s->from.log.origin)
				rc = take_one(r, j, c, err);
			else if (is_of(c, s) ||
				 id_is_account(&c->by.log.folder))
				rc = not_its_own(s, err);
			else if ((rc = receiving_may(
					  r, j->account->replica, c, err)) > 0)
				rc = take_one(r, j, c, err);
		}
	}
	return rc < 0 ? rc : 0;
}

/* Handed over again: what of it is not here as it was written is damaged
   here, or was lost. */
static int take_values(
	struct journal *j, const struct change_batch *batch, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < batch->count && rc >= 0; i++)
		rc = adopting_change(
			j->account->replica, &batch->items[i], err);
	return rc < 0 ? rc : 0;
}

/* An older bundle must not bring back what was expunged since. */
static bool is_again(
	const struct parcel_changes *s, const struct position *known)
{
	return s->again && s->again >= known->lsn;
}

/* Bodies that the peer did not send it is not asked for: status tells. */
static int note_unasked(
	struct receiving *r, struct replica *rep, struct err *err)
{
	AUTO_FREE char *key = replica_peer_key("unasked", r->peer->key.origin);
	int64_t known = 0;
	int rc = replica_meta_get(rep, key, &known, err);

	return rc < 0 || known ? rc : replica_meta_set(rep, key, 1, err);
}

/* What was stamped in our future: one of the two clocks is wrong. */
static int note_clock(struct receiving *r, struct replica *rep,
	const struct change_batch *batch, struct err *err)
{
	struct os *os = r->config->os;
	int64_t most = os->ops->wall_ns(os) / 1000000 + CLOCK_AHEAD_MS;
	bool any = false;

	for (size_t i = 0; i < batch->count; i++) {
		int64_t ms = (int64_t)STAMP_MS(batch->items[i].by.stamp);

		any |= ms > most;
		if (ms > most)
			most = ms;
	}
	AUTO_FREE char *key = replica_peer_key("ahead", r->peer->key.origin);
	return any ? replica_meta_set(rep, key, most, err) : 0;
}

/* What came in brief is taken whole or not at all, and in order: what lacks
   something, or stands behind what did, comes again. */
static int fill(struct receiving *r, struct replica *rep,
	const struct parcel_changes *s, const struct replica_log *log,
	struct change_batch *batch, struct err *err)
{
	int rc = filling_fill(rep, r->peer->key.origin, s, batch, err);

	return rc < 0					? rc
	       : rc > 0 || s->from.lsn > log->known.lsn ? CONTINUES_NOT
							: 0;
}

int receiving_merge(struct receiving *r, struct journal *j,
	const struct parcel_changes *s, struct err *err)
{
	struct replica *rep = j->account->replica;
	bool ours = s->from.log.origin == r->config->self->pub.origin;
	bool relayed = receiving_is_relayed(r, s);
	struct replica_log log;
	struct change_batch batch = {0};
	struct change_context ctx = {s->from.log, s->first_lsn, s->base_ms};
	int rc = replica_log_get(rep, &s->from.log, true, &log, err);

	r->site = relayed ? s->from.log.origin : r->peer->key.origin;
	if (rc >= 0)
		rc = receiving_note_heard(r, rep, err);
	if (rc >= 0 && relayed &&
		(rc = receiving_may_relay(r, rep, s, err)) >= 0)
		rc = rc ? 0 : CONTINUES_NOT;
	if (rc == 0 && !ours &&
		(rc = view_is_closed(rep, r->peer->key.origin,
			 &s->from.log.folder, err)) > 0)
		rc = CONTINUES_NOT;
	if (rc == 0 && (ours || s->brief) &&
		(rc = check_joins(rep, s, err)) > 0)
		rc = CONTINUES_NOT;
	if (rc == 0)
		rc = change_decode(&ctx, s->payload, s->len, &batch, err);
	if (rc == 0 && relayed)
		rc = receiving_check_written(s, &batch, err);
	if (rc == 0 && s->brief)
		rc = fill(r, rep, s, &log, &batch, err);
	if (rc == 0 && !ours)
		rc = receiving_is_split(
			r, check_again(rep, s, &batch, log.known.lsn, err));
	if (rc == 0)
		rc = receiving_is_split(
			r, continues_check(rep, s, &log, &batch, relayed, err));
	bool again = rc >= 0 && rc != CONTINUES_NOT && is_again(s, &log.known);
	if (rc > 0 && again)
		rc = 0;
	r->result->repeats += rc > 0;
	if (relayed && (rc == 0 || rc == 1) &&
		relayed_note_knows(
			rep, r->peer->key.origin, log.id, s->to.lsn, err) < 0)
		rc = err->code;
	if (rc == 0)
		rc = receiving_keep_allowed(r, rep, &batch, err);
	if (rc == 0)
		rc = take_batch(r, j, s, &batch, log.known.lsn, err);
	if (rc == 0 && !relayed)
		rc = note_clock(r, rep, &batch, err);
	if (rc == 0 && s->unasked)
		rc = note_unasked(r, rep, err);
	if (rc == 0 && again)
		rc = take_values(j, &batch, err);
	change_batch_free(&batch);
	if (rc != 0 || s->to.lsn <= log.known.lsn)
		return rc < 0 ? rc : 0;
	r->begins |= !log.known.lsn && !ours && !relayed;
	log.known = s->to;
	/* Of our own, come back: its segments do not reach so far. */
	if (ours) {
		log.file_lsn = 0;
		log.size = 0;
	}
	rc = replica_log_set(rep, &log, err);
	if (rc >= 0 && s->part && !ours)
		rc = relayed_note_part(rep, log.id, err);
	return rc < 0 ? rc : gap_filled(rep, log.id, s->to.lsn, err);
}

int receiving_check(
	struct receiving *r, const struct parcel_changes *s, struct err *err)
{
	struct id128 view = view_log_id(r->config->self->pub.origin);

	if (s->from.log.origin == r->config->self->pub.origin)
		return 0; /* our own, perhaps (check_joins) */
	if (view_is_log(&s->from.log.folder) &&
		(!id_equal(&s->from.log.folder, &view) ||
			receiving_is_relayed(r, s)))
		return err_set(err, ERR_AUTH,
			"account %s: says what another site is shown",
			s->account);
	if (!r->peer->takes_changes)
		return err_set(err, ERR_AUTH,
			"account %s: changes from here are not taken "
			"(changes = \"send\" for this peer)",
			s->account);
	return receiving_is_relayed(r, s) ? receiving_check_relayed(r, s, err)
					  : 0;
}
