#include "cargo.h"

#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "err.h"
#include "fields.h"
#include "fold.h"
#include "held.h"
#include "inventory.h"
#include "joining.h"
#include "quarantine.h"
#include "relaying.h"
#include "segment.h"
#include "showing.h"
#include "viewed.h"

#define SECTION_CHANGES 4096 /* changes folded together: bounds memory */

/* Of an INBOX without mail nobody is the home yet: what is said of the folder
   itself is everybody's to say. That it was given away its old home says. */
static int keep_home_changes(
	struct packing *p, struct change_batch *batch, struct err *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < batch->count; i++) {
		int home = replica_is_home(
			p->account.replica, &batch->items[i].folder, true, err);

		if (home < 0)
			return home;
		if (home || claim_gives_away(&batch->items[i]))
			batch->items[kept++] = batch->items[i];
	}
	batch->count = kept;
	return 0;
}

static bool knows_dot(const struct packing *p, const struct dot *dot)
{
	if (!dot->lsn)
		return false;
	if (dot->log.origin == p->config->peer->origin)
		return true;
	for (size_t i = 0; i < p->log_count; i++)
		if (log_id_cmp(&p->logs[i].known.log, &dot->log) == 0)
			return dot->lsn <= p->from[i];
	return false;
}

/* Has it heard of the message, and not forgotten it since (showing.h)? */
static int peer_has_dot(
	struct packing *p, const struct dot *dot, struct err *err)
{
	enum view_message is;
	int64_t row;

	if (!knows_dot(p, dot) || !p->partial)
		return knows_dot(p, dot);
	int rc = view_message(p->account.replica, p->config->peer->origin, dot,
		&is, &row, err);
	return rc < 0 ? rc : is != VIEW_HIDDEN;
}

/* Does it have, and keep, a message with this body? */
static int peer_has_body(
	struct packing *p, const struct hash *hash, struct err *err)
{
	struct dot *dots;
	size_t count;
	int rc = replica_dots_with_hash(
		p->account.replica, hash, &p->arena, &dots, &count, err);

	for (size_t i = 0; i < count && rc == 0; i++)
		rc = peer_has_dot(p, &dots[i], err);
	return rc;
}

/* The body of what a COPY or MOVE speaks of. */
static int peer_has_source(
	struct packing *p, const struct change *c, struct err *err)
{
	const struct dot *dot = c->kind == CHANGE_COPY ? &c->source : &c->dot;

	/* Written out from the state it names no source. */
	return knows_dot(p, dot) || (c->kind == CHANGE_COPY && !dot->lsn &&
					    peer_has_body(p, &c->hash, err));
}

/* Too large for the link? */
static bool is_large(const struct packing *p, uint64_t size)
{
	return p->config->holds && size > p->config->hold;
}

/* In an overlap. Small mail goes once more, too. What was held, and may have
   gone another way, is not held anew. */
static bool was_handed_over(struct packing *p, const struct change *c)
{
	if (!knows_dot(p, &c->dot))
		return false;
	if (c->size > p->overlap_room || is_large(p, c->size))
		return true;
	p->overlap_room -= c->size;
	return false;
}

/* Does it stay here, because of its size? 1 or 0. */
static int is_held(struct packing *p, const struct hash *hash, uint64_t size,
	struct err *err)
{
	if (!is_large(p, size))
		return 0;
	int rc = held_is_released(
		p->account.replica, p->config->peer->origin, hash, err);

	return rc < 0 ? rc : !rc;
}

/* Does the peer have its preview, or is that under way? 1 or 0. */
static int is_previewed(
	struct packing *p, const struct hash *hash, struct err *err)
{
	struct replica *r = p->account.replica;
	uint64_t peer = p->config->peer->origin;
	struct hash name = held_preview_name(hash);
	int rc = held_is_previewed(r, peer, hash, err);

