#include "bodyscan.h"

#include <string.h>

#include "bodyhash.h"
#include "err.h"
#include "scanned.h"
#include "stated.h"

#define ROWS 200	       /* looked at before it is kept how far we are */
#define STEP_BYTES (64u << 20) /* or read */
#define FILE_COST 4096	       /* of the rate: a disk has to go there */
#define LOCK_WAIT_MS 30000
#define NAP_NS INT64_C(200000000)
#define STOPPED ERR_BUSY /* what step says when there is no more time */

struct scan {
	struct account *account;
	struct store *store;
	const struct bodyscan_config *config;
	struct bodyscan_result *result;
	struct replica_folder folder;
	struct scanned at;
	uint64_t done; /* messages of this folder, and by runs before */
	/* What was spent of the rate since then, in bytes. */
	int64_t began_ns;
	uint64_t spent;
	bool stopped;
};

static struct os *os_of(const struct scan *s)
{
	return s->account->os;
}

static bool wants_stop(struct scan *s)
{
	if (!s->stopped && s->config->stop)
		s->stopped = s->config->stop(s->config->arg);
	return s->stopped;
}

/* Looking may not be faster than the rate: sleep until it is not. */
static int spend(struct scan *s, size_t len)
{
	struct os *os = os_of(s);

	s->spent += len;
	while (!wants_stop(s) && s->config->rate) {
		int64_t due = s->began_ns + (int64_t)((double)s->spent * 1e9 /
						      (double)s->config->rate);
		int64_t left = due - os->ops->mono_ns(os);

		if (left <= 0)
			break;
		os->ops->sleep_ns(os, left < NAP_NS ? left : NAP_NS);
	}
	return s->stopped ? STOPPED : 0;
}

static int note_read(void *arg, size_t len)
{
	struct scan *s = arg;

	s->result->bytes += len;
	return spend(s, len);
}

/* ---- one file ---- */

int bodyscan_judge(struct store *store, const char *path,
	const struct replica_message *m, bool deep,
	int (*step)(void *arg, size_t len), void *arg, enum damage *ret,
	int64_t *ret_ctime_ns, struct err *err)
{
	AUTO_FREE char *hint = mem_printf("%s:2,%s", m->p_base, m->p_letters);
	struct store_message named = {.base = m->p_base, .name = hint};
	struct store_stat st = {.size = 0};
	struct hash hash;
	int rc = store->ops->stat(store, path, &named, &st, err);

	*ret = DAMAGE_NONE;
	if (rc >= 0 && deep && st.size == m->size) {
		rc = store_body_hash(store, path, m->p_base, hint, step, arg,
			&st, &hash, err);
		if (rc == ERR_CORRUPT) {
			*ret = DAMAGE_UNREADABLE;
			rc = 0;
		} else if (rc == 0 && memcmp(&hash, &m->hash, sizeof(hash))) {
			*ret = DAMAGE_BYTES;
		}
	}
	*ret_ctime_ns = st.ctime_ns;
	if (rc == ERR_ABSENT) {
		*ret = DAMAGE_MISSING;
		*ret_ctime_ns = 0;
		return 0;
	}
	if (rc < 0 || *ret)
		return rc;
	if (st.size != m->size)
		*ret = DAMAGE_BYTES;
	else if (st.mtime != m->mtime)
		*ret = DAMAGE_DATE;
	return 0;
}

/* Is it worth a look? What the operator took as it is waits for the applier. */
static bool is_subject(const struct scan *s, const struct replica_message *m)
{
	return !m->dead && m->damage != DAMAGE_ACCEPTED &&
	       m->p_folder == s->folder.id;
}

/* A scan that does not read cannot tell that bytes are right again. */
static bool is_news(
	const struct scan *s, const struct replica_message *m, enum damage is)
{
	if (is == DAMAGE_MISSING)
		return false; /* capture's to say */
	if (!s->config->deep && m->damage && m->damage != DAMAGE_DATE)
		return false;
	return (int)is != m->damage;
}

/* ---- recording ---- */

/* Once more, now that nobody else is at work on the account. */
static int confirm(struct scan *s, int64_t message, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica *r = s->account->replica;
	struct os *os = os_of(s);
	struct replica_message m;
	enum damage is;
	int64_t ctime_ns;
	int rc = replica_message_get(r, message, &arena, &m, err);

	if (rc != 0 || !is_subject(s, &m))
		return rc < 0 ? rc : 0;
	rc = bodyscan_judge(s->store, s->folder.p_path, &m, s->config->deep,
		NULL, NULL, &is, &ctime_ns, err);
	if (rc < 0 || !is_news(s, &m, is))
		return rc;
	rc = replica_begin(r, err);
	if (rc >= 0)
		rc = damage_set(r, message, is, ctime_ns,
			os->ops->wall_ns(os) / 1000000, err);
	if (rc >= 0)
		rc = replica_commit(r, err);
	replica_rollback(r);
	if (rc < 0)
		return rc;
	s->result->damaged += is != DAMAGE_NONE;
	s->result->whole += is == DAMAGE_NONE;
	if (s->config->found)
		s->config->found(s->config->arg, s->folder.p_path, &m, is);
	return 0;
}

