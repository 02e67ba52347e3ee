/*
 * folders: merge changes of the account log; read and write folder rows.
 */
#include <string.h>

#include "gaps.h"
#include "registers.h"

int64_t folder_row(struct replica *r, const struct id128 *fid, struct err *err)
{
	sqlite3_stmt *st = sql(r, err, "SELECT folder FROM alias WHERE fid = ?",
		"b", fid->b, sizeof(fid->b));
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc;
	int64_t id = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return id;
}

int64_t folder_row_make(
	struct replica *r, const struct id128 *fid, struct err *err)
{
	int64_t id = folder_row(r, fid, err);

	if (id != 0)
		return id;
	int rc = sql_run(r, err, "INSERT INTO folder(fid) VALUES(?)", "b",
		fid->b, sizeof(fid->b));
	if (rc < 0)
		return rc;
	id = sqlite3_last_insert_rowid(r->db);
	rc = sql_run(r, err, "INSERT INTO alias VALUES(?, ?)", "bi", fid->b,
		sizeof(fid->b), id);
	return rc < 0 ? rc : id;
}

int folder_authority_ok(
	struct replica *r, int64_t folder, uint64_t site, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT auth_term, auth_site FROM folder WHERE id = ?", "i",
		folder);
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc;
	bool ok = !sqlite3_column_int64(st, 0) ||
		  (uint64_t)sqlite3_column_int64(st, 1) == site;
	sqlite3_reset(st);
	return ok;
}

int folder_uidnext(
	struct replica *r, int64_t folder, uint32_t next, struct err *err)
{
	return sql_run(r, err,
		"UPDATE folder SET uidnext = max(uidnext, ?) WHERE id = ?",
		"ii", (int64_t)next, folder);
}

/* Are by and the three columns named in order's text in this relation? */
static int newer_than(struct replica *r, const struct change *c,
	const char *query, int64_t id, struct err *err)
{
	sqlite3_stmt *st = sql(r, err, query, "i", id);

	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc;
	rc = by_newer(r, &c->by, st, 0, err);
	sqlite3_reset(st);
	return rc;
}

/* Take all living messages of a folder out of its digest, or put them in. */
static int retally(struct replica *r, int64_t folder, int sign, struct err *err)
{
	int64_t last = 0;

	for (;;) {
		sqlite3_stmt *st = sql(r, err,
			"SELECT min(id) FROM message WHERE folder = ?"
			" AND id > ? AND dead = 0",
			"ii", folder, last);
		if (!st)
			return ERR_IO;
		int rc = sql_step(r, st, err);
		if (rc <= 0)
			return rc;
		last = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
		if (!last)
			return 0;
		rc = tally_message(r, last, sign, err);
		if (rc < 0)
			return rc;
	}
}

static int set_path(struct replica *r, const struct change *c, int64_t by_log,
	int64_t folder, struct err *err)
{
	int rc = newer_than(r, c,
		"SELECT path_stamp, path_log, path_lsn FROM folder"
		" WHERE id = ?",
		folder, err);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	return sql_run(r, err,
		"UPDATE folder SET path = ?, path_stamp = ?, path_log = ?,"
		" path_lsn = ? WHERE id = ?",
		"tiiii", c->path, (int64_t)c->by.stamp, by_log,
		(int64_t)c->by.lsn, folder);
}

static int set_dead(struct replica *r, const struct change *c, int64_t by_log,
	int64_t folder, bool dead, struct err *err)
{
	int rc = newer_than(r, c,
		"SELECT dead_stamp, dead_log, dead_lsn FROM folder"
		" WHERE id = ?",
		folder, err);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	return sql_run(r, err,
		"UPDATE folder SET dead = ?, dead_stamp = ?, dead_log = ?,"
		" dead_lsn = ? WHERE id = ?",
		"iiiii", (int64_t)dead, (int64_t)c->by.stamp, by_log,
		(int64_t)c->by.lsn, folder);
}

