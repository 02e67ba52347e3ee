/*
 * carrier_rsync: a directory on another machine, laid out as that of `dir:`, and
 * the real rsync as the way to it (carrier_spool.h).
 *
 * Fetching is one call, bringing and removing one more, if there is anything: a
 * visit is two calls, and one that finds nothing is one. The peer sees a bundle
 * when it is whole, for rsync renames each file when it has all of it, and the
 * manifest comes last (docs/format.md, Medium). A line that drops leaves part of
 * a file, and rsync goes on with it.
 *
 * Nothing but names of bundles of this link is written, read or removed there,
 * by the rules that rsync gets.
 */
#include "carrier_rsync.h"
#include "carrier_spool.h"
#include "child.h"
#include "err.h"
#include "medium.h"
#include "medium_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SILENCE_S "120" /* of the other side: then the line is dead */
#define FILE_MAX (UINT64_C(5) << 30) /* lading splits bundles at 4 GiB */
#define FILE_LEAST 4096u	     /* a manifest, say, is always fetched */

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

/* With the target as the only place that it touches elsewhere. file_max: 0:
   any. */
static int run_rsync(struct os *os, const char *dir, uint64_t rate,
	uint64_t file_max, const struct buf *rules, const char *from,
	const char *to, const char *target, const struct child_guard *guard,
	struct err *err)
{
	AUTO_FREE char *rules_path = mem_printf("%s/rules", dir);
	AUTO_FREE char *rules_option =
		mem_printf("--include-from=%s", rules_path);
	/* Of whole KiB; 0: no limit. */
	AUTO_FREE char *limit = mem_printf("--bwlimit=%llu",
		(unsigned long long)(rate && rate < 1024 ? 1 : rate / 1024));
	if (!file_max || file_max > FILE_MAX)
		file_max = FILE_MAX;
	AUTO_FREE char *most = mem_printf("--max-size=%llu",
		(unsigned long long)(file_max < FILE_LEAST ? FILE_LEAST
							   : file_max));
	const char *argv[] = {"rsync", "--recursive", "--size-only", limit,
		"--compress", "--delete", "--timeout=" SILENCE_S, most,
		"--partial-dir=.rsync-partial", "--info=progress2",
		rules_option, "--", from, to, NULL};
	/* That it ends is plain; why, something said before. */
	static const char *const dull[] = {
		"rsync error:", "rsync: connection unexpectedly closed",
		"rsync: did not see server greeting", NULL};
	AUTO_FREE char *said = NULL;
	int rc = file_replace(
		os, rules_path, rules->data, rules->len, 0600, err);

