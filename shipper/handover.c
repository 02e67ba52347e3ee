#include "handover.h"

#include <stdlib.h>
#include <string.h>

#include "arrived.h"
#include "asking.h"
#include "cargo.h"
#include "damage.h"
#include "err.h"
#include "exchange.h"
#include "held.h"
#include "joining.h"
#include "keying.h"
#include "late.h"
#include "previews.h"
#include "spoken.h"
#include "recall.h"
#include "relaying.h"
#include "refusing.h"
#include "showing.h"
#include "stating.h"
#include "tables.h"
#include "viewed.h"

#define OVERLAP_BODIES (1u << 20) /* bytes of an account in one hand-over */

/* ---- from where ---- */

static bool is_lying(const struct packing *p, uint64_t sequence)
{
	return carrier_list_has(
		p->lying, p->config->self->pub.origin, sequence);
}

/* A sequence is the time when the bundle was made. */
static bool is_younger(
	const struct packing *p, uint64_t sequence, uint64_t age_ms)
{
	struct os *os = p->config->os;
	uint64_t now = (uint64_t)(os->ops->wall_ns(os) / 1000000);

	return now >= sequence && now - sequence < age_ms;
}

/* Lies there, or was collected so lately that nothing could be heard of it. */
static bool is_under_way(const struct packing *p, uint64_t sequence)
{
	return is_lying(p, sequence) ||
	       is_younger(p, sequence, p->config->patience_ms);
}

/* Bundles that are gone, with all their changes acknowledged, were collected:
   bodies of them that the peer wants are wanted again. */
static int forget_collected(struct packing *p, const struct replica_sent *sent,
	size_t sent_count, struct err *err)
{
	struct replica *r = p->account.replica;
	uint64_t peer = p->config->peer->origin;
	uint64_t *sequences;
	size_t count;
	bool begun = false;
	int rc = replica_sent_sequences(r, peer, p->config->link, p->medium,
		&p->arena, &sequences, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		bool keep = is_lying(p, sequences[i]) ||
			    (p->live && is_younger(p, sequences[i],
						ARRIVED_BODY_MS));

		for (size_t k = 0; k < sent_count && !keep; k++)
			keep = sent[k].sequence == sequences[i];
		if (keep)
			continue;
		rc = begun ? 0 : replica_begin(r, err);
		begun = true;
		if (rc >= 0)
			rc = replica_sent_bodies_forget(r, peer,
				p->config->link, p->medium, sequences[i], err);
	}
	return rc < 0 || !begun ? rc : replica_commit(r, err);
}

static int forget_all(struct packing *p, struct err *err)
{
	struct replica *r = p->account.replica;
	int rc = replica_begin(r, err);

	if (rc >= 0)
		rc = replica_sent_forget(r, p->config->peer->origin,
			p->config->link, p->medium, err);
	return rc < 0 ? rc : replica_commit(r, err);
}

/*
 * What lies on the medium counts only if all that was put there and is not
 * acknowledged still does: a bundle that is gone may have been lost. (Or was
 * collected a moment ago: a daemon waits for the word of it. A peer that joins
 * says itself where it stands: what was told it in brief it may want whole.)
 */
static int raise_by_sent(struct packing *p, struct err *err)
{
	struct replica_sent *sent;
	size_t count;
	int rc = replica_sent_list(p->account.replica, p->config->peer->origin,
		p->config->link, p->medium, &p->arena, &sent, &count, err);

	if (rc < 0)
		return rc;
	bool whole = true;
	for (size_t i = 0; i < count && whole && !p->config->unread; i++)
		whole = p->asker.incarnation
				? is_lying(p, sent[i].sequence)
				: is_under_way(p, sent[i].sequence);
	if (!whole)
		return forget_all(p, err);
	if (!p->config->unread)
		rc = forget_collected(p, sent, count, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < p->log_count; k++) {
			if (p->logs[k].id != sent[i].log ||
				p->from[k] >= sent[i].lsn)
				continue;
			p->from[k] = sent[i].lsn;
			p->from_chain[k] = sent[i].chain;
		}
	}
	return 0;
}

