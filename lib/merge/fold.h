/*
 * fold: the fewest changes that say what many changes said.
 *
 * A log records every write; a peer that was away needs the last write of
 * every register only (design.md section 5: 100 frames of one change are 2200
 * bytes, folded 231). A fold of the changes from one position to another is
 * right for a receiver at any position in between, because registers keep the
 * greatest write: what the receiver knows already changes nothing, and what
 * was left out would have been overwritten by what was kept.
 */
#ifndef PB_FOLD_H
#define PB_FOLD_H

#include "change.h"

enum fold_dead {
	/* Of a message that dies in the range only its expunge is told. */
	FOLD_DROP_DEAD,
	/* The receiver may refuse expunges (an archive): tell what it would
	   then keep. */
	FOLD_KEEP_DEAD
};

/*
 * Fold the changes of one log, or of several, appended to ret, with strings
 * of their own, in the order they came.
 *
 * Each log is folded by itself: a write is left out only because of a later
 * one in the same log, so that a receiver which refuses one log's changes
 * keeps the other's. Of the changes of one log are kept
 *
 *   SAVE COPY       all, but for those of dead messages
 *   MOVE            the last of a dot, and the last that gives it a UID;
 *                   each that names another source
 *   LEFT            the last of a dot, if it did not come back
 *   FLAGS           each with those flags that no later write set or cleared;
 *                   never two in one: each flag keeps its write's stamp
 *   UID EXTRA       the last of a dot, and the last EXTRA with its GUID
 *   EXPUNGE         all
 *   RENAME SUBSCRIBE IDENTITY   the last of a folder (or bare name)
 *   FOLDER DELETE AUTHORITY MERGE BEGIN GAP     all
 *
 * and, because a UIDNEXT never goes back, the change with the greatest UID
 * (UIDNEXT, or of a message, which is told even if dead) and the IDENTITY with the greatest
 * uidnext.
 * "Last" is the greatest write id. AUTHORITY is no register: it voids what
 * was said of UIDs before.
 *
 * A message is dead if all its dots are expunged in the same log; dots that a
 * MOVE in any of the logs names as one (dot and source) are one message. Its
 * SAVE, COPY, MOVE, LEFT, FLAGS, UID and EXTRA are left out of that log.
 *
 * Parameters: items pass change_check; lsns ascend within each log (what
 * change_decode gives). A range of a log has no holes: what lies between is
 * all here.
 */
void fold_changes(const struct change *items, size_t count, enum fold_dead how,
	struct change_batch *ret);

#endif
