/*
 * scanned: how far each folder was looked through for damage, and when it was
 * last done, so that a scan goes on where it was stopped and takes the folder
 * that waited longest first.
 */
#ifndef PB_SCANNED_H
#define PB_SCANNED_H

#include "replica.h"

struct scanned {
	const char *base; /* up to this one; "": none is under way */
	int64_t done_ms;  /* when it was last done; 0: never */
};

/* Of a folder (its row), by a scan that reads bodies (deep) or does not. */
int scanned_get(struct replica *r, int64_t folder, bool deep,
	struct arena *arena, struct scanned *ret, struct err *err);
/* How many messages it was looked through, up to that one. */
int scanned_count(struct replica *r, int64_t folder, const char *base,
	uint64_t *ret, struct err *err);
/* In a transaction. */
int scanned_set(struct replica *r, int64_t folder, bool deep,
	const struct scanned *s, struct err *err);

#endif
