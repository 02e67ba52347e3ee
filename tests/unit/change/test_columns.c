/* The columns coding: what goes in comes out, and nothing else comes out. */
#include "changemaker.h"
#include "err.h"
#include "wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void decode(const struct change_context *ctx, const struct buf *payload,
	struct change_batch *ret)
{
	struct err err = ERR_INIT;
	int rc = change_decode(ctx, payload->data, payload->len, ret, &err);

	if (rc != 0)
		print_message("decode: %s\n", err.text);
	assert_int_equal(rc, 0);
}

static void assert_same(
	const struct change_batch *a, const struct change_batch *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		if (!maker_same(&a->items[i], &b->items[i])) {
			struct buf text = BUF_INIT;

			change_print(&a->items[i], &text);
			buf_add_str(&text, "\n");
			change_print(&b->items[i], &text);
			print_message("change %zu:\n%s\n", i, buf_str(&text));
			buf_free(&text);
			fail();
		}
	}
}

static void round_trip(uint64_t seed, bool account, bool dense, size_t count)
{
	struct change_batch made = {0}, read = {0};
	struct buf payload = BUF_INIT, again = BUF_INIT;
	struct change_context ctx;
	struct maker m;

	maker_init(&m, seed, account);
	m.dense = dense;
	ctx = maker_context(&m);
	maker_batch(&m, &made, count);
	change_encode(&ctx, made.items, made.count, &payload);
	decode(&ctx, &payload, &read);
	assert_same(&made, &read);
	change_encode(&ctx, read.items, read.count, &again);
	assert_int_equal(again.len, payload.len);
	assert_memory_equal(again.data, payload.data, payload.len);
	buf_free(&payload);
	buf_free(&again);
	change_batch_free(&made);
	change_batch_free(&read);
}

static void what_is_encoded_is_decoded_the_same(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 800; seed++)
		round_trip(seed, seed & 1, seed & 2, seed % 41);
}

static void a_large_batch_is_decoded_the_same(void **state)
{
	(void)state;
	round_trip(1, false, false, 20000);
	round_trip(2, true, true, 20000);
}

/* Every kind by itself, many times, so that no column hides behind another. */
static void every_kind_alone_is_decoded_the_same(void **state)
{
	(void)state;
	for (int kind = 1; kind <= CHANGE_GAP; kind++) {
		bool account = kind >= CHANGE_FOLDER && kind <= CHANGE_MERGE;

		if ((kind > CHANGE_EXTRA && kind < CHANGE_FOLDER) ||
			(kind > CHANGE_MERGE && kind < CHANGE_BEGIN))
			continue;
		for (uint64_t seed = 0; seed < 50; seed++) {
			struct change_batch made = {0}, read = {0};
			struct buf payload = BUF_INIT;
			struct change_context ctx;
			struct maker m;

			maker_init(&m, seed, account);
			ctx = maker_context(&m);
			maker_change(&m, &made, (enum change_kind)kind);
			change_encode(&ctx, made.items, 1, &payload);
			decode(&ctx, &payload, &read);
			assert_same(&made, &read);
			buf_free(&payload);
			change_batch_free(&made);
			change_batch_free(&read);
		}
	}
}

/* The context comes from a header: it may be anything. */
static void any_context_will_do(void **state)
{
	static const uint64_t odd[] = {
		0, 1, CHANGE_LSN_MAX, UINT64_C(1) << 62, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < 25; i++) {
		struct change_batch made = {0}, read = {0};
		struct buf payload = BUF_INIT;
		struct change_context ctx;
		struct maker m;

		maker_init(&m, i, false);
		ctx = maker_context(&m);
		ctx.first_lsn = odd[i % 5];
		ctx.base_ms = odd[i / 5];
		ctx.log.origin++;
		maker_batch(&m, &made, 20);
		change_encode(&ctx, made.items, made.count, &payload);
		decode(&ctx, &payload, &read);
		assert_same(&made, &read);
		buf_free(&payload);
		change_batch_free(&made);
		change_batch_free(&read);
	}
}

