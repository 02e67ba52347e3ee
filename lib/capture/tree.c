/*
 * tree: which folders there are, under which names, and who subscribes.
 *
 * A folder on disk is the one placed before if its path and directory agree;
 * a directory (inode) or mailbox GUID that moved is a rename; anything else is
 * a new folder. Folders that arrived from a peer and are not placed yet are
 * recognised by GUID (a crashed applier's work) or, by name only, merged.
 */
#include <stdlib.h>
#include <string.h>

#include "joining.h"
#include "pass.h"

struct tree {
	struct pass *p;
	struct arena *arena;
	struct store_list list;
	struct replica_folder *known;
	size_t known_count;
	bool *found;	   /* per known folder: it is in the store */
	int64_t *row;	   /* per listed folder: its row, 0 not known yet */
	int64_t *vanished; /* rows of folders that were placed and are not
			      in the store */
	size_t vanished_count;
	bool placed; /* something was recorded as placed */
};

static void take(struct tree *t, size_t listed, size_t known)
{
	t->row[listed] = t->known[known].id;
	t->found[known] = true;
}

static int place_path(
	struct tree *t, size_t listed, size_t known, struct err *err)
{
	struct replica_folder *f = &t->known[known];

	f->p_path = t->list.folders[listed].path;
	f->p_ino = t->list.folders[listed].ino;
	f->cookie_good = false;
	t->placed = true;
	return replica_folder_place(t->p->replica, f, err);
}

/*
 * Same path and directory; or same path, and the GUID says it is the same. Of
 * what the applier made the directory is not known yet, and of what came from
 * a plain Maildir neither is the GUID.
 */
static int match_same(struct tree *t, struct err *err)
{
	for (size_t i = 0; i < t->list.folder_count; i++) {
		for (size_t k = 0; k < t->known_count; k++) {
			struct replica_folder *f = &t->known[k];
			struct store_identity id = {0};

			if (t->found[k] || !f->p_path ||
				strcmp(f->p_path, t->list.folders[i].path))
				continue;
			if (f->p_ino == t->list.folders[i].ino ||
				id_equal(&f->fid, &ID_INBOX)) {
				take(t, i, k);
				break;
			}
			int rc = t->p->store->ops->identity(
				t->p->store, f->p_path, t->arena, &id, err);
			if (rc == ERR_ABSENT)
				break; /* gone since it was listed */
			if (rc < 0)
				return rc;
			bool made_here =
				!f->p_ino &&
				id_equal(&f->p_guid, &(struct id128){{0}});
			if (made_here || (id.has_guid && id_equal(&id.guid,
								 &f->p_guid))) {
				take(t, i, k);
				rc = place_path(t, i, k, err);
				if (rc < 0)
					return rc;
			}
			break;
		}
	}
	return 0;
}

/*
 * Where the applier puts a folder whose name is held by another that waits for
 * its own; with what lies below it. A crash leaves it there.
 */
static bool is_stepping_aside(const struct tree *t, const char *path)
{
	size_t len = strlen(STORE_ASIDE);
	char hex[ID_HEX];

	if (strncmp(path, STORE_ASIDE, len) != 0)
		return false;
	path += len;
	for (size_t k = 0; k < t->known_count; k++) {
		id_hex(&t->known[k].fid, hex);
		if (strncmp(path, hex, ID_HEX - 1) == 0 &&
			(!path[ID_HEX - 1] || path[ID_HEX - 1] == '/'))
			return true;
	}
	return false;
}

static int log_rename(
	struct tree *t, size_t listed, size_t known, struct err *err)
{
	struct replica_folder *f = &t->known[known];
	const char *path = t->list.folders[listed].path;
	int rc = 0;

	pass_touch_parent(t->p, path);
	pass_touch_parent(t->p, f->p_path);

	if (strcmp(f->path, path) != 0 && !is_stepping_aside(t, path) &&
		!pass_adopts_folder(t->p, f)) {
		struct change c =
			pass_change(t->p, CHANGE_RENAME, 0, f->path_by.stamp);

		c.folder = f->fid;
		c.path = path;
		rc = pass_put(t->p, &ID_ACCOUNT, &c, err);
	}
	return rc < 0 ? rc : place_path(t, listed, known, err);
}

