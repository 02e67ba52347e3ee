/*
 * registers: merge one change of a message into the state.
 *
 * Every function takes one kind of change. A register keeps the write with
 * the greatest write id, so that order and repetition do not matter; what
 * speaks of a dot that was not met yet is parked until it is, or dropped when
 * the dot's log is known past it (then it is dead).
 */
#include "registers.h"

#include <string.h>

#include "fields.h"
#include "flagset.h"
#include "wire.h"

int by_newer(struct replica *r, const struct write_id *by, sqlite3_stmt *st,
	int col, struct err *err)
{
	struct write_id old = {
		.stamp = (uint64_t)sqlite3_column_int64(st, col),
		.lsn = (uint64_t)sqlite3_column_int64(st, col + 2),
	};
	int rc =
		log_of_row(r, sqlite3_column_int64(st, col + 1), &old.log, err);

	return rc < 0 ? rc : write_id_cmp(by, &old) > 0;
}

struct dot_row {
	int64_t log;
	int64_t message;
	bool known, dead;
};

static int dot_find(struct replica *r, const struct dot *dot,
	struct dot_row *ret, struct err *err)
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

/* An unmet dot at or below its log's known position is dead. */
static int dot_is_past(struct replica *r, const struct dot *dot,
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
	return past;
}

static int park(struct replica *r, const struct change *c, int64_t by_log,
	const struct dot_row *row, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct change_context ctx = {
		c->by.log, c->by.lsn, STAMP_MS(c->by.stamp)};

	wire_add_u64(&b, ctx.base_ms);
	change_encode(&ctx, c, 1, &b);
	return sql_run(r, err,
		"INSERT OR REPLACE INTO parked VALUES(?, ?, ?, ?, ?)", "iiiib",
		row->log, (int64_t)c->dot.lsn, by_log, (int64_t)c->by.lsn,
		b.data, b.len);
}

static int unpark_one(struct replica *r, const struct dot_row *row,
	uint64_t lsn, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT by_log, by_lsn, change FROM parked"
		" WHERE log = ? AND lsn = ? LIMIT 1",
		"ii", row->log, (int64_t)lsn);
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc;
	int64_t by_log = sqlite3_column_int64(st, 0);
	int64_t by_lsn = sqlite3_column_int64(st, 1);
	AUTO_BUF struct buf b = BUF_INIT;
	buf_add(&b, sqlite3_column_blob(st, 2),
		(size_t)sqlite3_column_bytes(st, 2));
	sqlite3_reset(st);
	rc = sql_run(r, err,
		"DELETE FROM parked WHERE log = ? AND lsn = ? AND by_log = ?"
		" AND by_lsn = ?",
		"iiii", row->log, (int64_t)lsn, by_log, by_lsn);
	struct change_context ctx = {.first_lsn = (uint64_t)by_lsn};
	if (rc >= 0)
		rc = log_of_row(r, by_log, &ctx.log, err);
	struct change_batch batch = {0};
	if (rc >= 0) {
		struct wire w = wire_over(b.data, b.len);
		ctx.base_ms = wire_u64(&w);
		rc = w.bad ? err_set(err, ERR_CORRUPT, "%s: parked change",
				     r->path)
			   : change_decode(
				     &ctx, w.at, wire_left(&w), &batch, err);
	}
	if (rc >= 0 && batch.count == 1)
		rc = replica_apply(r, &batch.items[0], err);
	change_batch_free(&batch);
	return rc < 0 ? rc : 1;
}

static int unpark(struct replica *r, const struct dot_row *row, uint64_t lsn,
	struct err *err)
{
	int rc;

	do
		rc = unpark_one(r, row, lsn, err);
	while (rc > 0);
	return rc;
}

/*
 * The living message of c's dot. Returns 0 with its row, 1 when there is
 * nothing to do (dead, dropped, parked).
 */
static int target(struct replica *r, const struct change *c, int64_t by_log,
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
		rc = park(r, c, by_log, &row, err);
	return rc < 0 ? rc : 1;
}

