#include "late.h"

#include <stdlib.h>

#include "sql.h"
#include "viewed.h"

/* What still counts of what a peer said. */
#define COUNTS                                                                 \
	" FROM late l CROSS JOIN message m ON m.id = l.message"                \
	" AND m.uid = l.uid AND m.dead = 0"
/* Not known to be applied at peer ?1. Whose UID another site wrote it has from
   there, and does not tell us of. */
#define UNAPPLIED                                                              \
	" NOT EXISTS(SELECT 1 FROM ack a WHERE a.peer = ?1"                    \
	"  AND a.log = m.uid_log AND a.applied >= m.uid_lsn)"                  \
	" AND EXISTS(SELECT 1 FROM log g WHERE g.id = m.uid_log"               \
	"  AND g.origin = ?3)"

/* ---- where they lie ---- */

static int by_folder(const void *x, const void *y)
{
	const struct late *a = x, *b = y;
	int order = id_cmp(&a->folder, &b->folder);

	return order ? order : dot_cmp(&a->dot, &b->dot);
}

static int fill_dot(
	struct replica *r, int64_t message, struct late *ret, struct err *err)
{
	struct replica_message m = {.id = message};
	int rc = replica_message_dot(r, &m, err);

	ret->dot = m.dot;
	return rc;
}

int late_here(struct replica *r, uint64_t home, size_t most,
	struct arena *arena, struct late **ret, size_t *ret_count,
	struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT f.fid, f.p_uidnext, m.uid, m.id FROM message m"
		" JOIN folder f ON f.id = m.p_folder"
		" WHERE m.todo = 2 AND m.dead = 0 AND m.folder = m.p_folder"
		" AND m.uid <> 0 AND m.p_uid <> 0 AND m.p_uid <> m.uid"
		" AND m.uid < f.p_uidnext AND f.auth_site = ?"
		" AND f.p_uidvalidity = f.uidvalidity"
		" ORDER BY m.uid, m.id LIMIT ?",
		"ii", (int64_t)home, (int64_t)most);
	struct late *list = NULL;
	AUTO_FREE int64_t *rows = NULL;
	size_t count = 0;
	int rc = st ? 1 : ERR_IO;

	while (rc > 0 && (rc = sql_step(r, st, err)) > 0) {
		list = mem_room(list, count, sizeof(*list));
		rows = mem_room(rows, count, sizeof(*rows));
		list[count] = (struct late){
			.uidnext = (uint32_t)sqlite3_column_int64(st, 1),
			.uid = (uint32_t)sqlite3_column_int64(st, 2)};
		sql_blob(st, 0, list[count].folder.b, sizeof(list->folder.b));
		rows[count++] = sqlite3_column_int64(st, 3);
	}
	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = fill_dot(r, rows[i], &list[i], err);
	if (count)
		qsort(list, count, sizeof(*list), by_folder);
	*ret = arena_alloc(arena, (count + 1) * sizeof(**ret));
	for (size_t i = 0; i < count; i++)
		(*ret)[i] = list[i];
	*ret_count = count;
	free(list);
	return rc < 0 ? rc : 0;
}

/* ---- at the folder's home ---- */

int late_forget(struct replica *r, uint64_t peer, struct err *err)
{
	return sql_run(
		r, err, "DELETE FROM late WHERE peer = ?", "i", (int64_t)peer);
}

int late_hear(struct replica *r, uint64_t peer, const struct late *late,
	struct err *err)
{
	int64_t log = log_row(r, &late->dot.log, false, err);

	if (log <= 0)
		return (int)log;
	return sql_run(r, err,
		"INSERT OR REPLACE INTO late SELECT ?, m.id, m.uid, ?"
		" FROM dot d JOIN message m ON m.id = d.message"
		" JOIN alias i ON i.folder = m.folder"
		" WHERE d.log = ? AND d.lsn = ? AND i.fid = ?"
		" AND m.dead = 0 AND m.uid = ?",
		"iiiibi", (int64_t)peer, (int64_t)late->uidnext, log,
		(int64_t)late->dot.lsn, late->folder.b, sizeof(late->folder.b),
		(int64_t)late->uid);
}

int late_folders(struct replica *r, struct arena *arena, int64_t **ret,
	size_t *ret_count, struct err *err)
{
	return sql_ids(r,
		sql(r, err,
			"SELECT DISTINCT m.folder" COUNTS " ORDER BY m.folder",
			""),
		arena, ret, ret_count, err);
}

/*
 * UIDNEXT at a peer, and how often what it has late here got another UID, the
 * most; 0 if it said nothing, or what is not to be believed.
 */
static int said(struct replica *r, int64_t folder, uint32_t next, uint64_t peer,
	int64_t ret[2], struct err *err)
{
	int rc = sql_numbers(r,
		sql(r, err,
			"SELECT ifnull(max(l.uidnext), 0),"
			" ifnull(max(m.renumbered), 0)" COUNTS
			" WHERE l.peer = ? AND m.folder = ?"
			" AND m.renumbered < ?",
			"iii", (int64_t)peer, folder, (int64_t)LATE_TIMES),
		ret, 2, err);

	if (rc >= 0 && ret[0] > next &&
		ret[0] - next > (LATE_UID_MAX - next) / LATE_PART)
		ret[0] = 0;
	return rc < 0 ? rc : 0;
}

