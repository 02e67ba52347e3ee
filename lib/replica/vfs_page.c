/*
 * vfs_page: the checksum of a page. The picture is in vfs_page.h.
 */
#include "vfs_page.h"
#include "hash.h"

#include <string.h>

#define CONTENT (VFS_PAGE_SIZE - VFS_RESERVED)

static const char magic[16] = "SQLite format 3";

static void check_of(
	const uint8_t *page, uint32_t number, uint8_t ret[VFS_RESERVED])
{
	uint64_t check = hash_check(page, CONTENT, number);

	for (int i = 0; i < VFS_RESERVED; i++)
		ret[i] = (uint8_t)(check >> (8 * i));
}

void vfs_page_seal(uint8_t *page, uint32_t number)
{
	check_of(page, number, page + CONTENT);
}

bool vfs_page_whole(const uint8_t *page, uint32_t number)
{
	uint8_t check[VFS_RESERVED];

	check_of(page, number, check);
	return memcmp(check, page + CONTENT, VFS_RESERVED) == 0;
}

bool vfs_page_ours(const uint8_t *first)
{
	return memcmp(first, magic, sizeof(magic)) == 0 &&
	       first[16] == VFS_PAGE_SIZE >> 8 &&
	       first[17] == (VFS_PAGE_SIZE & 0xff) && first[20] == VFS_RESERVED;
}

uint32_t vfs_page_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
	       (uint32_t)at[2] << 8 | at[3];
}
