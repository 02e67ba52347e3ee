/*
 * packetboat-applier: replay what peers sent into the mail of this site.
 *
 * Rights: reads and writes the state directory and the mail folders (as each
 * owner when run as root), reads bundles it is given; makes no socket.
 *
 *   packetboat-applier [-c FILE] [-q|-v] [--once|--follow] [FILE...]
 */
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "gaptext.h"
#include "program.h"
#include "refusals.h"
#include "rights.h"
#include "round.h"
#include "site.h"

#define FOLLOW_MS 1000

struct applier {
	struct site site;
	struct logger log;
	struct round_config round;
	uint64_t left;		 /* in the inbox by the last round */
	struct arena arena;	 /* of the round's configuration */
	const char *config_path; /* as given, or NULL */
	struct progress progress;
	char *what;		  /* is in progress */
	struct refusals refusals; /* not written yet */
};

static void say(void *arg, bool warning, const char *text)
{
	struct applier *a = arg;

	log_say(&a->log, warning ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "%s",
		text);
}

static void fail(void *arg, const struct err *err)
{
	struct applier *a = arg;

	log_err(&a->log, err);
}

static int note_gaps(void *arg, struct account *account, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct applier *a = arg;
	struct gap *gaps;
	size_t count;
	int rc = gaptext_list(&a->site, account, &arena, &gaps, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		AUTO_BUF struct buf line = BUF_INIT;

		gaptext_print(&a->site, account->name, &gaps[i], &line);
		log_say(&a->log, LOG_LEVEL_WARNING, "%s", buf_str(&line));
	}
	return rc < 0 ? rc : count > 0;
}

static bool look_at_keys(void *arg)
{
	struct applier *a = arg;
	struct err err = ERR_INIT;
	bool any = false;

	for (size_t i = 0; i < a->site.config.peer_count; i++) {
		int rc = site_keys_again(&a->site, i, &err);

		if (rc < 0)
			log_err(&a->log, &err);
		any |= rc > 0;
	}
	return any;
}

static void show_placing(void *arg, const char *account)
{
	struct applier *a = arg;

	if (account) {
		a->what = mem_printf("place %s", account);
		progress_begin(&a->progress, &a->log, a->what, 0);
		return;
	}
	progress_end(&a->progress);
	free(a->what);
	a->what = NULL;
}

static void show_placed(void *arg, const char *path, uint64_t done)
{
	struct applier *a = arg;

	(void)path;
	progress_step(&a->progress, done);
}

static void note_refused(void *arg, const char *who, const struct err *err)
{
	struct applier *a = arg;

	refusals_add(&a->refusals, who, err,
		a->site.os->ops->wall_ns(a->site.os) / 1000000);
}

static void save_refusals(struct applier *a)
{
	struct err err = ERR_INIT;

	if (refusals_save(
		    a->site.os, a->site.config.state, &a->refusals, &err) < 0)
		log_err(&a->log, &err);
}

static int open_store(
	void *arg, const char *account, struct store **ret, struct err *err)
{
	struct applier *a = arg;

	return site_store_open(
		&a->site, site_account(&a->site, account), true, ret, err);
}

/* The lateness that peers allow: the shortest of those whose changes we
   take; without any, nothing is awaited. */
static int64_t late_ms(const struct applier *a)
{
	int64_t late = -1;

	for (size_t i = 0; i < a->site.config.peer_count; i++) {
		const struct config_peer *p = &a->site.config.peers[i];

		if (p->changes == CHANGES_SEND || p->late_ms < 0)
			continue;
		if (late < 0 || p->late_ms < late)
			late = p->late_ms;
	}
	return late;
}

/* The list, which is freed, until the next configuration. */
static const uint64_t *keep(struct applier *a, uint64_t *list, size_t count)
{
	uint64_t *kept = arena_alloc(&a->arena, (count + 1) * sizeof(*kept));

	memcpy(kept, list, count * sizeof(*kept));
	free(list);
	return kept;
}

static void configure_account(struct applier *a, const struct config_account *c,
	struct round_account *ret)
{
	size_t answering_count, two_way_count;
	uint64_t *answering =
		site_answering(&a->site, c->name, &answering_count);
	uint64_t *two_way = site_two_way(&a->site, c->name, &two_way_count);

	*ret = (struct round_account){.name = c->name,
		.guard_percent = c->guard_percent,
		.guard_least = c->guard_least,
		.guard_exempt = c->guard_exempt,
		.guard_exempt_count = c->guard_exempt_count,
		.answering = keep(a, answering, answering_count),
		.answering_count = answering_count,
		.two_way = keep(a, two_way, two_way_count),
		.two_way_count = two_way_count};
}

