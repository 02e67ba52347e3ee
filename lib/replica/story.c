#include "story.h"

#include <stdlib.h>
#include <string.h>

#include "flagset.h"
#include "registers.h"

/* ---- its row, and what peers said of it ---- */

static int read_out(
	struct replica *r, int64_t message, struct story *s, struct err *err)
{
	int64_t row[3];
	int rc = sql_numbers(r,
		sql(r, err,
			"SELECT out, out_ms, EXISTS(SELECT 1 FROM preview v"
			" WHERE v.content = m.hash) AND NOT EXISTS(SELECT 1"
			" FROM dot d WHERE d.message = m.id)"
			" FROM message m WHERE id = ?",
			"i", message),
		row, 3, err);

	s->out = (uint64_t)row[0];
	s->out_ms = row[1];
	s->preview = row[2] != 0;
	return rc < 0 ? rc : 0;
}

static int read_late(struct replica *r, int64_t message, struct arena *arena,
	struct story *s, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT l.peer, l.uid, l.uidnext FROM late l JOIN message m"
		" ON m.id = l.message WHERE m.id = ? AND m.uid = l.uid"
		" AND m.dead = 0",
		"i", message);
	int rc = st ? 0 : ERR_IO;

	while (st && (rc = sql_step(r, st, err)) > 0) {
		s->late = arena_room(
			arena, s->late, s->late_count, sizeof(*s->late));
		s->late[s->late_count++] = (struct story_late){
			(uint64_t)sqlite3_column_int64(st, 0),
			(uint32_t)sqlite3_column_int64(st, 1),
			(uint32_t)sqlite3_column_int64(st, 2)};
	}
	return rc;
}

static int read_wants(struct replica *r, struct arena *arena, struct story *s,
	struct err *err)
{
	sqlite3_stmt *st =
		sql(r, err, "SELECT peer, at, kept FROM want WHERE hash = ?",
			"b", s->message.hash.b, sizeof(s->message.hash.b));
	int rc = st ? 0 : ERR_IO;

	while (st && (rc = sql_step(r, st, err)) > 0) {
		s->wants = arena_room(
			arena, s->wants, s->want_count, sizeof(*s->wants));
		s->wants[s->want_count++] = (struct story_want){
			(uint64_t)sqlite3_column_int64(st, 0),
			(uint64_t)sqlite3_column_int64(st, 1),
			sqlite3_column_int64(st, 2) != 0};
	}
	return rc;
}

/* ---- dots and registers ---- */

/* Rows of table dot. */
static int read_dots(struct replica *r, sqlite3_stmt *st, struct arena *arena,
	struct story *s, struct err *err)
{
	int rc = st ? 0 : ERR_IO;

	while (st && rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		s->dots = arena_room(
			arena, s->dots, s->dot_count, sizeof(*s->dots));
		struct story_dot *d = &s->dots[s->dot_count++];

		*d = (struct story_dot){
			.dot.lsn = (uint64_t)sqlite3_column_int64(st, 1),
			.dead = sqlite3_column_int64(st, 3) != 0};
		rc = log_of_row(
			r, sqlite3_column_int64(st, 0), &d->dot.log, err);
		if (rc >= 0)
			rc = read_by(r, st, 2, &d->dead_by, err);
	}
	return rc;
}

static int cmp_dot(const void *a, const void *b)
{
	const struct story_dot *x = a, *y = b;

	return dot_cmp(&x->dot, &y->dot);
}

static struct story_register *add_register(
	struct arena *arena, struct story *s, enum story_what what)
{
	s->registers = arena_room(
		arena, s->registers, s->register_count, sizeof(*s->registers));
	struct story_register *reg = &s->registers[s->register_count++];

	*reg = (struct story_register){.what = what, .name = ""};
	return reg;
}

static int read_fields(struct replica *r, int64_t message, struct arena *arena,
	struct story *s, struct err *err)
{
	static const enum story_what order[] = {
		STORY_PLACE, STORY_UID, STORY_EXTRA, STORY_GUID};
	sqlite3_stmt *st = sql(r, err,
		"SELECT place_stamp, place_log, place_lsn, uid_stamp, uid_log,"
		" uid_lsn, extra_stamp, extra_log, extra_lsn, guid_stamp,"
		" guid_log, guid_lsn FROM message WHERE id = ?",
		"i", message);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	for (int i = 0; i < 4 && rc >= 0; i++)
		if (sqlite3_column_int64(st, 3 * i + 1))
			rc = read_by(r, st, 3 * i,
				&add_register(arena, s, order[i])->by, err);
	sqlite3_reset(st);
	return rc;
}

