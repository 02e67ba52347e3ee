#include "lives.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calling.h"
#include "dismiss.h"
#include "err.h"
#include "visit.h"
#include "weighing.h"

#define AGAIN_MS 2000 /* a link that broke off; twice as long each time */
#define AGAIN_MOST_MS 300000
#define LOCK_WAIT_MS 10000
#define ACCEPT_AGAIN_NS 100000000
#define SHUT_MS 60000 /* what is under way when a window ends may end */

static int64_t now_ms(const struct shipper *s)
{
	return s->site.os->ops->mono_ns(s->site.os) / 1000000;
}

/* ---- the set ---- */

static void add(struct lives *lives, struct live *l)
{
	lives->items =
		mem_room(lives->items, lives->count, sizeof(*lives->items));
	lives->items[lives->count++] = l;
}

static const char *peer_name(const struct live *l)
{
	return l->talk.known ? l->shipper->site.config.peers[l->peer].name
			     : "a stranger";
}

int lives_take_over(struct lives *lives, struct live *l, struct err *err)
{
	const struct site *site = &l->shipper->site;

	for (size_t i = 0; i < lives->count; i++) {
		struct live *old = lives->items[i];
		bool mine = site->key.pub.origin < site->peers[l->peer].origin;

		if (old == l || old->talk.ended || !old->talk.known ||
			old->peer != l->peer)
			continue;
		int rc = talk_give_way(&old->talk, mine, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool is_linked(const struct lives *lives, size_t peer)
{
	for (size_t i = 0; i < lives->count; i++)
		if (lives->items[i]->talk.known &&
			lives->items[i]->peer == peer)
			return true;
	return false;
}

/* Too many that did not say who they are: the first gives way. */
static void limit_strangers(struct lives *lives)
{
	struct live *first = NULL;
	size_t count = 0;

	for (size_t i = 0; i < lives->count; i++) {
		if (lives->items[i]->talk.known || lives->items[i]->talk.ended)
			continue;
		if (!first)
			first = lives->items[i];
		count++;
	}
	if (count < LIVES_STRANGERS_MAX)
		return;
	err_set(&first->talk.err, ERR_BUSY, "too many strangers call");
	first->talk.ended = true;
}

/* ---- how they end ---- */

static struct lives_redial *redial_of(const struct lives *lives, size_t peer)
{
	for (size_t i = 0; i < lives->redial_count; i++)
		if (lives->redials[i].peer == peer)
			return &lives->redials[i];
	return NULL;
}

/* What was dialed for is hung up: a daemon does not wait for that. */
static void begin_after(struct shipper *s, struct lives *lives, size_t peer,
	const struct config_link *link)
{
	struct lives_redial *r = redial_of(lives, peer);
	struct err err = ERR_INIT;

	if (!link->after)
		return;
	if (r && !errand_is_under_way(&r->after) &&
		errand_begin(&r->after, link->after, NULL, 0, &err) >= 0)
		r->link = link;
	else
		visit_end(s, s->site.config.peers[peer].name, link);
}

static void close_link(struct shipper *s, struct lives *lives, struct live *l)
{
	if (l->called)
		begin_after(s, lives, l->peer, l->link);
	live_close(l);
}

static void tell_end(struct shipper *s, struct live *l)
{
	int code = l->talk.err.code;
	bool later = code == ERR_ABSENT || code == ERR_BUSY;

	if (!code)
		return;
	err_wrap(&l->talk.err, "peer %s: %s", peer_name(l), l->where);
	if (!later && s->following)
		log_say(&s->log, LOG_LEVEL_WARNING, "%s", l->talk.err.text);
	else if (!later)
		shipper_fail(s, &l->talk.err);
	else if (s->step != STEP_HAND_OVER) /* after the other step of a sync */
		log_say(&s->log, LOG_LEVEL_INFO, "%s", l->talk.err.text);
	if (later)
		s->code = exit_worse(s->code, EXIT_LATER);
}

/* Everybody may make them happen as often as he likes: some of an hour are told
   of, and how many there were is in what status tells. */
#define STRANGERS_TOLD_MAX 20
#define TOLD_SPAN_MS (60 * 60 * 1000)

static void tell_stranger(
	struct shipper *s, struct lives *lives, struct live *l)
{
	int64_t now = now_ms(s);
	const char *port = strstr(l->where, " port ");
	AUTO_FREE char *who = mem_printf("stranger at %.*s",
		(int)(port ? port - l->where : (ptrdiff_t)strlen(l->where)),
		l->where);

	if (!l->talk.err.code)
		return;
	shipper_refused(s, who, &l->talk.err);
	if (now >= lives->told_until_ms) {
		memset(lives->strangers_told, 0, sizeof(lives->strangers_told));
		lives->told_until_ms = now + TOLD_SPAN_MS;
	}
	uint64_t *told = &lives->strangers_told[l->talk.err.code != ERR_BUSY &&
						l->talk.err.code != ERR_ABSENT];
	if (++*told <= STRANGERS_TOLD_MAX)
		tell_end(s, l);
	else if (*told == STRANGERS_TOLD_MAX + 1)
		log_say(&s->log, LOG_LEVEL_WARNING,
			"more calls of strangers are not told of for an hour: "
			"packetboat status counts them");
}

static void wait_longer(const struct shipper *s, struct lives_redial *r)
{
	r->again_ms = now_ms(s) + r->wait_ms;
	r->wait_ms =
		2 * r->wait_ms < AGAIN_MOST_MS ? 2 * r->wait_ms : AGAIN_MOST_MS;
}

/* In a daemon a peer that cannot be reached is told of once. */
static void note_end(struct shipper *s, struct lives *lives, struct live *l)
{
	struct lives_redial *r =
		l->talk.known ? redial_of(lives, l->peer) : NULL;
	bool was_up = link_proven(l->talk.protocol);

	if (!l->talk.known) {
		tell_stranger(s, lives, l);
		return;
	}
	if (refusals_counts(&l->talk.err))
		shipper_refused(s, peer_name(l), &l->talk.err);
	if (!l->talk.dials || !r) {
		tell_end(s, l);
		return;
	}
	if (was_up || !r->away)
		tell_end(s, l);
	r->away = !was_up;
	if (was_up)
		r->wait_ms = l->spent ? AGAIN_MOST_MS : AGAIN_MS;
	wait_longer(s, r);
}

static void record(struct shipper *s, void *arg)
{
	const struct live *l = arg;

	live_record(arg);
	weighing_outdated(s, l->peer);
	if (l->talk.dials)
		weighing_called(s, l->peer, l->link);
}

static void drop_ended(struct shipper *s, struct lives *lives)
{
	size_t kept = 0;

	for (size_t i = 0; i < lives->count; i++) {
		struct live *l = lives->items[i];

		if (!l->talk.ended) {
			lives->items[kept++] = l;
			continue;
		}
		if (talk_went_well(&l->talk))
			shipper_locked(
				s, SHIPLOCK_PACKING, LOCK_WAIT_MS, record, l);
		live_tell(l);
		calling_tell_end(l);
		note_end(s, lives, l);
		close_link(s, lives, l);
	}
	lives->count = kept;
}

/* ---- how they begin ---- */

static bool is_ours(const struct shipper *s, size_t peer, size_t link)
{
	const struct config_peer *p = &s->site.config.peers[peer];

	return via_is_live(p->links[link].via) &&
	       !via_is_answered(p->links[link].via) &&
	       links_wanted(s, p, &p->links[link]);
}

static bool may_call(
	struct shipper *s, const char *peer, const struct config_link *link)
{
	return visit_is_open(s, link) && visit_can_pay(s, peer, link) &&
	       weighing_is_due(s, peer, link, false);
}

/* The live links of a peer, each in its turn, or those that are open only;
   NULL: it has none. */
static const struct config_link *link_of(
	struct shipper *s, size_t peer, unsigned attempt, bool open)
{
	const struct config_peer *p = &s->site.config.peers[peer];

	for (size_t i = 0; i < p->link_count; i++) {
		size_t at = (attempt + i) % p->link_count;

		if (is_ours(s, peer, at) &&
			(!open || may_call(s, p->name, &p->links[at])))
			return &p->links[at];
	}
	return NULL;
}

static void hand_over_all(struct shipper *s, void *arg)
{
	(void)s;
	lives_hand_over(arg, true);
}

static void hand_over_due(struct shipper *s, void *arg)
{
	(void)s;
	lives_hand_over(arg, false);
}

/* It is told of, and tried again, as one that breaks off. */
static void fail_at_once(struct live *l, const struct err *err)
{
	l->talk.err = *err;
	l->talk.ended = true;
}

/* What comes before was done; address is NULL where that failed: err says why.
 */
static void dial(struct shipper *s, struct lives *lives, size_t peer,
	const struct config_link *link, const struct channel_address *address,
	const struct err *why)
{
	const char *name = s->site.config.peers[peer].name;
	struct err err = ERR_INIT;
	struct live *l;

	if (live_open_dial(s, lives, peer, link, &l, &err) < 0) {
		begin_after(s, lives, peer, link);
		err_wrap(&err, "peer %s: %s", name, link->via);
		shipper_fail(s, &err);
		return;
	}
	l->called = true;
	add(lives, l);
	/* After the first step of `sync`: only where there is anything new. */
	if (s->step == STEP_HAND_OVER) {
		l->talk.said_first = true;
		shipper_locked(s, SHIPLOCK_PACKING, LOCK_WAIT_MS, hand_over_all,
			lives);
		l->talk.ended = l->talk.due || talk_is_idle(&l->talk);
	}
	if (l->talk.ended)
		return;
	if (!address)
		fail_at_once(l, why);
	else if (channel_dial(link->via, address,
			 budget_any(&link->budget) ? l->meter.spare
						   : UINT64_MAX,
			 &l->channel, &err) < 0)
		fail_at_once(l, &err);
}

/* All of it, however long it takes: for who calls one after the other. */
static void dial_now(struct shipper *s, struct lives *lives, size_t peer,
	const struct config_link *link)
{
	struct channel_address address;
	struct err err = ERR_INIT;

	if (!visit_begin(s, s->site.config.peers[peer].name, link))
		return;
	int rc = channel_look_up(link->via, 0, &address, &err);
	dial(s, lives, peer, link, rc < 0 ? NULL : &address, &err);
}

static void answer(struct shipper *s, struct lives *lives,
	const struct channel *channel, char *who)
{
	struct err err = ERR_INIT;
	struct live *l;

	limit_strangers(lives);
	if (live_open_answer(s, lives, channel, who, &l, &err) < 0)
		shipper_fail(s, &err);
	else
		add(lives, l);
}

/* Out of descriptors, say: at once it would be so again. */
static void wait_a_moment(struct shipper *s, const struct err *err)
{
	log_say(&s->log, LOG_LEVEL_ERROR,
		"%s (if too many files are open: LimitNOFILE of the unit, or "
		"ulimit -n)",
		err->text);
	s->site.os->ops->sleep_ns(s->site.os, ACCEPT_AGAIN_NS);
}

/* Of a crowd those that give way are closed before more are let in. */
static void accept_some(struct shipper *s, struct lives *lives, int listener)
{
	struct channel channel;
	struct err err = ERR_INIT;
	char *who;
	int rc = 0;

	for (unsigned i = 0; i < LIVES_STRANGERS_MAX; i++) {
		rc = channel_accept(listener, &channel, &who, &err);
		if (rc != 0)
			break;
		answer(s, lives, &channel, who);
	}
	if (rc < 0)
		wait_a_moment(s, &err);
}

/* ---- the loop ---- */

void lives_hand_over(struct lives *lives, bool all)
{
	for (size_t i = 0; i < lives->count; i++) {
		struct live *l = lives->items[i];

		if (l->talk.known && !l->talk.ended && !l->channel.connecting &&
			(l->talk.due || (all && !l->talk.finishing))) {
			live_hand_over(l);
			/* It is hung up when all is said. */
			l->talk.finishing |= l->talk.dials && l->link->worth;
			live_tell(l);
			calling_tell_live(l);
		}
	}
}

bool lives_due(const struct lives *lives)
{
	for (size_t i = 0; i < lives->count; i++)
		if (lives->items[i]->talk.due && lives->items[i]->talk.known &&
			!lives->items[i]->channel.connecting)
			return true;
	return false;
}

bool lives_feed(const struct lives *lives)
{
	for (size_t i = 0; i < lives->count; i++)
		if (!feed_is_empty(&lives->items[i]->talk.feed))
			return true;
	return false;
}

static bool is_busy(const struct lives_redial *r)
{
	return errand_is_under_way(&r->before) ||
	       errand_is_under_way(&r->after);
}

static void begin_before(struct shipper *s, struct lives_redial *r,
	const struct config_link *link)
{
	struct err err = ERR_INIT;

	r->link = link;
	if (errand_begin(&r->before, link->before, link->via, r->attempts,
		    &err) >= 0)
		return;
	err_wrap(&err, "peer %s: %s", s->site.config.peers[r->peer].name,
		link->via);
	shipper_fail(s, &err);
	wait_longer(s, r);
}

/* The peer may have called meanwhile. */
static void end_before(
	struct shipper *s, struct lives *lives, struct lives_redial *r)
{
	struct errand_result result;

	errand_end(&r->before, &result);
	if (!visit_ran(s, s->site.config.peers[r->peer].name, r->link, "before",
		    &result))
		wait_longer(s, r);
	else if (is_linked(lives, r->peer))
		begin_after(s, lives, r->peer, r->link);
	else
		dial(s, lives, r->peer, r->link,
			result.lookup.code ? NULL : &result.address,
			&result.lookup);
}

static void end_after(struct shipper *s, struct lives_redial *r)
{
	struct errand_result result;

	errand_end(&r->after, &result);
	visit_ran(s, s->site.config.peers[r->peer].name, r->link, "after",
		&result);
}

static void end_errand(
	struct shipper *s, struct lives *lives, struct lives_redial *r)
{
	if (errand_is_under_way(&r->before))
		end_before(s, lives, r);
	else
		end_after(s, r);
}

static void dial_whom_it_is_time(struct shipper *s, struct lives *lives)
{
	for (size_t i = 0; i < lives->redial_count; i++) {
		struct lives_redial *r = &lives->redials[i];

		if (is_linked(lives, r->peer) || is_busy(r) ||
			now_ms(s) < r->again_ms)
			continue;
		const struct config_link *link =
			link_of(s, r->peer, r->attempts, true);
		if (!link) {
			r->again_ms = now_ms(s) + AGAIN_MS;
			continue;
		}
		r->again_ms = now_ms(s) + r->wait_ms;
		begin_before(s, r, link);
		r->attempts++;
	}
}

/* What we dialed for comes to an end with its window. */
static void shut(struct shipper *s, struct lives *lives)
{
	for (size_t i = 0; i < lives->count; i++) {
		struct live *l = lives->items[i];

		if (l->talk.ended || !l->talk.dials || !l->link ||
			visit_is_open(s, l->link))
			continue;
		if (!l->shut_ms)
			l->shut_ms = now_ms(s);
		l->talk.finishing = true;
		if (now_ms(s) - l->shut_ms < SHUT_MS)
			continue;
		err_set(&l->talk.err, ERR_ABSENT,
			"its window is over: what is left waits for the next");
		l->talk.ended = true;
	}
}

/* How long nothing can be to do, at most wait_ms. */
static int waiting(
	const struct shipper *s, const struct lives *lives, int64_t wait_ms)
{
	int64_t now = now_ms(s);
	int64_t end = now + wait_ms;

	for (size_t i = 0; i < lives->count; i++) {
		int64_t deadline = talk_wakes(&lives->items[i]->talk);

		if (lives->items[i]->talk.ended)
			return 0;
		if (deadline < end)
			end = deadline;
		deadline = live_goes_on(lives->items[i]);
		if (deadline < end)
			end = deadline;
	}
	for (size_t i = 0; i < lives->redial_count; i++)
		if (!is_linked(lives, lives->redials[i].peer) &&
			!is_busy(&lives->redials[i]) &&
			lives->redials[i].again_ms < end)
			end = lives->redials[i].again_ms;
	return end > now ? (int)(end - now) : 0;
}

/* Two for each link, one for what is done for a peer, the listeners, and
   what the caller has. */
static void gather(const struct lives *lives, const struct pollfd *more,
	size_t more_count, struct pollfd *ret)
{
	for (size_t i = 0; i < lives->count; i++) {
		struct live *l = lives->items[i];
		struct pollfd *p = &ret[2 * i];

		p[0].fd = l->channel.in;
		p[1].fd = l->channel.out;
		live_waits(l, &p[0].events, &p[1].events);
		/* Who is told nothing hears of a hang-up all the same. */
		for (int k = 0; k < 2; k++)
			if (!p[k].events || l->talk.ended)
				p[k].fd = -1;
	}
	ret += 2 * lives->count;
	for (size_t i = 0; i < lives->redial_count; i++) {
		const struct lives_redial *r = &lives->redials[i];

		*ret++ = (struct pollfd){
			.fd = errand_is_under_way(&r->before)  ? r->before.fd
			      : errand_is_under_way(&r->after) ? r->after.fd
							       : -1,
			.events = POLLIN};
	}
	for (size_t i = 0; i < lives->listener_count; i++)
		ret[i] = (struct pollfd){
			.fd = lives->listeners[i], .events = POLLIN};
	ret += lives->listener_count;
	if (more_count)
		memcpy(ret, more, more_count * sizeof(*more));
}

/* Who reads mail for us, while it owes an answer. */
static struct pollfd bodies_poll(const struct shipper *s)
{
	bool owes =
		s->bodies_open && s->bodies.asked.len && !s->bodies.answered;

	return (struct pollfd){
		.fd = owes ? s->bodies.fd : -1, .events = POLLIN};
}

void lives_turn(struct shipper *s, struct lives *lives,
	const struct pollfd *more, size_t more_count, int64_t wait_ms)
{
	dial_whom_it_is_time(s, lives);
	shut(s, lives);
	dismiss(s, lives);
	size_t links = lives->count, listeners = lives->listener_count;
	size_t errands = lives->redial_count, first = 2 * links + errands;
	size_t count = first + listeners + more_count + 1;
	AUTO_FREE struct pollfd *fds = mem_array(count, sizeof(*fds));
	struct err err = ERR_INIT;

	gather(lives, more, more_count, fds);
	fds[count - 1] = bodies_poll(s);
	if (poll(fds, count, waiting(s, lives, wait_ms)) < 0) {
		err_set_os(&err, errno, "poll");
		if (errno != EINTR) /* a signal: the caller looks */
			wait_a_moment(s, &err);
		return;
	}
	for (size_t i = 0; i < listeners; i++)
		if (fds[first + i].revents)
			accept_some(s, lives, lives->listeners[i]);
	for (size_t i = 0; i < links; i++)
		if (!lives->items[i]->talk.ended)
			live_step(lives->items[i], fds[2 * i].revents,
				fds[2 * i + 1].revents);
	for (size_t i = 0; i < errands; i++)
		if (fds[2 * links + i].revents)
			end_errand(s, lives, &lives->redials[i]);
	drop_ended(s, lives);
}

/* ---- calls that come to an end ---- */

static void end_all(struct shipper *s, struct lives *lives)
{
	for (size_t i = 0; i < lives->count; i++) {
		struct live *l = lives->items[i];

		if (!l->talk.ended)
			err_set(&l->talk.err, ERR_ABSENT,
				"the shipper was stopped");
		calling_tell_end(l);
		close_link(s, lives, l);
	}
	lives->count = 0;
	/* What hangs up is waited for; a call that is prepared is none yet. */
	for (size_t i = 0; i < lives->redial_count; i++) {
		struct lives_redial *r = &lives->redials[i];

		errand_drop(&r->before);
		if (errand_is_under_way(&r->after))
			end_after(s, r);
	}
}

static void run_to_the_end(struct shipper *s, struct lives *lives)
{
	struct pollfd stop = {.fd = s->stop->fd, .events = POLLIN};

	while (lives->count && !stop_wanted(s->stop)) {
		if (lives_due(lives) &&
			!shipper_locked(s, SHIPLOCK_PACKING, LOCK_WAIT_MS,
				hand_over_due, lives))
			break;
		/* Who calls once says once what it has. */
		for (size_t i = 0; i < lives->count; i++) {
			struct live *l = lives->items[i];

			l->talk.finishing |= l->talk.dials && !l->talk.due;
			live_step(l, 0, 0);
		}
		lives_turn(s, lives, &stop, 1, 60000);
	}
	end_all(s, lives);
	/* What it was asked is nobody's any more. */
	shipper_close_bodies(s);
}

void lives_call(struct shipper *s)
{
	struct lives lives = {0};

	s->bodies_soon = true;
	for (size_t i = 0; i < s->site.config.peer_count; i++) {
		const struct config_peer *p = &s->site.config.peers[i];

		for (size_t k = 0; k < p->link_count; k++) {
			/* One call is enough. */
			if (s->step == STEP_HAND_OVER &&
				config_is_call(&p->links[k]))
				continue;
			if (!is_ours(s, i, k) ||
				!visit_is_due(s, p->name, &p->links[k]))
				continue;
			dial_now(s, &lives, i, &p->links[k]);
			drop_ended(s, &lives);
			run_to_the_end(s, &lives);
		}
	}
	s->bodies_soon = false;
	free(lives.items);
}

void lives_answer(struct shipper *s)
{
	struct lives lives = {0};
	struct channel channel;
	struct err err = ERR_INIT;

	s->bodies_soon = true;
	if (channel_stdio(&channel, &err) < 0) {
		shipper_fail(s, &err);
		return;
	}
	answer(s, &lives, &channel, mem_dup("standard input"));
	run_to_the_end(s, &lives);
	free(lives.items);
}

/* ---- a daemon's ---- */

static void find_redials(struct shipper *s, struct lives *lives)
{
	size_t count = s->site.config.peer_count;

	free(lives->redials);
	lives->redials = mem_array(count + 1, sizeof(*lives->redials));
	lives->redial_count = 0;
	for (size_t i = 0; i < count; i++)
		if (link_of(s, i, 0, false))
			lives->redials[lives->redial_count++] =
				(struct lives_redial){
					.peer = i, .wait_ms = AGAIN_MS};
}

int lives_open(struct shipper *s, struct lives *lives, struct err *err)
{
	int rc = channel_listen(s->site.config.listen, lives->listeners,
		&lives->listener_count, err);

	s->bodies_soon = true;
	if (rc >= 0)
		find_redials(s, lives);
	return rc;
}

void lives_reload_begin(struct shipper *s, struct lives *lives)
{
	end_all(s, lives);
}

void lives_reload_end(struct shipper *s, struct lives *lives)
{
	find_redials(s, lives);
}

void lives_close(struct shipper *s, struct lives *lives)
{
	end_all(s, lives);
	for (size_t i = 0; i < lives->listener_count; i++)
		close(lives->listeners[i]);
	free(lives->items);
	free(lives->redials);
	*lives = (struct lives){0};
}
