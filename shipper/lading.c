#include "lading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "damage.h"
#include "err.h"
#include "feed.h"
#include "held.h"
#include "medium.h"
#include "previewing.h"

#define PIECE_MAX (1u << 20) /* bytes of a body in one section */
/*
 * Sections in one parcel, uncompressed. More gains 1 % at level 19 and takes
 * 40 MiB of memory more at both ends.
 */
#define RAW_MAX (4u << 20)
#define ENTRY_SIZE 1024u /* of a parcel in its bundle, besides its bytes */
#define BODY_SIZE 512u	 /* of a body in its parcels */
#define END_SIZE 1024u	 /* of a bundle */
#define BUNDLE_COST (BUNDLE_END_SIZE + MEDIUM_MANIFEST_SIZE)
#define CUT_LEAST 8192u /* of a body that goes in part */

void lading_begin(struct lading *l, const struct handover_config *config,
	struct handover_result *result)
{
	*l = (struct lading){.config = config, .result = result, .fd = -1};
}

void lading_open_fd(struct lading *l, int fd, const char *name)
{
	l->fd = fd;
	l->name = name;
}

/*
 * Sequences only need to grow, also after our state was lost: they are the
 * time, or one more than what lies there.
 */
void lading_open_carrier(struct lading *l, struct carrier *carrier,
	const struct carrier_list *lying)
{
	struct os *os = l->config->os;

	l->carrier = carrier;
	l->name = "bundle";
	/* From a one-way peer no want ever comes: all or nothing. */
	l->bounded = !l->config->oneway && carrier->ops->room &&
		     carrier->ops->room(carrier, &l->room, NULL) >= 0;
	l->bundle_max = l->config->bundle_max;
	if (!l->bundle_max && carrier->ops->bundle_max)
		l->bundle_max = carrier->ops->bundle_max(carrier);
	l->sequence = (uint64_t)(os->ops->wall_ns(os) / 1000000);
	for (size_t i = 0; i < lying->count; i++)
		if (lying->items[i].sender == l->config->self->pub.origin &&
			lying->items[i].sequence >= l->sequence)
			l->sequence = lying->items[i].sequence + 1;
}

void lading_open_live(struct lading *l, const struct handover_live *live)
{
	struct os *os = l->config->os;

	l->live = live;
	/* As one bundle that is there. */
	l->sequence = (uint64_t)(os->ops->wall_ns(os) / 1000000);
}

bool lading_failed(const struct lading *l)
{
	return l->failed;
}

static int open_bundle(struct lading *l, struct err *err)
{
	int rc = 0;

	if (l->bundle)
		return 0;
	if (l->carrier) {
		bool all = !l->bounded && !l->done_count;

		rc = l->carrier->ops->put_begin(l->carrier,
			l->config->peer->origin, l->sequence,
			all ? l->body_bytes : 0, &l->fd, err);
		l->putting = rc >= 0;
	}
	if (rc >= 0)
		rc = bundle_writer_open(
			l->config->os, l->fd, l->name, &l->bundle, err);
	return rc;
}

/* What was noted up to now is in the bundle. */
static void note_packed(struct lading *l)
{
	for (; l->logs_done < l->log_count; l->logs_done++)
		l->logs[l->logs_done].sequence = l->sequence;
	for (; l->told_done < l->told_count; l->told_done++)
		l->told[l->told_done].sequence = l->sequence;
	for (; l->compared_done < l->compared_count; l->compared_done++)
		l->compared[l->compared_done].sequence = l->sequence;
	l->keys.packed |= l->keys.any;
	for (; l->bodies_done < l->bodies_packed; l->bodies_done++)
		if (l->bodies[l->bodies_done].size != UINT64_MAX)
			l->bodies[l->bodies_done].sequence = l->sequence;
}

