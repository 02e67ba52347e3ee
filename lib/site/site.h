/*
 * site: what every program opens first: configuration, key, peers, accounts;
 * and where things lie below the state directory.
 *
 *   <state>/key                     the key pair (lib/parcel)
 *   <state>/accounts/, <state>/log/ one part per account (lib/capture)
 *   <state>/inbox/<peer>/           parcels collected, not yet applied
 *   <state>/bodies/                 bodies received, not yet placed
 *   <state>/refused/                parcels refused, for the operator
 *   <state>/calls/                  what was done over links
 *   <state>/expelled                peers that are none any more
 *   <state>/keys/                   what peers said of keys (peerkeys.h)
 */
#ifndef PB_SITE_H
#define PB_SITE_H

#include "account.h"
#include "config.h"
#include "expelled.h"
#include "key.h"
#include "peerkeys.h"
#include "store.h"

struct err;

struct site {
	struct os *os;
	struct config config;
	struct key_pair key, former; /* as key_load_both's */
	/* Those that were expelled are in config.peers no more. */
	struct key_public *peers; /* as config.peers: that is sealed for */
	struct peerkeys_known *peerkeys; /* as config.peers */
	struct expelled *expelled;
	size_t expelled_count;
	struct config_account *accounts; /* those that there are now */
	size_t account_count;
	char *inbox_dir, *bodies_dir, *refused_dir;
	struct arena arena, account_arena;
};

/*
 * Errors: ERR_USAGE: configuration, no key yet (run packetboat init), two
 * peers with one key, our own key as a peer's.
 */
int site_open(struct site *s, const char *config_given, struct err *err);
/* Is there an account in the state directory already, whatever key made it? */
bool site_has_accounts(struct os *os, const char *state);
/* Say why there is no key, and what to do: none was made yet, or it was lost.
   Returns: ERR_USAGE. */
int site_no_key(struct os *os, const char *state, struct err *err);
void site_close(struct site *s);
/*
 * Read the configuration again. On success s is as it says now, and ret_old
 * what it was, to be closed when nothing speaks of it any more; else s stays
 * what it was. Errors: as site_open; ERR_USAGE: another state directory, for
 * which a new start is needed.
 */
int site_reload(struct site *s, const char *config_given, struct site *ret_old,
	struct err *err);
/*
 * Look again which accounts there are. What was handed out of s->accounts is
 * no longer valid. Errors: as config_accounts; then they stay as they were.
 */
int site_find_accounts(struct site *s, struct err *err);
/* NULL when there is none of that name. */
const struct config_account *site_account(
	const struct site *s, const char *name);
/* Errors: ERR_USAGE: there is none of that name, and what to do. */
int site_account_check(
	const struct site *s, const char *name, struct err *err);
/* Index of the peer of an origin, or -1. */
int site_peer_of(const struct site *s, uint64_t origin);
/* An account's mail. `make`: make an empty Maildir where there is none.
   Errors: as maildir_open, wrapped with the account. */
int site_store_open(const struct site *s, const struct config_account *a,
	bool make, struct store **ret, struct err *err);
/* An account's state. Errors: as account_open. */
int site_account_open(const struct site *s, const char *name, bool create,
	struct account *ret, struct err *err);
/*
 * Look again by which keys this site and a peer are known: they may have changed
 * while this runs. What s->key, s->peers and s->peerkeys point to is rewritten.
 * Returns 1 if anything did. Errors: as key_load_both's and peerkeys_load's; all
 * is as it was.
 */
int site_keys_again(struct site *s, size_t peer, struct err *err);
/* Our key that a peer expects: the former one until it says otherwise. */
const struct key_pair *site_key_for(const struct site *s, size_t peer);
/* Index of the peer named, or -1. */
int site_peer(const struct site *s, const char *name);
/*
 * Was a peer, by its index, expelled since this was opened, or with SITE_ANY_PEER
 * any of them? Then it is a peer no more: the configuration is to be read again,
 * which says what is wrong with the list, too.
 * Returns 1 if so. Errors: as expelled_load.
 */
#define SITE_ANY_PEER SIZE_MAX
int site_expelled_since(const struct site *s, size_t peer, struct err *err);
/* The peer of that name that was expelled, and is no peer; NULL: none. */
const struct expelled *site_expelled(const struct site *s, const char *name);
/* Has a peer, by its index, part in an account? */
bool site_granted(const struct site *s, size_t peer, const char *account);
/*
 * Peers of an account that can answer a state that joins, and how long it waits
 * for them: all but those that are oneway. Origins, to free.
 */
#define SITE_JOIN_MS (INT64_C(7) * 86400000)
uint64_t *site_answering(
	const struct site *s, const char *account, size_t *ret_count);
/* Peers of an account that get changes from here. Origins, to free. */
uint64_t *site_receivers(
	const struct site *s, const char *account, size_t *ret_count);
/* Both. Origins, to free. */
uint64_t *site_two_way(
	const struct site *s, const char *account, size_t *ret_count);
/* May this site become the authority of folders that are born here? Not one
   that only receives: its peer is. */
bool site_claims(const struct site *s);

#endif
