#include "status_text.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "tree.h"

/* "3 changes", "1 change"; the noun's plural is with an s. */
static void count(uint64_t n, const char *noun)
{
	printf("%" PRIu64 " %s%s", n, noun, n == 1 ? "" : "s");
}

static void bytes(uint64_t n)
{
	static const char *const units[] = {
		"bytes", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)n;
	size_t i = 0;

	while (value >= 1024 && i < 4) {
		value /= 1024;
		i++;
	}
	printf(i ? "%.1f %s" : "%.0f %s", value, units[i]);
}

static void age(uint64_t s)
{
	if (s < 120)
		count(s, "second");
	else if (s < 2 * 3600)
		count(s / 60, "minute");
	else if (s < 2 * 86400)
		count(s / 3600, "hour");
	else
		count(s / 86400, "day");
}

/* By the clock on the wall, as windows are written. */
static void say_when(uint64_t ms, bool date, char ret[32])
{
	time_t at = (time_t)(ms / 1000);
	struct tm tm;

	ret[0] = '\0';
	if (!localtime_r(&at, &tm))
		return;
	if (date)
		strftime(ret, 32, "%Y-%m-%d %H:%M", &tm);
	else
		strftime(ret, 32, "%a %H:%M", &tm);
}

static void format_time(struct json_object *o, const char *key, char ret[32])
{
	say_when(tree_get_number(o, key), true, ret);
}

/* Mail that a peer expunged, and may not. */
static void print_kept(struct json_object *k)
{
	char last[32];

	printf("    folder %s: ", tree_get_text(k, "folder"));
	count(tree_get_number(k, "messages"), "message");
	if (!tree_get_number(k, "last_ms")) {
		printf(" moved away and expunged by a peer stay%s here "
		       "(accept)\n",
			tree_get_number(k, "messages") == 1 ? "s" : "");
		return;
	}
	format_time(k, "last_ms", last);
	printf(" that peer %s expunged stay%s here (accept), the last of %s\n",
		tree_get_text(k, "peer"),
		tree_get_number(k, "messages") == 1 ? "s" : "", last);
}

#define NAMED_MOST 5 /* folders in one line */

static bool is_of_peer(struct json_object *o, const char *peer)
{
	return strcmp(tree_get_text(o, "peer"), peer) == 0;
}

/* All folders of a peer that are not accepted, where the first of them stands. */
static void print_not_accepted(struct json_object *a, size_t first)
{
	const char *peer =
		tree_get_text(tree_item(a, "not_accepted", first), "peer");
	uint64_t folders = 0, messages = 0;

	for (size_t i = 0; i < tree_length(a, "not_accepted"); i++) {
		struct json_object *o = tree_item(a, "not_accepted", i);

		if (!is_of_peer(o, peer))
			continue;
		if (i < first)
			return; /* told already */
		folders++;
		messages += tree_get_number(o, "messages");
	}
	printf("    of peer %s not accepted (accept): ", peer);
	count(folders, "folder");
	printf(", ");
	count(messages, "message");
	folders = 0;
	for (size_t i = first; i < tree_length(a, "not_accepted"); i++) {
		struct json_object *o = tree_item(a, "not_accepted", i);

		if (!is_of_peer(o, peer) || folders++ >= NAMED_MOST)
			continue;
		printf("%s%s", folders == 1 ? ": " : ", ",
			tree_get_text(o, "folder"));
		if (tree_get_text(o, "lies_here")[0])
			printf(" (stays here as it is)");
	}
	printf("%s\n", folders > NAMED_MOST ? ", ..." : "");
}

