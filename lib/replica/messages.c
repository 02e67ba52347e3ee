/*
 * messages: read message rows; record what is placed.
 */
#include <stdlib.h>
#include <string.h>

#include "damage.h"
#include "flagset.h"
#include "registers.h"

#define MESSAGE_COLUMNS                                                        \
	"SELECT m.id, m.folder, m.place_stamp, m.place_log, m.place_lsn,"      \
	" m.base, m.size, m.mtime, m.hash, m.extra, m.letters, m.keywords,"    \
	" m.uid, m.dead, m.todo, m.p_folder, m.p_base, m.p_letters,"           \
	" m.p_keywords, m.p_extra, m.p_uid, m.p_ino, m.copied_from,"           \
	" m.logged_ms, m.waits_ms, m.damage, m.damage_ms, m.damage_ctime"      \
	" FROM message m "

static int read_message(struct replica *r, sqlite3_stmt *st,
	struct arena *arena, struct replica_message *m, struct err *err)
{
	memset(m, 0, sizeof(*m));
	m->id = sqlite3_column_int64(st, 0);
	m->folder = sqlite3_column_int64(st, 1);
	m->place_by.stamp = (uint64_t)sqlite3_column_int64(st, 2);
	m->place_by.lsn = (uint64_t)sqlite3_column_int64(st, 4);
	m->base = sql_text(st, 5, arena);
	m->size = (uint64_t)sqlite3_column_int64(st, 6);
	m->mtime = sqlite3_column_int64(st, 7);
	sql_blob(st, 8, m->hash.b, sizeof(m->hash.b));
	m->extra = sql_text(st, 9, arena);
	m->letters = sql_text(st, 10, arena);
	m->keywords = sql_text(st, 11, arena);
	m->uid = (uint32_t)sqlite3_column_int64(st, 12);
	m->dead = sqlite3_column_int64(st, 13) != 0;
	m->todo = (int)sqlite3_column_int64(st, 14);
	m->p_folder = sqlite3_column_int64(st, 15);
	m->p_base = sql_text(st, 16, arena);
	m->p_letters = sql_text(st, 17, arena);
	m->p_keywords = sql_text(st, 18, arena);
	m->p_extra = sql_text(st, 19, arena);
	m->p_uid = (uint32_t)sqlite3_column_int64(st, 20);
	m->p_ino = (uint64_t)sqlite3_column_int64(st, 21);
	m->copied_from = sqlite3_column_int64(st, 22);
	m->logged_ms = sqlite3_column_int64(st, 23);
	m->waits_ms = sqlite3_column_int64(st, 24);
	m->damage = (int)sqlite3_column_int64(st, 25);
	m->damage_ms = sqlite3_column_int64(st, 26);
	m->damage_ctime = sqlite3_column_int64(st, 27);
	return log_of_row(
		r, sqlite3_column_int64(st, 3), &m->place_by.log, err);
}

/* The oldest living dot: of several, every site takes the same. */
static int read_dot(
	struct replica *r, struct replica_message *m, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT d.log, d.lsn FROM dot d JOIN log l ON l.id = d.log"
		" WHERE d.message = ? AND d.dead_log = 0"
		" ORDER BY l.origin, l.incarnation, l.folder, d.lsn LIMIT 1",
		"i", m->id);
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc;
	m->dot.lsn = (uint64_t)sqlite3_column_int64(st, 1);
	int64_t log = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return log_of_row(r, log, &m->dot.log, err);
}

static int one_message(struct replica *r, sqlite3_stmt *st, struct arena *arena,
	struct replica_message *ret, struct err *err)
{
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	rc = read_message(r, st, arena, ret, err);
	sqlite3_reset(st);
	return rc < 0 ? rc : read_dot(r, ret, err);
}

int replica_message_dot(
	struct replica *r, struct replica_message *m, struct err *err)
{
	return read_dot(r, m, err);
}

int replica_message_get(struct replica *r, int64_t id, struct arena *arena,
	struct replica_message *ret, struct err *err)
{
	return one_message(r,
		sql(r, err, MESSAGE_COLUMNS "WHERE m.id = ?", "i", id), arena,
		ret, err);
}

int replica_message_by_dot(struct replica *r, const struct dot *dot,
	struct arena *arena, struct replica_message *ret, struct err *err)
{
	int64_t log = log_row(r, &dot->log, false, err);

	if (log <= 0)
		return log < 0 ? (int)log : 1;
	return one_message(r,
		sql(r, err,
			MESSAGE_COLUMNS
			"JOIN dot d ON d.message = m.id WHERE d.log = ?"
			" AND d.lsn = ? AND d.dead_log = 0",
			"ii", log, (int64_t)dot->lsn),
		arena, ret, err);
}

