/*
 * parcel: only what the right peer sealed for us opens, and only whole.
 *
 * What parcel_seal would never make is made by parcelforge.h.
 */
#include "err.h"
#include "parcel.h"
#include "parcelforge.h"
#include "simdisk.h"
#include "sites.h"
#include "wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include <cmocka.h>

#define HEADER 44u

static struct simdisk *disk; /* for its random numbers only */
static struct sites sites;

static int set_up(void **state)
{
	(void)state;
	disk = simdisk_new(1);
	if (key_start(NULL) < 0)
		return -1;
	sites = sites_make();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	simdisk_free(disk);
	return 0;
}

static void seal(const void *sections, size_t len, int level, struct buf *ret)
{
	struct err err = ERR_INIT;

	if (parcel_seal(simdisk_os(disk), &sites.a, &sites.b.pub, sections, len,
		    level, ret, &err) < 0)
		fail_msg("%s", err.text);
}

static int open_at_b(
	const void *data, size_t len, struct buf *ret, struct err *err)
{
	size_t peer = 99;
	int r = parcel_open(
		&sites.b, NULL, sites.b_knows, 2, data, len, &peer, ret, err);

	if (r == 0)
		assert_int_equal(peer, 1);
	return r;
}

static void forge(const struct key_pair *from, const struct key_pair *to,
	const void *contents, size_t len, struct buf *ret)
{
	static const uint8_t nonce[24] = {1, 2, 3};

	parcel_forge(from, to, nonce, contents, len, ret);
}

/* Text that compresses well, every length of it different. */
static struct buf text_of(size_t len)
{
	struct buf text = BUF_INIT;

	for (unsigned i = 0; text.len < len; i++)
		buf_printf(&text, "Subject: number %u of many\r\n", i * i);
	text.len = len;
	return text;
}

static void what_is_sealed_opens_to_the_same_bytes(void **state)
{
	static const size_t sizes[] = {
		0, 1, 2, 60, 127, 128, 300, 20000, 1 << 20};
	static const int levels[] = {1, PARCEL_FAST, PARCEL_SLOW};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t j = 0; j < 3; j++) {
			struct buf text = text_of(sizes[i]);
			struct buf parcel = BUF_INIT, raw = BUF_INIT;
			struct err err = ERR_INIT;

			buf_add_str(&parcel, "before");
			buf_add_str(&raw, "kept");
			seal(text.data, text.len, levels[j], &parcel);
			assert_int_equal(open_at_b(parcel.data + 6,
						 parcel.len - 6, &raw, &err),
				0);
			assert_int_equal(raw.len, text.len + 4);
			assert_memory_equal(raw.data, "kept", 4);
			if (text.len)
				assert_memory_equal(
					raw.data + 4, text.data, text.len);
			buf_free(&text);
			buf_free(&parcel);
			buf_free(&raw);
		}
	}
}

static void text_is_compressed_and_noise_is_stored(void **state)
{
	AUTO_BUF struct buf text = text_of(20000);
	AUTO_BUF struct buf parcel = BUF_INIT;
	AUTO_BUF struct buf noise = BUF_INIT;

	(void)state;
	seal(text.data, text.len, PARCEL_FAST, &parcel);
	assert_true(parcel.len < 10000);
	simdisk_os(disk)->ops->random(
		simdisk_os(disk), buf_room(&noise, 20000), 20000);
	noise.len = 20000;
	buf_clear(&parcel);
	seal(noise.data, noise.len, PARCEL_SLOW, &parcel);
	assert_int_equal(parcel.len, 44 + 1 + 20000 + 16);
}

static void the_bytes_are_those_of_the_format(void **state)
{
	AUTO_BUF struct buf parcel = BUF_INIT;
	AUTO_BUF struct buf raw = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	forge(&sites.a, &sites.b, "\0sections", 9, &parcel);
	assert_int_equal(open_at_b(parcel.data, parcel.len, &raw, &err), 0);
	assert_int_equal(raw.len, 8);
	assert_memory_equal(raw.data, "sections", 8);
}

static void no_two_parcels_are_alike(void **state)
{
	AUTO_BUF struct buf one = BUF_INIT;
	AUTO_BUF struct buf two = BUF_INIT;

	(void)state;
	seal("same", 4, PARCEL_FAST, &one);
	seal("same", 4, PARCEL_FAST, &two);
	assert_int_equal(one.len, two.len);
	assert_memory_not_equal(one.data + 20, two.data + 20, 24);
	assert_memory_not_equal(one.data + HEADER, two.data + HEADER, 21);
}

