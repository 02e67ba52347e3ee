/*
 * window: the times of the week in which a link is used, as the clock on the
 * wall shows them, daylight saving time included.
 *
 *   "Mon-Fri 22:00-06:00"   in the nights that begin on these days
 *   "Sat,Sun"               all day
 *   "12:00-12:30 UTC"       every day, by the clock of Greenwich
 *
 * An hour that the clock leaves out opens nothing, one that it shows twice is
 * open twice.
 */
#ifndef PB_WINDOW_H
#define PB_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct window {
	uint8_t days;	   /* on which it opens; bit 0: Sunday */
	uint16_t from, to; /* minutes of the day; to <= from: of the next */
	bool utc;
};

/* Errors: ERR_USAGE. ret may be NULL. */
int window_parse(const char *text, struct window *ret, struct err *err);

/* Does it hold at a minute (0 to 1439) of a day of the week (0: Sunday)? */
bool window_holds(const struct window *w, int day, int minute);

/* Is one of them open at a time in seconds since 1970? None: always. */
bool windows_open(const struct window *w, size_t count, int64_t now_s);
/* When they will have been open for open_s seconds in all, from now_s on; -1:
   not within eight weeks. */
int64_t windows_after(const struct window *w, size_t count, int64_t now_s,
	int64_t open_s);
/* When the next one opens, a whole minute after now_s; -1: in no week. */
int64_t windows_next(const struct window *w, size_t count, int64_t now_s);

#endif
