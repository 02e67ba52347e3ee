#include "mend.h"

#include <stdlib.h>
#include <string.h>

#include "bodyscan.h"
#include "damage.h"
#include "os.h"
#include "received.h"

#define BATCH 100 /* messages at a time: bounds memory, and the lock's hold */

struct victim {
	int64_t id, folder;
};

/* A message with what it gets. */
struct patient {
	struct replica_message row;
	size_t staged;
	const char *other; /* accepted: the name that it gets; else NULL */
};

struct mending {
	struct placing *p;
	struct replica_folder folder;
	struct store_stage *stage;
	struct patient patients[BATCH];
	size_t count;
	struct arena arena;
};

/* ---- what there is to be mended ---- */

struct victims {
	struct victim *items;
	size_t count;
};

static int note_victim(
	void *arg, const struct replica_message *m, struct err *err)
{
	struct victims *v = arg;

	(void)err;
	v->items = mem_room(v->items, v->count, sizeof(*v->items));
	v->items[v->count++] = (struct victim){m->id, m->p_folder};
	return 0;
}

static int cmp_victim(const void *a, const void *b)
{
	const struct victim *x = a, *y = b;

	if (x->folder != y->folder)
		return x->folder < y->folder ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* ---- judging ---- */

static int note(struct placing *p, int64_t message, enum damage damage,
	int64_t ctime_ns, struct err *err)
{
	int rc = replica_begin(p->replica, err);

	if (rc >= 0)
		rc = damage_set(
			p->replica, message, damage, ctime_ns, p->now_ms, err);
	if (rc >= 0)
		rc = replica_commit(p->replica, err);
	replica_rollback(p->replica);
	return rc;
}

/*
 * A file that is another than the one that was judged may be whole: somebody
 * put it back. Returns 1 if the message is still damaged.
 */
static int still_damaged(
	struct mending *g, struct replica_message *m, struct err *err)
{
	struct placing *p = g->p;
	enum damage is;
	int64_t ctime_ns;
	int rc = bodyscan_judge(p->store, g->folder.p_path, m, false, NULL,
		NULL, &is, &ctime_ns, err);

	if (rc < 0 || ctime_ns == m->damage_ctime)
		return rc < 0 ? rc : 1;
	rc = bodyscan_judge(p->store, g->folder.p_path, m, true, NULL, NULL,
		&is, &ctime_ns, err);
	if (rc >= 0)
		rc = note(p, m->id, is, ctime_ns, err);
	m->damage = (int)is;
	p->result->mended += rc >= 0 && is == DAMAGE_NONE;
	return rc < 0 ? rc : is != DAMAGE_NONE;
}

/* ---- bodies ---- */

static int stage_message(struct mending *g, const struct replica_message *m,
	const char *path, const char *base, size_t *ret, struct err *err)
{
	struct store_body body = {.fd = -1,
		.path = path,
		.base = base,
		.size = m->size,
		.mtime = m->mtime};

	return g->p->store->ops->stage_add(g->stage, &body, ret, err);
}

/* Returns 1 if that message has not the body either. */
static int stage_twin(struct mending *g, const struct replica_message *m,
	const struct replica_message *twin, size_t *ret, struct err *err)
{
	struct placing *p = g->p;
	struct replica_folder f;
	enum damage is;
	int64_t ctime_ns;
	int rc = replica_folder_by_row(
		p->replica, twin->p_folder, &g->arena, &f, err);

	if (rc != 0 || !f.p_path)
		return rc < 0 ? rc : 1;
	rc = bodyscan_judge(p->store, f.p_path, twin, true, NULL, NULL, &is,
		&ctime_ns, err);
	if (rc < 0)
		return rc;
	if (is == DAMAGE_NONE || is == DAMAGE_DATE)
		return stage_message(g, m, f.p_path, twin->p_base, ret, err);
	rc = is == DAMAGE_MISSING ? 0 : note(p, twin->id, is, ctime_ns, err);
	return rc < 0 ? rc : 1;
}

/* Any message here with this body. Returns 1 if none has it. */
static int stage_from_here(struct mending *g, const struct replica_message *m,
	size_t *ret, struct err *err)
{
	int64_t after = 0;

	if (m->damage == DAMAGE_DATE)
		return stage_message(
			g, m, g->folder.p_path, m->p_base, ret, err);
	for (;;) {
		struct replica_message twin;
		int rc = replica_message_with_hash(g->p->replica, &m->hash,
			NULL, after, &g->arena, &twin, err);

		if (rc != 0)
			return rc;
		after = twin.id;
		if (twin.id == m->id || twin.damage)
			continue;
		rc = stage_twin(g, m, &twin, ret, err);
		if (rc <= 0)
			return rc;
	}
}

/* The body that a peer sent. Returns 1 if it did not come yet. */
static int stage_received(struct mending *g, const struct replica_message *m,
	size_t *ret, struct err *err)
{
	int rc = received_stage(g->p, g->stage, m, ret, err);

	return rc == ERR_ABSENT ? 1 : rc;
}

/*
 * As it lies there, under a name of its own: without sizes, which may be
 * others now; and copied, so that capture takes it for no copy of what it was.
 * Returns 1 if nothing lies there.
 */
static int stage_accepted(
	struct mending *g, struct patient *patient, struct err *err)
{
	const struct replica_message *m = &patient->row;
	struct store *store = g->p->store;
	struct store_stat st;
	int fd;
	int rc = store->ops->open(
		store, g->folder.p_path, m->p_base, NULL, &fd, &st, err);

	if (rc < 0)
		return rc == ERR_ABSENT ? 1 : rc;
	AUTO_FREE char *plain = mem_dup_n(m->p_base, strcspn(m->p_base, ","));
	AUTO_FREE char *other = place_other_base(plain, &m->dot);
	struct store_body body = {.fd = fd, .size = st.size, .mtime = st.mtime};
	patient->other = arena_dup(&g->arena, other, strlen(other));
	rc = store->ops->stage_add(g->stage, &body, &patient->staged, err);
	store->os->ops->close(store->os, fd);
	return rc;
}

/* Returns 1 if there is nothing to be done of it now. */
static int prepare(struct mending *g, struct patient *patient, struct err *err)
{
	struct replica_message *m = &patient->row;
	int rc;

	if (m->damage == DAMAGE_ACCEPTED) {
		rc = stage_accepted(g, patient, err);
		/* Gone: the next capture finds it absent. */
		if (rc == 1 && note(g->p, m->id, DAMAGE_NONE, 0, err) < 0)
			return ERR_IO;
		return rc;
	}
	rc = still_damaged(g, m, err);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	rc = stage_from_here(g, m, &patient->staged, err);
	if (rc == 1)
		rc = stage_received(g, m, &patient->staged, err);
	g->p->result->damaged += rc == 1;
	return rc;
}

/* ---- under the lock ---- */

static void put_back(struct mending *g, struct store_txn *t,
	struct patient *patient, uint32_t *next)
{
	const struct store_ops *ops = g->p->store->ops;
	const struct store_view *view = ops->txn_view(t);
	struct replica_message *m = &patient->row;
	struct store_add add = {.base = m->p_base,
		.letters = m->letters,
		.keywords = m->keywords,
		.extra = m->p_extra,
		.staged = patient->staged};

	if (store_view_find(view, m->p_base)) {
		ops->txn_replace(t, m->p_base, patient->staged);
		return;
	}
	if (view->identity.has_uids)
		add.uid = store_view_pending(view, m->p_base, m->p_uid)
				  ? m->p_uid
				  : (*next)++;
	ops->txn_add(t, &add);
	m->p_letters = m->letters;
	m->p_keywords = m->keywords;
}

static void make_other(struct mending *g, struct store_txn *t,
	const struct patient *patient, uint32_t *next)
{
	const struct store_ops *ops = g->p->store->ops;
	const struct store_view *view = ops->txn_view(t);
	const struct store_message *m =
		store_view_find(view, patient->row.p_base);

	if (!m)
		return;
	ops->txn_expunge(t, patient->row.p_base);
	if (store_view_find(view, patient->other))
		return; /* done by a run that was stopped */
	struct store_add add = {.base = patient->other,
		.letters = m->letters,
		.keywords = store_message_keywords(view, m, &g->arena),
		.extra = "",
		.uid = view->identity.has_uids ? (*next)++ : 0,
		.staged = patient->staged};
	ops->txn_add(t, &add);
}

static int put_all_back(struct mending *g, struct err *err)
{
	const struct store_ops *ops = g->p->store->ops;
	struct store_txn *t = NULL;
	uint32_t next;
	int rc = ops->stage_sync(g->stage, err);

	if (rc >= 0)
		rc = ops->txn_begin(g->p->store, g->folder.p_path, false,
			g->stage, &t, err);
	if (rc < 0)
		return rc;
	next = ops->txn_view(t)->identity.uidnext;
	next = next ? next : 1;
	for (size_t i = 0; i < g->count; i++) {
		if (g->patients[i].other)
			make_other(g, t, &g->patients[i], &next);
		else
			put_back(g, t, &g->patients[i], &next);
	}
	rc = ops->txn_commit(t, err);
	ops->txn_end(t);
	return rc;
}

/* ---- recording ---- */

/* The UID stays as it was placed: if it is another, capture sees that. */
static int record(struct mending *g, struct err *err)
{
	struct replica *r = g->p->replica;
	int rc = replica_begin(r, err);

	for (size_t i = 0; i < g->count && rc >= 0; i++) {
		struct replica_message *m = &g->patients[i].row;

		rc = damage_set(r, m->id, DAMAGE_NONE, 0, g->p->now_ms, err);
		m->p_ino = 0;
		if (rc >= 0 && !g->patients[i].other)
			rc = replica_message_place(r, m, true, err);
	}
	g->folder.cookie_good = false;
	if (rc >= 0)
		rc = replica_folder_place(r, &g->folder, err);
	if (rc >= 0)
		rc = replica_commit(r, err);
	replica_rollback(r);
	if (rc >= 0)
		g->p->result->mended += g->count;
	return rc;
}

/* ---- a folder ---- */

static int gather(struct mending *g, const struct victim *v, size_t count,
	struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		struct patient *patient = &g->patients[g->count];
		int rc;

		*patient = (struct patient){.other = NULL};
		rc = replica_message_get(
			g->p->replica, v[i].id, &g->arena, &patient->row, err);
		if (rc == 0)
			rc = prepare(g, patient, err);
		if (rc < 0)
			return rc;
		g->count += rc == 0;
	}
	return 0;
}

