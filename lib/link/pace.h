/*
 * pace: how much may be under way on a link, so that it is never idle and what
 * is urgent never waits long behind what is not.
 *
 * Nothing is known of the line, nor of what lies between (a socket's buffer, a
 * modem's, ssh's). So the sender asks now and then to be told what arrived, and
 * measures how long that takes. As long as it takes hardly longer than the
 * shortest time ever, more may be under way; when it takes seconds longer, what
 * is under way waits in a buffer, and less may be.
 *
 * Pure; times in ms of any clock that does not jump.
 */
#ifndef PB_PACE_H
#define PB_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_WINDOW_LEAST 256u
#define PACE_WINDOW_FIRST 512u
#define PACE_WINDOW_MOST (4u << 20)
#define PACE_PROBES 8u

struct pace_probe {
	uint64_t at; /* bytes sent when it was asked */
	int64_t ms;
};
struct pace {
	uint64_t window;   /* bytes that may be under way */
	uint64_t arrived;  /* of what was sent, as far as we were told */
	uint64_t changed;  /* the window, when so much was sent */
	int64_t least_ms;  /* shortest time until told; -1: never was */
	uint64_t too_much; /* a window that was found too large; not again */
	int64_t until_ms;  /* before then */
	struct pace_probe probes[PACE_PROBES];
	unsigned probe_count;
};

void pace_begin(struct pace *p);
/* May a piece of len bytes go now, after `sent`? Always where nothing is asked:
   else nobody would ever be told. */
bool pace_may(const struct pace *p, uint64_t sent, uint64_t len);
/* Bytes that one piece should have, at most `most`. */
uint32_t pace_piece(const struct pace *p, uint32_t most);
/* Should what ends at `sent` ask to be told? Then it is noted that it does. */
bool pace_ask(struct pace *p, uint64_t sent, int64_t now_ms);
/* What ends at `sent` asks in any case. */
void pace_asked(struct pace *p, uint64_t sent, int64_t now_ms);
/* We were told. Returns false where that cannot be. */
bool pace_told(struct pace *p, uint64_t arrived, uint64_t sent, int64_t now_ms);
/* Since when nothing was heard of what was asked first; -1: nothing is asked */
int64_t pace_waits(const struct pace *p);

#endif
