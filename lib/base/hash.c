/*
 * hash: XXH3 and BLAKE2b behind one header, and hex.
 *
 * libsodium wants its BLAKE2b state on a 64-byte boundary, which memory from
 * malloc does not give; so each call works on an aligned copy, and struct
 * hash_state may live anywhere.
 */
#include "hash.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>
#include <xxhash.h>

_Static_assert(sizeof(crypto_generichash_state) ==
		       sizeof(((struct hash_state *)0)->opaque),
	"struct hash_state holds a crypto_generichash_state");
_Static_assert(HASH_SIZE >= crypto_generichash_BYTES_MIN &&
		       HASH_SIZE <= crypto_generichash_BYTES_MAX,
	"BLAKE2b has no such length");

uint64_t hash_check(const void *data, size_t len, uint64_t seed)
{
	return XXH3_64bits_withSeed(data, len, seed);
}

void hash_init(struct hash_state *st)
{
	crypto_generichash_state s;

	crypto_generichash_init(&s, NULL, 0, HASH_SIZE);
	memcpy(st->opaque, &s, sizeof(s));
}

void hash_add(struct hash_state *st, const void *data, size_t len)
{
	crypto_generichash_state s;

	if (len == 0)
		return;
	memcpy(&s, st->opaque, sizeof(s));
	crypto_generichash_update(&s, data, len);
	memcpy(st->opaque, &s, sizeof(s));
}

struct hash hash_end(struct hash_state *st)
{
	crypto_generichash_state s;
	struct hash h;

	memcpy(&s, st->opaque, sizeof(s));
	crypto_generichash_final(&s, h.b, sizeof(h.b));
	memcpy(st->opaque, &s, sizeof(s));
	return h;
}

struct hash hash_of(const void *data, size_t len)
{
	struct hash h;

	hash_long(h.b, sizeof(h.b), data, len, NULL, 0);
	return h;
}

void hash_long(void *out, size_t out_len, const void *data, size_t len,
	const void *key, size_t key_len)
{
	assert(out_len >= crypto_generichash_BYTES_MIN &&
		out_len <= crypto_generichash_BYTES_MAX);
	assert(key_len <= crypto_generichash_KEYBYTES_MAX);
	crypto_generichash(out, out_len, data, len, key, key_len);
}

void hash_hex(const struct hash *h, char ret[HASH_HEX])
{
	hex_encode(h->b, sizeof(h->b), ret);
}

int hash_from_hex(const char *hex, struct hash *ret)
{
	if (strlen(hex) != HASH_HEX - 1)
		return -1;
	return hex_decode(hex, ret->b, sizeof(ret->b));
}

void hex_encode(const void *data, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *from = data;

	for (size_t i = 0; i < len; i++) {
		ret[2 * i] = digits[from[i] >> 4];
		ret[2 * i + 1] = digits[from[i] & 15];
	}
	ret[2 * len] = '\0';
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(const char *hex, void *ret, size_t len)
{
	uint8_t *to = ret;

	for (size_t i = 0; i < len; i++) {
		int high = digit(hex[2 * i]);
		int low = high < 0 ? -1 : digit(hex[2 * i + 1]);

		if (low < 0)
			return -1;
		to[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

int hex_u64(const char *hex, uint64_t *ret)
{
	uint8_t b[8];

	if (hex_decode(hex, b, sizeof(b)) < 0)
		return -1;
	*ret = 0;
	for (size_t i = 0; i < sizeof(b); i++)
		*ret = *ret << 8 | b[i];
	return 0;
}
