/*
 * resend_command: `packetboat resend [--dry-run] [--from LSN] PEER
 *                  [ACCOUNT [FOLDER]]`.
 *
 * Nothing is handed over here: what the peer acknowledged of our logs is taken
 * back, so that the next hand-over begins before it. A peer that answers says
 * soon what it has, and that counts again. One account after the other: killed
 * in between, the command is to be given again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "begun.h"
#include "err.h"
#include "front.h"
#include "report.h"
#include "shiplock.h"
#include "site.h"

#define LOCK_WAIT_MS 30000

struct resend {
	struct front *front;
	struct site site;
	const char *peer, *account, *folder; /* NULL: all */
	uint64_t origin;		     /* of the peer */
	size_t index;			     /* its, in the configuration */
	uint64_t after;			     /* lsn */
	bool dry;
	uint64_t logs, changes, messages, bytes; /* handed over again */
};

static int take_from(const char *text, uint64_t *ret)
{
	char *end;

	if (*text < '1' || *text > '9')
		return -1;
	uint64_t lsn = strtoull(text, &end, 10);
	*ret = lsn - 1;
	return *end || lsn > INT64_MAX ? -1 : 0;
}

/* Returns 0, or -1: wrong usage. */
static int take_args(struct resend *s, int argc, char **argv)
{
	int i = 1;
	bool from = false;

	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		if (strcmp(argv[i], "--dry-run") == 0)
			s->dry = true;
		else if (strcmp(argv[i], "--from") != 0 || ++i == argc ||
			 take_from(argv[i], &s->after) < 0)
			return -1;
		else
			from = true;
	}
	const char **names[] = {&s->peer, &s->account, &s->folder};

	for (size_t n = 0; n < 3 && i < argc; n++)
		*names[n] = argv[i++];
	/* An lsn is one log's. */
	return i < argc || !s->peer || (from && !s->folder) ? -1 : 0;
}

static int check_peer(struct resend *s, struct err *err)
{
	int i = site_peer(&s->site, s->peer);

	if (i < 0)
		return err_set(err, ERR_USAGE, "there is no peer \"%s\" in %s",
			s->peer, s->site.config.path);
	if (s->site.config.peers[i].changes == CHANGES_RECEIVE)
		return err_set(err, ERR_USAGE,
			"peer %s: no changes go to it from here (changes = "
			"\"receive\"): there is nothing to send again",
			s->peer);
	if (s->account && site_account_check(&s->site, s->account, err) < 0)
		return ERR_USAGE;
	if (s->account && !site_granted(&s->site, (size_t)i, s->account))
		return err_set(err, ERR_USAGE,
			"peer %s has no part in account %s (\"accounts\" in "
			"its block says in which it has)",
			s->peer, s->account);
	s->origin = s->site.peers[i].origin;
	s->index = (size_t)i;
	return 0;
}

/* ---- one account ---- */

/* Is a log ours to send, and asked for? Of folders those at home here. */
static int is_meant(struct resend *s, struct account *a,
	const struct replica_log *log, int64_t folder, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;

	if (log->known.log.origin != s->site.key.pub.origin ||
		log->known.lsn <= s->after)
		return 0;
	if (id_is_account(&log->known.log.folder))
		return !folder;
	int rc = replica_folder_by_fid(
		a->replica, &log->known.log.folder, &arena, &f, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return f.authority.site == s->site.key.pub.origin &&
	       (!folder || f.id == folder);
}

static int again(struct resend *s, struct account *a,
	const struct replica_log *log, struct err *err)
{
	uint64_t messages = 0, bytes = 0;
	int rc = report_born_above(
		a->replica, log->id, s->after, &messages, &bytes, err);

	s->logs++;
	s->changes += log->known.lsn - s->after;
	s->messages += messages;
	s->bytes += bytes;
	if (rc < 0 || s->dry)
		return rc;
	return replica_ack_lower(a->replica, s->origin, log->id, s->after, err);
}

static int find_folder(
	struct resend *s, struct account *a, int64_t *ret, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;

	*ret = 0;
	if (!s->folder)
		return 0;
	int rc = replica_folder_by_path(a->replica, s->folder, &arena, &f, err);
	if (rc > 0)
		return err_set(err, ERR_USAGE,
			"account %s: there is no folder \"%s\"", a->name,
			s->folder);
	*ret = f.id;
	return rc;
}

static int each_log(struct resend *s, struct account *a, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs = NULL;
	size_t count = 0;
	int64_t folder;
	int rc = find_folder(s, a, &folder, err);

	if (rc >= 0)
		rc = replica_logs(a->replica, &arena, &logs, &count, err);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		rc = is_meant(s, a, &logs[i], folder, err);
		if (rc > 0)
			rc = again(s, a, &logs[i], err);
	}
	return rc;
}

static int in_account(struct resend *s, const char *name, struct err *err)
{
	struct account a;
	int rc = begun_open(&s->site, name, &a, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = replica_begin(a.replica, err);
	if (rc >= 0)
		rc = each_log(s, &a, err);
	if (rc >= 0)
		rc = replica_commit(a.replica, err);
	replica_rollback(a.replica);
	account_close(&a);
	return rc;
}

/* ---- the whole ---- */

static int in_all(struct resend *s, struct err *err)
{
	struct os *os = s->site.os;
	int visits = -1, packing = -1;
	int rc = shiplock_take(os, s->site.config.state, SHIPLOCK_VISITS,
		LOCK_WAIT_MS, &visits, err);

	if (rc >= 0)
		rc = shiplock_take(os, s->site.config.state, SHIPLOCK_PACKING,
			LOCK_WAIT_MS, &packing, err);
	for (size_t i = 0; i < s->site.account_count && rc >= 0; i++) {
		const char *name = s->site.accounts[i].name;

		if ((!s->account || strcmp(s->account, name) == 0) &&
			site_granted(&s->site, s->index, name))
			rc = in_account(s, name, err);
	}
	if (packing >= 0)
		os->ops->close(os, packing);
	if (visits >= 0)
		os->ops->close(os, visits);
	if (rc >= 0 && !s->logs)
		rc = err_set(err, ERR_USAGE,
			"peer %s: there is nothing to send again: %s", s->peer,
			s->folder ? "the folder's home is not here, or its log "
				    "does not go so far"
				  : "nothing was logged yet");
	return rc;
}

static void say(const struct resend *s)
{
	printf("peer %s: %s: %" PRIu64 " change%s of %" PRIu64
	       " log%s at most, %" PRIu64 " mail%s of %" PRIu64 " bytes\n",
		s->peer,
		s->dry ? "would be handed over again"
		       : "the next hand-over sends again",
		s->changes, s->changes == 1 ? "" : "s", s->logs,
		s->logs == 1 ? "" : "s", s->messages,
		s->messages == 1 ? "" : "s", s->bytes);
}

int command_resend(struct front *f, int argc, char **argv)
{
	struct resend s = {.front = f};
	struct err err = ERR_INIT;
	int code = EXIT_DONE;

	if (take_args(&s, argc, argv) < 0)
		return front_usage(f, argv[0]);
	if (site_open(&s.site, f->config_given, &err) < 0)
		return front_fail(f, &err);
	if (check_peer(&s, &err) < 0 || in_all(&s, &err) < 0)
		code = front_fail(f, &err);
	else
		say(&s);
	site_close(&s.site);
	return code;
}
