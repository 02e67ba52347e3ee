/* Old segments of an account's logs go, as acknowledgements and age say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "err.h"
#include "gaps.h"
#include "journal.h"
#include "retention.h"
#include "segment.h"
#include "simdisk.h"

#define ORIGIN 0xa1u
#define PEER 0xb2u
#define OTHER 0xc3u
#define STATE "/state"
#define DAY_NS (INT64_C(86400) * 1000000000)
#define DAY_MS INT64_C(86400000)

#define must(call)                                                             \
	do {                                                                   \
		struct err err = ERR_INIT;                                     \
		int must_ = (call);                                            \
                                                                               \
		if (must_ < 0)                                                 \
			fail_msg("%s: %d: %s", #call, must_, err.text);        \
	} while (0)

static const uint64_t peers[] = {PEER, OTHER};

struct scene {
	struct simdisk *d;
	struct os *os;
	struct account a;
	struct retention_result result; /* of the last pass */
};

/* ---- an account, and what its users do ---- */

static void open_account(struct scene *s)
{
	must(account_open(&s->a, s->os, STATE, "alice", ORIGIN, true, &err));
	must(account_lock(&s->a, 0, &err));
}

/* A state that could not be written to is not used any more. */
static void reopen_account(struct scene *s)
{
	account_close(&s->a);
	open_account(s);
}

static void scene_open(struct scene *s, uint64_t seed)
{
	*s = (struct scene){.d = simdisk_new(seed)};
	s->os = simdisk_os(s->d);
	open_account(s);
}

static void scene_close(struct scene *s)
{
	account_close(&s->a);
	assert_int_equal(simdisk_open_files(s->d), 0);
	simdisk_free(s->d);
}

static int64_t now_ms(const struct scene *s)
{
	return s->os->ops->wall_ns(s->os) / 1000000;
}

static struct change template(const struct scene *s, enum change_kind kind)
{
	struct change c = change_blank(kind);

	c.by.stamp = STAMP_OF(now_ms(s), 0);
	return c;
}

static void put(struct journal *j, const struct id128 *log, struct change *c)
{
	must(journal_put(j, log, c, &err));
}

/* INBOX, at home here, with mails of lsn 1 to count. */
static void born(struct scene *s, size_t count)
{
	struct journal j;
	struct change c = template(s, CHANGE_FOLDER);

	must(journal_begin(&j, &s->a, &err));
	c.folder = ID_INBOX;
	c.path = "INBOX";
	put(&j, &ID_ACCOUNT, &c);
	c = template(s, CHANGE_AUTHORITY);
	c.folder = ID_INBOX;
	c.term = 1;
	c.site = ORIGIN;
	c.uidvalidity = 7;
	c.uidnext = 1;
	put(&j, &ID_ACCOUNT, &c);
	for (size_t i = 1; i <= count; i++) {
		AUTO_FREE char *base = mem_printf("1700.M%zu", i);

		c = template(s, CHANGE_SAVE);
		c.base = base;
		c.size = 9;
		c.uid = (uint32_t)i;
		put(&j, &ID_INBOX, &c);
	}
	must(journal_commit(&j, false, &err));
}

static int try_flag(struct scene *s, uint64_t lsn, bool on, struct err *err)
{
	struct replica *r = s->a.replica;
	struct change c = template(s, CHANGE_FLAGS);
	struct journal j;

	c.dot = (struct dot){
		{replica_origin(r), replica_incarnation(r), ID_INBOX}, lsn};
	*(on ? &c.add : &c.del) = (struct flag_set){"S", ""};
	int rc = journal_begin(&j, &s->a, err);
	if (rc >= 0)
		rc = journal_put(&j, &ID_INBOX, &c, err);
	if (rc >= 0)
		rc = journal_commit(&j, false, err);
	journal_abort(&j);
	return rc;
}

static void flag(struct scene *s, uint64_t lsn, bool on)
{
	must(try_flag(s, lsn, on, &err));
}

/* So many days, with a segment for each. */
static void days(struct scene *s, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		simdisk_pass(s->d, DAY_NS + 1000000000);
		flag(s, 1 + i % 3, i / 3 % 2 == 0);
	}
}

