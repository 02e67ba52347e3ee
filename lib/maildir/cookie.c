/*
 * cookie: whether a folder moved since, without reading it.
 *
 *	cookie = 4 x 16 bytes of BLAKE2b over inode, size, mtime, ctime of
 *	         cur/  new/  dovecot-uidlist  dovecot-keywords
 *
 * Every delivery, flag, expunge, UID and keyword changes one of the four. A
 * change within the tick of the last one may leave the same times: a cookie
 * whose times are younger than a second is racy, as git says of its index.
 */
#include "maildir_private.h"

#include "hash.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define RACY_NS NS_PER_S
#define PART ((size_t)16)
#define HEAD_MAX ((size_t)4096)
#define TAIL_MAX ((size_t)8192)

static int stat_in(struct maildir *m, const char *dir, const char *name,
	struct os_stat *ret, struct err *err)
{
	AUTO_FREE char *path = path_join(dir, name);
	struct os *os = m->store.os;
	int r = os->ops->lstat(os, path, ret);

	if (r >= 0)
		return 0;
	*ret = (struct os_stat){0};
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	return err_set_os(err, -r, "stat %s", path);
}

int folder_stat(struct maildir *m, const struct folder *f,
	struct folder_stat *ret, struct err *err)
{
	int r = stat_in(m, f->dir, "cur", &ret->cur, err);

	if (r == 0)
		r = stat_in(m, f->dir, "new", &ret->new, err);
	if (r == 0)
		r = stat_in(m, f->control, UIDLIST_FILE, &ret->uidlist, err);
	if (r == 0)
		r = stat_in(m, f->control, KEYWORDS_FILE, &ret->keywords, err);
	if (r == 0 && !S_ISDIR(ret->cur.mode))
		return err_set(err, ERR_ABSENT,
			"folder %s: no directory %s/cur", f->path, f->dir);
	return r;
}

static void digest(const struct os_stat *st, uint8_t *to)
{
	AUTO_BUF struct buf b = BUF_INIT;

	wire_add_u64(&b, st->mode ? st->ino : 0);
	wire_add_u64(&b, (uint64_t)st->size);
	wire_add_u64(&b, (uint64_t)st->mtime_ns);
	wire_add_u64(&b, (uint64_t)st->ctime_ns);
	hash_long(to, PART, b.data, b.len, NULL, 0);
}

int64_t folder_stat_latest(const struct folder_stat *st)
{
	const struct os_stat *all[] = {
		&st->cur, &st->new, &st->uidlist, &st->keywords};
	int64_t latest = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		/* ctime: nobody can set it back. */
		if (all[i]->ctime_ns > latest)
			latest = all[i]->ctime_ns;
	}
	return latest;
}

void cookie_of(
	const struct folder_stat *st, int64_t now_ns, struct store_cookie *ret)
{
	_Static_assert(4 * PART == STORE_COOKIE_SIZE, "four parts");
	digest(&st->cur, ret->b);
	digest(&st->new, ret->b + PART);
	digest(&st->uidlist, ret->b + 2 * PART);
	digest(&st->keywords, ret->b + 3 * PART);
	ret->racy = folder_stat_latest(st) > now_ns - RACY_NS;
}

int cookie_read(struct maildir *m, const char *path, struct store_cookie *ret,
	struct err *err)
{
	AUTO_FOLDER struct folder f = {0};
	int64_t now = m->store.os->ops->wall_ns(m->store.os);
	struct folder_stat st;
	int r = folder_init(m, path, &f, err);

	if (r == 0)
		r = folder_stat(m, &f, &st, err);
	if (r == 0)
		cookie_of(&st, now, ret);
	return r;
}

/* The first line of the file, as far as HEAD_MAX. */
static int read_head(struct os *os, int fd, const char *path,
	struct arena *arena, struct store_identity *ret, struct err *err)
{
	char head[HEAD_MAX];
	ssize_t n = os->ops->pread(os, fd, head, sizeof(head), 0);
	struct uidlist_reader reader;
	const char *lf;

	if (n < 0)
		return err_set_os(err, (int)-n, "read %s", path);
	lf = n ? memchr(head, '\n', (size_t)n) : NULL;
	return uidlist_read_head(&reader, head,
		lf ? (size_t)(lf - head) + 1 : (size_t)n, arena, ret, err);
}

