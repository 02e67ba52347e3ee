/* A message whose file is damaged gets its body back, and is never away. */
#include "maildir_test.h"

#include "maildir_private.h"

#define TRASH "/m/cur/.packetboat/trash"

static struct simdisk *disk;
static struct os *os;
static struct store *store;

static void put_mail(void)
{
	static const struct store_identity identity = {
		.has_uids = true, .uidvalidity = 77, .uidnext = 5, .extra = ""};
	const struct mail_spec mails[] = {
		{.base = "1.a",
			.letters = "S",
			.keywords = "Work",
			.text = "bad",
			.uid = 5,
			.mtime = 1000},
		{.base = "2.b", .text = "two", .uid = 9, .mtime = 2000},
	};
	struct err err = ERR_INIT;
	int r = add_mails(store, "INBOX", false, &identity, mails, 2, &err);

	assert_done(r, err);
}

static int setup(void **state)
{
	(void)state;
	disk = simdisk_new(5);
	os = simdisk_os(disk);
	simdisk_put(disk, "/tmp/x", "", 0);
	store = open_maildir(os, "/m", MAILDIR_PLUSPLUS, true);
	put_mail();
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

/* Replace base's body by "good", with what `more` notes besides. */
static int replace(struct store *s, const char *base,
	void (*more)(struct store_txn *t), struct err *err)
{
	struct store_stage *st = NULL;
	struct store_txn *t = NULL;
	size_t staged;
	int r = s->ops->stage_begin(s, "INBOX", &st, err);

	if (r == 0)
		r = stage_text(s, st, "good", 3000, &staged, err);
	if (r == 0)
		r = s->ops->stage_sync(st, err);
	if (r == 0)
		r = s->ops->txn_begin(s, "INBOX", false, st, &t, err);
	if (r == 0) {
		s->ops->txn_replace(t, base, staged);
		if (more)
			more(t);
		r = s->ops->txn_commit(t, err);
	}
	if (t)
		s->ops->txn_end(t);
	if (st)
		s->ops->stage_end(st);
	return r;
}

static void assert_nothing_staged(void)
{
	AUTO_BUF struct buf names = BUF_INIT;

	os->ops->list(os, "/m/tmp", &names);
	assert_int_equal(names.len, 0);
}

static void replaced(const char *base, void (*more)(struct store_txn *t))
{
	struct err err = ERR_INIT;
	int r = replace(store, base, more, &err);

	assert_done(r, err);
}

static void the_body_is_another_and_all_else_as_it_was(void **state)
{
	const struct store_message *m;
	struct store_stat st;
	struct store_view v;

	(void)state;
	replaced("1.a", NULL);
	assert_file(os, "/m/cur/1.a:2,Sa", "good");
	v = view_of(store, "INBOX");
	assert_int_equal(v.count, 2);
	m = message_of(&v, "1.a");
	assert_int_equal(m->uid, 5);
	assert_string_equal(m->letters, "S");
	assert_int_equal(store->ops->stat(store, "INBOX", m, &st, NULL), 0);
	assert_int_equal(st.mtime, 3000);
	store_view_free(&v);
	assert_file(os, "/m/dovecot-uidlist", "3 V77 N10\n5 :1.a\n9 :2.b\n");
	assert_int_equal(count_below(os, TRASH, "1.a", "bad"), 1);
	assert_nothing_staged();
}

static void more_flags(struct store_txn *t)
{
	store->ops->txn_flags(t, "1.a", "FS", "Work");
}

static void it_gets_its_flags_in_the_same_commit(void **state)
{
	(void)state;
	replaced("1.a", more_flags);
	assert_file(os, "/m/cur/1.a:2,FSa", "good");
	assert_false(is_there(os, "/m/cur/1.a:2,Sa"));
}

static void more_expunge(struct store_txn *t)
{
	store->ops->txn_expunge(t, "1.a");
}

static void what_is_expunged_is_not_replaced(void **state)
{
	(void)state;
	replaced("1.a", more_expunge);
	assert_int_equal(count_below(os, "/m", "1.a", "good"), 0);
	assert_int_equal(count_below(os, TRASH, "1.a", "bad"), 1);
}

static void a_message_in_new_stays_there(void **state)
{
	(void)state;
	simdisk_put(disk, "/m/new/3.c", "bad", 3);
	simdisk_pass(disk, 10 * NS_PER_S);
	replaced("3.c", NULL);
	assert_file(os, "/m/new/3.c", "good");
	assert_int_equal(count_below(os, TRASH, "3.c", "bad"), 1);
}

static void a_message_that_is_not_there_is_forgotten(void **state)
{
	(void)state;
	replaced("9.x", NULL);
	assert_int_equal(count_below(os, "/m", "9.x", NULL), 0);
	assert_nothing_staged();
}

static void without_a_staged_body_it_is_refused(void **state)
{
	struct err err = ERR_INIT;
	struct store_txn *t;

	(void)state;
	assert_done(
		store->ops->txn_begin(store, "INBOX", false, NULL, &t, &err),
		err);
	store->ops->txn_replace(t, "1.a", 0);
	assert_int_equal(store->ops->txn_commit(t, &err), ERR_USAGE);
	store->ops->txn_end(t);
	assert_file(os, "/m/cur/1.a:2,Sa", "bad");
}

static void rename_away(struct store_txn *t)
{
	(void)t;
	os->ops->rename(os, "/m/cur/1.a:2,Sa", "/m/cur/1.a:2,RSa");
}

static void who_renames_without_a_lock_makes_a_conflict(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
		replace(store, "1.a", rename_away, &err), ERR_CONFLICT);
	assert_file(os, "/m/cur/1.a:2,RSa", "bad");
}

