/*
 * lock: dovecot-uidlist.lock, under which every change of a folder is made.
 *
 * A temporary file with "<pid>:<host>" is linked to the lock's name, so that
 * the lock is never seen without its content (an empty one makes Dovecot wait
 * 120 s). Holding it freezes the folder for Dovecot: it is held for
 * milliseconds.
 *
 * Somebody else's lock is stale, by Dovecot's own rules, if and only if
 * (1) its process is of this host and dead, and the lock is unchanged for
 *     2 s, or
 * (2) it names no process of this host, and is unchanged for 120 s;
 * and by one of ours, which has what a power cut leaves:
 * (3) it was last changed before this machine was started, and names nobody;
 *     or a process of this host, whose number another has by now, and is
 *     unchanged while we watch it for 2 s.
 *
 * A crash leaves the lock, which is overridden by (1), and perhaps the
 * temporary file, which is swept away then. A power cut most often leaves the
 * lock without its content, for nobody waits for the disk while it is made:
 * durable content would do harm. Dovecot goes by (1) and (2) only. It overrides
 * an empty lock after two minutes, but one with the number of a process that
 * lives never, and daemons have the same numbers after every start. So locks
 * are looked for when a store is opened first after one (work.c).
 */
#include "maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define DEAD_NS (2 * NS_PER_S)
#define SILENT_NS (120 * NS_PER_S)
#define POLL_FIRST_NS (5 * NS_PER_MS)
#define POLL_MAX_NS (50 * NS_PER_MS)
#define OVERRIDE_PAUSE_NS (20 * NS_PER_MS)
#define CONTENT_MAX ((size_t)512)

struct lock {
	struct maildir *m;
	char *path;
	uint64_t ino;
	struct lock *next;
};

/* The lock of somebody else while we wait for it. */
struct wait {
	struct os_stat st;
	int64_t since_ns; /* monotonic: unchanged from then on */
	int64_t pid;	  /* of this host; 0: not known */
	bool elsewhere;	  /* it names a process of another host */
};

bool lock_wanted(const struct maildir *m, const struct folder *f)
{
	AUTO_FREE char *uidlist = path_join(f->control, UIDLIST_FILE);
	struct os *os = m->store.os;
	struct os_stat st;

	return m->dovecot || os->ops->lstat(os, uidlist, &st) >= 0;
}

static int write_content(struct maildir *m, int fd, const char *temp,
	struct os_stat *ret, struct err *err)
{
	struct os *os = m->store.os;
	AUTO_BUF struct buf b = BUF_INIT;
	int r;

	buf_printf(&b, "%lld:%s", (long long)os->ops->pid(os), m->host);
	r = os_write_all(os, fd, b.data, b.len, 0, temp, err);
	if (r < 0)
		return r;
	r = os->ops->fstat(os, fd, ret);
	return r < 0 ? err_set_os(err, -r, "stat %s", temp) : 0;
}

static int make_temp(struct maildir *m, const char *temp, mode_t mode,
	struct os_stat *ret, struct err *err)
{
	struct os *os = m->store.os;
	int fd = os->ops->open(
		os, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
	int r;

	if (fd < 0)
		return err_set_os(err, -fd, "create %s", temp);
	r = write_content(m, fd, temp, ret, err);
	if (r == 0) {
		r = os->ops->fchmod(os, fd, mode);
		if (r < 0)
			r = err_set_os(err, -r, "chmod %s", temp);
	}
	os->ops->close(os, fd);
	if (r < 0)
		work_remove(m, temp);
	return r;
}

/* Which process does a lock name? */
static void read_holder(struct maildir *m, const char *path, struct wait *w)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct slice all, digits;
	uint64_t pid;

	w->pid = 0;
	w->elsewhere = false;
	if (control_read(m->store.os, path, CONTENT_MAX, &b, NULL, NULL) != 0)
		return;
	all = (struct slice){.at = (const char *)b.data, .len = b.len};
	if (all.len && all.at[all.len - 1] == '\n')
		all.len--;
	if (!slice_cut(&all, ':', &digits) ||
		!slice_number(digits, INT32_MAX, &pid))
		return;
	w->elsewhere = all.len != strlen(m->host) ||
		       (all.len && memcmp(all.at, m->host, all.len) != 0);
	if (!w->elsewhere)
		w->pid = (int64_t)pid;
}

