/*
 * folder_merge: two ids that turn out to be one folder.
 *
 * The set of merges, not their order, says which ids are one folder. Its own
 * id is the one that was born first, of those whose birth was met; its
 * registers keep the greatest writes, its authority is the stronger claim's.
 */
#include <string.h>

#include "claim.h"
#include "registers.h"

/* Is birth a older than b? What was not born yet, as far as we know, is the
   youngest. (create stamp, origin, id) */
static bool born_before(const struct write_id *a, const struct id128 *a_fid,
	const struct write_id *b, const struct id128 *b_fid)
{
	if (!a->lsn != !b->lsn)
		return a->lsn != 0;
	if (a->stamp != b->stamp)
		return a->stamp < b->stamp;
	if (a->log.origin != b->log.origin)
		return a->log.origin < b->log.origin;
	return id_cmp(a_fid, b_fid) < 0;
}

int folder_elect(struct replica *r, int64_t folder, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT fid, born_stamp, born_log, born_lsn FROM alias"
		" WHERE folder = ? ORDER BY fid",
		"i", folder);
	struct write_id best = {0};
	struct id128 best_fid = {{0}};
	int64_t log = 0;
	bool any = false;
	int rc = st ? 0 : ERR_IO;

	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		struct write_id by;
		struct id128 fid;

		sql_blob(st, 0, fid.b, sizeof(fid.b));
		rc = read_by(r, st, 1, &by, err);
		if (rc < 0 ||
			(any && !born_before(&by, &fid, &best, &best_fid)))
			continue;
		any = true;
		best = by;
		best_fid = fid;
		log = sqlite3_column_int64(st, 2);
	}
	if (rc < 0) {
		sqlite3_reset(st);
		return rc;
	}
	return sql_run(r, err,
		"UPDATE folder SET fid = ?, born_stamp = ?, born_log = ?,"
		" born_lsn = ? WHERE id = ?",
		"biiii", best_fid.b, sizeof(best_fid.b), (int64_t)best.stamp,
		log, (int64_t)best.lsn, folder);
}

/* One register of the two: the greater write is that of `win`. */
static int take_greater(struct replica *r, int64_t lose, int64_t win,
	const char *writer, const char *update, struct err *err)
{
	struct write_id by = {0};
	sqlite3_stmt *st = sql(r, err, writer, "i", lose);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	rc = read_by(r, st, 0, &by, err);
	sqlite3_reset(st);
	if (rc >= 0 && (st = sql(r, err, writer, "i", win)) == NULL)
		rc = ERR_IO;
	if (rc < 0 || (rc = sql_step(r, st, err)) <= 0)
		return rc;
	rc = by_newer(r, &by, st, 0, err);
	sqlite3_reset(st);
	return rc <= 0 ? rc : sql_run(r, err, update, "ii", lose, win);
}

static int merge_registers(
	struct replica *r, int64_t lose, int64_t win, struct err *err)
{
	int rc = take_greater(r, lose, win,
		"SELECT path_stamp, path_log, path_lsn FROM folder"
		" WHERE id = ?",
		"UPDATE folder SET (path, path_stamp, path_log, path_lsn) ="
		" (SELECT path, path_stamp, path_log, path_lsn FROM folder"
		" WHERE id = ?) WHERE id = ?",
		err);

	if (rc >= 0)
		rc = take_greater(r, lose, win,
			"SELECT dead_stamp, dead_log, dead_lsn FROM folder"
			" WHERE id = ?",
			"UPDATE folder SET (dead, dead_stamp, dead_log,"
			" dead_lsn) = (SELECT dead, dead_stamp, dead_log,"
			" dead_lsn FROM folder WHERE id = ?) WHERE id = ?",
			err);
	if (rc >= 0)
		rc = take_greater(r, lose, win,
			"SELECT subscribed_stamp, subscribed_log,"
			" subscribed_lsn FROM folder WHERE id = ?",
			"UPDATE folder SET (subscribed, subscribed_stamp,"
			" subscribed_log, subscribed_lsn) = (SELECT"
			" subscribed, subscribed_stamp, subscribed_log,"
			" subscribed_lsn FROM folder WHERE id = ?)"
			" WHERE id = ?",
			err);
	return rc;
}

/* Only the UIDs of the stronger claim stay confirmed. */
static int merge_authority(struct replica *r, const struct replica_folder *l,
	const struct replica_folder *w, struct err *err)
{
	bool by_loser = claim_cmp(&l->authority, &w->authority) > 0;
	int rc = folder_unconfirm(r, by_loser ? w->id : l->id, err);

	if (rc < 0 || !by_loser)
		return rc;
	return sql_run(r, err,
		"UPDATE folder SET (auth_term, auth_site, auth_stamp,"
		" auth_log, auth_lsn, auth_uidvalidity, auth_uidnext,"
		" uidvalidity, uidnext, uidnext_log, uidnext_lsn, guid, extra,"
		" identity_stamp, identity_log, identity_lsn) ="
		" (SELECT auth_term, auth_site, auth_stamp, auth_log,"
		" auth_lsn, auth_uidvalidity, auth_uidnext, uidvalidity,"
		" uidnext, uidnext_log, uidnext_lsn, guid, extra,"
		" identity_stamp, identity_log, identity_lsn FROM folder"
		" WHERE id = ?) WHERE id = ?",
		"ii", l->id, w->id);
}

