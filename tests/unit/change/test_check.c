/* What a change may hold: a peer's strings stay what they are. */
#include "changemaker.h"
#include "err.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static struct change valid(enum change_kind kind)
{
	bool account = kind >= CHANGE_FOLDER && kind <= CHANGE_MERGE;
	struct log_id log = {1, 2, account ? ID_ACCOUNT : ID_INBOX};

	return (struct change){.kind = kind,
		.by = {.stamp = 0, .log = log, .lsn = 5},
		.dot = {log, 5},
		.base = "1.a",
		.extra = "",
		.add = {"", ""},
		.del = {"", ""},
		.folder = {{1}},
		.other = {{2}},
		.path = "A/B",
		.end = {log, 4, 9},
		.first = 2,
		.reason = ""};
}

static int check(const struct change *c)
{
	struct err err = ERR_INIT;
	int rc = change_check(c, &err);

	assert_int_equal(rc, err.code);
	assert_true((rc == 0) == (err.text[0] == 0));
	return rc;
}

static char *repeat(const char *s, size_t times, const char *between)
{
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < times; i++) {
		if (i)
			buf_add_str(&text, between);
		buf_add_str(&text, s);
	}
	buf_str(&text);
	return (char *)text.data;
}

static int check_base(const char *base)
{
	struct change c = valid(CHANGE_SAVE);

	c.base = base;
	return check(&c);
}

static void a_base_name_stays_in_its_directory(void **state)
{
	char *longest = repeat("x", CHANGE_NAME_MAX, "");
	char *longer = repeat("x", CHANGE_NAME_MAX + 1, "");

	(void)state;
	assert_int_equal(check_base("1795303760.M897062P14561.vm,S=5"), 0);
	assert_int_equal(check_base("a b:1,x\x01\xff"), 0);
	assert_int_equal(check_base(longest), 0);
	assert_int_equal(check_base(longer), ERR_LIMIT);
	assert_int_equal(check_base(""), ERR_CORRUPT);
	assert_int_equal(check_base(".."), ERR_CORRUPT);
	assert_int_equal(check_base(".hidden"), ERR_CORRUPT);
	assert_int_equal(check_base(":x"), ERR_CORRUPT);
	assert_int_equal(check_base("a/b"), ERR_CORRUPT);
	assert_int_equal(check_base("a\nb"), ERR_CORRUPT);
	assert_int_equal(check_base("a\rb"), ERR_CORRUPT);
	assert_int_equal(check_base("a:2,S"), ERR_CORRUPT);
	free(longest);
	free(longer);
}

static int check_path(const char *path)
{
	struct change c = valid(CHANGE_RENAME);

	c.path = path;
	return check(&c);
}

static void a_path_does_not_climb(void **state)
{
	(void)state;
	assert_int_equal(check_path("INBOX"), 0);
	assert_int_equal(check_path("Work/T&APw-st/.x/..."), 0);
	assert_int_equal(check_path(""), ERR_CORRUPT);
	assert_int_equal(check_path("/A"), ERR_CORRUPT);
	assert_int_equal(check_path("A/"), ERR_CORRUPT);
	assert_int_equal(check_path("A//B"), ERR_CORRUPT);
	assert_int_equal(check_path(".."), ERR_CORRUPT);
	assert_int_equal(check_path("A/../B"), ERR_CORRUPT);
	assert_int_equal(check_path("A/."), ERR_CORRUPT);
	assert_int_equal(check_path("A\tB"), ERR_CORRUPT);
	assert_int_equal(check_path("A\nB"), ERR_CORRUPT);
}

static void a_subscription_has_a_folder_or_a_path(void **state)
{
	struct change c = valid(CHANGE_SUBSCRIBE);

	(void)state;
	c.path = "";
	assert_int_equal(check(&c), 0);
	c.folder = ID_ACCOUNT;
	assert_int_equal(check(&c), ERR_CORRUPT);
	c.path = "Gone";
	assert_int_equal(check(&c), 0);
}

