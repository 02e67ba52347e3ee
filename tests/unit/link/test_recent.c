/* Tests of items told by those before them: round trips, and bytes of nobody's
 * making. */
#include "recent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "err.h"

static uint64_t next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

/* Both ends of a link. */
struct ends {
	struct recent told, heard;
};

/* Returns the bytes that went. */
static size_t send(struct ends *e, const void *item, size_t len)
{
	AUTO_BUF struct buf told = BUF_INIT;
	AUTO_BUF struct buf got = BUF_INIT;
	struct err err = ERR_INIT;
	size_t size = len;

	if (recent_tell(&e->told, item, len, &told)) {
		size = told.len;
		assert_true(size < len);
		assert_int_equal(
			recent_read(&e->heard, told.data, told.len, &got, &err),
			0);
		assert_int_equal(got.len, len);
		assert_memory_equal(got.data, item, len);
	} else {
		assert_int_equal(told.len, 0);
	}
	recent_keep(&e->told, item, len);
	recent_keep(&e->heard, item, len);
	assert_memory_equal(&e->told, &e->heard, sizeof(e->told));
	return size;
}

static void what_was_said_before_costs_little_and_what_is_new_itself(
	void **state)
{
	uint8_t item[200];
	struct ends e = {0};
	uint64_t seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(item); i++)
		item[i] = (uint8_t)next(&seed);
	assert_int_equal(send(&e, item, sizeof(item)), sizeof(item));
	/* four copies, for one names at most 64 bytes */
	assert_int_equal(send(&e, item, sizeof(item)), 4);
	item[100] ^= 1;
	assert_int_equal(send(&e, item, sizeof(item)), 2 + 2 + 2);
	/* of what was before the last a distance is said */
	assert_int_equal(send(&e, item, 130), 3);
	assert_int_equal(send(&e, item + 66, 134), 3 + 3 + 2);
	/* a run is a copy of itself */
	memset(item, 7, sizeof(item));
	assert_int_equal(send(&e, item, 120), 2 + 2 + 2);
}

static void whatever_goes_arrives_as_it_was(void **state)
{
	static uint8_t item[RECENT_ITEM_MAX + 100];
	struct ends e = {0};
	uint64_t seed = 7;
	size_t whole = 0, went = 0;

	(void)state;
	for (int round = 0; round < 300; round++) {
		size_t len = 1 + next(&seed) % (round % 10 ? 90 : sizeof(item));
		unsigned letters = round % 3 ? 4 : 256;

		for (size_t i = 0; i < len; i++)
			if (next(&seed) % 3 == 0)
				item[i] = (uint8_t)(next(&seed) % letters);
		whole += len;
		went += send(&e, item, len);
	}
	assert_true(went < whole * 4 / 5);
}

/* Contents of two parcels each, as sites said them one after the other: a flag
   change in the INBOX of "alice" with its statement; an acknowledgement. */
static const char *const changes[] = {
	"00013105616c69636521a6654439457730b002bf5c372b68247b4d01"
	"d7c1b68b311dd80386b7d49fa0340000010b0593b301060104130080"
	"11f57e1e18d4d001015d5d78a4eb4684bd",
	"00013105616c69636521a6654439457730b003d7c1b68b311dd80301"
	"16c49bf447af97e286b7d49fa0340000010705938402080104130050"
	"0340c132ea50c80101946ec0b230ec2fc8"};
static const char *const acks[] = {
	"00033a05616c6963658267e97c704e968b86dfa4270210a3872678ff"
	"4af3f6a6654439457730b0056756971a23e5e0b2002a03d7c1b68b31"
	"1dd8030100",
	"00033a05616c6963658267e97c704e968bc783fe320210a3872678ff"
	"4af3f6a6654439457730b0056756971a23e5e0b2002a0416c49bf447"
	"af97e20100"};

