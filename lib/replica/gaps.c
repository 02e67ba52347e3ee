#include "gaps.h"

#include <stdlib.h>
#include <string.h>

#include "registers.h"
#include "spoken.h"

int gap_lost(struct replica *r, const struct log_id *log, uint64_t first,
	uint64_t last, const char *reason, int64_t since_ms, struct err *err)
{
	struct replica_log known;
	int rc = replica_log_get(r, log, true, &known, err);
	int64_t row = known.id;

	if (rc < 0)
		return rc;
	/* What we know of a peer's log is not lost to us. */
	if (log->origin != r->origin && first <= known.known.lsn)
		first = known.known.lsn + 1;
	if (first > last)
		return 0;
	return sql_run(r, err,
		"INSERT INTO gap(kind, folder, log, first, last, reason,"
		" since_ms) VALUES(?, ?, ?, ?, ?, ?, ?)"
		" ON CONFLICT(kind, folder, log, first, peer)"
		" DO UPDATE SET last = max(last, excluded.last)",
		"ibiiiti", (int64_t)GAP_LOST, log->folder.b,
		sizeof(log->folder.b), row, (int64_t)first, (int64_t)last,
		reason, since_ms);
}

/* Sums mod 2^64: what both sites change alike leaves this as it was. */
static uint64_t between(uint64_t ours, uint64_t theirs)
{
	return ours - theirs;
}

/* Is this the difference that is known already? 1 or 0. */
static int is_known(struct replica *r, uint64_t peer,
	const struct id128 *folder, const struct gap_sums *ours,
	const struct gap_sums *theirs, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT messages, their_messages, digest, their_digest"
		" FROM gap WHERE kind = ? AND peer = ? AND folder = ?",
		"iib", (int64_t)GAP_DIFFERS, (int64_t)peer, folder->b,
		sizeof(folder->b));
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	bool same = between((uint64_t)sqlite3_column_int64(st, 0),
			    (uint64_t)sqlite3_column_int64(st, 1)) ==
			    between(ours->messages, theirs->messages) &&
		    between((uint64_t)sqlite3_column_int64(st, 2),
			    (uint64_t)sqlite3_column_int64(st, 3)) ==
			    between(ours->digest, theirs->digest);
	sqlite3_reset(st);
	return same;
}

int gap_differs(struct replica *r, uint64_t peer, const struct id128 *folder,
	const struct gap_sums *ours, const struct gap_sums *theirs,
	const char *reason, int64_t now_ms, struct err *err)
{
	struct id128 id;
	int rc = folder_own_id(r, folder, &id, err);
	int known = rc < 0 ? rc : is_known(r, peer, &id, ours, theirs, err);

	if (known < 0)
		return known;
	rc = sql_run(r, err,
		"INSERT INTO gap(kind, folder, peer, messages, digest,"
		" their_messages, their_digest, reason, since_ms)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
		" ON CONFLICT(kind, folder, log, first, peer) DO UPDATE SET"
		" messages = ?4, digest = ?5, their_messages = ?6,"
		" their_digest = ?7, reason = ?8,"
		" since_ms = iif(accepted AND NOT ?10, ?9, since_ms),"
		" accepted = accepted AND ?10",
		"ibiiiiitii", (int64_t)GAP_DIFFERS, id.b, sizeof(id.b),
		(int64_t)peer, (int64_t)ours->messages, (int64_t)ours->digest,
		(int64_t)theirs->messages, (int64_t)theirs->digest, reason,
		now_ms, (int64_t)known);
	return rc < 0 ? rc : !known;
}

int gap_agrees(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err)
{
	return sql_run(r, err,
		"DELETE FROM gap WHERE kind = ?1 AND peer IN (?2, 0)"
		" AND (folder = ?3 OR folder IN (SELECT b.fid FROM alias a"
		"  JOIN alias b ON b.folder = a.folder WHERE a.fid = ?3))",
		"iib", (int64_t)GAP_DIFFERS, (int64_t)peer, folder->b,
		sizeof(folder->b));
}

