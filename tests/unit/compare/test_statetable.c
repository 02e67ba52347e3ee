/*
 * State tables: what they cost, that they read back, and what bytes that lie
 * come to.
 */
#include "rowmaker.h"
#include "err.h"
#include "flagset.h"
#include "statetable.h"
#include "wire.h"

#include <setjmp.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct statetable_header header_of(
	const struct made_folder *f, unsigned columns)
{
	struct statetable_header h = {.columns = columns,
		.folder = ID_INBOX,
		.term = 3,
		.authority = 0x1111111111111111,
		.uidvalidity = 1795303760,
		.uidnext = f->uidnext,
		.rows = f->count,
		.digest = "sixteen bytes..",
		.known = f->known};

	if (columns & STATETABLE_KEYS)
		memcpy(h.seed, "another sixteen", sizeof(h.seed));
	if (!(columns & STATETABLE_LIVING))
		h.known.living_count = 0;
	return h;
}

static int write_table(const struct statetable_header *h,
	const struct row *rows, size_t count, bool raw, struct buf *ret,
	struct err *err)
{
	struct statetable_writer *w = statetable_begin(h);
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++)
		rc = statetable_add(w, &rows[i], err);
	if (rc == 0 && raw) {
		buf_add(ret, "\1", 2); /* version 1, stored */
		rc = statetable_end_raw(w, ret, err);
	} else if (rc == 0) {
		rc = statetable_end(w, ret, err);
	}
	statetable_drop(w);
	return rc;
}

static struct statetable *open_table(const struct buf *b)
{
	struct statetable *t;
	struct err err = ERR_INIT;

	if (statetable_open(b->data, b->len, &t, &err) < 0)
		fail_msg("%s", err.text);
	return t;
}

/* ---- what it costs ---- */

static double bytes_a_row(const struct made_folder *f, unsigned columns)
{
	struct statetable_header h = header_of(f, columns);
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	double each;

	assert_int_equal(
		write_table(&h, f->rows, f->count, false, &b, &err), 0);
	each = (double)b.len / (double)f->count;
	buf_free(&b);
	return each;
}

#define SEEN (STATETABLE_UID | STATETABLE_FLAGS)

static void uids_and_flags_cost_less_than_035_bytes(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 10; seed++) {
		struct made_folder f;
		struct maker m = {.state = seed, .ms = 1795303760678};
		double each, living;

		made_folder_real(&m, &f, 10000);
		each = bytes_a_row(&f, SEEN);
		living = bytes_a_row(&f, SEEN | STATETABLE_LIVING);
		print_message("10000 messages: %.3f bytes each, with living "
			      "dots %.3f\n",
			each, living);
		assert_true(each <= 0.35);
		assert_true(living <= 0.6);
		made_folder_free(&f);
	}
}

/* Six random flags are 6 bits, a random distance between UIDs 4. */
static void nothing_that_flags_can_be_costs_more_than_16_bytes_in_10(
	void **state)
{
	struct made_folder f;
	struct maker m = {.state = 1, .ms = 1795303760678};
	double each;

	(void)state;
	made_folder_noise(&m, &f, 10000);
	each = bytes_a_row(&f, SEEN);
	print_message("noise: %.3f bytes each\n", each);
	assert_true(each <= 1.6);
	made_folder_free(&f);
}

static void other_columns_cost_what_the_format_says(void **state)
{
	static const struct {
		unsigned columns;
		double most;
	} cases[] = {{SEEN | STATETABLE_DOTS, 0.6},
		{SEEN | STATETABLE_LIVING | STATETABLE_WRITES, 2.5},
		{SEEN | STATETABLE_CONTENT, 8.4}};
	struct made_folder f;
	struct maker m = {.state = 1, .ms = 1795303760678};

	(void)state;
	made_folder_real(&m, &f, 10000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double each = bytes_a_row(&f, cases[i].columns);

		print_message("columns %u: %.3f bytes each\n", cases[i].columns,
			each);
		assert_true(each <= cases[i].most);
	}
	made_folder_free(&f);
}

/* ---- what is read is what was written ---- */

