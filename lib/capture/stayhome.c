/*
 * stayhome: a folder whose claim somebody knows stays at home, though another
 * site's is the stronger; and one that is given to another site has its home
 * there.
 *
 * The rival may have heard all that was said of UIDs while it took its own
 * claim for the stronger, and so for void. So with the next term all of it is
 * said again: UIDVALIDITY, UIDNEXT and GUID, and each message's UID. It is a
 * change for each message, once in the life of a folder, when a third site
 * comes that held mail under an older UIDVALIDITY.
 *
 * To give it the old home says so, in the next term; the new one says it in the
 * term after that, in its own log, with all UIDs: so what it says of them needs
 * nothing of the old home's log to be understood. A crash between the two
 * leaves a folder without confirmed UIDs: each site keeps those that it has.
 */
#include "capture.h"
#include "err.h"
#include "joining.h"
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

static int say_claim(struct journal *j, const struct replica_folder *f,
	uint64_t term, uint64_t site, struct err *err)
{
	struct change c = change_now(j, CHANGE_AUTHORITY, &f->fid, 0);

	c.term = term;
	c.site = site;
	c.uidvalidity = f->authority.uidvalidity;
	c.uidnext = f->authority.uidnext;
	return journal_put(j, &ID_ACCOUNT, &c, err);
}

static int say_identity(struct journal *j, const struct replica_folder *f,
	uint32_t uidnext, struct err *err)
{
	struct change c =
		change_now(j, CHANGE_IDENTITY, &f->fid, f->identity_by.stamp);

	if (!f->uidvalidity)
		return 0;
	c.uidvalidity = f->uidvalidity;
	c.uidnext = uidnext;
	c.guid = f->guid;
	c.extra = f->extra;
	return journal_put(j, &ID_ACCOUNT, &c, err);
}

static int say_uid(struct journal *j, const struct replica_folder *f,
	struct replica_message *m, uint32_t uid, struct err *err)
{
	struct replica *r = j->account->replica;
	uint64_t above;

	if (!uid || m->folder != f->id || m->dead)
		return 0;
	int rc = replica_message_stamp(r, m->id, &above, err);
	if (rc >= 0)
		rc = replica_message_dot(r, m, err);
	if (rc < 0)
		return rc;
	struct change c = change_now(j, CHANGE_UID, &f->fid, above);
	c.dot = m->dot;
	c.uid = uid;
	return journal_put(j, &f->fid, &c, err);
}

/* placed: those that the messages have here; else the confirmed ones. */
static int say_uids(struct journal *j, const struct replica_folder *f,
	bool placed, struct err *err)
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
			rc = say_uid(j, f, &list[i],
				placed ? list[i].p_uid : list[i].uid, err);
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

	/* A folder without mail has no UIDs to keep. */
	if (!f->held_mail || f->authority.site != self || rival->site == self ||
		f->authority.term != 1 || rival->term != 1 ||
		claim_cmp(rival, &f->authority) < 0)
		return 0;
	int rc = claim_was_heard(j->account->replica, &f->fid, err);
	if (rc <= 0)
		return rc;
	rc = say_claim(j, f, 2, self, err);
	if (rc >= 0)
		rc = say_identity(j, f, f->uidnext, err);
	return rc < 0 ? rc : say_uids(j, f, false, err);
}

/* ---- to another site ---- */

/* Has the peer applied all of a log? ERR_BUSY if not. */
static int check_applied(struct replica *r, const struct replica_log *log,
	uint64_t peer, struct err *err)
{
	struct replica_ack ack;
	int rc = replica_ack_get(r, peer, log->id, &ack, err);

	if (rc < 0 || ack.applied >= log->known.lsn)
		return rc < 0 ? rc : 0;
	return err_set(err, ERR_BUSY,
		"the peer has not yet applied all that was logged here, as far "
		"as it said: %llu changes are to go (packetboat sync, here and "
		"there, and once more)",
		(unsigned long long)(log->known.lsn - ack.applied));
}

static int check_all_applied(struct replica *r, uint64_t peer, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs;
	size_t count;
	int rc = replica_logs(r, &arena, &logs, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		const struct log_id *log = &logs[i].known.log;

		if (log->origin != replica_origin(r))
			continue;
		rc = replica_is_home(r, &log->folder, false, err);
		if (rc > 0)
			rc = check_applied(r, &logs[i], peer, err);
	}
	return rc < 0 ? rc : 0;
}

/* Up to where they are this site's to tell. */
static int note_ends(
	struct replica *r, const struct replica_folder *f, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs;
	size_t count;
	int rc = replica_logs(r, &arena, &logs, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		struct replica_folder of;

		if (logs[i].known.log.origin != replica_origin(r))
			continue;
		rc = replica_folder_by_fid(
			r, &logs[i].known.log.folder, &arena, &of, err);
		if (rc != 0 || of.id != f->id)
			continue;
		logs[i].given = logs[i].known.lsn;
		rc = replica_log_set(r, &logs[i], err);
	}
	return rc < 0 ? rc : 0;
}

int capture_give_home(
	struct journal *j, uint64_t peer, size_t *ret_given, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica *r = j->account->replica;
	struct replica_folder *folders;
	size_t count;
	int rc = check_all_applied(r, peer, err);

	*ret_given = 0;
	if (rc >= 0)
		rc = replica_folders(r, &arena, &folders, &count, err);
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		const struct claim *now = &folders[i].authority;

		if (!now->term || now->site != replica_origin(r))
			continue;
		rc = note_ends(r, &folders[i], err);
		if (rc >= 0)
			rc = say_claim(
				j, &folders[i], now->term + 1, peer, err);
		(*ret_given)++;
	}
	return rc < 0 ? rc : 0;
}

int capture_come_home(struct journal *j, const struct replica_folder *f,
	uint64_t term, struct err *err)
{
	struct replica *r = j->account->replica;
	uint32_t next = f->uidnext > f->p_uidnext ? f->uidnext : f->p_uidnext;
	int64_t since;
	int rc = joining_since(r, &since, err);

	/* What we said of it then comes back. */
	if (rc < 0 || since)
		return rc < 0 ? rc : 0;
	rc = say_claim(j, f, term + 1, replica_origin(r), err);
	if (rc >= 0)
		rc = say_identity(j, f, next, err);
	return rc < 0 ? rc : say_uids(j, f, true, err);
}
