/* What a live link brings, into an inbox on a simulated disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "err.h"
#include "landing.h"
#include "parcel.h"
#include "simdisk.h"

#define INBOX "/state/inbox/a"
#define BODIES "/state/bodies"
#define SIZE 20000u
#define STEP 4000u

static struct key_pair ours, peer;
static uint8_t bytes[SIZE];

static struct simdisk *fresh(void)
{
	struct simdisk *d = simdisk_new(3);
	struct os *os = simdisk_os(d);

	assert_int_equal(dir_make(os, INBOX, 0700, NULL), 0);
	assert_int_equal(dir_make(os, BODIES, 0700, NULL), 0);
	return d;
}

static int open_at(struct simdisk *d, struct landing *l, struct err *err)
{
	struct landing_config config = {
		.space = {.os = simdisk_os(d), .state_dir = "/state"},
		.self = &ours,
		.peer = &peer.pub,
		.inbox = INBOX,
		.bodies = BODIES};

	return landing_open(&config, l, err);
}

static struct hash name_of_bytes(void)
{
	return hash_of(bytes, SIZE);
}

/* Pieces from offset to end. */
static int land(struct landing *l, uint64_t from, uint64_t end, struct err *err)
{
	int rc = 0;

	for (uint64_t at = from; at < end && rc >= 0; at += STEP) {
		uint64_t len = end - at < STEP ? end - at : STEP;
		struct link_piece piece = {.name = name_of_bytes(),
			.size = SIZE,
			.offset = at,
			.data = bytes + at,
			.len = (size_t)len,
			.last = at + len == SIZE};

		rc = landing_piece(l, &piece, err);
	}
	return rc;
}

/* Parcels in the inbox; each opens to contents that begin as bytes do. */
static size_t parcels(struct simdisk *d)
{
	struct os *os = simdisk_os(d);
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0, count = 0;

	assert_int_equal(os->ops->list(os, INBOX, &list), 0);
	while (os_list_next(&list, &at, &entry)) {
		AUTO_FREE char *path = mem_printf(INBOX "/%s", entry.name);
		AUTO_BUF struct buf parcel = BUF_INIT, sections = BUF_INIT;
		struct err err = ERR_INIT;
		size_t who;

		if (!strstr(entry.name, ".parcel"))
			continue;
		assert_int_equal(
			file_read(os, path, PARCEL_SEALED_MAX, &parcel, &err),
			0);
		assert_int_equal(
			parcel_open(&ours, NULL, &peer.pub, 1, parcel.data,
				parcel.len, &who, &sections, &err),
			0);
		assert_memory_equal(sections.data, bytes + 1, sections.len);
		count++;
	}
	return count;
}

static uint64_t has(struct landing *l, const struct hash *name)
{
	struct link_have have[LINK_HAVE_MAX];
	size_t count;

	assert_int_equal(landing_have(l, have, &count, NULL), 0);
	for (size_t i = 0; i < count; i++)
		if (memcmp(&have[i].name, name, sizeof(*name)) == 0)
			return have[i].len;
	return 0;
}

static void an_item_becomes_the_parcel_that_its_sender_would_have_sealed(
	void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct simdisk *d = fresh();
		struct landing l;

		assert_int_equal(open_at(d, &l, NULL), 0);
		assert_int_equal(landing_item(&l, bytes, 100, NULL), 0);
		assert_int_equal(landing_item(&l, bytes, SIZE, NULL), 0);
		assert_int_equal(parcels(d), 2);
		/* Durable at once. */
		landing_close(&l);
		simdisk_power_cut(d, seed);
		assert_int_equal(parcels(d), 2);
		simdisk_free(d);
	}
}

static void a_part_goes_on_on_the_next_connection(void **state)
{
	struct simdisk *d = fresh();
	struct hash name = name_of_bytes();
	struct err err = ERR_INIT;
	struct landing l;

	(void)state;
	assert_int_equal(open_at(d, &l, NULL), 0);
	assert_int_equal(land(&l, 0, 9000, NULL), 0);
	landing_close(&l);
	simdisk_kill(d);
	assert_int_equal(open_at(d, &l, NULL), 0);
	assert_int_equal(has(&l, &name), 9000);
	assert_int_equal(land(&l, 9001, SIZE, &err), ERR_CONFLICT);
	assert_int_equal(land(&l, 9000, SIZE, NULL), 0);
	assert_int_equal(parcels(d), 1);
	/* As long as its parcel lies there it is not wanted again. */
	assert_int_equal(has(&l, &name), SIZE);
	assert_int_equal(land(&l, 0, SIZE, NULL), 0);
	assert_int_equal(parcels(d), 1);
	landing_close(&l);
	simdisk_free(d);
}

