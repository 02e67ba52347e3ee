#include "simstore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "os.h"
#include "simdisk.h"
#include "simmachine.h"

#define JOURNAL "/mail/journal" /* every step of ours is a write here */
#define RACY_NS INT64_C(10000000)

struct simstore {
	struct store store;
	struct mail_server *server;
	int journal;
};

struct staged {
	const struct mail_body *body;
	int64_t mtime;
	uint64_t ino; /* of the message it is linked to; 0: a file of its own */
};

struct store_stage {
	struct simstore *s;
	struct staged *bodies;
	size_t count;
	bool synced;
};

enum op_kind { OP_FLAGS, OP_EXPUNGE, OP_REPLACE, OP_UID };

struct op {
	enum op_kind kind;
	const char *base, *letters, *keywords, *extra;
	uint32_t uid;
	size_t staged; /* of a replacement */
};

struct store_txn {
	struct simstore *s;
	char path[MAIL_PATH];
	bool build;
	struct store_stage *stage;
	struct store_view view;
	struct arena arena;
	struct store_add *adds;
	size_t add_count;
	struct op *ops;
	size_t op_count;
	bool has_identity, lost_keyword;
	struct store_identity identity;
};

static struct simstore *of(struct store *s)
{
	return (struct simstore *)s;
}

/* A call that the disk counts, and may fail or be the last. */
static int step(struct simstore *s, struct err *err)
{
	int rc = s->store.os->ops->fdatasync(s->store.os, s->journal);

	return rc < 0 ? err_set_os(err, -rc, "simulated mail") : 0;
}

/* One that changes nothing: only a dead machine fails. */
static int look(struct simstore *s, struct err *err)
{
	struct os_stat st;
	int rc = s->store.os->ops->fstat(s->store.os, s->journal, &st);

	return rc < 0 ? err_set_os(err, -rc, "simulated mail") : 0;
}

static void complain(struct simstore *s, const char *folder, const char *what,
	const char *base)
{
	if (!s->server->complaint[0])
		snprintf(s->server->complaint, sizeof(s->server->complaint),
			"folder %.60s: %s: %.80s", folder, what, base);
}

static int find_folder(struct simstore *s, const char *path,
	struct mail_folder **ret, struct err *err)
{
	int rc = look(s, err);

	if (rc < 0)
		return rc;
	*ret = mail_folder_find(s->server, path);
	return *ret ? 0
		    : err_set(err, ERR_ABSENT, "folder %s: not there", path);
}

/* ---- reading ---- */

static void op_close(struct store *store)
{
	struct simstore *s = of(store);

	s->store.os->ops->close(s->store.os, s->journal);
	free(s);
}

static int op_marker(
	struct store *store, bool make, struct store_marker *ret,
	struct err *err)
{
	struct simstore *s = of(store);
	int rc = look(s, err);
	bool made = false;

	if (rc >= 0 && !s->server->has_marker) {
		if (!make)
			return err_set(err, ERR_ABSENT, "no marker");
		rc = step(s, err);
		if (rc >= 0) {
			store->os->ops->random(store->os, &s->server->marker,
				sizeof(s->server->marker));
			made = s->server->has_marker = true;
		}
	}
	if (rc >= 0)
		*ret = (struct store_marker){.id = s->server->marker,
			.made_ns = (int64_t)s->server->folders[0].ino};
	return rc < 0 ? rc : made;
}

static void cookie_of(struct simstore *s, const struct mail_folder *f,
	struct store_cookie *ret)
{
	int64_t now = s->store.os->ops->wall_ns(s->store.os);

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->b, &f->version, sizeof(f->version));
	memcpy(ret->b + 8, &f->ino, sizeof(f->ino));
	ret->racy = f->changed_ns <= now && f->changed_ns > now - RACY_NS;
}

