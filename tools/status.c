/*
 * status: `packetboat status [--json]`: what this site has, what its peers
 * have said they have, and what waits for whom.
 *
 * Everything is gathered into one json-c tree, which is printed as it is, or
 * as text for people. Nothing is locked and nothing is changed. Exit code 3
 * when something needs an operator, so that a monitor need not read the text.
 *
 *	{"site": "aurora", "accounts": [{"name": …, "folders": [...]}],
 *	 "peers": [{"name": …, "accounts": [...]}], "operator": […]}
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "begun.h"
#include "err.h"
#include "front.h"
#include "guarded.h"
#include "gap_json.h"
#include "logspace.h"
#include "report.h"
#include "shell.h"
#include "site.h"
#include "strange.h"
#include "status_lag.h"
#include "status_links.h"
#include "status_logs.h"
#include "status_text.h"
#include "status_warnings.h"

struct status {
	struct front *front;
	struct site site;
	struct json_object *tree;
	int64_t now_ms;
	struct logs_view logs;
	/* How far ahead of the clock is what this site wrote, and what a peer
	   did, and which. */
	uint64_t ahead_s, peer_ahead_s, ahead;
	bool strangers_told; /* links may share their carrier */
	int code;
};

static void add_text(struct json_object *to, const char *key, const char *text)
{
	json_object_object_add(to, key, json_object_new_string(text));
}

static void add_number(struct json_object *to, const char *key, uint64_t n)
{
	json_object_object_add(to, key, json_object_new_uint64(n));
}

static void add_origin(struct json_object *to, uint64_t origin)
{
	char hex[17];

	snprintf(hex, sizeof(hex), "%016" PRIx64, origin);
	add_text(to, "origin", hex);
}

/* The array of that name in an object, made when there is none. */
static struct json_object *array(struct json_object *in, const char *key)
{
	struct json_object *a = json_object_object_get(in, key);

	if (!a) {
		a = json_object_new_array();
		json_object_object_add(in, key, a);
	}
	return a;
}

/* Something a person has to decide or mend. */
static void needs_operator(struct status *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void needs_operator(struct status *s, const char *fmt, ...)
{
	char text[900];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_object_array_add(
		array(s->tree, "operator"), json_object_new_string(text));
	s->code = exit_worse(s->code, EXIT_OPERATOR);
}

/* ---- accounts ---- */

static void add_folder(struct status *s, struct json_object *account,
	const char *name, const struct replica_folder *f,
	const struct guarded *g)
{
	struct json_object *o;
	bool waits = g->waiting && !g->accepted;

	if (!waits &&
		(f->dead || (!f->off && !f->stopped[0] && !f->guard_count)))
		return; /* nothing to be said of it */
	o = json_object_new_object();
	add_text(o, "path", f->path);
	if (f->off)
		json_object_object_add(o, "off", json_object_new_boolean(1));
	if (f->stopped[0]) {
		add_text(o, "stopped", f->stopped);
		AUTO_FREE char *account_word = shell_word(name);
		AUTO_FREE char *folder_word = shell_word(f->path);

		needs_operator(s,
			"account %s: folder %s is stopped: %s (if it is right "
			"as it is: packetboat on %s %s)",
			name, f->path, f->stopped, account_word, folder_word);
	}
	if (f->guard_count) {
		AUTO_FREE char *account_word = shell_word(name);
		AUTO_FREE char *folder_word = shell_word(f->path);

		add_number(o, "guarded", f->guard_count);
		needs_operator(s,
			"account %s: folder %s: %" PRIu64
			" expunges wait (if they are meant: packetboat guard "
			"accept %s %s)",
			name, f->path, f->guard_count, account_word,
			folder_word);
	}
	if (waits) {
		AUTO_FREE char *account_word = shell_word(name);
		AUTO_FREE char *folder_word = shell_word(f->path);

		add_number(o, "guarded_from_peers", g->waiting);
		needs_operator(s,
			"account %s: folder %s: %" PRIu64
			" expunges by peers wait, the mail is kept (if they "
			"are meant: packetboat guard accept %s %s)",
			name, f->path, g->waiting, account_word, folder_word);
	}
	json_object_array_add(array(account, "folders"), o);
}

static int add_folders(struct status *s, struct json_object *o,
	struct account *a, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder *folders = NULL;
	struct guarded g;
	size_t count = 0;
	int rc = replica_folders(a->replica, &arena, &folders, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		rc = guarded_get(a->replica, folders[i].id, &g, err);
		if (rc >= 0)
			add_folder(s, o, a->name, &folders[i], &g);
	}
	return rc;
}

/* It lives on at its home, and its mail comes here no more. */
static int add_deleted(struct status *s, struct json_object *account,
	struct account *a, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const char **paths = NULL;
	size_t count = 0;
	int rc = report_deleted_here(a->replica, &arena, &paths, &count, err);

	(void)s;
	for (size_t i = 0; rc >= 0 && i < count; i++)
		json_object_array_add(array(account, "deleted_here"),
			json_object_new_string(paths[i]));
	return rc;
}

static int add_gaps(struct status *s, struct json_object *account,
	struct account *a, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct gap *gaps = NULL;
	size_t count = 0;
	int rc = gaptext_list(&s->site, a, &arena, &gaps, &count, err);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		AUTO_BUF struct buf line = BUF_INIT;

		json_object_array_add(array(account, "gaps"),
			gap_json(&s->site, a->name, &gaps[i]));
		gaptext_print(&s->site, a->name, &gaps[i], &line);
		needs_operator(s, "%s", buf_str(&line));
	}
	return rc;
}

