/*
 * explain_tree: what was collected of one message, as a tree.
 */
#include <stdlib.h>

#include "damage.h"
#include "err.h"
#include "explain.h"
#include "gaptext.h"
#include "guarded.h"
#include "tree.h"
#include "viewed.h"

struct telling {
	struct explain *e;
	const struct story *story;
	const struct explain_logged *logged;
	struct json_object *tree;
	const struct change **changes; /* logged, then what else stands */
	size_t count;
};

/* ---- names ---- */

static const char *site_name(struct explain *e, uint64_t origin)
{
	return origin == e->site.key.pub.origin
		       ? e->site.config.site
		       : gaptext_peer(&e->site, origin, &e->arena);
}

/* A folder's name now, or its id where it has none. */
static const char *log_name(struct explain *e, const struct id128 *fid)
{
	struct replica_folder f;
	char hex[ID_HEX];

	if (replica_folder_by_fid(
		    e->account.replica, fid, &e->arena, &f, NULL) == 0 &&
		*f.path)
		return f.path;
	id_hex(fid, hex);
	return arena_dup(&e->arena, hex, ID_HEX - 1);
}

static const char *row_name(struct explain *e, int64_t folder)
{
	struct replica_folder f;

	if (!folder || replica_folder_by_row(e->account.replica, folder,
			       &e->arena, &f, NULL) != 0)
		return NULL;
	return *f.path ? f.path : log_name(e, &f.fid);
}

/* stamp 0: at first sight, or at birth. */
static void add_ms(struct json_object *o, uint64_t stamp)
{
	if (stamp)
		tree_number(o, "ms", STAMP_MS(stamp));
	else
		tree_text(o, "ms", NULL);
}

static void add_position(struct explain *e, struct json_object *o,
	const struct log_id *log, uint64_t lsn)
{
	tree_text(o, "site", site_name(e, log->origin));
	tree_hex(o, "origin", log->origin);
	tree_hex(o, "incarnation", log->incarnation);
	tree_text(o, "folder", log_name(e, &log->folder));
	tree_number(o, "lsn", lsn);
}

static struct json_object *add_to(struct json_object *in, const char *key)
{
	struct json_object *o = json_object_new_object();

	json_object_array_add(tree_array(in, key), o);
	return o;
}

/* ---- dots and registers ---- */

static void add_dots(struct telling *t)
{
	tree_array(t->tree, "dots");
	for (size_t i = 0; i < t->story->dot_count; i++) {
		const struct story_dot *d = &t->story->dots[i];
		struct json_object *o = add_to(t->tree, "dots");

		add_position(t->e, o, &d->dot.log, d->dot.lsn);
		tree_true(o, "dead", d->dead);
		if (!d->dead || !d->dead_by.lsn)
			continue;
		struct json_object *by = json_object_new_object();

		add_position(t->e, by, &d->dead_by.log, d->dead_by.lsn);
		add_ms(by, d->dead_by.stamp);
		json_object_object_add(o, "expunged", by);
	}
}

static const char *register_name(
	struct explain *e, const struct story_register *reg)
{
	static const char *const names[] = {
		[STORY_PLACE] = "place",
		[STORY_UID] = "uid",
		[STORY_EXTRA] = "fields",
		[STORY_GUID] = "guid",
	};
	AUTO_BUF struct buf text = BUF_INIT;

	if (reg->what != STORY_FLAG)
		return names[reg->what];
	buf_printf(&text, "flag %s", reg->name);
	return arena_dup(&e->arena, buf_str(&text), text.len);
}

static void fill_register(struct telling *t, struct json_object *o,
	const struct story_register *reg)
{
	tree_text(o, "what", register_name(t->e, reg));
	if (reg->what == STORY_FLAG)
		tree_true(o, "value", reg->value);
	add_position(t->e, o, &reg->by.log, reg->by.lsn);
	add_ms(o, reg->by.stamp);
}

static void add_registers(struct telling *t)
{
	tree_array(t->tree, "registers");
	for (size_t i = 0; i < t->story->register_count; i++)
		fill_register(t, add_to(t->tree, "registers"),
			&t->story->registers[i]);
}

/* ---- where it lies, and what is odd about that ---- */

static void add_merged(struct telling *t)
{
	const struct replica_message *m = &t->story->message;
	char hex[HASH_HEX];

	hash_hex(&m->hash, hex);
	tree_text(t->tree, "folder", row_name(t->e, m->folder));
	tree_text(t->tree, "name", m->base);
	tree_number(t->tree, "size", m->size);
	tree_text(t->tree, "body", hex);
	tree_text(t->tree, "flags", m->letters);
	tree_text(t->tree, "keywords", m->keywords);
	tree_number(t->tree, "uid", m->uid);
	if (!m->p_folder)
		return;
	struct json_object *here = json_object_new_object();

	json_object_object_add(t->tree, "here", here);
	tree_text(here, "folder", row_name(t->e, m->p_folder));
	tree_text(here, "name", m->p_base);
	tree_number(here, "uid", m->p_uid);
	tree_text(here, "flags", m->p_letters);
	tree_text(here, "keywords", m->p_keywords);
}

