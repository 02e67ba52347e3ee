/* key: lines that are taken and lines that are not, files on a simulated
 * disk that fails and forgets. */
#include "err.h"
#include "hash.h"
#include "key.h"
#include "mem.h"
#include "simdisk.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PATH "/state/key"
#define FILE_SIZE 144u

static const uint8_t seed[32] = {7, 1, 2, 3};

static struct simdisk *disk_with_state(void)
{
	struct simdisk *d = simdisk_new(1);
	struct err err = ERR_INIT;

	assert_int_equal(dir_make(simdisk_os(d), "/state", 0700, &err), 0);
	return d;
}

static void assert_same(const struct key_pair *a, const struct key_pair *b)
{
	assert_memory_equal(a->pub.sign, b->pub.sign, 32);
	assert_memory_equal(a->pub.box, b->pub.box, 32);
	assert_memory_equal(a->sign_secret, b->sign_secret, 64);
	assert_memory_equal(a->box_secret, b->box_secret, 32);
	assert_true(a->pub.origin == b->pub.origin);
}

static void a_seed_gives_the_same_pair_for_ever(void **state)
{
	struct key_pair a, b;
	char line[KEY_LINE_MAX];

	(void)state;
	key_from_seed(seed, &a);
	key_from_seed(seed, &b);
	assert_same(&a, &b);
	key_line(&a.pub, line);
	assert_string_equal(
		line, "pb1:ktg3O9uQopZ5HFBt6EGIhM5ELVyrePIuEA0WIE3xHrs");
	assert_true(a.pub.origin == 0x1c8116dbbffa943e);
}

static void origin_is_the_hash_of_the_public_key(void **state)
{
	struct key_pair key;
	uint8_t hash[32];
	uint64_t origin = 0;

	(void)state;
	key_from_seed(seed, &key);
	hash_long(hash, sizeof(hash), key.pub.sign, 32, NULL, 0);
	for (int i = 7; i >= 0; i--)
		origin = origin << 8 | hash[i];
	assert_true(key.pub.origin == origin);
}

static void a_line_is_parsed_back(void **state)
{
	struct err err = ERR_INIT;
	struct key_public pub;
	struct key_pair key;
	char line[KEY_LINE_MAX];

	(void)state;
	key_from_seed(seed, &key);
	key_line(&key.pub, line);
	assert_int_equal(strlen(line), 47);
	assert_int_equal(key_parse(line, &pub, &err), 0);
	assert_memory_equal(pub.sign, key.pub.sign, 32);
	assert_memory_equal(pub.box, key.pub.box, 32);
	assert_true(pub.origin == key.pub.origin);
}

