/*
 * Folders built, renamed and removed, in both layouts, with control and index
 * files beside the mail and elsewhere; and the same stopped at every
 * file-changing call.
 */
#include "maildir_test.h"

#include "maildir_private.h"

struct shape {
	const char *name;
	enum maildir_layout layout;
	bool apart; /* control and index files lie elsewhere */
};

static const struct shape shapes[] = {
	{"Maildir++", MAILDIR_PLUSPLUS, false},
	{"fs", MAILDIR_FS, false},
	{"Maildir++ apart", MAILDIR_PLUSPLUS, true},
	{"fs apart", MAILDIR_FS, true},
};
#define SHAPES (sizeof(shapes) / sizeof(*shapes))

static struct store *open_shape(struct os *os, const struct shape *sh)
{
	struct maildir_config config = {.root = "/m",
		.control = sh->apart ? "/ctl" : NULL,
		.index = sh->apart ? "/idx" : NULL,
		.layout = sh->layout,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.dovecot = true,
		.lock_wait_ms = 500};
	struct err err = ERR_INIT;
	struct store *s = NULL;

	assert_done(maildir_open(os, &config, true, &s, &err), err);
	return s;
}

/* Builds a folder with one mail of UID 7 and UIDVALIDITY v. */
static int build(struct store *s, const char *path, uint32_t v,
	const char *base, struct err *err)
{
	struct mail_spec mail = {.base = base,
		.text = base,
		.uid = 7,
		.mtime = 1000,
		.keywords = "K"};
	struct store_identity id = {.uidvalidity = v, .extra = ""};

	return add_mails(s, path, true, &id, &mail, 1, err);
}

static char *index_log(const struct shape *sh, const char *path)
{
	struct maildir m = {.root = (char *)(uintptr_t) "/m",
		.index = sh->apart ? (char *)(uintptr_t) "/idx" : NULL,
		.layout = sh->layout};
	struct folder f;
	char *log;

	assert_int_equal(folder_init(&m, path, &f, NULL), 0);
	log = path_join(f.index, "dovecot.index.log");
	folder_release(&f);
	return log;
}

/* INBOX, A (10), A/B (11), A/B/C (12), D/E (13) without D. */
static struct simdisk *fresh(const struct shape *sh)
{
	static const char *const paths[] = {"A", "A/B", "A/B/C", "D/E"};
	static const char *const bases[] = {"1.a", "1.b", "1.c", "1.e"};
	struct simdisk *d = simdisk_new(13);
	struct os *os = simdisk_os(d);
	struct err err = ERR_INIT;
	struct store *s;

	simdisk_put(d, "/tmp/x", "", 0);
	s = open_shape(os, sh);
	for (uint32_t i = 0; i < 4; i++) {
		char *log = index_log(sh, paths[i]);

		assert_done(build(s, paths[i], 10 + i, bases[i], &err), err);
		simdisk_put(d, log, "log", 3);
		free(log);
	}
	s->ops->close(s);
	simdisk_pass(d, 10 * NS_PER_S);
	return d;
}

static void has_folders(struct store *s, const char *want)
{
	struct buf got = BUF_INIT;
	struct store_list list;
	struct err err = ERR_INIT;

	assert_done(s->ops->list(s, &list, &err), err);
	for (size_t i = 0; i < list.folder_count; i++)
		buf_printf(&got, "%s ", list.folders[i].path);
	assert_string_equal(buf_str(&got), want);
	store_list_free(&list);
	buf_free(&got);
}

static void folder_is(
	struct store *s, const char *path, uint32_t v, const char *base)
{
	struct store_view view = view_of(s, path);

	assert_int_equal(view.identity.uidvalidity, v);
	assert_int_equal(view.identity.uidnext, 8);
	assert_int_equal(view.count, 1);
	assert_int_equal(message_of(&view, base)->uid, 7);
	assert_int_equal(message_of(&view, base)->keywords, 1);
	assert_string_equal(view.keywords[0], "K");
	store_view_free(&view);
}

/* ---- changes to be crashed ---- */

