#include "relayed.h"

#include "gaps.h"
#include "spoken.h"
#include "sql.h"
#include "viewed.h"

#define TAKES "relays" /* and the peer: what it said last */

int relayed_takes(struct replica *r, uint64_t peer, struct err *err)
{
	AUTO_FREE char *key = replica_peer_key(TAKES, peer);
	int64_t takes = 0;
	int rc = replica_meta_get(r, key, &takes, err);

	return rc < 0 ? rc : takes != 0;
}

int relayed_hear(struct replica *r, uint64_t peer, bool takes, struct err *err)
{
	AUTO_FREE char *key = replica_peer_key(TAKES, peer);
	int was = relayed_takes(r, peer, err);

	if (was < 0 || (was != 0) == takes)
		return was < 0 ? was : 0;
	return replica_meta_set(r, key, takes, err);
}

int relayed_note_part(struct replica *r, int64_t log, struct err *err)
{
	return sql_run(
		r, err, "UPDATE log SET part = 1 WHERE id = ?", "i", log);
}

int relayed_is_part(struct replica *r, uint64_t origin, struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM log WHERE origin = ? AND part LIMIT 1",
			"i", (int64_t)origin),
		err);
}

static bool is_among(const int64_t *origins, size_t count, uint64_t origin)
{
	for (size_t i = 0; i < count; i++)
		if ((uint64_t)origins[i] == origin)
			return true;
	return false;
}

/* Is it known here that not all of it is as its site has it? 1 or 0. */
static int is_doubtful(
	struct replica *r, const struct log_id *log, struct err *err)
{
	struct err split = ERR_INIT;
	int rc = spoken_check(r, log->origin, &split);

	if (rc == ERR_CONFLICT)
		return 1;
	if (rc < 0) {
		*err = split;
		return rc;
	}
	rc = gap_in_doubt(r, &log->folder, err);
	return rc != 0 ? rc : gap_is_told(r, log->origin, &log->folder, err);
}

int relayed_find(struct replica *r, uint64_t peer,
	const struct replica_log *logs, size_t count, bool *ret,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	sqlite3_stmt *st =
		sql(r, err, "SELECT DISTINCT origin FROM log WHERE part", "");
	size_t part_count = 0;
	int64_t *part;
	int rc = sql_ids(r, st, &arena, &part, &part_count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		const struct position *known = &logs[i].known;
		uint64_t origin = known->log.origin;

		ret[i] = false;
		if (origin == replica_origin(r) || origin == peer ||
			!known->lsn || view_is_log(&known->log.folder) ||
			is_among(part, part_count, origin))
			continue;
		rc = is_doubtful(r, &known->log, err);
		ret[i] = rc == 0;
	}
	return rc < 0 ? rc : 0;
}

int relayed_note_knows(struct replica *r, uint64_t peer, int64_t log,
	uint64_t lsn, struct err *err)
{
	struct replica_ack ack;
	int rc = replica_ack_get(r, peer, log, &ack, err);

	if (rc < 0 || ack.durable >= lsn)
		return rc;
	ack.durable = lsn;
	ack.chain = 0;
	return replica_ack_set(r, peer, &ack, err);
}
