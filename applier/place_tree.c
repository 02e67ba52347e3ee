/*
 * Names of folders: renames, removals, subscriptions.
 *
 * A rename waits while its target is taken by a folder that itself has to go
 * elsewhere; where they wait for each other, one steps aside under a
 * temporary name first. So does one that is to lie below its own name.
 */
#include <stdlib.h>
#include <string.h>

#include "kept.h"
#include "place_private.h"

static bool starts_with_folder(const char *path, const char *parent)
{
	size_t len = strlen(parent);

	return strncmp(path, parent, len) == 0 && path[len] == '/';
}

static bool wants_move(const struct replica_folder *f)
{
	return f->p_path && !f->dead && *f->path && !f->off && !f->refused &&
	       !id_equal(&f->fid, &ID_INBOX) && strcmp(f->path, f->p_path);
}

static const struct replica_folder *holder(
	const struct replica_folder *list, size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].p_path && strcmp(list[i].p_path, path) == 0)
			return &list[i];
	return NULL;
}

static bool is_used(
	const struct replica_folder *list, size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (!list[i].dead && strcmp(list[i].path, path) == 0)
			return true;
	return holder(list, count, path) != NULL;
}

/*
 * Names on disk do not follow their folders. What stays subscribed is recorded
 * as not placed before the name goes, and what does not, after: either way a
 * crash in between leaves what the next capture takes for ours.
 */
static int unsubscribe_name(
	struct placing *p, struct replica_folder *f, struct err *err)
{
	int rc = 0;

	if (!f->p_subscribed)
		return 0;
	if (f->subscribed) {
		f->p_subscribed = false;
		rc = place_record(p, f, err);
	}
	if (rc >= 0)
		rc = p->store->ops->subscribe(p->store, f->p_path, false, err);
	if (rc >= 0)
		f->p_subscribed = false;
	return rc;
}

int place_take_name(
	struct placing *p, struct replica_folder *f, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_sub *subs;
	size_t count;
	int rc = replica_subs(p->replica, &arena, &subs, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		if (!subs[i].p_subscribed || strcmp(subs[i].path, f->p_path))
			continue;
		f->p_subscribed = true;
		rc = replica_sub_place(p->replica, subs[i].path, false, err);
	}
	return rc;
}

static bool is_at_or_below(const char *path, const char *top)
{
	return path &&
	       (strcmp(path, top) == 0 || starts_with_folder(path, top));
}

/* The store renames children with their parent: so do our records. */
static int rename_placed(struct placing *p, struct arena *arena,
	struct replica_folder *list, size_t count, const char *from,
	const char *to, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc >= 0; i++) {
		struct replica_folder *f = &list[i];

		if (is_at_or_below(f->p_path, from))
			rc = unsubscribe_name(p, f, err);
	}
	if (rc >= 0)
		rc = p->store->ops->rename(p->store, from, to, err);
	if (rc >= 0)
		rc = replica_begin(p->replica, err);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		struct replica_folder *f = &list[i];

		if (!f->p_path)
			continue;
		if (strcmp(f->p_path, from) == 0) {
			f->p_path = arena_dup(arena, to, strlen(to));
		} else if (starts_with_folder(f->p_path, from)) {
			AUTO_FREE char *path = mem_printf(
				"%s%s", to, f->p_path + strlen(from));

			f->p_path = arena_dup(arena, path, strlen(path));
		} else {
			continue;
		}
		f->cookie_good = false;
		rc = place_take_name(p, f, err);
		if (rc >= 0)
			rc = replica_folder_place(p->replica, f, err);
	}
	if (rc >= 0)
		rc = replica_commit(p->replica, err);
	if (rc >= 0) {
		p->result->folders++;
		return rc;
	}
	replica_rollback(p->replica);
	for (size_t i = 0; i < count; i++)
		if (is_at_or_below(list[i].p_path, from) ||
			is_at_or_below(list[i].p_path, to))
			place_give_up(p, list[i].id);
	return rc;
}

