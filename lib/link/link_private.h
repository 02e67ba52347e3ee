/*
 * link_private: what the halves of a link share. Private to lib/link.
 *
 *   link.c     begin and end, and what goes out
 *   link_in.c  what comes in
 */
#ifndef PB_LINK_PRIVATE_H
#define PB_LINK_PRIVATE_H

#include <sodium.h>

#include "link.h"
#include "pace.h"
#include "recent.h"

#define HEAD_SIZE 2u
#define FULL 0x8000u
#define TAG_SIZE crypto_aead_chacha20poly1305_ietf_ABYTES
#define NONCE_SIZE crypto_aead_chacha20poly1305_ietf_NPUBBYTES

_Static_assert(HEAD_SIZE + TAG_SIZE == LINK_RECORD_OVERHEAD, "link.h");
_Static_assert(crypto_aead_chacha20poly1305_ietf_KEYBYTES == LINK_KEY_SIZE,
	"handshake.h");

enum message {
	MESSAGE_WHOLE = 1,
	MESSAGE_BEGIN = 2,
	MESSAGE_MORE = 3,
	MESSAGE_HAVE = 4,
	MESSAGE_RECEIPT = 5,
	MESSAGE_LAST = 6,
	MESSAGE_ALIKE = 7, /* a whole item, told by those before it */
	MESSAGE_ASK = 8	   /* did that arrive? */
};
/* A first byte with RECENT_COPY is no type: an item that is told so begins. */
#define TYPE_MASK 0x0fu
#define CLASS_SHIFT 4
#define CLASS_MASK 0x03u
#define TELL 0x40u

struct cipher {
	uint8_t key[LINK_KEY_SIZE];
	uint64_t count; /* records under it */
};

struct item {
	struct item *next;
	size_t len, at; /* bytes that went */
	bool begun;
	uint8_t contents[];
};
struct queue {
	struct item *first, **end;
	uint64_t left;
};

/* An item of the other side that is under way. */
struct incoming {
	bool on;
	struct hash name;
	uint64_t size, at;
};

struct link {
	struct link_calls calls;
	void *arg;
	struct key_pair self; /* wiped when the full keys are made */
	struct key_public peer;
	struct handshake handshake;
	struct cipher early; /* of who dials, to whom */
	struct cipher out, in;
	bool dials, proven, full_in, full_out;
	bool have_said, have_heard, finish, last_said, last_heard;
	bool tell; /* the other asks what arrived */
	uint8_t hello[HELLO_SIZE];
	size_t hello_left; /* of it to say; while we may not: none */
	struct link_have ours[LINK_HAVE_MAX], theirs[LINK_HAVE_MAX];
	size_t our_count, their_count;
	struct queue queues[LINK_CLASSES];
	struct incoming incoming[LINK_CLASSES];
	struct recent told, heard; /* small items of LINK_CHANGES */
	struct buf pending;	   /* came, and is no whole record */
	struct pace pace;
	uint64_t sent, received;
	uint64_t limit; /* of what may still go */
	int64_t begun_ms, heard_ms;
	int64_t said_ms;      /* the first item that nothing came after; -1 */
	int64_t last_said_ms; /* LAST */
	uint64_t last_end;    /* bytes sent, with it */
	int64_t alive_ms;     /* 0: it is not asked */
};

/* The nonce of the next record under a cipher. */
void link_nonce(const struct cipher *c, uint8_t ret[NONCE_SIZE]);
/* The other is proven: what is there of its items? */
int link_ask_have(struct link *l, struct err *err);

#endif
