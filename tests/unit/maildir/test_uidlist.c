/* dovecot-uidlist, as bytes. */
#include "maildir_test.h"

#include "maildir_private.h"

static const char golden[] =
	"3 V1795303760 N3 Gad2da9355029026be138000083ecc375\n"
	"1 :1795303760.M897062P14561.vm,S=5216,W=5329\n"
	"20 G1795304205.M37640P31319.vm,S=3934,W=4016 "
	":1700000009.R9P1.writer,S=3934,W=4016\n";

static int parse(const char *text, struct uidlist *ret)
{
	struct err err = ERR_INIT;

	return uidlist_parse(text, strlen(text), ret, &err);
}

static void prints_back(const char *text, const char *want)
{
	struct uidlist list;
	struct buf b = BUF_INIT;

	assert_int_equal(parse(text, &list), 0);
	uidlist_print(&list, &b);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
	uidlist_free(&list);
}

static void the_example_is_read_whole(void **state)
{
	struct uidlist list;
	char hex[ID_HEX];

	(void)state;
	assert_int_equal(parse(golden, &list), 0);
	assert_int_equal(list.identity.uidvalidity, 1795303760);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.identity.uidnext, 21);
	assert_true(list.identity.has_guid);
	id_hex(&list.identity.guid, hex);
	assert_string_equal(hex, "ad2da9355029026be138000083ecc375");
	assert_string_equal(list.identity.extra, "");
	assert_int_equal(list.count, 2);
	assert_int_equal(list.lines[1].uid, 20);
	assert_string_equal(list.lines[1].extra,
		"G1795304205.M37640P31319.vm,S=3934,W=4016");
	assert_string_equal(
		list.lines[1].base, "1700000009.R9P1.writer,S=3934,W=4016");
	uidlist_free(&list);
}

static void what_is_read_is_printed_with_the_true_uidnext(void **state)
{
	(void)state;
	prints_back(golden,
		"3 V1795303760 N21 Gad2da9355029026be138000083ecc375\n"
		"1 :1795303760.M897062P14561.vm,S=5216,W=5329\n"
		"20 G1795304205.M37640P31319.vm,S=3934,W=4016 "
		":1700000009.R9P1.writer,S=3934,W=4016\n");
}

static void fields_nobody_knows_are_kept(void **state)
{
	static const char text[] =
		"3 V1 N9 Pxyz Q Z1/2:3\n5 P77 X/:a O3 :a.b\n";

	(void)state;
	prints_back(text, text);
}

static void what_is_no_field_is_left_out_as_dovecot_does(void **state)
{
	(void)state;
	prints_back("3 V1  N9   P \n5  p7 X1  9 :a\n", "3 V1 N9 P\n5 X1 :a\n");
}

static void a_name_with_flags_is_cut_at_its_colon(void **state)
{
	(void)state;
	prints_back("3 V1 N9\n5 :a.b:2,FS\n", "3 V1 N9\n5 :a.b\n");
}

static void version_1_is_read_and_printed_as_3(void **state)
{
	struct uidlist list;

	(void)state;
	prints_back("1 1111 7\n3 a.b,S=1\n5 c:2,S\n",
		"3 V1111 N7\n3 :a.b,S=1\n5 :c\n");
	assert_int_equal(parse("1 1111 5\n5 c\n", &list), ERR_CORRUPT);
}

static void a_line_without_its_end_is_not_a_line(void **state)
{
	(void)state;
	prints_back("3 V1 N2\n1 :a\n2 :179", "3 V1 N2\n1 :a\n");
}

static void what_dovecot_throws_away_is_corrupt(void **state)
{
	static const char *const texts[] = {
		"",
		"3 V1 N2",
		"2 V1 N2\n",
		"3V1 N2\n",
		"garbage\n",
		"3 N2\n",
		"3 V1\n",
		"3 V0 N2\n",
		"3 V1 N0\n",
		"3 V4294967296 N2\n",
		"3 Vx N2\n",
		"3 V+1 N2\n",
		"3 V1 N2 Gad2d\n",
		"3 V1 N2 Gxd2da9355029026be138000083ecc375\n",
		"3 V1 N2\n2 :a\n1 :b\n",
		"3 V1 N2\n1 :a\n1 :b\n",
		"3 V1 N2\n0 :a\n",
		"3 V1 N2\n4294967295 :a\n",
		"3 V1 N2\n4294967297 :a\n",
		"3 V1 N2\nx :a\n",
		"3 V1 N2\n1 :\n",
		"3 V1 N2\n1\n",
		"3 V1 N2\n1 \n",
		"3 V1 N2\n1 G5\n",
		"3 V1 N2\n1 :a/b\n",
		"3 V1 N2\n1 ::2,S\n",
		"3 V1 N2\n\n",
		"3 V1 N2 P\rx\n",
		"3 V1 N2\n1 :a\rb\n",
		"1 1\n",
		"1 1 2\n1 \n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct uidlist list;

		if (parse(texts[i], &list) != ERR_CORRUPT)
			fail_msg("accepted: %s", texts[i]);
	}
}

