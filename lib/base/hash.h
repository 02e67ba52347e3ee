/*
 * hash: XXH3 to notice damage, BLAKE2b where equality is trusted.
 *
 * XXH3 is a checksum; mail is written by strangers, so "same body" and "same
 * content" are decided by BLAKE2b (libsodium), cut to HASH_SIZE bytes.
 */
#ifndef PB_HASH_H
#define PB_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SIZE 20 /* bytes of BLAKE2b that name a body: 2^80 to collide */

struct hash {
	uint8_t b[HASH_SIZE];
};

uint64_t hash_check(const void *data, size_t len, uint64_t seed); /* XXH3-64 */

/* Incremental BLAKE2b; the struct may be copied and dropped at will. */
struct hash_state {
	unsigned char opaque[384];
};
void hash_init(struct hash_state *st);
void hash_add(struct hash_state *st, const void *data, size_t len);
struct hash hash_end(struct hash_state *st);
struct hash hash_of(const void *data, size_t len);
/* BLAKE2b of any length 16..64 into out, optional key (NULL, 0 for none) */
void hash_long(void *out, size_t out_len, const void *data, size_t len,
	const void *key, size_t key_len);

#define HASH_HEX (2 * HASH_SIZE + 1)
void hash_hex(const struct hash *h, char ret[HASH_HEX]);
int hash_from_hex(const char *hex, struct hash *ret); /* 0, or -1 */

/* Lower-case hex of any bytes: ret needs 2 * len + 1. */
void hex_encode(const void *data, size_t len, char *ret);
/* Exactly len bytes from 2 * len hex digits (either case): 0, or -1. */
int hex_decode(const char *hex, void *ret, size_t len);
/* A number from 16 hex digits (either case): 0, or -1. */
int hex_u64(const char *hex, uint64_t *ret);

#endif
