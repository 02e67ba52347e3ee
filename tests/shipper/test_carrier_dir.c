/*
 * carrier_dir: what a medium is; what is put on it is listed, got and removed.
 */
#include "dirmedium.h"
#include "medium.h"
#include "oddfs.h"

/* ---- medium and marker ---- */

static void via_that_is_not_built_or_not_known_is_refused(void **state)
{
	static const char *const vias[] = {"", "dir", "dir:", "DIR:/x",
		"tcp:h:1", "stdio:ssh",
		"rsync:", "rsync:-h:", "exec:", "usb:/x", ":/x", "di:/x"};
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
