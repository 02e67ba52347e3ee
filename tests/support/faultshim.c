/*
 * faultshim: an LD_PRELOAD library which counts the calls of a real process
 * that change files, and kills it at the n-th, or makes that one fail.
 *
 *	LD_PRELOAD=libfaultshim.so FAULT_KIND=count FAULT_LOG=/tmp/calls prog
 *	LD_PRELOAD=libfaultshim.so FAULT_KIND=kill FAULT_AT=17 prog
 *
 *	FAULT_KIND     kill        SIGKILL before the call takes place
 *	               kill_after  SIGKILL when it has taken place
 *	               torn        SIGKILL when a write has written half
 *	               term        SIGTERM before the call takes place
 *	               EIO ENOSPC EINTR EDQUOT EROFS   it fails, without effect
 *	               short       a write writes half of what was asked
 *	               full        from this call on all that takes space below
 *	                           FAULT_BELOW fails with ENOSPC
 *	               broken      from this call on all fail with EIO
 *	               pulled      before this call the directory FAULT_BELOW
 *	                           becomes FAULT_BELOW.pulled, and an empty one
 *	                           takes its place, as when a medium is pulled
 *	                           out; what is open there fails with EIO
 *	               count       nothing happens; for FAULT_LOG
 *	FAULT_AT       the call: 1 is the first of the process
 *	FAULT_BELOW    a directory, as the program names it
 *	FAULT_WHILE    a file: what lasts, lasts as long as it is there
 *	FAULT_SOCKETS  set: write to a socket is counted, too
 *	FAULT_LOG      a file, to which every call appends a line, whatever the
 *	               kind: "<pid> <number> <name> <path>[ -> <path>]"
 *	FAULT_PROGRAM  act only in processes whose executable has this base
 *	               name, so that a front-end's child can be the target
 *
 * Counted are open, openat and creat with O_CREAT or O_TRUNC; write, pwrite,
 * writev, pwritev to regular files; fsync, fdatasync, syncfs, ftruncate,
 * truncate, fallocate; rename, link, symlink, unlink, mkdir, rmdir and their
 * forms with "at"; futimens, utimensat, fchmod, chmod, fchown, chown and
 * theirs. Each process has its own count, and so has each child from its fork
 * on; threads share one.
 *
 * What libc does within itself (stdio, remove) does not pass here. The real
 * calls are made by syscall(2), so that no other library's wrapper is needed;
 * 64-bit Linux only.
 */
#undef _FILE_OFFSET_BITS /* else open would be compiled as open64 */
#undef _FORTIFY_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(off_t) == 8 && sizeof(long) == 8, "64-bit only");

#define PUBLIC __attribute__((visibility("default")))
#define LOG_FD_MIN 700 /* out of the way of the program's own files */

enum kind {
	KIND_OFF, /* not our program */
	KIND_COUNT,
	KIND_KILL,
	KIND_KILL_AFTER,
	KIND_TORN,
	KIND_TERM,
	KIND_ERROR,
	KIND_SHORT,
	KIND_FULL,
	KIND_BROKEN,
	KIND_PULLED
};

static struct {
	enum kind kind;
	int error; /* of KIND_ERROR */
	long at;
	int log_fd; /* -1: none */
	ino_t log_ino;
	const char *log_path;
	const char *below;   /* of KIND_FULL; NULL: everywhere */
	const char *as_long; /* of what lasts; NULL: for ever */
	char pulled[512];    /* of KIND_PULLED: where it is now */
	bool sockets;
	atomic_long calls;
} shim = {.log_fd = -1};

/* What is to happen with one call. */
struct fault {
	int error; /* fails with it */
	bool half;
	bool kill_after;
};

static void die(void)
{
	syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
	__builtin_trap(); /* where a filter of system calls forbids kill */
}

/* ---- the log ---- */

static void log_open(void)
{
	struct stat st;
	long fd = syscall(SYS_openat, AT_FDCWD, shim.log_path,
		O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0)
		return;
	shim.log_fd = fcntl((int)fd, F_DUPFD_CLOEXEC, LOG_FD_MIN);
	syscall(SYS_close, fd);
	if (shim.log_fd >= 0 && fstat(shim.log_fd, &st) == 0)
		shim.log_ino = st.st_ino;
}

/* The program may have closed all files, or used the number again. Where it
   gave up the right to open the log, what is open stays. */
