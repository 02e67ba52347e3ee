/*
 * Every change of a Maildir, failed and stopped at every file-changing call,
 * by a full disk, a kill and a power cut.
 *
 * After each: the folder can be read, no mail is lost (it is in a folder or
 * in the trash, whole), no base is there twice, the uidlist is whole and its N
 * not lower; and the same change again completes.
 */
#include "maildir_test.h"

#include "maildir_private.h"

#define SEEDS 6

enum end {
	END_FULL,  /* one call fails */
	END_KILL,  /* everything fails from there on */
	END_POWER, /* and what was not fsynced is decided by a seed */
	END_LOST,  /* … is lost */
	ENDS
};

struct change {
	const char *name;
	int (*run)(struct store *s, struct err *err);
	/* After the change was repeated. */
	void (*check)(struct os *os, struct store *s);
};

static const struct store_identity identity = {
	.has_uids = true, .uidvalidity = 77, .uidnext = 5, .extra = ""};

/* Bodies that must be somewhere, whatever happens. */
static const char *const kept[][2] = {
	{"1.a", "one"}, {"2.b", "two"}, {"3.c", "three"}, {"4.d", "four"}};

static struct simdisk *fresh(void)
{
	const struct mail_spec inbox[] = {
		{.base = "1.a",
			.letters = "S",
			.text = "one",
			.uid = 5,
			.mtime = 1000},
		{.base = "2.b",
			.keywords = "Work",
			.text = "two",
			.uid = 9,
			.mtime = 2000},
	};
	const struct mail_spec work = {
		.base = "4.d", .text = "four", .uid = 6, .mtime = 3000};
	struct simdisk *d = simdisk_new(11);
	struct os *os = simdisk_os(d);
	struct err err = ERR_INIT;
	struct store *s;
	int r;

	simdisk_put(d, "/tmp/x", "", 0);
	s = open_maildir(os, "/m", MAILDIR_PLUSPLUS, true);
	r = add_mails(s, "INBOX", false, &identity, inbox, 2, &err);
	assert_done(r, err);
	r = add_mails(s, "Work", true, &identity, &work, 1, &err);
	assert_done(r, err);
	r = add_mails(s, "Work/Sub", true, &identity, NULL, 0, &err);
	assert_done(r, err);
	s->ops->close(s);
	simdisk_put(d, "/m/new/3.c", "three", 5);
	simdisk_pass(d, 10 * NS_PER_S);
	return d;
}

/* ---- the changes ---- */

static int change_inbox(struct store *s,
	void (*note)(struct store *s, struct store_txn *t,
		const struct store_view *v),
	struct err *err)
{
	struct store_txn *t;
	int r = s->ops->txn_begin(s, "INBOX", false, NULL, &t, err);

	if (r < 0)
		return r;
	note(s, t, s->ops->txn_view(t));
	r = s->ops->txn_commit(t, err);
	s->ops->txn_end(t);
	return r;
}

static void note_flags(
	struct store *s, struct store_txn *t, const struct store_view *v)
{
	(void)v;
	s->ops->txn_flags(t, "1.a", "FS", "New Work");
	s->ops->txn_flags(t, "3.c", "S", "");
}

static int run_flags(struct store *s, struct err *err)
{
	return change_inbox(s, note_flags, err);
}

static void check_flags(struct os *os, struct store *s)
{
	struct store_view v = view_of(s, "INBOX");

	(void)os;
	assert_string_equal(message_of(&v, "1.a")->name, "1.a:2,FSab");
	assert_string_equal(message_of(&v, "3.c")->name, "3.c:2,S");
	assert_string_equal(v.keywords[0], "Work");
	assert_string_equal(v.keywords[1], "New");
	store_view_free(&v);
}

static void note_expunge(
	struct store *s, struct store_txn *t, const struct store_view *v)
{
	(void)v;
	s->ops->txn_expunge(t, "1.a");
	s->ops->txn_expunge(t, "3.c");
}

static int run_expunge(struct store *s, struct err *err)
{
	return change_inbox(s, note_expunge, err);
}

static void check_expunge(struct os *os, struct store *s)
{
	struct store_view v = view_of(s, "INBOX");

	assert_int_equal(v.count, 1);
	store_view_free(&v);
	assert_int_equal(
		count_below(os, "/m/cur/.packetboat/trash", "1.a", "one"), 1);
}

