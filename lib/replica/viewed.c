/*
 * viewed: the rows of table view, ours (viewed.h). What is made of what a peer
 * says of its own is in view_heard.c.
 */
#include "viewed.h"

#include <string.h>

#include "comparing.h"
#include "registers.h"
#include "view_private.h"
#include "wire.h"

static const char prefix[8] = {'p', 'b', '-', 'v', 'i', 'e', 'w', 0};

struct id128 view_log_id(uint64_t peer)
{
	struct id128 id;

	memcpy(id.b, prefix, sizeof(prefix));
	for (int i = 0; i < 8; i++)
		id.b[8 + i] = (uint8_t)(peer >> (56 - 8 * i));
	return id;
}

bool view_is_log(const struct id128 *folder)
{
	return memcmp(folder->b, prefix, sizeof(prefix)) == 0;
}

int view_forget_words(
	struct replica *r, uint64_t peer, int64_t folder, struct err *err)
{
	static const char *const words[] = {
		"DELETE FROM stated WHERE peer = ? AND folder IN"
		" (SELECT fid FROM alias WHERE folder = ?)",
		"DELETE FROM comparing WHERE peer = ? AND folder IN"
		" (SELECT fid FROM alias WHERE folder = ?)",
		"DELETE FROM owed WHERE peer = ? AND folder IN"
		" (SELECT fid FROM alias WHERE folder = ?)",
		"DELETE FROM gap WHERE peer = ? AND folder IN"
		" (SELECT fid FROM alias WHERE folder = ?)"};
	int rc = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words) && rc >= 0; i++)
		rc = sql_run(r, err, words[i], "ii", (int64_t)peer, folder);
	return rc;
}

/* ---- what is in view now ---- */

/* Returns 1 with what the row says, and whether an incarnation said it that is
   over; 0: there is none. */
static int read_view(struct replica *r, uint64_t peer, int64_t folder,
	bool *ret_hidden, bool *ret_over, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT max(v.hidden), max(l.incarnation <> ?3) FROM view v"
		" LEFT JOIN log l ON l.id = v.log"
		" WHERE v.peer = ?1 AND v.ours = 1 AND v.folder IN"
		" (SELECT fid FROM alias WHERE folder = ?2)"
		" HAVING count(*) > 0",
		"iii", (int64_t)peer, folder, (int64_t)r->incarnation);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	*ret_hidden = sqlite3_column_int64(st, 0) != 0;
	*ret_over = sqlite3_column_int64(st, 1) != 0;
	sqlite3_reset(st);
	return 1;
}

/* Was the peer ever given the change that made it? */
static int was_told_of(struct replica *r, uint64_t peer,
	const struct replica_folder *f, struct err *err)
{
	int64_t log = log_row(r, &f->born_by.log, false, err);

	if (log <= 0)
		return (int)log;
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 WHERE EXISTS(SELECT 1 FROM handed"
			" WHERE peer = ?1 AND log = ?2 AND lsn >= ?3) OR"
			" EXISTS(SELECT 1 FROM ack WHERE peer = ?1"
			" AND log = ?2 AND durable >= ?3)",
			"iii", (int64_t)peer, log, (int64_t)f->born_by.lsn),
		err);
}

/* Was the peer ever given anything of it? What an earlier state of this site
   gave nobody knows. */
static int was_shown(struct replica *r, uint64_t peer,
	const struct replica_folder *f, struct err *err)
{
	const struct log_id *by = &f->born_by.log;

	if (by->origin == r->origin && by->incarnation != r->incarnation)
		return 1;
	int rc = was_told_of(r, peer, f, err);
	if (rc != 0)
		return rc;
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM alias a JOIN log l ON l.folder = a.fid"
			" WHERE a.folder = ?2 AND l.origin = ?3 AND (EXISTS("
			"SELECT 1 FROM handed h WHERE h.peer = ?1"
			" AND h.log = l.id) OR EXISTS(SELECT 1 FROM ack k"
			" WHERE k.peer = ?1 AND k.log = l.id"
			" AND k.durable > 0)) LIMIT 1",
			"iii", (int64_t)peer, f->id, (int64_t)r->origin),
		err);
}

