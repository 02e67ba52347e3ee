/* The simulated disk itself: what survives, what fails, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "err.h"
#include "mem.h"
#include "os.h"
#include "simdisk.h"

static struct simdisk *disk;
static struct os *os;

static int setup(void **state)
{
	(void)state;
	disk = simdisk_new(7);
	os = simdisk_os(disk);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	simdisk_free(disk);
	return 0;
}

static int open_file(const char *path, int flags)
{
	int fd = os->ops->open(os, path, flags, 0644);

	assert_true(fd >= 0);
	return fd;
}

static void put(const char *path, const char *text, bool sync)
{
	int fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
	size_t len = strlen(text);

	assert_int_equal(os->ops->pwrite(os, fd, text, len, 0), len);
	if (sync)
		assert_int_equal(os->ops->fsync(os, fd), 0);
	assert_int_equal(os->ops->close(os, fd), 0);
}

static void sync_dir(const char *path)
{
	assert_int_equal(dir_sync(os, path, NULL), 0);
}

static bool exists(const char *path)
{
	struct os_stat st;

	return os->ops->lstat(os, path, &st) == 0;
}

static void assert_holds(const char *path, const char *text)
{
	AUTO_BUF struct buf b = BUF_INIT;

	assert_int_equal(file_read(os, path, 1 << 20, &b, NULL), 0);
	assert_string_equal(buf_str(&b), text);
}

static struct os_stat stat_of(const char *path)
{
	struct os_stat st = {0};

	assert_int_equal(os->ops->stat(os, path, &st), 0);
	return st;
}

/* ---- what survives ---- */

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

/* ---- faults ---- */

static void a_failed_fsync_drops_the_data_and_the_next_reports_success(
	void **state)
{
	int fd;

	(void)state;
	simdisk_put(disk, "/f", "old", 3);
	fd = open_file("/f", O_RDWR);
	os->ops->pwrite(os, fd, "new longer", 10, 0);
	simdisk_fail_at(disk, 1, EIO);
	assert_int_equal(os->ops->fsync(os, fd), -EIO);
	assert_true(simdisk_fired(disk));
	assert_int_equal(os->ops->fsync(os, fd), 0);
	assert_holds("/f", "new longer"); /* still in memory */
	simdisk_power_cut_mode(disk, SIMDISK_ALL_KEPT, 0);
	assert_int_equal(stat_of("/f").size, 10);
	assert_holds("/f", "old"); /* then zeros */
}

static void what_is_written_after_a_failed_fsync_is_durable_again(void **state)
{
	char got[8];
	int fd;

	(void)state;
	simdisk_put(disk, "/f", "", 0);
	fd = open_file("/f", O_RDWR);
	os->ops->pwrite(os, fd, "aaaa", 4, 0);
	simdisk_fail_at(disk, 1, EIO);
	assert_int_equal(os->ops->fdatasync(os, fd), -EIO);
	os->ops->pwrite(os, fd, "bbbb", 4, 4);
	assert_int_equal(os->ops->fsync(os, fd), 0);
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 0);
	fd = open_file("/f", O_RDONLY);
	assert_int_equal(os->ops->pread(os, fd, got, 8, 0), 8);
	assert_memory_equal(got, "\0\0\0\0bbbb", 8);
}

static void the_nth_call_fails_once_and_has_no_effect(void **state)
{
	(void)state;
	simdisk_fail_at(disk, 2, ENOSPC);
	assert_int_equal(os->ops->mkdir(os, "/a", 0755), 0);
	assert_int_equal(os->ops->mkdir(os, "/b", 0755), -ENOSPC);
	assert_false(exists("/b"));
	assert_int_equal(os->ops->mkdir(os, "/b", 0755), 0);
}

static void a_short_write_writes_a_part_and_says_so(void **state)
{
	int fd = open_file("/f", O_RDWR | O_CREAT);
	ssize_t n;

	(void)state;
	simdisk_short_at(disk, 1);
	n = os->ops->pwrite(os, fd, "0123456789", 10, 0);
	assert_in_range(n, 1, 9);
	assert_int_equal(stat_of("/f").size, n);
	assert_int_equal(os->ops->pwrite(os, fd, "0123456789", 10, 0), 10);
}

