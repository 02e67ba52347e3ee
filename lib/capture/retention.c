#include "retention.h"

#include <stdlib.h>

#include "err.h"
#include "gaps.h"
#include "segment.h"
#include "viewed.h"

#define BLOCK 4096

uint64_t retention_room(int64_t size)
{
	uint64_t blocks = ((uint64_t)size + BLOCK - 1) / BLOCK;

	return blocks * BLOCK;
}

int retention_lost(struct account *a, struct replica_log *log, struct err *err)
{
	int rc = gap_lost(a->replica, &log->known.log, 1, log->known.lsn,
		"its segments were removed",
		a->os->ops->wall_ns(a->os) / 1000000, err);

	log->file_lsn = 0;
	log->size = 0;
	return rc;
}

/* ---- one log ---- */

static char *dir_of(const struct account *a, const struct replica_log *log)
{
	char hex[ID_HEX];

	id_hex(&log->known.log.folder, hex);
	return mem_printf("%s/%s", a->log_dir, hex);
}

static struct log_end end_of(const struct replica_log *log)
{
	return (struct log_end){
		log->file_lsn, log->known.lsn, log->known.chain, log->size};
}

static int segments_of(struct account *a, const struct replica_log *log,
	struct log_segment **ret, size_t *ret_count, struct err *err)
{
	AUTO_FREE char *dir = dir_of(a, log);
	struct log_end end = end_of(log);

	return log_segments(a->os, dir, log->known.log.incarnation, &end, ret,
		ret_count, err);
}

int retention_reaches(struct account *a, const struct replica_log *log,
	uint64_t lsn, struct err *err)
{
	AUTO_FREE struct log_segment *list = NULL;
	size_t count = 0;
	int rc = segments_of(a, log, &list, &count, err);

	if (rc < 0)
		return rc;
	return count && list[count - 1].last && list[0].first_lsn <= lsn;
}

/* ---- a pass ---- */

/* What becomes of a log. */
enum fate {
	FATE_STAYS,
	FATE_GOES,  /* all of it, the last segment too */
	FATE_LOST,  /* the last segment is not there */
	FATE_BEHIND /* has no file: what lies there is left over */
};

struct pass {
	struct account *a;
	const struct retention_rules *rules;
	struct retention_result *result;
	struct retention_result going; /* when the state has recorded it */
	struct replica_log *logs;
	enum fate *fates; /* of each log */
	size_t count;
};

static bool is_ours(const struct pass *p, const struct replica_log *log)
{
	return log->known.log.origin == replica_origin(p->a->replica);
}

/* The lsn up to which every peer that gets a log has applied it; 0 where there
   is none. */
static int applied_by_all(struct pass *p, const struct replica_log *log,
	uint64_t *ret, struct err *err)
{
	struct replica *r = p->a->replica;
	uint64_t least = log->known.lsn;
	bool any = false;
	int rc = 0;

	for (size_t i = 0; i < p->rules->peer_count && rc >= 0; i++) {
		uint64_t peer = p->rules->peers[i];
		struct replica_ack ack;

		rc = view_hides_log(r, peer, &log->known.log, err);
		if (rc != 0)
			continue;
		any = true;
		rc = replica_ack_get(r, peer, log->id, &ack, err);
		if (rc >= 0 && ack.applied < least)
			least = ack.applied;
	}
	*ret = any ? least : 0;
	return rc < 0 ? rc : 0;
}

static void count_removed(
	struct pass *p, const struct log_segment *s, bool lacked)
{
	struct retention_result *r = s->last ? &p->going : p->result;

	r->files++;
	r->bytes += retention_room(s->size);
	r->lacked += lacked;
}

static void count_gone(struct pass *p)
{
	p->result->files += p->going.files;
	p->result->bytes += p->going.bytes;
	p->result->lacked += p->going.lacked;
}

