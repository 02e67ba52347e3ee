#include "live.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arrived.h"
#include "calling.h"
#include "err.h"
#include "headers.h"
#include "lives.h"
#include "visit.h"

#define READ_MAX 65536
#define OUT_AHEAD 16384
#define WANTED_AGAIN_MS 30000 /* a body that went may be asked for again */
#define PATIENCE_MS (INT64_C(6) * 3600000)
#define PATIENCE_MOST_MS (INT64_C(24) * 3600000)
#define ENDING_MS 180000 /* for the other side to hang up */

static int64_t now_ms(const struct live *l)
{
	struct os *os = l->shipper->site.os;

	return os->ops->mono_ns(os) / 1000000;
}

static int64_t now_us(const struct live *l)
{
	struct os *os = l->shipper->site.os;

	return os->ops->mono_ns(os) / 1000;
}

static const char *name_of(const struct live *l)
{
	return l->known ? l->shipper->site.config.peers[l->peer].name : "?";
}

static void end(struct live *l, const struct err *why)
{
	if (why && !l->ended)
		l->err = *why;
	l->ended = true;
}

/* ---- what the protocol asks ---- */

static int find_peer(
	void *arg, uint64_t origin, struct key_public *ret, struct err *err)
{
	struct live *l = arg;
	struct site *site = &l->shipper->site;
	const char *only = l->shipper->only_peer;

	for (size_t i = 0; i < site->config.peer_count; i++) {
		if (site->peers[i].origin != origin ||
			(only && strcmp(only, site->config.peers[i].name)))
			continue;
		l->peer = i;
		*ret = site->peers[i];
		return 0;
	}
	return err_set(err, ERR_AUTH,
		"an unknown key (origin %016llx, which packetboat status "
		"prints there; add it with \"key\" in peer \"...\")",
		(unsigned long long)origin);
}

/* What the configuration says of links like this one, for who called us. */
static const struct config_link *like_this(const struct live *l)
{
	const struct config_peer *p = &l->shipper->site.config.peers[l->peer];

	for (size_t i = 0; i < p->link_count; i++)
		if (via_is_live(p->links[i].via))
			return &p->links[i];
	return NULL;
}

static int open_landing(struct live *l, struct err *err)
{
	const struct site *site = &l->shipper->site;
	AUTO_FREE char *inbox = mem_printf(
		"%s/%s", site->inbox_dir, site->config.peers[l->peer].name);
	struct landing_config config = {
		.space = {.os = site->os,
			.self = site->key.pub.origin,
			.peer = site->peers[l->peer].origin,
			.state_dir = site->config.state,
			.reserve_percent = site->config.reserve_percent},
		.self = &site->key,
		.peer = &site->peers[l->peer],
		.inbox = inbox,
		.bodies = site->bodies_dir,
	};
	int rc = landing_open(&config, &l->landing, err);

	l->landed = rc >= 0;
	return rc;
}

static int open_meter(struct live *l, struct err *err)
{
	const struct site *site = &l->shipper->site;
	int rc = meter_open(&l->meter, site->os, site->config.state,
		site->peers[l->peer].origin, l->link, err);

	if (rc >= 0 && l->link && l->channel.in >= 0 &&
		budget_any(&l->link->budget))
		headers_bound(l->channel.in, l->meter.spare);
	return rc;
}

/* Who answers knows here that the other is who it says. */
static int have(
	void *arg, struct link_have *ret, size_t *ret_count, struct err *err)
{
	struct live *l = arg;
	int rc = 0;

	if (!l->dials) {
		rc = lives_take_over(l->lives, l, err);
		if (rc >= 0)
			rc = open_landing(l, err);
		if (rc >= 0) {
			l->known = l->due = true;
			l->link = like_this(l);
			rc = open_meter(l, err);
		}
	}
	return rc < 0 ? rc : landing_have(&l->landing, ret, ret_count, err);
}