static void decoding_appends_to_a_batch(void **state)
{
	struct change_batch made = {0}, read = {0};
	struct buf payload = BUF_INIT;
	struct change_context ctx;
	struct maker m;

	(void)state;
	maker_init(&m, 7, false);
	ctx = maker_context(&m);
	maker_batch(&m, &made, 30);
	change_encode(&ctx, made.items, 30, &payload);
	decode(&ctx, &payload, &read);
	decode(&ctx, &payload, &read);
	assert_int_equal(read.count, 60);
	assert_true(maker_same(&read.items[29], &read.items[59]));
	assert_int_not_equal(
		change_decode(&ctx, payload.data, payload.len - 1, &read, NULL),
		0);
	assert_int_equal(read.count, 60);
	buf_free(&payload);
	change_batch_free(&made);
	change_batch_free(&read);
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct change_batch made = {0}, read = {0};
		struct buf payload = BUF_INIT;
		struct change_context ctx;
		struct maker m;

		maker_init(&m, seed, seed & 1);
		ctx = maker_context(&m);
		maker_batch(&m, &made, 12);
		change_encode(&ctx, made.items, made.count, &payload);
		for (size_t len = 0; len < payload.len; len++) {
			/* a block of its own: an over-read is seen */
			uint8_t *cut = malloc(len ? len : 1);
			struct err err = ERR_INIT;

			assert_non_null(cut);
			memcpy(cut, payload.data, len);
			assert_int_equal(
				change_decode(&ctx, cut, len, &read, &err),
				ERR_CORRUPT);
			assert_true(err.text[0] != 0);
			assert_int_equal(read.count, 0);
			free(cut);
		}
		buf_add_byte(&payload, 0);
		assert_int_equal(change_decode(&ctx, payload.data, payload.len,
					 &read, NULL),
			ERR_CORRUPT);
		buf_free(&payload);
		change_batch_free(&made);
		change_batch_free(&read);
	}
}

/* A flipped bit is refused, or gives another batch with that encoding. */
static void every_flipped_bit_is_refused_or_means_itself(void **state)
{
	size_t taken = 0, refused = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 10; seed++) {
		struct change_batch made = {0};
		struct buf payload = BUF_INIT;
		struct change_context ctx;
		struct maker m;

		maker_init(&m, seed, seed & 1);
		ctx = maker_context(&m);
		maker_batch(&m, &made, 10);
		change_encode(&ctx, made.items, made.count, &payload);
		for (size_t bit = 0; bit < 8 * payload.len; bit++) {
			struct change_batch read = {0};
			struct buf again = BUF_INIT;

			payload.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (change_decode(&ctx, payload.data, payload.len,
				    &read, NULL) == 0) {
				change_encode(
					&ctx, read.items, read.count, &again);
				assert_int_equal(again.len, payload.len);
				assert_memory_equal(
					again.data, payload.data, payload.len);
				taken++;
			} else {
				refused++;
			}
			payload.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			buf_free(&again);
			change_batch_free(&read);
		}
		buf_free(&payload);
		change_batch_free(&made);
	}
	assert_true(taken > 500);
	assert_true(refused > 1000);
}

static const struct change_context plain = {
	.log = {1, 2, {{3}}}, .first_lsn = 10, .base_ms = 1795303760678};

static int decode_bytes(const char *bytes, size_t len)
{
	struct change_batch read = {0};
	int rc = change_decode(&plain, bytes, len, &read, NULL);

	change_batch_free(&read);
	return rc;
}

#define DECODE(s) decode_bytes(s, sizeof(s) - 1)

static void one_batch_has_one_encoding(void **state)
{
	(void)state;
	/* count, mask, kind, dot: an expunge of 10, the first lsn */
	assert_int_equal(DECODE("\x01\x02\x06\x01"), 0);
	/* no changes */
	assert_int_equal(DECODE("\x00"), 0);
	assert_int_equal(DECODE(""), ERR_CORRUPT);
	assert_int_equal(DECODE("\x00\x00"), ERR_CORRUPT);
	/* a column of zeros: stamp */
	assert_int_equal(DECODE("\x01\x03\x06\x00\x01"), ERR_CORRUPT);
	/* no dot */
	assert_int_equal(DECODE("\x01\x00\x06"), ERR_CORRUPT);
	/* an unknown kind; SUBSCRIBE in a folder's log */
	assert_int_equal(DECODE("\x01\x02\x09\x01"), ERR_CORRUPT);
	assert_int_equal(DECODE("\x01\x00\x17"), ERR_CORRUPT);
	/* an unknown column (bit 37) */
	assert_int_equal(
		DECODE("\x01\x82\x80\x80\x80\x80\x08\x06\x01"), ERR_CORRUPT);
	/* keywords of FLAGS: a, then with an entry that is not used, is
	   double, is out of order, is empty, holds NUL */
	assert_int_equal(DECODE("\x01\x62\x05\x01\x01"
				"a\x01\x01"),
		0);
	assert_int_equal(DECODE("\x01\x62\x05\x02\x01"
				"a\x01"
				"b\x01\x01"),
		ERR_CORRUPT);
	assert_int_equal(DECODE("\x02\x62\x05\x05\x02\x01"
				"a\x01"
				"b\x01\x03\x01\x02"),
		0);
	assert_int_equal(DECODE("\x02\x62\x05\x05\x02\x01"
				"a\x01"
				"a\x01\x03\x01\x02"),
		ERR_CORRUPT);
	assert_int_equal(DECODE("\x02\x62\x05\x05\x02\x01"
				"a\x01"
				"b\x01\x03\x02\x01"),
		ERR_CORRUPT);
	assert_int_equal(DECODE("\x01\x62\x05\x01\x00\x01\x01"), ERR_CORRUPT);
	assert_int_equal(
		DECODE("\x01\x62\x05\x01\x01\x00\x01\x01"), ERR_CORRUPT);
	/* a table that is there, but empty */
	assert_int_equal(DECODE("\x01\x22\x06\x00\x01"), ERR_CORRUPT);
}