static int read_flags(struct replica *r, int64_t message, struct arena *arena,
	struct story *s, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT name, value, by_stamp, by_log, by_lsn FROM flag"
		" WHERE message = ? ORDER BY name",
		"i", message);
	int rc = st ? 0 : ERR_IO;

	while (st && rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		struct story_register *reg = add_register(arena, s, STORY_FLAG);

		reg->name = sql_text(st, 0, arena);
		reg->value = sqlite3_column_int64(st, 1) != 0;
		rc = read_by(r, st, 2, &reg->by, err);
	}
	return rc;
}

/* ---- what stands, and what waits ---- */

static int cmp_change(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	return write_id_cmp(&x->by, &y->by);
}

/* Each lsn that wrote something which stands, written out. */
static int write_out(struct replica *r, const struct dot *writes, size_t count,
	struct story *s, struct err *err)
{
	uint64_t upto;
	int rc = 0;

	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = replica_write_out(r, &writes[i].log, writes[i].lsn - 1,
			writes[i].lsn, &s->stands, &upto, err);
	if (s->stands.count)
		qsort(s->stands.items, s->stands.count,
			sizeof(*s->stands.items), cmp_change);
	return rc;
}

static int read_writes(struct replica *r, int64_t message, struct arena *arena,
	struct dot **ret, size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT log, lsn FROM dot WHERE message = ?1"
		" UNION SELECT dead_log, dead_lsn FROM dot WHERE message = ?1"
		" UNION SELECT by_log, by_lsn FROM flag WHERE message = ?1"
		" UNION SELECT place_log, place_lsn FROM message WHERE id = ?1"
		" UNION SELECT uid_log, uid_lsn FROM message WHERE id = ?1"
		" UNION SELECT extra_log, extra_lsn FROM message WHERE id = ?1"
		" UNION SELECT guid_log, guid_lsn FROM message WHERE id = ?1"
		" UNION SELECT j.log, j.lsn FROM dot d JOIN joined j"
		" ON j.dot_log = d.log AND j.dot_lsn = d.lsn"
		" WHERE d.message = ?1",
		"i", message);
	int rc = st ? 0 : ERR_IO;

	*ret = NULL;
	*ret_count = 0;
	while (st && rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		struct dot at = {.lsn = (uint64_t)sqlite3_column_int64(st, 1)};

		if (!at.lsn)
			continue; /* nobody wrote that */
		rc = log_of_row(r, sqlite3_column_int64(st, 0), &at.log, err);
		*ret = arena_room(arena, *ret, *ret_count, sizeof(**ret));
		(*ret)[(*ret_count)++] = at;
	}
	return rc;
}

static int read_parked_all(
	struct replica *r, int64_t message, struct story *s, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT p.by_log, p.by_lsn, p.change FROM dot d JOIN parked p"
		" ON p.log = d.log AND p.lsn = d.lsn WHERE d.message = ?"
		" ORDER BY p.by_log, p.by_lsn",
		"i", message);
	int rc = st ? 0 : ERR_IO;

	while (st && rc >= 0 && (rc = sql_step(r, st, err)) > 0)
		rc = parked_read(r, sqlite3_column_int64(st, 0),
			(uint64_t)sqlite3_column_int64(st, 1),
			sqlite3_column_blob(st, 2),
			(size_t)sqlite3_column_bytes(st, 2), &s->parked, err);
	return rc;
}

int story_read(struct replica *r, int64_t message, struct arena *arena,
	struct story *s, struct err *err)
{
	struct dot *writes;
	size_t count;

	*s = (struct story){.known = true};
	int rc = replica_message_get(r, message, arena, &s->message, err);

	if (rc != 0)
		return rc;
	if ((rc = read_out(r, message, s, err)) < 0 ||
		(rc = read_late(r, message, arena, s, err)) < 0 ||
		(rc = read_wants(r, arena, s, err)) < 0 ||
		(rc = read_dots(r,
			 sql(r, err,
				 "SELECT log, lsn, dead_stamp, dead_log,"
				 " dead_lsn FROM dot WHERE message = ?",
				 "i", message),
			 arena, s, err)) < 0 ||
		(rc = read_fields(r, message, arena, s, err)) < 0 ||
		(rc = read_flags(r, message, arena, s, err)) < 0 ||
		(rc = read_parked_all(r, message, s, err)) < 0 ||
		(rc = read_writes(r, message, arena, &writes, &count, err)) < 0)
		return rc;
	if (s->dot_count)
		qsort(s->dots, s->dot_count, sizeof(*s->dots), cmp_dot);
	rc = write_out(r, writes, count, s, err);
	return rc < 0 ? rc : 0;
}

/* Only its tombstone is left. */
static int read_gone(struct replica *r, const struct dot *dot,
	struct arena *arena, struct story *s, struct err *err)
{
	int64_t log = log_row(r, &dot->log, false, err);

