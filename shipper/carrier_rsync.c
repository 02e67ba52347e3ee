/*
 * carrier_rsync: two directories here and one there, and the real rsync between
 * them.
 *
 *   <spool>/there/   what lies there, as far as it concerns this link: bundles
 *                    and manifests for us, manifests of ours for the peer
 *   <spool>/out/     bundles for the peer that are not there yet
 *   <spool>/gone/    names of bundles that were collected and still lie there
 *
 * Both directories are media of their own, served by carrier_dir. Opening the
 * carrier fetches (one call of rsync), flush brings away what was put and
 * removes what was collected (one more, if there is anything): a visit is two
 * calls, and a call that finds nothing is one.
 *
 * Put is durable here when it returns, and is brought there by this flush or
 * any later one; the peer sees a bundle when it is whole, for rsync renames each
 * file when it has all of it, and the manifest comes last (docs/format.md,
 * Medium). A line that drops leaves part of a file, and rsync goes on with it.
 * What is removed is named in gone/ before it is taken out of there/: a cut
 * between the two fetches it no second time.
 *
 * Nothing but names of bundles of this link is written, read or removed there,
 * by the rules that rsync gets.
 */
#include "carrier_rsync.h"
#include "carrier_dir.h"
#include "child.h"
#include "err.h"
#include "medium.h"
#include "medium_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_S "120" /* of the other side: then the line is dead */
#define FILE_MAX "5G"	/* lading splits bundles at 4 GiB */

struct carrier_rsync {
	struct carrier carrier;
	struct os *os;
	char *target; /* with a slash at its end */
	char *there_dir, *out_dir, *gone_dir, *rules;
	struct carrier *there, *out;
	uint64_t self, peer;
};

static struct carrier_rsync *of(struct carrier *c)
{
	return (struct carrier_rsync *)c;
}

/* ---- rsync ---- */

/* What its exit codes mean (rsync(1), EXIT VALUES; 255 is ssh's). */
static int fail(int code, const char *target, const char *said, struct err *err)
{
	static const int dropped[] = {5, 10, 12, 20, 23, 30, 35, 255};
	int what = ERR_IO;

	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
		if (code == dropped[i])
			what = ERR_ABSENT;
	return err_set(err, what, "%s: rsync ended with %d: %s", target, code,
		said[0] ? said : "it did not say why");
}

static int run_rsync(struct os *os, const char *rules_path,
	const struct buf *rules, const char *from, const char *to,
	const char *target, struct err *err)
{
	AUTO_FREE char *rules_option =
		mem_printf("--include-from=%s", rules_path);
	const char *argv[] = {"rsync", "--recursive", "--size-only",
		"--compress", "--delete", "--timeout=" SILENCE_S,
		"--max-size=" FILE_MAX, "--partial-dir=.rsync-partial",
		"--info=progress2", rules_option, "--", from, to, NULL};
	/* That it ends is plain; why, something said before. */
	static const char *const dull[] = {
		"rsync error:", "rsync: connection unexpectedly closed",
		"rsync: did not see server greeting", NULL};
	AUTO_FREE char *said = NULL;
	int rc = file_replace(
		os, rules_path, rules->data, rules->len, 0600, err);

	if (rc == 0)
		rc = child_run(argv, dull, &said, err);
	/* 24: the peer collected something while it looked. */
	return rc <= 0 || rc == 24 ? (rc < 0 ? rc : 0)
				   : fail(rc, target, said, err);
}

static void rule_pair(
	struct buf *rules, uint64_t recipient, const char *name, char sign)
{
	static const char *const endings[] = {".pb", ".whole"};

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		buf_printf(rules,
			"%c /" MEDIUM_BUNDLES "/%016" PRIx64 "/%s%s\n", sign,
			recipient, name, endings[i]);
}

static void rule_directory(struct buf *rules, uint64_t recipient)
{
	buf_printf(rules, "+ /" MEDIUM_BUNDLES "/%016" PRIx64 "/\n", recipient);
}

/* ---- fetch ---- */

static int list_gone(struct carrier_rsync *c, struct buf *ret, struct err *err)
{
	int r = c->os->ops->list(c->os, c->gone_dir, ret);

	return r < 0 ? err_set_os(err, -r, "list %s", c->gone_dir) : 0;
}

static int fetch(struct carrier_rsync *c, struct err *err)
{
	AUTO_BUF struct buf rules = BUF_INIT;
	AUTO_BUF struct buf gone = BUF_INIT;
	AUTO_FREE char *to = mem_printf("%s/", c->there_dir);
	struct os_entry entry;
	size_t at = 0;
	int rc = list_gone(c, &gone, err);

	if (rc < 0)
		return rc;
	while (os_list_next(&gone, &at, &entry))
		rule_pair(&rules, c->self, entry.name, '-');
	buf_add_str(&rules, "+ /" MEDIUM_MARKER "\n+ /" MEDIUM_BUNDLES "/\n");
	rule_directory(&rules, c->self);
	buf_printf(&rules,
		"+ /" MEDIUM_BUNDLES "/%016" PRIx64 "/%016" PRIx64 "-*.pb\n",
		c->self, c->peer);
	rule_directory(&rules, c->peer);
	buf_printf(&rules,
		"+ /" MEDIUM_BUNDLES "/%016" PRIx64 "/%016" PRIx64
		"-*.whole\n+ /" MEDIUM_BUNDLES "/%016" PRIx64 "/%016" PRIx64
		"-*.whole\n- *\n",
		c->self, c->peer, c->peer, c->self);
	return run_rsync(
		c->os, c->rules, &rules, c->target, to, c->target, err);
}

