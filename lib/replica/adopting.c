/*
 * adopting: what a peer told of a folder in a comparison.
 *
 * Its changes are merged as any others (replica_apply): a register keeps the
 * later write. What remains is what a merge never meets: two sites that hold
 * different values of one and the same write. One of them is damaged; which,
 * the caller decides.
 */
#include <string.h>

#include "births.h"
#include "compared.h"
#include "fields.h"
#include "flagset.h"

int adopting_dot(struct replica *r, const struct dot *dot, struct err *err)
{
	struct dot_row row;
	int rc = dot_find(r, dot, &row, err);

	if (rc < 0)
		return rc;
	if (row.known)
		return row.dead || !row.message ? ADOPTING_DEAD
						: ADOPTING_ALIVE;
	rc = dot_is_past(r, dot, &row, err);
	return rc > 0 ? ADOPTING_PAST : rc;
}

struct change adopting_death(const struct dot *dot)
{
	struct change c = change_blank(CHANGE_EXPUNGE);

	c.by.log = dot->log;
	c.dot = *dot;
	return c;
}

int adopting_living(struct replica *r, const struct log_id *log, uint64_t first,
	uint64_t last, size_t max, struct arena *arena, uint64_t **ret,
	size_t *ret_count, struct err *err)
{
	int64_t row = log_row(r, log, false, err);

	/* Most runs are short, and there may be many. */
	if (last - first < max)
		max = (size_t)(last - first) + 1;
	sqlite3_stmt *st =
		row <= 0 ? NULL
			 : sql(r, err,
				   "SELECT lsn FROM dot WHERE log = ?"
				   " AND lsn BETWEEN ? AND ? AND dead_log = 0"
				   " ORDER BY lsn LIMIT ?",
				   "iiii", row, (int64_t)first, (int64_t)last,
				   (int64_t)max);
	int rc = row > 0 && !st ? ERR_IO : (int)row;

	*ret_count = 0;
	if (!st)
		return rc < 0 ? rc : 0;
	*ret = arena_alloc(arena, max * sizeof(**ret));
	while ((rc = sql_step(r, st, err)) > 0)
		(*ret)[(*ret_count)++] = (uint64_t)sqlite3_column_int64(st, 0);
	return rc;
}

/* ---- registers that one write wrote ---- */

/* The change being taken, and the row of its message and its log. */
struct taking {
	struct replica *r;
	const struct change *c;
	int64_t log, message;
	struct placed_registers is;
	struct arena arena;
};

static bool wrote(const struct taking *t, const struct writer *w)
{
	return w->log == t->log && w->by.lsn == t->c->by.lsn;
}

/* What was born has no writer: it is as the first birth says. */
static int take_born(struct taking *t, struct err *err)
{
	const struct change *c = t->c;
	int first = birth_is_first(t->r, t->message, c, err);
	int rc = first;

	if (rc > 0)
		rc = flags_rebase(t->r, t->message, &c->add, err);
	return rc < 0 ? rc
		      : sql_run(t->r, err,
				"UPDATE message SET size = ?, hash = ?,"
				" mtime = iif(?, ?, mtime) WHERE id = ?",
				"ibiii", (int64_t)c->size, c->hash.b,
				sizeof(c->hash.b), (int64_t)first, c->mtime,
				t->message);
}

static int take_place(struct taking *t, struct err *err)
{
	return sql_run(t->r, err,
		"UPDATE message SET base = iif(?1, ?2, base),"
		" uid = iif(?3, ?4, uid) WHERE id = ?5",
		"itiii", (int64_t)wrote(t, &t->is.place_by), t->c->base,
		(int64_t)(t->c->uid && wrote(t, &t->is.uid_by)),
		(int64_t)t->c->uid, t->message);
}

static int take_fields(struct taking *t, const char *base, struct err *err)
{
	const struct change *c = t->c;
	const char *said = fields_get(&t->arena, c->extra, 'G');
	const char *guid = fields_get(&t->arena, t->is.extra, 'G');
	const char *fields = t->is.extra;

	if (!said && c->kind != CHANGE_EXTRA)
		said = c->base;
	if (said && wrote(t, &t->is.guid_by))
		guid = strcmp(said, base) == 0 ? NULL : said;
	if (wrote(t, &t->is.extra_by))
		fields = c->extra;
	return sql_run(t->r, err, "UPDATE message SET extra = ? WHERE id = ?",
		"ti", fields_put(&t->arena, fields, 'G', guid), t->message);
}

