/*
 * showing: what a peer is not shown (key "send") is left out of what it is
 * handed over (lib/replica/viewed.h).
 *
 * Logs of hidden folders stay here, and of the account log what speaks of them.
 * In the logs of the others
 * (1) what speaks of mail that lies in a hidden folder by now, or that is dead
 *     and may have died there, becomes OUT: the peer forgets it, if it has it;
 * (2) beside a MOVE goes all that is known of its mail, by its own writers: it
 *     may come from where the peer sees nothing, or have been there;
 * (3) a COPY names no source that was born, or lies, in a hidden folder.
 * So each section is whole in itself, as it is without a view.
 */
#ifndef PB_SHOWING_H
#define PB_SHOWING_H

#include "cargo.h"

struct err;

/* Note what is in the peer's view by now. No transaction is open. */
int showing_settle(const struct handover_config *config, struct replica *r,
	struct err *err);
/* The last bundle (its sequence) that may hold what is out of it; 0: none. */
int showing_last(
	struct replica *r, uint64_t peer, uint64_t *ret, struct err *err);
/* Which logs it gets nothing of; after p->logs is filled. */
int showing_find(struct packing *p, struct err *err);
/* What was sent on a live link of a folder before it is said there that the
   folder has come into view, or left it, counts as not sent. After the rest of
   p->from is known. */
int showing_recall(struct packing *p, struct err *err);
/* What of an account log it is not to get leaves the batch. */
int showing_account(
	struct packing *p, struct change_batch *batch, struct err *err);
/*
 * A folder's log, from … to. from_state: it was written out from the state,
 * which does not tell what went away. ret_first: the least lsn of this log in
 * the batch.
 */
int showing_folder(struct packing *p, const struct position *from,
	const struct position *to, bool from_state, struct change_batch *batch,
	uint64_t *ret_first, struct err *err);

#endif
