#include "sweep.h"

#define NEVER 1000000
/* So often the same as if it never happened: it comes too late to happen. */
#define ENOUGH 8

struct sweeping {
	struct history *h;
	sweep_run_fn *run;
	void *arg;
	uint64_t runs;
};

static uint64_t run(struct sweeping *s)
{
	s->runs++;
	return s->run(s->arg, s->h);
}

/* The last event before `before` that something befalls; NULL: none. */
static struct event *faulty(struct sweeping *s, size_t before)
{
	for (size_t i = before; i-- > 0;)
		if (s->h->events[i].fault)
			return &s->h->events[i];
	return NULL;
}

/* One hash for a whole sweep; 0: one of them failed. */
static uint64_t vary(struct sweeping *s, struct event *e, struct event *inner)
{
	uint64_t was, never, all, hash;
	unsigned same = 0;

	if (!e)
		return run(s);
	was = e->fault_at;
	e->fault_at = NEVER;
	all = never = vary(s, inner, NULL);
	for (uint64_t at = 1; never && same < ENOUGH; at++) {
		e->fault_at = at;
		hash = vary(s, inner, NULL);
		if (!hash)
			return 0;
		same = hash == never ? same + 1 : 0;
		all = all * 31 + (same ? 0 : hash);
	}
	if (never)
		e->fault_at = was;
	return all;
}

uint64_t sweep(struct history *h, sweep_run_fn *fn, void *arg)
{
	struct sweeping s = {.h = h, .run = fn, .arg = arg};
	struct event *last = faulty(&s, h->count);
	struct event *other =
		last ? faulty(&s, (size_t)(last - h->events)) : NULL;

	vary(&s, other ? other : last, other ? last : NULL);
	return s.runs;
}
