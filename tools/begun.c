#include "begun.h"

#include "err.h"
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