static void after_a_stop_every_call_fails_and_nothing_changes(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct os_stat st;
	int fd = open_file("/f", O_RDWR | O_CREAT);

	(void)state;
	simdisk_stop_at(disk, 2);
	assert_int_equal(os->ops->mkdir(os, "/a", 0755), 0);
	assert_int_equal(os->ops->rename(os, "/f", "/g"), -EIO);
	assert_true(simdisk_stopped(disk));
	assert_int_equal(os->ops->mkdir(os, "/b", 0755), -EIO);
	assert_int_equal(os->ops->fsync(os, fd), -EIO);
	assert_int_equal(os->ops->stat(os, "/", &st), -EIO);
	assert_int_equal(os->ops->list(os, "/", &b), -EIO);
	assert_int_equal(os->ops->open(os, "/f", O_RDONLY, 0), -EIO);
	assert_int_equal(os->ops->close(os, fd), 0);
	simdisk_kill(disk);
	assert_true(exists("/a"));
	assert_true(exists("/f"));
	assert_false(exists("/b"));
}

static void a_stop_in_a_write_leaves_none_part_or_all(void **state)
{
	bool none = false, part = false, all = false;

	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct simdisk *d = simdisk_new(seed);
		int64_t size;
		int fd;

		os = simdisk_os(d);
		fd = open_file("/f", O_RDWR | O_CREAT);
		simdisk_stop_at(d, 1);
		assert_int_equal(os->ops->pwrite(os, fd, "abc", 3, 0), -EIO);
		simdisk_kill(d);
		size = stat_of("/f").size;
		none = none || size == 0;
		part = part || size == 1 || size == 2;
		all = all || size == 3;
		simdisk_free(d);
	}
	assert_true(none && part && all);
}

static void calls_are_counted_and_only_file_changing_ones(void **state)
{
	uint64_t before = simdisk_calls(disk);
	struct os_stat st;
	int fd = open_file("/f", O_RDWR | O_CREAT);
	char byte;

	(void)state;
	os->ops->pwrite(os, fd, "a", 1, 0);
	os->ops->pread(os, fd, &byte, 1, 0);
	os->ops->fstat(os, fd, &st);
	os->ops->fsync(os, fd);
	os->ops->close(os, fd);
	assert_int_equal(simdisk_calls(disk) - before, 3);
	simdisk_put(disk, "/x/y/z", "", 0);
	assert_int_equal(simdisk_calls(disk) - before, 3);
}

/* file_replace, stopped at each call and cut: old or new, never else. */
static void file_replace_survives_a_stop_at_every_call(void **state)
{
	bool fired = true;

	(void)state;
	simdisk_put(disk, "/d/f", "old", 3);
	for (uint64_t n = 1; fired; n++) {
		for (uint64_t seed = 0; seed < 40; seed++) {
			struct simdisk *d = simdisk_clone(disk);
			AUTO_BUF struct buf b = BUF_INIT;
			int r;

			os = simdisk_os(d);
			simdisk_stop_at(d, n);
			r = file_replace(os, "/d/f", "newer", 5, 0644, NULL);
			fired = simdisk_fired(d);
			assert_int_equal(r == 0, !fired);
			assert_int_equal(simdisk_open_files(d), 0);
			simdisk_power_cut(d, seed);
			assert_int_equal(file_read(os, "/d/f", 9, &b, NULL), 0);
			if (r == 0 || strcmp(buf_str(&b), "old") != 0)
				assert_string_equal(buf_str(&b), "newer");
			simdisk_free(d);
		}
	}
}

static void rename_before_list(void *ctx, const char *call, const char *path)
{
	int *n = ctx;

	if (strcmp(call, "list") == 0 && strcmp(path, "/d") == 0) {
		(*n)++;
		os->ops->rename(os, "/d/a", "/d/b");
	}
}

static void a_hook_plays_another_process_before_a_call(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;
	int n = 0;

	(void)state;
	simdisk_put(disk, "/d/a", "", 0);
	simdisk_hook(disk, rename_before_list, &n);
	assert_int_equal(os->ops->list(os, "/d", &b), 0);
	assert_true(os_list_next(&b, &at, &entry));
	assert_string_equal(entry.name, "b");
	assert_int_equal(n, 1);
	assert_int_equal(simdisk_calls(disk), 0);
}

