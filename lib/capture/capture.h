/*
 * capture: compare a mail store with what was placed there, log the
 * difference (design.md section 3).
 *
 * A state that joins logs nothing before its peers have answered (join.c).
 *
 * A pass over an account:
 *   1. continuity: the store must be the one placed before (marker)
 *   2. the tree: folders born, renamed; subscriptions
 *   3. every folder whose files moved since the last pass: flags, UIDs,
 *      births, copies, moves; what is absent is only noted. A UID list that
 *      went back is mended first, or stops its folder (uidback.c)
 *   4. if anything is absent: look again at every folder that changed since,
 *      then at the absent ones under the server's lock; what is still absent
 *      and appeared nowhere else was expunged; folders that are gone
 *
 * A message that is gone from a folder which nobody touched since it was last
 * read was not removed by anybody, for that would show: it is damaged
 * (lib/replica/damage.h). So is one whose file has another size than it had.
 * After a start of the machine each folder is looked at anew, touched or not.
 *
 * What is found to be as merged already (a crashed applier's work) is recorded
 * as placed and not logged. Only what capture logs is a user's doing.
 *
 * The account lock must be held. A crash at any point loses nothing: capture
 * is by state, the next pass finds the rest.
 */
#ifndef PB_CAPTURE_H
#define PB_CAPTURE_H

#include "account.h"
#include "journal.h"
#include "store.h"

#define CAPTURE_ALL (-1)

struct capture_config {
	bool claim;		/* may become the authority of folders */
	unsigned guard_percent; /* expunges of more than this share … */
	unsigned guard_least; /* … of a folder of more than this many wait */
	/* … but of none of this name, or whose last part it is: folders whose
	   mail comes and goes in masses (Trash, Junk). */
	const char *const *guard_exempt;
	size_t guard_exempt_count;
	int64_t copy_window_ms; /* a copy whose source vanishes within this
				   is a move; 0: 10 s */
	/* Peers that can answer a state that joins, and how long it waits for
	   them; 0: for ever. Without any it does not join. */
	const uint64_t *answering;
	size_t answering_count;
	int64_t join_ms;
	/* Peers that answer, and get what is logged here: mail of folders at
	   home here that came late there gets other UIDs (late.h). */
	const uint64_t *two_way;
	size_t two_way_count;
	bool give_uids; /* give UIDs to mail that has none for 2 s */
	/* Row of a folder to look at though its cookie is unchanged;
	   CAPTURE_ALL: all; 0: none. */
	int64_t again;
	/* May be NULL: called now and then with messages done of a folder. */
	void (*progress)(
		void *arg, const char *path, uint64_t done, uint64_t total);
	void *progress_arg;
};

struct capture_result {
	uint64_t changes;	  /* logged */
	uint64_t changed;	  /* folders of which something was logged */
	uint64_t folders, looked; /* folders there; folders read */
	uint64_t births, bytes; /* messages whose body was read, their bytes */
	uint64_t waiting;	/* messages without a UID yet: come again */
	uint64_t unloggable;	/* messages, folders whose name no log holds */
	uint64_t guarded;	/* expunges that wait for the operator */
	uint64_t stopped;	/* folders that are stopped */
	uint64_t damaged;	/* messages newly found to be damaged */
	uint64_t mended; /* UID lists that had gone back, and are right */
	uint64_t renumbered; /* messages that had come late at a peer */
	bool begun_anew; /* the state may be an older one, or a copy: a new
			     incarnation began */
	bool joins;	 /* nothing is logged or may be placed before
			    peers have answered */
	bool racy;	 /* come again soon: stamps too fresh to trust */
};

/*
 * One pass. Errors: ERR_OPERATOR: the store is not the one placed before (the
 * account is stopped and says why in meta "stopped"); ERR_BUSY: a folder's
 * lock was not had in time, the rest was done; ERR_IO …
 */
int capture_account(struct account *a, struct store *store,
	const struct capture_config *config, struct capture_result *ret,
	struct err *err);

/*
 * Stop an account that cannot even be opened as a store: `why` is kept for
 * status. No journal may be open. Returns ERR_OPERATOR; ERR_IO.
 */
int capture_stop(struct account *a, const char *why, struct err *err);

/*
 * The operator's word that a stopped account, or a stopped folder of it, is
 * right as it is now: the next pass takes it so, and logs the difference.
 * Within a transaction of the replica state.
 */
int capture_accept(struct account *a, struct err *err);
int capture_accept_folder(
	struct account *a, struct replica_folder *f, struct err *err);

/*
 * The same of a folder that was restored from an older copy on purpose: what is
 * missing in it was not expunged, and comes back from a peer; what is there
 * though it was expunged stays, as new mail.
 */
int capture_restored_folder(
	struct account *a, struct replica_folder *f, struct err *err);

/*
 * Log merges of ids for living folders that have one name. To be called in an
 * open journal, after folders were born here or arrived.
 */
int capture_merge_names(struct journal *j, struct err *err);

/*
 * Another site claims a folder that is at home here, more strongly. Where
 * somebody has acknowledged our claim it stays at home, and we say so, in the
 * next term, with all UIDs once more; else the stronger claim decides. In an
 * open journal, before the rival's is merged.
 */
int capture_stay_home(struct journal *j, const struct replica_folder *f,
	const struct claim *rival, struct err *err);

/*
 * All folders that are at home here are at home at a peer from now on; ret_given:
 * how many. In an open journal, after all that is in the store was logged.
 * Errors: ERR_BUSY: it has not acknowledged all that was logged here as applied.
 */
int capture_give_home(
	struct journal *j, uint64_t peer, size_t *ret_given, struct err *err);
/*
 * A folder was given to this site, in this term: it says so, and that all UIDs
 * stay as they are here. f is the folder before that was merged; in an open
 * journal, after it was.
 */
int capture_come_home(struct journal *j, const struct replica_folder *f,
	uint64_t term, struct err *err);

/* Is a folder of this name exempt from the guard? Pure. */
bool capture_is_exempt(const struct capture_config *config, const char *path);
/* Are so many expunges of so many messages more than go without asking?
   Pure. */
bool capture_is_mass(
	const struct capture_config *config, uint64_t there, uint64_t gone);

#endif
