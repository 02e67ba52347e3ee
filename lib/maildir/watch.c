/*
 * watch: inotify tells which folders may have changed.
 *
 *	watched            for
 *	<folder>/cur       renames, arrivals, removals
 *	<folder>/new       arrivals
 *	control directory  dovecot-uidlist, -keywords, the lock going away
 *	root (and, in layout fs, every directory down to a folder)   folders
 *	control root       subscriptions
 *
 * It is a hint: events may be lost, and then everything is to be looked at.
 * While dovecot-uidlist.lock is there a folder is between two states, so it
 * is held back until the lock is gone; a lock whose process died is left to
 * the periodic look at all folders.
 */
#include "maildir_private.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define LOCK_NAME UIDLIST_FILE ".lock"
#define MASK_MAIL (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)
#define MASK_CONTROL (MASK_MAIL | IN_MODIFY | IN_CLOSE_WRITE)
#define MASK_EXTRA (IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK)
#define READ_SIZE ((size_t)64 * 1024)

enum place {
	PLACE_MAIL = 1,	   /* cur/ or new/ */
	PLACE_CONTROL = 2, /* dovecot-uidlist, dovecot-keywords */
	PLACE_TREE = 4	   /* folders, subscriptions */
};

struct point {
	int wd;
	unsigned int places; /* one directory may be several */
	size_t folder;	     /* for PLACE_MAIL and PLACE_CONTROL */
};

struct watched {
	char *path;
	char *lock;
	bool dirty;
};

struct store_watch {
	struct maildir *m;
	int fd;
	struct point *points; /* sorted by wd */
	size_t point_count;
	struct watched *folders;
	size_t folder_count;
};

int watch_open(struct maildir *m, struct store_watch **ret, int *ret_fd,
	struct err *err)
{
	struct store_watch *w;
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return err_set_os(err, errno, "inotify");
	w = mem_alloc(sizeof(*w));
	w->m = m;
	w->fd = fd;
	*ret = w;
	*ret_fd = fd;
	return 0;
}

struct maildir *watch_maildir(const struct store_watch *w)
{
	return w->m;
}

static void free_folders(struct watched *folders, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(folders[i].path);
		free(folders[i].lock);
	}
	free(folders);
}

/* The first point that is not below wd. */
static size_t point_at(const struct store_watch *w, int wd)
{
	size_t low = 0, high = w->point_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (w->points[middle].wd < wd)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct point *find_point(const struct store_watch *w, int wd)
{
	size_t i = point_at(w, wd);

	return i < w->point_count && w->points[i].wd == wd ? &w->points[i]
							   : NULL;
}

static void insert_point(
	struct store_watch *w, int wd, enum place place, size_t folder)
{
	size_t i = point_at(w, wd);

	w->points = mem_grow(w->points, w->point_count + 1, sizeof(*w->points));
	memmove(w->points + i + 1, w->points + i,
		(w->point_count - i) * sizeof(*w->points));
	w->points[i] =
		(struct point){.wd = wd, .places = place, .folder = folder};
	w->point_count++;
}

/* The kernel gives one wd per directory: what it stands for adds up. */
static int add_point(struct store_watch *w, const char *dir, uint32_t mask,
	enum place place, size_t folder)
{
	int wd = inotify_add_watch(w->fd, dir, mask | MASK_EXTRA | IN_MASK_ADD);

	if (wd < 0)
		return -1;
	struct point *p = find_point(w, wd);
	if (!p) {
		insert_point(w, wd, place, folder);
		return 0;
	}
	p->places |= place;
	if (place != PLACE_TREE)
		p->folder = folder;
	return 0;
}

/* Where folders may come: the directory, and those above it. */
static void add_tree(struct store_watch *w, const char *dir, size_t i)
{
	char *at = mem_dup(dir);
	size_t root = strlen(w->m->root);

	while (strncmp(at, w->m->root, root) == 0 && at[root] == '/') {
		add_point(w, at, MASK_MAIL, PLACE_TREE, i);
		*strrchr(at, '/') = '\0';
	}
	free(at);
}

static bool add_folder(struct store_watch *w, const struct folder *f, size_t i)
{
	AUTO_FREE char *cur = path_join(f->dir, "cur");
	AUTO_FREE char *new = path_join(f->dir, "new");
	int r = add_point(w, cur, MASK_MAIL, PLACE_MAIL, i);

	r |= add_point(w, new, MASK_MAIL, PLACE_MAIL, i);
	if (lock_wanted(w->m, f))
		r |= add_point(w, f->control, MASK_CONTROL, PLACE_CONTROL, i);
	if (w->m->layout == MAILDIR_FS)
		add_tree(w, f->dir, i);
	return r == 0;
}

/* Points that were not named again belong to folders that are gone. */
static void drop_points(
	struct store_watch *w, const struct point *old, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!find_point(w, old[i].wd))
			inotify_rm_watch(w->fd, old[i].wd);
}