static int item(void *arg, const void *contents, size_t len, struct err *err)
{
	struct live *l = arg;

	return landing_item(&l->landing, contents, len, err);
}

static int piece(void *arg, const struct link_piece *p, struct err *err)
{
	struct live *l = arg;

	return landing_piece(&l->landing, p, err);
}

static const struct link_calls calls = {find_peer, have, item, piece};

/* ---- begin and end ---- */

static int open_protocol(struct live *l, struct err *err)
{
	const struct site *site = &l->shipper->site;
	struct link_config config = {.os = site->os,
		.self = &site->key,
		.peer = l->dials ? &site->peers[l->peer] : NULL,
		.calls = &calls,
		.arg = l,
		.now_ms = now_ms(l)};

	return link_open(&config, &l->protocol, err);
}

static struct live *new_live(struct shipper *s, struct lives *lives)
{
	struct live *l = mem_alloc(sizeof(*l));

	*l = (struct live){.shipper = s,
		.lives = lives,
		.channel = {.in = -1, .out = -1},
		.patience_ms = PATIENCE_MS};
	l->begun_ms = now_ms(l);
	l->call = calling_begin(s);
	l->call.outcome = CALL_UNDERWAY;
	return l;
}

int live_open_dial(struct shipper *s, struct lives *lives, size_t peer,
	const struct config_link *link, struct live **ret, struct err *err)
{
	struct live *l = new_live(s, lives);

	l->dials = l->known = l->due = true;
	l->peer = peer;
	l->link = link;
	l->where = mem_dup(link->via);
	int rc = open_landing(l, err);
	if (rc >= 0)
		rc = open_meter(l, err);
	if (rc >= 0)
		rc = open_protocol(l, err);
	if (rc < 0)
		live_close(l);
	else
		*ret = l;
	return rc;
}

int live_open_answer(struct shipper *s, struct lives *lives,
	const struct channel *channel, char *where, struct live **ret,
	struct err *err)
{
	struct live *l = new_live(s, lives);

	l->channel = *channel;
	l->where = where;
	int rc = open_protocol(l, err);
	if (rc < 0)
		live_close(l);
	else
		*ret = l;
	return rc;
}

static void drop_sent(struct live *l, size_t i)
{
	free(l->sent[i].account);
	l->sent[i] = l->sent[--l->sent_count];
}

void live_close(struct live *l)
{
	struct err err = ERR_INIT;

	if (l->protocol)
		link_close(l->protocol);
	if (l->landed)
		landing_close(&l->landing);
	if (meter_close(&l->meter, l->channel.out, &err) < 0)
		shipper_fail(l->shipper, &err);
	if (l->channel.in >= 0)
		channel_close(&l->channel);
	while (l->sent_count)
		drop_sent(l, 0);
	free(l->sent);
	feed_free(&l->feed);
	buf_free(&l->out);
	free(l->where);
	free(l);
}

/* ---- handing over ---- */

static void give_contents(void *arg, const struct buf *contents)
{
	struct live *l = arg;

	link_add(l->protocol, LINK_CHANGES, contents->data, contents->len);
}

static void give_body(void *arg, const char *account, const struct hash *hash,
	uint64_t size, uint64_t offset)
{
	struct live *l = arg;

	feed_add(&l->feed, account, hash, size, offset);
}

static bool knows_body(void *arg, const struct hash *hash)
{
	const struct live *l = arg;

	return feed_knows(&l->feed, hash);
}

static struct live_sent *find_sent(
	const struct live *l, const char *account, int64_t log)
{
	for (size_t i = 0; i < l->sent_count; i++)
		if (l->sent[i].log == log &&
			strcmp(l->sent[i].account, account) == 0)
			return &l->sent[i];
	return NULL;
}

/* What is not acknowledged for long is taken for lost, and that the less
   readily the more often it was so. */
