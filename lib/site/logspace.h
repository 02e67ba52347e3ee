/*
 * logspace: the room that the logs of all accounts take, and may take.
 */
#ifndef PB_LOGSPACE_H
#define PB_LOGSPACE_H

#include "site.h"

struct err;

struct logspace {
	uint64_t used;	  /* by all that lies below <state>/log */
	uint64_t cap;	  /* log_cap, in bytes */
	uint64_t free;	  /* of the file system, for us */
	uint64_t reserve; /* in bytes */
};

/* Looks at each file: for now and then. Errors: ERR_IO. */
int logspace_look(const struct site *s, struct logspace *ret, struct err *err);
/*
 * How much is to be removed of the logs: what is over the cap, and an eighth of
 * it, so that it is not reached again at once; what the reserve lacks. Pure.
 */
uint64_t logspace_excess(const struct logspace *l);

/* What an account's state keeps: when segments were last removed though a peer
   had not applied them, because of the cap or the reserve. */
#define LOGSPACE_CUT_MS "logs cut ms"

#endif
