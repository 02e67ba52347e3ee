/*
 * view_heard: what a peer says of our view of its folders (viewed.h).
 *
 * Of what has left the view nothing stays behind that could be told on: no
 * tombstone, no position. What users of this site brought in themselves, and
 * nobody else knows, stays where it is; and so does a folder that holds such.
 */
#include "refused.h"
#include "registers.h"
#include "spoken.h"
#include "view_private.h"
#include "viewed.h"

/* ---- messages ---- */

/* Is one of its dots another site's? */
static int is_foreign(struct replica *r, int64_t message, struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM dot d JOIN log l ON l.id = d.log"
			" WHERE d.message = ? AND d.dead_log = 0"
			" AND l.origin <> ? LIMIT 1",
			"ii", message, (int64_t)r->origin),
		err);
}

int view_forget_message(struct replica *r, int64_t message, uint64_t site,
	int64_t ms, struct err *err)
{
	static const char *const rows[] = {
		"DELETE FROM birth WHERE (log, lsn) IN (SELECT log, lsn"
		" FROM dot WHERE message = ?1 AND dead_log = 0)",
		"DELETE FROM joined WHERE (dot_log, dot_lsn) IN (SELECT log,"
		" lsn FROM dot WHERE message = ?1)",
		"DELETE FROM apart WHERE (log, lsn) IN (SELECT log, lsn"
		" FROM dot WHERE message = ?1)",
		"DELETE FROM parked WHERE (log, lsn) IN (SELECT log, lsn"
		" FROM dot WHERE message = ?1)",
		"DELETE FROM once WHERE message = ?1",
		"DELETE FROM flag WHERE message = ?1",
		"DELETE FROM dot WHERE message = ?1 AND dead_log = 0",
		"UPDATE message SET copied_from = 0 WHERE copied_from = ?1"};
	int rc = is_foreign(r, message, err);

	if (rc <= 0)
		return rc;
	rc = tally_message(r, message, -1, err);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows) && rc >= 0; i++)
		rc = sql_run(r, err, rows[i], "i", message);
	if (rc >= 0)
		rc = sql_run(r, err,
			"UPDATE message SET dead = 1, copied_from = 0,"
			" damage = 0, waits_ms = 0, todo = p_folder <> 0,"
			" out = ?2, out_ms = ?3 WHERE id = ?1",
			"iii", message, (int64_t)site, ms);
	if (rc >= 0)
		rc = message_drop(r, message, err);
	return rc < 0 ? rc : 1;
}

/* Who says so of mail in a folder of its own, or of mail that it brought. */
static int may_take_out(struct replica *r, const struct change *c,
	int64_t message, struct err *err)
{
	sqlite3_stmt *st;
	int rc;

	if (c->by.log.origin == r->origin)
		return 0;
	if (c->dot.log.origin == c->by.log.origin)
		return 1;
	st = sql(r, err,
		"SELECT f.auth_site FROM message m JOIN folder f"
		" ON f.id = m.folder WHERE m.id = ? AND f.auth_term > 0",
		"i", message);
	rc = st ? sql_step(r, st, err) : ERR_IO;
	if (rc <= 0)
		return rc;
	bool its = (uint64_t)sqlite3_column_int64(st, 0) == c->by.log.origin;
	sqlite3_reset(st);
	return its;
}

int apply_out(struct replica *r, const struct change *c, int64_t by_log,
	struct err *err)
{
	struct dot_row row;
	int rc = dot_find(r, &c->dot, &row, err);

	(void)by_log;
	if (rc < 0)
		return rc;
	rc = sql_run(r, err, "DELETE FROM parked WHERE log = ? AND lsn = ?",
		"ii", row.log, (int64_t)c->dot.lsn);
	if (rc < 0 || !row.message || row.dead)
		return rc < 0 ? rc : 1;
	rc = may_take_out(r, c, row.message, err);
	if (rc > 0)
		rc = view_forget_message(r, row.message, c->by.log.origin,
			(int64_t)STAMP_MS(c->by.stamp), err);
	return rc < 0 ? rc : !rc;
}

/* ---- folders ---- */

