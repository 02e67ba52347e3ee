/*
 * fold_dead: which messages die within the changes that are folded. Private
 * to fold.c.
 */
#ifndef PB_FOLD_DEAD_H
#define PB_FOLD_DEAD_H

#include "change.h"

struct fold_dot;
struct fold_death;

struct fold_dead_set {
	struct fold_dot *dots; /* that were expunged, or joined by a MOVE */
	size_t dot_count;
	struct fold_death *deaths; /* by log of the expunge, then message */
	size_t death_count;
};

/* Find them; items must outlive the set. fold_dead_free releases it. */
void fold_dead_find(
	const struct change *items, size_t count, struct fold_dead_set *ret);
void fold_dead_free(struct fold_dead_set *set);

/* Is the message of dot dead by what this log alone says? */
bool fold_dead_has(const struct fold_dead_set *set, const struct log_id *log,
	const struct dot *dot);

/* From now on it is not. */
void fold_dead_spare(struct fold_dead_set *set, const struct log_id *log,
	const struct dot *dot);

#endif