/* A directory or GUID that was placed under another name, or the GUID of one
   that is to be placed under this name. */
static bool is_that(const struct pass *p, const struct replica_folder *f,
	const struct store_folder *on_disk, const struct store_identity *id)
{
	/* What became of it since the state was lost is not known yet. */
	if (!f->p_path && (p->recognising || p->finishing))
		return id->has_guid && (id_equal(&id->guid, &f->guid) ||
					       id_equal(&id->guid, &f->fid));
	if (!f->p_path)
		return id->has_guid && id_equal(&id->guid, &f->guid) &&
		       !f->dead && !strcmp(f->path, on_disk->path);
	if (id->has_guid)
		return id_equal(&id->guid, &f->p_guid);
	return f->p_ino == on_disk->ino;
}

/* What is to be placed under this name. It may be a crashed applier's work,
   and without UIDs there is nothing that could differ. What is refused has no
   name here. */
static bool has_name_of(const struct replica_folder *f,
	const struct store_folder *on_disk, const struct store_identity *id)
{
	return !f->p_path && !f->dead && !f->refused && !id->has_uids &&
	       !id->has_guid && !strcmp(f->path, on_disk->path);
}

static int match_renamed(struct tree *t, size_t i, struct err *err)
{
	const struct store_folder *on_disk = &t->list.folders[i];
	struct store_identity id = {0};
	size_t found = t->known_count;
	int rc = t->p->store->ops->identity(
		t->p->store, on_disk->path, t->arena, &id, err);

	if (rc < 0)
		return rc == ERR_ABSENT ? 0 : rc;
	for (size_t k = 0; k < t->known_count; k++) {
		const struct replica_folder *f = &t->known[k];

		if (t->found[k] || id_equal(&f->fid, &ID_INBOX))
			continue;
		if (is_that(t->p, f, on_disk, &id)) {
			found = k;
			break;
		}
		if (has_name_of(f, on_disk, &id))
			found = k;
	}
	if (found == t->known_count)
		return 0;
	if (t->p->recognising && t->known[found].p_path)
		return 0; /* a change: later */
	take(t, i, found);
	return t->known[found].p_path ? log_rename(t, i, found, err)
				      : place_path(t, i, found, err);
}

static bool fid_known(struct tree *t, const struct id128 *fid, struct err *err)
{
	struct replica_folder f;

	return replica_folder_by_fid(t->p->replica, fid, t->arena, &f, err) ==
	       0;
}

static int log_new_folder(struct pass *p, const struct id128 *fid,
	const char *path, const struct store_identity *id, struct err *err)
{
	struct change c = pass_change(p, CHANGE_FOLDER, 0, 0);
	int rc;

	c.folder = *fid;
	c.path = path;
	pass_touch_parent(p, path);
	pass_touch(p, path);
	if ((rc = pass_put(p, &ID_ACCOUNT, &c, err)) < 0)
		return rc;
	/* INBOX is everybody's: its first mail claims it (folder.c). */
	if (p->config->claim && !id_equal(fid, &ID_INBOX)) {
		if ((rc = pass_claim(p, fid, id, err)) < 0)
			return rc;
		c = pass_change(p, CHANGE_IDENTITY, 0, 0);
		c.folder = *fid;
		/* UIDNEXT is stated when its messages are logged (folder.c). */
		c.uidvalidity = id->uidvalidity;
		c.guid = id->guid;
		c.extra = id->extra ? id->extra : "";
		return pass_put(p, &ID_ACCOUNT, &c, err);
	}
	return 0;
}

/* A folder in the making: its GUID will be there in a moment. 1 yes. */
static int is_fresh(struct tree *t, size_t i, struct err *err)
{
	struct pass *p = t->p;
	struct store_cookie cookie;
	int rc = p->store->ops->cookie(
		p->store, t->list.folders[i].path, &cookie, err);

	if (rc < 0)
		return rc == ERR_ABSENT ? 1 : rc;
	if (cookie.racy)
		p->result->waiting++;
	return cookie.racy;
}