int message_todo(struct replica *r, int64_t id, struct err *err)
{
	return sql_run(r, err,
		"UPDATE message SET todo = CASE"
		" WHEN dead THEN p_folder <> 0"
		" WHEN p_folder <> folder THEN 1"
		" ELSE p_letters <> letters OR p_extra <> extra"
		"  OR p_base <> base"
		"  OR lower(p_keywords) <> lower(keywords)"
		"  OR (uid <> 0 AND p_uid <> 0 AND p_uid <> uid) END"
		" WHERE id = ?",
		"i", id);
}

int message_drop(struct replica *r, int64_t id, struct err *err)
{
	int rc = sql_run(r, err,
		"DELETE FROM flag WHERE message = (SELECT id FROM message"
		" WHERE id = ? AND dead AND p_folder = 0)",
		"i", id);

	if (rc < 0)
		return rc;
	return sql_run(r, err,
		"DELETE FROM message WHERE id = ? AND dead AND p_folder = 0",
		"i", id);
}

/* A message lives while one of its dots does. */
static int message_lives(struct replica *r, int64_t id, struct err *err)
{
	return sql_run(r, err,
		"UPDATE message SET dead = NOT EXISTS(SELECT 1 FROM dot"
		" WHERE message = ?1 AND dead_log = 0) WHERE id = ?1",
		"i", id);
}

static int dot_insert(struct replica *r, const struct dot_row *row,
	uint64_t lsn, int64_t message, struct err *err)
{
	return sql_run(r, err,
		"INSERT OR REPLACE INTO dot(log, lsn, message)"
		" VALUES(?, ?, ?)",
		"iii", row->log, (int64_t)lsn, message);
}

static int message_insert(struct replica *r, const struct change *c,
	int64_t by_log, int64_t folder, int64_t *ret, struct err *err)
{
	int uid_ok = folder_authority_ok(r, folder, c->by.log.origin, err);

	if (uid_ok < 0)
		return uid_ok;
	uint32_t uid = uid_ok ? c->uid : 0;
	int rc = sql_run(r, err,
		"INSERT INTO message(folder, place_stamp, place_log,"
		" place_lsn, birth_folder, birth_base, base, size, mtime,"
		" hash, extra, extra_stamp, extra_log, extra_lsn, guid_stamp,"
		" guid_log, guid_lsn, letters, keywords, uid, uid_stamp,"
		" uid_log, uid_lsn, todo)"
		" VALUES(?1, ?2, ?3, ?4, ?1, ?5, ?5, ?6, ?7, ?8, ?9, ?2, ?3,"
		" ?4, ?2, ?3, ?4, ?10, ?11, ?12, ?2, ?3, ?4, 1)",
		"iiiitiibttti", folder, (int64_t)c->by.stamp, by_log,
		(int64_t)c->by.lsn, c->base, (int64_t)c->size, c->mtime,
		c->hash.b, sizeof(c->hash.b), c->extra, c->add.letters,
		c->add.keywords, (int64_t)uid);
	if (rc < 0)
		return rc;
	*ret = sqlite3_last_insert_rowid(r->db);
	return 0;
}

/*
 * Born as the same base name and content in the same folder: one message if
 * at another site (both were seeded from one backup), or in another
 * incarnation of the same one (it lost its state and saw its mail anew; then
 * copies, too). Within one incarnation two births are two messages.
 */
static int born_twin(struct replica *r, const struct change *c, int64_t folder,
	int64_t *ret, struct err *err)
{
	*ret = 0;
	sqlite3_stmt *st = sql(r, err,
		"SELECT m.id FROM message m WHERE m.birth_base = ?1"
		" AND m.birth_folder = ?2 AND m.hash = ?3 AND m.dead = 0"
		" AND NOT EXISTS(SELECT 1 FROM dot d JOIN log l"
		"  ON l.id = d.log WHERE d.message = m.id"
		"  AND l.origin = ?4 AND l.incarnation = ?5)"
		" AND (?6 OR EXISTS(SELECT 1 FROM dot d JOIN log l"
		"  ON l.id = d.log WHERE d.message = m.id"
		"  AND l.origin = ?4)) LIMIT 1",
		"tibiii", c->base, folder, c->hash.b, sizeof(c->hash.b),
		(int64_t)c->by.log.origin, (int64_t)c->by.log.incarnation,
		(int64_t)(c->kind == CHANGE_SAVE));
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc > 0) {
		*ret = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
	}
	return rc < 0 ? rc : 0;
}

