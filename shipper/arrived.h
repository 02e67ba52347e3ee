/*
 * arrived: what a peer has, as far as a call over a live link that came to a
 * good end tells: all that was sent in it is durable there.
 *
 * It counts until it is acknowledged, and for ARRIVED_PATIENCE_MS at most: as
 * what lies on a medium does, whose place it has in the state
 * (lib/replica, sent). After that it is taken for lost, and sent again.
 */
#ifndef PB_ARRIVED_H
#define PB_ARRIVED_H

#include "handover.h"

struct err;

#define ARRIVED_PATIENCE_MS (UINT64_C(2) * 86400000)
/* A body that arrived so lately is not wanted again: the peer's word is older.
 */
#define ARRIVED_BODY_MS (UINT64_C(12) * 3600000)

struct arrived_log {
	const char *account;
	int64_t log;
	uint64_t lsn, chain;
};
struct arrived_body {
	const char *account;
	struct hash hash;
};

/* Durable when it returns 0; one transaction for each account. */
int arrived_record(const struct handover_config *config,
	const struct arrived_log *logs, size_t log_count,
	const struct arrived_body *bodies, size_t body_count, struct err *err);

#endif
