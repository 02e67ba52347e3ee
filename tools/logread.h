/*
 * logread: the changes of one of our own logs, read from its segments.
 */
#ifndef PB_LOGREAD_H
#define PB_LOGREAD_H

#include "account.h"
#include "change.h"

/* Returns above 0 when it has seen enough; below 0 is passed on. */
typedef int (*logread_fn)(void *arg, const struct change *c, struct err *err);

/*
 * Each change from an lsn on, up to the log's durable end. Nothing is locked.
 * Returns 0; 1 where fn had seen enough.
 * Errors: as log_reader_open (ERR_ABSENT: the segments do not go back so far)
 * and log_reader_next; ERR_CORRUPT: changes that cannot be read.
 */
int logread_each(struct account *a, const struct replica_log *log,
	uint64_t from_lsn, logread_fn fn, void *arg, struct err *err);

/*
 * The first lsn that the segments of a log still hold; behind its last where
 * there are none.
 */
int logread_first(struct account *a, const struct replica_log *log,
	uint64_t *ret, struct err *err);

#endif
