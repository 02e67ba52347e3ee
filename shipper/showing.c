#include "showing.h"

#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "compared.h"
#include "err.h"
#include "viewed.h"

static uint64_t peer_of(const struct packing *p)
{
	return p->config->peer->origin;
}

/* ---- the view ---- */

static bool shows(void *arg, const char *path)
{
	return view_rule_shows(arg, path);
}

/* Bundles are numbered by the clock. */
static int note_last(const struct handover_config *config, struct replica *r,
	struct err *err)
{
	struct os *os = config->os;
	AUTO_FREE char *key = replica_peer_key("view", config->peer->origin);

	return replica_meta_set(r, key, os->ops->wall_ns(os) / 1000000, err);
}

int showing_last(
	struct replica *r, uint64_t peer, uint64_t *ret, struct err *err)
{
	AUTO_FREE char *key = replica_peer_key("view", peer);
	int64_t ms = 0;
	int rc = replica_meta_get(r, key, &ms, err);

	*ret = (uint64_t)ms;
	return rc < 0 ? rc : 0;
}

/* Where nothing is hidden, and nothing was, there is nothing to note. */
int showing_settle(const struct handover_config *config, struct replica *r,
	struct err *err)
{
	uint64_t peer = config->peer->origin;
	struct view_rule rule = config->view;
	int was = view_is_partial(r, peer, err);

	if (was < 0 || (!rule.count && !was) || !config->send_changes)
		return was < 0 ? was : 0;
	int rc = replica_begin(r, err);
	int any = rc < 0 ? rc : view_settle(r, peer, shows, &rule, err);

	if (any > 0)
		rc = note_last(config, r, err);
	if (any > 0 && rc >= 0)
		rc = replica_commit(r, err);
	replica_rollback(r);
	return any < 0 ? any : rc;
}

int showing_find(struct packing *p, struct err *err)
{
	struct replica *r = p->account.replica;
	int rc = view_is_partial(r, peer_of(p), err);

	p->hidden =
		arena_alloc(&p->arena, (p->log_count + 1) * sizeof(*p->hidden));
	memset(p->hidden, 0, (p->log_count + 1) * sizeof(*p->hidden));
	p->partial = rc > 0 || p->config->view.count;
	for (size_t i = 0; i < p->log_count && rc >= 0; i++) {
		rc = view_hides_log(r, peer_of(p), &p->logs[i].known.log, err);
		p->hidden[i] = rc > 0;
		if (p->hidden[i])
			p->from[i] = p->from_chain[i] = 0;
	}
	return rc < 0 ? rc : 0;
}

/* Does the peer know, or was it sent, one of our logs up to there? */
static bool reaches(const struct packing *p, int64_t log, uint64_t lsn)
{
	for (size_t i = 0; i < p->log_count; i++)
		if (p->logs[i].id == log)
			return p->from[i] >= lsn;
	return false;
}

int showing_recall(struct packing *p, struct err *err)
{
	struct position none = {.lsn = 0};

	for (size_t i = 0; i < p->log_count && p->partial; i++) {
		const struct log_id *id = &p->logs[i].known.log;
		struct replica_ack ack;
		int64_t log;
		uint64_t lsn;

		if (id->origin != p->config->self->pub.origin)
			continue;
		int rc = view_said_at(p->account.replica, peer_of(p),
			&id->folder, &log, &lsn, err);
		if (rc > 0 || (rc == 0 && reaches(p, log, lsn)))
			continue;
		if (rc == 0)
			rc = replica_ack_get(p->account.replica, peer_of(p),
				p->logs[i].id, &ack, err);
		if (rc < 0)
			return rc;
		p->live->sent(
			p->live->arg, p->account.name, p->logs[i].id, &none);
		p->from[i] = ack.durable;
		p->from_chain[i] = ack.chain;
	}
	return 0;
}

/* ---- the account log ---- */

