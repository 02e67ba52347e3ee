/*
 * exchange: two folders that differ become equal, whatever it is that differs,
 * and whatever becomes of the parcels; and no mail is lost by it.
 */
#include "twofolders.h"

#define MAILS 20

/* Mails in INBOX, some of them flagged, which both know. */
static void equal_pair(struct pair *p)
{
	pair_begin(p);
	for (unsigned i = 0; i < MAILS; i++) {
		struct change c = save(&p->h, 0);

		if (i % 3 == 0)
			flag(&p->h, 0, &c.dot, "S", "");
	}
	pair_take(p);
	assert_true(is_equal(p, 0));
}

static int64_t mails(struct site *s)
{
	return ask(s, "SELECT count(*) FROM message WHERE dead = 0");
}

/* ---- what may differ ---- */

/* Who is in doubt of itself takes what the other has. */
static void registers_that_rotted_are_taken_from_the_other(void **state)
{
	static const char *const rots[] = {
		"UPDATE message SET mtime = mtime + 7 WHERE id = 3",
		"UPDATE message SET size = size + 7 WHERE id = 3",
		"UPDATE message SET hash = zeroblob(20) WHERE id = 3",
		"UPDATE message SET base = 'rotted' WHERE id = 3",
		"UPDATE message SET extra = char(10) WHERE id = 3",
		"UPDATE message SET uid = 999 WHERE id = 3",
		"UPDATE message SET extra = 'Grotted' WHERE id = 3",
		"UPDATE message SET letters = 'FT' WHERE id = 3",
		"UPDATE message SET keywords = 'rotted' WHERE id = 4",
		"UPDATE flag SET value = 0 WHERE message = 4",
		"UPDATE message SET mtime = mtime + id WHERE id < 9",
	};

	(void)state;
	for (size_t i = 0; i < 4 * sizeof(rots) / sizeof(*rots); i++) {
		bool at_home = i % 2, home_begins = i / 2 % 2;
		struct pair p;

		equal_pair(&p);
		struct stated right = of_folder(&p.here, 0);
		rot(at_home ? &p.home : &p.here, rots[i / 4]);
		/* Either may begin. */
		begin(home_begins ? &p.home : &p.here,
			home_begins ? SELF : HOME, 0);
		turns(&p, 4);
		assert_settled(&p, 0);
		struct stated now = of_folder(&p.here, 0);
		if (now.sums.digest != right.sums.digest)
			fail_msg("%s, at home: %d", rots[i / 4], at_home);
		pair_end(&p);
	}
}

/* The sums are those of the registers: nobody is in doubt. */
static void without_doubt_what_home_has_counts(void **state)
{
	struct err err = ERR_INIT;
	struct pair p;

	(void)state;
	for (int at_home = 0; at_home < 2; at_home++) {
		struct site *s = at_home ? &p.home : &p.here;

		equal_pair(&p);
		rot(s, "UPDATE message SET mtime = 77 WHERE id = 3");
		done(stated_recount(s->r, 1, NOW, &err), &err);
		rot(s, "DELETE FROM gap");
		begin(&p.here, HOME, 0);
		turns(&p, 4);
		assert_settled(&p, 0);
		assert_int_equal(
			ask(&p.here, "SELECT mtime FROM message WHERE id = 3"),
			at_home ? 77 : 5);
		pair_end(&p);
	}
}

static void mail_whose_rows_are_gone_comes_back(void **state)
{
	struct pair p;

	(void)state;
	for (int at_home = 0; at_home < 2; at_home++) {
		struct site *s = at_home ? &p.home : &p.here;

		equal_pair(&p);
		rot(s, "DELETE FROM dot WHERE message IN (3, 4, 5)");
		rot(s, "DELETE FROM flag WHERE message IN (3, 4, 5)");
		rot(s, "DELETE FROM message WHERE id IN (3, 4, 5)");
		begin(&p.here, HOME, 0);
		turns(&p, 4);
		assert_int_equal(mails(&p.here), MAILS);
		if (!at_home)
			assert_settled(&p, 0);
		pair_end(&p);
	}
}

