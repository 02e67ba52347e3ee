/*
 * link_in: what the other side says.
 *
 * A record is taken if and only if (1) its length is 1 .. LINK_RECORD_MAX,
 * (2) none under the full key came before it, if it is under the early one,
 * (3) its tag proves it under that key, with the number of records before it
 * under that key as the nonce. Only then is a byte of it looked at. The first
 * that fails ends the link.
 */
#include "link_private.h"

#include <string.h>

#include "err.h"
#include "wire.h"

static int open_record(struct link *l, const uint8_t *record, size_t len,
	bool full, uint8_t *to, struct err *err)
{
	struct cipher *c = full ? &l->in : &l->early;
	uint8_t nonce[NONCE_SIZE];

	link_nonce(c, nonce);
	if (crypto_aead_chacha20poly1305_ietf_decrypt(to, NULL, NULL,
		    record + HEAD_SIZE, len + TAG_SIZE, record, HEAD_SIZE,
		    nonce, c->key) < 0)
		return err_set(err, ERR_AUTH,
			"not authentic: damaged on its way, or not from and "
			"for whom it says");
	c->count++;
	return 0;
}

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

static int take_whole(
	struct link *l, unsigned class, struct wire *w, struct err *err)
{
	size_t len = wire_left(w);
	const uint8_t *item = wire_raw(w, len);

	if (!len)
		return malformed(err);
	if (class == LINK_CHANGES)
		recent_keep(&l->heard, item, len);
	int rc = l->calls.item(l->arg, item, len, err);
	return rc < 0 ? rc : 0;
}

static int take_alike(struct link *l, struct wire *w, struct err *err)
{
	AUTO_BUF struct buf item = BUF_INIT;
	size_t len = wire_left(w);
	int rc = recent_read(&l->heard, wire_raw(w, len), len, &item, err);

	if (rc < 0)
		return rc;
	recent_keep(&l->heard, item.data, item.len);
	rc = l->calls.item(l->arg, item.data, item.len, err);
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
	bool alike = first & RECENT_COPY;

	if (first == MESSAGE_RECEIPT)
		return take_receipt(l, &w, full, now_ms, err);
	/* HAVE comes first, and nothing behind LAST. */
	if (l->last_heard || l->have_heard == (first == MESSAGE_HAVE) ||
		(!alike &&
			(class >= LINK_CLASSES || (!of_item && first != type))))
		return malformed(err);
	if (alike) {
		w = wire_over(message, len);
		return take_alike(l, &w, err);
	}
	l->tell |= (first & TELL) != 0;
	switch (type) {
	case MESSAGE_WHOLE:
		return take_whole(l, class, &w, err);
	case MESSAGE_ALIKE:
		return take_alike(l, &w, err);
	case MESSAGE_BEGIN:
		return take_begin(l, &l->incoming[class], &w, err);
	case MESSAGE_MORE:
		return l->incoming[class].on && len > 1
			       ? hand_on(l, &l->incoming[class], &w, err)
			       : malformed(err);
	case MESSAGE_HAVE:
		return take_have(l, &w, err);
	case MESSAGE_ASK:
		l->tell = true;
		return len == 1 ? 0 : malformed(err);
	case MESSAGE_LAST:
		l->last_heard = true;
		/* Who answers cannot know otherwise that it came. */
		l->tell |= l->dials;
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
	key_wipe(&l->self);
	return rc;
}

static int take_hello(struct link *l, const uint8_t *bytes, struct err *err)
{
	struct hello hello;
	int rc = hello_read(bytes, &hello, err);

	if (rc < 0)
		return rc;
	if (l->dials) {
		if (hello.origin != l->peer.origin)
			return err_set(err, ERR_AUTH,
				"another site answers there (origin %016llx)",
				(unsigned long long)hello.origin);
		memcpy(l->handshake.hello_answer, bytes, HELLO_SIZE);
		return make_full(l, err);
	}
	rc = l->calls.peer(l->arg, &hello, &l->self, &l->peer, err);
	if (rc < 0)
		return rc;
	memcpy(l->handshake.hello_dial, bytes, HELLO_SIZE);
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
	return link_ask_have(l, err);
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
	l->said_ms = -1;
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
