#include "comparing.h"

#include <string.h>

#include "gaps.h"
#include "registers.h"
#include "statetable.h"
#include "viewed.h"
#include "wire.h"

#define WAIT_MS INT64_C(60000)
#define WAIT_MAX_MS INT64_C(86400000)

int comparing_begin(struct replica *r, uint64_t peer,
	const struct id128 *folder, enum comparing_kind kind, struct err *err)
{
	uint8_t seed[RIBLT_SEED_SIZE];
	struct id128 id;
	int rc = view_is_apart(r, peer, folder, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	if ((rc = folder_own_id(r, folder, &id, err)) < 0)
		return rc;
	r->os->ops->random(r->os, seed, sizeof(seed));
	return sql_run(r, err,
		"INSERT INTO comparing(peer, folder, role, kind, seed)"
		" VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET"
		" role = ?3, kind = ?4, seed = ?5, turn = 1, due = 1,"
		" ask_symbols = 0, ask_columns = 0, give_symbols = 0,"
		" give_columns = 0, keys = NULL, uids = NULL, equal = 0,"
		" asked_ms = 0, tries = 0, failed = 0"
		" WHERE role <> ?3 AND due = 0",
		"ibiib", (int64_t)peer, id.b, sizeof(id.b),
		(int64_t)COMPARING_ASKS, (int64_t)kind, seed, sizeof(seed));
}

int comparing_begin_now(struct replica *r, uint64_t peer,
	const struct id128 *folder, enum comparing_kind kind, struct err *err)
{
	struct id128 id;
	int rc = folder_own_id(r, folder, &id, err);

	if (rc >= 0)
		rc = sql_run(r, err,
			"DELETE FROM comparing WHERE peer = ? AND folder = ?"
			" AND role = ?",
			"ibi", (int64_t)peer, id.b, sizeof(id.b),
			(int64_t)COMPARING_ASKS);
	return rc < 0 ? rc : comparing_begin(r, peer, &id, kind, err);
}

int comparing_push(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err)
{
	struct comparing c = {
		.peer = peer,
		.folder = *folder,
		.role = COMPARING_ANSWERS,
		.kind = COMPARING_EXACT,
		.turn = 1,
		.due = true,
		.give_columns = STATETABLE_UID | STATETABLE_FLAGS |
				STATETABLE_LIVING | STATETABLE_WRITES,
		.equal = true, /* there is no more to come of it */
	};

	r->os->ops->random(r->os, c.seed, sizeof(c.seed));
	return comparing_put(r, &c, err);
}

/* ---- rows ---- */

static const uint64_t *read_keys(
	sqlite3_stmt *st, int col, struct arena *arena, size_t *ret_count)
{
	struct wire w = wire_over(sqlite3_column_blob(st, col),
		(size_t)sqlite3_column_bytes(st, col));
	size_t count = wire_left(&w) / 8;
	uint64_t *keys = arena_alloc(arena, count * sizeof(*keys));

	for (size_t i = 0; i < count; i++)
		keys[i] = wire_u64(&w);
	*ret_count = count;
	return keys;
}

static const struct uid_run *read_uids(
	sqlite3_stmt *st, int col, struct arena *arena, size_t *ret_count)
{
	struct wire w = wire_over(sqlite3_column_blob(st, col),
		(size_t)sqlite3_column_bytes(st, col));
	size_t count = wire_left(&w) / 8;
	struct uid_run *uids = arena_alloc(arena, count * sizeof(*uids));

	for (size_t i = 0; i < count; i++) {
		uids[i].first = wire_u32(&w);
		uids[i].last = wire_u32(&w);
	}
	*ret_count = count;
	return uids;
}

int comparing_get(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct arena *arena, struct comparing *ret, struct err *err)
{
	struct id128 id;
	int rc = folder_own_id(r, folder, &id, err);
	sqlite3_stmt *st =
		rc < 0 ? NULL
		       : sql(r, err,
				 "SELECT role, kind, seed, turn, due,"
				 " ask_symbols, ask_columns, give_symbols,"
				 " give_columns, keys, uids, equal, asked_ms,"
				 " tries, failed FROM comparing"
				 " WHERE peer = ? AND folder = ?",
				 "ib", (int64_t)peer, id.b, sizeof(id.b));

	if (!st)
		return rc < 0 ? rc : ERR_IO;
	if ((rc = sql_step(r, st, err)) <= 0)
		return rc < 0 ? rc : 1;
	*ret = (struct comparing){
		.peer = peer,
		.folder = id,
		.role = (enum comparing_role)sqlite3_column_int64(st, 0),
		.kind = (enum comparing_kind)sqlite3_column_int64(st, 1),
		.turn = (unsigned)sqlite3_column_int64(st, 3),
		.due = sqlite3_column_int64(st, 4) != 0,
		.ask_symbols = (uint32_t)sqlite3_column_int64(st, 5),
		.ask_columns = (uint32_t)sqlite3_column_int64(st, 6),
		.give_symbols = (uint32_t)sqlite3_column_int64(st, 7),
		.give_columns = (uint32_t)sqlite3_column_int64(st, 8),
		.equal = sqlite3_column_int64(st, 11) != 0,
		.asked_ms = sqlite3_column_int64(st, 12),
		.tries = (unsigned)sqlite3_column_int64(st, 13),
		.failed = (unsigned)sqlite3_column_int64(st, 14),
	};
	sql_blob(st, 2, ret->seed, sizeof(ret->seed));
	ret->keys = read_keys(st, 9, arena, &ret->key_count);
	ret->uids = read_uids(st, 10, arena, &ret->uid_count);
	sqlite3_reset(st);
	return 0;
}

int comparing_put(struct replica *r, const struct comparing *c, struct err *err)
{
	AUTO_BUF struct buf keys = BUF_INIT, uids = BUF_INIT;
	struct id128 id;
	int rc = folder_own_id(r, &c->folder, &id, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < c->key_count; i++)
		wire_add_u64(&keys, c->keys[i]);
	for (size_t i = 0; i < c->uid_count; i++) {
		wire_add_u32(&uids, c->uids[i].first);
		wire_add_u32(&uids, c->uids[i].last);
	}
	return sql_run(r, err,
		"INSERT OR REPLACE INTO comparing VALUES(?, ?, ?, ?, ?, ?, ?,"
		" ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		"ibiibiiiiiibbiiii", (int64_t)c->peer, id.b, sizeof(id.b),
		(int64_t)c->role, (int64_t)c->kind, c->seed, sizeof(c->seed),
		(int64_t)c->turn, (int64_t)c->due, (int64_t)c->ask_symbols,
		(int64_t)c->ask_columns, (int64_t)c->give_symbols,
		(int64_t)c->give_columns, keys.data, keys.len, uids.data,
		uids.len, (int64_t)c->equal, c->asked_ms, (int64_t)c->tries,
		(int64_t)c->failed);
}

int comparing_end(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err)
{
	return sql_run(r, err,
		"DELETE FROM comparing WHERE peer = ?1 AND (folder = ?2"
		" OR folder IN (SELECT b.fid FROM alias a JOIN alias b"
		"  ON b.folder = a.folder WHERE a.fid = ?2))",
		"ib", (int64_t)peer, folder->b, sizeof(folder->b));
}

int comparing_fail(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct comparing c;
	int rc = comparing_get(r, peer, folder, &arena, &c, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	struct comparing anew = {
		.peer = peer,
		.folder = c.folder,
		.role = COMPARING_ASKS,
		.kind = c.kind,
		.turn = 1,
		.asked_ms = c.asked_ms,
		.tries = c.failed + 2,
		.failed = c.failed + 1,
	};
	r->os->ops->random(r->os, anew.seed, sizeof(anew.seed));
	return comparing_put(r, &anew, err);
}

/* ---- what is due ---- */

static int64_t wait_ms(int64_t tries)
{
	int64_t wait = WAIT_MS;

	while (--tries > 0 && wait < WAIT_MAX_MS)
		wait *= 4;
	return wait < WAIT_MAX_MS ? wait : WAIT_MAX_MS;
}

/* A clock that went back shall not make it wait for ever. */
static bool waited_enough(int64_t asked_ms, int64_t tries, int64_t now_ms)
{
	return now_ms < asked_ms || now_ms - asked_ms >= wait_ms(tries);
}

bool comparing_speaks(const struct comparing *c, bool again, int64_t now_ms)
{
	return c->due || (again && c->role == COMPARING_ASKS &&
				 waited_enough(c->asked_ms, c->tries, now_ms));
}

int comparing_due(struct replica *r, uint64_t peer, bool again, int64_t now_ms,
	struct arena *arena, struct id128 **ret, size_t *ret_count,
	struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT folder, max(due), max(asks), max(asked_ms), max(tries),"
		" (SELECT count(*) FROM comparing) + (SELECT count(*) FROM"
		" owed) FROM (SELECT folder, due, role = 1 AS asks, asked_ms,"
		" tries FROM comparing WHERE peer = ?1 UNION ALL"
		" SELECT folder, 1, 0, 0, 0 FROM owed WHERE peer = ?1)"
		" GROUP BY folder ORDER BY folder",
		"i", (int64_t)peer);
	size_t count = 0;
	int rc = st ? 0 : ERR_IO;

	*ret = NULL;
	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		bool due = sqlite3_column_int64(st, 1) != 0;

		if (!due &&
			!(again && sqlite3_column_int64(st, 2) &&
				waited_enough(sqlite3_column_int64(st, 3),
					sqlite3_column_int64(st, 4), now_ms)))
			continue;
		if (!*ret)
			*ret = arena_alloc(
				arena, (size_t)sqlite3_column_int64(st, 5) *
					       sizeof(**ret));
		sql_blob(st, 0, (*ret)[count++].b, sizeof(**ret));
	}
	*ret_count = count;
	return rc;
}

