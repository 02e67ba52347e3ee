/*
 * simdisk: the machine: its gates and faults, open files, clocks and ends.
 */
#include "simmachine.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SLOTS 4096
#define GENERATIONS (INT_MAX / SLOTS)
#define YEAR_2024 (INT64_C(1704067200) * SIM_NS_PER_S)

/* assert, in every kind of build: a test used the disk wrongly. */
static void demand(bool so)
{
	if (!so)
		abort();
}

struct simdisk *sim_disk(struct os *os)
{
	return (struct simdisk *)os;
}

/* ---- the two gates ---- */

static void tick(struct simdisk *d)
{
	d->mono += d->tick;
}

static void call_hook(struct simdisk *d, const char *call, const char *path)
{
	if (!d->hook || d->in_hook)
		return;
	d->in_hook = true;
	d->hook(d->hook_ctx, call, path);
	d->in_hook = false;
}

int sim_look(struct simdisk *d, const char *call, const char *path)
{
	call_hook(d, call, path);
	return d->stopped && !d->in_hook ? -EIO : 0;
}

int sim_counted_part(
	struct simdisk *d, const char *call, const char *path, bool *ret_part)
{
	call_hook(d, call, path);
	tick(d);
	if (d->in_hook)
		return 0;
	if (d->stopped)
		return -EIO;
	d->calls++;
	if (d->trace)
		fprintf(d->trace, "%llu %s %s\n", (unsigned long long)d->calls,
			call, path);
	if (d->fault == SIM_FAULT_NONE || d->calls != d->fault_at)
		return 0;
	if (d->fault == SIM_FAULT_SHORT) {
		d->fired = *ret_part = true;
		return 0;
	}
	d->fired = true;
	if (d->fault == SIM_FAULT_FAIL)
		return -d->fault_errno;
	d->stopped = *ret_part = true;
	return -EIO;
}

int sim_counted(struct simdisk *d, const char *call, const char *path)
{
	bool part = false;

	return sim_counted_part(d, call, path, &part);
}

void sim_closing(struct simdisk *d, const char *path)
{
	call_hook(d, "close", path);
}

/* ---- time ---- */

int64_t sim_file_time(const struct simdisk *d)
{
	int64_t now = d->mono + d->wall_offset;

	return d->granularity > 1 ? now - now % d->granularity : now;
}

/* ---- open files ---- */

struct sim_file *sim_file(struct simdisk *d, int fd)
{
	int slot = fd % SLOTS;

	if (fd < 0 || fd / SLOTS != d->generation || (size_t)slot >= d->slots ||
		!d->files[slot].inode)
		return NULL;
	return &d->files[slot];
}

const char *sim_file_path(struct simdisk *d, int fd)
{
	const struct sim_file *f = sim_file(d, fd);

	return f ? f->path : "(not open)";
}

int sim_file_add(
	struct simdisk *d, struct sim_inode *inode, const char *path, int flags)
{
	size_t slot = d->next_slot;

	if (d->open_count == SLOTS)
		return -EMFILE;
	while (slot < d->slots && d->files[slot].inode)
		slot = (slot + 1) % SLOTS;
	if (slot >= d->slots) {
		size_t slots = d->slots ? 2 * d->slots : 16;

		d->files = mem_grow(d->files, slots, sizeof(*d->files));
		memset(d->files + d->slots, 0,
			(slots - d->slots) * sizeof(*d->files));
		slot = d->slots;
		d->slots = slots;
	}
	sim_inode_ref(inode);
	d->files[slot] = (struct sim_file){
		.inode = inode,
		.path = mem_dup(path),
		.flags = flags,
	};
	d->next_slot = (slot + 1) % SLOTS;
	d->open_count++;
	return d->generation * SLOTS + (int)slot;
}

void sim_file_drop(struct simdisk *d, struct sim_file *f)
{
	sim_inode_unref(&d->tree, f->inode);
	free(f->path);
	*f = (struct sim_file){0};
	d->open_count--;
}

/* ---- the calls of the machine ---- */

static int64_t sim_wall_ns(struct os *os)
{
	struct simdisk *d = sim_disk(os);

	tick(d);
	return d->mono + d->wall_offset;
}

static int64_t sim_mono_ns(struct os *os)
{
	struct simdisk *d = sim_disk(os);

	tick(d);
	return d->mono;
}

