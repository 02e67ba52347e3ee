#include "report.h"

#include <string.h>

#include "sql.h"

/* The columns of a query with one row, as numbers. */
static int numbers(struct replica *r, const char *text, int64_t *ret, int count,
	struct err *err)
{
	int rc = sql_numbers(r, sql(r, err, text, ""), ret, count, err);

	return rc < 0 ? rc : 0;
}

int report_counts(struct replica *r, struct report_counts *ret, struct err *err)
{
	int64_t folders[2], messages[1], awaited[3], rest[5];
	int rc = numbers(r,
		"SELECT count(*), ifnull(sum(messages), 0) FROM folder"
		" WHERE dead = 0 AND path <> ''",
		folders, 2, err);

	if (rc == 0)
		rc = numbers(r,
			"SELECT ifnull(sum(size), 0) FROM message"
			" WHERE dead = 0",
			messages, 1, err);
	if (rc == 0)
		rc = numbers(r,
			"SELECT count(*), ifnull(sum(size), 0),"
			" ifnull(min(nullif(waits_ms, 0)), 0) FROM message"
			" WHERE p_folder = 0 AND dead = 0 AND todo <> 4",
			awaited, 3, err);
	if (rc == 0)
		rc = numbers(r,
			"SELECT (SELECT count(*) FROM message WHERE todo = 2),"
			" (SELECT count(*) FROM message WHERE todo = 1),"
			" (SELECT count(*) FROM message WHERE p_folder <> 0"
			"  AND dead = 0 AND uid <> 0 AND p_uid <> 0"
			"  AND p_uid <> uid),"
			" (SELECT count(*) FROM parked),"
			" (SELECT count(DISTINCT l.message) FROM late l"
			"  JOIN message m ON m.id = l.message"
			"  WHERE m.uid = l.uid AND m.dead = 0)",
			rest, 5, err);
	if (rc < 0)
		return rc;
	*ret = (struct report_counts){
		.folders = (uint64_t)folders[0],
		.messages = (uint64_t)folders[1],
		.bytes = (uint64_t)messages[0],
		.awaited = (uint64_t)awaited[0],
		.awaited_bytes = (uint64_t)awaited[1],
		.awaited_ms = awaited[2],
		.unplaced = (uint64_t)rest[0],
		.todo = (uint64_t)rest[1],
		.late = (uint64_t)rest[2],
		.parked = (uint64_t)rest[3],
		.late_there = (uint64_t)rest[4],
	};
	return 0;
}

int report_born_above(struct replica *r, int64_t log, uint64_t lsn,
	uint64_t *ret_count, uint64_t *ret_bytes, struct err *err)
{
	int64_t born[2];
	int rc = sql_numbers(r,
		sql(r, err,
			"SELECT count(*), ifnull(sum(m.size), 0) FROM dot d"
			" JOIN message m ON m.id = d.message"
			" WHERE d.log = ? AND d.lsn > ? AND m.dead = 0",
			"ii", log, (int64_t)lsn),
		born, 2, err);

	if (rc < 0)
		return rc;
	*ret_count = (uint64_t)born[0];
	*ret_bytes = (uint64_t)born[1];
	return 0;
}

int report_wanted(struct replica *r, uint64_t peer, uint64_t most,
	uint64_t *ret_bytes, struct err *err)
{
	int64_t bytes;
	int rc = sql_numbers(r,
		sql(r, err,
			"SELECT ifnull(sum(max(size - at, 0)), 0) FROM"
			" (SELECT w.at AS at, max(m.size) AS size FROM want w"
			"  JOIN message m ON m.hash = w.hash"
			"  WHERE w.peer = ?1 AND m.dead = 0"
			"  AND m.p_folder <> 0"
			"  AND (m.size <= ?2 OR EXISTS(SELECT 1 FROM released e"
			"   WHERE e.peer = w.peer AND e.hash = w.hash))"
			"  GROUP BY w.hash)",
			"ii", (int64_t)peer,
			most < INT64_MAX ? (int64_t)most : INT64_MAX),
		&bytes, 1, err);

	if (rc < 0)
		return rc;
	*ret_bytes = (uint64_t)bytes;
	return 0;
}