static int by_path(const void *a, const void *b)
{
	const struct store_folder *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int op_list(struct store *store, struct store_list *ret, struct err *err)
{
	struct simstore *s = of(store);
	const struct mail_server *m = s->server;
	int rc = look(s, err);

	*ret = (struct store_list){0};
	if (rc < 0)
		return rc;
	ret->folders = arena_alloc(
		&ret->arena, (m->folder_count + 1) * sizeof(*ret->folders));
	for (size_t i = 0; i < m->folder_count; i++) {
		const struct mail_folder *f = &m->folders[i];
		struct store_folder *to = &ret->folders[ret->folder_count++];

		to->path = arena_dup(&ret->arena, f->path, strlen(f->path));
		to->ino = f->ino;
		to->has_cookie = true;
		cookie_of(s, f, &to->cookie);
	}
	qsort(ret->folders, ret->folder_count, sizeof(*ret->folders), by_path);
	ret->subscribed = arena_alloc(&ret->arena,
		(m->subscribed_count + 1) * sizeof(*ret->subscribed));
	for (size_t i = 0; i < m->subscribed_count; i++)
		ret->subscribed[ret->subscribed_count++] =
			arena_dup(&ret->arena, m->subscribed[i],
				strlen(m->subscribed[i]));
	return 0;
}

static int op_cookie(struct store *store, const char *path,
	struct store_cookie *ret, struct err *err)
{
	struct mail_folder *f;
	int rc = find_folder(of(store), path, &f, err);

	if (rc >= 0)
		cookie_of(of(store), f, ret);
	return rc;
}

static void identity_of(const struct mail_folder *f, struct arena *arena,
	struct store_identity *ret)
{
	*ret = (struct store_identity){.has_uids = true,
		.uidvalidity = f->uidvalidity,
		.uidnext = f->uidnext,
		.has_guid = true,
		.guid = f->guid,
		.extra = arena_dup(arena, f->extra, strlen(f->extra))};
}

static int op_identity(struct store *store, const char *path,
	struct arena *arena, struct store_identity *ret, struct err *err)
{
	struct mail_folder *f;
	int rc = find_folder(of(store), path, &f, err);

	if (rc >= 0)
		identity_of(f, arena, ret);
	return rc;
}

static char *keep(struct arena *arena, const char *text)
{
	return arena_dup(arena, text, strlen(text));
}

static void view_message(
	struct arena *arena, const struct mail *m, struct store_message *ret)
{
	char name[MAIL_NAME + 64];
	char letters[STORE_KEYWORDS_MAX + 1];
	size_t len = 0;

	for (int i = 0; i < STORE_KEYWORDS_MAX; i++)
		if (m->keywords >> i & 1)
			letters[len++] = (char)('a' + i);
	letters[len] = '\0';
	if (m->in_new)
		snprintf(name, sizeof(name), "%s", m->base);
	else
		snprintf(name, sizeof(name), "%s:2,%s%s", m->base, m->letters,
			letters);
	*ret = (struct store_message){.base = keep(arena, m->base),
		.name = keep(arena, name),
		.letters = keep(arena, m->letters),
		.extra = keep(arena, m->extra),
		.keywords = m->keywords,
		.uid = m->uid,
		.ino = m->ino,
		.in_new = m->in_new};
}

static void view_of(struct simstore *s, const struct mail_folder *f,
	bool locked, struct store_view *ret)
{
	struct arena *arena = &ret->arena;

	identity_of(f, arena, &ret->identity);
	cookie_of(s, f, &ret->cookie);
	for (int i = 0; i < STORE_KEYWORDS_MAX; i++)
		if (f->keywords[i][0])
			ret->keywords[i] = keep(arena, f->keywords[i]);
	ret->messages =
		arena_alloc(arena, (f->count + 1) * sizeof(*ret->messages));
	for (size_t i = 0; i < f->count; i++)
		view_message(arena, &f->mails[i], &ret->messages[i]);
	ret->count = f->count;
	ret->pending =
		arena_alloc(arena, (f->line_count + 1) * sizeof(*ret->pending));
	for (size_t i = 0; i < f->line_count; i++)
		ret->pending[i] = (struct store_pending){
			keep(arena, f->lines[i].base), f->lines[i].uid};
	ret->pending_count = f->line_count;
	ret->locked = locked;
	ret->dir_ctime_ns = f->changed_ns;
}

static int op_view(struct store *store, const char *path,
	enum store_view_how how, struct store_view *ret, struct err *err)
{
	struct mail_folder *f;
	int rc = find_folder(of(store), path, &f, err);

	*ret = (struct store_view){0};
	if (rc >= 0)
		view_of(of(store), f, how == STORE_LOCKED, ret);
	return rc;
}

static void stat_of(const struct mail *m, struct store_stat *ret)
{
	*ret = (struct store_stat){m->body->len, m->mtime, m->ctime_ns, m->ino};
}

static int find_mail(struct simstore *s, const char *path, const char *base,
	struct mail **ret, struct err *err)
{
	struct mail_folder *f;
	int rc = find_folder(s, path, &f, err);

	if (rc < 0)
		return rc;
	*ret = mail_by_base(f, base);
	return *ret ? 0 : err_set(err, ERR_ABSENT, "%s: not there", base);
}

static int op_stat(struct store *store, const char *path,
	const struct store_message *m, struct store_stat *ret, struct err *err)
{
	struct mail *found;
	int rc = find_mail(of(store), path, m->base, &found, err);

	if (rc >= 0)
		stat_of(found, ret);
	return rc;
}

/* Bodies are put on the disk when somebody first wants to read them. */
static int op_open(struct store *store, const char *path, const char *base,
	const char *name_hint, int *ret_fd, struct store_stat *ret,
	struct err *err)
{
	struct os *os = store->os;
	struct mail *found, m;
	char file[64];
	int fd, rc = find_mail(of(store), path, base, &found, err);

	(void)name_hint;
	if (rc < 0)
		return rc;
	if (of(store)->server->hidden && !--of(store)->server->hidden)
		return err_set(err, ERR_ABSENT, "%s: renamed just now", base);
	m = *found; /* users may be at work while it is opened */
	snprintf(file, sizeof(file), "/mail/%llu",
		(unsigned long long)m.body->number);
	fd = os->ops->open(os, file, O_RDONLY, 0);
	if (fd == -ENOENT) {
		simdisk_put(sim_disk(os), file, m.body->data, m.body->len);
		fd = os->ops->open(os, file, O_RDONLY, 0);
	}
	if (fd < 0)
		return err_set_os(err, -fd, "%s", file);
	*ret_fd = fd;
	stat_of(&m, ret);
	return 0;
}

static int op_sync(struct store *store, const char *path, struct err *err)
{
	struct simstore *s = of(store);
	struct mail_folder *f;
	int rc = step(s, err);

	if (rc >= 0)
		rc = find_folder(s, path, &f, err);
	if (rc >= 0)
		mail_synced(s->server, f);
	return rc;
}

/* ---- staging ---- */

static int op_stage_begin(struct store *store, const char *path,
	struct store_stage **ret, struct err *err)
{
	struct mail_folder *f;
	int rc = path ? find_folder(of(store), path, &f, err)
		      : look(of(store), err);

	if (rc < 0)
		return rc;
	*ret = mem_alloc(sizeof(**ret));
	(*ret)->s = of(store);
	return 0;
}

static int read_body(struct simstore *s, const struct store_body *body,
	const struct mail_body **ret, struct err *err)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct os *os = s->store.os;
	struct os_stat st;
	int rc = os->ops->fstat(os, body->fd, &st);

	if (rc < 0)
		return err_set_os(err, -rc, "body");
	if ((uint64_t)st.size != body->size)
		return err_set(err, ERR_CORRUPT, "body of another size");
	rc = os_read_all(os, body->fd, buf_room(&bytes, body->size + 1),
		body->size, 0, "body", err);
	struct hash is = hash_of(bytes.data, rc < 0 ? 0 : body->size);
	if (rc >= 0 && body->hash && memcmp(is.b, body->hash->b, HASH_SIZE))
		rc = err_set(err, ERR_CORRUPT, "not that body");
	if (rc >= 0)
		*ret = mailbag_take(s->server->bag, bytes.data, body->size);
	return rc;
}

