/*
 * carrier_dir: bundles in a directory that both sites can reach, or that is
 * carried (carrier.h draws it; docs/format.md, Medium).
 *
 * A bundle is listed if and only if (1) its manifest is whole and speaks of
 * the names it lies under, (2) its .pb is a regular file of the size stated,
 * (3) neither name is there in two spellings.
 *
 * put     x.tmp written -> fsync -> renamed x.pb -> directory fsynced -> read
 *         back -> x.whole.tmp -> fsync -> renamed x.whole -> directory fsynced
 * remove  x.whole unlinked -> directory fsynced -> x.pb unlinked
 *
 * A cut leaves x.tmp, x.pb, x.pb and x.whole.tmp, or both whole; a cut in remove
 * leaves x.pb. What is not both whole is listed as a part, and the sender's
 * next put for that recipient removes it.
 *
 * A medium may be FAT or foreign: no links, modes or times are used, names are
 * lower-case hex and found in either case; fsync of a directory may be
 * refused. It may have been prepared by a stranger: symbolic links are not
 * followed below the directory, and nothing but regular files is opened.
 */
#include "carrier_dir.h"
#include "err.h"
#include "medium.h"
#include "medium_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A manifest, two directories and what is rounded up: exFAT has clusters of
 * 128 KiB. */
#define SPACE_RESERVE ((uint64_t)512 * 1024)

struct carrier_dir {
	struct carrier carrier;
	struct os *os;
	char *root;
	struct id128 medium;
	uint64_t self;
	bool read_only;
	/* the put under way; put_fd < 0: none, or written and closed */
	char *put_dir, *put_name;
	int put_fd;
	uint64_t put_recipient, put_sequence;
};

static struct carrier_dir *of(struct carrier *c)
{
	return (struct carrier_dir *)c;
}

/* ---- the medium ---- */

/* The medium that was opened is still the one that is there. */
static int check_medium(const struct carrier_dir *c, struct err *err)
{
	struct id128 id;
	int r = medium_identify(c->os, c->root, &id, NULL, err);

	if (r < 0)
		return r;
	if (!id_equal(&id, &c->medium))
		return err_set(err, ERR_ABSENT,
			"%s: another medium is there now", c->root);
	return 0;
}

/*
 * A directory that nobody may write was made so on purpose. What the file
 * system says in the end, when something is to be written, counts too.
 */
static bool is_read_only(struct os *os, const char *root, const char *marker)
{
	struct os_stat st;
	int fd = os->ops->open(os, marker, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);

	if (fd == -EROFS)
		return true;
	if (fd >= 0)
		os->ops->close(os, fd);
	return os->ops->stat(os, root, &st) == 0 && !(st.mode & 0222);
}

static int dir_open(const struct carrier_place *place, const char *address,
	struct carrier **ret, struct err *err)
{
	struct os *os = place->os;
	AUTO_FREE char *marker = NULL;
	struct carrier_dir *c;
	struct id128 medium;
	int r;

	if (address[0] == '\0')
		return err_set(err, ERR_USAGE,
			"via \"dir:\": no directory (for example "
			"dir:/media/usb)");
	r = medium_identify(os, address, &medium, &marker, err);
	if (r < 0)
		return r;
	c = mem_alloc(sizeof(*c));
	c->carrier.ops = &carrier_dir_ops;
	c->os = os;
	c->root = mem_dup(address);
	c->medium = medium;
	c->self = place->self;
	c->put_fd = -1;
	c->read_only = is_read_only(os, address, marker);
	*ret = &c->carrier;
	return 0;
}

static struct id128 dir_medium(struct carrier *c)
{
	return of(c)->medium;
}

static bool dir_read_only(struct carrier *c)
{
	return of(c)->read_only;
}

/* ---- directories of recipients ---- */

