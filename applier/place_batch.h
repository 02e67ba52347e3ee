/*
 * place_batch: one batch of place_folder, and its parts; not for others.
 */
#ifndef PB_PLACE_BATCH_H
#define PB_PLACE_BATCH_H

#include "given.h"
#include "place_private.h"

struct action {
	struct replica_message row; /* as it was; then as it is placed */
	bool add, expunge, update;
	bool preview; /* add: of a message that is awaited, in its place */
	bool done, whole;
	bool shares; /* another in the batch is to have the same name */
	size_t staged;
	const char *target_base;
	const char *old_base;  /* where it lay before */
	int64_t source_folder; /* of an add made from a placed message */
};

struct sweep {
	int64_t *ids;
	size_t count, next;
	size_t seen;	   /* messages in the folder, at the last batch */
	bool blocked;	   /* a body is awaited: later adds wait */
	uint64_t stop_uid; /* the first that has to wait: none above it moves */
	bool again;	   /* something waits for what was taken away */
	bool any;	   /* something was done */
};

struct batch {
	struct placing *p;
	struct sweep *sweep;
	struct arena arena;
	struct replica_folder f;
	bool build;
	bool renumber; /* UIDVALIDITY changes: every UID anew */
	struct action *actions;
	size_t count, limit;
	uint64_t bytes;
	struct store_stage *stage;
	struct store_txn *txn;
	uint32_t next;	    /* UIDNEXT as it will be */
	uint32_t seen;	    /* as it was under the lock */
	struct given given; /* renumber: the authority's that are taken */
};

/* A copy that lives as long as the batch; "" for NULL. */
const char *batch_keep(struct batch *b, const char *s);
/* Append an action of a message; valid until the next. */
struct action *batch_action(struct batch *b, const struct replica_message *m);
/* From this UID on all has to wait. */
void batch_stop_at(struct batch *b, uint32_t uid);

/*
 * place_preview.c: is there a preview of this message, which is awaited? If it
 * is still to be placed, and nothing is awaited before it, it is added. Returns
 * 1; 0: there is none.
 */
int batch_preview(
	struct batch *b, const struct replica_message *m, struct err *err);
/* The preview's bytes are not here any more. Returns 0. */
int batch_preview_lost(
	struct batch *b, const struct action *a, struct err *err);

/*
 * place_locked.c: with the folder's transaction open: what is done to mail that
 * is there and is not, the UIDs that it gets, and the commit.
 * Returns 1: keywords are left that found no letter. Errors: the store's.
 */
int batch_lock(struct batch *b, struct err *err);

#endif
