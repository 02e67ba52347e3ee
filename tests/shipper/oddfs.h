/*
 * oddfs: a file system before another that refuses what some do: writing
 * (CD, `mount -o ro`), fsync of a directory (some FUSE and network ones).
 *
 * Only the calls that a carrier makes are there.
 */
#ifndef PB_ODDFS_H
#define PB_ODDFS_H

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "os.h"

struct oddfs {
	struct os os;
	struct os *under;
	bool read_only;	  /* EROFS */
	bool no_dir_sync; /* EINVAL */
	int bad_read;	  /* errno that every pread gives; 0: none */
	char flip;	  /* changes the first byte that pread gives */
	uint64_t file_max; /* bytes that a file may have; 0: any */
};

static inline struct oddfs *odd_of(struct os *os)
{
	return (struct oddfs *)os;
}

static inline int odd_open(
	struct os *os, const char *path, int flags, mode_t mode)
{
	struct os *u = odd_of(os)->under;

	if (odd_of(os)->read_only && (flags & (O_WRONLY | O_RDWR | O_CREAT)))
		return -EROFS;
	return u->ops->open(u, path, flags, mode);
}

static inline int odd_close(struct os *os, int fd)
{
	struct os *u = odd_of(os)->under;

	return u->ops->close(u, fd);
}

static inline ssize_t odd_pread(
	struct os *os, int fd, void *to, size_t len, int64_t at)
{
	struct os *u = odd_of(os)->under;
	ssize_t n;

	if (odd_of(os)->bad_read)
		return -odd_of(os)->bad_read;
	n = u->ops->pread(u, fd, to, len, at);
	if (n > 0 && at == 0)
		*(char *)to ^= odd_of(os)->flip;
	return n;
}

static inline ssize_t odd_pwrite(
	struct os *os, int fd, const void *from, size_t len, int64_t at)
{
	struct os *u = odd_of(os)->under;

	return u->ops->pwrite(u, fd, from, len, at);
}

static inline int odd_fsync(struct os *os, int fd)
{
	struct os *u = odd_of(os)->under;
	struct os_stat st;

	if (odd_of(os)->no_dir_sync && u->ops->fstat(u, fd, &st) == 0 &&
		S_ISDIR(st.mode))
		return -EINVAL;
	return u->ops->fsync(u, fd);
}

static inline int odd_fstat(struct os *os, int fd, struct os_stat *ret)
{
	struct os *u = odd_of(os)->under;

	return u->ops->fstat(u, fd, ret);
}

static inline int odd_stat(struct os *os, const char *path, struct os_stat *ret)
{
	struct os *u = odd_of(os)->under;

	return u->ops->stat(u, path, ret);
}

static inline int odd_lstat(
	struct os *os, const char *path, struct os_stat *ret)
{
	struct os *u = odd_of(os)->under;

	return u->ops->lstat(u, path, ret);
}

static inline int odd_rename(struct os *os, const char *from, const char *to)
{
	struct os *u = odd_of(os)->under;

	return odd_of(os)->read_only ? -EROFS : u->ops->rename(u, from, to);
}

static inline int odd_unlink(struct os *os, const char *path)
{
	struct os *u = odd_of(os)->under;

	return odd_of(os)->read_only ? -EROFS : u->ops->unlink(u, path);
}

static inline int odd_mkdir(struct os *os, const char *path, mode_t mode)
{
	struct os *u = odd_of(os)->under;

	return odd_of(os)->read_only ? -EROFS : u->ops->mkdir(u, path, mode);
}

static inline int odd_list(struct os *os, const char *path, struct buf *ret)
{
	struct os *u = odd_of(os)->under;

	return u->ops->list(u, path, ret);
}

static inline int odd_space(struct os *os, const char *path, uint64_t *ret_free,
	uint64_t *ret_total)
{
	struct os *u = odd_of(os)->under;

	return u->ops->space(u, path, ret_free, ret_total);
}

/* As FAT, only sooner. */
static inline uint64_t odd_file_max(struct os *os, const char *path)
{
	(void)path;
	return odd_of(os)->file_max;
}

static inline void odd_random(struct os *os, void *to, size_t len)
{
	struct os *u = odd_of(os)->under;

	u->ops->random(u, to, len);
}

static inline struct oddfs oddfs_over(struct os *under)
{
	static const struct os_ops ops = {
		.open = odd_open,
		.close = odd_close,
		.pread = odd_pread,
		.pwrite = odd_pwrite,
		.fsync = odd_fsync,
		.fstat = odd_fstat,
		.stat = odd_stat,
		.lstat = odd_lstat,
		.rename = odd_rename,
		.unlink = odd_unlink,
		.mkdir = odd_mkdir,
		.list = odd_list,
		.space = odd_space,
		.file_max = odd_file_max,
		.random = odd_random,
	};

	return (struct oddfs){.os = {.ops = &ops}, .under = under};
}

#endif