static int take_flag(struct taking *t, const char *name, bool value,
	struct flag_set *now, struct err *err)
{
	sqlite3_stmt *st = sql(t->r, err,
		"UPDATE flag SET value = ?1 WHERE message = ?2 AND name = ?3"
		" AND by_log = ?4 AND by_lsn = ?5 RETURNING 1",
		"iitii", (int64_t)value, t->message, name, t->log,
		(int64_t)t->c->by.lsn);
	int rc = st ? sql_step(t->r, st, err) : ERR_IO;

	if (rc > 0) {
		flag_put(&t->arena, now, name, value);
		sqlite3_reset(st);
	}
	return rc;
}

static int take_set(
	struct taking *t, bool value, struct flag_set *now, struct err *err)
{
	const struct flag_set *set = value ? &t->c->add : &t->c->del;
	const char *at = set->keywords, *k;
	size_t len;
	int rc = 0;

	for (const char *l = set->letters; *l && rc >= 0; l++) {
		char name[3] = {'\\', *l, 0};

		rc = take_flag(t, name, value, now, err);
	}
	while (rc >= 0 && (k = keyword_next(&at, &len)))
		rc = take_flag(
			t, arena_dup(&t->arena, k, len), value, now, err);
	return rc;
}

static int take_flags(struct taking *t, struct err *err)
{
	struct flag_set now = t->is.flags;
	int rc = take_set(t, true, &now, err);

	if (rc >= 0)
		rc = take_set(t, false, &now, err);
	return rc < 0 ? rc
		      : sql_run(t->r, err,
				"UPDATE message SET letters = ?, keywords = ?"
				" WHERE id = ?",
				"tti", now.letters, now.keywords, t->message);
}

static int take(struct taking *t, struct err *err)
{
	const char *base = wrote(t, &t->is.place_by) ? t->c->base : t->is.base;
	int rc = 0;

	switch (t->c->kind) {
	case CHANGE_SAVE:
	case CHANGE_COPY:
		rc = take_born(t, err);
		/* fall through */
	case CHANGE_MOVE:
		if (rc >= 0)
			rc = take_place(t, err);
		return rc < 0 ? rc : take_fields(t, base, err);
	case CHANGE_UID:
		return sql_run(t->r, err,
			"UPDATE message SET uid = iif(?1, ?2, uid)"
			" WHERE id = ?3",
			"iii", (int64_t)wrote(t, &t->is.uid_by),
			(int64_t)t->c->uid, t->message);
	case CHANGE_EXTRA:
		return take_fields(t, t->is.base, err);
	case CHANGE_FLAGS:
		return take_flags(t, err);
	default:
		return 0;
	}
}

int adopting_change(struct replica *r, const struct change *c, struct err *err)
{
	struct taking t = {.r = r, .c = c};
	uint8_t before[16] = {0}, after[16] = {0};
	struct dot_row row;
	int64_t where;
	int rc = dot_find(r, &c->dot, &row, err);

	if (rc < 0 || !row.known || row.dead || !row.message)
		return rc < 0 ? rc : 0;
	t.message = row.message;
	t.log = log_row(r, &c->by.log, true, err);
	if (t.log < 0)
		return (int)t.log;
	rc = placed_registers_read(r, t.message, &t.arena, &t.is, err);
	if (rc > 0)
		rc = tally_value(r, t.message, &where, before, err);
	if (rc > 0)
		rc = tally_message(r, t.message, -1, err);
	if (rc >= 0)
		rc = take(&t, err);
	if (rc >= 0)
		rc = tally_message(r, t.message, 1, err);
	if (rc >= 0)
		rc = message_todo(r, t.message, err);
	if (rc >= 0)
		rc = tally_value(r, t.message, &where, after, err);
	arena_free(&t.arena);
	return rc < 0 ? rc : memcmp(before, after, sizeof(after)) != 0;
}
