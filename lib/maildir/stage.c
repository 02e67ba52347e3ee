/*
 * stage: bodies in tmp/, whole and durable before any lock is taken.
 *
 * A body is copied, or hard-linked from another message here when that has
 * the wanted date. INTERNALDATE is the file's mtime and is set before the file
 * can be seen. A crash leaves files under names of ours, which the next stage
 * in that folder sweeps away.
 */
#include "maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hash.h"

#define COPY_CHUNK ((size_t)64 * 1024)

static int open_in_folder(struct maildir *m, const char *path,
	struct store_stage *st, struct err *err)
{
	AUTO_FOLDER struct folder f = {0};
	struct folder_stat fs;
	struct modes modes;
	int r = folder_init(m, path, &f, err);

	if (r == 0)
		r = folder_stat(m, &f, &fs, err);
	if (r == 0)
		r = modes_of(m->store.os, f.dir, &modes, err);
	if (r < 0)
		return r;
	st->mode = modes.file;
	st->dir = path_join(f.dir, "tmp");
	if (!is_directory(m->store.os, st->dir))
		return dir_make(m->store.os, st->dir, modes.dir & 0777, err);
	if (lock_sweep(m, &f))
		temp_sweep(m, st->dir);
	return 0;
}

static int open_aside(
	struct maildir *m, struct store_stage *st, struct err *err)
{
	struct modes modes;
	int r = build_aside(m, &st->aside, &modes, err);

	if (r < 0)
		return r;
	st->mode = modes.file;
	st->dir = path_join(st->aside, "tmp");
	return 0;
}

/* Before anything is written, so that every failed write is told of. */
static int open_dir(struct store_stage *st, struct err *err)
{
	struct os *os = st->m->store.os;

	st->dir_fd = os->ops->open(os, st->dir, O_RDONLY | O_DIRECTORY, 0);
	return st->dir_fd < 0 ? err_set_os(err, -st->dir_fd, "open %s", st->dir)
			      : 0;
}

int stage_begin(struct maildir *m, const char *path, struct store_stage **ret,
	struct err *err)
{
	struct store_stage *st = mem_alloc(sizeof(*st));
	int r;

	st->m = m;
	st->dir_fd = -1;
	r = path ? open_in_folder(m, path, st, err) : open_aside(m, st, err);
	if (r >= 0)
		r = open_dir(st, err);
	if (r < 0) {
		stage_end(st);
		return r;
	}
	*ret = st;
	return 0;
}

/* All of from, which must be the body that is named. */
static int copy_bytes(struct os *os, int from, int to, const char *path,
	const struct store_body *body, struct err *err)
{
	uint8_t chunk[COPY_CHUNK];
	struct hash_state state;
	uint64_t at = 0;

	hash_init(&state);
	for (;;) {
		ssize_t n = os->ops->pread(
			os, from, chunk, sizeof(chunk), (int64_t)at);
		int r;

		if (n < 0)
			return err_set_os(err, (int)-n, "read a body");
		if (n == 0)
			break;
		at += (uint64_t)n;
		if (at > body->size)
			break;
		if (body->hash)
			hash_add(&state, chunk, (size_t)n);
		r = os_write_all(os, to, chunk, (size_t)n,
			(int64_t)(at - (uint64_t)n), path, err);
		if (r < 0)
			return r;
	}
	if (at != body->size)
		return err_set(err, ERR_CORRUPT,
			"a body has not the %llu bytes it should have",
			(unsigned long long)body->size);
	struct hash is = hash_end(&state);
	if (body->hash && memcmp(is.b, body->hash->b, HASH_SIZE) != 0)
		return err_set(err, ERR_CORRUPT,
			"a body is not what it was when it came");
	return 0;
}

static int fill_new(struct store_stage *st, int from, int to, const char *path,
	const struct store_body *body, struct err *err)
{
	struct os *os = st->m->store.os;
	int r = copy_bytes(os, from, to, path, body, err);

	if (r < 0)
		return r;
	r = os->ops->fchmod(os, to, st->mode);
	if (r >= 0)
		r = os->ops->futimens(os, to, body->mtime * NS_PER_S);
	return r < 0 ? err_set_os(err, -r, "set date of %s", path) : 0;
}

