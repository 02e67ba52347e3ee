/* A Maildir on the real system: links, pipes, owners, inotify. */
#include "maildir_test.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir_private.h"

#define MAIL_UID 5000

static char root[64];
static char *maildir;
static struct os *os;
static struct store *store;

static int setup(void **state)
{
	(void)state;
	os = os_real();
	snprintf(root, sizeof(root), "/tmp/packetboat-maildir-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	maildir = path_join(root, "Maildir");
	store = open_maildir(os, maildir, MAILDIR_PLUSPLUS, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store->ops->close(store);
	free(maildir);
	return dir_remove(os, root, NULL);
}

static char *at(const char *name)
{
	static char paths[2][256];
	static int turn; /* two may be in use at once */

	turn = !turn;
	snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", maildir, name);
	return paths[turn];
}

static void put(const char *name, const char *text)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Body files are made below /tmp/ in the other tests. */
static int add(struct store *s, const char *base, uint32_t uid)
{
	char path[] = "/tmp/packetboat-body-XXXXXX";
	struct store_body body = {.fd = mkstemp(path), .mtime = 1000};
	struct store_stage *st = NULL;
	struct store_txn *t = NULL;
	size_t index = 0;
	int r = s->ops->stage_begin(s, "INBOX", &st, NULL);

	unlink(path);
	if (r == 0)
		r = s->ops->stage_add(st, &body, &index, NULL);
	if (r == 0)
		r = s->ops->stage_sync(st, NULL);
	if (r == 0)
		r = s->ops->txn_begin(s, "INBOX", false, st, &t, NULL);
	if (r == 0) {
		s->ops->txn_add(t, &(struct store_add){.base = base,
					   .letters = "S",
					   .keywords = "K",
					   .extra = "",
					   .uid = uid,
					   .staged = index});
		r = s->ops->txn_commit(t, NULL);
		s->ops->txn_end(t);
	}
	s->ops->stage_end(st);
	close(body.fd);
	return r;
}

static void links_and_pipes_are_no_messages(void **state)
{
	struct store_view v;
	struct store_stat st;
	int fd;

	(void)state;
	put("cur/1.a:2,S", "one");
	assert_int_equal(mkfifo(at("new/2.fifo"), 0600), 0);
	assert_int_equal(symlink("/etc/passwd", at("cur/3.link:2,")), 0);
	assert_int_equal(mkdir(at("cur/4.dir"), 0700), 0);
	v = view_of(store, "INBOX");
	assert_int_equal(v.count, 1);
	store_view_free(&v);
	/* Asked for by name they neither block nor lead away. */
	assert_int_equal(store->ops->open(store, "INBOX", "2.fifo", NULL, &fd,
				 &st, NULL),
		ERR_IO);
	assert_int_equal(store->ops->open(store, "INBOX", "3.link", NULL, &fd,
				 &st, NULL),
		ERR_IO);
	assert_int_equal(
		store->ops->open(store, "INBOX", "4.dir", NULL, &fd, &st, NULL),
		ERR_IO);
}

static void control_files_that_are_links_or_pipes_are_not_read(void **state)
{
	struct store_view v;

	(void)state;
	assert_int_equal(symlink("/etc/passwd", at("dovecot-keywords")), 0);
	assert_int_equal(
		store->ops->view(store, "INBOX", STORE_LOCKED, &v, NULL),
		ERR_IO);
	unlink(at("dovecot-keywords"));
	assert_int_equal(mkfifo(at("dovecot-uidlist"), 0600), 0);
	assert_int_equal(
		store->ops->view(store, "INBOX", STORE_LOCKED, &v, NULL),
		ERR_IO);
	assert_false(is_there(os, at("dovecot-uidlist.lock")));
}

static void temporary_names_that_are_links_are_not_followed(void **state)
{
	(void)state;
	put("victim", "untouched");
	assert_int_equal(symlink(at("victim"), at("dovecot-uidlist.tmp")), 0);
	assert_int_equal(add(store, "1.a", 5), 0);
	assert_file(os, at("victim"), "untouched");
	assert_file(os, at("dovecot-keywords"), "0 K\n");
}

static void folders_that_are_links_are_not_listed(void **state)
{
	struct store_list list;
	char target[] = "/tmp";

	(void)state;
	assert_int_equal(symlink(target, at(".Link")), 0);
	assert_int_equal(store->ops->list(store, &list, NULL), 0);
	assert_int_equal(list.folder_count, 1);
	store_list_free(&list);
}

static void check_owner(const char *name)
{
	struct stat st;

	if (lstat(at(name), &st) < 0)
		fail_msg("no %s", name);
	assert_int_equal(st.st_uid, MAIL_UID);
	assert_int_equal(st.st_gid, MAIL_UID);
	assert_int_equal(st.st_mode & 0777, S_ISDIR(st.st_mode) ? 0700 : 0600);
}

static void nothing_comes_to_belong_to_root(void **state)
{
	static const char *const dirs[] = {"", "cur", "new", "tmp"};
	struct maildir_config config = {.root = maildir,
		.layout = MAILDIR_PLUSPLUS,
		.uid = MAIL_UID,
		.gid = MAIL_UID,
		.dovecot = true};
	struct store *s;
	struct store_marker id;
	struct stat st;
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(root, 0755), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(chown(at(dirs[i]), MAIL_UID, MAIL_UID), 0);
	assert_int_equal(maildir_open(os, &config, false, &s, NULL), 0);
	assert_int_equal(add(s, "1.a", 5), 0);
	assert_int_equal(s->ops->marker(s, true, &id, NULL), 1);
	assert_int_equal(s->ops->subscribe(s, "X", true, NULL), 0);
	check_owner("cur/1.a:2,Sa");
	check_owner("dovecot-uidlist");
	check_owner("dovecot-keywords");
	check_owner("dovecot-uidvalidity");
	check_owner("subscriptions");
	check_owner("cur/.packetboat");
	check_owner("cur/.packetboat/marker");
	/* What the mail user may not read we do not read for him. */
	put("cur/2.root:2,", "secret");
	assert_int_equal(chmod(at("cur/2.root:2,"), 0600), 0);
	{
		struct store_stat info;

		assert_int_equal(s->ops->open(s, "INBOX", "2.root", NULL, &fd,
					 &info, NULL),
			ERR_IO);
	}
	s->ops->close(s);
	/* And the process is what it was. */
	put("mine", "x");
	assert_int_equal(stat(at("mine"), &st), 0);
	assert_int_equal(st.st_uid, 0);
}

/* ---- watching ---- */

struct seen {
	struct buf paths; /* "INBOX " …, "* " for NULL */
};

static void note(void *arg, const char *path)
{
	struct seen *seen = arg;

	buf_printf(&seen->paths, "%s ", path ? path : "*");
}

static void sees(struct store_watch *w, int fd, const char *want)
{
	struct seen seen = {BUF_INIT};
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct err err = ERR_INIT;

	poll(&p, 1, 50);
	assert_done(store->ops->watch_read(w, note, &seen, &err), err);
	assert_string_equal(buf_str(&seen.paths), want);
	buf_free(&seen.paths);
}

static struct store_watch *watch(int *ret_fd)
{
	struct store_watch *w;
	struct store_list list;

	assert_int_equal(store->ops->watch_open(store, &w, ret_fd, NULL), 0);
	assert_int_equal(store->ops->list(store, &list, NULL), 0);
	assert_int_equal(store->ops->watch_set(w, &list, NULL), 0);
	store_list_free(&list);
	return w;
}

static void make_folder(const char *name)
{
	char path[64];

	assert_int_equal(mkdir(at(name), 0700), 0);
	snprintf(path, sizeof(path), "%s/cur", name);
	assert_int_equal(mkdir(at(path), 0700), 0);
	snprintf(path, sizeof(path), "%s/new", name);
	assert_int_equal(mkdir(at(path), 0700), 0);
}

static void a_changed_folder_is_told_by_name(void **state)
{
	struct store_watch *w;
	int fd;

	(void)state;
	make_folder(".Work");
	w = watch(&fd);
	sees(w, fd, "");
	put("cur/1.a:2,", "x");
	sees(w, fd, "INBOX ");
	sees(w, fd, "");
	put(".Work/new/1.b", "x");
	put("new/1.c", "x");
	sees(w, fd, "INBOX Work ");
	put(".Work/dovecot-uidlist", "x");
	sees(w, fd, "Work ");
	put(".Work/dovecot.index.log", "x");
	put("cur/.hidden", "x");
	sees(w, fd, "");
	store->ops->watch_close(w);
}

static void folders_and_subscriptions_are_told_as_all(void **state)
{
	struct store_watch *w;
	int fd;

	(void)state;
	w = watch(&fd);
	put("subscriptions", "x");
	sees(w, fd, "* ");
	make_folder(".New");
	sees(w, fd, "* ");
	put(".New/cur/1.a:2,", "x"); /* not watched yet */
	sees(w, fd, "");
	store->ops->watch_close(w);
	w = watch(&fd);
	put(".New/cur/1.b:2,", "x");
	sees(w, fd, "New ");
	assert_int_equal(rename(at(".New"), at(".Newer")), 0);
	sees(w, fd, "* ");
	store->ops->watch_close(w);
}

static void a_locked_folder_is_told_when_the_lock_goes(void **state)
{
	struct store_watch *w;
	struct store_list list;
	int fd;

	(void)state;
	w = watch(&fd);
	put("dovecot-uidlist.lock", "1:x");
	put("cur/1.a:2,", "x");
	sees(w, fd, "");
	/* Kept while the set of folders is named anew. */
	assert_int_equal(store->ops->list(store, &list, NULL), 0);
	assert_int_equal(store->ops->watch_set(w, &list, NULL), 0);
	store_list_free(&list);
	sees(w, fd, "");
	unlink(at("dovecot-uidlist.lock"));
	sees(w, fd, "INBOX ");
	store->ops->watch_close(w);
}

static void a_folder_that_cannot_be_watched_is_counted(void **state)
{
	struct store_folder folders[] = {
		{.path = "INBOX"}, {.path = "Nowhere"}, {.path = "A.B"}};
	struct store_list list = {.folders = folders, .folder_count = 3};
	struct store_watch *w;
	int fd;

	(void)state;
	assert_int_equal(store->ops->watch_open(store, &w, &fd, NULL), 0);
	assert_int_equal(store->ops->watch_set(w, &list, NULL), 2);
	store->ops->watch_close(w);
}

static void our_own_changes_are_seen_too(void **state)
{
	struct store_watch *w;
	int fd;

	(void)state;
	w = watch(&fd);
	assert_int_equal(add(store, "1.a", 5), 0);
	sees(w, fd, "INBOX ");
	store->ops->watch_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(links_and_pipes_are_no_messages),
		T(control_files_that_are_links_or_pipes_are_not_read),
		T(temporary_names_that_are_links_are_not_followed),
		T(folders_that_are_links_are_not_listed),
		T(nothing_comes_to_belong_to_root),
		T(a_changed_folder_is_told_by_name),
		T(folders_and_subscriptions_are_told_as_all),
		T(a_locked_folder_is_told_when_the_lock_goes),
		T(a_folder_that_cannot_be_watched_is_counted),
		T(our_own_changes_are_seen_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
