/* Old files of a log go, the last one too, and no crash makes that damage. */
#include "log_maker.h"
#include "simdisk.h"

#include <errno.h>

#define OTHER_INCARNATION 0x55u

/* A log on a simulated disk, and its end as a state has it. */
struct fixture {
	struct simdisk *d;
	struct os *os;
	struct log_end durable;
	struct err err;
};

static void append(struct fixture *f, uint64_t incarnation, int frames,
	int64_t rotate_size, uint64_t now_ms)
{
	struct segment_header h = log_maker_header();
	struct log_writer w;

	h.log.incarnation = incarnation;
	assert_ok(log_writer_open(&w, f->os, LOG_DIR, &h, &f->durable, &f->err),
		f->err);
	w.rotate_size = rotate_size;
	for (int i = 0; i < frames; i++) {
		assert_ok(log_writer_begin(&w, now_ms, &f->err), f->err);
		assert_ok(log_maker_append(&w, &f->err), f->err);
	}
	assert_ok(log_writer_sync(&w, &f->err), f->err);
	f->durable = w.end;
	log_writer_close(&w);
}

/* Some files, of 12 frames. */
static struct fixture fresh(uint64_t seed)
{
	struct fixture f = {.d = simdisk_new(seed)};

	f.os = simdisk_os(f.d);
	append(&f, LOG_INCARNATION, 12, 300, LOG_NOW_MS);
	return f;
}

static size_t segments(struct fixture *f, struct log_segment **ret)
{
	size_t count;

	assert_ok(log_segments(f->os, LOG_DIR, LOG_INCARNATION, &f->durable,
			  ret, &count, &f->err),
		f->err);
	return count;
}

static size_t names(struct fixture *f)
{
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0, count = 0;

	if (f->os->ops->list(f->os, LOG_DIR, &list) < 0)
		return 0;
	while (os_list_next(&list, &at, &entry))
		count++;
	return count;
}

static struct log_end without_file(const struct log_end *end)
{
	return (struct log_end){.lsn = end->lsn, .chain = end->chain};
}

static void segments_are_told_as_they_lie_there(void **state)
{
	struct fixture f = fresh(1);
	AUTO_FREE struct log_segment *list = NULL;
	size_t count = segments(&f, &list);

	(void)state;
	assert_true(count > 3);
	assert_true(list[0].first_lsn == 1);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(list[i].last, i + 1 == count);
		assert_true(list[i].size > 80);
		assert_true(list[i].changed_ms > 1700000000000);
		assert_true(list[i].last_lsn >= list[i].first_lsn);
		if (i)
			assert_true(
				list[i].first_lsn == list[i - 1].last_lsn + 1);
	}
	assert_true(list[count - 1].last_lsn == f.durable.lsn);
	assert_true(list[count - 1].first_lsn == f.durable.file_lsn);
	simdisk_free(f.d);
}

static void a_last_segment_that_is_missing_is_not_told(void **state)
{
	struct fixture f = fresh(1);
	AUTO_FREE struct log_segment *all = NULL, *rest = NULL;
	size_t count = segments(&f, &all);
	char name[48];

	(void)state;
	segment_file_name(LOG_INCARNATION, f.durable.file_lsn, name);
	AUTO_FREE char *path = mem_printf(LOG_DIR "/%s", name);
	assert_int_equal(f.os->ops->unlink(f.os, path), 0);
	assert_int_equal(segments(&f, &rest), count - 1);
	assert_false(rest[count - 2].last);
	simdisk_free(f.d);
}

static void a_file_is_sealed_a_day_after_it_was_begun(void **state)
{
	struct fixture f = {.d = simdisk_new(1)};
	struct log_end end;

	(void)state;
	f.os = simdisk_os(f.d);
	append(&f, LOG_INCARNATION, 1, SEGMENT_ROTATE_SIZE, LOG_NOW_MS);
	end = f.durable;
	append(&f, LOG_INCARNATION, 2, SEGMENT_ROTATE_SIZE,
		LOG_NOW_MS + SEGMENT_ROTATE_MS - 1);
	assert_true(f.durable.file_lsn == end.file_lsn);
	/* Nor by a clock that went back. */
	append(&f, LOG_INCARNATION, 1, SEGMENT_ROTATE_SIZE, LOG_NOW_MS - 9);
	assert_true(f.durable.file_lsn == end.file_lsn);
	end = f.durable;
	append(&f, LOG_INCARNATION, 2, SEGMENT_ROTATE_SIZE,
		LOG_NOW_MS + SEGMENT_ROTATE_MS);
	assert_true(f.durable.file_lsn == end.lsn + 1);
	log_maker_check(f.os, &f.durable, 1);
	simdisk_free(f.d);
}

static void a_log_goes_as_a_whole(void **state)
{
	struct fixture f = fresh(1);
	struct log_end end = without_file(&f.durable);
	struct log_reader r;

	(void)state;
	assert_ok(
		log_remove_behind(f.os, LOG_DIR, LOG_INCARNATION, &end, &f.err),
		f.err);
	assert_int_equal(simdisk_open_files(f.d), 0);
	simdisk_power_cut_mode(f.d, SIMDISK_ALL_LOST, 1);
	assert_int_equal(names(&f), 0);
	assert_int_equal(log_reader_open(&r, f.os, LOG_DIR, LOG_INCARNATION,
				 &end, 1, &f.err),
		ERR_ABSENT);
	assert_ok(log_verify(f.os, LOG_DIR, LOG_INCARNATION, &end, &f.err),
		f.err);
	/* Once more, where there is not even a directory. */
	assert_ok(
		log_remove_behind(f.os, LOG_DIR, LOG_INCARNATION, &end, &f.err),
		f.err);
	f.durable = end;
	append(&f, LOG_INCARNATION, 3, 300, LOG_NOW_MS);
	log_maker_check(f.os, &f.durable, end.lsn + 1);
	simdisk_free(f.d);
}

