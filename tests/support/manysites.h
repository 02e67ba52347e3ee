/*
 * manysites: a few sites that change one account's mail, each by what it
 * knows, and hear of each other's changes late and in any order; out of a
 * seeded generator. And a replica state as text, to compare two of them.
 *
 * Every site has a replica state and makes changes as capture makes them: of
 * messages that live here, stamped above what is known. The changes of each log
 * are kept as they were written. A site's account log is heard before its
 * folders' logs, as parcels bring them. What a message has of a dot that dies
 * alone depends on the order of the logs, so no such dot is made: twins are not
 * expunged, and moves that are logged as copies first are made of messages that
 * only their own site moves and expunges. Nor do two folders of one site become
 * one.
 */
#ifndef PB_MANYSITES_H
#define PB_MANYSITES_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "err.h"
#include "replica.h"
#include "simdisk.h"

#define SITES 3
#define LOGS_MAX 128

struct site_log {
	struct log_id id;
	struct change_batch batch;
	uint64_t heard[SITES]; /* lsn that each site knows */
};

struct many_site {
	struct simdisk *disk;
	struct replica *r;
	uint64_t origin, incarnation;
	uint64_t seeds; /* bits: which of the backup's mails it has saved */
	unsigned names; /* bits: which names it has given to folders */
};

struct many {
	uint64_t state;
	uint64_t ms; /* the clock */
	struct many_site sites[SITES];
	struct site_log logs[LOGS_MAX];
	size_t log_count;
	uint64_t bodies, names; /* that were made */
	struct err err;
};

#define MANY_MUST(m, expr)                                                     \
	do {                                                                   \
		if ((expr) < 0)                                                \
			fail_msg("%s:%d: %s", __FILE__, __LINE__,              \
				(m)->err.text);                                \
	} while (0)

