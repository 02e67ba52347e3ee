/*
 * Sketches as bytes: what a difference costs, and how many turnarounds.
 */
#include "setmaker.h"
#include "err.h"
#include "sketch.h"

#include <setjmp.h>
#include <stddef.h>

#include <cmocka.h>

static void what_is_read_is_what_was_written(void **state)
{
	struct maker m = {.state = 1};
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct sketch read;
	struct two_sets s;

	(void)state;
	two_sets_make(&m, &s, 1000, 1, 2);
	sketch_encode(&s.mine, 5, 40, &b);
	assert_int_equal(b.len, 2 + 8 + 1 + 1 + 40 * SKETCH_SYMBOL_SIZE);
	assert_int_equal(sketch_decode(b.data, b.len, &read, &err), 0);
	assert_int_equal(read.elements, s.mine.count);
	assert_int_equal(read.total, s.mine.total);
	assert_int_equal(read.first, 5);
	assert_int_equal(read.count, 40);
	for (size_t i = 0; i < 40; i++) {
		const struct riblt_symbol *one = &s.mine.symbols[5 + i];

		assert_int_equal(read.symbols[i].sum, one->sum);
		assert_int_equal(read.symbols[i].check, one->check);
		assert_int_equal(read.symbols[i].count, one->count);
	}
	sketch_free(&read);
	buf_free(&b);
	two_sets_free(&s);
}

static void every_cut_and_every_longer_one_is_refused(void **state)
{
	struct maker m = {.state = 2};
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct sketch read;
	struct two_sets s;

	(void)state;
	two_sets_make(&m, &s, 100, 0, 0);
	sketch_encode(&s.mine, 0, 9, &b);
	buf_add_byte(&b, 0);
	for (size_t len = 0; len <= b.len; len++) {
		int rc = sketch_decode(b.data, len, &read, &err);

		assert_int_equal(rc, len == b.len - 1 ? 0 : ERR_CORRUPT);
		if (rc == 0)
			sketch_free(&read);
	}
	buf_free(&b);
	two_sets_free(&s);
}

/* Another sketch, which says so, or none; and never the differences. */
static void no_flipped_bit_is_taken_for_the_sketch(void **state)
{
	struct maker m = {.state = 3};
	struct buf b = BUF_INIT;
	struct two_sets s;

	(void)state;
	two_sets_make(&m, &s, 100, 2, 3);
	sketch_encode(&s.theirs, 0, 24, &b);
	for (size_t bit = 0; bit <= 8 * b.len; bit++) {
		struct err err = ERR_INIT;
		struct riblt_decoder d;
		struct sketch read;
		int rc;

		if (bit < 8 * b.len)
			b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		rc = sketch_decode(b.data, b.len, &read, &err);
		if (rc == 0 && read.first == 0) {
			riblt_decoder_init(
				&d, &s.mine, read.elements, read.total);
			rc = riblt_decode(&d, read.symbols, read.count, &err);
			riblt_decoder_free(&d);
		}
		if (rc >= 0)
			sketch_free(&read);
		if (bit < 8 * b.len) {
			b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_not_equal(rc, RIBLT_DONE);
		} else {
			assert_int_equal(rc, RIBLT_DONE);
		}
	}
	buf_free(&b);
	two_sets_free(&s);
}

/* ---- what it costs ---- */

/* Bytes of the smallest sketch that suffices. */
static size_t bytes_needed(struct two_sets *s, size_t step)
{
	struct err err = ERR_INIT;
	struct riblt_decoder d;
	struct buf b = BUF_INIT;
	size_t had = 0, len;
	int rc = RIBLT_MORE;

	riblt_decoder_init(&d, &s->mine, s->theirs.count, s->theirs.total);
	while (rc == RIBLT_MORE) {
		const struct riblt_symbol *symbols =
			riblt_symbols(&s->theirs, had + step);

		rc = riblt_decode(&d, symbols + had, step, &err);
		had += step;
	}
	assert_int_equal(rc, RIBLT_DONE);
	assert_true(two_sets_found(s, &d));
	sketch_encode(&s->theirs, 0, had, &b);
	len = b.len;
	buf_free(&b);
	riblt_decoder_free(&d);
	return len;
}

static void a_difference_costs_less_than_25_bytes(void **state)
{
	static const struct {
		size_t differences, runs, step;
	} cases[] = {{5, 400, 1}, {50, 100, 1}, {500, 10, 5}, {5000, 2, 50}};

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		size_t all = 0, d = cases[c].differences;
		double each;

		for (uint64_t run = 0; run < cases[c].runs; run++) {
			struct maker m = {.state = 1000 * c + run};
			struct two_sets s;

			two_sets_make(&m, &s, 1000, d / 2, d - d / 2);
			all += bytes_needed(&s, cases[c].step);
			two_sets_free(&s);
		}
		each = (double)all / (double)cases[c].runs / (double)d;
		print_message("%zu differences: %.1f bytes each\n", d, each);
		assert_true(each <= 25);
	}
}

