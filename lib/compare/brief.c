/*
 * brief: births without what the other site has itself.
 *
 *	seed | count | UIDVALIDITYs | where | UIDs | digests
 */
#include "brief.h"

#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "wire.h"

/* What a blank birth has for a name: no name that a number stands in. */
#define BLANK_BASE "-"
/* The least bytes that a place takes: where, and its UID. */
#define PLACE_MIN 2u

/* No mail has this hash. */
static bool is_blank(const struct change *c)
{
	static const struct hash none;

	return change_is_birth(c) && !c->size && !strcmp(c->base, BLANK_BASE) &&
	       !memcmp(&c->hash, &none, sizeof(none));
}

static size_t blocks(size_t count)
{
	return (count + BRIEF_BLOCK - 1) / BRIEF_BLOCK;
}

/* ---- digests ---- */

static void sum_mail(struct buf *sum, const struct brief_mail *m)
{
	wire_add_u64(sum, m->size);
	wire_add_u64(sum, (uint64_t)m->mtime);
	buf_add(sum, m->hash.b, sizeof(m->hash.b));
	buf_add(sum, m->base, strlen(m->base) + 1);
}

/* Of what was summed up, which is forgotten. */
static uint64_t sum_end(struct buf *sum, const uint8_t seed[BRIEF_SEED_SIZE])
{
	uint8_t digest[16];
	struct wire w;

	hash_long(digest, sizeof(digest), sum->data, sum->len, seed,
		BRIEF_SEED_SIZE);
	buf_clear(sum);
	w = wire_over(digest, sizeof(digest));
	return wire_u64(&w);
}

/* ---- making ---- */

struct making {
	struct brief brief; /* without a seed */
	struct buf sum;
	int64_t mtime; /* of the birth before: then the column is of zeros */
};

static void blank(struct making *m, struct change *c,
	const struct brief_place *at, const uint8_t seed[BRIEF_SEED_SIZE])
{
	struct brief *b = &m->brief;
	struct brief_mail mail = {c->base, c->size, c->mtime, c->hash};

	sum_mail(&m->sum, &mail);
	b->places[b->count++] = *at;
	if (b->count % BRIEF_BLOCK == 0)
		b->digests[b->count / BRIEF_BLOCK - 1] = sum_end(&m->sum, seed);
	c->base = BLANK_BASE;
	c->size = 0;
	c->mtime = m->mtime;
	c->hash = (struct hash){0};
}

/* The UIDVALIDITYs, each once, in the order in which they are met. */
static size_t index_of(uint32_t *list, size_t *count, uint32_t uidvalidity)
{
	size_t i = 0;

	while (i < *count && list[i] != uidvalidity)
		i++;
	if (i == *count)
		list[(*count)++] = uidvalidity;
	return i;
}

static void encode(const struct brief *b, const uint8_t seed[BRIEF_SEED_SIZE],
	struct buf *ret)
{
	AUTO_BUF struct buf where = BUF_INIT;
	AUTO_FREE uint32_t *list = mem_array(b->count + 1, sizeof(*list));
	size_t count = 0;
	uint32_t before = 0;

	for (size_t i = 0; i < b->count; i++)
		wire_add_varint(&where,
			2 * index_of(list, &count, b->places[i].uidvalidity) +
				b->places[i].by_guid);
	buf_add(ret, seed, BRIEF_SEED_SIZE);
	wire_add_varint(ret, b->count);
	wire_add_varint(ret, count);
	for (size_t i = 0; i < count; i++)
		wire_add_u32(ret, list[i]);
	buf_add(ret, where.data, where.len);
	for (size_t i = 0; i < b->count; i++) {
		wire_add_signed(
			ret, (int64_t)b->places[i].uid - (int64_t)before - 1);
		before = b->places[i].uid;
	}
	for (size_t i = 0; i < blocks(b->count); i++)
		wire_add_u64(ret, b->digests[i]);
}

void brief_make(struct change_batch *batch, const struct brief_place *places,
	uint64_t base_ms, const uint8_t seed[BRIEF_SEED_SIZE], struct buf *ret)
{
	struct making m = {.mtime = (int64_t)(STAMP_MS(base_ms << 16) / 1000)};
	struct brief *b = &m.brief;

	b->places = mem_array(batch->count + 1, sizeof(*b->places));
	b->digests = mem_array(batch->count + 1, sizeof(*b->digests));
	for (size_t i = 0; i < batch->count; i++) {
		struct change *c = &batch->items[i];

		if (change_is_birth(c) && places[i].uid)
			blank(&m, c, &places[i], seed);
		else if (change_is_birth(c))
			m.mtime = c->mtime;
	}
	if (b->count % BRIEF_BLOCK)
		b->digests[blocks(b->count) - 1] = sum_end(&m.sum, seed);
	encode(b, seed, ret);
	brief_free(b);
	buf_free(&m.sum);
}

