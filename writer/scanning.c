#include "scanning.h"

#include <stdlib.h>
#include <string.h>

#include "bodyscan.h"
#include "comparing.h"
#include "gaps.h"
#include "gaptext.h"
#include "scanned.h"
#include "stated.h"

#define LOCK_WAIT_MS 30000

/* A folder that is to be scanned. */
struct item {
	size_t account; /* in the site's accounts */
	int64_t folder; /* row */
	char *path;
	bool under_way;
	int64_t done_ms;
};

struct scanning {
	struct writer *w;
	const struct scan_options *options;
	struct stop_signal *stop;
	int64_t until_ns; /* monotonic; 0: no end */
	struct item *items;
	size_t count;
	const char *passed_over; /* why a folder is; NULL: none is */
	/* The account whose folders are scanned now. */
	const struct config_account *ca;
	struct account account;
	struct store *store; /* NULL: none is open */
	bool *looked,
		*failed; /* per account: its mail was looked at; in vain */
	struct bodyscan_result result;
	size_t folders;
	int code;
};

static void fail(struct scanning *s, const struct err *err)
{
	log_err(&s->w->log, err);
	s->code = exit_worse(s->code, exit_for(err));
}

/* A run gets one message further, at least: some are so large that its time
   is over before they are read. */
static bool is_over(void *arg)
{
	struct scanning *s = arg;
	struct os *os = s->w->site.os;

	return stop_wanted(s->stop) ||
	       (s->until_ns && os->ops->mono_ns(os) >= s->until_ns &&
		       (s->folders || s->result.messages));
}

/* ---- what is to be scanned ---- */

static bool is_wanted(struct scanning *s, const struct replica_folder *f)
{
	const char *only = s->options->folder;

	if (!f->p_path || (only && strcmp(only, f->p_path) != 0))
		return false;
	if (f->off)
		s->passed_over = "its logging is off (packetboat on)";
	else if (*f->stopped)
		s->passed_over = "it is stopped (packetboat status says why)";
	return !f->off && !*f->stopped;
}

static int gather_folders(
	struct scanning *s, size_t account, struct account *a, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder *folders;
	size_t count;
	int rc = replica_folders(a->replica, &arena, &folders, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		struct scanned at;

		if (!is_wanted(s, &folders[i]))
			continue;
		rc = scanned_get(a->replica, folders[i].id, s->options->deep,
			&arena, &at, err);
		s->items = mem_grow(s->items, s->count + 1, sizeof(*s->items));
		s->items[s->count++] = (struct item){account, folders[i].id,
			mem_dup(folders[i].p_path), rc >= 0 && *at.base,
			at.done_ms};
	}
	return rc;
}

static int gather_account(struct scanning *s, size_t i, struct err *err)
{
	struct account a;
	int rc = site_account_open(
		&s->w->site, s->w->site.accounts[i].name, false, &a, err);

	if (rc == ERR_ABSENT)
		return 0; /* nothing was ever logged or placed */
	if (rc < 0)
		return rc;
	rc = gather_folders(s, i, &a, err);
	account_close(&a);
	return rc;
}

/* What is under way, then what waited longest. */
static int cmp_item(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->under_way != y->under_way)
		return x->under_way ? -1 : 1;
	if (x->done_ms != y->done_ms)
		return x->done_ms < y->done_ms ? -1 : 1;
	if (x->account != y->account)
		return x->account < y->account ? -1 : 1;
	return strcmp(x->path, y->path);
}

static int gather(struct scanning *s)
{
	const struct site *site = &s->w->site;
	const struct scan_options *o = s->options;

	for (size_t i = 0; i < site->account_count; i++) {
		struct err err = ERR_INIT;

		if (o->account &&
			strcmp(o->account, site->accounts[i].name) != 0)
			continue;
		if (gather_account(s, i, &err) < 0)
			fail(s, &err);
	}
	if (s->count)
		qsort(s->items, s->count, sizeof(*s->items), cmp_item);
	if (s->count || !o->folder || s->code != EXIT_DONE)
		return 0;
	struct err err = ERR_INIT;
	if (s->passed_over)
		err_set(&err, ERR_USAGE,
			"account %s: folder %s cannot be scanned: %s",
			o->account, o->folder, s->passed_over);
	else
		err_set(&err, ERR_USAGE,
			"account %s: there is no folder \"%s\" to be scanned "
			"(names are as packetboat status and the log print "
			"them, parts separated by /)",
			o->account, o->folder);
	fail(s, &err);
	return ERR_USAGE;
}

