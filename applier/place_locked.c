/*
 * place_locked: what is done to a folder under the mail server's lock. UIDs are
 * those that the authority said, as long as they can be given (above all that
 * were), and numbers above them all otherwise.
 */
#include <string.h>

#include "fields.h"
#include "flagset.h"
#include "place_batch.h"

/* A run that was stopped may have left the line of this message: it is its. */
static uint32_t take_uid(
	struct batch *b, const struct store_view *view, struct action *a)
{
	uint32_t uid = a->row.uid;

	/* All start anew: the authority's map holds. */
	if (b->renumber && uid && given_add(&b->given, uid))
		return uid;
	if (uid && uid < b->next &&
		store_view_pending(view, a->target_base, uid))
		return uid;
	if (b->renumber || !uid || uid < b->next) {
		if (uid && !a->preview) {
			a->whole = false;
			b->p->result->late++;
		}
		uid = b->next;
	}
	b->next = uid + 1;
	return uid;
}

/* Another message lies here under this name: the same in every site. */
static bool name_taken(
	struct batch *b, const struct store_view *view, const struct action *a)
{
	if (store_view_find(view, a->target_base))
		return true;
	for (const struct action *o = b->actions; a->shares && o < a; o++)
		if (o->add && o->done &&
			strcmp(o->target_base, a->target_base) == 0)
			return true;
	return false;
}

/*
 * The name is held by a file that this batch, or what it leaves behind, takes
 * away: then it is free in the next.
 */
static bool name_comes_free(struct batch *b, const struct action *a)
{
	for (size_t i = 0; i < b->count; i++) {
		const struct action *o = &b->actions[i];

		/* A file that itself waits for a higher number stays. */
		if ((o->expunge || (o->add && o->source_folder == b->f.id &&
					   o->row.uid < a->row.uid)) &&
			strcmp(o->old_base, a->target_base) == 0)
			return true;
	}
	return false;
}

/*
 * The UID list's fields of a message: under another name than its own the
 * GUID, which the name is by default, is said there.
 */
static const char *extra_for(
	struct batch *b, const struct action *a, const char *base)
{
	const char *extra = a->row.extra;

	if (strcmp(base, a->row.base) == 0 || fields_have(extra, 'G'))
		return extra;
	return fields_put(&b->arena, extra, 'G', a->row.base);
}

static void do_add(
	struct batch *b, const struct store_view *view, struct action *a)
{
	struct store_ops const *ops = b->p->store->ops;
	bool uids = view->identity.has_uids || b->build;

	if (a->row.uid > b->sweep->stop_uid)
		return; /* its turn comes */
	if (name_taken(b, view, a)) {
		/* One of a message with the same body lies here. */
		if (a->preview)
			return;
		if (name_comes_free(b, a)) {
			b->sweep->again = true;
			batch_stop_at(b, a->row.uid);
			return;
		}
		AUTO_FREE char *other =
			place_other_base(a->row.base, &a->row.dot);

		if (store_view_find(view, other))
			return; /* ours from before: capture finds it */
		a->target_base = batch_keep(b, other);
		a->whole = false;
	}
	const char *extra = extra_for(b, a, a->target_base);
	struct store_add add = {
		.base = a->target_base,
		.letters = a->row.letters,
		.keywords = a->row.keywords,
		.extra = extra,
		.uid = uids ? take_uid(b, view, a) : 0,
		.staged = a->staged,
	};
	ops->txn_add(b->txn, &add);
	a->done = true;
	a->row.p_base = a->target_base;
	a->row.p_letters = a->row.letters;
	a->row.p_keywords = a->row.keywords;
	a->row.p_extra = uids ? extra : "";
	a->row.p_uid = add.uid;
	a->row.p_ino = 0;
}

/*
 * Flags become as merged, but where the store differs from what was placed a
 * user was faster: that stays, and capture will log it.
 */
static void do_flags(struct batch *b, const struct store_view *view,
	const struct store_message *m, struct action *a)
{
	struct arena *arena = &b->arena;
	const char *seen = store_message_keywords(view, m, arena);
	const char *letters = m->letters, *keywords = seen;
	const char *add = letter_minus(arena, a->row.letters, a->row.p_letters);
	const char *del = letter_minus(arena, a->row.p_letters, a->row.letters);
	size_t len;

	for (; *add; add++)
		letters = letter_put(arena, letters, *add, true);
	for (; *del; del++)
		letters = letter_put(arena, letters, *del, false);
	add = keyword_minus(arena, a->row.keywords, a->row.p_keywords);
	for (const char *k; (k = keyword_next(&add, &len));)
		keywords = keyword_put(arena, keywords, k, len, true);
	del = keyword_minus(arena, a->row.p_keywords, a->row.keywords);
	for (const char *k; (k = keyword_next(&del, &len));)
		keywords = keyword_put(arena, keywords, k, len, false);
	if (strcmp(letters, m->letters) || !keyword_lists_equal(keywords, seen))
		b->p->store->ops->txn_flags(b->txn, m->base, letters, keywords);
	a->row.p_letters = a->row.letters;
	a->row.p_keywords = a->row.keywords;
}

static void do_update(
	struct batch *b, const struct store_view *view, struct action *a)
{
	const struct store_message *m = store_view_find(view, a->row.p_base);
	uint32_t uid = a->row.uid;