int replica_message_unplaced(struct replica *r, int64_t folder,
	const char *base, struct arena *arena, struct replica_message *ret,
	struct err *err)
{
	return one_message(r,
		sql(r, err,
			MESSAGE_COLUMNS
			"WHERE m.folder = ?1 AND m.base = ?2 AND m.dead = 0"
			" AND m.p_folder <> ?1 ORDER BY m.id LIMIT 1",
			"it", folder, base),
		arena, ret, err);
}

int replica_message_with_ino(struct replica *r, uint64_t ino, uint64_t size,
	int64_t after, struct arena *arena, struct replica_message *ret,
	struct err *err)
{
	return one_message(r,
		sql(r, err,
			MESSAGE_COLUMNS
			"WHERE m.p_ino = ? AND (m.size = ? OR m.damage <> 0)"
			" AND m.p_folder <> 0"
			" AND m.dead = 0 AND m.id > ? ORDER BY m.id LIMIT 1",
			"iii", (int64_t)ino, (int64_t)size, after),
		arena, ret, err);
}

int replica_message_by_hash(struct replica *r, const struct hash *hash,
	const char *base, struct arena *arena, struct replica_message *ret,
	struct err *err)
{
	return one_message(r,
		sql(r, err,
			MESSAGE_COLUMNS "WHERE m.hash = ?1 AND m.p_folder <> 0"
					" AND (?2 IS NULL OR m.p_base = ?2)"
					" AND m.damage = 0"
					" ORDER BY m.dead, m.id LIMIT 1",
			"bt", hash->b, sizeof(hash->b), base),
		arena, ret, err);
}

int replica_message_with_hash(struct replica *r, const struct hash *hash,
	const char *base, int64_t after, struct arena *arena,
	struct replica_message *ret, struct err *err)
{
	return one_message(r,
		sql(r, err,
			MESSAGE_COLUMNS
			"WHERE m.hash = ?1 AND m.p_folder <> 0 AND m.dead = 0"
			" AND (?2 IS NULL OR m.p_base = ?2) AND m.id > ?3"
			" ORDER BY m.id LIMIT 1",
			"bti", hash->b, sizeof(hash->b), base, after),
		arena, ret, err);
}

int replica_message_with_guid(struct replica *r, const struct hash *hash,
	const char *guid, int64_t after, struct arena *arena,
	struct replica_message *ret, struct err *err)
{
	return one_message(r,
		sql(r, err,
			MESSAGE_COLUMNS
			"WHERE m.hash = ?1 AND m.p_folder <> 0 AND m.dead = 0"
			" AND (m.p_base = ?2 OR"
			" instr(' ' || m.p_extra || ' ', ' G' || ?2 || ' '))"
			" AND m.id > ?3 ORDER BY m.id LIMIT 1",
			"bti", hash->b, sizeof(hash->b), guid, after),
		arena, ret, err);
}

int replica_message_leaving(struct replica *r, int64_t folder, const char *base,
	uint32_t uid, const struct hash *hash, struct arena *arena,
	struct replica_message *ret, struct err *err)
{
	return one_message(r,
		sql(r, err,
			MESSAGE_COLUMNS
			"WHERE m.p_folder = ?1 AND m.p_base = ?2"
			" AND (?3 = 0 OR m.p_uid = ?3) AND m.hash = ?4"
			" AND (m.dead OR m.folder <> ?1) LIMIT 1",
			"itib", folder, base, (int64_t)uid, hash->b,
			sizeof(hash->b)),
		arena, ret, err);
}

int replica_message_nowhere(struct replica *r, const struct hash *hash,
	const char *base, struct arena *arena, struct replica_message *ret,
	struct err *err)
{
	return one_message(r,
		sql(r, err,
			MESSAGE_COLUMNS
			"WHERE m.hash = ?1 AND m.dead = 0 AND m.p_folder = 0"
			" AND m.todo <> 4"
			" AND (?2 IS NULL OR m.base = ?2 OR m.birth_base = ?2"
			"  OR EXISTS(SELECT 1 FROM dot d JOIN birth b"
			"   ON b.log = d.log AND b.lsn = d.lsn"
			"   WHERE d.message = m.id AND b.base = ?2))"
			" ORDER BY m.base <> ?2, m.id LIMIT 1",
			"bt", hash->b, sizeof(hash->b), base),
		arena, ret, err);
}

