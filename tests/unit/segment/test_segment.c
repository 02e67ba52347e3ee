#include "log_maker.h"
#include "simdisk.h"

#include "hash.h"
#include "wire.h"

#define PATH "/a/x.changes"

static struct segment_header sample(void)
{
	struct segment_header h = log_maker_header();

	h.first_lsn = 17;
	h.base_ms = LOG_NOW_MS;
	h.chain_before = 0xfedcba9876543210u;
	h.optional = 0x80000001u;
	return h;
}

/* The checksum made right again after a change to the header. */
static void resign(struct buf *bytes)
{
	bytes->len -= 8;
	wire_add_u64(bytes, hash_check(bytes->data, bytes->len, 0));
}

static void refuses(const struct buf *bytes, int code, const char *words)
{
	struct err err = ERR_INIT;
	struct segment_header h;
	size_t size;

	assert_int_equal(
		segment_header_decode(bytes->data, bytes->len, &h, &size, &err),
		code);
	assert_says(err, words);
}

static void header_comes_back(const struct segment_header *h)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct segment_header got;
	struct err err = ERR_INIT;
	size_t len, size;

	segment_header_encode(h, &bytes);
	len = bytes.len;
	buf_add_str(&bytes, "what follows");
	assert_ok(
		segment_header_decode(bytes.data, bytes.len, &got, &size, &err),
		err);
	assert_int_equal(size, len);
	assert_int_equal(log_id_cmp(&got.log, &h->log), 0);
	assert_string_equal(got.account, h->account);
	assert_true(got.first_lsn == h->first_lsn);
	assert_true(got.base_ms == h->base_ms);
	assert_true(got.chain_before == h->chain_before);
	assert_int_equal(got.required, h->required);
	assert_int_equal(got.optional, h->optional);
}

static void a_header_comes_back_as_it_was(void **state)
{
	struct segment_header h = sample();

	(void)state;
	header_comes_back(&h);
	h.account[0] = '\0';
	header_comes_back(&h);
	memset(h.account, 'a', SEGMENT_ACCOUNT_MAX);
	header_comes_back(&h);
}

static void every_truncated_header_is_torn(void **state)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct segment_header h = sample();

	(void)state;
	segment_header_encode(&h, &bytes);
	while (bytes.len > 0) {
		bytes.len--;
		refuses(&bytes, ERR_TORN, "ends inside its header");
	}
}

static void every_flipped_bit_in_a_header_is_found(void **state)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct segment_header h = sample();
	size_t size;

	(void)state;
	segment_header_encode(&h, &bytes);
	for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
		int r;

		bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		r = segment_header_decode(
			bytes.data, bytes.len, &h, &size, NULL);
		assert_true(r == ERR_CORRUPT || r == ERR_TORN);
		bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* Every occurrence of one text replaced by another. */
static void replace(const struct buf *bytes, const char *from, const char *to,
	struct buf *ret)
{
	size_t len = strlen(from);

	buf_clear(ret);
	for (size_t i = 0; i < bytes->len; i++) {
		if (i + len <= bytes->len &&
			memcmp(bytes->data + i, from, len) == 0) {
			buf_add_str(ret, to);
			i += len - 1;
		} else {
			buf_add_byte(ret, bytes->data[i]);
		}
	}
}

static void a_text_mode_transfer_is_named(void **state)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	AUTO_BUF struct buf bad = BUF_INIT;
	struct segment_header h = sample();

	(void)state;
	segment_header_encode(&h, &bytes);
	replace(&bytes, "\r\n", "\n", &bad);
	refuses(&bad, ERR_CORRUPT, "line ends were changed");
	replace(&bytes, "\n", "\r\n", &bad);
	refuses(&bad, ERR_CORRUPT, "line ends were changed");
	replace(&bytes, "\n", "\r", &bad);
	refuses(&bad, ERR_CORRUPT, "line ends were changed");
	replace(&bytes, "\x89", "\x09", &bad);
	refuses(&bad, ERR_CORRUPT, "the eighth bit is lost");
	replace(&bytes, "\x89", "\xc2\x89", &bad);
	refuses(&bad, ERR_CORRUPT, "characters were converted");
	replace(&bytes, "PBS", "PNG", &bad);
	refuses(&bad, ERR_CORRUPT, "no segment: wrong magic");
}

static void a_newer_segment_is_told_from_damage(void **state)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct segment_header h = sample();

	(void)state;
	segment_header_encode(&h, &bytes);
	bytes.data[8] = 2;
	refuses(&bytes, ERR_CORRUPT, "checksum does not match");
	resign(&bytes);
	refuses(&bytes, ERR_LIMIT,
		"format version 2 is unknown: made by a newer packetboat");
	h.required = 0x10;
	buf_clear(&bytes);
	segment_header_encode(&h, &bytes);
	refuses(&bytes, ERR_LIMIT, "needs features 0x10 that are unknown");
}

