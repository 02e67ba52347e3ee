/*
 * peerkeys: what a peer said of keys, ours and its own, and what it was told.
 *
 *   <state>/keys/<origin, 16 hex digits>        what it said
 *   <state>/keys/<origin, 16 hex digits>.said   what it was told
 *   <state>/keys/lock                           held while any key is changed
 *
 * The first is written by the applier, the second by the shipper; each is
 * replaced whole (docs/format.md, Keys), so a crash leaves the one before or
 * the one after. What is lost of them is said again.
 *
 * Whose word counts for what: the key in a peer's block of the configuration is
 * the operator's word, and always taken. A change that the peer announced, signed
 * by that key and the new one, makes the new one taken too; the operator's
 * saying so, in the configuration, makes it the one that is sealed for. Then the
 * old one is taken until the peer says, under the new one, that it is no more;
 * or the operator does (packetboat peer revoke).
 */
#ifndef PB_PEERKEYS_H
#define PB_PEERKEYS_H

#include <stddef.h>

#include "key.h"
#include "os.h"

struct err;
struct parcel_keys;

struct peerkeys {
	bool there;	 /* there is a file; else it knows our last key */
	uint8_t uses;	 /* the serial of our key that it says it seals for */
	uint8_t refuses; /* it takes none of ours with a lower serial */
	uint8_t retired; /* none of its with a lower serial is taken */
	uint32_t asked;	 /* how often it said something that is answered */
	bool changes;	 /* it announced: */
	struct key_public from, to;
	int64_t since_ms;
	int64_t split_ms; /* it announced two keys after one; 0: no */
	/* By itself, where the configuration says so: instead of the key that
	   is configured the one that follows it. */
	bool follows;
	struct key_public anchor, followed;
};

struct peerkeys_said {
	uint8_t serial, retired; /* of our keys */
	int64_t ms;
	uint32_t asked; /* answered up to there: */
	uint8_t uses, refuses;
};

/* The keys by which a peer is known at a time. */
#define PEERKEYS_ALSO 2u
struct keyring {
	struct key_public key;		       /* that is sealed for */
	struct key_public also[PEERKEYS_ALSO]; /* taken besides */
	size_t also_count;
	bool waits; /* the last of them is new, and waits for the operator */
};
/* All of it, as far as it is known. */
struct peerkeys_known {
	struct key_public configured;
	struct keyring ring;
	struct peerkeys said;
};
/* follow: the peer's changes need no operator. */
void peerkeys_ring(const struct key_public *configured, bool follow,
	const struct peerkeys *k, struct keyring *ret);

/* Our keys with a lower serial are no more; former: as key_load_both's. */
uint8_t peerkeys_retired(
	const struct key_pair *key, const struct key_pair *former);
/* Does the peer seal for our key, and for none before? */
bool peerkeys_knows(const struct peerkeys *k, const struct key_pair *key);
/* And takes it none that is no more? */
bool peerkeys_knows_all(const struct peerkeys *k, const struct key_pair *key,
	const struct key_pair *former);

/* All zeros where nothing was said. Errors: ERR_CORRUPT; ERR_IO. */
int peerkeys_load(struct os *os, const char *state_dir, uint64_t origin,
	struct peerkeys *ret, struct err *err);
int peerkeys_said_load(struct os *os, const char *state_dir, uint64_t origin,
	struct peerkeys_said *ret, struct err *err);
/* Durable when they return 0. Errors: ERR_IO. */
int peerkeys_save(struct os *os, const char *state_dir, uint64_t origin,
	const struct peerkeys *k, struct err *err);
int peerkeys_said_save(struct os *os, const char *state_dir, uint64_t origin,
	const struct peerkeys_said *said, struct err *err);

/*
 * While any key is changed: whoever reads one, and writes it. Closing *ret_fd
 * gives it back. Errors: ERR_BUSY; ERR_IO.
 */
int peerkeys_lock(
	struct os *os, const char *state_dir, int *ret_fd, struct err *err);

/*
 * Take what came in a parcel that `sealed` proved, one of the peer's ring; its
 * signatures were found good. own: the serial of our key. Durable when it
 * returns. Returns 1 if the change waits for the operator, or is one of two.
 * Errors: as peerkeys_load's.
 */
int peerkeys_take(struct os *os, const char *state_dir,
	const struct key_public *configured, bool follow, uint8_t own,
	const struct key_public *sealed, const struct parcel_keys *said,
	struct err *err);

/* With the lock: our key, of that serial, is about to be followed by another,
   and the peer knows that one. Durable when it returns. Errors: as
   peerkeys_load's. */
int peerkeys_begin(struct os *os, const char *state_dir, uint64_t origin,
	uint8_t own, struct err *err);

/* Of a peer's keys take the one configured, or followed, and none before it:
   durable when it returns. Errors: as peerkeys_load's. */
int peerkeys_revoke(struct os *os, const char *state_dir,
	const struct key_public *configured, bool follow, struct err *err);

/* Add all keys of a ring to a list, which grows. */
void peerkeys_list(
	const struct keyring *ring, struct key_public **list, size_t *count);

/* A sentence for the operator, of a ring that waits or a split: appended. */
void peerkeys_tell(
	const struct keyring *ring, const struct peerkeys *k, struct buf *ret);

#endif
