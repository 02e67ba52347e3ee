/*
 * What is gone, or has another size, though nobody did anything: damage, which
 * is nobody's change.
 */
#include "damage.h"
#include "gaps.h"
#include "scene.h"

#include <fcntl.h>

/* A name that the file system lost: no directory shows that it did. */
static const char *lost;

/* The file of that mail, under whatever flags; no other that begins alike. */
static bool is_lost(const char *name)
{
	size_t len = lost ? strlen(lost) : 0;

	return len && strncmp(name, lost, len) == 0 &&
	       (name[len] == ':' || !name[len]);
}

static int list_without_lost(struct os *os, const char *path, struct buf *ret)
{
	AUTO_BUF struct buf all = BUF_INIT;
	int rc = os_real()->ops->list(os, path, &all);
	struct os_entry e;
	size_t at = 0;

	while (rc >= 0 && os_list_next(&all, &at, &e))
		if (!is_lost(e.name))
			os_list_add(ret, e.type, e.ino, e.name);
	return rc;
}

static int lstat_without_lost(
	struct os *os, const char *path, struct os_stat *ret)
{
	const char *name = strrchr(path, '/');

	if (name && is_lost(name + 1))
		return -ENOENT;
	return os_real()->ops->lstat(os, path, ret);
}

/* A file that the disk does not give. */
static int open_without_lost(
	struct os *os, const char *path, int flags, mode_t mode)
{
	const char *name = strrchr(path, '/');

	if (name && is_lost(name + 1))
		return -EIO;
	return os_real()->ops->open(os, path, flags, mode);
}

static void assert_unread(struct scene *s, const char *words)
{
	AUTO_ARENA struct arena arena = {0};
	const char *why;

	must(replica_text_get(
		s->account.replica, "unread", &arena, &why, &err));
	if (!*words)
		assert_string_equal(why, "");
	assert_non_null(strstr(why, words));
}

static void file_system_loses(struct scene *s, const char *base)
{
	lost = base;
	s->real.ops.list = list_without_lost;
	s->real.ops.lstat = lstat_without_lost;
}

static int setup(void **state)
{
	struct scene *s;

	lost = NULL;
	scene_setup(state);
	s = *state;
	server_folder(s, "Work", 'b');
	server_save(s, "INBOX", "a", "S");
	server_save(s, "INBOX", "b", "");
	server_save(s, "INBOX", "c", "");
	pass(s);
	later(s, 5);
	pass(s); /* the cookies are to be trusted now */
	assert_int_equal(s->rc, 0);
	free(news(s));
	pass(s);
	assert_int_equal(s->result.looked, 0);
	return 0;
}

#define D(test) cmocka_unit_test_setup_teardown(test, setup, scene_end)

/* The damaged messages, "base=kind ". */
static char *damages(struct scene *s)
{
	AUTO_ARENA struct arena arena = {0};
	AUTO_BUF struct buf text = BUF_INIT;
	struct gap *gaps;
	size_t count;

	must(gap_list(
		s->account.replica, NULL, 0, &arena, &gaps, &count, &err));
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < gaps[i].mail_count; k++)
			buf_printf(&text, "%s=%d ", gaps[i].mails[k].base,
				(int)gaps[i].mails[k].damage);
	return mem_dup(buf_str(&text));
}

static void assert_damaged(struct scene *s, const char *want)
{
	AUTO_FREE char *got = damages(s);

	assert_string_equal(got, want);
}

static struct replica_folder folder_of(
	struct scene *s, const char *path, struct arena *arena)
{
	struct replica_folder f;

	must(replica_folder_by_path(s->account.replica, path, arena, &f, &err));
	return f;
}

static void accept(struct scene *s, const char *path)
{
	AUTO_ARENA struct arena arena = {0};

	must(replica_begin(s->account.replica, &err));
	must(damage_accept(
		s->account.replica, folder_of(s, path, &arena).id, &err));
	must(replica_commit(s->account.replica, &err));
}

static void what_is_gone_from_an_untouched_folder_was_not_expunged(void **state)
{
	struct scene *s = *state;

	file_system_loses(s, "b");
	s->config.again = CAPTURE_ALL;
	logs(s, "");
	assert_int_equal(s->result.damaged, 1);
	assert_damaged(s, "b=2 ");
	/* Nor later, whatever else happens there. */
	s->config.again = 0;
	server_save(s, "INBOX", "d", "");
	server_flags(s, "INBOX", "c", "F");
	logs(s, "INBOX flags c@INBOX +F\nINBOX save d uid=4\n");
	server_expunge(s, "INBOX", "a");
	logs(s, "INBOX expunge a@INBOX\n");
	assert_damaged(s, "b=2 ");
}

