#include "replica.h"

#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "schema.h"
#include "sql.h"
#include "vfs.h"

const char *replica_account(const struct replica *r)
{
	return r->account;
}

uint64_t replica_origin(const struct replica *r)
{
	return r->origin;
}

uint64_t replica_incarnation(const struct replica *r)
{
	return r->incarnation;
}

sqlite3 *replica_db(struct replica *r)
{
	return r->db;
}

static bool has_schema(struct replica *r, struct err *err, int *ret_rc)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(r->db,
		"SELECT 1 FROM sqlite_master WHERE name = 'meta'", -1, &st,
		NULL);

	*ret_rc = 0;
	if (rc != SQLITE_OK) {
		*ret_rc = vfs_error(r->db, err, r->path);
		return false;
	}
	rc = sqlite3_step(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		*ret_rc = vfs_error(r->db, err, r->path);
	sqlite3_finalize(st);
	return rc == SQLITE_ROW;
}

static int make_schema(struct replica *r, struct err *err)
{
	int rc = replica_begin(r, err);

	if (rc < 0)
		return rc;
	/* Another program may have made it since we looked. */
	if (has_schema(r, err, &rc) || rc < 0) {
		replica_rollback(r);
		return rc;
	}
	if (sqlite3_exec(r->db, schema_text, NULL, NULL, NULL) != SQLITE_OK) {
		rc = vfs_error(r->db, err, r->path);
		replica_rollback(r);
		return rc;
	}
	if ((rc = replica_meta_set(r, "version", SCHEMA_VERSION, err)) < 0 ||
		(rc = replica_meta_set(r, "origin", (int64_t)r->origin, err)) <
			0 ||
		(rc = replica_incarnation_new(r, err)) < 0 ||
		(rc = replica_text_set(r, "account", r->account, err)) < 0) {
		replica_rollback(r);
		return rc;
	}
	return replica_commit(r, err);
}

static int check_identity(struct replica *r, struct err *err)
{
	int64_t version, origin, incarnation;
	int rc = replica_meta_get(r, "version", &version, err);

	if (rc < 0)
		return rc;
	if (rc > 0)
		return err_set(err, ERR_CORRUPT,
			"%s: not a replica state (no version)", r->path);
	if (version != SCHEMA_VERSION)
		return err_set(err, ERR_LIMIT,
			"%s: state of version %lld, this program knows %d "
			"(install the packetboat that made it)",
			r->path, (long long)version, SCHEMA_VERSION);
	if ((rc = replica_meta_get(r, "origin", &origin, err)) != 0 ||
		(rc = replica_meta_get(r, "incarnation", &incarnation, err)) !=
			0)
		return rc < 0 ? rc
			      : err_set(err, ERR_CORRUPT,
					"%s: no origin or incarnation",
					r->path);
	if ((uint64_t)origin != r->origin)
		return err_set(err, ERR_AUTH,
			"%s: belongs to origin %016llx, our key is %016llx "
			"(restore the key it was made with)",
			r->path, (unsigned long long)origin,
			(unsigned long long)r->origin);
	r->incarnation = (uint64_t)incarnation;
	return 0;
}

int replica_open(struct os *os, const char *path, const char *account,
	uint64_t origin, bool create, struct replica **ret, struct err *err)
{
	struct replica *r = mem_alloc(sizeof(*r));
	int made = 0;

	r->os = os;
	r->path = mem_dup(path);
	r->account = mem_dup(account);
	r->origin = origin;
	int rc = vfs_open(os, path, create, &r->db, err);
	if (rc >= 0 && !has_schema(r, err, &rc) && rc >= 0) {
		if (create) {
			rc = make_schema(r, err);
			made = 1;
		} else {
			rc = err_set(err, ERR_ABSENT, "%s: empty", path);
		}
	}
	if (rc >= 0)
		rc = check_identity(r, err);
	if (rc >= 0)
		rc = logs_load(r, err);
	if (rc < 0) {
		replica_close(r);
		return rc;
	}
	*ret = r;
	return made;
}

