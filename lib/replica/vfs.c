/*
 * vfs: an SQLite database over struct os, opened as Packetboat wants it.
 *
 * Every open database has a VFS of its own, registered under a name made of
 * its address and unregistered when it is closed; SQLite's list of VFSs is
 * the only thing shared. What the files do is in vfs_file.h.
 *
 * A crash while a database is being made leaves a file of no bytes, or one
 * with a journal that rolls it back to none: vfs_open with create begins
 * again.
 */
#include "vfs.h"
#include "vfs_file.h"
#include "vfs_page.h"
#include "err.h"
#include "mem.h"
#include "os.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_LEN 4000	    /* bytes, without "-journal" */
#define APPLICATION_ID "1346523220" /* "PBST", for file(1) */
#define JULIAN_1970_MS INT64_C(210866760000000)

/* ---- what sqlite3_vfs asks for ---- */

static struct os *os_of(sqlite3_vfs *base)
{
	struct vfs *v = base->pAppData;

	return v->os;
}

/* Only journals are ever deleted; they are emptied and stay (vfs_file.h, 3). */
static int vfs_delete(sqlite3_vfs *base, const char *path, int sync_dir)
{
	(void)sync_dir;
	return vfs_file_empty(base->pAppData, path);
}

/*
 * "Is there a journal": an empty one does not count, and one that cannot be
 * looked at is an error, for without it a half-written database would be read.
 */
static int vfs_access(sqlite3_vfs *base, const char *path, int flags, int *ret)
{
	struct vfs *v = base->pAppData;
	struct os_stat st;
	int r = v->os->ops->stat(v->os, path, &st);

	(void)flags;
	*ret = r == 0 && st.size > 0;
	if (r < 0 && r != -ENOENT)
		return vfs_refused(v, r, SQLITE_IOERR_ACCESS);
	return SQLITE_OK;
}

static int vfs_full_path(
	sqlite3_vfs *base, const char *path, int len, char *ret)
{
	(void)base;
	if (snprintf(ret, (size_t)len, "%s", path) >= len)
		return SQLITE_CANTOPEN;
	return SQLITE_OK;
}

static int vfs_random(sqlite3_vfs *base, int len, char *ret)
{
	struct os *os = os_of(base);

	os->ops->random(os, ret, (size_t)len);
	return len;
}

static int vfs_sleep(sqlite3_vfs *base, int us)
{
	struct os *os = os_of(base);

	os->ops->sleep_ns(os, (int64_t)us * 1000);
	return us;
}

static int vfs_time(sqlite3_vfs *base, sqlite3_int64 *ret)
{
	struct os *os = os_of(base);

	*ret = JULIAN_1970_MS + os->ops->wall_ns(os) / 1000000;
	return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *base, int len, char *ret)
{
	struct vfs *v = base->pAppData;

	(void)len;
	(void)ret;
	return v->os_errno;
}

/* ---- making and freeing ---- */

/* A path that SQLite takes neither for a URI nor for ":memory:". */
static char *plain_path(const char *path)
{
	return path[0] == '/' ? mem_dup(path) : mem_printf("./%s", path);
}

static char *dir_of(const char *path)
{
	size_t len = (size_t)(strrchr(path, '/') - path);

	return mem_dup_n(path, len ? len : 1);
}

static struct vfs *vfs_new(struct os *os, const char *path)
{
	struct vfs *v = mem_alloc(sizeof(*v));

	v->os = os;
	v->path = plain_path(path);
	v->dir = dir_of(v->path);
	snprintf(v->name, sizeof(v->name), "packetboat-%p", (void *)v);
	v->base = (sqlite3_vfs){
		.iVersion = 2,
		.szOsFile = (int)vfs_file_size(),
		.mxPathname = PATH_MAX_LEN + 16,
		.zName = v->name,
		.pAppData = v,
		.xOpen = vfs_file_open,
		.xDelete = vfs_delete,
		.xAccess = vfs_access,
		.xFullPathname = vfs_full_path,
		.xRandomness = vfs_random,
		.xSleep = vfs_sleep,
		.xGetLastError = vfs_last_error,
		.xCurrentTimeInt64 = vfs_time,
	};
	return v;
}