/* Each as Dovecot 2.3.19 reads it, where it says so at all. */
static void zero_bytes_end_the_line_that_they_are_in(void **state)
{
#define TEXT(s)                                                                \
	{                                                                      \
		s, sizeof(s) - 1                                               \
	}
	static const struct {
		struct slice text;
		size_t count;
		uint32_t uidnext;
	} texts[] = {
		{TEXT("3 V1 N2\n1 :a\n\0\0\0"), 1, 2},
		{TEXT("3 V1 N2\n1 :a\n2 :179\0\0"), 1, 2},
		{TEXT("3 V1 N2\n1 :a\n2 :179\0\0 3 :b\n4 :c\n"), 3, 5},
		{TEXT("3 V1 N2\n1 :a\n\0\0 3 :b\n4 :c\n"), 2, 5},
		{TEXT("3 V1 N2\n1 :a\n3 :\0b\n"), 1, 4},
		{TEXT("3 V1 N2\n7 :a\n1\0\n9 :b\n"), 2, 10},
		{TEXT("3 V1 N2 P\0x\n1 :a\n"), 1, 2},
	};
	static const struct slice broken[] = {
		TEXT("3 V1 N\0\n1 :a\n"), TEXT("3 V1 N2\n1 :a\0\n1 :b\n")};
	struct uidlist list;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(uidlist_parse(texts[i].text.at,
					 texts[i].text.len, &list, NULL),
			0);
		assert_int_equal(list.count, texts[i].count);
		assert_int_equal(list.identity.uidnext, texts[i].uidnext);
		if (i == 2)
			assert_string_equal(list.lines[1].base, "179");
		uidlist_free(&list);
	}
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
			uidlist_parse(broken[i].at, broken[i].len, &list, NULL),
			ERR_CORRUPT);
}

static void a_base_over_255_bytes_is_corrupt(void **state)
{
	char text[400];
	struct uidlist list;

	(void)state;
	snprintf(text, sizeof(text), "3 V1 N2\n1 :%0255d\n", 7);
	assert_int_equal(parse(text, &list), 0);
	uidlist_free(&list);
	snprintf(text, sizeof(text), "3 V1 N2\n1 :%0256d\n", 7);
	assert_int_equal(parse(text, &list), ERR_CORRUPT);
}

static void every_truncation_is_whole_lines_or_corrupt(void **state)
{
	size_t header = strcspn(golden, "\n") + 1;

	(void)state;
	for (size_t len = 0; len < strlen(golden); len++) {
		struct uidlist list;
		int r = uidlist_parse(golden, len, &list, NULL);

		assert_int_equal(r, len < header ? ERR_CORRUPT : 0);
		if (r == 0) {
			assert_true(list.count <= 1);
			uidlist_free(&list);
		}
	}
}

static void fields_of_a_stranger_must_be_fields(void **state)
{
	(void)state;
	assert_true(uidlist_extra_ok(""));
	assert_true(uidlist_extra_ok("Gabc P7"));
	assert_false(uidlist_extra_ok("g"));
	assert_false(uidlist_extra_ok("G1  P2"));
	assert_false(uidlist_extra_ok(" G1"));
	assert_false(uidlist_extra_ok("G1 "));
	assert_false(uidlist_extra_ok(":a"));
	assert_false(uidlist_extra_ok("G1\n9 :x"));
	assert_false(uidlist_extra_ok("G1 :x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_is_read_whole),
		cmocka_unit_test(what_is_read_is_printed_with_the_true_uidnext),
		cmocka_unit_test(fields_nobody_knows_are_kept),
		cmocka_unit_test(what_is_no_field_is_left_out_as_dovecot_does),
		cmocka_unit_test(a_name_with_flags_is_cut_at_its_colon),
		cmocka_unit_test(version_1_is_read_and_printed_as_3),
		cmocka_unit_test(a_line_without_its_end_is_not_a_line),
		cmocka_unit_test(what_dovecot_throws_away_is_corrupt),
		cmocka_unit_test(zero_bytes_end_the_line_that_they_are_in),
		cmocka_unit_test(a_base_over_255_bytes_is_corrupt),
		cmocka_unit_test(every_truncation_is_whole_lines_or_corrupt),
		cmocka_unit_test(fields_of_a_stranger_must_be_fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
