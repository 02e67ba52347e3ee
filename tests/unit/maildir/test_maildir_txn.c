/* A folder being changed: what is done, and what is refused. */
#include "maildir_test.h"

#include "maildir_private.h"

static struct simdisk *disk;
static struct os *os;
static struct store *store;

static const struct store_identity identity = {
	.has_uids = true, .uidvalidity = 77, .uidnext = 5, .extra = ""};

static int setup(void **state)
{
	(void)state;
	disk = simdisk_new(5);
	os = simdisk_os(disk);
	simdisk_put(disk, "/tmp/x", "", 0);
	store = open_maildir(os, "/m", MAILDIR_PLUSPLUS, true);
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

static void add_two(void)
{
	const struct mail_spec mails[] = {
		{.base = "1.a",
			.letters = "S",
			.text = "one",
			.uid = 5,
			.mtime = 1000},
		{.base = "2.b",
			.keywords = "Work $Label1",
			.text = "two",
			.uid = 9,
			.mtime = 2000,
			.extra = "Gold"},
	};
	struct err err = ERR_INIT;
	int r = add_mails(store, "INBOX", false, &identity, mails, 2, &err);

	assert_done(r, err);
}

static struct store_txn *begin(void)
{
	struct store_txn *t = NULL;
	struct err err = ERR_INIT;

	assert_done(
		store->ops->txn_begin(store, "INBOX", false, NULL, &t, &err),
		err);
	return t;
}

static int commit(struct store_txn *t)
{
	struct err err = ERR_INIT;
	int r = store->ops->txn_commit(t, &err);

	store->ops->txn_end(t);
	return r;
}

static void what_is_added_is_seen_as_it_was_given(void **state)
{
	struct store_view v;
	const struct store_message *m;
	struct store_stat st;
	struct arena arena = {0};
	int fd = -1;

	(void)state;
	add_two();
	v = view_of(store, "INBOX");
	assert_int_equal(v.count, 2);
	assert_int_equal(v.identity.uidvalidity, 77);
	assert_int_equal(v.identity.uidnext, 10);
	m = message_of(&v, "1.a");
	assert_string_equal(m->name, "1.a:2,S");
	assert_int_equal(m->uid, 5);
	m = message_of(&v, "2.b");
	assert_string_equal(
		store_message_keywords(&v, m, &arena), "$Label1 Work");
	assert_string_equal(m->extra, "Gold");
	assert_false(m->in_new);
	assert_int_equal(
		store->ops->open(store, "INBOX", "2.b", NULL, &fd, &st, NULL),
		0);
	os->ops->close(os, fd);
	assert_int_equal(st.size, 3);
	assert_int_equal(st.mtime, 2000);
	assert_int_equal(st.ino, m->ino);
	store_view_free(&v);
	arena_free(&arena);
	assert_file(
		os, "/m/dovecot-uidlist", "3 V77 N10\n5 :1.a\n9 Gold :2.b\n");
	assert_file(os, "/m/dovecot-keywords", "0 Work\n1 $Label1\n");
	assert_file(os, "/m/cur/2.b:2,ab", "two");
	assert_false(is_there(os, "/m/dovecot-uidlist.lock"));
}

static void a_staged_body_that_is_not_added_is_removed(void **state)
{
	struct store_stage *st;
	struct buf names = BUF_INIT;
	struct err err = ERR_INIT;
	size_t index;

	(void)state;
	assert_done(store->ops->stage_begin(store, "INBOX", &st, &err), err);
	assert_done(stage_text(store, st, "x", 1, &index, &err), err);
	store->ops->stage_end(st);
	os->ops->list(os, "/m/tmp", &names);
	assert_int_equal(names.len, 0);
	buf_free(&names);
}

static void a_body_of_the_wrong_size_is_corrupt(void **state)
{
	struct store_stage *st;
	struct store_body body = {.size = 4, .mtime = 1};
	struct err err = ERR_INIT;
	size_t index;

	(void)state;
	assert_done(store->ops->stage_begin(store, "INBOX", &st, &err), err);
	body.fd = body_file(os, "three");
	assert_int_equal(
		store->ops->stage_add(st, &body, &index, &err), ERR_CORRUPT);
	body.size = 6;
	assert_int_equal(
		store->ops->stage_add(st, &body, &index, &err), ERR_CORRUPT);
	os->ops->close(os, body.fd);
	store->ops->stage_end(st);
}

static void a_body_that_is_not_the_one_named_is_not_staged(void **state)
{
	struct store_stage *st;
	struct hash hash = hash_of("three", 5);
	struct store_body body = {.hash = &hash, .size = 5, .mtime = 1};
	struct err err = ERR_INIT;
	size_t index;

	(void)state;
	assert_done(store->ops->stage_begin(store, "INBOX", &st, &err), err);
	body.fd = body_file(os, "thrce");
	assert_int_equal(
		store->ops->stage_add(st, &body, &index, &err), ERR_CORRUPT);
	os->ops->close(os, body.fd);
	body.fd = body_file(os, "three");
	assert_done(store->ops->stage_add(st, &body, &index, &err), err);
	os->ops->close(os, body.fd);
	store->ops->stage_end(st);
}

static void a_message_of_the_same_date_is_linked_another_copied(void **state)
{
	struct store_stage *st;
	struct store_body body = {.fd = -1,
		.path = "INBOX",
		.base = "1.a",
		.size = 3,
		.mtime = 1000};
	struct err err = ERR_INIT;
	struct os_stat a, b, c;
	size_t first, second;

	(void)state;
	add_two();
	assert_done(store->ops->stage_begin(store, "INBOX", &st, &err), err);
	assert_done(store->ops->stage_add(st, &body, &first, &err), err);
	body.mtime = 1001;
	assert_done(store->ops->stage_add(st, &body, &second, &err), err);
	os->ops->lstat(os, "/m/cur/1.a:2,S", &a);
	os->ops->lstat(os, st->bodies[first].path, &b);
	os->ops->lstat(os, st->bodies[second].path, &c);
	assert_int_equal(a.ino, b.ino);
	assert_int_not_equal(a.ino, c.ino);
	assert_int_equal(c.mtime_ns / NS_PER_S, 1001);
	assert_int_equal(a.mtime_ns / NS_PER_S, 1000);
	body.base = "9.gone";
	assert_int_equal(
		store->ops->stage_add(st, &body, &first, &err), ERR_ABSENT);
	store->ops->stage_end(st);
	assert_file(os, "/m/cur/1.a:2,S", "one");
}

static void flags_are_computed_from_the_name_found_now(void **state)
{
	struct store_txn *t;
	struct store_view v;

	(void)state;
	add_two();
	t = begin();
	store->ops->txn_flags(t, "1.a", "FS", "work");
	store->ops->txn_flags(t, "2.b", "", "New Work");
	store->ops->txn_flags(t, "3.gone", "S", "");
	assert_int_equal(commit(t), 0);
	v = view_of(store, "INBOX");
	assert_string_equal(message_of(&v, "1.a")->name, "1.a:2,FSa");
	assert_string_equal(message_of(&v, "2.b")->name, "2.b:2,ac");
	assert_int_equal(message_of(&v, "1.a")->uid, 5);
	store_view_free(&v);
	assert_file(os, "/m/dovecot-keywords", "0 Work\n1 $Label1\n2 New\n");
}

static void the_same_flags_again_move_nothing(void **state)
{
	struct store_txn *t;
	uint64_t calls;

	(void)state;
	simdisk_put(disk, "/m/new/3.c", "three", 5);
	add_two();
	t = begin();
	calls = simdisk_calls(disk);
	store->ops->txn_flags(t, "3.c", "", "");
	store->ops->txn_flags(t, "1.a", "S", "");
	assert_int_equal(store->ops->txn_commit(t, NULL), 0);
	assert_int_equal(simdisk_calls(disk), calls + 1); /* the lock goes */
	store->ops->txn_end(t);
	assert_true(is_there(os, "/m/new/3.c"));
}

static void a_flag_takes_a_message_from_new_to_cur(void **state)
{
	struct store_txn *t;

	(void)state;
	simdisk_put(disk, "/m/new/3.c", "three", 5);
	t = begin();
	store->ops->txn_flags(t, "3.c", "S", "");
	assert_int_equal(commit(t), 0);
	assert_true(is_there(os, "/m/cur/3.c:2,S"));
	assert_false(is_there(os, "/m/new/3.c"));
}

static void letters_without_a_name_stay_and_are_never_given_away(void **state)
{
	struct store_txn *t;
	struct store_view v;

	(void)state;
	simdisk_put(disk, "/m/dovecot-keywords", "0 Work\n", 7);
	simdisk_put(disk, "/m/cur/3.c:2,Sab", "three", 5);
	t = begin();
	assert_true(message_of(store->ops->txn_view(t), "3.c")->unresolved);
	store->ops->txn_flags(t, "3.c", "F", "New");
	assert_int_equal(commit(t), 0);
	v = view_of(store, "INBOX");
	assert_string_equal(message_of(&v, "3.c")->name, "3.c:2,Fbc");
	store_view_free(&v);
	assert_file(os, "/m/dovecot-keywords", "0 Work\n2 New\n");
}

static void the_27th_keyword_is_left_out_and_told(void **state)
{
	struct store_txn *t;
	struct buf names = BUF_INIT;
	struct store_view v;

	(void)state;
	add_two();
	for (int i = 0; i < 25; i++)
		buf_printf(&names, "%sk%d", i ? " " : "", i);
	t = begin();
	store->ops->txn_flags(t, "1.a", "S", buf_str(&names));
	store->ops->txn_flags(t, "2.b", "S", "k1 Work");
	assert_int_equal(commit(t), 1);
	v = view_of(store, "INBOX");
	assert_string_equal(
		message_of(&v, "1.a")->name, "1.a:2,Scdefghijklmnopqrstuvwxyz");
	assert_string_equal(message_of(&v, "2.b")->name, "2.b:2,Sad");
	store_view_free(&v);
	buf_free(&names);
}

static void a_keyword_that_dovecot_would_not_take_is_left_out(void **state)
{
	struct store_txn *t;

	(void)state;
	add_two();
	t = begin();
	store->ops->txn_flags(t, "1.a", "S", "bad\"name ok");
	assert_int_equal(commit(t), 1);
	assert_true(is_there(os, "/m/cur/1.a:2,Sc"));
	assert_file(os, "/m/dovecot-keywords", "0 Work\n1 $Label1\n2 ok\n");
}

static void the_keywords_file_gets_a_later_whole_second(void **state)
{
	struct os_stat a, b;
	struct store_txn *t;

	(void)state;
	add_two();
	os->ops->lstat(os, "/m/dovecot-keywords", &a);
	for (int i = 0; i < 3; i++) {
		char name[8];

		snprintf(name, sizeof(name), "n%d", i);
		t = begin();
		store->ops->txn_flags(t, "1.a", "S", name);
		assert_int_equal(commit(t), 0);
		os->ops->lstat(os, "/m/dovecot-keywords", &b);
		assert_true(b.mtime_ns / NS_PER_S > a.mtime_ns / NS_PER_S);
		a = b;
	}
}

static void an_expunged_message_is_in_the_trash(void **state)
{
	struct store_txn *t;
	struct store_view v;

	(void)state;
	add_two();
	t = begin();
	store->ops->txn_expunge(t, "1.a");
	store->ops->txn_flags(t, "1.a", "FS", "");
	assert_int_equal(commit(t), 0);
	v = view_of(store, "INBOX");
	assert_int_equal(v.count, 1);
	assert_int_equal(v.identity.uidnext, 10);
	store_view_free(&v);
	assert_int_equal(
		count_below(os, "/m/cur/.packetboat/trash", "1.a", "one"), 1);
}

static void a_changed_uid_keeps_base_and_fields(void **state)
{
	struct store_txn *t;
	struct os_stat before, after;

	(void)state;
	add_two();
	os->ops->lstat(os, "/m/cur", &before);
	simdisk_pass(disk, NS_PER_S);
	t = begin();
	store->ops->txn_uid(t, "1.a", 20, NULL);
	store->ops->txn_uid(t, "2.b", 11, "Gnew");
	assert_int_equal(commit(t), 0);
	assert_file(
		os, "/m/dovecot-uidlist", "3 V77 N21\n11 Gnew :2.b\n20 :1.a\n");
	os->ops->lstat(os, "/m/cur", &after);
	assert_true(after.mtime_ns > before.mtime_ns);
}

static void a_message_without_a_line_gets_one(void **state)
{
	struct store_txn *t;

	(void)state;
	add_two();
	simdisk_put(disk, "/m/new/3.c", "three", 5);
	t = begin();
	assert_int_equal(message_of(store->ops->txn_view(t), "3.c")->uid, 0);
	store->ops->txn_uid(t, "3.c", 10, NULL);
	assert_int_equal(commit(t), 0);
	assert_file(os, "/m/dovecot-uidlist",
		"3 V77 N11\n5 :1.a\n9 Gold :2.b\n10 :3.c\n");
}

static void refused(struct store_txn *t, int want)
{
	char *before = file_text(os, "/m/dovecot-uidlist");
	uint64_t calls = simdisk_calls(disk);

	assert_int_equal(store->ops->txn_commit(t, NULL), want);
	assert_int_equal(simdisk_calls(disk), calls);
	store->ops->txn_end(t);
	assert_file(os, "/m/dovecot-uidlist", before);
	free(before);
}

static void a_uid_that_clients_may_have_seen_is_refused(void **state)
{
	struct store_txn *t;

	(void)state;
	add_two();
	t = begin();
	store->ops->txn_flags(t, "2.b", "F", "x");
	store->ops->txn_uid(t, "1.a", 9, NULL);
	refused(t, ERR_CONFLICT);
	t = begin();
	store->ops->txn_uid(t, "1.a", UINT32_MAX, NULL);
	refused(t, ERR_CONFLICT);
	t = begin();
	store->ops->txn_uid(t, "1.a", 30, NULL);
	store->ops->txn_uid(t, "2.b", 30, NULL);
	refused(t, ERR_CONFLICT);
}

static void fields_that_would_break_the_uidlist_are_refused(void **state)
{
	struct store_txn *t;

	(void)state;
	add_two();
	t = begin();
	store->ops->txn_uid(t, "1.a", 30, "G1\n99 :x");
	refused(t, ERR_USAGE);
}

static int add_one(const char *base, uint32_t uid, const char *extra)
{
	struct mail_spec mail = {.base = base,
		.text = "three",
		.uid = uid,
		.mtime = 1,
		.extra = extra};

	return add_mails(store, "INBOX", false, NULL, &mail, 1, NULL);
}

static void adds_that_cannot_be_are_refused_whole(void **state)
{
	(void)state;
	add_two();
	assert_int_equal(add_one("3.c", 9, NULL), ERR_CONFLICT);
	assert_int_equal(add_one("3.c", 1, NULL), ERR_CONFLICT);
	assert_int_equal(add_one("1.a", 10, NULL), ERR_CONFLICT);
	assert_int_equal(add_one("../1.a", 10, NULL), ERR_USAGE);
	assert_int_equal(add_one("3.c:2,S", 10, NULL), ERR_USAGE);
	assert_int_equal(add_one(".c", 10, NULL), ERR_USAGE);
	assert_int_equal(add_one("3.c", 10, "x"), ERR_USAGE);
	assert_file(
		os, "/m/dovecot-uidlist", "3 V77 N10\n5 :1.a\n9 Gold :2.b\n");
	assert_int_equal(count_below(os, "/m", "3.c", NULL), 0);
}

static void a_name_longer_than_a_file_name_is_refused(void **state)
{
	char base[254];

	(void)state;
	memset(base, 'x', sizeof(base) - 1);
	base[253] = '\0';
	assert_int_equal(add_one(base, 0, NULL), ERR_LIMIT);
	base[252] = '\0';
	assert_int_equal(add_one(base, 0, NULL), 0);
}

static void without_a_uid_the_server_gives_one(void **state)
{
	(void)state;
	add_two();
	assert_int_equal(add_one("3.c", 0, NULL), 0);
	assert_true(is_there(os, "/m/cur/3.c:2,"));
	assert_file(
		os, "/m/dovecot-uidlist", "3 V77 N10\n5 :1.a\n9 Gold :2.b\n");
}

static void lines_of_gone_messages_go_and_n_stays(void **state)
{
	(void)state;
	add_two();
	os->ops->unlink(os, "/m/cur/2.b:2,ab");
	assert_int_equal(add_one("3.c", 10, NULL), 0);
	assert_file(os, "/m/dovecot-uidlist", "3 V77 N11\n5 :1.a\n10 :3.c\n");
	/* The last one gone too: N is what it was. */
	os->ops->unlink(os, "/m/cur/3.c:2,");
	assert_int_equal(add_one("4.d", 40, NULL), 0);
	os->ops->unlink(os, "/m/cur/4.d:2,");
	assert_int_equal(add_one("5.e", 50, NULL), 0);
	assert_file(os, "/m/dovecot-uidlist", "3 V77 N51\n5 :1.a\n50 :5.e\n");
}

static void most_messages_gone_at_once_keep_their_lines(void **state)
{
	struct store_txn *t;

	(void)state;
	add_two();
	os->ops->unlink(os, "/m/cur/1.a:2,S");
	os->ops->unlink(os, "/m/cur/2.b:2,ab");
	assert_int_equal(add_one("3.c", 10, NULL), 0);
	assert_file(os, "/m/dovecot-uidlist",
		"3 V77 N11\n5 :1.a\n9 Gold :2.b\n10 :3.c\n");
	t = begin();
	assert_int_equal(store->ops->txn_view(t)->count, 1);
	store->ops->txn_end(t);
}

static void identify(const struct store_identity *to, int want)
{
	struct store_txn *t = begin();

	store->ops->txn_identity(t, to);
	assert_int_equal(commit(t), want);
}

/* A rescued mail keeps its base; its old line would be a second one. */
static void an_expunged_message_that_comes_back_has_one_line(void **state)
{
	struct store_txn *t;

	(void)state;
	add_two();
	t = begin();
	store->ops->txn_expunge(t, "1.a");
	store->ops->txn_expunge(t, "2.b");
	assert_int_equal(commit(t), 0);
	assert_int_equal(add_one("1.a", 12, NULL), 0);
	assert_file(os, "/m/dovecot-uidlist", "3 V77 N13\n12 :1.a\n");
	assert_int_equal(add_one("2.b", 0, NULL), 0);
	assert_file(os, "/m/dovecot-uidlist", "3 V77 N13\n12 :1.a\n");
}

static void header_fields_are_taken_over(void **state)
{
	struct store_identity id = {.extra = "P%g Zx"};

	(void)state;
	add_two();
	identify(&id, 0);
	assert_file(os, "/m/dovecot-uidlist",
		"3 V77 N10 P%g Zx\n5 :1.a\n9 Gold :2.b\n");
	id.extra = "V99";
	identify(&id, 0);
	id.extra = "Px\n9 :x";
	identify(&id, 0);
	assert_file(os, "/m/dovecot-uidlist",
		"3 V77 N10 P%g Zx\n5 :1.a\n9 Gold :2.b\n");
}

static void the_later_of_two_lines_of_one_base_counts(void **state)
{
	static const char text[] = "3 V77 N40\n5 :1.a\n9 :2.b\n33 :1.a\n";
	struct store_txn *t;

	(void)state;
	add_two();
	simdisk_put(disk, "/m/dovecot-uidlist", text, strlen(text));
	t = begin();
	assert_int_equal(message_of(store->ops->txn_view(t), "1.a")->uid, 33);
	store->ops->txn_uid(t, "2.b", 40, NULL);
	assert_int_equal(commit(t), 0);
	assert_file(os, "/m/dovecot-uidlist", "3 V77 N41\n33 :1.a\n40 :2.b\n");
}

static void two_files_of_one_base_are_left_alone(void **state)
{
	struct store_txn *t;

	(void)state;
	add_two();
	simdisk_put(disk, "/m/cur/1.a:2,F", "other", 5);
	t = begin();
	assert_int_equal(store->ops->txn_view(t)->count, 2);
	assert_true(message_of(store->ops->txn_view(t), "1.a")->doubled);
	store->ops->txn_expunge(t, "1.a");
	refused(t, ERR_CONFLICT);
	assert_true(is_there(os, "/m/cur/1.a:2,F"));
	assert_true(is_there(os, "/m/cur/1.a:2,S"));
}

static void n_is_raised_and_never_lowered(void **state)
{
	struct store_identity id = {.uidnext = 50, .extra = ""};

	(void)state;
	add_two();
	identify(&id, 0);
	assert_file(
		os, "/m/dovecot-uidlist", "3 V77 N50\n5 :1.a\n9 Gold :2.b\n");
	id.uidnext = 12;
	identify(&id, 0);
	assert_file(
		os, "/m/dovecot-uidlist", "3 V77 N50\n5 :1.a\n9 Gold :2.b\n");
}

static void a_new_guid_changes_nothing_else(void **state)
{
	struct store_identity id = {.has_guid = true, .extra = ""};

	(void)state;
	add_two();
	memset(&id.guid, 0xab, sizeof(id.guid));
	identify(&id, 0);
	assert_file(os, "/m/dovecot-uidlist",
		"3 V77 N10 Gabababababababababababababababab\n"
		"5 :1.a\n9 Gold :2.b\n");
}

static void under_a_new_uidvalidity_every_number_is_free(void **state)
{
	struct store_identity id = {
		.uidvalidity = 2000000000, .uidnext = 4, .extra = ""};
	struct store_txn *t;

	(void)state;
	add_two();
	simdisk_put(disk, "/m/dovecot.index.log", "x", 1);
	simdisk_put(disk, "/m/dovecot.index.cache", "x", 1);
	simdisk_put(disk, "/m/dovecot.list.index", "x", 1);
	t = begin();
	store->ops->txn_identity(t, &id);
	store->ops->txn_uid(t, "1.a", 2, NULL);
	store->ops->txn_uid(t, "2.b", 1, NULL);
	assert_int_equal(commit(t), 0);
	assert_file(os, "/m/dovecot-uidlist",
		"3 V2000000000 N4\n1 Gold :2.b\n2 :1.a\n");
	/* The index held the old value, nobody had it open. */
	assert_false(is_there(os, "/m/dovecot.index.log"));
	assert_false(is_there(os, "/m/dovecot.index.cache"));
	assert_true(is_there(os, "/m/dovecot.list.index"));
	/* Dovecot will not give that value again. */
	assert_file(os, "/m/dovecot-uidvalidity", "77359400");
	assert_true(is_there(os, "/m/dovecot-uidvalidity.77359400"));
}

static void an_index_that_is_open_stays(void **state)
{
	struct store_identity id = {.uidvalidity = 78, .extra = ""};
	int fd;

	(void)state;
	add_two();
	simdisk_put(disk, "/m/dovecot.index.log", "x", 1);
	fd = os->ops->open(os, "/m/dovecot.index.log", O_RDONLY, 0);
	identify(&id, 0);
	os->ops->close(os, fd);
	assert_true(is_there(os, "/m/dovecot.index.log"));
	assert_file(
		os, "/m/dovecot-uidlist", "3 V78 N10\n5 :1.a\n9 Gold :2.b\n");
}

static void a_fresh_folder_gets_a_uidvalidity_of_its_own(void **state)
{
	struct store_view v;

	(void)state;
	assert_int_equal(add_one("3.c", 4, NULL), 0);
	v = view_of(store, "INBOX");
	assert_int_equal(
		v.identity.uidvalidity, os->ops->wall_ns(os) / NS_PER_S);
	assert_int_equal(v.identity.uidnext, 5);
	store_view_free(&v);
}

static void who_renames_without_a_lock_makes_a_conflict(void **state)
{
	struct store_txn *t;

	(void)state;
	add_two();
	t = begin();
	os->ops->rename(os, "/m/cur/1.a:2,S", "/m/cur/1.a:2,RS");
	store->ops->txn_flags(t, "1.a", "FS", "");
	store->ops->txn_flags(t, "2.b", "F", "");
	assert_int_equal(commit(t), ERR_CONFLICT);
	assert_true(is_there(os, "/m/cur/1.a:2,RS"));
	assert_true(is_there(os, "/m/cur/2.b:2,F"));
}

static void control_files_keep_their_mode(void **state)
{
	struct os_stat st;
	int fd;

	(void)state;
	add_two();
	fd = os->ops->open(os, "/m/dovecot-uidlist", O_RDONLY, 0);
	os->ops->fchmod(os, fd, 0640);
	os->ops->close(os, fd);
	assert_int_equal(add_one("3.c", 10, NULL), 0);
	os->ops->lstat(os, "/m/dovecot-uidlist", &st);
	assert_int_equal(st.mode & 0777, 0640);
}

static void new_files_get_the_folders_mode(void **state)
{
	struct os_stat st;
	int fd = os->ops->open(os, "/m", O_RDONLY | O_DIRECTORY, 0);

	(void)state;
	os->ops->fchmod(os, fd, 0750);
	os->ops->close(os, fd);
	add_two();
	os->ops->lstat(os, "/m/dovecot-uidlist", &st);
	assert_int_equal(st.mode & 0777, 0640);
	os->ops->lstat(os, "/m/cur/1.a:2,S", &st);
	assert_int_equal(st.mode & 0777, 0640);
}

static void one_process_cannot_take_a_lock_twice(void **state)
{
	struct store_txn *t = begin();
	struct store_view v;

	(void)state;
	assert_int_equal(
		store->ops->view(store, "INBOX", STORE_LOCKED, &v, NULL),
		ERR_BUSY);
	store->ops->txn_end(t);
	v = view_of(store, "INBOX");
	store_view_free(&v);
}

static void a_folder_that_is_not_there_is_absent(void **state)
{
	struct store_txn *t;

	(void)state;
	assert_int_equal(
		store->ops->txn_begin(store, "Work", false, NULL, &t, NULL),
		ERR_ABSENT);
	assert_int_equal(
		store->ops->txn_begin(store, "A.B", false, NULL, &t, NULL),
		ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_added_is_seen_as_it_was_given),
		T(a_staged_body_that_is_not_added_is_removed),
		T(a_body_of_the_wrong_size_is_corrupt),
		T(a_body_that_is_not_the_one_named_is_not_staged),
		T(a_message_of_the_same_date_is_linked_another_copied),
		T(flags_are_computed_from_the_name_found_now),
		T(the_same_flags_again_move_nothing),
		T(a_flag_takes_a_message_from_new_to_cur),
		T(letters_without_a_name_stay_and_are_never_given_away),
		T(the_27th_keyword_is_left_out_and_told),
		T(a_keyword_that_dovecot_would_not_take_is_left_out),
		T(the_keywords_file_gets_a_later_whole_second),
		T(an_expunged_message_is_in_the_trash),
		T(a_changed_uid_keeps_base_and_fields),
		T(a_message_without_a_line_gets_one),
		T(a_uid_that_clients_may_have_seen_is_refused),
		T(fields_that_would_break_the_uidlist_are_refused),
		T(adds_that_cannot_be_are_refused_whole),
		T(a_name_longer_than_a_file_name_is_refused),
		T(without_a_uid_the_server_gives_one),
		T(lines_of_gone_messages_go_and_n_stays),
		T(most_messages_gone_at_once_keep_their_lines),
		T(an_expunged_message_that_comes_back_has_one_line),
		T(header_fields_are_taken_over),
		T(the_later_of_two_lines_of_one_base_counts),
		T(two_files_of_one_base_are_left_alone),
		T(n_is_raised_and_never_lowered),
		T(a_new_guid_changes_nothing_else),
		T(under_a_new_uidvalidity_every_number_is_free),
		T(an_index_that_is_open_stays),
		T(a_fresh_folder_gets_a_uidvalidity_of_its_own),
		T(who_renames_without_a_lock_makes_a_conflict),
		T(control_files_keep_their_mode),
		T(new_files_get_the_folders_mode),
		T(one_process_cannot_take_a_lock_twice),
		T(a_folder_that_is_not_there_is_absent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
