/*
 * detour: the seam of one open replica state, which leads to one machine now
 * and to another later: so that a connection, with all statements that were
 * prepared for it, outlives its machine.
 *
 * What is opened first is the database. It keeps the number it got; where
 * that leads is changed by detour_lead. All else that is opened is passed on
 * as it is, and must be closed before.
 */
#ifndef PB_DETOUR_H
#define PB_DETOUR_H

#include "os.h"

struct detour {
	struct os os; /* first: the calls come back with this */
	struct os *to;
	int fd; /* there, of the database; -1: not opened yet */
};

void detour_init(struct detour *d, struct os *to);
/* From now on to that machine, where the database is open as fd. */
void detour_lead(struct detour *d, struct os *to, int fd);

#endif