/* ---- looking ---- */

static struct replica_log log_of(struct scene *s, const struct id128 *folder)
{
	struct log_id id = {ORIGIN, replica_incarnation(s->a.replica), *folder};
	struct replica_log log;

	must(replica_log_get(s->a.replica, &id, false, &log, &err));
	return log;
}

static size_t segments(
	struct scene *s, const struct id128 *folder, struct log_segment **ret)
{
	struct replica_log log = log_of(s, folder);
	struct log_end end = {
		log.file_lsn, log.known.lsn, log.known.chain, log.size};
	char hex[ID_HEX];
	size_t count;

	id_hex(folder, hex);
	AUTO_FREE char *dir = mem_printf("%s/%s", s->a.log_dir, hex);
	must(log_verify(s->os, dir, log.known.log.incarnation, &end, &err));
	must(log_segments(s->os, dir, log.known.log.incarnation, &end, ret,
		&count, &err));
	return count;
}

static size_t count_segments(struct scene *s)
{
	AUTO_FREE struct log_segment *list = NULL;

	return segments(s, &ID_INBOX, &list);
}

static uint64_t room_of_logs(struct scene *s)
{
	struct retention_file *list = NULL;
	size_t count = 0;
	uint64_t room = 0;

	must(retention_files(&s->a, &list, &count, &err));
	for (size_t i = 0; i < count; i++)
		room += list[i].room;
	free(list);
	return room;
}

static void acknowledge(struct scene *s, uint64_t peer,
	const struct id128 *folder, uint64_t applied)
{
	struct replica_log log = log_of(s, folder);
	struct replica_ack ack = {log.id, log.known.lsn, 0, applied};

	must(replica_begin(s->a.replica, &err));
	must(replica_ack_set(s->a.replica, peer, &ack, &err));
	must(replica_commit(s->a.replica, &err));
}

static void retain(struct scene *s, size_t peer_count, int64_t keep_ms)
{
	struct retention_rules rules = {
		peers, peer_count, keep_ms ? now_ms(s) - keep_ms : 0};

	must(retention_pass(&s->a, &rules, &s->result, &err));
}

static bool reaches(
	struct scene *s, const struct replica_log *log, uint64_t lsn)
{
	int rc = 0;

	must(rc = retention_reaches(&s->a, log, lsn, &err));
	return rc;
}

/* Changes that a peer gets which knows the log up to `after`. */
static size_t written_out(struct scene *s, uint64_t after)
{
	struct replica_log log = log_of(s, &ID_INBOX);
	struct change_batch batch = {0};
	uint64_t upto;

	must(replica_write_out(s->a.replica, &log.known.log, after,
		log.known.lsn, &batch, &upto, &err));
	assert_true(upto == log.known.lsn);
	size_t count = batch.count;
	change_batch_free(&batch);
	return count;
}

/* ---- by acknowledgement ---- */

static void what_all_peers_applied_goes(void **state)
{
	AUTO_FREE struct log_segment *list = NULL, *rest = NULL;
	struct scene s;

	(void)state;
	scene_open(&s, 1);
	born(&s, 10);
	days(&s, 6);
	size_t count = segments(&s, &ID_INBOX, &list);
	assert_int_equal(count, 7);
	/* Nobody there, one that has not answered, one that lacks a change. */
	retain(&s, 0, 0);
	retain(&s, 1, 0);
	acknowledge(&s, PEER, &ID_INBOX, list[0].last_lsn - 1);
	retain(&s, 1, 0);
	assert_int_equal(count_segments(&s), 7);
	assert_int_equal(s.result.files, 0);
	acknowledge(&s, PEER, &ID_INBOX, list[2].last_lsn);
	retain(&s, 1, 0);
	assert_int_equal(s.result.files, 3);
	assert_int_equal(s.result.lacked, 0);
	assert_int_equal(s.result.bytes, 3 * 4096);
	assert_int_equal(segments(&s, &ID_INBOX, &rest), 4);
	assert_true(rest[0].first_lsn == list[3].first_lsn);
	/* The slower of two decides; the last segment stays. */
	acknowledge(&s, PEER, &ID_INBOX, list[6].last_lsn);
	retain(&s, 2, 0);
	assert_int_equal(s.result.files, 0);
	acknowledge(&s, OTHER, &ID_INBOX, list[6].last_lsn);
	retain(&s, 2, 0);
	assert_int_equal(s.result.files, 3);
	assert_int_equal(count_segments(&s), 1);
	scene_close(&s);
}

