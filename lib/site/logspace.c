#include "logspace.h"

#include <errno.h>
#include <sys/stat.h>

#include "err.h"
#include "retention.h"

#define DEPTH_MAX 3 /* account, folder, file */

/* What is gone by the time that it is looked at takes no room. */
static int add_tree(struct os *os, const char *dir, int depth, uint64_t *used,
	struct err *err)
{
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;
	int rc = os->ops->list(os, dir, &list);

	if (rc < 0 && rc != -ENOENT && rc != -ENOTDIR)
		return err_set_os(err, -rc, "list %s", dir);
	rc = 0;
	while (rc >= 0 && os_list_next(&list, &at, &entry)) {
		AUTO_FREE char *path = mem_printf("%s/%s", dir, entry.name);
		struct os_stat st;
		int r = os->ops->lstat(os, path, &st);

		if (r == -ENOENT)
			continue;
		if (r < 0)
			return err_set_os(err, -r, "stat %s", path);
		*used += retention_room(st.size);
		if (S_ISDIR(st.mode) && depth < DEPTH_MAX)
			rc = add_tree(os, path, depth + 1, used, err);
	}
	return rc;
}

int logspace_look(const struct site *s, struct logspace *ret, struct err *err)
{
	const struct config *c = &s->config;
	AUTO_FREE char *dir = mem_printf("%s/log", c->state);
	uint64_t total = 0;
	int rc;

	*ret = (struct logspace){0};
	rc = s->os->ops->space(s->os, c->state, &ret->free, &total);
	if (rc < 0)
		return err_set_os(err, -rc, "free space at %s", c->state);
	ret->cap = c->log_cap ? c->log_cap : total / 100 * c->log_cap_percent;
	ret->reserve = total / 100 * c->reserve_percent;
	return add_tree(s->os, dir, 1, &ret->used, err);
}

uint64_t logspace_excess(const struct logspace *l)
{
	uint64_t excess = 0;

	if (l->used > l->cap)
		excess = l->used - (l->cap - l->cap / 8);
	if (l->free < l->reserve && l->reserve - l->free > excess)
		excess = l->reserve - l->free;
	return excess;
}
