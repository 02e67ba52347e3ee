/*
 * uidback: a UID list that went back.
 *
 * What was recorded here of a folder's UIDs was durable before. Yet its list
 * may be an older one: a disk that lied about that lost power, the server threw
 * a broken list away and numbered anew by an index that had gone back, somebody
 * put back the file alone. Or the whole folder is an older copy.
 *
 * The list went back if and only if, under the UIDVALIDITY that was placed,
 * (1) UIDNEXT is lower than it was, or
 * (2) a message has another UID than it was placed with, and one below that
 *     UIDNEXT, or
 * (3) a message that was not placed has the UID of one that was.
 * The folder is the one known all the same, and only its list is wrong, if
 * (a) no message is missing that was placed with a UID at or above UIDNEXT as
 *     it is now, or with one that another message has now: an older copy lacks
 *     what came later;
 * (b) no message that was placed is another file (inode) by now;
 * (c) cur/ and new/ were not changed last before what is known of them.
 * Else it stops, until the operator says that it is right as it is.
 *
 * Then the list is mended under the server's lock. A message that lost its line
 * has its UID again if that is at or above UIDNEXT: nobody was given it since.
 * Every other message with a UID below the UIDNEXT that was known gets a new
 * one, unless it was placed with it. So no UID that a client may have seen here
 * comes to mean another message. A crash leaves the list as it was, or mended.
 *
 * Where all of the machine is as it was, state and mail, nothing of this shows.
 * Peers tell when it has joined (setback.c).
 */
#include <stdlib.h>
#include <string.h>

#include "pass.h"

/* What is known of a message of the view. */
struct known {
	uint32_t uid;	   /* that it was placed with; 0: none */
	const char *extra; /* where it has no line any more */
};

/* A message that is to get a number: this one, or a new one. */
struct given {
	size_t message;
	uint32_t uid;
	bool again; /* just this one */
};

struct mending {
	const struct replica_folder *f;
	const struct store_view *view;
	struct known *known; /* for each message of the view */
	uint32_t *gone;	     /* UIDs of those that are not there any more */
	size_t gone_count;
	struct given *given;
	size_t given_count;
	bool other; /* it is another folder */
	struct arena arena;
};

bool pass_uids_low(
	const struct replica_folder *f, const struct store_identity *id)
{
	return f->p_uidvalidity && id->uidvalidity == f->p_uidvalidity &&
	       id->uidnext < f->p_uidnext;
}