static int copy_from(struct store_stage *st, int from, const char *path,
	const struct store_body *body, struct err *err)
{
	struct os *os = st->m->store.os;
	int to = os->ops->open(
		os, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	int r;

	if (to < 0)
		return err_set_os(err, -to, "create %s", path);
	r = fill_new(st, from, to, path, body, err);
	os->ops->close(os, to);
	if (r < 0)
		work_remove(st->m, path);
	return r;
}

/* Returns 0, or 1 when the message has to be copied instead. */
static int link_from(struct store_stage *st, const char *path,
	const struct store_body *body, struct err *err)
{
	struct os *os = st->m->store.os;
	AUTO_FOLDER struct folder f = {0};
	AUTO_FREE char *source = NULL;
	struct os_stat got;
	int r = folder_init(st->m, body->path, &f, err);

	if (r == 0)
		r = message_find(st->m, &f, body->base, NULL, &source, err);
	if (r < 0)
		return r;
	if (os->ops->link(os, source, path) < 0)
		return 1; /* another file system, too many links, … */
	r = os->ops->lstat(os, path, &got);
	if (r >= 0 && S_ISREG(got.mode) && (uint64_t)got.size == body->size &&
		got.mtime_ns / NS_PER_S == body->mtime)
		return 0;
	work_remove(st->m, path);
	return 1;
}

static int copy_message(struct store_stage *st, const char *path,
	const struct store_body *body, struct err *err)
{
	struct os *os = st->m->store.os;
	struct store_stat got;
	int fd, r;

	r = message_open(st->m, body->path, body->base, NULL, &fd, &got, err);
	if (r < 0)
		return r;
	r = copy_from(st, fd, path, body, err);
	os->ops->close(os, fd);
	return r;
}

int stage_add(struct store_stage *st, const struct store_body *body,
	size_t *ret_index, struct err *err)
{
	AUTO_FREE char *name = temp_name(st->m, true);
	AUTO_FREE char *path = path_join(st->dir, name);
	int r;

	if (body->fd >= 0) {
		r = copy_from(st, body->fd, path, body, err);
	} else {
		r = link_from(st, path, body, err);
		if (r == 1)
			r = copy_message(st, path, body, err);
	}
	if (r < 0)
		return r;
	st->bodies = mem_grow(st->bodies, st->count + 1, sizeof(*st->bodies));
	st->bodies[st->count] = (struct staged){.path = path};
	path = NULL;
	*ret_index = st->count++;
	return 0;
}

/* Opened for reading, as every mail file. */
static int sync_one(struct os *os, const char *path, struct err *err)
{
	int fd = os->ops->open(os, path, O_RDONLY | O_NOFOLLOW, 0);
	int r = fd;

	if (fd >= 0) {
		r = os->ops->fsync(os, fd);
		os->ops->close(os, fd);
	}
	return r < 0 ? err_set_os(err, -r, "fsync %s", path) : 0;
}

/* All at the end: much of what one would wait for is done once then. */
int stage_sync(struct store_stage *st, struct err *err)
{
	struct os *os = st->m->store.os;
	int r = os_sync_many(
		os, st->dir_fd, st->count - st->synced, st->dir, err);

	if (r < 0)
		return r;
	for (; st->synced < st->count; st->synced++) {
		if (r == 1)
			continue;
		int rc = sync_one(os, st->bodies[st->synced].path, err);

		if (rc < 0)
			return rc;
	}
	return dir_sync(os, st->dir, err);
}

void stage_end(struct store_stage *st)
{
	struct os *os = st->m->store.os;

	for (size_t i = 0; i < st->count; i++) {
		if (!st->bodies[i].used)
			work_remove(st->m, st->bodies[i].path);
		free(st->bodies[i].path);
	}
	if (st->dir_fd >= 0)
		os->ops->close(os, st->dir_fd);
	if (st->aside)
		dir_remove(os, st->aside, NULL);
	free(st->bodies);
	free(st->aside);
	free(st->dir);
	free(st);
}
