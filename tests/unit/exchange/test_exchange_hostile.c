/*
 * A peer that lies in a comparison: it is refused, or not believed, and costs
 * no more than it may. No mail is lost by it.
 */
#include "twofolders.h"

#include "riblt.h"
#include "sketch.h"
#include "statetable.h"

#define MAILS 12

static void some_pair(struct pair *p)
{
	pair_begin(p);
	for (unsigned i = 0; i < MAILS; i++)
		save(&p->h, 0);
	pair_take(p);
}

static int64_t mails(struct site *s)
{
	return ask(s, "SELECT count(*) FROM message WHERE dead = 0");
}

static struct parcel_compare section(void)
{
	return (struct parcel_compare){
		.account = "a",
		.folder = folders[0],
		.kind = PARCEL_COMPARE_EXACT,
		.seed = {9},
		.last = true,
	};
}

static int say(struct pair *p, bool to_home, enum parcel_section_type type,
	const struct parcel_compare *c, struct err *err)
{
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct parcel_compare said = *c;

	if (type != PARCEL_ROWS)
		said.last = said.equal = false;
	parcel_add_compare(&parcel, 0, type, &said);
	return deliver_as(p, to_home, &parcel, err);
}

/* Changes as rows of a folder. */
static int say_change(
	struct pair *p, bool to_home, const struct change *c, struct err *err)
{
	struct parcel_compare rows = section();
	AUTO_BUF struct buf payload = BUF_INIT;
	struct change_context ctx = {c->by.log, 1, 0};

	change_encode(&ctx, c, 1, &payload);
	rows.context = c->by.log;
	rows.payload = payload.data;
	rows.len = payload.len;
	return say(p, to_home, PARCEL_ROWS, &rows, err);
}

static void what_is_no_sketch_or_table_is_refused(void **state)
{
	struct parcel_compare c = section();
	struct err err = ERR_INIT;
	struct pair p;

	(void)state;
	some_pair(&p);
	c.payload = (const uint8_t *)"neither sketch nor table";
	c.len = 24;
	assert_true(say(&p, false, PARCEL_SKETCH, &c, &err) < 0);
	assert_true(say(&p, false, PARCEL_TABLE, &c, &err) < 0);
	assert_true(say(&p, false, PARCEL_ROWS,
			    &(struct parcel_compare){
				    .account = "a",
				    .folder = folders[0],
				    .kind = PARCEL_COMPARE_EXACT,
				    .context = log_id_of(0),
				    .payload = c.payload,
				    .len = c.len,
			    },
			    &err) < 0);
	assert_int_equal(mails(&p.here), MAILS);
	pair_end(&p);
}

static void symbols_of_nothing_real_are_answered_in_bounds(void **state)
{
	struct pair p;

	(void)state;
	for (unsigned seed = 1; seed < 40; seed++) {
		struct parcel_compare c = section();
		AUTO_BUF struct buf sketch = BUF_INIT, answer = BUF_INIT;
		struct err err = ERR_INIT;
		struct riblt set;

		some_pair(&p);
		riblt_init(&set, c.seed);
		for (unsigned i = 0; i < seed * 7; i++)
			riblt_add(&set, i * UINT64_C(0x9e3779b97f4a7c15));
		sketch_encode(&set, 0, 32, &sketch);
		riblt_free(&set);
		for (size_t i = 30; i < sketch.len; i += seed)
			sketch.data[i] ^= (uint8_t)seed;
		c.payload = sketch.data;
		c.len = sketch.len;
		done(say(&p, false, PARCEL_SKETCH, &c, &err), &err);
		assert_true(pack(&p, false, &answer) < 2000);
		assert_int_equal(mails(&p.here), MAILS);
		pair_end(&p);
	}
}

static void changes_of_origins_that_may_not_write_are_left_out(void **state)
{
	struct change c = change_blank(CHANGE_FLAGS);
	struct err err = ERR_INIT;
	struct pair p;

	(void)state;
	some_pair(&p);
	c.dot = (struct dot){log_id_of(0), 1};
	c.add.letters = "F";
	c.by = (struct write_id){NOW << 17, {4711, 1, folders[0]}, 1};
	done(say_change(&p, false, &c, &err), &err);
	assert_int_equal(ask(&p.here, "SELECT count(*) FROM flag"), 0);
	c.by.log.origin = HOME;
	done(say_change(&p, false, &c, &err), &err);
	assert_int_equal(ask(&p.here, "SELECT count(*) FROM flag"), 1);
	pair_end(&p);
}

