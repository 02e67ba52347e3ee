/* Bodies into parcels, parcels into a bundle, over a simulated disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "err.h"
#include "carrier.h"
#include "lading.h"
#include "medium.h"
#include "oddfs.h"
#include "parcel.h"
#include "simdisk.h"

static struct simdisk *disk;
static struct key_pair ours, peer;
static size_t body_size;

static int setup(void **state)
{
	(void)state;
	disk = simdisk_new(5);
	key_from_seed((const uint8_t[32]){'a'}, &ours);
	key_from_seed((const uint8_t[32]){'b'}, &peer);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(simdisk_open_files(disk), 0);
	simdisk_free(disk);
	return 0;
}

/* A body of body_size bytes for every hash: its own, over and over. */
static int give_body(void *arg, const char *account, const struct hash *hash,
	uint64_t offset, size_t max, struct buf *ret, uint64_t *ret_size,
	struct err *err)
{
	size_t left = body_size - (size_t)offset;

	(void)arg, (void)account, (void)err;
	*ret_size = body_size;
	for (size_t i = 0; i < left && i < max; i++)
		buf_add_byte(ret, hash->b[(offset + i) % HASH_SIZE]);
	return 0;
}

static struct hash name_of(size_t i)
{
	return hash_of(&i, sizeof(i));
}

/* What a lading of `count` bodies becomes; every parcel opens and parses. */
static struct handover_result lade(size_t count, size_t *ret_bodies)
{
	static const char *const accounts[] = {"alice"};
	struct handover_result result = {0};
	struct handover_config config = {.os = simdisk_os(disk),
		.self = &ours,
		.peer = &peer.pub,
		.level = PARCEL_FAST,
		.accounts = accounts,
		.account_count = 1,
		.body = give_body};
	struct os *os = simdisk_os(disk);
	struct err err = ERR_INIT;
	struct lading l;
	int fd = os->ops->open(os, "/bundle", O_RDWR | O_CREAT, 0600);

