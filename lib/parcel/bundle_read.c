/*
 * bundle_read: parcels out of a tar that anybody may have written.
 *
 * libarchive parses, as plain tar and nothing else; it reads through the seam
 * and never touches the disk. What it parsed is believed if and only if
 * (1) the entry is a regular ustar file, no link, nothing sparse, (2) its name
 * is the next in sequence, (3) its size is within the cap, (4) its header
 * lies exactly where the entry before ended, so that no extended header stands
 * between, (5) after the last entry come 1024 zeros and the end of the file.
 * A bundle that ends before is torn, wherever it was cut.
 */
#include "bundle.h"
#include "err.h"
#include "parcel.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE (64 * 1024)
#define TAR_BLOCK 512u
#define TAR_END 1024u /* zeros */
#define FIRST_NAME "00000001.parcel"

struct bundle_reader {
	struct os *os;
	int fd;
	char *name;
	struct archive *archive;
	uint32_t entries;
	uint64_t expect; /* where the next header must lie */
	uint64_t at;	 /* bytes read */
	uint64_t zeros;	 /* of them, zeros without a break at the end */
	bool ended;	 /* the file is at its end */
	struct err io;	 /* why the last read failed */
	uint8_t block[BLOCK_SIZE];
};

static int cannot_read(struct bundle_reader *r)
{
	archive_set_error(r->archive, EIO, "%s", "read failed");
	return -1;
}

static void count_zeros(struct bundle_reader *r, size_t len)
{
	size_t n = 0;

	while (n < len && r->block[len - 1 - n] == 0)
		n++;
	r->zeros = n == len ? r->zeros + n : n;
}

/* The first bytes are a first entry's name, or the end of an empty bundle. */
static bool begins_well(const uint8_t *data, size_t len)
{
	size_t n = sizeof(FIRST_NAME) < len ? sizeof(FIRST_NAME) : len;

	return data[0] == 0 || memcmp(data, FIRST_NAME, n) == 0;
}

/* Bytes read into r->block: 0 at the end, -1 with r->io set. */
static la_ssize_t read_block(struct bundle_reader *r)
{
	ssize_t n = r->os->ops->pread(
		r->os, r->fd, r->block, sizeof(r->block), (int64_t)r->at);

	if (n < 0) {
		err_set_os(&r->io, (int)-n, "read %s", r->name);
		return cannot_read(r);
	}
	r->ended = n == 0;
	if (n > 0 && r->at == 0 && !begins_well(r->block, (size_t)n)) {
		err_set(&r->io, ERR_CORRUPT, "%s: not a bundle", r->name);
		return cannot_read(r);
	}
	r->at += (uint64_t)n;
	if (r->at > BUNDLE_SIZE_MAX) {
		err_set(&r->io, ERR_LIMIT, "%s: larger than %llu bytes",
			r->name, (unsigned long long)BUNDLE_SIZE_MAX);
		return cannot_read(r);
	}
	count_zeros(r, (size_t)n);
	return n;
}

static la_ssize_t give_block(struct archive *a, void *ctx, const void **ret)
{
	struct bundle_reader *r = ctx;

	(void)a;
	*ret = r->block;
	return read_block(r);
}

static int torn(const struct bundle_reader *r, struct err *err)
{
	return err_set(err, ERR_TORN, "%s: ends after %llu bytes, in entry %u",
		r->name, (unsigned long long)r->at, r->entries + 1);
}

static int refuse(
	const struct bundle_reader *r, const char *why, struct err *err)
{
	return err_set(err, ERR_CORRUPT, "%s: entry %u: %s", r->name,
		r->entries + 1, why);
}

/* libarchive gave up: because of the seam, the file's end, or the bytes. */
static int failed(const struct bundle_reader *r, struct err *err)
{
	const char *why = archive_error_string(r->archive);

	if (r->io.code != ERR_NONE) {
		if (err)
			*err = r->io;
		return r->io.code;
	}
	if (r->ended)
		return torn(r, err);
	return refuse(r, why ? why : "not readable as tar", err);
}

