#include "stated.h"

#include <string.h>

#include "comparing.h"
#include "hash.h"
#include "sql.h"
#include "view_private.h"
#include "viewed.h"
#include "wire.h"

#define DIFFERS "differs from what a peer holds that knows the same"

/* ---- ours ---- */

static void add_row(sqlite3_stmt *st, struct buf *b)
{
	struct id128 folder, least = {{0}};

	sql_blob(st, 0, folder.b, sizeof(folder.b));
	buf_add(b, folder.b, sizeof(folder.b));
	for (int col = 1; col <= 3; col++) /* origin, incarnation, lsn */
		wire_add_u64(b, (uint64_t)sqlite3_column_int64(st, col));
	sql_blob(st, 4, least.b, sizeof(least.b));
	buf_add(b, least.b, sizeof(least.b));
	for (int col = 5; col <= 6; col++) /* term, site */
		wire_add_u64(b, (uint64_t)sqlite3_column_int64(st, col));
}

/*
 * Account logs are not compared by how far they are known: of them is handed
 * over only what concerns the other. What they made of a folder is: its ids,
 * and whose UIDs count. Of folders that the peer is not shown it knows nothing;
 * and of views only what the two told each other.
 */
static int vector_now(
	struct replica *r, uint64_t peer, uint64_t *ret, struct err *err)
{
	struct id128 ours = view_log_id(peer), theirs = view_log_id(r->origin);
	AUTO_BUF struct buf b = BUF_INIT;
	sqlite3_stmt *st = sql(r, err,
		"WITH least AS (SELECT folder, min(fid) AS fid FROM alias"
		"  GROUP BY folder)"
		" SELECT l.folder, l.origin, l.incarnation, l.lsn, least.fid,"
		" f.auth_term, f.auth_site FROM log l"
		" LEFT JOIN alias a ON a.fid = l.folder"
		" LEFT JOIN folder f ON f.id = a.folder"
		" LEFT JOIN least ON least.folder = a.folder"
		" WHERE l.lsn > 0 AND l.folder <> zeroblob(16)"
		" AND (substr(l.folder, 1, 8) <> x'70622d7669657700'"
		"  OR (l.origin = ?1 AND l.folder = ?3)"
		"  OR (l.origin = ?2 AND l.folder = ?4))"
		" AND NOT EXISTS(SELECT 1 FROM view v JOIN alias h"
		"  ON h.fid = v.folder WHERE v.peer = ?2 AND v.ours = 1"
		"  AND v.hidden AND h.folder = a.folder)"
		" ORDER BY l.folder, l.origin, l.incarnation",
		"iibb", (int64_t)r->origin, (int64_t)peer, ours.b,
		sizeof(ours.b), theirs.b, sizeof(theirs.b));
	uint8_t sum[16];
	int rc;

	if (!st)
		return ERR_IO;
	while ((rc = sql_step(r, st, err)) > 0)
		add_row(st, &b);
	if (rc < 0)
		return rc;
	hash_long(sum, sizeof(sum), b.data, b.len, NULL, 0);
	struct wire w = wire_over(sum, sizeof(sum));
	*ret = wire_u64(&w);
	return 0;
}

static struct gap_sums sums_of(uint64_t messages, const uint8_t digest[16])
{
	struct wire w = wire_over(digest, 16);

	return (struct gap_sums){messages, wire_u64(&w)};
}

static int folders_now(struct replica *r, uint64_t peer, struct arena *arena,
	struct stated **ret, size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT fid, messages, digest, (SELECT count(*) FROM folder)"
		" FROM folder WHERE id IN (SELECT a.folder FROM log l"
		"  JOIN alias a ON a.fid = l.folder WHERE l.lsn > 0)"
		" AND id NOT IN (" VIEW_HIDDEN_ROWS ") ORDER BY fid",
		"i", (int64_t)peer);
	size_t count = 0;
	int rc;

	*ret = NULL;
	if (!st)
		return ERR_IO;
	while ((rc = sql_step(r, st, err)) > 0) {
		uint8_t digest[16];

		if (!*ret)
			*ret = arena_alloc(
				arena, (size_t)sqlite3_column_int64(st, 3) *
					       sizeof(**ret));
		sql_blob(st, 2, digest, sizeof(digest));
		sql_blob(st, 0, (*ret)[count].folder.b, 16);
		(*ret)[count++].sums =
			sums_of((uint64_t)sqlite3_column_int64(st, 1), digest);
	}
	*ret_count = count;
	return rc;
}

