#include "previews.h"

#include <string.h>

#include "registers.h"

static int is_awaited(
	struct replica *r, const struct hash *held, struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM message WHERE hash = ? AND dead = 0"
			" AND p_folder = 0 LIMIT 1",
			"b", held->b, sizeof(held->b)),
		err);
}

int previews_take(struct replica *r, const struct preview *p, struct err *err)
{
	int rc = is_awaited(r, &p->held, err);

	if (rc > 0)
		rc = previews_has(r, &p->held, err);
	else if (rc == 0)
		return 1;
	if (rc != 0)
		return rc;
	return sql_run(r, err,
		"INSERT INTO preview VALUES(?1, ?2, ?3, 0)"
		" ON CONFLICT DO UPDATE SET content = ?2, size = ?3, over = 0",
		"bbi", p->held.b, sizeof(p->held.b), p->content.b,
		sizeof(p->content.b), (int64_t)p->size);
}

int previews_remember(
	struct replica *r, const struct preview *p, struct err *err)
{
	return sql_run(r, err,
		"INSERT OR IGNORE INTO preview VALUES(?, ?, ?, 0)", "bbi",
		p->held.b, sizeof(p->held.b), p->content.b,
		sizeof(p->content.b), (int64_t)p->size);
}

int previews_has(struct replica *r, const struct hash *held, struct err *err)
{
	return sql_exists(r,
		sql(r, err, "SELECT 1 FROM preview WHERE held = ? AND over = 0",
			"b", held->b, sizeof(held->b)),
		err);
}

static int read_one(struct replica *r, sqlite3_stmt *st, struct preview *ret,
	struct err *err)
{
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc < 0 ? rc : 1;
	sql_blob(st, 0, ret->held.b, sizeof(ret->held.b));
	sql_blob(st, 1, ret->content.b, sizeof(ret->content.b));
	ret->size = (uint64_t)sqlite3_column_int64(st, 2);
	sqlite3_reset(st);
	return 0;
}

int previews_get(struct replica *r, const struct hash *held,
	struct preview *ret, struct err *err)
{
	return read_one(r,
		sql(r, err,
			"SELECT held, content, size FROM preview"
			" WHERE held = ? AND over = 0",
			"b", held->b, sizeof(held->b)),
		ret, err);
}

int previews_was_placed(struct replica *r, const struct hash *held,
	int64_t folder, struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM previewed WHERE held = ? AND folder = ?",
			"bi", held->b, sizeof(held->b), folder),
		err);
}

int previews_lost(
	struct replica *r, const struct hash *content, struct err *err)
{
	return sql_run(r, err, "DELETE FROM preview WHERE content = ?", "b",
		content->b, sizeof(content->b));
}

int previews_contents(struct replica *r, struct arena *arena, struct hash **ret,
	size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st =
		sql(r, err, "SELECT content FROM preview WHERE over = 0", "");
	struct hash *list = NULL;
	size_t count = 0;
	int rc = st ? 0 : ERR_IO;

	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		list = arena_room(arena, list, count, sizeof(*list));
		sql_blob(st, 0, list[count].b, sizeof(list[count].b));
		count++;
	}
	*ret = list;
	*ret_count = count;
	return rc < 0 ? rc : 0;
}

bool previews_is_name(const char *base, const struct hash *held)
{
	struct preview p = {.held = *held};
	AUTO_FREE char *name = previews_base(&p, 0);
	size_t digits = strspn(base, "0123456789");
	size_t len = strlen(name) - 2; /* without "0" and its size */

	return strncmp(base + digits, name + 1, len) == 0;
}

char *previews_base(const struct preview *p, int64_t mtime)
{
	char hex[HASH_HEX];

	hash_hex(&p->held, hex);
	return mem_printf("%llu.Held%s,S=%llu",
		(unsigned long long)(mtime > 0 ? mtime : 0), hex,
		(unsigned long long)p->size);
}

/* Is it where, and as what, it would have been placed? */
static int is_ours(struct replica *r, const struct preview *p,
	const struct replica_message *m, struct err *err)
{
	AUTO_FREE char *base = previews_base(p, m->mtime);

	if (strcmp(base, m->p_base) != 0)
		return 0;
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM message WHERE hash = ? AND dead = 0"
			" AND p_folder = 0 AND folder = ? LIMIT 1",
			"bi", p->held.b, sizeof(p->held.b), m->p_folder),
		err);
}

static int record(struct replica *r, const struct preview *p,
	const struct replica_message *m, bool ours, struct err *err)
{
	int rc = replica_stray(r, m, err);
	int64_t id = sqlite3_last_insert_rowid(r->db);

	if (rc >= 0 && !ours)
		rc = sql_run(r, err,
			"UPDATE message SET folder = 0 WHERE id = ?", "i", id);
	if (rc >= 0 && ours)
		rc = sql_run(r, err,
			"INSERT OR IGNORE INTO previewed VALUES(?, ?)", "bi",
			p->held.b, sizeof(p->held.b), m->p_folder);
	/* So that what is there is looked after again. */
	if (rc >= 0)
		rc = sql_run(r, err,
			"UPDATE preview SET over = 0 WHERE held = ?"
			" AND over = 1",
			"b", p->held.b, sizeof(p->held.b));
	return rc < 0 ? rc : message_todo(r, id, err);
}

int previews_found(
	struct replica *r, const struct replica_message *m, struct err *err)
{
	struct preview p;
	int rc = read_one(r,
		sql(r, err,
			"SELECT held, content, size FROM preview"
			" WHERE content = ?",
			"b", m->hash.b, sizeof(m->hash.b)),
		&p, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	int ours = is_ours(r, &p, m, err);
	rc = ours < 0 ? ours : record(r, &p, m, ours > 0, err);
	return rc < 0 ? rc : 1;
}

/* Rows of previews that stood, and do no more. */
static int settle(struct replica *r, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	int64_t *ids;
	size_t count;
	int rc = sql_ids(r,
		sql(r, err,
			"SELECT message.id FROM preview v"
			" JOIN message ON message.hash = v.content"
			" WHERE v.over = 0 AND dead = 1 AND todo = 0"
			" AND p_folder <> 0 AND NOT " MESSAGE_STANDS,
			""),
		&arena, &ids, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = message_todo(r, ids[i], err);
	if (rc >= 0)
		rc = sql_run(r, err,
			"UPDATE preview SET over = 1 WHERE over = 0"
			" AND NOT EXISTS(SELECT 1 FROM message m"
			"  WHERE m.hash = preview.held AND m.dead = 0"
			"  AND m.p_folder = 0)"
			" AND NOT EXISTS(SELECT 1 FROM message m"
			"  WHERE m.hash = preview.content"
			"  AND m.p_folder <> 0)",
			"");
	if (rc >= 0)
		rc = sql_run(r, err,
			"DELETE FROM previewed WHERE NOT EXISTS(SELECT 1"
			" FROM preview v WHERE v.held = previewed.held"
			" AND v.over = 0)",
			"");
	return rc < 0 ? rc : count > 0;
}

int previews_settle(struct replica *r, struct err *err)
{
	int any = sql_exists(r,
		sql(r, err, "SELECT 1 FROM preview WHERE over = 0 LIMIT 1", ""),
		err);

	if (any <= 0)
		return any;
	int rc = replica_begin(r, err);
	int settled = rc < 0 ? rc : settle(r, err);

	rc = settled < 0 ? settled : replica_commit(r, err);
	replica_rollback(r);
	return rc < 0 ? rc : settled;
}
