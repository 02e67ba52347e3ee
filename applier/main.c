/*
 * packetboat-applier: replay what peers sent into the mail of this site.
 *
 * Rights: reads and writes the state directory and the mail folders (as each
 * owner when run as root), reads bundles it is given; makes no socket.
 *
 *   packetboat-applier [-c FILE] [-q|-v] [--once|--follow] [FILE...]
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "capture.h"
#include "err.h"
#include "place.h"
#include "program.h"
#include "receive.h"
#include "site.h"

#define LOCK_WAIT_MS 30000
#define FOLLOW_MS 1000

struct applier {
	struct site site;
	struct logger log;
	struct receive_config receive;
	struct receive_result received;
	struct progress progress;
	int code; /* worst exit code so far */
};

static void fail(struct applier *a, const struct err *err)
{
	log_err(&a->log, err);
	a->code = exit_worse(a->code, exit_for(err));
}

static bool account_ok(void *arg, const char *name)
{
	const struct applier *a = arg;

	return site_account(&a->site, name) != NULL;
}

static void show_placed(void *arg, const char *path, uint64_t done)
{
	struct applier *a = arg;

	(void)path;
	progress_step(&a->progress, done);
}

/* ---- parcels ---- */

/* A parcel that can never be taken is put aside, not looked at again. */
static void put_aside(struct applier *a, const char *path, const char *name)
{
	struct err err = ERR_INIT;
	struct os *os = a->site.os;
	AUTO_FREE char *to = mem_printf("%s/%s", a->site.refused_dir, name);
	int rc = dir_make(os, a->site.refused_dir, 0700, &err);

	if (rc >= 0 && (rc = os->ops->rename(os, path, to)) < 0)
		err_set_os(&err, -rc, "rename %s to %s", path, to);
	if (rc < 0)
		fail(a, &err);
}

/* Returns 1 if the parcel is done with (taken or refused for good). */
static int take(struct applier *a, const struct buf *parcel, const char *what)
{
	struct err err = ERR_INIT;
	int rc = receive_parcel(
		&a->receive, parcel->data, parcel->len, &a->received, &err);

	if (rc >= 0)
		return 1;
	err_wrap(&err, "%s", what);
	if (rc == ERR_TORN) {
		log_say(&a->log, LOG_LEVEL_INFO, "%s (kept for later)",
			err.text);
		return 0;
	}
	if (rc == ERR_CONFLICT)
		err.code = ERR_OPERATOR;
	fail(a, &err);
	if (rc == ERR_AUTH || rc == ERR_CORRUPT || rc == ERR_LIMIT) {
		a->code = exit_worse(a->code, EXIT_OPERATOR);
		return -1;
	}
	return 0;
}

static int by_name(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

#define SEQUENCE_LEN 16 /* a parcel's name begins with its bundle's */

static bool is_parcel(const char *name)
{
	size_t len = strlen(name);

	return len > SEQUENCE_LEN && len < 40 && strstr(name, ".parcel");
}

static void take_one(
	struct applier *a, const char *dir, const char *peer, const char *name)
{
	struct os *os = a->site.os;
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
	AUTO_FREE char *aside = mem_printf("%s-%s", peer, name);
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct err err = ERR_INIT;
	int rc = file_read(os, path, PARCEL_SEALED_MAX, &parcel, &err);

	if (rc < 0) {
		fail(a, &err);
		return;
	}
	rc = take(a, &parcel, path);
	if (rc > 0)
		os->ops->unlink(os, path);
	else if (rc < 0)
		put_aside(a, path, aside);
}

/* The names of one bundle: taken when no more of it is under way. */
static void take_names(struct applier *a, const char *dir, const char *peer,
	char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(strrchr(names[i], '.'), ".tmp") == 0)
			return;
	for (size_t i = 0; i < count; i++)
		take_one(a, dir, peer, names[i]);
}

