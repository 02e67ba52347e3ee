/*
 * shipping: what peers acknowledged and want, and what is under way to them.
 */
#include <string.h>

#include "inventory.h"
#include "late.h"
#include "sql.h"
#include "viewed.h"

int replica_ack_get(struct replica *r, uint64_t peer, int64_t log,
	struct replica_ack *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT durable, chain, applied FROM ack WHERE peer = ?"
		" AND log = ?",
		"ii", (int64_t)peer, log);

	*ret = (struct replica_ack){.log = log};
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc > 0) {
		ret->durable = (uint64_t)sqlite3_column_int64(st, 0);
		ret->chain = (uint64_t)sqlite3_column_int64(st, 1);
		ret->applied = (uint64_t)sqlite3_column_int64(st, 2);
		sqlite3_reset(st);
	}
	return rc < 0 ? rc : 0;
}

int replica_ack_most(
	struct replica *r, int64_t log, uint64_t *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT coalesce(max(durable), 0) FROM ack WHERE log = ?", "i",
		log);

	*ret = 0;
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc > 0) {
		*ret = (uint64_t)sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
	}
	return rc < 0 ? rc : 0;
}

static int forget_peer(struct replica *r, uint64_t peer, struct err *err)
{
	int rc = sql_run(
		r, err, "DELETE FROM ack WHERE peer = ?", "i", (int64_t)peer);

	if (rc >= 0)
		rc = sql_run(r, err, "DELETE FROM sent WHERE peer = ?", "i",
			(int64_t)peer);
	if (rc >= 0)
		rc = sql_run(r, err, "DELETE FROM sent_body WHERE peer = ?",
			"i", (int64_t)peer);
	if (rc >= 0)
		rc = sql_run(r, err, "DELETE FROM released WHERE peer = ?", "i",
			(int64_t)peer);
	return rc < 0 ? rc : late_forget(r, peer, err);
}

char *replica_peer_key(const char *what, uint64_t peer)
{
	return mem_printf("%s %016llx", what, (unsigned long long)peer);
}

int replica_peer_forget(struct replica *r, uint64_t peer, struct err *err)
{
	static const char *const tables[] = {
		"DELETE FROM ack_order WHERE peer = ?",
		"DELETE FROM spoken WHERE peer = ?",
		"DELETE FROM want WHERE peer = ?",
		"DELETE FROM stated WHERE peer = ?",
		"DELETE FROM gap WHERE peer = ?",
		"DELETE FROM comparing WHERE peer = ?",
		"DELETE FROM owed WHERE peer = ?",
		"DELETE FROM view WHERE peer = ?",
		"DELETE FROM awaited WHERE peer = ?",
		"DELETE FROM gone WHERE peer = ?",
		"DELETE FROM whole WHERE peer = ?"};
	static const char *const metas[] = {"heard", "told", "answered",
		"asked", "answer", "gone", "asks", "states", "tables", "ahead",
		"refused", "unasked", "lacked", "asks brief", "wants more",
		"inbox apart", "relays"};
	int rc = forget_peer(r, peer, err);

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables) && rc >= 0; i++)
		rc = sql_run(r, err, tables[i], "i", (int64_t)peer);
	for (size_t i = 0; i < sizeof(metas) / sizeof(*metas) && rc >= 0; i++) {
		AUTO_FREE char *key = replica_peer_key(metas[i], peer);

		rc = sql_run(
			r, err, "DELETE FROM meta WHERE key = ?", "t", key);
	}
	return rc;
}

/* A new state over there: what the old one knew is void; but it tells what may
   be in its mail. */
static int forget_knowledge(struct replica *r, uint64_t peer, struct err *err)
{
	int rc = whole_note_unplaced(r, peer, err);

	return rc < 0 ? rc : forget_peer(r, peer, err);
}

int replica_ack_order(struct replica *r, uint64_t peer, uint64_t incarnation,
	uint64_t count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT incarnation, count FROM ack_order WHERE peer = ?", "i",
		(int64_t)peer);
	bool same = false, older = false;
	int known = st ? sql_step(r, st, err) : ERR_IO, rc = 0;

	if (known < 0)
		return known;
	if (known > 0) {
		same = (uint64_t)sqlite3_column_int64(st, 0) == incarnation;
		older = same && (uint64_t)sqlite3_column_int64(st, 1) >= count;
		sqlite3_reset(st);
	}
	if (older)
		return 1;
	if (known > 0 && !same)
		rc = forget_knowledge(r, peer, err);
	if (rc >= 0 && !same)
		rc = view_void(r, peer, incarnation, err);
	if (rc < 0)
		return rc;
	return sql_run(r, err,
		"INSERT OR REPLACE INTO ack_order VALUES(?, ?, ?)", "iii",
		(int64_t)peer, (int64_t)incarnation, (int64_t)count);
}

