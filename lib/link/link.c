/*
 *	hello | record | record ...			in each direction
 *	record = u16 length, 0x8000: full | ciphertext of length bytes | tag
 *
 * A record is taken if and only if (1) its length is 1 .. LINK_RECORD_MAX,
 * (2) none under the full key came before it, if it is under the early one,
 * (3) its tag proves it under that key, with the number of records before it
 * under that key as the nonce. Only then is a byte of it looked at. The first
 * that fails ends the link.
 */
#include "link.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "pace.h"
#include "wire.h"

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
	MESSAGE_LAST = 6
};
#define TYPE_MASK 0x0fu
#define CLASS_SHIFT 4
#define CLASS_MASK 0x03u
#define TELL 0x40u
#define BEGIN_HEAD 41u /* type, name, two varints */

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
	struct buf pending; /* came, and is no whole record */
	struct pace pace;
	uint64_t sent, received;
	int64_t begun_ms, heard_ms;
};

/* ---- records ---- */

static void nonce_of(const struct cipher *c, uint8_t ret[NONCE_SIZE])
{
	memset(ret, 0, NONCE_SIZE);
	for (unsigned i = 0; i < 8; i++)
		ret[i] = (uint8_t)(c->count >> (8 * i));
}

static void add_record(
	struct link *l, const struct buf *message, struct buf *ret)
{
	struct cipher *c = l->full_out ? &l->out : &l->early;
	unsigned head = (unsigned)message->len | (l->full_out ? FULL : 0);
	uint8_t nonce[NONCE_SIZE], ad[HEAD_SIZE];

	ad[0] = (uint8_t)head;
	ad[1] = (uint8_t)(head >> 8);
	nonce_of(c, nonce);
	buf_add(ret, ad, HEAD_SIZE);
	crypto_aead_chacha20poly1305_ietf_encrypt(
		buf_room(ret, message->len + TAG_SIZE), NULL, message->data,
		message->len, ad, HEAD_SIZE, NULL, nonce, c->key);
	ret->len += message->len + TAG_SIZE;
	c->count++;
	l->sent += HEAD_SIZE + message->len + TAG_SIZE;
}

static int open_record(struct link *l, const uint8_t *record, size_t len,
	bool full, uint8_t *to, struct err *err)
{
	struct cipher *c = full ? &l->in : &l->early;
	uint8_t nonce[NONCE_SIZE];

	nonce_of(c, nonce);
	if (crypto_aead_chacha20poly1305_ietf_decrypt(to, NULL, NULL,
		    record + HEAD_SIZE, len + TAG_SIZE, record, HEAD_SIZE,
		    nonce, c->key) < 0)
		return err_set(err, ERR_AUTH,
			"not authentic: damaged on its way, or not from and "
			"for whom it says");
	c->count++;
	return 0;
}

/* ---- begin and end ---- */

static int ask_have(struct link *l, struct err *err)
{
	int rc = l->calls.have(l->arg, l->ours, &l->our_count, err);

	return rc < 0 ? rc : 0;
}

int link_open(
	const struct link_config *config, struct link **ret, struct err *err)
{
	struct link *l = mem_alloc(sizeof(*l));
	int rc = 0;

	*l = (struct link){.calls = *config->calls,
		.arg = config->arg,
		.dials = config->peer,
		.handshake = {.self = config->self, .dials = config->peer},
		.begun_ms = config->now_ms,
		.heard_ms = config->now_ms};
	for (int i = 0; i < LINK_CLASSES; i++)
		l->queues[i].end = &l->queues[i].first;
	pace_begin(&l->pace);
	l->handshake.peer = &l->peer;
	link_fresh_make(config->os, &l->handshake.fresh);
	hello_write(config->self->pub.origin, &l->handshake.fresh, l->hello);
	if (l->dials) {
		l->peer = *config->peer;
		l->hello_left = HELLO_SIZE;
		memcpy(l->handshake.hello_dial, l->hello, HELLO_SIZE);
		rc = handshake_early(&l->handshake, l->early.key, err);
		if (rc >= 0)
			rc = ask_have(l, err);
	} else {
		memcpy(l->handshake.hello_answer, l->hello, HELLO_SIZE);
	}
	if (rc < 0)
		link_close(l);
	else
		*ret = l;
	return rc;
}

void link_close(struct link *l)
{
	for (int i = 0; i < LINK_CLASSES; i++)
		while (l->queues[i].first) {
			struct item *item = l->queues[i].first;

			l->queues[i].first = item->next;
			free(item);
		}
	buf_free(&l->pending);
	sodium_memzero(l, sizeof(*l));
	free(l);
}

/* ---- out ---- */

void link_add(
	struct link *l, enum link_class class, const void *contents, size_t len)
{
	struct queue *q = &l->queues[class];
	struct item *item = mem_alloc(sizeof(*item) + len);

