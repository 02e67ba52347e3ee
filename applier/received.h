/*
 * received: bodies that lie whole in the directory of received ones
 * (bodies.h), on their way into a store.
 *
 * They were verified when they came, and may lie there for days. What the disk
 * spoilt meanwhile is never placed: it is removed, counted, and asked for with
 * the next acknowledgement, as a body that never came.
 */
#ifndef PB_RECEIVED_H
#define PB_RECEIVED_H

#include <stdbool.h>

#include "place_private.h"

/* Is this message's body here, as far as its size tells? */
bool received_is_here(struct placing *p, const struct replica_message *m);

/*
 * Stage it. Returns 0 and the index. Errors: ERR_ABSENT: it is not here, or
 * no more; as stage_add.
 */
int received_stage(struct placing *p, struct store_stage *stage,
	const struct replica_message *m, size_t *ret, struct err *err);

#endif
