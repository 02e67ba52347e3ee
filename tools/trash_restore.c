/*
 * trash_restore: mails of the trash become mails of a folder again.
 *
 * Some mails at a time: their bytes are staged beside the folder and made
 * durable, then they get their names under the server's lock, and are let go
 * of in the trash last.
 */
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "err.h"
#include "front.h"
#include "mutf7.h"
#include "os.h"
#include "store.h"
#include "trash_command.h"

#define AT_ONCE 100 /* mails; the server's lock is held for milliseconds */

struct restoring {
	struct front *front;
	const char *account;
	struct store *store;
	struct account *state; /* NULL: nothing was logged or placed yet */
	const char *to;	       /* NULL: where they were */
	bool dry_run;
	const struct store_trashed **mails; /* by folder */
	size_t count;
};

/* ---- which ---- */

static bool has_id(const struct store_trashed *mail, const char *id)
{
	char hex[HASH_HEX];

	hash_hex(&mail->id, hex);
	return strncmp(hex, id, strlen(id)) == 0;
}

static int choose_by_id(struct restoring *r, const struct store_trash *trash,
	const struct trash_chosen *c, const char *id, struct err *err)
{
	const struct store_trashed *found = NULL;
	size_t len = strlen(id);

	if (len < TRASH_ID_LEAST || strspn(id, "0123456789abcdef") != len)
		return err_set(err, ERR_USAGE,
			"\"%s\" is no ID (packetboat trash list %s prints "
			"them)",
			id, r->account);
	for (size_t i = 0; i < trash->count; i++) {
		const struct store_trashed *mail = &trash->mails[i];

		if (!trash_is_chosen(c, mail) || !has_id(mail, id))
			continue;
		if (found)
			return err_set(err, ERR_USAGE,
				"several mails have an ID that begins with %s "
				"(give more of its digits)",
				id);
		found = mail;
	}
	if (!found)
		return err_set(err, ERR_USAGE,
			"nothing with the ID %s is in the trash (packetboat "
			"trash list %s)",
			id, r->account);
	r->mails[r->count++] = found;
	return 0;
}

static int compare_folders(const void *a, const void *b)
{
	const struct store_trashed *const *x = a, *const *y = b;
	int by = strcmp((*x)->path, (*y)->path);

	return by ? by : strcmp((*x)->where, (*y)->where);
}

static int choose(struct restoring *r, const struct store_trash *trash,
	const struct trash_chosen *c, struct err *err)
{
	int rc = 0;

	r->mails =
		mem_array(trash->count + c->id_count + 1, sizeof(const void *));
	for (size_t i = 0; i < c->id_count && rc >= 0; i++)
		rc = choose_by_id(r, trash, c, c->ids[i], err);
	for (size_t i = 0; i < trash->count && !c->id_count; i++) {
		if (trash_is_chosen(c, &trash->mails[i]))
			r->mails[r->count++] = &trash->mails[i];
	}
	if (rc >= 0 && !r->count)
		return err_set(err, ERR_USAGE,
			"nothing of that is in the trash (packetboat trash "
			"list %s)",
			r->account);
	qsort(r->mails, r->count, sizeof(*r->mails), compare_folders);
	return rc;
}

/* ---- some mails, into one folder ---- */

static int stage_mail(struct restoring *r, struct store_stage *st,
	const struct store_trashed *mail, size_t *ret, struct err *err)
{
	struct store *s = r->store;
	struct store_body body = {.size = mail->size, .mtime = mail->mtime};
	int rc = s->ops->trash_open(s, mail, &body.fd, err);

	if (rc < 0)
		return rc;
	rc = s->ops->stage_add(st, &body, ret, err);
	s->os->ops->close(s->os, body.fd);
	return rc;
}

/* Some mails, and what becomes of each. */
struct portion {
	const struct store_trashed *const *mails;
	size_t count;
	size_t staged[AT_ONCE];
	bool added[AT_ONCE];
};

/* Of two mails with one base the first is put there. */
static bool is_first(const struct portion *p, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (strcmp(p->mails[i]->base, p->mails[at]->base) == 0)
			return false;
	}
	return true;
}

static void add_all(struct restoring *r, struct store_txn *t, struct portion *p)
{
	struct store *s = r->store;
	const struct store_view *view = s->ops->txn_view(t);

	for (size_t i = 0; i < p->count; i++) {
		const struct store_trashed *mail = p->mails[i];

		p->added[i] =
			!store_view_find(view, mail->base) && is_first(p, i);
		if (p->added[i])
			s->ops->txn_add(
				t, &(struct store_add){.base = mail->base,
					   .letters = mail->letters,
					   .keywords = mail->keywords,
					   .extra = "",
					   .staged = p->staged[i]});
	}
}

static int commit(struct restoring *r, struct store_stage *st, const char *path,
	bool build, struct portion *p, struct err *err)
{
	struct store *s = r->store;
	struct store_txn *t;
	int rc = s->ops->txn_begin(s, path, build, st, &t, err);

	if (rc < 0)
		return rc;
	add_all(r, t, p);
	rc = s->ops->txn_commit(t, err);
	s->ops->txn_end(t);
	if (rc > 0)
		log_say(&r->front->log, LOG_LEVEL_WARNING,
			"account %s: folder %s: it has %d keywords, and takes "
			"no more: some were left out",
			r->account, path, STORE_KEYWORDS_MAX);
	return rc < 0 ? rc : 0;
}