	*s = (struct story){.known = false};
	if (log <= 0)
		return log < 0 ? (int)log : 1;
	int rc = read_dots(r,
		sql(r, err,
			"SELECT log, lsn, dead_stamp, dead_log, dead_lsn"
			" FROM dot WHERE log = ? AND lsn = ?",
			"ii", log, (int64_t)dot->lsn),
		arena, s, err);
	if (rc < 0 || !s->dot_count)
		return rc < 0 ? rc : 1;
	struct dot by = {s->dots[0].dead_by.log, s->dots[0].dead_by.lsn};

	rc = by.lsn ? write_out(r, &by, 1, s, err) : 0;
	return rc < 0 ? rc : 0;
}

int story_read_dot(struct replica *r, const struct dot *dot,
	struct arena *arena, struct story *ret, struct err *err)
{
	struct replica_message m;
	int rc = replica_message_by_dot(r, dot, arena, &m, err);

	*ret = (struct story){.known = false};
	if (rc < 0)
		return rc;
	return rc == 0 ? story_read(r, m.id, arena, ret, err)
		       : read_gone(r, dot, arena, ret, err);
}

void story_free(struct story *s)
{
	change_batch_free(&s->stands);
	change_batch_free(&s->parked);
}

/* ---- what became of a change ---- */

bool story_has_dot(const struct story *s, const struct dot *dot)
{
	for (size_t i = 0; i < s->dot_count; i++)
		if (dot_cmp(&s->dots[i].dot, dot) == 0)
			return true;
	return false;
}

/* Did it write that register? What a message is born with is no write of a
   flag: any change beats it, and it is lost to none. */
static bool wrote(const struct change *c, const struct story_register *reg)
{
	switch (reg->what) {
	case STORY_PLACE:
		return c->kind == CHANGE_MOVE;
	case STORY_UID:
		return c->uid != 0 && c->kind != CHANGE_UIDNEXT;
	case STORY_EXTRA:
		return c->kind == CHANGE_EXTRA;
	case STORY_GUID:
		return false; /* told with the name that it belongs to */
	case STORY_FLAG:
		break;
	}
	if (c->kind != CHANGE_FLAGS)
		return false;
	if (reg->name[0] == '\\')
		return letter_in(c->add.letters, reg->name[1]) ||
		       letter_in(c->del.letters, reg->name[1]);
	return keyword_in(c->add.keywords, reg->name, strlen(reg->name)) ||
	       keyword_in(c->del.keywords, reg->name, strlen(reg->name));
}

size_t story_lost(const struct story *s, const struct change *c,
	struct arena *arena, size_t **ret)
{
	size_t count = 0;

	*ret = NULL;
	for (size_t i = 0; i < s->register_count; i++) {
		const struct write_id *by = &s->registers[i].by;

		if (!wrote(c, &s->registers[i]) || write_id_is_at(by, &c->by))
			continue;
		*ret = arena_room(arena, *ret, count, sizeof(**ret));
		(*ret)[count++] = i;
	}
	return count;
}

/* ---- finding ---- */

int story_by_uid(struct replica *r, int64_t folder, uint32_t uid,
	struct arena *arena, int64_t **ret, size_t *ret_count, struct err *err)
{
	return sql_ids(r,
		sql(r, err,
			"SELECT id FROM message WHERE folder = ?1 AND uid = ?2"
			" UNION SELECT id FROM message WHERE p_folder = ?1"
			" AND p_uid = ?2",
			"ii", folder, (int64_t)uid),
		arena, ret, ret_count, err);
}

int story_by_base(struct replica *r, int64_t folder, const char *base,
	struct arena *arena, int64_t **ret, size_t *ret_count, struct err *err)
{
	return sql_ids(r,
		sql(r, err,
			"SELECT id FROM message WHERE folder = ?1"
			" AND (base = ?2 OR birth_base = ?2)"
			" UNION SELECT id FROM message WHERE p_folder = ?1"
			" AND p_base = ?2",
			"it", folder, base),
		arena, ret, ret_count, err);
}

int story_by_content(struct replica *r, const struct id128 *content,
	struct arena *arena, struct dot **ret, size_t *ret_count,
	struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT log, lsn FROM dot WHERE content = ? AND message = 0",
		"b", content->b, sizeof(content->b));
	int rc = st ? 0 : ERR_IO;

	*ret = NULL;
	*ret_count = 0;
	while (st && rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		*ret = arena_room(arena, *ret, *ret_count, sizeof(**ret));
		struct dot *dot = &(*ret)[(*ret_count)++];

		dot->lsn = (uint64_t)sqlite3_column_int64(st, 1);
		rc = log_of_row(r, sqlite3_column_int64(st, 0), &dot->log, err);
	}
	return rc;
}
