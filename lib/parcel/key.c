/*
 * key: a site's key pair and the key line that peers know it by.
 *
 *	pb1:gMnYqDrHjpPDoDJ9LKqm3n2wLTVfPNZqt/9rhJdVmEw
 *	pb1:vU7yfuD4x0Kp5dGlZa0mXvCEtx8yRCDtIBJAo8hMBmc:PpT/u9sWgRwBm1Zi
 *
 * The second is of a site that changed its key: behind the key stand, 12 bytes
 * as base64, the origin id that it had from the first, the serial, and 3 bytes
 * of a checksum over all of them, for a line is copied by people.
 */
#include "key.h"
#include "err.h"
#include "hash.h"
#include "mem.h"
#include "wire.h"

#include <sodium.h>
#include <string.h>

#define LINE_HEAD "pb1:"
#define LINE_SIZE 47u /* head and 43 characters of base64 */
#define TAIL_SIZE 12u /* origin, serial, check */
#define TAIL_CHECKED 9u
#define LATER_SIZE (LINE_SIZE + 1 + 16)
#define CHECK_CONTEXT "packetboat key line 1"
#define BASE64 sodium_base64_VARIANT_ORIGINAL_NO_PADDING

_Static_assert(crypto_sign_SEEDBYTES == 32, "key_from_seed takes 32 bytes");
_Static_assert(KEY_LINE_MAX > LATER_SIZE, "a line and its NUL fit");

int key_start(struct err *err)
{
	if (sodium_init() < 0)
		return err_set(err, ERR_IO, "libsodium does not start");
	return 0;
}

/* 0 means "no site" elsewhere, so it is no site's. */
static uint64_t origin_of(const uint8_t sign[32])
{
	uint8_t hash[32];
	uint64_t origin = 0;

	hash_long(hash, sizeof(hash), sign, 32, NULL, 0);
	for (size_t i = 0; i < 8; i++)
		origin |= (uint64_t)hash[i] << (8 * i);
	return origin ? origin : 1;
}

void key_from_seed(const uint8_t seed[32], struct key_pair *ret)
{
	crypto_sign_seed_keypair(ret->pub.sign, ret->sign_secret, seed);
	crypto_sign_ed25519_sk_to_curve25519(ret->box_secret, ret->sign_secret);
	crypto_scalarmult_base(ret->pub.box, ret->box_secret);
	ret->pub.origin = origin_of(ret->pub.sign);
	ret->pub.serial = 0;
	ret->pub.may_sign = false;
}

int key_after(const uint8_t seed[32], const struct key_public *before,
	struct key_pair *ret, struct err *err)
{
	if (before->serial == KEY_SERIAL_MAX)
		return err_set(err, ERR_LIMIT,
			"this site changed its key %u times, and that is the "
			"most (make another site)",
			KEY_SERIAL_MAX);
	key_from_seed(seed, ret);
	ret->pub.origin = before->origin;
	ret->pub.serial = (uint8_t)(before->serial + 1);
	return 0;
}

int key_public_make(const uint8_t sign[32], uint64_t origin, uint8_t serial,
	struct key_public *ret, struct err *err)
{
	struct key_public pub = {.origin = origin, .serial = serial};

	memcpy(pub.sign, sign, sizeof(pub.sign));
	if (crypto_sign_ed25519_pk_to_curve25519(pub.box, pub.sign) < 0)
		return err_set(err, ERR_AUTH, "no public key");
	*ret = pub;
	return 0;
}

bool key_same(const struct key_public *a, const struct key_public *b)
{
	return memcmp(a->sign, b->sign, sizeof(a->sign)) == 0 &&
	       a->origin == b->origin && a->serial == b->serial;
}

void key_wipe(struct key_pair *key)
{
	sodium_memzero(key, sizeof(*key));
}

/* What stands behind the key in a later one's line. */
static void tail_of(const struct key_public *pub, uint8_t ret[TAIL_SIZE])
{
	AUTO_BUF struct buf in = BUF_INIT;
	uint8_t sum[16];

	for (size_t i = 0; i < 8; i++)
		ret[i] = (uint8_t)(pub->origin >> (8 * i));
	ret[8] = pub->serial;
	buf_add_str(&in, CHECK_CONTEXT);
	buf_add(&in, pub->sign, sizeof(pub->sign));
	buf_add(&in, ret, TAIL_CHECKED);
	hash_long(sum, sizeof(sum), in.data, in.len, NULL, 0);
	memcpy(ret + TAIL_CHECKED, sum, TAIL_SIZE - TAIL_CHECKED);
}

void key_line(const struct key_public *pub, char ret[KEY_LINE_MAX])
{
	uint8_t tail[TAIL_SIZE];

	memcpy(ret, LINE_HEAD, sizeof(LINE_HEAD));
	sodium_bin2base64(ret + strlen(LINE_HEAD),
		KEY_LINE_MAX - strlen(LINE_HEAD), pub->sign, sizeof(pub->sign),
		BASE64);
	if (!pub->serial)
		return;
	tail_of(pub, tail);
	ret[LINE_SIZE] = ':';
	sodium_bin2base64(ret + LINE_SIZE + 1, KEY_LINE_MAX - LINE_SIZE - 1,
		tail, sizeof(tail), BASE64);
}

/* Whose key it is, and the how many-th. */
static int parse_tail(const char *text, struct key_public *pub, struct err *err)
{
	uint8_t tail[TAIL_SIZE], want[TAIL_SIZE];
	size_t got = 0;

	if (*text != ':' ||
		sodium_base642bin(tail, sizeof(tail), text + 1,
			strlen(text + 1), NULL, &got, NULL, BASE64) < 0 ||
		got != sizeof(tail))
		return err_set(err, ERR_USAGE,
			"not a key line: what is behind the key is not "
			"base64");
	struct wire w = wire_over(tail, sizeof(tail));
	pub->origin = wire_u64(&w);
	pub->serial = wire_u8(&w);
	tail_of(pub, want);
	if (!pub->origin || !pub->serial || memcmp(tail, want, TAIL_SIZE) != 0)
		return err_set(err, ERR_USAGE,
			"not a key line: what is behind the key does not "
			"belong to it (mistyped?)");
	return 0;
}

int key_parse(const char *line, struct key_public *ret, struct err *err)
{
	size_t head = strlen(LINE_HEAD), len = strlen(line), got = 0;
	struct key_public pub = {.may_sign = false};

	if (strncmp(line, LINE_HEAD, head) != 0)
		return err_set(err, ERR_USAGE,
			"not a key line: it does not begin with " LINE_HEAD);
	if (len != LINE_SIZE && len != LATER_SIZE)
		return err_set(err, ERR_USAGE,
			"not a key line: %zu characters, it has %u, or %u of a "
			"key that was changed",
			len, LINE_SIZE, LATER_SIZE);
	if (sodium_base642bin(pub.sign, sizeof(pub.sign), line + head,
		    LINE_SIZE - head, NULL, &got, NULL, BASE64) < 0 ||
		got != sizeof(pub.sign))
		return err_set(err, ERR_USAGE,
			"not a key line: its text is not base64");
	if (crypto_sign_ed25519_pk_to_curve25519(pub.box, pub.sign) < 0)
		return err_set(err, ERR_USAGE,
			"not a key line: no public key (mistyped?)");
	pub.origin = origin_of(pub.sign);
	if (len == LATER_SIZE && parse_tail(line + LINE_SIZE, &pub, err) < 0)
		return ERR_USAGE;
	*ret = pub;
	return 0;
}
