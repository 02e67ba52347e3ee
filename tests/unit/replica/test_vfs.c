/*
 * The VFS on good days, beside other connections, and on damaged files. Power
 * cuts and refusing disks are in test_vfs_crash.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "err.h"
#include "mem.h"
#include "os.h"
#include "simdisk.h"
#include "vfs.h"

#define STATE "/state.db"

static sqlite3 *must_open(struct os *os, const char *path, bool create)
{
	struct err err = ERR_INIT;
	sqlite3 *db = NULL;

	if (vfs_open(os, path, create, &db, &err) != 0)
		fail_msg("%s", err.text);
	return db;
}

static void must_run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static int run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int64_t n;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
	return n;
}

static void must_verify(struct os *os, const char *path)
{
	struct err err = ERR_INIT;

	if (vfs_verify(os, path, NULL, &err) != 0)
		fail_msg("%s", err.text);
}

/* Four pages: two tables, one with a row on overflow pages. */
static void fill_small(sqlite3 *db)
{
	must_run(db, "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT);"
		     "INSERT INTO t VALUES (1, 'one'), (2, 'two');"
		     "INSERT INTO t VALUES (3, hex(zeroblob(5000)));");
}

/* Every row of t, hashed by SQLite's own quoting; rc of the last step. */
static int read_all(sqlite3 *db, struct buf *ret)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(
		db, "SELECT k, v FROM t ORDER BY k", -1, &st, NULL);

	if (rc != SQLITE_OK)
		return rc;
	while (sqlite3_step(st) == SQLITE_ROW)
		buf_printf(ret, "%lld=%s\n",
			(long long)sqlite3_column_int64(st, 0),
			(const char *)sqlite3_column_text(st, 1));
	return sqlite3_finalize(st);
}

/* ---- good days ---- */

static void a_new_database_is_there_after_reopening(void **state)
{
	char dir[] = "/tmp/vfs-test-XXXXXX";
	struct os *os = os_real();
	AUTO_FREE char *path = NULL;
	uint64_t pages = 0;
	struct err err = ERR_INIT;
	sqlite3 *db;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = mem_printf("%s/state.db", dir);
	db = must_open(os, path, true);
	fill_small(db);
	vfs_close(db);
	db = must_open(os, path, false);
	assert_int_equal(number(db, "SELECT count(*) FROM t"), 3);
	vfs_close(db);
	assert_int_equal(vfs_verify(os, path, &pages, &err), 0);
	assert_int_equal(pages, 4);
	assert_int_equal(dir_remove(os, dir, NULL), 0);
}

static void a_made_database_survives_a_power_cut_before_its_first_use(
	void **state)
{
	struct simdisk *d = simdisk_new(1);

	(void)state;
	vfs_close(must_open(simdisk_os(d), STATE, true));
	simdisk_power_cut_mode(d, SIMDISK_ALL_LOST, 1);
	vfs_close(must_open(simdisk_os(d), STATE, false));
	must_verify(simdisk_os(d), STATE);
	simdisk_free(d);
}

static void what_is_not_there_is_absent(void **state)
{
	struct simdisk *d = simdisk_new(1);
	struct err err = ERR_INIT;
	sqlite3 *db;

	(void)state;
	assert_int_equal(
		vfs_open(simdisk_os(d), STATE, false, &db, &err), ERR_ABSENT);
	assert_non_null(strstr(err.text, STATE));
	assert_int_equal(
		vfs_verify(simdisk_os(d), STATE, NULL, &err), ERR_ABSENT);
	simdisk_put(d, STATE, "", 0);
	assert_int_equal(
		vfs_open(simdisk_os(d), STATE, false, &db, &err), ERR_CORRUPT);
	vfs_close(must_open(simdisk_os(d), STATE, true));
	must_verify(simdisk_os(d), STATE);
	assert_int_equal(simdisk_open_files(d), 0);
	simdisk_free(d);
}

static void a_path_is_never_a_uri_or_in_memory(void **state)
{
	struct simdisk *d = simdisk_new(1);
	struct os_stat st;
	struct os *os = simdisk_os(d);

	(void)state;
	vfs_close(must_open(os, ":memory:", true));
	assert_int_equal(os->ops->stat(os, "/:memory:", &st), 0);
	vfs_close(must_open(os, "file:x?mode=memory", true));
	assert_int_equal(os->ops->stat(os, "/file:x?mode=memory", &st), 0);
	simdisk_free(d);
}

