#include "round_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "guarded.h"
#include "program.h"
#include "strange.h"

#define LOCK_WAIT_MS 30000
#define STRANGE_SAID 20 /* names that are told */

void round_fail(struct round *r, const struct err *err)
{
	r->config->fail(r->config->arg, err);
	r->code = exit_worse(r->code, exit_for(err));
}

void round_say(struct round *r, bool warning, const char *fmt, ...)
{
	char text[600];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	r->config->say(r->config->arg, warning, text);
}

/* The number of an account; account_count: there is none of that name. */
static size_t find_account(const struct round *r, const char *name)
{
	size_t i = 0;

	while (i < r->config->account_count &&
		strcmp(r->config->accounts[i].name, name))
		i++;
	return i;
}

/* What is said of an account that is not here is left out, aloud. Returns
   false if that is said of more of them than anybody reads. */
static bool note_strange(struct round *r, const char *text)
{
	size_t i = 0;

	while (i < r->strange_count && strcmp(r->strange[i], text))
		i++;
	if (i < r->strange_count || i == STRANGE_SAID)
		return i < r->strange_count;
	r->strange =
		mem_grow(r->strange, r->strange_count + 1, sizeof(*r->strange));
	r->strange[r->strange_count++] = mem_dup(text);
	return true;
}

static bool account_ok(void *arg, const struct receive_peer *peer,
	const char *there, const char *here)
{
	struct round *r = arg;
	struct err err = ERR_INIT;

	if (here && find_account(r, here) < r->config->account_count)
		return true;
	AUTO_FREE char *text =
		here ? mem_printf("account %s: there is none of that name "
				  "here: what peers sent of it was left out "
				  "(add it to the configuration)",
			       here)
		     : mem_printf("account %s: peer %s has no part in any that "
				  "it calls so: what it sent of it was left "
				  "out (\"accounts\" in its block says in "
				  "which it has)",
			       there, peer->name);
	if (note_strange(r, text) && strange_note(r->os, r->receive.state_dir,
					     peer->key.origin, there, &err) < 0)
		round_fail(r, &err);
	return false;
}

static void denied(
	void *arg, const struct receive_peer *peer, const struct err *what)
{
	const struct round *r = arg;

	if (r->config->refused)
		r->config->refused(r->config->arg, peer->name, what);
}

/* ---- looking ---- */

static struct capture_config capture_for(const struct round *r, size_t account)
{
	const struct round_account *ra = &r->config->accounts[account];

	return (struct capture_config){
		.claim = r->config->claim,
		.answering = ra->answering,
		.answering_count = ra->answering_count,
		.two_way = ra->two_way,
		.two_way_count = ra->two_way_count,
		.join_ms = r->config->join_ms,
		.guard_percent = ra->guard_percent,
		.guard_least = ra->guard_least,
		.guard_exempt = ra->guard_exempt,
		.guard_exempt_count = ra->guard_exempt_count,
		.give_uids = true,
	};
}

static void say_captured(struct round *r, const char *name,
	const struct capture_result *captured)
{
	if (captured->changes)
		round_say(r, false,
			"account %s: %llu change%s made here logged", name,
			(unsigned long long)captured->changes,
			captured->changes == 1 ? "" : "s");
	if (captured->renumbered)
		round_say(r, false,
			"account %s: %llu message%s that had come late at a "
			"peer got another UID",
			name, (unsigned long long)captured->renumbered,
			captured->renumbered == 1 ? "" : "s");
	if (captured->begun_anew)
		round_say(r, true,
			"account %s: its state was put back, moved or copied: "
			"a new incarnation begins",
			name);
	if (captured->mended)
		round_say(r, true,
			"account %s: UID lists of %llu folder%s had gone back "
			"(a power cut?): what is known of them was written "
			"again",
			name, (unsigned long long)captured->mended,
			captured->mended == 1 ? "" : "s");
}

/*
 * Look at an account once before anything is merged into it. What needs an
 * operator is told when its mail is placed, and keeps no news waiting.
 */
static int settle(void *arg, struct account *a, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct round *r = arg;
	size_t account = find_account(r, a->name);
	struct capture_result captured = {0};
	struct store *store = NULL;
	const char *marker;
	int rc = replica_text_get(a->replica, "marker", &arena, &marker, err);

	if (rc < 0 || r->settled[account])
		return rc;
	/* Nothing was ever placed. */
	if (*marker)
		rc = r->config->open_store(
			r->config->arg, a->name, &store, err);
	if (store) {
		struct capture_config capture = capture_for(r, account);

		rc = capture_account(a, store, &capture, &captured, err);
		store->ops->close(store);
		say_captured(r, a->name, &captured);
	}
	if (rc == ERR_OPERATOR || rc == ERR_ABSENT)
		rc = 0;
	r->settled[account] = rc >= 0;
	return rc < 0 ? rc : 0;
}

