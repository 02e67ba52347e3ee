/*
 * given: the UIDs that were given in one folder at one time: none twice, also
 * where what the authority said names one for two messages.
 */
#ifndef PB_GIVEN_H
#define PB_GIVEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero at first: an open hash table, 0 where it is empty. */
struct given {
	uint32_t *uids;
	size_t count, slots;
};

/* Give a UID, which is not 0. Returns false if it was given before. */
bool given_add(struct given *g, uint32_t uid);
void given_free(struct given *g);

#endif