static void every_setting_named_in_the_header_is_in_force(void **state)
{
	struct simdisk *d = simdisk_new(1);
	sqlite3 *db = must_open(simdisk_os(d), STATE, true);
	int reserved = -1;

	(void)state;
	assert_int_equal(number(db, "PRAGMA page_size"), 4096);
	assert_int_equal(number(db, "PRAGMA synchronous"), 2);
	assert_int_equal(number(db, "PRAGMA temp_store"), 2);
	assert_int_equal(number(db, "PRAGMA foreign_keys"), 1);
	assert_int_equal(number(db, "PRAGMA busy_timeout"), 10000);
	assert_int_equal(number(db, "PRAGMA cell_size_check"), 1);
	assert_int_equal(number(db, "PRAGMA trusted_schema"), 0);
	assert_int_equal(number(db, "PRAGMA cache_size"), -4096);
	assert_int_equal(sqlite3_file_control(db, "main",
				 SQLITE_FCNTL_RESERVE_BYTES, &reserved),
		SQLITE_OK);
	assert_int_equal(reserved, VFS_RESERVED);
	/* There is no WAL here, and asking for it changes nothing. */
	assert_int_equal(number(db, "SELECT count(*) FROM "
				    "pragma_journal_mode WHERE journal_mode = "
				    "'truncate'"),
		1);
	run(db, "PRAGMA journal_mode=WAL");
	assert_int_equal(number(db, "SELECT count(*) FROM "
				    "pragma_journal_mode WHERE journal_mode = "
				    "'truncate'"),
		1);
	must_run(db, "PRAGMA mmap_size=1000000; CREATE TABLE t (k)");
	vfs_close(db);
	must_verify(simdisk_os(d), STATE);
	simdisk_free(d);
}

static void a_vacuum_keeps_the_checksums_and_another_page_size_is_refused(
	void **state)
{
	struct simdisk *d = simdisk_new(1);
	sqlite3 *db = must_open(simdisk_os(d), STATE, true);

	(void)state;
	fill_small(db);
	must_run(db, "DELETE FROM t WHERE k = 3; VACUUM");
	assert_int_equal(number(db, "PRAGMA page_count"), 2);
	must_run(db, "PRAGMA page_size=8192");
	assert_int_not_equal(run(db, "VACUUM"), SQLITE_OK);
	assert_int_equal(number(db, "SELECT count(*) FROM t"), 2);
	vfs_close(db);
	must_verify(simdisk_os(d), STATE);
	simdisk_free(d);
}

/* With secure_delete off, SQLite never writes a page freed before commit. */
static void a_free_page_may_be_a_hole(void **state)
{
	static const uint8_t zeros[VFS_PAGE_SIZE];
	struct simdisk *d = simdisk_new(1);
	sqlite3 *db = must_open(simdisk_os(d), STATE, true);
	AUTO_BUF struct buf file = BUF_INIT;
	unsigned holes = 0;

	(void)state;
	must_run(db, "PRAGMA secure_delete=OFF");
	must_run(db, "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)");
	must_run(db, "BEGIN; INSERT INTO t VALUES (1, hex(zeroblob(20000)));"
		     "INSERT INTO t VALUES (2, hex(zeroblob(20000)));"
		     "DELETE FROM t WHERE k = 1; COMMIT");
	assert_int_equal(
		file_read(simdisk_os(d), STATE, 1 << 20, &file, NULL), 0);
	for (size_t at = 0; at < file.len; at += VFS_PAGE_SIZE)
		holes += !memcmp(file.data + at, zeros, VFS_PAGE_SIZE);
	assert_true(holes > 0);
	must_verify(simdisk_os(d), STATE);
	must_run(db, "INSERT INTO t VALUES (3, hex(zeroblob(20000)))");
	assert_int_equal(
		number(db, "SELECT length(v) FROM t WHERE k = 2"), 40000);
	must_verify(simdisk_os(d), STATE);
	vfs_close(db);
	simdisk_free(d);
}

/* ---- what is called ---- */

struct calls {
	unsigned syncs, opens;
	unsigned others; /* opens of what is not ours */
};

