/*
 * changemaker: changes out of a seeded generator, for tests of what codes,
 * stores or merges them; and equality of changes field by field.
 *
 * Made changes pass change_check. Lsns ascend within each log, as in a batch.
 */
#ifndef PB_CHANGEMAKER_H
#define PB_CHANGEMAKER_H

#include "change.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct maker {
	uint64_t state;
	struct log_id logs[4]; /* 0: the context's */
	uint64_t lsns[4];      /* last lsn made in each */
	struct id128 ids[4];   /* of folders; 0: of logs[0] */
	uint64_t ms;	       /* of the last stamp */
	bool dense;	       /* context's log only, lsns without holes */
};

static inline uint64_t maker_u64(struct maker *m)
{
	uint64_t z = m->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline uint64_t maker_below(struct maker *m, uint64_t n)
{
	return maker_u64(m) % n;
}

/* Mostly small, sometimes any size. */
static inline uint64_t maker_number(struct maker *m)
{
	return maker_u64(m) >> maker_below(m, 64);
}

static inline struct id128 maker_id(struct maker *m)
{
	struct id128 id;

	for (size_t i = 0; i < sizeof(id.b); i++)
		id.b[i] = (uint8_t)maker_u64(m);
	id.b[0] |= 1; /* never the account's */
	return id;
}

static inline struct hash maker_hash(struct maker *m)
{
	struct hash h;

	for (size_t i = 0; i < sizeof(h.b); i++)
		h.b[i] = (uint8_t)maker_u64(m);
	return h;
}

/* Logs of one folder, or of one account. */
static inline void maker_init(struct maker *m, uint64_t seed, bool account)
{
	*m = (struct maker){.state = seed, .ms = 1795303760678};
	for (int i = 0; i < 4; i++)
		m->ids[i] = maker_id(m);
	for (int i = 0; i < 4; i++) {
		m->logs[i].origin = maker_u64(m);
		m->logs[i].incarnation = maker_u64(m);
		m->logs[i].folder =
			account ? ID_ACCOUNT : m->ids[maker_below(m, 2)];
		m->lsns[i] = maker_number(m) >> 4;
	}
	m->logs[0].folder = account ? ID_ACCOUNT : m->ids[0];
	m->logs[1].origin = m->logs[0].origin;
}

static inline struct change_context maker_context(const struct maker *m)
{
	return (struct change_context){.log = m->logs[0],
		.first_lsn = m->lsns[0] + 1,
		.base_ms = m->ms};
}

__attribute__((format(printf, 2, 3))) static inline const char *maker_format(
	struct change_batch *b, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return change_str(b, text);
}

static inline const char *maker_base(
	struct maker *m, struct change_batch *b, const struct change *c)
{
	unsigned us = (unsigned)maker_below(m, 1000000);
	unsigned pid = 100 + (unsigned)maker_below(m, 9000);

	switch (maker_below(m, 6)) {
	case 0:
		return maker_format(b, "%" PRIu64 ".M%uP%u.vm,S=%" PRIu64,
			m->ms, us, pid, c->size);
	case 1: /* digits that are no numbers: leading zeros, too many */
		return maker_format(b, "0%u-00.%" PRIu64 "%020" PRIu64, us,
			m->ms, maker_u64(m));
	case 2:
		return maker_format(b, "%x.%" PRIx64 "\x01\x7f:\xff %u,S=%u",
			us, maker_u64(m), pid, us);
	case 3:
		return maker_format(b, "1.2.3.4.5.6.7.8.%u.%u", us, pid);
	default:
		return maker_format(b,
			"%" PRId64 ".M%uP14561.vm,S=%" PRIu64 ",W=%" PRIu64,
			c->mtime, us, c->size, c->size + pid);
	}
}

/* Flags, none of them in `other`. */
static inline struct flag_set maker_flags(
	struct maker *m, struct change_batch *b, const struct flag_set *other)
{
	static const char all[] = "!,1ADFPRSTX[~\xc3";
	static const char *const words[] = {
		"$Forwarded", "$Junk", "Alpha", "beta", "NonJunk", "work"};
	struct flag_set set;
	char letters[sizeof(all)];
	char keywords[128] = "";
	size_t n = 0;

	for (const char *s = all; *s; s++) {
		if (maker_below(m, 5) == 0 && !strchr(other->letters, *s))
			letters[n++] = *s;
	}
	letters[n] = 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (maker_below(m, 6) != 0 || strstr(other->keywords, words[i]))
			continue;
		if (keywords[0])
			strcat(keywords, " ");
		strcat(keywords, words[i]);
	}
	set.letters = change_str(b, letters);
	set.keywords = change_str(b, keywords);
	return set;
}