/* ---- open ---- */

static void rsync_close(struct carrier *carrier)
{
	struct carrier_rsync *c = of(carrier);

	if (c->there)
		c->there->ops->close(c->there);
	if (c->out)
		c->out->ops->close(c->out);
	free(c->target);
	free(c->there_dir);
	free(c->out_dir);
	free(c->gone_dir);
	free(c->rules);
	free(c);
}

static int check_target(const char *target, struct err *err)
{
	if (!target[0] || target[0] == '-')
		return err_set(err, ERR_USAGE,
			"via \"rsync:%s\": no target (for example "
			"rsync:shore.example.org:/srv/exchange)",
			target);
	return 0;
}

static int make_directories(struct carrier_rsync *c, struct err *err)
{
	const char *const all[] = {c->there_dir, c->out_dir, c->gone_dir};
	int rc = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && rc == 0; i++)
		rc = dir_make(c->os, all[i], 0700, err);
	return rc;
}

/* there/ and out/ as media; absent while the target's marker is not here. */
static int open_media(struct carrier_rsync *c,
	const struct carrier_place *place, struct err *err)
{
	struct err why = ERR_INIT;
	int rc = carrier_dir_ops.open(place, c->there_dir, &c->there, &why);

	if (rc == ERR_ABSENT)
		return err_set(err, ERR_ABSENT,
			place->fetch ? "%s: no " MEDIUM_MARKER " there: not "
				       "mounted, or not prepared (packetboat "
				       "media init rsync:%s)"
				     : "%s: not reached yet",
			c->target, c->target);
	if (rc >= 0)
		rc = carrier_media_init(c->os, c->out_dir, &why);
	if (rc >= 0)
		rc = carrier_dir_ops.open(place, c->out_dir, &c->out, &why);
	if (rc < 0)
		*err = why;
	return rc < 0 ? rc : 0;
}

static int rsync_open(const struct carrier_place *place, const char *address,
	struct carrier **ret, struct err *err)
{
	struct carrier_rsync *c;
	size_t len = strlen(address);
	int rc = check_target(address, err);

	if (rc < 0)
		return rc;
	c = mem_alloc(sizeof(*c));
	*c = (struct carrier_rsync){.carrier = {&carrier_rsync_ops},
		.os = place->os,
		.target = mem_printf(
			"%s%s", address, address[len - 1] == '/' ? "" : "/"),
		.there_dir = mem_printf("%s/there", place->spool),
		.out_dir = mem_printf("%s/out", place->spool),
		.gone_dir = mem_printf("%s/gone", place->spool),
		.rules = mem_printf("%s/rules", place->spool),
		.self = place->self,
		.peer = place->peer};
	if (place->fetch) {
		rc = make_directories(c, err);
		if (rc == 0)
			rc = fetch(c, err);
	}
	if (rc == 0)
		rc = open_media(c, place, err);
	if (rc < 0) {
		rsync_close(&c->carrier);
		return rc;
	}
	*ret = &c->carrier;
	return 0;
}

int carrier_rsync_init(
	struct os *os, const char *where, const char *target, struct err *err)
{
	AUTO_FREE char *here = mem_printf("%s/there", where);
	AUTO_FREE char *from = mem_printf("%s/", here);
	AUTO_FREE char *to = mem_printf(
		"%s%s", target, target[strlen(target) - 1] == '/' ? "" : "/");
	AUTO_FREE char *rules = mem_printf("%s/rules", where);
	AUTO_BUF struct buf text = BUF_INIT;
	struct id128 id;
	int rc = check_target(target, err);

	if (rc == 0)
		rc = dir_make(os, here, 0700, err);
	buf_add_str(&text, "+ /" MEDIUM_MARKER "\n- *\n");
	if (rc == 0)
		rc = run_rsync(os, rules, &text, to, from, target, err);
	if (rc < 0)
		return rc;
	if (medium_identify(os, here, &id, NULL, NULL) == 0)
		return 1;
	rc = carrier_media_init(os, here, err);
	return rc < 0 ? rc : run_rsync(os, rules, &text, from, to, target, err);
}

static struct id128 rsync_medium(struct carrier *c)
{
	return of(c)->there->ops->medium(of(c)->there);
}

static bool rsync_read_only(struct carrier *c)
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
static int add_lying(
	struct carrier_rsync *c, struct carrier_list *ret, struct err *err)
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

