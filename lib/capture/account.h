/*
 * account: one account's files below the state directory, and its lock.
 *
 *   <state>/accounts/<name>/state.db   replica state (lib/replica)
 *   <state>/accounts/<name>/lock       held by whoever captures or places
 *   <state>/accounts/<name>/bodies/    bodies received and not yet placed
 *   <state>/log/<name>/<folder>/       our own logs (lib/segment)
 *
 * An account's name is one path component: names that hold '/', begin with
 * '.', or are over 255 bytes are refused.
 */
#ifndef PB_ACCOUNT_H
#define PB_ACCOUNT_H

#include "os.h"
#include "replica.h"

struct err;

struct account {
	struct os *os;
	char *name;
	char *dir;     /* <state>/accounts/<name> */
	char *log_dir; /* <state>/log/<name> */
	struct replica *replica;
	int lock_fd; /* -1: not held */
};

/* Errors: ERR_USAGE: not usable as a name. */
int account_name_check(const char *name, struct err *err);

/*
 * Open an account's state, made when `create`. Takes no lock.
 * Errors: ERR_ABSENT (nothing there and not create), as replica_open.
 */
int account_open(struct account *a, struct os *os, const char *state_dir,
	const char *name, uint64_t origin, bool create, struct err *err);
void account_close(struct account *a);
/* Errors: ERR_BUSY if another run holds it for longer than wait_ms. */
int account_lock(struct account *a, int64_t wait_ms, struct err *err);
void account_unlock(struct account *a);
/*
 * Remove all that is kept of an account, damaged or not: its logs, then its
 * state. The mail stays. Durable when it returns; killed in between, it is to
 * be called again. Returns 1 where there was nothing.
 * Errors: ERR_BUSY as account_lock; ERR_USAGE, ERR_IO.
 */
int account_drop(struct os *os, const char *state_dir, const char *name,
	int64_t wait_ms, struct err *err);

#endif