static int stage_and_commit(struct restoring *r, const char *path, bool build,
	struct portion *p, struct err *err)
{
	struct store *s = r->store;
	struct store_stage *st;
	int rc = s->ops->stage_begin(s, build ? NULL : path, &st, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < p->count && rc >= 0; i++)
		rc = stage_mail(r, st, p->mails[i], &p->staged[i], err);
	if (rc >= 0)
		rc = s->ops->stage_sync(st, err);
	if (rc >= 0)
		rc = commit(r, st, path, build, p, err);
	s->ops->stage_end(st);
	return rc;
}

/* Returns how many were put there. */
static int put_back(struct restoring *r, const char *path, bool build,
	struct portion *p, struct err *err)
{
	struct store *s = r->store;
	int rc = stage_and_commit(r, path, build, p, err);
	int done = 0;

	for (size_t i = 0; i < p->count && rc >= 0; i++) {
		if (!p->added[i])
			continue;
		rc = s->ops->trash_forget(s, p->mails[i], err);
		done++;
	}
	return rc < 0 ? rc : done;
}

/* ---- a folder ---- */

/* What is restored is this site's, until many sites may write in a folder. */
static void say_home(struct restoring *r, const char *path)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;

	if (!r->state || replica_folder_by_path(r->state->replica, path, &arena,
				 &f, NULL) != 0)
		return;
	if (f.authority.site &&
		f.authority.site != replica_origin(r->state->replica))
		log_say(&r->front->log, LOG_LEVEL_WARNING,
			"account %s: folder %s: its home is another site: what "
			"is restored here stays here",
			r->account, path);
}

static int is_missing(
	struct restoring *r, const char *path, bool *ret, struct err *err)
{
	struct store_cookie cookie;
	int rc = r->store->ops->cookie(r->store, path, &cookie, err);

	*ret = rc == ERR_ABSENT;
	return *ret ? 0 : rc;
}

/* A folder that comes back is one that its user had in view. Returns how many
   mails were put there. */
static int restore_all(struct restoring *r, const char *path, bool missing,
	const struct store_trashed *const *mails, size_t count, struct err *err)
{
	int rc = 0, done = 0;

	for (size_t i = 0; i < count && rc >= 0; i += AT_ONCE) {
		struct portion p = {.mails = mails + i, .count = count - i};

		if (p.count > AT_ONCE)
			p.count = AT_ONCE;
		rc = put_back(r, path, missing && i == 0, &p, err);
		done += rc > 0 ? rc : 0;
	}
	if (rc >= 0 && missing)
		rc = r->store->ops->subscribe(r->store, path, true, err);
	return rc < 0 ? rc : done;
}

static int restore_folder(struct restoring *r, const char *path,
	const struct store_trashed *const *mails, size_t count, struct err *err)
{
	bool missing;
	int rc = is_missing(r, path, &missing, err);

	if (rc >= 0)
		rc = r->dry_run
			     ? (int)count
			     : restore_all(r, path, missing, mails, count, err);
	if (rc < 0)
		return err_wrap(err, "folder %s", path);
	log_say(&r->front->log, LOG_LEVEL_INFO,
		"account %s: folder %s%s: %d %s", r->account, path,
		missing ? " (made anew)" : "", rc,
		r->dry_run ? "would be restored" : "restored");
	if ((size_t)rc < count)
		log_say(&r->front->log, LOG_LEVEL_INFO,
			"account %s: folder %s: %zu lie there already",
			r->account, path, count - (size_t)rc);
	say_home(r, path);
	return rc;
}

/* As it is on disk, or else as people type it. */
static int find_target(struct restoring *r, const char *to, struct arena *arena,
	struct err *err)
{
	bool missing;
	int rc = to ? is_missing(r, to, &missing, err) : 0;

	if (!to || rc < 0)
		return rc;
	r->to = missing ? mutf7_encode(arena, to) : to;
	return r->to ? 0
		     : err_set(err, ERR_USAGE,
			       "\"%s\" is no name of a folder (UTF-8)", to);
}

int trash_restore(struct front *f, const char *account, struct store *s,
	struct account *state, const struct store_trash *trash,
	const struct trash_chosen *c, const char *to, bool dry_run,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct restoring r = {.front = f,
		.account = account,
		.store = s,
		.state = state,
		.dry_run = dry_run};
	int rc, done = 0;

	rc = find_target(&r, to, &arena, err);
	if (rc >= 0)
		rc = choose(&r, trash, c, err);
	for (size_t i = 0, n; i < r.count && rc >= 0; i += n) {
		const char *path = r.mails[i]->path;

		n = 1;
		while (i + n < r.count &&
			(r.to || strcmp(r.mails[i + n]->path, path) == 0))
			n++;
		rc = restore_folder(
			&r, r.to ? r.to : path, r.mails + i, n, err);
		done += rc > 0 ? rc : 0;
	}
	free(r.mails);
	return rc < 0 ? rc : done;
}
