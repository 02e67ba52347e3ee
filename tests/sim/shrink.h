/*
 * shrink: a history that fails made short: events are left out, many at
 * once first, as long as it still fails in the same way (delta debugging);
 * then numbers are made small.
 */
#ifndef PB_SHRINK_H
#define PB_SHRINK_H

#include "world.h"

/*
 * Runs a history somewhere where it may crash. Returns true if it fails as
 * `what` says.
 */
typedef bool shrink_fails_fn(
	void *arg, const struct history *h, const char *what);

/* h becomes the short one. tries: at most so many runs. */
void shrink(struct history *h, const char *what, unsigned tries,
	shrink_fails_fn *fails, void *arg);

#endif
