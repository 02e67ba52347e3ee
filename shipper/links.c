/*
 * links: one round over the links of all peers, or of those named: collect
 * what lies there, hand over what is lacked, say what came of it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "calling.h"
#include "carrier.h"
#include "child.h"
#include "collect.h"
#include "handover.h"
#include "hash.h"
#include "medium.h"
#include "shipper.h"
#include "visit.h"
#include "weighing.h"

#define BODIES_AGAIN_MS 30000 /* twice as long each time */
#define BODIES_AGAIN_MOST_MS 1800000
#define PATIENCE_MS 60000 /* for what may be under way */
/* Who does not stay looks again after this: a live peer may just be between a
   bundle and its manifest. */
#define MOMENT_MS 2000

static int64_t now_ms(const struct shipper *s)
{
	return s->site.os->ops->mono_ns(s->site.os) / 1000000;
}

/* It could not be started, ended, or was given up: so it may go with the next.
 */
static void lose_bodies(struct shipper *s, const struct err *err)
{
	int64_t wait = s->bodies_wait_ms ? s->bodies_wait_ms : BODIES_AGAIN_MS;

	s->bodies_open = false;
	s->bodies_again = now_ms(s) + wait;
	s->bodies_wait_ms = 2 * wait < BODIES_AGAIN_MOST_MS
				    ? 2 * wait
				    : BODIES_AGAIN_MOST_MS;
	s->bodies_err = *err;
}

static int open_bodies(struct shipper *s, struct err *err)
{
	if (s->bodies_open)
		return 0;
	if (now_ms(s) < s->bodies_again) {
		*err = s->bodies_err;
		return err->code;
	}
	int rc = body_client_open(s->site.os,
		s->has_starter ? &s->starter : NULL, NULL, s->config_path,
		&s->bodies, err);
	if (rc < 0) {
		lose_bodies(s, err);
		return rc;
	}
	s->bodies_open = true;
	return 0;
}

static int answered(struct shipper *s, int rc, const struct err *err)
{
	if (rc >= 0)
		s->bodies_wait_ms = 0;
	else if (!s->bodies.open)
		lose_bodies(s, err);
	return rc;
}

static int fetch_body(void *arg, const char *account, const struct hash *hash,
	uint64_t offset, size_t max, struct buf *ret, uint64_t *ret_size,
	struct err *err)
{
	struct shipper *s = arg;
	int rc = open_bodies(s, err);

	if (rc < 0)
		return rc;
	s->bodies.soon = s->bodies_soon;
	rc = body_client_read(
		&s->bodies, account, hash, offset, max, ret, ret_size, err);
	return answered(s, rc, err);
}

static int fetch_preview(void *arg, const char *account,
	const struct hash *hash, const char *peer, size_t most, struct buf *ret,
	struct err *err)
{
	struct shipper *s = arg;
	int rc = open_bodies(s, err);

	if (rc < 0)
		return rc;
	s->bodies.soon = s->bodies_soon;
	rc = body_client_preview(
		&s->bodies, account, hash, peer, most, ret, err);
	return answered(s, rc, err);
}

static void show_bytes(void *arg, uint64_t done, uint64_t total)
{
	struct shipper *s = arg;

	s->progress.total = total;
	progress_step(&s->progress, done);
}

static bool inbox_holds(struct shipper *s, const char *peer)
{
	AUTO_FREE char *dir = mem_printf("%s/%s", s->site.inbox_dir, peer);
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;

	if (s->site.os->ops->list(s->site.os, dir, &list) < 0)
		return false;
	while (os_list_next(&list, &at, &entry)) {
		const char *end = strrchr(entry.name, '.');

		if (end && strcmp(end, ".parcel") == 0)
			return true;
	}
	return false;
}

#define PACKING_WAIT_MS 60000

/* The lock is kept no longer than that takes: a carrier may be slow. */
static int pack_alone(void *arg, bool on, struct err *err)
{
	struct shipper *s = arg;
	struct os *os = s->site.os;

	if (on)
		return shiplock_take(os, s->site.config.state, SHIPLOCK_PACKING,
			PACKING_WAIT_MS, &s->packing, err);
	os->ops->close(os, s->packing);
	s->packing = -1;
	return 0;
}

#define BRIEF_LEAST 64 /* less than what the bundles around it take */

