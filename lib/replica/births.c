/*
 * births: messages born, and dots that are one message.
 *
 * A message has one dot or more. Two dots are one message if they were born
 * alike (same base name and content in the same folder, both seeded from one
 * backup), or if a MOVE says so. What was met of a dot's birth is kept, once
 * in the message's own row and, for further dots, in table birth: whether two
 * were born alike is decided from the births, whatever happened since, and a
 * birth can be written out again. A dot that only a MOVE has named so far has
 * a birth with an empty base name. Of a copy of what was born in the same
 * folder that is kept, too (table apart): they are two messages, however alike.
 */
#include <string.h>

#include "births.h"
#include "fields.h"

int message_insert(struct replica *r, const struct change *c, int64_t by_log,
	int64_t folder, int64_t *ret, struct err *err)
{
	bool born = c->kind != CHANGE_MOVE;
	int uid_ok = folder_authority_ok(r, folder, c->by.log.origin, err);

	if (uid_ok < 0)
		return uid_ok;
	int rc = sql_run(r, err,
		"INSERT INTO message(folder, place_stamp, place_log,"
		" place_lsn, birth_folder, birth_base, birth_copy, moved,"
		" base, size, mtime, hash, extra, extra_stamp, extra_log,"
		" extra_lsn, guid_stamp, guid_log, guid_lsn, letters,"
		" keywords, uid, uid_stamp, uid_log, uid_lsn, todo)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
		" ?13, ?2, ?3, ?4, ?2, ?3, ?4, ?14, ?15, ?16, iif(?16, ?2, 0),"
		" iif(?16, ?3, 0), iif(?16, ?4, 0),"
		" iif(" FOLDER_REFUSED("?1") ", 4, 1))",
		"iiiiitiitiibttti", folder, (int64_t)c->by.stamp, by_log,
		(int64_t)c->by.lsn, born ? folder : (int64_t)0,
		born ? c->base : "", (int64_t)(c->kind == CHANGE_COPY),
		(int64_t)!born, c->base, (int64_t)c->size, c->mtime, c->hash.b,
		sizeof(c->hash.b), c->extra, c->add.letters, c->add.keywords,
		uid_ok ? (int64_t)c->uid : (int64_t)0);
	if (rc < 0)
		return rc;
	*ret = sqlite3_last_insert_rowid(r->db);
	return 0;
}

/* ---- births of further dots ---- */

/* c NULL: known by a MOVE only. */
static int birth_insert(struct replica *r, int64_t log, uint64_t lsn,
	const struct change *c, struct err *err)
{
	return sql_run(r, err,
		"INSERT OR REPLACE INTO birth VALUES(?, ?, ?, ?, ?)", "iiiit",
		log, (int64_t)lsn, c ? (int64_t)c->by.stamp : (int64_t)0,
		(int64_t)(c && c->kind == CHANGE_COPY), c ? c->base : "");
}

int named_dot_insert(struct replica *r, const struct dot_row *row, uint64_t lsn,
	int64_t message, struct err *err)
{
	int rc = dot_insert(r, row, lsn, message, err);

	return rc < 0 ? rc : birth_insert(r, row->log, lsn, NULL, err);
}

/*
 * Note the birth of a dot that was known without. Returns 1 if it was known
 * already, with its birth.
 */
static int birth_fill(struct replica *r, const struct change *c,
	const struct dot_row *row, int64_t folder, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT b.lsn IS NULL, ifnull(b.base, m.birth_base) = ''"
		" FROM message m LEFT JOIN birth b"
		" ON b.log = ?2 AND b.lsn = ?3 WHERE m.id = ?1",
		"iii", row->message, row->log, (int64_t)c->by.lsn);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc < 0 ? rc : 1;
	bool first = sqlite3_column_int64(st, 0) != 0;
	bool unmet = sqlite3_column_int64(st, 1) != 0;
	sqlite3_reset(st);
	if (!unmet)
		return 1;
	if (!first)
		return birth_insert(r, row->log, c->by.lsn, c, err);
	return sql_run(r, err,
		"UPDATE message SET birth_folder = ?, birth_base = ?,"
		" birth_stamp = ?, birth_copy = ? WHERE id = ?",
		"itiii", folder, c->base, (int64_t)c->by.stamp,
		(int64_t)(c->kind == CHANGE_COPY), row->message);
}