static bool log_ready(void)
{
	struct stat st;

	if (!shim.log_path)
		return false;
	if (shim.log_fd < 0 || fstat(shim.log_fd, &st) < 0 ||
		st.st_ino != shim.log_ino)
		log_open();
	return shim.log_fd >= 0;
}

/* The path of an open file. */
static void path_of(int fd, char *ret, size_t size)
{
	char link[32];
	long n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = syscall(SYS_readlinkat, AT_FDCWD, link, ret, size - 1);
	ret[n > 0 ? n : 0] = '\0';
}

static void log_call(
	long number, const char *name, const char *path, const char *path2)
{
	char line[2048];
	int len;

	if (!log_ready())
		return;
	len = snprintf(line, sizeof(line), "%ld %ld %s %s%s%s\n",
		syscall(SYS_getpid), number, name, path, path2 ? " -> " : "",
		path2 ? path2 : "");
	if (len >= (int)sizeof(line)) {
		len = (int)sizeof(line);
		line[len - 1] = '\n';
	}
	syscall(SYS_write, shim.log_fd, line, (size_t)len);
}

/* ---- the decision ---- */

static bool is_below(const char *path, const char *directory)
{
	size_t len = directory ? strlen(directory) : 0;

	return !len || (strncmp(path, directory, len) == 0 &&
			       (path[len] == '/' || !path[len]));
}

static bool lasts(void)
{
	return !shim.as_long ||
	       syscall(SYS_faccessat, AT_FDCWD, shim.as_long, F_OK) == 0;
}

static void pull_out(void)
{
	syscall(SYS_renameat2, AT_FDCWD, shim.below, AT_FDCWD, shim.pulled, 0);
	syscall(SYS_mkdirat, AT_FDCWD, shim.below, 0700);
}

/* What is to happen with the call of this number. */
static struct fault decide(long number, bool grows, const char *path)
{
	struct fault f = {0};

	if (number < shim.at)
		return f;
	if (shim.kind == KIND_BROKEN && lasts())
		f.error = EIO;
	if (shim.kind == KIND_FULL && grows && is_below(path, shim.below) &&
		lasts())
		f.error = ENOSPC;
	if (shim.kind == KIND_PULLED && is_below(path, shim.pulled) && lasts())
		f.error = EIO;
	if (number > shim.at)
		return f;
	switch (shim.kind) {
	case KIND_KILL:
		die();
		break;
	case KIND_KILL_AFTER:
		f.kill_after = true;
		break;
	case KIND_TORN:
		f.half = f.kill_after = true;
		break;
	case KIND_TERM:
		syscall(SYS_kill, syscall(SYS_getpid), SIGTERM);
		break;
	case KIND_ERROR:
		f.error = shim.error;
		break;
	case KIND_SHORT:
		f.half = true;
		break;
	case KIND_OFF:
	case KIND_COUNT:
	case KIND_FULL:
	case KIND_BROKEN:
	case KIND_PULLED:
		break;
	}
	return f;
}

/* Count one call. path NULL: that of fd. grows: it takes space. */
static struct fault enter_call(const char *name, int fd, const char *path,
	const char *path2, bool grows)
{
	struct fault f = {0};
	char named[512] = "";
	int saved = errno;
	long number;

	if (shim.kind == KIND_OFF)
		return f;
	number = atomic_fetch_add(&shim.calls, 1) + 1;
	if (shim.kind == KIND_PULLED && number == shim.at)
		pull_out();
	if (!path)
		path_of(fd, named, sizeof(named));
	log_call(number, name, path ? path : named, path2);
	f = decide(number, grows, path ? path : named);
	errno = saved;
	return f;
}

static struct fault enter(
	const char *name, int fd, const char *path, const char *path2)
{
	return enter_call(name, fd, path, path2, false);
}

static long fail(int error)
{
	errno = error;
	return -1;
}

static long leave(struct fault f, long result)
{
	if (f.kill_after)
		die();
	return result;
}

#define CALL(f, ...)                                                           \
	((f).error ? fail((f).error) : leave((f), syscall(__VA_ARGS__)))

/* ---- start ---- */

static void child_begins(void)
{
	atomic_store(&shim.calls, 0);
}

static bool is_program(const char *wanted)
{
	char exe[4096];
	const char *base;
	long n = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", exe,
		sizeof(exe) - 1);

	if (n <= 0)
		return false;
	exe[n] = '\0';
	base = strrchr(exe, '/');
	return strcmp(base ? base + 1 : exe, wanted) == 0;
}

