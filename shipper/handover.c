#include "handover.h"

#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "damage.h"
#include "err.h"
#include "fold.h"
#include "lading.h"
#include "quarantine.h"
#include "segment.h"
#include "stating.h"

#define SECTION_CHANGES 4096 /* changes folded together: bounds memory */

/* One account being packed. */
struct packing {
	struct lading *lading;
	const struct handover_config *config;
	struct handover_result *result;
	struct account account;
	size_t index;
	const struct id128 *medium; /* NULL: no carrier, nothing recorded */
	const struct carrier_list *lying;
	struct replica_log *logs;
	uint64_t *from; /* per log: lsn the peer knows, or will */
	uint64_t *from_chain;
	size_t log_count;
	struct arena arena;
};

/* ---- from where ---- */

static bool is_lying(const struct packing *p, uint64_t sequence)
{
	for (size_t i = 0; p->lying && i < p->lying->count; i++)
		if (p->lying->items[i].sender == p->config->self->pub.origin &&
			p->lying->items[i].sequence == sequence)
			return true;
	return false;
}

/* Bundles that are gone, with all their changes acknowledged, were collected:
   bodies of them that the peer wants are wanted again. */
static int forget_collected(struct packing *p, struct err *err)
{
	struct replica *r = p->account.replica;
	uint64_t peer = p->config->peer->origin;
	uint64_t *sequences;
	size_t count;
	bool begun = false;
	int rc = replica_sent_sequences(r, peer, p->config->link, p->medium,
		&p->arena, &sequences, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		if (is_lying(p, sequences[i]))
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
 * acknowledged still does: a bundle that is gone may have been lost.
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
		whole = is_lying(p, sent[i].sequence);
	if (!whole)
		return forget_all(p, err);
	if (!p->config->unread && (rc = forget_collected(p, err)) < 0)
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
	if (rc >= 0 && p->medium)
		rc = raise_by_sent(p, err);
	return rc;
}

/* ---- changes ---- */

/* Is this site the folder's home? Of an INBOX without mail nobody is yet:
   what is said of the folder itself, `unclaimed`, is everybody's to say. */
static int is_home(struct packing *p, const struct id128 *fid, bool unclaimed,
	struct err *err)
{
	struct replica_folder f;

	if (id_is_account(fid))
		return 1;
	int rc = replica_folder_by_fid(
		p->account.replica, fid, &p->arena, &f, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return f.authority.term
		       ? f.authority.site == p->config->self->pub.origin
		       : unclaimed;
}

static int keep_home_changes(
	struct packing *p, struct change_batch *batch, struct err *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < batch->count; i++) {
		int home = is_home(p, &batch->items[i].folder, true, err);

		if (home < 0)
			return home;
		if (home)
			batch->items[kept++] = batch->items[i];
	}
	batch->count = kept;
	return 0;
}

/* Does the peer have the body of what this was copied or moved from? */
static bool peer_has_source(const struct packing *p, const struct change *c)
{
	const struct dot *dot = c->kind == CHANGE_COPY ? &c->source : &c->dot;

	if (dot->log.origin == p->config->peer->origin)
		return true;
	for (size_t i = 0; i < p->log_count; i++)
		if (log_id_cmp(&p->logs[i].known.log, &dot->log) == 0)
			return dot->lsn && dot->lsn <= p->from[i];
	return false;
}

static int note_bodies(
	struct packing *p, const struct change_batch *batch, struct err *err)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct change *c = &batch->items[i];
		struct replica_message m;

		if (c->kind != CHANGE_SAVE && c->kind != CHANGE_COPY &&
			c->kind != CHANGE_MOVE)
			continue;
		int rc = replica_message_by_dot(
			p->account.replica, &c->dot, &p->arena, &m, err);
		if (rc < 0)
			return rc;
		if (rc > 0)
			continue; /* expunged since */
		if (c->kind != CHANGE_SAVE && peer_has_source(p, c))
			continue;
		lading_want(p->lading, p->index, &c->hash, c->size, 0);
	}
	return 0;
}

