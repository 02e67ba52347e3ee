/*
 * join: looking at mail with a state that joins (lib/replica/joining.h).
 *
 * What lies here is noted first, for them to be short (stocktake.c). Until its
 * peers have answered, nothing is logged. What they said lies where
 * is recorded as placed: of a folder at home here with what they know of it, so
 * that what differs is a change of ours, to be logged when joining is over; of
 * another folder as it lies, so that it becomes as its home wants it.
 *
 * When they have answered, what a state from a backup had recorded as placed is
 * revised where they know better. What it did not record an applier placed
 * since: of mail at home elsewhere whatever lies here is what was placed
 * (pass_adopts). The pass goes on as always, and
 *   a mail that lies elsewhere than they said has been moved;
 *   one that they say was expunged is removed, not born. But not from a folder
 *   at home here whose UID list is the newest: somebody brought it back;
 *   one that they know and that is not here, though the folder is at home here
 *   and its UID was given out, was expunged. Where that would be a mass of
 *   mails, or cannot be told, it comes back from a peer;
 *   a folder at home here that is not here comes back, too, with another
 *   UIDVALIDITY.
 */
#include <stdlib.h>
#include <string.h>

#include "gaps.h"
#include "joining.h"
#include "pass.h"

/* ---- waiting for answers ---- */

/* Have all that can answer done so, or was that waited for long enough? */
static int is_over(struct pass *p, int64_t since, struct err *err)
{
	const struct capture_config *config = p->config;
	int rc = 1;

	if (config->join_ms && p->now_ms - since >= config->join_ms)
		return 1;
	for (size_t i = 0; i < config->answering_count && rc > 0; i++)
		rc = joining_answered(p->replica, config->answering[i], err);
	return rc;
}

/* ---- what lies where it should ---- */

/* A row of which something else is to be recorded as placed. */
struct revision {
	int64_t message;
	bool as_known; /* where it lies; else nowhere */
};

struct placed {
	const struct store_view *view;
	bool *is; /* per message of the view */
	bool ours, finishing, copied;
	struct revision *revised;
	size_t count;
};

/* Expunged, as peers say, and there again: under another UID than it had. */
static bool is_back(const struct placed *placed,
	const struct replica_message *row, const struct store_message *m)
{
	return placed->ours && row->dead && m->uid && row->p_uid &&
	       m->uid != row->p_uid;
}

/*
 * A state from a backup knows how a mail was long ago, peers how it was at the
 * last exchange: what differs from that users did since. But where the mail is
 * of the backup, too, it is another file than the state knows, and as it was
 * long ago.
 */
static bool is_younger(const struct placed *placed,
	const struct replica_message *row, const struct store_message *m)
{
	return placed->ours && placed->finishing && !placed->copied &&
	       !row->dead && row->todo == 1 && !row->damage &&
	       row->p_ino == m->ino;
}

static int note_placed(
	void *arg, const struct replica_message *row, struct err *err)
{
	struct placed *placed = arg;
	const struct store_message *m =
		store_view_find(placed->view, row->p_base);
	bool stays;

	(void)err;
	if (!m)
		return 0;
	stays = row->folder == row->p_folder && !strcmp(row->base, row->p_base);
	if (is_back(placed, row, m) || is_younger(placed, row, m)) {
		placed->revised = mem_room(placed->revised, placed->count,
			sizeof(*placed->revised));
		placed->revised[placed->count++] =
			(struct revision){row->id, !row->dead && stays};
		if (row->dead || !stays)
			return 0;
	}
	placed->is[m - placed->view->messages] = true;
	return 0;
}

