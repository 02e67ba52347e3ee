/*
 * A peer that was away, and segments that are gone: what it lacks is handed
 * over from the state, in one go or in several slices, at the cost of what
 * changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "err.h"
#include "handover.h"
#include "journal.h"
#include "parcel.h"
#include "receive.h"
#include "simdisk.h"

#define STATE "/state"
#define BUNDLE "/out.pb"
#define CHANGES 100

static const char *const accounts[] = {"alice"};
static struct err err;

struct end {
	struct simdisk *disk;
	struct key_pair key;
	struct account account;
};

static void must(int rc)
{
	if (rc < 0)
		fail_msg("%s", err.text);
}

static void open_account(struct end *e)
{
	must(account_open(&e->account, simdisk_os(e->disk), STATE, accounts[0],
		e->key.pub.origin, true, &err));
}

static struct end begin(char name)
{
	struct end e = {.disk = simdisk_new((uint64_t)name)};

	key_from_seed((const uint8_t[32]){(uint8_t)name}, &e.key);
	open_account(&e);
	return e;
}

static void finish(struct end *e)
{
	account_close(&e->account);
	assert_int_equal(simdisk_open_files(e->disk), 0);
	simdisk_free(e->disk);
}

/* ---- home ---- */

static struct change stamped(enum change_kind kind)
{
	struct change c = change_blank(kind);

	c.by.stamp = STAMP_OF(1800000000000, 0);
	return c;
}

static void put_folder(struct journal *j)
{
	struct change c = stamped(CHANGE_FOLDER);

	c.folder = ID_INBOX;
	c.path = "INBOX";
	must(journal_put(j, &ID_ACCOUNT, &c, &err));
	c = stamped(CHANGE_AUTHORITY);
	c.folder = ID_INBOX;
	c.term = 1;
	c.site = replica_origin(j->account->replica);
	must(journal_put(j, &ID_ACCOUNT, &c, &err));
}

static void put_save(struct journal *j, uint64_t i)
{
	struct change c = stamped(CHANGE_SAVE);
	char base[40];

	snprintf(base, sizeof(base), "18%08llu.M1.x", (unsigned long long)i);
	c.base = base;
	c.size = 9;
	c.uid = (uint32_t)i;
	memcpy(c.hash.b, &i, sizeof(i));
	must(journal_put(j, &ID_INBOX, &c, &err));
}

static void put_saves(struct end *e, uint64_t first, uint64_t count)
{
	struct journal j;

	must(journal_begin(&j, &e->account, &err));
	if (first == 1)
		put_folder(&j);
	for (uint64_t i = 0; i < count; i++)
		put_save(&j, first + i);
	must(journal_commit(&j, false, &err));
}

static struct replica_log inbox_log(struct end *e, const struct end *of)
{
	struct log_id id = {of->key.pub.origin,
		replica_incarnation(of->account.replica), ID_INBOX};
	struct replica_log log;

	must(replica_log_get(e->account.replica, &id, false, &log, &err));
	return log;
}

static void remove_segments(struct end *e)
{
	must(dir_remove(simdisk_os(e->disk), STATE "/log/alice", &err));
}

/* No mail: the changes are what matters. */
static int no_body(void *arg, const char *account, const struct hash *hash,
	uint64_t offset, size_t max, struct buf *ret, uint64_t *ret_size,
	struct err *e)
{
	(void)arg, (void)account, (void)hash, (void)offset, (void)max;
	(void)ret, (void)ret_size;
	return err_set(e, ERR_ABSENT, "no mail");
}

