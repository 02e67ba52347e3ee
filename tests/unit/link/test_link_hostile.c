/* What strangers, liars and a line that flips bits say to a link. */
#include "twoends.h"

#include "../../support/linkforge.h"

struct scene {
	struct ends ends;
	struct forge forge;
	struct buf said; /* by the forged dialing side */
};

static struct scene *made(void)
{
	struct scene *s = calloc(1, sizeof(*s));

	ends_init(&s->ends);
	assert_int_equal(end_open(&s->ends, &s->ends.answer, false), 0);
	forge_hello(&s->forge, &s->ends.dial.key, 7);
	forge_early(&s->forge, &s->ends.dial.key, &s->ends.answer.key.pub);
	buf_add(&s->said, s->forge.hello, sizeof(s->forge.hello));
	return s;
}

static void gone(struct scene *s)
{
	buf_free(&s->said);
	ends_free(&s->ends);
	free(s);
}

static void say(struct scene *s, const void *message, size_t len)
{
	forge_record(&s->forge, false, message, len, &s->said);
}

static void say_have(struct scene *s)
{
	say(s, "\x04\0", 2);
}

static int hear(struct scene *s)
{
	return link_input(s->ends.answer.link, s->said.data, s->said.len, 0,
		&s->ends.err);
}

static void assert_refused(const void *message, size_t len, int code)
{
	struct scene *s = made();

	say_have(s);
	say(s, message, len);
	assert_int_equal(hear(s), code);
	assert_int_equal(s->ends.answer.count, 0);
	gone(s);
}

static void what_is_made_by_the_words_of_the_format_is_taken(void **state)
{
	struct scene *s = made();
	AUTO_BUF struct buf answer = BUF_INIT;

	(void)state;
	say_have(s);
	say(s,
		"\x01"
		"early",
		6);
	assert_int_equal(hear(s), 0);
	link_output(s->ends.answer.link, 0, 65536, &answer);
	assert_true(answer.len > HELLO_SIZE);
	forge_full(&s->forge, &s->ends.dial.key, answer.data);
	buf_clear(&s->said);
	forge_record(&s->forge, true,
		"\x01"
		"full",
		5, &s->said);
	assert_int_equal(hear(s), 0);
	assert_int_equal(s->ends.answer.count, 2);
	assert_memory_equal(s->ends.answer.items[0].bytes.data, "early", 5);
	assert_memory_equal(s->ends.answer.items[1].bytes.data, "full", 4);
	/* Nobody goes back to the early key. */
	buf_clear(&s->said);
	say(s,
		"\x01"
		"late",
		5);
	assert_int_equal(hear(s), ERR_CORRUPT);
	gone(s);
}

static void a_stranger_is_told_nothing(void **state)
{
	struct scene *s = made();
	struct key_pair stranger;
	AUTO_BUF struct buf out = BUF_INIT;

	(void)state;
	/* Somebody that it does not know. */
	key_from_seed((const uint8_t[32]){'s'}, &stranger);
	forge_hello(&s->forge, &stranger, 7);
	buf_clear(&s->said);
	buf_add(&s->said, s->forge.hello, sizeof(s->forge.hello));
	assert_int_equal(hear(s), ERR_AUTH);
	link_output(s->ends.answer.link, 0, 65536, &out);
	assert_int_equal(out.len, 0);
	gone(s);

	/* Somebody who says that it is a peer. */
	s = made();
	forge_hello(&s->forge, &s->ends.dial.key, 7);
	forge_early(&s->forge, &stranger, &s->ends.answer.key.pub);
	say_have(s);
	assert_int_equal(hear(s), ERR_AUTH);
	link_output(s->ends.answer.link, 0, 65536, &out);
	assert_int_equal(out.len, 0);
	assert_false(link_proven(s->ends.answer.link));
	assert_int_equal(s->ends.answer.asked, 0);
	gone(s);

	/* A peer that means another site. */
	s = made();
	forge_early(&s->forge, &s->ends.dial.key, &stranger.pub);
	say_have(s);
	assert_int_equal(hear(s), ERR_AUTH);
	gone(s);
}

static void who_says_nothing_is_given_up(void **state)
{
	struct scene *s = made();

	(void)state;
	assert_int_equal(link_deadline(s->ends.answer.link), LINK_PROVE_MS);
	say_have(s);
	assert_int_equal(hear(s), 0);
	assert_true(link_deadline(s->ends.answer.link) == INT64_MAX);
	gone(s);
}

