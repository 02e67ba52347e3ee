#include "status_metrics.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "tree.h"

/* Whose figure it is, and so where in the tree it stands. */
enum whose {
	OF_SITE,
	OF_ACCOUNTS,  /* summed up */
	OF_PEER,      /* of its accounts, summed up */
	OF_PEER_MOST, /* of its accounts, the largest */
	OF_ANSWERED,  /* calls that it made to this site */
	OF_LINK,
	OF_CALLS /* of a link */
};
enum unit {
	AS_IT_IS,
	FROM_MS,  /* a time in ms, told in seconds */
	AGO_S,	  /* an age, told as the time; 0: there is none */
	HOW_MANY, /* entries of an array */
	COUNTED	  /* "count" of each of them, summed up */
};

static const struct metric {
	enum whose whose;
	const char *key;
	enum unit unit;
	const char *name; /* behind "packetboat_" */
	const char *type, *help;
} metrics[] = {
	{OF_SITE, "now_ms", FROM_MS, "status_timestamp_seconds", "gauge",
		"When this was looked at."},
	{OF_SITE, "operator", HOW_MANY, "operator_needed", "gauge",
		"Things that need an operator."},
	{OF_SITE, "refused", AS_IT_IS, "refused_parcels", "gauge",
		"Parcels that were refused and lie in the state directory."},
	{OF_SITE, "refusals", COUNTED, "refusals_total", "counter",
		"What strangers and peers sent or called, and was refused."},
	{OF_SITE, "free_bytes", AS_IT_IS, "free_bytes", "gauge",
		"Free space of the state's file system."},
	{OF_ACCOUNTS, "messages", AS_IT_IS, "messages", "gauge",
		"Messages, of all accounts."},
	{OF_ACCOUNTS, "bytes", AS_IT_IS, "messages_bytes", "gauge",
		"Bytes of the messages, of all accounts."},
	{OF_ACCOUNTS, "awaited", AS_IT_IS, "awaited_messages", "gauge",
		"Messages whose body is to come."},
	{OF_ACCOUNTS, "late", AS_IT_IS, "late_messages", "gauge",
		"Messages placed with a UID of this site only."},
	{OF_ACCOUNTS, "unplaced", AS_IT_IS, "unplaced_messages", "gauge",
		"Messages not placed whole."},
	{OF_ACCOUNTS, "gaps", HOW_MANY, "gaps", "gauge",
		"What is missing or differs at somebody."},
	{OF_PEER, "lag_changes", AS_IT_IS, "peer_lag_changes", "gauge",
		"Changes of this site that the peer does not know."},
	{OF_PEER, "lag_bytes", AS_IT_IS, "peer_lag_bytes", "gauge",
		"Bytes of the messages among them."},
	{OF_PEER_MOST, "lag_s", AGO_S, "peer_lag_since_timestamp_seconds",
		"gauge", "When the oldest of them was made; 0: there is none."},
	{OF_PEER, "not_applied_there", AS_IT_IS, "peer_unapplied_changes",
		"gauge", "Changes that the peer knows and has not placed."},
	{OF_PEER_MOST, "not_applied_there_s", AGO_S,
		"peer_unapplied_since_timestamp_seconds", "gauge",
		"When the oldest of them was made; 0: there is none."},
	{OF_PEER, "bodies_wanted_there", AS_IT_IS, "peer_wanted_bodies",
		"gauge", "Bodies that the peer waits for."},
	{OF_PEER, "bodies_wanted_there_bytes", AS_IT_IS, "peer_wanted_bytes",
		"gauge", "Bytes of them that it lacks."},
	{OF_PEER, "held", AS_IT_IS, "peer_held_bodies", "gauge",
		"Bodies that are too large for a link and wait."},
	{OF_PEER, "held_bytes", AS_IT_IS, "peer_held_bytes", "gauge",
		"Bytes of them."},
	{OF_PEER, "not_applied_here", AS_IT_IS, "peer_received_unapplied",
		"gauge", "Changes of the peer that are not placed here."},
	{OF_ANSWERED, "sent_bytes", AS_IT_IS, "answered_sent_bytes_total",
		"counter", "Bytes that went to the peer in calls of its own."},
	{OF_ANSWERED, "received_bytes", AS_IT_IS,
		"answered_received_bytes_total", "counter",
		"Bytes that came from the peer in calls of its own."},
	{OF_ANSWERED, "count", AS_IT_IS, "answered_calls_total", "counter",
		"Calls of the peer that no link via \"answer:\" counts."},
	{OF_ANSWERED, "done_ms", FROM_MS, "answered_done_timestamp_seconds",
		"gauge", "When one of them last came to a good end."},
	{OF_LINK, "there", AS_IT_IS, "link_up", "gauge",
		"Whether the carrier is there, or the live link up."},
	{OF_LINK, "for_us", AS_IT_IS, "link_bundles_to_collect", "gauge",
		"Bundles of the peer on the carrier."},
	{OF_LINK, "for_peer", AS_IT_IS, "link_bundles_not_collected", "gauge",
		"Bundles for the peer on the carrier."},
	{OF_LINK, "opens_ms", FROM_MS, "link_opens_timestamp_seconds", "gauge",
		"When its next window opens; 0: it is open, or never."},
	{OF_LINK, "budget_left", AS_IT_IS, "link_budget_left_bytes", "gauge",
		"Bytes that its budget still allows."},
	{OF_LINK, "clears_s", AS_IT_IS, "link_clear_seconds", "gauge",
		"Estimate until the peer has everything, by this link."},
	{OF_CALLS, "sent_bytes", AS_IT_IS, "link_sent_bytes_total", "counter",
		"Bytes that went to the peer."},
	{OF_CALLS, "received_bytes", AS_IT_IS, "link_received_bytes_total",
		"counter", "Bytes that came from the peer."},
	{OF_CALLS, "count", AS_IT_IS, "link_calls_total", "counter",
		"Calls over the link."},
	{OF_CALLS, "failed", AS_IT_IS, "link_calls_failed_total", "counter",
		"Calls that came to no good end."},
	{OF_CALLS, "done_ms", FROM_MS, "link_done_timestamp_seconds", "gauge",
		"When a call last came to a good end."},
	{OF_CALLS, "speed", AS_IT_IS, "link_speed_bytes_per_second", "gauge",
		"How fast bytes went, as last measured."},
};

