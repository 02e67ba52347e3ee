#include "inventory.h"

#include <stdlib.h>

#include "sql.h"

#define TAKEN "inventory taken" /* in meta */

int inventory_add(
	struct replica *r, const struct inventory_mail *mail, struct err *err)
{
	const struct brief_mail *m = &mail->mail;

	return sql_run(r, err,
		"INSERT OR IGNORE INTO inventory VALUES(?, ?, ?, ?, ?, ?, ?)",
		"iittiib", (int64_t)mail->uidvalidity, (int64_t)mail->uid,
		m->base, mail->guid, (int64_t)m->size, m->mtime, m->hash.b,
		sizeof(m->hash.b));
}

int inventory_get(struct replica *r, uint32_t uidvalidity, uint32_t uid,
	struct arena *arena, struct inventory_mail *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT base, guid, size, mtime, hash FROM inventory"
		" WHERE uidvalidity = ? AND uid = ?",
		"ii", (int64_t)uidvalidity, (int64_t)uid);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc < 0 ? rc : 1;
	*ret = (struct inventory_mail){
		.uidvalidity = uidvalidity,
		.uid = uid,
		.guid = sql_text(st, 1, arena),
		.mail = {.base = sql_text(st, 0, arena),
			.size = (uint64_t)sqlite3_column_int64(st, 2),
			.mtime = sqlite3_column_int64(st, 3)},
	};
	sql_blob(st, 4, ret->mail.hash.b, sizeof(ret->mail.hash.b));
	sqlite3_reset(st);
	return 0;
}

int inventory_holds(struct replica *r, size_t least, struct err *err)
{
	int64_t skipped = least > 1 ? (int64_t)least - 1 : 0;
	return sql_exists(r,
		sql(r, err, "SELECT 1 FROM inventory LIMIT 1 OFFSET ?", "i",
			skipped),
		err);
}

int inventory_taken(struct replica *r, struct err *err)
{
	int64_t taken = 0;
	int rc = replica_meta_get(r, TAKEN, &taken, err);

	return rc < 0 ? rc : taken != 0;
}

int inventory_set_taken(struct replica *r, struct err *err)
{
	return replica_meta_set(r, TAKEN, 1, err);
}

/* ---- what is to come whole ---- */

int whole_add(struct replica *r, enum whole_role role, uint64_t peer,
	const struct whole_run *run, struct err *err)
{
	int64_t row = log_row(r, &run->log, true, err);

	if (row < 0)
		return (int)row;
	return sql_run(r, err,
		"INSERT OR IGNORE INTO whole VALUES(?, ?, ?, ?, ?)", "iiiii",
		(int64_t)role, (int64_t)peer, row, (int64_t)run->first,
		(int64_t)run->last);
}

int whole_forget(
	struct replica *r, enum whole_role role, uint64_t peer, struct err *err)
{
	return sql_run(r, err, "DELETE FROM whole WHERE role = ? AND peer = ?",
		"ii", (int64_t)role, (int64_t)peer);
}

int whole_note_unplaced(struct replica *r, uint64_t peer, struct err *err)
{
	int rc = whole_forget(r, WHOLE_UNPLACED, peer, err);

	return rc < 0 ? rc
		      : sql_run(r, err,
				"INSERT INTO whole SELECT ?, peer, log,"
				" applied + 1, ? FROM ack WHERE peer = ?"
				" AND applied > 0",
				"iii", (int64_t)WHOLE_UNPLACED,
				(int64_t)CHANGE_LSN_MAX, (int64_t)peer);
}

static int cmp_run(const void *a, const void *b)
{
	const struct whole_run *x = a, *y = b;
	int order = log_id_cmp(&x->log, &y->log);

	if (order)
		return order;
	return (x->first > y->first) - (x->first < y->first);
}

/* In place: those that meet become one. */
static size_t unite(struct whole_run *runs, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct whole_run *last = kept ? &runs[kept - 1] : NULL;

		if (!last || log_id_cmp(&last->log, &runs[i].log) != 0 ||
			last->last + 1 < runs[i].first)
			runs[kept++] = runs[i];
		else if (last->last < runs[i].last)
			last->last = runs[i].last;
	}
	return kept;
}

int whole_list(struct replica *r, enum whole_role role, uint64_t peer,
	struct arena *arena, struct whole_run **ret, size_t *ret_count,
	struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT w.log, w.first, w.last FROM whole w JOIN log l"
		" ON l.id = w.log WHERE w.peer = ?2 AND (w.role = ?1"
		" AND (?1 <> ?3 OR w.last > l.lsn) OR ?1 = ?4 AND w.role = ?5)",
		"iiiii", (int64_t)role, (int64_t)peer, (int64_t)WHOLE_ASKED,
		(int64_t)WHOLE_OWED, (int64_t)WHOLE_UNPLACED);
	struct whole_run *runs = NULL;
	size_t count = 0;
	int rc = st ? 0 : ERR_IO;

	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		runs = mem_room(runs, count, sizeof(*runs));
		struct whole_run *run = &runs[count++];

		run->first = (uint64_t)sqlite3_column_int64(st, 1);
		run->last = (uint64_t)sqlite3_column_int64(st, 2);
		rc = log_of_row(r, sqlite3_column_int64(st, 0), &run->log, err);
	}
	if (count)
		qsort(runs, count, sizeof(*runs), cmp_run);
	*ret_count = unite(runs, count);
	*ret = arena_alloc(arena, (*ret_count + 1) * sizeof(**ret));
	for (size_t i = 0; i < *ret_count; i++)
		(*ret)[i] = runs[i];
	free(runs);
	return rc < 0 ? rc : 0;
}
