/*
 * subscriptions: which folders a user wants to see.
 *
 *	V<TAB>2                   Work.Sub          version 1: no header, names
 *	                          INBOX             as the layout writes them
 *	Work<TAB>Sub
 *	INBOX
 *
 * Changed under subscriptions.lock, which holds the new file and is renamed
 * over the old one, as Dovecot does. Lines that are no folder of ours (odd
 * bytes, another namespace) are kept as they are.
 *
 * The lock does not say whose it is. As long as we have it, it has a second
 * name, which does (temp.c). A crash leaves the old file or the new one, that
 * name, and perhaps the lock: whoever opens the Maildir next or wants the lock
 * sees by that name that its process is dead; or that it was this process,
 * which could not remove it: a daemon whose disk is there again goes on after
 * two seconds. Others override a lock that has
 * been unchanged for 30 s, as Dovecot does; we do so at once with one that is
 * older than the machine's start.
 */
#include "maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADER "V\t2\n\n"
#define LOCK_WAIT_NS (120 * NS_PER_S)
#define LOCK_STALE_NS (30 * NS_PER_S)
#define LOCK_POLL_NS (50 * NS_PER_MS)
#define LOCK_OURS_NS (2 * NS_PER_S) /* unchanged: a pid may be used twice */

/* Dovecot writes control characters as \001 and a letter. */
static char unescaped(char c)
{
	switch (c) {
	case '0':
		return '\0';
	case '1':
		return '\001';
	case 't':
		return '\t';
	case 'r':
		return '\r';
	case 'n':
		return '\n';
	default:
		return c;
	}
}

/* A line as a path; false if it cannot be one. */
static bool line_path(struct slice line, bool v2, char sep, struct buf *ret)
{
	buf_clear(ret);
	for (size_t i = 0; i < line.len; i++) {
		char c = line.at[i];

		if (v2 && c == '\001' && i + 1 < line.len)
			c = unescaped(line.at[++i]);
		else if (c == (v2 ? '\t' : sep))
			c = '/';
		else if (c == '/')
			return false;
		buf_add_byte(ret, (uint8_t)c);
	}
	if (memchr(buf_str(ret), '\0', ret->len))
		return false;
	if (strcasecmp(buf_str(ret), "INBOX") == 0) {
		buf_clear(ret);
		buf_add_str(ret, "INBOX");
	}
	return folder_path_ok(buf_str(ret));
}

static struct lines body_of(const void *data, size_t len, bool *ret_v2)
{
	size_t head = strlen(HEADER);
	const char *at = len ? data : "";

	*ret_v2 = len >= head && memcmp(at, HEADER, head) == 0;
	return *ret_v2 ? lines_over(at + head, len - head)
		       : lines_over(at, len);
}

/* Unlike other files, a last line without LF is one: Dovecot takes it too. */
static bool next_line(struct lines *l, struct slice *ret)
{
	if (lines_next(l, ret))
		return true;
	if (!l->torn)
		return false;
	*ret = (struct slice){.at = l->at, .len = (size_t)(l->end - l->at)};
	while (ret->len && ret->at[ret->len - 1] == '\r')
		ret->len--;
	l->at = l->end;
	l->torn = false;
	return true;
}

static int compare_paths(const void *a, const void *b)
{
	const char *const *x = a;
	const char *const *y = b;

	return strcmp(*x, *y);
}

int subscriptions_parse(const void *data, size_t len, char sep,
	struct arena *arena, const char ***ret, size_t *ret_count,
	struct err *err)
{
	AUTO_BUF struct buf path = BUF_INIT;
	AUTO_FREE const char **paths = NULL;
	size_t count = 0, kept = 0, cap = 0;
	struct slice line;
	struct lines lines;
	bool v2;

