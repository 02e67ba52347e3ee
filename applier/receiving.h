/*
 * receiving: what the parts of receive share; not for others.
 */
#ifndef PB_RECEIVING_H
#define PB_RECEIVING_H

#include "journal.h"
#include "receive.h"

struct receiving {
	const struct receive_config *config;
	const struct receive_peer *peer;
	struct receive_result *result;
	const char *account; /* that is being merged into */
	bool begins;   /* a log of the peer does: of an incarnation, perhaps */
	uint64_t site; /* whose history it is that is looked at */
	bool split;    /* it says two things at once */
};

/* Of what comes of a look at whether a site says two things at once: not to be
   undone with the parcel that shows it. Returns rc. */
int receiving_is_split(struct receiving *r, int rc);

/* That the peer was heard: what it sent again wants an answer again. */
int receiving_note_heard(
	struct receiving *r, struct replica *rep, struct err *err);

/* receive_accounts.c: the account that a section is of; NULL: none. */
const char *receiving_account(const struct parcel_section *s);
/* Call accounts by the names that they have here, and leave out sections of
   those that are not, or that the peer has no part in. */
void receiving_name_accounts(
	struct receiving *r, struct parcel_sections *sections);

/* receive_changes.c: may the peer say this? Errors: ERR_AUTH. */
int receiving_check(
	struct receiving *r, const struct parcel_changes *s, struct err *err);
/* Merge a section, in a transaction. Errors: as receive_parcel's. */
int receiving_merge(struct receiving *r, struct journal *j,
	const struct parcel_changes *s, struct err *err);

/* receive_relayed.c: are these changes of a third site, passed on? */
bool receiving_is_relayed(
	const struct receiving *r, const struct parcel_changes *s);
/* May the peer do that, and does it as it is done? Errors: ERR_AUTH,
   ERR_CORRUPT. */
int receiving_check_relayed(
	struct receiving *r, const struct parcel_changes *s, struct err *err);
/* Is it taken of that site? 1, or 0, and then it was told. */
int receiving_may_relay(struct receiving *r, struct replica *rep,
	const struct parcel_changes *s, struct err *err);
int receiving_check_written(const struct parcel_changes *s,
	const struct change_batch *batch, struct err *err);

/* receive_grants.c: are changes of the account taken from it? */
bool receiving_takes_from(
	const struct receiving *r, const struct receive_peer *p);
/* Is this change of the peer's to be merged? 1 or 0, and then
   it was told. In a transaction. */
int receiving_may(struct receiving *r, struct replica *rep,
	const struct change *c, struct err *err);
/* Those of a batch that are. */
int receiving_keep_allowed(struct receiving *r, struct replica *rep,
	struct change_batch *batch, struct err *err);

/* receive_keys.c: all keys by which peers are known, to free; whose one is. */
struct key_public *receiving_keys(
	const struct receive_config *config, size_t *ret_count);
const struct receive_peer *receiving_whose(
	const struct receive_config *config, const struct key_public *key);
/* Are changes of the peer's key what they say? Errors: ERR_AUTH. */
int receiving_check_keys(
	const struct parcel_sections *sections, struct err *err);
/* What the peer says of keys, in a parcel that `sealed` proved. Errors: as
   peerkeys_take's. */
int receiving_take_keys(struct receiving *r, const struct key_public *sealed,
	const struct parcel_sections *sections, struct err *err);

/* receive_words.c: what is said of changes, in a transaction. */
int receiving_ack(struct receiving *r, struct replica *rep,
	const struct parcel_ack *ack, struct err *err);
int receiving_statement(struct receiving *r, struct replica *rep,
	const struct parcel_statement *s, struct err *err);
int receiving_preview(struct receiving *r, struct replica *rep,
	const struct parcel_preview *p, struct err *err);
int receiving_join(struct receiving *r, struct replica *rep,
	const struct parcel_join *j, struct err *err);

#endif