/* ---- one account ---- */

static void leave_account(struct scanning *s)
{
	if (!s->store)
		return;
	s->store->ops->close(s->store);
	s->store = NULL;
	account_close(&s->account);
}

/* Look at its mail, so that what users did is known before it is judged. */
static int look_first(struct scanning *s, const struct item *item)
{
	struct look l = {.err = ERR_INIT};
	int rc;

	look_again(s->w, s->ca, s->store, LOCK_WAIT_MS,
		s->options->folder ? item->folder : CAPTURE_ALL, &l);
	s->code = exit_worse(s->code, look_complain(s->w, &l));
	/* A folder that waits for a person keeps no other unscanned. */
	rc = l.rc == ERR_OPERATOR && l.result.stopped ? 0 : l.rc;
	look_free(&l);
	return rc;
}

static int enter_account(struct scanning *s, const struct item *item)
{
	struct err err = ERR_INIT;
	const struct config_account *ca = &s->w->site.accounts[item->account];

	if (s->failed[item->account])
		return -1;
	if (s->store && s->ca == ca)
		return 0;
	leave_account(s);
	s->ca = ca;
	s->failed[item->account] = true;
	int rc = look_open(s->w, ca, &s->store, &err);
	if (rc >= 0 && !s->looked[item->account]) {
		s->looked[item->account] = true;
		if (look_first(s, item) < 0) {
			s->store->ops->close(s->store);
			s->store = NULL;
			return -1; /* said by the look */
		}
	}
	if (rc >= 0 && (rc = site_account_open(&s->w->site, ca->name, false,
				&s->account, &err)) < 0) {
		s->store->ops->close(s->store);
		s->store = NULL;
	}
	if (rc < 0)
		fail(s, &err);
	s->failed[item->account] = rc < 0;
	return rc;
}

/* ---- one folder ---- */

static void say_found(void *arg, const char *path,
	const struct replica_message *m, enum damage damage)
{
	struct scanning *s = arg;

	log_say(&s->w->log, damage ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
		"account %s: folder %s: UID %u (%s) %s", s->ca->name, path,
		m->p_uid, m->p_base, damage_text(damage));
}

static void show_progress(
	void *arg, const char *path, uint64_t done, uint64_t total)
{
	struct scanning *s = arg;

	(void)path;
	s->w->progress.total = total;
	progress_step(&s->w->progress, done);
}

/*
 * A folder that is known to differ, or that somebody asks about by name, is
 * compared at once. A peer that answers nothing is told all that there is.
 */
static int begin_comparison(struct scanning *s, size_t peer,
	const struct id128 *folder, struct err *err)
{
	const struct site *site = &s->w->site;
	struct replica *r = s->account.replica;
	uint64_t origin = site->peers[peer].origin;
	int told = gap_is_told(r, origin, folder, err);
	int doubt = told < 0 ? told : gap_in_doubt(r, folder, err);

	if (doubt < 0 || (!told && !doubt && !s->options->folder))
		return doubt < 0 ? doubt : 0;
	if (site->config.peers[peer].oneway)
		return comparing_push(r, origin, folder, err);
	return comparing_begin_now(r, origin, folder, COMPARING_EXACT, err);
}