int stated_now(struct replica *r, uint64_t peer, struct arena *arena,
	uint64_t *ret_vector, struct stated **ret, size_t *ret_count,
	struct err *err)
{
	bool reading = !r->in_txn;
	int rc = reading ? reading_begin(r, err) : tally_flush(r, err);

	if (rc >= 0)
		rc = vector_now(r, peer, ret_vector, err);
	if (rc >= 0)
		rc = folders_now(r, peer, arena, ret, ret_count, err);
	if (reading)
		reading_end(r);
	return rc;
}

/* ---- theirs ---- */

int stated_hear(struct replica *r, uint64_t peer, uint64_t vector,
	const struct stated *folders, size_t count, int64_t now_ms,
	struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc >= 0; i++) {
		const struct stated *f = &folders[i];

		rc = sql_run(r, err,
			"INSERT INTO stated(peer, folder, vector, messages,"
			" digest, heard_ms, owed)"
			" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"
			" ON CONFLICT(peer, folder) DO UPDATE SET vector = ?3,"
			" messages = ?4, digest = ?5, heard_ms = ?6,"
			" owed = max(owed, ?7)",
			"ibiiiii", (int64_t)peer, f->folder.b,
			sizeof(f->folder.b), (int64_t)vector,
			(int64_t)f->sums.messages, (int64_t)f->sums.digest,
			now_ms, (int64_t)STATED_ALONG);
	}
	return rc;
}

struct word {
	uint64_t peer;
	struct stated said;
};

/* What a peer stated for this vector, into the arena. */
static int read_words(struct replica *r, uint64_t peer, uint64_t vector,
	struct arena *arena, struct word **ret, size_t *ret_count,
	struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT peer, folder, messages, digest,"
		" (SELECT count(*) FROM stated) FROM stated"
		" WHERE peer = ? AND heard_ms <> 0 AND vector = ?",
		"ii", (int64_t)peer, (int64_t)vector);
	size_t count = 0;
	int rc;

	*ret = NULL;
	if (!st)
		return ERR_IO;
	while ((rc = sql_step(r, st, err)) > 0) {
		if (!*ret)
			*ret = arena_alloc(
				arena, (size_t)sqlite3_column_int64(st, 4) *
					       sizeof(**ret));
		struct word *w = &(*ret)[count++];
		w->peer = (uint64_t)sqlite3_column_int64(st, 0);
		sql_blob(st, 1, w->said.folder.b, sizeof(w->said.folder.b));
		w->said.sums.messages = (uint64_t)sqlite3_column_int64(st, 2);
		w->said.sums.digest = (uint64_t)sqlite3_column_int64(st, 3);
	}
	*ret_count = count;
	return rc;
}

static int note_agreed(struct replica *r, const struct word *w, int64_t now_ms,
	struct err *err)
{
	int rc = comparing_agreed(r, w->peer, &w->said.folder, err);

	if (rc < 0)
		return rc;
	return sql_run(r, err,
		"UPDATE stated SET agreed_ms = ?, owed = iif(owed = ?, owed, 0)"
		" WHERE peer = ? AND folder = ?",
		"iiib", now_ms, (int64_t)STATED_ALONE, (int64_t)w->peer,
		w->said.folder.b, sizeof(w->said.folder.b));
}

static int compare_word(struct replica *r, const struct word *w, int64_t now_ms,
	struct stated_result *ret, struct err *err)
{
	uint8_t digest[16];
	uint64_t messages;
	uint32_t uidnext;
	int rc = replica_folder_sums(
		r, &w->said.folder, &messages, &uidnext, digest, err);
	struct gap_sums ours = sums_of(messages, digest);

	if (rc < 0)
		return rc;
	if (ours.messages == w->said.sums.messages &&
		ours.digest == w->said.sums.digest) {
		ret->agreed++;
		return note_agreed(r, w, now_ms, err);
	}
	rc = gap_differs(r, w->peer, &w->said.folder, &ours, &w->said.sums,
		DIFFERS, now_ms, err);
	ret->differing += rc > 0;
	if (rc >= 0 && (rc = gap_is_told(r, w->peer, &w->said.folder, err)) > 0)
		rc = comparing_begin(
			r, w->peer, &w->said.folder, COMPARING_EXACT, err);
	return rc;
}