/* pb/<recipient>, as above. */
static int enter_recipient(const struct carrier_dir *c, uint64_t recipient,
	bool make, char **ret, struct err *err)
{
	AUTO_FREE char *all = NULL;
	char name[17];
	int r = medium_enter(c->os, c->root, MEDIUM_BUNDLES, make, &all, err);

	if (r <= 0)
		return r;
	snprintf(name, sizeof(name), "%016llx", (unsigned long long)recipient);
	return medium_enter(c->os, all, name, make, ret, err);
}

static int scan(struct os *os, const char *dir, struct medium_files *ret,
	struct err *err)
{
	int r;

	*ret = (struct medium_files){0};
	r = os->ops->list(os, dir, &ret->names);
	if (r < 0) {
		medium_files_free(ret);
		return err_set_os(err, -r, "list %s", dir);
	}
	medium_files_sort(ret);
	return 0;
}

/* ---- list ---- */

/*
 * Take a group for a bundle. Returns 1; 0 where it is none; ERR_CORRUPT where
 * it should be one; ERR_IO; ERR_ABSENT: removed meanwhile.
 */
static int take_item(struct os *os, const char *dir, uint64_t recipient,
	const struct medium_group *g, struct carrier_item *ret)
{
	AUTO_FREE char *manifest = NULL;
	AUTO_FREE char *bundle = NULL;
	char text[MEDIUM_MANIFEST_SIZE];
	struct os_stat st;
	int r;

	if (!g->manifest)
		return 0;
	if (!g->bundle || g->twice)
		return ERR_CORRUPT;
	manifest = mem_printf("%s/%s", dir, g->manifest->name);
	bundle = mem_printf("%s/%s", dir, g->bundle->name);
	r = medium_read_small(os, manifest, text, sizeof(text), NULL);
	if (r < 0)
		return r;
	if (medium_manifest_read(text, sizeof(text), ret) < 0 ||
		ret->sender != g->manifest->sender ||
		ret->recipient != recipient ||
		ret->sequence != g->manifest->sequence)
		return ERR_CORRUPT;
	r = os->ops->lstat(os, bundle, &st);
	if (r < 0)
		return r == -ENOENT ? ERR_ABSENT : ERR_IO;
	if (!S_ISREG(st.mode) || (uint64_t)st.size != ret->size)
		return ERR_CORRUPT;
	return 1;
}

static void add_part(struct carrier_list *list, const struct medium_file *f)
{
	struct carrier_part *part = &list->parts[list->part_count++];

	*part = (struct carrier_part){f->sender, f->sequence, ""};
	snprintf(part->name, sizeof(part->name), "%s", f->name);
}

/*
 * One bundle that cannot be read does not hide the others, unless it cannot
 * be read because the medium is gone.
 */
