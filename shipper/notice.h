/*
 * notice: did the state of an account change? Then there may be something to
 * hand over. By inotify on the accounts' directories; where there are more than
 * the system watches, those are looked at as often as all are anyway.
 */
#ifndef PB_NOTICE_H
#define PB_NOTICE_H

#include <stdbool.h>
#include <stddef.h>

struct notice {
	int fd; /* readable when something changed; -1: there is none */
};
void notice_open(struct notice *n);
/* Watch these accounts too, from now on. */
void notice_watch(struct notice *n, const char *state_dir,
	const char *const *accounts, size_t count);
/* Did anything change since the last call? */
bool notice_taken(struct notice *n);
void notice_close(struct notice *n);

#endif