/* ---- mail ---- */

/* All that is known of other sites' logs and is placed is applied. */
static int note_applied(
	struct account *acc, const struct place_result *placed, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs;
	int64_t *todo;
	size_t count, todo_count;

	if (placed->waiting || placed->busy)
		return 0;
	int rc = replica_begin(acc->replica, err);
	if (rc >= 0)
		rc = replica_logs(acc->replica, &arena, &logs, &count, err);
	if (rc >= 0)
		rc = replica_todo_folders(
			acc->replica, &arena, &todo, &todo_count, err);
	for (size_t i = 0; rc >= 0 && !todo_count && i < count; i++) {
		if (logs[i].applied == logs[i].known.lsn)
			continue;
		logs[i].applied = logs[i].known.lsn;
		rc = replica_log_set(acc->replica, &logs[i], err);
	}
	if (rc >= 0)
		rc = replica_commit(acc->replica, err);
	replica_rollback(acc->replica);
	return rc;
}

static void say_placed(
	struct round *r, const char *name, const struct place_result *placed)
{
	AUTO_BUF struct buf what = BUF_INIT;

	count_add(&what, placed->placed, "message placed", "messages placed");
	count_add(&what, placed->previews, "preview placed", "previews placed");
	count_add(
		&what, placed->changed, "message changed", "messages changed");
	count_add(&what, placed->folders, "folder made, renamed or removed",
		"folders made, renamed or removed");
	count_add(&what, placed->mended, "damaged message is whole again",
		"damaged messages are whole again");
	if (what.len)
		round_say(r, false, "account %s: %s", name, buf_str(&what));
	if (placed->waiting)
		round_say(r, false, "account %s: %llu message%s for %s", name,
			(unsigned long long)placed->waiting,
			placed->waiting == 1 ? " waits" : "s wait",
			placed->waiting == 1 ? "its body" : "their bodies");
	if (placed->spoilt)
		round_say(r, true,
			"account %s: %llu received bod%s damaged on this disk "
			"before %s placed (asked for again)",
			name, (unsigned long long)placed->spoilt,
			placed->spoilt == 1 ? "y was" : "ies were",
			placed->spoilt == 1 ? "it was" : "they were");
	if (placed->kept)
		round_say(r, false,
			"account %s: %llu message%s here though a peer "
			"expunged %s (accept)",
			name, (unsigned long long)placed->kept,
			placed->kept == 1 ? " stays" : "s stay",
			placed->kept == 1 ? "it" : "them");
	if (placed->unplaced)
		round_say(r, true,
			"account %s: %llu things could not be placed as they "
			"are (keywords beyond the 26th, names this layout "
			"cannot hold)",
			name, (unsigned long long)placed->unplaced);
}

static const char *peer_named(const struct receive_config *c, uint64_t origin)
{
	const struct receive_peer *p = receive_peer_of(c, origin);

	return p ? p->name : "that was";
}

/* What the guard keeps from being expunged is told until it is accepted. */
static int say_guarded(struct round *r, struct account *a, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct guarded *list = NULL;
	struct guarded_waits waits;
	struct replica_folder f;
	size_t count = 0;
	int rc = guarded_list(a->replica, &arena, &list, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		if (!list[i].waiting || list[i].accepted)
			continue;
		rc = replica_folder_by_row(
			a->replica, list[i].folder, &arena, &f, err);
		if (rc == 0)
			rc = guarded_waits(a->replica, &list[i], &waits, err);
		if (rc != 0)
			continue;
		AUTO_BUF struct buf text = BUF_INIT;
		guarded_tell(&waits, a->name, f.path,
			peer_named(&r->receive, waits.site), &text);
		round_say(r, true, "%s", buf_str(&text));
		r->code = exit_worse(r->code, EXIT_OPERATOR);
	}
	return rc < 0 ? rc : 0;
}

/* Sites that may not expunge here; to free. */
static size_t sites_kept_from(const struct round *r, uint64_t **ret)
{
	const struct receive_config *c = &r->receive;
	size_t count = 0;

	*ret = mem_array(c->peer_count + 1, sizeof(**ret));
	for (size_t i = 0; i < c->peer_count; i++)
		if (!accept_rule_allows(&c->peers[i].accept, ACCEPT_EXPUNGE))
			(*ret)[count++] = c->peers[i].key.origin;
	return count;
}

/* Anew: the configuration may say something else by now. */
static int decide(struct round *r, struct account *a, struct err *err)
{
	int rc = replica_begin(a->replica, err);

	if (rc >= 0)
		rc = receive_decide(&r->receive, a->replica, err);
	if (rc >= 0)
		rc = replica_commit(a->replica, err);
	replica_rollback(a->replica);
	return rc;
}

