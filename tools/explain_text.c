/*
 * explain_text: the tree of `packetboat explain` as text. Pure.
 *
 *	account alice, folder INBOX, 5: 1 message
 *
 *	message in INBOX, file 1.a, UID 5, 1234 bytes
 *	  dot        aurora INBOX 17
 *	  here       UID 5, flags S
 *	  changes
 *	    aurora INBOX: 17 2026-11-22T03:04:05.678 save 9d…:17 …
 *	    shore INBOX: 3 2026-11-22T03:05:00.000 flags 9d…:17 +S
 *	      overwritten: flag \S by aurora INBOX 19, 2026-11-22 …
 *	  peers
 *	    shore      knows 2 of 2 changes, has placed 1
 */
#include <string.h>
#include <time.h>

#include "explain.h"
#include "tree.h"

/* What no other site wrote for a terminal: names come from peers. */
static void add_safe(const char *s, struct buf *ret)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c == 0x7f)
			buf_printf(ret, "\\x%02x", c);
		else
			buf_add_byte(ret, c);
	}
}

static void add_ms(struct json_object *o, const char *key, struct buf *ret)
{
	int64_t ms = (int64_t)tree_get_number(o, key);
	time_t at = (time_t)(ms / 1000);
	char when[40];
	struct tm tm;

	if (ms && gmtime_r(&at, &tm) &&
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm))
		buf_add_str(ret, when);
	else
		buf_add_str(ret, "as it was first seen");
}

/* "aurora INBOX 17" */
static void add_position(struct json_object *o, struct buf *ret)
{
	add_safe(tree_get_text(o, "site"), ret);
	buf_add_byte(ret, ' ');
	add_safe(tree_get_text(o, "folder"), ret);
	buf_printf(ret, " %lld", (long long)tree_get_number(o, "lsn"));
}

/* ---- the message ---- */

/* "INBOX, file 1.a, UID 5" */
static void add_place(struct json_object *o, struct buf *ret)
{
	add_safe(tree_get_text(o, "folder"), ret);
	buf_add_str(ret, ", file ");
	add_safe(tree_get_text(o, "name"), ret);
	if (tree_get_number(o, "uid"))
		buf_printf(ret, ", UID %lld",
			(long long)tree_get_number(o, "uid"));
}

static void add_head(struct json_object *m, struct buf *ret)
{
	if (!json_object_object_get(m, "name")) {
		buf_add_str(ret, "\nmessage that is gone\n");
		return;
	}
	buf_add_str(ret, "\nmessage in ");
	add_place(m, ret);
	buf_printf(ret, ", %lld bytes%s\n",
		(long long)tree_get_number(m, "size"),
		tree_get_true(m, "lives") || !tree_length(m, "dots")
			? ""
			: ": expunged");
}

static void add_dots(struct json_object *m, struct buf *ret)
{
	for (size_t i = 0; i < tree_length(m, "dots"); i++) {
		struct json_object *d = tree_item(m, "dots", i);
		struct json_object *by = json_object_object_get(d, "expunged");

		buf_add_str(ret, "  dot        ");
		add_position(d, ret);
		if (tree_get_true(d, "dead"))
			buf_add_str(ret, ", expunged");
		if (by) {
			buf_add_str(ret, " by ");
			add_position(by, ret);
			buf_add_str(ret, ", ");
			add_ms(by, "ms", ret);
		}
		buf_add_byte(ret, '\n');
	}
}

static void add_here(struct json_object *m, struct buf *ret)
{
	struct json_object *here = json_object_object_get(m, "here");

	if (!here)
		return;
	buf_add_str(ret, "  here       ");
	add_place(here, ret);
	if (*tree_get_text(here, "flags")) {
		buf_add_str(ret, ", flags ");
		add_safe(tree_get_text(here, "flags"), ret);
	}
	if (*tree_get_text(here, "keywords")) {
		buf_add_str(ret, ", keywords ");
		add_safe(tree_get_text(here, "keywords"), ret);
	}
	buf_add_byte(ret, '\n');
}

static void add_conditions(struct json_object *m, struct buf *ret)
{
	for (size_t i = 0; i < tree_length(m, "conditions"); i++) {
		struct json_object *c = tree_item(m, "conditions", i);

		buf_add_str(ret, "  now        ");
		add_safe(tree_get_text(c, "text"), ret);
		if (json_object_object_get(c, "since_ms")) {
			buf_add_str(ret, ", since ");
			add_ms(c, "since_ms", ret);
		}
		buf_add_byte(ret, '\n');
	}
}

/* ---- changes ---- */

