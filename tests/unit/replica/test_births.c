/*
 * Which births are one message and which are two, in whatever order they come
 * and whoever tells of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "change.h"
#include "err.h"
#include "replica.h"
#include "simdisk.h"

#define SELF 1u
#define HOME 2u
#define BEFORE 76u /* incarnations */
#define AFTER 77u

static const struct id128 work = {{3}}, other = {{4}};

static struct err err;

static struct log_id log_of(uint64_t incarnation, const struct id128 *folder)
{
	return (struct log_id){HOME, incarnation, *folder};
}

static struct change blank(
	enum change_kind kind, struct log_id log, uint64_t lsn)
{
	return (struct change){.kind = kind,
		.by = {lsn << 16, log, lsn},
		.base = "",
		.extra = "",
		.path = "",
		.reason = "",
		.add = {"", ""},
		.del = {"", ""}};
}

static struct change birth(enum change_kind kind, struct log_id log)
{
	struct change c = blank(kind, log, 1);

	c.dot = (struct dot){log, 1};
	c.size = 9;
	c.base = "X";
	return c;
}

static void take(struct replica *r, const struct change *c)
{
	struct replica_log log;

	assert_true(replica_log_get(r, &c->by.log, true, &log, &err) >= 0);
	if (replica_apply(r, c, &err) < 0)
		fail_msg("%s", err.text);
	log.known.lsn = c->by.lsn;
	assert_int_equal(replica_log_set(r, &log, &err), 0);
}

static struct replica *fresh(struct simdisk **ret_disk)
{
	struct replica *r;

