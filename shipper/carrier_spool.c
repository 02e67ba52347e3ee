/*
 * carrier_spool: what carriers have in common that lie elsewhere: two media
 * here, and a way between them and what is there (carrier_spool.h).
 *
 * Both are directories of the kind that carrier_dir serves, so that listing,
 * reading back and tidying are its. Put is durable here when it returns, and is
 * brought there by this flush or any later one. What is removed is named in
 * gone/ before it is taken out of there/: a cut between the two fetches it no
 * second time.
 */
#include "carrier_spool.h"
#include "carrier_dir.h"
#include "err.h"
#include "medium.h"
#include "medium_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct spool *of(struct carrier *c)
{
	return (struct spool *)c;
}

int spool_gone(struct spool *s, struct buf *ret, struct err *err)
{
	int r = s->os->ops->list(s->os, s->gone_dir, ret);

	return r < 0 ? err_set_os(err, -r, "list %s", s->gone_dir) : 0;
}

/* ---- open ---- */

static void spool_close(struct carrier *carrier)
{
	struct spool *c = of(carrier);

	if (c->there)
		c->there->ops->close(c->there);
	if (c->out)
		c->out->ops->close(c->out);
	free(c->address);
	free(c->dir);
	free(c->there_dir);
	free(c->out_dir);
	free(c->gone_dir);
	free(c);
}

static int make_directories(struct spool *c, struct err *err)
{
	const char *const all[] = {c->there_dir, c->out_dir, c->gone_dir};
	int rc = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && rc == 0; i++)
		rc = dir_make(c->os, all[i], 0700, err);
	return rc;
}

static int open_media(
	struct spool *c, const struct carrier_place *place, struct err *err)
{
	int rc = carrier_dir_ops.open(place, c->there_dir, &c->there, err);

	/* Nothing else comes to a directory that is ours. */
	if (rc == ERR_ABSENT)
		return err_set(
			err, ERR_ABSENT, "%s: not reached yet", c->address);
	if (rc >= 0)
		rc = carrier_media_init(c->os, c->out_dir, err);
	if (rc >= 0)
		rc = carrier_dir_ops.open(place, c->out_dir, &c->out, err);
	return rc < 0 ? rc : 0;
}

static const struct carrier_ops spool_ops;

int spool_open(const struct spool_way *way, const struct carrier_place *place,
	const char *address, struct carrier **ret, struct err *err)
{
	struct spool *c = mem_alloc(sizeof(*c));
	int rc = 0;

	*c = (struct spool){.carrier = {&spool_ops},
		.way = way,
		.os = place->os,
		.address = mem_dup(address),
		.dir = mem_dup(place->spool),
		.there_dir = mem_printf("%s/there", place->spool),
		.out_dir = mem_printf("%s/out", place->spool),
		.gone_dir = mem_printf("%s/gone", place->spool),
		.self = place->self,
		.peer = place->peer,
		.rate = place->rate,
		.fetch_max = place->fetch_max,
		.again_ms = place->again_ms,
		.guard = place->guard};
	if (place->fetch) {
		rc = c->guard ? c->guard->look(c->guard->arg, err) : 0;
		if (rc >= 0)
			rc = make_directories(c, err);
		if (rc == 0)
			rc = way->fetch(c, err);
	}
	if (rc == 0)
		rc = open_media(c, place, err);
	if (rc < 0) {
		spool_close(&c->carrier);
		return rc;
	}
	*ret = &c->carrier;
	return 0;
}

static struct id128 spool_medium(struct carrier *c)
{
	return of(c)->there->ops->medium(of(c)->there);
}

static bool spool_read_only(struct carrier *c)
{
	(void)c;
	return false;
}

/* ---- what lies there ---- */

