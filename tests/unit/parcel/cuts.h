/* cuts: what is parsed of sections that were cut off or changed. */
#ifndef PB_CUTS_H
#define PB_CUTS_H

#include "parcel.h"

#include <stdlib.h>
#include <string.h>

#define SENDER 0x1111111111111111u

/* Exactly len bytes on the heap, so that a read past them is seen. */
static inline int parse_copy(const uint8_t *data, size_t len,
	struct parcel_sections *ret, uint8_t **ret_copy)
{
	*ret_copy = malloc(len ? len : 1);
	memcpy(*ret_copy, data, len);
	return parcel_parse(SENDER, *ret_copy, len, ret, NULL);
}

/*
 * Cuts sections off at every byte: what is taken are whole ones, of the first
 * none, then one, then two. Returns how many cuts were taken.
 */
static inline size_t whole_cuts(const struct buf *b)
{
	size_t whole = 0;

	for (size_t len = 0; len < b->len; len++) {
		struct parcel_sections s;
		uint8_t *copy;

		if (parse_copy(b->data, len, &s, &copy) == 0) {
			assert_int_equal(s.count, whole);
			whole++;
			parcel_sections_free(&s);
		}
		free(copy);
	}
	return whole;
}

#endif