static struct json_object *say(
	struct telling *t, const char *is, const char *text)
{
	struct json_object *o = add_to(t->tree, "conditions");

	tree_text(o, "is", is);
	tree_text(o, "text", text);
	return o;
}

static void say_since(
	struct telling *t, const char *is, const char *text, int64_t ms)
{
	struct json_object *o = say(t, is, text);

	if (ms > 0)
		tree_number(o, "since_ms", (uint64_t)ms);
}

/* It lies here and is not to. */
static int say_leaving(struct telling *t, struct err *err)
{
	const struct replica_message *m = &t->story->message;
	struct guarded g;
	int rc = guarded_get(t->e->account.replica, m->p_folder, &g, err);

	if (rc < 0)
		return rc;
	if (t->story->preview)
		say(t, "preview", "stands for mail that is held back");
	else if (m->todo == MESSAGE_KEPT)
		say(t, "kept",
			"stays here: who removed it may not do that here");
	else if (g.waiting)
		say(t, "guarded",
			"its removal waits for packetboat guard accept");
	else
		say(t, "leaving", "is to be removed from here");
	if (t->story->out) {
		AUTO_FREE char *text = mem_printf(
			"%s shows it no more", site_name(t->e, t->story->out));

		say_since(t, "out", text, t->story->out_ms);
	}
	return 0;
}

static void say_absent(struct telling *t)
{
	const struct replica_message *m = &t->story->message;

	if (m->todo == MESSAGE_REFUSED)
		say(t, "refused",
			"not placed: the configuration does not accept its "
			"folder");
	else
		say_since(t, "awaited", "its body is awaited, or to be placed",
			m->waits_ms);
}

static void say_placed(struct telling *t)
{
	const struct replica_message *m = &t->story->message;

	if (m->uid && m->p_uid && m->uid != m->p_uid &&
		m->folder == m->p_folder) {
		AUTO_FREE char *text = mem_printf(
			"late: it has UID %u here, and is to have %u", m->p_uid,
			m->uid);

		say(t, "late", text);
	}
	if (m->todo == 1)
		say(t, "to_place", "what was merged is to be placed yet");
	if (m->todo == 2)
		say(t, "not_whole",
			"the store could not hold it as it was merged (a 27th "
			"keyword, a UID, a name)");
	if (m->damage)
		say_since(t, "damaged", damage_text((enum damage)m->damage),
			m->damage_ms);
}

static int add_conditions(struct telling *t, struct err *err)
{
	const struct replica_message *m = &t->story->message;
	int rc = 0;

	tree_array(t->tree, "conditions");
	if (!t->story->known)
		say(t, "gone",
			"expunged, and gone from here: tombstones are left");
	else if (m->dead && m->p_folder)
		rc = say_leaving(t, err);
	else if (m->dead)
		say(t, "gone", "expunged");
	else if (!m->p_folder)
		say_absent(t);
	else
		say_placed(t);
	for (size_t i = 0; i < t->story->late_count; i++) {
		const struct story_late *l = &t->story->late[i];
		AUTO_FREE char *text = mem_printf(
			"came to %s too late for UID %u (UIDNEXT there %u)",
			site_name(t->e, l->peer), l->uid, l->uidnext);

		say(t, "late_there", text);
	}
	return rc;
}

/* ---- changes ---- */

static int cmp_change(const void *a, const void *b)
{
	const struct change *const *x = a, *const *y = b;

	return write_id_cmp(&(*x)->by, &(*y)->by);
}

/* A change as it was logged says more than what stands of it. */
static void collect(struct telling *t)
{
	const struct change_batch *logged = &t->logged->changes;
	const struct change_batch *stands = &t->story->stands;

	t->changes = arena_alloc(&t->e->arena,
		(logged->count + stands->count + 1) * sizeof(struct change *));
	for (size_t i = 0; i < logged->count; i++)
		t->changes[t->count++] = &logged->items[i];
	for (size_t i = 0; i < stands->count; i++) {
		bool met = false;

		for (size_t j = 0; j < logged->count && !met; j++)
			met = write_id_is_at(
				&logged->items[j].by, &stands->items[i].by);
		if (!met)
			t->changes[t->count++] = &stands->items[i];
	}
	qsort(t->changes, t->count, sizeof(*t->changes), cmp_change);
}

static void add_change(
	struct explain *e, struct json_object *o, const struct change *c)
{
	AUTO_BUF struct buf text = BUF_INIT;

	change_print(c, &text);
	add_position(e, o, &c->by.log, c->by.lsn);
	add_ms(o, c->by.stamp);
	tree_text(o, "text", buf_str(&text));
}

static void add_lost(
	struct telling *t, struct json_object *o, const struct change *c)
{
	size_t *lost;
	size_t count = story_lost(t->story, c, &t->e->arena, &lost);

	tree_array(o, "lost");
	for (size_t i = 0; i < count; i++) {
		const struct story_register *reg =
			&t->story->registers[lost[i]];
		struct json_object *to = add_to(o, "lost");

		fill_register(t, to, reg);
		tree_true(to, "later", write_id_cmp(&reg->by, &c->by) > 0);
	}
}