static void every_truncation_is_refused(void **state)
{
	AUTO_BUF struct buf text = text_of(500);
	AUTO_BUF struct buf parcel = BUF_INIT;
	AUTO_BUF struct buf raw = BUF_INIT;

	(void)state;
	seal(text.data, text.len, PARCEL_FAST, &parcel);
	for (size_t len = 0; len < parcel.len; len++) {
		struct err err = ERR_INIT;
		uint8_t *cut = malloc(len ? len : 1);
		int r;

		memcpy(cut, parcel.data, len);
		r = open_at_b(cut, len, &raw, &err);
		assert_int_equal(r, len <= 60 ? ERR_TORN : ERR_AUTH);
		assert_int_equal(raw.len, 0);
		free(cut);
	}
}

static void every_flipped_bit_is_refused(void **state)
{
	AUTO_BUF struct buf text = text_of(300);
	AUTO_BUF struct buf parcel = BUF_INIT;
	AUTO_BUF struct buf raw = BUF_INIT;

	(void)state;
	seal(text.data, text.len, PARCEL_FAST, &parcel);
	for (size_t bit = 0; bit < 8 * parcel.len; bit++) {
		struct err err = ERR_INIT;
		uint8_t *byte = &parcel.data[bit / 8];

		*byte ^= (uint8_t)(1u << bit % 8);
		assert_true(open_at_b(parcel.data, parcel.len, &raw, &err) < 0);
		assert_int_equal(raw.len, 0);
		if (bit / 8 >= 4)
			assert_int_equal(err.code, ERR_AUTH);
		*byte ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(open_at_b(parcel.data, parcel.len, &raw, NULL), 0);
}

static void a_byte_more_is_refused(void **state)
{
	AUTO_BUF struct buf parcel = BUF_INIT;
	AUTO_BUF struct buf raw = BUF_INIT;

	(void)state;
	seal("sections", 8, PARCEL_FAST, &parcel);
	buf_add_byte(&parcel, 0);
	assert_int_equal(
		open_at_b(parcel.data, parcel.len, &raw, NULL), ERR_AUTH);
}

static void a_parcel_for_another_site_is_refused(void **state)
{
	AUTO_BUF struct buf parcel = BUF_INIT;
	AUTO_BUF struct buf raw = BUF_INIT;
	struct err err = ERR_INIT;
	size_t peer;

	(void)state;
	seal("sections", 8, PARCEL_FAST, &parcel);
	assert_int_equal(parcel_open(&sites.stranger, NULL, sites.b_knows, 2,
				 parcel.data, parcel.len, &peer, &raw, &err),
		ERR_AUTH);
	assert_non_null(strstr(err.text, "sealed for another site"));
}

static void an_unknown_sender_is_refused(void **state)
{
	AUTO_BUF struct buf parcel = BUF_INIT;
	AUTO_BUF struct buf raw = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	forge(&sites.stranger, &sites.b, "\0sections", 9, &parcel);
	assert_int_equal(
		open_at_b(parcel.data, parcel.len, &raw, &err), ERR_AUTH);
	assert_non_null(strstr(err.text, "sealed by an unknown key"));
}

static void a_stranger_under_a_known_name_is_refused(void **state)
{
	struct key_pair liar = sites.stranger;
	AUTO_BUF struct buf parcel = BUF_INIT;
	AUTO_BUF struct buf raw = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	liar.pub.origin = sites.a.pub.origin;
	forge(&liar, &sites.b, "\0sections", 9, &parcel);
	assert_int_equal(
		open_at_b(parcel.data, parcel.len, &raw, &err), ERR_AUTH);
	assert_non_null(strstr(err.text, "not authentic"));
}

static void a_parcel_turned_round_is_refused(void **state)
{
	AUTO_BUF struct buf parcel = BUF_INIT;
	AUTO_BUF struct buf raw = BUF_INIT;
	uint8_t swap[8];
	size_t peer;

	(void)state;
	seal("sections", 8, PARCEL_FAST, &parcel);
	/* back to its sender, as it is */
	assert_int_equal(parcel_open(&sites.a, NULL, &sites.b.pub, 1,
				 parcel.data, parcel.len, &peer, &raw, NULL),
		ERR_AUTH);
	/* and with sender and recipient exchanged */
	memcpy(swap, parcel.data + 4, 8);
	memmove(parcel.data + 4, parcel.data + 12, 8);
	memcpy(parcel.data + 12, swap, 8);
	assert_int_equal(parcel_open(&sites.a, NULL, &sites.b.pub, 1,
				 parcel.data, parcel.len, &peer, &raw, NULL),
		ERR_AUTH);
	assert_int_equal(raw.len, 0);
}

static void halves_of_two_parcels_do_not_make_one(void **state)
{
	AUTO_BUF struct buf one = BUF_INIT;
	AUTO_BUF struct buf two = BUF_INIT;
	AUTO_BUF struct buf raw = BUF_INIT;

	(void)state;
	seal("sections of one", 15, PARCEL_FAST, &one);
	seal("sections of two", 15, PARCEL_FAST, &two);
	for (size_t at = 21; at < one.len; at++) {
		AUTO_BUF struct buf spliced = BUF_INIT;

		buf_add(&spliced, one.data, at);
		buf_add(&spliced, two.data + at, two.len - at);
		assert_int_equal(
			open_at_b(spliced.data, spliced.len, &raw, NULL),
			ERR_AUTH);
	}
}

static void a_newer_version_is_told_from_damage(void **state)
{
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct parcel_header h;
	struct err err = ERR_INIT;

	(void)state;
	seal("sections", 8, PARCEL_FAST, &parcel);
	assert_int_equal(parcel_peek(parcel.data, parcel.len, &h, &err), 0);
	assert_true(h.sender == sites.a.pub.origin);
	assert_true(h.recipient == sites.b.pub.origin);
	parcel.data[3] = 2;
	assert_int_equal(
		parcel_peek(parcel.data, parcel.len, &h, &err), ERR_LIMIT);
	assert_non_null(strstr(err.text, "newer packetboat"));
	parcel.data[0] = 'X';
	assert_int_equal(
		parcel_peek(parcel.data, parcel.len, &h, &err), ERR_CORRUPT);
}

static void over_the_size_cap_nothing_is_looked_at(void **state)
{
	AUTO_BUF struct buf huge = BUF_INIT;
	AUTO_BUF struct buf raw = BUF_INIT;

	(void)state;
	memset(buf_room(&huge, PARCEL_SEALED_MAX + 1), 0,
		PARCEL_SEALED_MAX + 1);
	assert_int_equal(
		open_at_b(huge.data, PARCEL_SEALED_MAX + 1, &raw, NULL),
		ERR_LIMIT);
	assert_int_equal(parcel_seal(simdisk_os(disk), &sites.a, &sites.b.pub,
				 huge.data, PARCEL_RAW_MAX + 1, 1, &raw, NULL),
		ERR_LIMIT);
	assert_int_equal(raw.len, 0);
}

static void the_largest_parcel_opens(void **state)
{
	AUTO_BUF struct buf noise = BUF_INIT;
	AUTO_BUF struct buf parcel = BUF_INIT;
	AUTO_BUF struct buf raw = BUF_INIT;

	(void)state;
	simdisk_os(disk)->ops->random(simdisk_os(disk),
		buf_room(&noise, PARCEL_RAW_MAX), PARCEL_RAW_MAX);
	seal(noise.data, PARCEL_RAW_MAX, 1, &parcel);
	assert_true(parcel.len <= PARCEL_SEALED_MAX);
	assert_int_equal(open_at_b(parcel.data, parcel.len, &raw, NULL), 0);
	assert_memory_equal(raw.data, noise.data, PARCEL_RAW_MAX);
}

/* ---- authentic, and still not to be trusted ---- */

static void refuse_contents(
	const void *contents, size_t len, int code, const char *reason)
{
	AUTO_BUF struct buf parcel = BUF_INIT;
	AUTO_BUF struct buf raw = BUF_INIT;
	struct err err = ERR_INIT;
	int r;

	forge(&sites.a, &sites.b, contents, len, &parcel);
	r = open_at_b(parcel.data, parcel.len, &raw, &err);
	if (r != code || !strstr(err.text, reason))
		fail_msg("%d, not %d (%s): %s", r, code, reason, err.text);
	assert_int_equal(raw.len, 0);
	assert_true(raw.cap <= PARCEL_RAW_MAX);
}

/* codec 1, the raw size stated, then one frame of `frame`. */
static struct buf contents_of(uint64_t raw, const void *frame, size_t len)
{
	struct buf b = BUF_INIT;

	buf_add_byte(&b, 1);
	wire_add_varint(&b, raw);
	buf_add(&b, frame, len);
	return b;
}

static void an_unknown_codec_is_refused(void **state)
{
	(void)state;
	refuse_contents("\2sections", 9, ERR_LIMIT, "codec 2");
	refuse_contents("\1", 1, ERR_CORRUPT, "raw size");
	refuse_contents("\1\0", 2, ERR_CORRUPT, "raw size");
	refuse_contents("\1\x80\0", 3, ERR_CORRUPT, "raw size");
}

/* 64 MiB of zeros in some 2 kB. */
static struct buf bomb(size_t size)
{
	struct buf frame = BUF_INIT;
	uint8_t *zeros = calloc(1, size);
	size_t room = ZSTD_compressBound(size), n;

	n = ZSTD_compress(buf_room(&frame, room), room, zeros, size, 1);
	assert_false(ZSTD_isError(n));
	frame.len = n;
	free(zeros);
	return frame;
}

static void a_bomb_is_refused(void **state)
{
	size_t size = (size_t)64 << 20;
	AUTO_BUF struct buf frame = bomb(size);
	AUTO_BUF struct buf honest = contents_of(size, frame.data, frame.len);
	AUTO_BUF struct buf lying = contents_of(1000, frame.data, frame.len);
	AUTO_BUF struct buf endless =
		contents_of(UINT64_MAX, frame.data, frame.len);

	(void)state;
	assert_true(frame.len < 10000);
	refuse_contents(honest.data, honest.len, ERR_LIMIT, "over limit");
	refuse_contents(lying.data, lying.len, ERR_CORRUPT, "states");
	refuse_contents(endless.data, endless.len, ERR_LIMIT, "over limit");
}

/* The frame's header says 100 bytes, its blocks give more, or fewer. */
static void a_frame_that_lies_about_its_size_is_refused(void **state)
{
	AUTO_BUF struct buf frame = bomb(200);
	AUTO_BUF struct buf contents = BUF_INIT;

	(void)state;
	/* magic 4, descriptor 1 (single segment), content size 1 */
	assert_int_equal(frame.data[5], 200);
	frame.data[5] = 100;
	contents = contents_of(100, frame.data, frame.len);
	refuse_contents(contents.data, contents.len, ERR_CORRUPT, "zstd");
	buf_free(&contents);
	frame.data[5] = 250;
	contents = contents_of(250, frame.data, frame.len);
	refuse_contents(contents.data, contents.len, ERR_CORRUPT, "zstd");
}

static void frames_of_other_shapes_are_refused(void **state)
{
	AUTO_BUF struct buf frame = bomb(200);
	AUTO_BUF struct buf contents = BUF_INIT;
	AUTO_BUF struct buf nosize = BUF_INIT;
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	uint8_t zeros[200] = {0};
	static const uint8_t skip[] = {0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9};

	(void)state;
	contents = contents_of(200, "no frame", 8);
	refuse_contents(contents.data, contents.len, ERR_CORRUPT, "not one");
	buf_free(&contents);
	contents = contents_of(200, frame.data, frame.len - 1);
	refuse_contents(contents.data, contents.len, ERR_CORRUPT, "end");
	buf_free(&contents);
	/* a second frame, and a skippable one, behind the first */
	contents = contents_of(200, frame.data, frame.len);
	buf_add(&contents, frame.data, frame.len);
	refuse_contents(contents.data, contents.len, ERR_CORRUPT, "end");
	buf_free(&contents);
	contents = contents_of(200, frame.data, frame.len);
	buf_add(&contents, skip, sizeof(skip));
	refuse_contents(contents.data, contents.len, ERR_CORRUPT, "end");
	buf_free(&contents);
	contents = contents_of(200, skip, sizeof(skip));
	refuse_contents(contents.data, contents.len, ERR_CORRUPT, "zstd");
	buf_free(&contents);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_contentSizeFlag, 0);
	nosize.len = ZSTD_compress2(
		ctx, buf_room(&nosize, 300), 300, zeros, sizeof(zeros));
	contents = contents_of(200, nosize.data, nosize.len);
	refuse_contents(
		contents.data, contents.len, ERR_CORRUPT, "state its size");
	ZSTD_freeCCtx(ctx);
}