static int read_sums(struct replica *r, int64_t folder, int64_t *ret_messages,
	unsigned __int128 *ret_digest, struct err *err)
{
	sqlite3_stmt *st =
		sql(r, err, "SELECT messages, digest FROM folder WHERE id = ?",
			"i", folder);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	*ret_messages = sqlite3_column_int64(st, 0);
	sql_blob(st, 1, ret_digest, sizeof(*ret_digest));
	sqlite3_reset(st);
	return 0;
}

/* Digests are sums: the two add up. */
static int merge_sums(struct replica *r, const struct replica_folder *l,
	const struct replica_folder *w, struct err *err)
{
	int64_t of_l = 0, of_w = 0;
	unsigned __int128 sum = 0, part = 0;
	int rc = tally_flush(r, err);

	if (rc < 0 || (rc = read_sums(r, w->id, &of_w, &sum, err)) < 0 ||
		(rc = read_sums(r, l->id, &of_l, &part, err)) < 0)
		return rc;
	sum += part;
	return sql_run(r, err,
		"UPDATE folder SET messages = ?, digest = ?, held_mail = ?"
		" WHERE id = ?",
		"ibii", of_w + of_l, &sum, sizeof(sum),
		(int64_t)(w->held_mail || l->held_mail), w->id);
}

static int merge_rows(
	struct replica *r, int64_t lose, int64_t win, struct err *err)
{
	int rc = sql_run(r, err,
		"UPDATE message SET folder = ? WHERE folder = ?", "ii", win,
		lose);

	if (rc >= 0)
		rc = sql_run(r, err,
			"UPDATE message SET birth_folder = ?"
			" WHERE birth_folder = ?",
			"ii", win, lose);
	if (rc >= 0)
		rc = sql_run(r, err,
			"UPDATE message SET p_folder = ? WHERE p_folder = ?",
			"ii", win, lose);
	if (rc >= 0)
		rc = sql_run(r, err,
			"UPDATE OR REPLACE guarded SET folder = ?"
			" WHERE folder = ?",
			"ii", win, lose);
	/* More is placed there than was when its files were read last. */
	if (rc >= 0)
		rc = sql_run(r, err,
			"UPDATE folder SET cookie_good = 0 WHERE id = ?", "i",
			win);
	if (rc >= 0)
		rc = sql_run(r, err,
			"UPDATE alias SET folder = ? WHERE folder = ?", "ii",
			win, lose);
	if (rc >= 0)
		rc = sql_run(
			r, err, "DELETE FROM folder WHERE id = ?", "i", lose);
	return rc;
}

static int merge_two(
	struct replica *r, int64_t folder, int64_t other, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder a, b;
	int rc = replica_folder_by_row(r, folder, &arena, &a, err);

	if (rc == 0)
		rc = replica_folder_by_row(r, other, &arena, &b, err);
	if (rc != 0)
		return rc;
	bool first = born_before(&a.born_by, &a.fid, &b.born_by, &b.fid);
	const struct replica_folder *w = first ? &a : &b;
	const struct replica_folder *l = first ? &b : &a;

	/* What is placed is kept of whichever lies in the store. */
	if (!w->p_path && l->p_path) {
		struct replica_folder placed = *l;

		placed.id = w->id;
		rc = replica_folder_place(r, &placed, err);
	}
	if (rc < 0 || (rc = merge_registers(r, l->id, w->id, err)) < 0 ||
		(rc = merge_authority(r, l, w, err)) < 0 ||
		(rc = merge_sums(r, l, w, err)) < 0 ||
		(rc = merge_rows(r, l->id, w->id, err)) < 0)
		return rc;
	rc = join_twins(r, w->id, err);
	if (rc >= 0 && (l->refused || w->refused))
		rc = folder_todo(r, w->id, err);
	return rc < 0 ? rc : unpark_folder(r, w->id, err);
}

int apply_merge(struct replica *r, const struct change *c, int64_t by_log,
	int64_t folder, struct err *err)
{
	int64_t other = folder_row_make(r, &c->other, err);
	int rc;

	if (other < 0)
		return (int)other;
	rc = sql_run(r, err,
		"INSERT OR REPLACE INTO merged VALUES(?, ?, ?, ?, ?)", "iiibb",
		by_log, (int64_t)c->by.lsn, (int64_t)c->by.stamp, c->folder.b,
		sizeof(c->folder.b), c->other.b, sizeof(c->other.b));
	if (rc < 0 || other == folder)
		return rc < 0 ? rc : 1;
	return merge_two(r, folder, other, err);
}
