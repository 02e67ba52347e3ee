#include "spoken.h"

#include "gaps.h"
#include "sql.h"

#define KEPT 64	   /* of each peer */
#define ASKED 0	   /* as a number: it asked; below: again, when it was over */
#define ACCEPTED 1 /* as its mark: an operator said that it is right */
#define ASKS 2	   /* so often a question may be late */
#define RETURNS 1  /* one may be of what was late */

#define SECOND "is there a second machine with its key, or was it put back?"

static uint64_t number_of(uint64_t count)
{
	return count >> SPOKEN_MARK_BITS;
}

static uint64_t mark_of(uint64_t count)
{
	return count & ((UINT64_C(1) << SPOKEN_MARK_BITS) - 1);
}

uint64_t spoken_next(uint64_t count, uint32_t lot)
{
	return (number_of(count) + 1) << SPOKEN_MARK_BITS | mark_of(lot);
}

/* The first column of the first row; ret untouched where there is none. */
static int ask(
	struct replica *r, sqlite3_stmt *st, int64_t *ret, struct err *err)
{
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc > 0) {
		*ret = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
	}
	return rc;
}

/* ---- who speaks ---- */

static int note(struct replica *r, uint64_t peer, uint64_t incarnation,
	uint64_t number, uint64_t mark, struct err *err)
{
	int rc = sql_run(r, err,
		"INSERT OR IGNORE INTO spoken(peer, incarnation, number, mark)"
		" VALUES(?, ?, ?, ?)",
		"iiii", (int64_t)peer, (int64_t)incarnation, (int64_t)number,
		(int64_t)mark);

	return rc < 0 ? rc
		      : sql_run(r, err,
				"DELETE FROM spoken WHERE peer = ?1"
				" AND number <> 0 AND id <="
				" (SELECT id FROM spoken WHERE peer = ?1"
				"  AND number <> 0"
				"  ORDER BY id DESC LIMIT 1 OFFSET ?2)",
				"ii", (int64_t)peer, (int64_t)KEPT);
}

/* Is another one speaking, and has this one spoken before? Returns 1 or 0. */
static int is_over(struct replica *r, uint64_t peer, uint64_t incarnation,
	int64_t *ret_other, struct err *err)
{
	int64_t one;
	int rc = ask(r,
		sql(r, err,
			"SELECT incarnation FROM ack_order WHERE peer = ?1"
			" AND incarnation <> ?2",
			"ii", (int64_t)peer, (int64_t)incarnation),
		ret_other, err);

	if (rc <= 0)
		return rc;
	return ask(r,
		sql(r, err,
			"SELECT 1 FROM spoken WHERE peer = ? AND"
			" incarnation = ? LIMIT 1",
			"ii", (int64_t)peer, (int64_t)incarnation),
		&one, err);
}

/* Does it say from whose end it goes on, or did it ask? Returns 1 or 0. */
static int is_begun(
	struct replica *r, uint64_t peer, uint64_t incarnation, struct err *err)
{
	int64_t one;

	return ask(r,
		sql(r, err,
			"SELECT 1 FROM record n JOIN log l ON l.id = n.log"
			" WHERE n.reason IS NULL AND l.origin = ?1"
			" AND l.incarnation = ?2"
			" UNION ALL SELECT 1 FROM spoken WHERE peer = ?1"
			" AND incarnation = ?2 AND number = ?3 LIMIT 1",
			"iii", (int64_t)peer, (int64_t)incarnation,
			(int64_t)ASKED),
		&one, err);
}

/* Did that incarnation go on counting from behind this number? 1 or 0. */
static int is_before(struct replica *r, uint64_t peer, uint64_t incarnation,
	uint64_t number, struct err *err)
{
	int64_t first = 0;
	int rc = ask(r,
		sql(r, err,
			"SELECT min(number) FROM spoken WHERE peer = ?"
			" AND incarnation = ? AND number > 0",
			"ii", (int64_t)peer, (int64_t)incarnation),
		&first, err);

	return rc < 0 ? rc : number < (uint64_t)first;
}