static int set_uid(struct replica *r, int64_t message, const struct change *c,
	int64_t by_log, int64_t folder, struct err *err)
{
	int ok = folder_authority_ok(r, folder, c->by.log.origin, err);

	if (ok <= 0 || !c->uid)
		return ok < 0 ? ok : 0;
	sqlite3_stmt *st = sql(r, err,
		"SELECT uid_stamp, uid_log, uid_lsn, uid FROM message"
		" WHERE id = ?",
		"i", message);
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc;
	rc = by_newer(r, &c->by, st, 0, err);
	/* A number that only another site gave counts as none. */
	if (rc == 0 && !sqlite3_column_int64(st, 3))
		rc = 1;
	sqlite3_reset(st);
	if (rc <= 0)
		return rc;
	rc = sql_run(r, err,
		"UPDATE message SET uid = ?, uid_stamp = ?, uid_log = ?,"
		" uid_lsn = ? WHERE id = ?",
		"iiiii", (int64_t)c->uid, (int64_t)c->by.stamp, by_log,
		(int64_t)c->by.lsn, message);
	return rc < 0 ? rc : 1;
}

/* A message's fields of the UID list, and who wrote them. */
struct extra_state {
	const char *fields, *base;
	bool newer, guid_newer; /* is c's write? */
};

static int extra_load(struct replica *r, int64_t message,
	const struct change *c, struct arena *arena, struct extra_state *ret,
	struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT extra_stamp, extra_log, extra_lsn, guid_stamp,"
		" guid_log, guid_lsn, extra, base FROM message WHERE id = ?",
		"i", message);

	*ret = (struct extra_state){.fields = "", .base = ""};
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc;
	ret->fields = sql_text(st, 6, arena);
	ret->base = sql_text(st, 7, arena);
	rc = by_newer(r, &c->by, st, 0, err);
	ret->newer = rc > 0;
	if (rc >= 0)
		rc = by_newer(r, &c->by, st, 3, err);
	ret->guid_newer = rc > 0;
	sqlite3_reset(st);
	return rc < 0 ? rc : 0;
}

/*
 * The fields of the UID list: the GUID, which goes with the name, and the
 * others, each a register. Returns 1 if the write is newer in one of them.
 */
static int set_extra(struct replica *r, int64_t message, const struct change *c,
	int64_t by_log, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct extra_state old;
	int rc = extra_load(r, message, c, &arena, &old, err);

	if (rc < 0)
		return rc;
	bool says_guid = c->kind != CHANGE_EXTRA || fields_have(c->extra, 'G');
	bool guid_taken = old.guid_newer && says_guid;
	if (!old.newer && !guid_taken)
		return 0;
	const char *guid =
		fields_get(&arena, guid_taken ? c->extra : old.fields, 'G');
	if (guid && strcmp(guid, old.base) == 0)
		guid = NULL; /* what it is by default */
	const char *fields = fields_put(
		&arena, old.newer ? c->extra : old.fields, 'G', guid);
	rc = sql_run(r, err, "UPDATE message SET extra = ? WHERE id = ?", "ti",
		fields, message);
	if (rc >= 0 && old.newer)
		rc = sql_run(r, err,
			"UPDATE message SET extra_stamp = ?, extra_log = ?,"
			" extra_lsn = ? WHERE id = ?",
			"iiii", (int64_t)c->by.stamp, by_log,
			(int64_t)c->by.lsn, message);
	if (rc >= 0 && guid_taken)
		rc = sql_run(r, err,
			"UPDATE message SET guid_stamp = ?, guid_log = ?,"
			" guid_lsn = ? WHERE id = ?",
			"iiii", (int64_t)c->by.stamp, by_log,
			(int64_t)c->by.lsn, message);
	return rc < 0 ? rc : 1;
}

