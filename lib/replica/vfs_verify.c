/*
 * vfs_verify: every page of a database file against its checksum, without
 * SQLite.
 *
 * The file is read under SQLite's SHARED lock, so that it does not change
 * meanwhile. It is whole if and only if
 * (1) its size is a multiple of the page size, and not 0;
 * (2) every page carries its checksum, but for the one that holds the locks,
 *     and for leaves of the free list: these hold nothing. SQLite may never
 *     have written them, and does not journal one that it takes into use, so
 *     that a power cut may leave it torn;
 * (3) it has at least the pages that its first page counts. It may have more:
 *     SQLite cuts a shrunk file only after the commit.
 * A journal that was left by a crash has to be rolled back (by opening)
 * before anything can be said about the pages.
 */
#include "vfs.h"
#include "vfs_lock.h"
#include "vfs_page.h"
#include "err.h"
#include "mem.h"
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>

#define CHUNK_PAGES 64
#define LOCK_TRIES 100
#define LOCK_PAUSE_NS (INT64_C(100) * 1000 * 1000)

/* SQLite leaves the page alone whose bytes are locked (vfs_lock.h). */
#define LOCK_PAGE (0x40000000 / VFS_PAGE_SIZE + 1)

/* A page of the free list: the next one's number, a count, page numbers. */
#define TRUNK_COUNT_MAX ((VFS_PAGE_SIZE - VFS_RESERVED) / 4 - 2)

struct tally {
	uint32_t pages;
	uint32_t counted; /* pages, as the first page says */
	uint32_t trunk;	  /* first page of the free list, or 0 */
	uint8_t *bad;	  /* a bit for every page */
	uint32_t bad_count;
};

static int lock_shared(struct os *os, int fd, const char *path, struct err *err)
{
	int level = SQLITE_LOCK_NONE;
	int why = 0;

	for (int i = 0; i < LOCK_TRIES; i++) {
		int rc = vfs_lock_raise(
			os, fd, &level, SQLITE_LOCK_SHARED, &why);

		if (rc == SQLITE_OK)
			return 0;
		if (rc != SQLITE_BUSY)
			return err_set_os(err, why, "lock %s", path);
		os->ops->sleep_ns(os, LOCK_PAUSE_NS);
	}
	return err_set(err, ERR_BUSY, "lock %s: being written", path);
}

/*
 * As SQLite judges: a journal that begins with a zero byte is not needed. Any
 * other has a writer, who keeps us from SHARED, or was left by a crash.
 */
static int no_hot_journal(struct os *os, const char *path, struct err *err)
{
	AUTO_FREE char *journal = mem_printf("%s-journal", path);
	int fd = os->ops->open(os, journal, O_RDONLY, 0);
	uint8_t first = 0;
	ssize_t n;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return err_set_os(err, -fd, "open %s", journal);
	n = os->ops->pread(os, fd, &first, 1, 0);
	os->ops->close(os, fd);
	if (n < 0)
		return err_set_os(err, (int)-n, "read %s", journal);
	if (first == 0)
		return 0;
	return err_set(err, ERR_CONFLICT,
		"%s: left by a crash: open the database to roll it back",
		journal);
}

static bool is_bad(const struct tally *t, uint32_t page)
{
	return t->bad[page / 8] >> page % 8 & 1;
}

static void count_page(struct tally *t, const uint8_t *page)
{
	t->pages++;
	if (t->pages == LOCK_PAGE)
		return;
	if (!vfs_page_whole(page, t->pages)) {
		t->bad[t->pages / 8] |= (uint8_t)(1u << t->pages % 8);
		t->bad_count++;
	} else if (t->pages == 1) {
		t->counted = vfs_page_u32(page + VFS_HEADER_PAGES);
		t->trunk = vfs_page_u32(page + VFS_HEADER_FREE);
	}
}

static int count_pages(struct os *os, int fd, int64_t size, const char *path,
	struct tally *t, struct err *err)
{
	AUTO_FREE uint8_t *chunk = mem_array(CHUNK_PAGES, VFS_PAGE_SIZE);
	int64_t end = size - size % VFS_PAGE_SIZE;

