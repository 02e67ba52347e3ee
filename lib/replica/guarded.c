#include "guarded.h"

#include "sql.h"

int guarded_each(struct replica *r, guarded_fn fn, void *arg, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT m.id, m.p_folder, l.folder, d.dead_stamp"
		" FROM message m INDEXED BY message_todo_p"
		" JOIN dot d ON d.message = m.id JOIN log l ON l.id = d.dead_log"
		" WHERE m.todo = 1 AND m.p_folder > 0 AND m.dead"
		" ORDER BY m.id",
		"");
	int rc = st ? 0 : ERR_IO;

	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		struct guarded_message m = {
			.id = sqlite3_column_int64(st, 0),
			.folder = sqlite3_column_int64(st, 1),
			.ms = (int64_t)STAMP_MS(
				(uint64_t)sqlite3_column_int64(st, 3)),
		};

		sql_blob(st, 2, m.log.b, sizeof(m.log.b));
		rc = fn(arg, &m, err);
	}
	if (st)
		sqlite3_reset(st);
	return rc;
}

int guarded_there(
	struct replica *r, int64_t folder, uint64_t *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT count(*) FROM message WHERE p_folder = ?", "i", folder);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc < 0)
		return rc;
	*ret = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

/* ---- what is kept ---- */

#define GUARDED_COLUMNS "SELECT folder, waiting, accepted, done, since_ms"

static struct guarded read_guarded(sqlite3_stmt *st)
{
	return (struct guarded){
		.folder = sqlite3_column_int64(st, 0),
		.waiting = (uint64_t)sqlite3_column_int64(st, 1),
		.accepted = sqlite3_column_int64(st, 2) != 0,
		.done = (uint64_t)sqlite3_column_int64(st, 3),
		.since_ms = sqlite3_column_int64(st, 4),
	};
}

int guarded_get(
	struct replica *r, int64_t folder, struct guarded *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		GUARDED_COLUMNS " FROM guarded WHERE folder = ?", "i", folder);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	*ret = (struct guarded){.folder = folder};
	if (rc > 0) {
		*ret = read_guarded(st);
		sqlite3_reset(st);
	}
	return rc < 0 ? rc : 0;
}

int guarded_set(struct replica *r, const struct guarded *g, struct err *err)
{
	if (!g->waiting && !g->done)
		return sql_run(r, err, "DELETE FROM guarded WHERE folder = ?",
			"i", g->folder);
	return sql_run(r, err,
		"INSERT OR REPLACE INTO guarded(folder, waiting, accepted,"
		" done, since_ms) VALUES(?, ?, ?, ?, ?)",
		"iiiii", g->folder, (int64_t)g->waiting, (int64_t)g->accepted,
		(int64_t)g->done, g->since_ms);
}

int guarded_list(struct replica *r, struct arena *arena, struct guarded **ret,
	size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		GUARDED_COLUMNS
		", (SELECT count(*) FROM guarded) FROM guarded ORDER BY folder",
		"");
	size_t count = 0;
	int rc = st ? 0 : ERR_IO;

	*ret = NULL;
	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		if (!*ret)
			*ret = arena_alloc(
				arena, (size_t)sqlite3_column_int64(st, 5) *
					       sizeof(**ret));
		(*ret)[count++] = read_guarded(st);
	}
	if (st)
		sqlite3_reset(st);
	*ret_count = count;
	return rc;
}