static int add_section(struct packing *p, size_t log,
	struct change_batch *batch, const struct position *from,
	const struct position *to, uint64_t base_ms, struct err *err)
{
	struct change_batch folded = {0};
	AUTO_BUF struct buf payload = BUF_INIT;
	int rc = 0;

	fold_changes(batch->items, batch->count, FOLD_DROP_DEAD, &folded);
	if (id_is_account(&from->log.folder))
		rc = keep_home_changes(p, &folded, err);
	if (rc >= 0)
		rc = note_bodies(p, &folded, err);
	/* Nothing for this peer: its position can wait. */
	if (rc >= 0 && folded.count) {
		struct change_context ctx = {from->log, from->lsn + 1, base_ms};
		change_encode(&ctx, folded.items, folded.count, &payload);
		struct parcel_changes c = {
			.account = p->account.name,
			.from = *from,
			.to = *to,
			.base_ms = base_ms,
			.first_lsn = ctx.first_lsn,
			.payload = payload.data,
			.len = payload.len,
		};
		p->result->changes += folded.count;
		rc = lading_changes(p->lading, &c, err);
		lading_sent(p->lading, p->index, p->logs[log].id, to);
	}
	change_batch_free(&folded);
	return rc;
}

/* Where the reading of one log stands. */
struct span {
	struct change_batch batch;
	struct position from, to;
	uint64_t base_ms;
	bool skip; /* still before what the peer knows */
};

static int take_frame(struct packing *p, size_t log, struct span *s,
	struct frame *frame, struct err *err)
{
	uint64_t last = frame->first_lsn + frame->count - 1;
	int rc = 0;

	if (frame->kind != FRAME_CHANGES) {
		s->to.chain = frame->chain;
		return 0;
	}
	if (last <= p->from[log])
		return 0;
	if (s->batch.count && s->batch.count + frame->count > SECTION_CHANGES) {
		rc = add_section(
			p, log, &s->batch, &s->from, &s->to, s->base_ms, err);
		change_batch_free(&s->batch);
		s->batch = (struct change_batch){0};
		s->from = s->to;
	}
	if (!s->batch.count)
		s->base_ms = frame->base_ms;
	struct change_context ctx = {
		s->from.log, frame->first_lsn, frame->base_ms};
	if (rc >= 0)
		rc = change_decode(&ctx, frame->payload.data,
			frame->payload.len, &s->batch, err);
	s->to.lsn = last;
	s->to.chain = frame->chain;
	return rc;
}

static int add_log(struct packing *p, size_t i, struct err *err)
{
	const struct replica_log *log = &p->logs[i];
	struct log_end end = {
		log->file_lsn, log->known.lsn, log->known.chain, log->size};
	struct span s = {
		.from = {log->known.log, p->from[i], p->from_chain[i]}};
	struct log_reader reader;
	struct frame frame = {0};
	char hex[ID_HEX];

	s.to = s.from;
	id_hex(&log->known.log.folder, hex);
	AUTO_FREE char *dir = mem_printf("%s/%s", p->account.log_dir, hex);
	int rc = log_reader_open(&reader, p->config->os, dir,
		log->known.log.incarnation, &end, p->from[i] + 1, err);
	if (rc == ERR_ABSENT) {
		p->result->truncated++;
		return err_set(err, ERR_OPERATOR,
			"account %s: log %s does not reach back to what the "
			"peer knows (lsn %llu): a folder comparison is "
			"needed, which is not yet built",
			p->account.name, dir, (unsigned long long)p->from[i]);
	}
	if (rc < 0)
		return rc;
	while ((rc = log_reader_next(&reader, &frame, err)) > 0) {
		rc = take_frame(p, i, &s, &frame, err);
		frame_free(&frame);
		if (rc < 0)
			break;
	}
	log_reader_close(&reader);
	/* The end is the durable one: statements behind it are chained too. */
	s.to = log->known;
	if (rc >= 0 && s.to.lsn > s.from.lsn)
		rc = add_section(
			p, i, &s.batch, &s.from, &s.to, s.base_ms, err);
	change_batch_free(&s.batch);
	return rc < 0 ? rc : 0;
}

/* Our own logs, the account log first (its zero id sorts first). */
static int add_logs(struct packing *p, struct err *err)
{
	int rc = 0, worst = 0;

	for (size_t i = 0; i < p->log_count && rc >= 0; i++) {
		const struct replica_log *log = &p->logs[i];
		struct err one = ERR_INIT;

		if (log->known.log.origin != p->config->self->pub.origin ||
			log->known.lsn <= p->from[i])
			continue;
		rc = is_home(p, &log->known.log.folder, false, err);
		if (rc <= 0)
			continue;
		/* What is lost is lost: status says so. */
		rc = replica_log_lost(p->account.replica, log, err);
		if (rc != 0)
			continue;
		/* A log that cannot be read keeps no other ashore. */
		rc = add_log(p, i, &one);
		if (rc == ERR_CORRUPT &&
			(rc = quarantine_ask(
				 &p->account, &log->known.log.folder, err)) < 0)
			return rc;
		if (one.code == ERR_CORRUPT || one.code == ERR_OPERATOR) {
			*err = one;
			err->code = worst = ERR_OPERATOR;
			rc = 0;
		} else if (rc < 0) {
			*err = one;
		}
	}
	return rc < 0 ? rc : worst;
}

