/*
 * status_calls: for `packetboat status`: what was done over a link, what of it
 * is under way, and when all that waits will be there.
 */
#ifndef PB_STATUS_CALLS_H
#define PB_STATUS_CALLS_H

#include "status_tree.h"

/* Its calls, as `key` of an object; via: CALLS_ANSWERED: those of the peer. */
void status_calls(struct status *s, size_t peer, const char *via,
	const char *key, struct json_object *to);

/* What of an account lies on media, into the objects of the peer's links. */
int status_under_way(struct status *s, size_t peer, struct json_object *o,
	struct account *a, struct err *err);

/* What bodies of an account the peer waits for would go over each of its links,
   into the objects of these. */
int status_waiting(struct status *s, size_t peer, struct json_object *o,
	struct account *a, struct err *err);

/* When all accounts are there: how long each link would take for all that the
   peer lacks. */
void status_estimate(struct status *s, size_t peer, struct json_object *o);

#endif