	if (len > SUBSCRIPTIONS_SIZE_MAX)
		return err_set(err, ERR_LIMIT,
			SUBSCRIPTIONS_FILE ": larger than %zu bytes",
			SUBSCRIPTIONS_SIZE_MAX);
	lines = body_of(data, len, &v2);
	while (next_line(&lines, &line)) {
		if (!line_path(line, v2, sep, &path))
			continue;
		if (count == cap) {
			cap = cap ? cap * 2 : 16;
			paths = mem_grow(paths, cap, sizeof(*paths));
		}
		paths[count++] = arena_dup(arena, buf_str(&path), path.len);
	}
	if (count)
		qsort(paths, count, sizeof(*paths), compare_paths);
	*ret = arena_alloc(arena, count * sizeof(**ret));
	for (size_t i = 0; i < count; i++) {
		if (!kept || strcmp((*ret)[kept - 1], paths[i]) != 0)
			(*ret)[kept++] = paths[i];
	}
	*ret_count = kept;
	return 0;
}

static void print_path(const char *path, char sep, struct buf *ret)
{
	for (; *path; path++)
		buf_add_byte(ret, (uint8_t)(*path == '/' ? sep : *path));
	buf_add_byte(ret, '\n');
}

void subscriptions_print(
	const char *const *paths, size_t count, struct buf *ret)
{
	buf_add_str(ret, HEADER);
	for (size_t i = 0; i < count; i++)
		print_path(paths[i], '\t', ret);
}

bool subscriptions_edit(const void *data, size_t len, char sep,
	const char *path, bool value, struct buf *ret)
{
	AUTO_BUF struct buf there = BUF_INIT;
	bool found = false;
	struct slice line;
	struct lines lines;
	bool v2;

	lines = body_of(data, len, &v2);
	if (!len)
		v2 = true;
	if (v2)
		buf_add_str(ret, HEADER);
	while (next_line(&lines, &line)) {
		bool same = line_path(line, v2, sep, &there) &&
			    strcmp(buf_str(&there), path) == 0;

		found |= same;
		/* No empty lines in version 1: "V<TAB>2" and one of them would
		   make it version 2. */
		if ((same && !value) || (!v2 && !line.len))
			continue;
		buf_add(ret, line.at, line.len);
		buf_add_byte(ret, '\n');
	}
	if (value && !found)
		print_path(path, v2 ? '\t' : sep, ret);
	return found != value;
}

/* Removed if nobody touched it for 30 s. Returns true if it is gone. */
static bool override_stale(struct os *os, const char *lock)
{
	struct os_stat st;
	int r = os->ops->lstat(os, lock, &st);

	if (r < 0)
		return r == -ENOENT;
	if (os->ops->wall_ns(os) - file_changed_ns(&st) < LOCK_STALE_NS &&
		!file_outlived(os, &st))
		return false;
	return os->ops->unlink(os, lock) >= 0;
}

static bool is_left(
	struct maildir *m, const char *name, const struct os_stat *st)
{
	struct os *os = m->store.os;

	return temp_is_stray(m, name) ||
	       (temp_is_earlier(m, name) &&
		       os->ops->wall_ns(os) - file_changed_ns(st) >
			       LOCK_OURS_NS);
}

/* Removed if its other name is one of who has it no more. The same. */
static bool override_dead(struct maildir *m, const char *dir, const char *lock)
{
	struct os *os = m->store.os;
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_stat st, other;
	struct os_entry e;
	size_t at = 0;

	if (os->ops->lstat(os, lock, &st) < 0 ||
		os->ops->list(os, dir, &names) < 0)
		return false;
	while (os_list_next(&names, &at, &e)) {
		AUTO_FREE char *path = path_join(dir, e.name);

		if (is_left(m, e.name, &st) &&
			os->ops->lstat(os, path, &other) >= 0 &&
			other.ino == st.ino)
			return os->ops->unlink(os, lock) >= 0;
	}
	return false;
}

bool subscribe_sweep(struct maildir *m)
{
	const char *dir = layout_control_root(m);
	AUTO_FREE char *lock = path_join(dir, SUBSCRIPTIONS_FILE ".lock");

	if (!override_dead(m, dir, lock) && !override_stale(m->store.os, lock))
		return false;
	temp_sweep(m, dir);
	return true;
}