/* The oldest birth of a message that was met. Returns 1, or 0: none was. */
static int eldest_birth(struct replica *r, int64_t message,
	struct write_id *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT ifnull(b.stamp, iif(m.moved, m.birth_stamp,"
		" m.place_stamp)), d.log, d.lsn FROM message m JOIN dot d"
		" ON d.message = m.id LEFT JOIN birth b ON b.log = d.log"
		" AND b.lsn = d.lsn WHERE m.id = ?"
		" AND ifnull(b.base, m.birth_base) <> ''",
		"i", message);
	bool any = false;
	int rc = st ? 0 : ERR_IO;

	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		struct write_id by;

		rc = read_by(r, st, 0, &by, err);
		if (rc >= 0 && (!any || write_id_cmp(&by, ret) < 0))
			*ret = by;
		any = true;
	}
	if (rc < 0 && st)
		sqlite3_reset(st);
	return rc < 0 ? rc : any;
}

int birth_is_first(struct replica *r, int64_t message, const struct change *c,
	struct err *err)
{
	struct write_id by;
	int rc = eldest_birth(r, message, &by, err);

	return rc <= 0 ? rc < 0 ? rc : 1 : write_id_cmp(&c->by, &by) <= 0;
}

/*
 * Note of a COPY of a message that was born in the same folder that these are
 * two. Of another copy nobody could think otherwise.
 */
static int birth_apart(struct replica *r, const struct change *c,
	const struct dot_row *row, struct err *err)
{
	if (c->kind != CHANGE_COPY || !c->source.lsn ||
		!id_equal(&c->source.log.folder, &c->by.log.folder))
		return 0;
	int64_t log = log_row(r, &c->source.log, true, err);

	return log < 0 ? (int)log
		       : sql_run(r, err,
				 "INSERT OR REPLACE INTO apart"
				 " VALUES(?, ?, ?, ?)",
				 "iiii", row->log, (int64_t)c->by.lsn, log,
				 (int64_t)c->source.lsn);
}

/*
 * Born as the same base name and content in the same folder: one message if
 * at another site (both were seeded from one backup), or in another
 * incarnation of the same one (it lost its state and saw its mail anew; then
 * copies, too, but not of that very message). Within one incarnation two
 * births are two messages, and copies at two sites are.
 */
#define BORN_ALIKE(copy)                                                       \
	" AND NOT EXISTS(SELECT 1 FROM apart p JOIN dot e"                     \
	"  ON e.log = p.source_log AND e.lsn = p.source_lsn"                   \
	"  WHERE p.log = ?8 AND p.lsn = ?9 AND e.message = m.id)"              \
	" AND NOT EXISTS(SELECT 1 FROM apart p JOIN dot e"                     \
	"  ON e.log = p.log AND e.lsn = p.lsn"                                 \
	"  WHERE p.source_log = ?8 AND p.source_lsn = ?9 AND e.message = "     \
	"m.id)"                                                                \
	" AND m.dead = 0 AND m.id <> ?7"                                       \
	" AND NOT EXISTS(SELECT 1 FROM dot e JOIN log k ON k.id = e.log"       \
	"  WHERE e.message = m.id AND k.origin = ?4 AND k.incarnation = ?5)"   \
	" AND ((?6 = 0 AND " copy " = 0)"                                      \
	"  OR EXISTS(SELECT 1 FROM dot e JOIN log k ON k.id = e.log"           \
	"   WHERE e.message = m.id AND k.origin = ?4)) LIMIT 1"