int gap_unsure(struct replica *r, const struct id128 *folder,
	const char *reason, int64_t now_ms, struct err *err)
{
	return sql_run(r, err,
		"INSERT INTO gap(kind, folder, reason, since_ms)"
		" VALUES(?1, ?2, ?3, ?4)"
		" ON CONFLICT(kind, folder, log, first, peer) DO UPDATE SET"
		" reason = ?3, since_ms = ?4, accepted = 0",
		"ibti", (int64_t)GAP_UNSURE, folder->b, sizeof(folder->b),
		reason, now_ms);
}

int gap_filled(struct replica *r, int64_t log, uint64_t upto, struct err *err)
{
	int rc = sql_run(r, err,
		"DELETE FROM gap WHERE kind = ? AND log = ? AND last <= ?",
		"iii", (int64_t)GAP_LOST, log, (int64_t)upto);

	return rc < 0 ? rc
		      : sql_run(r, err,
				"UPDATE gap SET first = ?3 + 1 WHERE kind = ?1"
				" AND log = ?2 AND first <= ?3",
				"iii", (int64_t)GAP_LOST, log, (int64_t)upto);
}

int gap_holds(struct replica *r, int64_t log, uint64_t lsn, struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM gap g JOIN log l ON l.id = g.log"
			" WHERE g.kind = ?1 AND g.log = ?2 AND l.origin <> ?3"
			" AND ?4 BETWEEN g.first AND g.last LIMIT 1",
			"iiii", (int64_t)GAP_LOST, log, (int64_t)r->origin,
			(int64_t)lsn),
		err);
}

int gap_made_good(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err)
{
	return sql_run(r, err,
		"DELETE FROM gap WHERE kind = ?1 AND folder IN"
		" (SELECT b.fid FROM alias a JOIN alias b"
		"  ON b.folder = a.folder WHERE a.fid = ?3)"
		" AND log IN (SELECT id FROM log WHERE origin = ?2)",
		"iib", (int64_t)GAP_LOST, (int64_t)peer, folder->b,
		sizeof(folder->b));
}

int gap_is_told(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM gap WHERE kind = ?1 AND peer = ?2"
			" AND accepted = 0 AND folder IN"
			" (SELECT b.fid FROM alias a JOIN alias b"
			"  ON b.folder = a.folder WHERE a.fid = ?3) LIMIT 1",
			"iib", (int64_t)GAP_DIFFERS, (int64_t)peer, folder->b,
			sizeof(folder->b)),
		err);
}

int gap_counts(struct replica *r, uint64_t peer, const struct id128 *folder,
	uint64_t *ret_ours, uint64_t *ret_theirs, struct err *err)
{
	int64_t counts[2];
	int rc = sql_numbers(r,
		sql(r, err,
			"SELECT messages, their_messages FROM gap WHERE"
			" kind = ? AND peer = ? AND folder = ?",
			"iib", (int64_t)GAP_DIFFERS, (int64_t)peer, folder->b,
			sizeof(folder->b)),
		counts, 2, err);

	if (rc <= 0)
		return rc;
	*ret_ours = (uint64_t)counts[0];
	*ret_theirs = (uint64_t)counts[1];
	return 1;
}

int gap_in_doubt(struct replica *r, const struct id128 *folder, struct err *err)
{
	return gap_is_told(r, 0, folder, err);
}

int gap_lacked(struct replica *r, uint64_t peer, struct arena *arena,
	struct id128 **ret, size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT DISTINCT g.folder, (SELECT count(*) FROM gap) FROM gap "
		"g"
		" JOIN log l ON l.id = g.log WHERE g.kind = ? AND l.origin = ?"
		" AND g.folder <> zeroblob(16) AND g.accepted = 0"
		" AND l.lsn < g.last",
		"ii", (int64_t)GAP_LOST, (int64_t)peer);
	size_t count = 0;
	int rc = st ? 0 : ERR_IO;

	*ret = NULL;
	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		if (!*ret)
			*ret = arena_alloc(
				arena, (size_t)sqlite3_column_int64(st, 1) *
					       sizeof(**ret));
		sql_blob(st, 0, (*ret)[count++].b, sizeof(**ret));
	}
	*ret_count = count;
	return rc;
}

