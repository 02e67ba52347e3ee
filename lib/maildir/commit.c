/*
 * commit: a plan carried out, in an order that a crash may cut anywhere.
 *
 *	1 dovecot-keywords       a letter has its name before a file has it
 *	2 dovecot-uidlist        a UID has its line before its file is seen
 *	  (both durable)
 *	3 cur/.x made and removed after a change of UIDs: it wakes IDLE
 *	4 bodies from tmp/ to cur/, by link and unlink: nothing is overwritten
 *	5 files replaced: linked into the trash, then the new body renamed over
 *	  them, so that there is no moment without the message
 *	6 files renamed for flags
 *	7 expunged files renamed into the trash
 *	  (the lock is dropped, directories made durable)
 *
 * A crash after 2 leaves a line without its file. The next commit may add the
 * message under that UID (store_view.pending); if it does not, the line goes
 * and the UID is burned. (If the server looked meanwhile it takes the message
 * for one that reappeared, and gives it another itself.) After 4 to 7 what is
 * done is done, and the next view tells what is not. Staged bodies that were
 * not placed are swept away by the next stage.
 *
 * A folder to be built goes through the same steps aside, and is then renamed
 * into place (build.c).
 */
#include "maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* Where cur/ and new/ are: aside, or the folder's directory. */
static const char *mail_dir(const struct store_txn *t)
{
	return t->aside ? t->aside : t->f.dir;
}

/* Where the control files are. */
static const char *control_dir(const struct store_txn *t)
{
	return t->aside && !t->m->control ? t->aside : t->f.control;
}

static mode_t mode_of_file(
	const struct store_txn *t, const char *path, mode_t fallback)
{
	struct os *os = t->m->store.os;
	struct os_stat st;

	return os->ops->lstat(os, path, &st) < 0 ? fallback : st.mode & 0777;
}

/*
 * A running Dovecot reads this file again only when its mtime has changed by
 * a whole second; else it invents names for the new letters.
 */
static int64_t keywords_mtime(const struct store_txn *t, const char *path)
{
	struct os *os = t->m->store.os;
	int64_t now = os->ops->wall_ns(os) / NS_PER_S;
	struct os_stat st;

	if (os->ops->lstat(os, path, &st) >= 0 && st.mtime_ns / NS_PER_S >= now)
		now = st.mtime_ns / NS_PER_S + 1;
	return now * NS_PER_S;
}

static int write_keywords(const struct store_txn *t, const struct plan *p,
	mode_t mode, struct err *err)
{
	AUTO_FREE char *path = path_join(control_dir(t), KEYWORDS_FILE);
	AUTO_FREE char *tmp = mem_printf("%s.tmp", path);
	AUTO_BUF struct buf data = BUF_INIT;

	keywords_print(p->keywords, &data);
	return control_replace(t->m->store.os, tmp, path, NULL, &data,
		mode_of_file(t, path, mode), keywords_mtime(t, path), err);
}

/* A new UIDVALIDITY is counted before a folder shows it. */
static int settle_uidvalidity(
	struct store_txn *t, struct plan *p, struct err *err)
{
	if (!p->identity.uidvalidity)
		return uidvalidity_next(t->m, &p->identity.uidvalidity, err);
	if (p->new_uidvalidity)
		return uidvalidity_raise(t->m, p->identity.uidvalidity, err);
	return 0;
}

static int write_uidlist(
	struct store_txn *t, struct plan *p, mode_t mode, struct err *err)
{
	AUTO_FREE char *path = path_join(control_dir(t), UIDLIST_FILE);
	AUTO_FREE char *tmp = mem_printf("%s.tmp", path);
	AUTO_BUF struct buf head = BUF_INIT;
	int r = settle_uidvalidity(t, p, err);

	if (r < 0)
		return r;
	uidlist_print_head(&p->identity, &head);
	return control_replace(t->m->store.os, tmp, path, &head, &p->lines,
		mode_of_file(t, path, mode), 0, err);
}

static int write_control(struct store_txn *t, struct plan *p, struct err *err)
{
	struct os *os = t->m->store.os;
	struct modes modes;
	int r;

	if (!p->keywords_changed && !p->uidlist_changed)
		return 0;
	r = modes_of(os, mail_dir(t), &modes, err);
	if (r == 0 && t->m->control && !is_directory(os, t->f.control))
		r = dir_make(os, t->f.control, modes.dir & 0777, err);
	if (r == 0 && p->keywords_changed)
		r = write_keywords(t, p, modes.file, err);
	if (r == 0 && p->uidlist_changed)
		r = write_uidlist(t, p, modes.file, err);
	return r == 0 ? dir_sync(os, control_dir(t), err) : r;
}