/* One by one: each is read with the lock held. */
static int confirm_all(
	struct scan *s, const int64_t *suspects, size_t count, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc >= 0; i++) {
		rc = account_lock(s->account, LOCK_WAIT_MS, err);
		if (rc >= 0)
			rc = confirm(s, suspects[i], err);
		account_unlock(s->account);
	}
	return rc;
}

static int keep_place(struct scan *s, struct err *err)
{
	struct replica *r = s->account->replica;
	int rc = replica_begin(r, err);

	if (rc >= 0)
		rc = scanned_set(r, s->folder.id, s->config->deep, &s->at, err);
	if (rc >= 0)
		rc = replica_commit(r, err);
	replica_rollback(r);
	return rc;
}

/* ---- the folder ---- */

static int judge(struct scan *s, const struct replica_message *m,
	enum damage *ret, struct err *err)
{
	int64_t ctime_ns;
	int rc = spend(s, FILE_COST);

	if (rc >= 0)
		rc = bodyscan_judge(s->store, s->folder.p_path, m,
			s->config->deep, note_read, s, ret, &ctime_ns, err);
	if (rc == ERR_BUSY && !s->stopped)
		rc = 0; /* renamed without pause: the next scan */
	if (rc < 0)
		return rc;
	s->result->messages++;
	s->done++;
	if (s->config->progress)
		s->config->progress(s->config->arg, s->folder.p_path, s->done,
			s->folder.messages);
	return rc;
}

/*
 * Some messages behind s->at.base, which moves on. Returns 1 when there are
 * no more.
 */
static int step(struct scan *s, struct arena *arena, struct err *err)
{
	struct replica_message *rows;
	int64_t suspects[ROWS];
	size_t count, suspect_count = 0, i = 0;
	uint64_t before = s->result->bytes;
	int rc = replica_placed_after(s->account->replica, s->folder.id,
		s->at.base, ROWS, arena, &rows, &count, err);

	for (; i < count && rc >= 0 && !wants_stop(s) &&
		s->result->bytes - before < STEP_BYTES;
		i++) {
		enum damage is = DAMAGE_NONE;

		if (!is_subject(s, &rows[i]))
			continue;
		rc = judge(s, &rows[i], &is, err);
		if (s->stopped)
			break;
		if (rc >= 0 && is_news(s, &rows[i], is))
			suspects[suspect_count++] = rows[i].id;
	}
	if (s->stopped)
		rc = 0;
	if (rc >= 0)
		rc = confirm_all(s, suspects, suspect_count, err);
	if (rc < 0)
		return rc;
	if (i)
		s->at.base = rows[i - 1].p_base;
	rc = i ? keep_place(s, err) : 0;
	return rc < 0 ? rc : i == count && count < ROWS;
}

static int finish(struct scan *s, struct err *err)
{
	struct os *os = os_of(s);
	int64_t now_ms = os->ops->wall_ns(os) / 1000000;
	int rc = stated_recount(s->account->replica, s->folder.id, now_ms, err);

	if (rc < 0)
		return rc;
	s->result->miscounted += rc == 1;
	s->at = (struct scanned){"", now_ms};
	return keep_place(s, err);
}

int bodyscan_folder(struct account *a, struct store *store, int64_t folder,
	const struct bodyscan_config *config, struct bodyscan_result *ret,
	struct err *err)
{
	AUTO_ARENA struct arena kept = {0};
	struct scan s = {.account = a,
		.store = store,
		.config = config,
		.result = ret,
		.began_ns = a->os->ops->mono_ns(a->os)};
	struct arena rows = {0}, before = {0};
	int rc = replica_folder_by_row(
		a->replica, folder, &kept, &s.folder, err);

	if (rc != 0 || !s.folder.p_path)
		return rc < 0 ? rc : 0;
	rc = scanned_get(a->replica, folder, config->deep, &kept, &s.at, err);
	if (rc >= 0)
		rc = scanned_count(a->replica, folder, s.at.base, &s.done, err);
	while (rc == 0 && !wants_stop(&s)) {
		rc = step(&s, &rows, err);
		/* Where it stands is named by one of the rows. */
		arena_free(&before);
		before = rows;
		rows = (struct arena){0};
	}
	if (rc == 1)
		rc = finish(&s, err);
	arena_free(&before);
	return rc < 0 ? rc : s.stopped;
}