static int apply_exists(struct replica *r, const struct change *c,
	int64_t by_log, int64_t folder, struct err *err)
{
	int rc = sql_run(r, err,
		"UPDATE folder SET born_stamp = ?1, born_log = ?2,"
		" born_lsn = ?3 WHERE id = ?4"
		" AND (born_log = 0 OR born_stamp > ?1)",
		"iiii", (int64_t)c->by.stamp, by_log, (int64_t)c->by.lsn,
		folder);
	if (rc >= 0)
		rc = set_path(r, c, by_log, folder, err);
	if (rc < 0)
		return rc;
	int alive = set_dead(r, c, by_log, folder, false, err);
	return alive < 0 ? alive : rc && alive;
}

static int apply_rename(struct replica *r, const struct change *c,
	int64_t by_log, int64_t folder, struct err *err)
{
	return set_path(r, c, by_log, folder, err);
}

static int apply_delete(struct replica *r, const struct change *c,
	int64_t by_log, int64_t folder, struct err *err)
{
	return set_dead(r, c, by_log, folder, true, err);
}

static int apply_sub_by_name(struct replica *r, const struct change *c,
	int64_t by_log, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT by_stamp, by_log, by_lsn FROM sub WHERE path = ?", "t",
		c->path);
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc < 0)
		return rc;
	if (rc > 0) {
		rc = by_newer(r, &c->by, st, 0, err);
		sqlite3_reset(st);
		if (rc <= 0)
			return rc < 0 ? rc : 1;
	}
	return sql_run(r, err,
		"INSERT INTO sub(path, subscribed, by_stamp, by_log, by_lsn)"
		" VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(path) DO UPDATE SET"
		" subscribed = ?2, by_stamp = ?3, by_log = ?4, by_lsn = ?5",
		"tiiii", c->path, (int64_t)c->value, (int64_t)c->by.stamp,
		by_log, (int64_t)c->by.lsn);
}

static int apply_subscribe(struct replica *r, const struct change *c,
	int64_t by_log, int64_t folder, struct err *err)
{
	int rc = newer_than(r, c,
		"SELECT subscribed_stamp, subscribed_log, subscribed_lsn"
		" FROM folder WHERE id = ?",
		folder, err);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	return sql_run(r, err,
		"UPDATE folder SET subscribed = ?, subscribed_stamp = ?,"
		" subscribed_log = ?, subscribed_lsn = ? WHERE id = ?",
		"iiiii", (int64_t)c->value, (int64_t)c->by.stamp, by_log,
		(int64_t)c->by.lsn, folder);
}

static int apply_identity(struct replica *r, const struct change *c,
	int64_t by_log, int64_t folder, struct err *err)
{
	int rc = folder_authority_ok(r, folder, c->by.log.origin, err);

	if (rc <= 0)
		return rc < 0 ? rc : 1;
	rc = folder_uidnext(r, folder, c->uidnext, err);
	if (rc < 0)
		return rc;
	rc = newer_than(r, c,
		"SELECT identity_stamp, identity_log, identity_lsn"
		" FROM folder WHERE id = ?",
		folder, err);
	if (rc <= 0)
		return rc;
	return sql_run(r, err,
		"UPDATE folder SET uidvalidity = ?, guid = ?, extra = ?,"
		" identity_stamp = ?, identity_log = ?, identity_lsn = ?"
		" WHERE id = ?",
		"ibtiiii", (int64_t)c->uidvalidity, c->guid.b,
		sizeof(c->guid.b), c->extra, (int64_t)c->by.stamp, by_log,
		(int64_t)c->by.lsn, folder);
}

/* The UIDs of a folder's messages are no longer confirmed. */
static int unconfirm(struct replica *r, int64_t folder, struct err *err)
{
	int rc = retally(r, folder, -1, err);

	if (rc >= 0)
		rc = sql_run(r, err,
			"UPDATE message SET uid = 0, uid_stamp = 0,"
			" uid_log = 0, uid_lsn = 0 WHERE folder = ?",
			"i", folder);
	return rc < 0 ? rc : retally(r, folder, 1, err);
}

