/*
 * simcalls: the calls of the seam that act on open files, as Linux answers
 * them: which errno, which times move, who may lock.
 */
#include "simmachine.h"
#include "mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX (INT64_C(1) << 31) /* larger is EFBIG */

static bool may_read(const struct sim_file *f)
{
	return (f->flags & O_ACCMODE) != O_WRONLY;
}

static bool may_write(const struct sim_file *f)
{
	return (f->flags & O_ACCMODE) != O_RDONLY;
}

/* ---- locks of open files ---- */

static bool holds(
	const struct sim_inode *inode, int fd, int64_t from, int64_t to)
{
	for (size_t i = 0; i < inode->lock_count; i++) {
		const struct sim_lock *l = &inode->locks[i];

		if (l->fd == fd && l->from < to && from < l->to)
			return true;
	}
	return false;
}

/* Take [from, to) out of what fd holds; what is left of a range stays. */
static void unlock_range(
	struct sim_inode *inode, int fd, int64_t from, int64_t to)
{
	size_t count = inode->lock_count, left = 0;
	struct sim_lock *old = inode->locks;

	if (!holds(inode, fd, from, to))
		return;
	inode->locks = mem_array(2 * count + 1, sizeof(*inode->locks));
	for (size_t i = 0; i < count; i++) {
		struct sim_lock l = old[i];

		if (l.fd != fd || l.to <= from || to <= l.from) {
			inode->locks[left++] = l;
			continue;
		}
		if (l.from < from) {
			inode->locks[left] = l;
			inode->locks[left++].to = from;
		}
		if (to < l.to) {
			inode->locks[left] = l;
			inode->locks[left++].from = to;
		}
	}
	inode->lock_count = left;
	free(old);
}

static bool lock_conflicts(
	const struct sim_inode *inode, const struct sim_lock *want)
{
	for (size_t i = 0; i < inode->lock_count; i++) {
		const struct sim_lock *l = &inode->locks[i];

		if (l->fd != want->fd && (l->write || want->write) &&
			l->from < want->to && want->from < l->to)
			return true;
	}
	return false;
}

static int sim_lock_range(
	struct os *os, int fd, enum os_lock how, int64_t at, int64_t len)
{
	struct simdisk *d = sim_disk(os);
	int r = sim_look(d, "lock", sim_file_path(d, fd));
	struct sim_file *f = sim_file(d, fd);
	struct sim_lock want = {
		.fd = fd,
		.write = how == OS_LOCK_WRITE,
		.from = at,
	};

	if (r < 0)
		return r;
	if (!f || (how == OS_LOCK_WRITE && !may_write(f)) ||
		(how == OS_LOCK_READ && !may_read(f)))
		return -EBADF;
	if (at < 0 || len < 0)
		return -EINVAL;
	want.to = len && len < INT64_MAX - at ? at + len : INT64_MAX;
	if (how != OS_LOCK_NONE && lock_conflicts(f->inode, &want))
		return -EAGAIN;
	unlock_range(f->inode, fd, want.from, want.to);
	if (how != OS_LOCK_NONE) {
		f->inode->locks = mem_grow(f->inode->locks,
			f->inode->lock_count + 1, sizeof(want));
		f->inode->locks[f->inode->lock_count++] = want;
	}
	return 0;
}

/* One process at a time: no opener can come and wait. */
static int sim_lease(struct os *os, int fd, bool take)
{
	struct simdisk *d = sim_disk(os);
	int r = sim_look(d, "lease", sim_file_path(d, fd));
	const struct sim_file *f = sim_file(d, fd);

	if (r < 0)
		return r;
	if (!f)
		return -EBADF;
	for (size_t i = 0; take && i < d->slots; i++) {
		if (&d->files[i] != f && d->files[i].inode == f->inode)
			return -EAGAIN;
	}
	return 0;
}

/* ---- open, close ---- */

static int open_new(struct simdisk *d, struct sim_place *p, const char *path,
	int flags, mode_t mode)
{
	struct sim_inode *inode;
	int fd;

	inode = sim_new_inode(d, S_IFREG | (mode & 07777));
	fd = sim_file_add(d, inode, path, flags);
	if (fd >= 0)
		sim_add_name(d, p, inode);
	sim_inode_unref(&d->tree, inode);
	return fd;
}