static void received_is_not_applied(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, 1);
	born(&s, 10);
	days(&s, 3);
	acknowledge(&s, PEER, &ID_INBOX, 0);
	retain(&s, 1, 0);
	assert_int_equal(s.result.files, 0);
	assert_int_equal(count_segments(&s), 4);
	scene_close(&s);
}

/* ---- by age ---- */

static void what_is_old_goes_whoever_lacks_it(void **state)
{
	struct replica_log log;
	struct scene s;

	(void)state;
	scene_open(&s, 1);
	born(&s, 10);
	days(&s, 6);
	retain(&s, 1, 3 * DAY_MS);
	assert_int_equal(count_segments(&s), 3);
	/* The account log, too: all of it was older. */
	assert_int_equal(s.result.files, 5);
	assert_int_equal(s.result.lacked, 5);
	log = log_of(&s, &ID_INBOX);
	assert_false(reaches(&s, &log, 1));
	assert_true(reaches(&s, &log, log.known.lsn));
	log = log_of(&s, &ID_ACCOUNT);
	assert_true(log.file_lsn == 0 && log.size == 0);
	assert_true(log.known.lsn == 2);
	scene_close(&s);
}

static void the_last_segment_goes_when_nothing_happens_any_more(void **state)
{
	struct replica_log log, before;
	struct os_stat st;
	struct scene s;
	char hex[ID_HEX];

	(void)state;
	scene_open(&s, 1);
	born(&s, 10);
	before = log_of(&s, &ID_INBOX);
	simdisk_pass(s.d, 40 * DAY_NS);
	retain(&s, 1, 30 * DAY_MS);
	log = log_of(&s, &ID_INBOX);
	assert_true(log.file_lsn == 0 && log.size == 0);
	assert_true(log.known.chain == before.known.chain);
	assert_int_equal(room_of_logs(&s), 0);
	id_hex(&ID_INBOX, hex);
	AUTO_FREE char *dir = mem_printf("%s/%s", s.a.log_dir, hex);
	assert_int_equal(s.os->ops->lstat(s.os, dir, &st), -ENOENT);
	assert_false(reaches(&s, &log, 1));
	assert_int_equal(written_out(&s, 0), 10);
	/* It goes on where it was. */
	flag(&s, 3, true);
	assert_true(log_of(&s, &ID_INBOX).file_lsn == 11);
	assert_int_equal(count_segments(&s), 1);
	scene_close(&s);
}

static void logs_that_nobody_gets_are_not_lacked(void **state)
{
	struct scene s;
	struct change c;
	struct journal j;

	(void)state;
	scene_open(&s, 1);
	born(&s, 3);
	must(journal_begin(&j, &s.a, &err));
	c = template(&s, CHANGE_AUTHORITY);
	c.folder = ID_INBOX;
	c.term = 2;
	c.site = PEER;
	put(&j, &ID_ACCOUNT, &c);
	must(journal_commit(&j, false, &err));
	acknowledge(&s, PEER, &ID_ACCOUNT, 3);
	simdisk_pass(s.d, 2 * DAY_NS);
	retain(&s, 1, DAY_MS);
	assert_int_equal(s.result.files, 2);
	assert_int_equal(s.result.lacked, 0);
	scene_close(&s);
}

static void one_pass_is_bounded(void **state)
{
	struct scene s;
	size_t passes = 0;

	(void)state;
	scene_open(&s, 1);
	born(&s, 3);
	days(&s, 150);
	do {
		retain(&s, 1, DAY_MS / 2);
		assert_true(s.result.files <= RETENTION_FILES_MAX);
		assert_true(++passes < 9);
	} while (s.result.more);
	assert_int_equal(passes, 3);
	assert_int_equal(count_segments(&s), 1);
	scene_close(&s);
}

/* ---- a year ---- */

