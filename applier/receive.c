#include "receive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bodies.h"
#include "capture.h"
#include "change.h"
#include "compared.h"
#include "continues.h"
#include "damage.h"
#include "err.h"
#include "exchange.h"
#include "filling.h"
#include "gaps.h"
#include "inventory.h"
#include "joining.h"
#include "journal.h"
#include "report.h"
#include "spoken.h"
#include "stated.h"

#define LOCK_WAIT_MS 30000

struct receiving {
	const struct receive_config *config;
	const struct receive_peer *peer;
	struct receive_result *result;
	bool begins; /* a log of the peer does: of an incarnation, perhaps */
	bool split;  /* the peer's site says two things at once */
};

/* Not to be undone with the parcel that shows it. */
static int is_split(struct receiving *r, int rc)
{
	r->split |= rc == ERR_CONFLICT;
	return rc;
}

/* ---- changes ---- */

/* A peer's claim on a folder that may be at home here. */
static int hear_claim(
	struct journal *j, const struct change *c, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	struct claim rival = claim_said(c);
	int rc = replica_folder_by_fid(
		j->account->replica, &c->folder, &arena, &f, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	return capture_stay_home(j, &f, &rival, err);
}

/* That the peer was heard: what it sent again wants an answer again. */
static int note_heard(struct receiving *r, struct replica *rep, struct err *err)
{
	int64_t heard = 0;
	AUTO_FREE char *key = replica_peer_key("heard", r->peer->key.origin);
	int rc = replica_meta_get(rep, key, &heard, err);

	return rc < 0 ? rc : replica_meta_set(rep, key, heard + 1, err);
}

/*
 * What this site wrote before it lost its state, or was put back to an older
 * one, and what is told in brief: taken as long as it joins. Nobody else can know more of the
 * incarnation that writes here now than we do. Returns 1 if it does not join.
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

/* The sender's own changes, as they are to be. */
static int take_batch(struct receiving *r, struct journal *j,
	const struct parcel_changes *s, const struct change_batch *batch,
	struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < batch->count && rc >= 0; i++) {
		const struct change *c = &batch->items[i];

		if (c->by.log.origin != s->from.log.origin)
			return err_set(err, ERR_AUTH,
				"account %s: holds a change of another site",
				s->account);
		if (c->kind == CHANGE_AUTHORITY)
			rc = hear_claim(j, c, err);
		if (rc >= 0)
			rc = replica_apply(j->account->replica, c, err);
		r->result->changes += rc == 0;
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

static int merge_section(struct receiving *r, struct journal *j,
	const struct parcel_changes *s, struct err *err)
{
	struct replica *rep = j->account->replica;
	bool ours = s->from.log.origin == r->config->self->pub.origin;
	struct replica_log log;
	struct change_batch batch = {0};
	struct change_context ctx = {s->from.log, s->first_lsn, s->base_ms};
	int rc = replica_log_get(rep, &s->from.log, true, &log, err);

	if (rc >= 0)
		rc = note_heard(r, rep, err);
	if (rc >= 0 && (ours || s->brief) &&
		(rc = check_joins(rep, s, err)) > 0)
		rc = CONTINUES_NOT;
	if (rc == 0)
		rc = change_decode(&ctx, s->payload, s->len, &batch, err);
	if (rc == 0 && s->brief)
		rc = fill(r, rep, s, &log, &batch, err);
	if (rc == 0)
		rc = is_split(r, continues_check(rep, s, &log, &batch, err));
	bool again = rc >= 0 && rc != CONTINUES_NOT && is_again(s, &log.known);
	if (rc > 0 && again)
		rc = 0;
	r->result->repeats += rc > 0;
	if (rc == 0)
		rc = take_batch(r, j, s, &batch, err);
	if (rc == 0)
		rc = note_clock(r, rep, &batch, err);
	if (rc == 0 && s->unasked)
		rc = note_unasked(r, rep, err);
	if (rc == 0 && again)
		rc = take_values(j, &batch, err);
	change_batch_free(&batch);
	if (rc != 0 || s->to.lsn <= log.known.lsn)
		return rc < 0 ? rc : 0;
	r->begins |= !log.known.lsn && !ours;
	log.known = s->to;
	/* Of our own, come back: its segments do not reach so far. */
	if (ours) {
		log.file_lsn = 0;
		log.size = 0;
	}
	rc = replica_log_set(rep, &log, err);
	return rc < 0 ? rc : gap_filled(rep, log.id, s->to.lsn, err);
}

static int check_section(
	struct receiving *r, const struct parcel_changes *s, struct err *err)
{
	if (s->from.log.origin == r->config->self->pub.origin)
		return 0; /* our own, perhaps (check_joins) */
	if (!r->peer->takes_changes)
		return err_set(err, ERR_AUTH,
			"account %s: changes from here are not taken "
			"(changes = \"send\" for this peer)",
			s->account);
	if (s->from.log.origin != r->peer->key.origin)
		return err_set(err, ERR_AUTH,
			"account %s: changes of another site (origin "
			"%016llx): relaying is not yet built",
			s->account, (unsigned long long)s->from.log.origin);
	return 0;
}

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

static int take_ack(struct receiving *r, struct replica *rep,
	const struct parcel_ack *ack, struct err *err)
{
	uint64_t peer = r->peer->key.origin;

	if (!ack->incarnation) {
		r->result->acks++;
		return note_refusal(
			r, rep, ack->count == PARCEL_ACK_REFUSED, err);
	}
	int rc = is_split(
		r, spoken_hear(rep, peer, ack->incarnation, ack->count, err));

	if (rc == 0)
		rc = replica_ack_order(
			rep, peer, ack->incarnation, ack->count, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	r->result->acks++;
	rc = note_refusal(r, rep, false, err);
	if (rc >= 0)
		rc = replica_want_clear(rep, peer, err);
	for (size_t i = 0; i < ack->entry_count && rc >= 0; i++) {
		const struct parcel_ack_entry *e = &ack->entries[i];
		struct replica_log log;

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
		rc = replica_log_agrees(
			rep, &log, e->durable.lsn, e->durable.chain, err);
		if (rc < 0)
			return rc == ERR_CONFLICT
				       ? other_history(ack->account, e, err)
				       : rc;
		struct replica_ack row = {
			log.id, e->durable.lsn, e->durable.chain, e->applied};
		rc = replica_ack_set(rep, peer, &row, err);
	}
	for (size_t i = 0; i < ack->want_count && rc >= 0; i++)
		rc = replica_want_add(rep, peer, &ack->wants[i].hash,
			ack->wants[i].offset, err);
	return rc;
}

/* What a peer whose changes are not taken holds is no matter of ours. */
static int take_statement(struct receiving *r, struct replica *rep,
	const struct parcel_statement *s, struct err *err)
{
	struct os *os = r->config->os;
	struct stated *folders;
	int rc;

	if (!r->peer->takes_changes)
		return 0;
	folders = mem_array(s->count, sizeof(*folders));
	for (size_t i = 0; i < s->count; i++)
		folders[i] = (struct stated){s->folders[i].folder,
			{s->folders[i].messages, s->folders[i].digest}};
	rc = stated_hear(rep, r->peer->key.origin, s->vector, folders, s->count,
		os->ops->wall_ns(os) / 1000000, err);
	free(folders);
	return rc;
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
	int rc = is_split(r, spoken_asks(rep, peer, j->incarnation, err));

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
		rc = hear_whole(rep, peer, j, err);
	for (size_t i = 0; i < j->position_count && rc >= 0; i++) {
		const struct position *at = &j->positions[i];
		struct replica_log log;

		rc = replica_log_get(rep, &at->log, false, &log, err);
		if (rc != 0)
			continue; /* not known here */
		rc = at->log.origin == peer ? 0 : is_ahead(rep, at, &log, err);
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

static int take_join(struct receiving *r, struct replica *rep,
	const struct parcel_join *j, struct err *err)
{
	if (j->what == PARCEL_JOIN_ASKS || j->what == PARCEL_JOIN_ASKS_BRIEF)
		return hear_asker(r, rep, j, err);
	return joining_hear(rep, r->peer->key.origin, j->incarnation,
		j->positions, j->position_count, j->gone, j->gone_count,
		j->gone_total, j->what == PARCEL_JOIN_ANSWERS, err);
}

static bool is_changes(const struct parcel_section *s)
{
	return s->type == PARCEL_CHANGES || s->type == PARCEL_BRIEF;
}

static const char *account_of(const struct parcel_section *s)
{
	switch (s->type) {
	case PARCEL_CHANGES:
	case PARCEL_BRIEF:
		return s->changes.account;
	case PARCEL_ACK:
		return s->ack.account;
	case PARCEL_STATEMENT:
		return s->statement.account;
	case PARCEL_JOIN:
		return s->join.account;
	case PARCEL_COMPARE:
	case PARCEL_SKETCH:
	case PARCEL_TABLE:
	case PARCEL_ROWS:
		return s->compare.account;
	case PARCEL_BODY:
		break;
	}
	return NULL;
}

/* From a peer that cannot be asked it does not come by itself. */
static int note_lost(struct receiving *r, struct replica *rep,
	const struct parcel_changes *s, struct err *err)
{
	struct os *os = r->config->os;
	struct replica_log log;
	int rc = replica_log_get(rep, &s->from.log, true, &log, err);

	if (rc < 0 || !s->unasked || s->from.lsn <= log.known.lsn)
		return rc;
	return gap_lost(rep, &s->from.log, log.known.lsn + 1, s->from.lsn,
		"was handed over and did not come",
		os->ops->wall_ns(os) / 1000000, err);
}

/*
 * Something before these sections is missing: it may be under way, or our
 * state was lost. The next acknowledgement tells how far we know these logs.
 */
static void note_lacking(struct receiving *r, struct account *a,
	const struct parcel_sections *sections)
{
	struct err err = ERR_INIT;
	int rc = replica_begin(a->replica, &err);

	for (size_t i = 0; i < sections->count && rc >= 0; i++) {
		const struct parcel_section *s = &sections->items[i];

		if (is_changes(s) && strcmp(s->changes.account, a->name) == 0)
			rc = note_lost(r, a->replica, &s->changes, &err);
	}
	if (rc >= 0)
		rc = note_heard(r, a->replica, &err);
	if (rc >= 0)
		rc = replica_commit(a->replica, &err);
	replica_rollback(a->replica); /* at worst it is told later */
}

/* What the peer knows, and what it holds. */
static int take_words(struct receiving *r, struct account *a,
	const struct parcel_sections *sections, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < sections->count && rc >= 0; i++) {
		const struct parcel_section *s = &sections->items[i];

		if (s->type == PARCEL_ACK && !strcmp(s->ack.account, a->name))
			rc = take_ack(r, a->replica, &s->ack, err);
		if (s->type == PARCEL_STATEMENT &&
			!strcmp(s->statement.account, a->name))
			rc = take_statement(r, a->replica, &s->statement, err);
		if (s->type == PARCEL_JOIN && !strcmp(s->join.account, a->name))
			rc = take_join(r, a->replica, &s->join, err);
	}
	return rc;
}

/* Whose changes may come in rows: the peer's, those of peers whose changes are
   taken, and our own, which come back. */
static bool origin_ok(void *arg, uint64_t origin)
{
	const struct receiving *r = arg;

	if (origin == r->config->self->pub.origin)
		return true;
	for (size_t i = 0; i < r->config->peer_count; i++)
		if (r->config->peers[i].key.origin == origin)
			return r->config->peers[i].takes_changes;
	return false;
}

/* Comparisons of folders with this peer, and those that what it lost calls
   for. */
static int exchange(struct receiving *r, struct account *a,
	const struct parcel_sections *sections, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct os *os = r->config->os;
	struct exchange x = {
		.replica = a->replica,
		.peer = r->peer->key.origin,
		.takes = r->peer->takes_changes,
		.now_ms = os->ops->wall_ns(os) / 1000000,
		.origin_ok = origin_ok,
		.arg = r,
	};
	struct id128 *lacked;
	size_t count = 0;
	int rc = 0;

	for (size_t i = 0; i < sections->count && rc >= 0; i++) {
		const struct parcel_section *s = &sections->items[i];

		if (s->type >= PARCEL_COMPARE && s->type <= PARCEL_ROWS &&
			!strcmp(s->compare.account, a->name))
			rc = exchange_take(&x, s->type, &s->compare, err);
	}
	if (rc >= 0 && x.takes)
		rc = gap_lacked(
			a->replica, x.peer, &arena, &lacked, &count, err);
	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = comparing_begin(
			a->replica, x.peer, &lacked[i], COMPARING_EXACT, err);
	r->result->changes += x.result.taken;
	r->result->agreed += x.result.settled;
	return rc < 0 ? rc : 0;
}

static int compare(struct receiving *r, struct replica *rep, struct err *err)
{
	struct os *os = r->config->os;
	struct stated_result result;
	int rc = stated_compare(
		rep, os->ops->wall_ns(os) / 1000000, &result, err);

	r->result->agreed += result.agreed;
	r->result->differing += result.differing;
	return rc;
}

bool receive_is_refusal(int code)
{
	return code == ERR_AUTH || code == ERR_CORRUPT || code == ERR_LIMIT;
}

/* What is wrong with our own state or mail is no reason to refuse a parcel. */
static int our_fault(int rc, struct err *err)
{
	if (rc < 0 && receive_is_refusal(rc))
		rc = err->code = ERR_IO;
	return rc;
}

/* Does the peer begin anew, and ask? 1 or 0. */
static int begins_anew(struct receiving *r, struct account *a,
	const struct parcel_sections *sections, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < sections->count && rc == 0; i++) {
		const struct parcel_section *s = &sections->items[i];

		if (s->type == PARCEL_JOIN &&
			s->join.what == PARCEL_JOIN_ASKS &&
			!strcmp(s->join.account, a->name))
			rc = spoken_is_new(a->replica, r->peer->key.origin,
				s->join.incarnation, err);
	}
	return rc;
}

/* Of a site that says two things at once nothing is taken, whichever it is. */
static int check_split(struct receiving *r, struct account *a,
	const struct parcel_sections *sections, struct err *err)
{
	int rc = begins_anew(r, a, sections, err);

	return rc != 0 ? rc
		       : spoken_check(a->replica, r->peer->key.origin, err);
}

static void note_split(
	struct receiving *r, struct account *a, const struct err *why)
{
	struct os *os = r->config->os;
	struct err err = ERR_INIT;
	int rc = replica_begin(a->replica, &err);

	if (rc >= 0)
		rc = spoken_split(a->replica, r->peer->key.origin, why->text,
			os->ops->wall_ns(os) / 1000000, &err);
	if (rc >= 0)
		rc = replica_commit(a->replica, &err);
	replica_rollback(a->replica); /* at worst it is found once more */
}

/* All that a parcel says of one account, in one transaction. */
static int merge_account(struct receiving *r, const char *name,
	const struct parcel_sections *sections, struct err *err)
{
	struct account a;
	struct journal j;
	int rc = account_open(&a, r->config->os, r->config->state_dir, name,
		r->config->self->pub.origin, true, err);

	if (rc < 0)
		return our_fault(rc, err);
	rc = account_lock(&a, LOCK_WAIT_MS, err);
	if (rc >= 0 && r->config->settle)
		rc = r->config->settle(r->config->arg, &a, err);
	r->begins = r->split = false;
	if (rc >= 0)
		rc = check_split(r, &a, sections, err);
	if (rc >= 0)
		rc = journal_begin(&j, &a, err);
	if (rc < 0) {
		rc = our_fault(rc, err);
	} else {
		/* The account log first: folders before their messages. */
		for (int pass = 0; pass < 2 && rc >= 0; pass++) {
			for (size_t i = 0; i < sections->count && rc >= 0;
				i++) {
				const struct parcel_section *s =
					&sections->items[i];
				if (!is_changes(s) ||
					strcmp(s->changes.account, name) ||
					id_is_account(
						&s->changes.from.log.folder) !=
						(pass == 0))
					continue;
				rc = merge_section(r, &j, &s->changes, err);
			}
		}
		rc = rc < 0 ? rc : take_words(r, &a, sections, err);
		if (rc >= 0 && r->begins)
			rc = is_split(r, spoken_is_one_line(a.replica,
						 r->peer->key.origin, err));
		if (rc >= 0)
			rc = exchange(r, &a, sections, err);
		if (rc >= 0)
			rc = capture_merge_names(&j, err);
		if (rc >= 0)
			rc = compare(r, a.replica, err);
		if (rc >= 0)
			rc = our_fault(journal_commit(&j, false, err), err);
		else
			journal_abort(&j);
	}
	/* The peer thinks that we know more than we do: say what we know. */
	if (rc == ERR_TORN)
		note_lacking(r, &a, sections);
	if (r->split)
		note_split(r, &a, err);
	account_close(&a);
	return rc;
}

/*
 * What one account's part of a parcel meets keeps no other account's waiting.
 * A parcel that has to be taken again is not refused yet.
 */
static int merge_all(struct receiving *r,
	const struct parcel_sections *sections, struct err *err)
{
	int rc = 0, worst = 0;

	for (size_t i = 0; i < sections->count && rc >= 0; i++)
		if (is_changes(&sections->items[i]))
			rc = check_section(r, &sections->items[i].changes, err);
	for (size_t i = 0; i < sections->count && rc >= 0; i++) {
		const char *name = account_of(&sections->items[i]);
		struct err one = ERR_INIT;
		bool first = name != NULL;

		for (size_t k = 0; k < i && first; k++) {
			const char *other = account_of(&sections->items[k]);

			first = !other || strcmp(other, name);
		}
		if (!first)
			continue;
		/* One that is not here keeps nobody else's waiting. */
		if (!r->config->account_ok(
			    r->config->arg, r->peer->key.origin, name))
			continue;
		int merged = merge_account(r, name, sections, &one);
		if (merged < 0 &&
			(!worst || (receive_is_refusal(worst) &&
					   !receive_is_refusal(merged)))) {
			*err = one;
			worst = merged;
		}
	}
	return rc < 0 ? rc : worst;
}

static int check_space(
	const struct receive_config *config, size_t len, struct err *err)
{
	uint64_t left, total;
	int rc = config->os->ops->space(
		config->os, config->state_dir, &left, &total);

	if (rc < 0)
		return err_set_os(err, -rc, "%s", config->state_dir);
	if (left < len || left - len < total / 100 * config->reserve_percent)
		return err_set(err, ERR_OPERATOR,
			"%s: less than %u %% of the disk is free: nothing is "
			"taken until there is room (or set \"reserve\")",
			config->state_dir, config->reserve_percent);
	return 0;
}

int receive_parcel(const struct receive_config *config, const void *data,
	size_t len, struct receive_result *ret, struct err *err)
{
	struct receiving r = {.config = config, .result = ret};
	struct parcel_sections sections = {0};
	AUTO_BUF struct buf plain = BUF_INIT;
	AUTO_FREE struct key_public *keys =
		mem_array(config->peer_count + 1, sizeof(*keys));
	size_t peer;

	for (size_t i = 0; i < config->peer_count; i++)
		keys[i] = config->peers[i].key;
	int rc = parcel_open(config->self, keys, config->peer_count, data, len,
		&peer, &plain, err);
	/* It was whole when it was collected: nothing that comes mends it. */
	if (rc == ERR_TORN)
		rc = err->code = ERR_CORRUPT;
	if (rc >= 0) {
		r.peer = &config->peers[peer];
		rc = parcel_parse(r.peer->key.origin, plain.data, plain.len,
			&sections, err);
		if (rc >= 0)
			rc = check_space(config, plain.len, err);
		if (rc >= 0)
			rc = dir_make(
				config->os, config->bodies_dir, 0700, err);
		if (rc >= 0)
			rc = bodies_take(config->os, config->bodies_dir,
				&sections, &ret->bodies, err);
		if (rc >= 0)
			rc = merge_all(&r, &sections, err);
		parcel_sections_free(&sections);
		if (rc < 0)
			err_wrap(err, "peer %s", r.peer->name);
	}
	if (rc >= 0)
		ret->parcels++;
	else if (receive_is_refusal(rc))
		ret->refused++;
	return rc;
}

/* ---- cleaning ---- */

struct wanted {
	struct hash *list;
	size_t count;
};

static int want_row(void *arg, const struct replica_message *m, struct err *err)
{
	struct wanted *w = arg;

	(void)err;
	w->list = mem_grow(w->list, w->count + 1, sizeof(*w->list));
	w->list[w->count++] = m->hash;
	return 0;
}

static int want_damaged(
	void *arg, const struct replica_message *m, struct err *err)
{
	return damage_wants_body((enum damage)m->damage) ? want_row(arg, m, err)
							 : 0;
}

static int cmp_hash(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct hash));
}

int receive_clean(const struct receive_config *config,
	const char *const *accounts, size_t count, struct err *err)
{
	struct os *os = config->os;
	struct wanted wanted = {0};
	AUTO_BUF struct buf names = BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < count && rc >= 0; i++) {
		struct account a;

		rc = account_open(&a, os, config->state_dir, accounts[i],
			config->self->pub.origin, false, err);
		if (rc == ERR_ABSENT) {
			rc = 0;
			continue;
		}
		if (rc < 0)
			break;
		rc = replica_bodiless_each(a.replica, want_row, &wanted, err);
		if (rc >= 0)
			rc = replica_damaged_each(
				a.replica, want_damaged, &wanted, err);
		account_close(&a);
	}
	if (rc >= 0 && (rc = os->ops->list(os, config->bodies_dir, &names)) < 0)
		rc = rc == -ENOENT
			     ? 0
			     : err_set_os(err, -rc, "%s", config->bodies_dir);
	if (wanted.count)
		qsort(wanted.list, wanted.count, sizeof(*wanted.list),
			cmp_hash);
	struct os_entry entry;
	size_t at = 0;
	while (rc >= 0 && os_list_next(&names, &at, &entry)) {
		const char *name = entry.name;
		struct hash h;
		AUTO_FREE char *hex =
			mem_dup_n(name, strnlen(name, 2 * HASH_SIZE));

		if (hash_from_hex(hex, &h) == 0 &&
			(!wanted.count ||
				!bsearch(&h, wanted.list, wanted.count,
					sizeof(h), cmp_hash))) {
			AUTO_FREE char *path =
				mem_printf("%s/%s", config->bodies_dir, name);

			os->ops->unlink(os, path);
		}
	}
	free(wanted.list);
	return rc < 0 ? rc : 0;
}
