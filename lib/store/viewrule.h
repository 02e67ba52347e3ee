/*
 * viewrule: which folders a peer is shown (key "send" of its block), by their
 * names. Pure functions.
 *
 *   "Projects/%"   those of this name: % is any letters but /, * any at all
 *   "!Junk"        but not those
 *
 * A folder is in view if an item fits that has no "!", or there is none such,
 * and none fits that has. Names count as they are on disk or as people read
 * them, ASCII letters in either case.
 */
#ifndef PB_VIEWRULE_H
#define PB_VIEWRULE_H

#include <stdbool.h>
#include <stddef.h>

/* All zero: everything. */
struct view_rule {
	const char *const *items;
	size_t count;
};

/* Is a folder of this path ("A/B", as on disk) in view? */
bool view_rule_shows(const struct view_rule *rule, const char *path);

#endif