static void take_inbox_of(struct applier *a, const char *peer)
{
	struct os *os = a->site.os;
	AUTO_FREE char *dir = mem_printf("%s/%s", a->site.inbox_dir, peer);
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0, count = 0;
	char **names = NULL;

	if (os->ops->list(os, dir, &list) < 0)
		return; /* nothing was ever collected */
	while (os_list_next(&list, &at, &entry)) {
		if (!is_parcel(entry.name))
			continue;
		names = mem_grow(names, count + 1, sizeof(*names));
		names[count++] = mem_dup(entry.name);
	}
	if (count)
		qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0, next; i < count; i = next) {
		next = i + 1;
		while (next < count &&
			!strncmp(names[i], names[next], SEQUENCE_LEN))
			next++;
		take_names(a, dir, peer, names + i, next - i);
	}
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static void take_bundle(struct applier *a, const char *path)
{
	struct os *os = a->site.os;
	struct bundle_reader *reader;
	struct err err = ERR_INIT;
	AUTO_BUF struct buf parcel = BUF_INIT;
	int fd = strcmp(path, "-") ? os->ops->open(os, path, O_RDONLY, 0)
				   : STDIN_FILENO;
	int rc;

	if (fd < 0) {
		err_set_os(&err, -fd, "%s", path);
		fail(a, &err);
		return;
	}
	rc = bundle_reader_open(os, fd, path, &reader, &err);
	if (rc >= 0) {
		while ((rc = bundle_reader_next(reader, &parcel, &err)) > 0)
			if (take(a, &parcel, path) == 0)
				a->code = exit_worse(a->code, EXIT_LATER);
		bundle_reader_close(reader);
	}
	if (rc < 0)
		fail(a, &err);
	if (fd != STDIN_FILENO)
		os->ops->close(os, fd);
}

/* ---- mail ---- */

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

/* All that is known of other sites' logs and is placed is applied. */
static int note_applied(
	struct account *acc, const struct place_result *placed, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs;
	int64_t *todo;
	size_t count, todo_count;

	if (placed->waiting || placed->busy)
		return 0;
	int rc = replica_begin(acc->replica, err);
	if (rc >= 0)
		rc = replica_logs(acc->replica, &arena, &logs, &count, err);
	if (rc >= 0)
		rc = replica_todo_folders(
			acc->replica, &arena, &todo, &todo_count, err);
	for (size_t i = 0; rc >= 0 && !todo_count && i < count; i++) {
		if (logs[i].applied == logs[i].known.lsn)
			continue;
		logs[i].applied = logs[i].known.lsn;
		rc = replica_log_set(acc->replica, &logs[i], err);
	}
	if (rc >= 0)
		rc = replica_commit(acc->replica, err);
	replica_rollback(acc->replica);
	return rc;
}

static void report(struct applier *a, const char *name,
	const struct capture_result *captured,
	const struct place_result *placed)
{
	if (captured->changes)
		log_say(&a->log, LOG_LEVEL_INFO,
			"account %s: %llu changes made here were logged", name,
			(unsigned long long)captured->changes);
	if (placed->placed || placed->changed || placed->folders)
		log_say(&a->log, LOG_LEVEL_INFO,
			"account %s: %llu messages placed, %llu changed, "
			"%llu folders",
			name, (unsigned long long)placed->placed,
			(unsigned long long)placed->changed,
			(unsigned long long)placed->folders);
	if (placed->waiting)
		log_say(&a->log, LOG_LEVEL_INFO,
			"account %s: %llu messages wait for their bodies", name,
			(unsigned long long)placed->waiting);
	if (placed->unplaced)
		log_say(&a->log, LOG_LEVEL_WARNING,
			"account %s: %llu things could not be placed as they "
			"are (keywords beyond the 26th, names this layout "
			"cannot hold)",
			name, (unsigned long long)placed->unplaced);
}

static int apply_account(
	struct applier *a, const struct config_account *ca, struct err *err)
{
	struct account acc;
	struct store *store = NULL;
	struct capture_result captured;
	struct place_result placed = {0};
	struct capture_config capture = {
		.claim = site_claims(&a->site),
		.guard_percent = ca->guard_percent,
		.guard_least = ca->guard_least,
		.give_uids = true,
	};
	struct place_config place = {
		.bodies_dir = a->site.bodies_dir,
		.late_ms = late_ms(a),
		.progress = show_placed,
		.progress_arg = a,
	};
	int rc = site_account_open(&a->site, ca->name, false, &acc, err);

