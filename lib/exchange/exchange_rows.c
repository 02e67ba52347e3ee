/*
 * exchange_rows: rows that a peer tells, and those that it asks for.
 *
 * What is asked for is looked up before anything is merged: merging changes
 * keys. Births go first, so that what speaks of them finds them.
 */
#include <stdlib.h>

#include "compared.h"
#include "err.h"
#include "exchange_kind.h"
#include "gaps.h"
#include "stated.h"
#include "viewed.h"

#define CONFIRM_SYMBOLS 8u /* mostly nothing differs any more */

/* ---- what is asked for ---- */

static int owe_keys(
	struct exchange *x, const struct parcel_compare *c, struct err *err)
{
	struct keys_row *rows;
	size_t count;
	int rc;

	if (!c->key_count)
		return 0;
	rc = exchange_our_rows(x, (enum comparing_kind)c->kind, &c->folder,
		c->seed, &rows, &count, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < c->key_count && rc >= 0; i++) {
		const struct keys_row *row = keys_find(rows, count, c->keys[i]);

		if (row) /* else it was changed meanwhile */
			rc = owed_message(
				x->replica, x->peer, &c->folder, row->id, err);
	}
	free(rows);
	return rc < 0 ? rc : 0;
}

/* Runs ascend, as the folder's UIDs do: it is read once for all of them. */
static int owe_uids(
	struct exchange *x, const struct parcel_compare *c, struct err *err)
{
	AUTO_FREE struct compared_uid *list = NULL;
	size_t count, run = 0;
	int rc;

	if (!c->uid_count)
		return 0;
	rc = compared_uids(x->replica, &c->folder, &list, &count, err);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		while (run < c->uid_count && c->uids[run].last < list[i].uid)
			run++;
		if (run == c->uid_count)
			break;
		if (c->uids[run].first <= list[i].uid)
			rc = owed_message(x->replica, x->peer, &c->folder,
				list[i].id, err);
	}
	return rc < 0 ? rc : 0;
}

/* ---- what is told ---- */

/* Rows that are being taken. */
struct taking {
	struct exchange *x;
	const struct parcel_compare *c;
	struct change_batch batch;
	bool fresh;	/* of a comparison that is under way */
	bool doubt;	/* of ourselves */
	bool overrules; /* of one write's two values theirs counts */
};

/* Whose value counts, where two hold different ones of one write: that of the
   site that is not in doubt of itself, else the folder's home's. */
static int does_overrule(struct taking *t, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica *r = t->x->replica;
	struct replica_folder f;
	int rc = replica_folder_by_fid(r, &t->c->folder, &arena, &f, err);

	if (rc < 0)
		return rc;
	if (t->doubt != t->c->doubt)
		t->overrules = t->doubt;
	else if (rc == 0 && f.authority.site == replica_origin(r))
		t->overrules = false;
	else if (rc == 0 && f.authority.site == t->x->peer)
		t->overrules = true;
	else
		t->overrules = t->x->peer < replica_origin(r);
	return 0;
}

static bool is_of_a_folder(const struct change *c)
{
	return ((c->kind >= CHANGE_SAVE && c->kind <= CHANGE_UIDNEXT) ||
		       c->kind == CHANGE_OUT) &&
	       !id_is_account(&c->by.log.folder);
}

/*
 * Our own changes come back when our state was lost. Of this very state nobody
 * knows more than it does.
 */
static int check_own(struct taking *t, const struct change *c, struct err *err)
{
	struct replica *r = t->x->replica;
	struct replica_log log;
	int rc;

	if (c->by.log.origin != replica_origin(r) ||
		c->by.log.incarnation != replica_incarnation(r))
		return 0;
	rc = replica_log_get(r, &c->by.log, false, &log, err);
	if (rc < 0)
		return rc;
	if (rc == 0 && c->by.lsn <= log.known.lsn)
		return 0;
	return err_set(err, ERR_CONFLICT,
		"account %s: a peer holds lsn %llu of a log of ours that ends "
		"at %llu: was the state restored?",
		replica_account(r), (unsigned long long)c->by.lsn,
		(unsigned long long)(rc == 0 ? log.known.lsn : 0));
}

