/*
 * receive: parcels to merged state and bodies. No mail store is touched.
 *
 * A parcel is opened whole or not at all. What it says of an account is
 * merged in one transaction: either the account knows the log up to `to`
 * afterwards, or nothing happened. Bodies are assembled by hash and offset in
 * one directory and are whole, verified and durable before they get their
 * name; any piece may come twice, late, or from another carrier.
 *
 * A parcel may be forgotten by its carrier once receive_parcel returned 0 (or
 * refused it for good): all that it held is durable then. ERR_TORN means
 * parked: something before it is missing; it is to be offered again.
 */
#ifndef PB_RECEIVE_H
#define PB_RECEIVE_H

#include <stdbool.h>

#include "acceptrule.h"
#include "account.h"
#include "accountmap.h"
#include "key.h"
#include "parcel.h"

struct err;
struct peerkeys_known;

struct receive_peer {
	const char *name;
	struct key_public key;
	/* What else is known of its keys, read at each parcel; NULL: nothing,
	   and what it says of keys is passed over. */
	const struct peerkeys_known *keys;
	bool follow_key;    /* as the configuration says */
	bool takes_changes; /* false: only its acknowledgements count */
	bool relays;	    /* what others wrote is taken from it, too */
	struct account_map accounts; /* that it has part in */
	struct accept_rule accept;   /* what it may change here */
};

struct receive_config {
	struct os *os;
	const char *state_dir;
	const char *bodies_dir;
	const struct key_pair *self;
	const struct key_pair *former; /* as parcel_open's */
	const struct receive_peer *peers;
	size_t peer_count;
	unsigned reserve_percent; /* stop below this much free space */
	/*
	 * Is an account here that a peer speaks of? there: what it calls it;
	 * here: what we do, NULL: it has no part in any of that name.
	 */
	bool (*account_ok)(void *arg, const struct receive_peer *peer,
		const char *there, const char *here);
	/* May be NULL: called with what a peer may not change here, and was
	   not merged. */
	void (*denied)(void *arg, const struct receive_peer *peer,
		const struct err *what);
	/*
	 * May be NULL: called before anything is merged into an account, its
	 * lock held and no transaction open. Fails: the parcel does.
	 */
	int (*settle)(void *arg, struct account *a, struct err *err);
	void *arg;
};

struct receive_result {
	uint64_t parcels, changes, bodies, acks, repeats, refused;
	uint64_t previews; /* of mail that is held back */
	/* Of the last parcel: its site has a key that waits for the operator,
	   or two; else NULL. */
	const struct receive_peer *new_key;
	/* Folders compared with what the peer stated: equal; newly found to
	   differ. */
	uint64_t agreed, differing;
};

/* Is this an error for which a parcel is refused? */
bool receive_is_refusal(int code);

/*
 * Take one parcel of exactly len bytes. Counts are added to ret.
 * Errors: ERR_TORN: parked; ERR_AUTH, ERR_CORRUPT, ERR_LIMIT: refused for
 * good, the text names peer and reason; ERR_CONFLICT: its site was rolled
 * back or cloned (exit 3); ERR_OPERATOR: the disk is under its reserve;
 * ERR_IO, ERR_BUSY: later; so is what is wrong with our own state or mail.
 * One account that fails keeps no other's part waiting.
 */
int receive_parcel(const struct receive_config *config, const void *data,
	size_t len, struct receive_result *ret, struct err *err);

/* The peer of this origin; NULL: there is none. */
const struct receive_peer *receive_peer_of(
	const struct receive_config *config, uint64_t origin);
/* Which folders of the peers are placed here, as the configuration says
   (lib/replica/refused.h). In a transaction. */
int receive_decide(const struct receive_config *config, struct replica *r,
	struct err *err);

/*
 * Remove bodies that no account awaits any more. accounts: names of all.
 * Pieces stay until they are `age_ms` old.
 */
int receive_clean(const struct receive_config *config,
	const char *const *accounts, size_t count, struct err *err);

#endif
