#include "log_maker.h"
#include "simdisk.h"

#include <errno.h>

/* A log on a simulated disk, and its durable end as the state has it. */
struct fixture {
	struct simdisk *d;
	struct os *os;
	struct log_end durable;
	struct log_writer w;
	struct err err;
};

static struct fixture fresh(void)
{
	struct fixture f = {.d = simdisk_new(7)};

	f.os = simdisk_os(f.d);
	return f;
}

static void open_log(struct fixture *f)
{
	struct segment_header h = log_maker_header();

	assert_ok(log_writer_open(
			  &f->w, f->os, LOG_DIR, &h, &f->durable, &f->err),
		f->err);
}

static void begin(struct fixture *f)
{
	assert_ok(log_writer_begin(&f->w, LOG_NOW_MS, &f->err), f->err);
}

static void append(struct fixture *f, size_t frames)
{
	begin(f);
	while (frames--)
		assert_ok(log_maker_append(&f->w, &f->err), f->err);
}

static void commit(struct fixture *f)
{
	assert_ok(log_writer_sync(&f->w, &f->err), f->err);
	f->durable = f->w.end;
}

/* All is as written, nothing is open, and a power cut changes nothing. */
static void finish(struct fixture *f)
{
	log_writer_close(&f->w);
	for (int i = 0; i < 2; i++) {
		assert_ok(log_verify(f->os, LOG_DIR, LOG_INCARNATION,
				  &f->durable, &f->err),
			f->err);
		log_maker_check(f->os, &f->durable, 1);
		assert_int_equal(simdisk_open_files(f->d), 0);
		simdisk_power_cut_mode(f->d, SIMDISK_ALL_LOST, 1);
	}
	simdisk_free(f->d);
}

static char *path_of(uint64_t first_lsn)
{
	char name[48];

	segment_file_name(LOG_INCARNATION, first_lsn, name);
	return mem_printf(LOG_DIR "/%s", name);
}

static bool there(struct fixture *f, const char *path)
{
	struct os_stat st;

	return f->os->ops->stat(f->os, path, &st) == 0;
}

static void nothing_is_written_before_the_first_begin(void **state)
{
	struct fixture f = fresh();

	(void)state;
	open_log(&f);
	assert_int_equal(simdisk_calls(f.d), 0);
	assert_int_equal(f.w.fd, -1);
	commit(&f);
	assert_int_equal(simdisk_calls(f.d), 0);
	finish(&f);
}

static void appending_advances_the_end(void **state)
{
	struct fixture f = fresh();
	int64_t size;

	(void)state;
	open_log(&f);
	begin(&f);
	assert_true(f.w.end.file_lsn == 1);
	assert_true(f.w.end.lsn == 0);
	assert_true(f.w.header.base_ms == LOG_NOW_MS);
	size = f.w.end.size;
	append(&f, 1);
	assert_int_equal(f.w.end.lsn, log_maker_count(1));
	assert_true(f.w.end.size > size);
	commit(&f);
	finish(&f);
}

static void a_log_is_gone_on_with_after_a_reopen(void **state)
{
	struct fixture f = fresh();

	(void)state;
	for (int i = 0; i < 5; i++) {
		open_log(&f);
		append(&f, 3);
		assert_ok(log_maker_state(&f.w, &f.err), f.err);
		commit(&f);
		log_writer_close(&f.w);
	}
	assert_int_equal(f.durable.file_lsn, 1);
	open_log(&f);
	finish(&f);
}

static void a_full_file_is_sealed_by_the_next(void **state)
{
	struct fixture f = fresh();

	(void)state;
	open_log(&f);
	f.w.rotate_size = 600;
	for (int i = 0; i < 10; i++)
		append(&f, 2);
	assert_true(f.w.end.file_lsn > 10);
	assert_true(f.w.header.first_lsn == f.w.end.file_lsn);
	commit(&f);
	finish(&f);
}

