/*
 * Which expunges of a peer wait for an operator, by when they were written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "account.h"
#include "capture.h"
#include "err.h"
#include "guarded.h"
#include "maildir.h"
#include "place.h"
#include "simdisk.h"

#define ORIGIN UINT64_C(0xa1)
#define PEER UINT64_C(0xb2)
#define NS_PER_S INT64_C(1000000000)
#define MINUTE_MS UINT64_C(60000)
#define DAY_MS (24 * 60 * MINUTE_MS)
#define BEGIN_MS UINT64_C(1795303760123)
#define MAILS 20

static struct simdisk *disk;
static struct os *os;
static struct account account;
static struct store *store;
static const struct capture_config guard = {
	.claim = true, .guard_percent = 50, .guard_least = 10};

static void done(int rc, const struct err *err)
{
	if (rc < 0)
		fail_msg("%d: %s", rc, err->text);
}

static void start(void)
{
	struct maildir_config config = {.root = "/m",
		.layout = MAILDIR_PLUSPLUS,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.dovecot = true,
		.lock_wait_ms = 500};
	struct err err = ERR_INIT;

	done(maildir_open(os, &config, true, &store, &err), &err);
	done(account_open(&account, os, "/s", "alice", ORIGIN, true, &err),
		&err);
	done(account_lock(&account, 0, &err), &err);
}

static void stop(void)
{
	store->ops->close(store);
	account_close(&account);
}

static void base_of(int i, char ret[16])
{
	snprintf(ret, 16, "%d.a", 100 + i);
}

/* A folder of mails that were looked at. */
static int setup(void **state)
{
	AUTO_BUF struct buf list = BUF_INIT;
	struct capture_result seen;
	struct err err = ERR_INIT;

	(void)state;
	disk = simdisk_new(7);
	os = simdisk_os(disk);
	buf_printf(&list, "3 V77 N%d Gad2da9355029026be138000083ecc375\n",
		MAILS + 1);
	for (int i = 0; i < MAILS; i++) {
		char base[16], path[40];

		base_of(i, base);
		snprintf(path, sizeof(path), "/m/cur/%s:2,", base);
		simdisk_put(disk, path, base, strlen(base));
		buf_printf(&list, "%d :%s\n", i + 1, base);
	}
	simdisk_put(disk, "/m/new/.x", "", 0);
	simdisk_put(disk, "/m/tmp/.x", "", 0);
	simdisk_put(disk, "/m/dovecot-uidlist", buf_str(&list), list.len);
	start();
	simdisk_pass(disk, 10 * NS_PER_S);
	done(capture_account(&account, store, &guard, &seen, &err), &err);
	assert_int_equal(seen.births, MAILS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stop();
	simdisk_free(disk);
	return 0;
}

static struct replica_message mail_there(int mail, struct arena *arena)
{
	struct replica_message m;
	struct err err = ERR_INIT;
	char base[16];

	base_of(mail, base);
	struct hash hash = hash_of(base, strlen(base));
	assert_int_equal(replica_message_with_hash(account.replica, &hash, base,
				 0, arena, &m, NULL),
		0);
	done(replica_message_dot(account.replica, &m, &err), &err);
	return m;
}

/* The peer says so, in its next change. Returns its dot. */
static struct dot said(struct change *c)
{
	struct log_id id = {PEER, 7, ID_INBOX};
	struct replica_log log;
	struct err err = ERR_INIT;

	done(replica_begin(account.replica, &err), &err);
	done(replica_log_get(account.replica, &id, true, &log, &err), &err);
	c->by.log = id;
	c->by.lsn = ++log.known.lsn;
	if (change_is_birth(c))
		c->dot = (struct dot){id, c->by.lsn};
	done(replica_apply(account.replica, c, &err), &err);
	done(replica_log_set(account.replica, &log, &err), &err);
	done(replica_commit(account.replica, &err), &err);
	return c->dot;
}

/* The peer expunged one of them. */
static void expunged(int mail, uint64_t ms)
{
	AUTO_ARENA struct arena arena = {0};
	struct change c = change_blank(CHANGE_EXPUNGE);

	c.dot = mail_there(mail, &arena).dot;
	c.by.stamp = STAMP_OF(ms, 0);
	(void)said(&c);
}

/* The peer had it, too, and shows it no more. */
static void hidden(int mail, uint64_t ms)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message m = mail_there(mail, &arena);
	struct change birth = change_blank(CHANGE_SAVE);
	struct change out = change_blank(CHANGE_OUT);

	birth.base = m.base;
	birth.hash = m.hash;
	birth.size = m.size;
	birth.mtime = m.mtime;
	out.dot = said(&birth);
	out.by.stamp = STAMP_OF(ms, 0);
	(void)said(&out);
}

/* Returns how many expunges wait. */
static uint64_t place(const struct capture_config *capture)
{
	struct place_config config = {
		.bodies_dir = "/bodies", .late_ms = -1, .capture = capture};
	struct place_result result;
	struct err err = ERR_INIT;

	done(place_account(&account, store, &config, &result, &err), &err);
	return result.guarded;
}

static int files_there(void)
{
	int count = 0;

	for (int i = 0; i < MAILS; i++) {
		struct os_stat st;
		char base[16], path[40];

		base_of(i, base);
		snprintf(path, sizeof(path), "/m/cur/%s:2,", base);
		count += os->ops->lstat(os, path, &st) == 0;
	}
	return count;
}

