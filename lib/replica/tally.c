/*
 * tally: message count and digest of a folder, kept up to date change by
 * change (docs/format.md, Digest).
 *
 * The digest of a folder is the sum mod 2^128 of one BLAKE2b-128 value per
 * living message over its dots, place, file name, body and registers with
 * their writers. A message's value is taken out before it is changed and put
 * back after; sums wait in memory and are written at commit.
 */
#include <string.h>

#include "sql.h"
#include "wire.h"

struct tally {
	int64_t folder;
	int64_t messages;
	uint64_t low, high;
};

static struct tally *tally_of(struct replica *r, int64_t folder)
{
	for (size_t i = 0; i < r->tally_count; i++)
		if (r->tallies[i].folder == folder)
			return &r->tallies[i];
	r->tallies =
		mem_grow(r->tallies, r->tally_count + 1, sizeof(*r->tallies));
	r->tallies[r->tally_count] = (struct tally){.folder = folder};
	return &r->tallies[r->tally_count++];
}

/* Names without regard to (ASCII) case. */
static void add_lower(struct buf *b, const char *name)
{
	for (; name && *name; name++)
		buf_add_byte(
			b, (uint8_t)(*name >= 'A' && *name <= 'Z' ? *name + 32
								  : *name));
}

static void add_log(struct buf *b, const struct log_id *log)
{
	wire_add_u64(b, log->origin);
	wire_add_u64(b, log->incarnation);
	buf_add(b, log->folder.b, sizeof(log->folder.b));
}

/* Rows of (log, lsn) or (name, value, stamp, log, lsn) into b. */
static int add_rows(struct replica *r, sqlite3_stmt *st, bool named,
	struct buf *b, struct err *err)
{
	int rc;

	if (!st)
		return ERR_IO;
	while ((rc = sql_step(r, st, err)) > 0) {
		struct log_id log;
		int col = named ? 3 : 0;

		if (named) {
			add_lower(b, (const char *)sqlite3_column_text(st, 0));
			buf_add_byte(b, sqlite3_column_int(st, 1) ? '+' : '-');
			wire_add_u64(b, (uint64_t)sqlite3_column_int64(st, 2));
		}
		rc = log_of_row(r, sqlite3_column_int64(st, col), &log, err);
		if (rc < 0) {
			sqlite3_reset(st);
			return rc;
		}
		add_log(b, &log);
		wire_add_u64(b, (uint64_t)sqlite3_column_int64(st, col + 1));
	}
	return rc;
}

int tally_message(struct replica *r, int64_t message, int sign, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT;
	sqlite3_stmt *st = sql(r, err,
		"SELECT folder, base, size, mtime, hash, extra, letters, uid,"
		" place_stamp, keywords FROM message"
		" WHERE id = ? AND dead = 0",
		"i", message);
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc;
	int64_t folder = sqlite3_column_int64(st, 0);
	uint8_t hash[HASH_SIZE];
	buf_add_str(&b, (const char *)sqlite3_column_text(st, 1));
	buf_add_byte(&b, 0);
	wire_add_u64(&b, (uint64_t)sqlite3_column_int64(st, 2));
	wire_add_u64(&b, (uint64_t)sqlite3_column_int64(st, 3));
	sql_blob(st, 4, hash, sizeof(hash));
	buf_add(&b, hash, sizeof(hash));
	buf_add_str(&b, (const char *)sqlite3_column_text(st, 5));
	buf_add_byte(&b, 0);
	buf_add_str(&b, (const char *)sqlite3_column_text(st, 6));
	buf_add_byte(&b, 0);
	add_lower(&b, (const char *)sqlite3_column_text(st, 9));
	buf_add_byte(&b, 0);
	wire_add_u32(&b, (uint32_t)sqlite3_column_int64(st, 7));
	wire_add_u64(&b, (uint64_t)sqlite3_column_int64(st, 8));
	sqlite3_reset(st);

	rc = add_rows(r,
		sql(r, err,
			"SELECT d.log, d.lsn FROM dot d JOIN log l"
			" ON l.id = d.log WHERE d.message = ?"
			" AND d.dead_log = 0 ORDER BY l.origin,"
			" l.incarnation, l.folder, d.lsn",
			"i", message),
		false, &b, err);
	if (rc >= 0)
		rc = add_rows(r,
			sql(r, err,
				"SELECT name, value, by_stamp, by_log, by_lsn"
				" FROM flag WHERE message = ? ORDER BY name",
				"i", message),
			true, &b, err);
	if (rc < 0)
		return rc;

	uint8_t sum[16];
	hash_long(sum, sizeof(sum), b.data, b.len, NULL, 0);
	struct wire w = wire_over(sum, sizeof(sum));
	uint64_t low = wire_u64(&w), high = wire_u64(&w);
	struct tally *t = tally_of(r, folder);
	unsigned __int128 total = ((unsigned __int128)t->high << 64) | t->low;
	unsigned __int128 value = ((unsigned __int128)high << 64) | low;

	total = sign > 0 ? total + value : total - value;
	t->low = (uint64_t)total;
	t->high = (uint64_t)(total >> 64);
	t->messages += sign > 0 ? 1 : -1;
	return 0;
}

static int flush_one(struct replica *r, const struct tally *t, struct err *err)
{
	sqlite3_stmt *st =
		sql(r, err, "SELECT messages, digest FROM folder WHERE id = ?",
			"i", t->folder);
	uint8_t digest[16];

	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc;
	int64_t messages = sqlite3_column_int64(st, 0) + t->messages;
	sql_blob(st, 1, digest, sizeof(digest));
	sqlite3_reset(st);

	struct wire w = wire_over(digest, sizeof(digest));
	uint64_t low = wire_u64(&w), high = wire_u64(&w);
	unsigned __int128 total = ((unsigned __int128)high << 64) | low;
	total += ((unsigned __int128)t->high << 64) | t->low;
	AUTO_BUF struct buf b = BUF_INIT;
	wire_add_u64(&b, (uint64_t)total);
	wire_add_u64(&b, (uint64_t)(total >> 64));
	return sql_run(r, err,
		"UPDATE folder SET messages = ?, digest = ?,"
		" held_mail = held_mail OR ? > 0 WHERE id = ?",
		"ibii", messages, b.data, b.len, messages, t->folder);
}

int tally_flush(struct replica *r, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < r->tally_count && rc >= 0; i++)
		rc = flush_one(r, &r->tallies[i], err);
	tally_drop(r);
	return rc;
}

void tally_drop(struct replica *r)
{
	r->tally_count = 0;
}
