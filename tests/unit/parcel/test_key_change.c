/* Keys that follow others: lines with an origin, files with two keys, changes
 * that both signed, and every step at which making them may end. */
#include "err.h"
#include "key.h"
#include "mem.h"
#include "simdisk.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PATH "/state/key"

static const uint8_t seed_0[32] = {7, 1, 2, 3};
static const uint8_t seed_1[32] = {8, 1, 2, 3};
static const uint8_t seed_2[32] = {9, 1, 2, 3};
static struct key_pair first, second, third, stranger, after_stranger;

static struct simdisk *disk_with_key(void)
{
	struct simdisk *d = simdisk_new(1);
	struct key_pair key;

	assert_int_equal(dir_make(simdisk_os(d), "/state", 0700, NULL), 0);
	assert_int_equal(key_create(simdisk_os(d), PATH, NULL, &key, NULL), 0);
	return d;
}

static void assert_same(const struct key_pair *a, const struct key_pair *b)
{
	assert_true(key_same(&a->pub, &b->pub));
	assert_memory_equal(a->sign_secret, b->sign_secret, 64);
	assert_memory_equal(a->box_secret, b->box_secret, 32);
}

/* Returns what key_load_both does. */
static int load(
	struct simdisk *d, struct key_pair *ret, struct key_pair *ret_former)
{
	struct err err = ERR_INIT;
	int r = key_load_both(simdisk_os(d), PATH, ret, ret_former, &err);

	if (r < 0)
		fail_msg("%s", err.text);
	return r;
}

static void a_later_key_is_of_the_same_origin(void **state)
{
	(void)state;
	assert_true(second.pub.origin == first.pub.origin);
	assert_true(third.pub.origin == first.pub.origin);
	assert_int_equal(first.pub.serial, 0);
	assert_int_equal(second.pub.serial, 1);
	assert_int_equal(third.pub.serial, 2);
	assert_memory_not_equal(second.pub.sign, first.pub.sign, 32);
}

static void no_key_follows_the_last_serial(void **state)
{
	struct key_public last = first.pub;
	struct err err = ERR_INIT;
	struct key_pair key;

	(void)state;
	last.serial = KEY_SERIAL_MAX;
	assert_int_equal(key_after(seed_1, &last, &key, &err), ERR_LIMIT);
}

static void a_later_line_names_origin_and_serial(void **state)
{
	char line[KEY_LINE_MAX];
	struct key_public pub;
	struct err err = ERR_INIT;

	(void)state;
	key_line(&third.pub, line);
	assert_int_equal(strlen(line), 64);
	assert_int_equal(key_parse(line, &pub, &err), 0);
	assert_true(key_same(&pub, &third.pub));
	assert_memory_equal(pub.box, third.pub.box, 32);
	assert_false(key_same(&pub, &second.pub));
}

