#include "live.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calling.h"
#include "err.h"
#include "headers.h"
#include "lives.h"
#include "visit.h"

#define READ_MAX 65536

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
	return l->talk.known ? l->shipper->site.config.peers[l->peer].name
			     : "?";
}

/* ---- what the talk asks ---- */

/* Which of the peer's keys it calls by, and for which of ours. */
static int find_keys(struct live *l, const struct hello *who,
	struct key_pair *self, struct key_public *ret, struct err *err)
{
	struct site *site = &l->shipper->site;
	const struct keyring *ring = &site->peerkeys[l->peer].ring;
	const char *name = site->config.peers[l->peer].name;

	shipper_look_at_keys(l->shipper, l->peer);
	bool found = ring->key.serial == who->serial;
	*ret = ring->key;
	for (size_t i = 0; i < ring->also_count && !found; i++) {
		*ret = ring->also[i];
		found = ret->serial == who->serial;
	}
	if (!found)
		return err_set(err, ERR_AUTH,
			"peer %s calls by a key that is not known here, number "
			"%u after its first (put the line that packetboat "
			"key prints there into its block)",
			name, who->serial);
	l->serial = ret->serial;
	*self = site->former.pub.serial == who->for_serial &&
				site->former.pub.origin
			? site->former
			: site->key;
	if (self->pub.serial != who->for_serial)
		return err_set(err, ERR_AUTH,
			"peer %s calls for a key that this site does not have, "
			"number %u after its first (put the line that "
			"packetboat key prints here into this site's block "
			"there)",
			name, who->for_serial);
	return 0;
}

static int find_peer(void *arg, const struct hello *who, struct key_pair *self,
	struct key_public *ret, struct err *err)
{
	struct live *l = arg;
	struct site *site = &l->shipper->site;
	const char *only = l->shipper->only_peer;

	for (size_t i = 0; i < site->config.peer_count; i++) {
		if (site->peers[i].origin != who->origin ||
			(only && strcmp(only, site->config.peers[i].name)))
			continue;
		l->peer = i;
		return find_keys(l, who, self, ret, err);
	}
	return err_set(err, ERR_AUTH,
		"an unknown key (origin %016llx, which packetboat status "
		"prints there; add it with \"key\" in peer \"...\")",
		(unsigned long long)who->origin);
}

/* What the configuration says of links like this one, for who called us: of
   those that it calls, or of the first that we do. */
static const struct config_link *like_this(const struct live *l)
{
	const struct config_peer *p = &l->shipper->site.config.peers[l->peer];
	const struct config_link *dialed = NULL;

	for (size_t i = p->link_count; i-- > 0;) {
		if (via_is_answered(p->links[i].via))
			return &p->links[i];
		if (via_is_live(p->links[i].via))
			dialed = &p->links[i];
	}
	return dialed;
}

static int open_landing(
	const struct live *l, struct landing *ret, struct err *err)
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

	return landing_open(&config, ret, err);
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
static int meet(void *arg, struct landing *ret, struct err *err)
{
	struct live *l = arg;
	int rc = l->talk.dials ? 0 : lives_take_over(l->lives, l, err);

	if (rc >= 0)
		rc = open_landing(l, ret, err);
	if (rc < 0)
		return rc;
	if (!l->talk.dials)
		l->link = like_this(l);
	l->talk.alive_ms = l->link ? l->link->alive_ms : 0;
	rc = open_meter(l, err);
	if (rc < 0)
		landing_close(ret);
	return rc;
}

static struct handover_config how_to_hand_over(void *arg)
{
	struct live *l = arg;

	return links_handover(l->shipper, l->peer, l->link);
}

static void fail(struct live *l, struct err *err)
{
	err_wrap(err, "peer %s: %s", name_of(l), l->where);
	shipper_fail(l->shipper, err);
}

static void lacks_bodies(void *arg, struct err *why)
{
	err_wrap(why, "bodies wait");
	fail(arg, why);
}

/* ---- begin and end ---- */

