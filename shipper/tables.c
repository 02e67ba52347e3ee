#include "tables.h"

#include "comparing.h"
#include "viewed.h"
#include "err.h"

/* Is it time? 1; 0: not yet; and then the next span begins. */
static int begin_span(struct replica *r, uint64_t peer, int64_t span_ms,
	int64_t now_ms, struct err *err)
{
	AUTO_FREE char *key = replica_peer_key("tables", peer);
	int64_t at = 0;
	int rc = replica_meta_get(r, key, &at, err);
	bool first = rc > 0;

	if (rc < 0 || (!first && now_ms >= at && now_ms - at < span_ms))
		return rc < 0 ? rc : 0;
	rc = replica_meta_set(r, key, now_ms, err);
	return rc < 0 ? rc : !first;
}

static int push_folders(struct replica *r, uint64_t peer, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder *folders;
	size_t count;
	int rc = replica_folders(r, &arena, &folders, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		int home = replica_is_home(r, &folders[i].fid, false, err);

		if (home < 0)
			return home;
		int hidden = view_hides_row(r, peer, folders[i].id, err);

		if (hidden < 0)
			return hidden;
		if (home && !hidden && !folders[i].dead)
			rc = comparing_push(r, peer, &folders[i].fid, err);
	}
	return rc;
}

static int begin_account_log(struct replica *r, uint64_t peer, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs;
	size_t count;
	int rc = replica_logs(r, &arena, &logs, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++)
		if (logs[i].known.log.origin == replica_origin(r) &&
			id_is_account(&logs[i].known.log.folder))
			rc = replica_ack_lower(r, peer, logs[i].id, 0, err);
	return rc;
}

int tables_add(struct replica *r, uint64_t peer, int64_t span_ms,
	int64_t now_ms, struct err *err)
{
	int rc = replica_begin(r, err);
	int due = rc < 0 ? rc : begin_span(r, peer, span_ms, now_ms, err);

	rc = due;
	if (due > 0)
		rc = push_folders(r, peer, err);
	if (rc >= 0 && due > 0)
		rc = begin_account_log(r, peer, err);
	if (rc >= 0)
		rc = replica_commit(r, err);
	replica_rollback(r);
	return rc;
}