static void an_authentic_but_damaged_frame_is_refused(void **state)
{
	AUTO_BUF struct buf text = text_of(400);
	AUTO_BUF struct buf frame = BUF_INIT;

	(void)state;
	frame.len = ZSTD_compress(
		buf_room(&frame, 1000), 1000, text.data, text.len, 3);
	for (size_t len = 0; len < frame.len; len++) {
		AUTO_BUF struct buf cut = contents_of(400, frame.data, len);

		refuse_contents(cut.data, cut.len, ERR_CORRUPT, "zstd");
	}
	for (size_t bit = 0; bit < 8 * frame.len; bit++) {
		AUTO_BUF struct buf bad =
			contents_of(400, frame.data, frame.len);
		AUTO_BUF struct buf parcel = BUF_INIT;
		AUTO_BUF struct buf raw = BUF_INIT;

		bad.data[bad.len - frame.len + bit / 8] ^=
			(uint8_t)(1u << bit % 8);
		forge(&sites.a, &sites.b, bad.data, bad.len, &parcel);
		/* a flipped literal is another text, never another size */
		if (open_at_b(parcel.data, parcel.len, &raw, NULL) == 0)
			assert_int_equal(raw.len, 400);
		else
			assert_int_equal(raw.len, 0);
	}
}

static void too_many_sections_are_not_sealed(void **state)
{
	AUTO_BUF struct buf many = BUF_INIT;
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct parcel_sections sections;
	struct parcel_body body = {.data = (const uint8_t *)""};

	(void)state;
	body.hash = hash_of("", 0);
	for (size_t i = 0; i < PARCEL_SECTIONS_MAX; i++)
		parcel_add_body(&many, &body);
	seal(many.data, many.len, 1, &parcel);
	assert_int_equal(
		parcel_parse(1, many.data, many.len, &sections, NULL), 0);
	assert_int_equal(sections.count, PARCEL_SECTIONS_MAX);
	parcel_sections_free(&sections);
	parcel_add_body(&many, &body);
	assert_int_equal(parcel_seal(simdisk_os(disk), &sites.a, &sites.b.pub,
				 many.data, many.len, 1, &parcel, NULL),
		ERR_LIMIT);
	assert_int_equal(parcel_parse(1, many.data, many.len, &sections, NULL),
		ERR_LIMIT);
}

