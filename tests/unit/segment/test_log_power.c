/*
 * A realistic run of the writer, interrupted at each file-changing call by a
 * power cut, a kill or an error.
 */
#include "log_maker.h"
#include "simdisk.h"

#include <errno.h>

#define LAST_LSN 26

/*
 * The run: what the replica state knows, and how it learns. A commit that was
 * synced is recorded at once, or only after the next one (`late`), as if the
 * power had gone between fdatasync and the state's transaction.
 */
struct run {
	struct os *os;
	bool late;
	struct log_end synced;
	struct log_end durable;
	int errors;
};

static int open_log(struct run *run, struct log_writer *w, struct err *err)
{
	struct segment_header h = log_maker_header();
	int r = log_writer_open(w, run->os, LOG_DIR, &h, &run->durable, err);

	if (r == 0)
		w->rotate_size = 400;
	return r;
}

static int commit(struct run *run, struct log_writer *w, struct err *err)
{
	int r = log_writer_begin(w, LOG_NOW_MS, err);

	for (int i = 0; r == 0 && i < 2; i++)
		r = log_maker_append(w, err);
	if (r == 0 && w->end.lsn % 2)
		r = log_maker_state(w, err);
	if (r == 0)
		r = log_writer_sync(w, err);
	if (r < 0)
		return r;
	run->durable = run->late ? run->synced : w->end;
	run->synced = w->end;
	return 0;
}

/* Three commits, then the writer is closed. */
static int session(struct run *run, struct err *err)
{
	struct log_writer w;
	int r = open_log(run, &w, err);

	if (r < 0)
		return r;
	run->synced = run->durable;
	for (int i = 0; r == 0 && i < 3; i++)
		r = commit(run, &w, err);
	log_writer_close(&w);
	run->durable = r == 0 ? run->synced : run->durable;
	return r;
}

/* Sessions until enough is written, or until nothing goes any more. */
static void work(struct run *run)
{
	int refused = 0;

	while (run->durable.lsn < LAST_LSN && refused < 3) {
		struct err err = ERR_INIT;
		int r = session(run, &err);

		refused = r < 0 ? refused + 1 : 0;
		if (r == 0)
			continue;
		if (r != ERR_IO || err.text[0] == '\0')
			fail_msg("%d: %s", r, err.text);
		run->errors++;
	}
}

static void check(struct run *run)
{
	struct err err = ERR_INIT;

	assert_ok(log_verify(run->os, LOG_DIR, LOG_INCARNATION, &run->durable,
			  &err),
		err);
	log_maker_check(run->os, &run->durable, 1);
}

/* No name in the directory that is beyond the durable end. */
static void check_tidy(struct run *run)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry entry;
	char last[48];
	size_t at = 0;

	if (run->os->ops->list(run->os, LOG_DIR, &names) < 0)
		return;
	segment_file_name(LOG_INCARNATION, run->durable.file_lsn, last);
	while (os_list_next(&names, &at, &entry))
		if (strcmp(entry.name, last) > 0)
			fail_msg("%s is left, behind %s", entry.name, last);
}

/* What is durable is there, the rest is dealt with, work goes on. */
static void check_recovery(struct simdisk *d, struct run *run)
{
	struct log_writer w;
	struct err err = ERR_INIT;

	run->os = simdisk_os(d);
	check(run);
	assert_ok(open_log(run, &w, &err), err);
	assert_true(w.end.lsn == run->durable.lsn);
	check_tidy(run);
	log_writer_close(&w);
	check(run);
	work(run);
	assert_true(run->durable.lsn >= LAST_LSN);
	simdisk_power_cut_mode(d, SIMDISK_ALL_LOST, 1);
	check(run);
	assert_int_equal(simdisk_open_files(d), 0);
}

static uint64_t calls_of_a_run(bool late)
{
	struct simdisk *d = simdisk_new(1);
	struct run run = {.os = simdisk_os(d), .late = late};
	uint64_t calls;

	work(&run);
	assert_int_equal(run.errors, 0);
	assert_true(run.durable.lsn >= LAST_LSN);
	assert_true(run.durable.file_lsn > 6);
	check(&run);
	calls = simdisk_calls(d);
	simdisk_free(d);
	return calls;
}

static void cut_at_every_call(enum simdisk_cut how, uint64_t seed, bool late)
{
	uint64_t calls = calls_of_a_run(late);

	for (uint64_t n = 1; n <= calls; n++) {
		struct simdisk *d = simdisk_new(seed);
		struct run run = {.os = simdisk_os(d), .late = late};

		simdisk_stop_at(d, n);
		work(&run);
		assert_true(simdisk_stopped(d));
		simdisk_power_cut_mode(d, how, seed * 1000 + n);
		check_recovery(d, &run);
		simdisk_free(d);
	}
}

static void power_cuts_that_lose_all_that_was_not_synced(void **state)
{
	(void)state;
	cut_at_every_call(SIMDISK_ALL_LOST, 1, false);
	cut_at_every_call(SIMDISK_ALL_LOST, 1, true);
}

