/*
 * moving: a folder on its way that takes more than one rename: to another name
 * where control or index files lie elsewhere, or into the trash.
 *
 *	<root>/cur/.packetboat/moving/<name of ours>/
 *	    names    where it was and where it goes below the root, a line each:
 *	             ".Work" and ".Jobs", or
 *"cur/.packetboat/trash/<batch>/Work" mail/    the folder meanwhile
 *
 * 1. names is durable before the folder is taken here.
 * 2. While it is here nobody comes to it by a name, so that it is never seen
 *    without its own UID list: those files move now.
 * 3. Its lock does not go into the trash.
 *
 * A crash leaves all of this. moving_settle finishes it, before anybody looks
 * for the folder and takes it for removed; only who may move folders calls it.
 */
#include "maildir_private.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define PART "cur/" /* no folder's name begins so */
#define NAMES_SIZE_MAX ((size_t)2 * PATH_MAX)

struct moving {
	struct maildir *m;
	char *dir;	 /* moving/<name of ours> */
	char *mail;	 /* dir/mail */
	char *from, *to; /* the lines of names */
};

static char *moving_dir(const struct maildir *m)
{
	AUTO_FREE char *private = layout_private(m, false);

	return path_join(private, "moving");
}

static struct moving moving_of(struct maildir *m, const char *dir)
{
	return (struct moving){
		.m = m, .dir = mem_dup(dir), .mail = path_join(dir, "mail")};
}

static void moving_release(struct moving *mv)
{
	free(mv->dir);
	free(mv->mail);
	free(mv->from);
	free(mv->to);
}

/* ---- taking ---- */

static int write_names(const struct moving *mv, struct err *err)
{
	AUTO_FREE char *path = path_join(mv->dir, "names");
	AUTO_BUF struct buf b = BUF_INIT;

	buf_printf(&b, "%s\n%s\n", mv->from, mv->to);
	return file_replace(mv->m->store.os, path, b.data, b.len, 0600, err);
}

static int begin(const struct moving *mv, struct err *err)
{
	struct os *os = mv->m->store.os;
	int r = dir_make(os, mv->dir, 0700, err);

	return r == 0 ? write_names(mv, err) : r;
}

/* An empty one may be left where its parts were moved one by one. */
static bool is_here(const struct moving *mv)
{
	struct os *os = mv->m->store.os;

	return is_directory(os, mv->mail) && os->ops->rmdir(os, mv->mail) < 0;
}

/* Nothing is here, or no longer. */
static void drop(const struct moving *mv)
{
	AUTO_FREE char *names = path_join(mv->dir, "names");

	work_remove(mv->m, names);
	mv->m->store.os->ops->rmdir(mv->m->store.os, mv->dir);
}

static int take_whole(const struct moving *mv, const char *dir, struct err *err)
{
	struct os *os = mv->m->store.os;
	int r = os->ops->rename(os, dir, mv->mail);

	if (r < 0)
		return err_set_os(err, -r, "rename %s to %s", dir, mv->mail);
	r = dir_sync(os, mv->dir, err);
	return r == 0 ? dir_sync_parent(os, dir, err) : r;
}

/* But for the folders below, in layout fs. */
static int take_parts(const struct moving *mv, const char *dir, struct err *err)
{
	struct os *os = mv->m->store.os;
	int r = make_dir(os, mv->mail, 0700, err);

	if (r == 0)
		r = dir_sync(os, mv->dir, err);
	if (r == 0)
		r = place_parts(mv->m, dir, mv->mail, false, err);
	if (r == 0)
		r = dir_sync(os, mv->mail, err);
	return r == 0 ? dir_sync(os, dir, err) : r;
}

/* ---- what lies elsewhere ---- */

/* Files of a folder that once had the new name must not mix with ours. */
static void drop_same_names(struct os *os, const char *from, const char *to)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry e;
	size_t at = 0;

	if (os->ops->list(os, from, &names) < 0)
		return;
	while (os_list_next(&names, &at, &e)) {
		AUTO_FREE char *path = path_join(to, e.name);

		if (!entry_is_directory(os, from, &e))
			os->ops->unlink(os, path);
	}
}

/* Control or index directory. Done already: nothing. */
static int rename_side(
	const struct moving *mv, const char *root, struct err *err)
{
	struct os *os = mv->m->store.os;
	AUTO_FREE char *source = NULL;
	AUTO_FREE char *target = NULL;
	int r;

	if (!root)
		return 0;
	source = path_join(root, mv->from);
	target = path_join(root, mv->to);
	if (!is_directory(os, source))
		return 0;
	drop_same_names(os, source, target);
	r = place_folder(mv->m, source, target, err);
	return r == 0 ? dir_sync_parent(os, source, err) : r;
}

