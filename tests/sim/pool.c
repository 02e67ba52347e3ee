#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "detour.h"
#include "err.h"
#include "mem.h"
#include "replica.h"
#include "simmachine.h"
#include "sql.h"
#include "vfs_file.h"

int __real_replica_open(struct os *os, const char *path, const char *account,
	uint64_t origin, bool create, struct replica **ret, struct err *err);
void __real_replica_close(struct replica *r);
int __wrap_replica_open(struct os *os, const char *path, const char *account,
	uint64_t origin, bool create, struct replica **ret, struct err *err);
void __wrap_replica_close(struct replica *r);

#define POOL_MAX 48
#define MODELS_MAX 16

/* A state that was just made, on a machine of its own. */
struct model {
	struct simdisk *disk;
	uint64_t origin;
	char path[64];
	struct buf bytes;
};

struct pooled {
	struct replica *replica; /* NULL: free */
	struct os *os;		 /* whose it is; NULL: nobody's, lent to none */
	struct detour *detour;	 /* NULL: opened on os itself */
	struct model *model;	 /* with a detour: where it leads when idle, */
	int model_fd;		 /* and as which file */
	char path[64];
	uint64_t turn; /* when it came to os */
	bool used;
};

static struct pooled pool[POOL_MAX];
static struct model models[MODELS_MAX];
static enum pool_mode mode;
static uint64_t turns;

/* Of several the one that was opened first there. */
static struct pooled *find(const struct os *os, const char *path)
{
	struct pooled *first = NULL;

	for (size_t i = 0; i < POOL_MAX; i++) {
		struct pooled *p = &pool[i];

		if (p->replica && !p->used && p->os == os &&
			strcmp(p->path, path) == 0 &&
			(!first || p->turn < first->turn))
			first = p;
	}
	return first;
}

static struct pooled *room_for(const char *path)
{
	if (strlen(path) >= sizeof(pool[0].path))
		return NULL;
	for (size_t i = 0; i < POOL_MAX; i++)
		if (!pool[i].replica)
			return &pool[i];
	return NULL;
}

static void drop(struct pooled *p)
{
	__real_replica_close(p->replica);
	free(p->detour);
	*p = (struct pooled){.os = NULL};
}

/* What others did meanwhile is read, as at every transaction's beginning. */
static bool is_fresh(struct pooled *p)
{
	bool well = replica_begin(p->replica, NULL) >= 0;

	replica_rollback(p->replica);
	return well;
}

static void note(struct replica *r, struct os *os, const char *path)
{
	struct pooled *p = room_for(path);

	if (!p)
		return;
	*p = (struct pooled){
		.replica = r, .os = os, .turn = ++turns, .used = true};
	strcpy(p->path, path);
}

/* ---- connections without a machine ---- */

static sqlite3_file *file_of(struct replica *r)
{
	sqlite3_file *file = NULL;

	sqlite3_file_control(
		replica_db(r), "main", SQLITE_FCNTL_FILE_POINTER, &file);
	return file;
}

static struct vfs *vfs_of(struct replica *r)
{
	return vfs_file_vfs(file_of(r));
}

/* The model of such a state, made when it is first asked for. */
static struct model *model_of(
	const char *path, const char *account, uint64_t origin)
{
	struct model *m = models;
	struct replica *r;

	for (; m < models + MODELS_MAX && m->disk; m++)
		if (m->origin == origin && strcmp(m->path, path) == 0)
			return m;
	if (m == models + MODELS_MAX || strlen(path) >= sizeof(m->path))
		return NULL;
	*m = (struct model){.disk = simdisk_new(origin), .origin = origin};
	strcpy(m->path, path);
	simdisk_put(m->disk, path, "", 0);
	if (__real_replica_open(simdisk_os(m->disk), path, account, origin,
		    true, &r, NULL) < 0)
		abort();
	__real_replica_close(r);
	if (file_read(simdisk_os(m->disk), path, 1u << 20, &m->bytes, NULL) < 0)
		abort();
	return m;
}

/*
 * It leads to the model, and nothing is remembered: no page, nothing that was
 * durable elsewhere. A file that was cut is synced as one that was opened.
 */
static void forget_machine(struct pooled *p)
{
	struct replica *r = p->replica;
	sqlite3_file *file = file_of(r);
	struct vfs *v = vfs_of(r);

	p->os = NULL;
	v->failed = false;
	detour_lead(p->detour, simdisk_os(p->model->disk), p->model_fd);
	file->pMethods->xTruncate(file, (sqlite3_int64)p->model->bytes.len);
	sqlite3_db_release_memory(r->db);
	v->dir_durable = v->seen_valid = v->foreign = false;
	v->os_errno = 0;
	v->bad_page = 0;
	r->undone = (struct err)ERR_INIT;
	r->log_count = 0;
}

/* One that is idle, or a new one. Returns NULL where there can be none. */
static struct pooled *idle_one(
	const char *path, const char *account, uint64_t origin)
{
	struct model *m = model_of(path, account, origin);
	struct pooled *p;

	if (!m)
		return NULL;
	for (size_t i = 0; i < POOL_MAX; i++)
		if (pool[i].replica && !pool[i].os && pool[i].model == m)
			return &pool[i];
	p = room_for(path);
	if (!p)
		return NULL;
	*p = (struct pooled){
		.detour = mem_alloc(sizeof(*p->detour)), .model = m};
	strcpy(p->path, path);
	detour_init(p->detour, simdisk_os(m->disk));
	if (__real_replica_open(&p->detour->os, path, account, origin, false,
		    &p->replica, NULL) < 0)
		abort();
	p->model_fd = p->detour->fd;
	forget_machine(p);
	return p;
}

