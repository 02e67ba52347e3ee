/*
 * handshake: the keys of one connection, without a round trip.
 *
 * The pattern is Noise's KK: both sites know the other's static key before.
 * The one that dials says who it is and a fresh public key, and goes on at once
 * under an *early* key; the other answers with a fresh key of its own, and from
 * there on each direction has its *full* key (docs/format.md, Link):
 *
 *   early   who has it is the dialing site, or has the answering one's secret
 *           key; may be the replay of an earlier call
 *   full    both are who they say, and it is this call
 *
 * Pure functions; what is secret is wiped by who holds it.
 */
#ifndef PB_HANDSHAKE_H
#define PB_HANDSHAKE_H

#include "key.h"

struct err;

#define HELLO_SIZE 46u
#define LINK_KEY_SIZE 32u

/* A key of one call only. */
struct link_fresh {
	uint8_t secret[32], pub[32];
};
void link_fresh_make(struct os *os, struct link_fresh *ret);

/* Who it is; and who dials, by which of their keys: a site may have two for a
   while, or its peer may know another one. */
struct hello {
	uint64_t origin;
	uint8_t serial;	    /* of the key of who dials; an answer has 0 */
	uint8_t for_serial; /* of that of who answers; an answer has 0 */
};
void hello_write(const struct hello *hello, const struct link_fresh *fresh,
	uint8_t ret[HELLO_SIZE]);
/* Errors: ERR_CORRUPT: not a link; ERR_LIMIT: a newer version. */
int hello_read(
	const uint8_t bytes[HELLO_SIZE], struct hello *ret, struct err *err);

/* What both sides have when both hellos were said. */
struct handshake {
	const struct key_pair *self;
	const struct key_public *peer;
	bool dials;
	struct link_fresh fresh; /* ours */
	uint8_t hello_dial[HELLO_SIZE], hello_answer[HELLO_SIZE];
	uint8_t chain[LINK_KEY_SIZE]; /* by handshake_early */
};
/* Needs hello_dial. Errors: ERR_AUTH: an unusable key. */
int handshake_early(
	struct handshake *h, uint8_t ret[LINK_KEY_SIZE], struct err *err);
/* Needs both hellos, after handshake_early. Errors: the same. */
int handshake_full(struct handshake *h, uint8_t ret_dial[LINK_KEY_SIZE],
	uint8_t ret_answer[LINK_KEY_SIZE], struct err *err);
void handshake_wipe(struct handshake *h);

#endif
