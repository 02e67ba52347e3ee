/*
 * file: whole reads, whole writes, and durable replacement over the seam.
 *
 * file_replace:  path.tmp written and fsynced -> renamed over path ->
 * directory fsynced. A crash leaves path whole, old or new, and perhaps a
 * path.tmp, which the next file_replace of the same path removes.
 */
#include "os.h"
#include "err.h"
#include "mem.h"
#include "wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define READ_CHUNK ((size_t)64 * 1024)
#define MANY_FILES 16 /* fewer do not pay for a sync of all */
#define LOCK_RETRY_NS 20000000
#define OS_ENTRY_HEAD ((size_t)9) /* type and inode of a list entry */

bool os_list_next(const struct buf *list, size_t *at, struct os_entry *ret)
{
	const uint8_t *p;
	struct wire w;

	if (*at >= list->len)
		return false;
	p = list->data + *at;
	w = wire_over(p, OS_ENTRY_HEAD);
	ret->type = wire_u8(&w);
	ret->ino = wire_u64(&w);
	ret->name = (const char *)p + OS_ENTRY_HEAD;
	*at += OS_ENTRY_HEAD + strlen(ret->name) + 1;
	return true;
}

void os_list_add(struct buf *list, uint8_t type, uint64_t ino, const char *name)
{
	buf_add_byte(list, type);
	wire_add_u64(list, ino);
	buf_add(list, name, strlen(name) + 1);
}

