/*
 * simnames: paths, and the calls of the seam that act on names, as Linux
 * answers them: which errno, and when a rename does nothing.
 */
#include "simmachine.h"
#include "mem.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* ---- paths ---- */

/* Take one name off *path. Returns its length, 0 at the end, or -errno. */
static int next_name(const char **path, char name[NAME_MAX + 1])
{
	size_t len;

	*path += strspn(*path, "/");
	len = strcspn(*path, "/");
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, *path, len);
	name[len] = '\0';
	*path += len;
	return (int)len;
}

/* The root is its own parent, so ".." there stays. */
int sim_walk(struct simdisk *d, const char *path, struct sim_place *ret)
{
	struct sim_inode *at = d->tree.root;
	size_t len = strlen(path);
	int r;

	*ret = (struct sim_place){.dir = at, .inode = at};
	if (len == 0)
		return -ENOENT;
	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	ret->slash = path[len - 1] == '/';
	for (;;) {
		char name[NAME_MAX + 1];

		r = next_name(&path, name);
		if (r <= 0)
			return r;
		if (!ret->inode)
			return -ENOENT;
		if (!sim_is_dir(ret->inode))
			return -ENOTDIR;
		ret->dir = ret->inode;
		ret->name[0] = '\0';
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			ret->inode = ret->dir->parent;
			continue;
		}
		ret->inode = sim_find(ret->dir, name);
		memcpy(ret->name, name, sizeof(name));
	}
}

int sim_walk_to(struct simdisk *d, const char *path, struct sim_place *ret)
{
	int r = sim_walk(d, path, ret);

	if (r < 0)
		return r;
	if (!ret->inode)
		return -ENOENT;
	if (ret->slash && !sim_is_dir(ret->inode))
		return -ENOTDIR;
	return 0;
}

/* True if inode is dir or lies above it. */
static bool above(const struct sim_inode *inode, const struct sim_inode *dir)
{
	while (dir != inode && dir->parent != dir)
		dir = dir->parent;
	return dir == inode;
}

bool sim_removed(const struct simdisk *d, const struct sim_inode *dir)
{
	return dir != d->tree.root && dir->nlink == 0;
}

struct sim_inode *sim_new_inode(struct simdisk *d, uint32_t mode)
{
	struct sim_attr attr = {
		.mode = mode,
		.uid = d->uid,
		.gid = d->gid,
		.mtime_ns = sim_file_time(d),
		.ctime_ns = sim_file_time(d),
	};

	return sim_inode_new(&d->tree, &attr);
}

void sim_add_name(
	struct simdisk *d, struct sim_place *p, struct sim_inode *inode)
{
	struct sim_change c = {
		.edits = {{.dir = p->dir, .name = p->name, .inode = inode}},
		.touches = {p->dir},
		.time_ns = sim_file_time(d),
	};

	sim_change(&d->tree, &c);
}

/* ---- the calls ---- */

void sim_fill_stat(const struct simdisk *d, const struct sim_inode *inode,
	struct os_stat *ret)
{
	bool dir = sim_is_dir(inode);

	*ret = (struct os_stat){
		.dev = d->dev,
		.ino = inode->ino,
		.mode = inode->now.mode,
		.nlink = dir ? 2 : inode->nlink,
		.uid = inode->now.uid,
		.gid = inode->now.gid,
		.size = dir ? 4096 : (int64_t)inode->bytes.size,
		.mtime_ns = inode->now.mtime_ns,
		.ctime_ns = inode->now.ctime_ns,
	};
}

static int stat_path(struct simdisk *d, const char *call, const char *path,
	struct os_stat *ret)
{
	struct sim_place p = {0};
	int r = sim_look(d, call, path);

	if (r == 0)
		r = sim_walk_to(d, path, &p);
	if (r == 0)
		sim_fill_stat(d, p.inode, ret);
	return r;
}

static int sim_lstat(struct os *os, const char *path, struct os_stat *ret)
{
	return stat_path(sim_disk(os), "lstat", path, ret);
}

/* No two files were made at one time. */
static int sim_birth(struct os *os, const char *path, int64_t *ret_ns)
{
	struct os_stat st;
	int rc = stat_path(sim_disk(os), "birth", path, &st);

	*ret_ns = rc < 0 ? 0 : (int64_t)st.ino;
	return rc;
}

static int sim_stat(struct os *os, const char *path, struct os_stat *ret)
{
	return stat_path(sim_disk(os), "stat", path, ret);
}

/* Whether inode may take the place of what stands there. */
static int may_replace(
	const struct sim_inode *inode, const struct sim_inode *there)
{
	if (!there || there == inode)
		return 0;
	if (!sim_is_dir(inode))
		return sim_is_dir(there) ? -EISDIR : 0;
	if (!sim_is_dir(there))
		return -ENOTDIR;
	return there->names.count ? -ENOTEMPTY : 0;
}

static void rename_now(
	struct simdisk *d, struct sim_place *from, struct sim_place *to)
{
	struct sim_change c = {
		.edits = {{.dir = from->dir, .name = from->name},
			{.dir = to->dir,
				.name = to->name,
				.inode = from->inode}},
		.touches = {from->dir, to->dir},
		.time_ns = sim_file_time(d),
	};

	if (to->inode && sim_is_dir(to->inode))
		c.touches[2] = to->inode;
	if (sim_is_dir(from->inode) && from->dir != to->dir)
		c.touches[3] = d->tree.dir_renames;
	sim_change(&d->tree, &c);
}