int stated_overtaken(struct replica *r, uint64_t peer,
	const struct id128 *folder, struct err *err)
{
	uint64_t vector, messages;
	uint8_t digest[16];
	uint32_t uidnext;
	int rc = replica_folder_sums(
		r, folder, &messages, &uidnext, digest, err);
	struct gap_sums ours = sums_of(messages, digest);

	if (rc >= 0)
		rc = vector_now(r, peer, &vector, err);
	return rc < 0 ? rc
		      : sql_run(r, err,
				"UPDATE stated SET heard_ms = 0 WHERE peer = ?1"
				" AND vector = ?3 AND (messages <> ?4"
				" OR digest <> ?5) AND folder IN"
				" (SELECT b.fid FROM alias a JOIN alias b"
				"  ON b.folder = a.folder WHERE a.fid = ?2)",
				"ibiii", (int64_t)peer, folder->b,
				sizeof(folder->b), (int64_t)vector,
				(int64_t)ours.messages, (int64_t)ours.digest);
}

static int compare_peer(struct replica *r, uint64_t peer, int64_t now_ms,
	struct stated_result *ret, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct word *words;
	size_t count = 0;
	uint64_t vector;
	int rc = vector_now(r, peer, &vector, err);

	if (rc >= 0)
		rc = read_words(r, peer, vector, &arena, &words, &count, err);
	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = compare_word(r, &words[i], now_ms, ret, err);
	return rc < 0 ? rc : 0;
}

/* Has any peer stated anything? Most of what is merged needs no more. */
int stated_compare(struct replica *r, int64_t now_ms, struct stated_result *ret,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	sqlite3_stmt *st = sql(r, err,
		"SELECT DISTINCT peer FROM stated WHERE heard_ms <> 0", "");
	size_t count = 0;
	int64_t *peers;
	int rc = sql_ids(r, st, &arena, &peers, &count, err);

	*ret = (struct stated_result){0};
	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = compare_peer(r, (uint64_t)peers[i], now_ms, ret, err);
	return rc < 0 ? rc : 0;
}

/* ---- what is owed ---- */

int stated_owe(struct replica *r, uint64_t peer, const struct id128 *folder,
	enum stated_owed owed, struct err *err)
{
	return sql_run(r, err,
		"INSERT INTO stated(peer, folder, owed) VALUES(?1, ?2, ?3)"
		" ON CONFLICT(peer, folder) DO UPDATE SET"
		" owed = max(owed, ?3)",
		"ibi", (int64_t)peer, folder->b, sizeof(folder->b),
		(int64_t)owed);
}

int stated_owe_changed(struct replica *r, uint64_t peer, struct err *err)
{
	size_t at = 0;
	int64_t row;
	int rc = 0;

	while (rc >= 0 && tally_next(r, &at, &row))
		rc = sql_run(r, err,
			"INSERT INTO stated(peer, folder, owed)"
			" SELECT ?1, fid, ?2 FROM folder WHERE id = ?3"
			" ON CONFLICT(peer, folder) DO UPDATE SET owed = ?2",
			"iii", (int64_t)peer, (int64_t)STATED_ALONE, row);
	return rc;
}

int stated_owed(struct replica *r, uint64_t peer, struct arena *arena,
	struct id128 **ret, size_t *ret_count, enum stated_owed *ret_most,
	struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT folder, owed, (SELECT count(*) FROM stated)"
		" FROM stated WHERE peer = ? AND owed <> 0 ORDER BY folder",
		"i", (int64_t)peer);
	size_t count = 0;
	int rc;

	*ret = NULL;
	*ret_most = STATED_NOTHING;
	if (!st)
		return ERR_IO;
	while ((rc = sql_step(r, st, err)) > 0) {
		enum stated_owed owed =
			(enum stated_owed)sqlite3_column_int64(st, 1);

		if (!*ret)
			*ret = arena_alloc(
				arena, (size_t)sqlite3_column_int64(st, 2) *
					       sizeof(**ret));
		sql_blob(st, 0, (*ret)[count++].b, sizeof(**ret));
		if (owed > *ret_most)
			*ret_most = owed;
	}
	*ret_count = count;
	return rc;
}

int stated_told(struct replica *r, uint64_t peer, const struct stated *folders,
	size_t count, int64_t now_ms, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = sql_run(r, err,
			"UPDATE stated SET owed = 0, told_ms = ? WHERE peer = ?"
			" AND folder IN (SELECT b.fid FROM alias a JOIN alias b"
			"  ON b.folder = a.folder WHERE a.fid = ?)",
			"iib", now_ms, (int64_t)peer, folders[i].folder.b,
			sizeof(folders[i].folder.b));
	return rc;
}
