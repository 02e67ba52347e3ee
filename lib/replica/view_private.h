/*
 * view_private: what the two sides of a view share. Private to lib/replica.
 */
#ifndef PB_VIEW_PRIVATE_H
#define PB_VIEW_PRIVATE_H

#include "sql.h"

/* Rows of folders that a peer, the parameter, is not shown. */
#define VIEW_HIDDEN_ROWS                                                       \
	"SELECT h.folder FROM view v JOIN alias h ON h.fid = v.folder"         \
	" WHERE v.peer = ?1 AND v.ours = 1 AND v.hidden"

/* What was stated, compared, owed and found to differ of a folder (its row) with
   a peer is void. */
int view_forget_words(
	struct replica *r, uint64_t peer, int64_t folder, struct err *err);
/* A message is no more to be seen here: forget it, without a tombstone, if it
   has a dot of another site. Its file is to go, for a site said so; ms: when it
   left, 0: nobody says. Returns 1 if it was. */
int view_forget_message(struct replica *r, int64_t message, uint64_t site,
	int64_t ms, struct err *err);
/* A peer says that the message of a dot left our view (CHANGE_OUT). */
int apply_out(struct replica *r, const struct change *c, int64_t by_log,
	struct err *err);

/* What a message left in a folder that was refused (refused.h) is the message
   again, if that is to be there. */
int folder_take_back(struct replica *r, int64_t folder, struct err *err);

#endif