#define UNASKED_MS INT64_C(3600000)

/* Bodies that wait for long, where a peer cannot be asked for them. */
static int tell_unasked(struct status *s, struct account *a,
	const struct report_counts *n, struct err *err)
{
	int rc = 0;

	if (!n->awaited_ms || s->now_ms - n->awaited_ms < UNASKED_MS)
		return 0;
	for (size_t i = 0; rc >= 0 && i < s->site.config.peer_count; i++) {
		AUTO_FREE char *key =
			replica_peer_key("unasked", s->site.peers[i].origin);
		int64_t unasked = 0;

		rc = replica_meta_get(a->replica, key, &unasked, err);
		if (rc >= 0 && unasked)
			needs_operator(s,
				"account %s: %" PRIu64
				" mails wait for bodies, and peer %s "
				"cannot be asked for them (packetboat "
				"resend at its site)",
				a->name, n->awaited,
				s->site.config.peers[i].name);
	}
	return rc < 0 ? rc : 0;
}

static int add_counts(struct status *s, struct json_object *o,
	struct account *a, struct err *err)
{
	struct report_counts n;
	int64_t off = 0;
	int rc = report_counts(a->replica, &n, err);

	if (rc == 0)
		rc = replica_meta_get(a->replica, "off", &off, err);
	if (rc >= 0)
		rc = tell_unasked(s, a, &n, err);
	if (rc < 0)
		return rc;
	json_object_object_add(o, "off", json_object_new_boolean(off != 0));
	add_number(o, "folder_count", n.folders);
	add_number(o, "messages", n.messages);
	add_number(o, "bytes", n.bytes);
	add_number(o, "awaited", n.awaited);
	add_number(o, "awaited_bytes", n.awaited_bytes);
	add_number(o, "awaited_s",
		n.awaited_ms && n.awaited_ms < s->now_ms
			? (uint64_t)(s->now_ms - n.awaited_ms) / 1000
			: 0);
	add_number(o, "to_place", n.todo);
	add_number(o, "unplaced", n.unplaced);
	add_number(o, "late", n.late);
	add_number(o, "parked", n.parked);
	return 0;
}

static void tell_missing(void *arg, const char *account, const char *folder)
{
	needs_operator(arg,
		"account %s: folder %s: somebody removed segments of its log "
		"(let packetboat write run: what they held is in the state)",
		account, folder);
}

/* By the furthest of all accounts: one clock is behind all of them. */
static int add_clock(
	struct status *s, struct account *a, uint64_t peer, struct err *err)
{
	uint64_t ahead;
	int rc = status_ahead(a, peer, s->now_ms, &ahead, err);

	if (peer && ahead > s->peer_ahead_s) {
		s->peer_ahead_s = ahead;
		s->ahead = peer;
	} else if (!peer && ahead > s->ahead_s) {
		s->ahead_s = ahead;
	}
	return rc;
}