/* Did its last program leave it as a transaction's end does? */
static bool is_well(const struct pooled *p)
{
	sqlite3_stmt *st = NULL;

	if (p->replica->tally_count || p->replica->reading ||
		!sqlite3_get_autocommit(p->replica->db))
		return false;
	while ((st = sqlite3_next_stmt(p->replica->db, st)))
		if (sqlite3_stmt_busy(st))
			return false;
	return true;
}

/* The machine's programs ended: it is nobody's, or closed. */
static void take_back(struct pooled *p)
{
	if (p->used || !p->detour || !is_well(p)) {
		drop(p);
		return;
	}
	p->os->ops->close(p->os, p->detour->fd);
	forget_machine(p);
	if (is_fresh(p)) /* whatever went wrong there */
		forget_machine(p);
	else
		drop(p);
}

/* ---- lent to a machine ---- */

static void lead_to(struct pooled *p, struct os *os, int fd)
{
	p->os = os;
	p->turn = ++turns;
	detour_lead(p->detour, os, fd);
}

/* Where there was no state yet: one that was made a moment ago. */
static void put_model(struct pooled *p, struct os *os, int fd)
{
	AUTO_FREE char *journal = mem_printf("%s-journal", p->path);
	const struct buf *bytes = &p->model->bytes;
	struct simdisk *disk = sim_disk(os);
	bool in_hook = disk->in_hook;

	disk->in_hook = true; /* not counted, not failed */
	simdisk_put(disk, p->path, bytes->data, bytes->len);
	simdisk_put(disk, journal, "", 0);
	lead_to(p, os, fd);
	if (replica_begin(p->replica, NULL) < 0 ||
		replica_incarnation_new(p->replica, NULL) < 0 ||
		replica_commit(p->replica, NULL) < 0)
		abort();
	forget_machine(p);
	disk->in_hook = in_hook;
}

/* What replica_open does with a state that is there. */
static bool begin(struct replica *r)
{
	int64_t origin, incarnation;

	if (replica_meta_get(r, "origin", &origin, NULL) != 0 ||
		replica_meta_get(r, "incarnation", &incarnation, NULL) != 0 ||
		(uint64_t)origin != r->origin || logs_load(r, NULL) < 0)
		return false;
	r->incarnation = (uint64_t)incarnation;
	return true;
}

/*
 * Returns 1 if the state was made, 0; or an error; ERR_USAGE where it must be
 * opened as always.
 */
static int lend(struct pooled *p, struct os *os, bool create, struct err *err)
{
	struct simdisk *disk = sim_disk(os);
	int flags = create ? O_RDWR | O_CREAT : O_RDWR;
	int fd = os->ops->open(os, p->path, flags, 0600);
	struct os_stat st;
	bool made;

	if (fd < 0)
		return err_set_os(err, -fd, "open: %s", p->path);
	os->ops->fstat(os, fd, &st);
	made = create && !disk->stopped && st.size == 0;
	if (made)
		put_model(p, os, fd);
	lead_to(p, os, fd);
	if (begin(p->replica))
		return made;
	return err_set(err, ERR_USAGE, "not as it should be");
}

/* Returns as replica_open. */
static int open_lent(struct os *os, const char *path, const char *account,
	uint64_t origin, bool create, struct replica **ret, struct err *err)
{
	struct pooled *p = idle_one(path, account, origin);
	int rc = p ? lend(p, os, create, err) : ERR_USAGE;

	if (rc == ERR_USAGE) {
		if (p)
			drop(p);
		rc = __real_replica_open(
			os, path, account, origin, create, ret, err);
		if (rc >= 0)
			note(*ret, os, path);
		return rc;
	}
	if (rc < 0)
		return rc;
	p->used = true;
	*ret = p->replica;
	return rc;
}

/* ---- in the place of the real ones ---- */

int __wrap_replica_open(struct os *os, const char *path, const char *account,
	uint64_t origin, bool create, struct replica **ret, struct err *err)
{
	struct pooled *p = find(os, path);
	int rc;

	if (p && is_fresh(p)) {
		p->used = true;
		*ret = p->replica;
		return 0;
	}
	if (p)
		drop(p);
	if (mode == POOL_HISTORIES)
		return open_lent(os, path, account, origin, create, ret, err);
	rc = __real_replica_open(os, path, account, origin, create, ret, err);
	if (rc >= 0 && mode == POOL_RUNS)
		note(*ret, os, path);
	return rc;
}

void __wrap_replica_close(struct replica *r)
{
	for (size_t i = 0; i < POOL_MAX; i++) {
		if (!r || pool[i].replica != r)
			continue;
		reading_end(r);
		replica_rollback(r);
		pool[i].used = false;
		return;
	}
	__real_replica_close(r);
}

void pool_drop(struct os *os)
{
	for (size_t i = 0; i < POOL_MAX; i++)
		if (pool[i].replica && pool[i].os == os)
			take_back(&pool[i]);
}

void pool_rest(void)
{
	for (size_t i = 0; i < POOL_MAX; i++)
		if (pool[i].replica && pool[i].os)
			take_back(&pool[i]);
}

void pool_use(enum pool_mode how)
{
	pool_rest();
	mode = how;
}
