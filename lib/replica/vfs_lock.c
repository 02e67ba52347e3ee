/*
 * vfs_lock: SQLite's five lock levels on byte ranges of the database file.
 *
 * The locks belong to the open file, not to the process (struct os): two
 * connections in one process exclude each other too, and closing one file
 * does not drop the other's locks.
 */
#include "vfs_lock.h"
#include "os.h"

#include <errno.h>
#include <sqlite3.h>

#define PENDING_AT 0x40000000
#define RESERVED_AT (PENDING_AT + 1)
#define SHARED_AT (PENDING_AT + 2)
#define SHARED_LEN 510

static int take(struct os *os, int fd, enum os_lock how, int64_t at,
	int64_t len, int *ret_errno)
{
	int r = os->ops->lock(os, fd, how, at, len);

	if (r == 0)
		return SQLITE_OK;
	if (r == -EAGAIN)
		return SQLITE_BUSY;
	*ret_errno = -r;
	return how == OS_LOCK_NONE ? SQLITE_IOERR_UNLOCK : SQLITE_IOERR_LOCK;
}

/* PENDING only keeps new readers out while a writer waits: not held on. */
static int raise_shared(struct os *os, int fd, int *level, int *ret_errno)
{
	int rc = take(os, fd, OS_LOCK_READ, PENDING_AT, 1, ret_errno);
	int rc2;

	if (rc != SQLITE_OK)
		return rc;
	rc = take(os, fd, OS_LOCK_READ, SHARED_AT, SHARED_LEN, ret_errno);
	if (rc == SQLITE_OK)
		*level = SQLITE_LOCK_SHARED;
	rc2 = take(os, fd, OS_LOCK_NONE, PENDING_AT, 1, ret_errno);
	return rc2 != SQLITE_OK ? rc2 : rc;
}

static int raise_exclusive(struct os *os, int fd, int *level, int *ret_errno)
{
	int rc;

	if (*level < SQLITE_LOCK_PENDING) {
		rc = take(os, fd, OS_LOCK_WRITE, PENDING_AT, 1, ret_errno);
		if (rc != SQLITE_OK)
			return rc;
		*level = SQLITE_LOCK_PENDING;
	}
	rc = take(os, fd, OS_LOCK_WRITE, SHARED_AT, SHARED_LEN, ret_errno);
	if (rc == SQLITE_OK)
		*level = SQLITE_LOCK_EXCLUSIVE;
	return rc;
}

int vfs_lock_raise(struct os *os, int fd, int *level, int want, int *ret_errno)
{
	int rc;

	if (*level >= want)
		return SQLITE_OK;
	if (want == SQLITE_LOCK_SHARED)
		return raise_shared(os, fd, level, ret_errno);
	if (want == SQLITE_LOCK_EXCLUSIVE)
		return raise_exclusive(os, fd, level, ret_errno);
	rc = take(os, fd, OS_LOCK_WRITE, RESERVED_AT, 1, ret_errno);
	if (rc == SQLITE_OK)
		*level = SQLITE_LOCK_RESERVED;
	return rc;
}

int vfs_lock_lower(struct os *os, int fd, int *level, int want, int *ret_errno)
{
	int rc = SQLITE_OK;

	if (*level <= want)
		return SQLITE_OK;
	if (want == SQLITE_LOCK_NONE) {
		rc = take(os, fd, OS_LOCK_NONE, PENDING_AT, 2 + SHARED_LEN,
			ret_errno);
	} else {
		if (*level == SQLITE_LOCK_EXCLUSIVE)
			rc = take(os, fd, OS_LOCK_READ, SHARED_AT, SHARED_LEN,
				ret_errno);
		if (rc == SQLITE_OK)
			rc = take(
				os, fd, OS_LOCK_NONE, PENDING_AT, 2, ret_errno);
	}
	if (rc == SQLITE_OK)
		*level = want;
	return rc;
}

/*
 * There is no question without a lock in struct os, so we take a read lock
 * for a moment: it fails where somebody holds RESERVED. Two who ask at once
 * do not see each other; who asks for RESERVED at that moment finds it busy
 * and tries again, as with any other holder.
 */
int vfs_lock_reserved(
	struct os *os, int fd, int level, bool *ret, int *ret_errno)
{
	int rc;

	if (level >= SQLITE_LOCK_RESERVED) {
		*ret = true;
		return SQLITE_OK;
	}
	rc = take(os, fd, OS_LOCK_READ, RESERVED_AT, 1, ret_errno);
	if (rc == SQLITE_OK) {
		*ret = false;
		return take(os, fd, OS_LOCK_NONE, RESERVED_AT, 1, ret_errno);
	}
	if (rc != SQLITE_BUSY)
		return rc;
	*ret = true;
	return SQLITE_OK;
}