/* Of INBOX, which every site has, all sites need to know whose it is. */
static bool is_for_all(const struct change *c)
{
	struct id128 inbox = ID_INBOX;

	return c->kind == CHANGE_BEGIN || c->kind == CHANGE_GAP ||
	       (c->kind == CHANGE_AUTHORITY && id_equal(&c->folder, &inbox));
}

/* A folder has the name that it has now: the one it was born with, or had in
   between, may be none of the peer's business. Returns 1 if it is to go. */
static int show_folder_change(
	struct packing *p, struct change *c, struct err *err)
{
	struct replica_folder f;
	int rc;

	if (is_for_all(c))
		return 1;
	if (id_is_account(&c->folder))
		return view_rule_shows(&p->config->view, c->path);
	rc = view_hides(p->account.replica, peer_of(p), &c->folder, err);
	if (rc == 0 && c->kind == CHANGE_MERGE)
		rc = view_hides(p->account.replica, peer_of(p), &c->other, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = replica_folder_by_fid(
		p->account.replica, &c->folder, &p->arena, &f, err);
	if (rc == 0 && (c->kind == CHANGE_FOLDER || c->kind == CHANGE_RENAME))
		c->path = f.path;
	return rc < 0 ? rc : 1;
}

int showing_account(
	struct packing *p, struct change_batch *batch, struct err *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < batch->count && p->partial; i++) {
		int rc = show_folder_change(p, &batch->items[i], err);

		if (rc < 0)
			return rc;
		if (rc > 0)
			batch->items[kept++] = batch->items[i];
	}
	if (p->partial)
		batch->count = kept;
	return 0;
}

/* ---- folders' logs ---- */

/* A section that is being made fit for the peer. */
struct showing {
	struct packing *p;
	struct change_batch *batch;
	int64_t *moved; /* rows of messages that go whole */
	size_t moved_count;
};

static bool is_of_a_message(const struct change *c)
{
	return c->kind >= CHANGE_SAVE && c->kind <= CHANGE_EXTRA &&
	       c->kind != CHANGE_EXPUNGE;
}

static void take_out(struct change *c)
{
	struct change out = change_blank(CHANGE_OUT);

	out.by = c->by;
	out.dot = c->dot;
	*c = out;
}

/* Born there, or there by now: then the peer has forgotten it. */
static int hide_source(struct showing *s, struct change *c, struct err *err)
{
	struct replica *r = s->p->account.replica;
	enum view_message is = VIEW_NONE;
	int64_t row;
	int rc = c->source.lsn ? view_hides(r, peer_of(s->p),
					 &c->source.log.folder, err)
			       : 0;

	if (rc == 0 && c->source.lsn)
		rc = view_message(r, peer_of(s->p), &c->source, &is, &row, err);
	if (rc >= 0 && (rc > 0 || is == VIEW_HIDDEN))
		c->source = (struct dot){0};
	return rc < 0 ? rc : 0;
}

/* Returns 1 if it is to go, 0 if it says nothing. */
static int show_change(struct showing *s, struct change *c, struct err *err)
{
	enum view_message is;
	int64_t row;
	int rc;

	if (!is_of_a_message(c))
		return 1;
	rc = view_message(
		s->p->account.replica, peer_of(s->p), &c->dot, &is, &row, err);
	if (rc < 0)
		return rc;
	if (is != VIEW_SHOWN) {
		take_out(c);
		return 1;
	}
	if (c->kind == CHANGE_LEFT)
		return 0;
	if (c->kind == CHANGE_COPY)
		rc = hide_source(s, c, err);
	if (c->kind == CHANGE_MOVE) {
		s->moved =
			mem_room(s->moved, s->moved_count, sizeof(*s->moved));
		s->moved[s->moved_count++] = row;
	}
	return rc < 0 ? rc : 1;
}