	*ret_disk = simdisk_new(1);
	if (replica_open(simdisk_os(*ret_disk), "/state.db", "a", SELF, true,
		    &r, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(replica_begin(r, &err), 0);
	return r;
}

static void done(struct replica *r, struct simdisk *disk)
{
	replica_rollback(r);
	replica_close(r);
	simdisk_free(disk);
}

static int64_t message_of(struct replica *r, struct log_id log)
{
	AUTO_ARENA struct arena arena = {0};
	struct dot dot = {log, 1};
	struct replica_message m;

	assert_int_equal(replica_message_by_dot(r, &dot, &arena, &m, &err), 0);
	return m.id;
}

static bool are_one(struct replica *r)
{
	return message_of(r, log_of(BEFORE, &work)) ==
	       message_of(r, log_of(AFTER, &work));
}

/*
 * Saved, and after the state was lost met as a copy under the same name: of
 * what was saved then (apart), or of something elsewhere.
 */
static void make(struct change ret[2], bool apart)
{
	ret[0] = birth(CHANGE_SAVE, log_of(BEFORE, &work));
	ret[1] = birth(CHANGE_COPY, log_of(AFTER, &work));
	ret[1].source =
		(struct dot){log_of(BEFORE, apart ? &work : &ID_INBOX), 1};
}

static void check(bool apart)
{
	for (int first = 0; first < 2; first++) {
		struct simdisk *disk;
		struct replica *r = fresh(&disk);
		struct change born[2];

		make(born, apart);
		take(r, &born[first]);
		take(r, &born[!first]);
		assert_int_equal(are_one(r), !apart);
		done(r, disk);
	}
}

static void a_mail_that_is_met_anew_is_the_same(void **state)
{
	(void)state;
	check(false);
}

static void a_copy_of_that_very_mail_is_another(void **state)
{
	(void)state;
	check(true);
}

static void tell(
	struct replica *from, struct replica *to, const struct log_id *log)
{
	struct change_batch batch = {0};
	uint64_t upto;

	assert_int_equal(
		replica_write_out(from, log, 0, 1, &batch, &upto, &err), 0);
	assert_int_equal(batch.count, 1);
	take(to, &batch.items[0]);
	change_batch_free(&batch);
}

static void so_it_is_told_from_the_state(void **state)
{
	struct log_id logs[] = {log_of(BEFORE, &work), log_of(AFTER, &work)};

	(void)state;
	for (int first = 0; first < 2; first++) {
		struct simdisk *disk, *there;
		struct replica *r = fresh(&disk), *to = fresh(&there);
		struct change born[2];

		make(born, true);
		take(r, &born[0]);
		take(r, &born[1]);
		tell(r, to, &logs[first]);
		tell(r, to, &logs[!first]);
		assert_false(are_one(to));
		done(r, disk);
		done(to, there);
	}
}

static void two_stay_two_when_folders_become_one(void **state)
{
	const struct id128 *folders[] = {&work, &other};
	struct simdisk *disk;
	struct replica *r = fresh(&disk);
	struct change born[2];

	(void)state;
	for (uint64_t i = 0; i < 2; i++) {
		struct change c = blank(
			CHANGE_FOLDER, log_of(BEFORE, &ID_ACCOUNT), i + 1);

		c.folder = *folders[i];
		c.path = "Work";
		take(r, &c);
	}
	make(born, true);
	take(r, &born[0]);
	take(r, &born[1]);
	struct change merge =
		blank(CHANGE_MERGE, log_of(BEFORE, &ID_ACCOUNT), 3);
	merge.folder = other;
	merge.other = work;
	take(r, &merge);
	assert_false(are_one(r));
	done(r, disk);
}

/* What capture asks before it logs a copy. */
static void who_was_born_so_before_is_found(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct log_id log = {SELF, BEFORE, work};
	struct change c = birth(CHANGE_SAVE, log);
	struct simdisk *disk;
	struct replica *r = fresh(&disk);
	struct replica_folder f;
	struct dot dot;

	(void)state;
	take(r, &c);
	assert_int_equal(replica_folder_by_fid(r, &work, &arena, &f, &err), 0);
	assert_int_equal(
		replica_born_before(r, f.id, "X", &c.hash, &dot, &err), 0);
	assert_int_equal(dot_cmp(&dot, &c.dot), 0);
	assert_int_equal(
		replica_born_before(r, f.id, "Y", &c.hash, &dot, &err), 1);
	c = birth(CHANGE_SAVE, (struct log_id){HOME, BEFORE, other});
	take(r, &c);
	assert_int_equal(replica_folder_by_fid(r, &other, &arena, &f, &err), 0);
	assert_int_equal(
		replica_born_before(r, f.id, "X", &c.hash, &dot, &err), 1);
	done(r, disk);
}

static void one_dot_is_never_two_mails(void **state)
{
	struct change c = birth(CHANGE_SAVE, log_of(BEFORE, &work));
	struct change again = c, next;
	struct simdisk *disk;
	struct replica *r = fresh(&disk);

	(void)state;
	assert_int_equal(replica_birth_agrees(r, &c, &err), 1);
	take(r, &c);
	assert_int_equal(replica_birth_agrees(r, &c, &err), 1);
	again.hash.b[0] = 1;
	assert_int_equal(replica_birth_agrees(r, &again, &err), ERR_CONFLICT);
	again.kind = CHANGE_COPY;
	assert_int_equal(replica_birth_agrees(r, &again, &err), ERR_CONFLICT);
	again.kind = CHANGE_FLAGS;
	assert_int_equal(replica_birth_agrees(r, &again, &err), 1);
	again.kind = CHANGE_SAVE;
	/* Of what is dead nothing is known any more. */
	next = blank(CHANGE_EXPUNGE, log_of(BEFORE, &work), 2);
	next.dot = c.dot;
	take(r, &next);
	assert_int_equal(replica_birth_agrees(r, &again, &err), 1);
	done(r, disk);
}

/* So far back it is not known any more where commits ended. */
static void a_log_ends_where_a_commit_did(void **state)
{
	struct log_id id = {SELF, AFTER, work};
	struct replica_log log;
	struct simdisk *disk;
	struct replica *r = fresh(&disk);

	(void)state;
	assert_true(replica_log_get(r, &id, true, &log, &err) >= 0);
	assert_int_equal(replica_log_ended(r, &log, 2, &err), 0);
	for (uint64_t lsn = 2; lsn <= 200; lsn += 2) {
		log.known.lsn = lsn;
		log.known.chain = lsn + 1000;
		assert_int_equal(replica_log_set(r, &log, &err), 0);
		assert_int_equal(replica_log_ended(r, &log, lsn, &err), 1);
		assert_int_equal(replica_log_ended(r, &log, lsn - 1, &err), 0);
	}
	assert_int_equal(replica_log_ended(r, &log, 2, &err), 1);
	assert_int_equal(replica_log_ended(r, &log, 3, &err), 1);
	assert_int_equal(replica_log_ended(r, &log, 151, &err), 0);
	done(r, disk);
}

static void be_work(
	struct replica *r, const struct id128 *folder, uint64_t home)
{
	struct log_id log = log_of(BEFORE, &ID_ACCOUNT);
	struct change c = blank(CHANGE_FOLDER, log, folder->b[0]);

	c.folder = *folder;
	c.path = "Work";
	take(r, &c);
	c = blank(CHANGE_AUTHORITY, log, folder->b[0] + 10u);
	c.folder = *folder;
	c.term = 1;
	c.site = home;
	take(r, &c);
}

/* A folder that was deleted there and made again, in part. */
static void of_two_at_one_other_home_one_is_gone(void **state)
{
	static const struct {
		uint64_t of_work, of_other;
		int rc;
	} homes[] = {{HOME, HOME, 1}, {HOME, SELF, 0}, {SELF, SELF, 0},
		{HOME, HOME + 1, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(homes) / sizeof(*homes); i++) {
		struct simdisk *disk;
		struct replica *r = fresh(&disk);
		int64_t a, b;

		be_work(r, &work, homes[i].of_work);
		be_work(r, &other, homes[i].of_other);
		assert_int_equal(
			replica_same_name(r, &a, &b, &err), homes[i].rc);
		done(r, disk);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mail_that_is_met_anew_is_the_same),
		cmocka_unit_test(a_copy_of_that_very_mail_is_another),
		cmocka_unit_test(so_it_is_told_from_the_state),
		cmocka_unit_test(two_stay_two_when_folders_become_one),
		cmocka_unit_test(who_was_born_so_before_is_found),
		cmocka_unit_test(one_dot_is_never_two_mails),
		cmocka_unit_test(a_log_ends_where_a_commit_did),
		cmocka_unit_test(of_two_at_one_other_home_one_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
