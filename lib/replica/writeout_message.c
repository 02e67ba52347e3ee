/*
 * writeout_message: what one lsn of a folder's log wrote of a message.
 *
 * A change writes several registers of one message, and others may have
 * overwritten some of them. What is left is told as the kind that says no
 * more; where that is a MOVE whose place was overwritten, it names the place
 * that the message has now under its own, older write id: that is no news to
 * who knows the later write, and is overwritten by it where it comes.
 */
#include "err.h"
#include "fields.h"
#include "flagset.h"
#include "writeout.h"

struct row {
	int64_t id;
	const char *base, *extra, *birth_base;
	uint64_t size;
	int64_t mtime;
	struct hash hash;
	struct flag_set flags;
	uint32_t uid;
	bool copy;
	int64_t source_log; /* of a copy of what was born in its folder; or 0 */
	uint64_t source_lsn;
	uint64_t birth_stamp;
	/* Registers that this lsn was the last to write, and its stamp. */
	bool place, uid_here, extra_here, guid_here;
	uint64_t stamp;
};

/* Does this lsn stand in the columns from col on? Its stamp, too. */
static bool wrote(const struct writeout *w, sqlite3_stmt *st, int col,
	uint64_t lsn, uint64_t *stamp)
{
	if (sqlite3_column_int64(st, col + 1) != w->row ||
		(uint64_t)sqlite3_column_int64(st, col + 2) != lsn)
		return false;
	*stamp = (uint64_t)sqlite3_column_int64(st, col);
	return true;
}

/* Returns 1, or 0 when the message is dead or gone. */
static int read_row(const struct writeout *w, int64_t id, uint64_t lsn,
	struct row *ret, struct err *err)
{
	struct arena *arena = &w->batch->arena;
	sqlite3_stmt *st = sql(w->r, err,
		"SELECT m.base, m.size, m.mtime, m.hash, m.extra, m.letters,"
		" m.keywords, m.uid, ifnull(b.base, m.birth_base),"
		" ifnull(b.copy, m.birth_copy), ifnull(b.stamp, iif(m.moved,"
		" m.birth_stamp, m.place_stamp)), m.place_stamp, m.place_log,"
		" m.place_lsn, m.uid_stamp, m.uid_log, m.uid_lsn,"
		" m.extra_stamp, m.extra_log, m.extra_lsn, m.guid_stamp,"
		" m.guid_log, m.guid_lsn, a.source_log, a.source_lsn"
		" FROM message m"
		" LEFT JOIN birth b ON b.log = ?2 AND b.lsn = ?3"
		" LEFT JOIN apart a ON a.log = ?2 AND a.lsn = ?3"
		" WHERE m.id = ?1 AND m.dead = 0",
		"iii", id, w->row, (int64_t)lsn);
	int rc = st ? sql_step(w->r, st, err) : ERR_IO;

	*ret = (struct row){.id = id};
	if (rc <= 0)
		return rc;
	ret->base = sql_text(st, 0, arena);
	ret->size = (uint64_t)sqlite3_column_int64(st, 1);
	ret->mtime = sqlite3_column_int64(st, 2);
	sql_blob(st, 3, ret->hash.b, sizeof(ret->hash.b));
	ret->extra = sql_text(st, 4, arena);
	ret->flags = (struct flag_set){
		sql_text(st, 5, arena), sql_text(st, 6, arena)};
	ret->uid = (uint32_t)sqlite3_column_int64(st, 7);
	ret->birth_base = sql_text(st, 8, arena);
	ret->copy = sqlite3_column_int64(st, 9) != 0;
	ret->birth_stamp = (uint64_t)sqlite3_column_int64(st, 10);
	ret->place = wrote(w, st, 11, lsn, &ret->stamp);
	ret->uid_here = ret->uid && wrote(w, st, 14, lsn, &ret->stamp);
	ret->extra_here = wrote(w, st, 17, lsn, &ret->stamp);
	ret->guid_here = wrote(w, st, 20, lsn, &ret->stamp);
	ret->source_log = sqlite3_column_int64(st, 23);
	ret->source_lsn = (uint64_t)sqlite3_column_int64(st, 24);
	sqlite3_reset(st);
	return 1;
}

/* A living dot of the message: the receiver meets those of this log for sure,
   else the one that every site takes. */
