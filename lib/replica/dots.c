/*
 * dots: which message a dot names, and changes that wait.
 *
 * What speaks of a dot that was not met yet is parked until it is, or dropped
 * when the dot's log is known past it (then it is dead). A UID for a folder
 * where the message does not lie yet is parked until it is moved.
 */
#include "gaps.h"
#include "registers.h"
#include "wire.h"

int dot_find(struct replica *r, const struct dot *dot, struct dot_row *ret,
	struct err *err)
{
	*ret = (struct dot_row){.log = log_row(r, &dot->log, true, err)};
	if (ret->log < 0)
		return (int)ret->log;
	sqlite3_stmt *st = sql(r, err,
		"SELECT message, dead_log FROM dot WHERE log = ? AND lsn = ?",
		"ii", ret->log, (int64_t)dot->lsn);
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc;
	ret->known = true;
	ret->message = sqlite3_column_int64(st, 0);
	ret->dead = sqlite3_column_int64(st, 1) != 0;
	sqlite3_reset(st);
	return 0;
}

int dot_is_past(struct replica *r, const struct dot *dot,
	const struct dot_row *row, struct err *err)
{
	sqlite3_stmt *st =
		sql(r, err, "SELECT lsn FROM log WHERE id = ?", "i", row->log);

	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc;
	bool past = (uint64_t)sqlite3_column_int64(st, 0) >= dot->lsn;
	sqlite3_reset(st);
	if (!past)
		return 0;
	/* What was lost was not met, however far the log is known. */
	rc = gap_holds(r, row->log, dot->lsn, err);
	return rc < 0 ? rc : !rc;
}

int dot_insert(struct replica *r, const struct dot_row *row, uint64_t lsn,
	int64_t message, struct err *err)
{
	return sql_run(r, err,
		"INSERT OR REPLACE INTO dot(log, lsn, message)"
		" VALUES(?, ?, ?)",
		"iii", row->log, (int64_t)lsn, message);
}

/* ---- what waits ---- */

int park(struct replica *r, const struct change *c, int64_t by_log,
	int64_t dot_log, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct change_context ctx = {
		c->by.log, c->by.lsn, STAMP_MS(c->by.stamp)};

	wire_add_u64(&b, ctx.base_ms);
	change_encode(&ctx, c, 1, &b);
	return sql_run(r, err,
		"INSERT OR REPLACE INTO parked VALUES(?, ?, ?, ?, ?)", "iiiib",
		dot_log, (int64_t)c->dot.lsn, by_log, (int64_t)c->by.lsn,
		b.data, b.len);
}

int parked_read(struct replica *r, int64_t by_log, uint64_t by_lsn,
	const void *data, size_t len, struct change_batch *batch,
	struct err *err)
{
	struct change_context ctx = {.first_lsn = by_lsn};
	struct wire w = wire_over(data, len);
	int rc = log_of_row(r, by_log, &ctx.log, err);

	if (rc < 0)
		return rc;
	ctx.base_ms = wire_u64(&w);
	size_t before = batch->count;
	if (!w.bad &&
		(rc = change_decode(&ctx, w.at, wire_left(&w), batch, err)) < 0)
		return rc;
	return batch->count == before + 1
		       ? 0
		       : err_set(err, ERR_CORRUPT, "%s: parked change",
				 r->path);
}

int parked_delete(struct replica *r, const struct parked *p, struct err *err)
{
	return sql_run(r, err,
		"DELETE FROM parked WHERE log = ? AND lsn = ? AND by_log = ?"
		" AND by_lsn = ?",
		"iiii", p->log, (int64_t)p->lsn, p->by_log, (int64_t)p->by_lsn);
}

