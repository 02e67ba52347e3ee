/*
 * rows: a message of a folder as a comparison sees it, and how far a site
 * knows the logs that messages are born in.
 */
#ifndef PB_ROWS_H
#define PB_ROWS_H

#include "change.h"

/* The last write of a flag or keyword that was ever changed. */
struct row_write {
	const char *name; /* a letter as "\S", or a keyword */
	bool value;
	struct write_id by;
};

/* One message, alive, in the folder where it is placed. */
struct row {
	int64_t id;   /* the caller's name for it; 0 in a row out of a table */
	uint32_t uid; /* confirmed; 0: none */
	struct flag_set flags;
	const struct dot *dots; /* that live, ascending (dot_cmp) */
	size_t dot_count;
	const struct row_write *writes; /* ascending by name (keyword_cmp) */
	size_t write_count;
	uint64_t exact, content; /* keys (keys.h); 0 where there is none */
	/* what only the digest sums up; nothing in a row out of a table */
	const char *base, *extra;
	uint64_t size;
	int64_t mtime;
	struct hash hash;
	uint64_t place_stamp;
};

/* Lsns of a log, first … last. */
struct lsn_run {
	uint64_t first, last;
};

/* How far a log is known. */
struct known_log {
	struct position at;
	const struct lsn_run *gaps; /* lost below it; ascending, apart */
	size_t gap_count;
};

/* Dots of a log, one lsn after the other. */
struct dot_run {
	size_t log; /* index into the known logs beside it */
	uint64_t first, last;
};

/*
 * What a site says of the dots of a folder's logs: those of logs that are not
 * here it knows nothing about. A dot that is born and does not live is dead.
 */
struct known {
	const struct known_log *logs; /* ascending (log_id_cmp), none twice */
	size_t log_count;
	const struct dot_run *living; /* in any folder; ascending by log and
					 lsn, with a gap between two */
	size_t living_count;
	const struct dot_run *dead; /* known to be, born or not; the same */
	size_t dead_count;
	bool view; /* of part of the folder: what does not live here may live */
};

enum known_dot {
	KNOWN_NOT,   /* nothing is known of it */
	KNOWN_ALIVE,
	KNOWN_DEAD
};

/* What is known of one dot. */
enum known_dot known_dot(const struct known *known, const struct dot *dot);

/* Index of a log among the known ones; log_count where it is not there. */
size_t known_log_index(const struct known *known, const struct log_id *log);

/* Is it told that what has this lsn in the log was met? */
bool known_has(const struct known_log *log, uint64_t lsn);

#endif
