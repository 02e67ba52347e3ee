/*
 * bundle: what is written is read back; what a stranger's tar holds is not.
 *
 * Hostile bundles are made block by block (tarforge.h), because no honest
 * program writes them.
 */
#include "bundle.h"
#include "err.h"
#include "parcel.h"
#include "simdisk.h"
#include "tarforge.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH "/bundle"

/* ---- writing and reading on a simulated disk ---- */

static struct buf noise(size_t len, uint8_t seed)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < len; i++)
		buf_add_byte(&b, (uint8_t)(i * 37 + i / 251 + seed));
	return b;
}

static int write_bundle(struct os *os, int fd, const size_t sizes[],
	size_t count, uint64_t *ret_size, struct hash *ret_hash,
	struct err *err)
{
	struct bundle_writer *w;
	int r = bundle_writer_open(os, fd, PATH, &w, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF struct buf parcel = noise(sizes[i], (uint8_t)i);

		r = bundle_writer_add(w, parcel.data, parcel.len, err);
		if (r < 0) {
			bundle_writer_abort(w);
			return r;
		}
	}
	return bundle_writer_finish(w, ret_size, ret_hash, err);
}

/* Parcels read before the end or the failure in ret_count. */
static int read_bundle(struct os *os, int fd, const size_t sizes[],
	size_t *ret_count, struct err *err)
{
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct bundle_reader *reader;
	int r = bundle_reader_open(os, fd, PATH, &reader, err);

	*ret_count = 0;
	if (r < 0)
		return r;
	while ((r = bundle_reader_next(reader, &parcel, err)) > 0) {
		if (sizes) {
			AUTO_BUF struct buf want =
				noise(sizes[*ret_count], (uint8_t)*ret_count);

			assert_int_equal(parcel.len, want.len);
			if (want.len)
				assert_memory_equal(
					parcel.data, want.data, want.len);
		}
		++*ret_count;
	}
	bundle_reader_close(reader);
	return r;
}

static struct buf bundle_bytes(const size_t sizes[], size_t count)
{
	struct simdisk *d = simdisk_new(1);
	struct os *os = simdisk_os(d);
	struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;
	struct hash hash;
	uint64_t size;
	int fd = os->ops->open(os, PATH, O_RDWR | O_CREAT, 0600);

	if (write_bundle(os, fd, sizes, count, &size, &hash, &err) < 0)
		fail_msg("%s", err.text);
	os->ops->close(os, fd);
	assert_int_equal(file_read(os, PATH, 1u << 26, &bytes, &err), 0);
	assert_int_equal(bytes.len, size);
	assert_memory_equal(
		hash_of(bytes.data, bytes.len).b, hash.b, HASH_SIZE);
	simdisk_free(d);
	return bytes;
}

static int read_bytes(const void *data, size_t len, const size_t sizes[],
	size_t *ret_count, struct err *err)
{
	struct simdisk *d = simdisk_new(1);
	struct os *os = simdisk_os(d);
	int fd, r;

	simdisk_put(d, PATH, data, len);
	fd = os->ops->open(os, PATH, O_RDONLY, 0);
	r = read_bundle(os, fd, sizes, ret_count, err);
	os->ops->close(os, fd);
	simdisk_free(d);
	return r;
}

static const size_t some[] = {700, 0, 512, 1, 100000, 511, 513};
#define SOME (sizeof(some) / sizeof(some[0]))

static void parcels_come_back_in_order(void **state)
{
	AUTO_BUF struct buf b = bundle_bytes(some, SOME);
	struct err err = ERR_INIT;
	size_t count;

	(void)state;
	assert_int_equal(read_bytes(b.data, b.len, some, &count, &err), 0);
	assert_int_equal(count, SOME);
}

static void an_empty_bundle_is_a_bundle(void **state)
{
	AUTO_BUF struct buf b = bundle_bytes(NULL, 0);
	size_t count;

	(void)state;
	assert_int_equal(b.len, 1024);
	assert_int_equal(read_bytes(b.data, b.len, NULL, &count, NULL), 0);
	assert_int_equal(count, 0);
}

