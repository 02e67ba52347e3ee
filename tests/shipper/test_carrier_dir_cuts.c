/*
 * carrier_dir: a stick is pulled out after every call, every call fails once, and
 * it is filled up.
 */
#include "dirmedium.h"

#include <errno.h>

/* The n-th call of a put fails to happen, and all after it; then the power. */
static int put_and_cut(struct simdisk *d, uint64_t n, enum simdisk_cut how)
{
	struct os *os = simdisk_os(d);
	struct carrier *c = open_as(os, SELF);
	int r;

	simdisk_stop_at(d, n);
	r = put(os, c, PEER, 2, NULL);
	c->ops->close(c);
	simdisk_power_cut_mode(d, how, n);
	return r;
}

/* What is listed is whole; bundle 1, put before, is among it. */
static size_t assert_all_or_nothing(struct os *os, struct carrier *c)
{
	struct carrier_list list = listed(c, PEER);
	size_t count = list.count;

	assert_true(count == 1 || count == 2);
	assert_int_equal(list.items[0].sequence, 1);
	assert_int_equal(list.damaged, 0);
	for (size_t i = 0; i < count; i++)
		assert_whole(os, c, &list.items[i]);
	carrier_list_free(&list);
	return count;
}

static void a_stick_pulled_out_in_put_holds_all_or_nothing(void **state)
{
	static const enum simdisk_cut hows[] = {SIMDISK_RANDOM, SIMDISK_ORDERED,
		SIMDISK_ALL_LOST, SIMDISK_ALL_KEPT};

	(void)state;
	for (size_t i = 0; i < 4 * 100; i++) {
		struct simdisk *d = stick();
		struct os *os = simdisk_os(d);
		struct carrier *c = open_as(os, SELF);
		size_t there;
		int r;

		put_well(os, c, PEER, 1);
		c->ops->close(c);
		r = put_and_cut(d, i / 4 + 1, hows[i % 4]);
		c = open_as(os, SELF);
		there = assert_all_or_nothing(os, c);
		assert_true(r < 0 || there == 2);
		/* the next put removes what was left, and works */
		put_well(os, c, PEER, 3);
		assert_int_equal(names_in(os, PEER_DIR), 2 * there + 2);
		c->ops->close(c);
		simdisk_free(d);
		if (r == 0 && i % 4 == 3)
			break;
		assert_true(i < 4 * 99);
	}
}

static void a_stick_pulled_out_in_remove_holds_all_or_nothing(void **state)
{
	static const enum simdisk_cut hows[] = {SIMDISK_RANDOM, SIMDISK_ORDERED,
		SIMDISK_ALL_LOST, SIMDISK_ALL_KEPT};

	(void)state;
	for (size_t i = 0; i < 4 * 20; i++) {
		struct simdisk *d = stick();
		struct os *os = simdisk_os(d);
		struct carrier *c = open_as(os, SELF);
		struct carrier_list list;
		size_t there;
		int r;

		put_well(os, c, PEER, 1);
		put_well(os, c, PEER, 2);
		list = listed(c, PEER);
		simdisk_stop_at(d, i / 4 + 1);
		r = c->ops->remove(c, &list.items[1], NULL);
		c->ops->close(c);
		simdisk_power_cut_mode(d, hows[i % 4], i);
		carrier_list_free(&list);
		c = open_as(os, SELF);
		there = assert_all_or_nothing(os, c);
		assert_true(r < 0 || there == 1);
		put_well(os, c, PEER, 3);
		assert_int_equal(names_in(os, PEER_DIR), 2 * there + 2);
		c->ops->close(c);
		simdisk_free(d);
		if (r == 0 && i % 4 == 3)
			break;
		assert_true(i < 4 * 19);
	}
}

static void every_failing_call_in_put_is_reported_and_undone(void **state)
{
	static const int errors[] = {EIO, ENOSPC};

	(void)state;
	for (uint64_t i = 0; i < 200; i++) {
		struct simdisk *d = stick();
		struct os *os = simdisk_os(d);
		struct carrier *c = open_as(os, SELF);
		struct err err = ERR_INIT;
		int r;
		bool fired;

		put_well(os, c, PEER, 1);
		simdisk_fail_at(d, i / 2 + 1, errors[i % 2]);
		r = put(os, c, PEER, 2, &err);
		fired = simdisk_fired(d);
		simdisk_faults_clear(d);
		assert_int_equal(assert_all_or_nothing(os, c), r == 0 ? 2 : 1);
		if (r < 0) {
			assert_int_equal(err.os_errno, errors[i % 2]);
			put_well(os, c, PEER, 2);
		}
		assert_int_equal(names_in(os, PEER_DIR), 4);
		c->ops->close(c);
		assert_int_equal(simdisk_open_files(d), 0);
		simdisk_free(d);
		if (!fired)
			return;
		assert_true(r < 0);
	}
	fail_msg("no end of calls");
}

