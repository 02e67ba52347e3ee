/*
 * vfs_journal: checksums in SQLite's rollback journal.
 *
 * SQLite takes a damaged journal for one that ends there, and leaves the
 * database half rolled back. So what it reads of a journal that is needed is
 * checked here first. The format is SQLite's ("The Rollback Journal" in
 * "Database File Format"), in sectors of VFS_PAGE_SIZE; ours is in [ ]:
 *
 *	header  at the start of a sector: magic 8, records 4, nonce 4, pages 4,
 *	        sector size 4, page size 4, [check 8: XXH3-64 of these 28
 *	        bytes, seeded with the header's place], up to the sector's end
 *	record  page number 4, page image VFS_PAGE_SIZE [whose last 8 bytes are
 *	        sealed as in the database], SQLite's checksum 4
 *
 * A header is written with zeros for magic, records and check; when its
 * records are durable, all three are put in by one write. A header without a
 * check therefore was not finished, and nothing of its records had reached
 * the database; one whose check is cut short was not finished either, but is
 * right. Any other is whole or damaged. A part is a header with its records;
 * a long transaction has several. That the file ends inside a part is seen;
 * that whole parts were cut off its end cannot be.
 */
#ifndef PB_VFS_JOURNAL_H
#define PB_VFS_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_HEAD 36 /* bytes of a header with its check */

/* What was last written or read. Begin with VFS_JOURNAL_INIT. */
struct vfs_journal {
	uint8_t head[JOURNAL_HEAD]; /* of the header written last */
	int64_t head_at; /* -1: none since the journal was opened, or emptied */
	int64_t over_at; /* an unfinished header, with which it ends; -1 */
	int64_t image_at; /* where an image of the page `page` would begin */
	uint32_t page;
	int64_t next;	/* where a record of a checked part begins; -1: none */
	bool checked;	/* the record at hand is of a checked part */
	uint32_t nonce; /* of that part */
	uint32_t sum;	/* of the image at hand, as SQLite sums it */
};

#define VFS_JOURNAL_INIT                                                       \
	((struct vfs_journal){                                                 \
		.head_at = -1, .over_at = -1, .image_at = -1, .next = -1})

/*
 * What is to be written at `at` in the place of from[*len]: from itself, or
 * bytes put into room[VFS_PAGE_SIZE]. *len may grow to JOURNAL_HEAD.
 */
const uint8_t *vfs_journal_seal(struct vfs_journal *j, const uint8_t *from,
	size_t *len, int64_t at, uint8_t *room);

/* True if a read of len bytes at `at` looks for a header. */
bool vfs_journal_asks_head(size_t len, int64_t at);

/*
 * True behind the last part of a journal that is being written here, and
 * behind a header that was not finished: there is none any more.
 */
bool vfs_journal_is_behind(const struct vfs_journal *j, int64_t at);

/*
 * Check the header head[JOURNAL_HEAD] at `at` of a journal of size bytes; what
 * is beyond the end is zeros. Returns false if it, or the file, is damaged.
 */
bool vfs_journal_check_head(
	struct vfs_journal *j, const uint8_t *head, int64_t at, int64_t size);

/*
 * Check a piece of a record: len bytes at `at`. Returns false if it is
 * damaged, with the page in j->page.
 */
bool vfs_journal_check_record(
	struct vfs_journal *j, const uint8_t *piece, size_t len, int64_t at);

#endif
