/*
 * folders: folder rows: read them, and write what is placed.
 */
#include <string.h>

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
	rc = sql_run(r, err, "INSERT INTO alias(fid, folder) VALUES(?, ?)",
		"bi", fid->b, sizeof(fid->b), id);
	return rc < 0 ? rc : id;
}

#define FOLDER_COLUMNS                                                         \
	"SELECT id, fid, path, path_stamp, path_log, path_lsn,"                \
	" dead AND messages = 0, uidvalidity, uidnext, guid, extra,"           \
	" identity_stamp, identity_log, identity_lsn, subscribed,"             \
	" subscribed_stamp, subscribed_log, subscribed_lsn, auth_term,"        \
	" auth_site, auth_stamp, auth_uidvalidity, auth_uidnext, born_stamp,"  \
	" born_log, born_lsn, messages, digest,"                               \
	" p_path, p_ino, p_subscribed, p_uidvalidity, p_uidnext, p_guid,"      \
	" p_extra, cookie, cookie_good, off, stopped, held_mail, guard_ok,"    \
	" guard_count, p_dirs_ns, refused FROM folder "

struct claim folder_claim(sqlite3_stmt *st, int col)
{
	return (struct claim){
		.term = (uint64_t)sqlite3_column_int64(st, col),
		.site = (uint64_t)sqlite3_column_int64(st, col + 1),
		.stamp = (uint64_t)sqlite3_column_int64(st, col + 2),
		.uidvalidity = (uint32_t)sqlite3_column_int64(st, col + 3),
		.uidnext = (uint32_t)sqlite3_column_int64(st, col + 4),
	};
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
	f->authority = folder_claim(st, 18);
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
	f->p_dirs_ns = sqlite3_column_int64(st, 42);
	f->refused = sqlite3_column_int64(st, 43) != 0;
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

int replica_is_home(struct replica *r, const struct id128 *fid, bool unclaimed,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;

	if (id_is_account(fid))
		return 1;
	int rc = replica_folder_by_fid(r, fid, &arena, &f, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return f.authority.term ? f.authority.site == replica_origin(r)
				: unclaimed;
}

int folder_own_id(struct replica *r, const struct id128 *folder,
	struct id128 *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT f.fid FROM alias a JOIN folder f ON f.id = a.folder"
		" WHERE a.fid = ?",
		"b", folder->b, sizeof(folder->b));
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	*ret = *folder;
	if (rc > 0) {
		sql_blob(st, 0, ret->b, sizeof(ret->b));
		sqlite3_reset(st);
	}
	return rc < 0 ? rc : 0;
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
		" guard_ok = ?, guard_count = ?, p_dirs_ns = ? WHERE id = ?",
		"tiiiibtbiitiiii", f->p_path, (int64_t)f->p_ino,
		(int64_t)f->p_subscribed, (int64_t)f->p_uidvalidity,
		(int64_t)f->p_uidnext, f->p_guid.b, sizeof(f->p_guid.b),
		f->p_extra ? f->p_extra : "", f->cookie, sizeof(f->cookie),
		(int64_t)f->cookie_good, (int64_t)f->off,
		f->stopped ? f->stopped : "", (int64_t)f->guard_ok,
		(int64_t)f->guard_count, f->p_dirs_ns, f->id);
}

int replica_subs(struct replica *r, struct arena *arena,
	struct replica_sub **ret, size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT path, subscribed, by_stamp, by_log, by_lsn,"
		" p_subscribed, refused FROM sub ORDER BY path",
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
		s->refused = sqlite3_column_int64(st, 6) != 0;
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
		" AND a.guard_count = 0 AND b.guard_count = 0"
		" AND a.refused = 0 AND b.refused = 0"
		" AND (a.auth_site <> b.auth_site"
		"  OR a.auth_site = 0 OR a.auth_site = ?) LIMIT 1",
		"i", (int64_t)r->origin);
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
