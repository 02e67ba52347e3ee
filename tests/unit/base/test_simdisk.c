/* The simulated disk itself: what a power cut leaves of what. */
#include "onedisk.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static void a_file_is_gone_when_its_directory_was_not_fsynced(void **state)
{
	(void)state;
	put("/a", "text", true);
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 0);
	assert_false(exists("/a"));
}

static void a_file_is_empty_when_only_its_directory_was_fsynced(void **state)
{
	(void)state;
	put("/a", "text", false);
	sync_dir("/");
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 0);
	assert_holds("/a", "");
}

static void what_was_fsynced_survives_every_power_cut(void **state)
{
	(void)state;
	os->ops->mkdir(os, "/d", 0700);
	put("/d/a", "text", true);
	sync_dir("/d");
	sync_dir("/");
	for (uint64_t seed = 0; seed < 200; seed++) {
		enum simdisk_cut how = seed % 4;

		simdisk_power_cut_mode(disk, how, seed);
		assert_holds("/d/a", "text");
		assert_int_equal(stat_of("/d").mode, S_IFDIR | 0700);
	}
}

static void all_kept_keeps_everything(void **state)
{
	(void)state;
	os->ops->mkdir(os, "/d", 0755);
	put("/d/a", "text", false);
	os->ops->rename(os, "/d/a", "/b");
	simdisk_power_cut_mode(disk, SIMDISK_ALL_KEPT, 0);
	assert_holds("/b", "text");
	assert_false(exists("/d/a"));
	assert_true(exists("/d"));
}

static void fdatasync_makes_bytes_and_size_durable_but_not_times(void **state)
{
	int64_t before;
	int fd;

	(void)state;
	put("/a", "text", true);
	sync_dir("/");
	before = stat_of("/a").mtime_ns;
	simdisk_pass(disk, 1000000000);
	fd = open_file("/a", O_WRONLY);
	os->ops->pwrite(os, fd, "more", 4, 4);
	assert_int_equal(os->ops->fdatasync(os, fd), 0);
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 0);
	assert_holds("/a", "textmore");
	assert_int_equal(stat_of("/a").mtime_ns, before);
}

static void an_unsynced_rename_gives_the_old_or_the_new_file(void **state)
{
	bool old = false, new = false;

	(void)state;
	put("/a", "old", true);
	put("/a.tmp", "new", true);
	sync_dir("/");
	os->ops->rename(os, "/a.tmp", "/a");
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct simdisk *d = simdisk_clone(disk);

		os = simdisk_os(d);
		simdisk_power_cut(d, seed);
		if (exists("/a.tmp")) {
			assert_holds("/a", "old");
			old = true;
		} else {
			assert_holds("/a", "new");
			new = true;
		}
		simdisk_free(d);
	}
	assert_true(old && new);
}

static void a_rename_over_unsynced_bytes_may_leave_an_empty_file(void **state)
{
	bool empty = false;

	(void)state;
	put("/a", "old", true);
	sync_dir("/");
	put("/a.tmp", "new", false); /* the fsync is missing */
	os->ops->rename(os, "/a.tmp", "/a");
	sync_dir("/");
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct simdisk *d = simdisk_clone(disk);

		os = simdisk_os(d);
		simdisk_power_cut(d, seed);
		empty = empty || stat_of("/a").size == 0;
		simdisk_free(d);
	}
	assert_true(empty);
}

static void a_rename_across_directories_is_kept_in_both_or_neither(void **state)
{
	bool moved = false, stayed = false;

	(void)state;
	os->ops->mkdir(os, "/new", 0755);
	os->ops->mkdir(os, "/cur", 0755);
	put("/new/m", "mail", true);
	sync_dir("/new");
	sync_dir("/");
	put("/cur/x", "", false);
	os->ops->rename(os, "/new/m", "/cur/m");
	put("/new/y", "", false);
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct simdisk *d = simdisk_clone(disk);

		os = simdisk_os(d);
		simdisk_power_cut(d, seed);
		assert_int_not_equal(exists("/new/m"), exists("/cur/m"));
		moved = moved || exists("/cur/m");
		stayed = stayed || exists("/new/m");
		/* each directory keeps a prefix */
		assert_false(exists("/cur/m") && !exists("/cur/x"));
		assert_false(exists("/new/y") && exists("/new/m"));
		simdisk_free(d);
	}
	assert_true(moved && stayed);
}

static void fsync_of_one_directory_makes_a_rename_durable_in_both(void **state)
{
	(void)state;
	os->ops->mkdir(os, "/new", 0755);
	os->ops->mkdir(os, "/cur", 0755);
	put("/new/m", "mail", true);
	sync_dir("/new");
	sync_dir("/");
	os->ops->rename(os, "/new/m", "/cur/m");
	put("/new/y", "", false);
	sync_dir("/cur");
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 0);
	assert_false(exists("/new/m"));
	assert_false(exists("/new/y"));
	assert_holds("/cur/m", "mail");
}

