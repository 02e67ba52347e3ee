#include "gap_json.h"

#include "status_tree.h"

static void add_lost(const struct site *s, struct json_object *o,
	const struct gap *g, struct arena *arena)
{
	struct json_object *lacking = json_object_new_array();

	tree_hex(o, "origin", g->log.origin);
	tree_number(o, "first", g->first);
	tree_number(o, "last", g->last);
	tree_true(o, "lacked_here", g->lacked_here);
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
		tree_text(o, "peer", gaptext_peer(s, g->peer, arena));
	else
		json_object_object_add(o, "peer", NULL);
	tree_number(o, "messages", g->ours.messages);
	tree_hex(o, "digest", g->ours.digest);
	tree_number(o, "their_messages", g->theirs.messages);
	tree_hex(o, "their_digest", g->theirs.digest);
}

static void add_damaged(struct json_object *o, const struct gap *g)
{
	struct json_object *mails = json_object_new_array();

	for (size_t i = 0; i < g->mail_count; i++) {
		struct json_object *mail = json_object_new_object();

		tree_number(mail, "uid", g->mails[i].uid);
		tree_text(mail, "base", g->mails[i].base);
		tree_text(mail, "damage", damage_text(g->mails[i].damage));
		json_object_array_add(mails, mail);
	}
	json_object_object_add(o, "mails", mails);
}

struct json_object *gap_json(
	const struct site *s, const char *account, const struct gap *g)
{
	static const char *const kinds[] = {
		"lost", "differs", "damaged", "split", "unsure"};
	AUTO_ARENA struct arena arena = {0};
	struct json_object *o = json_object_new_object();

	tree_text(o, "account", account);
	tree_text(o, "folder", gaptext_folder(g, &arena));
	tree_text(o, "kind", kinds[g->kind - GAP_LOST]);
	tree_text(o, "reason", g->reason);
	tree_number(o, "since_ms", (uint64_t)g->since_ms);
	if (g->kind == GAP_LOST)
		add_lost(s, o, g, &arena);
	else if (g->kind == GAP_SPLIT)
		tree_text(o, "peer", gaptext_peer(s, g->peer, &arena));
	else if (g->kind == GAP_DIFFERS)
		add_differs(s, o, g, &arena);
	else if (g->kind == GAP_DAMAGED)
		add_damaged(o, g);
	return o;
}