int os_write_all(struct os *os, int fd, const void *from, size_t len,
	int64_t at, const char *path, struct err *err)
{
	const uint8_t *p = from;

	while (len) {
		ssize_t n = os->ops->pwrite(os, fd, p, len, at);

		if (n <= 0)
			return err_set_os(
				err, n ? (int)-n : EIO, "write %s", path);
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int os_read_all(struct os *os, int fd, void *to, size_t len, int64_t at,
	const char *path, struct err *err)
{
	uint8_t *p = to;

	while (len) {
		ssize_t n = os->ops->pread(os, fd, p, len, at);

		if (n < 0)
			return err_set_os(err, (int)-n, "read %s", path);
		if (n == 0)
			return err_set(err, ERR_TORN,
				"read %s: ends at %lld, %zu bytes missing",
				path, (long long)at, len);
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Reads to the end, not to st_size: the file may be growing. */
static int read_to_end(struct os *os, int fd, const char *path, size_t max,
	struct buf *ret, struct err *err)
{
	size_t start = ret->len;

	for (;;) {
		size_t got = ret->len - start;
		size_t want =
			max - got < READ_CHUNK ? max - got + 1 : READ_CHUNK;
		ssize_t n = os->ops->pread(
			os, fd, buf_room(ret, want), want, (int64_t)got);

		if (n < 0)
			return err_set_os(err, (int)-n, "read %s", path);
		if (n == 0)
			return 0;
		if ((size_t)n > max - got)
			return err_set(err, ERR_LIMIT,
				"read %s: larger than %zu bytes", path, max);
		ret->len += (size_t)n;
	}
}

int file_read(struct os *os, const char *path, size_t max, struct buf *ret,
	struct err *err)
{
	size_t start = ret->len;
	int fd = os->ops->open(os, path, O_RDONLY, 0);
	int r;

	if (fd < 0)
		return err_set_os(err, -fd, "open %s", path);
	r = read_to_end(os, fd, path, max, ret, err);
	if (r < 0)
		ret->len = start;
	os->ops->close(os, fd);
	return r;
}

/* The directory that holds path; the caller frees it. */
static char *parent_of(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	while (len > 0 && path[len - 1] != '/')
		len--;
	while (len > 1 && path[len - 1] == '/')
		len--;
	return len ? mem_dup_n(path, len) : mem_dup(".");
}

int dir_sync_parent(struct os *os, const char *path, struct err *err)
{
	AUTO_FREE char *parent = parent_of(path);

	return dir_sync(os, parent, err);
}

/* A new file tmp with these bytes, fsynced. */
static int write_new(struct os *os, const char *tmp, const void *data,
	size_t len, mode_t mode, struct err *err)
{
	int fd, r;

	r = os->ops->unlink(os, tmp);
	if (r < 0 && r != -ENOENT)
		return err_set_os(err, -r, "remove %s", tmp);
	fd = os->ops->open(os, tmp, O_WRONLY | O_CREAT | O_EXCL, mode);
	if (fd < 0)
		return err_set_os(err, -fd, "create %s", tmp);
	r = os_write_all(os, fd, data, len, 0, tmp, err);
	if (r == 0) {
		r = os->ops->fsync(os, fd);
		if (r < 0)
			r = err_set_os(err, -r, "fsync %s", tmp);
	}
	os->ops->close(os, fd);
	return r;
}

int file_replace(struct os *os, const char *path, const void *data, size_t len,
	mode_t mode, struct err *err)
{
	AUTO_FREE char *tmp = mem_printf("%s.tmp", path);
	int r = write_new(os, tmp, data, len, mode, err);

	if (r == 0) {
		r = os->ops->rename(os, tmp, path);
		if (r < 0)
			r = err_set_os(err, -r, "rename %s to %s", tmp, path);
	}
	if (r < 0) {
		os->ops->unlink(os, tmp);
		return r;
	}
	return dir_sync_parent(os, path, err);
}

int file_lock(struct os *os, const char *path, mode_t mode, int64_t wait_ms,
	int *ret_fd, struct err *err)
{
	int fd = os->ops->open(os, path, O_RDWR | O_CREAT, mode);
	int rc;

	if (fd < 0)
		return err_set_os(err, -fd, "%s", path);
	int64_t until = os->ops->mono_ns(os) + wait_ms * 1000000;
	while ((rc = os->ops->lock(os, fd, OS_LOCK_WRITE, 0, 0)) == -EAGAIN &&
		os->ops->mono_ns(os) < until)
		os->ops->sleep_ns(os, LOCK_RETRY_NS);
	if (rc >= 0) {
		*ret_fd = fd;
		return 0;
	}
	os->ops->close(os, fd);
	return err_set_os(err, -rc, "lock %s", path);
}

int dir_sync(struct os *os, const char *path, struct err *err)
{
	int fd = os->ops->open(os, path, O_RDONLY | O_DIRECTORY, 0);
	int r;

	if (fd < 0)
		return err_set_os(err, -fd, "open directory %s", path);
	r = os->ops->fsync(os, fd);
	os->ops->close(os, fd);
	if (r < 0)
		return err_set_os(err, -r, "fsync directory %s", path);
	return 0;
}

int os_sync_many(struct os *os, int dir_fd, size_t count, const char *path,
	struct err *err)
{
	int r;

	if (!os->ops->sync_fs || count < MANY_FILES)
		return 0;
	r = os->ops->sync_fs(os, dir_fd);
	if (r == -EOPNOTSUPP)
		return 0;
	if (r < 0)
		return err_set_os(err, -r, "sync the file system of %s", path);
	return 1;
}

/*
 * Somebody may have been killed between making path and fsyncing its parent,
 * so an existing directory is made durable too: the one level where that can
 * have happened, because each level is durable before the next is made. A
 * parent that may be passed but not read (a /home of mode 0711) is not ours.
 */
static int keep_existing(struct os *os, const char *path, struct err *err)
{
	struct err why = ERR_INIT;
	int r = dir_sync_parent(os, path, &why);

	if (r == 0 || why.os_errno == EACCES)
		return 0;
	if (err)
		*err = why;
	return r;
}

int dir_make(struct os *os, const char *path, mode_t mode, struct err *err)
{
	AUTO_FREE char *parent = NULL;
	struct os_stat st;
	int r = os->ops->stat(os, path, &st);

	if (r == 0 && S_ISDIR(st.mode))
		return keep_existing(os, path, err);
	if (r == 0)
		return err_set_os(err, ENOTDIR, "make directory %s", path);
	if (r != -ENOENT)
		return err_set_os(err, -r, "make directory %s", path);
	parent = parent_of(path);
	if (strcmp(parent, path) == 0)
		return err_set_os(err, ENOENT, "make directory %s", path);
	r = dir_make(os, parent, mode, err);
	if (r < 0)
		return r;
	r = os->ops->mkdir(os, path, mode);
	if (r < 0 && r != -EEXIST)
		return err_set_os(err, -r, "make directory %s", path);
	return dir_sync(os, parent, err);
}

static int remove_children(struct os *os, const char *path, struct err *err)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;
	int r = os->ops->list(os, path, &names);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set_os(err, -r, "list %s", path);
	while (os_list_next(&names, &at, &entry)) {
		AUTO_FREE char *child = mem_printf("%s/%s", path, entry.name);

		r = dir_remove(os, child, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int dir_remove(struct os *os, const char *path, struct err *err)
{
	struct os_stat st;
	int r = os->ops->lstat(os, path, &st);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set_os(err, -r, "remove %s", path);
	if (S_ISDIR(st.mode)) {
		r = remove_children(os, path, err);
		if (r < 0)
			return r;
		r = os->ops->rmdir(os, path);
	} else {
		r = os->ops->unlink(os, path);
	}
	if (r < 0 && r != -ENOENT)
		return err_set_os(err, -r, "remove %s", path);
	return 0;
}
