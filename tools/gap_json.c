#include "gap_json.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>

static void add_text(struct json_object *to, const char *key, const char *text)
{
	json_object_object_add(to, key, json_object_new_string(text));
}

static void add_number(struct json_object *to, const char *key, uint64_t n)
{
	json_object_object_add(to, key, json_object_new_uint64(n));
}

static void add_hex(struct json_object *to, const char *key, uint64_t n)
{
	char hex[17];

	snprintf(hex, sizeof(hex), "%016" PRIx64, n);
	add_text(to, key, hex);
}

static void add_lost(const struct site *s, struct json_object *o,
	const struct gap *g, struct arena *arena)
{
	struct json_object *lacking = json_object_new_array();

	add_hex(o, "origin", g->log.origin);
	add_number(o, "first", g->first);
	add_number(o, "last", g->last);
	json_object_object_add(
		o, "lacked_here", json_object_new_boolean(g->lacked_here));
	for (size_t i = 0; i < g->lacking_count; i++)
		json_object_array_add(lacking,
			json_object_new_string(
				gaptext_peer(s, g->lacking[i], arena)));
	json_object_object_add(o, "lacking", lacking);
}

static void add_differs(const struct site *s, struct json_object *o,
	const struct gap *g, struct arena *arena)
{
	if (g->peer)
		add_text(o, "peer", gaptext_peer(s, g->peer, arena));
	else
		json_object_object_add(o, "peer", NULL);
	add_number(o, "messages", g->ours.messages);
	add_hex(o, "digest", g->ours.digest);
	add_number(o, "their_messages", g->theirs.messages);
	add_hex(o, "their_digest", g->theirs.digest);
}

static void add_damaged(struct json_object *o, const struct gap *g)
{
	struct json_object *mails = json_object_new_array();

	for (size_t i = 0; i < g->mail_count; i++) {
		struct json_object *mail = json_object_new_object();

		add_number(mail, "uid", g->mails[i].uid);
		add_text(mail, "base", g->mails[i].base);
		add_text(mail, "damage", damage_text(g->mails[i].damage));
		json_object_array_add(mails, mail);
	}
	json_object_object_add(o, "mails", mails);
}

struct json_object *gap_json(
	const struct site *s, const char *account, const struct gap *g)
{
	static const char *const kinds[] = {
		"lost", "differs", "damaged", "split"};
	AUTO_ARENA struct arena arena = {0};
	struct json_object *o = json_object_new_object();

	add_text(o, "account", account);
	add_text(o, "folder", gaptext_folder(g, &arena));
	add_text(o, "kind", kinds[g->kind - GAP_LOST]);
	add_text(o, "reason", g->reason);
	add_number(o, "since_ms", (uint64_t)g->since_ms);
	if (g->kind == GAP_LOST)
		add_lost(s, o, g, &arena);
	else if (g->kind == GAP_SPLIT)
		add_text(o, "peer", gaptext_peer(s, g->peer, &arena));
	else if (g->kind == GAP_DIFFERS)
		add_differs(s, o, g, &arena);
	else
		add_damaged(o, g);
	return o;
}
