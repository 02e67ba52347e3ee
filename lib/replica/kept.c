#include "kept.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "registers.h"

#define SITES "accept no expunge" /* of the last time, as text */

static bool is_one_of(const uint64_t *sites, size_t count, uint64_t site)
{
	for (size_t i = 0; i < count; i++)
		if (sites[i] == site)
			return true;
	return false;
}

/* Rows of those that one of the sites expunged, by row; in the arena. */
static int find(struct replica *r, const uint64_t *sites, size_t count,
	struct arena *arena, int64_t **ret, size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT m.id, l.origin FROM message m INDEXED BY message_todo_p"
		" JOIN dot d ON d.message = m.id JOIN log l ON l.id = "
		"d.dead_log"
		" WHERE m.todo = 1 AND m.p_folder > 0 AND m.dead"
		" UNION ALL SELECT id, out FROM message INDEXED BY message_out"
		" WHERE out <> 0 AND todo = 1 AND p_folder > 0 AND dead"
		" UNION ALL SELECT m.id, l.origin FROM message m"
		" INDEXED BY message_todo_p JOIN log l ON l.id = m.place_log"
		" WHERE " MESSAGE_LEAVES " ORDER BY 1",
		"");
	size_t found = 0;
	int rc = st ? 0 : ERR_IO;

	*ret = NULL;
	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		int64_t id = sqlite3_column_int64(st, 0);
		uint64_t site = (uint64_t)sqlite3_column_int64(st, 1);

		if (!is_one_of(sites, count, site) ||
			(found && (*ret)[found - 1] == id))
			continue; /* it may, or this is another dot of it */
		*ret = arena_room(arena, *ret, found, sizeof(**ret));
		(*ret)[found++] = id;
	}
	*ret_count = found;
	return rc;
}

/* Rows of what messages left where they lay, by row; in the arena. */
static int find_strays(struct replica *r, struct arena *arena, int64_t **ret,
	size_t *ret_count, struct err *err)
{
	return sql_ids(r,
		sql(r, err,
			"SELECT m.id FROM message m INDEXED BY message_todo_p"
			" WHERE m.todo = 1 AND m.p_folder > 0 AND m.dead"
			" AND NOT EXISTS(SELECT 1 FROM dot"
			"  WHERE message = m.id) ORDER BY m.id",
			""),
		arena, ret, ret_count, err);
}

static int keep(struct replica *r, int64_t message, struct err *err)
{
	return sql_run(r, err, "UPDATE message SET todo = 3 WHERE id = ?", "i",
		message);
}

/*
 * A mail may have been moved and expunged before the move was placed: then what
 * it left is all there is of it, and nothing says any more whose doing it was.
 */
static int keep_the_last(struct replica *r, int64_t stray, struct err *err)
{
	return sql_run(r, err,
		"UPDATE message SET todo = 3 WHERE id = ?1 AND NOT EXISTS"
		" (SELECT 1 FROM message o, message m WHERE m.id = ?1"
		"  AND o.hash = m.hash AND o.id <> m.id"
		"  AND (o.dead = 0 OR (o.p_folder > 0 AND o.todo = 3)))",
		"i", stray);
}

/* Are they the sites of the last time? 1 or 0, and the text to note. */
static int are_known(struct replica *r, const uint64_t *sites, size_t count,
	struct buf *ret_text, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const char *was;
	int rc = replica_text_get(r, SITES, &arena, &was, err);

	for (size_t i = 0; i < count; i++)
		buf_printf(ret_text, "%016" PRIx64 " ", sites[i]);
	return rc < 0 ? rc : strcmp(was, buf_str(ret_text)) == 0;
}

/* All are decided anew. */
static int note_sites(struct replica *r, const char *text, struct err *err)
{
	int rc = replica_text_set(r, SITES, text, err);

	return rc < 0 ? rc
		      : sql_run(r, err,
				"UPDATE message SET todo = 1 WHERE todo = 3"
				" AND NOT " FOLDER_REFUSED("p_folder"),
				"");
}

static int look(struct replica *r, const uint64_t *sites, size_t count,
	struct arena *arena, int64_t **ret_ids, size_t *ret_count,
	int64_t **ret_strays, size_t *ret_left, struct err *err)
{
	int rc = find(r, sites, count, arena, ret_ids, ret_count, err);

	return rc < 0 ? rc : find_strays(r, arena, ret_strays, ret_left, err);
}

int kept_decide(
	struct replica *r, const uint64_t *sites, size_t count, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	AUTO_BUF struct buf text = BUF_INIT;
	size_t found = 0, left = 0;
	int64_t *ids, *strays;
	int known = are_known(r, sites, count, &text, err), rc = known;

	if (known > 0 && count)
		rc = look(r, sites, count, &arena, &ids, &found, &strays, &left,
			err);
	if (rc < 0 || (known && !found && !left))
		return rc < 0 ? rc : 0;
	rc = replica_begin(r, err);
	if (rc >= 0 && !known)
		rc = note_sites(r, buf_str(&text), err);
	if (rc >= 0 && !known && count)
		rc = look(r, sites, count, &arena, &ids, &found, &strays, &left,
			err);
	for (size_t i = 0; i < found && rc >= 0; i++)
		rc = keep(r, ids[i], err);
	for (size_t i = 0; i < left && rc >= 0; i++)
		rc = keep_the_last(r, strays[i], err);
	if (rc >= 0)
		rc = replica_commit(r, err);
	if (rc < 0)
		replica_rollback(r);
	return rc < 0 ? rc : found < INT_MAX ? (int)found : INT_MAX;
}

int kept_any(struct replica *r, int64_t folder, struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM message WHERE todo = 3"
			" AND (?1 = 0 OR p_folder = ?1) LIMIT 1",
			"i", folder),
		err);
}

int kept_list(struct replica *r, struct arena *arena, struct kept **ret,
	size_t *ret_count, struct err *err)
{
	size_t count = 0;
	sqlite3_stmt *st = sql(r, err,
		"SELECT m.p_folder, coalesce(l.origin,"
		"  iif(m.dead, m.out, p.origin)),"
		" count(DISTINCT m.id),"
		" max(iif(m.dead, d.dead_stamp, m.place_stamp))"
		" FROM message m LEFT JOIN log p ON p.id = m.place_log"
		" LEFT JOIN dot d ON d.message = m.id"
		" LEFT JOIN log l ON l.id = d.dead_log"
		" WHERE m.todo = 3 GROUP BY m.p_folder, 2",
		"");
	int rc = st ? 0 : ERR_IO;

	*ret = NULL;
	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		*ret = arena_room(arena, *ret, count, sizeof(**ret));
		(*ret)[count++] = (struct kept){
			.folder = sqlite3_column_int64(st, 0),
			.site = (uint64_t)sqlite3_column_int64(st, 1),
			.messages = (uint64_t)sqlite3_column_int64(st, 2),
			.last_ms = (int64_t)STAMP_MS(
				(uint64_t)sqlite3_column_int64(st, 3)),
		};
	}
	*ret_count = count;
	return rc;
}
