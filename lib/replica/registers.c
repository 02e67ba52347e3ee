/*
 * registers: merge one change of a message into the state.
 *
 * A register keeps the write with the greatest write id, so that order and
 * repetition do not matter.
 */
#include <string.h>

#include "fields.h"
#include "registers.h"
#include "view_private.h"

int by_newer(struct replica *r, const struct write_id *by, sqlite3_stmt *st,
	int col, struct err *err)
{
	struct write_id old;
	int rc = read_by(r, st, col, &old, err);

	return rc < 0 ? rc : write_id_cmp(by, &old) > 0;
}

int read_by(struct replica *r, sqlite3_stmt *st, int col, struct write_id *ret,
	struct err *err)
{
	ret->stamp = (uint64_t)sqlite3_column_int64(st, col);
	ret->lsn = (uint64_t)sqlite3_column_int64(st, col + 2);
	return log_of_row(r, sqlite3_column_int64(st, col + 1), &ret->log, err);
}

struct writer writer_of(const struct change *c, int64_t by_log)
{
	return (struct writer){c->by, by_log};
}

/*
 * What is kept stays so, whatever else is recorded of it (kept.h). Of a folder
 * that is refused (refused.h) nothing is placed, what lies in it stays, and mail
 * that was moved into it leaves where it lay.
 */
#define TO_REFUSED FOLDER_REFUSED("message.folder")
#define IN_REFUSED FOLDER_REFUSED("message.p_folder")
#define SET_TODO                                                               \
	"UPDATE message SET todo = CASE"                                       \
	" WHEN p_folder <> 0 AND todo = 3"                                     \
	"  AND (dead OR (p_folder <> folder AND " TO_REFUSED ")) THEN 3"       \
	" WHEN dead AND (p_folder = 0 OR " MESSAGE_STANDS ") THEN 0"           \
	" WHEN dead THEN iif(" IN_REFUSED ", 3, 1)"                            \
	" WHEN " TO_REFUSED                                                    \
	"  THEN iif(p_folder IN (0, folder) OR " IN_REFUSED ", 4, 1)"          \
	" WHEN p_folder <> folder THEN 1"                                      \
	" ELSE " MESSAGE_DIFFERS                                               \
	"  OR (uid <> 0 AND p_uid <> 0 AND p_uid <> uid) END"

int message_todo(struct replica *r, int64_t id, struct err *err)
{
	return sql_run(r, err, SET_TODO " WHERE id = ?", "i", id);
}

int folder_todo(struct replica *r, int64_t folder, struct err *err)
{
	int rc = sql_run(r, err,
		"UPDATE message SET todo = 1 WHERE todo = 3"
		" AND (folder = ?1 OR p_folder = ?1)",
		"i", folder);

	return rc < 0 ? rc
		      : sql_run(r, err,
				SET_TODO " WHERE folder = ?1 OR p_folder = ?1",
				"i", folder);
}

/* What is kept of its dots beside that they are dead. */
static int forget_births(struct replica *r, int64_t id, struct err *err)
{
	int rc = sql_run(r, err,
		"DELETE FROM birth WHERE (log, lsn) IN"
		" (SELECT log, lsn FROM dot WHERE message = ?)",
		"i", id);

	return rc < 0 ? rc
		      : sql_run(r, err,
				"DELETE FROM joined WHERE (dot_log, dot_lsn)"
				" IN (SELECT log, lsn FROM dot"
				"  WHERE message = ?)",
				"i", id);
}

int message_drop(struct replica *r, int64_t id, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT count(d.lsn) FROM message m LEFT JOIN dot d"
		" ON d.message = m.id WHERE m.id = ? AND m.dead"
		" AND m.p_folder = 0 GROUP BY m.id",
		"i", id);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	int64_t dots = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	if ((dots > 1 && (rc = forget_births(r, id, err)) < 0) ||
		(dots && (rc = sql_run(r, err,
				  "DELETE FROM apart WHERE (log, lsn) IN"
				  " (SELECT log, lsn FROM dot"
				  "  WHERE message = ?)",
				  "i", id)) < 0) ||
		(dots && (rc = sql_run(r, err,
				  "UPDATE dot SET message = 0"
				  " WHERE message = ?",
				  "i", id)) < 0) ||
		(rc = sql_run(r, err, "DELETE FROM flag WHERE message = ?", "i",
			 id)) < 0)
		return rc;
	if ((rc = once_join(r, id, 0, err)) < 0)
		return rc;
	return sql_run(r, err, "DELETE FROM message WHERE id = ?", "i", id);
}

