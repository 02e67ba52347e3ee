/* The simulated disk itself: what Linux answers, it answers. */
#include "onedisk.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

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

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
