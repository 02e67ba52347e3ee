/*
 * Rights that are given up, each in a process of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "err.h"
#include "mem.h"
#include "rights.h"

static char *top; /* DIR/kept/file, DIR/read/file, DIR/other/file */

static char *in_top(const char *name)
{
	return mem_printf("%s/%s", top, name);
}

static int make(void **state)
{
	static const char *const dirs[] = {"kept", "read", "other"};

	(void)state;
	top = mem_dup("/tmp/pb-rights.XXXXXX");
	assert_non_null(mkdtemp(top));
	for (size_t i = 0; i < 3; i++) {
		AUTO_FREE char *dir = in_top(dirs[i]);
		AUTO_FREE char *file = mem_printf("%s/file", dir);

		assert_int_equal(mkdir(dir, 0755), 0);
		close(open(file, O_CREAT | O_WRONLY, 0644));
	}
	return 0;
}

static int drop(void **state)
{
	AUTO_FREE char *line = mem_printf("rm -r %s", top);

	(void)state;
	assert_int_equal(system(line), 0);
	free(top);
	return 0;
}

/* Returns what a process of its own said of it. */
static int apart(int (*what)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(what());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int opened(const char *name, int flags)
{
	AUTO_FREE char *path = in_top(name);
	int fd = open(path, flags, 0644);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* Returns the line of what is not as wanted; 0: all is. */
#define WANT(condition)                                                        \
	do {                                                                   \
		if (!(condition))                                              \
			return __LINE__ & 127;                                 \
	} while (0)

static int keep_files(void)
{
	AUTO_FREE char *kept = in_top("kept");
	AUTO_FREE char *read_only = in_top("read");
	AUTO_FREE char *file = in_top("other/file");
	AUTO_FREE char *absent = in_top("absent");
	struct rights_path keep[] = {
		{kept, true}, {read_only, false}, {absent, true}};
	int before = open(file, O_RDONLY);

	WANT(before >= 0);
	WANT(rights_keep_files(keep, 3, NULL) == 0);
	WANT(opened("kept/file", O_RDWR | O_TRUNC) == 0);
	WANT(opened("kept/new", O_RDWR | O_CREAT) == 0);
	WANT(opened("read/file", O_RDONLY) == 0);
	WANT(opened("read/file", O_WRONLY) == EACCES);
	WANT(opened("read/new", O_RDWR | O_CREAT) == EACCES);
	WANT(opened("other/file", O_RDONLY) == EACCES);
	WANT(opened("other/file", O_WRONLY) == EACCES);
	WANT(opened("other", O_RDONLY | O_DIRECTORY) == EACCES);
	WANT(unlink(file) < 0 && errno == EACCES);
	/* what is open stays open */
	WANT(fcntl(before, F_GETFL) >= 0);
	return 0;
}

/* A child of a child: exec and fork give nothing back. */
static int keep_files_for_children(void)
{
	AUTO_FREE char *kept = in_top("kept");
	AUTO_FREE char *line = mem_printf("cat <%s/other/file", top);
	struct rights_path keep[] = {{kept, true}, {"/usr", false},
		{"/lib", false}, {"/lib64", false}, {"/bin", false},
		{"/etc", false}, {"/dev/null", true}};

	WANT(rights_keep_files(keep, 7, NULL) == 0);
	WANT(system("exit 0") == 0);
	WANT(freopen("/dev/null", "w", stderr) != NULL);
	WANT(system(line) != 0);
	return 0;
}

static void no_file_is_opened_but_those_that_are_kept(void **state)
{
	(void)state;
	if (!rights_files_known())
		skip();
	assert_int_equal(apart(keep_files), 0);
	assert_int_equal(apart(keep_files_for_children), 0);
}

static int made(int domain, int type)
{
	int fd = socket(domain, type, 0);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int drop_all(void)
{
	int pair[2];

	WANT(rights_drop_sockets(false, NULL) == 0);
	WANT(made(AF_INET, SOCK_STREAM) == EPERM);
	WANT(made(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC) == EPERM);
	WANT(made(AF_UNIX, SOCK_DGRAM) == EPERM);
	WANT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 && errno == EPERM);
	WANT(syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == EPERM);
	WANT(syscall(SYS_pidfd_getfd, -1, 0, 0) < 0 && errno == EPERM);
	return 0;
}

static int drop_but_datagrams(void)
{
	WANT(rights_drop_sockets(true, NULL) == 0);
	WANT(made(AF_INET, SOCK_DGRAM) == EPERM);
	WANT(made(AF_NETLINK, SOCK_RAW) == EPERM);
	WANT(made(AF_UNIX, SOCK_STREAM) == EPERM);
	WANT(made(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC) == EPERM);
	WANT(made(AF_UNIX, SOCK_DGRAM) == 0);
	WANT(made(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK) == 0);
	return 0;
}

static void no_socket_is_made(void **state)
{
	(void)state;
	if (!rights_sockets_known())
		skip();
	assert_int_equal(made(AF_INET, SOCK_STREAM), 0);
	assert_int_equal(apart(drop_all), 0);
}

static void datagrams_for_the_log_are_made_where_they_are_wanted(void **state)
{
	(void)state;
	if (!rights_sockets_known())
		skip();
	assert_int_equal(apart(drop_but_datagrams), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_file_is_opened_but_those_that_are_kept),
		cmocka_unit_test(no_socket_is_made),
		cmocka_unit_test(
			datagrams_for_the_log_are_made_where_they_are_wanted),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
