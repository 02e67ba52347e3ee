/*
 * packetboat-shipper: collect what peers left, hand over what they lack.
 *
 * Rights: reads and writes the state directory and the carriers; cannot open
 * a mail folder: bodies come from `packetboat-writer --serve`, a process of
 * its own.
 *
 *   packetboat-shipper [-c FILE] [-q|-v] [--once|--follow] [--collect]
 *                      [--output FILE|-] [PEER [LINK]]
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account_list.h"
#include "bodyclient.h"
#include "carrier.h"
#include "collect.h"
#include "err.h"
#include "handover.h"
#include "program.h"
#include "site.h"
#include "untaken.h"

#define FOLLOW_MS 2000
#define BODIES_AGAIN_MS 30000
#define PATIENCE_MS 60000 /* for what may be under way */

struct shipper {
	struct site site;
	struct logger log;
	struct progress progress;
	const char *config_path;
	struct body_client bodies; /* started when first needed */
	bool bodies_open;
	int64_t bodies_again; /* could not be started: not before then */
	struct err bodies_err;
	const char *only_peer, *only_link, *output;
	const char **accounts; /* of this round */
	size_t account_count;
	struct untaken untaken;
	int code;
	bool following;
	bool collect_only; /* sync: hand over only after what came is applied */
};

static void fail(struct shipper *s, const struct err *err)
{
	log_err(&s->log, err);
	s->code = exit_worse(s->code, exit_for(err));
}

static int fetch_body(void *arg, const char *account, const struct hash *hash,
	uint64_t offset, size_t max, struct buf *ret, uint64_t *ret_size,
	struct err *err)
{
	struct shipper *s = arg;
	int64_t now = s->site.os->ops->mono_ns(s->site.os) / 1000000;

	if (!s->bodies_open) {
		if (now < s->bodies_again) {
			*err = s->bodies_err;
			return err->code;
		}
		int rc =
			body_client_open(NULL, s->config_path, &s->bodies, err);
		if (rc < 0) {
			s->bodies_again = now + BODIES_AGAIN_MS;
			s->bodies_err = *err;
			return rc;
		}
		s->bodies_open = true;
	}
	return body_client_read(
		&s->bodies, account, hash, offset, max, ret, ret_size, err);
}

static void show_bytes(void *arg, uint64_t done, uint64_t total)
{
	struct shipper *s = arg;

	s->progress.total = total;
	progress_step(&s->progress, done);
}

static bool inbox_holds(struct shipper *s, const char *peer)
{
	AUTO_FREE char *dir = mem_printf("%s/%s", s->site.inbox_dir, peer);
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;

	if (s->site.os->ops->list(s->site.os, dir, &list) < 0)
		return false;
	while (os_list_next(&list, &at, &entry)) {
		const char *end = strrchr(entry.name, '.');

		if (end && strcmp(end, ".parcel") == 0)
			return true;
	}
	return false;
}

static struct handover_config handover_for(
	struct shipper *s, size_t peer, const struct config_link *link)
{
	const struct config_peer *p = &s->site.config.peers[peer];

	return (struct handover_config){
		.os = s->site.os,
		.state_dir = s->site.config.state,
		.self = &s->site.key,
		.peer = &s->site.peers[peer],
		.send_changes = p->changes != CHANGES_RECEIVE,
		.unread = inbox_holds(s, p->name),
		.oneway = p->oneway,
		.level = link ? link->level : 3,
		.link = link ? link->name : "",
		.accounts = s->accounts,
		.account_count = s->account_count,
		.body = fetch_body,
		.body_arg = s,
		.progress = show_bytes,
		.progress_arg = s,
	};
}

