#include "compared.h"

#include <stdlib.h>
#include <string.h>

#include "flagset.h"
#include "gaps.h"
#include "registers.h"
#include "stated.h"

/* ---- values ---- */

/* The values of all, and what they come to. */
static int list_values(struct replica *r, const int64_t *ids, size_t count,
	uint8_t (*values)[KEYS_VALUE_SIZE], uint8_t sum[KEYS_VALUE_SIZE],
	struct err *err)
{
	int64_t where;
	int rc = 0;

	memset(sum, 0, KEYS_VALUE_SIZE);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		rc = tally_value(r, ids[i], &where, values[i], err);
		if (rc > 0)
			tally_sum(sum, values[i]);
	}
	return rc < 0 ? rc : 0;
}

int compared_exact_each(struct replica *r, const struct id128 *folder,
	int64_t now_ms, compared_value_fn fn, void *arg, struct err *err)
{
	AUTO_FREE uint8_t(*values)[KEYS_VALUE_SIZE] = NULL;
	AUTO_ARENA struct arena arena = {0};
	int64_t row = folder_row(r, folder, err), *ids;
	uint8_t sum[KEYS_VALUE_SIZE];
	size_t count = 0;
	int rc = row <= 0 ? (int)row
			  : folder_living(r, row, &arena, &ids, &count, err);

	if (rc < 0 || !row)
		return rc;
	values = mem_array(count + 1, sizeof(*values));
	rc = list_values(r, ids, count, values, sum, err);
	if (rc >= 0)
		rc = stated_check(r, row, count, sum, now_ms, err);
	/* What can be put right from our own registers. */
	for (size_t i = 0; rc > 0 && i < count; i++)
		rc = flags_settle(r, ids[i], err) < 0 ? ERR_IO : 1;
	if (rc > 0)
		rc = list_values(r, ids, count, values, sum, err);
	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = fn(arg, ids[i], values[i], err);
	return rc < 0 ? rc : 0;
}

int compared_content_each(struct replica *r, const struct id128 *folder,
	compared_value_fn fn, void *arg, struct err *err)
{
	int64_t row = folder_row(r, folder, err);
	sqlite3_stmt *st =
		row <= 0 ? NULL
			 : sql(r, err,
				   "SELECT id, base, size, hash FROM message"
				   " WHERE folder = ? AND dead = 0 ORDER BY id",
				   "i", row);
	int rc = row > 0 && !st ? ERR_IO : (int)row;

	if (!st)
		return rc;
	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		uint8_t value[KEYS_VALUE_SIZE];
		struct hash hash;

		sql_blob(st, 3, hash.b, sizeof(hash.b));
		keys_content((const char *)sqlite3_column_text(st, 1),
			(uint64_t)sqlite3_column_int64(st, 2), &hash, value);
		rc = fn(arg, sqlite3_column_int64(st, 0), value, err);
	}
	sqlite3_reset(st);
	return rc;
}

/* ---- how far logs are known ---- */

struct met_log {
	struct known_log known;
	int64_t row;
};

static int cmp_met(const void *a, const void *b)
{
	return log_id_cmp(&((const struct met_log *)a)->known.at.log,
		&((const struct met_log *)b)->known.at.log);
}

/* Logs of the folder, by id; to be freed. */
static int list_logs(struct replica *r, int64_t folder, struct met_log **ret,
	size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT l.id, l.lsn, l.chain FROM log l"
		" JOIN alias a ON a.fid = l.folder WHERE a.folder = ?",
		"i", folder);
	size_t count = 0;
	int rc = st ? 0 : ERR_IO;

	*ret = NULL;
	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		*ret = mem_grow(*ret, count + 1, sizeof(**ret));
		struct met_log *log = &(*ret)[count++];
		*log = (struct met_log){.row = sqlite3_column_int64(st, 0)};
		log->known.at.lsn = (uint64_t)sqlite3_column_int64(st, 1);
		log->known.at.chain = (uint64_t)sqlite3_column_int64(st, 2);
		rc = log_of_row(r, log->row, &log->known.at.log, err);
	}
	if (rc < 0 && st)
		sqlite3_reset(st);
	if (rc >= 0 && count)
		qsort(*ret, count, sizeof(**ret), cmp_met);
	*ret_count = count;
	return rc;
}