	assert_true(fd >= 0);
	lading_begin(&l, &config, &result);
	lading_open_fd(&l, fd, "/bundle");
	for (size_t i = 0; i < count; i++) {
		struct hash name = name_of(i);

		assert_int_equal(lading_want(&l, 0, &name, body_size, 0), 0);
		assert_int_equal(lading_want(&l, 0, &name, body_size, 0), 1);
	}
	int rc = lading_finish(&l, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(rc, 0);
	lading_end(&l);

	AUTO_BUF struct buf parcel = BUF_INIT;
	struct bundle_reader *reader;
	assert_int_equal(
		bundle_reader_open(os, fd, "/bundle", &reader, &err), 0);
	*ret_bodies = 0;
	for (uint64_t i = 0; i < result.parcels; i++) {
		AUTO_BUF struct buf raw = BUF_INIT;
		struct parcel_sections sections;
		size_t sender;

		assert_int_equal(bundle_reader_next(reader, &parcel, &err), 1);
		assert_int_equal(
			parcel_open(&peer, NULL, &ours.pub, 1, parcel.data,
				parcel.len, &sender, &raw, &err),
			0);
		assert_int_equal(parcel_parse(ours.pub.origin, raw.data,
					 raw.len, &sections, &err),
			0);
		*ret_bodies += sections.count;
		parcel_sections_free(&sections);
	}
	assert_int_equal(bundle_reader_next(reader, &parcel, &err), 0);
	bundle_reader_close(reader);
	os->ops->close(os, fd);
	return result;
}

static void bodies_fill_parcels_of_a_few_mebibytes(void **state)
{
	struct handover_result r;
	size_t count;

	(void)state;
	body_size = 300000;
	r = lade(30, &count);
	assert_int_equal(count, 30);
	assert_int_equal(r.bodies, 30);
	assert_true(r.parcels >= 2 && r.parcels <= 4);
}

static void a_large_body_goes_in_pieces_through_several_parcels(void **state)
{
	struct handover_result r;
	size_t count;

	(void)state;
	body_size = 10 << 20;
	r = lade(1, &count);
	assert_int_equal(r.bodies, 1);
	assert_int_equal(count, 10);
	assert_true(r.parcels >= 3 && r.parcels <= 5);
}

/* So short that the parcel's number of sections is reached first. */
static void more_bodies_than_a_parcel_may_hold_go_into_the_next(void **state)
{
	struct handover_result r;
	size_t count;

	(void)state;
	body_size = 1;
	r = lade(PARCEL_SECTIONS_MAX + 10, &count);
	assert_int_equal(count, PARCEL_SECTIONS_MAX + 10);
	assert_int_equal(r.parcels, 2);
}

#define STICK "/stick"
#define STICK_TOTAL (64 << 20)

/* Six bodies of 1 MB for a stick with so much free. */
static struct handover_result lade_stick(
	uint64_t free_bytes, bool oneway, int *ret_rc)
{
	static const char *const accounts[] = {"alice"};
	struct handover_result result = {0};
	struct handover_config config = {.os = simdisk_os(disk),
		.self = &ours,
		.peer = &peer.pub,
		.level = PARCEL_FAST,
		.accounts = accounts,
		.account_count = 1,
		.oneway = oneway,
		.body = give_body};
	struct carrier_list lying = {0};
	struct carrier *carrier = NULL;
	struct err err = ERR_INIT;
	struct lading l;

	body_size = 1000000;
	assert_int_equal(dir_make(simdisk_os(disk), STICK, 0755, &err), 0);
	assert_int_equal(carrier_media_init(simdisk_os(disk), STICK, &err), 0);
	assert_int_equal(
		carrier_open(&(struct carrier_place){.os = simdisk_os(disk),
				     .self = ours.pub.origin},
			"dir:" STICK, &carrier, &err),
		0);
	simdisk_set_space(disk, free_bytes, STICK_TOTAL);
	lading_begin(&l, &config, &result);
	lading_open_carrier(&l, carrier, &lying);
	for (size_t i = 0; i < 6; i++) {
		struct hash name = name_of(i);

		lading_want(&l, 0, &name, body_size, 0);
	}
	*ret_rc = lading_finish(&l, &err);
	lading_end(&l);
	carrier->ops->close(carrier);
	return result;
}

static void bodies_without_room_stay_behind(void **state)
{
	int rc;
	struct handover_result r = lade_stick(4 << 20, false, &rc);

	(void)state;
	assert_int_equal(rc, 0);
	assert_int_equal(r.bodies, 3);
	assert_int_equal(r.left, 3);
	assert_int_equal(r.left_bytes, 3000000);
	assert_true(r.size > 0);
}

static void where_all_have_room_none_stays(void **state)
{
	int rc;
	struct handover_result r = lade_stick(16 << 20, false, &rc);

	(void)state;
	assert_int_equal(rc, 0);
	assert_int_equal(r.bodies, 6);
	assert_int_equal(r.left, 0);
}

static void a_full_stick_takes_no_body_and_is_no_failure(void **state)
{
	int rc;
	struct handover_result r = lade_stick(700000, false, &rc);

	(void)state;
	assert_int_equal(rc, 0);
	assert_int_equal(r.left, 6);
	assert_int_equal(r.size, 0);
}

static void a_peer_that_never_asks_gets_all_or_nothing(void **state)
{
	int rc;
	struct handover_result r = lade_stick(4 << 20, true, &rc);

	(void)state;
	assert_int_equal(rc, ERR_IO);
	assert_int_equal(r.size, 0);
	assert_int_equal(r.left, 0);
}

/* ---- a medium of small files ---- */

#define FILE_MAX (8u << 20)
#define MANY 30

static size_t bodies_there; /* the next cannot be read */

/* As give_body, but nothing that can be compressed. */
static int give_noise(void *arg, const char *account, const struct hash *hash,
	uint64_t offset, size_t max, struct buf *ret, uint64_t *ret_size,
	struct err *err)
{
	size_t left = body_size - (size_t)offset;
	uint64_t noise;

