/*
 * vfs_file: the database and its journal, as SQLite reads and writes them.
 * The rules are numbered in vfs_file.h.
 *
 * A crash leaves a journal that the next reader rolls back: SQLite syncs the
 * records, then the header that counts them, then writes the database.
 */
#include "vfs_file.h"
#include "vfs_journal.h"
#include "vfs_lock.h"
#include "vfs_page.h"
#include "mem.h"
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define SECTOR VFS_PAGE_SIZE

struct vfs_file {
	sqlite3_file base;
	struct vfs *v;
	int fd;
	int level;		    /* SQLITE_LOCK_*; the database only */
	bool shrunk;		    /* made or cut since the last sync */
	struct vfs_journal journal; /* the journal only */
};

int vfs_refused(struct vfs *v, int r, int code)
{
	v->os_errno = -r;
	v->seen_valid = false; /* a write of ours may be half done */
	return code;
}

static int bad_page(struct vfs *v, int64_t number)
{
	v->bad_page = number;
	return SQLITE_IOERR_DATA;
}

/* Up to len bytes, fewer only at the end of the file; -errno. */
static ssize_t read_up_to(
	struct vfs_file *f, uint8_t *to, size_t len, int64_t at)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = f->v->os->ops->pread(f->v->os, f->fd, to + got,
			len - got, at + (int64_t)got);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

/* SQLite wants what is beyond the end as zeros, and to be told. */
static int read_plain(struct vfs_file *f, uint8_t *to, size_t len, int64_t at)
{
	ssize_t n = read_up_to(f, to, len, at);

	if (n < 0)
		return vfs_refused(f->v, (int)n, SQLITE_IOERR_READ);
	if ((size_t)n == len)
		return SQLITE_OK;
	memset(to + n, 0, len - (size_t)n);
	return SQLITE_IOERR_SHORT_READ;
}

static int write_plain(
	struct vfs_file *f, const uint8_t *from, size_t len, int64_t at)
{
	while (len) {
		ssize_t n =
			f->v->os->ops->pwrite(f->v->os, f->fd, from, len, at);

		if (n == 0 || n == -ENOSPC || n == -EDQUOT)
			return vfs_refused(
				f->v, n ? (int)n : -ENOSPC, SQLITE_FULL);
		if (n < 0)
			return vfs_refused(f->v, (int)n, SQLITE_IOERR_WRITE);
		from += n;
		at += n;
		len -= (size_t)n;
	}
	return SQLITE_OK;
}

/* ---- durability ---- */

static int sync_dir(struct vfs *v)
{
	int fd = v->os->ops->open(v->os, v->dir, O_RDONLY | O_DIRECTORY, 0);
	int r;

	if (fd < 0)
		return vfs_refused(v, fd, SQLITE_IOERR_DIR_FSYNC);
	r = v->os->ops->fsync(v->os, fd);
	v->os->ops->close(v->os, fd);
	if (r < 0)
		return vfs_refused(v, r, SQLITE_IOERR_DIR_FSYNC);
	v->dir_durable = true;
	return SQLITE_OK;
}

/* Rule 5: fsync the journal, as its last writer may not have. */
static int sync_journal(struct vfs *v)
{
	AUTO_FREE char *path = mem_printf("%s-journal", v->path);
	int fd = v->os->ops->open(v->os, path, O_RDONLY, 0);
	int r;

	if (fd == -ENOENT)
		return SQLITE_OK;
	if (fd < 0)
		return vfs_refused(v, fd, SQLITE_IOERR_FSYNC);
	r = v->os->ops->fsync(v->os, fd);
	v->os->ops->close(v->os, fd);
	if (r < 0) {
		v->failed = true;
		return vfs_refused(v, r, SQLITE_IOERR_FSYNC);
	}
	return SQLITE_OK;
}

/* The first page was read under a lock: is its commit known to be durable? */
static int see_commit(struct vfs *v, const uint8_t *first)
{
	uint32_t counter = vfs_page_u32(first + VFS_HEADER_COUNTER);
	int rc;

	if (v->seen_valid && v->seen == counter)
		return SQLITE_OK;
	rc = sync_journal(v);
	if (rc != SQLITE_OK)
		return rc;
	v->seen = counter;
	v->seen_valid = true;
	return SQLITE_OK;
}

