/*
 * config_keys: a configuration's text as a tree of blocks with known keys, each
 * value checked.
 */
#ifndef PB_CONFIG_KEYS_H
#define PB_CONFIG_KEYS_H

#include <confuse.h>

struct buf;
struct err;

/*
 * Read what config_scan made of a file. Returns 0 and the tree, for cfg_free.
 * Errors: ERR_USAGE, "PATH:LINE: ..."; ERR_IO.
 */
int config_keys_read(
	const char *path, struct buf *text, cfg_t **ret, struct err *err);

#endif
