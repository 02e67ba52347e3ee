/*
 * gaps: what was lost is not taken for met, until it came another way.
 */
#include "gaps.h"
#include "comparing.h"
#include "twostates.h"

static int64_t ask(struct site *s, const char *text)
{
	sqlite3_stmt *st;
	int64_t value = 0;

	assert_int_equal(sqlite3_prepare_v2(
				 replica_db(s->r), text, -1, &st, NULL),
		SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW)
		value = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return value;
}

static int64_t open_gaps(struct site *s)
{
	return ask(s, "SELECT count(*) FROM gap");
}

static void lose(struct site *s, uint64_t first, uint64_t last)
{
	struct log_id log = log_id_of(0);
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(gap_lost(s->r, &log, first, last, "lost", NOW, &err), &err);
	done(replica_commit(s->r, &err), &err);
}

/* The log is known up to an lsn, whatever was met of it. */
static void know(struct site *s, uint64_t lsn, bool filled)
{
	struct log_id log = log_id_of(0);
	struct replica_log known;
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(replica_log_get(s->r, &log, true, &known, &err), &err);
	known.known.lsn = lsn;
	done(replica_log_set(s->r, &known, &err), &err);
	if (filled)
		done(gap_filled(s->r, known.id, lsn, &err), &err);
	done(replica_commit(s->r, &err), &err);
}

static void apply(struct site *s, const struct change *c)
{
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(replica_apply(s->r, c, &err), &err);
	done(replica_commit(s->r, &err), &err);
}

/* A site that knows lsn 1 of a log, and that 3 to 5 are lost. */
struct scene {
	struct site here;
	struct history h;
};

static void scene_begin(struct scene *s)
{
	s->here = fresh(SELF);
	history_begin(&s->h);
	for (unsigned i = 0; i < 6; i++)
		save(&s->h, 0);
	take(&s->here, &s->h, FOLDERS, s->h.logs[FOLDERS].count, false);
	take(&s->here, &s->h, 0, 1, false);
	lose(&s->here, 3, 5);
}

static void scene_end(struct scene *s)
{
	history_free(&s->h);
	release(&s->here);
}

static void flag_dot(struct scene *s, uint64_t lsn)
{
	struct dot dot = {log_id_of(0), lsn};

	flag(&s->h, 0, &dot, "F", "");
	apply(&s->here, &s->h.logs[0].items[s->h.logs[0].count - 1]);
}

static void a_change_of_a_mail_that_was_lost_waits_for_it(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	know(&s.here, 6, false); /* not filled */
	flag_dot(&s, 2);
	assert_int_equal(ask(&s.here, "SELECT count(*) FROM parked"), 0);
	flag_dot(&s, 4);
	assert_int_equal(ask(&s.here, "SELECT count(*) FROM parked"), 1);
	apply(&s.here, &s.h.logs[0].items[3]);
	assert_int_equal(ask(&s.here, "SELECT count(*) FROM parked"), 0);
	assert_int_equal(ask(&s.here, "SELECT count(*) FROM flag"), 1);
	scene_end(&s);
}

static void what_comes_another_way_is_lost_no_more(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	know(&s.here, 4, true);
	assert_int_equal(ask(&s.here, "SELECT first FROM gap"), 5);
	flag_dot(&s, 4);
	assert_int_equal(ask(&s.here, "SELECT count(*) FROM parked"), 0);
	know(&s.here, 5, true);
	assert_int_equal(open_gaps(&s.here), 0);
	/* And what is known already is not lost. */
	lose(&s.here, 2, 5);
	assert_int_equal(open_gaps(&s.here), 0);
	lose(&s.here, 2, 7);
	assert_int_equal(ask(&s.here, "SELECT first FROM gap"), 6);
	scene_end(&s);
}

static void a_folder_that_is_equal_lacks_nothing(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct id128 *lacked;
	struct err err = ERR_INIT;
	struct scene s;
	size_t count;

	(void)state;
	scene_begin(&s);
	done(gap_lacked(s.here.r, HOME, &arena, &lacked, &count, &err), &err);
	assert_int_equal(count, 1);
	assert_memory_equal(lacked, &folders[0], sizeof(*lacked));
	done(gap_lacked(s.here.r, 4711, &arena, &lacked, &count, &err), &err);
	assert_int_equal(count, 0);
	/* With another peer it says nothing of this one's log. */
	done(replica_begin(s.here.r, &err), &err);
	done(comparing_agreed(s.here.r, 4711, &folders[0], &err), &err);
	assert_int_equal(open_gaps(&s.here), 1);
	done(comparing_agreed(s.here.r, HOME, &folders[0], &err), &err);
	done(replica_commit(s.here.r, &err), &err);
	assert_int_equal(open_gaps(&s.here), 0);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_of_a_mail_that_was_lost_waits_for_it),
		cmocka_unit_test(what_comes_another_way_is_lost_no_more),
		cmocka_unit_test(a_folder_that_is_equal_lacks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