static int find_from(struct packing *p, struct err *err)
{
	int rc = replica_logs(
		p->account.replica, &p->arena, &p->logs, &p->log_count, err);

	if (rc < 0)
		return rc;
	size_t bytes = (p->log_count + 1) * sizeof(*p->from);
	p->from = arena_alloc(&p->arena, bytes);
	p->from_chain = arena_alloc(&p->arena, bytes);
	for (size_t i = 0; i < p->log_count && rc >= 0; i++) {
		struct replica_ack ack;

		rc = replica_ack_get(p->account.replica,
			p->config->peer->origin, p->logs[i].id, &ack, err);
		p->from[i] = ack.durable;
		p->from_chain[i] = ack.chain;
	}
	if (rc >= 0)
		rc = showing_find(p, err);
	if (rc >= 0)
		rc = relaying_find(p, err);
	/* Who joins has lost what arrived. */
	if (rc >= 0 && p->live && p->asker.incarnation)
		return forget_all(p, err);
	if (rc >= 0 && p->medium)
		rc = raise_by_sent(p, err);
	for (size_t i = 0; p->live && i < p->log_count; i++)
		p->live->reached(p->live->arg, p->account.name, p->logs[i].id,
			&p->from[i], &p->from_chain[i]);
	if (rc >= 0 && p->live)
		rc = showing_recall(p, err);
	return rc;
}

/* ---- bodies that the peer asked for ---- */

/* Is it to go now, as far as its way is concerned? 1 or 0. */
static int may_go(
	struct packing *p, const struct replica_want *want, struct err *err)
{
	struct replica *r = p->account.replica;
	uint64_t peer = p->config->peer->origin;
	int rc = 0;

	if (p->medium)
		rc = replica_sent_has_body(
			r, peer, p->config->link, p->medium, &want->hash, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (!p->live || p->live->wanted)
		return 1;
	if (p->live->knows(p->live->arg, &want->hash))
		return 0;
	/* What was told of before it came here was not sent. */
	rc = relaying_brought(p, &want->hash, err);
	return rc != 0 ? rc : held_is_released(r, peer, &want->hash, err);
}

static int add_wants(struct packing *p, struct err *err)
{
	struct replica_want *wants;
	size_t count;
	struct replica_message m;
	int rc = replica_wants(p->account.replica, p->config->peer->origin,
		&p->arena, &wants, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		rc = may_go(p, &wants[i], err);
		if (rc > 0)
			rc = view_shows_body(p->account.replica,
				p->config->peer->origin, &wants[i].hash, err);
		if (rc <= 0)
			continue;
		rc = replica_message_by_hash(p->account.replica, &wants[i].hash,
			NULL, &p->arena, &m, err);
		if (rc == 0)
			rc = cargo_body(p, &wants[i].hash, m.size,
				wants[i].offset, err);
	}
	return rc < 0 ? rc : 0;
}

/* ---- acknowledgements ---- */

struct want_list {
	struct parcel_want *items;
	size_t count;
	const struct handover_config *config;
	struct replica *replica;
};

#define WANTS_MAX 10000 /* more are told next time */

static int want_row(void *arg, const struct replica_message *m, struct err *err)
{
	struct want_list *w = arg;
	struct os_stat st;
	char hex[HASH_HEX];

	if (w->count >= WANTS_MAX)
		return 0;
	hash_hex(&m->hash, hex);
	AUTO_FREE char *whole =
		mem_printf("%s/bodies/%s.body", w->config->state_dir, hex);
	AUTO_FREE char *part =
		mem_printf("%s/bodies/%s.part", w->config->state_dir, hex);
	if (w->config->os->ops->lstat(w->config->os, whole, &st) == 0)
		return 0;
	/* What lies here, and is damaged, needs none. */
	int previewed = m->damage ? 1 : previews_has(w->replica, &m->hash, err);
	if (previewed < 0)
		return previewed;
	w->items = mem_grow(w->items, w->count + 1, sizeof(*w->items));
	w->items[w->count++] = (struct parcel_want){m->hash,
		w->config->os->ops->lstat(w->config->os, part, &st) == 0
			? (uint64_t)st.size
			: 0,
		previewed > 0};
	return 0;
}

/* A damaged file's body is asked for as one that never came. */
static int want_damaged(
	void *arg, const struct replica_message *m, struct err *err)
{
	return damage_wants_body((enum damage)m->damage) ? want_row(arg, m, err)
							 : 0;
}

/* By what of it an acknowledgement is news. */
static void hash_add_want(struct hash_state *st, const struct parcel_want *want)
{
	hash_add(st, &want->hash, HASH_SIZE);
	if (want->previewed)
		hash_add(st, "p", 1);
}

/* Messages of folders at home there that have UIDs of this site only. */
static int add_late(struct packing *p, struct parcel_ack *ack,
	struct hash_state *st, struct err *err)
{
	struct late *late;
	size_t count;
	int rc = late_here(p->account.replica, p->config->peer->origin,
		PARCEL_LATE_MAX, &p->arena, &late, &count, err);

