#include "follow.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"
#include "retain.h"

#define QUIET_MS 30
#define HURRY_MS 300
#define BUSY_MS 200
#define WAITING_MS 1000
#define TREE_AGAIN_MS 1000 /* a folder may be made step by step */
#define RACY_MS 2100
#define POLL_MS 1000
#define RETRY_MS 60000 /* stopped, failed, not there */
#define ROOM_MS 1000   /* the disk was full, and room was made */
#define FULL_MS 300000
#define ACCOUNTS_MS 60000

/* One account. Times are of the monotonic clock, in ms. */
struct followed {
	const struct config_account *ca;
	struct store *store;	   /* NULL: not open */
	struct store_watch *watch; /* NULL: not watched */
	int watch_fd;
	bool tree;	/* the set of folders may have changed */
	bool unwatched; /* some folder must be polled */
	bool seen;	/* is there, at the last look for accounts */
	int64_t first_event, last_event; /* not looked at yet; 0 none */
	int64_t due, full_due;
	int64_t tree_due; /* look at the set of folders once more; 0 not */
	unsigned vain;	 /* looks in a row that nobody asked for, for nothing */
	struct buf said; /* what was last complained of */
};

struct follower {
	struct writer *w;
	struct os *os;
	char *const *names;
	size_t name_count;
	struct arena arena; /* of the accounts' configuration */
	struct followed *accounts;
	size_t count;
	int64_t accounts_due;
	bool said_unwatched;
	struct followed *reading; /* whose events are being read */
	int64_t now;
};

static int64_t now_ms(const struct follower *f)
{
	return f->os->ops->mono_ns(f->os) / 1000000;
}

static void due_by(struct followed *a, int64_t when)
{
	if (when < a->due)
		a->due = when;
}

/* ---- accounts that come and go ---- */

static void close_account(struct followed *a)
{
	if (a->watch)
		a->store->ops->watch_close(a->watch);
	if (a->store)
		a->store->ops->close(a->store);
	a->watch = NULL;
	a->store = NULL;
}

static bool wanted(const struct follower *f, const char *name)
{
	for (size_t i = 0; i < f->name_count; i++)
		if (strcmp(f->names[i], name) == 0)
			return true;
	return !f->name_count;
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_mail(
	const struct config_account *a, const struct config_account *b)
{
	return same(a->maildir, b->maildir) && same(a->control, b->control) &&
	       same(a->inbox, b->inbox) && a->layout == b->layout &&
	       a->uid == b->uid && a->gid == b->gid;
}

static void meet(struct follower *f, const struct config_account *ca)
{
	for (size_t i = 0; i < f->count; i++) {
		struct followed *a = &f->accounts[i];

		if (strcmp(a->ca->name, ca->name) != 0)
			continue;
		if (!same_mail(a->ca, ca)) {
			close_account(a);
			a->due = f->now;
		}
		a->ca = ca;
		a->seen = true;
		return;
	}
	f->accounts = mem_grow(f->accounts, f->count + 1, sizeof(*f->accounts));
	f->accounts[f->count++] =
		(struct followed){.ca = ca, .seen = true, .due = f->now};
}

static void drop_unseen(struct follower *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->count; i++) {
		struct followed *a = &f->accounts[i];

		if (a->seen) {
			f->accounts[kept++] = *a;
			continue;
		}
		log_say(&f->w->log, LOG_LEVEL_WARNING,
			"account %s: is no longer there, no longer followed",
			a->ca->name);
		close_account(a);
		buf_free(&a->said);
	}
	f->count = kept;
}

/* Returns false if they could not be found: they stay as they were. */
static bool find_accounts(struct follower *f)
{
	struct arena arena = {0};
	struct config_account *list;
	size_t count;
	struct err err = ERR_INIT;

	f->accounts_due = f->now + ACCOUNTS_MS;
	if (config_accounts(&f->w->site.config, &arena, &list, &count, &err) <
		0) {
		log_err(&f->w->log, &err);
		arena_free(&arena);
		return false;
	}
	for (size_t i = 0; i < f->count; i++)
		f->accounts[i].seen = false;
	for (size_t i = 0; i < count; i++)
		if (wanted(f, list[i].name))
			meet(f, &list[i]);
	drop_unseen(f);
	arena_free(&f->arena); /* what was met speaks of the new one */
	f->arena = arena;
	return true;
}