/* The UID of the last whole line, 0 if there is none in the last bytes. */
static int read_last_uid(struct os *os, int fd, const char *path, int64_t size,
	uint32_t *ret, struct err *err)
{
	char tail[TAIL_MAX];
	int64_t from = size > (int64_t)TAIL_MAX ? size - (int64_t)TAIL_MAX : 0;
	ssize_t n = os->ops->pread(os, fd, tail, sizeof(tail), from);
	struct slice line, first, digits;
	struct lines lines;
	uint64_t uid;

	*ret = 0;
	if (n < 0)
		return err_set_os(err, (int)-n, "read %s", path);
	lines = lines_over(tail, (size_t)n);
	/* The header, or a line that we see only the end of. */
	if (!lines_next(&lines, &first))
		return 0;
	while (lines_next(&lines, &line)) {
		if (slice_cut(&line, ' ', &digits) &&
			slice_number(digits, UINT32_MAX - 1, &uid))
			*ret = (uint32_t)uid;
	}
	return 0;
}

static int read_identity(struct os *os, int fd, const char *path,
	struct arena *arena, struct store_identity *ret, struct err *err)
{
	struct os_stat st;
	uint32_t last;
	int r = os->ops->fstat(os, fd, &st);

	if (r < 0)
		return err_set_os(err, -r, "stat %s", path);
	if (!S_ISREG(st.mode))
		return err_set(err, ERR_IO, "read %s: not a file", path);
	r = read_head(os, fd, path, arena, ret, err);
	if (r == 0)
		r = read_last_uid(os, fd, path, st.size, &last, err);
	if (r == 0 && last >= ret->uidnext)
		ret->uidnext = last + 1;
	return r;
}

int identity_read(struct maildir *m, const char *path, struct arena *arena,
	struct store_identity *ret, struct err *err)
{
	AUTO_FOLDER struct folder f = {0};
	AUTO_FREE char *uidlist = NULL;
	struct os *os = m->store.os;
	struct folder_stat st;
	int fd, r;

	r = folder_init(m, path, &f, err);
	if (r == 0)
		r = folder_stat(m, &f, &st, err);
	if (r < 0)
		return r;
	*ret = (struct store_identity){.has_uids = m->dovecot, .extra = ""};
	uidlist = path_join(f.control, UIDLIST_FILE);
	fd = os->ops->open(os, uidlist, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return err_set_os(err, -fd, "open %s", uidlist);
	r = read_identity(os, fd, uidlist, arena, ret, err);
	os->ops->close(os, fd);
	return r;
}

static int sync_in(
	struct maildir *m, const char *dir, const char *name, struct err *err)
{
	AUTO_FREE char *path = path_join(dir, name);
	struct os *os = m->store.os;
	int fd = os->ops->open(os, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	int r;

	if (fd == -ENOENT)
		return 0;
	r = fd;
	if (fd >= 0) {
		r = os->ops->fsync(os, fd);
		os->ops->close(os, fd);
	}
	return r < 0 ? err_set_os(err, -r, "fsync %s", path) : 0;
}

/* The names of folders, and of what is subscribed. */
static int sync_roots(
	struct maildir *m, const struct folder *f, struct err *err)
{
	const char *control = layout_control_root(m);
	int r = sync_in(m, control, SUBSCRIPTIONS_FILE, err);

	if (r == 0 && strcmp(control, f->control) != 0)
		r = sync_in(m, control, ".", err);
	if (r == 0 && strcmp(m->root, control) != 0 &&
		strcmp(m->root, f->dir) != 0)
		r = sync_in(m, m->root, ".", err);
	return r;
}

int folder_sync(struct maildir *m, const char *path, struct err *err)
{
	AUTO_FOLDER struct folder f = {0};
	int r = folder_init(m, path, &f, err);

	if (r == 0 && f.inbox)
		r = sync_roots(m, &f, err);
	if (r == 0 && strcmp(f.dir, f.control) != 0)
		r = sync_in(m, f.dir, ".", err);
	if (r == 0)
		r = sync_in(m, f.dir, "cur", err);
	if (r == 0)
		r = sync_in(m, f.dir, "new", err);
	if (r == 0)
		r = sync_in(m, f.control, UIDLIST_FILE, err);
	if (r == 0)
		r = sync_in(m, f.control, KEYWORDS_FILE, err);
	if (r == 0)
		r = sync_in(m, f.control, ".", err);
	return r;
}