int parked_next(struct replica *r, int64_t message, struct parked *at,
	struct change_batch *batch, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT p.log, p.lsn, p.by_log, p.by_lsn, p.change FROM dot d"
		" JOIN parked p ON p.log = d.log AND p.lsn = d.lsn"
		" WHERE d.message = ?1 AND (p.log, p.lsn, p.by_log, p.by_lsn)"
		" > (?2, ?3, ?4, ?5) ORDER BY p.log, p.lsn, p.by_log, p.by_lsn"
		" LIMIT 1",
		"iiiii", message, at->log, (int64_t)at->lsn, at->by_log,
		(int64_t)at->by_lsn);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	*at = (struct parked){sqlite3_column_int64(st, 0),
		(uint64_t)sqlite3_column_int64(st, 1),
		sqlite3_column_int64(st, 2),
		(uint64_t)sqlite3_column_int64(st, 3)};
	rc = parked_read(r, at->by_log, at->by_lsn, sqlite3_column_blob(st, 4),
		(size_t)sqlite3_column_bytes(st, 4), batch, err);
	sqlite3_reset(st);
	return rc < 0 ? rc : 1;
}

/* Take the next change that waited for the dot of at, behind at, and merge
   it. Merging may park it again, in the same place: so ever further on. */
static int unpark_next(struct replica *r, struct parked *at, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT by_log, by_lsn, change FROM parked"
		" WHERE log = ?1 AND lsn = ?2 AND (by_log, by_lsn) > (?3, ?4)"
		" ORDER BY by_log, by_lsn LIMIT 1",
		"iiii", at->log, (int64_t)at->lsn, at->by_log,
		(int64_t)at->by_lsn);
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc;
	AUTO_BUF struct buf b = BUF_INIT;
	at->by_log = sqlite3_column_int64(st, 0);
	at->by_lsn = (uint64_t)sqlite3_column_int64(st, 1);
	buf_add(&b, sqlite3_column_blob(st, 2),
		(size_t)sqlite3_column_bytes(st, 2));
	sqlite3_reset(st);
	rc = parked_delete(r, at, err);
	struct change_batch batch = {0};
	if (rc >= 0)
		rc = parked_read(
			r, at->by_log, at->by_lsn, b.data, b.len, &batch, err);
	if (rc >= 0)
		rc = replica_apply(r, &batch.items[0], err);
	change_batch_free(&batch);
	return rc < 0 ? rc : 1;
}

int unpark(struct replica *r, const struct dot_row *row, uint64_t lsn,
	struct err *err)
{
	struct parked at = {.log = row->log, .lsn = lsn};
	int rc;

	do
		rc = unpark_next(r, &at, err);
	while (rc > 0);
	return rc;
}

int unpark_message(struct replica *r, int64_t message, struct err *err)
{
	struct dot_row row = {0};
	int64_t lsn = 0;

	for (;;) {
		sqlite3_stmt *st = sql(r, err,
			"SELECT p.log, p.lsn FROM dot d JOIN parked p"
			" ON p.log = d.log AND p.lsn = d.lsn"
			" WHERE d.message = ?1 AND (p.log, p.lsn) > (?2, ?3)"
			" ORDER BY p.log, p.lsn LIMIT 1",
			"iii", message, row.log, lsn);
		int rc = st ? sql_step(r, st, err) : ERR_IO;

		if (rc <= 0)
			return rc;
		row.log = sqlite3_column_int64(st, 0);
		lsn = sqlite3_column_int64(st, 1);
		sqlite3_reset(st);
		if ((rc = unpark(r, &row, (uint64_t)lsn, err)) < 0)
			return rc;
	}
}

int unpark_folder(struct replica *r, int64_t folder, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	sqlite3_stmt *st = sql(r, err,
		"SELECT DISTINCT m.id FROM parked p JOIN dot d"
		" ON d.log = p.log AND d.lsn = p.lsn"
		" JOIN message m ON m.id = d.message WHERE m.folder = ?",
		"i", folder);
	size_t count = 0;
	int64_t *ids;
	int rc = sql_ids(r, st, &arena, &ids, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = unpark_message(r, ids[i], err);
	return rc < 0 ? rc : 0;
}

int dot_target(struct replica *r, const struct change *c, int64_t by_log,
	int64_t *ret, struct err *err)
{
	struct dot_row row;
	int rc = dot_find(r, &c->dot, &row, err);

	if (rc < 0)
		return rc;
	if (row.known) {
		*ret = row.message;
		return row.dead || !row.message;
	}
	rc = dot_is_past(r, &c->dot, &row, err);
	if (rc == 0)
		rc = park(r, c, by_log, row.log, err);
	return rc < 0 ? rc : 1;
}
