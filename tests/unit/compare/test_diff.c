/*
 * What two sites lack of each other, case by case; random histories are in
 * test_diff_model.c.
 */
#include "changemaker.h"
#include "diff.h"
#include "err.h"
#include "statetable.h"

#include <setjmp.h>
#include <stddef.h>

#include <cmocka.h>

#define LOG(n) ((struct log_id){n, 7, {{1}}})

/* ---- dots ---- */

/* "D 1:5-7 S 2:9 …": log and lsns of each verdict. */
static void expect_dots(const struct known *mine, const struct known *theirs,
	const char *expected)
{
	static const char letters[] = {[DIFF_ASK] = 'A',
		[DIFF_SEND] = 'S',
		[DIFF_DEAD] = 'D',
		[DIFF_TELL] = 'T'};
	struct diff_runs runs = {0};
	struct buf said = BUF_INIT;

	diff_dots(mine, theirs, &runs);
	for (size_t i = 0; i < runs.count; i++) {
		const struct diff_run *run = &runs.items[i];

		buf_printf(&said, "%s%c %d:%llu", said.len ? " " : "",
			letters[run->verdict], (int)run->log.origin,
			(unsigned long long)run->first);
		if (run->last > run->first)
			buf_printf(
				&said, "-%llu", (unsigned long long)run->last);
	}
	assert_string_equal(buf_str(&said), expected);
	buf_free(&said);
	diff_runs_free(&runs);
}

/* One log, known up to lsn, of which these runs live. */
#define KNOWN(up_to, ...)                                                      \
	((struct known){.logs = (struct known_log[]){{.at = {.log = LOG(1),    \
							      .lsn = up_to}}}, \
		.log_count = 1,                                                \
		.living = (struct dot_run[]){__VA_ARGS__},                     \
		.living_count = sizeof((struct dot_run[]){__VA_ARGS__}) /      \
				sizeof(struct dot_run)})

static void what_lives_on_both_sides_is_no_difference(void **state)
{
	(void)state;
	expect_dots(&KNOWN(9, {0, 2, 3}, {0, 5, 9}),
		&KNOWN(12, {0, 2, 3}, {0, 5, 9}), "");
	expect_dots(&(struct known){0}, &(struct known){0}, "");
}

static void what_a_site_met_and_does_not_have_is_dead(void **state)
{
	struct known a = KNOWN(9, {0, 2, 9}),
		     b = KNOWN(9, {0, 1, 4}, {0, 8, 9});

	(void)state;
	expect_dots(&a, &b, "T 1:1 D 1:5-7");
	expect_dots(&b, &a, "D 1:1 T 1:5-7");
}

static void what_a_site_did_not_meet_it_is_told(void **state)
{
	struct known a = KNOWN(9, {0, 2, 9}), b = KNOWN(4, {0, 2, 4});

	(void)state;
	expect_dots(&a, &b, "S 1:5-9");
	expect_dots(&b, &a, "A 1:5-9");
	/* nor a log of which it has not heard */
	expect_dots(&a, &(struct known){0}, "S 1:2-9");
	expect_dots(&(struct known){0}, &a, "A 1:2-9");
}

static void what_lives_beyond_the_position_lives(void **state)
{
	struct known a = KNOWN(9, {0, 2, 9}),
		     b = KNOWN(4, {0, 2, 4}, {0, 7, 7});

	(void)state; /* another comparison brought it */
	expect_dots(&a, &b, "S 1:5-6 S 1:8-9");
	expect_dots(&b, &a, "A 1:5-6 A 1:8-9");
}

static void in_a_gap_nothing_is_known(void **state)
{
	struct known a = KNOWN(20, {0, 2, 16}), b = KNOWN(20, {0, 9, 10});
	struct known_log gapped = b.logs[0];

	(void)state;
	gapped.gaps = (struct lsn_run[]){{1, 3}, {7, 12}, {16, 16}};
	gapped.gap_count = 3;
	b.logs = &gapped;
	expect_dots(
		&a, &b, "S 1:2-3 D 1:4-6 S 1:7-8 S 1:11-12 D 1:13-15 S 1:16");
	expect_dots(
		&b, &a, "A 1:2-3 T 1:4-6 A 1:7-8 A 1:11-12 T 1:13-15 A 1:16");
}

