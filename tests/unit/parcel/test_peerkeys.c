/* What a peer says of its keys, and which are taken: announced, done, retired,
 * revoked; said again, late, by a thief; and cut at every step. */
#include "err.h"
#include "parcel.h"
#include "peerkeys.h"
#include "simdisk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define STATE "/state"

/* A site's keys, one after the other, and a thief's after the first. */
static struct key_pair keys[4], thief;

static struct simdisk *disk;

static struct parcel_keys announce(
	const struct key_pair *from, const struct key_pair *to)
{
	static struct key_change change;

	key_change_sign(from, to, &change);
	return (struct parcel_keys){
		.says = true, .retired = from->pub.serial, .change = &change};
}

static int take_as(const struct key_public *configured, bool follow,
	const struct key_pair *sealed, struct parcel_keys said)
{
	struct err err = ERR_INIT;
	int r = peerkeys_take(simdisk_os(disk), STATE, configured, follow, 0,
		&sealed->pub, &said, &err);

	if (r < 0)
		fail_msg("%s", err.text);
	return r;
}

static int take(size_t configured, size_t sealed, struct parcel_keys said)
{
	return take_as(&keys[configured].pub, false, &keys[sealed], said);
}

static struct peerkeys load(void)
{
	struct peerkeys k;
	struct err err = ERR_INIT;

	if (peerkeys_load(
		    simdisk_os(disk), STATE, keys[0].pub.origin, &k, &err) < 0)
		fail_msg("%s", err.text);
	return k;
}

static struct keyring ring_as(const struct key_public *configured, bool follow)
{
	struct peerkeys k = load();
	struct keyring ring;

	peerkeys_ring(configured, follow, &k, &ring);
	return ring;
}

static bool takes(const struct keyring *ring, const struct key_pair *key)
{
	bool any = key_same(&ring->key, &key->pub);

	for (size_t i = 0; i < ring->also_count; i++)
		any |= key_same(&ring->also[i], &key->pub);
	return any;
}

/* Which keys are taken where that one is configured: "0 1". */
static void assert_taken(size_t configured, const char *want)
{
	struct keyring ring = ring_as(&keys[configured].pub, false);
	char got[32] = "";

	assert_true(key_same(&ring.key, &keys[configured].pub));
	for (size_t i = 0; i < 4; i++)
		if (takes(&ring, &keys[i]))
			snprintf(got + strlen(got), 8, "%s%zu", *got ? " " : "",
				i);
	assert_string_equal(got, want);
	assert_false(takes(&ring, &thief) && configured);
}

static void a_peer_that_said_nothing_has_the_configured_key(void **state)
{
	(void)state;
	assert_false(load().there);
	assert_taken(0, "0");
	assert_taken(2, "2");
}

static void an_announced_key_waits_and_both_are_taken(void **state)
{
	(void)state;
	assert_int_equal(take(0, 0, announce(&keys[0], &keys[1])), 1);
	assert_taken(0, "0 1");
	assert_true(ring_as(&keys[0].pub, false).waits);
	/* Said again: an answer is due again, and the operator is. */
	assert_int_equal(take(0, 0, announce(&keys[0], &keys[1])), 1);
	assert_int_equal(load().asked, 2);
	/* The operator puts it into the configuration. */
	assert_taken(1, "0 1");
	assert_false(ring_as(&keys[1].pub, false).waits);
	assert_int_equal(take(1, 1, announce(&keys[0], &keys[1])), 0);
	assert_taken(1, "0 1");
}

static void a_key_that_was_told_before_it_is_announced_is_that_one(void **state)
{
	(void)state;
	assert_taken(1, "1");
	assert_int_equal(take(1, 1, announce(&keys[0], &keys[1])), 0);
	assert_taken(1, "0 1");
}

static void a_retired_key_is_taken_no_more(void **state)
{
	struct parcel_keys gone = {.says = true, .retired = 1};

	(void)state;
	take(1, 1, announce(&keys[0], &keys[1]));
	/* The old key cannot say it of itself. */
	take(1, 0, gone);
	assert_taken(1, "0 1");
	take(1, 1, gone);
	assert_taken(1, "1");
	assert_int_equal(load().retired, 1);
	/* What comes late, or is played again, brings nothing back. */
	take(1, 1, announce(&keys[0], &keys[1]));
	take(1, 1, (struct parcel_keys){.says = true, .retired = 0});
	assert_taken(1, "1");
}

static void what_is_configured_is_taken_whatever_was_said(void **state)
{
	(void)state;
	take(0, 0, announce(&keys[0], &keys[1]));
	take(0, 1, (struct parcel_keys){.says = true, .retired = 1});
	assert_taken(0, "0 1");
}

static void a_revoked_key_is_taken_no_more(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	take(1, 1, announce(&keys[0], &keys[1]));
	assert_int_equal(peerkeys_revoke(simdisk_os(disk), STATE, &keys[1].pub,
				 false, &err),
		0);
	assert_taken(1, "1");
	take(1, 1, announce(&keys[0], &keys[1]));
	assert_taken(1, "1");
}