/* An unknown kind must not pass for a test that found nothing. */
static void set_kind(const char *kind)
{
	static const struct {
		const char *name;
		enum kind kind;
		int error;
	} kinds[] = {
		{"count", KIND_COUNT, 0},
		{"kill", KIND_KILL, 0},
		{"kill_after", KIND_KILL_AFTER, 0},
		{"torn", KIND_TORN, 0},
		{"term", KIND_TERM, 0},
		{"short", KIND_SHORT, 0},
		{"full", KIND_FULL, 0},
		{"broken", KIND_BROKEN, 0},
		{"pulled", KIND_PULLED, 0},
		{"EIO", KIND_ERROR, EIO},
		{"ENOSPC", KIND_ERROR, ENOSPC},
		{"EINTR", KIND_ERROR, EINTR},
		{"EDQUOT", KIND_ERROR, EDQUOT},
		{"EROFS", KIND_ERROR, EROFS},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, kind) != 0)
			continue;
		shim.kind = kinds[i].kind;
		shim.error = kinds[i].error;
		return;
	}
	fprintf(stderr, "faultshim: no FAULT_KIND %s\n", kind);
	_exit(125);
}

__attribute__((constructor)) static void begin(void)
{
	const char *kind = getenv("FAULT_KIND");
	const char *at = getenv("FAULT_AT");
	const char *program = getenv("FAULT_PROGRAM");

	if (!kind || (program && !is_program(program)))
		return;
	shim.at = at ? atol(at) : 0;
	shim.log_path = getenv("FAULT_LOG");
	shim.below = getenv("FAULT_BELOW");
	snprintf(shim.pulled, sizeof(shim.pulled), "%s.pulled",
		shim.below ? shim.below : "");
	shim.as_long = getenv("FAULT_WHILE");
	shim.sockets = getenv("FAULT_SOCKETS");
	pthread_atfork(NULL, NULL, child_begins);
	set_kind(kind);
	log_ready();
}

/* ---- open ---- */

/* A new file takes space, opening one that is there does not. */
static bool makes_file(int dir, const char *path, int flags)
{
	int saved = errno;
	bool there = syscall(SYS_faccessat, dir, path, F_OK) == 0;

	errno = saved;
	return flags & O_CREAT && !there;
}

static int open_at(
	const char *name, int dir, const char *path, int flags, mode_t mode)
{
	struct fault f = {0};

	if (shim.kind != KIND_OFF && flags & (O_CREAT | O_TRUNC))
		f = enter_call(
			name, -1, path, NULL, makes_file(dir, path, flags));
	return (int)CALL(f, SYS_openat, dir, path, flags, mode);
}

static mode_t mode_of(int flags, va_list ap)
{
	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
		return va_arg(ap, mode_t);
	return 0;
}

#define DEFINE_OPEN(fn)                                                        \
	PUBLIC int fn(const char *path, int flags, ...)                        \
	{                                                                      \
		va_list ap;                                                    \
		mode_t mode;                                                   \
                                                                               \
		va_start(ap, flags);                                           \
		mode = mode_of(flags, ap);                                     \
		va_end(ap);                                                    \
		return open_at("open", AT_FDCWD, path, flags, mode);           \
	}
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

#define DEFINE_OPENAT(fn)                                                      \
	PUBLIC int fn(int dir, const char *path, int flags, ...)               \
	{                                                                      \
		va_list ap;                                                    \
		mode_t mode;                                                   \
                                                                               \
		va_start(ap, flags);                                           \
		mode = mode_of(flags, ap);                                     \
		va_end(ap);                                                    \
		return open_at("openat", dir, path, flags, mode);              \
	}
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

#define DEFINE_CREAT(fn)                                                       \
	PUBLIC int fn(const char *path, mode_t mode)                           \
	{                                                                      \
		return open_at("creat", AT_FDCWD, path,                        \
			O_CREAT | O_WRONLY | O_TRUNC, mode);                   \
	}
DEFINE_CREAT(creat)
DEFINE_CREAT(creat64)

/* ---- bytes ---- */

/* Terminals and pipes are no files that a crash could spoil. */
static struct fault enter_write(const char *name, int fd)
{
	struct fault none = {0};
	int saved = errno;
	struct stat st;
	bool file;

	if (shim.kind == KIND_OFF)
		return none;
	file = fstat(fd, &st) == 0 &&
	       (S_ISREG(st.st_mode) || (shim.sockets && S_ISSOCK(st.st_mode)));
	errno = saved;
	return file ? enter_call(name, fd, NULL, NULL, true) : none;
}

