/*
 * vfs: SQLite's file access over the seam, with a checksum in every page.
 *
 * vfs_open lets SQLite run on any struct os: the real one, or a simulated
 * disk. Each page of a database file ends in 8 reserved bytes: XXH3-64 of the
 * rest of the page, seeded with the page number. A page that does not match
 * makes the read fail with SQLITE_IOERR_DATA: a flipped byte is an error,
 * never a wrong answer (docs/format.md, State). So it is in the journal.
 *
 * After a failed fsync a connection reads and writes nothing more: close it,
 * and open anew.
 */
#ifndef PB_VFS_H
#define PB_VFS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "os.h"

struct err;

#define VFS_RESERVED 8
#define VFS_PAGE_SIZE 4096

/*
 * Open a database over os, creating it (durably) when `create`. Sets page
 * size, reserved bytes, journal_mode=TRUNCATE, synchronous=FULL,
 * temp_store=MEMORY, foreign_keys, a busy timeout of 10 s (by os->sleep_ns),
 * cell_size_check, trusted_schema=off, mmap off, cache at most 4 MiB.
 * Errors: ERR_ABSENT; ERR_CORRUPT (names the file and the page); ERR_IO.
 */
int vfs_open(struct os *os, const char *path, bool create, sqlite3 **ret,
	struct err *err);

/*
 * Close and forget what vfs_open kept for this database. All its statements
 * are finalized before. NULL is fine.
 */
void vfs_close(sqlite3 *db);

/*
 * Verify the checksum of every page of a database file, without SQLite, under
 * its read lock: works beside other programs. Returns 0; ERR_CORRUPT names the
 * first bad page and how many are bad; ERR_BUSY after 10 s; ERR_CONFLICT when
 * a crash left a journal: open the database first; ERR_ABSENT; ERR_IO.
 * ret_pages may be NULL.
 */
int vfs_verify(
	struct os *os, const char *path, uint64_t *ret_pages, struct err *err);

/*
 * Fill err from a failed SQLite call: SQLITE_IOERR_DATA, SQLITE_CORRUPT and
 * SQLITE_NOTADB are ERR_CORRUPT, SQLITE_BUSY is ERR_BUSY, SQLITE_FULL and
 * other I/O errors ERR_IO. Returns the code.
 */
int vfs_error(sqlite3 *db, struct err *err, const char *what);

#endif