/* Sessions look into cur/ for changed UIDs only when its entries change. */
static int wake_sessions(struct store_txn *t, struct err *err)
{
	AUTO_FREE char *name = temp_name(t->m, true);
	AUTO_FREE char *path = mem_printf("%s/cur/.%s", t->f.dir, name);
	struct os *os = t->m->store.os;
	int fd = os->ops->open(
		os, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_set_os(err, -fd, "create %s", path);
	os->ops->close(os, fd);
	work_remove(t->m, path);
	return 0;
}

static int place_adds(struct store_txn *t, struct err *err)
{
	struct os *os = t->m->store.os;

	for (size_t i = 0; i < t->add_count; i++) {
		const struct txn_add *a = &t->adds[i];
		struct staged *body = &t->stage->bodies[a->add.staged];
		AUTO_FREE char *path =
			mem_printf("%s/cur/%s", mail_dir(t), a->name);
		int r = os->ops->link(os, body->path, path);

		if (r == -EEXIST)
			return err_set(
				err, ERR_CONFLICT, "%s is there already", path);
		if (r < 0)
			return err_set_os(err, -r, "link %s", path);
		body->used = true;
		work_remove(t->m, body->path);
	}
	return 0;
}

static char *path_of(const struct store_txn *t, const struct store_message *m)
{
	return mem_printf(
		"%s/%s/%s", t->f.dir, m->in_new ? "new" : "cur", m->name);
}

/* Returns 1 when somebody without a lock renamed or removed it meanwhile. */
static int move_message(const struct store_txn *t,
	const struct store_message *m, const char *to, struct err *err)
{
	AUTO_FREE char *from = path_of(t, m);
	struct os *os = t->m->store.os;
	int r = os->ops->rename(os, from, to);

	if (r == -ENOENT)
		return 1;
	return r < 0 ? err_set_os(err, -r, "rename %s to %s", from, to) : 0;
}

static int rename_messages(struct store_txn *t, const struct plan *p,
	bool *ret_moved, struct err *err)
{
	for (size_t i = 0; i < t->view.count; i++) {
		AUTO_FREE char *to = NULL;
		int r;

		if (!p->names[i])
			continue;
		to = mem_printf("%s/cur/%s", t->f.dir, p->names[i]);
		r = move_message(t, &t->view.messages[i], to, err);
		if (r < 0)
			return r;
		*ret_moved |= r == 1;
	}
	return 0;
}

/* Returns 1 as move_message. */
static int replace_message(
	const struct store_txn *t, size_t i, const char *trash, struct err *err)
{
	const struct store_message *m = &t->view.messages[i];
	struct staged *body = &t->stage->bodies[t->changes[i].staged];
	AUTO_FREE char *path = path_of(t, m);
	AUTO_FREE char *to = path_join(trash, m->name);
	struct os *os = t->m->store.os;
	int r = os->ops->link(os, path, to);

	if (r == -ENOENT)
		return 1;
	if (r < 0)
		return err_set_os(err, -r, "link %s to %s", path, to);
	r = os->ops->rename(os, body->path, path);
	if (r < 0)
		return err_set_os(err, -r, "rename %s to %s", body->path, path);
	body->used = true;
	return 0;
}

static int replace_messages(struct store_txn *t, const char *trash,
	bool *ret_moved, struct err *err)
{
	for (size_t i = 0; i < t->view.count; i++) {
		int r;

		if (!t->changes[i].replace || t->changes[i].expunge)
			continue;
		r = replace_message(t, i, trash, err);
		if (r < 0)
			return r;
		*ret_moved |= r == 1;
	}
	return 0;
}

static int expunge_messages(struct store_txn *t, const char *trash,
	bool *ret_moved, struct err *err)
{
	for (size_t i = 0; i < t->view.count; i++) {
		const struct store_message *m = &t->view.messages[i];
		AUTO_FREE char *to = NULL;
		int r;

		if (!t->changes[i].expunge)
			continue;
		to = path_join(trash, m->name);
		r = move_message(t, m, to, err);
		if (r < 0)
			return r;
		*ret_moved |= r == 1;
	}
	return 0;
}

/* *ret: where files go that are removed, to free; NULL: none are. */
static int open_trash(struct store_txn *t, char **ret, struct err *err)
{
	bool any = false;

	for (size_t i = 0; i < t->view.count && !any; i++)
		any = t->changes[i].expunge || t->changes[i].replace;
	return any ? trash_batch(t->m, &t->f, ret, err) : 0;
}

/* The trash before what was moved there is gone from here. */
static int sync_dirs(struct store_txn *t, const struct plan *p,
	const char *trash, struct err *err)
{
	AUTO_FREE char *cur = path_join(t->f.dir, "cur");
	AUTO_FREE char *new = path_join(t->f.dir, "new");
	struct os *os = t->m->store.os;
	bool in_cur = t->add_count > 0;
	bool in_new = false;
	int r = trash ? dir_sync(os, trash, err) : 0;

	for (size_t i = 0; i < t->view.count; i++) {
		bool moved = p->names[i] || t->changes[i].expunge ||
			     t->changes[i].replace;

		in_cur |= moved;
		in_new |= moved && t->view.messages[i].in_new;
	}
	if (r == 0 && in_cur)
		r = dir_sync(os, cur, err);
	if (r == 0 && in_new)
		r = dir_sync(os, new, err);
	return r;
}

/* All that others must not see by halves. */
static int change_folder(struct store_txn *t, struct plan *p, char **ret_trash,
	bool *ret_moved, struct err *err)
{
	int lease = p->new_uidvalidity ? index_forget(t->m, &t->f) : -1;
	int r = write_control(t, p, err);

	if (r == 0 && p->uids_changed)
		r = wake_sessions(t, err);
	index_let_go(t->m, lease);
	if (r == 0)
		r = place_adds(t, err);
	if (r == 0)
		r = open_trash(t, ret_trash, err);
	if (r == 0)
		r = replace_messages(t, *ret_trash, ret_moved, err);
	if (r == 0)
		r = rename_messages(t, p, ret_moved, err);
	return r < 0 ? r : expunge_messages(t, *ret_trash, ret_moved, err);
}

static int commit_in_place(struct store_txn *t, struct plan *p, struct err *err)
{
	AUTO_FREE char *trash = NULL;
	bool moved = false;
	int r = change_folder(t, p, &trash, &moved, err);

	if (r < 0)
		return r;
	/* Nobody has to wait for the disk. */
	lock_release(t->lock);
	t->lock = NULL;
	r = sync_dirs(t, p, trash, err);
	if (r == 0 && moved)
		return err_set(err, ERR_CONFLICT,
			"folder %s: a message was renamed or removed by "
			"somebody without a lock",
			t->f.path);
	return r;
}

static int commit_build(struct store_txn *t, struct plan *p, struct err *err)
{
	AUTO_FREE char *cur = path_join(t->aside, "cur");
	AUTO_FREE char *taken = path_join(t->f.dir, "cur");
	struct os *os = t->m->store.os;
	int r;

	/* Somebody may have made the folder since; then it is not touched. */
	if (is_directory(os, taken))
		return err_set(
			err, ERR_CONFLICT, "folder %s is there", t->f.path);
	r = folder_clear(t->m, &t->f, err);
	if (r == 0)
		r = write_control(t, p, err);
	if (r == 0)
		r = place_adds(t, err);
	if (r == 0)
		r = dir_sync(os, cur, err);
	if (r == 0)
		r = dir_sync(os, t->aside, err);
	return r == 0 ? build_place(t->m, &t->f, t->aside, err) : r;
}

static bool changes_sizes(const struct store_txn *t)
{
	bool changed = t->add_count > 0;

	for (size_t i = 0; i < t->view.count && !changed; i++)
		changed = t->changes[i].expunge;
	return changed;
}

int txn_commit(struct store_txn *t, struct err *err)
{
	struct plan p = {0};
	bool left_out;
	int r;

	if (t->lock && !lock_held(t->lock))
		return err_set(err, ERR_BUSY,
			"folder %s: the lock was taken from us", t->f.path);
	r = plan_make(t, &p, err);
	bool sizes = r == 0 && changes_sizes(t);
	if (r == 0)
		r = t->build ? commit_build(t, &p, err)
			     : commit_in_place(t, &p, err);
	left_out = p.left_out;
	if (sizes)
		quota_forget(t->m);
	plan_release(&p, t);
	return r < 0 ? r : left_out;
}