/* Bytes of a file, as the disk has it. */
static int64_t size_of(struct scene *s, const char *path)
{
	struct os_stat st;

	assert_int_equal(s->os->ops->lstat(s->os, path, &st), 0);
	return st.size;
}

/* A peer that was last heard of at the beginning: what it costs at the end of
   the second month is what it costs at the end of the year. */
static void a_peer_that_is_away_for_a_year_costs_no_log(void **state)
{
	AUTO_FREE char *db = mem_dup(STATE "/accounts/alice/state.db");
	uint64_t room = 0;
	int64_t size = 0;
	struct scene s;

	(void)state;
	scene_open(&s, 1);
	born(&s, 50);
	acknowledge(&s, PEER, &ID_INBOX, 50);
	for (unsigned day = 1; day <= 365; day++) {
		simdisk_pass(s.d, DAY_NS + 1000000000);
		for (unsigned i = 0; i < 8; i++)
			flag(&s, 1 + (day * 8 + i) % 20, (day + i) % 2);
		retain(&s, 1, 30 * DAY_MS);
		assert_true(count_segments(&s) <= 31);
		if (day == 60) {
			room = room_of_logs(&s);
			size = size_of(&s, db);
		}
	}
	assert_true(log_of(&s, &ID_INBOX).known.lsn == 50 + 8 * 365);
	assert_true(room > 0);
	assert_true(room_of_logs(&s) <= room);
	assert_true(size_of(&s, db) <= size);
	/* 2920 changes; it gets what stands of them: a flag of twenty mails. */
	assert_int_equal(written_out(&s, 50), 20);
	scene_close(&s);
}

/* ---- removed by somebody else ---- */

static size_t gaps(struct scene *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct gap *list;
	size_t count;

	must(gap_list(s->a.replica, peers, 1, &arena, &list, &count, &err));
	return count;
}

static void a_log_that_somebody_removed_is_a_gap(void **state)
{
	AUTO_FREE struct log_segment *list = NULL;
	struct scene s;
	char hex[ID_HEX], name[48];

	(void)state;
	scene_open(&s, 1);
	born(&s, 3);
	days(&s, 4);
	segments(&s, &ID_INBOX, &list);
	id_hex(&ID_INBOX, hex);
	segment_file_name(replica_incarnation(s.a.replica),
		log_of(&s, &ID_INBOX).file_lsn, name);
	AUTO_FREE char *path = mem_printf("%s/%s/%s", s.a.log_dir, hex, name);
	assert_int_equal(s.os->ops->unlink(s.os, path), 0);
	retain(&s, 1, 0);
	assert_int_equal(gaps(&s), 1);
	assert_true(log_of(&s, &ID_INBOX).file_lsn == 0);
	assert_int_equal(count_segments(&s), 0);
	flag(&s, 1, true);
	assert_int_equal(count_segments(&s), 1);
	assert_int_equal(gaps(&s), 1);
	acknowledge(&s, PEER, &ID_INBOX, 0);
	assert_int_equal(gaps(&s), 0);
	scene_close(&s);
}

/* ---- cuts ---- */

static void prepare(struct scene *s, uint64_t seed)
{
	scene_open(s, seed);
	born(s, 5);
	days(s, 4);
	acknowledge(s, PEER, &ID_INBOX, 6);
	simdisk_pass(s->d, DAY_NS);
}

/* All of it goes: sealed, and last. */
static int pass_over(struct scene *s, struct err *err)
{
	struct retention_rules rules = {peers, 1, now_ms(s)};

	return retention_pass(&s->a, &rules, &s->result, err);
}

/* Nothing is damaged or lacking; what was begun is finished; it goes on. */
static void check_after(struct scene *s, struct position known)
{
	assert_true(log_of(s, &ID_INBOX).known.lsn == known.lsn);
	assert_true(log_of(s, &ID_INBOX).known.chain == known.chain);
	count_segments(s);
	assert_int_equal(gaps(s), 0);
	if (known.lsn % 2)
		flag(s, 2, true);
	must(pass_over(s, &err));
	assert_int_equal(gaps(s), 0);
	flag(s, 1, true);
	assert_int_equal(count_segments(s), 1);
	assert_int_equal(written_out(s, 0), 5 + 3);
	scene_close(s);
}