static void print_folder(struct json_object *f)
{
	const char *between = "";

	printf("    folder %s: ", tree_get_text(f, "path"));
	if (tree_get_true(f, "off")) {
		printf("logging is off");
		between = "; ";
	}
	if (tree_get_number(f, "guarded")) {
		printf("%s", between);
		count(tree_get_number(f, "guarded"), "expunge");
		printf(" wait%s for the operator",
			tree_get_number(f, "guarded") == 1 ? "s" : "");
		between = "; ";
	}
	if (tree_get_number(f, "guarded_from_peers")) {
		printf("%s", between);
		count(tree_get_number(f, "guarded_from_peers"), "expunge");
		printf(" by peers wait%s for the operator",
			tree_get_number(f, "guarded_from_peers") == 1 ? "s"
								      : "");
		between = "; ";
	}
	if (tree_get_number(f, "guarded_not_shown")) {
		printf("%s", between);
		count(tree_get_number(f, "guarded_not_shown"), "message");
		printf(" that peer %s no longer shows wait%s for the operator",
			tree_get_text(f, "not_shown_by"),
			tree_get_number(f, "guarded_not_shown") == 1 ? "s"
								     : "");
		between = "; ";
	}
	if (tree_get_text(f, "stopped")[0])
		printf("%sstopped: %s", between, tree_get_text(f, "stopped"));
	printf("\n");
}

static void print_account(struct json_object *a)
{
	printf("  account %s: ", tree_get_text(a, "name"));
	if (json_object_object_get(a, "begun") && !tree_get_true(a, "begun")) {
		printf("nothing logged or received yet\n");
		return;
	}
	count(tree_get_number(a, "folder_count"), "folder");
	printf(", ");
	count(tree_get_number(a, "messages"), "message");
	printf(", ");
	bytes(tree_get_number(a, "bytes"));
	printf("%s\n", tree_get_true(a, "off") ? "; logging is off" : "");
	if (tree_get_text(a, "stopped")[0])
		printf("    stopped: %s\n", tree_get_text(a, "stopped"));
	if (tree_get_text(a, "unread")[0])
		printf("    cannot be read: %s\n", tree_get_text(a, "unread"));
	if (tree_get_number(a, "awaited")) {
		printf("    waiting for bodies: ");
		count(tree_get_number(a, "awaited"), "message");
		printf(", ");
		bytes(tree_get_number(a, "awaited_bytes"));
		printf(", for ");
		age(tree_get_number(a, "awaited_s"));
		printf("\n");
	}
	if (tree_get_number(a, "to_place"))
		printf("    to be placed: %" PRIu64 "\n",
			tree_get_number(a, "to_place"));
	if (tree_get_number(a, "unplaced"))
		printf("    not placed whole: %" PRIu64 "\n",
			tree_get_number(a, "unplaced"));
	if (tree_get_number(a, "late"))
		printf("    late, with a UID of this site only: %" PRIu64 "\n",
			tree_get_number(a, "late"));
	if (tree_get_number(a, "late_at_peers"))
		printf("    late at peers, to get another UID: %" PRIu64 "\n",
			tree_get_number(a, "late_at_peers"));
	if (tree_get_number(a, "local_changes"))
		printf("    local changes, in folders whose home is not here, "
		       "not handed over: %" PRIu64 "\n",
			tree_get_number(a, "local_changes"));
	if (tree_get_number(a, "parked"))
		printf("    changes of messages not known yet: %" PRIu64 "\n",
			tree_get_number(a, "parked"));
	for (size_t i = 0; i < tree_length(a, "deleted_here"); i++)
		printf("    folder %s: deleted here; it lives on at its home\n",
			json_object_get_string(
				tree_item(a, "deleted_here", i)));
	for (size_t i = 0; i < tree_length(a, "kept"); i++)
		print_kept(tree_item(a, "kept", i));
	for (size_t i = 0; i < tree_length(a, "not_accepted"); i++)
		print_not_accepted(a, i);
	for (size_t i = 0; i < tree_length(a, "folders"); i++)
		print_folder(tree_item(a, "folders", i));
}

static void bodies(uint64_t n, uint64_t size)
{
	printf("%" PRIu64 " bod%s (", n, n == 1 ? "y" : "ies");
	bytes(size);
	printf(")");
}