static void what_a_longer_header_adds_is_skipped(void **state)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct segment_header h = sample();
	struct err err = ERR_INIT;
	size_t size;

	(void)state;
	segment_header_encode(&h, &bytes);
	buf_add_str(&bytes, "optional");
	bytes.data[10] = (uint8_t)(bytes.data[10] + strlen("optional"));
	resign(&bytes);
	assert_ok(segment_header_decode(bytes.data, bytes.len, &h, &size, &err),
		err);
	assert_int_equal(size, bytes.len);
	assert_string_equal(h.account, "alice@example.org");
}

static void fields_out_of_bounds_are_refused(void **state)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct segment_header h = sample();

	(void)state;
	segment_header_encode(&h, &bytes);
	bytes.data[80] = '\n';
	resign(&bytes);
	refuses(&bytes, ERR_CORRUPT, "account");
	bytes.data[80] = '\0';
	resign(&bytes);
	refuses(&bytes, ERR_CORRUPT, "account");
	bytes.data[80] = 'c';
	bytes.data[76]++;
	resign(&bytes);
	refuses(&bytes, ERR_CORRUPT, "account");
	bytes.data[10] = 84;
	refuses(&bytes, ERR_CORRUPT, "84 bytes is out of bounds");
	bytes.data[11] = 0x20;
	refuses(&bytes, ERR_CORRUPT, "8276 bytes is out of bounds");
	h.first_lsn = 0;
	buf_clear(&bytes);
	segment_header_encode(&h, &bytes);
	refuses(&bytes, ERR_CORRUPT, "first lsn is 0");
}

/* ---- the reader ---- */

/* A file with this many frames of len bytes each; their ends into ret_ends. */
static void put_file(struct simdisk *d, struct buf *bytes, size_t frames,
	size_t len, size_t *ret_ends)
{
	uint8_t *payload = mem_alloc(len + 8);
	struct segment_header h = sample();
	uint64_t chain = h.chain_before;

	segment_header_encode(&h, bytes);
	ret_ends[0] = bytes->len;
	for (size_t i = 0; i < frames; i++) {
		for (size_t at = 0; at < len; at += 8) {
			uint64_t x = hash_check(&at, sizeof(at), i);

			memcpy(payload + at, &x, sizeof(x));
		}
		chain = frame_encode(
			FRAME_CHANGES, 2, payload, len, 1, chain, bytes);
		ret_ends[i + 1] = bytes->len;
	}
	simdisk_put(d, PATH, bytes->data, bytes->len);
	free(payload);
}

static void a_reader_gives_all_frames_and_then_the_end(void **state)
{
	struct simdisk *d = simdisk_new(1);
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;
	struct frame frame = {0};
	struct segment_reader r;
	size_t ends[11];

	(void)state;
	put_file(d, &bytes, 10, 1000, ends);
	assert_ok(segment_reader_open(&r, simdisk_os(d), PATH, -1, &err), err);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(segment_reader_next(&r, &frame, &err), 1);
		assert_int_equal(frame.first_lsn, 17 + 2 * i);
		assert_int_equal(frame.at, ends[i]);
		assert_int_equal(frame.size, ends[i + 1] - ends[i]);
		assert_true(frame.base_ms == LOG_NOW_MS);
		assert_int_equal(frame.payload.len, 1000);
	}
	assert_int_equal(segment_reader_next(&r, &frame, &err), 0);
	assert_int_equal(segment_reader_next(&r, &frame, &err), 0);
	segment_reader_close(&r);
	frame_free(&frame);
	assert_int_equal(simdisk_open_files(d), 0);
	simdisk_free(d);
}

static void every_truncation_is_torn_or_clean(void **state)
{
	struct simdisk *d = simdisk_new(1);
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct frame frame = {0};
	struct segment_reader r;
	size_t ends[6];
	size_t whole = 0;

	(void)state;
	put_file(d, &bytes, 5, 40, ends);
	for (size_t len = 0; len <= bytes.len; len++) {
		size_t frames = 0;
		int rc;

		simdisk_put(d, PATH, bytes.data, len);
		rc = segment_reader_open(&r, simdisk_os(d), PATH, -1, NULL);
		if (len < ends[0]) {
			assert_int_equal(rc, ERR_TORN);
			continue;
		}
		assert_int_equal(rc, 0);
		while ((rc = segment_reader_next(&r, &frame, NULL)) > 0)
			frames++;
		if (len == ends[whole + 1] && whole < 5)
			whole++;
		assert_int_equal(frames, whole);
		assert_int_equal(rc, len == ends[whole] ? 0 : ERR_TORN);
		segment_reader_close(&r);
	}
	frame_free(&frame);
	simdisk_free(d);
}

