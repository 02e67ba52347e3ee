/*
 * wallclock: times of the year 2026 as the clock on a wall shows them.
 */
#ifndef PB_WALLCLOCK_H
#define PB_WALLCLOCK_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

/* The zone is that of the process from then on. */
static inline int64_t at(
	const char *zone, int month, int day, int hour, int minute)
{
	struct tm tm = {.tm_year = 126,
		.tm_mon = month - 1,
		.tm_mday = day,
		.tm_hour = hour,
		.tm_min = minute,
		.tm_isdst = -1};

	setenv("TZ", zone, 1);
	tzset();
	return mktime(&tm);
}

#endif
