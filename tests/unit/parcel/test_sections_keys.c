/* sections_keys: what is added is parsed back, and nothing else is; and parcels
 * of sites that have two keys for a while. */
#include "err.h"
#include "parcel.h"
#include "simdisk.h"
#include "wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct key_pair first, second, peer_first, peer_second;

static struct key_change change(void)
{
	struct key_change c;

	key_change_sign(&first, &second, &c);
	return c;
}

static void add(struct buf *b, const struct key_change *c)
{
	struct parcel_keys all[] = {
		{.says = true, .retired = 4},
		{.answers = true, .uses = 3, .refuses = 2},
		{.says = true, .change = c},
		{.says = true,
			.retired = 1,
			.change = c,
			.answers = true,
			.uses = 255},
	};

	for (size_t i = 0; i < 4; i++)
		parcel_add_keys(b, &all[i]);
}

static void each_comes_back(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct key_change c = change();
	struct parcel_sections s;

	(void)state;
	add(&b, &c);
	assert_int_equal(
		parcel_parse(first.pub.origin, b.data, b.len, &s, NULL), 0);
	assert_int_equal(s.count, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct parcel_keys *k = &s.items[i].keys;

		assert_int_equal(s.items[i].type, PARCEL_KEYS);
		assert_int_equal(k->says, i != 1);
		assert_int_equal(k->answers, i % 2);
		assert_int_equal(k->change != NULL, i >= 2);
		if (!k->change)
			continue;
		assert_true(key_same(&k->change->from, &first.pub));
		assert_true(key_same(&k->change->to, &second.pub));
		assert_memory_equal(k->change->to.box, second.pub.box, 32);
		assert_int_equal(key_change_check(k->change, NULL), 0);
	}
	assert_int_equal(s.items[0].keys.retired, 4);
	assert_int_equal(s.items[1].keys.uses, 3);
	assert_int_equal(s.items[1].keys.refuses, 2);
	assert_int_equal(s.items[3].keys.retired, 1);
	assert_int_equal(s.items[3].keys.uses, 255);
	parcel_sections_free(&s);
}

/* Whoever sends it says it of itself. */
static void of_another_sender_its_signatures_are_none(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct key_change c = change();
	struct parcel_sections s;

	(void)state;
	add(&b, &c);
	assert_int_equal(
		parcel_parse(peer_first.pub.origin, b.data, b.len, &s, NULL),
		0);
	assert_int_equal(
		key_change_check(s.items[2].keys.change, NULL), ERR_AUTH);
	parcel_sections_free(&s);
}

static void every_cut_is_refused(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct key_change c = change();
	struct parcel_sections s;

	(void)state;
	parcel_add_keys(&b, &(struct parcel_keys){.says = true, .change = &c});
	/* Behind type and length, which are corrected. */
	for (size_t len = 3; len < b.len; len++) {
		AUTO_BUF struct buf cut = BUF_INIT;
		struct err err = ERR_INIT;

		buf_add_byte(&cut, PARCEL_KEYS);
		wire_add_bytes(&cut, b.data + 3, len - 3);
		assert_int_equal(parcel_parse(first.pub.origin, cut.data,
					 cut.len, &s, &err),
			ERR_CORRUPT);
	}
}

static void keys_that_are_none_are_refused(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct key_change c = change();
	struct err err = ERR_INIT;
	struct parcel_sections s;

	(void)state;
	memset(c.to.sign, 0, sizeof(c.to.sign));
	parcel_add_keys(&b, &(struct parcel_keys){.says = true, .change = &c});
	assert_int_equal(
		parcel_parse(first.pub.origin, b.data, b.len, &s, &err),
		ERR_CORRUPT);
}

/* ---- parcels ---- */

static void seal(const struct key_pair *from, const struct key_pair *for_whom,
	bool sealed, struct buf *ret)
{
	struct simdisk *d = simdisk_new(1);
	int r = sealed ? parcel_seal(simdisk_os(d), from, &for_whom->pub,
				 "\x04\x00", 2, 3, ret, NULL)
		       : parcel_sign(from, &for_whom->pub, "\x04\x00", 2, 3,
				 ret, NULL);

	assert_int_equal(r, 0);
	simdisk_free(d);
}

static int open_with(const struct key_pair *former,
	const struct key_public *peers, size_t count, const struct buf *parcel,
	size_t *ret_peer)
{
	AUTO_BUF struct buf raw = BUF_INIT;
	int r = parcel_open(&second, former, peers, count, parcel->data,
		parcel->len, ret_peer, &raw, NULL);

	assert_int_equal(raw.len, r == 0 ? 2 : 0);
	return r;
}

static void any_key_of_either_opens_what_it_was_made_with(void **state)
{
	struct key_public peers[] = {
		{.origin = 77}, peer_first.pub, peer_second.pub};
	static const struct key_pair none;

	(void)state;
	peers[0] = peer_first.pub;
	peers[0].origin = 77;
	for (size_t i = 0; i < 8; i++) {
		const struct key_pair *from =
			i & 1 ? &peer_second : &peer_first;
		const struct key_pair *to = i & 2 ? &first : &second;
		AUTO_BUF struct buf parcel = BUF_INIT;
		size_t by = 9;

		peers[1].may_sign = peers[2].may_sign = true;
		seal(from, to, i & 4, &parcel);
		assert_int_equal(open_with(&first, peers, 3, &parcel, &by), 0);
		assert_int_equal(by, i & 1 ? 2 : 1);
		/* Not when the one it was made for is no more, */
		assert_int_equal(open_with(&none, peers, 3, &parcel, &by),
			i & 2 ? ERR_AUTH : 0);
		/* nor when the one that made it is not taken. */
		assert_int_equal(open_with(&first, peers, 2, &parcel, &by),
			i & 1 ? ERR_AUTH : 0);
	}
}

static int start(void **state)
{
	int r = key_start(NULL);

	(void)state;
	key_from_seed((const uint8_t[32]){1}, &first);
	key_from_seed((const uint8_t[32]){2}, &peer_first);
	r |= key_after((const uint8_t[32]){3}, &first.pub, &second, NULL);
	return r | key_after((const uint8_t[32]){4}, &peer_first.pub,
			   &peer_second, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_comes_back),
		cmocka_unit_test(of_another_sender_its_signatures_are_none),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(keys_that_are_none_are_refused),
		cmocka_unit_test(any_key_of_either_opens_what_it_was_made_with),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