static void a_full_disk_gives_a_short_write_and_then_enospc(void **state)
{
	uint64_t space, total;
	int fd = open_file("/f", O_RDWR | O_CREAT);

	(void)state;
	simdisk_set_space(disk, 5, 100);
	assert_int_equal(os->ops->pwrite(os, fd, "01234567", 8, 0), 5);
	assert_int_equal(os->ops->pwrite(os, fd, "567", 3, 5), -ENOSPC);
	assert_int_equal(os->ops->pwrite(os, fd, "abc", 3, 0), 3);
	os->ops->space(os, "/", &space, &total);
	assert_int_equal(space, 0);
	assert_int_equal(total, 100);
	os->ops->close(os, fd);
	os->ops->unlink(os, "/f");
	sync_dir("/");
	os->ops->space(os, "/", &space, &total);
	assert_int_equal(space, 5);
}

/* ---- as Linux answers ---- */

static void open_refuses_what_linux_refuses(void **state)
{
	(void)state;
	simdisk_put(disk, "/d/f", "x", 1);
	assert_int_equal(os->ops->open(os, "/d/g", O_RDONLY, 0), -ENOENT);
	assert_int_equal(
		os->ops->open(os, "/n/g", O_RDWR | O_CREAT, 0), -ENOENT);
	assert_int_equal(os->ops->open(os, "/d/f/g", O_RDONLY, 0), -ENOTDIR);
	assert_int_equal(os->ops->open(os, "/d/f/", O_RDONLY, 0), -ENOTDIR);
	assert_int_equal(os->ops->open(os, "/d", O_RDWR, 0), -EISDIR);
	assert_int_equal(
		os->ops->open(os, "/d", O_RDONLY | O_CREAT, 0), -EISDIR);
	assert_int_equal(
		os->ops->open(os, "/d/f", O_RDONLY | O_DIRECTORY, 0), -ENOTDIR);
	assert_int_equal(
		os->ops->open(os, "/d/f", O_RDWR | O_CREAT | O_EXCL, 0),
		-EEXIST);
	assert_int_equal(os->ops->open(os, "", O_RDONLY, 0), -ENOENT);
}

static void a_descriptor_does_only_what_it_was_opened_for(void **state)
{
	char byte;
	int r, w;

	(void)state;
	simdisk_put(disk, "/f", "x", 1);
	r = open_file("/f", O_RDONLY);
	w = open_file("/f", O_WRONLY);
	assert_int_equal(os->ops->pwrite(os, r, "y", 1, 0), -EBADF);
	assert_int_equal(os->ops->pread(os, w, &byte, 1, 0), -EBADF);
	assert_int_equal(os->ops->ftruncate(os, r, 0), -EINVAL);
	assert_int_equal(os->ops->close(os, r), 0);
	assert_int_equal(os->ops->close(os, r), -EBADF);
	assert_int_equal(os->ops->fsync(os, r), -EBADF);
}

static void rename_answers_as_linux_does(void **state)
{
	(void)state;
	simdisk_put(disk, "/d/f", "x", 1);
	simdisk_put(disk, "/e/g", "y", 1);
	os->ops->mkdir(os, "/empty", 0755);
	assert_int_equal(os->ops->rename(os, "/no", "/d/f"), -ENOENT);
	assert_int_equal(os->ops->rename(os, "/d/f", "/e"), -EISDIR);
	assert_int_equal(os->ops->rename(os, "/d", "/e/g"), -ENOTDIR);
	assert_int_equal(os->ops->rename(os, "/d", "/e"), -ENOTEMPTY);
	assert_int_equal(os->ops->rename(os, "/d", "/d/x"), -EINVAL);
	assert_int_equal(os->ops->rename(os, "/d", "/empty"), 0);
	assert_holds("/empty/f", "x");
	assert_false(exists("/d"));
	/* two names of one file: nothing happens */
	assert_int_equal(os->ops->link(os, "/e/g", "/e/h"), 0);
	assert_int_equal(os->ops->rename(os, "/e/g", "/e/h"), 0);
	assert_true(exists("/e/g") && exists("/e/h"));
	assert_int_equal(stat_of("/e/g").nlink, 2);
}

