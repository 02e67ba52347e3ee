/*
 * The guard against what arrives: expunges of peers that are more than half of
 * a folder, or of an account, are not placed until an operator says so.
 *
 * Before anything is placed the messages that are dead and lie here still are
 * counted, folder by folder:
 * (1) a folder whose expunges wait goes on waiting, whatever comes or goes,
 *     until they are accepted or none is left;
 * (2) one of which too much is to go at once begins to wait;
 * (3) and if too much goes of all other folders together, these wait as well.
 * At once is what was expunged within an hour, however it comes: what was
 * placed already counts along, so that a mass in small parts is one. What
 * users did in the course of a long absence is none.
 *
 * They wait as what they are, dead in the merged state and lying here; all
 * else goes on. What was expunged in a folder that is exempt does not count,
 * wherever it lies here: mail is moved to the trash before it goes. What a peer
 * shows us no more goes without an expunge, and counts as one.
 */
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "guarded.h"
#include "place_private.h"

#define HOUR_MS (60 * 60 * 1000)

struct judged {
	struct guarded kept, was;
	bool exempt, waits;
	uint64_t there, gone;
	const struct gone *first; /* of them, in moments */
};

struct judging {
	struct placing *p;
	struct arena arena;
	struct gone *moments;  /* by folder, then when */
	struct judged *judged; /* by row */
	size_t count;
	struct id128 log; /* the last folder that was asked about, */
	bool asked, log_exempt;
};

static int by_row(const void *a, const void *b)
{
	const struct judged *x = a, *y = b;

	return (x->was.folder > y->was.folder) -
	       (x->was.folder < y->was.folder);
}

static struct judged *judged_of(struct judging *j, int64_t folder)
{
	struct judged key = {.was = {.folder = folder}};

	return bsearch(&key, j->judged, j->count, sizeof(key), by_row);
}

/* Long ago, or by a clock that was wrong. */
static void forget_old(struct guarded *g, int64_t now_ms)
{
	if (now_ms - g->since_ms < HOUR_MS && g->since_ms - now_ms < HOUR_MS)
		return;
	g->done = 0;
	g->since_ms = 0;
}

/* ---- counting ---- */

/* Is the folder exempt in whose log it was expunged? 1 or 0. */
static int log_is_exempt(
	struct judging *j, const struct id128 *log, struct err *err)
{
	struct replica_folder f;
	int rc;

	if (j->asked && id_equal(log, &j->log))
		return j->log_exempt;
	rc = replica_folder_by_fid(j->p->replica, log, &j->arena, &f, err);
	if (rc < 0)
		return rc;
	j->asked = true;
	j->log = *log;
	j->log_exempt =
		rc == 0 && capture_is_exempt(j->p->config->capture, f.path);
	return j->log_exempt;
}

static int note_gone(
	void *arg, const struct guarded_message *m, struct err *err)
{
	struct judging *j = arg;
	struct placing *p = j->p;
	int rc = m->out ? 0 : log_is_exempt(j, &m->log, err);
	int64_t ms = m->ms ? m->ms : p->now_ms;

	if (rc != 0)
		return rc < 0 ? rc : 0;
	struct gone *last = p->gone_count ? &p->gone[p->gone_count - 1] : NULL;
	if (last && last->id == m->id) { /* another dot of it */
		last->ms = last->ms < ms ? ms : last->ms;
		return 0;
	}
	p->gone = mem_room(p->gone, p->gone_count, sizeof(*p->gone));
	p->gone[p->gone_count++] =
		(struct gone){.id = m->id, .folder = m->folder, .ms = ms};
	return 0;
}

/* All folders, and what is kept of them. */
static int list_folders(struct judging *j, const struct guarded *kept,
	size_t kept_count, struct err *err)
{
	struct placing *p = j->p;
	struct replica_folder *folders;
	size_t count;
	int rc = replica_folders(p->replica, &j->arena, &folders, &count, err);

	if (rc < 0)
		return rc;
	j->judged = mem_array(count + kept_count + 1, sizeof(*j->judged));
	for (size_t i = 0; i < count; i++)
		j->judged[j->count++] =
			(struct judged){.was = {.folder = folders[i].id},
				.exempt = capture_is_exempt(
					p->config->capture, folders[i].path)};
	qsort(j->judged, j->count, sizeof(*j->judged), by_row);
	for (size_t i = 0; i < kept_count; i++) {
		struct judged *f = judged_of(j, kept[i].folder);

		if (f)
			f->was = kept[i];
	}
	for (size_t i = 0; i < j->count; i++) {
		j->judged[i].kept = j->judged[i].was;
		forget_old(&j->judged[i].kept, p->now_ms);
	}
	return 0;
}