/* ---- stopped at every call ---- */

/* The message is there, with one of its two bodies. Returns true if whole. */
static bool is_present(struct store *s)
{
	struct store_view v = view_of(s, "INBOX");
	const struct store_message *m = message_of(&v, "1.a");
	AUTO_FREE char *path = mem_printf("/m/cur/%s", m->name);
	char *text = file_text(s->os, path);
	bool good;

	assert_int_equal(v.count, 2);
	assert_int_equal(m->uid, 5);
	assert_non_null(text);
	good = strcmp(text, "good") == 0;
	assert_true(good || strcmp(text, "bad") == 0);
	free(text);
	store_view_free(&v);
	return good;
}

/* Returns false when there was no such call any more. */
static bool stop_at(uint64_t call, bool power)
{
	struct err err = ERR_INIT;
	bool whole;
	int r;

	simdisk_stop_at(disk, call);
	r = replace(store, "1.a", NULL, &err);
	store->ops->close(store);
	if (power)
		simdisk_power_cut(disk, call);
	else
		simdisk_kill(disk);
	simdisk_faults_clear(disk);
	simdisk_set_pid(disk, 2000);
	/* Until a lock without content is stale, and a stray of our own. */
	simdisk_pass(disk, 2 * 3600 * NS_PER_S);
	store = open_maildir(os, "/m", MAILDIR_PLUSPLUS, true);
	whole = is_present(store);
	assert_true(r != 0 || whole);
	if (!whole)
		replaced("1.a", NULL);
	assert_true(is_present(store));
	assert_true(count_below(os, TRASH, "1.a", "bad") >= 1);
	assert_int_equal(count_below(os, "/m/cur", "1.a", "good"), 1);
	return r != 0;
}

static void stopped_anywhere_the_message_is_there(void **state)
{
	uint64_t calls[2];

	for (int power = 0; power < 2; power++) {
		bool more = true;

		for (calls[power] = 1; more; calls[power]++) {
			more = stop_at(calls[power], power);
			teardown(state);
			setup(state);
		}
	}
	assert_true(calls[0] > 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_body_is_another_and_all_else_as_it_was),
		T(it_gets_its_flags_in_the_same_commit),
		T(what_is_expunged_is_not_replaced),
		T(a_message_in_new_stays_there),
		T(a_message_that_is_not_there_is_forgotten),
		T(without_a_staged_body_it_is_refused),
		T(who_renames_without_a_lock_makes_a_conflict),
		T(stopped_anywhere_the_message_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