static struct claim read_claim(sqlite3_stmt *st, int col)
{
	return (struct claim){
		.term = (uint64_t)sqlite3_column_int64(st, col),
		.site = (uint64_t)sqlite3_column_int64(st, col + 1),
		.stamp = (uint64_t)sqlite3_column_int64(st, col + 2),
		.uidvalidity = (uint32_t)sqlite3_column_int64(st, col + 3),
		.uidnext = (uint32_t)sqlite3_column_int64(st, col + 4),
	};
}

/* With a new authority, what the old one said of UIDs is void. */
static int apply_authority(struct replica *r, const struct change *c,
	int64_t by_log, int64_t folder, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT auth_term, auth_site, auth_stamp, auth_uidvalidity,"
		" auth_uidnext FROM folder WHERE id = ?",
		"i", folder);
	struct claim said = claim_said(c), known;

	(void)by_log;
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	known = read_claim(st, 0);
	sqlite3_reset(st);
	if (claim_cmp(&said, &known) <= 0)
		return 1;
	rc = sql_run(r, err,
		"UPDATE folder SET auth_term = ?, auth_site = ?,"
		" auth_stamp = ?, auth_uidvalidity = ?, auth_uidnext = ?"
		" WHERE id = ?",
		"iiiiii", (int64_t)said.term, (int64_t)said.site,
		(int64_t)said.stamp, (int64_t)said.uidvalidity,
		(int64_t)said.uidnext, folder);
	if (rc < 0 || !known.term || known.site == said.site)
		return rc;
	/* UIDs and identity are the new authority's to state. */
	rc = sql_run(r, err,
		"UPDATE folder SET uidvalidity = 0, uidnext = 0, guid = NULL,"
		" identity_stamp = 0, identity_log = 0, identity_lsn = 0"
		" WHERE id = ?",
		"i", folder);
	if (rc < 0)
		return rc;
	return unconfirm(r, folder, err);
}

/*
 * Messages that were born as the same base name and content at two sites, in
 * what turns out to be one folder, are one (both were seeded from one
 * backup). The one that lies in the store takes the other's dots, and the
 * authority's UID.
 */
static int join_twins(struct replica *r, int64_t folder, struct err *err)
{
	for (;;) {
		sqlite3_stmt *st = sql(r, err,
			"SELECT a.id, b.id FROM message a JOIN message b"
			" ON b.hash = a.hash AND b.birth_base = a.birth_base"
			" AND b.id <> a.id WHERE a.birth_folder = ?1"
			" AND b.birth_folder = ?1 AND a.dead = 0"
			" AND b.dead = 0 AND a.p_folder = 0"
			" AND NOT EXISTS(SELECT 1 FROM dot d JOIN log l"
			"  ON l.id = d.log JOIN dot e JOIN log k"
			"  ON k.id = e.log WHERE d.message = a.id"
			"  AND e.message = b.id AND l.origin = k.origin"
			"  AND l.incarnation = k.incarnation)"
			" ORDER BY b.p_folder = 0, a.id LIMIT 1",
			"i", folder);
		if (!st)
			return ERR_IO;
		int rc = sql_step(r, st, err);
		if (rc <= 0)
			return rc;
		int64_t x = sqlite3_column_int64(st, 0);
		int64_t y = sqlite3_column_int64(st, 1);
		sqlite3_reset(st);
		if ((rc = tally_message(r, y, -1, err)) < 0 ||
			(rc = sql_run(r, err,
				 "UPDATE message SET (uid, uid_stamp, uid_log,"
				 " uid_lsn) = (SELECT uid, uid_stamp, uid_log,"
				 " uid_lsn FROM message WHERE id = ?1)"
				 " WHERE id = ?2 AND uid = 0",
				 "ii", x, y)) < 0 ||
			(rc = message_join(r, x, y, err)) < 0 ||
			(rc = tally_message(r, y, 1, err)) < 0 ||
			(rc = message_todo(r, y, err)) < 0)
			return rc;
	}
}

/*
 * Two ids are one folder: the older (create stamp, origin, id) is it. What
 * is placed of the two is kept by whichever lies in the store.
 */
