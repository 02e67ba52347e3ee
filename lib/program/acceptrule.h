/*
 * acceptrule: what a peer may change here (key "accept" of its block). Pure
 * functions.
 *
 *   item = "no expunge"
 *
 * All that no item takes away it may. What a site may counts for what it wrote
 * itself, whoever tells of it, and for what it tells of others.
 */
#ifndef PB_ACCEPTRULE_H
#define PB_ACCEPTRULE_H

#include <stdbool.h>

struct err;

enum accept_kind {
	ACCEPT_EXPUNGE = 1 << 0 /* to take mail away */
};

/* All zero: everything. */
struct accept_rule {
	unsigned refused; /* bits of enum accept_kind */
};

/*
 * Add what one item says to a rule (which may be NULL).
 * Errors: ERR_USAGE, "not what a peer may change: ...", or the item is said
 * already.
 */
int accept_rule_add(
	const char *item, struct accept_rule *rule, struct err *err);

/* May it do what is of this kind? */
bool accept_rule_allows(const struct accept_rule *rule, enum accept_kind kind);

/* The word of a kind, as in "no expunge". */
const char *accept_kind_name(enum accept_kind kind);

#endif