static int add_state(struct status *s, struct json_object *o, struct account *a,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const char *stopped = "";
	uint64_t local = 0;
	int rc = add_counts(s, o, a, err);

	if (rc == 0)
		rc = status_local_changes(
			a, s->site.key.pub.origin, &local, err);
	if (rc >= 0)
		add_number(o, "local_changes", local);
	if (rc >= 0)
		rc = replica_text_get(
			a->replica, "stopped", &arena, &stopped, err);
	if (rc >= 0 && stopped[0]) {
		add_text(o, "stopped", stopped);
		needs_operator(
			s, "account %s is stopped: %s", a->name, stopped);
	}
	if (rc >= 0)
		rc = add_folders(s, o, a, err);
	if (rc >= 0)
		rc = add_deleted(s, o, a, err);
	if (rc >= 0)
		rc = add_clock(s, a, 0, err);
	for (size_t i = 0; rc >= 0 && i < s->site.config.peer_count; i++)
		rc = add_clock(s, a, s->site.peers[i].origin, err);
	if (rc >= 0)
		rc = status_logs_add(a, &s->logs, err);
	if (rc >= 0)
		rc = status_logs_missing(a, tell_missing, s, err);
	return rc < 0 ? rc : add_gaps(s, o, a, err);
}

/* ---- peers ---- */

static void add_lag(struct status *s, struct json_object *peer,
	const char *account, const struct status_lag *lag)
{
	struct json_object *o = json_object_new_object();

	add_text(o, "name", account);
	json_object_object_add(
		o, "refused_there", json_object_new_boolean(lag->refused));
	add_number(o, "lag_changes", lag->changes);
	add_number(o, "lag_messages", lag->messages);
	add_number(o, "lag_bytes", lag->bytes);
	add_number(o, "lag_s",
		lag->since_ms && lag->since_ms < s->now_ms
			? (uint64_t)(s->now_ms - lag->since_ms) / 1000
			: 0);
	add_number(o, "logs_from_state", lag->from_state);
	add_number(o, "not_applied_there", lag->unapplied);
	add_number(o, "bodies_wanted_there", lag->wanted);
	add_number(o, "received", lag->received);
	add_number(o, "not_applied_here", lag->to_apply);
	json_object_array_add(array(peer, "accounts"), o);
}

/* When its next window begins; 0: it is open now. */
static uint64_t opens_ms(struct status *s, const struct config_link *link)
{
	int64_t now_s = s->site.os->ops->wall_ns(s->site.os) / 1000000000;

	if (windows_open(link->windows, link->window_count, now_s))
		return 0;
	return (uint64_t)windows_next(
		       link->windows, link->window_count, now_s) *
	       1000;
}

static struct json_object *new_link(
	struct status *s, size_t peer, const struct config_link *link)
{
	struct json_object *o = json_object_new_object();
	struct link_view view;

	status_link(&s->site, peer, link->via, &view);
	add_text(o, "name", link->name);
	add_text(o, "via", link->via);
	json_object_object_add(o, "there", json_object_new_boolean(view.there));
	if (view.why[0])
		add_text(o, "why", view.why);
	add_number(o, "for_us", view.for_us);
	add_number(o, "for_peer", view.for_peer);
	add_number(o, "incomplete", view.incomplete);
	add_number(o, "strangers", view.strangers);
	add_number(o, "opens_ms", opens_ms(s, link));
	if (view.strangers && !s->strangers_told)
		needs_operator(s,
			"%s: bundles sealed by an unknown key (origin "
			"%016" PRIx64
			", which packetboat status prints there; add it with "
			"\"key\" in peer \"...\", or remove them)",
			link->via, view.stranger);
	s->strangers_told |= view.strangers != 0;
	return o;
}

/* What of it was collected, and cannot be taken as things are. */
static void add_inbox(
	struct status *s, const char *peer, struct json_object *to)
{
	struct inbox_view view = status_inbox(&s->site, peer);

	add_number(to, "parcels_early", view.early);
	add_number(to, "parcels_kept", view.kept);
	if (view.kept)
		needs_operator(s,
			"peer %s: parcels that tell another history than the "
			"one known here are kept back: %" PRIu64
			" (was its state restored or copied, or ours? "
			"packetboat apply says which, docs/recovery.md what to "
			"do)",
			peer, view.kept);
}

