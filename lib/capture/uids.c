/*
 * uids: a number for mail that the server left without one.
 *
 * An MDA that cannot have the folder's lock leaves its mail in new/ without a
 * line in the UID list; so does every MDA that knows nothing of such lists.
 * The server numbers it when somebody opens the folder next. A save is logged
 * only with its UID, so after a moment we do what the server would, under its
 * lock: UIDs from UIDNEXT on, in the order of base names.
 *
 * A crash leaves the UID list as it was, or with the new lines.
 */
#include "os.h"
#include "pass.h"

#define MOMENT_NS INT64_C(2000000000)

int pass_wants_uids(struct pass *p, const struct replica_folder *f,
	const struct store_view *view, struct err *err)
{
	struct os *os = p->account->os;
	int64_t before = os->ops->wall_ns(os) - MOMENT_NS;

	if (!p->config->give_uids || !view->identity.has_uids)
		return 0;
	for (size_t i = 0; i < view->count; i++) {
		const struct store_message *m = &view->messages[i];
		struct store_stat st;

		if (m->uid || m->doubled)
			continue;
		int rc = p->store->ops->stat(p->store, f->p_path, m, &st, err);
		if (rc == ERR_ABSENT)
			continue;
		if (rc < 0)
			return rc;
		/* One that came a moment ago does not hold up the others, but
		   a file from the future must not wait for ever. */
		if (st.ctime_ns < before ||
			st.ctime_ns > before + 2 * MOMENT_NS)
			return 1;
	}
	return 0;
}

/* A folder whose UID list we begin: its GUID is the folder's id. INBOX has
   one id everywhere, so it gets a GUID of its own. */
static void begin_list(
	struct pass *p, const struct replica_folder *f, struct store_txn *t)
{
	struct os *os = p->account->os;
	struct store_identity id = {
		.has_guid = true, .guid = f->fid, .extra = ""};

	if (id_equal(&f->fid, &ID_INBOX))
		os->ops->random(os, &id.guid, sizeof(id.guid));
	p->store->ops->txn_identity(t, &id);
}

static int number(struct pass *p, const struct replica_folder *f,
	struct store_txn *t, struct err *err)
{
	const struct store_view *view = p->store->ops->txn_view(t);
	uint32_t next = view->identity.uidnext ? view->identity.uidnext : 1;
	size_t given = 0;

	for (size_t i = 0; i < view->count; i++) {
		const struct store_message *m = &view->messages[i];

		if (m->uid || m->doubled || next == UINT32_MAX)
			continue;
		p->store->ops->txn_uid(t, m->base, next++, m->extra);
		given++;
	}
	if (!given)
		return 0;
	if (!view->identity.has_guid)
		begin_list(p, f, t);
	int rc = p->store->ops->txn_commit(t, err);
	return rc < 0 ? rc : 1;
}

int pass_give_uids(
	struct pass *p, const struct replica_folder *f, struct err *err)
{
	struct store_txn *t;
	int rc = p->store->ops->txn_begin(
		p->store, f->p_path, false, NULL, &t, err);

	if (rc == ERR_BUSY)
		return 0; /* the server is at work on it */
	if (rc < 0)
		return rc;
	rc = number(p, f, t, err);
	p->store->ops->txn_end(t);
	return rc;
}
