#include "plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "account_list.h"
#include "carrier.h"
#include "err.h"
#include "headers.h"
#include "planning.h"
#include "spending.h"
#include "tree.h"
#include "visit.h"
#include "weighing.h"

/* What is known of a link before anything is packed. */
struct outlook {
	const struct config_peer *peer;
	const struct config_link *link;
	int64_t opens_s; /* its next window; 0: open now; -1: never */
	struct spending_view spending;
	uint64_t speed; /* bytes a second; 0: not known */
	bool measured;	/* and not configured */
	bool away;	/* the carrier is not there */
	bool weighed;	/* a call has to be worth it: */
	bool due;
	uint64_t waiting;
	struct worth worth;
	int64_t now_ms;
	char why[512];
};

static int look_ahead(
	struct shipper *s, size_t peer, struct outlook *o, struct err *err)
{
	struct os *os = s->site.os;
	uint64_t origin = s->site.peers[peer].origin;
	int64_t now_s = os->ops->wall_ns(os) / 1000000000;
	struct call_record record;
	int rc = spending_look(
		os, s->site.config.state, origin, o->link, &o->spending, err);

	if (rc >= 0)
		rc = calls_get(os, s->site.config.state, origin, o->link->via,
			&record, err);
	if (rc < 0)
		return rc;
	if (!windows_open(o->link->windows, o->link->window_count, now_s))
		o->opens_s = windows_next(
			o->link->windows, o->link->window_count, now_s);
	o->speed = record.last.speed;
	o->measured = o->speed != 0;
	if (o->link->rate && (!o->speed || o->link->rate < o->speed)) {
		o->speed = o->link->rate;
		o->measured = false;
	}
	return 0;
}

static int weigh(
	struct shipper *s, size_t peer, struct outlook *o, struct err *err)
{
	struct os *os = s->site.os;
	struct err damaged = ERR_INIT;

	o->weighed = o->link->worth != 0;
	if (!o->weighed)
		return 0;
	o->now_ms = os->ops->wall_ns(os) / 1000000;
	int rc = worth_load(os, s->site.config.state,
		s->site.peers[peer].origin, o->link, &o->worth, err);
	if (rc >= 0)
		rc = weighing_weigh(s, peer, o->link, &o->waiting, &damaged);
	/* Of a damaged log the packing tells. */
	if (damaged.code && rc != ERR_OPERATOR)
		*err = damaged;
	if (rc < 0 && rc != ERR_OPERATOR)
		return rc;
	worth_weighed(&o->worth, o->waiting, o->now_ms);
	o->due = worth_is_due(&o->worth, o->link, o->waiting, o->now_ms);
	return 0;
}

/* ---- packing ---- */

static int plan_bundles(struct shipper *s, size_t peer, struct outlook *o,
	const struct handover_config *config, struct planned *ret,
	struct err *err)
{
	uint64_t origin = s->site.peers[peer].origin;
	AUTO_FREE char *spool =
		carrier_spool(s->site.config.state, origin, o->link->via);
	struct carrier_place place = links_place(s, peer, o->link, spool);
	struct carrier *carrier = NULL;
	int rc = carrier_open(&place, o->link->via, &carrier, err);

	if (rc < 0 && rc != ERR_ABSENT)
		return rc;
	o->away = rc == ERR_ABSENT;
	if (o->away)
		snprintf(o->why, sizeof(o->why), "%s", err->text);
	if (carrier && carrier->ops->read_only(carrier)) {
		carrier->ops->close(carrier);
		snprintf(o->why, sizeof(o->why),
			"read-only, collected from "
			"only");
		return 0;
	}
	*err = (struct err)ERR_INIT;
	rc = planning_carrier(config, carrier, ret, err);
	if (carrier)
		carrier->ops->close(carrier);
	if (o->speed)
		ret->ms = (int64_t)(ret->bytes * 1000 / o->speed);
	return rc;
}

static int pack(struct shipper *s, size_t peer, struct outlook *o,
	struct planned *ret, struct err *err)
{
	struct handover_config config = links_handover(s, peer, o->link);
	const struct spending_view *v = &o->spending;
	uint64_t spare = budget_spare(&o->link->budget);