/* 2: packed, unless something is added, which makes it 1 again. */
int comparing_packed(struct replica *r, uint64_t peer,
	const struct id128 *folder, bool spoke, struct err *err)
{
	int rc = spoke ? sql_run(r, err,
				 "UPDATE comparing SET due = 2 WHERE peer = ?"
				 " AND folder = ?",
				 "ib", (int64_t)peer, folder->b,
				 sizeof(folder->b))
		       : 0;

	if (rc >= 0)
		rc = sql_run(r, err,
			"UPDATE owed SET packed = 1 WHERE peer = ?"
			" AND folder = ?",
			"ib", (int64_t)peer, folder->b, sizeof(folder->b));
	return rc;
}

int comparing_sent(
	struct replica *r, uint64_t peer, int64_t now_ms, struct err *err)
{
	int rc = sql_run(r, err,
		"DELETE FROM comparing WHERE peer = ? AND due = 2 AND role = ?"
		" AND equal",
		"ii", (int64_t)peer, (int64_t)COMPARING_ANSWERS);

	if (rc >= 0)
		rc = sql_run(r, err,
			"UPDATE comparing SET due = 0, asked_ms = ?,"
			" tries = tries + 1 WHERE peer = ? AND due = 2",
			"ii", now_ms, (int64_t)peer);
	if (rc >= 0)
		rc = sql_run(r, err,
			"DELETE FROM owed WHERE peer = ? AND packed = 1", "i",
			(int64_t)peer);
	return rc;
}

