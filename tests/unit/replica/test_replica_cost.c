/*
 * What the state costs, in pages that are read of its file and in steps that
 * SQLite takes: writing out a hundred changes the same whatever the folder
 * holds, and what concerns every message of a folder the same for each.
 *
 *     test_replica_cost [MESSAGES...]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "change.h"
#include "err.h"
#include "replica.h"
#include "simdisk.h"
#include "stated.h"

#define ORIGIN 1u
#define CHANGES 100

static const char *const default_sizes[] = {"1000", "10000", "100000"};
static const char *const *sizes = default_sizes;
static size_t size_count = 3;
static struct err err;

static void must(int rc)
{
	if (rc < 0)
		fail_msg("%s", err.text);
}

static void count_read(void *ctx, const char *call, const char *path)
{
	uint64_t *reads = ctx;

	(void)path;
	*reads += strcmp(call, "pread") == 0;
}

/* ---- a folder ---- */

static struct log_id inbox_log(void)
{
	return (struct log_id){ORIGIN, 7, ID_INBOX};
}

/* Born there, lsn 1 to count, as one import would have them. */
static void fill(struct replica *r, unsigned long count)
{
	struct log_id id = inbox_log();
	struct replica_log log;
	char *text;

	must(replica_begin(r, &err));
	must(replica_log_get(r, &id, true, &log, &err));
	struct change c = {.kind = CHANGE_FOLDER,
		.by = {1, {ORIGIN, 7, ID_ACCOUNT}, 1},
		.folder = ID_INBOX,
		.path = "INBOX",
		.base = "",
		.extra = "",
		.reason = "",
		.add = {"", ""},
		.del = {"", ""}};
	must(replica_apply(r, &c, &err));
	text = sqlite3_mprintf(
		"WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1"
		" FROM n WHERE i < %lu) INSERT INTO message(id, folder,"
		" place_stamp, place_log, place_lsn, birth_folder, birth_base,"
		" base, size, mtime, hash, extra_stamp, extra_log, extra_lsn,"
		" guid_stamp, guid_log, guid_lsn, letters, uid, uid_stamp, "
		"uid_log, uid_lsn, p_folder, p_base,"
		" p_letters, p_uid, p_ino) SELECT i, 1, 5, %lld, i, 1, b, b, 8,"
		" 1700000000, randomblob(20), 5, %lld, i, 5, %lld, i, 'S', i, "
		"5, %lld, i,"
		" 1, b, 'S', i, i FROM (SELECT i, printf('1700%%06d.M%%dP1.vm'"
		", i, i) AS b FROM n);"
		"INSERT INTO dot(log, lsn, message) SELECT %lld, id, id"
		" FROM message",
		count, (long long)log.id, (long long)log.id, (long long)log.id,
		(long long)log.id, (long long)log.id);
	assert_int_equal(
		sqlite3_exec(replica_db(r), text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_free(text);
	log.known.lsn = count;
	must(replica_log_set(r, &log, &err));
	must(replica_commit(r, &err));
}

/* A hundred changes all over the folder, of every kind. */
static void change(struct replica *r, unsigned long count)
{
	struct log_id id = inbox_log();
	struct replica_log log;

	must(replica_begin(r, &err));
	must(replica_log_get(r, &id, false, &log, &err));
	for (uint64_t i = 0; i < CHANGES; i++) {
		struct change c = {.kind = CHANGE_FLAGS,
			.by = {STAMP_OF(1800000000000 + i, 0), id,
				count + 1 + i},
			.dot = {id, 1 + i * (count / CHANGES)},
			.base = "new",
			.extra = "Gx",
			.path = "",
			.reason = "",
			.add = {"F", ""},
			.del = {"", ""}};
		static const enum change_kind kinds[] = {CHANGE_FLAGS,
			CHANGE_EXPUNGE, CHANGE_UID, CHANGE_EXTRA, CHANGE_MOVE,
			CHANGE_SAVE};

		c.kind = kinds[i % 6];
		c.uid = (uint32_t)(count + 1 + i);
		if (c.kind == CHANGE_SAVE)
			c.dot.lsn = c.by.lsn;
		c.hash.b[0] = (uint8_t)i;
		must(replica_apply(r, &c, &err));
	}
	log.known.lsn = count + CHANGES;
	must(replica_log_set(r, &log, &err));
	must(replica_commit(r, &err));
}

struct cost {
	uint64_t reads; /* of pages of the state */
	uint64_t steps; /* of SQLite's machine */
};

static uint64_t steps_of(sqlite3 *db)
{
	uint64_t sum = 0;

	for (sqlite3_stmt *st = NULL; (st = sqlite3_next_stmt(db, st));)
		sum += (uint64_t)sqlite3_stmt_status(
			st, SQLITE_STMTSTATUS_VM_STEP, 0);
	return sum;
}

static struct cost measure(unsigned long count)
{
	struct simdisk *disk = simdisk_new(1);
	struct change_batch batch = {0};
	struct log_id id = inbox_log();
	struct os *os = simdisk_os(disk);
	struct cost cost = {0};
	struct replica *r;
	uint64_t upto;

	must(replica_open(os, "/state.db", "a", ORIGIN, true, &r, &err));
	fill(r, count);
	change(r, count);
	replica_close(r);
	must(replica_open(os, "/state.db", "a", ORIGIN, false, &r, &err));
	simdisk_hook(disk, count_read, &cost.reads);
	must(replica_write_out(
		r, &id, count, count + CHANGES, &batch, &upto, &err));
	simdisk_hook(disk, NULL, NULL);
	cost.steps = steps_of(replica_db(r));
	assert_int_equal(upto, count + CHANGES);
	assert_int_equal(batch.count, CHANGES);
	for (size_t i = 0; i < batch.count; i++)
		assert_int_equal(batch.items[i].by.lsn, count + 1 + i);
	change_batch_free(&batch);
	replica_close(r);
	simdisk_free(disk);
	return cost;
}

static void a_hundred_changes_cost_the_same_in_any_folder(void **state)
{
	struct cost first = {0};

	(void)state;
	for (size_t i = 0; i < size_count; i++) {
		unsigned long count = strtoul(sizes[i], NULL, 10);
		struct cost c = measure(count);

		print_message("%lu messages: %llu pages read, %llu steps\n",
			count, (unsigned long long)c.reads,
			(unsigned long long)c.steps);
		if (!i)
			first = c;
		/* In a large folder each message's row, dot and flags lie in
		   pages of their own, and the way to them is longer. */
		assert_true(c.reads <= (uint64_t)CHANGES * 3);
		assert_true(c.steps <= first.steps + first.steps / 100);
		assert_true(c.steps <= (uint64_t)CHANGES * 100);
	}
}

static void a_slice_ends_where_it_is_full(void **state)
{
	struct simdisk *disk = simdisk_new(1);
	struct log_id id = inbox_log();
	struct replica *r;
	uint64_t after = 0, end = 10000, total = 0;
	int slices = 0;

	(void)state;
	must(replica_open(
		simdisk_os(disk), "/state.db", "a", ORIGIN, true, &r, &err));
	fill(r, end);
	while (after < end) {
		struct change_batch batch = {0};
		uint64_t upto;

		must(replica_write_out(
			r, &id, after, end, &batch, &upto, &err));
		assert_true(upto > after && upto <= end);
		assert_true(batch.count <= REPLICA_WRITE_OUT_MAX);
		assert_int_equal(batch.count, upto - after);
		assert_int_equal(batch.items[0].by.lsn, after + 1);
		total += batch.count;
		slices++;
		after = upto;
		change_batch_free(&batch);
	}
	assert_int_equal(total, end);
	assert_int_equal(slices, 3);
	replica_close(r);
	simdisk_free(disk);
}

/* ---- what concerns every message ---- */

#define OTHER 2u

static struct log_id other_log(const struct id128 *folder)
{
	return (struct log_id){OTHER, 8, *folder};
}

/* The same mail as births of another site: both were seeded from one. */
static void born_there_too(struct replica *r, unsigned long count)
{
	struct log_id id = other_log(&ID_INBOX);
	struct hash *hashes = mem_array(count, sizeof(*hashes));
	sqlite3_stmt *st;

	assert_int_equal(sqlite3_prepare_v2(replica_db(r),
				 "SELECT id, hash FROM message", -1, &st, NULL),
		SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW)
		memcpy(hashes[sqlite3_column_int64(st, 0) - 1].b,
			sqlite3_column_blob(st, 1), HASH_SIZE);
	sqlite3_finalize(st);
	for (unsigned long i = 1; i <= count; i++) {
		struct change c = change_blank(CHANGE_SAVE);
		char base[64];

		snprintf(base, sizeof(base), "1700%06lu.M%luP1.vm", i, i);
		c.by = (struct write_id){5, id, i};
		c.dot = (struct dot){id, i};
		c.base = base;
		c.size = 8;
		c.hash = hashes[i - 1];
		must(replica_apply(r, &c, &err));
	}
	free(hashes);
}

/* Twice: who is the first to claim a folder changes nothing of it. */
static void claimed_by_another(struct replica *r, unsigned long count)
{
	(void)count;
	for (uint64_t site = 1; site <= OTHER; site++) {
		struct change c = change_blank(CHANGE_AUTHORITY);

		c.by = (struct write_id){site, {site, 6 + site, ID_ACCOUNT}, 2};
		c.folder = ID_INBOX;
		c.term = site;
		c.site = site;
		must(replica_apply(r, &c, &err));
	}
}

static uint64_t steps_for_each(unsigned long count,
	void (*act)(struct replica *r, unsigned long count))
{
	struct simdisk *disk = simdisk_new(1);
	struct replica *r;

	must(replica_open(
		simdisk_os(disk), "/state.db", "a", ORIGIN, true, &r, &err));
	fill(r, count);
	if (act) {
		must(replica_begin(r, &err));
		act(r, count);
		must(replica_commit(r, &err));
	} else {
		must(stated_recount(r, 1, 1, &err));
	}
	uint64_t steps = steps_of(replica_db(r));

	replica_close(r);
	simdisk_free(disk);
	return steps / count;
}

static void assert_same_for_each(
	void (*act)(struct replica *r, unsigned long count))
{
	uint64_t few = steps_for_each(2000, act);
	uint64_t many = steps_for_each(8000, act);

	if (many > few + few / 10)
		fail_msg("%llu steps for each of 2000 messages, %llu of 8000",
			(unsigned long long)few, (unsigned long long)many);
}

static void births_that_another_site_saw_too_cost_the_same_each(void **state)
{
	(void)state;
	assert_same_for_each(born_there_too);
}

static void so_does_what_a_new_authority_makes_void(void **state)
{
	(void)state;
	assert_same_for_each(claimed_by_another);
}

static void so_does_counting_them_anew(void **state)
{
	(void)state;
	assert_same_for_each(NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hundred_changes_cost_the_same_in_any_folder),
		cmocka_unit_test(a_slice_ends_where_it_is_full),
		cmocka_unit_test(
			births_that_another_site_saw_too_cost_the_same_each),
		cmocka_unit_test(so_does_what_a_new_authority_makes_void),
		cmocka_unit_test(so_does_counting_them_anew),
	};

	if (argc > 1) {
		sizes = (const char *const *)argv + 1;
		size_count = (size_t)argc - 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