	*ret = (struct planned){.ms = -1};
	config.progress = NULL;
	config.budgeted = v->left != UINT64_MAX;
	config.budget = v->left;
	if (via_is_live(o->link->via))
		return planning_live(&config, o->speed,
			!config.budgeted  ? UINT64_MAX
			: v->left > spare ? v->left - spare
					  : 0,
			ret, err);
	return plan_bundles(s, peer, o, &config, ret, err);
}

/* ---- what is said ---- */

static void say_time(int64_t when_s, char ret[32])
{
	time_t when = (time_t)when_s;
	struct tm tm;

	snprintf(ret, 32, "never");
	if (when_s >= 0 && localtime_r(&when, &tm))
		strftime(ret, 32, "%a %Y-%m-%d %H:%M", &tm);
}

static void say_next(const struct outlook *o)
{
	char when[32];

	if (o->spending.used_up) {
		say_time(o->spending.until_s, when);
		printf("    its budget is used up until %s: then\n", when);
	}
	if (o->opens_s) {
		say_time(o->opens_s, when);
		printf("    its next window begins %s: then\n", when);
	}
	if (o->weighed && !o->due) {
		AUTO_BUF struct buf why = BUF_INIT;

		weighing_text(o->link, o->waiting, &o->worth, o->now_ms, &why);
		printf("    no call: %s\n", buf_str(&why));
	}
	if (o->why[0])
		printf("    %s%s\n", o->why,
			o->away ? ": on an empty medium" : "");
}

static void tree_worth(struct json_object *t, const struct outlook *o)
{
	int64_t by = worth_by(&o->worth, o->link, o->now_ms);

	tree_number(t, "worth", o->link->worth);
	tree_number(t, "waiting_bytes", o->waiting);
	tree_true(t, "due", o->due);
	if (by >= 0)
		tree_number(t, "call_by_ms", (uint64_t)by);
}

static void say_class(const char *what, uint64_t count, uint64_t bytes)
{
	if (count)
		printf("    %s bodies: %" PRIu64 ", of %" PRIu64 " bytes\n",
			what, count, bytes);
}

static void say_left(const struct planned *p)
{
	const struct handover_result *r = &p->result;
	const char *why = r->over_budget ? "its budget has no room"
					 : "there is no room there";

	if (r->left)
		printf("    held back: %" PRIu64 " of the bodies, of %" PRIu64
		       " bytes: %s for all of them\n",
			r->left, r->left_bytes, why);
	else if (r->over_budget)
		printf("    held back: what is left then: %s for all of it\n",
			why);
	if (r->held)
		printf("    held back: %" PRIu64 " of the bodies, of %" PRIu64
		       " bytes: too large for this link (packetboat held)\n",
			r->held, r->held_bytes);
	if (r->missing)
		printf("    not to be had: %" PRIu64
		       " bodies, in no mail folder any more\n",
			r->missing);
	if (r->damaged)
		printf("    refused: %" PRIu64 " bodies are damaged\n",
			r->damaged);
}

static void say(const struct outlook *o, const struct planned *p)
{
	const struct handover_result *r = &p->result;
	AUTO_BUF struct buf what = BUF_INIT;
	bool live = via_is_live(o->link->via);

	printf("  link%s%s via %s\n", o->link->name[0] ? " " : "",
		o->link->name, o->link->via);
	say_next(o);
	count_add(&what, r->changes, "change", "changes");
	count_add(&what, r->acks, "acknowledgement", "acknowledgements");
	if (what.len)
		printf("    first: %s\n", buf_str(&what));
	say_class("small", p->small, p->small_bytes);
	say_class("large", p->large, p->large_bytes);
	if (!p->bytes)
		printf("    nothing to hand over\n");
	else
		printf("    in all %" PRIu64 " bytes%s", p->bytes,
			live ? " on the line" : "");
	if (p->bytes && live)
		printf(", and %" PRIu64 " that answer them", p->answer);
	if (live && strncmp(o->link->via, "tcp:", 4) == 0)
		printf(", with TCP around them about %" PRIu64,
			p->bytes + p->answer +
				2 * p->packets * (HEADERS_TCP + HEADERS_IPV4));
	if (p->bytes && p->ms >= 0)
		printf(": %" PRId64 " s at %" PRIu64 " bytes a second, as %s",
			(p->ms + 999) / 1000, o->speed,
			o->measured ? "last measured" : "configured");
	if (p->bytes)
		printf("\n");
	say_left(p);
}

