#include "refused.h"

#include "registers.h"
#include "view_private.h"

#define APART "inbox apart" /* and the peer */

uint64_t refused_home(const struct replica_folder *f)
{
	if (f->authority.term)
		return f->authority.site;
	/* It is at every site. */
	return id_equal(&f->fid, &ID_INBOX) ? 0 : f->born_by.log.origin;
}

/* Asks of what has a name and a home; else it is as it was. */
static bool ask(refused_fn refuses, void *arg, uint64_t site, const char *path,
	bool was)
{
	int said = site && *path ? refuses(arg, site, path) : -1;

	return said < 0 ? was : said > 0;
}

static int decide_folder(struct replica *r, const struct replica_folder *f,
	bool refused, struct err *err)
{
	int rc = sql_run(r, err, "UPDATE folder SET refused = ? WHERE id = ?",
		"ii", (int64_t)refused, f->id);

	if (rc >= 0 && !refused)
		rc = folder_take_back(r, f->id, err);
	return rc < 0 ? rc : folder_todo(r, f->id, err);
}

static int decide_folders(struct replica *r, refused_fn refuses, void *arg,
	bool *ret_any, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder *list;
	size_t count;
	int rc = replica_folders(r, &arena, &list, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		const struct replica_folder *f = &list[i];
		bool refused =
			ask(refuses, arg, refused_home(f), f->path, f->refused);

		if (refused == f->refused)
			continue;
		*ret_any = true;
		rc = decide_folder(r, f, refused, err);
	}
	return rc;
}

static int decide_names(struct replica *r, refused_fn refuses, void *arg,
	bool *ret_any, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_sub *list;
	size_t count;
	int rc = replica_subs(r, &arena, &list, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		const struct replica_sub *s = &list[i];
		bool refused = ask(
			refuses, arg, s->by.log.origin, s->path, s->refused);

		if (refused == s->refused)
			continue;
		*ret_any = true;
		rc = sql_run(r, err,
			"UPDATE sub SET refused = ? WHERE path = ?", "it",
			(int64_t)refused, s->path);
	}
	return rc;
}

int refused_decide(
	struct replica *r, refused_fn refuses, void *arg, struct err *err)
{
	bool any = false;
	int rc = decide_folders(r, refuses, arg, &any, err);

	if (rc >= 0)
		rc = decide_names(r, refuses, arg, &any, err);
	return rc < 0 ? rc : any;
}

int refused_any(struct replica *r, struct err *err)
{
	return sql_exists(r,
		sql(r, err,
			"SELECT 1 FROM folder WHERE refused <> 0 UNION ALL"
			" SELECT 1 FROM sub WHERE refused <> 0 UNION ALL"
			" SELECT 1 FROM meta WHERE value <> 0"
			" AND key BETWEEN '" APART " ' AND '" APART
			"!' LIMIT 1",
			""),
		err);
}

/* ---- INBOX ---- */

int refused_is_inbox(struct replica *r, uint64_t peer, struct err *err)
{
	AUTO_FREE char *key = replica_peer_key(APART, peer);
	int64_t apart = 0;
	int rc = replica_meta_get(r, key, &apart, err);

	return rc < 0 ? rc : apart != 0;
}

/* Account log and INBOX, once more: what is known of them already changes
   nothing. */
static int begin_logs(struct replica *r, uint64_t peer, struct err *err)
{
	struct id128 inbox = ID_INBOX, account = ID_ACCOUNT;

	return sql_run(r, err,
		"UPDATE log SET lsn = 0, chain = 0, applied = 0"
		" WHERE origin = ? AND folder IN (?, ?)",
		"ibb", (int64_t)peer, inbox.b, sizeof(inbox.b), account.b,
		sizeof(account.b));
}

int refused_inbox(
	struct replica *r, uint64_t peer, bool refused, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	AUTO_FREE char *key = replica_peer_key(APART, peer);
	struct replica_folder f;
	int was = refused_is_inbox(r, peer, err);
	int rc = 0;
	bool apart = false;

	if (was < 0)
		return was;
	if (refused) {
		rc = replica_folder_by_fid(r, &ID_INBOX, &arena, &f, err);
		apart = rc > 0 || (rc == 0 && refused_home(&f) != peer);
	}
	if (rc < 0 || apart == (was > 0))
		return rc < 0 ? rc : 0;
	rc = replica_meta_set(r, key, apart, err);
	return rc < 0 || apart ? rc : begin_logs(r, peer, err);
}

/* ---- what is told of it ---- */

static int count_messages(
	struct replica *r, int64_t folder, uint64_t *ret, struct err *err)
{
	int64_t count;
	int rc = sql_numbers(r,
		sql(r, err,
			"SELECT count(*) FROM message WHERE folder = ?"
			" AND dead = 0 AND p_folder = 0",
			"i", folder),
		&count, 1, err);

	*ret = (uint64_t)count;
	return rc < 0 ? rc : 0;
}

int refused_list(struct replica *r, struct arena *arena, struct refused **ret,
	size_t *ret_count, struct err *err)
{
	struct replica_folder *list;
	size_t count;
	int rc = replica_folders(r, arena, &list, &count, err);

	*ret = NULL;
	*ret_count = 0;
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		const struct replica_folder *f = &list[i];
		struct refused one = {f->path, f->p_path, refused_home(f), 0};

		if (!f->refused || (f->dead && !f->p_path))
			continue;
		rc = count_messages(r, f->id, &one.messages, err);
		*ret = arena_room(arena, *ret, *ret_count, sizeof(**ret));
		(*ret)[(*ret_count)++] = one;
	}
	return rc;
}