/* design.md section 5: a 2400-baud line carries this in half a second. */
static void one_flag_change_is_at_most_150_bytes(void **state)
{
	static const uint8_t payload[15] = {1, 9, 0x37, 0xf2};
	AUTO_BUF struct buf sections = BUF_INIT;
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct parcel_changes c = {
		.account = "alice",
		.base_ms = 1795303760123,
		.first_lsn = 12346,
		.payload = payload,
		.len = sizeof(payload),
	};

	struct parcel_stated of = {
		.folder = ID_INBOX, .messages = 4000, .digest = UINT64_MAX};
	struct parcel_statement said = {.account = "alice",
		.vector = UINT64_MAX,
		.folders = &of,
		.count = 1};

	(void)state;
	c.from.log = (struct log_id){.origin = sites.a.pub.origin,
		.incarnation = 0x8877665544332211,
		.folder = ID_INBOX};
	c.from.lsn = 12345;
	c.from.chain = 0x0102030405060708;
	c.to = c.from;
	c.to.lsn = 12346;
	c.to.chain = 0xf1f2f3f4f5f6f7f8;
	parcel_add_changes(&sections, sites.a.pub.origin, &c);
	parcel_add_statement(&sections, &c, &said);
	seal(sections.data, sections.len, PARCEL_SLOW, &parcel);
	assert_int_equal(parcel.len, 120 + 22);
	/* and in any other folder, what is stated of it apart */
	memset(c.from.log.folder.b, 0x5a, 16);
	c.to.log = c.from.log;
	buf_clear(&sections);
	buf_clear(&parcel);
	parcel_add_changes(&sections, sites.a.pub.origin, &c);
	seal(sections.data, sections.len, PARCEL_SLOW, &parcel);
	assert_true(parcel.len <= 150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sealed_opens_to_the_same_bytes),
		cmocka_unit_test(text_is_compressed_and_noise_is_stored),
		cmocka_unit_test(the_bytes_are_those_of_the_format),
		cmocka_unit_test(no_two_parcels_are_alike),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(a_byte_more_is_refused),
		cmocka_unit_test(a_parcel_for_another_site_is_refused),
		cmocka_unit_test(an_unknown_sender_is_refused),
		cmocka_unit_test(a_stranger_under_a_known_name_is_refused),
		cmocka_unit_test(a_parcel_turned_round_is_refused),
		cmocka_unit_test(halves_of_two_parcels_do_not_make_one),
		cmocka_unit_test(a_newer_version_is_told_from_damage),
		cmocka_unit_test(over_the_size_cap_nothing_is_looked_at),
		cmocka_unit_test(the_largest_parcel_opens),
		cmocka_unit_test(an_unknown_codec_is_refused),
		cmocka_unit_test(a_bomb_is_refused),
		cmocka_unit_test(a_frame_that_lies_about_its_size_is_refused),
		cmocka_unit_test(frames_of_other_shapes_are_refused),
		cmocka_unit_test(an_authentic_but_damaged_frame_is_refused),
		cmocka_unit_test(too_many_sections_are_not_sealed),
		cmocka_unit_test(one_flag_change_is_at_most_150_bytes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
