/*
 * What users and their server do, and what capture logs of it: births, flags,
 * UIDs, copies, moves, expunges.
 */
#include "scene.h"

static void what_is_there_at_first_sight_is_born_in_the_order_of_uids(
	void **state)
{
	struct scene *s = *state;

	s->all_kinds = true;
	server_save(s, "INBOX", "c", "S");
	server_save(s, "INBOX", "a", "");
	server_save(s, "INBOX", "b", "FRS");
	server_folder(s, "Work", 'b');
	server_save(s, "Work", "x", "D");
	logs(s, "folder INBOX\n"
		"folder Work\n"
		"authority Work\n"
		"identity Work V1001 N0\n"
		"authority INBOX\n"
		"identity INBOX V1000 N0\n"
		"identity INBOX V1000 N4\n"
		"identity Work V1001 N2\n"
		"INBOX save c uid=1 +S\n"
		"INBOX save a uid=2\n"
		"INBOX save b uid=3 +FRS\n"
		"Work save x uid=1 +D\n");
	assert_int_equal(s->result.births, 4);
	assert_int_equal(s->result.folders, 2);
	assert_int_equal(s->result.looked, 2);
}

/* A peer that heard of it before the messages could not number them. */
static void uidnext_is_stated_after_the_messages(void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", s->root);

	s->all_kinds = true;
	server_file(s, "INBOX", "cur", "a:2,", "body");
	write_text(list, "w",
		"3 V1000 N9 Gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
		"7 :a\n");
	logs(s, "folder INBOX\n"
		"authority INBOX\n"
		"identity INBOX V1000 N0\n"
		"identity INBOX V1000 N9\n"
		"INBOX save a uid=7\n");
}

static void a_second_pass_logs_nothing_and_a_third_reads_nothing(void **state)
{
	struct scene *s = *state;

	server_save(s, "INBOX", "a", "S");
	logs(s, "folder INBOX\nINBOX save a uid=1 +S\n");
	assert_true(s->result.racy);
	logs(s, "");
	later(s, 3);
	logs(s, "");
	assert_false(s->result.racy);
	assert_int_equal(s->result.looked, 1);
	logs(s, "");
	assert_int_equal(s->result.looked, 0);
	assert_int_equal(s->result.folders, 1);
}

static void flags_that_are_set_and_cleared_are_logged_one_by_one(void **state)
{
	struct scene *s = *state;

	server_save(s, "INBOX", "a", "S");
	server_save(s, "INBOX", "b", "FS");
	logs(s, "folder INBOX\nINBOX save a uid=1 +S\nINBOX save b uid=2 "
		"+FS\n");
	server_flags(s, "INBOX", "a", "FRS");
	server_flags(s, "INBOX", "b", "D");
	logs(s, "INBOX flags a@INBOX +FR\nINBOX flags b@INBOX +D -FS\n");
	server_flags(s, "INBOX", "a", "FRS");
	logs(s, "");
}

static void keywords_are_logged_by_name(void **state)
{
	struct scene *s = *state;

	server_keywords(s, "INBOX", "0 $Forwarded\n2 Later\n");
	server_save(s, "INBOX", "a", "Sac");
	logs(s, "folder INBOX\nINBOX save a uid=1 +S +$$Forwarded +$Later\n");
	server_flags(s, "INBOX", "a", "Sa");
	logs(s, "INBOX flags a@INBOX -$Later\n");
}

static void a_letter_without_a_name_waits_for_its_name(void **state)
{
	struct scene *s = *state;

	server_save(s, "INBOX", "a", "");
	logs(s, "folder INBOX\nINBOX save a uid=1\n");
	/* Dovecot renames the file before it writes dovecot-keywords. */
	server_flags(s, "INBOX", "a", "Sb");
	server_save(s, "INBOX", "b", "b");
	logs(s, "");
	assert_true(s->result.racy);
	server_keywords(s, "INBOX", "1 Urgent\n");
	logs(s, "INBOX flags a@INBOX +S +$Urgent\n"
		"INBOX save b uid=2 +$Urgent\n");
}