	item->len = len;
	memcpy(item->contents, contents, len);
	*q->end = item;
	q->end = &item->next;
	q->left += len;
}

uint64_t link_queued(const struct link *l, enum link_class class)
{
	return l->queues[class].left;
}

void link_finish(struct link *l)
{
	l->finish = true;
}

/* Under the early key only so much is said: it may be said to nobody. */
static bool may_speak(const struct link *l)
{
	return l->full_out || (l->dials && l->sent < LINK_EARLY_MAX);
}

static void say_have(struct link *l, struct buf *ret)
{
	AUTO_BUF struct buf m = BUF_INIT;

	buf_add_byte(&m, MESSAGE_HAVE);
	wire_add_varint(&m, l->our_count);
	for (size_t i = 0; i < l->our_count; i++) {
		buf_add(&m, l->ours[i].name.b, HASH_SIZE);
		wire_add_varint(&m, l->ours[i].len);
	}
	add_record(l, &m, ret);
	l->have_said = true;
}

static void say_receipt(struct link *l, struct buf *ret)
{
	AUTO_BUF struct buf m = BUF_INIT;

	buf_add_byte(&m, MESSAGE_RECEIPT);
	wire_add_varint(&m, l->received);
	add_record(l, &m, ret);
	l->tell = false;
}

static void say_last(struct link *l, struct buf *ret)
{
	AUTO_BUF struct buf m = BUF_INIT;

	buf_add_byte(&m, MESSAGE_LAST);
	add_record(l, &m, ret);
	l->last_said = true;
}

static uint32_t piece_max(const struct link *l, int class)
{
	return class == LINK_CHANGES ? LINK_RECORD_MAX
				     : pace_piece(&l->pace, LINK_RECORD_MAX);
}

/* The first class that has something, and may go now; -1: none. */
static int next_class(const struct link *l)
{
	for (int i = 0; i < LINK_CLASSES; i++) {
		const struct item *item = l->queues[i].first;
		uint32_t most = piece_max(l, i);

		if (!item)
			continue;
		if (i == LINK_CHANGES)
			return i;
		/* Of what has to be cut a part may be there already. */
		if (!item->begun && item->len >= most && !l->have_heard)
			continue;
		if (pace_may(&l->pace, l->sent, most + LINK_RECORD_OVERHEAD))
			return i;
		return -1;
	}
	return -1;
}

uint64_t link_has(const struct link *l, const struct hash *name)
{
	for (size_t i = 0; i < l->their_count; i++)
		if (memcmp(&l->theirs[i].name, name, sizeof(*name)) == 0)
			return l->theirs[i].len;
	return 0;
}

static void begin_item(struct link *l, struct item *item, struct buf *m)
{
	struct hash name = hash_of(item->contents, item->len);
	uint64_t there = link_has(l, &name);

	if (there <= item->len)
		item->at = there;
	buf_add(m, name.b, HASH_SIZE);
	wire_add_varint(m, item->len);
	wire_add_varint(m, item->at);
	item->begun = true;
}

static void say_piece(
	struct link *l, int class, int64_t now_ms, struct buf *ret)
{
	AUTO_BUF struct buf m = BUF_INIT;
	struct queue *q = &l->queues[class];
	struct item *item = q->first;
	uint32_t most = piece_max(l, class);
	enum message type = item->begun	       ? MESSAGE_MORE
			    : item->len < most ? MESSAGE_WHOLE
					       : MESSAGE_BEGIN;
	size_t before = item->at;

	buf_add_byte(&m, (uint8_t)(type | (unsigned)class << CLASS_SHIFT));
	if (type == MESSAGE_BEGIN)
		begin_item(l, item, &m);
	size_t len = most - m.len;
	if (len > item->len - item->at)
		len = item->len - item->at;
	buf_add(&m, item->contents + item->at, len);
	item->at += len;
	if (class != LINK_CHANGES &&
		pace_ask(&l->pace, l->sent + m.len + LINK_RECORD_OVERHEAD,
			now_ms))
		m.data[0] |= TELL;
	add_record(l, &m, ret);
	q->left -= item->at - before;
	if (item->at < item->len)
		return;
	q->first = item->next;
	if (!q->first)
		q->end = &q->first;
	free(item);
}

static bool all_went(const struct link *l)
{
	for (int i = 0; i < LINK_CLASSES; i++)
		if (l->queues[i].first)
			return false;
	return true;
}

