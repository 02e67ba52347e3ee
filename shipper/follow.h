/*
 * follow: a daemon: two processes, so that a stick that is slow, or an rsync
 * that takes minutes, keeps no live link. The first has the live links, its
 * child visits the carriers that take files; each packs what is lacked when the
 * other does not, and asks a writer of its own for bodies.
 *
 * Neither goes on without the other: the child is killed with the first, and
 * when it ends the first ends too, with 1, for who started it to see.
 */
#ifndef PB_FOLLOW_H
#define PB_FOLLOW_H

#include <sys/types.h>

#include "shipper.h"

struct follow {
	struct reload_signal asked;
	pid_t visitor; /* 0 in the child */
};

/* Become two, before any right is given up: returns in both, with s->part set.
   Errors: ERR_IO. */
int follow_begin(struct shipper *s, struct follow *f, struct err *err);
/* Work until it is to stop. Returns the exit code. */
int follow(struct shipper *s, struct follow *f);

#endif