static void a_letter_that_never_gets_a_name_holds_up_nothing(void **state)
{
	struct scene *s = *state;

	server_save(s, "INBOX", "a", "");
	logs(s, "folder INBOX\nINBOX save a uid=1\n");
	server_flags(s, "INBOX", "a", "Sb");
	server_save(s, "INBOX", "b", "Fb");
	logs(s, "");
	assert_int_equal(s->result.waiting, 1);
	later(s, 10);
	logs(s, "INBOX flags a@INBOX +S\nINBOX save b uid=2 +F\n");
	assert_int_equal(s->result.waiting, 0);
	logs(s, "");
	assert_false(s->result.racy);
}

static void what_is_expunged_is_logged_with_its_dot(void **state)
{
	struct scene *s = *state;

	server_save(s, "INBOX", "a", "S");
	server_save(s, "INBOX", "b", "");
	logs(s, "folder INBOX\nINBOX save a uid=1 +S\nINBOX save b uid=2\n");
	server_expunge(s, "INBOX", "a");
	logs(s, "INBOX expunge a@INBOX\n");
	logs(s, "");
}

static void a_file_that_comes_back_after_its_expunge_is_a_new_message(
	void **state)
{
	struct scene *s = *state;

	server_save(s, "INBOX", "a", "");
	logs(s, "folder INBOX\nINBOX save a uid=1\n");
	server_expunge(s, "INBOX", "a");
	logs(s, "INBOX expunge a@INBOX\n");
	server_save(s, "INBOX", "a", "");
	logs(s, "INBOX save a uid=2\n");
}

static void a_message_with_a_new_uid_is_the_same_message(void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", s->root);

	server_save(s, "INBOX", "a", "");
	server_save(s, "INBOX", "b", "");
	logs(s, "folder INBOX\nINBOX save a uid=1\nINBOX save b uid=2\n");
	write_text(list, "w",
		"3 V1000 N8 Gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
		"2 :b\n7 Pxyz :a\n");
	logs(s, "INBOX uid a@INBOX uid=7\nINBOX extra a@INBOX \"Pxyz\"\n");
}

static void the_fields_of_a_line_are_born_with_the_message(void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", s->root);

	server_file(s, "INBOX", "cur", "a:2,", "body");
	write_text(list, "w",
		"3 V1000 N8 Gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
		"7 Pxyz Gold :a\n");
	logs(s, "folder INBOX\nINBOX save a uid=7 \"Gold Pxyz\"\n");
	logs(s, "");
}

static void sizes_that_the_server_computed_are_nobodys_change(void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", s->root);

	server_file(s, "INBOX", "cur", "a:2,", "body");
	write_text(list, "w",
		"3 V1000 N8 Gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
		"7 Pxyz :a\n");
	logs(s, "folder INBOX\nINBOX save a uid=7 \"Pxyz\"\n");
	write_text(list, "w",
		"3 V1000 N8 Gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
		"7 Pxyz W9 S8 :a\n");
	logs(s, "");
}

/* ---- copies and moves ---- */

static void begin_two_folders(struct scene *s)
{
	server_folder(s, "Work", 'b');
	server_save(s, "INBOX", "a", "S");
	server_save(s, "INBOX", "b", "");
	logs(s, "folder INBOX\nfolder Work\nINBOX save a uid=1 +S\n"
		"INBOX save b uid=2\n");
}

static void a_hard_link_in_another_folder_is_a_copy(void **state)
{
	struct scene *s = *state;

	begin_two_folders(s);
	server_copy(s, "INBOX", "a", "Work");
	logs(s, "Work copy a from a@INBOX uid=1 +S\n");
	assert_int_equal(s->result.births, 0); /* its body was not read */
	logs(s, "");
}

static void a_link_whose_source_is_gone_is_a_move(void **state)
{
	struct scene *s = *state;

	begin_two_folders(s);
	server_move(s, "INBOX", "a", "Work");
	logs(s, "INBOX left a@INBOX to Work\nWork move a@INBOX uid=1 +S\n");
	logs(s, "");
	server_move(s, "Work", "a", "INBOX");
	logs(s, "INBOX move a@INBOX uid=3 +S\nWork left a@INBOX to INBOX\n");
	logs(s, "");
}

