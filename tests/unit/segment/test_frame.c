#include "log_maker.h"

#include "hash.h"
#include "wire.h"

#include <zstd.h>

#define SEED 0x5ca1ab1eu /* chain value before, in these tests */

/* A frame as docs/format.md has it, with a right chain value. */
static void make(struct buf *ret, uint8_t first, uint64_t count, uint64_t size,
	int64_t raw, const void *payload, size_t len)
{
	uint64_t chain;

	buf_clear(ret);
	buf_add_byte(ret, first);
	wire_add_varint(ret, count);
	wire_add_varint(ret, size);
	if (raw >= 0)
		wire_add_varint(ret, (uint64_t)raw);
	chain = hash_check(payload, len, hash_check(ret->data, ret->len, SEED));
	wire_add_u64(ret, chain);
	buf_add(ret, payload, len);
}

static void refuses(const struct buf *bytes, int code, const char *words)
{
	struct err err = ERR_INIT;
	struct frame frame = {0};

	assert_int_equal(
		frame_decode(bytes->data, bytes->len, SEED, &frame, &err),
		code);
	assert_int_equal(err.code, code);
	assert_says(err, words);
	frame_free(&frame);
}

static void a_frame_of_15_bytes_is_at_most_30(void **state)
{
	AUTO_BUF struct buf bytes = BUF_INIT;

	(void)state;
	frame_encode(FRAME_CHANGES, 1, "fifteen bytes..", 15, 9, SEED, &bytes);
	assert_int_equal(bytes.len, 26);
}

static void comes_back(const uint8_t *payload, size_t len, uint32_t count)
{
	enum frame_kind kind = count ? FRAME_CHANGES : FRAME_STATEMENT;
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;
	struct frame frame = {0};
	uint64_t chain;

	chain = frame_encode(kind, count, payload, len, 9, SEED, &bytes);
	assert_true(bytes.len <= len + 20);
	buf_add_str(&bytes, "what follows");
	assert_ok(frame_decode(bytes.data, bytes.len, SEED, &frame, &err), err);
	assert_int_equal(frame.kind, kind);
	assert_int_equal(frame.count, count);
	assert_int_equal(frame.size, bytes.len - strlen("what follows"));
	assert_true(frame.chain == chain);
	assert_true(frame.chain_before == SEED);
	assert_int_equal(frame.payload.len, len);
	if (len)
		assert_memory_equal(frame.payload.data, payload, len);
	frame_free(&frame);
}

static void what_is_encoded_is_decoded(void **state)
{
	uint8_t *payload = mem_alloc(SEGMENT_PAYLOAD_MAX);

	(void)state;
	for (size_t i = 0; i < 4096; i++)
		payload[i] = (uint8_t)hash_check(&i, sizeof(i), 0);
	for (size_t len = 0; len < 300; len++)
		comes_back(payload, len, (uint32_t)(len % 5));
	comes_back(payload, 4096, 4096);
	comes_back(payload + 4096, 4096, SEGMENT_COUNT_MAX);
	comes_back(payload, SEGMENT_PAYLOAD_MAX, 1);
	free(payload);
}

static void zstd_is_used_only_where_it_is_smaller(void **state)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	uint8_t payload[200];

	(void)state;
	memset(payload, 'x', sizeof(payload));
	frame_encode(FRAME_CHANGES, 1, payload, sizeof(payload), 9, 0, &bytes);
	assert_int_equal(bytes.data[0], 0x11);
	assert_true(bytes.len < 40);
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)hash_check(&i, sizeof(i), 1);
	buf_clear(&bytes);
	frame_encode(FRAME_CHANGES, 1, payload, sizeof(payload), 9, 0, &bytes);
	assert_int_equal(bytes.data[0], 0x01);
	assert_int_equal(bytes.len, 1 + 1 + 2 + 8 + sizeof(payload));
}

static void make_samples(struct buf ret[3])
{
	uint8_t same[120];

	memset(same, 's', sizeof(same));
	frame_encode(FRAME_CHANGES, 1, "a change", 8, 9, SEED, &ret[0]);
	frame_encode(FRAME_CHANGES, 300, same, sizeof(same), 9, SEED, &ret[1]);
	frame_encode(FRAME_STATEMENT, 0, "", 0, 9, SEED, &ret[2]);
}

static void every_truncation_is_torn(void **state)
{
	struct buf samples[3] = {{0}};

	(void)state;
	make_samples(samples);
	for (size_t i = 0; i < 3; i++) {
		for (size_t len = 0; len < samples[i].len; len++) {
			struct buf cut = samples[i];

			cut.len = len;
			refuses(&cut, ERR_TORN, "ends ");
		}
		buf_free(&samples[i]);
	}
}

static void every_flipped_bit_is_found(void **state)
{
	struct buf samples[3] = {{0}};
	struct frame frame = {0};

	(void)state;
	make_samples(samples);
	for (size_t i = 0; i < 3; i++) {
		for (size_t bit = 0; bit < 8 * samples[i].len; bit++) {
			uint8_t *byte = &samples[i].data[bit / 8];

			*byte ^= (uint8_t)(1 << bit % 8);
			assert_true(
				frame_decode(samples[i].data, samples[i].len,
					SEED, &frame, NULL) < 0);
			*byte ^= (uint8_t)(1 << bit % 8);
		}
		buf_free(&samples[i]);
	}
	frame_free(&frame);
}