static void reached(void *arg, const char *account, int64_t log, uint64_t *lsn,
	uint64_t *chain)
{
	struct live *l = arg;
	struct live_sent *sent = find_sent(l, account, log);

	if (!sent)
		return;
	bool known = sent->lsn <= *lsn;
	bool lost = now_ms(l) - sent->ms > l->patience_ms;
	if (lost && !known && l->patience_ms < PATIENCE_MOST_MS)
		l->patience_ms *= 2;
	if (known || lost) {
		drop_sent(l, (size_t)(sent - l->sent));
		return;
	}
	*lsn = sent->lsn;
	*chain = sent->chain;
}

static void note_sent(
	void *arg, const char *account, int64_t log, const struct position *to)
{
	struct live *l = arg;
	struct live_sent *sent = find_sent(l, account, log);

	if (!sent) {
		l->sent = mem_room(l->sent, l->sent_count, sizeof(*l->sent));
		sent = &l->sent[l->sent_count++];
		*sent = (struct live_sent){
			.account = mem_dup(account), .log = log};
	}
	sent->lsn = to->lsn;
	sent->chain = to->chain;
	sent->ms = now_ms(l);
}

static bool is_drained(const struct live *l)
{
	return feed_is_empty(&l->feed) &&
	       !link_queued(l->protocol, LINK_SMALL) &&
	       !link_queued(l->protocol, LINK_LARGE);
}

bool live_is_idle(const struct live *l)
{
	return is_drained(l) && !link_queued(l->protocol, LINK_CHANGES);
}

bool live_went_well(const struct live *l)
{
	return l->known && !l->err.code && link_finished(l->protocol);
}

void live_record(struct live *l)
{
	struct handover_config config =
		links_handover(l->shipper, l->peer, l->link);
	AUTO_FREE struct arrived_log *logs =
		mem_array(l->sent_count + 1, sizeof(*logs));
	AUTO_FREE struct arrived_body *bodies =
		mem_array(l->feed.sent_count + 1, sizeof(*bodies));
	struct err err = ERR_INIT;

	for (size_t i = 0; i < l->sent_count; i++)
		logs[i] = (struct arrived_log){l->sent[i].account,
			l->sent[i].log, l->sent[i].lsn, l->sent[i].chain};
	for (size_t i = 0; i < l->feed.sent_count; i++)
		bodies[i] = (struct arrived_body){
			l->feed.sent[i].account, l->feed.sent[i].hash};
	if (arrived_record(&config, logs, l->sent_count, bodies,
		    l->feed.sent_count, &err) >= 0)
		return;
	err_wrap(&err, "peer %s: %s", name_of(l), l->where);
	shipper_fail(l->shipper, &err);
}

static void add_result(
	struct handover_result *to, const struct handover_result *r)
{
	to->parcels += r->parcels;
	to->changes += r->changes;
	to->bodies += r->bodies;
	to->body_bytes += r->body_bytes;
	to->acks += r->acks;
	to->size += r->size;
	to->bundles += r->bundles;
	to->left += r->left;
	to->left_bytes += r->left_bytes;
	to->held += r->held;
	to->held_bytes += r->held_bytes;
	to->missing += r->missing;
	to->damaged += r->damaged;
	to->written_out += r->written_out;
}

int live_hand_over(struct live *l)
{
	struct shipper *s = l->shipper;
	const struct config_peer *p = &s->site.config.peers[l->peer];
	struct handover_config config = links_handover(s, l->peer, l->link);
	struct handover_result result;
	struct err err = ERR_INIT;
	int64_t now = now_ms(l);
	struct handover_live live = {
		.arg = l,
		.contents = give_contents,
		.body = give_body,
		.knows = knows_body,
		.reached = reached,
		.sent = note_sent,
		.between = s->between,
		.first = !l->said_first,
		.wanted = !l->said_first ||
			  (is_drained(l) && now - l->fed_ms > WANTED_AGAIN_MS),
	};

	config.patience_ms = ARRIVED_PATIENCE_MS;
	l->due = false;
	int rc = handover_to_link(&config, &live, &result, &err);
	l->said_first = true;
	if (rc < 0) {
		err_wrap(&err, "peer %s: %s", p->name, l->where);
		shipper_fail(s, &err);
	}
	add_result(&l->untold, &result);
	return rc > 0;
}