/* Our log says that we know of it; home's tombstone says who did it. */
static void an_expunge_that_was_missed_comes_after_all(void **state)
{
	struct pair p;

	(void)state;
	equal_pair(&p);
	struct change gone = change_blank(CHANGE_EXPUNGE);
	gone.dot = (struct dot){log_id_of(0), 3};
	put(&p.h, 0, &gone);
	take_all(&p.home, &p.h);
	rot(&p.here, "UPDATE log SET lsn = lsn + 1 WHERE lsn > 3");
	begin(&p.here, HOME, 0);
	turns(&p, 4);
	assert_settled(&p, 0);
	assert_int_equal(mails(&p.here), MAILS - 1);
	assert_int_equal(ask(&p.here, "SELECT dead_lsn FROM dot"
				      " WHERE dead_log <> 0"),
		(int64_t)p.h.logs[0].count);
	pair_end(&p);
}

/* Of an expunge that was folded away with its mail nothing is left. */
static void a_death_without_a_tombstone_is_told_by_its_birthplace(void **state)
{
	struct pair p;

	(void)state;
	for (int at_home = 0; at_home < 2; at_home++) {
		struct site *s = at_home ? &p.home : &p.here;

		equal_pair(&p);
		/* Its own incarnation is another than that of these logs. */
		rot(s, "DELETE FROM flag WHERE message = 1");
		rot(s, "DELETE FROM dot WHERE message = 1");
		rot(s, "DELETE FROM message WHERE id = 1");
		struct err err = ERR_INIT;
		done(stated_recount(s->r, 1, NOW, &err), &err);
		rot(s, "DELETE FROM gap");
		begin(&p.here, HOME, 0);
		turns(&p, 6);
		assert_settled(&p, 0);
		/* Only who bore it is believed; else it comes back. */
		assert_int_equal(mails(&p.here), at_home ? MAILS - 1 : MAILS);
		assert_int_equal(mails(&p.home), at_home ? MAILS - 1 : MAILS);
		pair_end(&p);
	}
}

static void a_tombstone_that_only_one_has_is_told(void **state)
{
	struct pair p;

	(void)state;
	for (int at_home = 0; at_home < 2; at_home++) {
		struct site *s = at_home ? &p.home : &p.here;

		equal_pair(&p);
		struct change gone = change_blank(CHANGE_EXPUNGE);
		gone.dot = (struct dot){log_id_of(0), 3};
		gone.by =
			(struct write_id){NOW << 17, {HOME, 78, folders[0]}, 1};
		struct err err = ERR_INIT;
		done(replica_begin(s->r, &err), &err);
		done(replica_apply(s->r, &gone, &err), &err);
		done(replica_commit(s->r, &err), &err);
		begin(&p.here, HOME, 0);
		turns(&p, 4);
		assert_settled(&p, 0);
		assert_int_equal(mails(&p.home), MAILS - 1);
		assert_int_equal(ask(&p.home, "SELECT dead_lsn FROM dot"
					      " WHERE dead_log <> 0"),
			1);
		pair_end(&p);
	}
}

/* What users did here, where it is not handed over, stays here. */
static void changes_in_a_folder_of_another_home_stay_where_they_are(
	void **state)
{
	struct pair p;

	(void)state;
	equal_pair(&p);
	struct change c = change_blank(CHANGE_FLAGS);
	c.dot = (struct dot){log_id_of(0), 1};
	c.add.letters = "F";
	c.by = (struct write_id){NOW << 17, {SELF, 1234, folders[0]}, 1};
	struct err err = ERR_INIT;
	done(replica_begin(p.here.r, &err), &err);
	done(replica_apply(p.here.r, &c, &err), &err);
	done(replica_commit(p.here.r, &err), &err);
	rot(&p.here, "UPDATE message SET mtime = 77 WHERE id = 3");
	begin(&p.here, HOME, 0);
	turns(&p, 8);
	assert_int_equal(
		ask(&p.home, "SELECT count(*) FROM flag WHERE name = '\\F'"),
		0);
	/* The rest is mended. */
	assert_int_equal(
		ask(&p.here, "SELECT mtime FROM message WHERE id = 3"), 5);
	/* It is not taken for equal, and tried again some time. */
	assert_int_equal(ask(&p.here, "SELECT failed FROM comparing"), 1);
	pair_end(&p);
}