	(void)arg, (void)account;
	if (!bodies_there--)
		return err_set(err, ERR_IO, "a disk that fails");
	*ret_size = body_size;
	memcpy(&noise, hash->b, sizeof(noise));
	for (size_t i = 0; i < left && i < max; i++) {
		noise ^= noise << 13;
		noise ^= noise >> 7;
		noise ^= noise << 17;
		buf_add_byte(ret, (uint8_t)noise);
	}
	return 0;
}

struct laden {
	struct handover_result result;
	struct carrier_list list; /* what lies on the medium */
	uint64_t first, last;	  /* sequences noted for the bodies */
	int rc;
};

/* The link has a budget: all that is spent of it. */
static uint64_t budget, spent;

static int spend(void *arg, uint64_t bytes, struct err *err)
{
	(void)arg, (void)err;
	spent += bytes;
	return 0;
}

static struct laden lade_many(
	uint64_t bundle_max, uint64_t file_max, size_t readable, bool oneway)
{
	static const char *const accounts[] = {"alice"};
	struct oddfs odd = oddfs_over(simdisk_os(disk));
	struct handover_config config = {.os = simdisk_os(disk),
		.self = &ours,
		.peer = &peer.pub,
		.level = PARCEL_FAST,
		.bundle_max = bundle_max,
		.accounts = accounts,
		.account_count = 1,
		.oneway = oneway,
		.budgeted = budget,
		.budget = budget,
		.spend = spend,
		.body = give_noise};
	struct carrier_list lying = {0};
	struct carrier *carrier = NULL;
	struct err err = ERR_INIT;
	struct laden ret = {0};
	struct lading l;

	body_size = 1000000;
	bodies_there = readable;
	odd.file_max = file_max;
	assert_int_equal(dir_make(simdisk_os(disk), STICK, 0755, &err), 0);
	assert_true(carrier_media_init(simdisk_os(disk), STICK, &err) >= 0);
	assert_int_equal(carrier_open(&(struct carrier_place){.os = &odd.os,
					      .self = ours.pub.origin},
				 "dir:" STICK, &carrier, &err),
		0);
	assert_int_equal(
		carrier->ops->list(carrier, peer.pub.origin, &lying, &err), 0);
	lading_begin(&l, &config, &ret.result);
	lading_open_carrier(&l, carrier, &lying);
	carrier_list_free(&lying);
	for (size_t i = 0; i < MANY; i++) {
		struct hash name = name_of(i);

		lading_want(&l, 0, &name, body_size, 0);
	}
	ret.rc = lading_finish(&l, &err);
	if (ret.rc < 0)
		lading_undo(&l);
	ret.first = l.bodies[0].sequence;
	ret.last = l.bodies[MANY - 1].sequence;
	lading_end(&l);
	assert_int_equal(
		carrier->ops->list(carrier, peer.pub.origin, &ret.list, &err),
		0);
	carrier->ops->close(carrier);
	return ret;
}

static void check_small(const struct laden *l)
{
	uint64_t size = 0;

	assert_int_equal(l->rc, 0);
	assert_int_equal(l->result.bodies, MANY);
	assert_int_equal(l->result.bundles, l->list.count);
	assert_true(l->list.count >= 4 && l->list.count <= 8);
	for (size_t i = 0; i < l->list.count; i++) {
		assert_true(l->list.items[i].size <= FILE_MAX);
		size += l->list.items[i].size;
	}
	assert_int_equal(size, l->result.size);
	assert_int_equal(l->first, l->list.items[0].sequence);
	assert_int_equal(l->last, l->list.items[l->list.count - 1].sequence);
}

static void what_a_budget_has_no_room_for_stays_behind(void **state)
{
	(void)state;
	for (budget = 1000; budget < 33000000; budget *= 3) {
		spent = 0;
		struct laden l = lade_many(FILE_MAX, 0, MANY, false);

		assert_int_equal(l.rc, 0);
		assert_int_equal(
			spent, l.result.size +
				       l.result.bundles * MEDIUM_MANIFEST_SIZE);
		assert_true(spent <= budget);
		/* Part of a body goes, too: nearly all of it is used. */
		if (budget > 40000 && l.result.left)
			assert_true(spent + 20000 > budget);
		assert_int_equal(l.result.bodies + l.result.left, MANY);
		assert_int_equal(l.result.over_budget, l.result.left > 0);
		assert_int_equal(l.last != 0, l.result.left == 0);
		for (size_t i = 0; i < l.list.count; i++)
			spent -= l.list.items[i].size + MEDIUM_MANIFEST_SIZE;
		assert_int_equal(spent, 0);
		carrier_list_free(&l.list);
		teardown(NULL);
		setup(NULL);
	}
	budget = 0;
}

static void a_one_way_peer_gets_all_or_nothing_of_a_budget(void **state)
{
	(void)state;
	budget = 5000000;
	struct laden l = lade_many(0, 0, MANY, true);

	assert_int_equal(l.rc, ERR_ABSENT);
	assert_int_equal(l.list.count, 0);
	assert_int_equal(l.result.size, 0);
	carrier_list_free(&l.list);
	budget = 33000000;
	l = lade_many(0, 0, MANY, true);
	assert_int_equal(l.rc, 0);
	assert_int_equal(l.list.count, 1);
	carrier_list_free(&l.list);
	budget = 0;
}

/* What was told in the parcels that have room is noted, and nothing behind. */
static void changes_that_have_no_room_are_not_taken_for_told(void **state)
{
	static const char *const accounts[] = {"alice"};
	struct handover_config config = {.self = &ours,
		.peer = &peer.pub,
		.level = PARCEL_FAST,
		.accounts = accounts,
		.account_count = 1,
		.budgeted = true};
	struct parcel_want wants[100];
	struct parcel_ack ack = {.account = "alice",
		.wants = wants,
		.want_count = 100,
		.count = 1};

	(void)state;
	for (size_t i = 0; i < 100; i++)
		wants[i] = (struct parcel_want){.hash = name_of(i)};
	for (config.budget = 0; config.budget < 90000; config.budget += 3001) {
		struct os *os = simdisk_os(disk);
		struct handover_result result = {0};
		struct carrier_list lying = {0};
		struct carrier *carrier = NULL;
		struct err err = ERR_INIT;
		size_t told = 0;
		struct lading l;

		config.os = os;
		assert_int_equal(dir_make(os, STICK, 0755, &err), 0);
		assert_true(carrier_media_init(os, STICK, &err) >= 0);
		assert_int_equal(carrier_open(&(struct carrier_place){.os = os,
						      .self = ours.pub.origin},
					 "dir:" STICK, &carrier, &err),
			0);
		lading_begin(&l, &config, &result);
		lading_open_carrier(&l, carrier, &lying);
		for (size_t i = 0; i < 20; i++) {
			assert_int_equal(lading_ack(&l, &ack, &err), 0);
			result.acks++;
			lading_told(&l, &(struct lading_told){0, 1, 1, 0});
		}
		assert_int_equal(lading_finish(&l, &err), 0);
		while (told < 20 && l.told[told].sequence)
			told++;
		assert_int_equal(result.acks, told);
		for (size_t i = told; i < 20; i++)
			assert_int_equal(l.told[i].sequence, 0);
		assert_int_equal(result.over_budget, told < 20);
		assert_true(
			result.size + result.bundles * MEDIUM_MANIFEST_SIZE <=
			config.budget);
		assert_int_equal(result.size > 0, told > 0);
		if (config.budget > 80000)
			assert_int_equal(told, 20);
		lading_end(&l);
		carrier->ops->close(carrier);
		teardown(NULL);
		setup(NULL);
	}
}

static void what_is_too_large_for_a_file_goes_into_several(void **state)
{
	struct laden l = lade_many(FILE_MAX, 0, MANY, false);

	(void)state;
	check_small(&l);
	carrier_list_free(&l.list);
}

static void the_file_system_says_how_large_a_file_may_be(void **state)
{
	struct laden l = lade_many(0, FILE_MAX, MANY, false);

	(void)state;
	check_small(&l);
	carrier_list_free(&l.list);
	l = lade_many(0, 0, MANY, false);
	assert_int_equal(l.result.bundles, 1);
	carrier_list_free(&l.list);
}

static void what_was_whole_before_a_failure_stays_on_the_medium(void **state)
{
	struct laden l = lade_many(FILE_MAX, 0, MANY - 5, false);

	(void)state;
	assert_int_equal(l.rc, ERR_IO);
	assert_true(l.list.count >= 2);
	assert_int_equal(l.result.bundles, l.list.count);
	assert_int_equal(l.list.part_count, 0);
	assert_int_equal(l.first, l.list.items[0].sequence);
	assert_int_equal(l.last, 0);
	carrier_list_free(&l.list);
}

static void to_a_peer_that_never_asks_nothing_of_it_stays(void **state)
{
	struct laden l = lade_many(FILE_MAX, 0, MANY - 5, true);

	(void)state;
	assert_int_equal(l.rc, ERR_IO);
	assert_int_equal(l.list.count, 0);
	assert_int_equal(l.list.part_count, 0);
	assert_int_equal(l.result.size, 0);
	assert_int_equal(l.first, 0);
	carrier_list_free(&l.list);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(bodies_fill_parcels_of_a_few_mebibytes),
		T(a_large_body_goes_in_pieces_through_several_parcels),
		T(more_bodies_than_a_parcel_may_hold_go_into_the_next),
		T(bodies_without_room_stay_behind),
		T(where_all_have_room_none_stays),
		T(a_full_stick_takes_no_body_and_is_no_failure),
		T(a_peer_that_never_asks_gets_all_or_nothing),
		T(what_is_too_large_for_a_file_goes_into_several),
		T(the_file_system_says_how_large_a_file_may_be),
		T(what_was_whole_before_a_failure_stays_on_the_medium),
		T(to_a_peer_that_never_asks_nothing_of_it_stays),
		T(what_a_budget_has_no_room_for_stays_behind),
		T(a_one_way_peer_gets_all_or_nothing_of_a_budget),
		T(changes_that_have_no_room_are_not_taken_for_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
