#include "detour.h"

#include <limits.h>

#define DATABASE INT_MAX /* as its number is known to the connection */

static struct detour *of(struct os *os)
{
	return (struct detour *)os;
}

static const struct os_ops *ops_of(struct os *os)
{
	return of(os)->to->ops;
}

static int number(struct os *os, int fd)
{
	return fd == DATABASE ? of(os)->fd : fd;
}

static int pass_open(struct os *os, const char *path, int flags, mode_t mode)
{
	struct detour *d = of(os);
	int fd = ops_of(os)->open(d->to, path, flags, mode);

	if (fd < 0 || d->fd >= 0)
		return fd;
	d->fd = fd;
	return DATABASE;
}

static int pass_close(struct os *os, int fd)
{
	int there = number(os, fd);

	if (fd == DATABASE)
		of(os)->fd = -1;
	return ops_of(os)->close(of(os)->to, there);
}

static ssize_t pass_pread(
	struct os *os, int fd, void *to, size_t len, int64_t at)
{
	return ops_of(os)->pread(of(os)->to, number(os, fd), to, len, at);
}

static ssize_t pass_pwrite(
	struct os *os, int fd, const void *from, size_t len, int64_t at)
{
	return ops_of(os)->pwrite(of(os)->to, number(os, fd), from, len, at);
}

static int pass_fsync(struct os *os, int fd)
{
	return ops_of(os)->fsync(of(os)->to, number(os, fd));
}

static int pass_fdatasync(struct os *os, int fd)
{
	return ops_of(os)->fdatasync(of(os)->to, number(os, fd));
}

static int pass_ftruncate(struct os *os, int fd, int64_t size)
{
	return ops_of(os)->ftruncate(of(os)->to, number(os, fd), size);
}

static int pass_fstat(struct os *os, int fd, struct os_stat *ret)
{
	return ops_of(os)->fstat(of(os)->to, number(os, fd), ret);
}

static int pass_stat(struct os *os, const char *path, struct os_stat *ret)
{
	return ops_of(os)->stat(of(os)->to, path, ret);
}

static int pass_fchmod(struct os *os, int fd, mode_t mode)
{
	return ops_of(os)->fchmod(of(os)->to, number(os, fd), mode);
}

/* A process that died holds no locks. */
static int pass_lock(
	struct os *os, int fd, enum os_lock how, int64_t at, int64_t len)
{
	int r = ops_of(os)->lock(of(os)->to, number(os, fd), how, at, len);

	return how == OS_LOCK_NONE ? 0 : r;
}

static int64_t pass_wall_ns(struct os *os)
{
	return ops_of(os)->wall_ns(of(os)->to);
}

static void pass_sleep_ns(struct os *os, int64_t ns)
{
	ops_of(os)->sleep_ns(of(os)->to, ns);
}

static void pass_random(struct os *os, void *to, size_t len)
{
	ops_of(os)->random(of(os)->to, to, len);
}

/* What lib/replica calls; whatever else is called is not there. */
static const struct os_ops detour_ops = {
	.open = pass_open,
	.close = pass_close,
	.pread = pass_pread,
	.pwrite = pass_pwrite,
	.fsync = pass_fsync,
	.fdatasync = pass_fdatasync,
	.ftruncate = pass_ftruncate,
	.fstat = pass_fstat,
	.stat = pass_stat,
	.fchmod = pass_fchmod,
	.lock = pass_lock,
	.wall_ns = pass_wall_ns,
	.sleep_ns = pass_sleep_ns,
	.random = pass_random,
};

void detour_init(struct detour *d, struct os *to)
{
	*d = (struct detour){.os.ops = &detour_ops, .to = to, .fd = -1};
}

void detour_lead(struct detour *d, struct os *to, int fd)
{
	d->to = to;
	d->fd = fd;
}