/* Is it this site's to tell, now or as far as it was its home? */
static int is_told(
	struct replica *r, const struct replica_folder *f, struct err *err)
{
	if (!f->authority.term || f->authority.site == r->origin)
		return 1;
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM alias a JOIN log l ON l.folder = a.fid"
			" WHERE a.folder = ? AND l.origin = ? AND l.given > 0"
			" LIMIT 1",
			"ii", f->id, (int64_t)r->origin),
		err);
}

/* How far the peer knows its logs counts no more: it forgets them. */
static int begin_logs(
	struct replica *r, uint64_t peer, int64_t folder, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	size_t count = 0;
	int64_t *logs;
	sqlite3_stmt *st = sql(r, err,
		"SELECT l.id FROM alias a JOIN log l ON l.folder = a.fid"
		" WHERE a.folder = ? AND l.origin = ?",
		"ii", folder, (int64_t)r->origin);
	int rc = sql_ids(r, st, &arena, &logs, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = replica_ack_lower(r, peer, logs[i], 0, err);
	return rc < 0 ? rc : 0;
}

/* One more change in the view's log. */
static int next_lsn(struct replica *r, uint64_t peer, struct replica_log *log,
	struct err *err)
{
	struct log_id id = {r->origin, r->incarnation, view_log_id(peer)};
	int rc = replica_log_get(r, &id, true, log, err);

	if (rc < 0)
		return rc;
	log->known.lsn++;
	log->known.chain = 0;
	return replica_log_set(r, log, err);
}

/* What the peer has to hear, at the lsn at which it is said. */
static int tell(struct replica *r, uint64_t peer,
	const struct replica_folder *f, bool hidden, struct err *err)
{
	struct replica_log log;
	int rc = next_lsn(r, peer, &log, err);

	if (rc >= 0)
		rc = sql_run(r, err,
			"DELETE FROM view WHERE peer = ? AND ours = 1"
			" AND folder IN (SELECT fid FROM alias"
			"  WHERE folder = ?)",
			"ii", (int64_t)peer, f->id);
	if (rc >= 0)
		rc = sql_run(r, err,
			"INSERT INTO view VALUES(?, 1, ?, ?, ?, ?)", "ibiii",
			(int64_t)peer, f->fid.b, sizeof(f->fid.b),
			(int64_t)hidden, log.id, (int64_t)log.known.lsn);
	if (rc >= 0)
		rc = begin_logs(r, peer, f->id, err);
	if (rc >= 0 && hidden)
		rc = view_forget_words(r, peer, f->id, err);
	return rc;
}

static int settle_folder(struct replica *r, uint64_t peer,
	const struct replica_folder *f, bool shows, struct err *err)
{
	bool was = false, over = false, hidden = false;
	int told = shows ? 0 : is_told(r, f, err);
	int known =
		told < 0 ? told : read_view(r, peer, f->id, &was, &over, err);

	if (known < 0)
		return known;
	hidden = told > 0;
	if (known ? was == hidden && !over : !hidden)
		return 0;
	int shown = known ? 1 : was_shown(r, peer, f, err);
	if (shown < 0)
		return shown;
	int rc = shown ? tell(r, peer, f, hidden, err)
		       : sql_run(r, err,
				 "INSERT INTO view VALUES(?, 1, ?, 1, 0, 0)",
				 "ib", (int64_t)peer, f->fid.b,
				 sizeof(f->fid.b));
	return rc < 0 ? rc : 1;
}

int view_settle(struct replica *r, uint64_t peer, view_shows_fn shows,
	void *arg, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder *folders;
	size_t count = 0;
	bool any = false;
	int rc = replica_folders(r, &arena, &folders, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		rc = settle_folder(
			r, peer, &folders[i], shows(arg, folders[i].path), err);
		any |= rc > 0;
	}
	return rc < 0 ? rc : any;
}

/* ---- asked ---- */

int view_is_partial(struct replica *r, uint64_t peer, struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM view WHERE peer = ? AND ours = 1"
			" LIMIT 1",
			"i", (int64_t)peer),
		err);
}