static void a_full_stick_keeps_what_it_had(void **state)
{
	struct simdisk *d = stick();
	struct os *os = simdisk_os(d);
	struct carrier *c = open_as(os, SELF);
	struct err err = ERR_INIT;
	struct bundle_writer *w;
	AUTO_BUF struct buf parcel = BUF_INIT;
	int fd, r;

	(void)state;
	put_well(os, c, PEER, 1);
	simdisk_set_space(d, 1u << 20, 1u << 30);
	/* nobody knew beforehand how large it would be */
	assert_int_equal(c->ops->put_begin(c, PEER, 2, 0, &fd, &err), 0);
	assert_int_equal(bundle_writer_open(os, fd, "b", &w, &err), 0);
	memset(buf_room(&parcel, 300000), 7, 300000);
	do
		r = bundle_writer_add(w, parcel.data, 300000, &err);
	while (r == 0);
	assert_int_equal(r, ERR_IO);
	assert_int_equal(err.os_errno, ENOSPC);
	bundle_writer_abort(w);
	c->ops->put_abort(c);
	assert_int_equal(assert_all_or_nothing(os, c), 1);
	put_well(os, c, PEER, 2);
	assert_int_equal(assert_all_or_nothing(os, c), 2);
	c->ops->close(c);
	simdisk_free(d);
}

static void leftovers_of_others_are_left_alone(void **state)
{
	struct simdisk *d = stick();
	struct os *os = simdisk_os(d);
	struct carrier *c = open_as(os, SELF);
	struct carrier_list list;

	(void)state;
	simdisk_put(d, PEER_DIR OWN("01") ".tmp", "x", 1);
	simdisk_put(d, PEER_DIR OWN("02") ".pb", "x", 1);
	simdisk_put(d, PEER_DIR OWN("03") ".whole", "x", 1);
	simdisk_put(d, PEER_DIR OWN("04") ".whole.tmp", "x", 1);
	simdisk_put(
		d, PEER_DIR "/0000000000aaaaaa-0000000000000001.tmp", "", 0);
	simdisk_put(d, PEER_DIR "/0000000000aaaaaa-0000000000000002.pb", "", 0);
	simdisk_put(d, PEER_DIR "/readme.txt", "hi", 2);
	simdisk_put(d, PEER_DIR OWN("05") ".txt", "hi", 2);
	simdisk_put(d, PEER_DIR "/0000000041c0d2-0000000000000006.tmp", "", 0);
	list = listed(c, PEER);
	assert_int_equal(list.count, 0);
	assert_int_equal(list.damaged, 1); /* .whole without .pb */
	assert_int_equal(list.strange, 3);
	carrier_list_free(&list);
	assert_int_equal(c->ops->tidy(c, PEER, NULL), 0);
	assert_int_equal(names_in(os, PEER_DIR), 2 + 3);
	simdisk_put(d, PEER_DIR OWN("02") ".pb", "x", 1);
	put_well(os, c, PEER, 9);
	assert_int_equal(names_in(os, PEER_DIR), 2 + 2 + 3);
	assert_int_equal(c->ops->tidy(c, PEER, NULL), 0);
	assert_int_equal(names_in(os, PEER_DIR), 2 + 2 + 3);
	assert_true(exists(os, PEER_DIR "/readme.txt"));
	assert_true(
		exists(os, PEER_DIR "/0000000000aaaaaa-0000000000000001.tmp"));
	c->ops->close(c);
	simdisk_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_stick_pulled_out_in_put_holds_all_or_nothing),
		cmocka_unit_test(
			a_stick_pulled_out_in_remove_holds_all_or_nothing),
		cmocka_unit_test(
			every_failing_call_in_put_is_reported_and_undone),
		cmocka_unit_test(a_full_stick_keeps_what_it_had),
		cmocka_unit_test(leftovers_of_others_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
