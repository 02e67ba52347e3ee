/*
 * simtree: see simtree.h; the power cut is in simcut.c.
 */
#include "simtree.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

uint64_t sim_rand(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t sim_below(uint64_t *state, uint64_t below)
{
	return sim_rand(state) % below;
}

bool sim_is_dir(const struct sim_inode *inode)
{
	return S_ISDIR(inode->now.mode);
}

/* ---- bytes ---- */

void sim_bytes_resize(struct sim_bytes *b, size_t size)
{
	if (size > b->cap) {
		size_t cap = b->cap + b->cap / 2;

		if (cap < size)
			cap = size;
		b->data = mem_grow(b->data, cap, 1);
		memset(b->data + b->cap, 0, cap - b->cap);
		b->cap = cap;
	} else if (size < b->size) {
		memset(b->data + size, 0, b->size - size);
	}
	b->size = size;
}

void sim_bytes_put(struct sim_bytes *b, size_t at, const void *from, size_t len)
{
	if (at + len > b->size)
		sim_bytes_resize(b, at + len);
	memcpy(b->data + at, from, len);
}

void sim_bytes_copy(struct sim_bytes *to, const struct sim_bytes *from)
{
	sim_bytes_resize(to, from->size);
	if (from->size)
		memcpy(to->data, from->data, from->size);
}

/* ---- names: a hash table, whose order is the order of listing ---- */

static size_t hash_name(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ (h >> 32));
}

/* The slot that holds name, or the free one where it belongs. */
static struct sim_name *slot_of(const struct sim_names *n, const char *name)
{
	size_t i = hash_name(name) & (n->cap - 1);

	while (n->slots[i].name && strcmp(n->slots[i].name, name) != 0)
		i = (i + 1) & (n->cap - 1);
	return &n->slots[i];
}

static void names_grow(struct sim_names *n)
{
	struct sim_names old = *n;

	n->cap = old.cap ? 2 * old.cap : 8;
	n->slots = mem_array(n->cap, sizeof(*n->slots));
	for (size_t i = 0; i < old.cap; i++) {
		if (old.slots[i].name)
			*slot_of(n, old.slots[i].name) = old.slots[i];
	}
	free(old.slots);
}

/* Close the gap at hole: entries that probed past it move back. */
static void names_close(struct sim_names *n, size_t hole)
{
	size_t mask = n->cap - 1;

	for (size_t i = (hole + 1) & mask; n->slots[i].name;
		i = (i + 1) & mask) {
		size_t home = hash_name(n->slots[i].name) & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		n->slots[hole] = n->slots[i];
		hole = i;
	}
	n->slots[hole] = (struct sim_name){0};
}

/* inode NULL removes the name. Returns what was there, still referred to. */
static struct sim_inode *names_set(
	struct sim_names *n, const char *name, struct sim_inode *inode)
{
	struct sim_inode *old;
	struct sim_name *slot;

	if (4 * (n->count + 1) > 3 * n->cap)
		names_grow(n);
	slot = slot_of(n, name);
	old = slot->inode;
	if (inode) {
		sim_inode_ref(inode);
		slot->inode = inode;
		if (!slot->name) {
			slot->name = mem_dup(name);
			n->count++;
		}
	} else if (slot->name) {
		free(slot->name);
		n->count--;
		names_close(n, (size_t)(slot - n->slots));
	}
	return old;
}

void sim_names_free(struct sim_tree *t, struct sim_names *n)
{
	struct sim_names old = *n;

	*n = (struct sim_names){0};
	for (size_t i = 0; i < old.cap; i++) {
		if (!old.slots[i].name)
			continue;
		free(old.slots[i].name);
		sim_inode_unref(t, old.slots[i].inode);
	}
	free(old.slots);
}

void sim_names_copy(
	struct sim_names *to, const struct sim_names *from, bool twins)
{
	*to = *from;
	if (!from->slots)
		return;
	to->slots = mem_array(to->cap, sizeof(*to->slots));
	for (size_t i = 0; i < to->cap; i++) {
		struct sim_inode *inode = from->slots[i].inode;

		if (!inode)
			continue;
		inode = twins ? inode->twin : inode;
		sim_inode_ref(inode);
		to->slots[i].inode = inode;
		to->slots[i].name = mem_dup(from->slots[i].name);
	}
}

struct sim_inode *sim_find(const struct sim_inode *dir, const char *name)
{
	return dir->names.cap ? slot_of(&dir->names, name)->inode : NULL;
}

/* ---- inodes ---- */

struct sim_inode *sim_inode_link(struct sim_tree *t)
{
	struct sim_inode *inode = mem_alloc(sizeof(*inode));

	inode->refs = 1;
	inode->next = t->all;
	if (t->all)
		t->all->prev = inode;
	t->all = inode;
	return inode;
}