static void a_file_that_was_renamed_into_another_folder_is_a_move(void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *from = NULL, *to = NULL;

	begin_two_folders(s);
	from = server_find(s, "INBOX", "a");
	to = mem_printf("%s/.Work/cur/a:2,S", s->root);
	assert_int_equal(rename(from, to), 0);
	server_line(s, "Work", "a");
	logs(s, "INBOX left a@INBOX to Work\nWork move a@INBOX uid=1 +S\n");
	logs(s, "");
}

static void a_move_to_where_it_has_no_uid_yet_is_a_move_when_it_has(
	void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *from = NULL, *to = NULL;

	begin_two_folders(s);
	from = server_find(s, "INBOX", "a");
	to = mem_printf("%s/.Work/new/a:2,S", s->root);
	assert_int_equal(rename(from, to), 0);
	logs(s, "");
	logs(s, "");
	server_line(s, "Work", "a");
	logs(s, "INBOX left a@INBOX to Work\nWork move a@INBOX uid=1 +S\n");
}

static void a_move_by_copying_the_bytes_is_a_move_all_the_same(void **state)
{
	struct scene *s = *state;

	begin_two_folders(s);
	server_file(s, "Work", "cur", "a:2,S", "Subject: a\n\nINBOX\n");
	server_line(s, "Work", "a");
	server_expunge(s, "INBOX", "a");
	logs(s, "INBOX left a@INBOX to Work\nWork move a@INBOX uid=1 +S\n");
}

static void a_message_that_was_copied_before_is_moved_from_where_it_is_gone(
	void **state)
{
	struct scene *s = *state;

	begin_two_folders(s);
	server_folder(s, "Third", 'c');
	server_copy(s, "INBOX", "a", "Work");
	later(s, 60);
	logs(s, "folder Third\nWork copy a from a@INBOX uid=1 +S\n");
	server_move(s, "Work", "a", "Third");
	logs(s, "Work left a@Work to Third\nThird move a@Work uid=1 +S\n");
	server_copy(s, "INBOX", "a", "Work");
	later(s, 60);
	logs(s, "Work copy a from a@INBOX uid=2 +S\n");
}

static void an_inode_that_was_given_out_again_tells_nothing(void **state)
{
	struct scene *s = *state;

	server_file(s, "INBOX", "cur", "a:2,", "one");
	server_line(s, "INBOX", "a");
	logs(s, "folder INBOX\nINBOX save a uid=1\n");
	/* Most file systems give the inode of the one to the other. */
	server_expunge(s, "INBOX", "a");
	server_file(s, "INBOX", "cur", "b:2,", "two");
	server_line(s, "INBOX", "b");
	logs(s, "INBOX save b uid=2\nINBOX expunge a@INBOX\n");
}

static void flags_that_changed_with_a_move_are_changes_of_their_own(
	void **state)
{
	struct scene *s = *state;

	begin_two_folders(s);
	server_move(s, "INBOX", "a", "Work");
	server_flags(s, "Work", "a", "F");
	logs(s, "INBOX left a@INBOX to Work\n"
		"Work move a@INBOX uid=1 +S\nWork flags a@INBOX +F -S\n");
	logs(s, "");
}

static void a_copy_whose_source_vanishes_soon_becomes_a_move_with_both_dots(
	void **state)
{
	struct scene *s = *state;

	begin_two_folders(s);
	server_copy(s, "INBOX", "a", "Work");
	logs(s, "Work copy a from a@INBOX uid=1 +S\n");
	server_expunge(s, "INBOX", "a");
	logs(s, "INBOX left a@INBOX to Work\n"
		"Work move a@INBOX also a@Work uid=1 +S\n");
	logs(s, "");
	/* One message, with two dots. */
	server_expunge(s, "Work", "a");
	logs(s, "Work expunge a@INBOX\nWork expunge a@Work\n");
}

static void a_copy_and_an_expunge_minutes_later_stay_what_they_were(
	void **state)
{
	struct scene *s = *state;

	begin_two_folders(s);
	server_copy(s, "INBOX", "a", "Work");
	logs(s, "Work copy a from a@INBOX uid=1 +S\n");
	later(s, 120);
	server_expunge(s, "INBOX", "a");
	logs(s, "INBOX expunge a@INBOX\n");
	server_flags(s, "Work", "a", "FS");
	logs(s, "Work flags a@Work +F\n");
}

