/*
 * vfs_page: one page of a replica state file and its checksum.
 *
 *	0                                        4088      4096
 *	+----------------------------------------+---------+
 *	| what SQLite keeps in the page          | check   |
 *	+----------------------------------------+---------+
 *
 * check is XXH3-64 of the 4088 bytes before it, seeded with the page number
 * (from 1), little-endian: a page that was written to another page's place
 * does not match there.
 */
#ifndef PB_VFS_PAGE_H
#define PB_VFS_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "vfs.h"

/* Fill the reserved bytes at the end of page[VFS_PAGE_SIZE]. */
void vfs_page_seal(uint8_t *page, uint32_t number);

/* True if the reserved bytes are those of this page at this place. */
bool vfs_page_whole(const uint8_t *page, uint32_t number);

/*
 * True if a first page says that the file has our page size and reserved
 * bytes; its checksum is another question.
 */
bool vfs_page_ours(const uint8_t *first);

/* Big-endian numbers, as SQLite writes them. */
uint32_t vfs_page_u32(const uint8_t *at);

/* Fields of the first page (SQLite's "Database File Format", 1.3). */
#define VFS_HEADER_COUNTER 24 /* file change counter */
#define VFS_HEADER_PAGES 28   /* pages in the database */
#define VFS_HEADER_FREE 32    /* first page of the free list */

#endif
