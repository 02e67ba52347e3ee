/* Previews, at the site that waits for mail: what stands how long, and that
   nobody else can tell. */
#include "twostates.h"

#include "previews.h"

#define T(name) cmocka_unit_test(name)

/* By the mark of the body that they are of. */
static const struct preview some[] = {
	{.size = 0},
	{{{1}}, {{1, 'p'}}, 1000},
	{{{2}}, {{2, 'p'}}, 1000},
	{{{3}}, {{3, 'p'}}, 1000},
};

static void save_body(struct history *h, size_t log, uint8_t mark)
{
	struct change c = change_blank(CHANGE_SAVE);
	char base[32];

	snprintf(base, sizeof(base), "%llu.x", (unsigned long long)h->ms);
	c.base = base;
	c.size = 1000000;
	c.mtime = 7;
	c.hash.b[0] = mark;
	put(h, log, &c);
}

/* Mail with body 1 in two folders, and 2 in the first, awaited all. */
static struct site awaiting(struct history *h)
{
	struct site s = fresh(SELF);

	history_begin(h);
	save_body(h, 0, 1);
	save_body(h, 1, 1);
	save_body(h, 0, 2);
	take_all(&s, h);
	return s;
}

static void execute(struct site *s, const char *text)
{
	if (sqlite3_exec(replica_db(s->r), text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(replica_db(s->r)));
}

static int take_one(struct site *s, uint8_t mark)
{
	struct preview p = some[mark];
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	int rc = previews_take(s->r, &p, &err);
	done(rc, &err);
	done(replica_commit(s->r, &err), &err);
	return rc;
}

static int64_t folder_row(struct site *s, size_t folder)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	struct err err = ERR_INIT;

	assert_int_equal(
		replica_folder_by_fid(s->r, &folders[folder], &arena, &f, &err),
		0);
	return f.id;
}

/* A file lies there; base NULL: under its own name. */
static int find(struct site *s, uint8_t mark, size_t folder, const char *base)
{
	struct preview p = some[mark];
	AUTO_FREE char *own = previews_base(&p, 7);
	struct replica_message m = {.p_folder = folder_row(s, folder),
		.p_base = base ? base : own,
		.p_letters = "",
		.p_keywords = "",
		.p_extra = "",
		.p_uid = 5,
		.size = p.size,
		.mtime = 7,
		.hash = p.content};
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	int rc = previews_found(s->r, &m, &err);
	done(rc, &err);
	done(replica_commit(s->r, &err), &err);
	return rc;
}

