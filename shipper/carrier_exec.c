/*
 * carrier_exec: any program that moves files (uucp, nncp, mail, rclone) as the
 * way to a peer (carrier_spool.h). It is called by the shell, as
 *
 *   COMMAND send FILE      take FILE over: it may be gone when this returns 0
 *   COMMAND collect DIR    put into DIR what came, each file whole, and under the
 *                          name that it was sent by, or one that ends in it
 *
 * An exit code other than 0 is a failure; 75 (EX_TEMPFAIL) says that it is only
 * not possible now.
 *
 * Nothing tells when a bundle arrives: it counts as lying there until the peer
 * answers, or for as long as the link says (`again`), by the time of its
 * manifest in there/. What came has no manifest, for the program moves single
 * files: it gets one here, of the bytes that are here. Whether they are the
 * sender's the seals of its parcels say.
 */
#include "carrier_exec.h"
#include "carrier_spool.h"
#include "child.h"
#include "err.h"
#include "medium.h"
#include "medium_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NOT_NOW 75   /* EX_TEMPFAIL */
#define NAME_LEN 36u /* <sender>-<sequence>.pb */

static int call(const struct spool *c, const char *verb, const char *path,
	const struct child_guard *guard, struct err *err)
{
	static const char *const dull[] = {NULL};
	AUTO_FREE char *line = mem_printf("%s \"$@\"", c->address);
	const char *argv[] = {"sh", "-c", line, "packetboat", verb, path, NULL};
	AUTO_FREE char *said = NULL;
	int rc = child_run(argv, dull, guard, &said, err);

	if (rc <= 0)
		return rc;
	return err_set(err, rc == NOT_NOW ? ERR_ABSENT : ERR_IO,
		"%s %s ended with %d: %s", c->address, verb, rc,
		said[0] ? said : "it did not say why");
}

/* ---- fetch ---- */

/* What was sent long ago, and never answered, counts as lost. */
static int forget_old(struct spool *c, const char *dir, struct err *err)
{
	AUTO_BUF struct buf names = BUF_INIT;
	int64_t now_ms = c->os->ops->wall_ns(c->os) / 1000000;
	struct os_entry entry;
	size_t at = 0;
	int r = c->os->ops->list(c->os, dir, &names);

	if (r < 0)
		return err_set_os(err, -r, "list %s", dir);
	while (os_list_next(&names, &at, &entry)) {
		AUTO_FREE char *path = mem_printf("%s/%s", dir, entry.name);
		struct os_stat st;

		r = c->os->ops->lstat(c->os, path, &st);
		if (r == 0 && now_ms - st.mtime_ns / 1000000 >= c->again_ms)
			r = c->os->ops->unlink(c->os, path);
		if (r < 0 && r != -ENOENT)
			return err_set_os(err, -r, "forget %s", path);
	}
	return 0;
}

/* A file that came, to where it is found. What is no bundle by its name is seen
   there as what it is. */
static int take(struct spool *c, const char *came, const char *name,
	const char *to, struct err *err)
{
	size_t len = strlen(name);
	const char *own = len > NAME_LEN ? name + len - NAME_LEN : name;
	struct carrier_item item = {.recipient = c->self};
	bool is_bundle = medium_name_read(own, &item.sender, &item.sequence) ==
			 MEDIUM_BUNDLE;
	AUTO_FREE char *from = mem_printf("%s/%s", came, name);
	AUTO_FREE char *base = mem_printf(
		"%016" PRIx64 "-%016" PRIx64, item.sender, item.sequence);
	AUTO_FREE char *path = is_bundle ? mem_printf("%s/%s.pb", to, base)
					 : mem_printf("%s/%s", to, name);
	AUTO_FREE char *manifest = mem_printf("%s.whole", base);
	char text[MEDIUM_MANIFEST_SIZE + 1];
	int rc = 0;

	if (is_bundle)
		rc = medium_hash(c->os, from, &item.size, &item.hash, err);
	if (rc == 0)
		rc = medium_publish(c->os, to, from, path, err);
	if (rc < 0 || !is_bundle)
		return rc;
	medium_manifest_write(&item, text);
	return medium_write_small(
		c->os, to, manifest, text, MEDIUM_MANIFEST_SIZE, err);
}

static int take_all(struct spool *c, const char *came, struct err *err)
{
	AUTO_FREE char *to = mem_printf(
		"%s/" MEDIUM_BUNDLES "/%016" PRIx64, c->there_dir, c->self);
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;
	int rc = dir_make(c->os, to, 0700, err);
	int r = rc == 0 ? c->os->ops->list(c->os, came, &names) : 0;

	if (r < 0)
		rc = err_set_os(err, -r, "list %s", came);
	while (rc == 0 && os_list_next(&names, &at, &entry))
		rc = take(c, came, entry.name, to, err);
	return rc;
}

static int fetch(struct spool *c, struct err *err)
{
	AUTO_FREE char *came = mem_printf("%s/came", c->dir);
	AUTO_FREE char *sent = mem_printf(
		"%s/" MEDIUM_BUNDLES "/%016" PRIx64, c->there_dir, c->peer);
	int rc = carrier_media_init(c->os, c->there_dir, err);

	if (rc >= 0)
		rc = dir_make(c->os, sent, 0700, err);
	if (rc == 0)
		rc = forget_old(c, sent, err);
	if (rc == 0)
		rc = dir_make(c->os, came, 0700, err);
	if (rc == 0)
		rc = call(c, "collect", came, c->guard, err);
	return rc < 0 ? rc : take_all(c, came, err);
}

/* ---- bring ---- */

/* What was collected is nowhere but here: no more of it than its name. */
static int bring(struct spool *c, const struct carrier_list *waiting,
	struct buf *gone, size_t *ret_there, struct err *err)
{
	int rc = 0;

	(void)gone;
	for (size_t i = 0; i < waiting->count && rc == 0; i++) {
		AUTO_FREE char *path =
			mem_printf("%s/" MEDIUM_BUNDLES "/%016" PRIx64
				   "/%016" PRIx64 "-%016" PRIx64 ".pb",
				c->out_dir, c->peer, waiting->items[i].sender,
				waiting->items[i].sequence);

		rc = call(c, "send", path, NULL, err);
		*ret_there += rc == 0;
	}
	return rc;
}

static int exec_open(const struct carrier_place *place, const char *address,
	struct carrier **ret, struct err *err)
{
	static const struct spool_way way = {fetch, bring};

	if (!address[0])
		return err_set(err, ERR_USAGE,
			"via \"exec:\": no command (for example "
			"exec:/usr/local/bin/by-uucp)");
	return spool_open(&way, place, address, ret, err);
}

const struct carrier_ops carrier_exec_ops = {
	.scheme = "exec", .open = exec_open, .remote = true};
