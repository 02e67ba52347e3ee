/*
 * What capture does not believe: mass removals, another store, a store that
 * went back in time; and what an applier that died left in the store.
 */
#include "scene.h"

static void save_many(struct scene *s, const char *path, int count)
{
	for (int i = 0; i < count; i++) {
		AUTO_FREE char *base = mem_printf("m%03d", i);

		server_save(s, path, base, "S");
	}
}

static void expunge_some(struct scene *s, const char *path, int from, int count)
{
	for (int i = from; i < from + count; i++) {
		AUTO_FREE char *base = mem_printf("m%03d", i);

		server_expunge(s, path, base);
	}
}

static size_t lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* A pass that logs this many changes. */
static void logs_count(struct scene *s, size_t count)
{
	pass(s);
	if (s->rc < 0)
		fail_msg("%d: %s", s->rc, s->err.text);
	AUTO_FREE char *got = news(s);
	assert_int_equal(lines(got), count);
}

static struct replica_folder folder_of(
	struct scene *s, const char *path, struct arena *arena)
{
	struct replica_folder f;

	must(replica_folder_by_path(s->account.replica, path, arena, &f, &err));
	return f;
}

static void accept_folder(struct scene *s, const char *path)
{
	AUTO_ARENA struct arena arena = {0};

	must(replica_begin(s->account.replica, &err));
	struct replica_folder f = folder_of(s, path, &arena);
	must(capture_accept_folder(&s->account, &f, &err));
	must(replica_commit(s->account.replica, &err));
}

static void more_than_half_of_over_a_hundred_waits_for_the_operator(
	void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene *s = *state;

	save_many(s, "INBOX", 120);
	logs_count(s, 121);
	expunge_some(s, "INBOX", 0, 61);
	logs_count(s, 0);
	assert_int_equal(s->result.guarded, 61);
	struct replica_folder f = folder_of(s, "INBOX", &arena);
	assert_int_equal(f.guard_count, 61);
	logs_count(s, 0); /* and goes on waiting */
	assert_int_equal(s->result.guarded, 61);

	/* Other changes are logged all the same. */
	server_flags(s, "INBOX", "m100", "FS");
	logs(s, "INBOX flags m100@INBOX +F\n");

	must(replica_begin(s->account.replica, &err));
	f = folder_of(s, "INBOX", &arena);
	f.guard_ok = true;
	must(replica_folder_place(s->account.replica, &f, &err));
	must(replica_commit(s->account.replica, &err));
	logs_count(s, 61);
	assert_int_equal(s->result.guarded, 0);
	f = folder_of(s, "INBOX", &arena);
	assert_int_equal(f.guard_count, 0);
	assert_false(f.guard_ok); /* for this once */
}

static void half_of_a_folder_goes_without_asking(void **state)
{
	struct scene *s = *state;

	save_many(s, "INBOX", 120);
	logs_count(s, 121);
	expunge_some(s, "INBOX", 0, 60);
	logs_count(s, 60);
}

static void a_hundred_messages_are_not_many(void **state)
{
	struct scene *s = *state;

	save_many(s, "INBOX", 100);
	logs_count(s, 101);
	expunge_some(s, "INBOX", 0, 100);
	logs_count(s, 100);
}

static void mail_that_is_moved_away_is_not_guarded(void **state)
{
	struct scene *s = *state;

	server_folder(s, "Old", 'b');
	save_many(s, "INBOX", 110);
	logs_count(s, 112);
	for (int i = 0; i < 110; i++) {
		AUTO_FREE char *base = mem_printf("m%03d", i);

		server_move(s, "INBOX", base, "Old");
	}
	logs_count(s, 220);
	assert_int_equal(s->result.guarded, 0);
}

static void a_folder_that_is_exempt_may_be_emptied(void **state)
{
	static const char *const names[] = {
		"trash", "Gel\xc3\xb6scht", "Old/Junk"};
	struct scene *s = *state;

	s->config.guard_exempt = names;
	s->config.guard_exempt_count = 3;

	server_folder(s, "Trash", 'b');
	save_many(s, "Trash", 110);
	logs_count(s, 112);
	expunge_some(s, "Trash", 0, 110);
	logs_count(s, 110);
	assert_true(capture_is_exempt(&s->config, "INBOX/Trash"));
	assert_true(capture_is_exempt(&s->config, "Gel&APY-scht"));
	assert_true(capture_is_exempt(&s->config, "Old/junk"));
	assert_false(capture_is_exempt(&s->config, "Junk"));
	assert_false(capture_is_exempt(&s->config, "New/Junk"));
	assert_false(capture_is_exempt(&s->config, "Trash/Keep"));
	assert_false(capture_is_exempt(&s->config, "INBOX"));
}