static void the_log_of_another_incarnation_stays(void **state)
{
	struct fixture f = fresh(1);
	struct log_end end = f.durable, none = without_file(&end);
	size_t count = names(&f);

	(void)state;
	f.durable = (struct log_end){0};
	append(&f, OTHER_INCARNATION, 5, 300, LOG_NOW_MS);
	assert_true(names(&f) > count);
	none.lsn = f.durable.lsn;
	none.chain = f.durable.chain;
	assert_ok(log_remove_behind(
			  f.os, LOG_DIR, OTHER_INCARNATION, &none, &f.err),
		f.err);
	assert_int_equal(names(&f), count);
	log_maker_check(f.os, &end, 1);
	simdisk_free(f.d);
}

/* ---- cuts ---- */

/*
 * The last file goes: the state records that the log has none, and then the
 * files are removed. In between it may be cut.
 */
static void remove_all(struct fixture *f, bool sealed_first)
{
	struct err err = ERR_INIT;

	if (sealed_first && log_remove_before(f->os, LOG_DIR, LOG_INCARNATION,
				    &f->durable, UINT64_MAX, &err) < 0)
		return;
	f->durable = without_file(&f->durable);
	(void)log_remove_behind(
		f->os, LOG_DIR, LOG_INCARNATION, &f->durable, &err);
}

/* Nothing looks like damage, nothing comes back, and the log goes on. */
static void check_after(struct fixture *f, struct log_end before, bool pass)
{
	AUTO_FREE struct log_segment *list = NULL;
	uint64_t first;

	assert_ok(log_verify(f->os, LOG_DIR, LOG_INCARNATION, &f->durable,
			  &f->err),
		f->err);
	assert_true(f->durable.lsn == before.lsn);
	/* The next pass takes what was left; or the next commit does. */
	if (!f->durable.file_lsn && pass)
		assert_ok(log_remove_behind(f->os, LOG_DIR, LOG_INCARNATION,
				  &f->durable, &f->err),
			f->err);
	append(f, LOG_INCARNATION, 4, 300, LOG_NOW_MS);
	simdisk_power_cut_mode(f->d, SIMDISK_ALL_LOST, 3);
	assert_ok(log_verify(f->os, LOG_DIR, LOG_INCARNATION, &f->durable,
			  &f->err),
		f->err);
	segments(f, &list);
	first = list[0].first_lsn;
	log_maker_check(f->os, &f->durable, first);
	if (first > before.lsn)
		assert_true(first == before.lsn + 1);
	assert_int_equal(simdisk_open_files(f->d), 0);
}

static uint64_t calls_of_removal(bool sealed_first)
{
	struct fixture f = fresh(1);
	uint64_t before = simdisk_calls(f.d), calls;

	remove_all(&f, sealed_first);
	assert_int_equal(names(&f), 0);
	calls = simdisk_calls(f.d) - before;
	assert_true(calls > 4);
	simdisk_free(f.d);
	return calls;
}

static void cut_at_every_call(enum simdisk_cut how, bool kill)
{
	for (int sealed_first = 0; sealed_first < 2; sealed_first++) {
		uint64_t calls = calls_of_removal(sealed_first);

		for (uint64_t n = 1; n <= calls; n++) {
			struct fixture f = fresh(n);
			struct log_end before = f.durable;

			simdisk_stop_at(f.d, n);
			remove_all(&f, sealed_first);
			assert_true(simdisk_stopped(f.d));
			if (kill)
				simdisk_kill(f.d);
			else
				simdisk_power_cut_mode(f.d, how, n);
			simdisk_faults_clear(f.d);
			check_after(&f, before, n % 2);
			simdisk_free(f.d);
		}
	}
}

static void a_removal_may_be_cut_off_anywhere(void **state)
{
	(void)state;
	cut_at_every_call(SIMDISK_ALL_LOST, false);
	cut_at_every_call(SIMDISK_ALL_KEPT, false);
	cut_at_every_call(SIMDISK_RANDOM, false);
	cut_at_every_call(SIMDISK_ORDERED, false);
	cut_at_every_call(SIMDISK_ALL_KEPT, true);
}

static void a_removal_that_fails_is_told_and_done_again(void **state)
{
	uint64_t calls = calls_of_removal(false);

	(void)state;
	for (uint64_t n = 1; n <= calls; n++) {
		struct fixture f = fresh(n);
		struct log_end before = f.durable;
		struct log_end end = without_file(&before);

		simdisk_fail_at(f.d, n, EIO);
		assert_int_equal(log_remove_behind(f.os, LOG_DIR,
					 LOG_INCARNATION, &end, &f.err),
			ERR_IO);
		assert_true(f.err.text[0]);
		f.durable = end;
		check_after(&f, before, n % 2);
		simdisk_free(f.d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_are_told_as_they_lie_there),
		cmocka_unit_test(a_last_segment_that_is_missing_is_not_told),
		cmocka_unit_test(a_file_is_sealed_a_day_after_it_was_begun),
		cmocka_unit_test(a_log_goes_as_a_whole),
		cmocka_unit_test(the_log_of_another_incarnation_stays),
		cmocka_unit_test(a_removal_may_be_cut_off_anywhere),
		cmocka_unit_test(a_removal_that_fails_is_told_and_done_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