void link_output(struct link *l, int64_t now_ms, size_t room, struct buf *ret)
{
	size_t start = ret->len;

	if (l->hello_left) {
		buf_add(ret, l->hello, HELLO_SIZE);
		l->sent += HELLO_SIZE;
		l->hello_left = 0;
	}
	while (ret->len - start < room && may_speak(l)) {
		int class = next_class(l);

		if (!l->have_said)
			say_have(l, ret);
		else if (l->tell && l->full_out)
			say_receipt(l, ret);
		else if (class >= 0)
			say_piece(l, class, now_ms, ret);
		else if (l->finish && !l->last_said && all_went(l))
			say_last(l, ret);
		else
			return;
	}
}

/* ---- in ---- */

static int malformed(struct err *err)
{
	return err_set(err, ERR_CORRUPT, "a message is malformed");
}

static int take_have(struct link *l, struct wire *w, struct err *err)
{
	uint64_t count = wire_count(w, LINK_HAVE_MAX);

	for (uint64_t i = 0; i < count && !w->bad; i++) {
		const uint8_t *name = wire_raw(w, HASH_SIZE);

		if (name)
			memcpy(l->theirs[i].name.b, name, HASH_SIZE);
		l->theirs[i].len = wire_count(w, LINK_HAVE_LEN_MAX);
	}
	if (w->bad || wire_left(w) || l->have_heard)
		return malformed(err);
	l->their_count = count;
	l->have_heard = true;
	return 0;
}

/* Only under the full key: it says what became of this call. */
static int take_receipt(struct link *l, struct wire *w, bool full,
	int64_t now_ms, struct err *err)
{
	uint64_t arrived = wire_varint(w);

	if (w->bad || wire_left(w) || !full ||
		!pace_told(&l->pace, arrived, l->sent, now_ms))
		return malformed(err);
	return 0;
}

static int hand_on(
	struct link *l, struct incoming *in, struct wire *w, struct err *err)
{
	struct link_piece piece = {.name = in->name,
		.size = in->size,
		.offset = in->at,
		.data = w->at,
		.len = wire_left(w)};

	if (piece.len > in->size - in->at)
		return malformed(err);
	in->at += piece.len;
	piece.last = in->at == in->size;
	in->on = !piece.last;
	int rc = l->calls.piece(l->arg, &piece, err);
	return rc < 0 ? rc : 0;
}

static int take_begin(
	struct link *l, struct incoming *in, struct wire *w, struct err *err)
{
	const uint8_t *name = wire_raw(w, HASH_SIZE);

	if (in->on || !name)
		return malformed(err);
	memcpy(in->name.b, name, HASH_SIZE);
	in->size = wire_count(w, LINK_ITEM_MAX);
	in->at = wire_count(w, in->size);
	if (w->bad || !in->size)
		return malformed(err);
	return hand_on(l, in, w, err);
}

static int take_whole(struct link *l, struct wire *w, struct err *err)
{
	size_t len = wire_left(w);
	int rc = len ? l->calls.item(l->arg, wire_raw(w, len), len, err)
		     : malformed(err);

	return rc < 0 ? rc : 0;
}

static int take_message(struct link *l, const uint8_t *message, size_t len,
	bool full, int64_t now_ms, struct err *err)
{
	struct wire w = wire_over(message, len);
	uint8_t first = wire_u8(&w);
	unsigned class = first >> CLASS_SHIFT & CLASS_MASK;
	unsigned type = first & TYPE_MASK;
	bool of_item = type >= MESSAGE_WHOLE && type <= MESSAGE_MORE;

	if (type == MESSAGE_RECEIPT && first == type)
		return take_receipt(l, &w, full, now_ms, err);
	/* HAVE comes first, and nothing behind LAST. */
	if (l->last_heard || l->have_heard == (type == MESSAGE_HAVE) ||
		class >= LINK_CLASSES || first > 0x7f ||
		(!of_item && first != type))
		return malformed(err);
	l->tell |= (first & TELL) != 0;
	switch (type) {
	case MESSAGE_WHOLE:
		return take_whole(l, &w, err);
	case MESSAGE_BEGIN:
		return take_begin(l, &l->incoming[class], &w, err);
	case MESSAGE_MORE:
		return l->incoming[class].on && len > 1
			       ? hand_on(l, &l->incoming[class], &w, err)
			       : malformed(err);
	case MESSAGE_HAVE:
		return take_have(l, &w, err);
	case MESSAGE_LAST:
		l->last_heard = true;
		return len == 1 ? 0 : malformed(err);
	default:
		return err_set(err, ERR_LIMIT,
			"message type %u: a newer packetboat", type);
	}
}

/* The full keys, of the way out and the way in. */
static int make_full(struct link *l, struct err *err)
{
	struct cipher *dial = l->dials ? &l->out : &l->in;
	struct cipher *answer = l->dials ? &l->in : &l->out;
	int rc = handshake_full(&l->handshake, dial->key, answer->key, err);

	handshake_wipe(&l->handshake);
	return rc;
}

