#include "status_text.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "config.h"

static uint64_t number(struct json_object *o, const char *key)
{
	return json_object_get_uint64(json_object_object_get(o, key));
}

static const char *text(struct json_object *o, const char *key)
{
	const char *s = json_object_get_string(json_object_object_get(o, key));

	return s ? s : "";
}

static bool is_true(struct json_object *o, const char *key)
{
	return json_object_get_boolean(json_object_object_get(o, key));
}

static size_t length(struct json_object *o, const char *key)
{
	struct json_object *a = json_object_object_get(o, key);

	return a ? json_object_array_length(a) : 0;
}

static struct json_object *item(
	struct json_object *o, const char *key, size_t i)
{
	return json_object_array_get_idx(json_object_object_get(o, key), i);
}

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
	say_when(number(o, key), true, ret);
}

/* Mail that a peer expunged, and may not. */
static void print_kept(struct json_object *k)
{
	char last[32];

	printf("    folder %s: ", text(k, "folder"));
	count(number(k, "messages"), "message");
	if (!number(k, "last_ms")) {
		printf(" moved away and expunged by a peer stay%s here "
		       "(accept)\n",
			number(k, "messages") == 1 ? "s" : "");
		return;
	}
	format_time(k, "last_ms", last);
	printf(" that peer %s expunged stay%s here (accept), the last of %s\n",
		text(k, "peer"), number(k, "messages") == 1 ? "s" : "", last);
}

#define NAMED_MOST 5 /* folders in one line */

static bool is_of_peer(struct json_object *o, const char *peer)
{
	return strcmp(text(o, "peer"), peer) == 0;
}

/* All folders of a peer that are not accepted, where the first of them stands. */
static void print_not_accepted(struct json_object *a, size_t first)
{
	const char *peer = text(item(a, "not_accepted", first), "peer");
	uint64_t folders = 0, messages = 0;

	for (size_t i = 0; i < length(a, "not_accepted"); i++) {
		struct json_object *o = item(a, "not_accepted", i);

		if (!is_of_peer(o, peer))
			continue;
		if (i < first)
			return; /* told already */
		folders++;
		messages += number(o, "messages");
	}
	printf("    of peer %s not accepted (accept): ", peer);
	count(folders, "folder");
	printf(", ");
	count(messages, "message");
	folders = 0;
	for (size_t i = first; i < length(a, "not_accepted"); i++) {
		struct json_object *o = item(a, "not_accepted", i);

		if (!is_of_peer(o, peer) || folders++ >= NAMED_MOST)
			continue;
		printf("%s%s", folders == 1 ? ": " : ", ", text(o, "folder"));
		if (text(o, "lies_here")[0])
			printf(" (stays here as it is)");
	}
	printf("%s\n", folders > NAMED_MOST ? ", ..." : "");
}

static void print_folder(struct json_object *f)
{
	const char *between = "";

	printf("    folder %s: ", text(f, "path"));
	if (is_true(f, "off")) {
		printf("logging is off");
		between = "; ";
	}
	if (number(f, "guarded")) {
		printf("%s", between);
		count(number(f, "guarded"), "expunge");
		printf(" wait%s for the operator",
			number(f, "guarded") == 1 ? "s" : "");
		between = "; ";
	}
	if (number(f, "guarded_from_peers")) {
		printf("%s", between);
		count(number(f, "guarded_from_peers"), "expunge");
		printf(" by peers wait%s for the operator",
			number(f, "guarded_from_peers") == 1 ? "s" : "");
		between = "; ";
	}
	if (number(f, "guarded_not_shown")) {
		printf("%s", between);
		count(number(f, "guarded_not_shown"), "message");
		printf(" that peer %s no longer shows wait%s for the operator",
			text(f, "not_shown_by"),
			number(f, "guarded_not_shown") == 1 ? "s" : "");
		between = "; ";
	}
	if (text(f, "stopped")[0])
		printf("%sstopped: %s", between, text(f, "stopped"));
	printf("\n");
}

