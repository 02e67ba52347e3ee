/*
 * Messages of one folder: gather what is to be done, stage bodies, do it
 * under the lock, record it.
 *
 * One sweep goes over all that is to be done, in the order of UIDs, batch by
 * batch: each is looked at once, however many there are. What had to wait for
 * something that the sweep itself took away comes in the next.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "damage.h"
#include "flagset.h"
#include "place_batch.h"
#include "previews.h"
#include "received.h"

/*
 * Messages per lock: bounds memory and lock time. As reading a folder under
 * its lock takes longer the more it holds, so may what is done then.
 */
#define BATCH 1000
#define BATCH_MAX 5000
#define BATCH_BYTES (64u << 20)
#define BUILD_BATCH 20000 /* of a folder built whole */

const char *batch_keep(struct batch *b, const char *s)
{
	return arena_dup(&b->arena, s ? s : "", strlen(s ? s : ""));
}

struct action *batch_action(struct batch *b, const struct replica_message *m)
{
	b->actions = mem_grow(b->actions, b->count + 1, sizeof(*b->actions));
	struct action *a = &b->actions[b->count++];

	*a = (struct action){.row = *m, .whole = true};
	a->row.base = batch_keep(b, m->base);
	a->row.extra = batch_keep(b, m->extra);
	a->row.letters = batch_keep(b, m->letters);
	a->row.keywords = batch_keep(b, m->keywords);
	a->row.p_base = batch_keep(b, m->p_base);
	a->old_base = a->row.p_base;
	a->row.p_letters = batch_keep(b, m->p_letters);
	a->row.p_keywords = batch_keep(b, m->p_keywords);
	a->row.p_extra = batch_keep(b, m->p_extra);
	return a;
}

void batch_stop_at(struct batch *b, uint32_t uid)
{
	if (uid && uid < b->sweep->stop_uid)
		b->sweep->stop_uid = uid;
}

/* ---- gathering ---- */

/* Is the body here? In the store already, or received whole. */
static int body_is_here(
	struct batch *b, const struct replica_message *m, struct err *err)
{
	struct placing *p = b->p;
	struct replica_message other;

	if ((m->p_folder && !m->damage) || received_is_here(p, m))
		return 1;
	int rc = replica_message_by_hash(
		p->replica, &m->hash, NULL, &b->arena, &other, err);
	return rc < 0 ? rc : rc == 0;
}

/* Since when its body is awaited; 1 if it may still hold others up. */
static int awaited(
	struct batch *b, const struct replica_message *m, struct err *err)
{
	struct placing *p = b->p;
	struct replica_message row = *m;

	if (p->config->late_ms < 0)
		return 1;
	if (m->waits_ms)
		return p->now_ms - m->waits_ms < p->config->late_ms;
	row.waits_ms = p->now_ms;
	int rc = replica_begin(p->replica, err);
	if (rc >= 0)
		rc = replica_message_place(p->replica, &row, true, err);
	if (rc >= 0)
		rc = replica_commit(p->replica, err);
	if (rc < 0) {
		replica_rollback(p->replica);
		return rc;
	}
	return p->config->late_ms > 0;
}

static int gather_add(
	struct batch *b, const struct replica_message *m, struct err *err)
{
	int here = body_is_here(b, m, err);

	if (here < 0)
		return here;
	if (!here) {
		int rc = batch_preview(b, m, err);

		b->p->result->waiting++;
		if (rc != 0)
			return rc < 0 ? rc : 0;
		rc = awaited(b, m, err);
		if (rc > 0)
			batch_stop_at(b, m->uid);
		b->sweep->blocked |= rc > 0;
		return rc < 0 ? rc : 0;
	}
	if (b->sweep->blocked)
		return 0;
	struct action *a = batch_action(b, m);
	a->add = true;
	a->target_base = a->row.base;
	a->source_folder = m->p_folder;
	b->bytes += m->p_folder ? 0 : m->size;
	return 0;
}

/*
 * What lies here already as a message is wanted, left by another one: under
 * its number, or under whichever if its expunge waits, or was refused.
 * Returns 0, or 1 when there is none.
 */
static int find_left(struct batch *b, const struct replica_message *m,
	struct replica_message *ret, struct err *err)
{
	struct placing *p = b->p;
	int rc = m->uid ? replica_message_leaving(p->replica, b->f.id, m->base,
				  m->uid, &m->hash, &b->arena, ret, err)
			: 1;

	if (rc <= 0 || !(p->result->guarded || p->keeps))
		return rc;
	rc = replica_message_leaving(
		p->replica, b->f.id, m->base, 0, &m->hash, &b->arena, ret, err);
	return rc != 0 ? rc : !place_stays(p, ret);
}

/*
 * The file that is wanted lies here already: the mail was moved away and back,
 * say, or restored. It is taken over as it is.
 */