static int place(struct round *r, size_t account, struct account *a,
	struct store *store, struct err *err)
{
	const char *name = r->config->accounts[account].name;
	struct capture_config capture = capture_for(r, account);
	AUTO_FREE uint64_t *keep_from = NULL;
	struct place_config config = {
		.bodies_dir = r->receive.bodies_dir,
		.late_ms = r->config->late_ms,
		.capture = &capture,
		.keep_from_count = sites_kept_from(r, &keep_from),
		.progress = r->config->progress,
		.progress_arg = r->config->arg,
	};
	struct capture_result captured;
	struct place_result placed = {0};

	config.keep_from = keep_from;
	if (decide(r, a, err) < 0)
		return err->code;
	if (r->config->placing)
		r->config->placing(r->config->arg, name);
	int rc = capture_account(a, store, &capture, &captured, err);
	if (captured.joins)
		round_say(r, true,
			"account %s: its state is new beside mail that peers "
			"know: nothing is logged or placed before they have "
			"answered",
			name);
	else if (rc >= 0 || rc == ERR_BUSY)
		rc = place_account(a, store, &config, &placed, err);
	if (r->config->placing)
		r->config->placing(r->config->arg, NULL);
	if (rc < 0)
		return rc;
	say_captured(r, name, &captured);
	say_placed(r, name, &placed);
	rc = say_guarded(r, a, err);
	return rc < 0 ? rc : note_applied(a, &placed, err);
}

static int apply_account(struct round *r, size_t account, struct err *err)
{
	const char *name = r->config->accounts[account].name;
	struct account a;
	struct store *store = NULL;
	int rc = account_open(&a, r->os, r->receive.state_dir, name,
		r->receive.self->pub.origin, false, err);

	if (rc == ERR_ABSENT)
		return 0; /* nothing was ever received or logged */
	if (rc < 0)
		return rc;
	rc = account_lock(&a, LOCK_WAIT_MS, err);
	if (rc >= 0)
		rc = r->config->open_store(r->config->arg, name, &store, err);
	if (rc >= 0)
		rc = place(r, account, &a, store, err);
	if (rc >= 0)
		rc = store->ops->trash_clean(store, r->config->trash_age_s,
			r->config->trash_size, err);
	if (store)
		store->ops->close(store);
	if (rc >= 0 && r->config->needs_operator)
		rc = r->config->needs_operator(r->config->arg, &a, err);
	if (rc > 0)
		r->code = exit_worse(r->code, EXIT_OPERATOR);
	account_close(&a);
	return rc;
}

static void clean_bodies(struct round *r)
{
	struct err err = ERR_INIT;
	size_t count = r->config->account_count;
	AUTO_FREE const char **names = mem_array(count + 1, sizeof(*names));

	for (size_t i = 0; i < count; i++)
		names[i] = r->config->accounts[i].name;
	if (receive_clean(&r->receive, names, count, &err) < 0)
		round_fail(r, &err);
}

static void say_received(struct round *r)
{
	const struct receive_result *got = &r->received;
	AUTO_BUF struct buf what = BUF_INIT;

	for (size_t i = 0; i < r->strange_count; i++) {
		round_say(r, true, "%s", r->strange[i]);
		r->code = exit_worse(r->code, EXIT_OPERATOR);
		free(r->strange[i]);
	}
	free(r->strange);
	r->strange = NULL;
	if (!got->parcels)
		return;
	count_add(&what, got->changes, "change", "changes");
	count_add(&what, got->bodies, "body", "bodies");
	count_add(&what, got->previews, "preview", "previews");
	count_add(&what, got->acks, "acknowledgement", "acknowledgements");
	round_say(r, false, "%llu parcel%s taken%s%s",
		(unsigned long long)got->parcels, got->parcels == 1 ? "" : "s",
		what.len ? ": " : "", buf_str(&what));
}

int round_run(const struct round_config *config, char *const *files,
	size_t file_count)
{
	struct round r = {.config = config,
		.os = config->receive.os,
		.receive = config->receive,
		.settled = mem_array(config->account_count + 1, sizeof(bool)),
		.code = EXIT_DONE};

	r.receive.account_ok = account_ok;
	r.receive.denied = denied;
	r.receive.settle = settle;
	r.receive.arg = &r;
	for (size_t i = 0; i < file_count; i++)
		round_take_file(&r, files[i]);
	for (size_t i = 0; i < r.receive.peer_count; i++)
		round_take_inbox(&r, i);
	say_received(&r);
	for (size_t i = 0; i < config->account_count; i++) {
		struct err err = ERR_INIT;

		if (apply_account(&r, i, &err) < 0)
			round_fail(&r, &err);
	}
	/* Bodies that nothing asks for may be asked for by what waits. */
	if (!r.left)
		clean_bodies(&r);
	free(r.settled);
	if (config->left)
		*config->left = r.left;
	return r.code;
}