static int rsync_list(struct carrier *carrier, uint64_t recipient,
	struct carrier_list *ret, struct err *err)
{
	struct carrier_rsync *c = of(carrier);
	struct carrier_list waiting;

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

static int rsync_get(struct carrier *carrier, const struct carrier_item *item,
	int *ret_fd, struct err *err)
{
	struct carrier *there = of(carrier)->there;

	return there->ops->get(there, item, ret_fd, err);
}

/* ---- put: into out/ ---- */

static int rsync_room(struct carrier *carrier, uint64_t *ret, struct err *err)
{
	return carrier_dir_ops.room(of(carrier)->out, ret, err);
}

static uint64_t rsync_bundle_max(struct carrier *carrier)
{
	return carrier_dir_ops.bundle_max(of(carrier)->out);
}

static int rsync_put_begin(struct carrier *carrier, uint64_t recipient,
	uint64_t sequence, uint64_t expect, int *ret_fd, struct err *err)
{
	return carrier_dir_ops.put_begin(
		of(carrier)->out, recipient, sequence, expect, ret_fd, err);
}

static int rsync_put_commit(struct carrier *carrier, uint64_t size,
	const struct hash *hash, struct err *err)
{
	return carrier_dir_ops.put_commit(of(carrier)->out, size, hash, err);
}

static void rsync_put_abort(struct carrier *carrier)
{
	carrier_dir_ops.put_abort(of(carrier)->out);
}

static int rsync_tidy(
	struct carrier *carrier, uint64_t recipient, struct err *err)
{
	return carrier_dir_ops.tidy(of(carrier)->out, recipient, err);
}

/* ---- remove ---- */

static int rsync_remove(struct carrier *carrier,
	const struct carrier_item *item, struct err *err)
{
	struct carrier_rsync *c = of(carrier);
	bool ours = item->recipient == c->peer;
	struct carrier *from = ours ? c->out : c->there;
	AUTO_FREE char *path = mem_printf("%s/%016" PRIx64 "-%016" PRIx64,
		c->gone_dir, item->sender, item->sequence);
	int rc = ours ? 0 : file_replace(c->os, path, "", 0, 0600, err);

	return rc < 0 ? rc : from->ops->remove(from, item, err);
}

/* ---- flush ---- */

/*
 * A bundle that is there now: its manifest says so here. The other half is a
 * leftover for the next tidy.
 */
static int note_lying(struct carrier_rsync *c, const struct carrier_item *item,
	struct err *err)
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

static int forget_gone(
	struct carrier_rsync *c, struct buf *gone, struct err *err)
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

/*
 * One call brings what waits and removes what is gone: rsync removes, of what it
 * may touch, that which is not in out/.
 */
static int bring(struct carrier_rsync *c, const struct carrier_list *waiting,
	struct buf *gone, struct err *err)
{
	AUTO_BUF struct buf rules = BUF_INIT;
	AUTO_FREE char *from = mem_printf("%s/", c->out_dir);
	AUTO_FREE char *all = NULL;
	AUTO_FREE char *ours = NULL;
	char self[17], name[34];
	struct os_entry entry;
	size_t at = 0;

	snprintf(self, sizeof(self), "%016" PRIx64, c->self);
	/* An empty one here, or it would remove nothing in it there. */
	int rc = medium_enter(
		c->os, c->out_dir, MEDIUM_BUNDLES, true, &all, err);
	if (rc > 0)
		rc = medium_enter(c->os, all, self, true, &ours, err);
	if (rc < 0)
		return rc;
	buf_add_str(&rules, "+ /" MEDIUM_BUNDLES "/\n");
	rule_directory(&rules, c->self);
	rule_directory(&rules, c->peer);
	for (size_t i = 0; i < waiting->count; i++) {
		snprintf(name, sizeof(name), "%016" PRIx64 "-%016" PRIx64,
			waiting->items[i].sender, waiting->items[i].sequence);
		rule_pair(&rules, c->peer, name, '+');
	}
	while (os_list_next(gone, &at, &entry))
		rule_pair(&rules, c->self, entry.name, '+');
	buf_add_str(&rules, "- *\n");
	rc = run_rsync(
		c->os, c->rules, &rules, from, c->target, c->target, err);
	for (size_t i = 0; i < waiting->count && rc == 0; i++)
		rc = note_lying(c, &waiting->items[i], err);
	return rc < 0 ? rc : forget_gone(c, gone, err);
}

static int rsync_flush(struct carrier *carrier, struct err *err)
{
	struct carrier_rsync *c = of(carrier);
	AUTO_BUF struct buf gone = BUF_INIT;
	struct carrier_list waiting;
	int rc = list_gone(c, &gone, err);

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

const struct carrier_ops carrier_rsync_ops = {
	.scheme = "rsync",
	.open = rsync_open,
	.close = rsync_close,
	.medium = rsync_medium,
	.read_only = rsync_read_only,
	.list = rsync_list,
	.room = rsync_room,
	.bundle_max = rsync_bundle_max,
	.put_begin = rsync_put_begin,
	.put_commit = rsync_put_commit,
	.put_abort = rsync_put_abort,
	.get = rsync_get,
	.tidy = rsync_tidy,
	.remove = rsync_remove,
	.flush = rsync_flush,
};