static inline uint64_t many_u64(struct many *m)
{
	uint64_t z = m->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline uint64_t many_below(struct many *m, uint64_t n)
{
	return many_u64(m) % n;
}

static inline struct replica *many_replica(
	struct simdisk *disk, uint64_t origin, struct err *err)
{
	struct replica *r;

	if (replica_open(simdisk_os(disk), "/state.db", "a", origin, true, &r,
		    err) < 0)
		fail_msg("%s", err->text);
	sqlite3_exec(
		replica_db(r), "PRAGMA synchronous = OFF", NULL, NULL, NULL);
	return r;
}

/* ---- what a site knows ---- */

/* First column of the first row, as a number; 0 when there is none. */
static inline int64_t many_number(struct replica *r, const char *query)
{
	sqlite3_stmt *st;
	int64_t n = 0;

	if (sqlite3_prepare_v2(replica_db(r), query, -1, &st, NULL) !=
		SQLITE_OK)
		fail_msg("%s: %s", query, sqlite3_errmsg(replica_db(r)));
	if (sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

static inline int64_t many_random_row(
	struct many *m, struct replica *r, const char *from)
{
	AUTO_FREE char *count = mem_printf("SELECT count(*) FROM %s", from);
	int64_t n = many_number(r, count);

	if (!n)
		return 0;
	AUTO_FREE char *pick = mem_printf("SELECT id FROM %s ORDER BY id"
					  " LIMIT 1 OFFSET %" PRId64,
		from, (int64_t)many_below(m, (uint64_t)n));
	return many_number(r, pick);
}

static inline bool many_message(struct many *m, struct many_site *s,
	struct arena *arena, struct replica_message *ret)
{
	int64_t id = many_random_row(m, s->r, "message WHERE dead = 0");

	return id && replica_message_get(s->r, id, arena, ret, &m->err) == 0;
}

static inline bool many_folder(struct many *m, struct many_site *s,
	struct arena *arena, struct replica_folder *ret)
{
	int64_t id = many_random_row(m, s->r, "folder WHERE path <> ''");

	return id && replica_folder_by_row(s->r, id, arena, ret, &m->err) == 0;
}

static inline void many_folder_of(struct many *m, struct many_site *s,
	int64_t row, struct arena *arena, struct replica_folder *ret)
{
	MANY_MUST(m, replica_folder_by_row(s->r, row, arena, ret, &m->err));
}

/* ---- writing and hearing ---- */

static inline struct site_log *many_log(struct many *m, const struct log_id *id)
{
	for (size_t i = 0; i < m->log_count; i++)
		if (log_id_cmp(&m->logs[i].id, id) == 0)
			return &m->logs[i];
	assert_true(m->log_count < LOGS_MAX);
	m->logs[m->log_count] = (struct site_log){.id = *id};
	return &m->logs[m->log_count++];
}

/* Merge changes [from, to) of a log, and say how far it is known. */
static inline void many_merge(struct replica *r, const struct log_id *id,
	const struct change *items, size_t count, uint64_t lsn, struct err *err)
{
	struct replica_log log;
	int rc = replica_log_get(r, id, true, &log, err);

	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = replica_apply(r, &items[i], err);
	log.known.lsn = lsn;
	if (rc >= 0)
		rc = replica_log_set(r, &log, err);
	if (rc < 0)
		fail_msg("%s", err->text);
}

static inline struct change many_change(
	struct many *m, enum change_kind kind, uint64_t above)
{
	struct change c = change_blank(kind);

	m->ms += many_below(m, 3);
	c.by.stamp = STAMP_OF(m->ms, 0);
	if (c.by.stamp <= above)
		c.by.stamp = above + 1;
	return c;
}

static inline void many_put(struct many *m, struct many_site *s,
	const struct id128 *folder, struct change *c)
{
	struct log_id id = {s->origin, s->incarnation, *folder};
	struct site_log *log = many_log(m, &id);

	c->by.log = id;
	c->by.lsn = log->batch.count + 1;
	if (c->kind == CHANGE_SAVE || c->kind == CHANGE_COPY)
		c->dot = (struct dot){id, c->by.lsn};
	MANY_MUST(m, change_check(c, &m->err));
	change_copy(&log->batch, c);
	many_merge(s->r, &id, c, 1, c->by.lsn, &m->err);
	log->heard[s - m->sites] = c->by.lsn;
}

/* A site's account logs in their order, then its folders' logs. */
static inline bool many_comes_before(
	const struct log_id *a, const struct log_id *b)
{
	return a->origin == b->origin && id_is_account(&a->folder) &&
	       (!id_is_account(&b->folder) || a->incarnation < b->incarnation);
}

/* The site hears some of a log's next changes. */
static inline void many_hear(
	struct many *m, struct many_site *s, struct site_log *log, bool all)
{
	for (size_t i = 0; i < m->log_count; i++)
		if (many_comes_before(&m->logs[i].id, &log->id))
			many_hear(m, s, &m->logs[i], true);
	uint64_t *heard = &log->heard[s - m->sites];
	uint64_t left = log->batch.count - *heard;
	uint64_t n = all || !left ? left : 1 + many_below(m, left);

	if (!n)
		return;
	many_merge(s->r, &log->id, &log->batch.items[*heard], (size_t)n,
		*heard + n, &m->err);
	*heard += n;
}

/* ---- what users do ---- */

static inline const char *many_name(struct many *m)
{
	static const char *const names[] = {"Work", "Lists", "A/B", "Old", "C"};

	return names[many_below(m, 5)];
}

/* A name for a folder, that the site has given to none yet; or NULL. */
static inline const char *many_new_name(struct many *m, struct many_site *s)
{
	const char *name = many_name(m);
	unsigned bit = 1u << (name[0] - 'A');

	if (s->names & bit)
		return NULL;
	s->names |= bit;
	return name;
}

static inline void many_new_folder(struct many *m, struct many_site *s)
{
	struct change c = many_change(m, CHANGE_FOLDER, 0);
	struct id128 fid = {{(uint8_t)(1 + many_below(m, 250)),
		(uint8_t)s->origin, (uint8_t)m->ms}};

	c.folder = fid;
	c.path = many_new_name(m, s);
	if (!c.path)
		return;
	many_put(m, s, &ID_ACCOUNT, &c);
	c = many_change(m, CHANGE_AUTHORITY, 0);
	c.folder = fid;
	c.term = 1;
	c.site = s->origin;
	c.uidvalidity = (uint32_t)(1000 + m->ms % 1000);
	c.uidnext = 1;
	many_put(m, s, &ID_ACCOUNT, &c);
	c = many_change(m, CHANGE_IDENTITY, 0);
	c.folder = fid;
	c.uidvalidity = (uint32_t)(1000 + m->ms % 1000);
	c.uidnext = (uint32_t)many_below(m, 3);
	c.guid = fid;
	c.extra = many_below(m, 2) ? "Xheader" : "";
	many_put(m, s, &ID_ACCOUNT, &c);
}

static inline void many_change_folder(struct many *m, struct many_site *s)
{
	AUTO_ARENA struct arena arena = {0};
	char name[] = "New name/?";
	struct replica_folder f;
	struct change c;

	if (!many_folder(m, s, &arena, &f) || id_equal(&f.fid, &ID_INBOX))
		return;
	bool home = f.authority.site == s->origin;
	switch (many_below(m, home ? 5 : 2)) {
	case 4:
		c = many_change(m, CHANGE_RENAME, f.path_by.stamp);
		name[strlen(name) - 1] = (char)('A' + m->names++ % 26);
		c.path = name;
		break;
	case 1:
		c = many_change(m, CHANGE_DELETE, f.path_by.stamp);
		break;
	case 0:
		c = many_change(m, CHANGE_SUBSCRIBE, f.subscribed_by.stamp);
		c.value = !f.subscribed;
		break;
	case 2:
		c = many_change(m, CHANGE_IDENTITY, f.identity_by.stamp);
		c.uidvalidity = f.uidvalidity;
		c.uidnext = f.uidnext + (uint32_t)many_below(m, 2);
		c.guid = f.guid;
		c.extra = f.extra;
		break;
	default: /* made again, under its id */
		c = many_change(m, CHANGE_FOLDER, f.path_by.stamp);
		c.path = f.path;
		break;
	}
	c.folder = f.fid;
	many_put(m, s, &ID_ACCOUNT, &c);
}

static inline void many_subscribe_name(struct many *m, struct many_site *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_sub *subs;
	size_t count;
	struct change c;
	const char *name = many_name(m);
	uint64_t above = 0;

	MANY_MUST(m, replica_subs(s->r, &arena, &subs, &count, &m->err));
	for (size_t i = 0; i < count; i++)
		if (strcmp(subs[i].path, name) == 0)
			above = subs[i].by.stamp;
	c = many_change(m, CHANGE_SUBSCRIBE, above);
	c.path = name;
	c.value = many_below(m, 2);
	many_put(m, s, &ID_ACCOUNT, &c);
}

/* Two living folders with one name, if the site knows such. */
static inline void many_merge_names(struct many *m, struct many_site *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder x, y;
	int64_t a, b;

	if (replica_same_name(s->r, &a, &b, &m->err) != 0)
		return;
	many_folder_of(m, s, a, &arena, &x);
	many_folder_of(m, s, b, &arena, &y);
	struct change c = many_change(m, CHANGE_MERGE, 0);
	c.folder = x.fid;
	c.other = y.fid;
	many_put(m, s, &ID_ACCOUNT, &c);
}

static inline uint32_t many_uid(
	const struct many_site *s, const struct replica_folder *f)
{
	if (f->authority.site != s->origin)
		return 0;
	return f->uidnext ? f->uidnext : 1;
}

static inline const char *many_fields_text(struct many *m)
{
	static const char *const fields[] = {
		"", "P7", "G1.2.3", "P9", "Gx P9", "O5"};

	return fields[many_below(m, 6)];
}

static inline void many_body(struct many *m, struct change *c, uint64_t body)
{
	memcpy(c->hash.b, &body, sizeof(body));
	c->size = 100 + body % 1000;
	c->mtime = (int64_t)(1700000000 + body);
	c->add.letters = many_below(m, 2) ? "S" : "";
	c->add.keywords = many_below(m, 4) ? "" : "$Junk";
	c->extra = many_below(m, 3) ? "" : many_fields_text(m);
}

static inline void many_save(struct many *m, struct many_site *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	struct change c = many_change(m, CHANGE_SAVE, 0);

	if (!many_folder(m, s, &arena, &f))
		return;
	many_body(m, &c, ++m->bodies);
	AUTO_FREE char *base = mem_printf("17000%" PRIu64 ".%s", m->bodies,
		many_below(m, 2) ? "own" : "M1");
	c.base = base;
	c.uid = many_uid(s, &f);
	many_put(m, s, &f.fid, &c);
}

/* A mail of the backup that every site was seeded from, in INBOX. */
static inline void many_seed(struct many *m, struct many_site *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	uint64_t n = many_below(m, 6);
	struct change c = many_change(m, CHANGE_SAVE, 0);

	if (s->seeds & 1u << n ||
		replica_folder_by_fid(s->r, &ID_INBOX, &arena, &f, &m->err))
		return;
	s->seeds |= 1u << n;
	many_body(m, &c, 1000000 + n);
	AUTO_FREE char *base = mem_printf("16000%" PRIu64 ".seed", n);
	c.base = base;
	c.uid = many_uid(s, &f);
	many_put(m, s, &ID_INBOX, &c);
}

/* Was it born at several sites, or may it still come to be? */
static inline bool many_is_seed(const struct replica_message *msg)
{
	return strstr(msg->base, ".seed") != NULL;
}

/* May this site move and expunge it? Some are only of the site of their
   birth. */
static inline bool many_may(
	const struct many_site *s, const struct replica_message *msg)
{
	return !strstr(msg->base, ".own") || msg->dot.log.origin == s->origin;
}

static inline struct change many_of(struct many *m, enum change_kind kind,
	const struct replica_message *msg, const struct many_site *s,
	const struct replica_folder *to)
{
	struct change c = many_change(m, kind, msg->place_by.stamp);

	c.dot = msg->dot;
	c.size = msg->size;
	c.mtime = msg->mtime;
	c.hash = msg->hash;
	c.base = msg->base;
	c.extra = msg->extra;
	c.add = (struct flag_set){msg->letters, msg->keywords};
	c.uid = many_uid(s, to);
	return c;
}

static inline void many_left(struct many *m, struct many_site *s,
	const struct replica_message *msg, const struct replica_folder *to)
{
	AUTO_ARENA struct arena arena = {0};
	struct change c = many_change(m, CHANGE_LEFT, msg->place_by.stamp);
	struct replica_folder from;

	if (msg->folder == to->id)
		return;
	many_folder_of(m, s, msg->folder, &arena, &from);
	c.dot = msg->dot;
	c.folder = to->fid;
	many_put(m, s, &from.fid, &c);
}

static inline void many_move(struct many *m, struct many_site *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message msg;
	struct replica_folder to;

	if (!many_message(m, s, &arena, &msg) || !many_may(s, &msg) ||
		!many_folder(m, s, &arena, &to))
		return;
	struct change c = many_of(m, CHANGE_MOVE, &msg, s, &to);
	AUTO_FREE char *base = mem_printf("%s.m", msg.base);
	if (strlen(base) < 60 && !many_is_seed(&msg) && many_below(m, 2))
		c.base = base;
	c.extra = many_below(m, 2) ? msg.extra : many_fields_text(m);
	many_put(m, s, &to.fid, &c);
	many_left(m, s, &msg, &to);
}

/* A copy; of which the source then often goes, so that it was a move. */
static inline void many_copy(struct many *m, struct many_site *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message msg;
	struct replica_folder to;

	if (!many_message(m, s, &arena, &msg) ||
		!many_folder(m, s, &arena, &to) || many_is_seed(&msg))
		return;
	bool own = strstr(msg.base, ".own") && many_may(s, &msg);
	AUTO_FREE char *base = mem_printf(
		"18000%" PRIu64 ".%s", ++m->bodies, own ? "own" : "copy");
	struct change c = many_of(m, CHANGE_COPY, &msg, s, &to);
	c.base = base;
	c.source = msg.dot;
	many_put(m, s, &to.fid, &c);
	if (!own || many_below(m, 4) == 0)
		return;
	struct dot copy = c.dot;
	c = many_of(m, CHANGE_MOVE, &msg, s, &to);
	c.base = base;
	c.source = copy;
	many_put(m, s, &to.fid, &c);
	many_left(m, s, &msg, &to);
}

static inline void many_flags(struct many *m, struct many_site *s)
{
	static const char *const letters[] = {"", "S", "F", "FS", "R"};
	static const char *const keywords[] = {"", "", "$Junk", "a b"};
	AUTO_ARENA struct arena arena = {0};
	struct replica_message msg;
	struct replica_folder f;
	uint64_t above;

	if (!many_message(m, s, &arena, &msg))
		return;
	many_folder_of(m, s, msg.folder, &arena, &f);
	MANY_MUST(m, replica_flags_stamp(s->r, msg.id, "FRST", "$Junk a b",
			     &above, &m->err));
	struct change c = many_change(m, CHANGE_FLAGS, above);
	struct flag_set set = {
		letters[many_below(m, 5)], keywords[many_below(m, 4)]};
	c.dot = msg.dot;
	if (many_below(m, 2))
		c.add = set;
	else
		c.del = set;
	if (!*set.letters && !*set.keywords)
		c.add.letters = "T";
	many_put(m, s, &f.fid, &c);
}

static inline void many_expunge(struct many *m, struct many_site *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message msg;
	struct replica_folder f;
	struct dot *dots;
	size_t count;

	if (!many_message(m, s, &arena, &msg) || many_is_seed(&msg) ||
		!many_may(s, &msg))
		return;
	many_folder_of(m, s, msg.folder, &arena, &f);
	MANY_MUST(
		m, replica_dots(s->r, msg.id, &arena, &dots, &count, &m->err));
	for (size_t i = 0; i < count; i++) {
		struct change c =
			many_change(m, CHANGE_EXPUNGE, msg.place_by.stamp);

		c.dot = dots[i];
		many_put(m, s, &f.fid, &c);
	}
}

static inline void many_fields(struct many *m, struct many_site *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message msg;
	struct replica_folder f;
	bool uid = many_below(m, 2);

	if (!many_message(m, s, &arena, &msg))
		return;
	many_folder_of(m, s, msg.folder, &arena, &f);
	struct change c = many_change(
		m, uid ? CHANGE_UID : CHANGE_EXTRA, msg.place_by.stamp + 2);
	c.dot = msg.dot;
	if (uid)
		c.uid = many_uid(s, &f);
	else
		c.extra = many_fields_text(m);
	if (!uid || c.uid)
		many_put(m, s, &f.fid, &c);
}

/* Its state was in doubt: what follows is another history. */
static inline void many_begin(struct many *m, struct many_site *s)
{
	struct log_id old = {s->origin, s->incarnation, ID_ACCOUNT};
	struct change c = many_change(m, CHANGE_BEGIN, 0);
	uint64_t count = many_log(m, &old)->batch.count;

	s->incarnation++;
	c.end = (struct position){old, count, m->ms};
	many_put(m, s, &ID_ACCOUNT, &c);
	if (!count)
		return;
	c = many_change(m, CHANGE_GAP, 0);
	c.end = (struct position){old, count, 0};
	c.first = 1 + many_below(m, count);
	c.reason = "a test";
	many_put(m, s, &ID_ACCOUNT, &c);
}

static inline void many_act(struct many *m, struct many_site *s)
{
	static void (*const acts[])(struct many *, struct many_site *) = {
		many_new_folder, many_change_folder, many_change_folder,
		many_subscribe_name, many_save, many_save, many_save, many_save,
		many_seed, many_seed, many_move, many_move, many_copy,
		many_copy, many_flags, many_flags, many_flags, many_expunge,
		many_expunge, many_fields, many_fields};
	size_t n = sizeof(acts) / sizeof(*acts);

	if (many_below(m, 40) == 0) {
		many_begin(m, s);
		return;
	}
	acts[many_below(m, n)](m, s);
	many_merge_names(m, s);
}

/* ---- a history ---- */

static inline void many_begin_inbox(struct many *m)
{
	for (size_t i = 0; i < SITES; i++) {
		struct change c = many_change(m, CHANGE_FOLDER, 0);

		c.folder = ID_INBOX;
		c.path = "INBOX";
		many_put(m, &m->sites[i], &ID_ACCOUNT, &c);
	}
	struct change c = many_change(m, CHANGE_AUTHORITY, 0);
	c.folder = ID_INBOX;
	c.term = 1;
	c.site = m->sites[0].origin;
	many_put(m, &m->sites[0], &ID_ACCOUNT, &c);
}

/* Sites, `acts` things that happen, and in the end all heard all. */
static inline void many_make(struct many *m, uint64_t seed, unsigned acts)
{
	*m = (struct many){.state = seed, .ms = 1800000000000};
	for (size_t i = 0; i < SITES; i++) {
		struct many_site *s = &m->sites[i];

		s->origin = i + 1;
		s->incarnation = 100 * (i + 1);
		s->disk = simdisk_new(seed + i);
		s->r = many_replica(s->disk, s->origin, &m->err);
		MANY_MUST(m, replica_begin(s->r, &m->err));
	}
	many_begin_inbox(m);
	for (unsigned n = 0; n < acts; n++) {
		struct many_site *s = &m->sites[many_below(m, SITES)];

		if (many_below(m, 3))
			many_act(m, s);
		else
			many_hear(m, s, &m->logs[many_below(m, m->log_count)],
				false);
	}
	for (size_t i = 0; i < SITES; i++) {
		size_t from = (size_t)many_below(m, m->log_count);

		for (size_t k = 0; k < m->log_count; k++)
			many_hear(m, &m->sites[i],
				&m->logs[(from + k) % m->log_count], true);
		MANY_MUST(m, replica_commit(m->sites[i].r, &m->err));
	}
}

static inline void many_free(struct many *m)
{
	for (size_t i = 0; i < SITES; i++) {
		replica_close(m->sites[i].r);
		simdisk_free(m->sites[i].disk);
	}
	for (size_t i = 0; i < m->log_count; i++)
		change_batch_free(&m->logs[i].batch);
}

#endif
