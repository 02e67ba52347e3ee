/*
 * Folders that are made, renamed, moved and deleted; subscriptions.
 */
#include "scene.h"

static void begin(struct scene *s)
{
	server_folder(s, "Work", 'b');
	server_folder(s, "Work/2026", 'c');
	server_save(s, "Work", "a", "S");
	server_save(s, "Work/2026", "b", "");
	logs(s, "folder INBOX\nfolder Work\nfolder Work/2026\n"
		"Work save a uid=1 +S\nWork/2026 save b uid=1\n");
}

static uint64_t account_log_files_end(struct scene *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *list;
	size_t count;

	must(replica_logs(s->account.replica, &arena, &list, &count, &err));
	for (size_t i = 0; i < count; i++)
		if (id_is_account(&list[i].known.log.folder))
			return list[i].known.lsn;
	return 0;
}

static void a_folder_takes_the_guid_of_the_server_as_its_id(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene *s = *state;
	struct replica_folder f;

	server_folder(s, "Work", 'b');
	logs(s, "folder INBOX\nfolder Work\n");
	must(replica_folder_by_path(
		s->account.replica, "Work", &arena, &f, &err));
	for (size_t i = 0; i < sizeof(f.fid.b); i++)
		assert_int_equal(f.fid.b[i], 0xbb);
	must(replica_folder_by_path(
		s->account.replica, "INBOX", &arena, &f, &err));
	assert_true(id_equal(&f.fid, &ID_INBOX));
}

static void a_rename_names_the_folder_and_its_children_in_one_commit(
	void **state)
{
	struct scene *s = *state;

	begin(s);
	uint64_t before = account_log_files_end(s);
	server_rename(s, "Work", "Jobs/Old");
	server_rename(s, "Work/2026", "Jobs/Old/2026");
	logs(s, "rename Work to Jobs/Old\n"
		"rename Work/2026 to Jobs/Old/2026\n");
	assert_int_equal(account_log_files_end(s), before + 2);
	logs(s, "");
	server_flags(s, "Jobs/Old", "a", "FS");
	logs(s, "Work flags a@Work +F\n");
}

/* It was stopped before it gave the folder its name. */
static void what_the_applier_put_aside_is_no_rename(void **state)
{
	struct scene *s = *state;
	const char *aside = STORE_ASIDE "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

	begin(s);
	AUTO_FREE char *child = mem_printf("%s/2026", aside);
	server_rename(s, "Work", aside);
	server_rename(s, "Work/2026", child);
	logs(s, "");
	server_rename(s, aside, "packetboat-x");
	server_rename(s, child, "packetboat-x/2026");
	logs(s, "rename Work to packetboat-x\n"
		"rename Work/2026 to packetboat-x/2026\n");
}

/* It was stopped between taking the folder away and putting it there. */
static void what_the_applier_had_on_its_way_is_not_removed(void **state)
{
	struct scene *s = *state;

	begin(s);
	AUTO_FREE char *moving =
		mem_printf("%s/cur/.packetboat/moving/1", s->root);
	AUTO_FREE char *mail = mem_printf("%s/mail", moving);
	AUTO_FREE char *names = mem_printf("%s/names", moving);
	AUTO_FREE char *dir = server_dir(s, "Work");
	must(dir_make(s->os, moving, 0700, &err));
	write_text(names, "w", ".Work\n.Jobs\n");
	assert_int_equal(rename(dir, mail), 0);
	logs(s, "rename Work to Jobs\n");
}

static void two_folders_that_swap_names_are_two_renames(void **state)
{
	struct scene *s = *state;

	server_folder(s, "A", 'b');
	server_folder(s, "B", 'c');
	server_save(s, "A", "a", "");
	server_save(s, "B", "b", "");
	logs(s, "folder A\nfolder B\nfolder INBOX\n"
		"A save a uid=1\nB save b uid=1\n");
	server_rename(s, "A", "C");
	server_rename(s, "B", "A");
	server_rename(s, "C", "B");
	logs(s, "rename B to A\nrename A to B\n");
	logs(s, "");
}

static void a_rename_with_mail_that_changes_meanwhile_logs_both(void **state)
{
	struct scene *s = *state;

	begin(s);
	server_rename(s, "Work/2026", "Done");
	server_save(s, "Done", "n", "F");
	server_expunge(s, "Done", "b");
	logs(s, "rename Work/2026 to Done\n"
		"Work/2026 save n uid=2 +F\n"
		"Work/2026 expunge b@Work/2026\n");
}

static void a_deleted_folder_is_logged_with_its_mail(void **state)
{
	struct scene *s = *state;

	begin(s);
	server_delete(s, "Work/2026");
	logs(s, "delete Work/2026\nWork/2026 expunge b@Work/2026\n");
	logs(s, "");
	/* Under the same name and GUID it is the same folder, again. */
	server_folder(s, "Work/2026", 'c');
	server_save(s, "Work/2026", "n", "");
	logs(s, "folder Work/2026\nWork/2026 save n uid=1\n");
}

