#include "twoends.h"

#define CHANGE_SIZE 53u /* codec and section of one flag change */

static struct ends *made(void)
{
	struct ends *s = calloc(1, sizeof(*s));

	ends_init(s);
	return s;
}

static void gone(struct ends *s)
{
	ends_free(s);
	free(s);
}

static void add(struct end *e, enum link_class class, size_t len, uint64_t seed)
{
	AUTO_BUF struct buf b = BUF_INIT;

	ends_bytes(&b, len, seed);
	link_add(e->link, class, b.data, b.len);
}

static void assert_item(
	const struct end *e, size_t i, size_t len, uint64_t seed)
{
	AUTO_BUF struct buf b = BUF_INIT;

	assert_true(i < e->count);
	ends_bytes(&b, len, seed);
	assert_int_equal(e->items[i].bytes.len, len);
	assert_memory_equal(e->items[i].bytes.data, b.data, len);
}

static void a_change_leaves_with_the_first_bytes(void **state)
{
	struct ends *s = made();
	AUTO_BUF struct buf first = BUF_INIT;

	(void)state;
	ends_connect(s);
	add(&s->dial, LINK_CHANGES, CHANGE_SIZE, 1);
	link_output(s->dial.link, 0, 65536, &first);
	assert_int_equal(
		link_input(s->answer.link, first.data, first.len, 0, &s->err),
		0);
	assert_item(&s->answer, 0, CHANGE_SIZE, 1);
	assert_true(link_proven(s->answer.link));
	/* hello, an empty HAVE, the change */
	assert_int_equal(first.len, HELLO_SIZE + 20 + 19 + CHANGE_SIZE);
	gone(s);
}

/* A site may have two keys for a while, and a peer know it by another one. */
static void who_calls_by_and_for_other_keys_is_answered_by_them(void **state)
{
	struct ends *s = made();
	struct key_pair dial = s->dial.key, answer = s->answer.key;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct key_pair next[2];

		assert_int_equal(key_after((const uint8_t[32]){'c'}, &dial.pub,
					 &next[0], NULL),
			0);
		assert_int_equal(key_after((const uint8_t[32]){'d'},
					 &answer.pub, &next[1], NULL),
			0);
		s->dial.key = i & 1 ? next[0] : dial;
		s->dial.knows = i & 2 ? next[1].pub : answer.pub;
		s->answer.key = next[1];
		s->answer.former = answer;
		s->answer.knows = dial.pub;
		s->answer.knows_also = next[0].pub;
		ends_connect(s);
		add(&s->dial, LINK_CHANGES, CHANGE_SIZE, 1);
		assert_int_equal(ends_run(s, 1000), 0);
		assert_item(&s->answer, i, CHANGE_SIZE, 1);
		assert_true(
			key_same(link_peer(s->answer.link), &s->dial.key.pub));
		ends_cut(s);
	}
	gone(s);
}

static void a_change_on_an_open_link_costs_nineteen_bytes_more(void **state)
{
	struct ends *s = made();

	(void)state;
	ends_connect(s);
	assert_int_equal(ends_run(s, 1000), 0);
	uint64_t before = link_sent(s->dial.link) + link_sent(s->answer.link);
	add(&s->dial, LINK_CHANGES, CHANGE_SIZE, 1);
	assert_int_equal(ends_run(s, 1000), 0);
	uint64_t after = link_sent(s->dial.link) + link_sent(s->answer.link);
	assert_item(&s->answer, 0, CHANGE_SIZE, 1);
	assert_int_equal(after - before, CHANGE_SIZE + 19);
	gone(s);
}

static void an_idle_link_says_nothing(void **state)
{
	struct ends *s = made();

	(void)state;
	ends_connect(s);
	add(&s->dial, LINK_LARGE, 100000, 1);
	add(&s->answer, LINK_SMALL, 3000, 2);
	assert_int_equal(ends_run(s, 60000), 0);
	assert_item(&s->answer, 0, 100000, 1);
	assert_item(&s->dial, 0, 3000, 2);
	s->now_ms += 86400000;
	assert_int_equal(ends_run(s, 60000), 0);
	assert_int_equal(s->dial.chunk_at, s->dial.chunk_count);
	assert_true(link_deadline(s->dial.link) == INT64_MAX);
	assert_true(link_deadline(s->answer.link) == INT64_MAX);
	gone(s);
}

