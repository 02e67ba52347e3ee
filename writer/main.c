/*
 * packetboat-writer: log what users and their server changed in the mail.
 *
 * Rights: reads the mail folders (as each owner when run as root), and writes
 * there only UIDs that the server left open and its own marker; reads and
 * writes the state and the logs; makes no socket.
 *
 *   packetboat-writer [-c FILE] [-q|-v] [--once|--follow] [ACCOUNT...]
 *   packetboat-writer [-c FILE] --serve     for the shipper: bodyserve.h
 *   packetboat-writer [-c FILE] [-q|-v] --scan [--deep] [--for TIME]
 *                     [--rate BYTES] [ACCOUNT [FOLDER]]
 *   packetboat-writer [-c FILE] [-q|-v] --give ACCOUNT PEER
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "follow.h"
#include "giving.h"
#include "look.h"
#include "retain.h"
#include "rights.h"
#include "scanning.h"
#include "serve.h"

#define LOCK_WAIT_MS 30000
/* Mail that has no UID gets one after two seconds: --once waits for it. */
#define UID_WAIT_NS INT64_C(2200000000)
#define UID_WAITS 3

enum how { HOW_ONCE, HOW_FOLLOW, HOW_SERVE, HOW_SCAN, HOW_GIVE };

/* The disk is full: what the logs can spare goes, and all is tried again. */
static bool made_room(struct writer *w, const struct look *l)
{
	uint64_t removed = 0;

	if (retain_is_full(&l->err))
		retain_space(w, &l->err, &removed);
	return removed > 0;
}

static int once(struct writer *w, const struct config_account *ca,
	struct stop_signal *stop)
{
	struct os *os = w->site.os;
	struct look l = {.err = ERR_INIT};
	struct store *store;
	int code = EXIT_DONE;

	l.rc = look_open(w, ca, &store, &l.err);
	if (l.rc == ERR_ABSENT) {
		log_say(&w->log, LOG_LEVEL_INFO,
			"account %s: has no mail here yet", ca->name);
		return EXIT_DONE;
	}
	if (l.rc < 0)
		return look_complain(w, &l);
	for (int i = 0;; i++) {
		look_at(w, ca, store, LOCK_WAIT_MS, &l);
		if (l.rc < 0 && i == 0 && made_room(w, &l)) {
			look_free(&l);
			continue;
		}
		if (l.rc < 0 || !l.result.waiting || i == UID_WAITS ||
			stop_wanted(stop))
			break;
		look_free(&l);
		os->ops->sleep_ns(os, UID_WAIT_NS);
	}
	code = look_complain(w, &l);
	look_free(&l);
	store->ops->close(store);
	return code;
}

static int run_once(struct writer *w, char *const *names, size_t count,
	struct stop_signal *stop)
{
	const struct site *site = &w->site;
	int code = EXIT_DONE;

	for (size_t i = 0; i < count; i++) {
		const struct config_account *ca = site_account(site, names[i]);

		if (!stop_wanted(stop) && ca)
			code = exit_worse(code, once(w, ca, stop));
	}
	for (size_t i = 0; !count && i < site->account_count; i++)
		if (!stop_wanted(stop))
			code = exit_worse(
				code, once(w, &site->accounts[i], stop));
	return exit_worse(code, retain_space(w, NULL, NULL));
}

/* What users did up to now is theirs to have done here. */
static int look_and_give(struct writer *w, const char *account,
	const char *peer, struct stop_signal *stop)
{
	int code = once(w, site_account(&w->site, account), stop);

	return code == EXIT_DONE ? give_account(w, account, peer) : code;
}