/* What is too large for a link. */
static void print_held(struct json_object *a)
{
	uint64_t held = tree_get_number(a, "held");
	uint64_t stuck = tree_get_number(a, "held_stuck");

	if (held) {
		printf("; held here: ");
		bodies(held, tree_get_number(a, "held_bytes"));
		if (tree_get_number(a, "held_previews"))
			printf(", previews of %" PRIu64,
				tree_get_number(a, "held_previews"));
	}
	if (stuck) {
		printf(", of them ");
		bodies(stuck, tree_get_number(a, "held_stuck_bytes"));
		printf(" too large for every link: never sent unless released "
		       "(packetboat held)");
	}
	if (tree_get_number(a, "held_released"))
		printf("; released: %" PRIu64,
			tree_get_number(a, "held_released"));
	if (tree_get_number(a, "held_handed_over"))
		printf("; held before, now handed over: %" PRIu64,
			tree_get_number(a, "held_handed_over"));
}

static void print_unplaced(struct json_object *a)
{
	printf("; has not placed %" PRIu64 " of it",
		tree_get_number(a, "not_applied_there"));
	if (!tree_get_number(a, "not_applied_there_s"))
		return;
	printf(" since ");
	age(tree_get_number(a, "not_applied_there_s"));
}

static void print_lag(struct json_object *a, bool sends)
{
	printf("    account %s: ", tree_get_text(a, "name"));
	if (!sends) {
		printf("nothing is handed over (changes = \"receive\")");
	} else if (tree_get_true(a, "refused_there")) {
		printf("nothing is handed over: there is no such account "
		       "there");
	} else if (tree_get_number(a, "lag_changes")) {
		printf("lacks ");
		count(tree_get_number(a, "lag_changes"), "change");
		printf(" (");
		count(tree_get_number(a, "lag_messages"), "message");
		printf(", ");
		bytes(tree_get_number(a, "lag_bytes"));
		printf(") since ");
		age(tree_get_number(a, "lag_s"));
		if (tree_get_number(a, "logs_from_state"))
			printf(", from the state: old segments are removed");
	} else {
		printf("has everything");
	}
	if (tree_get_number(a, "not_applied_there"))
		print_unplaced(a);
	if (tree_get_number(a, "bodies_wanted_there")) {
		printf("; waits for ");
		bodies(tree_get_number(a, "bodies_wanted_there"),
			tree_get_number(a, "bodies_wanted_there_bytes"));
	}
	print_held(a);
	printf("; received ");
	count(tree_get_number(a, "received"), "change");
	if (tree_get_number(a, "not_applied_here"))
		printf(", %" PRIu64 " of them not placed yet",
			tree_get_number(a, "not_applied_here"));
	printf("\n");
}

/* "2 bundles to collect" behind what was said before. */
static void said(bool *any, uint64_t n, const char *noun, const char *more)
{
	if (!n)
		return;
	printf("%s", *any ? ", " : ": ");
	count(n, noun);
	printf(" %s", more);
	*any = true;
}

static void print_opens(bool any, uint64_t ms)
{
	char when[32];

	say_when(ms, false, when);
	printf("%sits window opens %s", any ? ", " : ": ", when);
}

/* "sent 1.2 MiB, the last 3 minutes ago" */
static void print_carried(struct json_object *o, const char *verb,
	const char *size, const char *at, uint64_t now_ms)
{
	uint64_t ms = tree_get_number(o, at);

	printf("%s ", verb);
	bytes(tree_get_number(o, size));
	if (!ms)
		return;
	printf(", the last ");
	age(ms < now_ms ? (now_ms - ms) / 1000 : 0);
	printf(" ago");
}

/* What was done over a link, or in calls of the peer's. */
static void print_calls(struct json_object *o, uint64_t now_ms)
{
	struct json_object *last = json_object_object_get(o, "last");

	if (!last)
		return;
	printf("      ");
	print_carried(o, "sent", "sent_bytes", "sent_ms", now_ms);
	printf("; ");
	print_carried(o, "received", "received_bytes", "received_ms", now_ms);
	printf("\n      last call: %s", tree_get_text(last, "outcome"));
	if (tree_get_text(last, "why")[0])
		printf(" (%s)", tree_get_text(last, "why"));
	printf(", ");
	age(tree_get_number(last, "ago_s"));
	printf(" ago, took ");
	age(tree_get_number(last, "took_s"));
	printf(", ");
	count(tree_get_number(last, "sent_bytes"), "byte");
	printf(" out, %" PRIu64 " in; ",
		tree_get_number(last, "received_bytes"));
	count(tree_get_number(o, "count"), "call");
	if (tree_get_number(o, "failed"))
		printf(", %" PRIu64 " of them to no good end",
			tree_get_number(o, "failed"));
	printf("\n");
}

