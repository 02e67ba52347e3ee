#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "err.h"
#include "mem.h"

#define NOT_STARTED 127 /* as a shell says it */
#define LOOK_MS 100
#define ENDING_MS 2000
#define SAID_MAX ((size_t)64 * 1024)

static _Noreturn void become(const char *const *argv, int to)
{
	sigset_t none;
	int nothing = open("/dev/null", O_RDONLY);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
		dup2(isatty(STDERR_FILENO) ? STDERR_FILENO : to,
			STDOUT_FILENO) >= 0 &&
		dup2(to, STDERR_FILENO) >= 0)
		execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(NOT_STARTED);
}

/* Of very much the end. Returns false: it says no more. */
static bool hear(int fd, struct buf *said)
{
	uint8_t some[4096];
	ssize_t n = read(fd, some, sizeof(some));

	if (n < 0)
		return errno == EINTR;
	if (said->len + (size_t)n > SAID_MAX)
		said->len = 0;
	buf_add(said, some, (size_t)n);
	return n > 0;
}

/* It is asked to end, and made to; what it started may go on without us. */
static void end_program(pid_t pid)
{
	struct timespec wait = {.tv_nsec = LOOK_MS * 1000000};

	kill(pid, SIGTERM);
	for (int ms = 0; ms < ENDING_MS; ms += LOOK_MS) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		nanosleep(&wait, NULL);
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* All that it says, to its end or the guard's. */
static int attend(pid_t pid, int fd, const struct child_guard *guard,
	struct buf *said, struct err *err)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int rc = 0;

	for (;;) {
		int n = poll(&p, 1, guard ? LOOK_MS : -1);

		if (n < 0 && errno != EINTR)
			return 0;
		if (guard && (rc = guard->look(guard->arg, err)) < 0) {
			end_program(pid);
			return rc;
		}
		if (n > 0 && !hear(fd, said))
			return 0;
	}
}

static bool is_dull(const char *line, size_t len, const char *const *dull)
{
	for (; *dull; dull++)
		if (len >= strlen(*dull) &&
			memcmp(line, *dull, strlen(*dull)) == 0)
			return true;
	return len == 0;
}

static char *last_line(const struct buf *said, const char *const *dull)
{
	const char *from = (const char *)said->data, *end = from + said->len;
	const char *line = "";
	size_t len = 0;
	bool found = false;

	while (from < end) {
		const char *stop = memchr(from, '\n', (size_t)(end - from));
		size_t n = (size_t)((stop ? stop : end) - from);
		bool says = !is_dull(from, n, dull);

		if (says || (!found && n)) {
			line = from;
			len = n;
		}
		found = found || says;
		from += n + 1;
	}
	char *ret = mem_printf("%.*s", (int)len, line);
	for (char *c = ret; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = ' ';
	return ret;
}

int child_run(const char *const *argv, const char *const *dull,
	const struct child_guard *guard, char **ret_said, struct err *err)
{
	AUTO_BUF struct buf said = BUF_INIT;
	int ends[2], status;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set_os(err, errno, "pipe to %s", argv[0]);
	pid = fork();
	if (pid == 0)
		become(argv, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return err_set_os(err, errno, "fork for %s", argv[0]);
	}
	int rc = attend(pid, ends[0], guard, &said, err);
	close(ends[0]);
	if (rc < 0)
		return rc;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_set_os(err, errno, "wait for %s", argv[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_STARTED &&
		!said.len)
		return err_set(err, ERR_USAGE,
			"%s could not be started (is it installed?)", argv[0]);
	*ret_said = last_line(&said, dull);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
