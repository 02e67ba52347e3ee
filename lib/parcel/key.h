/*
 * key: a site's key pair, and what peers know of it.
 *
 * One Ed25519 seed per site, kept in <state>/key (0600). Sealing uses the
 * X25519 keys derived from it; signing (for carriers that forbid encryption)
 * the Ed25519 keys themselves. The public key line is what `packetboat key`
 * prints and what goes into "key" of a peer block:
 *   pb1:<base64 of 32 bytes of Ed25519 public key, no padding>
 * The origin id is the first 8 bytes (little-endian) of BLAKE2b over the
 * public key of the site's first key; 0 is never one. Keys may change, and the
 * origin stays: a later key's line says whose it is, and the how many-th.
 *   pb1:<base64>:<origin id, 16 hex digits>:<serial>
 * That a key follows another is shown by signatures of both (struct
 * key_change), or it is the word of who writes its line into a configuration.
 */
#ifndef PB_KEY_H
#define PB_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "os.h"

struct err;

#define KEY_LINE_MAX 80
#define KEY_SERIAL_MAX 255u /* so often a site changes its key */
#define KEY_SIGNATURE_SIZE 64u

struct key_public {
	uint8_t sign[32]; /* Ed25519 */
	uint8_t box[32];  /* X25519 */
	uint64_t origin;
	uint8_t serial; /* 0: the site's first key, of which the origin is */
	bool may_sign;	/* of a peer: its parcels need not be sealed, for a link
			  to it forbids that */
};

struct key_pair {
	struct key_public pub;
	uint8_t sign_secret[64];
	uint8_t box_secret[32];
};

/* sodium_init; call once before anything else here. */
int key_start(struct err *err);
/*
 * A new random key (os->random), written durably to path with mode 0600.
 * before: NULL, or the key of the site which this one continues: the word of
 * who gives it. Errors: ERR_CONFLICT if path exists; ERR_LIMIT: no serial is
 * left.
 */
int key_create(struct os *os, const char *path, const struct key_public *before,
	struct key_pair *ret, struct err *err);
/* Errors: ERR_ABSENT; ERR_AUTH if others may read the file; ERR_CORRUPT. */
int key_load(
	struct os *os, const char *path, struct key_pair *ret, struct err *err);
/* The same with the key before this one. Returns 1, or 0 when it was retired,
   or there was none: then *ret_former is all zeros. */
int key_load_both(struct os *os, const char *path, struct key_pair *ret,
	struct key_pair *ret_former, struct err *err);
/*
 * Make a new key; the one that was is kept as the former one. Durable when it
 * returns 0; else all is as it was, or, if only the last fsync failed, done.
 * Not two callers at once. Errors: as key_load's; ERR_CONFLICT: the former one
 * was not retired yet; ERR_LIMIT.
 */
int key_rotate(
	struct os *os, const char *path, struct key_pair *ret, struct err *err);
/*
 * Destroy the former key: durable when it returns, and its place in the file
 * that was is written over (what a file system, a disk or a backup keeps of
 * that is beyond us). Returns 1 if there was none. Errors: as key_load's.
 */
int key_retire(struct os *os, const char *path, struct err *err);
/* From a 32-byte seed (tests, golden files). */
void key_from_seed(const uint8_t seed[32], struct key_pair *ret);
/* The same, of the site whose key was `before`, and the next after it.
   Errors: ERR_LIMIT. */
int key_after(const uint8_t seed[32], const struct key_public *before,
	struct key_pair *ret, struct err *err);
void key_wipe(struct key_pair *key);
void key_line(const struct key_public *pub, char ret[KEY_LINE_MAX]);
/* Errors: ERR_USAGE: not a key line, and what is wrong with it. */
int key_parse(const char *line, struct key_public *ret, struct err *err);
bool key_same(const struct key_public *a, const struct key_public *b);

/* That a site's key is followed by another of it, with the next serial. */
struct key_change {
	struct key_public from, to;
	uint8_t by_from[KEY_SIGNATURE_SIZE], by_to[KEY_SIGNATURE_SIZE];
};
void key_change_sign(const struct key_pair *from, const struct key_pair *to,
	struct key_change *ret);
/* Errors: ERR_AUTH: not of one site, not the next, or not signed by both. */
int key_change_check(const struct key_change *c, struct err *err);
/* From its parts, the sealing keys derived. Errors: ERR_AUTH: unusable keys. */
int key_public_make(const uint8_t sign[32], uint64_t origin, uint8_t serial,
	struct key_public *ret, struct err *err);

#endif