/* As long as the peer did not say that it knows our new key either may be the
   one that it takes: it can have revoked the old one before we were linked to
   hear of it. A call to no good end is followed by one by the other key. */
static const struct key_pair *key_to_dial_by(const struct live *l)
{
	const struct site *site = &l->shipper->site;
	const struct key_pair *key = site_key_for(site, l->peer);
	struct call_record r;

	if (key == &site->key || calls_get(site->os, site->config.state,
					 site->peers[l->peer].origin,
					 l->link->via, &r, NULL) < 0)
		return key;
	return r.all.failed % 2 ? &site->key : key;
}

static int open_talk(
	struct live *l, const struct key_public *peer, struct err *err)
{
	static const struct talk_calls calls = {
		find_peer, meet, how_to_hand_over, lacks_bodies};
	const struct site *site = &l->shipper->site;
	struct talk_config config = {.os = site->os,
		.self = peer ? key_to_dial_by(l) : &site->key,
		.peer = peer,
		.calls = &calls,
		.arg = l};

	return talk_open(&config, &l->talk, err);
}

static struct live *new_live(struct shipper *s, struct lives *lives)
{
	struct live *l = mem_alloc(sizeof(*l));

	*l = (struct live){
		.shipper = s, .lives = lives, .channel = {.in = -1, .out = -1}};
	l->call = calling_begin(s);
	l->call.outcome = CALL_UNDERWAY;
	return l;
}

int live_open_dial(struct shipper *s, struct lives *lives, size_t peer,
	const struct config_link *link, struct live **ret, struct err *err)
{
	struct live *l = new_live(s, lives);

	shipper_look_at_keys(s, peer);
	l->peer = peer;
	l->serial = s->site.peers[peer].serial;
	l->link = link;
	l->where = mem_dup(link->via);
	int rc = open_talk(l, &s->site.peers[peer], err);
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
	int rc = open_talk(l, NULL, err);
	if (rc < 0)
		live_close(l);
	else
		*ret = l;
	return rc;
}

void live_close(struct live *l)
{
	struct err err = ERR_INIT;

	talk_close(&l->talk);
	if (meter_close(&l->meter, l->channel.out, &err) < 0)
		shipper_fail(l->shipper, &err);
	if (l->channel.in >= 0)
		channel_close(&l->channel);
	free(l->where);
	free(l);
}

/* ---- handing over ---- */

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
	to->previews += r->previews;
	to->missing += r->missing;
	to->damaged += r->damaged;
	to->written_out += r->written_out;
}

int live_hand_over(struct live *l)
{
	struct handover_result result;
	struct err err = ERR_INIT;
	int rc = talk_hand_over(&l->talk, l->shipper->between, &result, &err);

	if (rc < 0)
		fail(l, &err);
	add_result(&l->untold, &result);
	return rc > 0;
}

void live_record(struct live *l)
{
	struct err err = ERR_INIT;

	if (talk_record(&l->talk, &err) < 0)
		fail(l, &err);
}

/* ---- moving bytes ---- */

static bool may_go_on(int got)
{
	return got < 0 && (errno == EAGAIN || errno == EINTR);
}

static void hear(struct live *l)
{
	AUTO_BUF struct buf b = BUF_INIT;
	ssize_t n = read(l->channel.in, buf_room(&b, READ_MAX), READ_MAX);

	if (may_go_on((int)n))
		return;
	if (n <= 0) {
		talk_broke(&l->talk, n < 0 ? errno : 0);
		return;
	}
	l->meter.heard += (size_t)n;
	talk_hear(&l->talk, b.data, (size_t)n);
}

/* No more than the rate lets go: what is urgent goes before the rest. */
static void make_ready(struct live *l)
{
	uint64_t may = rate_may(&l->meter.rate, now_us(l));

	talk_make_ready(&l->talk, meter_room(&l->meter, l->channel.out),
		may < TALK_AHEAD ? (size_t)may + 1 : TALK_AHEAD);
}