static void what_is_known_to_be_dead_is_told_though_it_was_not_met(void **state)
{
	struct known a = KNOWN(2, {0, 1, 1}), b = KNOWN(9, {0, 1, 9});

	(void)state;
	a.dead = (struct dot_run[]){{0, 4, 5}, {0, 7, 7}};
	a.dead_count = 2;
	expect_dots(&a, &b, "T 1:2 A 1:3 T 1:4-5 A 1:6 T 1:7 A 1:8-9");
	/* and is one run with what was met */
	a.dead = (struct dot_run[]){{0, 3, 5}};
	a.dead_count = 1;
	expect_dots(&a, &b, "T 1:2-5 A 1:6-9");
}

static void a_view_expunges_nothing(void **state)
{
	struct known a = KNOWN(9, {0, 2, 9}), b = KNOWN(9, {0, 2, 4});

	(void)state;
	b.view = true;
	expect_dots(&a, &b, "S 1:5-9");
	expect_dots(&b, &a, "A 1:5-9");
	assert_int_equal(known_dot(&b, &(struct dot){LOG(1), 5}), KNOWN_NOT);
}

static void logs_are_compared_each_by_itself(void **state)
{
	struct known_log x[] = {{.at = {.log = LOG(1), .lsn = 5}},
		{.at = {.log = LOG(3), .lsn = 5}}};
	struct known_log y[] = {{.at = {.log = LOG(2), .lsn = 5}},
		{.at = {.log = LOG(3), .lsn = 5}},
		{.at = {.log = LOG(4), .lsn = 5}}};
	struct known a = {.logs = x,
		.log_count = 2,
		.living = (struct dot_run[]){{0, 1, 2}, {1, 1, 2}},
		.living_count = 2};
	struct known b = {.logs = y,
		.log_count = 3,
		.living = (struct dot_run[]){{0, 1, 1}, {1, 2, 3}, {2, 5, 5}},
		.living_count = 3};

	(void)state;
	expect_dots(&a, &b, "S 1:1-2 A 2:1 D 3:1 T 3:3 A 4:5");
	expect_dots(&b, &a, "A 1:1-2 S 2:1 T 3:1 D 3:3 S 4:5");
}

static void a_run_without_end_is_one_run(void **state)
{
	struct known a = KNOWN(9, {0, 2, 9});
	struct known b = KNOWN(CHANGE_LSN_MAX, {0, 1, CHANGE_LSN_MAX});

	(void)state;
	expect_dots(&a, &b, "T 1:1 A 1:10-4611686018427387903");
	expect_dots(&b, &a, "D 1:1 S 1:10-4611686018427387903");
}

/* ---- rows ---- */

struct rows {
	const struct row *rows;
	size_t count, next;
	int fail_at; /* -1: never */
};

static int next_row(void *arg, struct row *ret, struct err *err)
{
	struct rows *r = arg;

	if (r->fail_at == (int)r->next)
		return err_set(err, ERR_IO, "source failed");
	if (r->next == r->count)
		return 0;
	*ret = r->rows[r->next++];
	return 1;
}

/* "A 1 -", "S 1 2", …: verdicts, id here, UID or first lsn there. */
static int say_row(void *arg, const struct diff_row *row, struct err *err)
{
	static const char letters[] = "ASDTU";
	struct buf *said = arg;

	if (said->len)
		buf_add_str(said, "; ");
	for (int i = 0; i < 5; i++) {
		if (row->verdicts & 1u << i)
			buf_add_byte(said, (uint8_t)letters[i]);
	}
	if (row->take)
		buf_add_byte(said, '!');
	buf_printf(said, " %d", row->mine ? (int)row->mine->id : 0);
	if (row->theirs && row->theirs->uid)
		buf_printf(said, " %u", row->theirs->uid);
	else if (row->theirs)
		buf_printf(said, " .%d", (int)row->theirs->dots[0].lsn);
	return said->len > 4000 ? err_set(err, ERR_IO, "enough") : 0;
}

static void expect_rows(const struct known *here, const struct known *there,
	unsigned columns, const struct row *mine, size_t mine_count,
	const struct row *theirs, size_t their_count, const char *expected)
{
	struct rows a = {mine, mine_count, 0, -1};
	struct rows b = {theirs, their_count, 0, -1};
	struct diff_side x = {{next_row, &a}, here, STATETABLE_ALL};
	struct diff_side y = {{next_row, &b}, there, columns};
	struct buf said = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(diff_rows(&x, &y, say_row, &said, &err), 0);
	assert_string_equal(buf_str(&said), expected);
	buf_free(&said);
}

