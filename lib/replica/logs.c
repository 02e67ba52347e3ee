/*
 * logs: positions, durable ends, and what was met of other logs.
 */
#include <string.h>

#include "sql.h"

#define MET_KEPT 64 /* positions kept per log to tell repeats by */

#define LOG_COLUMNS                                                            \
	"SELECT id, lsn, chain, file_lsn, size, stated_lsn, stated_ms,"        \
	" applied, given, origin, incarnation, folder FROM log "

static void read_log(sqlite3_stmt *st, struct replica_log *ret)
{
	ret->id = sqlite3_column_int64(st, 0);
	ret->known.lsn = (uint64_t)sqlite3_column_int64(st, 1);
	ret->known.chain = (uint64_t)sqlite3_column_int64(st, 2);
	ret->file_lsn = (uint64_t)sqlite3_column_int64(st, 3);
	ret->size = sqlite3_column_int64(st, 4);
	ret->stated_lsn = (uint64_t)sqlite3_column_int64(st, 5);
	ret->stated_ms = sqlite3_column_int64(st, 6);
	ret->applied = (uint64_t)sqlite3_column_int64(st, 7);
	ret->given = (uint64_t)sqlite3_column_int64(st, 8);
	ret->known.log.origin = (uint64_t)sqlite3_column_int64(st, 9);
	ret->known.log.incarnation = (uint64_t)sqlite3_column_int64(st, 10);
	sql_blob(st, 11, ret->known.log.folder.b,
		sizeof(ret->known.log.folder.b));
}

int replica_log_get(struct replica *r, const struct log_id *id, bool make,
	struct replica_log *ret, struct err *err)
{
	int64_t row = log_row(r, id, make, err);

	if (row < 0)
		return (int)row;
	if (!row) {
		*ret = (struct replica_log){.known.log = *id};
		return 1;
	}
	sqlite3_stmt *st = sql(r, err, LOG_COLUMNS "WHERE id = ?", "i", row);
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc < 0 ? rc
			      : err_set(err, ERR_CORRUPT,
					"%s: log row %lld vanished", r->path,
					(long long)row);
	read_log(st, ret);
	sqlite3_reset(st);
	return 0;
}

int replica_log_set(
	struct replica *r, const struct replica_log *log, struct err *err)
{
	int rc = sql_run(r, err,
		"UPDATE log SET lsn = ?, chain = ?, file_lsn = ?, size = ?,"
		" stated_lsn = ?, stated_ms = ?, applied = ?, given = ?"
		" WHERE id = ?",
		"iiiiiiiii", (int64_t)log->known.lsn, (int64_t)log->known.chain,
		(int64_t)log->file_lsn, log->size, (int64_t)log->stated_lsn,
		log->stated_ms, (int64_t)log->applied, (int64_t)log->given,
		log->id);
	if (rc < 0 || !log->known.chain)
		return rc;
	rc = sql_run(r, err, "INSERT OR REPLACE INTO met VALUES(?, ?, ?)",
		"iii", log->id, (int64_t)log->known.lsn,
		(int64_t)log->known.chain);
	if (rc < 0)
		return rc;
	return sql_run(r, err,
		"DELETE FROM met WHERE log = ?1 AND lsn <= (SELECT lsn"
		" FROM met WHERE log = ?1 ORDER BY lsn DESC LIMIT 1"
		" OFFSET ?2)",
		"ii", log->id, (int64_t)MET_KEPT);
}

int replica_logs(struct replica *r, struct arena *arena,
	struct replica_log **ret, size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st =
		sql(r, err, LOG_COLUMNS "ORDER BY folder, origin, id", "");
	struct replica_log *list = NULL;
	size_t count = 0, cap = 0;
	int rc;

	if (!st)
		return ERR_IO;
	while ((rc = sql_step(r, st, err)) > 0) {
		if (count == cap) {
			struct replica_log *more;

			cap = cap ? 2 * cap : 32;
			more = arena_alloc(arena, cap * sizeof(*more));
			if (count)
				memcpy(more, list, count * sizeof(*more));
			list = more;
		}
		read_log(st, &list[count++]);
	}
	*ret = list;
	*ret_count = count;
	return rc;
}

int replica_log_agrees(struct replica *r, const struct replica_log *log,
	uint64_t lsn, uint64_t chain, struct err *err)
{
	if (!lsn)
		return 1;
	if (!chain)
		return 0;
	sqlite3_stmt *st =
		sql(r, err, "SELECT chain FROM met WHERE log = ? AND lsn = ?",
			"ii", log->id, (int64_t)lsn);
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc;
	uint64_t met = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	if (met == chain)
		return 1;
	return err_set(err, ERR_CONFLICT,
		"log %016llx-%016llx differs at lsn %llu from what was "
		"received before: its site was rolled back or cloned",
		(unsigned long long)log->known.log.origin,
		(unsigned long long)log->known.log.incarnation,
		(unsigned long long)lsn);
}

int replica_log_ended(struct replica *r, const struct replica_log *log,
	uint64_t lsn, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT ifnull(sum(lsn = ?2), 0)"
		" OR count(*) >= ?3 AND ?2 < min(lsn) FROM met WHERE log = ?1",
		"iii", log->id, (int64_t)lsn, (int64_t)MET_KEPT);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc > 0) {
		rc = sqlite3_column_int(st, 0) != 0;
		sqlite3_reset(st);
	}
	return rc;
}
