/*
 * vfs_verify: every page of a database file against its checksum, without
 * SQLite.
 *
 * The file is read under SQLite's SHARED lock, so that it does not change
 * meanwhile. It is whole if and only if
 * (1) its size is a multiple of the page size, and not 0;
 * (2) every page carries its checksum;
 * (3) it has at least the pages that its first page counts. It may have more:
 *     SQLite cuts a shrunk file only after the commit.
 * A journal that is not empty and has no writer was left by a crash: until
 * it is rolled back (by opening), nothing can be said about the pages.
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

struct tally {
	uint64_t pages;
	uint64_t bad;
	uint64_t first_bad;
	uint64_t counted; /* pages, as the first page says */
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

static int no_hot_journal(
	struct os *os, int fd, const char *path, struct err *err)
{
	AUTO_FREE char *journal = mem_printf("%s-journal", path);
	struct os_stat st;
	bool writer = false;
	int why = 0;
	int r = os->ops->stat(os, journal, &st);

	if (r == -ENOENT || (r == 0 && st.size == 0))
		return 0;
	if (r < 0)
		return err_set_os(err, -r, "stat %s", journal);
	if (vfs_lock_reserved(os, fd, SQLITE_LOCK_SHARED, &writer, &why) !=
		SQLITE_OK)
		return err_set_os(err, why, "lock %s", path);
	if (writer)
		return 0;
	return err_set(err, ERR_CONFLICT,
		"%s: left by a crash: open the database to roll it back",
		journal);
}

static void count_page(struct tally *t, const uint8_t *page)
{
	t->pages++;
	if (!vfs_page_whole(page, (uint32_t)t->pages)) {
		if (t->bad++ == 0)
			t->first_bad = t->pages;
	} else if (t->pages == 1) {
		t->counted = vfs_page_u32(page + VFS_HEADER_PAGES);
	}
}

static int count_pages(struct os *os, int fd, int64_t size, const char *path,
	struct tally *t, struct err *err)
{
	AUTO_FREE uint8_t *chunk = mem_array(CHUNK_PAGES, VFS_PAGE_SIZE);
	int64_t end = size - size % VFS_PAGE_SIZE;

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

static int judge(
	const struct tally *t, int64_t size, const char *path, struct err *err)
{
	if (size == 0)
		return err_set(err, ERR_CORRUPT, "%s: empty", path);
	if (t->bad)
		return err_set(err, ERR_CORRUPT,
			"%s: page %llu: checksum does not match (%llu of %llu "
			"pages are bad)",
			path, (unsigned long long)t->first_bad,
			(unsigned long long)t->bad,
			(unsigned long long)t->pages);
	if (size % VFS_PAGE_SIZE != 0)
		return err_set(err, ERR_CORRUPT,
			"%s: page %llu: cut short, 1 page is bad", path,
			(unsigned long long)t->pages + 1);
	if (t->pages < t->counted)
		return err_set(err, ERR_CORRUPT,
			"%s: page %llu: missing, %llu pages are", path,
			(unsigned long long)t->pages + 1,
			(unsigned long long)(t->counted - t->pages));
	return 0;
}

static int verify_file(struct os *os, int fd, const char *path,
	uint64_t *ret_pages, struct err *err)
{
	struct tally t = {0};
	struct os_stat st;
	int r = lock_shared(os, fd, path, err);

	if (r == 0)
		r = no_hot_journal(os, fd, path, err);
	if (r < 0)
		return r;
	r = os->ops->fstat(os, fd, &st);
	if (r < 0)
		return err_set_os(err, -r, "stat %s", path);
	r = count_pages(os, fd, st.size, path, &t, err);
	if (r == 0)
		r = judge(&t, st.size, path, err);
	if (r == 0 && ret_pages)
		*ret_pages = t.pages;
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
