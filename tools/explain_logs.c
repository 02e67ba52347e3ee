/*
 * explain_logs: what our own logs still hold of a message. The logs of other
 * sites are not kept here, but for what stands of them, in the state.
 */
#include <stdlib.h>

#include "err.h"
#include "explain.h"
#include "logread.h"
#include "viewed.h"

/* Each of our folders' logs, from where its segments begin. */
static int each_log(struct explain *e,
	int (*fn)(struct explain *e, const struct explain_log *log, void *arg,
		struct err *err),
	void *arg, struct err *err)
{
	struct replica_log *logs = NULL;
	size_t count = 0;
	int rc =
		replica_logs(e->account.replica, &e->arena, &logs, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		const struct log_id *id = &logs[i].known.log;
		struct explain_log log = {.log = logs[i]};

		if (id->origin != e->site.key.pub.origin ||
			id_is_account(&id->folder) || view_is_log(&id->folder))
			continue;
		rc = logread_first(&e->account, &logs[i], &log.first, err);
		if (rc >= 0)
			rc = fn(e, &log, arg, err);
	}
	return rc;
}

/* What cannot be read hides nothing else. */
static int read_log(struct explain *e, const struct explain_log *log,
	logread_fn fn, void *arg)
{
	struct err one = ERR_INIT;

	if (log->first <= log->log.known.lsn &&
		logread_each(
			&e->account, &log->log, log->first, fn, arg, &one) < 0)
		explain_note(e, "a log cannot be read: %s", one.text);
	return 0;
}

/* ---- by UID ---- */

struct uid_search {
	struct explain *e;
	uint32_t uid;
};

static int had_uid(void *arg, const struct change *c, struct err *err)
{
	struct uid_search *s = arg;

	(void)err;
	if (c->uid == s->uid && c->dot.lsn && c->kind != CHANGE_UIDNEXT)
		explain_add_dot(s->e, &c->dot);
	return 0;
}

static int search_log(struct explain *e, const struct explain_log *log,
	void *arg, struct err *err)
{
	struct replica_folder f;
	int rc = replica_folder_by_fid(e->account.replica,
		&log->log.known.log.folder, &e->arena, &f, err);

	if (rc != 0 || f.id != e->folder.id)
		return rc < 0 ? rc : 0;
	if (log->first > 1)
		explain_note(e,
			"the folder's own log is kept from lsn %llu on (of "
			"%llu): who had a UID before is not known any more",
			(unsigned long long)log->first,
			(unsigned long long)log->log.known.lsn);
	return read_log(e, log, had_uid, arg);
}

int explain_logs_uid(struct explain *e, uint32_t uid, struct err *err)
{
	struct uid_search s = {e, uid};

	return each_log(e, search_log, &s, err);
}

/* ---- of one message ---- */

struct gathering {
	const struct story *story;
	struct explain_logged *ret;
};

static int gather(void *arg, const struct change *c, struct err *err)
{
	struct gathering *g = arg;

	(void)err;
	if (story_has_dot(g->story, &c->dot) ||
		(c->source.lsn && story_has_dot(g->story, &c->source)))
		change_copy(&g->ret->changes, c);
	return 0;
}

static int gather_log(struct explain *e, const struct explain_log *log,
	void *arg, struct err *err)
{
	struct gathering *g = arg;
	struct explain_logged *l = g->ret;

	(void)err;
	l->logs = mem_room(l->logs, l->log_count, sizeof(*l->logs));
	l->logs[l->log_count++] = *log;
	return read_log(e, log, gather, g);
}

int explain_logs_read(struct explain *e, const struct story *s,
	struct explain_logged *ret, struct err *err)
{
	struct gathering g = {s, ret};

	*ret = (struct explain_logged){.logs = NULL};
	return each_log(e, gather_log, &g, err);
}

void explain_logs_free(struct explain_logged *l)
{
	change_batch_free(&l->changes);
	free(l->logs);
}