static void same_writes(const struct row *a, const struct row *b)
{
	assert_int_equal(a->write_count, b->write_count);
	for (size_t i = 0; i < a->write_count; i++) {
		assert_string_equal(a->writes[i].name, b->writes[i].name);
		assert_int_equal(a->writes[i].value, b->writes[i].value);
		assert_int_equal(
			write_id_cmp(&a->writes[i].by, &b->writes[i].by), 0);
	}
}

static void same_row(
	unsigned columns, const struct row *wrote, const struct row *read)
{
	assert_int_equal(read->uid, columns & STATETABLE_UID ? wrote->uid : 0);
	if (columns & STATETABLE_FLAGS) {
		assert_string_equal(read->flags.letters, wrote->flags.letters);
		assert_string_equal(
			read->flags.keywords, wrote->flags.keywords);
	} else {
		assert_string_equal(read->flags.letters, "");
	}
	if (columns & STATETABLE_DOTS || !read->uid) {
		assert_int_equal(read->dot_count, wrote->dot_count);
		for (size_t i = 0; i < read->dot_count; i++)
			assert_int_equal(
				dot_cmp(&read->dots[i], &wrote->dots[i]), 0);
	} else {
		assert_int_equal(read->dot_count, 0);
	}
	if (columns & STATETABLE_WRITES)
		same_writes(read, wrote);
	else
		assert_int_equal(read->write_count, 0);
	assert_int_equal(
		read->exact, columns & STATETABLE_EXACT ? wrote->exact : 0);
	assert_int_equal(read->content,
		columns & STATETABLE_CONTENT ? wrote->content : 0);
}

static void same_runs(
	const struct dot_run *a, const struct dot_run *b, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(a[i].log, b[i].log);
		assert_int_equal(a[i].first, b[i].first);
		assert_int_equal(a[i].last, b[i].last);
	}
}

static void same_known(const struct known *wrote, const struct known *read)
{
	assert_int_equal(read->view, wrote->view);
	assert_int_equal(read->log_count, wrote->log_count);
	for (size_t i = 0; i < read->log_count; i++) {
		const struct known_log *a = &read->logs[i];
		const struct known_log *b = &wrote->logs[i];

		assert_int_equal(log_id_cmp(&a->at.log, &b->at.log), 0);
		assert_int_equal(a->at.lsn, b->at.lsn);
		assert_int_equal(a->at.chain, b->at.chain);
		assert_int_equal(a->gap_count, b->gap_count);
		for (size_t k = 0; k < a->gap_count; k++) {
			assert_int_equal(a->gaps[k].first, b->gaps[k].first);
			assert_int_equal(a->gaps[k].last, b->gaps[k].last);
		}
	}
	assert_int_equal(read->living_count, wrote->living_count);
	same_runs(read->living, wrote->living, read->living_count);
	assert_int_equal(read->dead_count, 0);
}

static void same_header(const struct statetable_header *wrote,
	const struct statetable_header *read)
{
	assert_int_equal(read->columns, wrote->columns);
	assert_true(id_equal(&read->folder, &wrote->folder));
	assert_int_equal(read->term, wrote->term);
	assert_int_equal(read->authority, wrote->authority);
	assert_int_equal(read->uidvalidity, wrote->uidvalidity);
	assert_int_equal(read->uidnext, wrote->uidnext);
	assert_int_equal(read->rows, wrote->rows);
	assert_memory_equal(read->digest, wrote->digest, 16);
	assert_memory_equal(read->seed, wrote->seed, RIBLT_SEED_SIZE);
	assert_int_equal(read->dead_count, wrote->dead_count);
	for (size_t i = 0; i < read->dead_count; i++)
		assert_int_equal(read->dead[i], wrote->dead[i]);
	same_known(&wrote->known, &read->known);
}

/* Two passes: after the last row comes the first again. */
static void same_rows(
	struct statetable *t, unsigned columns, const struct made_folder *f)
{
	for (int pass = 0; pass < 2; pass++) {
		struct row row;
		size_t i = 0;

		while (statetable_next(t, &row))
			same_row(columns, &f->rows[i++], &row);
		assert_int_equal(i, f->count);
	}
}

/*
 * A folder with everything: late rows without UID, moved in from elsewhere,
 * joined of two dots; gaps, dots that live elsewhere.
 */
