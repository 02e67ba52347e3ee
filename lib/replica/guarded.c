#include "guarded.h"

#include <inttypes.h>

#include "registers.h"
#include "shell.h"

int guarded_each(struct replica *r, guarded_fn fn, void *arg, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT m.id, m.p_folder, l.folder, d.dead_stamp, 0"
		" FROM message m INDEXED BY message_todo_p"
		" JOIN dot d ON d.message = m.id JOIN log l ON l.id = "
		"d.dead_log"
		" WHERE m.todo = 1 AND m.p_folder > 0 AND m.dead"
		" AND m.out = 0 UNION ALL SELECT id, p_folder, NULL, 0, out_ms"
		" FROM message INDEXED BY message_out"
		" WHERE out <> 0 AND todo = 1 AND p_folder > 0 AND dead"
		" UNION ALL SELECT m.id, m.p_folder, l.folder,"
		"  m.place_stamp, 0 FROM message m INDEXED BY message_todo_p"
		" JOIN log l ON l.id = m.place_log"
		" WHERE " MESSAGE_LEAVES " ORDER BY 1",
		"");
	int rc = st ? 0 : ERR_IO;

	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		struct guarded_message m = {
			.id = sqlite3_column_int64(st, 0),
			.folder = sqlite3_column_int64(st, 1),
			.out = sqlite3_column_type(st, 2) == SQLITE_NULL,
		};

		m.ms = m.out ? sqlite3_column_int64(st, 4)
			     : (int64_t)STAMP_MS(
				       (uint64_t)sqlite3_column_int64(st, 3));
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
	int64_t count;
	int rc = sql_numbers(r,
		sql(r, err, "SELECT count(*) FROM message WHERE p_folder = ?",
			"i", folder),
		&count, 1, err);

	*ret = (uint64_t)count;
	return rc < 0 ? rc : 0;
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

/* ---- what waits ---- */

int guarded_waits(struct replica *r, const struct guarded *g,
	struct guarded_waits *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT count(*), out, EXISTS(SELECT 1 FROM view v"
		"  JOIN alias a ON a.fid = v.folder WHERE v.peer = out"
		"  AND v.ours = 0 AND v.hidden AND a.folder = ?1)"
		" FROM message INDEXED BY message_out WHERE out <> 0"
		" AND p_folder = ?1 AND todo = 1 AND dead GROUP BY out"
		" ORDER BY 1 DESC LIMIT 1",
		"i", g->folder);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	*ret = (struct guarded_waits){.expunges = g->waiting};
	if (rc <= 0)
		return rc;
	ret->out = (uint64_t)sqlite3_column_int64(st, 0);
	ret->site = (uint64_t)sqlite3_column_int64(st, 1);
	ret->folder = sqlite3_column_int64(st, 2) != 0;
	sqlite3_reset(st);
	if (ret->out > g->waiting)
		ret->out = g->waiting;
	ret->expunges -= ret->out;
	return 0;
}

void guarded_tell(const struct guarded_waits *w, const char *account,
	const char *path, const char *peer, struct buf *ret)
{
	AUTO_FREE char *account_word = shell_word(account);
	AUTO_FREE char *folder_word = shell_word(path);

	buf_printf(ret, "account %s: ", account);
	if (w->out && w->folder)
		buf_printf(ret,
			"peer %s no longer shows folder %s: %" PRIu64
			" message%s would go",
			peer, path, w->out, w->out == 1 ? "" : "s");
	else if (w->out)
		buf_printf(ret,
			"peer %s no longer shows %" PRIu64
			" message%s of folder %s: %s would go",
			peer, w->out, w->out == 1 ? "" : "s", path,
			w->out == 1 ? "it" : "they");
	else
		buf_printf(ret, "folder %s: ", path);
	if (w->expunges)
		buf_printf(ret, "%s%" PRIu64 " expunges by peers wait",
			w->out ? "; " : "", w->expunges);
	buf_printf(ret,
		", the mail is kept (if %s meant: packetboat guard accept "
		"%s %s)",
		w->out ? "it is" : "they are", account_word, folder_word);
}