/* What the configuration says, for every round. */
static void configure(struct applier *a)
{
	const struct config *c = &a->site.config;
	arena_free(&a->arena);
	struct receive_peer *peers =
		arena_alloc(&a->arena, (c->peer_count + 1) * sizeof(*peers));
	struct round_account *accounts = arena_alloc(
		&a->arena, (a->site.account_count + 1) * sizeof(*accounts));

	for (size_t i = 0; i < c->peer_count; i++)
		peers[i] = (struct receive_peer){.name = c->peers[i].name,
			.key = a->site.peers[i],
			.keys = &a->site.peerkeys[i],
			.follow_key = c->peers[i].follow_key,
			.takes_changes = c->peers[i].changes != CHANGES_SEND,
			.relays = (c->peers[i].relay & RELAY_RECEIVE) != 0,
			.accounts = c->peers[i].accounts,
			.accept = c->peers[i].accept};
	for (size_t i = 0; i < a->site.account_count; i++)
		configure_account(a, &a->site.accounts[i], &accounts[i]);
	a->round = (struct round_config){
		.receive = {.os = a->site.os,
			.state_dir = c->state,
			.bodies_dir = a->site.bodies_dir,
			.self = &a->site.key,
			.former = &a->site.former,
			.peers = peers,
			.peer_count = c->peer_count,
			.reserve_percent = c->reserve_percent},
		.inbox_dir = a->site.inbox_dir,
		.refused_dir = a->site.refused_dir,
		.accounts = accounts,
		.account_count = a->site.account_count,
		.claim = site_claims(&a->site),
		.join_ms = SITE_JOIN_MS,
		.late_ms = late_ms(a),
		.trash_age_s = c->trash_age_s,
		.trash_size = c->trash_size,
		.open_store = open_store,
		.say = say,
		.fail = fail,
		.refused = note_refused,
		.keys_again = look_at_keys,
		.needs_operator = note_gaps,
		.placing = show_placing,
		.progress = show_placed,
		.left = &a->left,
		.arg = a,
	};
}

/* What is wrong with a new configuration is said, and the old one stays. */
static void reload(struct applier *a)
{
	struct site old;
	struct err err = ERR_INIT;

	if (site_reload(&a->site, a->config_path, &old, &err) < 0) {
		err_wrap(&err, "not read again, all stays as it was");
		log_err(&a->log, &err);
		return;
	}
	configure(a);
	site_close(&old);
	log_say(&a->log, LOG_LEVEL_INFO, "%s: read again", a->site.config.path);
}

/* Accounts come and go, and a peer may speak of one that is new here. */
static void run_round(struct applier *a)
{
	struct err err = ERR_INIT;

	look_at_keys(a);
	if (site_find_accounts(&a->site, &err) < 0)
		log_err(&a->log, &err);
	else
		configure(a);
	round_run(&a->round, NULL, 0);
	save_refusals(a);
}

/* The codes of rounds are no daemon's: what was wrong was said. */
static int follow(struct applier *a, struct stop_signal *stop)
{
	struct reload_signal asked;
	struct err err = ERR_INIT;
	int64_t next_full = 0;

	if (reload_open(&asked, &err) < 0) {
		log_err(&a->log, &err);
		return exit_for(&err);
	}
	notify_manager("READY=1");
	while (!stop_wanted(stop)) {
		struct pollfd fds[] = {{.fd = stop->fd, .events = POLLIN},
			{.fd = asked.fd, .events = POLLIN}};
		int64_t now = a->site.os->ops->mono_ns(a->site.os) / 1000000;
		bool again =
			reload_wanted(&asked) ||
			site_expelled_since(&a->site, SITE_ANY_PEER, NULL) > 0;

		if (again)
			reload(a);
		/* Late bodies, busy locks: a full run every minute. */
		if (again || round_inbox(&a->round) != a->left ||
			now >= next_full) {
			log_round(&a->log);
			run_round(a);
			next_full = now + 60000;
		}
		poll(fds, 2, FOLLOW_MS);
	}
	notify_manager("STOPPING=1");
	reload_close(&asked);
	return EXIT_DONE;
}

static int usage(void)
{
	fprintf(stderr, "usage: packetboat apply [-c FILE] [-q|-v] "
			"[--once|--follow] [FILE...]\n");
	return EXIT_WRONG_USAGE;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"once", no_argument, NULL, 'o'},
		{"follow", no_argument, NULL, 'f'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	struct applier a = {0};
	struct stop_signal stop;
	struct err err = ERR_INIT;
	bool following = false;
	int opt, how = 0;

	logger_open(&a.log, "packetboat-applier", false);
	while ((opt = getopt_long(argc, argv, "c:qv", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			a.config_path = optarg;
			break;
		case 'q':
			a.log.most = LOG_LEVEL_WARNING;
			break;
		case 'v':
			a.log.most = LOG_LEVEL_DEBUG;
			break;
		case 'o':
		case 'f':
			if (how && how != opt)
				return usage();
			how = opt;
			following = opt == 'f';
			break;
		case 'V':
			printf("packetboat-applier %s\n", PB_VERSION);
			return EXIT_DONE;
		default:
			return usage();
		}
	}
	if (following && optind < argc)
		return usage();
	if (site_open(&a.site, a.config_path, &err) < 0 ||
		stop_open(&stop, &err) < 0) {
		log_err(&a.log, &err);
		return exit_for(&err);
	}
	if (a.site.config.syslog)
		logger_use_syslog(&a.log);
	rights_off_network(&a.log);
	configure(&a);
	int code = following ? follow(&a, &stop)
			     : round_run(&a.round, argv + optind,
				       (size_t)(argc - optind));
	save_refusals(&a);
	stop_close(&stop);
	arena_free(&a.arena);
	site_close(&a.site);
	logger_close(&a.log);
	return code;
}