static void add_item(struct carrier_list *list, const struct carrier_item *item)
{
	list->items =
		mem_grow(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = *item;
}

/* Of ours there are manifests here, and no bundles. */
static int add_lying(struct spool *c, struct carrier_list *ret, struct err *err)
{
	AUTO_FREE char *dir = mem_printf(
		"%s/" MEDIUM_BUNDLES "/%016" PRIx64, c->there_dir, c->peer);
	struct medium_files files = {0};
	int r = c->os->ops->list(c->os, dir, &files.names);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set_os(err, -r, "list %s", dir);
	medium_files_sort(&files);
	for (size_t i = 0; i < files.count; i++) {
		const struct medium_file *f = &files.items[i];
		AUTO_FREE char *path = mem_printf("%s/%s", dir, f->name);
		char text[MEDIUM_MANIFEST_SIZE];
		struct carrier_item item;

		if (f->kind != MEDIUM_MANIFEST)
			continue;
		if (medium_read_small(c->os, path, text, sizeof(text), NULL) <
				0 ||
			medium_manifest_read(text, sizeof(text), &item) < 0 ||
			item.sender != f->sender ||
			item.sequence != f->sequence ||
			item.recipient != c->peer)
			ret->damaged++;
		else
			add_item(ret, &item);
	}
	medium_files_free(&files);
	return 0;
}

/* A manifest for us without its bundle: that was left where it is. */
static bool is_unfetched(const struct spool *c, const struct carrier_part *part,
	struct carrier_item *ret)
{
	AUTO_FREE char *path =
		mem_printf("%s/" MEDIUM_BUNDLES "/%016" PRIx64 "/%s",
			c->there_dir, c->self, part->name);
	const char *end = strrchr(part->name, '.');
	char text[MEDIUM_MANIFEST_SIZE];

	return end && strcmp(end, ".whole") == 0 &&
	       medium_read_small(c->os, path, text, sizeof(text), NULL) >= 0 &&
	       medium_manifest_read(text, sizeof(text), ret) == 0 &&
	       ret->sender == c->peer && ret->recipient == c->self &&
	       ret->sequence == part->sequence;
}

/* What lies there for us. */
static int list_ours(struct spool *c, struct carrier_list *ret, struct err *err)
{
	int rc = c->there->ops->list(c->there, c->self, ret, err);
	size_t kept = 0;

	for (size_t i = 0; rc >= 0 && i < ret->part_count; i++) {
		struct carrier_item item;

		if (!is_unfetched(c, &ret->parts[i], &item)) {
			ret->parts[kept++] = ret->parts[i];
			continue;
		}
		ret->damaged--;
		ret->unfetched++;
		if (item.size > ret->unfetched_size)
			ret->unfetched_size = item.size;
	}
	if (rc >= 0)
		ret->part_count = kept;
	return rc;
}

static int spool_list(struct carrier *carrier, uint64_t recipient,
	struct carrier_list *ret, struct err *err)
{
	struct spool *c = of(carrier);
	struct carrier_list waiting;

	if (recipient == c->self)
		return list_ours(c, ret, err);
	if (recipient != c->peer)
		return c->there->ops->list(c->there, recipient, ret, err);
	int rc = c->out->ops->list(c->out, recipient, &waiting, err);
	if (rc < 0)
		return rc;
	*ret = (struct carrier_list){0};
	rc = add_lying(c, ret, err);
	for (size_t i = 0; i < waiting.count && rc == 0; i++)
		add_item(ret, &waiting.items[i]);
	carrier_list_free(&waiting);
	if (rc < 0)
		carrier_list_free(ret);
	return rc;
}

static int spool_get(struct carrier *carrier, const struct carrier_item *item,
	int *ret_fd, struct err *err)
{
	struct carrier *there = of(carrier)->there;

	return there->ops->get(there, item, ret_fd, err);
}

/* ---- put: into out/ ---- */

static int spool_room(struct carrier *carrier, uint64_t *ret, struct err *err)
{
	return carrier_dir_ops.room(of(carrier)->out, ret, err);
}

static uint64_t spool_bundle_max(struct carrier *carrier)
{
	return carrier_dir_ops.bundle_max(of(carrier)->out);
}

static int spool_put_begin(struct carrier *carrier, uint64_t recipient,
	uint64_t sequence, uint64_t expect, int *ret_fd, struct err *err)
{
	return carrier_dir_ops.put_begin(
		of(carrier)->out, recipient, sequence, expect, ret_fd, err);
}

static int spool_put_commit(struct carrier *carrier, uint64_t size,
	const struct hash *hash, struct err *err)
{
	return carrier_dir_ops.put_commit(of(carrier)->out, size, hash, err);
}

static void spool_put_abort(struct carrier *carrier)
{
	carrier_dir_ops.put_abort(of(carrier)->out);
}

static int spool_tidy(
	struct carrier *carrier, uint64_t recipient, struct err *err)
{
	return carrier_dir_ops.tidy(of(carrier)->out, recipient, err);
}

/* ---- remove ---- */

static int note_gone(
	struct spool *c, const struct carrier_item *item, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s/%016" PRIx64 "-%016" PRIx64,
		c->gone_dir, item->sender, item->sequence);

	return file_replace(c->os, path, "", 0, 0600, err);
}