int gap_accept(struct replica *r, const struct gap *gap, struct err *err)
{
	int rc = 0;

	if (gap->kind == GAP_DAMAGED)
		return damage_accept(r, gap->id, err);
	if (gap->kind == GAP_SPLIT)
		rc = spoken_accept(r, gap->peer, err);
	return rc < 0 ? rc
		      : sql_run(r, err,
				"UPDATE gap SET accepted = 1 WHERE id = ?", "i",
				gap->id);
}

/* ---- which are open ---- */

static int read_gap(struct replica *r, sqlite3_stmt *st, struct arena *arena,
	struct gap *g, int64_t *ret_log, struct err *err)
{
	*g = (struct gap){
		.id = sqlite3_column_int64(st, 0),
		.kind = (enum gap_kind)sqlite3_column_int64(st, 1),
		.first = (uint64_t)sqlite3_column_int64(st, 4),
		.last = (uint64_t)sqlite3_column_int64(st, 5),
		.peer = (uint64_t)sqlite3_column_int64(st, 6),
		.ours = {(uint64_t)sqlite3_column_int64(st, 7),
			(uint64_t)sqlite3_column_int64(st, 8)},
		.theirs = {(uint64_t)sqlite3_column_int64(st, 9),
			(uint64_t)sqlite3_column_int64(st, 10)},
		.reason = sql_text(st, 11, arena),
		.since_ms = sqlite3_column_int64(st, 12),
		.path = "",
	};
	sql_blob(st, 2, g->folder.b, sizeof(g->folder.b));
	*ret_log = sqlite3_column_int64(st, 3);
	return log_of_row(r, *ret_log, &g->log, err);
}

/* All that nobody accepted, with their rows of table log. */
static int read_all(struct replica *r, struct arena *arena, struct gap **ret,
	int64_t **ret_logs, size_t *ret_count, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT id, kind, folder, log, first, last, peer, messages,"
		" digest, their_messages, their_digest, reason, since_ms,"
		" (SELECT count(*) FROM gap) FROM gap WHERE accepted = 0"
		" ORDER BY since_ms, id",
		"");
	size_t count = 0, cap = 0;
	int rc = st ? 0 : ERR_IO;

	*ret = NULL;
	while (rc == 0 && (rc = sql_step(r, st, err)) > 0) {
		if (!cap) {
			cap = (size_t)sqlite3_column_int64(st, 13);
			*ret = arena_alloc(arena, cap * sizeof(**ret));
			*ret_logs = arena_alloc(arena, cap * sizeof(int64_t));
		}
		rc = read_gap(
			r, st, arena, &(*ret)[count], &(*ret_logs)[count], err);
		count++;
	}
	if (st)
		sqlite3_reset(st);
	*ret_count = count;
	return rc;
}

/* Are changes of this folder's log ours to hand over? 1 or 0. */
static int is_home(struct replica *r, const struct id128 *folder,
	const struct replica_folder *f, int known)
{
	return id_is_account(folder) ||
	       (known && f->authority.site == replica_origin(r));
}

/* The peers that have not acknowledged all of a lost part of a log of ours. */
static int find_lacking(struct replica *r, struct gap *g, int64_t log,
	const uint64_t *peers, size_t peer_count, struct arena *arena,
	struct err *err)
{
	uint64_t *lacking =
		arena_alloc(arena, (peer_count + 1) * sizeof(*lacking));
	int rc = 0;

	for (size_t i = 0; i < peer_count && rc >= 0; i++) {
		struct replica_ack ack;

		rc = replica_ack_get(r, peers[i], log, &ack, err);
		if (rc >= 0 && ack.durable < g->last)
			lacking[g->lacking_count++] = peers[i];
	}
	g->lacking = lacking;
	return rc;
}

/* Returns 1 if it is open, 0 if not. */
static int look_at(struct replica *r, struct gap *g, int64_t log,
	const uint64_t *peers, size_t peer_count, struct arena *arena,
	struct err *err)
{
	struct replica_folder f;
	struct replica_log known;
	int rc = replica_folder_by_fid(r, &g->folder, arena, &f, err);