static int end_bundle(struct lading *l, struct err *err)
{
	struct lading_bundle done = {.sequence = l->sequence};
	int rc = bundle_writer_finish(l->bundle, &done.size, &done.hash, err);

	l->bundle = NULL;
	if (rc >= 0 && l->config->spend)
		rc = l->config->spend(l->config->spend_arg,
			done.size + MEDIUM_MANIFEST_SIZE, err);
	if (rc >= 0 && l->carrier) {
		rc = l->carrier->ops->put_commit(
			l->carrier, done.size, &done.hash, err);
		l->putting = false;
	}
	if (rc < 0)
		return rc;
	l->done = mem_grow(l->done, l->done_count + 1, sizeof(*l->done));
	l->done[l->done_count++] = done;
	l->result->size += done.size;
	l->result->bundles++;
	l->sequence++;
	l->in_bundle = 0;
	return 0;
}

/* For its budget: 1; with a peer that never asks an error, for all is to go. */
static int is_refused(struct lading *l, uint64_t cost, struct err *err)
{
	if (!l->config->budgeted ||
		(l->spent <= l->config->budget &&
			cost <= l->config->budget - l->spent))
		return 0;
	l->result->over_budget = true;
	if (!l->config->oneway)
		return 1;
	return err_set(err, ERR_ABSENT,
		"its budget has room for %llu bytes, and a peer that sends no "
		"acknowledgements gets all or nothing (raise it)",
		(unsigned long long)l->config->budget);
}

/* Returns 1 if it is not to go. */
static int write_parcel(
	struct lading *l, const struct buf *parcel, struct err *err)
{
	uint64_t size = parcel->len + ENTRY_SIZE;
	bool ends = l->bundle && l->bundle_max &&
		    l->in_bundle + size + END_SIZE > l->bundle_max;
	uint64_t cost = bundle_entry_size(parcel->len) +
			(l->bundle && !ends ? 0 : BUNDLE_COST);
	int rc = is_refused(l, cost, err);

	if (rc != 0)
		return rc;
	l->spent += cost;
	if (ends)
		rc = end_bundle(l, err);
	if (rc >= 0)
		rc = open_bundle(l, err);
	if (rc >= 0)
		rc = bundle_writer_add(
			l->bundle, parcel->data, parcel->len, err);
	l->written += size;
	l->in_bundle += size;
	return rc;
}

static int give_contents(struct lading *l, struct err *err)
{
	AUTO_BUF struct buf contents = BUF_INIT;
	int rc = parcel_pack(l->sections.data, l->sections.len,
		l->config->level, &contents, err);

	if (rc < 0)
		return rc;
	l->live->contents(l->live->arg, &contents);
	l->result->size += contents.len;
	return 0;
}

static int give_parcel(struct lading *l, struct err *err)
{
	AUTO_BUF struct buf parcel = BUF_INIT;
	const struct handover_config *c = l->config;
	int rc = c->sign_only ? parcel_sign(c->self, c->peer, l->sections.data,
					l->sections.len, c->level, &parcel, err)
			      : parcel_seal(c->os, c->self, c->peer,
					l->sections.data, l->sections.len,
					c->level, &parcel, err);

	return rc < 0 ? rc : write_parcel(l, &parcel, err);
}

/* What the parcel holds does not go, and nothing behind it. */
static void leave(struct lading *l)
{
	l->full = true;
	l->logs_done = l->log_count;
	l->told_done = l->told_count;
	l->compared_done = l->compared_count;
	l->keys.any = l->keys.packed;
	l->bodies_done = l->bodies_packed;
	l->result->changes = l->changes_in;
	l->result->acks = l->acks_in;
}

static int flush(struct lading *l, struct err *err)
{
	int rc = 0;

	if (!l->sections.len)
		return 0;
	if (!l->full)
		rc = l->live ? give_contents(l, err) : give_parcel(l, err);
	if (rc < 0) {
		l->failed = true;
		return rc;
	}
	if (rc > 0 || l->full) {
		leave(l);
	} else {
		l->result->parcels++;
		l->changes_in = l->result->changes;
		l->acks_in = l->result->acks;
		note_packed(l);
	}
	buf_clear(&l->sections);
	l->section_count = 0;
	return 0;
}

/* Bytes that may yet go into this parcel, and be it that none is saved. */
static uint64_t budget_room(const struct lading *l)
{
	uint64_t taken = l->spent + l->sections.len + 2 * BUNDLE_COST +
			 ENTRY_SIZE + BODY_SIZE;

	if (!l->config->budgeted)
		return UINT64_MAX;
	if (l->full || taken >= l->config->budget)
		return 0;
	return l->config->budget - taken;
}

