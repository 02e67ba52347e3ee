/* The preloaded shim, on a real process: this program, run again as `work`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "err.h"
#include "mem.h"
#include "os.h"

static char dir[64];

/*
 * What runs under the shim, in the directory of the test. Exit code: the
 * errno with which it ended, 0 if it did not.
 */
static int work(void)
{
	struct err err = ERR_INIT;

	printf("not counted: a pipe is no file\n");
	fflush(stdout);
	if (dir_make(os_real(), "d", 0700, &err) < 0 ||
		file_replace(os_real(), "d/f", "new bytes", 9, 0600, &err) < 0)
		return err.os_errno;
	return 0;
}

/* The same in a child, whose calls are counted from 1. */
static int work_in_child(void)
{
	int status;

	if (mkdir("before", 0700) < 0)
		return errno;
	switch (fork()) {
	case -1:
		return errno;
	case 0:
		_exit(work());
	default:
		wait(&status);
		return WIFSIGNALED(status) ? 200 : WEXITSTATUS(status);
	}
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/packetboat-test-XXXXXX");
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	if (chdir("/") < 0)
		return -1;
	return dir_remove(os_real(), dir, NULL);
}

/* Run this program with an argument under the shim; the wait status. */
static int run(const char *what, const char *kind, int at, const char *program)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		char number[16];
		int null = open("/dev/null", O_WRONLY);

		snprintf(number, sizeof(number), "%d", at);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		setenv("LD_PRELOAD", FAULTSHIM, 1);
		setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
		setenv("FAULT_KIND", kind, 1);
		setenv("FAULT_AT", number, 1);
		setenv("FAULT_LOG", "log", 1);
		if (program)
			setenv("FAULT_PROGRAM", program, 1);
		execl("/proc/self/exe", "test_faultshim", what, NULL);
		_exit(126);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int exit_of(int status)
{
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* "<number> <name> <path>" of every line, the process id and dir left out. */
static void read_log(struct buf *ret)
{
	AUTO_BUF struct buf b = BUF_INIT;
	char *line, *rest;

	file_read(os_real(), "log", 1 << 20, &b, NULL);
	rest = (char *)(uintptr_t)buf_str(&b);
	while ((line = strsep(&rest, "\n")) && *line) {
		char *at = strchr(line, ' ') + 1;
		char *here = strstr(at, dir);

		if (here)
			memmove(here, here + strlen(dir),
				strlen(here + strlen(dir)) + 1);
		buf_printf(ret, "%s\n", at);
	}
}

/* FAULT_KIND count: the calls of work, in order. */
static const char calls_of_work[] = "1 fsync \n"
				    "2 mkdir d\n"
				    "3 fsync \n"
				    "4 unlink d/f.tmp\n"
				    "5 open d/f.tmp\n"
				    "6 pwrite /d/f.tmp\n"
				    "7 fsync /d/f.tmp\n"
				    "8 rename d/f.tmp -> d/f\n"
				    "9 fsync /d\n";
#define CALLS_OF_WORK 9

static void counting_logs_every_call_and_changes_nothing(void **state)
{
	AUTO_BUF struct buf log = BUF_INIT;

	(void)state;
	assert_int_equal(exit_of(run("work", "count", 3, NULL)), 0);
	assert_true(exists("d/f"));
	read_log(&log);
	assert_string_equal(buf_str(&log), calls_of_work);
}

static void a_kill_comes_before_the_call_and_kill_after_behind_it(void **state)
{
	(void)state;
	assert_true(killed(run("work", "kill", 2, NULL)));
	assert_false(exists("d"));
	assert_true(killed(run("work", "kill_after", 2, NULL)));
	assert_true(exists("d"));
	assert_int_equal(
		exit_of(run("work", "kill", CALLS_OF_WORK + 1, NULL)), 0);
}

static void a_file_is_old_or_new_whichever_call_is_the_last(void **state)
{
	(void)state;
	assert_int_equal(exit_of(run("work", "count", 0, NULL)), 0);
	for (int at = 1; at <= CALLS_OF_WORK; at++) {
		AUTO_BUF struct buf b = BUF_INIT;

		assert_int_equal(
			file_replace(os_real(), "d/f", "old", 3, 0600, NULL),
			0);
		/* d is there now: one mkdir and one fsync less */
		assert_int_equal(killed(run("work", "kill", at, NULL)),
			at <= CALLS_OF_WORK - 2);
		assert_int_equal(file_read(os_real(), "d/f", 100, &b, NULL), 0);
		assert_string_equal(buf_str(&b),
			at < CALLS_OF_WORK - 2 ? "old" : "new bytes");
	}
}

static void a_failing_call_has_no_effect_and_its_errno(void **state)
{
	(void)state;
	assert_int_equal(exit_of(run("work", "ENOSPC", 2, NULL)), ENOSPC);
	assert_false(exists("d"));
	assert_int_equal(exit_of(run("work", "EIO", 5, NULL)), EIO);
	assert_false(exists("d/f.tmp"));
	assert_int_equal(exit_of(run("work", "EROFS", 1, NULL)), EROFS);
}

static void a_short_write_is_one_write_more(void **state)
{
	AUTO_BUF struct buf log = BUF_INIT, b = BUF_INIT;

	(void)state;
	assert_int_equal(exit_of(run("work", "short", 6, NULL)), 0);
	assert_int_equal(file_read(os_real(), "d/f", 100, &b, NULL), 0);
	assert_string_equal(buf_str(&b), "new bytes");
	read_log(&log);
	assert_non_null(strstr(buf_str(&log), "7 pwrite /d/f.tmp\n"));
}

static void a_torn_write_has_written_half(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	assert_true(killed(run("work", "torn", 6, NULL)));
	assert_int_equal(file_read(os_real(), "d/f.tmp", 100, &b, NULL), 0);
	assert_string_equal(buf_str(&b), "new ");
	assert_false(exists("d/f"));
}

static void a_program_is_told_to_end_before_the_call(void **state)
{
	int status;

	(void)state;
	status = run("work", "term", 2, NULL);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	assert_false(exists("d"));
}

/* Nothing can be cleaned away either. */
static void what_is_broken_stays_broken(void **state)
{
	(void)state;
	assert_int_equal(exit_of(run("work", "broken", 6, NULL)), EIO);
	assert_true(exists("d/f.tmp"));
	assert_false(exists("d/f"));
}

static void a_full_disk_lets_go_of_files_and_takes_none(void **state)
{
	AUTO_BUF struct buf log = BUF_INIT;

	(void)state;
	assert_int_equal(exit_of(run("work", "full", 5, NULL)), ENOSPC);
	assert_false(exists("d/f.tmp"));
	/* unlink, the fourth call, takes no space */
	assert_int_equal(exit_of(run("work", "full", 1, NULL)), ENOSPC);
	assert_true(exists("d"));
	read_log(&log);
	assert_non_null(strstr(buf_str(&log), "unlink d/f.tmp\n"));
}

static void only_the_directory_that_is_named_is_full(void **state)
{
	(void)state;
	setenv("FAULT_BELOW", "elsewhere", 1);
	assert_int_equal(exit_of(run("work", "full", 1, NULL)), 0);
	assert_true(exists("d/f"));
	setenv("FAULT_BELOW", "d", 1);
	assert_int_equal(unlink("d/f"), 0);
	assert_int_equal(exit_of(run("work", "full", 1, NULL)), ENOSPC);
	assert_false(exists("d/f"));
	unsetenv("FAULT_BELOW");
}

/* The seventh call is the fsync of a file there. */
static void what_is_open_on_a_medium_that_is_pulled_out_fails(void **state)
{
	AUTO_FREE char *below = mem_printf("%s/d", dir);

	(void)state;
	setenv("FAULT_BELOW", below, 1);
	assert_int_equal(exit_of(run("work", "pulled", 7, NULL)), EIO);
	assert_true(exists("d"));
	assert_false(exists("d/f.tmp"));
	assert_true(exists("d.pulled/f.tmp"));
	unsetenv("FAULT_BELOW");
}

static void what_lasts_is_over_when_its_file_is_gone(void **state)
{
	(void)state;
	setenv("FAULT_WHILE", "on", 1);
	assert_int_equal(mkdir("on", 0700), 0);
	assert_int_equal(exit_of(run("work", "broken", 1, NULL)), EIO);
	assert_int_equal(rmdir("on"), 0);
	assert_int_equal(exit_of(run("work", "broken", 1, NULL)), 0);
	assert_true(exists("d/f"));
	unsetenv("FAULT_WHILE");
}

static void only_the_program_that_is_named_is_acted_on(void **state)
{
	(void)state;
	assert_int_equal(exit_of(run("work", "kill", 2, "another")), 0);
	assert_true(exists("d/f"));
	assert_false(exists("log"));
	assert_true(killed(run("work", "kill", 2, "test_faultshim")));
}

static void a_child_is_counted_from_one(void **state)
{
	AUTO_BUF struct buf log = BUF_INIT;

	(void)state;
	assert_int_equal(exit_of(run("child", "count", 0, NULL)), 0);
	read_log(&log);
	assert_memory_equal(buf_str(&log), "1 mkdir before\n1 fsync \n", 24);
	/* the child's rename dies; the parent never comes to an eighth call */
	assert_int_equal(rmdir("before"), 0);
	assert_int_equal(dir_remove(os_real(), "d", NULL), 0);
	assert_int_equal(exit_of(run("child", "kill", 8, NULL)), 200);
	assert_false(exists("d/f"));
	assert_true(exists("d/f.tmp"));
}

static void an_unknown_kind_is_refused(void **state)
{
	(void)state;
	assert_int_equal(exit_of(run("work", "EVERYTHING", 1, NULL)), 125);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(counting_logs_every_call_and_changes_nothing),
		T(a_kill_comes_before_the_call_and_kill_after_behind_it),
		T(a_file_is_old_or_new_whichever_call_is_the_last),
		T(a_failing_call_has_no_effect_and_its_errno),
		T(a_short_write_is_one_write_more),
		T(a_torn_write_has_written_half),
		T(a_program_is_told_to_end_before_the_call),
		T(what_is_broken_stays_broken),
		T(a_full_disk_lets_go_of_files_and_takes_none),
		T(only_the_directory_that_is_named_is_full),
		T(what_is_open_on_a_medium_that_is_pulled_out_fails),
		T(what_lasts_is_over_when_its_file_is_gone),
		T(only_the_program_that_is_named_is_acted_on),
		T(a_child_is_counted_from_one),
		T(an_unknown_kind_is_refused),
	};

	if (argc > 1)
		return strcmp(argv[1], "child") == 0 ? work_in_child() : work();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
