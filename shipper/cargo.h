/*
 * cargo: the changes of our own logs that a peer lacks, and of those that are
 * passed on to it (relaying.h), packed.
 *
 * From the segments where they reach back to what the peer knows; else, and
 * where they are damaged, written out from the state (lib/replica). The peer
 * sees no difference: sections from position to position, folded.
 */
#ifndef PB_CARGO_H
#define PB_CARGO_H

#include "brief.h"
#include "joining.h"
#include "lading.h"

struct err;

/* One account being packed. */
struct packing {
	struct lading *lading;
	const struct handover_config *config;
	struct handover_result *result;
	struct account account;
	char there[ACCOUNTMAP_NAME_MAX + 1]; /* what the peer calls it */
	size_t index;
	const struct id128 *medium; /* NULL: no carrier */
	const struct carrier_list *lying;
	const struct handover_live *live; /* NULL: no live link */
	bool record;			  /* what was handed over */
	struct replica_log *logs;
	uint64_t *from; /* per log: lsn the peer knows, or will */
	uint64_t *from_chain;
	size_t log_count;
	bool *hidden; /* per log of ours: it is none of the peer's business */
	bool partial; /* it is not shown all (showing.h) */
	bool *passed; /* per log: another site's, passed on (relaying.h) */
	bool passing; /* the log being packed is one of these */
	/* The peer joins, and is answered; else all zero. */
	struct asker asker;
	uint8_t seed[BRIEF_SEED_SIZE]; /* of what is told in brief */
	bool from_state;	       /* the log being packed is written out */
	bool again;	       /* the log being packed was handed over before */
	uint64_t overlap_room; /* bytes of bodies that may go once more */
	struct arena arena;
};

/*
 * Pack all of them, the account logs first. For a peer that joins also what it
 * wrote itself, from the state, and no bodies: most of them it has.
 * Errors: ERR_OPERATOR: a log is damaged; what it held was packed all the
 * same, and the writer asked to put it aside.
 */
int cargo_add(struct packing *p, struct err *err);

/* Note a body that the peer lacks, to go or, where it is too large for the
   link, to stay. */
int cargo_body(struct packing *p, const struct hash *hash, uint64_t size,
	uint64_t offset, struct err *err);

#endif
