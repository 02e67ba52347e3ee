/*
 * Damaged mail gets its body back: stopped at every file-changing call, by a
 * kill and by a power cut, the next run ends with the same mail, and nothing
 * of it was ever logged.
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
#include "bodyscan.h"
#include "capture.h"
#include "err.h"
#include "gaps.h"
#include "maildir.h"
#include "place.h"
#include "simdisk.h"

#define ORIGIN UINT64_C(0xa1)
#define NS_PER_S INT64_C(1000000000)
#define GOOD "Subject: one\n\nThe first.\n"
#define BAD "Subject: one\n\nThe fi?st.\n"

enum victim { FLIPPED, GONE, ACCEPTED };

struct site {
	struct simdisk *disk;
	struct os *os;
	struct account account;
	struct store *store;
};

static void done(int rc, const struct err *err)
{
	if (rc < 0)
		fail_msg("%d: %s", rc, err->text);
}

static void start(struct site *s, struct simdisk *disk)
{
	struct maildir_config config = {.root = "/m",
		.layout = MAILDIR_PLUSPLUS,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.dovecot = true,
		.lock_wait_ms = 500};
	struct err err = ERR_INIT;

	s->disk = disk;
	s->os = simdisk_os(disk);
	done(maildir_open(s->os, &config, true, &s->store, &err), &err);
	done(account_open(
		     &s->account, s->os, "/s", "alice", ORIGIN, true, &err),
		&err);
	done(account_lock(&s->account, 0, &err), &err);
}

static void stop(struct site *s)
{
	s->store->ops->close(s->store);
	account_close(&s->account);
}

static int look(struct site *s, struct err *err)
{
	struct capture_config config = {
		.claim = true, .guard_percent = 50, .guard_least = 100};
	struct capture_result result;

	return capture_account(&s->account, s->store, &config, &result, err);
}

static void looked(struct site *s)
{
	struct err err = ERR_INIT;

	done(look(s, &err), &err);
}

/* What an applier does: look, then place. */
static int apply(struct site *s, struct err *err)
{
	struct place_config config = {.bodies_dir = "/bodies", .late_ms = -1};
	struct place_result result;
	int rc = look(s, err);

	return rc < 0 ? rc
		      : place_account(
				&s->account, s->store, &config, &result, err);
}

static void write_file(struct os *os, const char *path, const char *text)
{
	int fd = os->ops->open(os, path, O_WRONLY, 0);

	assert_true(fd >= 0);
	assert_int_equal(
		os->ops->pwrite(os, fd, text, strlen(text), 0), strlen(text));
	assert_int_equal(os->ops->futimens(os, fd, 1000 * NS_PER_S), 0);
	assert_int_equal(os->ops->fsync(os, fd), 0);
	os->ops->close(os, fd);
}

static struct replica_message message(struct site *s, struct arena *arena)
{
	struct hash hash = hash_of(GOOD, strlen(GOOD));
	struct replica_message m;

	assert_int_equal(replica_message_with_hash(s->account.replica, &hash,
				 "1.a", 0, arena, &m, NULL),
		0);
	return m;
}

/* Lsns of all logs, summed up: has anything been logged? */
static uint64_t lsns(struct site *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs;
	struct err err = ERR_INIT;
	uint64_t sum = 0;
	size_t count;

	done(replica_logs(s->account.replica, &arena, &logs, &count, &err),
		&err);
	for (size_t i = 0; i < count; i++)
		sum += logs[i].known.lsn;
	return sum;
}

static void damage_it(struct site *s, enum victim victim)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message m = message(s, &arena);
	struct bodyscan_config config = {.deep = true};
	struct bodyscan_result result = {0};
	struct err err = ERR_INIT;

	write_file(s->os, "/m/cur/1.a:2,S", BAD);
	account_unlock(&s->account);
	done(bodyscan_folder(
		     &s->account, s->store, m.p_folder, &config, &result, &err),
		&err);
	assert_int_equal(result.damaged, 1);
	done(account_lock(&s->account, 0, &err), &err);
	if (victim == GONE) {
		s->os->ops->unlink(s->os, "/m/cur/1.a:2,S");
		done(s->store->ops->sync(s->store, "INBOX", &err), &err);
	}
	if (victim != ACCEPTED)
		return;
	done(replica_begin(s->account.replica, &err), &err);
	done(damage_accept(s->account.replica, m.p_folder, &err), &err);
	done(replica_commit(s->account.replica, &err), &err);
}

/* A site with two mails, of which one is damaged, and its body come. */
static struct simdisk *damaged_site(enum victim victim)
{
	struct simdisk *disk = simdisk_new(7);
	struct hash hash = hash_of(GOOD, strlen(GOOD));
	char path[80], hex[HASH_HEX];
	struct site s;

