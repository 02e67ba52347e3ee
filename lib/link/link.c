/*
 *	hello | record | record ...			in each direction
 *	record = u16 length, 0x8000: full | ciphertext of length bytes | tag
 *
 * What is said, and in which order: HAVE first, then what is asked for, then
 * the first class that has something, then LAST.
 */
#include "link_private.h"

#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "wire.h"

#define HAVE_SIZE_MOST (HASH_SIZE + 10u) /* of one that is had */

/* ---- records ---- */

void link_nonce(const struct cipher *c, uint8_t ret[NONCE_SIZE])
{
	memset(ret, 0, NONCE_SIZE);
	for (unsigned i = 0; i < 8; i++)
		ret[i] = (uint8_t)(c->count >> (8 * i));
}

static void note_sent(struct link *l, size_t len)
{
	l->sent += len;
	l->limit -= len < l->limit ? len : l->limit;
}

static void add_record(
	struct link *l, const struct buf *message, struct buf *ret)
{
	struct cipher *c = l->full_out ? &l->out : &l->early;
	unsigned head = (unsigned)message->len | (l->full_out ? FULL : 0);
	uint8_t nonce[NONCE_SIZE], ad[HEAD_SIZE];

	ad[0] = (uint8_t)head;
	ad[1] = (uint8_t)(head >> 8);
	link_nonce(c, nonce);
	buf_add(ret, ad, HEAD_SIZE);
	crypto_aead_chacha20poly1305_ietf_encrypt(
		buf_room(ret, message->len + TAG_SIZE), NULL, message->data,
		message->len, ad, HEAD_SIZE, NULL, nonce, c->key);
	ret->len += message->len + TAG_SIZE;
	c->count++;
	note_sent(l, HEAD_SIZE + message->len + TAG_SIZE);
}

/* ---- begin and end ---- */