static int find_twin_by(struct replica *r, const char *query,
	const struct change *c, int64_t folder, const struct dot_row *row,
	int64_t *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err, query, "tibiiiiii", c->base, folder,
		c->hash.b, sizeof(c->hash.b), (int64_t)c->by.log.origin,
		(int64_t)c->by.log.incarnation,
		(int64_t)(c->kind == CHANGE_COPY),
		row->known ? row->message : (int64_t)0, row->log,
		(int64_t)c->by.lsn);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	*ret = 0;
	if (rc > 0) {
		*ret = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
	}
	return rc < 0 ? rc : 0;
}

/* The message, other than that of its own dot, that was born as c was; 0:
   none. */
static int find_twin(struct replica *r, const struct change *c, int64_t folder,
	const struct dot_row *row, int64_t *ret, struct err *err)
{
	int rc = find_twin_by(r,
		"SELECT m.id FROM message m WHERE m.birth_base = ?1"
		" AND m.birth_folder = ?2 AND m.hash = ?3" BORN_ALIKE(
			"m.birth_copy"),
		c, folder, row, ret, err);

	if (rc < 0 || *ret)
		return rc;
	return find_twin_by(r,
		"SELECT m.id FROM birth b JOIN dot d ON d.log = b.log"
		" AND d.lsn = b.lsn JOIN log l ON l.id = b.log"
		" JOIN alias a ON a.fid = l.folder"
		" JOIN message m ON m.id = d.message"
		" WHERE b.base = ?1 AND a.folder = ?2"
		" AND m.hash = ?3" BORN_ALIKE("b.copy"),
		c, folder, row, ret, err);
}

int replica_born_before(struct replica *r, int64_t folder, const char *base,
	const struct hash *hash, struct dot *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT d.log, d.lsn FROM message m"
		" JOIN dot d ON d.message = m.id JOIN log l ON l.id = d.log"
		" JOIN alias a ON a.fid = l.folder"
		" LEFT JOIN birth b ON b.log = d.log AND b.lsn = d.lsn"
		" WHERE m.hash = ?3 AND m.dead = 0 AND a.folder = ?2"
		" AND ifnull(b.base, m.birth_base) = ?1 AND l.origin = ?4"
		" AND l.incarnation <> ?5 ORDER BY l.id, d.lsn LIMIT 1",
		"tibii", base, folder, hash->b, sizeof(hash->b),
		(int64_t)replica_origin(r), (int64_t)replica_incarnation(r));
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc < 0 ? rc : 1;
	ret->lsn = (uint64_t)sqlite3_column_int64(st, 1);
	rc = log_of_row(r, sqlite3_column_int64(st, 0), &ret->log, err);
	sqlite3_reset(st);
	return rc < 0 ? rc : 0;
}

int replica_birth_agrees(
	struct replica *r, const struct change *c, struct err *err)
{
	struct dot dot = {c->by.log, c->by.lsn};
	struct dot_row row;
	int rc = c->kind == CHANGE_SAVE || c->kind == CHANGE_COPY
			 ? dot_find(r, &dot, &row, err)
			 : 1;

	if (rc != 0 || !row.known || row.dead)
		return rc < 0 ? rc : 1;
	sqlite3_stmt *st =
		sql(r, err, "SELECT hash = ?2 FROM message WHERE id = ?1", "ib",
			row.message, c->hash.b, sizeof(c->hash.b));
	rc = st ? sql_step(r, st, err) : ERR_IO;
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	bool same = sqlite3_column_int(st, 0) != 0;
	sqlite3_reset(st);
	return same ? 1
		    : err_set(err, ERR_CONFLICT,
			      "account %s: log %016llx-%016llx has another "
			      "mail at lsn %llu than was received before: its "
			      "site was rolled back or cloned",
			      r->account, (unsigned long long)dot.log.origin,
			      (unsigned long long)dot.log.incarnation,
			      (unsigned long long)dot.lsn);
}

/* ---- one message ---- */

