#include "scanned.h"

#include "sql.h"

int scanned_get(struct replica *r, int64_t folder, bool deep,
	struct arena *arena, struct scanned *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT base, done_ms FROM scanned WHERE folder = ?"
		" AND deep = ?",
		"ii", folder, (int64_t)deep);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	*ret = (struct scanned){.base = ""};
	if (rc > 0) {
		ret->base = sql_text(st, 0, arena);
		ret->done_ms = sqlite3_column_int64(st, 1);
		sqlite3_reset(st);
	}
	return rc < 0 ? rc : 0;
}

int scanned_count(struct replica *r, int64_t folder, const char *base,
	uint64_t *ret, struct err *err)
{
	sqlite3_stmt *st = sql(r, err,
		"SELECT count(*) FROM message WHERE p_folder = ?"
		" AND p_base <= ?",
		"it", folder, base);
	int rc = st ? sql_step(r, st, err) : ERR_IO;

	if (rc <= 0)
		return rc;
	*ret = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

int scanned_set(struct replica *r, int64_t folder, bool deep,
	const struct scanned *s, struct err *err)
{
	return sql_run(r, err,
		"INSERT OR REPLACE INTO scanned VALUES(?, ?, ?, ?)", "iiti",
		folder, (int64_t)deep, s->base, s->done_ms);
}