static void a_file_is_begun_at_the_documented_size(void **state)
{
	uint8_t *payload = mem_alloc(SEGMENT_PAYLOAD_MAX);
	struct fixture f = fresh();
	uint64_t x = 1;

	(void)state;
	for (size_t i = 0; i < SEGMENT_ROTATE_SIZE; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		payload[i] = (uint8_t)(x >> 56);
	}
	open_log(&f);
	begin(&f);
	assert_ok(log_writer_append(&f.w, FRAME_CHANGES, 1, payload,
			  SEGMENT_ROTATE_SIZE, &f.err),
		f.err);
	begin(&f);
	assert_int_equal(f.w.end.file_lsn, 2);
	assert_int_equal(log_writer_append(&f.w, FRAME_CHANGES, 1, payload,
				 SEGMENT_PAYLOAD_MAX + 1, &f.err),
		ERR_LIMIT);
	assert_int_equal(log_writer_append(&f.w, FRAME_CHANGES,
				 SEGMENT_COUNT_MAX + 1, payload, 1, &f.err),
		ERR_LIMIT);
	commit(&f);
	assert_ok(
		log_verify(f.os, LOG_DIR, LOG_INCARNATION, &f.durable, &f.err),
		f.err);
	log_writer_close(&f.w);
	simdisk_free(f.d);
	free(payload);
}

static void what_is_beyond_the_durable_end_is_cut_and_its_file_abandoned(
	void **state)
{
	struct fixture f = fresh();
	AUTO_FREE char *path = path_of(1);
	struct os_stat st;

	(void)state;
	open_log(&f);
	append(&f, 2);
	commit(&f);
	append(&f, 3);
	/* on the disk, but the power went before the state knew */
	assert_ok(log_writer_sync(&f.w, &f.err), f.err);
	log_writer_close(&f.w);
	open_log(&f);
	assert_true(f.w.end.lsn == f.durable.lsn);
	log_writer_close(&f.w);
	open_log(&f); /* that it is abandoned is not forgotten */
	int64_t size = f.durable.size;
	append(&f, 1);
	assert_int_equal(f.w.end.file_lsn, f.durable.lsn + 1);
	assert_int_equal(f.os->ops->stat(f.os, path, &st), 0);
	assert_int_equal(st.size, size);
	commit(&f);
	/* the tail may come back: nobody reads it */
	simdisk_power_cut_mode(f.d, SIMDISK_ALL_LOST, 1);
	log_writer_close(&f.w);
	open_log(&f);
	append(&f, 1);
	commit(&f);
	finish(&f);
}

static void what_was_begun_beyond_the_durable_end_is_removed(void **state)
{
	AUTO_FREE char *other =
		mem_printf(LOG_DIR "/%016x-%016x.changes", 1, 0x1000);
	AUTO_FREE char *first = path_of(1);
	AUTO_FREE char *later = path_of(0x1000);
	AUTO_FREE char *torn = mem_printf("%s.tmp", later);
	struct fixture f = fresh();

	(void)state;
	open_log(&f);
	append(&f, 2);
	commit(&f);
	log_writer_close(&f.w);
	simdisk_put(f.d, later, "x", 1);
	simdisk_put(f.d, torn, "x", 1);
	simdisk_put(f.d, other, "x", 1);
	simdisk_put(f.d, LOG_DIR "/notes.changes", "x", 1);
	open_log(&f);
	simdisk_power_cut_mode(f.d, SIMDISK_ALL_LOST, 1);
	assert_false(there(&f, later));
	assert_false(there(&f, torn));
	assert_true(there(&f, first));
	assert_true(there(&f, other));
	assert_true(there(&f, LOG_DIR "/notes.changes"));
	log_writer_close(&f.w);
	f.durable = (struct log_end){0};
	open_log(&f);
	assert_false(there(&f, first));
	finish(&f);
}

static int try_open(struct fixture *f)
{
	struct segment_header h = log_maker_header();
	int r = log_writer_open(
		&f->w, f->os, LOG_DIR, &h, &f->durable, &f->err);

	assert_int_equal(simdisk_open_files(f->d), 0);
	return r;
}