static int op_stage_add(struct store_stage *st, const struct store_body *body,
	size_t *ret_index, struct err *err)
{
	struct staged b = {.mtime = body->mtime};
	struct mail *m;
	int rc;

	if (body->fd >= 0) {
		rc = read_body(st->s, body, &b.body, err);
	} else {
		rc = find_mail(st->s, body->path, body->base, &m, err);
		if (rc >= 0) {
			b.body = m->body;
			if (m->mtime == body->mtime)
				b.ino = m->ino;
		}
	}
	if (rc >= 0 && b.body->len != body->size)
		rc = err_set(err, ERR_CORRUPT, "body of another size");
	if (rc >= 0)
		rc = step(st->s, err);
	if (rc < 0)
		return rc;
	st->bodies = mem_grow(st->bodies, st->count + 1, sizeof(*st->bodies));
	st->bodies[st->count] = b;
	*ret_index = st->count++;
	return 0;
}

static int op_stage_sync(struct store_stage *st, struct err *err)
{
	int rc = step(st->s, err);

	st->synced = rc >= 0;
	return rc;
}

static void op_stage_end(struct store_stage *st)
{
	free(st->bodies);
	free(st);
}

/* ---- a transaction ---- */

static int op_txn_begin(struct store *store, const char *path, bool build,
	struct store_stage *stage, struct store_txn **ret, struct err *err)
{
	struct simstore *s = of(store);
	int rc = step(s, err);
	struct mail_folder *f = mail_folder_find(s->server, path);
	struct store_txn *t;

