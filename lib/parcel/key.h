/*
 * key: a site's key pair, and what peers know of it.
 *
 * One Ed25519 seed per site, kept in <state>/key (0600). Sealing uses the
 * X25519 keys derived from it; signing (for carriers that forbid encryption)
 * the Ed25519 keys themselves. The public key line is what `packetboat key`
 * prints and what goes into "key" of a peer block:
 *   pb1:<base64 of 32 bytes of Ed25519 public key, no padding>
 * The origin id is the first 8 bytes (little-endian) of BLAKE2b over the
 * public key; 0 is never one.
 */
#ifndef PB_KEY_H
#define PB_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "os.h"

struct err;

#define KEY_LINE_MAX 64

struct key_public {
	uint8_t sign[32];  /* Ed25519 */
	uint8_t box[32];   /* X25519 */
	uint64_t origin;
	bool may_sign; /* of a peer: its parcels need not be sealed, for a link
			  to it forbids that */
};

struct key_pair {
	struct key_public pub;
	uint8_t sign_secret[64];
	uint8_t box_secret[32];
};

/* sodium_init; call once before anything else here. */
int key_start(struct err *err);
/* A new random key (os->random), written durably to path with mode 0600.
   Errors: ERR_CONFLICT if path exists. */
int key_create(struct os *os, const char *path, struct key_pair *ret,
	struct err *err);
/* Errors: ERR_ABSENT; ERR_AUTH if others may read the file; ERR_CORRUPT. */
int key_load(struct os *os, const char *path, struct key_pair *ret,
	struct err *err);
/* From a 32-byte seed (tests, golden files). */
void key_from_seed(const uint8_t seed[32], struct key_pair *ret);
void key_wipe(struct key_pair *key);
void key_line(const struct key_public *pub, char ret[KEY_LINE_MAX]);
/* Errors: ERR_USAGE: not a key line, and what is wrong with it. */
int key_parse(const char *line, struct key_public *ret, struct err *err);

#endif
