/*
 * compared: a folder's messages as comparisons see them, what is told of them
 * to a peer, and what is taken from it.
 *
 *   compared.c  values of rows, and rows whole
 *   telling.c   dots told: changes of their own writers, from the state
 *   adopting.c  changes of any writer taken, and registers that are damaged
 */
#ifndef PB_COMPARED_H
#define PB_COMPARED_H

#include "keys.h"
#include "replica.h"
#include "rows.h"

/* ---- what is here (compared.c) ---- */

/* A row's value (keys.h), and its message. */
typedef int (*compared_value_fn)(void *arg, int64_t message,
	const uint8_t value[KEYS_VALUE_SIZE], struct err *err);
/*
 * Each living message of a folder, its exact value made anew from its
 * registers. Where the values do not come to what the folder's sums say the
 * state differs from itself: sums are put right, and it is a gap (stated.h).
 * In a transaction.
 */
int compared_exact_each(struct replica *r, const struct id128 *folder,
	int64_t now_ms, compared_value_fn fn, void *arg, struct err *err);
int compared_content_each(struct replica *r, const struct id128 *folder,
	compared_value_fn fn, void *arg, struct err *err);

/* How far the logs of a folder's messages are known, and which dots of them
   live, anywhere, or are known to be dead. Into the arena. */
int compared_known(struct replica *r, const struct id128 *folder,
	struct arena *arena, struct known *ret, struct err *err);

/*
 * Rows in the order in which a state table has them: by UID, then by dot;
 * uids false: all by dot. seed NULL: no keys. In one reading.
 */
struct compared_rows {
	struct replica *r;
	const uint8_t *seed;
	struct compared_place *places;
	size_t count, at;
	struct arena arena; /* of the row that is read */
};
int compared_rows_begin(struct replica *r, const struct id128 *folder,
	bool uids, const uint8_t *seed, struct compared_rows *ret,
	struct err *err);
/* As struct diff_source has it: arg is the rows. id: the message. */
int compared_rows_next(void *arg, struct row *ret, struct err *err);
void compared_rows_end(struct compared_rows *rows);

/* The living messages of a folder that have a UID, by UID; to be freed. */
struct compared_uid {
	int64_t id;
	uint32_t uid;
};
int compared_uids(struct replica *r, const struct id128 *folder,
	struct compared_uid **ret, size_t *ret_count, struct err *err);

/* ---- what is told (telling.c) ---- */

/*
 * All that is known of these dots, as changes with their own writers, in the
 * order in which a batch is coded; and of those that are dead without a
 * tombstone the dots, in ret_dead (room for all). A dot that is not known here
 * is left out. keep says which writers' changes are told.
 */
typedef bool (*telling_keep_fn)(void *arg, const struct log_id *writer);
int telling_dots(struct replica *r, const struct dot *dots, size_t count,
	telling_keep_fn keep, void *arg, struct change_batch *ret,
	struct dot *ret_dead, size_t *ret_dead_count, struct err *err);

/* ---- what is taken (adopting.c) ---- */

enum adopting_dot {
	ADOPTING_UNKNOWN = 0, /* its log is not known so far, or has lost it */
	ADOPTING_ALIVE = 1,
	ADOPTING_DEAD = 2, /* there is a tombstone */
	ADOPTING_PAST = 3  /* dead, for its log is known past it */
};
/* What is known here of a dot: one of the above, or an error. */
int adopting_dot(struct replica *r, const struct dot *dot, struct err *err);
/* The change that says that a dot is dead where nobody knows by whom: its log's,
   at lsn 0. */
struct change adopting_death(const struct dot *dot);
/* In a transaction, as are the next: living dots of one log, first … last: their lsns, at most max. */
int adopting_living(struct replica *r, const struct log_id *log, uint64_t first,
	uint64_t last, size_t max, struct arena *arena, uint64_t **ret,
	size_t *ret_count, struct err *err);
/*
 * Where a register of ours was written by the very change c, and does not say
 * the same, one of the two is damaged: take what c says. So are date, size and
 * hash, which have no writer.
 * Returns 1 if something was taken.
 */
int adopting_change(struct replica *r, const struct change *c, struct err *err);

#endif
