/* Tests of rates: never more than the time allows, and nothing is lost. */
#include "rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Whoever sends all that it may, whenever it looks. */
static void no_more_goes_than_the_time_allows(void **state)
{
	static const uint64_t rates[] = {
		10, 37, 300, 1200, 65536, 3333333, UINT64_C(1) << 40};

	(void)state;
	srand(3);
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		struct rate r = {.per_s = rates[i]};
		int64_t start = 5000000, now = start;
		uint64_t went = 0;

		for (int step = 0; step < 4000; step++) {
			uint64_t may = rate_may(&r, now);

			went += may;
			rate_went(&r, may, now);
			double most = (double)rates[i] *
				      (double)(now - start + RATE_LATE_US) /
				      1e6;
			/* And what rounding to µs takes. */
			double more = RATE_BURST + 1 + (double)rates[i] / 1e6;
			assert_true((double)went <= most + more);
			now += rand() % 20000;
		}
		/* And it was worth looking: all of it could be used. */
		double least =
			(double)rates[i] * (double)(now - start) / 1e6 * 0.99;
		assert_true((double)went + 1.0 >= least);
	}
}

static void who_waits_until_then_may(void **state)
{
	(void)state;
	for (uint64_t per_s = 10; per_s < 5000000; per_s = per_s * 3 + 1) {
		struct rate r = {.per_s = per_s};
		int64_t now = 1000;

		for (uint64_t bytes = 1; bytes <= RATE_BURST; bytes++) {
			int64_t when = rate_when(&r, bytes, now);

			assert_true(when >= now);
			assert_true(rate_may(&r, when) >= bytes);
			/* And no earlier. */
			if (when > now + 1)
				assert_true(rate_may(&r, when - 2) <= bytes);
			now = when;
			rate_went(&r, bytes, now);
		}
	}
}

static void an_idle_hour_is_not_made_up_for(void **state)
{
	struct rate r = {.per_s = 1000};

	(void)state;
	rate_went(&r, 100, 1);
	assert_int_equal(rate_may(&r, INT64_C(3600000000)), RATE_BURST + 100);
}

static void without_a_rate_all_may_go(void **state)
{
	struct rate r = {0};

	(void)state;
	rate_went(&r, UINT64_MAX, 1);
	assert_true(rate_may(&r, 1) == UINT64_MAX);
	assert_int_equal(rate_when(&r, 5, 77), 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_goes_than_the_time_allows),
		cmocka_unit_test(who_waits_until_then_may),
		cmocka_unit_test(an_idle_hour_is_not_made_up_for),
		cmocka_unit_test(without_a_rate_all_may_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