static int take_over(struct batch *b, const struct replica_message *m,
	struct replica_message *ret, struct err *err)
{
	struct replica *r = b->p->replica;
	struct replica_message old;
	int rc = find_left(b, m, &old, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	*ret = *m;
	ret->p_folder = old.p_folder;
	ret->p_base = old.p_base;
	ret->p_letters = old.p_letters;
	ret->p_keywords = old.p_keywords;
	ret->p_extra = old.p_extra;
	ret->p_uid = old.p_uid;
	ret->p_ino = old.p_ino;
	old.p_folder = 0;
	old.p_uid = 0;
	old.p_ino = 0;
	rc = replica_begin(r, err);
	/* Where it lay before, it is to be removed. */
	if (rc >= 0 && m->p_folder)
		rc = replica_stray(r, m, err);
	if (rc >= 0)
		rc = replica_message_place(r, &old, true, err);
	if (rc >= 0)
		rc = replica_message_place(r, ret, true, err);
	if (rc >= 0)
		rc = replica_commit(r, err);
	if (rc < 0)
		replica_rollback(r);
	return rc < 0 ? rc : 1;
}

/* Was it moved from here to where nothing is placed? 1 or 0. */
static int is_moved_out(
	struct batch *b, const struct replica_message *m, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder to;
	int rc = m->p_folder == b->f.id && m->folder != b->f.id
			 ? replica_folder_by_row(
				   b->p->replica, m->folder, &arena, &to, err)
			 : 1;

	return rc != 0 ? (rc < 0 ? rc : 0) : to.refused;
}

/* Returns 1 when the batch is full. */
static int gather_row(
	void *arg, const struct replica_message *m, struct err *err)
{
	struct batch *b = arg;
	int64_t self = b->f.id;

	if (b->count >= b->limit || b->bytes > BATCH_BYTES)
		return 1;
	if (m->todo != 1)
		return 0; /* settled since the sweep began */
	int leaves = m->dead ? 1 : is_moved_out(b, m, err);
	if (leaves < 0)
		return leaves;
	if (leaves > 0) {
		if (place_waits(b->p, m->id))
			return 0;
		/* It may be the only one here that has the body which a
		   message not placed yet is made from. */
		int awaited_from = m->p_folder == self
					   ? replica_hash_awaited(b->p->replica,
						     &m->hash, err)
					   : 1;

		if (awaited_from == 0)
			batch_action(b, m)->expunge = true;
		return awaited_from < 0 ? awaited_from : 0;
	}
	if (m->folder != self)
		return 0; /* its new folder fetches it */
	if (m->p_folder == self) {
		AUTO_FREE char *other = place_other_base(m->base, &m->dot);
		bool own = strcmp(m->p_base, m->base) == 0;

		if (own || strcmp(m->p_base, other) == 0) {
			struct action *a = batch_action(b, m);

			a->update = true;
			a->whole = own;
			return 0;
		}
	}
	struct replica_message taken;
	int rc = take_over(b, m, &taken, err);
	if (rc > 0)
		batch_action(b, &taken)->update = true;
	return rc != 0 ? (rc < 0 ? rc : 0) : gather_add(b, m, err);
}

static int by_uid(const void *x, const void *y)
{
	const struct action *a = x, *b = y;
	/* Those that no authority numbered yet come last. */
	uint64_t au = a->row.uid ? a->row.uid : UINT64_MAX;
	uint64_t bu = b->row.uid ? b->row.uid : UINT64_MAX;

	if (au != bu)
		return au < bu ? -1 : 1;
	return a->row.id < b->row.id ? -1 : a->row.id > b->row.id;
}

static int by_base(const void *x, const void *y)
{
	const struct action *const *a = x, *const *b = y;

	return strcmp((*a)->row.base, (*b)->row.base);
}

static void find_shared_names(struct batch *b)
{
	AUTO_FREE struct action **list = mem_array(b->count, sizeof(*list));
	size_t count = 0;

	for (size_t i = 0; i < b->count; i++)
		if (b->actions[i].add)
			list[count++] = &b->actions[i];
	if (count)
		qsort(list, count, sizeof(*list), by_base);
	for (size_t i = 1; i < count; i++)
		if (by_base(&list[i - 1], &list[i]) == 0)
			list[i - 1]->shares = list[i]->shares = true;
}

static int gather(struct batch *b, struct err *err)
{
	struct sweep *s = b->sweep;
	size_t taken;
	int rc = replica_messages_each(b->p->replica, s->ids + s->next,
		s->count - s->next, gather_row, b, &taken, err);

	s->next += taken;
	if (b->count)
		qsort(b->actions, b->count, sizeof(*b->actions), by_uid);
	find_shared_names(b);
	return rc;
}

/* ---- staging ---- */

static int stage_from_store(struct batch *b, struct action *a,
	const struct replica_message *from, struct err *err)
{
	struct replica_folder folder;
	int rc = replica_folder_by_row(
		b->p->replica, from->p_folder, &b->arena, &folder, err);

	if (rc != 0 || !folder.p_path)
		return rc < 0 ? rc
			      : err_set(err, ERR_ABSENT,
					"message %s: its folder is gone",
					from->p_base);
	struct store_body body = {.fd = -1,
		.path = folder.p_path,
		.base = from->p_base,
		.size = a->row.size,
		.mtime = a->row.mtime};
	return b->p->store->ops->stage_add(b->stage, &body, &a->staged, err);
}

static int stage_one(struct batch *b, struct action *a, struct err *err)
{
	struct replica_message other;
	int rc = ERR_ABSENT;

	if (a->row.p_folder && !a->row.damage)
		rc = stage_from_store(b, a, &a->row, err);
	if (rc == ERR_ABSENT)
		rc = received_stage(b->p, b->stage, &a->row, &a->staged, err);
	if (rc == ERR_ABSENT) {
		rc = replica_message_by_hash(b->p->replica, &a->row.hash, NULL,
			&b->arena, &other, err);
		rc = rc == 0  ? stage_from_store(b, a, &other, err)
		     : rc < 0 ? rc
			      : ERR_ABSENT;
	}
	return rc;
}

/* Bodies whose source vanished meanwhile are left for the next round. */
static int stage_all(struct batch *b, struct err *err)
{
	bool any = false;

	for (size_t i = 0; i < b->count; i++)
		any |= b->actions[i].add;
	if (!any && !b->build)
		return 0;
	int rc = b->p->store->ops->stage_begin(
		b->p->store, b->build ? NULL : b->f.p_path, &b->stage, err);
	for (size_t i = 0; i < b->count && rc >= 0; i++) {
		struct action *a = &b->actions[i];

		if (!a->add)
			continue;
		rc = stage_one(b, a, err);
		if (rc == ERR_ABSENT) {
			a->add = false;
			if (a->preview) {
				rc = batch_preview_lost(b, a, err);
				continue;
			}
			b->sweep->blocked = true;
			batch_stop_at(b, a->row.uid);
			rc = 0;
		}
		if (b->p->config->progress)
			b->p->config->progress(b->p->config->progress_arg,
				b->f.path, b->p->result->placed + i + 1);
	}
	return rc < 0 ? rc : b->p->store->ops->stage_sync(b->stage, err);
}

/* ---- recording ---- */

static int record_one(struct batch *b, struct action *a, struct err *err)
{
	struct placing *p = b->p;
	struct replica_message old;
	int rc = 0;

	if (a->preview) {
		a->row.p_folder = b->f.id;
		p->result->previews++;
		rc = previews_found(p->replica, &a->row, err);
		return rc < 0 ? rc : 0;
	}
	if (a->expunge) {
		a->row.p_folder = 0;
		a->row.p_uid = 0;
		p->result->changed++;
		rc = place_guard_done(p, b->f.id, a->row.id, err);
	} else if (a->add) {
		if (a->row.p_folder) {
			rc = replica_message_get(
				p->replica, a->row.id, &b->arena, &old, err);
			if (rc == 0)
				rc = replica_stray(p->replica, &old, err);
			p->result->changed++;
		} else {
			p->result->placed++;
		}
		if (rc >= 0 && a->row.damage)
			rc = damage_set(p->replica, a->row.id, DAMAGE_NONE, 0,
				p->now_ms, err);
		a->row.p_folder = b->f.id;
		a->row.waits_ms = 0;
	} else {
		p->result->changed++;
	}
	return rc < 0 ? rc
		      : replica_message_place(
				p->replica, &a->row, a->whole, err);
}

/*
 * Some keyword found no letter (there are 26): what was not placed must not
 * be recorded as placed, or capture would take it for a user's removal.
 */
static int drop_lost_keywords(struct batch *b, struct err *err)
{
	struct store_view view = {0};
	const char *names = "";
	int rc = b->p->store->ops->view(b->p->store,
		b->build ? b->f.path : b->f.p_path, STORE_LOCKED, &view, err);

	if (rc < 0)
		return rc;
	for (int i = 0; i < STORE_KEYWORDS_MAX; i++)
		if (view.keywords[i])
			names = keyword_put(&b->arena, names, view.keywords[i],
				strlen(view.keywords[i]), true);
	names = batch_keep(b, names);
	store_view_free(&view);
	for (size_t i = 0; i < b->count; i++) {
		struct action *a = &b->actions[i];
		const char *lost =
			keyword_minus(&b->arena, a->row.p_keywords, names);

		if (!a->done || !*lost)
			continue;
		a->row.p_keywords =
			keyword_minus(&b->arena, a->row.p_keywords, lost);
		a->whole = false;
	}
	return 0;
}

static int record(struct batch *b, bool keywords_lost, struct err *err)
{
	struct placing *p = b->p;
	struct replica_folder now;
	int rc = keywords_lost ? drop_lost_keywords(b, err) : 0;

	if (rc < 0)
		return rc;
	rc = replica_begin(p->replica, err);

	for (size_t i = 0; i < b->count && rc >= 0; i++) {
		if (!b->actions[i].done)
			continue;
		rc = record_one(b, &b->actions[i], err);
	}
	if (rc >= 0)
		rc = replica_folder_by_row(
			p->replica, b->f.id, &b->arena, &now, err);
	if (rc == 0) {
		if (b->build) {
			now.p_path = now.path;
			rc = place_take_name(p, &now, err);
			p->result->folders++;
		}
		if (b->build || b->renumber)
			now.p_uidvalidity = b->f.uidvalidity;
		if (memcmp(&b->f.guid, &(struct id128){0}, sizeof(b->f.guid)))
			now.p_guid = b->f.guid;
		/* What the server wrote may not be durable yet. */
		if (b->next != b->seen)
			now.p_uidnext = b->next;
		now.cookie_good = false;
		if (rc >= 0)
			rc = replica_folder_place(p->replica, &now, err);
	}
	if (rc >= 0)
		rc = replica_commit(p->replica, err);
	if (rc < 0)
		replica_rollback(p->replica);
	return rc;
}

static int run_batch(struct batch *b, struct err *err)
{
	struct placing *p = b->p;
	int rc = gather(b, err);

	if (rc < 0)
		return rc;
	/* A new numbering takes everything at once, or waits. */
	if (b->renumber && b->sweep->blocked)
		return 0;
	rc = stage_all(b, err);
	if (rc < 0 || (b->renumber && b->sweep->blocked))
		return rc;
	const char *path = b->build ? b->f.path : b->f.p_path;
	rc = p->store->ops->txn_begin(
		p->store, path, b->build, b->stage, &b->txn, err);
	if (rc < 0)
		return rc;
	rc = batch_lock(b, err);
	p->store->ops->txn_end(b->txn);
	b->txn = NULL;
	return rc < 0 ? rc : record(b, rc > 0, err);
}

/* More where there is much already: see BATCH. */
static size_t batch_limit(const struct batch *b)
{
	size_t limit = b->sweep->seen / 8;

	if (b->renumber)
		return SIZE_MAX;
	if (b->build)
		return BUILD_BATCH;
	return limit < BATCH ? BATCH : limit > BATCH_MAX ? BATCH_MAX : limit;
}

static int one_batch(
	struct placing *p, int64_t folder, struct sweep *sweep, struct err *err)
{
	struct batch b = {.p = p, .sweep = sweep};
	int rc = replica_folder_by_row(p->replica, folder, &b.arena, &b.f, err);