	if (rc == ERR_ABSENT)
		return 0; /* nothing was ever received or logged */
	if (rc < 0)
		return rc;
	rc = account_lock(&acc, LOCK_WAIT_MS, err);
	if (rc >= 0)
		rc = site_store_open(&a->site, ca, true, &store, err);
	if (rc >= 0) {
		AUTO_FREE char *what = mem_printf("place %s", ca->name);

		progress_begin(&a->progress, &a->log, what, 0);
		rc = capture_account(&acc, store, &capture, &captured, err);
		if (rc >= 0 || rc == ERR_BUSY)
			rc = place_account(&acc, store, &place, &placed, err);
		progress_end(&a->progress);
	}
	if (rc >= 0) {
		report(a, ca->name, &captured, &placed);
		rc = note_applied(&acc, &placed, err);
	}
	if (rc >= 0)
		rc = store->ops->trash_clean(store, a->site.config.trash_age_s,
			a->site.config.trash_size, err);
	if (store)
		store->ops->close(store);
	account_close(&acc);
	return rc;
}

static void clean_bodies(struct applier *a)
{
	struct err err = ERR_INIT;
	AUTO_FREE const char **names =
		mem_array(a->site.account_count + 1, sizeof(*names));

	for (size_t i = 0; i < a->site.account_count; i++)
		names[i] = a->site.accounts[i].name;
	if (receive_clean(&a->receive, names, a->site.account_count, &err) < 0)
		fail(a, &err);
}

static void run_once(struct applier *a, char *const *files, int file_count)
{
	a->received = (struct receive_result){0};
	for (int i = 0; i < file_count; i++)
		take_bundle(a, files[i]);
	for (size_t i = 0; i < a->site.config.peer_count; i++)
		take_inbox_of(a, a->site.config.peers[i].name);
	if (a->received.strange_account) {
		log_say(&a->log, LOG_LEVEL_WARNING,
			"account %s: there is none of that name here: what "
			"peers sent of it was left out (add it to the "
			"configuration)",
			a->received.strange_account);
		a->code = exit_worse(a->code, EXIT_OPERATOR);
	}
	if (a->received.parcels)
		log_say(&a->log, LOG_LEVEL_INFO,
			"%llu parcels taken: %llu changes, %llu bodies, %llu "
			"acknowledgements",
			(unsigned long long)a->received.parcels,
			(unsigned long long)a->received.changes,
			(unsigned long long)a->received.bodies,
			(unsigned long long)a->received.acks);
	for (size_t i = 0; i < a->site.account_count; i++) {
		struct err err = ERR_INIT;

		if (apply_account(a, &a->site.accounts[i], &err) < 0)
			fail(a, &err);
	}
	clean_bodies(a);
}

/* Is anything in the inbox? Cheap enough to ask every second. */
static bool inbox_waits(struct applier *a)
{
	for (size_t i = 0; i < a->site.config.peer_count; i++) {
		AUTO_FREE char *dir = mem_printf("%s/%s", a->site.inbox_dir,
			a->site.config.peers[i].name);
		AUTO_BUF struct buf list = BUF_INIT;
		struct os_entry entry;
		size_t at = 0;

		if (a->site.os->ops->list(a->site.os, dir, &list) < 0)
			continue;
		while (os_list_next(&list, &at, &entry))
			if (is_parcel(entry.name))
				return true;
	}
	return false;
}

static void follow(struct applier *a, struct stop_signal *stop)
{
	int64_t next_full = 0;

	notify_manager("READY=1");
	while (!stop_wanted(stop)) {
		struct pollfd p = {.fd = stop->fd, .events = POLLIN};
		int64_t now = a->site.os->ops->mono_ns(a->site.os) / 1000000;

		/* Late bodies, busy locks: a full run every minute. */
		if (inbox_waits(a) || now >= next_full) {
			a->code = EXIT_DONE;
			run_once(a, NULL, 0);
			next_full = now + 60000;
		}
		poll(&p, 1, FOLLOW_MS);
	}
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
	struct receive_peer *peers =
		mem_array(a.site.config.peer_count + 1, sizeof(*peers));
	for (size_t i = 0; i < a.site.config.peer_count; i++)
		peers[i] = (struct receive_peer){a.site.config.peers[i].name,
			a.site.peers[i],
			a.site.config.peers[i].changes != CHANGES_SEND};
	a.receive = (struct receive_config){
		.os = a.site.os,
		.state_dir = a.site.config.state,
		.bodies_dir = a.site.bodies_dir,
		.self = &a.site.key,
		.peers = peers,
		.peer_count = a.site.config.peer_count,
		.reserve_percent = a.site.config.reserve_percent,
		.account_ok = account_ok,
		.arg = &a,
	};
	if (following)
		follow(&a, &stop);
	else
		run_once(&a, argv + optind, argc - optind);
	free(peers);
	stop_close(&stop);
	site_close(&a.site);
	logger_close(&a.log);
	return a.code;
}