int report_lacks_bodies(struct replica *r, uint64_t peer, int64_t log,
	uint64_t lsn, struct err *err)
{
	AUTO_FREE char *key = replica_peer_key("wants more", peer);
	int64_t more = 0;
	int rc = replica_meta_get(r, key, &more, err);

	if (rc < 0 || more)
		return rc < 0 ? rc : 1;
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM want w JOIN message m ON m.hash = w.hash"
			" JOIN dot d ON d.message = m.id WHERE w.peer = ?"
			" AND m.dead = 0 AND d.log = ? AND d.lsn <= ? LIMIT 1",
			"iii", (int64_t)peer, log, (int64_t)lsn),
		err);
}

int report_under_way(struct replica *r, uint64_t peer,
	void (*each)(void *arg, const struct report_under_way *u), void *arg,
	struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT link, medium, count(DISTINCT sequence), sum(more),"
		" (SELECT count(*) FROM sent_body b WHERE b.peer = one.peer"
		"  AND b.link = one.link AND b.medium = one.medium)"
		" FROM (SELECT s.peer, s.link, s.medium, s.sequence,"
		"  s.lsn - max(ifnull(a.durable, 0), ifnull((SELECT max(o.lsn)"
		"   FROM sent o WHERE o.peer = s.peer AND o.link = s.link"
		"   AND o.medium = s.medium AND o.log = s.log"
		"   AND o.sequence < s.sequence), 0)) AS more"
		"  FROM sent s LEFT JOIN ack a ON a.peer = s.peer"
		"   AND a.log = s.log WHERE s.peer = ?) AS one"
		" WHERE more > 0 GROUP BY link, medium",
		"i", (int64_t)peer);
	int rc = st ? 1 : ERR_IO;

	while (rc > 0 && (rc = sql_step(r, st, err)) > 0) {
		AUTO_ARENA struct arena arena = {0};
		struct report_under_way u = {.link = sql_text(st, 0, &arena),
			.bundles = (uint64_t)sqlite3_column_int64(st, 2),
			.changes = (uint64_t)sqlite3_column_int64(st, 3),
			.bodies = (uint64_t)sqlite3_column_int64(st, 4)};

		sql_blob(st, 1, u.medium.b, sizeof(u.medium.b));
		each(arg, &u);
	}
	return rc;
}

int report_deleted_here(struct replica *r, struct arena *arena,
	const char ***ret, size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT f.path, (SELECT count(*) FROM folder) FROM folder f"
		" JOIN log l ON l.id = f.dead_log WHERE f.dead <> 0"
		" AND l.origin = ?1 AND f.auth_site NOT IN (0, ?1)"
		" ORDER BY f.path",
		"i", (int64_t)r->origin);
	size_t count = 0;
	int rc = st ? 0 : ERR_IO;

	*ret = NULL;
	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		if (!*ret)
			*ret = arena_alloc(
				arena, (size_t)sqlite3_column_int64(st, 1) *
					       sizeof(**ret));
		(*ret)[count++] = sql_text(st, 0, arena);
	}
	*ret_count = count;
	return rc;
}

int report_integrity(struct replica *r, struct err *err)
{
	sqlite3_stmt *st = sql(r, err, "PRAGMA integrity_check(1)", "");
	int rc = st ? sql_step(r, st, err) : ERR_IO;
	const char *said;

	if (rc <= 0)
		return rc;
	said = (const char *)sqlite3_column_text(st, 0);
	rc = said && strcmp(said, "ok") == 0
		     ? 0
		     : err_set(err, ERR_CORRUPT, "%s: %s", r->path,
			       said ? said : "no answer");
	sqlite3_reset(st);
	return rc;
}