	if (rc < 0 || !count)
		return rc;
	ack->late = arena_alloc(&p->arena, count * sizeof(*ack->late));
	for (size_t i = 0; i < count; i++) {
		struct parcel_late *l = &ack->late[ack->late_count++];

		l->folder = late[i].folder;
		l->uidnext = late[i].uidnext;
		l->dot = late[i].dot;
		l->uid = late[i].uid;
		hash_add(st, &l->dot.lsn, sizeof(l->dot.lsn));
		hash_add(st, &l->uid, sizeof(l->uid));
		hash_add(st, &l->uidnext, sizeof(l->uidnext));
	}
	return 0;
}

/*
 * How far the log of a third site is known. That is told along: it is no news to
 * who handed it over. That nothing is taken of it is.
 */
static int add_others(struct packing *p, const struct replica_log *log,
	struct parcel_ack *ack, struct hash_state *st, struct err *err)
{
	struct position at;
	int rc = relaying_tells(p, &log->known, &at, err);

	if (rc <= 0)
		return rc;
	bool untaken = at.lsn == RELAYING_UNTAKEN;
	ack->entries[ack->entry_count++] =
		(struct parcel_ack_entry){at, untaken ? at.lsn : log->applied};
	if (untaken)
		hash_add(st, &log->id, sizeof(log->id));
	return 0;
}

/*
 * Acknowledgements are told when they say something new, or when the peer
 * sent something again: then it has not heard the last one. A peer that joins
 * has lost them all, and would hand over what was acknowledged, with bodies.
 */
static int add_ack(struct packing *p, struct err *err)
{
	struct replica *r = p->account.replica;
	uint64_t peer = p->config->peer->origin;
	struct want_list wants = {.config = p->config, .replica = r};
	int64_t heard = 0, told = -1, count = 0;
	int64_t joins;
	/* Of what waits in the inbox nothing is known yet; nor is it, while
	   this state joins, of the mail that is here. */
	int rc = joining_since(r, &joins, err);
	if (rc >= 0 && !p->config->unread && !joins)
		rc = replica_bodiless_each(r, want_row, &wants, err);
	if (rc >= 0 && !p->config->unread)
		rc = replica_damaged_each(r, want_damaged, &wants, err);
	struct parcel_ack ack = {.account = p->there,
		.incarnation = replica_incarnation(r),
		.wants = wants.items,
		.want_count = wants.count,
		.wants_more =
			p->config->unread || joins || wants.count == WANTS_MAX,
		.relays = p->config->takes_relay};

	ack.entries = arena_alloc(
		&p->arena, (p->log_count + 1) * sizeof(*ack.entries));
	bool halfway = false;
	struct hash_state st;
	hash_init(&st);
	for (size_t i = 0; i < p->log_count; i++) {
		const struct replica_log *log = &p->logs[i];

		if (rc >= 0 && log->known.log.origin != peer)
			rc = add_others(p, log, &ack, &st, err);
		if (log->known.log.origin != peer)
			continue;
		/* Something was said under it, and nothing of the view. */
		if (view_is_log(&log->known.log.folder) && !log->known.lsn)
			continue;
		ack.entries[ack.entry_count++] =
			(struct parcel_ack_entry){log->known, log->applied};
		halfway |= log->applied < log->known.lsn;
		hash_add(&st, &log->known.lsn, sizeof(log->known.lsn));
		hash_add(&st, &log->applied, sizeof(log->applied));
	}
	for (size_t i = 0; i < wants.count; i++)
		hash_add_want(&st, &wants.items[i]);
	if (rc >= 0 && !joins)
		rc = add_late(p, &ack, &st, err);
	if (ack.relays)
		hash_add(&st, "relay", 5);
	struct hash sum = hash_end(&st);
	int64_t now;
	memcpy(&now, sum.b, sizeof(now));
	/* An acknowledgement that left something open is told again, but not
	   because of that. */
	now = (int64_t)((uint64_t)now >> 1 << 1) | ack.wants_more;

	AUTO_FREE char *heard_key = replica_peer_key("heard", peer);
	AUTO_FREE char *told_key = lading_told_key(peer);
	AUTO_FREE char *answered_key = lading_answered_key(peer);
	AUTO_FREE char *count_key = replica_peer_key("ack count", peer);
	int64_t answered = 0;
	if (rc >= 0)
		rc = replica_meta_get(r, heard_key, &heard, err);
	if (rc >= 0)
		rc = replica_meta_get(r, told_key, &told, err);
	if (rc >= 0)
		rc = replica_meta_get(r, answered_key, &answered, err);
	if (rc >= 0)
		rc = replica_meta_get(r, count_key, &count, err);
	/* A peer that sent nothing may be asked for bodies, and is told when
	   they are wanted no more. */
	bool any = ack.entry_count || ack.want_count || told != -1 ||
		   (ack.relays && !joins);
	bool anew = p->asker.incarnation || (p->live && p->live->first);
	bool waits = halfway && !wants.count && p->live && p->live->between;
	bool news = ack.wants_more ? now >> 1 != told >> 1 : now != told;
	bool needed = any && (anew || (!waits && (news || heard != answered)));
	/* No two have one count: it is spent before anybody can see it. */
	if (rc >= 0 && needed && (rc = replica_begin(r, err)) >= 0) {
		struct os *os = p->config->os;
		uint32_t lot;

		os->ops->random(os, &lot, sizeof(lot));
		count = (int64_t)spoken_next((uint64_t)count, lot);
		rc = replica_meta_set(r, count_key, count, err);
		if (rc >= 0)
			rc = replica_commit(r, err);
		replica_rollback(r);
	}
	if (rc >= 0 && needed) {
		ack.count = (uint64_t)count;
		rc = lading_ack(p->lading, &ack, err);
		p->result->acks++;
	}
	if (rc >= 0 && needed)
		lading_told(p->lading,
			&(struct lading_told){p->index, now, heard, 0});
	free(wants.items);
	return rc < 0 ? rc : 0;
}

/* ---- the whole ---- */

static int add_tables(struct packing *p, struct err *err)
{
	const struct handover_config *c = p->config;

	if (!c->oneway || !c->send_changes || c->tables_ms < 0 || !p->medium)
		return 0;
	return tables_add(p->account.replica, c->peer->origin, c->tables_ms,
		c->os->ops->wall_ns(c->os) / 1000000, err);
}

static int state_folders(struct packing *p, struct err *err)
{
	struct os *os = p->config->os;
	struct stating s = {
		.lading = p->lading,
		.replica = p->account.replica,
		.account = p->there,
		.index = p->index,
		.self = p->config->self->pub.origin,
		.peer = p->config->peer->origin,
		.logs = p->logs,
		.hidden = p->hidden,
		.passed = p->passed,
		.from = p->from,
		.log_count = p->log_count,
		.sends = p->config->send_changes,
		.oneway = p->config->oneway,
		.record = p->record,
		.span_ms = p->config->state_ms,
		.now_ms = os->ops->wall_ns(os) / 1000000,
	};

	return stating_add(&s, err);
}

/* ---- comparisons ---- */

static int add_compare(void *arg, enum parcel_section_type type,
	const struct parcel_compare *c, struct err *err)
{
	return lading_compare(arg, type, c, err);
}

/*
 * What got no answer is asked again, unless it may still lie on the medium; and
 * nothing while the inbox holds what may be the answer. From a one-way peer none
 * ever comes.
 */
static bool lies_there(const struct packing *p)
{
	for (size_t i = 0; p->lying && i < p->lying->count; i++)
		if (p->lying->items[i].sender == p->config->self->pub.origin)
			return true;
	return false;
}

static int compare_folders(struct packing *p, struct err *err)
{
	struct os *os = p->config->os;
	struct exchange x = {
		.replica = p->account.replica,
		.peer = p->config->peer->origin,
		.gives = p->config->send_changes,
		.now_ms = os->ops->wall_ns(os) / 1000000,
	};

	if (p->config->unread && !p->config->oneway)
		return 0;
	int rc = exchange_pack(
		&x, p->there, !lies_there(p), add_compare, p->lading, err);
	if (rc > 0)
		lading_compared(p->lading, p->index);
	return rc < 0 ? rc : 0;
}

/* What a damaged log keeps nobody from. Returns the first that is wrong. */
static int also(struct packing *p,
	int (*more)(struct packing *p, struct err *err), int rc,
	struct err *err)
{
	struct err later = ERR_INIT;