static int revise(struct pass *p, const struct revision *how, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message row;
	int rc = replica_message_get(
		p->replica, how->message, &arena, &row, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	row.p_letters = how->as_known ? row.letters : "";
	row.p_keywords = how->as_known ? row.keywords : "";
	row.p_extra = how->as_known ? row.extra : "";
	if (!how->as_known) {
		row.p_folder = 0;
		row.p_base = "";
		row.p_uid = 0;
		row.p_ino = 0;
	} else if (row.uid) {
		row.p_uid = row.uid;
	}
	return replica_message_place(p->replica, &row, true, err);
}

static int revise_all(struct pass *p, const struct replica_folder *f,
	const struct placed *placed, struct err *err)
{
	struct replica_folder now = *f;
	int rc = 0;

	for (size_t i = 0; i < placed->count && rc >= 0; i++)
		rc = revise(p, &placed->revised[i], err);
	if (rc < 0 || !placed->count)
		return rc;
	now.cookie_good = false;
	return replica_folder_place(p->replica, &now, err);
}

static int recognise_mails(struct pass *p, const struct replica_folder *f,
	const struct store_view *view, struct err *err)
{
	AUTO_FREE bool *is = mem_array(view->count + 1, sizeof(*is));
	struct placed placed = {.view = view,
		.is = is,
		.ours = pass_is_ours(p, f),
		.finishing = p->finishing,
		.copied = pass_is_copy(p)};
	int rc = replica_placed_each(
		p->replica, f->id, note_placed, &placed, err);

	if (rc >= 0)
		rc = revise_all(p, f, &placed, err);
	free(placed.revised);
	for (size_t i = 0; i < view->count && rc >= 0; i++) {
		if (is[i])
			continue;
		rc = pass_recognise(p, f, view, &view->messages[i], err);
		if (rc >= 0 && ++p->puts >= COMMIT_EVERY)
			rc = pass_commit(p, err);
	}
	return rc;
}

static int recognise_folder(
	struct pass *p, const struct replica_folder *f, struct err *err)
{
	struct store_view view = {0};
	int rc = p->store->ops->view(
		p->store, f->p_path, STORE_UNLOCKED, &view, err);

	if (rc >= 0)
		rc = recognise_mails(p, f, &view, err);
	if (rc >= 0 && p->finishing)
		rc = pass_behind_note(p, f, &view, err);
	store_view_free(&view);
	return rc == ERR_ABSENT ? 0 : rc;
}

static int recognise(struct pass *p, struct arena *arena, struct err *err)
{
	struct replica_folder *folders;
	size_t count = 0;
	int rc;

	p->recognising = true;
	rc = pass_tree(p, arena, err);
	if (rc >= 0)
		rc = replica_folders(p->replica, arena, &folders, &count, err);
	for (size_t i = 0; i < count && rc >= 0; i++)
		if (folders[i].p_path && !folders[i].off)
			rc = recognise_folder(p, &folders[i], err);
	if (rc >= 0)
		rc = pass_commit(p, err);
	p->recognising = false;
	return rc;
}

bool pass_adopts_folder(const struct pass *p, const struct replica_folder *f)
{
	return p->finishing && f->authority.term && !pass_is_ours(p, f);
}

int pass_adopts(struct pass *p, const struct replica_folder *f,
	const struct replica_message *row, struct err *err)
{
	struct replica_message m = *row;
	int rc = 0;

	if (!pass_adopts_folder(p, f))
		return 0;
	if (!m.dot.lsn)
		rc = replica_message_dot(p->replica, &m, err);
	return rc < 0 ? rc : m.dot.log.origin != replica_origin(p->replica);
}

/* A folder that is at home here has the name that it has here; but what it has
   in a copy of the mail may be as old as the state. */
static int rename_homes(struct pass *p, struct arena *arena, struct err *err)
{
	struct replica_folder *folders;
	size_t count = 0;
	int rc = pass_is_copy(p) ? 0
				 : replica_folders(p->replica, arena, &folders,
					   &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		const struct replica_folder *f = &folders[i];

		if (!f->p_path || f->dead || !pass_is_ours(p, f) ||
			!strcmp(f->path, f->p_path))
			continue;
		struct change c =
			pass_change(p, CHANGE_RENAME, 0, f->path_by.stamp);
		c.folder = f->fid;
		c.path = f->p_path;
		rc = pass_put(p, &ID_ACCOUNT, &c, err);
	}
	return rc;
}

/* What was known of some folder is known nowhere, and a peer joins, too: both
   states were lost, or one of them is too old. */
int pass_both_lost(struct pass *p, struct err *err)
{
	const struct capture_config *config = p->config;
	struct asker asker = {0};
	int rc = 0;

	for (size_t i = 0;
		i < config->answering_count && rc >= 0 && !asker.incarnation;
		i++)
		rc = asker_get(p->replica, config->answering[i], &asker, err);
	if (rc < 0 || !asker.incarnation)
		return rc < 0 ? rc : 0;
	return gap_unsure(p->replica, &ID_ACCOUNT,
		"the states of this site and of a peer were lost: what users "
		"did meanwhile, and where folders were at home, nobody knows",
		p->now_ms, err);
}

/*
 * A new state that knows by now what it wrote before says from whose end it
 * goes on, before all else. That nobody knows anything is told.
 */
static int begin(
	struct pass *p, int64_t since, struct arena *arena, struct err *err)
{
	struct change begin = pass_change(p, CHANGE_BEGIN, since, 0);
	uint64_t now = replica_incarnation(p->replica);
	struct replica_log *logs;
	size_t count = 0;
	bool any = false;
	int rc = replica_logs(p->replica, arena, &logs, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		const struct position *at = &logs[i].known;

		any |= at->lsn != 0;
		if (at->log.origin != replica_origin(p->replica) || !at->lsn)
			continue;
		if (at->log.incarnation == now)
			return 0;
		if (!begin.end.lsn || id_is_account(&at->log.folder))
			begin.end = *at;
	}
	if (rc >= 0 && !any)
		return pass_both_lost(p, err);
	return rc < 0 || !begin.end.lsn ? rc
					: pass_put(p, &ID_ACCOUNT, &begin, err);
}

int pass_join(struct pass *p, struct arena *arena, struct err *err)
{
	int64_t since;
	int rc = joining_since(p->replica, &since, err);

	if (rc < 0 || !since)
		return rc;
	rc = pass_stocktake(p, err);
	if (rc >= 0)
		rc = is_over(p, since, err);
	if (rc < 0)
		return rc;
	p->result->joins = rc == 0;
	p->finishing = rc > 0;
	rc = recognise(p, arena, err);
	if (rc < 0)
		return rc;
	if (!p->finishing)
		return 1;
	rc = begin(p, since, arena, err);
	return rc < 0 ? rc : rename_homes(p, arena, err);
}

/* ---- what is not there ---- */

static int expunge(struct pass *p, const struct replica_folder *f,
	int64_t message, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message row;
	struct dot *dots;
	size_t count = 0;
	int rc = replica_message_get(p->replica, message, &arena, &row, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = replica_dots(p->replica, message, &arena, &dots, &count, err);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		struct change c =
			pass_change(p, CHANGE_EXPUNGE, 0, row.place_by.stamp);

		c.dot = dots[i];
		rc = pass_put(p, &f->fid, &c, err);
	}
	return rc;
}

/* Is it so much of the folder that a person should have a say? */
static bool is_mass(
	const struct pass *p, const struct replica_folder *f, size_t missing)
{
	return capture_is_mass(p->config, f->messages, missing) &&
	       !capture_is_exempt(p->config, f->path);
}

static int expunge_missing(
	struct pass *p, const struct replica_folder *f, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	int64_t *missing;
	size_t count = 0;
	struct behind behind;
	int rc = pass_behind(p, f, &behind, err);
	uint32_t next = behind.known ? behind.found : f->p_uidnext;

	/* Only where the UIDs tell that it was here. */
	if (rc >= 0 && f->p_path && !f->dead && !f->off && !*f->stopped &&
		pass_is_ours(p, f) && next &&
		f->p_uidvalidity == f->uidvalidity)
		rc = replica_missing(
			p->replica, f->id, next, &arena, &missing, &count, err);
	if (rc >= 0 && is_mass(p, f, count))
		return gap_unsure(p->replica, &f->fid,
			"most of its mail was not there when this site joined "
			"again: expunged, or lost? It comes back",
			p->now_ms, err);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		pass_touch(p, f->p_path);
		rc = expunge(p, f, missing[i], err);
		if (rc >= 0 && p->puts >= COMMIT_EVERY)
			rc = pass_commit(p, err);
	}
	return rc;
}