static void stamp(struct simdisk *d, struct sim_inode *inode)
{
	inode->now.mtime_ns = inode->now.ctime_ns = sim_file_time(d);
}

static int open_old(
	struct simdisk *d, struct sim_place *p, const char *path, int flags)
{
	bool writing = (flags & O_ACCMODE) != O_RDONLY;
	bool dir = sim_is_dir(p->inode);
	int fd;

	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	if (dir && (writing || flags & O_CREAT))
		return -EISDIR;
	if (!dir && (p->slash || flags & O_DIRECTORY))
		return -ENOTDIR;
	fd = sim_file_add(d, p->inode, path, flags);
	if (fd >= 0 && flags & O_TRUNC && writing) {
		if (p->inode->bytes.size)
			sim_truncate(&d->tree, p->inode, 0);
		stamp(d, p->inode);
	}
	return fd;
}

static int sim_open(struct os *os, const char *path, int flags, mode_t mode)
{
	struct simdisk *d = sim_disk(os);
	struct sim_place p;
	int r;

	if (flags & (O_CREAT | O_TRUNC))
		r = sim_counted(d, "open", path);
	else
		r = sim_look(d, "open", path);
	if (r < 0)
		return r;
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return -EOPNOTSUPP;
	if (flags & O_CREAT && flags & O_DIRECTORY)
		return -EINVAL;
	r = sim_walk(d, path, &p);
	if (r < 0)
		return r;
	if (flags & O_CREAT && p.slash)
		return -EISDIR;
	if (p.inode)
		return open_old(d, &p, path, flags);
	if (!(flags & O_CREAT))
		return -ENOENT;
	if (sim_removed(d, p.dir))
		return -ENOENT;
	return open_new(d, &p, path, flags, mode);
}

/* Also when stopped: a dead process's files are closed. */
static int sim_close(struct os *os, int fd)
{
	struct simdisk *d = sim_disk(os);
	struct sim_file *f;

	sim_closing(d, sim_file_path(d, fd));
	f = sim_file(d, fd);
	if (!f)
		return -EBADF;
	unlock_range(f->inode, fd, 0, INT64_MAX);
	sim_file_drop(d, f);
	return 0;
}

/* ---- bytes ---- */

static ssize_t sim_pread(
	struct os *os, int fd, void *to, size_t len, int64_t at)
{
	struct simdisk *d = sim_disk(os);
	int r = sim_look(d, "pread", sim_file_path(d, fd));
	struct sim_file *f = sim_file(d, fd);
	size_t size;

	if (r < 0)
		return r;
	if (!f || !may_read(f))
		return -EBADF;
	if (sim_is_dir(f->inode))
		return -EISDIR;
	if (at < 0)
		return -EINVAL;
	size = f->inode->bytes.size;
	if ((uint64_t)at >= size || len == 0)
		return 0;
	if (len > size - (size_t)at)
		len = size - (size_t)at;
	memcpy(to, f->inode->bytes.data + at, len);
	return (ssize_t)len;
}

/* How much of a write fits on the disk. */
static size_t fitting(const struct simdisk *d, const struct sim_inode *inode,
	size_t len, int64_t at)
{
	uint64_t end = inode->bytes.size + sim_space_left(d);

	if ((uint64_t)at + len <= end)
		return len;
	return (uint64_t)at < end ? (size_t)(end - (uint64_t)at) : 0;
}

static ssize_t write_now(struct simdisk *d, struct sim_file *f,
	const void *from, size_t len, int64_t at)
{
	size_t fits;

	if (at < 0)
		return -EINVAL;
	if (f->flags & O_APPEND) /* Linux: wherever pwrite was told to */
		at = (int64_t)f->inode->bytes.size;
	if (len == 0)
		return 0;
	if (len > (size_t)FILE_MAX || at > FILE_MAX - (int64_t)len)
		return -EFBIG;
	fits = fitting(d, f->inode, len, at);
	if (fits == 0)
		return -ENOSPC;
	sim_write(&d->tree, f->inode, at, from, fits);
	stamp(d, f->inode);
	return (ssize_t)fits;
}

static ssize_t sim_pwrite(
	struct os *os, int fd, const void *from, size_t len, int64_t at)
{
	struct simdisk *d = sim_disk(os);
	bool part = false;
	int r = sim_counted_part(d, "pwrite", sim_file_path(d, fd), &part);
	struct sim_file *f = sim_file(d, fd);
	ssize_t n;