static void print_under_way(struct json_object *o)
{
	if (tree_get_text(o, "medium")[0]) {
		printf("      under way on medium %s: ",
			tree_get_text(o, "medium"));
		count(tree_get_number(o, "bundles"), "bundle");
		printf(", ");
	} else {
		printf("      not yet known to have arrived: ");
	}
	count(tree_get_number(o, "changes"), "change");
	if (tree_get_number(o, "bodies"))
		printf(", %" PRIu64 " bod%s", tree_get_number(o, "bodies"),
			tree_get_number(o, "bodies") == 1 ? "y" : "ies");
	printf("\n");
}

static void print_estimate(struct json_object *link)
{
	if (!json_object_object_get(link, "clears_s"))
		return;
	printf("      all that waits takes about ");
	age(tree_get_number(link, "clears_s"));
	printf(", at ");
	bytes(tree_get_number(json_object_object_get(link, "calls"), "speed"));
	printf(" a second as last measured\n");
}

static void print_budget(struct json_object *link)
{
	char when[32];

	for (size_t i = 0; i < tree_length(link, "budget"); i++) {
		struct json_object *o = tree_item(link, "budget", i);
		AUTO_FREE char *most =
			config_size_text(tree_get_number(o, "bytes"));

		say_when(tree_get_number(o, "until_ms"), true, when);
		if (strcmp(tree_get_text(o, "span"), "call") == 0)
			printf("      budget: %s a call\n", most);
		else
			printf("      budget: %" PRIu64
			       " bytes of %s a %s spent, until %s\n",
				tree_get_number(o, "spent"), most,
				tree_get_text(o, "span"), when);
	}
	if (!tree_get_number(link, "budget_used_until_ms"))
		return;
	say_when(tree_get_number(link, "budget_used_until_ms"), true, when);
	printf("      budget used up until %s: what is left waits\n", when);
}

static void print_worth(struct json_object *link, uint64_t now_ms)
{
	uint64_t by = tree_get_number(link, "call_by_ms");
	char when[32];

	if (!tree_get_number(link, "worth"))
		return;
	if (by && by <= now_ms) {
		printf("      next call: as soon as it can be\n");
		return;
	}
	AUTO_FREE char *worth =
		config_size_text(tree_get_number(link, "worth"));
	say_when(by, true, when);
	printf("      next call: when %s wait%s%s\n", worth,
		by ? ", at the latest " : "", by ? when : "");
}

static void print_link(struct json_object *link, uint64_t now_ms)
{
	const char *why = tree_get_text(link, "why");
	bool any = false;

	printf("    link%s%s via %s", tree_get_text(link, "name")[0] ? " " : "",
		tree_get_text(link, "name"), tree_get_text(link, "via"));
	if (why[0])
		printf(": %s%s",
			tree_get_true(link, "there") ? "" : "not there: ", why);
	said(&any, tree_get_number(link, "for_us"), "bundle", "to collect");
	said(&any, tree_get_number(link, "for_peer"), "bundle",
		"not collected yet");
	said(&any, tree_get_number(link, "incomplete"), "bundle",
		"incomplete (being copied, or cut off: its sender hands it "
		"over again)");
	said(&any, tree_get_number(link, "unfetched"), "bundle",
		"too large for the room here");
	said(&any, tree_get_number(link, "strangers"), "bundle",
		"of strangers");
	if (tree_get_number(link, "opens_ms"))
		print_opens(any, tree_get_number(link, "opens_ms"));
	printf("\n");
	print_budget(link);
	print_worth(link, now_ms);
	print_calls(json_object_object_get(link, "calls"), now_ms);
	for (size_t i = 0; i < tree_length(link, "under_way"); i++)
		print_under_way(tree_item(link, "under_way", i));
	print_estimate(link);
}