/* What it sends of accounts that are not here. It needs a person until the
   peer was told. */
static void add_strange(struct status *s, size_t peer, struct json_object *to)
{
	AUTO_ARENA struct arena arena = {0};
	struct err err = ERR_INIT;
	struct strange *list;
	size_t count;

	if (strange_list(s->site.os, s->site.config.state,
		    s->site.peers[peer].origin, &arena, &list, &count,
		    &err) < 0)
		needs_operator(s, "%s", err.text);
	for (size_t i = 0; i < count; i++) {
		if (site_account(&s->site, list[i].account))
			continue;
		json_object_array_add(array(to, "accounts_refused"),
			json_object_new_string(list[i].account));
		if (!list[i].told_ms)
			needs_operator(s,
				"peer %s: account %s: there is none of that "
				"name here: what it sends of it is left out "
				"(add it to the configuration; with the next "
				"hand-over the peer is told)",
				s->site.config.peers[peer].name,
				list[i].account);
	}
}

static struct json_object *new_peer(struct status *s, size_t i)
{
	const struct config_peer *p = &s->site.config.peers[i];
	struct json_object *o = json_object_new_object();

	add_text(o, "name", p->name);
	add_origin(o, s->site.peers[i].origin);
	json_object_object_add(o, "oneway", json_object_new_boolean(p->oneway));
	json_object_object_add(o, "sends",
		json_object_new_boolean(p->changes != CHANGES_RECEIVE));
	add_inbox(s, p->name, o);
	add_strange(s, i, o);
	for (size_t k = 0; k < p->link_count; k++)
		json_object_array_add(
			array(o, "links"), new_link(s, i, &p->links[k]));
	return o;
}

/* ---- the whole ---- */

static int add_account(struct status *s, const char *name,
	struct json_object **peers, struct err *err)
{
	struct json_object *o = json_object_new_object();
	struct account a;
	int rc;

	add_text(o, "name", name);
	json_object_array_add(array(s->tree, "accounts"), o);
	rc = begun_open(&s->site, name, &a, err);
	if (rc > 0)
		json_object_object_add(o, "begun", json_object_new_boolean(0));
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = add_state(s, o, &a, err);
	for (size_t i = 0; rc >= 0 && i < s->site.config.peer_count; i++) {
		struct status_lag lag = {0};

		rc = status_lag(&a, s->site.key.pub.origin,
			s->site.peers[i].origin,
			s->site.config.peers[i].changes != CHANGES_RECEIVE,
			&lag, err);
		if (rc >= 0)
			add_lag(s, peers[i], name, &lag);
	}
	account_close(&a);
	return rc;
}

/* What the applier put aside for the operator to look at. */
static void add_refused(struct status *s)
{
	AUTO_BUF struct buf list = BUF_INIT;
	struct os *os = s->site.os;
	struct os_entry entry;
	size_t at = 0;
	uint64_t count = 0;

	if (os->ops->list(os, s->site.refused_dir, &list) < 0)
		return;
	while (os_list_next(&list, &at, &entry))
		count++;
	add_number(s->tree, "refused", count);
	if (count)
		needs_operator(s,
			"%" PRIu64 " parcels were refused; they lie in %s "
			"(packetboat log FILE says what they are)",
			count, s->site.refused_dir);
}

static void add_expelled(struct status *s)
{
	for (size_t i = 0; i < s->site.expelled_count; i++) {
		const struct expelled *e = &s->site.expelled[i];
		struct json_object *o = json_object_new_object();

		add_text(o, "name", e->name);
		add_origin(o, e->origin);
		add_number(o, "since_ms", (uint64_t)e->since_ms);
		json_object_array_add(array(s->tree, "expelled"), o);
	}
}

/* Nothing is collected or received into the reserve. */
static void add_space(struct status *s)
{
	struct os *os = s->site.os;
	unsigned reserve = s->site.config.reserve_percent;
	uint64_t left, total;

	if (os->ops->space(os, s->site.config.state, &left, &total) < 0)
		return;
	add_number(s->tree, "free_bytes", left);
	if (left < total / 100 * reserve)
		needs_operator(s,
			"%s: less than %u %% of the disk is free: nothing is "
			"taken from peers until there is room (or set "
			"\"reserve\")",
			s->site.config.state, reserve);
}