static struct handover_result hand_over(struct end *from, const struct end *to)
{
	struct os *os = simdisk_os(from->disk);
	struct handover_config config = {.os = os,
		.state_dir = STATE,
		.self = &from->key,
		.peer = &to->key.pub,
		.send_changes = true,
		.take_changes = true,
		.level = 1,
		.link = "",
		.accounts = accounts,
		.account_count = 1,
		.body = no_body};
	struct handover_result result;
	int fd = os->ops->open(os, BUNDLE, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	must(handover_to_fd(&config, fd, BUNDLE, &result, &err));
	os->ops->close(os, fd);
	return result;
}

/* ---- the peer ---- */

static bool any_account(void *arg, const struct receive_peer *peer,
	const char *there, const char *here)
{
	(void)arg, (void)peer, (void)there;
	return here != NULL;
}

/* fn for every parcel of the bundle that lies at `from`. */
static void each_parcel(struct end *from, struct end *to,
	void (*fn)(struct end *from, struct end *to, const struct buf *parcel))
{
	struct os *os = simdisk_os(from->disk);
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct bundle_reader *reader;
	int fd = os->ops->open(os, BUNDLE, O_RDONLY, 0), rc;

	assert_true(fd >= 0);
	must(bundle_reader_open(os, fd, BUNDLE, &reader, &err));
	while ((rc = bundle_reader_next(reader, &parcel, &err)) > 0)
		fn(from, to, &parcel);
	must(rc);
	bundle_reader_close(reader);
	os->ops->close(os, fd);
}

static int take_parcel(
	struct end *from, struct end *to, const struct buf *parcel)
{
	struct receive_peer peer = {
		.name = "p", .key = from->key.pub, .takes_changes = true};
	struct receive_config config = {.os = simdisk_os(to->disk),
		.state_dir = STATE,
		.bodies_dir = STATE "/bodies",
		.self = &to->key,
		.peers = &peer,
		.peer_count = 1,
		.account_ok = any_account};
	struct receive_result result = {0};