static void a_last_file_that_is_not_whole_is_damage(void **state)
{
	struct fixture f = fresh();
	AUTO_FREE char *path = path_of(1);
	struct log_end good;

	(void)state;
	open_log(&f);
	append(&f, 2);
	commit(&f);
	log_writer_close(&f.w);
	good = f.durable;
	f.durable.size++;
	assert_int_equal(try_open(&f), ERR_CORRUPT);
	assert_says(f.err, "are durable");
	f.durable = good;
	f.durable.size = 20;
	assert_int_equal(try_open(&f), ERR_CORRUPT);
	assert_says(f.err, "ends inside its header");
	f.durable = good;
	f.durable.file_lsn = 2;
	assert_int_equal(try_open(&f), ERR_ABSENT);
	assert_says(f.err, "missing");
	f.durable = good;
	simdisk_damage(f.d, path, 30, 4);
	assert_int_equal(try_open(&f), ERR_CORRUPT);
	assert_says(f.err, "checksum");
	simdisk_free(f.d);
}

/* All of its files were truncated: the chain goes on. */
static void a_log_without_files_goes_on_where_it_ended(void **state)
{
	struct fixture f = fresh();
	AUTO_FREE char *old = path_of(1);
	struct log_reader r;
	uint64_t lsn, chain;

	(void)state;
	open_log(&f);
	append(&f, 2);
	commit(&f);
	log_writer_close(&f.w);
	lsn = f.durable.lsn;
	chain = f.durable.chain;
	f.durable.file_lsn = 0;
	f.durable.size = 0;
	assert_ok(
		log_verify(f.os, LOG_DIR, LOG_INCARNATION, &f.durable, &f.err),
		f.err);
	open_log(&f);
	assert_false(there(&f, old));
	append(&f, 1);
	assert_int_equal(f.w.header.first_lsn, lsn + 1);
	assert_int_equal(f.w.header.chain_before, chain);
	commit(&f);
	log_writer_close(&f.w);
	assert_int_equal(log_reader_open(&r, f.os, LOG_DIR, LOG_INCARNATION,
				 &f.durable, lsn, &f.err),
		ERR_ABSENT);
	assert_ok(log_reader_open(&r, f.os, LOG_DIR, LOG_INCARNATION,
			  &f.durable, lsn + 1, &f.err),
		f.err);
	log_reader_close(&r);
	assert_ok(
		log_verify(f.os, LOG_DIR, LOG_INCARNATION, &f.durable, &f.err),
		f.err);
	simdisk_free(f.d);
}

static void another_log_is_not_appended_to(void **state)
{
	struct segment_header h = log_maker_header();
	struct fixture f = fresh();

	(void)state;
	open_log(&f);
	append(&f, 2);
	commit(&f);
	log_writer_close(&f.w);
	h.log.folder.b[15] ^= 1;
	assert_int_equal(
		log_writer_open(&f.w, f.os, LOG_DIR, &h, &f.durable, &f.err),
		ERR_CORRUPT);
	assert_says(f.err, "belongs to another log");
	h = log_maker_header();
	strcpy(h.account, "bob");
	assert_int_equal(
		log_writer_open(&f.w, f.os, LOG_DIR, &h, &f.durable, &f.err),
		ERR_CORRUPT);
	assert_says(f.err, "belongs to another log");
	open_log(&f);
	finish(&f);
}

static void a_failed_writer_refuses_everything(void **state)
{
	struct fixture f = fresh();

	(void)state;
	open_log(&f);
	append(&f, 2);
	simdisk_fail_at(f.d, 1, EIO);
	assert_int_equal(log_writer_sync(&f.w, &f.err), ERR_IO);
	assert_int_equal(f.err.os_errno, EIO);
	assert_int_equal(log_writer_sync(&f.w, &f.err), ERR_IO);
	assert_says(f.err, "open it again from its durable end");
	assert_int_equal(log_writer_begin(&f.w, 1, &f.err), ERR_IO);
	assert_int_equal(log_maker_append(&f.w, &f.err), ERR_IO);
	log_writer_close(&f.w);
	simdisk_free(f.d);
}