static void print_peer(struct json_object *p, uint64_t now_ms)
{
	printf("  peer %s%s, origin %s\n", tree_get_text(p, "name"),
		tree_get_true(p, "oneway") ? " (oneway)" : "",
		tree_get_text(p, "origin"));
	for (size_t i = 0; i < tree_length(p, "accounts_refused"); i++)
		printf("    account %s: there is none of that name here: what "
		       "it sends of it is left out\n",
			json_object_get_string(
				tree_item(p, "accounts_refused", i)));
	if (tree_get_number(p, "parcels_early"))
		printf("    in the inbox: %" PRIu64
		       " that wait for what is before them\n",
			tree_get_number(p, "parcels_early"));
	if (tree_get_number(p, "parcels_kept"))
		printf("    in the inbox: %" PRIu64 " kept back\n",
			tree_get_number(p, "parcels_kept"));
	for (size_t i = 0; i < tree_length(p, "links"); i++)
		print_link(tree_item(p, "links", i), now_ms);
	struct json_object *answered = json_object_object_get(p, "answered");
	if (json_object_object_get(answered, "last")) {
		printf("    calls from there\n");
		print_calls(answered, now_ms);
	}
	for (size_t i = 0; i < tree_length(p, "accounts"); i++)
		print_lag(
			tree_item(p, "accounts", i), tree_get_true(p, "sends"));
}

static void print_refusal(struct json_object *r)
{
	char first[32], last[32];

	format_time(r, "first_ms", first);
	format_time(r, "last_ms", last);
	printf("  refused: %s: %s, %" PRIu64 " time%s since %s, last %s (%s)\n",
		tree_get_text(r, "who"), tree_get_text(r, "why"),
		tree_get_number(r, "count"),
		tree_get_number(r, "count") == 1 ? "" : "s", first, last,
		tree_get_text(r, "last"));
}

static void print_expelled(struct json_object *p)
{
	char when[32];

	format_time(p, "since_ms", when);
	printf("  peer %s, origin %s: expelled on %.10s\n",
		tree_get_text(p, "name"), tree_get_text(p, "origin"), when);
}

static void print_logs(struct json_object *o)
{
	if (!o)
		return;
	printf("  logs: ");
	bytes(tree_get_number(o, "bytes"));
	printf(", at most ");
	bytes(tree_get_number(o, "cap"));
	if (json_object_object_get(o, "cut_s")) {
		printf("; ");
		age(tree_get_number(o, "cut_s"));
		printf(" ago segments were removed for want of room that peers "
		       "had not applied");
	}
	printf("\n");
}

/* While it changes its key. */
static void print_keys(struct json_object *tree)
{
	const char *between = " still used with ";

	if (!tree_get_true(tree, "key_former_kept"))
		return;
	printf("  new key, number %" PRIu64 " after the first; the old one is",
		tree_get_number(tree, "key_serial"));
	for (size_t i = 0; i < tree_length(tree, "peers"); i++) {
		if (tree_get_true(tree_item(tree, "peers", i), "knows_our_key"))
			continue;
		printf("%s%s", between,
			tree_get_text(tree_item(tree, "peers", i), "name"));
		between = ", ";
	}
	printf("%s\n", *between == ',' ? "" : " used with none any more");
}

void status_print(struct json_object *tree)
{
	printf("site %s, origin %s, state %s\n", tree_get_text(tree, "site"),
		tree_get_text(tree, "origin"), tree_get_text(tree, "state"));
	print_keys(tree);
	for (size_t i = 0; i < tree_length(tree, "accounts"); i++)
		print_account(tree_item(tree, "accounts", i));
	if (!tree_length(tree, "accounts"))
		printf("  no account: no mail folder fits the configuration\n");
	print_logs(json_object_object_get(tree, "logs"));
	for (size_t i = 0; i < tree_length(tree, "peers"); i++)
		print_peer(tree_item(tree, "peers", i),
			tree_get_number(tree, "now_ms"));
	for (size_t i = 0; i < tree_length(tree, "expelled"); i++)
		print_expelled(tree_item(tree, "expelled", i));
	for (size_t i = 0; i < tree_length(tree, "refusals"); i++)
		print_refusal(tree_item(tree, "refusals", i));
	for (size_t i = 0; i < tree_length(tree, "operator"); i++)
		printf("needs an operator: %s\n",
			json_object_get_string(tree_item(tree, "operator", i)));
}
