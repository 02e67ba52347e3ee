/*
 * packetboat-shipper: collect what peers left, hand over what they lack.
 *
 * Rights: reads and writes the state directory and the carriers; cannot open
 * a mail folder: bodies come from `packetboat-writer --serve`, a process of
 * its own. Where links run commands, which would have no more rights than it,
 * only its unit takes that right away (confine.h).
 *
 *   packetboat-shipper [-c FILE] [-q|-v] [--once|--follow]
 *                      [--collect|--hand-over] [--output FILE|-]
 *                      [PEER [LINK]]
 *   packetboat-shipper [-c FILE] [-q|-v] --stdio [PEER]
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account_list.h"
#include "follow.h"
#include "lives.h"
#include "plan.h"
#include "shipper.h"

#define REFUSALS_EVERY_MS 10000 /* who is refused could be it every moment */

void shipper_fail(struct shipper *s, const struct err *err)
{
	log_err(&s->log, err);
	s->code = exit_worse(s->code, exit_for(err));
}

void shipper_refused(struct shipper *s, const char *who, const struct err *err)
{
	struct os *os = s->site.os;

	refusals_add(&s->refusals, who, err, os->ops->wall_ns(os) / 1000000);
}

void shipper_save_refusals(struct shipper *s, bool now)
{
	struct os *os = s->site.os;
	int64_t now_ms = os->ops->mono_ns(os) / 1000000;
	struct err err = ERR_INIT;

	if (!s->refusals.count ||
		(!now && now_ms - s->refusals_saved_ms < REFUSALS_EVERY_MS))
		return;
	s->refusals_saved_ms = now_ms;
	if (refusals_save(os, s->site.config.state, &s->refusals, &err) < 0)
		shipper_fail(s, &err);
}

void shipper_look_at_keys(struct shipper *s, size_t peer)
{
	struct err err = ERR_INIT;

	if (site_keys_again(&s->site, peer, &err) < 0)
		shipper_fail(s, &err);
}

bool shipper_locked(struct shipper *s, enum shiplock which, int64_t wait_ms,
	void (*act)(struct shipper *s, void *arg), void *arg)
{
	AUTO_ARENA struct arena arena = {0};
	struct err err = ERR_INIT;
	int lock = -1;
	int rc = shiplock_take(
		s->site.os, s->site.config.state, which, wait_ms, &lock, &err);

	if (rc == ERR_BUSY) {
		/* A daemon's two processes meet, and try again. */
		log_say(&s->log,
			s->following ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "%s",
			err.text);
		s->code = exit_worse(s->code, EXIT_LATER);
		return false;
	}
	if (rc >= 0)
		rc = account_list(s->site.os, &s->site.config, &arena,
			&s->accounts, &s->account_count, &err);
	if (rc < 0)
		shipper_fail(s, &err);
	else
		act(s, arg);
	s->accounts = NULL;
	s->account_count = 0;
	if (lock >= 0)
		s->site.os->ops->close(s->site.os, lock);
	return rc >= 0;
}

void shipper_close_bodies(struct shipper *s)
{
	if (s->bodies_open)
		body_client_close(&s->bodies);
	s->bodies_open = false;
}

static void round_of_links(struct shipper *s, void *arg)
{
	(void)arg;
	links_round(s);
}

static void run_once(struct shipper *s)
{
	if (shipper_locked(s, SHIPLOCK_VISITS, 0, round_of_links, NULL) &&
		!s->output)
		lives_call(s);
	shipper_close_bodies(s);
}

/* ---- rights ---- */

static int plan_files(
	struct shipper *s, struct confine_plan *ret, struct err *err)
{
	struct confine_call call = {.config = &s->site.config,
		.accounts = s->site.accounts,
		.account_count = s->site.account_count,
		.daemon = s->following,
		.answers = s->stdio,
		.output = s->output};

	return confine_plan(&call, ret, err);
}

/* Who reads mail for us is started by somebody who may. */
static int give_up(struct shipper *s, struct err *err)
{
	int rc = plan_files(s, &s->files, err);

	if (rc == 0 && !body_client_socket()) {
		rc = body_starter_open(NULL, s->config_path, &s->starter, err);
		s->has_starter = rc == 0;
	}
	return rc < 0 ? rc
		      : rights_keep_files(s->files.keep, s->files.count, err);
}

static void close_starter(struct shipper *s)
{
	if (s->has_starter)
		body_starter_close(&s->starter);
	s->has_starter = false;
}

static void give_up_files(struct shipper *s)
{
	struct err err = ERR_INIT;

	if (give_up(s, &err) == 0) {
		log_say(&s->log, LOG_LEVEL_DEBUG,
			"mail files cannot be opened from here");
		return;
	}
	log_say(&s->log,
		s->part == PART_LIVES ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
		"this process could open mail files: %s", err.text);
	close_starter(s);
	confine_plan_free(&s->files);
}

