/*
 * status_peers: what `packetboat status` says of a peer: its links, what lies
 * in its inbox, what it lacks of each account.
 */
#include <inttypes.h>
#include <stdio.h>

#include "calls.h"
#include "err.h"
#include "status_calls.h"
#include "status_held.h"
#include "status_lag.h"
#include "spending.h"
#include "status_links.h"
#include "status_tree.h"
#include "status_warnings.h"
#include "strange.h"
#include "worth.h"

static void add_held(struct json_object *to, const struct status_held *held)
{
	tree_number(to, "held", held->bodies);
	tree_number(to, "held_bytes", held->bytes);
	tree_number(to, "held_previews", held->previews);
	tree_number(to, "held_stuck", held->stuck);
	tree_number(to, "held_stuck_bytes", held->stuck_bytes);
	tree_number(to, "held_released", held->released);
	tree_number(to, "held_handed_over", held->handed);
}

static void add_lag(struct status *s, struct json_object *peer,
	const char *account, const struct status_lag *lag,
	const struct status_held *held)
{
	struct json_object *o = json_object_new_object();

	tree_text(o, "name", account);
	tree_true(o, "refused_there", lag->refused);
	tree_number(o, "lag_changes", lag->changes);
	tree_number(o, "lag_messages", lag->messages);
	tree_number(o, "lag_bytes", lag->bytes);
	tree_number(o, "lag_s", status_age_s(s, lag->since_ms));
	tree_number(o, "logs_from_state", lag->from_state);
	tree_number(o, "not_applied_there", lag->unapplied);
	tree_number(
		o, "not_applied_there_s", status_age_s(s, lag->unapplied_ms));
	tree_number(o, "bodies_wanted_there", lag->wanted);
	tree_number(o, "bodies_wanted_there_bytes", lag->wanted_bytes);
	tree_number(o, "sent", lag->sent);
	add_held(o, held);
	tree_number(o, "received", lag->received);
	tree_number(o, "not_applied_here", lag->to_apply);
	json_object_array_add(tree_array(peer, "accounts"), o);
}

/* When its next window begins; 0: it is open now, or never. */
static uint64_t opens_ms(struct status *s, const struct config_link *link)
{
	int64_t now_s = s->now_ms / 1000;

	if (windows_open(link->windows, link->window_count, now_s))
		return 0;
	int64_t next = windows_next(link->windows, link->window_count, now_s);
	return next < 0 ? 0 : (uint64_t)next * 1000;
}

static void add_span(struct status *s, const struct config_link *link,
	const struct budget_spent *spent, enum budget_span span,
	struct json_object *to)
{
	int64_t now_s = s->site.os->ops->wall_ns(s->site.os) / 1000000000;
	struct json_object *o = json_object_new_object();

	tree_text(o, "span", budget_span_name(span));
	tree_number(o, "bytes", link->budget.most[span]);
	tree_number(
		o, "spent", budget_spent_in(spent, &link->budget, span, now_s));
	tree_number(o, "until_ms",
		(uint64_t)budget_until(&link->budget, span, now_s) * 1000);
	json_object_array_add(tree_array(to, "budget"), o);
}

static void add_budget(struct status *s, size_t peer,
	const struct config_link *link, struct json_object *to)
{
	struct spending_view view;
	struct err err = ERR_INIT;

	if (!budget_any(&link->budget))
		return;
	if (spending_look(s->site.os, s->site.config.state,
		    s->site.peers[peer].origin, link, &view, &err) < 0) {
		status_needs_operator(s, "%s: %s", link->via, err.text);
		return;
	}
	for (enum budget_span i = BUDGET_CALL; i < BUDGET_SPANS; i++)
		if (link->budget.most[i])
			add_span(s, link, &view.spent, i, to);
	tree_number(to, "budget_left", view.left);
	if (view.used_up)
		tree_number(to, "budget_used_until_ms",
			(uint64_t)view.until_s * 1000);
}

/* When it is called, if not before because enough waits. */
static void add_worth(struct status *s, size_t peer,
	const struct config_link *link, struct json_object *to)
{
	struct worth worth;
	struct err err = ERR_INIT;

	if (!link->worth)
		return;
	if (worth_load(s->site.os, s->site.config.state,
		    s->site.peers[peer].origin, link, &worth, &err) < 0) {
		status_needs_operator(s, "%s: %s", link->via, err.text);
		return;
	}
	int64_t by = worth_by(&worth, link, s->now_ms);
	tree_number(to, "worth", link->worth);
	if (by >= 0)
		tree_number(to, "call_by_ms", (uint64_t)by);
}