	if (rc == 0)
		rc = child_run(argv, dull, guard, &said, err);
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

static char *target_of(const char *address)
{
	size_t len = strlen(address);

	return mem_printf("%s%s", address, address[len - 1] == '/' ? "" : "/");
}

/*
 * There was no room: what is not whole lies there still, and has to go here. As
 * long as a bundle has no manifest, which comes behind it, it is not whole.
 */
static void drop_parts(struct spool *c)
{
	AUTO_FREE char *dir = mem_printf(
		"%s/" MEDIUM_BUNDLES "/%016" PRIx64, c->there_dir, c->self);
	AUTO_FREE char *partial = mem_printf("%s/.rsync-partial", dir);
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;

	dir_remove(c->os, partial, NULL);
	if (c->os->ops->list(c->os, dir, &names) < 0)
		return;
	while (os_list_next(&names, &at, &entry)) {
		const char *end = strrchr(entry.name, '.');
		int len = end ? (int)(end - entry.name) : 0;
		AUTO_FREE char *whole =
			mem_printf("%s/%.*s.whole", dir, len, entry.name);
		AUTO_FREE char *path = mem_printf("%s/%s", dir, entry.name);
		struct os_stat st;

		if (c->os->ops->lstat(c->os, whole, &st) < 0)
			c->os->ops->unlink(c->os, path);
	}
}

static int fetch(struct spool *c, struct err *err)
{
	AUTO_FREE char *target = target_of(c->address);
	AUTO_BUF struct buf rules = BUF_INIT;
	AUTO_BUF struct buf gone = BUF_INIT;
	AUTO_FREE char *to = mem_printf("%s/", c->there_dir);
	struct os_entry entry;
	struct id128 medium;
	size_t at = 0;
	int rc = spool_gone(c, &gone, err);

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
	rc = run_rsync(c->os, c->dir, c->rate, c->fetch_max, &rules, target, to,
		target, c->guard, err);
	if (rc == ERR_OPERATOR)
		drop_parts(c);
	if (rc == 0 && medium_identify(c->os, c->there_dir, &medium, NULL,
			       NULL) == ERR_ABSENT)
		rc = err_set(err, ERR_ABSENT,
			"%s: no " MEDIUM_MARKER " there: not mounted, or not "
			"prepared (packetboat media init rsync:%s)",
			target, c->address);
	return rc;
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

int carrier_rsync_init(
	struct os *os, const char *where, const char *target, struct err *err)
{
	if (check_target(target, err) < 0)
		return ERR_USAGE;
	AUTO_FREE char *here = mem_printf("%s/there", where);
	AUTO_FREE char *from = mem_printf("%s/", here);
	AUTO_FREE char *to = target_of(target);
	AUTO_BUF struct buf text = BUF_INIT;
	struct id128 id;
	int rc = dir_make(os, here, 0700, err);

	buf_add_str(&text, "+ /" MEDIUM_MARKER "\n- *\n");
	if (rc == 0)
		rc = run_rsync(
			os, where, 0, 0, &text, to, from, target, NULL, err);
	if (rc < 0)
		return rc;
	if (medium_identify(os, here, &id, NULL, NULL) == 0)
		return 1;
	rc = carrier_media_init(os, here, err);
	return rc < 0 ? rc
		      : run_rsync(os, where, 0, 0, &text, from, to, target,
				NULL, err);
}

/*
 * One call brings what waits and removes what is gone: rsync removes, of what it
 * may touch, that which is not in out/.
 */
static int bring(struct spool *c, const struct carrier_list *waiting,
	struct buf *gone, size_t *ret_there, struct err *err)
{
	AUTO_BUF struct buf rules = BUF_INIT;
	AUTO_FREE char *target = target_of(c->address);
	AUTO_FREE char *from = mem_printf("%s/", c->out_dir);
	AUTO_FREE char *all = NULL;
	AUTO_FREE char *ours = NULL;
	AUTO_FREE char *its = NULL;
	char self[17], peer[17], name[34];
	struct os_entry entry;
	size_t at = 0;

	snprintf(self, sizeof(self), "%016" PRIx64, c->self);
	snprintf(peer, sizeof(peer), "%016" PRIx64, c->peer);
	/* Empty ones here, or it would remove nothing in them there. */
	int rc = medium_enter(
		c->os, c->out_dir, MEDIUM_BUNDLES, true, &all, err);
	if (rc > 0)
		rc = medium_enter(c->os, all, self, true, &ours, err);
	if (rc > 0)
		rc = medium_enter(c->os, all, peer, true, &its, err);
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
		rule_pair(&rules,
			strncmp(entry.name, self, 16) == 0 ? c->peer : c->self,
			entry.name, '+');
	buf_add_str(&rules, "- *\n");
	rc = run_rsync(c->os, c->dir, c->rate, 0, &rules, from, target, target,
		NULL, err);
	if (rc == 0)
		*ret_there = waiting->count;
	return rc;
}

static int rsync_open(const struct carrier_place *place, const char *address,
	struct carrier **ret, struct err *err)
{
	static const struct spool_way way = {fetch, bring};
	int rc = check_target(address, err);

	return rc < 0 ? rc : spool_open(&way, place, address, ret, err);
}

const struct carrier_ops carrier_rsync_ops = {
	.scheme = "rsync", .open = rsync_open, .remote = true};