static void what_a_durable_rename_rests_on_is_durable_too(void **state)
{
	(void)state;
	os->ops->mkdir(os, "/new", 0755);
	os->ops->mkdir(os, "/cur", 0755);
	put("/new/a", "mail", true);
	sync_dir("/new");
	sync_dir("/");
	os->ops->rename(os, "/new/a", "/new/b");
	os->ops->rename(os, "/new/b", "/cur/b");
	sync_dir("/cur");
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 0);
	assert_false(exists("/new/a"));
	assert_holds("/cur/b", "mail");
}

/* Dovecot's move: link, then unlink, no fsync of either directory. */
static int lost_moves(enum simdisk_cut how)
{
	int lost = 0;

	os->ops->mkdir(os, "/a", 0755);
	os->ops->mkdir(os, "/b", 0755);
	put("/a/m", "mail", true);
	sync_dir("/a");
	sync_dir("/");
	os->ops->link(os, "/a/m", "/b/m");
	os->ops->unlink(os, "/a/m");
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct simdisk *d = simdisk_clone(disk);

		os = simdisk_os(d);
		simdisk_power_cut_mode(d, how, seed);
		lost += !exists("/a/m") && !exists("/b/m");
		simdisk_free(d);
	}
	return lost;
}

static void link_then_unlink_may_lose_a_file_across_directories(void **state)
{
	(void)state;
	assert_true(lost_moves(SIMDISK_RANDOM) > 0);
}

static void one_journal_never_loses_a_file_that_was_linked_first(void **state)
{
	(void)state;
	assert_int_equal(lost_moves(SIMDISK_ORDERED), 0);
}

static void what_is_in_an_undurable_directory_is_gone_with_it(void **state)
{
	(void)state;
	os->ops->mkdir(os, "/d", 0755);
	put("/d/a", "text", true);
	sync_dir("/d");
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 0);
	assert_false(exists("/d"));
}

static void a_removed_directory_never_takes_what_had_left_it(void **state)
{
	(void)state;
	os->ops->mkdir(os, "/d", 0755);
	os->ops->mkdir(os, "/e", 0755);
	put("/d/a", "text", true);
	sync_dir("/d");
	sync_dir("/");
	os->ops->rename(os, "/d/a", "/e/a");
	assert_int_equal(os->ops->rmdir(os, "/d"), 0);
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct simdisk *d = simdisk_clone(disk);

		os = simdisk_os(d);
		simdisk_power_cut(d, seed);
		assert_int_not_equal(exists("/d/a"), exists("/e/a"));
		simdisk_free(d);
	}
}

/* Four sectors of 'b' over 'a': which patterns of sectors are seen? */
static void an_unsynced_write_is_kept_lost_or_torn_at_sectors(void **state)
{
	uint8_t bytes[2048], got[2048];
	unsigned seen = 0;
	int fd;

	(void)state;
	memset(bytes, 'a', sizeof(bytes));
	simdisk_put(disk, "/f", bytes, sizeof(bytes));
	memset(bytes, 'b', sizeof(bytes));
	fd = open_file("/f", O_RDWR);
	os->ops->pwrite(os, fd, bytes, sizeof(bytes), 0);
	for (uint64_t seed = 0; seed < 3000; seed++) {
		struct simdisk *d = simdisk_clone(disk);
		unsigned pattern = 0;

		os = simdisk_os(d);
		simdisk_power_cut(d, seed);
		fd = open_file("/f", O_RDONLY);
		assert_int_equal(os->ops->pread(os, fd, got, 2048, 0), 2048);
		for (int i = 0; i < 4; i++) {
			for (int k = 1; k < 512; k++)
				assert_int_equal(
					got[512 * i + k], got[512 * i]);
			if (got[512 * i] == 'b')
				pattern |= 1U << i;
		}
		seen |= 1U << pattern;
		simdisk_free(d);
	}
	assert_int_equal(seen, 0xffff);
}

static void writes_may_be_kept_out_of_order_with_zeros_between(void **state)
{
	bool hole = false;
	int fd;

	(void)state;
	simdisk_put(disk, "/f", "", 0);
	fd = open_file("/f", O_WRONLY);
	os->ops->pwrite(os, fd, "first", 5, 0);
	os->ops->pwrite(os, fd, "second", 6, 5);
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct simdisk *d = simdisk_clone(disk);
		uint8_t got[12] = {0};

		os = simdisk_os(d);
		simdisk_power_cut(d, seed);
		fd = open_file("/f", O_RDONLY);
		if (os->ops->pread(os, fd, got, 11, 0) == 11 &&
			memcmp(got, "\0\0\0\0\0second", 11) == 0)
			hole = true;
		simdisk_free(d);
	}
	assert_true(hole);
}

