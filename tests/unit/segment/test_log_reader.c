#include "log_maker.h"
#include "simdisk.h"

#include <errno.h>

#define FRAMES 12

/*
 * A log of several files with FRAMES frames of changes and some statements:
 * where each frame ends, and which files there are.
 */
struct sample {
	struct simdisk *d;
	struct os *os;
	struct log_end ends[2 * FRAMES];
	size_t count; /* of frames */
	uint64_t files[2 * FRAMES];
	size_t file_count;
	struct log_end end;
};

static struct sample make(int64_t rotate_size)
{
	struct segment_header h = log_maker_header();
	struct sample s = {.d = simdisk_new(3)};
	struct err err = ERR_INIT;
	struct log_writer w;

	s.os = simdisk_os(s.d);
	assert_ok(log_writer_open(&w, s.os, LOG_DIR, &h, &s.end, &err), err);
	w.rotate_size = rotate_size;
	for (size_t i = 0; i < FRAMES; i++) {
		assert_ok(log_writer_begin(&w, LOG_NOW_MS, &err), err);
		if (s.file_count == 0 ||
			s.files[s.file_count - 1] != w.end.file_lsn)
			s.files[s.file_count++] = w.end.file_lsn;
		assert_ok(log_maker_append(&w, &err), err);
		s.ends[s.count++] = w.end;
		if (i % 4 == 3) {
			assert_ok(log_maker_state(&w, &err), err);
			s.ends[s.count++] = w.end;
		}
	}
	assert_ok(log_writer_sync(&w, &err), err);
	s.end = w.end;
	log_writer_close(&w);
	return s;
}

static void sample_free(struct sample *s)
{
	assert_int_equal(simdisk_open_files(s->d), 0);
	simdisk_free(s->d);
}

static char *path_of(uint64_t first_lsn)
{
	char name[48];

	segment_file_name(LOG_INCARNATION, first_lsn, name);
	return mem_printf(LOG_DIR "/%s", name);
}

static int verify(struct sample *s, struct err *err)
{
	return log_verify(s->os, LOG_DIR, LOG_INCARNATION, &s->end, err);
}

static void load(struct sample *s, const char *path, struct buf *ret)
{
	struct err err = ERR_INIT;

	buf_clear(ret);
	assert_ok(file_read(s->os, path, 1u << 20, ret, &err), err);
}

/* Between them they end files with every kind of frame. */
static const int64_t sizes[] = {10, 200, 300, 400, 500, 600, 1 << 20};

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void every_place_can_be_read_from(void **state)
{
	(void)state;
	for (size_t i = 0; i < SIZES; i++) {
		struct sample s = make(sizes[i]);
		size_t before = 0;

		assert_int_equal(log_maker_check(s.os, &s.end, 1), s.count);
		for (uint64_t lsn = s.end.lsn + 1; lsn >= 1; lsn--) {
			size_t frames = log_maker_check(s.os, &s.end, lsn);

			assert_true(frames >= before);
			before = frames;
		}
		sample_free(&s);
	}
}

static void every_frame_is_a_possible_durable_end(void **state)
{
	struct sample s = make(500);
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < s.count; i++) {
		assert_int_equal(log_maker_check(s.os, &s.ends[i], 1), i + 1);
		assert_ok(log_verify(s.os, LOG_DIR, LOG_INCARNATION, &s.ends[i],
				  &err),
			err);
	}
	sample_free(&s);
}

/* A reader that knows lsn - 1 finds its own chain value. */
static void find_chain(struct sample *s, const struct log_end *known)
{
	struct frame frame = {0};
	struct err err = ERR_INIT;
	struct log_reader r;
	bool found = false;

	assert_ok(log_reader_open(&r, s->os, LOG_DIR, LOG_INCARNATION, &s->end,
			  known->lsn + 1, &err),
		err);
	while (!found) {
		assert_int_equal(log_reader_next(&r, &frame, &err), 1);
		assert_true(frame.first_lsn == known->lsn + 1);
		found = frame.chain_before == known->chain;
	}
	log_reader_close(&r);
	frame_free(&frame);
}

