/*
 * status_accounts: what `packetboat status` says of an account: its counts, its
 * folders, gaps, logs, and how far its clocks are off.
 */
#include <inttypes.h>
#include <stdio.h>

#include "err.h"
#include "gap_json.h"
#include "gaptext.h"
#include "guarded.h"
#include "kept.h"
#include "refused.h"
#include "report.h"
#include "shell.h"
#include "status_lag.h"
#include "status_tree.h"
#include "status_warnings.h"

/* Of peers' doing. */
static void add_waits(struct status *s, struct json_object *folder,
	const char *name, const char *path, const struct guarded_waits *w)
{
	AUTO_ARENA struct arena arena = {0};
	AUTO_BUF struct buf text = BUF_INIT;
	const char *peer = gaptext_peer(&s->site, w->site, &arena);

	if (w->expunges)
		tree_number(folder, "guarded_from_peers", w->expunges);
	if (w->out) {
		tree_number(folder, "guarded_not_shown", w->out);
		tree_text(folder, "not_shown_by", peer);
	}
	guarded_tell(w, name, path, peer, &text);
	status_needs_operator(s, "%s", buf_str(&text));
}

static void add_folder(struct status *s, struct json_object *account,
	const char *name, const struct replica_folder *f,
	const struct guarded_waits *w)
{
	struct json_object *o;
	bool waits = w->expunges || w->out;

	if (!waits &&
		(f->dead || (!f->off && !f->stopped[0] && !f->guard_count)))
		return; /* nothing to be said of it */
	o = json_object_new_object();
	tree_text(o, "path", f->path);
	if (f->off)
		tree_true(o, "off", true);
	if (f->stopped[0]) {
		tree_text(o, "stopped", f->stopped);
		AUTO_FREE char *account_word = shell_word(name);
		AUTO_FREE char *folder_word = shell_word(f->path);

		status_needs_operator(s,
			"account %s: folder %s is stopped: %s (if it is right "
			"as it is: packetboat on %s %s)",
			name, f->path, f->stopped, account_word, folder_word);
	}
	if (f->guard_count) {
		AUTO_FREE char *account_word = shell_word(name);
		AUTO_FREE char *folder_word = shell_word(f->path);

		tree_number(o, "guarded", f->guard_count);
		status_needs_operator(s,
			"account %s: folder %s: %" PRIu64
			" expunges wait (if they are meant: packetboat guard "
			"accept %s %s)",
			name, f->path, f->guard_count, account_word,
			folder_word);
	}
	if (waits)
		add_waits(s, o, name, f->path, w);
	json_object_array_add(tree_array(account, "folders"), o);
}

static int add_folders(struct status *s, struct json_object *o,
	struct account *a, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder *folders = NULL;
	struct guarded g;
	size_t count = 0;
	int rc = replica_folders(a->replica, &arena, &folders, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		struct guarded_waits waits = {0};

		rc = guarded_get(a->replica, folders[i].id, &g, err);
		if (rc >= 0 && g.waiting && !g.accepted)
			rc = guarded_waits(a->replica, &g, &waits, err);
		if (rc >= 0)
			add_folder(s, o, a->name, &folders[i], &waits);
	}
	return rc;
}

/* It lives on at its home, and its mail comes here no more. */
static int add_deleted(struct status *s, struct json_object *account,
	struct account *a, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const char **paths = NULL;
	size_t count = 0;
	int rc = report_deleted_here(a->replica, &arena, &paths, &count, err);

	(void)s;
	for (size_t i = 0; rc >= 0 && i < count; i++)
		json_object_array_add(tree_array(account, "deleted_here"),
			json_object_new_string(paths[i]));
	return rc;
}

static int add_gaps(struct status *s, struct json_object *account,
	struct account *a, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct gap *gaps = NULL;
	size_t count = 0;
	int rc = gaptext_list(&s->site, a, &arena, &gaps, &count, err);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		AUTO_BUF struct buf line = BUF_INIT;

		json_object_array_add(tree_array(account, "gaps"),
			gap_json(&s->site, a->name, &gaps[i]));
		gaptext_print(&s->site, a->name, &gaps[i], &line);
		status_needs_operator(s, "%s", buf_str(&line));
	}
	return rc;
}

/* What peers expunged, and may not. */
static int add_kept(struct status *s, struct json_object *account,
	struct account *a, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct kept *list = NULL;
	size_t count = 0;
	int rc = kept_list(a->replica, &arena, &list, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		struct json_object *o = json_object_new_object();
		struct replica_folder f = {0};

		rc = replica_folder_by_row(
			a->replica, list[i].folder, &arena, &f, err);
		tree_text(o, "folder", f.p_path ? f.p_path : "");
		tree_number(o, "messages", list[i].messages);
		if (list[i].site) {
			tree_text(o, "peer",
				gaptext_peer(&s->site, list[i].site, &arena));
			tree_number(o, "last_ms", (uint64_t)list[i].last_ms);
		}
		json_object_array_add(tree_array(account, "kept"), o);
	}
	return rc < 0 ? rc : 0;
}

