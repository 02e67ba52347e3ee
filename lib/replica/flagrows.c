/*
 * flagrows: flags and keywords of a message.
 *
 * Each that was ever set or cleared has a row with who wrote it; what a
 * message was born with has none, so that any change beats it. The message's
 * own row holds what it all comes to.
 */
#include <string.h>

#include "flagset.h"
#include "registers.h"

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

static int flags_load(struct replica *r, int64_t message, struct arena *arena,
	struct flag_set *ret, struct err *err)
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

void flag_put(
	struct arena *arena, struct flag_set *f, const char *name, bool value)
{
	if (name[0] == '\\')
		f->letters = letter_put(arena, f->letters, name[1], value);
	else
		f->keywords = keyword_put(
			arena, f->keywords, name, strlen(name), value);
}

static int flags_store(struct replica *r, int64_t message,
	const struct flag_set *f, struct err *err)
{
	int rc = sql_run(r, err,
		"UPDATE message SET letters = ?, keywords = ? WHERE id = ?",
		"tti", f->letters, f->keywords, message);

	return rc < 0 ? rc : message_todo(r, message, err);
}

int flags_join(struct replica *r, int64_t x, int64_t y, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct flag_set f;
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
		struct write_id by;

		rc = read_by(r, st, 2, &by, err);
		if (rc >= 0)
			rc = flag_write(r, y, name, value, &by, log, err);
		if (rc < 0) {
			sqlite3_reset(st);
			return rc;
		}
		if (rc > 0)
			flag_put(&arena, &f, name, value);
	}
	return rc < 0 ? rc : flags_store(r, y, &f, err);
}

/* Every flag that has a row: as `on` says, or as its row says. */
static int overlay(struct replica *r, int64_t message, bool rows, bool on,
	struct arena *arena, struct flag_set *f, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT name, value FROM flag WHERE message = ?", "i", message);
	int rc = st ? 0 : ERR_IO;

	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0)
		flag_put(arena, f, sql_text(st, 0, arena),
			rows ? sqlite3_column_int64(st, 1) != 0 : on);
	return rc;
}

int flags_born(struct replica *r, int64_t message, const struct flag_set *now,
	struct arena *arena, struct flag_set *ret, struct err *err)
{
	*ret = *now;
	return overlay(r, message, false, false, arena, ret, err);
}

int flags_rebase(struct replica *r, int64_t message,
	const struct flag_set *born, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct flag_set f = *born;
	int rc = overlay(r, message, true, false, &arena, &f, err);

	return rc < 0 ? rc : flags_store(r, message, &f, err);
}

int flags_settle(struct replica *r, int64_t message, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct flag_set now, f;
	int rc = flags_load(r, message, &arena, &now, err);

	if (rc <= 0)
		return rc;
	f = now;
	rc = overlay(r, message, true, false, &arena, &f, err);
	if (rc < 0 || (strcmp(f.letters, now.letters) == 0 &&
			      strcmp(f.keywords, now.keywords) == 0))
		return rc;
	rc = tally_message(r, message, -1, err);
	if (rc >= 0)
		rc = flags_store(r, message, &f, err);
	return rc < 0 ? rc : tally_message(r, message, 1, err);
}

static int write_set(struct replica *r, int64_t message, const struct change *c,
	int64_t by_log, bool value, struct arena *arena, struct flag_set *f,
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
			flag_put(arena, f, name, value);
			*changed = true;
		}
	}
	for (const char *k; rc >= 0 && (k = keyword_next(&at, &len));) {
		const char *name = arena_dup(arena, k, len);

		rc = flag_write(r, message, name, value, &c->by, by_log, err);
		if (rc > 0) {
			flag_put(arena, f, name, value);
			*changed = true;
		}
	}
	return rc < 0 ? rc : 0;
}

int apply_flags(struct replica *r, const struct change *c, int64_t by_log,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct flag_set f;
	int64_t message;
	bool changed = false;
	int rc = dot_target(r, c, by_log, &message, err);

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