static void print_account(struct json_object *a)
{
	printf("  account %s: ", text(a, "name"));
	if (json_object_object_get(a, "begun") && !is_true(a, "begun")) {
		printf("nothing logged or received yet\n");
		return;
	}
	count(number(a, "folder_count"), "folder");
	printf(", ");
	count(number(a, "messages"), "message");
	printf(", ");
	bytes(number(a, "bytes"));
	printf("%s\n", is_true(a, "off") ? "; logging is off" : "");
	if (text(a, "stopped")[0])
		printf("    stopped: %s\n", text(a, "stopped"));
	if (text(a, "unread")[0])
		printf("    cannot be read: %s\n", text(a, "unread"));
	if (number(a, "awaited")) {
		printf("    waiting for bodies: ");
		count(number(a, "awaited"), "message");
		printf(", ");
		bytes(number(a, "awaited_bytes"));
		printf(", for ");
		age(number(a, "awaited_s"));
		printf("\n");
	}
	if (number(a, "to_place"))
		printf("    to be placed: %" PRIu64 "\n",
			number(a, "to_place"));
	if (number(a, "unplaced"))
		printf("    not placed whole: %" PRIu64 "\n",
			number(a, "unplaced"));
	if (number(a, "late"))
		printf("    late, with a UID of this site only: %" PRIu64 "\n",
			number(a, "late"));
	if (number(a, "late_at_peers"))
		printf("    late at peers, to get another UID: %" PRIu64 "\n",
			number(a, "late_at_peers"));
	if (number(a, "local_changes"))
		printf("    local changes, in folders whose home is not here, "
		       "not handed over: %" PRIu64 "\n",
			number(a, "local_changes"));
	if (number(a, "parked"))
		printf("    changes of messages not known yet: %" PRIu64 "\n",
			number(a, "parked"));
	for (size_t i = 0; i < length(a, "deleted_here"); i++)
		printf("    folder %s: deleted here; it lives on at its home\n",
			json_object_get_string(item(a, "deleted_here", i)));
	for (size_t i = 0; i < length(a, "kept"); i++)
		print_kept(item(a, "kept", i));
	for (size_t i = 0; i < length(a, "not_accepted"); i++)
		print_not_accepted(a, i);
	for (size_t i = 0; i < length(a, "folders"); i++)
		print_folder(item(a, "folders", i));
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
	uint64_t held = number(a, "held");
	uint64_t stuck = number(a, "held_stuck");

	if (held) {
		printf("; held here: ");
		bodies(held, number(a, "held_bytes"));
		if (number(a, "held_previews"))
			printf(", previews of %" PRIu64,
				number(a, "held_previews"));
	}
	if (stuck) {
		printf(", of them ");
		bodies(stuck, number(a, "held_stuck_bytes"));
		printf(" too large for every link: never sent unless released "
		       "(packetboat held)");
	}
	if (number(a, "held_released"))
		printf("; released: %" PRIu64, number(a, "held_released"));
	if (number(a, "held_handed_over"))
		printf("; held before, now handed over: %" PRIu64,
			number(a, "held_handed_over"));
}

static void print_unplaced(struct json_object *a)
{
	printf("; has not placed %" PRIu64 " of it",
		number(a, "not_applied_there"));
	if (!number(a, "not_applied_there_s"))
		return;
	printf(" since ");
	age(number(a, "not_applied_there_s"));
}

