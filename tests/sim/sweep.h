/*
 * sweep: a history again and again, with what befalls it at every call of its
 * program: where exactly a mistake once was changes with the program.
 *
 * Of several faults the last two are moved, each to every place with the other
 * at every place.
 */
#ifndef PB_SWEEP_H
#define PB_SWEEP_H

#include "history.h"

/* Returns the hash of what came of it; 0: it failed. */
typedef uint64_t sweep_run_fn(void *arg, const struct history *h);

/*
 * Returns how many were run. Ends at the first that fails, with h as it was
 * then; else h is as before.
 */
uint64_t sweep(struct history *h, sweep_run_fn *run, void *arg);

#endif