	return receive_parcel(
		&config, parcel->data, parcel->len, &result, &err);
}

static void take(struct end *from, struct end *to, const struct buf *parcel)
{
	must(take_parcel(from, to, parcel));
}

static void deliver(struct end *from, struct end *to)
{
	account_close(&to->account);
	each_parcel(from, to, take);
	open_account(to);
}

/* Sections of INBOX's log, as they lie in the parcels. */
static struct parcel_changes seen[16];
static size_t seen_count;

static void look(struct end *from, struct end *to, const struct buf *parcel)
{
	struct parcel_sections sections = {0};
	AUTO_BUF struct buf plain = BUF_INIT;
	size_t peer;

	must(parcel_open(&to->key, NULL, &from->key.pub, 1, parcel->data,
		parcel->len, &peer, &plain, &err));
	must(parcel_parse(
		from->key.pub.origin, plain.data, plain.len, &sections, &err));
	for (size_t i = 0; i < sections.count; i++) {
		const struct parcel_section *s = &sections.items[i];

		if (s->type != PARCEL_CHANGES ||
			id_is_account(&s->changes.from.log.folder))
			continue;
		assert_true(seen_count < 16);
		seen[seen_count++] = s->changes; /* positions only */
	}
	parcel_sections_free(&sections);
}

static void look_at_bundle(struct end *from, struct end *to)
{
	seen_count = 0;
	each_parcel(from, to, look);
}

static void same_folder(struct end *a, struct end *b)
{
	uint8_t digest_a[16], digest_b[16];
	uint64_t count_a, count_b;
	uint32_t next_a, next_b;

	must(replica_folder_sums(a->account.replica, &ID_INBOX, &count_a,
		&next_a, digest_a, &err));
	must(replica_folder_sums(b->account.replica, &ID_INBOX, &count_b,
		&next_b, digest_b, &err));
	assert_int_equal(count_a, count_b);
	assert_int_equal(next_a, next_b);
	assert_memory_equal(digest_a, digest_b, sizeof(digest_a));
}

/* ---- tests ---- */

static void slices_lead_from_what_is_known_to_the_end(void **state)
{
	struct end a = begin('a'), b = begin('b');

	(void)state;
	put_saves(&a, 1, 10000);
	remove_segments(&a);
	struct handover_result r = hand_over(&a, &b);
	struct replica_log log = inbox_log(&a, &a);
	assert_int_equal(r.written_out, 10000 + 2);
	look_at_bundle(&a, &b);
	assert_int_equal(seen_count, 3);
	for (size_t i = 0; i < seen_count; i++) {
		bool last = i + 1 == seen_count;

		assert_int_equal(seen[i].from.lsn, i ? seen[i - 1].to.lsn : 0);
		assert_int_equal(
			seen[i].from.chain, i ? seen[i - 1].to.chain : 0);
		assert_int_equal(seen[i].to.chain, last ? log.known.chain : 0);
	}
	assert_int_equal(seen[2].to.lsn, log.known.lsn);
	deliver(&a, &b);
	same_folder(&a, &b);
	assert_int_equal(inbox_log(&b, &a).known.lsn, log.known.lsn);
	assert_int_equal(inbox_log(&b, &a).known.chain, log.known.chain);
	/* and once more: nothing new, no conflict */
	deliver(&a, &b);
	same_folder(&a, &b);
	finish(&a);
	finish(&b);
}

/* A peer may say that it knows a log as far as a slice brought it. */
static void a_position_without_a_chain_value_is_gone_on_from(void **state)
{
	struct end a = begin('a'), b = begin('b');

	(void)state;
	put_saves(&a, 1, 10);
	hand_over(&a, &b);
	deliver(&a, &b);
	struct replica_log there = inbox_log(&b, &a);
	struct replica_ack ack = {
		inbox_log(&a, &a).id, there.known.lsn, 0, there.known.lsn};
	there.known.chain = 0;
	must(replica_begin(b.account.replica, &err));
	must(replica_log_set(b.account.replica, &there, &err));
	must(replica_commit(b.account.replica, &err));
	must(replica_begin(a.account.replica, &err));
	must(replica_ack_set(a.account.replica, b.key.pub.origin, &ack, &err));
	must(replica_commit(a.account.replica, &err));
	/* from the segments, which know better */
	put_saves(&a, 11, 5);
	struct handover_result r = hand_over(&a, &b);
	assert_int_equal(r.written_out, 0);
	deliver(&a, &b);
	same_folder(&a, &b);
	assert_int_equal(
		inbox_log(&b, &a).known.chain, inbox_log(&a, &a).known.chain);
	finish(&a);
	finish(&b);
}

/* Above a position that was met another chain value is a rollback, still. */
static void a_chain_value_that_differs_is_a_conflict(void **state)
{
	struct end a = begin('a'), b = begin('b');

	(void)state;
	put_saves(&a, 1, 3);
	hand_over(&a, &b);
	deliver(&a, &b);
	struct replica_log log = inbox_log(&b, &a);
	assert_int_equal(replica_log_agrees(b.account.replica, &log, 3,
				 log.known.chain + 1, &err),
		ERR_CONFLICT);
	assert_int_equal(
		replica_log_agrees(b.account.replica, &log, 3, 0, &err), 0);
	finish(&a);
	finish(&b);
}

/* What `to` makes of the bundle that lies at `from`. */
static int outcome;

static void offer(struct end *from, struct end *to, const struct buf *parcel)
{
	int rc = take_parcel(from, to, parcel);

	outcome = rc < 0 ? rc : outcome;
}

static int deliver_any(struct end *from, struct end *to)
{
	outcome = 0;
	account_close(&to->account);
	each_parcel(from, to, offer);
	open_account(to);
	return outcome;
}

/* Nothing was acknowledged: all is handed over once more, and more. */
static void between_two_ends_a_peer_goes_on_where_it_was_handed_to(void **state)
{
	struct end a = begin('a'), b = begin('b');

	(void)state;
	put_saves(&a, 1, 3);
	hand_over(&a, &b);
	deliver(&a, &b);
	put_saves(&a, 4, 3);
	hand_over(&a, &b);
	put_saves(&a, 7, 3);
	hand_over(&a, &b);
	look_at_bundle(&a, &b);
	assert_int_equal(seen_count, 1);
	assert_int_equal(seen[0].from.lsn, 0);
	assert_int_equal(seen[0].end_count, 2);
	deliver(&a, &b);
	same_folder(&a, &b);
	finish(&a);
	finish(&b);
}

static void alter(struct end *e, const char *query)
{
	sqlite3 *db = replica_db(e->account.replica);

	if (sqlite3_exec(db, query, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
}

/* What was restored from an old image wrote on from there: its positions are
   others', though their numbers are the same. */
static void another_history_below_the_end_is_a_conflict(void **state)
{
	struct end a = begin('a'), b = begin('b');

	(void)state;
	put_saves(&a, 1, 3);
	hand_over(&a, &b);
	deliver(&a, &b);
	alter(&a, "UPDATE handed SET chain = chain + 1");
	put_saves(&a, 4, 3);
	hand_over(&a, &b);
	assert_int_equal(deliver_any(&a, &b), ERR_CONFLICT);
	assert_int_equal(inbox_log(&b, &a).known.lsn, 3);
	finish(&a);
	finish(&b);
}

/* What was handed over is noted before it can be seen: a state that does not
   know of it is a copy, or was put back. */
static void an_end_that_its_state_does_not_know_of_is_a_conflict(void **state)
{
	struct end a = begin('a'), b = begin('b');

	(void)state;
	put_saves(&a, 1, 3);
	hand_over(&a, &b);
	deliver(&a, &b);
	alter(&a, "DELETE FROM handed");
	put_saves(&a, 4, 3);
	hand_over(&a, &b);
	assert_int_equal(deliver_any(&a, &b), ERR_CONFLICT);
	assert_int_equal(inbox_log(&b, &a).known.lsn, 3);
	finish(&a);
	finish(&b);
}

static void an_end_that_a_new_state_does_not_know_of_waits(void **state)
{
	struct end a = begin('a'), b = begin('b');

	(void)state;
	put_saves(&a, 1, 3);
	hand_over(&a, &b);
	deliver(&a, &b);
	alter(&a, "DELETE FROM handed");
	alter(&b, "INSERT OR REPLACE INTO ack_order SELECT DISTINCT origin,"
		  " incarnation + 1, 1 FROM log WHERE lsn > 0");
	put_saves(&a, 4, 3);
	hand_over(&a, &b);
	assert_int_equal(deliver_any(&a, &b), ERR_TORN);
	assert_int_equal(inbox_log(&b, &a).known.lsn, 3);
	alter(&b, "DELETE FROM ack_order");
	/* The acknowledgement that says so is due. */
	assert_true(hand_over(&b, &a).acks > 0);
	deliver(&b, &a);
	hand_over(&a, &b);
	look_at_bundle(&a, &b);
	assert_int_equal(seen[0].from.lsn, 3);
	deliver(&a, &b);
	same_folder(&a, &b);
	finish(&a);
	finish(&b);
}

/* A peer that stands where we have been, but came there another way. */
static void an_acknowledgement_of_another_history_is_a_conflict(void **state)
{
	struct end a = begin('a'), b = begin('b');

	(void)state;
	put_saves(&a, 1, 3);
	hand_over(&a, &b);
	deliver(&a, &b);
	alter(&b, "UPDATE log SET chain = chain + 1 WHERE lsn = 3");
	hand_over(&b, &a);
	assert_int_equal(deliver_any(&b, &a), ERR_CONFLICT);
	finish(&a);
	finish(&b);
}

static void half_a_log_comes_from_the_state_and_half_a_peer_knows(void **state)
{
	struct end a = begin('a'), b = begin('b');

	(void)state;
	put_saves(&a, 1, 100);
	hand_over(&a, &b);
	deliver(&a, &b);
	struct replica_log there = inbox_log(&b, &a);
	struct replica_ack ack = {inbox_log(&a, &a).id, there.known.lsn,
		there.known.chain, there.known.lsn};
	must(replica_begin(a.account.replica, &err));
	must(replica_ack_set(a.account.replica, b.key.pub.origin, &ack, &err));
	must(replica_commit(a.account.replica, &err));
	put_saves(&a, 101, 7);
	remove_segments(&a);
	hand_over(&a, &b);
	look_at_bundle(&a, &b);
	assert_int_equal(seen_count, 1);
	assert_int_equal(seen[0].from.lsn, there.known.lsn);
	assert_int_equal(seen[0].from.chain, there.known.chain);
	deliver(&a, &b);
	same_folder(&a, &b);
	/* The log goes on; its new segment serves. */
	put_saves(&a, 108, 1);
	deliver(&a, &b);
	hand_over(&a, &b);
	deliver(&a, &b);
	same_folder(&a, &b);
	finish(&a);
	finish(&b);
}

/* ---- cost ---- */

static void count_read(void *ctx, const char *call, const char *path)
{
	uint64_t *reads = ctx;

	*reads += strcmp(call, "pread") == 0 && strstr(path, "state.db");
}

/* As if `count` messages had been saved, and the peer knew them. */
static void fill(struct end *e, uint64_t peer, unsigned long count)
{
	struct replica *r = e->account.replica;
	struct replica_log log = inbox_log(e, e);
	struct replica_ack ack;
	char *text = sqlite3_mprintf(
		"WITH RECURSIVE n(i) AS (VALUES(%llu) UNION ALL SELECT i + 1"
		" FROM n WHERE i < %lu) INSERT INTO message(id, folder,"
		" place_stamp, place_log, place_lsn, birth_folder, birth_base,"
		" base, size, mtime, hash, extra_stamp, extra_log, extra_lsn,"
		" guid_stamp, guid_log, guid_lsn, letters, uid, uid_stamp,"
		" uid_log, uid_lsn, p_folder, p_base, p_letters, p_uid, p_ino)"
		" SELECT i, 1, 5, %lld, i, 1, b, b, 8, 1700000000,"
		" randomblob(20), 5, %lld, i, 5, %lld, i, 'S', i, 5, %lld, i,"
		" 1, b, 'S', i, i FROM (SELECT i, printf('1700%%06d.M%%dP1.vm'"
		", i, i) AS b FROM n);"
		"INSERT INTO dot(log, lsn, message) SELECT place_log,"
		" place_lsn, id FROM message WHERE place_lsn >= %llu",
		(unsigned long long)log.known.lsn + 1, count, (long long)log.id,
		(long long)log.id, (long long)log.id, (long long)log.id,
		(unsigned long long)log.known.lsn + 1);

	must(replica_begin(r, &err));
	assert_int_equal(
		sqlite3_exec(replica_db(r), text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_free(text);
	log.known.lsn = count;
	log.file_lsn = 0;
	log.size = 0;
	must(replica_log_set(r, &log, &err));
	ack = (struct replica_ack){log.id, count, log.known.chain, count};
	must(replica_ack_set(r, peer, &ack, &err));
	must(replica_commit(r, &err));
}

static void put_changes(struct end *e, unsigned long count)
{
	struct replica_log log = inbox_log(e, e);
	struct journal j;

	must(journal_begin(&j, &e->account, &err));
	for (uint64_t i = 0; i < CHANGES; i++) {
		struct change c =
			stamped(i % 3 == 1 ? CHANGE_EXPUNGE : CHANGE_FLAGS);

		c.by.stamp = STAMP_OF(1800000001000 + i, 0);
		c.dot = (struct dot){log.known.log, 1 + i * (count / CHANGES)};
		if (c.kind == CHANGE_FLAGS)
			c.add.letters = "F";
		if (i % 3 == 2) {
			put_save(&j, count + i);
			continue;
		}
		must(journal_put(&j, &ID_INBOX, &c, &err));
	}
	must(journal_commit(&j, false, &err));
}

static void catching_up_costs_what_changed(void **state)
{
	static const unsigned long sizes[] = {1000, 10000, 100000};
	uint64_t first_bytes = 0;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct end a = begin('a'), b = begin('b');
		uint64_t reads = 0;

		put_saves(&a, 1, 1);
		fill(&a, b.key.pub.origin, sizes[i]);
		put_changes(&a, sizes[i]);
		remove_segments(&a);
		account_close(&a.account);
		simdisk_hook(a.disk, count_read, &reads);
		struct handover_result r = hand_over(&a, &b);
		simdisk_hook(a.disk, NULL, NULL);
		print_message("%lu messages: %llu pages of the state read, "
			      "%llu bytes handed over\n",
			sizes[i], (unsigned long long)reads,
			(unsigned long long)r.size);
		assert_int_equal(r.written_out, CHANGES + 2);
		assert_true(reads <= CHANGES * 4 + 40);
		if (!first_bytes)
			first_bytes = r.size;
		assert_true(r.size <= first_bytes + 512);
		open_account(&a);
		finish(&a);
		finish(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slices_lead_from_what_is_known_to_the_end),
		cmocka_unit_test(
			a_position_without_a_chain_value_is_gone_on_from),
		cmocka_unit_test(a_chain_value_that_differs_is_a_conflict),
		cmocka_unit_test(
			between_two_ends_a_peer_goes_on_where_it_was_handed_to),
		cmocka_unit_test(another_history_below_the_end_is_a_conflict),
		cmocka_unit_test(
			an_end_that_its_state_does_not_know_of_is_a_conflict),
		cmocka_unit_test(
			an_end_that_a_new_state_does_not_know_of_waits),
		cmocka_unit_test(
			an_acknowledgement_of_another_history_is_a_conflict),
		cmocka_unit_test(
			half_a_log_comes_from_the_state_and_half_a_peer_knows),
		cmocka_unit_test(catching_up_costs_what_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