static int64_t sim_started_ns(struct os *os)
{
	struct simdisk *d = sim_disk(os);

	tick(d);
	return d->started + d->wall_offset;
}

static void sim_sleep_ns(struct os *os, int64_t ns)
{
	struct simdisk *d = sim_disk(os);

	call_hook(d, "sleep", "");
	tick(d);
	if (ns > 0)
		d->mono += ns;
}

static void sim_random(struct os *os, void *to, size_t len)
{
	struct simdisk *d = sim_disk(os);
	uint8_t *p = to;

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)sim_rand(&d->rng);
}

static int64_t sim_pid(struct os *os)
{
	return sim_disk(os)->pid;
}

static bool sim_pid_alive(struct os *os, int64_t pid)
{
	const struct simdisk *d = sim_disk(os);

	return pid > 0 && (pid == d->pid || pid == d->other_pid);
}

static void sim_hostname(struct os *os, char *ret, size_t len)
{
	if (len)
		snprintf(ret, len, "%s", sim_disk(os)->hostname);
}

static int sim_become(struct os *os, uid_t uid, gid_t gid)
{
	struct simdisk *d = sim_disk(os);

	d->uid = uid == (uid_t)-1 ? 0 : uid;
	d->gid = gid == (gid_t)-1 ? 0 : gid;
	return 0;
}

/* ---- life ---- */

static void set_calls(struct simdisk *d)
{
	d->os.ops = &d->ops;
	d->ops = (struct os_ops){
		.wall_ns = sim_wall_ns,
		.mono_ns = sim_mono_ns,
		.started_ns = sim_started_ns,
		.sleep_ns = sim_sleep_ns,
		.random = sim_random,
		.pid = sim_pid,
		.pid_alive = sim_pid_alive,
		.hostname = sim_hostname,
		.become = sim_become,
	};
	sim_calls(&d->ops);
	sim_name_calls(&d->ops);
}

struct simdisk *simdisk_new(uint64_t seed)
{
	struct simdisk *d = mem_alloc(sizeof(*d));

	set_calls(d);
	d->mono = SIM_NS_PER_S;
	d->wall_offset = YEAR_2024 - d->mono;
	d->tick = 1000;
	d->granularity = 4000000;
	d->rng = seed;
	d->fault_rng = ~seed;
	d->pid = 1000;
	d->dev = 1;
	d->total = UINT64_C(1) << 40;
	simdisk_set_hostname(d, "simhost");
	sim_tree_init(&d->tree, YEAR_2024);
	return d;
}

static void close_all(struct simdisk *d)
{
	for (size_t i = 0; i < d->slots; i++) {
		if (!d->files[i].inode)
			continue;
		d->files[i].inode->lock_count = 0;
		sim_file_drop(d, &d->files[i]);
	}
	d->generation = (d->generation + 1) % GENERATIONS;
}

void simdisk_free(struct simdisk *d)
{
	if (!d)
		return;
	close_all(d);
	free(d->files);
	sim_tree_release(&d->tree);
	free(d);
}

struct os *simdisk_os(struct simdisk *d)
{
	return &d->os;
}

struct simdisk *simdisk_clone(const struct simdisk *d)
{
	struct simdisk *copy = mem_alloc(sizeof(*copy));

	*copy = *d;
	set_calls(copy);
	copy->files = NULL;
	copy->slots = copy->next_slot = copy->open_count = 0;
	copy->trace = NULL;
	copy->hook = NULL;
	copy->in_hook = false;
	simdisk_faults_clear(copy);
	sim_tree_copy(&copy->tree, &d->tree);
	return copy;
}

/* ---- ends ---- */

void simdisk_kill(struct simdisk *d)
{
	close_all(d);
	simdisk_faults_clear(d);
}

void simdisk_power_cut(struct simdisk *d, uint64_t seed)
{
	simdisk_power_cut_mode(d, SIMDISK_RANDOM, seed);
}

void simdisk_power_cut_mode(
	struct simdisk *d, enum simdisk_cut how, uint64_t seed)
{
	simdisk_kill(d);
	sim_tree_cut(&d->tree, how, seed);
	tick(d);
	d->started = d->mono;
}

/* ---- faults ---- */

uint64_t simdisk_calls(const struct simdisk *d)
{
	return d->calls;
}

static void plan(struct simdisk *d, enum sim_fault fault, uint64_t n)
{
	demand(n > 0);
	simdisk_faults_clear(d);
	d->fault = fault;
	d->fault_at = d->calls + n;
}