static void make_odd(struct maker *m, struct made_folder *f, size_t count)
{
	static const struct lsn_run gaps[] = {{2, 2}, {5, 9}};

	made_folder_real(m, f, count);
	for (size_t i = 0; i < count; i++) {
		struct row *row = &f->rows[i];
		struct dot *dots;

		if (i >= count - count / 5)
			row->uid = 0;
		if (i % 7 != 3)
			continue;
		dots = arena_alloc(&f->arena, 3 * sizeof(*dots));
		dots[0] = row->dots[0];
		dots[1] = (struct dot){m->logs[1], 1 + i};
		dots[2] = (struct dot){m->logs[2], 900 - i};
		dots[1].log.origin |= UINT64_C(1) << 63;
		dots[2].log.origin = UINT64_MAX;
		row->dots = dots;
		row->dot_count = 3;
	}
	f->logs[1].gaps = gaps;
	f->logs[1].gap_count = 2;
	f->logs[1].at.lsn += 10;
	f->logs[1].at.chain = 0x0123456789abcdef;
	qsort(f->rows + count - count / 5, count / 5, sizeof(*f->rows),
		made_cmp_dots);
}

static void every_choice_of_columns_reads_back(void **state)
{
	static const uint64_t dead[] = {3, 4, UINT64_MAX};

	(void)state;
	for (unsigned columns = 0; columns <= STATETABLE_ALL; columns++) {
		struct maker m;
		struct made_folder f;
		struct statetable_header h;
		struct buf b = BUF_INIT;
		struct err err = ERR_INIT;
		struct statetable *t;

		maker_init(&m, columns, false);
		make_odd(&m, &f, 1 + maker_below(&m, 60));
		if (!(columns & STATETABLE_UID))
			made_by_dot(&f);
		h = header_of(&f, columns);
		h.known.view = columns % 3 == 0;
		if (columns & STATETABLE_DEAD) {
			h.dead = dead;
			h.dead_count = 3;
		}
		assert_int_equal(
			write_table(&h, f.rows, f.count, columns % 2, &b, &err),
			0);
		t = open_table(&b);
		same_header(&h, statetable_header(t));
		same_rows(t, columns, &f);
		statetable_free(t);
		buf_free(&b);
		made_folder_free(&f);
	}
}

static void a_folder_without_messages_reads_back(void **state)
{
	(void)state;
	for (unsigned columns = 0; columns <= STATETABLE_ALL; columns += 51) {
		struct made_folder f;
		struct statetable_header h;
		struct buf b = BUF_INIT;
		struct err err = ERR_INIT;
		struct statetable *t;

		made_folder_init(&f, 0);
		f.known.logs = f.logs;
		h = header_of(&f, columns);
		assert_int_equal(write_table(&h, NULL, 0, false, &b, &err), 0);
		t = open_table(&b);
		same_header(&h, statetable_header(t));
		assert_false(statetable_next(t, &(struct row){0}));
		statetable_free(t);
		buf_free(&b);
		made_folder_free(&f);
	}
}

static void keywords_that_differ_in_case_are_one(void **state)
{
	struct made_folder f;
	struct maker m = {.state = 1};
	struct statetable_header h;
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct statetable *t;
	struct row row;

	(void)state;
	made_folder_real(&m, &f, 2);
	f.rows[0].flags = (struct flag_set){"S", "alpha Work"};
	f.rows[1].flags = (struct flag_set){"S", "Alpha work"};
	h = header_of(&f, SEEN);
	assert_int_equal(write_table(&h, f.rows, 2, true, &b, &err), 0);
	t = open_table(&b);
	for (int i = 0; i < 2; i++) {
		assert_true(statetable_next(t, &row));
		assert_string_equal(row.flags.keywords, "alpha Work");
	}
	statetable_free(t);
	buf_free(&b);
	made_folder_free(&f);
}

/* ---- bytes that lie ---- */

