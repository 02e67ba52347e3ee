#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "err.h"
#include "headers.h"
#include "mem.h"

#define SILENT_MS 180000 /* unacknowledged, until TCP gives up */
#define AHEAD (16 << 10) /* bytes that wait in the kernel */
#define BACKLOG 32
#define TCP "tcp:"
#define FIRST_LISTENER 3 /* sd_listen_fds(3) */
#define ENDING_MS 2000	 /* a child has to end by itself */

static int dont_block(int fd, struct err *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_set_os(err, errno, "fcntl");
	return 0;
}

/* ---- TCP ---- */

/* Best effort: without them it is slower, or notices later. */
static void set_up_tcp(int fd)
{
	int on = 1, silent = SILENT_MS, ahead = AHEAD;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silent, sizeof(silent));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &ahead, sizeof(ahead));
}

static int look_up(
	const char *where, bool listens, struct addrinfo **ret, struct err *err)
{
	AUTO_FREE char *host = NULL, *port = NULL;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
		.ai_flags = listens ? AI_PASSIVE : AI_ADDRCONFIG};
	int rc = via_tcp_split(where, &host, &port, err);

	if (rc < 0)
		return rc;
	bool any = listens && strcmp(host, "*") == 0;
	rc = getaddrinfo(any ? NULL : host, port, &hints, ret);
	if (rc != 0)
		return err_set(err, listens ? ERR_USAGE : ERR_ABSENT, "%s: %s",
			where, gai_strerror(rc));
	return 0;
}

int channel_look_up(const char *via, unsigned attempt,
	struct channel_address *ret, struct err *err)
{
	struct addrinfo *all, *a;
	unsigned count = 0;

	ret->len = 0;
	if (strncmp(via, TCP, strlen(TCP)) != 0)
		return 0;
	int rc = look_up(via + strlen(TCP), false, &all, err);
	if (rc < 0)
		return rc;
	for (a = all; a; a = a->ai_next)
		count++;
	a = all;
	for (attempt %= count; attempt; attempt--)
		a = a->ai_next;
	memcpy(&ret->at, a->ai_addr, a->ai_addrlen);
	ret->len = a->ai_addrlen;
	freeaddrinfo(all);
	return 0;
}

static int dial_tcp(const char *where, const struct channel_address *address,
	uint64_t bound, struct channel *ret, struct err *err)
{
	int fd = socket(address->at.ss_family,
		SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_set_os(err, errno, "socket");
	set_up_tcp(fd);
	if (bound != UINT64_MAX)
		headers_bound(fd, bound); /* before the first is offered */
	if (connect(fd, (const struct sockaddr *)&address->at, address->len) <
			0 &&
		errno != EINPROGRESS) {
		err_set(err, ERR_ABSENT, "%s: %s", where, strerror(errno));
		close(fd);
		return ERR_ABSENT;
	}
	*ret = (struct channel){.in = fd, .out = fd, .connecting = true};
	return 0;
}

int channel_connected(struct channel *c, struct err *err)
{
	int why = 0;
	socklen_t len = sizeof(why);

	c->connecting = false;
	if (getsockopt(c->out, SOL_SOCKET, SO_ERROR, &why, &len) < 0)
		why = errno;
	return why ? err_set(err, ERR_ABSENT, "%s", strerror(why)) : 0;
}

/* ---- commands ---- */

static _Noreturn void run(const char *command, int in, int out)
{
	sigset_t none;

	/* What we block and ignore is not for others. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* dup2 leaves the copies open over exec. */
	if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static int dial_stdio(const char *command, uint64_t bound, struct channel *ret,
	struct err *err)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) < 0)
		return err_set_os(err, errno, "pipe");
	if (pipe2(from, O_CLOEXEC) < 0) {
		err_set_os(err, errno, "pipe");
		close(to[0]);
		close(to[1]);
		return ERR_IO;
	}
	if (bound != UINT64_MAX)
		headers_bound(from[0], bound);
	*ret = (struct channel){.in = from[0], .out = to[1]};
	ret->child = fork();
	if (ret->child == 0)
		run(command, to[0], from[1]);
	close(to[0]);
	close(from[1]);
	int rc = ret->child < 0 ? err_set_os(err, errno, "fork") : 0;
	if (rc < 0)
		ret->child = 0;
	if (rc >= 0)
		rc = dont_block(ret->in, err);
	if (rc >= 0)
		rc = dont_block(ret->out, err);
	if (rc < 0)
		channel_close(ret);
	return rc;
}

