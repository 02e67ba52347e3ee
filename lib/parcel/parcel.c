/*
 * parcel: seal sections for one peer, and open what a peer sealed.
 *
 *	at  0   "PBP" version        clear, authenticated
 *	    4   sender origin        u64
 *	   12   recipient origin     u64
 *	   20   nonce                24 random bytes
 *	   44   XChaCha20-Poly1305( codec | [raw size] | sections )
 *	  end   tag                  16 bytes
 *
 * or, where nothing may be made unreadable:
 *
 *	at  0   "PBS" version
 *	    4   sender origin        u64
 *	   12   recipient origin     u64
 *	   20   codec | [raw size] | sections
 *	  end   signature            64 bytes
 *
 * A parcel is opened if and only if (1) its size is within the caps, (2) its
 * header is of this version, names us as recipient and a known peer as
 * sender, (3) the tag proves header and contents under the key of exactly
 * these two sites in this direction, or the sender's signature does and a link
 * to it forbids sealing, (4) the raw size stated, and the one in
 * the zstd frame, are equal and within PARCEL_RAW_MAX, (5) it decompresses to
 * exactly that. Nothing is kept of one that fails.
 *
 * No state, nothing on disk: any number of callers at once.
 */
#include "parcel.h"
#include "err.h"
#include "sections.h"
#include "wire.h"

#include <sodium.h>
#include <string.h>
#include <zstd.h>

#define MAGIC "PBP"
#define MAGIC_SIZE 3u
#define VERSION 1u
#define NONCE_AT 20u
#define NONCE_SIZE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define HEADER_SIZE 44u
#define TAG_SIZE crypto_aead_xchacha20poly1305_ietf_ABYTES
#define KEY_SIZE crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define KEY_CONTEXT "packetboat parcel 1"
#define MAGIC_SIGNED "PBS"
#define SIGNED_HEADER_SIZE NONCE_AT
#define SIGNATURE_SIZE crypto_sign_BYTES
#define SIGN_CONTEXT "packetboat signed parcel 1"
#define ENVELOPE_SIZE (HEADER_SIZE + TAG_SIZE)

_Static_assert(NONCE_AT + NONCE_SIZE == HEADER_SIZE, "the nonce ends it");
_Static_assert(KEY_SIZE == 32 && TAG_SIZE == 16, "docs/format.md, Parcel");

enum codec { CODEC_STORED = 0, CODEC_ZSTD = 1 };

/*
 * How far zstd looks back, and with it its memory: 9 MiB fast, 55 MiB slow.
 * Level 3 gets larger tables than its own, made for a cache: on mail 2.4 %
 * smaller for 30 ms on 12 MB.
 */
#define FAST_WINDOW_LOG 23
#define FAST_HASH_LOG 20
#define FAST_CHAIN_LOG 19
#define SLOW_WINDOW_LOG 22

/* ---- compressing ---- */

static ZSTD_CCtx *compressor(int level)
{
	ZSTD_CCtx *ctx = ZSTD_createCCtx();

	if (!ctx)
		return NULL;
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, level);
	if (level >= PARCEL_SLOW) {
		ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, SLOW_WINDOW_LOG);
		return ctx;
	}
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, FAST_WINDOW_LOG);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_hashLog, FAST_HASH_LOG);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_chainLog, FAST_CHAIN_LOG);
	return ctx;
}

/*
 * Append codec, raw size and one zstd frame to ret. Returns false, with ret
 * as before, where that is not smaller than storing.
 */
static bool add_compressed(
	struct buf *ret, const void *sections, size_t len, int level)
{
	size_t start = ret->len, size;
	ZSTD_CCtx *ctx = compressor(level);

	if (!ctx)
		return false;
	buf_add_byte(ret, CODEC_ZSTD);
	wire_add_varint(ret, len);
	/* No more room than storing takes: zstd stops when it is used up. */
	size = ZSTD_compress2(ctx, buf_room(ret, len), len, sections, len);
	ZSTD_freeCCtx(ctx);
	if (ZSTD_isError(size) || size + wire_varint_size(len) >= len) {
		ret->len = start;
		return false;
	}
	ret->len += size;
	return true;
}

static void add_contents(
	struct buf *ret, const void *sections, size_t len, int level)
{
	if (add_compressed(ret, sections, len, level))
		return;
	buf_add_byte(ret, CODEC_STORED);
	buf_add(ret, sections, len);
}

static int bad_zstd(struct err *err, const char *why)
{
	return err_set(err, ERR_CORRUPT, "zstd frame: %s", why);
}

