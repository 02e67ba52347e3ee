/*
 * spending: what a link has spent of its budget, kept over restarts.
 *
 *   <state>/spent/<peer's origin>-<link>    what was spent, as text:
 *
 *	day 20261121 1048576
 *	day 20261122 70000
 *	month 202611 1118576
 *	sum 5f1e...                  XXH3-64 of the lines before, in hex
 *
 * The file is ahead of what was spent, by some of what is left: it is written
 * before the bytes go, and when the link is done says what they were. So a
 * crash, or a cut of the power, makes no budget larger; it costs up to what the
 * file was ahead, a sixteenth of what was left.
 *
 * One process at a time has a link's open (the shipper's lock, and that of its
 * peer's live link); spending_look may be called by anybody.
 */
#ifndef PB_SPENDING_H
#define PB_SPENDING_H

#include "config.h"
#include "os.h"

struct err;

struct spending {
	struct os *os;
	char *dir, *path;
	struct budget budget;
	struct budget_spent spent;
	uint64_t ahead; /* of what was spent the file is */
};

/* A budget of a link that is to be looked at. */
struct spending_view {
	uint64_t left; /* UINT64_MAX: no limit */
	bool used_up;  /* but for what may be under way */
	enum budget_span span;
	int64_t until_s; /* when it begins anew; of a call: now */
	struct budget_spent spent;
};

/*
 * What a link has spent; a call begins. Where it has no budget nothing is read
 * or written. Errors: ERR_CORRUPT: the file is none of ours, or damaged, with
 * the remedy; ERR_IO.
 */
int spending_open(struct spending *s, struct os *os, const char *state_dir,
	uint64_t peer, const struct config_link *link, struct err *err);
/* Bytes that may still go. */
uint64_t spending_left(const struct spending *s);
/* So many are about to go: durable when it returns. Errors: ERR_IO. */
int spending_reserve(struct spending *s, uint64_t bytes, struct err *err);
/* They went, or came. Errors: ERR_IO: counted, but not durable. */
int spending_add(struct spending *s, uint64_t bytes, struct err *err);
/* Errors: ERR_IO: the file stays ahead. */
int spending_close(struct spending *s, struct err *err);

/* Without beginning a call. Errors: as spending_open. */
int spending_look(struct os *os, const char *state_dir, uint64_t peer,
	const struct config_link *link, struct spending_view *ret,
	struct err *err);

#endif
