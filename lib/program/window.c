#include "window.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "err.h"
#include "mem.h"

#define MINUTES 1440 /* of a day */

static int malformed(const char *text, struct err *err)
{
	return err_set(err, ERR_USAGE,
		"not a window: \"%s\" (for example \"Mon-Fri 22:00-06:00\", "
		"\"Sat,Sun\" or \"12:00-12:30 UTC\")",
		text);
}

/* Returns 0 to 6, or -1; *at behind it. */
static int take_day(const char **at)
{
	static const char *const names[] = {
		"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

	for (int i = 0; i < 7; i++)
		if (strncasecmp(*at, names[i], 3) == 0) {
			*at += 3;
			return i;
		}
	return -1;
}

/* "Mon-Fri,Sun". Returns the days as bits, 0: malformed. */
static unsigned take_days(const char **at)
{
	unsigned days = 0;

	for (;; (*at)++) {
		int first = take_day(at), last = first;

		if (first >= 0 && **at == '-') {
			++*at;
			last = take_day(at);
		}
		if (first < 0 || last < 0)
			return 0;
		for (int day = first;; day = (day + 1) % 7) {
			days |= 1u << day;
			if (day == last)
				break;
		}
		if (**at != ',')
			return days;
	}
}

/* "HH:MM". Returns minutes, at most those of a day, or -1. */
static int take_time(const char **at)
{
	int digits[4];

	for (int i = 0; i < 4; i++) {
		const char *c = *at + i + (i > 1);

		if (*c < '0' || *c > '9')
			return -1;
		digits[i] = *c - '0';
		if (i == 1 && c[1] != ':')
			return -1;
	}
	int minutes =
		(digits[0] * 10 + digits[1]) * 60 + digits[2] * 10 + digits[3];
	if (digits[2] > 5 || minutes > MINUTES)
		return -1;
	*at += 5;
	return minutes;
}

/* Blanks between two parts, or the end. */
static bool next_part(const char **at)
{
	if (!**at)
		return true;
	if (**at != ' ')
		return false;
	while (**at == ' ')
		++*at;
	return **at != '\0';
}

int window_parse(const char *text, struct window *ret, struct err *err)
{
	struct window w = {.days = 0x7f, .to = MINUTES};
	const char *at = text;
	bool any = false;

	if (at[0] && (at[0] < '0' || at[0] > '9') && strcmp(at, "UTC") != 0) {
		w.days = (uint8_t)take_days(&at);
		if (!w.days || !next_part(&at))
			return malformed(text, err);
		any = true;
	}
	if (*at >= '0' && *at <= '9') {
		int from = take_time(&at);
		int to = from >= 0 && *at++ == '-' ? take_time(&at) : -1;

		if (from < 0 || from == MINUTES || to < 0 || from == to ||
			!next_part(&at))
			return malformed(text, err);
		w.from = (uint16_t)from;
		w.to = (uint16_t)to;
		any = true;
	}
	if (any && strcmp(at, "UTC") == 0) {
		w.utc = true;
		at += 3;
	}
	if (!any || *at)
		return malformed(text, err);
	if (ret)
		*ret = w;
	return 0;
}

bool window_holds(const struct window *w, int day, int minute)
{
	bool today = w->days >> day & 1,
	     yesterday = w->days >> (day + 6) % 7 & 1;

	if (w->from < w->to)
		return today && minute >= w->from && minute < w->to;
	return (today && minute >= w->from) || (yesterday && minute < w->to);
}

bool windows_open(const struct window *w, size_t count, int64_t now_s)
{
	time_t now = (time_t)now_s;
	struct tm here, there;

	if (!count)
		return true;
	localtime_r(&now, &here);
	gmtime_r(&now, &there);
	for (size_t i = 0; i < count; i++) {
		const struct tm *tm = w[i].utc ? &there : &here;

		if (window_holds(
			    &w[i], tm->tm_wday, tm->tm_hour * 60 + tm->tm_min))
			return true;
	}
	return false;
}

int64_t windows_next(const struct window *w, size_t count, int64_t now_s)
{
	int64_t minute = now_s - now_s % 60 + 60;

	/* A week, and the hour that its clock may leave out. */
	for (int i = 0; i < 8 * MINUTES; i++, minute += 60)
		if (windows_open(w, count, minute))
			return minute;
	return -1;
}

int64_t windows_after(
	const struct window *w, size_t count, int64_t now_s, int64_t open_s)
{
	int64_t at = now_s;

	if (!count)
		return now_s + open_s;
	while (at < now_s + 8 * 7 * 86400) {
		int64_t next = at - at % 60 + 60;

		if (!windows_open(w, count, at)) {
			at = windows_next(w, count, at);
			if (at < 0)
				return -1;
			continue;
		}
		if (open_s <= next - at)
			return at + open_s;
		open_s -= next - at;
		at = next;
	}
	return -1;
}