	if (rc == 0 && !b.f.dead && *b.f.path) {
		b.build = !b.f.p_path;
		b.renumber = !b.build && b.f.uidvalidity && b.f.p_uidvalidity &&
			     b.f.uidvalidity != b.f.p_uidvalidity &&
			     b.f.authority.site != replica_origin(p->replica);
		b.limit = batch_limit(&b);
		rc = run_batch(&b, err);
	} else if (rc == 0 && b.f.p_path) {
		b.limit = batch_limit(&b);
		rc = run_batch(&b, err);
	} else {
		sweep->next = sweep->count;
	}
	for (size_t i = 0; i < b.count && !sweep->any; i++)
		sweep->any = b.actions[i].done;
	if (b.stage)
		p->store->ops->stage_end(b.stage);
	free(b.actions);
	given_free(&b.given);
	if (rc < 0)
		err_wrap(err, "folder %s", b.f.path ? b.f.path : "?");
	arena_free(&b.arena);
	return rc < 0 ? rc : 0;
}

static int run_sweep(
	struct placing *p, int64_t folder, bool *ret_again, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct sweep sweep = {.stop_uid = UINT64_MAX};
	int rc = replica_todo_list(
		p->replica, folder, &arena, &sweep.ids, &sweep.count, err);

	/* A folder without work of its own may have to be made, or numbered. */
	if (rc >= 0)
		do
			rc = one_batch(p, folder, &sweep, err);
		while (rc >= 0 && !sweep.again && sweep.next < sweep.count);
	*ret_again = sweep.again && sweep.any;
	return rc;
}

int place_messages(struct placing *p, int64_t folder, struct err *err)
{
	uint64_t waiting = p->result->waiting;
	bool again;
	int rc;

	do {
		p->result->waiting = waiting;
		rc = run_sweep(p, folder, &again, err);
	} while (rc >= 0 && again);
	return rc;
}