int replica_ack_set(struct replica *r, uint64_t peer,
	const struct replica_ack *ack, struct err *err)
{
	int rc = sql_run(r, err,
		"INSERT OR REPLACE INTO ack VALUES(?, ?, ?, ?, ?)", "iiiii",
		(int64_t)peer, ack->log, (int64_t)ack->durable,
		(int64_t)ack->chain, (int64_t)ack->applied);

	if (rc < 0)
		return rc;
	return sql_run(r, err,
		"DELETE FROM sent WHERE peer = ? AND log = ? AND lsn <= ?",
		"iii", (int64_t)peer, ack->log, (int64_t)ack->durable);
}

int replica_ack_lower(struct replica *r, uint64_t peer, int64_t log,
	uint64_t after, struct err *err)
{
	int rc = sql_run(r, err,
		"UPDATE ack SET durable = ?3, applied = min(applied, ?3),"
		" chain = ifnull((SELECT m.chain FROM met m WHERE m.log = ?2"
		" AND m.lsn = ?3), 0) WHERE peer = ?1 AND log = ?2"
		" AND durable > ?3",
		"iii", (int64_t)peer, log, (int64_t)after);

	if (rc < 0)
		return rc;
	return sql_run(r, err,
		"DELETE FROM sent WHERE peer = ? AND log = ? AND lsn > ?",
		"iii", (int64_t)peer, log, (int64_t)after);
}

/* Whether it said all is kept: without it nobody knows what it has. */
static int note_all(struct replica *r, uint64_t peer, bool all, struct err *err)
{
	AUTO_FREE char *key = replica_peer_key("wants more", peer);
	int64_t more = 0;
	int rc = replica_meta_get(r, key, &more, err);

	return rc < 0 || !more == all ? rc
				      : replica_meta_set(r, key, !all, err);
}

int replica_want_clear(
	struct replica *r, uint64_t peer, bool all, struct err *err)
{
	int rc = note_all(r, peer, all, err);

	if (rc < 0)
		return rc;
	return sql_run(r, err,
		"DELETE FROM want WHERE peer = ?1 AND (kept = 0 OR (?2 AND"
		" EXISTS(SELECT 1 FROM message m JOIN dot d ON d.message = m.id"
		" JOIN ack a ON a.peer = ?1 AND a.log = d.log"
		" AND a.durable >= d.lsn WHERE m.hash = want.hash)))",
		"ii", (int64_t)peer, (int64_t)all);
}

int replica_want_add(struct replica *r, uint64_t peer, const struct hash *hash,
	uint64_t offset, bool previewed, struct err *err)
{
	return sql_run(r, err,
		"INSERT INTO want VALUES(?, ?, ?, 0, ?)"
		" ON CONFLICT DO UPDATE SET at = excluded.at,"
		" previewed = excluded.previewed",
		"ibii", (int64_t)peer, hash->b, sizeof(hash->b),
		(int64_t)offset, (int64_t)previewed);
}

int replica_wants(struct replica *r, uint64_t peer, struct arena *arena,
	struct replica_want **ret, size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT hash, at FROM want WHERE peer = ? ORDER BY hash", "i",
		(int64_t)peer);
	struct replica_want *list = NULL;
	size_t count = 0;
	int rc;

	if (!st)
		return ERR_IO;
	while ((rc = sql_step(r, st, err)) > 0) {
		list = arena_room(arena, list, count, sizeof(*list));
		sql_blob(st, 0, list[count].hash.b, HASH_SIZE);
		list[count++].offset = (uint64_t)sqlite3_column_int64(st, 1);
	}
	*ret = list;
	*ret_count = count;
	return rc;
}

const struct id128 replica_sent_live = {
	{'l', 'i', 'v', 'e', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};

int replica_sent_add(struct replica *r, uint64_t peer, const char *link,
	const struct id128 *medium, const struct replica_sent *sent,
	struct err *err)
{
	return sql_run(r, err,
		"INSERT OR REPLACE INTO sent VALUES(?, ?, ?, ?, ?, ?, ?)",
		"itbiiii", (int64_t)peer, link, medium->b, sizeof(medium->b),
		(int64_t)sent->sequence, sent->log, (int64_t)sent->lsn,
		(int64_t)sent->chain);
}

#define HANDED_KEPT 64 /* of each log; as many as a parcel may name */

int replica_handed_add(struct replica *r, uint64_t peer, int64_t log,
	const struct replica_end *end, struct err *err)
{
	int rc = sql_run(r, err,
		"INSERT OR REPLACE INTO handed VALUES(?, ?, ?, ?)", "iiii",
		(int64_t)peer, log, (int64_t)end->lsn, (int64_t)end->chain);

	if (rc < 0)
		return rc;
	return sql_run(r, err,
		"DELETE FROM handed WHERE peer = ?1 AND log = ?2 AND lsn <="
		" (SELECT lsn FROM handed WHERE peer = ?1 AND log = ?2"
		" ORDER BY lsn DESC LIMIT 1 OFFSET ?3)",
		"iii", (int64_t)peer, log, (int64_t)HANDED_KEPT);
}

int replica_handed(struct replica *r, uint64_t peer, int64_t log,
	uint64_t after, uint64_t before, struct arena *arena,
	struct replica_end **ret, size_t *ret_count, struct err *err)
{
	struct replica_end *list =
		arena_alloc(arena, HANDED_KEPT * sizeof(*list));
	sqlite3_stmt *st = sql(r, err,
		"SELECT lsn, chain FROM handed WHERE peer = ? AND log = ?"
		" AND lsn > ? AND lsn < ? ORDER BY lsn LIMIT ?",
		"iiiii", (int64_t)peer, log, (int64_t)after, (int64_t)before,
		(int64_t)HANDED_KEPT);
	size_t count = 0;
	int rc = st ? 0 : ERR_IO;

	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0)
		list[count++] = (struct replica_end){
			(uint64_t)sqlite3_column_int64(st, 0),
			(uint64_t)sqlite3_column_int64(st, 1)};
	*ret = list;
	*ret_count = count;
	return rc;
}

