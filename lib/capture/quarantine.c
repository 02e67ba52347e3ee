#include "quarantine.h"

#include <errno.h>
#include <string.h>

#include "err.h"
#include "journal.h"
#include "segment.h"

#define ASKED "damaged log"

static int put_aside(struct account *a, const char *hex, struct err *err)
{
	struct os *os = a->os;
	AUTO_FREE char *dir = mem_printf("%s/%s", a->log_dir, hex);
	AUTO_FREE char *to = mem_printf("%s.damaged-%lld", dir,
		(long long)(os->ops->wall_ns(os) / 1000000));
	int rc = os->ops->rename(os, dir, to);

	if (rc == -ENOENT)
		return 0; /* done before a crash, or somebody removed it */
	if (rc < 0)
		return err_set_os(err, -rc, "rename %s to %s", dir, to);
	return dir_sync(os, a->log_dir, err);
}

static struct change empty_change(struct account *a, enum change_kind kind)
{
	struct change c = {.kind = kind,
		.base = "",
		.extra = "",
		.path = "",
		.reason = "",
		.add = {"", ""},
		.del = {"", ""}};

	c.by.stamp = STAMP_OF(a->os->ops->wall_ns(a->os) / 1000000, 0);
	return c;
}

int quarantine_log(struct account *a, const struct id128 *folder,
	const char *why, struct err *err)
{
	struct replica *r = a->replica;
	struct log_id account_log = {
		replica_origin(r), replica_incarnation(r), ID_ACCOUNT};
	struct log_id damaged = account_log;
	struct replica_log before, lost;
	struct journal j;
	char hex[ID_HEX];

	damaged.folder = *folder;
	id_hex(folder, hex);
	int rc = put_aside(a, hex, err);
	if (rc >= 0)
		rc = journal_begin(&j, a, err);
	if (rc < 0)
		return rc;
	j.quarantining = true;
	rc = replica_log_get(r, &account_log, true, &before, err);
	if (rc >= 0)
		rc = replica_log_get(r, &damaged, true, &lost, err);
	if (rc >= 0)
		rc = replica_incarnation_new(r, err);
	if (rc >= 0) {
		struct change begin = empty_change(a, CHANGE_BEGIN);
		begin.end = before.known;
		rc = journal_put(&j, &ID_ACCOUNT, &begin, err);
	}
	if (rc >= 0 && lost.known.lsn) {
		struct change gap = empty_change(a, CHANGE_GAP);
		AUTO_FREE char *reason = mem_dup_n(why, strnlen(why, 200));

		gap.first = 1;
		gap.end = lost.known;
		gap.reason = reason;
		rc = journal_put(&j, &ID_ACCOUNT, &gap, err);
	}
	if (rc >= 0)
		rc = journal_commit(&j, false, err);
	journal_abort(&j);
	return rc;
}

int quarantine_ask(
	struct account *a, const struct id128 *folder, struct err *err)
{
	char hex[ID_HEX];
	int rc = replica_begin(a->replica, err);

	id_hex(folder, hex);
	if (rc >= 0)
		rc = replica_text_set(a->replica, ASKED, hex, err);
	if (rc >= 0)
		rc = replica_commit(a->replica, err);
	replica_rollback(a->replica);
	return rc;
}

int quarantine_asked(struct account *a, struct err *why, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log log = {0};
	struct id128 folder;
	const char *hex;
	int rc = replica_text_get(a->replica, ASKED, &arena, &hex, err);

	if (rc < 0 || !*hex || id_from_hex(hex, &folder) < 0)
		return rc;
	struct log_id id = {replica_origin(a->replica),
		replica_incarnation(a->replica), folder};
	rc = replica_log_get(a->replica, &id, false, &log, err);
	if (rc < 0)
		return rc;
	/* Only what we find damaged ourselves: not what was asked before a
	   new incarnation, or a disk that failed for a moment. */
	struct log_end end = {
		log.file_lsn, log.known.lsn, log.known.chain, log.size};
	AUTO_FREE char *dir = mem_printf("%s/%s", a->log_dir, hex);
	bool bad = rc == 0 && log.known.lsn &&
		   log_verify(a->os, dir, id.incarnation, &end, why) ==
			   ERR_CORRUPT;
	if (bad && (rc = quarantine_log(a, &folder, why->text, err)) < 0)
		return rc;
	rc = replica_begin(a->replica, err);
	if (rc >= 0)
		rc = replica_text_set(a->replica, ASKED, "", err);
	if (rc >= 0)
		rc = replica_commit(a->replica, err);
	replica_rollback(a->replica);
	return rc < 0 ? rc : bad;
}
