#include "shrink.h"

#include <string.h>

struct shrinking {
	struct history *h;
	const char *what;
	unsigned tries;
	shrink_fails_fn *fails;
	void *arg;
};

static bool still_fails(struct shrinking *s, const struct history *h)
{
	if (!s->tries)
		return false;
	s->tries--;
	return s->fails(s->arg, h, s->what);
}

/* Sites, their states and peers are what everything rests on. */
static bool rests_on(const struct event *e)
{
	return e->kind == EVENT_SITES || e->kind == EVENT_STATES ||
	       e->kind == EVENT_PEER;
}

/* Leave out events [from, from + count). Returns true if that was enough. */
static bool without(struct shrinking *s, size_t from, size_t count)
{
	struct history shorter = {0};
	bool fails;

	for (size_t i = 0; i < s->h->count; i++)
		if (i < from || i >= from + count || rests_on(&s->h->events[i]))
			history_add(&shorter, &s->h->events[i]);
	fails = shorter.count < s->h->count && still_fails(s, &shorter);
	if (fails) {
		history_free(s->h);
		*s->h = shorter;
	} else {
		history_free(&shorter);
	}
	return fails;
}

static bool leave_out(struct shrinking *s)
{
	bool any = false;

	for (size_t count = s->h->count / 2; count; count /= 2)
		for (size_t from = 0; from < s->h->count;) {
			if (without(s, from, count))
				any = true;
			else
				from += count;
		}
	return any;
}

/* One event made plainer. */
static bool plainer(struct shrinking *s, size_t i, const struct event *now)
{
	struct event was = s->h->events[i];

	if (memcmp(&was, now, sizeof(was)) == 0)
		return false;
	s->h->events[i] = *now;
	if (still_fails(s, s->h))
		return true;
	s->h->events[i] = was;
	return false;
}

static void make_plain(struct shrinking *s)
{
	for (size_t i = 0; i < s->h->count; i++) {
		struct event e = s->h->events[i];

		if (rests_on(&e))
			continue;
		e.fault = FAULT_NONE;
		e.fault_at = e.fault_seed = 0;
		plainer(s, i, &e);
		e = s->h->events[i];
		if (e.kind == EVENT_DELIVER) {
			e.kind = EVENT_SAVE;
			strcpy(e.word, "-");
			plainer(s, i, &e);
		}
		e = s->h->events[i];
		if (e.kind == EVENT_SAVE) {
			strcpy(e.word, "-");
			plainer(s, i, &e);
		}
		for (uint64_t n = 1; n < 8; n++) {
			e = s->h->events[i];
			e.fault_seed = n;
			if (!fault_has_seed(e.fault) || plainer(s, i, &e))
				break;
		}
	}
}

void shrink(struct history *h, const char *what, unsigned tries,
	shrink_fails_fn *fails, void *arg)
{
	struct shrinking s = {h, what, tries, fails, arg};

	while (leave_out(&s))
		;
	make_plain(&s);
	while (leave_out(&s))
		;
}