static void a_limit_is_where_the_file_ends(void **state)
{
	struct simdisk *d = simdisk_new(1);
	struct os *os = simdisk_os(d);
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;
	struct frame frame = {0};
	struct segment_reader r;
	size_t ends[4];

	(void)state;
	put_file(d, &bytes, 3, 40, ends);
	assert_ok(
		segment_reader_open(&r, os, PATH, (int64_t)ends[1], &err), err);
	assert_int_equal(segment_reader_next(&r, &frame, &err), 1);
	assert_int_equal(segment_reader_next(&r, &frame, &err), 0);
	segment_reader_close(&r);
	assert_ok(segment_reader_open(&r, os, PATH, (int64_t)ends[2] - 1, &err),
		err);
	assert_int_equal(segment_reader_next(&r, &frame, &err), 1);
	assert_int_equal(segment_reader_next(&r, &frame, &err), ERR_TORN);
	segment_reader_close(&r);
	assert_int_equal(
		segment_reader_open(&r, os, PATH, (int64_t)bytes.len + 1, &err),
		ERR_CORRUPT);
	assert_says(err, "are durable");
	assert_int_equal(
		segment_reader_open(&r, os, "/none", -1, &err), ERR_ABSENT);
	assert_int_equal(simdisk_open_files(d), 0);
	frame_free(&frame);
	simdisk_free(d);
}

static void a_reader_holds_a_window_and_not_the_file(void **state)
{
	struct simdisk *d = simdisk_new(1);
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;
	struct frame frame = {0};
	struct segment_reader r;
	size_t ends[301];
	size_t frames = 0;
	int rc;

	(void)state;
	put_file(d, &bytes, 300, 10000, ends);
	assert_ok(segment_reader_open(&r, simdisk_os(d), PATH, -1, &err), err);
	while ((rc = segment_reader_next(&r, &frame, &err)) > 0) {
		assert_true(r.window.cap < 200000);
		frames++;
	}
	assert_ok(rc, err);
	assert_int_equal(frames, 300);
	segment_reader_close(&r);
	frame_free(&frame);
	simdisk_free(d);
}

static void a_frame_may_be_longer_than_the_read_ahead(void **state)
{
	struct simdisk *d = simdisk_new(1);
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;
	struct frame frame = {0};
	struct segment_reader r;
	size_t ends[4];

	(void)state;
	put_file(d, &bytes, 3, 300000, ends);
	assert_ok(segment_reader_open(&r, simdisk_os(d), PATH, -1, &err), err);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(segment_reader_next(&r, &frame, &err), 1);
		assert_int_equal(frame.payload.len, 300000);
	}
	assert_int_equal(segment_reader_next(&r, &frame, &err), 0);
	segment_reader_close(&r);
	frame_free(&frame);
	simdisk_free(d);
}

static void an_error_names_file_and_frame(void **state)
{
	struct simdisk *d = simdisk_new(1);
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;
	struct frame frame = {0};
	struct segment_reader r;
	size_t ends[3];
	char where[64];

	(void)state;
	put_file(d, &bytes, 2, 40, ends);
	simdisk_damage(d, PATH, ends[1] + 20, 1);
	assert_ok(segment_reader_open(&r, simdisk_os(d), PATH, -1, &err), err);
	assert_int_equal(segment_reader_next(&r, &frame, &err), 1);
	assert_int_equal(segment_reader_next(&r, &frame, &err), ERR_CORRUPT);
	snprintf(where, sizeof(where), PATH ": frame at %zu: chain value",
		ends[1]);
	assert_says(err, where);
	segment_reader_close(&r);
	frame_free(&frame);
	simdisk_free(d);
}

static void lsns_do_not_run_over(void **state)
{
	struct simdisk *d = simdisk_new(1);
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct segment_header h = sample();
	struct err err = ERR_INIT;
	struct frame frame = {0};
	struct segment_reader r;

	(void)state;
	h.first_lsn = UINT64_MAX - 1;
	segment_header_encode(&h, &bytes);
	frame_encode(FRAME_CHANGES, 2, "ab", 2, 1, h.chain_before, &bytes);
	simdisk_put(d, PATH, bytes.data, bytes.len);
	assert_ok(segment_reader_open(&r, simdisk_os(d), PATH, -1, &err), err);
	assert_int_equal(segment_reader_next(&r, &frame, &err), ERR_CORRUPT);
	assert_says(err, "lsns run over");
	segment_reader_close(&r);
	frame_free(&frame);
	simdisk_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_comes_back_as_it_was),
		cmocka_unit_test(every_truncated_header_is_torn),
		cmocka_unit_test(every_flipped_bit_in_a_header_is_found),
		cmocka_unit_test(a_text_mode_transfer_is_named),
		cmocka_unit_test(a_newer_segment_is_told_from_damage),
		cmocka_unit_test(what_a_longer_header_adds_is_skipped),
		cmocka_unit_test(fields_out_of_bounds_are_refused),
		cmocka_unit_test(a_reader_gives_all_frames_and_then_the_end),
		cmocka_unit_test(every_truncation_is_torn_or_clean),
		cmocka_unit_test(a_limit_is_where_the_file_ends),
		cmocka_unit_test(a_reader_holds_a_window_and_not_the_file),
		cmocka_unit_test(a_frame_may_be_longer_than_the_read_ahead),
		cmocka_unit_test(an_error_names_file_and_frame),
		cmocka_unit_test(lsns_do_not_run_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
