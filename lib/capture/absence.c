/*
 * absence: what was placed in a folder and is not there any more: expunged,
 * unless it was moved, merely waits elsewhere, or so much is gone that an
 * operator has to say that it is meant.
 */
#include <stdlib.h>
#include <string.h>

#include "pass.h"

static int expunge(struct pass *p, const struct replica_folder *f,
	struct replica_message *row, int64_t event_ms, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct dot *dots;
	size_t count;
	int rc = replica_dots(p->replica, row->id, &arena, &dots, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		struct change c = pass_change(
			p, CHANGE_EXPUNGE, event_ms, row->place_by.stamp);

		c.dot = dots[i];
		rc = pass_put(p, &f->fid, &c, err);
	}
	return rc;
}

/* It had been logged as a copy a moment before: it was a move. */
static int late_move(struct pass *p, const struct replica_folder *f,
	const struct replica_message *row, const struct replica_message *copy,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder to;
	int rc = replica_folder_by_row(
		p->replica, copy->folder, &arena, &to, err);

	if (rc != 0)
		return rc;
	uint64_t of_row, of_copy;
	rc = replica_message_stamp(p->replica, row->id, &of_row, err);
	if (rc >= 0)
		rc = replica_message_stamp(p->replica, copy->id, &of_copy, err);
	if (rc < 0)
		return rc;
	struct change c = pass_change(
		p, CHANGE_MOVE, 0, of_row > of_copy ? of_row : of_copy);
	c.dot = row->dot;
	c.source = copy->dot;
	c.uid = copy->p_uid;
	c.size = copy->size;
	c.mtime = copy->mtime;
	c.hash = copy->hash;
	c.base = copy->p_base;
	c.extra = copy->p_extra;
	c.add = (struct flag_set){copy->letters, copy->keywords};
	rc = pass_put(p, &to.fid, &c, err);
	if (rc < 0)
		return rc;
	c = pass_change(p, CHANGE_LEFT, 0, row->place_by.stamp);
	c.dot = row->dot;
	c.folder = to.fid;
	rc = pass_put(p, &f->fid, &c, err);
	/* What the message was given before it left, its copy was not. */
	struct replica_message joined;
	struct flag_set seen = {copy->p_letters, copy->p_keywords};
	if (rc >= 0)
		rc = replica_message_by_dot(
			p->replica, &copy->dot, &arena, &joined, err);
	return rc != 0 ? rc
		       : pass_flags_seen(p, &to.fid, &joined, &seen, 0, err);
}

/* The message lies nowhere now: record it, before or after it is logged. */
static int unplace(struct pass *p, int64_t id, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message row;
	int rc = replica_message_get(p->replica, id, &arena, &row, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	row.p_folder = 0;
	row.p_uid = 0;
	row.p_ino = 0;
	return replica_message_place(p->replica, &row, true, err);
}

/* Its file lies somewhere and waits for a UID or a name: not gone yet. */
static bool waits_elsewhere(
	const struct pass *p, const struct replica_message *row)
{
	for (size_t i = 0; i < p->waiting_count; i++)
		if (row->p_ino && p->waiting[i] == row->p_ino)
			return true;
	return false;
}

static int absent_one(struct pass *p, const struct replica_folder *f,
	const struct store_view *view, bool restored, int64_t id,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message row, copy;
	int64_t window =
		p->config->copy_window_ms ? p->config->copy_window_ms : 10000;
	int rc = replica_message_get(p->replica, id, &arena, &row, err);

	if (rc != 0 || row.p_folder != f->id)
		return rc < 0 ? rc : 0; /* moved meanwhile: it is settled */
	if (view && (store_view_find(view, row.p_base) || damage_keeps(&row)))
		return 0;
	if (row.dead)
		return unplace(p, id, err);
	if (row.folder != f->id)
		return unplace(p, id, err); /* merged elsewhere: as wanted */
	if (waits_elsewhere(p, &row)) {
		p->result->racy = true;
		return 0;
	}
	rc = replica_message_copy_of(
		p->replica, id, p->now_ms - window, &arena, &copy, err);
	if (rc < 0)
		return rc;
	int64_t event_ms = view ? view->dir_ctime_ns / 1000000 : 0;
	if (rc == 0) {
		rc = unplace(p, id, err);
		return rc < 0 ? rc : late_move(p, f, &row, &copy, err);
	}
	/* It is to be placed again. */
	rc = restored ? 1 : pass_adopts(p, f, &row, err);
	if (rc != 0)
		return rc < 0 ? rc : unplace(p, id, err);
	rc = expunge(p, f, &row, event_ms, err);
	return rc < 0 ? rc : unplace(p, id, err);
}

/* Of how many rows are absences that would be logged as expunges? */
struct count {
	const struct store_view *view;
	int64_t folder;
	uint64_t placed, absent;
	int64_t *ids;
	size_t id_count;
};

static int count_row(
	void *arg, const struct replica_message *row, struct err *err)
{
	struct count *c = arg;

	(void)err;
	c->placed++;
	if (c->view &&
		(store_view_find(c->view, row->p_base) || damage_keeps(row)))
		return 0;
	if (!row->dead && row->folder == c->folder)
		c->absent++;
	c->ids = mem_grow(c->ids, c->id_count + 1, sizeof(*c->ids));
	c->ids[c->id_count++] = row->id;
	return 0;
}

int pass_absences(struct pass *p, int64_t folder, const struct store_view *view,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	struct count c = {.view = view, .folder = folder};
	int rc = replica_folder_by_row(p->replica, folder, &arena, &f, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	int restored = pass_restored(p->replica, &f, err);
	rc = restored < 0 ? restored
			  : replica_placed_each(
				    p->replica, folder, count_row, &c, err);
	bool mass = capture_is_mass(p->config, c.placed, c.absent) &&
		    !capture_is_exempt(p->config, f.path);
	if (rc >= 0 && mass && !f.guard_ok) {
		p->result->guarded += c.absent;
		f.guard_count = c.absent;
		f.cookie_good = false;
		rc = replica_folder_place(p->replica, &f, err);
	} else if (rc >= 0) {
		for (size_t i = 0; i < c.id_count && rc >= 0; i++)
			rc = absent_one(
				p, &f, view, restored > 0, c.ids[i], err);
		if (rc >= 0 && restored && view)
			rc = pass_restored_set(p->replica, &f, false, err);
		if (rc >= 0 && (f.guard_count || f.guard_ok)) {
			f.guard_count = 0;
			f.guard_ok = false;
			rc = replica_folder_place(p->replica, &f, err);
		}
	}
	free(c.ids);
	if (rc >= 0 && p->puts >= COMMIT_EVERY)
		rc = pass_commit(p, err);
	return rc < 0 ? rc : 0;
}