/* Linux's order of looking, and so of errors. */
static int may_rename(const struct simdisk *d, const struct sim_place *f,
	const struct sim_place *t)
{
	bool dir;

	if (!*f->name || !*t->name)
		return -EBUSY;
	if (!f->inode)
		return -ENOENT;
	dir = sim_is_dir(f->inode);
	if (!dir && (f->slash || t->slash))
		return -ENOTDIR;
	if (dir && above(f->inode, t->dir))
		return -EINVAL;
	if (t->inode && sim_is_dir(t->inode) && above(t->inode, f->dir))
		return -ENOTEMPTY;
	if (sim_removed(d, t->dir))
		return -ENOENT;
	return may_replace(f->inode, t->inode);
}

static int sim_rename(struct os *os, const char *from, const char *to)
{
	struct simdisk *d = sim_disk(os);
	struct sim_place f, t;
	int r = sim_counted(d, "rename", from);

	if (r == 0)
		r = sim_walk(d, from, &f);
	if (r == 0)
		r = sim_walk(d, to, &t);
	if (r == 0)
		r = may_rename(d, &f, &t);
	/* two names of one file: Linux keeps both */
	if (r == 0 && f.inode != t.inode)
		rename_now(d, &f, &t);
	return r;
}

static int sim_link(struct os *os, const char *from, const char *to)
{
	struct simdisk *d = sim_disk(os);
	struct sim_place f, t;
	int r = sim_counted(d, "link", from);

	if (r == 0)
		r = sim_walk_to(d, from, &f);
	if (r == 0)
		r = sim_walk(d, to, &t);
	if (r < 0)
		return r;
	if (t.inode)
		return -EEXIST;
	if (t.slash || sim_removed(d, t.dir))
		return -ENOENT;
	if (sim_is_dir(f.inode))
		return -EPERM;
	sim_add_name(d, &t, f.inode);
	return 0;
}

static void remove_name(struct simdisk *d, struct sim_place *p)
{
	struct sim_change c = {
		.edits = {{.dir = p->dir, .name = p->name}},
		.touches = {p->dir},
		.time_ns = sim_file_time(d),
	};

	if (sim_is_dir(p->inode))
		c.touches[1] = p->inode;
	sim_change(&d->tree, &c);
}

static int sim_unlink(struct os *os, const char *path)
{
	struct simdisk *d = sim_disk(os);
	struct sim_place p = {0};
	int r = sim_counted(d, "unlink", path);

	if (r == 0)
		r = sim_walk_to(d, path, &p);
	if (r < 0)
		return r;
	if (sim_is_dir(p.inode))
		return -EISDIR;
	remove_name(d, &p);
	return 0;
}

static int sim_mkdir(struct os *os, const char *path, mode_t mode)
{
	struct simdisk *d = sim_disk(os);
	struct sim_inode *inode;
	struct sim_place p = {0};
	int r = sim_counted(d, "mkdir", path);

	if (r == 0)
		r = sim_walk(d, path, &p);
	if (r < 0)
		return r;
	if (p.inode)
		return -EEXIST;
	if (sim_removed(d, p.dir))
		return -ENOENT;
	inode = sim_new_inode(d, S_IFDIR | (mode & 07777));
	sim_add_name(d, &p, inode);
	sim_inode_unref(&d->tree, inode);
	return 0;
}

static int sim_rmdir(struct os *os, const char *path)
{
	struct simdisk *d = sim_disk(os);
	struct sim_place p = {0};
	int r = sim_counted(d, "rmdir", path);

	if (r == 0)
		r = sim_walk_to(d, path, &p);
	if (r < 0)
		return r;
	if (!sim_is_dir(p.inode))
		return -ENOTDIR;
	if (p.inode == d->tree.root)
		return -EBUSY;
	if (!*p.name && p.inode == p.dir) /* "." */
		return -EINVAL;
	if (!*p.name || p.inode->names.count)
		return -ENOTEMPTY;
	remove_name(d, &p);
	return 0;
}

static int sim_list(struct os *os, const char *path, struct buf *ret)
{
	struct simdisk *d = sim_disk(os);
	struct sim_place p = {0};
	int r = sim_look(d, "list", path);

	if (r == 0)
		r = sim_walk_to(d, path, &p);
	if (r < 0)
		return r;
	if (!sim_is_dir(p.inode))
		return -ENOTDIR;
	for (size_t i = 0; i < p.inode->names.cap; i++) {
		const struct sim_name *n = &p.inode->names.slots[i];

		if (!n->name)
			continue;
		os_list_add(ret, sim_is_dir(n->inode) ? DT_DIR : DT_REG,
			n->inode->ino, n->name);
	}
	return 0;
}

uint64_t sim_space_left(const struct simdisk *d)
{
	uint64_t used = d->reserved + d->tree.used;

	return used < d->total ? d->total - used : 0;
}

static int sim_space(struct os *os, const char *path, uint64_t *ret_free,
	uint64_t *ret_total)
{
	struct simdisk *d = sim_disk(os);
	struct sim_place p = {0};
	int r = sim_look(d, "space", path);

	if (r == 0)
		r = sim_walk_to(d, path, &p);
	if (r < 0)
		return r;
	*ret_free = sim_space_left(d);
	*ret_total = d->total;
	return 0;
}

void sim_name_calls(struct os_ops *ops)
{
	ops->lstat = sim_lstat;
	ops->birth = sim_birth;
	ops->stat = sim_stat;
	ops->rename = sim_rename;
	ops->link = sim_link;
	ops->unlink = sim_unlink;
	ops->mkdir = sim_mkdir;
	ops->rmdir = sim_rmdir;
	ops->list = sim_list;
	ops->space = sim_space;
}
