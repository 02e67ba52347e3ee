/* Statements: what goes in comes out, and nothing else comes out. */
#include "changemaker.h"
#include "err.h"
#include "wire.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

#define POSITIONS 6

static void make(
	struct statement *st, struct position vector[POSITIONS], uint64_t seed)
{
	struct maker m;

	maker_init(&m, seed, false);
	*st = (struct statement){.lsn = maker_number(&m) >> 2,
		.stamp = maker_u64(&m),
		.uidnext = (uint32_t)maker_number(&m),
		.messages = maker_number(&m),
		.vector = vector,
		.vector_count = seed % (POSITIONS + 1)};
	for (size_t i = 0; i < sizeof(st->digest); i++)
		st->digest[i] = (uint8_t)maker_u64(&m);
	for (size_t i = 0; i < st->vector_count; i++)
		vector[i] = (struct position){m.logs[maker_below(&m, 4)],
			maker_number(&m) >> 2, maker_u64(&m)};
}

static void assert_encodes(
	const struct statement *st, const void *data, size_t len)
{
	struct buf bytes = BUF_INIT;

	statement_encode(st, &bytes);
	assert_int_equal(bytes.len, len);
	assert_memory_equal(bytes.data, data, len);
	buf_free(&bytes);
}

static void what_is_encoded_is_decoded_the_same(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 500; seed++) {
		struct position vector[POSITIONS];
		struct statement st, read;
		struct buf bytes = BUF_INIT;

		make(&st, vector, seed);
		statement_encode(&st, &bytes);
		assert_int_equal(
			statement_decode(bytes.data, bytes.len, &read, NULL),
			0);
		assert_int_equal(read.lsn, st.lsn);
		assert_int_equal(read.stamp, st.stamp);
		assert_int_equal(read.uidnext, st.uidnext);
		assert_int_equal(read.messages, st.messages);
		assert_memory_equal(read.digest, st.digest, sizeof(st.digest));
		assert_int_equal(read.vector_count, st.vector_count);
		for (size_t i = 0; i < st.vector_count; i++) {
			struct position *a = &vector[i], *b = &read.vector[i];

			assert_int_equal(log_id_cmp(&a->log, &b->log), 0);
			assert_int_equal(a->lsn, b->lsn);
			assert_int_equal(a->chain, b->chain);
		}
		statement_free(&read);
		buf_free(&bytes);
	}
}

static void every_truncation_is_refused(void **state)
{
	struct position vector[POSITIONS];
	struct statement st, read = {.lsn = 77};
	struct buf bytes = BUF_INIT;

	(void)state;
	make(&st, vector, POSITIONS);
	statement_encode(&st, &bytes);
	for (size_t len = 0; len < bytes.len; len++) {
		uint8_t *cut = malloc(len ? len : 1);
		struct err err = ERR_INIT;

		assert_non_null(cut);
		memcpy(cut, bytes.data, len);
		assert_int_equal(
			statement_decode(cut, len, &read, &err), ERR_CORRUPT);
		assert_int_equal(read.lsn, 77);
		free(cut);
	}
	buf_add_byte(&bytes, 0);
	assert_int_equal(statement_decode(bytes.data, bytes.len, &read, NULL),
		ERR_CORRUPT);
	buf_free(&bytes);
}

static void every_flipped_bit_is_refused_or_means_itself(void **state)
{
	struct position vector[POSITIONS];
	struct statement st, read;
	struct buf bytes = BUF_INIT;

	(void)state;
	make(&st, vector, POSITIONS);
	statement_encode(&st, &bytes);
	for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
		bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (statement_decode(bytes.data, bytes.len, &read, NULL) == 0) {
			assert_encodes(&read, bytes.data, bytes.len);
			statement_free(&read);
		}
		bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	buf_free(&bytes);
}

static void a_few_bytes_never_claim_many_positions(void **state)
{
	struct statement st = {.lsn = 1}, read;
	struct buf bytes = BUF_INIT;

	(void)state;
	statement_encode(&st, &bytes);
	bytes.len--; /* the count of positions, 0 */
	wire_add_varint(&bytes, STATEMENT_VECTOR_MAX);
	assert_int_equal(statement_decode(bytes.data, bytes.len, &read, NULL),
		ERR_CORRUPT);
	buf_clear(&bytes);
	statement_encode(&st, &bytes);
	bytes.len--;
	wire_add_varint(&bytes, STATEMENT_VECTOR_MAX + 1);
	assert_int_equal(statement_decode(bytes.data, bytes.len, &read, NULL),
		ERR_LIMIT);
	buf_free(&bytes);
}

static void what_the_position_before_gives_is_not_written(void **state)
{
	struct position vector[2] = {
		{{1, 2, ID_INBOX}, 3, 4}, {{5, 2, ID_INBOX}, 6, 7}};
	struct statement st = {.lsn = 1, .vector = vector, .vector_count = 2};
	struct statement read;
	struct buf bytes = BUF_INIT;
	size_t one;

	(void)state;
	st.vector_count = 1;
	statement_encode(&st, &bytes);
	one = bytes.len;
	buf_clear(&bytes);
	st.vector_count = 2;
	statement_encode(&st, &bytes);
	assert_int_equal(bytes.len - one, 1 + 8 + 1 + 8);
	/* the second says that it has another origin, and has not */
	bytes.data[one + 1] = 1;
	assert_int_equal(statement_decode(bytes.data, bytes.len, &read, NULL),
		ERR_CORRUPT);
	buf_free(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_is_decoded_the_same),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_flipped_bit_is_refused_or_means_itself),
		cmocka_unit_test(a_few_bytes_never_claim_many_positions),
		cmocka_unit_test(what_the_position_before_gives_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
