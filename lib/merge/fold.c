/*
 * fold: the fewest changes that say what many changes said.
 *
 * Every change makes a claim on each register that it writes: FLAGS one for
 * each flag, a MOVE on the dot's place, and so on. Claims on one register of
 * one log are sorted next to each other, the greatest write last: that one
 * has won. A change is kept if its kind is always kept or if it won a claim;
 * FLAGS keep only the flags that they won.
 */
#include "fold.h"
#include "flagset.h"
#include "fold_dead.h"
#include "fields.h"

#include <stdlib.h>
#include <string.h>

enum claim_on {
	/* of a dot */
	CLAIM_FLAG, /* name is the letter */
	CLAIM_KEYWORD,
	CLAIM_UID,    /* the last UID */
	CLAIM_NUMBER, /* the last UID, or MOVE with a UID */
	CLAIM_EXTRA,
	CLAIM_GUID,  /* the last EXTRA that says it */
	CLAIM_MOVED, /* the last MOVE */
	CLAIM_PLACE, /* here (MOVE), or not (LEFT) */
	CLAIM_ALIAS, /* one message with this source */
	/* of the log's folder */
	CLAIM_UIDNEXT, /* the greatest UID given */
	/* of the folder named */
	CLAIM_PATH,
	CLAIM_SUBSCRIBED, /* or of a bare name */
	CLAIM_IDENTITY,
	CLAIM_FLOOR /* the greatest uidnext stated */
};

struct claim {
	const struct change *change;
	const char *name; /* flags: in the change's string */
	size_t len;
	enum claim_on on;
	bool won;
};

struct fold {
	const struct change *items;
	size_t count;
	struct fold_dead_set dead;
	struct claim *claims; /* in the order of the changes */
	size_t claim_count, claim_cap;
	size_t *first; /* by change: its first claim; one more at the end */
};

static void claim(struct fold *f, const struct change *c, enum claim_on on,
	const char *name, size_t len)
{
	if (f->claim_count == f->claim_cap) {
		f->claim_cap = f->claim_cap ? 2 * f->claim_cap : 64;
		f->claims =
			mem_grow(f->claims, f->claim_cap, sizeof(*f->claims));
	}
	f->claims[f->claim_count++] =
		(struct claim){.change = c, .name = name, .len = len, .on = on};
}

static void claim_set(
	struct fold *f, const struct change *c, const struct flag_set *set)
{
	const char *at = set->keywords, *name;
	size_t len;

	for (const char *s = set->letters; *s; s++)
		claim(f, c, CLAIM_FLAG, s, 1);
	while ((name = keyword_next(&at, &len)))
		claim(f, c, CLAIM_KEYWORD, name, len);
}

/* Kinds that speak of a message, which may be dead. */
static bool of_message(const struct change *c)
{
	return c->kind >= CHANGE_SAVE && c->kind <= CHANGE_EXTRA &&
	       c->kind != CHANGE_EXPUNGE;
}

static void claim_uid_given(struct fold *f, const struct change *c)
{
	if (c->uid && (c->kind == CHANGE_SAVE || c->kind == CHANGE_COPY ||
			      c->kind == CHANGE_MOVE || c->kind == CHANGE_UID ||
			      c->kind == CHANGE_UIDNEXT))
		claim(f, c, CLAIM_UIDNEXT, NULL, 0);
}