int message_lives(struct replica *r, int64_t id, struct err *err)
{
	return sql_run(r, err,
		"UPDATE message SET dead = NOT EXISTS(SELECT 1 FROM dot"
		" WHERE message = ?1 AND dead_log = 0) WHERE id = ?1",
		"i", id);
}

/* ---- single registers ---- */

/*
 * Of the UIDs that one site gave in one folder the last counts: forget the one
 * that waits, if it is older than by. Returns 1 if it is not.
 */
static int parked_uid_clear(struct replica *r, int64_t message,
	const struct write_id *by, struct err *err)
{
	struct change_batch batch = {0};
	struct parked found = {0};
	bool newer = false;
	int rc = 0;

	while (!newer &&
		(rc = parked_next(r, message, &found, &batch, err)) > 0) {
		const struct change *c = &batch.items[batch.count - 1];
		const struct write_id *old = &c->by;

		if (c->kind != CHANGE_UID ||
			old->log.origin != by->log.origin ||
			!id_equal(&old->log.folder, &by->log.folder))
			continue;
		newer = write_id_cmp(old, by) >= 0;
		if (!newer && (rc = parked_delete(r, &found, err)) < 0)
			break;
	}
	change_batch_free(&batch);
	return rc < 0 ? rc : newer;
}

/*
 * A UID that was given after the move that we know, for a folder where the
 * message does not lie: it speaks of a move that is still to come.
 */
static int park_uid(struct replica *r, int64_t message, uint32_t uid,
	const struct writer *w, struct err *err)
{
	struct replica_message m = {.id = message};
	int rc = replica_message_dot(r, &m, err);

	if (rc < 0 || !m.dot.lsn)
		return rc < 0 ? rc : 0;
	struct change c = change_blank(CHANGE_UID);
	c.by = w->by;
	c.dot = m.dot;
	c.uid = uid;
	int64_t dot_log = log_row(r, &m.dot.log, true, err);
	if (dot_log < 0)
		return (int)dot_log;
	rc = parked_uid_clear(r, message, &c.by, err);
	return rc != 0 ? rc < 0 ? rc : 0 : park(r, &c, w->log, dot_log, err);
}

/* A GUID is not among the fields where the base name is it. */
static const char *with_guid(struct arena *arena, const char *fields,
	const char *guid, const char *base)
{
	return fields_put(
		arena, fields, 'G', strcmp(guid, base) == 0 ? NULL : guid);
}

/* Another base name leaves the GUID as it was. */
static const char *fields_renamed(struct arena *arena, const char *fields,
	const char *old_base, const char *base)
{
	const char *guid = fields_get(arena, fields, 'G');

	return strcmp(old_base, base) == 0
		       ? fields
		       : with_guid(arena, fields, guid ? guid : old_base, base);
}

/* Where a message lies and which UID it has there. */
struct place {
	const char *base, *fields;
	int64_t folder;
	bool moved;
	struct write_id by;
	uint32_t uid;
	struct writer uid_by;
};

/* Returns 1, or 0 when there is no such message. */
static int read_place(struct replica *r, int64_t message, struct arena *arena,
	struct place *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT place_stamp, place_log, place_lsn, uid_stamp, uid_log,"
		" uid_lsn, uid, moved, folder, base, extra FROM message"
		" WHERE id = ?",
		"i", message);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	ret->base = sql_text(st, 9, arena);
	ret->fields = sql_text(st, 10, arena);
	rc = read_by(r, st, 0, &ret->by, err);
	if (rc >= 0)
		rc = read_by(r, st, 3, &ret->uid_by.by, err);
	ret->uid_by.log = sqlite3_column_int64(st, 4);
	ret->uid = (uint32_t)sqlite3_column_int64(st, 6);
	ret->moved = sqlite3_column_int64(st, 7) == PLACE_MOVED;
	ret->folder = sqlite3_column_int64(st, 8);
	sqlite3_reset(st);
	return rc < 0 ? rc : 1;
}