static void both_directions_carry_at_once(void **state)
{
	struct ends *s = made();

	(void)state;
	s->bits = 9600;
	s->way_ms = 300;
	ends_connect(s);
	add(&s->dial, LINK_LARGE, 60000, 1);
	add(&s->answer, LINK_LARGE, 60000, 2);
	/* One direction alone takes 50 s. */
	assert_int_equal(ends_run(s, 65000), 0);
	assert_item(&s->answer, 0, 60000, 1);
	assert_item(&s->dial, 0, 60000, 2);
	gone(s);
}

#define ASKED 15

static int by_time(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

	return a < b ? -1 : a > b;
}

/* How long changes take that come up, one every 20 s, while a large body goes:
   the longest, and one in the middle; and what the body took longer than its
   bytes do, in thousandths. */
static void overtake(int64_t bits, int64_t *ret_most, int64_t *ret_median,
	uint64_t *ret_overhead)
{
	struct ends *s = made();
	/* 480 s of it, or as large as one may be */
	const size_t most = 12000000;
	const size_t size =
		bits * 60 < (int64_t)most ? (size_t)bits * 60 : most;
	int64_t asked[ASKED];

	s->bits = bits;
	s->way_ms = 300;
	ends_connect(s);
	add(&s->dial, LINK_LARGE, size, 1);
	for (size_t i = 0; i < ASKED; i++) {
		ends_run(s, 20000);
		asked[i] = s->now_ms;
		add(&s->dial, LINK_CHANGES, CHANGE_SIZE, 2);
	}
	ends_run(s, 1000000);
	assert_int_equal(s->answer.count, ASKED + 1);
	for (size_t i = 0, n = 0; i <= ASKED; i++) {
		const struct end_item *item = &s->answer.items[i];

		if (item->bytes.len != size) {
			asked[n] = item->ms - asked[n];
			n++;
			continue;
		}
		*ret_overhead = (uint64_t)(item->ms * bits / 8000) - size;
		*ret_overhead = *ret_overhead * 1000 / size;
	}
	qsort(asked, ASKED, sizeof(asked[0]), by_time);
	*ret_most = asked[ASKED - 1];
	*ret_median = asked[ASKED / 2];
	gone(s);
}

static void a_change_overtakes_a_large_body_on_any_line(void **state)
{
	static const struct {
		int64_t bits, most_ms, median_ms;
		uint64_t overhead; /* thousandths */
	} lines[] = {
		/* One message of 256 bytes takes 7.4 s there; what a line can
		   do is found out once. */
		{300, 30000, 13000, 210},
		{2400, 6000, 4000, 120},
		{9600, 5000, 3000, 60},
		{1000000, 5000, 2000, 70},
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		int64_t most, median;
		uint64_t overhead;

		overtake(lines[i].bits, &most, &median, &overhead);
		print_message("%lld bit/s: %lld ms at most, mostly %lld; "
			      "%llu per mille more\n",
			(long long)lines[i].bits, (long long)most,
			(long long)median, (unsigned long long)overhead);
		assert_true(most <= lines[i].most_ms);
		assert_true(median <= lines[i].median_ms);
		assert_true(overhead <= lines[i].overhead);
	}
}

static void small_bodies_go_before_large_ones(void **state)
{
	struct ends *s = made();

	(void)state;
	ends_connect(s);
	add(&s->dial, LINK_LARGE, 50000, 1);
	add(&s->dial, LINK_LARGE, 40000, 2);
	add(&s->dial, LINK_SMALL, 2000, 3);
	add(&s->dial, LINK_CHANGES, 100000, 4);
	assert_int_equal(ends_run(s, 60000), 0);
	assert_item(&s->answer, 0, 100000, 4);
	assert_item(&s->answer, 1, 2000, 3);
	assert_item(&s->answer, 2, 50000, 1);
	assert_item(&s->answer, 3, 40000, 2);
	assert_int_equal(link_queued(s->dial.link, LINK_LARGE), 0);
	gone(s);
}

