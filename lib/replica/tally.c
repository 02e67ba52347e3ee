/*
 * tally: message count and digest of a folder, kept up to date change by
 * change (docs/format.md, Digest).
 *
 * The digest of a folder is the sum mod 2^128 of one BLAKE2b-128 value per
 * living message over its dots, place, file name, body and registers with
 * their writers. A message's value is taken out before it is changed and put
 * back after; sums wait in memory and are written at commit.
 */
#include <stdlib.h>
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

int tally_value(struct replica *r, int64_t message, int64_t *ret_folder,
	uint8_t ret[16], struct err *err)
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
	uint8_t hash[HASH_SIZE];
	*ret_folder = sqlite3_column_int64(st, 0);
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
	hash_long(ret, 16, b.data, b.len, NULL, 0);
	return 1;
}

static unsigned __int128 number_of(const uint8_t value[16])
{
	struct wire w = wire_over(value, 16);
	uint64_t low = wire_u64(&w), high = wire_u64(&w);

	return ((unsigned __int128)high << 64) | low;
}

void tally_sum(uint8_t sum[16], const uint8_t value[16])
{
	unsigned __int128 total = number_of(sum) + number_of(value);

	for (size_t i = 0; i < 16; i++)
		sum[i] = (uint8_t)(total >> (8 * i));
}

int tally_message(struct replica *r, int64_t message, int sign, struct err *err)
{
	uint8_t value[16];
	int64_t folder;
	int rc = tally_value(r, message, &folder, value, err);

	if (rc <= 0)
		return rc;
	struct tally *t = tally_of(r, folder);
	unsigned __int128 total = ((unsigned __int128)t->high << 64) | t->low;

	total += sign > 0 ? number_of(value) : -number_of(value);
	t->low = (uint64_t)total;
	t->high = (uint64_t)(total >> 64);
	t->messages += sign > 0 ? 1 : -1;
	return 0;
}

bool tally_next(const struct replica *r, size_t *at, int64_t *ret_folder)
{
	while (*at < r->tally_count) {
		const struct tally *t = &r->tallies[(*at)++];

		*ret_folder = t->folder;
		if (t->messages || t->low || t->high)
			return true;
	}
	return false;
}

#define RECOUNT_STEP 1000 /* messages; others write between two steps */

/* Where a recount stands: behind this message, by the folder's index. */
struct recount {
	char *base;
	int64_t id;
	uint64_t *messages;
	uint8_t *digest;
};

/* Add the messages behind it, which moves on. Returns 1 if there are more. */
static int recount_step(
	struct replica *r, int64_t folder, struct recount *at, struct err *err)
{
	int64_t ids[RECOUNT_STEP], where;
	size_t count = 0;
	uint8_t value[16];
	sqlite3_stmt *st = sql(r, err,
		"SELECT id, base FROM message WHERE folder = ?"
		" AND (base, id) > (?, ?) AND dead = 0"
		" ORDER BY base, id LIMIT ?",
		"itii", folder, at->base, at->id, (int64_t)RECOUNT_STEP);
	int rc = st ? 0 : ERR_IO;

	while (rc >= 0 && count < RECOUNT_STEP &&
		(rc = sql_step(r, st, err)) > 0) {
		ids[count++] = sqlite3_column_int64(st, 0);
		if (count < RECOUNT_STEP)
			continue;
		free(at->base);
		at->base = mem_dup((const char *)sqlite3_column_text(st, 1));
		at->id = ids[count - 1];
	}
	if (st)
		sqlite3_reset(st);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		rc = tally_value(r, ids[i], &where, value, err);
		if (rc > 0) {
			tally_sum(at->digest, value);
			++*at->messages;
		}
	}
	return rc < 0 ? rc : count == RECOUNT_STEP;
}

int tally_recount(struct replica *r, int64_t folder, uint64_t *ret_messages,
	uint8_t ret_digest[16], struct err *err)
{
	struct recount at = {
		.base = mem_dup(""),
		.messages = ret_messages,
		.digest = ret_digest,
	};
	int rc;

	*ret_messages = 0;
	memset(ret_digest, 0, 16);
	do {
		rc = reading_begin(r, err);
		if (rc >= 0)
			rc = recount_step(r, folder, &at, err);
		reading_end(r);
	} while (rc > 0);
	free(at.base);
	return rc;
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