static void the_chain_value_of_a_position_is_found_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < SIZES; i++) {
		struct sample s = make(sizes[i]);

		for (size_t e = 0; e + 1 < s.count; e++)
			find_chain(&s, &s.ends[e]);
		sample_free(&s);
	}
}

static void a_log_without_files_reads_as_empty(void **state)
{
	struct sample s = {.d = simdisk_new(1)};
	struct err err = ERR_INIT;
	struct log_reader r;

	(void)state;
	s.os = simdisk_os(s.d);
	assert_int_equal(log_maker_check(s.os, &s.end, 1), 0);
	assert_ok(verify(&s, &err), err);
	s.end.lsn = 5;
	assert_int_equal(log_reader_open(&r, s.os, LOG_DIR, LOG_INCARNATION,
				 &s.end, 5, &err),
		ERR_ABSENT);
	sample_free(&s);
}

static void every_flipped_bit_is_found_by_verify(void **state)
{
	struct sample s = make(300);
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(verify(&s, &err), err);
	for (size_t i = 0; i < s.file_count; i++) {
		AUTO_FREE char *path = path_of(s.files[i]);

		load(&s, path, &bytes);
		for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
			uint8_t xor = (uint8_t)(1 << bit % 8);

			simdisk_damage(s.d, path, bit / 8, xor);
			assert_int_equal(verify(&s, &err), ERR_CORRUPT);
			simdisk_damage(s.d, path, bit / 8, xor);
		}
	}
	assert_ok(verify(&s, &err), err);
	sample_free(&s);
}

static void every_truncation_of_a_log_is_found(void **state)
{
	struct sample s = make(300);
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < s.file_count; i++) {
		AUTO_FREE char *path = path_of(s.files[i]);

		load(&s, path, &bytes);
		for (size_t len = 0; len < bytes.len; len++) {
			simdisk_put(s.d, path, bytes.data, len);
			assert_int_equal(verify(&s, &err), ERR_CORRUPT);
		}
		simdisk_put(s.d, path, bytes.data, bytes.len);
	}
	assert_ok(verify(&s, &err), err);
	sample_free(&s);
}

/* One file's frames: frame i lies at from[i] .. from[i + 1]. */
static size_t frames_of(const struct buf *bytes, size_t from[2 * FRAMES + 1])
{
	struct segment_header h;
	struct frame frame = {0};
	struct err err = ERR_INIT;
	size_t count = 0;
	size_t at;

	assert_ok(segment_header_decode(bytes->data, bytes->len, &h, &at, &err),
		err);
	frame.chain = h.chain_before;
	from[0] = at;
	while (at < bytes->len) {
		assert_ok(frame_decode(bytes->data + at, bytes->len - at,
				  frame.chain, &frame, &err),
			err);
		at += frame.size;
		from[++count] = at;
	}
	frame_free(&frame);
	return count;
}

/* The file as first .. from[i], then the frames a and b (SIZE_MAX: none). */
static void put_spliced(struct sample *s, const char *path,
	const struct buf *bytes, const size_t *from, size_t i,
	const size_t *frames, size_t count)
{
	AUTO_BUF struct buf out = BUF_INIT;

	buf_add(&out, bytes->data, from[i]);
	for (size_t f = 0; f < count; f++)
		buf_add(&out, bytes->data + from[frames[f]],
			from[frames[f] + 1] - from[frames[f]]);
	simdisk_put(s->d, path, out.data, out.len);
	s->end.size = (int64_t)out.len;
}