int place_write(struct replica *r, int64_t message, int64_t folder,
	const char *base, enum place_kind kind, const struct writer *w,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	bool move = kind == PLACE_MOVED;
	struct place old;
	int rc = read_place(r, message, &arena, &old, err);

	if (rc <= 0)
		return rc;
	int newer = write_id_cmp(&w->by, &old.by);
	if (old.moved ? !move || newer <= 0 : !move && newer >= 0)
		return move ? once_note(r, message, base, err) : 0;
	bool than_uid = write_id_cmp(&w->by, &old.uid_by.by) > 0;
	bool keeps_uid = old.folder == folder && !(move && than_uid);
	if (old.uid && old.folder != folder && !than_uid &&
		(rc = park_uid(r, message, old.uid, &old.uid_by, err)) < 0)
		return rc;
	rc = sql_run(r, err,
		"UPDATE message SET folder = ?1,"
		" birth_stamp = iif(moved, birth_stamp, place_stamp),"
		" moved = ?2, place_stamp = ?3, place_log = ?4,"
		" place_lsn = ?5, base = ?6, uid = iif(?7, uid, 0),"
		" uid_stamp = iif(?7, uid_stamp, 0),"
		" uid_log = iif(?7, uid_log, 0),"
		" uid_lsn = iif(?7, uid_lsn, 0), extra = ?8 WHERE id = ?9",
		"iiiiititi", folder, (int64_t)kind, (int64_t)w->by.stamp,
		w->log, (int64_t)w->by.lsn, base, (int64_t)keeps_uid,
		fields_renamed(&arena, old.fields, old.base, base), message);
	if (rc >= 0 && old.moved)
		rc = once_note(r, message, old.base, err);
	return rc < 0 ? rc : 1;
}

int uid_write(struct replica *r, int64_t message, int64_t folder, uint32_t uid,
	const struct writer *w, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct place now;
	int rc = uid ? read_place(r, message, &arena, &now, err) : 0;

	if (rc <= 0)
		return rc;
	bool late = now.moved && write_id_cmp(&w->by, &now.by) < 0;
	if (late)
		return 0;
	if (now.folder != folder)
		return now.moved || write_id_cmp(&w->by, &now.by) > 0
			       ? park_uid(r, message, uid, w, err)
			       : 0;
	if (write_id_cmp(&w->by, &now.uid_by.by) <= 0)
		return 0;
	rc = folder_authority_ok(r, folder, w->by.log.origin, err);
	if (rc <= 0)
		return rc;
	rc = sql_run(r, err,
		"UPDATE message SET uid = ?, uid_stamp = ?, uid_log = ?,"
		" uid_lsn = ? WHERE id = ?",
		"iiiii", (int64_t)uid, (int64_t)w->by.stamp, w->log,
		(int64_t)w->by.lsn, message);
	return rc < 0 ? rc : 1;
}

/* The fields of the UID list as they are now, base name and whether `by` is
   newer than their writer, in the columns given. */
static int read_fields(struct replica *r, const char *query, int64_t message,
	const struct write_id *by, struct arena *arena, const char **ret_fields,
	const char **ret_base, struct err *err)
{
	sqlite3_stmt *st = sql(r, err, query, "i", message);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	*ret_fields = sql_text(st, 3, arena);
	*ret_base = sql_text(st, 4, arena);
	rc = by_newer(r, by, st, 0, err);
	sqlite3_reset(st);
	return rc;
}

int extra_write(struct replica *r, int64_t message, const char *fields,
	const struct writer *w, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const char *old, *base;
	int rc = read_fields(r,
		"SELECT extra_stamp, extra_log, extra_lsn, extra, base"
		" FROM message WHERE id = ?",
		message, &w->by, &arena, &old, &base, err);

	if (rc <= 0)
		return rc;
	fields = fields_put(&arena, fields, 'G', fields_get(&arena, old, 'G'));
	rc = sql_run(r, err,
		"UPDATE message SET extra = ?, extra_stamp = ?, extra_log = ?,"
		" extra_lsn = ? WHERE id = ?",
		"tiiii", fields, (int64_t)w->by.stamp, w->log,
		(int64_t)w->by.lsn, message);
	return rc < 0 ? rc : 1;
}

int guid_write(struct replica *r, int64_t message, const char *guid,
	const struct writer *w, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const char *old, *base;
	int rc = read_fields(r,
		"SELECT guid_stamp, guid_log, guid_lsn, extra, base"
		" FROM message WHERE id = ?",
		message, &w->by, &arena, &old, &base, err);

	if (rc <= 0)
		return rc;
	rc = sql_run(r, err,
		"UPDATE message SET extra = ?, guid_stamp = ?, guid_log = ?,"
		" guid_lsn = ? WHERE id = ?",
		"tiiii", with_guid(&arena, old, guid, base),
		(int64_t)w->by.stamp, w->log, (int64_t)w->by.lsn, message);
	return rc < 0 ? rc : 1;
}

int fields_write(struct replica *r, int64_t message, const struct change *c,
	const struct writer *w, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const char *guid = fields_get(&arena, c->extra, 'G');
	int taken = extra_write(r, message, c->extra, w, err), rc = 0;

	if (!guid && c->kind != CHANGE_EXTRA)
		guid = c->base;
	if (taken >= 0 && guid)
		rc = guid_write(r, message, guid, w, err);
	return taken < 0 ? taken : rc < 0 ? rc : taken || rc;
}

