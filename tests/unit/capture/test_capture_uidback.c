/*
 * A UID list that went back: when it is mended, so that no UID comes to mean
 * another message, and when the folder stops.
 */
#include "scene.h"

#include "damage.h"

#define HEAD "3 V1000 N%u Gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"

/* dovecot-uidlist of INBOX as the server left it. */
static void put_list(struct scene *s, unsigned next, const char *lines)
{
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", s->root);
	AUTO_FREE char *text = mem_printf(HEAD "%s", next, lines);

	write_text(list, "w", text);
}

static void list_is(struct scene *s, unsigned next, const char *lines)
{
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", s->root);
	AUTO_FREE char *want = mem_printf(HEAD "%s", next, lines);
	AUTO_BUF struct buf got = BUF_INIT;

	must(file_read(s->os, list, 1 << 20, &got, &err));
	assert_string_equal(buf_str(&got), want);
}

/* a=1 … d=4, captured. */
static void four(struct scene *s)
{
	server_save(s, "INBOX", "a", "");
	server_save(s, "INBOX", "b", "");
	server_save(s, "INBOX", "c", "");
	server_save(s, "INBOX", "d", "");
	logs(s, "folder INBOX\nINBOX save a uid=1\nINBOX save b uid=2\n"
		"INBOX save c uid=3\nINBOX save d uid=4\n");
}

static void stops(struct scene *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;

	refuses(s, ERR_OPERATOR, "");
	must(replica_folder_by_path(
		s->account.replica, "INBOX", &arena, &f, &err));
	assert_non_null(strstr(f.stopped, "UIDs went back"));
}

static void accept_inbox(struct scene *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;

	must(replica_begin(s->account.replica, &err));
	must(replica_folder_by_path(
		s->account.replica, "INBOX", &arena, &f, &err));
	must(capture_accept_folder(&s->account, &f, &err));
	must(replica_commit(s->account.replica, &err));
}

/* The word is for once. */
static void nothing_is_accepted(struct scene *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;

	must(replica_folder_by_path(
		s->account.replica, "INBOX", &arena, &f, &err));
	assert_false(f.guard_ok);
}

static void lines_that_went_are_written_again(void **state)
{
	struct scene *s = *state;

	four(s);
	put_list(s, 1, "1 :a\n2 :b\n");
	logs(s, "");
	assert_int_equal(s->result.mended, 1);
	list_is(s, 5, "1 :a\n2 :b\n3 :c\n4 :d\n");
	logs(s, "");
	assert_int_equal(s->result.mended, 0);
	/* And it goes on above them. */
	server_save(s, "INBOX", "e", "");
	logs(s, "INBOX save e uid=5\n");
}

static void fields_of_lines_that_went_are_written_again(void **state)
{
	struct scene *s = *state;

	server_file(s, "INBOX", "cur", "a:2,", "a");
	server_file(s, "INBOX", "cur", "b:2,", "b");
	put_list(s, 1, "1 :a\n2 Gold P7 :b\n");
	logs(s, "folder INBOX\nINBOX save a uid=1\n"
		"INBOX save b uid=2 \"Gold P7\"\n");
	put_list(s, 1, "1 :a\n");
	logs(s, "");
	list_is(s, 3, "1 :a\n2 Gold P7 :b\n");
}

/* Mail that waited for its first UID meanwhile gets one above all. */
static void mail_without_a_uid_waits_until_it_is_mended(void **state)
{
	struct scene *s = *state;

	s->config.give_uids = true;
	four(s);
	put_list(s, 1, "1 :a\n2 :b\n");
	server_file(s, "INBOX", "new", "A", "from an MDA");
	later(s, 3);
	logs(s, "INBOX save A uid=5\n");
	list_is(s, 6, "1 :a\n2 :b\n3 :c\n4 :d\n5 :A\n");
}

/* The server gave 3 to another before we came. */
static void a_uid_that_was_given_again_is_taken_back_from_both(void **state)
{
	struct scene *s = *state;

	four(s);
	server_file(s, "INBOX", "cur", "x:2,", "new");
	put_list(s, 1, "1 :a\n2 :b\n3 :x\n");
	logs(s, "INBOX uid c@INBOX uid=5\nINBOX save x uid=6\n");
	list_is(s, 7, "1 :a\n2 :b\n4 :d\n5 :c\n6 :x\n");
}

