/*
 * world: a history is run: its sites and media are made, its events happen
 * one after the other, the oracle looks after each; then the faults stop, and
 * in a few exchanges everything must be as it should.
 */
#ifndef PB_WORLD_H
#define PB_WORLD_H

#include <stdio.h>

#include "history.h"

struct outcome {
	char what[16]; /* "": nothing wrong; else what the oracle calls it */
	char why[480];
	size_t at;	    /* number of the event, from 1; 0: in the end */
	uint64_t hash;	    /* over all that was seen after each event */
	unsigned exchanges; /* that it took to make all sites equal */
	bool told; /* they are not, after a disaster, and somebody says so */
};

/*
 * trace NULL, or where each event and what came of it is printed; with calls,
 * the file-changing calls of its program too.
 */
void world_run(
	const struct history *h, FILE *trace, bool calls, struct outcome *ret);

#endif