/* ---- values ---- */

static uint64_t sum_of_counts(struct json_object *list)
{
	uint64_t n = 0;

	for (size_t i = 0; i < json_object_array_length(list); i++)
		n += tree_get_number(
			json_object_array_get_idx(list, i), "count");
	return n;
}

/* Returns false where there is none. */
static bool value_of(
	const struct metric *m, struct json_object *o, uint64_t *ret)
{
	struct json_object *value = json_object_object_get(o, m->key);

	if (!value)
		return false;
	*ret = m->unit == HOW_MANY  ? json_object_array_length(value)
	       : m->unit == COUNTED ? sum_of_counts(value)
	       : m->unit == FROM_MS ? json_object_get_uint64(value) / 1000
	       : json_object_is_type(value, json_type_boolean)
		       ? (uint64_t)json_object_get_boolean(value)
		       : json_object_get_uint64(value);
	return true;
}

static uint64_t over_accounts(const struct metric *m, struct json_object *of)
{
	struct json_object *list = json_object_object_get(of, "accounts");
	size_t count = list ? json_object_array_length(list) : 0;
	uint64_t all = 0, n;

	for (size_t i = 0; i < count; i++) {
		if (!value_of(m, json_object_array_get_idx(list, i), &n))
			continue;
		if (m->whose != OF_PEER_MOST)
			all += n;
		else if (n > all)
			all = n;
	}
	return all;
}

/* So it stays true while nothing is written. */
static uint64_t moment(
	const struct metric *m, struct json_object *tree, uint64_t value)
{
	struct json_object *now = json_object_object_get(tree, "now_ms");

	return m->unit == AGO_S && value
		       ? json_object_get_uint64(now) / 1000 - value
		       : value;
}

/* ---- text ---- */

/* name="value", escaped as the format wants it. */
static void label(struct buf *b, const char *name, struct json_object *o)
{
	const char *at =
		json_object_get_string(json_object_object_get(o, "name"));

	buf_printf(b, "%s=\"", name);
	for (; at && *at; at++) {
		if (*at == '\n')
			buf_add_str(b, "\\n");
		else if (*at == '"' || *at == '\\')
			buf_printf(b, "\\%c", *at);
		else
			buf_add_byte(b, (uint8_t)*at);
	}
	buf_add_byte(b, '"');
}

static void sample(struct buf *b, const struct metric *m,
	struct json_object *peer, struct json_object *link, uint64_t value)
{
	buf_printf(b, "packetboat_%s", m->name);
	if (peer) {
		buf_add_byte(b, '{');
		label(b, "peer", peer);
		if (link) {
			buf_add_byte(b, ',');
			label(b, "link", link);
		}
		buf_add_byte(b, '}');
	}
	buf_printf(b, " %" PRIu64 "\n", value);
}

static void add_links(
	struct buf *b, const struct metric *m, struct json_object *peer)
{
	struct json_object *list = json_object_object_get(peer, "links");
	size_t count = list ? json_object_array_length(list) : 0;
	uint64_t n;

	for (size_t i = 0; i < count; i++) {
		struct json_object *link = json_object_array_get_idx(list, i);
		struct json_object *of =
			m->whose == OF_CALLS
				? json_object_object_get(link, "calls")
				: link;

		if (value_of(m, of, &n))
			sample(b, m, peer, link, n);
	}
}

static void add_answered(
	struct buf *b, const struct metric *m, struct json_object *peer)
{
	uint64_t n;

	if (value_of(m, json_object_object_get(peer, "answered"), &n))
		sample(b, m, peer, NULL, n);
}

static void add_peers(
	struct buf *b, const struct metric *m, struct json_object *tree)
{
	struct json_object *list = json_object_object_get(tree, "peers");
	size_t count = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *peer = json_object_array_get_idx(list, i);

		if (m->whose == OF_LINK || m->whose == OF_CALLS)
			add_links(b, m, peer);
		else if (m->whose == OF_ANSWERED)
			add_answered(b, m, peer);
		else
			sample(b, m, peer, NULL,
				moment(m, tree, over_accounts(m, peer)));
	}
}

void status_metrics(struct json_object *tree, struct buf *ret)
{
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		const struct metric *m = &metrics[i];
		uint64_t n;

		buf_printf(ret,
			"# HELP packetboat_%s %s\n# TYPE packetboat_%s %s\n",
			m->name, m->help, m->name, m->type);
		if (m->whose == OF_ACCOUNTS)
			sample(ret, m, NULL, NULL, over_accounts(m, tree));
		else if (m->whose != OF_SITE)
			add_peers(ret, m, tree);
		else if (value_of(m, tree, &n))
			sample(ret, m, NULL, NULL, n);
	}
}
