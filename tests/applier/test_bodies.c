/* Pieces of bodies to files, over a simulated disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bodies.h"
#include "err.h"
#include "os.h"
#include "simdisk.h"

#define DIR "/state/bodies"
#define MANY 40 /* enough to be made durable at once */

static struct simdisk *disk;
static struct os *os;

/* A parcel's sections: pieces point into texts that outlive them. */
static struct parcel_section items[MANY + 1];
static struct parcel_sections sections = {.items = items};
static char texts[MANY][32];

static int setup(void **state)
{
	(void)state;
	disk = simdisk_new(7);
	os = simdisk_os(disk);
	sections.count = 0;
	return dir_make(os, DIR, 0700, NULL);
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(simdisk_open_files(disk), 0);
	simdisk_free(disk);
	return 0;
}

static void add_piece(const char *whole, size_t offset, size_t len)
{
	size_t size = strlen(whole);

	items[sections.count++] = (struct parcel_section){.type = PARCEL_BODY,
		.body = {hash_of(whole, size), size, offset,
			(const uint8_t *)whole + offset, len}};
}

static void add_many(void)
{
	for (size_t i = 0; i < MANY; i++) {
		snprintf(texts[i], sizeof(texts[i]), "Subject: %zu\n", i);
		add_piece(texts[i], 0, strlen(texts[i]));
	}
}

static char *path_of(const char *whole, const char *end)
{
	struct hash hash = hash_of(whole, strlen(whole));
	char hex[HASH_HEX];

	hash_hex(&hash, hex);
	return mem_printf("%s/%s.%s", DIR, hex, end);
}

static bool exists(struct os *on, const char *whole, const char *end)
{
	AUTO_FREE char *path = path_of(whole, end);
	struct os_stat st;

	return on->ops->lstat(on, path, &st) == 0;
}

static void assert_whole(struct os *on, const char *whole)
{
	AUTO_FREE char *path = path_of(whole, "body");
	AUTO_BUF struct buf b = BUF_INIT;

	assert_int_equal(file_read(on, path, 1 << 20, &b, NULL), 0);
	assert_int_equal(b.len, strlen(whole));
	assert_memory_equal(b.data, whole, b.len);
	assert_false(exists(on, whole, "part"));
}

static int take(struct os *on, uint64_t *ret_whole)
{
	struct err err = ERR_INIT;

	*ret_whole = 0;
	return bodies_take(on, DIR, &sections, ret_whole, &err);
}

static void what_was_taken_survives_a_power_cut(void **state)
{
	uint64_t whole;

	(void)state;
	add_many();
	assert_int_equal(take(os, &whole), 0);
	assert_int_equal(whole, MANY);
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 0);
	for (size_t i = 0; i < MANY; i++)
		assert_whole(os, texts[i]);
}

static void few_bodies_survive_it_too(void **state)
{
	uint64_t whole;

	(void)state;
	add_piece("one", 0, 3);
	add_piece("another", 0, 4);
	assert_int_equal(take(os, &whole), 0);
	assert_int_equal(whole, 1);
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 0);
	assert_whole(os, "one");
	assert_true(exists(os, "another", "part"));
	sections.count = 0;
	add_piece("another", 4, 3);
	assert_int_equal(take(os, &whole), 0);
	assert_int_equal(whole, 1);
	assert_whole(os, "another");
}

/* No file has the name of a whole body and other bytes, whatever happened. */
static void assert_none_lies(struct os *on)
{
	for (size_t i = 0; i < MANY; i++)
		if (exists(on, texts[i], "body")) {
			AUTO_FREE char *path = path_of(texts[i], "body");
			AUTO_BUF struct buf b = BUF_INIT;

			assert_int_equal(
				file_read(on, path, 1 << 20, &b, NULL), 0);
			assert_string_equal(buf_str(&b), texts[i]);
		}
}

