/*
 * refusals: what was refused, from whom, since when and how often.
 *
 *   <state>/refusals        text, a line for each: who, why, and the last words
 *   <state>/refusals.lock   held while it is replaced
 *
 * Who can be refused as often as he likes costs REFUSALS_MAX lines: of more the
 * one that was met longest ago gives way. They are gathered in memory, and
 * written from time to time. Nothing depends on them but what is shown: a line
 * that is not as it was written counts as none.
 */
#ifndef PB_REFUSALS_H
#define PB_REFUSALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os.h"

struct err;

#define REFUSALS_MAX 64
#define REFUSALS_KEEP_MS (INT64_C(30) * 86400000) /* since the last one */

struct refusal {
	int64_t first_ms, last_ms; /* on the wall */
	uint64_t count;
	char who[80];	 /* "shore", "stranger at 192.0.2.1" */
	char why[40];	 /* of what kind: with who it names the line */
	char words[160]; /* of the last one */
};
struct refusals {
	struct refusal items[REFUSALS_MAX]; /* in no order */
	size_t count;
};

/* Is this error of a kind that is told of here? */
bool refusals_counts(const struct err *err);
/* One more, of a kind that its code says. */
void refusals_add(struct refusals *r, const char *who, const struct err *err,
	int64_t now_ms);
/* All that were written. Errors: ERR_IO. */
int refusals_get(struct os *os, const char *state_dir, struct refusals *ret,
	struct err *err);
/* Add to what was written, and empty r. Errors: ERR_IO; ERR_BUSY: the lock is
   held for long. Then r is as it was. */
int refusals_save(struct os *os, const char *state_dir, struct refusals *r,
	struct err *err);

#endif