static int take_hello(struct link *l, const uint8_t *hello, struct err *err)
{
	uint64_t origin;
	int rc = hello_read(hello, &origin, err);

	if (rc < 0)
		return rc;
	if (l->dials) {
		if (origin != l->peer.origin)
			return err_set(err, ERR_AUTH,
				"another site answers there (origin %016llx)",
				(unsigned long long)origin);
		memcpy(l->handshake.hello_answer, hello, HELLO_SIZE);
		return make_full(l, err);
	}
	rc = l->calls.peer(l->arg, origin, &l->peer, err);
	if (rc < 0)
		return rc;
	memcpy(l->handshake.hello_dial, hello, HELLO_SIZE);
	rc = handshake_early(&l->handshake, l->early.key, err);
	if (rc >= 0)
		rc = make_full(l, err);
	return rc;
}

/* The first record that is authentic says so. */
static int note_proven(struct link *l, struct err *err)
{
	if (l->proven)
		return 0;
	l->proven = true;
	l->full_out = true;
	if (l->dials)
		return 0;
	l->hello_left = HELLO_SIZE;
	return ask_have(l, err);
}

/* Bytes of the record at data, 0: it is not whole. */
static int record_size(
	struct link *l, const uint8_t *data, size_t len, struct err *err)
{
	if (len < HEAD_SIZE)
		return 0;
	unsigned head = (unsigned)(data[0] | data[1] << 8);
	unsigned size = head & ~FULL;
	bool full = head & FULL;

	/* Who answers has no other key; nobody goes back to the early one. */
	if (!size || size > LINK_RECORD_MAX ||
		(!full && (l->dials || l->full_in)))
		return malformed(err);
	if (!full && l->received > LINK_EARLY_MAX)
		return err_set(err, ERR_LIMIT,
			"more than is to be said before an answer");
	size += LINK_RECORD_OVERHEAD;
	return len < size ? 0 : (int)size;
}

static int take_record(struct link *l, const uint8_t *record, size_t size,
	int64_t now_ms, struct err *err)
{
	AUTO_BUF struct buf message = BUF_INIT;
	bool full = record[1] & FULL >> 8;
	size_t len = size - LINK_RECORD_OVERHEAD;
	int rc =
		open_record(l, record, len, full, buf_room(&message, len), err);

	if (rc >= 0)
		rc = note_proven(l, err);
	if (rc < 0)
		return rc;
	l->full_in |= full;
	l->received += size;
	return take_message(l, message.data, len, full, now_ms, err);
}

/* Returns the bytes taken from the start of what is pending, 0: it waits. */
static int take_next(struct link *l, const uint8_t *data, size_t len,
	int64_t now_ms, struct err *err)
{
	int size = HELLO_SIZE, rc;

	if (l->received == 0) {
		if (len < HELLO_SIZE)
			return 0;
		rc = take_hello(l, data, err);
		l->received = HELLO_SIZE;
		return rc < 0 ? rc : size;
	}
	size = record_size(l, data, len, err);
	if (size <= 0)
		return size;
	rc = take_record(l, data, (size_t)size, now_ms, err);
	return rc < 0 ? rc : size;
}

int link_input(struct link *l, const void *data, size_t len, int64_t now_ms,
	struct err *err)
{
	size_t at = 0;
	int took;

	l->heard_ms = now_ms;
	buf_add(&l->pending, data, len);
	do {
		took = take_next(l, l->pending.data + at, l->pending.len - at,
			now_ms, err);
		if (took < 0)
			return took;
		at += (size_t)took;
	} while (took);
	l->pending.len -= at;
	memmove(l->pending.data, l->pending.data + at, l->pending.len);
	return 0;
}

/* ---- what is known ---- */

bool link_proven(const struct link *l)
{
	return l->proven;
}

bool link_heard_have(const struct link *l)
{
	return l->have_heard;
}

uint64_t link_window(const struct link *l)
{
	return l->pace.window;
}

const struct key_public *link_peer(const struct link *l)
{
	return &l->peer;
}

bool link_heard_last(const struct link *l)
{
	return l->last_heard;
}

bool link_finished(const struct link *l)
{
	return l->last_heard && l->last_said;
}

int64_t link_deadline(const struct link *l)
{
	int64_t asked = pace_waits(&l->pace);

	if (!l->proven && !l->dials)
		return l->begun_ms + LINK_PROVE_MS;
	if (!l->proven)
		return l->heard_ms + LINK_SILENT_MS;
	if (asked < 0)
		return INT64_MAX;
	return (asked > l->heard_ms ? asked : l->heard_ms) + LINK_SILENT_MS;
}

uint64_t link_sent(const struct link *l)
{
	return l->sent;
}

uint64_t link_received(const struct link *l)
{
	return l->received;
}
