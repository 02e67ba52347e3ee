/*
 * accountmap: which accounts a peer has part in, and what they are called
 * there. Pure functions.
 *
 *   rule = HERE [ " as " THERE ], each a name or a name with one * in it, which
 *          stands for the same bytes, one at least, on both sides
 *
 * The first rule that a name fits is the one that counts, and only if the other
 * name leads back by the same rule: so no two accounts ever have one name. Of
 * rules, none at all means: all accounts, under the names that they have here.
 */
#ifndef PB_ACCOUNTMAP_H
#define PB_ACCOUNTMAP_H

#include <stdbool.h>
#include <stddef.h>

#include "mem.h"

struct err;

#define ACCOUNTMAP_NAME_MAX 255u

struct account_rule {
	const char *here, *there;
};

struct account_map {
	const struct account_rule *rules;
	size_t count; /* 0: all, under the same names */
};

/*
 * Read one rule; its names go into the arena (ret and arena may be NULL).
 * Errors: ERR_USAGE, "not an account: ...".
 */
int account_rule_parse(const char *text, struct arena *arena,
	struct account_rule *ret, struct err *err);

/*
 * Can every rule be met? Errors: ERR_USAGE, if one says the same as an earlier
 * one, or names what that takes already.
 */
int account_map_check(const struct account_map *map, struct err *err);

/* What the peer calls an account of ours. Returns false if it has no part in
   it. */
bool account_map_there(const struct account_map *map, const char *here,
	char ret[ACCOUNTMAP_NAME_MAX + 1]);
/* What we call an account that it speaks of. Returns false as above. */
bool account_map_here(const struct account_map *map, const char *there,
	char ret[ACCOUNTMAP_NAME_MAX + 1]);

#endif