/* Dead messages claim nothing. */
static void claim_all(
	struct fold *f, const struct change *c, enum fold_dead how)
{
	if (how == FOLD_DROP_DEAD && of_message(c) &&
		fold_dead_has(&f->dead, &c->by.log, &c->dot))
		return;
	claim_uid_given(f, c);
	switch (c->kind) {
	case CHANGE_FLAGS:
		claim_set(f, c, &c->add);
		claim_set(f, c, &c->del);
		break;
	case CHANGE_UID:
		if (c->uid == 0)
			break;
		claim(f, c, CLAIM_UID, NULL, 0);
		claim(f, c, CLAIM_NUMBER, NULL, 0);
		break;
	case CHANGE_EXTRA:
		claim(f, c, CLAIM_EXTRA, NULL, 0);
		if (fields_have(c->extra, 'G'))
			claim(f, c, CLAIM_GUID, NULL, 0);
		break;
	case CHANGE_MOVE:
		claim(f, c, CLAIM_MOVED, NULL, 0);
		if (c->uid)
			claim(f, c, CLAIM_NUMBER, NULL, 0);
		if (c->source.lsn)
			claim(f, c, CLAIM_ALIAS, NULL, 0);
		claim(f, c, CLAIM_PLACE, NULL, 0);
		break;
	case CHANGE_LEFT:
		claim(f, c, CLAIM_PLACE, NULL, 0);
		break;
	case CHANGE_RENAME:
		claim(f, c, CLAIM_PATH, NULL, 0);
		break;
	case CHANGE_SUBSCRIBE:
		claim(f, c, CLAIM_SUBSCRIBED, NULL, 0);
		break;
	case CHANGE_IDENTITY:
		claim(f, c, CLAIM_IDENTITY, NULL, 0);
		claim(f, c, CLAIM_FLOOR, NULL, 0);
		break;
	default:
		break;
	}
}

/* ---- order of claims ---- */

/* Order of registers of one kind in one log. */
static int subject_cmp(const struct claim *a, const struct claim *b)
{
	const struct change *x = a->change, *y = b->change;
	int c;

	switch (a->on) {
	case CLAIM_FLAG:
		c = dot_cmp(&x->dot, &y->dot);
		return c ? c : memcmp(a->name, b->name, 1);
	case CLAIM_KEYWORD:
		c = dot_cmp(&x->dot, &y->dot);
		return c ? c : keyword_cmp(a->name, a->len, b->name, b->len);
	case CLAIM_ALIAS:
		c = dot_cmp(&x->dot, &y->dot);
		return c ? c : dot_cmp(&x->source, &y->source);
	case CLAIM_UID:
	case CLAIM_NUMBER:
	case CLAIM_EXTRA:
	case CLAIM_GUID:
	case CLAIM_MOVED:
	case CLAIM_PLACE:
		return dot_cmp(&x->dot, &y->dot);
	case CLAIM_UIDNEXT:
		return 0;
	case CLAIM_SUBSCRIBED:
		c = id_cmp(&x->folder, &y->folder);
		if (c || !id_is_account(&x->folder))
			return c;
		return strcmp(x->path, y->path);
	case CLAIM_PATH:
	case CLAIM_IDENTITY:
	case CLAIM_FLOOR:
		break;
	}
	return id_cmp(&x->folder, &y->folder);
}

/* Order of claims on one register: what only grows by value, else by write. */
static int strength_cmp(const struct claim *a, const struct claim *b)
{
	uint32_t x = 0, y = 0;

	if (a->on == CLAIM_UIDNEXT) {
		x = a->change->uid;
		y = b->change->uid;
	} else if (a->on == CLAIM_FLOOR) {
		x = a->change->uidnext;
		y = b->change->uidnext;
	}
	if (x != y)
		return x < y ? -1 : 1;
	return write_id_cmp(&a->change->by, &b->change->by);
}

static int register_cmp(const struct claim *a, const struct claim *b)
{
	int c = log_id_cmp(&a->change->by.log, &b->change->by.log);

	if (c == 0)
		c = (a->on > b->on) - (a->on < b->on);
	return c ? c : subject_cmp(a, b);
}

static int claim_cmp(const void *a, const void *b)
{
	const struct claim *x = *(struct claim *const *)a;
	const struct claim *y = *(struct claim *const *)b;
	int c = register_cmp(x, y);

	return c ? c : strength_cmp(x, y);
}

