/*
 * golden_link: what two sites say when one calls the other, byte for byte.
 *
 * The dialing side is put together here from docs/format.md by linkforge.h; the
 * library dials with the same fresh key and has to say the same. What it
 * answers, with a fresh key of its own, is kept as it was, and has to be opened
 * by keys that are made here.
 */
#include "../support/linkforge.h"

#include "err.h"
#include "golden.h"
#include "link.h"

#define DIAL_SEED 0x11
#define ANSWER_SEED 0x22

static const char change[] = "contents of a parcel of changes";
static const char alike[] = "!contents of a parcel of changes";

struct side {
	struct key_pair key;
	struct key_public knows;
	struct buf got;
};

static void random_11(struct os *os, void *to, size_t len)
{
	(void)os;
	memset(to, DIAL_SEED, len);
}

static void random_22(struct os *os, void *to, size_t len)
{
	(void)os;
	memset(to, ANSWER_SEED, len);
}

static int peer(void *arg, const struct hello *who, struct key_pair *self,
	struct key_public *ret, struct err *err)
{
	struct side *s = arg;

	(void)self;
	if (who->origin != s->knows.origin)
		return err_set(err, ERR_AUTH, "unknown");
	*ret = s->knows;
	return 0;
}

/* As if one item had not come whole the last time. */
static int have(
	void *arg, struct link_have *ret, size_t *ret_count, struct err *err)
{
	(void)arg;
	(void)err;
	memset(ret->name.b, 'h', HASH_SIZE);
	ret->len = 300;
	*ret_count = 1;
	return 0;
}

static int item(void *arg, const void *contents, size_t len, struct err *err)
{
	struct side *s = arg;

	(void)err;
	buf_add(&s->got, contents, len);
	return 0;
}

static int piece(void *arg, const struct link_piece *p, struct err *err)
{
	return item(arg, p->data, p->len, err);
}

static struct link *open_link(
	struct golden *g, struct side *s, bool dials, struct os *os)
{
	static const struct link_calls calls = {peer, have, item, piece};
	struct link_config config = {.os = os,
		.self = &s->key,
		.peer = dials ? &s->knows : NULL,
		.calls = &calls,
		.arg = s};
	struct link *l = NULL;

	golden_expect(g, link_open(&config, &l, NULL) == 0, "link", "opens");
	return l;
}

static void add_body(struct buf *b)
{
	for (unsigned i = 0; i < 5000; i++)
		buf_add_byte(b, (uint8_t)(i * i >> 3));
}

static void put_have(struct forge *f, struct buf *to)
{
	uint8_t m[24] = {4, 1};

	memset(m + 2, 'h', HASH_SIZE);
	m[22] = 0xac; /* 300 */
	m[23] = 0x02;
	forge_record(f, false, m, sizeof(m), to);
}

/* hello, have, a small item, one that is much like it, a larger one in two
   records of changes */
static void put_dial(struct forge *f, struct buf *to)
{
	AUTO_BUF struct buf m = BUF_INIT;
	AUTO_BUF struct buf body = BUF_INIT;

	add_body(&body);
	buf_add(to, f->hello, sizeof(f->hello));
	put_have(f, to);
	buf_add_byte(&m, 1);
	buf_add_str(&m, change);
	forge_record(f, false, m.data, m.len, to);
	/* "!", and all of the first from 32 back */
	forge_record(f, false, "\x07\x00!\xdc\x20", 5, to);
	buf_clear(&m);
	buf_add_byte(&m, 2);
	crypto_generichash(buf_room(&m, HASH_SIZE), HASH_SIZE, body.data,
		body.len, NULL, 0);
	m.len += HASH_SIZE;
	buf_add(&m, "\x88\x27\0", 3); /* 5000, from 0 */
	buf_add(&m, body.data, 4096 - 24);
	forge_record(f, false, m.data, m.len, to);
	buf_clear(&m);
	buf_add_byte(&m, 3);
	buf_add(&m, body.data + 4096 - 24, body.len - (4096 - 24));
	forge_record(f, false, m.data, m.len, to);
}

static void check(struct golden *g, struct side *a, struct side *b)
{
	static const struct os_ops ops_a = {.random = random_11};
	static const struct os_ops ops_b = {.random = random_22};
	struct os os_a = {.ops = &ops_a}, os_b = {.ops = &ops_b};
	AUTO_BUF struct buf made = BUF_INIT, said = BUF_INIT;
	AUTO_BUF struct buf body = BUF_INIT, answer = BUF_INIT;
	struct link *dial = open_link(g, a, true, &os_a);
	struct link *answers = open_link(g, b, false, &os_b);
	struct forge f;

	add_body(&body);
	forge_hello(&f, &a->key, DIAL_SEED);
	forge_early(&f, &a->key, &b->key.pub);
	put_dial(&f, &made);
	link_add(dial, LINK_CHANGES, change, strlen(change));
	link_add(dial, LINK_CHANGES, alike, strlen(alike));
	link_add(dial, LINK_CHANGES, body.data, body.len);
	link_output(dial, 0, 65536, &said);
	golden_check(g, "good/link-dial.stream", made.data, made.len);
	golden_check(g, "good/link-dial.stream", said.data, said.len);

	golden_expect(g, link_input(answers, made.data, made.len, 0, NULL) == 0,
		"link-dial.stream", "is taken");
	golden_expect(g,
		b->got.len == strlen(change) + strlen(alike) + body.len,
		"link-dial.stream", "is what was sent");
	link_add(answers, LINK_SMALL, "small", 5);
	link_output(answers, 0, 65536, &answer);
	golden_check(g, "good/link-answer.stream", answer.data, answer.len);
	golden_expect(g,
		link_input(dial, answer.data, answer.len, 0, NULL) == 0 &&
			a->got.len == 5,
		"link-answer.stream", "is taken");
	/* With the keys that are made here. */
	forge_full(&f, &a->key, answer.data);
	buf_clear(&made);
	forge_record(&f, true, "\x06", 1, &made);
	golden_expect(g,
		link_input(answers, made.data, made.len, 0, NULL) == 0 &&
			link_heard_last(answers),
		"link-answer.stream", "has the keys of the format");
	link_close(dial);
	link_close(answers);
}

int main(int argc, char **argv)
{
	struct side a = {0}, b = {0};
	struct golden g;

	if (!golden_start(&g, argc, argv) || key_start(NULL) < 0)
		return 2;
	key_from_seed((const uint8_t[32]){'a'}, &a.key);
	key_from_seed((const uint8_t[32]){'b'}, &b.key);
	a.knows = b.key.pub;
	b.knows = a.key.pub;
	check(&g, &a, &b);
	buf_free(&a.got);
	buf_free(&b.got);
	return golden_end(&g);
}
