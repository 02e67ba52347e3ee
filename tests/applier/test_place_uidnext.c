/*
 * UIDNEXT, when the mail server is at work between the applier's look and its
 * lock: what is not durable is not recorded, and a list that went back gives
 * out no number twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "account.h"
#include "capture.h"
#include "err.h"
#include "maildir.h"
#include "place.h"
#include "simdisk.h"

#define ORIGIN UINT64_C(0xa1)
#define PEER UINT64_C(0xb2)
#define NS_PER_S INT64_C(1000000000)
#define HEAD "3 V77 N1 Gad2da9355029026be138000083ecc375\n"
#define LIST "/m/dovecot-uidlist"
#define BODY "Subject: three\n\nThe third.\n"

static struct simdisk *disk;
static struct os *os;
static struct account account;
static struct store *store;
static struct capture_result seen;

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

static void look(void)
{
	struct capture_config config = {
		.claim = true, .guard_percent = 50, .guard_least = 100};
	struct err err = ERR_INIT;

	simdisk_pass(disk, 10 * NS_PER_S);
	done(capture_account(&account, store, &config, &seen, &err), &err);
}

static void place(void)
{
	struct place_config config = {.bodies_dir = "/bodies", .late_ms = -1};
	struct place_result result;
	struct err err = ERR_INIT;

	done(place_account(&account, store, &config, &result, &err), &err);
}

/* Two mails that were looked at. */
static int setup(void **state)
{
	(void)state;
	disk = simdisk_new(7);
	os = simdisk_os(disk);
	simdisk_put(disk, "/m/cur/1.a:2,S", "one", 3);
	simdisk_put(disk, "/m/cur/2.b:2,", "two", 3);
	simdisk_put(disk, "/m/new/.x", "", 0);
	simdisk_put(disk, "/m/tmp/.x", "", 0);
	simdisk_put(disk, LIST, HEAD "1 :1.a\n2 :2.b\n",
		strlen(HEAD "1 :1.a\n2 :2.b\n"));
	start();
	look();
	look();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stop();
	simdisk_free(disk);
	return 0;
}

/* ---- what comes from the peer ---- */

static void merge_into(struct change *c, struct id128 log_folder, uint64_t lsn)
{
	struct log_id id = {PEER, 7, log_folder};
	struct replica_log log;
	struct err err = ERR_INIT;

	c->by.log = id;
	c->by.lsn = lsn;
	c->by.stamp = STAMP_OF(1800000000000, 0);
	if (c->kind == CHANGE_SAVE)
		c->dot = (struct dot){id, lsn};
	done(replica_begin(account.replica, &err), &err);
	done(replica_log_get(account.replica, &id, true, &log, &err), &err);
	done(replica_apply(account.replica, c, &err), &err);
	log.known.lsn = lsn;
	done(replica_log_set(account.replica, &log, &err), &err);
	done(replica_commit(account.replica, &err), &err);
}

static void merge(struct change *c, uint64_t lsn)
{
	merge_into(c, ID_INBOX, lsn);
}

static void flag_comes(void)
{
	AUTO_ARENA struct arena arena = {0};
	struct hash hash = hash_of("two", 3);
	struct change c = change_blank(CHANGE_FLAGS);
	struct replica_message m;
	struct err err = ERR_INIT;

	assert_int_equal(replica_message_with_hash(account.replica, &hash,
				 "2.b", 0, &arena, &m, NULL),
		0);
	done(replica_message_dot(account.replica, &m, &err), &err);
	c.dot = m.dot;
	c.add.letters = "F";
	merge(&c, 1);
}

static void mail_comes(void)
{
	struct hash hash = hash_of(BODY, strlen(BODY));
	struct change c = change_blank(CHANGE_SAVE);
	char path[80], hex[HASH_HEX];

	hash_hex(&hash, hex);
	snprintf(path, sizeof(path), "/bodies/%s.body", hex);
	simdisk_put(disk, path, BODY, strlen(BODY));
	c.base = "3.c";
	c.size = strlen(BODY);
	c.mtime = 1700000000;
	c.hash = hash;
	merge(&c, 1);
}

/* ---- the server, before the applier has the lock ---- */

static const char *list_then; /* what it makes of the list */