static void an_older_change_rolls_nothing_back(void **state)
{
	(void)state;
	take(0, 0, announce(&keys[0], &keys[1]));
	take(1, 1, announce(&keys[1], &keys[2]));
	assert_taken(2, "1 2");
	assert_int_equal(take(2, 2, announce(&keys[0], &keys[1])), 0);
	assert_taken(2, "1 2");
	assert_false(load().split_ms);
	/* Nor does one that goes back: it is no change of keys at all. */
	struct key_change back;
	key_change_sign(&keys[2], &keys[1], &back);
	assert_int_equal(key_change_check(&back, NULL), ERR_AUTH);
}

static void a_key_after_one_that_waits_is_the_one_that_waits(void **state)
{
	(void)state;
	take(0, 0, announce(&keys[0], &keys[1]));
	assert_int_equal(take(0, 1, announce(&keys[1], &keys[2])), 1);
	assert_taken(0, "0 2");
	assert_int_equal(take(0, 0, announce(&keys[0], &keys[1])), 1);
	assert_taken(0, "0 2");
}

static void a_change_from_a_key_that_nobody_knows_is_passed_over(void **state)
{
	(void)state;
	assert_int_equal(take(0, 0, announce(&keys[1], &keys[2])), 0);
	assert_taken(0, "0");
}

static void two_keys_after_one_are_told(void **state)
{
	struct keyring ring;
	struct peerkeys k;
	AUTO_BUF struct buf text = BUF_INIT;

	(void)state;
	take(0, 0, announce(&keys[0], &keys[1]));
	assert_int_equal(take(0, 0, announce(&keys[0], &thief)), 1);
	assert_true(load().split_ms != 0);
	ring = ring_as(&keys[0].pub, false);
	assert_false(takes(&ring, &thief));
	k = load();
	peerkeys_tell(&ring, &k, &text);
	assert_non_null(strstr(buf_str(&text), "a thief's"));
	/* The operator knows which one is right, be it the second. */
	ring = ring_as(&thief.pub, false);
	assert_false(takes(&ring, &keys[1]));
	assert_int_equal(peerkeys_revoke(simdisk_os(disk), STATE, &keys[1].pub,
				 false, NULL),
		0);
	assert_true(load().split_ms == 0);
	assert_taken(1, "1");
}

static void a_peer_is_followed_where_that_is_configured(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct keyring ring;

		assert_int_equal(take_as(&keys[0].pub, true, &keys[i],
					 announce(&keys[i], &keys[i + 1])),
			0);
		ring = ring_as(&keys[0].pub, true);
		assert_true(key_same(&ring.key, &keys[i + 1].pub));
		assert_true(takes(&ring, &keys[i]));
		assert_false(ring.waits);
	}
	/* Another in the configuration is the operator's word. */
	struct keyring ring = ring_as(&keys[2].pub, true);
	assert_true(key_same(&ring.key, &keys[3].pub));
	ring = ring_as(&thief.pub, true);
	assert_true(key_same(&ring.key, &thief.pub));
	assert_int_equal(ring.also_count, 0);
}

static void two_keys_after_one_are_told_of_one_that_is_followed(void **state)
{
	(void)state;
	take_as(&keys[0].pub, true, &keys[0], announce(&keys[0], &keys[1]));
	assert_int_equal(take_as(&keys[0].pub, true, &keys[0],
				 announce(&keys[0], &thief)),
		1);
	struct keyring ring = ring_as(&keys[0].pub, true);
	assert_true(key_same(&ring.key, &keys[1].pub));
	assert_false(takes(&ring, &thief));
}

static void an_answer_that_comes_late_says_no_less(void **state)
{
	struct parcel_keys answer = {.answers = true, .uses = 2, .refuses = 1};

	(void)state;
	take(0, 0, answer);
	answer.uses = 1;
	answer.refuses = 0;
	take(0, 0, answer);
	assert_int_equal(load().uses, 2);
	assert_int_equal(load().refuses, 1);
	assert_int_equal(load().asked, 0);
}

static void who_is_new_knows_our_last_key(void **state)
{
	struct parcel_keys said = {.says = true};
	struct err err = ERR_INIT;
	struct peerkeys k = load();

	(void)state;
	assert_true(peerkeys_knows(&k, &keys[2]));
	assert_int_equal(peerkeys_take(simdisk_os(disk), STATE, &keys[0].pub,
				 false, 2, &keys[0].pub, &said, &err),
		0);
	k = load();
	assert_true(peerkeys_knows(&k, &keys[2]));
	assert_false(peerkeys_knows(&k, &keys[3]));
	/* What is known of a peer is not taken for less. */
	assert_int_equal(peerkeys_begin(simdisk_os(disk), STATE,
				 keys[0].pub.origin, 1, &err),
		0);
	assert_int_equal(load().uses, 2);
}