/* Is it a peer of which nothing is taken of this account? */
static bool is_untaken(void *arg, uint64_t origin, const char *account)
{
	const struct site *site = &((struct shipper *)arg)->site;

	int i = site_peer_of(site, origin);

	return i >= 0 && (site->config.peers[i].changes == CHANGES_SEND ||
				 !site_granted(site, (size_t)i, account));
}

struct handover_config links_handover(
	struct shipper *s, size_t peer, const struct config_link *link)
{
	const struct config_peer *p = &s->site.config.peers[peer];

	shipper_look_at_keys(s, peer);
	return (struct handover_config){
		.os = s->site.os,
		.state_dir = s->site.config.state,
		.self = site_key_for(&s->site, peer),
		.peer = &s->site.peers[peer],
		.key = &s->site.key,
		.former = &s->site.former,
		.known = &s->site.peerkeys[peer],
		.send_changes = p->changes != CHANGES_RECEIVE,
		.take_changes = p->changes != CHANGES_SEND,
		.relay = (p->relay & RELAY_SEND) != 0,
		.takes_relay = (p->relay & RELAY_RECEIVE) != 0,
		.untaken = is_untaken,
		.untaken_arg = s,
		.unread = inbox_holds(s, p->name),
		.patience_ms = s->following ? PATIENCE_MS : 0,
		.brief_least = BRIEF_LEAST,
		.oneway = p->oneway,
		.overlap = p->overlap,
		.tables_ms = p->tables_every_ms,
		.state_ms = p->state_every_ms,
		.level = link ? link->level : 3,
		.sign_only = link && link->sign_only,
		.bundle_max = link ? link->max_file : 0,
		.holds = link && link->hold != HOLD_NONE,
		.hold = link ? link->hold : 0,
		.preview = link ? link->preview : 0,
		.peer_name = p->name,
		.link = link ? link->name : "",
		.accounts = s->accounts,
		.account_count = s->account_count,
		.map = p->accounts,
		.view = {p->send, p->send_count},
		.body = fetch_body,
		.body_preview = fetch_preview,
		.body_arg = s,
		.progress = show_bytes,
		.progress_arg = s,
	};
}

void links_report(struct shipper *s, const struct config_peer *p,
	const char *where, const struct handover_result *r, const char *how,
	bool failed)
{
	AUTO_BUF struct buf what = BUF_INIT;
	AUTO_BUF struct buf bundles = BUF_INIT;
	AUTO_BUF struct buf left = BUF_INIT;
	AUTO_BUF struct buf missing = BUF_INIT;
	AUTO_BUF struct buf held = BUF_INIT;
	AUTO_BUF struct buf written_out = BUF_INIT;

	count_add(&written_out, r->written_out, "change", "changes");
	if (r->bundles > 1)
		count_add(&bundles, r->bundles, "bundle", "bundles");
	count_add(&held, r->held, "body", "bodies");
	count_add(&left, r->left, "body", "bodies");
	count_add(&missing, r->missing, "body is", "bodies are");
	count_add(&what, r->changes, "change", "changes");
	count_add(&what, r->bodies, "body", "bodies");
	if (r->bodies)
		buf_printf(&what, " (%llu bytes)",
			(unsigned long long)r->body_bytes);
	count_add(&what, r->previews, "preview", "previews");
	count_add(&what, r->acks, "acknowledgement", "acknowledgements");
	if (r->size)
		log_say(&s->log, LOG_LEVEL_INFO,
			"peer %s: %s: %llu bytes %s%s%s%s%s", p->name, where,
			(unsigned long long)r->size, how,
			r->bundles > 1 ? " in " : "", buf_str(&bundles),
			what.len ? ": " : "", buf_str(&what));
	else if (!s->following && !failed && !r->left)
		log_say(&s->log, LOG_LEVEL_INFO,
			"peer %s: %s: nothing to hand over", p->name, where);
	if (r->recalled)
		log_say(&s->log, LOG_LEVEL_INFO,
			"peer %s: %s: what waited here for it and is no longer "
			"shown, or went another way does not go: bundles: %llu",
			p->name, where, (unsigned long long)r->recalled);
	if (r->written_out)
		log_say(&s->log, LOG_LEVEL_INFO,
			"peer %s: %s came from the state: the segments do not "
			"reach back to what it knows, or it was to be told "
			"again",
			p->name, buf_str(&written_out));
	if (r->left)
		log_say(&s->log, LOG_LEVEL_WARNING,
			r->over_budget
				? "peer %s: %s: its budget has no room for %s "
				  "(%llu bytes) yet: what is left goes when "
				  "it has"
				: "peer %s: %s: no room there for %s (%llu "
				  "bytes) yet: what is left goes with the "
				  "next, or on a larger medium",
			p->name, where, buf_str(&left),
			(unsigned long long)r->left_bytes);
	else if (r->over_budget && !failed)
		log_say(&s->log, LOG_LEVEL_WARNING,
			"peer %s: %s: its budget has no room for all that is "
			"to be told yet: what is left goes when it has",
			p->name, where);
	/* A daemon says so when it hands over what they belong to. */
	if (r->held && (r->size || !s->following))
		log_say(&s->log, LOG_LEVEL_INFO,
			"peer %s: %s: too large for this link: %s (%llu "
			"bytes): they wait here (packetboat held)",
			p->name, where, buf_str(&held),
			(unsigned long long)r->held_bytes);
	if (r->missing)
		log_say(&s->log, LOG_LEVEL_WARNING,
			"peer %s: %s in no mail folder any more", p->name,
			buf_str(&missing));
	if (r->damaged) {
		log_say(&s->log, LOG_LEVEL_ERROR,
			"peer %s: mails are not as they were logged: %llu; "
			"damaged files are not sent (packetboat gap list, or "
			"packetboat scan --deep, names them)",
			p->name, (unsigned long long)r->damaged);
		s->code = exit_worse(s->code, EXIT_OPERATOR);
	}
}

