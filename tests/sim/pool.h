/*
 * pool: replica states stay open from one run of a program to the next, and
 * from one history to the next: opening them, and preparing what is asked of
 * them, is most of what a short history would cost.
 *
 * The linker puts this in the place of replica_open and replica_close. Whatever
 * happens to a site but its programs (a power cut, an image put back) comes
 * with a pool_drop before it.
 *
 * A connection that is lent to a machine forgets all that it knew of another
 * (its cache, what it found durable), so that a history is the same whether
 * it is the first or the thousandth. A state that a machine does not have yet
 * is not made there by the program, but put there whole, with an incarnation
 * of its own.
 */
#ifndef PB_POOL_H
#define PB_POOL_H

struct os;

enum pool_mode {
	POOL_OFF,      /* every run opens anew */
	POOL_RUNS,     /* from one run to the next; states are made */
	POOL_HISTORIES /* … and from one history to the next */
};

/* How it is done from now on. No machine has anything open any more. */
void pool_use(enum pool_mode mode);
/* Nothing that a machine has open stays so: its programs ended. */
void pool_drop(struct os *os);
/* The end of a history: the same for all machines. */
void pool_rest(void);

#endif