/* The line drops behind byte `cut` of what the dialing side says. */
static void cut_at(size_t cut, size_t size)
{
	struct ends *s = made();
	size_t given = 0;

	ends_connect(s);
	add(&s->dial, LINK_LARGE, size, 1);
	for (int i = 0; i < 50 && given < cut; i++) {
		end_speak(s, &s->dial);
		size_t len = s->dial.line.len - given;

		if (len > cut - given)
			len = cut - given;
		assert_int_equal(
			link_input(s->answer.link, s->dial.line.data + given,
				len, 0, &s->err),
			0);
		given += len;
		end_speak(s, &s->answer);
		assert_int_equal(end_hear(s, &s->answer, &s->dial), 0);
	}
	ends_cut(s);
	ends_connect(s);
	if (!s->answer.count)
		add(&s->dial, LINK_LARGE, size, 1);
	assert_int_equal(ends_run(s, 60000), 0);
	assert_item(&s->answer, 0, size, 1);
	assert_int_equal(s->answer.count, 1);
	/* No byte of it was carried twice but for one record that was cut. */
	assert_int_equal(s->answer.piece_bytes, size);
	gone(s);
}

static void a_line_that_drops_at_any_byte_costs_one_record(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < 2200; cut++)
		cut_at(cut, 1600);
}

/* Both sides forget all but what was kept, fifty times. */
static void fifty_kills_cost_less_than_two_percent(void **state)
{
	struct ends *s = made();
	const size_t size = 1000000;
	uint64_t carried = 0;

	(void)state;
	s->bits = 1000000;
	s->way_ms = 20;
	for (int i = 0; i <= 50; i++) {
		ends_connect(s);
		if (!s->answer.count)
			add(&s->dial, LINK_LARGE, size, 1);
		ends_run(s, i < 50 ? 300 : 60000);
		carried += s->dial.taken;
		ends_cut(s);
	}
	assert_item(&s->answer, 0, size, 1);
	assert_int_equal(s->answer.count, 1);
	print_message(
		"%llu bytes for %zu\n", (unsigned long long)carried, size);
	/* Smaller by ten than the body it is said of, so with ten times what
	   a call costs. */
	assert_true(carried < size + size / 10);
	gone(s);
}

static void a_call_ends_when_both_said_all(void **state)
{
	struct ends *s = made();

	(void)state;
	ends_connect(s);
	add(&s->dial, LINK_CHANGES, 100, 1);
	add(&s->answer, LINK_LARGE, 40000, 2);
	link_finish(s->dial.link);
	assert_int_equal(ends_run(s, 60000), 0);
	assert_true(link_heard_last(s->answer.link));
	assert_false(link_finished(s->dial.link));
	link_finish(s->answer.link);
	assert_int_equal(ends_run(s, 60000), 0);
	assert_true(link_finished(s->dial.link));
	assert_true(link_finished(s->answer.link));
	assert_item(&s->dial, 0, 40000, 2);
	gone(s);
}

static void a_call_that_ends_without_a_receipt_broke_off(void **state)
{
	struct ends *s = made();
	AUTO_BUF struct buf receipt = BUF_INIT;

	(void)state;
	ends_connect(s);
	assert_int_equal(ends_run(s, 1000), 0);
	link_finish(s->dial.link);
	assert_int_equal(ends_run(s, 1000), 0);
	add(&s->answer, LINK_CHANGES, 100, 1);
	link_finish(s->answer.link);
	end_speak(s, &s->answer);
	assert_false(link_finished(s->answer.link));
	assert_int_equal(end_hear(s, &s->answer, &s->dial), 0);
	assert_item(&s->dial, 0, 100, 1);
	/* Killed now, the other must not think that all came. */
	assert_false(link_finished(s->dial.link));
	assert_false(link_finished(s->answer.link));
	link_output(s->dial.link, s->now_ms, 1000, &receipt);
	assert_true(link_finished(s->dial.link));
	assert_int_equal(link_input(s->answer.link, receipt.data, receipt.len,
				 s->now_ms, &s->err),
		0);
	assert_true(link_finished(s->answer.link));
	gone(s);
}

static void nobody_waits_for_ever_for_the_end(void **state)
{
	struct ends *s = made();

	(void)state;
	s->now_ms = 5000;
	ends_connect(s);
	assert_int_equal(ends_run(s, 1000), 0);
	add(&s->dial, LINK_CHANGES, 300, 1);
	link_finish(s->dial.link);
	assert_int_equal(ends_run(s, 1000), 0);
	assert_true(link_heard_last(s->answer.link));
	/* All of it may be under way on the slowest line. */
	int64_t said = link_deadline(s->dial.link) - LINK_SILENT_MS -
		       (int64_t)(link_sent(s->dial.link) * 1000 / LINK_SLOWEST);
	assert_int_equal(said, 5000);
	/* Nor does the other, when it said so, for the line to be hung up. */
	assert_true(link_deadline(s->answer.link) == INT64_MAX);
	link_finish(s->answer.link);
	assert_int_equal(ends_run(s, 1000), 0);
	assert_true(link_deadline(s->answer.link) < INT64_MAX);
	gone(s);
}

