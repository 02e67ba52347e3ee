/*
 * onedisk: a simulated disk for each test of a program, and files on it.
 */
#ifndef PB_ONEDISK_H
#define PB_ONEDISK_H

#include "err.h"
#include "mem.h"
#include "os.h"
#include "simdisk.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct simdisk *disk;
static struct os *os;

static inline int setup(void **state)
{
	(void)state;
	disk = simdisk_new(7);
	os = simdisk_os(disk);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	simdisk_free(disk);
	return 0;
}

static inline int open_file(const char *path, int flags)
{
	int fd = os->ops->open(os, path, flags, 0644);

	assert_true(fd >= 0);
	return fd;
}

static inline void put(const char *path, const char *text, bool sync)
{
	int fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
	size_t len = strlen(text);

	assert_int_equal(os->ops->pwrite(os, fd, text, len, 0), len);
	if (sync)
		assert_int_equal(os->ops->fsync(os, fd), 0);
	assert_int_equal(os->ops->close(os, fd), 0);
}

static inline void sync_dir(const char *path)
{
	assert_int_equal(dir_sync(os, path, NULL), 0);
}

static inline bool exists(const char *path)
{
	struct os_stat st;

	return os->ops->lstat(os, path, &st) == 0;
}

static inline void assert_holds(const char *path, const char *text)
{
	AUTO_BUF struct buf b = BUF_INIT;

	assert_int_equal(file_read(os, path, 1 << 20, &b, NULL), 0);
	assert_string_equal(buf_str(&b), text);
}

static inline struct os_stat stat_of(const char *path)
{
	struct os_stat st = {0};

	assert_int_equal(os->ops->stat(os, path, &st), 0);
	return st;
}

#endif