int replica_holds_mail(struct replica *r, struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM folder WHERE messages > 0"
			" AND NOT EXISTS(SELECT 1 FROM meta"
			"  WHERE key GLOB 'inbox apart *' AND value <> 0)"
			" LIMIT 1",
			""),
		err);
}

int replica_hash_awaited(
	struct replica *r, const struct hash *hash, struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM message WHERE hash = ?"
			" AND (p_folder = 0 OR damage <> 0) AND dead = 0"
			" AND todo <> 4 LIMIT 1",
			"b", hash->b, sizeof(hash->b)),
		err);
}

int replica_message_copy_of(struct replica *r, int64_t id, int64_t since_ms,
	struct arena *arena, struct replica_message *ret, struct err *err)
{
	return one_message(r,
		sql(r, err,
			MESSAGE_COLUMNS
			"WHERE m.copied_from = ? AND m.copied_from <> 0"
			" AND m.logged_ms >= ?"
			" AND m.dead = 0 AND m.p_folder <> 0"
			" ORDER BY m.id DESC LIMIT 1",
			"ii", id, since_ms),
		arena, ret, err);
}

/* The first column of all rows. */
/*
 * Rows are handed out from an array filled first, so that the callback may
 * write to the tables.
 */
#define EACH_CHUNK 512

struct chunk {
	struct replica_message *rows;
	size_t count;
	struct arena arena;
};

/* All rows of st, at most EACH_CHUNK; with their dots if so wanted. */
static int chunk_fill(struct replica *r, sqlite3_stmt *st, bool dots,
	struct chunk *c, struct err *err)
{
	int rc = 0;

	if (!st)
		return ERR_IO;
	if (!c->rows)
		c->rows = arena_alloc(&c->arena, EACH_CHUNK * sizeof(*c->rows));
	size_t from = c->count;
	while (c->count < EACH_CHUNK && (rc = sql_step(r, st, err)) > 0) {
		rc = read_message(r, st, &c->arena, &c->rows[c->count++], err);
		if (rc < 0)
			break;
	}
	sqlite3_reset(st);
	for (size_t i = from; dots && i < c->count && rc >= 0; i++)
		rc = read_dot(r, &c->rows[i], err);
	return rc < 0 ? rc : 0;
}

static int chunk_give(const struct chunk *c, replica_message_fn fn, void *arg,
	struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < c->count && rc >= 0; i++)
		rc = fn(arg, &c->rows[i], err);
	return rc < 0 ? rc : 0;
}

int replica_placed_each(struct replica *r, int64_t folder,
	replica_message_fn fn, void *arg, struct err *err)
{
	AUTO_BUF struct buf last = BUF_INIT;
	int64_t id = 0;
	bool more = true;
	int rc = 0;

	while (more && rc >= 0) {
		struct chunk c = {0};

		rc = reading_begin(r, err);
		if (rc >= 0)
			rc = chunk_fill(r,
				sql(r, err,
					MESSAGE_COLUMNS
					"WHERE m.p_folder = ?"
					" AND (m.p_base, m.id) > (?, ?)"
					" ORDER BY m.p_base, m.id LIMIT 512",
					"iti", folder, buf_str(&last), id),
				false, &c, err);
		more = rc >= 0 && c.count == EACH_CHUNK;
		if (more) {
			id = c.rows[c.count - 1].id;
			buf_clear(&last);
			buf_add_str(&last, c.rows[c.count - 1].p_base);
		}
		if (rc >= 0)
			rc = chunk_give(&c, fn, arg, err);
		reading_end(r);
		arena_free(&c.arena);
	}
	return rc;
}

int replica_placed_after(struct replica *r, int64_t folder, const char *base,
	size_t count, struct arena *arena, struct replica_message **ret,
	size_t *ret_count, struct err *err)
{
	struct chunk c = {0};
	int rc = reading_begin(r, err);

	if (rc >= 0)
		rc = chunk_fill(r,
			sql(r, err,
				MESSAGE_COLUMNS
				"WHERE m.p_folder = ? AND m.p_base > ?"
				" ORDER BY m.p_base, m.id LIMIT ?",
				"iti", folder, base,
				(int64_t)(count < EACH_CHUNK ? count
							     : EACH_CHUNK)),
			true, &c, err);
	reading_end(r);
	*ret = c.rows;
	*ret_count = c.count;
	*arena = c.arena;
	return rc;
}

