/*
 * recount: the sums of a folder against its registers, of which they are to
 * be the sums. Sums are kept up to date change by change: a register that
 * came to be another on its way to the disk or back does not show in them.
 */
#include <string.h>

#include "sql.h"
#include "stated.h"
#include "wire.h"

#define TRIES 5
#define MISCOUNTED "its registers are not those that were summed up"

struct kept {
	struct id128 fid;
	uint64_t messages;
	uint8_t digest[16];
};

/* Returns 1 when there is no such folder. */
static int read_kept(
	struct replica *r, int64_t folder, struct kept *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT fid, messages, digest FROM folder WHERE id = ?", "i",
		folder);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	*ret = (struct kept){.messages = 0};
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	sql_blob(st, 0, ret->fid.b, sizeof(ret->fid.b));
	ret->messages = (uint64_t)sqlite3_column_int64(st, 1);
	sql_blob(st, 2, ret->digest, sizeof(ret->digest));
	sqlite3_reset(st);
	return 0;
}

static bool equal(const struct kept *a, const struct kept *b)
{
	return a->messages == b->messages &&
	       memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

static struct gap_sums sums_of(const struct kept *k)
{
	struct wire w = wire_over(k->digest, sizeof(k->digest));

	return (struct gap_sums){k->messages, wire_u64(&w)};
}

static int keep(struct replica *r, int64_t folder, const struct kept *was,
	const struct kept *is, int64_t now_ms, struct err *err)
{
	struct gap_sums ours = sums_of(is), theirs = sums_of(was);
	int rc = sql_run(r, err,
		"UPDATE folder SET messages = ?, digest = ? WHERE id = ?",
		"ibi", (int64_t)is->messages, is->digest, sizeof(is->digest),
		folder);

	/* What differs from peers is the same as before. */
	if (rc >= 0)
		rc = sql_run(r, err,
			"UPDATE gap SET messages = ?, digest = ?"
			" WHERE kind = ? AND folder = ? AND peer <> 0",
			"iiib", (int64_t)ours.messages, (int64_t)ours.digest,
			(int64_t)GAP_DIFFERS, is->fid.b, sizeof(is->fid.b));
	if (rc >= 0)
		rc = gap_differs(r, 0, &is->fid, &ours, &theirs, MISCOUNTED,
			now_ms, err);
	return rc < 0 ? rc : 0;
}

int stated_check(struct replica *r, int64_t folder, uint64_t messages,
	const uint8_t digest[16], int64_t now_ms, struct err *err)
{
	struct kept was, is;
	int rc = tally_flush(r, err);

	if (rc >= 0)
		rc = read_kept(r, folder, &was, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	is = was;
	is.messages = messages;
	memcpy(is.digest, digest, sizeof(is.digest));
	if (equal(&was, &is))
		return 0;
	rc = keep(r, folder, &was, &is, now_ms, err);
	return rc < 0 ? rc : 1;
}

/* Unless the folder changed since they were counted. Returns 1 if it did. */
static int keep_if_still(struct replica *r, int64_t folder,
	const struct kept *was, const struct kept *is, int64_t now_ms,
	struct err *err)
{
	struct kept now;
	int rc = replica_begin(r, err);

	if (rc < 0)
		return rc;
	rc = read_kept(r, folder, &now, err);
	if (rc == 0 && !equal(&now, was))
		rc = 1;
	if (rc == 0)
		rc = keep(r, folder, was, is, now_ms, err);
	if (rc == 0)
		rc = replica_commit(r, err);
	replica_rollback(r);
	return rc;
}

int stated_recount(
	struct replica *r, int64_t folder, int64_t now_ms, struct err *err)
{
	for (int i = 0; i < TRIES; i++) {
		struct kept was, is, now;
		int rc = read_kept(r, folder, &was, err);

		if (rc != 0)
			return rc < 0 ? rc : 0;
		is = was;
		rc = tally_recount(r, folder, &is.messages, is.digest, err);
		if (rc >= 0)
			rc = read_kept(r, folder, &now, err);
		if (rc != 0)
			return rc < 0 ? rc : 0;
		if (!equal(&was, &now))
			continue; /* somebody changed it meanwhile */
		if (equal(&was, &is))
			return 0;
		rc = keep_if_still(r, folder, &was, &is, now_ms, err);
		if (rc <= 0)
			return rc < 0 ? rc : 1;
	}
	return err_set(err, ERR_BUSY,
		"a folder changed each time its sums were compared");
}