static int file_sync(sqlite3_file *file, int flags)
{
	struct vfs_file *f = (struct vfs_file *)file;
	struct vfs *v = f->v;
	int rc = SQLITE_OK;
	int r;

	(void)flags;
	if (v->failed)
		return SQLITE_IOERR_FSYNC;
	r = f->shrunk ? v->os->ops->fsync(v->os, f->fd)
		      : v->os->ops->fdatasync(v->os, f->fd);
	if (r < 0)
		rc = vfs_refused(v, r, SQLITE_IOERR_FSYNC);
	else if (!v->dir_durable)
		rc = sync_dir(v);
	v->failed = rc != SQLITE_OK;
	if (rc == SQLITE_OK)
		f->shrunk = false;
	return rc;
}

/* ---- the database ---- */

static int read_page(struct vfs_file *f, uint8_t *page, int64_t number)
{
	struct vfs *v = f->v;
	ssize_t n = read_up_to(
		f, page, VFS_PAGE_SIZE, (number - 1) * VFS_PAGE_SIZE);

	if (n < 0)
		return vfs_refused(v, (int)n, SQLITE_IOERR_READ);
	memset(page + n, 0, VFS_PAGE_SIZE - (size_t)n);
	if (n == 0)
		return SQLITE_IOERR_SHORT_READ;
	if (n < VFS_PAGE_SIZE || !vfs_page_whole(page, (uint32_t)number)) {
		v->foreign = number == 1 && !vfs_page_ours(page);
		return bad_page(v, number);
	}
	return number == 1 ? see_commit(v, page) : SQLITE_OK;
}

/*
 * SQLite reads whole pages, and 16 bytes of the first under a lock, to learn
 * whether somebody committed: those come out of a whole page too. Without a
 * lock it only looks at the header for the page size; a writer may be at work
 * on that page at this moment, and all is read again under the lock.
 */
static int db_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
	struct vfs_file *f = (struct vfs_file *)file;
	uint8_t page[VFS_PAGE_SIZE], *out = to;
	size_t left = (size_t)len;

	if (len == VFS_PAGE_SIZE && at % VFS_PAGE_SIZE == 0)
		return read_page(f, to, at / VFS_PAGE_SIZE + 1);
	if (f->level == SQLITE_LOCK_NONE)
		return read_plain(f, to, left, at);
	while (left) {
		size_t skip = (size_t)(at % VFS_PAGE_SIZE);
		size_t part = VFS_PAGE_SIZE - skip;
		int rc = read_page(f, page, at / VFS_PAGE_SIZE + 1);

		if (rc == SQLITE_IOERR_SHORT_READ)
			memset(out, 0, left);
		if (rc != SQLITE_OK)
			return rc;
		if (part > left)
			part = left;
		memcpy(out, page + skip, part);
		out += part;
		at += (int64_t)part;
		left -= part;
	}
	return SQLITE_OK;
}

static int db_write(
	sqlite3_file *file, const void *from, int len, sqlite3_int64 at)
{
	struct vfs_file *f = (struct vfs_file *)file;
	struct vfs *v = f->v;
	uint8_t page[VFS_PAGE_SIZE];

	if (v->failed)
		return SQLITE_IOERR_WRITE;
	if (len != VFS_PAGE_SIZE || at % VFS_PAGE_SIZE != 0 ||
		(at == 0 && !vfs_page_ours(from)))
		return vfs_refused(v, -EINVAL, SQLITE_IOERR_WRITE);
	if (at == 0) {
		const uint8_t *first = from;

		v->seen = vfs_page_u32(first + VFS_HEADER_COUNTER);
		v->seen_valid = true;
	}
	memcpy(page, from, sizeof(page));
	vfs_page_seal(page, (uint32_t)(at / VFS_PAGE_SIZE + 1));
	return write_plain(f, page, sizeof(page), at);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct vfs_file *f = (struct vfs_file *)file;
	int r;

	if (f->v->failed)
		return SQLITE_IOERR_TRUNCATE;
	r = f->v->os->ops->ftruncate(f->v->os, f->fd, size);
	if (r < 0)
		return vfs_refused(f->v, r, SQLITE_IOERR_TRUNCATE);
	f->shrunk = true;
	if (size == 0)
		f->journal = VFS_JOURNAL_INIT;
	return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	struct vfs_file *f = (struct vfs_file *)file;
	struct os_stat st;
	int r = f->v->os->ops->fstat(f->v->os, f->fd, &st);

	if (r < 0)
		return vfs_refused(f->v, r, SQLITE_IOERR_FSTAT);
	*ret = st.size;
	return SQLITE_OK;
}