/* Link a file of ours to the lock's name. */
static int link_waiting(struct maildir *m, const char *dir, const char *temp,
	const char *lock, struct err *err)
{
	struct os *os = m->store.os;
	int64_t wait =
		m->lock_wait_ns < LOCK_WAIT_NS ? m->lock_wait_ns : LOCK_WAIT_NS;
	int64_t end = os->ops->mono_ns(os) + wait;

	for (;;) {
		int r = os->ops->link(os, temp, lock);

		if (r >= 0)
			return 0;
		if (r != -EEXIST)
			return err_set_os(err, -r, "link %s", lock);
		if (override_dead(m, dir, lock) || override_stale(os, lock))
			continue;
		if (os->ops->mono_ns(os) >= end)
			return err_set(err, ERR_BUSY,
				"%s: held by somebody else", lock);
		os->ops->sleep_ns(os, LOCK_POLL_NS);
	}
}

/* Returns the lock's descriptor: an empty file to be filled and renamed. */
static int take_lock(struct maildir *m, const char *dir, const char *temp,
	const char *lock, mode_t mode, struct err *err)
{
	struct os *os = m->store.os;
	int r = work_begin(m, err);
	int fd;

	if (r < 0)
		return r;
	fd = os->ops->open(
		os, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
	if (fd < 0)
		return err_set_os(err, -fd, "create %s", temp);
	r = link_waiting(m, dir, temp, lock, err);
	if (r == 0)
		return fd;
	os->ops->close(os, fd);
	work_remove(m, temp);
	return r;
}

/* Fill the lock and rename it over the file. Returns 1: nothing to change. */
static int edit_locked(struct maildir *m, int fd, const char *lock,
	const char *file, const char *path, bool value, mode_t mode,
	struct err *err)
{
	struct os *os = m->store.os;
	AUTO_BUF struct buf old = BUF_INIT;
	AUTO_BUF struct buf edited = BUF_INIT;
	int r = control_read(os, file, SUBSCRIPTIONS_SIZE_MAX, &old, NULL, err);

	if (r < 0)
		return r;
	if (!subscriptions_edit(old.data, old.len, layout_separator(m), path,
		    value, &edited))
		return 1;
	r = os_write_all(os, fd, edited.data, edited.len, 0, lock, err);
	if (r < 0)
		return r;
	r = os->ops->fchmod(os, fd, mode);
	if (r >= 0)
		r = os->ops->fsync(os, fd);
	if (r >= 0)
		r = os->ops->rename(os, lock, file);
	return r < 0 ? err_set_os(err, -r, "replace %s", file) : 0;
}

int subscribe_set(
	struct maildir *m, const char *path, bool value, struct err *err)
{
	const char *dir = layout_control_root(m);
	AUTO_FREE char *file = path_join(dir, SUBSCRIPTIONS_FILE);
	AUTO_FREE char *lock = path_join(dir, SUBSCRIPTIONS_FILE ".lock");
	AUTO_FREE char *name = temp_name(m, true);
	AUTO_FREE char *temp = path_join(dir, name);
	struct os *os = m->store.os;
	struct modes modes;
	int fd, r;

	if (!folder_path_ok(path))
		return err_set(err, ERR_USAGE,
			"subscription: not a folder's path: %s", path);
	r = modes_of(os, m->root, &modes, err);
	if (r == 0 && !is_directory(os, dir) && m->control)
		r = dir_make(os, dir, modes.dir & 0777, err);
	if (r < 0)
		return r;
	fd = take_lock(m, dir, temp, lock, modes.file, err);
	if (fd < 0)
		return fd;
	r = edit_locked(m, fd, lock, file, path, value, modes.file, err);
	os->ops->close(os, fd);
	if (r != 0)
		work_remove(m, lock);
	work_remove(m, temp);
	return r == 0 ? dir_sync(os, dir, err) : r < 0 ? r : 0;
}