static void a_folder_made_anew_under_a_name_is_another_folder(void **state)
{
	struct scene *s = *state;

	begin(s);
	server_delete(s, "Work/2026");
	server_folder(s, "Work/2026", 'd');
	server_save(s, "Work/2026", "n", "");
	logs(s, "folder Work/2026\ndelete Work/2026\n"
		"Work/2026 expunge b@Work/2026\n"
		"Work/2026 save n uid=1\n");
	logs(s, "");
}

static void mail_moved_out_of_a_folder_before_it_is_deleted_is_moved(
	void **state)
{
	struct scene *s = *state;

	begin(s);
	server_move(s, "Work/2026", "b", "INBOX");
	server_delete(s, "Work/2026");
	logs(s, "delete Work/2026\n"
		"Work/2026 left b@Work/2026 to INBOX\n"
		"INBOX move b@Work/2026 uid=1\n");
	logs(s, "");
}

static void mail_copied_out_of_a_folder_before_it_is_deleted_is_moved(
	void **state)
{
	struct scene *s = *state;

	begin(s);
	server_copy(s, "Work/2026", "b", "INBOX");
	logs(s, "INBOX copy b from b@Work/2026 uid=1\n");
	server_delete(s, "Work/2026");
	logs(s, "delete Work/2026\n"
		"Work/2026 left b@Work/2026 to INBOX\n"
		"INBOX move b@Work/2026 also b@INBOX uid=1\n");
}

static void a_parent_that_is_deleted_leaves_its_children(void **state)
{
	struct scene *s = *state;

	begin(s);
	server_delete(s, "Work");
	logs(s, "delete Work\nWork expunge a@Work\n");
	server_flags(s, "Work/2026", "b", "S");
	logs(s, "Work/2026 flags b@Work/2026 +S\n");
}

static void subscriptions_belong_to_folders_and_else_to_names(void **state)
{
	struct scene *s = *state;

	begin(s);
	server_subscriptions(s, "Work\nNowhere\nINBOX\n");
	logs(s, "subscribe INBOX\nsubscribe Work\nsubscribe Nowhere\n");
	logs(s, "");
	server_subscriptions(s, "Nowhere\n");
	logs(s, "unsubscribe INBOX\nunsubscribe Work\n");
	server_subscriptions(s, "");
	logs(s, "unsubscribe Nowhere\n");
	logs(s, "");
}

static void a_subscription_follows_its_folder_to_a_new_name(void **state)
{
	struct scene *s = *state;

	begin(s);
	server_subscriptions(s, "Work\n");
	logs(s, "subscribe Work\n");
	server_rename(s, "Work", "Jobs");
	server_subscriptions(s, "Jobs\n");
	logs(s, "rename Work to Jobs\n");
	logs(s, "");
}

static void a_name_that_outlives_its_folder_stays_subscribed(void **state)
{
	struct scene *s = *state;

	begin(s);
	server_subscriptions(s, "Work.2026\n");
	logs(s, "subscribe Work/2026\n");
	server_delete(s, "Work/2026");
	logs(s, "subscribe Work/2026\ndelete Work/2026\n"
		"Work/2026 expunge b@Work/2026\n");
	logs(s, "");
	server_folder(s, "Work/2026", 'd');
	logs(s, "folder Work/2026\nsubscribe Work/2026\n"
		"unsubscribe Work/2026\n");
	logs(s, "");
}

static void a_folder_in_the_making_is_not_born_before_it_has_its_guid(
	void **state)
{
	struct scene *s = *state;

	logs(s, "folder INBOX\n");
	s->plain = true;
	server_folder(s, "Work", 0);
	s->plain = false;
	logs(s, "");
	assert_int_equal(s->result.waiting, 1);
	server_folder(s, "Work", 'b');
	logs(s, "folder Work\n");
	assert_int_equal(s->result.waiting, 0);
}

static void what_is_switched_off_is_found_when_it_is_on_again(void **state)
{
	struct scene *s = *state;

	begin(s);
	must(replica_begin(s->account.replica, &err));
	must(replica_meta_set(s->account.replica, "off", 1, &err));
	must(replica_commit(s->account.replica, &err));
	server_flags(s, "Work", "a", "FS");
	server_save(s, "INBOX", "n", "");
	logs(s, "");
	must(replica_begin(s->account.replica, &err));
	must(replica_meta_set(s->account.replica, "off", 0, &err));
	must(replica_commit(s->account.replica, &err));
	logs(s, "Work flags a@Work +F\nINBOX save n uid=1\n");
}

static void set_off(struct scene *s, const char *path, bool off)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;

	must(replica_begin(s->account.replica, &err));
	must(replica_folder_by_path(
		s->account.replica, path, &arena, &f, &err));
	f.off = off;
	must(replica_folder_place(s->account.replica, &f, &err));
	must(replica_commit(s->account.replica, &err));
}