static void many_differences_are_found_by_a_table(void **state)
{
	struct pair p;

	(void)state;
	pair_begin(&p);
	for (unsigned i = 0; i < 1500; i++)
		save(&p.h, 0);
	pair_take(&p);
	for (unsigned i = 0; i < 1500; i += 2) {
		struct dot dot = {log_id_of(0), i + 1};

		flag(&p.h, 0, &dot, "S", "");
	}
	take_all(&p.home, &p.h);
	rot(&p.here, "UPDATE log SET lsn = lsn + 750 WHERE lsn > 700");
	begin(&p.here, HOME, 0);
	turns(&p, 6);
	assert_settled(&p, 0);
	assert_int_equal(ask(&p.here, "SELECT count(*) FROM flag"), 750);
	pair_end(&p);
}

/* ---- what becomes of parcels ---- */

/* Rows gone here, a tombstone missed, and a register rotted at home. */
static void differing_pair(struct pair *p)
{
	equal_pair(p);
	struct change gone = change_blank(CHANGE_EXPUNGE);
	gone.dot = (struct dot){log_id_of(0), 3};
	put(&p->h, 0, &gone);
	take_all(&p->home, &p->h);
	rot(&p->here, "UPDATE log SET lsn = lsn + 1 WHERE lsn > 3");
	rot(&p->here, "DELETE FROM flag WHERE message = 7");
	rot(&p->here, "DELETE FROM dot WHERE message = 7");
	rot(&p->here, "DELETE FROM message WHERE id = 7");
}

static void a_parcel_that_is_lost_is_made_again(void **state)
{
	(void)state;
	for (unsigned lose = 1; lose <= 5; lose++) {
		struct pair p;

		differing_pair(&p);
		p.lose = lose;
		begin(&p.here, HOME, 0);
		turns(&p, 4);
		/* Nobody asks again at once, … */
		if (!is_equal(&p, 0))
			assert_false(turn(&p));
		/* … but after a while; the last word may be the lost one. */
		for (unsigned i = 0; i < 3; i++) {
			p.now_ms += INT64_C(3600000);
			turns(&p, 4);
		}
		assert_settled(&p, 0);
		pair_end(&p);
	}
}

/* Who knew it could send mail that no sketch tells apart. */
static void each_comparison_has_a_key_of_its_own(void **state)
{
	struct comparing is[4];
	struct err err = ERR_INIT;
	struct pair p;

	(void)state;
	pair_begin(&p);
	for (size_t i = 0; i < 4; i++) {
		AUTO_ARENA struct arena arena = {0};

		begin(&p.here, HOME, i % 2);
		assert_int_equal(comparing_get(p.here.r, HOME, &folders[i % 2],
					 &arena, &is[i], &err),
			0);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(
				is[k].seed, is[i].seed, sizeof(is[i].seed));
		done(replica_begin(p.here.r, &err), &err);
		done(comparing_end(p.here.r, HOME, &folders[i % 2], &err),
			&err);
		done(replica_commit(p.here.r, &err), &err);
	}
	pair_end(&p);
}

struct looking {
	struct site *at;
	int64_t most; /* folders that were done when one was spoken of */
};

/* As another program sees the state. */
static int look_in_between(void *arg, enum parcel_section_type type,
	const struct parcel_compare *c, struct err *err)
{
	struct looking *l = arg;
	struct site other;

	(void)type;
	(void)c;
	done(replica_open(simdisk_os(l->at->disk), "/state.db", "a", SELF,
		     false, &other.r, err),
		err);
	int64_t packed =
		ask(&other, "SELECT count(*) FROM comparing WHERE due = 2");
	l->most = packed > l->most ? packed : l->most;
	replica_close(other.r);
	return 0;
}