static bool was_dirty(const struct watched *old, size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++) {
		if (old[i].dirty && strcmp(old[i].path, path) == 0)
			return true;
	}
	return false;
}

int watch_set(
	struct store_watch *w, const struct store_list *list, struct err *err)
{
	struct point *old = w->points;
	size_t old_count = w->point_count;
	struct watched *old_folders = w->folders;
	size_t old_folder_count = w->folder_count;
	int missed = 0;

	(void)err;
	w->points = NULL;
	w->point_count = 0;
	w->folders = mem_array(list->folder_count, sizeof(*w->folders));
	w->folder_count = list->folder_count;
	for (size_t i = 0; i < list->folder_count; i++) {
		AUTO_FOLDER struct folder f = {0};
		struct watched *to = &w->folders[i];

		to->path = mem_dup(list->folders[i].path);
		to->dirty = was_dirty(old_folders, old_folder_count, to->path);
		if (folder_init(w->m, to->path, &f, NULL) < 0) {
			missed++;
			continue;
		}
		to->lock = path_join(f.control, LOCK_NAME);
		missed += !add_folder(w, &f, i);
	}
	add_point(w, w->m->root, MASK_MAIL, PLACE_TREE, 0);
	add_point(w, layout_control_root(w->m), MASK_MAIL, PLACE_TREE, 0);
	drop_points(w, old, old_count);
	free(old);
	free_folders(old_folders, old_folder_count);
	return missed;
}

/*
 * Does an event in a place of control files speak of mail? A lock that comes
 * and goes with nothing else does not: it may be our own, taken to look.
 */
static bool control_matters(const struct inotify_event *e)
{
	return strcmp(e->name, UIDLIST_FILE) == 0 ||
	       strcmp(e->name, KEYWORDS_FILE) == 0;
}

static bool tree_matters(const struct inotify_event *e)
{
	if (e->mask & IN_ISDIR)
		return true;
	return strcmp(e->name, SUBSCRIPTIONS_FILE) == 0;
}

/* Returns true when all is to be looked at. */
static bool take_event(struct store_watch *w, const struct inotify_event *e)
{
	const struct point *p = find_point(w, e->wd);

	if (e->mask & (IN_Q_OVERFLOW | IN_UNMOUNT))
		return true;
	if (!p)
		return false;
	if (e->mask & IN_IGNORED)
		return true;
	if (!e->len)
		return false;
	if ((p->places & PLACE_MAIL) && *e->name != '.')
		w->folders[p->folder].dirty = true;
	if ((p->places & PLACE_CONTROL) && control_matters(e))
		w->folders[p->folder].dirty = true;
	return (p->places & PLACE_TREE) && tree_matters(e);
}

/* Returns 1 when all is to be looked at. */
static int take_events(struct store_watch *w, struct err *err)
{
	_Alignas(struct inotify_event) uint8_t data[READ_SIZE];
	bool all = false;

	for (;;) {
		ssize_t n = read(w->fd, data, sizeof(data));
		size_t at = 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return err_set_os(err, errno, "read inotify");
		if (n <= 0)
			return all;
		while (at < (size_t)n) {
			const struct inotify_event *e =
				(const void *)(data + at);

			all |= take_event(w, e);
			at += sizeof(*e) + e->len;
		}
	}
}

int watch_read(struct store_watch *w,
	void (*dirty)(void *arg, const char *path), void *arg, struct err *err)
{
	struct os *os = w->m->store.os;
	int r = take_events(w, err);

	if (r < 0)
		return r;
	if (r == 1)
		dirty(arg, NULL);
	for (size_t i = 0; i < w->folder_count; i++) {
		struct watched *f = &w->folders[i];
		struct os_stat st;

		if (!f->dirty || !f->lock ||
			os->ops->lstat(os, f->lock, &st) >= 0)
			continue;
		f->dirty = false;
		dirty(arg, f->path);
	}
	return 0;
}

void watch_close(struct store_watch *w)
{
	close(w->fd);
	free_folders(w->folders, w->folder_count);
	free(w->points);
	free(w);
}
