/*
 * moves: a message is placed in another folder, or elsewhere in its own.
 *
 * A MOVE names the message's dot. One that was logged as a copy first names
 * the copy's, too: then the two are one message. Which of them were met, and
 * in which order, makes no difference in the end.
 */
#include "births.h"

struct move {
	const struct change *c;
	struct writer w;
	int64_t folder;
	struct dot_row dot;
	struct dot_row source; /* of the copy that it was logged as first */
	bool joins;	       /* there is one, and it is not dead */
};

/* Where a message was moved to last: returns 1; 0 if it never was. */
static int moved_by(struct replica *r, int64_t message, struct write_id *ret,
	struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT place_stamp, place_log, place_lsn FROM message"
		" WHERE id = ? AND moved = ?",
		"ii", message, (int64_t)PLACE_MOVED);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	rc = read_by(r, st, 0, ret, err);
	sqlite3_reset(st);
	return rc < 0 ? rc : 1;
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
	int rc = moved_by(r, *gone, &of_message, err);

	if (rc <= 0 || write_id_cmp(&of_message, &c->by) < 0)
		return rc;
	rc = moved_by(r, *stays, &of_copy, err);
	if (rc < 0 || (rc > 0 && write_id_cmp(&of_message, &of_copy) < 0))
		return rc;
	int64_t copy = *stays;

	*stays = *gone;
	*gone = copy;
	return 0;
}

/*
 * Into the digest again comes what was taken out by the caller. Of what became
 * one with the message the UID counts if it is for where this lies now.
 */
static int move_to(struct replica *r, const struct move *m, int64_t message,
	const struct placed_registers *gone, struct err *err)
{
	const struct change *c = m->c;
	int taken = place_write(
		r, message, m->folder, c->base, PLACE_MOVED, &m->w, err);
	int rc = taken;

	if (rc < 0 || (rc = fields_write(r, message, c, &m->w, err)) < 0 ||
		(rc = uid_write(r, message, m->folder, c->uid, &m->w, err)) <
			0 ||
		(rc = uid_write(r, message, gone->folder, gone->uid,
			 &gone->uid_by, err)) < 0 ||
		(rc = tally_message(r, message, 1, err)) < 0 ||
		(rc = message_todo(r, message, err)) < 0)
		return rc;
	if (taken && (rc = unpark_message(r, message, err)) < 0)
		return rc;
	return !taken;
}

static int move_known(struct replica *r, const struct move *m, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct placed_registers of_gone = {0};
	int64_t message = m->dot.message, copy = m->source.message;
	int rc;

	if (m->joins && m->source.known && copy != message) {
		int64_t gone = message;

		message = copy;
		if ((rc = which_stays(r, m->c, &gone, &message, err)) < 0 ||
			(rc = placed_registers_read(
				 r, gone, &arena, &of_gone, err)) < 0 ||
			(rc = tally_message(r, message, -1, err)) < 0)
			return rc;
		rc = message_join(r, gone, message, &of_gone, err);
	} else {
		rc = tally_message(r, message, -1, err);
	}
	if (rc >= 0 && m->joins && !m->source.known)
		rc = named_dot_insert(
			r, &m->source, m->c->source.lsn, message, err);
	if (rc < 0)
		return rc;
	int outcome = move_to(r, m, message, &of_gone, err);
	if (outcome >= 0 && m->joins && !m->source.known)
		rc = unpark(r, &m->source, m->c->source.lsn, err);
	return rc < 0 ? rc : outcome;
}

/* Of a late move only the copy was met. */
static int move_copy(struct replica *r, const struct move *m, struct err *err)
{
	const struct placed_registers none = {0};
	int64_t copy = m->source.message;
	int rc = tally_message(r, copy, -1, err);

	if (rc < 0 ||
		(rc = named_dot_insert(r, &m->dot, m->c->dot.lsn, copy, err)) <
			0 ||
		(rc = message_lives(r, copy, err)) < 0 ||
		(rc = move_to(r, m, copy, &none, err)) < 0)
		return rc;
	return unpark(r, &m->dot, m->c->dot.lsn, err);
}

/* Neither message nor copy were met: a receiver without the source is whole
   all the same. */
static int move_unmet(struct replica *r, const struct move *m, struct err *err)
{
	int64_t message;
	int rc = message_insert(r, m->c, m->w.log, m->folder, &message, err);

	if (rc < 0 ||
		(rc = dot_insert(r, &m->dot, m->c->dot.lsn, message, err)) < 0)
		return rc;
	if (m->joins && (rc = named_dot_insert(r, &m->source, m->c->source.lsn,
				 message, err)) < 0)
		return rc;
	if ((rc = tally_message(r, message, 1, err)) < 0 ||
		(rc = unpark(r, &m->dot, m->c->dot.lsn, err)) < 0)
		return rc;
	return m->joins ? unpark(r, &m->source, m->c->source.lsn, err) : 0;
}

/* Which dots it names, and whether they may still come. 1: nothing to do. */
static int move_begin(struct replica *r, struct move *m, struct err *err)
{
	const struct change *c = m->c;
	int rc = dot_find(r, &c->dot, &m->dot, err);

	if (rc < 0)
		return rc;
	if (m->dot.known ? m->dot.dead || !m->dot.message
			 : (rc = dot_is_past(r, &c->dot, &m->dot, err)) != 0)
		return rc < 0 ? rc : 1;
	if (!c->source.lsn)
		return 0;
	rc = dot_find(r, &c->source, &m->source, err);
	if (rc < 0)
		return rc;
	rc = m->source.known ? m->source.dead || !m->source.message
			     : dot_is_past(r, &c->source, &m->source, err);
	m->joins = rc == 0;
	if (!m->joins)
		return rc < 0 ? rc : 0;
	return sql_run(r, err,
		"INSERT OR REPLACE INTO joined VALUES(?, ?, ?, ?, ?, ?, ?)",
		"iiiiiii", m->w.log, (int64_t)c->by.lsn, (int64_t)c->by.stamp,
		m->dot.log, (int64_t)c->dot.lsn, m->source.log,
		(int64_t)c->source.lsn);
}

int apply_move(struct replica *r, const struct change *c, int64_t by_log,
	struct err *err)
{
	struct move m = {.c = c, .w = writer_of(c, by_log)};

	m.folder = folder_row_make(r, &c->by.log.folder, err);
	if (m.folder < 0)
		return (int)m.folder;
	int rc = move_begin(r, &m, err);
	if (rc != 0)
		return rc;
	if (m.dot.known)
		return move_known(r, &m, err);
	return m.joins && m.source.known ? move_copy(r, &m, err)
					 : move_unmet(r, &m, err);
}
