#include "acceptrule.h"

#include <string.h>

#include "err.h"

#define NO "no "
#define NONE "none"

static const struct {
	enum accept_kind kind;
	const char *name;
} kinds[] = {
	{ACCEPT_EXPUNGE, "expunge"},
};

const char *accept_kind_name(enum accept_kind kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return "";
}

bool accept_rule_is_word(const char *item)
{
	return strncmp(item, NO, strlen(NO)) == 0 || strcmp(item, NONE) == 0;
}

static int add_none(struct accept_rule *rule, struct err *err)
{
	if (!rule)
		return 0;
	if (rule->none)
		return err_set(
			err, ERR_USAGE, "\"%s\" stands there twice", NONE);
	rule->none = true;
	return 0;
}

int accept_rule_add(const char *item, struct accept_rule *rule, struct err *err)
{
	const char *word =
		strncmp(item, NO, strlen(NO)) ? "" : item + strlen(NO);
	unsigned bit = 0;

	if (strcmp(item, NONE) == 0)
		return add_none(rule, err);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(word, kinds[i].name) == 0)
			bit = kinds[i].kind;
	if (!bit)
		return err_set(err, ERR_USAGE,
			"\"%s\": not what a peer may or may not change here "
			"(\"no expunge\"; \"none\"; else names of folders)",
			item);
	if (rule && rule->refused & bit)
		return err_set(
			err, ERR_USAGE, "\"%s\" stands there twice", item);
	if (rule)
		rule->refused |= bit;
	return 0;
}

bool accept_rule_allows(const struct accept_rule *rule, enum accept_kind kind)
{
	return !rule->none && !(rule->refused & (unsigned)kind);
}

bool accept_rule_is_partial(const struct accept_rule *rule)
{
	return rule->none || rule->folder_count > 0;
}