/* As the applier does: only what is not yet so, above UIDNEXT. */
static void note_uids(
	struct store *s, struct store_txn *t, const struct store_view *v)
{
	uint32_t next = v->identity.uidnext < 20 ? 20 : v->identity.uidnext;

	if (message_of(v, "1.a")->uid < 20)
		s->ops->txn_uid(t, "1.a", next++, "Gx");
	if (message_of(v, "3.c")->uid < 20)
		s->ops->txn_uid(t, "3.c", next, NULL);
}

static int run_uids(struct store *s, struct err *err)
{
	return change_inbox(s, note_uids, err);
}

static void check_uids(struct os *os, struct store *s)
{
	struct store_view v = view_of(s, "INBOX");

	(void)os;
	assert_true(message_of(&v, "1.a")->uid >= 20);
	assert_true(message_of(&v, "3.c")->uid >= 20);
	assert_int_equal(message_of(&v, "2.b")->uid, 9);
	store_view_free(&v);
}

/* Whenever it was stopped, both get the UIDs that they are to have. */
static int run_add(struct store *s, struct err *err)
{
	struct mail_spec mails[] = {
		{.base = "7.x",
			.uid = 10,
			.letters = "S",
			.keywords = "Add",
			.text = "x",
			.mtime = 4000},
		{.base = "8.y", .uid = 11, .text = "yy", .mtime = 5000},
	};
	struct store_view v;
	size_t count = 0;
	int r = s->ops->view(s, "INBOX", STORE_LOCKED, &v, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < 2; i++) {
		if (store_view_find(&v, mails[i].base))
			continue;
		mails[count++] = mails[i];
	}
	store_view_free(&v);
	return add_mails(s, "INBOX", false, NULL, mails, count, err);
}

static void check_add(struct os *os, struct store *s)
{
	struct store_view v = view_of(s, "INBOX");
	const struct store_message *x = message_of(&v, "7.x");
	struct store_stat st;

	assert_int_equal(v.count, 5);
	assert_int_equal(x->uid, 10);
	assert_int_equal(message_of(&v, "8.y")->uid, 11);
	assert_int_equal(v.pending_count, 0);
	assert_string_equal(x->letters, "S");
	assert_int_equal(s->ops->stat(s, "INBOX", x, &st, NULL), 0);
	assert_int_equal(st.mtime, 4000);
	store_view_free(&v);
	assert_int_equal(count_below(os, "/m", "7.x", "x"), 1);
	assert_int_equal(count_below(os, "/m", "8.y", "yy"), 1);
}

static void note_identity(
	struct store *s, struct store_txn *t, const struct store_view *v)
{
	struct store_identity id = {.uidvalidity = 99,
		.uidnext = 8,
		.has_guid = true,
		.guid = {{1}},
		.extra = ""};

	if (v->identity.uidvalidity == 99)
		return;
	s->ops->txn_identity(t, &id);
	s->ops->txn_uid(t, "1.a", 3, NULL);
	s->ops->txn_uid(t, "2.b", 2, NULL);
	s->ops->txn_uid(t, "3.c", 1, NULL);
}

static int run_identity(struct store *s, struct err *err)
{
	return change_inbox(s, note_identity, err);
}

static void check_identity(struct os *os, struct store *s)
{
	(void)s;
	assert_file(os, "/m/dovecot-uidlist",
		"3 V99 N8 G01000000000000000000000000000000\n"
		"1 :3.c\n2 :2.b\n3 :1.a\n");
}

static int run_build(struct store *s, struct err *err)
{
	struct mail_spec mail = {.base = "9.z",
		.text = "zed",
		.uid = 41,
		.mtime = 6000,
		.keywords = "K",
		.letters = "R"};
	struct store_identity id = {.uidvalidity = 55,
		.uidnext = 60,
		.has_guid = true,
		.extra = ""};
	int r = add_mails(s, "New/Box", true, &id, &mail, 1, err);

	return r == ERR_CONFLICT ? 0 : r; /* done before the crash */
}