/* What of a log was lost on its way here, below where it is known. */
static int read_gaps(struct replica *r, struct met_log *log,
	struct arena *arena, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT g.first, min(g.last, ?3), (SELECT count(*) FROM gap)"
		" FROM gap g JOIN log l ON l.id = g.log WHERE g.kind = ?1"
		" AND g.log = ?2 AND g.first <= ?3 AND l.origin <> ?4"
		" ORDER BY g.first",
		"iiii", (int64_t)GAP_LOST, log->row, (int64_t)log->known.at.lsn,
		(int64_t)r->origin);
	struct lsn_run *gaps = NULL;
	size_t count = 0;
	int rc = st ? 0 : ERR_IO;

	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		struct lsn_run run = {(uint64_t)sqlite3_column_int64(st, 0),
			(uint64_t)sqlite3_column_int64(st, 1)};

		if (!gaps)
			gaps = arena_alloc(
				arena, (size_t)sqlite3_column_int64(st, 2) *
					       sizeof(*gaps));
		if (count && run.first <= gaps[count - 1].last + 1) {
			if (run.last > gaps[count - 1].last)
				gaps[count - 1].last = run.last;
		} else {
			gaps[count++] = run;
		}
	}
	log->known.gaps = gaps;
	log->known.gap_count = count;
	return rc;
}

struct dot_runs {
	struct dot_run *items;
	size_t count;
};

static void add_lsn(struct dot_runs *runs, size_t log, uint64_t lsn)
{
	struct dot_run *last =
		runs->count ? &runs->items[runs->count - 1] : NULL;

	if (last && last->log == log && last->last + 1 == lsn) {
		last->last = lsn;
		return;
	}
	runs->items = mem_room(runs->items, runs->count, sizeof(*runs->items));
	runs->items[runs->count++] = (struct dot_run){log, lsn, lsn};
}

static int read_dots(struct replica *r, int64_t row, size_t log,
	struct dot_runs *living, struct dot_runs *dead, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT lsn, dead_log <> 0 FROM dot WHERE log = ? ORDER BY lsn",
		"i", row);
	int rc = st ? 0 : ERR_IO;

	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0)
		add_lsn(sqlite3_column_int64(st, 1) ? dead : living, log,
			(uint64_t)sqlite3_column_int64(st, 0));
	return rc;
}

static const struct dot_run *keep_runs(
	struct dot_runs *runs, struct arena *arena)
{
	size_t bytes = runs->count * sizeof(*runs->items);
	struct dot_run *kept = arena_alloc(arena, bytes);

	if (bytes)
		memcpy(kept, runs->items, bytes);
	free(runs->items);
	return kept;
}

int compared_known(struct replica *r, const struct id128 *folder,
	struct arena *arena, struct known *ret, struct err *err)
{
	int64_t row = folder_row(r, folder, err);
	struct dot_runs living = {0}, dead = {0};
	AUTO_FREE struct met_log *logs = NULL;
	size_t count = 0;
	int rc = row < 0 ? (int)row : list_logs(r, row, &logs, &count, err);
	struct known_log *known =
		arena_alloc(arena, (count + 1) * sizeof(*known));

	for (size_t i = 0; i < count && rc >= 0; i++) {
		rc = read_gaps(r, &logs[i], arena, err);
		if (rc >= 0)
			rc = read_dots(r, logs[i].row, i, &living, &dead, err);
		known[i] = logs[i].known;
	}
	*ret = (struct known){
		.logs = known,
		.log_count = count,
		.living_count = living.count,
		.dead_count = dead.count,
	};
	ret->living = keep_runs(&living, arena);
	ret->dead = keep_runs(&dead, arena);
	return rc < 0 ? rc : 0;
}

/* ---- rows whole ---- */

struct compared_place {
	int64_t id;
	uint32_t uid;	  /* by which it is placed; 0: by its dot */
	struct dot first; /* if by its dot */
};

static int cmp_dot(const void *a, const void *b)
{
	return dot_cmp(a, b);
}

static int cmp_places(const void *a, const void *b)
{
	const struct compared_place *x = a, *y = b;

	if (x->uid != y->uid)
		return x->uid && (!y->uid || x->uid < y->uid) ? -1 : 1;
	return x->uid ? 0 : dot_cmp(&x->first, &y->first);
}

/* Living dots, ascending as lib/compare has them. */
static int read_living(struct replica *r, int64_t id, struct arena *arena,
	struct dot **ret, size_t *ret_count, struct err *err)
{
	int rc = replica_dots(r, id, arena, ret, ret_count, err);

	if (rc >= 0 && *ret_count > 1)
		qsort(*ret, *ret_count, sizeof(**ret), cmp_dot);
	return rc;
}

/* Rows of one folder by UID, each UID once. */
static int read_places(
	struct compared_rows *rows, int64_t folder, bool uids, struct err *err)
{
	sqlite3_stmt *st = sql(rows->r, err,
		"SELECT id, uid FROM message WHERE folder = ? AND dead = 0"
		" ORDER BY uid, id",
		"i", folder);
	uint32_t before = 0;
	int rc = st ? 0 : ERR_IO;

	while (rc >= 0 && (rc = sql_step(rows->r, st, err)) > 0) {
		uint32_t uid = (uint32_t)sqlite3_column_int64(st, 1);

		rows->places = mem_room(
			rows->places, rows->count, sizeof(*rows->places));
		rows->places[rows->count++] = (struct compared_place){
			.id = sqlite3_column_int64(st, 0),
			.uid = uids && uid != before ? uid : 0,
		};
		before = uid;
	}
	return rc;
}

