/*
 * bundle_write: parcels into a tar, through libarchive, over the seam.
 *
 *	header 512 "00000001.parcel" | parcel | zeros to a multiple of 512
 *	header 512 "00000002.parcel" | ...
 *	1024 zeros
 *
 * Headers hold nothing of this machine (mode 0600, owner 0, time 0): the same
 * parcels make the same bytes. The first failure is final; the caller throws
 * the file away. A crash leaves a bundle without its end, which a reader
 * calls torn.
 */
#include "bundle.h"
#include "err.h"
#include "parcel.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdlib.h>

#define BLOCK_SIZE (64 * 1024)
#define TAR_BLOCK 512u

struct bundle_writer {
	struct os *os;
	int fd;
	char *name;
	struct archive *archive;
	struct archive_entry *entry;
	uint32_t entries;
	uint64_t size; /* bytes written */
	struct hash_state hash;
	struct err io; /* the first failure */
};

/*
 * libarchive is not told of a failure: after one it would no longer release
 * what it holds (3.6). From then on what it writes is dropped.
 */
static la_ssize_t write_block(
	struct archive *a, void *ctx, const void *data, size_t len)
{
	struct bundle_writer *w = ctx;

	(void)a;
	if (w->io.code != ERR_NONE)
		return (la_ssize_t)len;
	if (os_write_all(w->os, w->fd, data, len, (int64_t)w->size, w->name,
		    &w->io) == 0) {
		hash_add(&w->hash, data, len);
		w->size += len;
	}
	return (la_ssize_t)len;
}

/* The first failure, of the seam or of libarchive, which said `done`. */
static int check(struct bundle_writer *w, bool done, struct err *err)
{
	const char *why = archive_error_string(w->archive);

	if (!done && w->io.code == ERR_NONE)
		err_set(&w->io, ERR_IO, "write bundle %s: %s", w->name,
			why ? why : "unknown reason");
	if (w->io.code != ERR_NONE && err)
		*err = w->io;
	return w->io.code;
}

static int open_archive(struct bundle_writer *w)
{
	int r = archive_write_set_format_ustar(w->archive);

	if (r == ARCHIVE_OK)
		r = archive_write_add_filter_none(w->archive);
	if (r == ARCHIVE_OK)
		r = archive_write_set_bytes_per_block(w->archive, BLOCK_SIZE);
	if (r == ARCHIVE_OK)
		r = archive_write_set_bytes_in_last_block(w->archive, 1);
	if (r == ARCHIVE_OK)
		r = archive_write_open(w->archive, w, NULL, write_block, NULL);
	return r;
}

int bundle_writer_open(struct os *os, int fd, const char *name,
	struct bundle_writer **ret, struct err *err)
{
	struct bundle_writer *w = mem_alloc(sizeof(*w));
	int r;

	w->os = os;
	w->fd = fd;
	w->name = mem_dup(name);
	hash_init(&w->hash);
	w->archive = archive_write_new();
	w->entry = archive_entry_new();
	if (!w->archive || !w->entry)
		abort(); /* out of memory, as in lib/base */
	r = check(w, open_archive(w) == ARCHIVE_OK, err);
	if (r < 0) {
		bundle_writer_abort(w);
		return r;
	}
	*ret = w;
	return 0;
}

static int check_limits(
	const struct bundle_writer *w, size_t len, struct err *err)
{
	if (len > PARCEL_SEALED_MAX)
		return err_set(err, ERR_LIMIT,
			"write bundle %s: parcel of %zu bytes over limit %u",
			w->name, len, PARCEL_SEALED_MAX);
	if (w->entries == BUNDLE_ENTRIES_MAX)
		return err_set(err, ERR_LIMIT,
			"write bundle %s: more than %u parcels", w->name,
			BUNDLE_ENTRIES_MAX);
	if (w->size > BUNDLE_SIZE_MAX - 2 * (uint64_t)PARCEL_SEALED_MAX)
		return err_set(err, ERR_LIMIT,
			"write bundle %s: larger than %llu bytes", w->name,
			(unsigned long long)BUNDLE_SIZE_MAX);
	return 0;
}

int bundle_writer_add(struct bundle_writer *w, const void *parcel, size_t len,
	struct err *err)
{
	AUTO_FREE char *name = mem_printf("%08u.parcel", w->entries + 1);
	int r = check_limits(w, len, err);

	if (r < 0)
		return r;
	archive_entry_clear(w->entry);
	archive_entry_set_pathname(w->entry, name);
	archive_entry_set_filetype(w->entry, AE_IFREG);
	archive_entry_set_perm(w->entry, 0600);
	archive_entry_set_size(w->entry, (la_int64_t)len);
	archive_entry_set_mtime(w->entry, 0, 0);
	r = check(w, archive_write_header(w->archive, w->entry) == ARCHIVE_OK,
		err);
	if (r < 0)
		return r;
	w->entries++;
	return check(w,
		archive_write_data(w->archive, parcel, len) == (la_ssize_t)len,
		err);
}

static void release(struct bundle_writer *w)
{
	archive_write_free(w->archive);
	archive_entry_free(w->entry);
	free(w->name);
	free(w);
}

uint64_t bundle_entry_size(size_t len)
{
	return TAR_BLOCK +
	       ((uint64_t)len + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

int bundle_writer_finish(struct bundle_writer *w, uint64_t *ret_size,
	struct hash *ret_hash, struct err *err)
{
	int r = check(w, archive_write_close(w->archive) == ARCHIVE_OK, err);

	if (r == 0) {
		*ret_size = w->size;
		*ret_hash = hash_end(&w->hash);
	}
	release(w);
	return r;
}

void bundle_writer_abort(struct bundle_writer *w)
{
	/* Releasing it writes the end, which is dropped too. */
	err_set(&w->io, ERR_IO, "write bundle %s: given up", w->name);
	release(w);
}
