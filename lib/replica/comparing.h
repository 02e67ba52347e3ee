/*
 * comparing: comparisons of folders with peers that are under way, and what
 * peers are owed by them (docs/format.md, Comparison).
 *
 * One row for a peer and folder, so that a hostile peer cannot begin two. The
 * site that begins *asks*: it states its folder, as a sketch or as a table. The
 * other *answers*. Nothing that is sent is kept here: it is made from the state
 * when it is packed, so nothing old is ever sent, and to send it twice does no
 * harm. What is lost on its way is sent again by the one who asks, ever more
 * rarely. The rows live until the two are found equal: the seed tells what
 * belongs to this comparison from what comes out of an old bundle.
 *
 * Owed are dots: of one that lives all that is known of its message, of one
 * that is dead its tombstone, or that it is dead.
 */
#ifndef PB_COMPARING_H
#define PB_COMPARING_H

#include "replica.h"
#include "riblt.h"

enum comparing_role { COMPARING_ASKS = 1, COMPARING_ANSWERS = 2 };
/* Numbers as in a parcel. */
enum comparing_kind { COMPARING_EXACT = 1, COMPARING_CONTENT = 2 };

/* Turnarounds after which what is not equal is tried anew, later. */
#define COMPARING_TURNS 4u
/* Keys, and runs of UIDs, that are asked for at once. */
#define COMPARING_KEYS_MAX 65536u

struct uid_run {
	uint32_t first, last;
};

struct comparing {
	uint64_t peer;
	struct id128 folder;
	enum comparing_role role;
	enum comparing_kind kind;
	uint8_t seed[RIBLT_SEED_SIZE];
	unsigned turn;			     /* from 1 */
	bool due;			     /* there is something to send */
	uint32_t ask_symbols, ask_columns;   /* what we want, */
	uint32_t give_symbols, give_columns; /* what the peer gets */
	const uint64_t *keys;		     /* asked for, ascending */
	size_t key_count;
	const struct uid_run *uids; /* the same */
	size_t uid_count;
	bool equal;	  /* answers: nothing was found to differ */
	int64_t asked_ms; /* asks: when it was last sent; 0 never */
	unsigned tries;	  /* times it was sent since an answer came */
	unsigned failed;  /* times that all turns made nothing equal */
};

/*
 * Begin one; nothing if one is under way, unless the next word is the peer's.
 * In a transaction, as are all that write. folder: any of its ids; none of one
 * that the peer is not shown (viewed.h).
 */
int comparing_begin(struct replica *r, uint64_t peer,
	const struct id128 *folder, enum comparing_kind kind, struct err *err);
/* The same, and at once, though it was tried in vain a moment ago. */
int comparing_begin_now(struct replica *r, uint64_t peer,
	const struct id128 *folder, enum comparing_kind kind, struct err *err);
/* Tell a peer that has no way to answer: a table goes to it, once. */
int comparing_push(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err);
/* Returns 0, or 1 when there is none. Arrays in the arena. */
int comparing_get(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct arena *arena, struct comparing *ret, struct err *err);
int comparing_put(
	struct replica *r, const struct comparing *c, struct err *err);
/* It is over. What is owed stays so. */
int comparing_end(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err);
/* Not equal after all turns: asked anew, after a while. */
int comparing_fail(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct err *err);

/*
 * Folders of which something is to be sent to a peer now, by id. again: also
 * what was sent before and got no answer for long.
 */
int comparing_due(struct replica *r, uint64_t peer, bool again, int64_t now_ms,
	struct arena *arena, struct id128 **ret, size_t *ret_count,
	struct err *err);
/* Is it its turn now, whatever is owed beside it? */
bool comparing_speaks(const struct comparing *c, bool again, int64_t now_ms);
/*
 * All that is owed of a folder was packed, and if it spoke what is due, … and
 * the bundle is durable: then it is due and owed no more, if nothing was added
 * in between.
 */
int comparing_packed(struct replica *r, uint64_t peer,
	const struct id128 *folder, bool spoke, struct err *err);
int comparing_sent(
	struct replica *r, uint64_t peer, int64_t now_ms, struct err *err);

/* ---- what is owed ---- */

int owed_dot(struct replica *r, uint64_t peer, const struct id128 *folder,
	const struct dot *dot, struct err *err);
/* All living dots of a message (its row). */
int owed_message(struct replica *r, uint64_t peer, const struct id128 *folder,
	int64_t message, struct err *err);
/* Dots of one log, first … last, that are dead here with a tombstone. */
int owed_tombstones(struct replica *r, uint64_t peer,
	const struct id128 *folder, const struct log_id *log, uint64_t first,
	uint64_t last, struct err *err);
/*
 * The dots owed behind *at (lsn 0 at first), count at most, by row of their log
 * and lsn; *at moves on.
 */
struct owed_place {
	int64_t log;
	uint64_t lsn;
};
int owed_next(struct replica *r, uint64_t peer, const struct id128 *folder,
	struct owed_place *at, size_t count, struct arena *arena,
	struct dot **ret, size_t *ret_count, struct err *err);

/* ---- when it is over ---- */

/*
 * A folder was found equal with a peer: the gaps that say otherwise are
 * settled, and what was lost of the peer's logs of it is here.
 */
int comparing_agreed(struct replica *r, uint64_t peer,
	const struct id128 *folder, struct err *err);

#endif