struct change {
	const char *words;
	int (*run)(struct store *s, struct err *err);
	void (*check)(const struct shape *sh, struct store *s);
};

static int run_rename(struct store *s, struct err *err)
{
	return s->ops->rename(s, "A", "N/M", err);
}

static void check_rename(const struct shape *sh, struct store *s)
{
	char *old = index_log(sh, "A/B");
	char *new = index_log(sh, "N/M/B");

	has_folders(s, "D/E INBOX N/M N/M/B N/M/B/C ");
	folder_is(s, "N/M", 10, "1.a");
	folder_is(s, "N/M/B", 11, "1.b");
	folder_is(s, "N/M/B/C", 12, "1.c");
	assert_true(is_there(s->os, new));
	assert_false(is_there(s->os, old));
	free(old);
	free(new);
}

/* D is no folder, but one is below it. */
static int run_onto(struct store *s, struct err *err)
{
	return s->ops->rename(s, "A/B", "D", err);
}

static void check_onto(const struct shape *sh, struct store *s)
{
	(void)sh;
	has_folders(s, "A D D/C D/E INBOX ");
	folder_is(s, "D", 11, "1.b");
	folder_is(s, "D/C", 12, "1.c");
	folder_is(s, "D/E", 13, "1.e");
}

/* What is renamed is no folder, but holds one. */
static int run_holder(struct store *s, struct err *err)
{
	return s->ops->rename(s, "D", "F", err);
}

static void check_holder(const struct shape *sh, struct store *s)
{
	(void)sh;
	has_folders(s, "A A/B A/B/C F/E INBOX ");
	folder_is(s, "F/E", 13, "1.e");
}

static int run_remove(struct store *s, struct err *err)
{
	return s->ops->remove(s, "A/B", err);
}

static void check_remove(const struct shape *sh, struct store *s)
{
	char *log = index_log(sh, "A/B");

	has_folders(s, "A A/B/C D/E INBOX ");
	folder_is(s, "A/B/C", 12, "1.c");
	assert_false(is_there(s->os, log));
	assert_int_equal(
		count_below(s->os, "/m/cur/.packetboat/trash", "1.b", "1.b"),
		1);
	free(log);
}

static int run_remove_leaf(struct store *s, struct err *err)
{
	return s->ops->remove(s, "A/B/C", err);
}

static void check_remove_leaf(const struct shape *sh, struct store *s)
{
	char *log = index_log(sh, "A/B/C");

	has_folders(s, "A A/B D/E INBOX ");
	assert_false(is_there(s->os, log));
	assert_int_equal(
		count_below(s->os, "/m/cur/.packetboat/trash", "1.c", "1.c"),
		1);
	free(log);
}

static int run_build(struct store *s, struct err *err)
{
	int r = build(s, "D", 99, "1.d", err);

	return r == ERR_CONFLICT ? 0 : r;
}

static void check_build(const struct shape *sh, struct store *s)
{
	(void)sh;
	has_folders(s, "A A/B A/B/C D D/E INBOX ");
	folder_is(s, "D", 99, "1.d");
	folder_is(s, "D/E", 13, "1.e");
}

static const struct change changes[] = {
	{"rename", run_rename, check_rename},
	{"rename onto a holder", run_onto, check_onto},
	{"rename of a holder", run_holder, check_holder},
	{"remove", run_remove, check_remove},
	{"remove a leaf", run_remove_leaf, check_remove_leaf},
	{"build", run_build, check_build},
};
#define CHANGES (sizeof(changes) / sizeof(*changes))

static void every_mail_is_somewhere(struct os *os)
{
	static const char *const bases[] = {"1.a", "1.b", "1.c", "1.e"};

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(count_below(os, "/m", bases[i], bases[i]), 1);
}

