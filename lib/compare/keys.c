/*
 * keys: values and keys of rows (docs/format.md, Row keys).
 */
#include "keys.h"
#include "wire.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* With the NUL: it ends there. */
static void add_text(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s) + 1);
}

static void add_log(struct buf *b, const struct log_id *log, uint64_t lsn)
{
	wire_add_u64(b, log->origin);
	wire_add_u64(b, log->incarnation);
	buf_add(b, log->folder.b, sizeof(log->folder.b));
	wire_add_u64(b, lsn);
}

/* Names without regard to (ASCII) case. */
static void add_lower(struct buf *b, const char *s)
{
	for (; *s; s++)
		buf_add_byte(
			b, (uint8_t)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s));
}

static void add_write(struct buf *b, const struct row_write *w)
{
	add_lower(b, w->name);
	buf_add_byte(b, w->value ? '+' : '-');
	wire_add_u64(b, w->by.stamp);
	add_log(b, &w->by.log, w->by.lsn);
}

void keys_exact(const struct row *row, struct buf *scratch,
	uint8_t ret[KEYS_VALUE_SIZE])
{
	buf_clear(scratch);
	add_text(scratch, row->base);
	wire_add_u64(scratch, row->size);
	wire_add_u64(scratch, (uint64_t)row->mtime);
	buf_add(scratch, row->hash.b, sizeof(row->hash.b));
	add_text(scratch, row->extra);
	add_text(scratch, row->flags.letters);
	add_lower(scratch, row->flags.keywords);
	buf_add_byte(scratch, 0);
	wire_add_u32(scratch, row->uid);
	wire_add_u64(scratch, row->place_stamp);
	for (size_t i = 0; i < row->dot_count; i++)
		add_log(scratch, &row->dots[i].log, row->dots[i].lsn);
	for (size_t i = 0; i < row->write_count; i++)
		add_write(scratch, &row->writes[i]);
	hash_long(ret, KEYS_VALUE_SIZE, scratch->data, scratch->len, NULL, 0);
}

void keys_content(const char *base, uint64_t size, const struct hash *hash,
	uint8_t ret[KEYS_VALUE_SIZE])
{
	uint8_t in[CHANGE_NAME_MAX + 1 + 8 + HASH_SIZE];
	size_t len = strnlen(base, CHANGE_NAME_MAX);

	memcpy(in, base, len);
	in[len++] = 0;
	for (size_t i = 0; i < 8; i++)
		in[len++] = (uint8_t)(size >> (8 * i));
	memcpy(in + len, hash->b, HASH_SIZE);
	hash_long(ret, KEYS_VALUE_SIZE, in, len + HASH_SIZE, NULL, 0);
}

static uint64_t siphash(
	const uint8_t seed[RIBLT_SEED_SIZE], const uint8_t in[KEYS_VALUE_SIZE])
{
	uint8_t out[crypto_shorthash_BYTES];
	struct wire w;

	crypto_shorthash(out, in, KEYS_VALUE_SIZE, seed);
	w = wire_over(out, sizeof(out));
	return wire_u64(&w);
}

uint64_t keys_key(const uint8_t seed[RIBLT_SEED_SIZE],
	const uint8_t value[KEYS_VALUE_SIZE])
{
	return siphash(seed, value);
}

static int cmp_keys(const void *a, const void *b)
{
	uint64_t x = ((const struct keys_row *)a)->key;
	uint64_t y = ((const struct keys_row *)b)->key;

	return (x > y) - (x < y);
}

/* Key of the row that is met again after `times` with this key. */
static uint64_t again(
	const uint8_t seed[RIBLT_SEED_SIZE], uint64_t key, uint64_t times)
{
	uint8_t in[16];

	for (size_t i = 0; i < 8; i++) {
		in[i] = (uint8_t)(key >> (8 * i));
		in[8 + i] = (uint8_t)(times >> (8 * i));
	}
	return siphash(seed, in);
}

void keys_sort(const uint8_t seed[RIBLT_SEED_SIZE], struct keys_row *rows,
	size_t count)
{
	bool changed = false;

	if (count == 0)
		return;
	qsort(rows, count, sizeof(*rows), cmp_keys);
	for (size_t i = 0, same; i < count; i += same) {
		uint64_t key = rows[i].key;

		for (same = 1; i + same < count && rows[i + same].key == key;
			same++) {
			rows[i + same].key = again(seed, key, same);
			changed = true;
		}
	}
	if (changed)
		qsort(rows, count, sizeof(*rows), cmp_keys);
}

const struct keys_row *keys_find(
	const struct keys_row *rows, size_t count, uint64_t key)
{
	struct keys_row wanted = {.key = key};

	return count ? bsearch(&wanted, rows, count, sizeof(*rows), cmp_keys)
		     : NULL;
}
