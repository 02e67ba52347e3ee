/*
 * mend: damaged messages (lib/replica/damage.h) get their bodies back.
 *
 * The body comes from another message here that has the same, read once more;
 * else from a peer, whom the shipper asked for it. It is put in the place of
 * the file that is damaged, under the server's lock, with name, UID, flags and
 * date as they are; the damaged file goes to the trash. A message whose file
 * is gone is put back under its UID where its line is still in the UID list,
 * else under a new one. What is found whole again is only noted.
 *
 * Where an operator accepted the damage, what lies there becomes a message of
 * its own, under another name, and the one it was is found absent by the next
 * capture, which logs both.
 *
 * A crash leaves either file in place, and the record: it is judged again.
 */
#ifndef PB_MEND_H
#define PB_MEND_H

#include "place_private.h"

/*
 * Mend what can be mended. A folder that fails does not stop the others; the
 * first error is returned when all is done.
 */
int mend_account(struct placing *p, struct err *err);

#endif