/* ---- tests ---- */

static void what_goes_within_an_hour_is_a_mass(void **state)
{
	(void)state;
	for (int i = 0; i < 11; i++)
		expunged(i, BEGIN_MS + (uint64_t)i * 5 * MINUTE_MS);
	assert_int_equal(place(&guard), 11);
	assert_int_equal(files_there(), MAILS);
	/* Nobody guards where there is no guard. */
	assert_int_equal(place(NULL), 0);
	assert_int_equal(files_there(), MAILS - 11);
}

static void what_went_in_the_course_of_days_is_none(void **state)
{
	(void)state;
	for (int i = 0; i < MAILS; i++)
		expunged(i, BEGIN_MS + (uint64_t)i * DAY_MS / 10);
	assert_int_equal(place(&guard), 0);
	assert_int_equal(files_there(), 0);
}

static void a_mass_among_much_else_waits_with_all_of_it(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		expunged(i, BEGIN_MS + (uint64_t)i * DAY_MS);
	for (int i = 4; i < 15; i++)
		expunged(i, BEGIN_MS + 2 * DAY_MS + (uint64_t)i);
	assert_int_equal(place(&guard), 15);
	assert_int_equal(files_there(), MAILS);
}

static void parts_of_one_hour_are_one_mass(void **state)
{
	uint64_t ms = (uint64_t)(os->ops->wall_ns(os) / 1000000);

	(void)state;
	for (int i = 0; i < 6; i++)
		expunged(i, ms + (uint64_t)i);
	assert_int_equal(place(&guard), 0);
	assert_int_equal(files_there(), MAILS - 6);
	for (int i = 6; i < 11; i++)
		expunged(i, ms + 30 * MINUTE_MS);
	assert_int_equal(place(&guard), 5);
	assert_int_equal(files_there(), MAILS - 6);
}

static void parts_of_two_hours_are_none(void **state)
{
	uint64_t ms = (uint64_t)(os->ops->wall_ns(os) / 1000000);

	(void)state;
	for (int i = 0; i < 6; i++)
		expunged(i, ms + (uint64_t)i);
	assert_int_equal(place(&guard), 0);
	for (int i = 6; i < 11; i++)
		expunged(i, ms + 90 * MINUTE_MS);
	assert_int_equal(place(&guard), 0);
	assert_int_equal(files_there(), MAILS - 11);
}

/* Beside what was expunged; where nobody says when, it was just now. */
static void what_is_shown_no_more_counts_as_expunged(void **state)
{
	uint64_t ms = (uint64_t)(os->ops->wall_ns(os) / 1000000);

	(void)state;
	for (int i = 0; i < 6; i++)
		hidden(i, ms - 3 * DAY_MS + (uint64_t)i * DAY_MS / 10);
	assert_int_equal(place(&guard), 0);
	assert_int_equal(files_there(), MAILS - 6);
	for (int i = 6; i < 11; i++)
		hidden(i, 0);
	for (int i = 11; i < 14; i++)
		expunged(i, ms);
	assert_int_equal(place(&guard), 8);
	assert_int_equal(files_there(), MAILS - 6);
}

static void it_waits_through_power_cuts_until_it_is_accepted(void **state)
{
	struct guarded *list;
	AUTO_ARENA struct arena arena = {0};
	struct err err = ERR_INIT;
	size_t count;

	(void)state;
	for (int i = 0; i < 11; i++)
		expunged(i, BEGIN_MS);
	assert_int_equal(place(&guard), 11);
	stop();
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 1);
	start();
	done(guarded_list(account.replica, &arena, &list, &count, &err), &err);
	assert_int_equal(count, 1);
	assert_int_equal(list[0].waiting, 11);
	assert_int_equal(place(&guard), 11);
	list[0].accepted = true;
	done(replica_begin(account.replica, &err), &err);
	done(guarded_set(account.replica, &list[0], &err), &err);
	done(replica_commit(account.replica, &err), &err);
	assert_int_equal(place(&guard), 0);
	assert_int_equal(files_there(), MAILS - 11);
	done(guarded_list(account.replica, &arena, &list, &count, &err), &err);
	assert_int_equal(count, 0);
}

/* It is asked before every placing, however much mail there is. */
static void what_lies_there_is_not_looked_through(void **state)
{
	sqlite3 *db = replica_db(account.replica);
	size_t asked = 0;

	(void)state;
	expunged(0, BEGIN_MS);
	assert_int_equal(place(&guard), 0);
	for (sqlite3_stmt *st = NULL; (st = sqlite3_next_stmt(db, st));) {
		if (!strstr(sqlite3_sql(st), "d.dead_stamp"))
			continue;
		asked++;
		assert_int_equal(sqlite3_stmt_status(st,
					 SQLITE_STMTSTATUS_FULLSCAN_STEP, 0),
			0);
	}
	assert_true(asked > 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_goes_within_an_hour_is_a_mass),
		T(what_went_in_the_course_of_days_is_none),
		T(a_mass_among_much_else_waits_with_all_of_it),
		T(parts_of_one_hour_are_one_mass),
		T(parts_of_two_hours_are_none),
		T(what_is_shown_no_more_counts_as_expunged),
		T(what_lies_there_is_not_looked_through),
		T(it_waits_through_power_cuts_until_it_is_accepted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