/* One frame of exactly size bytes that says it holds raw: else refuse. */
static int check_frame(
	const uint8_t *frame, size_t size, uint64_t raw, struct err *err)
{
	unsigned long long content = ZSTD_getFrameContentSize(frame, size);

	if (content == ZSTD_CONTENTSIZE_ERROR)
		return bad_zstd(err, "not one");
	if (content == ZSTD_CONTENTSIZE_UNKNOWN)
		return bad_zstd(err, "does not state its size");
	if (content != raw)
		return err_set(err, ERR_CORRUPT,
			"zstd frame: states %llu bytes, the parcel %llu",
			content, (unsigned long long)raw);
	if (ZSTD_getDictID_fromFrame(frame, size) != 0)
		return bad_zstd(err, "wants a dictionary");
	if (ZSTD_findFrameCompressedSize(frame, size) != size)
		return bad_zstd(err, "does not end with the parcel");
	return 0;
}

static int decompress(struct wire *w, struct buf *ret, struct err *err)
{
	uint64_t raw = wire_varint(w);
	size_t size, got;
	const uint8_t *frame;
	int r;

	if (w->bad || raw == 0)
		return err_set(err, ERR_CORRUPT, "raw size is malformed");
	if (raw > PARCEL_RAW_MAX)
		return err_set(err, ERR_LIMIT, "raw size %llu over limit %u",
			(unsigned long long)raw, PARCEL_RAW_MAX);
	size = wire_left(w);
	frame = wire_raw(w, size);
	r = check_frame(frame, size, raw, err);
	if (r < 0)
		return r;
	/* In one go into the room for the result: the window costs nothing. */
	got = ZSTD_decompress(buf_room(ret, raw), raw, frame, size);
	if (ZSTD_isError(got))
		return bad_zstd(err, "does not decompress");
	if (got != raw)
		return bad_zstd(err, "shorter than it states");
	ret->len += got;
	return 0;
}

static int unpack(
	const uint8_t *contents, size_t len, struct buf *ret, struct err *err)
{
	struct wire w = wire_over(contents, len);
	uint8_t codec = wire_u8(&w);

	if (codec == CODEC_ZSTD)
		return decompress(&w, ret, err);
	if (codec != CODEC_STORED)
		return err_set(err, ERR_LIMIT,
			"codec %u: made by a newer packetboat", codec);
	if (wire_left(&w) > PARCEL_RAW_MAX)
		return err_set(err, ERR_LIMIT, "%zu bytes over limit %u",
			wire_left(&w), PARCEL_RAW_MAX);
	buf_add(ret, w.at, wire_left(&w));
	return 0;
}

/* ---- sealing ---- */

/*
 * The key of one direction between two sites. The identities that a person
 * compares, the Ed25519 keys, are bound into it.
 */
static int direction_key(const struct key_pair *self,
	const struct key_public *other, const struct key_public *sender,
	const struct key_public *recipient, uint8_t ret[KEY_SIZE],
	struct err *err)
{
	uint8_t in[sizeof(KEY_CONTEXT) - 1 + 3 * 32], *p = in;
	int r = 0;

	memcpy(p, KEY_CONTEXT, sizeof(KEY_CONTEXT) - 1);
	p += sizeof(KEY_CONTEXT) - 1;
	if (crypto_scalarmult(p, self->box_secret, other->box) < 0)
		r = err_set(err, ERR_AUTH, "unusable public key");
	memcpy(p + 32, sender->sign, 32);
	memcpy(p + 64, recipient->sign, 32);
	hash_long(ret, KEY_SIZE, in, sizeof(in), NULL, 0);
	sodium_memzero(in, sizeof(in));
	return r;
}

static void add_names(
	struct buf *ret, const char *magic, uint64_t sender, uint64_t recipient)
{
	buf_add(ret, magic, MAGIC_SIZE);
	buf_add_byte(ret, VERSION);
	wire_add_u64(ret, sender);
	wire_add_u64(ret, recipient);
}

static void add_header(
	struct os *os, struct buf *ret, uint64_t sender, uint64_t recipient)
{
	add_names(ret, MAGIC, sender, recipient);
	os->ops->random(os, buf_room(ret, NONCE_SIZE), NONCE_SIZE);
	ret->len += NONCE_SIZE;
}

int parcel_pack(const void *sections, size_t len, int level, struct buf *ret,
	struct err *err)
{
	if (len > PARCEL_RAW_MAX)
		return err_set(err, ERR_LIMIT,
			"pack parcel: %zu bytes of sections over limit %u", len,
			PARCEL_RAW_MAX);
	if (sections_count(sections, len) > PARCEL_SECTIONS_MAX)
		return err_set(err, ERR_LIMIT,
			"pack parcel: more than %u sections",
			PARCEL_SECTIONS_MAX);
	add_contents(ret, sections, len, level);
	return 0;
}

