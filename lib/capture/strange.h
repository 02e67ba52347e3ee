/*
 * strange: accounts that a peer speaks of and that are not here, until it was
 * heard that they are.
 *
 *   <state>/strange/<origin of the peer>/<account>
 *
 * holds in digits when the peer was told that what it sends of it is left out;
 * below 0: that it is here now; 0: neither. Whoever writes it last is right: at
 * worst the peer is told once more.
 */
#ifndef PB_STRANGE_H
#define PB_STRANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "mem.h"
#include "os.h"

struct err;

#define STRANGE_MAX 1000u /* of one peer: it is the peer's word */

struct strange {
	const char *account;
	bool welcome;	 /* what the peer was told last */
	int64_t told_ms; /* 0: nothing since it spoke of it */
};

/* A peer spoke of an account. Beyond STRANGE_MAX nothing is noted. */
int strange_note(struct os *os, const char *state_dir, uint64_t peer,
	const char *account, struct err *err);
/* All that are noted of a peer; in the arena. */
int strange_list(struct os *os, const char *state_dir, uint64_t peer,
	struct arena *arena, struct strange **ret, size_t *ret_count,
	struct err *err);
int strange_told(struct os *os, const char *state_dir, uint64_t peer,
	const struct strange *s, struct err *err);
void strange_forget(struct os *os, const char *state_dir, uint64_t peer,
	const char *account);

#endif