static struct json_object *tree_of(
	const struct outlook *o, const struct planned *p)
{
	const struct handover_result *r = &p->result;
	struct json_object *t = json_object_new_object();

	tree_text(t, "name", o->link->name);
	tree_text(t, "via", o->link->via);
	if (o->why[0])
		tree_text(t, "why", o->why);
	tree_true(t, "there", !o->away);
	if (o->opens_s > 0)
		tree_number(t, "opens_ms", (uint64_t)o->opens_s * 1000);
	if (o->spending.left != UINT64_MAX)
		tree_number(t, "budget_left", o->spending.left);
	if (o->spending.used_up)
		tree_number(t, "budget_used_until_ms",
			(uint64_t)o->spending.until_s * 1000);
	if (o->weighed)
		tree_worth(t, o);
	tree_number(t, "bytes", p->bytes);
	tree_number(t, "answer_bytes", p->answer);
	tree_number(t, "packets", p->packets);
	tree_number(t, "changes", r->changes);
	tree_number(t, "acknowledgements", r->acks);
	tree_number(t, "small_bodies", p->small);
	tree_number(t, "small_body_bytes", p->small_bytes);
	tree_number(t, "large_bodies", p->large);
	tree_number(t, "large_body_bytes", p->large_bytes);
	tree_number(t, "left_bodies", r->left);
	tree_number(t, "left_body_bytes", r->left_bytes);
	tree_number(t, "held_bodies", r->held);
	tree_number(t, "held_body_bytes", r->held_bytes);
	tree_number(t, "missing_bodies", r->missing);
	tree_number(t, "damaged_bodies", r->damaged);
	tree_true(t, "over_budget", r->over_budget);
	if (o->speed)
		tree_number(t, "speed", o->speed);
	if (p->ms >= 0)
		tree_number(t, "takes_ms", (uint64_t)p->ms);
	return t;
}

/* ---- the whole ---- */

static void plan_link(struct shipper *s, size_t peer,
	const struct config_link *link, struct json_object *links)
{
	struct outlook o = {.peer = &s->site.config.peers[peer], .link = link};
	struct planned p;
	struct err err = ERR_INIT;
	int rc = look_ahead(s, peer, &o, &err);

	if (rc >= 0)
		rc = weigh(s, peer, &o, &err);
	if (rc >= 0)
		rc = pack(s, peer, &o, &p, &err);
	if (rc < 0) {
		err_wrap(&err, "peer %s: %s", o.peer->name, link->via);
		shipper_fail(s, &err);
		if (rc != ERR_OPERATOR)
			return;
	}
	if (links)
		json_object_array_add(links, tree_of(&o, &p));
	else
		say(&o, &p);
}

void plan_peer(struct shipper *s, bool json)
{
	AUTO_ARENA struct arena arena = {0};
	int peer = site_peer(&s->site, s->only_peer);
	struct json_object *tree = json ? json_object_new_object() : NULL;
	struct json_object *links = json ? json_object_new_array() : NULL;
	struct err err = ERR_INIT;
	const struct config_peer *p =
		peer < 0 ? NULL : &s->site.config.peers[peer];
	size_t planned = 0;

	if (account_list(s->site.os, &s->site.config, &arena, &s->accounts,
		    &s->account_count, &err) < 0) {
		shipper_fail(s, &err);
	} else if (p && !json) {
		printf("peer %s\n", p->name);
	}
	for (size_t i = 0; p && i < p->link_count && !err.code; i++)
		if (links_wanted(s, p, &p->links[i])) {
			plan_link(s, (size_t)peer, &p->links[i], links);
			planned++;
		}
	if (!planned && !err.code)
		links_say_none(s);
	if (json) {
		tree_text(tree, "peer", s->only_peer);
		json_object_object_add(tree, "links", links);
		printf("%s\n", json_object_to_json_string_ext(
				       tree, JSON_C_TO_STRING_PRETTY));
		json_object_put(tree);
	}
	s->accounts = NULL;
	s->account_count = 0;
}