static int open_archive(struct bundle_reader *r)
{
	int done = archive_read_support_format_tar(r->archive);

	if (done == ARCHIVE_OK)
		done = archive_read_support_filter_none(r->archive);
	if (done == ARCHIVE_OK)
		done = archive_read_open(r->archive, r, NULL, give_block, NULL);
	return done;
}

int bundle_reader_open(struct os *os, int fd, const char *name,
	struct bundle_reader **ret, struct err *err)
{
	struct bundle_reader *r = mem_alloc(sizeof(*r));
	int code;

	r->os = os;
	r->fd = fd;
	r->name = mem_dup(name);
	r->archive = archive_read_new();
	if (!r->archive)
		abort(); /* out of memory, as in lib/base */
	if (open_archive(r) != ARCHIVE_OK) {
		code = failed(r, err);
		bundle_reader_close(r);
		return code;
	}
	*ret = r;
	return 0;
}

/* Conditions (1) to (4) of the file top. */
static int check_entry(const struct bundle_reader *r,
	struct archive_entry *entry, struct err *err)
{
	AUTO_FREE char *expect = mem_printf("%08u.parcel", r->entries + 1);
	const char *name = archive_entry_pathname(entry);
	int64_t size = archive_entry_size(entry);

	if (r->entries == BUNDLE_ENTRIES_MAX)
		return err_set(err, ERR_LIMIT, "%s: more than %u parcels",
			r->name, BUNDLE_ENTRIES_MAX);
	if (archive_format(r->archive) != ARCHIVE_FORMAT_TAR_USTAR ||
		archive_read_header_position(r->archive) !=
			(la_int64_t)r->expect)
		return refuse(r, "not plain ustar", err);
	if (archive_entry_filetype(entry) != AE_IFREG ||
		archive_entry_hardlink(entry) || archive_entry_symlink(entry) ||
		archive_entry_sparse_count(entry) != 0)
		return refuse(r, "not a regular file", err);
	if (!name || strcmp(name, expect) != 0)
		return refuse(r, "not the name that comes next", err);
	if (!archive_entry_size_is_set(entry) || size < 0)
		return refuse(r, "no size", err);
	if (size > PARCEL_SEALED_MAX)
		return err_set(err, ERR_LIMIT,
			"%s: entry %u: %lld bytes over limit %u", r->name,
			r->entries + 1, (long long)size, PARCEL_SEALED_MAX);
	return 0;
}

static int take_data(
	struct bundle_reader *r, size_t size, struct buf *ret, struct err *err)
{
	uint8_t *to = buf_room(ret, size);

	while (ret->len < size) {
		la_ssize_t n = archive_read_data(
			r->archive, to + ret->len, size - ret->len);

		if (n < 0)
			return failed(r, err);
		if (n == 0)
			return torn(r, err);
		ret->len += (size_t)n;
	}
	return 0;
}

/* Condition (5). */
static int check_end(struct bundle_reader *r, struct err *err)
{
	uint64_t end = r->expect + TAR_END;

	while (!r->ended && r->at <= end)
		if (read_block(r) < 0)
			return failed(r, err);
	if (r->at < end)
		return torn(r, err);
	if (r->at > end || r->zeros < TAR_END)
		return refuse(r, "bytes after the end of the archive", err);
	return 0;
}

int bundle_reader_next(
	struct bundle_reader *r, struct buf *ret, struct err *err)
{
	struct archive_entry *entry;
	uint64_t size;
	int code;

	buf_clear(ret);
	code = archive_read_next_header(r->archive, &entry);
	if (code == ARCHIVE_EOF)
		return check_end(r, err);
	if (code != ARCHIVE_OK)
		return failed(r, err);
	code = check_entry(r, entry, err);
	if (code < 0)
		return code;
	size = (uint64_t)archive_entry_size(entry);
	code = take_data(r, (size_t)size, ret, err);
	if (code < 0)
		return code;
	r->entries++;
	r->expect += TAR_BLOCK + (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	return 1;
}

void bundle_reader_close(struct bundle_reader *r)
{
	archive_read_free(r->archive);
	free(r->name);
	free(r);
}
