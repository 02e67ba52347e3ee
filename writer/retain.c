#include "retain.h"

#include <errno.h>
#include <stdlib.h>

#include "logspace.h"
#include "retention.h"

#define EVERY_MS 3600000
#define MANY_CHANGES 1000 /* some 100 KB of logs */
#define FULL_SIZE (1u << 20)
#define TIDIED_MS "logs tidied ms"

static int64_t now_ms(const struct writer *w)
{
	return w->site.os->ops->wall_ns(w->site.os) / 1000000;
}

/* ---- by age and acknowledgement ---- */

/* Returns 1 if it is time to, and records that it was. */
static int is_due(struct writer *w, struct account *acc, struct err *err)
{
	int64_t keep = w->site.config.log_keep_ms, now = now_ms(w), last = 0;
	int64_t every = keep >= 0 && keep < EVERY_MS ? keep : EVERY_MS;
	int rc = replica_meta_get(acc->replica, TIDIED_MS, &last, err);

	if (rc < 0 || (last <= now && now - last < every))
		return rc;
	rc = replica_begin(acc->replica, err);
	if (rc >= 0)
		rc = replica_meta_set(acc->replica, TIDIED_MS, now, err);
	if (rc >= 0)
		rc = replica_commit(acc->replica, err);
	replica_rollback(acc->replica);
	return rc < 0 ? rc : 1;
}

static void add(struct retention_result *sum, const struct retention_result *r)
{
	sum->files += r->files;
	sum->bytes += r->bytes;
	sum->lacked += r->lacked;
	sum->more = r->more;
}

/* Passes until nothing more may go. The lock is given back in between, for a
   look that waits. */
static int pass_all(struct account *acc, const struct retention_rules *rules,
	struct retention_result *sum, struct err *err)
{
	struct retention_result r;
	int rc;

	do {
		rc = retention_pass(acc, rules, &r, err);
		add(sum, &r);
		if (rc >= 0 && r.more) {
			account_unlock(acc);
			rc = account_lock(acc, 0, err);
		}
	} while (rc >= 0 && r.more);
	return rc;
}

void retain_account(struct writer *w, struct account *acc)
{
	struct retention_rules rules = {0};
	struct retention_result sum = {0};
	struct err err = ERR_INIT;
	int64_t keep = w->site.config.log_keep_ms;
	int rc = is_due(w, acc, &err);

	if (rc > 0) {
		AUTO_FREE uint64_t *peers =
			site_receivers(&w->site, acc->name, &rules.peer_count);

		rules.peers = peers;
		if (keep >= 0 && keep < now_ms(w))
			rules.before_ms = now_ms(w) - keep;
		rc = pass_all(acc, &rules, &sum, &err);
		w->measure = true;
	}
	if (sum.files)
		log_say(&w->log, LOG_LEVEL_INFO,
			"account %s: %llu old segments removed (%llu bytes)",
			acc->name, (unsigned long long)sum.files,
			(unsigned long long)sum.bytes);
	if (rc < 0 && rc != ERR_BUSY)
		log_err(&w->log, &err);
}

/* ---- by room ---- */

void retain_logged(struct writer *w, uint64_t changes)
{
	w->logged += changes;
	if (w->logged >= MANY_CHANGES)
		w->measure = true;
}

bool retain_is_full(const struct err *err)
{
	return err->os_errno == ENOSPC || err->os_errno == EDQUOT;
}

/* Calls fn for each account that has a state, configured or not. */
static void each_account(struct writer *w,
	void (*fn)(struct writer *w, struct account *acc, void *arg), void *arg)
{
	AUTO_FREE char *dir = mem_printf("%s/accounts", w->site.config.state);
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;

	if (w->site.os->ops->list(w->site.os, dir, &list) < 0)
		return;
	while (os_list_next(&list, &at, &entry)) {
		struct err err = ERR_INIT;
		struct account acc;

		if (entry.name[0] == '.')
			continue;
		/* One that cannot be opened was told by its look. */
		if (site_account_open(&w->site, entry.name, false, &acc, &err) <
			0)
			continue;
		fn(w, &acc, arg);
		account_close(&acc);
	}
}

struct files {
	struct retention_file *list;
	size_t count;
};

static void gather(struct writer *w, struct account *acc, void *arg)
{
	struct files *f = arg;
	struct err err = ERR_INIT;

	if (retention_files(acc, &f->list, &f->count, &err) < 0)
		log_err(&w->log, &err);
}

static int older(const void *a, const void *b)
{
	const struct retention_file *x = a, *y = b;

	return (x->changed_ms > y->changed_ms) -
	       (x->changed_ms < y->changed_ms);
}

/* What was written to last before this has to go, so that `excess` bytes do;
   0: there is nothing. */
