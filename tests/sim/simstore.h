/*
 * simstore: the store interface over a simulated mail server.
 *
 * It keeps to what lib/store/store.h says, in the order of lib/maildir: in a
 * commit keywords, UID list, then message by message, each step behind one
 * counted call of the simulated disk, so that a commit can be cut short, or
 * fail, between any two. What a real server would refuse is noted in the
 * server's `complaint`.
 */
#ifndef PB_SIMSTORE_H
#define PB_SIMSTORE_H

#include "mailserver.h"
#include "store.h"

struct err;

/*
 * Open the server's mail; os is its machine's. Bodies that are read lie as
 * files in the directory "/mail" of its disk.
 */
int simstore_open(
	struct mail_server *server, struct store **ret, struct err *err);

#endif
