/* Claims on a folder are totally ordered, as people would order them. */
#include "claim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct claim make(uint64_t term, uint32_t uidvalidity, uint32_t uidnext,
	uint64_t stamp, uint64_t site)
{
	return (struct claim){.term = term,
		.site = site,
		.stamp = stamp,
		.uidvalidity = uidvalidity,
		.uidnext = uidnext};
}

static void beats(struct claim a, struct claim b)
{
	assert_true(claim_cmp(&a, &b) > 0);
	assert_true(claim_cmp(&b, &a) < 0);
	assert_int_equal(claim_cmp(&a, &a), 0);
}

static void any_claim_beats_none(void **state)
{
	(void)state;
	beats(make(1, 0, 0, 0, 1), (struct claim){0});
	beats(make(1, 0, 0, 9, 1), (struct claim){0});
}

static void a_higher_term_beats_all_else(void **state)
{
	(void)state;
	beats(make(2, 0, 0, 9, 1), make(1, 5, 9, 3, 7));
}

static void a_folder_in_use_beats_an_older_one_that_never_held_mail(
	void **state)
{
	(void)state;
	beats(make(1, 2000, 2, 9, 1), make(1, 1000, 1, 3, 7));
	beats(make(1, 0, 2, 9, 1), make(1, 1000, 0, 3, 7));
}

static void the_older_folder_keeps_its_uids_whoever_claimed_first(void **state)
{
	(void)state;
	beats(make(1, 1000, 2, 9, 1), make(1, 2000, 100000, 3, 7));
	beats(make(1, 1000, 1, 9, 1), make(1, 2000, 1, 3, 7));
}

static void a_folder_without_a_uidvalidity_is_the_youngest(void **state)
{
	(void)state;
	beats(make(1, UINT32_MAX, 2, 9, 1), make(1, 0, 2, 3, 7));
}

static void of_equal_folders_the_older_claim_stays(void **state)
{
	(void)state;
	beats(make(1, 1000, 2, 3, 1), make(1, 1000, 900, 9, 7));
	beats(make(1, 1000, 2, 3, 8), make(1, 1000, 2, 3, 7));
}

static void the_order_is_total(void **state)
{
	static const uint32_t numbers[] = {0, 1, 2, UINT32_MAX};
	struct claim all[3 * 4 * 4 * 2 * 2];
	size_t n = 0;

	(void)state;
	for (uint64_t term = 0; term < 3; term++)
		for (size_t v = 0; v < 4; v++)
			for (size_t next = 0; next < 4; next++)
				for (uint64_t i = 0; i < 4; i++)
					all[n++] = make(term, numbers[v],
						numbers[next], i / 2, i % 2);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n; k++) {
			int c = claim_cmp(&all[i], &all[k]);
			int back = claim_cmp(&all[k], &all[i]);

			assert_int_equal(c > 0, back < 0);
			for (size_t m = 0; c > 0 && m < n; m++)
				if (claim_cmp(&all[k], &all[m]) > 0)
					assert_true(claim_cmp(&all[i],
							    &all[m]) > 0);
		}
	}
}

static void a_change_says_all_that_is_compared(void **state)
{
	struct change c = {.kind = CHANGE_AUTHORITY,
		.by = {.stamp = 77},
		.term = 3,
		.site = 5,
		.uidvalidity = 1000,
		.uidnext = 8};
	struct claim said = claim_said(&c), same = make(3, 1000, 8, 77, 5);

	(void)state;
	assert_int_equal(claim_cmp(&said, &same), 0);
	assert_true(claim_is_used(&said));
	assert_int_equal(said.site, 5);
	assert_int_equal(said.stamp, 77);
}

static void a_folder_is_given_away_by_whoever_names_another_site(void **state)
{
	struct change c = {.kind = CHANGE_AUTHORITY, .by.log.origin = 5};

	(void)state;
	c.site = 5;
	assert_false(claim_gives_away(&c));
	c.site = 6;
	assert_true(claim_gives_away(&c));
	c.kind = CHANGE_IDENTITY;
	assert_false(claim_gives_away(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_folder_is_given_away_by_whoever_names_another_site),
		cmocka_unit_test(any_claim_beats_none),
		cmocka_unit_test(a_higher_term_beats_all_else),
		cmocka_unit_test(
			a_folder_in_use_beats_an_older_one_that_never_held_mail),
		cmocka_unit_test(
			the_older_folder_keeps_its_uids_whoever_claimed_first),
		cmocka_unit_test(
			a_folder_without_a_uidvalidity_is_the_youngest),
		cmocka_unit_test(of_equal_folders_the_older_claim_stays),
		cmocka_unit_test(the_order_is_total),
		cmocka_unit_test(a_change_says_all_that_is_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
