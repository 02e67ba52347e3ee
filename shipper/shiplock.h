/*
 * shiplock: one at a time hands over: <state>/ship.lock.
 */
#ifndef PB_SHIPLOCK_H
#define PB_SHIPLOCK_H

#include <stdint.h>

struct err;
struct os;

/*
 * Take it, waiting for at most wait_ms; closing *ret_fd gives it back.
 * Errors: ERR_BUSY: another run has it; ERR_IO.
 */
int shiplock_take(struct os *os, const char *state, int64_t wait_ms,
	int *ret_fd, struct err *err);

#endif
