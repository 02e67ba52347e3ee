/*
 * mutf7: folder names as people type them, as servers keep them on disk:
 * "Entwürfe" is "Entw&APw-rfe" (RFC 3501, 5.1.3).
 */
#ifndef PB_MUTF7_H
#define PB_MUTF7_H

#include <stdbool.h>

#include "mem.h"

/*
 * A name in UTF-8, coded. Returns NULL where it is no UTF-8, or holds control
 * bytes, which no name may.
 */
const char *mutf7_encode(struct arena *arena, const char *utf8);
/*
 * Is this name on disk the one that a person gave, as it is on disk or as they
 * would read it? ASCII letters are the same in either case. Pure.
 */
bool mutf7_same_name(const char *path, const char *given);

#endif
