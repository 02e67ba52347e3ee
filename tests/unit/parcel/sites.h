/* sites: two sites that know each other and one that nobody knows. */
#ifndef PB_SITES_H
#define PB_SITES_H

#include "key.h"

struct sites {
	struct key_pair a, b, stranger;
	struct key_public b_knows[2]; /* somebody, then a */
};

static inline struct sites sites_make(void)
{
	struct key_pair somebody;
	struct sites s;

	key_from_seed((const uint8_t[32]){'a'}, &s.a);
	key_from_seed((const uint8_t[32]){'b'}, &s.b);
	key_from_seed((const uint8_t[32]){'s'}, &s.stranger);
	key_from_seed((const uint8_t[32]){'o'}, &somebody);
	s.b_knows[0] = somebody.pub;
	s.b_knows[1] = s.a.pub;
	return s;
}

#endif
