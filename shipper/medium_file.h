/*
 * medium_file: files on a medium that may be FAT, foreign, or prepared by a
 * stranger. Paths are the caller's; every function names them in err.
 */
#ifndef PB_MEDIUM_FILE_H
#define PB_MEDIUM_FILE_H

#include <stdbool.h>

#include "hash.h"
#include "ident.h"
#include "os.h"

struct err;

/*
 * The id in a directory's marker, and, if ret_path is not NULL, the marker's
 * path, which the caller frees (media.c).
 * Errors: ERR_ABSENT: no marker, with the remedy; ERR_CORRUPT; ERR_IO.
 */
int medium_identify(struct os *os, const char *root, struct id128 *ret,
	char **ret_path, struct err *err);

/* fsync of a directory; a file system that has none of that needs none. */
int medium_sync_dir(struct os *os, const char *path, struct err *err);

/*
 * Open a regular file for reading. Returns an fd, and the size.
 * Errors: ERR_ABSENT; ERR_CORRUPT: a link, a directory, a device; ERR_IO.
 */
int medium_open(
	struct os *os, const char *path, int64_t *ret_size, struct err *err);
/* The same, if it holds exactly these bytes: else ERR_CORRUPT. */
int medium_open_hashed(struct os *os, const char *path, uint64_t size,
	const struct hash *hash, struct err *err);
/* Size and hash of a regular file. */
int medium_hash(struct os *os, const char *path, uint64_t *ret_size,
	struct hash *ret, struct err *err);
/* Read a file of exactly size bytes: else ERR_CORRUPT. */
int medium_read_small(struct os *os, const char *path, void *text, size_t size,
	struct err *err);

/* A new file, to write and read. Returns an fd. */
int medium_create(struct os *os, const char *path, struct err *err);
/* fsync, and close, which is done in any case. */
int medium_finish(struct os *os, int fd, const char *path, struct err *err);
/* Rename within dir; durable when it returns 0. */
int medium_publish(struct os *os, const char *dir, const char *from,
	const char *to, struct err *err);
/*
 * dir/name with these bytes, by way of dir/name.tmp, which is replaced. It is
 * whole or not there, whatever happens; durable when it returns 0.
 */
int medium_write_small(struct os *os, const char *dir, const char *name,
	const void *text, size_t size, struct err *err);

/*
 * The path of dir/name as it is spelled there, upper or lower case.
 * Returns 1 with the path, which the caller frees; 0: no such name.
 */
int medium_find(struct os *os, const char *dir, const char *name, char **ret,
	struct err *err);
/*
 * The same for a directory that is no link: ERR_CORRUPT where it is something
 * else. With make it is made, durably, where it is not there.
 */
int medium_enter(struct os *os, const char *dir, const char *name, bool make,
	char **ret, struct err *err);

#endif