/* Before anybody looks for folders: none is out of sight, and none locked. */
static void settle(const struct shape *sh, struct store *s)
{
	static const char *const bases[] = {"1.a", "1.b", "1.c", "1.e"};
	struct err err = ERR_INIT;
	struct store_list list;
	size_t seen = 0;

	assert_done(s->ops->settle(s, &err), err);
	assert_done(s->ops->list(s, &list, &err), err);
	for (size_t i = 0; i < list.folder_count; i++) {
		struct store_view view = view_of(s, list.folders[i].path);

		for (size_t k = 0; k < view.count; k++)
			seen += strcmp(view.messages[k].base, "1.d") != 0;
		store_view_free(&view);
	}
	for (size_t i = 0; i < 4; i++)
		seen += count_below(
			s->os, "/m/cur/.packetboat/trash", bases[i], bases[i]);
	assert_int_equal(seen, 4);
	store_list_free(&list);
	assert_int_equal(
		count_below(s->os, "/m/cur/.packetboat/moving", "names", NULL),
		0);
	assert_int_equal(
		count_below(s->os, "/m/cur/.packetboat", LOCK_FILE, NULL), 0);
	if (sh->apart)
		assert_int_equal(
			count_below(s->os, "/ctl", LOCK_FILE, NULL), 0);
}

/* mode: SIMDISK_… of the power cut, or -1 for a kill, -2 for a full disk. */
static bool crash_once(const struct shape *sh, const struct change *c,
	const struct simdisk *from, int mode, uint64_t call)
{
	struct simdisk *d = simdisk_clone(from);
	struct os *os = simdisk_os(d);
	struct store *s = open_shape(os, sh);
	struct err err = ERR_INIT;
	bool fired;
	int r;

	if (mode == -2)
		simdisk_fail_at(d, call, ENOSPC);
	else
		simdisk_stop_at(d, call);
	c->run(s, &err);
	fired = simdisk_fired(d);
	s->ops->close(s);
	if (mode >= 0)
		simdisk_power_cut_mode(d, (enum simdisk_cut)mode, call);
	else if (mode == -1)
		simdisk_kill(d);
	simdisk_faults_clear(d);
	simdisk_set_pid(d, 2000);
	simdisk_pass(d, 200 * NS_PER_S);
	s = open_shape(os, sh);
	every_mail_is_somewhere(os);
	settle(sh, s);
	every_mail_is_somewhere(os);
	r = c->run(s, &err);
	if (r < 0)
		fail_msg("%s: %s: end %d at call %llu: %s", sh->name, c->words,
			mode, (unsigned long long)call, err.text);
	every_mail_is_somewhere(os);
	c->check(sh, s);
	assert_int_equal(simdisk_open_files(d), 0);
	s->ops->close(s);
	simdisk_free(d);
	return fired;
}

static void crash_everywhere(const struct change *c)
{
	for (size_t i = 0; i < SHAPES; i++) {
		struct simdisk *from = fresh(&shapes[i]);

		for (int mode = -2; mode <= SIMDISK_ALL_KEPT; mode++) {
			uint64_t call = 1;

			while (crash_once(&shapes[i], c, from, mode, call))
				call++;
		}
		simdisk_free(from);
	}
}

static void folder_changes_survive_every_crash_in_every_shape(void **state)
{
	(void)state;
	for (size_t i = 0; i < CHANGES; i++)
		crash_everywhere(&changes[i]);
}

/* ---- refusals and repetition ---- */

static void each_shape(void (*fn)(const struct shape *sh, struct store *s))
{
	for (size_t i = 0; i < SHAPES; i++) {
		struct simdisk *d = fresh(&shapes[i]);
		struct store *s = open_shape(simdisk_os(d), &shapes[i]);

		fn(&shapes[i], s);
		s->ops->close(s);
		simdisk_free(d);
	}
}

static void refuse_renames(const struct shape *sh, struct store *s)
{
	const struct store_ops *o = s->ops;

	(void)sh;
	assert_int_equal(o->rename(s, "A", "D/E", NULL), ERR_CONFLICT);
	assert_int_equal(o->rename(s, "A", "A/X", NULL), ERR_USAGE);
	assert_int_equal(o->rename(s, "INBOX", "X", NULL), ERR_USAGE);
	assert_int_equal(o->rename(s, "A", "INBOX", NULL), ERR_USAGE);
	assert_int_equal(o->rename(s, "Nowhere", "X", NULL), ERR_ABSENT);
	assert_int_equal(o->rename(s, "A", "../X", NULL), ERR_USAGE);
	assert_int_equal(o->rename(s, "A", "A", NULL), 0);
	assert_int_equal(o->remove(s, "INBOX", NULL), ERR_USAGE);
	has_folders(s, "A A/B A/B/C D/E INBOX ");
}