static void the_largest_parcel_fits_and_one_byte_more_does_not(void **state)
{
	static const size_t most[] = {PARCEL_SEALED_MAX};
	AUTO_BUF struct buf b = bundle_bytes(most, 1);
	struct simdisk *d = simdisk_new(1);
	struct os *os = simdisk_os(d);
	struct bundle_writer *w;
	size_t count;
	int fd = os->ops->open(os, PATH, O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_int_equal(read_bytes(b.data, b.len, NULL, &count, NULL), 0);
	assert_int_equal(bundle_writer_open(os, fd, PATH, &w, NULL), 0);
	assert_int_equal(
		bundle_writer_add(w, b.data, PARCEL_SEALED_MAX + 1, NULL),
		ERR_LIMIT);
	bundle_writer_abort(w);
	os->ops->close(os, fd);
	simdisk_free(d);
}

static void nothing_of_this_machine_is_in_a_bundle(void **state)
{
	static const size_t one[] = {3};
	AUTO_BUF struct buf b = bundle_bytes(one, 1);

	(void)state;
	assert_int_equal(b.len, 512 + 512 + 1024);
	assert_string_equal((char *)b.data, "00000001.parcel");
	assert_memory_equal(b.data + 100, "000600 ", 7);      /* mode */
	assert_memory_equal(b.data + 108, "000000 ", 7);      /* uid */
	assert_memory_equal(b.data + 116, "000000 ", 7);      /* gid */
	assert_memory_equal(b.data + 124, "00000000003", 11); /* size */
	assert_memory_equal(b.data + 136, "00000000000", 11); /* mtime */
	assert_int_equal(b.data[156], '0');
	assert_memory_equal(b.data + 257,
		"ustar\0"
		"00",
		8);
	assert_int_equal(b.data[265], 0); /* user name */
	assert_int_equal(b.data[297], 0); /* group name */
}

/* What tar(1) makes of it: a bundle is a plain tar. */
static void tar_lists_a_bundle(void **state)
{
	static const size_t two[] = {3, 600};
	AUTO_BUF struct buf b = bundle_bytes(two, 2);
	char path[] = "/tmp/pb-bundle-XXXXXX", line[64];
	AUTO_FREE char *command = NULL;
	int fd = mkstemp(path);
	FILE *tar;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, b.data, b.len), b.len);
	close(fd);
	command = mem_printf("tar -tf %s", path);
	tar = popen(command, "r");
	assert_non_null(fgets(line, sizeof(line), tar));
	assert_string_equal(line, "00000001.parcel\n");
	assert_non_null(fgets(line, sizeof(line), tar));
	assert_string_equal(line, "00000002.parcel\n");
	assert_null(fgets(line, sizeof(line), tar));
	assert_int_equal(pclose(tar), 0);
	unlink(path);
}

