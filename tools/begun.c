#include "begun.h"

#include "account.h"
#include "err.h"
#include "mutf7.h"
#include "os.h"
#include "site.h"

static bool is_begun(const struct site *s, const char *name)
{
	AUTO_FREE char *state =
		mem_printf("%s/accounts/%s/state.db", s->config.state, name);
	AUTO_FREE char *logs = mem_printf("%s/log/%s", s->config.state, name);
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_stat st;
	int rc = s->os->ops->lstat(s->os, state, &st);

	if (rc < 0 || st.size > 0)
		return rc == 0; /* what else is wrong, opening it says */
	return s->os->ops->list(s->os, logs, &list) == 0 && list.len;
}

int begun_open(const struct site *s, const char *name, struct account *ret,
	struct err *err)
{
	if (!is_begun(s, name))
		return 1;
	int rc = site_account_open(s, name, false, ret, err);

	return rc == ERR_ABSENT ? 1 : rc; /* a crash cut that short */
}

int begun_folder(struct account *a, const char *path, struct arena *arena,
	struct replica_folder *ret, struct err *err)
{
	int rc = replica_folder_by_path(a->replica, path, arena, ret, err);
	const char *coded = mutf7_encode(arena, path);

	/* As people type it, or as it is on disk. */
	if (rc > 0 && coded)
		rc = replica_folder_by_path(a->replica, coded, arena, ret, err);
	if (rc > 0)
		return err_set(err, ERR_USAGE,
			"account %s: there is no folder \"%s\" (parts are "
			"separated by /: \"Work/2026\")",
			a->name, path);
	return rc;
}
