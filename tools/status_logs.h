/*
 * status_logs: what there is to say of an account's logs, for
 * `packetboat status`.
 */
#ifndef PB_STATUS_LOGS_H
#define PB_STATUS_LOGS_H

#include "site.h"

struct err;

/* Of all accounts, added up. */
struct logs_view {
	uint64_t removable; /* bytes of segments */
	int64_t cut_ms;	    /* when peers' were last removed for want of room */
};

/* Add an account. */
int status_logs_add(struct account *a, struct logs_view *view, struct err *err);

/*
 * Logs whose last segment somebody removed: calls fn with the folder's name.
 */
int status_logs_missing(struct account *a,
	void (*fn)(void *arg, const char *account, const char *folder),
	void *arg, struct err *err);

#endif