static void a_failed_write_fails_the_writer(void **state)
{
	struct fixture f = fresh();

	(void)state;
	open_log(&f);
	append(&f, 2);
	commit(&f);
	simdisk_fail_at(f.d, 1, ENOSPC);
	assert_int_equal(log_maker_append(&f.w, &f.err), ERR_IO);
	assert_int_equal(f.err.os_errno, ENOSPC);
	assert_int_equal(log_maker_append(&f.w, &f.err), ERR_IO);
	assert_says(f.err, "open it again from its durable end");
	log_writer_close(&f.w);
	open_log(&f);
	append(&f, 2);
	commit(&f);
	finish(&f);
}

static void fail_sync(struct fixture *f)
{
	simdisk_fail_at(f->d, 1, EIO);
	assert_int_equal(log_writer_sync(&f->w, &f->err), ERR_IO);
	log_writer_close(&f->w);
}

static void after_a_failed_fsync_a_new_file_is_begun(void **state)
{
	struct fixture f = fresh();

	(void)state;
	open_log(&f);
	append(&f, 2);
	commit(&f);
	append(&f, 3);
	fail_sync(&f);
	open_log(&f);
	append(&f, 1);
	assert_int_equal(f.w.end.file_lsn, f.durable.lsn + 1);
	commit(&f);
	log_writer_close(&f.w);
	open_log(&f);
	append(&f, 1);
	commit(&f);
	finish(&f);
}

static void after_a_failed_fsync_an_empty_file_is_replaced(void **state)
{
	struct fixture f = fresh();

	(void)state;
	open_log(&f);
	begin(&f);
	commit(&f);
	append(&f, 2);
	fail_sync(&f);
	open_log(&f);
	append(&f, 2);
	assert_int_equal(f.w.end.file_lsn, 1);
	commit(&f);
	finish(&f);
}

static void statements_in_a_file_without_records_are_kept(void **state)
{
	struct fixture f = fresh();

	(void)state;
	open_log(&f);
	append(&f, 2);
	f.w.rotate_size = 10;
	begin(&f);
	assert_ok(log_maker_state(&f.w, &f.err), f.err);
	begin(&f); /* not another file: it would have the same name */
	assert_ok(log_maker_state(&f.w, &f.err), f.err);
	commit(&f);
	append(&f, 1);
	fail_sync(&f);
	open_log(&f);
	append(&f, 1);
	commit(&f);
	assert_int_equal(log_maker_check(f.os, &f.durable, 1), 5);
	finish(&f);
}

static void a_copy_is_made_of_whole_frames_only(void **state)
{
	struct fixture f = fresh();
	AUTO_FREE char *path = path_of(1);

	(void)state;
	open_log(&f);
	begin(&f);
	assert_ok(log_maker_state(&f.w, &f.err), f.err);
	commit(&f);
	append(&f, 1);
	fail_sync(&f);
	open_log(&f);
	simdisk_damage(f.d, path, (size_t)f.durable.size - 1, 1);
	assert_int_equal(log_writer_begin(&f.w, 1, &f.err), ERR_CORRUPT);
	assert_says(f.err, path);
	log_writer_close(&f.w);
	open_log(&f);
	f.w.end.chain++;
	simdisk_damage(f.d, path, (size_t)f.durable.size - 1, 1);
	assert_int_equal(log_writer_begin(&f.w, 1, &f.err), ERR_CORRUPT);
	assert_says(f.err, "not the durable end's");
	log_writer_close(&f.w);
	simdisk_free(f.d);
}

static void a_new_process_need_not_know_of_a_failed_fsync(void **state)
{
	struct fixture f = fresh();

	(void)state;
	open_log(&f);
	append(&f, 2);
	commit(&f);
	append(&f, 5);
	fail_sync(&f);
	simdisk_kill(f.d);
	open_log(&f);
	append(&f, 3);
	assert_int_equal(f.w.end.file_lsn, f.durable.lsn + 1);
	commit(&f);
	finish(&f);
}

