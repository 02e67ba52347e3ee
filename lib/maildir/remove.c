/*
 * remove: folders removed into the trash.
 *
 * A folder goes whole, by way of moving.c. Folders below it stay: in layout fs,
 * where they lie inside, only the folder's own parts go, cur/ last, so that a
 * crash leaves a folder that can be removed again. The folder's lock is held:
 * whoever works in the folder is let finish. Control files that lie elsewhere
 * follow into the trash; index files there are of no more use, and left behind
 * they would be taken for those of the next folder of that name. In layout fs
 * a directory that only held the folder goes too, or it would be listed for
 * ever; so Dovecot does when it renames.
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

/* What is left of a folder whose mail is gone. */
static void remove_rest(struct maildir *m, const struct folder *f)
{
	struct os *os = m->store.os;

	os->ops->rmdir(os, f->dir);
	lock_sweep(m, f);
	if (m->control)
		side_empty(m, f->control, NULL, NULL);
	if (m->index)
		side_empty(m, f->index, NULL, NULL);
	if (m->control)
		os->ops->rmdir(os, f->control);
	if (m->index)
		os->ops->rmdir(os, f->index);
}

static int clear_locked(struct maildir *m, const struct folder *f,
	struct lock **lock, struct err *err)
{
	const char *dot = m->layout == MAILDIR_PLUSPLUS ? "." : "";
	AUTO_FREE char *name = mem_printf("%s%s", dot, f->rel);
	AUTO_FREE char *trash = trash_name(m, f);
	bool own = false, children = false;
	int r = 0;

	if (is_directory(m->store.os, f->dir))
		r = look_inside(m, f->dir, &own, &children, err);
	children &= m->layout == MAILDIR_FS;
	if (r < 0)
		return r;
	if (own)
		return moving_move(m, name, trash, !children, lock, err);
	remove_rest(m, f);
	return 0;
}

int folder_clear(struct maildir *m, const struct folder *f, struct err *err)
{
	struct lock *lock;
	int r = moving_settle(m, err);

	if (r == 0)
		r = lock_folder(m, f, &lock, err);
	if (r < 0)
		return r;
	r = clear_locked(m, f, &lock, err);
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
