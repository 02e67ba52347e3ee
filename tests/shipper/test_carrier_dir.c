/*
 * carrier_dir: a stick is pulled out after every call, filled up, worn out,
 * written by other systems and by strangers.
 */
#include "bundle.h"
#include "carrier.h"
#include "err.h"
#include "medium.h"
#include "oddfs.h"
#include "simdisk.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOT "/media/usb"
#define SELF 0x41c0d2u
#define PEER 0x9b7e55u
#define PEER_DIR ROOT "/pb/00000000009b7e55"
#define OWN(sequence) "/000000000041c0d2-00000000000000" sequence

static struct simdisk *stick(void)
{
	struct simdisk *d = simdisk_new(1);
	struct err err = ERR_INIT;

	assert_int_equal(dir_make(simdisk_os(d), ROOT, 0755, &err), 0);
	assert_int_equal(carrier_media_init(simdisk_os(d), ROOT, &err), 0);
	return d;
}

static struct carrier *open_as(struct os *os, uint64_t self)
{
	struct carrier *c;
	struct err err = ERR_INIT;

	if (carrier_open(&(struct carrier_place){.os = os, .self = self},
		    "dir:" ROOT, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

/* Parcels that differ by sequence, as one bundle. */
static int put(struct os *os, struct carrier *c, uint64_t to, uint64_t sequence,
	struct err *err)
{
	char parcel[3000];
	struct bundle_writer *w;
	struct hash hash;
	uint64_t size;
	int fd, r;

	memset(parcel, (int)sequence, sizeof(parcel));
	r = c->ops->put_begin(c, to, sequence, sizeof(parcel), &fd, err);
	if (r < 0)
		return r;
	r = bundle_writer_open(os, fd, "bundle", &w, err);
	if (r == 0) {
		r = bundle_writer_add(w, parcel, sizeof(parcel), err);
		if (r < 0)
			bundle_writer_abort(w);
		else
			r = bundle_writer_finish(w, &size, &hash, err);
	}
	if (r < 0) {
		c->ops->put_abort(c);
		return r;
	}
	return c->ops->put_commit(c, size, &hash, err);
}

static void put_well(
	struct os *os, struct carrier *c, uint64_t to, uint64_t sequence)
{
	struct err err = ERR_INIT;

	if (put(os, c, to, sequence, &err) < 0)
		fail_msg("%s", err.text);
}

static struct carrier_list listed(struct carrier *c, uint64_t recipient)
{
	struct carrier_list list;
	struct err err = ERR_INIT;

	if (c->ops->list(c, recipient, &list, &err) < 0)
		fail_msg("%s", err.text);
	return list;
}

/* Every listed bundle opens and holds what was put. */
static void assert_whole(
	struct os *os, struct carrier *c, const struct carrier_item *item)
{
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct bundle_reader *r;
	struct err err = ERR_INIT;
	int fd;

	if (c->ops->get(c, item, &fd, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(bundle_reader_open(os, fd, "b", &r, &err), 0);
	assert_int_equal(bundle_reader_next(r, &parcel, &err), 1);
	assert_int_equal(parcel.len, 3000);
	assert_int_equal(parcel.data[0], item->sequence & 0xff);
	assert_int_equal(bundle_reader_next(r, &parcel, &err), 0);
	bundle_reader_close(r);
	os->ops->close(os, fd);
}

static size_t names_in(struct os *os, const char *dir)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry entry;
	size_t at = 0, count = 0;

	if (os->ops->list(os, dir, &names) < 0)
		return 0;
	while (os_list_next(&names, &at, &entry))
		count++;
	return count;
}

static bool exists(struct os *os, const char *path)
{
	struct os_stat st;

	return os->ops->lstat(os, path, &st) == 0;
}

/* ---- medium and marker ---- */

static void via_that_is_not_built_or_not_known_is_refused(void **state)
{
	static const char *const vias[] = {"", "dir", "dir:", "DIR:/x",
		"tcp:h:1", "stdio:ssh", "rsync:", "rsync:-h:", "exec:",
		"usb:/x", ":/x", "di:/x"};
	struct simdisk *d = stick();

	(void)state;
	for (size_t i = 0; i < sizeof(vias) / sizeof(vias[0]); i++) {
		struct err err = ERR_INIT;
		struct carrier *c;

		assert_int_equal(
			carrier_open(
				&(struct carrier_place){
					.os = simdisk_os(d), .self = SELF},
				vias[i], &c, &err),
			ERR_USAGE);
		assert_true(err.text[0] != '\0');
	}
	simdisk_free(d);
}

static void a_directory_without_marker_is_absent(void **state)
{
	struct simdisk *d = simdisk_new(1);
	struct err err = ERR_INIT;
	struct carrier *c;

	(void)state;
	assert_int_equal(
		carrier_open(&(struct carrier_place){.os = simdisk_os(d),
				     .self = SELF},
			"dir:" ROOT, &c, &err),
		ERR_ABSENT);
	dir_make(simdisk_os(d), ROOT, 0755, &err);
	assert_int_equal(
		carrier_open(&(struct carrier_place){.os = simdisk_os(d),
				     .self = SELF},
			"dir:" ROOT, &c, &err),
		ERR_ABSENT);
	assert_non_null(strstr(err.text, "packetboat media init " ROOT));
	simdisk_free(d);
}

static void init_makes_a_medium_once(void **state)
{
	struct simdisk *d = simdisk_new(1);
	struct os *os = simdisk_os(d);
	struct err err = ERR_INIT;
	struct carrier *c;
	struct id128 id;

	(void)state;
	assert_int_equal(carrier_media_init(os, ROOT, &err), ERR_USAGE);
	assert_int_equal(dir_make(os, ROOT, 0755, &err), 0);
	assert_int_equal(carrier_media_init(os, ROOT, &err), 0);
	simdisk_power_cut_mode(d, SIMDISK_ALL_LOST, 1);
	c = open_as(os, SELF);
	id = c->ops->medium(c);
	assert_false(id_is_account(&id)); /* not zeros */
	c->ops->close(c);
	assert_int_equal(carrier_media_init(os, ROOT, &err), 1);
	c = open_as(os, SELF);
	assert_true(id_equal(&id, &(struct id128){{0}}) == false);
	assert_memory_equal(c->ops->medium(c).b, id.b, 16);
	c->ops->close(c);
	simdisk_free(d);
}

static void two_media_have_two_ids(void **state)
{
	struct simdisk *d = stick();
	struct os *os = simdisk_os(d);
	struct carrier *a = open_as(os, SELF), *b;

	(void)state;
	dir_make(os, "/other", 0755, NULL);
	assert_int_equal(carrier_media_init(os, "/other", NULL), 0);
	assert_int_equal(
		carrier_open(&(struct carrier_place){.os = os, .self = SELF},
			"dir:/other", &b, NULL),
		0);
	assert_memory_not_equal(a->ops->medium(a).b, b->ops->medium(b).b, 16);
	a->ops->close(a);
	b->ops->close(b);
	simdisk_free(d);
}

static void every_flip_in_a_marker_is_noticed(void **state)
{
	struct simdisk *d = stick();
	struct err err = ERR_INIT;
	struct carrier *c;

	(void)state;
	for (size_t bit = 0; bit < 8 * MEDIUM_MARKER_SIZE; bit++) {
		uint8_t flip = (uint8_t)(1u << bit % 8);

		simdisk_damage(d, ROOT "/packetboat.id", bit / 8, flip);
		assert_int_equal(
			carrier_open(
				&(struct carrier_place){
					.os = simdisk_os(d), .self = SELF},
				"dir:" ROOT, &c, &err),
			ERR_CORRUPT);
		assert_int_equal(carrier_media_init(simdisk_os(d), ROOT, &err),
			ERR_CORRUPT);
		simdisk_damage(d, ROOT "/packetboat.id", bit / 8, flip);
	}
	c = open_as(simdisk_os(d), SELF);
	c->ops->close(c);
	simdisk_free(d);
}

static void a_cut_in_init_leaves_no_medium_or_one(void **state)
{
	(void)state;
	for (uint64_t n = 1;; n++) {
		struct simdisk *d = simdisk_new(1);
		struct os *os = simdisk_os(d);
		struct err err = ERR_INIT;
		struct carrier *c;
		int made, r;

		dir_make(os, ROOT, 0755, &err);
		simdisk_stop_at(d, n);
		made = carrier_media_init(os, ROOT, &err);
		simdisk_power_cut(d, n);
		r = carrier_open(
			&(struct carrier_place){.os = os, .self = SELF},
			"dir:" ROOT, &c, &err);
		assert_true(r == 0 || (made < 0 && r == ERR_ABSENT));
		if (r == 0)
			c->ops->close(c);
		assert_int_equal(
			carrier_media_init(os, ROOT, &err), r == 0 ? 1 : 0);
		simdisk_free(d);
		if (made == 0)
			break;
		assert_true(n < 50);
	}
}

/* ---- put, list, get, remove ---- */

static void what_is_put_is_listed_got_and_removed(void **state)
{
	struct simdisk *d = stick();
	struct os *os = simdisk_os(d);
	struct carrier *a = open_as(os, SELF), *b = open_as(os, PEER);
	struct carrier_list list;

	(void)state;
	list = listed(b, PEER);
	assert_int_equal(list.count, 0);
	put_well(os, a, PEER, 2);
	put_well(os, a, PEER, 0x10);
	put_well(os, a, PEER, 1);
	put_well(os, b, PEER, 7); /* another sender */
	put_well(os, b, SELF, 7); /* another recipient */
	simdisk_power_cut_mode(d, SIMDISK_ALL_LOST, 1);
	list = listed(b, PEER);
	assert_int_equal(list.count, 4);
	assert_int_equal(list.damaged, 0);
	assert_int_equal(list.strange, 0);
	assert_int_equal(list.items[0].sequence, 1);
	assert_int_equal(list.items[1].sequence, 2);
	assert_int_equal(list.items[2].sequence, 0x10);
	assert_int_equal(list.items[2].sender, SELF);
	assert_int_equal(list.items[3].sender, PEER);
	for (size_t i = 0; i < list.count; i++) {
		assert_int_equal(list.items[i].recipient, PEER);
		assert_whole(os, b, &list.items[i]);
	}
	assert_int_equal(b->ops->remove(b, &list.items[1], NULL), 0);
	assert_int_equal(b->ops->remove(b, &list.items[1], NULL), 0);
	simdisk_power_cut_mode(d, SIMDISK_ALL_LOST, 1);
	assert_int_equal(names_in(os, PEER_DIR), 6);
	carrier_list_free(&list);
	list = listed(b, PEER);
	assert_int_equal(list.count, 3);
	assert_int_equal(list.items[1].sequence, 0x10);
	carrier_list_free(&list);
	a->ops->close(a);
	b->ops->close(b);
	assert_int_equal(simdisk_open_files(d), 0);
	simdisk_free(d);
}

static void names_are_as_the_format_says(void **state)
{
	struct simdisk *d = stick();
	struct os *os = simdisk_os(d);
	struct carrier *c = open_as(os, SELF);

	(void)state;
	put_well(os, c, PEER, 0x2a);
	assert_true(exists(os, PEER_DIR OWN("2a") ".pb"));
	assert_true(exists(os, PEER_DIR OWN("2a") ".whole"));
	assert_int_equal(names_in(os, PEER_DIR), 2);
	assert_int_equal(names_in(os, ROOT), 2);
	c->ops->close(c);
	simdisk_free(d);
}

static void a_bundle_that_lies_there_is_not_replaced(void **state)
{
	struct simdisk *d = stick();
	struct os *os = simdisk_os(d);
	struct carrier *c = open_as(os, SELF);
	struct err err = ERR_INIT;
	struct carrier_list list;

	(void)state;
	put_well(os, c, PEER, 5);
	assert_int_equal(put(os, c, PEER, 5, &err), ERR_CONFLICT);
	list = listed(c, PEER);
	assert_int_equal(list.count, 1);
	assert_whole(os, c, &list.items[0]);
	carrier_list_free(&list);
	c->ops->close(c);
	simdisk_free(d);
}

/* The recipient, at the other end of a shared directory. */
struct quick {
	struct simdisk *disk;
	bool taken;
};

static void take_at_once(void *ctx, const char *call, const char *path)
{
	struct quick *q = ctx;
	struct os *os = simdisk_os(q->disk);

	if (strcmp(call, "open") != 0 || !strstr(path, "01.whole") ||
		!exists(os, PEER_DIR OWN("01") ".whole"))
		return;
	os->ops->unlink(os, PEER_DIR OWN("01") ".whole");
	os->ops->unlink(os, PEER_DIR OWN("01") ".pb");
	q->taken = true;
}

static void a_bundle_that_is_taken_at_once_was_handed_over(void **state)
{
	struct simdisk *d = stick();
	struct quick quick = {.disk = d};
	struct carrier *c = open_as(simdisk_os(d), SELF);

	(void)state;
	simdisk_hook(d, take_at_once, &quick);
	put_well(simdisk_os(d), c, PEER, 1);
	assert_true(quick.taken);
	simdisk_hook(d, NULL, NULL);
	c->ops->close(c);
	simdisk_free(d);
}

static void an_aborted_put_leaves_nothing(void **state)
{
	struct simdisk *d = stick();
	struct os *os = simdisk_os(d);
	struct carrier *c = open_as(os, SELF);
	int fd;

	(void)state;
	assert_int_equal(c->ops->put_begin(c, PEER, 5, 0, &fd, NULL), 0);
	assert_int_equal(names_in(os, PEER_DIR), 1);
	c->ops->put_abort(c);
	assert_int_equal(names_in(os, PEER_DIR), 0);
	/* closing does it too */
	assert_int_equal(c->ops->put_begin(c, PEER, 5, 0, &fd, NULL), 0);
	c->ops->close(c);
	assert_int_equal(names_in(os, PEER_DIR), 0);
	assert_int_equal(simdisk_open_files(d), 0);
	simdisk_free(d);
}

static void what_does_not_fit_is_not_begun(void **state)
{
	struct simdisk *d = stick();
	struct os *os = simdisk_os(d);
	struct carrier *c = open_as(os, SELF);
	struct err err = ERR_INIT;
	uint64_t before;
	int fd;

	(void)state;
	put_well(os, c, PEER, 1);
	simdisk_set_space(d, 10u << 20, 1u << 30);
	before = simdisk_calls(d);
	assert_int_equal(
		c->ops->put_begin(c, PEER, 2, 10u << 20, &fd, &err), ERR_IO);
	assert_int_equal(err.os_errno, ENOSPC);
	assert_int_equal(
		c->ops->put_begin(c, PEER, 2, UINT64_MAX, &fd, &err), ERR_IO);
	assert_int_equal(names_in(os, PEER_DIR), 2);
	assert_int_equal(simdisk_calls(d) - before, 4); /* fsyncs of two dirs */
	assert_int_equal(c->ops->put_begin(c, PEER, 2, 9u << 20, &fd, &err), 0);
	c->ops->close(c);
	simdisk_free(d);
}

static void what_reads_back_differently_is_not_handed_over(void **state)
{
	struct simdisk *d = stick();
	struct oddfs odd = oddfs_over(simdisk_os(d));
	struct carrier *c = open_as(&odd.os, SELF);
	struct err err = ERR_INIT;
	struct carrier_list list;
	struct hash hash = hash_of("bundle", 6);
	int fd;

	(void)state;
	assert_int_equal(c->ops->put_begin(c, PEER, 1, 6, &fd, &err), 0);
	assert_int_equal(
		os_write_all(&odd.os, fd, "bundle", 6, 0, "b", &err), 0);
	odd.flip = 1;
	assert_int_equal(c->ops->put_commit(c, 6, &hash, &err), ERR_CORRUPT);
	assert_non_null(strstr(err.text, "read back"));
	odd.flip = 0;
	assert_int_equal(c->ops->put_begin(c, PEER, 1, 6, &fd, &err), 0);
	assert_int_equal(
		os_write_all(&odd.os, fd, "bundle", 6, 0, "b", &err), 0);
	odd.bad_read = EIO;
	assert_int_equal(c->ops->put_commit(c, 6, &hash, &err), ERR_IO);
	odd.bad_read = 0;
	/* nor what is not as long as it should be */
	assert_int_equal(c->ops->put_begin(c, PEER, 1, 6, &fd, &err), 0);
	assert_int_equal(
		os_write_all(&odd.os, fd, "bundles", 7, 0, "b", &err), 0);
	assert_int_equal(c->ops->put_commit(c, 6, &hash, &err), ERR_CORRUPT);
	assert_int_equal(names_in(&odd.os, PEER_DIR), 0);
	list = listed(c, PEER);
	assert_int_equal(list.count, 0);
	carrier_list_free(&list);
	c->ops->close(c);
	simdisk_free(d);
}

/* ---- cuts and faults ---- */

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

/* ---- damage and strangers ---- */

static void damaged_bundles_are_counted_and_not_opened(void **state)
{
	struct simdisk *d = stick();
	struct os *os = simdisk_os(d);
	struct carrier *c = open_as(os, SELF);
	struct carrier_list list;
	struct err err = ERR_INIT;
	int fd;

	(void)state;
	for (uint64_t i = 1; i <= 5; i++)
		put_well(os, c, PEER, i);
	simdisk_damage(d, PEER_DIR OWN("01") ".whole", 40, 1);
	fd = os->ops->open(os, PEER_DIR OWN("02") ".pb", O_RDWR, 0);
	os->ops->ftruncate(os, fd, 100);
	os->ops->close(os, fd);
	simdisk_damage(d, PEER_DIR OWN("03") ".pb", 700, 1);
	os->ops->rename(
		os, PEER_DIR OWN("04") ".whole", PEER_DIR OWN("08") ".whole");
	os->ops->rename(os, PEER_DIR OWN("04") ".pb", PEER_DIR OWN("08") ".pb");
	list = listed(c, PEER);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.damaged, 3);
	assert_int_equal(list.items[0].sequence, 3);
	assert_int_equal(
		c->ops->get(c, &list.items[0], &fd, &err), ERR_CORRUPT);
	assert_int_equal(list.items[1].sequence, 5);
	assert_whole(os, c, &list.items[1]);
	carrier_list_free(&list);
	c->ops->close(c);
	assert_int_equal(simdisk_open_files(d), 0);
	simdisk_free(d);
}

static void every_flip_in_a_manifest_is_noticed(void **state)
{
	struct simdisk *d = stick();
	struct os *os = simdisk_os(d);
	struct carrier *c = open_as(os, SELF);

	(void)state;
	put_well(os, c, PEER, 1);
	for (size_t bit = 0; bit < 8 * MEDIUM_MANIFEST_SIZE; bit++) {
		uint8_t flip = (uint8_t)(1u << bit % 8);
		struct carrier_list list;

		simdisk_damage(d, PEER_DIR OWN("01") ".whole", bit / 8, flip);
		list = listed(c, PEER);
		assert_int_equal(list.count, 0);
		assert_int_equal(list.damaged, 1);
		carrier_list_free(&list);
		simdisk_damage(d, PEER_DIR OWN("01") ".whole", bit / 8, flip);
	}
	c->ops->close(c);
	simdisk_free(d);
}

static void a_bundle_moved_to_another_recipient_is_damaged(void **state)
{
	struct simdisk *d = stick();
	struct os *os = simdisk_os(d);
	struct carrier *c = open_as(os, SELF);
	struct carrier_list list;

	(void)state;
	put_well(os, c, PEER, 1);
	assert_int_equal(
		os->ops->rename(os, PEER_DIR, ROOT "/pb/0000000000aaaaaa"), 0);
	list = listed(c, 0xaaaaaa);
	assert_int_equal(list.count, 0);
	assert_int_equal(list.damaged, 1);
	carrier_list_free(&list);
	c->ops->close(c);
	simdisk_free(d);
}

static void a_bundle_removed_after_listing_is_absent(void **state)
{
	struct simdisk *d = stick();
	struct os *os = simdisk_os(d);
	struct carrier *c = open_as(os, SELF);
	struct carrier_list list;
	int fd;

	(void)state;
	put_well(os, c, PEER, 1);
	list = listed(c, PEER);
	assert_int_equal(c->ops->remove(c, &list.items[0], NULL), 0);
	assert_int_equal(c->ops->get(c, &list.items[0], &fd, NULL), ERR_ABSENT);
	carrier_list_free(&list);
	c->ops->close(c);
	simdisk_free(d);
}

static void a_medium_taken_out_meanwhile_is_absent(void **state)
{
	struct simdisk *d = stick();
	struct os *os = simdisk_os(d);
	struct carrier *c = open_as(os, SELF);
	struct carrier_item item = {.sender = SELF, .recipient = PEER};
	struct carrier_list list;
	int fd;

	(void)state;
	os->ops->rename(os, ROOT, "/media/gone");
	for (int i = 0; i < 3; i++) {
		/* nothing there, an empty mount point, another medium */
		assert_int_equal(
			c->ops->list(c, PEER, &list, NULL), ERR_ABSENT);
		assert_int_equal(c->ops->put_begin(c, PEER, 1, 0, &fd, NULL),
			ERR_ABSENT);
		assert_int_equal(c->ops->get(c, &item, &fd, NULL), ERR_ABSENT);
		assert_int_equal(c->ops->remove(c, &item, NULL), ERR_ABSENT);
		if (i == 0)
			dir_make(os, ROOT, 0755, NULL);
		assert_int_equal(names_in(os, ROOT), i == 2 ? 1 : 0);
		if (i == 1)
			carrier_media_init(os, ROOT, NULL);
	}
	c->ops->close(c);
	simdisk_free(d);
}

/* A FAT stick may come back with every name in upper case. */
static void shout(struct os *os, const char *dir)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;

	assert_int_equal(os->ops->list(os, dir, &names), 0);
	while (os_list_next(&names, &at, &entry)) {
		AUTO_FREE char *from = mem_printf("%s/%s", dir, entry.name);
		AUTO_FREE char *to = mem_dup(from);
		struct os_stat st;

		for (char *p = to + strlen(dir); *p; p++)
			*p = (char)toupper((unsigned char)*p);
		if (strcmp(from, to) != 0)
			assert_int_equal(os->ops->rename(os, from, to), 0);
		assert_int_equal(os->ops->stat(os, to, &st), 0);
		if (S_ISDIR(st.mode))
			shout(os, to);
	}
}

static void upper_case_names_are_the_same_names(void **state)
{
	struct simdisk *d = stick();
	struct os *os = simdisk_os(d);
	struct carrier *c = open_as(os, SELF);
	struct carrier_list list;

	(void)state;
	put_well(os, c, PEER, 1);
	put_well(os, c, PEER, 0xab);
	simdisk_put(d, PEER_DIR OWN("02") ".tmp", "x", 1);
	c->ops->close(c);
	shout(os, ROOT);
	c = open_as(os, SELF);
	list = listed(c, PEER);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.damaged + list.strange, 0);
	assert_whole(os, c, &list.items[0]);
	assert_whole(os, c, &list.items[1]);
	assert_int_equal(put(os, c, PEER, 0xab, NULL), ERR_CONFLICT);
	put_well(os, c, PEER, 3);
	assert_int_equal(names_in(os, ROOT), 2);
	assert_int_equal(names_in(os, ROOT "/PB"), 1);
	assert_int_equal(names_in(os, ROOT "/PB/00000000009B7E55"), 6);
	assert_int_equal(c->ops->remove(c, &list.items[1], NULL), 0);
	assert_int_equal(names_in(os, ROOT "/PB/00000000009B7E55"), 4);
	carrier_list_free(&list);
	c->ops->close(c);
	simdisk_free(d);
}

static void a_name_in_two_spellings_is_damaged(void **state)
{
	struct simdisk *d = stick();
	struct os *os = simdisk_os(d);
	struct carrier *c = open_as(os, SELF);
	struct carrier_list list;

	(void)state;
	put_well(os, c, PEER, 0xab);
	simdisk_put(d, PEER_DIR OWN("AB") ".pb", "x", 1);
	list = listed(c, PEER);
	assert_int_equal(list.count, 0);
	assert_int_equal(list.damaged, 1);
	carrier_list_free(&list);
	c->ops->close(c);
	simdisk_free(d);
}

static void fsync_of_directories_may_be_refused(void **state)
{
	struct simdisk *d = stick();
	struct oddfs odd = oddfs_over(simdisk_os(d));
	struct carrier *c = open_as(&odd.os, SELF);
	struct carrier_list list;

	(void)state;
	odd.no_dir_sync = true;
	put_well(&odd.os, c, PEER, 1);
	list = listed(c, PEER);
	assert_int_equal(list.count, 1);
	assert_int_equal(c->ops->remove(c, &list.items[0], NULL), 0);
	assert_int_equal(names_in(&odd.os, PEER_DIR), 0);
	carrier_list_free(&list);
	c->ops->close(c);
	simdisk_free(d);
}

static void a_read_only_medium_is_collected_from_again_and_again(void **state)
{
	struct simdisk *d = stick();
	struct oddfs odd = oddfs_over(simdisk_os(d));
	struct carrier *c = open_as(&odd.os, SELF);
	struct err err = ERR_INIT;
	int fd;

	(void)state;
	assert_false(c->ops->read_only(c));
	put_well(&odd.os, c, PEER, 1);
	c->ops->close(c);
	odd.read_only = true;
	c = open_as(&odd.os, PEER);
	assert_true(c->ops->read_only(c));
	for (int i = 0; i < 2; i++) {
		struct carrier_list list = listed(c, PEER);

		assert_int_equal(list.count, 1);
		assert_whole(&odd.os, c, &list.items[0]);
		assert_int_equal(c->ops->remove(c, &list.items[0], &err), 0);
		carrier_list_free(&list);
	}
	assert_int_equal(c->ops->put_begin(c, SELF, 1, 0, &fd, &err), ERR_IO);
	assert_int_equal(err.os_errno, EROFS);
	c->ops->close(c);
	simdisk_free(d);
}

static void a_medium_that_turns_read_only_is_noticed_in_remove(void **state)
{
	struct simdisk *d = stick();
	struct oddfs odd = oddfs_over(simdisk_os(d));
	struct carrier *c = open_as(&odd.os, SELF);
	struct carrier_list list;

	(void)state;
	put_well(&odd.os, c, PEER, 1);
	odd.read_only = true;
	list = listed(c, PEER);
	assert_int_equal(c->ops->remove(c, &list.items[0], NULL), 0);
	assert_true(c->ops->read_only(c));
	assert_int_equal(names_in(&odd.os, PEER_DIR), 2);
	carrier_list_free(&list);
	c->ops->close(c);
	simdisk_free(d);
}

static void a_directory_nobody_may_write_is_read_only(void **state)
{
	struct simdisk *d = stick();
	struct os *os = simdisk_os(d);
	struct carrier *c;
	int fd = os->ops->open(os, ROOT, O_RDONLY | O_DIRECTORY, 0);

	(void)state;
	assert_int_equal(os->ops->fchmod(os, fd, 0555), 0);
	os->ops->close(os, fd);
	c = open_as(os, SELF);
	assert_true(c->ops->read_only(c));
	c->ops->close(c);
	simdisk_free(d);
}

/* ---- on the real system, for what a simulated disk has not ---- */

static char *real_medium(void)
{
	char *root = mem_dup("/tmp/pb-carrier-XXXXXX");

	assert_non_null(mkdtemp(root));
	assert_int_equal(carrier_media_init(os_real(), root, NULL), 0);
	return root;
}

static struct carrier *open_real(const char *root)
{
	AUTO_FREE char *via = mem_printf("dir:%s", root);
	struct carrier *c;
	struct err err = ERR_INIT;

