/*
 * A transaction of the replica state in which a call fails: SQLite rolls some
 * of them back by itself, and whoever did not notice the error goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "err.h"
#include "mem.h"
#include "replica.h"
#include "simdisk.h"
#include "sql.h"

#define STATE "/state.db"
#define KEYS 40

static struct replica *open_state(struct simdisk *d)
{
	struct replica *r;
	struct err err = ERR_INIT;

	if (replica_open(simdisk_os(d), STATE, "alice", 7, true, &r, &err) < 0)
		fail_msg("%s", err.text);
	return r;
}

/* Without looking at a single error before the commit's. */
static int write_all(struct replica *r, int64_t value, struct err *err)
{
	if (replica_begin(r, err) < 0)
		return -1;
	for (int i = 0; i < KEYS; i++) {
		AUTO_FREE char *key = mem_printf("key %d %04000d", i, i);

		replica_meta_set(r, key, value, NULL);
	}
	return replica_commit(r, err);
}

static int count_of(struct replica *r, int64_t value)
{
	int count = 0;

	for (int i = 0; i < KEYS; i++) {
		AUTO_FREE char *key = mem_printf("key %d %04000d", i, i);
		int64_t found = 0;

		replica_meta_get(r, key, &found, NULL);
		count += found == value;
	}
	return count;
}

/* Small enough a cache that pages are written before the commit. */
static void a_failed_transaction_is_committed_whole_or_not_at_all(void **state)
{
	bool fired = true;

	(void)state;
	for (uint64_t n = 1; fired; n++) {
		struct simdisk *d = simdisk_new(n);
		struct replica *r = open_state(d);
		struct err err = ERR_INIT;
		int rc;

		sqlite3_exec(
			replica_db(r), "PRAGMA cache_size=5", NULL, NULL, NULL);
		assert_int_equal(write_all(r, 1, NULL), 0);
		simdisk_fail_at(d, n, n % 2 ? ENOSPC : EIO);
		rc = write_all(r, 2, &err);
		fired = simdisk_fired(d);
		simdisk_faults_clear(d);
		replica_close(r);
		r = open_state(d);
		if (rc < 0) {
			assert_int_equal(err.code, ERR_IO);
			assert_true(
				err.os_errno == ENOSPC || err.os_errno == EIO);
			assert_int_equal(count_of(r, 1) % KEYS, 0);
		} else {
			assert_int_equal(count_of(r, 2), KEYS);
		}
		replica_close(r);
		simdisk_free(d);
	}
}

/* A statement that fails by itself leaves SQLite's transaction open. */
static void nothing_is_committed_after_a_failed_statement(void **state)
{
	struct simdisk *d = simdisk_new(1);
	struct replica *r = open_state(d);
	struct err err = ERR_INIT;
	int64_t found;

	(void)state;
	assert_int_equal(replica_begin(r, &err), 0);
	assert_int_equal(replica_meta_set(r, "before", 1, &err), 0);
	assert_true(sql_run(r, &err, "INSERT INTO meta VALUES(?, 1)", "t",
			    "before") < 0);
	assert_false(sqlite3_get_autocommit(replica_db(r)));
	assert_true(replica_meta_set(r, "after", 1, &err) < 0);
	assert_int_equal(replica_commit(r, &err), ERR_CONFLICT);
	assert_int_equal(replica_meta_get(r, "before", &found, &err), 1);
	assert_int_equal(replica_meta_get(r, "after", &found, &err), 1);
	assert_int_equal(replica_begin(r, &err), 0);
	assert_int_equal(replica_meta_set(r, "after", 1, &err), 0);
	assert_int_equal(replica_commit(r, &err), 0);
	replica_close(r);
	simdisk_free(d);
}

/* Pages are written here, too, and whatever was committed is undone. */
static void what_is_rehearsed_is_seen_and_never_was(void **state)
{
	struct simdisk *d = simdisk_new(1);
	struct replica *r = open_state(d);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(write_all(r, 1, &err), 0);
	replica_close(r);
	r = open_state(d);
	assert_int_equal(replica_rehearse(r, &err), 0);
	assert_int_equal(write_all(r, 2, &err), 0);
	assert_int_equal(count_of(r, 2), KEYS);
	assert_int_equal(replica_begin(r, &err), 0);
	assert_int_equal(replica_meta_set(r, "more", 1, &err), 0);
	replica_rollback(r);
	int64_t more = 0;
	assert_int_equal(replica_meta_get(r, "more", &more, &err), 1);
	assert_int_equal(count_of(r, 2), KEYS);
	assert_int_equal(write_all(r, 3, &err), 0);
	assert_int_equal(count_of(r, 3), KEYS);
	replica_close(r);
	r = open_state(d);
	assert_int_equal(count_of(r, 1), KEYS);
	replica_close(r);
	simdisk_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_rehearsed_is_seen_and_never_was),
		cmocka_unit_test(nothing_is_committed_after_a_failed_statement),
		cmocka_unit_test(
			a_failed_transaction_is_committed_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