static int add_wants(struct packing *p, struct err *err)
{
	struct replica_want *wants;
	size_t count;
	struct replica_message m;
	uint64_t peer = p->config->peer->origin;
	int rc = replica_wants(
		p->account.replica, peer, &p->arena, &wants, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		if (p->medium) {
			rc = replica_sent_has_body(p->account.replica, peer,
				p->config->link, p->medium, &wants[i].hash,
				err);
			if (rc != 0)
				continue;
		}
		rc = replica_message_by_hash(p->account.replica, &wants[i].hash,
			NULL, &p->arena, &m, err);
		if (rc == 0)
			lading_want(p->lading, p->index, &wants[i].hash, m.size,
				wants[i].offset);
	}
	return rc < 0 ? rc : 0;
}

/* ---- acknowledgements ---- */

struct want_list {
	struct parcel_want *items;
	size_t count;
	const struct handover_config *config;
};

#define WANTS_MAX 10000 /* more are told next time */

static int want_row(void *arg, const struct replica_message *m, struct err *err)
{
	struct want_list *w = arg;
	struct os_stat st;
	char hex[HASH_HEX];

	(void)err;
	if (w->count >= WANTS_MAX)
		return 0;
	hash_hex(&m->hash, hex);
	AUTO_FREE char *whole =
		mem_printf("%s/bodies/%s.body", w->config->state_dir, hex);
	AUTO_FREE char *part =
		mem_printf("%s/bodies/%s.part", w->config->state_dir, hex);
	if (w->config->os->ops->lstat(w->config->os, whole, &st) == 0)
		return 0;
	w->items = mem_grow(w->items, w->count + 1, sizeof(*w->items));
	w->items[w->count++] = (struct parcel_want){m->hash,
		w->config->os->ops->lstat(w->config->os, part, &st) == 0
			? (uint64_t)st.size
			: 0};
	return 0;
}

/* A damaged file's body is asked for as one that never came. */
static int want_damaged(
	void *arg, const struct replica_message *m, struct err *err)
{
	return damage_wants_body((enum damage)m->damage) ? want_row(arg, m, err)
							 : 0;
}

/*
 * Acknowledgements are told when they say something new, or when the peer
 * sent something again: then it has not heard the last one.
 */
static int add_ack(struct packing *p, struct err *err)
{
	struct replica *r = p->account.replica;
	uint64_t peer = p->config->peer->origin;
	struct want_list wants = {.config = p->config};
	int64_t heard = 0, told = -1, count = 0;
	/* Of what waits in the inbox nothing is known yet. */
	int rc = p->config->unread
			 ? 0
			 : replica_bodiless_each(r, want_row, &wants, err);
	if (rc >= 0 && !p->config->unread)
		rc = replica_damaged_each(r, want_damaged, &wants, err);
	struct parcel_ack ack = {.account = p->account.name,
		.incarnation = replica_incarnation(r),
		.wants = wants.items,
		.want_count = wants.count};

	ack.entries = arena_alloc(
		&p->arena, (p->log_count + 1) * sizeof(*ack.entries));
	struct hash_state st;
	hash_init(&st);
	for (size_t i = 0; i < p->log_count; i++) {
		const struct replica_log *log = &p->logs[i];

		if (log->known.log.origin != peer)
			continue;
		ack.entries[ack.entry_count++] =
			(struct parcel_ack_entry){log->known, log->applied};
		hash_add(&st, &log->known.lsn, sizeof(log->known.lsn));
		hash_add(&st, &log->applied, sizeof(log->applied));
	}
	for (size_t i = 0; i < wants.count; i++)
		hash_add(&st, &wants.items[i].hash, HASH_SIZE);
	struct hash sum = hash_end(&st);
	int64_t now;
	memcpy(&now, sum.b, sizeof(now));

	AUTO_FREE char *heard_key =
		mem_printf("heard %016llx", (unsigned long long)peer);
	AUTO_FREE char *told_key =
		mem_printf("told %016llx", (unsigned long long)peer);
	AUTO_FREE char *answered_key =
		mem_printf("answered %016llx", (unsigned long long)peer);
	int64_t answered = 0;
	if (rc >= 0)
		rc = replica_meta_get(r, heard_key, &heard, err);
	if (rc >= 0)
		rc = replica_meta_get(r, told_key, &told, err);
	if (rc >= 0)
		rc = replica_meta_get(r, answered_key, &answered, err);
	if (rc >= 0)
		rc = replica_meta_get(r, "ack count", &count, err);
	/* A peer that sent nothing may be asked for bodies, and is told when
	   they are wanted no more. */
	bool any = ack.entry_count || ack.want_count || told != -1;
	bool needed = any && (now != told || heard != answered);
	if (rc >= 0 && needed) {
		ack.count = (uint64_t)count + 1;
		rc = lading_ack(p->lading, &ack, err);
		p->result->acks++;
	}
	if (rc >= 0 && needed && (rc = replica_begin(r, err)) >= 0) {
		/* Told too early at worst: what the peer then sends again
		   makes us tell it again. */
		rc = replica_meta_set(r, told_key, now, err);
		if (rc >= 0)
			rc = replica_meta_set(r, answered_key, heard, err);
		if (rc >= 0)
			rc = replica_meta_set(r, "ack count", count + 1, err);
		if (rc >= 0)
			rc = replica_commit(r, err);
		replica_rollback(r);
	}
	free(wants.items);
	return rc < 0 ? rc : 0;
}