static int run_serve(struct writer *w)
{
	struct err err = ERR_INIT;

	/* We end with whoever started us, also when ^C is meant for both. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (serve(w, STDIN_FILENO, STDOUT_FILENO, &err) >= 0)
		return EXIT_DONE;
	log_err(&w->log, &err);
	return exit_for(&err);
}

static int check_names(struct writer *w, char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct err err = ERR_INIT;

		if (site_account_check(&w->site, names[i], &err) >= 0)
			continue;
		log_err(&w->log, &err);
		return EXIT_WRONG_USAGE;
	}
	return EXIT_DONE;
}

/* How the program was called. */
struct call {
	enum how how;
	struct scan_options scan;
	char *const *names;
	size_t count;
};

static int run_with(struct writer *w, struct call *c, struct stop_signal *stop,
	struct reload_signal *asked)
{
	switch (c->how) {
	case HOW_FOLLOW:
		follow(w, c->names, c->count, stop, asked);
		return EXIT_DONE;
	case HOW_SCAN:
		c->scan.account = c->count > 0 ? c->names[0] : NULL;
		c->scan.folder = c->count > 1 ? c->names[1] : NULL;
		return scan_run(w, &c->scan, stop);
	case HOW_GIVE:
		return look_and_give(w, c->names[0], c->names[1], stop);
	default:
		return run_once(w, c->names, c->count, stop);
	}
}

static int run(struct writer *w, struct call *c)
{
	struct stop_signal stop;
	struct reload_signal asked = {-1};
	struct err err = ERR_INIT;
	/* Of a scan the second name is a folder's, then a peer's. */
	bool first = (c->how == HOW_SCAN && c->count > 1) || c->how == HOW_GIVE;
	int code = check_names(w, c->names, first ? 1 : c->count);

	if (code != EXIT_DONE)
		return code;
	if (c->how == HOW_SERVE)
		return run_serve(w);
	if (stop_open(&stop, &err) < 0 ||
		(c->how == HOW_FOLLOW && reload_open(&asked, &err) < 0)) {
		log_err(&w->log, &err);
		return exit_for(&err);
	}
	code = run_with(w, c, &stop, &asked);
	reload_close(&asked);
	stop_close(&stop);
	return code;
}

static int usage(enum how how)
{
	fprintf(stderr,
		how == HOW_SCAN
			? "usage: packetboat scan [-c FILE] [-q|-v] [--deep] "
			  "[--for TIME] [--rate BYTES] [ACCOUNT [FOLDER]]\n"
		: how == HOW_GIVE
			? "usage: packetboat account give ACCOUNT PEER\n"
			: "usage: packetboat write [-c FILE] [-q|-v] "
			  "[--once|--follow] [ACCOUNT...]\n");
	return EXIT_WRONG_USAGE;
}

/* An option of a scan. Returns 1: it is none; below 0: its value is. */
static int take_scan_option(struct writer *w, int opt, struct call *c)
{
	struct err err = ERR_INIT;
	int rc = 0;

	switch (opt) {
	case 'd':
		c->scan.deep = true;
		break;
	case 't':
		rc = value_duration_ms(optarg, false, &c->scan.for_ms, &err);
		if (rc < 0)
			err_wrap(&err, "--for");
		break;
	case 'r':
		rc = value_size(optarg, &c->scan.rate, &err);
		if (rc < 0)
			err_wrap(&err, "--rate");
		break;
	default:
		return 1;
	}
	if (rc >= 0 && opt != 'd' &&
		!(opt == 't' ? (uint64_t)c->scan.for_ms : c->scan.rate))
		rc = err_set(&err, ERR_USAGE,
			"%s: nothing could be done in none of it",
			opt == 't' ? "--for" : "--rate");
	if (rc < 0)
		log_err(&w->log, &err);
	return rc;
}

/* Returns 0; an exit code and 1 if that was all. */
static int take_options(
	struct writer *w, int argc, char **argv, struct call *c, int *ret_code)
{
	static const struct option options[] = {
		{"once", no_argument, NULL, 'o'},
		{"follow", no_argument, NULL, 'f'},
		{"serve", no_argument, NULL, 's'},
		{"scan", no_argument, NULL, 'S'},
		{"give", no_argument, NULL, 'G'},
		{"deep", no_argument, NULL, 'd'},
		{"for", required_argument, NULL, 't'},
		{"rate", required_argument, NULL, 'r'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	bool of_scan = false;
	int opt, how = 0, rc;

	*ret_code = EXIT_WRONG_USAGE;
	while ((opt = getopt_long(argc, argv, "c:qv", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			w->config_path = optarg;
			break;
		case 'q':
			w->log.most = LOG_LEVEL_WARNING;
			break;
		case 'v':
			w->log.most = LOG_LEVEL_DEBUG;
			break;
		case 'o':
		case 'f':
		case 's':
		case 'S':
		case 'G':
			if (how && how != opt) {
				usage(c->how);
				return 1;
			}
			how = opt;
			c->how = opt == 'f'   ? HOW_FOLLOW
				 : opt == 's' ? HOW_SERVE
				 : opt == 'S' ? HOW_SCAN
				 : opt == 'G' ? HOW_GIVE
					      : HOW_ONCE;
			break;
		case 'V':
			printf("packetboat-writer %s\n", PB_VERSION);
			*ret_code = EXIT_DONE;
			return 1;
		default:
			rc = take_scan_option(w, opt, c);
			if (rc > 0)
				usage(c->how);
			if (rc != 0)
				return 1;
			of_scan = true;
		}
	}
	c->names = argv + optind;
	c->count = (size_t)(argc - optind);
	if ((of_scan && c->how != HOW_SCAN) ||
		(c->how == HOW_SERVE && c->count) ||
		(c->how == HOW_SCAN && c->count > 2) ||
		(c->how == HOW_GIVE && c->count != 2)) {
		usage(c->how);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct writer w = {0};
	struct call call = {.how = HOW_ONCE};
	struct err err = ERR_INIT;
	int code;

	logger_open(&w.log, "packetboat-writer", false);
	if (take_options(&w, argc, argv, &call, &code))
		return code;
	if (site_open(&w.site, w.config_path, &err) < 0) {
		log_err(&w.log, &err);
		return exit_for(&err);
	}
	if (w.site.config.syslog)
		logger_use_syslog(&w.log);
	rights_off_network(&w.log);
	code = run(&w, &call);
	site_close(&w.site);
	logger_close(&w.log);
	return code;
}
