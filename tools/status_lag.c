#include "status_lag.h"

#include <string.h>

#include "change.h"
#include "err.h"
#include "logread.h"
#include "relayed.h"
#include "report.h"
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

/* Whose tail it is that is counted. */
struct counting {
	struct account *a;
	uint64_t peer;
	bool some; /* of the account log what speaks of folders whose home is
		      here and that the peer is shown */
	struct tail *t;
};

/* A folder's log is told by its first change; the account log is read to its
   end. */
static int count_change(void *arg, const struct change *c, struct err *err)
{
	struct counting *n = arg;
	struct replica *r = n->a->replica;

	(void)err;
	if (c->by.lsn <= n->t->lsn || c->by.lsn > n->t->upto)
		return 0;
	if (n->some && !claim_gives_away(c) &&
		replica_is_home(r, &c->folder, true, NULL) <= 0)
		return 0;
	if (n->some && view_hides(r, n->peer, &c->folder, NULL) != 0)
		return 0;
	if (!n->t->changes++)
		n->t->since_ms = (int64_t)STAMP_MS(c->by.stamp);
	return !n->some;
}

/* Without segments: what stands of a log, and its oldest stamp. */
static void read_state(struct counting *n, const struct replica_log *log)
{
	struct tail *t = n->t;
	struct change_batch batch = {0};
	uint64_t upto;
	int rc = replica_write_out(n->a->replica, &log->known.log, t->lsn,
		log->known.lsn, &batch, &upto, NULL);

	*t = (struct tail){.lsn = t->lsn, .upto = t->upto, .from_state = true};
	for (size_t i = 0; i < batch.count && rc >= 0; i++)
		count_change(n, &batch.items[i], NULL);
	for (size_t i = 0; i < batch.count; i++) {
		int64_t ms = (int64_t)STAMP_MS(batch.items[i].by.stamp);

		if (ms && ms < t->since_ms)
			t->since_ms = ms;
	}
	if (!n->some || rc < 0 || upto < t->upto)
		t->changes = t->upto - t->lsn;
	change_batch_free(&batch);
}

static void read_tail(struct account *a, uint64_t peer,
	const struct replica_log *log, struct tail *t)
{
	struct counting n = {a, peer, id_is_account(&log->known.log.folder), t};
	int rc = logread_each(a, log, t->lsn + 1, count_change, &n, NULL);

	if (rc < 0)
		read_state(&n, log);
	else if (!n.some)
		t->changes = t->upto - t->lsn;
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
