/*
 * What the parts of placing share.
 */
#ifndef PB_PLACE_PRIVATE_H
#define PB_PLACE_PRIVATE_H

#include "err.h"
#include "place.h"

/* A message that was expunged, or left our view, lies here still, and counts
   for the guard. */
struct gone {
	int64_t id, folder; /* rows */
	int64_t ms;	    /* when it was expunged */
	bool waits;	    /* for an operator */
};

struct placing {
	struct account *account;
	struct replica *replica;
	struct store *store;
	const struct place_config *config;
	struct place_result *result;
	int64_t now_ms;
	/*
	 * Rows of folders where something failed. What was done in the store
	 * and not recorded is only known to the next capture: until then
	 * nothing more is placed there.
	 */
	int64_t *failed;
	size_t failed_count;
	struct gone *gone; /* by id */
	size_t gone_count;
	bool keeps; /* mail that is dead stays here (kept.h) */
};

void place_give_up(struct placing *p, int64_t folder);
bool place_given_up(const struct placing *p, int64_t folder);

/* guard.c: decide which expunges wait; anew each time. */
int place_guard(struct placing *p, struct err *err);
/* Does the expunge of a message wait? */
bool place_waits(const struct placing *p, int64_t message);
/* Does any in a folder? */
bool place_waits_in(const struct placing *p, int64_t folder);
/* Does a message stay where it lies, though it is dead: for an operator's word,
   or because it is kept? */
bool place_stays(const struct placing *p, const struct replica_message *m);
/* This expunge is placed now. In a transaction. */
int place_guard_done(
	struct placing *p, int64_t folder, int64_t message, struct err *err);

/* tree.c: names: renames of placed folders, subscriptions, removals. */
int place_names(struct placing *p, struct err *err);
int place_subscriptions(struct placing *p, struct err *err);
int place_removals(struct placing *p, struct err *err);

/* folder.c: identity and messages of one folder; made if not there yet. */
int place_messages(struct placing *p, int64_t folder, struct err *err);

/*
 * A folder gets a name that was subscribed before there was a folder of that
 * name: the line in the store's subscriptions is the folder's now. In an open
 * transaction, before the folder's row is written.
 */
int place_take_name(
	struct placing *p, struct replica_folder *f, struct err *err);
/* Write a folder's placed half in a transaction of its own. */
int place_record(
	struct placing *p, const struct replica_folder *f, struct err *err);

/*
 * A base name for a message whose own is taken in its folder: computed from
 * its dot, so that every site takes the same; ",S=" and ",W=" are kept. Pure.
 */
char *place_other_base(const char *base, const struct dot *dot);

#endif
