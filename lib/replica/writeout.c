/*
 * writeout: the changes of one log, written out again from the state.
 *
 * Every register keeps who wrote it, and so do tombstones. For each table
 * there is an index by writer, in the order of lsns, which holds what is not
 * told by something else: of most messages every register is as the birth
 * wrote it, and that is told by their dot. Each index is read from `after` on;
 * what was found of one lsn becomes one change.
 */
#include "writeout.h"

#include <stdlib.h>

#include "change.h"
#include "err.h"

/* Rows of one table read at a time. */
#define ROWS_MAX REPLICA_WRITE_OUT_MAX

/* Columns as those of struct written_entry. ?1 log, ?2 after, ?3 upto. */
struct source {
	enum written what;
	const char *query;
};

#define WITHIN(lsn)                                                            \
	" AND " lsn " > ?2 AND " lsn " <= ?3 ORDER BY " lsn " LIMIT ?4"

static const struct source of_messages[] = {
	{WRITTEN_DEAD,
		"SELECT dead_lsn, 0, log, lsn FROM dot"
		" WHERE dead_log = ?1 AND dead_log <> 0" WITHIN("dead_lsn")},
	/* log: dead */
	{WRITTEN_BORN, "SELECT lsn, message, dead_log, 0 FROM dot"
		       " WHERE log = ?1 AND message <> 0" WITHIN("lsn")},
	{WRITTEN_FLAGS, "SELECT DISTINCT by_lsn, message, 0, 0 FROM flag"
			" WHERE by_log = ?1" WITHIN("by_lsn")},
	{WRITTEN_PLACE,
		"SELECT place_lsn, id, 0, 0 FROM message"
		" WHERE place_log = ?1 AND moved <> 0" WITHIN("place_lsn")},
	{WRITTEN_UID,
		"SELECT uid_lsn, id, 0, 0 FROM message"
		" WHERE uid_log = ?1 AND uid <> 0"
		" AND (uid_log <> place_log OR uid_lsn <> place_lsn)" WITHIN(
			"uid_lsn")},
	{WRITTEN_EXTRA, "SELECT extra_lsn, id, 0, 0 FROM message"
			" WHERE extra_log = ?1 AND (extra_log <> place_log"
			" OR extra_lsn <> place_lsn)" WITHIN("extra_lsn")},
	{WRITTEN_GUID, "SELECT guid_lsn, id, 0, 0 FROM message"
		       " WHERE guid_log = ?1 AND (guid_log <> place_log"
		       " OR guid_lsn <> place_lsn)" WITHIN("guid_lsn")},
	{WRITTEN_JOINED, "SELECT lsn, 0, 0, 0 FROM joined"
			 " WHERE log = ?1" WITHIN("lsn")},
	{WRITTEN_PARKED, "SELECT by_lsn, 0, log, lsn FROM parked"
			 " WHERE by_log = ?1" WITHIN("by_lsn")},
	{WRITTEN_NUMBER, "SELECT f.uidnext_lsn, f.id, 0, 0 FROM log l"
			 " JOIN alias a ON a.fid = l.folder"
			 " JOIN folder f ON f.id = a.folder"
			 " WHERE l.id = ?1 AND f.uidnext_log = ?1" WITHIN(
				 "f.uidnext_lsn")},
};

static const struct source of_folders[] = {
	{WRITTEN_ALIAS,
		"SELECT born_lsn, 0, 0, 0 FROM alias"
		" WHERE born_log = ?1 AND born_log <> 0" WITHIN("born_lsn")},
	{WRITTEN_PATH,
		"SELECT path_lsn, id, 0, 0 FROM folder WHERE path_log = ?1"
		" AND (path_log <> born_log OR path_lsn <> born_lsn)" WITHIN(
			"path_lsn")},
	{WRITTEN_FOLDER_DEAD,
		"SELECT dead_lsn, id, 0, 0 FROM folder WHERE dead_log = ?1"
		" AND (dead_log <> born_log OR dead_lsn <> born_lsn)" WITHIN(
			"dead_lsn")},
	{WRITTEN_SUBSCRIBED,
		"SELECT subscribed_lsn, id, 0, 0 FROM folder"
		" WHERE subscribed_log = ?1 AND subscribed_log <> 0" WITHIN(
			"subscribed_lsn")},
	{WRITTEN_IDENTITY,
		"SELECT identity_lsn, id, 0, 0 FROM folder"
		" WHERE identity_log = ?1 AND identity_log <> 0" WITHIN(
			"identity_lsn")},
	{WRITTEN_AUTHORITY,
		"SELECT auth_lsn, id, 0, 0 FROM folder"
		" WHERE auth_log = ?1 AND auth_log <> 0" WITHIN("auth_lsn")},
	{WRITTEN_NAME, "SELECT by_lsn, 0, 0, 0 FROM sub"
		       " WHERE by_log = ?1" WITHIN("by_lsn")},
	{WRITTEN_MERGED,
		"SELECT lsn, 0, 0, 0 FROM merged WHERE log = ?1" WITHIN("lsn")},
};

static const struct source of_logs[] = {
	{WRITTEN_RECORD,
		"SELECT lsn, 0, 0, 0 FROM record WHERE log = ?1" WITHIN("lsn")},
};

struct entries {
	struct written_entry *items;
	size_t count, cap;
};

static void add_entry(struct entries *e, enum written what, sqlite3_stmt *st)
{
	if (e->count == e->cap) {
		e->cap = e->cap ? 2 * e->cap : 256;
		e->items = mem_grow(e->items, e->cap, sizeof(*e->items));
	}
	e->items[e->count++] = (struct written_entry){
		.lsn = (uint64_t)sqlite3_column_int64(st, 0),
		.what = what,
		.id = sqlite3_column_int64(st, 1),
		.log = sqlite3_column_int64(st, 2),
		.dot_lsn = (uint64_t)sqlite3_column_int64(st, 3),
	};
}

