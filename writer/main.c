/*
 * packetboat-writer: log what users and their server changed in the mail.
 *
 * Rights: reads the mail folders (as each owner when run as root), and writes
 * there only UIDs that the server left open and its own marker; reads and
 * writes the state and the logs; makes no socket.
 *
 *   packetboat-writer [-c FILE] [-q|-v] [--once|--follow] [ACCOUNT...]
 *   packetboat-writer [-c FILE] --serve     for the shipper: bodyserve.h
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "follow.h"
#include "look.h"
#include "serve.h"

#define LOCK_WAIT_MS 30000
/* Mail that has no UID gets one after two seconds: --once waits for it. */
#define UID_WAIT_NS INT64_C(2200000000)
#define UID_WAITS 3

enum how { HOW_ONCE, HOW_FOLLOW, HOW_SERVE };

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
	return code;
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

		if (site_account(&w->site, names[i]))
			continue;
		err_set(&err, ERR_USAGE,
			"account %s: there is none of that name (packetboat "
			"config prints what is configured)",
			names[i]);
		log_err(&w->log, &err);
		return EXIT_WRONG_USAGE;
	}
	return EXIT_DONE;
}

static int run(struct writer *w, enum how how, char *const *names, size_t count)
{
	struct stop_signal stop;
	struct reload_signal asked = {-1};
	struct err err = ERR_INIT;
	int code = check_names(w, names, count);

	if (code != EXIT_DONE)
		return code;
	if (how == HOW_SERVE)
		return run_serve(w);
	if (stop_open(&stop, &err) < 0 ||
		(how == HOW_FOLLOW && reload_open(&asked, &err) < 0)) {
		log_err(&w->log, &err);
		return exit_for(&err);
	}
	if (how == HOW_FOLLOW)
		follow(w, names, count, &stop, &asked);
	else
		code = run_once(w, names, count, &stop);
	reload_close(&asked);
	stop_close(&stop);
	return code;
}

static int usage(void)
{
	fprintf(stderr, "usage: packetboat write [-c FILE] [-q|-v] "
			"[--once|--follow] [ACCOUNT...]\n");
	return EXIT_WRONG_USAGE;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"once", no_argument, NULL, 'o'},
		{"follow", no_argument, NULL, 'f'},
		{"serve", no_argument, NULL, 's'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	struct writer w = {0};
	struct err err = ERR_INIT;
	enum how how = HOW_ONCE;
	int opt;

	logger_open(&w.log, "packetboat-writer", false);
	while ((opt = getopt_long(argc, argv, "c:qv", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			w.config_path = optarg;
			break;
		case 'q':
			w.log.most = LOG_LEVEL_WARNING;
			break;
		case 'v':
			w.log.most = LOG_LEVEL_DEBUG;
			break;
		case 'o':
			how = HOW_ONCE;
			break;
		case 'f':
			how = HOW_FOLLOW;
			break;
		case 's':
			how = HOW_SERVE;
			break;
		case 'V':
			printf("packetboat-writer %s\n", PB_VERSION);
			return EXIT_DONE;
		default:
			return usage();
		}
	}
	if (how == HOW_SERVE && optind < argc)
		return usage();
	if (site_open(&w.site, w.config_path, &err) < 0) {
		log_err(&w.log, &err);
		return exit_for(&err);
	}
	if (w.site.config.syslog)
		logger_use_syslog(&w.log);
	int code = run(&w, how, argv + optind, (size_t)(argc - optind));
	site_close(&w.site);
	logger_close(&w.log);
	return code;
}
