/*
 * remove: folders removed into the trash.
 *
 * A folder goes whole, by one rename. Folders below it stay: in layout fs,
 * where they lie inside, only the folder's own parts go, cur/ last, so that a
 * crash leaves a folder that can be removed again. The folder's lock is held,
 * and goes along: whoever works in the folder is let finish. Control files that
 * lie elsewhere follow into the trash; index files there are of no more use,
 * and left behind they would be taken for those of the next folder of that
 * name. In layout fs a directory that only held the folder goes too, or it
 * would be listed for ever; so Dovecot does when it renames.
 */
#include "maildir_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a directory holds besides folders below it (layout fs). */
static int look_inside(struct maildir *m, const char *dir, bool *ret_own,
	bool *ret_children, struct err *err)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os *os = m->store.os;
	struct os_entry e;
	size_t at = 0;
	int r = os->ops->list(os, dir, &names);

	if (r < 0)
		return err_set_os(err, -r, "list %s", dir);
	while (os_list_next(&names, &at, &e)) {
		if (!layout_is_part(e.name) && entry_is_directory(os, dir, &e))
			*ret_children = true;
		else
			*ret_own = true;
	}
	return 0;
}

static void remove_side(struct maildir *m, const char *dir, const char *trash)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os *os = m->store.os;
	struct os_entry e;
	size_t at = 0;

	if (os->ops->list(os, dir, &names) < 0)
		return;
	while (os_list_next(&names, &at, &e)) {
		AUTO_FREE char *path = path_join(dir, e.name);
		AUTO_FREE char *to = path_join(trash ? trash : "", e.name);

		if (entry_is_directory(os, dir, &e))
			continue; /* of a folder below, in layout fs */
		if (!trash || os->ops->rename(os, path, to) < 0)
			os->ops->unlink(os, path);
	}
	os->ops->rmdir(os, dir);
}

static void remove_sides(
	struct maildir *m, const struct folder *f, const char *trash)
{
	if (m->control)
		remove_side(m, f->control, trash);
	if (m->index)
		remove_side(m, f->index, NULL);
}

static int remove_whole(struct maildir *m, const struct folder *f,
	const char *trash, struct err *err)
{
	struct os *os = m->store.os;
	int r = os->ops->rename(os, f->dir, trash);

	if (r < 0)
		return err_set_os(err, -r, "rename %s to %s", f->dir, trash);
	r = sync_parent(os, trash, err);
	return r == 0 ? sync_parent(os, f->dir, err) : r;
}

static int remove_parts(struct maildir *m, const struct folder *f,
	const char *trash, struct err *err)
{
	struct os *os = m->store.os;
	int r = place_parts(m, f->dir, trash, false, err);

	if (r == 0)
		r = dir_sync(os, trash, err);
	return r == 0 ? dir_sync(os, f->dir, err) : r;
}

static int clear_locked(struct maildir *m, const struct folder *f,
	char **ret_trash, struct err *err)
{
	bool own = false, children = false;
	int r = 0;

	if (is_directory(m->store.os, f->dir))
		r = look_inside(m, f->dir, &own, &children, err);
	children &= m->layout == MAILDIR_FS;
	if (r == 0 && !own && !children) {
		m->store.os->ops->rmdir(m->store.os, f->dir);
		remove_sides(m, f, NULL);
		return 0;
	}
	if (r == 0 && own)
		r = trash_batch(m, f, children ? "" : NULL, ret_trash, err);
	if (r == 0 && own)
		r = children ? remove_parts(m, f, *ret_trash, err)
			     : remove_whole(m, f, *ret_trash, err);
	if (r == 0)
		remove_sides(m, f, *ret_trash);
	return r;
}

int folder_clear(struct maildir *m, const struct folder *f, struct err *err)
{
	AUTO_FREE char *trash = NULL;
	struct lock *lock;
	int r = lock_folder(m, f, &lock, err);

	if (r == 0)
		r = clear_locked(m, f, &trash, err);
	if (trash)
		lock_follow(lock, trash);
	lock_release(lock);
	return r;
}

/* Directories above one that hold nothing any more; the root stays. */
static void drop_empty(struct os *os, const char *root, const char *dir)
{
	char *path = path_parent(dir);

	while (strlen(path) > strlen(root) && os->ops->rmdir(os, path) >= 0) {
		char *above = path_parent(path);

		free(path);
		path = above;
	}
	free(path);
}

void folder_drop_empty_parents(struct maildir *m, const struct folder *f)
{
	struct os *os = m->store.os;

	if (m->layout != MAILDIR_FS)
		return; /* all folders lie in the root */
	drop_empty(os, m->root, f->dir);
	if (m->control)
		drop_empty(os, m->control, f->control);
	if (m->index)
		drop_empty(os, m->index, f->index);
}

int folder_remove(struct maildir *m, const char *path, struct err *err)
{
	AUTO_FOLDER struct folder f = {0};
	int r = folder_init(m, path, &f, err);

	if (r == 0 && f.inbox)
		r = err_set(err, ERR_USAGE, "INBOX cannot be removed");
	if (r == 0)
		r = folder_clear(m, &f, err);
	if (r == 0) {
		folder_drop_empty_parents(m, &f);
		quota_forget(m);
	}
	return r;
}