struct sim_inode *sim_inode_new(struct sim_tree *t, const struct sim_attr *attr)
{
	struct sim_inode *inode = sim_inode_link(t);

	inode->ino = t->next_ino++;
	inode->now = inode->durable = *attr;
	return inode;
}

void sim_writes_drop(struct sim_inode *inode)
{
	for (size_t i = 0; i < inode->write_count; i++)
		free(inode->writes[i].data);
	inode->write_count = 0;
}

static void inode_free(struct sim_tree *t, struct sim_inode *inode)
{
	t->used -= inode->bytes.size;
	if (inode->prev)
		inode->prev->next = inode->next;
	else
		t->all = inode->next;
	if (inode->next)
		inode->next->prev = inode->prev;
	sim_names_free(t, &inode->names);
	sim_names_free(t, &inode->durable_names);
	sim_writes_drop(inode);
	free(inode->writes);
	free(inode->bytes.data);
	free(inode->durable_bytes.data);
	free(inode->locks);
	free(inode);
}

void sim_inode_ref(struct sim_inode *inode)
{
	inode->refs++;
}

void sim_inode_unref(struct sim_tree *t, struct sim_inode *inode)
{
	if (inode && --inode->refs == 0)
		inode_free(t, inode);
}

/* ---- changes of names ---- */

static void touch(struct sim_change *c, struct sim_inode *dir)
{
	size_t i = 0;

	if (!dir)
		return;
	while (i < SIM_TOUCHES && c->touches[i] && c->touches[i] != dir)
		i++;
	if (i < SIM_TOUCHES)
		c->touches[i] = dir;
}

/* The change that waits: own names, no touch twice, everything referred to. */
struct sim_change sim_change_hold(const struct sim_change *from)
{
	struct sim_change c = *from;

	memset(c.touches, 0, sizeof(c.touches));
	for (size_t i = 0; i < SIM_TOUCHES; i++)
		touch(&c, from->touches[i]);
	for (size_t i = 0; i < SIM_TOUCHES && c.touches[i]; i++) {
		sim_inode_ref(c.touches[i]);
		c.touches[i]->waiting++;
	}
	for (size_t i = 0; i < 2; i++) {
		c.edits[i].name = mem_dup(c.edits[i].name);
		if (c.edits[i].inode)
			sim_inode_ref(c.edits[i].inode);
	}
	return c;
}

void sim_change_release(struct sim_tree *t, struct sim_change *c)
{
	for (size_t i = 0; i < SIM_TOUCHES && c->touches[i]; i++) {
		c->touches[i]->waiting--;
		sim_inode_unref(t, c->touches[i]);
	}
	for (size_t i = 0; i < 2; i++) {
		free(c->edits[i].name);
		sim_inode_unref(t, c->edits[i].inode);
	}
}

static void edit_now(struct sim_tree *t, const struct sim_edit *e, int64_t time)
{
	struct sim_inode *old = names_set(&e->dir->names, e->name, e->inode);

	e->dir->now.mtime_ns = e->dir->now.ctime_ns = time;
	if (old) {
		old->nlink--;
		old->now.ctime_ns = time;
	}
	if (e->inode) {
		e->inode->nlink++;
		e->inode->now.ctime_ns = time;
		if (sim_is_dir(e->inode))
			e->inode->parent = e->dir;
	}
	sim_inode_unref(t, old);
}

static void change_durable(struct sim_tree *t, const struct sim_change *c)
{
	for (size_t i = 0; i < 2 && c->edits[i].dir; i++) {
		const struct sim_edit *e = &c->edits[i];
		struct sim_inode *old =
			names_set(&e->dir->durable_names, e->name, e->inode);

		e->dir->durable.mtime_ns = c->time_ns;
		e->dir->durable.ctime_ns = c->time_ns;
		if (old)
			old->durable.ctime_ns = c->time_ns;
		if (e->inode)
			e->inode->durable.ctime_ns = c->time_ns;
		sim_inode_unref(t, old);
	}
}

void sim_change(struct sim_tree *t, const struct sim_change *change)
{
	if (t->change_count == t->change_cap) {
		t->change_cap = 2 * t->change_cap + 16;
		t->changes = mem_grow(
			t->changes, t->change_cap, sizeof(*t->changes));
	}
	t->changes[t->change_count++] = sim_change_hold(change);
	for (size_t i = 0; i < 2 && change->edits[i].dir; i++)
		edit_now(t, &change->edits[i], change->time_ns);
}

static bool touches_marked(const struct sim_change *c)
{
	for (size_t i = 0; i < SIM_TOUCHES && c->touches[i]; i++) {
		if (c->touches[i]->mark)
			return true;
	}
	return false;
}

