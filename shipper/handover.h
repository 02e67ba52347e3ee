/*
 * handover: what a peer lacks, sealed and packed into a bundle, or several
 * where the carrier takes none so large.
 *
 * For every account: our acknowledgements if there is anything to tell; the
 * changes of our own logs from what the peer last acknowledged (or what lies
 * on this medium already, not collected yet) to the durable end, folded; the
 * bodies that these bring into being, and those that the peer said it wants.
 * Changes come first, so that a body never delays them.
 *
 * Of our own logs only those of folders whose home is this site are handed over,
 * and of the account log what speaks of them: the peer's own changes are its to
 * send. Those of third sites go to who takes them from us (relaying.h).
 *
 * Nothing is taken for delivered because it was handed over: a medium may be
 * lost. What lies in a bundle that is still on its medium is not written to
 * that medium a second time, nor what was put there within `patience_ms`;
 * anything else is sent again until acknowledged.
 */
#ifndef PB_HANDOVER_H
#define PB_HANDOVER_H

#include "account.h"
#include "accountmap.h"
#include "bundle.h"
#include "carrier.h"
#include "key.h"
#include "viewrule.h"

struct err;
struct peerkeys_known;

struct handover_config {
	struct os *os;
	const char *state_dir;
	const struct key_pair *self; /* that the peer expects */
	const struct key_public *peer;
	const struct key_pair *key, *former; /* as key_load_both's */
	const struct peerkeys_known *known;  /* NULL: nothing is said of keys */
	bool send_changes;    /* false: acknowledgements, and bodies that the
				 peer asks for, only */
	bool take_changes;    /* false: the peer's are not taken */
	bool relay;	      /* what other sites wrote is passed on, too */
	bool takes_relay;     /* and is taken from the peer; but for sites, if
				 they are peers, of which nothing is taken */
	bool (*untaken)(void *arg, uint64_t origin, const char *account);
	void *untaken_arg;
	bool unread;	      /* the inbox holds parcels of the peer that were
				 not looked at: among them may be news of what
				 is gone from the medium */
	uint64_t patience_ms; /* what was put there in this time and is gone
				 was collected, and not lost */
	size_t brief_least;   /* of fewer mails that are here, a peer is to tell
				 all whole to a state that joins: that they are
				 told in brief may take a turnaround more */
	bool oneway;	      /* handed over counts as acknowledged */
	size_t overlap;	      /* oneway: hand-overs that are repeated */
	int64_t tables_ms;    /* oneway: within this tables go; -1: never */
	int64_t state_ms;     /* within this each folder is stated; -1: never */
	int level;	      /* zstd */
	bool sign_only;	      /* not sealed: the carrier forbids it */
	uint64_t bundle_max;  /* bytes of one bundle; 0: as the carrier says */
	bool holds;	      /* bodies larger than the next stay here */
	uint64_t hold;
	uint32_t preview; /* bytes of one of each of these; 0: there is none */
	const char *peer_name;
	bool rehearse;	 /* what is noted in the state is undone */
	bool budgeted;	 /* and if so: */
	uint64_t budget; /* bytes that the bundles may have, manifests too */
	/* So many are about to be seen there. Errors: they are not. */
	int (*spend)(void *arg, uint64_t bytes, struct err *err);
	void *spend_arg;
	/* Nobody else looks at what a peer lacks, from on to off, which cannot
	   fail: bundles are packed so, and closed after it. May be NULL.
	   Errors: ERR_BUSY. */
	int (*alone)(void *arg, bool on, struct err *err);
	void *alone_arg;
	const char *link; /* name; "" for a bare via */
	const char *const *accounts;
	size_t account_count;
	struct view_rule view;	/* folders that go out */
	struct account_map map; /* those of them that the peer has part in */
	/*
	 * Bytes of a body from offset on, at most max, appended to ret; the
	 * whole body's size. Errors: ERR_ABSENT: no mail has it any more;
	 * ERR_CORRUPT: damaged where it lies; ERR_IO: not now; ERR_BUSY, on
	 * a live link: not yet. NULL, in a rehearsal: only their sizes are
	 * asked for.
	 */
	int (*body)(void *arg, const char *account, const struct hash *hash,
		uint64_t offset, size_t max, struct buf *ret,
		uint64_t *ret_size, struct err *err);
	/* Append the body's preview for a peer, at most that many bytes. */
	int (*body_preview)(void *arg, const char *account,
		const struct hash *hash, const char *peer, size_t most,
		struct buf *ret, struct err *err);
	void *body_arg; /* of both */
	/* May be NULL: bytes of bodies packed, of how many. */
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *progress_arg;
};

/*
 * A live link takes parcels one by one, and bodies when it has room for them.
 * Nothing lies there: what was sent on this connection is as good as there, and
 * of what was sent before only what was acknowledged counts.
 */
struct handover_live {
	void *arg;
	/* Contents of a parcel without bodies. */
	void (*contents)(void *arg, const struct buf *contents);
	/* A body that is to be sent from offset on. */
	void (*body)(void *arg, const char *account, const struct hash *hash,
		uint64_t size, uint64_t offset);
	/* The preview of a body that stays here; hash: of what is under way
	   (lib/replica/held.h). */
	void (*preview)(void *arg, const char *account, const struct hash *hash,
		const struct hash *held, size_t most);
	/* Was it given this body, or preview? */
	bool (*knows)(void *arg, const struct hash *hash);
	/* How far a log was sent, if beyond *lsn. */
	void (*reached)(void *arg, const char *account, int64_t log,
		uint64_t *lsn, uint64_t *chain);
	void (*sent)(void *arg, const char *account, int64_t log,
		const struct position *to);
	bool between; /* a round is near: that something came, and was not
			 applied yet, may wait for it, or for both in one */
	bool first;   /* of this connection: we say where we stand */
	bool wanted;  /* bodies that the peer asked for may go: what was sent
			before is there, or lost. Else those that an operator
			released, once */
};

struct handover_result {
	uint64_t parcels, changes, bodies, body_bytes, acks;
	uint64_t large, large_bytes; /* of the bodies, over FEED_SMALL */
	uint64_t size; /* of the bundles; 0: nothing to hand over */
	uint64_t bundles;
	uint64_t left, left_bytes; /* bodies that found no room there */
	bool over_budget;	   /* because of its budget; or changes */
	uint64_t held, held_bytes; /* bodies that are too large for the link */
	uint64_t previews;	   /* of some of them */
	uint64_t missing;	   /* bodies no mail has any more */
	uint64_t damaged;	   /* bodies that are not as they were logged */
	uint64_t recalled;	   /* bundles that were needless (recall.h) */
	uint64_t written_out; /* of the changes: from the state, because the
				 segments do not reach back, or are damaged */
};

/*
 * Hand over to a carrier. Returns 0; 1 when there was nothing to hand over.
 * Errors: as the carrier's put_begin and put_commit; ERR_OPERATOR: a log is
 * damaged (what it held was handed over from the state).
 */
int handover_to_carrier(const struct handover_config *config,
	struct carrier *carrier, struct handover_result *ret, struct err *err);

/* Hand over to a live link. Returns, errors: the same. */
int handover_to_link(const struct handover_config *config,
	const struct handover_live *live, struct handover_result *ret,
	struct err *err);

/*
 * The same into an open file or pipe, from what was acknowledged, recording
 * nothing (`ship --output`).
 */
int handover_to_fd(const struct handover_config *config, int fd,
	const char *name, struct handover_result *ret, struct err *err);

#endif
