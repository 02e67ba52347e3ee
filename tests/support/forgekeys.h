/*
 * forgekeys: the two sites' keys of the golden files (tests/golden), so that
 * these are seeds for fuzzing.
 */
#ifndef PB_FORGEKEYS_H
#define PB_FORGEKEYS_H

#include <stdlib.h>

#include "key.h"

struct keys {
	struct key_pair a, b;
};

/* Made once: it takes longer than all the rest. */
static inline const struct keys *the_keys(void)
{
	static struct keys keys;

	if (keys.a.pub.origin == 0) {
		if (key_start(NULL) != 0)
			abort();
		key_from_seed((const uint8_t[32]){'a'}, &keys.a);
		keys.a.pub.may_sign = true;
		key_from_seed((const uint8_t[32]){'b'}, &keys.b);
	}
	return &keys;
}

#endif