static void report(struct shipper *s, const struct config_peer *p,
	const char *where, const struct handover_result *r)
{
	if (r->size)
		log_say(&s->log, LOG_LEVEL_INFO,
			"peer %s: %s: %llu bytes handed over: %llu changes, "
			"%llu bodies (%llu bytes), %llu acknowledgements",
			p->name, where, (unsigned long long)r->size,
			(unsigned long long)r->changes,
			(unsigned long long)r->bodies,
			(unsigned long long)r->body_bytes,
			(unsigned long long)r->acks);
	else if (!s->following)
		log_say(&s->log, LOG_LEVEL_INFO,
			"peer %s: %s: nothing to hand over", p->name, where);
	if (r->written_out)
		log_say(&s->log, LOG_LEVEL_INFO,
			"peer %s: %llu changes came from the state: the "
			"segments do not reach back to what it knows",
			p->name, (unsigned long long)r->written_out);
	if (r->missing)
		log_say(&s->log, LOG_LEVEL_WARNING,
			"peer %s: %llu bodies are in no mail folder any more",
			p->name, (unsigned long long)r->missing);
	if (r->damaged) {
		log_say(&s->log, LOG_LEVEL_ERROR,
			"peer %s: %llu mails are not as they were logged: "
			"damaged files are not sent (packetboat check)",
			p->name, (unsigned long long)r->damaged);
		s->code = exit_worse(s->code, EXIT_OPERATOR);
	}
}

struct about {
	struct shipper *shipper;
	const char *where;
};

static void say_untaken(void *arg, bool operator, const char * text)
{
	struct about *a = arg;
	struct shipper *s = a->shipper;

	log_say(&s->log, LOG_LEVEL_WARNING, "%s: %s", a->where, text);
	if (operator)
		s->code = exit_worse(s->code, EXIT_OPERATOR);
}

/* One link of a carrier that serves several peers stands for them all. */
static bool is_shared(const struct shipper *s, const char *via)
{
	size_t uses = 0;

	for (size_t i = 0; i < s->site.config.peer_count; i++)
		for (size_t k = 0; k < s->site.config.peers[i].link_count; k++)
			uses += !strcmp(
				s->site.config.peers[i].links[k].via, via);
	return uses > 1;
}

/* What the medium has for us and nobody collects. */
static void tell_untaken(struct shipper *s, size_t peer, const char *via,
	struct carrier *carrier)
{
	const char *name = s->site.config.peers[peer].name;
	AUTO_FREE char *where = is_shared(s, via)
					? mem_dup(via)
					: mem_printf("peer %s: %s", name, via);
	AUTO_FREE uint64_t *peers = mem_array(
		s->site.config.peer_count + s->site.expelled_count + 1,
		sizeof(*peers));
	struct about about = {s, where};
	struct untaken_look look = {.via = via,
		.peer = s->site.peers[peer].origin,
		.peers = peers,
		.peer_count = s->site.config.peer_count,
		.now_ms = s->site.os->ops->mono_ns(s->site.os) / 1000000,
		.patience_ms = s->following ? PATIENCE_MS : 0,
		.say = say_untaken,
		.arg = &about};
	struct carrier_list list = {0};

	for (size_t i = 0; i < s->site.config.peer_count; i++)
		peers[i] = s->site.peers[i].origin;
	/* Of these status tells. */
	for (size_t i = 0; i < s->site.expelled_count; i++)
		peers[look.peer_count++] = s->site.expelled[i].origin;
	if (carrier->ops->list(carrier, s->site.key.pub.origin, &list, NULL) <
		0)
		return; /* taken out this moment */
	untaken_tell(&s->untaken, &look, &list);
	carrier_list_free(&list);
}

static void ship_link(
	struct shipper *s, size_t peer, const struct config_link *link)
{
	const struct config_peer *p = &s->site.config.peers[peer];
	struct handover_config config;
	struct handover_result handed;
	struct collect_result collected = {0};
	struct carrier *carrier = NULL;
	struct err err = ERR_INIT;
	AUTO_FREE char *inbox = mem_printf("%s/%s", s->site.inbox_dir, p->name);
	int rc = carrier_open(
		s->site.os, link->via, s->site.key.pub.origin, &carrier, &err);