	if (carrier_open(&(struct carrier_place){.os = os_real(), .self = SELF},
		    via, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static void the_real_system_carries_a_bundle(void **state)
{
	AUTO_FREE char *root = real_medium();
	struct carrier *c = open_real(root);
	struct carrier_list list;

	(void)state;
	put_well(os_real(), c, PEER, 1);
	list = listed(c, PEER);
	assert_int_equal(list.count, 1);
	assert_whole(os_real(), c, &list.items[0]);
	assert_int_equal(c->ops->remove(c, &list.items[0], NULL), 0);
	carrier_list_free(&list);
	c->ops->close(c);
	dir_remove(os_real(), root, NULL);
}

static void links_and_pipes_are_no_bundles(void **state)
{
	static const char *const endings[] = {".pb", ".whole"};
	AUTO_FREE char *root = real_medium();
	struct carrier *c = open_real(root);

	(void)state;
	for (int i = 0; i < 4; i++) {
		AUTO_FREE char *path =
			mem_printf("%s/pb/00000000009b7e55" OWN("%02x") "%s",
				root, i, endings[i % 2]);
		AUTO_FREE char *aside = mem_printf("%s/aside%d", root, i);
		struct carrier_list list;

		put_well(os_real(), c, PEER, (uint64_t)i);
		assert_int_equal(rename(path, aside), 0);
		if (i < 2)
			assert_int_equal(symlink(aside, path), 0);
		else
			assert_int_equal(mkfifo(path, 0600), 0);
		list = listed(c, PEER);
		assert_int_equal(list.count, 0);
		assert_int_equal(list.damaged, 1);
		carrier_list_free(&list);
	}
	c->ops->close(c);
	dir_remove(os_real(), root, NULL);
}

static void a_linked_directory_is_not_entered(void **state)
{
	AUTO_FREE char *root = real_medium();
	AUTO_FREE char *link = mem_printf("%s/pb", root);
	struct carrier *c = open_real(root);
	struct carrier_list list;
	int fd;

	(void)state;
	assert_int_equal(symlink("/etc", link), 0);
	assert_int_equal(c->ops->list(c, PEER, &list, NULL), ERR_CORRUPT);
	assert_int_equal(
		c->ops->put_begin(c, PEER, 1, 0, &fd, NULL), ERR_CORRUPT);
	c->ops->close(c);
	dir_remove(os_real(), root, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(via_that_is_not_built_or_not_known_is_refused),
		cmocka_unit_test(a_directory_without_marker_is_absent),
		cmocka_unit_test(init_makes_a_medium_once),
		cmocka_unit_test(two_media_have_two_ids),
		cmocka_unit_test(every_flip_in_a_marker_is_noticed),
		cmocka_unit_test(a_cut_in_init_leaves_no_medium_or_one),
		cmocka_unit_test(what_is_put_is_listed_got_and_removed),
		cmocka_unit_test(names_are_as_the_format_says),
		cmocka_unit_test(a_bundle_that_lies_there_is_not_replaced),
		cmocka_unit_test(
			a_bundle_that_is_taken_at_once_was_handed_over),
		cmocka_unit_test(an_aborted_put_leaves_nothing),
		cmocka_unit_test(what_does_not_fit_is_not_begun),
		cmocka_unit_test(
			what_reads_back_differently_is_not_handed_over),
		cmocka_unit_test(
			a_stick_pulled_out_in_put_holds_all_or_nothing),
		cmocka_unit_test(
			a_stick_pulled_out_in_remove_holds_all_or_nothing),
		cmocka_unit_test(
			every_failing_call_in_put_is_reported_and_undone),
		cmocka_unit_test(a_full_stick_keeps_what_it_had),
		cmocka_unit_test(leftovers_of_others_are_left_alone),
		cmocka_unit_test(damaged_bundles_are_counted_and_not_opened),
		cmocka_unit_test(every_flip_in_a_manifest_is_noticed),
		cmocka_unit_test(
			a_bundle_moved_to_another_recipient_is_damaged),
		cmocka_unit_test(a_bundle_removed_after_listing_is_absent),
		cmocka_unit_test(a_medium_taken_out_meanwhile_is_absent),
		cmocka_unit_test(upper_case_names_are_the_same_names),
		cmocka_unit_test(a_name_in_two_spellings_is_damaged),
		cmocka_unit_test(fsync_of_directories_may_be_refused),
		cmocka_unit_test(
			a_read_only_medium_is_collected_from_again_and_again),
		cmocka_unit_test(
			a_medium_that_turns_read_only_is_noticed_in_remove),
		cmocka_unit_test(a_directory_nobody_may_write_is_read_only),
		cmocka_unit_test(the_real_system_carries_a_bundle),
		cmocka_unit_test(links_and_pipes_are_no_bundles),
		cmocka_unit_test(a_linked_directory_is_not_entered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
