/*
 * simcut: a power cut, and the copy of a whole tree.
 *
 * A power cut (1) decides which waiting changes of names are kept, and applies
 * them; (2) decides for each file which waiting writes are kept, and applies
 * them; (3) copies durable to now, walks from the root, and frees what is not
 * reached.
 */
#include "simtree.h"
#include "mem.h"

#include <string.h>

#define SECTOR 512

/* ---- the power cut ---- */

/* How many of n are kept: none, all, or any number. */
static size_t pick(uint64_t *rng, size_t n)
{
	switch (sim_below(rng, 4)) {
	case 0:
		return 0;
	case 1:
		return n;
	default:
		return (size_t)sim_below(rng, n + 1);
	}
}

/* Every directory keeps its own number of changes; one that touches two is
 * kept only if both go that far, and else ends both. */
static void decide_per_directory(struct sim_tree *t, bool *taken, uint64_t *rng)
{
	for (struct sim_inode *i = t->all; i; i = i->next) {
		i->cut_seen = 0;
		if (i->waiting)
			i->cut_at = pick(rng, i->waiting);
	}
	t->dir_renames->cut_at = t->dir_renames->waiting;
	for (size_t i = 0; i < t->change_count; i++) {
		struct sim_inode **dirs = t->changes[i].touches;

		taken[i] = true;
		for (size_t k = 0; k < SIM_TOUCHES && dirs[k]; k++) {
			if (dirs[k]->cut_seen >= dirs[k]->cut_at)
				taken[i] = false;
		}
		for (size_t k = 0; k < SIM_TOUCHES && dirs[k]; k++) {
			if (taken[i])
				dirs[k]->cut_seen++;
			else
				dirs[k]->cut_at = 0;
		}
	}
}

static void cut_names(struct sim_tree *t, enum simdisk_cut how, uint64_t *rng)
{
	AUTO_FREE bool *taken = mem_array(t->change_count, sizeof(*taken));
	size_t keep = 0;

	if (how == SIMDISK_RANDOM)
		decide_per_directory(t, taken, rng);
	else if (how == SIMDISK_ORDERED)
		keep = pick(rng, t->change_count);
	else if (how == SIMDISK_ALL_KEPT)
		keep = t->change_count;
	for (size_t i = 0; i < keep; i++)
		taken[i] = true;
	sim_changes_take(t, taken);
	for (size_t i = 0; i < t->change_count; i++)
		sim_change_release(t, &t->changes[i]);
	t->change_count = 0;
}

static void write_torn(
	struct sim_inode *file, const struct sim_write *w, uint64_t *rng)
{
	size_t at = (size_t)w->at, end = at + w->len;

	while (at < end) {
		size_t next = (at / SECTOR + 1) * SECTOR;

		if (next > end)
			next = end;
		if (sim_below(rng, 2))
			sim_bytes_put(&file->durable_bytes, at,
				w->data + (at - (size_t)w->at), next - at);
		at = next;
	}
}

static void cut_write(
	struct sim_inode *file, const struct sim_write *w, uint64_t *rng)
{
	switch (sim_below(rng, 4)) {
	case 0:
		break;
	case 1: /* the journal had the size, the platter not the bytes */
		if (!w->truncate)
			sim_write_size(file, w);
		break;
	case 2:
		if (!w->truncate && !w->lost) {
			write_torn(file, w, rng);
			break;
		} /* fall through */
	default:
		sim_write_durable(file, w);
	}
}

static void cut_file(
	struct sim_inode *file, enum simdisk_cut how, uint64_t *rng)
{
	uint64_t mood = sim_below(rng, 3);

	if (how == SIMDISK_ALL_LOST)
		mood = 0;
	else if (how == SIMDISK_ALL_KEPT)
		mood = 1;
	for (size_t i = 0; mood && i < file->write_count; i++) {
		if (mood == 1)
			sim_write_durable(file, &file->writes[i]);
		else
			cut_write(file, &file->writes[i], rng);
	}
	sim_writes_drop(file);
	if (mood == 1 || (mood == 2 && sim_below(rng, 2)))
		file->durable = file->now;
}