static int apply_birth(struct replica *r, const struct change *c,
	int64_t by_log, struct err *err)
{
	struct dot dot = {c->by.log, c->by.lsn};
	struct dot_row row;
	int64_t folder = folder_row_make(r, &c->by.log.folder, err);

	if (folder < 0)
		return (int)folder;
	int rc = dot_find(r, &dot, &row, err);
	if (rc < 0)
		return rc;
	if (row.known)
		return 1; /* dead already, or moved on before we heard */
	int64_t message;
	rc = born_twin(r, c, folder, &message, err);
	if (rc < 0)
		return rc;
	if (message) {
		if ((rc = tally_message(r, message, -1, err)) < 0 ||
			(rc = dot_insert(r, &row, dot.lsn, message, err)) < 0 ||
			(rc = set_uid(r, message, c, by_log, folder, err)) < 0)
			return rc;
		rc = message_todo(r, message, err);
	} else {
		rc = message_insert(r, c, by_log, folder, &message, err);
		if (rc >= 0)
			rc = dot_insert(r, &row, dot.lsn, message, err);
	}
	if (rc >= 0)
		rc = tally_message(r, message, 1, err);
	return rc < 0 ? rc : unpark(r, &row, dot.lsn, err);
}

/* Take over what x's registers know that y's do not. */
static int join_flags(struct replica *r, int64_t x, int64_t y, struct err *err);

/*
 * Message x and its copy y are one: y, where it lies, takes x's dots and
 * registers. What of x lies in a store is to be removed from there.
 */
int message_join(struct replica *r, int64_t x, int64_t y, struct err *err)
{
	int rc = tally_message(r, x, -1, err);

	if (rc < 0 ||
		(rc = sql_run(r, err,
			 "UPDATE dot SET message = ? WHERE message = ?", "ii",
			 y, x)) < 0 ||
		(rc = join_flags(r, x, y, err)) < 0 ||
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

static int place_message(struct replica *r, int64_t message,
	const struct change *c, int64_t by_log, int64_t folder, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT place_stamp, place_log, place_lsn, folder"
		" FROM message WHERE id = ?",
		"i", message);
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	rc = by_newer(r, &c->by, st, 0, err);
	int64_t old = sqlite3_column_int64(st, 3);
	sqlite3_reset(st);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	/* UIDs belong to a place: that of the old one is void. */
	rc = sql_run(r, err,
		"UPDATE message SET folder = ?1, place_stamp = ?2,"
		" place_log = ?3, place_lsn = ?4, base = ?5,"
		" uid = iif(?6, uid, 0) WHERE id = ?7",
		"iiiitii", folder, (int64_t)c->by.stamp, by_log,
		(int64_t)c->by.lsn, c->base, (int64_t)(old == folder), message);
	if (rc >= 0)
		rc = set_extra(r, message, c, by_log, err);
	if (rc >= 0)
		rc = set_uid(r, message, c, by_log, folder, err);
	return rc < 0 ? rc : 0;
}

static int place_by(struct replica *r, int64_t message, struct write_id *ret,
	struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT place_stamp, place_log, place_lsn FROM message"
		" WHERE id = ?",
		"i", message);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	*ret = (struct write_id){0};
	if (rc <= 0)
		return rc;
	int64_t log = sqlite3_column_int64(st, 1);
	ret->stamp = (uint64_t)sqlite3_column_int64(st, 0);
	ret->lsn = (uint64_t)sqlite3_column_int64(st, 2);
	sqlite3_reset(st);
	return log_of_row(r, log, &ret->log, err);
}

/*
 * A late move makes a message and its copy one, where the copy lies; unless
 * the message was met already where it went after that: then it stays, and
 * the copy goes.
 */
static int which_stays(struct replica *r, const struct change *c, int64_t *gone,
	int64_t *stays, struct err *err)
{
	struct write_id of_message, of_copy;
	int rc = place_by(r, *gone, &of_message, err);

	if (rc >= 0)
		rc = place_by(r, *stays, &of_copy, err);
	if (rc < 0 || write_id_cmp(&of_message, &c->by) < 0 ||
		write_id_cmp(&of_message, &of_copy) < 0)
		return rc;
	int64_t copy = *stays;

	*stays = *gone;
	*gone = copy;
	return 0;
}