static int by_turns(struct replica *r, struct err *err)
{
	return err_set(err, ERR_CONFLICT,
		"account %s: two incarnations of its site speak by "
		"turns: " SECOND,
		r->account);
}

/*
 * An incarnation that is over says something new: it was late, or it runs on
 * another machine. Then it is not the last time.
 */
static int hear_over(struct replica *r, uint64_t peer, uint64_t incarnation,
	uint64_t number, uint64_t mark, struct err *err)
{
	int64_t returns = 0;
	int rc = note(r, peer, incarnation, number, mark, err);

	if (rc >= 0)
		rc = ask(r,
			sql(r, err,
				"SELECT count(*) FROM (SELECT incarnation,"
				" lag(incarnation) OVER (ORDER BY id) AS before"
				" FROM spoken WHERE peer = ?1)"
				" WHERE incarnation = ?2 AND before <> ?2",
				"ii", (int64_t)peer, (int64_t)incarnation),
			&returns, err);
	if (rc < 0)
		return rc;
	return returns > RETURNS ? by_turns(r, err) : 1;
}

int spoken_hear(struct replica *r, uint64_t peer, uint64_t incarnation,
	uint64_t count, struct err *err)
{
	uint64_t number = number_of(count);
	int64_t mark, other = 0;
	int rc = ask(r,
		sql(r, err,
			"SELECT mark FROM spoken WHERE peer = ?"
			" AND incarnation = ? AND number = ?",
			"iii", (int64_t)peer, (int64_t)incarnation,
			(int64_t)number),
		&mark, err);

	if (rc < 0)
		return rc;
	if (rc > 0 && (uint64_t)mark == mark_of(count))
		return 1;
	if (rc > 0)
		return err_set(err, ERR_CONFLICT,
			"account %s: its site says two things at once: " SECOND,
			r->account);
	rc = is_over(r, peer, incarnation, &other, err);
	if (rc == 0)
		return note(r, peer, incarnation, number, mark_of(count), err);
	if (rc > 0)
		rc = is_before(r, peer, (uint64_t)other, number, err);
	if (rc != 0)
		return rc;
	rc = is_begun(r, peer, (uint64_t)other, err);
	if (rc == 0)
		return by_turns(r, err);
	return rc < 0 ? rc
		      : hear_over(r, peer, incarnation, number, mark_of(count),
				err);
}

int spoken_is_over(
	struct replica *r, uint64_t peer, uint64_t incarnation, struct err *err)
{
	int64_t other;

	return is_over(r, peer, incarnation, &other, err);
}

int spoken_is_new(
	struct replica *r, uint64_t peer, uint64_t incarnation, struct err *err)
{
	int64_t one;
	int rc = ask(r,
		sql(r, err,
			"SELECT 1 FROM spoken WHERE peer = ?1"
			" AND incarnation = ?2 UNION ALL"
			" SELECT 1 FROM log WHERE origin = ?1"
			" AND incarnation = ?2 LIMIT 1",
			"ii", (int64_t)peer, (int64_t)incarnation),
		&one, err);

	return rc < 0 ? rc : rc == 0;
}

int spoken_heal(struct replica *r, uint64_t peer, struct err *err)
{
	return sql_run(r, err, "DELETE FROM gap WHERE kind = ? AND peer = ?",
		"ii", (int64_t)GAP_SPLIT, (int64_t)peer);
}

/* Has it joined, as is seen by what it wrote since? 1 or 0. */
static int has_joined(
	struct replica *r, uint64_t peer, uint64_t incarnation, struct err *err)
{
	int64_t one;

	return ask(r,
		sql(r, err,
			"SELECT 1 FROM log WHERE origin = ? AND incarnation = ?"
			" AND lsn > 0 AND folder <> zeroblob(16) LIMIT 1",
			"ii", (int64_t)peer, (int64_t)incarnation),
		&one, err);
}