/* All that was said to somebody is said to them again. */
static void a_call_that_is_replayed_says_nothing_of_this_one(void **state)
{
	struct ends *s = calloc(1, sizeof(*s));
	AUTO_BUF struct buf dial = BUF_INIT, answer = BUF_INIT;
	AUTO_BUF struct buf out = BUF_INIT;
	AUTO_BUF struct buf large = BUF_INIT;

	(void)state;
	ends_init(s);
	ends_connect(s);
	ends_bytes(&large, 30000, 3);
	link_add(s->dial.link, LINK_CHANGES, "x", 1);
	link_add(s->answer.link, LINK_LARGE, large.data, large.len);
	assert_int_equal(ends_run(s, 1000), 0);
	link_add(s->dial.link, LINK_CHANGES, "y", 1);
	assert_int_equal(ends_run(s, 1000), 0);
	buf_add(&dial, s->dial.line.data, s->dial.line.len);
	buf_add(&answer, s->answer.line.data, s->answer.line.len);
	ends_cut(s);

	/* The early part is taken, as a bundle that comes twice; the rest, with
	   what it says of the call, is not. */
	assert_int_equal(end_open(s, &s->answer, false), 0);
	size_t before = s->answer.count;
	assert_int_equal(
		link_input(s->answer.link, dial.data, dial.len, 0, &s->err),
		ERR_AUTH);
	assert_int_equal(s->answer.count, before + 1);
	link_close(s->answer.link);
	s->answer.link = NULL;

	assert_int_equal(end_open(s, &s->dial, true), 0);
	link_output(s->dial.link, 0, 65536, &out);
	before = s->dial.count;
	assert_int_equal(
		link_input(s->dial.link, answer.data, answer.len, 0, &s->err),
		ERR_AUTH);
	assert_int_equal(s->dial.count, before);
	assert_false(link_proven(s->dial.link));
	ends_free(s);
	free(s);
}