/* Sections that would be too much together may go one by one. */
static bool is_filled(const struct lading *l, size_t len)
{
	return l->sections.len + len > RAW_MAX ||
	       l->section_count == PARCEL_SECTIONS_MAX || len > budget_room(l);
}

/* A section is never split: make room for it first. */
static int room_for(struct lading *l, size_t len, struct err *err)
{
	if (l->failed)
		return err_set(err, ERR_IO, "the bundle could not be written");
	if (l->sections.len && is_filled(l, len)) {
		int rc = flush(l, err);

		if (rc < 0)
			return rc;
	}
	l->section_count++;
	l->changes_last = false;
	return 0;
}

static void note_changes(struct lading *l, const struct parcel_changes *c)
{
	l->changes_last = true;
	snprintf(l->last_account, sizeof(l->last_account), "%s", c->account);
	l->last_folder = c->from.log.folder;
}

int lading_changes(
	struct lading *l, const struct parcel_changes *c, struct err *err)
{
	int rc = room_for(l, c->len + c->brief_len + 512, err);

	if (rc < 0)
		return rc;
	parcel_add_changes(&l->sections, l->config->self->pub.origin, c);
	if (!c->brief)
		note_changes(l, c);
	return 0;
}

int lading_ack(struct lading *l, const struct parcel_ack *ack, struct err *err)
{
	int rc = room_for(l,
		ack->entry_count * 64 + ack->want_count * 32 +
			ack->late_count * 72,
		err);

	if (rc >= 0)
		parcel_add_ack(&l->sections, l->config->self->pub.origin, ack);
	return rc;
}

/* The most that they can take. */
static size_t lsns_room(const struct parcel_lsns *lsns, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += 48 + lsns[i].count * 20;
	return len;
}

int lading_join(struct lading *l, const struct parcel_join *j, struct err *err)
{
	int rc = room_for(l,
		j->position_count * 64 + j->gone_count * sizeof(*j->gone) +
			lsns_room(j->whole, j->whole_count) + 512,
		err);

	if (rc >= 0)
		parcel_add_join(&l->sections, l->config->self->pub.origin, j);
	return rc;
}

int lading_statement(
	struct lading *l, const struct parcel_statement *s, struct err *err)
{
	bool changes_last = l->changes_last;
	int rc = room_for(l, s->count * 36 + 512, err);
	struct parcel_changes before = {
		.account = l->last_account, .from.log.folder = l->last_folder};

	if (rc < 0)
		return rc;
	/* Unless a parcel was begun. */
	changes_last = changes_last && l->section_count > 1;
	parcel_add_statement(&l->sections, changes_last ? &before : NULL, s);
	return 0;
}

int lading_compare(struct lading *l, enum parcel_section_type type,
	const struct parcel_compare *c, struct err *err)
{
	/* Of runs and logs, the most that each can take. */
	size_t len = c->len + c->key_count * 8 + c->uid_count * 10 + 1024;

	len += lsns_room(c->dead, c->dead_count);
	int rc = room_for(l, len, err);
	if (rc >= 0)
		parcel_add_compare(
			&l->sections, l->config->self->pub.origin, type, c);
	return rc;
}

int lading_keys(struct lading *l, const struct parcel_keys *k,
	const struct peerkeys_said *said, struct err *err)
{
	int rc = room_for(l, 512, err);

	if (rc < 0)
		return rc;
	parcel_add_keys(&l->sections, k);
	l->keys.any = true;
	l->keys.said = *said;
	return 0;
}

void lading_compared(struct lading *l, size_t account)
{
	l->compared = mem_grow(
		l->compared, l->compared_count + 1, sizeof(*l->compared));
	l->compared[l->compared_count++] = (struct lading_compared){account, 0};
}

