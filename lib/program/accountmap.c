#include "accountmap.h"

#include <stdio.h>
#include <string.h>

#include "config_private.h"
#include "err.h"

#define AS " as "

/* ---- reading ---- */

/* A name, or one with a * in it: what stands for the * is checked as the name
   of an account wherever one comes up. */
static int check_side(const char *text, struct err *err)
{
	const char *star = strchr(text, '*');

	if (value_account(text, err) < 0)
		return ERR_USAGE;
	if (star && strchr(star + 1, '*'))
		return err_set(err, ERR_USAGE,
			"\"%s\": one * at most stands in a name", text);
	return 0;
}

int account_rule_parse(const char *text, struct arena *arena,
	struct account_rule *ret, struct err *err)
{
	const char *as = strstr(text, AS);
	AUTO_FREE char *here =
		as ? mem_printf("%.*s", (int)(as - text), text) : mem_dup(text);
	const char *there = as ? as + strlen(AS) : here;

	if (check_side(here, err) < 0 || check_side(there, err) < 0)
		return ERR_USAGE;
	if (!strchr(here, '*') != !strchr(there, '*'))
		return err_set(err, ERR_USAGE,
			"\"%s\": a * on one side only (it stands for the same "
			"on both)",
			text);
	if (!ret)
		return 0;
	ret->here = arena_dup(arena, here, strlen(here));
	ret->there = arena_dup(arena, there, strlen(there));
	return 0;
}

/* ---- names ---- */

/* What the * of a pattern stands for in a name; all empty without one. */
static bool fits(const char *pattern, const char *name, const char **ret,
	size_t *ret_len)
{
	const char *star = strchr(pattern, '*');
	size_t len = strlen(name);

	*ret = "";
	*ret_len = 0;
	if (!star)
		return strcmp(pattern, name) == 0;
	size_t before = (size_t)(star - pattern), after = strlen(star + 1);
	if (len <= before + after || memcmp(pattern, name, before) != 0 ||
		strcmp(star + 1, name + len - after) != 0)
		return false;
	*ret = name + before;
	*ret_len = len - before - after;
	return true;
}

static const char *side(const struct account_rule *rule, bool here)
{
	return here ? rule->here : rule->there;
}

/* The first rule whose one side a name fits; count: none. */
static size_t find(const struct account_map *map, bool here, const char *name,
	const char **ret, size_t *ret_len)
{
	size_t i = 0;

	while (i < map->count &&
		!fits(side(&map->rules[i], here), name, ret, ret_len))
		i++;
	return i;
}

/* A name of one side as it is on the other. */
static bool lead(const struct account_map *map, bool here, const char *name,
	char ret[ACCOUNTMAP_NAME_MAX + 1])
{
	const char *star, *back;
	size_t len, back_len;

	if (!map->count && strlen(name) <= ACCOUNTMAP_NAME_MAX) {
		memcpy(ret, name, strlen(name) + 1);
		return true;
	}
	size_t at = find(map, here, name, &star, &len);
	if (at == map->count)
		return false;
	const char *other = side(&map->rules[at], !here);
	size_t before = strcspn(other, "*");
	size_t after = other[before] ? strlen(other + before + 1) : 0;
	if (before + len + after > ACCOUNTMAP_NAME_MAX)
		return false;
	snprintf(ret, ACCOUNTMAP_NAME_MAX + 1, "%.*s%.*s%s", (int)before, other,
		(int)len, star, other + strlen(other) - after);
	return value_account(ret, NULL) == 0 &&
	       find(map, !here, ret, &back, &back_len) == at;
}

bool account_map_there(const struct account_map *map, const char *here,
	char ret[ACCOUNTMAP_NAME_MAX + 1])
{
	return lead(map, true, here, ret);
}

bool account_map_here(const struct account_map *map, const char *there,
	char ret[ACCOUNTMAP_NAME_MAX + 1])
{
	return lead(map, false, there, ret);
}

/* ---- checking ---- */

/* A pattern is no name, but fits whatever takes all that fits it. */
static int check_one(
	const struct account_map *map, size_t i, bool here, struct err *err)
{
	const char *star, *name = side(&map->rules[i], here);
	size_t len, first = find(map, here, name, &star, &len);

	if (first == i)
		return 0;
	return err_set(err, ERR_USAGE,
		"\"%s\" is taken by \"%s\", which stands before it (put what "
		"is narrower first, and give no name twice)",
		name, side(&map->rules[first], here));
}

int account_map_check(const struct account_map *map, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < map->count && rc == 0; i++) {
		rc = check_one(map, i, true, err);
		if (rc == 0)
			rc = check_one(map, i, false, err);
	}
	return rc;
}
