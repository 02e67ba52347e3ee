/* Whole-file helpers: over a simulated disk, with each call failing once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
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
	disk = simdisk_new(3);
	os = simdisk_os(disk);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(simdisk_open_files(disk), 0);
	simdisk_free(disk);
	return 0;
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

static void read_appends_and_keeps_to_its_limit(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	simdisk_put(disk, "/f", "12345", 5);
	buf_add_str(&b, "x");
	assert_int_equal(file_read(os, "/f", 5, &b, &err), 0);
	assert_string_equal(buf_str(&b), "x12345");
	assert_int_equal(file_read(os, "/f", 4, &b, &err), ERR_LIMIT);
	assert_string_equal(buf_str(&b), "x12345");
	assert_string_equal(err.text, "read /f: larger than 4 bytes");
	assert_int_equal(file_read(os, "/no", 5, &b, &err), ERR_ABSENT);
	assert_int_equal(file_read(os, "/", 5, &b, &err), ERR_IO);
	assert_string_equal(buf_str(&b), "x12345");
}

static void read_takes_files_of_any_size_up_to_the_limit(void **state)
{
	static uint8_t bytes[200000];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i % 251);
	for (size_t len = 0; len <= sizeof(bytes); len += 65536 / 2) {
		AUTO_BUF struct buf b = BUF_INIT;

		simdisk_put(disk, "/f", bytes, len);
		assert_int_equal(file_read(os, "/f", len, &b, NULL), 0);
		assert_int_equal(b.len, len);
		if (len)
			assert_memory_equal(b.data, bytes, len);
		buf_clear(&b);
		if (len)
			assert_int_equal(file_read(os, "/f", len - 1, &b, NULL),
				ERR_LIMIT);
	}
}

static void read_all_says_torn_where_the_file_ends(void **state)
{
	struct err err = ERR_INIT;
	char got[8];
	int fd;

	(void)state;
	simdisk_put(disk, "/f", "12345", 5);
	fd = os->ops->open(os, "/f", O_RDONLY, 0);
	assert_int_equal(os_read_all(os, fd, got, 4, 1, "/f", &err), 0);
	assert_memory_equal(got, "2345", 4);
	assert_int_equal(os_read_all(os, fd, got, 5, 1, "/f", &err), ERR_TORN);
	os->ops->close(os, fd);
}

static void write_all_goes_on_after_a_short_write(void **state)
{
	int fd = os->ops->open(os, "/f", O_RDWR | O_CREAT, 0644);
	struct err err = ERR_INIT;

	(void)state;
	simdisk_short_at(disk, 1);
	assert_int_equal(
		os_write_all(os, fd, "0123456789", 10, 0, "/f", &err), 0);
	assert_true(simdisk_fired(disk));
	assert_holds("/f", "0123456789");
	simdisk_set_space(disk, 3, 100);
	assert_int_equal(
		os_write_all(os, fd, "abcdef", 6, 10, "/f", &err), ERR_IO);
	assert_int_equal(err.os_errno, ENOSPC);
	assert_string_equal(err.text, "write /f: No space left on device");
	os->ops->close(os, fd);
}

static void replace_leaves_old_or_new_whichever_call_fails(void **state)
{
	bool fired = true;

	(void)state;
	for (uint64_t n = 1; fired; n++) {
		struct err err = ERR_INIT;
		int r;

		simdisk_put(disk, "/d/f", "old", 3);
		simdisk_fail_at(disk, n, EIO);
		r = file_replace(os, "/d/f", "newer", 5, 0600, &err);
		fired = simdisk_fired(disk);
		simdisk_faults_clear(disk);
		assert_int_equal(r == 0, !fired);
		assert_int_equal(simdisk_open_files(disk), 0);
		assert_false(exists("/d/f.tmp"));
		if (r < 0) {
			AUTO_BUF struct buf b = BUF_INIT;

			assert_int_equal(r, ERR_IO);
			assert_int_equal(file_read(os, "/d/f", 9, &b, NULL), 0);
			/* only the directory's fsync comes too late */
			if (strstr(err.text, "fsync directory"))
				assert_string_equal(buf_str(&b), "newer");
			else
				assert_string_equal(buf_str(&b), "old");
		}
	}
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 0);
	assert_holds("/d/f", "newer");
}

static void replace_is_not_hindered_by_what_a_crash_left(void **state)
{
	struct os_stat st;

	(void)state;
	simdisk_put(disk, "/f.tmp", "left over and longer", 20);
	assert_int_equal(file_replace(os, "f", "new", 3, 0600, NULL), 0);
	assert_holds("/f", "new");
	assert_int_equal(os->ops->stat(os, "/f", &st), 0);
	assert_int_equal(st.mode & 07777, 0600);
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 0);
	assert_holds("/f", "new");
}

