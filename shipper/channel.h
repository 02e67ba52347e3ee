/*
 * channel: a pair of descriptors that bytes go through to another site: a TCP
 * connection, the pipes of a command, or our own standard input and output.
 * Descriptors do not block. Nothing of what goes through is known here.
 *
 *   tcp:HOST:PORT    HOST a name, an IPv4 address, or an IPv6 one in brackets
 *   stdio:COMMAND    given to /bin/sh; its stderr stays ours
 */
#ifndef PB_CHANNEL_H
#define PB_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct err;

/* Where a via leads to; len 0: not looked up, or nothing that has one. */
struct channel_address {
	socklen_t len;
	struct sockaddr_storage at;
};

struct channel {
	int in, out; /* may be one */
	pid_t child; /* 0: none of ours */
	bool connecting;
};

/*
 * The address of "tcp:HOST:PORT", which may take its time; of another via none,
 * and that is right. attempt: counts up from 0, so that each address of a name
 * has its turn. Errors: ERR_ABSENT: no such name; ERR_USAGE.
 */
int channel_look_up(const char *via, unsigned attempt,
	struct channel_address *ret, struct err *err);
/*
 * address: what channel_look_up said.
 * bound: bytes that may be on their way to us, at most; UINT64_MAX: any.
 * Errors: ERR_ABSENT: nobody there, or no such name; ERR_USAGE; ERR_IO.
 */
int channel_dial(const char *via, const struct channel_address *address,
	uint64_t bound, struct channel *ret, struct err *err);
/* Once it is writable: is there somebody? Errors: ERR_ABSENT. */
int channel_connected(struct channel *c, struct err *err);
/* Standard input and output. */
int channel_stdio(struct channel *ret, struct err *err);
/* Ends what is still there of a child, too. */
void channel_close(struct channel *c);

#define CHANNEL_LISTENERS_MAX 16u
/*
 * Listen at "HOST:PORT" (HOST may be *), or at what a service manager opened
 * for us ($LISTEN_FDS), if it did. where: may be NULL.
 * Returns 0 and the descriptors, none where there is nothing to listen at.
 */
int channel_listen(const char *where, int ret[CHANNEL_LISTENERS_MAX],
	size_t *ret_count, struct err *err);
/* Returns 1: nobody is there. ret_who: address as text, the caller frees. */
int channel_accept(
	int listener, struct channel *ret, char **ret_who, struct err *err);

#endif