static size_t slot_of(const struct lading *l, const struct hash *hash)
{
	uint64_t h;

	memcpy(&h, hash->b, sizeof(h));
	size_t at = (size_t)h & (l->slot_count - 1);
	while (l->slots[at] && memcmp(&l->bodies[l->slots[at] - 1].hash, hash,
				       sizeof(*hash)) != 0)
		at = (at + 1) & (l->slot_count - 1);
	return at;
}

static void grow_slots(struct lading *l)
{
	free(l->slots);
	l->slot_count = l->slot_count ? 2 * l->slot_count : 1024;
	l->slots = mem_array(l->slot_count, sizeof(*l->slots));
	for (size_t i = 0; i < l->body_count; i++)
		l->slots[slot_of(l, &l->bodies[i].hash)] = i + 1;
}

/* Returns NULL if it was noted already. */
static struct lading_body *note_body(struct lading *l, size_t account,
	const struct hash *hash, uint64_t size, uint64_t offset)
{
	if (l->body_count * 2 >= l->slot_count)
		grow_slots(l);
	size_t at = slot_of(l, hash);
	if (l->slots[at])
		return NULL;
	l->bodies = mem_room(l->bodies, l->body_count, sizeof(*l->bodies));
	struct lading_body *b = &l->bodies[l->body_count++];
	*b = (struct lading_body){.account = account,
		.hash = *hash,
		.size = size,
		.offset = offset};
	l->slots[at] = l->body_count;
	return b;
}

int lading_want(struct lading *l, size_t account, const struct hash *hash,
	uint64_t size, uint64_t offset)
{
	if (!note_body(l, account, hash, size, offset))
		return 1;
	l->body_bytes += size - (offset < size ? offset : size);
	return 0;
}

int lading_hold(struct lading *l, size_t account, const struct hash *hash,
	uint64_t size, uint64_t offset)
{
	struct lading_body *b = note_body(l, account, hash, size, offset);

	if (!b)
		return 1;
	b->held = true;
	l->result->held++;
	l->result->held_bytes += size;
	return 0;
}

void lading_preview(struct lading *l, size_t account, const struct hash *held)
{
	struct hash name = held_preview_name(held);
	uint64_t most = l->config->preview;
	struct lading_body *b = note_body(l, account, &name, most, 0);

	if (!b)
		return;
	b->preview = true;
	b->of = *held;
	l->body_bytes += most;
	l->result->previews += l->live != NULL;
}

void lading_sent(struct lading *l, size_t account, int64_t log,
	const struct position *to)
{
	l->logs = mem_grow(l->logs, l->log_count + 1, sizeof(*l->logs));
	l->logs[l->log_count++] = (struct lading_log){account, log, *to, 0};
}

void lading_told(struct lading *l, const struct lading_told *told)
{
	l->told = mem_grow(l->told, l->told_count + 1, sizeof(*l->told));
	l->told[l->told_count++] = *told;
}

static uint64_t left_of(const struct lading_body *b)
{
	return b->size - (b->offset < b->size ? b->offset : b->size);
}

/* Does the carrier have room for it, if it cannot be compressed? */
static bool fits(const struct lading *l, const struct lading_body *b)
{
	uint64_t size = left_of(b);
	uint64_t needed = l->written + l->sections.len + size +
			  (2 + size / PIECE_MAX) * (ENTRY_SIZE + BODY_SIZE);

	return !l->bounded || needed <= l->room;
}

/*
 * Bytes of a body that may go in one piece, the next; 0: it stays behind. Of one
 * that the budget has no room for a part may go: the peer will say from where it
 * wants the rest.
 */
static size_t piece_room(const struct lading *l, bool fits, uint64_t left)
{
	uint64_t room = budget_room(l);

	if (l->config->oneway || (fits && left <= room))
		return PIECE_MAX;
	if (!fits || room < CUT_LEAST)
		return 0;
	return room < PIECE_MAX ? (size_t)room : PIECE_MAX;
}

static void leave_body(struct lading *l, struct lading_body *b, bool fits)
{
	l->result->over_budget |= fits;
	l->result->left++;
	l->result->left_bytes += left_of(b);
	b->size = UINT64_MAX; /* not in the bundle */
}