static void find_winners(struct fold *f)
{
	AUTO_FREE struct claim **sorted =
		mem_array(f->claim_count, sizeof(struct claim *));

	for (size_t i = 0; i < f->claim_count; i++)
		sorted[i] = &f->claims[i];
	qsort(sorted, f->claim_count, sizeof(*sorted), claim_cmp);
	for (size_t i = 0; i < f->claim_count; i++) {
		if (i + 1 == f->claim_count ||
			register_cmp(sorted[i], sorted[i + 1]) != 0)
			sorted[i]->won = true;
	}
}

/*
 * UIDNEXT is known from UIDs alone: the message that has the greatest is told
 * even if it is dead.
 */
static void spare_greatest_uids(struct fold *f)
{
	for (size_t i = 0; i < f->count; i++)
		claim_uid_given(f, &f->items[i]);
	find_winners(f);
	for (size_t i = 0; i < f->claim_count; i++) {
		const struct change *c = f->claims[i].change;

		if (f->claims[i].won)
			fold_dead_spare(&f->dead, &c->by.log, &c->dot);
	}
	f->claim_count = 0;
}

/* ---- what is kept ---- */

static bool won_any(const struct fold *f, size_t i)
{
	for (size_t at = f->first[i]; at < f->first[i + 1]; at++) {
		if (f->claims[at].won)
			return true;
	}
	return false;
}

static bool is_kept(const struct fold *f, size_t i, enum fold_dead how)
{
	const struct change *c = &f->items[i];

	switch (c->kind) {
	case CHANGE_SAVE:
	case CHANGE_COPY:
		return how == FOLD_KEEP_DEAD ||
		       !fold_dead_has(&f->dead, &c->by.log, &c->dot) ||
		       won_any(f, i);
	case CHANGE_EXPUNGE:
	case CHANGE_FOLDER:
	case CHANGE_DELETE:
	case CHANGE_AUTHORITY:
	case CHANGE_MERGE:
	case CHANGE_BEGIN:
	case CHANGE_GAP:
		return true;
	default:
		return won_any(f, i);
	}
}

/* The flags of set whose claims, from *at on, have won; both are in order. */
static struct flag_set won_set(const struct fold *f, const struct flag_set *set,
	size_t *at, struct change_batch *batch)
{
	AUTO_BUF struct buf letters = BUF_INIT, keywords = BUF_INIT;
	const char *list = set->keywords, *name;
	size_t len;

	for (const char *s = set->letters; *s; s++) {
		if (f->claims[(*at)++].won)
			buf_add(&letters, s, 1);
	}
	while ((name = keyword_next(&list, &len))) {
		if (!f->claims[(*at)++].won)
			continue;
		if (keywords.len)
			buf_add_byte(&keywords, ' ');
		buf_add(&keywords, name, len);
	}
	return (struct flag_set){change_str(batch, buf_str(&letters)),
		change_str(batch, buf_str(&keywords))};
}

static void keep(const struct fold *f, size_t i, struct change_batch *ret)
{
	const struct change *c = &f->items[i];
	struct change *kept = change_copy(ret, c);
	size_t at = f->first[i];

	if (c->kind != CHANGE_FLAGS)
		return;
	kept->add = won_set(f, &c->add, &at, ret);
	kept->del = won_set(f, &c->del, &at, ret);
}

void fold_changes(const struct change *items, size_t count, enum fold_dead how,
	struct change_batch *ret)
{
	struct fold f = {.items = items, .count = count};

	fold_dead_find(items, count, &f.dead);
	spare_greatest_uids(&f);
	f.first = mem_array(count + 1, sizeof(*f.first));
	for (size_t i = 0; i < count; i++) {
		f.first[i] = f.claim_count;
		claim_all(&f, &items[i], how);
	}
	f.first[count] = f.claim_count;
	find_winners(&f);
	for (size_t i = 0; i < count; i++) {
		if (is_kept(&f, i, how))
			keep(&f, i, ret);
	}
	fold_dead_free(&f.dead);
	free(f.first);
	free(f.claims);
}
