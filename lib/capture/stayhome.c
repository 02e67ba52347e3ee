/*
 * stayhome: a folder whose claim somebody knows stays at home, though another
 * site's is the stronger.
 *
 * The rival may have heard all that was said of UIDs while it took its own
 * claim for the stronger, and so for void. So with the next term all of it is
 * said again: UIDVALIDITY, UIDNEXT and GUID, and each message's UID. It is a
 * change for each message, once in the life of a folder, when a third site
 * comes that held mail under an older UIDVALIDITY.
 */
#include "capture.h"
#include "err.h"
#include "pass.h"

#define MESSAGES_AT_A_TIME 256

static struct change change_now(struct journal *j, enum change_kind kind,
	const struct id128 *folder, uint64_t above)
{
	struct os *os = j->account->os;
	int64_t now_ms = os->ops->wall_ns(os) / 1000000;
	struct change c = change_blank(kind);

	c.folder = *folder;
	c.by.stamp = journal_stamp(now_ms, now_ms, above);
	return c;
}

/* Does anybody know of our claim? 1 or 0. */
static int claim_was_heard(
	struct replica *r, const struct id128 *folder, struct err *err)
{
	AUTO_FREE char *key = pass_claim_key(r, folder);
	struct log_id id = {
		replica_origin(r), replica_incarnation(r), ID_ACCOUNT};
	struct replica_log log;
	int64_t claimed;
	uint64_t known;
	int rc = replica_meta_get(r, key, &claimed, err);

	if (rc == 0)
		rc = replica_log_get(r, &id, false, &log, err);
	if (rc == 0)
		rc = replica_ack_most(r, log.id, &known, err);
	return rc < 0 ? rc : rc == 0 && known >= (uint64_t)claimed;
}

static int say_identity(
	struct journal *j, const struct replica_folder *f, struct err *err)
{
	struct change c =
		change_now(j, CHANGE_IDENTITY, &f->fid, f->identity_by.stamp);

	if (!f->uidvalidity)
		return 0;
	c.uidvalidity = f->uidvalidity;
	c.uidnext = f->uidnext;
	c.guid = f->guid;
	c.extra = f->extra;
	return journal_put(j, &ID_ACCOUNT, &c, err);
}

static int say_uid(struct journal *j, const struct replica_folder *f,
	struct replica_message *m, struct err *err)
{
	struct replica *r = j->account->replica;
	uint64_t above;

	if (!m->uid || m->folder != f->id || m->dead)
		return 0;
	int rc = replica_message_stamp(r, m->id, &above, err);
	if (rc >= 0)
		rc = replica_message_dot(r, m, err);
	if (rc < 0)
		return rc;
	struct change c = change_now(j, CHANGE_UID, &f->fid, above);
	c.dot = m->dot;
	c.uid = m->uid;
	return journal_put(j, &f->fid, &c, err);
}

static int say_uids(
	struct journal *j, const struct replica_folder *f, struct err *err)
{
	AUTO_BUF struct buf after = BUF_INIT;
	size_t count;
	int rc;

	do {
		AUTO_ARENA struct arena arena = {0};
		struct replica_message *list;

		rc = replica_placed_after(j->account->replica, f->id,
			buf_str(&after), MESSAGES_AT_A_TIME, &arena, &list,
			&count, err);
		for (size_t i = 0; i < count && rc >= 0; i++)
			rc = say_uid(j, f, &list[i], err);
		if (rc < 0 || !count)
			break;
		buf_clear(&after);
		buf_add_str(&after, list[count - 1].p_base);
	} while (count == MESSAGES_AT_A_TIME);
	return rc;
}

int capture_stay_home(struct journal *j, const struct replica_folder *f,
	const struct claim *rival, struct err *err)
{
	uint64_t self = replica_origin(j->account->replica);

	if (f->authority.site != self || rival->site == self ||
		f->authority.term != 1 || rival->term != 1 ||
		claim_cmp(rival, &f->authority) < 0)
		return 0;
	int rc = claim_was_heard(j->account->replica, &f->fid, err);
	if (rc <= 0)
		return rc;
	struct change c = change_now(j, CHANGE_AUTHORITY, &f->fid, 0);
	c.term = 2;
	c.site = self;
	c.uidvalidity = f->authority.uidvalidity;
	c.uidnext = f->authority.uidnext;
	rc = journal_put(j, &ID_ACCOUNT, &c, err);
	if (rc >= 0)
		rc = say_identity(j, f, err);
	return rc < 0 ? rc : say_uids(j, f, err);
}