/* UIDNEXT is no lower, for as much mail came as lines went. */
static void a_message_with_the_uid_of_another_is_noticed(void **state)
{
	struct scene *s = *state;

	four(s);
	server_file(s, "INBOX", "cur", "x:2,", "new");
	put_list(s, 1, "1 :a\n2 :b\n3 :x\n5 :c\n6 :d\n");
	logs(s, "INBOX uid c@INBOX uid=5\nINBOX uid d@INBOX uid=6\n"
		"INBOX save x uid=7\n");
	assert_int_equal(s->result.mended, 1);
	list_is(s, 8, "1 :a\n2 :b\n5 :c\n6 :d\n7 :x\n");
}

/* The server threw the list away and numbered by an index that was older. */
static void messages_that_got_each_others_uids_get_new_ones(void **state)
{
	struct scene *s = *state;

	four(s);
	put_list(s, 9, "1 :a\n2 :d\n3 :b\n8 :c\n");
	logs(s, "INBOX uid b@INBOX uid=10\nINBOX uid c@INBOX uid=8\n"
		"INBOX uid d@INBOX uid=9\n");
	list_is(s, 11, "1 :a\n8 :c\n9 :d\n10 :b\n");
}

static void a_uid_of_what_was_expunged_is_not_given_again(void **state)
{
	struct scene *s = *state;

	four(s);
	server_expunge(s, "INBOX", "d");
	logs(s, "INBOX expunge d@INBOX\n");
	put_list(s, 4, "1 :a\n2 :b\n3 :c\n");
	logs(s, "");
	assert_int_equal(s->result.mended, 1);
	list_is(s, 5, "1 :a\n2 :b\n3 :c\n");
	/* Or was it, before we came? */
	server_file(s, "INBOX", "cur", "x:2,", "new");
	put_list(s, 1, "1 :a\n2 :b\n3 :c\n4 :x\n");
	logs(s, "INBOX save x uid=4\n");
}

static void an_expunge_of_a_message_with_a_line_does_not_hinder(void **state)
{
	struct scene *s = *state;

	four(s);
	server_expunge(s, "INBOX", "a");
	put_list(s, 1, "1 :a\n2 :b\n3 :c\n");
	logs(s, "INBOX expunge a@INBOX\n");
	assert_int_equal(s->result.mended, 1);
	list_is(s, 5, "2 :b\n3 :c\n4 :d\n");
}

/* An older copy lacks what came later. */
static void a_missing_message_that_had_no_line_stops_the_folder(void **state)
{
	struct scene *s = *state;

	four(s);
	server_expunge(s, "INBOX", "d");
	put_list(s, 1, "1 :a\n2 :b\n3 :c\n");
	stops(s);
	list_is(s, 1, "1 :a\n2 :b\n3 :c\n");
	accept_inbox(s);
	logs(s, "INBOX expunge d@INBOX\n");
	list_is(s, 5, "1 :a\n2 :b\n3 :c\n");
	nothing_is_accepted(s);
}

static int mark_damaged(
	void *arg, const struct replica_message *row, struct err *err)
{
	struct scene *s = arg;

	return strcmp(row->p_base, "d")
		       ? 0
		       : damage_set(s->account.replica, row->id, DAMAGE_BYTES,
				 1, 1, err);
}

/* Its loss was known before. */
static void a_damaged_message_that_is_missing_does_not_stop_it(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene *s = *state;
	struct replica_folder f;

	four(s);
	must(replica_begin(s->account.replica, &err));
	must(replica_folder_by_path(
		s->account.replica, "INBOX", &arena, &f, &err));
	must(replica_placed_each(
		s->account.replica, f.id, mark_damaged, s, &err));
	must(replica_commit(s->account.replica, &err));
	server_expunge(s, "INBOX", "d");
	put_list(s, 1, "1 :a\n2 :b\n3 :c\n");
	logs(s, "");
	assert_int_equal(s->result.mended, 1);
	list_is(s, 5, "1 :a\n2 :b\n3 :c\n");
}

/* One is missing, and new mail came before we did. */
static void a_missing_message_whose_uid_another_has_stops_it(void **state)
{
	struct scene *s = *state;

	four(s);
	server_expunge(s, "INBOX", "d");
	server_file(s, "INBOX", "cur", "x:2,", "new");
	server_file(s, "INBOX", "cur", "y:2,", "new, too");
	put_list(s, 1, "1 :a\n2 :b\n3 :c\n4 :x\n5 :y\n");
	stops(s);
	accept_inbox(s);
	logs(s, "INBOX save y uid=5\nINBOX save x uid=6\n"
		"INBOX expunge d@INBOX\n");
	list_is(s, 7, "1 :a\n2 :b\n3 :c\n5 :y\n6 :x\n");
}