static int list_files(const struct carrier_dir *c, const char *dir,
	uint64_t recipient, const struct medium_files *files,
	struct carrier_list *ret, struct err *err)
{
	ret->strange = files->strange;
	ret->items = mem_array(files->count, sizeof(*ret->items));
	ret->parts = mem_array(files->count, sizeof(*ret->parts));
	for (size_t i = 0; i < files->count;) {
		const struct medium_file *first = &files->items[i];
		struct medium_group group;
		int r;

		i = medium_files_group(files, i, &group);
		r = take_item(
			c->os, dir, recipient, &group, &ret->items[ret->count]);
		if (r > 0)
			ret->count++;
		else if (r != ERR_ABSENT)
			add_part(ret, group.bundle ? group.bundle : first);
		ret->damaged += r < 0 && r != ERR_ABSENT;
		if (r == ERR_IO) {
			r = check_medium(c, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int dir_list(struct carrier *carrier, uint64_t recipient,
	struct carrier_list *ret, struct err *err)
{
	struct carrier_dir *c = of(carrier);
	struct carrier_list list = {0};
	struct medium_files files;
	AUTO_FREE char *dir = NULL;
	int r = check_medium(c, err);

	if (r == 0)
		r = enter_recipient(c, recipient, false, &dir, err);
	if (r == 0)
		*ret = list;
	if (r <= 0)
		return r;
	r = scan(c->os, dir, &files, err);
	if (r < 0)
		return r;
	r = list_files(c, dir, recipient, &files, &list, err);
	medium_files_free(&files);
	if (r < 0)
		carrier_list_free(&list);
	else
		*ret = list;
	return r;
}

/* ---- put ---- */

static int remove_file(
	struct os *os, const char *dir, const char *name, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
	int r = os->ops->unlink(os, path);

	if (r < 0 && r != -ENOENT)
		return err_set_os(err, -r, "remove %s", path);
	return 0;
}

/* Both halves are there, and agree. */
static bool is_whole(const struct carrier_dir *c, const char *dir,
	uint64_t recipient, const struct medium_group *g)
{
	struct carrier_item item;

	return g->manifest && g->bundle &&
	       take_item(c->os, dir, recipient, g, &item) != ERR_CORRUPT;
}

/*
 * Remove what earlier puts of ours left in dir: what was under way, half of a
 * pair, and what somebody copied in part. ERR_CONFLICT where a bundle of this
 * sequence is there.
 */
static int make_way(const struct carrier_dir *c, const char *dir,
	uint64_t recipient, uint64_t sequence, const struct medium_files *files,
	struct err *err)
{
	for (size_t i = 0, next; i < files->count; i = next) {
		struct medium_group g;
		bool whole;
		int r = 0;

		next = medium_files_group(files, i, &g);
		if (files->items[i].sender != c->self)
			continue;
		whole = is_whole(c, dir, recipient, &g);
		if (whole && g.manifest->sequence == sequence)
			return err_set(err, ERR_CONFLICT,
				"%s/%s: lies there already", dir,
				g.bundle->name);
		for (size_t j = i; j < next && r == 0; j++)
			if (files->items[j].kind == MEDIUM_UNDER_WAY || !whole)
				r = remove_file(
					c->os, dir, files->items[j].name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int dir_room(struct carrier *carrier, uint64_t *ret, struct err *err)
{
	struct carrier_dir *c = of(carrier);
	uint64_t space, total;
	int r = c->os->ops->space(c->os, c->root, &space, &total);

	if (r < 0)
		return err_set_os(err, -r, "free space of %s", c->root);
	*ret = space < SPACE_RESERVE ? 0 : space - SPACE_RESERVE;
	return 0;
}

static uint64_t dir_bundle_max(struct carrier *carrier)
{
	struct carrier_dir *c = of(carrier);

	return c->os->ops->file_max ? c->os->ops->file_max(c->os, c->root) : 0;
}

static int check_space(struct carrier_dir *c, uint64_t expect, struct err *err)
{
	uint64_t room;
	int r = dir_room(&c->carrier, &room, err);

	if (r < 0)
		return r;
	if (!room || room < expect)
		return err_set_os(err, ENOSPC,
			"%s: there is room for %llu bytes, %llu are needed "
			"(make room, or take a larger medium)",
			c->root, (unsigned long long)room,
			(unsigned long long)(expect ? expect : 1));
	return 0;
}

static char *put_path(const struct carrier_dir *c, const char *ending)
{
	return mem_printf("%s/%s%s", c->put_dir, c->put_name, ending);
}

/* Whatever of the put is there is no longer, as far as the medium obeys. */
static void put_undo(struct carrier_dir *c)
{
	static const char *const endings[] = {
		".whole", ".whole.tmp", ".pb", ".tmp"};

	if (c->put_fd >= 0)
		c->os->ops->close(c->os, c->put_fd);
	c->put_fd = -1;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		AUTO_FREE char *path = put_path(c, endings[i]);

		c->os->ops->unlink(c->os, path);
	}
	medium_sync_dir(c->os, c->put_dir, NULL);
}

static void put_forget(struct carrier_dir *c)
{
	free(c->put_dir);
	free(c->put_name);
	c->put_dir = c->put_name = NULL;
	c->put_fd = -1;
}

static int tidy_dir(const struct carrier_dir *c, const char *dir,
	uint64_t recipient, uint64_t sequence, struct err *err)
{
	struct medium_files files;
	int r = scan(c->os, dir, &files, err);

	if (r < 0)
		return r;
	r = make_way(c, dir, recipient, sequence, &files, err);
	medium_files_free(&files);
	return r;
}

static int dir_tidy(
	struct carrier *carrier, uint64_t recipient, struct err *err)
{
	struct carrier_dir *c = of(carrier);
	AUTO_FREE char *dir = NULL;
	int r = check_medium(c, err);

	assert(!c->put_dir);
	if (r < 0 || c->read_only)
		return r;
	r = enter_recipient(c, recipient, false, &dir, err);
	return r <= 0 ? r : tidy_dir(c, dir, recipient, 0, err);
}

static int prepare(struct carrier_dir *c, uint64_t recipient, uint64_t sequence,
	uint64_t expect, char **ret_dir, struct err *err)
{
	int r = check_medium(c, err);

	if (r == 0)
		r = enter_recipient(c, recipient, true, ret_dir, err);
	if (r >= 0)
		r = tidy_dir(c, *ret_dir, recipient, sequence, err);
	return r < 0 ? r : check_space(c, expect, err);
}

static int dir_put_begin(struct carrier *carrier, uint64_t recipient,
	uint64_t sequence, uint64_t expect, int *ret_fd, struct err *err)
{
	struct carrier_dir *c = of(carrier);
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *tmp = NULL;
	int r;

	assert(!c->put_dir);
	if (c->read_only)
		return err_set_os(err, EROFS, "write to %s", c->root);
	r = prepare(c, recipient, sequence, expect, &dir, err);
	if (r < 0)
		return r;
	c->put_dir = dir;
	dir = NULL;
	c->put_name = mem_printf("%016llx-%016llx", (unsigned long long)c->self,
		(unsigned long long)sequence);
	c->put_recipient = recipient;
	c->put_sequence = sequence;
	tmp = put_path(c, ".tmp");
	c->put_fd = medium_create(c->os, tmp, err);
	if (c->put_fd < 0) {
		r = c->put_fd;
		put_forget(c);
		return r;
	}
	*ret_fd = c->put_fd;
	return 0;
}

static int put_bundle(struct carrier_dir *c, uint64_t size,
	const struct hash *hash, struct err *err)
{
	AUTO_FREE char *tmp = put_path(c, ".tmp");
	AUTO_FREE char *path = put_path(c, ".pb");
	int fd = c->put_fd, r;

	c->put_fd = -1;
	r = medium_finish(c->os, fd, tmp, err);
	if (r == 0)
		r = medium_publish(c->os, c->put_dir, tmp, path, err);
	if (r < 0)
		return r;
	fd = medium_open_hashed(c->os, path, size, hash, err);
	if (fd < 0)
		return err_wrap(err, "read back");
	c->os->ops->close(c->os, fd);
	return 0;
}

static int put_manifest(struct carrier_dir *c, uint64_t size,
	const struct hash *hash, struct err *err)
{
	struct carrier_item item = {
		.sender = c->self,
		.recipient = c->put_recipient,
		.sequence = c->put_sequence,
		.size = size,
		.hash = *hash,
	};
	char text[MEDIUM_MANIFEST_SIZE + 1], again[MEDIUM_MANIFEST_SIZE];
	AUTO_FREE char *name = mem_printf("%s.whole", c->put_name);
	AUTO_FREE char *path = put_path(c, ".whole");
	int r;

	medium_manifest_write(&item, text);
	r = medium_write_small(
		c->os, c->put_dir, name, text, MEDIUM_MANIFEST_SIZE, err);
	if (r < 0)
		return r;
	r = medium_read_small(c->os, path, again, sizeof(again), err);
	/* It was there, durably: the recipient has been quick. */
	if (r == ERR_ABSENT)
		return check_medium(c, err);
	if (r == 0 && memcmp(text, again, sizeof(again)) != 0)
		r = err_set(err, ERR_CORRUPT, "%s: not the bytes written to it",
			path);
	return r;
}

static int dir_put_commit(struct carrier *carrier, uint64_t size,
	const struct hash *hash, struct err *err)
{
	struct carrier_dir *c = of(carrier);
	int r;

	assert(c->put_dir);
	r = put_bundle(c, size, hash, err);
	if (r == 0)
		r = put_manifest(c, size, hash, err);
	if (r < 0)
		put_undo(c);
	put_forget(c);
	return r;
}

static void dir_put_abort(struct carrier *carrier)
{
	struct carrier_dir *c = of(carrier);

	assert(c->put_dir);
	put_undo(c);
	put_forget(c);
}

/* ---- get and remove ---- */

/* The path of an item's .pb or .whole as it is spelled: 1, or 0 if not
   there. */
static int item_path(const struct carrier_dir *c,
	const struct carrier_item *item, const char *ending, char **ret_dir,
	char **ret, struct err *err)
{
	AUTO_FREE char *name = mem_printf("%016llx-%016llx%s",
		(unsigned long long)item->sender,
		(unsigned long long)item->sequence, ending);
	AUTO_FREE char *dir = NULL;
	int r = enter_recipient(c, item->recipient, false, &dir, err);

	if (r > 0)
		r = medium_find(c->os, dir, name, ret, err);
	if (r > 0 && ret_dir) {
		*ret_dir = dir;
		dir = NULL;
	}
	return r;
}

static int dir_get(struct carrier *carrier, const struct carrier_item *item,
	int *ret_fd, struct err *err)
{
	struct carrier_dir *c = of(carrier);
	AUTO_FREE char *path = NULL;
	int r = check_medium(c, err), fd;

	if (r == 0)
		r = item_path(c, item, ".pb", NULL, &path, err);
	if (r < 0)
		return r;
	if (r == 0)
		return err_set(err, ERR_ABSENT,
			"bundle %016llx-%016llx is no longer on %s",
			(unsigned long long)item->sender,
			(unsigned long long)item->sequence, c->root);
	fd = medium_open_hashed(c->os, path, item->size, &item->hash, err);
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

/* One of an item's files, durably; one that is not there is removed. */
static int remove_half(struct carrier_dir *c, const struct carrier_item *item,
	const char *ending, struct err *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *dir = NULL;
	int r = item_path(c, item, ending, &dir, &path, err);

	if (r <= 0)
		return r;
	r = c->os->ops->unlink(c->os, path);
	if (r == -ENOENT)
		return 0;
	if (r == -EROFS || r == -EACCES || r == -EPERM) {
		c->read_only = true;
		return 0;
	}
	if (r < 0)
		return err_set_os(err, -r, "remove %s", path);
	return medium_sync_dir(c->os, dir, err);
}

static int dir_remove_item(struct carrier *carrier,
	const struct carrier_item *item, struct err *err)
{
	struct carrier_dir *c = of(carrier);
	int r;

	if (c->read_only)
		return 0;
	r = check_medium(c, err);
	if (r == 0)
		r = remove_half(c, item, ".whole", err);
	if (r == 0 && !c->read_only)
		r = remove_half(c, item, ".pb", err);
	return r;
}

static void dir_close(struct carrier *carrier)
{
	struct carrier_dir *c = of(carrier);

	if (c->put_dir)
		dir_put_abort(carrier);
	free(c->root);
	free(c);
}

const struct carrier_ops carrier_dir_ops = {
	.scheme = "dir",
	.open = dir_open,
	.close = dir_close,
	.medium = dir_medium,
	.read_only = dir_read_only,
	.list = dir_list,
	.room = dir_room,
	.bundle_max = dir_bundle_max,
	.put_begin = dir_put_begin,
	.put_commit = dir_put_commit,
	.put_abort = dir_put_abort,
	.get = dir_get,
	.tidy = dir_tidy,
	.remove = dir_remove_item,
};