static void a_flag_and_an_expunge_of_the_source_make_the_copy_a_move(
	void **state)
{
	struct scene *s = *state;

	begin_two_folders(s);
	server_copy(s, "INBOX", "a", "Work");
	logs(s, "Work copy a from a@INBOX uid=1 +S\n");
	server_flags(s, "INBOX", "a", "ST");
	logs(s, "INBOX flags a@INBOX +T\n");
	server_expunge(s, "INBOX", "a");
	logs(s, "INBOX left a@INBOX to Work\n"
		"Work move a@INBOX also a@Work uid=1 +S\n"
		"Work flags a@INBOX -T\n"); /* the copy never had it */
	logs(s, "");
}

static void two_mails_with_the_same_bytes_are_two_messages(void **state)
{
	struct scene *s = *state;

	server_file(s, "INBOX", "cur", "a:2,", "same");
	server_line(s, "INBOX", "a");
	server_file(s, "INBOX", "cur", "b:2,", "same");
	server_line(s, "INBOX", "b");
	logs(s, "folder INBOX\nINBOX save a uid=1\nINBOX save b uid=2\n");
	server_expunge(s, "INBOX", "a");
	logs(s, "INBOX expunge a@INBOX\n");
}

static void a_copy_inside_one_folder_has_a_base_of_its_own(void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *from = NULL, *to = NULL;

	server_save(s, "INBOX", "a", "S");
	logs(s, "folder INBOX\nINBOX save a uid=1 +S\n");
	from = server_find(s, "INBOX", "a");
	to = mem_printf("%s/cur/b:2,S", s->root);
	assert_int_equal(link(from, to), 0);
	server_line(s, "INBOX", "b");
	logs(s, "INBOX copy b from a@INBOX uid=2 +S\n");
}

static void a_move_inside_one_folder_is_known_by_the_guid(void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", s->root);

	/* The inode of what an applier placed is not known. */
	server_file(s, "INBOX", "cur", "a:2,", "body");
	write_text(list, "w",
		"3 V1000 N8 Gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
		"7 Pxyz :a\n");
	logs(s, "folder INBOX\nINBOX save a uid=7 \"Pxyz\"\n");
	server_file(s, "INBOX", "cur", "b:2,", "body");
	server_expunge(s, "INBOX", "a");
	write_text(list, "w",
		"3 V1000 N9 Gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
		"8 Pxyz Ga :b\n");
	logs(s, "INBOX move a@INBOX uid=8 \"Ga Pxyz\"\n");
}

/* ---- mail without a UID ---- */

static void mail_of_an_mda_waits_for_the_server_to_number_it(void **state)
{
	struct scene *s = *state;

	server_file(s, "INBOX", "new", "a", "body");
	logs(s, "folder INBOX\n");
	assert_int_equal(s->result.waiting, 1);
	server_line(s, "INBOX", "a");
	logs(s, "INBOX save a uid=1\n");
	assert_int_equal(s->result.waiting, 0);
	server_flags(s, "INBOX", "a", ""); /* from new/ to cur/ */
	logs(s, "");
}

static void mail_that_nobody_numbers_is_numbered_after_a_moment(void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", s->root);
	AUTO_BUF struct buf text = BUF_INIT;

	s->config.give_uids = true;
	server_save(s, "INBOX", "z", "");
	server_file(s, "INBOX", "new", "b", "body b");
	server_file(s, "INBOX", "new", "a", "body a");
	logs(s, "folder INBOX\nINBOX save z uid=1\n");
	assert_int_equal(s->result.waiting, 2);
	later(s, 3);
	logs(s, "INBOX save a uid=2\nINBOX save b uid=3\n");
	must(file_read(s->os, list, 4096, &text, &err));
	assert_string_equal(buf_str(&text),
		"3 V1000 N4 Gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
		"1 :z\n2 :a\n3 :b\n");
	logs(s, "");
}

