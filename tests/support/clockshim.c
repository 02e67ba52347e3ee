/*
 * clockshim: an LD_PRELOAD library that gives a process the clock of a machine
 * whose clock is wrong.
 *
 *	LD_PRELOAD=libclockshim.so CLOCK_OFF=-500000000 CLOCK_SINCE=1795340000
 *
 *	CLOCK_OFF      seconds that the clock is off
 *	CLOCK_SINCE    when that began, by the true clock: what files say of
 *	               later times was said by the wrong one
 *
 * The kernel's clock stays right, so other programs' times do, too.
 */
#undef _FORTIFY_SOURCE

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(off_t) == 8 && sizeof(long) == 8, "64-bit only");

#define PUBLIC __attribute__((visibility("default")))

static long long number(const char *name)
{
	const char *text = getenv(name);

	return text ? atoll(text) : 0;
}

static void shift(struct timespec *t)
{
	if (t->tv_sec >= number("CLOCK_SINCE"))
		t->tv_sec += number("CLOCK_OFF");
}

static int shifted(int rc, struct stat *st)
{
	if (rc == 0) {
		shift(&st->st_ctim);
		shift(&st->st_mtim);
	}
	return rc;
}

PUBLIC int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int rc = (int)syscall(SYS_clock_gettime, clock, ret);

	if (rc == 0 && clock == CLOCK_REALTIME)
		ret->tv_sec += number("CLOCK_OFF");
	return rc;
}

PUBLIC time_t time(time_t *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}

/* As they are called where off_t has 64 bits; under names of their own here. */
PUBLIC int shim_stat(const char *path, struct stat *ret) __asm__("stat64");
PUBLIC int shim_lstat(const char *path, struct stat *ret) __asm__("lstat64");
PUBLIC int shim_fstat(int fd, struct stat *ret) __asm__("fstat64");

int shim_stat(const char *path, struct stat *ret)
{
	return shifted(
		(int)syscall(SYS_newfstatat, AT_FDCWD, path, ret, 0), ret);
}

int shim_lstat(const char *path, struct stat *ret)
{
	return shifted((int)syscall(SYS_newfstatat, AT_FDCWD, path, ret,
			       AT_SYMLINK_NOFOLLOW),
		ret);
}

int shim_fstat(int fd, struct stat *ret)
{
	return shifted((int)syscall(SYS_fstat, fd, ret), ret);
}