static void record_damage(
	struct lading *l, struct replica *r, const struct hash *hash)
{
	AUTO_ARENA struct arena arena = {0};
	struct os *os = l->config->os;
	struct replica_message m, other;

	if (replica_message_with_hash(r, hash, NULL, 0, &arena, &m, NULL) ||
		m.damage ||
		replica_message_with_hash(
			r, hash, NULL, m.id, &arena, &other, NULL) != 1)
		return;
	int rc = replica_begin(r, NULL);
	if (rc >= 0)
		rc = damage_set(r, m.id, DAMAGE_BYTES, 0,
			os->ops->wall_ns(os) / 1000000, NULL);
	if (rc >= 0)
		replica_commit(r, NULL);
	replica_rollback(r);
}

/*
 * So status says it, and peers are asked for the body. The applier, which may
 * open mail, judges it once more. Of several mails with this body some may be
 * expunged by now: these are a scan's to tell apart. Where it cannot be
 * recorded it is told all the same.
 */
static void note_damaged(struct lading *l, const struct lading_body *b)
{
	struct account a;

	if (account_open(&a, l->config->os, l->config->state_dir,
		    l->config->accounts[b->account],
		    l->config->self->pub.origin, false, NULL) < 0)
		return;
	record_damage(l, a.replica, &b->hash);
	account_close(&a);
}

/* A mail that cannot be read has none. */
static int pack_preview(
	struct lading *l, struct lading_body *b, struct err *err)
{
	const char *account = l->config->accounts[b->account];
	bool there = fits(l, b);

	if (!l->config->body) {
		l->result->body_bytes += b->size;
		return 0;
	}
	if (piece_room(l, there, b->size) < b->size) {
		leave_body(l, b, there);
		return 0;
	}
	int rc = room_for(l, b->size + PARCEL_ACCOUNT_MAX + 64, err);
	if (rc >= 0)
		rc = previewing_add(
			l->config, account, &b->of, b->size, &l->sections, err);
	if (rc == 0)
		l->result->previews++;
	else
		b->size = UINT64_MAX;
	return rc < 0 ? rc : 0;
}

/* All of one body, in pieces. Gone or damaged ones are counted, no failure:
   the peer will say that it still wants them. */
static int pack_body(struct lading *l, struct lading_body *b, struct err *err)
{
	const char *account = l->config->accounts[b->account];
	AUTO_BUF struct buf bytes = BUF_INIT;
	uint64_t offset = b->offset;

	if (b->preview)
		return pack_preview(l, b, err);
	if (!l->config->body) {
		l->result->bodies++;
		l->result->body_bytes += left_of(b);
		return 0;
	}
	bool there = fits(l, b);
	do {
		uint64_t size;
		size_t most =
			piece_room(l, there, left_of(b) + b->offset - offset);

		if (!most) {
			leave_body(l, b, there);
			return 0;
		}
		buf_clear(&bytes);
		int rc = l->config->body(l->config->body_arg, account, &b->hash,
			offset, most, &bytes, &size, err);
		if (rc == ERR_ABSENT || rc == ERR_CORRUPT) {
			l->result->missing += rc == ERR_ABSENT;
			l->result->damaged += rc == ERR_CORRUPT;
			if (rc == ERR_CORRUPT && !l->config->rehearse)
				note_damaged(l, b);
			b->size = UINT64_MAX; /* not in the bundle */
			return 0;
		}
		if (rc >= 0)
			rc = room_for(l, bytes.len + 64, err);
		if (rc < 0)
			return rc;
		struct parcel_body piece = {
			b->hash, size, offset, bytes.data, bytes.len};
		parcel_add_body(&l->sections, &piece);
		offset += bytes.len;
		b->size = size;
	} while (offset < b->size && bytes.len);
	l->result->bodies++;
	l->result->body_bytes += b->size;
	if (b->size > FEED_SMALL) {
		l->result->large++;
		l->result->large_bytes += b->size;
	}
	return 0;
}

enum rank { RANK_SMALL, RANK_LARGE, RANK_HELD };

static enum rank rank_of(const struct lading_body *b)
{
	return b->held		      ? RANK_HELD
	       : b->size > FEED_SMALL ? RANK_LARGE
				      : RANK_SMALL;
}