/* UIDs may have been given in a folder that no peer heard of: under another
   UIDVALIDITY they may mean other mail. */
static int begin_uids_anew(
	struct pass *p, const struct replica_folder *f, struct err *err)
{
	struct change c =
		pass_change(p, CHANGE_IDENTITY, 0, f->identity_by.stamp);
	int64_t now_s = p->now_ms / 1000;

	if (!f->uidvalidity || f->uidvalidity == UINT32_MAX)
		return 0;
	c.folder = f->fid;
	c.uidvalidity = now_s > f->uidvalidity && now_s <= UINT32_MAX
				? (uint32_t)now_s
				: f->uidvalidity + 1;
	c.guid = f->guid;
	c.extra = f->extra;
	return pass_put(p, &ID_ACCOUNT, &c, err);
}

/* A folder at home here that is not in the store comes back from a peer. In a
   copy of the mail it was not made yet. */
static int bring_back(
	struct pass *p, const struct replica_folder *f, struct err *err)
{
	if (f->p_path || f->dead || !pass_is_ours(p, f) || pass_is_copy(p))
		return 0;
	int rc = gap_unsure(p->replica, &f->fid,
		"it was not there when this site joined again: deleted, or "
		"lost? It comes back",
		p->now_ms, err);
	return rc < 0 ? rc : begin_uids_anew(p, f, err);
}

int pass_unknown_mail(
	struct pass *p, const struct replica_folder *f, struct err *err)
{
	return gap_unsure(p->replica, &f->fid,
		"it is not at home here, and held mail that no peer knew when "
		"this site joined: new, or expunged at home? It stays here",
		p->now_ms, err);
}

int pass_joined(struct pass *p, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder *folders;
	size_t count = 0;
	int rc;

	/* What waits for its UID may be what is missing. */
	if (p->result->waiting) {
		p->result->joins = true;
		return 0;
	}
	rc = replica_folders(p->replica, &arena, &folders, &count, err);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		rc = expunge_missing(p, &folders[i], err);
		if (rc >= 0)
			rc = bring_back(p, &folders[i], err);
	}
	return rc < 0 ? rc : joining_end(p->replica, err);
}
