/*
 * retention: which segments of an account's logs go, and when.
 *
 * Of a log of ours the sealed segments go that every peer which gets changes
 * from here has applied; and any segment, also the last one, that was written
 * to last before a given time, whoever lacks it. What peers lack of them is
 * written out again from the state, so that nothing but reading is saved by
 * keeping them.
 *
 * Sealed segments are known to nobody: they go at once (log_remove.c). Where
 * the last one is to go, too, the state records first, durably, that the log
 * has no file. A crash in between leaves files behind that end: the next pass
 * removes them, or the next commit to that log.
 *
 * A log whose last segment somebody removed is found here, and goes on as in
 * a commit: a gap until every peer has its changes.
 */
#ifndef PB_RETENTION_H
#define PB_RETENTION_H

#include "account.h"

struct err;

/* Files removed in one pass: the account is locked for so long. */
#define RETENTION_FILES_MAX 64

struct retention_rules {
	const uint64_t *peers; /* origins of those that get changes from here */
	size_t peer_count;
	int64_t before_ms; /* written to last before that: goes; 0: none */
};

struct retention_result {
	uint64_t files, bytes; /* removed; as they took room on the disk */
	uint64_t lacked;       /* files of them that a peer had not applied */
	bool more;	       /* there is more to remove: pass again */
};

/* What a file of so many bytes takes on the disk, near enough. Pure. */
uint64_t retention_room(int64_t size);

/*
 * One pass over an account's logs, oldest segments first, log by log. The
 * account lock must be held, with no journal open. On failure ret says what
 * was removed before.
 */
int retention_pass(struct account *a, const struct retention_rules *rules,
	struct retention_result *ret, struct err *err);

/* A segment that may go. */
struct retention_file {
	int64_t changed_ms;
	uint64_t room;
};
/* Add the segments of an account's logs to *list, which grows; no order. */
int retention_files(struct account *a, struct retention_file **list,
	size_t *count, struct err *err);

/*
 * Do the segments reach back to an lsn of a log of ours? 1, or 0: who wants it
 * gets it from the state.
 */
int retention_reaches(struct account *a, const struct replica_log *log,
	uint64_t lsn, struct err *err);

/*
 * The last segment of a log was removed, not by us: record the gap, and in
 * *log (which the caller stores) that it has no file. In a transaction.
 */
int retention_lost(struct account *a, struct replica_log *log, struct err *err);

#endif