/* What is wrong with a new configuration is said, and the old one stays. */
static void reload(struct follower *f)
{
	struct site old;
	struct err err = ERR_INIT;

	if (site_reload(&f->w->site, f->w->config_path, &old, &err) < 0) {
		err_wrap(&err, "not read again, all stays as it was");
		log_err(&f->w->log, &err);
		return;
	}
	if (!find_accounts(f)) {
		site_close(&f->w->site);
		f->w->site = old;
		return;
	}
	site_close(&old);
	log_say(&f->w->log, LOG_LEVEL_INFO, "%s: read again",
		f->w->site.config.path);
}

/* ---- events ---- */

static void on_dirty(void *arg, const char *path)
{
	struct follower *f = arg;
	struct followed *a = f->reading;

	if (!path)
		a->tree = true;
	if (!a->first_event)
		a->first_event = f->now;
	a->last_event = f->now;
}

/* When an account is to be looked at next. */
static int64_t due_of(const struct followed *a)
{
	int64_t quiet = a->last_event + QUIET_MS;
	int64_t hurry = a->first_event + HURRY_MS;

	if (a->first_event && hurry < quiet)
		quiet = hurry;
	return a->first_event && quiet < a->due ? quiet : a->due;
}

static void read_events(struct follower *f, struct followed *a)
{
	struct err err = ERR_INIT;

	f->reading = a;
	if (a->store->ops->watch_read(a->watch, on_dirty, f, &err) >= 0)
		return;
	log_err(&f->w->log, &err);
	a->store->ops->watch_close(a->watch);
	a->watch = NULL;
	due_by(a, f->now);
}

/* ---- looking ---- */

static void say_unwatched(struct follower *f, const struct err *err)
{
	if (f->said_unwatched)
		return;
	f->said_unwatched = true;
	log_say(&f->w->log, LOG_LEVEL_WARNING,
		"not all folders can be watched, they are looked at every "
		"second instead (%s%sraise fs.inotify.max_user_instances and "
		"max_user_watches)",
		err->text, *err->text ? "; " : "");
}

/* Watch the folders that there are, before they are looked at. */
static void watch(struct follower *f, struct followed *a)
{
	const struct store_ops *ops = a->store->ops;
	struct store_list list;
	struct err err = ERR_INIT;

	a->unwatched = true;
	if (!ops->watch_open)
		return;
	if (!a->watch &&
		ops->watch_open(a->store, &a->watch, &a->watch_fd, &err) < 0) {
		a->watch = NULL;
		say_unwatched(f, &err);
		return;
	}
	if (ops->list(a->store, &list, &err) < 0)
		return; /* the look says why */
	int missed = ops->watch_set(a->watch, &list, &err);
	store_list_free(&list);
	a->unwatched = missed != 0;
	if (missed)
		say_unwatched(f, &err);
}

/* What was said is not said again until it changes. */
static void complain(
	struct follower *f, struct followed *a, const struct look *l)
{
	AUTO_BUF struct buf now = BUF_INIT;

	if (l->rc == ERR_BUSY) {
		log_say(&f->w->log, LOG_LEVEL_DEBUG, "%s", l->err.text);
		return;
	}
	buf_add(&now, l->complaints.data, l->complaints.len);
	if (l->rc < 0)
		buf_add_str(&now, l->err.text);
	if (now.len != a->said.len ||
		(now.len && memcmp(now.data, a->said.data, now.len) != 0)) {
		if (now.len)
			look_complain(f->w, l);
		buf_clear(&a->said);
		buf_add(&a->said, now.data, now.len);
	}
}

/* Some things wait for long: a removal for the operator, a file for a server
   that does not come. They are looked after less and less often. */
static int64_t patient(const struct followed *a, int64_t ms)
{
	unsigned doublings = a->vain > 1 ? a->vain - 1 : 0;

	if (doublings > 6)
		doublings = 6;
	ms <<= doublings;
	return ms < RETRY_MS ? ms : RETRY_MS;
}

static void plan(struct follower *f, struct followed *a, const struct look *l,
	bool tree, int64_t took)
{
	int64_t now = f->now;

	a->due = a->full_due;
	if (tree)
		a->tree_due = now + TREE_AGAIN_MS;
	if (a->tree_due)
		due_by(a, a->tree_due);
	if (l->rc == ERR_BUSY)
		due_by(a, now + BUSY_MS);
	else if (l->rc < 0)
		due_by(a, now + RETRY_MS);
	if (l->result.racy)
		due_by(a, now + patient(a, RACY_MS));
	if (l->result.waiting)
		due_by(a, now + patient(a, WAITING_MS));
	/* At most a tenth of the time is spent on polling. */
	if (a->unwatched)
		due_by(a, now + (took * 10 > POLL_MS ? took * 10 : POLL_MS));
}