	if (rc < 0)
		return rc;
	if (build && f)
		return err_set(err, ERR_CONFLICT, "folder %s is there", path);
	if (!build && !f)
		return err_set(err, ERR_ABSENT, "folder %s: not there", path);
	if (strlen(path) >= MAIL_PATH)
		return err_set(err, ERR_USAGE, "folder %s: too long", path);
	t = *ret = mem_alloc(sizeof(*t));
	s->server->locked++;
	t->s = s;
	mail_text(t->path, sizeof(t->path), path);
	t->build = build;
	t->stage = stage;
	if (f)
		view_of(s, f, true, &t->view);
	else
		t->view.identity =
			(struct store_identity){.has_uids = true, .extra = ""};
	return 0;
}

static const struct store_view *op_txn_view(struct store_txn *t)
{
	return &t->view;
}

static void op_txn_add(struct store_txn *t, const struct store_add *add)
{
	struct store_add *to;

	t->adds = mem_grow(t->adds, t->add_count + 1, sizeof(*t->adds));
	to = &t->adds[t->add_count++];
	*to = *add;
	to->base = keep(&t->arena, add->base);
	to->letters = keep(&t->arena, add->letters);
	to->keywords = keep(&t->arena, add->keywords);
	to->extra = keep(&t->arena, add->extra);
}

static struct op *note(struct store_txn *t, enum op_kind kind, const char *base)
{
	t->ops = mem_grow(t->ops, t->op_count + 1, sizeof(*t->ops));
	t->ops[t->op_count] =
		(struct op){.kind = kind, .base = keep(&t->arena, base)};
	return &t->ops[t->op_count++];
}

static void op_txn_flags(struct store_txn *t, const char *base,
	const char *letters, const char *keywords)
{
	struct op *o = note(t, OP_FLAGS, base);

	o->letters = keep(&t->arena, letters);
	o->keywords = keep(&t->arena, keywords);
}

static void op_txn_expunge(struct store_txn *t, const char *base)
{
	note(t, OP_EXPUNGE, base);
}

static void op_txn_replace(struct store_txn *t, const char *base, size_t staged)
{
	note(t, OP_REPLACE, base)->staged = staged;
}

static void op_txn_uid(
	struct store_txn *t, const char *base, uint32_t uid, const char *extra)
{
	struct op *o = note(t, OP_UID, base);

	o->uid = uid;
	o->extra = extra ? keep(&t->arena, extra) : NULL;
}

static void op_txn_identity(
	struct store_txn *t, const struct store_identity *identity)
{
	t->identity = *identity;
	t->identity.extra =
		identity->extra ? keep(&t->arena, identity->extra) : NULL;
	t->has_identity = true;
}

/* ---- the commit ---- */

/* The folder as it is being changed: aside, where it is built. */
struct committing {
	struct store_txn *t;
	struct mail_folder *f;
	struct mail_folder built;
	uint32_t before; /* UIDNEXT */
	bool renumber;
};