static void power_cuts_that_keep_all_that_was_not_synced(void **state)
{
	(void)state;
	cut_at_every_call(SIMDISK_ALL_KEPT, 1, false);
	cut_at_every_call(SIMDISK_ALL_KEPT, 1, true);
}

static void power_cuts_that_keep_what_they_like(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 2; seed++) {
		cut_at_every_call(SIMDISK_RANDOM, seed, seed % 2);
		cut_at_every_call(SIMDISK_ORDERED, seed, seed % 2);
	}
}

static void kills(void **state)
{
	uint64_t calls = calls_of_a_run(true);

	(void)state;
	for (uint64_t n = 1; n <= calls; n++) {
		struct simdisk *d = simdisk_new(n);
		struct run run = {.os = simdisk_os(d), .late = n % 2};

		simdisk_stop_at(d, n);
		work(&run);
		simdisk_kill(d);
		simdisk_faults_clear(d);
		check_recovery(d, &run);
		simdisk_free(d);
	}
}

/* A second power cut while the first one's left-overs are dealt with. */
static void power_cuts_in_the_recovery(void **state)
{
	uint64_t calls = calls_of_a_run(false);

	(void)state;
	for (uint64_t n = 1; n <= calls; n += 3) {
		for (uint64_t m = 1; m <= 8; m++) {
			struct simdisk *d = simdisk_new(n);
			struct run run = {.os = simdisk_os(d), .late = m % 2};

			simdisk_stop_at(d, n);
			work(&run);
			simdisk_power_cut(d, n);
			simdisk_stop_at(d, m);
			work(&run);
			simdisk_power_cut(d, m);
			check_recovery(d, &run);
			simdisk_free(d);
		}
	}
}

static void fail_at_every_call(int os_errno)
{
	uint64_t calls = calls_of_a_run(false);

	for (uint64_t n = 1; n <= calls; n++) {
		struct simdisk *d = simdisk_new(n);
		struct run run = {.os = simdisk_os(d)};

		simdisk_fail_at(d, n, os_errno);
		work(&run);
		assert_true(simdisk_fired(d));
		assert_true(run.errors <= 1);
		assert_true(run.durable.lsn >= LAST_LSN);
		check(&run);
		simdisk_power_cut_mode(d, SIMDISK_ALL_LOST, n);
		check(&run);
		check_recovery(d, &run);
		simdisk_free(d);
	}
}

static void errors_are_told_and_got_over(void **state)
{
	(void)state;
	fail_at_every_call(EIO);
	fail_at_every_call(ENOSPC);
}

static void short_writes_do_not_show(void **state)
{
	uint64_t calls = calls_of_a_run(false);

	(void)state;
	for (uint64_t n = 1; n <= calls; n++) {
		struct simdisk *d = simdisk_new(n);
		struct run run = {.os = simdisk_os(d)};

		simdisk_short_at(d, n);
		work(&run);
		assert_int_equal(run.errors, 0);
		check_recovery(d, &run);
		simdisk_free(d);
	}
}

/* What a failed fsync lost must not be needed after a power cut later on. */
static void power_cuts_after_an_error(void **state)
{
	uint64_t calls = calls_of_a_run(false);

	(void)state;
	for (uint64_t n = 1; n <= calls; n += 2) {
		for (uint64_t m = 1; m <= 12; m++) {
			struct simdisk *d = simdisk_new(n);
			struct run run = {.os = simdisk_os(d), .late = m % 2};

			simdisk_fail_at(d, n, EIO);
			while (!simdisk_fired(d) &&
				run.durable.lsn < LAST_LSN) {
				struct err err = ERR_INIT;

				session(&run, &err);
			}
			simdisk_stop_at(d, m);
			work(&run);
			simdisk_power_cut(d, m);
			check_recovery(d, &run);
			simdisk_free(d);
		}
	}
}

static void a_full_disk_stops_the_log_and_room_lets_it_go_on(void **state)
{
	struct simdisk *d = simdisk_new(1);
	struct run run = {.os = simdisk_os(d)};

	(void)state;
	simdisk_set_space(d, 1000, 1 << 20);
	work(&run);
	assert_int_equal(run.errors, 3);
	assert_true(run.durable.lsn < LAST_LSN);
	check(&run);
	simdisk_set_space(d, 1 << 19, 1 << 20);
	work(&run);
	assert_true(run.durable.lsn >= LAST_LSN);
	check_recovery(d, &run);
	simdisk_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_cuts_that_lose_all_that_was_not_synced),
		cmocka_unit_test(power_cuts_that_keep_all_that_was_not_synced),
		cmocka_unit_test(power_cuts_that_keep_what_they_like),
		cmocka_unit_test(kills),
		cmocka_unit_test(power_cuts_in_the_recovery),
		cmocka_unit_test(errors_are_told_and_got_over),
		cmocka_unit_test(short_writes_do_not_show),
		cmocka_unit_test(power_cuts_after_an_error),
		cmocka_unit_test(
			a_full_disk_stops_the_log_and_room_lets_it_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