/* The query's rows behind an id, EACH_CHUNK at most, by id. */
static int by_id_each(struct replica *r, const char *query,
	replica_message_fn fn, void *arg, struct err *err)
{
	int64_t id = 0;
	bool more = true;
	int rc = 0;

	while (more && rc >= 0) {
		struct chunk c = {0};

		rc = reading_begin(r, err);
		if (rc >= 0)
			rc = chunk_fill(
				r, sql(r, err, query, "i", id), true, &c, err);
		more = rc >= 0 && c.count == EACH_CHUNK;
		if (more)
			id = c.rows[c.count - 1].id;
		if (rc >= 0)
			rc = chunk_give(&c, fn, arg, err);
		reading_end(r);
		arena_free(&c.arena);
	}
	return rc;
}

int replica_damaged_each(
	struct replica *r, replica_message_fn fn, void *arg, struct err *err)
{
	return by_id_each(r,
		MESSAGE_COLUMNS
		"WHERE m.damage <> 0 AND m.dead = 0 AND m.p_folder <> 0"
		" AND m.id > ? ORDER BY m.id LIMIT 512",
		fn, arg, err);
}

int replica_bodiless_each(
	struct replica *r, replica_message_fn fn, void *arg, struct err *err)
{
	return by_id_each(r,
		MESSAGE_COLUMNS "WHERE m.p_folder = 0 AND m.dead = 0"
				" AND m.todo <> 4"
				" AND m.id > ? ORDER BY m.id LIMIT 512",
		fn, arg, err);
}

int replica_todo_list(struct replica *r, int64_t folder, struct arena *arena,
	int64_t **ret, size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT id FROM message WHERE id IN (SELECT id FROM message"
		" WHERE todo = 1 AND folder = ?1 UNION SELECT id FROM message"
		" WHERE todo = 1 AND p_folder = ?1)"
		" ORDER BY dead = 0, uid = 0, uid, id",
		"i", folder);

	return sql_ids(r, st, arena, ret, ret_count, err);
}

int replica_messages_each(struct replica *r, const int64_t *ids, size_t count,
	replica_message_fn fn, void *arg, size_t *ret_taken, struct err *err)
{
	int rc = 0;

	*ret_taken = 0;
	for (size_t at = 0; at < count && rc == 0;) {
		struct chunk c = {0};
		size_t end = count - at < EACH_CHUNK ? count : at + EACH_CHUNK;

		rc = reading_begin(r, err);
		for (; at < end && rc >= 0; at++)
			rc = chunk_fill(r,
				sql(r, err, MESSAGE_COLUMNS "WHERE m.id = ?",
					"i", ids[at]),
				true, &c, err);
		for (size_t i = 0; i < c.count && rc == 0; i++) {
			while (ids[*ret_taken] != c.rows[i].id)
				++*ret_taken; /* not there any more */
			rc = fn(arg, &c.rows[i], err);
			if (rc == 0)
				++*ret_taken;
		}
		if (rc == 0)
			*ret_taken = end;
		reading_end(r);
		arena_free(&c.arena);
	}
	return rc < 0 ? rc : 0;
}

int replica_missing(struct replica *r, int64_t folder, uint32_t uidnext,
	struct arena *arena, int64_t **ret, size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT id FROM message WHERE p_folder = 0 AND dead = 0"
		" AND todo <> 4 AND folder = ? AND uid > 0 AND uid < ?",
		"ii", folder, (int64_t)uidnext);

	return sql_ids(r, st, arena, ret, ret_count, err);
}

int replica_todo_folders(struct replica *r, struct arena *arena, int64_t **ret,
	size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT folder FROM message WHERE todo = 1 UNION"
		" SELECT p_folder FROM message WHERE todo = 1 AND p_folder"
		" <> 0",
		"");

	return sql_ids(r, st, arena, ret, ret_count, err);
}

int replica_message_place(struct replica *r, const struct replica_message *m,
	bool whole, struct err *err)
{
	int rc = sql_run(r, err,
		"UPDATE message SET p_folder = ?, p_base = ?, p_letters = ?,"
		" p_keywords = ?, p_extra = ?, p_uid = ?, p_ino = ?,"
		" copied_from = ?, logged_ms = ?, waits_ms = ?,"
		" damage = iif(?1 = 0, 0, damage) WHERE id = ?",
		"ittttiiiiii", m->p_folder, m->p_base, m->p_letters,
		m->p_keywords, m->p_extra, (int64_t)m->p_uid, (int64_t)m->p_ino,
		m->copied_from, m->logged_ms, m->waits_ms, m->id);
	if (rc >= 0)
		rc = message_todo(r, m->id, err);
	/* A UID that could not be had before cannot be had now. */
	if (rc >= 0 && (!whole || m->todo == 2))
		rc = sql_run(r, err,
			"UPDATE message SET todo = 2 WHERE id = ?1"
			" AND todo = 1 AND (?2 = 0 OR (dead = 0"
			" AND p_folder = folder AND NOT " MESSAGE_DIFFERS "))",
			"ii", m->id, (int64_t)whole);
	if (rc >= 0)
		rc = message_drop(r, m->id, err);
	return rc;
}

