/*
 * signal: signals as descriptors, so that there is no handler and nothing
 * global: they are blocked, and a signalfd tells. SIGINT and SIGTERM are never
 * read from it, so once wanted, always wanted; SIGHUP is.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "err.h"
#include "program.h"

/* Returns a descriptor. */
static int block(const sigset_t *set, struct err *err)
{
	int fd;

	if (sigprocmask(SIG_BLOCK, set, NULL) < 0)
		return err_set_os(err, errno, "preparing for signals");
	fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_set_os(err, errno, "signalfd") : fd;
}

int stop_open(struct stop_signal *s, struct err *err)
{
	sigset_t set;

	s->fd = -1;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return err_set_os(err, errno, "preparing for signals");
	int fd = block(&set, err);
	if (fd < 0)
		return fd;
	s->fd = fd;
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

int reload_open(struct reload_signal *s, struct err *err)
{
	sigset_t set;

	s->fd = -1;
	if (isatty(STDERR_FILENO))
		return 0;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	int fd = block(&set, err);
	if (fd < 0)
		return fd;
	s->fd = fd;
	return 0;
}

bool reload_wanted(struct reload_signal *s)
{
	struct signalfd_siginfo info;
	bool came = false;

	while (s->fd >= 0 && read(s->fd, &info, sizeof(info)) > 0)
		came = true;
	return came;
}

void reload_close(struct reload_signal *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