void simdisk_fail_at(struct simdisk *d, uint64_t n, int os_errno)
{
	demand(os_errno > 0);
	plan(d, SIM_FAULT_FAIL, n);
	d->fault_errno = os_errno;
}

void simdisk_short_at(struct simdisk *d, uint64_t n)
{
	plan(d, SIM_FAULT_SHORT, n);
}

void simdisk_stop_at(struct simdisk *d, uint64_t n)
{
	plan(d, SIM_FAULT_STOP, n);
}

bool simdisk_stopped(const struct simdisk *d)
{
	return d->stopped;
}

bool simdisk_fired(const struct simdisk *d)
{
	return d->fired;
}

void simdisk_faults_clear(struct simdisk *d)
{
	d->fault = SIM_FAULT_NONE;
	d->fired = d->stopped = false;
}

void simdisk_hook(struct simdisk *d, simdisk_hook_fn *fn, void *ctx)
{
	d->hook = fn;
	d->hook_ctx = ctx;
}

void simdisk_trace(struct simdisk *d, FILE *to)
{
	d->trace = to;
}

/* ---- settings ---- */

void simdisk_set_wall(struct simdisk *d, int64_t ns)
{
	d->wall_offset = ns - d->mono;
}

void simdisk_set_tick(struct simdisk *d, int64_t ns)
{
	d->tick = ns;
}

void simdisk_set_granularity(struct simdisk *d, int64_t ns)
{
	d->granularity = ns;
}

void simdisk_pass(struct simdisk *d, int64_t ns)
{
	d->mono += ns;
}

void simdisk_set_pid(struct simdisk *d, int64_t pid)
{
	d->pid = pid;
}

void simdisk_set_other_pid(struct simdisk *d, int64_t pid)
{
	d->other_pid = pid;
}

void simdisk_set_hostname(struct simdisk *d, const char *name)
{
	snprintf(d->hostname, sizeof(d->hostname), "%s", name);
}

void simdisk_set_dev(struct simdisk *d, uint64_t dev)
{
	d->dev = dev;
}

void simdisk_set_space(struct simdisk *d, uint64_t free_bytes, uint64_t total)
{
	demand(free_bytes <= total);
	d->total = total;
	/* may wrap below zero: only reserved + used is ever looked at */
	d->reserved = total - free_bytes - d->tree.used;
}

/* ---- short cuts ---- */

static void sync_path(struct simdisk *d, const char *path)
{
	int fd = d->os.ops->open(&d->os, path, O_RDONLY, 0);

	d->os.ops->fsync(&d->os, fd);
	d->os.ops->close(&d->os, fd);
}

/* Make every directory that leads to path, durably. */
static void make_parents(struct simdisk *d, const char *path)
{
	for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		AUTO_FREE char *dir = mem_dup_n(path, (size_t)(p - path));

		d->os.ops->mkdir(&d->os, dir, 0755);
		sync_path(d, dir);
	}
	sync_path(d, "/");
}

void simdisk_put(
	struct simdisk *d, const char *path, const void *data, size_t len)
{
	bool in_hook = d->in_hook;
	int fd;

	d->in_hook = true; /* not counted, not failed */
	make_parents(d, path);
	fd = d->os.ops->open(&d->os, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	demand(fd >= 0);
	if (len)
		demand(d->os.ops->pwrite(&d->os, fd, data, len, 0) ==
			(ssize_t)len);
	d->os.ops->fsync(&d->os, fd);
	d->os.ops->close(&d->os, fd);
	make_parents(d, path);
	d->in_hook = in_hook;
}

void simdisk_damage(struct simdisk *d, const char *path, size_t at, uint8_t xor)
{
	bool in_hook = d->in_hook;
	struct sim_inode *inode;
	int fd;

	d->in_hook = true;
	fd = d->os.ops->open(&d->os, path, O_RDONLY, 0);
	inode = fd < 0 ? NULL : sim_file(d, fd)->inode;
	demand(inode && at < inode->bytes.size);
	inode->bytes.data[at] ^= xor;
	if (at < inode->durable_bytes.size)
		inode->durable_bytes.data[at] ^= xor;
	d->os.ops->close(&d->os, fd);
	d->in_hook = in_hook;
}

size_t simdisk_open_files(const struct simdisk *d)
{
	return d->open_count;
}
