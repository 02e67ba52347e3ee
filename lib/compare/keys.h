/*
 * keys: 64-bit names of rows, for one comparison (docs/format.md, Row keys).
 *
 * A row's *value* says what the row is, in 16 bytes; its *key* is SipHash-2-4
 * of the value under the comparison's seed. There are two kinds: the exact
 * value is what the row adds to its folder's digest, so two sites have the
 * same exact values if and only if their digests agree; the content value
 * names the mail alone, for a site that has mail and has lost what it knew of
 * it. Values can be kept from one comparison to the next; keys cannot, so
 * that nobody can make two rows with one key.
 */
#ifndef PB_KEYS_H
#define PB_KEYS_H

#include "riblt.h"
#include "rows.h"

#define KEYS_VALUE_SIZE 16

/*
 * The value that a row adds to the digest of its folder. scratch: for the
 * bytes that are hashed; to be used again for the next row.
 * Source: docs/format.md, Digest.
 */
void keys_exact(const struct row *row, struct buf *scratch,
	uint8_t ret[KEYS_VALUE_SIZE]);

/* The value of a mail: base name, size in bytes, and hash of its body. */
void keys_content(const char *base, uint64_t size, const struct hash *hash,
	uint8_t ret[KEYS_VALUE_SIZE]);

/* The key of a value. */
uint64_t keys_key(const uint8_t seed[RIBLT_SEED_SIZE],
	const uint8_t value[KEYS_VALUE_SIZE]);

/* Whose key it is. */
struct keys_row {
	uint64_t key;
	int64_t id; /* the caller's */
};

/*
 * Sort rows by key. Of rows with one key (a folder may hold one mail twice)
 * the second, third … get another key, the same at every site: a set holds
 * nothing twice.
 */
void keys_sort(const uint8_t seed[RIBLT_SEED_SIZE], struct keys_row *rows,
	size_t count);

/* The row with this key, of sorted ones; NULL: none. */
const struct keys_row *keys_find(
	const struct keys_row *rows, size_t count, uint64_t key);

#endif