int compared_rows_begin(struct replica *r, const struct id128 *folder,
	bool uids, const uint8_t *seed, struct compared_rows *ret,
	struct err *err)
{
	int64_t row = folder_row(r, folder, err);
	int rc;

	*ret = (struct compared_rows){.r = r, .seed = seed};
	rc = row <= 0 ? (int)row : read_places(ret, row, uids, err);
	for (size_t i = 0; i < ret->count && rc >= 0; i++) {
		struct compared_place *p = &ret->places[i];
		AUTO_ARENA struct arena arena = {0};
		struct dot *dots;
		size_t count;

		if (p->uid)
			continue;
		rc = read_living(r, p->id, &arena, &dots, &count, err);
		if (rc >= 0 && count)
			p->first = dots[0];
	}
	if (rc >= 0 && ret->count)
		qsort(ret->places, ret->count, sizeof(*ret->places),
			cmp_places);
	if (rc < 0)
		compared_rows_end(ret);
	return rc < 0 ? rc : 0;
}

void compared_rows_end(struct compared_rows *rows)
{
	free(rows->places);
	arena_free(&rows->arena);
	*rows = (struct compared_rows){0};
}

static int cmp_writes(const void *a, const void *b)
{
	const struct row_write *x = a, *y = b;

	return keyword_cmp(x->name, strlen(x->name), y->name, strlen(y->name));
}

static int read_writes(struct replica *r, int64_t id, struct arena *arena,
	struct row *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT name, value, by_stamp, by_log, by_lsn, (SELECT count(*)"
		" FROM flag WHERE message = ?1) FROM flag WHERE message = ?1",
		"i", id);
	struct row_write *writes = NULL;
	size_t count = 0;
	int rc = st ? 0 : ERR_IO;

	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		if (!writes)
			writes = arena_alloc(
				arena, (size_t)sqlite3_column_int64(st, 5) *
					       sizeof(*writes));
		writes[count].name = sql_text(st, 0, arena);
		writes[count].value = sqlite3_column_int64(st, 1) != 0;
		rc = read_by(r, st, 2, &writes[count++].by, err);
	}
	if (rc < 0 && st)
		sqlite3_reset(st);
	if (rc >= 0 && count > 1)
		qsort(writes, count, sizeof(*writes), cmp_writes);
	ret->writes = writes;
	ret->write_count = count;
	return rc;
}

static int read_message(struct compared_rows *rows,
	const struct compared_place *place, struct row *ret, struct err *err)
{
	struct arena *arena = &rows->arena;
	struct replica_message m;
	struct dot *dots;
	int rc = replica_message_get(rows->r, place->id, arena, &m, err);

	if (rc < 0)
		return rc;
	*ret = (struct row){
		.id = place->id,
		.uid = place->uid,
		.flags = {m.letters, m.keywords},
		.base = m.base,
		.extra = m.extra,
		.size = m.size,
		.mtime = m.mtime,
		.hash = m.hash,
		.place_stamp = m.place_by.stamp,
	};
	rc = read_living(
		rows->r, place->id, arena, &dots, &ret->dot_count, err);
	ret->dots = dots;
	return rc < 0 ? rc : read_writes(rows->r, place->id, arena, ret, err);
}

int compared_rows_next(void *arg, struct row *ret, struct err *err)
{
	struct compared_rows *rows = arg;
	uint8_t value[KEYS_VALUE_SIZE];
	int64_t where;

	if (rows->at == rows->count)
		return 0;
	const struct compared_place *place = &rows->places[rows->at++];
	arena_free(&rows->arena);
	rows->arena = (struct arena){0};
	int rc = read_message(rows, place, ret, err);
	if (rc < 0 || !rows->seed)
		return rc < 0 ? rc : 1;
	rc = tally_value(rows->r, place->id, &where, value, err);
	if (rc < 0)
		return rc;
	ret->exact = keys_key(rows->seed, value);
	keys_content(ret->base, ret->size, &ret->hash, value);
	ret->content = keys_key(rows->seed, value);
	return 1;
}

int compared_uids(struct replica *r, const struct id128 *folder,
	struct compared_uid **ret, size_t *ret_count, struct err *err)
{
	int64_t row = folder_row(r, folder, err);
	sqlite3_stmt *st = row < 0 ? NULL
				   : sql(r, err,
					     "SELECT id, uid FROM message"
					     " WHERE folder = ? AND dead = 0"
					     " AND uid <> 0 ORDER BY uid",
					     "i", row);
	size_t count = 0;
	int rc = st ? 0 : row < 0 ? (int)row : ERR_IO;

	*ret = NULL;
	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		*ret = mem_room(*ret, count, sizeof(**ret));
		(*ret)[count++] =
			(struct compared_uid){sqlite3_column_int64(st, 0),
				(uint32_t)sqlite3_column_int64(st, 1)};
	}
	*ret_count = count;
	return rc;
}
