/*
 * The VFS when the power fails, the process dies or the disk refuses, at each
 * file-changing call of a run of transactions.
 *
 * Step i of the run is one transaction; its outcome depends on the steps
 * before it alone, so that a digest of all rows after every step is known
 * beforehand. Whatever happens, what is found afterwards is the state after
 * the last step whose COMMIT returned OK, or after the one in flight.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "hash.h"
#include "mem.h"
#include "os.h"
#include "simdisk.h"
#include "vfs.h"

#define STATE "/state.db"
#define JOURNAL STATE "-journal"
#define STEPS 5
#define CALLS_MAX 1000

struct truth {
	uint64_t digest[STEPS + 1]; /* after each step */
	uint64_t calls;		    /* of the whole run */
	uint64_t third;		    /* up to the end of step 3 */
	bool is_sync[CALLS_MAX];    /* the n-th call is an fsync */
};

/* ---- the run ---- */

/*
 * Step 3 has more pages than the cache, so that some are written before the
 * commit; its deleted rows leave free pages, which step 4 takes.
 */
static int step_sql(sqlite3 *db, int step)
{
	AUTO_FREE char *sql = mem_printf(
		"BEGIN IMMEDIATE;"
		"CREATE TABLE IF NOT EXISTS t (k INTEGER PRIMARY KEY, v);"
		"CREATE TABLE IF NOT EXISTS done (n INTEGER);"
		"DELETE FROM t WHERE k %% 3 = %d;"
		"UPDATE t SET v = v || '%d' WHERE k %% 2 = %d;"
		"WITH RECURSIVE n (i) AS "
		"(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
		"INSERT INTO t SELECT %d + i, "
		"substr(hex(zeroblob(3000)), 1, i * %d %% 6000) || i FROM n;"
		"DELETE FROM done; INSERT INTO done VALUES (%d);"
		"COMMIT",
		step % 3, step, step % 2, step == 3 ? 10 : 2, 100 * step,
		1900 * step + 1, step);

	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int64_t number(sqlite3 *db, const char *sql, int64_t otherwise)
{
	sqlite3_stmt *st = NULL;
	int64_t n = otherwise;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		return otherwise;
	if (sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* The step the database is at: 0 before the first. */
static int step_of(sqlite3 *db)
{
	return (int)number(db, "SELECT n FROM done", 0);
}

static uint64_t digest_of(sqlite3 *db)
{
	AUTO_BUF struct buf rows = BUF_INIT;
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(db, "SELECT k, v FROM t ORDER BY k", -1, &st,
		    NULL) != SQLITE_OK)
		return 0;
	while (sqlite3_step(st) == SQLITE_ROW) {
		buf_printf(
			&rows, "%lld=", (long long)sqlite3_column_int64(st, 0));
		buf_add_str(&rows, (const char *)sqlite3_column_text(st, 1));
	}
	assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
	return hash_check(rows.data, rows.len, 0);
}

/* Few pages in memory: some are written before the commit (spilled). */
static int open_small(struct os *os, sqlite3 **ret)
{
	int r = vfs_open(os, STATE, true, ret, NULL);

	if (r == 0)
		sqlite3_exec(*ret, "PRAGMA cache_size=10", NULL, NULL, NULL);
	return r;
}

/*
 * Open and go on to the last step or the first failure. Returns the last step
 * that said OK, -1 if not even opening did; *ret_db is closed by the caller.
 */
static int go_on(struct os *os, sqlite3 **ret_db)
{
	int step;

	*ret_db = NULL;
	if (open_small(os, ret_db) < 0)
		return -1;
	step = step_of(*ret_db);
	while (step < STEPS && step_sql(*ret_db, step + 1) == SQLITE_OK)
		step++;
	return step;
}

static void must_be_whole(struct os *os, sqlite3 *db)
{
	struct err err = ERR_INIT;

	assert_int_equal(number(db,
				 "SELECT count(*) FROM pragma_integrity_check "
				 "WHERE integrity_check = 'ok'",
				 0),
		1);
	if (vfs_verify(os, STATE, NULL, &err) != 0)
		fail_msg("%s", err.text);
}

/* Opens after whatever happened; returns the step found. */
static int look(struct os *os, const struct truth *truth, int done)
{
	struct err err = ERR_INIT;
	sqlite3 *db = NULL;
	int step;

	if (vfs_open(os, STATE, done < 0, &db, &err) != 0)
		fail_msg("done %d: %s", done, err.text);
	step = step_of(db);
	assert_in_range(step, done < 0 ? 0 : done, done < 0 ? 0 : done + 1);
	assert_int_equal(digest_of(db), truth->digest[step]);
	must_be_whole(os, db);
	vfs_close(db);
	return step;
}

/* Looks, goes on to the end, and has it after a last power cut. */
static void look_and_finish(
	struct simdisk *d, const struct truth *truth, int done)
{
	sqlite3 *db;

	look(simdisk_os(d), truth, done);
	assert_int_equal(go_on(simdisk_os(d), &db), STEPS);
	vfs_close(db);
	simdisk_power_cut_mode(d, SIMDISK_ALL_LOST, 1);
	assert_int_equal(look(simdisk_os(d), truth, STEPS), STEPS);
	assert_int_equal(simdisk_open_files(d), 0);
}

struct watch {
	struct simdisk *d;
	struct truth *truth;
};

static void note_sync(void *ctx, const char *call, const char *path)
{
	struct watch *w = ctx;
	uint64_t n = simdisk_calls(w->d) + 1;

	(void)path;
	assert_true(n < CALLS_MAX);
	if (!strcmp(call, "fsync") || !strcmp(call, "fdatasync"))
		w->truth->is_sync[n] = true;
}

static int find_truth(void **state)
{
	struct truth *truth = mem_alloc(sizeof(*truth));
	struct simdisk *d = simdisk_new(1);
	struct watch watch = {d, truth};
	unsigned syncs = 0;
	sqlite3 *db = NULL;

	simdisk_hook(d, note_sync, &watch);
	assert_int_equal(open_small(simdisk_os(d), &db), 0);
	for (int i = 1; i <= STEPS; i++) {
		assert_int_equal(step_sql(db, i), SQLITE_OK);
		if (i == 3)
			truth->third = simdisk_calls(d);
		truth->digest[i] = digest_of(db);
		assert_int_not_equal(truth->digest[i], truth->digest[i - 1]);
	}
	/* The cache was too small once, or there would be four a commit. */
	for (size_t n = 0; n < CALLS_MAX; n++)
		syncs += truth->is_sync[n];
	assert_true(syncs > 4 * (STEPS + 1) + 1);
	must_be_whole(simdisk_os(d), db);
	vfs_close(db);
	truth->calls = simdisk_calls(d);
	simdisk_free(d);
	*state = truth;
	return 0;
}

static int drop_truth(void **state)
{
	free(*state);
	return 0;
}

/* ---- power cuts ---- */

static const enum simdisk_cut cuts[] = {
	SIMDISK_ALL_LOST, SIMDISK_ALL_KEPT, SIMDISK_RANDOM, SIMDISK_ORDERED};

#define CUTS (sizeof(cuts) / sizeof(cuts[0]))

/* A disk on which the run stopped dead at its n-th call. */
static struct simdisk *stopped_at(uint64_t n, int *ret_done)
{
	struct simdisk *d = simdisk_new(n);
	sqlite3 *db;

	simdisk_stop_at(d, n);
	*ret_done = go_on(simdisk_os(d), &db);
	assert_true(simdisk_stopped(d));
	vfs_close(db);
	return d;
}

static void a_power_cut_at_any_call_loses_no_committed_transaction(void **state)
{
	const struct truth *truth = *state;

	assert_true(truth->calls > 100);
	for (uint64_t n = 1; n <= truth->calls; n++) {
		int done;
		struct simdisk *d = stopped_at(n, &done);

		for (size_t i = 0; i < CUTS; i++) {
			struct simdisk *after = simdisk_clone(d);

			simdisk_power_cut_mode(after, cuts[i], n);
			if (n % 8 == i)
				look_and_finish(after, truth, done);
			else
				look(simdisk_os(after), truth, done);
			simdisk_free(after);
		}
		simdisk_free(d);
	}
}

static void a_kill_at_any_call_loses_no_committed_transaction(void **state)
{
	const struct truth *truth = *state;

	for (uint64_t n = 1; n <= truth->calls; n++) {
		int done;
		struct simdisk *d = stopped_at(n, &done);

		simdisk_kill(d);
		look_and_finish(d, truth, done);
		simdisk_free(d);
	}
}

/* It is never needed, so it is not rolled back: it just lies there. */
static void what_a_killed_writer_left_unneeded_disturbs_no_commit(void **state)
{
	(void)state;
	for (int pages = 1; pages <= 6; pages++) {
		struct simdisk *d = simdisk_new(1);
		struct os *os = simdisk_os(d);
		sqlite3 *db;

		assert_int_equal(vfs_open(os, STATE, true, &db, NULL), 0);
		for (int i = 1; i <= STEPS; i++)
			assert_int_equal(step_sql(db, i), SQLITE_OK);
		assert_int_equal(
			sqlite3_exec(db, "BEGIN IMMEDIATE; DELETE FROM t", NULL,
				NULL, NULL),
			SQLITE_OK);
		simdisk_stop_at(d, 1); /* no rollback of its own */
		vfs_close(db);
		simdisk_kill(d);
		assert_int_equal(vfs_open(os, STATE, false, &db, NULL), 0);
		AUTO_FREE char *sql =
			mem_printf("BEGIN IMMEDIATE;"
				   "UPDATE t SET v = v || 'x' WHERE k IN "
				   "(SELECT k FROM t LIMIT %d); COMMIT",
				pages);
		assert_int_equal(
			sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
		must_be_whole(os, db);
		vfs_close(db);
		simdisk_free(d);
	}
}

/* Cut, then cut again at every call of the opening that rolls back. */
static void cut_during_recovery(const struct simdisk *cut,
	const struct truth *truth, int done, uint64_t seed)
{
	for (uint64_t m = 1;; m++) {
		struct simdisk *d = simdisk_clone(cut);
		sqlite3 *db = NULL;
		bool stopped;

		simdisk_stop_at(d, m);
		vfs_open(simdisk_os(d), STATE, true, &db, NULL);
		vfs_close(db);
		stopped = simdisk_stopped(d);
		simdisk_power_cut(d, seed + m);
		look(simdisk_os(d), truth, done);
		simdisk_free(d);
		if (!stopped)
			return;
	}
}

static void a_power_cut_during_a_rollback_is_rolled_back_again(void **state)
{
	const struct truth *truth = *state;

	for (uint64_t n = 1; n <= truth->calls; n += 3) {
		int done;
		struct simdisk *d = stopped_at(n, &done);

		simdisk_power_cut(d, n);
		cut_during_recovery(d, truth, done, n);
		simdisk_free(d);
	}
}

/* What a second connection has read is never taken back. */
static void what_a_reader_saw_survives_kill_and_power_cut(void **state)
{
	const struct truth *truth = *state;

	for (uint64_t n = 1; n <= truth->calls; n++) {
		int done, seen;
		struct simdisk *d = stopped_at(n, &done);

		simdisk_kill(d);
		seen = look(simdisk_os(d), truth, done);
		simdisk_power_cut_mode(d, SIMDISK_ALL_LOST, n);
		assert_int_equal(look(simdisk_os(d), truth, seen), seen);
		simdisk_free(d);
	}
}

/* ---- a disk that refuses ---- */

enum fault { FAULT_EIO, FAULT_NOSPC, FAULT_SHORT };

static void plan(struct simdisk *d, enum fault fault, uint64_t n)
{
	if (fault == FAULT_SHORT)
		simdisk_short_at(d, n);
	else
		simdisk_fail_at(d, n, fault == FAULT_EIO ? EIO : ENOSPC);
}

/* The run with one fault; on an error closes, and returns the last good. */
static int run_with_fault(struct simdisk *d, enum fault fault, uint64_t n)
{
	sqlite3 *db;
	int done;

	plan(d, fault, n);
	done = go_on(simdisk_os(d), &db);
	assert_true(simdisk_fired(d));
	if (done == STEPS)
		must_be_whole(simdisk_os(d), db);
	vfs_close(db);
	return done;
}

static void every_refusal_is_reported_and_reopening_goes_on(void **state)
{
	const struct truth *truth = *state;

	for (uint64_t n = 1; n <= truth->calls; n++) {
		for (int fault = FAULT_EIO; fault <= FAULT_SHORT; fault++) {
			struct simdisk *d = simdisk_new(n);
			int done = run_with_fault(d, (enum fault)fault, n);

			if (fault == FAULT_SHORT)
				assert_int_equal(done, STEPS);
			else
				assert_true(done < STEPS);
			if (n % 3 == (uint64_t)fault)
				look_and_finish(d, truth, done);
			else
				look(simdisk_os(d), truth, done);
			simdisk_free(d);
		}
	}
}

/* One step more by a new connection, where there is one. */
static int one_step_more(struct os *os, int step)
{
	sqlite3 *db = NULL;

	if (step == STEPS)
		return step;
	assert_int_equal(open_small(os, &db), 0);
	assert_int_equal(step_sql(db, step + 1), SQLITE_OK);
	vfs_close(db);
	return step + 1;
}

static void fail_fsync(const struct truth *truth, uint64_t n)
{
	struct simdisk *d = simdisk_new(n);
	int done = run_with_fault(d, FAULT_EIO, n);

	for (size_t i = 0; i < 2 * CUTS; i++) {
		struct simdisk *after = simdisk_clone(d);
		int step;

		simdisk_power_cut_mode(after, cuts[i % CUTS], i);
		look_and_finish(after, truth, done);
		simdisk_free(after);

		after = simdisk_clone(d);
		step = look(simdisk_os(after), truth, done);
		step = one_step_more(simdisk_os(after), step);
		simdisk_power_cut_mode(after, cuts[i % CUTS], i);
		look_and_finish(after, truth, step);
		simdisk_free(after);
	}
	simdisk_free(d);
}

/*
 * After a failed fsync the next one says OK with the data lost: a power cut
 * right after the failure, and one after a later step, show whether anybody
 * believed it.
 */
static void a_failed_fsync_never_loses_a_committed_transaction(void **state)
{
	const struct truth *truth = *state;

	for (uint64_t n = 1; n <= truth->calls; n++) {
		if (truth->is_sync[n])
			fail_fsync(truth, n);
	}
}

/* Neither reading nor writing, nor changing a file by rollback or close. */
static void a_connection_whose_fsync_failed_does_nothing_more(void **state)
{
	const struct truth *truth = *state;

	for (uint64_t n = 1; n <= truth->calls; n++) {
		struct simdisk *d;
		struct err err = ERR_INIT;
		sqlite3 *db = NULL;

		if (!truth->is_sync[n])
			continue;
		d = simdisk_new(n);
		simdisk_fail_at(d, n, EIO);
		if (go_on(simdisk_os(d), &db) >= 0) {
			uint64_t before = simdisk_calls(d);

			assert_int_not_equal(step_sql(db, STEPS), SQLITE_OK);
			assert_int_not_equal(sqlite3_exec(db, "SELECT * FROM t",
						     NULL, NULL, NULL),
				SQLITE_OK);
			assert_int_equal(vfs_error(db, &err, "read"), ERR_IO);
			assert_int_equal(err.os_errno, EIO);
			vfs_close(db);
			assert_int_equal(simdisk_calls(d), before);
		}
		simdisk_free(d);
	}
}

static void another_connection_goes_on_where_one_has_failed(void **state)
{
	const struct truth *truth = *state;

	for (uint64_t n = 1; n <= truth->calls; n++) {
		struct simdisk *d = simdisk_new(n);
		struct os *os = simdisk_os(d);
		sqlite3 *failed, *db;
		int done;

		simdisk_fail_at(d, n, EIO);
		done = go_on(os, &failed);
		look(os, truth, done);
		assert_int_equal(go_on(os, &db), STEPS);
		assert_int_equal(digest_of(db), truth->digest[STEPS]);
		vfs_close(db);
		vfs_close(failed);
		assert_int_equal(simdisk_open_files(d), 0);
		simdisk_free(d);
	}
}

/* ---- the journal ---- */

/* An error, or the state before or after the step in flight. */
static bool opens_whole(struct simdisk *d, const struct truth *truth, int done)
{
	struct err err = ERR_INIT;
	sqlite3 *db = NULL;
	int step;

	if (vfs_open(simdisk_os(d), STATE, false, &db, &err) < 0) {
		assert_int_equal(err.code, ERR_CORRUPT);
		assert_non_null(strstr(err.text, STATE));
		return false;
	}
	step = step_of(db);
	assert_in_range(step, done, done + 1);
	assert_int_equal(digest_of(db), truth->digest[step]);
	vfs_close(db);
	return true;
}

/* Headers, the small pieces of records; of images a sample. */
static bool worth_flipping(int64_t at)
{
	int64_t in_sector = at % VFS_PAGE_SIZE;
	int64_t in_record = (at - VFS_PAGE_SIZE) % (VFS_PAGE_SIZE + 8);

	return (in_sector < 40 && at % 5 == 0) || at < 40 || in_record < 5 ||
	       in_record >= VFS_PAGE_SIZE + 3 || at % 1009 == 0;
}

static unsigned flip_journal(
	const struct simdisk *d, const struct truth *truth, int done)
{
	struct simdisk *whole = simdisk_clone(d);
	unsigned refused = 0;
	struct os_stat st = {0};

	simdisk_os(whole)->ops->stat(simdisk_os(whole), JOURNAL, &st);
	for (int64_t at = 0; at < st.size; at++) {
		struct simdisk *bad;

		if (!worth_flipping(at))
			continue;
		bad = simdisk_clone(d);
		simdisk_damage(bad, JOURNAL, (size_t)at, 0xd9);
		refused += !opens_whole(bad, truth, done);
		simdisk_free(bad);
	}
	simdisk_free(whole);
	return refused;
}

static struct simdisk *left_by_crash(uint64_t n, int *ret_done)
{
	struct simdisk *d = stopped_at(n, ret_done);

	simdisk_power_cut_mode(d, SIMDISK_ALL_KEPT, 1);
	return d;
}

/* Before the last fsync of the database, in step 3, which has several parts,
 * and in the last. */
static void no_flipped_byte_in_a_journal_gives_wrong_rows(void **state)
{
	const struct truth *truth = *state;
	uint64_t ends[] = {truth->third, truth->calls};

	for (size_t i = 0; i < 2; i++) {
		int done;
		struct simdisk *d = left_by_crash(ends[i] - 3, &done);

		assert_true(flip_journal(d, truth, done) > 50);
		simdisk_free(d);
	}
}

static void every_cut_inside_a_part_of_a_needed_journal_is_found(void **state)
{
	const struct truth *truth = *state;
	int done;
	struct simdisk *d = left_by_crash(truth->calls - 3, &done);
	AUTO_BUF struct buf journal = BUF_INIT;
	size_t part;

	assert_int_equal(
		file_read(simdisk_os(d), JOURNAL, 1 << 20, &journal, NULL), 0);
	part = VFS_PAGE_SIZE + (VFS_PAGE_SIZE + 8) * (size_t)journal.data[11];
	assert_in_range(part, 2 * VFS_PAGE_SIZE, journal.len);
	for (size_t len = 1; len < part; len += len % 97 + 1) {
		struct simdisk *bad = simdisk_clone(d);

		simdisk_put(bad, JOURNAL, journal.data, len);
		assert_false(opens_whole(bad, truth, done));
		simdisk_free(bad);
	}
	simdisk_free(d);
}

/* The last transaction's disk when its journal is finished and nothing of it
 * is in the database; the journal's bytes. */
static struct simdisk *before_the_database(
	const struct truth *truth, struct buf *ret, int *ret_done)
{
	for (uint64_t n = truth->calls - 1;; n--) {
		struct simdisk *d = left_by_crash(n, ret_done);
		struct simdisk *later = left_by_crash(n + 1, ret_done);
		AUTO_BUF struct buf after = BUF_INIT;

		buf_clear(ret);
		file_read(simdisk_os(d), JOURNAL, 1 << 20, ret, NULL);
		file_read(simdisk_os(later), JOURNAL, 1 << 20, &after, NULL);
		simdisk_free(d);
		/* The stopped write may have left a part: count and check. */
		if (ret->len && !ret->data[11] && after.data[11] &&
			after.data[35]) {
			buf_clear(ret);
			buf_add(ret, after.data, after.len);
			return later;
		}
		simdisk_free(later);
	}
}

static void a_header_cut_short_is_no_damage(void **state)
{
	const struct truth *truth = *state;
	AUTO_BUF struct buf journal = BUF_INIT;
	int done;
	struct simdisk *d = before_the_database(truth, &journal, &done);

	for (size_t len = 0; len < 36; len++) {
		struct simdisk *cut = simdisk_clone(d);
		AUTO_BUF struct buf bytes = BUF_INIT;

		buf_add(&bytes, journal.data, journal.len);
		for (size_t i = len; i < 36; i++)
			if (i < 12 || i >= 28)
				bytes.data[i] = 0;
		/* No record counts: what looks like a header is none. */
		if (len < 12)
			memset(bytes.data + VFS_PAGE_SIZE, 0xff, 64);
		simdisk_put(cut, JOURNAL, bytes.data, bytes.len);
		assert_true(opens_whole(cut, truth, done));
		simdisk_free(cut);
	}
	simdisk_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_power_cut_at_any_call_loses_no_committed_transaction),
		cmocka_unit_test(
			a_kill_at_any_call_loses_no_committed_transaction),
		cmocka_unit_test(
			what_a_killed_writer_left_unneeded_disturbs_no_commit),
		cmocka_unit_test(
			a_power_cut_during_a_rollback_is_rolled_back_again),
		cmocka_unit_test(what_a_reader_saw_survives_kill_and_power_cut),
		cmocka_unit_test(
			every_refusal_is_reported_and_reopening_goes_on),
		cmocka_unit_test(
			a_failed_fsync_never_loses_a_committed_transaction),
		cmocka_unit_test(
			a_connection_whose_fsync_failed_does_nothing_more),
		cmocka_unit_test(
			another_connection_goes_on_where_one_has_failed),
		cmocka_unit_test(no_flipped_byte_in_a_journal_gives_wrong_rows),
		cmocka_unit_test(a_header_cut_short_is_no_damage),
		cmocka_unit_test(
			every_cut_inside_a_part_of_a_needed_journal_is_found),
	};

	return cmocka_run_group_tests(tests, find_truth, drop_truth);
}
