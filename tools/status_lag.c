#include "status_lag.h"

#include <string.h>

#include "change.h"
#include "err.h"
#include "relayed.h"
#include "report.h"
#include "segment.h"
#include "viewed.h"

/* ---- changes that stay here ---- */

/* Folders from elsewhere that were renamed, or (un)subscribed, here. */
static int local_folders(
	struct account *a, uint64_t self, uint64_t *changes, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder *folders;
	size_t count = 0;
	int rc = replica_folders(a->replica, &arena, &folders, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		const struct replica_folder *f = &folders[i];

		if (f->dead || !f->authority.term || f->authority.site == self)
			continue;
		*changes += f->path_by.log.origin == self &&
			    f->born_by.log.origin != self &&
			    !id_equal(&f->fid, &ID_INBOX);
		*changes += f->subscribed_by.log.origin == self;
	}
	return rc;
}

int status_local_changes(
	struct account *a, uint64_t self, uint64_t *ret, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs;
	struct replica_folder f;
	size_t count = 0;
	uint64_t changes = 0;
	int rc = replica_logs(a->replica, &arena, &logs, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		const struct log_id *log = &logs[i].known.log;

		if (log->origin != self || id_is_account(&log->folder))
			continue;
		rc = replica_folder_by_fid(
			a->replica, &log->folder, &arena, &f, err);
		if (rc == 0 && f.authority.site != self)
			changes += logs[i].known.lsn - logs[i].given;
	}
	if (rc >= 0)
		rc = local_folders(a, self, &changes, err);
	*ret = changes;
	return rc < 0 ? rc : 0;
}

/* ---- what a peer lacks ---- */

/* What of a log, behind lsn and up to another, is to be handed over, and when
   the first of it was written. */
struct tail {
	uint64_t lsn, upto;
	uint64_t changes;
	int64_t since_ms;
	bool from_state; /* the segments do not go so far */
};

/* Of the account log, `some`, what speaks of folders whose home is here and
   that the peer is shown. */
static void count_tail(struct account *a, uint64_t peer, bool some,
	const struct change_batch *batch, struct tail *t)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct change *c = &batch->items[i];

		if (c->by.lsn <= t->lsn || c->by.lsn > t->upto)
			continue;
		if (some && !claim_gives_away(c) &&
			replica_is_home(a->replica, &c->folder, true, NULL) <=
				0)
			continue;
		if (some && view_hides(a->replica, peer, &c->folder, NULL) != 0)
			continue;
		if (!t->changes++)
			t->since_ms = (int64_t)STAMP_MS(c->by.stamp);
	}
}

/* Without segments: what stands of a log, and its oldest stamp. */
static void read_state(struct account *a, uint64_t peer,
	const struct replica_log *log, struct tail *t)
{
	bool some = id_is_account(&log->known.log.folder);
	struct change_batch batch = {0};
	uint64_t upto, lsn = t->lsn;
	int rc = replica_write_out(a->replica, &log->known.log, lsn,
		log->known.lsn, &batch, &upto, NULL);

	if (rc >= 0)
		count_tail(a, peer, some, &batch, t);
	for (size_t i = 0; i < batch.count; i++) {
		int64_t ms = (int64_t)STAMP_MS(batch.items[i].by.stamp);

		if (ms && ms < t->since_ms)
			t->since_ms = ms;
	}
	if (!some || rc < 0 || upto < t->upto)
		t->changes = t->upto - lsn;
	t->from_state = true;
	change_batch_free(&batch);
}

/* A folder's log is told by its first change; the account log is read to its
   end. */
static void read_tail(struct account *a, uint64_t peer,
	const struct replica_log *log, struct tail *t)
{
	bool some = id_is_account(&log->known.log.folder);
	struct log_end end = {
		log->file_lsn, log->known.lsn, log->known.chain, log->size};
	uint64_t all = t->upto - t->lsn;
	struct log_reader reader;
	struct frame frame = {0};
	char hex[ID_HEX];
	int rc = 1;

	id_hex(&log->known.log.folder, hex);
	AUTO_FREE char *dir = mem_printf("%s/%s", a->log_dir, hex);
	if (log_reader_open(&reader, a->os, dir, log->known.log.incarnation,
		    &end, t->lsn + 1, NULL) < 0) {
		read_state(a, peer, log, t);
		return;
	}
	while ((some || !t->changes) &&
		(rc = log_reader_next(&reader, &frame, NULL)) > 0) {
		struct change_context ctx = {
			log->known.log, frame.first_lsn, frame.base_ms};
		struct change_batch batch = {0};

		if (frame.kind == FRAME_CHANGES &&
			change_decode(&ctx, frame.payload.data,
				frame.payload.len, &batch, NULL) == 0)
			count_tail(a, peer, some, &batch, t);
		change_batch_free(&batch);
	}
	if (!some || rc < 0)
		t->changes = all;
	frame_free(&frame);
	log_reader_close(&reader);
}

