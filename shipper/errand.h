/*
 * errand: what has to be done before a live link is dialed, or after it, and
 * takes its time: a command, and the address of a name. A child does it, while
 * the loop serves the other links, and says in one piece what came of it.
 *
 * Nothing is left behind: a child ends with this process, and so does what it
 * runs.
 */
#ifndef PB_ERRAND_H
#define PB_ERRAND_H

#include <stdbool.h>
#include <sys/types.h>

#include "channel.h"
#include "err.h"

/* All zero: none is under way. */
struct errand {
	pid_t pid;
	int fd; /* readable when it is done */
};
struct errand_result {
	int code; /* of the command; below 0: it could not be run, err says why */
	struct err err;
	char said[256]; /* its last words */
	struct channel_address address;
	struct err lookup; /* why there is none */
};

/*
 * Run a command (NULL: none) and, when it ended with 0, look up what a live
 * link's via names (NULL: nothing). Errors: ERR_IO.
 */
int errand_begin(struct errand *e, const char *command, const char *via,
	unsigned attempt, struct err *err);
bool errand_is_under_way(const struct errand *e);
/* Waits for its end, if it is not readable. */
void errand_end(struct errand *e, struct errand_result *ret);
/* It is wanted no more. Harmless when none is under way. */
void errand_drop(struct errand *e);

#endif