/* Remove the oldest, sealed ones that may go; say if the last may, too. */
static int remove_sealed(struct pass *p, size_t at,
	const struct log_segment *list, size_t count, struct err *err)
{
	const struct replica_log *log = &p->logs[at];
	AUTO_FREE char *dir = dir_of(p->a, log);
	struct log_end end = end_of(log);
	uint64_t applied;
	size_t n = 0;
	/* Changes made away from a folder's home stay where they are. */
	int shipped = replica_is_home(
		p->a->replica, &log->known.log.folder, false, err);
	int rc = shipped < 0 ? shipped : applied_by_all(p, log, &applied, err);

	if (rc < 0)
		return rc;
	for (; n < count; n++) {
		const struct log_segment *s = &list[n];
		bool old = s->changed_ms < p->rules->before_ms;

		if (!old && (s->last || s->last_lsn > applied))
			break;
		if (p->result->files + p->going.files >= RETENTION_FILES_MAX) {
			p->result->more = true;
			break;
		}
		count_removed(p, s,
			shipped && p->rules->peer_count &&
				s->last_lsn > applied);
		if (s->last)
			p->fates[at] = FATE_GOES;
	}
	if (!n || list[0].last)
		return 0;
	return log_remove_before(p->a->os, dir, log->known.log.incarnation,
		&end, list[n - 1].last_lsn + 1, err);
}

static int look_at_log(struct pass *p, size_t at, struct err *err)
{
	struct replica_log *log = &p->logs[at];
	AUTO_FREE struct log_segment *list = NULL;
	size_t count = 0;

	if (!is_ours(p, log) || !log->known.lsn ||
		view_is_log(&log->known.log.folder))
		return 0;
	if (!log->file_lsn) {
		p->fates[at] = FATE_BEHIND;
		return 0;
	}
	int rc = segments_of(p->a, log, &list, &count, err);
	if (rc < 0)
		return rc;
	if (!count || !list[count - 1].last)
		p->fates[at] = FATE_LOST;
	return count ? remove_sealed(p, at, list, count, err) : 0;
}

/* Durably, before the files go. */
static int record_ends(struct pass *p, struct err *err)
{
	struct replica *r = p->a->replica;
	bool begun = false;
	int rc = 0;

	for (size_t i = 0; i < p->count && rc >= 0; i++) {
		if (p->fates[i] != FATE_GOES && p->fates[i] != FATE_LOST)
			continue;
		rc = begun ? 0 : replica_begin(r, err);
		begun = rc >= 0;
		if (rc >= 0 && p->fates[i] == FATE_LOST)
			rc = retention_lost(p->a, &p->logs[i], err);
		p->logs[i].file_lsn = 0;
		p->logs[i].size = 0;
		if (rc >= 0)
			rc = replica_log_set(r, &p->logs[i], err);
	}
	if (begun && rc >= 0)
		rc = replica_commit(r, err);
	if (begun && rc < 0)
		replica_rollback(r);
	return rc;
}

static int remove_behind(struct pass *p, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < p->count && rc >= 0; i++) {
		AUTO_FREE char *dir = dir_of(p->a, &p->logs[i]);
		struct log_end end = end_of(&p->logs[i]);

		if (p->fates[i] != FATE_STAYS)
			rc = log_remove_behind(p->a->os, dir,
				p->logs[i].known.log.incarnation, &end, err);
	}
	return rc;
}

int retention_pass(struct account *a, const struct retention_rules *rules,
	struct retention_result *ret, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct pass p = {.a = a, .rules = rules, .result = ret};

	*ret = (struct retention_result){0};
	int rc = replica_logs(a->replica, &arena, &p.logs, &p.count, err);
	if (rc < 0)
		return rc;
	p.fates = arena_alloc(&arena, (p.count + 1) * sizeof(*p.fates));
	for (size_t i = 0; i < p.count; i++)
		p.fates[i] = FATE_STAYS;
	for (size_t i = 0; i < p.count && rc >= 0; i++)
		rc = look_at_log(&p, i, err);
	if (rc >= 0)
		rc = record_ends(&p, err);
	if (rc >= 0)
		count_gone(&p);
	if (rc >= 0)
		rc = remove_behind(&p, err);
	return rc < 0 ? err_wrap(err, "account %s: old logs", a->name) : 0;
}

int retention_files(struct account *a, struct retention_file **list,
	size_t *count, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs;
	size_t log_count;
	int rc = replica_logs(a->replica, &arena, &logs, &log_count, err);

	for (size_t i = 0; i < log_count && rc >= 0; i++) {
		AUTO_FREE struct log_segment *segments = NULL;
		size_t n = 0;

		if (logs[i].known.log.origin != replica_origin(a->replica) ||
			!logs[i].file_lsn)
			continue;
		rc = segments_of(a, &logs[i], &segments, &n, err);
		if (rc < 0)
			break;
		*list = mem_grow(*list, *count + n + 1, sizeof(**list));
		for (size_t k = 0; k < n; k++)
			(*list)[(*count)++] =
				(struct retention_file){segments[k].changed_ms,
					retention_room(segments[k].size)};
	}
	return rc < 0 ? rc : 0;
}