	if (rc == ERR_ABSENT) {
		/* The carrier is not there: said once, and no failure. */
		if (!s->following)
			log_say(&s->log, LOG_LEVEL_WARNING, "peer %s: %s",
				p->name, err.text);
		s->code = exit_worse(s->code, EXIT_LATER);
		return;
	}
	if (rc >= 0)
		rc = collect_bundles(s->site.os, carrier,
			s->site.key.pub.origin, s->site.peers[peer].origin,
			inbox, &collected, &err);
	if (rc < 0) {
		err_wrap(&err, "peer %s: %s", p->name, link->via);
		fail(s, &err);
	}
	if (collected.parcels)
		log_say(&s->log, LOG_LEVEL_INFO,
			"peer %s: %s: %llu parcels collected (%llu bytes)",
			p->name, link->via,
			(unsigned long long)collected.parcels,
			(unsigned long long)collected.bytes);
	if (carrier && !s->collect_only)
		tell_untaken(s, peer, link->via, carrier);
	if (s->collect_only ||
		(rc < 0 && rc != ERR_CORRUPT && rc != ERR_TORN)) {
		if (carrier)
			carrier->ops->close(carrier);
		return;
	}
	err = ERR_INIT;
	rc = carrier->ops->tidy(carrier, s->site.peers[peer].origin, &err);
	if (rc < 0) {
		err_wrap(&err, "peer %s: %s", p->name, link->via);
		fail(s, &err);
	}
	AUTO_FREE char *what = mem_printf("hand over to %s", p->name);
	config = handover_for(s, peer, link);
	progress_begin(&s->progress, &s->log, what, 0);
	err = ERR_INIT;
	rc = handover_to_carrier(&config, carrier, &handed, &err);
	progress_end(&s->progress);
	if (rc < 0) {
		err_wrap(&err, "peer %s: %s", p->name, link->via);
		fail(s, &err);
	}
	report(s, p, link->via, &handed);
	carrier->ops->close(carrier);
}

static void ship_output(struct shipper *s, size_t peer)
{
	const struct config_peer *p = &s->site.config.peers[peer];
	struct handover_config config =
		handover_for(s, peer, p->link_count ? &p->links[0] : NULL);
	struct handover_result handed = {0};
	struct err err = ERR_INIT;
	bool to_stdout = strcmp(s->output, "-") == 0;
	AUTO_FREE char *temp = mem_printf("%s.tmp", s->output);
	struct os *os = s->site.os;
	int fd = to_stdout ? STDOUT_FILENO
			   : os->ops->open(os, temp, O_RDWR | O_CREAT | O_TRUNC,
				     0600);
	int rc;

	if (fd < 0) {
		err_set_os(&err, -fd, "%s", temp);
		fail(s, &err);
		return;
	}
	rc = handover_to_fd(&config, fd, s->output, &handed, &err);
	if (!to_stdout) {
		int done = rc == 0 ? os->ops->fsync(os, fd) : 0;

		os->ops->close(os, fd);
		if (rc == 0 && done >= 0)
			done = os->ops->rename(os, temp, s->output);
		else
			os->ops->unlink(os, temp);
		if (done < 0)
			rc = err_set_os(&err, -done, "%s", s->output);
	}
	if (rc < 0) {
		err_wrap(&err, "peer %s", p->name);
		fail(s, &err);
	}
	report(s, p, s->output, &handed);
}

static void ship_all(struct shipper *s)
{
	bool any = false;

	untaken_round(&s->untaken);
	for (size_t i = 0; i < s->site.config.peer_count; i++) {
		const struct config_peer *p = &s->site.config.peers[i];

		if (s->only_peer && strcmp(s->only_peer, p->name))
			continue;
		if (s->output) {
			ship_output(s, i);
			any = true;
			continue;
		}
		for (size_t k = 0; k < p->link_count; k++) {
			if (s->only_link &&
				strcmp(s->only_link, p->links[k].name))
				continue;
			any = true;
			ship_link(s, i, &p->links[k]);
		}
	}
	if (!any && s->only_peer && site_expelled(&s->site, s->only_peer)) {
		struct err err = ERR_INIT;

		err_set(&err, ERR_USAGE, "peer %s was expelled", s->only_peer);
		fail(s, &err);
	} else if (!any) {
		struct err err = ERR_INIT;

		err_set(&err, ERR_USAGE,
			s->only_peer ? "there is no peer \"%s\" with such a "
				       "link in the configuration"
				     : "there is no peer%s in the "
				       "configuration",
			s->only_peer ? s->only_peer : "");
		fail(s, &err);
	}
}