int view_hides_row(
	struct replica *r, uint64_t peer, int64_t folder, struct err *err)
{
	bool hidden = false, over;
	int rc = read_view(r, peer, folder, &hidden, &over, err);

	return rc < 0 ? rc : hidden;
}

int view_hides(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err)
{
	int64_t row = folder_row(r, folder, err);

	if (row < 0)
		return (int)row;
	return row ? view_hides_row(r, peer, row, err) : 0;
}

int view_hides_log(struct replica *r, uint64_t peer, const struct log_id *log,
	struct err *err)
{
	struct id128 own = view_log_id(peer);

	if (log->origin != r->origin)
		return 0;
	if (view_is_log(&log->folder))
		return !id_equal(&log->folder, &own);
	return view_hides(r, peer, &log->folder, err);
}

int view_said_at(struct replica *r, uint64_t peer, const struct id128 *folder,
	int64_t *ret_log, uint64_t *ret_lsn, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT log, lsn FROM view WHERE peer = ? AND ours = 1"
		" AND folder IN (SELECT b.fid FROM alias a JOIN alias b"
		"  ON b.folder = a.folder WHERE a.fid = ?) AND lsn > 0",
		"ib", (int64_t)peer, folder->b, sizeof(folder->b));
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc < 0 ? rc : 1;
	*ret_log = sqlite3_column_int64(st, 0);
	*ret_lsn = (uint64_t)sqlite3_column_int64(st, 1);
	sqlite3_reset(st);
	return 0;
}

int view_message(struct replica *r, uint64_t peer, const struct dot *dot,
	enum view_message *ret, int64_t *ret_row, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message m;
	int rc = replica_message_by_dot(r, dot, &arena, &m, err);

	*ret = VIEW_NONE;
	*ret_row = 0;
	if (rc != 0 || m.dead)
		return rc < 0 ? rc : 0;
	rc = view_hides_row(r, peer, m.folder, err);
	*ret = rc > 0 ? VIEW_HIDDEN : VIEW_SHOWN;
	*ret_row = m.id;
	return rc < 0 ? rc : 0;
}

int view_hidden_dots(struct replica *r, uint64_t peer, const struct log_id *log,
	uint64_t upto, struct arena *arena, struct dot **ret, size_t *ret_count,
	struct err *err)
{
	int64_t row = log_row(r, log, false, err), *lsns;
	size_t count = 0;

	*ret_count = 0;
	if (row <= 0)
		return (int)row;
	sqlite3_stmt *st = sql(r, err,
		"SELECT d.lsn FROM dot d JOIN message m ON m.id = d.message"
		" WHERE d.log = ?2 AND d.lsn <= ?3 AND d.dead_log = 0"
		" AND m.dead = 0 AND m.folder IN (" VIEW_HIDDEN_ROWS ")"
		" UNION SELECT d.lsn FROM dot d JOIN log l ON l.id = d.dead_log"
		" JOIN alias a ON a.fid = l.folder"
		" WHERE d.log = ?2 AND d.lsn <= ?3"
		" AND a.folder IN (" VIEW_HIDDEN_ROWS ") ORDER BY 1",
		"iii", (int64_t)peer, row, (int64_t)upto);
	int rc = sql_ids(r, st, arena, &lsns, &count, err);
	if (rc < 0)
		return rc;
	*ret = arena_alloc(arena, (count + 1) * sizeof(**ret));
	for (size_t i = 0; i < count; i++)
		(*ret)[i] = (struct dot){*log, (uint64_t)lsns[i]};
	*ret_count = count;
	return 0;
}