	if (rc < 0 && rc != ERR_OPERATOR)
		return rc;
	int done = more(p, &later);
	if (done >= 0 || rc < 0)
		return rc;
	*err = later;
	return done;
}

/* Did the peer say that it has no such account? 1 or 0. */
static int is_refused(struct packing *p, struct err *err)
{
	AUTO_FREE char *key =
		replica_peer_key("refused", p->config->peer->origin);
	int64_t refused = 0;
	int rc = replica_meta_get(p->account.replica, key, &refused, err);

	return rc < 0 ? rc : refused != 0;
}

static int pack_account(struct lading *l, const struct handover_config *config,
	size_t index, const struct id128 *medium,
	const struct carrier_list *lying, struct handover_result *result,
	struct err *err)
{
	struct packing p = {.lading = l,
		.config = config,
		.result = result,
		.index = index,
		.medium = l->live ? &replica_sent_live : medium,
		.lying = lying,
		.live = l->live,
		.record = medium || l->live,
		.overlap_room = OVERLAP_BODIES};

	if (!account_map_there(&config->map, config->accounts[index], p.there))
		return 0;
	int rc = account_open(&p.account, config->os, config->state_dir,
		config->accounts[index], config->self->pub.origin, false, err);

	if (rc == ERR_ABSENT)
		return 0; /* nothing logged or received yet */
	if (rc < 0)
		return rc;
	rc = config->rehearse ? replica_rehearse(p.account.replica, err) : 0;
	if (rc >= 0)
		rc = is_refused(&p, err);
	if (rc != 0) {
		account_close(&p.account);
		return rc < 0 ? rc : 0;
	}
	rc = asker_get(p.account.replica, config->peer->origin, &p.asker, err);
	if (rc >= 0 && p.asker.incarnation && (rc = asking_waits(&p, err)) > 0)
		p.asker = (struct asker){0};
	if (p.asker.brief)
		config->os->ops->random(config->os, p.seed, sizeof(p.seed));
	if (rc >= 0)
		rc = showing_settle(config, p.account.replica, err);
	if (rc >= 0)
		rc = add_tables(&p, err);
	if (rc >= 0)
		rc = find_from(&p, err);
	if (rc >= 0)
		rc = add_ack(&p, err);
	if (rc >= 0)
		rc = cargo_add(&p, err);
	rc = also(&p, asking_add, rc, err);
	/* Bodies that a peer lacks are no changes. */
	rc = also(&p, add_wants, rc, err);
	if (rc >= 0)
		rc = state_folders(&p, err);
	if (rc >= 0)
		rc = compare_folders(&p, err);
	account_close(&p.account);
	arena_free(&p.arena);
	return rc;
}

/* One account that fails does not keep the others' mail ashore. */
static int pack_all(struct lading *l, const struct handover_config *config,
	const struct id128 *medium, const struct carrier_list *lying,
	struct handover_result *result, struct err *first)
{
	int worst = 0;

