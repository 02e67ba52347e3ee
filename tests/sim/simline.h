/*
 * simline: a line between two ends, full duplex, with a rate, a delay, and a
 * buffer before it that takes what is written faster than it goes. It may fail
 * at any byte, as a modem without error correction does.
 */
#ifndef PB_SIMLINE_H
#define PB_SIMLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

enum line_fault {
	LINE_SOUND,
	LINE_BREAKS,  /* both ends hear that it did, behind what came before */
	LINE_FLIPS,   /* a bit of one byte: bit `much` mod 8 */
	LINE_LOSES,   /* `much` bytes */
	LINE_REPEATS, /* `much` bytes come twice, as far as they are there */
	LINE_DIES /* nothing comes any more, either way, and nobody is told */
};

/* One direction. */
struct line_way {
	struct buf bytes; /* under way */
	size_t heard;	  /* of these */
	struct line_chunk {
		size_t end; /* in bytes */
		int64_t us; /* when they are there */
	} * chunks;
	size_t chunk_count, chunk_at;
	int64_t free_ns; /* when it has sent all */
	int64_t shut_us; /* when the other end hears that this one hung up */
	uint64_t wrote;	 /* bytes, since it was made */
	enum line_fault fault;
	uint64_t fault_at; /* of what is written; counts from 1 */
	uint64_t much, skip;
};

struct sim_line {
	int64_t bits;	/* a second */
	int64_t way_us; /* that a byte is under way */
	size_t buffer;
	int64_t broken_us; /* when both hear that it broke */
	bool dead;
	struct line_way ways[2]; /* from end 0, from end 1 */
};

void simline_init(struct sim_line *l, int64_t bits);
void simline_release(struct sim_line *l);
/* At the at-th byte from now, from that end: once. LINE_SOUND: no more. */
void simline_plan(struct sim_line *l, unsigned from, enum line_fault fault,
	uint64_t at, uint64_t much);
/* Bytes that may be written from an end now. */
size_t simline_room(const struct sim_line *l, unsigned from, int64_t now_us);
void simline_write(struct sim_line *l, unsigned from, const void *data,
	size_t len, int64_t now_us);
/* That end hangs up. */
void simline_close(struct sim_line *l, unsigned from, int64_t now_us);
/*
 * What has come to an end by now is appended. Returns false when nothing more
 * comes: the other hung up, or the line broke.
 */
bool simline_read(
	struct sim_line *l, unsigned to, int64_t now_us, struct buf *ret);
/* When something comes to an end next; INT64_MAX: nothing is under way. */
int64_t simline_next(const struct sim_line *l, unsigned to);

#endif
