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

static struct change change_now(struct account *a, enum change_kind kind)
{
	struct change c = change_blank(kind);

	c.by.stamp = STAMP_OF(a->os->ops->wall_ns(a->os) / 1000000, 0);
	return c;
}

/*
 * Why, for everybody: peers are told the record, and where our files lie is no
 * matter of theirs. Of each path below our logs the file's name stays.
 */
static char *reason_of(const struct account *a, const char *why)
{
	AUTO_BUF struct buf b = BUF_INIT;
	size_t len = strlen(a->log_dir);

	for (const char *at; (at = strstr(why, a->log_dir));) {
		const char *rest = at + len;
		const char *end = rest + strcspn(rest, ": ");

		buf_add(&b, why, (size_t)(at - why));
		for (why = end; why > rest && why[-1] != '/'; why--)
			;
	}
	buf_add_str(&b, why);
	return mem_dup_n(buf_str(&b), b.len < 200 ? b.len : 200);
}

/*
 * The directory held the logs of earlier incarnations, too. None of them can be
 * read any more: what peers lack of them is written out from the state.
 */
static int give_up(struct replica *r, struct journal *j, struct account *a,
	struct replica_log *log, const char *why, struct err *err)
{
	struct change gap = change_now(a, CHANGE_GAP);
	AUTO_FREE char *reason = reason_of(a, why);

	gap.first = 1;
	gap.end = log->known;
	gap.reason = reason;
	log->file_lsn = 0;
	log->size = 0;
	int rc = replica_log_set(r, log, err);
	return rc < 0 ? rc : journal_put(j, &ID_ACCOUNT, &gap, err);
}

static bool lay_there(const struct replica *r, const struct replica_log *log,
	const struct id128 *folder)
{
	return log->known.log.origin == replica_origin(r) && log->file_lsn &&
	       log->known.lsn && id_equal(&log->known.log.folder, folder);
}

int quarantine_log(struct account *a, const struct id128 *folder,
	const char *why, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica *r = a->replica;
	struct log_id account_log = {
		replica_origin(r), replica_incarnation(r), ID_ACCOUNT};
	struct change begin = change_now(a, CHANGE_BEGIN);
	struct replica_log before, *logs;
	struct journal j;
	size_t count;
	char hex[ID_HEX];

	id_hex(folder, hex);
	int rc = put_aside(a, hex, err);
	if (rc >= 0)
		rc = journal_begin(&j, a, err);
	if (rc < 0)
		return rc;
	j.quarantining = true;
	rc = replica_log_get(r, &account_log, true, &before, err);
	if (rc >= 0)
		rc = replica_logs(r, &arena, &logs, &count, err);
	if (rc >= 0)
		rc = replica_incarnation_new(r, err);
	begin.end = before.known;
	if (rc >= 0)
		rc = journal_put(&j, &ID_ACCOUNT, &begin, err);
	for (size_t i = 0; rc >= 0 && i < count; i++)
		if (lay_there(r, &logs[i], folder))
			rc = give_up(r, &j, a, &logs[i], why, err);
	if (rc >= 0)
		rc = journal_commit(&j, false, err);
	journal_abort(&j);
	return rc;
}

/* ---- what the shipper asks for ---- */

static int set_asked(struct account *a, const char *text, struct err *err)
{
	int rc = replica_begin(a->replica, err);

	if (rc >= 0)
		rc = replica_text_set(a->replica, ASKED, text, err);
	if (rc >= 0)
		rc = replica_commit(a->replica, err);
	replica_rollback(a->replica);
	return rc;
}

int quarantine_ask(
	struct account *a, const struct id128 *folder, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const char *asked;
	char hex[ID_HEX];
	int rc = replica_text_get(a->replica, ASKED, &arena, &asked, err);

	id_hex(folder, hex);
	if (rc < 0 || strstr(asked, hex))
		return rc;
	AUTO_FREE char *text =
		mem_printf("%s%s%s", asked, *asked ? " " : "", hex);
	return set_asked(a, text, err);
}

/*
 * Only what we find damaged ourselves: not what was asked before a new
 * incarnation, or a disk that failed for a moment. Returns 1 if it is.
 */
static int is_damaged(struct account *a, const struct id128 *folder,
	struct err *why, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs;
	size_t count;
	char hex[ID_HEX];
	int rc = replica_logs(a->replica, &arena, &logs, &count, err);

	id_hex(folder, hex);
	AUTO_FREE char *dir = mem_printf("%s/%s", a->log_dir, hex);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		const struct position *known = &logs[i].known;
		struct log_end end = {logs[i].file_lsn, known->lsn,
			known->chain, logs[i].size};

		if (lay_there(a->replica, &logs[i], folder) &&
			log_verify(a->os, dir, known->log.incarnation, &end,
				why) == ERR_CORRUPT)
			return 1;
	}
	return rc < 0 ? rc : 0;
}

int quarantine_asked(struct account *a, struct err *why, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const char *asked;
	int found = 0;
	int rc = replica_text_get(a->replica, ASKED, &arena, &asked, err);

	if (rc < 0 || !*asked)
		return rc;
	for (; *asked && rc >= 0; asked += strspn(asked, " ")) {
		size_t len = strcspn(asked, " ");
		AUTO_FREE char *hex = mem_dup_n(asked, len);
		struct id128 folder;

		asked += len;
		if (id_from_hex(hex, &folder) < 0)
			continue;
		rc = is_damaged(a, &folder, why, err);
		if (rc > 0) {
			found = 1;
			rc = quarantine_log(a, &folder, why->text, err);
		}
	}
	if (rc >= 0)
		rc = set_asked(a, "", err);
	return rc < 0 ? rc : found;
}