/* Of a late move only the copy was met. */
static int move_of_copy(struct replica *r, const struct change *c,
	int64_t by_log, int64_t folder, const struct dot_row *row, int64_t copy,
	struct err *err)
{
	int rc = tally_message(r, copy, -1, err);

	if (rc < 0 || (rc = dot_insert(r, row, c->dot.lsn, copy, err)) < 0 ||
		(rc = message_lives(r, copy, err)) < 0 ||
		(rc = place_message(r, copy, c, by_log, folder, err)) < 0 ||
		(rc = tally_message(r, copy, 1, err)) < 0 ||
		(rc = message_todo(r, copy, err)) < 0)
		return rc;
	return unpark(r, row, c->dot.lsn, err);
}

static int apply_move(struct replica *r, const struct change *c, int64_t by_log,
	struct err *err)
{
	struct dot_row row, alias = {0};
	int64_t folder = folder_row_make(r, &c->by.log.folder, err);
	int64_t message;

	if (folder < 0)
		return (int)folder;
	int rc = dot_find(r, &c->dot, &row, err);
	if (rc >= 0 && c->source.lsn)
		rc = dot_find(r, &c->source, &alias, err);
	if (rc < 0)
		return rc;
	if (row.known && (row.dead || !row.message))
		return 1;
	if (!row.known) {
		rc = dot_is_past(r, &c->dot, &row, err);
		if (rc != 0)
			return rc;
		if (alias.known && alias.message)
			return move_of_copy(
				r, c, by_log, folder, &row, alias.message, err);
		rc = message_insert(r, c, by_log, folder, &message, err);
		if (rc >= 0)
			rc = dot_insert(r, &row, c->dot.lsn, message, err);
		if (rc >= 0)
			rc = tally_message(r, message, 1, err);
		return rc < 0 ? rc : unpark(r, &row, c->dot.lsn, err);
	}
	message = row.message;
	if (alias.known && alias.message && alias.message != message) {
		int64_t gone = message;

		message = alias.message;
		rc = which_stays(r, c, &gone, &message, err);
		if (rc >= 0)
			rc = tally_message(r, message, -1, err);
		if (rc >= 0)
			rc = message_join(r, gone, message, err);
	} else {
		rc = tally_message(r, message, -1, err);
	}
	if (rc < 0)
		return rc;
	int outcome = place_message(r, message, c, by_log, folder, err);
	if (outcome < 0)
		return outcome;
	if ((rc = tally_message(r, message, 1, err)) < 0 ||
		(rc = message_todo(r, message, err)) < 0)
		return rc;
	return outcome == 1 ? 1 : 0;
}

static int apply_left(struct replica *r, const struct change *c, int64_t by_log,
	struct err *err)
{
	(void)r, (void)c, (void)by_log, (void)err;
	return 1; /* a reference: the destination's log says it all */
}

/* One flag register. Returns 1 if the write is newer and was taken. */
static int flag_write(struct replica *r, int64_t message, const char *name,
	bool value, const struct write_id *by, int64_t by_log, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT by_stamp, by_log, by_lsn FROM flag"
		" WHERE message = ? AND name = ?",
		"it", message, name);
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc < 0)
		return rc;
	if (rc > 0) {
		rc = by_newer(r, by, st, 0, err);
		sqlite3_reset(st);
		if (rc <= 0)
			return rc;
	}
	rc = sql_run(r, err,
		"INSERT OR REPLACE INTO flag VALUES(?, ?, ?, ?, ?, ?)",
		"itiiii", message, name, (int64_t)value, (int64_t)by->stamp,
		by_log, (int64_t)by->lsn);
	return rc < 0 ? rc : 1;
}

struct flag_state {
	const char *letters, *keywords;
};

static int flags_load(struct replica *r, int64_t message, struct arena *arena,
	struct flag_state *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT letters, keywords FROM message WHERE id = ?", "i",
		message);

	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc;
	ret->letters = sql_text(st, 0, arena);
	ret->keywords = sql_text(st, 1, arena);
	sqlite3_reset(st);
	return 1;
}

