/*
 * setmaker: two sets of keys that differ in what a test wants.
 */
#ifndef PB_SETMAKER_H
#define PB_SETMAKER_H

#include "changemaker.h"
#include "riblt.h"

#include <stdlib.h>

struct two_sets {
	struct riblt mine, theirs;
	uint64_t *only; /* keys of one side, those of mine first */
	size_t mine_only, count;
};

/* Both have `common` keys; `mine` and `theirs` more are in one of them. */
static inline void two_sets_make(struct maker *m, struct two_sets *s,
	size_t common, size_t mine, size_t theirs)
{
	uint8_t seed[RIBLT_SEED_SIZE];

	*s = (struct two_sets){.mine_only = mine, .count = mine + theirs};
	s->only = mem_array(s->count, sizeof(*s->only));
	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)maker_u64(m);
	riblt_init(&s->mine, seed);
	riblt_init(&s->theirs, seed);
	for (size_t i = 0; i < common; i++) {
		uint64_t key = maker_u64(m);

		riblt_add(&s->mine, key);
		riblt_add(&s->theirs, key);
	}
	for (size_t i = 0; i < s->count; i++) {
		s->only[i] = maker_u64(m);
		riblt_add(i < mine ? &s->mine : &s->theirs, s->only[i]);
	}
}

static inline void two_sets_free(struct two_sets *s)
{
	riblt_free(&s->mine);
	riblt_free(&s->theirs);
	free(s->only);
}

/* Is what was found what they differ in? */
static inline bool two_sets_found(
	const struct two_sets *s, const struct riblt_decoder *d)
{
	size_t at = 0, found = 0;
	uint64_t key;
	bool theirs;

	while (riblt_found(d, &at, &key, &theirs)) {
		bool known = false;

		for (size_t i = 0; i < s->count && !known; i++)
			known = s->only[i] == key &&
				(i >= s->mine_only) == theirs;
		if (!known)
			return false;
		found++;
	}
	return found == s->count;
}

#endif