/* ---- moving bytes ---- */

static void fill(struct live *l)
{
	struct handover_config config;
	struct err err = ERR_INIT;

	if (!l->known || feed_is_empty(&l->feed))
		return;
	config = links_handover(l->shipper, l->peer, l->link);
	if (feed_fill(&l->feed, &config, l->protocol, &err) < 0)
		end(l, &err);
	l->fed_ms = now_ms(l);
}

static bool may_go_on(int got)
{
	return got < 0 && (errno == EAGAIN || errno == EINTR);
}

static void hear(struct live *l)
{
	static const char broken[] = "the line broke off";
	AUTO_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	ssize_t n = read(l->channel.in, buf_room(&b, READ_MAX), READ_MAX);

	if (may_go_on((int)n))
		return;
	if (n > 0) {
		l->meter.heard += (size_t)n;
		if (link_input(l->protocol, b.data, (size_t)n, now_ms(l),
			    &err) < 0)
			end(l, &err);
		return;
	}
	if (!link_finished(l->protocol)) {
		if (n < 0)
			err_set_os(&err, errno, "%s", broken);
		else
			err_set(&err, ERR_ABSENT, "%s", broken);
		err.code = ERR_ABSENT; /* the next call goes on with it */
		end(l, &err);
		return;
	}
	end(l, NULL);
}

/* No more than the rate lets go: what is urgent goes before the rest. */
static void make_ready(struct live *l)
{
	uint64_t may = rate_may(&l->meter.rate, now_us(l));
	size_t ahead = may < OUT_AHEAD ? (size_t)may + 1 : OUT_AHEAD;

	l->out.len = l->out_at = 0;
	fill(l);
	link_limit(l->protocol, meter_room(&l->meter, l->channel.out));
	link_output(l->protocol, now_ms(l), ahead, &l->out);
}

static void speak(struct live *l)
{
	struct err err = ERR_INIT;

	for (;;) {
		if (l->out_at == l->out.len)
			make_ready(l);
		if (l->ended || l->out_at == l->out.len)
			return;
		size_t len = meter_may(&l->meter, l->channel.out,
			l->out.len - l->out_at, now_us(l));
		if (!len)
			return;
		if (meter_reserve(&l->meter, l->channel.out, len, &err) < 0) {
			end(l, &err);
			return;
		}
		ssize_t n = write(l->channel.out, l->out.data + l->out_at, len);
		if (may_go_on((int)n))
			return;
		if (n < 0) {
			err_set_os(&err, errno, "the line broke off");
			err.code = ERR_ABSENT;
			end(l, &err);
			return;
		}
		l->out_at += (size_t)n;
		if (meter_wrote(&l->meter, l->channel.out, (size_t)n, now_us(l),
			    &err) < 0)
			end(l, &err);
	}
}

void live_tell(struct live *l)
{
	uint64_t came = l->landing.got.parcels - l->told.parcels;
	uint64_t bytes = l->landing.got.bytes - l->told.bytes;
	uint64_t went = l->feed.bodies - l->told_bodies;
	AUTO_BUF struct buf parcels = BUF_INIT;
	AUTO_BUF struct buf bodies = BUF_INIT;
	struct logger *log = &l->shipper->log;

	/* Nobody may be there to whom anything is handed over. */
	if (link_proven(l->protocol) && l->untold.size) {
		links_report(l->shipper,
			&l->shipper->site.config.peers[l->peer], l->where,
			&l->untold, "handed over", false);
		l->untold = (struct handover_result){0};
	}
	count_add(&parcels, came, "parcel", "parcels");
	count_add(&bodies, went, "body", "bodies");
	if (came)
		log_say(log, LOG_LEVEL_INFO,
			"peer %s: %s: %s collected (%llu bytes)", name_of(l),
			l->where, buf_str(&parcels), (unsigned long long)bytes);
	if (went)
		log_say(log, LOG_LEVEL_INFO, "peer %s: %s: %s handed over",
			name_of(l), l->where, buf_str(&bodies));
	l->told = l->landing.got;
	l->told_bodies = l->feed.bodies;
}

