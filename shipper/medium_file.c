/*
 * medium_file: files on a medium that may be FAT, foreign, or prepared by a
 * stranger.
 *
 * What is written goes under a temporary name, is fsynced, renamed, and its
 * directory fsynced, where the file system has that. Nothing but regular files
 * is opened, no symbolic link is followed in the last step of a path, and
 * nothing waits for the other end of a pipe. No link, mode or time is used.
 */
#include "medium_file.h"
#include "err.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define READ_SIZE ((size_t)64 * 1024)

int medium_sync_dir(struct os *os, const char *path, struct err *err)
{
	struct err why = ERR_INIT;
	int r = dir_sync(os, path, &why);

	if (r == 0 || why.os_errno == EINVAL || why.os_errno == ENOTSUP ||
		why.os_errno == ENOSYS)
		return 0;
	if (err)
		*err = why;
	return r;
}

static int not_a_file(const char *path, struct err *err)
{
	return err_set(err, ERR_CORRUPT, "%s: not a file (take it away)", path);
}

int medium_open(
	struct os *os, const char *path, int64_t *ret_size, struct err *err)
{
	struct os_stat st;
	int fd = os->ops->open(os, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	int r;

	if (fd == -ELOOP)
		return not_a_file(path, err);
	if (fd < 0)
		return err_set_os(err, -fd, "open %s", path);
	r = os->ops->fstat(os, fd, &st);
	if (r < 0)
		r = err_set_os(err, -r, "stat %s", path);
	else if (!S_ISREG(st.mode))
		r = not_a_file(path, err);
	if (r < 0) {
		os->ops->close(os, fd);
		return r;
	}
	*ret_size = st.size;
	return fd;
}

int medium_read_small(struct os *os, const char *path, void *text, size_t size,
	struct err *err)
{
	int64_t there;
	int fd = medium_open(os, path, &there, err);
	int r;

	if (fd < 0)
		return fd;
	if (there == (int64_t)size)
		r = os_read_all(os, fd, text, size, 0, path, err);
	else
		r = err_set(err, ERR_CORRUPT, "%s: %lld bytes, not %zu", path,
			(long long)there, size);
	os->ops->close(os, fd);
	return r;
}

int medium_create(struct os *os, const char *path, struct err *err)
{
	int fd = os->ops->open(
		os, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0666);

	return fd < 0 ? err_set_os(err, -fd, "create %s", path) : fd;
}

int medium_finish(struct os *os, int fd, const char *path, struct err *err)
{
	int r = os->ops->fsync(os, fd);
	int closed = os->ops->close(os, fd);

	if (r < 0)
		return err_set_os(err, -r, "fsync %s", path);
	if (closed < 0)
		return err_set_os(err, -closed, "close %s", path);
	return 0;
}

int medium_publish(struct os *os, const char *dir, const char *from,
	const char *to, struct err *err)
{
	int r = os->ops->rename(os, from, to);

	if (r < 0)
		return err_set_os(err, -r, "rename %s to %s", from, to);
	return medium_sync_dir(os, dir, err);
}

int medium_write_small(struct os *os, const char *dir, const char *name,
	const void *text, size_t size, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
	AUTO_FREE char *tmp = mem_printf("%s/%s.tmp", dir, name);
	int fd, r = os->ops->unlink(os, tmp), done;

	if (r < 0 && r != -ENOENT)
		return err_set_os(err, -r, "remove %s", tmp);
	fd = medium_create(os, tmp, err);
	if (fd < 0)
		return fd;
	r = os_write_all(os, fd, text, size, 0, tmp, err);
	done = medium_finish(os, fd, tmp, r < 0 ? NULL : err);
	if (r == 0)
		r = done;
	return r < 0 ? r : medium_publish(os, dir, tmp, path, err);
}

int medium_find(struct os *os, const char *dir, const char *name, char **ret,
	struct err *err)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry entry;
	struct os_stat st;
	char *path = mem_printf("%s/%s", dir, name);
	size_t at = 0;
	int r = os->ops->lstat(os, path, &st);

	if (r == 0) {
		*ret = path;
		return 1;
	}
	free(path);
	if (r != -ENOENT)
		return err_set_os(err, -r, "look for %s in %s", name, dir);
	r = os->ops->list(os, dir, &names);
	if (r < 0)
		return err_set_os(err, -r, "list %s", dir);
	while (os_list_next(&names, &at, &entry)) {
		if (strcasecmp(entry.name, name) != 0)
			continue;
		*ret = mem_printf("%s/%s", dir, entry.name);
		return 1;
	}
	return 0;
}

/* The hash of what an fd reads, up to its end. */
static int hash_file(struct os *os, int fd, const char *path,
	uint64_t *ret_size, struct hash *ret, struct err *err)
{
	AUTO_BUF struct buf block = BUF_INIT;
	uint8_t *to = buf_room(&block, READ_SIZE);
	struct hash_state state;
	uint64_t at = 0;
	ssize_t n;

	hash_init(&state);
	while ((n = os->ops->pread(os, fd, to, READ_SIZE, (int64_t)at)) > 0) {
		hash_add(&state, to, (size_t)n);
		at += (uint64_t)n;
	}
	if (n < 0)
		return err_set_os(err, (int)-n, "read %s", path);
	*ret_size = at;
	*ret = hash_end(&state);
	return 0;
}

int medium_hash(struct os *os, const char *path, uint64_t *ret_size,
	struct hash *ret, struct err *err)
{
	int64_t there;
	int fd = medium_open(os, path, &there, err), r;

	if (fd < 0)
		return fd;
	r = hash_file(os, fd, path, ret_size, ret, err);
	os->ops->close(os, fd);
	return r;
}

int medium_open_hashed(struct os *os, const char *path, uint64_t size,
	const struct hash *hash, struct err *err)
{
	struct hash got;
	uint64_t got_size = 0;
	int64_t there;
	int fd = medium_open(os, path, &there, err), r = 0;

	if (fd < 0)
		return fd;
	if ((uint64_t)there == size)
		r = hash_file(os, fd, path, &got_size, &got, err);
	if (r == 0 && ((uint64_t)there != size || got_size != size ||
			      memcmp(got.b, hash->b, HASH_SIZE) != 0))
		r = err_set(err, ERR_CORRUPT,
			"%s: not the %llu bytes that were written to it", path,
			(unsigned long long)size);
	if (r < 0) {
		os->ops->close(os, fd);
		return r;
	}
	return fd;
}

int medium_enter(struct os *os, const char *dir, const char *name, bool make,
	char **ret, struct err *err)
{
	AUTO_FREE char *path = NULL;
	struct os_stat st;
	int r = medium_find(os, dir, name, &path, err);

	if (r == 0 && make) {
		path = mem_printf("%s/%s", dir, name);
		r = os->ops->mkdir(os, path, 0777);
		if (r < 0 && r != -EEXIST)
			return err_set_os(err, -r, "make directory %s", path);
		r = 1;
	}
	if (r <= 0)
		return r;
	/* One that is there may be from a run that was killed before this. */
	r = make ? medium_sync_dir(os, dir, err) : 0;
	if (r < 0)
		return r;
	r = os->ops->lstat(os, path, &st);
	if (r < 0)
		return err_set_os(err, -r, "stat %s", path);
	if (!S_ISDIR(st.mode))
		return err_set(err, ERR_CORRUPT, "%s: not a directory", path);
	*ret = path;
	path = NULL;
	return 1;
}