static uint32_t keywords_of(
	struct committing *c, const char *names, bool *ret_lost)
{
	uint32_t bits = 0;

	while (*names) {
		size_t len = strcspn(names, " ");
		int number = mail_keyword_number(c->f, names, len, true);

		if (number >= 0)
			bits |= UINT32_C(1) << number;
		else
			*ret_lost = true;
		names += len + (names[len] == ' ');
	}
	return bits;
}

static void commit_keywords(struct committing *c)
{
	struct store_txn *t = c->t;

	for (size_t i = 0; i < t->add_count; i++)
		keywords_of(c, t->adds[i].keywords, &t->lost_keyword);
	for (size_t i = 0; i < t->op_count; i++)
		if (t->ops[i].kind == OP_FLAGS)
			keywords_of(c, t->ops[i].keywords, &t->lost_keyword);
}

static void check_uid(struct committing *c, uint32_t uid, const char *base)
{
	const struct mail_line *line = mail_line_find(c->f, base);

	if (!c->renumber && uid < c->before && (!line || line->uid != uid))
		complain(c->t->s, c->t->path, "a UID below UIDNEXT", base);
}

static void raise_uidnext(struct mail_folder *f, uint32_t uid)
{
	if (uid >= f->uidnext)
		f->uidnext = uid + 1;
}

static void commit_identity(struct committing *c)
{
	const struct store_identity *id = &c->t->identity;
	struct mail_folder *f = c->f;

	if (!c->t->has_identity)
		return;
	if (id->uidvalidity && id->uidvalidity != f->uidvalidity) {
		c->renumber = true;
		f->uidvalidity = id->uidvalidity;
		f->uidnext = 1;
	}
	if (f->uidvalidity >= c->t->s->server->next_uidvalidity)
		c->t->s->server->next_uidvalidity = f->uidvalidity + 1;
	if (id->has_guid)
		f->guid = id->guid;
	if (id->uidnext > f->uidnext)
		f->uidnext = id->uidnext;
	if (id->extra)
		mail_text(f->extra, sizeof(f->extra), id->extra);
}

/* UIDs, and lines for those that are to be added. */
static void commit_uids(struct committing *c)
{
	struct store_txn *t = c->t;
	struct mail_folder *f = c->f;

	c->before = f->uidnext;
	commit_identity(c);
	for (size_t i = 0; i < t->op_count; i++) {
		struct op *o = &t->ops[i];
		struct mail *m = mail_by_base(f, o->base);

		if (o->kind != OP_UID || !m)
			continue;
		if (o->uid != m->uid)
			check_uid(c, o->uid, o->base);
		m->uid = o->uid;
		if (o->extra)
			mail_text(m->extra, sizeof(m->extra), o->extra);
		raise_uidnext(f, o->uid);
	}
	for (size_t i = 0; i < t->add_count; i++) {
		struct store_add *a = &t->adds[i];

		if (!a->uid)
			a->uid =
				f->uidnext > c->before ? f->uidnext : c->before;
		else
			check_uid(c, a->uid, a->base);
		raise_uidnext(f, a->uid);
	}
	/* Lines that nobody takes up are dropped. */
	f->line_count = 0;
	for (size_t i = 0; i < t->add_count; i++)
		mail_line_add(f, t->adds[i].base, t->adds[i].uid);
	for (size_t i = 1; i < f->count; i++)
		for (size_t k = 0; k < i; k++)
			if (f->mails[i].uid &&
				f->mails[i].uid == f->mails[k].uid)
				complain(t->s, t->path, "one UID twice",
					f->mails[i].base);
}

static void place_add(struct committing *c, const struct store_add *a)
{
	struct mail_server *server = c->t->s->server;
	const struct staged *b = &c->t->stage->bodies[a->staged];
	struct mail m = {.body = b->body, .mtime = b->mtime, .uid = a->uid};
	bool lost;

	if (!c->t->stage->synced)
		complain(c->t->s, c->t->path, "not durable", a->base);
	if (strlen(a->base) >= MAIL_NAME || mail_by_base(c->f, a->base)) {
		complain(c->t->s, c->t->path, "a name that is taken", a->base);
		return;
	}
	mail_text(m.base, sizeof(m.base), a->base);
	mail_text(m.letters, sizeof(m.letters), a->letters);
	mail_text(m.extra, sizeof(m.extra), a->extra);
	m.keywords = keywords_of(c, a->keywords, &lost);
	m.ino = b->ino ? b->ino : server->next_ino++;
	m.ctime_ns = server->os->ops->wall_ns(server->os);
	mail_add(c->f, &m);
	mail_line_remove(c->f, mail_line_find(c->f, a->base));
}

