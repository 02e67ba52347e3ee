/*
 * os: the one seam through which Packetboat meets the operating system.
 *
 * Every call that changes files, and the clock, randomness, process ids and
 * the hostname, goes through a `struct os`: the real one (os_real), or a
 * simulated disk in tests (tests/support/simdisk.h) that forgets what was not
 * fsynced and fails where it is told to. Nothing outside os_real.c calls the
 * system for these.
 *
 * Calls return a value >= 0, or -errno. os_real retries EINTR itself where
 * the call had no effect. Paths are NUL-terminated bytes; the caller keeps
 * them. The struct os must outlive all files opened through it.
 */
#ifndef PB_OS_H
#define PB_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct buf;
struct err;
struct os;

struct os_stat {
	uint64_t dev, ino;
	uint32_t mode, nlink, uid, gid;
	int64_t size;
	int64_t mtime_ns, ctime_ns; /* since 1970, nanoseconds */
};

enum os_lock {
	OS_LOCK_NONE, /* release */
	OS_LOCK_READ,
	OS_LOCK_WRITE
};

struct os_ops {
	/* flags and mode as open(2); O_CLOEXEC is always added. */
	int (*open)(struct os *os, const char *path, int flags, mode_t mode);
	int (*close)(struct os *os, int fd);
	/*
	 * A pipe, terminal or socket has no places: there pread and pwrite
	 * ignore `at` and take or give the next bytes.
	 */
	ssize_t (*pread)(
		struct os *os, int fd, void *to, size_t len, int64_t at);
	/* May write less than asked for; see os_write_all. */
	ssize_t (*pwrite)(struct os *os, int fd, const void *from, size_t len,
		int64_t at);
	int (*fsync)(struct os *os, int fd);
	int (*fdatasync)(struct os *os, int fd);
	/*
	 * All that was done on the file system of an open file since it was
	 * opened becomes durable: contents, names, dates, of every file.
	 * -EOPNOTSUPP where the system does not promise that, and to tell of
	 * every error (NULL is the same): then each file is to be fsynced.
	 */
	int (*sync_fs)(struct os *os, int fd);
	int (*ftruncate)(struct os *os, int fd, int64_t size);
	int (*fstat)(struct os *os, int fd, struct os_stat *ret);
	int (*lstat)(struct os *os, const char *path, struct os_stat *ret);
	int (*stat)(struct os *os, const char *path, struct os_stat *ret);
	/* When a file (not what a symlink names) was made, ns since 1970; 0
	   where the file system does not say. */
	int (*birth)(struct os *os, const char *path, int64_t *ret_ns);
	int (*rename)(struct os *os, const char *from, const char *to);
	int (*link)(struct os *os, const char *from, const char *to);
	int (*unlink)(struct os *os, const char *path);
	int (*mkdir)(struct os *os, const char *path, mode_t mode);
	int (*rmdir)(struct os *os, const char *path);
	/* Sets both atime and mtime of an open file. */
	int (*futimens)(struct os *os, int fd, int64_t mtime_ns);
	int (*fchmod)(struct os *os, int fd, mode_t mode);
	/*
	 * The whole directory in one getdents64 call (two calls may miss or
	 * repeat names), appended to ret: entries of
	 * one byte DT_* type, 8 bytes inode (little-endian), NUL-terminated
	 * name; "." and ".." left out. Order is whatever the file system
	 * gives. Walk it with os_list_next.
	 */
	int (*list)(struct os *os, const char *path, struct buf *ret);
	/*
	 * Advisory byte-range lock on an open file (open file description
	 * lock), never waits. -EAGAIN when somebody else holds it. len 0:
	 * to the end.
	 */
	int (*lock)(struct os *os, int fd, enum os_lock how, int64_t at,
		int64_t len);
	/*
	 * Write lease on an open file (take true): 0 if nobody else has it
	 * open; whoever opens it then waits until the lease is given back
	 * (take false) or the file is closed. -EAGAIN: somebody has it open.
	 */
	int (*lease)(struct os *os, int fd, bool take);
	/* Forget what is cached of an open file: what is read next comes from
	   the disk. May be NULL. */
	void (*uncache)(struct os *os, int fd);
	/* Free and total bytes of the file system that holds path. */
	int (*space)(struct os *os, const char *path, uint64_t *ret_free,
		uint64_t *ret_total);
	/* Bytes that a file there may have: FAT holds 4 GiB - 1. Returns 0
	   where there is no limit to speak of. May be NULL: the same. */
	uint64_t (*file_max)(struct os *os, const char *path);
	int64_t (*wall_ns)(struct os *os); /* CLOCK_REALTIME */
	int64_t (*mono_ns)(struct os *os); /* CLOCK_MONOTONIC */
	/*
	 * When this machine was started, as wall_ns tells times now: set the
	 * clock, and it moves too. What a file says of an earlier time was not
	 * done by any process that lives here.
	 */
	int64_t (*started_ns)(struct os *os);
	void (*sleep_ns)(struct os *os, int64_t ns); /* a signal ends it */
	void (*random)(struct os *os, void *to, size_t len);
	int64_t (*pid)(struct os *os);
	/* True if a process with this pid exists on this machine. */
	bool (*pid_alive)(struct os *os, int64_t pid);
	/* gethostname(2) into ret[len], NUL-terminated. */
	void (*hostname)(struct os *os, char *ret, size_t len);
	/*
	 * File accesses from now on are done as this user and group
	 * (setfsuid, setfsgid); (uid_t)-1 goes back to the process's own.
	 * Does nothing when not root.
	 */
	int (*become)(struct os *os, uid_t uid, gid_t gid);
};

