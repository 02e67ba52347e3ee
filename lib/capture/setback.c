/*
 * setback: folders whose UID list went back, by itself or with all of the
 * machine.
 *
 * In the first case the list is mended (uidback.c), and what was put of the
 * folder before that is undone; or the folder stops.
 *
 * In the second, state and mail agree, and only peers know better. So when a
 * state has joined (join.c), a list of a folder at home here is *behind* if
 * (1) UIDNEXT is lower than peers know, or
 * (2) the store is a copy of the one that was known, or
 * (3) a message has the UID of another one, which lives.
 * What was given since comes back from them, under its UIDs; then the applier
 * raises UIDNEXT. If the server gives one of these UIDs to new mail before, the list is
 * mended at once, and what comes back later gets new UIDs. That a list is behind
 * is in the state until UIDNEXT is what it was: a crash changes nothing.
 */
#include <stdlib.h>

#include "pass.h"
#include "shell.h"

#define BEHIND "behind" /* in meta, of a folder: found << 32 | known */

/* ---- a list that is behind ---- */

int pass_behind(struct pass *p, const struct replica_folder *f,
	struct behind *ret, struct err *err)
{
	AUTO_FREE char *key = pass_folder_key(BEHIND, f);
	int64_t both = 0;
	int rc = replica_meta_get(p->replica, key, &both, err);

	*ret = (struct behind){(uint32_t)(both >> 32), (uint32_t)both};
	return rc < 0 ? rc : 0;
}

static int note(struct pass *p, const struct replica_folder *f,
	const struct behind *at, struct err *err)
{
	AUTO_FREE char *key = pass_folder_key(BEHIND, f);

	return replica_meta_set(p->replica, key,
		(int64_t)((uint64_t)at->found << 32 | at->known), err);
}

/* The least UID that one message has here, and another one has as peers know;
   0: none. */
static int least_doubled(struct pass *p, const struct replica_folder *f,
	const struct store_view *view, uint32_t *ret, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	int64_t *rows;
	size_t count;
	int rc = replica_missing(p->replica, f->id, view->identity.uidnext,
		&arena, &rows, &count, err);

	*ret = 0;
	if (rc < 0 || !count)
		return rc;
	uint32_t *uids = arena_alloc(&arena, count * sizeof(*uids));
	for (size_t i = 0; i < count && rc >= 0; i++) {
		struct replica_message row;

		rc = replica_message_get(
			p->replica, rows[i], &arena, &row, err);
		if (rc == 0)
			uids[i] = row.uid;
	}
	qsort(uids, count, sizeof(*uids), pass_cmp_uid);
	for (size_t i = 0; i < view->count && rc >= 0; i++) {
		uint32_t uid = view->messages[i].uid;

		if (uid && (!*ret || uid < *ret) &&
			bsearch(&uid, uids, count, sizeof(*uids), pass_cmp_uid))
			*ret = uid;
	}
	return rc < 0 ? rc : 0;
}

int pass_behind_note(struct pass *p, const struct replica_folder *f,
	const struct store_view *view, struct err *err)
{
	const struct store_identity *id = &view->identity;
	struct behind at;
	int rc = pass_behind(p, f, &at, err);

	if (rc < 0 || at.known || f->dead || !pass_is_ours(p, f) ||
		!id->has_uids || id->uidvalidity != f->uidvalidity)
		return rc;
	at = (struct behind){id->uidnext, f->uidnext};
	if (pass_is_copy(p) && f->p_uidvalidity == id->uidvalidity &&
		f->p_uidnext < at.found)
		at.found = f->p_uidnext;
	if (at.found >= at.known) {
		rc = least_doubled(p, f, view, &at.found, err);
		if (rc < 0 || !at.found)
			return rc;
	}
	return note(p, f, &at, err);
}

int pass_behind_load(struct pass *p, const struct replica_folder *f,
	const struct store_identity *id, struct err *err)
{
	struct behind at;
	int rc = pass_behind(p, f, &at, err);
	bool ours = pass_is_ours(p, f) && id->uidvalidity == f->uidvalidity;

	p->behind = ours ? at.known : 0;
	return rc;
}

int pass_behind_over(struct pass *p, const struct replica_folder *f,
	const struct store_identity *id, struct err *err)
{
	if (!p->behind || p->finishing || id->uidnext < p->behind)
		return 0;
	p->behind = 0;
	return note(p, f, &(struct behind){0}, err);
}

/* ---- one that is to be mended ---- */

/* What was put of the folder is undone. */
static int undo(struct pass *p, struct err *err)
{
	journal_abort(&p->journal);
	p->result->changes -= p->puts;
	p->puts = 0;
	p->raised = false;
	return journal_begin(&p->journal, p->account, err);
}

int pass_stop_folder(
	struct pass *p, int64_t folder, const char *why, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	struct err quiet = ERR_INIT;
	int rc = undo(p, &quiet);

	p->result->stopped++;
	if (rc >= 0)
		rc = replica_folder_by_row(
			p->replica, folder, &arena, &f, &quiet);
	if (rc == 0) {
		f.stopped = why;
		rc = replica_folder_place(p->replica, &f, &quiet);
	}
	if (rc >= 0)
		rc = pass_commit(p, &quiet);
	if (rc < 0)
		*err = quiet;
	return ERR_OPERATOR;
}

int pass_mend_uids(struct pass *p, int64_t folder, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	int rc = undo(p, err);

	if (rc >= 0)
		rc = replica_folder_by_row(p->replica, folder, &arena, &f, err);
	if (rc != 0 || !f.p_path)
		return rc < 0 ? rc : 0;
	if (p->behind) {
		/* It is known whose it is, and what lacks. */
		f.guard_ok = true;
		f.p_uidvalidity = f.uidvalidity;
		if (f.p_uidnext < p->behind)
			f.p_uidnext = p->behind;
	}
	rc = pass_uids_mend(p, &f, err);
	if (rc <= 0)
		return rc;
	AUTO_FREE char *account = shell_word(p->account->name);
	AUTO_FREE char *path = shell_word(f.p_path);
	err_set(err, ERR_OPERATOR,
		"account %s: folder %s: its UIDs went back: restored from an "
		"older copy? (nothing of it is logged; if it is right: "
		"packetboat on %s %s)",
		p->account->name, f.p_path, account, path);
	return pass_stop_folder(p, folder,
		"its UIDs went back: the mail was restored from an older copy",
		err);
}