/* The births of x's dots go with them: what its own row says, too. */
static int births_join(struct replica *r, int64_t x, struct err *err)
{
	return sql_run(r, err,
		"INSERT INTO birth SELECT d.log, d.lsn, iif(m.moved,"
		" m.birth_stamp, m.place_stamp), m.birth_copy, m.birth_base"
		" FROM message m JOIN dot d ON d.message = m.id"
		" WHERE m.id = ? AND NOT EXISTS(SELECT 1 FROM birth b"
		"  WHERE b.log = d.log AND b.lsn = d.lsn)",
		"i", x);
}

static int read_writer(struct replica *r, sqlite3_stmt *st, int col,
	struct writer *ret, struct err *err)
{
	ret->log = sqlite3_column_int64(st, col + 1);
	return read_by(r, st, col, &ret->by, err);
}

int placed_registers_read(struct replica *r, int64_t message,
	struct arena *arena, struct placed_registers *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT folder, base, extra, uid, place_stamp, place_log,"
		" place_lsn, extra_stamp, extra_log, extra_lsn, uid_stamp,"
		" uid_log, uid_lsn, mtime, letters, keywords, moved,"
		" guid_stamp, guid_log, guid_lsn FROM message WHERE id = ?",
		"i", message);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	*ret = (struct placed_registers){
		.base = "", .extra = "", .flags = {"", ""}};
	if (rc <= 0)
		return rc;
	ret->folder = sqlite3_column_int64(st, 0);
	ret->base = sql_text(st, 1, arena);
	ret->extra = sql_text(st, 2, arena);
	ret->uid = (uint32_t)sqlite3_column_int64(st, 3);
	ret->mtime = sqlite3_column_int64(st, 13);
	ret->flags = (struct flag_set){
		sql_text(st, 14, arena), sql_text(st, 15, arena)};
	ret->moved = sqlite3_column_int64(st, 16) == PLACE_MOVED;
	if ((rc = read_writer(r, st, 4, &ret->place_by, err)) >= 0 &&
		(rc = read_writer(r, st, 7, &ret->extra_by, err)) >= 0 &&
		(rc = read_writer(r, st, 17, &ret->guid_by, err)) >= 0)
		rc = read_writer(r, st, 10, &ret->uid_by, err);
	sqlite3_reset(st);
	return rc < 0 ? rc : 1;
}

static const char *guid_of(
	const struct placed_registers *p, struct arena *arena)
{
	const char *guid = fields_get(arena, p->extra, 'G');

	return guid ? guid : p->base;
}

/* Dates and flags that nobody wrote are those of the oldest birth. */
static int born_with(struct replica *r, int64_t message,
	const struct flag_set *flags, int64_t mtime, struct err *err)
{
	int rc = flags_rebase(r, message, flags, err);

	return rc < 0 ? rc
		      : sql_run(r, err,
				"UPDATE message SET mtime = ? WHERE id = ?",
				"ii", mtime, message);
}

static int is_elder(struct replica *r, int64_t x, int64_t y, struct err *err)
{
	struct write_id of_x, of_y;
	int rc = eldest_birth(r, x, &of_x, err);

	if (rc <= 0)
		return rc;
	rc = eldest_birth(r, y, &of_y, err);
	return rc <= 0 ? rc < 0 ? rc : 1 : write_id_cmp(&of_x, &of_y) < 0;
}