static void a_big_folder_that_is_deleted_waits_with_its_mail(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene *s = *state;

	server_folder(s, "Big", 'b');
	save_many(s, "Big", 110);
	logs_count(s, 112);
	server_delete(s, "Big");
	logs_count(s, 0);
	assert_int_equal(s->result.guarded, 110);

	/* A folder made under that name meanwhile is another one. */
	server_folder(s, "Big", 'c');
	server_save(s, "Big", "n", "");
	logs(s, "folder Big\nBig save n uid=1\n");
	logs_count(s, 0);
	must(replica_begin(s->account.replica, &err));
	struct replica_folder f = {0};
	struct id128 fid;
	memset(&fid, 0xbb, sizeof(fid));
	must(replica_folder_by_fid(s->account.replica, &fid, &arena, &f, &err));
	f.guard_ok = true;
	must(replica_folder_place(s->account.replica, &f, &err));
	must(replica_commit(s->account.replica, &err));
	logs_count(s, 111);
	logs_count(s, 0);
}

/* The tables grow with the mail: no statement may read one from end to end,
   or a first import takes hours. */
static void no_statement_reads_a_whole_table(void **state)
{
	struct scene *s = *state;
	sqlite3 *db = replica_db(s->account.replica);

	server_folder(s, "Old", 'b');
	save_many(s, "INBOX", 300);
	logs_count(s, 302);
	for (int i = 0; i < 100; i++) {
		AUTO_FREE char *base = mem_printf("m%03d", i);

		if (i % 4 == 0)
			server_copy(s, "INBOX", base, "Old");
		else if (i % 4 == 1)
			server_move(s, "INBOX", base, "Old");
		else if (i % 4 == 2)
			server_expunge(s, "INBOX", base);
		else
			server_flags(s, "INBOX", base, "F");
	}
	logs_count(s, 125);
	for (int i = 0; i < 100; i += 4) {
		AUTO_FREE char *base = mem_printf("m%03d", i);

		server_expunge(s, "INBOX", base);
	}
	logs_count(s, 50);
	for (sqlite3_stmt *st = NULL; (st = sqlite3_next_stmt(db, st));) {
		int steps = sqlite3_stmt_status(
			st, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0);

		if (steps > 100)
			fail_msg("%d steps: %s", steps, sqlite3_sql(st));
	}
}

/* ---- continuity ---- */

static char *marker_path(struct scene *s)
{
	return mem_printf("%s/cur/.packetboat/marker", s->root);
}

static void a_store_without_its_marker_stops_the_account(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene *s = *state;
	AUTO_FREE char *marker = NULL;
	const char *why;

	server_save(s, "INBOX", "a", "");
	logs(s, "folder INBOX\nINBOX save a uid=1\n");
	marker = marker_path(s);
	AUTO_FREE char *aside = mem_printf("%s/marker", s->dir);
	assert_int_equal(rename(marker, aside), 0);
	server_expunge(s, "INBOX", "a");
	refuses(s, ERR_OPERATOR, "");
	must(replica_text_get(
		s->account.replica, "stopped", &arena, &why, &err));
	assert_non_null(strstr(why, "lost its marker"));
	refuses(s, ERR_OPERATOR, "");
	assert_int_equal(rename(aside, marker), 0);
	logs(s, "INBOX expunge a@INBOX\n");
	must(replica_text_get(
		s->account.replica, "stopped", &arena, &why, &err));
	assert_string_equal(why, "");
}

static void another_store_in_its_place_stops_the_account(void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *marker = NULL;

	server_save(s, "INBOX", "a", "");
	logs(s, "folder INBOX\nINBOX save a uid=1\n");
	marker = marker_path(s);
	write_text(marker, "w", "0123456789abcdef0123456789abcdef\n");
	server_expunge(s, "INBOX", "a");
	refuses(s, ERR_OPERATOR, "");
	assert_non_null(strstr(s->err.text, "another mail store"));
	must(replica_begin(s->account.replica, &err));
	must(capture_accept(&s->account, &err));
	must(replica_commit(s->account.replica, &err));
	logs(s, "INBOX expunge a@INBOX\n");
}