static void old_files_go_when_nobody_wants_them(void **state)
{
	struct fixture f = fresh();
	struct log_reader r;
	uint64_t last;

	(void)state;
	open_log(&f);
	f.w.rotate_size = 300;
	for (int i = 0; i < 12; i++)
		append(&f, 1);
	commit(&f);
	last = f.w.end.file_lsn;
	log_writer_close(&f.w);
	assert_ok(log_remove_before(f.os, LOG_DIR, LOG_INCARNATION, &f.durable,
			  1, &f.err),
		f.err);
	log_maker_check(f.os, &f.durable, 1);
	assert_ok(log_remove_before(f.os, LOG_DIR, LOG_INCARNATION, &f.durable,
			  10, &f.err),
		f.err);
	simdisk_power_cut_mode(f.d, SIMDISK_ALL_LOST, 1);
	assert_int_equal(log_reader_open(&r, f.os, LOG_DIR, LOG_INCARNATION,
				 &f.durable, 1, &f.err),
		ERR_ABSENT);
	assert_says(f.err, "truncated");
	log_maker_check(f.os, &f.durable, 10);
	assert_ok(
		log_verify(f.os, LOG_DIR, LOG_INCARNATION, &f.durable, &f.err),
		f.err);
	assert_ok(log_remove_before(f.os, LOG_DIR, LOG_INCARNATION, &f.durable,
			  UINT64_MAX, &f.err),
		f.err);
	log_maker_check(f.os, &f.durable, last);
	open_log(&f);
	append(&f, 1);
	log_writer_close(&f.w);
	simdisk_free(f.d);
}

static void a_log_on_a_real_file_system(void **state)
{
	char base[] = "/tmp/pb-log-XXXXXX";
	struct segment_header h = log_maker_header();
	struct log_end end = {0};
	struct err err = ERR_INIT;
	struct log_writer w;

	(void)state;
	assert_non_null(mkdtemp(base));
	{
		AUTO_FREE char *dir = mem_printf("%s/alice/inbox", base);

		for (int i = 0; i < 3; i++) {
			assert_ok(log_writer_open(
					  &w, os_real(), dir, &h, &end, &err),
				err);
			w.rotate_size = 300;
			for (int n = 0; n < 4; n++) {
				assert_ok(log_writer_begin(&w, 1, &err), err);
				assert_ok(log_maker_append(&w, &err), err);
			}
			assert_ok(log_writer_sync(&w, &err), err);
			end = w.end;
			assert_ok(log_maker_append(&w, &err), err);
			log_writer_close(&w);
			assert_ok(log_verify(os_real(), dir, LOG_INCARNATION,
					  &end, &err),
				err);
		}
	}
	assert_ok(dir_remove(os_real(), base, &err), err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_written_before_the_first_begin),
		cmocka_unit_test(appending_advances_the_end),
		cmocka_unit_test(a_log_is_gone_on_with_after_a_reopen),
		cmocka_unit_test(a_full_file_is_sealed_by_the_next),
		cmocka_unit_test(a_file_is_begun_at_the_documented_size),
		cmocka_unit_test(
			what_is_beyond_the_durable_end_is_cut_and_its_file_abandoned),
		cmocka_unit_test(
			what_was_begun_beyond_the_durable_end_is_removed),
		cmocka_unit_test(a_last_file_that_is_not_whole_is_damage),
		cmocka_unit_test(a_log_without_files_goes_on_where_it_ended),
		cmocka_unit_test(another_log_is_not_appended_to),
		cmocka_unit_test(a_failed_writer_refuses_everything),
		cmocka_unit_test(a_failed_write_fails_the_writer),
		cmocka_unit_test(after_a_failed_fsync_a_new_file_is_begun),
		cmocka_unit_test(
			after_a_failed_fsync_an_empty_file_is_replaced),
		cmocka_unit_test(statements_in_a_file_without_records_are_kept),
		cmocka_unit_test(a_copy_is_made_of_whole_frames_only),
		cmocka_unit_test(a_new_process_need_not_know_of_a_failed_fsync),
		cmocka_unit_test(old_files_go_when_nobody_wants_them),
		cmocka_unit_test(a_log_on_a_real_file_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