/* 0: there is none. */
static void to_earlier(int64_t *ms, int64_t other_ms)
{
	if (other_ms && (!*ms || other_ms < *ms))
		*ms = other_ms;
}

static int measure_own(struct account *a, uint64_t peer,
	const struct replica_log *log, struct status_lag *lag, struct err *err)
{
	struct replica_ack ack;
	uint64_t count = 0, bytes = 0;
	int rc = replica_ack_get(a->replica, peer, log->id, &ack, err);

	int hidden =
		rc < 0 ? rc
		       : view_hides_log(a->replica, peer, &log->known.log, err);
	if (hidden != 0)
		return hidden < 0 ? hidden : 0;
	if (view_is_log(&log->known.log.folder)) {
		lag->changes += log->known.lsn - ack.durable;
		return 0;
	}
	rc = replica_is_home(a->replica, &log->known.log.folder, false, err);
	if (rc == 0 && ack.durable < log->given) {
		lag->changes += log->given - ack.durable;
		lag->from_state = true;
	}
	if (rc <= 0)
		return rc;
	lag->sent += ack.durable;
	lag->unapplied += ack.durable - ack.applied;
	if (ack.applied < ack.durable) {
		struct tail known = {.lsn = ack.applied, .upto = ack.durable};

		read_tail(a, peer, log, &known);
		to_earlier(&lag->unapplied_ms, known.since_ms);
	}
	if (ack.durable >= log->known.lsn)
		return 0;
	struct tail tail = {.lsn = ack.durable, .upto = log->known.lsn};
	read_tail(a, peer, log, &tail);
	lag->changes += tail.changes;
	lag->from_state += tail.from_state;
	to_earlier(&lag->since_ms, tail.since_ms);
	rc = report_born_above(
		a->replica, log->id, ack.durable, &count, &bytes, err);
	lag->messages += count;
	lag->bytes += bytes;
	return rc;
}

int status_has(struct account *a, uint64_t peer, const struct replica_log *log,
	uint64_t lsn, bool applied, struct err *err)
{
	struct replica_ack ack;
	int rc = replica_ack_get(a->replica, peer, log->id, &ack, err);

	if (rc < 0)
		return rc;
	struct tail tail = {
		.lsn = applied ? ack.applied : ack.durable, .upto = lsn};
	if (tail.lsn >= lsn || !id_is_account(&log->known.log.folder))
		return tail.lsn >= lsn;
	read_tail(a, peer, log, &tail);
	return !tail.changes;
}

/* Of what others wrote: what of it is to be passed on. */
static int measure_passed(struct account *a, uint64_t peer,
	const struct replica_log *log, struct status_lag *lag, struct err *err)
{
	uint64_t count = 0, bytes = 0;
	struct replica_ack ack;
	int rc = replica_ack_get(a->replica, peer, log->id, &ack, err);

	if (rc < 0 || ack.durable >= log->known.lsn)
		return rc;
	lag->changes += log->known.lsn - ack.durable;
	rc = report_born_above(
		a->replica, log->id, ack.durable, &count, &bytes, err);
	lag->messages += count;
	lag->bytes += bytes;
	return rc;
}

/* Which logs are passed on to a peer; in the arena. */
static int find_passed(struct account *a, uint64_t peer, bool relays,
	const struct replica_log *logs, size_t count, struct arena *arena,
	bool **ret, struct err *err)
{
	int rc = relays ? relayed_takes(a->replica, peer, err) : 0;

	*ret = arena_alloc(arena, (count + 1) * sizeof(**ret));
	memset(*ret, 0, (count + 1) * sizeof(**ret));
	return rc <= 0 ? rc
		       : relayed_find(a->replica, peer, logs, count, *ret, err);
}

int status_lag(struct account *a, uint64_t self, uint64_t peer, bool sends,
	bool relays, struct status_lag *lag, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs = NULL;
	struct replica_want *wants;
	size_t count = 0, wanted = 0;
	bool *passed = NULL;
	int rc = replica_logs(a->replica, &arena, &logs, &count, err);

	if (rc >= 0)
		rc = find_passed(a, peer, sends && relays, logs, count, &arena,
			&passed, err);
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		const struct replica_log *log = &logs[i];

		if (log->known.log.origin == self && sends) {
			rc = measure_own(a, peer, log, lag, err);
		} else if (passed[i]) {
			rc = measure_passed(a, peer, log, lag, err);
		} else if (log->known.log.origin == peer) {
			lag->received += log->known.lsn;
			lag->to_apply += log->known.lsn - log->applied;
		}
	}
	if (rc >= 0)
		rc = replica_wants(
			a->replica, peer, &arena, &wants, &wanted, err);
	lag->wanted = wanted;
	if (rc >= 0)
		rc = report_wanted(
			a->replica, peer, UINT64_MAX, &lag->wanted_bytes, err);
	AUTO_FREE char *key = replica_peer_key("refused", peer);
	int64_t refused = 0;
	if (rc >= 0)
		rc = replica_meta_get(a->replica, key, &refused, err);
	lag->refused = refused != 0;
	return rc < 0 ? rc : 0;
}