/* ---- reading ---- */

static int malformed(struct err *err, const char *what)
{
	return err_set(err, ERR_CORRUPT, "in brief: %s", what);
}

/* count is bounded by the bytes that are there; so is list_count. */
static int decode_places(
	struct wire *w, struct brief *b, size_t list_count, struct err *err)
{
	AUTO_FREE uint32_t *list = mem_array(list_count + 1, sizeof(*list));
	size_t used = 0;
	uint32_t before = 0;

	for (size_t i = 0; i < list_count; i++)
		list[i] = wire_u32(w);
	for (size_t i = 0; i < b->count && !w->bad; i++) {
		uint64_t where = wire_varint(w);

		if (w->bad || where / 2 > used || where / 2 >= list_count)
			return malformed(err, "place is not in the table");
		used += where / 2 == used;
		b->places[i].uidvalidity = list[where / 2];
		b->places[i].by_guid = where % 2;
	}
	for (size_t i = 0; i < b->count && !w->bad; i++) {
		/* Of a varint of 64 bits the sum wraps round, and is refused. */
		uint64_t uid = (uint64_t)wire_signed(w) + before + 1;

		if (uid == 0 || uid > UINT32_MAX)
			return malformed(err, "no UID");
		b->places[i].uid = before = (uint32_t)uid;
	}
	for (size_t i = 0; i < blocks(b->count); i++)
		b->digests[i] = wire_u64(w);
	if (w->bad || wire_left(w) || used != list_count)
		return malformed(err, "its end is malformed");
	return 0;
}

int brief_decode(
	const void *data, size_t len, struct brief *ret, struct err *err)
{
	struct wire w = wire_over(data, len);
	const uint8_t *seed = wire_raw(&w, BRIEF_SEED_SIZE);
	uint64_t count = wire_count(&w, wire_left(&w) / PLACE_MIN);
	uint64_t list_count = wire_count(&w, wire_left(&w) / 4);
	struct brief b = {.count = (size_t)count};

	if (w.bad || list_count > count)
		return malformed(err, "numbers are malformed");
	memcpy(b.seed, seed, sizeof(b.seed));
	b.places = mem_array(b.count + 1, sizeof(*b.places));
	b.digests = mem_array(blocks(b.count) + 1, sizeof(*b.digests));
	int rc = decode_places(&w, &b, (size_t)list_count, err);
	if (rc < 0)
		brief_free(&b);
	else
		*ret = b;
	return rc;
}

void brief_free(struct brief *brief)
{
	free(brief->places);
	free(brief->digests);
	*brief = (struct brief){0};
}

/* ---- filling in ---- */

/* Those of one block, by their index in the batch. */
struct block {
	size_t items[BRIEF_BLOCK];
	size_t count, missing;
	struct buf sum;
};

/* Returns whether any lacks. */
static bool end_block(
	const struct brief *b, size_t index, struct block *block, bool *lacks)
{
	bool right = sum_end(&block->sum, b->seed) == b->digests[index];
	bool lacking = block->missing || !right;

	for (size_t i = 0; i < block->count && !block->missing && !right; i++)
		lacks[block->items[i]] = true;
	block->count = block->missing = 0;
	return lacking;
}

static int fill_one(const struct brief_place *at, struct change *c,
	brief_find_fn find, void *arg, struct block *block, struct err *err)
{
	struct brief_mail mail;
	int rc = find(arg, at, &mail, err);

	if (rc != 0)
		return rc;
	c->base = mail.base;
	c->size = mail.size;
	c->mtime = mail.mtime;
	c->hash = mail.hash;
	sum_mail(&block->sum, &mail);
	return 0;
}

int brief_fill(const struct brief *brief, struct change_batch *batch,
	brief_find_fn find, void *arg, bool *lacks, struct err *err)
{
	struct block block = {.count = 0};
	bool lacking = false;
	size_t next = 0;
	int rc = 0;

	for (size_t i = 0; i < batch->count && rc >= 0; i++) {
		lacks[i] = false;
		if (!is_blank(&batch->items[i])) {
			lacks[i] = change_is_birth(&batch->items[i]);
			continue;
		}
		if (next == brief->count) {
			rc = malformed(err, "fewer places than blank births");
			break;
		}
		rc = fill_one(&brief->places[next++], &batch->items[i], find,
			arg, &block, err);
		lacks[i] = rc > 0;
		block.missing += rc > 0;
		block.items[block.count++] = i;
		if (rc >= 0 && block.count == BRIEF_BLOCK)
			lacking |= end_block(
				brief, next / BRIEF_BLOCK - 1, &block, lacks);
	}
	if (rc >= 0 && block.count)
		lacking |= end_block(brief, blocks(next) - 1, &block, lacks);
	if (rc >= 0 && next != brief->count)
		rc = malformed(err, "more places than blank births");
	buf_free(&block.sum);
	return rc < 0 ? rc : lacking;
}