static int spool_remove(struct carrier *carrier,
	const struct carrier_item *item, struct err *err)
{
	struct spool *c = of(carrier);
	bool ours = item->recipient == c->peer;
	struct carrier *from = ours ? c->out : c->there;
	int rc = ours ? 0 : note_gone(c, item, err);

	return rc < 0 ? rc : from->ops->remove(from, item, err);
}

static bool spool_waits(
	struct carrier *carrier, const struct carrier_item *item)
{
	struct spool *c = of(carrier);
	AUTO_FREE char *name = mem_printf(MEDIUM_BUNDLES
		"/%016" PRIx64 "/%016" PRIx64 "-%016" PRIx64 ".whole",
		item->recipient, item->sender, item->sequence);
	AUTO_FREE char *out = mem_printf("%s/%s", c->out_dir, name);
	AUTO_FREE char *there = mem_printf("%s/%s", c->there_dir, name);
	struct os_stat st;

	return c->os->ops->lstat(c->os, out, &st) == 0 &&
	       c->os->ops->lstat(c->os, there, &st) == -ENOENT;
}

/* A line may have dropped when some of it was there. */
static int spool_recall(struct carrier *carrier,
	const struct carrier_item *item, struct err *err)
{
	struct spool *c = of(carrier);
	int rc = note_gone(c, item, err);

	return rc < 0 ? rc : c->out->ops->remove(c->out, item, err);
}

/* ---- flush ---- */

/*
 * A bundle that is there now: its manifest says so here. The other half is a
 * leftover for the next tidy.
 */
static int note_lying(
	struct spool *c, const struct carrier_item *item, struct err *err)
{
	char text[MEDIUM_MANIFEST_SIZE + 1], name[40];
	AUTO_FREE char *all = NULL;
	AUTO_FREE char *dir = NULL;
	char recipient[17];

	snprintf(recipient, sizeof(recipient), "%016" PRIx64, item->recipient);
	snprintf(name, sizeof(name), "%016" PRIx64 "-%016" PRIx64 ".whole",
		item->sender, item->sequence);
	int rc = medium_enter(
		c->os, c->there_dir, MEDIUM_BUNDLES, true, &all, err);
	if (rc > 0)
		rc = medium_enter(c->os, all, recipient, true, &dir, err);
	if (rc < 0)
		return rc;
	medium_manifest_write(item, text);
	rc = medium_write_small(
		c->os, dir, name, text, MEDIUM_MANIFEST_SIZE, err);
	return rc < 0 ? rc : c->out->ops->remove(c->out, item, err);
}

static int forget_gone(struct spool *c, struct buf *gone, struct err *err)
{
	struct os_entry entry;
	size_t at = 0;

	while (os_list_next(gone, &at, &entry)) {
		AUTO_FREE char *path =
			mem_printf("%s/%s", c->gone_dir, entry.name);
		int r = c->os->ops->unlink(c->os, path);

		if (r < 0 && r != -ENOENT)
			return err_set_os(err, -r, "remove %s", path);
	}
	return 0;
}

static int bring(struct spool *c, const struct carrier_list *waiting,
	struct buf *gone, struct err *err)
{
	size_t there = 0;
	struct err later = ERR_INIT;
	int rc = c->way->bring(c, waiting, gone, &there, err);
	int noted = 0;

	for (size_t i = 0; i < there && noted == 0; i++)
		noted = note_lying(c, &waiting->items[i], &later);
	if (rc == 0 && noted < 0)
		*err = later;
	if (rc < 0 || noted < 0)
		return rc < 0 ? rc : noted;
	return forget_gone(c, gone, err);
}

static int spool_flush(struct carrier *carrier, struct err *err)
{
	struct spool *c = of(carrier);
	AUTO_BUF struct buf gone = BUF_INIT;
	struct carrier_list waiting;
	int rc = spool_gone(c, &gone, err);

	if (rc < 0)
		return rc;
	rc = c->out->ops->list(c->out, c->peer, &waiting, err);
	if (rc < 0)
		return rc;
	if (waiting.count || gone.len)
		rc = bring(c, &waiting, &gone, err);
	carrier_list_free(&waiting);
	return rc;
}

static const struct carrier_ops spool_ops = {
	.close = spool_close,
	.medium = spool_medium,
	.read_only = spool_read_only,
	.list = spool_list,
	.room = spool_room,
	.bundle_max = spool_bundle_max,
	.put_begin = spool_put_begin,
	.put_commit = spool_put_commit,
	.put_abort = spool_put_abort,
	.get = spool_get,
	.tidy = spool_tidy,
	.remove = spool_remove,
	.flush = spool_flush,
	.waits = spool_waits,
	.recall = spool_recall,
};
