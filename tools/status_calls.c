#include "status_calls.h"

#include <string.h>

#include "calls.h"
#include "err.h"
#include "report.h"

#define CHANGE_SIZE 20 /* of one among many, folded and packed, at most */

/* ---- calls ---- */

static void add_last(
	struct status *s, const struct call *call, struct json_object *to)
{
	struct json_object *o = json_object_new_object();
	int64_t end_ms = call->ended_ms ? call->ended_ms : s->now_ms;

	tree_text(o, "outcome", call_outcome_name(call->outcome));
	if (call->why[0])
		tree_text(o, "why", call->why);
	tree_number(o, "began_ms", (uint64_t)call->began_ms);
	tree_number(o, "ago_s", status_age_s(s, end_ms));
	tree_number(o, "took_s",
		end_ms > call->began_ms
			? (uint64_t)(end_ms - call->began_ms) / 1000
			: 0);
	tree_number(o, "sent_bytes", call->sent);
	tree_number(o, "received_bytes", call->received);
	json_object_object_add(to, "last", o);
}

/* A time in ms since 1970, if there ever was one. */
static void add_time(struct json_object *to, const char *key, int64_t ms)
{
	if (ms)
		tree_number(to, key, (uint64_t)ms);
}

void status_calls(struct status *s, size_t peer, const char *via,
	const char *key, struct json_object *to)
{
	struct call_record r;
	struct err err = ERR_INIT;

	if (calls_get(s->site.os, s->site.config.state,
		    s->site.peers[peer].origin, via, &r, &err) < 0) {
		status_needs_operator(s, "%s", err.text);
		return;
	}
	struct json_object *o = json_object_new_object();
	tree_number(o, "count", r.all.calls);
	tree_number(o, "failed", r.all.failed);
	tree_number(o, "sent_bytes", r.all.sent);
	tree_number(o, "received_bytes", r.all.received);
	add_time(o, "sent_ms", r.all.sent_ms);
	add_time(o, "received_ms", r.all.received_ms);
	add_time(o, "done_ms", r.all.done_ms);
	if (r.last.speed)
		tree_number(o, "speed", r.last.speed);
	if (r.last.outcome != CALL_NONE)
		add_last(s, &r.last, o);
	json_object_object_add(to, key, o);
}

/* ---- what is under way ---- */

static struct json_object *named(
	struct json_object *list, const char *key, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		if (strcmp(tree_get_text(o, key), name) == 0)
			return o;
	}
	return NULL;
}

static void add_more(struct json_object *to, const char *key, uint64_t n)
{
	tree_number(to, key, n + tree_get_number(to, key));
}

/* Each account has its part of a bundle: the most that one has parts of. */
static void add_under_way(void *arg, const struct report_under_way *u)
{
	struct json_object *links = arg;
	struct json_object *link = named(links, "name", u->link);
	char medium[ID_HEX] = "";

	if (!link)
		return; /* it is no link any more */
	if (!id_equal(&u->medium, &replica_sent_live))
		id_hex(&u->medium, medium);
	struct json_object *list = tree_array(link, "under_way");
	struct json_object *o = named(list, "medium", medium);
	if (!o) {
		o = json_object_new_object();
		tree_text(o, "medium", medium);
		tree_number(o, "bundles", 0);
		json_object_array_add(list, o);
	}
	uint64_t bundles = tree_get_number(o, "bundles");
	tree_number(o, "bundles", u->bundles > bundles ? u->bundles : bundles);
	add_more(o, "changes", u->changes);
	add_more(o, "bodies", u->bodies);
}

int status_under_way(struct status *s, size_t peer, struct json_object *o,
	struct account *a, struct err *err)
{
	return report_under_way(a->replica, s->site.peers[peer].origin,
		add_under_way, tree_array(o, "links"), err);
}

/* ---- how long it will take ---- */

static uint64_t sum(struct json_object *list, const char *key)
{
	uint64_t n = 0;

	for (size_t i = 0; i < json_object_array_length(list); i++)
		n += tree_get_number(json_object_array_get_idx(list, i), key);
	return n;
}

int status_waiting(struct status *s, size_t peer, struct json_object *o,
	struct account *a, struct err *err)
{
	const struct config_peer *p = &s->site.config.peers[peer];
	struct json_object *links = tree_array(o, "links");

	for (size_t i = 0; i < p->link_count; i++) {
		uint64_t bytes;
		int rc = report_wanted(a->replica, s->site.peers[peer].origin,
			p->links[i].hold, &bytes, err);

		if (rc < 0)
			return rc;
		add_more(json_object_array_get_idx(links, i),
			"bodies_waiting_bytes", bytes);
	}
	return 0;
}

/* As the line was when it was last measured, and only while it is open. */
static void estimate(struct status *s, const struct config_link *link,
	uint64_t bytes, struct json_object *to)
{
	uint64_t speed =
		tree_get_number(json_object_object_get(to, "calls"), "speed");
	int64_t now_s = s->now_ms / 1000;

	if (!bytes || !speed)
		return;
	int64_t end_s = windows_after(link->windows, link->window_count, now_s,
		(int64_t)(bytes / speed));
	if (end_s >= 0)
		tree_number(to, "clears_s", (uint64_t)(end_s - now_s));
}

void status_estimate(struct status *s, size_t peer, struct json_object *o)
{
	const struct config_peer *p = &s->site.config.peers[peer];
	struct json_object *accounts = tree_array(o, "accounts");
	uint64_t bytes = sum(accounts, "lag_bytes") +
			 CHANGE_SIZE * sum(accounts, "lag_changes");

	for (size_t i = 0; i < p->link_count; i++) {
		struct json_object *link = tree_item(o, "links", i);

		estimate(s, &p->links[i],
			bytes + tree_get_number(link, "bodies_waiting_bytes"),
			link);
	}
}
