/* The real system, in a directory of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "err.h"
#include "mem.h"
#include "os.h"

static struct os *os;
static char dir[64];

static int setup_in(const char *base)
{
	os = os_real();
	snprintf(dir, sizeof(dir), "%s/packetboat-test-XXXXXX", base);
	if (!mkdtemp(dir))
		return -1;
	return chdir(dir);
}

static int setup(void **state)
{
	(void)state;
	return setup_in("/tmp");
}

/*
 * A tmpfs says so little of a directory's size that the first buffer is too
 * small for long names. Where there is none, this is like setup.
 */
static int setup_tmpfs(void **state)
{
	(void)state;
	return setup_in(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
}

static int teardown(void **state)
{
	(void)state;
	if (chdir("/") < 0)
		return -1;
	return dir_remove(os, dir, NULL);
}

static int open_file(const char *path, int flags)
{
	int fd = os->ops->open(os, path, flags, 0644);

	assert_true(fd >= 0);
	return fd;
}

static void touch(const char *path)
{
	os->ops->close(os, open_file(path, O_WRONLY | O_CREAT));
}

static struct os_stat stat_of(const char *path)
{
	struct os_stat st = {0};

	assert_int_equal(os->ops->lstat(os, path, &st), 0);
	return st;
}

static void failures_are_minus_errno(void **state)
{
	struct os_stat st;
	struct buf b = BUF_INIT;
	char byte;

	(void)state;
	assert_int_equal(os->ops->open(os, "no", O_RDONLY, 0), -ENOENT);
	assert_int_equal(os->ops->close(os, -1), -EBADF);
	assert_int_equal(os->ops->pread(os, -1, &byte, 1, 0), -EBADF);
	assert_int_equal(os->ops->pwrite(os, -1, "x", 1, 0), -EBADF);
	assert_int_equal(os->ops->sync_fs(os, -1), -EBADF);
	assert_int_equal(os->ops->fsync(os, -1), -EBADF);
	assert_int_equal(os->ops->fdatasync(os, -1), -EBADF);
	assert_int_equal(os->ops->ftruncate(os, -1, 0), -EBADF);
	assert_int_equal(os->ops->fstat(os, -1, &st), -EBADF);
	assert_int_equal(os->ops->lstat(os, "no", &st), -ENOENT);
	assert_int_equal(os->ops->stat(os, "no", &st), -ENOENT);
	assert_int_equal(os->ops->rename(os, "no", "no2"), -ENOENT);
	assert_int_equal(os->ops->link(os, "no", "no2"), -ENOENT);
	assert_int_equal(os->ops->unlink(os, "no"), -ENOENT);
	assert_int_equal(os->ops->mkdir(os, ".", 0700), -EEXIST);
	assert_int_equal(os->ops->rmdir(os, "no"), -ENOENT);
	assert_int_equal(os->ops->futimens(os, -1, 0), -EBADF);
	assert_int_equal(os->ops->fchmod(os, -1, 0600), -EBADF);
	assert_int_equal(os->ops->list(os, "no", &b), -ENOENT);
	assert_null(b.data);
	assert_int_equal(os->ops->lock(os, -1, OS_LOCK_READ, 0, 0), -EBADF);
}

static void bytes_times_and_mode_come_back(void **state)
{
	int fd = open_file("f", O_RDWR | O_CREAT);
	struct os_stat st;
	char got[4];

	(void)state;
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(os->ops->pwrite(os, fd, "text", 4, 10), 4);
	assert_int_equal(os->ops->pread(os, fd, got, 4, 10), 4);
	assert_memory_equal(got, "text", 4);
	int r = os->ops->sync_fs(os, fd);
	assert_true(r == 0 || r == -EOPNOTSUPP);
	assert_int_equal(os->ops->fsync(os, fd), 0);
	assert_int_equal(os->ops->fdatasync(os, fd), 0);
	assert_int_equal(os->ops->ftruncate(os, fd, 12), 0);
	assert_int_equal(os->ops->fchmod(os, fd, 0600), 0);
	assert_int_equal(os->ops->futimens(os, fd, -1500000000), 0);
	assert_int_equal(os->ops->fstat(os, fd, &st), 0);
	assert_int_equal(st.size, 12);
	assert_int_equal(st.mode, S_IFREG | 0600);
	assert_true(st.mtime_ns == -1500000000);
	assert_true(llabs(st.ctime_ns - os->ops->wall_ns(os)) < 60000000000);
	assert_int_equal(st.uid, geteuid());
	assert_int_equal(os->ops->close(os, fd), 0);
	assert_int_equal(os->ops->link(os, "f", "g"), 0);
	assert_int_equal(stat_of("g").nlink, 2);
	assert_int_equal(stat_of("g").ino, stat_of("f").ino);
	assert_int_equal(dir_sync(os, ".", NULL), 0);
}

static void lstat_sees_the_link_and_stat_what_it_names(void **state)
{
	struct os_stat st;

	(void)state;
	assert_int_equal(symlink("/", "l"), 0);
	assert_true(S_ISLNK(stat_of("l").mode));
	assert_int_equal(os->ops->stat(os, "l", &st), 0);
	assert_true(S_ISDIR(st.mode));
	/* removing a link leaves what it names */
	assert_int_equal(dir_remove(os, "l", NULL), 0);
	assert_int_equal(os->ops->lstat(os, "l", &st), -ENOENT);
}

static int count_listed(const char *path, const char *wanted)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct os_entry e;
	size_t at = 0;
	int count = 0;

	assert_int_equal(os->ops->list(os, path, &b), 0);
	while (os_list_next(&b, &at, &e))
		count += !wanted || strcmp(e.name, wanted) == 0;
	return count;
}