static inline struct dot maker_dot(struct maker *m)
{
	struct dot dot = {.log = m->logs[maker_below(m, 4)]};

	dot.lsn = 1 + maker_number(m) % CHANGE_LSN_MAX;
	return dot;
}

static inline void maker_by(struct maker *m, struct write_id *by)
{
	size_t log = m->dense ? 0 : maker_below(m, 8) % 5 % 4;

	m->lsns[log] += 1;
	if (!m->dense && maker_below(m, 3) == 0)
		m->lsns[log] += maker_below(m, 1000);
	by->log = m->logs[log];
	by->lsn = m->lsns[log];
	m->ms += maker_number(m) % 100000;
	if (maker_below(m, 8) == 0)
		m->ms = maker_number(m) >> 16;
	if (maker_below(m, 4) != 0)
		by->stamp = STAMP_OF(m->ms,
			maker_below(m, 4) == 0 ? maker_below(m, 65536) : 0);
}

static inline void maker_body(
	struct maker *m, struct change_batch *b, struct change *c)
{
	c->uid = maker_below(m, 4) ? (uint32_t)maker_number(m) : 0;
	c->size = maker_number(m);
	c->mtime = maker_below(m, 4) ? (int64_t)(m->ms / 1000)
				     : (int64_t)maker_number(m);
	if (maker_below(m, 16) == 0)
		c->mtime = -c->mtime;
	c->hash = maker_hash(m);
	c->base = maker_base(m, b, c);
	if (maker_below(m, 4) == 0)
		c->extra = maker_format(b, "P%" PRIx64 " G%" PRIu64 "/:x",
			maker_number(m), maker_number(m));
	c->add = maker_flags(m, b, &c->del);
}

static inline void maker_folder(
	struct maker *m, struct change_batch *b, struct change *c)
{
	c->folder = m->ids[maker_below(m, 3)];
	c->other = m->ids[3];
	c->path = maker_format(
		b, "Work/%u/T&APw-st", (unsigned)maker_below(m, 5));
	c->value = maker_below(m, 2);
	c->uidvalidity = (uint32_t)maker_number(m);
	c->uidnext = (uint32_t)maker_number(m);
	if (maker_below(m, 2))
		c->guid = m->ids[maker_below(m, 4)];
	if (c->kind == CHANGE_IDENTITY && maker_below(m, 2))
		c->extra = "Ppop Xunknown";
	c->term = maker_number(m);
	c->site = maker_below(m, 2) ? m->logs[0].origin : maker_u64(m);
	if (c->kind == CHANGE_SUBSCRIBE && maker_below(m, 4) == 0)
		c->folder = ID_ACCOUNT;
	else if (c->kind == CHANGE_SUBSCRIBE && maker_below(m, 2))
		c->path = "";
}

/* Set to nothing what this kind has not, so that changes can be compared. */
static inline void maker_strip(struct change *c)
{
	struct change kept = *c;

	*c = change_blank(kept.kind);
	c->by = kept.by;
	switch (kept.kind) {
	case CHANGE_COPY:
	case CHANGE_MOVE:
		c->source = kept.source;
		/* fall through */
	case CHANGE_SAVE:
		c->uid = kept.uid;
		c->size = kept.size;
		c->mtime = kept.mtime;
		c->hash = kept.hash;
		c->base = kept.base;
		c->extra = kept.extra;
		c->add = kept.add;
		c->dot = kept.kind == CHANGE_MOVE
				 ? kept.dot
				 : (struct dot){kept.by.log, kept.by.lsn};
		return;
	case CHANGE_FLAGS:
		c->add = kept.add;
		c->del = kept.del;
		/* fall through */
	case CHANGE_EXPUNGE:
	case CHANGE_OUT:
		c->dot = kept.dot;
		return;
	case CHANGE_VIEW:
		c->folder = kept.folder;
		c->value = kept.value;
		return;
	case CHANGE_LEFT:
		c->dot = kept.dot;
		c->folder = kept.folder;
		return;
	case CHANGE_UID:
		c->dot = kept.dot;
		/* fall through */
	case CHANGE_UIDNEXT:
		c->uid = kept.uid;
		return;
	case CHANGE_EXTRA:
		c->dot = kept.dot;
		c->extra = kept.extra;
		return;
	case CHANGE_SUBSCRIBE:
		c->value = kept.value;
		/* fall through */
	case CHANGE_FOLDER:
	case CHANGE_RENAME:
		c->path = kept.path;
		/* fall through */
	case CHANGE_DELETE:
		c->folder = kept.folder;
		return;
	case CHANGE_IDENTITY:
		c->folder = kept.folder;
		c->uidvalidity = kept.uidvalidity;
		c->uidnext = kept.uidnext;
		c->guid = kept.guid;
		c->extra = kept.extra;
		return;
	case CHANGE_AUTHORITY:
		c->folder = kept.folder;
		c->term = kept.term;
		c->site = kept.site;
		c->uidvalidity = kept.uidvalidity;
		c->uidnext = kept.uidnext;
		return;
	case CHANGE_MERGE:
		c->folder = kept.folder;
		c->other = kept.other;
		return;
	case CHANGE_GAP:
		c->first = kept.first;
		c->reason = kept.reason;
		/* fall through */
	case CHANGE_BEGIN:
		c->end = kept.end;
		return;
	}
}