	if (r < 0 && !part)
		return r;
	if (!f || !may_write(f))
		return r < 0 ? r : -EBADF;
	if (part && r < 0) /* killed in it: nothing, a part, or all */
		len = sim_below(&d->fault_rng, len + 1);
	else if (part && len > 1)
		len = 1 + sim_below(&d->fault_rng, len - 1);
	n = write_now(d, f, from, len, at);
	return r < 0 ? r : n;
}

static int sync_file(
	struct simdisk *d, int fd, const char *call, bool with_attr)
{
	int r = sim_counted(d, call, sim_file_path(d, fd));
	struct sim_file *f = sim_file(d, fd);

	if (!f)
		return r < 0 ? r : -EBADF;
	if (d->stopped && !d->in_hook)
		return r;
	if (!sim_is_dir(f->inode))
		sim_sync_file(f->inode, with_attr, r < 0);
	else if (r == 0)
		sim_sync_dir(&d->tree, f->inode);
	return r;
}

static int sim_fsync(struct os *os, int fd)
{
	return sync_file(sim_disk(os), fd, "fsync", true);
}

static int sim_fdatasync(struct os *os, int fd)
{
	return sync_file(sim_disk(os), fd, "fdatasync", false);
}

/* Of a failed one nothing is known: all stays undecided. */
static int sim_sync_fs(struct os *os, int fd)
{
	struct simdisk *d = sim_disk(os);
	int r = sim_counted(d, "sync_fs", sim_file_path(d, fd));

	if (r < 0)
		return r;
	if (!sim_file(d, fd))
		return -EBADF;
	sim_sync_all(&d->tree);
	return 0;
}

static int sim_ftruncate(struct os *os, int fd, int64_t size)
{
	struct simdisk *d = sim_disk(os);
	int r = sim_counted(d, "ftruncate", sim_file_path(d, fd));
	struct sim_file *f = sim_file(d, fd);

	if (r < 0)
		return r;
	if (!f)
		return -EBADF;
	if (!may_write(f) || size < 0)
		return -EINVAL;
	if (size > FILE_MAX)
		return -EFBIG;
	sim_truncate(&d->tree, f->inode, size);
	stamp(d, f->inode);
	return 0;
}

/* ---- attributes ---- */

static int sim_fstat(struct os *os, int fd, struct os_stat *ret)
{
	struct simdisk *d = sim_disk(os);
	int r = sim_look(d, "fstat", sim_file_path(d, fd));
	struct sim_file *f = sim_file(d, fd);

	if (r < 0)
		return r;
	if (!f)
		return -EBADF;
	sim_fill_stat(d, f->inode, ret);
	return 0;
}

static int sim_futimens(struct os *os, int fd, int64_t mtime_ns)
{
	struct simdisk *d = sim_disk(os);
	int r = sim_counted(d, "futimens", sim_file_path(d, fd));
	struct sim_file *f = sim_file(d, fd);

	if (r < 0)
		return r;
	if (!f)
		return -EBADF;
	f->inode->now.mtime_ns = mtime_ns;
	f->inode->now.ctime_ns = sim_file_time(d);
	return 0;
}

static int sim_fchmod(struct os *os, int fd, mode_t mode)
{
	struct simdisk *d = sim_disk(os);
	int r = sim_counted(d, "fchmod", sim_file_path(d, fd));
	struct sim_file *f = sim_file(d, fd);

	if (r < 0)
		return r;
	if (!f)
		return -EBADF;
	f->inode->now.mode = (f->inode->now.mode & S_IFMT) | (mode & 07777);
	f->inode->now.ctime_ns = sim_file_time(d);
	return 0;
}

void sim_calls(struct os_ops *ops)
{
	ops->open = sim_open;
	ops->close = sim_close;
	ops->pread = sim_pread;
	ops->pwrite = sim_pwrite;
	ops->fsync = sim_fsync;
	ops->fdatasync = sim_fdatasync;
	ops->sync_fs = sim_sync_fs;
	ops->ftruncate = sim_ftruncate;
	ops->fstat = sim_fstat;
	ops->futimens = sim_futimens;
	ops->fchmod = sim_fchmod;
	ops->lock = sim_lock_range;
	ops->lease = sim_lease;
}