static int step_aside(struct placing *p, struct arena *arena,
	struct replica_folder *list, size_t count,
	const struct replica_folder *f, struct err *err)
{
	char hex[ID_HEX];

	id_hex(&f->fid, hex);
	AUTO_FREE char *aside = mem_printf(STORE_ASIDE "%s", hex);
	AUTO_FREE char *from = mem_dup(f->p_path);
	return rename_placed(p, arena, list, count, from, aside, err);
}

/* Where mail is kept the name is one that people see. */
static int make_way(struct placing *p, struct arena *arena,
	struct replica_folder *list, size_t count,
	const struct replica_folder *f, struct err *err)
{
	int kept = place_waits_in(p, f->id) ? 1
		   : p->keeps		    ? kept_any(p->replica, f->id, err)
					    : 0;
	AUTO_FREE char *from = mem_dup(f->p_path);
	AUTO_FREE char *to = mem_printf("%s-kept", from);

	for (unsigned n = 2; is_used(list, count, to); n++) {
		free(to);
		to = mem_printf("%s-kept-%u", from, n);
	}
	return kept < 0 ? kept
	       : kept == 0 && !f->refused
		       ? step_aside(p, arena, list, count, f, err)
		       : rename_placed(p, arena, list, count, from, to, err);
}

/* A folder that is gone, but must stay until its messages were fetched; or is
   refused. INBOX has its name for ever. */
static bool in_the_way(const struct replica_folder *list, size_t count,
	const struct replica_folder *f)
{
	if (!f->p_path || !(f->dead || f->refused) || f->off ||
		id_equal(&f->fid, &ID_INBOX))
		return false;
	for (size_t i = 0; i < count; i++)
		if (&list[i] != f && !list[i].dead && !list[i].refused &&
			strcmp(list[i].path, f->p_path) == 0)
			return true;
	return false;
}

int place_names(struct placing *p, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder *list;
	struct err first = ERR_INIT;
	size_t count;
	int rc = replica_folders(p->replica, &arena, &list, &count, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count && rc >= 0; i++)
		if (in_the_way(list, count, &list[i]))
			rc = make_way(p, &arena, list, count, &list[i], err);
	if (rc < 0)
		return rc;
	for (size_t rounds = 0; rounds <= 2 * count; rounds++) {
		bool moved = false;
		struct replica_folder *stuck = NULL;

		for (size_t i = 0; i < count; i++) {
			struct replica_folder *f = &list[i];

			if (!wants_move(f) || place_given_up(p, f->id))
				continue;
			const struct replica_folder *in_it =
				holder(list, count, f->path);
			if (in_it) {
				if (wants_move(in_it) &&
					!place_given_up(p, in_it->id))
					stuck = f;
				continue;
			}
			if (starts_with_folder(f->path, f->p_path)) {
				stuck = f;
				continue;
			}
			struct err one = ERR_INIT;
			AUTO_FREE char *from = mem_dup(f->p_path);
			rc = rename_placed(
				p, &arena, list, count, from, f->path, &one);
			if (rc < 0) {
				p->result->unplaced++;
				if (rc == ERR_USAGE || rc == ERR_LIMIT)
					one.code = ERR_OPERATOR;
				if (!first.code)
					first = one;
			} else {
				moved = true;
			}
		}
		if (moved)
			continue;
		if (!stuck)
			break;
		rc = step_aside(p, &arena, list, count, stuck, &first);
		if (rc < 0)
			break;
	}
	if (first.code)
		*err = first;
	return first.code;
}

static int deepest_first(const void *a, const void *b)
{
	const struct replica_folder *x = a, *y = b;

	return strcmp(y->p_path ? y->p_path : "", x->p_path ? x->p_path : "");
}

static int unplace_row(
	void *arg, const struct replica_message *m, struct err *err)
{
	struct placing *p = arg;
	struct replica_message row = *m;

	int rc = place_guard_done(p, m->p_folder, m->id, err);

	row.p_folder = 0;
	row.p_uid = 0;
	row.p_ino = 0;
	return rc < 0 ? rc : replica_message_place(p->replica, &row, true, err);
}

