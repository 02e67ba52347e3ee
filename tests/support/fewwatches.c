/*
 * fewwatches: an LD_PRELOAD library for a machine with few inotify watches.
 * The kernel's own limit is one for all processes of a user, so that no test
 * may lower it.
 *
 *	FEW_WATCHES     how many a process may have; more fail with ENOSPC
 *	FEW_INSTANCES   how many inotify descriptors; more fail with EMFILE
 *
 * The real calls are made by syscall(2); watches that the kernel drops by
 * itself (their directory is gone) stay counted.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

static long watches, instances;

static long limit(const char *name)
{
	const char *value = getenv(name);

	return value ? strtol(value, NULL, 10) : 1000000;
}

PUBLIC int inotify_init1(int flags)
{
	if (instances >= limit("FEW_INSTANCES")) {
		errno = EMFILE;
		return -1;
	}
	instances++;
	return (int)syscall(SYS_inotify_init1, flags);
}

/* One directory may be named twice and then is one watch: the kernel knows. */
PUBLIC int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	static int highest;
	int wd = (int)syscall(SYS_inotify_add_watch, fd, path, mask);

	if (wd <= highest)
		return wd;
	if (watches >= limit("FEW_WATCHES")) {
		syscall(SYS_inotify_rm_watch, fd, wd);
		errno = ENOSPC;
		return -1;
	}
	watches++;
	highest = wd;
	return wd;
}
