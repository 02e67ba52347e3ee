/*
 * folder: one folder of a capture pass: the store's view against the rows
 * placed there, both in the order of base names.
 */
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "flagset.h"
#include "pass.h"
#include "shell.h"

#define WENT_BACK 1 /* the UID list: nothing of the folder is to be logged */
#define MENDINGS 3  /* at one look */

struct diff {
	struct pass *p;
	const struct store_view *view;
	struct replica_folder f;
	uint32_t uid_floor; /* UIDs below were given before; 0: all are new */
	bool went_back;
	bool renumbered; /* it has another UIDVALIDITY than was placed */
	bool compared;	 /* to its end */
	size_t next;	 /* in view */
	size_t *births;	 /* view indices that no row has */
	size_t birth_count;
	uint32_t *left; /* UIDs that placed messages had and have no more */
	size_t left_count;
	size_t dead;   /* 1 + view index that a dead row has; 0: none */
	size_t placed; /* rows met */
	size_t inode_same, inode_other; /* of rows that are there */
	bool unresolved;
	bool untouched;	      /* what is absent was not removed by anybody */
	uint32_t uid_waiting; /* least of those not logged yet; 0: none */
};

/* Rows come without their dots: most of them need none. */
static int need_dot(
	struct pass *p, struct replica_message *row, struct err *err)
{
	return row->dot.lsn ? 0 : replica_message_dot(p->replica, row, err);
}

static int damaged(struct diff *d, const struct replica_message *row,
	enum damage damage, int64_t ctime_ns, struct err *err)
{
	struct pass *p = d->p;

	p->result->damaged++;
	return damage_set(
		p->replica, row->id, damage, ctime_ns, p->now_ms, err);
}

/* Flags that are not as placed: what differs from merged is a change. */
static int diff_flags(struct diff *d, const struct store_message *m,
	struct replica_message *row, struct arena *arena, bool *ret_placed,
	struct err *err)
{
	const char *kw = store_message_keywords(d->view, m, arena);
	struct pass *p = d->p;

	if (strcmp(m->letters, row->p_letters) == 0 &&
		keyword_lists_equal(kw, row->p_keywords))
		return 0;
	/* On disk and neither placed nor merged: set by somebody. */
	struct flag_set add = {
		letter_minus(arena,
			letter_minus(arena, m->letters, row->p_letters),
			row->letters),
		keyword_minus(arena, keyword_minus(arena, kw, row->p_keywords),
			row->keywords)};
	/* Placed, and merged still, but not on disk: cleared. */
	const char *gone = letter_minus(arena, row->p_letters, m->letters);
	const char *lost = keyword_minus(arena, row->p_keywords, kw);
	struct flag_set del = {letter_minus(arena, gone,
				       letter_minus(arena, gone, row->letters)),
		keyword_minus(arena, lost,
			keyword_minus(arena, lost, row->keywords))};
	struct store_stat st = {0};
	int rc = 0;

	if (*add.letters || *add.keywords || *del.letters || *del.keywords) {
		rc = p->store->ops->stat(p->store, d->f.p_path, m, &st, err);
		if (rc >= 0)
			rc = need_dot(p, row, err);
	}
	if (rc >= 0 && st.ctime_ns && st.size != row->size && !row->damage)
		rc = damaged(d, row, DAMAGE_BYTES, st.ctime_ns, err);
	if (rc < 0)
		return rc; /* gone this moment: the next pass */
	row->p_letters = m->letters;
	row->p_keywords = kw;
	*ret_placed = true;
	return pass_flags(
		p, &d->f.fid, row, &add, &del, st.ctime_ns / 1000000, err);
}

static void note_left(struct diff *d, uint32_t uid)
{
	if (!uid || uid >= d->uid_floor)
		return;
	d->left = mem_grow(d->left, d->left_count + 1, sizeof(*d->left));
	d->left[d->left_count++] = uid;
}

static int diff_uid(struct diff *d, const struct store_message *m,
	struct replica_message *row, bool *ret_placed, struct err *err)
{
	struct pass *p = d->p;

	bool says = pass_is_ours(p, &d->f) && m->uid != row->uid;