static void one_folder_alone_can_be_looked_at(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene *s = *state;

	file_system_loses(s, "b");
	s->config.again = folder_of(s, "Work", &arena).id;
	logs(s, "");
	assert_damaged(s, "");
	s->config.again = folder_of(s, "INBOX", &arena).id;
	logs(s, "");
	assert_damaged(s, "b=2 ");
}

static void after_a_start_of_the_machine_every_folder_is_looked_at(void **state)
{
	struct scene *s = *state;

	must(replica_begin(s->account.replica, &err));
	must(replica_text_set(s->account.replica, "boot", "another", &err));
	must(replica_commit(s->account.replica, &err));
	file_system_loses(s, "b");
	logs(s, "");
	assert_int_equal(s->result.looked, 2);
	assert_damaged(s, "b=2 ");
	logs(s, "");
	assert_int_equal(s->result.looked, 0);
}

static void what_is_gone_from_a_touched_folder_was_expunged(void **state)
{
	struct scene *s = *state;

	server_expunge(s, "INBOX", "b");
	s->config.again = CAPTURE_ALL;
	logs(s, "INBOX expunge b@INBOX\n");
	assert_damaged(s, "");
}

static void a_cut_file_is_damage_and_its_flags_are_changes(void **state)
{
	struct scene *s = *state;
	AUTO_FREE char *file = server_find(s, "INBOX", "b");

	assert_int_equal(truncate(file, 3), 0);
	server_flags(s, "INBOX", "b", "F");
	logs(s, "INBOX flags b@INBOX +F\n");
	assert_damaged(s, "b=1 ");
}

static void a_damaged_file_that_a_client_moves_is_the_same_message(void **state)
{
	struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	struct scene *s = *state;
	AUTO_FREE char *file = server_find(s, "INBOX", "b");

	/* Neither its size nor its date is what it was. */
	assert_int_equal(truncate(file, 3), 0);
	assert_int_equal(utimensat(AT_FDCWD, file, long_ago, 0), 0);
	server_flags(s, "INBOX", "b", "F");
	logs(s, "INBOX flags b@INBOX +F\n");
	server_move(s, "INBOX", "b", "Work");
	logs(s, "INBOX left b@INBOX to Work\n"
		"Work move b@INBOX uid=1 +F\n");
	assert_damaged(s, "b=1 ");
}

static void a_folder_that_is_deleted_takes_its_damage_along(void **state)
{
	struct scene *s = *state;

	server_save(s, "Work", "w", "");
	logs(s, "Work save w uid=1\n");
	AUTO_FREE char *file = server_find(s, "Work", "w");
	assert_int_equal(truncate(file, 3), 0);
	server_flags(s, "Work", "w", "F");
	logs(s, "Work flags w@Work +F\n");
	assert_damaged(s, "w=1 ");
	server_delete(s, "Work");
	logs(s, "delete Work\nWork expunge w@Work\n");
	assert_damaged(s, "");
}

static void what_is_gone_and_accepted_was_expunged(void **state)
{
	struct scene *s = *state;

	file_system_loses(s, "b");
	s->config.again = CAPTURE_ALL;
	logs(s, "");
	s->config.again = 0;
	accept(s, "INBOX");
	assert_damaged(s, "");
	logs(s, "INBOX expunge b@INBOX\n");
}

static void a_mail_that_cannot_be_read_is_noted_until_it_can(void **state)
{
	struct scene *s = *state;

	server_save(s, "INBOX", "d", "");
	server_save(s, "Work", "e", "");
	lost = "d";
	s->real.ops.open = open_without_lost;
	refuses(s, ERR_IO, "Work save e uid=1\n");
	assert_unread(s, "Input/output error");
	pass(s);
	assert_int_equal(s->rc, ERR_IO);
	lost = NULL;
	logs(s, "INBOX save d uid=4\n");
	assert_unread(s, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		D(what_is_gone_from_an_untouched_folder_was_not_expunged),
		D(one_folder_alone_can_be_looked_at),
		D(after_a_start_of_the_machine_every_folder_is_looked_at),
		D(what_is_gone_from_a_touched_folder_was_expunged),
		D(a_cut_file_is_damage_and_its_flags_are_changes),
		D(a_damaged_file_that_a_client_moves_is_the_same_message),
		D(a_folder_that_is_deleted_takes_its_damage_along),
		D(what_is_gone_and_accepted_was_expunged),
		D(a_mail_that_cannot_be_read_is_noted_until_it_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
