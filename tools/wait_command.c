/*
 * wait_command: `packetboat wait`: until so many peers hold what was logged
 * here when it was called.
 *
 * A peer holds it when it has acknowledged the logs up to where they ended
 * then, and lacks no body of the mail that was born in them. Nothing is locked,
 * changed or sent: the state is looked at again and again, while the programs
 * carry what is to be carried.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "begun.h"
#include "err.h"
#include "front.h"
#include "os.h"
#include "report.h"
#include "site.h"
#include "status_lag.h"
#include "viewed.h"

#define LOOK_NS INT64_C(250000000)

/* A log of ours, up to where it ended when we were called. */
struct target {
	struct replica_log log;
	uint64_t lsn;
};

struct waiting {
	struct front *front;
	struct site site;
	const char *account, *folder; /* folder NULL: all that are home here */
	unsigned count;		      /* peers that are to hold it */
	bool applied;
	int64_t timeout_ms; /* 0: none */
	struct target *targets;
	size_t target_count;
	bool taken; /* where the logs ended is known */
};

/* ---- what is to be held ---- */

static void add_target(
	struct waiting *w, const struct replica_log *log, uint64_t lsn)
{
	w->targets =
		mem_grow(w->targets, w->target_count + 1, sizeof(*w->targets));
	w->targets[w->target_count++] = (struct target){*log, lsn};
}

/* A folder's mail is of use only to who knows the folder. */
static int add_birth(struct waiting *w, struct account *a,
	const struct replica_folder *f, struct err *err)
{
	struct replica_log log;
	int rc = replica_log_get(a->replica, &f->born_by.log, false, &log, err);

	if (rc == 0 && log.known.log.origin == w->site.key.pub.origin)
		add_target(w, &log, f->born_by.lsn);
	return rc < 0 ? rc : 0;
}

static int is_target(struct waiting *w, struct account *a,
	const struct replica_log *log, const struct id128 *only,
	struct err *err)
{
	const struct id128 *folder = &log->known.log.folder;

	if (log->known.log.origin != w->site.key.pub.origin ||
		view_is_log(folder) || (only && !id_equal(only, folder)))
		return 0;
	return id_is_account(folder)
		       ? 1
		       : replica_is_home(a->replica, folder, false, err);
}

/* The folder, where one is named; it has to be at home here. */
static int find_folder(struct waiting *w, struct account *a,
	struct arena *arena, struct replica_folder *ret, struct err *err)
{
	int rc = begun_folder(a, w->folder, arena, ret, err);

	if (rc >= 0)
		rc = replica_is_home(a->replica, &ret->fid, false, err);
	if (rc == 0)
		return err_set(err, ERR_USAGE,
			"account %s: folder %s: its home is another site: what "
			"users change here is not handed over",
			w->account, w->folder);
	return rc < 0 ? rc : add_birth(w, a, ret, err);
}

static int take_targets(struct waiting *w, struct account *a, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	struct replica_log *logs = NULL;
	size_t count = 0;
	int rc = w->folder ? find_folder(w, a, &arena, &f, err) : 0;

	if (rc >= 0)
		rc = replica_logs(a->replica, &arena, &logs, &count, err);
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		rc = is_target(w, a, &logs[i], w->folder ? &f.fid : NULL, err);
		if (rc > 0)
			add_target(w, &logs[i], logs[i].known.lsn);
	}
	w->taken = rc >= 0;
	return rc;
}

/* ---- who holds it ---- */

/* Does this peer ever say that it has what is changed here? */
static bool may_hold(const struct waiting *w, size_t peer)
{
	const struct config_peer *p = &w->site.config.peers[peer];

	return !p->oneway && p->changes != CHANGES_RECEIVE &&
	       site_granted(&w->site, peer, w->account);
}