static void print_lag(struct json_object *a, bool sends)
{
	printf("    account %s: ", text(a, "name"));
	if (!sends) {
		printf("nothing is handed over (changes = \"receive\")");
	} else if (is_true(a, "refused_there")) {
		printf("nothing is handed over: there is no such account "
		       "there");
	} else if (number(a, "lag_changes")) {
		printf("lacks ");
		count(number(a, "lag_changes"), "change");
		printf(" (");
		count(number(a, "lag_messages"), "message");
		printf(", ");
		bytes(number(a, "lag_bytes"));
		printf(") since ");
		age(number(a, "lag_s"));
		if (number(a, "logs_from_state"))
			printf(", from the state: old segments are removed");
	} else {
		printf("has everything");
	}
	if (number(a, "not_applied_there"))
		print_unplaced(a);
	if (number(a, "bodies_wanted_there")) {
		printf("; waits for ");
		bodies(number(a, "bodies_wanted_there"),
			number(a, "bodies_wanted_there_bytes"));
	}
	print_held(a);
	printf("; received ");
	count(number(a, "received"), "change");
	if (number(a, "not_applied_here"))
		printf(", %" PRIu64 " of them not placed yet",
			number(a, "not_applied_here"));
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
	uint64_t ms = number(o, at);

	printf("%s ", verb);
	bytes(number(o, size));
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
	printf("\n      last call: %s", text(last, "outcome"));
	if (text(last, "why")[0])
		printf(" (%s)", text(last, "why"));
	printf(", ");
	age(number(last, "ago_s"));
	printf(" ago, took ");
	age(number(last, "took_s"));
	printf(", ");
	count(number(last, "sent_bytes"), "byte");
	printf(" out, %" PRIu64 " in; ", number(last, "received_bytes"));
	count(number(o, "count"), "call");
	if (number(o, "failed"))
		printf(", %" PRIu64 " of them to no good end",
			number(o, "failed"));
	printf("\n");
}

static void print_under_way(struct json_object *o)
{
	if (text(o, "medium")[0]) {
		printf("      under way on medium %s: ", text(o, "medium"));
		count(number(o, "bundles"), "bundle");
		printf(", ");
	} else {
		printf("      not yet known to have arrived: ");
	}
	count(number(o, "changes"), "change");
	if (number(o, "bodies"))
		printf(", %" PRIu64 " bod%s", number(o, "bodies"),
			number(o, "bodies") == 1 ? "y" : "ies");
	printf("\n");
}

static void print_estimate(struct json_object *link)
{
	if (!json_object_object_get(link, "clears_s"))
		return;
	printf("      all that waits takes about ");
	age(number(link, "clears_s"));
	printf(", at ");
	bytes(number(json_object_object_get(link, "calls"), "speed"));
	printf(" a second as last measured\n");
}

static void print_budget(struct json_object *link)
{
	char when[32];

	for (size_t i = 0; i < length(link, "budget"); i++) {
		struct json_object *o = item(link, "budget", i);
		AUTO_FREE char *most = config_size_text(number(o, "bytes"));

		say_when(number(o, "until_ms"), true, when);
		if (strcmp(text(o, "span"), "call") == 0)
			printf("      budget: %s a call\n", most);
		else
			printf("      budget: %" PRIu64
			       " bytes of %s a %s spent, until %s\n",
				number(o, "spent"), most, text(o, "span"),
				when);
	}
	if (!number(link, "budget_used_until_ms"))
		return;
	say_when(number(link, "budget_used_until_ms"), true, when);
	printf("      budget used up until %s: what is left waits\n", when);
}

static void print_worth(struct json_object *link, uint64_t now_ms)
{
	uint64_t by = number(link, "call_by_ms");
	char when[32];

	if (!number(link, "worth"))
		return;
	if (by && by <= now_ms) {
		printf("      next call: as soon as it can be\n");
		return;
	}
	AUTO_FREE char *worth = config_size_text(number(link, "worth"));
	say_when(by, true, when);
	printf("      next call: when %s wait%s%s\n", worth,
		by ? ", at the latest " : "", by ? when : "");
}

static void print_link(struct json_object *link, uint64_t now_ms)
{
	const char *why = text(link, "why");
	bool any = false;

	printf("    link%s%s via %s", text(link, "name")[0] ? " " : "",
		text(link, "name"), text(link, "via"));
	if (why[0])
		printf(": %s%s",
			is_true(link, "there") ? "" : "not there: ", why);
	said(&any, number(link, "for_us"), "bundle", "to collect");
	said(&any, number(link, "for_peer"), "bundle", "not collected yet");
	said(&any, number(link, "incomplete"), "bundle",
		"incomplete (being copied, or cut off: its sender hands it "
		"over again)");
	said(&any, number(link, "unfetched"), "bundle",
		"too large for the room here");
	said(&any, number(link, "strangers"), "bundle", "of strangers");
	if (number(link, "opens_ms"))
		print_opens(any, number(link, "opens_ms"));
	printf("\n");
	print_budget(link);
	print_worth(link, now_ms);
	print_calls(json_object_object_get(link, "calls"), now_ms);
	for (size_t i = 0; i < length(link, "under_way"); i++)
		print_under_way(item(link, "under_way", i));
	print_estimate(link);
}