static void half_a_record_is_not_waited_for_for_ever(void **state)
{
	struct ends *s = made();
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	ends_connect(s);
	assert_int_equal(ends_run(s, 1000), 0);
	add(&s->dial, LINK_CHANGES, CHANGE_SIZE, 1);
	link_output(s->dial.link, s->now_ms, 1000, &b);
	for (size_t i = 0; i + 1 < b.len; i++) {
		assert_int_equal(link_input(s->answer.link, b.data + i, 1,
					 ++s->now_ms, &s->err),
			0);
		assert_int_equal(link_deadline(s->answer.link),
			s->now_ms + LINK_SILENT_MS);
	}
	assert_int_equal(link_input(s->answer.link, b.data + b.len - 1, 1,
				 s->now_ms, &s->err),
		0);
	assert_true(link_deadline(s->answer.link) == INT64_MAX);
	assert_item(&s->answer, 0, CHANGE_SIZE, 1);
	gone(s);
}

static void what_nothing_comes_after_is_asked_for_once(void **state)
{
	struct ends *s = made();

	(void)state;
	ends_connect(s);
	assert_int_equal(ends_run(s, 1000), 0);
	assert_true(link_wakes(s->dial.link) == INT64_MAX);
	int64_t at = s->now_ms;
	add(&s->dial, LINK_CHANGES, CHANGE_SIZE, 1);
	assert_int_equal(ends_run(s, 1000), 0);
	assert_int_equal(link_wakes(s->dial.link), at + LINK_ASK_MS);
	assert_true(link_deadline(s->dial.link) == INT64_MAX);
	uint64_t before = link_sent(s->dial.link);
	s->now_ms = at + LINK_ASK_MS;
	assert_int_equal(ends_run(s, 1000), 0);
	assert_int_equal(link_sent(s->dial.link) - before, 19);
	/* It was told. */
	assert_true(link_wakes(s->dial.link) == INT64_MAX);
	assert_true(link_deadline(s->dial.link) == INT64_MAX);
	/* Where anything comes nobody asks. */
	add(&s->dial, LINK_CHANGES, CHANGE_SIZE, 2);
	assert_int_equal(ends_run(s, 1000), 0);
	add(&s->answer, LINK_CHANGES, 40, 3);
	assert_int_equal(ends_run(s, 1000), 0);
	assert_true(link_wakes(s->dial.link) == INT64_MAX);
	gone(s);
}

static void who_wants_to_know_asks_where_nothing_comes(void **state)
{
	struct ends *s = made();

	(void)state;
	ends_connect(s);
	link_alive(s->answer.link, 300000);
	assert_int_equal(ends_run(s, 1000), 0);
	int64_t heard = s->now_ms;
	assert_int_equal(link_wakes(s->answer.link), heard + 300000);
	/* What comes tells it, too. */
	s->now_ms += 200000;
	add(&s->dial, LINK_CHANGES, CHANGE_SIZE, 1);
	assert_int_equal(ends_run(s, 1000), 0);
	heard += 200000;
	assert_int_equal(link_wakes(s->answer.link), heard + 300000);
	uint64_t dial = link_sent(s->dial.link);
	uint64_t answer = link_sent(s->answer.link);
	s->now_ms = heard + 300000;
	assert_int_equal(ends_run(s, 1000), 0);
	assert_int_equal(link_sent(s->answer.link) - answer, 19);
	assert_in_range(link_sent(s->dial.link) - dial, 20, 24);
	assert_int_equal(link_wakes(s->answer.link), s->now_ms + 300000);
	assert_true(link_deadline(s->answer.link) == INT64_MAX);
	/* Nobody is there. */
	AUTO_BUF struct buf lost = BUF_INIT;
	s->now_ms += 300000;
	link_output(s->answer.link, s->now_ms, SIZE_MAX, &lost);
	assert_int_equal(lost.len, 19);
	assert_int_equal(
		link_deadline(s->answer.link), s->now_ms + LINK_SILENT_MS);
	gone(s);
}

