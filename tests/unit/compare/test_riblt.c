/*
 * Symbols of sets, and what two of them differ in.
 */
#include "setmaker.h"
#include "err.h"

#include <setjmp.h>
#include <stddef.h>

#include <cmocka.h>

static const uint8_t seed[RIBLT_SEED_SIZE] = "sixteen bytes..";

/* Symbol after symbol, until done: how many it took; 0: an error. */
static size_t decode_all(
	struct two_sets *s, struct riblt_decoder *d, size_t step, size_t most)
{
	struct err err = ERR_INIT;
	size_t had = 0;
	int rc = RIBLT_MORE;

	riblt_decoder_init(d, &s->mine, s->theirs.count, s->theirs.total);
	while (rc == RIBLT_MORE && had < most) {
		const struct riblt_symbol *symbols =
			riblt_symbols(&s->theirs, had + step);

		rc = riblt_decode(d, symbols + had, step, &err);
		had += step;
	}
	return rc == RIBLT_DONE ? had : 0;
}

/* ---- symbols ---- */

/* The definition in docs/format.md, in numbers of 128 bits. */
static uint32_t next_by_definition(const struct riblt_entry *e)
{
	uint64_t z = e->hash + (e->steps + 1) * UINT64_C(0x9e3779b97f4a7c15);
	unsigned __int128 i = e->next, r;

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	r = (z ^ (z >> 31)) >> 33;
	for (unsigned __int128 j = i + 1; j < RIBLT_SYMBOLS_MAX; j++) {
		if ((j + 1) * (j + 2) * r > ((i + 1) * (i + 2) << 31))
			return (uint32_t)j;
	}
	return RIBLT_SYMBOLS_MAX;
}

static void a_key_goes_where_the_definition_says(void **state)
{
	struct maker m = {.state = 1};
	size_t steps = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct riblt_entry e = {.key = maker_u64(&m)};

		e.hash = riblt_hash(seed, e.key);
		while (e.next < RIBLT_SYMBOLS_MAX) {
			uint32_t next = next_by_definition(&e);

			riblt_step(&e);
			assert_int_equal(e.next, next);
			steps++;
		}
	}
	/* some 2 ln 65536 */
	assert_in_range(steps, 100 * 17, 100 * 25);
}

static void a_symbol_holds_the_share_of_keys_that_it_should(void **state)
{
	enum { KEYS = 100000 };
	struct maker m = {.state = 2};
	size_t in[300] = {0};

	(void)state;
	for (int i = 0; i < KEYS; i++) {
		struct riblt_entry e = {.key = maker_u64(&m)};

		e.hash = riblt_hash(seed, e.key);
		for (; e.next < 300; riblt_step(&e))
			in[e.next]++;
	}
	for (size_t i = 0; i < 300; i++) {
		double share = 2.0 / ((double)i + 2) * KEYS;

		assert_true((double)in[i] > share * 0.8);
		assert_true((double)in[i] < share * 1.2);
	}
}

static void symbols_made_in_steps_are_those_made_at_once(void **state)
{
	struct maker m = {.state = 3};
	struct two_sets s;

	(void)state;
	two_sets_make(&m, &s, 1000, 0, 0);
	riblt_symbols(&s.mine, 1);
	riblt_symbols(&s.mine, 7);
	riblt_symbols(&s.mine, 3);
	const struct riblt_symbol *a = riblt_symbols(&s.mine, 500);
	const struct riblt_symbol *b = riblt_symbols(&s.theirs, 500);

	for (size_t i = 0; i < 500; i++) {
		assert_int_equal(a[i].sum, b[i].sum);
		assert_int_equal(a[i].check, b[i].check);
		assert_int_equal(a[i].count, b[i].count);
	}
	two_sets_free(&s);
}

/* ---- differences ---- */

static void equal_sets_are_known_to_be_from_count_and_total(void **state)
{
	struct maker m = {.state = 4};
	struct riblt_decoder d;
	struct two_sets s;
	struct err err = ERR_INIT;
	size_t at = 0;

	(void)state;
	two_sets_make(&m, &s, 100, 0, 0);
	riblt_decoder_init(&d, &s.mine, s.theirs.count, s.theirs.total);
	assert_int_equal(riblt_decode(&d, NULL, 0, &err), RIBLT_DONE);
	assert_false(riblt_found(&d, &at, &(uint64_t){0}, &(bool){0}));
	riblt_decoder_free(&d);
	two_sets_free(&s);
}

static void what_is_found_is_what_they_differ_in(void **state)
{
	(void)state;
	for (uint64_t run = 0; run < 600; run++) {
		struct maker m = {.state = 100 + run};
		size_t mine = maker_below(&m, 40) * maker_below(&m, 4);
		size_t theirs = maker_below(&m, 40) * maker_below(&m, 4);
		struct riblt_decoder d;
		struct two_sets s;

		two_sets_make(&m, &s, maker_number(&m) % 1000, mine, theirs);
		assert_true(decode_all(&s, &d, 1 + maker_below(&m, 30),
			RIBLT_SYMBOLS_MAX - 30));
		assert_true(two_sets_found(&s, &d));
		riblt_decoder_free(&d);
		two_sets_free(&s);
	}
}

