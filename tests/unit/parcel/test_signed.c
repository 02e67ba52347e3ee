/*
 * Parcels that are signed and not sealed, for carriers on which nothing may be
 * made unreadable.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"
#include "parcel.h"
#include "parcelforge.h"
#include "sites.h"

#define TEXT "Subject: for everybody to read"

static struct sites sites;
static struct key_public a_may; /* site a, whose parcels may be signed */

static int set_up(void **state)
{
	(void)state;
	if (key_start(NULL) < 0)
		return -1;
	sites = sites_make();
	a_may = sites.a.pub;
	a_may.may_sign = true;
	return 0;
}

static int open_as(const struct key_public *a, const void *data, size_t len,
	struct buf *ret, struct err *err)
{
	size_t peer;

	return parcel_open(&sites.b, NULL, a, 1, data, len, &peer, ret, err);
}

static struct buf made(void)
{
	struct buf parcel = BUF_INIT;

	assert_int_equal(parcel_sign(&sites.a, &sites.b.pub, TEXT, strlen(TEXT),
				 PARCEL_FAST, &parcel, NULL),
		0);
	return parcel;
}

static void everybody_can_read_it_and_its_reader_opens_it(void **state)
{
	AUTO_BUF struct buf parcel = made();
	AUTO_BUF struct buf raw = BUF_INIT;
	struct parcel_header h;

	(void)state;
	assert_int_equal(parcel.len, 20 + 1 + strlen(TEXT) + 64);
	assert_memory_equal(parcel.data, "PBS\1", 4);
	assert_non_null(memmem(parcel.data, parcel.len, TEXT, strlen(TEXT)));
	assert_int_equal(parcel_peek(parcel.data, PARCEL_PEEK, &h, NULL), 0);
	assert_true(h.is_signed);
	assert_int_equal(h.sender, sites.a.pub.origin);
	assert_int_equal(
		open_as(&a_may, parcel.data, parcel.len, &raw, NULL), 0);
	assert_int_equal(raw.len, strlen(TEXT));
	assert_memory_equal(raw.data, TEXT, raw.len);
}

static void the_bytes_are_those_of_the_format(void **state)
{
	AUTO_BUF struct buf parcel = made();
	AUTO_BUF struct buf forged = BUF_INIT;

	(void)state;
	parcel_forge_signed(
		&sites.a, &sites.b, "\0" TEXT, strlen(TEXT) + 1, &forged);
	assert_int_equal(parcel.len, forged.len);
	assert_memory_equal(parcel.data, forged.data, forged.len);
}

static void who_does_not_expect_it_refuses_it(void **state)
{
	AUTO_BUF struct buf parcel = made();
	AUTO_BUF struct buf raw = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
		open_as(&sites.a.pub, parcel.data, parcel.len, &raw, &err),
		ERR_AUTH);
	assert_non_null(strstr(err.text, "sign_only"));
	assert_int_equal(raw.len, 0);
}

static void every_flipped_bit_and_every_cut_is_refused(void **state)
{
	AUTO_BUF struct buf parcel = made();
	AUTO_BUF struct buf raw = BUF_INIT;

	(void)state;
	for (size_t bit = 0; bit < 8 * parcel.len; bit++) {
		parcel.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(open_as(&a_may, parcel.data, parcel.len, &raw,
				    NULL) < 0);
		parcel.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < parcel.len; len++)
		assert_true(open_as(&a_may, parcel.data, len, &raw, NULL) < 0);
	buf_add_byte(&parcel, 0);
	assert_true(open_as(&a_may, parcel.data, parcel.len, &raw, NULL) < 0);
	assert_int_equal(raw.len, 0);
}

/* Under the origin of a, with a key of its own; and by a, for somebody else. */
static void who_signs_for_another_or_for_somebody_else_is_refused(void **state)
{
	struct key_pair liar = sites.stranger, other = sites.stranger;
	AUTO_BUF struct buf lie = BUF_INIT;
	AUTO_BUF struct buf astray = BUF_INIT;
	AUTO_BUF struct buf raw = BUF_INIT;

	(void)state;
	liar.pub.origin = sites.a.pub.origin;
	parcel_forge_signed(&liar, &sites.b, "\0x", 2, &lie);
	assert_int_equal(
		open_as(&a_may, lie.data, lie.len, &raw, NULL), ERR_AUTH);
	/* another key under the origin of b: the signature names the key */
	other.pub.origin = sites.b.pub.origin;
	parcel_forge_signed(&sites.a, &other, "\0x", 2, &astray);
	assert_int_equal(
		open_as(&a_may, astray.data, astray.len, &raw, NULL), ERR_AUTH);
}

static void a_bomb_is_refused(void **state)
{
	/* codec zstd, raw size 16 MiB and a byte */
	static const uint8_t bomb[] = {1, 0x81, 0x80, 0x80, 0x08, 0x28};
	AUTO_BUF struct buf parcel = BUF_INIT;
	AUTO_BUF struct buf raw = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	parcel_forge_signed(&sites.a, &sites.b, bomb, sizeof(bomb), &parcel);
	assert_int_equal(open_as(&a_may, parcel.data, parcel.len, &raw, &err),
		ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_can_read_it_and_its_reader_opens_it),
		cmocka_unit_test(the_bytes_are_those_of_the_format),
		cmocka_unit_test(who_does_not_expect_it_refuses_it),
		cmocka_unit_test(every_flipped_bit_and_every_cut_is_refused),
		cmocka_unit_test(
			who_signs_for_another_or_for_somebody_else_is_refused),
		cmocka_unit_test(a_bomb_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