static void hard_links_share_an_inode_and_its_bytes(void **state)
{
	(void)state;
	put("/a", "one", false);
	assert_int_equal(os->ops->link(os, "/a", "/b"), 0);
	assert_int_equal(os->ops->link(os, "/a", "/b"), -EEXIST);
	assert_int_equal(os->ops->link(os, "/", "/c"), -EPERM);
	assert_int_equal(stat_of("/a").ino, stat_of("/b").ino);
	put("/a", "two", false);
	assert_holds("/b", "two");
	os->ops->unlink(os, "/a");
	assert_holds("/b", "two");
	assert_int_equal(stat_of("/b").nlink, 1);
}

static void an_unlinked_file_lives_while_it_is_open(void **state)
{
	char byte = 0;
	int fd;

	(void)state;
	put("/a", "x", true);
	fd = open_file("/a", O_RDONLY);
	assert_int_equal(os->ops->unlink(os, "/a"), 0);
	assert_int_equal(os->ops->pread(os, fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 'x');
	assert_int_equal(os->ops->close(os, fd), 0);
}

static void directories_are_removed_only_when_empty(void **state)
{
	(void)state;
	simdisk_put(disk, "/d/f", "", 0);
	assert_int_equal(os->ops->mkdir(os, "/d", 0755), -EEXIST);
	assert_int_equal(os->ops->rmdir(os, "/d"), -ENOTEMPTY);
	assert_int_equal(os->ops->rmdir(os, "/d/f"), -ENOTDIR);
	assert_int_equal(os->ops->unlink(os, "/d"), -EISDIR);
	assert_int_equal(os->ops->unlink(os, "/d/f"), 0);
	assert_int_equal(os->ops->unlink(os, "/d/f"), -ENOENT);
	assert_int_equal(os->ops->rmdir(os, "/d"), 0);
	assert_int_equal(os->ops->rmdir(os, "/"), -EBUSY);
}

static void paths_may_hold_dots_and_double_slashes(void **state)
{
	AUTO_FREE char *name = mem_alloc(300);

	(void)state;
	simdisk_put(disk, "/d/e/f", "x", 1);
	assert_holds("d//./e/../e/f", "x");
	assert_holds("/../d/e/f", "x");
	memset(name, 'n', 256);
	assert_int_equal(
		os->ops->open(os, name, O_RDWR | O_CREAT, 0), -ENAMETOOLONG);
	name[255] = '\0';
	put(name, "", false);
}

static void many_names_are_listed_found_and_removed(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;
	char name[32];
	int count = 0;

	(void)state;
	os->ops->mkdir(os, "/sub", 0755);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "/f%d", i);
		put(name, "", false);
	}
	for (int i = 0; i < 1000; i += 3) {
		snprintf(name, sizeof(name), "/f%d", i);
		assert_int_equal(os->ops->unlink(os, name), 0);
	}
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "/f%d", i);
		assert_int_equal(exists(name), i % 3 != 0);
	}
	os->ops->list(os, "/", &b);
	while (os_list_next(&b, &at, &entry)) {
		AUTO_FREE char *path = mem_printf("/%s", entry.name);

		assert_int_equal(entry.ino, stat_of(path).ino);
		assert_int_equal(entry.type,
			strcmp(entry.name, "sub") == 0 ? DT_DIR : DT_REG);
		count++;
	}
	assert_int_equal(count, 1 + 666);
}

static void append_mode_writes_at_the_end_as_linux_does(void **state)
{
	int fd;

	(void)state;
	put("/f", "abc", false);
	fd = open_file("/f", O_WRONLY | O_APPEND);
	os->ops->pwrite(os, fd, "def", 3, 0);
	assert_holds("/f", "abcdef");
}

static void truncation_and_growth_leave_zeros(void **state)
{
	char got[8];
	int fd = open_file("/f", O_RDWR | O_CREAT);

	(void)state;
	os->ops->pwrite(os, fd, "abcdefgh", 8, 0);
	assert_int_equal(os->ops->ftruncate(os, fd, 2), 0);
	assert_int_equal(os->ops->ftruncate(os, fd, 8), 0);
	assert_int_equal(os->ops->pread(os, fd, got, 8, 0), 8);
	assert_memory_equal(got, "ab\0\0\0\0\0\0", 8);
	assert_int_equal(os->ops->fsync(os, fd), 0);
	sync_dir("/");
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 0);
	fd = open_file("/f", O_RDONLY);
	assert_int_equal(os->ops->pread(os, fd, got, 8, 0), 8);
	assert_memory_equal(got, "ab\0\0\0\0\0\0", 8);
}