static void reach(struct sim_inode *dir)
{
	dir->mark = true;
	for (size_t i = 0; i < dir->names.cap; i++) {
		struct sim_inode *inode = dir->names.slots[i].inode;

		if (!inode)
			continue;
		inode->nlink++;
		if (sim_is_dir(inode) && !inode->mark) {
			inode->parent = dir;
			reach(inode);
		}
		inode->mark = true;
	}
}

/* Durable is all there is; what the root does not reach is freed. */
static void restart(struct sim_tree *t)
{
	struct sim_inode *next;

	t->used = 0;
	for (struct sim_inode *i = t->all; i; i = i->next) {
		i->refs++; /* the list stays whole while names go */
		i->mark = false;
		i->nlink = 0;
		i->lock_count = 0;
	}
	for (struct sim_inode *i = t->all; i; i = i->next) {
		sim_names_free(t, &i->names);
		sim_names_copy(&i->names, &i->durable_names, false);
		sim_bytes_copy(&i->bytes, &i->durable_bytes);
		t->used += i->bytes.size;
		i->now = i->durable;
	}
	reach(t->root);
	for (struct sim_inode *i = t->all; i; i = i->next) {
		if (!i->mark) {
			sim_names_free(t, &i->names);
			sim_names_free(t, &i->durable_names);
		}
		i->mark = false;
	}
	for (struct sim_inode *i = t->all; i; i = next) {
		next = i->next;
		sim_inode_unref(t, i);
	}
}

void sim_tree_cut(struct sim_tree *t, enum simdisk_cut how, uint64_t seed)
{
	uint64_t rng = seed;

	cut_names(t, how, &rng);
	for (struct sim_inode *i = t->all; i; i = i->next) {
		if (!sim_is_dir(i))
			cut_file(i, how, &rng);
		else if (how == SIMDISK_ALL_KEPT)
			i->durable = i->now;
	}
	restart(t);
}

/* ---- the copy ---- */

static void inode_copy(struct sim_inode *to, const struct sim_inode *from)
{
	to->ino = from->ino;
	to->nlink = from->nlink;
	to->now = from->now;
	to->durable = from->durable;
	to->parent = from->parent ? from->parent->twin : NULL;
	sim_bytes_copy(&to->bytes, &from->bytes);
	sim_bytes_copy(&to->durable_bytes, &from->durable_bytes);
	sim_names_copy(&to->names, &from->names, true);
	sim_names_copy(&to->durable_names, &from->durable_names, true);
	for (size_t i = 0; i < from->write_count; i++) {
		struct sim_write *w = sim_write_add(to);

		*w = from->writes[i];
		w->data = (uint8_t *)mem_dup_n((const char *)w->data, w->len);
	}
}

static struct sim_inode *twin_of(const struct sim_inode *inode)
{
	return inode ? inode->twin : NULL;
}

static void changes_copy(struct sim_tree *to, const struct sim_tree *from)
{
	to->change_count = to->change_cap = from->change_count;
	to->changes = mem_array(to->change_cap, sizeof(*to->changes));
	for (size_t i = 0; i < from->change_count; i++) {
		struct sim_change c = from->changes[i];

		for (size_t k = 0; k < SIM_TOUCHES; k++)
			c.touches[k] = twin_of(c.touches[k]);
		for (size_t k = 0; k < 2; k++) {
			c.edits[k].dir = twin_of(c.edits[k].dir);
			c.edits[k].inode = twin_of(c.edits[k].inode);
		}
		to->changes[i] = sim_change_hold(&c);
	}
}

void sim_tree_copy(struct sim_tree *to, const struct sim_tree *from)
{
	struct sim_inode *last = NULL, *next;

	*to = (struct sim_tree){.next_ino = from->next_ino, .used = from->used};
	for (struct sim_inode *i = from->all; i; i = i->next)
		last = i;
	for (struct sim_inode *i = last; i; i = i->prev)
		i->twin =
			sim_inode_link(to); /* with a reference until the end */
	for (struct sim_inode *i = from->all; i; i = i->next)
		inode_copy(i->twin, i);
	to->root = from->root->twin;
	to->dir_renames = from->dir_renames->twin;
	changes_copy(to, from);
	/* what only an open file held is not copied */
	for (struct sim_inode *i = to->all; i; i = next) {
		next = i->next;
		if (i != to->root && i != to->dir_renames)
			sim_inode_unref(to, i);
	}
}
