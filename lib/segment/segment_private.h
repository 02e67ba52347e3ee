/*
 * segment_private: what the files of lib/segment share, and nobody else sees.
 */
#ifndef PB_SEGMENT_PRIVATE_H
#define PB_SEGMENT_PRIVATE_H

#include "segment.h"

#define FRAME_CHAIN_SIZE 8
/* kind and codec, count, size, raw size, chain: never longer than this */
#define FRAME_HEAD_MAX (1 + 3 + 4 + 4 + FRAME_CHAIN_SIZE)

/* A frame up to its chain field, as written. */
struct frame_head {
	uint8_t kind, codec;
	uint32_t count;
	uint32_t size; /* of the payload as written */
	uint32_t raw;  /* of the payload uncompressed */
	size_t len;    /* bytes of this head, the chain field not included */
};

/*
 * Decode the head at the start of data; sizes are within the limits then,
 * kind and codec not yet looked at.
 * Errors: ERR_TORN, ERR_CORRUPT, ERR_LIMIT.
 */
int frame_head_decode(
	const void *data, size_t len, struct frame_head *ret, struct err *err);

/* What the name of a file in a log's directory says. */
struct log_file {
	uint64_t incarnation, first_lsn;
	bool temporary; /* "….changes.tmp": a file whose begin was cut off */
};

/* Returns false for a name that is none of a segment's. */
bool log_file_parse(const char *name, struct log_file *ret);

/* Path of a segment file; the caller frees it. */
char *log_file_path(const char *dir, uint64_t incarnation, uint64_t first_lsn);

/*
 * What is in a log's directory, for log_dir_next. A directory that is not
 * there is empty.
 */
int log_dir_list(
	struct os *os, const char *dir, struct buf *ret, struct err *err);
/* The next name from *at on (advanced), NULL after the last. */
const char *log_dir_next(const struct buf *names, size_t *at);

/*
 * Remove ".tmp" files, and an incarnation's files that begin behind file_lsn,
 * durably.
 */
int log_remove_beyond(struct os *os, const char *dir, uint64_t incarnation,
	uint64_t file_lsn, struct err *err);

/*
 * First lsns of an incarnation's files up to last_lsn, ascending; the caller
 * frees *ret.
 */
int log_files(struct os *os, const char *dir, uint64_t incarnation,
	uint64_t last_lsn, uint64_t **ret, size_t *ret_count, struct err *err);

#endif
