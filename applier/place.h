/*
 * place: bring a mail store from what is placed to what is merged.
 *
 * Folders first (names, new ones built whole and renamed into place), then
 * messages folder by folder: bodies are staged and made durable without any
 * lock; then, under the server's lock, everything is compared with the folder
 * as it is at that moment and changed in one go. What a user changed since
 * the last capture is left as it is: the next capture logs it and the merge
 * decides. Then the state records what was placed.
 *
 * The merged state itself, committed before anything is touched, is the
 * intent: a crash in between leaves a store in which capture recognises what
 * was done already as wanted, logs nothing of it, and placing goes on.
 *
 * New messages appear in the order of their UIDs: one whose body is still
 * under way makes later ones wait, for up to `late_ms`. Where there is a preview
 * of it, that is placed, and nothing waits (place_preview.c).
 */
#ifndef PB_PLACE_H
#define PB_PLACE_H

#include "account.h"
#include "store.h"

struct capture_config;
struct err;

struct place_config {
	const char *bodies_dir; /* where received bodies lie, by hash */
	int64_t late_ms;	/* -1: wait for ever */
	/* Whose guard holds for what arrives, too. NULL: none does. */
	const struct capture_config *capture;
	/* Sites whose expunges are not placed here. */
	const uint64_t *keep_from;
	size_t keep_from_count;
	/* May be NULL: called now and then with messages placed. */
	void (*progress)(void *arg, const char *path, uint64_t done);
	void *progress_arg;
};

struct place_result {
	uint64_t placed;   /* messages added */
	uint64_t changed;  /* flags, UIDs, moves, expunges done */
	uint64_t folders;  /* made, renamed, removed */
	uint64_t waiting;  /* messages whose body is awaited */
	uint64_t previews; /* that were placed for some of them */
	uint64_t late;	   /* messages that got a UID of this site only */
	uint64_t unplaced; /* things the store cannot hold: keywords, names */
	uint64_t busy;	   /* folders whose lock was not had: come again */
	uint64_t mended;   /* damaged messages put right, or found so */
	uint64_t damaged;  /* messages that are damaged still */
	uint64_t spoilt;   /* received bodies that are so no more: removed */
	uint64_t guarded;  /* expunges that wait for an operator */
	uint64_t kept;	   /* expunges that were refused just now (kept.h) */
};

/*
 * Place all that can be placed. Capture must have run just before, under the
 * same account lock. One folder that fails does not stop the others; the
 * first error is returned when all is done.
 */
int place_account(struct account *a, struct store *store,
	const struct place_config *config, struct place_result *ret,
	struct err *err);

/* Where a received body lies when it is whole. */
char *place_body_path(const char *bodies_dir, const struct hash *hash);

#endif
