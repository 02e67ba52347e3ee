#include "errand.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "config.h"
#include "mem.h"

#define RESULT 3 /* the descriptor behind standard error */

_Static_assert(sizeof(struct errand_result) <= PIPE_BUF, "said in one piece");

static void work(const char *command, const char *via, unsigned attempt,
	struct errand_result *ret)
{
	static const char *const dull[] = {NULL};
	const char *argv[] = {"sh", "-c", command, NULL};
	char *said = NULL;

	if (command)
		ret->code = child_run(argv, dull, NULL, &said, &ret->err);
	snprintf(ret->said, sizeof(ret->said), "%s", said ? said : "");
	free(said);
	if (ret->code == 0 && via)
		channel_look_up(via, attempt, &ret->address, &ret->lookup);
}

/* What we block and ignore is not for it: it is to end when it is told to. */
static _Noreturn void be_child(
	const char *command, const char *via, unsigned attempt, int to)
{
	struct errand_result result;
	sigset_t none;

	memset(&result, 0, sizeof(result));
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* Whoever hangs up on the other side is not to wait for us. */
	dup3(to, RESULT, O_CLOEXEC);
	close_range(RESULT + 1, UINT_MAX, 0);
	work(command, via, attempt, &result);
	_exit(write(RESULT, &result, sizeof(result)) != sizeof(result));
}

int errand_begin(struct errand *e, const char *command, const char *via,
	unsigned attempt, struct err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set_os(err, errno, "pipe");
	pid_t pid = fork();
	if (pid == 0)
		be_child(command, via, attempt, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return err_set_os(err, errno, "fork");
	}
	*e = (struct errand){pid, ends[0]};
	return 0;
}

bool errand_is_under_way(const struct errand *e)
{
	return e->pid != 0;
}

static void reap(struct errand *e)
{
	int status;

	close(e->fd);
	while (waitpid(e->pid, &status, 0) < 0 && errno == EINTR)
		;
	*e = (struct errand){0};
}

void errand_end(struct errand *e, struct errand_result *ret)
{
	ssize_t n;

	memset(ret, 0, sizeof(*ret));
	while ((n = read(e->fd, ret, sizeof(*ret))) < 0 && errno == EINTR)
		;
	if (n != sizeof(*ret)) {
		memset(ret, 0, sizeof(*ret));
		ret->code = err_set(&ret->err, ERR_IO,
			"the child that ran it was ended by somebody");
	}
	reap(e);
}

void errand_drop(struct errand *e)
{
	if (!e->pid)
		return;
	kill(e->pid, SIGTERM);
	reap(e);
}