/* Folders of which nothing is placed here, as the configuration says. */
static int add_refused(struct status *s, struct json_object *account,
	struct account *a, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct refused *list;
	size_t count;
	int rc = refused_list(a->replica, &arena, &list, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		struct json_object *o = json_object_new_object();

		tree_text(o, "folder", list[i].path);
		tree_text(o, "peer",
			gaptext_peer(&s->site, list[i].site, &arena));
		tree_number(o, "messages", list[i].messages);
		if (list[i].p_path)
			tree_text(o, "lies_here", list[i].p_path);
		json_object_array_add(tree_array(account, "not_accepted"), o);
	}
	return rc < 0 ? rc : 0;
}

#define UNASKED_MS INT64_C(3600000)

/* Bodies that wait for long, where a peer cannot be asked for them. */
static int tell_unasked(struct status *s, struct account *a,
	const struct report_counts *n, struct err *err)
{
	int rc = 0;

	if (!n->awaited_ms || s->now_ms - n->awaited_ms < UNASKED_MS)
		return 0;
	for (size_t i = 0; rc >= 0 && i < s->site.config.peer_count; i++) {
		AUTO_FREE char *key =
			replica_peer_key("unasked", s->site.peers[i].origin);
		int64_t unasked = 0;

		rc = replica_meta_get(a->replica, key, &unasked, err);
		if (rc >= 0 && unasked)
			status_needs_operator(s,
				"account %s: %" PRIu64
				" mails wait for bodies, and peer %s "
				"cannot be asked for them (packetboat "
				"resend at its site)",
				a->name, n->awaited,
				s->site.config.peers[i].name);
	}
	return rc < 0 ? rc : 0;
}

static int add_counts(struct status *s, struct json_object *o,
	struct account *a, struct err *err)
{
	struct report_counts n;
	int64_t off = 0;
	int rc = report_counts(a->replica, &n, err);

	if (rc == 0)
		rc = replica_meta_get(a->replica, "off", &off, err);
	if (rc >= 0)
		rc = tell_unasked(s, a, &n, err);
	if (rc < 0)
		return rc;
	tree_true(o, "off", off != 0);
	tree_number(o, "folder_count", n.folders);
	tree_number(o, "messages", n.messages);
	tree_number(o, "bytes", n.bytes);
	tree_number(o, "awaited", n.awaited);
	tree_number(o, "awaited_bytes", n.awaited_bytes);
	tree_number(o, "awaited_s", status_age_s(s, n.awaited_ms));
	tree_number(o, "to_place", n.todo);
	tree_number(o, "unplaced", n.unplaced);
	tree_number(o, "late", n.late);
	tree_number(o, "late_at_peers", n.late_there);
	tree_number(o, "parked", n.parked);
	return 0;
}

static void tell_missing(void *arg, const char *account, const char *folder)
{
	status_needs_operator(arg,
		"account %s: folder %s: somebody removed segments of its log "
		"(let packetboat write run: what they held is in the state)",
		account, folder);
}

/* By the furthest of all accounts: one clock is behind all of them. */
static int add_clock(
	struct status *s, struct account *a, uint64_t peer, struct err *err)
{
	uint64_t ahead;
	int rc = status_ahead(a, peer, s->now_ms, &ahead, err);

	if (peer && ahead > s->peer_ahead_s) {
		s->peer_ahead_s = ahead;
		s->ahead = peer;
	} else if (!peer && ahead > s->ahead_s) {
		s->ahead_s = ahead;
	}
	return rc;
}

int status_account(struct status *s, struct json_object *o, struct account *a,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const char *stopped = "", *unread = "";
	uint64_t local = 0;
	int rc = add_counts(s, o, a, err);

	if (rc == 0)
		rc = status_local_changes(
			a, s->site.key.pub.origin, &local, err);
	if (rc >= 0)
		tree_number(o, "local_changes", local);
	if (rc >= 0)
		rc = replica_text_get(
			a->replica, "stopped", &arena, &stopped, err);
	if (rc >= 0 && stopped[0]) {
		tree_text(o, "stopped", stopped);
		status_needs_operator(
			s, "account %s is stopped: %s", a->name, stopped);
	}
	if (rc >= 0)
		rc = replica_text_get(
			a->replica, "unread", &arena, &unread, err);
	if (rc >= 0 && unread[0]) {
		tree_text(o, "unread", unread);
		status_needs_operator(s,
			"account %s: mail cannot be read, and what changed "
			"there is not logged: %s",
			a->name, unread);
	}
	if (rc >= 0)
		rc = add_folders(s, o, a, err);
	if (rc >= 0)
		rc = add_deleted(s, o, a, err);
	if (rc >= 0)
		rc = add_kept(s, o, a, err);
	if (rc >= 0)
		rc = add_refused(s, o, a, err);
	if (rc >= 0)
		rc = add_clock(s, a, 0, err);
	for (size_t i = 0; rc >= 0 && i < s->site.config.peer_count; i++)
		rc = add_clock(s, a, s->site.peers[i].origin, err);
	if (rc >= 0)
		rc = status_logs_add(a, &s->logs, err);
	if (rc >= 0)
		rc = status_logs_missing(a, tell_missing, s, err);
	return rc < 0 ? rc : add_gaps(s, o, a, err);
}