/*
 * What that UIDNEXT will be when it hears of ours: more messages of the folder
 * may be late there. Of what its users save nothing is known, so more is left
 * each time.
 */
static int add_room(struct replica *r, int64_t folder, uint64_t peer,
	const int64_t there[2], uint32_t *ret, struct err *err)
{
	int64_t unapplied;
	int rc = sql_numbers(r,
		sql(r, err,
			"SELECT count(*) FROM message m WHERE m.folder = ?2"
			" AND m.dead = 0 AND m.uid <> 0 AND" UNAPPLIED,
			"iii", (int64_t)peer, folder,
			(int64_t)replica_origin(r)),
		&unapplied, 1, err);
	int64_t next = there[0] + unapplied + (INT64_C(1) << 2 * there[1]) - 1;

	if (rc >= 0 && next > *ret)
		*ret = (uint32_t)next;
	return rc < 0 ? rc : 0;
}

static int cmp_row(const void *x, const void *y)
{
	const int64_t *a = x, *b = y;

	return (*a > *b) - (*a < *b);
}

/* Take out of list what a peer has not applied. */
static int keep_applied(struct replica *r, int64_t folder, uint64_t peer,
	struct late_due *due, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	int64_t *rows;
	size_t count, kept = 0;
	int rc = view_hides_row(r, peer, folder, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = sql_ids(r,
		sql(r, err,
			"SELECT DISTINCT m.id" COUNTS
			" WHERE m.folder = ?2 AND" UNAPPLIED " ORDER BY m.id",
			"iii", (int64_t)peer, folder,
			(int64_t)replica_origin(r)),
		&arena, &rows, &count, err);
	if (rc < 0 || !count)
		return rc;
	for (size_t i = 0; i < due->count; i++)
		if (!bsearch(&due->messages[i], rows, count, sizeof(*rows),
			    cmp_row))
			due->messages[kept++] = due->messages[i];
	due->count = kept;
	return 0;
}

/* By the word of one of these peers, in the order of their UIDs. */
static int list_due(struct replica *r, int64_t folder, const uint64_t *peers,
	size_t peer_count, struct arena *arena, struct late_due *ret,
	struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT m.id, l.peer" COUNTS
		" WHERE m.folder = ? AND m.renumbered < ?"
		" ORDER BY m.uid, m.id",
		"ii", folder, (int64_t)LATE_TIMES);
	AUTO_FREE int64_t *rows = NULL;
	size_t count = 0;
	int rc = st ? 1 : ERR_IO;

	while (rc > 0 && (rc = sql_step(r, st, err)) > 0) {
		int64_t row = sqlite3_column_int64(st, 0);
		uint64_t peer = (uint64_t)sqlite3_column_int64(st, 1);
		size_t i = 0;

		while (i < peer_count && peers[i] != peer)
			i++;
		if (i == peer_count || (count && rows[count - 1] == row))
			continue;
		rows = mem_room(rows, count, sizeof(*rows));
		rows[count++] = row;
	}
	ret->messages = arena_alloc(arena, (count + 1) * sizeof(*rows));
	for (size_t i = 0; i < count; i++)
		ret->messages[i] = rows[i];
	ret->count = count;
	return rc < 0 ? rc : 0;
}

int late_due(struct replica *r, int64_t folder, uint32_t next,
	const uint64_t *peers, size_t peer_count, struct arena *arena,
	struct late_due *ret, struct err *err)
{
	AUTO_FREE uint64_t *believed =
		mem_array(peer_count + 1, sizeof(*believed));
	AUTO_FREE int64_t(*there)[2] =
		mem_array(peer_count + 1, sizeof(*there));
	bool behind = false;
	size_t count = 0;
	int rc = 0;

	*ret = (struct late_due){0};
	if (next >= LATE_UID_MAX)
		return 0;
	for (size_t i = 0; i < peer_count && rc >= 0; i++) {
		rc = said(r, folder, next, peers[i], there[count], err);
		if (rc < 0 || !there[count][0])
			continue;
		behind |= there[count][0] > next;
		believed[count++] = peers[i];
	}
	if (rc >= 0)
		rc = list_due(r, folder, believed, count, arena, ret, err);
	for (size_t i = 0; i < peer_count && rc >= 0 && ret->count; i++)
		rc = keep_applied(r, folder, peers[i], ret, err);
	for (size_t i = 0; i < count && rc >= 0 && (behind || ret->count); i++)
		rc = add_room(
			r, folder, believed[i], there[i], &ret->uidnext, err);
	if (ret->uidnext < next)
		ret->uidnext = ret->count ? next : 0;
	if (ret->count && ret->count > LATE_UID_MAX - ret->uidnext)
		*ret = (struct late_due){0};
	return rc < 0 ? rc : 0;
}

int late_done(struct replica *r, int64_t message, struct err *err)
{
	return sql_run(r, err,
		"UPDATE message SET renumbered = renumbered + 1 WHERE id = ?",
		"i", message);
}