/* A question that is asked no more: it was late, or somebody else asks. */
static int asks_late(struct replica *r, uint64_t peer, uint64_t incarnation,
	bool over, struct err *err)
{
	int64_t least = 0;
	int rc = ask(r,
		sql(r, err,
			"SELECT min(number) FROM spoken WHERE peer = ?"
			" AND incarnation = ?",
			"ii", (int64_t)peer, (int64_t)incarnation),
		&least, err);

	if (rc < 0)
		return rc;
	if (least <= -ASKS)
		return over ? by_turns(r, err)
			    : err_set(err, ERR_CONFLICT,
				      "account %s: its site joins and has "
				      "joined: " SECOND,
				      r->account);
	uint64_t number = (uint64_t)(least < 0 ? least - 1 : -1);
	if (over)
		return hear_over(r, peer, incarnation, number, 0, err);
	rc = note(r, peer, incarnation, number, 0, err);
	return rc < 0 ? rc : 1;
}

int spoken_asks(
	struct replica *r, uint64_t peer, uint64_t incarnation, struct err *err)
{
	int64_t other;
	int over = is_over(r, peer, incarnation, &other, err);
	int rc = over != 0 ? over : has_joined(r, peer, incarnation, err);

	if (rc > 0)
		return asks_late(r, peer, incarnation, over > 0, err);
	if (rc == 0)
		rc = spoken_is_new(r, peer, incarnation, err);
	if (rc > 0)
		rc = spoken_heal(r, peer, err);
	return rc < 0 ? rc : note(r, peer, incarnation, ASKED, 0, err);
}

/* ---- what it wrote ---- */

/* The operator said that it is right as it is: all that there is has begun, and
   is not over. */
static int accept_known(struct replica *r, uint64_t peer, struct err *err)
{
	return sql_run(r, err,
		"INSERT OR REPLACE INTO spoken(peer, incarnation, number, mark)"
		" SELECT DISTINCT origin, incarnation, ?2, ?3 FROM log"
		" WHERE origin = ?1 AND lsn > 0",
		"iii", (int64_t)peer, (int64_t)ASKED, (int64_t)ACCEPTED);
}

/* The same word is for what comes first behind it. */
static int accept_next(struct replica *r, uint64_t peer, struct err *err)
{
	int64_t one;
	int rc = ask(r,
		sql(r, err,
			"SELECT 1 FROM gap WHERE kind = ? AND peer = ?"
			" AND accepted = 1",
			"ii", (int64_t)GAP_SPLIT, (int64_t)peer),
		&one, err);

	if (rc <= 0)
		return rc;
	rc = accept_known(r, peer, err);
	if (rc >= 0)
		rc = spoken_heal(r, peer, err);
	return rc < 0 ? rc : 1;
}

/* Of those that began by themselves. */
static int count_begun(
	struct replica *r, uint64_t peer, int64_t *ret, struct err *err)
{
	return ask(r,
		sql(r, err,
			"SELECT count(DISTINCT l.incarnation) FROM log l"
			" WHERE l.origin = ?1 AND l.lsn > 0 AND NOT EXISTS"
			" (SELECT 1 FROM spoken s WHERE s.peer = ?1"
			"  AND s.incarnation = l.incarnation AND s.number = ?2)"
			" AND l.incarnation NOT IN (SELECT o.incarnation"
			"  FROM record n JOIN log o ON o.id = n.log"
			"  WHERE o.origin = ?1 AND n.reason IS NULL)",
			"ii", (int64_t)peer, (int64_t)ASKED),
		ret, err);
}

/* The most of those that did not ask and go on from one and the same. */
static int count_forks(
	struct replica *r, uint64_t peer, int64_t *ret, struct err *err)
{
	return ask(r,
		sql(r, err,
			"SELECT max(forks) FROM (SELECT"
			" count(DISTINCT o.incarnation) AS forks FROM record n"
			" JOIN log o ON o.id = n.log"
			" JOIN log l ON l.id = n.end_log"
			" WHERE o.origin = ?1 AND n.reason IS NULL"
			" AND NOT EXISTS (SELECT 1 FROM spoken s"
			"  WHERE s.peer = ?1 AND s.incarnation = o.incarnation"
			"  AND s.number = ?2) GROUP BY l.incarnation)",
			"ii", (int64_t)peer, (int64_t)ASKED),
		ret, err);
}

