/*
 * round_private: what the files of a round share.
 */
#ifndef PB_ROUND_PRIVATE_H
#define PB_ROUND_PRIVATE_H

#include "round.h"

struct round {
	const struct round_config *config;
	struct os *os;
	struct receive_config receive;
	struct receive_result received;
	char **strange; /* what is said of accounts that are not here */
	size_t strange_count;
	bool *settled; /* per account: looked at since the round began */
	uint64_t left; /* in the inbox, as round_inbox counts */
	int code;      /* worst exit code so far */
};

/* Say it, and what it does to the exit code. */
void round_fail(struct round *r, const struct err *err);
void round_say(struct round *r, bool warning, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* round_inbox.c: take what lies in the inbox of a peer, by its number; or a
   bundle or parcel that was named, "-" for standard input. */
void round_take_inbox(struct round *r, size_t number);
void round_take_file(struct round *r, const char *path);

#endif
