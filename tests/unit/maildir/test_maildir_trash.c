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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