static int count(struct site *s, const char *text)
{
	sqlite3_stmt *st;

	assert_int_equal(
		sqlite3_prepare_v2(replica_db(s->r), text, -1, &st, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	int n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* Rows that stand, and that are to be removed. */
#define STANDS "SELECT count(*) FROM message WHERE dead AND todo = 0"
#define GOES "SELECT count(*) FROM message WHERE dead AND todo = 1"

static void settle(struct site *s, int wanted)
{
	struct err err = ERR_INIT;
	int rc = previews_settle(s->r, &err);

	done(rc, &err);
	assert_int_equal(rc, wanted);
}

static bool has(struct site *s, uint8_t mark)
{
	struct preview p = some[mark];

	return previews_has(s->r, &p.held, NULL) == 1;
}

static void one_is_taken_of_what_is_awaited_and_once(void **state)
{
	struct history h;
	struct site s = awaiting(&h);
	struct preview p;

	(void)state;
	assert_int_equal(take_one(&s, 3), 1); /* nobody's body */
	assert_false(has(&s, 3));
	assert_int_equal(take_one(&s, 1), 0);
	assert_int_equal(take_one(&s, 1), 1);
	assert_true(has(&s, 1));
	assert_int_equal(previews_get(s.r, &some[1].held, &p, NULL), 0);
	assert_memory_equal(&p.content, &some[1].content, sizeof(p.content));
	assert_int_equal(previews_get(s.r, &some[2].held, &p, NULL), 1);
	execute(&s, "UPDATE message SET p_folder = folder");
	assert_int_equal(take_one(&s, 2), 1); /* it came */
	history_free(&h);
	release(&s);
}

static void it_stands_as_long_as_its_mail_is_awaited_there(void **state)
{
	struct history h;
	struct site s = awaiting(&h);
	struct err err = ERR_INIT;
	uint8_t before[16], after[16];
	uint64_t messages, then;
	uint32_t uidnext;

	(void)state;
	done(replica_folder_sums(
		     s.r, &folders[0], &messages, &uidnext, before, &err),
		&err);
	take_one(&s, 1);
	assert_int_equal(find(&s, 1, 0, NULL), 1);
	assert_int_equal(previews_was_placed(
				 s.r, &some[1].held, folder_row(&s, 0), NULL),
		1);
	assert_int_equal(previews_was_placed(
				 s.r, &some[1].held, folder_row(&s, 1), NULL),
		0);
	settle(&s, 0);
	assert_int_equal(count(&s, STANDS), 1);
	done(replica_folder_sums(
		     s.r, &folders[0], &then, &uidnext, after, &err),
		&err);
	assert_true(then == messages);
	assert_memory_equal(before, after, sizeof(before));
	/* In the other folder it is awaited still. */
	execute(&s, "UPDATE message SET p_folder = folder"
		    " WHERE birth_folder = folder AND id = 1");
	settle(&s, 1);
	assert_int_equal(count(&s, GOES), 1);
	settle(&s, 0);
	history_free(&h);
	release(&s);
}

static void where_a_user_put_it_it_stands_till_the_mail_comes(void **state)
{
	struct history h;
	struct site s = awaiting(&h);

	(void)state;
	take_one(&s, 1);
	assert_int_equal(find(&s, 1, 2, "somewhere"), 1);
	assert_int_equal(previews_was_placed(
				 s.r, &some[1].held, folder_row(&s, 2), NULL),
		0);
	settle(&s, 0);
	execute(&s, "UPDATE message SET p_folder = folder WHERE id = 1");
	settle(&s, 0);
	assert_int_equal(count(&s, STANDS), 1);
	execute(&s, "UPDATE message SET p_folder = folder WHERE NOT dead");
	settle(&s, 1);
	assert_int_equal(count(&s, GOES), 1);
	history_free(&h);
	release(&s);
}

static void what_is_over_is_known_for_ever(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct history h;
	struct site s = awaiting(&h);
	struct hash *list;
	struct err err = ERR_INIT;
	size_t n;

	(void)state;
	take_one(&s, 1);
	find(&s, 1, 0, NULL);
	done(previews_contents(s.r, &arena, &list, &n, &err), &err);
	assert_int_equal(n, 1);
	execute(&s, "UPDATE message SET p_folder = folder WHERE NOT dead");
	settle(&s, 1);
	execute(&s, "DELETE FROM message WHERE dead");
	settle(&s, 0);
	assert_false(has(&s, 1));
	assert_int_equal(count(&s, "SELECT count(*) FROM previewed"), 0);
	done(previews_contents(s.r, &arena, &list, &n, &err), &err);
	assert_int_equal(n, 0);
	/* From a backup: it is to go. */
	assert_int_equal(find(&s, 1, 1, "restored"), 1);
	assert_int_equal(count(&s, GOES), 1);
	assert_int_equal(find(&s, 2, 1, "never.seen"), 0);
	history_free(&h);
	release(&s);
}

static void of_one_that_is_lost_another_is_taken(void **state)
{
	struct history h;
	struct site s = awaiting(&h);
	struct err err = ERR_INIT;

	(void)state;
	take_one(&s, 1);
	done(replica_begin(s.r, &err), &err);
	done(previews_lost(s.r, &some[1].content, &err), &err);
	done(replica_commit(s.r, &err), &err);
	assert_false(has(&s, 1));
	assert_int_equal(take_one(&s, 1), 0);
	history_free(&h);
	release(&s);
}

static void a_state_that_knows_nothing_can_be_told(void **state)
{
	struct history h;
	struct site s = awaiting(&h);
	struct preview p = some[1];
	AUTO_FREE char *base = previews_base(&p, 7);
	struct err err = ERR_INIT;

	(void)state;
	assert_true(previews_is_name(base, &p.held));
	assert_false(previews_is_name(base, &some[2].held));
	assert_false(previews_is_name("7.x", &p.held));
	assert_false(previews_is_name("", &p.held));
	assert_int_equal(find(&s, 1, 0, NULL), 0);
	done(replica_begin(s.r, &err), &err);
	done(previews_remember(s.r, &p, &err), &err);
	done(replica_commit(s.r, &err), &err);
	assert_int_equal(find(&s, 1, 0, NULL), 1);
	assert_int_equal(count(&s, STANDS), 1);
	history_free(&h);
	release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_is_taken_of_what_is_awaited_and_once),
		T(it_stands_as_long_as_its_mail_is_awaited_there),
		T(where_a_user_put_it_it_stands_till_the_mail_comes),
		T(what_is_over_is_known_for_ever),
		T(of_one_that_is_lost_another_is_taken),
		T(a_state_that_knows_nothing_can_be_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
