#include "bodystarter.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "err.h"
#include "mem.h"

#define LOOK_MS 5
#define KILLED_MS 1000
#define ENDING_MS 2000

/* ---- the writer ---- */

static int beside_us(char **ret, struct err *err)
{
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0)
		return err_set_os(err, errno,
			"finding " BODY_PROGRAM
			": /proc/self/exe (is /proc mounted?)");
	self[len] = '\0';
	const char *slash = strrchr(self, '/');
	*ret = mem_printf(
		"%.*s/" BODY_PROGRAM, slash ? (int)(slash - self) : 0, self);
	return 0;
}

static _Noreturn void run(const char *program, const char *config, int fd)
{
	const char *argv[] = {program, "--serve", NULL, NULL, NULL};

	if (config) {
		argv[2] = "-c";
		argv[3] = config;
	}
	/* dup2 leaves the copies open over exec. */
	if (dup2(fd, STDIN_FILENO) >= 0 && dup2(fd, STDOUT_FILENO) >= 0)
		execv(program, (char *const *)(uintptr_t)argv);
	_exit(127);
}

int body_writer_start(const char *program, const char *config, int *ret_fd,
	pid_t *ret_pid, struct err *err)
{
	AUTO_FREE char *path = mem_dup(program);
	int pair[2];
	int rc = path ? 0 : beside_us(&path, err);

	if (rc < 0)
		return rc;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set_os(err, errno, "socketpair");
	pid_t pid = fork();
	if (pid == 0)
		run(path, config, pair[1]);
	if (pid < 0)
		rc = err_set_os(err, errno, "fork");
	close(pair[1]);
	if (rc < 0) {
		close(pair[0]);
		return err_wrap(err, "start %s --serve", path);
	}
	*ret_fd = pair[0];
	*ret_pid = pid;
	return 0;
}

/* Returns false: it runs still. */
static bool ends_within(pid_t pid, int ms)
{
	struct timespec look = {.tv_nsec = LOOK_MS * 1000000};

	for (int waited = 0;; waited += LOOK_MS) {
		pid_t got = waitpid(pid, NULL, WNOHANG);

		if (got == pid || (got < 0 && errno != EINTR))
			return true;
		if (waited >= ms)
			return false;
		nanosleep(&look, NULL);
	}
}

void body_writer_end(pid_t pid, int patience_ms)
{
	if (ends_within(pid, patience_ms))
		return;
	kill(pid, SIGKILL);
	ends_within(pid, KILLED_MS);
}

/* ---- the starter ---- */

/* What it answers, with the socket where code is 0. */
struct answer {
	int code;
	char text[512];
};

/* Room for one descriptor, as cmsg(3) wants it. */
union hand {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static bool answer(int fd, const struct answer *a, int socket)
{
	union hand hand = {0};
	struct iovec part = {(void *)(uintptr_t)a, sizeof(*a)};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};

	if (socket >= 0) {
		m.msg_control = hand.bytes;
		m.msg_controllen = sizeof(hand.bytes);
		hand.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &socket, sizeof(socket));
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL) >= 0;
}

/* With nothing of the shipper's but its standard error: who waits for the end
   of what it says, or for its listeners, does not wait for us. */
static bool let_go(int fd)
{
	int nothing = open("/dev/null", O_RDWR);

	return nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
	       dup2(nothing, STDOUT_FILENO) >= 0 &&
	       dup2(fd, STDERR_FILENO + 1) >= 0 &&
	       fcntl(STDERR_FILENO + 1, F_SETFD, FD_CLOEXEC) == 0 &&
	       close_range(STDERR_FILENO + 2, ~0u, 0) == 0;
}

static _Noreturn void serve(const char *program, const char *config, int fd)
{
	char asked;
	bool lives = let_go(fd);
	pid_t pid = 0;

	fd = STDERR_FILENO + 1;
	/* ^C is meant for the shipper: we end after it. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	while (lives && recv(fd, &asked, 1, 0) == 1) {
		struct answer a = {0};
		struct err err = ERR_INIT;
		int socket = -1;

		if (pid)
			body_writer_end(pid, 0);
		pid = 0;
		a.code =
			body_writer_start(program, config, &socket, &pid, &err);
		if (a.code < 0)
			memccpy(a.text, err.text, '\0', sizeof(a.text) - 1);
		lives = answer(fd, &a, socket);
		if (socket >= 0)
			close(socket);
	}
	close(fd);
	if (pid)
		body_writer_end(pid, ENDING_MS);
	_exit(0);
}

int body_starter_open(const char *program, const char *config,
	struct body_starter *ret, struct err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set_os(err, errno, "socketpair");
	pid_t pid = fork();
	if (pid == 0)
		serve(program, config, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return err_set_os(err, errno, "fork");
	}
	*ret = (struct body_starter){pair[0], pid};
	return 0;
}

int body_starter_ask(struct body_starter *s, int *ret_fd, struct err *err)
{
	union hand hand = {0};
	struct answer a;
	struct iovec part = {&a, sizeof(a)};
	struct msghdr m = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = hand.bytes,
		.msg_controllen = sizeof(hand.bytes)};
	ssize_t n = send(s->fd, "", 1, MSG_NOSIGNAL);

	while (n >= 0 && (n = recvmsg(s->fd, &m, MSG_CMSG_CLOEXEC)) < 0 &&
		errno == EINTR)
		;
	if (n < 0)
		return err_set_os(err, errno, "who starts " BODY_PROGRAM);
	if (n != sizeof(a))
		return err_set(
			err, ERR_IO, "who starts " BODY_PROGRAM " has ended");
	if (a.code < 0)
		return err_set(
			err, ERR_IO, "%.*s", (int)sizeof(a.text) - 1, a.text);
	struct cmsghdr *head = CMSG_FIRSTHDR(&m);
	if (!head || head->cmsg_type != SCM_RIGHTS)
		return err_set(err, ERR_IO,
			"who starts " BODY_PROGRAM " gave no socket");
	memcpy(ret_fd, CMSG_DATA(head), sizeof(*ret_fd));
	return 0;
}

void body_starter_close(struct body_starter *s)
{
	close(s->fd);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*s = (struct body_starter){.fd = -1};
}