	if (rc < 0)
		return rc;
	if (rc == 0)
		g->path = f.path;
	if (g->kind == GAP_DIFFERS || g->kind == GAP_SPLIT)
		return 1;
	if (g->kind == GAP_UNSURE)
		return rc > 0 || !f.dead;
	if (g->log.origin == replica_origin(r)) {
		if (!is_home(r, &g->folder, &f, rc == 0))
			return 0;
		rc = find_lacking(r, g, log, peers, peer_count, arena, err);
		return rc < 0 ? rc : g->lacking_count > 0;
	}
	rc = replica_log_get(r, &g->log, false, &known, err);
	g->lacked_here = known.known.lsn < g->last;
	return rc < 0 ? rc : g->lacked_here;
}

/* ---- damaged mails ---- */

#define DAMAGED "has mails whose files are damaged"

/* A folder's damaged mails, as they are gathered. */
struct damaged {
	struct gap gap;
	struct gap_mail *mails;
};

struct gathering {
	struct arena *arena;
	struct damaged *folders;
	size_t count;
};

static struct damaged *damaged_of(struct gathering *g, int64_t folder)
{
	for (size_t i = g->count; i-- > 0;)
		if (g->folders[i].gap.id == folder)
			return &g->folders[i];
	g->folders = mem_grow(g->folders, g->count + 1, sizeof(*g->folders));
	g->folders[g->count] = (struct damaged){
		.gap = {.id = folder,
			.kind = GAP_DAMAGED,
			.path = "",
			.reason = DAMAGED},
	};
	return &g->folders[g->count++];
}

static int gather_mail(
	void *arg, const struct replica_message *m, struct err *err)
{
	struct gathering *g = arg;
	struct damaged *d;

	(void)err;
	if (m->damage == DAMAGE_ACCEPTED)
		return 0;
	d = damaged_of(g, m->p_folder);
	if (!d->gap.mail_count || m->damage_ms < d->gap.since_ms)
		d->gap.since_ms = m->damage_ms;
	d->mails = mem_room(d->mails, d->gap.mail_count, sizeof(*d->mails));
	d->mails[d->gap.mail_count++] = (struct gap_mail){m->p_uid,
		arena_dup(g->arena, m->p_base, strlen(m->p_base)),
		(enum damage)m->damage};
	return 0;
}

static int finish_damaged(struct replica *r, struct damaged *d,
	struct arena *arena, struct err *err)
{
	struct replica_folder f;
	size_t bytes = d->gap.mail_count * sizeof(*d->mails);
	int rc = replica_folder_by_row(r, d->gap.id, arena, &f, err);

	if (rc == 0) {
		d->gap.folder = f.fid;
		d->gap.path = f.p_path ? f.p_path : f.path;
	}
	void *mails = arena_alloc(arena, bytes);
	memcpy(mails, d->mails, bytes);
	d->gap.mails = mails;
	return rc < 0 ? rc : 0;
}

/* Behind the gaps that are there already. */
static int add_damaged(struct replica *r, struct arena *arena,
	struct gap **gaps, size_t *count, struct err *err)
{
	struct gathering g = {.arena = arena};
	int rc = replica_damaged_each(r, gather_mail, &g, err);

	for (size_t i = 0; i < g.count && rc >= 0; i++)
		rc = finish_damaged(r, &g.folders[i], arena, err);
	if (rc >= 0 && g.count) {
		struct gap *all =
			arena_alloc(arena, (*count + g.count) * sizeof(*all));

		if (*count)
			memcpy(all, *gaps, *count * sizeof(*all));
		for (size_t i = 0; i < g.count; i++)
			all[(*count)++] = g.folders[i].gap;
		*gaps = all;
	}
	for (size_t i = 0; i < g.count; i++)
		free(g.folders[i].mails);
	free(g.folders);
	return rc < 0 ? rc : 0;
}

int gap_list(struct replica *r, const uint64_t *peers, size_t peer_count,
	struct arena *arena, struct gap **ret, size_t *ret_count,
	struct err *err)
{
	size_t count, kept = 0;
	int64_t *logs = NULL;
	int rc = read_all(r, arena, ret, &logs, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		struct gap *g = &(*ret)[i];

		rc = look_at(r, g, logs[i], peers, peer_count, arena, err);
		if (rc > 0)
			(*ret)[kept++] = *g;
	}
	*ret_count = kept;
	return rc < 0 ? rc : add_damaged(r, arena, ret, ret_count, err);
}