static void check_build(struct os *os, struct store *s)
{
	struct store_view v = view_of(s, "New/Box");

	assert_int_equal(v.count, 1);
	assert_int_equal(v.identity.uidvalidity, 55);
	assert_int_equal(v.identity.uidnext, 60);
	assert_int_equal(message_of(&v, "9.z")->uid, 41);
	assert_string_equal(message_of(&v, "9.z")->name, "9.z:2,Ra");
	assert_string_equal(v.keywords[0], "K");
	store_view_free(&v);
	assert_int_equal(count_below(os, "/m", "9.z", "zed"), 1);
	assert_true(is_there(os, "/m/.New.Box/maildirfolder"));
}

static int run_rename(struct store *s, struct err *err)
{
	return s->ops->rename(s, "Work", "Jobs/Old", err);
}

static void check_rename(struct os *os, struct store *s)
{
	struct store_view v = view_of(s, "Jobs/Old");

	assert_int_equal(message_of(&v, "4.d")->uid, 6);
	store_view_free(&v);
	assert_true(is_there(os, "/m/.Jobs.Old.Sub/cur"));
	assert_false(is_there(os, "/m/.Work"));
	assert_false(is_there(os, "/m/.Work.Sub"));
}

static int run_remove(struct store *s, struct err *err)
{
	return s->ops->remove(s, "Work", err);
}

static void check_remove(struct os *os, struct store *s)
{
	(void)s;
	assert_false(is_there(os, "/m/.Work"));
	assert_true(is_there(os, "/m/.Work.Sub/cur"));
	assert_int_equal(
		count_below(os, "/m/cur/.packetboat/trash", "4.d", "four"), 1);
}

static int run_subscribe(struct store *s, struct err *err)
{
	int r = s->ops->subscribe(s, "Work", true, err);

	return r < 0 ? r : s->ops->subscribe(s, "Work/Sub", true, err);
}

static void check_subscribe(struct os *os, struct store *s)
{
	(void)s;
	assert_file(os, "/m/subscriptions", "V\t2\n\nWork\nWork\tSub\n");
}

static int run_marker(struct store *s, struct err *err)
{
	struct store_marker id;

	return s->ops->marker(s, true, &id, err);
}

static void check_marker(struct os *os, struct store *s)
{
	struct store_marker a, b;

	(void)os;
	assert_int_equal(s->ops->marker(s, false, &a, NULL), 0);
	assert_int_equal(s->ops->marker(s, true, &b, NULL), 0);
	assert_true(id_equal(&a.id, &b.id));
}

static const struct change changes[] = {
	{"flags", run_flags, check_flags},
	{"expunge", run_expunge, check_expunge},
	{"uids", run_uids, check_uids},
	{"add", run_add, check_add},
	{"identity", run_identity, check_identity},
	{"build", run_build, check_build},
	{"rename", run_rename, check_rename},
	{"remove", run_remove, check_remove},
	{"subscribe", run_subscribe, check_subscribe},
	{"marker", run_marker, check_marker},
};

/* ---- what holds after every crash ---- */

/* No two files of one base in cur/ and new/ of a folder. */
static void check_folder(struct os *os, struct store *s, const char *path)
{
	struct store_view v = view_of(s, path);

	(void)os;
	for (size_t i = 0; i < v.count; i++)
		assert_false(v.messages[i].doubled);
	store_view_free(&v);
}

static void check_uidlist(struct os *os, const char *path, uint32_t n)
{
	struct uidlist list;
	struct err err = ERR_INIT;
	struct buf b = BUF_INIT;
	int r = control_read(os, path, 1 << 20, &b, NULL, &err);

	assert_done(r, err);
	if (r == 0) {
		r = uidlist_parse(b.data, b.len, &list, &err);
		assert_done(r, err);
		if (list.identity.uidvalidity == 77)
			assert_true(list.n >= n);
		uidlist_free(&list);
	}
	buf_free(&b);
}

static void check_sound(struct os *os, struct store *s)
{
	struct store_list list;
	struct err err = ERR_INIT;

	assert_done(s->ops->list(s, &list, &err), err);
	for (size_t i = 0; i < list.folder_count; i++)
		check_folder(os, s, list.folders[i].path);
	assert_true(list.folder_count >= 2);
	store_list_free(&list);
	check_uidlist(os, "/m/dovecot-uidlist", 10);
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		assert_int_equal(
			count_below(os, "/m", kept[i][0], kept[i][1]), 1);
}

