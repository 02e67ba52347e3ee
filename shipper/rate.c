#include "rate.h"

#define SECOND_US 1000000

static int64_t time_of(const struct rate *r, uint64_t bytes)
{
	if (bytes > UINT64_MAX / SECOND_US - r->per_s)
		return INT64_MAX / 2;
	return (int64_t)((bytes * SECOND_US + r->per_s - 1) / r->per_s);
}

static int64_t burst_us(const struct rate *r)
{
	return time_of(r, RATE_BURST) + RATE_LATE_US;
}

uint64_t rate_may(const struct rate *r, int64_t now_us)
{
	if (!r->per_s)
		return UINT64_MAX;
	int64_t free_us = now_us > r->free_us ? now_us : r->free_us;
	int64_t room_us = now_us + burst_us(r) - free_us;

	if (room_us <= 0)
		return 0;
	return (uint64_t)room_us * r->per_s / SECOND_US;
}

void rate_went(struct rate *r, uint64_t bytes, int64_t now_us)
{
	if (!r->per_s)
		return;
	if (r->free_us < now_us)
		r->free_us = now_us;
	r->free_us += time_of(r, bytes);
}

int64_t rate_when(const struct rate *r, uint64_t bytes, int64_t now_us)
{
	if (!r->per_s)
		return now_us;
	int64_t when = r->free_us + time_of(r, bytes) - burst_us(r);

	return when > now_us ? when : now_us;
}