/* ---- changes ---- */

static int apply_left(struct replica *r, const struct change *c, int64_t by_log,
	struct err *err)
{
	(void)r, (void)c, (void)by_log, (void)err;
	return 1; /* a reference: the destination's log says it all */
}

/* A tombstone keeps the greatest write, too. */
static int expunge_again(struct replica *r, const struct change *c,
	int64_t by_log, const struct dot_row *row, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT dead_stamp, dead_log, dead_lsn FROM dot"
		" WHERE log = ? AND lsn = ?",
		"ii", row->log, (int64_t)c->dot.lsn);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	rc = by_newer(r, &c->by, st, 0, err);
	sqlite3_reset(st);
	if (rc > 0)
		rc = sql_run(r, err,
			"UPDATE dot SET dead_stamp = ?, dead_log = ?,"
			" dead_lsn = ? WHERE log = ? AND lsn = ?",
			"iiiii", (int64_t)c->by.stamp, by_log,
			(int64_t)c->by.lsn, row->log, (int64_t)c->dot.lsn);
	return rc < 0 ? rc : 1;
}

/* Also of a dot that is dead because its log is known past it: others that
   know it are told by us. */
static int apply_expunge(struct replica *r, const struct change *c,
	int64_t by_log, struct err *err)
{
	struct dot_row row;
	int rc = dot_find(r, &c->dot, &row, err);

	if (rc < 0)
		return rc;
	if (row.known && row.dead)
		return expunge_again(r, c, by_log, &row, err);
	if (row.message) {
		rc = tally_message(r, row.message, -1, err);
		if (rc < 0)
			return rc;
	}
	rc = sql_run(r, err,
		"INSERT OR REPLACE INTO dot VALUES(?, ?, ?, ?, ?, ?, NULL)",
		"iiiiii", row.log, (int64_t)c->dot.lsn, row.message,
		(int64_t)c->by.stamp, by_log, (int64_t)c->by.lsn);
	if (rc >= 0 && row.message)
		rc = dot_note_content(r, row.log, c->dot.lsn, row.message, err);
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
	int rc = dot_target(r, c, by_log, &message, err);

	if (rc != 0)
		return rc;
	int64_t folder = folder_row_make(r, &c->by.log.folder, err);
	if (folder < 0)
		return (int)folder;
	if ((rc = tally_message(r, message, -1, err)) < 0)
		return rc;
	struct writer w = writer_of(c, by_log);
	int taken = uid_write(r, message, folder, c->uid, &w, err);
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
	int rc = dot_target(r, c, by_log, &message, err);

	if (rc != 0)
		return rc;
	if ((rc = tally_message(r, message, -1, err)) < 0)
		return rc;
	struct writer w = writer_of(c, by_log);
	int taken = fields_write(r, message, c, &w, err);
	if (taken < 0)
		return taken;
	if ((rc = tally_message(r, message, 1, err)) < 0 ||
		(rc = message_todo(r, message, err)) < 0)
		return rc;
	return !taken;
}

/* All that it says was noted before (note_uid). */
static int apply_uidnext(struct replica *r, const struct change *c,
	int64_t by_log, struct err *err)
{
	(void)r, (void)c, (void)by_log, (void)err;
	return 0;
}

/*
 * A UID that was given is gone for good, whatever became of its message:
 * dead, or moved on by a change that was met first.
 */
static int note_uid(struct replica *r, const struct change *c, int64_t by_log,
	struct err *err)
{
	struct writer w = writer_of(c, by_log);

	if (!c->uid || c->uid == UINT32_MAX)
		return 0;
	int64_t folder = folder_row_make(r, &c->by.log.folder, err);
	if (folder < 0)
		return (int)folder;
	int ok = folder_authority_ok(r, folder, c->by.log.origin, err);

	return ok <= 0 ? ok : folder_uidnext(r, folder, c->uid + 1, &w, err);
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
		{CHANGE_UIDNEXT, apply_uidnext},
		{CHANGE_OUT, apply_out},
	};
	int64_t by_log = log_row(r, &c->by.log, true, err);

	if (by_log < 0)
		return (int)by_log;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].kind != c->kind)
			continue;
		int rc = note_uid(r, c, by_log, err);
		return rc < 0 ? rc : kinds[i].apply(r, c, by_log, err);
	}
	return apply_folder_change(r, c, by_log, err);
}
