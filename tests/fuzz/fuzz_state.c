/*
 * fuzz_state: a replica state's file with bytes changed, read through the VFS.
 *
 * The input is a list of changes, four bytes each: where (24 bits, modulo the
 * file's size) and what is XORed into that byte. The file is read as it is
 * then: every row that comes is a true one, and if no error comes, all of them
 * do. It is read again with every page's checksum made right, as no damage
 * would leave it: SQLite must stand that, whatever rows it gives.
 *
 * planted: a page's checksum taken over its first half only, and the count in
 * a page of the free list not limited; each found within a second.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "mem.h"
#include "os.h"
#include "simdisk.h"
#include "vfs.h"
#include "vfs_page.h"

#define STATE "/state.db"
#define CHANGES_MAX 64
#define STEPS_MAX 200000 /* of SQLite's machine, per query */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const queries[] = {
	"SELECT k, v FROM t ORDER BY k",
	"SELECT v, k FROM t INDEXED BY tv WHERE v >= '' ORDER BY v",
	"SELECT a, b FROM w ORDER BY a",
	"SELECT count(*), sum(length(v)) FROM t",
};

#define QUERIES (sizeof(queries) / sizeof(queries[0]))

/* The file and what it answers, made once. */
struct whole {
	struct buf file;
	struct buf answers[QUERIES];
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static int stop(void *ctx)
{
	(void)ctx;
	return 1; /* too long: interrupted, an error like any other */
}

static int answer(sqlite3 *db, const char *sql, struct buf *ret)
{
	sqlite3_stmt *st = NULL;

	sqlite3_progress_handler(db, STEPS_MAX, stop, NULL);
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK) {
		while (sqlite3_step(st) == SQLITE_ROW) {
			for (int i = 0; i < sqlite3_column_count(st); i++) {
				const void *v = sqlite3_column_blob(st, i);
				int n = sqlite3_column_bytes(st, i);

				buf_add(ret, v, (size_t)n);
				buf_add_byte(ret, ';');
			}
			buf_add_byte(ret, '\n');
		}
	}
	return sqlite3_finalize(st);
}

/* Tables with and without rowid, an index, overflow pages, free pages. */
static void make(struct whole *w)
{
	struct simdisk *d = simdisk_new(1);
	sqlite3 *db = NULL;

	require(vfs_open(simdisk_os(d), STATE, true, &db, NULL) == 0);
	require(sqlite3_exec(db,
			"CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT);"
			"CREATE INDEX tv ON t (v);"
			"CREATE TABLE w (a TEXT PRIMARY KEY, b) WITHOUT ROWID;"
			"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL "
			"SELECT i + 1 FROM n WHERE i < 40) "
			"INSERT INTO t SELECT i, 'row ' || (i * i * 7919) || "
			"substr(hex(zeroblob(3000)), 1, i * 997 % 700) FROM n;"
			"INSERT INTO t VALUES (50, hex(zeroblob(5000)));"
			"INSERT INTO t VALUES (51, hex(zeroblob(9000)));"
			"INSERT INTO w SELECT v, k FROM t WHERE k < 20;"
			"DELETE FROM t WHERE k = 51;",
			NULL, NULL, NULL) == SQLITE_OK);
	for (size_t i = 0; i < QUERIES; i++)
		require(answer(db, queries[i], &w->answers[i]) == SQLITE_OK);
	vfs_close(db);
	require(file_read(simdisk_os(d), STATE, 1 << 20, &w->file, NULL) == 0);
	simdisk_free(d);
}

static const struct whole *whole(void)
{
	static struct whole w;

	if (w.file.len == 0)
		make(&w);
	return &w;
}

/* honest: the checksums are as written, so that damage must be noticed. */
static void ask(struct os *os, const struct whole *w, bool honest)
{
	struct err err = ERR_INIT;
	sqlite3 *db = NULL;

	if (vfs_open(os, STATE, false, &db, &err) < 0) {
		require(err.code != ERR_NONE && err.text[0] != '\0');
		return;
	}
	for (size_t i = 0; i < QUERIES; i++) {
		AUTO_BUF struct buf rows = BUF_INIT;
		int rc = answer(db, queries[i], &rows);

		if (honest) {
			require(rows.len <= w->answers[i].len);
			require(rows.len == 0 ||
				memcmp(rows.data, w->answers[i].data,
					rows.len) == 0);
			require(rc != SQLITE_OK ||
				rows.len == w->answers[i].len);
		}
		if (rc != SQLITE_OK)
			require(vfs_error(db, &err, "ask") < 0);
	}
	vfs_close(db);
}

static void read_again(
	const struct buf *file, const struct whole *w, bool honest)
{
	struct simdisk *d = simdisk_new(1);

	simdisk_put(d, STATE, file->data, file->len);
	vfs_verify(simdisk_os(d), STATE, NULL, NULL);
	ask(simdisk_os(d), w, honest);
	require(simdisk_open_files(d) == 0);
	simdisk_free(d);
}

/* A page is bad for sure: the free list is asked whether that matters. */
static void verify_with_bad_page(struct buf *file)
{
	struct simdisk *d = simdisk_new(1);
	uint64_t pages = 0;
	int r;

	file->data[file->len - 1] ^= 1;
	simdisk_put(d, STATE, file->data, file->len);
	r = vfs_verify(simdisk_os(d), STATE, &pages, NULL);
	require(r == ERR_CORRUPT ||
		(r == 0 && pages == file->len / VFS_PAGE_SIZE));
	simdisk_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct whole *w = whole();
	AUTO_BUF struct buf file = BUF_INIT;

	buf_add(&file, w->file.data, w->file.len);
	for (size_t i = 0; i + 4 <= len && i < 4 * CHANGES_MAX; i += 4) {
		size_t at = (size_t)data[i] << 16 | (size_t)data[i + 1] << 8 |
			    data[i + 2];

		file.data[at % file.len] ^= data[i + 3];
	}
	read_again(&file, w, true);
	for (size_t at = 0; at < file.len; at += VFS_PAGE_SIZE)
		vfs_page_seal(
			file.data + at, (uint32_t)(at / VFS_PAGE_SIZE) + 1);
	read_again(&file, w, false);
	verify_with_bad_page(&file);
	return 0;
}