static int apply_merge(struct replica *r, const struct change *c,
	int64_t by_log, int64_t folder, struct err *err)
{
	int64_t other = folder_row_make(r, &c->other, err);

	(void)by_log;
	if (other < 0 || other == folder)
		return other < 0 ? (int)other : 1;
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder a, b;
	int rc = replica_folder_by_row(r, folder, &arena, &a, err);
	if (rc == 0)
		rc = replica_folder_by_row(r, other, &arena, &b, err);
	if (rc != 0)
		return rc;
	int order =
		a.born_by.stamp != b.born_by.stamp
			? (a.born_by.stamp < b.born_by.stamp ? -1 : 1)
		: a.born_by.log.origin != b.born_by.log.origin
			? (a.born_by.log.origin < b.born_by.log.origin ? -1 : 1)
			: id_cmp(&a.fid, &b.fid);
	int64_t win = order <= 0 ? folder : other;
	int64_t lose = order <= 0 ? other : folder;
	const struct replica_folder *w = order <= 0 ? &a : &b;
	const struct replica_folder *l = order <= 0 ? &b : &a;

	if (!w->p_path && l->p_path) {
		struct replica_folder placed = *l;

		placed.id = win;
		rc = replica_folder_place(r, &placed, err);
	}
	/* Registers: the greater write; authority: the stronger claim. */
	if (rc >= 0 && write_id_cmp(&l->path_by, &w->path_by) > 0)
		rc = sql_run(r, err,
			"UPDATE folder SET (path, path_stamp, path_log,"
			" path_lsn) = (SELECT path, path_stamp, path_log,"
			" path_lsn FROM folder WHERE id = ?) WHERE id = ?",
			"ii", lose, win);
	if (rc >= 0 && write_id_cmp(&l->subscribed_by, &w->subscribed_by) > 0)
		rc = sql_run(r, err,
			"UPDATE folder SET (subscribed, subscribed_stamp,"
			" subscribed_log, subscribed_lsn) = (SELECT subscribed,"
			" subscribed_stamp, subscribed_log, subscribed_lsn"
			" FROM folder WHERE id = ?) WHERE id = ?",
			"ii", lose, win);
	bool by_loser = claim_cmp(&l->authority, &w->authority) > 0;
	/* Only the authority's UIDs stay confirmed. */
	if (rc >= 0)
		rc = unconfirm(r, by_loser ? win : lose, err);
	if (rc >= 0 && by_loser)
		rc = sql_run(r, err,
			"UPDATE folder SET (auth_term, auth_site, auth_stamp,"
			" auth_uidvalidity, auth_uidnext, uidvalidity,"
			" uidnext, guid, extra, identity_stamp, identity_log,"
			" identity_lsn) = (SELECT auth_term, auth_site,"
			" auth_stamp, auth_uidvalidity, auth_uidnext,"
			" uidvalidity, uidnext, guid, extra, identity_stamp,"
			" identity_log, identity_lsn FROM folder WHERE id = ?)"
			" WHERE id = ?",
			"ii", lose, win);
	if (rc < 0)
		return rc;
	/* Digests are sums: the two add up. */
	if ((rc = tally_flush(r, err)) < 0)
		return rc;
	unsigned __int128 sum = 0, part;
	memcpy(&sum, w->digest, sizeof(sum));
	memcpy(&part, l->digest, sizeof(part));
	sum += part;
	if ((rc = sql_run(r, err,
		     "UPDATE folder SET messages = ?, digest = ?,"
		     " held_mail = ? WHERE id = ?",
		     "ibii", (int64_t)(w->messages + l->messages), &sum,
		     sizeof(sum), (int64_t)(w->held_mail || l->held_mail),
		     win)) < 0 ||
		(rc = sql_run(r, err,
			 "UPDATE message SET folder = ?1,"
			 " birth_folder = iif(birth_folder = ?2, ?1,"
			 " birth_folder) WHERE folder = ?2",
			 "ii", win, lose)) < 0 ||
		(rc = sql_run(r, err,
			 "UPDATE message SET p_folder = ? WHERE p_folder = ?",
			 "ii", win, lose)) < 0 ||
		(rc = sql_run(r, err,
			 "UPDATE alias SET folder = ? WHERE folder = ?", "ii",
			 win, lose)) < 0)
		return rc;
	rc = sql_run(r, err, "DELETE FROM folder WHERE id = ?", "i", lose);
	return rc < 0 ? rc : join_twins(r, win, err);
}

