/*
 * signal: SIGINT and SIGTERM as a descriptor, so that there is no handler and
 * nothing global: they are blocked, and a signalfd tells. The signal is never
 * read from it, so once wanted, always wanted.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "err.h"
#include "program.h"

int stop_open(struct stop_signal *s, struct err *err)
{
	sigset_t set;

	s->fd = -1;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
		signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return err_set_os(err, errno, "preparing for signals");
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd < 0)
		return err_set_os(err, errno, "signalfd");
	return 0;
}

bool stop_wanted(struct stop_signal *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

void stop_close(struct stop_signal *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