static void vfs_free(struct vfs *v)
{
	sqlite3_vfs_unregister(&v->base);
	free(v->dir);
	free(v->path);
	free(v);
}

static struct vfs *vfs_of(sqlite3 *db)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(
		    db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK)
		return NULL;
	return vfs_file_vfs(file);
}

/* ---- errors ---- */

static int explain_damage(
	const struct vfs *v, struct err *err, const char *what)
{
	if (v->foreign)
		return err_set(err, ERR_CORRUPT,
			"%s: %s: page 1: damaged, or not made by Packetboat",
			what, v->path);
	if (v->bad_page == 0)
		return err_set(err, ERR_CORRUPT,
			"%s: %s-journal: checksum does not match", what,
			v->path);
	return err_set(err, ERR_CORRUPT,
		"%s: %s: page %lld: checksum does not match", what, v->path,
		(long long)v->bad_page);
}

static int explain_io(
	const struct vfs *v, sqlite3 *db, struct err *err, const char *what)
{
	int code;

	if (!v->os_errno)
		return err_set(err, ERR_IO, "%s: %s: %s", what, v->path,
			sqlite3_errmsg(db));
	code = err_set_os(err, v->os_errno, "%s: %s", what, v->path);
	if (code != ERR_ABSENT && err)
		err->code = ERR_IO;
	return code == ERR_ABSENT ? ERR_ABSENT : ERR_IO;
}

/* v is NULL where db has no file of ours. */
static int explain(
	const struct vfs *v, sqlite3 *db, struct err *err, const char *what)
{
	int code = sqlite3_extended_errcode(db);
	const char *path = v ? v->path : "?";
	const char *why = sqlite3_errmsg(db);

	if (v && code == SQLITE_IOERR_DATA)
		return explain_damage(v, err, what);
	switch (code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_set(err, ERR_CORRUPT, "%s: %s: %s", what, path, why);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, ERR_BUSY, "%s: %s: %s", what, path, why);
	case SQLITE_CONSTRAINT:
		return err_set(
			err, ERR_CONFLICT, "%s: %s: %s", what, path, why);
	case SQLITE_TOOBIG:
		return err_set(err, ERR_LIMIT, "%s: %s: %s", what, path, why);
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_FULL:
		if (v)
			return explain_io(v, db, err, what);
		break;
	default:
		break;
	}
	return err_set(err, ERR_IO, "%s: %s: %s", what, path, why);
}

int vfs_error(sqlite3 *db, struct err *err, const char *what)
{
	return explain(vfs_of(db), db, err, what);
}

/* ---- opening ---- */

/* The first column of the first row of sql as text, "" if there is none. */
static int ask(sqlite3 *db, const char *sql, char *ret, size_t len)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	ret[0] = '\0';
	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		const unsigned char *text = sqlite3_column_text(st, 0);

		snprintf(ret, len, "%s", text ? (const char *)text : "");
	}
	return sqlite3_finalize(st);
}

/* Set a pragma and ask it again: SQLite ignores what it does not know. */
static int set_pragma(struct vfs *v, sqlite3 *db, const char *name,
	const char *value, const char *expected, struct err *err)
{
	AUTO_FREE char *set = mem_printf("PRAGMA %s=%s", name, value);
	AUTO_FREE char *get = mem_printf("PRAGMA %s", name);
	char now[32];

	if (sqlite3_exec(db, set, NULL, NULL, NULL) != SQLITE_OK ||
		ask(db, get, now, sizeof(now)) != SQLITE_OK)
		return explain(v, db, err, "open");
	if (strcmp(now, expected) != 0)
		return err_set(err, ERR_IO, "open: %s: %s is %s, not %s",
			v->path, get, now, expected);
	return 0;
}

