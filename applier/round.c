#include "round.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "err.h"
#include "guarded.h"
#include "peerkeys.h"
#include "program.h"
#include "strange.h"

#define LOCK_WAIT_MS 30000
#define STRANGE_SAID 20 /* names that are told */
#define SEQUENCE_LEN 16 /* a parcel's name begins with its bundle's */
#define PARCEL ".parcel"
#define EARLY ".early"
#define KEPT ".kept"

struct round {
	const struct round_config *config;
	struct os *os;
	struct receive_config receive;
	struct receive_result received;
	char **strange; /* what is said of accounts that are not here */
	size_t strange_count;
	bool *settled; /* per account: looked at since the round began */
	uint64_t left; /* in the inbox, as round_inbox counts */
	int code;      /* worst exit code so far */
};

static void fail(struct round *r, const struct err *err)
{
	r->config->fail(r->config->arg, err);
	r->code = exit_worse(r->code, exit_for(err));
}

static void say(struct round *r, bool warning, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void say(struct round *r, bool warning, const char *fmt, ...)
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
		fail(r, &err);
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
		say(r, false, "account %s: %llu change%s made here logged",
			name, (unsigned long long)captured->changes,
			captured->changes == 1 ? "" : "s");
	if (captured->renumbered)
		say(r, false,
			"account %s: %llu message%s that had come late at a "
			"peer got another UID",
			name, (unsigned long long)captured->renumbered,
			captured->renumbered == 1 ? "" : "s");
	if (captured->begun_anew)
		say(r, true,
			"account %s: its state was put back, moved or copied: "
			"a new incarnation begins",
			name);
	if (captured->mended)
		say(r, true,
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

/* ---- parcels ---- */

/* Who sends nothing else fills no disk: of what is not acknowledged nothing is
   lost by removing it. */
#define REFUSED_MAX 100u

static bool is_full(struct round *r)
{
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;
	unsigned count = 0;

	if (r->os->ops->list(r->os, r->config->refused_dir, &list) < 0)
		return false;
	while (os_list_next(&list, &at, &entry))
		count++;
	return count >= REFUSED_MAX;
}

/* A parcel that can not be taken as things are is put aside, and not looked at
   again until somebody gives it by name. */
static void put_aside(struct round *r, const char *path, const char *name)
{
	struct err err = ERR_INIT;
	const char *refused = r->config->refused_dir;
	AUTO_FREE char *to = mem_printf("%s/%s", refused, name);
	int rc = dir_make(r->os, refused, 0700, &err);

	if (rc >= 0 && is_full(r)) {
		r->os->ops->unlink(r->os, path);
		say(r, true,
			"%s: removed: %s holds %u parcels that were refused, "
			"and that is enough to look at",
			path, refused, REFUSED_MAX);
		return;
	}
	if (rc >= 0 && (rc = r->os->ops->rename(r->os, path, to)) < 0)
		err_set_os(&err, -rc, "rename %s to %s", path, to);
	if (rc < 0)
		fail(r, &err);
	else
		say(r, true,
			"%s: put aside (packetboat log tells what it is; when "
			"the reason is gone, packetboat apply takes it)",
			to);
}

/* The name of a parcel of the inbox that waits for something, by why. */
static char *waiting_name(const char *path, const char *why)
{
	const char *end = strstr(strrchr(path, '/'), PARCEL) + strlen(PARCEL);

	return mem_printf("%.*s%s", (int)(end - path), path, why);
}

/*
 * A parcel that came before what it builds on, or that tells another history
 * than the one known, waits under another name, and the shipper knows that it
 * was looked at: where both sites have one, neither would else send again what
 * the other waits for. Status tells of it.
 */
static void put_waiting(struct round *r, const char *path, const char *why)
{
	AUTO_FREE char *to = waiting_name(path, why);

	if (strcmp(path, to) != 0)
		r->os->ops->rename(r->os, path, to);
}

/* A key may have changed since the round began: of this site, by its operator,
   or of the peer, by a parcel just before. */
static int receive(struct round *r, const struct buf *parcel, struct err *err)
{
	int rc = receive_parcel(
		&r->receive, parcel->data, parcel->len, &r->received, err);

	if (rc != ERR_AUTH || !r->config->keys_again ||
		!r->config->keys_again(r->config->arg))
		return rc;
	struct err again = ERR_INIT;
	r->received.refused--;
	rc = receive_parcel(
		&r->receive, parcel->data, parcel->len, &r->received, &again);
	*err = again;
	return rc;
}

static void say_new_key(struct round *r)
{
	const struct receive_peer *p = r->received.new_key;
	AUTO_BUF struct buf text = BUF_INIT;

	if (!p)
		return;
	if (r->config->keys_again)
		r->config->keys_again(r->config->arg);
	peerkeys_tell(&p->keys->ring, &p->keys->said, &text);
	say(r, true, "peer %s: %s", p->name, buf_str(&text));
	r->code = exit_worse(r->code, EXIT_OPERATOR);
}

enum taken { TAKEN, TAKE_LATER, TAKE_EARLIER_FIRST, KEPT_BACK, REFUSED };

/* who: it is from; given: by name, so that refusing it is a failure. */
static enum taken take(struct round *r, const struct buf *parcel,
	const char *who, const char *what, bool given)
{
	struct err err = ERR_INIT;
	int rc = receive(r, parcel, &err);

	if (rc >= 0) {
		say_new_key(r);
		return TAKEN;
	}
	err_wrap(&err, "%s", what);
	if (rc == ERR_TORN) {
		say(r, false, "%s (kept for later)", err.text);
		return TAKE_EARLIER_FIRST;
	}
	bool refused = receive_is_refusal(rc);
	if (refused && r->config->refused)
		r->config->refused(r->config->arg, who, &err);
	if (rc == ERR_CONFLICT || (refused && !given))
		err.code = ERR_OPERATOR;
	fail(r, &err);
	return refused ? REFUSED : rc == ERR_CONFLICT ? KEPT_BACK : TAKE_LATER;
}

static int by_name(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

static bool is_parcel(const char *name)
{
	size_t len = strlen(name);

	return len > SEQUENCE_LEN && len < 40 && strstr(name, ".parcel");
}

static void take_one(
	struct round *r, const char *dir, const char *peer, const char *name)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
	AUTO_FREE char *aside = mem_printf("%s-%s", peer, name);
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct err err = ERR_INIT;
	int rc = file_read(r->os, path, PARCEL_SEALED_MAX, &parcel, &err);

	if (rc < 0) {
		fail(r, &err);
		return;
	}
	switch (take(r, &parcel, peer, path, false)) {
	case TAKEN:
		r->os->ops->unlink(r->os, path);
		break;
	case TAKE_EARLIER_FIRST:
		put_waiting(r, path, EARLY);
		break;
	case KEPT_BACK:
		put_waiting(r, path, KEPT);
		break;
	case REFUSED:
		put_aside(r, path, aside);
		break;
	case TAKE_LATER:
		break;
	}
}

static uint64_t name_sum(const char *name, size_t peer)
{
	return 1 | hash_check(name, strlen(name), peer);
}

/* A parcel that is there still was looked at, and has to wait. */
static void note_left(
	struct round *r, const char *dir, size_t peer, const char *name)
{
	static const char *const whys[] = {"", EARLY, KEPT};
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
	struct os_stat st;

	for (size_t i = 0; i < sizeof(whys) / sizeof(*whys); i++) {
		AUTO_FREE char *now = waiting_name(path, whys[i]);

		if (r->os->ops->lstat(r->os, now, &st) == 0)
			r->left += name_sum(strrchr(now, '/') + 1, peer);
	}
}

static bool is_under_way(char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(strrchr(names[i], '.'), ".tmp") == 0)
			return true;
	return false;
}

/*
 * The names of one bundle: taken when no more of it is under way. Until then
 * it counts by the names that were seen: they have changed when it is whole.
 */
static void take_names(struct round *r, const char *dir, size_t number,
	char *const *names, size_t count)
{
	bool under_way = is_under_way(names, count);

	for (size_t i = 0; i < count; i++) {
		if (under_way) {
			r->left += name_sum(names[i], number);
			continue;
		}
		take_one(r, dir, r->receive.peers[number].name, names[i]);
		note_left(r, dir, number, names[i]);
	}
}

static void take_inbox_of(struct round *r, size_t number)
{
	const char *peer = r->receive.peers[number].name;
	AUTO_FREE char *dir = mem_printf("%s/%s", r->config->inbox_dir, peer);
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0, count = 0;
	char **names = NULL;

	if (r->os->ops->list(r->os, dir, &list) < 0)
		return; /* nothing was ever collected */
	while (os_list_next(&list, &at, &entry)) {
		if (!is_parcel(entry.name))
			continue;
		names = mem_grow(names, count + 1, sizeof(*names));
		names[count++] = mem_dup(entry.name);
	}
	if (count)
		qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0, next; i < count; i = next) {
		next = i + 1;
		while (next < count &&
			!strncmp(names[i], names[next], SEQUENCE_LEN))
			next++;
		take_names(r, dir, number, names + i, next - i);
	}
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static bool is_to_come_again(enum taken taken)
{
	return taken == TAKE_LATER || taken == TAKE_EARLIER_FIRST ||
	       taken == KEPT_BACK;
}

/* One parcel, as they are put aside: then it is settled. */
static void take_parcel(struct round *r, const char *path)
{
	AUTO_FREE char *dir = mem_printf("%s/", r->config->refused_dir);
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct err err = ERR_INIT;

	if (file_read(r->os, path, PARCEL_SEALED_MAX, &parcel, &err) < 0) {
		fail(r, &err);
		return;
	}
	enum taken taken = take(r, &parcel, "a file", path, true);
	if (is_to_come_again(taken))
		r->code = exit_worse(r->code, EXIT_LATER);
	if (taken == TAKEN && strncmp(path, dir, strlen(dir)) == 0)
		r->os->ops->unlink(r->os, path);
}

static bool is_one_parcel(struct round *r, int fd)
{
	struct parcel_header header;
	uint8_t start[PARCEL_PEEK];
	ssize_t n = r->os->ops->pread(r->os, fd, start, sizeof(start), 0);

	return n > 0 && parcel_peek(start, (size_t)n, &header, NULL) >= 0;
}

static void take_bundle(struct round *r, const char *path)
{
	AUTO_FREE char *name = mem_printf("bundle %s", path);
	struct bundle_reader *reader;
	struct err err = ERR_INIT;
	AUTO_BUF struct buf parcel = BUF_INIT;
	int fd = strcmp(path, "-") ? r->os->ops->open(r->os, path, O_RDONLY, 0)
				   : STDIN_FILENO;
	int rc;

	if (fd < 0) {
		err_set_os(&err, -fd, "%s", path);
		err.code = ERR_IO; /* no carrier that comes later */
		fail(r, &err);
		return;
	}
	if (fd != STDIN_FILENO && is_one_parcel(r, fd)) {
		r->os->ops->close(r->os, fd);
		take_parcel(r, path);
		return;
	}
	rc = bundle_reader_open(r->os, fd, path, &reader, &err);
	if (rc >= 0) {
		while ((rc = bundle_reader_next(reader, &parcel, &err)) > 0) {
			enum taken taken =
				take(r, &parcel, "a file", name, true);

			if (is_to_come_again(taken))
				r->code = exit_worse(r->code, EXIT_LATER);
		}
		bundle_reader_close(reader);
	}
	if (rc < 0)
		fail(r, &err);
	if (fd != STDIN_FILENO)
		r->os->ops->close(r->os, fd);
}

uint64_t round_inbox(const struct round_config *config)
{
	struct os *os = config->receive.os;
	uint64_t sum = 0;

	for (size_t i = 0; i < config->receive.peer_count; i++) {
		AUTO_FREE char *dir = mem_printf("%s/%s", config->inbox_dir,
			config->receive.peers[i].name);
		AUTO_BUF struct buf list = BUF_INIT;
		struct os_entry entry;
		size_t at = 0;

		if (os->ops->list(os, dir, &list) < 0)
			continue;
		/* The order of a directory's names means nothing. */
		while (os_list_next(&list, &at, &entry))
			if (is_parcel(entry.name))
				sum += name_sum(entry.name, i);
	}
	return sum;
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
		say(r, false, "account %s: %s", name, buf_str(&what));
	if (placed->waiting)
		say(r, false, "account %s: %llu message%s for %s", name,
			(unsigned long long)placed->waiting,
			placed->waiting == 1 ? " waits" : "s wait",
			placed->waiting == 1 ? "its body" : "their bodies");
	if (placed->spoilt)
		say(r, true,
			"account %s: %llu received bod%s damaged on this disk "
			"before %s placed (asked for again)",
			name, (unsigned long long)placed->spoilt,
			placed->spoilt == 1 ? "y was" : "ies were",
			placed->spoilt == 1 ? "it was" : "they were");
	if (placed->kept)
		say(r, false,
			"account %s: %llu message%s here though a peer "
			"expunged %s (accept)",
			name, (unsigned long long)placed->kept,
			placed->kept == 1 ? " stays" : "s stay",
			placed->kept == 1 ? "it" : "them");
	if (placed->unplaced)
		say(r, true,
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
		say(r, true, "%s", buf_str(&text));
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
		say(r, true,
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
		fail(r, &err);
}

static void say_received(struct round *r)
{
	const struct receive_result *got = &r->received;
	AUTO_BUF struct buf what = BUF_INIT;

	for (size_t i = 0; i < r->strange_count; i++) {
		say(r, true, "%s", r->strange[i]);
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
	say(r, false, "%llu parcel%s taken%s%s",
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
		take_bundle(&r, files[i]);
	for (size_t i = 0; i < r.receive.peer_count; i++)
		take_inbox_of(&r, i);
	say_received(&r);
	for (size_t i = 0; i < config->account_count; i++) {
		struct err err = ERR_INIT;

		if (apply_account(&r, i, &err) < 0)
			fail(&r, &err);
	}
	/* Bodies that nothing asks for may be asked for by what waits. */
	if (!r.left)
		clean_bodies(&r);
	free(r.settled);
	if (config->left)
		*config->left = r.left;
	return r.code;
}