static void uids_that_went_back_stop_the_folder(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene *s = *state;
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", s->root);

	server_folder(s, "Work", 'b');
	server_save(s, "INBOX", "a", "");
	server_save(s, "INBOX", "b", "");
	server_save(s, "Work", "w", "");
	logs(s, "folder INBOX\nfolder Work\nINBOX save a uid=1\n"
		"INBOX save b uid=2\nWork save w uid=1\n");
	/* A backup from before b came. */
	server_expunge(s, "INBOX", "b");
	write_text(list, "w",
		"3 V1000 N2 Gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n1 :a\n");
	server_expunge(s, "Work", "w");
	refuses(s, ERR_OPERATOR, "Work expunge w@Work\n");
	assert_int_equal(s->result.stopped, 2); /* two looks, one folder */
	struct replica_folder f = folder_of(s, "INBOX", &arena);
	assert_non_null(strstr(f.stopped, "UIDs went back"));
	refuses(s, ERR_OPERATOR, "");
	accept_folder(s, "INBOX");
	logs(s, "INBOX expunge b@INBOX\n");
}

static void files_that_are_all_others_stop_the_folder(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene *s = *state;

	save_many(s, "INBOX", 20);
	logs_count(s, 21);
	/* Restored with cp, and not all of it. */
	for (int i = 1; i < 20; i++) {
		AUTO_FREE char *base = mem_printf("m%03d", i);
		AUTO_FREE char *file = server_find(s, "INBOX", base);
		AUTO_FREE char *new = mem_printf("%s.new", file);
		AUTO_FREE char *command =
			mem_printf("cp -p '%s' '%s'", file, new);

		assert_int_equal(system(command), 0);
		assert_int_equal(rename(new, file), 0);
	}
	expunge_some(s, "INBOX", 0, 1);
	refuses(s, ERR_OPERATOR, "");
	struct replica_folder f = folder_of(s, "INBOX", &arena);
	assert_non_null(strstr(f.stopped, "not those known"));
	accept_folder(s, "INBOX");
	logs(s, "INBOX expunge m000@INBOX\n");
}

static void files_that_are_all_others_and_all_there_are_taken(void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *command =
		mem_printf("cp -pr '%s/cur' '%s/cur2' && rm -r '%s/cur' && "
			   "mv '%s/cur2' '%s/cur'",
			s->root, s->root, s->root, s->root, s->root);

	save_many(s, "INBOX", 20);
	logs_count(s, 21);
	assert_int_equal(system(command), 0);
	logs_count(s, 0);
}

/* ---- an applier that died ---- */

#define PEER UINT64_C(0xb2)

/* A change of a peer, merged as the applier does before it places it. */
static void merge_in(struct scene *s, const struct id128 *folder,
	struct change *c, uint64_t lsn)
{
	struct replica *r = s->account.replica;
	struct log_id id = {PEER, 7, *folder};
	struct replica_log log;

	c->by.log = id;
	c->by.lsn = lsn;
	c->by.stamp = STAMP_OF(1700000000000 + lsn, 0);
	if (c->kind == CHANGE_SAVE)
		c->dot = (struct dot){id, lsn};
	must(replica_begin(r, &err));
	must(replica_log_get(r, &id, true, &log, &err));
	must(replica_apply(r, c, &err));
	log.known.lsn = lsn;
	must(replica_log_set(r, &log, &err));
	must(replica_commit(r, &err));
}

static void merge(struct scene *s, struct change *c, uint64_t lsn)
{
	merge_in(s, &ID_INBOX, c, lsn);
}

static struct dot merge_save_in(struct scene *s, const struct id128 *folder,
	const char *base, const char *body, uint64_t lsn)
{
	struct change c = change_blank(CHANGE_SAVE);

	c.base = base;
	c.size = strlen(body);
	c.mtime = 1700000000;
	c.hash = hash_of(body, strlen(body));
	c.add.letters = "S";
	merge_in(s, folder, &c, lsn);
	return c.dot;
}

static struct dot merge_save(
	struct scene *s, const char *base, const char *body, uint64_t lsn)
{
	return merge_save_in(s, &ID_INBOX, base, body, lsn);
}

static void what_a_dead_applier_placed_is_recognised(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene *s = *state;
	struct replica_message m;

	logs(s, "folder INBOX\n");
	struct dot dot = merge_save(s, "p", "from the peer", 1);
	server_file(s, "INBOX", "cur", "p:2,S", "from the peer");
	server_line(s, "INBOX", "p");
	logs(s, "");
	must(replica_message_by_dot(
		s->account.replica, &dot, &arena, &m, &err));
	assert_true(m.p_folder && m.p_folder == m.folder);
	assert_string_equal(m.p_letters, "S");
	assert_int_equal(m.p_uid, 1);
	server_flags(s, "INBOX", "p", "FS");
	logs(s, "INBOX flags ? +F\n");
	server_expunge(s, "INBOX", "p");
	logs(s, "INBOX expunge ?\n");
}

