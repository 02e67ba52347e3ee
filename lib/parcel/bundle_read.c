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
#define TAR_TYPE_AT 156u
#define TAR_REGULAR '0'

_Static_assert(BLOCK_SIZE % TAR_BLOCK == 0, "no header lies in two blocks");

struct bundle_reader {
	struct os *os;
	int fd;
	char *name;
	struct archive *archive;
	uint32_t entries;
	uint64_t expect;   /* where the next header must lie */
	uint64_t at;	   /* bytes read */
	uint64_t zeros;	   /* of them, zeros without a break at the end */
	bool ended;	   /* the file is at its end */
	bool starved;	   /* libarchive wanted more than there is */
	struct err io;	   /* why the last read failed */
	uint64_t block_at; /* where the block read last begins */
	size_t block_len;
	uint8_t block[BLOCK_SIZE];
};

static void count_zeros(struct bundle_reader *r)
{
	size_t n = 0;

	while (n < r->block_len && r->block[r->block_len - 1 - n] == 0)
		n++;
	r->zeros = n == r->block_len ? r->zeros + n : n;
}

/* The first bytes are a first entry's name, or the end of an empty bundle. */
static bool begins_well(const uint8_t *data, size_t len)
{
	size_t n = sizeof(FIRST_NAME) < len ? sizeof(FIRST_NAME) : len;

	return data[0] == 0 || memcmp(data, FIRST_NAME, n) == 0;
}

/* Read the next block, whole unless the file ends: a pipe gives portions. */
static int fill_block(struct bundle_reader *r)
{
	r->block_at = r->at;
	r->block_len = 0;
	while (r->block_len < BLOCK_SIZE && !r->ended) {
		ssize_t n =
			r->os->ops->pread(r->os, r->fd, r->block + r->block_len,
				BLOCK_SIZE - r->block_len, (int64_t)r->at);

		if (n < 0)
			return err_set_os(&r->io, (int)-n, "read %s", r->name);
		r->ended = n == 0;
		r->block_len += (size_t)n;
		r->at += (uint64_t)n;
	}
	count_zeros(r);
	if (r->block_at == 0 && r->block_len > 0 &&
		!begins_well(r->block, r->block_len))
		return err_set(
			&r->io, ERR_CORRUPT, "%s: not a bundle", r->name);
	if (r->at > BUNDLE_SIZE_MAX)
		return err_set(&r->io, ERR_LIMIT, "%s: larger than %llu bytes",
			r->name, (unsigned long long)BUNDLE_SIZE_MAX);
	return 0;
}

static la_ssize_t give_block(struct archive *a, void *ctx, const void **ret)
{
	struct bundle_reader *r = ctx;

	if (fill_block(r) < 0) {
		archive_set_error(a, EIO, "%s", "read failed");
		return -1;
	}
	r->starved = r->block_len == 0;
	*ret = r->block;
	return (la_ssize_t)r->block_len;
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
	if (r->starved)
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

/*
 * The type as it stands in the header that was parsed last: libarchive takes
 * types that it does not know for regular files.
 */
static uint8_t entry_type(const struct bundle_reader *r)
{
	uint64_t at = r->expect - r->block_at + TAR_TYPE_AT;

	return r->expect >= r->block_at && at < r->block_len ? r->block[at] : 0;
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
	if (entry_type(r) != TAR_REGULAR ||
		archive_entry_filetype(entry) != AE_IFREG ||
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
		if (fill_block(r) < 0)
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
