#include "bodyhash.h"

#include <errno.h>

#include "err.h"
#include "os.h"

#define READ_SIZE 65536

/* What a disk says that has lost something, or a file system that knows. */
static bool is_lost(ssize_t n)
{
	return n == -EIO || n == -EBADMSG || n == -EUCLEAN || n == -ENODATA;
}

static int hash_all(struct os *os, int fd, int (*step)(void *arg, size_t len),
	void *arg, struct hash *ret, struct err *err)
{
	AUTO_FREE uint8_t *chunk = mem_alloc(READ_SIZE);
	struct hash_state state;
	int64_t at = 0;
	ssize_t n;

	hash_init(&state);
	while ((n = os->ops->pread(os, fd, chunk, READ_SIZE, at)) > 0) {
		int rc = step ? step(arg, (size_t)n) : 0;

		if (rc < 0)
			return rc;
		hash_add(&state, chunk, (size_t)n);
		at += n;
	}
	if (n < 0) {
		int code = err_set_os(err, (int)-n, "read a body");

		if (!is_lost(n))
			return code;
		return err ? err->code = ERR_CORRUPT : ERR_CORRUPT;
	}
	*ret = hash_end(&state);
	return 0;
}

int store_body_hash(struct store *s, const char *path, const char *base,
	const char *name_hint, int (*step)(void *arg, size_t len), void *arg,
	struct store_stat *ret_stat, struct hash *ret, struct err *err)
{
	struct os *os = s->os;
	int fd;
	int rc = s->ops->open(s, path, base, name_hint, &fd, ret_stat, err);

	if (rc < 0)
		return rc;
	if (os->ops->uncache)
		os->ops->uncache(os, fd);
	rc = hash_all(os, fd, step, arg, ret, err);
	/* Nor shall a scan of all mail drive out what is in use. */
	if (os->ops->uncache)
		os->ops->uncache(os, fd);
	os->ops->close(os, fd);
	/* step may have nothing to say. */
	if (rc < 0 && err && err->code == rc)
		err_wrap(err, "folder %s: %s", path, base);
	return rc;
}