/* The peer's logs of it are to be heard from their beginning. */
static int begin_logs(
	struct replica *r, uint64_t peer, int64_t folder, struct err *err)
{
	static const char *const rows[] = {
		"DELETE FROM parked WHERE by_log IN (SELECT l.id FROM log l"
		" JOIN alias a ON a.fid = l.folder WHERE l.origin = ?1"
		" AND a.folder = ?2)",
		"DELETE FROM gap WHERE log IN (SELECT l.id FROM log l"
		" JOIN alias a ON a.fid = l.folder WHERE l.origin = ?1"
		" AND a.folder = ?2)",
		"UPDATE log SET lsn = 0, chain = 0, applied = 0"
		" WHERE origin = ?1 AND folder IN (SELECT fid FROM alias"
		" WHERE folder = ?2)"};
	int rc = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows) && rc >= 0; i++)
		rc = sql_run(r, err, rows[i], "ii", (int64_t)peer, folder);
	return rc;
}

/*
 * With no mail in it the folder goes, too. Nobody deleted it: whatever is said
 * of it when it comes back is newer.
 */
static int remove_if_empty(
	struct replica *r, const struct replica_folder *f, struct err *err)
{
	struct id128 inbox = ID_INBOX;

	if (id_equal(&f->fid, &inbox))
		return 0;
	return sql_run(r, err,
		"UPDATE folder SET dead = 1, dead_stamp = 0, dead_log = 0,"
		" dead_lsn = 0, subscribed = 0, subscribed_stamp = 0,"
		" subscribed_log = 0, subscribed_lsn = 0 WHERE id = ?1"
		" AND NOT EXISTS(SELECT 1 FROM message WHERE folder = ?1"
		" AND dead = 0)",
		"i", f->id);
}

static int forget_folder(struct replica *r, uint64_t peer,
	const struct replica_folder *f, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	size_t count = 0;
	int64_t *ids;
	int rc = view_forget_words(r, peer, f->id, err);

	if (rc >= 0)
		rc = begin_logs(r, peer, f->id, err);
	if (rc >= 0)
		rc = folder_living(r, f->id, &arena, &ids, &count, err);
	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = view_forget_message(r, ids[i], peer, 0, err);
	return rc < 0 ? rc : remove_if_empty(r, f, err);
}

/* It counts no more, whichever of the folder's ids it names. */
static int forget_closed(struct replica *r, uint64_t peer,
	const struct id128 *folder, struct err *err)
{
	return sql_run(r, err,
		"DELETE FROM view WHERE peer = ?1 AND ours = 0 AND (folder = ?2"
		" OR folder IN (SELECT b.fid FROM alias a JOIN alias b"
		"  ON b.folder = a.folder WHERE a.fid = ?2))",
		"ib", (int64_t)peer, folder->b, sizeof(folder->b));
}

static int note_closed(struct replica *r, const struct dot *by,
	const struct id128 *folder, struct err *err)
{
	int64_t log = log_row(r, &by->log, true, err);

	if (log < 0)
		return (int)log;
	return sql_run(r, err, "INSERT INTO view VALUES(?, 0, ?, 1, ?, ?)",
		"ibii", (int64_t)by->log.origin, folder->b, sizeof(folder->b),
		log, (int64_t)by->lsn);
}

/* Was it only removed because it was out of view, it is there. */
int view_void(
	struct replica *r, uint64_t peer, uint64_t incarnation, struct err *err)
{
	static const char *const rows[] = {
		"UPDATE folder SET dead = 0 WHERE dead = 1 AND dead_stamp = 0"
		" AND id IN (SELECT a.folder FROM view v JOIN alias a"
		"  ON a.fid = v.folder WHERE v.peer = ?1 AND v.ours = 0"
		"  AND v.log NOT IN (SELECT id FROM log WHERE origin = ?1"
		"   AND incarnation = ?2))",
		"DELETE FROM view WHERE peer = ?1 AND ours = 0 AND log NOT IN"
		" (SELECT id FROM log WHERE origin = ?1"
		"  AND incarnation = ?2)"};
	int rc = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows) && rc >= 0; i++)
		rc = sql_run(r, err, rows[i], "ii", (int64_t)peer,
			(int64_t)incarnation);
	return rc;
}