static void others_may_write_between_two_folders(void **state)
{
	struct err err = ERR_INIT;
	struct pair p;

	(void)state;
	pair_begin(&p);
	for (unsigned i = 0; i < MAILS; i++)
		save(&p.h, i % 3);
	pair_take(&p);
	for (size_t i = 0; i < 3; i++)
		begin(&p.here, HOME, i);
	struct looking l = {.at = &p.here};
	struct exchange x = exchange_of(&p, false);
	assert_int_equal(
		exchange_pack(&x, "a", true, look_in_between, &l, &err), 3);
	assert_int_equal(l.most, 2);
	pair_end(&p);
}

static void parcels_that_come_twice_do_no_harm(void **state)
{
	struct pair p;

	(void)state;
	differing_pair(&p);
	p.twice = true;
	begin(&p.here, HOME, 0);
	turns(&p, 6);
	assert_settled(&p, 0);
	pair_end(&p);
}

static void an_old_answer_brings_no_mail_back(void **state)
{
	AUTO_BUF struct buf sketch = BUF_INIT, old = BUF_INIT;
	struct pair p;

	(void)state;
	equal_pair(&p);
	rot(&p.here, "DELETE FROM flag WHERE message = 1");
	rot(&p.here, "DELETE FROM dot WHERE message = 1");
	rot(&p.here, "DELETE FROM message WHERE id = 1");
	begin(&p.here, HOME, 0);
	assert_true(pack(&p, false, &sketch) > 0);
	deliver(&p, true, &sketch);
	assert_true(pack(&p, true, &old) > 0);
	/* It was settled in another way, and the mail is gone everywhere. */
	rot(&p.here, "DELETE FROM comparing");
	rot(&p.here, "DELETE FROM gap");
	deliver(&p, false, &old);
	assert_int_equal(mails(&p.here), MAILS - 1);
	pair_end(&p);
}

static void two_that_begin_at_once_do_not_meet_twice(void **state)
{
	struct pair p;

	(void)state;
	differing_pair(&p);
	begin(&p.here, HOME, 0);
	begin(&p.home, SELF, 0);
	AUTO_BUF struct buf one = BUF_INIT, other = BUF_INIT;
	assert_true(pack(&p, false, &one) > 0);
	assert_true(pack(&p, true, &other) > 0);
	deliver(&p, true, &one);
	deliver(&p, false, &other);
	turns(&p, 4);
	assert_settled(&p, 0);
	pair_end(&p);
}

static void what_changes_meanwhile_is_no_hindrance(void **state)
{
	struct pair p;

	(void)state;
	differing_pair(&p);
	begin(&p.here, HOME, 0);
	for (unsigned i = 0; i < 6; i++) {
		struct dot dot = {log_id_of(0), 1};

		flag(&p.h, 0, &dot, i % 2 ? "F" : "", i % 2 ? "" : "F");
		save(&p.h, 0);
		take_all(&p.home, &p.h);
		turn(&p);
		take_all(&p.here, &p.h);
	}
	turns(&p, 4);
	p.now_ms += INT64_C(3600000);
	turns(&p, 4);
	assert_true(is_equal(&p, 0));
	pair_end(&p);
}

/* Home said so before it was mended; its vector is the same. */
static void what_was_said_before_it_was_mended_opens_no_gap_again(void **state)
{
	struct err err = ERR_INIT;
	struct pair p;

	(void)state;
	equal_pair(&p);
	rot(&p.home, "UPDATE message SET mtime = 77 WHERE id = 3");
	assert_int_equal(stated_recount(p.home.r, 1, NOW, &err), 1);
	assert_int_equal(hear_of(&p.here, &p.home).differing, 1);
	turns(&p, 4);
	assert_settled(&p, 0);
	assert_int_equal(compare(&p.here).differing, 0);
	assert_settled(&p, 0);
	/* What is said from now on counts. */
	rot(&p.home, "UPDATE message SET mtime = 78 WHERE id = 3");
	assert_int_equal(stated_recount(p.home.r, 1, NOW, &err), 1);
	assert_int_equal(hear_of(&p.here, &p.home).differing, 1);
	pair_end(&p);
}

/* Of a folder that was not compared, for the same vector, another thing was
   said before. */