static void a_bundle_goes_through_a_pipe(void **state)
{
	struct err err = ERR_INIT;
	struct hash hash;
	uint64_t size;
	size_t count;
	int ends[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		_exit(write_bundle(os_real(), ends[1], some, SOME, &size, &hash,
			      NULL) == 0
				? 0
				: 1);
	}
	close(ends[1]);
	if (read_bundle(os_real(), ends[0], some, &count, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(count, SOME);
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void every_truncation_is_torn(void **state)
{
	static const size_t sizes[] = {700, 0, 512, 30};
	AUTO_BUF struct buf b = bundle_bytes(sizes, 4);
	size_t least = 0;

	(void)state;
	for (size_t len = 0; len < b.len; len++) {
		struct err err = ERR_INIT;
		size_t count;

		if (read_bytes(b.data, len, sizes, &count, &err) != ERR_TORN)
			fail_msg("cut at %zu: %s", len, err.text);
		assert_true(count >= least);
		least = count;
	}
	assert_int_equal(least, 4);
}

/* A parcel's own bytes are the parcel's to check; a flip in a header makes a
 * leading zero of a number a blank at worst. */
static void a_flipped_bit_outside_of_parcels_is_refused_or_harmless(
	void **state)
{
	static const size_t sizes[] = {700, 20};
	AUTO_BUF struct buf b = bundle_bytes(sizes, 2);

	(void)state;
	for (size_t bit = 0; bit < 8 * b.len; bit++) {
		size_t at = bit / 8, count;
		bool parcel = (at >= 512 && at < 512 + 700) ||
			      (at >= 2048 && at < 2048 + 20);

		b.data[at] ^= (uint8_t)(1u << bit % 8);
		if (read_bytes(b.data, b.len, parcel ? NULL : sizes, &count,
			    NULL) == 0)
			assert_int_equal(count, 2);
		b.data[at] ^= (uint8_t)(1u << bit % 8);
	}
}

static void damage_is_told_from_an_early_end(void **state)
{
	static const size_t sizes[] = {700, 20};
	AUTO_BUF struct buf b = bundle_bytes(sizes, 2);
	size_t count;

	(void)state;
	b.data[2048 - 512 + 124 + 5] ^= 1; /* second header, its size */
	assert_int_equal(
		read_bytes(b.data, b.len, sizes, &count, NULL), ERR_CORRUPT);
	assert_int_equal(count, 1);
	b.data[2048 - 512 + 124 + 5] ^= 1;
	b.data[b.len - 1] = 1;
	assert_int_equal(
		read_bytes(b.data, b.len, sizes, &count, NULL), ERR_CORRUPT);
	assert_int_equal(count, 2);
}

static void bytes_after_the_end_are_refused(void **state)
{
	AUTO_BUF struct buf b = bundle_bytes(some, SOME);
	struct err err = ERR_INIT;
	size_t count;

	(void)state;
	buf_add_byte(&b, 0);
	assert_int_equal(
		read_bytes(b.data, b.len, some, &count, &err), ERR_CORRUPT);
	assert_non_null(strstr(err.text, "after the end"));
	b.data[b.len - 1] = 1;
	assert_int_equal(
		read_bytes(b.data, b.len, some, &count, &err), ERR_CORRUPT);
}

/* ---- faults ---- */

static void every_failing_write_is_reported(void **state)
{
	static const int errors[] = {EIO, ENOSPC};

	(void)state;
	for (uint64_t n = 1;; n++) {
		struct simdisk *d = simdisk_new(1);
		struct os *os = simdisk_os(d);
		struct err err = ERR_INIT;
		struct hash hash;
		uint64_t size;
		int fd = os->ops->open(os, PATH, O_RDWR | O_CREAT, 0600), r;
		bool fired;

		simdisk_fail_at(d, n, errors[n % 2]);
		r = write_bundle(os, fd, some, SOME, &size, &hash, &err);
		fired = simdisk_fired(d);
		os->ops->close(os, fd);
		simdisk_free(d);
		if (!fired) {
			assert_int_equal(r, 0);
			break;
		}
		assert_int_equal(r, ERR_IO);
		assert_int_equal(err.os_errno, errors[n % 2]);
		assert_non_null(strstr(err.text, PATH));
		assert_true(n < 20);
	}
}

static void short_writes_make_the_same_bundle(void **state)
{
	AUTO_BUF struct buf want = bundle_bytes(some, SOME);
	struct simdisk *d = simdisk_new(1);
	struct os *os = simdisk_os(d);
	AUTO_BUF struct buf got = BUF_INIT;
	struct hash hash;
	uint64_t size;
	int fd = os->ops->open(os, PATH, O_RDWR | O_CREAT, 0600);

	(void)state;
	simdisk_short_at(d, 1);
	assert_int_equal(
		write_bundle(os, fd, some, SOME, &size, &hash, NULL), 0);
	assert_true(simdisk_fired(d));
	os->ops->close(os, fd);
	assert_int_equal(file_read(os, PATH, 1u << 26, &got, NULL), 0);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.data, want.data, want.len);
	simdisk_free(d);
}

/* A disk that gives its bytes in odd portions, then breaks. */
static ssize_t odd_pread(
	struct os *os, int fd, void *to, size_t len, int64_t at);

static struct {
	struct os os;
	const struct buf *bytes;
	int64_t breaks_at;
} odd;
static const struct os_ops odd_ops = {.pread = odd_pread};

static ssize_t odd_pread(
	struct os *os, int fd, void *to, size_t len, int64_t at)
{
	size_t n = odd.bytes->len - (size_t)at;

	(void)os;
	(void)fd;
	if (at >= odd.breaks_at)
		return -EIO;
	n = n < 333 ? n : 333;
	n = n < len ? n : len;
	memcpy(to, odd.bytes->data + at, n);
	return (ssize_t)n;
}

static void odd_portions_make_no_difference_and_a_bad_sector_is_io(void **state)
{
	AUTO_BUF struct buf b = bundle_bytes(some, SOME);
	struct err err = ERR_INIT;
	size_t count;

	(void)state;
	odd.os.ops = &odd_ops;
	odd.bytes = &b;
	odd.breaks_at = INT64_MAX;
	assert_int_equal(read_bundle(&odd.os, 3, some, &count, &err), 0);
	assert_int_equal(count, SOME);
	for (odd.breaks_at = 0; odd.breaks_at < (int64_t)b.len;
		odd.breaks_at += 333) {
		assert_int_equal(
			read_bundle(&odd.os, 3, some, &count, &err), ERR_IO);
		assert_int_equal(err.os_errno, EIO);
	}
}

/* ---- what strangers write ---- */

static void refuse(const struct buf *b, int code, const char *reason)
{
	struct err err = ERR_INIT;
	size_t count;
	int r = read_bytes(b->data, b->len, NULL, &count, &err);

	if (r != code || !strstr(err.text, reason))
		fail_msg("%d, not %d (%s): %s", r, code, reason, err.text);
}

/* The way the hostile ones are made does make a bundle when nothing is. */
static void a_bundle_made_by_hand_is_read(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	size_t count;

	(void)state;
	tar_add_header(
		&b, &(struct tar_header){
			    .name = "00000001.parcel", .type = '0', .size = 5});
	tar_add_data(&b, "bytes", 5);
	tar_add_end(&b);
	assert_int_equal(read_bytes(b.data, b.len, NULL, &count, NULL), 0);
	assert_int_equal(count, 1);
}

static void entries_that_are_no_regular_files_are_refused(void **state)
{
	static const char types[] = "1234567DKLMNSVXAgx";

	(void)state;
	for (size_t i = 0; types[i]; i++) {
		AUTO_BUF struct buf b = BUF_INIT;
		struct err err = ERR_INIT;
		size_t count;

		tar_add_header(
			&b, &(struct tar_header){.name = "00000001.parcel",
				    .type = types[i],
				    .link = "/etc/passwd"});
		tar_add_end(&b);
		if (read_bytes(b.data, b.len, NULL, &count, &err) >= 0 ||
			count != 0)
			fail_msg("type %c was taken", types[i]);
	}
}

static void a_link_with_bytes_is_refused(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	tar_add_header(&b, &(struct tar_header){.name = "00000001.parcel",
				   .type = '1',
				   .link = "/etc/passwd",
				   .size = 5});
	tar_add_data(&b, "bytes", 5);
	tar_add_end(&b);
	refuse(&b, ERR_CORRUPT, "not a regular file");
}

static void other_names_are_refused(void **state)
{
	static const char *const names[] = {
		"/00000001.parcel",
		"./00000001.parcel",
		"../00000001.parcel",
		"/etc/passwd",
		"00000002.parcel",
		"00000000.parcel",
		"1.parcel",
		"000000001.parcel",
		"00000001.parcel/",
		"00000001.PARCEL",
		"00000001.parcel ",
		"00000001",
		"x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		AUTO_BUF struct buf b = BUF_INIT;

		tar_add_header(
			&b, &(struct tar_header){
				    .name = names[i], .type = '0', .size = 5});
		tar_add_data(&b, "bytes", 5);
		tar_add_end(&b);
		refuse(&b, ERR_CORRUPT, "bundle");
	}
}

/* As above, but as second entry, where the file has begun well. */
static void other_names_are_refused_later_too(void **state)
{
	static const char *const names[] = {"00000001.parcel",
		"00000003.parcel", "/00000002.parcel", "../00000002.parcel",
		"etc/00000002.parcel"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		AUTO_BUF struct buf b = BUF_INIT;

		tar_add_header(
			&b, &(struct tar_header){
				    .name = "00000001.parcel", .type = '0'});
		tar_add_header(&b,
			&(struct tar_header){.name = names[i], .type = '0'});
		tar_add_end(&b);
		refuse(&b, ERR_CORRUPT, "not the name that comes next");
	}
}

static void a_huge_size_is_refused_before_memory_is_taken(void **state)
{
	static const uint64_t sizes[] = {
		PARCEL_SEALED_MAX + 1u, 1u << 30, 077777777777};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		AUTO_BUF struct buf b = BUF_INIT;

		tar_add_header(
			&b, &(struct tar_header){.name = "00000001.parcel",
				    .type = '0',
				    .size = sizes[i]});
		refuse(&b, ERR_LIMIT, "over limit");
	}
}

static void a_binary_or_negative_size_is_refused(void **state)
{
	static const uint8_t tops[] = {0x80, 0xff};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		AUTO_BUF struct buf b = BUF_INIT;
		struct err err = ERR_INIT;
		size_t count;

		tar_add_header(
			&b, &(struct tar_header){
				    .name = "00000001.parcel", .type = '0'});
		memset(b.data + 124, tops[i], 12);
		tar_sum(b.data);
		tar_add_end(&b);
		assert_true(read_bytes(b.data, b.len, NULL, &count, &err) < 0);
		assert_int_equal(count, 0);
	}
}

