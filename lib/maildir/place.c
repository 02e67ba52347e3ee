/*
 * place: directories moved to where a folder shall be.
 *
 * One rename does it, unless the layout is fs and a plain directory of that
 * name holds other folders already. Then the parts are moved into it, cur/
 * last: cur/ is what makes a folder, so a crash leaves either the old one,
 * whose remaining parts the repeated call moves, or the new one.
 */
#include "maildir_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool path_exists(struct os *os, const char *path)
{
	struct os_stat st;

	return os->ops->lstat(os, path, &st) >= 0;
}

char *path_parent(const char *path)
{
	const char *slash = strrchr(path, '/');

	return mem_dup_n(path, slash == path ? 1 : (size_t)(slash - path));
}

bool entry_is_directory(
	struct os *os, const char *dir, const struct os_entry *e)
{
	AUTO_FREE char *path = path_join(dir, e->name);

	return e->type == DT_DIR ||
	       (e->type == DT_UNKNOWN && is_directory(os, path));
}

static int move_entry(struct os *os, const char *from, const char *to,
	const char *name, struct err *err)
{
	AUTO_FREE char *source = path_join(from, name);
	AUTO_FREE char *target = path_join(to, name);
	int r;

	if (!path_exists(os, source))
		return 0; /* moved before a crash */
	if (path_exists(os, target))
		return err_set(
			err, ERR_CONFLICT, "%s is there already", target);
	r = os->ops->rename(os, source, target);
	if (r < 0 && r != -ENOENT)
		return err_set_os(err, -r, "rename %s to %s", source, target);
	return 0;
}

int place_parts(struct maildir *m, const char *from, const char *to,
	bool children, struct err *err)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os *os = m->store.os;
	struct os_entry e;
	size_t at = 0;
	int r = os->ops->list(os, from, &names);

	if (r < 0)
		return err_set_os(err, -r, "list %s", from);
	while (r >= 0 && os_list_next(&names, &at, &e)) {
		/* A lock that is moved is a fresh one, whoever left it. */
		if (strcmp(e.name, "cur") == 0 ||
			strcmp(e.name, LOCK_FILE) == 0 ||
			(!children && !layout_is_part(e.name) &&
				entry_is_directory(os, from, &e)))
			continue;
		r = move_entry(os, from, to, e.name, err);
	}
	return r < 0 ? r : move_entry(os, from, to, "cur", err);
}

void drop_moved(struct os *os, const char *dir)
{
	AUTO_FREE char *lock = path_join(dir, LOCK_FILE);

	os->ops->unlink(os, lock);
	os->ops->rmdir(os, dir);
}

static int merge_into(
	struct maildir *m, const char *from, const char *to, struct err *err)
{
	int r = place_parts(m, from, to, true, err);

	if (r == 0)
		r = dir_sync(m->store.os, to, err);
	if (r == 0)
		drop_moved(m->store.os, from);
	return r;
}

int place_folder(
	struct maildir *m, const char *from, const char *to, struct err *err)
{
	struct os *os = m->store.os;
	AUTO_FREE char *parent = path_parent(to);
	struct modes modes;
	int r = modes_of(os, m->root, &modes, err);

	if (r == 0 && !is_directory(os, parent))
		r = dir_make(os, parent, modes.dir & 0777, err);
	if (r < 0)
		return r;
	r = os->ops->rename(os, from, to);
	if (r == -ENOTEMPTY || r == -EEXIST)
		return merge_into(m, from, to, err);
	if (r < 0)
		return err_set_os(err, -r, "rename %s to %s", from, to);
	return dir_sync(os, parent, err);
}
