/*
 * trash: where removed mail stays for a time.
 *
 *	<INBOX>/cur/.packetboat/trash/
 *	    1795303760.M897062P14561Q7.host/     one commit, or one folder
 *	        Work.2026/cur/<name>:2,S         expunged from Work/2026
 *	        Jobs/{cur,new,tmp,…}             a folder removed whole
 *
 * The directory's name begins with the second of the removal; below it the
 * folder's path as the layout writes it (Maildir++ without the first dot).
 * trashed.c reads it. By hand one moves the file to the folder's new/ or cur/.
 * Everything comes by rename, so it is on the mail's own file system and a
 * crash leaves it either in the folder or here (a folder: or under way,
 * moving.c). A crash may leave an empty batch. What has another name than a
 * batch is never touched.
 */
#include "maildir_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 80

char *trash_name(struct maildir *m, const struct folder *f)
{
	AUTO_FREE char *batch = temp_name(m, false);

	return mem_printf(PRIVATE_DIR "/trash/%s/%s", batch, f->rel);
}

int trash_batch(
	struct maildir *m, const struct folder *f, char **ret, struct err *err)
{
	AUTO_FREE char *name = trash_name(m, f);
	AUTO_FREE char *path = mem_printf(
		"%s/%s/cur", f->inbox && m->inbox ? m->inbox : m->root, name);
	int r = dir_make(m->store.os, path, 0700, err);

	if (r < 0)
		return r;
	*ret = path;
	path = NULL;
	return 0;
}

/* ---- cleaning ---- */

struct batch {
	int64_t time_s;
	uint64_t size;
	char *path;
};

struct batches {
	struct batch *b;
	size_t count;
};

static void batches_release(struct batches *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->b[i].path);
	free(l->b);
}

int64_t trash_time(const char *name)
{
	struct slice s = {.at = name, .len = strlen(name)};
	struct slice digits;
	uint64_t v;

	if (!slice_cut(&s, '.', &digits) || !s.len || *s.at != 'M' ||
		!slice_number(digits, INT64_MAX, &v))
		return -1;
	return (int64_t)v;
}

/* Bytes of all files below. */
static uint64_t size_below(struct os *os, const char *dir, int depth)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry e;
	uint64_t size = 0;
	size_t at = 0;

	if (depth > DEPTH_MAX || os->ops->list(os, dir, &names) < 0)
		return 0;
	while (os_list_next(&names, &at, &e)) {
		AUTO_FREE char *path = path_join(dir, e.name);
		struct os_stat st;

		if (os->ops->lstat(os, path, &st) < 0)
			continue;
		size += S_ISDIR(st.mode) ? size_below(os, path, depth + 1)
					 : (uint64_t)st.size;
	}
	return size;
}

static int find_batches(
	struct os *os, const char *trash, struct batches *to, struct err *err)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry e;
	size_t at = 0;
	int r = os->ops->list(os, trash, &names);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set_os(err, -r, "list %s", trash);
	while (os_list_next(&names, &at, &e)) {
		int64_t time_s = trash_time(e.name);
		char *path;

		if (time_s < 0)
			continue;
		path = path_join(trash, e.name);
		to->b = mem_grow(to->b, to->count + 1, sizeof(*to->b));
		to->b[to->count++] = (struct batch){.time_s = time_s,
			.size = size_below(os, path, 0),
			.path = path};
	}
	return 0;
}

static int compare_batches(const void *a, const void *b)
{
	const struct batch *x = a;
	const struct batch *y = b;

	if (x->time_s != y->time_s)
		return x->time_s < y->time_s ? -1 : 1;
	return strcmp(x->path, y->path);
}

static int remove_batches(struct os *os, struct batches *l, int64_t age_s,
	uint64_t max_bytes, struct err *err)
{
	int64_t oldest = os->ops->wall_ns(os) / NS_PER_S - age_s;
	uint64_t total = 0;

	if (l->count)
		qsort(l->b, l->count, sizeof(*l->b), compare_batches);
	for (size_t i = 0; i < l->count; i++)
		total += l->b[i].size;
	for (size_t i = 0; i < l->count; i++) {
		int r;

		if (l->b[i].time_s >= oldest && total <= max_bytes)
			break;
		r = dir_remove(os, l->b[i].path, err);
		if (r < 0)
			return r;
		total -= l->b[i].size;
	}
	return 0;
}

int trash_clean(
	struct maildir *m, int64_t age_s, uint64_t max_bytes, struct err *err)
{
	AUTO_FREE char *own = layout_private(m, false);
	AUTO_FREE char *inbox = layout_private(m, true);
	AUTO_FREE char *trash = path_join(own, "trash");
	AUTO_FREE char *inbox_trash = path_join(inbox, "trash");
	AUTO_FREE char *building = path_join(own, "build");
	struct batches l = {0};
	int r = find_batches(m->store.os, trash, &l, err);

	if (r == 0 && m->inbox)
		r = find_batches(m->store.os, inbox_trash, &l, err);
	if (r == 0)
		r = remove_batches(m->store.os, &l, age_s, max_bytes, err);
	batches_release(&l);
	temp_sweep(m, building);
	return r;
}

void quota_forget(const struct maildir *m)
{
	AUTO_FREE char *path = path_join(m->root, "maildirsize");

	m->store.os->ops->unlink(m->store.os, path);
}
