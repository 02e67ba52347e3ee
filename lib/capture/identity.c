/*
 * identity: UIDVALIDITY, UIDNEXT and GUID of a folder, and whose they are to
 * state: its authority's. What the store has is recorded as placed whoever
 * states it; UIDNEXT once the messages below it were logged.
 */
#include <string.h>

#include "pass.h"

bool pass_is_ours(const struct pass *p, const struct replica_folder *f)
{
	return f->authority.term &&
	       f->authority.site == replica_origin(p->replica);
}

/*
 * Is there something to be claimed? INBOX, which every site has, by an account
 * that holds mail; other folders were claimed when born. The first mail makes
 * a claim stronger; and where the other site's was heard before we had looked,
 * ours is made if it is the stronger, for that site knows nothing of it. But
 * not under that site's own numbers: an applier brought them, before it or the
 * state was lost.
 */
static int wants_claim(struct pass *p, const struct replica_folder *f,
	const struct store_view *view, struct err *err)
{
	const struct store_identity *id = &view->identity;
	uint64_t self = replica_origin(p->replica);
	struct claim mine = {.term = 1,
		.site = self,
		.stamp = STAMP_OF(p->now_ms, 0),
		.uidvalidity = id->uidvalidity,
		.uidnext = id->uidnext};
	bool first_look = !f->p_uidnext && id->has_uids;
	bool same_numbers = f->uidvalidity == id->uidvalidity &&
			    id_equal(&f->guid, &id->guid);

	if (!p->config->claim)
		return 0;
	/* Held mail once, at least: its UIDs were in use. */
	if (!f->authority.term)
		return view->count > 0 || claim_is_used(&mine)
			       ? 1
			       : replica_holds_mail(p->replica, err);
	if (f->authority.term > 1 || !claim_is_used(&mine))
		return 0;
	return f->authority.site == self
		       ? !claim_is_used(&f->authority)
		       : first_look && !same_numbers &&
				 claim_cmp(&mine, &f->authority) > 0;
}

static int claim(struct pass *p, struct replica_folder *f,
	const struct store_view *view, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder now;
	int rc = wants_claim(p, f, view, err);

	if (rc <= 0)
		return rc;
	rc = pass_claim(p, &f->fid, &view->identity, err);
	if (rc >= 0)
		rc = replica_folder_by_row(
			p->replica, f->id, &arena, &now, err);
	if (rc == 0) {
		f->authority = now.authority;
		f->uidvalidity = now.uidvalidity;
		f->guid = now.guid;
	}
	return rc;
}

static int put_identity(struct pass *p, const struct replica_folder *f,
	const struct store_identity *id, uint32_t uidnext, struct err *err)
{
	struct change c =
		pass_change(p, CHANGE_IDENTITY, 0, f->identity_by.stamp);

	c.folder = f->fid;
	c.uidvalidity = id->uidvalidity;
	c.uidnext = uidnext;
	c.guid = id->guid;
	c.extra = id->extra ? id->extra : "";
	return pass_put(p, &ID_ACCOUNT, &c, err);
}

int pass_identity(struct pass *p, struct replica_folder *f,
	const struct store_view *view, struct err *err)
{
	const struct store_identity *id = &view->identity;
	const char *extra = id->extra ? id->extra : "";
	int rc = claim(p, f, view, err);

	if (rc < 0)
		return rc;
	p->raised |= id->uidvalidity != f->p_uidvalidity ||
		     id->uidnext != f->p_uidnext;
	f->p_uidvalidity = id->uidvalidity;
	f->p_uidnext = id->uidnext;
	f->p_guid = id->guid;
	f->p_extra = extra;
	if (!pass_is_ours(p, f) || (f->uidvalidity == id->uidvalidity &&
					   id_equal(&f->guid, &id->guid) &&
					   strcmp(f->extra, extra) == 0))
		return 0;
	return put_identity(p, f, id, 0, err);
}

/*
 * A peer that hears of UIDNEXT before the messages below it has no numbers
 * left to place them with. And it is stated whatever they tell: they may be
 * gone again when a peer is told.
 */
int pass_uidnext(struct pass *p, const struct replica_folder *f,
	const struct store_identity *id, uint32_t before, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder now;
	uint32_t next = f->p_uidnext;
	int rc = replica_folder_by_row(p->replica, f->id, &arena, &now, err);

	if (rc != 0 || !pass_is_ours(p, &now) ||
		(before >= next && now.uidnext >= next))
		return rc < 0 ? rc : 0;
	return put_identity(p, &now, id, next, err);
}