static void a_frame_is_only_good_after_the_one_before(void **state)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct frame frame = {0};

	(void)state;
	frame_encode(FRAME_CHANGES, 1, "a", 1, 9, SEED + 1, &bytes);
	refuses(&bytes, ERR_CORRUPT, "chain value does not match");
	frame_free(&frame);
}

static void sizes_over_the_limits_are_refused(void **state)
{
	AUTO_BUF struct buf bytes = BUF_INIT;

	(void)state;
	make(&bytes, 0x01, (uint64_t)SEGMENT_COUNT_MAX + 1, 1, -1, "a", 1);
	refuses(&bytes, ERR_LIMIT, "count 1048577 over limit 1048576");
	make(&bytes, 0x01, 1, (uint64_t)SEGMENT_PAYLOAD_MAX + 1, -1, "a", 1);
	refuses(&bytes, ERR_LIMIT, "size 8388609 over limit 8388608");
	make(&bytes, 0x11, 1, 1, (int64_t)SEGMENT_PAYLOAD_MAX + 1, "a", 1);
	refuses(&bytes, ERR_LIMIT, "raw size 8388609 over limit");
	make(&bytes, 0x01, UINT64_MAX, 1, -1, "a", 1);
	refuses(&bytes, ERR_LIMIT, "count 18446744073709551615 over limit");
}

static void varints_must_be_shortest(void **state)
{
	static const uint8_t longer[] = {
		0x01, 0x81, 0x00, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 'a'};
	static const uint8_t endless[] = {0x01, 0x80, 0x80, 0x80, 0x80, 0x80,
		0x80, 0x80, 0x80, 0x80, 0x80};
	AUTO_BUF struct buf bytes = BUF_INIT;

	(void)state;
	buf_add(&bytes, longer, sizeof(longer));
	refuses(&bytes, ERR_CORRUPT, "count is no shortest varint");
	buf_clear(&bytes);
	buf_add(&bytes, endless, sizeof(endless));
	refuses(&bytes, ERR_CORRUPT, "count is no shortest varint");
}

static void a_newer_kind_or_codec_is_told_from_damage(void **state)
{
	AUTO_BUF struct buf bytes = BUF_INIT;

	(void)state;
	make(&bytes, 0x03, 1, 1, -1, "a", 1);
	refuses(&bytes, ERR_LIMIT, "kind 3 is unknown: made by a newer");
	make(&bytes, 0x21, 1, 1, 2, "a", 1);
	refuses(&bytes, ERR_LIMIT, "codec 2 is unknown: made by a newer");
	bytes.data[0] = 0x31;
	refuses(&bytes, ERR_CORRUPT, "chain value does not match");
}

static void count_goes_with_the_kind(void **state)
{
	AUTO_BUF struct buf bytes = BUF_INIT;

	(void)state;
	make(&bytes, FRAME_CHANGES, 0, 1, -1, "a", 1);
	refuses(&bytes, ERR_CORRUPT, "count 0 in a frame of kind 1");
	make(&bytes, FRAME_STATEMENT, 1, 1, -1, "a", 1);
	refuses(&bytes, ERR_CORRUPT, "count 1 in a frame of kind 2");
}

static void a_payload_must_give_exactly_its_raw_size(void **state)
{
	/* one zstd frame without its content size: 200 times 'a' */
	static const uint8_t packed[] = {
		0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x43, 0x06, 0x00, 'a'};
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;
	struct frame frame = {0};

	(void)state;
	make(&bytes, 0x11, 1, sizeof(packed), 200, packed, sizeof(packed));
	assert_ok(frame_decode(bytes.data, bytes.len, SEED, &frame, &err), err);
	assert_int_equal(frame.payload.len, 200);
	frame_free(&frame);
	make(&bytes, 0x11, 1, sizeof(packed), 201, packed, sizeof(packed));
	refuses(&bytes, ERR_CORRUPT, "200 bytes where raw size is 201");
	make(&bytes, 0x11, 1, sizeof(packed), 199, packed, sizeof(packed));
	refuses(&bytes, ERR_CORRUPT, "payload: ");
	make(&bytes, 0x11, 1, 9, 200, packed, 9);
	refuses(&bytes, ERR_CORRUPT, "payload: ");
	make(&bytes, 0x11, 1, sizeof(packed), 10, packed, sizeof(packed));
	refuses(&bytes, ERR_CORRUPT, "raw size 10 is not above size 10");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_of_15_bytes_is_at_most_30),
		cmocka_unit_test(what_is_encoded_is_decoded),
		cmocka_unit_test(zstd_is_used_only_where_it_is_smaller),
		cmocka_unit_test(every_truncation_is_torn),
		cmocka_unit_test(every_flipped_bit_is_found),
		cmocka_unit_test(a_frame_is_only_good_after_the_one_before),
		cmocka_unit_test(sizes_over_the_limits_are_refused),
		cmocka_unit_test(varints_must_be_shortest),
		cmocka_unit_test(a_newer_kind_or_codec_is_told_from_damage),
		cmocka_unit_test(count_goes_with_the_kind),
		cmocka_unit_test(a_payload_must_give_exactly_its_raw_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