/* The state, too: what peers stated, and our word to them. */
static int compare_with_peers(
	struct scanning *s, const struct item *item, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const struct site *site = &s->w->site;
	struct replica *r = s->account.replica;
	struct stated_result compared;
	struct replica_folder f;
	int64_t now_ms = site->os->ops->wall_ns(site->os) / 1000000;
	size_t count;
	AUTO_FREE uint64_t *receivers =
		site_receivers(site, s->account.name, &count);
	int rc = replica_begin(r, err);

	if (rc >= 0)
		rc = replica_folder_by_row(r, item->folder, &arena, &f, err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = stated_owe(r, receivers[i], &f.fid, STATED_ALONE, err);
	if (rc >= 0)
		rc = stated_compare(r, now_ms, &compared, err);
	for (size_t i = 0; rc >= 0 && i < site->config.peer_count; i++)
		if (site_granted(site, i, s->account.name))
			rc = begin_comparison(s, i, &f.fid, err);
	if (rc >= 0)
		rc = replica_commit(r, err);
	replica_rollback(r);
	return rc < 0 ? rc : 0;
}

/* Returns 1 if there is no more time. */
static int scan_item(struct scanning *s, const struct item *item)
{
	struct bodyscan_config config = {
		.deep = s->options->deep,
		.rate = s->options->rate,
		.stop = is_over,
		.progress = show_progress,
		.found = say_found,
		.arg = s,
	};
	struct err err = ERR_INIT;

	if (enter_account(s, item) < 0)
		return 0;
	AUTO_FREE char *what =
		mem_printf("scan %s/%s", s->ca->name, item->path);
	progress_begin(&s->w->progress, &s->w->log, what, 0);
	int rc = bodyscan_folder(
		&s->account, s->store, item->folder, &config, &s->result, &err);
	progress_end(&s->w->progress);
	if (rc == 1)
		return 1;
	if (rc >= 0)
		rc = compare_with_peers(s, item, &err);
	if (rc < 0) {
		err_wrap(
			&err, "account %s: folder %s", s->ca->name, item->path);
		fail(s, &err);
	}
	s->folders += rc >= 0;
	return 0;
}

/* ---- the end ---- */

static void say_gaps(struct scanning *s, size_t account)
{
	AUTO_ARENA struct arena arena = {0};
	struct site *site = &s->w->site;
	struct err err = ERR_INIT;
	struct account a;
	struct gap *gaps;
	size_t count = 0;
	int rc = site_account_open(
		site, site->accounts[account].name, false, &a, &err);

	if (rc < 0)
		return; /* said when it was to be scanned */
	rc = gaptext_list(site, &a, &arena, &gaps, &count, &err);
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		AUTO_BUF struct buf line = BUF_INIT;

		gaptext_print(site, a.name, &gaps[i], &line);
		log_say(&s->w->log, LOG_LEVEL_WARNING, "%s", buf_str(&line));
		s->code = exit_worse(s->code, EXIT_OPERATOR);
	}
	if (rc < 0)
		fail(s, &err);
	account_close(&a);
}

static void say_result(struct scanning *s, size_t left)
{
	const struct bodyscan_result *r = &s->result;
	AUTO_BUF struct buf done = BUF_INIT;

	for (size_t i = 0; i < s->w->site.account_count; i++)
		if (s->looked[i])
			say_gaps(s, i);
	buf_printf(&done, "%zu folder%s scanned: %llu message%s looked at",
		s->folders, s->folders == 1 ? "" : "s",
		(unsigned long long)r->messages, r->messages == 1 ? "" : "s");
	log_say(&s->w->log, LOG_LEVEL_INFO,
		"%s, %llu bytes read; %llu found damaged, %llu whole again",
		buf_str(&done), (unsigned long long)r->bytes,
		(unsigned long long)r->damaged, (unsigned long long)r->whole);
	if (left)
		log_say(&s->w->log, LOG_LEVEL_INFO,
			"stopped with %zu folder%s to go: the next scan goes "
			"on there",
			left, left == 1 ? "" : "s");
}

int scan_run(struct writer *w, const struct scan_options *options,
	struct stop_signal *stop)
{
	size_t accounts = w->site.account_count + 1;
	AUTO_FREE bool *looked = mem_array(accounts, sizeof(*looked));
	AUTO_FREE bool *failed = mem_array(accounts, sizeof(*failed));
	struct scanning s = {
		.w = w,
		.options = options,
		.stop = stop,
		.looked = looked,
		.failed = failed,
	};
	size_t i = 0;

	if (options->for_ms)
		s.until_ns = w->site.os->ops->mono_ns(w->site.os) +
			     options->for_ms * 1000000;
	if (gather(&s) == 0) {
		while (i < s.count && !is_over(&s) &&
			scan_item(&s, &s.items[i]) == 0)
			i++;
		leave_account(&s);
		say_result(&s, s.count - i);
	}
	for (size_t k = 0; k < s.count; k++)
		free(s.items[k].path);
	free(s.items);
	return s.code;
}