/* ---- the journal ---- */

/*
 * Not every read that looks like one is for a header: in a transaction of ours
 * SQLite looks behind the last part, and in any journal whether the last bytes
 * name another.
 */
static int check_head(struct vfs_file *f, size_t len, int64_t at)
{
	uint8_t head[JOURNAL_HEAD];
	sqlite3_int64 size;
	int rc = file_size(&f->base, &size);

	if (rc != SQLITE_OK || (len > 1 && at + SECTOR > size) ||
		vfs_journal_is_behind(&f->journal, at))
		return rc;
	rc = read_plain(f, head, sizeof(head), at);
	if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ)
		return rc;
	if (!vfs_journal_check_head(&f->journal, head, at, size))
		return bad_page(f->v, 0);
	return SQLITE_OK;
}

static int journal_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
	struct vfs_file *f = (struct vfs_file *)file;
	int rc = SQLITE_OK;

	if (vfs_journal_asks_head((size_t)len, at))
		rc = check_head(f, (size_t)len, at);
	if (rc == SQLITE_OK)
		rc = read_plain(f, to, (size_t)len, at);
	if (rc == SQLITE_OK &&
		!vfs_journal_check_record(&f->journal, to, (size_t)len, at))
		return bad_page(f->v, f->journal.page);
	return rc;
}

/*
 * A killed writer may have left a journal that was never needed. SQLite would
 * write over its beginning, and look into the rest for a further part.
 */
static int begin_journal(struct vfs_file *f)
{
	sqlite3_int64 size;
	int rc = file_size(&f->base, &size);

	if (rc != SQLITE_OK || size == 0)
		return rc;
	return file_truncate(&f->base, 0);
}

static int journal_write(
	sqlite3_file *file, const void *from, int len, sqlite3_int64 at)
{
	struct vfs_file *f = (struct vfs_file *)file;
	uint8_t room[VFS_PAGE_SIZE];
	const uint8_t *bytes;
	size_t size = (size_t)len;

	if (f->v->failed)
		return SQLITE_IOERR_WRITE;
	if (at == 0 && len == SECTOR) {
		int rc = begin_journal(f);

		if (rc != SQLITE_OK)
			return rc;
	}
	bytes = vfs_journal_seal(&f->journal, from, &size, at, room);
	return write_plain(f, bytes, size, at);
}

/* ---- locks ---- */

static int db_lock(sqlite3_file *file, int want)
{
	struct vfs_file *f = (struct vfs_file *)file;

	if (f->v->failed)
		return SQLITE_IOERR_LOCK;
	return vfs_lock_raise(
		f->v->os, f->fd, &f->level, want, &f->v->os_errno);
}

static int db_unlock(sqlite3_file *file, int want)
{
	struct vfs_file *f = (struct vfs_file *)file;

	return vfs_lock_lower(
		f->v->os, f->fd, &f->level, want, &f->v->os_errno);
}

static int db_check_reserved(sqlite3_file *file, int *ret)
{
	struct vfs_file *f = (struct vfs_file *)file;
	bool reserved = false;
	int rc = vfs_lock_reserved(
		f->v->os, f->fd, f->level, &reserved, &f->v->os_errno);

	*ret = reserved;
	return rc;
}

/* Only the database is locked; the journal belongs to who holds RESERVED. */
static int journal_lock(sqlite3_file *file, int want)
{
	(void)file;
	(void)want;
	return SQLITE_OK;
}

static int journal_check_reserved(sqlite3_file *file, int *ret)
{
	(void)file;
	*ret = 0;
	return SQLITE_OK;
}

/* ---- the rest ---- */

static int file_close(sqlite3_file *file)
{
	struct vfs_file *f = (struct vfs_file *)file;

	f->v->os->ops->close(f->v->os, f->fd);
	return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
	(void)file;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *file)
{
	(void)file;
	return SECTOR;
}

/* Nothing is promised: not even that a torn sector spares its neighbours. */
static int characteristics(sqlite3_file *file)
{
	(void)file;
	return 0;
}