static void messages_that_are_malformed_end_the_link(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int code;
	} bad[] = {
		{"\x01", 1, ERR_CORRUPT},  /* nothing in it */
		{"\x31x", 2, ERR_CORRUPT}, /* class 3 */
		{"\x81x", 2, ERR_CORRUPT}, /* bit 7 */
		{"\x00x", 2, ERR_LIMIT},   /* types */
		{"\x08x", 2, ERR_CORRUPT},
		{"\x48", 1, ERR_CORRUPT},
		{"\x09x", 2, ERR_LIMIT},
		{"\x19x", 2, ERR_CORRUPT},
		{"\x07", 1, ERR_CORRUPT}, /* told by nothing */
		{"\x07\xc0\x01", 3, ERR_CORRUPT},
		{"\x80", 1, ERR_CORRUPT},
		{"\xc0\x01", 2, ERR_CORRUPT},
		{"\x17\0x", 3, ERR_CORRUPT}, /* class 1 */
		{"\x03x", 2, ERR_CORRUPT},   /* more of nothing */
		{"\x02"
		 "short",
			6, ERR_CORRUPT},
		{"\x04\0", 2, ERR_CORRUPT},   /* a second HAVE */
		{"\x06x", 2, ERR_CORRUPT},    /* bytes behind */
		{"\x05\x01", 2, ERR_CORRUPT}, /* under this key */
		{"\x46", 1, ERR_CORRUPT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(bad[i].bytes, bad[i].len, bad[i].code);
}

static void add_begin(struct buf *b, uint64_t size, uint64_t from, size_t len)
{
	buf_add_byte(b, 2);
	buf_room(b, HASH_SIZE + 20 + len);
	memset(b->data + b->len, 'n', HASH_SIZE);
	b->len += HASH_SIZE;
	for (int i = 0; i < 2; i++) {
		uint64_t v = i ? from : size;

		for (; v >= 0x80; v >>= 7)
			buf_add_byte(b, (uint8_t)(v | 0x80));
		buf_add_byte(b, (uint8_t)v);
	}
	memset(b->data + b->len, 'c', len);
	b->len += len;
}

static void assert_begin(uint64_t size, uint64_t from, size_t len, int code)
{
	AUTO_BUF struct buf b = BUF_INIT;

	add_begin(&b, size, from, len);
	assert_refused(b.data, b.len, code);
}

static void items_keep_to_their_sizes(void **state)
{
	(void)state;
	assert_begin(0, 0, 0, ERR_CORRUPT);
	assert_begin(10, 11, 0, ERR_CORRUPT);
	assert_begin(10, 0, 11, ERR_CORRUPT);
	assert_begin(LINK_ITEM_MAX + UINT64_C(1), 0, 9, ERR_CORRUPT);
	assert_begin(UINT64_MAX, UINT64_MAX, 9, ERR_CORRUPT);
	/* What we do not have: the receiving side's word. */
	assert_begin(10, 5, 5, ERR_CONFLICT);
	/* Two at once of one class. */
	struct scene *s = made();
	AUTO_BUF struct buf b = BUF_INIT;

	say_have(s);
	add_begin(&b, 10, 0, 5);
	say(s, b.data, b.len);
	assert_int_equal(hear(s), 0);
	buf_clear(&s->said);
	say(s, b.data, b.len);
	assert_int_equal(hear(s), ERR_CORRUPT);
	gone(s);
}

static void have_comes_first_and_is_bounded(void **state)
{
	struct scene *s = made();
	uint8_t many[2 + 65 * 21] = {4, 65};
	uint8_t cut[12] = {4, 1};

	(void)state;
	say(s, "\x01x", 2);
	assert_int_equal(hear(s), ERR_CORRUPT);
	gone(s);
	s = made();
	say(s, many, sizeof(many));
	assert_int_equal(hear(s), ERR_CORRUPT);
	gone(s);
	s = made();
	say(s, cut, sizeof(cut));
	assert_int_equal(hear(s), ERR_CORRUPT);
	gone(s);
}

static void nothing_follows_last(void **state)
{
	struct scene *s = made();

	(void)state;
	say_have(s);
	say(s, "\x06", 1);
	assert_int_equal(hear(s), 0);
	assert_true(link_heard_last(s->ends.answer.link));
	buf_clear(&s->said);
	say(s, "\x01x", 2);
	assert_int_equal(hear(s), ERR_CORRUPT);
	gone(s);
}

static void a_record_has_a_size_within_the_limit(void **state)
{
	struct scene *s = made();
	uint8_t head[2] = {0x01, 0x10}; /* 4097 */

	(void)state;
	buf_add(&s->said, head, 2);
	assert_int_equal(hear(s), ERR_CORRUPT);
	gone(s);
	s = made();
	head[0] = head[1] = 0;
	buf_add(&s->said, head, 2);
	assert_int_equal(hear(s), ERR_CORRUPT);
	gone(s);
}

/* No record that was touched is taken, and none behind it. */
static void every_flipped_bit_is_noticed(void **state)
{
	(void)state;
	for (size_t at = 0; at < 8 * 125; at++) {
		struct scene *s = made();

		say_have(s);
		say(s,
			"\x01"
			"contents of a parcel, as it were",
			34);
		assert_true(s->said.len >= 115);
		if (at / 8 < s->said.len) {
			s->said.data[at / 8] ^= (uint8_t)(1 << at % 8);
			hear(s);
			assert_int_equal(s->ends.answer.count, 0);
		}
		gone(s);
	}
}

static void what_is_said_early_is_bounded(void **state)
{
	struct scene *s = made();
	uint8_t item[LINK_RECORD_MAX] = {1, 'x'};
	int rc = 0;

	(void)state;
	say_have(s);
	for (int i = 0; i < 100 && rc == 0; i++) {
		say(s, item, sizeof(item));
		rc = hear(s);
		buf_clear(&s->said);
	}
	assert_int_equal(rc, ERR_LIMIT);
	assert_in_range(s->ends.answer.count, 60, 66);
	gone(s);
}

static void receipts_that_cannot_be_end_the_link(void **state)
{
	struct scene *s = made();
	AUTO_BUF struct buf answer = BUF_INIT;

	(void)state;
	say_have(s);
	assert_int_equal(hear(s), 0);
	link_output(s->ends.answer.link, 0, 65536, &answer);
	forge_full(&s->forge, &s->ends.dial.key, answer.data);
	buf_clear(&s->said);
	/* 66 bytes were said to it. */
	forge_record(&s->forge, true, "\x05\x42", 2, &s->said);
	assert_int_equal(hear(s), 0);
	buf_clear(&s->said);
	forge_record(&s->forge, true, "\x05\x43", 2, &s->said);
	assert_int_equal(hear(s), ERR_CORRUPT);
	gone(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_is_made_by_the_words_of_the_format_is_taken),
		cmocka_unit_test(a_stranger_is_told_nothing),
		cmocka_unit_test(who_says_nothing_is_given_up),
		cmocka_unit_test(
			a_call_that_is_replayed_says_nothing_of_this_one),
		cmocka_unit_test(messages_that_are_malformed_end_the_link),
		cmocka_unit_test(items_keep_to_their_sizes),
		cmocka_unit_test(have_comes_first_and_is_bounded),
		cmocka_unit_test(nothing_follows_last),
		cmocka_unit_test(a_record_has_a_size_within_the_limit),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(what_is_said_early_is_bounded),
		cmocka_unit_test(receipts_that_cannot_be_end_the_link),
	};

	if (key_start(NULL) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
