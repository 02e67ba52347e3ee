/*
 * previewing: the preview of a body that stays here because of its size, for
 * the peer to see that it waits.
 */
#ifndef PB_PREVIEWING_H
#define PB_PREVIEWING_H

#include "handover.h"

/*
 * Append a section with the preview of an account's body, of at most `most`
 * bytes. Returns 0; 1: none, the mail is gone or damaged, which whoever sends
 * it says. Errors: ERR_IO: it cannot be read now.
 */
int previewing_add(const struct handover_config *config, const char *account,
	const struct hash *held, size_t most, struct buf *sections,
	struct err *err);

#endif