static int set_pragmas(struct vfs *v, sqlite3 *db, struct err *err)
{
	/*
	 * The busy timeout comes before any lock is taken. journal_mode makes
	 * SQLite read the first page: a foreign file is refused there, as
	 * damaged and not for its page size, which comes last.
	 */
	static const struct {
		const char *name, *value, *expected;
	} pragmas[] = {
		{"busy_timeout", "10000", "10000"}, /* ms */
		{"cache_size", "-4096", "-4096"},   /* KiB */
		{"temp_store", "MEMORY", "2"},	    /* never a file */
		{"journal_mode", "TRUNCATE", "truncate"},
		{"synchronous", "FULL", "2"},	/* fsyncs of a commit */
		{"foreign_keys", "ON", "1"},	/* off by default */
		{"cell_size_check", "ON", "1"}, /* damage inside a page */
		{"trusted_schema", "OFF", "0"}, /* no functions in it */
		{"page_size", "4096", "4096"},	/* VFS_PAGE_SIZE */
	};

	for (size_t i = 0; i < sizeof(pragmas) / sizeof(pragmas[0]); i++) {
		int r = set_pragma(v, db, pragmas[i].name, pragmas[i].value,
			pragmas[i].expected, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The first commit writes the first page, with our id in it. */
static int make_first_page(struct vfs *v, sqlite3 *db, struct err *err)
{
	int reserved = VFS_RESERVED;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES,
		    &reserved) != SQLITE_OK ||
		sqlite3_exec(db, "PRAGMA application_id=" APPLICATION_ID, NULL,
			NULL, NULL) != SQLITE_OK)
		return explain(v, db, err, "create");
	return 0;
}

/* Reads under a lock for the first time: rolls back what a crash left. */
static int read_or_make(
	struct vfs *v, sqlite3 *db, bool create, struct err *err)
{
	char pages[32], id[32];

	if (ask(db, "PRAGMA schema_version", id, sizeof(id)) != SQLITE_OK ||
		ask(db, "PRAGMA page_count", pages, sizeof(pages)) != SQLITE_OK)
		return explain(v, db, err, "open");
	if (strcmp(pages, "0") != 0)
		return 0;
	if (!create)
		return err_set(err, ERR_CORRUPT,
			"open: %s: empty: cut short, or never finished",
			v->path);
	return make_first_page(v, db, err);
}

static int open_db(struct vfs *v, sqlite3 **db, bool create, struct err *err)
{
	int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
	int r;

	if (sqlite3_vfs_register(&v->base, 0) != SQLITE_OK)
		return err_set(err, ERR_IO, "open: %s: no VFS", v->path);
	if (sqlite3_open_v2(v->path, db, flags, v->name) != SQLITE_OK)
		return explain(v, *db, err, "open");
	sqlite3_extended_result_codes(*db, 1);
	/*
	 * Plans do not depend on what is bound: where a partial index is
	 * concerned, SQLite would else plan anew at each binding.
	 */
	sqlite3_db_config(*db, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);
	r = set_pragmas(v, *db, err);
	return r < 0 ? r : read_or_make(v, *db, create, err);
}

int vfs_open(struct os *os, const char *path, bool create, sqlite3 **ret,
	struct err *err)
{
	struct vfs *v;
	sqlite3 *db = NULL;
	int r;

	if (strlen(path) > PATH_MAX_LEN)
		return err_set(err, ERR_LIMIT, "open: path over %d bytes: %s",
			PATH_MAX_LEN, path);
	v = vfs_new(os, path);
	r = open_db(v, &db, create, err);
	if (r < 0) {
		sqlite3_close(db);
		vfs_free(v);
		return r;
	}
	*ret = db;
	return 0;
}

void vfs_close(sqlite3 *db)
{
	struct vfs *v;

	if (!db)
		return;
	v = vfs_of(db);
	if (sqlite3_close(db) == SQLITE_OK && v)
		vfs_free(v);
}
