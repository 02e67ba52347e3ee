/*
 * story: what a state still tells of one message: its dots, who wrote each of
 * its registers, what waits, and what peers said of it. Reads only.
 *
 * A register keeps its last writer and nobody before, so what was overwritten
 * is told by logs alone. Of a message that is dead and lies nowhere only the
 * tombstones of its dots are left.
 */
#ifndef PB_STORY_H
#define PB_STORY_H

#include "replica.h"

enum story_what {
	STORY_PLACE, /* folder and base name */
	STORY_UID,
	STORY_EXTRA, /* fields of the UID list */
	STORY_GUID,
	STORY_FLAG /* name: "\\S", or a keyword */
};

/* A register that somebody wrote. */
struct story_register {
	enum story_what what;
	const char *name; /* of a flag; else "" */
	bool value;	  /* of a flag */
	struct write_id by;
};

struct story_dot {
	struct dot dot;
	bool dead;
	struct write_id dead_by;
};

/* It came to a peer too late for its UID (late.h). */
struct story_late {
	uint64_t peer;
	uint32_t uid, uidnext;
};

/* A peer wants its body, from an offset on; kept back: it is too large. */
struct story_want {
	uint64_t peer, offset;
	bool kept;
};

struct story {
	bool known; /* it has a row; else there are tombstones only */
	struct replica_message message;
	uint64_t out; /* the site that shows it no more; 0: none */
	int64_t out_ms;
	bool preview; /* stands for mail that is to come (previews.h) */
	struct story_dot *dots; /* the oldest first */
	size_t dot_count;
	struct story_register *registers;
	size_t register_count;
	struct story_late *late;
	size_t late_count;
	struct story_want *wants;
	size_t want_count;
	struct change_batch stands; /* written out, the first writes first */
	struct change_batch parked; /* wait for it to be moved */
};

/* Of a message by its row. Strings and arrays are in the arena; to be released
   by story_free, also on failure. Returns 1 where there is no such row. */
int story_read(struct replica *r, int64_t message, struct arena *arena,
	struct story *ret, struct err *err);
/* Of a dot, whose message may be gone. Returns 1 where it was never met. */
int story_read_dot(struct replica *r, const struct dot *dot,
	struct arena *arena, struct story *ret, struct err *err);
void story_free(struct story *s);

/* Is this one of its dots? */
bool story_has_dot(const struct story *s, const struct dot *dot);

/*
 * Which of the registers that a change wrote were written by another since, or
 * had been already by a later write: that is what it lost to. Pure. A death is
 * none of a register. Indexes into s->registers, in the arena; returns how many.
 */
size_t story_lost(const struct story *s, const struct change *c,
	struct arena *arena, size_t **ret);

/* Rows of messages that lie, or are to, in a folder (its row) under this UID;
   under this base name, or were born so and lie there. Into the arena. */
int story_by_uid(struct replica *r, int64_t folder, uint32_t uid,
	struct arena *arena, int64_t **ret, size_t *ret_count, struct err *err);
int story_by_base(struct replica *r, int64_t folder, const char *base,
	struct arena *arena, int64_t **ret, size_t *ret_count, struct err *err);
/* Dots of messages that are gone and were this mail (content_id). */
int story_by_content(struct replica *r, const struct id128 *content,
	struct arena *arena, struct dot **ret, size_t *ret_count,
	struct err *err);

#endif
