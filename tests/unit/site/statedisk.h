/* statedisk: a simulated disk with a state directory, for each test its own. */
#ifndef PB_STATEDISK_H
#define PB_STATEDISK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "os.h"
#include "simdisk.h"

static struct simdisk *disk;
static struct os *os;

static int setup(void **state)
{
	(void)state;
	disk = simdisk_new(3);
	os = simdisk_os(disk);
	return os->ops->mkdir(os, "/state", 0700);
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(simdisk_open_files(disk), 0);
	simdisk_free(disk);
	return 0;
}

static int64_t now_ms(void)
{
	return os->ops->wall_ns(os) / 1000000;
}

#endif