/* Add one change of this kind to the batch. */
static inline struct change *maker_change(
	struct maker *m, struct change_batch *b, enum change_kind kind)
{
	struct change *c = change_add(b, kind);

	maker_by(m, &c->by);
	c->dot = maker_dot(m);
	if (maker_below(m, 2))
		c->source = maker_dot(m);
	maker_body(m, b, c);
	if (kind == CHANGE_FLAGS)
		c->del = maker_flags(m, b, &c->add);
	if (kind == CHANGE_EXTRA && c->extra[0] == 0)
		c->extra = maker_below(m, 2) ? "G1.2.3" : "O7 Puidl";
	if (kind >= CHANGE_FOLDER && kind <= CHANGE_MERGE)
		maker_folder(m, b, c);
	c->value = maker_below(m, 2);
	if (kind == CHANGE_LEFT || kind == CHANGE_VIEW)
		c->folder = m->ids[1 + maker_below(m, 3)];
	c->end.log = m->logs[maker_below(m, 4)];
	c->end.lsn = 1 + maker_number(m) % CHANGE_LSN_MAX;
	c->end.chain = maker_u64(m);
	c->first = 1 + maker_below(m, c->end.lsn);
	c->reason = maker_below(m, 2) ? "bad checksum" : "";
	maker_strip(c);
	return c;
}

/* count changes of random kinds, as fit into the log of the maker. */
static inline void maker_batch(
	struct maker *m, struct change_batch *b, size_t count)
{
	static const enum change_kind in_folder[] = {CHANGE_SAVE, CHANGE_COPY,
		CHANGE_MOVE, CHANGE_LEFT, CHANGE_FLAGS, CHANGE_EXPUNGE,
		CHANGE_UID, CHANGE_EXTRA, CHANGE_UIDNEXT, CHANGE_BEGIN,
		CHANGE_GAP};
	static const enum change_kind in_account[] = {CHANGE_FOLDER,
		CHANGE_RENAME, CHANGE_DELETE, CHANGE_SUBSCRIBE, CHANGE_IDENTITY,
		CHANGE_AUTHORITY, CHANGE_MERGE, CHANGE_BEGIN, CHANGE_GAP};

	while (count-- > 0)
		maker_change(m, b,
			id_is_account(&m->logs[0].folder)
				? in_account[maker_below(m, 9)]
				: in_folder[maker_below(m, 11)]);
}

static inline bool maker_same_flags(
	const struct flag_set *a, const struct flag_set *b)
{
	return strcmp(a->letters, b->letters) == 0 &&
	       strcmp(a->keywords, b->keywords) == 0;
}

static inline bool maker_same(const struct change *a, const struct change *b)
{
	return a->kind == b->kind && write_id_cmp(&a->by, &b->by) == 0 &&
	       dot_cmp(&a->dot, &b->dot) == 0 &&
	       dot_cmp(&a->source, &b->source) == 0 && a->uid == b->uid &&
	       a->size == b->size && a->mtime == b->mtime &&
	       memcmp(&a->hash, &b->hash, sizeof(a->hash)) == 0 &&
	       strcmp(a->base, b->base) == 0 &&
	       strcmp(a->extra, b->extra) == 0 &&
	       maker_same_flags(&a->add, &b->add) &&
	       maker_same_flags(&a->del, &b->del) &&
	       id_equal(&a->folder, &b->folder) &&
	       id_equal(&a->other, &b->other) &&
	       strcmp(a->path, b->path) == 0 && a->value == b->value &&
	       a->uidvalidity == b->uidvalidity && a->uidnext == b->uidnext &&
	       id_equal(&a->guid, &b->guid) && a->term == b->term &&
	       a->site == b->site &&
	       log_id_cmp(&a->end.log, &b->end.log) == 0 &&
	       a->end.lsn == b->end.lsn && a->end.chain == b->end.chain &&
	       a->first == b->first && strcmp(a->reason, b->reason) == 0;
}

#endif