/* What users did in folders of other homes stays here. */
static bool is_told(void *arg, const struct log_id *writer)
{
	struct showing *s = arg;
	struct replica *r = s->p->account.replica;

	return writer->origin != replica_origin(r) ||
	       replica_is_home(r, &writer->folder, false, NULL) > 0;
}

static bool has(const struct change_batch *batch, const struct write_id *by)
{
	for (size_t i = 0; i < batch->count; i++)
		if (write_id_is_at(&batch->items[i].by, by))
			return true;
	return false;
}

/* What was written behind the section comes with the next. */
static int add_rows(struct showing *s, const struct position *to,
	const struct change_batch *rows, struct err *err)
{
	for (size_t i = 0; i < rows->count; i++) {
		const struct change *c = &rows->items[i];
		bool here = log_id_cmp(&c->by.log, &to->log) == 0;

		if ((here && c->by.lsn > to->lsn) || has(s->batch, &c->by))
			continue;
		struct change *copy = change_copy(s->batch, c);
		int rc = copy->kind == CHANGE_COPY ? hide_source(s, copy, err)
						   : 0;
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int add_moved(
	struct showing *s, const struct position *to, struct err *err)
{
	struct replica *r = s->p->account.replica;
	int rc = 0;

	for (size_t i = 0; i < s->moved_count && rc >= 0; i++) {
		AUTO_ARENA struct arena arena = {0};
		struct change_batch rows = {0};
		struct dot *dots, *dead;
		size_t count, dead_count;

		rc = replica_dots(r, s->moved[i], &arena, &dots, &count, err);
		if (rc < 0)
			break;
		dead = arena_alloc(&arena, (count + 1) * sizeof(*dead));
		rc = telling_dots(r, dots, count, is_told, s, &rows, dead,
			&dead_count, err);
		if (rc >= 0)
			rc = add_rows(s, to, &rows, err);
		change_batch_free(&rows);
	}
	return rc;
}

/* Of mail that was born here and lies, or died, elsewhere: said under the view's
   log, for no change in this one says so any more. */
static int add_out(
	struct showing *s, const struct position *to, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica *r = s->p->account.replica;
	struct log_id view = {replica_origin(r), replica_incarnation(r),
		view_log_id(peer_of(s->p))};
	struct dot *dots;
	size_t count = 0;
	int rc = view_hidden_dots(r, peer_of(s->p), &to->log, to->lsn, &arena,
		&dots, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		struct change *c = change_add(s->batch, CHANGE_OUT);

		c->by.log = view;
		c->by.lsn = i + 1;
		c->dot = dots[i];
	}
	return rc < 0 ? rc : 0;
}

static int by_log(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	int c = log_id_cmp(&x->by.log, &y->by.log);

	return c ? c : (x->by.lsn > y->by.lsn) - (x->by.lsn < y->by.lsn);
}

int showing_folder(struct packing *p, const struct position *from,
	const struct position *to, bool from_state, struct change_batch *batch,
	uint64_t *ret_first, struct err *err)
{
	struct showing s = {.p = p, .batch = batch};
	size_t kept = 0;
	int rc = 0;

	*ret_first = from->lsn + 1;
	for (size_t i = 0; i < batch->count && rc >= 0; i++) {
		rc = show_change(&s, &batch->items[i], err);
		if (rc > 0)
			batch->items[kept++] = batch->items[i];
	}
	if (rc >= 0)
		batch->count = kept;
	if (rc >= 0)
		rc = add_moved(&s, to, err);
	if (rc >= 0 && from_state)
		rc = add_out(&s, to, err);
	free(s.moved);
	if (rc < 0)
		return rc;
	qsort(batch->items, batch->count, sizeof(*batch->items), by_log);
	for (size_t i = 0; i < batch->count; i++)
		if (log_id_cmp(&batch->items[i].by.log, &to->log) == 0 &&
			batch->items[i].by.lsn < *ret_first)
			*ret_first = batch->items[i].by.lsn;
	return 0;
}