struct about {
	struct shipper *shipper;
	const char *where;
};

static void say_untaken(void *arg, bool operator, const char * text)
{
	struct about *a = arg;
	struct shipper *s = a->shipper;

	log_say(&s->log, LOG_LEVEL_WARNING, "%s: %s", a->where, text);
	if (operator)
		s->code = exit_worse(s->code, EXIT_OPERATOR);
}

/* One link of a carrier that serves several peers stands for them all. */
static bool is_shared(const struct shipper *s, const char *via)
{
	size_t uses = 0;

	for (size_t i = 0; i < s->site.config.peer_count; i++)
		for (size_t k = 0; k < s->site.config.peers[i].link_count; k++)
			uses += !strcmp(
				s->site.config.peers[i].links[k].via, via);
	return uses > 1;
}

/* Whether something is not whole and not told yet. */
static bool look_at_untaken(
	struct shipper *s, struct carrier *carrier, struct untaken_look *look)
{
	struct carrier_list list = {0};
	bool more;

	if (carrier->ops->list(carrier, s->site.key.pub.origin, &list, NULL) <
		0)
		return false; /* taken out this moment */
	look->now_ms = s->site.os->ops->mono_ns(s->site.os) / 1000000;
	more = untaken_tell(&s->untaken, look, &list);
	carrier_list_free(&list);
	return more;
}

/* What the medium has for us and nobody collects. */
static void tell_untaken(struct shipper *s, size_t peer, const char *via,
	struct carrier *carrier)
{
	const char *name = s->site.config.peers[peer].name;
	AUTO_FREE char *where = is_shared(s, via)
					? mem_dup(via)
					: mem_printf("peer %s: %s", name, via);
	AUTO_FREE uint64_t *peers = mem_array(
		s->site.config.peer_count + s->site.expelled_count + 1,
		sizeof(*peers));
	struct about about = {s, where};
	struct untaken_look look = {.via = via,
		.peer = s->site.peers[peer].origin,
		.peers = peers,
		.peer_count = s->site.config.peer_count,
		.patience_ms = s->following ? PATIENCE_MS : MOMENT_MS,
		.say = say_untaken,
		.arg = &about};

	for (size_t i = 0; i < s->site.config.peer_count; i++)
		peers[i] = s->site.peers[i].origin;
	/* Of these status tells. */
	for (size_t i = 0; i < s->site.expelled_count; i++)
		peers[look.peer_count++] = s->site.expelled[i].origin;
	if (!look_at_untaken(s, carrier, &look) || s->following)
		return;
	s->site.os->ops->sleep_ns(s->site.os, (int64_t)MOMENT_MS * 1000000);
	look_at_untaken(s, carrier, &look);
}