static void changes_are_not_taken_where_the_peer_may_not_write(void **state)
{
	struct change c = change_blank(CHANGE_EXPUNGE);
	struct err err = ERR_INIT;
	struct pair p;

	(void)state;
	some_pair(&p);
	p.home_takes_not = true;
	c.dot = (struct dot){log_id_of(0), 1};
	c.by = (struct write_id){NOW << 17, {SELF, 1, folders[0]}, 1};
	done(say_change(&p, true, &c, &err), &err);
	assert_int_equal(mails(&p.home), MAILS);
	pair_end(&p);
}

static void changes_of_the_account_are_no_rows(void **state)
{
	struct change c = change_blank(CHANGE_DELETE);
	struct err err = ERR_INIT;
	struct pair p;

	(void)state;
	some_pair(&p);
	c.folder = folders[0];
	c.by = (struct write_id){NOW << 17, {HOME, 1, ID_ACCOUNT}, 1};
	assert_int_equal(say_change(&p, false, &c, &err), ERR_CORRUPT);
	pair_end(&p);
}

/* Of this very state nobody knows more than it does. */
static void our_own_changes_of_the_future_are_a_conflict(void **state)
{
	struct change c = change_blank(CHANGE_FLAGS);
	struct err err = ERR_INIT;
	struct pair p;

	(void)state;
	some_pair(&p);
	c.dot = (struct dot){log_id_of(0), 1};
	c.add.letters = "F";
	c.by = (struct write_id){NOW << 17,
		{SELF, replica_incarnation(p.here.r), folders[0]}, 5};
	assert_int_equal(say_change(&p, false, &c, &err), ERR_CONFLICT);
	assert_non_null(strstr(err.text, "was the state restored?"));
	/* Those of one that is no more come back. */
	c.by.log.incarnation = 99;
	done(say_change(&p, false, &c, &err), &err);
	assert_int_equal(ask(&p.here, "SELECT count(*) FROM flag"), 1);
	pair_end(&p);
}

static void say_dead(struct pair *p, bool to_home)
{
	struct parcel_run all = {1, CHANGE_LSN_MAX};
	struct parcel_lsns dead = {log_id_of(0), &all, 1};
	struct parcel_compare rows = section();
	struct err err = ERR_INIT;

	rows.dead = &dead;
	rows.dead_count = 1;
	done(say(p, to_home, PARCEL_ROWS, &rows, &err), &err);
}

static void without_a_tombstone_nobody_kills_mail_born_elsewhere(void **state)
{
	struct pair p;

	(void)state;
	some_pair(&p);
	say_dead(&p, true); /* of home's own mail */
	assert_int_equal(mails(&p.home), MAILS);
	say_dead(&p, false); /* home says so of its own */
	assert_int_equal(mails(&p.here), 0);
	pair_end(&p);
}

/* A table of an empty folder, whose logs are known for ever. */
static void say_empty_table(struct pair *p, bool to_home, bool doubt)
{
	struct known_log log = {.at = {log_id_of(0), CHANGE_LSN_MAX, 0}};
	struct statetable_header h = {
		.columns =
			STATETABLE_UID | STATETABLE_FLAGS | STATETABLE_LIVING,
		.folder = folders[0],
		.term = 1,
		.authority = HOME,
		.known = {.logs = &log, .log_count = 1},
	};
	struct statetable_writer *w = statetable_begin(&h);
	struct parcel_compare c = section();
	AUTO_BUF struct buf table = BUF_INIT;
	struct err err = ERR_INIT;

	done(statetable_end(w, &table, &err), &err);
	statetable_drop(w);
	c.payload = table.data;
	c.len = table.len;
	c.doubt = doubt;
	done(say(p, to_home, PARCEL_TABLE, &c, &err), &err);
}

static void a_table_that_holds_nothing_kills_only_what_was_born_there(
	void **state)
{
	struct pair p;

	(void)state;
	some_pair(&p);
	say_empty_table(&p, true, false);
	assert_int_equal(mails(&p.home), MAILS);
	say_empty_table(&p, false, true);
	assert_int_equal(mails(&p.here), MAILS);
	say_empty_table(&p, false, false);
	assert_int_equal(mails(&p.here), 0);
	pair_end(&p);
}

