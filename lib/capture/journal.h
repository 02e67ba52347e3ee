/*
 * journal: one commit of changes of our own, to logs and state.
 *
 * Order of durability (design.md section 4): the store's directories are
 * synced by the caller; then frames are appended and synced in every log
 * concerned; then one transaction of the replica state records the changes,
 * what is placed, and each log's durable end. A crash before that last step
 * leaves log bytes beyond the durable end, which do not exist: the next
 * opening cuts them away, and the next scan finds the changes again.
 *
 * Between journal_begin and journal_commit the replica's transaction is open;
 * journal_put merges each change at once, so that what follows sees it.
 */
#ifndef PB_JOURNAL_H
#define PB_JOURNAL_H

#include "account.h"
#include "change.h"

struct journal_log;

struct journal {
	struct account *account;
	struct journal_log *logs;
	size_t log_count;
	uint64_t changes; /* put since begin */
	bool open;
	bool quarantining; /* a damaged log is being put aside by this one */
};

/* Opens the replica's transaction. The account lock must be held. */
int journal_begin(struct journal *j, struct account *a, struct err *err);
/*
 * Log one change in the log of `folder` (zero id: the account log). `c` is a
 * template: kind and contents, and by.stamp; by.log, by.lsn, and for SAVE and
 * COPY dot, are filled in, in c too. It is merged into the state.
 * Errors: ERR_LIMIT: no log can hold it (a name with odd bytes, over-long):
 * nothing was done; as replica_apply.
 */
int journal_put(struct journal *j, const struct id128 *folder,
	struct change *c, struct err *err);
/*
 * Make everything durable, as said above. With `state`, a statement ends
 * every log that was written. After a failure all of it is undone.
 * Errors: ERR_OPERATOR: a log is damaged below its durable end and was put
 * aside (quarantine.h); ERR_IO, ERR_BUSY.
 */
int journal_commit(struct journal *j, bool state, struct err *err);
/* Undo everything since begin. Harmless after commit. */
void journal_abort(struct journal *j);

/*
 * A stamp for something that happened at event_ms (at most now) to registers
 * whose greatest stamp is `above`: the larger of the two, strictly above.
 * Pure.
 */
uint64_t journal_stamp(int64_t event_ms, int64_t now_ms, uint64_t above);

#endif
