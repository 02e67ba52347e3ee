/*
 * What its home says of a folder is compared though both sites log before each
 * exchange, so that they never know the same vector.
 */
#include "twostates.h"

#include "comparing.h"
#include "gaps.h"

#define T(name) cmocka_unit_test(name)

static const struct id128 ours = {{'M'}}; /* a folder at home here */

static void run(struct site *s, const char *text)
{
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	assert_int_equal(sqlite3_exec(replica_db(s->r), text, NULL, NULL, NULL),
		SQLITE_OK);
	assert_true(sqlite3_changes(replica_db(s->r)) > 0);
	done(replica_commit(s->r, &err), &err);
}

static int64_t ask(struct site *s, const char *text)
{
	sqlite3_stmt *st;
	int64_t value = -1;

	assert_int_equal(
		sqlite3_prepare_v2(replica_db(s->r), text, -1, &st, NULL),
		SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW)
		value = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return value;
}

/* A change of `origin` in a folder's log, at a site that knows that log up to
   it then. */
static void apply(struct site *s, uint64_t origin, const struct id128 *folder,
	struct change *c)
{
	struct log_id id = {origin, 1234, *folder};
	struct replica_log log;
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(replica_log_get(s->r, &id, true, &log, &err), &err);
	c->by = (struct write_id){(uint64_t)LATER << 16, id, ++log.known.lsn};
	if (c->kind == CHANGE_SAVE)
		c->dot = (struct dot){id, c->by.lsn};
	done(replica_apply(s->r, c, &err), &err);
	done(replica_log_set(s->r, &log, &err), &err);
	done(replica_commit(s->r, &err), &err);
}

/* Mail comes into the folder at home here. */
static void log_ours(struct site *s)
{
	struct change c = change_blank(CHANGE_SAVE);

	c.base = "1.ours";
	c.size = 1;
	apply(s, SELF, &ours, &c);
}

/* Both know what home logged, and here has logged more than home heard of. */
struct scene {
	struct site home, here;
	struct history h;
};

static void scene_begin(struct scene *s)
{
	struct change c = change_blank(CHANGE_AUTHORITY);

	s->home = fresh(HOME);
	s->here = fresh(SELF);
	history_begin(&s->h);
	save(&s->h, 0);
	save(&s->h, 1);
	take_all(&s->home, &s->h);
	take_all(&s->here, &s->h);
	c.folder = ours;
	c.term = 1;
	c.site = SELF;
	apply(&s->home, SELF, &ID_ACCOUNT, &c);
	apply(&s->here, SELF, &ID_ACCOUNT, &c);
	log_ours(&s->here);
}

static void scene_end(struct scene *s)
{
	history_free(&s->h);
	release(&s->home);
	release(&s->here);
}

/* A register of the mail in INBOX is not what it was, and nobody saw it. */
static void spoil(struct scene *s)
{
	struct err err = ERR_INIT;

	run(&s->here, "UPDATE message SET mtime = 6 WHERE id = 1");
	assert_int_equal(stated_recount(s->here.r, 1, NOW, &err), 1);
	run(&s->here, "DELETE FROM gap");
}

#define BEGUN "SELECT count(*) FROM comparing WHERE role = 1"
#define GAPS "SELECT count(*) FROM gap"

static void what_the_home_says_agrees(void **state)
{
	struct stated_result result;
	struct scene s;

	(void)state;
	scene_begin(&s);
	result = hear_of(&s.here, &s.home);
	assert_int_equal(result.agreed, 2);
	assert_int_equal(ask(&s.here, BEGUN), 0);
	/* Though both go on. */
	for (int i = 0; i < 3; i++) {
		log_ours(&s.here);
		save(&s.h, 0);
		take_all(&s.home, &s.h);
		take_all(&s.here, &s.h);
		assert_int_equal(hear_of(&s.here, &s.home).agreed, 2);
	}
	scene_end(&s);
}

static void a_difference_is_compared_before_anybody_is_told(void **state)
{
	struct stated_result result;
	struct scene s;

	(void)state;
	scene_begin(&s);
	spoil(&s);
	result = hear_of(&s.here, &s.home);
	assert_int_equal(result.agreed, 1);
	assert_int_equal(result.differing, 0);
	assert_int_equal(ask(&s.here, BEGUN), 1);
	assert_int_equal(ask(&s.here, GAPS), 0);
	/* That was in vain. */
	run(&s.here, "UPDATE comparing SET failed = 1");
	assert_int_equal(compare(&s.here).differing, 1);
	assert_int_equal(ask(&s.here, GAPS), 1);
	/* Here is as home again; it says so, and all is well. */
	run(&s.here, "UPDATE message SET mtime = 5 WHERE id = 1");
	struct err err = ERR_INIT;
	assert_int_equal(stated_recount(s.here.r, 1, NOW, &err), 1);
	assert_int_equal(compare(&s.here).agreed, 2);
	assert_int_equal(ask(&s.here, GAPS), 0);
	assert_int_equal(ask(&s.here, BEGUN), 0);
	scene_end(&s);
}

