/*
 * attempts: preloaded into a real process, tries at its end what it should not
 * be able to do, with all rights that it has left, and says what came of it:
 *
 *   PROGRAM: open: Permission denied        of $ATTEMPT_FILE, to read
 *   PROGRAM: change: done                   of the same, to write
 *   PROGRAM: socket: Operation not permitted
 *   PROGRAM: local: done                    a stream that stays on this machine
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void say(const char *what, int fd)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what,
		fd < 0 ? strerror(errno) : "done");
	if (fd >= 0)
		close(fd);
}

__attribute__((destructor)) static void attempt(void)
{
	const char *path = getenv("ATTEMPT_FILE");

	if (!path)
		return;
	say("open", open(path, O_RDONLY | O_CLOEXEC));
	say("change", open(path, O_WRONLY | O_APPEND | O_CLOEXEC));
	say("socket", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	say("local", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}