/* A line that dropped is no failure: what waits goes with the next visit. */
static bool bring_away(struct shipper *s, const char *peer,
	struct carrier *carrier, struct call *call)
{
	struct err err = ERR_INIT;
	int rc = carrier->ops->flush ? carrier->ops->flush(carrier, &err) : 0;

	if (rc >= 0)
		return true;
	calling_failed(call, &err);
	err_wrap(&err, "peer %s", peer);
	if (rc != ERR_ABSENT) {
		shipper_fail(s, &err);
		return false;
	}
	log_say(&s->log, LOG_LEVEL_WARNING, "%s: what did not get there waits",
		err.text);
	s->code = exit_worse(s->code, EXIT_LATER);
	return false;
}

static void say_failed(struct shipper *s, const char *peer,
	const struct config_link *link, struct err *err, struct call *call)
{
	calling_failed(call, err);
	err_wrap(err, "peer %s: %s", peer, link->via);
	shipper_fail(s, err);
}

static int spend(void *arg, uint64_t bytes, struct err *err)
{
	return spending_add(arg, bytes, err);
}

/* Bundles that are taken have manifests, too. */
static void spend_collected(struct shipper *s, const char *peer,
	struct spending *spending, const struct collect_result *r)
{
	struct err err = ERR_INIT;

	if (spending_add(spending, r->size + r->bundles * MEDIUM_MANIFEST_SIZE,
		    &err) >= 0)
		return;
	err_wrap(&err, "peer %s", peer);
	shipper_fail(s, &err);
}

struct carrier_place links_place(struct shipper *s, size_t peer,
	const struct config_link *link, const char *spool)
{
	return (struct carrier_place){.os = s->site.os,
		.self = s->site.key.pub.origin,
		.peer = s->site.peers[peer].origin,
		.spool = spool,
		.rate = link->rate,
		.again_ms = link->again_ms};
}

static void serve(struct shipper *s, size_t peer,
	const struct config_link *link, struct call *call,
	struct spending *spending)
{
	const struct config_peer *p = &s->site.config.peers[peer];
	struct handover_config config;
	struct handover_result handed = {0};
	struct collect_config collect = {.os = s->site.os,
		.self = s->site.key.pub.origin,
		.peer = s->site.peers[peer].origin,
		.state_dir = s->site.config.state,
		.reserve_percent = s->site.config.reserve_percent};
	struct collect_result collected = {0};
	struct carrier *carrier = NULL;
	struct err err = ERR_INIT;
	AUTO_FREE char *inbox = mem_printf("%s/%s", s->site.inbox_dir, p->name);
	AUTO_FREE char *spool = carrier_spool(
		s->site.config.state, s->site.peers[peer].origin, link->via);
	struct collect_watch watch = {.config = &collect};
	struct child_guard guard = {collect_watch_look, &watch};
	struct carrier_place place = links_place(s, peer, link, spool);
	place.guard = &guard;
	place.fetch = s->step != STEP_HAND_OVER;
	int rc = collect_room(&collect, &place.fetch_max, &err);
	if (rc >= 0)
		rc = carrier_open(&place, link->via, &carrier, &err);