	for (size_t i = 0; i < config->account_count; i++) {
		struct err err = ERR_INIT;
		int rc =
			pack_account(l, config, i, medium, lying, result, &err);

		if (rc < 0 && lading_failed(l)) {
			*first = err;
			return rc;
		}
		if (rc < 0 && !worst) {
			*first = err;
			worst = rc;
		}
	}
	struct err err = ERR_INIT;
	int rc = refusing_add(l, medium && !config->rehearse, &err);
	if (rc >= 0)
		rc = keying_add(l, &err);
	if (rc < 0 && !worst) {
		*first = err;
		worst = rc;
	}
	return worst;
}

static int be_alone(
	const struct handover_config *config, bool on, struct err *err)
{
	return config->alone && !config->rehearse
		       ? config->alone(config->alone_arg, on, err)
		       : 0;
}

int handover_to_fd(const struct handover_config *config, int fd,
	const char *name, struct handover_result *ret, struct err *err)
{
	struct lading l;

	*ret = (struct handover_result){0};
	if (be_alone(config, true, err) < 0)
		return err->code;
	lading_begin(&l, config, ret);
	lading_open_fd(&l, fd, name);
	int worst = pack_all(&l, config, NULL, NULL, ret, err);
	be_alone(config, false, NULL);
	struct err later = ERR_INIT;
	int rc = lading_failed(&l) ? worst : lading_finish(&l, &later);
	lading_end(&l);
	if (rc < 0) {
		if (later.code)
			*err = later;
		return rc;
	}
	return worst < 0 ? worst : !ret->size;
}

int handover_to_link(const struct handover_config *config,
	const struct handover_live *live, struct handover_result *ret,
	struct err *err)
{
	struct lading l;
	struct err later = ERR_INIT;

