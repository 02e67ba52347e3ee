/*
 * medium: names, marker and manifest of a directory that carries bundles.
 *
 *	packetboat medium 1          packetboat bundle 1
 *	id 5f0c…                     sender 41c0d2…
 *	sum 9b1d…                    recipient 9b7e55…
 *	                             sequence 000000000000002a
 *	                             size 0000000000012400
 *	                             hash 7d1c…
 *	                             sum 03fe…
 *
 * Every field has its fixed place, so a text is read by taking the values from
 * their places, writing it again and comparing: one spelling, every byte
 * checked.
 */
#include "medium.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEX64 16u
#define SUM_SIZE 21u /* "sum ", 16 digits, newline */
#define MARKER_ID_AT 23u
#define MANIFEST_SENDER_AT 27u
#define MANIFEST_RECIPIENT_AT 54u
#define MANIFEST_SEQUENCE_AT 80u
#define MANIFEST_SIZE_AT 102u
#define MANIFEST_HASH_AT 124u
#define NAME_SIZE (2 * HEX64 + 1) /* before the ending */

static void add_sum(char *text, size_t size)
{
	size_t len = size - SUM_SIZE;

	snprintf(text + len, SUM_SIZE + 1, "sum %016llx\n",
		(unsigned long long)hash_check(text, len, 0));
}

void medium_marker_write(
	const struct id128 *id, char ret[MEDIUM_MARKER_SIZE + 1])
{
	char hex[ID_HEX];

	id_hex(id, hex);
	snprintf(ret, MEDIUM_MARKER_SIZE + 1, "packetboat medium 1\nid %s\n",
		hex);
	add_sum(ret, MEDIUM_MARKER_SIZE);
}

void medium_manifest_write(
	const struct carrier_item *item, char ret[MEDIUM_MANIFEST_SIZE + 1])
{
	char hex[HASH_HEX];

	hash_hex(&item->hash, hex);
	snprintf(ret, MEDIUM_MANIFEST_SIZE + 1,
		"packetboat bundle 1\nsender %016llx\nrecipient %016llx\n"
		"sequence %016llx\nsize %016llx\nhash %s\n",
		(unsigned long long)item->sender,
		(unsigned long long)item->recipient,
		(unsigned long long)item->sequence,
		(unsigned long long)item->size, hex);
	add_sum(ret, MEDIUM_MANIFEST_SIZE);
}

int medium_marker_read(const void *text, size_t len, struct id128 *ret)
{
	char hex[ID_HEX] = "", again[MEDIUM_MARKER_SIZE + 1];

	if (len != MEDIUM_MARKER_SIZE)
		return -1;
	memcpy(hex, (const char *)text + MARKER_ID_AT, ID_HEX - 1);
	if (id_from_hex(hex, ret) < 0)
		return -1;
	medium_marker_write(ret, again);
	return memcmp(again, text, len) == 0 ? 0 : -1;
}

int medium_manifest_read(const void *text, size_t len, struct carrier_item *ret)
{
	char hash[HASH_HEX] = "", again[MEDIUM_MANIFEST_SIZE + 1];
	const char *p = text;

	if (len != MEDIUM_MANIFEST_SIZE)
		return -1;
	memcpy(hash, p + MANIFEST_HASH_AT, HASH_HEX - 1);
	if (hex_u64(p + MANIFEST_SENDER_AT, &ret->sender) < 0 ||
		hex_u64(p + MANIFEST_RECIPIENT_AT, &ret->recipient) < 0 ||
		hex_u64(p + MANIFEST_SEQUENCE_AT, &ret->sequence) < 0 ||
		hex_u64(p + MANIFEST_SIZE_AT, &ret->size) < 0 ||
		hash_from_hex(hash, &ret->hash) < 0)
		return -1;
	medium_manifest_write(ret, again);
	return memcmp(again, text, len) == 0 ? 0 : -1;
}

enum medium_kind medium_name_read(
	const char *name, uint64_t *ret_sender, uint64_t *ret_sequence)
{
	const char *ending = name + NAME_SIZE;

	if (strlen(name) <= NAME_SIZE || name[HEX64] != '-' ||
		hex_u64(name, ret_sender) < 0 ||
		hex_u64(name + HEX64 + 1, ret_sequence) < 0)
		return MEDIUM_STRANGE;
	if (strcasecmp(ending, ".pb") == 0)
		return MEDIUM_BUNDLE;
	if (strcasecmp(ending, ".whole") == 0)
		return MEDIUM_MANIFEST;
	if (strcasecmp(ending, ".tmp") == 0 ||
		strcasecmp(ending, ".whole.tmp") == 0)
		return MEDIUM_UNDER_WAY;
	return MEDIUM_STRANGE;
}

static int file_cmp(const void *left, const void *right)
{
	const struct medium_file *a = left, *b = right;

	if (a->sender != b->sender)
		return a->sender < b->sender ? -1 : 1;
	if (a->sequence != b->sequence)
		return a->sequence < b->sequence ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return strcmp(a->name, b->name);
}

void medium_files_sort(struct medium_files *ret)
{
	struct os_entry entry;
	size_t at = 0, cap = 0;

	while (os_list_next(&ret->names, &at, &entry)) {
		struct medium_file file = {.name = entry.name};

		file.kind = medium_name_read(
			entry.name, &file.sender, &file.sequence);
		if (file.kind == MEDIUM_STRANGE) {
			ret->strange++;
			continue;
		}
		if (ret->count == cap) {
			cap = cap ? 2 * cap : 64;
			ret->items =
				mem_grow(ret->items, cap, sizeof(*ret->items));
		}
		ret->items[ret->count++] = file;
	}
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), file_cmp);
}

void medium_files_free(struct medium_files *files)
{
	free(files->items);
	buf_free(&files->names);
	*files = (struct medium_files){0};
}

size_t medium_files_group(const struct medium_files *files, size_t first,
	struct medium_group *ret)
{
	const struct medium_file *head = &files->items[first];
	size_t i;

	*ret = (struct medium_group){0};
	for (i = first; i < files->count; i++) {
		const struct medium_file *f = &files->items[i];
		const struct medium_file **slot = f->kind == MEDIUM_BUNDLE
							  ? &ret->bundle
							  : &ret->manifest;

		if (f->sender != head->sender || f->sequence != head->sequence)
			break;
		if (f->kind == MEDIUM_UNDER_WAY)
			continue;
		ret->twice = ret->twice || *slot;
		*slot = f;
	}
	return i;
}
