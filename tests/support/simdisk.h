/*
 * simdisk: a machine in memory behind `struct os`, which forgets what was not
 * fsynced, fails where it is told to, and whose clock moves when asked.
 *
 * What is durable:
 * (1) A file's bytes and size: after fsync or fdatasync of the file. Times and
 *     mode: after fsync.
 * (2) A directory's entries: after fsync of the directory. A new file whose
 *     directory was not fsynced is gone, however often it was fsynced itself.
 *     A rename across two directories is durable in both or in neither.
 * (3) After a failed fsync of a file, what it should have written can be read
 *     but never becomes durable, and the next fsync reports success (ext4,
 *     measured). Only the size may still grow: zeros stand there.
 * (4) A failed fsync of a directory leaves its changes undecided; so does a
 *     failed sync_fs all that it should have made durable.
 *
 * A power cut decides the rest by its mode and seed, closes every file and
 * starts the machine anew (os_ops.started_ns). A kill only closes the files and
 * drops the locks: unsynced bytes stay.
 *
 * "File-changing calls" are open with O_CREAT or O_TRUNC, pwrite, fsync,
 * fdatasync, sync_fs, ftruncate, rename, link, unlink, mkdir, rmdir, futimens
 * and fchmod. They are counted, so that a test can run once, ask simdisk_calls,
 * and then fail or stop at each in turn:
 *
 *	uint64_t before = simdisk_calls(base);
 *	work(simdisk_os(base));
 *	uint64_t n = simdisk_calls(base) - before;
 *	for (uint64_t i = 1; i <= n; i++) {
 *		struct simdisk *d = fresh();
 *		simdisk_stop_at(d, i);
 *		work(simdisk_os(d));
 *		simdisk_power_cut(d, i);
 *		check(simdisk_os(d));
 *		simdisk_free(d);
 *	}
 *
 * Times of files come from the disk's wall clock, cut to 4 ms as on a real
 * kernel; simdisk_set_granularity changes that. There are no symbolic links,
 * no permission checks and no umask; paths start at the root either way.
 * Not for several threads.
 */
#ifndef PB_SIMDISK_H
#define PB_SIMDISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "os.h"

struct simdisk;

/*
 * An empty disk of 1 TiB: "/" only, wall clock at 2024-01-01T00:00:00Z, just
 * started, pid 1000, host "simhost". The same seed and calls give the same results.
 */
struct simdisk *simdisk_new(uint64_t seed);
void simdisk_free(struct simdisk *d);
/* Lives as long as d. */
struct os *simdisk_os(struct simdisk *d);
/*
 * A second machine with a copy of everything, durable and not yet; no open
 * files, no locks, no planned faults, no hook.
 */
struct simdisk *simdisk_clone(const struct simdisk *d);

/* ---- ends ---- */

enum simdisk_cut {
	/*
	 * Each unsynced write is kept, lost, or torn at 512-byte sectors; of
	 * each directory's unsynced changes a prefix is kept.
	 */
	SIMDISK_RANDOM,
	/* The same bytes, but one prefix of all directories' changes in the
	 * order in which they were made, as one journal keeps it. */
	SIMDISK_ORDERED,
	SIMDISK_ALL_LOST,
	SIMDISK_ALL_KEPT
};

/* SIMDISK_RANDOM. Ends a stop and drops planned faults, as all three do. */
void simdisk_power_cut(struct simdisk *d, uint64_t seed);
void simdisk_power_cut_mode(struct simdisk *d, enum simdisk_cut how,
	uint64_t seed);
/* kill -9 of the process and a new start: files closed, locks dropped. */
void simdisk_kill(struct simdisk *d);

/* ---- faults; n counts file-changing calls from now, 1 is the next ---- */

uint64_t simdisk_calls(const struct simdisk *d); /* since simdisk_new */
/* The n-th call fails with os_errno and has no effect, but see (3), (4). */
void simdisk_fail_at(struct simdisk *d, uint64_t n, int os_errno);
/* The n-th call, if it is a pwrite of 2 bytes or more, writes only a part. */
void simdisk_short_at(struct simdisk *d, uint64_t n);
/*
 * The n-th and every later call of any kind fails with EIO and has no effect,
 * as if the process had been killed there; a pwrite may leave a part.
 */
void simdisk_stop_at(struct simdisk *d, uint64_t n);
bool simdisk_stopped(const struct simdisk *d);
/* True when the fault planned last has happened. */
bool simdisk_fired(const struct simdisk *d);
void simdisk_faults_clear(struct simdisk *d);

/*
 * fn is called before every call of any kind, for a test to play another
 * process. What fn does through simdisk_os is neither counted nor failed, and
 * does not call fn. path is what the call named, or the name under which its
 * file was opened. fn NULL: no hook.
 */
typedef void simdisk_hook_fn(void *ctx, const char *call, const char *path);
void simdisk_hook(struct simdisk *d, simdisk_hook_fn *fn, void *ctx);
/* One line per file-changing call, numbered; NULL ends it. */
void simdisk_trace(struct simdisk *d, FILE *to);

/* ---- the machine ---- */

void simdisk_set_wall(struct simdisk *d, int64_t ns);
/* How far both clocks move at each look and file-changing call: 1000 ns. */
void simdisk_set_tick(struct simdisk *d, int64_t ns);
void simdisk_set_granularity(struct simdisk *d, int64_t ns); /* 4 ms */
/* Both clocks go on by ns, as a sleep would. */
void simdisk_pass(struct simdisk *d, int64_t ns);
void simdisk_set_pid(struct simdisk *d, int64_t pid);
/* pid_alive is true for the own pid and for at most one other. 0: none */
void simdisk_set_other_pid(struct simdisk *d, int64_t pid);
void simdisk_set_hostname(struct simdisk *d, const char *name);
/* A file system id other than 1, as when another disk is mounted here. */
void simdisk_set_dev(struct simdisk *d, uint64_t dev);
/*
 * Space as it is now; files that grow use it up (by size, sparse or not), a
 * pwrite that does not fit is short or fails with ENOSPC.
 */
void simdisk_set_space(struct simdisk *d, uint64_t free_bytes, uint64_t total);

/* ---- short cuts for tests: not counted, durable at once ---- */

/* A file with these bytes, missing directories too; replaces one of the
 * same name. */
void simdisk_put(struct simdisk *d, const char *path, const void *data,
	size_t len);
/* Change one byte, on the disk and in memory, behind everybody's back. */
void simdisk_damage(struct simdisk *d, const char *path, size_t at,
	uint8_t xor);
/* How many files are open: for finding leaks. */
size_t simdisk_open_files(const struct simdisk *d);

#endif
