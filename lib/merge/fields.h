/*
 * fields: what a server's UID list says of a message: "Ggiven O2 Puidl", each
 * a capital letter and a value, separated by one space.
 *
 * G, the message's GUID where its base name is not it, belongs to the name:
 * whoever renames the message says what its GUID is from then on. So it is a
 * register of its own, apart from the other fields. Pure; strings live in the
 * arena given.
 */
#ifndef PB_FIELDS_H
#define PB_FIELDS_H

#include <stdbool.h>

#include "mem.h"

bool fields_have(const char *fields, char letter);
/* The value of the field of that letter; NULL: there is none. */
const char *fields_get(struct arena *arena, const char *fields, char letter);
/* The fields with this value for the letter, NULL: without it; in the order
   of their letters. */
const char *fields_put(struct arena *arena, const char *fields, char letter,
	const char *value);

#endif