	/* The one that it was to have could not be given any more. */
	bool other = says && row->uid && row->folder == d->f.id &&
		     row->uid < d->view->identity.uidnext;
	if (!m->uid || (m->uid == row->p_uid && !other))
		return 0;
	if (m->uid != row->p_uid) {
		d->went_back |= m->uid < d->uid_floor;
		note_left(d, row->p_uid);
		row->p_uid = m->uid;
		*ret_placed = true;
	}
	if (!says)
		return 0; /* a number of this site only */
	uint64_t above;
	int rc = replica_message_stamp(p->replica, row->id, &above, err);
	if (rc >= 0)
		rc = need_dot(p, row, err);
	if (rc < 0)
		return rc;
	struct change c = pass_change(p, CHANGE_UID, 0, above);
	c.dot = row->dot;
	c.uid = m->uid;
	return pass_put(p, &d->f.fid, &c, err);
}

const char *pass_extra(const struct store_message *m)
{
	return strlen(m->extra) > CHANGE_NAME_MAX ? "" : m->extra;
}

/*
 * What a change says of a message's fields: the GUID only if it is another
 * than before, for it goes with the name, which may have changed elsewhere.
 */
static const char *said_fields(struct arena *arena, const char *seen,
	const char *placed, const char *base)
{
	const char *guid = fields_get(arena, seen, 'G');
	const char *before = fields_get(arena, placed, 'G');
	bool same = guid && before ? !strcmp(guid, before) : guid == before;
	const char *said = fields_put(
		arena, seen, 'G', same ? NULL : (guid ? guid : base));

	return strlen(said) > CHANGE_NAME_MAX ? seen : said;
}

static int diff_extra(struct diff *d, const struct store_message *m,
	struct replica_message *row, bool *ret_placed, struct err *err)
{
	const char *extra = pass_extra(m);

	if (!m->uid || strcmp(extra, row->p_extra) == 0)
		return 0;
	AUTO_ARENA struct arena arena = {0};
	const char *placed = row->p_extra;
	row->p_extra = extra;
	*ret_placed = true;
	if (strcmp(extra, row->extra) == 0)
		return 0;
	uint64_t above;
	int rc = replica_message_stamp(d->p->replica, row->id, &above, err);
	if (rc >= 0)
		rc = need_dot(d->p, row, err);
	if (rc < 0)
		return rc;
	struct change c = pass_change(d->p, CHANGE_EXTRA, 0, above);
	c.dot = row->dot;
	c.extra = said_fields(&arena, extra, placed, m->base);
	return pass_put(d->p, &d->f.fid, &c, err);
}

static int diff_fields(struct diff *d, const struct store_message *m,
	struct replica_message *row, struct arena *arena, bool *ret_placed,
	struct err *err)
{
	int rc = m->unresolved ? pass_unresolved(d->p, &d->f, m, err) : 0;

	if (rc > 0)
		d->unresolved = true;
	else if (rc == 0)
		rc = diff_flags(d, m, row, arena, ret_placed, err);
	if (rc >= 0)
		rc = diff_uid(d, m, row, ret_placed, err);
	return rc < 0 ? rc : diff_extra(d, m, row, ret_placed, err);
}

/* As they are, for the applier, and nobody's change. */
static int adopt_fields(struct diff *d, const struct store_message *m,
	struct replica_message *row, struct arena *arena, bool *ret_placed,
	struct err *err)
{
	const char *kw = store_message_keywords(d->view, m, arena);

	if (!m->unresolved &&
		(strcmp(m->letters, row->p_letters) ||
			!keyword_lists_equal(kw, row->p_keywords))) {
		row->p_letters = m->letters;
		row->p_keywords = kw;
		*ret_placed = true;
	}
	if (m->uid && strcmp(pass_extra(m), row->p_extra)) {
		row->p_extra = pass_extra(m);
		*ret_placed = true;
	}
	return diff_uid(d, m, row, ret_placed, err);
}