static void a_part_that_is_wrong_is_dropped_and_comes_again(void **state)
{
	struct simdisk *d = fresh();
	struct hash name = name_of_bytes();
	struct err err = ERR_INIT;
	struct landing l;

	(void)state;
	assert_int_equal(open_at(d, &l, NULL), 0);
	assert_int_equal(land(&l, 0, 8000, NULL), 0);
	bytes[12000] ^= 1; /* not what the name says */
	struct link_piece piece = {.name = name,
		.size = SIZE,
		.offset = 8000,
		.data = bytes + 8000,
		.len = SIZE - 8000,
		.last = true};
	assert_int_equal(landing_piece(&l, &piece, &err), ERR_CORRUPT);
	bytes[12000] ^= 1;
	assert_int_equal(has(&l, &name), 0);
	assert_int_equal(parcels(d), 0);
	assert_int_equal(land(&l, 0, SIZE, NULL), 0);
	assert_int_equal(parcels(d), 1);
	landing_close(&l);
	simdisk_free(d);
}

static void only_so_many_parts_are_kept_the_latest(void **state)
{
	struct simdisk *d = fresh();
	struct link_have have[LINK_HAVE_MAX];
	struct landing l;
	size_t count;

	(void)state;
	assert_int_equal(open_at(d, &l, NULL), 0);
	for (uint64_t i = 0; i < LINK_HAVE_MAX + 20u; i++) {
		struct link_piece piece = {.name = hash_of(&i, sizeof(i)),
			.size = SIZE,
			.data = bytes,
			.len = 10};

		assert_int_equal(landing_piece(&l, &piece, NULL), 0);
		simdisk_pass(d, 1000000000);
	}
	assert_int_equal(landing_have(&l, have, &count, NULL), 0);
	assert_int_equal(count, LINK_HAVE_MAX);
	uint64_t first = 0, last = LINK_HAVE_MAX + 19u;
	struct hash old = hash_of(&first, sizeof(first));
	struct hash latest = hash_of(&last, sizeof(last));
	assert_int_equal(has(&l, &old), 0);
	assert_int_equal(has(&l, &latest), 10);
	landing_close(&l);
	simdisk_free(d);
}

static void two_do_not_land_at_once(void **state)
{
	struct simdisk *d = fresh();
	struct err err = ERR_INIT;
	struct landing a, b;

	(void)state;
	assert_int_equal(open_at(d, &a, NULL), 0);
	assert_int_equal(open_at(d, &b, &err), ERR_BUSY);
	landing_close(&a);
	assert_int_equal(open_at(d, &b, NULL), 0);
	landing_close(&b);
	simdisk_free(d);
}

/* Stopped at call n, by a kill or a power cut: the next connection brings it,
   once, and never a parcel that is not whole. */
static void stop_at(uint64_t n, bool power)
{
	struct simdisk *d = fresh();
	struct hash name = name_of_bytes();
	struct err err = ERR_INIT;
	struct landing l = {.lock = -1};

	simdisk_stop_at(d, simdisk_calls(d) + n);
	if (open_at(d, &l, &err) >= 0) {
		land(&l, 0, SIZE, &err);
		landing_close(&l);
	}
	if (power)
		simdisk_power_cut(d, n);
	else
		simdisk_kill(d);
	assert_int_equal(open_at(d, &l, NULL), 0);
	size_t before = parcels(d);
	uint64_t from = has(&l, &name);
	int rc = from > SIZE ? ERR_CORRUPT : land(&l, from, SIZE, &err);
	if (from == SIZE && !before) {
		struct link_piece end = {.name = name,
			.size = SIZE,
			.offset = SIZE,
			.data = bytes,
			.last = true};

		rc = landing_piece(&l, &end, &err);
	}
	if (rc == ERR_CORRUPT) /* of a power cut; it was dropped */
		rc = land(&l, 0, SIZE, &err);
	assert_int_equal(rc, 0);
	assert_true(parcels(d) == 1 || (before && parcels(d) == 2));
	landing_close(&l);
	simdisk_free(d);
}

static void whatever_stops_it_the_item_comes(void **state)
{
	struct simdisk *d = fresh();
	struct landing l;

	(void)state;
	uint64_t before = simdisk_calls(d);
	assert_int_equal(open_at(d, &l, NULL), 0);
	assert_int_equal(land(&l, 0, SIZE, NULL), 0);
	landing_close(&l);
	uint64_t calls = simdisk_calls(d) - before;
	assert_true(calls > 15);
	simdisk_free(d);
	for (uint64_t n = 1; n <= calls; n++) {
		stop_at(n, false);
		stop_at(n, true);
	}
}

static int setup(void **state)
{
	(void)state;
	/* Contents, not compressed, so that they open. */
	for (size_t i = 1; i < SIZE; i++)
		bytes[i] = (uint8_t)(i * i >> 4 ^ i);
	if (key_start(NULL) < 0)
		return -1;
	key_from_seed((const uint8_t[32]){'o'}, &ours);
	key_from_seed((const uint8_t[32]){'p'}, &peer);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			an_item_becomes_the_parcel_that_its_sender_would_have_sealed),
		cmocka_unit_test(a_part_goes_on_on_the_next_connection),
		cmocka_unit_test(
			a_part_that_is_wrong_is_dropped_and_comes_again),
		cmocka_unit_test(only_so_many_parts_are_kept_the_latest),
		cmocka_unit_test(two_do_not_land_at_once),
		cmocka_unit_test(whatever_stops_it_the_item_comes),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