/* What strategy and sketches cost together. */
struct exchange {
	size_t bytes, turnarounds;
	bool table;
};

static struct exchange exchange(struct two_sets *s, size_t table, bool dear)
{
	struct sketch_case c = {.mine = s->mine.count,
		.theirs = s->theirs.count,
		.table = table,
		.dear = dear};
	struct err err = ERR_INIT;
	struct exchange ret = {0};
	struct riblt_decoder d;
	int rc = RIBLT_MORE;

	riblt_decoder_init(&d, &s->mine, s->theirs.count, s->theirs.total);
	while (rc == RIBLT_MORE && !ret.table) {
		size_t want = sketch_want(&c);
		struct buf b = BUF_INIT;
		struct sketch read;

		ret.table = want == 0;
		if (ret.table)
			break;
		assert_true(want > c.had);
		sketch_encode(&s->theirs, c.had, want - c.had, &b);
		assert_int_equal(sketch_decode(b.data, b.len, &read, &err), 0);
		rc = riblt_decode(&d, read.symbols, read.count, &err);
		assert_true(rc >= 0);
		c.had = want;
		c.guess = riblt_guess(&d);
		ret.bytes += b.len;
		ret.turnarounds++;
		sketch_free(&read);
		buf_free(&b);
	}
	riblt_decoder_free(&d);
	return ret;
}

static void five_differences_in_100000_cost_a_few_hundred_bytes(void **state)
{
	struct maker m = {.state = 4};
	struct exchange e;
	struct two_sets s;

	(void)state;
	two_sets_make(&m, &s, 100000, 2, 3);
	e = exchange(&s, 26000, false);
	print_message("%zu bytes, %zu turnarounds\n", e.bytes, e.turnarounds);
	assert_int_equal(e.turnarounds, 1);
	assert_false(e.table);
	assert_true(e.bytes <= 450);
	two_sets_free(&s);
}

/* With what is sent in vain: 25 bytes from 50 differences on. */
static void two_turnarounds_mostly_are_enough(void **state)
{
	static const struct {
		size_t differences, runs, bytes;
	} cases[] = {{5, 50, 450}, {50, 50, 25 * 50}, {500, 30, 25 * 500},
		{5000, 6, 25 * 5000}};

	(void)state;
	for (int dear = 0; dear < 2; dear++) {
		for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
			size_t d = cases[c].differences, bytes = 0, more = 0;

			for (uint64_t run = 0; run < cases[c].runs; run++) {
				struct maker m = {.state = 500 * c + run};
				struct exchange e;
				struct two_sets s;

				two_sets_make(&m, &s, 100, d / 2, d - d / 2);
				e = exchange(&s, 0, dear);
				assert_false(e.table);
				assert_true(e.turnarounds <= 4);
				more += e.turnarounds > 2;
				bytes += e.bytes;
				two_sets_free(&s);
			}
			bytes /= cases[c].runs;
			print_message("%zu differences%s: %zu bytes, %zu of "
				      "%zu in more than two turnarounds\n",
				d, dear ? ", dear" : "", bytes, more,
				cases[c].runs);
			if (!dear)
				assert_true(bytes <= cases[c].bytes);
			assert_true(more <= cases[c].runs / 3);
		}
	}
}

static void one_turnaround_where_only_the_counts_differ(void **state)
{
	static const size_t counts[] = {1, 5, 50, 500, 5000};

	(void)state;
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		struct maker m = {.state = 60 + c};
		struct exchange e;
		struct two_sets s;

		two_sets_make(&m, &s, 100, 0, counts[c]);
		e = exchange(&s, 0, false);
		assert_int_equal(e.turnarounds, 1);
		two_sets_free(&s);
	}
}

static void a_table_is_asked_for_where_it_is_cheaper(void **state)
{
	struct maker m = {.state = 5};
	struct exchange e;
	struct two_sets s;

	(void)state;
	two_sets_make(&m, &s, 100, 3000, 3000);
	e = exchange(&s, 26000, false);
	assert_true(e.table);
	assert_int_equal(e.turnarounds, 1);
	assert_true(e.bytes < 450);
	two_sets_free(&s);
	/* and where the counts alone say so, at once */
	two_sets_make(&m, &s, 100, 0, 5000);
	e = exchange(&s, 26000, false);
	assert_true(e.table);
	assert_int_equal(e.turnarounds, 0);
	two_sets_free(&s);
	/* more than there can be symbols */
	assert_int_equal(
		sketch_want(&(struct sketch_case){.mine = UINT32_MAX}), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_what_was_written),
		cmocka_unit_test(every_cut_and_every_longer_one_is_refused),
		cmocka_unit_test(no_flipped_bit_is_taken_for_the_sketch),
		cmocka_unit_test(a_difference_costs_less_than_25_bytes),
		cmocka_unit_test(
			five_differences_in_100000_cost_a_few_hundred_bytes),
		cmocka_unit_test(two_turnarounds_mostly_are_enough),
		cmocka_unit_test(one_turnaround_where_only_the_counts_differ),
		cmocka_unit_test(a_table_is_asked_for_where_it_is_cheaper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