static void spliced_and_swapped_frames_are_found(void **state)
{
	struct sample s = make(1 << 20);
	size_t from[2 * FRAMES + 1];
	size_t order[2 * FRAMES + 1] = {0};
	AUTO_FREE char *path = path_of(1);
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;
	size_t count;

	(void)state;
	load(&s, path, &bytes);
	count = frames_of(&bytes, from);
	assert_int_equal(count, s.count);
	for (size_t i = 0; i < count; i++)
		order[i] = i;
	put_spliced(&s, path, &bytes, from, 0, order, count);
	assert_ok(verify(&s, &err), err);
	for (size_t i = 0; i + 1 < count; i++) {
		order[i] = i + 1; /* swapped */
		order[i + 1] = i;
		put_spliced(&s, path, &bytes, from, i, order + i, count - i);
		assert_int_equal(verify(&s, &err), ERR_CORRUPT);
		order[i + 1] = i + 1; /* one written over by the next */
		put_spliced(&s, path, &bytes, from, i, order + i, count - i);
		assert_int_equal(verify(&s, &err), ERR_CORRUPT);
		order[i] = i;
		/* one left out, and one twice */
		put_spliced(&s, path, &bytes, from, i, order + i + 1,
			count - i - 1);
		assert_int_equal(verify(&s, &err), ERR_CORRUPT);
		put_spliced(
			&s, path, &bytes, from, i + 1, order + i, count - i);
		assert_int_equal(verify(&s, &err), ERR_CORRUPT);
	}
	sample_free(&s);
}

static void a_missing_file_is_found(void **state)
{
	struct sample s = make(300);
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 1; i < s.file_count; i++) {
		AUTO_FREE char *path = path_of(s.files[i]);
		AUTO_BUF struct buf bytes = BUF_INIT;

		load(&s, path, &bytes);
		assert_int_equal(s.os->ops->unlink(s.os, path), 0);
		bool last = i + 1 == s.file_count;
		assert_int_equal(
			verify(&s, &err), last ? ERR_ABSENT : ERR_CORRUPT);
		assert_says(err, last ? "the log ends in it"
				      : "does not lead to the next file");
		simdisk_put(s.d, path, bytes.data, bytes.len);
	}
	assert_ok(verify(&s, &err), err);
	sample_free(&s);
}

static void files_under_each_others_names_are_found(void **state)
{
	struct sample s = make(300);
	AUTO_FREE char *one = path_of(s.files[1]);
	AUTO_FREE char *two = path_of(s.files[2]);
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	load(&s, one, &bytes);
	simdisk_put(s.d, two, bytes.data, bytes.len);
	assert_int_equal(verify(&s, &err), ERR_CORRUPT);
	assert_says(err, "header is not what its name says");
	sample_free(&s);
}

/* As bob's INBOX: same log id, same lsns, but chain values of its own. */
static void another_logs_file_is_found(void **state)
{
	struct sample s = make(300);
	AUTO_FREE char *path = path_of(s.files[1]);
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct segment_header h;
	struct err err = ERR_INIT;
	size_t size;

	(void)state;
	load(&s, path, &bytes);
	assert_ok(segment_header_decode(bytes.data, bytes.len, &h, &size, &err),
		err);
	strcpy(h.account, "bob");
	buf_clear(&bytes);
	segment_header_encode(&h, &bytes);
	simdisk_put(s.d, path, bytes.data, bytes.len);
	assert_int_equal(verify(&s, &err), ERR_CORRUPT);
	assert_says(err, "belongs to another log than the file before");
	sample_free(&s);
}

static void the_durable_end_must_be_where_it_was(void **state)
{
	struct sample s = make(300);
	struct err err = ERR_INIT;
	struct log_end good = s.end;

	(void)state;
	s.end.lsn++;
	assert_int_equal(verify(&s, &err), ERR_CORRUPT);
	assert_says(err, "where the durable end is lsn");
	s.end = good;
	s.end.chain++;
	assert_int_equal(verify(&s, &err), ERR_CORRUPT);
	s.end = good;
	s.end.size--;
	assert_int_equal(verify(&s, &err), ERR_CORRUPT);
	s.end = good;
	s.end.size++;
	assert_int_equal(verify(&s, &err), ERR_CORRUPT);
	sample_free(&s);
}

