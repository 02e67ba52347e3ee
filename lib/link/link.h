/*
 * link: one live connection of two sites, as a state machine: bytes in, bytes
 * out, a clock in. No file, no socket, no thread.
 *
 * What is carried are *items*: contents of parcels (lib/parcel), opaque here.
 * Small ones go in one message; larger ones are cut in pieces, and named by
 * their hash, so that the rest of one can follow on the next connection. Each
 * item has a class; before a piece of one every item of a class before it goes.
 *
 * The states, and who may say what when (docs/format.md, Link):
 *
 *   dials:    hello, HAVE, items under the early key  ... at most LINK_EARLY_MAX
 *             -> the other's hello comes: the same under the full key
 *   answers:  nothing, until the other is proven
 *             -> hello, HAVE, items under the full key
 *   both:     LAST when all was said; nothing but RECEIPTs behind it
 *   dials:    a RECEIPT of the other's LAST; who hears it hangs up
 *
 * Memory: what was added and did not go, one record in each direction, and of
 * the other side's nothing: pieces are handed on as they come.
 */
#ifndef PB_LINK_H
#define PB_LINK_H

#include <stdbool.h>

#include "handshake.h"
#include "hash.h"
#include "mem.h"

struct err;
struct link;

#define LINK_RECORD_MAX 4096u /* contents of one record: so much a cut costs */
#define LINK_RECORD_OVERHEAD 18u
#define LINK_ITEM_MAX ((16u << 20) + 65536u)
#define LINK_HAVE_MAX 64u
#define LINK_HAVE_LEN_MAX (UINT64_C(1) << 48)
#define LINK_EARLY_MAX (256u << 10) /* sent before the other was heard */
#define LINK_PROVE_MS 60000	    /* a stranger may take so long */
#define LINK_SILENT_MS 180000	    /* until we are told what we asked */
#define LINK_ASK_MS 600000	    /* nothing came after what we said: ask */
#define LINK_SLOWEST 30u	    /* bytes a second of the slowest line */
#define LINK_LIMIT_LEAST 128u	    /* less lets nothing go */

enum link_class {
	LINK_CHANGES, /* and acknowledgements */
	LINK_SMALL,   /* small bodies */
	LINK_LARGE,   /* large ones */
	LINK_CLASSES
};

/*
 * What a site has the first bytes of: an item that was not whole when a
 * connection ended, or a body (lib/parcel), which is named the same way.
 */
struct link_have {
	struct hash name;
	uint64_t len;
};

struct link_piece {
	struct hash name; /* of the item */
	uint64_t size;	  /* of the item */
	uint64_t offset;
	const uint8_t *data;
	size_t len;
	bool last; /* it reaches the end */
};

struct link_calls {
	/*
	 * Whose key is it, and for which of ours is it meant? self is as
	 * configured, to be replaced if it is meant for another.
	 * Errors: ERR_AUTH: nobody that we know, or none of our keys.
	 */
	int (*peer)(void *arg, const struct hello *who, struct key_pair *self,
		struct key_public *ret, struct err *err);
	/* The other is proven: what is there of its items, at most
	   LINK_HAVE_MAX. Any error ends the link. */
	int (*have)(void *arg, struct link_have *ret, size_t *ret_count,
		struct err *err);
	/* An item that came in one. Durable when it returns 0. */
	int (*item)(
		void *arg, const void *contents, size_t len, struct err *err);
	/* A piece, behind those before it or where `have` ended; kept when it
	   returns 0, the item durable after the last. */
	int (*piece)(
		void *arg, const struct link_piece *piece, struct err *err);
};

struct link_config {
	struct os *os;		       /* randomness only */
	const struct key_pair *self;   /* copied, until the handshake is over */
	const struct key_public *peer; /* to dial; NULL: we answer */
	const struct link_calls *calls;
	void *arg;
	int64_t now_ms;
};
/* Errors: ERR_AUTH: an unusable key; what
   `have` says. */
int link_open(
	const struct link_config *config, struct link **ret, struct err *err);
void link_close(struct link *l);

/*
 * What came from the other side; calls back for all that is whole.
 * Errors: all are final. ERR_CORRUPT, ERR_LIMIT: not our protocol; ERR_AUTH:
 * unknown, or not authentic; what a call back said.
 */
int link_input(struct link *l, const void *data, size_t len, int64_t now_ms,
	struct err *err);
/*
 * Append what should go now, about `room` bytes at most: a record is begun as
 * long as there is room. Whatever is given must go before what comes later, so
 * it should be asked for only when the carrier takes it.
 */
void link_output(struct link *l, int64_t now_ms, size_t room, struct buf *ret);

/* Add an item, 1 .. LINK_ITEM_MAX bytes; not after link_finish. */
void link_add(struct link *l, enum link_class class, const void *contents,
	size_t len);
/* Bytes that were added to a class and did not go yet. */
uint64_t link_queued(const struct link *l, enum link_class class);
/*
 * So many bytes more may go from now on, of all kinds; there is no limit at
 * first. A record that would be more is not begun, and pieces are cut to fit.
 */
void link_limit(struct link *l, uint64_t bytes);
/* Where nothing comes for so long the other is asked whether it is there; 0, as
   at first: it is not. */
void link_alive(struct link *l, int64_t ms);
/* Nothing is added any more. */
void link_finish(struct link *l);

/*
 * What the other has of a name; 0: nothing that it told of. Before it was heard
 * nobody knows: link_heard_have.
 */
uint64_t link_has(const struct link *l, const struct hash *name);
bool link_heard_have(const struct link *l);
/* Bytes that may be under way, as far as the line is known. */
uint64_t link_window(const struct link *l);

/* What the other side's bytes have shown. */
bool link_proven(const struct link *l);
const struct key_public *link_peer(const struct link *l); /* once proven */
bool link_heard_last(const struct link *l);
/* Both said all, and know that the other has it: who answered hangs up. */
bool link_finished(const struct link *l);
/*
 * Give the link up then, unless something comes before; INT64_MAX: never. That
 * is when nobody answers, when we are not told what we asked for, when half a
 * record came, and when nothing comes behind our LAST.
 */
int64_t link_deadline(const struct link *l);
/* It has something to say then, though nothing happens; INT64_MAX: never. */
int64_t link_wakes(const struct link *l);
/* Bytes of all kinds since it began. */
uint64_t link_sent(const struct link *l);
uint64_t link_received(const struct link *l);

#endif