static uint64_t calls_of_a_pass(void)
{
	struct scene s;

	prepare(&s, 1);
	uint64_t before = simdisk_calls(s.d);
	must(pass_over(&s, &err));
	uint64_t calls = simdisk_calls(s.d) - before;
	assert_int_equal(room_of_logs(&s), 0);
	assert_int_equal(s.result.files, 6);
	scene_close(&s);
	return calls;
}

static void cut_at_every_call(enum simdisk_cut how, bool kill)
{
	uint64_t calls = calls_of_a_pass();

	for (uint64_t n = 1; n <= calls; n++) {
		struct err err = ERR_INIT;
		struct scene s;

		prepare(&s, n);
		struct position known = log_of(&s, &ID_INBOX).known;
		simdisk_stop_at(s.d, n);
		pass_over(&s, &err);
		assert_true(simdisk_stopped(s.d));
		account_close(&s.a);
		if (kill)
			simdisk_kill(s.d);
		else
			simdisk_power_cut_mode(s.d, how, n);
		simdisk_faults_clear(s.d);
		open_account(&s);
		check_after(&s, known);
	}
}

static void a_pass_may_be_cut_off_anywhere(void **state)
{
	(void)state;
	cut_at_every_call(SIMDISK_ALL_LOST, false);
	cut_at_every_call(SIMDISK_ALL_KEPT, false);
	cut_at_every_call(SIMDISK_RANDOM, false);
	cut_at_every_call(SIMDISK_ORDERED, false);
	cut_at_every_call(SIMDISK_ALL_KEPT, true);
}

static void fail_at_every_call(int os_errno)
{
	uint64_t calls = calls_of_a_pass();

	for (uint64_t n = 1; n <= calls; n++) {
		struct err err = ERR_INIT;
		struct scene s;

		prepare(&s, n);
		struct position known = log_of(&s, &ID_INBOX).known;
		simdisk_fail_at(s.d, n, os_errno);
		if (pass_over(&s, &err) < 0)
			assert_true(err.text[0]);
		reopen_account(&s);
		check_after(&s, known);
	}
}

static void a_pass_that_fails_is_done_again(void **state)
{
	(void)state;
	fail_at_every_call(EIO);
	fail_at_every_call(ENOSPC);
}

/* Nothing fits any more: sealed segments go, for that needs no room, and then
   there is some to go on with. */
static void a_full_disk_gets_room(void **state)
{
	struct err err = ERR_INIT;
	struct scene s;

	(void)state;
	prepare(&s, 1);
	simdisk_set_space(s.d, 0, 1 << 20);
	assert_int_equal(try_flag(&s, 1, true, &err), ERR_IO);
	assert_int_equal(err.os_errno, ENOSPC);
	reopen_account(&s);
	/* That the last segment goes wants room in the state. */
	assert_int_equal(pass_over(&s, &err), ERR_IO);
	assert_int_equal(err.os_errno, ENOSPC);
	assert_int_equal(s.result.files, 4);
	reopen_account(&s);
	assert_int_equal(count_segments(&s), 1);
	simdisk_set_space(s.d, 64 << 10, 1 << 20);
	flag(&s, 1, true);
	retain(&s, 1, 1);
	flag(&s, 2, false);
	assert_int_equal(count_segments(&s), 1);
	assert_int_equal(gaps(&s), 0);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_all_peers_applied_goes),
		cmocka_unit_test(received_is_not_applied),
		cmocka_unit_test(what_is_old_goes_whoever_lacks_it),
		cmocka_unit_test(
			the_last_segment_goes_when_nothing_happens_any_more),
		cmocka_unit_test(logs_that_nobody_gets_are_not_lacked),
		cmocka_unit_test(one_pass_is_bounded),
		cmocka_unit_test(a_peer_that_is_away_for_a_year_costs_no_log),
		cmocka_unit_test(a_log_that_somebody_removed_is_a_gap),
		cmocka_unit_test(a_pass_may_be_cut_off_anywhere),
		cmocka_unit_test(a_pass_that_fails_is_done_again),
		cmocka_unit_test(a_full_disk_gets_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
