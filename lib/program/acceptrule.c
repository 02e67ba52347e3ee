#include "acceptrule.h"

#include <string.h>

#include "err.h"

#define NO "no "

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

int accept_rule_add(const char *item, struct accept_rule *rule, struct err *err)
{
	const char *word =
		strncmp(item, NO, strlen(NO)) ? "" : item + strlen(NO);
	unsigned bit = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(word, kinds[i].name) == 0)
			bit = kinds[i].kind;
	if (!bit)
		return err_set(err, ERR_USAGE,
			"\"%s\": not what a peer may or may not change here "
			"(\"no expunge\"; all else is not yet built)",
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
	return !(rule->refused & (unsigned)kind);
}
