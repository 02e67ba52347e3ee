/*
 * begun: whether there is anything of an account to look at.
 */
#ifndef PB_BEGUN_H
#define PB_BEGUN_H

struct account;
struct arena;
struct err;
struct replica_folder;
struct site;

/*
 * Open an account's state, to be closed by account_close. Returns 0; 1 where
 * nothing was logged or received yet. A state that is empty is one that a kill
 * left while it was being made, and the next run makes it, if there is no log
 * beside it; with a log it was cut short, and counts.
 * Errors: as site_account_open.
 */
int begun_open(const struct site *s, const char *name, struct account *ret,
	struct err *err);

/*
 * A living folder, by its path as people type it, or as it is on disk.
 * Errors: ERR_USAGE (there is none); those of the state.
 */
int begun_folder(struct account *a, const char *path, struct arena *arena,
	struct replica_folder *ret, struct err *err);

#endif