/* ---- what is owed ---- */

int owed_dot(struct replica *r, uint64_t peer, const struct id128 *folder,
	const struct dot *dot, struct err *err)
{
	int64_t log = log_row(r, &dot->log, true, err);
	struct id128 id;
	int rc = log < 0 ? (int)log : folder_own_id(r, folder, &id, err);

	return rc < 0 ? rc
		      : sql_run(r, err,
				"INSERT OR REPLACE INTO owed VALUES(?, ?, ?, ?,"
				" 0)",
				"ibii", (int64_t)peer, id.b, sizeof(id.b), log,
				(int64_t)dot->lsn);
}

int owed_message(struct replica *r, uint64_t peer, const struct id128 *folder,
	int64_t message, struct err *err)
{
	struct id128 id;
	int rc = folder_own_id(r, folder, &id, err);

	return rc < 0 ? rc
		      : sql_run(r, err,
				"INSERT OR REPLACE INTO owed SELECT ?, ?, log,"
				" lsn, 0 FROM dot WHERE message = ?"
				" AND dead_log = 0",
				"ibi", (int64_t)peer, id.b, sizeof(id.b),
				message);
}

int owed_tombstones(struct replica *r, uint64_t peer,
	const struct id128 *folder, const struct log_id *log, uint64_t first,
	uint64_t last, struct err *err)
{
	int64_t row = log_row(r, log, false, err);
	struct id128 id;
	int rc = row < 0 ? (int)row : folder_own_id(r, folder, &id, err);

	if (rc < 0 || !row)
		return rc;
	return sql_run(r, err,
		"INSERT OR REPLACE INTO owed SELECT ?, ?, log, lsn, 0"
		" FROM dot WHERE log = ? AND lsn BETWEEN ? AND ?"
		" AND dead_log <> 0",
		"ibiii", (int64_t)peer, id.b, sizeof(id.b), row, (int64_t)first,
		(int64_t)last);
}

int owed_next(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct owed_place *at, size_t count, struct arena *arena,
	struct dot **ret, size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT log, lsn FROM owed WHERE peer = ? AND folder = ?"
		" AND (log, lsn) > (?, ?) ORDER BY log, lsn LIMIT ?",
		"ibiii", (int64_t)peer, folder->b, sizeof(folder->b), at->log,
		(int64_t)at->lsn, (int64_t)count);
	int rc = st ? 0 : ERR_IO;

	*ret = arena_alloc(arena, count * sizeof(**ret));
	*ret_count = 0;
	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		struct dot *dot = &(*ret)[(*ret_count)++];

		at->log = sqlite3_column_int64(st, 0);
		at->lsn = dot->lsn = (uint64_t)sqlite3_column_int64(st, 1);
		rc = log_of_row(r, at->log, &dot->log, err);
	}
	if (rc < 0 && st)
		sqlite3_reset(st);
	return rc;
}

/* ---- when it is over ---- */

int comparing_agreed(struct replica *r, uint64_t peer,
	const struct id128 *folder, struct err *err)
{
	int rc = gap_agrees(r, peer, folder, err);

	if (rc >= 0)
		rc = gap_made_good(r, peer, folder, err);
	/* An answer that is due is still to be told. */
	return rc < 0 ? rc
		      : sql_run(r, err,
				"DELETE FROM comparing WHERE (role = ?1"
				" OR due = 0) AND peer = ?2 AND folder IN"
				" (SELECT b.fid FROM alias a JOIN alias b"
				"  ON b.folder = a.folder WHERE a.fid = ?3)",
				"iib", (int64_t)COMPARING_ASKS, (int64_t)peer,
				folder->b, sizeof(folder->b));
}