/* Version 1: no shared memory, so no WAL; no mmap, which nobody could check. */
static const sqlite3_io_methods db_methods = {
	.iVersion = 1,
	.xClose = file_close,
	.xRead = db_read,
	.xWrite = db_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = db_lock,
	.xUnlock = db_unlock,
	.xCheckReservedLock = db_check_reserved,
	.xFileControl = file_control,
	.xSectorSize = sector_size,
	.xDeviceCharacteristics = characteristics,
};

static const sqlite3_io_methods journal_methods = {
	.iVersion = 1,
	.xClose = file_close,
	.xRead = journal_read,
	.xWrite = journal_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = journal_lock,
	.xUnlock = journal_lock,
	.xCheckReservedLock = journal_check_reserved,
	.xFileControl = file_control,
	.xSectorSize = sector_size,
	.xDeviceCharacteristics = characteristics,
};

size_t vfs_file_size(void)
{
	return sizeof(struct vfs_file);
}

struct vfs *vfs_file_vfs(const sqlite3_file *file)
{
	if (!file || file->pMethods != &db_methods)
		return NULL;
	return ((const struct vfs_file *)file)->v;
}

/* Who may use the database may use its journal, whatever the umask. */
static int give_mode(struct vfs *v, int fd)
{
	struct os_stat st;
	int r = v->os->ops->fstat(v->os, fd, &st);

	if (r == 0 && (st.mode & 0777) != v->mode)
		r = v->os->ops->fchmod(v->os, fd, v->mode);
	return r;
}

static int open_db(struct vfs *v, const char *path, bool create)
{
	struct os_stat st;
	int fd = v->os->ops->open(
		v->os, path, create ? O_RDWR | O_CREAT : O_RDWR, 0600);
	int r;

	if (fd < 0)
		return fd;
	r = v->os->ops->fstat(v->os, fd, &st);
	if (r < 0) {
		v->os->ops->close(v->os, fd);
		return r;
	}
	v->mode = st.mode & 0777;
	return fd;
}

static int open_journal(struct vfs *v, const char *path, bool create)
{
	int fd = v->os->ops->open(v->os, path, O_RDWR, 0);
	int r;

	if (fd != -ENOENT || !create)
		return fd;
	fd = v->os->ops->open(v->os, path, O_RDWR | O_CREAT, v->mode);
	if (fd < 0)
		return fd;
	v->dir_durable = false;
	r = give_mode(v, fd);
	if (r < 0) {
		v->os->ops->close(v->os, fd);
		return r;
	}
	return fd;
}

int vfs_file_open(sqlite3_vfs *base, const char *path, sqlite3_file *file,
	int flags, int *ret_flags)
{
	struct vfs_file *f = (struct vfs_file *)file;
	struct vfs *v = base->pAppData;
	bool create = flags & SQLITE_OPEN_CREATE;
	int fd;

	file->pMethods = NULL;
	if (path && flags & SQLITE_OPEN_MAIN_DB)
		fd = open_db(v, path, create);
	else if (path && flags & SQLITE_OPEN_MAIN_JOURNAL)
		fd = open_journal(v, path, create);
	else
		fd = -EINVAL; /* temporary files live in memory */
	if (fd < 0)
		return vfs_refused(v, fd, SQLITE_CANTOPEN);
	*f = (struct vfs_file){
		.base.pMethods = flags & SQLITE_OPEN_MAIN_DB ? &db_methods
							     : &journal_methods,
		.v = v,
		.fd = fd,
		.level = SQLITE_LOCK_NONE,
		.journal = VFS_JOURNAL_INIT,
		.shrunk = !v->dir_durable,
	};
	if (ret_flags)
		*ret_flags = flags;
	return SQLITE_OK;
}

int vfs_file_empty(struct vfs *v, const char *path)
{
	struct os *os = v->os;
	int fd, r;

	if (v->failed)
		return SQLITE_IOERR_DELETE;
	fd = os->ops->open(os, path, O_RDWR, 0);
	if (fd == -ENOENT)
		return SQLITE_IOERR_DELETE_NOENT;
	if (fd < 0)
		return vfs_refused(v, fd, SQLITE_IOERR_DELETE);
	r = os->ops->ftruncate(os, fd, 0);
	if (r >= 0) {
		r = os->ops->fsync(os, fd);
		v->failed = r < 0;
	}
	os->ops->close(os, fd);
	return r < 0 ? vfs_refused(v, r, SQLITE_IOERR_DELETE) : SQLITE_OK;
}
