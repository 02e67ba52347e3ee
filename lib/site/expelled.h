/*
 * expelled: peers that are gone for good, as the operator said.
 *
 *   <state>/expelled    a line each: "<origin, 16 hex digits> <ms> <name>"
 *
 * One that is listed there is no peer, whatever the configuration says, until
 * somebody takes its line out by hand. A crash leaves the file as it was, or
 * with the new line, whole.
 */
#ifndef PB_EXPELLED_H
#define PB_EXPELLED_H

#include <stddef.h>
#include <stdint.h>

#include "os.h"

struct arena;
struct err;

struct expelled {
	uint64_t origin;
	int64_t since_ms;
	const char *name; /* that the configuration gave it */
};

/*
 * All of them, in the order in which they were expelled; array and names in
 * the arena. Errors: ERR_USAGE: a line that is none, named; ERR_IO.
 */
int expelled_load(struct os *os, const char *state_dir, struct arena *arena,
	struct expelled **ret, size_t *ret_count, struct err *err);
/* Add one; durable when it returns. Listed already: 1. Errors: as above. */
int expelled_add(struct os *os, const char *state_dir,
	const struct expelled *peer, struct err *err);

#endif
