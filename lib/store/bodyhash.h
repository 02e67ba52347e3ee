/*
 * bodyhash: is a message's body the one it was?
 */
#ifndef PB_BODYHASH_H
#define PB_BODYHASH_H

#include "store.h"

/*
 * Read a body from its beginning to its end, from the disk and not from what
 * the system remembers of it where it can tell the two apart, and hash it.
 * step (may be NULL) is called with the bytes read last; below 0 ends it.
 * Returns 0, the file's stat and hash. Errors: ERR_ABSENT; ERR_CORRUPT: the
 * disk does not give it; what step returned; ERR_IO.
 */
int store_body_hash(struct store *s, const char *path, const char *base,
	const char *name_hint, int (*step)(void *arg, size_t len), void *arg,
	struct store_stat *ret_stat, struct hash *ret, struct err *err);

#endif