static int by_moment(const void *a, const void *b)
{
	const struct gone *x = a, *y = b;

	if (x->folder != y->folder)
		return x->folder < y->folder ? -1 : 1;
	return (x->ms > y->ms) - (x->ms < y->ms);
}

/* Those that lie in a folder that is exempt are not counted. */
static void count_gone(struct judging *j)
{
	struct placing *p = j->p;
	size_t kept = 0;

	for (size_t i = 0; i < p->gone_count; i++) {
		struct judged *f = judged_of(j, p->gone[i].folder);

		if (!f || f->exempt)
			continue;
		f->gone++;
		p->gone[kept++] = p->gone[i];
	}
	p->gone_count = kept;
	j->moments = mem_array(kept + 1, sizeof(*j->moments));
	if (kept) {
		memcpy(j->moments, p->gone, kept * sizeof(*j->moments));
		qsort(j->moments, kept, sizeof(*j->moments), by_moment);
	}
	for (size_t i = kept; i-- > 0;)
		judged_of(j, j->moments[i].folder)->first = &j->moments[i];
}

/* ---- judging ---- */

static bool is_mass(const struct judging *j, uint64_t there, uint64_t gone)
{
	return capture_is_mass(j->p->config->capture, there, gone);
}

/* However little lies here: can it be too much? */
static bool may_be_mass(const struct judging *j)
{
	const struct capture_config *c = j->p->config->capture;
	uint64_t gone = 0;

	for (size_t i = 0; i < j->count; i++) {
		const struct judged *f = &j->judged[i];

		gone += f->gone + f->kept.done;
		if (f->kept.waiting && f->gone)
			return true;
	}
	return gone * 100 > (uint64_t)c->guard_least * c->guard_percent;
}

/* The most of them within an hour. kept, which may be NULL: what was placed
   already, and its hour. */
static uint64_t most_at_once(
	const struct gone *list, uint64_t count, const struct guarded *kept)
{
	uint64_t most = 0;

	for (uint64_t i = 0, first = 0; i < count; i++) {
		while (list[i].ms - list[first].ms >= HOUR_MS)
			first++;
		uint64_t n = i - first + 1;
		if (kept && list[first].ms - kept->since_ms < HOUR_MS &&
			kept->since_ms - list[first].ms < HOUR_MS)
			n += kept->done;
		if (n > most)
			most = n;
	}
	return most;
}

static int judge_folder(struct judging *j, struct judged *f, struct err *err)
{
	const struct guarded *kept = &f->kept;
	int rc = guarded_there(j->p->replica, f->was.folder, &f->there, err);

	f->waits = !kept->accepted && f->gone &&
		   (kept->waiting ||
			   is_mass(j, f->there + kept->done,
				   most_at_once(f->first, f->gone, kept)));
	return rc;
}

static bool is_among_others(const struct judged *f)
{
	return !f->exempt && !f->waits && !f->kept.accepted;
}

static int by_ms(const void *a, const void *b)
{
	const struct gone *x = a, *y = b;

	return (x->ms > y->ms) - (x->ms < y->ms);
}

static int judge(struct judging *j, struct err *err)
{
	uint64_t there = 0, gone = 0;
	int rc = 0;

	for (size_t i = 0; i < j->count && rc >= 0; i++) {
		struct judged *f = &j->judged[i];

		rc = judge_folder(j, f, err);
		if (is_among_others(f))
			there += f->there;
	}
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < j->p->gone_count; i++)
		if (is_among_others(judged_of(j, j->moments[i].folder)))
			j->moments[gone++] = j->moments[i];
	if (gone)
		qsort(j->moments, gone, sizeof(*j->moments), by_ms);
	if (!is_mass(j, there, most_at_once(j->moments, gone, NULL)))
		return 0;
	for (size_t i = 0; i < j->count; i++)
		j->judged[i].waits |=
			is_among_others(&j->judged[i]) && j->judged[i].gone;
	return 0;
}

