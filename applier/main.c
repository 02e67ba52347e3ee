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
#include "round.h"
#include "site.h"

#define FOLLOW_MS 1000

struct applier {
	struct site site;
	struct logger log;
	struct round_config round;
	struct progress progress;
	char *what;		/* is in progress */
	struct buf needs, told; /* lines for the operator: of this round; that
				   were said last */
	int code;		/* worst exit code so far */
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
		gaptext_print(&a->site, account->name, &gaps[i], &a->needs);
		buf_add_byte(&a->needs, '\n');
	}
	return rc < 0 ? rc : count > 0;
}

/* Not the same every minute. */
static void say_needs(struct applier *a)
{
	const char *line = buf_str(&a->needs);
	bool news = a->needs.len != a->told.len ||
		    memcmp(line, buf_str(&a->told), a->needs.len) != 0;

	for (const char *end; news && (end = strchr(line, '\n'));
		line = end + 1)
		log_say(&a->log, LOG_LEVEL_WARNING, "%.*s", (int)(end - line),
			line);
	buf_free(&a->told);
	a->told = a->needs;
	a->needs = (struct buf)BUF_INIT;
}

static int run_round(struct applier *a, char *const *files, size_t count)
{
	int code = round_run(&a->round, files, count);

	say_needs(a);
	return code;
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

static void follow(struct applier *a, struct stop_signal *stop)
{
	int64_t next_full = 0;

	notify_manager("READY=1");
	while (!stop_wanted(stop)) {
		struct pollfd p = {.fd = stop->fd, .events = POLLIN};
		int64_t now = a->site.os->ops->mono_ns(a->site.os) / 1000000;

		/* Late bodies, busy locks: a full run every minute. */
		if (round_inbox_waits(&a->round) || now >= next_full) {
			a->code = run_round(a, NULL, 0);
			next_full = now + 60000;
		}
		poll(&p, 1, FOLLOW_MS);
	}
}

/* What the configuration says, for every round. */
static void configure(struct applier *a)
{
	const struct config *c = &a->site.config;
	struct receive_peer *peers = arena_alloc(
		&a->site.arena, (c->peer_count + 1) * sizeof(*peers));
	struct round_account *accounts = arena_alloc(&a->site.arena,
		(a->site.account_count + 1) * sizeof(*accounts));

	for (size_t i = 0; i < c->peer_count; i++)
		peers[i] = (struct receive_peer){c->peers[i].name,
			a->site.peers[i], c->peers[i].changes != CHANGES_SEND};
	for (size_t i = 0; i < a->site.account_count; i++)
		accounts[i] = (struct round_account){a->site.accounts[i].name,
			a->site.accounts[i].guard_percent,
			a->site.accounts[i].guard_least};
	a->round = (struct round_config){
		.receive = {.os = a->site.os,
			.state_dir = c->state,
			.bodies_dir = a->site.bodies_dir,
			.self = &a->site.key,
			.peers = peers,
			.peer_count = c->peer_count,
			.reserve_percent = c->reserve_percent},
		.inbox_dir = a->site.inbox_dir,
		.refused_dir = a->site.refused_dir,
		.accounts = accounts,
		.account_count = a->site.account_count,
		.claim = site_claims(&a->site),
		.late_ms = late_ms(a),
		.trash_age_s = c->trash_age_s,
		.trash_size = c->trash_size,
		.open_store = open_store,
		.say = say,
		.fail = fail,
		.needs_operator = note_gaps,
		.placing = show_placing,
		.progress = show_placed,
		.arg = a,
	};
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
	const char *config = NULL;
	bool following = false;
	int opt;

	logger_open(&a.log, "packetboat-applier", false);
	while ((opt = getopt_long(argc, argv, "c:qv", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			config = optarg;
			break;
		case 'q':
			a.log.most = LOG_LEVEL_WARNING;
			break;
		case 'v':
			a.log.most = LOG_LEVEL_DEBUG;
			break;
		case 'o':
			following = false;
			break;
		case 'f':
			following = true;
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
	if (site_open(&a.site, config, &err) < 0 ||
		stop_open(&stop, &err) < 0) {
		log_err(&a.log, &err);
		return exit_for(&err);
	}
	if (a.site.config.syslog)
		logger_use_syslog(&a.log);
	configure(&a);
	if (following)
		follow(&a, &stop);
	else
		a.code = run_round(&a, argv + optind, (size_t)(argc - optind));
	buf_free(&a.told);
	stop_close(&stop);
	site_close(&a.site);
	logger_close(&a.log);
	return a.code;
}
