/*
 * message: one message's file, by its base.
 *
 * Its name changes with every flag: the name that is known is tried first, in
 * cur/ and in new/, then the directories are listed for the base. A file is
 * opened for reading only, ever, and neither a link is followed nor a FIFO
 * waited for.
 */
#include "maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define TRIES 5

static void fill(const struct os_stat *st, struct store_stat *ret)
{
	*ret = (struct store_stat){
		.size = (uint64_t)st->size,
		.mtime =
			st->mtime_ns / NS_PER_S - (st->mtime_ns % NS_PER_S < 0),
		.ctime_ns = st->ctime_ns,
		.ino = st->ino,
	};
}

static bool is_named(const char *name, const char *base)
{
	struct maildir_name parsed;

	return maildir_name_parse(name, &parsed) == 0 &&
	       strlen(base) == parsed.base_len &&
	       memcmp(name, base, parsed.base_len) == 0;
}

/* Returns 1 and the path if a file of that base is listed. */
static int look_in(struct os *os, const char *dir, const char *sub,
	const char *base, char **ret, struct err *err)
{
	AUTO_FREE char *path = path_join(dir, sub);
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry e;
	size_t at = 0;
	int r = os->ops->list(os, path, &names);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set_os(err, -r, "list %s", path);
	while (os_list_next(&names, &at, &e)) {
		if (is_named(e.name, base)) {
			*ret = path_join(path, e.name);
			return 1;
		}
	}
	return 0;
}

/* Returns 1 and the path if the name is still right. */
static int look_at(struct os *os, const char *dir, const char *sub,
	const char *name, char **ret)
{
	char *path = mem_printf("%s/%s/%s", dir, sub, name);
	struct os_stat st;

	if (os->ops->lstat(os, path, &st) >= 0) {
		*ret = path;
		return 1;
	}
	mem_free_cleanup(&path);
	return 0;
}

int message_find(struct maildir *m, const struct folder *f, const char *base,
	const char *hint, char **ret, struct err *err)
{
	struct os *os = m->store.os;
	int r = 0;

	if (!name_base_ok(base))
		return err_set(
			err, ERR_USAGE, "not a message's base: %s", base);
	if (hint && is_named(hint, base)) {
		r = look_at(os, f->dir, "cur", hint, ret);
		if (r == 0)
			r = look_at(os, f->dir, "new", hint, ret);
	}
	/* new/ first: what moves meanwhile is then seen in cur/. */
	if (r == 0)
		r = look_in(os, f->dir, "new", base, ret, err);
	if (r == 0)
		r = look_in(os, f->dir, "cur", base, ret, err);
	if (r == 0)
		return err_set(err, ERR_ABSENT, "folder %s: no message %s",
			f->path, base);
	return r < 0 ? r : 0;
}

static int stat_regular(struct os *os, const char *path, int fd,
	struct store_stat *ret, struct err *err)
{
	struct os_stat st;
	int r = fd >= 0 ? os->ops->fstat(os, fd, &st)
			: os->ops->lstat(os, path, &st);

	if (r < 0)
		return err_set_os(err, -r, "stat %s", path);
	if (!S_ISREG(st.mode))
		return err_set(err, ERR_IO, "%s: not a file", path);
	fill(&st, ret);
	return 0;
}

int message_stat(struct maildir *m, const char *path,
	const struct store_message *message, struct store_stat *ret,
	struct err *err)
{
	AUTO_FOLDER struct folder f = {0};
	int r = folder_init(m, path, &f, err);

	for (int i = 0; r == 0 && i < TRIES; i++) {
		AUTO_FREE char *file = NULL;

		r = message_find(
			m, &f, message->base, message->name, &file, err);
		if (r < 0)
			return r;
		r = stat_regular(m->store.os, file, -1, ret, err);
		if (r != ERR_ABSENT)
			return r;
		r = 0; /* renamed between the two calls */
	}
	if (r == 0)
		r = err_set(err, ERR_BUSY, "folder %s: message %s keeps moving",
			path, message->base);
	return r;
}

/* Returns 1 when it was renamed before it could be opened. */
static int open_once(struct maildir *m, const struct folder *f,
	const char *base, const char *hint, int *ret_fd, struct store_stat *ret,
	struct err *err)
{
	AUTO_FREE char *file = NULL;
	struct os *os = m->store.os;
	int r = message_find(m, f, base, hint, &file, err);
	int fd;

	if (r < 0)
		return r;
	fd = os->ops->open(os, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd == -ENOENT)
		return 1;
	if (fd < 0)
		return err_set_os(err, -fd, "open %s", file);
	r = stat_regular(os, file, fd, ret, err);
	if (r < 0) {
		os->ops->close(os, fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int message_open(struct maildir *m, const char *path, const char *base,
	const char *hint, int *ret_fd, struct store_stat *ret, struct err *err)
{
	AUTO_FOLDER struct folder f = {0};
	int r = folder_init(m, path, &f, err);

	if (r < 0)
		return r;
	for (int i = 0; i < TRIES; i++) {
		r = open_once(m, &f, base, hint, ret_fd, ret, err);
		if (r <= 0)
			return r;
	}
	return err_set(err, ERR_BUSY, "folder %s: message %s keeps moving",
		path, base);
}
