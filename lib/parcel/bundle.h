/*
 * bundle: parcels packed for a carrier that takes files: a plain tar.
 *
 * Entries are regular files "00000001.parcel" … in order, written and read
 * with libarchive (ustar, no filters) through callbacks over the seam;
 * nothing is ever extracted to disk by libarchive. A bundle may come from a
 * stranger: entry type, name and size are checked before a byte of it is
 * kept, the number of entries and the total are capped.
 */
#ifndef PB_BUNDLE_H
#define PB_BUNDLE_H

#include "hash.h"
#include "mem.h"
#include "os.h"

struct err;
struct bundle_writer;
struct bundle_reader;

#define BUNDLE_ENTRIES_MAX 1000000u
#define BUNDLE_END_SIZE 1024u /* zeros behind the last entry */
#define BUNDLE_SIZE_MAX (UINT64_C(1) << 40)

/*
 * Begin a bundle in an open file (or pipe: then nothing is synced).
 * The caller keeps fd and its durability.
 */
int bundle_writer_open(struct os *os, int fd, const char *name,
	struct bundle_writer **ret, struct err *err);
/* Errors: ERR_LIMIT (an entry or the whole is too large), ERR_IO. */
int bundle_writer_add(struct bundle_writer *w, const void *parcel, size_t len,
	struct err *err);
/* Bytes that a parcel takes in a bundle, its header included. */
uint64_t bundle_entry_size(size_t len);
/* End of archive; returns bytes and hash of the whole file. Frees w. */
int bundle_writer_finish(struct bundle_writer *w, uint64_t *ret_size,
	struct hash *ret_hash, struct err *err);
void bundle_writer_abort(struct bundle_writer *w);

/* Reads from fd at offset 0 by pread (or sequentially from a pipe). */
int bundle_reader_open(struct os *os, int fd, const char *name,
	struct bundle_reader **ret, struct err *err);
/*
 * Next parcel's bytes into ret (cleared first). Returns 1, or 0 at the end.
 * Errors: ERR_TORN (cut), ERR_CORRUPT (not a bundle, a link, a bad name),
 * ERR_LIMIT.
 */
int bundle_reader_next(
	struct bundle_reader *r, struct buf *ret, struct err *err);
void bundle_reader_close(struct bundle_reader *r);

#endif