static int birth(struct tree *t, size_t i, struct err *err)
{
	const struct store_folder *on_disk = &t->list.folders[i];
	struct pass *p = t->p;
	struct store_identity id = {0};
	struct replica_folder f;
	struct id128 fid;
	int rc = p->store->ops->identity(
		p->store, on_disk->path, t->arena, &id, err);

	if (rc < 0)
		return rc == ERR_ABSENT ? 0 : rc;
	if (strcmp(on_disk->path, "INBOX") == 0) {
		fid = ID_INBOX;
	} else if (id.has_uids && !id.has_guid && (rc = is_fresh(t, i, err))) {
		return rc < 0 ? rc : 0;
	} else if (id.has_guid && !fid_known(t, &id.guid, err)) {
		fid = id.guid;
	} else {
		p->account->os->ops->random(p->account->os, &fid, sizeof(fid));
	}
	if (replica_folder_by_fid(p->replica, &fid, t->arena, &f, err) != 0 ||
		!*f.path) {
		rc = log_new_folder(p, &fid, on_disk->path, &id, err);
		if (rc >= 0 && p->finishing)
			rc = pass_both_lost(p, err);
		if (rc < 0)
			return rc;
		rc = replica_folder_by_fid(p->replica, &fid, t->arena, &f, err);
		if (rc != 0)
			return rc < 0 ? rc
				      : err_set(err, ERR_CORRUPT,
						"folder %s: lost when born",
						on_disk->path);
	}
	f.p_path = on_disk->path;
	f.p_ino = on_disk->ino;
	f.p_uidvalidity = id.uidvalidity;
	f.p_uidnext = 0;
	f.p_guid = id.guid;
	f.p_extra = id.extra ? id.extra : "";
	f.cookie_good = false;
	t->row[i] = f.id;
	t->placed = true;
	return replica_folder_place(p->replica, &f, err);
}

/* Placed, and not found; those that are switched off are left alone. */
static void note_vanished(struct tree *t)
{
	t->vanished = arena_alloc(
		t->arena, (t->known_count + 1) * sizeof(*t->vanished));
	for (size_t k = 0; k < t->known_count; k++)
		if (t->known[k].p_path && !t->found[k] && !t->known[k].off)
			t->vanished[t->vanished_count++] = t->known[k].id;
}

static void keep_cookies(const struct tree *t)
{
	struct pass *p = t->p;

	p->listed = mem_grow(
		p->listed, t->list.folder_count + 1, sizeof(*p->listed));
	p->listed_count = 0;
	for (size_t i = 0; i < t->list.folder_count; i++)
		if (t->row[i] && t->list.folders[i].has_cookie)
			p->listed[p->listed_count++] = (struct listed){
				t->row[i], t->list.folders[i].cookie};
}

int pass_cookie(struct pass *p, const struct replica_folder *f,
	struct store_cookie *ret, struct err *err)
{
	for (size_t i = 0; i < p->listed_count; i++) {
		if (p->listed[i].folder != f->id)
			continue;
		*ret = p->listed[i].cookie;
		p->listed[i] = p->listed[--p->listed_count];
		return 0;
	}
	return p->store->ops->cookie(p->store, f->p_path, ret, err);
}

/* A folder of the store has this path now. */
static bool has_folder(const struct tree *t, const char *path)
{
	for (size_t k = 0; k < t->known_count; k++) {
		const struct replica_folder *f = &t->known[k];
		bool gone = false;

		if (!f->p_path || strcmp(f->p_path, path) != 0)
			continue;
		for (size_t i = 0; i < t->vanished_count && !gone; i++)
			gone = t->vanished[i] == f->id;
		if (!gone)
			return true;
	}
	return false;
}

/* ---- subscriptions ---- */

static bool subscribed_in(const struct store_list *list, const char *path)
{
	for (size_t i = 0; i < list->subscribed_count; i++)
		if (strcmp(list->subscribed[i], path) == 0)
			return true;
	return false;
}