int view_hear(struct replica *r, const struct dot *by,
	const struct id128 *folder, bool shown, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	uint64_t peer = by->log.origin;
	int known = replica_folder_by_fid(r, folder, &arena, &f, err);
	int rc = known < 0 ? known
			   : spoken_is_over(r, peer, by->log.incarnation, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = forget_closed(r, peer, folder, err);
	if (rc >= 0 && !shown)
		rc = note_closed(r, by, folder, err);
	/* Another's folder is another's to show. */
	if (rc < 0 || known > 0 ||
		(f.authority.term && f.authority.site != peer))
		return rc < 0 ? rc : 0;
	return shown ? begin_logs(r, peer, f.id, err)
		     : forget_folder(r, peer, &f, err);
}

int view_is_closed(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM view WHERE peer = ?1 AND ours = 0"
			" AND hidden AND (folder = ?2 OR folder IN"
			" (SELECT b.fid FROM alias a JOIN alias b"
			"  ON b.folder = a.folder WHERE a.fid = ?2))",
			"ib", (int64_t)peer, folder->b, sizeof(folder->b)),
		err);
}

int view_is_apart(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err)
{
	int rc = view_hides(r, peer, folder, err);

	if (rc == 0 && id_equal(folder, &ID_INBOX))
		rc = refused_is_inbox(r, peer, err);
	return rc != 0 ? rc : view_is_closed(r, peer, folder, err);
}

/* ---- what comes back ---- */

/* What was taken out, and lies here still, under the name of mail that has come
   meanwhile: pairs of rows. */
static int find_back(struct replica *r, sqlite3_stmt *st, struct arena *arena,
	int64_t **ret, size_t *ret_count, struct err *err)
{
	int rc = st ? 0 : ERR_IO;

	*ret = NULL;
	*ret_count = 0;
	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		*ret = arena_room(arena, *ret, *ret_count, 2 * sizeof(**ret));
		(*ret)[2 * *ret_count] = sqlite3_column_int64(st, 0);
		(*ret)[2 * (*ret_count)++ + 1] = sqlite3_column_int64(st, 1);
	}
	return rc;
}

static int take_back(struct replica *r, sqlite3_stmt *st, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	size_t count = 0;
	int64_t *pairs;
	int rc = find_back(r, st, &arena, &pairs, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		int64_t old = pairs[2 * i], now = pairs[2 * i + 1];

		rc = sql_run(r, err,
			"UPDATE message SET (p_folder, p_base, p_letters,"
			" p_keywords, p_extra, p_uid, p_ino) = (SELECT"
			" p_folder, p_base, p_letters, p_keywords, p_extra,"
			" p_uid, p_ino FROM message WHERE id = ?1),"
			" waits_ms = 0 WHERE id = ?2",
			"ii", old, now);
		if (rc >= 0)
			rc = sql_run(r, err, "DELETE FROM message WHERE id = ?",
				"i", old);
		if (rc >= 0)
			rc = message_todo(r, now, err);
	}
	return rc < 0 ? rc : 0;
}

#define BACK                                                                   \
	" JOIN message n ON n.folder = o.p_folder AND n.base = o.p_base"       \
	" AND n.hash = o.hash AND n.dead = 0 AND n.p_folder = 0"               \
	" WHERE o.dead AND o.p_folder > 0 AND "

int view_take_back(struct replica *r, struct err *err)
{
	return take_back(r,
		sql(r, err,
			"SELECT o.id, min(n.id) FROM message o"
			" INDEXED BY message_out" BACK
			"o.out <> 0 GROUP BY o.id",
			""),
		err);
}

int folder_take_back(struct replica *r, int64_t folder, struct err *err)
{
	return take_back(r,
		sql(r, err,
			"SELECT o.id, min(n.id) FROM message o" BACK
			"o.p_folder = ? AND NOT EXISTS(SELECT 1 FROM dot"
			"  WHERE message = o.id) GROUP BY o.id",
			"i", folder),
		err);
}