static void nothing_follows_unless_all_that_the_home_logged_is_known(
	void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	spoil(&s);
	save(&s.h, 1);
	take_all(&s.home, &s.h);
	assert_int_equal(hear_of(&s.here, &s.home).agreed, 0);
	assert_int_equal(ask(&s.here, BEGUN), 0);
	/* It comes later, and the word counts. */
	take_all(&s.here, &s.h);
	assert_int_equal(compare(&s.here).agreed, 1);
	assert_int_equal(ask(&s.here, BEGUN), 1);
	/* What home does then makes it an old one. */
	run(&s.here, "DELETE FROM comparing");
	save(&s.h, 1);
	take_all(&s.here, &s.h);
	assert_int_equal(compare(&s.here).agreed, 0);
	assert_int_equal(ask(&s.here, BEGUN), 0);
	scene_end(&s);
}

static void nothing_follows_where_the_home_has_not_heard_of_a_change(
	void **state)
{
	struct change c = change_blank(CHANGE_FLAGS);
	struct scene s;

	(void)state;
	scene_begin(&s);
	c.dot = (struct dot){log_id_of(0), 1};
	c.add.letters = "F";
	apply(&s.here, SELF, &folders[0], &c);
	assert_int_equal(hear_of(&s.here, &s.home).agreed, 1);
	assert_int_equal(ask(&s.here, BEGUN), 0);
	/* It has, and does not hold it. */
	run(&s.here, "INSERT INTO ack SELECT 2, id, lsn, 0, lsn FROM log"
		     " WHERE origin = 1");
	assert_int_equal(compare(&s.here).agreed, 1);
	assert_int_equal(ask(&s.here, BEGUN), 1);
	scene_end(&s);
}

static void of_another_home_s_folder_nothing_follows(void **state)
{
	struct change c = change_blank(CHANGE_AUTHORITY);
	struct scene s;

	(void)state;
	scene_begin(&s);
	c.folder = folders[0];
	c.term = 2;
	c.site = SELF;
	apply(&s.here, SELF, &ID_ACCOUNT, &c);
	apply(&s.home, SELF, &ID_ACCOUNT, &c);
	spoil(&s);
	assert_int_equal(hear_of(&s.here, &s.home).agreed, 1);
	assert_int_equal(ask(&s.here, BEGUN), 0);
	scene_end(&s);
}

/* Nobody is told of that, and home holds less than its logs say. */
static void nothing_follows_where_the_home_keeps_a_move_to_itself(void **state)
{
	struct change c = change_blank(CHANGE_MOVE);
	struct scene s;

	(void)state;
	scene_begin(&s);
	c.dot = (struct dot){log_id_of(0), 1};
	c.base = "moved";
	c.size = 1;
	apply(&s.home, HOME, &ours, &c);
	assert_int_equal(hear_of(&s.here, &s.home).agreed, 0);
	assert_int_equal(ask(&s.here, BEGUN), 0);
	scene_end(&s);
}

/* It was mended since; the word is of before. */
static void a_word_that_a_comparison_overtook_is_forgotten(void **state)
{
	struct err err = ERR_INIT;
	struct scene s;

	(void)state;
	scene_begin(&s);
	spoil(&s);
	hear_of(&s.here, &s.home);
	done(replica_begin(s.here.r, &err), &err);
	done(stated_overtaken(s.here.r, HOME, &folders[0], &err), &err);
	done(comparing_agreed(s.here.r, HOME, &folders[0], &err), &err);
	done(replica_commit(s.here.r, &err), &err);
	assert_int_equal(compare(&s.here).agreed, 1);
	assert_int_equal(ask(&s.here, BEGUN), 0);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_the_home_says_agrees),
		T(a_difference_is_compared_before_anybody_is_told),
		T(nothing_follows_unless_all_that_the_home_logged_is_known),
		T(nothing_follows_where_the_home_has_not_heard_of_a_change),
		T(of_another_home_s_folder_nothing_follows),
		T(nothing_follows_where_the_home_keeps_a_move_to_itself),
		T(a_word_that_a_comparison_overtook_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
