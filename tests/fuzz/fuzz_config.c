/*
 * fuzz_config: any bytes as a configuration file.
 *
 * They load or are refused with a line; what loads is printed, and the print
 * loads to the same print. libConfuse runs in the same process, so that a
 * crash, a leak or a scanner left in a bad state by one input shows in the
 * next.
 *
 * Planted bug found: with '$' no longer escaped by config_print, a value with
 * "\${" in it is printed as a variable and does not load again (seconds).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"
#include "err.h"

#define INPUT_MAX 65536 /* longer files only repeat what short ones show */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int load(
	const void *text, size_t len, struct config *ret, struct err *err)
{
	int fd = memfd_create("config", MFD_CLOEXEC), rc;
	AUTO_FREE char *path = mem_printf("/proc/self/fd/%d", fd);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		abort();
	rc = config_load(path, ret, err);
	close(fd);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_BUF struct buf once = BUF_INIT, twice = BUF_INIT;
	struct config c;
	struct err err = ERR_INIT;

	if (len > INPUT_MAX)
		return 0;
	if (load(data, len, &c, &err) < 0) {
		if (err.code != ERR_USAGE || !err.text[0])
			abort();
		return 0;
	}
	config_print(&c, &once);
	config_free(&c);
	if (load(once.data, once.len, &c, &err) < 0)
		abort();
	config_print(&c, &twice);
	config_free(&c);
	if (once.len != twice.len ||
		memcmp(once.data, twice.data, once.len) != 0)
		abort();
	return 0;
}