static int diff_present(struct diff *d, const struct store_message *m,
	const struct replica_message *placed, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message row = *placed;
	bool changed = false;
	int rc = 0;

	if (m->doubled)
		return 0;
	/* The applier does not know the inode of what it placed. */
	if (row.p_ino == m->ino)
		d->inode_same++;
	else if (row.p_ino)
		d->inode_other++;
	if (row.p_ino != m->ino) {
		row.p_ino = m->ino;
		changed = true;
	}
	if (row.dead)
		return 0; /* the applier has yet to remove it */
	rc = pass_adopts(d->p, &d->f, &row, err);
	if (rc > 0)
		rc = adopt_fields(d, m, &row, &arena, &changed, err);
	else if (rc == 0)
		rc = diff_fields(d, m, &row, &arena, &changed, err);
	if (rc < 0 || !changed)
		return rc == ERR_ABSENT ? 0 : rc;
	return replica_message_place(d->p->replica, &row, true, err);
}

/* Is what is placed here what is merged here, and neither dead nor damaged? */
static bool belongs(const struct diff *d, const struct replica_message *row)
{
	return !row->dead && row->folder == d->f.id && !row->damage;
}

static int note_absence(
	struct diff *d, const struct replica_message *row, struct err *err)
{
	struct pass *p = d->p;

	note_left(d, row->p_uid);
	if (damage_keeps(row))
		return 0;
	if (d->untouched && belongs(d, row))
		return damaged(d, row, DAMAGE_MISSING, 0, err);
	p->absences = mem_grow(
		p->absences, p->absence_count + 1, sizeof(*p->absences));
	p->absences[p->absence_count++] = (struct absence){row->id, d->f.id};
	return 0;
}

static void note_birth(struct diff *d, size_t index)
{
	if (index + 1 == d->dead)
		return; /* the applier has yet to remove it */
	d->births = mem_grow(d->births, d->birth_count + 1, sizeof(*d->births));
	d->births[d->birth_count++] = index;
}

/* A living row and a stray of it, which is dead, may share one file. */
static bool just_met(const struct diff *d, const struct replica_message *row)
{
	return d->next &&
	       !strcmp(d->view->messages[d->next - 1].base, row->p_base);
}

/* Rows come in the order of base names, as the view's messages do. */
static int diff_row(
	void *arg, const struct replica_message *row, struct err *err)
{
	struct diff *d = arg;
	int order = -1;

	d->placed++;
	while (d->next < d->view->count &&
		(order = strcmp(d->view->messages[d->next].base, row->p_base)) <
			0)
		note_birth(d, d->next++);
	if (d->next < d->view->count && order == 0) {
		const struct store_message *m = &d->view->messages[d->next];

		if (row->dead)
			d->dead = d->next + 1;
		else
			d->next++;
		return diff_present(d, m, row, err);
	}
	return !row->dead || !just_met(d, row) ? note_absence(d, row, err) : 0;
}

static int cmp_birth(const void *a, const void *b, void *arg)
{
	const struct store_view *v = arg;
	const struct store_message *x = &v->messages[*(const size_t *)a];
	const struct store_message *y = &v->messages[*(const size_t *)b];

	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return strcmp(x->base, y->base);
}

/* Not all at once: memory, and what a crash loses. */
static int recommit(struct pass *p, const struct diff *d, struct err *err)
{
	int rc = pass_commit(p, err);

	pass_touch(p, d->f.p_path);
	return rc;
}

static int births(struct diff *d, struct err *err)
{
	struct pass *p = d->p;
	int rc = 0;

	if (d->birth_count)
		qsort_r(d->births, d->birth_count, sizeof(*d->births),
			cmp_birth, (void *)(uintptr_t)d->view);
	for (size_t i = 0; i < d->birth_count && rc >= 0; i++) {
		const struct store_message *m =
			&d->view->messages[d->births[i]];
		uint64_t waiting = p->result->waiting;

		rc = pass_birth(p, &d->f, d->view, m, err);
		if (waiting != p->result->waiting && m->uid && !d->uid_waiting)
			d->uid_waiting = m->uid;
		if (p->config->progress && d->birth_count > 100)
			p->config->progress(p->config->progress_arg,
				d->f.p_path, i + 1, d->birth_count);
		if (rc > 0)
			return WENT_BACK;
		if (rc >= 0 && p->puts >= COMMIT_EVERY)
			rc = recommit(p, d, err);
	}
	return rc;
}

