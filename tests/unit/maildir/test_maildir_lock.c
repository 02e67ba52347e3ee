/* dovecot-uidlist.lock: when it is waited for, when it is overridden. */
#include "maildir_test.h"

#include "maildir_private.h"

#define LOCK "/m/dovecot-uidlist.lock"

static struct simdisk *disk;
static struct os *os;
static struct store *store;

static int setup(void **state)
{
	(void)state;
	disk = simdisk_new(5);
	os = simdisk_os(disk);
	store = open_maildir(os, "/m", MAILDIR_PLUSPLUS, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(simdisk_open_files(disk), 0);
	store->ops->close(store);
	simdisk_free(disk);
	return 0;
}

static void put_lock(const char *content)
{
	simdisk_put(disk, LOCK, content, strlen(content));
}

/* How long taking the lock takes, ms; -1: ERR_BUSY. */
static int64_t take_ms(void)
{
	int64_t before = os->ops->mono_ns(os);
	struct store_txn *t;
	struct err err = ERR_INIT;
	int r = store->ops->txn_begin(store, "INBOX", false, NULL, &t, &err);

	if (r == ERR_BUSY)
		return -1;
	assert_done(r, err);
	assert_true(is_there(os, LOCK));
	store->ops->txn_end(t);
	assert_false(is_there(os, LOCK));
	return (os->ops->mono_ns(os) - before) / NS_PER_MS;
}

static void tmp_is_empty(void)
{
	struct buf names = BUF_INIT;

	os->ops->list(os, "/m/tmp", &names);
	assert_int_equal(names.len, 0);
	buf_free(&names);
}

static void the_lock_names_process_and_host(void **state)
{
	struct store_txn *t;
	struct os_stat st;

	(void)state;
	assert_int_equal(
		store->ops->txn_begin(store, "INBOX", false, NULL, &t, NULL),
		0);
	assert_file(os, LOCK, "1000:simhost");
	os->ops->lstat(os, LOCK, &st);
	assert_int_equal(st.nlink, 1);
	store->ops->txn_end(t);
	tmp_is_empty();
}

static void a_living_process_is_never_overridden(void **state)
{
	(void)state;
	simdisk_set_other_pid(disk, 77);
	put_lock("77:simhost");
	simdisk_pass(disk, 3600 * NS_PER_S);
	assert_int_equal(take_ms(), -1);
	assert_file(os, LOCK, "77:simhost");
	tmp_is_empty();
}

static void a_dead_process_is_overridden_after_two_seconds(void **state)
{
	(void)state;
	put_lock("77:simhost");
	assert_int_equal(take_ms(), -1);
	simdisk_pass(disk, 2 * NS_PER_S);
	assert_true(take_ms() < 500);
	tmp_is_empty();
}

static void a_dead_process_is_overridden_while_we_wait(void **state)
{
	((struct maildir *)store)->lock_wait_ns = 10 * NS_PER_S;
	(void)state;
	put_lock("77:simhost\n");
	assert_in_range(take_ms(), 1900, 2500);
}

static void an_unreadable_or_foreign_lock_lasts_120_seconds(void **state)
{
	static const char *const contents[] = {"", "77", "77:otherhost",
		"x:simhost", ":simhost", "0:simhost", "-1:simhost",
		"77:simhost2", "77 :simhost"};

	(void)state;
	for (size_t i = 0; i < sizeof(contents) / sizeof(*contents); i++) {
		put_lock(contents[i]);
		simdisk_pass(disk, 119 * NS_PER_S);
		assert_int_equal(take_ms(), -1);
		simdisk_pass(disk, 2 * NS_PER_S);
		assert_true(take_ms() < 500);
	}
}

static void a_clock_that_was_set_back_does_not_make_a_lock_eternal(void **state)
{
	((struct maildir *)store)->lock_wait_ns = 10 * NS_PER_S;
	(void)state;
	put_lock("77:simhost");
	simdisk_set_wall(disk, os->ops->wall_ns(os) - 3600 * NS_PER_S);
	assert_in_range(take_ms(), 1900, 2500);
}

static void our_own_pid_is_an_earlier_process(void **state)
{
	(void)state;
	put_lock("1000:simhost");
	simdisk_pass(disk, 3 * NS_PER_S);
	assert_true(take_ms() < 500);
}

static void power_cut(void)
{
	simdisk_power_cut_mode(disk, SIMDISK_ALL_KEPT, 1);
	simdisk_pass(disk, NS_PER_S);
}

static void a_lock_of_nobody_from_before_the_start_lasts_no_longer(void **state)
{
	static const char zeros[12];
	static const struct slice contents[] = {
		{"", 0}, {zeros, 12}, {"10", 2}, {"0:simhost", 9}};

	(void)state;
	for (size_t i = 0; i < sizeof(contents) / sizeof(*contents); i++) {
		simdisk_put(disk, LOCK, contents[i].at, contents[i].len);
		simdisk_pass(disk, 10 * NS_PER_S);
		assert_int_equal(take_ms(), -1);
		power_cut();
		assert_true(take_ms() < 500);
	}
	tmp_is_empty();
}

static void another_host_was_not_started(void **state)
{
	(void)state;
	put_lock("77:otherhost");
	power_cut();
	simdisk_pass(disk, 100 * NS_PER_S);
	assert_int_equal(take_ms(), -1);
	assert_file(os, LOCK, "77:otherhost");
}

/* The daemon that held it had a number that another daemon has now. */
static void after_a_start_a_number_is_no_longer_its_process(void **state)
{
	((struct maildir *)store)->lock_wait_ns = 10 * NS_PER_S;
	(void)state;
	put_lock("77:simhost");
	simdisk_set_other_pid(disk, 77);
	assert_int_equal(take_ms(), -1);
	power_cut();
	assert_in_range(take_ms(), 1900, 2500);
	put_lock("77:simhost");
	assert_int_equal(take_ms(), -1);
}

/* Dovecot lets go after some time. */
static int left;

static void let_go(void *ctx, const char *call, const char *path)
{
	(void)ctx;
	if (strcmp(call, "link") == 0 && strcmp(path, LOCK) != 0 && left-- == 0)
		os->ops->unlink(os, LOCK);
}

static void a_lock_is_had_soon_after_it_is_free(void **state)
{
	(void)state;
	simdisk_set_other_pid(disk, 77);
	put_lock("77:simhost");
	left = 3;
	simdisk_hook(disk, let_go, NULL);
	assert_in_range(take_ms(), 15, 200);
}

/* Somebody overrides our lock while we hold it. */
static void a_lost_lock_changes_nothing(void **state)
{
	struct store_txn *t;
	uint64_t calls;

	(void)state;
	simdisk_put(disk, "/m/cur/1.a:2,", "one", 3);
	assert_int_equal(
		store->ops->txn_begin(store, "INBOX", false, NULL, &t, NULL),
		0);
	store->ops->txn_flags(t, "1.a", "S", "");
	os->ops->unlink(os, LOCK);
	put_lock("77:simhost");
	calls = simdisk_calls(disk);
	assert_int_equal(store->ops->txn_commit(t, NULL), ERR_BUSY);
	store->ops->txn_end(t);
	assert_int_equal(simdisk_calls(disk), calls);
	assert_file(os, LOCK, "77:simhost");
}

static void every_failure_releases_the_lock(void **state)
{
	(void)state;
	simdisk_put(disk, "/m/dovecot-uidlist", "broken", 6);
	simdisk_pass(disk, 10 * NS_PER_S);
	for (uint64_t i = 1; i < 12; i++) {
		struct store_txn *t;

		simdisk_fail_at(disk, i, ENOSPC);
		assert_true(store->ops->txn_begin(
				    store, "INBOX", false, NULL, &t, NULL) < 0);
		simdisk_faults_clear(disk);
		assert_int_equal(simdisk_open_files(disk), 0);
		/* Only a refused unlink can leave it. */
		if (is_there(os, LOCK))
			os->ops->unlink(os, LOCK);
	}
}

static void strays_of_the_dead_are_swept_and_no_others(void **state)
{
	static const char *const stray[] = {
		"/m/tmp/1704067200.M1P77Q1.simhost,packetboat",
		"/m/tmp/1704060000.M1P1000Q1.simhost,packetboat",
		"/m/tmp/1600000000.M1P77Q1.otherhost,packetboat",
	};
	static const char *const kept[] = {
		"/m/tmp/1704067199.M1P1000Q1.simhost,packetboat",
		"/m/tmp/1600000000.M1P78Q1.simhost,packetboat",
		"/m/tmp/1704067200.M1P78Q1.simhost,packetboat",
		"/m/tmp/1704067200.M1P77Q1.otherhost,packetboat",
		"/m/tmp/1704067200.M1P77.simhost",
		"/m/tmp/x,packetboat",
		"/m/tmp/1704067200.P77Q1.simhost,packetboat",
	};
	struct store_stage *st;

	(void)state;
	simdisk_set_other_pid(disk, 78);
	for (size_t i = 0; i < 3; i++)
		simdisk_put(disk, stray[i], "x", 1);
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		simdisk_put(disk, kept[i], "x", 1);
	assert_int_equal(store->ops->stage_begin(store, "INBOX", &st, NULL), 0);
	store->ops->stage_end(st);
	for (size_t i = 0; i < 3; i++)
		assert_false(is_there(os, stray[i]));
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		assert_true(is_there(os, kept[i]));
}

/* A process that dies leaves a note of itself, too. */
static void what_the_dead_left_is_swept_at_the_next_opening(void **state)
{
	static const char *const lying[] = {
		"/m/tmp/1704067200.M1P77Q1.simhost,packetboat",
		"/m/cur/.1704067200.M1P77Q2.simhost,packetboat",
		"/m/.Work/tmp/1704067200.M1P77Q3.simhost,packetboat",
		"/m/cur/.packetboat/1704067200.M1P77Q4.simhost,packetboat.tmp",
		"/m/.Work/dovecot-uidlist.lock",
		"/m/subscriptions.lock",
		"/m/cur/.packetboat/1704067200.M1P77Q5.simhost,packetboat",
	};
	const size_t count = sizeof(lying) / sizeof(*lying);
	struct store *s;

	(void)state;
	simdisk_set_other_pid(disk, 77);
	for (size_t i = 0; i < count; i++)
		simdisk_put(disk, lying[i], "77:simhost", 10);
	simdisk_put(disk, "/m/.Work/cur/1.a", "x", 1);
	s = open_maildir(os, "/m", MAILDIR_PLUSPLUS, true);
	s->ops->close(s);
	for (size_t i = 0; i < count; i++)
		assert_true(is_there(os, lying[i]));
	simdisk_set_other_pid(disk, 0);
	simdisk_pass(disk, 2 * NS_PER_S);
	s = open_maildir(os, "/m", MAILDIR_PLUSPLUS, true);
	s->ops->close(s);
	for (size_t i = 0; i < 3; i++)
		assert_false(is_there(os, lying[i]));
	assert_false(is_there(os, lying[4]));
	/* Nobody can tell whose lock that is: the note stays as well. */
	assert_true(is_there(os, lying[count - 2]));
	assert_true(is_there(os, lying[count - 1]));
	simdisk_pass(disk, 30 * NS_PER_S);
	s = open_maildir(os, "/m", MAILDIR_PLUSPLUS, true);
	s->ops->close(s);
	for (size_t i = 0; i < count; i++)
		assert_false(is_there(os, lying[i]));
	assert_true(is_there(os, "/m/.Work/cur/1.a"));
}

static size_t names_in(struct os *of, const char *dir)
{
	struct buf names = BUF_INIT;
	struct os_entry e;
	size_t at = 0, count = 0;

	of->ops->list(of, dir, &names);
	while (os_list_next(&names, &at, &e))
		count++;
	buf_free(&names);
	return count;
}

static void open_and_close(void)
{
	struct store *s = open_maildir(os, "/m", MAILDIR_PLUSPLUS, true);

	s->ops->close(s);
}

/* The note of who held them was not durable; nobody else may come by. */
static void locks_from_before_the_start_are_swept_at_the_first_opening(
	void **state)
{
	static const char *const locks[] = {
		LOCK, "/m/.Work/dovecot-uidlist.lock", "/m/subscriptions.lock"};

	(void)state;
	simdisk_put(disk, "/m/.Work/cur/1.a", "x", 1);
	simdisk_put(disk, "/m/cur/.packetboat/marker", "x", 1);
	for (size_t i = 0; i < 3; i++)
		simdisk_put(disk, locks[i], "", 0);
	open_and_close();
	for (size_t i = 0; i < 3; i++)
		assert_true(is_there(os, locks[i]));
	power_cut();
	open_and_close();
	for (size_t i = 0; i < 3; i++)
		assert_false(is_there(os, locks[i]));
}

static void locks_are_looked_for_once_after_a_start(void **state)
{
	(void)state;
	simdisk_put(disk, "/m/cur/.packetboat/marker", "x", 1);
	power_cut();
	open_and_close();
	simdisk_set_other_pid(disk, 77);
	put_lock("78:simhost");
	simdisk_pass(disk, 10 * NS_PER_S);
	open_and_close();
	assert_file(os, LOCK, "78:simhost");
}

/* A lock that is in doubt is looked at again, and the others are not left. */
static void a_sweep_that_was_not_done_is_repeated(void **state)
{
	(void)state;
	simdisk_put(disk, "/m/.Work/cur/1.a", "x", 1);
	simdisk_put(disk, "/m/cur/.packetboat/marker", "x", 1);
	simdisk_put(disk, "/m/.Work/dovecot-uidlist.lock", "", 0);
	put_lock("77:otherhost");
	power_cut();
	open_and_close();
	assert_false(is_there(os, "/m/.Work/dovecot-uidlist.lock"));
	assert_true(is_there(os, LOCK));
	simdisk_pass(disk, 121 * NS_PER_S);
	open_and_close();
	assert_false(is_there(os, LOCK));
}

static void what_could_not_be_removed_is_swept_later(void **state)
{
	bool fired = true;

	(void)state;
	for (uint64_t n = 1; fired; n++) {
		struct simdisk *d = simdisk_clone(disk);
		struct os *of = simdisk_os(d);
		struct store *s =
			open_maildir(of, "/m", MAILDIR_PLUSPLUS, true);
		struct store_txn *t;

		simdisk_fail_at(d, n, EIO);
		if (s->ops->txn_begin(s, "INBOX", false, NULL, &t, NULL) == 0)
			s->ops->txn_end(t);
		s->ops->close(s);
		fired = simdisk_fired(d);
		simdisk_faults_clear(d);
		simdisk_set_pid(d, 2000);
		simdisk_pass(d, 3 * NS_PER_S);
		s = open_maildir(of, "/m", MAILDIR_PLUSPLUS, true);
		s->ops->close(s);
		assert_false(is_there(of, LOCK));
		assert_int_equal(names_in(of, "/m/tmp"), 0);
		/* but, perhaps, that it was swept */
		assert_int_equal(names_in(of, "/m/cur/.packetboat"),
			is_there(of, "/m/cur/.packetboat/swept"));
		simdisk_free(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_lock_names_process_and_host),
		T(a_living_process_is_never_overridden),
		T(a_dead_process_is_overridden_after_two_seconds),
		T(a_dead_process_is_overridden_while_we_wait),
		T(an_unreadable_or_foreign_lock_lasts_120_seconds),
		T(a_clock_that_was_set_back_does_not_make_a_lock_eternal),
		T(our_own_pid_is_an_earlier_process),
		T(a_lock_of_nobody_from_before_the_start_lasts_no_longer),
		T(another_host_was_not_started),
		T(after_a_start_a_number_is_no_longer_its_process),
		T(a_lock_is_had_soon_after_it_is_free),
		T(a_lost_lock_changes_nothing),
		T(every_failure_releases_the_lock),
		T(strays_of_the_dead_are_swept_and_no_others),
		T(what_the_dead_left_is_swept_at_the_next_opening),
		T(locks_from_before_the_start_are_swept_at_the_first_opening),
		T(locks_are_looked_for_once_after_a_start),
		T(a_sweep_that_was_not_done_is_repeated),
		T(what_could_not_be_removed_is_swept_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