/* Of the logs, when it is time to, or when the disk is full. */
static void make_room(
	struct follower *f, struct followed *a, const struct look *l)
{
	uint64_t removed;

	retain_space(f->w, l->rc < 0 ? &l->err : NULL, &removed);
	if (removed && l->rc < 0)
		due_by(a, f->now + ROOM_MS);
}

static void look(struct follower *f, struct followed *a)
{
	struct look l = {.err = ERR_INIT};
	bool full = f->now >= a->full_due, tree = a->tree;
	bool again = a->tree_due && f->now >= a->tree_due;
	bool asked = full || tree || again || a->first_event;
	int64_t start = f->now;

	if (!a->store) {
		l.rc = look_open(f->w, a->ca, &a->store, &l.err);
		if (l.rc < 0)
			a->store = NULL;
		full = true;
	}
	if (a->store) {
		a->first_event = 0;
		a->tree = false;
		if (again)
			a->tree_due = 0;
		if (full || tree || again || a->unwatched)
			watch(f, a);
		look_at(f->w, a->ca, a->store, 0, &l);
	}
	f->now = now_ms(f);
	a->vain = asked || l.result.changes ? 0 : a->vain + 1;
	if (full)
		a->full_due = f->now + FULL_MS;
	/* An account whose mail will come with its first message. */
	if (l.rc == ERR_ABSENT && !a->store)
		a->due = f->now + RETRY_MS;
	else
		complain(f, a, &l);
	if (a->store)
		plan(f, a, &l, tree, f->now - start);
	else
		a->due = f->now + RETRY_MS;
	/* The root went away: a new store is to be opened, and watched. */
	if (l.rc == ERR_OPERATOR && !l.result.stopped)
		close_account(a);
	make_room(f, a, &l);
	look_free(&l);
}

/* ---- the loop ---- */

static int64_t next_due(const struct follower *f)
{
	int64_t due = f->accounts_due;

	for (size_t i = 0; i < f->count; i++)
		if (due_of(&f->accounts[i]) < due)
			due = due_of(&f->accounts[i]);
	return due;
}

static void wait_for_events(struct follower *f, struct stop_signal *stop,
	struct reload_signal *asked)
{
	AUTO_FREE struct pollfd *fds = mem_array(f->count + 2, sizeof(*fds));
	int64_t left = next_due(f) - now_ms(f);
	nfds_t n = 2;

	fds[0] = (struct pollfd){.fd = stop->fd, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = asked->fd, .events = POLLIN};
	for (size_t i = 0; i < f->count; i++)
		fds[n++] = (struct pollfd){
			.fd = f->accounts[i].watch ? f->accounts[i].watch_fd
						   : -1,
			.events = POLLIN};
	poll(fds, n, left < 0 ? 0 : (int)left);
	f->now = now_ms(f);
	for (size_t i = 0; i < f->count; i++)
		if (fds[i + 2].revents && f->accounts[i].watch)
			read_events(f, &f->accounts[i]);
}

static void look_at_due(struct follower *f, struct stop_signal *stop)
{
	for (size_t i = 0; i < f->count && !stop_wanted(stop); i++) {
		struct followed *a = &f->accounts[i];

		f->now = now_ms(f);
		if (due_of(a) <= f->now)
			look(f, a);
	}
}

static void say_ready(const struct follower *f, bool first)
{
	AUTO_FREE char *status = mem_printf("%sSTATUS=following %zu account%s",
		first ? "READY=1\n" : "", f->count, f->count == 1 ? "" : "s");

	notify_manager(status);
}

void follow(struct writer *w, char *const *names, size_t count,
	struct stop_signal *stop, struct reload_signal *asked)
{
	struct follower f = {
		.w = w, .os = w->site.os, .names = names, .name_count = count};
	bool first = true;

	f.now = now_ms(&f);
	while (!stop_wanted(stop)) {
		bool due = f.now >= f.accounts_due;
		bool again = reload_wanted(asked) ||
			     (due && site_expelled_since(&f.w->site,
					     SITE_ANY_PEER, NULL) > 0);

		if (again)
			reload(&f);
		else if (due)
			find_accounts(&f);
		if (again || due) {
			say_ready(&f, first);
			first = false;
		}
		look_at_due(&f, stop);
		if (!stop_wanted(stop))
			wait_for_events(&f, stop, asked);
	}
	notify_manager("STOPPING=1");
	for (size_t i = 0; i < f.count; i++) {
		close_account(&f.accounts[i]);
		buf_free(&f.accounts[i].said);
	}
	free(f.accounts);
	arena_free(&f.arena);
}