static void count_calls(void *ctx, const char *call, const char *path)
{
	struct calls *c = ctx;

	if (!strcmp(call, "fsync") || !strcmp(call, "fdatasync"))
		c->syncs++;
	if (strcmp(call, "open") != 0)
		return;
	c->opens++;
	if (strcmp(path, STATE) != 0 && strcmp(path, STATE "-journal") != 0 &&
		strcmp(path, "/") != 0)
		c->others++;
}

static void a_commit_takes_four_fsyncs_and_a_read_none(void **state)
{
	struct simdisk *d = simdisk_new(1);
	struct os *os = simdisk_os(d);
	sqlite3 *db = must_open(os, STATE, true);
	sqlite3 *reader = must_open(os, STATE, false);
	struct calls c = {0};

	(void)state;
	simdisk_hook(d, count_calls, &c);
	fill_small(db); /* three */
	assert_int_equal(c.syncs, 3 * 4);
	c = (struct calls){0};
	assert_int_equal(number(db, "SELECT count(*) FROM t"), 3);
	assert_int_equal(c.syncs, 0);
	assert_int_equal(c.opens, 0);
	/* Somebody else's commit: one, the first time. */
	assert_int_equal(number(reader, "SELECT count(*) FROM t"), 3);
	assert_int_equal(c.syncs, 1);
	assert_int_equal(number(reader, "SELECT max(k) FROM t"), 3);
	assert_int_equal(c.syncs, 1);
	vfs_close(reader);
	vfs_close(db);
	/* The directory once in the life of a connection that writes. */
	c.syncs = 0;
	db = must_open(os, STATE, false);
	assert_int_equal(c.syncs, 1);
	must_run(db, "DELETE FROM t WHERE k = 1");
	assert_int_equal(c.syncs, 1 + 4 + 1);
	vfs_close(db);
	simdisk_free(d);
}

static void no_temporary_file_is_ever_opened(void **state)
{
	struct simdisk *d = simdisk_new(1);
	struct calls c = {0};
	sqlite3 *db;

	(void)state;
	simdisk_hook(d, count_calls, &c);
	db = must_open(simdisk_os(d), STATE, true);
	fill_small(db);
	must_run(db, "PRAGMA cache_size=10; PRAGMA cache_spill=5");
	/* A statement journal, a sorter, a temporary index and table. */
	must_run(db, "CREATE TABLE u (k INTEGER PRIMARY KEY, v TEXT UNIQUE);"
		     "BEGIN;"
		     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
		     "SELECT i + 1 FROM n WHERE i < 5000) "
		     "INSERT INTO u SELECT i, hex(randomblob(40)) FROM n;");
	assert_int_not_equal(
		run(db, "UPDATE u SET v = CASE WHEN k < 4990 THEN v || 'x' "
			"ELSE 'same' END"),
		SQLITE_OK);
	must_run(db, "COMMIT; CREATE TEMP TABLE s AS "
		     "SELECT * FROM u ORDER BY v DESC;"
		     "CREATE INDEX temp.si ON s (v, k); CREATE INDEX ui ON "
		     "u (v, k); SAVEPOINT a; DELETE FROM u; ROLLBACK TO a;"
		     "RELEASE a; VACUUM");
	assert_int_equal(number(db, "SELECT count(*) FROM u"), 5000);
	vfs_close(db);
	assert_int_equal(c.others, 0);
	assert_int_equal(simdisk_open_files(d), 0);
	must_verify(simdisk_os(d), STATE);
	simdisk_free(d);
}