static void what_cannot_be_renamed_is_refused_unchanged(void **state)
{
	(void)state;
	each_shape(refuse_renames);
}

static void repeat(const struct shape *sh, struct store *s)
{
	const struct store_ops *o = s->ops;

	(void)sh;
	assert_int_equal(o->rename(s, "A", "X", NULL), 0);
	assert_int_equal(o->rename(s, "A", "X", NULL), 0);
	assert_int_equal(o->remove(s, "X/B/C", NULL), 0);
	assert_int_equal(o->remove(s, "X/B/C", NULL), 0);
	assert_int_equal(o->remove(s, "Nowhere", NULL), 0);
	has_folders(s, "D/E INBOX X X/B ");
}

static void renames_and_removals_can_be_repeated(void **state)
{
	(void)state;
	each_shape(repeat);
}

/* Dovecot takes index files for those of the next folder of that name. */
static void reuse(const struct shape *sh, struct store *s)
{
	struct err err = ERR_INIT;

	(void)sh;
	assert_done(s->ops->remove(s, "D/E", &err), err);
	assert_done(build(s, "D/E", 50, "2.e", &err), err);
	folder_is(s, "D/E", 50, "2.e");
}

static void a_name_is_free_again_after_removal(void **state)
{
	(void)state;
	each_shape(reuse);
}

/* The roots' directories that hold folders, and nothing else of layout fs. */
static void leave_no_parents(const struct shape *sh, struct store *s)
{
	struct os *os = s->os;
	static const char *const places[] = {
		"/m/D", "/ctl/D", "/idx/D", "/m/P", "/m/P/Q"};
	struct err err = ERR_INIT;

	(void)sh;
	assert_done(s->ops->rename(s, "D/E", "P/Q/E", &err), err);
	assert_done(s->ops->rename(s, "P/Q/E", "D/E", &err), err);
	assert_done(s->ops->remove(s, "D/E", &err), err);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		assert_false(is_directory(os, places[i]));
	assert_done(s->ops->remove(s, "A/B/C", &err), err);
	has_folders(s, "A A/B INBOX ");
}

static void directories_that_held_only_what_went_are_not_left(void **state)
{
	(void)state;
	each_shape(leave_no_parents);
}

static void a_built_folder_must_not_be_there(void **state)
{
	struct simdisk *d = fresh(&shapes[0]);
	struct store *s = open_shape(simdisk_os(d), &shapes[0]);

	(void)state;
	assert_int_equal(build(s, "A", 50, "2.a", NULL), ERR_CONFLICT);
	folder_is(s, "A", 10, "1.a");
	assert_int_equal(count_below(simdisk_os(d), "/m", "2.a", NULL), 0);
	s->ops->close(s);
	simdisk_free(d);
}

/* As a user's own: nobody says what its UIDs are. */
static void a_folder_built_without_an_identity_gets_one(void **state)
{
	struct simdisk *d = fresh(&shapes[0]);
	struct store *s = open_shape(simdisk_os(d), &shapes[0]);
	struct mail_spec mail = {.base = "2.a", .text = "2.a", .mtime = 1000};
	struct err err = ERR_INIT;
	struct store_view view;

	(void)state;
	assert_done(add_mails(s, "Z", true, NULL, &mail, 1, &err), err);
	view = view_of(s, "Z");
	assert_true(view.identity.uidvalidity > 13);
	assert_int_equal(view.identity.uidnext, 1);
	assert_int_equal(view.count, 1);
	assert_int_equal(view.messages[0].uid, 0);
	store_view_free(&view);
	s->ops->close(s);
	simdisk_free(d);
}