	if (rc >= 0 || rc == ERR_ABSENT)
		visit_note_away(
			s, p->name, link->via, rc == ERR_ABSENT ? &err : NULL);
	if (rc == ERR_ABSENT) {
		calling_failed(call, &err);
		s->code = exit_worse(s->code, EXIT_LATER);
		return;
	}
	if (rc >= 0 && s->step != STEP_HAND_OVER)
		rc = collect_bundles(
			&collect, carrier, inbox, &collected, &err);
	if (rc < 0) {
		if (refusals_counts(&err))
			shipper_refused(s, p->name, &err);
		say_failed(s, p->name, link, &err, call);
	}
	call->received = collected.bytes;
	if (collected.parcels)
		log_say(&s->log, LOG_LEVEL_INFO,
			"peer %s: %s: %llu parcel%s collected (%llu bytes)",
			p->name, link->via,
			(unsigned long long)collected.parcels,
			collected.parcels == 1 ? "" : "s",
			(unsigned long long)collected.bytes);
	spend_collected(s, p->name, spending, &collected);
	if (carrier && s->step != STEP_COLLECT)
		tell_untaken(s, peer, link->via, carrier);
	if (s->step == STEP_COLLECT || !carrier ||
		(rc < 0 && rc != ERR_CORRUPT && rc != ERR_TORN &&
			!collected.unfetched)) {
		if (carrier)
			carrier->ops->close(carrier);
		return;
	}
	err = ERR_INIT;
	rc = carrier->ops->tidy(carrier, s->site.peers[peer].origin, &err);
	if (rc < 0) {
		say_failed(s, p->name, link, &err, call);
	}
	/* It would hear acknowledgements only, and does not. */
	bool mute = p->oneway && p->changes == CHANGES_RECEIVE;
	if (mute || carrier->ops->read_only(carrier)) {
		if (!mute && !s->following)
			log_say(&s->log, LOG_LEVEL_INFO,
				"peer %s: %s: read-only, collected from only: "
				"nothing is handed over",
				p->name, link->via);
		carrier->ops->close(carrier);
		return;
	}
	AUTO_FREE char *what = mem_printf("hand over to %s", p->name);
	config = links_handover(s, peer, link);
	config.alone = pack_alone;
	config.alone_arg = s;
	config.budgeted = budget_any(&link->budget);
	config.budget = spending_left(spending);
	config.spend = spend;
	config.spend_arg = spending;
	progress_begin(&s->progress, &s->log, what, 0);
	err = ERR_INIT;
	rc = handover_to_carrier(&config, carrier, &handed, &err);
	progress_end(&s->progress);
	if (rc < 0) {
		say_failed(s, p->name, link, &err, call);
	}
	call->sent = handed.size;
	bool there = bring_away(s, p->name, carrier, call);
	links_report(s, p, link->via, &handed, there ? "handed over" : "packed",
		rc < 0 || !there);
	if (rc >= 0 && there && !handed.left && !handed.over_budget)
		weighing_called(s, peer, link);
	carrier->ops->close(carrier);
}

static void serve_within(struct shipper *s, size_t peer,
	const struct config_link *link, struct call *call)
{
	struct spending spending;
	struct err err = ERR_INIT;
	int rc = spending_open(&spending, s->site.os, s->site.config.state,
		s->site.peers[peer].origin, link, &err);

	if (rc >= 0) {
		serve(s, peer, link, call, &spending);
		rc = spending_close(&spending, &err);
	}
	if (rc < 0)
		say_failed(
			s, s->site.config.peers[peer].name, link, &err, call);
}

/* A daemon visits a link again when its time has come. */
static void ship_link(
	struct shipper *s, size_t peer, const struct config_link *link)
{
	const char *name = s->site.config.peers[peer].name;
	enum step step = s->step;
	struct err err = ERR_INIT;

	if (!visit_is_due(s, name, link))
		return;
	/* One call is enough: what it brings is answered with the next. */
	if (config_is_call(link) && step == STEP_COLLECT)
		return;
	if (config_is_call(link))
		s->step = STEP_BOTH;
	struct call call = calling_begin(s);
	if (visit_begin(s, name, link)) {
		serve_within(s, peer, link, &call);
		visit_end(s, name, link);
	} else {
		err_set(&err, ERR_BUSY, "what comes before it failed");
		calling_failed(&call, &err);
	}
	calling_tell(s, peer, link, &call);
	s->step = step;
}

static void ship_output(struct shipper *s, size_t peer)
{
	const struct config_peer *p = &s->site.config.peers[peer];
	struct handover_config config =
		links_handover(s, peer, p->link_count ? &p->links[0] : NULL);
	struct handover_result handed = {0};
	struct err err = ERR_INIT;
	bool to_stdout = strcmp(s->output, "-") == 0;

	config.holds = false; /* a file is none of the links */
	config.alone = pack_alone;
	config.alone_arg = s;
	AUTO_FREE char *temp = mem_printf("%s.tmp", s->output);
	struct os *os = s->site.os;
	int fd = to_stdout ? STDOUT_FILENO
			   : os->ops->open(os, temp, O_RDWR | O_CREAT | O_TRUNC,
				     0600);
	int rc;

	if (fd < 0) {
		err_set_os(&err, -fd, "%s", temp);
		shipper_fail(s, &err);
		return;
	}
	rc = handover_to_fd(&config, fd, s->output, &handed, &err);
	if (!to_stdout) {
		int done = rc == 0 ? os->ops->fsync(os, fd) : 0;

		os->ops->close(os, fd);
		if (rc == 0 && done >= 0)
			done = os->ops->rename(os, temp, s->output);
		else
			os->ops->unlink(os, temp);
		if (done < 0)
			rc = err_set_os(&err, -done, "%s", s->output);
	}
	if (rc < 0) {
		err_wrap(&err, "peer %s", p->name);
		shipper_fail(s, &err);
	}
	links_report(s, p, s->output, &handed, "handed over", rc < 0);
}

