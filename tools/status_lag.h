/*
 * status_lag: what a peer has not got of an account, and what stays here.
 *
 * Handed over are changes of folders whose home is this site, and of the
 * account log what speaks of them. Other changes of users here stay for now:
 * they are no lag of any peer. What others wrote is where it is passed on, and
 * the peer takes it. Nothing is locked and nothing is changed.
 */
#ifndef PB_STATUS_LAG_H
#define PB_STATUS_LAG_H

#include <stdbool.h>
#include <stdint.h>

#include "account.h"

struct err;

struct status_lag {
	uint64_t changes, unapplied; /* not known there; known, not placed */
	uint64_t messages, bytes;    /* bodies among them */
	uint64_t wanted;	     /* bodies the peer waits for */
	uint64_t wanted_bytes;	     /* that it lacks of them */
	int64_t since_ms;	     /* of the oldest change not known */
	int64_t unapplied_ms;	     /* of the oldest known, not placed */
	uint64_t from_state;	     /* logs whose segments do not go so far */
	bool refused;		     /* it has no such account */
	uint64_t sent;		     /* our changes that are known there */
	uint64_t received, to_apply; /* its changes here; not placed yet */
};

/* Of one peer, by its origin; sends: our changes are handed over to it; relays:
   and those of others. */
int status_lag(struct account *a, uint64_t self, uint64_t peer, bool sends,
	bool relays, struct status_lag *ret, struct err *err);

/*
 * Has a peer acknowledged a log of ours up to lsn, as durable or as applied?
 * Of the account log counts what is handed over to it. 1 or 0.
 */
int status_has(struct account *a, uint64_t peer, const struct replica_log *log,
	uint64_t lsn, bool applied, struct err *err);

/* How much users changed here of folders whose home is not here. */
int status_local_changes(
	struct account *a, uint64_t self, uint64_t *ret, struct err *err);

#endif
