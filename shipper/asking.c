#include "asking.h"

#include <string.h>

#include "err.h"
#include "inventory.h"
#include "joining.h"
#include "relaying.h"

#define ASK_AGAIN_MS 30000

/* Does the bundle lie there in which this peer was asked? It may have had to
   begin another one for that. */
static bool question_lies_there(const struct packing *p, uint64_t asked)
{
	uint64_t self = p->config->self->pub.origin;

	return carrier_list_has(p->lying, self, asked) ||
	       carrier_list_has(p->lying, self, asked + 1);
}

/* Is this peer to be asked now? 1 or 0. Not while what asked it lies there:
   whoever has a copy of this state may leave bundles there, too. */
static int wants_answer(struct packing *p, int64_t now_ms, struct err *err)
{
	struct replica *r = p->account.replica;
	uint64_t peer = p->config->peer->origin;
	int64_t since, asked;
	int rc = joining_since(r, &since, err);

	if (rc < 0 || !since || p->config->oneway)
		return rc;
	rc = joining_answered(r, peer, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = joining_asked(r, peer, &asked, err);
	if (rc < 0 || !asked)
		return rc < 0 ? rc : 1;
	return !question_lies_there(p, (uint64_t)asked) &&
	       now_ms - asked >= ASK_AGAIN_MS;
}

static struct position *new_positions(struct packing *p)
{
	return arena_alloc(
		&p->arena, (p->log_count + 1) * sizeof(struct position));
}

/* In brief, and what of it is to come whole all the same. */
static int ask_in_brief(
	struct packing *p, struct parcel_join *j, struct err *err)
{
	struct whole_run *runs;
	size_t count;
	int rc = whole_list(p->account.replica, WHOLE_ASKED,
		p->config->peer->origin, &p->arena, &runs, &count, err);

	if (rc < 0)
		return rc;
	struct parcel_lsns *logs =
		arena_alloc(&p->arena, (count + 1) * sizeof(*logs));
	struct parcel_run *lsns =
		arena_alloc(&p->arena, (count + 1) * sizeof(*lsns));
	for (size_t i = 0; i < count; i++) {
		struct parcel_lsns *log = &logs[j->whole_count];

		lsns[i] = (struct parcel_run){runs[i].first, runs[i].last};
		if (i && !log_id_cmp(&runs[i].log, &runs[i - 1].log)) {
			log[-1].count++;
			continue;
		}
		*log = (struct parcel_lsns){runs[i].log, &lsns[i], 1};
		j->whole_count++;
	}
	j->what = PARCEL_JOIN_ASKS_BRIEF;
	j->whole = logs;
	return 0;
}

/* Ask for what the peer knows, from where we stand. */
static int add_question(struct packing *p, struct err *err)
{
	struct os *os = p->config->os;
	struct replica *r = p->account.replica;
	int64_t now_ms = os->ops->wall_ns(os) / 1000000;
	struct parcel_join j = {.account = p->there,
		.what = PARCEL_JOIN_ASKS,
		.incarnation = replica_incarnation(r),
		.relays = p->config->takes_relay,
		.positions = new_positions(p)};
	int rc = wants_answer(p, now_ms, err);

	if (rc <= 0)
		return rc;
	rc = joining_in_brief(
		r, p->config->peer->origin, p->config->brief_least, err);
	if (rc > 0)
		rc = ask_in_brief(p, &j, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < p->log_count; i++) {
		const struct log_id *log = &p->logs[i].known.log;
		struct position at;

		if (log->origin == p->config->peer->origin ||
			(log->origin == p->config->self->pub.origin &&
				!p->hidden[i] &&
				log->incarnation != j.incarnation))
			j.positions[j.position_count++] = p->logs[i].known;
		else if ((rc = relaying_tells(p, &p->logs[i].known, &at, err)) >
			 0)
			j.positions[j.position_count++] = at;
		if (rc < 0)
			return rc;
	}
	rc = lading_join(p->lading, &j, err);
	/* Too early at worst: it is asked again. */
	if (rc >= 0 && p->record && (rc = replica_begin(r, err)) >= 0) {
		rc = joining_note_asked(r, p->config->peer->origin,
			(int64_t)p->lading->sequence, err);
		if (rc >= 0)
			rc = replica_commit(r, err);
		replica_rollback(r);
	}
	return rc;
}

/* How far a log will be known when all that was handed over is taken. */
static struct position reached(const struct packing *p, size_t i)
{
	struct position at = {
		p->logs[i].known.log, p->from[i], p->from_chain[i]};

	for (size_t k = 0; k < p->lading->log_count; k++) {
		const struct lading_log *l = &p->lading->logs[k];

		if (l->account == p->index && l->log == p->logs[i].id &&
			l->to.lsn > at.lsn)
			at = l->to;
	}
	return at;
}

static int add_gone(struct packing *p, struct parcel_join *j, struct err *err)
{
	struct replica *r = p->account.replica;
	const struct id128 *after = NULL;
	int rc = gone_count(r, p->config->peer->origin, &j->gone_total, err);

	while (rc >= 0) {
		struct id128 *gone;

		rc = gone_list(r, p->config->peer->origin, after,
			PARCEL_GONE_MAX, &p->arena, &gone, &j->gone_count, err);
		if (rc < 0)
			break;
		j->gone = gone;
		j->what = j->gone_count < PARCEL_GONE_MAX ? PARCEL_JOIN_ANSWERS
							  : PARCEL_JOIN_GOES_ON;
		rc = lading_join(p->lading, j, err);
		if (rc < 0 || j->what == PARCEL_JOIN_ANSWERS)
			break;
		after = &gone[j->gone_count - 1];
		j->position_count = 0;
	}
	return rc;
}

/* Behind all that was packed for the asker. */
static int add_answer(struct packing *p, struct err *err)
{
	struct replica *r = p->account.replica;
	uint64_t peer = p->config->peer->origin;
	struct parcel_join j = {.account = p->there,
		.incarnation = p->asker.incarnation,
		.positions = new_positions(p)};

	for (size_t i = 0; i < p->log_count; i++) {
		uint64_t origin = p->logs[i].known.log.origin;

		/* What it knows further, or takes nothing of, is not told. */
		if (origin == peer ||
			(p->passed[i] && p->from[i] <= p->logs[i].known.lsn) ||
			(!p->hidden[i] &&
				origin == p->config->self->pub.origin))
			j.positions[j.position_count++] = reached(p, i);
	}
	int rc = add_gone(p, &j, err);
	/* Too early at worst: it asks again. */
	if (rc >= 0 && p->record && (rc = replica_begin(r, err)) >= 0) {
		rc = asker_set(r, peer, &(struct asker){0}, err);
		if (rc >= 0)
			rc = replica_commit(r, err);
		replica_rollback(r);
	}
	return rc;
}

/* So long, at most: where three wait for each other nobody would ever answer. */
#define ANSWER_LATER_MS (60 * 60 * 1000)

/*
 * Both may have lost their states. Who joins knows nothing yet, and will know
 * what its users did meanwhile: it answers when it has joined. One of the two
 * has to be first: who writes for the other, or one of them.
 */
int asking_waits(struct packing *p, struct err *err)
{
	const struct handover_config *c = p->config;
	struct os *os = c->os;
	int64_t since;
	int rc = joining_since(p->account.replica, &since, err);

	if (rc < 0 || !since || !c->send_changes)
		return rc;
	return (!c->take_changes || c->self->pub.origin < c->peer->origin) &&
	       os->ops->wall_ns(os) / 1000000 - since < ANSWER_LATER_MS;
}

int asking_add(struct packing *p, struct err *err)
{
	int rc = add_question(p, err);

	return rc >= 0 && p->asker.incarnation ? add_answer(p, err) : rc;
}
