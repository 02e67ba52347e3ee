#include "account_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"

static bool configured(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->account_count; i++)
		if (c->accounts[i].pattern ||
			strcmp(c->accounts[i].name, name) == 0)
			return true;
	return false;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int account_list(struct os *os, const struct config *config,
	struct arena *arena, const char ***ret, size_t *ret_count,
	struct err *err)
{
	AUTO_FREE char *dir = mem_printf("%s/accounts", config->state);
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	const char **names;
	size_t at = 0, entries = 0, count = 0;
	int rc = os->ops->list(os, dir, &list);

	if (rc < 0 && rc != -ENOENT)
		return err_set_os(err, -rc, "list %s", dir);
	while (os_list_next(&list, &at, &entry))
		entries++;
	names = arena_alloc(arena, (entries + 1) * sizeof(*names));
	at = 0;
	while (os_list_next(&list, &at, &entry))
		if (entry.name[0] != '.' && configured(config, entry.name))
			names[count++] = arena_dup(
				arena, entry.name, strlen(entry.name));
	qsort(names, count, sizeof(*names), by_text);
	*ret = names;
	*ret_count = count;
	return 0;
}