static void into_trash(struct mail_server *server, const struct mail *m)
{
	server->trash =
		mem_grow(server->trash, server->trash_count + 1, sizeof(*m));
	server->trash[server->trash_count] = *m;
	server->trash[server->trash_count++].ctime_ns =
		server->os->ops->wall_ns(server->os);
}

static void change(struct committing *c, const struct op *o)
{
	struct mail_server *server = c->t->s->server;
	struct mail *m = mail_by_base(c->f, o->base);
	bool lost;

	if (!m)
		return;
	if (o->kind == OP_EXPUNGE) {
		into_trash(server, m);
		mail_remove(c->f, m);
		return;
	}
	if (o->kind == OP_REPLACE) {
		const struct staged *b = &c->t->stage->bodies[o->staged];

		into_trash(server, m);
		m->body = b->body;
		m->mtime = b->mtime;
		m->ino = b->ino ? b->ino : server->next_ino++;
		m->ctime_ns = server->os->ops->wall_ns(server->os);
		return;
	}
	mail_text(m->letters, sizeof(m->letters), o->letters);
	m->keywords = keywords_of(c, o->keywords, &lost);
	m->ctime_ns = server->os->ops->wall_ns(server->os);
	m->in_new = false;
}

static int commit_messages(struct committing *c, struct err *err)
{
	struct store_txn *t = c->t;
	struct mail_server *server = t->s->server;
	static const enum op_kind order[] = {OP_REPLACE, OP_FLAGS, OP_EXPUNGE};
	int rc = 0;

	for (size_t i = 0; i < t->add_count && rc >= 0; i++) {
		rc = step(t->s, err);
		if (rc >= 0)
			place_add(c, &t->adds[i]);
		mail_touch(server, c->f);
	}
	for (size_t k = 0; k < 3; k++)
		for (size_t i = 0; i < t->op_count && rc >= 0; i++) {
			if (t->ops[i].kind != order[k])
				continue;
			rc = step(t->s, err);
			if (rc >= 0)
				change(c, &t->ops[i]);
			mail_touch(server, c->f);
		}
	return rc;
}

static int commit_steps(struct committing *c, struct err *err)
{
	struct simstore *s = c->t->s;
	int rc = step(s, err);

	if (rc >= 0) {
		commit_keywords(c);
		rc = step(s, err);
	}
	if (rc >= 0) {
		commit_uids(c);
		mail_touch(s->server, c->f);
		rc = commit_messages(c, err);
	}
	return rc < 0 ? rc : step(s, err);
}

/* Built aside: it is seen when it is whole. */
static int commit_build(struct committing *c, struct err *err)
{
	struct mail_server *server = c->t->s->server;
	struct mail_folder *f;
	int rc;

	c->built.uidnext = 1;
	c->f = &c->built;
	rc = commit_steps(c, err);
	if (rc >= 0) {
		if (!c->built.uidvalidity)
			c->built.uidvalidity = server->next_uidvalidity++;
		f = mail_folder_add(server, c->t->path);
		c->built.ino = f->ino;
		mail_text(c->built.path, sizeof(c->built.path), c->t->path);
		*f = c->built;
		mail_touch(server, f);
		return step(c->t->s, err);
	}
	free(c->built.mails);
	free(c->built.lines);
	return rc;
}

static int op_txn_commit(struct store_txn *t, struct err *err)
{
	struct committing c = {.t = t};
	int rc;

	if (t->build) {
		rc = commit_build(&c, err);
	} else {
		c.f = mail_folder_find(t->s->server, t->path);
		rc = commit_steps(&c, err);
		if (rc >= 0)
			mail_synced(t->s->server, c.f);
	}
	return rc < 0 ? rc : t->lost_keyword;
}