	*ret = (struct handover_result){0};
	lading_begin(&l, config, ret);
	lading_open_live(&l, live);
	int worst = pack_all(&l, config, NULL, NULL, ret, err);
	int rc = lading_failed(&l) ? worst : lading_finish(&l, &later);
	if (rc >= 0 && !config->rehearse)
		rc = lading_record(&l, NULL, &later);
	bool any = ret->size || l.body_count > ret->held;
	lading_end(&l);
	if (rc < 0) {
		if (later.code)
			*err = later;
		return rc;
	}
	return worst < 0 ? worst : !any;
}

int handover_to_carrier(const struct handover_config *config,
	struct carrier *carrier, struct handover_result *ret, struct err *err)
{
	struct lading l;
	struct carrier_list lying = {0};
	struct id128 medium = carrier->ops->medium(carrier);
	struct err later = ERR_INIT;

	*ret = (struct handover_result){0};
	if (carrier->ops->read_only(carrier))
		return 1;
	int rc = carrier->ops->list(carrier, config->peer->origin, &lying, err);
	if (rc >= 0 && (rc = be_alone(config, true, err)) < 0)
		carrier_list_free(&lying);
	if (rc < 0)
		return rc;
	rc = recall_bundles(
		config, carrier, &medium, &lying, &ret->recalled, err);
	if (rc < 0) {
		be_alone(config, false, NULL);
		carrier_list_free(&lying);
		return rc;
	}
	lading_begin(&l, config, ret);
	lading_open_carrier(&l, carrier, &lying);
	int worst = pack_all(&l, config, &medium, &lying, ret, err);
	be_alone(config, false, NULL);
	carrier_list_free(&lying);
	rc = lading_failed(&l) ? worst : lading_finish(&l, &later);
	if (rc < 0)
		lading_undo(&l);
	if ((ret->size || ret->held) && !config->rehearse) {
		struct err unrecorded = ERR_INIT;
		int recorded = lading_record(&l, &medium, &unrecorded);

		if (recorded < 0 && rc >= 0) {
			rc = recorded;
			later = unrecorded;
		}
	}
	lading_end(&l);
	if (rc < 0) {
		if (later.code)
			*err = later;
		return rc;
	}
	return worst < 0 ? worst : !ret->size;
}