/* The journal has many parts; savepoints read some of them, in any order. */
static void a_rollback_of_a_long_transaction_restores_every_row(void **state)
{
	struct simdisk *d = simdisk_new(1);
	sqlite3 *db = must_open(simdisk_os(d), STATE, true);
	AUTO_BUF struct buf before = BUF_INIT, between = BUF_INIT,
			    after = BUF_INIT;

	(void)state;
	must_run(db, "PRAGMA cache_size=10; PRAGMA cache_spill=5;"
		     "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT);"
		     "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL "
		     "SELECT i + 1 FROM n WHERE i < 2000) "
		     "INSERT INTO t SELECT i, hex(randomblob(40)) FROM n;");
	assert_int_equal(read_all(db, &before), SQLITE_OK);
	must_run(db, "BEGIN; UPDATE t SET v = v || 'y' WHERE k % 3 = 0");
	assert_int_equal(read_all(db, &between), SQLITE_OK);
	must_run(db, "SAVEPOINT b; DELETE FROM t WHERE k % 2;"
		     "SAVEPOINT c; UPDATE t SET v = v || v; ROLLBACK TO c;"
		     "UPDATE t SET v = v || 'z' WHERE k < 900; ROLLBACK TO b");
	assert_int_equal(read_all(db, &after), SQLITE_OK);
	assert_string_equal(buf_str(&after), buf_str(&between));
	must_run(db, "UPDATE t SET v = 'none'; ROLLBACK");
	buf_clear(&after);
	assert_int_equal(read_all(db, &after), SQLITE_OK);
	assert_string_equal(buf_str(&after), buf_str(&before));
	vfs_close(db);
	must_verify(simdisk_os(d), STATE);
	simdisk_free(d);
}

/* ---- two connections ---- */

static bool sees_a_writer(sqlite3 *db)
{
	sqlite3_file *file = NULL;
	int reserved = -1;

	assert_int_equal(sqlite3_file_control(
				 db, "main", SQLITE_FCNTL_FILE_POINTER, &file),
		SQLITE_OK);
	assert_int_equal(
		file->pMethods->xCheckReservedLock(file, &reserved), SQLITE_OK);
	return reserved != 0;
}

static void connections_lock_each_other_out(struct os *os, const char *path)
{
	sqlite3 *a = must_open(os, path, true);
	sqlite3 *b = must_open(os, path, false);
	struct err err = ERR_INIT;

	fill_small(a);
	sqlite3_busy_timeout(a, 0);
	sqlite3_busy_timeout(b, 0);

	/* One writer; readers beside it see what was. */
	assert_false(sees_a_writer(a) || sees_a_writer(b));
	must_run(a, "BEGIN IMMEDIATE");
	assert_true(sees_a_writer(a) && sees_a_writer(b));
	assert_int_equal(run(b, "BEGIN IMMEDIATE"), SQLITE_BUSY);
	assert_int_equal(vfs_error(b, &err, "write"), ERR_BUSY);
	assert_non_null(strstr(err.text, path));
	must_run(a, "INSERT INTO t VALUES (4, 'four')");
	assert_int_equal(number(b, "SELECT count(*) FROM t"), 3);
	must_verify(os, path);

	/* A reader at work keeps the commit waiting, and then nobody gets in:
	 * the writer holds PENDING. */
	must_run(b, "BEGIN; SELECT count(*) FROM t");
	assert_int_equal(run(a, "COMMIT"), SQLITE_BUSY);
	must_run(b, "COMMIT");
	assert_int_equal(run(b, "SELECT * FROM t"), SQLITE_BUSY);
	must_run(a, "COMMIT");
	assert_int_equal(number(b, "SELECT count(*) FROM t"), 4);

	/* EXCLUSIVE keeps readers out. */
	must_run(a, "BEGIN EXCLUSIVE");
	assert_int_equal(run(b, "SELECT * FROM t"), SQLITE_BUSY);
	must_run(a, "ROLLBACK");

	/* A reader may become the writer, but not beside another. */
	must_run(a, "BEGIN; SELECT * FROM t; DELETE FROM t WHERE k = 1");
	must_run(b, "BEGIN; SELECT * FROM t");
	assert_int_equal(run(b, "DELETE FROM t"), SQLITE_BUSY);
	must_run(b, "ROLLBACK");
	must_run(a, "COMMIT");
	vfs_close(a);
	assert_int_equal(number(b, "SELECT count(*) FROM t"), 3);
	vfs_close(b);
	must_verify(os, path);
}

static void two_connections_lock_each_other_out(void **state)
{
	char dir[] = "/tmp/vfs-test-XXXXXX";
	struct simdisk *d = simdisk_new(1);
	AUTO_FREE char *path = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = mem_printf("%s/state.db", dir);
	connections_lock_each_other_out(os_real(), path);
	assert_int_equal(dir_remove(os_real(), dir, NULL), 0);
	connections_lock_each_other_out(simdisk_os(d), STATE);
	assert_int_equal(simdisk_open_files(d), 0);
	simdisk_free(d);
}