struct removal {
	struct placing *p;
	bool stays; /* something is needed here still */
};

/*
 * Moved away and still to be fetched from here, or made from what is here, or
 * not to be expunged yet.
 */
static int is_needed(
	void *arg, const struct replica_message *m, struct err *err)
{
	struct removal *removal = arg;
	struct placing *p = removal->p;
	int rc = m->dead && !place_stays(p, m)
			 ? replica_hash_awaited(p->replica, &m->hash, err)
			 : 1;

	removal->stays |= rc > 0;
	return rc < 0 ? rc : 0;
}

static int remove_folder(
	struct placing *p, struct replica_folder *f, struct err *err)
{
	struct removal removal = {.p = p};
	int rc = replica_placed_each(
		p->replica, f->id, is_needed, &removal, err);

	if (rc < 0 || removal.stays)
		return rc;
	/* Where the name alone is subscribed it comes again. */
	rc = unsubscribe_name(p, f, err);
	if (rc >= 0)
		rc = p->store->ops->remove(p->store, f->p_path, err);
	if (rc >= 0)
		rc = replica_begin(p->replica, err);
	if (rc >= 0)
		rc = replica_placed_each(
			p->replica, f->id, unplace_row, p, err);
	f->p_path = NULL;
	f->p_ino = 0;
	f->p_uidnext = 0;
	f->p_uidvalidity = 0;
	f->cookie_good = false;
	if (rc >= 0)
		rc = replica_folder_place(p->replica, f, err);
	if (rc >= 0)
		rc = replica_commit(p->replica, err);
	if (rc < 0)
		replica_rollback(p->replica);
	else
		p->result->folders++;
	return rc;
}

int place_removals(struct placing *p, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder *list;
	size_t count;
	int rc = replica_folders(p->replica, &arena, &list, &count, err);

	if (rc < 0)
		return rc;
	if (count)
		qsort(list, count, sizeof(*list), deepest_first);
	for (size_t i = 0; i < count; i++) {
		struct err one = ERR_INIT;

		if (!list[i].p_path || !list[i].dead || list[i].off ||
			list[i].refused || id_equal(&list[i].fid, &ID_INBOX) ||
			place_given_up(p, list[i].id))
			continue;
		if (remove_folder(p, &list[i], &one) >= 0)
			continue;
		place_give_up(p, list[i].id);
		if (rc >= 0) {
			*err = one;
			rc = one.code;
		}
	}
	return rc;
}

int place_subscriptions(struct placing *p, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder *list;
	struct replica_sub *subs;
	size_t count, sub_count;
	int rc = replica_folders(p->replica, &arena, &list, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		struct replica_folder *f = &list[i];

		if (!f->p_path || f->subscribed == f->p_subscribed ||
			f->refused || place_given_up(p, f->id))
			continue;
		rc = p->store->ops->subscribe(
			p->store, f->p_path, f->subscribed, err);
		f->p_subscribed = f->subscribed;
		if (rc >= 0)
			rc = place_record(p, f, err);
	}
	if (rc >= 0)
		rc = replica_subs(p->replica, &arena, &subs, &sub_count, err);
	for (size_t i = 0; rc >= 0 && i < sub_count; i++) {
		if (subs[i].subscribed == subs[i].p_subscribed ||
			subs[i].refused)
			continue;
		/* A folder of that name has a register of its own, and the
		   line on disk is its. */
		if (!holder(list, count, subs[i].path))
			rc = p->store->ops->subscribe(p->store, subs[i].path,
				subs[i].subscribed, err);
		else if (subs[i].subscribed)
			continue;
		if (rc >= 0)
			rc = replica_begin(p->replica, err);
		if (rc >= 0)
			rc = replica_sub_place(p->replica, subs[i].path,
				subs[i].subscribed, err);
		if (rc >= 0)
			rc = replica_commit(p->replica, err);
	}
	replica_rollback(p->replica);
	return rc;
}