/* Letters are kept in table flag as "\F", keywords as they are. */
static void flag_state_put(
	struct arena *arena, struct flag_state *f, const char *name, bool value)
{
	if (name[0] == '\\')
		f->letters = letter_put(arena, f->letters, name[1], value);
	else
		f->keywords = keyword_put(
			arena, f->keywords, name, strlen(name), value);
}

static int flags_store(struct replica *r, int64_t message,
	const struct flag_state *f, struct err *err)
{
	int rc = sql_run(r, err,
		"UPDATE message SET letters = ?, keywords = ? WHERE id = ?",
		"tti", f->letters, f->keywords, message);

	return rc < 0 ? rc : message_todo(r, message, err);
}

static int join_flags(struct replica *r, int64_t x, int64_t y, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct flag_state f;
	int rc = flags_load(r, y, &arena, &f, err);

	if (rc <= 0)
		return rc;
	sqlite3_stmt *st = sql(r, err,
		"SELECT name, value, by_stamp, by_log, by_lsn FROM flag"
		" WHERE message = ?",
		"i", x);
	if (!st)
		return ERR_IO;
	while ((rc = sql_step(r, st, err)) > 0) {
		const char *name = sql_text(st, 0, &arena);
		bool value = sqlite3_column_int64(st, 1) != 0;
		int64_t log = sqlite3_column_int64(st, 3);
		struct write_id by = {
			.stamp = (uint64_t)sqlite3_column_int64(st, 2),
			.lsn = (uint64_t)sqlite3_column_int64(st, 4)};

		rc = log_of_row(r, log, &by.log, err);
		if (rc >= 0)
			rc = flag_write(r, y, name, value, &by, log, err);
		if (rc < 0) {
			sqlite3_reset(st);
			return rc;
		}
		if (rc > 0)
			flag_state_put(&arena, &f, name, value);
	}
	return rc < 0 ? rc : flags_store(r, y, &f, err);
}

static int write_set(struct replica *r, int64_t message, const struct change *c,
	int64_t by_log, bool value, struct arena *arena, struct flag_state *f,
	bool *changed, struct err *err)
{
	const struct flag_set *set = value ? &c->add : &c->del;
	const char *at = set->keywords;
	size_t len;
	int rc = 0;

	for (const char *l = set->letters; *l && rc >= 0; l++) {
		char name[3] = {'\\', *l, 0};

		rc = flag_write(r, message, name, value, &c->by, by_log, err);
		if (rc > 0) {
			flag_state_put(arena, f, name, value);
			*changed = true;
		}
	}
	for (const char *k; rc >= 0 && (k = keyword_next(&at, &len));) {
		const char *name = arena_dup(arena, k, len);

		rc = flag_write(r, message, name, value, &c->by, by_log, err);
		if (rc > 0) {
			flag_state_put(arena, f, name, value);
			*changed = true;
		}
	}
	return rc < 0 ? rc : 0;
}

static int apply_flags(struct replica *r, const struct change *c,
	int64_t by_log, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct flag_state f;
	int64_t message;
	bool changed = false;
	int rc = target(r, c, by_log, &message, err);

	if (rc != 0)
		return rc;
	if ((rc = tally_message(r, message, -1, err)) < 0 ||
		(rc = flags_load(r, message, &arena, &f, err)) <= 0 ||
		(rc = write_set(r, message, c, by_log, true, &arena, &f,
			 &changed, err)) < 0 ||
		(rc = write_set(r, message, c, by_log, false, &arena, &f,
			 &changed, err)) < 0 ||
		(changed && (rc = flags_store(r, message, &f, err)) < 0) ||
		(rc = tally_message(r, message, 1, err)) < 0)
		return rc;
	return !changed;
}