static void the_inode_of_a_folder_survives_a_rename(void **state)
{
	struct simdisk *d = fresh(&shapes[0]);
	struct store *s = open_shape(simdisk_os(d), &shapes[0]);
	struct store_list a, b;

	(void)state;
	assert_int_equal(s->ops->list(s, &a, NULL), 0);
	assert_int_equal(s->ops->rename(s, "D/E", "Z", NULL), 0);
	assert_int_equal(s->ops->list(s, &b, NULL), 0);
	assert_string_equal(a.folders[3].path, "D/E");
	assert_string_equal(b.folders[4].path, "Z");
	assert_int_equal(a.folders[3].ino, b.folders[4].ino);
	store_list_free(&a);
	store_list_free(&b);
	s->ops->close(s);
	simdisk_free(d);
}

static void a_name_too_long_for_a_child_is_refused_before_any_move(void **state)
{
	struct simdisk *d = fresh(&shapes[0]);
	struct store *s = open_shape(simdisk_os(d), &shapes[0]);
	char name[255];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[252] = '\0';
	assert_int_equal(s->ops->rename(s, "A", name, NULL), ERR_USAGE);
	has_folders(s, "A A/B A/B/C D/E INBOX ");
	s->ops->close(s);
	simdisk_free(d);
}

/* As a server renames a folder and changes subscriptions: nothing is synced. */
static void rename_as_a_server(struct os *os, const struct shape *sh)
{
	const char *dot = sh->layout == MAILDIR_FS ? "" : ".";
	static const char *const roots[] = {"/m", "/ctl"};

	for (size_t i = 0; i < (sh->apart ? 2 : 1); i++) {
		AUTO_FREE char *from = mem_printf(
			"%s/%sD%sE", roots[i], dot, *dot ? "." : "/");
		AUTO_FREE char *to = mem_printf("%s/%sZ", roots[i], dot);
		AUTO_FREE char *tmp = mem_printf("%s/s.new", roots[i]);
		AUTO_FREE char *list = mem_printf("%s/subscriptions", roots[i]);
		int fd = os->ops->open(os, tmp, O_WRONLY | O_CREAT, 0600);

		assert_int_equal(os->ops->pwrite(os, fd, "Z\n", 2, 0), 2);
		os->ops->close(os, fd);
		assert_int_equal(os->ops->rename(os, tmp, list), 0);
		assert_int_equal(os->ops->rename(os, from, to), 0);
	}
}

static void what_was_synced_with_inbox_survives_a_power_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < SHAPES; i++) {
		struct simdisk *d = fresh(&shapes[i]);
		struct os *os = simdisk_os(d);
		struct store *s = open_shape(os, &shapes[i]);
		struct store_list list;
		struct err err = ERR_INIT;

		rename_as_a_server(os, &shapes[i]);
		assert_done(s->ops->sync(s, "INBOX", &err), err);
		simdisk_power_cut_mode(d, SIMDISK_ALL_LOST, 1);
		assert_done(s->ops->list(s, &list, &err), err);
		assert_int_equal(list.subscribed_count, 1);
		assert_string_equal(list.subscribed[0], "Z");
		store_list_free(&list);
		has_folders(s, "A A/B A/B/C INBOX Z ");
		folder_is(s, "Z", 13, "1.e");
		s->ops->close(s);
		simdisk_free(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			folder_changes_survive_every_crash_in_every_shape),
		cmocka_unit_test(what_cannot_be_renamed_is_refused_unchanged),
		cmocka_unit_test(renames_and_removals_can_be_repeated),
		cmocka_unit_test(a_name_is_free_again_after_removal),
		cmocka_unit_test(
			directories_that_held_only_what_went_are_not_left),
		cmocka_unit_test(a_built_folder_must_not_be_there),
		cmocka_unit_test(a_folder_built_without_an_identity_gets_one),
		cmocka_unit_test(the_inode_of_a_folder_survives_a_rename),
		cmocka_unit_test(
			a_name_too_long_for_a_child_is_refused_before_any_move),
		cmocka_unit_test(
			what_was_synced_with_inbox_survives_a_power_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
