#include "viewrule.h"

#include <string.h>

#include "mutf7.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/*
 * Whether the rest of a name fits the rest of a glob. Only the last star is
 * ever taken back to: what it took more, an earlier one need not. Of % that is
 * so up to the next /, and there the last * goes on.
 */
static bool fits(const char *glob, const char *name)
{
	const char *star = NULL, *star_at = NULL;
	const char *part = NULL, *part_at = NULL;

	for (;;) {
		if (*glob == '*') {
			star = ++glob;
			star_at = name;
			part = NULL;
		} else if (*glob == '%') {
			part = ++glob;
			part_at = name;
		} else if (*name && lower(*glob) == lower(*name)) {
			glob++;
			name++;
		} else if (!*name && !*glob) {
			return true;
		} else if (part && *part_at && *part_at != '/') {
			glob = part;
			name = ++part_at;
		} else if (star && *star_at) {
			glob = star;
			name = ++star_at;
			part = NULL;
		} else {
			return false;
		}
	}
}

static bool is_named(const char *item, const char *path)
{
	AUTO_ARENA struct arena arena = {0};
	const char *coded = mutf7_encode(&arena, item);

	return fits(item, path) || (coded && fits(coded, path));
}

bool view_rule_shows(const struct view_rule *rule, const char *path)
{
	bool any = false, named = false;

	for (size_t i = 0; i < rule->count; i++) {
		const char *item = rule->items[i];

		if (item[0] == '!') {
			if (is_named(item + 1, path))
				return false;
			continue;
		}
		any = true;
		named = named || is_named(item, path);
	}
	return named || !any;
}
