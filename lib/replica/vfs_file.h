/*
 * vfs_file: the two files of an open replica state, as SQLite reads and
 * writes them: the database and its rollback journal ("<path>-journal").
 *
 * (1) A page of the database reaches SQLite only if its checksum matches, and
 *     every write of a page carries its checksum. (A page that SQLite freed
 *     before it was ever written may be a hole: free pages are not read.)
 * (2) Nothing of the journal that is needed reaches SQLite unchecked
 *     (vfs_journal.h): a rollback never ends half way because of damage, nor
 *     puts damage back under a fresh checksum.
 * (3) The journal is never removed, only emptied: its directory entry is made
 *     durable before the first page of the database is overwritten, once.
 * (4) A failed fsync is final: from then on the connection gets no lock and
 *     writes nothing. Who opens anew starts from the journal.
 * (5) What a reader sees stays: a commit by another connection is read only
 *     after the emptied journal was fsynced (its writer may have been killed
 *     just before it did).
 *
 * One thread at a time for one connection; any number of connections.
 */
#ifndef PB_VFS_FILE_H
#define PB_VFS_FILE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct os;

/* One open database and its VFS; vfs_open makes it, vfs_close frees it. */
struct vfs {
	sqlite3_vfs base; /* pAppData points back here */
	char name[48];	  /* the VFS's, unique in the process */
	struct os *os;
	char *path;	  /* absolute or "./...", as SQLite sees it */
	char *dir;	  /* that holds path */
	mode_t mode;	  /* of the database: the journal gets the same */
	bool dir_durable; /* the journal's directory entry is */
	bool failed;	  /* an fsync failed */
	bool seen_valid;  /* seen holds a change counter */
	uint32_t seen;	  /* the last one known to be durable, or our own */
	int os_errno;	  /* why the system last refused */
	int64_t bad_page; /* the page refused last; 0: the journal's header */
	bool foreign;	  /* it was a first page not made by us */
};

/* sqlite3_vfs.szOsFile */
size_t vfs_file_size(void);

/* sqlite3_vfs.xOpen. Only a main database or its journal is ever opened. */
int vfs_file_open(sqlite3_vfs *base, const char *path, sqlite3_file *file,
	int flags, int *ret_flags);

/*
 * Empty path, durably, in the place of sqlite3_vfs.xDelete. A journal that
 * came back whole would only be rolled back again, to the same; but parts of
 * it might come back under the first writes of the next transaction.
 */
int vfs_file_empty(struct vfs *v, const char *path);

/* The vfs of an open file, or NULL if the file is not ours. */
struct vfs *vfs_file_vfs(const sqlite3_file *file);

/* Keep why the system refused (-errno); returns code. */
int vfs_refused(struct vfs *v, int r, int code);

#endif
