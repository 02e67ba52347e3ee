/*
 * renumber: other UIDs for mail of a folder at home here that came too late at
 * a peer for the ones that it was to have (lib/replica/late.h).
 *
 * It is done as the server does it, in the UID list, under its lock: what was
 * placed with the UID that it is to have, and has it still, gets one above all
 * that were given here and, as far as is known, at peers, in the order of those
 * that they had. Nothing is logged here: the look that follows sees other UIDs,
 * which is a change of this site's as any other.
 *
 * UIDNEXT goes up at once where a peer's is higher, and with what is due only
 * later: so what is saved meanwhile does not come late there, too.
 *
 * A crash leaves the list as it was, or with all of the new UIDs; then they are
 * logged at the next look.
 */
#include <stdlib.h>

#include "late.h"
#include "pass.h"

int pass_late_load(struct pass *p, struct arena *arena, struct err *err)
{
	if (!p->config->two_way_count || p->recognising || p->finishing)
		return 0;
	return late_folders(p->replica, arena, &p->late, &p->late_count, err);
}

static bool is_late(const struct pass *p, const struct replica_folder *f)
{
	for (size_t i = 0; i < p->late_count; i++)
		if (p->late[i] == f->id)
			return pass_is_ours(p, f) && !p->settling;
	return false;
}

static int give_one(struct pass *p, const struct replica_folder *f,
	struct store_txn *t, int64_t message, uint32_t uid, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message row;
	int rc = replica_message_get(p->replica, message, &arena, &row, err);

	if (rc != 0 || row.p_folder != f->id)
		return rc < 0 ? rc : 0;
	const struct store_message *m =
		store_view_find(p->store->ops->txn_view(t), row.p_base);
	if (!m || m->doubled || m->uid != row.uid)
		return 0; /* something else is to be logged first */
	p->store->ops->txn_uid(t, m->base, uid, m->extra);
	return 1;
}

/* A try that failed is none: it would cost one of those that there are, and
   room in the list. */
static int note_given(struct pass *p, const struct late_due *due,
	const bool *given, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < due->count && rc >= 0; i++)
		if (given[i])
			rc = late_done(p->replica, due->messages[i], err);
	return rc;
}

static int give_all(struct pass *p, const struct replica_folder *f,
	struct store_txn *t, const struct late_due *due, struct err *err)
{
	AUTO_FREE bool *given = mem_array(due->count + 1, sizeof(*given));
	uint32_t next = due->uidnext;
	int rc = 0;

	for (size_t i = 0; i < due->count && rc >= 0; i++) {
		rc = give_one(p, f, t, due->messages[i], next, err);
		given[i] = rc > 0;
		next += rc > 0;
	}
	if (rc < 0)
		return rc;
	if (next <= p->store->ops->txn_view(t)->identity.uidnext)
		return 0;
	struct store_identity id = {.uidnext = next, .extra = ""};
	p->store->ops->txn_identity(t, &id);
	rc = p->store->ops->txn_commit(t, err);
	if (rc >= 0)
		rc = note_given(p, due, given, err);
	if (rc < 0)
		return rc;
	p->result->renumbered += next - due->uidnext;
	return 1;
}

/* Is the list the one that peers were told of? */
static int is_right(struct pass *p, const struct replica_folder *f,
	const struct store_identity *id, struct err *err)
{
	struct behind at;
	int rc = pass_behind(p, f, &at, err);

	if (rc < 0)
		return rc;
	return !at.known && id->has_uids && id->uidvalidity == f->uidvalidity &&
	       id->uidvalidity == f->p_uidvalidity && !pass_uids_low(f, id);
}

int pass_renumber(
	struct pass *p, const struct replica_folder *f, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct late_due due = {0};
	struct store_txn *t;

	if (!is_late(p, f))
		return 0;
	/* By what was recorded: the lock is taken only where it is needed. */
	int rc = late_due(p->replica, f->id, f->p_uidnext, p->config->two_way,
		p->config->two_way_count, &arena, &due, err);
	if (rc < 0 || !due.uidnext)
		return rc;
	rc = p->store->ops->txn_begin(
		p->store, f->p_path, false, NULL, &t, err);
	if (rc == ERR_BUSY)
		return 0; /* the server is at work on it */
	if (rc < 0)
		return rc;
	const struct store_identity *id = &p->store->ops->txn_view(t)->identity;
	rc = is_right(p, f, id, err);
	if (rc > 0 && due.uidnext < id->uidnext)
		due.uidnext = id->uidnext;
	if (rc > 0)
		rc = give_all(p, f, t, &due, err);
	p->store->ops->txn_end(t);
	return rc;
}