static void make_small(struct buf *b, bool raw)
{
	static const uint64_t dead[] = {3, 4};
	struct maker m;
	struct made_folder f;
	struct statetable_header h;
	struct err err = ERR_INIT;

	maker_init(&m, 42, false);
	make_odd(&m, &f, 23);
	h = header_of(&f, STATETABLE_ALL - STATETABLE_EXACT);
	h.dead = dead;
	h.dead_count = 2;
	assert_int_equal(write_table(&h, f.rows, f.count, raw, b, &err), 0);
	made_folder_free(&f);
}

static void every_cut_is_refused(void **state)
{
	(void)state;
	for (int raw = 0; raw < 2; raw++) {
		struct buf b = BUF_INIT;
		struct statetable *t;

		make_small(&b, raw);
		for (size_t len = 0; len < b.len; len++) {
			/* of its own, so that reading past it is seen */
			uint8_t *cut = mem_alloc(len);
			struct err err = ERR_INIT;

			memcpy(cut, b.data, len);
			assert_int_equal(statetable_open(cut, len, &t, &err),
				ERR_CORRUPT);
			assert_int_not_equal(err.text[0], 0);
			free(cut);
		}
		buf_add_byte(&b, 0);
		assert_int_equal(
			statetable_open(b.data, b.len, &t, NULL), ERR_CORRUPT);
		buf_free(&b);
	}
}

/* What is read, written again, is the same bytes. */
static void is_its_only_encoding(struct statetable *t)
{
	const struct statetable_header *h = statetable_header(t);
	struct statetable_writer *w = statetable_begin(h);
	struct buf raw = BUF_INIT;
	struct err err = ERR_INIT;
	struct row row;

	while (statetable_next(t, &row))
		assert_int_equal(statetable_add(w, &row, &err), 0);
	assert_int_equal(statetable_end_raw(w, &raw, &err), 0);
	assert_int_equal(raw.len, statetable_raw(t)->len);
	assert_memory_equal(raw.data, statetable_raw(t)->data, raw.len);
	statetable_drop(w);
	buf_free(&raw);
}