static int apply_gap(struct replica *r, const struct change *c, int64_t by_log,
	struct err *err)
{
	(void)by_log;
	return gap_lost(r, &c->end.log, c->first, c->end.lsn, c->reason,
		(int64_t)STAMP_MS(c->by.stamp), err);
}

int apply_folder_change(struct replica *r, const struct change *c,
	int64_t by_log, struct err *err)
{
	static const struct {
		enum change_kind kind;
		int (*apply)(struct replica *r, const struct change *c,
			int64_t by_log, int64_t folder, struct err *err);
	} kinds[] = {
		{CHANGE_FOLDER, apply_exists},
		{CHANGE_RENAME, apply_rename},
		{CHANGE_DELETE, apply_delete},
		{CHANGE_SUBSCRIBE, apply_subscribe},
		{CHANGE_IDENTITY, apply_identity},
		{CHANGE_AUTHORITY, apply_authority},
		{CHANGE_MERGE, apply_merge},
	};

	if (c->kind == CHANGE_BEGIN)
		return 1; /* its log is known by being met */
	if (c->kind == CHANGE_GAP)
		return apply_gap(r, c, by_log, err);
	if (c->kind == CHANGE_SUBSCRIBE && id_is_account(&c->folder))
		return apply_sub_by_name(r, c, by_log, err);
	int64_t folder = folder_row_make(r, &c->folder, err);
	if (folder < 0)
		return (int)folder;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].kind == c->kind)
			return kinds[i].apply(r, c, by_log, folder, err);
	return err_set(err, ERR_CORRUPT, "%s: change of unknown kind %d",
		r->path, (int)c->kind);
}

/* ---- rows ---- */

#define FOLDER_COLUMNS                                                         \
	"SELECT id, fid, path, path_stamp, path_log, path_lsn,"                \
	" dead AND messages = 0, uidvalidity, uidnext, guid, extra,"           \
	" identity_stamp, identity_log, identity_lsn, subscribed,"             \
	" subscribed_stamp, subscribed_log, subscribed_lsn, auth_term,"        \
	" auth_site, auth_stamp, auth_uidvalidity, auth_uidnext, born_stamp,"  \
	" born_log, born_lsn, messages, digest,"                               \
	" p_path, p_ino, p_subscribed, p_uidvalidity, p_uidnext, p_guid,"      \
	" p_extra, cookie, cookie_good, off, stopped, held_mail, guard_ok,"    \
	" guard_count FROM folder "

static int read_by(struct replica *r, sqlite3_stmt *st, int col,
	struct write_id *ret, struct err *err)
{
	ret->stamp = (uint64_t)sqlite3_column_int64(st, col);
	ret->lsn = (uint64_t)sqlite3_column_int64(st, col + 2);
	return log_of_row(r, sqlite3_column_int64(st, col + 1), &ret->log, err);
}

static int read_folder(struct replica *r, sqlite3_stmt *st, struct arena *arena,
	struct replica_folder *f, struct err *err)
{
	int rc;

