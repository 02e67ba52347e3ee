/*
 * acceptrule: what a peer may change here (key "accept" of its block). Pure
 * functions.
 *
 *   item = "no expunge" | "none" | FOLDERS | "!" FOLDERS
 *
 * All that no item takes away it may; with "none", nothing. FOLDERS is a glob, as
 * in key "send" (viewrule.h). What a site may counts for what it wrote itself,
 * whoever tells of it, and for what it tells of others.
 */
#ifndef PB_ACCEPTRULE_H
#define PB_ACCEPTRULE_H

#include <stdbool.h>
#include <stddef.h>

struct err;

enum accept_kind {
	ACCEPT_EXPUNGE = 1 << 0 /* to take mail away */
};

/* All zero: everything. */
struct accept_rule {
	bool none;	  /* nothing at all */
	unsigned refused; /* bits of enum accept_kind */
	/* The only ones where it may: globs; none: everywhere. */
	const char *const *folders;
	size_t folder_count;
};

/* Is this item said in words, and no folder's name? */
bool accept_rule_is_word(const char *item);
/*
 * Add what one such item says to a rule (which may be NULL).
 * Errors: ERR_USAGE, "not what a peer may change: ...", or the item is said
 * already.
 */
int accept_rule_add(
	const char *item, struct accept_rule *rule, struct err *err);

/* May it do what is of this kind? */
bool accept_rule_allows(const struct accept_rule *rule, enum accept_kind kind);
/* Are there folders in which it may change nothing? */
bool accept_rule_is_partial(const struct accept_rule *rule);

/* The word of a kind, as in "no expunge". */
const char *accept_kind_name(enum accept_kind kind);

#endif