static void op_txn_end(struct store_txn *t)
{
	t->s->server->locked--;
	store_view_free(&t->view);
	arena_free(&t->arena);
	free(t->adds);
	free(t->ops);
	free(t);
}

/* ---- folders ---- */

static int op_rename(
	struct store *store, const char *from, const char *to, struct err *err)
{
	struct mail_server *server = of(store)->server;
	int rc = step(of(store), err);

	if (rc < 0)
		return rc;
	if (strlen(to) >= MAIL_PATH / 2)
		return err_set(err, ERR_USAGE, "folder %s: too long", to);
	if (!mail_folder_find(server, from))
		return mail_folder_find(server, to)
			       ? 0
			       : err_set(err, ERR_ABSENT,
					 "folder %s: not there", from);
	if (!mail_rename(server, from, to))
		return err_set(err, ERR_CONFLICT, "folder %s is there", to);
	return 0;
}

static int op_remove(struct store *store, const char *path, struct err *err)
{
	struct mail_server *server = of(store)->server;
	int rc = step(of(store), err);
	struct mail_folder *f = mail_folder_find(server, path);

	if (rc < 0 || !f)
		return rc;
	for (size_t i = 0; i < f->count; i++)
		into_trash(server, &f->mails[i]);
	mail_folder_remove(server, f);
	return 0;
}

static int op_subscribe(
	struct store *store, const char *path, bool value, struct err *err)
{
	int rc = step(of(store), err);

	if (rc >= 0)
		mail_subscribe(of(store)->server, path, value);
	return rc;
}

static int op_trash_clean(
	struct store *store, int64_t age_s, uint64_t max_bytes, struct err *err)
{
	struct mail_server *server = of(store)->server;
	int64_t now = store->os->ops->wall_ns(store->os);
	uint64_t bytes = 0;
	size_t left = server->trash_count;
	int rc = step(of(store), err);

	if (rc < 0 || !server->trash_count)
		return rc;
	for (size_t i = server->trash_count; i-- > 0;) {
		const struct mail *m = &server->trash[i];

		bytes += m->body->len;
		if (bytes > max_bytes ||
			m->ctime_ns < now - age_s * INT64_C(1000000000))
			break;
		left = i;
	}
	memmove(server->trash, server->trash + left,
		(server->trash_count - left) * sizeof(*server->trash));
	server->trash_count -= left;
	return 0;
}

static const struct store_ops simstore_ops = {
	.close = op_close,
	.marker = op_marker,
	.list = op_list,
	.cookie = op_cookie,
	.identity = op_identity,
	.view = op_view,
	.stat = op_stat,
	.open = op_open,
	.sync = op_sync,
	.stage_begin = op_stage_begin,
	.stage_add = op_stage_add,
	.stage_sync = op_stage_sync,
	.stage_end = op_stage_end,
	.txn_begin = op_txn_begin,
	.txn_view = op_txn_view,
	.txn_add = op_txn_add,
	.txn_flags = op_txn_flags,
	.txn_expunge = op_txn_expunge,
	.txn_replace = op_txn_replace,
	.txn_uid = op_txn_uid,
	.txn_identity = op_txn_identity,
	.txn_commit = op_txn_commit,
	.txn_end = op_txn_end,
	.rename = op_rename,
	.remove = op_remove,
	.subscribe = op_subscribe,
	.trash_clean = op_trash_clean,
};

int simstore_open(
	struct mail_server *server, struct store **ret, struct err *err)
{
	struct os *os = server->os;
	struct simstore *s;
	struct os_stat st;
	int fd;

	if (os->ops->lstat(os, JOURNAL, &st) == -ENOENT)
		simdisk_put(sim_disk(os), JOURNAL, "", 0);
	fd = os->ops->open(os, JOURNAL, O_RDWR, 0);
	if (fd < 0)
		return err_set_os(err, -fd, JOURNAL);
	s = mem_alloc(sizeof(*s));
	s->store = (struct store){&simstore_ops, os};
	s->server = server;
	s->journal = fd;
	*ret = &s->store;
	return 0;
}