	simdisk_put(disk, "/m/cur/1.a:2,S", "", 0);
	simdisk_put(disk, "/m/cur/2.b:2,", "two", 3);
	simdisk_put(disk, "/m/new/.x", "", 0);
	simdisk_put(disk, "/m/tmp/.x", "", 0);
	simdisk_put(disk, "/m/dovecot-uidlist",
		"3 V77 N3 Gad2da9355029026be138000083ecc375\n"
		"1 :1.a\n2 :2.b\n",
		strlen("3 V77 N3 Gad2da9355029026be138000083ecc375\n"
		       "1 :1.a\n2 :2.b\n"));
	hash_hex(&hash, hex);
	snprintf(path, sizeof(path), "/bodies/%s.body", hex);
	simdisk_put(disk, path, GOOD, strlen(GOOD));
	write_file(simdisk_os(disk), "/m/cur/1.a:2,S", GOOD);
	simdisk_pass(disk, 10 * NS_PER_S);
	start(&s, disk);
	looked(&s);
	simdisk_pass(disk, 10 * NS_PER_S);
	looked(&s);
	damage_it(&s, victim);
	simdisk_pass(disk, 10 * NS_PER_S);
	stop(&s);
	return disk;
}

/* ---- what must hold in the end ---- */

static void check_file(struct os *os, const char *path, const char *text)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	done(file_read(os, path, 1000, &b, &err), &err);
	assert_string_equal(buf_str(&b), text);
}

static void check_mended(struct site *s, uint64_t lsns_before)
{
	AUTO_ARENA struct arena arena = {0};
	struct store_view v;
	struct err err = ERR_INIT;
	const struct store_message *m;

	check_file(s->os, "/m/cur/1.a:2,S", GOOD);
	done(s->store->ops->view(s->store, "INBOX", STORE_LOCKED, &v, &err),
		&err);
	assert_int_equal(v.count, 2);
	m = store_view_find(&v, "1.a");
	/* Its line was there, and so was its UID. */
	assert_int_equal(m->uid, 1);
	store_view_free(&v);
	assert_int_equal(message(s, &arena).damage, DAMAGE_NONE);
	assert_true(lsns(s) == lsns_before);
}

static void check_accepted(struct site *s)
{
	struct store_view v;
	struct err err = ERR_INIT;

	done(s->store->ops->view(s->store, "INBOX", STORE_LOCKED, &v, &err),
		&err);
	assert_int_equal(v.count, 2);
	assert_null(store_view_find(&v, "1.a"));
	for (size_t i = 0; i < v.count; i++) {
		if (strcmp(v.messages[i].base, "2.b") == 0)
			continue;
		AUTO_FREE char *path =
			mem_printf("/m/cur/%s", v.messages[i].name);

		check_file(s->os, path, BAD);
		assert_true(v.messages[i].uid >= 3);
		assert_string_equal(v.messages[i].letters, "S");
	}
	store_view_free(&v);
}

/* ---- stopped anywhere ---- */

/* Returns false when there was no such call. */
static bool cut_at(const struct simdisk *from, enum victim victim,
	uint64_t call, bool power)
{
	struct simdisk *disk = simdisk_clone(from);
	struct err err = ERR_INIT;
	uint64_t before;
	struct site s;
	bool fired;

	start(&s, disk);
	before = lsns(&s);
	simdisk_stop_at(disk, call);
	apply(&s, &err);
	fired = simdisk_fired(disk);
	stop(&s);
	if (power)
		simdisk_power_cut(disk, call);
	else
		simdisk_kill(disk);
	simdisk_faults_clear(disk);
	simdisk_set_pid(disk, 2000);
	/* Until a lock without content is stale, and a stray of our own. */
	simdisk_pass(disk, 2 * 3600 * NS_PER_S);
	start(&s, disk);
	for (int i = 0; i < 3; i++) {
		err = ERR_INIT;
		done(apply(&s, &err), &err);
		simdisk_pass(disk, 10 * NS_PER_S);
	}
	if (victim == ACCEPTED)
		check_accepted(&s);
	else
		check_mended(&s, before);
	stop(&s);
	assert_int_equal(simdisk_open_files(disk), 0);
	simdisk_free(disk);
	return fired;
}

static void every_cut(enum victim victim)
{
	struct simdisk *from = damaged_site(victim);

	for (int power = 0; power < 2; power++) {
		uint64_t call = 1;

		while (cut_at(from, victim, call, power))
			call++;
		assert_true(call > 20);
	}
	simdisk_free(from);
}

static void a_damaged_file_is_replaced_whatever_stops_it(void **state)
{
	(void)state;
	every_cut(FLIPPED);
}

static void a_file_that_is_gone_comes_back_whatever_stops_it(void **state)
{
	(void)state;
	every_cut(GONE);
}

static void what_is_accepted_becomes_another_mail_whatever_stops_it(
	void **state)
{
	(void)state;
	every_cut(ACCEPTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_damaged_file_is_replaced_whatever_stops_it),
		cmocka_unit_test(
			a_file_that_is_gone_comes_back_whatever_stops_it),
		cmocka_unit_test(
			what_is_accepted_becomes_another_mail_whatever_stops_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