	if (end / VFS_PAGE_SIZE > UINT32_MAX)
		return err_set(err, ERR_CORRUPT, "%s: too large", path);
	t->bad = mem_alloc((size_t)(end / VFS_PAGE_SIZE / 8) + 1);

	for (int64_t at = 0; at < end;) {
		size_t len = (size_t)CHUNK_PAGES * VFS_PAGE_SIZE;
		int r;

		if (end - at < (int64_t)len)
			len = (size_t)(end - at);
		r = os_read_all(os, fd, chunk, len, at, path, err);
		if (r < 0)
			return r;
		for (size_t i = 0; i < len; i += VFS_PAGE_SIZE)
			count_page(t, chunk + i);
		at += (int64_t)len;
	}
	return 0;
}

static void forgive(struct tally *t, uint32_t page)
{
	if (page > t->pages || !is_bad(t, page))
		return;
	t->bad[page / 8] &= (uint8_t) ~(1u << page % 8);
	t->bad_count--;
}

/*
 * Take the leaves of the free list off the bad pages. A list that is bad
 * itself, or goes in circles, forgives no more.
 */
static int forgive_free_pages(struct os *os, int fd, const char *path,
	struct tally *t, struct err *err)
{
	uint8_t page[VFS_PAGE_SIZE];
	uint32_t at = t->trunk;

	for (uint32_t i = 0; t->bad_count && i < t->pages; i++) {
		uint32_t count;
		int r;

		if (at == 0 || at > t->pages)
			return 0;
		r = os_read_all(os, fd, page, VFS_PAGE_SIZE,
			(int64_t)(at - 1) * VFS_PAGE_SIZE, path, err);
		if (r < 0)
			return r;
		count = vfs_page_u32(page + 4);
		if (!vfs_page_whole(page, at) || count > TRUNK_COUNT_MAX)
			return 0;
		for (uint32_t k = 0; k < count; k++)
			forgive(t, vfs_page_u32(page + 8 + 4 * k));
		at = vfs_page_u32(page);
	}
	return 0;
}

static int judge(
	const struct tally *t, int64_t size, const char *path, struct err *err)
{
	if (size == 0)
		return err_set(err, ERR_CORRUPT, "%s: empty", path);
	for (uint32_t i = 1; t->bad_count && i <= t->pages; i++) {
		if (is_bad(t, i))
			return err_set(err, ERR_CORRUPT,
				"%s: page %u: checksum does not match (%u of "
				"%u pages are bad)",
				path, i, t->bad_count, t->pages);
	}
	if (size % VFS_PAGE_SIZE != 0)
		return err_set(err, ERR_CORRUPT,
			"%s: page %u: cut short, 1 page is bad", path,
			t->pages + 1);
	if (t->pages < t->counted)
		return err_set(err, ERR_CORRUPT,
			"%s: page %u: missing, and %u after it", path,
			t->pages + 1, t->counted - t->pages - 1);
	return 0;
}

static int verify_pages(struct os *os, int fd, const char *path,
	struct tally *t, struct err *err)
{
	struct os_stat st;
	int r = os->ops->fstat(os, fd, &st);

	if (r < 0)
		return err_set_os(err, -r, "stat %s", path);
	r = count_pages(os, fd, st.size, path, t, err);
	if (r == 0)
		r = forgive_free_pages(os, fd, path, t, err);
	return r == 0 ? judge(t, st.size, path, err) : r;
}

static int verify_file(struct os *os, int fd, const char *path,
	uint64_t *ret_pages, struct err *err)
{
	struct tally t = {0};
	int r = lock_shared(os, fd, path, err);

	if (r == 0)
		r = no_hot_journal(os, path, err);
	if (r == 0)
		r = verify_pages(os, fd, path, &t, err);
	if (r == 0 && ret_pages)
		*ret_pages = t.pages;
	free(t.bad);
	return r;
}

int vfs_verify(
	struct os *os, const char *path, uint64_t *ret_pages, struct err *err)
{
	int fd = os->ops->open(os, path, O_RDONLY, 0);
	int r;

	if (fd < 0)
		return err_set_os(err, -fd, "open %s", path);
	r = verify_file(os, fd, path, ret_pages, err);
	os->ops->close(os, fd);
	if (r < 0)
		err_wrap(err, "verify");
	return r;
}