static int lock_shipper(struct shipper *s, int *ret_fd, struct err *err)
{
	struct os *os = s->site.os;
	AUTO_FREE char *path = mem_printf("%s/ship.lock", s->site.config.state);
	int fd = os->ops->open(os, path, O_RDWR | O_CREAT, 0640);

	if (fd < 0)
		return err_set_os(err, -fd, "%s", path);
	int rc = os->ops->lock(os, fd, OS_LOCK_WRITE, 0, 0);
	if (rc < 0) {
		os->ops->close(os, fd);
		return rc == -EAGAIN ? err_set(err, ERR_BUSY,
					       "another shipper is at work")
				     : err_set_os(err, -rc, "%s", path);
	}
	*ret_fd = fd;
	return 0;
}

/* One round; in --follow somebody else may have the lock: then later. */
static void run_once(struct shipper *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct err err = ERR_INIT;
	int lock = -1;

	if (lock_shipper(s, &lock, &err) < 0) {
		fail(s, &err);
		return;
	}
	if (account_list(s->site.os, &s->site.config, &arena, &s->accounts,
		    &s->account_count, &err) < 0)
		fail(s, &err);
	else
		ship_all(s);
	s->accounts = NULL;
	s->account_count = 0;
	s->site.os->ops->close(s->site.os, lock);
	if (s->bodies_open)
		body_client_close(&s->bodies);
	s->bodies_open = false;
}

/* What is wrong with a new configuration is said, and the old one stays. */
static void reload(struct shipper *s)
{
	struct site old;
	struct err err = ERR_INIT;

	if (site_reload(&s->site, s->config_path, &old, &err) < 0) {
		err_wrap(&err, "not read again, all stays as it was");
		log_err(&s->log, &err);
		return;
	}
	site_close(&old);
	s->bodies_again = 0;
	log_say(&s->log, LOG_LEVEL_INFO, "%s: read again", s->site.config.path);
}

/* The codes of rounds are no daemon's: what was wrong was said. */
static int follow(struct shipper *s, struct stop_signal *stop)
{
	struct reload_signal asked;
	struct err err = ERR_INIT;

	if (reload_open(&asked, &err) < 0) {
		log_err(&s->log, &err);
		return exit_for(&err);
	}
	s->following = true;
	notify_manager("READY=1");
	while (!stop_wanted(stop)) {
		struct pollfd fds[] = {{.fd = stop->fd, .events = POLLIN},
			{.fd = asked.fd, .events = POLLIN}};

		if (reload_wanted(&asked))
			reload(s);
		log_round(&s->log);
		run_once(s);
		poll(fds, 2, FOLLOW_MS);
	}
	notify_manager("STOPPING=1");
	reload_close(&asked);
	return EXIT_DONE;
}

static int usage(void)
{
	fprintf(stderr, "usage: packetboat ship [-c FILE] [-q|-v] "
			"[--once|--follow] [--collect] "
			"[--output FILE|-] "
			"[PEER [LINK]]\n");
	return EXIT_WRONG_USAGE;
}

static int options(struct shipper *s, int argc, char **argv, bool *following)
{
	static const struct option list[] = {
		{"once", no_argument, NULL, 'o'},
		{"follow", no_argument, NULL, 'f'},
		{"collect", no_argument, NULL, 'C'},
		{"output", required_argument, NULL, 'O'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	int opt;

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
			*following = false;
			break;
		case 'f':
			*following = true;
			break;
		case 'C':
			s->collect_only = true;
			break;
		case 'O':
			s->output = optarg;
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
		(s->output && (*following || s->collect_only || !s->only_peer)))
		return usage();
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct shipper s = {0};
	struct stop_signal stop;
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
	if (following)
		s.code = follow(&s, &stop);
	else
		run_once(&s);
	stop_close(&stop);
	untaken_free(&s.untaken);
	site_close(&s.site);
	logger_close(&s.log);
	return s.code;
}
