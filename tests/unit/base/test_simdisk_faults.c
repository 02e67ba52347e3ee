/* The simulated disk itself: calls that fail, and where it stops. */
#include "onedisk.h"

#include <errno.h>

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

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
