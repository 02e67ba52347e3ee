/* The trash is cleaned by age and size; the UIDVALIDITY counter. */
#include "maildir_test.h"

#include "maildir_private.h"

#define TRASH "/m/cur/.packetboat/trash"

static struct simdisk *disk;
static struct os *os;
static struct store *store;

static int setup(void **state)
{
	(void)state;
	disk = simdisk_new(5);
	os = simdisk_os(disk);
	store = open_maildir(os, "/m", MAILDIR_PLUSPLUS, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store->ops->close(store);
	simdisk_free(disk);
	return 0;
}

static void put(const char *path, const char *text)
{
	simdisk_put(disk, path, text, strlen(text));
}

static void clean(int64_t age_s, uint64_t max_bytes)
{
	struct err err = ERR_INIT;

	assert_done(
		store->ops->trash_clean(store, age_s, max_bytes, &err), err);
}

static void fill(void)
{
	put(TRASH "/1704000000.M1P1Q1.h/INBOX/cur/1.a:2,S", "0123456789");
	put(TRASH "/1704060000.M1P1Q2.h/Work/cur/1.b", "0123456789");
	put(TRASH "/1704060000.M2P1Q3.h/Work/new/1.c", "0123456789");
	put(TRASH "/1704060001.M1P1Q4.h/Work/cur/1.d", "0123456789");
	put(TRASH "/restored/by/hand", "0123456789");
}

static bool has(const char *base)
{
	return count_below(os, TRASH, base, NULL) == 1;
}

static void a_trash_that_is_not_there_is_clean(void **state)
{
	(void)state;
	clean(0, 0);
}

static void what_is_too_old_goes(void **state)
{
	(void)state;
	fill();
	/* now: 1704067200 */
	clean(10000, UINT64_MAX);
	assert_false(has("1.a"));
	assert_true(has("1.b") && has("1.c") && has("1.d"));
	assert_false(is_there(os, TRASH "/1704000000.M1P1Q1.h"));
	assert_true(is_there(os, TRASH "/restored/by/hand"));
}

static void the_oldest_goes_until_it_fits(void **state)
{
	(void)state;
	fill();
	clean(1000000, 25);
	assert_false(has("1.a"));
	assert_false(has("1.b"));
	assert_true(has("1.c") && has("1.d"));
	clean(1000000, 0);
	assert_false(has("1.c") || has("1.d"));
	assert_true(is_there(os, TRASH "/restored/by/hand"));
}

static void leftovers_of_builds_are_swept(void **state)
{
	static const char stray[] =
		"/m/cur/.packetboat/build/1704000000.M1P77Q1.simhost,"
		"packetboat/cur/1.x:2,";

	(void)state;
	put(stray, "x");
	clean(1000, 1000);
	assert_false(is_there(os, stray));
}

/* ---- the counter ---- */

static void counter_is(const char *digits)
{
	struct buf names = BUF_INIT;
	struct os_entry e;
	size_t at = 0, count = 0;

	assert_file(os, "/m/dovecot-uidvalidity", digits);
	os->ops->list(os, "/m", &names);
	while (os_list_next(&names, &at, &e)) {
		if (strncmp(e.name, "dovecot-uidvalidity.", 20) == 0) {
			count++;
			assert_string_equal(e.name + 20, digits);
		}
	}
	assert_int_equal(count, 1);
	buf_free(&names);
}

static void raise_to(uint32_t value)
{
	struct err err = ERR_INIT;
	int r = uidvalidity_raise((struct maildir *)store, value, &err);

	assert_done(r, err);
}

static void a_first_counter_is_not_below_the_time(void **state)
{
	(void)state;
	raise_to(5);
	counter_is("65920080"); /* 1704067200 */
}

static void a_counter_is_raised_and_never_lowered(void **state)
{
	(void)state;
	put("/m/dovecot-uidvalidity", "5f000000");
	put("/m/dovecot-uidvalidity.5f000000", "");
	raise_to(0x5f000010);
	counter_is("5f000010");
	raise_to(0x5f000001);
	counter_is("5f000010");
}

static void what_a_crash_left_is_mended(void **state)
{
	(void)state;
	/* The empty file made, the digits not yet written. */
	put("/m/dovecot-uidvalidity", "5f000000");
	put("/m/dovecot-uidvalidity.5f000000", "");
	put("/m/dovecot-uidvalidity.5f000020", "");
	raise_to(0x5f000020);
	counter_is("5f000020");
	/* Digits without their empty file: the greatest counts. */
	put("/m/dovecot-uidvalidity", "5f000099");
	raise_to(0x5f000001);
	counter_is("5f000020");
}

static void the_next_value_is_one_above(void **state)
{
	uint32_t v;

	(void)state;
	put("/m/dovecot-uidvalidity", "5f000000");
	put("/m/dovecot-uidvalidity.5f000000", "");
	assert_int_equal(
		uidvalidity_next((struct maildir *)store, &v, NULL), 0);
	assert_int_equal(v, 0x5f000001);
	counter_is("5f000001");
}

static void odd_names_are_no_counters(void **state)
{
	(void)state;
	put("/m/dovecot-uidvalidity", "garbage!");
	put("/m/dovecot-uidvalidity.tmpfile", "");
	put("/m/dovecot-uidvalidity.5f0000000", "");
	put("/m/dovecot-uidvalidity.00000000", "");
	raise_to(0x70000000);
	assert_file(os, "/m/dovecot-uidvalidity", "70000000");
	assert_true(is_there(os, "/m/dovecot-uidvalidity.70000000"));
	assert_true(is_there(os, "/m/dovecot-uidvalidity.5f0000000"));
}

/* ---- what lies there ---- */

static struct store_trash listed(void)
{
	struct store_trash trash;
	struct err err = ERR_INIT;

	assert_done(store->ops->trash_list(store, &trash, &err), err);
	return trash;
}

static void assert_trashed(const struct store_trashed *mail, const char *path,
	const char *base, const char *letters, const char *keywords)
{
	assert_string_equal(mail->path, path);
	assert_string_equal(mail->base, base);
	assert_string_equal(mail->letters, letters);
	assert_string_equal(mail->keywords, keywords);
}

static void mails_are_listed_with_what_their_letters_mean(void **state)
{
	struct store_trash trash;

	(void)state;
	put("/m/dovecot-keywords", "0 Junk\n1 $Label1\n");
	put(TRASH "/1704060000.M1P1Q2.h/INBOX/cur/1.a:2,FSab", "0123456789");
	put(TRASH "/1704060001.M1P1Q3.h/Work.2026/cur/1.c:2,Sa", "01234");
	put(TRASH "/1704060001.M1P1Q3.h/Work.2026/new/1.d", "");
	put(TRASH "/1704060001.M1P1Q3.h/Work.2026/tmp/1.e", "half");
	put(TRASH "/1704060001.M1P1Q3.h/Work.2026/dovecot-keywords", "0 Own\n");
	put(TRASH "/restored/by/cur/hand", "0123456789");
	put(TRASH "/1704060001.M1P1Q3.h/Work.2026/cur/.odd", "x");
	trash = listed();
	assert_int_equal(trash.count, 3);
	assert_trashed(&trash.mails[0], "INBOX", "1.a", "FS", "Junk $Label1");
	assert_int_equal(trash.mails[0].removed_s, 1704060000);
	assert_int_equal(trash.mails[0].size, 10);
	assert_trashed(&trash.mails[1], "Work/2026", "1.c", "S", "Own");
	assert_trashed(&trash.mails[2], "Work/2026", "1.d", "", "");
	store_trash_free(&trash);
}

static void folders_below_are_listed_in_layout_fs(void **state)
{
	struct store *fs = open_maildir(os, "/fs", MAILDIR_FS, true);
	struct store_trash trash;
	struct err err = ERR_INIT;

	(void)state;
	put("/fs/cur/.packetboat/trash/1704060000.M1P1Q2.h/A/cur/1.a:2,S", "1");
	put("/fs/cur/.packetboat/trash/1704060000.M1P1Q2.h/A/B.c/cur/1.b", "2");
	assert_done(fs->ops->trash_list(fs, &trash, &err), err);
	assert_int_equal(trash.count, 2);
	assert_trashed(&trash.mails[0], "A/B.c", "1.b", "", "");
	assert_trashed(&trash.mails[1], "A", "1.a", "S", "");
	store_trash_free(&trash);
	fs->ops->close(fs);
}

static void a_mail_is_read_and_let_go_of(void **state)
{
	struct store_trash trash;
	struct err err = ERR_INIT;
	char bytes[16];
	int fd;

	(void)state;
	fill();
	trash = listed();
	assert_int_equal(trash.count, 4);
	assert_done(
		store->ops->trash_open(store, &trash.mails[0], &fd, &err), err);
	assert_int_equal(os->ops->pread(os, fd, bytes, sizeof(bytes), 0), 10);
	assert_memory_equal(bytes, "0123456789", 10);
	os->ops->close(os, fd);
	for (int twice = 0; twice < 2; twice++)
		assert_done(
			store->ops->trash_forget(store, &trash.mails[0], &err),
			err);
	assert_int_equal(
		store->ops->trash_open(store, &trash.mails[0], &fd, &err),
		ERR_ABSENT);
	assert_false(has("1.a"));
	store_trash_free(&trash);
	trash = listed();
	assert_int_equal(trash.count, 3);
	store_trash_free(&trash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_trash_that_is_not_there_is_clean),
		T(what_is_too_old_goes),
		T(the_oldest_goes_until_it_fits),
		T(leftovers_of_builds_are_swept),
		T(a_first_counter_is_not_below_the_time),
		T(a_counter_is_raised_and_never_lowered),
		T(what_a_crash_left_is_mended),
		T(the_next_value_is_one_above),
		T(odd_names_are_no_counters),
		T(mails_are_listed_with_what_their_letters_mean),
		T(folders_below_are_listed_in_layout_fs),
		T(a_mail_is_read_and_let_go_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