static size_t shorter(struct fault f, size_t len)
{
	return f.half && len > 1 ? len / 2 : len;
}

PUBLIC ssize_t write(int fd, const void *from, size_t len)
{
	struct fault f = enter_write("write", fd);

	return CALL(f, SYS_write, fd, from, shorter(f, len));
}

#define DEFINE_PWRITE(fn)                                                      \
	PUBLIC ssize_t fn(int fd, const void *from, size_t len, off_t at)      \
	{                                                                      \
		struct fault f = enter_write("pwrite", fd);                    \
                                                                               \
		return CALL(f, SYS_pwrite64, fd, from, shorter(f, len), at);   \
	}
DEFINE_PWRITE(pwrite)
DEFINE_PWRITE(pwrite64)

/* Half of a vector: half of its first piece. */
PUBLIC ssize_t writev(int fd, const struct iovec *iov, int count)
{
	struct fault f = enter_write("writev", fd);

	if (f.half && count > 0)
		return CALL(f, SYS_write, fd, iov->iov_base,
			shorter(f, iov->iov_len));
	return CALL(f, SYS_writev, fd, iov, count);
}

#define DEFINE_PWRITEV(fn)                                                     \
	PUBLIC ssize_t fn(                                                     \
		int fd, const struct iovec *iov, int count, off_t at)          \
	{                                                                      \
		struct fault f = enter_write("pwritev", fd);                   \
                                                                               \
		if (f.half && count > 0)                                       \
			return CALL(f, SYS_pwrite64, fd, iov->iov_base,        \
				shorter(f, iov->iov_len), at);                 \
		return CALL(f, SYS_pwritev, fd, iov, count, at, 0L);           \
	}
DEFINE_PWRITEV(pwritev)
DEFINE_PWRITEV(pwritev64)

PUBLIC int fsync(int fd)
{
	struct fault f = enter("fsync", fd, NULL, NULL);

	return (int)CALL(f, SYS_fsync, fd);
}

PUBLIC int fdatasync(int fd)
{
	struct fault f = enter("fdatasync", fd, NULL, NULL);

	return (int)CALL(f, SYS_fdatasync, fd);
}

PUBLIC int syncfs(int fd)
{
	struct fault f = enter("syncfs", fd, NULL, NULL);

	return (int)CALL(f, SYS_syncfs, fd);
}

#define DEFINE_FTRUNCATE(fn)                                                   \
	PUBLIC int fn(int fd, off_t size)                                      \
	{                                                                      \
		struct fault f = enter("ftruncate", fd, NULL, NULL);           \
                                                                               \
		return (int)CALL(f, SYS_ftruncate, fd, size);                  \
	}
DEFINE_FTRUNCATE(ftruncate)
DEFINE_FTRUNCATE(ftruncate64)

#define DEFINE_TRUNCATE(fn)                                                    \
	PUBLIC int fn(const char *path, off_t size)                            \
	{                                                                      \
		struct fault f = enter("truncate", -1, path, NULL);            \
                                                                               \
		return (int)CALL(f, SYS_truncate, path, size);                 \
	}
DEFINE_TRUNCATE(truncate)
DEFINE_TRUNCATE(truncate64)

#define DEFINE_FALLOCATE(fn)                                                   \
	PUBLIC int fn(int fd, int how, off_t at, off_t len)                    \
	{                                                                      \
		struct fault f =                                               \
			enter_call("fallocate", fd, NULL, NULL, true);         \
                                                                               \
		return (int)CALL(f, SYS_fallocate, fd, how, at, len);          \
	}
DEFINE_FALLOCATE(fallocate)
DEFINE_FALLOCATE(fallocate64)

/* ---- names ---- */

static int rename_at(const char *name, int dir, const char *from, int dir2,
	const char *to, unsigned flags)
{
	struct fault f = enter(name, -1, from, to);

	return (int)CALL(f, SYS_renameat2, dir, from, dir2, to, flags);
}

PUBLIC int rename(const char *from, const char *to)
{
	return rename_at("rename", AT_FDCWD, from, AT_FDCWD, to, 0);
}

PUBLIC int renameat(int dir, const char *from, int dir2, const char *to)
{
	return rename_at("renameat", dir, from, dir2, to, 0);
}