/* Under the key of the direction from `sender`, who is one of the two. */
static int enclose(struct os *os, const struct key_pair *self,
	const struct key_public *other, const struct key_public *sender,
	const struct key_public *recipient, const void *contents, size_t len,
	struct buf *ret, struct err *err)
{
	uint8_t key[KEY_SIZE], *parcel;
	size_t start = ret->len;
	int r = direction_key(self, other, sender, recipient, key, err);

	if (r < 0)
		return err_wrap(err, "seal parcel");
	add_header(os, ret, sender->origin, recipient->origin);
	buf_room(ret, len + TAG_SIZE);
	parcel = ret->data + start;
	crypto_aead_xchacha20poly1305_ietf_encrypt(parcel + HEADER_SIZE, NULL,
		contents, len, parcel, HEADER_SIZE, NULL, parcel + NONCE_AT,
		key);
	ret->len += len + TAG_SIZE;
	sodium_memzero(key, sizeof(key));
	return 0;
}

int parcel_seal(struct os *os, const struct key_pair *self,
	const struct key_public *peer, const void *sections, size_t len,
	int level, struct buf *ret, struct err *err)
{
	AUTO_BUF struct buf contents = BUF_INIT;
	int r = parcel_pack(sections, len, level, &contents, err);

	return r < 0 ? r
		     : enclose(os, self, peer, &self->pub, peer, contents.data,
			       contents.len, ret, err);
}

int parcel_reseal(struct os *os, const struct key_pair *self,
	const struct key_public *peer, const void *contents, size_t len,
	struct buf *ret, struct err *err)
{
	if (len > PARCEL_SEALED_MAX - ENVELOPE_SIZE)
		return err_set(err, ERR_LIMIT,
			"contents of %zu bytes over limit %zu", len,
			(size_t)PARCEL_SEALED_MAX - ENVELOPE_SIZE);
	return enclose(
		os, self, peer, peer, &self->pub, contents, len, ret, err);
}

/* ---- signing ---- */

/* What is signed: for whom, by the whole key, and the parcel up to there. */
static void hash_signed(crypto_sign_state *state,
	const struct key_public *recipient, const uint8_t *parcel, size_t len)
{
	crypto_sign_init(state);
	crypto_sign_update(
		state, (const uint8_t *)SIGN_CONTEXT, sizeof(SIGN_CONTEXT) - 1);
	crypto_sign_update(state, recipient->sign, sizeof(recipient->sign));
	crypto_sign_update(state, parcel, len);
}

int parcel_sign(const struct key_pair *self, const struct key_public *peer,
	const void *sections, size_t len, int level, struct buf *ret,
	struct err *err)
{
	crypto_sign_state state;
	size_t start = ret->len;

	add_names(ret, MAGIC_SIGNED, self->pub.origin, peer->origin);
	int r = parcel_pack(sections, len, level, ret, err);
	if (r < 0) {
		ret->len = start;
		return r;
	}
	hash_signed(&state, peer, ret->data + start, ret->len - start);
	crypto_sign_final_create(
		&state, buf_room(ret, SIGNATURE_SIZE), NULL, self->sign_secret);
	ret->len += SIGNATURE_SIZE;
	return 0;
}

static int check_signature(const struct key_pair *self,
	const struct key_public *peer, const uint8_t *parcel, size_t len,
	struct err *err)
{
	crypto_sign_state state;
	const uint8_t *signature = parcel + len - SIGNATURE_SIZE;

	if (!peer->may_sign)
		return err_set(err, ERR_AUTH,
			"signed only, and not sealed: no link to %016llx is "
			"said to need that (sign_only)",
			(unsigned long long)peer->origin);
	hash_signed(&state, &self->pub, parcel, len - SIGNATURE_SIZE);
	/* It only reads it. */
	if (crypto_sign_final_verify(&state,
		    (unsigned char *)(uintptr_t)signature, peer->sign) < 0)
		return err_set(err, ERR_AUTH,
			"not authentic: damaged, or not signed by %016llx",
			(unsigned long long)peer->origin);
	return 0;
}

/* ---- opening ---- */

static bool begins_with(const struct wire *w, const char *magic)
{
	size_t left = wire_left(w);

	return memcmp(w->at, magic, left < MAGIC_SIZE ? left : MAGIC_SIZE) == 0;
}

int parcel_peek(const void *data, size_t len, struct parcel_header *ret,
	struct err *err)
{
	struct wire w = wire_over(data, len);
	bool is_signed = !begins_with(&w, MAGIC);
	size_t least =
		is_signed ? SIGNED_HEADER_SIZE + SIGNATURE_SIZE : ENVELOPE_SIZE;