static void a_listing_appends_types_inodes_and_names(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct os_entry e;
	size_t at = 1;
	int seen = 0;

	(void)state;
	touch("f");
	assert_int_equal(os->ops->mkdir(os, "d", 0700), 0);
	buf_add_byte(&b, 'x');
	assert_int_equal(os->ops->list(os, ".", &b), 0);
	while (os_list_next(&b, &at, &e)) {
		bool d = strcmp(e.name, "d") == 0;

		assert_true(d || strcmp(e.name, "f") == 0);
		assert_true(e.type == (d ? DT_DIR : DT_REG) ||
			    e.type == DT_UNKNOWN);
		assert_int_equal(e.ino, stat_of(e.name).ino);
		seen++;
	}
	assert_int_equal(seen, 2);
	assert_int_equal(os->ops->list(os, "f", &b), -ENOTDIR);
	assert_int_equal(count_listed("d", NULL), 0);
}

/* 200 characters, of which the first few are the number. */
static void long_name(char name[256], int i, const char *flags)
{
	snprintf(name, 256, "%04d%0196d%s", i, 0, flags);
}

static void touch_long_names(int count)
{
	char name[256];

	for (int i = 0; i < count; i++) {
		long_name(name, i, "");
		touch(name);
	}
}

static void assert_every_long_name_once(int count)
{
	AUTO_FREE uint8_t *seen = mem_alloc((size_t)count);
	AUTO_BUF struct buf b = BUF_INIT;
	struct os_entry e;
	size_t at = 0;

	assert_int_equal(os->ops->list(os, ".", &b), 0);
	while (os_list_next(&b, &at, &e)) {
		int i;

		assert_int_equal(sscanf(e.name, "%4d", &i), 1);
		assert_in_range(i, 0, count - 1);
		seen[i]++;
	}
	for (int i = 0; i < count; i++)
		assert_int_equal(seen[i], 1);
}

static void a_listing_of_thousands_has_every_name_once(void **state)
{
	(void)state;
	touch_long_names(3000);
	assert_every_long_name_once(3000);
}

struct renamer {
	atomic_bool stop;
	pthread_t thread;
};