static void a_busy_database_is_waited_for_ten_seconds(void **state)
{
	struct simdisk *d = simdisk_new(1);
	struct os *os = simdisk_os(d);
	sqlite3 *a = must_open(os, STATE, true);
	sqlite3 *b = must_open(os, STATE, false);
	int64_t start = os->ops->mono_ns(os);
	struct err err = ERR_INIT;

	(void)state;
	must_run(a, "BEGIN EXCLUSIVE");
	assert_int_equal(run(b, "BEGIN IMMEDIATE"), SQLITE_BUSY);
	assert_true(os->ops->mono_ns(os) - start > INT64_C(9500000000));
	start = os->ops->mono_ns(os);
	assert_int_equal(vfs_verify(os, STATE, NULL, &err), ERR_BUSY);
	assert_true(os->ops->mono_ns(os) - start > INT64_C(9500000000));
	must_run(a, "COMMIT");
	vfs_close(b);
	vfs_close(a);
	simdisk_free(d);
}

/* ---- damage ---- */

/* An error, and no row that was not there; or every row. */
static bool read_is_refused(struct simdisk *d, const struct buf *truth)
{
	AUTO_BUF struct buf rows = BUF_INIT;
	struct err err = ERR_INIT;
	sqlite3 *db = NULL;
	int rc;
	int r = vfs_open(simdisk_os(d), STATE, false, &db, &err);

	if (r < 0) {
		assert_int_equal(r, ERR_CORRUPT);
		assert_non_null(strstr(err.text, STATE));
		return true;
	}
	rc = read_all(db, &rows);
	assert_true(rows.len <= truth->len);
	assert_memory_equal(rows.data, truth->data, rows.len);
	if (rc == SQLITE_OK)
		assert_int_equal(rows.len, truth->len);
	else
		assert_int_equal(vfs_error(db, &err, "read"), ERR_CORRUPT);
	vfs_close(db);
	return rc != SQLITE_OK;
}

static struct simdisk *small_disk(struct buf *truth, size_t *ret_size)
{
	struct simdisk *d = simdisk_new(1);
	struct os *os = simdisk_os(d);
	sqlite3 *db = must_open(os, STATE, true);
	struct os_stat st;

	fill_small(db);
	assert_int_equal(read_all(db, truth), SQLITE_OK);
	vfs_close(db);
	assert_int_equal(os->ops->stat(os, STATE, &st), 0);
	*ret_size = (size_t)st.size;
	return d;
}

/* Each bit is found; of each byte one is read, too. */
static void every_flipped_bit_is_found_and_never_read(void **state)
{
	AUTO_BUF struct buf truth = BUF_INIT;
	size_t size;
	struct simdisk *d = small_disk(&truth, &size);

	(void)state;
	assert_int_equal(size, 4 * VFS_PAGE_SIZE);
	for (size_t bit = 0; bit < 8 * size; bit++) {
		size_t at = bit / 8;
		uint8_t xor = (uint8_t)(1u << bit % 8);
		struct err err = ERR_INIT;

		simdisk_damage(d, STATE, at, xor);
		assert_int_equal(vfs_verify(simdisk_os(d), STATE, NULL, &err),
			ERR_CORRUPT);
		if (bit % 8 == at % 8)
			assert_true(read_is_refused(d, &truth));
		simdisk_damage(d, STATE, at, xor);
	}
	assert_false(read_is_refused(d, &truth));
	simdisk_free(d);
}

static void the_error_names_the_file_and_the_page(void **state)
{
	AUTO_BUF struct buf truth = BUF_INIT, rows = BUF_INIT;
	size_t size;
	struct simdisk *d = small_disk(&truth, &size);
	struct err err = ERR_INIT;
	sqlite3 *db;

	(void)state;
	simdisk_damage(d, STATE, 2 * VFS_PAGE_SIZE + 77, 1);
	simdisk_damage(d, STATE, 3 * VFS_PAGE_SIZE + 99, 1);
	assert_int_equal(
		vfs_verify(simdisk_os(d), STATE, NULL, &err), ERR_CORRUPT);
	assert_string_equal(err.text,
		"verify: " STATE ": page 3: checksum does not match (2 of "
		"4 pages are bad)");
	db = must_open(simdisk_os(d), STATE, false);
	assert_int_equal(read_all(db, &rows), SQLITE_IOERR_DATA);
	assert_int_equal(vfs_error(db, &err, "read t"), ERR_CORRUPT);
	assert_string_equal(
		err.text, "read t: " STATE ": page 3: checksum does not match");
	vfs_close(db);
	simdisk_free(d);
}