static void every_flip_is_refused_or_another_table(void **state)
{
	struct buf b = BUF_INIT;
	size_t refused = 0, read = 0;

	(void)state;
	make_small(&b, true);
	for (size_t bit = 0; bit < 8 * b.len; bit++) {
		struct statetable *t = NULL;
		struct err err = ERR_INIT;
		int rc;

		b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		rc = statetable_open(b.data, b.len, &t, &err);
		if (rc == 0)
			is_its_only_encoding(t);
		else
			assert_true(rc == ERR_CORRUPT || rc == ERR_LIMIT);
		refused += rc < 0;
		read += rc == 0;
		statetable_free(t);
		b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	print_message("%zu flips: %zu refused, %zu another table\n", 8 * b.len,
		refused, read);
	assert_true(refused > 1000 && read > 1000);
	buf_free(&b);
}

static void every_flip_of_what_is_packed_is_refused_or_a_table(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	make_small(&b, false);
	assert_int_equal(b.data[1], 1);
	for (size_t bit = 0; bit < 8 * b.len; bit++) {
		struct statetable *t = NULL;
		struct err err = ERR_INIT;

		b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (statetable_open(b.data, b.len, &t, &err) == 0)
			is_its_only_encoding(t);
		statetable_free(t);
		b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	buf_free(&b);
}

/* The bytes before rows: columns, folder, …, digest, no logs. */
static void begin_by_hand(struct buf *b, unsigned columns, uint64_t rows)
{
	buf_clear(b);
	buf_add(b, "\1", 2);
	wire_add_varint(b, columns);
	buf_add(b, ID_INBOX.b, 16);
	wire_add_varint(b, 1);
	wire_add_u64(b, 2);
	wire_add_varint(b, 3);
	wire_add_varint(b, 4);
	wire_add_varint(b, rows);
	buf_add(b, "sixteen bytes..", 16);
	if (columns & STATETABLE_KEYS)
		buf_add(b, "another sixteen", 16);
}

static void refused(const struct buf *b, int code, const char *text)
{
	struct statetable *t;
	struct err err = ERR_INIT;

	assert_int_equal(statetable_open(b->data, b->len, &t, &err), code);
	if (!strstr(err.text, text))
		fail_msg("not \"%s\": %s", text, err.text);
}

static void what_is_over_a_limit_is_refused_before_it_is_read(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	begin_by_hand(&b, STATETABLE_UID, STATETABLE_ROWS_MAX + 1);
	refused(&b, ERR_LIMIT, "rows, more than");
	begin_by_hand(&b, 512, 1);
	refused(&b, ERR_LIMIT, "newer packetboat");
	begin_by_hand(&b, 0, 0);
	wire_add_varint(&b, STATETABLE_LOGS_MAX + 1);
	refused(&b, ERR_LIMIT, "positions, more than");
	begin_by_hand(&b, 0, 0);
	wire_add_varint(&b, 0);
	wire_add_varint(&b, STATETABLE_LOGS_MAX + 1);
	refused(&b, ERR_LIMIT, "logs, more than");
	begin_by_hand(&b, STATETABLE_FLAGS, 1);
	buf_add(&b, "\0", 2);
	wire_add_varint(&b, STATETABLE_NAMES_MAX + 1);
	refused(&b, ERR_LIMIT, "names, more than");
	begin_by_hand(&b, STATETABLE_FLAGS, 1);
	buf_add(&b, "\0\0", 3);
	wire_add_varint(&b, STATETABLE_NAMES_MAX + 1);
	refused(&b, ERR_LIMIT, "sets, more than");
	buf_clear(&b);
	buf_add(&b, "\2\0", 2);
	refused(&b, ERR_LIMIT, "version 2");
	buf_clear(&b);
	buf_add(&b, "\1\2", 2);
	refused(&b, ERR_LIMIT, "codec 2");
	buf_clear(&b);
	buf_add(&b, "\1\1", 2);
	wire_add_varint(&b, STATETABLE_RAW_MAX + 1);
	refused(&b, ERR_LIMIT, "bytes, more than");
	buf_free(&b);
}

/* Sets are short, spelled out they are not. */
static void sets_that_swell_are_refused(void **state)
{
	struct buf b = BUF_INIT;
	char name[100];

	(void)state;
	begin_by_hand(&b, STATETABLE_FLAGS, 1);
	buf_add(&b, "\0", 2);
	wire_add_varint(&b, 500);
	memset(name, 'x', sizeof(name));
	for (int i = 0; i < 500; i++) {
		name[0] = (char)('A' + i / 26);
		name[1] = (char)('A' + i % 26);
		wire_add_bytes(&b, name, sizeof(name));
	}
	wire_add_varint(&b, 200);
	for (int i = 0; i < 200; i++) {
		wire_add_varint(&b, 500);
		for (int k = 0; k < 500; k++)
			wire_add_varint(&b, 0);
	}
	refused(&b, ERR_LIMIT, "bytes of flag sets, more than");
	buf_free(&b);
}

/* One run: a million rows in five bytes. */
static void many_rows_in_few_bytes_cost_no_memory(void **state)
{
	struct buf b = BUF_INIT;
	struct statetable *t;
	struct row row;
	uint32_t uid = 0;

	(void)state;
	begin_by_hand(&b, STATETABLE_UID, STATETABLE_ROWS_MAX);
	buf_add(&b, "\0", 2); /* no logs */
	wire_add_bytes(&b, "\6", 1);
	wire_add_varint(&b, wire_varint_size(STATETABLE_ROWS_MAX - 1));
	wire_add_varint(&b, STATETABLE_ROWS_MAX - 1);
	buf_add(&b, "\0\0", 3); /* no dots */
	t = open_table(&b);
	while (statetable_next(t, &row)) {
		if (uid == 0)
			assert_int_equal(row.uid, 7);
		uid = row.uid;
	}
	assert_int_equal(uid, 6 + STATETABLE_ROWS_MAX);
	statetable_free(t);
	buf_free(&b);
}

/* ---- tables that cannot be made ---- */

static void what_a_reader_would_refuse_is_not_written(void **state)
{
	struct maker m = {.state = 1};
	struct made_folder f;
	struct statetable_header h;
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct dot *dots;

	(void)state;
	made_folder_real(&m, &f, 1);
	dots = arena_alloc(&f.arena, (STATETABLE_ROW_MAX + 1) * sizeof(*dots));
	for (size_t i = 0; i <= STATETABLE_ROW_MAX; i++)
		dots[i] = (struct dot){f.logs[0].at.log, i + 1};
	f.rows[0].dots = dots;
	f.rows[0].dot_count = STATETABLE_ROW_MAX + 1;
	h = header_of(&f, SEEN | STATETABLE_DOTS);
	assert_int_equal(
		write_table(&h, f.rows, 1, false, &b, &err), ERR_LIMIT);
	assert_non_null(strstr(err.text, "dots"));
	f.rows[0].dot_count--;
	assert_int_equal(write_table(&h, f.rows, 1, false, &b, &err), 0);
	buf_free(&b);
	made_folder_free(&f);
}

static void a_table_larger_than_a_reader_takes_is_not_written(void **state)
{
	struct made_folder f;
	struct statetable_header h;
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	size_t count = STATETABLE_ROWS_MAX;

	(void)state;
	made_folder_init(&f, count);
	f.known.logs = f.logs;
	for (size_t i = 0; i < count; i++)
		f.rows[i] =
			(struct row){.uid = (uint32_t)i + 1, .flags = {"", ""}};
	h = header_of(
		&f, STATETABLE_UID | STATETABLE_EXACT | STATETABLE_CONTENT);
	assert_int_equal(
		write_table(&h, f.rows, count, true, &b, &err), ERR_LIMIT);
	h = header_of(&f, STATETABLE_UID);
	buf_clear(&b);
	assert_int_equal(write_table(&h, f.rows, count, true, &b, &err), 0);
	buf_free(&b);
	made_folder_free(&f);
}

/* ---- memory ---- */

#define MEMORY_MAX (64u << 20)

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

/* A sanitizer's shadow is not ours to count. */
#ifndef SANITIZED
static void write_and_read(const struct made_folder *f, unsigned columns)
{
	struct statetable_header h = header_of(f, columns);
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct statetable *t;

	if (write_table(&h, f->rows, f->count, false, &b, &err) < 0 ||
		statetable_open(b.data, b.len, &t, &err) < 0)
		_exit(2);
	_exit(0);
}

/* Bytes of anonymous memory that this process has, and may not exceed. */
static size_t data_size(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	size_t kib = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "VmData: %zu kB", &kib) == 1)
			break;
	}
	if (file)
		fclose(file);
	return kib << 10;
}