static void speak(struct live *l)
{
	struct err err = ERR_INIT;

	for (;;) {
		make_ready(l);
		if (l->talk.ended || l->talk.out_at == l->talk.out.len)
			return;
		size_t len = meter_may(&l->meter, l->channel.out,
			l->talk.out.len - l->talk.out_at, now_us(l));
		if (!len)
			return;
		if (meter_reserve(&l->meter, l->channel.out, len, &err) < 0) {
			talk_end(&l->talk, &err);
			return;
		}
		ssize_t n = write(
			l->channel.out, l->talk.out.data + l->talk.out_at, len);
		if (may_go_on((int)n))
			return;
		if (n < 0) {
			talk_broke(&l->talk, errno);
			return;
		}
		l->talk.out_at += (size_t)n;
		if (meter_wrote(&l->meter, l->channel.out, (size_t)n, now_us(l),
			    &err) < 0)
			talk_end(&l->talk, &err);
	}
}

void live_tell(struct live *l)
{
	uint64_t came = l->talk.landing.got.parcels - l->told.parcels;
	uint64_t bytes = l->talk.landing.got.bytes - l->told.bytes;
	uint64_t went = l->talk.feed.bodies - l->told_bodies;
	AUTO_BUF struct buf parcels = BUF_INIT;
	AUTO_BUF struct buf bodies = BUF_INIT;
	struct logger *log = &l->shipper->log;

	/* Nobody may be there to whom anything is handed over. */
	if (link_proven(l->talk.protocol) && l->untold.size) {
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
	l->told = l->talk.landing.got;
	l->told_bodies = l->talk.feed.bodies;
}

/* What is left goes with the next call, from where this one ended. */
static void check_budget(struct live *l)
{
	struct err err = ERR_INIT;

	if (l->talk.ended)
		return;
	if (meter_count(&l->meter, l->channel.out, &err) < 0) {
		talk_end(&l->talk, &err);
		return;
	}
	bool over = meter_is_over(&l->meter) ||
		    meter_room(&l->meter, l->channel.out) < LINK_LIMIT_LEAST;
	if (!over || link_finished(l->talk.protocol))
		return;
	l->spent = true;
	visit_say_spent(l->link, &l->meter.spending, &err);
	talk_end(&l->talk, &err);
}

/* How long there was something to send: the line's speed is told by it. */
static void note_time(struct live *l)
{
	int64_t now = now_ms(l);

	if (l->busy)
		l->busy_ms += now - l->stepped_ms;
	l->stepped_ms = now;
	l->busy = !l->channel.connecting &&
		  (l->talk.out_at < l->talk.out.len || !talk_is_idle(&l->talk));
}

void live_step(struct live *l, short in, short out)
{
	struct err err = ERR_INIT;

	note_time(l);
	if (l->channel.connecting) {
		if (out && channel_connected(&l->channel, &err) < 0)
			talk_end(&l->talk, &err);
		talk_check_time(&l->talk);
		if (l->channel.connecting || l->talk.ended)
			return;
	}
	if (in)
		hear(l);
	check_budget(l);
	if (!l->talk.ended)
		talk_think(&l->talk);
	if (!l->talk.ended)
		speak(l);
	check_budget(l);
	if (!l->talk.ended)
		talk_think(&l->talk);
	talk_check_time(&l->talk);
}

void live_waits(const struct live *l, short *ret_in, short *ret_out)
{
	bool waits =
		l->channel.connecting || (l->talk.out_at < l->talk.out.len &&
						 live_goes_on(l) == INT64_MAX);

	*ret_in = l->channel.connecting ? 0 : POLLIN;
	*ret_out = waits ? POLLOUT : 0;
}

int64_t live_goes_on(const struct live *l)
{
	size_t len = l->talk.out.len - l->talk.out_at;
	int64_t now = now_us(l);

	if (!len || meter_may(&l->meter, l->channel.out, len, now))
		return INT64_MAX;
	return meter_when(&l->meter, l->channel.out, len, now) / 1000 + 1;
}