static int apply_expunge(struct replica *r, const struct change *c,
	int64_t by_log, struct err *err)
{
	struct dot_row row;
	int rc = dot_find(r, &c->dot, &row, err);

	if (rc < 0)
		return rc;
	if (row.known && row.dead)
		return 1;
	if (!row.known) {
		rc = dot_is_past(r, &c->dot, &row, err);
		if (rc != 0)
			return rc;
	} else if (row.message) {
		rc = tally_message(r, row.message, -1, err);
		if (rc < 0)
			return rc;
	}
	rc = sql_run(r, err,
		"INSERT OR REPLACE INTO dot VALUES(?, ?, ?, ?, ?, ?)", "iiiiii",
		row.log, (int64_t)c->dot.lsn, row.message, (int64_t)c->by.stamp,
		by_log, (int64_t)c->by.lsn);
	if (rc >= 0)
		rc = sql_run(r, err,
			"DELETE FROM parked WHERE log = ? AND lsn = ?", "ii",
			row.log, (int64_t)c->dot.lsn);
	if (rc < 0 || !row.message)
		return rc;
	rc = message_lives(r, row.message, err);
	if (rc >= 0)
		rc = tally_message(r, row.message, 1, err); /* if it lives */
	if (rc >= 0)
		rc = message_todo(r, row.message, err);
	return rc < 0 ? rc : message_drop(r, row.message, err);
}

static int apply_uid(struct replica *r, const struct change *c, int64_t by_log,
	struct err *err)
{
	int64_t message;
	int rc = target(r, c, by_log, &message, err);

	if (rc != 0)
		return rc;
	int64_t folder = folder_row_make(r, &c->by.log.folder, err);
	if (folder < 0)
		return (int)folder;
	sqlite3_stmt *st =
		sql(r, err, "SELECT 1 FROM message WHERE id = ? AND folder = ?",
			"ii", message, folder);
	if (!st)
		return ERR_IO;
	rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	sqlite3_reset(st);
	if ((rc = tally_message(r, message, -1, err)) < 0)
		return rc;
	int taken = set_uid(r, message, c, by_log, folder, err);
	if (taken < 0)
		return taken;
	if ((rc = tally_message(r, message, 1, err)) < 0 ||
		(rc = message_todo(r, message, err)) < 0)
		return rc;
	return !taken;
}

static int apply_extra(struct replica *r, const struct change *c,
	int64_t by_log, struct err *err)
{
	int64_t message;
	int rc = target(r, c, by_log, &message, err);

	if (rc != 0)
		return rc;
	if ((rc = tally_message(r, message, -1, err)) < 0)
		return rc;
	int taken = set_extra(r, message, c, by_log, err);
	if (taken < 0)
		return taken;
	if ((rc = tally_message(r, message, 1, err)) < 0 ||
		(rc = message_todo(r, message, err)) < 0)
		return rc;
	return !taken;
}

/*
 * A UID that was given is gone for good, whatever became of its message:
 * dead, or moved on by a change that was met first.
 */
static int note_uid(struct replica *r, const struct change *c, struct err *err)
{
	if (!c->uid || c->uid == UINT32_MAX)
		return 0;
	int64_t folder = folder_row_make(r, &c->by.log.folder, err);
	if (folder < 0)
		return (int)folder;
	int ok = folder_authority_ok(r, folder, c->by.log.origin, err);

	return ok <= 0 ? ok : folder_uidnext(r, folder, c->uid + 1, err);
}

int replica_apply(struct replica *r, const struct change *c, struct err *err)
{
	static const struct {
		enum change_kind kind;
		int (*apply)(struct replica *r, const struct change *c,
			int64_t by_log, struct err *err);
	} kinds[] = {
		{CHANGE_SAVE, apply_birth},
		{CHANGE_COPY, apply_birth},
		{CHANGE_MOVE, apply_move},
		{CHANGE_LEFT, apply_left},
		{CHANGE_FLAGS, apply_flags},
		{CHANGE_EXPUNGE, apply_expunge},
		{CHANGE_UID, apply_uid},
		{CHANGE_EXTRA, apply_extra},
	};
	int64_t by_log = log_row(r, &c->by.log, true, err);

	if (by_log < 0)
		return (int)by_log;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].kind != c->kind)
			continue;
		int rc = note_uid(r, c, err);
		return rc < 0 ? rc : kinds[i].apply(r, c, by_log, err);
	}
	return apply_folder_change(r, c, by_log, err);
}