/* Who was called goes last: with a last look at what came up meanwhile. */
static void think_of_the_end(struct live *l)
{
	if (!l->finishing && link_heard_last(l->protocol))
		l->finishing = l->due = true;
	if (l->finishing && !l->due && feed_is_empty(&l->feed))
		link_finish(l->protocol);
	if (link_finished(l->protocol) && !l->finished_ms)
		l->finished_ms = now_ms(l);
	/* Who dialed hangs up: then the other knows that all came. */
	if (l->dials && link_finished(l->protocol) && l->out_at == l->out.len)
		end(l, NULL);
}

/* What is left goes with the next call, from where this one ended. */
static void check_budget(struct live *l)
{
	struct err err = ERR_INIT;

	if (l->ended)
		return;
	if (meter_count(&l->meter, l->channel.out, &err) < 0) {
		end(l, &err);
		return;
	}
	bool over = meter_is_over(&l->meter) ||
		    meter_room(&l->meter, l->channel.out) < LINK_LIMIT_LEAST;
	if (!over || link_finished(l->protocol))
		return;
	l->spent = true;
	visit_say_spent(l->link, &l->meter.spending, &err);
	end(l, &err);
}

static void check_time(struct live *l)
{
	struct err err = ERR_INIT;

	if (l->ended || now_ms(l) < live_deadline(l))
		return;
	err_set(&err, ERR_ABSENT,
		link_proven(l->protocol) ? "the other side is silent"
					 : "nobody answers");
	end(l, &err);
}

/* How long there was something to send: the line's speed is told by it. */
static void note_time(struct live *l)
{
	int64_t now = now_ms(l);

	if (l->busy)
		l->busy_ms += now - l->stepped_ms;
	l->stepped_ms = now;
	l->busy = !l->channel.connecting &&
		  (l->out_at < l->out.len || !live_is_idle(l));
}

void live_step(struct live *l, short in, short out)
{
	struct err err = ERR_INIT;

	note_time(l);
	if (l->channel.connecting) {
		if (out && channel_connected(&l->channel, &err) < 0)
			end(l, &err);
		check_time(l);
		if (l->channel.connecting || l->ended)
			return;
	}
	if (in)
		hear(l);
	check_budget(l);
	if (!l->ended)
		think_of_the_end(l);
	if (!l->ended)
		speak(l);
	check_budget(l);
	if (!l->ended)
		think_of_the_end(l);
	check_time(l);
}

void live_waits(const struct live *l, short *ret_in, short *ret_out)
{
	bool waits = l->channel.connecting ||
		     (l->out_at < l->out.len && live_goes_on(l) == INT64_MAX);

	*ret_in = l->channel.connecting ? 0 : POLLIN;
	*ret_out = waits ? POLLOUT : 0;
}

int64_t live_deadline(const struct live *l)
{
	int64_t end_ms = link_deadline(l->protocol);

	return l->finished_ms ? l->finished_ms + ENDING_MS : end_ms;
}

int64_t live_goes_on(const struct live *l)
{
	size_t len = l->out.len - l->out_at;
	int64_t now = now_us(l);

	if (!len || meter_may(&l->meter, l->channel.out, len, now))
		return INT64_MAX;
	return meter_when(&l->meter, l->channel.out, len, now) / 1000 + 1;
}