/* 1: to be taken; 0: it may not come from this peer. */
static int may_take(struct taking *t, const struct change *c, struct err *err)
{
	int rc;

	if (!is_of_a_folder(c))
		return err_set(err, ERR_CORRUPT,
			"rows of a folder hold another kind of change");
	rc = check_own(t, c, err);
	if (rc < 0)
		return rc;
	rc = t->x->may(t->x->arg, c, err);
	t->x->result.refused += rc == 0;
	return rc;
}

static int owe_dot(struct taking *t, const struct dot *dot, struct err *err)
{
	return owed_dot(t->x->replica, t->x->peer, &t->c->folder, dot, err);
}

static int apply(struct taking *t, const struct change *c, struct err *err)
{
	int rc = replica_apply(t->x->replica, c, err);

	t->x->result.taken += rc == 0;
	return rc < 0 ? rc : 0;
}

/* Does it have mail that it is not to see any more? */
static int is_hidden(struct taking *t, const struct dot *dot, struct err *err)
{
	enum view_message is;
	int64_t row;
	int rc = view_message(t->x->replica, t->x->peer, dot, &is, &row, err);

	return rc < 0 ? rc : is == VIEW_HIDDEN;
}

static bool is_known_by(const struct taking *t, const struct change *c)
{
	return c->dot.log.origin == t->x->peer || t->x->relays;
}

/*
 * What is dead here, or lies where the peer sees nothing, is told to be. What
 * is dead only because its log is known past it may have been lost: it is told
 * where it was born here. It is taken where it comes from the site where it
 * was born, or from who passes on what others wrote, or we are in doubt of
 * ourselves; and in answer to what we asked, for an old bundle may hold what
 * was expunged since. Else it stays a difference.
 */
static int take_birth(struct taking *t, const struct change *c, struct err *err)
{
	int known = adopting_dot(t->x->replica, &c->dot, err);

	if (known < 0)
		return known;
	if (known == ADOPTING_DEAD)
		return owe_dot(t, &c->dot, err);
	if (known == ADOPTING_ALIVE) {
		known = is_hidden(t, &c->dot, err);
		if (known < 0)
			return known;
		if (known && (known = owe_dot(t, &c->dot, err)) < 0)
			return known;
	}
	if (known == ADOPTING_PAST) {
		bool lost = t->doubt && !t->c->doubt;

		if (!lost && c->dot.log.origin == replica_origin(t->x->replica))
			return owe_dot(t, &c->dot, err);
		if (!t->fresh || (!lost && !is_known_by(t, c)))
			return 0;
	}
	return apply(t, c, err);
}

static int take_other(struct taking *t, const struct change *c, struct err *err)
{
	int known = adopting_dot(t->x->replica, &c->dot, err);

	if (known < 0)
		return known;
	if (c->kind != CHANGE_EXPUNGE && c->kind != CHANGE_UIDNEXT &&
		known == ADOPTING_DEAD)
		return owe_dot(t, &c->dot, err);
	return apply(t, c, err);
}

static bool is_birth(const struct change *c)
{
	return c->kind == CHANGE_SAVE || c->kind == CHANGE_COPY;
}

enum pass { PASS_BIRTHS, PASS_OTHERS, PASS_OVERRULE, PASS_COUNT };

static int take_one(struct taking *t, const struct change *c, enum pass pass,
	struct err *err)
{
	int rc;

	if (pass == PASS_OVERRULE) {
		if (c->kind == CHANGE_OUT)
			return 0;
		rc = adopting_change(t->x->replica, c, err);
		t->x->result.taken += rc > 0;
		return rc < 0 ? rc : 0;
	}
	if (is_birth(c) != (pass == PASS_BIRTHS))
		return 0;
	return pass == PASS_BIRTHS ? take_birth(t, c, err)
				   : take_other(t, c, err);
}

