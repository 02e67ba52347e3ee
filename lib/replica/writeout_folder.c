/*
 * writeout_folder: what one lsn of an account log wrote of a folder.
 *
 * FOLDER writes three registers (birth, path, that it is not deleted). Where
 * some were overwritten since, it names the path that the folder has now,
 * under its own, older write id.
 */
#include <string.h>

#include "err.h"
#include "writeout.h"

/* First column of the folder that a query names: its id; then its stamp. */
static struct change *add_for(const struct writeout *w, enum change_kind kind,
	uint64_t lsn, sqlite3_stmt *st)
{
	struct change *c = writeout_add(
		w, kind, lsn, (uint64_t)sqlite3_column_int64(st, 1));

	sql_blob(st, 0, c->folder.b, sizeof(c->folder.b));
	return c;
}

static int write_born(const struct writeout *w, const struct written_entry *e,
	struct err *err)
{
	sqlite3_stmt *st = sql(w->r, err,
		"SELECT a.fid, a.born_stamp, f.path FROM alias a JOIN folder f"
		" ON f.id = a.folder WHERE a.born_log = ? AND a.born_lsn = ?"
		" AND a.born_log <> 0",
		"ii", w->row, (int64_t)e->lsn);
	int rc = st ? sql_step(w->r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	struct change *c = add_for(w, CHANGE_FOLDER, e->lsn, st);
	c->path = sql_text(st, 2, &w->batch->arena);
	sqlite3_reset(st);
	return 0;
}

static int write_path(const struct writeout *w, const struct written_entry *e,
	struct err *err)
{
	sqlite3_stmt *st = sql(w->r, err,
		"SELECT fid, path_stamp, path FROM folder WHERE id = ?", "i",
		e->id);
	int rc = st ? sql_step(w->r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	struct change *c = add_for(w, CHANGE_RENAME, e->lsn, st);
	c->path = sql_text(st, 2, &w->batch->arena);
	sqlite3_reset(st);
	return 0;
}

/* Deleted; or made again under the id that it had. */
static int write_dead(const struct writeout *w, const struct written_entry *e,
	struct err *err)
{
	sqlite3_stmt *st = sql(w->r, err,
		"SELECT fid, dead_stamp, path, dead FROM folder WHERE id = ?",
		"i", e->id);
	int rc = st ? sql_step(w->r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	bool dead = sqlite3_column_int64(st, 3) != 0;
	struct change *c =
		add_for(w, dead ? CHANGE_DELETE : CHANGE_FOLDER, e->lsn, st);
	c->path = dead ? "" : sql_text(st, 2, &w->batch->arena);
	sqlite3_reset(st);
	return 0;
}

static int write_subscribed(const struct writeout *w,
	const struct written_entry *e, struct err *err)
{
	sqlite3_stmt *st = sql(w->r, err,
		"SELECT fid, subscribed_stamp, subscribed FROM folder"
		" WHERE id = ?",
		"i", e->id);
	int rc = st ? sql_step(w->r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	struct change *c = add_for(w, CHANGE_SUBSCRIBE, e->lsn, st);
	c->value = sqlite3_column_int64(st, 2) != 0;
	sqlite3_reset(st);
	return 0;
}

static int write_name(const struct writeout *w, const struct written_entry *e,
	struct err *err)
{
	sqlite3_stmt *st = sql(w->r, err,
		"SELECT x'', by_stamp, path, subscribed FROM sub"
		" WHERE by_log = ? AND by_lsn = ?",
		"ii", w->row, (int64_t)e->lsn);
	int rc = st ? sql_step(w->r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	struct change *c = add_for(w, CHANGE_SUBSCRIBE, e->lsn, st);
	c->path = sql_text(st, 2, &w->batch->arena);
	c->value = sqlite3_column_int64(st, 3) != 0;
	sqlite3_reset(st);
	return 0;
}

static int write_identity(const struct writeout *w,
	const struct written_entry *e, struct err *err)
{
	sqlite3_stmt *st = sql(w->r, err,
		"SELECT fid, identity_stamp, uidvalidity, uidnext, guid, extra"
		" FROM folder WHERE id = ?",
		"i", e->id);
	int rc = st ? sql_step(w->r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	struct change *c = add_for(w, CHANGE_IDENTITY, e->lsn, st);
	c->uidvalidity = (uint32_t)sqlite3_column_int64(st, 2);
	/* As it is now: it only grows. */
	c->uidnext = (uint32_t)sqlite3_column_int64(st, 3);
	sql_blob(st, 4, c->guid.b, sizeof(c->guid.b));
	c->extra = sql_text(st, 5, &w->batch->arena);
	sqlite3_reset(st);
	return 0;
}

static int write_authority(const struct writeout *w,
	const struct written_entry *e, struct err *err)
{
	sqlite3_stmt *st = sql(w->r, err,
		"SELECT fid, auth_stamp, auth_term, auth_site,"
		" auth_uidvalidity, auth_uidnext FROM folder WHERE id = ?",
		"i", e->id);
	int rc = st ? sql_step(w->r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	struct change *c = add_for(w, CHANGE_AUTHORITY, e->lsn, st);
	c->term = (uint64_t)sqlite3_column_int64(st, 2);
	c->site = (uint64_t)sqlite3_column_int64(st, 3);
	c->uidvalidity = (uint32_t)sqlite3_column_int64(st, 4);
	c->uidnext = (uint32_t)sqlite3_column_int64(st, 5);
	sqlite3_reset(st);
	return 0;
}

static int write_merged(const struct writeout *w, const struct written_entry *e,
	struct err *err)
{
	sqlite3_stmt *st = sql(w->r, err,
		"SELECT fid, stamp, other FROM merged WHERE log = ?"
		" AND lsn = ?",
		"ii", w->row, (int64_t)e->lsn);
	int rc = st ? sql_step(w->r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	struct change *c = add_for(w, CHANGE_MERGE, e->lsn, st);
	sql_blob(st, 2, c->other.b, sizeof(c->other.b));
	sqlite3_reset(st);
	return 0;
}

int writeout_folder(const struct writeout *w,
	const struct written_entry *entries, size_t count, struct err *err)
{
	static int (*const writers[])(const struct writeout *w,
		const struct written_entry *e, struct err *err) = {
		[WRITTEN_ALIAS] = write_born,
		[WRITTEN_PATH] = write_path,
		[WRITTEN_FOLDER_DEAD] = write_dead,
		[WRITTEN_SUBSCRIBED] = write_subscribed,
		[WRITTEN_IDENTITY] = write_identity,
		[WRITTEN_AUTHORITY] = write_authority,
		[WRITTEN_NAME] = write_name,
		[WRITTEN_MERGED] = write_merged,
	};
	const struct written_entry *e = entries;

	/* A birth tells its path; that it is alive again, does, too. */
	for (size_t i = 1; i < count && e->what != WRITTEN_ALIAS; i++)
		if (entries[i].what == WRITTEN_FOLDER_DEAD)
			e = &entries[i];
	return writers[e->what](w, e, err);
}
