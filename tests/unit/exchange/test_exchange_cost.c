/*
 * What comparisons cost on the wire: in proportion to what differs, and where
 * all is told, a fraction of a byte a message.
 */
#include "twofolders.h"

#include "rowmaker.h"
#include "statetable.h"

/* Mails with UIDs and flags as a person's: most are read, some answered. */
static void fill(struct pair *p, unsigned count)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	pair_begin(p);
	for (unsigned i = 0; i < 3; i++)
		save(&p->h, 0);
	pair_take(p);
	buf_printf(&text,
		"WITH RECURSIVE n(i) AS (SELECT 4 UNION ALL SELECT i + 1"
		" FROM n WHERE i < %u) INSERT INTO message(id, folder,"
		" place_stamp, place_log, place_lsn, birth_folder, birth_base,"
		" base, size, mtime, hash, extra_stamp, extra_log, extra_lsn,"
		" guid_stamp, guid_log, guid_lsn, letters, uid, uid_stamp,"
		" uid_log, uid_lsn, todo) SELECT i, folder, place_stamp,"
		" place_log, i, birth_folder, i || '.x', i || '.x', size + i,"
		" mtime, hash, extra_stamp, extra_log, i, guid_stamp,"
		" guid_log, i, iif(i %% 11, iif(i %% 7, 'S', 'RS'), ''),"
		" i + i / 50, uid_stamp, uid_log, i, todo"
		" FROM n, message WHERE id = 3;"
		"WITH RECURSIVE n(i) AS (SELECT 4 UNION ALL SELECT i + 1"
		" FROM n WHERE i < %u) INSERT INTO dot(log, lsn, message)"
		" SELECT log, i, i FROM n, dot WHERE message = 3;"
		"UPDATE log SET lsn = %u WHERE lsn = 3 AND folder ="
		" (SELECT fid FROM folder WHERE id = 1)",
		count, count, count);
	for (int home = 0; home < 2; home++) {
		struct site *s = home ? &p->home : &p->here;

		rot(s, buf_str(&text));
		assert_int_equal(ask(s, "SELECT count(*) FROM message"), count);
		done(stated_recount(s->r, 1, NOW, &err), &err);
		rot(s, "DELETE FROM gap");
	}
	assert_true(is_equal(p, 0));
}

static void five_differences_in_100000_messages_cost_some_hundred_bytes(
	void **state)
{
	struct pair p;

	(void)state;
	fill(&p, 100000);
	for (unsigned i = 0; i < 5; i++) {
		struct change c = change_blank(CHANGE_FLAGS);
		struct err err = ERR_INIT;

		c.dot = (struct dot){log_id_of(0), 20000 * i + 17};
		c.add.letters = "F";
		c.by = (struct write_id){
			NOW << 17, {HOME, 78, folders[0]}, i + 1};
		done(replica_begin(p.home.r, &err), &err);
		done(replica_apply(p.home.r, &c, &err), &err);
		done(replica_commit(p.home.r, &err), &err);
	}
	begin(&p.here, HOME, 0);
	turns(&p, 2);
	assert_settled(&p, 0);
	/* Two sketches and a few rows there; rows and "equal" back. */
	if (p.bytes[0] > 1000 || p.bytes[1] > 1100)
		fail_msg("%zu bytes from home, %zu from here", p.bytes[0],
			p.bytes[1]);
	pair_end(&p);
}

/* Bytes of a table with these columns, with the section around it. */
static size_t table_of(struct pair *p, uint32_t columns)
{
	struct comparing give = {
		.peer = SELF,
		.folder = folders[0],
		.role = COMPARING_ASKS,
		.kind = COMPARING_EXACT,
		.turn = 1,
		.due = true,
		.give_columns = columns,
	};
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct err err = ERR_INIT;

	done(replica_begin(p->home.r, &err), &err);
	done(comparing_put(p->home.r, &give, &err), &err);
	done(replica_commit(p->home.r, &err), &err);
	return pack(p, true, &parcel);
}

/* UIDs and flags as years of use leave them. */
static void use_for_years(struct pair *p, size_t count)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct made_folder made;
	struct maker m;

	maker_init(&m, 7, false);
	made_folder_real(&m, &made, count);
	buf_add_str(&text, "UPDATE message SET uid = 0;");
	for (size_t i = 0; i < count; i++)
		buf_printf(&text,
			"UPDATE message SET uid = %u, letters = '%s',"
			" keywords = '%s' WHERE id = %zu;",
			made.rows[i].uid, made.rows[i].flags.letters,
			made.rows[i].flags.keywords, i + 1);
	rot(&p->home, buf_str(&text));
	made_folder_free(&made);
}

static void uids_and_flags_of_10000_messages_cost_a_third_of_a_byte_each(
	void **state)
{
	struct pair p;

	(void)state;
	fill(&p, 10000);
	use_for_years(&p, 10000);
	size_t plain = table_of(&p, STATETABLE_UID | STATETABLE_FLAGS);
	size_t living = table_of(
		&p, STATETABLE_UID | STATETABLE_FLAGS | STATETABLE_LIVING);
	/* 0.35 bytes a message; a made folder has no holes in its dots */
	if (plain > 3500 || living > 3600 || plain < 2000)
		fail_msg("%zu bytes, %zu with what lives", plain, living);
	pair_end(&p);
}

/* Flags of half of them: a table finds them, and the rows themselves are what
   most of it costs. */
static void where_half_differs_it_costs_what_the_rows_cost(void **state)
{
	struct pair p;

	(void)state;
	fill(&p, 4000);
	rot(&p.home, "INSERT INTO log(origin, incarnation, folder, lsn)"
		     " SELECT origin, 78, folder, 5000 FROM log WHERE id ="
		     " (SELECT log FROM dot WHERE message = 3)");
	rot(&p.home, "INSERT INTO flag SELECT id, '\\F', 1, 117658835222528010,"
		     " (SELECT max(id) FROM log), id FROM message"
		     " WHERE id % 2");
	begin(&p.here, HOME, 0);
	turns(&p, 6);
	assert_settled(&p, 0);
	assert_int_equal(ask(&p.here, "SELECT count(*) FROM flag"), 2000);
	/* 8 bytes a key asked for, and a row with its birth. */
	if (p.bytes[0] > 2000 * 90 || p.bytes[1] > 2000 * 70)
		fail_msg("%zu bytes from home, %zu from here", p.bytes[0],
			p.bytes[1]);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			five_differences_in_100000_messages_cost_some_hundred_bytes),
		cmocka_unit_test(
			uids_and_flags_of_10000_messages_cost_a_third_of_a_byte_each),
		cmocka_unit_test(
			where_half_differs_it_costs_what_the_rows_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
