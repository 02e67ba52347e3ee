/*
 * rate: how fast bytes may go, by the byte: in any time as many as it allows,
 * and RATE_BURST more at most. Who is late by up to RATE_LATE_US makes it up.
 *
 * Pure; times in µs of a clock that does not jump.
 */
#ifndef PB_RATE_H
#define PB_RATE_H

#include <stdint.h>

#define RATE_BURST 600u /* so that a packet is more than its headers */
#define RATE_LATE_US 100000

struct rate {
	uint64_t per_s;	 /* bytes; 0: no limit */
	int64_t free_us; /* when all that went has had its time */
};

/* Bytes that may go now; UINT64_MAX: any. */
uint64_t rate_may(const struct rate *r, int64_t now_us);
void rate_went(struct rate *r, uint64_t bytes, int64_t now_us);
/* When so many may go at once, RATE_BURST at most: now or later. */
int64_t rate_when(const struct rate *r, uint64_t bytes, int64_t now_us);

#endif