int channel_dial(const char *via, const struct channel_address *address,
	uint64_t bound, struct channel *ret, struct err *err)
{
	const char *where = strchr(via, ':') + 1;

	return address->len ? dial_tcp(where, address, bound, ret, err)
			    : dial_stdio(where, bound, ret, err);
}

int channel_stdio(struct channel *ret, struct err *err)
{
	int rc = dont_block(STDIN_FILENO, err);

	*ret = (struct channel){.in = STDIN_FILENO, .out = STDOUT_FILENO};
	return rc < 0 ? rc : dont_block(STDOUT_FILENO, err);
}

/* It got the end of its input; a command that does not mind is ended. */
static void end_child(pid_t child)
{
	struct timespec wait = {.tv_nsec = 20000000};
	int status;

	for (int ms = 0; ms < ENDING_MS; ms += 20) {
		if (waitpid(child, &status, WNOHANG) != 0)
			return;
		nanosleep(&wait, NULL);
	}
	kill(child, SIGTERM);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
}

void channel_close(struct channel *c)
{
	close(c->in);
	if (c->out != c->in)
		close(c->out);
	if (c->child)
		end_child(c->child);
	*c = (struct channel){.in = -1, .out = -1};
}

/* ---- listening ---- */

/* What systemd opened, once: a child of ours has none of it. */
static size_t given_listeners(int ret[CHANNEL_LISTENERS_MAX])
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	size_t count = 0;

	if (!pid || !fds || atoll(pid) != (long long)getpid())
		return 0;
	for (int i = 0; i < atoi(fds) && count < CHANNEL_LISTENERS_MAX; i++) {
		int fd = FIRST_LISTENER + i;

		if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
			dont_block(fd, NULL) == 0)
			ret[count++] = fd;
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	return count;
}

static int listen_at(const struct addrinfo *a)
{
	int on = 1;
	int fd = socket(a->ai_family,
		a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* * is IPv4 and IPv6 apart */
	if (a->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 ||
		listen(fd, BACKLOG) < 0) {
		int why = errno;

		close(fd);
		errno = why;
		return -1;
	}
	return fd;
}

int channel_listen(const char *where, int ret[CHANNEL_LISTENERS_MAX],
	size_t *ret_count, struct err *err)
{
	struct addrinfo *all;
	size_t count = given_listeners(ret);
	int why = 0;

	*ret_count = count;
	if (count || !where)
		return 0;
	int rc = look_up(where, true, &all, err);
	if (rc < 0)
		return err_wrap(err, "listen");
	for (struct addrinfo *a = all; a && count < CHANNEL_LISTENERS_MAX;
		a = a->ai_next) {
		int fd = listen_at(a);

		if (fd >= 0)
			ret[count++] = fd;
		else
			why = errno;
	}
	freeaddrinfo(all);
	*ret_count = count;
	return count ? 0 : err_set_os(err, why, "listen at %s", where);
}

int channel_accept(
	int listener, struct channel *ret, char **ret_who, struct err *err)
{
	struct sockaddr_storage from = {0};
	socklen_t len = sizeof(from);
	char host[64], port[8];
	int fd = accept4(listener, (struct sockaddr *)&from, &len,
		SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 &&
		(errno == EAGAIN || errno == ECONNABORTED || errno == EINTR))
		return 1;
	if (fd < 0)
		return err_set_os(err, errno, "accept");
	set_up_tcp(fd);
	*ret = (struct channel){.in = fd, .out = fd};
	if (getnameinfo((struct sockaddr *)&from, len, host, sizeof(host), port,
		    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		*ret_who = mem_dup("a connection");
	else
		*ret_who = mem_printf("%s port %s", host, port);
	return 0;
}
