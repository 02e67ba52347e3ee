/* File names of messages. */
#include "maildir_test.h"

#include "maildir_private.h"

static struct maildir_name parsed(const char *name)
{
	struct maildir_name n;

	assert_int_equal(maildir_name_parse(name, &n), 0);
	return n;
}

static void a_name_is_base_and_flags(void **state)
{
	struct maildir_name n =
		parsed("1795303760.M897062P14561.vm,S=5216,W=5329:2,FSab");

	(void)state;
	assert_int_equal(n.base_len, 41);
	assert_string_equal(n.flags, "FSab");
}

static void a_name_without_info_has_no_flags(void **state)
{
	(void)state;
	assert_string_equal(parsed("1.x").flags, "");
	assert_int_equal(parsed("1.x").base_len, 3);
	assert_string_equal(parsed("1.x:1,FS").flags, "");
	assert_string_equal(parsed("1.x:2,").flags, "");
}

static void the_base_ends_at_the_first_colon_flags_follow_the_last(void **state)
{
	struct maildir_name n = parsed("a:b:2,S");

	(void)state;
	assert_int_equal(n.base_len, 1);
	assert_string_equal(n.flags, "S");
}

static void names_that_are_no_messages_are_refused(void **state)
{
	static const char *const names[] = {
		"", ".", "..", ".x", ":2,S", "a/b", "a\nb", "a\rb"};
	struct maildir_name n;
	char name[300];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(maildir_name_parse(names[i], &n), 1);
	memset(name, 'x', sizeof(name));
	name[256] = '\0';
	assert_int_equal(maildir_name_parse(name, &n), 1);
	name[255] = '\0';
	assert_int_equal(maildir_name_parse(name, &n), 0);
}

static void made(const char *base, const char *letters, const char *want)
{
	struct buf b = BUF_INIT;

	maildir_name_make(base, letters, &b);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
}

static void letters_are_sorted_and_once(void **state)
{
	(void)state;
	made("x", "SFbaS", "x:2,FSab");
	made("x", "", "x:2,");
	made("x", "PSX,foo", "x:2,PSX,foo");
}

static void a_second_set_of_flags_stays_behind(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	/* dovecot.md: ":2,PSX,foo" and \Flagged */
	name_build("x", "FPSX,foo", 1, &b);
	assert_string_equal(buf_str(&b), "x:2,FPSXa,foo");
	buf_free(&b);
}

static void letters_of_a_stranger_cannot_leave_the_name(void **state)
{
	(void)state;
	made("x", "S/../:\n\1 \177F", "x:2,.FS");
	made("x", "S,/..\n:2", "x:2,S,..2");
}

static void keywords_are_told_from_flags(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(name_keywords("FSacz,b"), 1 | 4 | 1 << 25);
	name_letters("SFac,bz", &b);
	assert_string_equal(buf_str(&b), "FS,bz");
	buf_free(&b);
}

static void the_stated_size_is_dovecots(void **state)
{
	(void)state;
	assert_int_equal(maildir_name_size("1.x,S=5216,W=5329"), 5216);
	assert_int_equal(maildir_name_size("1.x,S=5216"), 5216);
	assert_int_equal(maildir_name_size("1.x,S=5216:2,S"), 5216);
	assert_int_equal(maildir_name_size("1.x,W=1"), -1);
	assert_int_equal(maildir_name_size("1.x,S=12x"), -1);
	assert_int_equal(maildir_name_size("1.x,S="), -1);
	assert_int_equal(
		maildir_name_size("1.x,S=99999999999999999999999"), -1);
	/* the first counts */
	assert_int_equal(maildir_name_size("1.x,S=x,S=3"), -1);
}

static void a_base_stands_alone(void **state)
{
	(void)state;
	assert_true(name_base_ok("1795303760.M897062P14561.vm,S=1"));
	assert_false(name_base_ok("x:2,"));
	assert_false(name_base_ok("../x"));
	assert_false(name_base_ok(".x"));
	assert_false(name_base_ok(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_base_and_flags),
		cmocka_unit_test(a_name_without_info_has_no_flags),
		cmocka_unit_test(
			the_base_ends_at_the_first_colon_flags_follow_the_last),
		cmocka_unit_test(names_that_are_no_messages_are_refused),
		cmocka_unit_test(letters_are_sorted_and_once),
		cmocka_unit_test(a_second_set_of_flags_stays_behind),
		cmocka_unit_test(letters_of_a_stranger_cannot_leave_the_name),
		cmocka_unit_test(keywords_are_told_from_flags),
		cmocka_unit_test(the_stated_size_is_dovecots),
		cmocka_unit_test(a_base_stands_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