static int log_subscribe(struct pass *p, const struct id128 *folder,
	const char *path, bool value, uint64_t above, struct err *err)
{
	struct change c = pass_change(p, CHANGE_SUBSCRIBE, 0, above);

	pass_touch(p, "INBOX");
	c.folder = *folder;
	c.path = path;
	c.value = value;
	return pass_put(p, &ID_ACCOUNT, &c, err);
}

static int sub_folders(struct tree *t, struct err *err)
{
	int rc = 0;

	for (size_t k = 0; k < t->known_count && rc >= 0; k++) {
		struct replica_folder *f = &t->known[k];

		if (!f->p_path || !has_folder(t, f->p_path))
			continue;
		bool seen = subscribed_in(&t->list, f->p_path);
		if (seen == f->p_subscribed)
			continue;
		if (seen != f->subscribed)
			rc = log_subscribe(t->p, &f->fid, "", seen,
				f->subscribed_by.stamp, err);
		f->p_subscribed = seen;
		if (rc >= 0)
			rc = replica_folder_place(t->p->replica, f, err);
	}
	return rc;
}

static int sub_names(struct tree *t, struct err *err)
{
	struct replica_sub *subs;
	size_t count;
	int rc = replica_subs(t->p->replica, t->arena, &subs, &count, err);

	for (size_t i = 0; i < t->list.subscribed_count && rc >= 0; i++) {
		const char *path = t->list.subscribed[i];
		const struct replica_sub *s = NULL;
		bool folder = has_folder(t, path);

		for (size_t k = 0; k < count && !s; k++)
			if (!strcmp(subs[k].path, path))
				s = &subs[k];
		if (folder || (s && s->p_subscribed))
			continue;
		if (!s || !s->subscribed)
			rc = log_subscribe(t->p, &ID_ACCOUNT, path, true,
				s ? s->by.stamp : 0, err);
		if (rc >= 0)
			rc = replica_sub_place(t->p->replica, path, true, err);
	}
	for (size_t k = 0; k < count && rc >= 0; k++) {
		bool folder = has_folder(t, subs[k].path);

		if (!subs[k].p_subscribed ||
			(!folder && subscribed_in(&t->list, subs[k].path)))
			continue;
		if (subs[k].subscribed)
			rc = log_subscribe(t->p, &ID_ACCOUNT, subs[k].path,
				false, subs[k].by.stamp, err);
		if (rc >= 0)
			rc = replica_sub_place(
				t->p->replica, subs[k].path, false, err);
	}
	return rc;
}

/* It has the same id everywhere: once a peer spoke of it, it can be placed. */
static bool is_inbox(const struct tree *t, size_t i)
{
	if (strcmp(t->list.folders[i].path, "INBOX") != 0)
		return false;
	for (size_t k = 0; k < t->known_count; k++)
		if (id_equal(&t->known[k].fid, &ID_INBOX) && *t->known[k].path)
			return true;
	return false;
}

/*
 * In a state that joins. Of a folder at home here it is a change if the store
 * has it otherwise than peers know, and is logged when joining is over; but if
 * the store is a copy, as old as the state perhaps, it is one if it is otherwise
 * than the state has it. What else is known is to become as they say.
 */
static int adopt_subscriptions(struct tree *t, struct err *err)
{
	struct replica_sub *subs;
	size_t count;
	int rc = replica_subs(t->p->replica, t->arena, &subs, &count, err);

	for (size_t k = 0; k < t->known_count && rc >= 0; k++) {
		struct replica_folder *f = &t->known[k];

		if (!f->p_path || (pass_is_ours(t->p, f) && pass_is_copy(t->p)))
			continue;
		f->p_subscribed = pass_is_ours(t->p, f)
					  ? f->subscribed
					  : subscribed_in(&t->list, f->p_path);
		rc = replica_folder_place(t->p->replica, f, err);
	}
	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = replica_sub_place(t->p->replica, subs[i].path,
			!has_folder(t, subs[i].path) &&
				subscribed_in(&t->list, subs[i].path),
			err);
	return rc;
}

static int load(struct tree *t, struct err *err)
{
	int rc = replica_folders(
		t->p->replica, t->arena, &t->known, &t->known_count, err);

	if (rc >= 0)
		t->found = arena_alloc(t->arena, t->known_count + 1);
	return rc;
}

