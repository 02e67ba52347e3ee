/*
 * The changes of a log, written out from the state, leave every receiver in
 * the state that the log itself would have left it in.
 *
 *     test_writeout [HISTORIES [FIRST SEED]]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fold.h"
#include "manysites.h"
#include "statetext.h"

#define ACTS 120

static uint64_t histories = 8, first_seed = 1;
static struct err err;

static void assert_same_text(
	const char *expected, const char *is, const char *what, uint64_t seed)
{
	if (strcmp(expected, is) == 0)
		return;
	print_message("seed %" PRIu64 ": %s\n", seed, what);
	state_print_difference(expected, is);
	fail();
}

static void every_site_that_heard_all_knows_the_same(void **state)
{
	(void)state;
	for (uint64_t seed = first_seed; seed < first_seed + histories;
		seed++) {
		struct many m;

		many_make(&m, seed, ACTS);
		AUTO_FREE char *first = state_text(m.sites[0].r);
		for (size_t i = 1; i < SITES; i++) {
			AUTO_FREE char *other = state_text(m.sites[i].r);

			assert_same_text(first, other, "another site", seed);
		}
		many_free(&m);
	}
}

/* ---- receivers ---- */

/* What a receiver gets: the bytes, decoded. */
static void send_batch(struct replica *to, const struct log_id *log,
	const struct change_batch *batch, uint64_t from, uint64_t upto)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct change_context ctx = {*log, from + 1, 1800000000000};
	struct change_batch got = {0};

	change_encode(&ctx, batch->items, batch->count, &bytes);
	if (change_decode(&ctx, bytes.data, bytes.len, &got, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(got.count, batch->count);
	for (size_t i = 0; i < got.count; i++) {
		assert_true(got.items[i].by.lsn > from);
		assert_true(got.items[i].by.lsn <= upto);
	}
	many_merge(to, log, got.items, got.count, upto, &err);
	change_batch_free(&got);
}

/* The changes of a log behind `after`, written out by one and merged by the
   other, in slices. */
static void write_over(struct many *m, struct replica *from, struct replica *to,
	const struct log_id *log, uint64_t after, uint64_t end)
{
	while (after < end) {
		struct change_batch batch = {0};
		uint64_t upto = after + 1 + many_below(m, end - after), got;

		if (replica_write_out(
			    from, log, after, upto, &batch, &got, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(got, upto);
		send_batch(to, log, &batch, after, upto);
		change_batch_free(&batch);
		after = upto;
	}
}

/* Folders' logs come behind their site's account logs. */
static bool is_behind(const struct site_log *log, const struct site_log *first)
{
	return id_is_account(&first->id.folder) && log != first &&
	       log->id.origin == first->id.origin &&
	       (!id_is_account(&log->id.folder) ||
		       log->id.incarnation > first->id.incarnation);
}

/* A site's account logs come in the order in which it began them. */
static void merge_others(struct many *m, struct replica *r,
	const struct site_log *log, bool behind)
{
	uint64_t first = many_below(m, SITES);

	for (uint64_t i = 0; i < 2 * SITES; i++) {
		uint64_t origin = 1 + (first + i) % SITES;

		for (size_t k = 0; k < m->log_count; k++) {
			const struct site_log *l = &m->logs[k];

			if (l == log || is_behind(l, log) != behind ||
				l->id.origin != origin ||
				id_is_account(&l->id.folder) != (i < SITES))
				continue;
			many_merge(r, &l->id, l->batch.items, l->batch.count,
				l->batch.count, &err);
		}
	}
}

static struct replica *open_state(struct simdisk *disk)
{
	struct replica *r = many_replica(disk, 9, &err);

	assert_int_equal(replica_begin(r, &err), 0);
	return r;
}

static void commit(struct replica *r)
{
	if (replica_commit(r, &err) < 0)
		fail_msg("%s", err.text);
}

static void close_state(struct replica *r)
{
	commit(r);
	replica_close(r);
}

/* A receiver that has all but what is behind `after` in this log. */
static void catch_up(struct many *m, const struct simdisk *at,
	const struct site_log *log, uint64_t after, bool by_fold,
	const char *expected, uint64_t seed)
{
	struct simdisk *disk = simdisk_clone(at);
	struct replica *r = open_state(disk);
	uint64_t end = log->batch.count;

	if (by_fold) {
		struct change_batch folded = {0};

		fold_changes(log->batch.items + after, (size_t)(end - after),
			FOLD_DROP_DEAD, &folded);
		send_batch(r, &log->id, &folded, after, end);
		change_batch_free(&folded);
	} else {
		write_over(m, m->sites[many_below(m, SITES)].r, r, &log->id,
			after, end);
	}
	merge_others(m, r, log, true);
	commit(r);
	AUTO_FREE char *is = state_text(r);
	AUTO_FREE char *what = mem_printf("log %" PRIx64 "/%" PRIx64
					  " from %" PRIu64 " of %" PRIu64 "%s",
		log->id.origin, log->id.incarnation, after, end,
		by_fold ? ", folded" : "");
	assert_same_text(expected, is, what, seed);
	replica_close(r);
	simdisk_free(disk);
}

/* From every position of one log. */
static void check_log(struct many *m, const struct site_log *log, bool by_fold,
	const char *expected, uint64_t seed)
{
	struct simdisk *disk = simdisk_new(seed);
	struct replica *r = open_state(disk);

	merge_others(m, r, log, false);
	close_state(r);
	for (uint64_t lsn = 0; lsn < log->batch.count; lsn++) {
		catch_up(m, disk, log, lsn, by_fold, expected, seed);
		r = open_state(disk);
		many_merge(
			r, &log->id, &log->batch.items[lsn], 1, lsn + 1, &err);
		close_state(r);
	}
	simdisk_free(disk);
}

static void check_histories(bool by_fold)
{
	for (uint64_t seed = first_seed; seed < first_seed + histories;
		seed++) {
		struct many m;

		many_make(&m, seed, ACTS);
		AUTO_FREE char *expected = state_text(m.sites[0].r);
		for (int n = 0; n < 2; n++)
			check_log(&m, &m.logs[many_below(&m, m.log_count)],
				by_fold, expected, seed);
		many_free(&m);
	}
}

static void a_log_written_out_is_right_for_every_position(void **state)
{
	(void)state;
	check_histories(false);
}

static void so_is_a_fold_of_it(void **state)
{
	(void)state;
	check_histories(true);
}

static struct replica *write_over_all(
	struct many *m, struct replica *from, struct simdisk *disk)
{
	struct replica *to = open_state(disk);

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < m->log_count; i++)
			if (id_is_account(&m->logs[i].id.folder) == (pass == 0))
				write_over(m, from, to, &m->logs[i].id, 0,
					m->logs[i].batch.count);
	commit(to);
	return to;
}

static void from_hand_to_hand_it_stays_the_same(void **state)
{
	(void)state;
	for (uint64_t seed = first_seed; seed < first_seed + histories;
		seed++) {
		struct many m;
		struct simdisk *disks[] = {simdisk_new(1), simdisk_new(2)};

		many_make(&m, seed, ACTS);
		struct replica *a = write_over_all(&m, m.sites[1].r, disks[0]);
		struct replica *b = write_over_all(&m, a, disks[1]);
		AUTO_FREE char *expected = state_text(m.sites[1].r);
		AUTO_FREE char *first = state_text(a);
		AUTO_FREE char *second = state_text(b);

		assert_same_text(expected, first, "first hand", seed);
		assert_same_text(expected, second, "second hand", seed);
		replica_close(a);
		replica_close(b);
		simdisk_free(disks[0]);
		simdisk_free(disks[1]);
		many_free(&m);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_site_that_heard_all_knows_the_same),
		cmocka_unit_test(so_is_a_fold_of_it),
		cmocka_unit_test(a_log_written_out_is_right_for_every_position),
		cmocka_unit_test(from_hand_to_hand_it_stays_the_same),
	};

	if (argc > 1)
		histories = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		first_seed = strtoull(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
