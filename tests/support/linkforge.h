/*
 * linkforge: one side of a link, made from the words of docs/format.md: hellos,
 * keys and records, whatever the messages in them say. Shares no code with
 * lib/link but the arithmetic of libsodium.
 */
#ifndef PB_LINKFORGE_H
#define PB_LINKFORGE_H

#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "mem.h"

struct forge {
	uint8_t secret[32], hello[46]; /* ours */
	uint8_t early[32], chain[32], dial[32], answer[32];
	uint64_t early_count, dial_count, answer_count;
};

static inline void forge_hello(
	struct forge *f, const struct key_pair *self, uint8_t seed)
{
	memset(f, 0, sizeof(*f));
	memset(f->secret, seed, sizeof(f->secret));
	memcpy(f->hello, "PBL\001", 4);
	for (int i = 0; i < 8; i++)
		f->hello[4 + i] = (uint8_t)(self->pub.origin >> (8 * i));
	crypto_scalarmult_base(f->hello + 12, f->secret);
}

static inline void forge_dh(uint8_t *to, const uint8_t *s, const uint8_t *p)
{
	if (crypto_scalarmult(to, s, p) < 0)
		abort();
}

/* The keys as the dialing side has them. */
static inline void forge_early(struct forge *f, const struct key_pair *self,
	const struct key_public *peer)
{
	uint8_t in[23 + 4 * 32 + 46], out[64];

	memcpy(in, "packetboat link 1 early", 23);
	forge_dh(in + 23, f->secret, peer->box);
	forge_dh(in + 55, self->box_secret, peer->box);
	memcpy(in + 87, self->pub.sign, 32);
	memcpy(in + 119, peer->sign, 32);
	memcpy(in + 151, f->hello, 46);
	crypto_generichash(out, 64, in, sizeof(in), NULL, 0);
	memcpy(f->chain, out, 32);
	memcpy(f->early, out + 32, 32);
}

/* hello: what the answering side said. */
static inline void forge_full(
	struct forge *f, const struct key_pair *self, const uint8_t hello[46])
{
	uint8_t in[22 + 3 * 32 + 46], out[64];

	memcpy(in, "packetboat link 1 full", 22);
	memcpy(in + 22, f->chain, 32);
	forge_dh(in + 54, f->secret, hello + 12);
	forge_dh(in + 86, self->box_secret, hello + 12);
	memcpy(in + 118, hello, 46);
	crypto_generichash(out, 64, in, sizeof(in), NULL, 0);
	memcpy(f->dial, out, 32);
	memcpy(f->answer, out + 32, 32);
}

/* Append a record of the dialing side. */
static inline void forge_record(struct forge *f, bool full, const void *message,
	size_t len, struct buf *ret)
{
	uint64_t *count = full ? &f->dial_count : &f->early_count;
	uint8_t head[2], nonce[12] = {0};
	unsigned long long size;

	head[0] = (uint8_t)len;
	head[1] = (uint8_t)(len >> 8 | (full ? 0x80 : 0));
	for (int i = 0; i < 8; i++)
		nonce[i] = (uint8_t)(*count >> (8 * i));
	++*count;
	buf_add(ret, head, 2);
	crypto_aead_chacha20poly1305_ietf_encrypt(buf_room(ret, len + 16),
		&size, message, len, head, 2, NULL, nonce,
		full ? f->dial : f->early);
	ret->len += len + 16;
}

#endif
