/*
 * simtree: the medium of a simulated disk, every inode twice: as it is now,
 * and as the platter has it.
 *
 *	inode  now:     attr  bytes          names          what calls see
 *	       durable: attr  durable_bytes  durable_names  what a cut leaves
 *	       writes:  not yet in durable_bytes, in order
 *	tree   changes: of names, not yet in durable_names, in order
 *
 * A change of names touches one or more directories. It becomes durable whole,
 * and never before an earlier change that touched one of the same directories.
 *
 * An inode is freed when nothing refers to it: no entry now or durable, no
 * waiting change, no open file. This knows nothing of paths, calls and faults;
 * simdisk.c does.
 */
#ifndef PB_SIMTREE_H
#define PB_SIMTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simdisk.h" /* enum simdisk_cut */

struct sim_attr {
	uint32_t mode, uid, gid;
	int64_t mtime_ns, ctime_ns;
};

struct sim_bytes {
	uint8_t *data; /* zero from size to cap */
	size_t size, cap;
};

struct sim_write {
	bool truncate; /* the size becomes `at`; no data */
	bool lost;     /* a failed fsync dropped it: its size counts only */
	int64_t at;
	size_t len;
	uint8_t *data;
};

struct sim_names {
	struct sim_name *slots; /* open addressing, linear probing */
	size_t count, cap;
};

struct sim_name {
	char *name; /* NULL: free slot */
	struct sim_inode *inode;
};

struct sim_lock {
	int fd;
	bool write;
	int64_t from, to; /* to: first byte not locked; INT64_MAX: for ever */
};

struct sim_inode {
	uint64_t ino;
	size_t refs;
	uint32_t nlink; /* of a file: names now */
	struct sim_attr now, durable;
	struct sim_bytes bytes, durable_bytes;
	struct sim_write *writes;
	size_t write_count, write_cap;
	struct sim_names names, durable_names;
	struct sim_inode *parent; /* now; of a directory only, not counted */
	struct sim_lock *locks;
	size_t lock_count;
	size_t waiting;	     /* changes not yet durable that touch it */
	size_t cut_seen, cut_at; /* while a power cut is decided */
	bool mark;
	struct sim_inode *twin; /* while the tree is copied */
	struct sim_inode *prev, *next;
};

#define SIM_TOUCHES 4

struct sim_edit {
	struct sim_inode *dir; /* NULL: no edit */
	char *name;
	struct sim_inode *inode; /* NULL: the name is removed */
};

struct sim_change {
	struct sim_edit edits[2];
	/* All directories concerned, those of the edits included. */
	struct sim_inode *touches[SIM_TOUCHES];
	int64_t time_ns;
};

struct sim_tree {
	struct sim_inode *all; /* list */
	struct sim_inode *root;
	/* Touched by every rename of a directory, so that none overtakes. */
	struct sim_inode *dir_renames;
	struct sim_change *changes;
	size_t change_count, change_cap;
	uint64_t next_ino;
	uint64_t used; /* bytes in files, now */
};

uint64_t sim_rand(uint64_t *state);		     /* splitmix64 */
uint64_t sim_below(uint64_t *state, uint64_t below); /* 0 .. below - 1 */

void sim_tree_init(struct sim_tree *t, int64_t time_ns);
void sim_tree_release(struct sim_tree *t);
void sim_tree_copy(struct sim_tree *to, const struct sim_tree *from);

/* A new inode, referred to by the caller, who gives it back with unref. */
struct sim_inode *sim_inode_new(struct sim_tree *t,
	const struct sim_attr *attr);
void sim_inode_ref(struct sim_inode *inode);
void sim_inode_unref(struct sim_tree *t, struct sim_inode *inode);
bool sim_is_dir(const struct sim_inode *inode);

/* The inode of a name in dir as it is now, or NULL. */
struct sim_inode *sim_find(const struct sim_inode *dir, const char *name);

/*
 * Do a change now and let it wait for an fsync. The names in it are copied;
 * touches may hold NULLs and repetitions.
 */
void sim_change(struct sim_tree *t, const struct sim_change *change);
/* Make dir's entries, and all changes before that they rest on, durable. */
void sim_sync_dir(struct sim_tree *t, struct sim_inode *dir);

void sim_write(struct sim_tree *t, struct sim_inode *file, int64_t at,
	const void *from, size_t len);
void sim_truncate(struct sim_tree *t, struct sim_inode *file, int64_t size);
/* fsync (with_attr) or fdatasync; bad: it fails and drops what was dirty. */
void sim_sync_file(struct sim_inode *file, bool with_attr, bool bad);

/* Make everything durable. */
void sim_sync_all(struct sim_tree *t);

/*
 * What was durable, and what how and the seed keep of the rest, becomes the
 * whole truth. No file may be open, no lock held.
 */
void sim_tree_cut(struct sim_tree *t, enum simdisk_cut how, uint64_t seed);

/* ---- between simtree.c and simcut.c only ---- */

void sim_bytes_resize(struct sim_bytes *b, size_t size);
void sim_bytes_put(struct sim_bytes *b, size_t at, const void *from,
	size_t len);
void sim_bytes_copy(struct sim_bytes *to, const struct sim_bytes *from);
void sim_names_free(struct sim_tree *t, struct sim_names *n);
/* twins: refer to the copies of the inodes, in the tree that is being made. */
void sim_names_copy(struct sim_names *to, const struct sim_names *from,
	bool twins);
struct sim_inode *sim_inode_link(struct sim_tree *t);
/* The change that waits: own names, no touch twice, everything referred to. */
struct sim_change sim_change_hold(const struct sim_change *from);
void sim_change_release(struct sim_tree *t, struct sim_change *c);
/* Apply the taken changes in order; the others go on waiting. */
void sim_changes_take(struct sim_tree *t, const bool *taken);
struct sim_write *sim_write_add(struct sim_inode *file);
void sim_write_size(struct sim_inode *file, const struct sim_write *w);
void sim_write_durable(struct sim_inode *file, const struct sim_write *w);
void sim_writes_drop(struct sim_inode *file);

#endif
