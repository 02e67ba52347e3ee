/*
 * twostates: two replica states, the changes of one of the sites in several
 * logs, and the words that they give each other of their folders.
 */
#ifndef PB_TWOSTATES_H
#define PB_TWOSTATES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "change.h"
#include "err.h"
#include "fold.h"
#include "simdisk.h"
#include "stated.h"

#define HOME 2u /* whose changes they are */
#define SELF 1u
#define INCARNATION 77u
#define FOLDERS 3
#define NOW 1795303760123
#define LATER 1795303999000

static const struct id128 folders[FOLDERS] = {
	{{'I', 'N', 'B', 'O', 'X'}}, {{3}}, {{'J'}}};

/* A site: its state, on a disk of its own. */
struct site {
	struct simdisk *disk;
	struct replica *r;
};

static inline struct site fresh(uint64_t origin)
{
	struct site s = {.disk = simdisk_new(origin)};
	struct err err = ERR_INIT;

	if (replica_open(simdisk_os(s.disk), "/state.db", "a", origin, true,
		    &s.r, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static inline void release(struct site *s)
{
	replica_close(s->r);
	simdisk_free(s->disk);
}

static inline void done(int rc, const struct err *err)
{
	if (rc < 0)
		fail_msg("%s", err->text);
}

/* The row of a folder. */
static inline int64_t folder_of(struct site *s, size_t folder)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;

	assert_int_equal(replica_folder_by_fid(
				 s->r, &folders[folder], &arena, &f, NULL),
		0);
	return f.id;
}

/* ---- changes of one site, in several logs ---- */

struct history {
	struct change_batch logs[FOLDERS + 1]; /* the last: the account's */
	uint64_t ms;
};

static inline struct log_id log_id_of(size_t log)
{
	return (struct log_id){
		HOME, INCARNATION, log == FOLDERS ? ID_ACCOUNT : folders[log]};
}

/* Give a change its place in a log. */
static inline struct change *put(
	struct history *h, size_t log, struct change *c)
{
	c->by.log = log_id_of(log);
	c->by.lsn = h->logs[log].count + 1;
	c->by.stamp = ++h->ms << 16;
	if (c->kind == CHANGE_SAVE || c->kind == CHANGE_COPY)
		c->dot = (struct dot){c->by.log, c->by.lsn};
	if (change_check(c, NULL) < 0)
		fail_msg("a change of kind %d is none", (int)c->kind);
	change_copy(&h->logs[log], c);
	return c;
}

static inline void history_begin(struct history *h)
{
	*h = (struct history){.ms = NOW};
	for (size_t i = 0; i < FOLDERS; i++) {
		struct change c = change_blank(CHANGE_AUTHORITY);

		c.folder = folders[i];
		c.term = 1;
		c.site = HOME;
		put(h, FOLDERS, &c);
	}
}

static inline void history_free(struct history *h)
{
	for (size_t i = 0; i <= FOLDERS; i++)
		change_batch_free(&h->logs[i]);
}

static inline struct change save(struct history *h, size_t folder)
{
	struct change c = change_blank(CHANGE_SAVE);
	char base[32];

	snprintf(base, sizeof(base), "%llu.x", (unsigned long long)h->ms);
	c.base = base;
	c.size = h->ms;
	c.mtime = 5;
	c.uid = (uint32_t)h->logs[folder].count + 1;
	memset(c.hash.b, (int)h->ms, sizeof(c.hash.b));
	put(h, folder, &c);
	c.base = "";
	return c;
}

static inline void flag(struct history *h, size_t folder, const struct dot *dot,
	const char *add, const char *del)
{
	struct change c = change_blank(CHANGE_FLAGS);

	c.dot = *dot;
	c.add.letters = add;
	c.del.letters = del;
	put(h, folder, &c);
}

/*
 * Let a site know a log up to lsn, as a parcel's section does. folded: as one
 * that begins where the site stands.
 */
static inline void take(struct site *s, const struct history *h, size_t log,
	uint64_t lsn, bool folded)
{
	struct log_id id = log_id_of(log);
	struct change_batch batch = {0};
	struct replica_log known;
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(replica_log_get(s->r, &id, true, &known, &err), &err);
	if (lsn > known.known.lsn) {
		const struct change *from =
			h->logs[log].items + known.known.lsn;
		size_t count = (size_t)(lsn - known.known.lsn);

		if (folded)
			fold_changes(from, count, FOLD_DROP_DEAD, &batch);
		for (size_t i = 0; i < (folded ? batch.count : count); i++)
			done(replica_apply(s->r,
				     folded ? &batch.items[i] : &from[i], &err),
				&err);
		known.known.lsn = lsn;
		done(replica_log_set(s->r, &known, &err), &err);
	}
	done(replica_commit(s->r, &err), &err);
	change_batch_free(&batch);
}

static inline void take_all(struct site *s, const struct history *h)
{
	for (size_t i = 0; i <= FOLDERS; i++) {
		size_t log = (i + FOLDERS) % (FOLDERS + 1);

		take(s, h, log, h->logs[log].count, false);
	}
}

/* ---- statements ---- */

struct word {
	uint64_t vector;
	struct stated *folders;
	size_t count;
	struct arena arena;
};

static inline struct word state_of(struct site *s)
{
	struct word w = {.vector = 0};
	struct err err = ERR_INIT;

	done(stated_now(s->r, replica_origin(s->r) == HOME ? SELF : HOME,
		     &w.arena, &w.vector, &w.folders, &w.count, &err),
		&err);
	return w;
}

static inline struct stated_result compare_at(struct site *s, int64_t now_ms)
{
	struct stated_result result;
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(stated_compare(s->r, now_ms, &result, &err), &err);
	done(replica_commit(s->r, &err), &err);
	return result;
}

static inline struct stated_result compare(struct site *s)
{
	return compare_at(s, NOW);
}

static inline void hear(struct site *s, const struct word *w)
{
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(stated_hear(
		     s->r, HOME, w->vector, w->folders, w->count, NOW, &err),
		&err);
	done(replica_commit(s->r, &err), &err);
}

static inline struct stated_result hear_of(struct site *s, struct site *home)
{
	struct word w = state_of(home);

	hear(s, &w);
	arena_free(&w.arena);
	return compare(s);
}

static inline size_t owed(struct site *s, enum stated_owed *ret_most)
{
	AUTO_ARENA struct arena arena = {0};
	struct id128 *ids;
	struct err err = ERR_INIT;
	size_t count;

	done(stated_owed(s->r, HOME, &arena, &ids, &count, ret_most, &err),
		&err);
	return count;
}

#endif