static void say_lacking(struct shipper *s)
{
	struct confine_plan wanted;
	struct err err = ERR_INIT;
	int rc = s->files.count ? plan_files(s, &wanted, &err) : 1;
	const char *path = rc == 0 ? confine_lacks(&s->files, &wanted) : NULL;

	if (rc < 0)
		log_say(&s->log, LOG_LEVEL_WARNING,
			"%s: what it asks for now wants rights that were given "
			"up: restart packetboat-shipper",
			err.text);
	else if (path)
		log_say(&s->log, LOG_LEVEL_WARNING,
			"%s: the right to open it was given up: restart "
			"packetboat-shipper",
			path);
	if (rc == 0)
		confine_plan_free(&wanted);
}

/* ---- the whole ---- */

/* Of a daemon's two processes one says so. */
void shipper_reload(struct shipper *s)
{
	bool says = s->part != PART_VISITS;
	struct site old;
	struct err err = ERR_INIT;

	if (site_reload(&s->site, s->config_path, &old, &err) < 0) {
		err_wrap(&err, "not read again, all stays as it was");
		if (says)
			log_err(&s->log, &err);
		return;
	}
	site_close(&old);
	s->bodies_again = 0;
	s->tidied = false;
	if (!says)
		return;
	say_lacking(s);
	log_say(&s->log, LOG_LEVEL_INFO, "%s: read again", s->site.config.path);
}

static void answer(struct shipper *s)
{
	lives_answer(s);
	shipper_close_bodies(s);
}

static void plan(struct shipper *s)
{
	plan_peer(s, s->json);
	shipper_close_bodies(s);
}

static int usage(void)
{
	fprintf(stderr, "usage: packetboat ship [-c FILE] [-q|-v] "
			"[--once|--follow] [--collect|--hand-over] "
			"[--output FILE|-] [PEER [LINK]]\n"
			"       packetboat ship [-c FILE] [-q|-v] --stdio "
			"[PEER]\n"
			"       packetboat ship [-c FILE] [-q|-v] --plan "
			"[--json] PEER [LINK]\n");
	return EXIT_WRONG_USAGE;
}

static int options(struct shipper *s, int argc, char **argv, bool *following)
{
	static const struct option list[] = {
		{"once", no_argument, NULL, 'o'},
		{"follow", no_argument, NULL, 'f'},
		{"collect", no_argument, NULL, 'C'},
		{"hand-over", no_argument, NULL, 'H'},
		{"output", required_argument, NULL, 'O'},
		{"stdio", no_argument, NULL, 'S'},
		{"plan", no_argument, NULL, 'P'},
		{"json", no_argument, NULL, 'J'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	int opt, how = 0;

	while ((opt = getopt_long(argc, argv, "c:qv", list, NULL)) != -1) {
		switch (opt) {
		case 'c':
			s->config_path = optarg;
			break;
		case 'q':
			s->log.most = LOG_LEVEL_WARNING;
			break;
		case 'v':
			s->log.most = LOG_LEVEL_DEBUG;
			break;
		case 'o':
		case 'f':
			if (how && how != opt)
				return usage();
			how = opt;
			*following = opt == 'f';
			break;
		case 'C':
		case 'H':
			if (s->step != STEP_BOTH)
				return usage();
			s->step = opt == 'C' ? STEP_COLLECT : STEP_HAND_OVER;
			break;
		case 'O':
			s->output = optarg;
			break;
		case 'S':
			s->stdio = true;
			break;
		case 'P':
			s->plans = true;
			break;
		case 'J':
			s->json = true;
			break;
		case 'V':
			printf("packetboat-shipper %s\n", PB_VERSION);
			exit(EXIT_DONE);
		default:
			return usage();
		}
	}
	if (optind < argc)
		s->only_peer = argv[optind++];
	if (optind < argc)
		s->only_link = argv[optind++];
	if (optind < argc ||
		(s->output && (*following || s->step || !s->only_peer)) ||
		(s->plans && (how || s->step || s->output || s->stdio ||
				     !s->only_peer)) ||
		(s->json && !s->plans) ||
		(s->stdio && (how || s->step || s->output || s->only_link)))
		return usage();
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct shipper s = {.packing = -1};
	struct stop_signal stop;
	struct follow daemon;
	struct err err = ERR_INIT;
	bool following = false;

	logger_open(&s.log, "packetboat-shipper", false);
	int code = options(&s, argc, argv, &following);
	if (code)
		return code;
	if (site_open(&s.site, s.config_path, &err) < 0 ||
		stop_open(&stop, &err) < 0) {
		log_err(&s.log, &err);
		return exit_for(&err);
	}
	if (s.site.config.syslog)
		logger_use_syslog(&s.log);
	s.stop = &stop;
	s.following = following;
	if (following && follow_begin(&s, &daemon, &err) < 0) {
		log_err(&s.log, &err);
		return exit_for(&err);
	}
	give_up_files(&s);
	if (following)
		s.code = follow(&s, &daemon);
	else if (s.stdio)
		answer(&s);
	else if (s.plans)
		plan(&s);
	else
		run_once(&s);
	shipper_save_refusals(&s, true);
	stop_close(&stop);
	close_starter(&s);
	confine_plan_free(&s.files);
	untaken_free(&s.untaken);
	free(s.notes);
	site_close(&s.site);
	logger_close(&s.log);
	return s.code;
}