static void other_files_under_the_old_names_stop_it(void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *command = NULL;

	four(s);
	command = mem_printf(
		"cd '%s/cur' && cp -p c:2, c2 && mv c2 c:2,", s->root);
	assert_int_equal(system(command), 0);
	put_list(s, 1, "1 :a\n2 :b\n3 :c\n");
	stops(s);
	accept_inbox(s);
	logs(s, "");
	list_is(s, 5, "1 :a\n2 :b\n3 :c\n4 :d\n");
	nothing_is_accepted(s);
}

/* A snapshot has the same inodes, but no times from after it. */
static void directories_of_earlier_stop_it(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene *s = *state;
	struct replica_folder f;

	four(s);
	must(replica_begin(s->account.replica, &err));
	must(replica_folder_by_path(
		s->account.replica, "INBOX", &arena, &f, &err));
	assert_true(f.p_dirs_ns > 0);
	f.p_dirs_ns += 1;
	must(replica_folder_place(s->account.replica, &f, &err));
	must(replica_commit(s->account.replica, &err));
	put_list(s, 1, "1 :a\n2 :b\n3 :c\n");
	stops(s);
}

/* As when the list is thrown away, and the index with it. */
static void another_uidvalidity_is_another_matter(void **state)
{
	AUTO_FREE char *list = NULL;
	struct scene *s = *state;

	four(s);
	list = mem_printf("%s/dovecot-uidlist", s->root);
	write_text(list, "w",
		"3 V2000 N3 Gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n1 :b\n2 :a\n"
		"3 :c\n4 :d\n");
	logs(s, "INBOX uid a@INBOX uid=2\nINBOX uid b@INBOX uid=1\n");
	assert_int_equal(s->result.mended, 0);
}

/* What was found out of other folders before is not undone with it. */
static void mending_one_folder_forgets_nothing_of_another(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	AUTO_FREE char *command = NULL;
	struct scene *s = *state;
	struct replica_folder f;
	struct stat st;

	four(s);
	server_folder(s, "Work", 'b');
	logs(s, "folder Work\n");
	command = mem_printf("cd '%s' && cp -pr .Work W && rm -r .Work && "
			     "mv W .Work",
		s->root);
	assert_int_equal(system(command), 0);
	AUTO_FREE char *work = server_dir(s, "Work");
	assert_int_equal(stat(work, &st), 0);
	put_list(s, 1, "1 :a\n2 :b\n");
	logs(s, "");
	assert_int_equal(s->result.mended, 1);
	must(replica_folder_by_path(
		s->account.replica, "Work", &arena, &f, &err));
	assert_int_equal(f.p_ino, st.st_ino);
}

/* Other folders go on, and so does this one when the server lets go. */
static void a_lock_that_is_held_leaves_it_for_the_next_time(void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *lock = mem_printf("%s/dovecot-uidlist.lock", s->root);

	four(s);
	server_folder(s, "Work", 'b');
	logs(s, "folder Work\n");
	put_list(s, 1, "1 :a\n2 :b\n");
	write_text(lock, "w", "");
	server_save(s, "Work", "w", "");
	refuses(s, ERR_BUSY, "Work save w uid=1\n");
	assert_int_equal(unlink(lock), 0);
	logs(s, "");
	list_is(s, 5, "1 :a\n2 :b\n3 :c\n4 :d\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(lines_that_went_are_written_again),
		T(fields_of_lines_that_went_are_written_again),
		T(mail_without_a_uid_waits_until_it_is_mended),
		T(a_uid_that_was_given_again_is_taken_back_from_both),
		T(a_message_with_the_uid_of_another_is_noticed),
		T(messages_that_got_each_others_uids_get_new_ones),
		T(a_uid_of_what_was_expunged_is_not_given_again),
		T(an_expunge_of_a_message_with_a_line_does_not_hinder),
		T(a_missing_message_that_had_no_line_stops_the_folder),
		T(a_damaged_message_that_is_missing_does_not_stop_it),
		T(a_missing_message_whose_uid_another_has_stops_it),
		T(other_files_under_the_old_names_stop_it),
		T(directories_of_earlier_stop_it),
		T(another_uidvalidity_is_another_matter),
		T(mending_one_folder_forgets_nothing_of_another),
		T(a_lock_that_is_held_leaves_it_for_the_next_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