static void asking_for_everything_owes_what_there_is(void **state)
{
	struct parcel_run all = {1, UINT32_MAX};
	struct parcel_compare rows = section();
	struct err err = ERR_INIT;
	uint64_t keys[100];
	struct pair p;

	(void)state;
	some_pair(&p);
	for (size_t i = 0; i < 100; i++)
		keys[i] = i * 1000;
	rows.keys = keys;
	rows.key_count = 100;
	rows.uids = &all;
	rows.uid_count = 1;
	done(say(&p, false, PARCEL_ROWS, &rows, &err), &err);
	assert_int_equal(ask(&p.here, "SELECT count(*) FROM owed"), MAILS);
	done(say(&p, false, PARCEL_ROWS, &rows, &err), &err);
	assert_int_equal(ask(&p.here, "SELECT count(*) FROM owed"), MAILS);
	pair_end(&p);
}

/* One row a folder, whatever is asked. */
static void questions_do_not_pile_up(void **state)
{
	struct parcel_compare c = section();
	struct err err = ERR_INIT;
	struct pair p;

	(void)state;
	some_pair(&p);
	c.columns = STATETABLE_UID | STATETABLE_FLAGS;
	for (unsigned i = 0; i < 50; i++) {
		c.seed[0] = (uint8_t)i;
		done(say(&p, false, PARCEL_COMPARE, &c, &err), &err);
	}
	assert_int_equal(ask(&p.here, "SELECT count(*) FROM comparing"), 1);
	/* Of a folder that is not here there is nothing to say. */
	c.folder.b[5] = 77;
	done(say(&p, false, PARCEL_COMPARE, &c, &err), &err);
	AUTO_BUF struct buf answer = BUF_INIT;
	assert_true(pack(&p, false, &answer) > 0);
	AUTO_BUF struct buf more = BUF_INIT;
	assert_int_equal(pack(&p, false, &more), 0);
	pair_end(&p);
}

/* Every byte of a real exchange, flipped: refused or harmless. */
static void flipped_bytes_lose_no_mail(void **state)
{
	(void)state;
	for (unsigned stage = 0; stage < 3; stage++) {
		AUTO_BUF struct buf parcel = BUF_INIT;
		struct pair p;

		some_pair(&p);
		rot(&p.here, "UPDATE message SET mtime = 9 WHERE id = 3");
		begin(&p.here, HOME, 0);
		for (unsigned i = 0; i <= stage; i++) {
			buf_clear(&parcel);
			assert_true(pack(&p, i % 2, &parcel) > 0);
			if (i < stage)
				deliver(&p, !(i % 2), &parcel);
		}
		for (size_t i = 0; i < parcel.len; i++) {
			struct exchange x = exchange_of(&p, !(stage % 2));
			struct parcel_sections s;
			int rc = 0;

			parcel.data[i] =
				(uint8_t)(parcel.data[i] ^ 1u << i % 8);
			if (parcel_parse(0, parcel.data, parcel.len, &s,
				    NULL) == 0) {
				done(replica_begin(x.replica, NULL), NULL);
				for (size_t k = 0; k < s.count && rc >= 0; k++)
					if (s.items[k].type >= PARCEL_COMPARE)
						rc = exchange_take(&x,
							s.items[k].type,
							&s.items[k].compare,
							NULL);
				assert_int_equal(
					ask(stage % 2 ? &p.here : &p.home,
						"SELECT count(*) FROM message"
						" WHERE dead = 0") >= MAILS,
					1);
				replica_rollback(x.replica);
				parcel_sections_free(&s);
			}
			parcel.data[i] =
				(uint8_t)(parcel.data[i] ^ 1u << i % 8);
		}
		pair_end(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_sketch_or_table_is_refused),
		cmocka_unit_test(
			symbols_of_nothing_real_are_answered_in_bounds),
		cmocka_unit_test(
			changes_of_origins_that_may_not_write_are_left_out),
		cmocka_unit_test(
			changes_are_not_taken_where_the_peer_may_not_write),
		cmocka_unit_test(changes_of_the_account_are_no_rows),
		cmocka_unit_test(our_own_changes_of_the_future_are_a_conflict),
		cmocka_unit_test(
			without_a_tombstone_nobody_kills_mail_born_elsewhere),
		cmocka_unit_test(
			a_table_that_holds_nothing_kills_only_what_was_born_there),
		cmocka_unit_test(asking_for_everything_owes_what_there_is),
		cmocka_unit_test(questions_do_not_pile_up),
		cmocka_unit_test(flipped_bytes_lose_no_mail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