int pass_tree(struct pass *p, struct arena *arena, struct err *err)
{
	struct tree t = {.p = p, .arena = arena};
	int rc = p->store->ops->list(p->store, &t.list, err);

	if (rc < 0)
		return rc;
	t.row = arena_alloc(arena, (t.list.folder_count + 1) * sizeof(*t.row));
	rc = load(&t, err);
	if (rc >= 0)
		rc = match_same(&t, err);
	for (size_t i = 0; i < t.list.folder_count && rc >= 0; i++)
		if (!t.row[i])
			rc = match_renamed(&t, i, err);
	for (size_t i = 0; i < t.list.folder_count && rc >= 0; i++)
		if (!t.row[i] && (!p->recognising || is_inbox(&t, i)))
			rc = birth(&t, i, err);
	if (rc >= 0 && !p->recognising)
		note_vanished(&t);
	if (rc >= 0 && !p->recognising)
		keep_cookies(&t);
	/* What is gone may have come up under another name since: that is
	   looked at once more before it is believed, and so are its names. */
	if (rc >= 0 && !p->recognising && (!t.vanished_count || p->settling)) {
		rc = load(&t, err);
		if (rc >= 0)
			rc = sub_folders(&t, err);
		if (rc >= 0)
			rc = sub_names(&t, err);
	}
	if (rc >= 0 && p->recognising) {
		rc = load(&t, err);
		if (rc >= 0)
			rc = adopt_subscriptions(&t, err);
	}
	/* A folder that is undone must not take this with it. */
	if (rc >= 0 && (p->puts || t.placed))
		rc = pass_commit(p, err);
	store_list_free(&t.list);
	p->vanished = t.vanished;
	p->vanished_count = t.vanished_count;
	return rc;
}

int pass_folder_gone(struct pass *p, int64_t folder, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	int rc = replica_folder_by_row(p->replica, folder, &arena, &f, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (f.guard_count)
		return 0; /* its messages wait for the operator */
	int restored = pass_restored(p->replica, &f, err);
	rc = restored <= 0 ? restored
			   : pass_restored_set(p->replica, &f, false, err);
	if (rc < 0)
		return rc;
	if (!f.dead && !restored && !pass_adopts_folder(p, &f)) {
		struct change c =
			pass_change(p, CHANGE_DELETE, 0, f.path_by.stamp);

		c.folder = f.fid;
		rc = pass_put(p, &ID_ACCOUNT, &c, err);
		if (rc < 0)
			return rc;
	}
	f.p_path = NULL;
	f.p_ino = 0;
	f.p_subscribed = false;
	f.p_uidnext = 0;
	f.cookie_good = false;
	return replica_folder_place(p->replica, &f, err);
}

/* ---- two folders, one name ---- */

int capture_merge_names(struct journal *j, struct err *err)
{
	struct account *a = j->account;
	int64_t now = a->os->ops->wall_ns(a->os) / 1000000;
	int64_t joins;
	int rc = joining_since(a->replica, &joins, err);

	/* A part of the answer may be all of it that came: mail that it places
	   in a deleted folder has left that, perhaps. */
	if (rc < 0 || joins)
		return rc < 0 ? rc : 0;
	for (;;) {
		AUTO_ARENA struct arena arena = {0};
		struct replica_folder x, y;
		int64_t xid, yid;

		rc = replica_same_name(a->replica, &xid, &yid, err);
		if (rc != 0)
			return rc < 0 ? rc : 0;
		if ((rc = replica_folder_by_row(
			     a->replica, xid, &arena, &x, err)) != 0 ||
			(rc = replica_folder_by_row(
				 a->replica, yid, &arena, &y, err)) != 0)
			return rc;
		struct change c = change_blank(CHANGE_MERGE);
		c.by.stamp = journal_stamp(now, now, 0);
		c.folder = x.fid;
		c.other = y.fid;
		if ((rc = capture_stay_home(j, &x, &y.authority, err)) < 0 ||
			(rc = capture_stay_home(j, &y, &x.authority, err)) <
				0 ||
			(rc = journal_put(j, &ID_ACCOUNT, &c, err)) < 0)
			return rc;
	}
}
