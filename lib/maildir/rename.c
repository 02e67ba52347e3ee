/*
 * rename: folders renamed, with what lies below them.
 *
 * Maildir++ keeps children beside their parent (.Work, .Work.2026): each is
 * renamed, the parent last, so that a crash in between leaves the parent's
 * name and the repeated call goes on. In layout fs one rename moves all.
 *
 * Where control or index files lie elsewhere, the folder goes by moving.c.
 */
#include "maildir_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct renaming {
	struct maildir *m;
	char *from, *to; /* names below a root: ".Work", or "Work/2026" */
};

static void renaming_release(struct renaming *r)
{
	free(r->from);
	free(r->to);
}

static struct renaming renaming_of(
	struct maildir *m, const struct folder *f, const struct folder *g)
{
	const char *dot = m->layout == MAILDIR_PLUSPLUS ? "." : "";

	return (struct renaming){
		.m = m,
		.from = mem_printf("%s%s", dot, f->rel),
		.to = mem_printf("%s%s", dot, g->rel),
	};
}

static int move_locked(const struct renaming *r, const char *from,
	const char *to, struct lock **lock, struct err *err)
{
	AUTO_FREE char *source = path_join(r->m->root, from);
	AUTO_FREE char *target = path_join(r->m->root, to);
	int e;

	if (r->m->control || r->m->index)
		return moving_move(r->m, from, to, true, lock, err);
	e = place_folder(r->m, source, target, err);
	return e == 0 ? dir_sync_parent(r->m->store.os, source, err) : e;
}

static int move_one(const struct renaming *r, const char *from, const char *to,
	struct err *err)
{
	const char *root = layout_control_root(r->m);
	AUTO_FREE char *dir = path_join(r->m->root, from);
	AUTO_FREE char *control = path_join(root, from);
	AUTO_FREE char *there = path_join(root, to);
	struct folder f = {.dir = dir, .control = control};
	struct lock *lock;
	int e = lock_folder(r->m, &f, &lock, err);

	if (e == 0)
		e = move_locked(r, from, to, &lock, err);
	lock_follow(lock, there);
	lock_release(lock);
	return e;
}

static int check_one(const struct renaming *r, const char *from, const char *to,
	struct err *err)
{
	AUTO_FREE char *target = path_join(r->m->root, to);
	AUTO_FREE char *cur = path_join(target, "cur");
	struct os *os = r->m->store.os;

	if (r->m->layout == MAILDIR_PLUSPLUS && strlen(to) > STORE_BASE_MAX)
		return err_set(err, ERR_USAGE,
			"rename %s: %s is longer than a file name", from, to);
	if (r->m->layout == MAILDIR_FS ? is_directory(os, cur)
				       : path_exists(os, target))
		return err_set(err, ERR_CONFLICT, "rename %s: %s is there",
			from, target);
	return 0;
}

/* ".Work.2026" below ".Work" */
static bool is_child(const char *name, const char *parent)
{
	size_t len = strlen(parent);

	return strncmp(name, parent, len) == 0 && name[len] == '.' &&
	       name[len + 1];
}

typedef int name_fn(const struct renaming *r, const char *from, const char *to,
	struct err *err);

/*
 * Call fn for every child that lies beside the folder, then for itself.
 * Returns how many there were.
 */
static int each_name(const struct renaming *r, name_fn *fn, struct err *err)
{
	struct os *os = r->m->store.os;
	AUTO_BUF struct buf names = BUF_INIT;
	AUTO_FREE char *own = path_join(r->m->root, r->from);
	struct os_entry e;
	size_t at = 0;
	int count = 0;
	int x = 0;

	if (r->m->layout == MAILDIR_PLUSPLUS)
		x = os->ops->list(os, r->m->root, &names);
	if (x < 0)
		return err_set_os(err, -x, "list %s", r->m->root);
	while (x >= 0 && os_list_next(&names, &at, &e)) {
		AUTO_FREE char *to = NULL;

		if (!is_child(e.name, r->from) ||
			!entry_is_directory(os, r->m->root, &e))
			continue;
		to = mem_printf("%s%s", r->to, e.name + strlen(r->from));
		x = fn(r, e.name, to, err);
		count++;
	}
	if (x >= 0 && is_directory(os, own)) {
		x = fn(r, r->from, r->to, err);
		count++;
	}
	return x < 0 ? x : count;
}

static int nothing(const struct renaming *r, const char *from, const char *to,
	struct err *err)
{
	(void)r, (void)from, (void)to, (void)err;
	return 0;
}

/* True if a folder has the new name, or lies below it. */
static bool is_done(const struct renaming *r)
{
	struct renaming there = *r;

	there.from = r->to;
	return each_name(&there, nothing, NULL) > 0;
}

/* True if the folder is still to be renamed, be it one or only hold some. */
static bool is_left(const struct renaming *r, const struct folder *f,
	const struct folder *g)
{
	struct os *os = r->m->store.os;
	AUTO_FREE char *cur = path_join(f->dir, "cur");

	return is_directory(os, cur) || !is_directory(os, g->dir);
}

static int rename_all(const struct renaming *r, const struct folder *f,
	const struct folder *g, struct err *err)
{
	struct os *os = r->m->store.os;
	int e = moving_settle(r->m, err);

	if (e == 0 && is_left(r, f, g)) {
		e = each_name(r, check_one, err);
		if (e >= 0)
			e = each_name(r, move_one, err);
		if (e == 0 && !is_done(r))
			e = err_set(err, ERR_ABSENT,
				"rename %s: no such folder", f->path);
	} else if (e == 0) {
		drop_moved(os, f->dir);
	}
	if (e >= 0)
		folder_drop_empty_parents(r->m, f);
	return e < 0 ? e : 0;
}

static int check_paths(
	const struct folder *f, const struct folder *g, struct err *err)
{
	size_t len = strlen(f->path);

	if (f->inbox || g->inbox)
		return err_set(err, ERR_USAGE, "INBOX cannot be renamed");
	if (strncmp(g->path, f->path, len) == 0 && g->path[len] == '/')
		return err_set(err, ERR_USAGE,
			"rename %s: %s would be below itself", f->path,
			g->path);
	return 0;
}

static int rename_checked(struct maildir *m, const struct folder *f,
	const struct folder *g, struct err *err)
{
	struct renaming r = renaming_of(m, f, g);
	int e = strcmp(f->path, g->path) == 0 ? 0 : rename_all(&r, f, g, err);

	renaming_release(&r);
	return e;
}

int folder_rename(
	struct maildir *m, const char *from, const char *to, struct err *err)
{
	AUTO_FOLDER struct folder f = {0};
	AUTO_FOLDER struct folder g = {0};
	int r = folder_init(m, from, &f, err);

	if (r == 0)
		r = folder_init(m, to, &g, err);
	if (r == 0)
		r = check_paths(&f, &g, err);
	return r == 0 ? rename_checked(m, &f, &g, err) : r;
}