void replica_close(struct replica *r)
{
	if (!r)
		return;
	reading_end(r);
	replica_rollback(r);
	if (r->rehearsing)
		sql_run(r, NULL, "ROLLBACK", "");
	sql_close(r);
	if (r->db)
		vfs_close(r->db);
	free(r->logs);
	free(r->tallies);
	free(r->path);
	free(r->account);
	free(r);
}

int replica_incarnation_new(struct replica *r, struct err *err)
{
	uint64_t incarnation = 0;

	while (!incarnation)
		r->os->ops->random(r->os, &incarnation, sizeof(incarnation));
	int rc = replica_meta_set(r, "incarnation", (int64_t)incarnation, err);
	if (rc >= 0)
		r->incarnation = incarnation;
	return rc;
}

int reading_begin(struct replica *r, struct err *err)
{
	int rc;

	if (r->in_txn || r->reading || r->rehearsing)
		return 0;
	rc = sql_run(r, err, "BEGIN", "");
	r->reading = rc >= 0;
	return rc;
}

void reading_end(struct replica *r)
{
	if (!r->reading)
		return;
	r->reading = false;
	sql_run(r, NULL, "ROLLBACK", "");
}

int replica_rehearse(struct replica *r, struct err *err)
{
	reading_end(r);
	int rc = sql_run(r, err, "BEGIN IMMEDIATE", "");

	r->rehearsing = rc >= 0;
	return rc;
}

int replica_begin(struct replica *r, struct err *err)
{
	reading_end(r);
	int rc = sql_run(r, err,
		r->rehearsing ? "SAVEPOINT rehearsed" : "BEGIN IMMEDIATE", "");

	if (rc < 0)
		return rc;
	r->in_txn = true;
	r->undone = (struct err)ERR_INIT;
	if (!r->incarnation)
		return 0; /* schema being made */
	rc = logs_load(r, err);
	if (rc < 0)
		replica_rollback(r);
	return rc;
}

int replica_commit(struct replica *r, struct err *err)
{
	int rc = r->incarnation ? tally_flush(r, err) : 0;

	if (rc >= 0)
		rc = sql_run(r, err,
			r->rehearsing ? "RELEASE rehearsed" : "COMMIT", "");
	if (rc < 0) {
		replica_rollback(r);
		return rc;
	}
	r->in_txn = false;
	return 0;
}

void replica_rollback(struct replica *r)
{
	if (!r->in_txn)
		return;
	tally_drop(r);
	for (size_t i = 0; i < r->cached_count; i++)
		sqlite3_reset(r->cached[i].stmt);
	r->in_txn = false;
	/* And the savepoint itself. */
	if (r->rehearsing)
		sql_run(r, NULL, "ROLLBACK TO rehearsed", "");
	sql_run(r, NULL, r->rehearsing ? "RELEASE rehearsed" : "ROLLBACK", "");
	int64_t incarnation;
	if (replica_meta_get(r, "incarnation", &incarnation, NULL) == 0)
		r->incarnation = (uint64_t)incarnation;
	logs_load(r, NULL);
}

int replica_meta_get(
	struct replica *r, const char *key, int64_t *ret, struct err *err)
{
	sqlite3_stmt *st =
		sql(r, err, "SELECT value FROM meta WHERE key = ?", "t", key);

	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	*ret = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

int replica_meta_set(
	struct replica *r, const char *key, int64_t value, struct err *err)
{
	return sql_run(r, err, "INSERT OR REPLACE INTO meta VALUES(?, ?)", "ti",
		key, value);
}

int replica_text_get(struct replica *r, const char *key, struct arena *arena,
	const char **ret, struct err *err)
{
	sqlite3_stmt *st =
		sql(r, err, "SELECT value FROM meta WHERE key = ?", "t", key);

	*ret = "";
	if (!st)
		return ERR_IO;
	int rc = sql_step(r, st, err);
	if (rc > 0) {
		const char *s = sql_text(st, 0, arena);

		*ret = s ? s : "";
		sqlite3_reset(st);
	}
	return rc < 0 ? rc : 0;
}

int replica_text_set(
	struct replica *r, const char *key, const char *value, struct err *err)
{
	return sql_run(r, err, "INSERT OR REPLACE INTO meta VALUES(?, ?)", "tt",
		key, value);
}
