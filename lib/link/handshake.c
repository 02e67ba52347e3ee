#include "handshake.h"

#include <sodium.h>
#include <string.h>

#include "err.h"
#include "hash.h"
#include "mem.h"
#include "wire.h"

#define MAGIC "PBL"
#define MAGIC_SIZE 3u
#define VERSION 1u
#define FRESH_AT 12u
#define SERIALS_AT 44u
#define EARLY_CONTEXT "packetboat link 1 early"
#define FULL_CONTEXT "packetboat link 1 full"

_Static_assert(FRESH_AT + 32 == SERIALS_AT && SERIALS_AT + 2 == HELLO_SIZE,
	"docs/format.md, Link");

void link_fresh_make(struct os *os, struct link_fresh *ret)
{
	os->ops->random(os, ret->secret, sizeof(ret->secret));
	crypto_scalarmult_base(ret->pub, ret->secret);
}

void hello_write(const struct hello *hello, const struct link_fresh *fresh,
	uint8_t ret[HELLO_SIZE])
{
	AUTO_BUF struct buf b = BUF_INIT;

	buf_add(&b, MAGIC, MAGIC_SIZE);
	buf_add_byte(&b, VERSION);
	wire_add_u64(&b, hello->origin);
	buf_add(&b, fresh->pub, sizeof(fresh->pub));
	buf_add_byte(&b, hello->serial);
	buf_add_byte(&b, hello->for_serial);
	memcpy(ret, b.data, HELLO_SIZE);
}

int hello_read(
	const uint8_t bytes[HELLO_SIZE], struct hello *ret, struct err *err)
{
	struct wire w = wire_over(bytes, HELLO_SIZE);

	if (memcmp(wire_raw(&w, MAGIC_SIZE), MAGIC, MAGIC_SIZE) != 0)
		return err_set(err, ERR_CORRUPT,
			"what answers there is no packetboat");
	uint8_t version = wire_u8(&w);
	if (version != VERSION)
		return err_set(err, ERR_LIMIT,
			"link version %u: a newer packetboat", version);
	ret->origin = wire_u64(&w);
	wire_raw(&w, SERIALS_AT - FRESH_AT);
	ret->serial = wire_u8(&w);
	ret->for_serial = wire_u8(&w);
	return 0;
}

static const uint8_t *their_fresh(const struct handshake *h)
{
	return (h->dials ? h->hello_answer : h->hello_dial) + FRESH_AT;
}

/* Append what two keys have in common. */
static int add_common(struct buf *to, const uint8_t secret[32],
	const uint8_t pub[32], struct err *err)
{
	if (crypto_scalarmult(buf_room(to, 32), secret, pub) < 0)
		return err_set(err, ERR_AUTH, "unusable public key");
	to->len += 32;
	return 0;
}

static void end_of(struct buf *in, uint8_t first[LINK_KEY_SIZE],
	uint8_t second[LINK_KEY_SIZE])
{
	uint8_t out[2 * LINK_KEY_SIZE];

	hash_long(out, sizeof(out), in->data, in->len, NULL, 0);
	memcpy(first, out, LINK_KEY_SIZE);
	memcpy(second, out + LINK_KEY_SIZE, LINK_KEY_SIZE);
	sodium_memzero(out, sizeof(out));
	sodium_memzero(in->data, in->cap);
}

int handshake_early(
	struct handshake *h, uint8_t ret[LINK_KEY_SIZE], struct err *err)
{
	AUTO_BUF struct buf in = BUF_INIT;
	const struct key_public *self = &h->self->pub;
	int rc;

	buf_room(&in, 256); /* no copy of secrets is left by growing */
	buf_add_str(&in, EARLY_CONTEXT);
	/* The fresh key of who dials with the static one of who answers. */
	rc = h->dials ? add_common(&in, h->fresh.secret, h->peer->box, err)
		      : add_common(
				&in, h->self->box_secret, their_fresh(h), err);
	if (rc >= 0)
		rc = add_common(&in, h->self->box_secret, h->peer->box, err);
	buf_add(&in, h->dials ? self->sign : h->peer->sign, 32);
	buf_add(&in, h->dials ? h->peer->sign : self->sign, 32);
	buf_add(&in, h->hello_dial, HELLO_SIZE);
	end_of(&in, h->chain, ret);
	return rc;
}

int handshake_full(struct handshake *h, uint8_t ret_dial[LINK_KEY_SIZE],
	uint8_t ret_answer[LINK_KEY_SIZE], struct err *err)
{
	AUTO_BUF struct buf in = BUF_INIT;
	int rc;

	buf_room(&in, 256);
	buf_add_str(&in, FULL_CONTEXT);
	buf_add(&in, h->chain, sizeof(h->chain));
	rc = add_common(&in, h->fresh.secret, their_fresh(h), err);
	/* The static key of who dials with the fresh one of who answers. */
	if (rc >= 0)
		rc = h->dials ? add_common(&in, h->self->box_secret,
					their_fresh(h), err)
			      : add_common(&in, h->fresh.secret, h->peer->box,
					err);
	buf_add(&in, h->hello_answer, HELLO_SIZE);
	end_of(&in, ret_dial, ret_answer);
	return rc;
}

void handshake_wipe(struct handshake *h)
{
	sodium_memzero(h, sizeof(*h));
}