static void the_same_seed_gives_the_same_power_cut(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		AUTO_FREE char *name = mem_printf("/f%d", i);

		put(name, name, i % 2);
	}
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct buf names[2] = {BUF_INIT, BUF_INIT};

		for (int i = 0; i < 2; i++) {
			struct simdisk *d = simdisk_clone(disk);

			os = simdisk_os(d);
			simdisk_power_cut(d, seed);
			os->ops->list(os, "/", &names[i]);
			simdisk_free(d);
		}
		assert_int_equal(names[0].len, names[1].len);
		assert_memory_equal(names[0].data, names[1].data, names[0].len);
		buf_free(&names[0]);
		buf_free(&names[1]);
	}
}

static void a_kill_keeps_bytes_and_a_later_cut_may_not(void **state)
{
	int fd;

	(void)state;
	fd = open_file("/a", O_WRONLY | O_CREAT);
	os->ops->pwrite(os, fd, "text", 4, 0);
	simdisk_kill(disk);
	assert_int_equal(os->ops->pwrite(os, fd, "x", 1, 0), -EBADF);
	assert_holds("/a", "text");
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 0);
	assert_false(exists("/a"));
}

static void a_clone_goes_its_own_way(void **state)
{
	struct simdisk *d;

	(void)state;
	put("/a", "one", true);
	sync_dir("/");
	put("/b", "two", false);
	d = simdisk_clone(disk);
	put("/a", "changed", true);
	os->ops->unlink(os, "/b");
	os = simdisk_os(d);
	assert_holds("/a", "one");
	assert_holds("/b", "two");
	simdisk_power_cut_mode(d, SIMDISK_ALL_LOST, 0);
	assert_holds("/a", "one");
	assert_false(exists("/b"));
	simdisk_free(d);
}

static void damage_is_seen_now_and_after_a_power_cut(void **state)
{
	(void)state;
	simdisk_put(disk, "/f", "abc", 3);
	simdisk_damage(disk, "/f", 1, 'b' ^ 'X');
	assert_holds("/f", "aXc");
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 0);
	assert_holds("/f", "aXc");
}

/* Random work on a few names, cut often: nothing crashes, nothing leaks. */
static void random_work_survives_random_power_cuts(void **state)
{
	static const char *const names[] = {"/a", "/b", "/d", "/d/a", "/d/b",
		"/d/d", "/d/d/a", "/e", "/e/d", "/e/a"};
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint32_t roll;
		const char *one, *two;
		int fd;

		os->ops->random(os, &roll, sizeof(roll));
		one = names[roll % 10];
		two = names[roll / 10 % 10];
		switch (roll / 100 % 9) {
		case 0:
			os->ops->mkdir(os, one, 0755);
			break;
		case 1:
		case 2:
			fd = os->ops->open(os, one, O_RDWR | O_CREAT, 0644);
			if (fd < 0)
				break;
			os->ops->pwrite(os, fd, names, roll % 77, roll % 1000);
			if (roll & 1024)
				os->ops->fsync(os, fd);
			if (roll & 2048)
				os->ops->close(os, fd);
			break;
		case 3:
		case 4:
			os->ops->rename(os, one, two);
			break;
		case 5:
			os->ops->link(os, one, two);
			break;
		case 6:
			os->ops->unlink(os, one);
			os->ops->rmdir(os, two);
			break;
		case 7:
			dir_sync(os, one, NULL);
			break;
		default:
			if (roll % 5 == 0)
				simdisk_power_cut_mode(
					disk, roll / 5 % 4, seed++);
			if (roll % 7 == 0) {
				struct simdisk *d = simdisk_clone(disk);

				simdisk_free(disk);
				disk = d;
				os = simdisk_os(d);
			}
		}
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_file_is_gone_when_its_directory_was_not_fsynced),
		T(a_file_is_empty_when_only_its_directory_was_fsynced),
		T(what_was_fsynced_survives_every_power_cut),
		T(all_kept_keeps_everything),
		T(fdatasync_makes_bytes_and_size_durable_but_not_times),
		T(an_unsynced_rename_gives_the_old_or_the_new_file),
		T(a_rename_over_unsynced_bytes_may_leave_an_empty_file),
		T(a_rename_across_directories_is_kept_in_both_or_neither),
		T(fsync_of_one_directory_makes_a_rename_durable_in_both),
		T(what_a_durable_rename_rests_on_is_durable_too),
		T(link_then_unlink_may_lose_a_file_across_directories),
		T(one_journal_never_loses_a_file_that_was_linked_first),
		T(what_is_in_an_undurable_directory_is_gone_with_it),
		T(a_removed_directory_never_takes_what_had_left_it),
		T(an_unsynced_write_is_kept_lost_or_torn_at_sectors),
		T(writes_may_be_kept_out_of_order_with_zeros_between),
		T(the_same_seed_gives_the_same_power_cut),
		T(a_kill_keeps_bytes_and_a_later_cut_may_not),
		T(a_clone_goes_its_own_way),
		T(damage_is_seen_now_and_after_a_power_cut),
		T(random_work_survives_random_power_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