/* ---- the whole ---- */

static int state_folders(struct packing *p, struct err *err)
{
	struct stating s = {
		.lading = p->lading,
		.replica = p->account.replica,
		.account = p->account.name,
		.index = p->index,
		.self = p->config->self->pub.origin,
		.peer = p->config->peer->origin,
		.logs = p->logs,
		.from = p->from,
		.log_count = p->log_count,
		.record = p->medium,
	};

	return stating_add(&s, err);
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
		.medium = medium,
		.lying = lying};
	int rc = account_open(&p.account, config->os, config->state_dir,
		config->accounts[index], config->self->pub.origin, false, err);

	if (rc == ERR_ABSENT)
		return 0; /* nothing logged or received yet */
	if (rc < 0)
		return rc;
	rc = find_from(&p, err);
	if (rc >= 0)
		rc = add_ack(&p, err);
	if (rc >= 0 && config->send_changes)
		rc = add_logs(&p, err);
	/* Bodies that a peer lacks are no changes. */
	if (rc >= 0 || rc == ERR_OPERATOR) {
		struct err later = ERR_INIT;
		int wants = add_wants(&p, &later);

		if (wants < 0 && rc >= 0) {
			*err = later;
			rc = wants;
		}
	}
	if (rc >= 0 && config->send_changes)
		rc = state_folders(&p, err);
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
	return worst;
}

int handover_to_fd(const struct handover_config *config, int fd,
	const char *name, struct handover_result *ret, struct err *err)
{
	struct lading l;
	struct hash hash;

	*ret = (struct handover_result){0};
	lading_begin(&l, config, ret);
	lading_open_fd(&l, fd, name);
	int worst = pack_all(&l, config, NULL, NULL, ret, err);
	struct err later = ERR_INIT;
	int rc = lading_failed(&l) ? worst : lading_finish(&l, &hash, &later);
	lading_end(&l);
	if (rc < 0) {
		if (later.code)
			*err = later;
		return rc;
	}
	return worst < 0 ? worst : !ret->size;
}

int handover_to_carrier(const struct handover_config *config,
	struct carrier *carrier, struct handover_result *ret, struct err *err)
{
	struct lading l;
	struct carrier_list lying = {0};
	struct id128 medium = carrier->ops->medium(carrier);
	struct err later = ERR_INIT;
	struct hash hash;

	*ret = (struct handover_result){0};
	if (carrier->ops->read_only(carrier))
		return 1;
	int rc = carrier->ops->list(carrier, config->peer->origin, &lying, err);
	if (rc < 0)
		return rc;
	lading_begin(&l, config, ret);
	lading_open_carrier(&l, carrier, &lying);
	int worst = pack_all(&l, config, &medium, &lying, ret, err);
	carrier_list_free(&lying);
	rc = lading_failed(&l) ? worst : lading_finish(&l, &hash, &later);
	if (rc >= 0 && ret->size)
		rc = lading_record(&l, &medium, &later);
	lading_end(&l);
	if (rc < 0) {
		if (later.code)
			*err = later;
		return rc;
	}
	return worst < 0 ? worst : !ret->size;
}
