/*
 * vfs_lock: SQLite's five lock levels on byte ranges of the database file.
 *
 *	PENDING  1 byte    write-locked by who waits to become EXCLUSIVE
 *	RESERVED 1 byte    write-locked by the one who is going to write
 *	SHARED   510 bytes read-locked by readers, write-locked by EXCLUSIVE
 *
 * at 1 GiB, where SQLite keeps no page; the same bytes as SQLite's own locks,
 * so that the sqlite3 program beside us waits as it should. Levels are
 * SQLITE_LOCK_NONE to SQLITE_LOCK_EXCLUSIVE. Nothing here waits.
 */
#ifndef PB_VFS_LOCK_H
#define PB_VFS_LOCK_H

#include <stdbool.h>

struct os;

/*
 * Raise *level to want (never PENDING). Returns SQLITE_OK; SQLITE_BUSY, where
 * *level may have become PENDING on the way to EXCLUSIVE; SQLITE_IOERR_LOCK
 * with -errno in *ret_errno.
 */
int vfs_lock_raise(struct os *os, int fd, int *level, int want, int *ret_errno);

/* Lower *level to SQLITE_LOCK_SHARED or SQLITE_LOCK_NONE. */
int vfs_lock_lower(struct os *os, int fd, int *level, int want, int *ret_errno);

/* Whether anybody, this file at this level included, is going to write. */
int vfs_lock_reserved(
	struct os *os, int fd, int level, bool *ret, int *ret_errno);

#endif