/* Has a message that was not placed the UID of one that was? */
static bool uids_reused(struct diff *d)
{
	if (!d->left_count)
		return false;
	qsort(d->left, d->left_count, sizeof(*d->left), pass_cmp_uid);
	for (size_t i = 0; i < d->birth_count; i++) {
		const struct store_message *m =
			&d->view->messages[d->births[i]];

		if (!m->doubled && bsearch(&m->uid, d->left, d->left_count,
					   sizeof(*d->left), pass_cmp_uid))
			return true;
	}
	return false;
}

/* A folder whose files are all others than those placed was swapped. */
static bool swapped(const struct diff *d)
{
	return d->placed && !d->f.guard_ok && !d->inode_same &&
	       d->inode_other >= 2 && d->inode_other >= d->placed / 2;
}

static int compare(struct diff *d, struct err *err)
{
	struct pass *p = d->p;
	size_t absences = p->absence_count;
	int rc = replica_placed_each(p->replica, d->f.id, diff_row, d, err);

	while (rc >= 0 && d->next < d->view->count)
		note_birth(d, d->next++);
	if (rc >= 0 && p->absence_count > absences &&
		(swapped(d) || (d->renumbered && !d->f.guard_ok))) {
		AUTO_FREE char *account = shell_word(p->account->name);
		AUTO_FREE char *folder = shell_word(d->f.p_path);

		p->absence_count = absences;
		rc = err_set(err, ERR_OPERATOR,
			"account %s: folder %s: its files are not those "
			"known and some are missing: restored or swapped? "
			"(nothing of it is logged; if it is right: "
			"packetboat on %s %s)",
			p->account->name, d->f.p_path, account, folder);
		d->f.stopped = "its files are not those known, and some are "
			       "missing";
	}
	if (rc >= 0 && (d->went_back || uids_reused(d)))
		return WENT_BACK;
	return rc < 0 ? rc : births(d, err);
}

/*
 * Another folder in the same directory: deleted and made again, and the inode
 * was given out again too. (A UID list that was lost keeps its UIDVALIDITY.)
 */
static bool replaced(
	const struct replica_folder *f, const struct store_identity *id)
{
	return !id_equal(&f->fid, &ID_INBOX) && id->has_guid &&
	       !id_is_account(&f->p_guid) && !id_equal(&id->guid, &f->p_guid) &&
	       f->p_uidvalidity && id->uidvalidity != f->p_uidvalidity;
}

static int read_folder(struct pass *p, struct diff *d, struct store_view *view,
	struct err *err)
{
	int rc;

	if (replaced(&d->f, &view->identity)) {
		d->f.p_ino = 0; /* so that the tree is not misled again */
		p->tree_again = true;
		return 0;
	}
	uint32_t uidnext = d->f.p_uidnext;
	if (pass_uids_low(&d->f, &view->identity))
		return WENT_BACK;
	if (view->identity.uidvalidity == d->f.p_uidvalidity)
		d->uid_floor = uidnext;
	d->renumbered = d->f.p_uidvalidity && view->identity.has_uids &&
			view->identity.uidvalidity != d->f.p_uidvalidity;
	rc = pass_behind_load(p, &d->f, &view->identity, err);
	if (rc >= 0)
		rc = pass_identity(p, &d->f, view, err);
	if (rc >= 0)
		rc = compare(d, err);
	d->compared = rc == 0;
	/* The rest is stated another time. */
	if (d->uid_waiting && d->uid_waiting < d->f.p_uidnext)
		d->f.p_uidnext = d->uid_waiting;
	if (rc == 0)
		rc = pass_uidnext(p, &d->f, &view->identity, uidnext, err);
	if (rc == 0 && !d->uid_waiting)
		rc = pass_behind_over(p, &d->f, &view->identity, err);
	return rc;
}

static int read_view(struct pass *p, const struct replica_folder *f,
	struct store_view *view, struct err *err)
{
	const struct store_ops *ops = p->store->ops;
	int rc = ops->view(p->store, f->p_path, STORE_UNLOCKED, view, err);