static bool same_file(const struct os_stat *a, const struct os_stat *b)
{
	return a->ino == b->ino && a->dev == b->dev && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

int64_t file_changed_ns(const struct os_stat *st)
{
	return st->mtime_ns > st->ctime_ns ? st->mtime_ns : st->ctime_ns;
}

bool file_outlived(struct os *os, const struct os_stat *st)
{
	return file_changed_ns(st) < os->ops->started_ns(os);
}

static int64_t watched_ns(struct os *os, const struct wait *w)
{
	return os->ops->mono_ns(os) - w->since_ns;
}

/* How long the lock has been as it is: by its times, or by our watching. */
static int64_t unchanged_ns(struct os *os, const struct wait *w)
{
	int64_t by_times = os->ops->wall_ns(os) - file_changed_ns(&w->st);
	int64_t watched = watched_ns(os, w);

	return by_times > watched ? by_times : watched;
}

/* Our own pid: this store holds no such lock, so it is of an earlier process.
 */
static bool is_anothers(struct os *os, int64_t pid)
{
	return pid != os->ops->pid(os) && os->ops->pid_alive(os, pid);
}

static bool is_stale(struct maildir *m, const struct wait *w)
{
	struct os *os = m->store.os;
	bool outlived = file_outlived(os, &w->st);

	if (!w->pid)
		return unchanged_ns(os, w) > SILENT_NS ||
		       (outlived && !w->elsewhere);
	/* A clock that is set forward makes locks older, but none that is
	   held stays as it is for long. */
	if (is_anothers(os, w->pid))
		return outlived && watched_ns(os, w) > DEAD_NS;
	return unchanged_ns(os, w) > DEAD_NS;
}

/* Look at the lock that is in the way. Returns true if it is gone or was
 * stale and is removed. */
static bool look(struct maildir *m, const char *path, struct wait *w)
{
	struct os *os = m->store.os;
	struct os_stat now;

	if (os->ops->lstat(os, path, &now) < 0)
		return true;
	if (!same_file(&now, &w->st)) {
		w->st = now;
		w->since_ns = os->ops->mono_ns(os);
		read_holder(m, path, w);
	}
	if (!is_stale(m, w))
		return false;
	/* Not if it was taken over since. */
	if (os->ops->lstat(os, path, &now) < 0 || !same_file(&now, &w->st))
		return false;
	return os->ops->unlink(os, path) >= 0;
}

/* Returns 0 when linked. */
static int link_waiting(struct maildir *m, const char *temp, const char *path,
	const char *strays, struct err *err)
{
	struct os *os = m->store.os;
	int64_t end = os->ops->mono_ns(os) + m->lock_wait_ns;
	int64_t pause = POLL_FIRST_NS;
	struct wait w = {.pid = 0};

	for (;;) {
		int r = os->ops->link(os, temp, path);

		if (r >= 0)
			return 0;
		if (r != -EEXIST)
			return err_set_os(err, -r, "link %s", path);
		if (look(m, path, &w)) {
			temp_sweep(m, strays);
			/* Two that override at once must not remove each
			   other's new lock. */
			os->ops->sleep_ns(os, OVERRIDE_PAUSE_NS);
			continue;
		}
		if (os->ops->mono_ns(os) >= end)
			return err_set(err, ERR_BUSY,
				"%s: held by process %lld", path,
				(long long)w.pid);
		os->ops->sleep_ns(os, pause);
		pause = pause * 2 > POLL_MAX_NS ? POLL_MAX_NS : pause * 2;
	}
}

/*
 * Link needs one file system: the folder's tmp/ serves unless control files
 * lie elsewhere, or there is none: what a crash left half moved gets no new
 * parts.
 */
static char *temp_dir(const struct maildir *m, const struct folder *f)
{
	AUTO_FREE char *tmp = path_join(f->dir, "tmp");

	return strcmp(f->control, f->dir) == 0 && is_directory(m->store.os, tmp)
		       ? path_join(f->dir, "tmp")
		       : mem_dup(f->control);
}

static bool held_here(const struct maildir *m, const char *path)
{
	for (const struct lock *l = m->locks; l; l = l->next) {
		if (strcmp(l->path, path) == 0)
			return true;
	}
	return false;
}

static int take(struct maildir *m, const struct folder *f, const char *path,
	uint64_t *ret_ino, struct err *err)
{
	struct os *os = m->store.os;
	AUTO_FREE char *dir = temp_dir(m, f);
	AUTO_FREE char *name = temp_name(m, true);
	AUTO_FREE char *temp = path_join(dir, name);
	struct modes modes;
	struct os_stat st;
	int r = modes_of(os, f->dir, &modes, err);

	if (r == 0)
		r = work_begin(m, err);
	if (r == 0 && !is_directory(os, dir))
		r = dir_make(os, dir, modes.dir & 0777, err);
	if (r == 0)
		r = make_temp(m, temp, modes.file, &st, err);
	if (r < 0)
		return r;
	r = link_waiting(m, temp, path, dir, err);
	work_remove(m, temp);
	*ret_ino = st.ino;
	return r;
}

int lock_take(struct maildir *m, const struct folder *f, struct lock **ret,
	struct err *err)
{
	AUTO_FREE char *path = path_join(f->control, LOCK_FILE);
	struct lock *l;
	uint64_t ino;
	int r;

	if (held_here(m, path))
		return err_set(err, ERR_BUSY, "%s: held by this process", path);
	r = take(m, f, path, &ino, err);
	if (r < 0)
		return r;
	l = mem_alloc(sizeof(*l));
	*l = (struct lock){.m = m, .path = path, .ino = ino, .next = m->locks};
	path = NULL;
	m->locks = l;
	*ret = l;
	return 0;
}

int lock_folder(struct maildir *m, const struct folder *f, struct lock **ret,
	struct err *err)
{
	AUTO_FREE char *cur = path_join(f->dir, "cur");
	AUTO_FREE char *tmp = path_join(f->dir, "tmp");
	struct os *os = m->store.os;

	*ret = NULL;
	/* Without tmp/ it was left half moved by a crash. */
	if (!is_directory(os, cur) || !is_directory(os, tmp) ||
		!lock_wanted(m, f))
		return 0;
	return lock_take(m, f, ret, err);
}

void lock_follow(struct lock *l, const char *dir)
{
	if (!l || lock_held(l))
		return;
	free(l->path);
	l->path = path_join(dir, LOCK_FILE);
}

bool lock_sweep(struct maildir *m, const struct folder *f)
{
	AUTO_FREE char *path = path_join(f->control, LOCK_FILE);
	struct os *os = m->store.os;
	struct wait w = {.since_ns = os->ops->mono_ns(os)};
	struct lock *l;

	if (os->ops->lstat(os, path, &w.st) < 0)
		return true;
	read_holder(m, path, &w);
	if (!w.pid && !is_stale(m, &w))
		return false;
	if (w.pid && is_anothers(os, w.pid) && !file_outlived(os, &w.st))
		return true;
	if (lock_take(m, f, &l, NULL) < 0)
		return false;
	lock_release(l);
	return true;
}

bool lock_held(const struct lock *l)
{
	struct os *os = l->m->store.os;
	struct os_stat st;

	return os->ops->lstat(os, l->path, &st) >= 0 && st.ino == l->ino;
}

int lock_release(struct lock *l)
{
	int r = 0;

	if (!l)
		return 0;
	if (lock_held(l))
		r = work_remove(l->m, l->path);
	for (struct lock **at = &l->m->locks; *at; at = &(*at)->next) {
		if (*at == l) {
			*at = l->next;
			break;
		}
	}
	free(l->path);
	free(l);
	return r;
}