int link_ask_have(struct link *l, struct err *err)
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
		.limit = UINT64_MAX,
		.self = *config->self,
		.handshake = {.dials = config->peer},
		.begun_ms = config->now_ms,
		.said_ms = -1,
		.heard_ms = config->now_ms};
	for (int i = 0; i < LINK_CLASSES; i++)
		l->queues[i].end = &l->queues[i].first;
	pace_begin(&l->pace);
	l->handshake.self = &l->self;
	l->handshake.peer = &l->peer;
	link_fresh_make(config->os, &l->handshake.fresh);
	struct hello hello = {.origin = l->self.pub.origin};
	if (l->dials) {
		hello.serial = l->self.pub.serial;
		hello.for_serial = config->peer->serial;
	}
	hello_write(&hello, &l->handshake.fresh, l->hello);
	if (l->dials) {
		l->peer = *config->peer;
		l->hello_left = HELLO_SIZE;
		memcpy(l->handshake.hello_dial, l->hello, HELLO_SIZE);
		rc = handshake_early(&l->handshake, l->early.key, err);
		if (rc >= 0)
			rc = link_ask_have(l, err);
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

void link_limit(struct link *l, uint64_t bytes)
{
	l->limit = bytes;
}

void link_alive(struct link *l, int64_t ms)
{
	l->alive_ms = ms;
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

static void say_last(struct link *l, int64_t now_ms, struct buf *ret)
{
	AUTO_BUF struct buf m = BUF_INIT;

	buf_add_byte(&m, MESSAGE_LAST);
	add_record(l, &m, ret);
	l->last_said = true;
	l->last_said_ms = now_ms;
	l->last_end = l->sent;
}

int64_t link_wakes(const struct link *l)
{
	int64_t ret = INT64_MAX;

	if (!l->full_out || l->last_said || l->last_heard ||
		pace_waits(&l->pace) >= 0)
		return ret;
	if (l->said_ms >= 0)
		ret = l->said_ms + LINK_ASK_MS;
	if (l->alive_ms && l->heard_ms + l->alive_ms < ret)
		ret = l->heard_ms + l->alive_ms;
	return ret;
}

/* Of changes nobody is asked whether they arrived: an answer tells it. Where
   none comes, or nothing at all for as long as is configured, nobody may be
   there. */
static void say_ask(struct link *l, int64_t now_ms, struct buf *ret)
{
	AUTO_BUF struct buf m = BUF_INIT;

	buf_add_byte(&m, MESSAGE_ASK);
	add_record(l, &m, ret);
	pace_asked(&l->pace, l->sent, now_ms);
	l->said_ms = -1;
}

/* With room for the least record at least: may_begin. */
static uint32_t piece_max(const struct link *l, int class)
{
	uint32_t most = class == LINK_CHANGES
				? LINK_RECORD_MAX
				: pace_piece(&l->pace, LINK_RECORD_MAX);

	return l->limit - LINK_RECORD_OVERHEAD < most
		       ? (uint32_t)(l->limit - LINK_RECORD_OVERHEAD)
		       : most;
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

static void drop_first(struct queue *q)
{
	struct item *item = q->first;

	q->left -= item->len - item->at;
	q->first = item->next;
	if (!q->first)
		q->end = &q->first;
	free(item);
}

static void say_alike(struct link *l, const struct item *item, struct buf *m)
{
	AUTO_BUF struct buf told = BUF_INIT;

	if (!recent_tell(&l->told, item->contents, item->len, &told)) {
		buf_add_byte(m, MESSAGE_WHOLE);
		buf_add(m, item->contents, item->len);
	} else {
		if (!(told.data[0] & RECENT_COPY))
			buf_add_byte(m, MESSAGE_ALIKE);
		buf_add(m, told.data, told.len);
	}
	recent_keep(&l->told, item->contents, item->len);
}

static void say_piece(
	struct link *l, int class, int64_t now_ms, struct buf *ret)
{
	AUTO_BUF struct buf m = BUF_INIT;
	struct queue *q = &l->queues[class];
	struct item *item = q->first;
	uint32_t most = piece_max(l, class);

	if (l->said_ms < 0)
		l->said_ms = now_ms;
	/* What is always small, and alike. */
	if (class == LINK_CHANGES && !item->begun && item->len < most) {
		say_alike(l, item, &m);
		drop_first(q);
		add_record(l, &m, ret);
		return;
	}
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
	if (item->at == item->len)
		drop_first(q);
}

/* Within the limit? What is had cannot be told in part. */
static bool may_begin(const struct link *l)
{
	uint64_t most = LINK_LIMIT_LEAST;

	if (!l->have_said)
		most += l->our_count * HAVE_SIZE_MOST;
	return !l->hello_left && l->limit >= most;
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

	if (l->hello_left && l->limit >= HELLO_SIZE) {
		buf_add(ret, l->hello, HELLO_SIZE);
		note_sent(l, HELLO_SIZE);
		l->hello_left = 0;
	}
	while (ret->len - start < room && may_speak(l) && may_begin(l)) {
		int class = next_class(l);

		if (!l->have_said)
			say_have(l, ret);
		else if (l->tell && l->full_out)
			say_receipt(l, ret);
		else if (class >= 0)
			say_piece(l, class, now_ms, ret);
		else if (l->finish && !l->last_said && all_went(l))
			say_last(l, now_ms, ret);
		else if (now_ms >= link_wakes(l))
			say_ask(l, now_ms, ret);
		else
			return;
	}
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
	if (!l->last_heard || !l->last_said)
		return false;
	return l->dials ? !l->tell : l->pace.arrived >= l->last_end;
}

/* So long what we said may still be on its way, as far as we were told. */
static int64_t under_way_ms(const struct link *l)
{
	return (int64_t)((l->sent - l->pace.arrived) * 1000 / LINK_SLOWEST);
}

int64_t link_deadline(const struct link *l)
{
	int64_t since = pace_waits(&l->pace);

	if (!l->proven && !l->dials)
		return l->begun_ms + LINK_PROVE_MS;
	if (since < 0 && l->last_said)
		since = l->last_said_ms + under_way_ms(l);
	if (since < 0 && l->proven && !l->pending.len)
		return INT64_MAX;
	return (since > l->heard_ms ? since : l->heard_ms) + LINK_SILENT_MS;
}

uint64_t link_sent(const struct link *l)
{
	return l->sent;
}

uint64_t link_received(const struct link *l)
{
	return l->received;
}