static void serve(void *ctx, const char *call, const char *path)
{
	const char *text = list_then;
	int fd;

	(void)ctx;
	(void)path;
	if (!text || strcmp(call, "link") != 0)
		return;
	list_then = NULL;
	fd = os->ops->open(os, LIST, O_WRONLY | O_TRUNC, 0600);
	assert_int_equal(
		os->ops->pwrite(os, fd, text, strlen(text), 0), strlen(text));
	os->ops->close(os, fd);
}

static void place_beside(const char *list)
{
	list_then = list;
	simdisk_hook(disk, serve, NULL);
	place();
	simdisk_hook(disk, NULL, NULL);
	assert_null(list_then);
}

static uint32_t recorded(void)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;

	assert_int_equal(replica_folder_by_path(
				 account.replica, "INBOX", &arena, &f, NULL),
		0);
	return f.p_uidnext;
}

/* ---- tests ---- */

static void what_the_server_did_not_sync_is_not_recorded(void **state)
{
	struct os_stat st;

	(void)state;
	assert_int_equal(recorded(), 3);
	flag_comes();
	place_beside(HEAD "1 :1.a\n2 :2.b\n3 :4.d\n");
	assert_int_equal(os->ops->lstat(os, "/m/cur/2.b:2,F", &st), 0);
	assert_int_equal(recorded(), 3);
	stop();
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 1);
	simdisk_put(disk, LIST, HEAD "1 :1.a\n2 :2.b\n",
		strlen(HEAD "1 :1.a\n2 :2.b\n"));
	start();
	look();
	assert_int_equal(seen.mended, 0);
	assert_int_equal(seen.stopped, 0);
}

static void a_list_that_went_back_gives_no_number_twice(void **state)
{
	AUTO_BUF struct buf list = BUF_INIT;

	(void)state;
	mail_comes();
	place_beside(HEAD "1 :1.a\n");
	assert_int_equal(file_read(os, LIST, 4096, &list, NULL), 0);
	assert_non_null(strstr(buf_str(&list), "\n3 :3.c\n"));
	look();
	assert_int_equal(seen.stopped, 0);
	buf_clear(&list);
	assert_int_equal(file_read(os, LIST, 4096, &list, NULL), 0);
	assert_non_null(strstr(buf_str(&list), "\n1 :1.a\n"));
	assert_non_null(strstr(buf_str(&list), "\n3 :3.c\n"));
	/* 3 is above 2 by now: nobody can have 2 again. */
	assert_null(strstr(buf_str(&list), "\n2 "));
}

/* A peer becomes INBOX's home, and says one UID of two messages. */
static void home_moves_with_one_number_for_two(void)
{
	struct hash hashes[] = {hash_of("one", 3), hash_of("two", 3)};
	struct change c = change_blank(CHANGE_AUTHORITY);

	c.folder = ID_INBOX;
	c.term = 9;
	c.site = PEER;
	c.uidvalidity = 99;
	c.uidnext = 6;
	merge_into(&c, ID_ACCOUNT, 1);
	c = change_blank(CHANGE_IDENTITY);
	c.folder = ID_INBOX;
	c.uidvalidity = 99;
	c.uidnext = 6;
	merge_into(&c, ID_ACCOUNT, 2);
	for (size_t i = 0; i < 2; i++) {
		AUTO_ARENA struct arena arena = {0};
		struct replica_message m;
		struct err err = ERR_INIT;

		c = change_blank(CHANGE_UID);
		assert_int_equal(
			replica_message_with_hash(account.replica, &hashes[i],
				i ? "2.b" : "1.a", 0, &arena, &m, NULL),
			0);
		done(replica_message_dot(account.replica, &m, &err), &err);
		c.dot = m.dot;
		c.uid = 5;
		merge(&c, i + 1);
	}
}

static void a_new_numbering_gives_no_number_twice(void **state)
{
	AUTO_BUF struct buf list = BUF_INIT;

	(void)state;
	home_moves_with_one_number_for_two();
	place();
	assert_int_equal(file_read(os, LIST, 4096, &list, NULL), 0);
	assert_non_null(strstr(buf_str(&list), "3 V99 N7 "));
	assert_non_null(strstr(buf_str(&list), "\n5 :"));
	assert_non_null(strstr(buf_str(&list), "\n6 :"));
	look();
	assert_int_equal(seen.stopped, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_the_server_did_not_sync_is_not_recorded, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_list_that_went_back_gives_no_number_twice, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_new_numbering_gives_no_number_twice, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