/* Without UID lists it has no GUID by which to know it. */
static void a_plain_folder_that_a_dead_applier_built_is_recognised(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene *s = *state;
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", s->root);
	struct id128 fid = {.b = {0xf0, 0x1d}};
	struct replica_message m;

	assert_int_equal(unlink(list), 0);
	s->store->ops->close(s->store);
	s->plain = true;
	scene_store_open(s);
	logs(s, "folder INBOX\n");
	struct change c = change_blank(CHANGE_FOLDER);
	c.folder = fid;
	c.path = "Jobs";
	merge_in(s, &ID_ACCOUNT, &c, 1);
	struct dot dot = merge_save_in(s, &fid, "p", "from the peer", 1);
	server_folder(s, "Jobs", 0);
	server_file(s, "Jobs", "cur", "p:2,S", "from the peer");
	logs(s, "");
	must(replica_message_by_dot(
		s->account.replica, &dot, &arena, &m, &err));
	assert_true(m.p_folder && m.p_folder == m.folder);
	assert_int_equal(m.todo, 0);
}

static void other_content_under_the_same_base_is_a_message_of_its_own(
	void **state)
{
	struct scene *s = *state;

	logs(s, "folder INBOX\n");
	merge_save(s, "p", "from the peer", 1);
	server_file(s, "INBOX", "cur", "p:2,S", "from a user!!");
	server_line(s, "INBOX", "p");
	logs(s, "INBOX save p uid=1 +S\n");
}

static void flags_that_a_dead_applier_set_are_recognised(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene *s = *state;
	struct replica_message m;

	server_save(s, "INBOX", "a", "S");
	logs(s, "folder INBOX\nINBOX save a uid=1 +S\n");
	struct change c = change_blank(CHANGE_FLAGS);
	c.dot = s->names[0].dot;
	c.add.letters = "F";
	c.del.letters = "S";
	merge(s, &c, 1);
	server_flags(s, "INBOX", "a", "F");
	logs(s, "");
	must(replica_message_by_dot(
		s->account.replica, &c.dot, &arena, &m, &err));
	assert_int_equal(m.todo, 0);
}

static void what_a_user_does_beside_a_peer_is_logged_alone(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene *s = *state;
	struct replica_message m;

	server_save(s, "INBOX", "a", "S");
	logs(s, "folder INBOX\nINBOX save a uid=1 +S\n");
	struct change c = change_blank(CHANGE_FLAGS);
	c.dot = s->names[0].dot;
	c.add.letters = "F"; /* merged, not yet placed */
	merge(s, &c, 1);
	server_flags(s, "INBOX", "a", "RS");
	logs(s, "INBOX flags a@INBOX +R\n");
	must(replica_message_by_dot(
		s->account.replica, &c.dot, &arena, &m, &err));
	assert_string_equal(m.letters, "FRS");
	assert_int_equal(m.todo, 1);
}

static void an_expunge_that_a_dead_applier_did_is_recognised(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene *s = *state;
	struct replica_message m;

	server_save(s, "INBOX", "a", "S");
	logs(s, "folder INBOX\nINBOX save a uid=1 +S\n");
	struct change c = change_blank(CHANGE_EXPUNGE);
	c.dot = s->names[0].dot;
	merge(s, &c, 1);
	logs(s, ""); /* dead, and still there: the applier's to remove */
	server_expunge(s, "INBOX", "a");
	logs(s, "");
	must(replica_begin(s->account.replica, &err));
	assert_int_equal(replica_message_by_dot(
				 s->account.replica, &c.dot, &arena, &m, NULL),
		1);
	must(replica_commit(s->account.replica, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(more_than_half_of_over_a_hundred_waits_for_the_operator),
		T(half_of_a_folder_goes_without_asking),
		T(a_hundred_messages_are_not_many),
		T(mail_that_is_moved_away_is_not_guarded),
		T(a_folder_that_is_exempt_may_be_emptied),
		T(a_big_folder_that_is_deleted_waits_with_its_mail),
		T(no_statement_reads_a_whole_table),
		T(a_store_without_its_marker_stops_the_account),
		T(another_store_in_its_place_stops_the_account),
		T(uids_that_went_back_stop_the_folder),
		T(files_that_are_all_others_stop_the_folder),
		T(files_that_are_all_others_and_all_there_are_taken),
		T(what_a_dead_applier_placed_is_recognised),
		T(a_plain_folder_that_a_dead_applier_built_is_recognised),
		T(other_content_under_the_same_base_is_a_message_of_its_own),
		T(flags_that_a_dead_applier_set_are_recognised),
		T(what_a_user_does_beside_a_peer_is_logged_alone),
		T(an_expunge_that_a_dead_applier_did_is_recognised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