static int living_dot(const struct writeout *w, int64_t message,
	struct dot *ret, struct err *err)
{
	sqlite3_stmt *st = sql(w->r, err,
		"SELECT d.log, d.lsn FROM dot d JOIN log l ON l.id = d.log"
		" WHERE d.message = ?1 AND d.dead_log = 0"
		" ORDER BY d.log <> ?2, l.origin, l.incarnation, l.folder,"
		" d.lsn LIMIT 1",
		"ii", message, w->row);
	int rc = st ? sql_step(w->r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	ret->lsn = (uint64_t)sqlite3_column_int64(st, 1);
	rc = log_of_row(w->r, sqlite3_column_int64(st, 0), &ret->log, err);
	sqlite3_reset(st);
	return rc < 0 ? rc : 1;
}

static int fill_body(const struct writeout *w, const struct row *row,
	struct change *c, struct err *err)
{
	c->size = row->size;
	c->mtime = row->mtime;
	c->hash = row->hash;
	c->extra = row->extra;
	return flags_born(
		w->r, row->id, &row->flags, &w->batch->arena, &c->add, err);
}

/* ---- kinds ---- */

static int write_expunge(const struct writeout *w,
	const struct written_entry *e, struct err *err)
{
	sqlite3_stmt *st = sql(w->r, err,
		"SELECT dead_stamp FROM dot WHERE log = ? AND lsn = ?", "ii",
		e->log, (int64_t)e->dot_lsn);
	int rc = st ? sql_step(w->r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	struct change *c = writeout_add(w, CHANGE_EXPUNGE, e->lsn,
		(uint64_t)sqlite3_column_int64(st, 0));
	sqlite3_reset(st);
	c->dot.lsn = e->dot_lsn;
	return log_of_row(w->r, e->log, &c->dot.log, err);
}

static int read_parked(const struct writeout *w, const struct written_entry *e,
	struct change_batch *ret, struct err *err)
{
	sqlite3_stmt *st = sql(w->r, err,
		"SELECT change FROM parked WHERE log = ? AND lsn = ?"
		" AND by_log = ? AND by_lsn = ?",
		"iiii", e->log, (int64_t)e->dot_lsn, w->row, (int64_t)e->lsn);
	int rc = st ? sql_step(w->r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	rc = parked_read(w->r, w->row, e->lsn, sqlite3_column_blob(st, 0),
		(size_t)sqlite3_column_bytes(st, 0), ret, err);
	sqlite3_reset(st);
	return rc;
}

/* The UID that waits may have come with a birth: then it goes with it. */
static int read_waiting(const struct writeout *w, const struct written_entry *e,
	uint32_t *given, struct err *err)
{
	struct change_batch batch = {0};
	int rc = read_parked(w, e, &batch, err);

	if (rc >= 0 && batch.count)
		*given = batch.items[0].uid;
	change_batch_free(&batch);
	return rc;
}

/* The sets of one FLAGS change, of those flags that it was the last to
   write. */
static int write_flags(const struct writeout *w, const struct written_entry *e,
	struct err *err)
{
	struct arena *arena = &w->batch->arena;
	struct flag_set sets[2] = {{"", ""}, {"", ""}};
	struct dot dot;
	uint64_t stamp = 0;
	int rc = living_dot(w, e->id, &dot, err);

	if (rc <= 0)
		return rc;
	sqlite3_stmt *st = sql(w->r, err,
		"SELECT name, value, by_stamp FROM flag WHERE by_log = ?"
		" AND by_lsn = ? AND message = ?",
		"iii", w->row, (int64_t)e->lsn, e->id);
	if (!st)
		return ERR_IO;
	while ((rc = sql_step(w->r, st, err)) > 0) {
		const char *name = sql_text(st, 0, arena);
		struct flag_set *set = &sets[sqlite3_column_int64(st, 1) != 0];

		flag_put(arena, set, name, true);
		stamp = (uint64_t)sqlite3_column_int64(st, 2);
	}
	if (rc < 0)
		return rc;
	struct change *c = writeout_add(w, CHANGE_FLAGS, e->lsn, stamp);
	c->dot = dot;
	c->del = sets[0];
	c->add = sets[1];
	return 0;
}

/* A dot that lives: as it was born, as far as that still stands. */
static int write_birth(const struct writeout *w, const struct row *row,
	uint64_t lsn, uint32_t given, struct err *err)
{
	struct change *c = writeout_add(w,
		row->copy ? CHANGE_COPY : CHANGE_SAVE, lsn, row->birth_stamp);
	int rc;

	c->dot = (struct dot){w->log, lsn};
	/* Named by a MOVE only, and its log known past it: it is told all the
	   same, or the receiver would take it for dead. */
	c->base = *row->birth_base ? row->birth_base : row->base;
	c->source.lsn = row->source_lsn;
	if (row->source_lsn && (rc = log_of_row(w->r, row->source_log,
					&c->source.log, err)) < 0)
		return rc;
	c->uid = row->uid_here ? row->uid : given;
	return fill_body(w, row, c, err);
}

/* Two dots that this lsn says are one message, if both live still. */
struct joint {
	int64_t message;
	uint64_t stamp;
	struct dot dot, source;
};

static int read_joint(const struct writeout *w, uint64_t lsn, struct joint *ret,
	struct err *err)
{
	sqlite3_stmt *st = sql(w->r, err,
		"SELECT j.stamp, d.message, j.dot_log, j.dot_lsn,"
		" j.source_log, j.source_lsn FROM joined j"
		" JOIN dot d ON d.log = j.dot_log AND d.lsn = j.dot_lsn"
		" JOIN dot s ON s.log = j.source_log AND s.lsn = j.source_lsn"
		" WHERE j.log = ? AND j.lsn = ? AND d.dead_log = 0"
		" AND s.dead_log = 0",
		"ii", w->row, (int64_t)lsn);
	int rc = st ? sql_step(w->r, st, err) : ERR_IO;

	*ret = (struct joint){0};
	if (rc <= 0)
		return rc;
	ret->stamp = (uint64_t)sqlite3_column_int64(st, 0);
	ret->message = sqlite3_column_int64(st, 1);
	ret->dot.lsn = (uint64_t)sqlite3_column_int64(st, 3);
	ret->source.lsn = (uint64_t)sqlite3_column_int64(st, 5);
	rc = log_of_row(w->r, sqlite3_column_int64(st, 2), &ret->dot.log, err);
	if (rc >= 0)
		rc = log_of_row(w->r, sqlite3_column_int64(st, 4),
			&ret->source.log, err);
	sqlite3_reset(st);
	return rc < 0 ? rc : 1;
}

static int write_move(const struct writeout *w, const struct row *row,
	uint64_t lsn, uint32_t given, const struct joint *joint,
	struct err *err)
{
	struct dot dot = joint->dot;
	int rc = joint->message ? 1 : living_dot(w, row->id, &dot, err);

	if (rc <= 0)
		return rc;
	struct change *c = writeout_add(w, CHANGE_MOVE, lsn,
		joint->message ? joint->stamp : row->stamp);
	c->dot = dot;
	c->source = joint->source;
	c->base = row->base;
	c->uid = row->uid_here ? row->uid : given;
	return fill_body(w, row, c, err);
}

/* What an EXTRA says: of the GUID nothing, unless this lsn wrote it. */
static const char *said_fields(const struct writeout *w, const struct row *row)
{
	struct arena *arena = &w->batch->arena;
	const char *guid = fields_get(arena, row->extra, 'G');

	if (!row->guid_here)
		guid = NULL;
	else if (!guid)
		guid = row->base;
	return fields_put(arena, row->extra, 'G', guid);
}

/* Registers of a message whose dot was not born by this lsn, or died. */
static int write_registers(const struct writeout *w, const struct row *row,
	uint64_t lsn, uint32_t given, const struct joint *joint,
	struct err *err)
{
	bool fields = row->extra_here || row->guid_here;
	struct dot dot;
	struct change *c;

	if (row->place || joint->message ||
		(fields && (row->uid_here || given)))
		return write_move(w, row, lsn, given, joint, err);
	if (!row->uid_here && !fields)
		return 0;
	int rc = living_dot(w, row->id, &dot, err);
	if (rc <= 0)
		return rc;
	c = writeout_add(
		w, fields ? CHANGE_EXTRA : CHANGE_UID, lsn, row->stamp);
	c->dot = dot;
	c->uid = fields ? 0 : row->uid;
	c->extra = fields ? said_fields(w, row) : "";
	return 0;
}

/* The UID that the folder's UIDNEXT comes from: 0 where it is none. */
static int read_given(const struct writeout *w, int64_t folder, uint32_t *ret,
	struct err *err)
{
	sqlite3_stmt *st = sql(w->r, err,
		"SELECT uidnext FROM folder WHERE id = ?", "i", folder);
	int rc = st ? sql_step(w->r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	*ret = (uint32_t)sqlite3_column_int64(st, 0);
	*ret -= *ret != 0;
	sqlite3_reset(st);
	return 0;
}

int writeout_message(const struct writeout *w,
	const struct written_entry *entries, size_t count, struct err *err)
{
	const struct written_entry *born = NULL;
	size_t before = w->batch->count;
	struct joint joint = {0};
	uint64_t lsn = entries->lsn;
	uint32_t given = 0;
	int64_t message = 0;
	struct row row;
	int rc = 0;

	for (size_t i = 0; i < count && rc >= 0; i++) {
		const struct written_entry *e = &entries[i];

		switch (e->what) {
		case WRITTEN_DEAD:
			return write_expunge(w, e, err);
		case WRITTEN_FLAGS:
			return write_flags(w, e, err);
		case WRITTEN_PARKED:
			if (!message)
				return read_parked(w, e, w->batch, err);
			rc = read_waiting(w, e, &given, err);
			break;
		case WRITTEN_JOINED:
			rc = read_joint(w, lsn, &joint, err);
			break;
		case WRITTEN_NUMBER:
			rc = read_given(w, e->id, &given, err);
			break;
		case WRITTEN_BORN:
			born = e;
			/* fall through */
		default:
			if (!message)
				message = e->id;
			break;
		}
	}
	if (joint.message)
		message = joint.message;
	if (rc >= 0 && message)
		rc = read_row(w, message, lsn, &row, err);
	else if (rc >= 0)
		rc = 0;
	if (rc > 0 && born && !born->log)
		rc = write_birth(w, &row, lsn, given, err);
	else if (rc > 0)
		rc = write_registers(w, &row, lsn, given, &joint, err);
	if (rc >= 0 && given && w->batch->count == before)
		writeout_add(w, CHANGE_UIDNEXT, lsn, 0)->uid = given;
	return rc < 0 ? rc : 0;
}
