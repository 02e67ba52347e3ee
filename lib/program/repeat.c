/*
 * repeat: a daemon that looks again every other second says once what is
 * wrong, not every other second.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hash.h"
#include "program.h"

#define REMIND_MS 3600000 /* what stays wrong is said again */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void log_round(struct logger *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->repeat_count; i++) {
		if (!l->repeats[i].met)
			continue;
		l->repeats[kept] = l->repeats[i];
		l->repeats[kept++].met = false;
	}
	l->repeat_count = kept;
	l->rounds = true;
}

bool log_repeats(struct logger *l, const char *text)
{
	uint64_t hash = hash_check(text, strlen(text), 0);
	int64_t now = now_ms();

	for (size_t i = 0; i < l->repeat_count; i++) {
		struct repeat *r = &l->repeats[i];

		if (r->hash != hash)
			continue;
		r->met = true;
		if (now - r->said_ms < REMIND_MS)
			return true;
		r->said_ms = now;
		return false;
	}
	l->repeats =
		mem_grow(l->repeats, l->repeat_count + 1, sizeof(*l->repeats));
	l->repeats[l->repeat_count++] = (struct repeat){hash, now, true};
	return false;
}
