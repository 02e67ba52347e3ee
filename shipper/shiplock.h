/*
 * shiplock: what one shipper does at a time. Who takes both takes them in this
 * order.
 *
 *   <state>/visits.lock   visits carriers: minutes, where these are slow
 *   <state>/ship.lock     looks at what a peer lacks, and packs it
 */
#ifndef PB_SHIPLOCK_H
#define PB_SHIPLOCK_H

#include <stdint.h>

struct err;
struct os;

enum shiplock { SHIPLOCK_VISITS, SHIPLOCK_PACKING };

/*
 * Take it, waiting for at most wait_ms; closing *ret_fd gives it back.
 * Errors: ERR_BUSY: another run has it; ERR_IO.
 */
int shiplock_take(struct os *os, const char *state, enum shiplock which,
	int64_t wait_ms, int *ret_fd, struct err *err);

#endif