#define BUSY_NAMES 1000

/* As a client that sets and clears flags: one file, two names in turn. */
static void *rename_all_the_time(void *arg)
{
	struct renamer *r = arg;
	char one[256], two[256];

	for (int i = 0; !atomic_load(&r->stop); i = (i + 1) % BUSY_NAMES) {
		long_name(one, i, "");
		long_name(two, i, ":2,S");
		rename(one, two);
		rename(two, one);
	}
	return NULL;
}

static void a_listing_of_a_busy_directory_misses_and_repeats_nothing(
	void **state)
{
	struct renamer r = {0};

	(void)state;
	touch_long_names(BUSY_NAMES);
	assert_int_equal(
		pthread_create(&r.thread, NULL, rename_all_the_time, &r), 0);
	for (int i = 0; i < 300; i++)
		assert_every_long_name_once(BUSY_NAMES);
	atomic_store(&r.stop, true);
	pthread_join(r.thread, NULL);
}

static void locks_belong_to_the_open_file_not_the_process(void **state)
{
	int a, b;

	(void)state;
	touch("f");
	a = open_file("f", O_RDWR);
	b = open_file("f", O_RDWR);
	assert_int_equal(os->ops->lock(os, a, OS_LOCK_WRITE, 0, 10), 0);
	assert_int_equal(os->ops->lock(os, b, OS_LOCK_READ, 5, 1), -EAGAIN);
	assert_int_equal(os->ops->lock(os, b, OS_LOCK_READ, 10, 1), 0);
	assert_int_equal(os->ops->lock(os, a, OS_LOCK_READ, 0, 10), 0);
	assert_int_equal(os->ops->lock(os, b, OS_LOCK_READ, 5, 1), 0);
	os->ops->close(os, open_file("f", O_RDWR)); /* drops no lock of ours */
	assert_int_equal(os->ops->lock(os, b, OS_LOCK_WRITE, 5, 1), -EAGAIN);
	assert_int_equal(os->ops->lock(os, a, OS_LOCK_NONE, 0, 0), 0);
	assert_int_equal(os->ops->lock(os, b, OS_LOCK_WRITE, 0, 0), 0);
	os->ops->close(os, a);
	os->ops->close(os, b);
}

static void a_lease_is_had_only_while_nobody_else_has_the_file_open(
	void **state)
{
	int a, b;

	(void)state;
	touch("f");
	a = open_file("f", O_RDWR);
	b = open_file("f", O_RDONLY);
	assert_int_equal(os->ops->lease(os, a, true), -EAGAIN);
	os->ops->close(os, b);
	assert_int_equal(os->ops->lease(os, a, true), 0);
	/* An opener that will not wait breaks it, and we live on. */
	assert_int_equal(
		os->ops->open(os, "f", O_RDONLY | O_NONBLOCK, 0), -EWOULDBLOCK);
	assert_int_equal(os->ops->lease(os, a, false), 0);
	os->ops->close(os, open_file("f", O_RDONLY));
	os->ops->close(os, a);
}

static void machine_facts_are_plausible(void **state)
{
	uint64_t space = 0, total = 0;
	uint8_t a[300] = {0}, b[300] = {0};
	char host[256], small[2] = "xx";
	int64_t before = os->ops->mono_ns(os);

	(void)state;
	os->ops->sleep_ns(os, 2000000);
	assert_true(os->ops->mono_ns(os) - before >= 2000000);
	os->ops->sleep_ns(os, -1);
	assert_int_equal(os->ops->space(os, ".", &space, &total), 0);
	assert_true(total > 0 && space <= total);
	assert_int_equal(os->ops->space(os, "no", &space, &total), -ENOENT);
	/* What tests run on is not FAT. */
	assert_int_equal(os->ops->file_max(os, "."), 0);
	assert_int_equal(os->ops->file_max(os, "no"), 0);
	os->ops->random(os, a, sizeof(a));
	os->ops->random(os, b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a + 292, "\0\0\0\0\0\0\0", 8);
	assert_int_equal(os->ops->pid(os), getpid());
	os->ops->hostname(os, host, sizeof(host));
	assert_true(strlen(host) > 0);
	os->ops->hostname(os, small, sizeof(small));
	assert_int_equal(small[0], host[0]);
	assert_int_equal(small[1], '\0');
}

