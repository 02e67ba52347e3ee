/*
 * bodystarter: who starts the writer that reads mail for a shipper.
 *
 * A shipper gives up the right to open mail, for itself and all that it starts.
 * So it first makes a starter: a process that keeps that right, parses nothing,
 * and does one thing when it is asked: it starts `packetboat-writer --serve`
 * and hands over the socket to it.
 */
#ifndef PB_BODYSTARTER_H
#define PB_BODYSTARTER_H

#include <sys/types.h>

struct err;

#define BODY_PROGRAM "packetboat-writer"

/*
 * Start the writer as a child, with a socket as its standard input and output.
 * Parameters: as of body_client_open.
 * Errors: ERR_IO: it could not be started.
 */
int body_writer_start(const char *program, const char *config, int *ret_fd,
	pid_t *ret_pid, struct err *err);

/* It should have ended, or will within patience_ms: else it is killed. Not
   waited for is one that cannot even be killed, for its disk hangs. */
void body_writer_end(pid_t pid, int patience_ms);

struct body_starter {
	int fd;
	pid_t pid;
};

/* Make one. It ends, and all that it started, after this process. Parameters:
   as of body_client_open. */
int body_starter_open(const char *program, const char *config,
	struct body_starter *ret, struct err *err);
/* Have a writer started; the one before it, if it still runs, is killed.
   Errors: ERR_IO: it could not be. */
int body_starter_ask(struct body_starter *s, int *ret_fd, struct err *err);
/* End it, and wait for it: after all sockets that it handed over are closed. A
   writer that does not end by itself is killed. */
void body_starter_close(struct body_starter *s);

#endif
