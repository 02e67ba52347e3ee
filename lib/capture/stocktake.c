/*
 * stocktake: the mail that lies in the store when a state begins to join
 * (lib/replica/inventory.h), so that peers need not tell what is here.
 *
 * Every body is read, once: when the mail is recognised later its hash is
 * taken from there. A crash leaves what was committed, and it goes on from
 * there. A folder that cannot be read, or has no UIDs, is left out: what peers
 * know of it comes whole.
 */
#include <stdlib.h>
#include <string.h>

#include "bodyhash.h"
#include "fields.h"
#include "inventory.h"
#include "pass.h"

#define FULL_MAX 1024u /* mails in one transaction */

/* Came and went, busy, or not to be read: it is done without. */
static bool is_passable(int rc)
{
	return rc == ERR_ABSENT || rc == ERR_BUSY || rc == ERR_CORRUPT ||
	       rc == ERR_CONFLICT;
}

static int take_mail(struct pass *p, const char *path,
	const struct store_view *view, const struct store_message *m,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct inventory_mail mail = {
		.uidvalidity = view->identity.uidvalidity,
		.uid = m->uid,
		.mail.base = m->base,
	};
	struct inventory_mail known;
	struct store_stat st;
	int rc = inventory_get(
		p->replica, mail.uidvalidity, mail.uid, &arena, &known, err);

	if (rc <= 0)
		return rc;
	rc = store_body_hash(p->store, path, m->base, m->name, NULL, NULL, &st,
		&mail.mail.hash, err);
	if (rc < 0)
		return is_passable(rc) ? 0 : rc;
	const char *guid = fields_get(&arena, m->extra, 'G');
	mail.guid = guid ? guid : m->base;
	mail.mail.size = st.size;
	mail.mail.mtime = st.mtime;
	rc = inventory_add(p->replica, &mail, err);
	return rc < 0 ? rc : 1;
}

static int take_folder(struct pass *p, const char *path, struct err *err)
{
	struct store_view view = {0};
	size_t taken = 0;
	int rc =
		p->store->ops->view(p->store, path, STORE_UNLOCKED, &view, err);

	if (rc < 0)
		return is_passable(rc) ? 0 : rc;
	for (size_t i = 0; i < view.count && rc >= 0; i++) {
		const struct store_message *m = &view.messages[i];

		if (!m->uid || m->doubled || !view.identity.uidvalidity)
			continue;
		rc = take_mail(p, path, &view, m, err);
		taken += rc > 0;
		if (rc > 0 && taken % FULL_MAX == 0)
			rc = pass_commit(p, err);
		if (p->config->progress)
			p->config->progress(p->config->progress_arg, path,
				i + 1, view.count);
	}
	store_view_free(&view);
	return rc < 0 ? rc : 0;
}

int pass_stocktake(struct pass *p, struct err *err)
{
	struct store_list list = {0};
	int rc = inventory_taken(p->replica, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = p->store->ops->list(p->store, &list, err);
	for (size_t i = 0; i < list.folder_count && rc >= 0; i++)
		rc = take_folder(p, list.folders[i].path, err);
	store_list_free(&list);
	if (rc >= 0)
		rc = inventory_set_taken(p->replica, err);
	return rc < 0 ? rc : pass_commit(p, err);
}

int pass_stocktaken(struct pass *p, const struct store_view *view,
	const struct store_message *m, const struct store_stat *st,
	struct hash *ret, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct inventory_mail is;
	int rc = 1;

	if ((p->recognising || p->finishing) && m->uid)
		rc = inventory_get(p->replica, view->identity.uidvalidity,
			m->uid, &arena, &is, err);
	if (rc != 0)
		return rc;
	if (strcmp(is.mail.base, m->base) != 0 || is.mail.size != st->size ||
		is.mail.mtime != st->mtime)
		return 1;
	*ret = is.mail.hash;
	return 0;
}