static int64_t cut_at(struct writer *w, uint64_t excess)
{
	struct files f = {0};
	uint64_t sum = 0;
	int64_t at = 0;

	each_account(w, gather, &f);
	if (f.count)
		qsort(f.list, f.count, sizeof(*f.list), older);
	for (size_t i = 0; i < f.count && sum < excess; i++) {
		sum += f.list[i].room;
		at = f.list[i].changed_ms + 1;
	}
	free(f.list);
	return at;
}

struct cut {
	int64_t before_ms;
	struct retention_result sum;
};

static int note_cut(struct writer *w, struct account *acc, struct err *err)
{
	int rc = replica_begin(acc->replica, err);

	if (rc >= 0)
		rc = replica_meta_set(
			acc->replica, LOGSPACE_CUT_MS, now_ms(w), err);
	if (rc >= 0)
		rc = replica_commit(acc->replica, err);
	replica_rollback(acc->replica);
	return rc;
}

static void cut_account(struct writer *w, struct account *acc, void *arg)
{
	struct cut *c = arg;
	struct retention_result sum = {0};
	struct err err = ERR_INIT;
	struct retention_rules rules = {.before_ms = c->before_ms};
	AUTO_FREE uint64_t *peers =
		site_receivers(&w->site, acc->name, &rules.peer_count);
	int rc = account_lock(acc, 0, &err);

	rules.peers = peers;
	if (rc >= 0)
		rc = pass_all(acc, &rules, &sum, &err);
	if (sum.lacked && (rc >= 0 || rc == ERR_BUSY))
		rc = note_cut(w, acc, &err);
	add(&c->sum, &sum);
	/* That the last segment of a log goes, wants room in the state. */
	if (rc < 0 && rc != ERR_BUSY && !retain_is_full(&err))
		log_err(&w->log, &err);
}

static void say_cut(struct writer *w, const struct logspace *l, bool full,
	const struct retention_result *sum)
{
	const char *why = full		     ? "the disk is full"
			  : l->used > l->cap ? "the logs had reached log_cap"
					     : "less than the reserve is free";

	log_say(&w->log, LOG_LEVEL_WARNING,
		"%s: the oldest segments were removed: %llu (%llu bytes)", why,
		(unsigned long long)sum->files, (unsigned long long)sum->bytes);
	if (sum->lacked)
		log_say(&w->log, LOG_LEVEL_WARNING,
			"%llu of them peers had not applied: they get the "
			"changes from the state",
			(unsigned long long)sum->lacked);
}

/* What is over the cap and nobody may remove: logs put aside, others' files. */
static int say_left(struct writer *w, struct err *err)
{
	struct logspace l;
	int rc = logspace_look(&w->site, &l, err);

	if (rc < 0 || l.used <= l.cap)
		return rc < 0 ? exit_for(err) : EXIT_DONE;
	log_say(&w->log, LOG_LEVEL_WARNING,
		"%s/log takes %llu bytes, log_cap is %llu, and nothing of it "
		"may be removed but by you: are logs there that were put "
		"aside (*.damaged-*)?",
		w->site.config.state, (unsigned long long)l.used,
		(unsigned long long)l.cap);
	return EXIT_OPERATOR;
}

static int cut(struct writer *w, const struct logspace *l, uint64_t excess,
	bool full, uint64_t *ret_removed, struct err *err)
{
	struct cut c = {.before_ms = cut_at(w, excess)};

	if (c.before_ms)
		each_account(w, cut_account, &c);
	*ret_removed = c.sum.files;
	if (c.sum.files)
		say_cut(w, l, full, &c.sum);
	return l->used > l->cap ? say_left(w, err) : EXIT_DONE;
}

/* Is it the disk that the logs are on, or the quota? Not the mail's, nor a
   table of inodes, which few files would not help. */
static bool is_full(const struct err *why, const struct logspace *l)
{
	return why->os_errno == EDQUOT || l->free < l->reserve ||
	       l->free < FULL_SIZE;
}

int retain_space(struct writer *w, const struct err *why, uint64_t *ret_removed)
{
	bool full = why && retain_is_full(why);
	struct err err = ERR_INIT;
	struct logspace l;
	uint64_t excess, removed = 0;
	int code = EXIT_DONE;

	if (!ret_removed)
		ret_removed = &removed;
	*ret_removed = 0;
	if (!w->measure && !full)
		return EXIT_DONE;
	w->measure = false;
	w->logged = 0;
	if (logspace_look(&w->site, &l, &err) >= 0) {
		excess = logspace_excess(&l);
		full = full && is_full(why, &l);
		if (full && excess < l.used / 8)
			excess = l.used / 8;
		if (excess)
			code = cut(w, &l, excess, full, ret_removed, &err);
	}
	if (err.code) {
		log_err(&w->log, &err);
		code = exit_for(&err);
	}
	return code;
}