static void many_differences_at_once_are_found_too(void **state)
{
	struct maker m = {.state = 5};
	struct riblt_decoder d;
	struct two_sets s;

	(void)state;
	two_sets_make(&m, &s, 10000, 3000, 2000);
	assert_int_equal(decode_all(&s, &d, 7500, 7500), 7500);
	assert_true(two_sets_found(&s, &d));
	riblt_decoder_free(&d);
	two_sets_free(&s);
}

static void too_few_symbols_are_never_done(void **state)
{
	(void)state;
	for (uint64_t run = 0; run < 500; run++) {
		struct maker m = {.state = 1000 + run};
		size_t theirs = 2 + maker_below(&m, 100);
		struct riblt_decoder d;
		struct two_sets s;

		two_sets_make(&m, &s, 10, 0, theirs);
		assert_int_equal(decode_all(&s, &d, theirs / 2, theirs / 2), 0);
		riblt_decoder_free(&d);
		two_sets_free(&s);
	}
}

/*
 * Two keys of theirs and one of ours, whose sum has the check of a key: in
 * symbol 0 they pass for one key of theirs.
 */
static void make_mistakable(struct maker *m, struct two_sets *s)
{
	uint64_t a = maker_u64(m), b = maker_u64(m), c;

	do {
		c = maker_u64(m);
	} while ((uint16_t)(riblt_hash(seed, a) ^ riblt_hash(seed, b) ^
			    riblt_hash(seed, c)) !=
		 (uint16_t)riblt_hash(seed, a ^ b ^ c));
	*s = (struct two_sets){.mine_only = 1, .count = 3};
	s->only = mem_array(3, sizeof(*s->only));
	s->only[0] = a;
	s->only[1] = b;
	s->only[2] = c;
	riblt_init(&s->mine, seed);
	riblt_init(&s->theirs, seed);
	riblt_add(&s->mine, a);
	riblt_add(&s->theirs, b);
	riblt_add(&s->theirs, c);
}

static void what_was_taken_for_a_key_by_mistake_is_found_again(void **state)
{
	struct maker m = {.state = 6};

	(void)state;
	for (int run = 0; run < 100; run++) {
		struct riblt_decoder d;
		struct two_sets s;

		make_mistakable(&m, &s);
		assert_true(decode_all(&s, &d, 1, 1000) > 1);
		assert_true(d.shown[0]);
		assert_true(two_sets_found(&s, &d));
		riblt_decoder_free(&d);
		two_sets_free(&s);
	}
}

/* ---- peers that lie ---- */

static void another_count_or_total_is_never_done(void **state)
{
	struct maker m = {.state = 7};
	struct err err = ERR_INIT;
	struct two_sets s;

	(void)state;
	two_sets_make(&m, &s, 100, 3, 4);
	for (int lie = 0; lie < 2; lie++) {
		struct riblt_decoder d;

		riblt_decoder_init(&d, &s.mine,
			s.theirs.count + (lie == 0 ? 256 : 0),
			s.theirs.total + (lie == 1));
		assert_int_equal(riblt_decode(&d, riblt_symbols(&s.theirs, 100),
					 100, &err),
			RIBLT_MORE);
		assert_true(two_sets_found(&s, &d));
		riblt_decoder_free(&d);
	}
	two_sets_free(&s);
}

static void a_set_that_holds_a_key_twice_is_never_done(void **state)
{
	struct maker m = {.state = 8};
	struct riblt_decoder d;
	struct two_sets s;

	(void)state;
	two_sets_make(&m, &s, 100, 3, 1);
	riblt_add(&s.theirs, s.only[3]);
	assert_int_equal(decode_all(&s, &d, 1, 300), 0);
	riblt_decoder_free(&d);
	two_sets_free(&s);
}

/* A key that is in symbol 0 and in one more of the first eight. */
static struct riblt_entry key_in_two(struct maker *m)
{
	for (;;) {
		struct riblt_entry e = {.key = maker_u64(m)}, walk;

		e.hash = riblt_hash(seed, e.key);
		walk = e;
		riblt_step(&walk);
		if (walk.next >= 8)
			continue;
		riblt_step(&walk);
		if (walk.next >= 8)
			return e;
	}
}

static void a_key_on_the_same_side_twice_is_an_error(void **state)
{
	struct maker m = {.state = 9};
	struct riblt_symbol symbols[8] = {{0}};
	struct riblt_entry e = key_in_two(&m);
	struct riblt_decoder d;
	struct riblt mine;
	struct err err = ERR_INIT;

	(void)state;
	riblt_init(&mine, seed);
	riblt_decoder_init(&d, &mine, 1, e.hash);
	/* once in the other symbol, and twice in symbol 0 */
	riblt_put(&symbols[0], &e, 1);
	for (; e.next < 8; riblt_step(&e))
		riblt_put(&symbols[e.next], &e, 1);
	assert_int_equal(riblt_decode(&d, symbols, 8, &err), ERR_CORRUPT);
	assert_non_null(strstr(err.text, "twice"));
	riblt_decoder_free(&d);
	riblt_free(&mine);
}