int view_shows_body(struct replica *r, uint64_t peer, const struct hash *hash,
	struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM message m WHERE m.hash = ?1"
			" AND m.dead = 0 AND m.folder NOT IN (SELECT a.folder"
			"  FROM view v JOIN alias a ON a.fid = v.folder"
			"  WHERE v.peer = ?2 AND v.ours = 1 AND v.hidden)"
			" LIMIT 1",
			"bi", hash->b, sizeof(hash->b), (int64_t)peer),
		err);
}

/* ---- told ---- */

/* Folders that have come into view behind an lsn. */
struct coming {
	const int64_t *rows;
	size_t count;
};

static int is_coming(struct replica *r, const struct coming *coming,
	const struct id128 *folder, struct err *err)
{
	int64_t row = folder_row(r, folder, err);

	if (row < 0)
		return (int)row;
	for (size_t i = 0; i < coming->count; i++)
		if (row && coming->rows[i] == row)
			return 1;
	return 0;
}

/* What one account log of ours says of them. */
static int add_folders(struct replica *r, const struct replica_log *log,
	const struct coming *coming, struct change_batch *ret, struct err *err)
{
	struct change_batch all = {0};
	uint64_t after = 0;
	int rc = 0;

	while (after < log->known.lsn && rc >= 0)
		rc = replica_write_out(r, &log->known.log, after,
			log->known.lsn, &all, &after, err);
	for (size_t i = 0; i < all.count && rc >= 0; i++) {
		rc = is_coming(r, coming, &all.items[i].folder, err);
		if (rc > 0)
			change_copy(ret, &all.items[i]);
	}
	change_batch_free(&all);
	return rc < 0 ? rc : 0;
}

/* Which folders are in view, and which are not. */
static int add_views(struct replica *r, uint64_t peer, const struct log_id *log,
	uint64_t after, struct arena *arena, struct coming *coming,
	struct change_batch *ret, struct err *err)
{
	int64_t row = log_row(r, log, false, err), *rows = NULL;
	sqlite3_stmt *st =
		row < 0 ? NULL
			: sql(r, err,
				  "SELECT v.folder, v.hidden, v.lsn, a.folder"
				  " FROM view v JOIN alias a ON a.fid = "
				  "v.folder"
				  " WHERE v.peer = ? AND v.ours = 1"
				  " AND v.log = ? AND v.lsn > ? ORDER BY v.lsn",
				  "iii", (int64_t)peer, row, (int64_t)after);
	int rc = st ? 0 : row < 0 ? (int)row : ERR_IO;

	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		struct change *c = change_add(ret, CHANGE_VIEW);

		sql_blob(st, 0, c->folder.b, sizeof(c->folder.b));
		c->value = !sqlite3_column_int64(st, 1);
		c->by.log = *log;
		c->by.lsn = (uint64_t)sqlite3_column_int64(st, 2);
		if (!c->value)
			continue;
		rows = arena_room(arena, rows, coming->count, sizeof(*rows));
		rows[coming->count++] = sqlite3_column_int64(st, 3);
	}
	coming->rows = rows;
	return rc;
}

int view_write_out(struct replica *r, uint64_t peer, const struct log_id *log,
	uint64_t after, struct change_batch *batch, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct coming coming = {0};
	struct replica_log *logs;
	size_t count = 0;
	int rc = add_views(r, peer, log, after, &arena, &coming, batch, err);

	if (rc >= 0 && coming.count)
		rc = replica_logs(r, &arena, &logs, &count, err);
	for (size_t i = 0; i < count && rc >= 0; i++)
		if (logs[i].known.log.origin == r->origin &&
			id_is_account(&logs[i].known.log.folder))
			rc = add_folders(r, &logs[i], &coming, batch, err);
	return rc;
}