	memset(f, 0, sizeof(*f));
	f->id = sqlite3_column_int64(st, 0);
	sql_blob(st, 1, f->fid.b, sizeof(f->fid.b));
	f->path = sql_text(st, 2, arena);
	f->dead = sqlite3_column_int64(st, 6) != 0;
	f->uidvalidity = (uint32_t)sqlite3_column_int64(st, 7);
	f->uidnext = (uint32_t)sqlite3_column_int64(st, 8);
	sql_blob(st, 9, f->guid.b, sizeof(f->guid.b));
	f->extra = sql_text(st, 10, arena);
	f->subscribed = sqlite3_column_int64(st, 14) != 0;
	f->authority = read_claim(st, 18);
	f->messages = (uint64_t)sqlite3_column_int64(st, 26);
	sql_blob(st, 27, f->digest, sizeof(f->digest));
	f->p_path = sql_text(st, 28, arena);
	f->p_ino = (uint64_t)sqlite3_column_int64(st, 29);
	f->p_subscribed = sqlite3_column_int64(st, 30) != 0;
	f->p_uidvalidity = (uint32_t)sqlite3_column_int64(st, 31);
	f->p_uidnext = (uint32_t)sqlite3_column_int64(st, 32);
	sql_blob(st, 33, f->p_guid.b, sizeof(f->p_guid.b));
	f->p_extra = sql_text(st, 34, arena);
	sql_blob(st, 35, f->cookie, sizeof(f->cookie));
	f->cookie_good = sqlite3_column_int64(st, 36) != 0;
	f->off = sqlite3_column_int64(st, 37) != 0;
	f->stopped = sql_text(st, 38, arena);
	f->held_mail = sqlite3_column_int64(st, 39) != 0;
	f->guard_ok = sqlite3_column_int64(st, 40) != 0;
	f->guard_count = (uint64_t)sqlite3_column_int64(st, 41);
	if ((rc = read_by(r, st, 3, &f->path_by, err)) < 0 ||
		(rc = read_by(r, st, 11, &f->identity_by, err)) < 0 ||
		(rc = read_by(r, st, 15, &f->subscribed_by, err)) < 0 ||
		(rc = read_by(r, st, 23, &f->born_by, err)) < 0)
		return rc;
	return 0;
}

static int one_folder(struct replica *r, sqlite3_stmt *st, struct arena *arena,
	struct replica_folder *ret, struct err *err)
{
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	rc = read_folder(r, st, arena, ret, err);
	sqlite3_reset(st);
	return rc;
}

int replica_folders(struct replica *r, struct arena *arena,
	struct replica_folder **ret, size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err, FOLDER_COLUMNS "ORDER BY path, id", "");
	struct replica_folder *list = NULL;
	size_t count = 0, cap = 0;
	int rc;

	if (!st)
		return ERR_IO;
	while ((rc = sql_step(r, st, err)) > 0) {
		if (count == cap) {
			struct replica_folder *more;

			cap = cap ? 2 * cap : 32;
			more = arena_alloc(arena, cap * sizeof(*more));
			if (count)
				memcpy(more, list, count * sizeof(*more));
			list = more;
		}
		rc = read_folder(r, st, arena, &list[count++], err);
		if (rc < 0) {
			sqlite3_reset(st);
			return rc;
		}
	}
	*ret = list;
	*ret_count = count;
	return rc;
}

int replica_folder_by_fid(struct replica *r, const struct id128 *fid,
	struct arena *arena, struct replica_folder *ret, struct err *err)
{
	return one_folder(r,
		sql(r, err,
			FOLDER_COLUMNS
			"WHERE id = (SELECT folder FROM alias WHERE fid = ?)",
			"b", fid->b, sizeof(fid->b)),
		arena, ret, err);
}

int replica_folder_by_row(struct replica *r, int64_t id, struct arena *arena,
	struct replica_folder *ret, struct err *err)
{
	return one_folder(r,
		sql(r, err, FOLDER_COLUMNS "WHERE id = ?", "i", id), arena, ret,
		err);
}

int replica_folder_by_path(struct replica *r, const char *path,
	struct arena *arena, struct replica_folder *ret, struct err *err)
{
	return one_folder(r,
		sql(r, err,
			FOLDER_COLUMNS
			"WHERE path = ? AND NOT (dead AND messages = 0)"
			" ORDER BY id LIMIT 1",
			"t", path),
		arena, ret, err);
}

