/*
 * fuzz_link: any bytes to a side that answers; as messages, in records that are
 * authentic, because nothing finds a tag by trying; and a line that cuts them
 * anywhere.
 *
 * The first byte says how: bit 0: messages, each a length byte and so many
 * bytes; bit 1: under the full key; bit 2: a HAVE goes before. The answering
 * side has a large body to send all the while. Nothing that comes makes it hand
 * on more than came (but for small items told by those before, each in a record
 * of its own), name what does not fit, or say what a stranger may hear.
 *
 * Planted bug found by the seeds alone: a piece not held against what is left
 * of its item.
 */
#include "../support/forgekeys.h"
#include "../support/linkforge.h"

#include "err.h"
#include "link.h"
#include "recent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MESSAGES 1
#define FULL 2
#define HAVE 4

struct scene {
	struct forge forge;
	struct link *link;
	uint64_t got;	/* bytes of items and pieces that came as they are */
	uint64_t small; /* items that may have been told by others */
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void no_random(struct os *os, void *to, size_t len)
{
	(void)os;
	memset(to, 0x22, len);
}

static int peer(void *arg, const struct hello *who, struct key_pair *self,
	struct key_public *ret, struct err *err)
{
	(void)arg, (void)self;
	if (who->origin != the_keys()->a.pub.origin)
		return err_set(err, ERR_AUTH, "unknown");
	*ret = the_keys()->a.pub;
	return 0;
}

static int have(
	void *arg, struct link_have *ret, size_t *ret_count, struct err *err)
{
	(void)arg;
	(void)ret;
	(void)err;
	*ret_count = 0;
	return 0;
}

static int item(void *arg, const void *contents, size_t len, struct err *err)
{
	struct scene *s = arg;

	(void)contents;
	(void)err;
	require(len > 0 && len <= LINK_RECORD_MAX);
	if (len <= RECENT_ITEM_MAX)
		s->small++;
	else
		s->got += len;
	return 0;
}

static int piece(void *arg, const struct link_piece *p, struct err *err)
{
	struct scene *s = arg;

	(void)err;
	require(p->size > 0 && p->size <= LINK_ITEM_MAX);
	require(p->offset <= p->size && p->len <= p->size - p->offset);
	require(p->last == (p->offset + p->len == p->size));
	s->got += p->len;
	return 0;
}

static void begin(struct scene *s)
{
	static const struct link_calls calls = {peer, have, item, piece};
	static const struct os_ops ops = {.random = no_random};
	static uint8_t body[20000];
	struct os os = {.ops = &ops};
	struct link_config config = {
		.os = &os, .self = &the_keys()->b, .calls = &calls, .arg = s};

	*s = (struct scene){.link = NULL};
	require(link_open(&config, &s->link, NULL) == 0);
	link_add(s->link, LINK_LARGE, body, sizeof(body));
}

/* What it says to it has a bound, and nothing is said to a stranger. */
static void speak(struct scene *s, struct buf *ret)
{
	link_output(s->link, 0, 65536, ret);
	require(ret->len <= 65536 + LINK_RECORD_MAX + LINK_RECORD_OVERHEAD);
	require(link_proven(s->link) || !ret->len);
}

static void hear(struct scene *s, const struct buf *said)
{
	AUTO_BUF struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	int rc = link_input(s->link, said->data, said->len, 5, &err);

	require(rc == err.code && (rc == 0 || err.text[0]));
	require(s->got + s->small * (LINK_RECORD_OVERHEAD + 1) <= said->len);
	if (rc == 0)
		speak(s, &out);
}

static void try_messages(const uint8_t *data, size_t len, unsigned how)
{
	AUTO_BUF struct buf said = BUF_INIT;
	AUTO_BUF struct buf answer = BUF_INIT;
	const struct keys *keys = the_keys();
	struct scene s;

	begin(&s);
	forge_hello(&s.forge, &keys->a, 7);
	forge_early(&s.forge, &keys->a, &keys->b.pub);
	buf_add(&said, s.forge.hello, sizeof(s.forge.hello));
	if (how & (HAVE | FULL))
		forge_record(&s.forge, false, "\x04\0", 2, &said);
	if (how & FULL) {
		require(link_input(s.link, said.data, said.len, 0, NULL) == 0);
		speak(&s, &answer);
		forge_full(&s.forge, &keys->a, answer.data);
		buf_clear(&said);
	}
	while (len > 1) {
		size_t size = data[0] + 1u;

		if (size > len - 1)
			size = len - 1;
		forge_record(&s.forge, how & FULL, data + 1, size, &said);
		data += 1 + size;
		len -= 1 + size;
	}
	hear(&s, &said);
	link_close(s.link);
}

static void try_bytes(const uint8_t *data, size_t len)
{
	struct buf said = {.data = (uint8_t *)(uintptr_t)data, .len = len};
	struct scene s;

	begin(&s);
	hear(&s, &said);
	link_close(s.link);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!len)
		return 0;
	if (data[0] & MESSAGES)
		try_messages(data + 1, len - 1, data[0]);
	else
		try_bytes(data + 1, len - 1);
	return 0;
}