/* Those that may be taken stay in the batch. */
static int keep_allowed(struct taking *t, struct err *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->batch.count; i++) {
		int rc = may_take(t, &t->batch.items[i], err);

		if (rc < 0)
			return rc;
		if (rc > 0)
			t->batch.items[kept++] = t->batch.items[i];
	}
	t->batch.count = kept;
	return 0;
}

static int take_changes(struct taking *t, struct err *err)
{
	struct change_context ctx = {t->c->context, 1, t->c->base_ms};
	int rc = t->c->len ? change_decode(&ctx, t->c->payload, t->c->len,
				     &t->batch, err)
			   : 0;

	if (rc >= 0)
		rc = keep_allowed(t, err);
	for (int pass = 0; pass < PASS_COUNT && rc >= 0; pass++) {
		if (pass == PASS_OVERRULE && !t->overrules)
			continue;
		for (size_t i = 0; i < t->batch.count && rc >= 0; i++)
			rc = take_one(
				t, &t->batch.items[i], (enum pass)pass, err);
	}
	return rc < 0 ? rc : 0;
}

/* Without a tombstone only the site where a dot was born is believed. */
static int take_deaths(
	struct taking *t, const struct parcel_lsns *dead, struct err *err)
{
	int rc = 0;

	if (dead->log.origin != t->x->peer)
		return 0;
	for (size_t i = 0; i < dead->count && rc >= 0; i++)
		rc = exchange_bury(t->x, &dead->log, dead->runs[i].first,
			dead->runs[i].last, err);
	return rc;
}

static int take_told(
	struct exchange *x, const struct parcel_compare *c, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct taking t = {.x = x, .c = c};
	struct comparing mine;
	int rc = exchange_find(x, c, &arena, &mine, err);

	t.fresh = rc == 0 && exchange_is_of(&mine, c);
	if (rc >= 0)
		rc = gap_in_doubt(x->replica, &c->folder, err);
	t.doubt = rc > 0;
	if (rc >= 0)
		rc = does_overrule(&t, err);
	if (rc >= 0)
		rc = take_changes(&t, err);
	for (size_t i = 0; i < c->dead_count && rc >= 0 && !c->doubt; i++)
		rc = take_deaths(&t, &c->dead[i], err);
	change_batch_free(&t.batch);
	return rc < 0 ? rc : 0;
}

/* ---- and then ---- */

/* Was it the answer to what we asked? Then there is another turn. */
static int go_on(
	struct exchange *x, const struct parcel_compare *c, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct comparing mine;
	int rc = exchange_find(x, c, &arena, &mine, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (mine.role != COMPARING_ASKS || !c->last ||
		!exchange_is_of(&mine, c))
		return 0;
	if (c->equal)
		return exchange_settle(x, c, err);
	if (mine.due)
		return 0; /* it came twice */
	if (++mine.turn > COMPARING_TURNS)
		return comparing_fail(x->replica, x->peer, &c->folder, err);
	mine.due = true;
	mine.tries = 0;
	mine.give_columns = 0;
	mine.give_symbols = CONFIRM_SYMBOLS;
	return comparing_put(x->replica, &mine, err);
}

int exchange_rows(
	struct exchange *x, const struct parcel_compare *c, struct err *err)
{
	uint64_t before = x->result.taken;
	int rc = owe_keys(x, c, err);

	if (rc >= 0)
		rc = owe_uids(x, c, err);
	if (rc >= 0 && x->takes)
		rc = take_told(x, c, err);
	if (rc >= 0 && x->result.taken > before) {
		rc = stated_owe(
			x->replica, x->peer, &c->folder, STATED_ALONE, err);
		if (rc >= 0)
			rc = stated_owe_changed(x->replica, x->peer, err);
	}
	return rc < 0 ? rc : go_on(x, c, err);
}
