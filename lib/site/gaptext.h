/*
 * gaptext: the gaps of an account (lib/replica/gaps.h), as they are told
 * everywhere: by the programs, by `packetboat status` and `packetboat gap`.
 */
#ifndef PB_GAPTEXT_H
#define PB_GAPTEXT_H

#include "gaps.h"
#include "site.h"

struct err;

/* Open gaps, with the peers that changes are handed over to as those that may
   lack them. In the arena. */
int gaptext_list(const struct site *s, struct account *a, struct arena *arena,
	struct gap **ret, size_t *ret_count, struct err *err);
/* A peer's name, or its origin where there is no such peer (any more). Into
   the arena. */
const char *gaptext_peer(
	const struct site *s, uint64_t origin, struct arena *arena);
/* The folder's name, or its id where it has none; "(folders and
   subscriptions)" for the account log. Into the arena. */
const char *gaptext_folder(const struct gap *g, struct arena *arena);
/* Append one line, without its end. */
void gaptext_print(const struct site *s, const char *account,
	const struct gap *g, struct buf *ret);

#endif
