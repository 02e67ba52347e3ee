#include "sql.h"

#include <stdlib.h>
#include <string.h>

#include "vfs.h"

static sqlite3_stmt *prepared(
	struct replica *r, const char *text, struct err *err)
{
	for (size_t i = 0; i < r->cached_count; i++)
		if (r->cached[i].text == text)
			return r->cached[i].stmt;
	sqlite3_stmt *st;
	if (sqlite3_prepare_v3(r->db, text, -1, SQLITE_PREPARE_PERSISTENT, &st,
		    NULL) != SQLITE_OK) {
		struct err why = ERR_INIT;

		vfs_error(r->db, &why, r->path);
		if (r->in_txn && !r->undone.code)
			r->undone = why;
		if (err)
			*err = why;
		return NULL;
	}
	r->cached =
		mem_grow(r->cached, r->cached_count + 1, sizeof(*r->cached));
	r->cached[r->cached_count++] = (struct sql_cached){text, st};
	return st;
}

/*
 * A change is several statements. When one of them failed, what the others did
 * is half a change, or SQLite has rolled back by itself (disk full, I/O) and
 * what follows would be committed one by one: nothing is done any more in this
 * transaction, until the rollback.
 */
static bool is_undone(struct replica *r, struct err *err)
{
	if (!r->in_txn || !r->undone.code)
		return false;
	if (err)
		*err = r->undone;
	return true;
}

static sqlite3_stmt *bound(struct replica *r, struct err *err, const char *text,
	const char *fmt, va_list ap)
{
	sqlite3_stmt *st = is_undone(r, err) ? NULL : prepared(r, text, err);

	if (!st)
		return NULL;
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	for (int i = 1; *fmt; fmt++, i++) {
		switch (*fmt) {
		case 'i':
			sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
			break;
		case 't':
			sqlite3_bind_text(st, i, va_arg(ap, const char *), -1,
				SQLITE_TRANSIENT);
			break;
		case 'b': {
			const void *data = va_arg(ap, const void *);
			size_t len = va_arg(ap, size_t);

			sqlite3_bind_blob64(st, i, data, len, SQLITE_TRANSIENT);
			break;
		}
		default:
			break;
		}
	}
	return st;
}

sqlite3_stmt *sql(struct replica *r, struct err *err, const char *text,
	const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	sqlite3_stmt *st = bound(r, err, text, fmt, ap);
	va_end(ap);
	return st;
}

int sql_step(struct replica *r, sqlite3_stmt *st, struct err *err)
{
	struct err why = ERR_INIT;
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE) {
		sqlite3_reset(st);
		return 0;
	}
	rc = vfs_error(r->db, &why, r->path);
	sqlite3_reset(st);
	if (r->in_txn && !r->undone.code)
		r->undone = why;
	if (err)
		*err = why;
	return rc;
}

int sql_run(struct replica *r, struct err *err, const char *text,
	const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	sqlite3_stmt *st = bound(r, err, text, fmt, ap);
	va_end(ap);
	if (!st)
		return err ? err->code : ERR_IO;
	int rc;
	do
		rc = sql_step(r, st, err);
	while (rc > 0);
	return rc;
}

int sql_exists(struct replica *r, sqlite3_stmt *st, struct err *err)
{
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc > 0)
		sqlite3_reset(st);
	return rc;
}

int sql_numbers(struct replica *r, sqlite3_stmt *st, int64_t *ret, int count,
	struct err *err)
{
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	for (int i = 0; i < count; i++)
		ret[i] = rc > 0 ? sqlite3_column_int64(st, i) : 0;
	if (rc > 0)
		sqlite3_reset(st);
	return rc;
}

int sql_ids(struct replica *r, sqlite3_stmt *st, struct arena *arena,
	int64_t **ret, size_t *ret_count, struct err *err)
{
	int64_t *list = NULL;
	size_t count = 0;
	int rc;

	if (!st)
		return ERR_IO;
	while ((rc = sql_step(r, st, err)) > 0) {
		list = mem_room(list, count, sizeof(*list));
		list[count++] = sqlite3_column_int64(st, 0);
	}
	*ret = arena_alloc(arena, (count + 1) * sizeof(*list));
	if (count)
		memcpy(*ret, list, count * sizeof(*list));
	*ret_count = count;
	free(list);
	return rc;
}

void sql_close(struct replica *r)
{
	for (size_t i = 0; i < r->cached_count; i++)
		sqlite3_finalize(r->cached[i].stmt);
	free(r->cached);
	r->cached = NULL;
	r->cached_count = 0;
}

const char *sql_text(sqlite3_stmt *st, int col, struct arena *arena)
{
	const char *s = (const char *)sqlite3_column_text(st, col);

	if (!s)
		return NULL;
	return arena_dup(arena, s, (size_t)sqlite3_column_bytes(st, col));
}

void sql_blob(sqlite3_stmt *st, int col, void *to, size_t len)
{
	const void *data = sqlite3_column_blob(st, col);
	size_t have = (size_t)sqlite3_column_bytes(st, col);

	memset(to, 0, len);
	if (data)
		memcpy(to, data, have < len ? have : len);
}

int logs_load(struct replica *r, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT id, origin, incarnation, folder FROM log ORDER BY id",
		"");
	int rc;

	if (!st)
		return ERR_IO;
	r->log_count = 0;
	while ((rc = sql_step(r, st, err)) > 0) {
		r->logs = mem_grow(r->logs, r->log_count + 1, sizeof(*r->logs));
		struct log_row *k = &r->logs[r->log_count++];

		k->id = sqlite3_column_int64(st, 0);
		k->log.origin = (uint64_t)sqlite3_column_int64(st, 1);
		k->log.incarnation = (uint64_t)sqlite3_column_int64(st, 2);
		sql_blob(st, 3, &k->log.folder, sizeof(k->log.folder));
	}
	return rc;
}

int64_t log_row(
	struct replica *r, const struct log_id *id, bool make, struct err *err)
{
	for (size_t i = r->log_count; i-- > 0;)
		if (log_id_cmp(&r->logs[i].log, id) == 0)
			return r->logs[i].id;
	if (!make)
		return 0;
	int rc = sql_run(r, err,
		"INSERT INTO log(origin, incarnation, folder)"
		" VALUES(?, ?, ?)",
		"iib", (int64_t)id->origin, (int64_t)id->incarnation,
		&id->folder, sizeof(id->folder));
	if (rc < 0)
		return rc;
	r->logs = mem_grow(r->logs, r->log_count + 1, sizeof(*r->logs));
	r->logs[r->log_count++] =
		(struct log_row){sqlite3_last_insert_rowid(r->db), *id};
	return r->logs[r->log_count - 1].id;
}

static const struct log_id *log_find(const struct replica *r, int64_t id)
{
	size_t low = 0, high = r->log_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (r->logs[mid].id == id)
			return &r->logs[mid].log;
		if (r->logs[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

int log_of_row(
	struct replica *r, int64_t id, struct log_id *ret, struct err *err)
{
	*ret = (struct log_id){0};
	if (!id)
		return 0;
	const struct log_id *log = log_find(r, id);
	/* Outside a transaction of ours another program may have met it. */
	if (!log && !r->in_txn) {
		int rc = logs_load(r, err);

		if (rc < 0)
			return rc;
		log = log_find(r, id);
	}
	if (!log)
		return err_set(err, ERR_CORRUPT,
			"%s: a register names log row %lld, which is not "
			"there",
			r->path, (long long)id);
	*ret = *log;
	return 0;
}