static void directories_are_made_durable_with_their_parents(void **state)
{
	(void)state;
	assert_int_equal(dir_make(os, "/a/b/c/", 0700, NULL), 0);
	assert_int_equal(dir_make(os, "rel/x", 0700, NULL), 0);
	assert_int_equal(dir_make(os, "/", 0700, NULL), 0);
	simdisk_power_cut_mode(disk, SIMDISK_ALL_LOST, 0);
	assert_true(exists("/a/b/c"));
	assert_true(exists("/rel/x"));
}

/* Killed at any call, run again, then the power goes. */
static void directories_are_durable_after_a_kill_and_a_second_run(void **state)
{
	bool fired = true;

	(void)state;
	for (uint64_t n = 1; fired; n++) {
		struct simdisk *d = simdisk_new(n);

		os = simdisk_os(d);
		simdisk_stop_at(d, n);
		dir_make(os, "/a/b/c", 0700, NULL);
		fired = simdisk_fired(d);
		simdisk_kill(d);
		assert_int_equal(dir_make(os, "/a/b/c", 0700, NULL), 0);
		simdisk_power_cut_mode(d, SIMDISK_ALL_LOST, 0);
		assert_true(exists("/a/b/c"));
		simdisk_free(d);
	}
}

static void make_refuses_a_file_in_the_way(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	simdisk_put(disk, "/f", "", 0);
	assert_true(dir_make(os, "/f", 0700, &err) < 0);
	assert_true(dir_make(os, "/f/g", 0700, &err) < 0);
	assert_int_equal(dir_sync(os, "/f", &err), ERR_ABSENT);
	assert_int_equal(err.os_errno, ENOTDIR);
}

static void many_files_are_made_durable_at_once_and_few_are_not(void **state)
{
	struct os_ops without = *os->ops;
	struct os bare = {.ops = &without};
	struct err err = ERR_INIT;
	uint64_t calls;
	int fd;

	(void)state;
	os->ops->mkdir(os, "/d", 0755);
	fd = os->ops->open(os, "/d", O_RDONLY | O_DIRECTORY, 0);
	calls = simdisk_calls(disk);
	assert_int_equal(os_sync_many(os, fd, 3, "/d", &err), 0);
	assert_int_equal(simdisk_calls(disk), calls);
	assert_int_equal(os_sync_many(os, fd, 100, "/d", &err), 1);
	assert_int_equal(simdisk_calls(disk), calls + 1);
	simdisk_fail_at(disk, 1, EIO);
	assert_int_equal(os_sync_many(os, fd, 100, "/d", &err), ERR_IO);
	simdisk_fail_at(disk, 1, EOPNOTSUPP);
	assert_int_equal(os_sync_many(os, fd, 100, "/d", &err), 0);
	without.sync_fs = NULL;
	assert_int_equal(os_sync_many(&bare, fd, 100, "/d", &err), 0);
	os->ops->close(os, fd);
}

static void remove_takes_a_whole_tree_and_nothing_beside_it(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	simdisk_put(disk, "/d/a/b/f", "", 0);
	simdisk_put(disk, "/d/a/g", "", 0);
	simdisk_put(disk, "/d/h", "", 0);
	simdisk_put(disk, "/da", "", 0);
	assert_int_equal(dir_remove(os, "/d", &err), 0);
	assert_false(exists("/d"));
	assert_true(exists("/da"));
	assert_int_equal(dir_remove(os, "/d", &err), 0);
	assert_int_equal(dir_remove(os, "/da", &err), 0);
	assert_false(exists("/da"));
	simdisk_put(disk, "/d/a", "", 0);
	simdisk_fail_at(disk, 1, EIO);
	assert_int_equal(dir_remove(os, "/d", &err), ERR_IO);
	assert_string_equal(err.text, "remove /d/a: Input/output error");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(read_appends_and_keeps_to_its_limit),
		T(read_takes_files_of_any_size_up_to_the_limit),
		T(read_all_says_torn_where_the_file_ends),
		T(write_all_goes_on_after_a_short_write),
		T(replace_leaves_old_or_new_whichever_call_fails),
		T(replace_is_not_hindered_by_what_a_crash_left),
		T(directories_are_made_durable_with_their_parents),
		T(directories_are_durable_after_a_kill_and_a_second_run),
		T(make_refuses_a_file_in_the_way),
		T(many_files_are_made_durable_at_once_and_few_are_not),
		T(remove_takes_a_whole_tree_and_nothing_beside_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