/* What an abandoned file has behind the place where the next begins. */
static void the_tail_of_an_abandoned_file_is_not_read(void **state)
{
	struct sample s = make(300);
	AUTO_FREE char *path = path_of(s.files[0]);
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;
	struct log_end middle = {0};

	(void)state;
	load(&s, path, &bytes);
	frame_encode(FRAME_CHANGES, 1, "never durable", 13, 9, 1, &bytes);
	simdisk_put(s.d, path, bytes.data, bytes.len);
	assert_ok(verify(&s, &err), err);
	assert_int_equal(log_maker_check(s.os, &s.end, 1), s.count);
	/* well chained, even */
	for (size_t i = 0; i < s.count; i++)
		if (s.ends[i].file_lsn == 1)
			middle = s.ends[i];
	load(&s, path, &bytes);
	bytes.len = (size_t)middle.size;
	frame_encode(FRAME_CHANGES, 1, "chained", 7, 9, middle.chain, &bytes);
	simdisk_put(s.d, path, bytes.data, bytes.len);
	assert_ok(verify(&s, &err), err);
	assert_int_equal(log_maker_check(s.os, &s.end, 1), s.count);
	sample_free(&s);
}

static void a_frame_that_reaches_into_the_next_file_is_damage(void **state)
{
	struct sample s = make(300);
	AUTO_FREE char *path = path_of(1);
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct segment_header h;
	struct err err = ERR_INIT;
	size_t size;

	(void)state;
	load(&s, path, &bytes);
	assert_ok(segment_header_decode(bytes.data, bytes.len, &h, &size, &err),
		err);
	bytes.len = size;
	frame_encode(FRAME_CHANGES, 1000, "long", 4, 9, 0, &bytes);
	simdisk_put(s.d, path, bytes.data, bytes.len);
	assert_int_equal(verify(&s, &err), ERR_CORRUPT);
	assert_says(err, "reaches into the next file");
	sample_free(&s);
}

struct hook {
	struct sample *s;
	bool done;
};

/* Retention at work in another process, once the first file is open. */
static void remove_behind(void *ctx, const char *call, const char *path)
{
	struct hook *h = ctx;

	if (h->done || strcmp(call, "pread") != 0)
		return;
	h->done = true;
	(void)path;
	for (size_t i = 0; i < 3; i++) {
		AUTO_FREE char *old = path_of(h->s->files[i]);

		h->s->os->ops->unlink(h->s->os, old);
	}
}

static void a_file_removed_while_reading_is_a_truncated_log(void **state)
{
	struct sample s = make(200);
	struct hook h = {.s = &s};
	struct err err = ERR_INIT;
	struct log_reader r;

	(void)state;
	assert_true(s.file_count > 4);
	simdisk_hook(s.d, remove_behind, &h);
	assert_int_equal(log_reader_open(&r, s.os, LOG_DIR, LOG_INCARNATION,
				 &s.end, 1, &err),
		ERR_ABSENT);
	assert_true(h.done);
	sample_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_place_can_be_read_from),
		cmocka_unit_test(every_frame_is_a_possible_durable_end),
		cmocka_unit_test(the_chain_value_of_a_position_is_found_again),
		cmocka_unit_test(a_log_without_files_reads_as_empty),
		cmocka_unit_test(every_flipped_bit_is_found_by_verify),
		cmocka_unit_test(every_truncation_of_a_log_is_found),
		cmocka_unit_test(spliced_and_swapped_frames_are_found),
		cmocka_unit_test(a_missing_file_is_found),
		cmocka_unit_test(files_under_each_others_names_are_found),
		cmocka_unit_test(another_logs_file_is_found),
		cmocka_unit_test(the_durable_end_must_be_where_it_was),
		cmocka_unit_test(the_tail_of_an_abandoned_file_is_not_read),
		cmocka_unit_test(
			a_frame_that_reaches_into_the_next_file_is_damage),
		cmocka_unit_test(
			a_file_removed_while_reading_is_a_truncated_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
