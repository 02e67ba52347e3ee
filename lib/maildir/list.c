/*
 * list: the folders of an account, and the subscriptions.
 *
 * A folder is a directory with a cur/ in it, at a place where the layout has
 * folders. Symbolic links are not followed: what they lead to is somebody
 * else's, or a folder that is listed by its own name already.
 */
#include "maildir_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define DEPTH_MAX 64 /* parts of a path in layout fs */
#define FOLDERS_MAX ((size_t)100000)

struct listing {
	struct maildir *m;
	struct store_folder *folders;
	size_t count, cap;
	struct arena *arena;
	int64_t now_ns; /* wall clock, read before any folder */
};

static int add(struct listing *l, const char *path, uint64_t ino,
	const struct folder_stat *st, struct err *err)
{
	struct store_folder *to;

	if (l->count == FOLDERS_MAX)
		return err_set(err, ERR_LIMIT, "%s: more than %zu folders",
			l->m->root, FOLDERS_MAX);
	if (l->count == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 32;
		l->folders = mem_grow(l->folders, l->cap, sizeof(*l->folders));
	}
	to = &l->folders[l->count++];
	*to = (struct store_folder){
		.path = arena_dup(l->arena, path, strlen(path)),
		.ino = ino,
		.has_cookie = true,
	};
	cookie_of(st, l->now_ns, &to->cookie);
	return 0;
}

static int add_inbox(struct listing *l, struct err *err)
{
	struct os *os = l->m->store.os;
	AUTO_FOLDER struct folder f = {0};
	struct folder_stat parts;
	struct os_stat st;
	int r = folder_init(l->m, "INBOX", &f, err);

	if (r < 0)
		return r;
	if (folder_stat(l->m, &f, &parts, NULL) < 0)
		return 0;
	r = os->ops->stat(os, f.dir, &st);
	if (r < 0)
		return err_set_os(err, -r, "stat %s", f.dir);
	return add(l, "INBOX", st.ino, &parts, err);
}

static bool may_be_directory(const struct os_entry *e)
{
	return e->type == DT_DIR || e->type == DT_UNKNOWN;
}

/* A directory that the layout shows as this path: add it if it is a folder. */
static int add_if_folder(
	struct listing *l, const char *path, uint64_t ino, struct err *err)
{
	AUTO_FOLDER struct folder f = {0};
	struct folder_stat parts;

	if (folder_init(l->m, path, &f, NULL) < 0 || f.inbox ||
		folder_stat(l->m, &f, &parts, NULL) < 0)
		return 0;
	return add(l, path, ino, &parts, err);
}

/* ".Work.2026" */
static int list_plusplus(struct listing *l, struct err *err)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os *os = l->m->store.os;
	struct os_entry e;
	size_t at = 0;
	int r = os->ops->list(os, l->m->root, &names);

	if (r < 0)
		return err_set_os(err, -r, "list %s", l->m->root);
	while (os_list_next(&names, &at, &e)) {
		AUTO_FREE char *path = NULL;

		if (*e.name != '.' || strchr(e.name, '/') ||
			!may_be_directory(&e))
			continue;
		path = layout_path(l->m, e.name + 1);
		r = add_if_folder(l, path, e.ino, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int list_fs(struct listing *l, const char *dir, const char *path,
	int depth, struct err *err);

static int list_fs_entry(struct listing *l, const char *dir, const char *path,
	int depth, const struct os_entry *e, struct err *err)
{
	AUTO_FREE char *sub = path_join(dir, e->name);
	AUTO_FREE char *below =
		*path ? path_join(path, e->name) : mem_dup(e->name);
	AUTO_FOLDER struct folder f = {0};
	int r;

	/* cur, new, tmp and names that no folder has. "INBOX" is the root,
	   but there may be folders below a directory of that name. */
	if (strcmp(below, "INBOX") != 0 &&
		folder_init(l->m, below, &f, NULL) < 0)
		return 0;
	if (!is_directory(l->m->store.os, sub))
		return 0;
	r = add_if_folder(l, below, e->ino, err);
	return r < 0 ? r : list_fs(l, sub, below, depth + 1, err);
}

static int list_fs(struct listing *l, const char *dir, const char *path,
	int depth, struct err *err)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os *os = l->m->store.os;
	struct os_entry e;
	size_t at = 0;
	int r;

	if (depth > DEPTH_MAX)
		return err_set(err, ERR_LIMIT,
			"%s: more than %d directories deep", dir, DEPTH_MAX);
	r = os->ops->list(os, dir, &names);
	if (r == -ENOENT && depth)
		return 0; /* renamed or removed meanwhile */
	if (r < 0)
		return err_set_os(err, -r, "list %s", dir);
	while (os_list_next(&names, &at, &e)) {
		if (!may_be_directory(&e))
			continue;
		r = list_fs_entry(l, dir, path, depth, &e, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int compare_folders(const void *a, const void *b)
{
	const struct store_folder *x = a;
	const struct store_folder *y = b;

	return strcmp(x->path, y->path);
}

static int read_folders(
	struct listing *l, struct store_list *ret, struct err *err)
{
	int r = add_inbox(l, err);

	if (r == 0)
		r = l->m->layout == MAILDIR_FS
			    ? list_fs(l, l->m->root, "", 0, err)
			    : list_plusplus(l, err);
	if (r < 0)
		return r;
	if (l->count)
		qsort(l->folders, l->count, sizeof(*l->folders),
			compare_folders);
	ret->folders = arena_alloc(&ret->arena, l->count * sizeof(*l->folders));
	if (l->count)
		memcpy(ret->folders, l->folders,
			l->count * sizeof(*l->folders));
	ret->folder_count = l->count;
	return 0;
}

static int read_subscriptions(
	struct maildir *m, struct store_list *ret, struct err *err)
{
	AUTO_FREE char *file =
		path_join(layout_control_root(m), SUBSCRIPTIONS_FILE);
	AUTO_BUF struct buf data = BUF_INIT;
	int r = control_read(
		m->store.os, file, SUBSCRIPTIONS_SIZE_MAX, &data, NULL, err);

	if (r < 0)
		return r;
	return subscriptions_parse(data.data, data.len, layout_separator(m),
		&ret->arena, &ret->subscribed, &ret->subscribed_count, err);
}

int list_read(struct maildir *m, struct store_list *ret, struct err *err)
{
	struct store_list list = {0};
	struct listing l = {
		.m = m,
		.arena = &list.arena,
		.now_ns = m->store.os->ops->wall_ns(m->store.os),
	};
	int r = read_folders(&l, &list, err);

	free(l.folders);
	if (r == 0)
		r = read_subscriptions(m, &list, err);
	if (r < 0) {
		store_list_free(&list);
		return r;
	}
	*ret = list;
	return 0;
}
