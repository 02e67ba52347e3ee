/* Hashes: known answers, in pieces as in one, wherever the state lives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mem.h"

/* From b2sum -l 160 and the published answers of XXH3. */
static void known_answers_are_given(void **state)
{
	struct hash h = hash_of("abc", 3);
	char hex[HASH_HEX];

	(void)state;
	hash_hex(&h, hex);
	assert_string_equal(hex, "384264f676f39536840523f284921cdc68b6846b");
	h = hash_of(NULL, 0);
	hash_hex(&h, hex);
	assert_string_equal(hex, "3345524abf6bbe1809449224b5972c41790b6cf2");
	assert_int_equal(hash_check("abc", 3, 0), UINT64_C(0x78af5f94892f3950));
	assert_int_equal(hash_check(NULL, 0, 0), UINT64_C(0x2d06800538d394c2));
	assert_int_not_equal(hash_check("abc", 3, 1), hash_check("abc", 3, 0));
}

static void pieces_hash_as_the_whole(void **state)
{
	uint8_t bytes[1000];
	struct hash whole;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	whole = hash_of(bytes, sizeof(bytes));
	for (size_t step = 1; step < 300; step += 13) {
		struct hash_state st;
		struct hash h;

		hash_init(&st);
		for (size_t at = 0; at < sizeof(bytes); at += step)
			hash_add(&st, bytes + at,
				at + step > sizeof(bytes) ? sizeof(bytes) - at
							  : step);
		hash_add(&st, NULL, 0);
		h = hash_end(&st);
		assert_memory_equal(&h, &whole, sizeof(h));
	}
}

static void a_state_may_be_copied_and_live_at_any_address(void **state)
{
	AUTO_FREE uint8_t *room = mem_alloc(sizeof(struct hash_state) + 64);
	struct hash_state st;
	struct hash a, b, abc = hash_of("abc", 3);

	(void)state;
	hash_init(&st);
	hash_add(&st, "ab", 2);
	for (size_t shift = 0; shift < 64; shift++) {
		struct hash_state *odd = (void *)(room + shift);

		memcpy(odd, &st, sizeof(st));
		hash_add(odd, "c", 1);
		a = hash_end(odd);
		assert_memory_equal(&a, &abc, sizeof(a));
	}
	b = hash_end(&st);
	assert_memory_not_equal(&b, &abc, sizeof(b));
}

static void long_hashes_depend_on_length_and_key(void **state)
{
	uint8_t a[64], b[64];

	(void)state;
	hash_long(a, 64, "abc", 3, NULL, 0);
	hash_long(b, 32, "abc", 3, NULL, 0);
	assert_memory_not_equal(a, b, 32);
	hash_long(b, 64, "abc", 3, "0123456789abcdef", 16);
	assert_memory_not_equal(a, b, 64);
}

static void hex_comes_back_in_either_case_and_nothing_else(void **state)
{
	struct hash h = hash_of("abc", 3), back;
	char hex[HASH_HEX];

	(void)state;
	hash_hex(&h, hex);
	assert_int_equal(hash_from_hex(hex, &back), 0);
	assert_memory_equal(&h, &back, sizeof(h));
	hex[0] = 'F';
	assert_int_equal(hash_from_hex(hex, &back), 0);
	assert_int_equal(back.b[0] >> 4, 15);
	for (int i = 0; i < HASH_HEX - 1; i++) {
		char keep = hex[i];

		hex[i] = 'g';
		assert_int_equal(hash_from_hex(hex, &back), -1);
		hex[i] = '\0';
		assert_int_equal(hash_from_hex(hex, &back), -1);
		hex[i] = keep;
	}
	assert_int_equal(hash_from_hex("", &back), -1);
	assert_int_equal(hex_decode("0", &back, 1), -1);
	assert_int_equal(hex_decode("", &back, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers_are_given),
		cmocka_unit_test(pieces_hash_as_the_whole),
		cmocka_unit_test(a_state_may_be_copied_and_live_at_any_address),
		cmocka_unit_test(long_hashes_depend_on_length_and_key),
		cmocka_unit_test(
			hex_comes_back_in_either_case_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