static void every_changed_character_of_a_later_line_is_noticed(void **state)
{
	char line[KEY_LINE_MAX];
	size_t len;

	(void)state;
	key_line(&third.pub, line);
	len = strlen(line);
	for (size_t i = 0; i < len; i++) {
		char was = line[i];

		line[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(key_parse(line, &(struct key_public){0}, NULL),
			ERR_USAGE);
		line[i] = was;
	}
	for (size_t cut = 48; cut < len; cut++) {
		char was = line[cut];

		line[cut] = '\0';
		assert_int_equal(key_parse(line, &(struct key_public){0}, NULL),
			ERR_USAGE);
		line[cut] = was;
	}
}

static void a_rotated_site_has_two_keys_until_one_is_retired(void **state)
{
	struct simdisk *d = disk_with_key();
	struct os *os = simdisk_os(d);
	struct key_pair key, former, made;
	struct err err = ERR_INIT;
	struct key_pair old;

	(void)state;
	assert_int_equal(load(d, &old, &former), 0);
	assert_int_equal(key_rotate(os, PATH, &made, &err), 0);
	simdisk_power_cut_mode(d, SIMDISK_ALL_LOST, 1);
	assert_int_equal(load(d, &key, &former), 1);
	assert_same(&key, &made);
	assert_same(&former, &old);
	assert_int_equal(key_load(os, PATH, &key, &err), 0);
	assert_same(&key, &made);
	assert_int_equal(key_rotate(os, PATH, &made, &err), ERR_CONFLICT);
	assert_int_equal(key_retire(os, PATH, &err), 0);
	simdisk_power_cut_mode(d, SIMDISK_ALL_LOST, 1);
	assert_int_equal(load(d, &made, &former), 0);
	assert_same(&key, &made);
	assert_int_equal(key_retire(os, PATH, &err), 1);
	assert_int_equal(key_rotate(os, PATH, &made, &err), 0);
	assert_int_equal(made.pub.serial, 2);
	assert_true(made.pub.origin == old.pub.origin);
	simdisk_free(d);
}

/* Of the file that was there somebody may have an open descriptor. */
static void a_retired_secret_is_written_over(void **state)
{
	struct simdisk *d = disk_with_key();
	struct os *os = simdisk_os(d);
	char was[512] = {0}, zeros[512] = {0};
	struct err err = ERR_INIT;
	struct key_pair key;

	(void)state;
	assert_int_equal(key_rotate(os, PATH, &key, &err), 0);
	int fd = os->ops->open(os, PATH, O_RDONLY, 0);
	int64_t len = os->ops->pread(os, fd, was, sizeof(was), 0);
	assert_in_range(len, 200, 400);
	assert_int_equal(key_retire(os, PATH, &err), 0);
	assert_int_equal(os->ops->pread(os, fd, was, sizeof(was), 0), len);
	assert_memory_equal(was, zeros, sizeof(was));
	os->ops->close(os, fd);
	simdisk_free(d);
}

static int rotate(struct os *os)
{
	struct key_pair key;

	return key_rotate(os, PATH, &key, NULL);
}

static int retire(struct os *os)
{
	return key_retire(os, PATH, NULL);
}

/* Cut at every call: one key file or the other, whole, and it can be done
   again. */
static void cut_everywhere(int (*step)(struct os *os), bool rotated)
{
	for (uint64_t n = 1;; n++) {
		struct simdisk *d = disk_with_key();
		struct os *os = simdisk_os(d);
		struct key_pair key, former, again, again_former;

		if (rotated)
			assert_int_equal(rotate(os), 0);
		int before = load(d, &key, &former);
		simdisk_stop_at(d, n);
		int done = step(os);
		simdisk_power_cut(d, n);
		int after = load(d, &again, &again_former);
		if (after == before)
			assert_same(&again, &key);
		else if (rotated)
			assert_same(&again, &key);
		else
			assert_same(&again_former, &key);
		if (done == 0)
			assert_int_not_equal(after, before);
		if (after == before)
			assert_int_equal(step(os), 0);
		simdisk_free(d);
		if (done == 0)
			break;
		assert_true(n < 50);
	}
}

static void a_cut_while_rotating_leaves_all_as_it_was_or_done(void **state)
{
	(void)state;
	cut_everywhere(rotate, false);
}

static void a_cut_while_retiring_leaves_all_as_it_was_or_done(void **state)
{
	(void)state;
	cut_everywhere(retire, true);
}

static void every_flip_and_truncation_of_two_keys_is_refused(void **state)
{
	struct simdisk *d = disk_with_key();
	struct os *os = simdisk_os(d);
	struct key_pair key, former;
	struct os_stat st;

	(void)state;
	assert_int_equal(rotate(os), 0);
	assert_int_equal(os->ops->stat(os, PATH, &st), 0);
	for (int64_t at = 0; at < st.size; at++) {
		uint8_t flip = (uint8_t)(1u << at % 8);

		simdisk_damage(d, PATH, (size_t)at, flip);
		assert_int_equal(key_load_both(os, PATH, &key, &former, NULL),
			ERR_CORRUPT);
		simdisk_damage(d, PATH, (size_t)at, flip);
	}
	assert_int_equal(load(d, &key, &former), 1);
	int fd = os->ops->open(os, PATH, O_RDWR, 0);
	for (int64_t size = st.size - 1; size >= 0; size--) {
		os->ops->ftruncate(os, fd, size);
		assert_int_equal(key_load_both(os, PATH, &key, &former, NULL),
			ERR_CORRUPT);
	}
	os->ops->close(os, fd);
	simdisk_free(d);
}

static void a_lost_key_is_continued_by_its_line(void **state)
{
	struct simdisk *d = simdisk_new(1);
	struct os *os = simdisk_os(d);
	struct err err = ERR_INIT;
	struct key_pair made, loaded, former;

	(void)state;
	assert_int_equal(dir_make(os, "/state", 0700, &err), 0);
	assert_int_equal(key_create(os, PATH, &second.pub, &made, &err), 0);
	assert_int_equal(load(d, &loaded, &former), 0);
	assert_same(&loaded, &made);
	assert_true(made.pub.origin == first.pub.origin);
	assert_int_equal(made.pub.serial, 2);
	simdisk_free(d);
}

static void a_change_is_signed_by_both(void **state)
{
	struct key_change c;
	struct err err = ERR_INIT;

	(void)state;
	key_change_sign(&first, &second, &c);
	assert_true(key_same(&c.from, &first.pub));
	assert_true(key_same(&c.to, &second.pub));
	assert_int_equal(key_change_check(&c, &err), 0);
	for (size_t i = 0; i < KEY_SIGNATURE_SIZE; i++) {
		c.by_from[i] ^= 1;
		assert_int_equal(key_change_check(&c, &err), ERR_AUTH);
		c.by_from[i] ^= 1;
		c.by_to[i] ^= 1;
		assert_int_equal(key_change_check(&c, &err), ERR_AUTH);
		c.by_to[i] ^= 1;
	}
	assert_int_equal(key_change_check(&c, &err), 0);
}

static void a_change_that_one_of_both_did_not_make_is_none(void **state)
{
	struct key_change good, c;
	struct err err = ERR_INIT;

	(void)state;
	key_change_sign(&first, &second, &good);
	/* Somebody says that their key follows ours, */
	key_change_sign(&stranger, &after_stranger, &c);
	c.from = first.pub;
	c.to.origin = first.pub.origin;
	assert_int_equal(key_change_check(&c, &err), ERR_AUTH);
	/* signs with their own what was signed by us, */
	c = good;
	c.to = after_stranger.pub;
	c.to.origin = first.pub.origin;
	assert_int_equal(key_change_check(&c, &err), ERR_AUTH);
	/* says ours is theirs, */
	c = good;
	c.from.origin = c.to.origin = stranger.pub.origin;
	assert_int_equal(key_change_check(&c, &err), ERR_AUTH);
	/* turns it round, or changes the serial. */
	c = good;
	c.from = second.pub;
	c.to = first.pub;
	assert_int_equal(key_change_check(&c, &err), ERR_AUTH);
	c = good;
	c.from.serial++;
	c.to.serial++;
	assert_int_equal(key_change_check(&c, &err), ERR_AUTH);
	c = good;
	c.to.serial++;
	assert_int_equal(key_change_check(&c, &err), ERR_AUTH);
}

static int start(void **state)
{
	static const uint8_t theirs[32] = {66}, next[32] = {67};
	int r = key_start(NULL);

	(void)state;
	key_from_seed(seed_0, &first);
	r |= key_after(seed_1, &first.pub, &second, NULL);
	r |= key_after(seed_2, &second.pub, &third, NULL);
	key_from_seed(theirs, &stranger);
	return r | key_after(next, &stranger.pub, &after_stranger, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_later_key_is_of_the_same_origin),
		cmocka_unit_test(no_key_follows_the_last_serial),
		cmocka_unit_test(a_later_line_names_origin_and_serial),
		cmocka_unit_test(
			every_changed_character_of_a_later_line_is_noticed),
		cmocka_unit_test(
			a_rotated_site_has_two_keys_until_one_is_retired),
		cmocka_unit_test(a_retired_secret_is_written_over),
		cmocka_unit_test(
			a_cut_while_rotating_leaves_all_as_it_was_or_done),
		cmocka_unit_test(
			a_cut_while_retiring_leaves_all_as_it_was_or_done),
		cmocka_unit_test(
			every_flip_and_truncation_of_two_keys_is_refused),
		cmocka_unit_test(a_lost_key_is_continued_by_its_line),
		cmocka_unit_test(a_change_is_signed_by_both),
		cmocka_unit_test(
			a_change_that_one_of_both_did_not_make_is_none),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
