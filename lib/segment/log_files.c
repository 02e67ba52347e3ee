/*
 * log_files: the files in a log's directory.
 *
 *   00000000000000f3-0000000000000001.changes      sealed
 *   00000000000000f3-00000000000002a8.changes      the last one
 *   00000000000000f3-0000000000000500.changes.tmp  left by a crash
 *
 * Names are incarnation and first lsn. Other names are none of ours and left
 * alone.
 */
#include "segment_private.h"
#include "err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 48
#define NAME_LSN_AT 17 /* "<16 hex>-" comes before */
#define TEMPORARY ".tmp"

void segment_file_name(
	uint64_t incarnation, uint64_t first_lsn, char ret[NAME_SIZE])
{
	snprintf(ret, NAME_SIZE, "%016" PRIx64 "-%016" PRIx64 ".changes",
		incarnation, first_lsn);
}

bool log_file_parse(const char *name, struct log_file *ret)
{
	struct log_file file;
	char expected[NAME_SIZE];
	const char *rest;

	if (strlen(name) < NAME_LSN_AT)
		return false;
	file.incarnation = strtoull(name, NULL, 16);
	file.first_lsn = strtoull(name + NAME_LSN_AT, NULL, 16);
	/* what strtoull was too kind about, does not come out again */
	segment_file_name(file.incarnation, file.first_lsn, expected);
	if (strncmp(name, expected, strlen(expected)) != 0)
		return false;
	rest = name + strlen(expected);
	file.temporary = strcmp(rest, TEMPORARY) == 0;
	if (*rest && !file.temporary)
		return false;
	*ret = file;
	return true;
}

char *log_file_path(const char *dir, uint64_t incarnation, uint64_t first_lsn)
{
	char name[NAME_SIZE];

	segment_file_name(incarnation, first_lsn, name);
	return mem_printf("%s/%s", dir, name);
}

int log_dir_list(
	struct os *os, const char *dir, struct buf *ret, struct err *err)
{
	int r = os->ops->list(os, dir, ret);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set_os(err, -r, "list %s", dir);
	return 0;
}

const char *log_dir_next(const struct buf *names, size_t *at)
{
	struct os_entry entry;

	return os_list_next(names, at, &entry) ? entry.name : NULL;
}

static int compare_lsns(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;

	return (*x > *y) - (*x < *y);
}

int log_files(struct os *os, const char *dir, uint64_t incarnation,
	uint64_t last_lsn, uint64_t **ret, size_t *ret_count, struct err *err)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct log_file file;
	uint64_t *lsns = NULL;
	size_t count = 0;
	size_t cap = 0;
	const char *name;
	size_t at = 0;
	int r;

	r = log_dir_list(os, dir, &names, err);
	if (r < 0)
		return r;
	while ((name = log_dir_next(&names, &at))) {
		if (!log_file_parse(name, &file) || file.temporary ||
			file.incarnation != incarnation ||
			file.first_lsn > last_lsn)
			continue;
		if (count == cap) {
			cap = cap ? 2 * cap : 16;
			lsns = mem_grow(lsns, cap, sizeof(*lsns));
		}
		lsns[count++] = file.first_lsn;
	}
	if (count)
		qsort(lsns, count, sizeof(*lsns), compare_lsns);
	*ret = lsns;
	*ret_count = count;
	return 0;
}