static void extended_headers_are_refused(void **state)
{
	static const char pax[] = "24 path=00000001.parcel\n";
	static const char sparse[] = "22 GNU.sparse.major=1\n"
				     "22 GNU.sparse.minor=0\n";
	static const char size[] = "14 size=99999\n";
	static const struct {
		char type;
		const char *data;
	} heads[] = {{'x', pax}, {'x', sparse}, {'x', size}, {'g', pax},
		{'L', "00000001.parcel"}, {'K', "00000001.parcel"}, {'A', pax}};

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		AUTO_BUF struct buf b = BUF_INIT;
		struct err err = ERR_INIT;
		size_t count;

		tar_add_header(
			&b, &(struct tar_header){.name = "00000001.parcel",
				    .type = heads[i].type,
				    .size = strlen(heads[i].data)});
		tar_add_data(&b, heads[i].data, strlen(heads[i].data));
		tar_add_header(
			&b, &(struct tar_header){.name = "00000001.parcel",
				    .type = '0',
				    .size = 5});
		tar_add_data(&b, "bytes", 5);
		tar_add_end(&b);
		if (read_bytes(b.data, b.len, NULL, &count, &err) >= 0)
			fail_msg("head %zu was taken", i);
	}
}

static void gnu_and_old_tars_are_refused(void **state)
{
	static const char *const magics[] = {"ustar  ", "\0\0\0\0\0\0\0"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		AUTO_BUF struct buf b = BUF_INIT;

		tar_add_header(
			&b, &(struct tar_header){.name = "00000001.parcel",
				    .type = '0',
				    .magic = magics[i],
				    .size = 5});
		tar_add_data(&b, "bytes", 5);
		tar_add_end(&b);
		refuse(&b, ERR_CORRUPT, "not plain ustar");
	}
}