/* Nothing that was named, or nothing at all, has a link. */
void links_say_none(struct shipper *s)
{
	int peer = s->only_peer ? site_peer(&s->site, s->only_peer) : -1;
	struct err err = ERR_INIT;

	if (s->only_peer && site_expelled(&s->site, s->only_peer))
		err_set(&err, ERR_USAGE, "peer %s was expelled", s->only_peer);
	else if (s->only_peer && peer < 0)
		err_set(&err, ERR_USAGE,
			"there is no peer \"%s\" in the configuration",
			s->only_peer);
	else if (s->only_link)
		err_set(&err, ERR_USAGE, "peer %s has no link \"%s\"",
			s->only_peer, s->only_link);
	else if (s->site.config.peer_count)
		err_set(&err, ERR_USAGE,
			"%s%s%s link (add: via = \"dir:/...\", or name a peer "
			"and a file: --output FILE)",
			s->only_peer ? "peer " : "no peer",
			s->only_peer ? s->only_peer : "",
			s->only_peer ? " has no" : " has a");
	else
		err_set(&err, ERR_USAGE,
			"there is no peer in the configuration (add: peer "
			"\"NAME\" { key = \"...\" via = \"dir:/...\" })");
	shipper_fail(s, &err);
}

/* A link that is not there any more: what waits for it goes another way. */
static bool is_used(const struct shipper *s, const char *spool)
{
	for (size_t i = 0; i < s->site.config.peer_count; i++) {
		const struct config_peer *p = &s->site.config.peers[i];

		for (size_t k = 0; k < p->link_count; k++) {
			AUTO_FREE char *own = carrier_spool(
				s->site.config.state, s->site.peers[i].origin,
				p->links[k].via);

			if (strcmp(own, spool) == 0)
				return true;
		}
	}
	return false;
}

static void drop_spools(struct shipper *s)
{
	AUTO_FREE char *dir = mem_printf("%s/links", s->site.config.state);
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;

	if (s->site.os->ops->list(s->site.os, dir, &names) < 0)
		return; /* there was no such link yet */
	while (os_list_next(&names, &at, &entry)) {
		AUTO_FREE char *spool = mem_printf("%s/%s", dir, entry.name);
		struct err err = ERR_INIT;

		if (!is_used(s, spool) &&
			dir_remove(s->site.os, spool, &err) < 0)
			shipper_fail(s, &err);
	}
}

bool links_wanted(const struct shipper *s, const struct config_peer *p,
	const struct config_link *link)
{
	return !s->output &&
	       (!s->only_peer || strcmp(s->only_peer, p->name) == 0) &&
	       (!s->only_link || strcmp(s->only_link, link->name) == 0);
}

static void say_answered(struct shipper *s, const struct config_peer *p,
	const struct config_link *link)
{
	if (!via_is_answered(link->via))
		return;
	log_say(&s->log, LOG_LEVEL_INFO,
		"peer %s: link %s: only the peer calls by it", p->name,
		link->name);
	s->code = exit_worse(s->code, EXIT_LATER);
}

void links_round(struct shipper *s)
{
	struct err err = ERR_INIT;
	bool any = false;

	/* Which links there are is as the configuration says. */
	if (!s->tidied) {
		drop_spools(s);
		if (calls_tidy(&s->site, &err) < 0)
			shipper_fail(s, &err);
	}
	s->tidied = true;
	untaken_round(&s->untaken);
	weighing_round(s);
	for (size_t i = 0; i < s->site.config.peer_count; i++) {
		const struct config_peer *p = &s->site.config.peers[i];

		if (s->output && strcmp(s->only_peer, p->name) == 0) {
			ship_output(s, i);
			any = true;
			continue;
		}
		for (size_t k = 0; k < p->link_count; k++) {
			if (!links_wanted(s, p, &p->links[k]))
				continue;
			any = true;
			if (s->only_link)
				say_answered(s, p, &p->links[k]);
			/* lives.c has the others */
			if (!via_is_live(p->links[k].via))
				ship_link(s, i, &p->links[k]);
		}
	}
	if (!any && !s->site.config.listen)
		links_say_none(s);
}
