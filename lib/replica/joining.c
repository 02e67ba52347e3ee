#include "joining.h"

#include <string.h>

#include "inventory.h"
#include "registers.h"
#include "sql.h"
#include "wire.h"

#define JOINING "joining" /* in meta */

/* ---- meta ---- */

static int get(struct replica *r, const char *what, uint64_t peer, int64_t *ret,
	struct err *err)
{
	AUTO_FREE char *key = replica_peer_key(what, peer);
	int rc;

	*ret = 0;
	rc = replica_meta_get(r, key, ret, err);
	return rc < 0 ? rc : 0;
}

static int set(struct replica *r, const char *what, uint64_t peer,
	int64_t value, struct err *err)
{
	AUTO_FREE char *key = replica_peer_key(what, peer);

	return replica_meta_set(r, key, value, err);
}

/* ---- the site that joins ---- */

int joining_since(struct replica *r, int64_t *ret, struct err *err)
{
	*ret = 0;
	int rc = replica_meta_get(r, JOINING, ret, err);

	return rc < 0 ? rc : 0;
}

static int forget_answers(struct replica *r, struct err *err)
{
	int rc = sql_run(r, err, "DELETE FROM awaited", "");

	if (rc >= 0)
		rc = sql_run(r, err, "DELETE FROM gone", "");
	if (rc >= 0)
		rc = sql_run(r, err, "DELETE FROM inventory", "");
	if (rc >= 0)
		rc = sql_run(r, err, "DELETE FROM whole WHERE role = ?", "i",
			(int64_t)WHOLE_ASKED);
	if (rc >= 0)
		rc = sql_run(r, err,
			"DELETE FROM meta WHERE key GLOB 'answer [0-9a-f]*'"
			" OR key GLOB 'asked [0-9a-f]*'"
			" OR key GLOB 'gone [0-9a-f]*'"
			" OR key GLOB 'lacked [0-9a-f]*'"
			" OR key = 'inventory taken'",
			"");
	return rc;
}

int joining_begin(struct replica *r, int64_t now_ms, struct err *err)
{
	int rc = forget_answers(r, err);

	return rc < 0 ? rc : replica_meta_set(r, JOINING, now_ms, err);
}

int joining_end(struct replica *r, struct err *err)
{
	int rc = forget_answers(r, err);

	return rc < 0 ? rc : replica_meta_set(r, JOINING, 0, err);
}

static int hear_gone(struct replica *r, uint64_t peer, const struct id128 *gone,
	size_t count, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = sql_run(r, err, "INSERT OR IGNORE INTO gone VALUES(?, ?)",
			"bi", gone[i].b, sizeof(gone[i].b), (int64_t)peer);
	return rc;
}

static int await(struct replica *r, uint64_t peer, const struct position *at,
	struct err *err)
{
	int64_t row = log_row(r, &at->log, true, err);

	if (row < 0)
		return (int)row;
	return sql_run(r, err, "INSERT OR REPLACE INTO awaited VALUES(?, ?, ?)",
		"iii", (int64_t)peer, row, (int64_t)at->lsn);
}

static int is_named(struct replica *r, const char *query, uint64_t peer,
	int64_t *ret, struct err *err)
{
	int rc = sql_numbers(
		r, sql(r, err, query, "i", (int64_t)peer), ret, 1, err);

	return rc < 0 ? rc : 0;
}

int joining_answered(struct replica *r, uint64_t peer, struct err *err)
{
	int64_t answered, total, named, lacking;
	int rc = get(r, "answer", peer, &answered, err);

	if (rc < 0 || !answered)
		return rc;
	rc = get(r, "gone", peer, &total, err);
	if (rc >= 0)
		rc = is_named(r, "SELECT count(*) FROM gone WHERE peer = ?",
			peer, &named, err);
	if (rc >= 0)
		rc = is_named(r,
			"SELECT count(*) FROM awaited a JOIN log l"
			" ON l.id = a.log WHERE a.peer = ? AND l.lsn < a.lsn",
			peer, &lacking, err);
	return rc < 0 ? rc : named >= total && !lacking;
}

/* Told in brief, and some of it is to come whole: that is asked for at once. */
static int note_lacking(struct replica *r, uint64_t peer, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct whole_run *runs;
	size_t count;
	int64_t lacked;
	int rc = joining_answered(r, peer, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = whole_list(r, WHOLE_ASKED, peer, &arena, &runs, &count, err);
	if (rc < 0 || !count)
		return rc;
	rc = get(r, "lacked", peer, &lacked, err);
	if (rc >= 0)
		rc = set(r, "lacked", peer, lacked + 1, err);
	return rc < 0 ? rc : set(r, "asked", peer, 0, err);
}

int joining_hear(struct replica *r, uint64_t peer, uint64_t incarnation,
	const struct position *positions, size_t position_count,
	const struct id128 *gone, size_t gone_count, uint64_t gone_total,
	bool last, struct err *err)
{
	int64_t since;
	int rc = joining_since(r, &since, err);

	if (rc < 0 || !since || incarnation != replica_incarnation(r))
		return rc;
	rc = hear_gone(r, peer, gone, gone_count, err);
	for (size_t i = 0; i < position_count && rc >= 0; i++)
		rc = await(r, peer, &positions[i], err);
	if (rc >= 0 && last)
		rc = set(r, "gone", peer, (int64_t)gone_total, err);
	if (rc >= 0 && last)
		rc = set(r, "answer", peer, 1, err);
	if (rc >= 0 && last)
		rc = note_lacking(r, peer, err);
	return rc;
}

int joining_asked(
	struct replica *r, uint64_t peer, int64_t *ret, struct err *err)
{
	return get(r, "asked", peer, ret, err);
}

int joining_in_brief(
	struct replica *r, uint64_t peer, size_t least, struct err *err)
{
	int64_t lacked;
	int rc = get(r, "lacked", peer, &lacked, err);

	if (rc < 0 || lacked >= JOINING_LACKED_MAX)
		return rc;
	return inventory_holds(r, least, err);
}

int joining_note_asked(
	struct replica *r, uint64_t peer, int64_t sequence, struct err *err)
{
	return set(r, "asked", peer, sequence, err);
}

/* ---- its peers ---- */

int asker_get(
	struct replica *r, uint64_t peer, struct asker *ret, struct err *err)
{
	int64_t incarnation, brief = 0;
	int rc = get(r, "asks", peer, &incarnation, err);

	if (rc >= 0)
		rc = get(r, "asks brief", peer, &brief, err);
	*ret = (struct asker){(uint64_t)incarnation, brief != 0};
	return rc;
}

int asker_set(struct replica *r, uint64_t peer, const struct asker *asker,
	struct err *err)
{
	int rc = set(r, "asks", peer, (int64_t)asker->incarnation, err);

	if (rc >= 0)
		rc = set(r, "asks brief", peer, asker->brief, err);
	return rc < 0 ? rc : whole_forget(r, WHOLE_OWED, peer, err);
}
