/*
 * meter: what goes through a live link's channel, against the rate and the
 * budget of the link: all bytes in both directions, with the headers of TCP and
 * IP around them.
 *
 * What comes cannot be called back: as much as may be on its way is bounded
 * (headers_bound) and kept of the budget (budget_spare). Before anything is
 * written the file says that it was (spending.h).
 */
#ifndef PB_METER_H
#define PB_METER_H

#include <stddef.h>

#include "rate.h"
#include "spending.h"

/* All zero at first: then it only counts. */
struct meter {
	struct spending spending;
	struct rate rate;
	uint64_t wrote, heard;
	uint64_t counted; /* of them and their headers, in the budget */
	uint64_t spare;
};

/* link may be NULL: no limits. Errors: as spending_open. */
int meter_open(struct meter *m, struct os *os, const char *state_dir,
	uint64_t peer, const struct config_link *link, struct err *err);
/* What came since the last time counts, with what is around it. Errors:
   ERR_IO. */
int meter_count(struct meter *m, int fd, struct err *err);
/* Nothing may go any more, nor come. */
bool meter_is_over(const struct meter *m);
/* Bytes that may be made ready for writing; UINT64_MAX: any. */
uint64_t meter_room(const struct meter *m, int fd);
/* Of len bytes that are ready so many may be written now. */
size_t meter_may(const struct meter *m, int fd, size_t len, int64_t now_us);
/* When any of them may. */
int64_t meter_when(const struct meter *m, int fd, size_t len, int64_t now_us);
/* They are about to be written. Errors: ERR_IO: they may not be. */
int meter_reserve(struct meter *m, int fd, size_t len, struct err *err);
/* They were written, and count. Errors: ERR_IO. */
int meter_wrote(
	struct meter *m, int fd, size_t len, int64_t now_us, struct err *err);
/* The link ends, and the connection; fd -1: there was none. */
int meter_close(struct meter *m, int fd, struct err *err);

#endif