/* Rows that are not read any more begin with lsn `first`: up to the one before
   is known. One lsn with too many rows is nothing that was ever written; of
   it some are told, so that the rest of the log is. */
static void end_before(uint64_t first, uint64_t after, uint64_t *upto)
{
	uint64_t last = first - 1 > after ? first - 1 : first;

	if (last < *upto)
		*upto = last;
}

static int collect(const struct writeout *w, const struct source *sources,
	size_t count, uint64_t after, uint64_t *upto, struct entries *e,
	struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc >= 0; i++) {
		size_t before = e->count;
		sqlite3_stmt *st = sql(w->r, err, sources[i].query, "iiii",
			w->row, (int64_t)after, (int64_t)*upto,
			(int64_t)ROWS_MAX);

		if (!st)
			return ERR_IO;
		while ((rc = sql_step(w->r, st, err)) > 0)
			add_entry(e, sources[i].what, st);
		if (e->count - before == ROWS_MAX)
			end_before(e->items[e->count - 1].lsn, after, upto);
	}
	return rc;
}

static int cmp_entry(const void *a, const void *b)
{
	const struct written_entry *x = a, *y = b;

	if (x->lsn != y->lsn)
		return x->lsn < y->lsn ? -1 : 1;
	if (x->what != y->what)
		return x->what < y->what ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

struct change *writeout_add(const struct writeout *w, enum change_kind kind,
	uint64_t lsn, uint64_t stamp)
{
	struct change *c = change_add(w->batch, kind);

	c->by = (struct write_id){stamp, w->log, lsn};
	return c;
}

static int write_record(const struct writeout *w, uint64_t lsn, struct err *err)
{
	sqlite3_stmt *st = sql(w->r, err,
		"SELECT stamp, end_log, end_lsn, end_chain, first, reason"
		" FROM record WHERE log = ? AND lsn = ?",
		"ii", w->row, (int64_t)lsn);
	int rc = st ? sql_step(w->r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	const char *reason = sql_text(st, 5, &w->batch->arena);
	struct change *c = writeout_add(w, reason ? CHANGE_GAP : CHANGE_BEGIN,
		lsn, (uint64_t)sqlite3_column_int64(st, 0));
	c->end.lsn = (uint64_t)sqlite3_column_int64(st, 2);
	c->end.chain = (uint64_t)sqlite3_column_int64(st, 3);
	c->first = (uint64_t)sqlite3_column_int64(st, 4);
	c->reason = reason ? reason : "";
	rc = log_of_row(w->r, sqlite3_column_int64(st, 1), &c->end.log, err);
	sqlite3_reset(st);
	return rc;
}

/* What stands of one lsn. */
static int write_one(const struct writeout *w,
	const struct written_entry *entries, size_t count, struct err *err)
{
	size_t before = w->batch->count;
	uint64_t lsn = entries->lsn;
	int rc;

	if (entries->what == WRITTEN_RECORD)
		rc = write_record(w, lsn, err);
	else if (id_is_account(&w->log.folder))
		rc = writeout_folder(w, entries, count, err);
	else
		rc = writeout_message(w, entries, count, err);
	if (rc < 0 || w->batch->count == before)
		return rc;
	/* What was merged had been checked: else the state is not as it was. */
	rc = change_check(&w->batch->items[before], err);
	if (rc < 0 && err) {
		err->code = ERR_CORRUPT;
		err_wrap(err, "%s: what lsn %llu of a log wrote", w->r->path,
			(unsigned long long)lsn);
	}
	return rc < 0 ? ERR_CORRUPT : 0;
}

static int write_all(const struct writeout *w, struct entries *e,
	uint64_t after, uint64_t *upto, struct err *err)
{
	int rc = 0;

	if (e->count)
		qsort(e->items, e->count, sizeof(*e->items), cmp_entry);
	if (e->count > ROWS_MAX)
		end_before(e->items[ROWS_MAX].lsn, after, upto);
	for (size_t i = 0; i < e->count && rc >= 0;) {
		size_t end = i + 1;

		if (e->items[i].lsn > *upto)
			break;
		while (end < e->count && e->items[end].lsn == e->items[i].lsn)
			end++;
		rc = write_one(w, &e->items[i], end - i, err);
		i = end;
	}
	return rc;
}

int replica_write_out(struct replica *r, const struct log_id *log,
	uint64_t after, uint64_t upto, struct change_batch *batch,
	uint64_t *ret_upto, struct err *err)
{
	struct writeout w = {.r = r, .log = *log, .batch = batch};
	bool account = id_is_account(&log->folder);
	struct entries e = {0};
	int rc = reading_begin(r, err);

	*ret_upto = upto;
	if (rc < 0)
		return rc;
	w.row = log_row(r, log, false, err);
	if (w.row > 0) {
		rc = collect(&w, of_logs, sizeof(of_logs) / sizeof(*of_logs),
			after, ret_upto, &e, err);
		if (rc >= 0 && account)
			rc = collect(&w, of_folders,
				sizeof(of_folders) / sizeof(*of_folders), after,
				ret_upto, &e, err);
		else if (rc >= 0)
			rc = collect(&w, of_messages,
				sizeof(of_messages) / sizeof(*of_messages),
				after, ret_upto, &e, err);
		if (rc >= 0)
			rc = write_all(&w, &e, after, ret_upto, err);
	}
	reading_end(r);
	free(e.items);
	return rc < 0 ? rc : 0;
}
