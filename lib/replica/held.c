#include "held.h"

#include <string.h>

#include "view_private.h"

static void read_row(
	sqlite3_stmt *st, struct arena *arena, struct held_body *ret)
{
	bool handed = sqlite3_column_type(st, 6) != SQLITE_NULL;

	*ret = (struct held_body){
		.size = (uint64_t)sqlite3_column_int64(st, 1),
		.mtime = sqlite3_column_int64(st, 2),
		.path = sql_text(st, 3, arena),
		.messages = (uint64_t)sqlite3_column_int64(st, 4),
		.released = sqlite3_column_int64(st, 5) != 0,
		.link = handed ? sql_text(st, 6, arena) : NULL,
		.previewed = sqlite3_column_int64(st, 7) != 0,
	};
	sql_blob(st, 0, ret->hash.b, sizeof(ret->hash.b));
}

/* Was a preview handed over, by whichever link? */
static int is_told(struct replica *r, uint64_t peer, const struct hash *hash,
	bool *ret, struct err *err)
{
	struct hash name = held_preview_name(hash);
	int rc = sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM sent_body WHERE peer = ? AND hash = ?"
			" LIMIT 1",
			"ib", (int64_t)peer, name.b, sizeof(name.b)),
		err);

	*ret = rc > 0;
	return rc < 0 ? rc : 0;
}

int held_list(struct replica *r, uint64_t peer, uint64_t above,
	struct arena *arena, struct held_body **ret, size_t *ret_count,
	struct err *err)
{
	int64_t least = above < INT64_MAX ? (int64_t)above : INT64_MAX;
	/* SQLite gives the other columns of the row that has the min(). */
	sqlite3_stmt *st = sql(r, err,
		"SELECT w.hash, m.size, m.mtime, f.path, count(*),"
		" EXISTS(SELECT 1 FROM released e WHERE e.peer = w.peer"
		" AND e.hash = w.hash),"
		" (SELECT s.link FROM sent_body s WHERE s.peer = w.peer"
		" AND s.hash = w.hash ORDER BY s.sequence DESC LIMIT 1),"
		" w.previewed, min(m.id)"
		" FROM want w JOIN message m ON m.hash = w.hash"
		" JOIN folder f ON f.id = m.folder"
		" WHERE w.peer = ?1 AND m.dead = 0 AND m.p_folder <> 0"
		" AND m.size > ?2 AND m.folder NOT IN (" VIEW_HIDDEN_ROWS ")"
		" GROUP BY w.hash ORDER BY m.mtime, w.hash",
		"ii", (int64_t)peer, least);
	struct held_body *list = NULL;
	size_t count = 0;
	int rc;

	if (!st)
		return ERR_IO;
	while ((rc = sql_step(r, st, err)) > 0) {
		list = arena_room(arena, list, count, sizeof(*list));
		read_row(st, arena, &list[count++]);
	}
	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = is_told(r, peer, &list[i].hash, &list[i].told, err);
	*ret = list;
	*ret_count = count;
	return rc;
}

int held_keep(struct replica *r, uint64_t peer, const struct hash *hash,
	uint64_t offset, struct err *err)
{
	return sql_run(r, err,
		"INSERT INTO want VALUES(?, ?, ?, 1, 0)"
		" ON CONFLICT DO UPDATE SET kept = 1 WHERE kept = 0",
		"ibi", (int64_t)peer, hash->b, sizeof(hash->b),
		(int64_t)offset);
}

int held_gone(struct replica *r, uint64_t peer, const struct hash *hash,
	struct err *err)
{
	return sql_run(r, err, "DELETE FROM want WHERE peer = ? AND hash = ?",
		"ib", (int64_t)peer, hash->b, sizeof(hash->b));
}

int held_release(struct replica *r, uint64_t peer, const struct hash *hash,
	struct err *err)
{
	return sql_run(r, err, "INSERT OR IGNORE INTO released VALUES(?, ?)",
		"ib", (int64_t)peer, hash->b, sizeof(hash->b));
}

int held_is_released(struct replica *r, uint64_t peer, const struct hash *hash,
	struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM released WHERE peer = ? AND hash = ?",
			"ib", (int64_t)peer, hash->b, sizeof(hash->b)),
		err);
}

struct hash held_preview_name(const struct hash *hash)
{
	static const char what[] = "preview";
	struct hash_state st;

	hash_init(&st);
	hash_add(&st, what, sizeof(what));
	hash_add(&st, hash->b, sizeof(hash->b));
	return hash_end(&st);
}

int held_previewed(struct replica *r, uint64_t peer, const struct hash *hash,
	struct err *err)
{
	return sql_run(r, err,
		"INSERT INTO want VALUES(?, ?, 0, 1, 1)"
		" ON CONFLICT DO UPDATE SET previewed = 1",
		"ib", (int64_t)peer, hash->b, sizeof(hash->b));
}

int held_is_previewed(struct replica *r, uint64_t peer, const struct hash *hash,
	struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM want WHERE peer = ? AND hash = ?"
			" AND previewed = 1",
			"ib", (int64_t)peer, hash->b, sizeof(hash->b)),
		err);
}

int held_cancel(struct replica *r, uint64_t peer, struct err *err)
{
	int rc = sql_run(r, err,
		"DELETE FROM want WHERE peer = ?1 AND NOT EXISTS"
		"(SELECT 1 FROM message m WHERE m.hash = want.hash"
		" AND m.dead = 0 AND m.folder NOT IN (" VIEW_HIDDEN_ROWS "))",
		"i", (int64_t)peer);

	if (rc < 0)
		return rc;
	return sql_run(r, err,
		"DELETE FROM released WHERE peer = ?1 AND NOT EXISTS"
		"(SELECT 1 FROM message m WHERE m.hash = released.hash"
		" AND m.dead = 0 AND m.folder NOT IN (" VIEW_HIDDEN_ROWS "))",
		"i", (int64_t)peer);
}