static void a_sync_of_the_file_system_leaves_nothing_to_lose(void **state)
{
	int dir;

	(void)state;
	put("/old", "a", true);
	assert_int_equal(os->ops->mkdir(os, "/d", 0755), 0);
	put("/d/f", "not synced", false);
	assert_int_equal(os->ops->rename(os, "/old", "/d/new"), 0);
	dir = open_file("/d", O_RDONLY);
	simdisk_fail_at(disk, 1, EIO);
	assert_int_equal(os->ops->sync_fs(os, dir), -EIO);
	assert_int_equal(os->ops->sync_fs(os, dir), 0);
	put("/d/late", "x", false);
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 0);
	assert_holds("/d/f", "not synced");
	assert_holds("/d/new", "a");
	assert_int_equal(os->ops->open(os, "/old", O_RDONLY, 0), -ENOENT);
	assert_int_equal(os->ops->open(os, "/d/late", O_RDONLY, 0), -ENOENT);
}

static void locks_exclude_other_open_files_by_range(void **state)
{
	const struct os_ops *o = os->ops;
	int a, b;

	(void)state;
	put("/f", "", false);
	a = open_file("/f", O_RDWR);
	b = open_file("/f", O_RDWR);
	assert_int_equal(o->lock(os, a, OS_LOCK_READ, 0, 10), 0);
	assert_int_equal(o->lock(os, b, OS_LOCK_READ, 5, 10), 0);
	assert_int_equal(o->lock(os, b, OS_LOCK_WRITE, 9, 1), -EAGAIN);
	assert_int_equal(o->lock(os, b, OS_LOCK_WRITE, 10, 0), 0);
	assert_int_equal(o->lock(os, a, OS_LOCK_READ, 1000, 1), -EAGAIN);
	/* the middle is released, both sides stay */
	assert_int_equal(o->lock(os, b, OS_LOCK_NONE, 0, 0), 0);
	assert_int_equal(o->lock(os, a, OS_LOCK_NONE, 4, 2), 0);
	assert_int_equal(o->lock(os, b, OS_LOCK_WRITE, 4, 2), 0);
	assert_int_equal(o->lock(os, b, OS_LOCK_WRITE, 3, 1), -EAGAIN);
	assert_int_equal(o->lock(os, b, OS_LOCK_WRITE, 6, 1), -EAGAIN);
	/* closing one drops its locks only */
	o->close(os, a);
	assert_int_equal(o->lock(os, b, OS_LOCK_WRITE, 0, 0), 0);
	a = open_file("/f", O_RDONLY);
	assert_int_equal(o->lock(os, a, OS_LOCK_READ, 0, 1), -EAGAIN);
	simdisk_power_cut_mode(disk, SIMDISK_ALL_KEPT, 0);
	a = open_file("/f", O_RDONLY);
	assert_int_equal(o->lock(os, a, OS_LOCK_READ, 0, 0), 0);
	assert_int_equal(o->lock(os, a, OS_LOCK_WRITE, 0, 0), -EBADF);
}

static void a_lease_is_had_only_while_nobody_else_has_the_file_open(
	void **state)
{
	const struct os_ops *o = os->ops;
	int a, b;

	(void)state;
	put("/f", "", false);
	a = open_file("/f", O_RDWR);
	b = open_file("/f", O_RDONLY);
	assert_int_equal(o->lease(os, a, true), -EAGAIN);
	o->close(os, b);
	assert_int_equal(o->lease(os, a, true), 0);
	assert_int_equal(o->lease(os, a, false), 0);
	assert_int_equal(o->lease(os, b, true), -EBADF);
}

static void times_move_with_the_clock_in_steps_of_the_kernels(void **state)
{
	struct os_stat before, after;
	int64_t now = INT64_C(1800000000123456789);
	int fd;

	(void)state;
	simdisk_set_tick(disk, 0);
	simdisk_set_wall(disk, now);
	assert_int_equal(os->ops->wall_ns(os), now);
	os->ops->mkdir(os, "/d", 0755);
	put("/d/f", "x", false);
	before = stat_of("/d/f");
	assert_int_equal(before.mtime_ns, now - now % 4000000);
	assert_int_equal(stat_of("/d").ctime_ns, before.ctime_ns);
	os->ops->sleep_ns(os, 10000000);
	os->ops->rename(os, "/d/f", "/d/g"); /* ctime of both, mtime of one */
	after = stat_of("/d/g");
	assert_int_equal(after.mtime_ns, before.mtime_ns);
	assert_true(after.ctime_ns > before.ctime_ns);
	assert_int_equal(stat_of("/d").mtime_ns, after.ctime_ns);
	fd = open_file("/d/g", O_RDONLY);
	os->ops->futimens(os, fd, 5);
	assert_int_equal(os->ops->fchmod(os, fd, 0600), 0);
	after = stat_of("/d/g");
	assert_int_equal(after.mtime_ns, 5);
	assert_int_equal(after.mode, S_IFREG | 0600);
}

