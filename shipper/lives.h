/*
 * lives: all live links of this process, and the poll(2) loop round them.
 *
 * A peer has one link at a time: a new one that proves itself takes the place
 * of the old, whose other end has given it up or will soon. Where both dialed
 * at the same moment the one of the lower origin stays.
 *
 * Strangers cost little: LIVES_STRANGERS_MAX connections that have not proven
 * themselves at a time, the oldest gives way; none of them is said anything to,
 * and none stays longer than LINK_PROVE_MS.
 */
#ifndef PB_LIVES_H
#define PB_LIVES_H

#include "errand.h"
#include "live.h"

struct pollfd;

#define LIVES_STRANGERS_MAX 32u

/* A peer that is to be dialed. */
struct lives_redial {
	size_t peer;
	unsigned attempts;
	int64_t again_ms, wait_ms;
	bool away; /* was told */
	/* What comes before the next call, or after the last, is under way. */
	struct errand before, after;
	const struct config_link *link; /* of that */
};
struct lives {
	struct live **items;
	size_t count;
	int listeners[CHANNEL_LISTENERS_MAX];
	size_t listener_count;
	struct lives_redial *redials;
	size_t redial_count;
	/* Until then, of those that said nothing, and of the others. */
	uint64_t strangers_told[2];
	int64_t told_until_ms;
	int64_t dismissed_ms; /* dismiss.h: when that was looked at */
};

/* Call each peer that is asked for, one after the other, to the end. */
void lives_call(struct shipper *s);
/* Answer on standard input and output, to the end. */
void lives_answer(struct shipper *s);

/* For a daemon: listen, and note whom to dial. Errors: ERR_USAGE, ERR_IO. */
int lives_open(struct shipper *s, struct lives *lives, struct err *err);
/* Before the configuration is read again: all links end, for they speak of it;
   and after: whom to dial may have changed. */
void lives_reload_begin(struct shipper *s, struct lives *lives);
void lives_reload_end(struct shipper *s, struct lives *lives);
/* Let each link hand over, those that are due only or all; with the lock. */
void lives_hand_over(struct lives *lives, bool all);
bool lives_due(const struct lives *lives);
/* Does any of them still need bodies? */
bool lives_feed(const struct lives *lives);
/* Dial whom it is time to dial, wait at most so long for something to happen
   here or at more, and let it happen. */
void lives_turn(struct shipper *s, struct lives *lives,
	const struct pollfd *more, size_t more_count, int64_t wait_ms);
void lives_close(struct shipper *s, struct lives *lives);

/* A link proved whose it is: may it stay? Errors: ERR_BUSY: no. */
int lives_take_over(struct lives *lives, struct live *l, struct err *err);

#endif