	if (!m || m->doubled || m->unresolved)
		return;
	do_flags(b, view, m, a);
	bool move_uid = uid && m->uid && uid != m->uid && !b->renumber;
	if (move_uid && uid > b->sweep->stop_uid)
		return; /* its turn comes */
	if (move_uid && uid < b->next) {
		a->whole = false;
		b->p->result->late++;
		move_uid = false;
	}
	const char *extra = extra_for(b, a, a->row.p_base);
	if (move_uid || (m->uid && strcmp(m->extra, extra))) {
		b->p->store->ops->txn_uid(
			b->txn, m->base, move_uid ? uid : m->uid, extra);
		a->row.p_extra = extra;
		a->row.p_uid = move_uid ? uid : m->uid;
		if (move_uid)
			b->next = uid + 1;
	}
	a->done = true;
}

/* Every message of the folder that is not numbered by the authority gets a
   number above all that it gave. */
static int renumber_row(
	void *arg, const struct replica_message *m, struct err *err)
{
	struct batch *b = arg;
	const struct store_view *view = b->p->store->ops->txn_view(b->txn);
	const struct store_message *seen = store_view_find(view, m->p_base);

	/* What is dead goes; but a preview stays for now (previews.h). */
	if (!seen || (m->dead && m->todo && !place_stays(b->p, m)))
		return 0;
	struct action *a = batch_action(b, m);
	a->done = true;
	bool numbered = m->uid && m->folder == b->f.id && !m->dead &&
			given_add(&b->given, m->uid);
	a->row.p_uid = numbered ? m->uid : b->next++;
	a->row.p_extra = seen->extra ? batch_keep(b, seen->extra) : "";
	b->p->store->ops->txn_uid(
		b->txn, seen->base, a->row.p_uid, a->row.p_extra);
	(void)err;
	return 0;
}

/* UIDNEXT as it will be; numbers of messages still under way must not be
   burned. Returns whether that is another than the batch makes it. */
static bool raise_uidnext(struct batch *b)
{
	const struct sweep *s = b->sweep;
	bool rest = s->blocked || s->again || s->next < s->count;

	if (rest || b->f.uidnext <= b->next)
		return false;
	b->next = b->f.uidnext;
	return true;
}

/* At home peers know more of UIDNEXT only after all of the machine went back:
   what was given since then has come again. */
static void do_home(struct batch *b, const struct store_view *view)
{
	if (view->identity.uidvalidity != b->f.uidvalidity || !raise_uidnext(b))
		return;
	struct store_identity id = {.uidnext = b->next};
	b->p->store->ops->txn_identity(b->txn, &id);
}

static void do_identity(struct batch *b, const struct store_view *view)
{
	struct store_identity id = {.extra = NULL};
	bool change = false;
	uint64_t home = b->f.authority.site;
	bool foreign = home && home != replica_origin(b->p->replica);

	if (!b->build && !view->identity.has_uids)
		return;
	if (!foreign && !b->build) {
		if (home)
			do_home(b, view);
		return;
	}
	if (b->f.uidvalidity &&
		(b->build || view->identity.uidvalidity != b->f.uidvalidity)) {
		id.uidvalidity = b->f.uidvalidity;
		change = true;
	}
	if (memcmp(&b->f.guid, &(struct id128){0}, sizeof(b->f.guid)) &&
		(b->build || !id_equal(&b->f.guid, &view->identity.guid))) {
		id.has_guid = true;
		id.guid = b->f.guid;
		change = true;
	}
	if (raise_uidnext(b) || b->build || b->renumber) {
		id.uidnext = b->next;
		change = true;
	}
	if (*b->f.extra &&
		strcmp(b->f.extra,
			view->identity.extra ? view->identity.extra : "")) {
		id.extra = b->f.extra;
		change = true;
	}
	if (change)
		b->p->store->ops->txn_identity(b->txn, &id);
}

int batch_lock(struct batch *b, struct err *err)
{
	const struct store_ops *ops = b->p->store->ops;
	const struct store_view *view = ops->txn_view(b->txn);
	int rc = 0;

	b->sweep->seen = view->count;
	b->seen = view->identity.uidnext;
	b->next = b->seen ? b->seen : 1;
	/* A list that went back is mended when it is captured next. */
	if (view->identity.uidvalidity == b->f.p_uidvalidity &&
		b->next < b->f.p_uidnext)
		b->next = b->f.p_uidnext;
	if (b->renumber)
		b->next = b->f.uidnext ? b->f.uidnext : 1;
	/* In the order of UIDs: each number is above those before it. */
	for (size_t i = 0; i < b->count; i++) {
		struct action *a = &b->actions[i];

		if (a->update) {
			do_update(b, view, a);
		} else if (a->add) {
			do_add(b, view, a);
		} else if (a->expunge) {
			if (store_view_find(view, a->row.p_base))
				ops->txn_expunge(b->txn, a->row.p_base);
			a->done = true;
		}
	}
	if (b->renumber)
		rc = replica_placed_each(
			b->p->replica, b->f.id, renumber_row, b, err);
	if (rc < 0)
		return rc;
	do_identity(b, view);
	rc = ops->txn_commit(b->txn, err);
	if (rc > 0)
		b->p->result->unplaced++;
	return rc;
}