static void an_archive_after_the_archive_is_refused(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	for (int i = 0; i < 2; i++) {
		tar_add_header(
			&b, &(struct tar_header){.name = i ? "00000002.parcel"
							   : "00000001.parcel",
				    .type = '0'});
		tar_add_end(&b);
	}
	refuse(&b, ERR_CORRUPT, "after the end");
}

static void other_archives_are_refused(void **state)
{
	static const char *const makes[] = {"gzip", "bzip2", "xz", "zstd"};
	AUTO_BUF struct buf b = bundle_bytes(some, SOME);
	char path[] = "/tmp/pb-bundle-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, b.data, b.len), b.len);
	close(fd);
	for (size_t i = 0; i < 4; i++) {
		AUTO_FREE char *command =
			mem_printf("%s -c < %s 2>/dev/null", makes[i], path);
		AUTO_BUF struct buf packed = BUF_INIT;
		FILE *f = popen(command, "r");

		packed.len = fread(buf_room(&packed, 1u << 20), 1, 1u << 20, f);
		/* a machine without this program has nothing to refuse */
		if (pclose(f) == 0)
			refuse(&packed, ERR_CORRUPT, "not a bundle");
	}
	unlink(path);
}

static void other_files_are_refused(void **state)
{
	static const char *const files[] = {"PK\3\4", "07070100000", "#mtree\n",
		"!<arch>\n", "hello", "P", "\x1f\x8b\b"};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		AUTO_BUF struct buf b = BUF_INIT;

		buf_add_str(&b, files[i]);
		refuse(&b, ERR_CORRUPT, "not a bundle");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parcels_come_back_in_order),
		cmocka_unit_test(an_empty_bundle_is_a_bundle),
		cmocka_unit_test(
			the_largest_parcel_fits_and_one_byte_more_does_not),
		cmocka_unit_test(nothing_of_this_machine_is_in_a_bundle),
		cmocka_unit_test(tar_lists_a_bundle),
		cmocka_unit_test(a_bundle_goes_through_a_pipe),
		cmocka_unit_test(every_truncation_is_torn),
		cmocka_unit_test(
			a_flipped_bit_outside_of_parcels_is_refused_or_harmless),
		cmocka_unit_test(damage_is_told_from_an_early_end),
		cmocka_unit_test(bytes_after_the_end_are_refused),
		cmocka_unit_test(every_failing_write_is_reported),
		cmocka_unit_test(short_writes_make_the_same_bundle),
		cmocka_unit_test(
			odd_portions_make_no_difference_and_a_bad_sector_is_io),
		cmocka_unit_test(a_bundle_made_by_hand_is_read),
		cmocka_unit_test(entries_that_are_no_regular_files_are_refused),
		cmocka_unit_test(a_link_with_bytes_is_refused),
		cmocka_unit_test(other_names_are_refused),
		cmocka_unit_test(other_names_are_refused_later_too),
		cmocka_unit_test(a_huge_size_is_refused_before_memory_is_taken),
		cmocka_unit_test(a_binary_or_negative_size_is_refused),
		cmocka_unit_test(extended_headers_are_refused),
		cmocka_unit_test(gnu_and_old_tars_are_refused),
		cmocka_unit_test(an_archive_after_the_archive_is_refused),
		cmocka_unit_test(other_archives_are_refused),
		cmocka_unit_test(other_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
