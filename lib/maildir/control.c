/*
 * control: the server's small files, read without being fooled, replaced
 * durably.
 *
 * The mail user can put anything under these names. A symbolic link is not
 * followed, a FIFO does not block, and only a regular file is read.
 * A crash while one is replaced leaves the old file and perhaps the temporary
 * one, which the next replacement removes.
 */
#include "maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define READ_CHUNK ((size_t)256 * 1024)

/* The size is only a hint: the file may be growing. */
static int read_to_end(struct os *os, int fd, const char *path, int64_t size,
	size_t max, struct buf *ret, struct err *err)
{
	size_t start = ret->len;

	if ((uint64_t)size > max)
		return err_set(err, ERR_LIMIT, "read %s: larger than %zu bytes",
			path, max);
	buf_room(ret, (size_t)size + 1);
	for (;;) {
		size_t room = ret->cap - ret->len;
		ssize_t n;

		if (room > READ_CHUNK)
			room = READ_CHUNK;
		n = os->ops->pread(os, fd, ret->data + ret->len, room,
			(int64_t)(ret->len - start));
		if (n < 0)
			return err_set_os(err, (int)-n, "read %s", path);
		if (n == 0)
			return 0;
		ret->len += (size_t)n;
		if (ret->len - start > max)
			return err_set(err, ERR_LIMIT,
				"read %s: larger than %zu bytes", path, max);
		if (ret->len == ret->cap)
			buf_room(ret, READ_CHUNK);
	}
}

static int read_open(struct os *os, int fd, const char *path, size_t max,
	struct buf *ret, struct os_stat *ret_stat, struct err *err)
{
	struct os_stat st;
	int r = os->ops->fstat(os, fd, &st);

	if (r < 0)
		return err_set_os(err, -r, "stat %s", path);
	if (!S_ISREG(st.mode))
		return err_set(err, ERR_IO, "read %s: not a file", path);
	if (ret_stat)
		*ret_stat = st;
	return read_to_end(os, fd, path, st.size, max, ret, err);
}

int control_read(struct os *os, const char *path, size_t max, struct buf *ret,
	struct os_stat *ret_stat, struct err *err)
{
	size_t start = ret->len;
	int fd, r;

	fd = os->ops->open(os, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd == -ENOENT)
		return 1;
	if (fd < 0)
		return err_set_os(err, -fd, "open %s", path);
	r = read_open(os, fd, path, max, ret, ret_stat, err);
	if (r < 0)
		ret->len = start;
	os->ops->close(os, fd);
	return r;
}

static int write_bytes(struct os *os, int fd, const char *tmp,
	const struct buf *head, const struct buf *body, struct err *err)
{
	size_t at = head ? head->len : 0;
	int r = 0;

	if (head)
		r = os_write_all(os, fd, head->data, head->len, 0, tmp, err);
	if (r == 0)
		r = os_write_all(
			os, fd, body->data, body->len, (int64_t)at, tmp, err);
	return r;
}

static int finish_new(struct os *os, int fd, const char *tmp, mode_t mode,
	int64_t mtime_ns, struct err *err)
{
	int r = os->ops->fchmod(os, fd, mode);

	if (r >= 0 && mtime_ns)
		r = os->ops->futimens(os, fd, mtime_ns);
	if (r >= 0)
		r = os->ops->fsync(os, fd);
	return r < 0 ? err_set_os(err, -r, "write %s", tmp) : 0;
}

int control_replace(struct os *os, const char *tmp, const char *path,
	const struct buf *head, const struct buf *body, mode_t mode,
	int64_t mtime_ns, struct err *err)
{
	int fd, r;

	r = os->ops->unlink(os, tmp);
	if (r < 0 && r != -ENOENT)
		return err_set_os(err, -r, "remove %s", tmp);
	fd = os->ops->open(
		os, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
	if (fd < 0)
		return err_set_os(err, -fd, "create %s", tmp);
	r = write_bytes(os, fd, tmp, head, body, err);
	if (r == 0)
		r = finish_new(os, fd, tmp, mode, mtime_ns, err);
	os->ops->close(os, fd);
	if (r == 0) {
		r = os->ops->rename(os, tmp, path);
		if (r < 0)
			r = err_set_os(err, -r, "rename %s to %s", tmp, path);
	}
	if (r < 0)
		os->ops->unlink(os, tmp);
	return r;
}
