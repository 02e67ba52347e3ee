/* sections_join: what is added is parsed back, and nothing else is. */
#include "err.h"
#include "parcel.h"
#include "wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cuts.h"

#define OTHER 0x2222222222222222u

static struct position positions[] = {
	{{OTHER, 3, {{9, 9, 9}}}, 70000, 5},
	{{SENDER, 4, {{'I', 'N', 'B', 'O', 'X'}}}, 0, 0},
	{{OTHER, 3, {{0}}}, 1, UINT64_MAX},
};
static const struct id128 gone[] = {{{0}}, {{1, 2}}, {{1, 3}}};

static struct parcel_run lsns[] = {{1, 1}, {3, 70000}, {7, 7}};
static const struct parcel_lsns whole[] = {
	{{OTHER, 3, {{9, 9, 9}}}, lsns, 2},
	{{OTHER, 4, {{9, 9, 9}}}, &lsns[2], 1},
};

static struct parcel_join some(enum parcel_join_what what)
{
	struct parcel_join j = {.account = "alice@example.org",
		.what = what,
		.relays = what == PARCEL_JOIN_ASKS,
		.incarnation = 0xabcdef,
		.positions = positions,
		.position_count = 3};

	if (what == PARCEL_JOIN_ASKS_BRIEF) {
		j.whole = whole;
		j.whole_count = 2;
	} else if (what != PARCEL_JOIN_ASKS) {
		j.gone = gone;
		j.gone_count = 3;
		j.gone_total = 1000;
	}
	return j;
}

static void add_all(struct buf *b)
{
	for (int what = PARCEL_JOIN_ASKS; what <= PARCEL_JOIN_ASKS_BRIEF;
		what++) {
		struct parcel_join j = some((enum parcel_join_what)what);

		parcel_add_join(b, SENDER, &j);
	}
}

static void each_comes_back(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct parcel_sections s;

	(void)state;
	add_all(&b);
	assert_int_equal(parcel_parse(SENDER, b.data, b.len, &s, NULL), 0);
	assert_int_equal(s.count, 4);
	for (size_t i = 0; i < s.count; i++) {
		const struct parcel_join *is = &s.items[i].join;
		struct parcel_join was = some(is->what);

		assert_int_equal(s.items[i].type, PARCEL_JOIN);
		assert_int_equal(is->what, i + 1);
		assert_true(is->relays == was.relays);
		assert_string_equal(is->account, was.account);
		assert_true(is->incarnation == was.incarnation);
		assert_int_equal(is->position_count, 3);
		for (size_t k = 0; k < 3; k++) {
			assert_int_equal(log_id_cmp(&is->positions[k].log,
						 &positions[k].log),
				0);
			assert_true(is->positions[k].lsn == positions[k].lsn);
			assert_true(
				is->positions[k].chain == positions[k].chain);
		}
		assert_true(is->gone_total == was.gone_total);
		assert_int_equal(is->gone_count, was.gone_count);
		if (is->gone_count)
			assert_memory_equal(is->gone, gone, sizeof(gone));
		assert_int_equal(is->whole_count, was.whole_count);
		for (size_t k = 0; k < is->whole_count; k++) {
			assert_int_equal(
				log_id_cmp(&is->whole[k].log, &whole[k].log),
				0);
			assert_int_equal(is->whole[k].count, whole[k].count);
			assert_memory_equal(is->whole[k].runs, whole[k].runs,
				whole[k].count * sizeof(*lsns));
		}
	}
	parcel_sections_free(&s);
}

static void every_truncation_is_refused(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	add_all(&b);
	assert_int_equal(whole_cuts(&b), 4); /* behind 0, 1, 2, 3 sections */
}

static void whatever_parses_is_spelled_in_the_one_way(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	add_all(&b);
	for (size_t i = 0; i < 255 * b.len; i++) {
		AUTO_BUF struct buf again = BUF_INIT;
		uint8_t *byte = &b.data[i / 255], was = *byte;
		struct parcel_sections s;
		uint8_t *copy;
		bool all = true;

		*byte = (uint8_t)(was + i % 255 + 1);
		if (parse_copy(b.data, b.len, &s, &copy) == 0) {
			for (size_t j = 0; j < s.count; j++)
				all = all && s.items[j].type == PARCEL_JOIN;
			for (size_t j = 0; j < s.count && all; j++)
				parcel_add_join(
					&again, SENDER, &s.items[j].join);
			if (all) {
				assert_int_equal(again.len, b.len);
				assert_memory_equal(again.data, b.data, b.len);
			}
			parcel_sections_free(&s);
		}
		free(copy);
		*byte = was;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_comes_back),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(whatever_parses_is_spelled_in_the_one_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