int message_join(struct replica *r, int64_t x, int64_t y,
	const struct placed_registers *of_x, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct flag_set born;
	int elder = is_elder(r, x, y, err);
	int rc = elder;

	if (rc < 0 || (rc = tally_message(r, x, -1, err)) < 0 ||
		(rc = flags_born(r, x, &of_x->flags, &arena, &born, err)) < 0 ||
		(rc = births_join(r, x, err)) < 0 ||
		(rc = once_join(r, x, y, err)) < 0 ||
		(of_x->moved && (rc = once_note(r, y, of_x->base, err)) < 0) ||
		(rc = sql_run(r, err,
			 "UPDATE dot SET message = ? WHERE message = ?", "ii",
			 y, x)) < 0 ||
		(rc = flags_join(r, x, y, err)) < 0 ||
		(elder &&
			(rc = born_with(r, y, &born, of_x->mtime, err)) < 0) ||
		(rc = extra_write(r, y, of_x->extra, &of_x->extra_by, err)) <
			0 ||
		(rc = guid_write(r, y, guid_of(of_x, &arena), &of_x->guid_by,
			 err)) < 0 ||
		(rc = sql_run(r, err,
			 "UPDATE message SET copied_from = 0"
			 " WHERE id = ?1"
			 " OR (copied_from = ?2 AND copied_from <> 0)",
			 "ii", y, x)) < 0 ||
		(rc = sql_run(r, err,
			 "UPDATE message SET dead = 1 WHERE id = ?", "i", x)) <
			0 ||
		(rc = message_lives(r, y, err)) < 0 ||
		(rc = message_todo(r, x, err)) < 0)
		return rc;
	return message_drop(r, x, err);
}

/* Twins: the later place is theirs, and the UID if it is for that. */
static int twin_join(struct replica *r, int64_t x, int64_t y, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct placed_registers of_x;
	int rc = placed_registers_read(r, x, &arena, &of_x, err);

	if (rc <= 0)
		return rc;
	if ((rc = tally_message(r, y, -1, err)) < 0 ||
		(rc = place_write(r, y, of_x.folder, of_x.base,
			 of_x.moved ? PLACE_MOVED : PLACE_TWIN_BORN,
			 &of_x.place_by, err)) < 0 ||
		(rc = uid_write(
			 r, y, of_x.folder, of_x.uid, &of_x.uid_by, err)) < 0 ||
		(rc = message_join(r, x, y, &of_x, err)) < 0 ||
		(rc = tally_message(r, y, 1, err)) < 0 ||
		(rc = message_todo(r, y, err)) < 0)
		return rc;
	return unpark_message(r, y, err);
}

int join_twins(struct replica *r, int64_t folder, struct err *err)
{
	for (;;) {
		sqlite3_stmt *st = sql(r, err,
			"SELECT a.id, b.id FROM message a JOIN message b"
			" ON b.hash = a.hash AND b.birth_base = a.birth_base"
			" AND b.id <> a.id WHERE a.birth_folder = ?1"
			" AND b.birth_folder = ?1 AND a.dead = 0"
			" AND b.dead = 0 AND a.p_folder = 0"
			" AND NOT EXISTS(SELECT 1 FROM dot d JOIN log l"
			"  ON l.id = d.log JOIN dot e JOIN log k"
			"  ON k.id = e.log WHERE d.message = a.id"
			"  AND e.message = b.id AND l.origin = k.origin"
			"  AND l.incarnation = k.incarnation)"
			" AND NOT EXISTS(SELECT 1 FROM apart p JOIN dot d"
			"  ON d.log = p.log AND d.lsn = p.lsn JOIN dot e"
			"  ON e.log = p.source_log AND e.lsn = p.source_lsn"
			"  WHERE (d.message = a.id AND e.message = b.id)"
			"  OR (d.message = b.id AND e.message = a.id))"
			" AND ((a.birth_copy = 0 AND b.birth_copy = 0)"
			"  OR EXISTS(SELECT 1 FROM dot d JOIN log l"
			"  ON l.id = d.log JOIN dot e JOIN log k"
			"  ON k.id = e.log WHERE d.message = a.id"
			"  AND e.message = b.id AND l.origin = k.origin))"
			" ORDER BY b.p_folder = 0, a.id LIMIT 1",
			"i", folder);
		int rc = st ? sql_step(r, st, err) : ERR_IO;

		if (rc <= 0)
			return rc;
		int64_t x = sqlite3_column_int64(st, 0);
		int64_t y = sqlite3_column_int64(st, 1);
		sqlite3_reset(st);
		rc = twin_join(r, x, y, err);
		if (rc < 0)
			return rc;
	}
}