	if (rc < 0)
		return rc;
	/* Some had a number, and are to have that again. */
	if (pass_uids_low(f, &view->identity))
		return 0;
	rc = pass_wants_uids(p, f, view, err);
	if (rc == 0)
		return 0;
	/* One view at a time: they may be large. */
	store_view_free(view);
	*view = (struct store_view){0};
	if (rc > 0)
		rc = pass_give_uids(p, f, err);
	return rc < 0 ? rc
		      : ops->view(
				p->store, f->p_path, STORE_UNLOCKED, view, err);
}

/* Returns WENT_BACK when nothing was logged but what was before. */
static int look_at(struct pass *p, int64_t folder, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct store_cookie cookie;
	struct store_view view = {0};
	struct diff d = {.p = p, .view = &view};
	int rc = replica_folder_by_row(p->replica, folder, &arena, &d.f, err);

	if (rc != 0 || !d.f.p_path)
		return rc < 0 ? rc : 0;
	if (*d.f.stopped) {
		p->result->stopped++;
		return err_set(err, ERR_OPERATOR,
			"account %s: folder %s is stopped: %s",
			p->account->name, d.f.p_path, d.f.stopped);
	}
	int renumbered = pass_renumber(p, &d.f, err);
	if (renumbered < 0)
		return renumbered;
	rc = pass_cookie(p, &d.f, &cookie, err);
	if (rc < 0)
		return rc;
	bool untouched = !renumbered && d.f.cookie_good &&
			 memcmp(cookie.b, d.f.cookie, sizeof(cookie.b)) == 0;
	if (untouched && !pass_again(p, folder))
		return 0;
	p->result->looked++;
	pass_source_drop(p);
	pass_touch(p, d.f.p_path);
	rc = read_view(p, &d.f, &view, err);
	if (rc < 0)
		return rc;
	d.untouched = untouched && memcmp(view.cookie.b, d.f.cookie,
					   sizeof(view.cookie.b)) == 0;
	uint64_t waiting = p->result->waiting;
	size_t absences = p->absence_count;
	uint64_t damage = p->result->damaged;
	rc = read_folder(p, &d, &view, err);
	if (rc == WENT_BACK)
		p->result->damaged = damage; /* undone, and found again */
	free(d.births);
	free(d.left);
	if (rc == ERR_OPERATOR)
		rc = pass_stop_folder(p, folder, d.f.stopped, err);
	if (rc == 0) {
		bool settled = !view.cookie.racy && !d.unresolved &&
			       !p->finishing && waiting == p->result->waiting &&
			       d.f.p_ino && absences == p->absence_count;

		/* Not to be trusted yet: look again next time. */
		memcpy(d.f.cookie, view.cookie.b, sizeof(d.f.cookie));
		d.f.cookie_good = settled;
		if (!settled)
			p->result->racy = true;
		/* What is committed now is durable in the store. */
		if (p->puts || p->raised)
			d.f.p_dirs_ns = view.dir_ctime_ns;
		/* The operator's word was for this once. */
		bool done = d.compared && absences == p->absence_count;
		if (done)
			d.f.guard_ok = false;
		rc = replica_folder_place(p->replica, &d.f, err);
		int restored =
			rc < 0 ? rc : pass_restored(p->replica, &d.f, err);
		if (restored > 0 && done)
			rc = pass_restored_set(p->replica, &d.f, false, err);
		if (rc >= 0)
			rc = pass_commit(p, err);
	}
	if (rc != 0)
		p->absence_count = absences;
	store_view_free(&view);
	return rc;
}

int pass_folder(struct pass *p, int64_t folder, struct err *err)
{
	int rc = look_at(p, folder, err);

	for (int i = 0; rc == WENT_BACK && i < MENDINGS; i++) {
		rc = pass_mend_uids(p, folder, err);
		if (rc == 0)
			rc = look_at(p, folder, err);
	}
	return rc == WENT_BACK
		       ? err_set(err, ERR_BUSY,
				 "account %s: the UID list of a folder goes "
				 "back at each look",
				 p->account->name)
		       : rc;
}
