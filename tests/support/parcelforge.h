/*
 * parcelforge: contents sealed as docs/format.md, Parcel says, by other code
 * than lib/parcel's: to hold that against it, and for what it never seals.
 */
#ifndef PB_PARCELFORGE_H
#define PB_PARCELFORGE_H

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "mem.h"
#include "wire.h"

#define FORGE_CONTEXT "packetboat parcel 1"

static inline void parcel_forge(const struct key_pair *from,
	const struct key_pair *to, const uint8_t nonce[24],
	const void *contents, size_t len, struct buf *ret)
{
	crypto_generichash_state hash;
	uint8_t secret[32], key[32];
	unsigned long long sealed;
	size_t start = ret->len;

	buf_add(ret, "PBP\1", 4);
	wire_add_u64(ret, from->pub.origin);
	wire_add_u64(ret, to->pub.origin);
	buf_add(ret, nonce, 24);
	if (crypto_scalarmult(secret, to->box_secret, from->pub.box) != 0)
		abort();
	crypto_generichash_init(&hash, NULL, 0, sizeof(key));
	crypto_generichash_update(
		&hash, (const uint8_t *)FORGE_CONTEXT, strlen(FORGE_CONTEXT));
	crypto_generichash_update(&hash, secret, sizeof(secret));
	crypto_generichash_update(&hash, from->pub.sign, 32);
	crypto_generichash_update(&hash, to->pub.sign, 32);
	crypto_generichash_final(&hash, key, sizeof(key));
	buf_room(ret, len + 16);
	crypto_aead_xchacha20poly1305_ietf_encrypt(ret->data + ret->len,
		&sealed, contents, len, ret->data + start, 44, NULL, nonce,
		key);
	ret->len += sealed;
}

#define FORGE_SIGN_CONTEXT "packetboat signed parcel 1"

/* The same, signed and not sealed. */
static inline void parcel_forge_signed(const struct key_pair *from,
	const struct key_pair *to, const void *contents, size_t len,
	struct buf *ret)
{
	crypto_sign_ed25519ph_state state;
	size_t start = ret->len;

	buf_add(ret, "PBS\1", 4);
	wire_add_u64(ret, from->pub.origin);
	wire_add_u64(ret, to->pub.origin);
	buf_add(ret, contents, len);
	crypto_sign_ed25519ph_init(&state);
	crypto_sign_ed25519ph_update(&state,
		(const uint8_t *)FORGE_SIGN_CONTEXT,
		strlen(FORGE_SIGN_CONTEXT));
	crypto_sign_ed25519ph_update(&state, to->pub.sign, 32);
	crypto_sign_ed25519ph_update(
		&state, ret->data + start, ret->len - start);
	crypto_sign_ed25519ph_final_create(
		&state, buf_room(ret, 64), NULL, from->sign_secret);
	ret->len += 64;
}

#endif
