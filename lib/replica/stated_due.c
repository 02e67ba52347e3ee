/*
 * stated_due: which folders are to be stated to a peer though nothing calls
 * for it.
 *
 * Looked for a few times in a span only, for it takes a look at every folder.
 * Each look begins the span of folders that it meets for the first time.
 */
#include "registers.h"
#include "stated.h"
#include "view_private.h"

#define LOOKS 16 /* in a span */

/* Is it time to look? Returns 1 or 0. */
static int is_time(struct replica *r, const char *key, int64_t span_ms,
	int64_t now_ms, struct err *err)
{
	int64_t at = 0;
	int rc = replica_meta_get(r, key, &at, err);

	if (rc != 0)
		return rc < 0 ? rc : 1;
	return now_ms < at || now_ms - at >= span_ms / LOOKS;
}

/* Folders with a log, as this site's statements to ?1 name them. */
#define STATED_FOLDERS                                                         \
	"SELECT fid FROM folder WHERE id IN (SELECT a.folder FROM log l"       \
	" JOIN alias a ON a.fid = l.folder WHERE l.lsn > 0)"                   \
	" AND id NOT IN (" VIEW_HIDDEN_ROWS ")"

static int note_look(struct replica *r, const char *key, uint64_t peer,
	int64_t now_ms, struct err *err)
{
	int rc = replica_begin(r, err);

	if (rc >= 0)
		rc = replica_meta_set(r, key, now_ms, err);
	if (rc >= 0)
		rc = sql_run(r, err,
			"INSERT INTO stated(peer, folder, told_ms)"
			" SELECT ?1, fid, ?2 FROM (" STATED_FOLDERS ")"
			" WHERE true ON CONFLICT(peer, folder) DO UPDATE"
			" SET told_ms = ?2 WHERE told_ms = 0",
			"ii", (int64_t)peer, now_ms);
	if (rc >= 0)
		rc = replica_commit(r, err);
	replica_rollback(r);
	return rc;
}

/* Those that were not stated for half a span. Returns for how long the first
   was not: all of it if the clock went back. */
static int64_t list(struct replica *r, uint64_t peer, int64_t span_ms,
	int64_t now_ms, struct arena *arena, struct stated_folder **ret,
	size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT f.fid, f.id, f.messages, iif(s.told_ms > ?2, ?3,"
		" ?2 - s.told_ms) AS age FROM stated s"
		" JOIN folder f ON f.fid = s.folder WHERE s.peer = ?1"
		" AND age >= ?3 / 2 AND f.fid IN (" STATED_FOLDERS ")"
		" ORDER BY age DESC, f.fid LIMIT ?4",
		"iiii", (int64_t)peer, now_ms, span_ms,
		(int64_t)STATED_DUE_MAX);
	int64_t oldest = 0;
	size_t count = 0;
	int rc = st ? 0 : ERR_IO;

	*ret = arena_alloc(arena, STATED_DUE_MAX * sizeof(**ret));
	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		struct stated_folder *f = &(*ret)[count];

		if (!count++)
			oldest = sqlite3_column_int64(st, 3);
		sql_blob(st, 0, f->folder.b, sizeof(f->folder.b));
		f->row = sqlite3_column_int64(st, 1);
		f->messages = (uint64_t)sqlite3_column_int64(st, 2);
	}
	*ret_count = count;
	return rc < 0 ? rc : oldest;
}

int stated_due(struct replica *r, uint64_t peer, int64_t span_ms,
	int64_t now_ms, struct arena *arena, struct stated_folder **ret,
	size_t *ret_count, struct err *err)
{
	AUTO_FREE char *key = replica_peer_key("states", peer);
	int rc = is_time(r, key, span_ms, now_ms, err);

	*ret_count = 0;
	if (rc <= 0)
		return rc;
	rc = note_look(r, key, peer, now_ms, err);
	if (rc < 0)
		return rc;
	int64_t oldest =
		list(r, peer, span_ms, now_ms, arena, ret, ret_count, err);
	if (oldest < 0)
		return (int)oldest;
	/* Not at the next look any more. */
	if (oldest < span_ms - span_ms / LOOKS)
		*ret_count = 0;
	return 0;
}