static void a_folder_without_a_uid_list_gets_one_with_its_id(void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *list = mem_printf("%s/.Work/dovecot-uidlist", s->root);

	s->config.give_uids = true;
	s->plain = true; /* the folder, not the store */
	server_folder(s, "Work", 0);
	s->plain = false;
	server_file(s, "Work", "new", "a", "body");
	logs(s, "folder INBOX\n"); /* perhaps it is still being made */
	later(s, 3);
	logs(s, "folder Work\nWork save a uid=1\n");

	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	must(replica_folder_by_path(
		s->account.replica, "Work", &arena, &f, &err));
	assert_true(id_equal(&f.fid, &f.p_guid));
	assert_int_equal(access(list, F_OK), 0);
}

static void a_plain_maildir_is_captured_without_uids(void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", s->root);

	assert_int_equal(unlink(list), 0);
	s->store->ops->close(s->store);
	s->plain = true;
	scene_store_open(s);
	s->config.give_uids = true;
	server_save(s, "INBOX", "a", "S");
	server_file(s, "INBOX", "new", "b", "body");
	logs(s, "folder INBOX\nINBOX save a +S\nINBOX save b\n");
	later(s, 5);
	logs(s, "");
	server_flags(s, "INBOX", "b", "F");
	server_expunge(s, "INBOX", "a");
	logs(s, "INBOX flags b@INBOX +F\nINBOX expunge a@INBOX\n");
	assert_int_equal(access(list, F_OK), -1);
}

static void two_files_of_one_base_are_left_alone(void **state)
{
	struct scene *s = *state;

	server_save(s, "INBOX", "a", "S");
	logs(s, "folder INBOX\nINBOX save a uid=1 +S\n");
	server_file(s, "INBOX", "cur", "a:2,F", "another");
	logs(s, "");
	server_file(s, "INBOX", "cur", "b:2,F", "another");
	server_line(s, "INBOX", "b");
	AUTO_FREE char *other = mem_printf("%s/cur/a:2,F", s->root);
	assert_int_equal(unlink(other), 0);
	logs(s, "INBOX save b uid=2 +F\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_there_at_first_sight_is_born_in_the_order_of_uids),
		T(uidnext_is_stated_after_the_messages),
		T(a_second_pass_logs_nothing_and_a_third_reads_nothing),
		T(flags_that_are_set_and_cleared_are_logged_one_by_one),
		T(keywords_are_logged_by_name),
		T(a_letter_without_a_name_waits_for_its_name),
		T(a_letter_that_never_gets_a_name_holds_up_nothing),
		T(what_is_expunged_is_logged_with_its_dot),
		T(a_file_that_comes_back_after_its_expunge_is_a_new_message),
		T(a_message_with_a_new_uid_is_the_same_message),
		T(the_fields_of_a_line_are_born_with_the_message),
		T(sizes_that_the_server_computed_are_nobodys_change),
		T(a_hard_link_in_another_folder_is_a_copy),
		T(a_link_whose_source_is_gone_is_a_move),
		T(a_file_that_was_renamed_into_another_folder_is_a_move),
		T(a_move_to_where_it_has_no_uid_yet_is_a_move_when_it_has),
		T(a_move_by_copying_the_bytes_is_a_move_all_the_same),
		T(a_message_that_was_copied_before_is_moved_from_where_it_is_gone),
		T(an_inode_that_was_given_out_again_tells_nothing),
		T(flags_that_changed_with_a_move_are_changes_of_their_own),
		T(a_copy_whose_source_vanishes_soon_becomes_a_move_with_both_dots),
		T(a_copy_and_an_expunge_minutes_later_stay_what_they_were),
		T(a_flag_and_an_expunge_of_the_source_make_the_copy_a_move),
		T(two_mails_with_the_same_bytes_are_two_messages),
		T(a_copy_inside_one_folder_has_a_base_of_its_own),
		T(a_move_inside_one_folder_is_known_by_the_guid),
		T(mail_of_an_mda_waits_for_the_server_to_number_it),
		T(mail_that_nobody_numbers_is_numbered_after_a_moment),
		T(a_folder_without_a_uid_list_gets_one_with_its_id),
		T(a_plain_maildir_is_captured_without_uids),
		T(two_files_of_one_base_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