	if (rc == 0 && p->medium)
		rc = replica_sent_has_body(
			r, peer, p->config->link, p->medium, &name, err);
	if (rc == 0 && p->live)
		rc = p->live->knows(p->live->arg, &name);
	return rc;
}

static int hold_body(struct packing *p, const struct hash *hash, uint64_t size,
	uint64_t offset, struct err *err)
{
	int rc = p->config->preview ? is_previewed(p, hash, err) : 1;

	lading_hold(p->lading, p->index, hash, size, offset);
	if (rc == 0)
		lading_preview(p->lading, p->index, hash);
	return rc < 0 ? rc : 0;
}

int cargo_body(struct packing *p, const struct hash *hash, uint64_t size,
	uint64_t offset, struct err *err)
{
	int rc = is_held(p, hash, size, err);

	if (rc < 0)
		return rc;
	if (rc > 0)
		return hold_body(p, hash, size, offset, err);
	lading_want(p->lading, p->index, hash, size, offset);
	return 0;
}

static int note_bodies(
	struct packing *p, const struct change_batch *batch, struct err *err)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct change *c = &batch->items[i];
		struct replica_message m;
		int rc;

		if (!change_is_birth(c))
			continue;
		rc = replica_message_by_dot(
			p->account.replica, &c->dot, &p->arena, &m, err);
		if (rc < 0)
			return rc;
		if (rc > 0)
			continue; /* expunged since */
		rc = c->kind == CHANGE_SAVE ? was_handed_over(p, c)
					    : peer_has_source(p, c, err);
		/* What did not come here yet the peer will want. */
		if (rc == 0 && p->passing)
			rc = relaying_lacks_body(p, &c->hash, err);
		if (rc < 0)
			return rc;
		if (rc == 0)
			rc = cargo_body(p, &c->hash, c->size, 0, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool is_its_own(const struct packing *p, const struct log_id *log)
{
	return log->origin == p->config->peer->origin;
}

static bool is_ours(const struct packing *p, const struct log_id *log)
{
	return log->origin == p->config->self->pub.origin;
}

/*
 * What a peer may stand at is noted before anybody can see it: who stands
 * elsewhere has it from a machine that is not this one (lib/replica/spoken.h).
 */
static int note_end(struct packing *p, size_t log, const struct position *end,
	struct err *err)
{
	struct replica_end row = {end->lsn, end->chain};

	return end->chain ? replica_handed_add(p->account.replica,
				    p->config->peer->origin, p->logs[log].id,
				    &row, err)
			  : 0;
}

static int note_one_end(struct packing *p, size_t log,
	const struct position *end, struct err *err)
{
	struct replica *r = p->account.replica;
	int rc = replica_begin(r, err);

	if (rc >= 0)
		rc = note_end(p, log, end, err);
	if (rc >= 0)
		rc = replica_commit(r, err);
	replica_rollback(r);
	return rc;
}

/* Where the peer may stand between the two. */
static int add_ends(struct packing *p, size_t log, struct parcel_changes *c,
	struct parcel_end ends[PARCEL_ENDS_MAX], struct err *err)
{
	struct replica_end *handed;
	int rc = replica_handed(p->account.replica, p->config->peer->origin,
		p->logs[log].id, c->from.lsn, c->to.lsn, &p->arena, &handed,
		&c->end_count, err);

	for (size_t i = 0; i < c->end_count && rc >= 0; i++)
		ends[i] = (struct parcel_end){
			handed[i].lsn, (uint32_t)handed[i].chain};
	c->ends = ends;
	return rc;
}

/* Was more than what counts as known handed over before? Then somebody asked
   for it again. */
static int is_again(struct packing *p, size_t log, struct err *err)
{
	struct replica_end *handed;
	size_t count;
	int rc = replica_handed(p->account.replica, p->config->peer->origin,
		p->logs[log].id, p->from[log], UINT64_MAX >> 1, &p->arena,
		&handed, &count, err);

	return rc < 0 ? rc : count > 0;
}

/* ---- in brief ---- */

/* Where the mail of a birth lies here, for the peer to find it at home. As it
   is now: what the birth says else is told whole. */
static int find_place(struct packing *p, const struct change *c,
	struct replica_folder *folder, struct brief_place *ret, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message m;
	int rc = replica_message_by_dot(
		p->account.replica, &c->dot, &arena, &m, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	const char *guid = fields_get(&arena, m.extra, 'G');
	bool by_guid = strcmp(c->base, m.base) != 0;
	if (!m.uid || m.dead || m.size != c->size || m.mtime != c->mtime ||
		memcmp(&m.hash, &c->hash, sizeof(m.hash)) != 0 ||
		(by_guid && (!guid || strcmp(guid, c->base) != 0)))
		return 0;
	if (folder->id != m.folder)
		rc = replica_folder_by_row(
			p->account.replica, m.folder, &p->arena, folder, err);
	if (rc == 0 && folder->uidvalidity)
		*ret = (struct brief_place){
			folder->uidvalidity, m.uid, by_guid};
	return rc < 0 ? rc : 0;
}

/* What the peer has itself is left out, but where it asked for it. */
static int shorten(struct packing *p, const struct log_id *log,
	struct change_batch *batch, uint64_t base_ms, struct buf *ret,
	struct err *err)
{
	AUTO_FREE struct brief_place *places =
		mem_array(batch->count + 1, sizeof(*places));
	struct replica_folder folder = {.id = 0};
	struct whole_run *whole;
	size_t count, at = 0;
	int rc = whole_list(p->account.replica, WHOLE_OWED,
		p->config->peer->origin, &p->arena, &whole, &count, err);

	for (size_t i = 0; i < batch->count && rc >= 0; i++) {
		const struct change *c = &batch->items[i];

		while (at < count &&
			(log_id_cmp(&whole[at].log, log) < 0 ||
				(!log_id_cmp(&whole[at].log, log) &&
					whole[at].last < c->by.lsn)))
			at++;
		bool owed = at < count && !log_id_cmp(&whole[at].log, log) &&
			    whole[at].first <= c->by.lsn;
		if (change_is_birth(c) && !owed)
			rc = find_place(p, c, &folder, &places[i], err);
	}
	if (rc >= 0)
		brief_make(batch, places, base_ms, p->seed, ret);
	return rc;
}

/* Changes that bring whoever knows a log up to `from` to `to`. There may be
   none, where other logs have overwritten them: the position is news. */
static int put_section(struct packing *p, size_t log,
	struct change_batch *batch, const struct position *from,
	const struct position *to, uint64_t base_ms, struct err *err)
{
	AUTO_BUF struct buf payload = BUF_INIT, brief = BUF_INIT;
	uint64_t first_lsn = from->lsn + 1;
	bool ours = is_ours(p, &from->log),
	     view = view_is_log(&from->log.folder);
	int rc = 0;

	if (ours && id_is_account(&from->log.folder)) {
		rc = keep_home_changes(p, batch, err);
		if (rc >= 0)
			rc = showing_account(p, batch, err);
	} else if (p->partial && ours && !view) {
		rc = showing_folder(
			p, from, to, p->from_state, batch, &first_lsn, err);
	}
	if (rc >= 0 && !p->asker.incarnation)
		rc = note_bodies(p, batch, err);
	if (rc < 0)
		return rc;
	if (p->asker.brief && !p->partial && !id_is_account(&from->log.folder))
		rc = shorten(p, &from->log, batch, base_ms, &brief, err);
	if (rc < 0)
		return rc;
	struct change_context ctx = {from->log, first_lsn, base_ms};
	change_encode(&ctx, batch->items, batch->count, &payload);
	struct parcel_changes c = {
		.account = p->there,
		.from = *from,
		.to = *to,
		.base_ms = base_ms,
		.first_lsn = ctx.first_lsn,
		.unasked = p->config->oneway && !brief.len,
		.part = p->partial && ours && !view,
		.again = p->again ? p->logs[log].known.lsn : 0,
		.payload = payload.data,
		.len = payload.len,
		.brief = brief.data,
		.brief_len = brief.len,
	};
	struct parcel_end ends[PARCEL_ENDS_MAX];
	rc = add_ends(p, log, &c, ends, err);
	if (rc < 0)
		return rc;
	p->result->changes += batch->count;
	rc = lading_changes(p->lading, &c, err);
	lading_sent(p->lading, p->index, p->logs[log].id, to);
	return rc;
}

/* ---- from the segments ---- */

static int put_folded(struct packing *p, size_t log,
	const struct change_batch *batch, const struct position *from,
	const struct position *to, uint64_t base_ms, struct err *err)
{
	struct change_batch folded = {0};

	fold_changes(batch->items, batch->count, FOLD_DROP_DEAD, &folded);
	int rc = put_section(p, log, &folded, from, to, base_ms, err);
	change_batch_free(&folded);
	return rc;
}

/* Where the reading of one log stands. */
struct span {
	struct change_batch batch;
	struct position from, to;
	uint64_t base_ms;
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
	if (last <= s->to.lsn)
		return 0;
	if (s->batch.count && s->batch.count + frame->count > SECTION_CHANGES) {
		rc = note_one_end(p, log, &s->to, err);
		if (rc >= 0)
			rc = put_folded(p, log, &s->batch, &s->from, &s->to,
				s->base_ms, err);
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

/*
 * All that the segments say behind *from, which is moved along. Errors:
 * ERR_ABSENT: they do not reach back that far; ERR_CORRUPT.
 */
static int read_segments(
	struct packing *p, size_t i, struct position *from, struct err *err)
{
	const struct replica_log *log = &p->logs[i];
	struct log_end end = {
		log->file_lsn, log->known.lsn, log->known.chain, log->size};
	struct span s = {.from = *from, .to = *from};
	struct log_reader reader;
	struct frame frame = {0};
	char hex[ID_HEX];

	id_hex(&log->known.log.folder, hex);
	AUTO_FREE char *dir = mem_printf("%s/%s", p->account.log_dir, hex);
	int rc = log_reader_open(&reader, p->config->os, dir,
		log->known.log.incarnation, &end, from->lsn + 1, err);
	if (rc < 0)
		return rc;
	while ((rc = log_reader_next(&reader, &frame, err)) > 0) {
		rc = take_frame(p, i, &s, &frame, err);
		if (rc < 0)
			break;
	}
	frame_free(&frame);
	log_reader_close(&reader);
	/* The end is the durable one: statements behind it are chained too. */
	s.to = log->known;
	if (rc >= 0 && s.to.lsn > s.from.lsn) {
		rc = put_folded(p, i, &s.batch, &s.from, &s.to, s.base_ms, err);
		s.from = s.to;
	}
	change_batch_free(&s.batch);
	*from = s.from;
	return rc < 0 ? rc : 0;
}

/* ---- from the state ---- */

static uint64_t oldest_ms(const struct change_batch *batch)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < batch->count; i++) {
		uint64_t ms = STAMP_MS(batch->items[i].by.stamp);

		if (ms && ms < least)
			least = ms;
	}
	return least == UINT64_MAX ? 0 : least;
}

/*
 * The chain value at the end of a slice is known only where the log ends: for
 * the others 0 says so, and the receiver takes any.
 */
static int write_out_to(struct packing *p, size_t i, struct position from,
	const struct position *end, struct err *err)
{
	int rc = 0;

	p->from_state = true;
	while (from.lsn < end->lsn && rc >= 0) {
		struct change_batch batch = {0};
		struct position to = {from.log, 0, 0};

		rc = replica_write_out(p->account.replica, &from.log, from.lsn,
			end->lsn, &batch, &to.lsn, err);
		if (to.lsn == end->lsn)
			to.chain = end->chain;
		p->result->written_out += batch.count;
		if (rc >= 0)
			rc = put_section(p, i, &batch, &from, &to,
				oldest_ms(&batch), err);
		change_batch_free(&batch);
		from = to;
	}
	p->from_state = false;
	return rc;
}

static int write_out(
	struct packing *p, size_t i, struct position from, struct err *err)
{
	return write_out_to(p, i, from, &p->logs[i].known, err);
}

/* ---- the logs ---- */

/*
 * Of a folder that was given to another site its old log is told as far as it
 * was the home's: the new home's speaks of mail that was born in it. From the
 * state, for behind that the segments hold what stays here.
 */
static struct position given_end(const struct replica_log *log)
{
	struct position end = {log->known.log, log->given, 0};

	if (log->given == log->known.lsn)
		end.chain = log->known.chain;
	return end;
}

/*
 * A peer that cannot be asked gets what it got last once more with the next:
 * one bundle that is lost then leaves no hole.
 */
static int overlap(
	struct packing *p, size_t i, struct position *from, struct err *err)
{
	struct replica_end *handed, before = {0};
	size_t count, most = p->config->overlap;
	int rc = replica_handed(p->account.replica, p->config->peer->origin,
		p->logs[i].id, 0, from->lsn, &p->arena, &handed, &count, err);

	if (rc < 0 || !most)
		return rc;
	if (count >= most)
		before = handed[count - most];
	if (from->lsn - before.lsn > SECTION_CHANGES)
		return 0;
	from->lsn = before.lsn;
	from->chain = before.chain;
	return 0;
}

/* As it is now, for what was handed over may be what was lost there. */
static int add_again(struct packing *p, size_t i, const struct position *from,
	struct err *err)
{
	p->again = true;
	int rc = write_out(p, i, *from, err);
	p->again = false;
	return rc;
}

/* What the peer is shown, and is not any more (lib/replica/viewed.h). */
static int add_view(struct packing *p, size_t i, struct err *err)
{
	const struct position *known = &p->logs[i].known;
	struct position from = {known->log, p->from[i], 0};
	struct change_batch batch = {0};
	int rc = view_write_out(p->account.replica, p->config->peer->origin,
		&known->log, from.lsn, &batch, err);

	if (rc >= 0)
		rc = put_section(
			p, i, &batch, &from, known, oldest_ms(&batch), err);
	change_batch_free(&batch);
	return rc;
}

/* Another site's log, as far as it is known here. */
static int pass_on(struct packing *p, size_t i, struct err *err)
{
	struct position end = relaying_position(&p->logs[i].known);
	struct position from = {end.log, p->from[i], 0};

	p->passing = true;
	int rc = write_out_to(p, i, from, &end, err);
	p->passing = false;
	return rc;
}

enum choice {
	CHOSEN_NOT,
	CHOSEN,
	CHOSEN_AGAIN,
	CHOSEN_GIVEN,
	CHOSEN_VIEW,
	CHOSEN_PASSED
};

/* Damage is told, and the writer is to look; the peer goes without nothing. */
static int add_log(struct packing *p, size_t i, enum choice choice,
	struct err *damage, struct err *err)
{
	struct position from = {
		p->logs[i].known.log, p->from[i], p->from_chain[i]};
	int rc = 0;

	if (choice == CHOSEN_AGAIN)
		return add_again(p, i, &from, err);
	if (choice == CHOSEN_VIEW)
		return add_view(p, i, err);
	if (choice == CHOSEN_PASSED)
		return pass_on(p, i, err);
	if (choice == CHOSEN_GIVEN) {
		struct position end = given_end(&p->logs[i]);

		return write_out_to(p, i, from, &end, err);
	}
	if (p->config->oneway)
		rc = overlap(p, i, &from, err);
	if (rc < 0)
		return rc;
	rc = read_segments(p, i, &from, err);

	if (rc != ERR_ABSENT && rc != ERR_CORRUPT)
		return rc;
	if (rc == ERR_CORRUPT) {
		*damage = *err;
		rc = p->config->rehearse ? 0
					 : quarantine_ask(&p->account,
						   &from.log.folder, err);
		if (rc < 0)
			return rc;
	}
	return write_out(p, i, from, err);
}

/* What it wrote before the incarnation with which it joins. */
static int return_log(struct packing *p, size_t i, struct err *err)
{
	const struct replica_log *log = &p->logs[i];
	struct position from = {log->known.log, p->from[i], p->from_chain[i]};

	if (!is_its_own(p, &log->known.log) ||
		log->known.log.incarnation == p->asker.incarnation ||
		log->known.lsn <= p->from[i])
		return 0;
	return write_out(p, i, from, err);
}

static int choose_log(
	struct packing *p, size_t i, enum choice *ret, struct err *err)
{
	const struct position *known = &p->logs[i].known;
	int rc;

	*ret = p->passed[i] && known->lsn > p->from[i] ? CHOSEN_PASSED
						       : CHOSEN_NOT;
	if (known->log.origin != p->config->self->pub.origin ||
		known->lsn <= p->from[i] || p->hidden[i])
		return 0;
	if (view_is_log(&known->log.folder)) {
		*ret = CHOSEN_VIEW;
		return 0;
	}
	rc = replica_is_home(
		p->account.replica, &known->log.folder, false, err);
	if (rc == 0 && p->logs[i].given > p->from[i])
		*ret = CHOSEN_GIVEN;
	if (rc <= 0)
		return rc;
	*ret = CHOSEN;
	rc = p->config->oneway ? is_again(p, i, err) : 0;
	if (rc > 0)
		*ret = CHOSEN_AGAIN;
	return rc;
}

/* Which logs it is to get something of; the ends of ours are noted. */
static int choose_logs(struct packing *p, enum choice *ret, struct err *err)
{
	struct replica *r = p->account.replica;
	bool begun = false;
	int rc = 0;

	for (size_t i = 0; i < p->log_count && rc >= 0; i++) {
		rc = choose_log(p, i, &ret[i], err);
		if (rc < 0 || ret[i] == CHOSEN_NOT || ret[i] == CHOSEN_PASSED)
			continue;
		struct position end = ret[i] == CHOSEN_GIVEN
					      ? given_end(&p->logs[i])
					      : p->logs[i].known;
		rc = begun ? 0 : replica_begin(r, err);
		begun = true;
		if (rc >= 0)
			rc = note_end(p, i, &end, err);
	}
	if (rc >= 0 && begun)
		rc = replica_commit(r, err);
	if (begun)
		replica_rollback(r);
	return rc;
}

int cargo_add(struct packing *p, struct err *err)
{
	AUTO_FREE enum choice *chosen =
		mem_array(p->log_count + 1, sizeof(*chosen));
	struct err damage = ERR_INIT;
	int64_t joins;
	int rc = joining_since(p->account.replica, &joins, err);

	for (size_t i = 0; p->asker.incarnation && i < p->log_count && rc >= 0;
		i++)
		rc = return_log(p, i, err);
	if (rc < 0 || !p->config->send_changes)
		return rc;
	/* Of its own logs it knows a part, perhaps, and a peer would place
	   mail without what was before it. But who asks is told all. */
	if (joins && !p->asker.incarnation)
		return 0;
	rc = choose_logs(p, chosen, err);
	for (size_t i = 0; i < p->log_count && rc >= 0; i++)
		if (chosen[i] != CHOSEN_NOT)
			rc = add_log(p, i, chosen[i], &damage, err);
	if (rc < 0 || !damage.code)
		return rc < 0 ? rc : 0;
	*err = damage;
	err->code = ERR_OPERATOR;
	return err_wrap(err,
		"account %s: a log is damaged; what it held was handed over "
		"from the state",
		p->account.name);
}
