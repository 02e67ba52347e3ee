/*
 * worth: is what waits for a link worth a call, and if not, when is it called
 * all the same?
 *
 *   <state>/worth/<peer's origin>-<link>    text:
 *
 *	since 1795370400000     ms since 1970, see struct worth
 *	left 300
 *	waits 1
 *	sum 5f1e...             XXH3-64 of the lines before, in hex
 *
 * The first call of a link is always worth it. The file is written when
 * something begins to wait, and after a call; one that is not as it was written
 * counts as none, and costs a call. A clock that is set back begins the wait
 * anew, one that is set on makes a call early.
 */
#ifndef PB_WORTH_H
#define PB_WORTH_H

#include "config.h"
#include "os.h"

struct err;

/* What is remembered of a link. All zero: it was not called yet. */
struct worth {
	int64_t since_ms; /* of the oldest that waits; where nothing does, of
			     the last call: what waits there is not known */
	uint64_t left;	  /* bytes that a call that went well did not bring: no
			  reason for the next, until it is called anyway */
	bool waits;
};

/* ---- rules; times in ms since 1970 ---- */

/* So many bytes wait now. Returns true: write it down. */
bool worth_weighed(struct worth *w, uint64_t bytes, int64_t now_ms);
/* A call went well, and so many bytes wait still. */
void worth_called(struct worth *w, uint64_t bytes, int64_t now_ms);
/* So many bytes wait: is it time for a call? */
bool worth_is_due(const struct worth *w, const struct config_link *link,
	uint64_t bytes, int64_t now_ms);
/* When it is called at the latest, in a window of its; now or later; -1: never,
   if no more comes. */
int64_t worth_by(
	const struct worth *w, const struct config_link *link, int64_t now_ms);

/* ---- the file ---- */

/* Zeros where there is none. Errors: ERR_IO. */
int worth_load(struct os *os, const char *state_dir, uint64_t peer,
	const struct config_link *link, struct worth *ret, struct err *err);
/* Durable when it returns 0. Errors: ERR_IO. */
int worth_save(struct os *os, const char *state_dir, uint64_t peer,
	const struct config_link *link, const struct worth *w, struct err *err);

#endif