static void a_peer_knows_what_it_knew_when_a_change_begins(void **state)
{
	static const struct key_pair none;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(peerkeys_begin(simdisk_os(disk), STATE,
				 keys[0].pub.origin, 1, &err),
		0);
	struct peerkeys k = load();
	assert_true(peerkeys_knows(&k, &keys[1]));
	assert_false(peerkeys_knows(&k, &keys[2]));
	take(0, 0, (struct parcel_keys){.answers = true, .uses = 2});
	k = load();
	assert_true(peerkeys_knows(&k, &keys[2]));
	assert_false(peerkeys_knows_all(&k, &keys[2], &keys[1]));
	take(0, 0,
		(struct parcel_keys){.answers = true, .uses = 2, .refuses = 1});
	k = load();
	assert_true(peerkeys_knows_all(&k, &keys[2], &keys[1]));
	assert_false(peerkeys_knows_all(&k, &keys[2], &none));
}

static void a_cut_leaves_what_was_known_or_what_was_said(void **state)
{
	(void)state;
	take(0, 0, announce(&keys[0], &keys[1]));
	simdisk_free(disk);
	for (uint64_t n = 1;; n++) {
		struct parcel_keys said = announce(&keys[0], &keys[1]);

		disk = simdisk_new(n);
		assert_int_equal(
			dir_make(simdisk_os(disk), STATE, 0700, NULL), 0);
		simdisk_stop_at(disk, n);
		int done = peerkeys_take(simdisk_os(disk), STATE, &keys[0].pub,
			false, 0, &keys[0].pub, &said, NULL);
		simdisk_power_cut(disk, n);
		assert_int_equal(load().changes || done != 1, 1);
		if (!load().changes)
			assert_taken(0, "0");
		assert_int_equal(take(0, 0, announce(&keys[0], &keys[1])), 1);
		assert_taken(0, "0 1");
		if (done == 1)
			break;
		assert_true(n < 60);
		simdisk_free(disk);
	}
}

static void a_damaged_file_is_refused_by_name(void **state)
{
	struct err err = ERR_INIT;
	struct peerkeys k;
	char path[64];

	(void)state;
	take(0, 0, announce(&keys[0], &keys[1]));
	snprintf(path, sizeof(path), STATE "/keys/%016llx",
		(unsigned long long)keys[0].pub.origin);
	simdisk_damage(disk, path, 40, 1);
	assert_int_equal(peerkeys_load(simdisk_os(disk), STATE,
				 keys[0].pub.origin, &k, &err),
		ERR_CORRUPT);
	assert_non_null(strstr(err.text, "remove it"));
}

static void what_was_said_is_kept_and_said_again_when_damaged(void **state)
{
	struct peerkeys_said said = {.serial = 3,
				     .retired = 2,
				     .ms = 1700000000000,
				     .asked = 9,
				     .uses = 5,
				     .refuses = 4},
			     got;
	uint64_t origin = keys[0].pub.origin;
	struct err err = ERR_INIT;
	char path[64];

	(void)state;
	assert_int_equal(peerkeys_said_save(
				 simdisk_os(disk), STATE, origin, &said, &err),
		0);
	assert_int_equal(
		peerkeys_said_load(simdisk_os(disk), STATE, origin, &got, &err),
		0);
	assert_memory_equal(&got, &said, sizeof(got));
	snprintf(path, sizeof(path), STATE "/keys/%016llx.said",
		(unsigned long long)origin);
	simdisk_damage(disk, path, 30, 1);
	assert_int_equal(
		peerkeys_said_load(simdisk_os(disk), STATE, origin, &got, &err),
		0);
	assert_int_equal(got.serial, 0);
	assert_int_equal(got.ms, 0);
}

static int begin(void **state)
{
	(void)state;
	disk = simdisk_new(1);
	return dir_make(simdisk_os(disk), STATE, 0700, NULL);
}

static int end(void **state)
{
	(void)state;
	simdisk_free(disk);
	return 0;
}

static int start(void **state)
{
	int r = key_start(NULL);

	(void)state;
	key_from_seed((const uint8_t[32]){1}, &keys[0]);
	for (uint8_t i = 1; i < 4; i++)
		r |= key_after((const uint8_t[32]){1, i}, &keys[i - 1].pub,
			&keys[i], NULL);
	return r |
	       key_after((const uint8_t[32]){66}, &keys[0].pub, &thief, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_peer_that_said_nothing_has_the_configured_key),
		TEST(an_announced_key_waits_and_both_are_taken),
		TEST(a_key_that_was_told_before_it_is_announced_is_that_one),
		TEST(a_retired_key_is_taken_no_more),
		TEST(what_is_configured_is_taken_whatever_was_said),
		TEST(a_revoked_key_is_taken_no_more),
		TEST(an_older_change_rolls_nothing_back),
		TEST(a_key_after_one_that_waits_is_the_one_that_waits),
		TEST(a_change_from_a_key_that_nobody_knows_is_passed_over),
		TEST(two_keys_after_one_are_told),
		TEST(a_peer_is_followed_where_that_is_configured),
		TEST(two_keys_after_one_are_told_of_one_that_is_followed),
		TEST(an_answer_that_comes_late_says_no_less),
		TEST(who_is_new_knows_our_last_key),
		TEST(a_peer_knows_what_it_knew_when_a_change_begins),
		TEST(a_cut_leaves_what_was_known_or_what_was_said),
		TEST(a_damaged_file_is_refused_by_name),
		TEST(what_was_said_is_kept_and_said_again_when_damaged),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