struct os {
	const struct os_ops *ops;
};

/* The real system. Never freed. */
struct os *os_real(void);

/* ---- whole-file helpers over the seam (file.c) ---- */

/* An entry of what ops->list gave. */
struct os_entry {
	uint8_t type; /* DT_*; DT_UNKNOWN on some file systems */
	uint64_t ino;
	const char *name; /* points into the list */
};

/*
 * The entry at *at (0 at first) of a list, and move *at behind it.
 * Returns: false at the end.
 */
bool os_list_next(const struct buf *list, size_t *at, struct os_entry *ret);
/* Add an entry as ops->list does: for those that implement it. */
void os_list_add(
	struct buf *list, uint8_t type, uint64_t ino, const char *name);

/*
 * Write len bytes at offset at, however many calls it takes.
 * Errors: ERR_IO (path names the file in the text only).
 */
int os_write_all(struct os *os, int fd, const void *from, size_t len,
	int64_t at, const char *path, struct err *err);

/*
 * Read exactly len bytes at offset at.
 * Errors: ERR_TORN if the file ends before; ERR_IO.
 */
int os_read_all(struct os *os, int fd, void *to, size_t len, int64_t at,
	const char *path, struct err *err);

/*
 * Append a whole file of at most max bytes to ret.
 * Errors: ERR_ABSENT, ERR_LIMIT (larger than max), ERR_IO.
 */
int file_read(struct os *os, const char *path, size_t max, struct buf *ret,
	struct err *err);

/*
 * Replace path by data: "<path>.tmp", fsync, rename, fsync of the directory.
 * Durable when it returns 0; on failure path is as it was before, or, if only
 * the last fsync failed, the new one, whole.
 */
int file_replace(struct os *os, const char *path, const void *data, size_t len,
	mode_t mode, struct err *err);

/*
 * Open path, made with that mode when it is not there, and lock it whole,
 * waiting for at most wait_ms; closing *ret_fd gives it back.
 * Errors: ERR_BUSY: another process has it; ERR_IO.
 */
int file_lock(struct os *os, const char *path, mode_t mode, int64_t wait_ms,
	int *ret_fd, struct err *err);

/* fsync a directory (entries created, renamed, removed in it last). */
int dir_sync(struct os *os, const char *path, struct err *err);
/* The same for the directory that holds path. */
int dir_sync_parent(struct os *os, const char *path, struct err *err);

/*
 * To be called before `count` new files are fsynced one by one: does it for
 * all of them at once where they are many and the system can, because each
 * fsync waits for the disk. dir_fd: an open directory on their file system,
 * opened before they were written; path names it in the text.
 * Returns 1 if all are durable now, 0 if each is still to be fsynced.
 * Errors: ERR_IO: final, as that of an fsync.
 */
int os_sync_many(struct os *os, int dir_fd, size_t count, const char *path,
	struct err *err);

/*
 * mkdir -p: every missing parent too, each durable (its parent fsynced).
 * An existing directory is fine.
 */
int dir_make(struct os *os, const char *path, mode_t mode, struct err *err);

/* rm -r; a path that is not there is fine. Not durable by itself. */
int dir_remove(struct os *os, const char *path, struct err *err);

#endif