int replica_sent_body(struct replica *r, uint64_t peer, const char *link,
	const struct id128 *medium, uint64_t sequence, const struct hash *hash,
	struct err *err)
{
	return sql_run(r, err,
		"INSERT OR REPLACE INTO sent_body VALUES(?, ?, ?, ?, ?)",
		"itbib", (int64_t)peer, link, medium->b, sizeof(medium->b),
		(int64_t)sequence, hash->b, sizeof(hash->b));
}

int replica_sent_forget(struct replica *r, uint64_t peer, const char *link,
	const struct id128 *medium, struct err *err)
{
	int rc = sql_run(r, err,
		"DELETE FROM sent WHERE peer = ? AND link = ? AND medium = ?",
		"itb", (int64_t)peer, link, medium->b, sizeof(medium->b));

	if (rc < 0)
		return rc;
	return sql_run(r, err,
		"DELETE FROM sent_body WHERE peer = ? AND link = ?"
		" AND medium = ?",
		"itb", (int64_t)peer, link, medium->b, sizeof(medium->b));
}

int replica_sent_sequences(struct replica *r, uint64_t peer, const char *link,
	const struct id128 *medium, struct arena *arena, uint64_t **ret,
	size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT DISTINCT sequence FROM sent_body WHERE peer = ?"
		" AND link = ? AND medium = ? ORDER BY sequence",
		"itb", (int64_t)peer, link, medium->b, sizeof(medium->b));
	uint64_t *list = NULL;
	size_t count = 0;
	int rc;

	if (!st)
		return ERR_IO;
	while ((rc = sql_step(r, st, err)) > 0) {
		list = arena_room(arena, list, count, sizeof(*list));
		list[count++] = (uint64_t)sqlite3_column_int64(st, 0);
	}
	*ret = list;
	*ret_count = count;
	return rc;
}

int replica_sent_bodies_forget(struct replica *r, uint64_t peer,
	const char *link, const struct id128 *medium, uint64_t sequence,
	struct err *err)
{
	return sql_run(r, err,
		"DELETE FROM sent_body WHERE peer = ? AND link = ?"
		" AND medium = ? AND sequence = ?",
		"itbi", (int64_t)peer, link, medium->b, sizeof(medium->b),
		(int64_t)sequence);
}

int replica_sent_list(struct replica *r, uint64_t peer, const char *link,
	const struct id128 *medium, struct arena *arena,
	struct replica_sent **ret, size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT sequence, log, lsn, chain FROM sent WHERE peer = ?"
		" AND link = ? AND medium = ? ORDER BY sequence, log",
		"itb", (int64_t)peer, link, medium->b, sizeof(medium->b));
	struct replica_sent *list = NULL;
	size_t count = 0;
	int rc;

	if (!st)
		return ERR_IO;
	while ((rc = sql_step(r, st, err)) > 0) {
		list = arena_room(arena, list, count, sizeof(*list));
		list[count++] = (struct replica_sent){
			(uint64_t)sqlite3_column_int64(st, 0),
			sqlite3_column_int64(st, 1),
			(uint64_t)sqlite3_column_int64(st, 2),
			(uint64_t)sqlite3_column_int64(st, 3)};
	}
	*ret = list;
	*ret_count = count;
	return rc;
}

int replica_sent_has_body(struct replica *r, uint64_t peer, const char *link,
	const struct id128 *medium, const struct hash *hash, struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM sent_body WHERE peer = ? AND link = ?"
			" AND medium = ? AND hash = ?",
			"itbb", (int64_t)peer, link, medium->b,
			sizeof(medium->b), hash->b, sizeof(hash->b)),
		err);
}