static void a_folder_that_is_switched_off_is_left_alone(void **state)
{
	struct scene *s = *state;

	begin(s);
	set_off(s, "Work", true);
	server_expunge(s, "Work", "a");
	server_save(s, "Work", "n", "");
	server_flags(s, "Work/2026", "b", "S");
	logs(s, "Work/2026 flags b@Work/2026 +S\n");
	set_off(s, "Work", false);
	logs(s, "Work save n uid=2\nWork expunge a@Work\n");
}

/* ---- what is durable before it is logged ---- */

/* What was synced, in order: "Maildir/cur", "x.changes". */
struct syncs {
	struct scene_os os; /* first: what the scene's clock uses */
	struct buf list;
};

static void note_sync(struct os *os, int fd)
{
	struct syncs *s = (struct syncs *)(void *)os;
	AUTO_FREE char *link_path = mem_printf("/proc/self/fd/%d", fd);
	char path[4096];
	ssize_t len = readlink(link_path, path, sizeof(path) - 1);

	assert_true(len > 0);
	path[len] = '\0';
	buf_printf(&s->list, "%s\n", path);
}

static int noted_fsync(struct os *os, int fd)
{
	note_sync(os, fd);
	return os_real()->ops->fsync(os_real(), fd);
}

static int noted_fdatasync(struct os *os, int fd)
{
	note_sync(os, fd);
	return os_real()->ops->fdatasync(os_real(), fd);
}

static void note_syncs(struct scene *s, struct syncs *n)
{
	*n = (struct syncs){.os = s->real};
	n->os.os.ops = &n->os.ops;
	n->os.ops.fsync = noted_fsync;
	n->os.ops.fdatasync = noted_fdatasync;
	s->os = &n->os.os;
	s->store->ops->close(s->store);
	scene_store_open(s);
	account_close(&s->account);
	scene_account_open(s);
}

/* Was this directory synced before any log was? */
static void synced_first(struct scene *s, struct syncs *n, const char *dir)
{
	AUTO_FREE char *line = mem_printf("%s%s\n", s->root, dir);
	const char *all = buf_str(&n->list);
	const char *log = strstr(all, ".changes\n");
	const char *mail = strstr(all, line);

	assert_non_null(log);
	if (!mail || mail > log)
		fail_msg("%s in: %s", line, all);
}

static void the_mail_is_durable_before_the_log_speaks_of_it(void **state)
{
	struct scene *s = *state;
	struct syncs n;

	begin(s);
	note_syncs(s, &n);
	server_save(s, "INBOX", "i", "");
	logs(s, "INBOX save i uid=1\n");
	synced_first(s, &n, "/cur");
	synced_first(s, &n, "/new");
	synced_first(s, &n, "/dovecot-uidlist");
	buf_clear(&n.list);

	server_expunge(s, "INBOX", "i");
	logs(s, "INBOX expunge i@INBOX\n");
	synced_first(s, &n, "/cur");
	synced_first(s, &n, "/new");
	buf_clear(&n.list);

	server_move(s, "Work", "a", "Work/2026");
	logs(s, "Work left a@Work to Work/2026\n"
		"Work/2026 move a@Work uid=2 +S\n");
	synced_first(s, &n, "/.Work/cur");
	synced_first(s, &n, "/.Work/new");
	synced_first(s, &n, "/.Work.2026/cur");
	synced_first(s, &n, "/.Work.2026/new");
	buf_clear(&n.list);

	server_rename(s, "Work/2026", "New");
	logs(s, "rename Work/2026 to New\n");
	synced_first(s, &n, "");
	buf_clear(&n.list);

	server_delete(s, "New");
	pass(s);
	assert_int_equal(s->rc, 0);
	synced_first(s, &n, "");
	buf_free(&n.list);

	s->os = &s->real.os; /* n goes */
	s->store->ops->close(s->store);
	scene_store_open(s);
	account_close(&s->account);
	scene_account_open(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_folder_takes_the_guid_of_the_server_as_its_id),
		T(a_rename_names_the_folder_and_its_children_in_one_commit),
		T(what_the_applier_put_aside_is_no_rename),
		T(what_the_applier_had_on_its_way_is_not_removed),
		T(two_folders_that_swap_names_are_two_renames),
		T(a_rename_with_mail_that_changes_meanwhile_logs_both),
		T(a_deleted_folder_is_logged_with_its_mail),
		T(a_folder_made_anew_under_a_name_is_another_folder),
		T(mail_moved_out_of_a_folder_before_it_is_deleted_is_moved),
		T(mail_copied_out_of_a_folder_before_it_is_deleted_is_moved),
		T(a_parent_that_is_deleted_leaves_its_children),
		T(subscriptions_belong_to_folders_and_else_to_names),
		T(a_subscription_follows_its_folder_to_a_new_name),
		T(a_name_that_outlives_its_folder_stays_subscribed),
		T(a_folder_in_the_making_is_not_born_before_it_has_its_guid),
		T(the_mail_is_durable_before_the_log_speaks_of_it),
		T(what_is_switched_off_is_found_when_it_is_on_again),
		T(a_folder_that_is_switched_off_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