/* In a process that gets no more: one that wants more ends with 1. */
static void a_100000_message_folder_fits_64_mib(void **state)
{
	static const unsigned columns[] = {
		SEEN | STATETABLE_LIVING, STATETABLE_ALL};
	struct maker m = {.state = 1, .ms = 1795303760678};
	struct made_folder f;

	(void)state;
	made_folder_noise(&m, &f, 100000);
	for (size_t i = 0; i < 2; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			rlim_t most = data_size() + MEMORY_MAX;
			struct rlimit limit = {most, most};

			if (most == MEMORY_MAX ||
				setrlimit(RLIMIT_DATA, &limit) != 0)
				_exit(3);
			write_and_read(&f, columns[i]);
		}
		assert_true(pid > 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	made_folder_free(&f);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uids_and_flags_cost_less_than_035_bytes),
		cmocka_unit_test(
			nothing_that_flags_can_be_costs_more_than_16_bytes_in_10),
		cmocka_unit_test(other_columns_cost_what_the_format_says),
		cmocka_unit_test(every_choice_of_columns_reads_back),
		cmocka_unit_test(a_folder_without_messages_reads_back),
		cmocka_unit_test(keywords_that_differ_in_case_are_one),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(every_flip_is_refused_or_another_table),
		cmocka_unit_test(
			every_flip_of_what_is_packed_is_refused_or_a_table),
		cmocka_unit_test(
			what_is_over_a_limit_is_refused_before_it_is_read),
		cmocka_unit_test(sets_that_swell_are_refused),
		cmocka_unit_test(many_rows_in_few_bytes_cost_no_memory),
		cmocka_unit_test(what_a_reader_would_refuse_is_not_written),
		cmocka_unit_test(
			a_table_larger_than_a_reader_takes_is_not_written),
#ifndef SANITIZED
		cmocka_unit_test(a_100000_message_folder_fits_64_mib),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