static void a_power_cut_at_any_call_is_made_good_by_the_same_parcel(
	void **state)
{
	uint64_t whole, before = simdisk_calls(disk);
	struct simdisk *counter = simdisk_clone(disk);

	(void)state;
	add_many();
	assert_int_equal(take(simdisk_os(counter), &whole), 0);
	uint64_t calls = simdisk_calls(counter) - before;
	simdisk_free(counter);
	assert_true(calls > MANY);
	for (uint64_t n = 1; n <= calls; n++) {
		struct simdisk *d = simdisk_clone(disk);

		simdisk_stop_at(d, n);
		assert_true(take(simdisk_os(d), &whole) < 0);
		simdisk_power_cut(d, n);
		assert_none_lies(simdisk_os(d));
		assert_int_equal(take(simdisk_os(d), &whole), 0);
		simdisk_power_cut_mode(d, SIMDISK_ALL_LOST, 0);
		for (size_t i = 0; i < MANY; i++)
			assert_whole(simdisk_os(d), texts[i]);
		simdisk_free(d);
	}
}

static void a_call_that_fails_is_told_and_made_good_later(void **state)
{
	(void)state;
	add_many();
	for (uint64_t n = 1;; n++) {
		struct simdisk *d = simdisk_clone(disk);
		uint64_t whole;

		simdisk_fail_at(d, n, EIO);
		int rc = take(simdisk_os(d), &whole);
		bool met = simdisk_fired(d);
		simdisk_faults_clear(d);
		if (met)
			assert_int_equal(rc, ERR_IO);
		assert_none_lies(simdisk_os(d));
		assert_int_equal(take(simdisk_os(d), &whole), 0);
		simdisk_power_cut_mode(d, SIMDISK_ALL_LOST, 0);
		for (size_t i = 0; i < MANY; i++)
			assert_whole(simdisk_os(d), texts[i]);
		simdisk_free(d);
		if (!met)
			return;
	}
}

static void a_piece_beyond_what_is_here_waits_for_the_one_before(void **state)
{
	uint64_t whole;

	(void)state;
	add_piece("0123456789", 5, 5);
	assert_int_equal(take(os, &whole), 0);
	assert_int_equal(whole, 0);
	assert_false(exists(os, "0123456789", "body"));
	sections.count = 0;
	add_piece("0123456789", 0, 5);
	add_piece("0123456789", 5, 5);
	assert_int_equal(take(os, &whole), 0);
	assert_int_equal(whole, 1);
	assert_whole(os, "0123456789");
}

static void wrong_bytes_get_no_name_and_do_not_stay(void **state)
{
	uint64_t whole;

	(void)state;
	add_piece("true bytes", 0, 10);
	items[0].body.data = (const uint8_t *)"lies lies ";
	assert_int_equal(take(os, &whole), ERR_CORRUPT);
	assert_false(exists(os, "true bytes", "body"));
	assert_false(exists(os, "true bytes", "part"));
	sections.count = 0;
	add_piece("true bytes", 0, 10);
	assert_int_equal(take(os, &whole), 0);
	assert_whole(os, "true bytes");
}

/* Another site said that the body is longer, and sent more. */
static void bytes_too_many_are_wrong_bytes(void **state)
{
	uint64_t whole;

	(void)state;
	add_piece("short and long", 0, 14);
	items[0].body.hash = hash_of("short", 5);
	items[0].body.size = 20;
	assert_int_equal(take(os, &whole), 0);
	sections.count = 0;
	add_piece("short", 0, 5);
	assert_int_equal(take(os, &whole), ERR_CORRUPT);
	assert_int_equal(take(os, &whole), 0);
	assert_whole(os, "short");
}

static void a_body_may_come_twice_in_one_parcel_and_in_two(void **state)
{
	uint64_t whole;

	(void)state;
	add_piece("one", 0, 3);
	add_piece("two", 0, 3);
	add_piece("one", 0, 3);
	assert_int_equal(take(os, &whole), 0);
	assert_int_equal(whole, 2);
	assert_int_equal(take(os, &whole), 0);
	assert_int_equal(whole, 0);
	assert_whole(os, "one");
	assert_whole(os, "two");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_was_taken_survives_a_power_cut),
		T(few_bodies_survive_it_too),
		T(a_power_cut_at_any_call_is_made_good_by_the_same_parcel),
		T(a_call_that_fails_is_told_and_made_good_later),
		T(a_piece_beyond_what_is_here_waits_for_the_one_before),
		T(wrong_bytes_get_no_name_and_do_not_stay),
		T(bytes_too_many_are_wrong_bytes),
		T(a_body_may_come_twice_in_one_parcel_and_in_two),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