/*
 * As on a live link: small ones, then large ones, each in the order in which
 * they were noted; last what stays here. Returns how many do not. After it
 * none is noted any more.
 */
static size_t order_bodies(struct lading *l)
{
	struct lading_body *ordered =
		mem_array(l->body_count + 1, sizeof(*ordered));
	size_t count = 0, to_go = 0;

	for (enum rank rank = RANK_SMALL; rank <= RANK_HELD; rank++) {
		if (rank == RANK_HELD)
			to_go = count;
		for (size_t i = 0; i < l->body_count; i++)
			if (rank_of(&l->bodies[i]) == rank)
				ordered[count++] = l->bodies[i];
	}
	free(l->bodies);
	l->bodies = ordered;
	return to_go;
}

static int pack_bodies(struct lading *l, struct err *err)
{
	uint64_t done = 0;

	/* Changes go ahead of bodies, in a parcel of their own. */
	int rc = l->body_bytes > PIECE_MAX ? flush(l, err) : 0;
	size_t count = order_bodies(l);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		uint64_t size = l->bodies[i].size;

		rc = pack_body(l, &l->bodies[i], err);
		l->bodies_packed += rc >= 0;
		done += size;
		if (l->config->progress)
			l->config->progress(
				l->config->progress_arg, done, l->body_bytes);
	}
	return rc;
}

static void give_bodies(struct lading *l)
{
	for (size_t i = 0; i < l->body_count; i++) {
		const struct lading_body *b = &l->bodies[i];

		const char *account = l->config->accounts[b->account];

		if (b->preview)
			l->live->preview(l->live->arg, account, &b->hash,
				&b->of, b->size);
		else if (!b->held)
			l->live->body(l->live->arg, account, &b->hash, b->size,
				b->offset);
	}
}

int lading_finish(struct lading *l, struct err *err)
{
	int rc = 0;

	if (l->live)
		give_bodies(l);
	else
		rc = pack_bodies(l, err);

	if (rc >= 0)
		rc = flush(l, err);
	return rc < 0 || !l->bundle ? rc : end_bundle(l, err);
}

/* What is on the carrier already is taken back, as far as it lets us. */
static void take_back(struct lading *l)
{
	for (size_t i = 0; i < l->done_count; i++) {
		struct carrier_item item = {
			.sender = l->config->self->pub.origin,
			.recipient = l->config->peer->origin,
			.sequence = l->done[i].sequence,
			.size = l->done[i].size,
			.hash = l->done[i].hash};

		l->carrier->ops->remove(l->carrier, &item, NULL);
	}
	l->done_count = 0;
	l->result->size = 0;
	l->result->bundles = 0;
}

static bool lies_there(const struct lading *l, uint64_t sequence)
{
	for (size_t i = 0; i < l->done_count; i++)
		if (l->done[i].sequence == sequence)
			return true;
	return false;
}

void lading_undo(struct lading *l)
{
	/* It never asks for the rest. */
	if (l->config->oneway)
		take_back(l);
	for (size_t i = 0; i < l->log_count; i++)
		if (!lies_there(l, l->logs[i].sequence))
			l->logs[i].sequence = 0;
	for (size_t i = 0; i < l->told_count; i++)
		if (!lies_there(l, l->told[i].sequence))
			l->told[i].sequence = 0;
	for (size_t i = 0; i < l->compared_count; i++)
		if (!lies_there(l, l->compared[i].sequence))
			l->compared[i].sequence = 0;
	l->keys.packed = false; /* it is said once more */
	for (size_t i = 0; i < l->body_count; i++)
		if (!lies_there(l, l->bodies[i].sequence))
			l->bodies[i].sequence = 0;
}

void lading_end(struct lading *l)
{
	if (l->bundle)
		bundle_writer_abort(l->bundle);
	if (l->putting)
		l->carrier->ops->put_abort(l->carrier);
	buf_free(&l->sections);
	free(l->bodies);
	free(l->slots);
	free(l->logs);
	free(l->compared);
	free(l->told);
	free(l->done);
	*l = (struct lading){.fd = -1};
}