/* Nothing temporary stays for long. */
static void check_tidy(struct os *os, struct store *s)
{
	struct buf names = BUF_INIT;
	struct store_stage *st;
	struct err err = ERR_INIT;

	assert_done(s->ops->stage_begin(s, "INBOX", &st, &err), err);
	s->ops->stage_end(st);
	os->ops->list(os, "/m/tmp", &names);
	assert_int_equal(names.len, 0);
	assert_false(is_there(os, "/m/dovecot-uidlist.lock"));
	assert_false(is_there(os, "/m/dovecot-uidlist.tmp"));
	assert_false(is_there(os, "/m/dovecot-keywords.tmp"));
	buf_free(&names);
}

static void end_at(struct simdisk *d, enum end end, uint64_t call)
{
	if (end == END_FULL)
		simdisk_fail_at(d, call, ENOSPC);
	else
		simdisk_stop_at(d, call);
}

static void come_back(struct simdisk *d, enum end end, uint64_t seed)
{
	if (end == END_FULL)
		simdisk_faults_clear(d);
	else if (end == END_KILL)
		simdisk_kill(d);
	else if (end == END_POWER)
		simdisk_power_cut(d, seed);
	else
		simdisk_power_cut_mode(d, SIMDISK_ALL_LOST, seed);
	simdisk_faults_clear(d);
	if (end != END_FULL)
		simdisk_set_pid(d, 2000);
	/* Until a lock without content is stale, and a stray of our own. */
	simdisk_pass(d, 2 * 3600 * NS_PER_S);
}

/* Returns false when the change needs fewer calls. */
static bool crash_once(const struct change *c, const struct simdisk *from,
	enum end end, uint64_t call, uint64_t seed)
{
	struct simdisk *d = simdisk_clone(from);
	struct os *os = simdisk_os(d);
	struct store *s = open_maildir(os, "/m", MAILDIR_PLUSPLUS, true);
	struct err err = ERR_INIT;
	bool fired;
	int r;

	end_at(d, end, call);
	c->run(s, &err);
	fired = simdisk_fired(d);
	assert_true(fired || end != END_FULL || !simdisk_stopped(d));
	s->ops->close(s);
	come_back(d, end, seed);
	s = open_maildir(os, "/m", MAILDIR_PLUSPLUS, true);
	check_sound(os, s);
	r = c->run(s, &err);
	if (r < 0)
		fail_msg("%s, end %d at call %llu: %s", c->name, (int)end,
			(unsigned long long)call, err.text);
	check_sound(os, s);
	c->check(os, s);
	check_tidy(os, s);
	assert_int_equal(simdisk_open_files(d), 0);
	s->ops->close(s);
	simdisk_free(d);
	return fired;
}

static void every_crash(void **state)
{
	const struct change *c = *state;
	struct simdisk *from = fresh();

	for (int end = 0; end < ENDS; end++) {
		uint64_t call = 1;

		while (crash_once(c, from, (enum end)end, call, call))
			call++;
		for (uint64_t i = 1; i < call && end == END_POWER; i++) {
			for (uint64_t seed = 0; seed < SEEDS; seed++)
				crash_once(c, from, END_POWER, i, seed << 8);
		}
		assert_true(call > 4);
	}
	simdisk_free(from);
}

#define CRASH(i, words)                                                        \
	{                                                                      \
		words, every_crash, NULL, NULL, (void *)(uintptr_t)&changes[i] \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CRASH(0, "flags_survive_every_crash"),
		CRASH(1, "expunges_survive_every_crash"),
		CRASH(2, "new_uids_survive_every_crash"),
		CRASH(3, "added_mail_survives_every_crash"),
		CRASH(4, "a_new_identity_survives_every_crash"),
		CRASH(5, "a_built_folder_survives_every_crash"),
		CRASH(6, "a_rename_survives_every_crash"),
		CRASH(7, "a_removed_folder_survives_every_crash"),
		CRASH(8, "a_subscription_survives_every_crash"),
		CRASH(9, "a_marker_survives_every_crash"),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