/* To another file system nothing can be renamed. */
static int empty_one(
	struct os *os, const char *path, const char *target, struct err *err)
{
	int r = target ? os->ops->rename(os, path, target) : -EXDEV;

	if (r == -EXDEV)
		r = os->ops->unlink(os, path);
	return r < 0 && r != -ENOENT ? err_set_os(err, -r, "remove %s", path)
				     : 0;
}

int side_empty(
	struct maildir *m, const char *dir, const char *to, struct err *err)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os *os = m->store.os;
	struct os_entry e;
	size_t at = 0;
	int r = os->ops->list(os, dir, &names);

	if (r < 0)
		return r == -ENOENT ? 0 : err_set_os(err, -r, "list %s", dir);
	while (r >= 0 && os_list_next(&names, &at, &e)) {
		AUTO_FREE char *path = path_join(dir, e.name);
		AUTO_FREE char *target = to ? path_join(to, e.name) : NULL;

		/* Directories are those of folders below, in layout fs. */
		if (entry_is_directory(os, dir, &e) ||
			strcmp(e.name, LOCK_FILE) == 0)
			continue;
		r = empty_one(os, path, target, err);
	}
	return r;
}

/* A lock that is not released is nobody's, and would stay. */
static int release(const struct moving *mv, struct lock **lock, struct err *err)
{
	int r = lock_release(*lock);

	*lock = NULL;
	return r < 0 ? err_set_os(err, -r, "remove the lock of %s", mv->mail)
		     : 0;
}

/* What came back would be that of the next folder of its name. */
static int drop_side(const struct moving *mv, const char *root, struct err *err)
{
	struct os *os = mv->m->store.os;
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *parent = NULL;

	if (!root)
		return 0;
	dir = path_join(root, mv->from);
	parent = path_parent(dir);
	int r = is_directory(os, dir) ? os->ops->rmdir(os, dir) : 0;
	if (r == -ENOTEMPTY || r == -EEXIST)
		return dir_sync(os, dir, err); /* holds folders below */
	if (r < 0 && r != -ENOENT)
		return err_set_os(err, -r, "remove %s", dir);
	return is_directory(os, parent) ? dir_sync(os, parent, err) : 0;
}

static int remove_sides(
	const struct moving *mv, struct lock **lock, struct err *err)
{
	struct maildir *m = mv->m;
	AUTO_FREE char *control =
		path_join(m->control ? m->control : "", mv->from);
	AUTO_FREE char *index = path_join(m->index ? m->index : "", mv->from);
	int r = 0;

	if (m->control)
		r = side_empty(m, control, mv->mail, err);
	if (r == 0 && m->index)
		r = side_empty(m, index, NULL, err);
	int released = release(mv, lock, r < 0 ? NULL : err);
	if (r == 0)
		r = released;
	if (r == 0)
		r = dir_sync(m->store.os, mv->mail, err);
	if (r == 0)
		r = drop_side(mv, m->control, err);
	return r == 0 ? drop_side(mv, m->index, err) : r;
}

/* ---- end ---- */

static bool goes_to_trash(const struct moving *mv)
{
	return strncmp(mv->to, PART, strlen(PART)) == 0;
}

static int end_in_trash(
	const struct moving *mv, struct lock **lock, struct err *err)
{
	struct os *os = mv->m->store.os;
	AUTO_FREE char *target = path_join(mv->m->root, mv->to);
	AUTO_FREE char *parent = path_parent(target);
	int r = remove_sides(mv, lock, err);

	if (r == 0)
		r = dir_make(os, parent, 0700, err);
	if (r < 0)
		return r;
	r = os->ops->rename(os, mv->mail, target);
	if (r < 0)
		return err_set_os(err, -r, "rename %s to %s", mv->mail, target);
	return dir_sync(os, parent, err);
}

/* Somebody made a folder of that name since: back to the old one then. */
static bool is_taken(const struct maildir *m, const char *name)
{
	AUTO_FREE char *cur = mem_printf("%s/%s/cur", m->root, name);

	return is_directory(m->store.os, cur);
}

static int end_in_place(const struct moving *mv, struct err *err)
{
	struct maildir *m = mv->m;
	bool taken = is_taken(m, mv->to);
	AUTO_FREE char *target = path_join(m->root, taken ? mv->from : mv->to);
	int r = 0;

	if (taken && is_taken(m, mv->from))
		return err_set(err, ERR_OPERATOR,
			"%s is a folder whose names, %s and %s, have both been "
			"taken (move it to a free one)",
			mv->mail, mv->from, mv->to);
	if (!taken)
		r = rename_side(mv, m->control, err);
	if (r == 0 && !taken)
		r = rename_side(mv, m->index, err);
	return r == 0 ? place_folder(m, mv->mail, target, err) : r;
}