int spoken_is_one_line(struct replica *r, uint64_t peer, struct err *err)
{
	int64_t begun = 0, forks = 0;
	int rc = count_begun(r, peer, &begun, err);

	if (rc >= 0)
		rc = count_forks(r, peer, &forks, err);
	if (rc < 0 || (begun <= 1 && forks <= 1))
		return rc < 0 ? rc : 0;
	rc = accept_next(r, peer, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return begun > 1 ? err_set(err, ERR_CONFLICT,
				   "account %s: its site has begun anew, and "
				   "did not ask what is known of it: " SECOND,
				   r->account)
			 : err_set(err, ERR_CONFLICT,
				   "account %s: its site has begun anew twice "
				   "from one incarnation: " SECOND,
				   r->account);
}

int spoken_over_since(struct replica *r, const struct log_id *log,
	int64_t *ret_ms, struct err *err)
{
	int64_t stamp = 0;
	int rc = ask(r,
		sql(r, err,
			"SELECT min(n.stamp) FROM record n JOIN log l"
			" ON l.id = n.end_log JOIN log o ON o.id = n.log"
			" WHERE n.reason IS NULL AND l.origin = ?1"
			" AND l.incarnation = ?2 AND o.incarnation <> ?2"
			" AND NOT EXISTS (SELECT 1 FROM spoken s"
			"  WHERE s.peer = ?1 AND s.incarnation = ?2"
			"  AND s.number = ?3 AND s.mark = ?4)",
			"iiii", (int64_t)log->origin, (int64_t)log->incarnation,
			(int64_t)ASKED, (int64_t)ACCEPTED),
		&stamp, err);

	*ret_ms = (int64_t)STAMP_MS((uint64_t)stamp);
	return rc < 0 ? rc : 0;
}

int spoken_is_current(
	struct replica *r, uint64_t peer, uint64_t incarnation, struct err *err)
{
	int64_t one;
	int rc = ask(r,
		sql(r, err,
			"SELECT 1 FROM ack_order WHERE peer = ?1"
			" AND incarnation <> ?2 UNION ALL"
			" SELECT 1 FROM record n JOIN log l ON l.id = n.end_log"
			" JOIN log o ON o.id = n.log"
			" WHERE n.reason IS NULL AND l.origin = ?1"
			" AND l.incarnation = ?2 AND o.incarnation <> ?2"
			" LIMIT 1",
			"ii", (int64_t)peer, (int64_t)incarnation),
		&one, err);

	return rc < 0 ? rc : rc == 0;
}

/* ---- what follows ---- */

int spoken_check(struct replica *r, uint64_t peer, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	sqlite3_stmt *st = sql(r, err,
		"SELECT reason FROM gap WHERE kind = ? AND peer = ?"
		" AND accepted = 0",
		"ii", (int64_t)GAP_SPLIT, (int64_t)peer);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	const char *why = sql_text(st, 0, &arena);
	sqlite3_reset(st);
	return err_set(err, ERR_CONFLICT, "%s (nothing is taken from it)", why);
}

int spoken_split(struct replica *r, uint64_t peer, const char *why,
	int64_t now_ms, struct err *err)
{
	return sql_run(r, err,
		"INSERT INTO gap(kind, folder, peer, reason, since_ms)"
		" VALUES(?1, zeroblob(16), ?2, ?3, ?4)"
		" ON CONFLICT(kind, folder, log, first, peer) DO UPDATE SET"
		" reason = ?3, since_ms = iif(accepted, ?4, since_ms),"
		" accepted = 0",
		"iiti", (int64_t)GAP_SPLIT, (int64_t)peer, why, now_ms);
}

int spoken_accept(struct replica *r, uint64_t peer, struct err *err)
{
	int rc = sql_run(r, err,
		"DELETE FROM spoken WHERE peer = ? AND number <> 0", "i",
		(int64_t)peer);

	if (rc >= 0)
		rc = sql_run(r, err, "DELETE FROM ack_order WHERE peer = ?",
			"i", (int64_t)peer);
	return rc < 0 ? rc : accept_known(r, peer, err);
}