int replica_stray(
	struct replica *r, const struct replica_message *m, struct err *err)
{
	return sql_run(r, err,
		"INSERT INTO message(folder, base, size, mtime, hash, dead,"
		" todo, p_folder, p_base, p_letters, p_keywords, p_extra,"
		" p_uid, p_ino) VALUES(?, ?, ?, ?, ?, 1, iif(" FOLDER_REFUSED(
			"?1") ", 3, 1), ?, ?, ?, ?, ?, ?, ?)",
		"itiibittttii", m->p_folder, m->p_base, (int64_t)m->size,
		m->mtime, m->hash.b, sizeof(m->hash.b), m->p_folder, m->p_base,
		m->p_letters, m->p_keywords, m->p_extra, (int64_t)m->p_uid,
		(int64_t)m->p_ino);
}

/* Rows of (log, lsn), into the arena. */
static int dot_list(struct replica *r, sqlite3_stmt *st, struct arena *arena,
	struct dot **ret, size_t *ret_count, struct err *err)
{
	struct dot *list = NULL;
	size_t count = 0, cap = 0;
	int rc;

	*ret_count = 0;
	if (!st)
		return ERR_IO;
	while ((rc = sql_step(r, st, err)) > 0) {
		if (count == cap) {
			cap = cap ? 2 * cap : 4;
			struct dot *more =
				arena_alloc(arena, cap * sizeof(*more));
			if (count)
				memcpy(more, list, count * sizeof(*more));
			list = more;
		}
		list[count].lsn = (uint64_t)sqlite3_column_int64(st, 1);
		rc = log_of_row(r, sqlite3_column_int64(st, 0),
			&list[count++].log, err);
		if (rc < 0) {
			sqlite3_reset(st);
			return rc;
		}
	}
	*ret = list;
	*ret_count = count;
	return rc;
}

int replica_dots(struct replica *r, int64_t id, struct arena *arena,
	struct dot **ret, size_t *ret_count, struct err *err)
{
	return dot_list(r,
		sql(r, err,
			"SELECT log, lsn FROM dot WHERE message = ?"
			" AND dead_log = 0 ORDER BY log, lsn",
			"i", id),
		arena, ret, ret_count, err);
}

int replica_dots_with_hash(struct replica *r, const struct hash *hash,
	struct arena *arena, struct dot **ret, size_t *ret_count,
	struct err *err)
{
	return dot_list(r,
		sql(r, err,
			"SELECT d.log, d.lsn FROM message m JOIN dot d"
			" ON d.message = m.id WHERE m.hash = ? AND m.dead = 0"
			" AND d.dead_log = 0 LIMIT 64",
			"b", hash->b, sizeof(hash->b)),
		arena, ret, ret_count, err);
}

int replica_message_stamp(
	struct replica *r, int64_t id, uint64_t *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT place_stamp, uid_stamp, extra_stamp, guid_stamp"
		" FROM message WHERE id = ?",
		"i", id);

	*ret = 0;
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc;
	for (int i = 0; i < 4; i++) {
		uint64_t stamp = (uint64_t)sqlite3_column_int64(st, i);

		if (stamp > *ret)
			*ret = stamp;
	}
	sqlite3_reset(st);
	return 0;
}

static int flag_stamp(struct replica *r, int64_t id, const char *name,
	uint64_t *max, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT by_stamp FROM flag WHERE message = ? AND name = ?",
		"it", id, name);
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc > 0) {
		uint64_t stamp = (uint64_t)sqlite3_column_int64(st, 0);

		if (stamp > *max)
			*max = stamp;
		sqlite3_reset(st);
	}
	return rc < 0 ? rc : 0;
}

int replica_flags_stamp(struct replica *r, int64_t id, const char *letters,
	const char *keywords, uint64_t *ret, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	size_t len;
	int rc = 0;

	*ret = 0;
	for (; *letters && rc >= 0; letters++) {
		char name[3] = {'\\', *letters, 0};

		rc = flag_stamp(r, id, name, ret, err);
	}
	for (const char *k; rc >= 0 && (k = keyword_next(&keywords, &len));)
		rc = flag_stamp(r, id, arena_dup(&arena, k, len), ret, err);
	return rc;
}