static struct json_object *new_link(
	struct status *s, size_t peer, const struct config_link *link)
{
	struct json_object *o = json_object_new_object();
	struct link_view view;

	status_link(&s->site, peer, link->via, &view);
	tree_text(o, "name", link->name);
	tree_text(o, "via", link->via);
	tree_true(o, "there", view.there);
	if (view.why[0])
		tree_text(o, "why", view.why);
	tree_number(o, "for_us", view.for_us);
	tree_number(o, "for_peer", view.for_peer);
	tree_number(o, "incomplete", view.incomplete);
	tree_number(o, "unfetched", view.unfetched);
	tree_number(o, "strangers", view.strangers);
	tree_number(o, "opens_ms", opens_ms(s, link));
	add_budget(s, peer, link, o);
	add_worth(s, peer, link, o);
	if (view.unfetched)
		status_needs_operator(s,
			"%s: bundles that are too large for the room here: "
			"%" PRIu64 ": they are not fetched (make room, or set "
			"\"reserve\")",
			link->via, view.unfetched);
	if (view.strangers && !s->strangers_told)
		status_needs_operator(s,
			"%s: bundles sealed by an unknown key (origin "
			"%016" PRIx64
			", which packetboat status prints there; add it with "
			"\"key\" in peer \"...\", or remove them)",
			link->via, view.stranger);
	s->strangers_told |= view.strangers != 0;
	status_calls(s, peer, link->via, "calls", o);
	return o;
}

/* What of it was collected, and cannot be taken as things are. */
static void add_inbox(
	struct status *s, const char *peer, struct json_object *to)
{
	struct inbox_view view = status_inbox(&s->site, peer);

	tree_number(to, "parcels_early", view.early);
	tree_number(to, "parcels_kept", view.kept);
	if (view.kept)
		status_needs_operator(s,
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
		status_needs_operator(s, "%s", err.text);
	for (size_t i = 0; i < count; i++) {
		char here[ACCOUNTMAP_NAME_MAX + 1];
		bool granted =
			account_map_here(&s->site.config.peers[peer].accounts,
				list[i].account, here);

		if (granted && site_account(&s->site, here))
			continue;
		json_object_array_add(tree_array(to, "accounts_refused"),
			json_object_new_string(list[i].account));
		if (!list[i].told_ms)
			status_needs_operator(s,
				"peer %s: account %s: %s: what it sends of it "
				"is left out (%s; with the next hand-over the "
				"peer is told)",
				s->site.config.peers[peer].name,
				granted ? here : list[i].account,
				granted ? "there is none of that name here"
					: "it has no part in any that it calls "
					  "so",
				granted ? "add it to the configuration"
					: "\"accounts\" in its block");
	}
}

struct json_object *status_peer(struct status *s, size_t i)
{
	const struct config_peer *p = &s->site.config.peers[i];
	struct json_object *o = json_object_new_object();

	tree_text(o, "name", p->name);
	tree_hex(o, "origin", s->site.peers[i].origin);
	tree_true(o, "oneway", p->oneway);
	tree_true(o, "sends", p->changes != CHANGES_RECEIVE);
	status_peer_key(s, i, o);
	add_inbox(s, p->name, o);
	add_strange(s, i, o);
	status_calls(s, i, CALLS_ANSWERED, "answered", o);
	for (size_t k = 0; k < p->link_count; k++)
		json_object_array_add(
			tree_array(o, "links"), new_link(s, i, &p->links[k]));
	return o;
}

int status_peer_account(struct status *s, size_t peer, struct json_object *o,
	struct account *a, struct err *err)
{
	struct status_lag lag = {0};
	struct status_held held;
	int rc = status_lag(a, s->site.key.pub.origin,
		s->site.peers[peer].origin,
		s->site.config.peers[peer].changes != CHANGES_RECEIVE,
		(s->site.config.peers[peer].relay & RELAY_SEND) != 0, &lag,
		err);

	if (rc >= 0)
		rc = status_held(a, &s->site.config.peers[peer],
			s->site.peers[peer].origin, &held, err);
	if (rc >= 0)
		add_lag(s, o, a->name, &lag, &held);
	if (rc >= 0)
		rc = status_waiting(s, peer, o, a, err);
	return rc < 0 ? rc : status_under_way(s, peer, o, a, err);
}