PUBLIC int renameat2(
	int dir, const char *from, int dir2, const char *to, unsigned flags)
{
	return rename_at("renameat2", dir, from, dir2, to, flags);
}

static int link_at(const char *name, int dir, const char *from, int dir2,
	const char *to, int flags)
{
	struct fault f = enter_call(name, -1, from, to, true);

	return (int)CALL(f, SYS_linkat, dir, from, dir2, to, flags);
}

PUBLIC int link(const char *from, const char *to)
{
	return link_at("link", AT_FDCWD, from, AT_FDCWD, to, 0);
}

PUBLIC int linkat(
	int dir, const char *from, int dir2, const char *to, int flags)
{
	return link_at("linkat", dir, from, dir2, to, flags);
}

static int symlink_at(
	const char *name, const char *target, int dir, const char *path)
{
	struct fault f = enter_call(name, -1, path, NULL, true);

	return (int)CALL(f, SYS_symlinkat, target, dir, path);
}

PUBLIC int symlink(const char *target, const char *path)
{
	return symlink_at("symlink", target, AT_FDCWD, path);
}

PUBLIC int symlinkat(const char *target, int dir, const char *path)
{
	return symlink_at("symlinkat", target, dir, path);
}

static int unlink_at(const char *name, int dir, const char *path, int flags)
{
	struct fault f = enter(name, -1, path, NULL);

	return (int)CALL(f, SYS_unlinkat, dir, path, flags);
}

PUBLIC int unlink(const char *path)
{
	return unlink_at("unlink", AT_FDCWD, path, 0);
}

PUBLIC int unlinkat(int dir, const char *path, int flags)
{
	return unlink_at("unlinkat", dir, path, flags);
}

PUBLIC int rmdir(const char *path)
{
	return unlink_at("rmdir", AT_FDCWD, path, AT_REMOVEDIR);
}

static int mkdir_at(const char *name, int dir, const char *path, mode_t mode)
{
	struct fault f = enter_call(name, -1, path, NULL, true);

	return (int)CALL(f, SYS_mkdirat, dir, path, mode);
}

PUBLIC int mkdir(const char *path, mode_t mode)
{
	return mkdir_at("mkdir", AT_FDCWD, path, mode);
}

PUBLIC int mkdirat(int dir, const char *path, mode_t mode)
{
	return mkdir_at("mkdirat", dir, path, mode);
}

/* ---- attributes ---- */

PUBLIC int futimens(int fd, const struct timespec times[2])
{
	struct fault f = enter("futimens", fd, NULL, NULL);

	return (int)CALL(f, SYS_utimensat, fd, NULL, times, 0);
}

PUBLIC int utimensat(
	int dir, const char *path, const struct timespec times[2], int flags)
{
	struct fault f = enter("utimensat", -1, path, NULL);

	return (int)CALL(f, SYS_utimensat, dir, path, times, flags);
}

PUBLIC int fchmod(int fd, mode_t mode)
{
	struct fault f = enter("fchmod", fd, NULL, NULL);

	return (int)CALL(f, SYS_fchmod, fd, mode);
}

/* SYS_fchmodat knows no flags; of those, libc can only refuse one. */
static int chmod_at(const char *name, int dir, const char *path, mode_t mode)
{
	struct fault f = enter(name, -1, path, NULL);

	return (int)CALL(f, SYS_fchmodat, dir, path, mode);
}

PUBLIC int chmod(const char *path, mode_t mode)
{
	return chmod_at("chmod", AT_FDCWD, path, mode);
}

PUBLIC int fchmodat(int dir, const char *path, mode_t mode, int flags)
{
	if (flags)
		return (int)fail(EOPNOTSUPP);
	return chmod_at("fchmodat", dir, path, mode);
}

PUBLIC int fchown(int fd, uid_t uid, gid_t gid)
{
	struct fault f = enter("fchown", fd, NULL, NULL);

	return (int)CALL(f, SYS_fchown, fd, uid, gid);
}

static int chown_at(const char *name, int dir, const char *path, uid_t uid,
	gid_t gid, int flags)
{
	struct fault f = enter(name, -1, path, NULL);

	return (int)CALL(f, SYS_fchownat, dir, path, uid, gid, flags);
}

PUBLIC int chown(const char *path, uid_t uid, gid_t gid)
{
	return chown_at("chown", AT_FDCWD, path, uid, gid, 0);
}

PUBLIC int fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags)
{
	return chown_at("fchownat", dir, path, uid, gid, flags);
}
