/*
 * feed: the bodies that are to go on a live link, fetched and packed when it has
 * room for more: a few parcels ahead, however many there are.
 *
 * Small ones go first, a few at the beginning, the more together the more went;
 * large ones in parcels of one piece each, cut at multiples of FEED_PIECE: a
 * piece that is packed again, after this process died, has the same bytes and so
 * the same name (lib/link). Of a large one is sent what the other side does not
 * have.
 */
#ifndef PB_FEED_H
#define PB_FEED_H

#include "handover.h"
#include "link.h"

#define FEED_SMALL (64u << 10) /* bodies up to this size go together */
#define FEED_PIECE (1u << 20)
#define FEED_AHEAD (128u << 10) /* bytes packed that wait, at most */

struct feed_body {
	char *account;
	struct hash hash;
	uint64_t size, offset;
	bool preview; /* of another one, at most size bytes: */
	struct hash held;
};
struct feed_list {
	struct feed_body *items;
	size_t count, at;
};
#define FEED_SENT_MAX 65536u /* more are not remembered */

/* All zero at first. */
struct feed {
	struct feed_list small, large;
	bool told_offset; /* the first large one's is what the other has */
	uint64_t bodies, bytes; /* that went into parcels */
	uint64_t packed;	/* bytes of small ones, with their heads */
	struct buf gathered;	/* sections of a parcel of small ones */
	uint64_t missing, damaged;
	struct feed_body *sent; /* those that went whole */
	size_t sent_count;
};
void feed_free(struct feed *f);

void feed_add(struct feed *f, const char *account, const struct hash *hash,
	uint64_t size, uint64_t offset);
/* The preview of a body that stays here, under its own name. */
void feed_preview(struct feed *f, const char *account, const struct hash *hash,
	const struct hash *held, size_t most);
/* It waits, or went already. */
bool feed_knows(const struct feed *f, const struct hash *hash);
/* Nothing waits to be packed. */
bool feed_is_empty(const struct feed *f);
/* Nothing more of them is packed: who lacks them will say so. */
void feed_forget(struct feed *f);
/*
 * Pack what there is room for now. Bodies that are gone or damaged are counted,
 * and left out. Errors: ERR_BUSY: the next is not there yet: call again; ERR_IO:
 * it cannot be read now.
 */
int feed_fill(struct feed *f, const struct handover_config *config,
	struct link *link, struct err *err);

#endif
