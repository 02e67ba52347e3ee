/*
 * status_look: everything of `packetboat status` into one json-c tree
 * (status_tree.h), and the file for Prometheus. Nothing is locked and nothing
 * else is changed.
 */
#include <inttypes.h>
#include <stdio.h>

#include "begun.h"
#include "err.h"
#include "logspace.h"
#include "program.h"
#include "refusals.h"
#include "status_calls.h"
#include "status_metrics.h"
#include "status_tree.h"
#include "status_warnings.h"

static int add_account(struct status *s, const char *name,
	struct json_object **peers, struct err *err)
{
	struct json_object *o = json_object_new_object();
	struct account a;
	int rc;

	tree_text(o, "name", name);
	json_object_array_add(tree_array(s->tree, "accounts"), o);
	rc = begun_open(&s->site, name, &a, err);
	if (rc > 0)
		tree_true(o, "begun", false);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = status_account(s, o, &a, err);
	for (size_t i = 0; rc >= 0 && i < s->site.config.peer_count; i++)
		if (site_granted(&s->site, i, name))
			rc = status_peer_account(s, i, peers[i], &a, err);
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
	tree_number(s->tree, "refused", count);
	if (count)
		status_needs_operator(s,
			"%" PRIu64 " parcels were refused; they lie in %s "
			"(packetboat log FILE says what they are)",
			count, s->site.refused_dir);
}

/* What did not even become a parcel to look at, too. */
static void add_refusals(struct status *s)
{
	AUTO_FREE struct refusals *all = mem_alloc(sizeof(*all));
	struct json_object *list = tree_array(s->tree, "refusals");

	if (refusals_get(s->site.os, s->site.config.state, all, NULL) < 0)
		return;
	for (size_t i = 0; i < all->count; i++) {
		const struct refusal *r = &all->items[i];
		struct json_object *o = json_object_new_object();

		tree_text(o, "who", r->who);
		tree_text(o, "why", r->why);
		tree_text(o, "last", r->words);
		tree_number(o, "count", r->count);
		tree_number(o, "first_ms", (uint64_t)r->first_ms);
		tree_number(o, "last_ms", (uint64_t)r->last_ms);
		json_object_array_add(list, o);
	}
}

static void add_expelled(struct status *s)
{
	for (size_t i = 0; i < s->site.expelled_count; i++) {
		const struct expelled *e = &s->site.expelled[i];
		struct json_object *o = json_object_new_object();

		tree_text(o, "name", e->name);
		tree_hex(o, "origin", e->origin);
		tree_number(o, "since_ms", (uint64_t)e->since_ms);
		json_object_array_add(tree_array(s->tree, "expelled"), o);
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
	tree_number(s->tree, "free_bytes", left);
	if (left < total / 100 * reserve)
		status_needs_operator(s,
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
		status_needs_operator(s, "%s", err.text);
		return;
	}
	tree_number(o, "bytes", l.used);
	tree_number(o, "cap", l.cap);
	if (s->logs.cut_ms)
		tree_number(o, "cut_s", status_age_s(s, s->logs.cut_ms));
	json_object_object_add(s->tree, "logs", o);
	if (l.used > l.cap && l.used - l.cap > s->logs.removable)
		status_needs_operator(s,
			"%s/log is over log_cap, and not by segments: are logs "
			"there that were put aside (*.damaged-*)? Remove them "
			"when you have seen enough of them",
			s->site.config.state);
}

/* Of one flag the later change counts, by the clocks. */
static void add_clocks(struct status *s)
{
	int year = status_wrong_year(s->now_ms);
	int at = site_peer_of(&s->site, s->ahead);
	const char *peer = at < 0 ? "" : s->site.config.peers[at].name;

	tree_number(s->tree, "clock_behind_s", s->ahead_s);
	tree_number(s->tree, "clock_behind_peer_s", s->peer_ahead_s);
	if (year)
		status_needs_operator(s,
			"the clock says the year %d (set it: date -s, or an "
			"NTP client)",
			year);
	else if (s->ahead_s)
		status_needs_operator(s,
			"the clock went back: this site wrote something that "
			"is %" PRIu64 " seconds ahead of it (set it: date -s, "
			"or an NTP client)",
			s->ahead_s);
	if (s->peer_ahead_s)
		status_needs_operator(s,
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

	tree_text(s->tree, "site", s->site.config.site);
	tree_hex(s->tree, "origin", s->site.key.pub.origin);
	tree_text(s->tree, "state", s->site.config.state);
	tree_number(s->tree, "now_ms", (uint64_t)s->now_ms);
	status_key(s);
	tree_array(s->tree, "accounts");
	for (size_t i = 0; i < s->site.config.peer_count; i++) {
		peers[i] = status_peer(s, i);
		json_object_array_add(tree_array(s->tree, "peers"), peers[i]);
	}
	for (size_t i = 0; i < s->site.account_count; i++) {
		const char *name = s->site.accounts[i].name;
		struct err err = ERR_INIT;

		if (add_account(s, name, peers, &err) < 0) {
			status_needs_operator(s, "%s", err.text);
			s->code = exit_worse(s->code, exit_for(&err));
		}
	}
	for (size_t i = 0; i < s->site.config.peer_count; i++)
		status_estimate(s, i, peers[i]);
	add_expelled(s);
	add_refused(s);
	add_refusals(s);
	add_space(s);
	add_clocks(s);
	add_logs(s);
	tree_array(s->tree, "operator");
}

/* For Prometheus, whole: it may look at any moment. */
static void write_metrics(struct status *s)
{
	AUTO_BUF struct buf text = BUF_INIT;
	const char *path = s->site.config.metrics;
	struct err *err = &s->metrics_err;

	if (!path)
		return;
	status_metrics(s->tree, &text);
	if (file_replace(s->site.os, path, text.data, text.len, 0644, err) < 0)
		status_needs_operator(s, "metrics: %s", err->text);
}

static void look(struct status *s)
{
	s->now_ms = s->site.os->ops->wall_ns(s->site.os) / 1000000;
	s->tree = json_object_new_object();
	gather(s);
	write_metrics(s);
}

int status_look(struct status *s, const char *config, struct err *err)
{
	int rc = site_open(&s->site, config, err);

	if (rc >= 0)
		look(s);
	return rc < 0 ? rc : 0;
}

void status_forget(struct status *s)
{
	json_object_put(s->tree);
	site_close(&s->site);
}

int status_figures(const char *config, struct err *err)
{
	struct status s = {.code = EXIT_DONE};
	int rc = status_look(&s, config, err);

	if (rc < 0)
		return rc;
	if (s.metrics_err.code) {
		*err = s.metrics_err;
		err_wrap(err, "metrics");
	}
	status_forget(&s);
	return s.metrics_err.code;
}