static size_t send_hex(struct ends *e, const char *hex)
{
	uint8_t item[RECENT_ITEM_MAX];
	size_t len = strlen(hex) / 2;

	for (size_t i = 0; i < len; i++) {
		const char digits[] = {hex[2 * i], hex[2 * i + 1], 0};

		item[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return send(e, item, len);
}

static void a_flag_change_and_its_acknowledgement_are_short(void **state)
{
	struct ends there = {0}, back = {0};

	(void)state;
	assert_int_equal(send_hex(&there, changes[0]), 73);
	assert_int_equal(send_hex(&there, changes[1]), 43);
	assert_int_equal(send_hex(&back, acks[0]), 61);
	assert_int_equal(send_hex(&back, acks[1]), 18);
}

static void what_is_long_is_not_kept(void **state)
{
	static const uint8_t item[RECENT_ITEM_MAX + 1] = {1, 2, 3};
	AUTO_BUF struct buf told = BUF_INIT;
	struct recent r = {.len = 0};

	(void)state;
	recent_keep(&r, item, sizeof(item));
	assert_int_equal(r.len, 0);
	assert_false(recent_tell(&r, item, sizeof(item), &told));
	assert_false(recent_tell(&r, item, 0, &told));
	recent_keep(&r, item, RECENT_ITEM_MAX);
	assert_int_equal(r.len, RECENT_ITEM_MAX);
}

static void assert_wrong(const struct recent *r, const void *told, size_t len)
{
	AUTO_BUF struct buf got = BUF_INIT;
	struct err err = ERR_INIT;

	buf_add_byte(&got, 'x');
	assert_int_equal(recent_read(r, told, len, &got, &err), ERR_CORRUPT);
	assert_int_equal(got.len, 1);
}

static void what_cannot_be_is_refused(void **state)
{
	struct recent r = {.len = 0}, none = {.len = 0};
	uint8_t longest[RECENT_ITEM_MAX / 64 + 2];
	size_t len = 0;

	(void)state;
	recent_keep(&r, "abcde", 5);
	assert_wrong(&r, "", 0);
	assert_wrong(&r, "\x02xy", 3);	      /* one byte is missing */
	assert_wrong(&r, "\xc0", 1);	      /* no distance */
	assert_wrong(&r, "\xc0\x80", 2);      /* half a distance */
	assert_wrong(&r, "\xc0\x00", 2);      /* from nowhere */
	assert_wrong(&r, "\xc0\x06", 2);      /* before the first */
	assert_wrong(&r, "\x00x\xc0\x07", 4); /* the same, further on */
	assert_wrong(&r, "\xc0\x85\x00", 3);  /* not the shortest varint */
	assert_wrong(&none, "\x80", 1);	      /* as an item that is none */
	longest[len++] = 0;
	longest[len++] = 'y';
	while (len < sizeof(longest))
		longest[len++] = 0xbf;
	assert_wrong(&r, longest, len); /* longer than any item */
}

static void no_bytes_lead_astray(void **state)
{
	struct recent r = {.len = 0};
	uint64_t seed = 3;
	uint8_t told[40];
	int good = 0;

	(void)state;
	recent_keep(&r, "0123456789012345678901234567890", 31);
	for (int round = 0; round < 3000; round++) {
		AUTO_BUF struct buf got = BUF_INIT;
		size_t len = 1 + next(&seed) % sizeof(told);

		for (size_t i = 0; i < len; i++)
			told[i] = (uint8_t)(next(&seed) %
					    (next(&seed) % 2 ? 256 : 4));
		int rc = recent_read(&r, told, len, &got, NULL);
		good += rc == 0;
		assert_true(rc == 0 ? got.len && got.len <= RECENT_ITEM_MAX
				    : got.len == 0);
	}
	assert_true(good > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_was_said_before_costs_little_and_what_is_new_itself),
		cmocka_unit_test(whatever_goes_arrives_as_it_was),
		cmocka_unit_test(
			a_flag_change_and_its_acknowledgement_are_short),
		cmocka_unit_test(what_is_long_is_not_kept),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(no_bytes_lead_astray),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
