/* Views, cookies, identities, lists, messages: what is read. */
#include "maildir_test.h"

#include <sys/stat.h>

#include "maildir_private.h"

static struct simdisk *disk;
static struct os *os;
static struct store *store;

static int setup(void **state)
{
	(void)state;
	disk = simdisk_new(5);
	os = simdisk_os(disk);
	store = open_maildir(os, "/m", MAILDIR_PLUSPLUS, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(simdisk_open_files(disk), 0);
	store->ops->close(store);
	simdisk_free(disk);
	return 0;
}

static void put(const char *path, const char *text)
{
	simdisk_put(disk, path, text, strlen(text));
}

static struct store_view unlocked(const char *path)
{
	struct store_view v = {0};
	struct err err = ERR_INIT;
	int r = store->ops->view(store, path, STORE_UNLOCKED, &v, &err);

	assert_done(r, err);
	return v;
}

static void fill(void)
{
	put("/m/cur/2.b:2,FSac", "two");
	put("/m/cur/1.a:2,", "one");
	put("/m/new/3.c", "three");
	put("/m/cur/4.d", "four");
	put("/m/cur/.hidden", "x");
	put("/m/new/.x", "x");
	put("/m/dovecot-keywords", "0 Work\n1 Other\n");
	put("/m/dovecot-uidlist", "3 V7 N4 Pabc\n1 :1.a\n5 Gx P3 :2.b\n");
	simdisk_pass(disk, 10 * NS_PER_S);
}

static void a_view_holds_names_flags_keywords_and_uids(void **state)
{
	struct store_view v;
	const struct store_message *m;

	(void)state;
	fill();
	v = unlocked("INBOX");
	assert_int_equal(v.count, 4);
	assert_true(v.identity.has_uids);
	assert_int_equal(v.identity.uidvalidity, 7);
	assert_int_equal(v.identity.uidnext, 6);
	assert_string_equal(v.identity.extra, "Pabc");
	assert_false(v.locked);
	assert_string_equal(v.messages[0].base, "1.a");
	assert_string_equal(v.messages[3].base, "4.d");
	m = message_of(&v, "2.b");
	assert_string_equal(m->name, "2.b:2,FSac");
	assert_string_equal(m->letters, "FS");
	assert_string_equal(m->extra, "Gx P3");
	assert_int_equal(m->uid, 5);
	assert_int_equal(m->keywords, 1);
	assert_true(m->unresolved); /* c has no name */
	m = message_of(&v, "3.c");
	assert_true(m->in_new);
	assert_int_equal(m->uid, 0);
	assert_false(m->unresolved);
	assert_string_equal(message_of(&v, "4.d")->letters, "");
	store_view_free(&v);
}

static void inodes_are_those_of_the_files(void **state)
{
	struct store_view v;
	struct os_stat st;

	(void)state;
	fill();
	v = unlocked("INBOX");
	os->ops->lstat(os, "/m/new/3.c", &st);
	assert_int_equal(message_of(&v, "3.c")->ino, st.ino);
	store_view_free(&v);
}

static void bases_are_ordered_as_strcmp_orders(void **state)
{
	static const char *const bases[] = {"179530.M1", "179530.M10",
		"179530.M1P", "179530.M1\303\244", "179530", "179530.M1P1",
		"179530.M1,S=1", "179530.M1,S=12345678901", "1795", "Z", "a"};
	struct store_view v;

	(void)state;
	for (size_t i = 0; i < sizeof(bases) / sizeof(*bases); i++) {
		char path[64];

		snprintf(path, sizeof(path), "/m/cur/%s:2,S", bases[i]);
		put(path, "x");
	}
	v = unlocked("INBOX");
	assert_int_equal(v.count, sizeof(bases) / sizeof(*bases));
	for (size_t i = 1; i < v.count; i++)
		assert_true(
			strcmp(v.messages[i - 1].base, v.messages[i].base) < 0);
	store_view_free(&v);
}

/* A hook that plays somebody who moves mail while it is read. */
struct mover {
	const char *at; /* the path whose listing sets it off */
	const char *from, *to;
	int times;
};

static void move(void *ctx, const char *call, const char *path)
{
	struct mover *m = ctx;

	if (m->times <= 0 || strcmp(call, "list") != 0 ||
		strcmp(path, m->at) != 0)
		return;
	m->times--;
	os->ops->rename(os, m->from, m->to);
}

static void what_moves_between_the_listings_is_one_message(void **state)
{
	struct mover m = {"/m/cur", "/m/new/3.c", "/m/cur/3.c:2,S", 1};
	struct store_view v;

	(void)state;
	fill();
	simdisk_hook(disk, move, &m);
	v = unlocked("INBOX");
	assert_int_equal(v.count, 4);
	assert_false(message_of(&v, "3.c")->doubled);
	assert_false(message_of(&v, "3.c")->in_new);
	assert_string_equal(message_of(&v, "3.c")->letters, "S");
	store_view_free(&v);
}

static void one_reading_with_a_move_counts_it_once(void **state)
{
	struct mover m = {"/m/cur", "/m/new/3.c", "/m/cur/3.c:2,S", 1};
	struct maildir *md = (struct maildir *)store;
	struct folder f;
	struct store_view v;

	(void)state;
	fill();
	assert_int_equal(folder_init(md, "INBOX", &f, NULL), 0);
	simdisk_hook(disk, move, &m);
	assert_int_equal(scan_locked(md, &f, &v, NULL), 0);
	assert_int_equal(v.count, 4);
	assert_false(message_of(&v, "3.c")->doubled);
	store_view_free(&v);
	folder_release(&f);
}

static void two_files_of_one_base_are_told(void **state)
{
	struct store_view v;

	(void)state;
	fill();
	put("/m/cur/3.c:2,S", "other");
	put("/m/cur/1.a:2,S", "other");
	v = unlocked("INBOX");
	assert_int_equal(v.count, 4);
	assert_true(message_of(&v, "3.c")->doubled);
	assert_true(message_of(&v, "1.a")->doubled);
	assert_false(message_of(&v, "2.b")->doubled);
	store_view_free(&v);
}

/* Flags flip at every listing: never quiet. */
struct flipper {
	int listings;
	bool on;
};

static void flip(void *ctx, const char *call, const char *path)
{
	struct flipper *f = ctx;

	if (strcmp(call, "list") != 0 || strcmp(path, "/m/cur") != 0)
		return;
	f->listings++;
	os->ops->rename(os, f->on ? "/m/cur/1.a:2,S" : "/m/cur/1.a:2,",
		f->on ? "/m/cur/1.a:2," : "/m/cur/1.a:2,S");
	f->on = !f->on;
}

static void a_restless_folder_is_read_under_its_lock(void **state)
{
	struct flipper f = {0, false};
	struct store_view v;

	(void)state;
	fill();
	simdisk_hook(disk, flip, &f);
	v = unlocked("INBOX");
	assert_true(v.locked);
	assert_int_equal(v.count, 4);
	assert_false(is_there(os, "/m/dovecot-uidlist.lock"));
	store_view_free(&v);
}

static void a_restless_plain_folder_is_read_until_it_lacks_nothing(void **state)
{
	struct flipper f = {0, false};
	struct store_view v;

	(void)state;
	fill();
	os->ops->unlink(os, "/m/dovecot-uidlist");
	simdisk_pass(disk, 10 * NS_PER_S);
	simdisk_hook(disk, flip, &f);
	v = unlocked("INBOX");
	assert_false(v.locked);
	assert_int_equal(v.count, 4);
	assert_int_equal(f.listings, 2);
	store_view_free(&v);
}

static void a_plain_folder_has_no_uids_and_no_lock(void **state)
{
	struct store_view v = {0};
	struct err err = ERR_INIT;
	uint64_t calls;
	int r;

	(void)state;
	put("/m/cur/1.a:2,S", "one");
	simdisk_pass(disk, 10 * NS_PER_S);
	calls = simdisk_calls(disk);
	r = store->ops->view(store, "INBOX", STORE_LOCKED, &v, &err);
	assert_done(r, err);
	assert_false(v.identity.has_uids);
	assert_false(v.locked);
	assert_int_equal(v.count, 1);
	assert_int_equal(simdisk_calls(disk), calls);
	store_view_free(&v);
}

static void a_uidlist_being_appended_to_is_read_again(void **state)
{
	struct store_view v;

	(void)state;
	fill();
	put("/m/dovecot-uidlist", "3 V7 N4\n1 :1.a\n5 :2.");
	simdisk_pass(disk, 10 * NS_PER_S);
	v = unlocked("INBOX");
	/* It stays so: under the lock the torn line is none. */
	assert_true(v.locked);
	assert_int_equal(message_of(&v, "2.b")->uid, 0);
	store_view_free(&v);
}

static void a_broken_uidlist_is_corrupt_and_not_touched(void **state)
{
	struct store_view v;
	struct err err = ERR_INIT;

	(void)state;
	fill();
	put("/m/dovecot-uidlist", "3 V7 N4\n5 :2.b\n1 :1.a\n");
	assert_int_equal(
		store->ops->view(store, "INBOX", STORE_LOCKED, &v, &err),
		ERR_CORRUPT);
	assert_string_equal(err.text,
		"folder INBOX: dovecot-uidlist line 3: UIDs do not grow");
	assert_file(os, "/m/dovecot-uidlist", "3 V7 N4\n5 :2.b\n1 :1.a\n");
	assert_false(is_there(os, "/m/dovecot-uidlist.lock"));
}

static void a_folder_that_is_not_there_is_absent(void **state)
{
	struct store_view v;
	struct store_cookie c;

	(void)state;
	assert_int_equal(
		store->ops->view(store, "Work", STORE_UNLOCKED, &v, NULL),
		ERR_ABSENT);
	assert_int_equal(
		store->ops->cookie(store, "Work", &c, NULL), ERR_ABSENT);
}

/* ---- cookies ---- */

static struct store_cookie cookie(void)
{
	struct store_cookie c;
	struct err err = ERR_INIT;

	assert_done(store->ops->cookie(store, "INBOX", &c, &err), err);
	return c;
}

static void every_change_changes_the_cookie(void **state)
{
	struct store_cookie a, b;

	(void)state;
	fill();
	a = cookie();
	assert_false(a.racy);
	b = cookie();
	assert_memory_equal(a.b, b.b, sizeof(a.b));
	os->ops->rename(os, "/m/cur/1.a:2,", "/m/cur/1.a:2,S");
	b = cookie();
	assert_true(b.racy);
	assert_memory_not_equal(a.b, b.b, sizeof(a.b));
	simdisk_pass(disk, 2 * NS_PER_S);
	a = cookie();
	assert_false(a.racy);
	put("/m/new/9.z", "x");
	b = cookie();
	assert_memory_not_equal(a.b, b.b, sizeof(a.b));
	put("/m/dovecot-keywords", "0 Work\n1 Else\n");
	a = cookie();
	assert_memory_not_equal(a.b, b.b, sizeof(a.b));
	put("/m/dovecot-uidlist", "3 V7 N5 Pabc\n1 :1.a\n5 Gx P3 :2.b\n");
	b = cookie();
	assert_memory_not_equal(a.b, b.b, sizeof(a.b));
}

static void a_view_carries_the_cookie_from_before(void **state)
{
	struct store_cookie c;
	struct store_view v;

	(void)state;
	fill();
	c = cookie();
	v = unlocked("INBOX");
	assert_memory_equal(c.b, v.cookie.b, sizeof(c.b));
	store_view_free(&v);
}

static void count_call(void *ctx, const char *call, const char *path)
{
	(void)call, (void)path;
	++*(int *)ctx;
}

static void a_cookie_costs_at_most_six_calls(void **state)
{
	int calls = 0;

	(void)state;
	fill();
	simdisk_hook(disk, count_call, &calls);
	cookie();
	assert_true(calls <= 6);
}

/* ---- identity ---- */

static struct store_identity identity(struct arena *arena)
{
	struct store_identity id;
	struct err err = ERR_INIT;
	int r = store->ops->identity(store, "INBOX", arena, &id, &err);

	assert_done(r, err);
	return id;
}

static void an_identity_is_read_from_both_ends(void **state)
{
	struct arena arena = {0};
	struct store_identity id;
	struct buf b = BUF_INIT;

	(void)state;
	id = identity(&arena);
	assert_false(id.has_uids);
	buf_add_str(&b, "3 V9 N4 Gad2da9355029026be138000083ecc375 Pz\n");
	for (unsigned int i = 1; i <= 2000; i++)
		buf_printf(&b, "%u :%u.M123456P123.host\n", i, i);
	simdisk_put(disk, "/m/dovecot-uidlist", b.data, b.len);
	id = identity(&arena);
	assert_true(id.has_uids && id.has_guid);
	assert_int_equal(id.uidvalidity, 9);
	assert_int_equal(id.uidnext, 2001);
	assert_string_equal(id.extra, "Pz");
	put("/m/dovecot-uidlist", "3 V9 N40\n7 :x\n");
	assert_int_equal(identity(&arena).uidnext, 40);
	put("/m/dovecot-uidlist", "3 V9 N1\n7 :x\n8 :torn");
	assert_int_equal(identity(&arena).uidnext, 8);
	buf_free(&b);
	arena_free(&arena);
}

/* ---- messages ---- */

static void a_message_is_found_whatever_its_name_is_now(void **state)
{
	struct store_view v;
	struct store_stat st;
	int fd;

	(void)state;
	fill();
	v = unlocked("INBOX");
	os->ops->rename(os, "/m/cur/2.b:2,FSac", "/m/cur/2.b:2,S");
	os->ops->rename(os, "/m/new/3.c", "/m/cur/3.c:2,");
	for (size_t i = 0; i < v.count; i++) {
		const struct store_message *m = &v.messages[i];

		assert_int_equal(
			store->ops->stat(store, "INBOX", m, &st, NULL), 0);
		assert_int_equal(st.ino, m->ino);
		assert_int_equal(store->ops->open(store, "INBOX", m->base,
					 m->name, &fd, &st, NULL),
			0);
		os->ops->close(os, fd);
		assert_int_equal(st.ino, m->ino);
	}
	os->ops->unlink(os, "/m/cur/3.c:2,");
	assert_int_equal(store->ops->stat(store, "INBOX", message_of(&v, "3.c"),
				 &st, NULL),
		ERR_ABSENT);
	assert_int_equal(store->ops->open(store, "INBOX", "../1.a", NULL, &fd,
				 &st, NULL),
		ERR_USAGE);
	store_view_free(&v);
}

static void a_message_renamed_while_it_is_opened_is_opened(void **state)
{
	struct mover m = {"/m/cur", "/m/cur/2.b:2,FSac", "/m/cur/2.b:2,S", 0};
	struct store_stat st;
	int fd;

	(void)state;
	fill();
	m.times = 1;
	simdisk_hook(disk, move, &m);
	assert_int_equal(
		store->ops->open(store, "INBOX", "2.b", NULL, &fd, &st, NULL),
		0);
	os->ops->close(os, fd);
}

/* ---- lists ---- */

static void lists(const char *want, const char *subscribed)
{
	struct buf got = BUF_INIT;
	struct store_list list;
	struct err err = ERR_INIT;

	assert_done(store->ops->list(store, &list, &err), err);
	for (size_t i = 0; i < list.folder_count; i++)
		buf_printf(&got, "%s ", list.folders[i].path);
	assert_string_equal(buf_str(&got), want);
	buf_clear(&got);
	for (size_t i = 0; i < list.subscribed_count; i++)
		buf_printf(&got, "%s ", list.subscribed[i]);
	assert_string_equal(buf_str(&got), subscribed);
	buf_free(&got);
	store_list_free(&list);
}

static void plusplus_lists_dotted_directories_with_a_cur(void **state)
{
	struct store_marker id;

	(void)state;
	put("/m/.Work/cur/x", "");
	put("/m/.Work.2026/cur/x", "");
	put("/m/.T&APw-st/cur/x", "");
	put("/m/.INBOX.Kid/cur/x", "");
	put("/m/.NoCur/new/x", "");
	put("/m/..odd/cur/x", "");
	put("/m/.odd..part/cur/x", "");
	put("/m/.INBOX/cur/x", "");
	put("/m/.inbox/cur/x", "");
	put("/m/plain/cur/x", "");
	put("/m/.file", "");
	put("/m/subscriptions", "V\t2\n\nWork\nGone\tKid\n");
	assert_int_equal(store->ops->marker(store, true, &id, NULL), 1);
	lists("INBOX INBOX/Kid T&APw-st Work Work/2026 ", "Gone/Kid Work ");
}

static void fs_lists_directories_with_a_cur_at_any_depth(void **state)
{
	struct store_marker id;

	(void)state;
	store->ops->close(store);
	put("/m/Work/cur/x", "");
	put("/m/Holder/Kid.x/cur/x", "");
	put("/m/INBOX/Kid/cur/x", "");
	put("/m/INBOX/cur/x", "");
	put("/m/.Dotted/cur/x", "");
	put("/m/Work/cur/cur/x", "");
	store = open_maildir(os, "/m", MAILDIR_FS, false);
	assert_int_equal(store->ops->marker(store, true, &id, NULL), 1);
	lists(".Dotted Holder/Kid.x INBOX INBOX/Kid Work ", "");
}

static enum maildir_layout detected(void)
{
	struct store *s = open_maildir(os, "/m", MAILDIR_AUTO, false);
	enum maildir_layout layout = ((struct maildir *)s)->layout;

	s->ops->close(s);
	return layout;
}

static void the_layout_is_seen_from_the_folders(void **state)
{
	(void)state;
	assert_int_equal(detected(), MAILDIR_PLUSPLUS);
	put("/m/Work/cur/x", "");
	assert_int_equal(detected(), MAILDIR_FS);
	put("/m/.Work/cur/x", "");
	assert_int_equal(detected(), MAILDIR_PLUSPLUS);
}

static void refused(enum maildir_layout layout, const char *path)
{
	struct maildir m = {.root = (char *)(uintptr_t) "/m", .layout = layout};
	struct folder f = {0};

	if (folder_init(&m, path, &f, NULL) != ERR_USAGE)
		fail_msg("accepted: %s", path);
	folder_release(&f);
}

static void names_a_layout_cannot_hold_are_refused(void **state)
{
	static const char *const both[] = {"", "/", "a/", "/a", "a//b", ".",
		"..", "../a", "a/..", "a\tb", "a\nb", "\177", "Inbox", "inbox"};
	char name[300];

	(void)state;
	for (size_t i = 0; i < sizeof(both) / sizeof(*both); i++) {
		refused(MAILDIR_PLUSPLUS, both[i]);
		refused(MAILDIR_FS, both[i]);
	}
	refused(MAILDIR_PLUSPLUS, "a.b");
	refused(MAILDIR_PLUSPLUS, "a/.b");
	refused(MAILDIR_FS, "cur");
	refused(MAILDIR_FS, "a/new");
	refused(MAILDIR_FS, "tmp/x");
	refused(MAILDIR_FS, "~root/x");
	memset(name, 'x', sizeof(name));
	name[255] = '\0';
	refused(MAILDIR_PLUSPLUS, name);
	name[100] = '/';
	refused(MAILDIR_PLUSPLUS, name);
	name[255] = 'x';
	name[299] = '\0';
	name[10] = 'x';
	name[100] = 'x';
	refused(MAILDIR_FS, name);
}

static void inbox_may_lie_elsewhere(void **state)
{
	struct maildir_config config = {.root = "/m",
		.inbox = "/spool/u/",
		.uid = (uid_t)-1,
		.gid = (gid_t)-1};
	struct store_view v;

	(void)state;
	store->ops->close(store);
	put("/m/cur/not.mine", "x");
	put("/spool/u/cur/1.a:2,S", "one");
	assert_int_equal(maildir_open(os, &config, false, &store, NULL), 0);
	v = unlocked("INBOX");
	assert_int_equal(v.count, 1);
	message_of(&v, "1.a");
	store_view_free(&v);
}

static void a_root_that_is_not_there_is_absent(void **state)
{
	struct maildir_config config = {
		.root = "/none", .uid = (uid_t)-1, .gid = (gid_t)-1};
	struct store *s;
	struct store_marker id;

	(void)state;
	assert_int_equal(
		maildir_open(os, &config, false, &s, NULL), ERR_ABSENT);
	put("/file", "x");
	config.root = "/file";
	assert_int_equal(
		maildir_open(os, &config, false, &s, NULL), ERR_ABSENT);
	assert_int_equal(
		store->ops->marker(store, false, &id, NULL), ERR_ABSENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_view_holds_names_flags_keywords_and_uids),
		T(inodes_are_those_of_the_files),
		T(bases_are_ordered_as_strcmp_orders),
		T(what_moves_between_the_listings_is_one_message),
		T(one_reading_with_a_move_counts_it_once),
		T(two_files_of_one_base_are_told),
		T(a_restless_folder_is_read_under_its_lock),
		T(a_restless_plain_folder_is_read_until_it_lacks_nothing),
		T(a_plain_folder_has_no_uids_and_no_lock),
		T(a_uidlist_being_appended_to_is_read_again),
		T(a_broken_uidlist_is_corrupt_and_not_touched),
		T(a_folder_that_is_not_there_is_absent),
		T(every_change_changes_the_cookie),
		T(a_view_carries_the_cookie_from_before),
		T(a_cookie_costs_at_most_six_calls),
		T(an_identity_is_read_from_both_ends),
		T(a_message_is_found_whatever_its_name_is_now),
		T(a_message_renamed_while_it_is_opened_is_opened),
		T(plusplus_lists_dotted_directories_with_a_cur),
		T(fs_lists_directories_with_a_cur_at_any_depth),
		T(the_layout_is_seen_from_the_folders),
		T(names_a_layout_cannot_hold_are_refused),
		T(inbox_may_lie_elsewhere),
		T(a_root_that_is_not_there_is_absent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
