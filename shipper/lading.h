/*
 * lading: sections gathered into parcels, parcels into bundles: one, and the
 * next where it would become larger than a file may be.
 *
 * The bundle is begun with its first parcel, so that nothing to say leaves
 * nothing behind. Sections of changes and acknowledgements are packed as they
 * come; bodies are only noted, and fetched and packed at the end, small ones
 * first. Where there is not room for all on the carrier some stay behind: the
 * peer will say that it wants them. So do those that are too large for the link
 * (lib/replica/held.h). Where the link's budget has no room for a parcel,
 * neither it nor any behind it goes, and what was noted for them counts as not
 * handed over.
 */
#ifndef PB_LADING_H
#define PB_LADING_H

#include "handover.h"
#include "parcel.h"
#include "peerkeys.h"

struct lading_body {
	size_t account;
	struct hash hash;
	uint64_t size, offset;
	uint64_t sequence; /* of the bundle that has its end; 0: none */
	bool held;	   /* too large for the link: not in any */
	bool preview;	   /* of the next, which is held, at most size bytes */
	struct hash of;
};

struct lading_log {
	size_t account;
	int64_t log;
	struct position to;
	uint64_t sequence;
};

/* What an acknowledgement in the bundle says, and up to what it answers. */
struct lading_told {
	size_t account;
	int64_t sum, heard;
	uint64_t sequence;
};

/* What is due of an account's comparisons is in the bundle. */
struct lading_compared {
	size_t account;
	uint64_t sequence;
};

/* A bundle that is on the carrier. */
struct lading_bundle {
	uint64_t sequence, size;
	struct hash hash;
};

/* What is said of keys is in the bundle. */
struct lading_keys {
	bool any, packed;
	struct peerkeys_said said;
};

struct lading {
	const struct handover_config *config;
	struct handover_result *result;
	struct carrier *carrier;
	const struct handover_live *live; /* no carrier, and no bundle */
	uint64_t sequence;
	int fd;
	const char *name;
	struct bundle_writer *bundle;
	struct buf sections;
	size_t section_count;
	/* The last section, if it is of changes: its account and folder. */
	bool changes_last;
	char last_account[PARCEL_ACCOUNT_MAX + 1];
	struct id128 last_folder;
	struct lading_body *bodies;
	size_t body_count;
	size_t *slots; /* open hash table over bodies, index + 1 */
	size_t slot_count;
	uint64_t body_bytes;
	struct lading_log *logs;
	size_t log_count;
	struct lading_told *told;
	size_t told_count;
	struct lading_compared *compared;
	size_t compared_count;
	struct lading_keys keys;
	/* So many of each are in parcels that were written. */
	size_t bodies_packed, bodies_done, logs_done, told_done, compared_done;
	struct lading_bundle *done;
	size_t done_count;
	/* What may be written, if known; what was, about; in this bundle. */
	bool bounded;
	uint64_t room, written, bundle_max, in_bundle;
	uint64_t spent; /* of the budget: bundles and manifests, exactly */
	bool full;	/* of what is packed nothing more goes */
	uint64_t changes_in, acks_in; /* parcels that were written */
	bool putting, failed;
};

void lading_begin(struct lading *l, const struct handover_config *config,
	struct handover_result *result);
void lading_open_fd(struct lading *l, int fd, const char *name);
void lading_open_carrier(struct lading *l, struct carrier *carrier,
	const struct carrier_list *lying);
void lading_open_live(struct lading *l, const struct handover_live *live);
int lading_changes(
	struct lading *l, const struct parcel_changes *c, struct err *err);
int lading_ack(struct lading *l, const struct parcel_ack *ack, struct err *err);
int lading_join(struct lading *l, const struct parcel_join *j, struct err *err);
int lading_statement(
	struct lading *l, const struct parcel_statement *s, struct err *err);
/* said: to be recorded when it is there. */
int lading_keys(struct lading *l, const struct parcel_keys *k,
	const struct peerkeys_said *said, struct err *err);
/* A section of a comparison. */
int lading_compare(struct lading *l, enum parcel_section_type type,
	const struct parcel_compare *c, struct err *err);
/* Note that what is due of an account's comparisons is in the bundle. */
void lading_compared(struct lading *l, size_t account);
/* Note a body once. Returns 1 if it was noted already. */
int lading_want(struct lading *l, size_t account, const struct hash *hash,
	uint64_t size, uint64_t offset);
/* Note that a body stays here, because of its size. Returns: the same. */
int lading_hold(struct lading *l, size_t account, const struct hash *hash,
	uint64_t size, uint64_t offset);
/* Note that a preview of a body that stays here is to go. */
void lading_preview(struct lading *l, size_t account, const struct hash *held);
/* Note that a log is in the bundle up to a position. */
void lading_sent(struct lading *l, size_t account, int64_t log,
	const struct position *to);
/* Note what was acknowledged. */
void lading_told(struct lading *l, const struct lading_told *told);
/* The keys in an account's state for what a peer was told; to free. */
char *lading_told_key(uint64_t peer);
char *lading_answered_key(uint64_t peer);
/* True after the bundle itself could not be written. */
bool lading_failed(const struct lading *l);
/* Pack the bodies, end the bundle, make it visible. */
int lading_finish(struct lading *l, struct err *err);
/* Something failed: what is in no bundle that lies there counts as not handed
   over, and with a one-way peer all of it, whose bundles are removed. */
void lading_undo(struct lading *l);
/* Record in each account's state what lies in the bundles now. */
int lading_record(
	struct lading *l, const struct id128 *medium, struct err *err);
void lading_end(struct lading *l);

#endif