static void who_is_not_told_gives_up(void **state)
{
	struct ends *s = made();
	AUTO_BUF struct buf lost = BUF_INIT;

	(void)state;
	ends_connect(s);
	assert_int_equal(ends_run(s, 1000), 0);
	add(&s->dial, LINK_CHANGES, CHANGE_SIZE, 1);
	link_output(s->dial.link, s->now_ms, 1000, &lost);
	int64_t asked = s->now_ms + LINK_ASK_MS;
	link_output(s->dial.link, asked, 1000, &lost);
	assert_int_equal(link_deadline(s->dial.link), asked + LINK_SILENT_MS);
	gone(s);
}

static void before_an_answer_only_so_much_is_said(void **state)
{
	struct ends *s = made();
	AUTO_BUF struct buf out = BUF_INIT;

	(void)state;
	ends_connect(s);
	add(&s->dial, LINK_CHANGES, 1000000, 1);
	link_output(s->dial.link, 0, 2000000, &out);
	assert_in_range(out.len, LINK_EARLY_MAX,
		LINK_EARLY_MAX + LINK_RECORD_MAX + LINK_RECORD_OVERHEAD);
	assert_int_equal(
		link_input(s->answer.link, out.data, out.len, 0, &s->err), 0);
	buf_clear(&out);
	link_output(s->answer.link, 0, 65536, &out);
	assert_int_equal(
		link_input(s->dial.link, out.data, out.len, 0, &s->err), 0);
	assert_int_equal(ends_run(s, 60000), 0);
	assert_item(&s->answer, 0, 1000000, 1);
	gone(s);
}

/* However the limit falls on records, what goes is no byte more; and the rest
   goes with the next call. */
static void what_is_limited_stops_before_the_byte_that_breaks_it(void **state)
{
	(void)state;
	for (uint64_t limit = 0; limit < 12000; limit += 37) {
		struct ends *s = made();

		ends_connect(s);
		link_limit(s->dial.link, limit);
		add(&s->dial, LINK_CHANGES, 700, 1);
		add(&s->dial, LINK_LARGE, 9000, 2);
		link_finish(s->dial.link);
		assert_int_equal(ends_run(s, 600000), 0);
		assert_true(link_sent(s->dial.link) <= limit);
		if (limit > 10200)
			assert_int_equal(s->answer.count, 2);
		else if (limit < 9700)
			assert_true(limit - link_sent(s->dial.link) <=
				    LINK_LIMIT_LEAST);
		ends_cut(s);
		ends_connect(s);
		if (s->answer.count < 1)
			add(&s->dial, LINK_CHANGES, 700, 1);
		if (s->answer.count < 2)
			add(&s->dial, LINK_LARGE, 9000, 2);
		assert_int_equal(ends_run(s, 600000), 0);
		assert_int_equal(s->answer.count, 2);
		assert_item(&s->answer, 0, 700, 1);
		assert_item(&s->answer, 1, 9000, 2);
		gone(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_leaves_with_the_first_bytes),
		cmocka_unit_test(
			who_calls_by_and_for_other_keys_is_answered_by_them),
		cmocka_unit_test(
			a_change_on_an_open_link_costs_nineteen_bytes_more),
		cmocka_unit_test(an_idle_link_says_nothing),
		cmocka_unit_test(both_directions_carry_at_once),
		cmocka_unit_test(a_change_overtakes_a_large_body_on_any_line),
		cmocka_unit_test(small_bodies_go_before_large_ones),
		cmocka_unit_test(
			a_line_that_drops_at_any_byte_costs_one_record),
		cmocka_unit_test(fifty_kills_cost_less_than_two_percent),
		cmocka_unit_test(a_call_ends_when_both_said_all),
		cmocka_unit_test(
			what_is_limited_stops_before_the_byte_that_breaks_it),
		cmocka_unit_test(a_call_that_ends_without_a_receipt_broke_off),
		cmocka_unit_test(nobody_waits_for_ever_for_the_end),
		cmocka_unit_test(half_a_record_is_not_waited_for_for_ever),
		cmocka_unit_test(what_nothing_comes_after_is_asked_for_once),
		cmocka_unit_test(who_wants_to_know_asks_where_nothing_comes),
		cmocka_unit_test(who_is_not_told_gives_up),
		cmocka_unit_test(before_an_answer_only_so_much_is_said),
	};

	if (key_start(NULL) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