int replica_folder_place(
	struct replica *r, const struct replica_folder *f, struct err *err)
{
	return sql_run(r, err,
		"UPDATE folder SET p_path = ?, p_ino = ?, p_subscribed = ?,"
		" p_uidvalidity = ?, p_uidnext = ?, p_guid = ?, p_extra = ?,"
		" cookie = ?, cookie_good = ?, off = ?, stopped = ?,"
		" guard_ok = ?, guard_count = ? WHERE id = ?",
		"tiiiibtbiitiii", f->p_path, (int64_t)f->p_ino,
		(int64_t)f->p_subscribed, (int64_t)f->p_uidvalidity,
		(int64_t)f->p_uidnext, f->p_guid.b, sizeof(f->p_guid.b),
		f->p_extra ? f->p_extra : "", f->cookie, sizeof(f->cookie),
		(int64_t)f->cookie_good, (int64_t)f->off,
		f->stopped ? f->stopped : "", (int64_t)f->guard_ok,
		(int64_t)f->guard_count, f->id);
}

int replica_subs(struct replica *r, struct arena *arena,
	struct replica_sub **ret, size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT path, subscribed, by_stamp, by_log, by_lsn,"
		" p_subscribed FROM sub ORDER BY path",
		"");
	struct replica_sub *list = NULL;
	size_t count = 0, cap = 0;
	int rc;

	if (!st)
		return ERR_IO;
	while ((rc = sql_step(r, st, err)) > 0) {
		if (count == cap) {
			struct replica_sub *more;

			cap = cap ? 2 * cap : 16;
			more = arena_alloc(arena, cap * sizeof(*more));
			if (count)
				memcpy(more, list, count * sizeof(*more));
			list = more;
		}
		struct replica_sub *s = &list[count++];
		s->path = sql_text(st, 0, arena);
		s->subscribed = sqlite3_column_int64(st, 1) != 0;
		s->p_subscribed = sqlite3_column_int64(st, 5) != 0;
		rc = read_by(r, st, 2, &s->by, err);
		if (rc < 0) {
			sqlite3_reset(st);
			return rc;
		}
	}
	*ret = list;
	*ret_count = count;
	return rc;
}

int replica_sub_place(
	struct replica *r, const char *path, bool subscribed, struct err *err)
{
	return sql_run(r, err, "UPDATE sub SET p_subscribed = ? WHERE path = ?",
		"it", (int64_t)subscribed, path);
}

int replica_folder_sums(struct replica *r, const struct id128 *fid,
	uint64_t *ret_messages, uint32_t *ret_uidnext, uint8_t ret_digest[16],
	struct err *err)
{
	int rc = tally_flush(r, err);

	*ret_messages = 0;
	*ret_uidnext = 0;
	memset(ret_digest, 0, 16);
	if (rc < 0 || id_is_account(fid))
		return rc;
	sqlite3_stmt *st = sql(r, err,
		"SELECT messages, uidnext, digest FROM folder"
		" WHERE id = (SELECT folder FROM alias WHERE fid = ?)",
		"b", fid->b, sizeof(fid->b));
	if (!st)
		return ERR_IO;
	rc = sql_step(r, st, err);
	if (rc > 0) {
		*ret_messages = (uint64_t)sqlite3_column_int64(st, 0);
		*ret_uidnext = (uint32_t)sqlite3_column_int64(st, 1);
		sql_blob(st, 2, ret_digest, 16);
		sqlite3_reset(st);
	}
	return rc < 0 ? rc : 0;
}

int replica_same_name(
	struct replica *r, int64_t *ret_a, int64_t *ret_b, struct err *err)
{
	int rc = tally_flush(r, err); /* which folders are empty */

	if (rc < 0)
		return rc;
	sqlite3_stmt *st = sql(r, err,
		"SELECT a.id, b.id FROM folder a JOIN folder b"
		" ON a.path = b.path AND a.id < b.id WHERE a.path <> ''"
		" AND NOT (a.dead AND a.messages = 0)"
		" AND NOT (b.dead AND b.messages = 0)"
		" AND a.guard_count = 0 AND b.guard_count = 0 LIMIT 1",
		"");
	if (!st)
		return ERR_IO;
	rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	*ret_a = sqlite3_column_int64(st, 0);
	*ret_b = sqlite3_column_int64(st, 1);
	sqlite3_reset(st);
	return 0;
}
