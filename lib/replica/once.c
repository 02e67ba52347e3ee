/*
 * once: what mails are and were called, for states that join (joining.h).
 *
 * Beside the mail that such a state finds may lie what was expunged long ago,
 * and under the name that it had before it was moved. So a tombstone keeps what
 * its mail was at last, in its row; and what it was when it was born, and after
 * each move but the last, is kept in table once. While the mail lives its
 * births are told with it: then only the names in between are there.
 */
#include "joining.h"
#include "registers.h"
#include "view_private.h"
#include "wire.h"

struct id128 content_id(
	const char *base, uint64_t size, const struct hash *hash)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct id128 id;

	wire_add_u64(&b, size);
	buf_add(&b, hash->b, sizeof(hash->b));
	buf_add_str(&b, base);
	hash_long(id.b, sizeof(id.b), b.data, b.len, NULL, 0);
	return id;
}

static int insert(struct replica *r, const struct id128 *content,
	int64_t message, struct err *err)
{
	return sql_run(r, err, "INSERT OR IGNORE INTO once VALUES(?, ?)", "bi",
		content->b, sizeof(content->b), message);
}

int once_note(
	struct replica *r, int64_t message, const char *base, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT size, hash FROM message WHERE id = ? AND base <> ?",
		"it", message, base);
	int rc = st ? sql_step(r, st, err) : ERR_IO;
	struct hash hash;

	if (rc <= 0)
		return rc;
	uint64_t size = (uint64_t)sqlite3_column_int64(st, 0);
	sql_blob(st, 1, hash.b, sizeof(hash.b));
	sqlite3_reset(st);
	struct id128 content = content_id(base, size, &hash);
	return insert(r, &content, message, err);
}

int once_join(struct replica *r, int64_t x, int64_t y, struct err *err)
{
	return sql_run(r, err,
		"UPDATE OR REPLACE once SET message = ? WHERE message = ?",
		"ii", y, x);
}

int dot_note_content(struct replica *r, int64_t log, uint64_t lsn,
	int64_t message, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	sqlite3_stmt *st = sql(r, err,
		"SELECT m.base, m.size, m.hash, ifnull(b.base, m.birth_base)"
		" FROM message m LEFT JOIN birth b ON b.log = ?2"
		" AND b.lsn = ?3 WHERE m.id = ?1",
		"iii", message, log, (int64_t)lsn);
	int rc = st ? sql_step(r, st, err) : ERR_IO;
	struct hash hash;

	if (rc <= 0)
		return rc;
	const char *base = sql_text(st, 0, &arena);
	uint64_t size = (uint64_t)sqlite3_column_int64(st, 1);
	sql_blob(st, 2, hash.b, sizeof(hash.b));
	const char *born = sql_text(st, 3, &arena);
	sqlite3_reset(st);
	struct id128 last = content_id(base, size, &hash);
	struct id128 first = content_id(born, size, &hash);
	rc = sql_run(r, err,
		"UPDATE dot SET content = ? WHERE log = ? AND lsn = ?", "bii",
		last.b, sizeof(last.b), log, (int64_t)lsn);
	if (rc >= 0 && *born && !id_equal(&first, &last))
		rc = insert(r, &first, 0, err);
	return rc;
}

/* ---- told, and asked for ---- */

/* Of a tombstone in the log of a folder that the peer is not shown it is not
   told; nor of names that no tombstone gives a folder to, if it is not shown
   all. */
#define GONE_TOLD                                                              \
	"SELECT d.content FROM dot d JOIN log l ON l.id = d.log"               \
	" WHERE d.content IS NOT NULL AND NOT EXISTS(SELECT 1 FROM alias a"    \
	"  WHERE a.fid = l.folder AND a.folder IN (" VIEW_HIDDEN_ROWS "))"     \
	" UNION SELECT content FROM once WHERE NOT EXISTS(" VIEW_HIDDEN_ROWS   \
	")"

int gone_list(struct replica *r, uint64_t peer, const struct id128 *after,
	size_t max, struct arena *arena, struct id128 **ret, size_t *ret_count,
	struct err *err)
{
	static const struct id128 least;
	const struct id128 *from = after ? after : &least;
	sqlite3_stmt *st = sql(r, err,
		"SELECT content FROM (" GONE_TOLD ") WHERE content > ?2"
		" ORDER BY content LIMIT ?3",
		"ibi", (int64_t)peer, from->b, sizeof(from->b), (int64_t)max);
	struct id128 *list = arena_alloc(arena, (max + 1) * sizeof(*list));
	size_t count = 0;
	int rc = st ? 0 : ERR_IO;

	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0)
		sql_blob(st, 0, list[count++].b, sizeof(list->b));
	*ret = list;
	*ret_count = count;
	return rc;
}

int gone_count(struct replica *r, uint64_t peer, uint64_t *ret, struct err *err)
{
	int64_t count;
	int rc = sql_numbers(r,
		sql(r, err, "SELECT count(*) FROM (" GONE_TOLD ")", "i",
			(int64_t)peer),
		&count, 1, err);

	*ret = (uint64_t)count;
	return rc < 0 ? rc : 0;
}

int joining_gone(
	struct replica *r, const struct id128 *content, struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM gone WHERE content = ?1"
			" UNION ALL SELECT 1 FROM dot WHERE content = ?1"
			" UNION ALL SELECT 1 FROM once WHERE content = ?1 "
			"LIMIT 1",
			"b", content->b, sizeof(content->b)),
		err);
}

int joining_moved_on(struct replica *r, int64_t folder, const char *base,
	const struct hash *hash, struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM message m WHERE m.hash = ?3 AND m.dead "
			"= 0"
			" AND (m.folder <> ?1 OR m.base <> ?2)"
			" AND ((m.birth_folder = ?1 AND m.birth_base = ?2)"
			"  OR EXISTS(SELECT 1 FROM dot d JOIN birth b ON b.log "
			"= d.log"
			"   AND b.lsn = d.lsn JOIN log l ON l.id = d.log"
			"   JOIN alias a ON a.fid = l.folder"
			"   WHERE d.message = m.id AND b.base = ?2"
			"   AND a.folder = ?1)) LIMIT 1",
			"itb", folder, base, hash->b, sizeof(hash->b)),
		err);
}