static void print_peer(struct json_object *p, uint64_t now_ms)
{
	printf("  peer %s%s, origin %s\n", text(p, "name"),
		is_true(p, "oneway") ? " (oneway)" : "", text(p, "origin"));
	for (size_t i = 0; i < length(p, "accounts_refused"); i++)
		printf("    account %s: there is none of that name here: what "
		       "it sends of it is left out\n",
			json_object_get_string(item(p, "accounts_refused", i)));
	if (number(p, "parcels_early"))
		printf("    in the inbox: %" PRIu64
		       " that wait for what is before them\n",
			number(p, "parcels_early"));
	if (number(p, "parcels_kept"))
		printf("    in the inbox: %" PRIu64 " kept back\n",
			number(p, "parcels_kept"));
	for (size_t i = 0; i < length(p, "links"); i++)
		print_link(item(p, "links", i), now_ms);
	struct json_object *answered = json_object_object_get(p, "answered");
	if (json_object_object_get(answered, "last")) {
		printf("    calls from there\n");
		print_calls(answered, now_ms);
	}
	for (size_t i = 0; i < length(p, "accounts"); i++)
		print_lag(item(p, "accounts", i), is_true(p, "sends"));
}

static void print_refusal(struct json_object *r)
{
	char first[32], last[32];

	format_time(r, "first_ms", first);
	format_time(r, "last_ms", last);
	printf("  refused: %s: %s, %" PRIu64 " time%s since %s, last %s (%s)\n",
		text(r, "who"), text(r, "why"), number(r, "count"),
		number(r, "count") == 1 ? "" : "s", first, last,
		text(r, "last"));
}

static void print_expelled(struct json_object *p)
{
	char when[32];

	format_time(p, "since_ms", when);
	printf("  peer %s, origin %s: expelled on %.10s\n", text(p, "name"),
		text(p, "origin"), when);
}

static void print_logs(struct json_object *o)
{
	if (!o)
		return;
	printf("  logs: ");
	bytes(number(o, "bytes"));
	printf(", at most ");
	bytes(number(o, "cap"));
	if (json_object_object_get(o, "cut_s")) {
		printf("; ");
		age(number(o, "cut_s"));
		printf(" ago segments were removed for want of room that peers "
		       "had not applied");
	}
	printf("\n");
}

/* While it changes its key. */
static void print_keys(struct json_object *tree)
{
	const char *between = " still used with ";

	if (!is_true(tree, "key_former_kept"))
		return;
	printf("  new key, number %" PRIu64 " after the first; the old one is",
		number(tree, "key_serial"));
	for (size_t i = 0; i < length(tree, "peers"); i++) {
		if (is_true(item(tree, "peers", i), "knows_our_key"))
			continue;
		printf("%s%s", between, text(item(tree, "peers", i), "name"));
		between = ", ";
	}
	printf("%s\n", *between == ',' ? "" : " used with none any more");
}

void status_print(struct json_object *tree)
{
	printf("site %s, origin %s, state %s\n", text(tree, "site"),
		text(tree, "origin"), text(tree, "state"));
	print_keys(tree);
	for (size_t i = 0; i < length(tree, "accounts"); i++)
		print_account(item(tree, "accounts", i));
	if (!length(tree, "accounts"))
		printf("  no account: no mail folder fits the configuration\n");
	print_logs(json_object_object_get(tree, "logs"));
	for (size_t i = 0; i < length(tree, "peers"); i++)
		print_peer(item(tree, "peers", i), number(tree, "now_ms"));
	for (size_t i = 0; i < length(tree, "expelled"); i++)
		print_expelled(item(tree, "expelled", i));
	for (size_t i = 0; i < length(tree, "refusals"); i++)
		print_refusal(item(tree, "refusals", i));
	for (size_t i = 0; i < length(tree, "operator"); i++)
		printf("needs an operator: %s\n",
			json_object_get_string(item(tree, "operator", i)));
}