/*
 * Symbols that show a key each, which is in no other of the symbols that it
 * should be in: taking it out makes others show keys, and so on.
 */
static void no_symbols_keep_us_at_work(void **state)
{
	enum { MANY = 20000 };
	struct maker m = {.state = 10};

	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		AUTO_FREE struct riblt_symbol *symbols =
			mem_array(MANY, sizeof(*symbols));
		struct err err = ERR_INIT;
		struct riblt_decoder d;
		struct riblt mine;
		size_t shown = 0;

		for (size_t i = 0; i < MANY; i++) {
			struct riblt_entry e = {.key = maker_u64(&m)};
			uint32_t at = 0;

			e.hash = riblt_hash(seed, e.key);
			for (; e.next < MANY; riblt_step(&e))
				at = e.next;
			symbols[at] = (struct riblt_symbol){.sum = e.key,
				.check = (uint16_t)e.hash,
				.count = kind && i % 2 ? 255 : 1};
		}
		riblt_init(&mine, seed);
		riblt_decoder_init(&d, &mine, MANY, 0);
		assert_int_not_equal(
			riblt_decode(&d, symbols, MANY, &err), RIBLT_DONE);
		for (size_t i = 0; i < MANY; i++)
			shown += d.shown[i];
		assert_true(shown >= 1000);
		assert_true(d.found_count <= shown);
		riblt_decoder_free(&d);
		riblt_free(&mine);
	}
}

static void more_symbols_than_the_limit_are_refused(void **state)
{
	struct riblt_symbol *symbols =
		mem_array(RIBLT_SYMBOLS_MAX, sizeof(*symbols));
	struct err err = ERR_INIT;
	struct riblt_decoder d;
	struct riblt mine;

	(void)state;
	riblt_init(&mine, seed);
	riblt_decoder_init(&d, &mine, 1, 1);
	assert_int_equal(riblt_decode(&d, symbols, RIBLT_SYMBOLS_MAX - 1, &err),
		RIBLT_MORE);
	assert_int_equal(riblt_decode(&d, symbols, 2, &err), ERR_LIMIT);
	riblt_decoder_free(&d);
	riblt_free(&mine);
	free(symbols);
}

/* ---- guesses ---- */

static void the_number_of_differences_is_guessed(void **state)
{
	static const size_t counts[] = {60, 200, 1000, 5000};

	(void)state;
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		unsigned near = 0;

		for (uint64_t run = 0; run < 40; run++) {
			struct maker m = {.state = 77 * run + c};
			struct riblt_decoder d;
			struct two_sets s;
			uint64_t guess;

			two_sets_make(&m, &s, 50, counts[c] / 3,
				counts[c] - counts[c] / 3);
			assert_int_equal(decode_all(&s, &d, 32, 32), 0);
			guess = riblt_guess(&d);
			near += guess > counts[c] / 2 &&
				guess < counts[c] * 3 / 2;
			riblt_decoder_free(&d);
			two_sets_free(&s);
		}
		print_message("%zu differences: %u of 40 guesses are near\n",
			counts[c], near);
		assert_true(near >= 32);
	}
}

static void very_many_differences_are_guessed_as_many(void **state)
{
	static const size_t sides[][2] = {{20000, 20000}, {9000, 0}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct maker m = {.state = 11};
		struct riblt_decoder d;
		struct two_sets s;

		two_sets_make(&m, &s, 0, sides[i][0], sides[i][1]);
		assert_int_equal(decode_all(&s, &d, 64, 64), 0);
		assert_int_equal(riblt_guess(&d), RIBLT_GUESS_MANY);
		riblt_decoder_free(&d);
		two_sets_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_goes_where_the_definition_says),
		cmocka_unit_test(
			a_symbol_holds_the_share_of_keys_that_it_should),
		cmocka_unit_test(symbols_made_in_steps_are_those_made_at_once),
		cmocka_unit_test(
			equal_sets_are_known_to_be_from_count_and_total),
		cmocka_unit_test(what_is_found_is_what_they_differ_in),
		cmocka_unit_test(many_differences_at_once_are_found_too),
		cmocka_unit_test(too_few_symbols_are_never_done),
		cmocka_unit_test(
			what_was_taken_for_a_key_by_mistake_is_found_again),
		cmocka_unit_test(another_count_or_total_is_never_done),
		cmocka_unit_test(a_set_that_holds_a_key_twice_is_never_done),
		cmocka_unit_test(a_key_on_the_same_side_twice_is_an_error),
		cmocka_unit_test(no_symbols_keep_us_at_work),
		cmocka_unit_test(more_symbols_than_the_limit_are_refused),
		cmocka_unit_test(the_number_of_differences_is_guessed),
		cmocka_unit_test(very_many_differences_are_guessed_as_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