static void what_the_context_gives_is_not_written(void **state)
{
	(void)state;
	/* mask 2 + bits 14, 15, 17: ids, logs, dot log */
	/* a foreign folder of the same site */
	assert_int_equal(DECODE("\x01\x82\x80\x0b\x06"
				"\x01"
				"ABCDEFGHIJKLMNOP\x01\x04\x01\x03"),
		0);
	/* an id that is the context's folder */
	assert_int_equal(DECODE("\x01\x82\x80\x0b\x06\x01"
				"\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
				"\x01\x04\x01\x03"),
		ERR_CORRUPT);
	/* a log with the context's origin, or all of it */
	assert_int_equal(DECODE("\x01\x82\x80\x0a\x06\x01\x01"
				"\x01\0\0\0\0\0\0\0\x01\x03"),
		ERR_CORRUPT);
	assert_int_equal(
		DECODE("\x01\x82\x80\x0a\x06\x01\x00\x01\x03"), ERR_CORRUPT);
	assert_int_equal(DECODE("\x01\x82\x80\x0a\x06\x01\x01"
				"\x09\0\0\0\0\0\0\0\x01\x03"),
		0);
}

static void a_few_bytes_never_claim_many_changes(void **state)
{
	struct change_batch read = {0};
	struct err err = ERR_INIT;
	struct buf payload = BUF_INIT;

	(void)state;
	wire_add_varint(&payload, CHANGE_BATCH_MAX);
	wire_add_varint(&payload, 2);
	assert_int_equal(
		change_decode(&plain, payload.data, payload.len, &read, &err),
		ERR_CORRUPT);
	assert_int_equal(read.cap, 0);
	buf_clear(&payload);
	wire_add_varint(&payload, CHANGE_BATCH_MAX + 1);
	assert_int_equal(
		change_decode(&plain, payload.data, payload.len, &read, &err),
		ERR_LIMIT);
	assert_int_equal(read.cap, 0);
	buf_free(&payload);
	change_batch_free(&read);
}

/* One long set of keywords, pointed at from very many changes. */
static void strings_are_counted_wherever_they_are_pointed_at(void **state)
{
	struct change_batch read = {0};
	struct buf payload = BUF_INIT;
	size_t count = CHANGE_STRINGS_MAX / 32768 + 1;

	(void)state;
	wire_add_varint(&payload, count);
	wire_add_varint(&payload, 0x62);
	for (size_t i = 0; i < count; i++)
		buf_add_byte(&payload, CHANGE_FLAGS);
	wire_add_varint(&payload, 1);
	wire_add_varint(&payload, 32768);
	memset(buf_room(&payload, 32768), 'x', 32768);
	payload.len += 32768;
	for (size_t i = 0; i < 2 * count; i++)
		buf_add_byte(&payload, 1);
	assert_int_equal(
		change_decode(&plain, payload.data, payload.len, &read, NULL),
		ERR_LIMIT);
	buf_free(&payload);
	change_batch_free(&read);
}

static void lsns_ascend_within_a_log(void **state)
{
	(void)state;
	/* mask 2 + bit 13: lsns; 10, then 12 */
	assert_int_equal(DECODE("\x02\x82\x40\x06\x06\x00\x01\x01\x03"), 0);
	/* 10, then 10: one less than expected */
	assert_int_equal(DECODE("\x02\x82\x40\x06\x06\x00"
				"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
				"\x01\x03"),
		ERR_CORRUPT);
	/* first 9: below what the context expects, but not below another */
	assert_int_equal(DECODE("\x01\x82\x40\x06"
				"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
				"\x01"),
		0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_is_decoded_the_same),
		cmocka_unit_test(a_large_batch_is_decoded_the_same),
		cmocka_unit_test(every_kind_alone_is_decoded_the_same),
		cmocka_unit_test(any_context_will_do),
		cmocka_unit_test(decoding_appends_to_a_batch),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_flipped_bit_is_refused_or_means_itself),
		cmocka_unit_test(one_batch_has_one_encoding),
		cmocka_unit_test(what_the_context_gives_is_not_written),
		cmocka_unit_test(a_few_bytes_never_claim_many_changes),
		cmocka_unit_test(
			strings_are_counted_wherever_they_are_pointed_at),
		cmocka_unit_test(lsns_ascend_within_a_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