#define DOTS(n, ...) .dots = (struct dot[]){__VA_ARGS__}, .dot_count = n
#define DOT(n)                                                                 \
	{                                                                      \
		LOG(1), n                                                      \
	}
#define FLAGS(letters, keywords) .flags = {letters, keywords}
#define TEXT .base = "", .extra = ""

static void rows_meet_by_their_uids(void **state)
{
	struct row mine[] = {
		{.id = 1, .uid = 3, DOTS(1, DOT(1)), FLAGS("S", ""), TEXT},
		{.id = 2, .uid = 4, DOTS(1, DOT(2)), FLAGS("S", ""), TEXT},
		{.id = 3, .uid = 6, DOTS(1, DOT(3)), FLAGS("", "a B"), TEXT},
		{.id = 4, .uid = 9, DOTS(1, DOT(9)), FLAGS("", ""), TEXT},
		{.id = 5, DOTS(1, DOT(10)), FLAGS("", ""), TEXT}};
	struct row theirs[] = {{.uid = 3, FLAGS("S", ""), TEXT},
		{.uid = 4, FLAGS("FS", ""), TEXT},
		{.uid = 5, FLAGS("", ""), TEXT},
		{.uid = 6, FLAGS("", "A b"), TEXT}};
	struct known here = KNOWN(10, {0, 1, 3}, {0, 9, 10});
	struct known there = KNOWN(9, {0, 1, 1});

	(void)state;
	there.living_count = 0;
	expect_rows(&here, &there, STATETABLE_UID | STATETABLE_FLAGS, mine, 5,
		theirs, 4, "AS 2 4; U 4; S 5; A 0 5");
	/* flags that are not there are not compared */
	expect_rows(&here, &there, STATETABLE_UID, mine, 5, theirs, 4,
		"U 4; S 5; A 0 5");
}

static void rows_meet_by_a_dot_that_both_have(void **state)
{
	struct row mine[] = {{.id = 1,
				     .uid = 3,
				     DOTS(2, DOT(1), DOT(4)),
				     TEXT,
				     FLAGS("", "")},
		{.id = 2, DOTS(1, DOT(2)), TEXT, FLAGS("", "")},
		{.id = 3, DOTS(1, DOT(3)), TEXT, FLAGS("", "")}};
	struct row theirs[] = {{.uid = 8, DOTS(1, DOT(3)), TEXT, FLAGS("", "")},
		{DOTS(1, DOT(2)), TEXT, FLAGS("", "")},
		{DOTS(1, DOT(4)), TEXT, FLAGS("", "")}};
	struct known here = KNOWN(9, {0, 1, 4});
	struct known there = KNOWN(9, {0, 2, 4});

	(void)state;
	/* the UIDs are told; the dots with LIVING are diff_dots' */
	expect_rows(&here, &there,
		STATETABLE_UID | STATETABLE_DOTS | STATETABLE_LIVING, mine, 3,
		theirs, 3, "AS 1 .4; AS 3 8");
	/* one dot less there: only rows say so here */
	theirs[1] = theirs[2];
	theirs[2].uid = mine[0].uid = 0;
	expect_rows(&here, &there, STATETABLE_DOTS, mine, 1, theirs + 2, 1,
		"AS 1 .4");
	expect_rows(&here, &there, STATETABLE_DOTS | STATETABLE_LIVING, mine, 1,
		theirs + 2, 1, "");
}

static void one_uid_of_two_messages_is_two_rows(void **state)
{
	struct row mine[] = {
		{.id = 1, .uid = 3, DOTS(1, DOT(1)), TEXT, FLAGS("", "")}};
	struct row theirs[] = {
		{.uid = 3, DOTS(1, DOT(2)), TEXT, FLAGS("", "")}};
	struct known here = KNOWN(1, {0, 1, 1}), there = KNOWN(2, {0, 1, 2});

	(void)state;
	expect_rows(&here, &there,
		STATETABLE_UID | STATETABLE_DOTS | STATETABLE_LIVING, mine, 1,
		theirs, 1, "AS 1; A 0 3");
}

#define BY(lsn_, stamp_)                                                       \
	{                                                                      \
		.stamp = stamp_, .log = LOG(2), .lsn = lsn_                    \
	}