/* The room that the logs take. */
static void add_logs(struct status *s)
{
	struct json_object *o = json_object_new_object();
	struct logspace l;
	struct err err = ERR_INIT;

	if (logspace_look(&s->site, &l, &err) < 0) {
		json_object_put(o);
		needs_operator(s, "%s", err.text);
		return;
	}
	add_number(o, "bytes", l.used);
	add_number(o, "cap", l.cap);
	if (s->logs.cut_ms)
		add_number(o, "cut_s",
			s->logs.cut_ms < s->now_ms
				? (uint64_t)(s->now_ms - s->logs.cut_ms) / 1000
				: 0);
	json_object_object_add(s->tree, "logs", o);
	if (l.used > l.cap && l.used - l.cap > s->logs.removable)
		needs_operator(s,
			"%s/log is over log_cap, and not by segments: are logs "
			"there that were put aside (*.damaged-*)? Remove them "
			"when you have seen enough of them",
			s->site.config.state);
}

/* Of one flag the later change counts, by the clocks. */
static void add_clocks(struct status *s)
{
	int year = status_wrong_year(s->now_ms);
	const char *peer = "";

	for (size_t i = 0; i < s->site.config.peer_count; i++)
		if (s->site.peers[i].origin == s->ahead)
			peer = s->site.config.peers[i].name;
	add_number(s->tree, "clock_behind_s", s->ahead_s);
	add_number(s->tree, "clock_behind_peer_s", s->peer_ahead_s);
	if (year)
		needs_operator(s,
			"the clock says the year %d (set it: date -s, or an "
			"NTP client)",
			year);
	else if (s->ahead_s)
		needs_operator(s,
			"the clock went back: this site wrote something that "
			"is %" PRIu64 " seconds ahead of it (set it: date -s, "
			"or an NTP client)",
			s->ahead_s);
	if (s->peer_ahead_s)
		needs_operator(s,
			"peer %s: its clock is ahead of ours, or was: it wrote "
			"something that is still %" PRIu64 " seconds ahead "
			"(set the one that is wrong; until then its changes "
			"of a flag beat later ones)",
			peer, s->peer_ahead_s);
}

static void gather(struct status *s)
{
	AUTO_FREE struct json_object **peers =
		mem_array(s->site.config.peer_count + 1, sizeof(*peers));

	add_text(s->tree, "site", s->site.config.site);
	add_origin(s->tree, s->site.key.pub.origin);
	add_text(s->tree, "state", s->site.config.state);
	array(s->tree, "accounts");
	for (size_t i = 0; i < s->site.config.peer_count; i++) {
		peers[i] = new_peer(s, i);
		json_object_array_add(array(s->tree, "peers"), peers[i]);
	}
	for (size_t i = 0; i < s->site.account_count; i++) {
		const char *name = s->site.accounts[i].name;
		struct err err = ERR_INIT;

		if (add_account(s, name, peers, &err) < 0) {
			needs_operator(s, "%s", err.text);
			s->code = exit_worse(s->code, exit_for(&err));
		}
	}
	add_expelled(s);
	add_refused(s);
	add_space(s);
	add_clocks(s);
	add_logs(s);
	array(s->tree, "operator");
}

int command_status(struct front *f, int argc, char **argv)
{
	struct status s = {.front = f};
	struct err err = ERR_INIT;
	struct os *os = os_real();
	bool json = argc == 2 && strcmp(argv[1], "--json") == 0;

	if (argc != 1 && !json)
		return front_usage(f, argv[0]);
	if (site_open(&s.site, f->config_given, &err) < 0)
		return front_fail(f, &err);
	s.now_ms = os->ops->wall_ns(os) / 1000000;
	s.tree = json_object_new_object();
	gather(&s);
	if (json)
		printf("%s\n", json_object_to_json_string_ext(s.tree,
				       JSON_C_TO_STRING_PRETTY |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		status_print(s.tree);
	json_object_put(s.tree);
	site_close(&s.site);
	return s.code;
}
