#include "pace.h"

#include <string.h>

#define PIECE_LEAST 256u
#define HARDLY_MS 1000 /* longer than the shortest: more may be under way */
#define LONG_MS 3000   /* longer: less */
#define SLOW_MS 2500   /* so long at all: more only by little */
#define HOLD 20	       /* times as long, until that much is tried again */

void pace_begin(struct pace *p)
{
	*p = (struct pace){.window = PACE_WINDOW_FIRST, .least_ms = -1};
}

bool pace_may(const struct pace *p, uint64_t sent, uint64_t len)
{
	uint64_t under_way = sent - p->arrived;

	return !p->probe_count || under_way + len <= p->window;
}

uint32_t pace_piece(const struct pace *p, uint32_t most)
{
	uint64_t piece = p->window / 4;

	if (piece < PIECE_LEAST)
		piece = PIECE_LEAST;
	return piece > most ? most : (uint32_t)piece;
}

bool pace_ask(struct pace *p, uint64_t sent, int64_t now_ms)
{
	unsigned n = p->probe_count;
	uint64_t since = n ? p->probes[n - 1].at : p->arrived;

	if (n == PACE_PROBES || sent - since < p->window / 4)
		return false;
	pace_asked(p, sent, now_ms);
	return true;
}

void pace_asked(struct pace *p, uint64_t sent, int64_t now_ms)
{
	if (p->probe_count < PACE_PROBES)
		p->probes[p->probe_count++] = (struct pace_probe){sent, now_ms};
}

/* Once for what is under way: what was measured before tells nothing of it. */
static void change_window(struct pace *p, uint64_t window, uint64_t sent)
{
	if (window < PACE_WINDOW_LEAST)
		window = PACE_WINDOW_LEAST;
	if (window > PACE_WINDOW_MOST)
		window = PACE_WINDOW_MOST;
	p->window = window;
	p->changed = sent;
}

static void measure(struct pace *p, const struct pace_probe *probe,
	uint64_t under_way, uint64_t sent, int64_t now)
{
	int64_t took = now - probe->ms;

	if (p->least_ms < 0 || took < p->least_ms)
		p->least_ms = took;
	if (probe->at <= p->changed)
		return;
	/* A window that was not used was not found too small. */
	bool used = under_way >= p->window / 2;
	uint64_t more = took > SLOW_MS ? p->window * 5 / 4 + PIECE_LEAST
				       : 2 * p->window;
	bool tried = now < p->until_ms && more >= p->too_much;
	if (took <= p->least_ms + HARDLY_MS && used && !tried) {
		change_window(p, more, sent);
	} else if (took > p->least_ms + LONG_MS) {
		p->too_much = p->window;
		p->until_ms = now + HOLD * took;
		change_window(p, p->window / 2, sent);
	}
}

bool pace_told(struct pace *p, uint64_t arrived, uint64_t sent, int64_t now_ms)
{
	uint64_t under_way = sent - p->arrived;
	unsigned met = 0;

	if (arrived > sent || arrived < p->arrived)
		return false;
	while (met < p->probe_count && p->probes[met].at <= arrived)
		met++;
	p->arrived = arrived;
	if (!met)
		return true;
	struct pace_probe probe = p->probes[met - 1];
	p->probe_count -= met;
	memmove(p->probes, p->probes + met,
		p->probe_count * sizeof(p->probes[0]));
	measure(p, &probe, under_way, sent, now_ms);
	return true;
}

int64_t pace_waits(const struct pace *p)
{
	return p->probe_count ? p->probes[0].ms : -1;
}
