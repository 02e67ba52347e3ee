/* Ids and their orders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "ident.h"

static struct log_id log_of(uint64_t origin, uint64_t incarnation, uint8_t f)
{
	return (struct log_id){
		.origin = origin,
		.incarnation = incarnation,
		.folder = {{f}},
	};
}

static void dots_are_ordered_by_log_then_lsn(void **state)
{
	const struct dot in_order[] = {
		{log_of(1, 1, 1), 1},
		{log_of(1, 1, 1), UINT64_MAX},
		{log_of(1, 1, 0xff), 0},
		{log_of(1, 2, 0), 0},
		{log_of(UINT64_MAX, 0, 0), 0},
	};

	(void)state;
	for (int i = 0; i < 5; i++) {
		for (int k = 0; k < 5; k++) {
			const struct dot *a = &in_order[i], *b = &in_order[k];

			assert_int_equal(dot_cmp(a, b), (i > k) - (i < k));
			if (i > 1 && k > 1)
				assert_int_equal(log_id_cmp(&a->log, &b->log),
					(i > k) - (i < k));
		}
	}
}

/* Each field outweighs all that come after it. */
static void write_ids_are_ordered_by_stamp_first_and_folder_last(void **state)
{
	const struct write_id in_order[] = {
		{1, log_of(1, 1, 1), 1},
		{1, log_of(1, 1, 2), 1},
		{1, log_of(1, 1, 0), 2},
		{1, log_of(1, 2, 0), 0},
		{1, log_of(2, 0, 0), 0},
		{2, log_of(0, 0, 0), 0},
	};

	(void)state;
	for (int i = 0; i < 6; i++) {
		for (int k = 0; k < 6; k++)
			assert_int_equal(
				write_id_cmp(&in_order[i], &in_order[k]),
				(i > k) - (i < k));
	}
}

static void account_and_inbox_are_known(void **state)
{
	const struct id128 account = ID_ACCOUNT, inbox = ID_INBOX;

	(void)state;
	assert_true(id_is_account(&account));
	assert_false(id_is_account(&inbox));
	assert_true(id_equal(&inbox, &ID_INBOX));
	assert_int_equal(id_cmp(&account, &inbox), -1);
	assert_int_equal(id_cmp(&inbox, &account), 1);
	assert_int_equal(id_cmp(&inbox, &inbox), 0);
}

static void hex_of_an_id_comes_back(void **state)
{
	const struct id128 inbox = ID_INBOX;
	struct id128 back;
	char hex[ID_HEX];

	(void)state;
	id_hex(&inbox, hex);
	assert_string_equal(hex, "494e424f580000000000000000000000");
	assert_int_equal(id_from_hex(hex, &back), 0);
	assert_true(id_equal(&back, &inbox));
	hex[31] = '\0';
	assert_int_equal(id_from_hex(hex, &back), -1);
	assert_int_equal(
		id_from_hex("494e424f5800000000000000000000000", &back), -1);
	assert_int_equal(
		id_from_hex("494e424f58000000000000000000000x", &back), -1);
}

static void a_stamp_is_milliseconds_and_a_counter(void **state)
{
	uint64_t stamp = STAMP_OF(UINT64_C(1700000000000), 7);

	(void)state;
	assert_int_equal(STAMP_MS(stamp), UINT64_C(1700000000000));
	assert_int_equal(stamp & 0xffff, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dots_are_ordered_by_log_then_lsn),
		cmocka_unit_test(
			write_ids_are_ordered_by_stamp_first_and_folder_last),
		cmocka_unit_test(account_and_inbox_are_known),
		cmocka_unit_test(hex_of_an_id_comes_back),
		cmocka_unit_test(a_stamp_is_milliseconds_and_a_counter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
