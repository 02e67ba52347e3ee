/*
 * txn: a folder being changed, its lock held.
 *
 * txn_begin reads the folder under the lock; what shall be done is noted
 * against that view, message by message; txn_commit (commit.c) does it. What
 * is noted for a message that is not there is forgotten: somebody expunged it.
 */
#include "maildir_private.h"

#include <stdlib.h>
#include <string.h>

static char *keep(struct store_txn *t, const char *s)
{
	return s ? arena_dup(&t->arena, s, strlen(s))
		 : arena_dup(&t->arena, "", 0);
}

static int begin_in_place(struct store_txn *t, struct err *err)
{
	struct folder_stat st;
	int r = folder_stat(t->m, &t->f, &st, err);

	if (r == 0 && lock_wanted(t->m, &t->f)) {
		r = lock_take(t->m, &t->f, &t->lock, err);
		if (r == 0)
			r = scan_locked(t->m, &t->f, &t->view, err);
	} else if (r == 0) {
		r = scan_view(t->m, t->f.path, STORE_UNLOCKED, &t->view, err);
	}
	if (r == 0)
		t->changes = mem_array(t->view.count, sizeof(*t->changes));
	return r;
}

static int begin_build(struct store_txn *t, struct err *err)
{
	AUTO_FREE char *cur = path_join(t->f.dir, "cur");
	struct modes modes;

	if (is_directory(t->m->store.os, cur))
		return err_set(
			err, ERR_CONFLICT, "folder %s is there", t->f.path);
	t->view.identity =
		(struct store_identity){.has_uids = t->m->dovecot, .extra = ""};
	t->changes = mem_array(0, sizeof(*t->changes));
	if (t->stage && t->stage->aside) {
		t->aside = mem_dup(t->stage->aside);
		return 0;
	}
	return build_aside(t->m, &t->aside, &modes, err);
}

int txn_begin(struct maildir *m, const char *path, bool build,
	struct store_stage *stage, struct store_txn **ret, struct err *err)
{
	struct store_txn *t = mem_alloc(sizeof(*t));
	char *own = arena_dup(&t->arena, path, strlen(path));
	int r;

	t->m = m;
	t->build = build;
	t->stage = stage;
	r = folder_init(m, own, &t->f, err);
	if (r == 0)
		r = build ? begin_build(t, err) : begin_in_place(t, err);
	if (r < 0) {
		txn_end(t);
		return r;
	}
	*ret = t;
	return 0;
}

void txn_add(struct store_txn *t, const struct store_add *add)
{
	struct store_add *to;

	t->adds = mem_grow(t->adds, t->add_count + 1, sizeof(*t->adds));
	t->adds[t->add_count] = (struct txn_add){.add = *add};
	to = &t->adds[t->add_count++].add;
	to->base = keep(t, add->base);
	to->letters = keep(t, add->letters);
	to->keywords = keep(t, add->keywords);
	to->extra = keep(t, add->extra);
}

static struct txn_change *change_of(struct store_txn *t, const char *base)
{
	const struct store_message *m = store_view_find(&t->view, base);

	return m ? &t->changes[m - t->view.messages] : NULL;
}

void txn_flags(struct store_txn *t, const char *base, const char *letters,
	const char *keywords)
{
	struct txn_change *c = change_of(t, base);

	if (c) {
		c->letters = keep(t, letters);
		c->keywords = keep(t, keywords);
	}
}

void txn_expunge(struct store_txn *t, const char *base)
{
	struct txn_change *c = change_of(t, base);

	if (c)
		c->expunge = true;
}

void txn_replace(struct store_txn *t, const char *base, size_t staged)
{
	struct txn_change *c = change_of(t, base);

	if (c) {
		c->replace = true;
		c->staged = staged;
	}
}

void txn_uid(
	struct store_txn *t, const char *base, uint32_t uid, const char *extra)
{
	struct txn_change *c = change_of(t, base);

	if (c) {
		c->uid = uid;
		c->extra = extra ? keep(t, extra) : NULL;
	}
}

void txn_identity(struct store_txn *t, const struct store_identity *identity)
{
	t->identity = *identity;
	t->identity.extra = identity->extra ? keep(t, identity->extra) : "";
	t->has_identity = true;
}

void txn_end(struct store_txn *t)
{
	lock_release(t->lock);
	/* What the stage made, the stage removes. */
	if (t->aside && !(t->stage && t->stage->aside))
		dir_remove(t->m->store.os, t->aside, NULL);
	store_view_free(&t->view);
	folder_release(&t->f);
	arena_free(&t->arena);
	free(t->aside);
	free(t->changes);
	free(t->adds);
	free(t);
}