static void a_folder_that_rows_take_mail_from_is_stated_again(void **state)
{
	enum stated_owed most;
	struct pair p;

	(void)state;
	equal_pair(&p);
	for (unsigned i = 0; i < MAILS; i++)
		save(&p.h, 1);
	pair_take(&p);
	struct change move = change_blank(CHANGE_MOVE);
	move.dot = (struct dot){log_id_of(0), 1};
	move.base = "moved";
	move.uid = MAILS + 1;
	put(&p.h, 1, &move);
	move = change_blank(CHANGE_LEFT);
	move.dot = (struct dot){log_id_of(0), 1};
	move.folder = folders[1];
	put(&p.h, 0, &move);
	take(&p.here, &p.h, 0, p.h.logs[0].count, false);
	take_all(&p.home, &p.h);
	assert_int_equal(owed(&p.here, &most), 0);
	begin(&p.here, HOME, 1);
	turns(&p, 4);
	assert_settled(&p, 0);
	assert_settled(&p, 1);
	assert_int_equal(owed(&p.here, &most), 2);
	assert_int_equal(most, STATED_ALONE);
	pair_end(&p);
}

/* Whatever rotted at either, in any mixture. */
static void random_differences_end_equal(void **state)
{
	static const char *const rots[] = {
		"UPDATE message SET mtime = mtime + %u WHERE id = %u",
		"UPDATE message SET letters = 'F', uid = %u + 500"
		" WHERE id = %u",
		"UPDATE flag SET value = 1 - value, by_stamp = by_stamp - %u"
		" WHERE message <= %u",
		"UPDATE flag SET by_stamp = by_stamp + %u WHERE message > %u",
	};

	(void)state;
	for (unsigned seed = 1; seed <= 60; seed++) {
		uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15);
		struct pair p;

		equal_pair(&p);
		for (unsigned i = 0; i < 1 + seed % 5; i++) {
			char text[200];
			unsigned which = (unsigned)(random >> 13) % 4;
			unsigned id = 1 + (unsigned)(random >> 29) % 15;
			const char *format = rots[which];

			random = random * 6364136223846793005u + 1442695u;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(text, sizeof(text), format, i + 3, id);
#pragma GCC diagnostic pop
			rot(random >> 63 ? &p.home : &p.here, text);
		}
		p.twice = seed % 3 == 0;
		p.lose = seed % 7;
		begin(seed % 2 ? &p.here : &p.home, seed % 2 ? HOME : SELF, 0);
		for (unsigned i = 0; i < 4; i++) {
			turns(&p, 8);
			p.now_ms += INT64_C(7200000);
		}
		if (!is_equal(&p, 0))
			fail_msg("seed %u", seed);
		assert_int_equal(mails(&p.here), MAILS);
		assert_int_equal(mails(&p.home), MAILS);
		pair_end(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			registers_that_rotted_are_taken_from_the_other),
		cmocka_unit_test(without_doubt_what_home_has_counts),
		cmocka_unit_test(mail_whose_rows_are_gone_comes_back),
		cmocka_unit_test(an_expunge_that_was_missed_comes_after_all),
		cmocka_unit_test(
			a_death_without_a_tombstone_is_told_by_its_birthplace),
		cmocka_unit_test(a_tombstone_that_only_one_has_is_told),
		cmocka_unit_test(
			changes_in_a_folder_of_another_home_stay_where_they_are),
		cmocka_unit_test(many_differences_are_found_by_a_table),
		cmocka_unit_test(a_parcel_that_is_lost_is_made_again),
		cmocka_unit_test(each_comparison_has_a_key_of_its_own),
		cmocka_unit_test(others_may_write_between_two_folders),
		cmocka_unit_test(parcels_that_come_twice_do_no_harm),
		cmocka_unit_test(an_old_answer_brings_no_mail_back),
		cmocka_unit_test(two_that_begin_at_once_do_not_meet_twice),
		cmocka_unit_test(what_changes_meanwhile_is_no_hindrance),
		cmocka_unit_test(
			what_was_said_before_it_was_mended_opens_no_gap_again),
		cmocka_unit_test(
			a_folder_that_rows_take_mail_from_is_stated_again),
		cmocka_unit_test(random_differences_end_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