static void each_write_goes_where_it_is_later(void **state)
{
	struct row_write a[] = {{"\\F", true, BY(1, 10)},
		{"\\S", true, BY(2, 20)}, {"Work", true, BY(3, 30)}};
	struct row_write b[] = {{"\\F", true, BY(1, 10)},
		{"\\S", true, BY(4, 21)}, {"work", true, BY(3, 30)}};
	struct row_write c[] = {{"\\F", false, BY(1, 9)}};
	struct row rows[] = {{.id = 1,
				     .uid = 3,
				     TEXT,
				     FLAGS("", ""),
				     .writes = a,
				     .write_count = 3},
		{.id = 2,
			.uid = 3,
			TEXT,
			FLAGS("", ""),
			.writes = b,
			.write_count = 3},
		{.id = 3,
			.uid = 3,
			TEXT,
			FLAGS("", ""),
			.writes = c,
			.write_count = 1},
		{.id = 4, .uid = 3, TEXT, FLAGS("", "")}};
	static const char *const expected[4][4] = {
		{"", "! 1 3", "S 1 3", "S 1 3"},
		{"S 2 3", "", "S 2 3", "S 2 3"},
		{"! 3 3", "! 3 3", "", "S 3 3"},
		{"! 4 3", "! 4 3", "! 4 3", ""}};
	struct known none = {0};

	(void)state;
	for (int i = 0; i < 4; i++) {
		for (int k = 0; k < 4; k++)
			expect_rows(&none, &none,
				STATETABLE_UID | STATETABLE_WRITES, &rows[i], 1,
				&rows[k], 1, expected[i][k]);
	}
	a[0].by.stamp = 8; /* one later here, others later there */
	a[1].by.stamp = 99;
	expect_rows(&none, &none, STATETABLE_UID | STATETABLE_WRITES, rows, 1,
		rows + 1, 1, "S! 1 3");
}

static void what_only_the_exact_keys_differ_in_is_told_whole(void **state)
{
	struct row mine = {.id = 1, .uid = 3, TEXT, FLAGS("S", ""), .exact = 5};
	struct row theirs = {.uid = 3, TEXT, FLAGS("S", ""), .exact = 6};
	unsigned columns = STATETABLE_UID | STATETABLE_FLAGS;
	struct known none = {0};

	(void)state;
	expect_rows(&none, &none, columns, &mine, 1, &theirs, 1, "");
	columns |= STATETABLE_EXACT;
	expect_rows(&none, &none, columns, &mine, 1, &theirs, 1, "AS 1 3");
	theirs.exact = 5;
	theirs.flags.letters = "F"; /* a peer that lies */
	expect_rows(&none, &none, columns, &mine, 1, &theirs, 1, "");
}

static void a_row_of_one_side_is_judged_by_its_dots(void **state)
{
	struct row row = {
		.id = 1, DOTS(2, DOT(5), DOT(6)), TEXT, FLAGS("", "")};
	struct row no_row[1] = {{TEXT, FLAGS("", "")}};
	struct known has = KNOWN(9, {0, 5, 6});
	struct known dead = KNOWN(9, {0, 1, 1});
	struct known before = KNOWN(5, {0, 1, 1});
	struct known elsewhere = KNOWN(9, {0, 6, 6});
	unsigned columns = STATETABLE_DOTS | STATETABLE_LIVING;

	(void)state;
	expect_rows(&has, &dead, columns, &row, 1, no_row, 0, "");
	expect_rows(&has, &before, columns, &row, 1, no_row, 0, "S 1");
	expect_rows(&has, &elsewhere, columns, &row, 1, no_row, 0, "AS 1");
	expect_rows(&dead, &has, columns, no_row, 0, &row, 1, "T 0 .5");
	expect_rows(&before, &has, columns, no_row, 0, &row, 1, "A 0 .5");
	expect_rows(&elsewhere, &has, columns, no_row, 0, &row, 1, "AS 0 .5");
	/* what does not say what lives leaves it open */
	dead.living_count = 0;
	expect_rows(&has, &dead, STATETABLE_DOTS, &row, 1, no_row, 0, "U 1");
}

