/*
 * round: one run of the applier: what lies in the inbox, and bundles that were
 * given, become state; then every account's mail becomes what the state says.
 *
 * Before a parcel is merged the account's mail is looked at: what an applier
 * that died put there and did not record is known for what it is only as long
 * as the state wants it there.
 *
 * A crash at any point loses nothing: a parcel is removed when all of it is
 * durable, and the next round finds what is still to be placed.
 */
#ifndef PB_ROUND_H
#define PB_ROUND_H

#include "capture.h"
#include "place.h"
#include "receive.h"
#include "store.h"

struct round_account {
	const char *name;
	/* as capture_config's */
	unsigned guard_percent, guard_least;
	const char *const *guard_exempt;
	size_t guard_exempt_count;
	const uint64_t *answering;
	size_t answering_count;
	const uint64_t *two_way;
	size_t two_way_count;
};

struct round_config {
	/* Its peers' names are their directories in the inbox; `settle`,
	   account_ok, denied and arg are filled in by round_run. */
	struct receive_config receive;
	const char *inbox_dir, *refused_dir;
	const struct round_account *accounts;
	size_t account_count;
	bool claim; /* as capture_config's, and so is this */
	int64_t join_ms;
	int64_t late_ms;
	int64_t trash_age_s;
	uint64_t trash_size;
	/* An account's mail, made when there is none. Errors: ERR_IO … */
	int (*open_store)(void *arg, const char *account, struct store **ret,
		struct err *err);
	void (*say)(void *arg, bool warning, const char *text);
	/* Something was refused, from a peer or out of a file; may be NULL. */
	void (*refused)(void *arg, const char *who, const struct err *err);
	void (*fail)(void *arg, const struct err *err);
	/* May be NULL: look again by which keys sites are known. Returns
	   whether anything is another. */
	bool (*keys_again)(void *arg);
	/* May be NULL: say what of an account still needs an operator. Returns
	   1 if anything does. */
	int (*needs_operator)(void *arg, struct account *a, struct err *err);
	/* May be NULL: messages placed of the account named last; NULL: done.
	 */
	void (*placing)(void *arg, const char *account);
	void (*progress)(void *arg, const char *path, uint64_t done);
	/* May be NULL: set to what round_inbox says from then on while nothing
	   comes: what has to wait for something else. */
	uint64_t *left;
	void *arg;
};

/*
 * Run once; files: bundles to be taken besides ("-": standard input), or
 * parcels that were put aside. What went wrong was told to config->fail.
 * Returns the exit code.
 */
int round_run(const struct round_config *config, char *const *files,
	size_t file_count);

/*
 * A number that changes when what lies in the inbox does; 0: nothing. Cheap
 * enough to ask every second.
 */
uint64_t round_inbox(const struct round_config *config);

#endif
