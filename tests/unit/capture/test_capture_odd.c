/*
 * Mail that nobody sane would make: names, fields and flags out of bounds.
 * None of it may stop the rest from being logged, or be logged so that no peer
 * could read it.
 */
#include "scene.h"

/* What is odd is left out, and the next message is logged all the same. */
static void goes_on(struct scene *s)
{
	server_save(s, "INBOX", "fine", "S");
	logs(s, "INBOX save fine uid=9 +S\n");
	later(s, 3);
	logs(s, "");
}

static void begin(struct scene *s, const char *more_lines)
{
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", s->root);
	AUTO_FREE char *text = mem_printf(
		"3 V1000 N9 Gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n%s", more_lines);

	write_text(list, "w", text);
}

static void a_second_set_of_flags_is_kept_and_not_logged(void **state)
{
	struct scene *s = *state;

	server_file(s, "INBOX", "cur", "a:2,PSX,foo", "body");
	server_file(s, "INBOX", "cur", "b:2,,x", "body b");
	begin(s, "1 :a\n2 :b\n");
	logs(s, "folder INBOX\nINBOX save a uid=1 +PSX\nINBOX save b uid=2\n");
	AUTO_FREE char *from = mem_printf("%s/cur/a:2,PSX,foo", s->root);
	AUTO_FREE char *to = mem_printf("%s/cur/a:2,FPSX,foo", s->root);
	assert_int_equal(rename(from, to), 0);
	logs(s, "INBOX flags a@INBOX +F\n");
	goes_on(s);
}

static void letters_that_are_none_are_not_logged(void **state)
{
	struct scene *s = *state;

	server_file(s, "INBOX", "cur", "a:2,SS", "body a");
	server_file(s, "INBOX", "cur", "b:2,S\x7f\x01\xc3", "body b");
	server_file(s, "INBOX", "cur", "c:2,SF", "body c");
	server_file(s, "INBOX", "cur", "d:1,S", "body d");
	begin(s, "1 :a\n2 :b\n3 :c\n4 :d\n");
	logs(s, "folder INBOX\nINBOX save a uid=1 +S\nINBOX save b uid=2 +S\n"
		"INBOX save c uid=3 +FS\nINBOX save d uid=4\n");
	goes_on(s);
}

static void fields_that_no_uid_list_has_are_not_logged(void **state)
{
	AUTO_FREE char *longer = mem_alloc(3000);
	struct scene *s = *state;

	memset(longer, 'Q', 2000);
	AUTO_FREE char *more = mem_printf(
		"1 x1 Pgood :a\n2 %s :b\n3 G\x01 :c\n4  P1  G2 :d\n", longer);
	for (char c = 'a'; c <= 'd'; c++) {
		char name[] = {c, ':', '2', ',', 0};

		server_file(s, "INBOX", "cur", name, name);
	}
	begin(s, more);
	pass(s);
	if (s->rc < 0)
		fail_msg("%s", s->err.text);
	AUTO_FREE char *got = news(s);
	assert_non_null(strstr(got, "INBOX save a uid=1 \"Pgood\"\n"));
	assert_non_null(strstr(got, "INBOX save b uid=2\n"));
	assert_non_null(strstr(got, "INBOX save c uid=3"));
	assert_non_null(strstr(got, "INBOX save d uid=4 \"G2 P1\"\n"));
	goes_on(s);
}

static void keywords_that_are_none_are_not_logged(void **state)
{
	AUTO_FREE char *longer = mem_alloc(200);
	struct scene *s = *state;

	memset(longer, 'k', 150);
	AUTO_FREE char *text = mem_printf(
		"0 good\n1 %s\n2 b\x01\n3 two words\n4 Good\n5 good\n", longer);
	server_keywords(s, "INBOX", text);
	server_file(s, "INBOX", "cur", "a:2,Sabcdef", "body");
	server_file(s, "INBOX", "cur", "b:2,a", "body b");
	begin(s, "1 :a\n2 :b\n");
	pass(s);
	if (s->rc < 0)
		fail_msg("%s", s->err.text);
	AUTO_FREE char *got = news(s);
	assert_non_null(strstr(got, "INBOX save b uid=2 +$good\n"));
	server_save(s, "INBOX", "fine", "S");
	logs(s, "INBOX save fine uid=9 +S\n");
}

static void names_of_files_that_are_no_messages_are_passed_over(void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *dir = mem_printf("%s/cur/dir:2,S", s->root);
	AUTO_FREE char *sym = mem_printf("%s/cur/link:2,S", s->root);

	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(symlink("/etc/passwd", sym), 0);
	server_file(s, "INBOX", "cur", ":2,S", "no base");
	server_file(s, "INBOX", "cur", ".hidden:2,S", "hidden");
	server_file(s, "INBOX", "cur", "line\nend:2,S", "odd");
	server_file(
		s, "INBOX", "cur", "ctrl\x01\x7f\xff:2,S", "odd but a name");
	begin(s, "1 :ctrl\x01\x7f\xff\n");
	pass(s);
	if (s->rc < 0)
		fail_msg("%s", s->err.text);
	AUTO_FREE char *got = news(s);
	assert_string_equal(got, "folder INBOX\n"
				 "INBOX save ctrl\x01\x7f\xff uid=1 +S\n");
	goes_on(s);
}

static void folders_that_no_peer_could_name_are_passed_over(void **state)
{
	struct scene *s = *state;

	server_folder(s, "good", 'b');
	server_folder(s, "bad\x01name", 'c');
	server_folder(s, "line\nend", 'd');
	server_folder(s, "a..b", 'e');
	server_folder(s, "end.", 'f');
	server_save(s, "good", "g", "");
	pass(s);
	if (s->rc < 0)
		fail_msg("%s", s->err.text);
	AUTO_FREE char *got = news(s);
	assert_string_equal(got, "folder INBOX\nfolder good\n"
				 "good save g uid=1\n");
}

static void subscriptions_of_no_names_are_passed_over(void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *longer = mem_alloc(4000);

	memset(longer, 'x', 3000);
	AUTO_FREE char *text = mem_printf(
		"good\n\n..\n.\na..b\nb\x01z\n%s\n/\nlast\n", longer);
	server_subscriptions(s, text);
	logs(s, "folder INBOX\nsubscribe good\nsubscribe last\n");
	logs(s, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_second_set_of_flags_is_kept_and_not_logged),
		T(letters_that_are_none_are_not_logged),
		T(fields_that_no_uid_list_has_are_not_logged),
		T(keywords_that_are_none_are_not_logged),
		T(names_of_files_that_are_no_messages_are_passed_over),
		T(folders_that_no_peer_could_name_are_passed_over),
		T(subscriptions_of_no_names_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