static void errors_of_sources_and_receiver_end_it(void **state)
{
	struct row row = {
		.id = 1, .uid = 3, DOTS(1, DOT(5)), TEXT, FLAGS("", "")};
	struct known known = KNOWN(9, {0, 5, 5});

	(void)state;
	for (int which = 0; which < 5; which++) {
		struct rows a = {&row, 1, 0, which < 2 ? which : -1};
		struct rows b = {&row, which == 4 ? 0 : 1, 0,
			which >= 2 && which < 4 ? which - 2 : -1};
		struct diff_side x = {{next_row, &a}, &known, STATETABLE_ALL};
		struct diff_side y = {{next_row, &b}, &known, STATETABLE_UID};
		struct buf said = BUF_INIT;
		struct err err = ERR_INIT;

		memset(buf_room(&said, 4001), 0, 4001);
		said.len = 4001; /* and it has had enough */
		assert_int_equal(
			diff_rows(&x, &y, say_row, &said, &err), ERR_IO);
		assert_string_equal(
			err.text, which == 4 ? "enough" : "source failed");
		buf_free(&said);
	}
}

/* ---- content ---- */

static void expect_content(const struct content_row *mine, size_t count,
	const struct content_peer *theirs, const char *expected)
{
	static const char letters[] = {[CONTENT_SAME] = '=',
		[CONTENT_NEW] = 'N',
		[CONTENT_DEAD] = 'D',
		[CONTENT_MISSING] = 'M'};
	struct content_match ret[16];
	size_t n = diff_contents(mine, count, theirs, ret);
	struct buf said = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		buf_printf(
			&said, "%s%c", i ? " " : "", letters[ret[i].outcome]);
		if (ret[i].mine)
			buf_printf(&said, "%d", (int)ret[i].mine->id);
		if (ret[i].theirs)
			buf_printf(&said, "-%d", (int)ret[i].theirs->id);
	}
	assert_string_equal(buf_str(&said), expected);
	buf_free(&said);
}

static void mails_meet_by_what_they_are(void **state)
{
	struct content_row mine[] = {
		{30, 5, 1}, {10, 6, 2}, {20, 7, 3}, {50, 0, 4}};
	struct content_row rows[] = {{20, 1, 11}, {40, 2, 12}, {10, 6, 13}};
	struct content_peer theirs = {.rows = rows, .count = 3};

	(void)state;
	expect_content(mine, 4, &theirs, "=2-13 =3-11 N1 M-12 N4");
	expect_content(mine, 0, &theirs, "M-13 M-11 M-12");
	theirs.count = 0;
	expect_content(mine, 2, &theirs, "N2 N1");
}

static void a_mail_that_the_peer_expunged_is_dead(void **state)
{
	struct content_row mine[] = {
		{10, 5, 1}, {20, 6, 2}, {30, 7, 3}, {40, 0, 4}, {50, 9, 5}};
	struct content_row rows[] = {{60, 6, 11}};
	const uint64_t dead[] = {10, 40};
	struct content_peer theirs = {
		.rows = rows, .count = 1, .dead = dead, .dead_count = 2};

	(void)state;
	/* by its key */
	expect_content(mine, 5, &theirs, "D1 N2 N3 D4 N5 M-11");
	/* by a UID that the peer gave and has no more */
	theirs.uidnext = 9;
	expect_content(mine, 5, &theirs, "D1 N2 D3 D4 N5 M-11");
	theirs.dead_count = 0;
	expect_content(mine, 5, &theirs, "D1 N2 D3 N4 N5 M-11");
	theirs.count = 0;
	expect_content(mine, 5, &theirs, "D1 D2 D3 N4 N5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_lives_on_both_sides_is_no_difference),
		cmocka_unit_test(what_a_site_met_and_does_not_have_is_dead),
		cmocka_unit_test(what_a_site_did_not_meet_it_is_told),
		cmocka_unit_test(what_lives_beyond_the_position_lives),
		cmocka_unit_test(in_a_gap_nothing_is_known),
		cmocka_unit_test(
			what_is_known_to_be_dead_is_told_though_it_was_not_met),
		cmocka_unit_test(a_view_expunges_nothing),
		cmocka_unit_test(logs_are_compared_each_by_itself),
		cmocka_unit_test(a_run_without_end_is_one_run),
		cmocka_unit_test(rows_meet_by_their_uids),
		cmocka_unit_test(rows_meet_by_a_dot_that_both_have),
		cmocka_unit_test(one_uid_of_two_messages_is_two_rows),
		cmocka_unit_test(each_write_goes_where_it_is_later),
		cmocka_unit_test(
			what_only_the_exact_keys_differ_in_is_told_whole),
		cmocka_unit_test(a_row_of_one_side_is_judged_by_its_dots),
		cmocka_unit_test(errors_of_sources_and_receiver_end_it),
		cmocka_unit_test(mails_meet_by_what_they_are),
		cmocka_unit_test(a_mail_that_the_peer_expunged_is_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
