/*
 * simmachine: the inside of a simulated disk, for simdisk.c (the machine:
 * faults, open files, clocks, ends), simcalls.c (calls on open files) and
 * simnames.c (calls on names).
 *
 * Every call of the seam passes one of two gates first: look (a call that
 * changes nothing on the disk) or change (a file-changing call, which is
 * counted and may be the one that is to fail). Then it answers as Linux does.
 *
 * A file descriptor is (generation, slot). Slots are given out in turn and the
 * generation changes at a power cut or kill, so that the use of a closed or
 * lost one is EBADF and not, by luck, another file.
 */
#ifndef PB_SIMMACHINE_H
#define PB_SIMMACHINE_H

#include <limits.h>

#include "simdisk.h"
#include "simtree.h"

#define SIM_NS_PER_S INT64_C(1000000000)

struct sim_file {
	struct sim_inode *inode; /* NULL: free slot */
	char *path;
	int flags;
};

enum sim_fault {
	SIM_FAULT_NONE,
	SIM_FAULT_FAIL,
	SIM_FAULT_SHORT,
	SIM_FAULT_STOP
};

struct simdisk {
	struct os os; /* first: the calls come back with this */
	struct os_ops ops;
	struct sim_tree tree;
	struct sim_file *files;
	size_t slots, next_slot, open_count;
	int generation;
	uint64_t calls, fault_at;
	enum sim_fault fault;
	int fault_errno;
	bool fired, stopped, in_hook;
	simdisk_hook_fn *hook;
	void *hook_ctx;
	FILE *trace;
	int64_t mono, wall_offset, tick, granularity;
	int64_t started; /* on the clock of mono */
	uint64_t rng, fault_rng;
	int64_t pid, other_pid;
	char hostname[256];
	uint32_t uid, gid;
	uint64_t dev, reserved, total; /* reserved: used beside our files */
};

struct simdisk *sim_disk(struct os *os);

/* The gates: 0, or the -errno with which the call fails. */
int sim_look(struct simdisk *d, const char *call, const char *path);
int sim_counted(struct simdisk *d, const char *call, const char *path);
/* For pwrite. ret_part is set true when a part is to be written all the same:
 * before the stop, or as a short write. */
int sim_counted_part(struct simdisk *d, const char *call, const char *path,
	bool *ret_part);
/* The gate of close, which a dead process passes too. */
void sim_closing(struct simdisk *d, const char *path);

/* What a file changed now gets as its time. */
int64_t sim_file_time(const struct simdisk *d);

struct sim_file *sim_file(struct simdisk *d, int fd); /* NULL: not open */
const char *sim_file_path(struct simdisk *d, int fd);
/* Returns the descriptor, or -EMFILE. */
int sim_file_add(struct simdisk *d, struct sim_inode *inode, const char *path,
	int flags);
void sim_file_drop(struct simdisk *d, struct sim_file *f);

/* Where a path leads. */
struct sim_place {
	struct sim_inode *dir;	 /* that holds it */
	struct sim_inode *inode; /* NULL: no such name in dir */
	char name[NAME_MAX + 1]; /* empty: the root, "." or ".." */
	bool slash;		 /* the path ended in '/' */
};

/* 0, or -errno: a missing or wrong directory on the way. */
int sim_walk(struct simdisk *d, const char *path, struct sim_place *ret);
/* The same for a path that must be there. */
int sim_walk_to(struct simdisk *d, const char *path, struct sim_place *ret);
/* A directory that rmdir removed takes no more names. */
bool sim_removed(const struct simdisk *d, const struct sim_inode *dir);
struct sim_inode *sim_new_inode(struct simdisk *d, uint32_t mode);
void sim_add_name(struct simdisk *d, struct sim_place *p,
	struct sim_inode *inode);
void sim_fill_stat(const struct simdisk *d, const struct sim_inode *inode,
	struct os_stat *ret);
uint64_t sim_space_left(const struct simdisk *d);

/* Fill in the calls on open files, and those on names. */
void sim_calls(struct os_ops *ops);
void sim_name_calls(struct os_ops *ops);

#endif