static void add_lost(struct json_object *c, struct buf *ret)
{
	for (size_t i = 0; i < tree_length(c, "lost"); i++) {
		struct json_object *to = tree_item(c, "lost", i);

		buf_printf(ret, "      %s: ",
			tree_get_true(to, "later") ? "overwritten"
						   : "did not count");
		add_safe(tree_get_text(to, "what"), ret);
		buf_add_str(ret,
			tree_get_true(to, "later") ? " by " : "; it is as ");
		add_position(to, ret);
		buf_add_str(ret, tree_get_true(to, "later") ? ", " : " says, ");
		add_ms(to, "ms", ret);
		buf_add_byte(ret, '\n');
	}
}

static void add_changes(struct json_object *m, const char *key,
	const char *title, struct buf *ret)
{
	for (size_t i = 0; i < tree_length(m, key); i++) {
		struct json_object *c = tree_item(m, key, i);

		if (i == 0)
			buf_printf(ret, "  %s\n", title);
		buf_add_str(ret, "    ");
		add_safe(tree_get_text(c, "site"), ret);
		buf_add_byte(ret, ' ');
		add_safe(tree_get_text(c, "folder"), ret);
		buf_printf(ret, ": %s\n", tree_get_text(c, "text"));
		add_lost(c, ret);
	}
}

/* ---- peers, and what is not known ---- */

static void add_peer(struct json_object *p, struct buf *ret)
{
	buf_add_str(ret, "    ");
	add_safe(tree_get_text(p, "peer"), ret);
	if (tree_get_true(p, "hidden")) {
		buf_add_str(ret, "  is not shown its folder\n");
		return;
	}
	if (!tree_get_number(p, "of")) {
		buf_add_str(ret, "  nothing of it goes there from here\n");
		return;
	}
	buf_printf(ret, "  %s %lld of %lld changes, has placed %lld",
		tree_get_true(p, "oneway") ? "was handed" : "knows",
		(long long)tree_get_number(p, "known"),
		(long long)tree_get_number(p, "of"),
		(long long)tree_get_number(p, "placed"));
	if (json_object_object_get(p, "body"))
		buf_printf(ret, "; its body is %s",
			strcmp(tree_get_text(p, "body"), "held") == 0
				? "held back (packetboat held)"
				: "awaited there");
	buf_add_byte(ret, '\n');
	for (size_t i = 0; i < tree_length(p, "lacks"); i++) {
		buf_add_str(ret, "      lacks ");
		add_position(tree_item(p, "lacks", i), ret);
		buf_add_byte(ret, '\n');
	}
}

static void add_unknown(
	struct json_object *m, const char *self, struct buf *ret)
{
	bool others = false;

	for (size_t i = 0; i < tree_length(m, "logs"); i++) {
		struct json_object *l = tree_item(m, "logs", i);

		if (tree_get_number(l, "first") <= 1)
			continue;
		buf_add_str(
			ret, "  not known  what was overwritten before lsn ");
		buf_printf(ret, "%lld of ",
			(long long)tree_get_number(l, "first"));
		add_safe(tree_get_text(l, "folder"), ret);
		buf_add_str(ret, ": our log was tidied away up to there\n");
	}
	for (size_t i = 0; i < tree_length(m, "changes"); i++)
		others |= strcmp(tree_get_text(
					 tree_item(m, "changes", i), "site"),
				  self) != 0;
	if (others)
		buf_add_str(ret, "  not known  what other sites wrote and was "
				 "overwritten "
				 "since: their logs are theirs\n");
}

static void add_message(
	struct json_object *m, const char *self, struct buf *ret)
{
	add_head(m, ret);
	add_dots(m, ret);
	add_here(m, ret);
	add_conditions(m, ret);
	add_changes(m, "changes", "changes, by site and log", ret);
	add_changes(m, "parked", "changes that wait until it is moved", ret);
	if (tree_length(m, "peers"))
		buf_add_str(ret, "  peers\n");
	for (size_t i = 0; i < tree_length(m, "peers"); i++)
		add_peer(tree_item(m, "peers", i), ret);
	add_unknown(m, self, ret);
}

void explain_text(struct json_object *tree, struct buf *ret)
{
	size_t count = tree_length(tree, "messages");

	buf_printf(ret, "account %s, folder ", tree_get_text(tree, "account"));
	add_safe(tree_get_text(tree, "folder"), ret);
	buf_add_str(ret, ", ");
	add_safe(tree_get_text(tree, "wanted"), ret);
	buf_printf(ret, ": %zu message%s", count, count == 1 ? "" : "s");
	if (*tree_get_text(tree, "home")) {
		buf_add_str(ret, "; UIDs are given by ");
		add_safe(tree_get_text(tree, "home"), ret);
	}
	buf_add_byte(ret, '\n');
	for (size_t i = 0; i < tree_length(tree, "notes"); i++) {
		buf_add_str(ret, "note: ");
		add_safe(json_object_get_string(tree_item(tree, "notes", i)),
			ret);
		buf_add_byte(ret, '\n');
	}
	for (size_t i = 0; i < count; i++)
		add_message(tree_item(tree, "messages", i),
			tree_get_text(tree, "site"), ret);
}
