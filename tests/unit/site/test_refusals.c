/* Tests of what is written down of refusals, on a simulated disk. */
#include "refusals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "mem.h"
#include "statedisk.h"

static void refuse(struct refusals *r, const char *who, int code,
	const char *words, int64_t at_ms)
{
	struct err err = ERR_INIT;

	err_set(&err, code, "%s", words);
	refusals_add(r, who, &err, at_ms);
}

static void save(struct refusals *r)
{
	assert_int_equal(refusals_save(os, "/state", r, NULL), 0);
	assert_int_equal(r->count, 0);
}

static struct refusals get(void)
{
	struct refusals r;

	assert_int_equal(refusals_get(os, "/state", &r, NULL), 0);
	return r;
}

static void it_is_told_who_what_since_when_and_how_often(void **state)
{
	struct refusals r = {.count = 0};
	int64_t now = now_ms();

	(void)state;
	assert_int_equal(get().count, 0);
	refuse(&r, "shore", ERR_AUTH, "first", now);
	refuse(&r, "shore", ERR_AUTH, "second", now + 1000);
	save(&r);
	/* another program, another time */
	refuse(&r, "shore", ERR_AUTH, "third\nline", now + 2000);
	refuse(&r, "shore", ERR_CORRUPT, "other", now + 3000);
	refuse(&r, "hub", ERR_AUTH, "other", now + 4000);
	save(&r);
	r = get();
	assert_int_equal(r.count, 3);
	assert_string_equal(r.items[0].who, "shore");
	assert_string_equal(
		r.items[0].why, "not proven to be from whom it says");
	assert_string_equal(r.items[0].words, "third?line");
	assert_int_equal(r.items[0].count, 3);
	assert_int_equal(r.items[0].first_ms, now);
	assert_int_equal(r.items[0].last_ms, now + 2000);
	assert_string_equal(r.items[1].why, "damaged");
	assert_string_equal(r.items[2].who, "hub");
}

static void who_has_many_names_takes_no_more_room(void **state)
{
	struct refusals r = {.count = 0};
	int64_t now = now_ms();
	struct os_stat st;

	(void)state;
	for (int i = 0; i < 10 * REFUSALS_MAX; i++) {
		AUTO_FREE char *who = mem_printf("%d at %0300d", i, 0);
		AUTO_FREE char *words = mem_printf("%0500d", i);

		refuse(&r, i == 7 ? "shore" : who, ERR_BUSY, words, now + i);
		assert_true(r.count <= REFUSALS_MAX);
		/* who comes again is not the one that was met longest ago */
		refuse(&r, "shore", ERR_BUSY, "again", now + i);
		if (i % 50 == 0)
			save(&r);
	}
	save(&r);
	r = get();
	assert_int_equal(r.count, REFUSALS_MAX);
	bool met = false;
	for (size_t i = 0; i < r.count; i++)
		met |= !strcmp(r.items[i].who, "shore") &&
		       r.items[i].count == 10 * REFUSALS_MAX + 1;
	assert_true(met);
	assert_int_equal(os->ops->lstat(os, "/state/refusals", &st), 0);
	assert_true(st.size < REFUSALS_MAX * 512);
}

static void what_is_long_ago_is_forgotten(void **state)
{
	struct refusals r = {.count = 0};
	int64_t now = now_ms();

	(void)state;
	refuse(&r, "shore", ERR_AUTH, "old", now - REFUSALS_KEEP_MS);
	refuse(&r, "hub", ERR_AUTH, "new", now);
	save(&r);
	assert_int_equal(get().count, 1);
	assert_string_equal(get().items[0].who, "hub");
}

static void every_line_that_is_damaged_counts_as_none(void **state)
{
	static const char *const lines[] = {"x\t1\t1\ta\tb\tc",
		"1\t1\t0\ta\tb\tc", "1\t1\t1\ta\tb", "1\t1\t1\ta\tb\tc\td",
		"1\t-1\t1\ta\tb\tc", "99999999999999999999\t1\t1\ta\tb\tc", "",
		"1", "1\t1\t1\ta\tb\tcut off"};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		bool last = i + 1 == sizeof(lines) / sizeof(lines[0]);
		AUTO_FREE char *text =
			mem_printf("packetboat refusals 1\n"
				   "1\t2\t3\tshore\twhy\twords\n%s%s",
				lines[i], last ? "" : "\n");

		assert_int_equal(file_replace(os, "/state/refusals", text,
					 strlen(text), 0600, NULL),
			0);
		struct refusals r = get();
		assert_int_equal(r.count, 1);
		assert_int_equal(r.items[0].count, 3);
	}
	/* of a file of another kind nothing is believed, and it is replaced */
	assert_int_equal(file_replace(os, "/state/refusals",
				 "1\t2\t3\ta\tb\tc\n", 12, 0600, NULL),
		0);
	assert_int_equal(get().count, 0);
	struct refusals r = {.count = 0};
	refuse(&r, "hub", ERR_AUTH, "new", now_ms());
	save(&r);
	assert_int_equal(get().count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			it_is_told_who_what_since_when_and_how_often, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			who_has_many_names_takes_no_more_room, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_long_ago_is_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(
			every_line_that_is_damaged_counts_as_none, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