	if (is_signed && !begins_with(&w, MAGIC_SIGNED))
		return err_set(err, ERR_CORRUPT, "not a parcel");
	if (len > MAGIC_SIZE && w.at[MAGIC_SIZE] != VERSION)
		return err_set(err, ERR_LIMIT,
			"parcel version %u: made by a newer packetboat",
			w.at[MAGIC_SIZE]);
	if (len <= least)
		return err_set(
			err, ERR_TORN, "parcel ends after %zu bytes", len);
	wire_raw(&w, MAGIC_SIZE + 1);
	ret->sender = wire_u64(&w);
	ret->recipient = wire_u64(&w);
	ret->is_signed = is_signed;
	return 0;
}

/* Authenticate, then decrypt the contents to the end of plain. */
static int unseal(const struct key_pair *self, const struct key_public *peer,
	const uint8_t *parcel, size_t len, struct buf *plain, struct err *err)
{
	uint8_t key[KEY_SIZE];
	size_t sealed = len - HEADER_SIZE;
	int r = direction_key(self, peer, peer, &self->pub, key, err);

	if (r == 0 && crypto_aead_xchacha20poly1305_ietf_decrypt(
			      buf_room(plain, sealed), NULL, NULL,
			      parcel + HEADER_SIZE, sealed, parcel, HEADER_SIZE,
			      parcel + NONCE_AT, key) < 0)
		r = err_set(err, ERR_AUTH,
			"not authentic: damaged, or not sealed by %016llx",
			(unsigned long long)peer->origin);
	if (r == 0)
		plain->len += sealed - TAG_SIZE;
	sodium_memzero(key, sizeof(key));
	return r;
}

/* Prove whose it is, then what it contains: appended to ret. */
static int open_from(const struct key_pair *self, const struct key_public *peer,
	const uint8_t *parcel, size_t len, bool is_signed, struct buf *ret,
	struct err *err)
{
	AUTO_BUF struct buf plain = BUF_INIT;
	int r = is_signed ? check_signature(self, peer, parcel, len, err)
			  : unseal(self, peer, parcel, len, &plain, err);

	if (r < 0)
		return r;
	r = is_signed ? unpack(parcel + SIGNED_HEADER_SIZE,
				len - SIGNED_HEADER_SIZE - SIGNATURE_SIZE, ret,
				err)
		      : unpack(plain.data, plain.len, ret, err);
	return r < 0 ? err_wrap(err, "parcel from %016llx",
			       (unsigned long long)peer->origin)
		     : 0;
}

/* By any of the keys that the sender has: where one does not fit, the next. */
static int open_by(const struct key_pair *self, const struct key_public *peers,
	size_t count, const struct parcel_header *h, const void *data,
	size_t len, size_t *ret_peer, struct buf *ret, struct err *err)
{
	int r = 1;

	for (size_t i = 0; i < count && (r > 0 || r == ERR_AUTH); i++) {
		struct err one = ERR_INIT;

		if (peers[i].origin != h->sender)
			continue;
		int opened = open_from(
			self, &peers[i], data, len, h->is_signed, ret, &one);
		/* What is said is what the first one met. */
		if (r > 0 || opened != ERR_AUTH) {
			r = opened;
			if (err)
				*err = one;
		}
		*ret_peer = i;
	}
	return r;
}

int parcel_open(const struct key_pair *self, const struct key_pair *former,
	const struct key_public *peers, size_t peer_count, const void *data,
	size_t len, size_t *ret_peer, struct buf *ret, struct err *err)
{
	struct parcel_header h;
	int r;

	if (len > PARCEL_SEALED_MAX)
		return err_set(err, ERR_LIMIT,
			"parcel of %zu bytes over limit %u", len,
			PARCEL_SEALED_MAX);
	r = parcel_peek(data, len, &h, err);
	if (r < 0)
		return r;
	if (h.recipient != self->pub.origin)
		return err_set(err, ERR_AUTH,
			"sealed for another site (origin %016llx)",
			(unsigned long long)h.recipient);
	r = open_by(self, peers, peer_count, &h, data, len, ret_peer, ret, err);
	if (r > 0)
		return err_set(err, ERR_AUTH,
			"sealed by an unknown key (origin %016llx, which "
			"packetboat status prints there; add it with \"key\" "
			"in peer \"...\")",
			(unsigned long long)h.sender);
	/* All zeros: there is none. */
	if (r == ERR_AUTH && former && former->pub.origin == self->pub.origin) {
		struct err one = ERR_INIT;
		int opened = open_by(former, peers, peer_count, &h, data, len,
			ret_peer, ret, &one);

		if (opened != ERR_AUTH) {
			r = opened;
			if (err)
				*err = one;
		}
	}
	return r;
}
