/* Numbers as bytes: one value, one encoding; every lie is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "wire.h"

static const uint64_t values[] = {0, 1, 127, 128, 129, 16383, 16384, 1 << 20,
	UINT32_MAX, (uint64_t)INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
#define VALUES (sizeof(values) / sizeof(values[0]))

static void varints_come_back_and_have_the_size_that_was_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < VALUES; i++) {
		AUTO_BUF struct buf b = BUF_INIT;
		struct wire w;

		wire_add_varint(&b, values[i]);
		assert_int_equal(b.len, wire_varint_size(values[i]));
		w = wire_over(b.data, b.len);
		assert_int_equal(wire_varint(&w), values[i]);
		assert_int_equal(wire_left(&w), 0);
		assert_false(w.bad);
	}
}

static void varint_bytes_are_leb128(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	wire_add_varint(&b, 300);
	wire_add_varint(&b, UINT64_MAX);
	assert_int_equal(b.len, 12);
	assert_memory_equal(
		b.data, "\xac\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12);
}

static void every_truncation_of_a_varint_is_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < VALUES; i++) {
		AUTO_BUF struct buf b = BUF_INIT;

		wire_add_varint(&b, values[i]);
		for (size_t len = 0; len < b.len; len++) {
			struct wire w = wire_over(b.data, len);

			assert_int_equal(wire_varint(&w), 0);
			assert_true(w.bad);
		}
	}
}

static void assert_bad_varint(const char *bytes, size_t len)
{
	struct wire w = wire_over(bytes, len);

	assert_int_equal(wire_varint(&w), 0);
	assert_true(w.bad);
}

static void longer_forms_and_over_64_bits_are_bad(void **state)
{
	(void)state;
	assert_bad_varint("\x80\x00", 2);
	assert_bad_varint("\xff\x80\x00", 3);
	assert_bad_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00", 10);
	assert_bad_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
	assert_bad_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11);
	assert_bad_varint("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11);
}

static void signed_numbers_near_zero_are_short(void **state)
{
	const int64_t signs[] = {0, -1, 1, -64, 63, 64, INT64_MIN, INT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		AUTO_BUF struct buf b = BUF_INIT;
		struct wire w;

		wire_add_signed(&b, signs[i]);
		if (i < 5)
			assert_int_equal(b.len, 1);
		w = wire_over(b.data, b.len);
		assert_true(wire_signed(&w) == signs[i]);
		assert_false(w.bad);
	}
}

static void fixed_numbers_are_little_endian(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct wire w;

	(void)state;
	wire_add_u16(&b, 0x0102);
	wire_add_u32(&b, 0x01020304);
	wire_add_u64(&b, UINT64_C(0x0102030405060708));
	assert_memory_equal(b.data,
		"\x02\x01\x04\x03\x02\x01\x08\x07\x06\x05\x04\x03\x02\x01", 14);
	w = wire_over(b.data, b.len);
	assert_int_equal(wire_u16(&w), 0x0102);
	assert_int_equal(wire_u32(&w), 0x01020304);
	assert_int_equal(wire_u64(&w), UINT64_C(0x0102030405060708));
	assert_int_equal(wire_u8(&w), 0);
	assert_true(w.bad);
}

static void bytes_are_checked_against_their_limit_and_the_end(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	const uint8_t *p;
	struct wire w;
	size_t len;

	(void)state;
	wire_add_bytes(&b, "text", 4);
	w = wire_over(b.data, b.len);
	p = wire_bytes(&w, 4, &len);
	assert_int_equal(len, 4);
	assert_memory_equal(p, "text", 4);
	w = wire_over(b.data, b.len);
	assert_null(wire_bytes(&w, 3, &len));
	assert_int_equal(len, 0);
	assert_true(w.bad);
	w = wire_over(b.data, b.len - 1);
	assert_null(wire_bytes(&w, 100, &len));
	assert_true(w.bad);
	/* a length near 2^64 must not wrap */
	buf_clear(&b);
	wire_add_varint(&b, UINT64_MAX - 3);
	buf_add_str(&b, "text");
	w = wire_over(b.data, b.len);
	assert_null(wire_bytes(&w, SIZE_MAX, &len));
	assert_true(w.bad);
}

static void no_bytes_are_not_an_error(void **state)
{
	struct wire w = wire_over(NULL, 0);
	size_t len = 9;

	(void)state;
	assert_non_null(wire_raw(&w, 0));
	assert_false(w.bad);
	w = wire_over("\0", 1);
	assert_non_null(wire_bytes(&w, 0, &len));
	assert_int_equal(len, 0);
	assert_false(w.bad);
}

static void after_a_failed_take_every_take_gives_nothing(void **state)
{
	struct wire w = wire_over("\x05\x01\x02", 3);
	size_t len;

	(void)state;
	assert_int_equal(wire_count(&w, 4), 0);
	assert_true(w.bad);
	assert_int_equal(wire_left(&w), 0);
	assert_int_equal(wire_varint(&w), 0);
	assert_int_equal(wire_signed(&w), 0);
	assert_int_equal(wire_u8(&w), 0);
	assert_null(wire_raw(&w, 0));
	assert_null(wire_bytes(&w, 10, &len));
	assert_int_equal(len, 0);
}

static void a_count_may_be_its_limit(void **state)
{
	struct wire w = wire_over("\x05", 1);

	(void)state;
	assert_int_equal(wire_count(&w, 5), 5);
	assert_false(w.bad);
}

/* What decodes, encodes to the same bytes: one value has one encoding. */
static void random_bytes_decode_only_if_they_encode_back(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		AUTO_BUF struct buf b = BUF_INIT;
		uint8_t bytes[12];
		struct wire w;
		uint64_t v;

		for (size_t k = 0; k < sizeof(bytes); k++) {
			seed = seed * UINT64_C(6364136223846793005) + 1;
			bytes[k] = (uint8_t)(seed >> 40);
			if (seed >> 62)
				bytes[k] |= 0x80;
		}
		w = wire_over(bytes, sizeof(bytes));
		v = wire_varint(&w);
		if (w.bad)
			continue;
		wire_add_varint(&b, v);
		assert_int_equal(b.len, (size_t)(w.at - bytes));
		assert_memory_equal(b.data, bytes, b.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			varints_come_back_and_have_the_size_that_was_said),
		cmocka_unit_test(varint_bytes_are_leb128),
		cmocka_unit_test(every_truncation_of_a_varint_is_bad),
		cmocka_unit_test(longer_forms_and_over_64_bits_are_bad),
		cmocka_unit_test(signed_numbers_near_zero_are_short),
		cmocka_unit_test(fixed_numbers_are_little_endian),
		cmocka_unit_test(
			bytes_are_checked_against_their_limit_and_the_end),
		cmocka_unit_test(no_bytes_are_not_an_error),
		cmocka_unit_test(after_a_failed_take_every_take_gives_nothing),
		cmocka_unit_test(a_count_may_be_its_limit),
		cmocka_unit_test(random_bytes_decode_only_if_they_encode_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