static void the_start_of_the_machine_is_when_the_kernel_says(void **state)
{
	FILE *f = fopen("/proc/uptime", "r");
	int64_t now = os->ops->wall_ns(os);
	double up;

	(void)state;
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lf", &up), 1);
	fclose(f);
	assert_in_range((now - os->ops->started_ns(os)) / 1000000,
		(int64_t)(up * 1000) - 1000, (int64_t)(up * 1000) + 1000);
}

static void a_pid_is_alive_until_it_is_not(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_true(os->ops->pid_alive(os, getpid()));
	assert_true(os->ops->pid_alive(os, 1));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(os->ops->pid_alive(os, pid));
	assert_false(os->ops->pid_alive(os, 0));
	assert_false(os->ops->pid_alive(os, -1));
	assert_false(os->ops->pid_alive(os, INT64_MAX));
}

static void files_are_made_as_whom_the_process_became(void **state)
{
	int r;

	(void)state;
	if (geteuid() != 0) {
		assert_int_equal(os->ops->become(os, 12345, 12346), 0);
		touch("f");
		assert_int_equal(stat_of("f").uid, geteuid());
		return;
	}
	assert_int_equal(chmod(".", 0777), 0);
	r = os->ops->become(os, 12345, 12346);
	if (r == -EPERM) /* root of a container that may not */
		skip();
	assert_int_equal(r, 0);
	touch("f");
	assert_int_equal(os->ops->mkdir(os, "/packetboat-test", 0700), -EACCES);
	assert_int_equal(os->ops->become(os, (uid_t)-1, (gid_t)-1), 0);
	touch("g");
	assert_int_equal(stat_of("f").uid, 12345);
	assert_int_equal(stat_of("f").gid, 12346);
	assert_int_equal(stat_of("g").uid, 0);
	assert_int_equal(stat_of("g").gid, getegid());
}

static void helpers_work_on_a_real_file_system(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(dir_make(os, "a/b", 0700, NULL), 0);
	assert_int_equal(file_replace(os, "a/b/f", "one", 3, 0600, NULL), 0);
	assert_int_equal(file_replace(os, "a/b/f", "two", 3, 0600, NULL), 0);
	assert_int_equal(file_read(os, "a/b/f", 10, &b, NULL), 0);
	assert_string_equal(buf_str(&b), "two");
	assert_int_equal(count_listed("a/b", NULL), 1);
	assert_int_equal(dir_remove(os, "a", NULL), 0);
	assert_int_equal(count_listed(".", NULL), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define T_TMPFS(name)                                                          \
	cmocka_unit_test_setup_teardown(name, setup_tmpfs, teardown)
	const struct CMUnitTest tests[] = {
		T(failures_are_minus_errno),
		T(bytes_times_and_mode_come_back),
		T(lstat_sees_the_link_and_stat_what_it_names),
		T(a_listing_appends_types_inodes_and_names),
		T(a_listing_of_thousands_has_every_name_once),
		T_TMPFS(a_listing_of_thousands_has_every_name_once),
		T(a_listing_of_a_busy_directory_misses_and_repeats_nothing),
		T_TMPFS(a_listing_of_a_busy_directory_misses_and_repeats_nothing),
		T(locks_belong_to_the_open_file_not_the_process),
		T(a_lease_is_had_only_while_nobody_else_has_the_file_open),
		T(machine_facts_are_plausible),
		T(the_start_of_the_machine_is_when_the_kernel_says),
		T(a_pid_is_alive_until_it_is_not),
		T(files_are_made_as_whom_the_process_became),
		T(helpers_work_on_a_real_file_system),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