static void folders_have_ids(void **state)
{
	struct change c = valid(CHANGE_DELETE);

	(void)state;
	assert_int_equal(check(&c), 0);
	c.folder = ID_ACCOUNT;
	assert_int_equal(check(&c), ERR_CORRUPT);
	c = valid(CHANGE_MERGE);
	assert_int_equal(check(&c), 0);
	c.other = c.folder;
	assert_int_equal(check(&c), ERR_CORRUPT);
}

static int check_extra(const char *extra)
{
	struct change c = valid(CHANGE_EXTRA);

	c.extra = extra;
	return check(&c);
}

static void extra_fields_stay_in_their_line(void **state)
{
	(void)state;
	assert_int_equal(check_extra(""), 0);
	assert_int_equal(check_extra("P1 G1.2.vm,S=1:x/y X"), 0);
	assert_int_equal(check_extra(":1.a"), ERR_CORRUPT);
	assert_int_equal(check_extra("P1 :1.a"), ERR_CORRUPT);
	assert_int_equal(check_extra("P1  G1"), ERR_CORRUPT);
	assert_int_equal(check_extra("P1 "), ERR_CORRUPT);
	assert_int_equal(check_extra(" P1"), ERR_CORRUPT);
	assert_int_equal(check_extra("p1"), ERR_CORRUPT);
	assert_int_equal(check_extra("P1\n2 :b"), ERR_CORRUPT);
}

static int check_flags(const char *letters, const char *keywords)
{
	struct change c = valid(CHANGE_FLAGS);
	struct change d = valid(CHANGE_FLAGS);

	c.add = (struct flag_set){letters, keywords};
	d.del = (struct flag_set){letters, keywords};
	assert_int_equal(check(&c), check(&d));
	return check(&c);
}

static void flag_letters_are_sorted_and_no_keywords(void **state)
{
	(void)state;
	assert_int_equal(check_flags("!,1DFPRSTX~\xff", ""), 0);
	assert_int_equal(check_flags("SF", ""), ERR_CORRUPT);
	assert_int_equal(check_flags("SS", ""), ERR_CORRUPT);
	assert_int_equal(check_flags("Sa", ""), ERR_CORRUPT);
	assert_int_equal(check_flags("z", ""), ERR_CORRUPT);
	assert_int_equal(check_flags("/", ""), ERR_CORRUPT);
	assert_int_equal(check_flags(" ", ""), ERR_CORRUPT);
	assert_int_equal(check_flags("\n", ""), ERR_CORRUPT);
	assert_int_equal(check_flags("\x7f", ""), ERR_CORRUPT);
}

static void keywords_are_sorted_without_regard_to_case(void **state)
{
	char *longest = repeat("x", CHANGE_KEYWORD_MAX, "");
	char *longer = repeat("x", CHANGE_KEYWORD_MAX + 1, "");

	(void)state;
	assert_int_equal(check_flags("", "$Forwarded [x] alpha Beta \xc3"), 0);
	assert_int_equal(check_flags("", "Beta alpha"), ERR_CORRUPT);
	assert_int_equal(check_flags("", "work Work"), ERR_CORRUPT);
	assert_int_equal(check_flags("", "a  b"), ERR_CORRUPT);
	assert_int_equal(check_flags("", " a"), ERR_CORRUPT);
	assert_int_equal(check_flags("", "a "), ERR_CORRUPT);
	assert_int_equal(check_flags("", "a\nb"), ERR_CORRUPT);
	assert_int_equal(check_flags("", longest), 0);
	assert_int_equal(check_flags("", longer), ERR_LIMIT);
	free(longest);
	free(longer);
}

