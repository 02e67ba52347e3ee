/*
 * os_real: struct os over Linux.
 *
 * EINTR is retried where the call had no effect (open, pread, pwrite,
 * ftruncate, locks). It is not retried for fsync, whose failure is final
 * (design.md section 4), nor for close, which has closed the file by then.
 *
 * A directory is read whole by one getdents64 call: across two calls a busy
 * directory shows a renamed file under both names or under neither. The
 * buffer is sized from st_size; when a call comes back nearly full, the
 * buffer grows and the reading starts over from the beginning.
 */
#include "os.h"
#include "mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

/* The largest entry getdents64 gives: header, NAME_MAX, NUL, alignment. */
#define DIRENT_MAX (offsetof(struct dirent64, d_name) + 256 + 8)
#define LIST_FIRST ((size_t)64 * 1024)
#define LIST_MAX ((size_t)1 << 30) /* some ten million names */
#define LIST_TRIES 8

#define XFS_MAGIC 0x58465342 /* "XFSB" */

static int result(int r)
{
	return r < 0 ? -errno : r;
}

static int64_t ns_of(struct timespec t)
{
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static struct timespec timespec_of(int64_t ns)
{
	int64_t rest = ns % NS_PER_S;
	int64_t s = ns / NS_PER_S;

	if (rest < 0) {
		rest += NS_PER_S;
		s--;
	}
	return (struct timespec){.tv_sec = s, .tv_nsec = rest};
}

static int real_open(struct os *os, const char *path, int flags, mode_t mode)
{
	int fd;

	(void)os;
	do
		fd = open(path, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return result(fd);
}

static int real_close(struct os *os, int fd)
{
	(void)os;
	if (close(fd) < 0 && errno != EINTR)
		return -errno;
	return 0;
}

static ssize_t real_pread(
	struct os *os, int fd, void *to, size_t len, int64_t at)
{
	ssize_t n;

	(void)os;
	do {
		n = pread(fd, to, len, at);
		if (n < 0 && errno == ESPIPE)
			n = read(fd, to, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t real_pwrite(
	struct os *os, int fd, const void *from, size_t len, int64_t at)
{
	ssize_t n;

	(void)os;
	do {
		n = pwrite(fd, from, len, at);
		if (n < 0 && errno == ESPIPE)
			n = write(fd, from, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int real_fsync(struct os *os, int fd)
{
	(void)os;
	return result(fsync(fd));
}

static int real_fdatasync(struct os *os, int fd)
{
	(void)os;
	return result(fdatasync(fd));
}

/* syncfs tells of failed writes since Linux 5.8 only. */
static bool kernel_tells_of_errors(void)
{
	struct utsname u;
	int major, minor;

	return uname(&u) == 0 &&
	       sscanf(u.release, "%d.%d", &major, &minor) == 2 &&
	       (major > 5 || (major == 5 && minor >= 8));
}

/* File systems that are known to write everything to the disk then; some
   others (FUSE) return when they have handed it on. */
static int real_sync_fs(struct os *os, int fd)
{
	struct statfs st;

	(void)os;
	if (fstatfs(fd, &st) < 0)
		return -errno;
	if (!kernel_tells_of_errors() ||
		(st.f_type != EXT4_SUPER_MAGIC && st.f_type != XFS_MAGIC &&
			st.f_type != BTRFS_SUPER_MAGIC))
		return -EOPNOTSUPP;
	return result(syncfs(fd));
}

static int real_ftruncate(struct os *os, int fd, int64_t size)
{
	int r;

	(void)os;
	do
		r = ftruncate(fd, size);
	while (r < 0 && errno == EINTR);
	return result(r);
}

static int stat_result(int r, const struct stat *st, struct os_stat *ret)
{
	if (r < 0)
		return -errno;
	*ret = (struct os_stat){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.mode = st->st_mode,
		.nlink = (uint32_t)st->st_nlink,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.size = st->st_size,
		.mtime_ns = ns_of(st->st_mtim),
		.ctime_ns = ns_of(st->st_ctim),
	};
	return 0;
}

static int real_fstat(struct os *os, int fd, struct os_stat *ret)
{
	struct stat st;

	(void)os;
	return stat_result(fstat(fd, &st), &st, ret);
}

static int real_lstat(struct os *os, const char *path, struct os_stat *ret)
{
	struct stat st;

	(void)os;
	return stat_result(lstat(path, &st), &st, ret);
}

static int real_birth(struct os *os, const char *path, int64_t *ret_ns)
{
	struct statx st;

	(void)os;
	*ret_ns = 0;
	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &st) < 0)
		return errno == ENOSYS ? 0 : -errno;
	if (st.stx_mask & STATX_BTIME)
		*ret_ns = st.stx_btime.tv_sec * INT64_C(1000000000) +
			  st.stx_btime.tv_nsec;
	return 0;
}

static int real_stat(struct os *os, const char *path, struct os_stat *ret)
{
	struct stat st;

	(void)os;
	return stat_result(stat(path, &st), &st, ret);
}

static int real_rename(struct os *os, const char *from, const char *to)
{
	(void)os;
	return result(rename(from, to));
}

static int real_link(struct os *os, const char *from, const char *to)
{
	(void)os;
	return result(link(from, to));
}

static int real_unlink(struct os *os, const char *path)
{
	(void)os;
	return result(unlink(path));
}

static int real_mkdir(struct os *os, const char *path, mode_t mode)
{
	(void)os;
	return result(mkdir(path, mode));
}

static int real_rmdir(struct os *os, const char *path)
{
	(void)os;
	return result(rmdir(path));
}

static int real_futimens(struct os *os, int fd, int64_t mtime_ns)
{
	struct timespec t[2] = {timespec_of(mtime_ns), timespec_of(mtime_ns)};

	(void)os;
	return result(futimens(fd, t));
}

static int real_fchmod(struct os *os, int fd, mode_t mode)
{
	(void)os;
	return result(fchmod(fd, mode));
}

/* One getdents64 call: bytes, 0 at the end, -errno. */
static ssize_t get_entries(int fd, uint8_t *to, size_t cap)
{
	ssize_t n;

	do
		n = syscall(SYS_getdents64, fd, to, cap);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/*
 * Append what follows the entries already in raw, until the end: for file
 * systems that hand out a directory in pieces however large the buffer is.
 */
static int get_pieces(int fd, struct buf *raw)
{
	for (;;) {
		ssize_t n =
			get_entries(fd, buf_room(raw, LIST_FIRST), LIST_FIRST);

		if (n <= 0)
			return (int)n;
		raw->len += (size_t)n;
		if (raw->len > LIST_MAX)
			return -EOVERFLOW;
	}
}

/*
 * Entries as the kernel gives them, in one call. The second call only proves
 * that the first saw the end. When it finds more although there was room,
 * either an entry was added in between, and trying again helps, or the file
 * system (FUSE, some network ones) gives pieces, and nothing does.
 */
static int get_directory(int fd, struct buf *raw)
{
	size_t cap = LIST_FIRST;
	struct stat st;
	int tries = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size > 0 && (uint64_t)st.st_size < LIST_MAX / 2)
		cap += 2 * (size_t)st.st_size;
	for (;;) {
		uint8_t rest[DIRENT_MAX];
		ssize_t n, more;

		if (lseek(fd, 0, SEEK_SET) < 0)
			return -errno;
		buf_clear(raw);
		n = get_entries(fd, buf_room(raw, cap), cap);
		if (n <= 0)
			return (int)n;
		raw->len = (size_t)n;
		if (cap - (size_t)n < DIRENT_MAX) {
			if (cap > LIST_MAX / 2)
				return -EOVERFLOW;
			cap *= 2;
			continue;
		}
		more = get_entries(fd, rest, sizeof(rest));
		if (more <= 0)
			return (int)more;
		if (++tries == LIST_TRIES) {
			buf_add(raw, rest, (size_t)more);
			return get_pieces(fd, raw);
		}
	}
}

/*
 * A struct dirent64 is longer than our entry of the same name: the room is
 * known before, and large directories are not moved while they are added.
 */
static void add_entries(struct buf *to, const struct buf *raw)
{
	size_t at = 0;

	buf_room(to, raw->len);
	while (at < raw->len) {
		const uint8_t *p = raw->data + at;
		const char *name =
			(const char *)p + offsetof(struct dirent64, d_name);
		uint16_t reclen;
		uint64_t ino;

		memcpy(&ino, p + offsetof(struct dirent64, d_ino), sizeof(ino));
		memcpy(&reclen, p + offsetof(struct dirent64, d_reclen),
			sizeof(reclen));
		at += reclen;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		os_list_add(
			to, p[offsetof(struct dirent64, d_type)], ino, name);
	}
}

static int real_list(struct os *os, const char *path, struct buf *ret)
{
	AUTO_BUF struct buf raw = BUF_INIT;
	int fd = real_open(os, path, O_RDONLY | O_DIRECTORY, 0);
	int r;

	if (fd < 0)
		return fd;
	r = get_directory(fd, &raw);
	close(fd);
	if (r == 0)
		add_entries(ret, &raw);
	return r;
}

static int real_lock(
	struct os *os, int fd, enum os_lock how, int64_t at, int64_t len)
{
	struct flock fl = {
		.l_type = how == OS_LOCK_NONE	? F_UNLCK
			  : how == OS_LOCK_READ ? F_RDLCK
						: F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = at,
		.l_len = len,
	};
	int r;

	(void)os;
	do
		r = fcntl(fd, F_OFD_SETLK, &fl);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EACCES ? -EAGAIN : -errno;
	return 0;
}

static void real_uncache(struct os *os, int fd)
{
	(void)os;
	/* Advice: where it is not taken, the cache is as good as the disk. */
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

/*
 * When somebody opens the file the kernel tells us by a signal. SIGIO, its
 * choice, would end the process; SIGURG does nothing unless it is caught.
 */
static int real_lease(struct os *os, int fd, bool take)
{
	(void)os;
	if (take && fcntl(fd, F_SETSIG, SIGURG) < 0)
		return -errno;
	return result(fcntl(fd, F_SETLEASE, take ? F_WRLCK : F_UNLCK));
}

static int real_space(struct os *os, const char *path, uint64_t *ret_free,
	uint64_t *ret_total)
{
	struct statvfs st;
	int r;

	(void)os;
	do
		r = statvfs(path, &st);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	*ret_free = (uint64_t)st.f_bavail * st.f_frsize;
	*ret_total = (uint64_t)st.f_blocks * st.f_frsize;
	return 0;
}

static uint64_t real_file_max(struct os *os, const char *path)
{
	struct statfs fs;
	int r;

	(void)os;
	do
		r = statfs(path, &fs);
	while (r < 0 && errno == EINTR);
	return r == 0 && fs.f_type == MSDOS_SUPER_MAGIC ? UINT32_MAX : 0;
}

static int64_t real_wall_ns(struct os *os)
{
	struct timespec t;

	(void)os;
	clock_gettime(CLOCK_REALTIME, &t);
	return ns_of(t);
}

static int64_t real_mono_ns(struct os *os)
{
	struct timespec t;

	(void)os;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return ns_of(t);
}

/* The time since then goes on while the machine sleeps. */
static int64_t real_started_ns(struct os *os)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return real_wall_ns(os) - ns_of(t);
}

/* A signal ends the sleep early: a daemon asked to stop stops at once. */
static void real_sleep_ns(struct os *os, int64_t ns)
{
	struct timespec t = timespec_of(ns);

	(void)os;
	if (ns > 0)
		nanosleep(&t, NULL);
}

static void real_random(struct os *os, void *to, size_t len)
{
	uint8_t *p = to;

	(void)os;
	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno != EINTR)
			abort(); /* without randomness no key is safe */
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}

static int64_t real_pid(struct os *os)
{
	(void)os;
	return getpid();
}

static bool real_pid_alive(struct os *os, int64_t pid)
{
	(void)os;
	if (pid <= 0 || pid > INT_MAX)
		return false;
	return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

static void real_hostname(struct os *os, char *ret, size_t len)
{
	struct utsname name;
	size_t n;

	(void)os;
	if (len == 0)
		return;
	uname(&name);
	n = strnlen(name.nodename, len - 1);
	memcpy(ret, name.nodename, n);
	ret[n] = '\0';
}

/*
 * setfsuid and setfsgid cannot fail aloud: they return the id that was in
 * force before, so a second call with an impossible id tells what is now.
 */
static int real_become(struct os *os, uid_t uid, gid_t gid)
{
	(void)os;
	if (geteuid() != 0)
		return 0;
	if (uid == (uid_t)-1)
		uid = geteuid();
	if (gid == (gid_t)-1)
		gid = getegid();
	setfsgid(gid);
	setfsuid(uid);
	if (setfsgid((gid_t)-1) != (int)gid || setfsuid((uid_t)-1) != (int)uid)
		return -EPERM;
	return 0;
}

static const struct os_ops real_ops = {
	.open = real_open,
	.close = real_close,
	.pread = real_pread,
	.pwrite = real_pwrite,
	.fsync = real_fsync,
	.fdatasync = real_fdatasync,
	.sync_fs = real_sync_fs,
	.ftruncate = real_ftruncate,
	.fstat = real_fstat,
	.lstat = real_lstat,
	.birth = real_birth,
	.stat = real_stat,
	.rename = real_rename,
	.link = real_link,
	.unlink = real_unlink,
	.mkdir = real_mkdir,
	.rmdir = real_rmdir,
	.futimens = real_futimens,
	.fchmod = real_fchmod,
	.list = real_list,
	.lock = real_lock,
	.lease = real_lease,
	.uncache = real_uncache,
	.space = real_space,
	.file_max = real_file_max,
	.wall_ns = real_wall_ns,
	.mono_ns = real_mono_ns,
	.started_ns = real_started_ns,
	.sleep_ns = real_sleep_ns,
	.random = real_random,
	.pid = real_pid,
	.pid_alive = real_pid_alive,
	.hostname = real_hostname,
	.become = real_become,
};

struct os *os_real(void)
{
	static struct os real = {.ops = &real_ops};

	return &real;
}
