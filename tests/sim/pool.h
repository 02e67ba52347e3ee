/*
 * pool: replica states stay open from one run of a program to the next, as in
 * one that follows: opening them is most of what a short history would cost.
 *
 * The linker puts this in the place of replica_open and replica_close. Whatever
 * happens to a site but its programs (a power cut, an image put back) comes
 * with a pool_drop before it.
 */
#ifndef PB_POOL_H
#define PB_POOL_H

#include <stdbool.h>

struct os;

/* Off: every run opens anew. Drops all. */
void pool_use(bool on);
/* Close what a machine has open and nobody uses. NULL: of all machines. */
void pool_drop(struct os *os);

#endif