static int has_target(struct waiting *w, struct account *a, uint64_t origin,
	const struct target *t, struct err *err)
{
	int rc = view_hides_log(a->replica, origin, &t->log.known.log, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = status_has(a, origin, &t->log, t->lsn, w->applied, err);
	if (rc <= 0)
		return rc;
	rc = report_lacks_bodies(a->replica, origin, t->log.id, t->lsn, err);
	return rc < 0 ? rc : !rc;
}

static int holds(
	struct waiting *w, struct account *a, size_t peer, struct err *err)
{
	int rc = 1;

	for (size_t i = 0; rc > 0 && i < w->target_count; i++)
		rc = has_target(
			w, a, w->site.peers[peer].origin, &w->targets[i], err);
	return rc;
}

/* Returns how many peers hold it; those that do not are named. */
static int look(struct waiting *w, struct buf *lacking, struct err *err)
{
	struct account a;
	int rc = begun_open(&w->site, w->account, &a, err);
	int held = 0;

	buf_clear(lacking);
	if (rc != 0)
		return rc < 0 ? rc
			      : err_set(err, ERR_USAGE,
					"account %s: nothing was logged yet "
					"(packetboat write)",
					w->account);
	rc = w->taken ? 0 : take_targets(w, &a, err);
	for (size_t i = 0; rc >= 0 && i < w->site.config.peer_count; i++) {
		if (!may_hold(w, i))
			continue;
		rc = holds(w, &a, i, err);
		held += rc > 0;
		if (rc == 0)
			buf_printf(lacking, "%s%s", lacking->len ? ", " : "",
				w->site.config.peers[i].name);
	}
	account_close(&a);
	return rc < 0 ? rc : held;
}

static int wait_for(struct waiting *w, struct err *err)
{
	struct os *os = w->site.os;
	int64_t end = os->ops->mono_ns(os) + w->timeout_ms * 1000000;
	AUTO_BUF struct buf lacking = BUF_INIT;

	for (bool first = true;; first = false) {
		int held = look(w, &lacking, err);

		if (held < 0 || (unsigned)held >= w->count)
			return held < 0 ? held : 0;
		if (first)
			log_say(&w->front->log, LOG_LEVEL_DEBUG,
				"account %s: waiting for %s", w->account,
				buf_str(&lacking));
		if (w->timeout_ms && os->ops->mono_ns(os) >= end)
			return err_set(err, ERR_BUSY,
				"account %s: %d of %u peers have %s it; not "
				"yet: %s",
				w->account, held, w->count,
				w->applied ? "placed" : "got",
				buf_str(&lacking));
		os->ops->sleep_ns(os, LOOK_NS);
	}
}

/* ---- arguments ---- */

static int check(struct waiting *w, struct err *err)
{
	unsigned most = 0;

	if (site_account_check(&w->site, w->account, err) < 0)
		return ERR_USAGE;
	for (size_t i = 0; i < w->site.config.peer_count; i++)
		most += may_hold(w, i);
	if (most < w->count)
		return err_set(err, ERR_USAGE,
			"account %s: %u peers can say that they have it, not "
			"%u (a oneway peer says nothing)",
			w->account, most, w->count);
	return 0;
}

static bool parse_count(const char *text, unsigned *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	*ret = (unsigned)n;
	return *text >= '0' && *text <= '9' && !*end && n > 0 && n < 10000;
}

/* Returns false: not as it is called. */
static bool parse(struct waiting *w, int argc, char **argv, struct err *err)
{
	static const struct option options[] = {
		{"applied", no_argument, NULL, 'a'},
		{"timeout", required_argument, NULL, 't'},
		{NULL, 0, NULL, 0},
	};
	int opt;

	optind = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'a')
			w->applied = true;
		else if (opt != 't' || value_duration_ms(optarg, false,
					       &w->timeout_ms, err) < 0)
			return false;
	}
	if (argc - optind < 2 || argc - optind > 3 ||
		!parse_count(argv[optind], &w->count))
		return false;
	w->account = argv[optind + 1];
	w->folder = argv[optind + 2];
	return true;
}

int command_wait(struct front *f, int argc, char **argv)
{
	struct waiting w = {.front = f};
	struct err err = ERR_INIT;

	if (!parse(&w, argc, argv, &err))
		return err.code != ERR_NONE ? front_fail(f, &err)
					    : front_usage(f, argv[0]);
	if (site_open(&w.site, f->config_given, &err) < 0)
		return front_fail(f, &err);
	if (check(&w, &err) >= 0)
		wait_for(&w, &err);
	site_close(&w.site);
	free(w.targets);
	return err.code != ERR_NONE ? front_fail(f, &err) : EXIT_DONE;
}
