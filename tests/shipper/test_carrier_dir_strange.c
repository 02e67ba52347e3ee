/*
 * carrier_dir: a stick that is worn out, or was written by other systems and by
 * strangers.
 */
#include "dirmedium.h"
#include "medium.h"
#include "oddfs.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
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
