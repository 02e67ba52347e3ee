/*
 * guarded: expunges that were merged and are not placed yet, and what the guard
 * keeps of them for each folder: those that wait for an operator, and those
 * that were placed a short while ago, so that a mass that comes in small parts
 * is one. Mail that a peer shows us no more (viewed.h), or moved to where nothing
 * is placed (refused.h), goes as well, and counts as expunged.
 */
#ifndef PB_GUARDED_H
#define PB_GUARDED_H

#include "replica.h"

/* A message that is dead and lies in a folder still. */
struct guarded_message {
	int64_t id, folder; /* rows */
	bool out;	    /* it left our view; else, and */
	struct id128 log;   /* the folder in whose log it was expunged */
	int64_t ms;	    /* when; 0: nobody says */
};
typedef int (*guarded_fn)(
	void *arg, const struct guarded_message *m, struct err *err);
/*
 * Each of them, by row; one of several dots as often. What lies in the old
 * folder of a message that was moved is none.
 */
int guarded_each(struct replica *r, guarded_fn fn, void *arg, struct err *err);

/* How many messages lie in a folder. */
int guarded_there(
	struct replica *r, int64_t folder, uint64_t *ret, struct err *err);

struct guarded {
	int64_t folder;	  /* row */
	uint64_t waiting; /* expunges that wait for an operator; 0 none */
	bool accepted;	  /* the operator's word */
	/* Placed without being asked for, written at since_ms or soon after. */
	uint64_t done;
	int64_t since_ms;
};
/* Of one folder; all zero where nothing is kept. */
int guarded_get(struct replica *r, int64_t folder, struct guarded *ret,
	struct err *err);
/* In a transaction. Without waiting and done it is forgotten. */
int guarded_set(struct replica *r, const struct guarded *g, struct err *err);
/* Of all folders of which something is kept; in the arena. */
int guarded_list(struct replica *r, struct arena *arena, struct guarded **ret,
	size_t *ret_count, struct err *err);

/* What of a folder waits: expunged, or out of what a peer shows us. */
struct guarded_waits {
	uint64_t expunges, out;
	uint64_t site; /* of the latter, who shows it no more, */
	bool folder;   /* nor anything of the folder */
};
int guarded_waits(struct replica *r, const struct guarded *g,
	struct guarded_waits *ret, struct err *err);
/* Append what people are told of that; peer: the site's name. */
void guarded_tell(const struct guarded_waits *w, const char *account,
	const char *path, const char *peer, struct buf *ret);

#endif