static void what_is_no_key_line_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char *line, *reason;
	} bad[] = {
		{"", "begin"},
		{"pb2:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "begin"},
		{"pb1:", "4 characters"},
		{"pb1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "46 char"},
		{"pb1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
			"49 char"},
		{"pb1:AAAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAAAAA", "base64"},
		{"pb1:AAAAAAAAAAAAAAAAAAAAA_AAAAAAAAAAAAAAAAAAAAA", "base64"},
		/* bits beyond the key in the last character */
		{"pb1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", "base64"},
		/* small order */
		{"pb1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "no publ"},
		{"pb1:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "no publ"},
		/* no point of the curve */
		{"pb1:AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "no publ"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = ERR_INIT;
		struct key_public pub;

		assert_int_equal(key_parse(bad[i].line, &pub, &err), ERR_USAGE);
		if (!strstr(err.text, bad[i].reason))
			fail_msg("%s: %s", bad[i].line, err.text);
	}
}

static void a_created_key_is_loaded_and_private(void **state)
{
	struct simdisk *d = disk_with_state();
	struct os *os = simdisk_os(d);
	struct err err = ERR_INIT;
	struct key_pair made, loaded;
	struct os_stat st;

	(void)state;
	assert_int_equal(key_create(os, PATH, NULL, &made, &err), 0);
	simdisk_power_cut_mode(d, SIMDISK_ALL_LOST, 1);
	assert_int_equal(key_load(os, PATH, &loaded, &err), 0);
	assert_same(&made, &loaded);
	assert_int_equal(os->ops->stat(os, PATH, &st), 0);
	assert_int_equal(st.mode & 07777, 0600);
	assert_int_equal(st.size, FILE_SIZE);
	assert_int_equal(os->ops->stat(os, PATH ".new", &st), -ENOENT);
	simdisk_free(d);
}

static void a_key_file_is_the_text_of_the_format(void **state)
{
	struct simdisk *d = disk_with_state();
	AUTO_BUF struct buf bytes = BUF_INIT;
	AUTO_FREE char *want = NULL;
	struct err err = ERR_INIT;
	char line[KEY_LINE_MAX], secret[65];
	struct key_pair key;

	(void)state;
	assert_int_equal(key_create(simdisk_os(d), PATH, NULL, &key, &err), 0);
	assert_int_equal(file_read(simdisk_os(d), PATH, 1000, &bytes, &err), 0);
	key_line(&key.pub, line);
	hex_encode(key.sign_secret, 32, secret);
	want = mem_printf(
		"packetboat-key 1\npublic %s\nsecret %s\n", line, secret);
	assert_string_equal(buf_str(&bytes), want);
	simdisk_free(d);
}

static void a_key_is_never_replaced(void **state)
{
	struct simdisk *d = disk_with_state();
	struct err err = ERR_INIT;
	struct key_pair made, other, loaded;

	(void)state;
	assert_int_equal(key_create(simdisk_os(d), PATH, NULL, &made, &err), 0);
	assert_int_equal(key_create(simdisk_os(d), PATH, NULL, &other, &err),
		ERR_CONFLICT);
	assert_int_equal(key_load(simdisk_os(d), PATH, &loaded, &err), 0);
	assert_same(&made, &loaded);
	simdisk_free(d);
}

/* Another init that makes its key just before ours is given its name. */
static void make_theirs(void *ctx, const char *call, const char *path)
{
	struct simdisk *d = ctx;

	(void)path;
	if (strcmp(call, "link") == 0)
		simdisk_put(d, PATH, "theirs", 6);
}

static void a_key_made_meanwhile_is_not_replaced_either(void **state)
{
	struct simdisk *d = disk_with_state();
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;
	struct key_pair key;

	(void)state;
	simdisk_hook(d, make_theirs, d);
	assert_int_equal(key_create(simdisk_os(d), PATH, NULL, &key, &err),
		ERR_CONFLICT);
	simdisk_hook(d, NULL, NULL);
	assert_int_equal(file_read(simdisk_os(d), PATH, 1000, &bytes, &err), 0);
	assert_memory_equal(bytes.data, "theirs", 6);
	simdisk_free(d);
}

static void a_kill_leaves_no_secret_under_another_name_for_long(void **state)
{
	bool fired = true;

	(void)state;
	for (uint64_t n = 1; fired; n++) {
		struct simdisk *d = disk_with_state();
		struct os *os = simdisk_os(d);
		struct err err = ERR_INIT;
		struct key_pair key;
		struct os_stat st;
		int r;

		simdisk_stop_at(d, n);
		key_create(os, PATH, NULL, &key, &err);
		fired = simdisk_fired(d);
		simdisk_kill(d);
		simdisk_faults_clear(d);
		r = key_create(os, PATH, NULL, &key, &err);
		assert_true(r == 0 || r == ERR_CONFLICT);
		assert_int_equal(key_load(os, PATH, &key, &err), 0);
		assert_int_equal(os->ops->stat(os, PATH ".new", &st), -ENOENT);
		assert_int_equal(
			os->ops->stat(os, PATH ".new.tmp", &st), -ENOENT);
		simdisk_free(d);
	}
}

static void a_cut_while_creating_leaves_no_key_or_a_whole_one(void **state)
{
	(void)state;
	for (uint64_t n = 1;; n++) {
		struct simdisk *d = disk_with_state();
		struct os *os = simdisk_os(d);
		struct err err = ERR_INIT;
		struct key_pair key;
		int made, r;

		simdisk_stop_at(d, n);
		made = key_create(os, PATH, NULL, &key, &err);
		simdisk_power_cut(d, n);
		r = key_load(os, PATH, &key, &err);
		if (made == 0)
			assert_int_equal(r, 0);
		if (r < 0) {
			assert_int_equal(r, ERR_ABSENT);
			assert_int_equal(
				key_create(os, PATH, NULL, &key, &err), 0);
		}
		simdisk_free(d);
		if (made == 0)
			break;
		assert_true(n < 50);
	}
}

static void any_failing_call_is_reported_and_leaves_no_open_file(void **state)
{
	static const int errors[] = {EIO, ENOSPC};

	(void)state;
	for (uint64_t n = 1; n < 20; n++) {
		struct simdisk *d = disk_with_state();
		struct err err = ERR_INIT;
		struct key_pair key;

		simdisk_fail_at(d, n, errors[n % 2]);
		if (key_create(simdisk_os(d), PATH, NULL, &key, &err) < 0)
			assert_true(err.code == ERR_IO && err.text[0] != '\0');
		assert_int_equal(simdisk_open_files(d), 0);
		simdisk_free(d);
	}
}

static void a_key_that_others_may_read_is_refused(void **state)
{
	static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0644};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct simdisk *d = disk_with_state();
		struct os *os = simdisk_os(d);
		struct err err = ERR_INIT;
		struct key_pair key;
		int fd;

		assert_int_equal(key_create(os, PATH, NULL, &key, &err), 0);
		fd = os->ops->open(os, PATH, O_RDWR, 0);
		os->ops->fchmod(os, fd, modes[i]);
		os->ops->close(os, fd);
		assert_int_equal(key_load(os, PATH, &key, &err), ERR_AUTH);
		assert_non_null(strstr(err.text, "chmod"));
		simdisk_free(d);
	}
}

static void an_absent_key_is_absent(void **state)
{
	struct simdisk *d = disk_with_state();
	struct err err = ERR_INIT;
	struct key_pair key;

	(void)state;
	assert_int_equal(key_load(simdisk_os(d), PATH, &key, &err), ERR_ABSENT);
	simdisk_free(d);
}

static void every_flip_and_truncation_of_a_key_file_is_refused(void **state)
{
	struct simdisk *d = disk_with_state();
	struct os *os = simdisk_os(d);
	struct err err = ERR_INIT;
	struct key_pair key;
	int fd;

	(void)state;
	assert_int_equal(key_create(os, PATH, NULL, &key, &err), 0);
	for (size_t at = 0; at < FILE_SIZE; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			uint8_t flip = (uint8_t)(1u << bit);

			simdisk_damage(d, PATH, at, flip);
			assert_int_equal(
				key_load(os, PATH, &key, &err), ERR_CORRUPT);
			simdisk_damage(d, PATH, at, flip);
		}
	}
	assert_int_equal(key_load(os, PATH, &key, &err), 0);
	fd = os->ops->open(os, PATH, O_RDWR, 0);
	for (int64_t size = FILE_SIZE - 1; size >= 0; size--) {
		os->ops->ftruncate(os, fd, size);
		assert_int_equal(key_load(os, PATH, &key, &err), ERR_CORRUPT);
	}
	os->ops->ftruncate(os, fd, FILE_SIZE + 1);
	assert_int_equal(key_load(os, PATH, &key, &err), ERR_CORRUPT);
	os->ops->close(os, fd);
	simdisk_free(d);
}

static void a_wiped_key_is_zeros(void **state)
{
	static const struct key_pair zeros;
	struct key_pair key;

	(void)state;
	key_from_seed(seed, &key);
	key_wipe(&key);
	assert_memory_equal(&key, &zeros, sizeof(key));
}

static int start(void **state)
{
	(void)state;
	return key_start(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_gives_the_same_pair_for_ever),
		cmocka_unit_test(origin_is_the_hash_of_the_public_key),
		cmocka_unit_test(a_line_is_parsed_back),
		cmocka_unit_test(
			what_is_no_key_line_is_refused_with_the_reason),
		cmocka_unit_test(a_created_key_is_loaded_and_private),
		cmocka_unit_test(a_key_file_is_the_text_of_the_format),
		cmocka_unit_test(a_key_is_never_replaced),
		cmocka_unit_test(a_key_made_meanwhile_is_not_replaced_either),
		cmocka_unit_test(
			a_kill_leaves_no_secret_under_another_name_for_long),
		cmocka_unit_test(
			a_cut_while_creating_leaves_no_key_or_a_whole_one),
		cmocka_unit_test(
			any_failing_call_is_reported_and_leaves_no_open_file),
		cmocka_unit_test(a_key_that_others_may_read_is_refused),
		cmocka_unit_test(an_absent_key_is_absent),
		cmocka_unit_test(
			every_flip_and_truncation_of_a_key_file_is_refused),
		cmocka_unit_test(a_wiped_key_is_zeros),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
