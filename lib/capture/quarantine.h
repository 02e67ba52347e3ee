/*
 * quarantine: what becomes of a log of ours that is damaged below its durable
 * end (design: the logs).
 *
 * Its directory is renamed to "<folder>.damaged-<ms>" and kept for the
 * operator. A new incarnation begins: its account log starts with a record
 * that names the end of the one before, and a gap record that says which
 * changes of the damaged log can no longer be read. They are written out from
 * the state for the peers that had not got them; until all of these have,
 * status says so and exits with 3.
 */
#ifndef PB_QUARANTINE_H
#define PB_QUARANTINE_H

#include "account.h"

struct err;

/*
 * Under the account lock, with no journal open.
 * Returns 0. Errors: ERR_IO; ERR_BUSY: try again, nothing was done that a
 * second call does not finish.
 */
int quarantine_log(struct account *a, const struct id128 *folder,
	const char *why, struct err *err);

/* A shipper that cannot read a log asks the writer to look into it. */
int quarantine_ask(struct account *a, const struct id128 *folder,
	struct err *err);
/* Do what was asked for. Returns 1 if something was put aside; then why is
   filled as for ERR_OPERATOR. */
int quarantine_asked(struct account *a, struct err *why, struct err *err);

#endif
