#include "log_maker.h"

#include "segment_private.h"

static void a_name_says_incarnation_and_lsn(void **state)
{
	struct log_file file;
	char name[48];

	(void)state;
	segment_file_name(LOG_INCARNATION, 0x2a8, name);
	assert_string_equal(name, "00f1e2d3c4b5a697-00000000000002a8.changes");
	assert_true(log_file_parse(name, &file));
	assert_true(file.incarnation == LOG_INCARNATION);
	assert_true(file.first_lsn == 0x2a8);
	assert_false(file.temporary);
	strcat(name, ".tmp");
	assert_true(log_file_parse(name, &file));
	assert_true(file.temporary);
	segment_file_name(UINT64_MAX, UINT64_MAX, name);
	assert_true(log_file_parse(name, &file));
	assert_true(file.first_lsn == UINT64_MAX);
}

static void other_names_are_left_alone(void **state)
{
	static const char *const names[] = {
		"",
		"-",
		"00f1e2d3c4b5a697-",
		"00f1e2d3c4b5a697-00000000000002a8",
		"00f1e2d3c4b5a697-00000000000002a8.bodies",
		"00f1e2d3c4b5a697-00000000000002a8.changes.tmp2",
		"00f1e2d3c4b5a697-00000000000002a8.changesX",
		"00F1E2D3C4B5A697-00000000000002a8.changes",
		"00f1e2d3c4b5a697-2a8.changes",
		"0x00000000000001-00000000000002a8.changes",
		" 0f1e2d3c4b5a697-00000000000002a8.changes",
		"-000000000000001-00000000000002a8.changes",
		"00f1e2d3c4b5a6970-0000000000002a8.changes",
		"ffffffffffffffffffffffffffffffffffffffff",
	};
	struct log_file file;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_false(log_file_parse(names[i], &file));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_says_incarnation_and_lsn),
		cmocka_unit_test(other_names_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