static void the_machine_is_what_the_test_says(void **state)
{
	uint8_t one[16], two[16];
	char host[8];

	(void)state;
	simdisk_set_pid(disk, 42);
	simdisk_set_other_pid(disk, 43);
	simdisk_set_hostname(disk, "longish.example.org");
	assert_int_equal(os->ops->pid(os), 42);
	assert_true(os->ops->pid_alive(os, 42));
	assert_true(os->ops->pid_alive(os, 43));
	assert_false(os->ops->pid_alive(os, 44));
	assert_false(os->ops->pid_alive(os, 0));
	os->ops->hostname(os, host, sizeof(host));
	assert_string_equal(host, "longish");
	os->ops->random(os, one, sizeof(one));
	os->ops->random(os, two, sizeof(two));
	assert_memory_not_equal(one, two, sizeof(one));
	assert_true(os->ops->mono_ns(os) < os->ops->mono_ns(os));
	assert_int_equal(os->ops->become(os, 1001, 1002), 0);
	put("/f", "", false);
	assert_int_equal(stat_of("/f").uid, 1001);
	assert_int_equal(stat_of("/f").gid, 1002);
	simdisk_set_dev(disk, 9);
	assert_int_equal(stat_of("/f").dev, 9);
}

static void a_power_cut_starts_the_machine_and_a_kill_does_not(void **state)
{
	int64_t started = os->ops->started_ns(os);

	(void)state;
	assert_true(started < os->ops->wall_ns(os));
	put("/f", "x", true);
	simdisk_kill(disk);
	assert_int_equal(os->ops->started_ns(os), started);
	simdisk_power_cut_mode(disk, SIMDISK_ALL_KEPT, 0);
	assert_true(os->ops->started_ns(os) > stat_of("/f").ctime_ns);
	started = os->ops->started_ns(os);
	simdisk_set_wall(disk, os->ops->wall_ns(os) + INT64_C(3600000000000));
	assert_in_range(os->ops->started_ns(os) - started,
		INT64_C(3599000000000), INT64_C(3601000000000));
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
		T(a_failed_fsync_drops_the_data_and_the_next_reports_success),
		T(what_is_written_after_a_failed_fsync_is_durable_again),
		T(the_nth_call_fails_once_and_has_no_effect),
		T(a_short_write_writes_a_part_and_says_so),
		T(after_a_stop_every_call_fails_and_nothing_changes),
		T(a_stop_in_a_write_leaves_none_part_or_all),
		T(calls_are_counted_and_only_file_changing_ones),
		T(file_replace_survives_a_stop_at_every_call),
		T(a_hook_plays_another_process_before_a_call),
		T(a_full_disk_gives_a_short_write_and_then_enospc),
		T(open_refuses_what_linux_refuses),
		T(a_descriptor_does_only_what_it_was_opened_for),
		T(rename_answers_as_linux_does),
		T(hard_links_share_an_inode_and_its_bytes),
		T(an_unlinked_file_lives_while_it_is_open),
		T(directories_are_removed_only_when_empty),
		T(paths_may_hold_dots_and_double_slashes),
		T(many_names_are_listed_found_and_removed),
		T(append_mode_writes_at_the_end_as_linux_does),
		T(truncation_and_growth_leave_zeros),
		T(a_sync_of_the_file_system_leaves_nothing_to_lose),
		T(locks_exclude_other_open_files_by_range),
		T(a_lease_is_had_only_while_nobody_else_has_the_file_open),
		T(times_move_with_the_clock_in_steps_of_the_kernels),
		T(the_machine_is_what_the_test_says),
		T(a_power_cut_starts_the_machine_and_a_kill_does_not),
		T(damage_is_seen_now_and_after_a_power_cut),
		T(random_work_survives_random_power_cuts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