static void keywords_are_at_most_256(void **state)
{
	struct buf text = BUF_INIT;

	(void)state;
	for (unsigned i = 0; i < CHANGE_KEYWORDS_MAX; i++)
		buf_printf(&text, "%sk%03u", i ? " " : "", i);
	assert_int_equal(check_flags("", buf_str(&text)), 0);
	buf_add_str(&text, " z");
	assert_int_equal(check_flags("", buf_str(&text)), ERR_LIMIT);
	buf_free(&text);
}

static void no_flag_is_both_set_and_cleared(void **state)
{
	struct change c = valid(CHANGE_FLAGS);

	(void)state;
	c.add = (struct flag_set){"FS", "a c"};
	c.del = (struct flag_set){"RT", "b d"};
	assert_int_equal(check(&c), 0);
	c.del.letters = "ST";
	assert_int_equal(check(&c), ERR_CORRUPT);
	c.del.letters = "RT";
	c.del.keywords = "b C d";
	assert_int_equal(check(&c), ERR_CORRUPT);
}

static void lsns_begin_at_1_and_end_at_62_bits(void **state)
{
	struct change c = valid(CHANGE_SAVE);

	(void)state;
	c.by.lsn = c.dot.lsn = CHANGE_LSN_MAX;
	assert_int_equal(check(&c), 0);
	c.by.lsn = c.dot.lsn = CHANGE_LSN_MAX + 1;
	assert_int_equal(check(&c), ERR_CORRUPT);
	c.by.lsn = c.dot.lsn = 0;
	assert_int_equal(check(&c), ERR_CORRUPT);
	c.by.lsn = 4;
	c.dot.lsn = 5;
	assert_int_equal(check(&c), ERR_CORRUPT);
	c = valid(CHANGE_EXPUNGE);
	c.dot.lsn = 0;
	assert_int_equal(check(&c), ERR_CORRUPT);
	c = valid(CHANGE_COPY);
	c.source.lsn = CHANGE_LSN_MAX + 1;
	assert_int_equal(check(&c), ERR_CORRUPT);
}

static void a_gap_has_a_beginning_and_an_end(void **state)
{
	struct change c = valid(CHANGE_GAP);

	(void)state;
	c.first = c.end.lsn;
	assert_int_equal(check(&c), 0);
	c.first++;
	assert_int_equal(check(&c), ERR_CORRUPT);
	c.first = 0;
	assert_int_equal(check(&c), ERR_CORRUPT);
	c.first = 1;
	c.reason = "two\nlines";
	assert_int_equal(check(&c), ERR_CORRUPT);
	/* the first incarnation continues nothing */
	c = valid(CHANGE_BEGIN);
	c.end = (struct position){0};
	assert_int_equal(check(&c), 0);
}

static void every_kind_has_its_log(void **state)
{
	size_t folder = 0, account = 0;

	(void)state;
	for (int kind = 0; kind < 64; kind++) {
		struct change c = valid((enum change_kind)kind);

		c.by.log.folder = c.dot.log.folder = ID_INBOX;
		folder += check(&c) == 0;
		c.by.log.folder = c.dot.log.folder = ID_ACCOUNT;
		account += check(&c) == 0;
	}
	assert_int_equal(folder, 11 + 2);
	assert_int_equal(account, 7 + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_base_name_stays_in_its_directory),
		cmocka_unit_test(a_path_does_not_climb),
		cmocka_unit_test(a_subscription_has_a_folder_or_a_path),
		cmocka_unit_test(folders_have_ids),
		cmocka_unit_test(extra_fields_stay_in_their_line),
		cmocka_unit_test(flag_letters_are_sorted_and_no_keywords),
		cmocka_unit_test(keywords_are_sorted_without_regard_to_case),
		cmocka_unit_test(keywords_are_at_most_256),
		cmocka_unit_test(no_flag_is_both_set_and_cleared),
		cmocka_unit_test(lsns_begin_at_1_and_end_at_62_bits),
		cmocka_unit_test(a_gap_has_a_beginning_and_an_end),
		cmocka_unit_test(every_kind_has_its_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