static void mark_touched(const struct sim_change *c, bool mark)
{
	for (size_t i = 0; i < SIM_TOUCHES && c->touches[i]; i++)
		c->touches[i]->mark = mark;
}

/* Apply the taken changes in order; the others go on waiting. */
void sim_changes_take(struct sim_tree *t, const bool *taken)
{
	size_t left = 0;

	for (size_t i = 0; i < t->change_count; i++) {
		if (taken[i]) {
			change_durable(t, &t->changes[i]);
			sim_change_release(t, &t->changes[i]);
		} else {
			t->changes[left++] = t->changes[i];
		}
	}
	t->change_count = left;
}

void sim_sync_dir(struct sim_tree *t, struct sim_inode *dir)
{
	AUTO_FREE bool *taken = NULL;

	if (dir->waiting) {
		taken = mem_array(t->change_count, sizeof(*taken));
		dir->mark = true;
		for (size_t i = t->change_count; i-- > 0;) {
			taken[i] = touches_marked(&t->changes[i]);
			if (taken[i])
				mark_touched(&t->changes[i], true);
		}
		for (size_t i = 0; i < t->change_count; i++)
			mark_touched(&t->changes[i], false);
		sim_changes_take(t, taken);
	}
	dir->durable = dir->now;
}

/* ---- writes ---- */

struct sim_write *sim_write_add(struct sim_inode *file)
{
	struct sim_write *w;

	if (file->write_count == file->write_cap) {
		file->write_cap = 2 * file->write_cap + 4;
		file->writes = mem_grow(
			file->writes, file->write_cap, sizeof(*file->writes));
	}
	w = &file->writes[file->write_count++];
	*w = (struct sim_write){0};
	return w;
}

void sim_write(struct sim_tree *t, struct sim_inode *file, int64_t at,
	const void *from, size_t len)
{
	struct sim_write *w = sim_write_add(file);

	w->at = at;
	w->len = len;
	w->data = mem_alloc(len);
	memcpy(w->data, from, len);
	t->used -= file->bytes.size;
	sim_bytes_put(&file->bytes, (size_t)at, from, len);
	t->used += file->bytes.size;
}

void sim_truncate(struct sim_tree *t, struct sim_inode *file, int64_t size)
{
	struct sim_write *w = sim_write_add(file);

	w->truncate = true;
	w->at = size;
	t->used -= file->bytes.size;
	sim_bytes_resize(&file->bytes, (size_t)size);
	t->used += file->bytes.size;
}

void sim_write_size(struct sim_inode *file, const struct sim_write *w)
{
	size_t end = (size_t)w->at + w->len;

	if (end > file->durable_bytes.size)
		sim_bytes_resize(&file->durable_bytes, end);
}

void sim_write_durable(struct sim_inode *file, const struct sim_write *w)
{
	if (w->truncate)
		sim_bytes_resize(&file->durable_bytes, (size_t)w->at);
	else if (w->lost)
		sim_write_size(file, w);
	else
		sim_bytes_put(
			&file->durable_bytes, (size_t)w->at, w->data, w->len);
}

void sim_sync_file(struct sim_inode *file, bool with_attr, bool bad)
{
	for (size_t i = 0; i < file->write_count; i++) {
		if (bad)
			file->writes[i].lost = true;
		else
			sim_write_durable(file, &file->writes[i]);
	}
	if (bad)
		return;
	sim_writes_drop(file);
	if (with_attr)
		file->durable = file->now;
}

/* ---- the whole tree ---- */

void sim_sync_all(struct sim_tree *t)
{
	AUTO_FREE bool *taken = mem_array(t->change_count, sizeof(*taken));

	for (size_t i = 0; i < t->change_count; i++)
		taken[i] = true;
	sim_changes_take(t, taken);
	for (struct sim_inode *i = t->all; i; i = i->next)
		sim_sync_file(i, true, false);
}

void sim_tree_init(struct sim_tree *t, int64_t time_ns)
{
	struct sim_attr attr = {
		.mode = S_IFDIR | 0755,
		.mtime_ns = time_ns,
		.ctime_ns = time_ns,
	};

	*t = (struct sim_tree){.next_ino = 2};
	t->root = sim_inode_new(t, &attr);
	t->root->parent = t->root;
	t->dir_renames = sim_inode_new(t, &attr);
}

void sim_tree_release(struct sim_tree *t)
{
	for (size_t i = 0; i < t->change_count; i++)
		sim_change_release(t, &t->changes[i]);
	free(t->changes);
	/* directories may hold each other, one now, one durable */
	for (struct sim_inode *i = t->all; i; i = i->next)
		i->refs++;
	for (struct sim_inode *i = t->all; i; i = i->next) {
		sim_names_free(t, &i->names);
		sim_names_free(t, &i->durable_names);
	}
	while (t->all)
		inode_free(t, t->all);
}