static void add_changes(struct telling *t)
{
	tree_array(t->tree, "changes");
	for (size_t i = 0; i < t->count; i++) {
		const struct change *c = t->changes[i];
		struct json_object *o = add_to(t->tree, "changes");
		const struct change_batch *logged = &t->logged->changes;
		bool from_log =
			c >= logged->items && c < logged->items + logged->count;

		add_change(t->e, o, c);
		tree_text(o, "from", from_log ? "log" : "state");
		add_lost(t, o, c);
	}
	tree_array(t->tree, "parked");
	for (size_t i = 0; i < t->story->parked.count; i++)
		add_change(t->e, add_to(t->tree, "parked"),
			&t->story->parked.items[i]);
}

static void add_logs(struct telling *t)
{
	tree_array(t->tree, "logs");
	for (size_t i = 0; i < t->logged->log_count; i++) {
		const struct explain_log *l = &t->logged->logs[i];
		struct json_object *o = add_to(t->tree, "logs");

		add_position(t->e, o, &l->log.known.log, l->log.known.lsn);
		tree_number(o, "first", l->first);
	}
}

/* ---- peers ---- */

struct knows {
	uint64_t of, known, placed; /* changes that a peer is to be told */
};

/* Does this change go to a peer? Its own it has, what users change in a folder
   whose home is elsewhere stays here, and others' goes where it is passed on. */
static int is_told(
	struct telling *t, size_t peer, const struct change *c, struct err *err)
{
	const struct site *site = &t->e->site;

	if (c->by.log.origin == site->peers[peer].origin)
		return 0;
	if (c->by.log.origin != site->key.pub.origin)
		return (site->config.peers[peer].relay & RELAY_SEND) != 0;
	if (site->config.peers[peer].changes == CHANGES_RECEIVE)
		return 0;
	int rc = replica_is_home(
		t->e->account.replica, &c->by.log.folder, false, err);

	return rc <= 0 ? rc : 1;
}

static int count_known(struct telling *t, size_t peer, struct knows *k,
	struct json_object *o, struct err *err)
{
	uint64_t origin = t->e->site.peers[peer].origin;
	struct replica *r = t->e->account.replica;

	tree_array(o, "lacks");
	for (size_t i = 0; i < t->count; i++) {
		const struct change *c = t->changes[i];
		struct replica_log log;
		struct replica_ack ack = {0};
		int rc = is_told(t, peer, c, err);

		if (rc > 0)
			rc = replica_log_get(r, &c->by.log, false, &log, err);
		else if (rc == 0)
			continue;
		if (rc == 0)
			rc = replica_ack_get(r, origin, log.id, &ack, err);
		if (rc < 0)
			return rc;
		k->of++;
		k->known += ack.durable >= c->by.lsn;
		k->placed += ack.applied >= c->by.lsn;
		if (ack.durable < c->by.lsn)
			add_position(t->e, add_to(o, "lacks"), &c->by.log,
				c->by.lsn);
	}
	return 0;
}

static void add_want(struct telling *t, uint64_t peer, struct json_object *o)
{
	for (size_t i = 0; i < t->story->want_count; i++) {
		const struct story_want *w = &t->story->wants[i];

		if (w->peer != peer)
			continue;
		tree_text(o, "body", w->kept ? "held" : "awaited");
		tree_number(o, "body_from", w->offset);
		return;
	}
}

static int add_peer(struct telling *t, size_t peer, struct err *err)
{
	const struct config_peer *p = &t->e->site.config.peers[peer];
	uint64_t origin = t->e->site.peers[peer].origin;
	struct json_object *o = add_to(t->tree, "peers");
	struct knows k = {0};
	int hidden = 0;

	tree_text(o, "peer", p->name);
	if (t->story->known)
		hidden = view_hides_row(t->e->account.replica, origin,
			t->story->message.folder, err);
	if (hidden < 0)
		return hidden;
	tree_true(o, "hidden", hidden > 0);
	tree_true(o, "oneway", p->oneway);
	int rc = count_known(t, peer, &k, o, err);

	tree_number(o, "of", k.of);
	tree_number(o, "known", k.known);
	tree_number(o, "placed", k.placed);
	if (t->story->known)
		add_want(t, origin, o);
	return rc;
}

int explain_tree(struct explain *e, const struct story *s,
	const struct explain_logged *logged, struct json_object **ret,
	struct err *err)
{
	struct telling t = {.e = e,
		.story = s,
		.logged = logged,
		.tree = json_object_new_object()};
	int rc;

	collect(&t);
	tree_true(t.tree, "lives", s->known && !s->message.dead);
	add_dots(&t);
	if (s->known)
		add_merged(&t);
	rc = add_conditions(&t, err);
	add_registers(&t);
	add_changes(&t);
	add_logs(&t);
	tree_array(t.tree, "peers");
	for (size_t i = 0; rc >= 0 && i < e->site.config.peer_count; i++)
		if (site_granted(&e->site, i, e->account.name))
			rc = add_peer(&t, i, err);
	if (rc < 0)
		json_object_put(t.tree);
	else
		*ret = t.tree;
	return rc;
}
