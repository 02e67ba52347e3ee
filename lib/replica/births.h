/*
 * births: what births.c and moves.c share. Private to lib/replica.
 */
#ifndef PB_BIRTHS_H
#define PB_BIRTHS_H

#include "registers.h"

/* A message as c, a SAVE, COPY or MOVE, says that it is; without its dot. */
int message_insert(struct replica *r, const struct change *c, int64_t by_log,
	int64_t folder, int64_t *ret, struct err *err);
/* A dot that a MOVE named before its birth was met. */
int named_dot_insert(struct replica *r, const struct dot_row *row, uint64_t lsn,
	int64_t message, struct err *err);

/* Was no dot of the message born before c? 1 or 0. */
int birth_is_first(struct replica *r, int64_t message, const struct change *c,
	struct err *err);

/* What of a message's row is not told by its dots. */
struct placed_registers {
	int64_t folder, mtime;
	bool moved;
	struct flag_set flags;
	const char *base, *extra;
	uint32_t uid;
	struct writer place_by, extra_by, guid_by, uid_by;
};
/* Returns 1, or 0 when there is no such message. */
int placed_registers_read(struct replica *r, int64_t message,
	struct arena *arena, struct placed_registers *ret, struct err *err);

/*
 * Messages x and y are one: y takes x's dots and registers, but for where it
 * lies. What of x lies in a store is to be removed from there. y has been
 * taken out of its folder's digest before, and is to be put back after.
 */
int message_join(struct replica *r, int64_t x, int64_t y,
	const struct placed_registers *of_x, struct err *err);

#endif