static void a_page_at_another_pages_place_is_found(void **state)
{
	AUTO_BUF struct buf truth = BUF_INIT, file = BUF_INIT;
	size_t size;
	struct simdisk *d = small_disk(&truth, &size);

	(void)state;
	assert_int_equal(file_read(simdisk_os(d), STATE, size, &file, NULL), 0);
	memcpy(file.data + 3 * VFS_PAGE_SIZE, file.data + 2 * VFS_PAGE_SIZE,
		VFS_PAGE_SIZE);
	simdisk_put(d, STATE, file.data, file.len);
	assert_int_equal(
		vfs_verify(simdisk_os(d), STATE, NULL, NULL), ERR_CORRUPT);
	assert_true(read_is_refused(d, &truth));
	simdisk_free(d);
}

static void every_truncation_is_found(void **state)
{
	AUTO_BUF struct buf truth = BUF_INIT, file = BUF_INIT;
	size_t size;
	struct simdisk *d = small_disk(&truth, &size);

	(void)state;
	assert_int_equal(file_read(simdisk_os(d), STATE, size, &file, NULL), 0);
	for (size_t len = 0; len < size; len++) {
		simdisk_put(d, STATE, file.data, len);
		assert_int_equal(vfs_verify(simdisk_os(d), STATE, NULL, NULL),
			ERR_CORRUPT);
		if (len % 64 == 0 || len + 1 == size)
			assert_true(read_is_refused(d, &truth));
	}
	simdisk_free(d);
}

static void check_foreign(const char *path, const char *sql)
{
	struct err err = ERR_INIT;
	sqlite3 *db = NULL;

	unlink(path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	must_run(db, sql);
	sqlite3_close(db);
	db = NULL;
	for (int create = 0; create < 2; create++) {
		assert_int_equal(
			vfs_open(os_real(), path, create != 0, &db, &err),
			ERR_CORRUPT);
		assert_non_null(strstr(err.text, "not made by Packetboat"));
		assert_null(db);
	}
}

static void another_programs_database_is_refused(void **state)
{
	char dir[] = "/tmp/vfs-test-XXXXXX";
	AUTO_FREE char *path = NULL;
	struct err err = ERR_INIT;
	sqlite3 *db = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = mem_printf("%s/state.db", dir);
	check_foreign(path, "CREATE TABLE t (k)");
	check_foreign(path, "PRAGMA page_size=8192; CREATE TABLE t (k)");
	check_foreign(path, "PRAGMA page_size=512; CREATE TABLE t (k)");
	check_foreign(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (k)");
	unlink(path);
	assert_int_equal(
		file_replace(os_real(), path, "Dear diary", 10, 0600, NULL), 0);
	assert_int_equal(
		vfs_open(os_real(), path, true, &db, &err), ERR_CORRUPT);
	assert_int_equal(dir_remove(os_real(), dir, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_database_is_there_after_reopening),
		cmocka_unit_test(
			a_made_database_survives_a_power_cut_before_its_first_use),
		cmocka_unit_test(what_is_not_there_is_absent),
		cmocka_unit_test(a_path_is_never_a_uri_or_in_memory),
		cmocka_unit_test(every_setting_named_in_the_header_is_in_force),
		cmocka_unit_test(
			a_vacuum_keeps_the_checksums_and_another_page_size_is_refused),
		cmocka_unit_test(a_free_page_may_be_a_hole),
		cmocka_unit_test(a_commit_takes_four_fsyncs_and_a_read_none),
		cmocka_unit_test(no_temporary_file_is_ever_opened),
		cmocka_unit_test(
			a_rollback_of_a_long_transaction_restores_every_row),
		cmocka_unit_test(two_connections_lock_each_other_out),
		cmocka_unit_test(a_busy_database_is_waited_for_ten_seconds),
		cmocka_unit_test(every_flipped_bit_is_found_and_never_read),
		cmocka_unit_test(the_error_names_the_file_and_the_page),
		cmocka_unit_test(a_page_at_another_pages_place_is_found),
		cmocka_unit_test(every_truncation_is_found),
		cmocka_unit_test(another_programs_database_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