/* ---- what comes of it ---- */

static bool is_as_it_was(const struct judged *f)
{
	return f->kept.waiting == f->was.waiting &&
	       f->kept.accepted == f->was.accepted &&
	       f->kept.done == f->was.done;
}

static int record(struct judging *j, struct err *err)
{
	struct placing *p = j->p;
	bool changed = false;
	int rc = 0;

	for (size_t i = 0; i < j->count; i++) {
		struct judged *f = &j->judged[i];

		if (f->kept.accepted && !f->gone) {
			f->kept.accepted = false;
			f->kept.done = 0;
		}
		f->kept.waiting = f->waits || f->kept.accepted ? f->gone : 0;
		if (f->waits)
			p->result->guarded += f->gone;
		changed |= !is_as_it_was(f);
	}
	for (size_t i = 0; i < p->gone_count; i++)
		p->gone[i].waits = judged_of(j, p->gone[i].folder)->waits;
	if (!changed)
		return 0;
	rc = replica_begin(p->replica, err);
	for (size_t i = 0; i < j->count && rc >= 0; i++)
		if (!is_as_it_was(&j->judged[i]))
			rc = guarded_set(p->replica, &j->judged[i].kept, err);
	if (rc >= 0)
		rc = replica_commit(p->replica, err);
	replica_rollback(p->replica);
	return rc;
}

static int look_through(struct judging *j, struct err *err)
{
	struct placing *p = j->p;
	struct guarded *kept;
	size_t kept_count;
	int rc = guarded_list(p->replica, &j->arena, &kept, &kept_count, err);

	if (rc >= 0)
		rc = guarded_each(p->replica, note_gone, j, err);
	if (rc < 0 || (!p->gone_count && !kept_count))
		return rc;
	rc = list_folders(j, kept, kept_count, err);
	if (rc < 0)
		return rc;
	count_gone(j);
	if (may_be_mass(j))
		rc = judge(j, err);
	return rc < 0 ? rc : record(j, err);
}

int place_guard(struct placing *p, struct err *err)
{
	struct judging j = {.p = p};
	int rc = 0;

	p->gone_count = 0;
	p->result->guarded = 0;
	if (p->config->capture)
		rc = look_through(&j, err);
	free(j.judged);
	free(j.moments);
	arena_free(&j.arena);
	return rc;
}

/* ---- while placing ---- */

static int by_id(const void *a, const void *b)
{
	const struct gone *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static const struct gone *gone_of(const struct placing *p, int64_t message)
{
	struct gone key = {.id = message};

	return p->gone_count ? bsearch(&key, p->gone, p->gone_count,
				       sizeof(key), by_id)
			     : NULL;
}

bool place_waits(const struct placing *p, int64_t message)
{
	const struct gone *g = gone_of(p, message);

	return g && g->waits;
}

bool place_waits_in(const struct placing *p, int64_t folder)
{
	for (size_t i = 0; i < p->gone_count; i++)
		if (p->gone[i].folder == folder && p->gone[i].waits)
			return true;
	return false;
}

bool place_stays(const struct placing *p, const struct replica_message *m)
{
	return m->todo == MESSAGE_KEPT || place_waits(p, m->id);
}

int place_guard_done(
	struct placing *p, int64_t folder, int64_t message, struct err *err)
{
	const struct gone *gone = gone_of(p, message);
	struct guarded g;
	int rc = gone ? guarded_get(p->replica, folder, &g, err) : 1;

	/* What was asked for is no part of what comes next. */
	if (rc != 0 || g.accepted || (g.done && gone->ms < g.since_ms))
		return rc < 0 ? rc : 0;
	if (!g.done || gone->ms - g.since_ms >= HOUR_MS) {
		g.done = 0;
		g.since_ms = gone->ms;
	}
	g.done++;
	return guarded_set(p->replica, &g, err);
}
