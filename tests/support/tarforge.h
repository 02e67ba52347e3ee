/*
 * tarforge: a tar made block by block, for what no honest program writes.
 */
#ifndef PB_TARFORGE_H
#define PB_TARFORGE_H

#include <stdio.h>
#include <string.h>

#include "mem.h"

#define TAR_BLOCK 512u

struct tar_header {
	const char *name;
	const char *magic; /* 8 bytes; NULL: ustar */
	const char *link;
	char type;
	uint64_t size;
};

/* Make the checksum of a header block right. */
static inline void tar_sum(uint8_t block[TAR_BLOCK])
{
	char sum[8];
	unsigned total = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		total += block[i];
	snprintf(sum, sizeof(sum), "%06o", total);
	memcpy(block + 148, sum, 7);
}

/* As libarchive writes it, when it is a regular file. */
static inline void tar_add_header(struct buf *b, const struct tar_header *h)
{
	uint8_t block[TAR_BLOCK] = {0};
	char size[12];

	memcpy(block, h->name, strnlen(h->name, 100));
	memcpy(block + 100, "000600 ", 7); /* mode */
	memcpy(block + 108, "000000 ", 7); /* owner */
	memcpy(block + 116, "000000 ", 7); /* group */
	snprintf(size, sizeof(size), "%011llo", (unsigned long long)h->size);
	memcpy(block + 124, size, 11);
	block[135] = ' ';
	memcpy(block + 136, "00000000000 ", 12);
	block[156] = (uint8_t)h->type;
	if (h->link)
		memcpy(block + 157, h->link, strnlen(h->link, 100));
	memcpy(block + 257,
		h->magic ? h->magic
			 : "ustar\0"
			   "00",
		8);
	memcpy(block + 329, "000000 ", 7); /* device */
	memcpy(block + 337, "000000 ", 7);
	tar_sum(block);
	buf_add(b, block, TAR_BLOCK);
}

/* An entry's bytes, and zeros to the next block. */
static inline void tar_add_data(struct buf *b, const void *data, size_t len)
{
	static const uint8_t zeros[TAR_BLOCK];

	buf_add(b, data, len);
	buf_add(b, zeros, (TAR_BLOCK - len % TAR_BLOCK) % TAR_BLOCK);
}

static inline void tar_add_file(
	struct buf *b, const char *name, const void *data, size_t len)
{
	tar_add_header(b,
		&(struct tar_header){.name = name, .type = '0', .size = len});
	tar_add_data(b, data, len);
}

static inline void tar_add_end(struct buf *b)
{
	static const uint8_t zeros[2 * TAR_BLOCK];

	buf_add(b, zeros, sizeof(zeros));
}

#endif