/* ---- births ---- */

/* What a birth says of a message that is known: out of the digest now. */
static int birth_write(struct replica *r, int64_t message,
	const struct change *c, int64_t by_log, int64_t folder, bool eldest,
	struct err *err)
{
	struct writer w = writer_of(c, by_log);
	int rc;

	if ((eldest &&
		    (rc = born_with(r, message, &c->add, c->mtime, err)) < 0) ||
		(rc = place_write(r, message, folder, c->base, PLACE_TWIN_BORN,
			 &w, err)) < 0 ||
		(rc = fields_write(r, message, c, &w, err)) < 0)
		return rc;
	return uid_write(r, message, folder, c->uid, &w, err);
}

static int add_twin(struct replica *r, const struct change *c, int64_t by_log,
	int64_t folder, const struct dot_row *row, int64_t twin,
	struct err *err)
{
	int eldest = birth_is_first(r, twin, c, err);
	int rc = eldest;

	if (rc < 0 || (rc = tally_message(r, twin, -1, err)) < 0 ||
		(rc = birth_write(r, twin, c, by_log, folder, eldest, err)) <
			0 ||
		(rc = dot_insert(r, row, c->by.lsn, twin, err)) < 0 ||
		(rc = birth_insert(r, row->log, c->by.lsn, c, err)) < 0 ||
		(rc = tally_message(r, twin, 1, err)) < 0)
		return rc;
	return message_todo(r, twin, err);
}

/* Does it lie in the store? 1 or 0. */
static int is_placed(struct replica *r, int64_t message, struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM message WHERE id = ? AND p_folder <> 0",
			"i", message),
		err);
}

/* Of a dot that a MOVE named before. */
static int late_birth(struct replica *r, const struct change *c, int64_t by_log,
	int64_t folder, const struct dot_row *row, struct err *err)
{
	int64_t twin;
	int eldest = birth_is_first(r, row->message, c, err);
	int rc = eldest;

	if (rc >= 0)
		rc = birth_fill(r, c, row, folder, err);
	if (rc != 0)
		return rc;
	if ((rc = tally_message(r, row->message, -1, err)) < 0 ||
		(rc = birth_write(r, row->message, c, by_log, folder, eldest,
			 err)) < 0 ||
		(rc = tally_message(r, row->message, 1, err)) < 0 ||
		(rc = message_todo(r, row->message, err)) < 0 ||
		(rc = birth_apart(r, c, row, err)) < 0 ||
		(rc = find_twin(r, c, folder, row, &twin, err)) < 0)
		return rc;
	if (!twin)
		return 0;
	int placed = is_placed(r, row->message, err);
	if (placed < 0)
		return placed;
	return placed ? twin_join(r, twin, row->message, err)
		      : twin_join(r, row->message, twin, err);
}

int apply_birth(struct replica *r, const struct change *c, int64_t by_log,
	struct err *err)
{
	struct dot dot = {c->by.log, c->by.lsn};
	struct dot_row row;
	int64_t message;
	int64_t folder = folder_row_make(r, &c->by.log.folder, err);

	if (folder < 0)
		return (int)folder;
	int rc = dot_find(r, &dot, &row, err);
	if (rc < 0)
		return rc;
	if (row.known && (row.dead || !row.message))
		return 1;
	if (row.known)
		return late_birth(r, c, by_log, folder, &row, err);
	rc = birth_apart(r, c, &row, err);
	if (rc >= 0)
		rc = find_twin(r, c, folder, &row, &message, err);
	if (rc >= 0 && message) {
		rc = add_twin(r, c, by_log, folder, &row, message, err);
	} else if (rc >= 0) {
		rc = message_insert(r, c, by_log, folder, &message, err);
		if (rc >= 0)
			rc = dot_insert(r, &row, dot.lsn, message, err);
		if (rc >= 0)
			rc = tally_message(r, message, 1, err);
	}
	return rc < 0 ? rc : unpark(r, &row, dot.lsn, err);
}