/* At most BATCH victims of one folder. */
static int mend_some(struct placing *p, const struct victim *v, size_t count,
	struct err *err)
{
	struct mending *g = mem_alloc(sizeof(*g));
	int rc;

	g->p = p;
	rc = replica_folder_by_row(
		p->replica, v->folder, &g->arena, &g->folder, err);
	if (rc == 0 && g->folder.p_path && !*g->folder.stopped &&
		!g->folder.off) {
		rc = p->store->ops->stage_begin(
			p->store, g->folder.p_path, &g->stage, err);
		if (rc >= 0)
			rc = gather(g, v, count, err);
		if (rc >= 0 && g->count)
			rc = put_all_back(g, err);
		if (rc >= 0 && g->count)
			rc = record(g, err);
	}
	if (g->stage)
		p->store->ops->stage_end(g->stage);
	if (rc < 0)
		err_wrap(err, "folder %s: putting damaged mail right",
			g->folder.p_path ? g->folder.p_path : "?");
	arena_free(&g->arena);
	free(g);
	return rc < 0 ? rc : 0;
}

int mend_account(struct placing *p, struct err *err)
{
	struct victims all = {.count = 0};
	struct err first = ERR_INIT;
	int rc = replica_damaged_each(p->replica, note_victim, &all, err);

	if (all.count)
		qsort(all.items, all.count, sizeof(*all.items), cmp_victim);
	for (size_t i = 0, next; rc >= 0 && i < all.count; i = next) {
		struct err one = ERR_INIT;

		next = i + 1;
		while (next < all.count && next - i < BATCH &&
			all.items[next].folder == all.items[i].folder)
			next++;
		if (place_given_up(p, all.items[i].folder))
			continue;
		if (mend_some(p, &all.items[i], next - i, &one) >= 0)
			continue;
		place_give_up(p, all.items[i].folder);
		if (!first.code)
			first = one;
	}
	free(all.items);
	if (rc >= 0 && first.code)
		*err = first;
	return rc < 0 ? rc : first.code;
}