/* *lock is NULL then if it was released. */
static int finish(const struct moving *mv, struct lock **lock, struct err *err)
{
	struct os *os = mv->m->store.os;
	int r = 0;

	lock_follow(*lock, mv->mail);
	if (is_here(mv)) {
		r = goes_to_trash(mv) ? end_in_trash(mv, lock, err)
				      : end_in_place(mv, err);
		if (r == 0)
			r = dir_sync(os, mv->dir, err);
		if (r < 0 || is_here(mv))
			return r;
	}
	drop(mv);
	return 0;
}

int moving_move(struct maildir *m, const char *from, const char *to, bool whole,
	struct lock **lock, struct err *err)
{
	AUTO_FREE char *all = moving_dir(m);
	AUTO_FREE char *name = temp_name(m, true);
	AUTO_FREE char *aside = path_join(all, name);
	AUTO_FREE char *dir = path_join(m->root, from);
	struct moving mv = moving_of(m, aside);
	int r, done;

	mv.from = mem_dup(from);
	mv.to = mem_dup(to);
	r = begin(&mv, err);
	if (r == 0)
		r = whole ? take_whole(&mv, dir, err)
			  : take_parts(&mv, dir, err);
	/* Once it is here it does not stay, whatever failed. */
	done = finish(&mv, lock, r < 0 ? NULL : err);
	moving_release(&mv);
	return r < 0 ? r : done;
}

/* ---- after a crash ---- */

/* Returns 1 if there are none, or none whole. */
static int read_names(struct moving *mv, struct err *err)
{
	AUTO_FREE char *path = path_join(mv->dir, "names");
	AUTO_BUF struct buf b = BUF_INIT;
	struct slice from, to;
	struct lines lines;
	int r = control_read(
		mv->m->store.os, path, NAMES_SIZE_MAX, &b, NULL, err);

	if (r != 0)
		return r;
	lines = lines_over(b.data, b.len);
	if (!lines_next(&lines, &from) || !lines_next(&lines, &to))
		return 1;
	mv->from = mem_dup_n(from.at, from.len);
	mv->to = mem_dup_n(to.at, to.len);
	return folder_path_ok(mv->from) && folder_path_ok(mv->to) ? 0 : 1;
}

static int sweep_lock(
	struct maildir *m, const char *root, const char *name, struct err *err)
{
	AUTO_FREE char *dir = path_join(root, name);
	struct folder f = {.dir = dir, .control = dir};

	if (!is_directory(m->store.os, dir) || lock_sweep(m, &f))
		return 0;
	return err_set(
		err, ERR_BUSY, "%s/" LOCK_FILE ": of a dead process", dir);
}

static int sweep_locks(const struct moving *mv, struct err *err)
{
	const char *root = layout_control_root(mv->m);
	int r = sweep_lock(mv->m, mv->dir, "mail", err);

	if (r == 0)
		r = sweep_lock(mv->m, root, mv->from, err);
	if (r == 0 && !goes_to_trash(mv))
		r = sweep_lock(mv->m, root, mv->to, err);
	return r;
}

static void drop_parents(const struct moving *mv)
{
	struct maildir *m = mv->m;
	AUTO_FREE char *dir = path_join(m->root, mv->from);
	AUTO_FREE char *control =
		path_join(m->control ? m->control : "", mv->from);
	AUTO_FREE char *index = path_join(m->index ? m->index : "", mv->from);
	struct folder f = {.dir = dir, .control = control, .index = index};

	folder_drop_empty_parents(m, &f);
}

static int settle(struct moving *mv, struct err *err)
{
	struct lock *none = NULL;
	int r = read_names(mv, err);

	if (r < 0)
		return r;
	if (r == 1 && is_here(mv))
		return err_set(err, ERR_OPERATOR,
			"%s is a folder, and the names beside it are damaged "
			"(move it to where it was)",
			mv->mail);
	if (r == 1)
		return dir_remove(mv->m->store.os, mv->dir, err);
	r = sweep_locks(mv, err);
	if (r == 0)
		r = finish(mv, &none, err);
	if (r == 0)
		drop_parents(mv);
	return r;
}

int moving_settle(struct maildir *m, struct err *err)
{
	AUTO_FREE char *all = moving_dir(m);
	AUTO_BUF struct buf names = BUF_INIT;
	struct os *os = m->store.os;
	struct os_entry e;
	size_t at = 0;
	int r = os->ops->list(os, all, &names);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set_os(err, -r, "list %s", all);
	while (r >= 0 && os_list_next(&names, &at, &e)) {
		AUTO_FREE char *dir = path_join(all, e.name);
		struct moving mv = moving_of(m, dir);

		r = settle(&mv, err);
		moving_release(&mv);
	}
	return r;
}
