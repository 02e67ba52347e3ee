/*
 * telling: what is known of dots, as changes with their own writers.
 *
 * A message's registers name their last writers, and each of these wrote no
 * other message: so what is known of it is what these lsns of their logs
 * wrote, written out again (writeout.c), one lsn at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "compared.h"
#include "registers.h"

struct pair {
	int64_t log;
	uint64_t lsn;
};

struct pairs {
	struct pair *items;
	size_t count;
};

static void add_pair(struct pairs *p, int64_t log, uint64_t lsn)
{
	p->items = mem_room(p->items, p->count, sizeof(*p->items));
	p->items[p->count++] = (struct pair){log, lsn};
}

static int cmp_pairs(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->log != y->log)
		return x->log < y->log ? -1 : 1;
	return (x->lsn > y->lsn) - (x->lsn < y->lsn);
}

/* All that wrote what is known of a message, deaths of its dots included. */
static int add_message(
	struct replica *r, int64_t id, struct pairs *p, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT log, lsn FROM dot WHERE message = ?1 AND dead_log = 0"
		" UNION SELECT dead_log, dead_lsn FROM dot WHERE message = ?1"
		" UNION SELECT place_log, place_lsn FROM message WHERE id = ?1"
		" UNION SELECT uid_log, uid_lsn FROM message WHERE id = ?1"
		" UNION SELECT extra_log, extra_lsn FROM message WHERE id = ?1"
		" UNION SELECT guid_log, guid_lsn FROM message WHERE id = ?1"
		" UNION SELECT by_log, by_lsn FROM flag WHERE message = ?1"
		" UNION SELECT j.log, j.lsn FROM dot d JOIN joined j"
		"  ON j.dot_log = d.log AND j.dot_lsn = d.lsn"
		"  WHERE d.message = ?1",
		"i", id);
	int rc = st ? 0 : ERR_IO;

	while (rc >= 0 && (rc = sql_step(r, st, err)) > 0) {
		int64_t log = sqlite3_column_int64(st, 0);
		uint64_t lsn = (uint64_t)sqlite3_column_int64(st, 1);

		if (log && lsn)
			add_pair(p, log, lsn);
	}
	return rc;
}

/* Who expunged it: 1; 0 where nobody knows. */
static int add_tombstone(struct replica *r, const struct dot_row *row,
	uint64_t lsn, struct pairs *p, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT dead_log, dead_lsn FROM dot WHERE log = ? AND lsn = ?",
		"ii", row->log, (int64_t)lsn);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	int64_t dead_log = sqlite3_column_int64(st, 0);
	uint64_t dead_lsn = (uint64_t)sqlite3_column_int64(st, 1);
	sqlite3_reset(st);
	if (dead_lsn)
		add_pair(p, dead_log, dead_lsn);
	return dead_lsn != 0;
}

/* Returns 1 where it is dead, and nobody knows by whom. */
static int add_dot(struct replica *r, const struct dot *dot, struct pairs *p,
	struct err *err)
{
	struct dot_row row;
	int rc = dot_find(r, dot, &row, err);

	if (rc < 0)
		return rc;
	if (!row.known)
		return dot_is_past(r, dot, &row, err);
	if (!row.dead)
		return row.message ? add_message(r, row.message, p, err) : 0;
	rc = add_tombstone(r, &row, dot->lsn, p, err);
	return rc < 0 ? rc : !rc;
}

static int write_pairs(struct replica *r, const struct pairs *p,
	telling_keep_fn keep, void *arg, struct change_batch *ret,
	struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < p->count && rc >= 0; i++) {
		const struct pair *at = &p->items[i];
		size_t before = ret->count;
		struct log_id log;
		uint64_t upto;

		if (i && cmp_pairs(at, at - 1) == 0)
			continue;
		rc = log_of_row(r, at->log, &log, err);
		if (rc >= 0 && keep(arg, &log))
			rc = replica_write_out(
				r, &log, at->lsn - 1, at->lsn, ret, &upto, err);
		/* A register that came to be nothing that was ever written:
		   the peer's is to be taken. */
		if (rc == ERR_CORRUPT) {
			ret->count = before;
			rc = 0;
		}
	}
	return rc;
}

int telling_dots(struct replica *r, const struct dot *dots, size_t count,
	telling_keep_fn keep, void *arg, struct change_batch *ret,
	struct dot *ret_dead, size_t *ret_dead_count, struct err *err)
{
	struct pairs p = {0};
	size_t dead = 0;
	int rc = 0;

	for (size_t i = 0; i < count && rc >= 0; i++) {
		rc = add_dot(r, &dots[i], &p, err);
		if (rc > 0)
			ret_dead[dead++] = dots[i];
	}
	*ret_dead_count = dead;
	if (p.count)
		qsort(p.items, p.count, sizeof(*p.items), cmp_pairs);
	if (rc >= 0)
		rc = write_pairs(r, &p, keep, arg, ret, err);
	free(p.items);
	return rc < 0 ? rc : 0;
}
