/*
 * folder_registers: merge one change of the account log.
 */
#include "claim.h"
#include "gaps.h"
#include "registers.h"

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

int folder_uidnext(struct replica *r, int64_t folder, uint32_t next,
	const struct writer *w, struct err *err)
{
	return sql_run(r, err,
		"UPDATE folder SET uidnext = ?1, uidnext_log = ?2,"
		" uidnext_lsn = ?3 WHERE id = ?4 AND uidnext < ?1",
		"iiii", (int64_t)next, w->log, (int64_t)w->by.lsn, folder);
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

int folder_living(struct replica *r, int64_t folder, struct arena *arena,
	int64_t **ret, size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT id FROM message WHERE folder = ? AND dead = 0"
		" ORDER BY id",
		"i", folder);

	return sql_ids(r, st, arena, ret, ret_count, err);
}

/* Take all living messages of a folder out of its digest, or put them in. */
static int retally(struct replica *r, int64_t folder, int sign, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	size_t count = 0;
	int64_t *ids;
	int rc = folder_living(r, folder, &arena, &ids, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = tally_message(r, ids[i], sign, err);
	return rc < 0 ? rc : 0;
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

/* The oldest birth of an id is the one. */
static int set_born(struct replica *r, const struct change *c, int64_t by_log,
	int64_t folder, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT born_stamp, born_log, born_lsn FROM alias"
		" WHERE fid = ?",
		"b", c->folder.b, sizeof(c->folder.b));
	struct write_id known;
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	rc = read_by(r, st, 0, &known, err);
	sqlite3_reset(st);
	if (rc < 0 || (known.lsn && write_id_cmp(&c->by, &known) >= 0))
		return rc;
	rc = sql_run(r, err,
		"UPDATE alias SET born_stamp = ?, born_log = ?, born_lsn = ?"
		" WHERE fid = ?",
		"iiib", (int64_t)c->by.stamp, by_log, (int64_t)c->by.lsn,
		c->folder.b, sizeof(c->folder.b));
	return rc < 0 ? rc : folder_elect(r, folder, err);
}

static int apply_exists(struct replica *r, const struct change *c,
	int64_t by_log, int64_t folder, struct err *err)
{
	int rc = set_born(r, c, by_log, folder, err);

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
	struct writer w = writer_of(c, by_log);
	rc = folder_uidnext(r, folder, c->uidnext, &w, err);
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

int folder_unconfirm(struct replica *r, int64_t folder, struct err *err)
{
	int rc = retally(r, folder, -1, err);

	if (rc >= 0)
		rc = sql_run(r, err,
			"UPDATE message SET uid = 0, uid_stamp = 0,"
			" uid_log = 0, uid_lsn = 0 WHERE folder = ?",
			"i", folder);
	return rc < 0 ? rc : retally(r, folder, 1, err);
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

	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	known = folder_claim(st, 0);
	sqlite3_reset(st);
	if (claim_cmp(&said, &known) <= 0)
		return 1;
	rc = sql_run(r, err,
		"UPDATE folder SET auth_term = ?, auth_site = ?,"
		" auth_stamp = ?, auth_log = ?, auth_lsn = ?,"
		" auth_uidvalidity = ?, auth_uidnext = ? WHERE id = ?",
		"iiiiiiii", (int64_t)said.term, (int64_t)said.site,
		(int64_t)said.stamp, by_log, (int64_t)c->by.lsn,
		(int64_t)said.uidvalidity, (int64_t)said.uidnext, folder);
	if (rc < 0 || !known.term || known.site == said.site)
		return rc;
	/* UIDs and identity are the new authority's to state. */
	rc = sql_run(r, err,
		"UPDATE folder SET uidvalidity = 0, uidnext = 0,"
		" uidnext_log = 0, uidnext_lsn = 0, guid = NULL, extra = '',"
		" identity_stamp = 0, identity_log = 0, identity_lsn = 0"
		" WHERE id = ?",
		"i", folder);
	if (rc < 0)
		return rc;
	return folder_unconfirm(r, folder, err);
}

/* BEGIN and GAP are kept as they are, for whoever is told of them by us. */
static int note_record(struct replica *r, const struct change *c,
	int64_t by_log, struct err *err)
{
	int64_t log = log_row(r, &c->end.log, true, err);

	if (log < 0)
		return (int)log;
	return sql_run(r, err,
		"INSERT OR REPLACE INTO record VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
		"iiiiiiit", by_log, (int64_t)c->by.lsn, (int64_t)c->by.stamp,
		log, (int64_t)c->end.lsn, (int64_t)c->end.chain,
		(int64_t)c->first, c->kind == CHANGE_GAP ? c->reason : NULL);
}

/* Of BEGIN nothing follows: its log is known by being met. */
static int apply_record(struct replica *r, const struct change *c,
	int64_t by_log, struct err *err)
{
	int rc = note_record(r, c, by_log, err);

	if (rc < 0 || c->kind == CHANGE_BEGIN)
		return rc < 0 ? rc : 1;
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

	if (c->kind == CHANGE_BEGIN || c->kind == CHANGE_GAP)
		return apply_record(r, c, by_log, err);
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