int pass_cmp_uid(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool has_uid(const uint32_t *sorted, size_t count, uint32_t uid)
{
	return count && bsearch(&uid, sorted, count, sizeof(uid), pass_cmp_uid);
}

/* ---- is it the folder that is known? ---- */

static void know_absent(struct mending *m, const struct replica_message *row)
{
	m->other |=
		!damage_keeps(row) && row->p_uid >= m->view->identity.uidnext;
	m->gone = mem_grow(m->gone, m->gone_count + 1, sizeof(*m->gone));
	m->gone[m->gone_count++] = row->p_uid;
}

/* A dead one, which the applier has yet to remove, has its UID until then. */
static int know_row(
	void *arg, const struct replica_message *row, struct err *err)
{
	struct mending *m = arg;
	const struct store_message *there =
		store_view_find(m->view, row->p_base);

	(void)err;
	if (!there) {
		if (!row->dead)
			know_absent(m, row);
		return 0;
	}
	struct known *k = &m->known[there - m->view->messages];
	if (row->dead && k->uid)
		return 0; /* a stray of one that lives shares its file */
	m->other |= !row->dead && row->p_ino && row->p_ino != there->ino;
	k->uid = row->p_uid;
	if (!there->uid)
		k->extra = arena_dup(
			&m->arena, row->p_extra, strlen(row->p_extra));
	return 0;
}

static int know(struct mending *m, struct replica *replica, struct err *err)
{
	const struct store_view *view = m->view;

	m->known = mem_array(view->count, sizeof(*m->known));
	int rc = replica_placed_each(replica, m->f->id, know_row, m, err);

	if (m->gone_count)
		qsort(m->gone, m->gone_count, sizeof(*m->gone), pass_cmp_uid);
	for (size_t i = 0; i < view->count; i++)
		m->other |=
			view->messages[i].uid &&
			has_uid(m->gone, m->gone_count, view->messages[i].uid);
	m->other |= view->dir_ctime_ns < m->f->p_dirs_ns;
	return rc;
}

/* ---- mending ---- */

static void give(struct mending *m, size_t message)
{
	const struct store_message *seen = &m->view->messages[message];
	uint32_t was = m->known[message].uid;

	if (seen->doubled)
		return; /* left alone until the server mended it */
	/* One that had no UID gets one another day (uids.c). */
	if (seen->uid ? seen->uid == was || seen->uid >= m->f->p_uidnext : !was)
		return;
	m->given = mem_grow(m->given, m->given_count + 1, sizeof(*m->given));
	m->given[m->given_count++] = (struct given){.message = message,
		.uid = seen->uid ? seen->uid : was,
		.again = !seen->uid && was >= m->view->identity.uidnext};
}

static int cmp_given(const void *a, const void *b)
{
	const struct given *x = a, *y = b;

	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return x->message < y->message ? -1 : x->message > y->message;
}

/* UIDNEXT, when all numbers have been given. */
static uint32_t number_all(
	struct mending *m, struct store *s, struct store_txn *t)
{
	uint32_t next = m->view->identity.uidnext;

	if (next < m->f->p_uidnext)
		next = m->f->p_uidnext;
	if (m->given_count)
		qsort(m->given, m->given_count, sizeof(*m->given), cmp_given);
	for (size_t i = 0; i < m->given_count; i++) {
		struct given *g = &m->given[i];

		if (i && g->uid == m->given[i - 1].uid)
			g->again = false;
		if (g->again && g->uid >= next && g->uid < UINT32_MAX)
			next = g->uid + 1;
	}
	for (size_t i = 0; i < m->given_count; i++) {
		const struct given *g = &m->given[i];
		const struct store_message *seen =
			&m->view->messages[g->message];

		if (!g->again && next == UINT32_MAX)
			continue; /* there are no more */
		s->ops->txn_uid(t, seen->base, g->again ? g->uid : next++,
			seen->uid ? NULL : m->known[g->message].extra);
	}
	return next;
}

static int mend(struct mending *m, struct store *s, struct store_txn *t,
	struct err *err)
{
	struct store_identity id = {.extra = ""};

	for (size_t i = 0; i < m->view->count; i++)
		give(m, i);
	id.uidnext = number_all(m, s, t);
	if (!m->given_count && id.uidnext <= m->view->identity.uidnext)
		return 0; /* the server did it meanwhile */
	s->ops->txn_identity(t, &id);
	int rc = s->ops->txn_commit(t, err);
	return rc < 0 ? rc : 0;
}

int pass_uids_mend(
	struct pass *p, const struct replica_folder *f, struct err *err)
{
	struct store_txn *t;
	struct mending m = {.f = f};
	int rc = p->store->ops->txn_begin(
		p->store, f->p_path, false, NULL, &t, err);

	if (rc < 0)
		return rc;
	m.view = p->store->ops->txn_view(t);
	if (m.view->identity.uidvalidity == f->p_uidvalidity) {
		rc = know(&m, p->replica, err);
		if (rc >= 0 && m.other && !f->guard_ok)
			rc = 1;
		else if (rc >= 0)
			rc = mend(&m, p->store, t, err);
	}
	p->store->ops->txn_end(t);
	if (rc == 0)
		p->result->mended++;
	free(m.known);
	free(m.gone);
	free(m.given);
	arena_free(&m.arena);
	return rc;
}
